//! The time, as it is passed to the accounts, and what becomes of dates when the computer's clock is set.
//!
//! Token expiry, limits and sign-ins are dates of the wall clock, as they outlive a restart and a suspended computer. That
//! clock may jump, and a stored date may come from a file that anybody can write. This is the one place that deals with it:
//!
//! | when the clock was set | |
//! |---|---|
//! | back, which was noticed | [`Accounts::on_wake`](super::Accounts::on_wake) moves every date back by the same time |
//! | back, while the package wasn't running | [`is_ahead`]: an end that is further ahead than any limit lasts has passed; [`is_within`]: what was counted in the future isn't counted |
//! | back, between two changes of a sign-in | [`newer_than`]: the later change has the later date all the same |
//! | forward | limits and tokens end early; the next call learns of the limit again, or renews the token |

use std::time::Duration;

use tokio::time::Instant;

use crate::unix_time::UnixTime;

/// The present moment, by both clocks.
#[derive(Clone, Copy, Debug)]
pub(in crate::auth) struct Now {
    /// By the wall clock, which may jump in both directions.
    pub date: UnixTime,
    /// By the monotonic clock.
    pub instant: Instant,
}

/// The longest limit: more than any that was measured (a day). Anything beyond is a mistake.
pub(super) const LONGEST_LIMIT: Duration = Duration::from_secs(48 * 3600);

/// True for an end that is still to come, but no further ahead than `longest`.
pub(super) fn is_ahead(end: UnixTime, now: UnixTime, longest: Duration) -> bool {
    end > now && end.saturating_duration_since(now) <= longest
}

/// Returns the end that comes later. One that isn't ahead never counts against one that is.
pub(super) fn later_end(one: UnixTime, other: UnixTime, now: UnixTime) -> UnixTime {
    let rank = |end: UnixTime| (is_ahead(end, now, LONGEST_LIMIT), end);
    if rank(other) > rank(one) { other } else { one }
}

/// True for what was counted in one of the last `length` units of time; `at` and `now` number the units.
pub(super) fn is_within(at: u64, now: u64, length: u64) -> bool {
    now.checked_sub(at).is_some_and(|age| age < length)
}

/// Returns a date for something that happens now, and is newer than what happened at `before`.
pub(super) fn newer_than(before: UnixTime, now: Now) -> UnixTime {
    now.date.max(before + Duration::from_millis(1))
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: UnixTime = UnixTime::from_secs(1_800_000_000);
    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn end_is_ahead_only_up_to_the_longest_limit() {
        for (end, expected) in [
            (NOW - SECOND, false),
            (NOW, false),
            (NOW + SECOND, true),
            (NOW + LONGEST_LIMIT, true),
            (NOW + LONGEST_LIMIT + SECOND, false),
        ] {
            assert_eq!(is_ahead(end, NOW, LONGEST_LIMIT), expected, "{end:?}");
        }
    }

    #[test]
    fn later_end_ignores_an_end_that_is_too_far_ahead() {
        let (soon, later, wrong) = (NOW + SECOND, NOW + 2 * SECOND, NOW + 2 * LONGEST_LIMIT);
        for (one, other, expected) in
            [(soon, later, later), (soon, wrong, soon), (NOW - SECOND, soon, soon), (NOW, wrong, wrong)]
        {
            assert_eq!(later_end(one, other, NOW), expected);
            assert_eq!(later_end(other, one, NOW), expected);
        }
    }

    #[test]
    fn newer_date_exceeds_one_of_a_clock_that_was_set_back() {
        let now = Now { date: NOW, instant: Instant::now() };
        assert_eq!(newer_than(NOW - SECOND, now), NOW);
        assert_eq!(newer_than(NOW + SECOND, now), NOW + SECOND + Duration::from_millis(1));
    }
}
