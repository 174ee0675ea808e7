//! Chooses the account that serves a call, or until when none may: the pure core of rate limiting.
//!
//! Spotify counts refused calls too, so an app that a 429 has limited isn't called until its time is over, and the next
//! account serves meanwhile. This is the one place that decides it. It has no clock, no network and no timer: every query
//! brings the time and the list of accounts with it, an answer names the date until which it holds, and nothing has to run for
//! the next answer to be right. So the primary serves again as soon as its time is over, with the next call that would be
//! made anyway.
//!
//! The state belongs to an app, by its Client ID: Spotify counts there, and our list may change.
//!
//! - A **throttle** (too many calls in 30 s) limits the app for everything, unless it turns out to be about one endpoint
//!   alone: see [`endpoint`].
//! - A used-up **quota** limits a [`Group`] of calls, on all apps of the same developer account; that of a read that only
//!   adds to what is known limits that read.
//! - An **issue** (the app owner lacks Premium, the user isn't on the app's allow list) limits nothing, as trying again
//!   may help as soon as somebody has done something about it; but others serve first for a while.

mod endpoint;
mod limit;

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio::time::Instant;

use super::dates::{LONGEST_LIMIT, Now, is_ahead, later_end};
use super::ids::{AccountId, ClientId, digest};
use super::usage::{Counts, Usage};
use crate::unix_time::UnixTime;
use endpoint::Endpoints;
pub use limit::{Group, Limit, LimitKind};
use limit::{extend, lenient, lenient_map};

/// A call, as far as limits are concerned.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Route {
    /// The group with which it shares its quota.
    pub group: Group,
    /// Its method and path without ids, such as `GET me/player/queue`: the smallest thing that Spotify may limit.
    pub endpoint: Cow<'static, str>,
    /// Whether it is a read that only adds to what is known. If its quota is used up, that says nothing about commands and
    /// the read of what plays, which the package can't do without.
    pub is_extra: bool,
}

impl From<Group> for Route {
    /// Any call of a group.
    fn from(group: Group) -> Self {
        Self { group, endpoint: Cow::Borrowed(""), is_extra: false }
    }
}

/// Why an app doesn't serve although nothing is used up.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum AccountIssue {
    /// The user needs Spotify Premium, with every app.
    UserNeedsPremium,
    /// The owner of the app needs Spotify Premium.
    AppOwnerNeedsPremium,
    /// The user isn't on the app's allow list.
    NotOnAllowList,
}

/// The outcome of a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Spotify has carried it out.
    Served {
        /// Whether it was a command to the player, which needs Premium.
        command: bool,
    },
    /// 429, with `Retry-After` where it came along.
    Limited(LimitKind, Option<Duration>),
    /// 403 for a reason that lies with the app or the user.
    Issue(AccountIssue),
}

/// An account, as far as the choice is concerned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Member<'a> {
    /// The Client ID.
    pub app: &'a ClientId,
    /// Equal for apps that are known to belong to the same developer account.
    pub developer: &'a AccountId,
    /// Whether it could serve if nothing were limited.
    pub usable: bool,
}

/// Which account serves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Choice {
    /// The account with this index.
    Serve {
        /// Its place in the list.
        index: usize,
        /// Until when the answer holds if nothing is recorded until then: another one may serve again then.
        until: Option<UnixTime>,
    },
    /// All are limited; nothing may be sent until then.
    Wait(Limit),
    /// None is usable.
    NoneUsable,
}

/// The guess for a quota whose `Retry-After` is missing: measured ones are hours, but a wrong guess must not cost a day.
const QUOTA_GUESS: Duration = Duration::from_secs(3600);
/// Others serve first for this time after an [`AccountIssue`].
const DEFERRED: Duration = Duration::from_secs(3600);
/// For this time after a throttle the app is near the next one.
const STRAIN: Duration = Duration::from_secs(120);
/// With more requests to the player in an hour than this the app is near its unknown limits: more than twice what polling alone
/// takes.
const BUSY_HOUR: u32 = 1_000;
/// The most apps and removals that are read and written: more than anybody has.
const MOST_APPS: usize = 128;
/// A second switch by the user within this time reverts the first one.
const SWITCH_BACK: Duration = Duration::from_secs(2);

