//! The schedule of polls of Spotify's playback state: one pure function.
//!
//! While something plays, a change made elsewhere should be noticed within 4.5 s at the median. That takes a poll every 8.6 s,
//! as even intervals are the cheapest way. The end of a track is known in advance and needs no poll before it. Polls are slower
//! while nothing plays, and slower still after a while.

use std::time::Duration;

use host_sdk::backoff::Backoff;

use crate::spotify::Error;

/// The interval while something plays.
const PLAYING: Duration = Duration::from_millis(8_600);
/// A poll is skipped if the track ends within this of the last one: the poll after the end suffices.
const NEARLY_OVER: Duration = Duration::from_millis(11_500);
/// The interval while nothing plays.
const STILL: Duration = Duration::from_millis(15_500);
/// The interval after nothing has played for [`LONG_STILL`].
const ASLEEP: Duration = Duration::from_secs(60);
const LONG_STILL: Duration = Duration::from_secs(600);
/// When to poll after a write that changes the item: its title and cover should be shown at once.
const AFTER_SKIP: [Duration; 4] = [
    Duration::from_millis(250),
    Duration::from_millis(550),
    Duration::from_millis(1_100),
    Duration::from_millis(2_200),
];
/// When to poll after any other write, to confirm it. The keys already show its effect.
const AFTER_WRITE: [Duration; 1] = [Duration::from_millis(800)];
/// How long after the end of a track to poll, so that Spotify has advanced to the next one.
const AFTER_END: Duration = Duration::from_millis(350);
/// The interval if a track should have ended and has not.
const OVERDUE: Duration = Duration::from_millis(700);
/// The interval while a command waits for an answer.
const WANTED: Duration = Duration::from_millis(300);
/// When to confirm an answer that contradicts the known state.
const DOUBT: Duration = Duration::from_secs(1);
/// The interval for [`PRESS_COUNTS`] after a press, when more changes are likely, here or in another Spotify app.
const AFTER_PRESS: Duration = Duration::from_millis(4_400);
const PRESS_COUNTS: Duration = Duration::from_secs(15);
/// The factor by which intervals are longer after the account was throttled.
const STRAINED: u32 = 4;
/// The wait after a failure; doubled with every further one in a row.
const RETRY: Backoff = Backoff::new(Duration::from_secs(2), Duration::from_secs(60));
/// The wait after a refusal that only a change elsewhere can lift, such as a missing permission or a user who isn't on the
/// app's list; doubled with every further one. User actions here poll at once.
const REFUSED: Backoff = Backoff::new(Duration::from_secs(30), Duration::from_secs(3_600));
/// For this long after the computer wakes up its network may not be up yet, so the wait isn't doubled.
const WAKING: Duration = Duration::from_secs(15);

/// The inputs of the schedule.
pub(super) struct PollContext<'a> {
    /// Whether an account can serve calls.
    pub linked: bool,
    /// How long nothing may be sent; `None` if there is no limit.
    pub limited_for: Option<Duration>,
    /// Whether the serving account was throttled recently: polls are slower, presses aren't.
    pub strained: bool,
    /// Whether any instance is visible.
    pub visible: bool,
    /// Whether commands wait for an answer.
    pub has_pending: bool,
    /// The time since the last poll.
    pub since_poll: Duration,
    /// The time since the last press.
    pub since_press: Option<Duration>,
    /// The time since the computer last woke up.
    pub since_wake: Option<Duration>,
    /// For how long nothing has played; `None` while something does.
    pub idle_for: Option<Duration>,
    /// The time until the track ends; zero if it should have ended.
    pub ends_in: Option<Duration>,
    /// The number of polls since the track should have ended.
    pub overdue: u32,
    /// Whether the last answer needs to be confirmed by another one.
    pub needs_confirmation: bool,
    /// For how long a write has been unconfirmed, and whether it changes the item.
    pub unconfirmed_write: Option<(Duration, bool)>,
    /// The error of the last poll, if it failed.
    pub last_error: Option<&'a Error>,
    /// The number of failures in a row.
    pub failures: u32,
}

/// Returns whether asking again won't help. An unreadable success isn't lasting: it is mostly a page of the local network.
pub(super) fn is_lasting(error: &Error) -> bool {
    !error.is_transient() && !matches!(error, Error::Unexpected(200..=299))
}

