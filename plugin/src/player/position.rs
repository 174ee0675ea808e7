//! The playback position.
//!
//! Spotify reports it with most answers. For some devices it never does: the position is null, negative, 0 or another constant
//! in every answer while they play. Then it is estimated from when the item began, as far as that is known.

use std::time::Duration;

use tokio::time::Instant;

use super::snapshot::Now;

/// If two answers at least this far apart report the same position while an item plays, that position is wrong.
const STANDSTILL: Duration = Duration::from_secs(1);
/// How far a position may be beyond the item's end, as lengths are rounded.
const BEYOND_END: Duration = Duration::from_secs(2);
/// An item that should have ended this long ago and still plays has started again.
const RESTARTED_AFTER: Duration = Duration::from_secs(3);
/// An item has started again if its position is at least this much lower than expected.
const JUMP: Duration = Duration::from_secs(1);

/// The position of an item, and how it is known.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Position {
    /// The distance from the item's beginning. Beyond its end if it should have ended and still plays.
    pub offset: Duration,
    /// The position that Spotify reported, if it is plausible.
    pub reported: Option<Duration>,
    /// Whether `offset` is an estimate, because the reported position can't be right.
    pub is_estimate: bool,
    /// About when the item began; `None` if before the computer started.
    pub began_at: Option<Instant>,
}

/// The state before an answer.
#[derive(Clone, Copy, Debug)]
pub(super) struct Before<'a> {
    pub now: &'a Now,
    pub position: Position,
    /// The time that `now` and `position` refer to.
    pub at: Instant,
    /// The position to expect now, with completed commands applied. Not limited by the item's length.
    pub expected: Duration,
    /// When the latest skip or start was completed that this answer can show.
    pub skipped_at: Option<Instant>,
}

impl Position {
    /// Derives the position from an answer about the time `at`.
    pub fn read(reported: Option<Duration>, now: &Now, before: Option<Before<'_>>, at: Instant) -> Self {
        let length = now.duration();
        let is_possible = |reported: &Duration| length.is_none_or(|length| *reported <= length + BEYOND_END);
        let reported =
            reported.filter(is_possible).map(|reported| length.map_or(reported, |length| reported.min(length)));
        let Some(before) = before else {
            let offset = reported.unwrap_or_default();
            return Self { offset, reported, is_estimate: reported.is_none(), began_at: at.checked_sub(offset) };
        };
        let same = same_item(before.now, now);
        let elapsed = at.saturating_duration_since(before.at);
        let stands_still = same && before.now.playing && now.playing && elapsed >= STANDSTILL;
        let repeated = reported == before.position.reported && (before.position.is_estimate || stands_still);
        let (offset, has_begun) = match reported.filter(|_| !repeated) {
            Some(reported) => (reported, !same || has_restarted(reported, before.expected, elapsed)),
            None => before.estimate(now, same, at),
        };
        let began_at = if has_begun { at.checked_sub(offset) } else { before.position.began_at };
        Self { offset, reported, is_estimate: repeated || reported.is_none(), began_at }
    }
}

impl Before<'_> {
    /// Estimates the position, and returns whether the item has begun since.
    fn estimate(&self, now: &Now, same: bool, at: Instant) -> (Duration, bool) {
        let played = |elapsed: Duration| if now.playing { elapsed } else { Duration::ZERO };
        if let Some(skipped_at) = self.skipped_at {
            return (played(at.saturating_duration_since(skipped_at)), true);
        }
        let length = self.now.duration();
        let overdue = length.and_then(|length| self.expected.checked_sub(length));
        match (same, overdue, length) {
            (true, Some(overdue), Some(length)) if now.playing && overdue >= RESTARTED_AFTER => {
                (remainder(overdue, length), true)
            }
            (true, ..) => (self.expected, false),
            // It followed when the previous item ended.
            (false, Some(overdue), _) if self.now.playing && overdue <= at.saturating_duration_since(self.at) => {
                (played(overdue), true)
            }
            (false, ..) => (Duration::ZERO, true),
        }
    }
}

/// Returns the remainder of dividing a duration by `length`; zero if `length` is.
fn remainder(duration: Duration, length: Duration) -> Duration {
    let rest = duration.as_nanos().checked_rem(length.as_nanos()).unwrap_or_default();
    Duration::from_nanos(u64::try_from(rest).unwrap_or_default())
}

/// Returns whether an item has started again: its position is lower than expected, and can be reached in `elapsed`.
pub(super) fn has_restarted(reported: Duration, expected: Duration, elapsed: Duration) -> bool {
    reported + JUMP <= expected && reported <= elapsed + JUMP
}

/// Returns whether two answers are about the same item, as far as they identify it.
fn same_item(one: &Now, other: &Now) -> bool {
    match (&one.track, &other.track) {
        (Some(one), Some(other)) => one.uri == other.uri && (one.uri.is_some() || one.title == other.title),
        (None, None) => one.kind == other.kind,
        _ => false,
    }
}

#[cfg(test)]
mod tests;
