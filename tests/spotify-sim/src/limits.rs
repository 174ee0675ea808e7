//! The limits that answer 429 without a [`Fault`](crate::Fault): the throttle counts the calls of one app over some seconds;
//! the quota counts the calls of a group by all apps of a developer account over hours. A package with several accounts has
//! to distinguish them.
//!
//! A refused call counts like any other, as with Spotify: a client that doesn't wait stays throttled.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::fault::{Fault, Outcome};

/// Calls that share a quota: one group can be shut while another still answers. Spotify publishes no list, so the
/// simulator groups calls by path.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Group {
    /// `/me/player` and below.
    Player,
    /// `/me/library` and below, and `/me/tracks`.
    Library,
    /// `/me/playlists`, and `/playlists` and below.
    Playlists,
    /// Calls that don't depend on the user: search, and single tracks, albums, artists, shows and episodes.
    Catalog,
    /// `/me` itself.
    Profile,
}

impl Group {
    /// All groups.
    pub const ALL: [Self; 5] = [Self::Player, Self::Library, Self::Playlists, Self::Catalog, Self::Profile];

    /// Returns the group of a path such as `/v1/me/player/pause`, or `None` if it isn't a call of the Web API.
    pub fn of(path: &str) -> Option<Self> {
        let mut segments = path.strip_prefix("/v1/")?.split('/');
        match (segments.next()?, segments.next()) {
            ("me", None) => Some(Self::Profile),
            ("me", Some("player")) => Some(Self::Player),
            ("me", Some("library" | "tracks")) => Some(Self::Library),
            ("me", Some("playlists")) | ("playlists", _) => Some(Self::Playlists),
            ("search" | "tracks" | "albums" | "artists" | "shows" | "episodes", _) => Some(Self::Catalog),
            _ => None,
        }
    }
}

/// How many calls an app may make in a rolling window.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Throttle {
    /// The calls that are answered within any window; with 0 all are refused.
    pub calls: u32,
    /// The length of the window, by the simulator's clock.
    pub window: Duration,
}

impl Throttle {
    /// The length of Spotify's window.
    pub const WINDOW: Duration = Duration::from_secs(30);

    /// Creates a throttle of `calls` in Spotify's window.
    pub fn new(calls: u32) -> Self {
        Self { calls, window: Self::WINDOW }
    }

    /// Returns the time at which the next call will be answered, or `None` if it is now. `arrivals` are the calls within
    /// the window.
    fn free_at(self, arrivals: &VecDeque<Duration>) -> Option<Duration> {
        let calls = usize::try_from(self.calls).unwrap_or(usize::MAX);
        let over = arrivals.len().checked_sub(calls)?;
        // With 0 calls no arrival frees a slot by leaving the window: then the window counts from the last one.
        arrivals.get(over).or(arrivals.back()).map(|arrival| arrival.saturating_add(self.window))
    }
}

/// How many calls of a group a developer account may make before the group is shut for hours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Budget {
    /// The calls of all its apps together. The next one is refused and shuts the group.
    pub calls: u32,
    /// How long the group is shut then, by the simulator's clock. Afterwards the calls are counted from 0 again.
    pub shut_for: Duration,
}

#[derive(Debug, Default)]
struct Quota {
    budget: Option<Budget>,
    used: u32,
    shut_until: Duration,
}

impl Quota {
    /// Counts a call and returns until when it is refused, if it is.
    fn count(&mut self, now: Duration) -> Option<Duration> {
        if self.shut_until <= now {
            let budget = self.budget?;
            if self.used < budget.calls {
                self.used += 1;
                return None;
            }
            self.used = 0;
            self.shut_until = now.saturating_add(budget.shut_for);
        }
        (self.shut_until > now).then_some(self.shut_until)
    }
}

/// Both limits and their use. A developer is given by its index in the list of developers.
#[derive(Debug, Default)]
pub(crate) struct Limits {
    throttle: Option<Throttle>,
    /// The calls of each app within the window, the earliest first.
    arrivals: HashMap<String, VecDeque<Duration>>,
    quotas: HashMap<(usize, Group), Quota>,
    /// Whether the header `Retry-After` is left out.
    pub omit_retry_after: bool,
}

impl Limits {
    pub fn throttle(&self) -> Option<Throttle> {
        self.throttle
    }

    /// Sets the throttle. Earlier calls don't count.
    pub fn set_throttle(&mut self, throttle: Option<Throttle>) {
        self.throttle = throttle;
        self.arrivals.clear();
    }