/// Returns the wait until the next poll; `None` if there is none until something changes.
pub(super) fn next_poll_in(context: &PollContext<'_>) -> Option<Duration> {
    if !context.linked || !context.visible {
        return None;
    }
    if let Some(limited_for) = context.limited_for {
        return Some(limited_for);
    }
    if context.has_pending {
        return Some(WANTED.saturating_sub(context.since_poll));
    }
    if let Some(error) = context.last_error {
        let waking = context.since_wake.is_some_and(|ago| ago < WAKING);
        let failures = if waking { 1 } else { context.failures };
        let backoff = if is_lasting(error) { REFUSED } else { RETRY };
        return Some(backoff.after(failures).saturating_sub(context.since_poll));
    }
    let patience = if context.strained { STRAINED } else { 1 };
    let pressed = context.since_press.is_some_and(|ago| ago < PRESS_COUNTS);
    let quick = |wait: Duration| if pressed { wait.min(AFTER_PRESS) } else { wait };
    let after = |wait: Duration| quick(wait).saturating_mul(patience).saturating_sub(context.since_poll);
    let usual = match context.idle_for {
        _ if context.needs_confirmation => DOUBT.saturating_sub(context.since_poll),
        Some(still) if still >= LONG_STILL => after(ASLEEP),
        Some(_) => after(STILL),
        None => match context.ends_in {
            Some(Duration::ZERO) if context.overdue > 0 && context.overdue < 4 => after(OVERDUE),
            Some(Duration::ZERO) if context.overdue > 0 => after(PLAYING),
            // Not if that would be long after the last poll, as the track may have been paused or changed.
            Some(end) if context.since_poll.saturating_add(end) < NEARLY_OVER => end.saturating_add(AFTER_END),
            _ => after(PLAYING),
        },
    };
    let after_write = context.unconfirmed_write.and_then(|(since, another_item)| {
        let times: &[Duration] = if another_item { &AFTER_SKIP } else { &AFTER_WRITE };
        times.iter().find(|time| **time > since).map(|time| time.saturating_sub(since).saturating_mul(patience))
    });
    Some(after_write.map_or(usual, |wait| wait.min(usual)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn playing() -> PollContext<'static> {
        PollContext {
            linked: true,
            limited_for: None,
            strained: false,
            visible: true,
            has_pending: false,
            since_poll: Duration::ZERO,
            since_press: None,
            since_wake: None,
            idle_for: None,
            ends_in: Some(Duration::from_secs(100)),
            overdue: 0,
            needs_confirmation: false,
            unconfirmed_write: None,
            last_error: None,
            failures: 0,
        }
    }

    const fn seconds(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    #[test]
    fn poll_interval_depends_on_playback() {
        assert_eq!(next_poll_in(&playing()), Some(PLAYING));
        let still = |for_seconds| PollContext { idle_for: Some(seconds(for_seconds)), ends_in: None, ..playing() };
        assert_eq!(next_poll_in(&still(0)), Some(STILL));
        assert_eq!(next_poll_in(&still(599)), Some(STILL));
        assert_eq!(next_poll_in(&still(600)), Some(ASLEEP));
        assert_eq!(next_poll_in(&PollContext { since_poll: seconds(5), ..playing() }), Some(PLAYING - seconds(5)));
    }

    #[test]
    fn poll_is_put_off_until_the_end_of_the_track() {
        let ends = |ends_in, overdue| PollContext { ends_in: Some(ends_in), overdue, ..playing() };
        assert_eq!(next_poll_in(&ends(seconds(11), 0)), Some(seconds(11) + AFTER_END));
        assert_eq!(next_poll_in(&ends(seconds(12), 0)), Some(PLAYING));
        assert_eq!(next_poll_in(&ends(Duration::ZERO, 0)), Some(AFTER_END));
        assert_eq!(next_poll_in(&ends(Duration::ZERO, 1)), Some(OVERDUE), "Spotify may be slow to advance");
        assert_eq!(next_poll_in(&ends(Duration::ZERO, 4)), Some(PLAYING), "but not forever");
    }

    #[test]
    fn poll_follows_a_write() {
        let written = |milliseconds, another| PollContext {
            unconfirmed_write: Some((Duration::from_millis(milliseconds), another)),
            ..playing()
        };
        assert_eq!(next_poll_in(&written(0, true)), Some(Duration::from_millis(250)));
        assert_eq!(next_poll_in(&written(300, true)), Some(Duration::from_millis(250)));
        assert_eq!(next_poll_in(&written(2_200, true)), Some(PLAYING));
        assert_eq!(next_poll_in(&written(0, false)), Some(Duration::from_millis(800)));
        assert_eq!(next_poll_in(&written(800, false)), Some(PLAYING));
    }

    #[test]
    fn poll_is_quicker_for_a_while_after_a_press() {
        let pressed = |ago| PollContext { since_press: Some(seconds(ago)), ..playing() };
        assert_eq!(next_poll_in(&pressed(3)), Some(AFTER_PRESS));
        assert_eq!(next_poll_in(&pressed(15)), Some(PLAYING));
    }

    #[test]
    fn poll_needs_a_visible_key_and_an_account() {
        assert_eq!(next_poll_in(&PollContext { visible: false, ..playing() }), None);
        assert_eq!(next_poll_in(&PollContext { linked: false, ..playing() }), None);
    }

    #[test]
    fn poll_is_slower_after_throttling_and_waits_for_limits() {
        assert_eq!(next_poll_in(&PollContext { strained: true, ..playing() }), Some(PLAYING * 4));
        let wait = seconds(50_400);
        let limited =
            PollContext { limited_for: Some(wait), unconfirmed_write: Some((Duration::ZERO, true)), ..playing() };
        assert_eq!(next_poll_in(&limited), Some(wait));
    }

    #[test]
    fn poll_backs_off_only_after_the_wake_up() {
        let failed = |ago| PollContext {
            last_error: Some(&Error::Offline),
            failures: 5,
            since_wake: Some(seconds(ago)),
            ..playing()
        };
        assert_eq!(next_poll_in(&failed(1)), Some(RETRY.after(1)));
        assert_eq!(next_poll_in(&failed(14)), Some(RETRY.after(1)));
        assert_eq!(next_poll_in(&failed(15)), Some(RETRY.after(1) * 16));
        let limited = PollContext { limited_for: Some(seconds(60)), ..failed(1) };
        assert_eq!(next_poll_in(&limited), Some(seconds(60)), "a limit still applies");
    }

    #[test]
    fn lasting_refusal_is_rarely_polled() {
        for error in [Error::MissingScope, Error::NotOnAllowList, Error::Unexpected(404)] {
            let refused = |failures| PollContext { last_error: Some(&error), failures, ..playing() };
            let waits: Vec<u64> = [1, 2, 7, 8, 99].map(|times| next_poll_in(&refused(times)).unwrap().as_secs()).into();
            assert_eq!(waits, [30, 60, 1_920, 3_600, 3_600], "{error:?}");
        }
        let odd = PollContext { last_error: Some(&Error::Unexpected(200)), failures: 1, ..playing() };
        assert_eq!(next_poll_in(&odd), Some(RETRY.after(1)), "a page of the local network is temporary");
    }

    #[test]
    fn pending_command_is_polled_for_at_once() {
        let failed = PollContext { last_error: Some(&Error::Offline), failures: 9, ..playing() };
        assert_eq!(next_poll_in(&PollContext { has_pending: true, ..failed }), Some(WANTED));
        assert_eq!(
            next_poll_in(&PollContext { has_pending: true, since_poll: seconds(1), ..playing() }),
            Some(Duration::ZERO)
        );
        let limited = PollContext { has_pending: true, limited_for: Some(seconds(60)), ..playing() };
        assert_eq!(next_poll_in(&limited), Some(seconds(60)));
    }

    #[test]
    fn contradicting_answer_is_confirmed_soon() {
        assert_eq!(next_poll_in(&PollContext { needs_confirmation: true, ..playing() }), Some(DOUBT));
        let still =
            PollContext { needs_confirmation: true, idle_for: Some(seconds(700)), since_poll: seconds(1), ..playing() };
        assert_eq!(next_poll_in(&still), Some(Duration::ZERO));
    }

    #[test]
    fn poll_backs_off_and_waits_for_limits() {
        let failed = |failures| PollContext { last_error: Some(&Error::Offline), failures, ..playing() };
        assert_eq!(next_poll_in(&failed(1)), Some(RETRY.after(1)));
        assert_eq!(next_poll_in(&failed(3)), Some(RETRY.after(1) * 4));
        assert_eq!(next_poll_in(&failed(99)), Some(RETRY.longest()));
        let wait = seconds(46_649);
        assert_eq!(next_poll_in(&PollContext { limited_for: Some(wait), ..failed(9) }), Some(wait));
    }
}
