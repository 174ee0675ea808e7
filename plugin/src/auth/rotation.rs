//! Who serves a call, and until when nobody may: the pure core of rate limiting.
//!
//! Spotify counts refused calls too, so what a 429 has shut is left alone until its time is over, and the next account
//! serves meanwhile. This is the one place that decides it. It knows no clock, no network and no timer: every question
//! brings the time and the list of accounts with it, an answer says until when it holds, and nothing needs to happen for
//! the next answer to be right. So the primary is back as soon as its time is over, by the next call that would be made
//! anyway.
//!
//! What is remembered belongs to an app, by its Client ID: Spotify counts there, whatever we do with our list.
//!
//! - A **throttle** (too many calls in 30 s) shuts the app for everything.
//! - A used-up **quota** shuts a [`Group`] of calls, on all apps of the same developer account.
//! - A **trouble** (the app owner lacks Premium, the user isn't on the app's allow list) shuts nothing, as trying again
//!   may help as soon as somebody has done something about it; but others go first for a while.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::usage::{Counts, Usage};

/// Calls that share a quota. Spotify doesn't publish its buckets; these follow what users report: one can be shut while
/// others still answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Group {
    /// What plays, and every command about it.
    Player,
    /// Liked Songs and the rest of the library.
    Library,
    /// Playlists.
    Playlists,
    /// Search and public facts about tracks, albums, artists, shows.
    Catalog,
    /// Who has signed in.
    Profile,
}

/// The two kinds of 429.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum LimitKind {
    /// Too many calls in the last 30 s; over in seconds.
    Throttle,
    /// The quota of the developer account is used up; over in hours.
    Quota,
}

/// A time during which Spotify doesn't want to hear from us.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limit {
    /// Unix milliseconds of its end.
    pub until_ms: u64,
    /// Why.
    pub kind: LimitKind,
}

/// Why an app doesn't serve although nothing is used up.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Trouble {
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
    Trouble(Trouble),
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
    Nobody,
}

/// First guess for a throttle whose `Retry-After` is missing; each further one in a row doubles it.
const FIRST_GUESS: Duration = Duration::from_secs(5);
/// The longest guess for a throttle.
const LONGEST_GUESS: Duration = Duration::from_secs(300);
/// The guess for a quota whose `Retry-After` is missing: measured ones are hours, but a wrong guess must not cost a day.
const QUOTA_GUESS: Duration = Duration::from_secs(3600);
/// Spotify says "0" at times; asking again at once would only be refused again.
const SHORTEST: Duration = Duration::from_secs(1);
/// Longer than any measured answer (a day); what goes beyond is taken for a mistake.
const LONGEST: Duration = Duration::from_secs(48 * 3600);
/// A limit this long after the end of the one before is a new beginning, not the next in a row.
const FORGET: Duration = Duration::from_secs(600);
/// Others go first for so long after a [`Trouble`].
const ASIDE: Duration = Duration::from_secs(3600);
/// For so long after a throttle the app is near the next one.
const STRAIN: Duration = Duration::from_secs(120);
/// More requests to the player in an hour than this, and the app is near its limits, whatever they are: more than twice what
/// polling alone takes.
const BUSY_HOUR: u32 = 1_000;
/// A second switch by hand within this takes the first one back.
const SWITCH_BACK: Duration = Duration::from_secs(2);

/// What is remembered of an app. Times are Unix milliseconds.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct App {
    throttled_until: u64,
    quota_until: BTreeMap<Group, u64>,
    usage: BTreeMap<Group, Usage>,
    #[serde(skip)]
    guesses: u32,
    #[serde(skip)]
    trouble: Option<(Trouble, u64)>,
}

/// The state machine. What it writes down (with serde) are times and counts, nothing secret.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct Rotation {
    apps: BTreeMap<String, App>,
    /// The app that the user has put first by hand.
    by_hand: Option<String>,
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

/// True for an end that is still to come. A clock that was set back must not make a limit longer than any that Spotify
/// gives.
fn ahead(until_ms: u64, now_ms: u64) -> bool {
    until_ms > now_ms && until_ms - now_ms <= millis(LONGEST)
}

impl App {
    fn throttle(&self, now_ms: u64) -> Option<Limit> {
        ahead(self.throttled_until, now_ms)
            .then_some(Limit { until_ms: self.throttled_until, kind: LimitKind::Throttle })
    }

