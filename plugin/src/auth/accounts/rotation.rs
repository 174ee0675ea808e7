//! Chooses the account that serves a call, or until when none may: the pure core of rate limiting.
//!
//! Spotify counts refused calls too, so what a 429 has shut is left alone until its time is over, and the next account
//! serves meanwhile. This is the one place that decides it. It knows no clock, no network and no timer: every question
//! brings the time and the list of accounts with it, an answer says until when it holds, and nothing needs to happen for
//! the next answer to be right. So the primary is back as soon as its time is over, by the next call that would be made
//! anyway.
//!
//! What is remembered belongs to an app, by its Client ID: Spotify counts there, whatever we do with our list.
//!
//! - A **throttle** (too many calls in 30 s) shuts the app for everything, unless it turns out to be about one endpoint
//!   alone: see [`endpoint`].
//! - A used-up **quota** shuts a [`Group`] of calls, on all apps of the same developer account; that of a read that only
//!   adds to what is known shuts that read.
//! - An **issue** (the app owner lacks Premium, the user isn't on the app's allow list) shuts nothing, as trying again
//!   may help as soon as somebody has done something about it; but others go first for a while.

mod endpoint;
mod limit;

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::num::Saturating;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::hex::digest;
use super::usage::{Counts, Usage};
use endpoint::Endpoints;
pub use limit::{Group, Limit, LimitKind};
use limit::{LONGEST, ahead, lenient, lenient_map, millis, prolong};

/// A call, as far as limits are concerned.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Route {
    /// What shares its quota.
    pub group: Group,
    /// Its method and path without ids, such as `GET me/player/queue`: the smallest thing that Spotify may shut.
    pub endpoint: Cow<'static, str>,
    /// Whether it is a read that only adds to what is known. If its quota is used up, that means nothing for the
    /// commands and the read of what plays, which the package can't do without.
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
    /// The user needs Spotify Premium. So they do with every other app.
    UserNeedsPremium,
    /// The owner of the app needs Spotify Premium.
    AppOwnerNeedsPremium,
    /// The user isn't on the app's allow list.
    NotOnAllowList,
}

/// What came of a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Spotify has carried it out. `command`: it was one that needs Premium.
    Served {
        /// Whether it was a command to the player.
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
    pub app: &'a str,
    /// Whatever is equal for apps that are known to be of the same developer account.
    pub developer: &'a str,
    /// Whether it could serve if nothing were shut.
    pub usable: bool,
}

/// Which account serves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Choice {
    /// The account with this index.
    Serve {
        /// Its place in the list.
        index: usize,
        /// Until when the answer holds (Unix milliseconds) if nothing happens: another one is open again then.
        until_ms: Option<u64>,
    },
    /// All are shut; nothing may be sent until then.
    Wait(Limit),
    /// None is usable.
    NoneUsable,
}

/// The guess for a quota whose `Retry-After` is missing: measured ones are hours, but a wrong guess must not cost a day.
const QUOTA_GUESS: Duration = Duration::from_secs(3600);
/// Others go first for so long after a [`AccountIssue`].
const ASIDE: Duration = Duration::from_secs(3600);
/// For so long after a throttle the app is near the next one.
const STRAIN: Duration = Duration::from_secs(120);
/// More requests to the player in an hour than this, and the app is near its limits, whatever they are: more than twice what
/// polling alone takes.
const BUSY_HOUR: u32 = 1_000;
/// How many apps and removals are read and written: more than anybody has.
const MOST: usize = 128;
/// A second switch by hand within this takes the first one back.
const SWITCH_BACK: Duration = Duration::from_secs(2);

/// What is remembered of an app. Times are Unix milliseconds; they may come from a file that anybody can write, so they
/// saturate. What can't be read is left out, part by part.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct App {
    /// When its account was added, if that is not long ago.
    #[serde(deserialize_with = "lenient", skip_serializing_if = "is_zero")]
    since: Saturating<u64>,
    #[serde(deserialize_with = "lenient")]
    throttled_until: Saturating<u64>,
    #[serde(deserialize_with = "lenient_map")]
    quota_until: BTreeMap<Group, Saturating<u64>>,
    #[serde(deserialize_with = "lenient", skip_serializing_if = "Endpoints::is_empty")]
    endpoints: Endpoints,
    #[serde(deserialize_with = "lenient_map")]
    usage: BTreeMap<Group, Usage>,
    #[serde(skip)]
    issue: Option<(AccountIssue, u64)>,
}

