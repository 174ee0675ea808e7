//! When to ask Spotify what plays: one pure function, so that there is one place to make it cleverer.
//!
//! While something plays, a change made elsewhere is to be seen within 4.5 s at the median, which takes a query every
//! 8.6 s; asking at even distances is the cheapest way to that. A track's own end is known and needs no query before
//! it. Paused and idle are slower, and slower still after a while, as then a press is the likeliest thing to happen.

use std::time::Duration;

use host_sdk::backoff::Backoff;

use crate::spotify::Error;

/// While something plays.
const PLAYING: Duration = Duration::from_millis(8_600);
/// A query is left out if the track ends within this: the one after the end tells both.
const NEARLY_OVER: Duration = Duration::from_millis(11_500);
/// While nothing plays, or nothing is active.
const STILL: Duration = Duration::from_millis(15_500);
/// The same, after [`LONG_STILL`].
const ASLEEP: Duration = Duration::from_secs(60);
const LONG_STILL: Duration = Duration::from_secs(600);
/// After a write that puts on another item: its name and cover are wanted at once.
const AFTER_SKIP: [Duration; 4] = [
    Duration::from_millis(250),
    Duration::from_millis(550),
    Duration::from_millis(1_100),
    Duration::from_millis(2_200),
];
/// After any other write, for Spotify to have agreed with it: nothing is missing on the keys meanwhile.
const AFTER_WRITE: [Duration; 1] = [Duration::from_millis(800)];
/// After the end of a track, for Spotify to have gone on.
const AFTER_END: Duration = Duration::from_millis(350);
/// A track that should have ended and has not is asked about again after this.
const OVERDUE: Duration = Duration::from_millis(700);
/// A command that waits for an answer is worth a query so soon after the last one.
const WANTED: Duration = Duration::from_millis(300);
/// An answer that contradicts what was known is confirmed after this.
const DOUBT: Duration = Duration::from_secs(1);
/// After a press somebody is at work, here or in another Spotify app: so much quicker, and for so long.
const AFTER_PRESS: Duration = Duration::from_millis(4_400);
const PRESS_COUNTS: Duration = Duration::from_secs(15);
/// So many times longer while the account should be spared.
const STRAINED: u32 = 4;
/// After a first failure; doubled with every further one.
const RETRY: Backoff = Backoff::new(Duration::from_secs(2), Duration::from_secs(60));
/// After a refusal that only something outside can change, such as a missing permission or a user who isn't on the app's list:
/// what the user does here asks at once. Doubled with every further one.
const REFUSED: Backoff = Backoff::new(Duration::from_secs(30), Duration::from_secs(3_600));
/// So long after a wake-up of the computer its network may not be there yet: the wait isn't doubled meanwhile.
const WAKING: Duration = Duration::from_secs(15);

/// What the schedule depends on.
pub(super) struct Situation<'a> {
    /// Whether an account can serve calls.
    pub linked: bool,
    /// How long nothing may be sent.
    pub limited_for: Option<Duration>,
    /// Whether the account that serves was throttled a short while ago: presses go on, queries wait.
    pub strained: bool,
    /// Whether any instance is visible.
    pub visible: bool,
    /// Whether a command waits for an answer.
    pub wanted: bool,
    /// How long ago Spotify was asked last.
    pub since: Duration,
    /// How long ago a key was pressed.
    pub pressed: Option<Duration>,
    /// How long ago the computer has woken up, if it has slept.
    pub woke: Option<Duration>,
    /// For how long nothing has played; None while something does.
    pub idle_for: Option<Duration>,
    /// How long until the track ends; zero when it should have ended.
    pub ends_in: Option<Duration>,
    /// How often Spotify was asked since the track should have ended.
    pub overdue: u32,
    /// Whether the last answer is to be confirmed by another one.
    pub has_doubts: bool,
    /// For how long a write waits for a read that agrees, and whether it put on another item.
    pub written: Option<(Duration, bool)>,
    /// The last failure, and how many there were in a row.
    pub last_error: Option<&'a Error>,
    pub failures: u32,
}

/// Whether a failure is one that asking again won't change. What can't be read isn't: a network's own page mostly.
pub(super) fn is_lasting(error: &Error) -> bool {
    !error.is_transient() && !matches!(error, Error::Unexpected(200..=299))
}