/// The state of an app. It may come from a file that anybody can write; each part that can't be read is left out.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct App {
    /// When its account was added; 1970 if that is long ago.
    #[serde(deserialize_with = "lenient", skip_serializing_if = "is_unset")]
    since: UnixTime,
    #[serde(deserialize_with = "lenient")]
    throttled_until: UnixTime,
    #[serde(deserialize_with = "lenient_map")]
    quota_until: BTreeMap<Group, UnixTime>,
    #[serde(deserialize_with = "lenient", skip_serializing_if = "Endpoints::is_empty")]
    endpoints: Endpoints,
    #[serde(deserialize_with = "lenient_map")]
    usage: BTreeMap<Group, Usage>,
    #[serde(skip)]
    issue: Option<(AccountIssue, UnixTime)>,
}

/// The state machine. It is saved (with serde) as dates and counts, nothing secret.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct Rotation {
    #[serde(deserialize_with = "lenient_map")]
    apps: BTreeMap<ClientId, App>,
    /// The app that the user has chosen to serve first.
    #[serde(rename = "byHand", deserialize_with = "lenient")]
    preferred: Option<ClientId>,
    /// When accounts were removed, by the digest of their Client ID: other copies of the package may still save what they
    /// know of it.
    #[serde(deserialize_with = "lenient_map", skip_serializing_if = "BTreeMap::is_empty")]
    removed: BTreeMap<String, UnixTime>,
    #[serde(skip)]
    switched: Option<Switched>,
}

/// The last switch by the user.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Switched {
    at: Instant,
    before: Option<ClientId>,
}

impl App {
    fn throttle(&self, now: UnixTime) -> Option<Limit> {
        Limit::if_ahead(self.throttled_until, LimitKind::Throttle, now)
    }

    fn quota(&self, now: UnixTime, group: Group) -> Option<Limit> {
        Limit::if_ahead(*self.quota_until.get(&group)?, LimitKind::Quota, now)
    }

    /// Returns until when the last throttle strains the app.
    fn strained_by_throttle(&self, now: UnixTime) -> Option<UnixTime> {
        let until = self.throttled_until + STRAIN;
        (!is_unset(&self.throttled_until) && is_ahead(until, now, LONGEST_LIMIT + STRAIN)).then_some(until)
    }

    /// Returns until when others serve first.
    fn deferred_until(&self, now: UnixTime) -> Option<UnixTime> {
        let (_, since) = self.issue.filter(|(issue, _)| {
            // Another app would not help.
            *issue != AccountIssue::UserNeedsPremium
        })?;
        Some(since + DEFERRED).filter(|until| is_ahead(*until, now, LONGEST_LIMIT))
    }
}