/// The state machine. What it writes down (with serde) are times and counts, nothing secret.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct Rotation {
    #[serde(deserialize_with = "lenient_map")]
    apps: BTreeMap<String, App>,
    /// The app that the user has put first by hand.
    #[serde(deserialize_with = "lenient")]
    by_hand: Option<String>,
    /// When accounts were removed, by the fingerprint of their Client ID: other copies of the package may still write down
    /// what they know of it.
    #[serde(deserialize_with = "lenient_map", skip_serializing_if = "BTreeMap::is_empty")]
    removed: BTreeMap<String, Saturating<u64>>,
    #[serde(skip)]
    switched: Option<Switched>,
}

/// The last switch by hand.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Switched {
    at_ms: u64,
    before: Option<String>,
}

const MINUTE_MS: u64 = 60_000;

impl App {
    fn throttle(&self, now_ms: u64) -> Option<Limit> {
        ahead(self.throttled_until, now_ms)
            .then_some(Limit { until_ms: self.throttled_until.0, kind: LimitKind::Throttle })
    }

    fn quota(&self, group: Group, now_ms: u64) -> Option<Limit> {
        let until = self.quota_until.get(&group).copied().filter(|until| ahead(*until, now_ms))?;
        Some(Limit { until_ms: until.0, kind: LimitKind::Quota })
    }

    fn strained_by_throttle(&self, now_ms: u64) -> Option<u64> {
        let until = Some(self.throttled_until).filter(|until| until.0 > 0)? + Saturating(millis(STRAIN));
        (until.0 > now_ms && until.0 - now_ms <= millis(LONGEST + STRAIN)).then_some(until.0)
    }

    fn aside(&self, now_ms: u64) -> Option<u64> {
        match self.issue {
            // Another app would not help.
            None | Some((AccountIssue::UserNeedsPremium, _)) => None,
            Some((_, since_ms)) => {
                let until = Saturating(since_ms) + Saturating(millis(ASIDE));
                ahead(until, now_ms).then_some(until.0)
            }
        }
    }
}