    fn quota(&self, group: Group, now_ms: u64) -> Option<Limit> {
        let until_ms = self.quota_until.get(&group).copied().filter(|until| ahead(*until, now_ms))?;
        Some(Limit { until_ms, kind: LimitKind::Quota })
    }

    fn aside(&self, now_ms: u64) -> Option<u64> {
        match self.trouble {
            // Another app would not help.
            None | Some((Trouble::UserNeedsPremium, _)) => None,
            Some((_, since_ms)) => Some(since_ms.saturating_add(millis(ASIDE))).filter(|until| ahead(*until, now_ms)),
        }
    }
}

impl Rotation {
    /// Which of the accounts, in the user's order, serves a call of this group now. The first one that is open does; the
    /// one that was put first by hand counts as the first.
    #[must_use]
    pub fn choose(&self, now_ms: u64, group: Group, members: &[Member<'_>]) -> Choice {
        let choice = self.pick(now_ms, group, members);
        match choice {
            Pick::Nobody => Choice::Nobody,
            Pick::Wait(limit) => Choice::Wait(limit),
            Pick::Serve(index) => {
                // Only the end of something that is shut or set aside now can change the answer.
                let mut ends: Vec<u64> = (0..members.len())
                    .filter(|other| members[*other].usable)
                    .flat_map(|other| {
                        let shut = self.shut(now_ms, group, members, other).map(|limit| limit.until_ms);
                        shut.into_iter().chain(self.aside(now_ms, members, other))
                    })
                    .collect();
                ends.sort_unstable();
                let until_ms = ends.into_iter().find(|end| self.pick(*end, group, members) != choice);
                Choice::Serve { index, until_ms }
            }
        }
    }

    fn pick(&self, now_ms: u64, group: Group, members: &[Member<'_>]) -> Pick {
        let by_hand = self.by_hand_index(members);
        let order = by_hand.into_iter().chain((0..members.len()).filter(|index| Some(*index) != by_hand));
        let usable: Vec<usize> = order.filter(|index| members[*index].usable).collect();
        let open: Vec<usize> =
            usable.iter().copied().filter(|index| self.shut(now_ms, group, members, *index).is_none()).collect();
        let best = open.iter().copied().find(|index| self.aside(now_ms, members, *index).is_none());
        if let Some(index) = best.or(open.first().copied()) {
            return Pick::Serve(index);
        }
        let limits = usable.into_iter().filter_map(|index| self.shut(now_ms, group, members, index));
        limits.min_by_key(|limit| limit.until_ms).map_or(Pick::Nobody, Pick::Wait)
    }

    /// What shuts an account for a group, if anything does: of several limits the one that ends last.
    #[must_use]
    pub fn shut(&self, now_ms: u64, group: Group, members: &[Member<'_>], index: usize) -> Option<Limit> {
        let throttle = self.apps.get(members[index].app).and_then(|app| app.throttle(now_ms));
        let quota = self.quota(now_ms, group, members, index);
        throttle.into_iter().chain(quota).max_by_key(|limit| limit.until_ms)
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

    /// What else is the matter with an app, since its last call that showed it.
    #[must_use]
    pub fn trouble(&self, app: &str) -> Option<Trouble> {
        self.apps.get(app)?.trouble.map(|(trouble, _)| trouble)
    }

    /// Forgets the trouble of an app, as the user has done something about it.
    pub fn settle(&mut self, app: &str) {
        if let Some(app) = self.apps.get_mut(app) {
            app.trouble = None;
        }
    }

    /// Until when an app should be spared, as it was throttled a short while ago or has had a busy hour: what can wait, waits
    /// longer.
    #[must_use]
    pub fn strained_until(&self, now_ms: u64, app: &str) -> Option<u64> {
        let app = self.apps.get(app)?;
        let throttled = Some(app.throttled_until).filter(|until| *until > 0).map(|until| until + millis(STRAIN));
        let throttled = throttled.filter(|until| *until > now_ms && until - now_ms <= millis(LONGEST + STRAIN));
        let busy = app.usage.get(&Group::Player).is_some_and(|usage| usage.counts(now_ms).last_hour > BUSY_HOUR);
        // Counted by the minute, so looked at again by the minute.
        let busy = busy.then_some((now_ms / MINUTE_MS + 1) * MINUTE_MS);
        throttled.max(busy)
    }

    /// Counts a request that goes out now.
    pub fn sent(&mut self, now_ms: u64, app: &str, group: Group) {
        self.app(app).usage.entry(group).or_default().count(now_ms);
    }

    /// How many requests of which group an app has sent; groups without any are left out.
    #[must_use]
    pub fn counts(&self, now_ms: u64, app: &str) -> Vec<(Group, Counts)> {
        let usage = self.apps.get(app).into_iter().flat_map(|app| &app.usage);
        usage.map(|(group, usage)| (*group, usage.counts(now_ms))).filter(|(_, counts)| counts.last_day > 0).collect()
    }

    /// Notes what came of a call that was answered at `now_ms`. Without `Retry-After` a growing guess is taken.
    pub fn heard(&mut self, now_ms: u64, app: &str, group: Group, outcome: Outcome) {
        let app = self.app(app);
        match outcome {
            Outcome::Served { command } => {
                // A read says nothing about the Premium that only commands need.
                if command || !matches!(app.trouble, Some((Trouble::UserNeedsPremium, _))) {
                    app.trouble = None;
                }
            }
            Outcome::Trouble(trouble) => app.trouble = Some((trouble, now_ms)),
            Outcome::Limited(LimitKind::Throttle, retry_after) => {
                if app.throttled_until.saturating_add(millis(FORGET)) < now_ms {
                    app.guesses = 0;
                }
                let wait = retry_after.unwrap_or_else(|| {
                    let guess = FIRST_GUESS.saturating_mul(1 << app.guesses.min(10)).min(LONGEST_GUESS);
                    app.guesses += 1;
                    guess
                });
                prolong(&mut app.throttled_until, now_ms, wait);
            }
            Outcome::Limited(LimitKind::Quota, retry_after) => {
                let until = app.quota_until.entry(group).or_default();
                prolong(until, now_ms, retry_after.unwrap_or(QUOTA_GUESS));
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
        let later = |ours: u64, theirs: u64| match (ahead(ours, now_ms), ahead(theirs, now_ms)) {
            (true, false) => ours,
            (false, true) => theirs,
            _ => ours.max(theirs),
        };
        for (name, theirs) in other.apps {
            match self.apps.entry(name) {
                std::collections::btree_map::Entry::Vacant(place) => {
                    place.insert(theirs);
                }
                std::collections::btree_map::Entry::Occupied(mut place) => {
                    let ours = place.get_mut();
                    ours.throttled_until = later(ours.throttled_until, theirs.throttled_until);
                    for (group, until) in theirs.quota_until {
                        let ours = ours.quota_until.entry(group).or_default();
                        *ours = later(*ours, until);
                    }
                }
            }
        }
    }

    /// The clock was set back by so many milliseconds: what is shut opens no later for it.
    pub fn set_back(&mut self, by_ms: u64) {
        for app in self.apps.values_mut() {
            for until in app.quota_until.values_mut().chain([&mut app.throttled_until]) {
                *until = until.saturating_sub(by_ms);
            }
            if let Some((_, since_ms)) = &mut app.trouble {
                *since_ms = since_ms.saturating_sub(by_ms);
            }
        }
    }

    /// Drops what says nothing any more, so that what is written down doesn't grow for ever.
    pub fn tidy(&mut self, now_ms: u64) {
        for app in self.apps.values_mut() {
            app.quota_until.retain(|_, until| ahead(*until, now_ms));
            app.usage.retain(|_, usage| usage.counts(now_ms).last_day > 0);
        }
        self.apps.retain(|_, app| {
            !app.quota_until.is_empty()
                || !app.usage.is_empty()
                || app.trouble.is_some()
                || app.throttled_until.saturating_add(millis(FORGET)) > now_ms
        });
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Pick {
    Serve(usize),
    Wait(Limit),
    Nobody,
}

/// Every group.
pub const GROUPS: [Group; 5] = [Group::Player, Group::Library, Group::Playlists, Group::Catalog, Group::Profile];

/// Answers to calls that were under way together may arrive in any order: the latest end counts.
fn prolong(until_ms: &mut u64, now_ms: u64, wait: Duration) {
    let new = now_ms.saturating_add(millis(wait.clamp(SHORTEST, LONGEST)));
    if !ahead(*until_ms, now_ms) || *until_ms < new {
        *until_ms = new;
    }
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests;