/// In how long to ask again; `None`: not before something changes.
pub(super) fn next_poll_in(situation: &Situation<'_>) -> Option<Duration> {
    if !situation.linked || !situation.visible {
        return None;
    }
    if let Some(limited_for) = situation.limited_for {
        return Some(limited_for);
    }
    if situation.wanted {
        return Some(WANTED.saturating_sub(situation.since));
    }
    if let Some(error) = situation.last_error {
        let waking = situation.woke.is_some_and(|ago| ago < WAKING);
        let failures = if waking { 1 } else { situation.failures };
        let backoff = if is_lasting(error) { REFUSED } else { RETRY };
        return Some(backoff.after(failures).saturating_sub(situation.since));
    }
    let patience = if situation.strained { STRAINED } else { 1 };
    let pressed = situation.pressed.is_some_and(|ago| ago < PRESS_COUNTS);
    let quick = |wait: Duration| if pressed { wait.min(AFTER_PRESS) } else { wait };
    let after = |wait: Duration| quick(wait).saturating_mul(patience).saturating_sub(situation.since);
    let usual = match situation.idle_for {
        _ if situation.has_doubts => DOUBT.saturating_sub(situation.since),
        Some(still) if still >= LONG_STILL => after(ASLEEP),
        Some(_) => after(STILL),
        None => match situation.ends_in {
            Some(Duration::ZERO) if situation.overdue > 0 && situation.overdue < 4 => after(OVERDUE),
            Some(Duration::ZERO) if situation.overdue > 0 => after(PLAYING),
            // Unless that would be long after the last query: it may be about the end of a track that is put off.
            Some(end) if situation.since.saturating_add(end) < NEARLY_OVER => end.saturating_add(AFTER_END),
            _ => after(PLAYING),
        },
    };
    let after_write = situation.written.and_then(|(since, another_item)| {
        let times: &[Duration] = if another_item { &AFTER_SKIP } else { &AFTER_WRITE };
        times.iter().find(|time| **time > since).map(|time| time.saturating_sub(since).saturating_mul(patience))
    });
    Some(after_write.map_or(usual, |wait| wait.min(usual)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn calm() -> Situation<'static> {
        Situation {
            linked: true,
            limited_for: None,
            strained: false,
            visible: true,
            wanted: false,
            since: Duration::ZERO,
            pressed: None,
            woke: None,
            idle_for: None,
            ends_in: Some(Duration::from_secs(100)),
            overdue: 0,
            has_doubts: false,
            written: None,
            last_error: None,
            failures: 0,
        }
    }

    const fn seconds(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    #[test]
    fn asks_as_often_as_things_can_change() {
        assert_eq!(next_poll_in(&calm()), Some(PLAYING));
        let still = |for_seconds| Situation { idle_for: Some(seconds(for_seconds)), ends_in: None, ..calm() };
        assert_eq!(next_poll_in(&still(0)), Some(STILL));
        assert_eq!(next_poll_in(&still(599)), Some(STILL));
        assert_eq!(next_poll_in(&still(600)), Some(ASLEEP));
        assert_eq!(next_poll_in(&Situation { since: seconds(5), ..calm() }), Some(PLAYING - seconds(5)));
    }

    #[test]
    fn one_question_at_a_tracks_end_tells_what_one_before_it_would() {
        let ends = |ends_in, overdue| Situation { ends_in: Some(ends_in), overdue, ..calm() };
        assert_eq!(next_poll_in(&ends(seconds(11), 0)), Some(seconds(11) + AFTER_END));
        assert_eq!(next_poll_in(&ends(seconds(12), 0)), Some(PLAYING));
        assert_eq!(next_poll_in(&ends(Duration::ZERO, 0)), Some(AFTER_END));
        assert_eq!(next_poll_in(&ends(Duration::ZERO, 1)), Some(OVERDUE), "Spotify takes its time");
        assert_eq!(next_poll_in(&ends(Duration::ZERO, 4)), Some(PLAYING), "but not for ever");
    }

    #[test]
    fn looks_at_once_for_another_item_and_later_whether_spotify_agrees() {
        let written = |milliseconds, another| Situation {
            written: Some((Duration::from_millis(milliseconds), another)),
            ..calm()
        };
        assert_eq!(next_poll_in(&written(0, true)), Some(Duration::from_millis(250)));
        assert_eq!(next_poll_in(&written(300, true)), Some(Duration::from_millis(250)));
        assert_eq!(next_poll_in(&written(2_200, true)), Some(PLAYING));
        assert_eq!(next_poll_in(&written(0, false)), Some(Duration::from_millis(800)));
        assert_eq!(next_poll_in(&written(800, false)), Some(PLAYING));
    }

    #[test]
    fn is_quicker_for_a_while_after_a_press() {
        let pressed = |ago| Situation { pressed: Some(seconds(ago)), ..calm() };
        assert_eq!(next_poll_in(&pressed(3)), Some(AFTER_PRESS));
        assert_eq!(next_poll_in(&pressed(15)), Some(PLAYING));
    }

    #[test]
    fn asks_nothing_that_nobody_sees_or_can_be_answered() {
        assert_eq!(next_poll_in(&Situation { visible: false, ..calm() }), None);
        assert_eq!(next_poll_in(&Situation { linked: false, ..calm() }), None);
    }

    #[test]
    fn spares_an_account_that_was_throttled_and_asks_nothing_while_limited() {
        assert_eq!(next_poll_in(&Situation { strained: true, ..calm() }), Some(PLAYING * 4));
        let wait = seconds(50_400);
        let limited = Situation { limited_for: Some(wait), written: Some((Duration::ZERO, true)), ..calm() };
        assert_eq!(next_poll_in(&limited), Some(wait));
    }

    #[test]
    fn while_the_computer_wakes_up_it_tries_again_soon_and_only_then_backs_off() {
        let failed =
            |ago| Situation { last_error: Some(&Error::Offline), failures: 5, woke: Some(seconds(ago)), ..calm() };
        assert_eq!(next_poll_in(&failed(1)), Some(RETRY.after(1)));
        assert_eq!(next_poll_in(&failed(14)), Some(RETRY.after(1)));
        assert_eq!(next_poll_in(&failed(15)), Some(RETRY.after(1) * 16));
        let limited = Situation { limited_for: Some(seconds(60)), ..failed(1) };
        assert_eq!(next_poll_in(&limited), Some(seconds(60)), "what Spotify says counts all the same");
    }

    #[test]
    fn refusals_that_last_are_rarely_asked_again() {
        for error in [Error::MissingScope, Error::NotOnAllowList, Error::Unexpected(404)] {
            let refused = |failures| Situation { last_error: Some(&error), failures, ..calm() };
            let waits: Vec<u64> = [1, 2, 7, 8, 99].map(|times| next_poll_in(&refused(times)).unwrap().as_secs()).into();
            assert_eq!(waits, [30, 60, 1_920, 3_600, 3_600], "{error:?}");
        }
        let odd = Situation { last_error: Some(&Error::Unexpected(200)), failures: 1, ..calm() };
        assert_eq!(next_poll_in(&odd), Some(RETRY.after(1)), "a page of the network's passes");
    }

    #[test]
    fn command_that_waits_is_worth_a_question() {
        let failed = Situation { last_error: Some(&Error::Offline), failures: 9, ..calm() };
        assert_eq!(next_poll_in(&Situation { wanted: true, ..failed }), Some(WANTED));
        assert_eq!(next_poll_in(&Situation { wanted: true, since: seconds(1), ..calm() }), Some(Duration::ZERO));
        let limited = Situation { wanted: true, limited_for: Some(seconds(60)), ..calm() };
        assert_eq!(next_poll_in(&limited), Some(seconds(60)));
    }

    #[test]
    fn doubtful_answer_is_confirmed_soon() {
        assert_eq!(next_poll_in(&Situation { has_doubts: true, ..calm() }), Some(DOUBT));
        let still = Situation { has_doubts: true, idle_for: Some(seconds(700)), since: seconds(1), ..calm() };
        assert_eq!(next_poll_in(&still), Some(Duration::ZERO));
    }

    #[test]
    fn backs_off_and_keeps_to_what_spotify_says() {
        let failed = |failures| Situation { last_error: Some(&Error::Offline), failures, ..calm() };
        assert_eq!(next_poll_in(&failed(1)), Some(RETRY.after(1)));
        assert_eq!(next_poll_in(&failed(3)), Some(RETRY.after(1) * 4));
        assert_eq!(next_poll_in(&failed(99)), Some(RETRY.longest()));
        let wait = seconds(46_649);
        assert_eq!(next_poll_in(&Situation { limited_for: Some(wait), ..failed(9) }), Some(wait));
    }
}
