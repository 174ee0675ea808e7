//! When to ask Spotify next: one pure function, so that there is one place to make it cleverer.

use std::time::Duration;

use crate::spotify::Error;

/// While something is visible.
const PLAYING: Duration = Duration::from_secs(5);
/// While nothing plays, or nothing is active.
const IDLE: Duration = Duration::from_secs(15);
/// After a write, for Spotify to have agreed with it.
const AFTER_WRITE: Duration = Duration::from_millis(300);
/// After the end of a track, for Spotify to have gone on.
const AFTER_END: Duration = Duration::from_millis(300);
/// So many times longer while the account should be spared.
const STRAINED: u32 = 4;
/// After a first failure; doubled with every further one.
const FIRST_RETRY: Duration = Duration::from_secs(2);
const LAST_RETRY: Duration = Duration::from_secs(60);

/// What the schedule depends on.
pub(super) struct Situation<'a> {
    /// Whether an account can serve calls.
    pub linked: bool,
    /// How long nothing may be sent.
    pub limited_for: Option<Duration>,
    /// Whether the account that serves was throttled a short while ago: presses go on, questions wait.
    pub strained: bool,
    /// Whether any instance is visible.
    pub visible: bool,
    /// Whether Spotify plays.
    pub playing: bool,
    /// How long until the track ends.
    pub ends_in: Option<Duration>,
    /// Whether a write has just ended, or waits for a read that agrees with it.
    pub after_write: bool,
    /// The last failure, and how many there were in a row.
    pub problem: Option<&'a Error>,
    pub failures: u32,
}

/// How long after the last answer to ask again; `None`: not before something changes.
pub(super) fn ask_again_in(situation: &Situation<'_>) -> Option<Duration> {
    if !situation.linked || !situation.visible {
        return None;
    }
    if let Some(limited_for) = situation.limited_for {
        return Some(limited_for);
    }
    if situation.problem.is_some() {
        return Some((FIRST_RETRY * 2_u32.pow(situation.failures.saturating_sub(1).min(8))).min(LAST_RETRY));
    }
    let patience = if situation.strained { STRAINED } else { 1 };
    if situation.after_write {
        return Some(AFTER_WRITE * patience);
    }
    let usual = if situation.playing { PLAYING } else { IDLE } * patience;
    Some(situation.ends_in.map_or(usual, |end| usual.min(end + AFTER_END)))
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
            playing: true,
            ends_in: Some(Duration::from_secs(100)),
            after_write: false,
            problem: None,
            failures: 0,
        }
    }

    #[test]
    fn asks_more_often_while_something_can_change() {
        assert_eq!(ask_again_in(&calm()), Some(PLAYING));
        assert_eq!(ask_again_in(&Situation { playing: false, ends_in: None, ..calm() }), Some(IDLE));
        assert_eq!(ask_again_in(&Situation { after_write: true, ..calm() }), Some(AFTER_WRITE));
        let end = Duration::from_secs(1);
        assert_eq!(ask_again_in(&Situation { ends_in: Some(end), ..calm() }), Some(end + AFTER_END));
    }

    #[test]
    fn asks_nothing_that_nobody_sees_or_can_be_answered() {
        assert_eq!(ask_again_in(&Situation { visible: false, ..calm() }), None);
        assert_eq!(ask_again_in(&Situation { linked: false, ..calm() }), None);
    }

    #[test]
    fn spares_an_account_that_was_throttled_and_asks_nothing_while_limited() {
        assert_eq!(ask_again_in(&Situation { strained: true, ..calm() }), Some(PLAYING * 4));
        let wait = Duration::from_secs(50_400);
        let limited = Situation { limited_for: Some(wait), after_write: true, ..calm() };
        assert_eq!(ask_again_in(&limited), Some(wait));
    }

    #[test]
    fn backs_off_and_keeps_to_what_spotify_says() {
        let failed = |failures| Situation { problem: Some(&Error::Offline), failures, ..calm() };
        assert_eq!(ask_again_in(&failed(1)), Some(FIRST_RETRY));
        assert_eq!(ask_again_in(&failed(3)), Some(FIRST_RETRY * 4));
        assert_eq!(ask_again_in(&failed(99)), Some(LAST_RETRY));
        let wait = Duration::from_secs(46_649);
        assert_eq!(ask_again_in(&Situation { limited_for: Some(wait), ..failed(9) }), Some(wait));
    }
}