impl Rotation {
    /// Which of the accounts, in the user's order, serves this call now. The first one that is open does; the
    /// one that was put first by hand counts as the first.
    #[must_use]
    pub fn choose(&self, now_ms: u64, route: impl Into<Route>, members: &[Member<'_>]) -> Choice {
        let route = &route.into();
        let choice = self.pick(now_ms, route, members);
        match choice {
            Pick::NoneUsable => Choice::NoneUsable,
            Pick::Wait(limit) => Choice::Wait(limit),
            Pick::Serve(index) => {
                // Only the end of something that is shut or set aside now can change the answer.
                let mut ends: Vec<u64> = (0..members.len())
                    .filter(|other| members[*other].usable)
                    .flat_map(|other| {
                        let shut = self.shut_for(now_ms, route, members, other).map(|limit| limit.until_ms);
                        shut.into_iter().chain(self.aside(now_ms, members, other))
                    })
                    .collect();
                ends.sort_unstable();
                let until_ms = ends.into_iter().find(|end| self.pick(*end, route, members) != choice);
                Choice::Serve { index, until_ms }
            }
        }
    }

    fn pick(&self, now_ms: u64, route: &Route, members: &[Member<'_>]) -> Pick {
        let by_hand = self.by_hand_index(members);
        let order = by_hand.into_iter().chain((0..members.len()).filter(|index| Some(*index) != by_hand));
        let usable: Vec<usize> = order.filter(|index| members[*index].usable).collect();
        let open: Vec<usize> =
            usable.iter().copied().filter(|index| self.shut_for(now_ms, route, members, *index).is_none()).collect();
        let best = open.iter().copied().find(|index| self.aside(now_ms, members, *index).is_none());
        if let Some(index) = best.or(open.first().copied()) {
            return Pick::Serve(index);
        }
        let limits = usable.into_iter().filter_map(|index| self.shut_for(now_ms, route, members, index));
        limits.min_by_key(|limit| limit.until_ms).map_or(Pick::NoneUsable, Pick::Wait)
    }

    /// What shuts an account for a call, if anything does: of several limits the one that ends last.
    #[must_use]
    pub fn shut(&self, now_ms: u64, route: impl Into<Route>, members: &[Member<'_>], index: usize) -> Option<Limit> {
        self.shut_for(now_ms, &route.into(), members, index)
    }

    fn shut_for(&self, now_ms: u64, route: &Route, members: &[Member<'_>], index: usize) -> Option<Limit> {
        let app = self.apps.get(members[index].app);
        let throttle = app.and_then(|app| app.throttle(now_ms));
        let endpoint = app.and_then(|app| app.endpoints.limit(now_ms, &route.endpoint));
        let quota = self.quota(now_ms, route.group, members, index);
        throttle.into_iter().chain(endpoint).chain(quota).max_by_key(|limit| limit.until_ms)
    }

    /// The quota limit of an account for a group: its own, or that of another app of the same developer account.
    fn quota(&self, now_ms: u64, group: Group, members: &[Member<'_>], index: usize) -> Option<Limit> {
        let developer = members[index].developer;
        let relatives = members.iter().filter(|member| member.developer == developer);
        let limits = relatives.filter_map(|member| self.apps.get(member.app)?.quota(group, now_ms));
        limits.max_by_key(|limit| limit.until_ms)
    }

    fn aside(&self, now_ms: u64, members: &[Member<'_>], index: usize) -> Option<u64> {
        self.apps.get(members[index].app)?.aside(now_ms)
    }

    /// All limits of an account, to show: a throttle has no group.
    #[must_use]
    pub fn limits(&self, now_ms: u64, members: &[Member<'_>], index: usize) -> Vec<(Option<Group>, Limit)> {
        let throttle = self.apps.get(members[index].app).and_then(|app| app.throttle(now_ms));
        let quotas = GROUPS
            .iter()
            .filter_map(|group| self.quota(now_ms, *group, members, index).map(|limit| (Some(*group), limit)));
        throttle.map(|limit| (None, limit)).into_iter().chain(quotas).collect()
    }

    /// The limits of an account that are about single calls, by their group, to show.
    #[must_use]
    pub fn call_limits(&self, now_ms: u64, app: &str) -> Vec<(Group, Limit)> {
        self.apps.get(app).into_iter().flat_map(|app| app.endpoints.limits(now_ms)).collect()
    }

    /// What else is the matter with an app, since its last call that showed it.
    #[must_use]
    pub fn issue(&self, app: &str) -> Option<AccountIssue> {
        self.apps.get(app)?.issue.map(|(issue, _)| issue)
    }

    /// Forgets the issue of an app, as the user has done something about it.
    pub fn clear_issue(&mut self, app: &str) {
        if let Some(app) = self.apps.get_mut(app) {
            app.issue = None;
        }
    }

    /// Until when an app should be spared, as it was throttled a short while ago or has had a busy hour: what can wait, waits
    /// longer.
    #[must_use]
    pub fn strained_until(&self, now_ms: u64, app: &str) -> Option<u64> {
        let app = self.apps.get(app)?;
        let throttled = app.strained_by_throttle(now_ms);
        let busy = app.usage.get(&Group::Player).is_some_and(|usage| usage.counts(now_ms).last_hour > BUSY_HOUR);
        // Counted by the minute, so looked at again by the minute.
        let busy = busy.then_some((now_ms / MINUTE_MS + 1) * MINUTE_MS);
        throttled.max(busy)
    }

    /// Counts a request that goes out now.
    pub fn on_sent(&mut self, now_ms: u64, app: &str, group: Group) {
        self.app(app).usage.entry(group).or_default().count(now_ms);
    }

    /// How many requests of which group an app has sent; groups without any are left out.
    #[must_use]
    pub fn counts(&self, now_ms: u64, app: &str) -> Vec<(Group, Counts)> {
        let usage = self.apps.get(app).into_iter().flat_map(|app| &app.usage);
        usage.map(|(group, usage)| (*group, usage.counts(now_ms))).filter(|(_, counts)| counts.last_day > 0).collect()
    }

    /// Records the outcome of a call that was answered at `now_ms`. Without `Retry-After` a growing guess is taken.
    pub fn on_outcome(&mut self, now_ms: u64, app: &str, route: impl Into<Route>, outcome: Outcome) {
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
                app.endpoints.on_served(now_ms, &endpoint);
            }
            Outcome::Issue(issue) => app.issue = Some((issue, now_ms)),
            Outcome::Limited(LimitKind::Throttle, retry_after) => {
                if let Some(wait) = app.endpoints.on_throttle(now_ms, group, &endpoint, retry_after) {
                    prolong(&mut app.throttled_until, now_ms, wait);
                }
            }
            Outcome::Limited(LimitKind::Quota, retry_after) => {
                let wait = retry_after.unwrap_or(QUOTA_GUESS);
                if is_extra {
                    app.endpoints.on_quota(now_ms, group, &endpoint, wait);
                } else {
                    prolong(app.quota_until.entry(group).or_default(), now_ms, wait);
                }
            }
        }
    }

    fn app(&mut self, app: &str) -> &mut App {
        self.apps.entry(app.to_owned()).or_default()
    }

    fn by_hand_index(&self, members: &[Member<'_>]) -> Option<usize> {
        let app = self.by_hand.as_deref()?;
        members.iter().position(|member| member.app == app)
    }

    /// The app that the user has put first by hand.
    #[must_use]
    pub fn by_hand(&self) -> Option<&str> {
        self.by_hand.as_deref()
    }

    /// Puts an app first by hand; none, or the first of the list, goes back to the list's order.
    pub fn put_first(&mut self, app: Option<&str>, members: &[Member<'_>]) {
        let first = members.first().map(|member| member.app);
        self.by_hand = app.filter(|app| Some(*app) != first).map(str::to_owned);
        self.switched = None;
    }

    /// Switches to the next account that is open, round the list; a second time within 2 s takes that back. Gives the
    /// index of the one that is first now, or None if there is no other.
    pub fn switch(&mut self, now_ms: u64, members: &[Member<'_>]) -> Option<usize> {
        let recent = |last: &Switched| now_ms.checked_sub(last.at_ms).is_some_and(|ago| ago < millis(SWITCH_BACK));
        let last = self.switched.take().filter(recent);
        if let Some(Switched { before, .. }) = last {
            self.by_hand = before;
            return Some(self.by_hand_index(members).unwrap_or_default());
        }
        let Choice::Serve { index: serving, .. } = self.choose(now_ms, Group::Player, members) else { return None };
        let count = members.len();
        let next = (1..count)
            .map(|step| (serving + step) % count)
            .find(|index| members[*index].usable && self.shut(now_ms, Group::Player, members, *index).is_none())?;
        let before = self.by_hand.clone();
        self.put_first(Some(members[next].app), members);
        self.switched = Some(Switched { at_ms: now_ms, before });
        Some(next)
    }

    /// Takes in what another copy of the package, or an earlier start, has written down: limits of both count; counts
    /// and the user's choice only where there are none here. One that a clock of the future has left behind counts for
    /// nothing, and least of all against a real one.
    pub fn take_in(&mut self, now_ms: u64, other: Self) {
        let later = |ours, theirs| match (ahead(ours, now_ms), ahead(theirs, now_ms)) {
            (true, false) => ours,
            (false, true) => theirs,
            _ => ours.max(theirs),
        };
        for (fingerprint, at) in other.removed {
            let ours = self.removed.entry(fingerprint).or_default();
            *ours = (*ours).max(at);
        }
        for (name, theirs) in other.apps {
            match self.apps.entry(name) {
                std::collections::btree_map::Entry::Vacant(place) => {
                    place.insert(theirs);
                }
                std::collections::btree_map::Entry::Occupied(mut place) => {
                    let ours = place.get_mut();
                    ours.since = ours.since.max(theirs.since);
                    ours.throttled_until = later(ours.throttled_until, theirs.throttled_until);
                    for (group, until) in theirs.quota_until {
                        let ours = ours.quota_until.entry(group).or_default();
                        *ours = later(*ours, until);
                    }
                    ours.endpoints.take_in(later, theirs.endpoints);
                }
            }
        }
    }

    /// Records that the user has logged an account out: it isn't first by hand any more.
    pub fn on_logged_out(&mut self, app: &str) {
        self.by_hand.take_if(|by_hand| by_hand == app);
        self.clear_issue(app);
    }

    /// Forgets an app, as its account was removed.
    pub fn on_removed(&mut self, now_ms: u64, app: &str) {
        self.apps.remove(app);
        self.by_hand.take_if(|by_hand| by_hand == app);
        self.removed.insert(fingerprint(app), Saturating(now_ms));
    }

    /// Records that an account of an app was added, which may have been removed before.
    pub fn on_added(&mut self, now_ms: u64, app: &str) {
        self.removed.remove(&fingerprint(app));
        self.app(app).since = Saturating(now_ms);
    }

    /// Drops what is known of apps whose account was removed, be it by another copy of the package.
    pub fn drop_removed(&mut self) {
        let removed = &self.removed;
        let is_removed = |name: &str, since| removed.get(&fingerprint(name)).is_some_and(|at| since <= *at);
        self.apps.retain(|name, app| !is_removed(name, app.since));
        let apps = &self.apps;
        self.by_hand.take_if(|name| is_removed(name, apps.get(name).map_or(Saturating(0), |app| app.since)));
    }

    /// The clock was set back by so many milliseconds: what is shut opens no later for it.
    pub fn set_back(&mut self, by_ms: u64) {
        for app in self.apps.values_mut() {
            for until in app.quota_until.values_mut().chain([&mut app.throttled_until]) {
                *until -= by_ms;
            }
            app.endpoints.set_back(by_ms);
            if let Some((_, since_ms)) = &mut app.issue {
                *since_ms = since_ms.saturating_sub(by_ms);
            }
        }
    }

    /// Drops what has no effect any more, so that what is written down stays bounded.
    pub fn tidy(&mut self, now_ms: u64) {
        let recent = |at: Saturating<u64>| at.0.abs_diff(now_ms) < millis(LONGEST);
        self.removed.retain(|_, at| recent(*at));
        for app in self.apps.values_mut() {
            if !recent(app.since) {
                app.since = Saturating(0);
            }
            app.quota_until.retain(|_, until| ahead(*until, now_ms));
            app.endpoints.tidy(now_ms);
            app.usage.values_mut().for_each(Usage::bound);
            app.usage.retain(|_, usage| usage.counts(now_ms).last_day > 0);
        }
        self.apps.retain(|_, app| {
            !app.quota_until.is_empty()
                || !app.usage.is_empty()
                || !app.endpoints.is_empty()
                || app.issue.is_some()
                || app.strained_by_throttle(now_ms).is_some()
                || !is_zero(&app.since)
        });
        while self.apps.len() > MOST {
            self.apps.pop_last();
        }
        while self.removed.len() > MOST {
            self.removed.pop_last();
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Pick {
    Serve(usize),
    Wait(Limit),
    NoneUsable,
}

/// Every group.
pub const GROUPS: [Group; 5] = [Group::Player, Group::Library, Group::Playlists, Group::Catalog, Group::Profile];

fn is_zero(number: &Saturating<u64>) -> bool {
    number.0 == 0
}

/// Stands for a Client ID where the ID itself must not be written.
fn fingerprint(app: &str) -> String {
    digest(app.as_bytes())
}

#[cfg(test)]
mod tests;