    /// Sets a developer's budget for a group, or for each. Earlier calls don't count; a group that is shut stays shut.
    pub fn set_budget(&mut self, developer: usize, group: Option<Group>, budget: Option<Budget>) {
        self.change_quotas(developer, group, |quota| (quota.budget, quota.used) = (budget, 0));
    }

    /// Shuts a developer's group, or all, until a time; a time in the past opens it.
    pub fn shut(&mut self, developer: usize, group: Option<Group>, until: Duration) {
        self.change_quotas(developer, group, |quota| quota.shut_until = until);
    }

    /// Changes the quota of a group, or of each.
    fn change_quotas(&mut self, developer: usize, group: Option<Group>, change: impl Fn(&mut Quota)) {
        for group in Group::ALL.into_iter().filter(|other| group.is_none_or(|group| group == *other)) {
            change(self.quotas.entry((developer, group)).or_default());
        }
    }

    /// Counts a call of an app and returns its refusal, if it is refused.
    pub fn refusal(
        &mut self,
        client_id: &str,
        developer: usize,
        group: Option<Group>,
        now: Duration,
    ) -> Option<Outcome> {
        let throttled = self.throttled(client_id, now);
        let used_up = group.and_then(|group| self.quotas.get_mut(&(developer, group))?.count(now));
        let seconds = |until| (!self.omit_retry_after).then(|| seconds_until(until, now));
        match (used_up, throttled) {
            (Some(until), _) => Some(Fault::quota(seconds(until)).outcome),
            (None, Some(until)) => Some(Fault::throttle(seconds(until)).outcome),
            (None, None) => None,
        }
    }

    /// Counts a call of an app and returns until when it is refused, provided that the app waits.
    fn throttled(&mut self, client_id: &str, now: Duration) -> Option<Duration> {
        let throttle = self.throttle?;
        let arrivals = self.arrivals.entry(client_id.to_owned()).or_default();
        arrivals.retain(|arrival| arrival.saturating_add(throttle.window) > now);
        let refused = arrivals.len() >= usize::try_from(throttle.calls).unwrap_or(usize::MAX);
        arrivals.push_back(now);
        throttle.free_at(arrivals).filter(|_| refused)
    }

    /// Returns until when the next call of an app would be throttled, for the page.
    pub fn throttled_until(&self, client_id: &str, now: Duration) -> Option<Duration> {
        let until = self.throttle?.free_at(self.arrivals.get(client_id)?)?;
        (until > now).then_some(until)
    }

    /// Returns a developer's groups that are shut, and until when, for the page.
    pub fn shut_groups(&self, developer: usize, now: Duration) -> BTreeMap<Group, Duration> {
        let quotas = self.quotas.iter().filter(|((owner, _), quota)| *owner == developer && quota.shut_until > now);
        quotas.map(|((_, group), quota)| (*group, quota.shut_until)).collect()
    }
}

