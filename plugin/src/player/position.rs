//! Where what plays is.
//!
//! Spotify reports it with most answers. For some devices it never does: the position is null, negative, 0 or another constant
//! in every read while they play. Then it is estimated, from when the item began as far as that is known.

use std::time::Duration;

use tokio::time::Instant;

use super::snapshot::Now;

/// The same position in two reads that are at least this far apart isn't the position of something that plays.
const STANDSTILL: Duration = Duration::from_secs(1);
/// A position may be beyond the item's end by this, as lengths are rounded.
const BEYOND_END: Duration = Duration::from_secs(2);
/// An item that should have ended so long ago and still plays has begun again.
const BEGUN_AGAIN: Duration = Duration::from_secs(3);
/// An item has begun again if its position is so much lower than expected.
const JUMP: Duration = Duration::from_secs(1);

/// Where an item is, and how that is known.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Position {
    /// The distance from the item's beginning. Beyond its end if it should have ended and still plays.
    pub offset: Duration,
    /// What Spotify reported, if that is possible.
    pub reported: Option<Duration>,
    /// Whether it is an estimate, because what Spotify reported can't be right.
    pub is_estimate: bool,
    /// About when the item began. `None`: before the computer started.
    pub began_at: Option<Instant>,
}

/// What was known before an answer.
#[derive(Clone, Copy, Debug)]
pub(super) struct Before<'a> {
    pub now: &'a Now,
    pub position: Position,
    /// When that was right.
    pub at: Instant,
    /// Where the item is by now, with what was asked for since and was done. Not limited by its length.
    pub expected: Duration,
    /// When a skip or a start was done that this answer can show.
    pub skipped_at: Option<Instant>,
}

impl Position {
    /// Reads the position of an answer that was right at a time.
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
            Some(reported) => (reported, !same || has_begun_again(reported, before.expected, elapsed)),
            None => before.estimate(now, same, at),
        };
        let began_at = if has_begun { at.checked_sub(offset) } else { before.position.began_at };
        Self { offset, reported, is_estimate: repeated || reported.is_none(), began_at }
    }
}

impl Before<'_> {
    /// Returns where what plays is although Spotify doesn't report it, and whether it has begun since.
    fn estimate(&self, now: &Now, same: bool, at: Instant) -> (Duration, bool) {
        let played = |elapsed: Duration| if now.playing { elapsed } else { Duration::ZERO };
        if let Some(skipped_at) = self.skipped_at {
            return (played(at.saturating_duration_since(skipped_at)), true);
        }
        let length = self.now.duration();
        let overdue = length.and_then(|length| self.expected.checked_sub(length));
        match (same, overdue, length) {
            (true, Some(overdue), Some(length)) if now.playing && overdue >= BEGUN_AGAIN => {
                (remainder(overdue, length), true)
            }
            (true, ..) => (self.expected, false),
            // It has followed the one before.
            (false, Some(overdue), _) if self.now.playing && overdue <= at.saturating_duration_since(self.at) => {
                (played(overdue), true)
            }
            (false, ..) => (Duration::ZERO, true),
        }
    }
}

/// The rest of a duration after as many whole rounds of `length` as fit; `length` isn't zero.
fn remainder(duration: Duration, length: Duration) -> Duration {
    let rest = duration.as_nanos().checked_rem(length.as_nanos()).unwrap_or_default();
    Duration::from_nanos(u64::try_from(rest).unwrap_or_default())
}

/// Whether an item has begun again: its position is lower than expected, and not further than it can be since the last look.
pub(super) fn has_begun_again(reported: Duration, expected: Duration, elapsed: Duration) -> bool {
    reported + JUMP <= expected && reported <= elapsed + JUMP
}

/// Whether two answers are about the same item, as far as they say.
fn same_item(one: &Now, other: &Now) -> bool {
    match (&one.track, &other.track) {
        (Some(one), Some(other)) => one.uri == other.uri && (one.uri.is_some() || one.title == other.title),
        (None, None) => one.kind == other.kind,
        _ => false,
    }
}

#[cfg(test)]
mod tests;
