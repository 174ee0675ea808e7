//! Who may send, and until when nobody may: the pure core of rate limiting.
//!
//! Spotify counts refused calls too, so after a 429 nothing leaves the computer until its time is over. This is the one
//! place that decides it. It knows no clock, no network and no timer: every question brings the time with it, and no
//! answer needs anything to happen for it to become right. One gate serves all accounts for now; choosing between
//! accounts and between groups of calls fits behind the same questions.

use std::time::Duration;

/// The two kinds of 429.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
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

/// First guess for a throttle whose `Retry-After` is missing; each further one in a row doubles it.
const FIRST_GUESS: Duration = Duration::from_secs(5);
/// The longest guess for a throttle.
const LONGEST_GUESS: Duration = Duration::from_secs(300);
/// The guess for a quota whose `Retry-After` is missing: measured ones are hours, but a wrong guess must not cost a day.
const QUOTA_GUESS: Duration = Duration::from_secs(3600);
/// Longer than any measured answer (a day); what goes beyond is taken for a mistake.
const LONGEST: Duration = Duration::from_secs(48 * 3600);
/// A limit this long after the end of the one before is a new beginning, not the next in a row.
const FORGET: Duration = Duration::from_secs(600);

/// The gate: shut for a time after a 429, else open.
#[derive(Clone, Debug, Default)]
pub struct Gate {
    limit: Option<Limit>,
    guesses: u32,
}

impl Gate {
    /// The limit that is in force at `now_ms` (Unix milliseconds), if any.
    #[must_use]
    pub fn shut(&self, now_ms: u64) -> Option<Limit> {
        // A clock that was set back must not make a limit longer than any that Spotify gives.
        self.limit.filter(|limit| limit.until_ms > now_ms && limit.until_ms - now_ms <= millis(LONGEST))
    }

    /// Notes a 429 that arrived at `now_ms`. Without `retry_after` a growing guess is taken.
    pub fn limited(&mut self, now_ms: u64, kind: LimitKind, retry_after: Option<Duration>) -> Limit {
        let before = self.limit.map_or(0, |limit| limit.until_ms);
        if before.saturating_add(millis(FORGET)) < now_ms {
            self.guesses = 0;
        }
        let wait = retry_after.unwrap_or_else(|| {
            let guess = match kind {
                LimitKind::Throttle => FIRST_GUESS.saturating_mul(1 << self.guesses.min(10)).min(LONGEST_GUESS),
                LimitKind::Quota => QUOTA_GUESS,
            };
            self.guesses += 1;
            guess
        });
        let limit = Limit { until_ms: now_ms.saturating_add(millis(wait.min(LONGEST))), kind };
        // Answers to calls that were under way together may arrive in any order: the latest end counts.
        if self.shut(now_ms).is_none_or(|old| old.until_ms < limit.until_ms) {
            self.limit = Some(limit);
        }
        self.shut(now_ms).unwrap_or(limit)
    }
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: u64 = 1_800_000_000_000;

    #[test]
    fn opens_by_itself_when_the_time_is_over() {
        let mut gate = Gate::default();
        assert_eq!(gate.shut(NOW), None);
        let limit = gate.limited(NOW, LimitKind::Throttle, Some(Duration::from_secs(7)));
        assert_eq!(limit.until_ms, NOW + 7000);
        assert_eq!(gate.shut(NOW + 6999), Some(limit));
        assert_eq!(gate.shut(NOW + 7000), None);
    }

    #[test]
    fn a_shorter_limit_does_not_end_a_longer_one() {
        let mut gate = Gate::default();
        gate.limited(NOW, LimitKind::Quota, Some(Duration::from_secs(86_207)));
        let limit = gate.limited(NOW + 10, LimitKind::Throttle, Some(Duration::from_secs(1)));
        assert_eq!(limit, Limit { until_ms: NOW + 86_207_000, kind: LimitKind::Quota });
    }

    #[test]
    fn guesses_grow_are_capped_and_forgotten() {
        let mut gate = Gate::default();
        let mut now = NOW;
        let mut waits = Vec::new();
        for _ in 0..9 {
            let limit = gate.limited(now, LimitKind::Throttle, None);
            waits.push((limit.until_ms - now) / 1000);
            now = limit.until_ms;
        }
        assert_eq!(waits, [5, 10, 20, 40, 80, 160, 300, 300, 300]);
        now += 601_000;
        assert_eq!(gate.limited(now, LimitKind::Throttle, None).until_ms, now + 5000);
    }

    #[test]
    fn nonsense_is_capped_and_a_clock_set_back_opens_the_gate() {
        let mut gate = Gate::default();
        let limit = gate.limited(NOW, LimitKind::Throttle, Some(Duration::from_secs(u64::MAX)));
        assert_eq!(limit.until_ms, NOW + millis(LONGEST));
        assert_eq!(gate.shut(NOW - 3_600_000), None);
    }
}