/// Returns the value of `Retry-After`: whole seconds, rounded up, and never 0.
fn seconds_until(until: Duration, now: Duration) -> u32 {
    let seconds = until.saturating_sub(now).as_millis().div_ceil(1_000).max(1);
    u32::try_from(seconds).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    const START: Duration = Duration::from_secs(1_000_000);

    fn at(ms: u64) -> Duration {
        START + Duration::from_millis(ms)
    }

    /// Makes a player call by an app of developer 0 and returns the limit that refuses it, with the seconds to wait.
    fn call(limits: &mut Limits, app: &str, ms: u64) -> Option<String> {
        limits.refusal(app, 0, Some(Group::Player), at(ms)).map(|outcome| describe(&outcome))
    }

    fn describe(outcome: &Outcome) -> String {
        let Outcome::Answer { status: 429, headers, body } = outcome else { panic!("{outcome:?}") };
        let after = headers.iter().find(|(name, _)| name == "Retry-After").map_or("-", |(_, value)| value);
        let kind = if body.contains("QUOTA_EXCEEDED") { "quota" } else { "throttle" };
        format!("{kind} {after}")
    }

    #[test]
    fn group_depends_on_the_path() {
        for (path, group) in [
            ("/v1/me", Some(Group::Profile)),
            ("/v1/me/player", Some(Group::Player)),
            ("/v1/me/player/queue", Some(Group::Player)),
            ("/v1/me/library/contains", Some(Group::Library)),
            ("/v1/me/tracks", Some(Group::Library)),
            ("/v1/me/playlists", Some(Group::Playlists)),
            ("/v1/playlists/x/items", Some(Group::Playlists)),
            ("/v1/search", Some(Group::Catalog)),
            ("/v1/episodes/x", Some(Group::Catalog)),
            ("/v1/me/top/tracks", None),
            ("/v1/users/x", None),
            ("/accounts/api/token", None),
            ("/image/1-64", None),
        ] {
            assert_eq!(Group::of(path), group, "{path}");
        }
    }

    #[test]
    fn throttle_counts_one_app_over_a_rolling_window() {
        let mut limits = Limits::default();
        assert_eq!(call(&mut limits, "a", 0), None, "without a throttle nothing is counted");
        limits.set_throttle(Some(Throttle::new(2)));
        assert_eq!(call(&mut limits, "a", 0), None);
        assert_eq!(call(&mut limits, "a", 10_000), None);
        // The refused call counts, too: the second of the three has to leave the window.
        assert_eq!(limits.throttled_until("a", at(10_500)), Some(at(30_000)));
        assert_eq!(call(&mut limits, "a", 10_500).as_deref(), Some("throttle 30"));
        assert_eq!(limits.throttled_until("a", at(10_500)), Some(at(40_000)));
        assert_eq!(call(&mut limits, "b", 10_500), None, "another app");
        assert_eq!(call(&mut limits, "a", 40_000), None, "after the wait");
        assert_eq!(call(&mut limits, "a", 40_400).as_deref(), Some("throttle 30"), "without waiting");
        assert_eq!(call(&mut limits, "a", 69_999).as_deref(), Some("throttle 1"), "1 ms is rounded up to 1 s");
        limits.set_throttle(None);
        assert_eq!(call(&mut limits, "a", 70_000), None);
    }

    #[test]
    fn throttle_of_zero_calls_refuses_all() {
        let mut limits = Limits::default();
        limits.set_throttle(Some(Throttle { calls: 0, window: Duration::from_secs(5) }));
        assert_eq!(call(&mut limits, "a", 0).as_deref(), Some("throttle 5"));
        assert_eq!(call(&mut limits, "a", 60_000).as_deref(), Some("throttle 5"));
    }

    #[test]
    fn retry_after_can_be_omitted() {
        let mut limits = Limits { omit_retry_after: true, ..Limits::default() };
        limits.set_throttle(Some(Throttle { calls: 0, window: Duration::from_secs(5) }));
        assert_eq!(call(&mut limits, "a", 0).as_deref(), Some("throttle -"));
    }

    #[test]
    fn quota_counts_a_developers_calls_of_one_group() {
        let mut limits = Limits::default();
        limits.set_budget(0, Some(Group::Player), Some(Budget { calls: 2, shut_for: Duration::from_secs(100) }));
        assert_eq!(call(&mut limits, "a", 0), None);
        assert_eq!(call(&mut limits, "b", 0), None);
        assert_eq!(call(&mut limits, "b", 1_000).as_deref(), Some("quota 100"), "the apps share it");
        assert_eq!(call(&mut limits, "a", 1_001).as_deref(), Some("quota 100"));
        assert_eq!(limits.refusal("a", 0, Some(Group::Catalog), at(1_001)), None, "another group");
        assert_eq!(limits.refusal("c", 1, Some(Group::Player), at(1_001)), None, "another developer");
        assert_eq!(call(&mut limits, "a", 100_999).as_deref(), Some("quota 1"));
        assert_eq!(call(&mut limits, "a", 101_000), None, "open again, counted from 0");
        assert_eq!(call(&mut limits, "a", 101_000), None);
        assert!(call(&mut limits, "a", 101_000).is_some());
    }

    #[test]
    fn shut_quota_outranks_the_throttle() {
        let mut limits = Limits::default();
        limits.set_throttle(Some(Throttle::new(1)));
        limits.shut(0, None, at(46_649_000));
        assert_eq!(call(&mut limits, "a", 0).as_deref(), Some("quota 46649"));
        assert_eq!(call(&mut limits, "a", 500).as_deref(), Some("quota 46649"));
        limits.shut(0, Some(Group::Player), Duration::ZERO);
        assert_eq!(call(&mut limits, "a", 1_000).as_deref(), Some("throttle 30"), "refused calls counted");
    }

    #[test]
    fn shut_quota_can_be_opened() {
        let mut limits = Limits::default();
        limits.shut(0, None, at(46_649_000));
        assert_eq!(limits.shut_groups(0, at(500)).len(), Group::ALL.len());
        assert_eq!(limits.shut_groups(1, at(500)).len(), 0);
        limits.shut(0, Some(Group::Player), Duration::ZERO);
        assert_eq!(limits.shut_groups(0, at(1_000)).len(), Group::ALL.len() - 1);
    }
}