impl Rotation {
    /// Returns which of the accounts, in the user's order, serves this call now: the first one that isn't limited. The one
    /// that the user prefers counts as the first.
    #[must_use]
    pub fn choose(&self, now: UnixTime, route: impl Into<Route>, members: &[Member<'_>]) -> Choice {
        let route = &route.into();
        let choice = self.choose_at(now, route, members);
        let Choice::Serve { index, .. } = choice else { return choice };
        // Only the end of a limit, or of a time in which others serve first, can change the answer.
        let mut ends: Vec<UnixTime> = (0..members.len())
            .filter(|other| members[*other].usable)
            .flat_map(|other| {
                let limit = self.limit_of(now, route, members, other).map(|limit| limit.until);
                limit.into_iter().chain(self.deferred_until(now, members[other].app))
            })
            .collect();
        ends.sort_unstable();
        Choice::Serve { index, until: ends.into_iter().find(|end| self.choose_at(*end, route, members) != choice) }
    }

    /// Returns the choice without the date until which it holds.
    fn choose_at(&self, now: UnixTime, route: &Route, members: &[Member<'_>]) -> Choice {
        let preferred = self.preferred_index(members);
        let order = preferred.into_iter().chain((0..members.len()).filter(|index| Some(*index) != preferred));
        let usable = order.filter(|index| members[*index].usable);
        let with_limits: Vec<_> = usable.map(|index| (index, self.limit_of(now, route, members, index))).collect();
        let open = || with_limits.iter().filter(|(_, limit)| limit.is_none()).map(|(index, _)| *index);
        let best = open().find(|index| self.deferred_until(now, members[*index].app).is_none());
        if let Some(index) = best.or(open().next()) {
            return Choice::Serve { index, until: None };
        }
        let limits = with_limits.into_iter().filter_map(|(_, limit)| limit);
        limits.min_by_key(|limit| limit.until).map_or(Choice::NoneUsable, Choice::Wait)
    }

    /// Returns the limit of an account for a call: of several the one that ends last.
    #[must_use]
    pub fn limit_of(&self, now: UnixTime, route: &Route, members: &[Member<'_>], index: usize) -> Option<Limit> {
        let app = self.apps.get(members[index].app);
        let throttle = app.and_then(|app| app.throttle(now));
        let endpoint = app.and_then(|app| app.endpoints.limit(now, &route.endpoint));
        let quota = self.quota(now, route.group, members, index);
        throttle.into_iter().chain(endpoint).chain(quota).max_by_key(|limit| limit.until)
    }

    /// Returns the quota limit of an account for a group: its own, or that of another app of the same developer account.
    fn quota(&self, now: UnixTime, group: Group, members: &[Member<'_>], index: usize) -> Option<Limit> {
        let siblings = members.iter().filter(|member| member.developer == members[index].developer);
        let limits = siblings.filter_map(|member| self.apps.get(member.app)?.quota(now, group));
        limits.max_by_key(|limit| limit.until)
    }

    fn deferred_until(&self, now: UnixTime, app: &ClientId) -> Option<UnixTime> {
        self.apps.get(app)?.deferred_until(now)
    }

    /// Returns all limits of an account, to be shown: a throttle has no group.
    #[must_use]
    pub fn limits(&self, now: UnixTime, members: &[Member<'_>], index: usize) -> Vec<(Option<Group>, Limit)> {
        let throttle = self.apps.get(members[index].app).and_then(|app| app.throttle(now));
        let quotas = GROUPS.iter().filter_map(|group| Some((Some(*group), self.quota(now, *group, members, index)?)));
        throttle.map(|limit| (None, limit)).into_iter().chain(quotas).collect()
    }

    /// Returns the limits of an account that are about single calls, by their group, to be shown.
    #[must_use]
    pub fn call_limits(&self, now: UnixTime, app: &ClientId) -> Vec<(Group, Limit)> {
        self.apps.get(app).into_iter().flat_map(|app| app.endpoints.limits(now)).collect()
    }

    /// Returns the issue of an app as of its last call that showed it.
    #[must_use]
    pub fn issue(&self, app: &ClientId) -> Option<AccountIssue> {
        self.apps.get(app)?.issue.map(|(issue, _)| issue)
    }

    /// Drops the issue of an app, as the user has done something about it.
    pub fn clear_issue(&mut self, app: &ClientId) {
        if let Some(app) = self.apps.get_mut(app) {
            app.issue = None;
        }
    }

    /// Returns until when an app should be called less often, as it was throttled a short while ago or has had a busy hour.
    #[must_use]
    pub fn strained_until(&self, now: UnixTime, app: &ClientId) -> Option<UnixTime> {
        let app = self.apps.get(app)?;
        let is_busy = app.usage.get(&Group::Player).is_some_and(|usage| usage.counts(now).last_hour > BUSY_HOUR);
        // Hours are counted by the minute.
        let next_minute = UnixTime::from_secs((now.as_secs() / 60 + 1) * 60);
        app.strained_by_throttle(now).max(is_busy.then_some(next_minute))
    }

    /// Counts a request that is sent now.
    pub fn on_sent(&mut self, now: UnixTime, app: &ClientId, group: Group) {
        self.app(app).usage.entry(group).or_default().count(now);
    }

    /// Returns how many requests an app has sent, by group; groups without any are left out.
    #[must_use]
    pub fn counts(&self, now: UnixTime, app: &ClientId) -> Vec<(Group, Counts)> {
        let usage = self.apps.get(app).into_iter().flat_map(|app| &app.usage);
        usage.map(|(group, usage)| (*group, usage.counts(now))).filter(|(_, counts)| counts.last_day > 0).collect()
    }

    /// Records the outcome of a call that was answered now. A missing `Retry-After` is replaced by a guess, which grows.
    pub fn on_outcome(&mut self, now: UnixTime, app: &ClientId, route: impl Into<Route>, outcome: Outcome) {
        let Route { group, endpoint, is_extra } = route.into();
        if outcome == (Outcome::Served { command: true }) {
            // Premium is the user's, and so the same for all apps.
            for app in self.apps.values_mut() {
                app.issue.take_if(|(issue, _)| *issue == AccountIssue::UserNeedsPremium);
            }
        }
        let app = self.app(app);
        match outcome {
            Outcome::Served { .. } => {
                // A read proves nothing about the Premium that only commands need.
                app.issue.take_if(|(issue, _)| *issue != AccountIssue::UserNeedsPremium);
                app.endpoints.on_served(now, &endpoint);
            }
            Outcome::Issue(issue) => app.issue = Some((issue, now)),
            Outcome::Limited(LimitKind::Throttle, retry_after) => {
                if let Some(wait) = app.endpoints.on_throttle(now, group, &endpoint, retry_after) {
                    extend(&mut app.throttled_until, now, wait);
                }
            }
            Outcome::Limited(LimitKind::Quota, retry_after) => {
                let wait = retry_after.unwrap_or(QUOTA_GUESS);
                if is_extra {
                    app.endpoints.on_quota(now, group, &endpoint, wait);
                } else {
                    extend(app.quota_until.entry(group).or_default(), now, wait);
                }
            }
        }
    }

    fn app(&mut self, app: &ClientId) -> &mut App {
        self.apps.entry(app.clone()).or_default()
    }

    fn preferred_index(&self, members: &[Member<'_>]) -> Option<usize> {
        let app = self.preferred.as_ref()?;
        members.iter().position(|member| member.app == app)
    }

    /// Returns the app that the user has chosen to serve first.
    #[must_use]
    pub fn preferred(&self) -> Option<&ClientId> {
        self.preferred.as_ref()
    }

    /// Lets an app serve first, as the user has chosen; None, or the first of the list, returns to the list's order.
    pub fn prefer(&mut self, app: Option<&ClientId>, members: &[Member<'_>]) {
        let first = members.first().map(|member| member.app);
        self.preferred = app.filter(|app| Some(*app) != first).cloned();
        self.switched = None;
    }

    /// Switches to the next account in the list that isn't limited; a second time within 2 s switches back. Returns the index
    /// of the one that is first now, or None if there is no other.
    pub fn switch(&mut self, now: Now, members: &[Member<'_>]) -> Option<usize> {
        let last = self.switched.take().filter(|last| now.instant.saturating_duration_since(last.at) < SWITCH_BACK);
        if let Some(Switched { before, .. }) = last {
            self.preferred = before;
            return Some(self.preferred_index(members).unwrap_or_default());
        }
        let Choice::Serve { index: serving, .. } = self.choose(now.date, Group::Player, members) else { return None };
        let (count, route) = (members.len(), Group::Player.into());
        let next = (1..count)
            .map(|step| (serving + step) % count)
            .find(|index| members[*index].usable && self.limit_of(now.date, &route, members, *index).is_none())?;
        let before = self.preferred.clone();
        self.prefer(Some(members[next].app), members);
        self.switched = Some(Switched { at: now.instant, before });
        Some(next)
    }

    /// Merges with what another copy of the package, or an earlier start, has saved: limits of both count; counts and the
    /// user's choice only where there are none here.
    pub fn merge(&mut self, now: UnixTime, other: Self) {
        for (digest, at) in other.removed {
            let ours = self.removed.entry(digest).or_default();
            *ours = (*ours).max(at);
        }
        for (name, theirs) in other.apps {
            match self.apps.entry(name) {
                Entry::Vacant(entry) => drop(entry.insert(theirs)),
                Entry::Occupied(mut entry) => {
                    let ours = entry.get_mut();
                    ours.since = ours.since.max(theirs.since);
                    ours.throttled_until = later_end(ours.throttled_until, theirs.throttled_until, now);
                    for (group, until) in theirs.quota_until {
                        let ours = ours.quota_until.entry(group).or_default();
                        *ours = later_end(*ours, until, now);
                    }
                    ours.endpoints.merge(now, theirs.endpoints);
                }
            }
        }
    }

    /// Records that the user has logged an account out: it no longer serves first.
    pub fn on_logged_out(&mut self, app: &ClientId) {
        self.preferred.take_if(|preferred| preferred == app);
        self.clear_issue(app);
    }

    /// Drops an app, as its account was removed.
    pub fn on_removed(&mut self, now: UnixTime, app: &ClientId) {
        self.apps.remove(app);
        self.preferred.take_if(|preferred| preferred == app);
        self.removed.insert(removed_key(app), now);
    }

    /// Records that an account of an app was added, which may have been removed before.
    pub fn on_added(&mut self, now: UnixTime, app: &ClientId) {
        self.removed.remove(&removed_key(app));
        self.app(app).since = now;
    }

    /// Drops apps whose account was removed, here or by another copy of the package.
    pub fn drop_removed(&mut self) {
        let Self { apps, preferred, removed, .. } = self;
        let is_removed =
            |app: &ClientId, since| removed.get(&removed_key(app)).is_some_and(|removed| since <= *removed);
        apps.retain(|name, app| !is_removed(name, app.since));
        preferred.take_if(|name| is_removed(name, apps.get(name).map(|app| app.since).unwrap_or_default()));
    }

    /// Returns all dates of limits and issues, to be changed.
    pub(super) fn dates_mut(&mut self) -> impl Iterator<Item = &mut UnixTime> {
        self.apps.values_mut().flat_map(|app| {
            let issue = app.issue.as_mut().map(|(_, since)| since);
            let ends = app.quota_until.values_mut().chain([&mut app.throttled_until]);
            ends.chain(app.endpoints.dates_mut()).chain(issue)
        })
    }

    /// Drops what has no effect any more, so that the file stays bounded.
    pub fn tidy(&mut self, now: UnixTime) {
        let is_recent = |at: UnixTime| at.max(now).saturating_duration_since(at.min(now)) < LONGEST_LIMIT;
        self.removed.retain(|_, at| is_recent(*at));
        for app in self.apps.values_mut() {
            if !is_recent(app.since) {
                app.since = UnixTime::default();
            }
            app.quota_until.retain(|_, until| is_ahead(*until, now, LONGEST_LIMIT));
            app.endpoints.tidy(now);
            app.usage.values_mut().for_each(Usage::truncate);
            app.usage.retain(|_, usage| usage.counts(now).last_day > 0);
        }
        self.apps.retain(|_, app| {
            !app.quota_until.is_empty()
                || !app.usage.is_empty()
                || !app.endpoints.is_empty()
                || app.issue.is_some()
                || app.strained_by_throttle(now).is_some()
                || !is_unset(&app.since)
        });
        while self.apps.len() > MOST_APPS {
            self.apps.pop_last();
        }
        while self.removed.len() > MOST_APPS {
            self.removed.pop_last();
        }
    }
}

/// Every group.
pub const GROUPS: [Group; 5] = [Group::Player, Group::Library, Group::Playlists, Group::Catalog, Group::Profile];

fn is_unset(date: &UnixTime) -> bool {
    *date == UnixTime::default()
}

/// Stands for a Client ID where the ID itself must not be written.
fn removed_key(app: &ClientId) -> String {
    digest(app.as_str().as_bytes())
}

#[cfg(test)]
mod tests;
