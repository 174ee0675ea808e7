//! Where what plays is.
//!
//! Spotify says so with most answers. Of some devices it never does: the position is null, negative, 0 or another constant
//! at every read while they play. Then it is reckoned, from when the item began as far as that is known.

use super::snapshot::Now;

/// The same position in two reads that are at least this far apart isn't the position of something that plays.
const STANDSTILL_MS: u64 = 1_000;
/// A position may be beyond the item's end by this, as lengths are rounded.
const BEYOND_END_MS: u64 = 2_000;
/// An item that should have ended so long ago and still plays has begun again.
const BEGUN_AGAIN_MS: u64 = 3_000;
/// An item has begun again if its position is so much lower than expected.
const JUMP_MS: u64 = 1_000;

/// Where an item is, and how that is known.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Position {
    /// In milliseconds from the item's beginning. Beyond its end if it should have ended and still plays.
    pub ms: u64,
    /// What Spotify said, if anything that can be.
    pub told_ms: Option<u64>,
    /// Whether it is reckoned, as what Spotify said can't be right.
    pub is_reckoned: bool,
    /// About when the item began.
    pub since_ms: u64,
}

/// What was known before an answer.
#[derive(Clone, Copy, Debug)]
pub(super) struct Before<'a> {
    pub now: &'a Now,
    pub position: Position,
    /// When that was right.
    pub at_ms: u64,
    /// Where the item is by now, with what was asked for since and was done. Not limited by its length.
    pub expected_ms: u64,
    /// When a skip or a start was done that this answer can show.
    pub skipped_ms: Option<u64>,
}

impl Position {
    /// Reads the position of an answer that was right at a time.
    pub fn read(told_ms: Option<u64>, now: &Now, before: Option<Before<'_>>, at_ms: u64) -> Self {
        let duration_ms = now.duration_ms();
        let possible =
            |told_ms: &u64| duration_ms.is_none_or(|end_ms| *told_ms <= end_ms.saturating_add(BEYOND_END_MS));
        let told_ms = told_ms.filter(possible).map(|told_ms| duration_ms.map_or(told_ms, |end_ms| told_ms.min(end_ms)));
        let Some(before) = before else {
            let ms = told_ms.unwrap_or_default();
            return Self { ms, told_ms, is_reckoned: told_ms.is_none(), since_ms: at_ms.saturating_sub(ms) };
        };
        let same = same_item(before.now, now);
        let elapsed_ms = at_ms.saturating_sub(before.at_ms);
        let stands_still = same && before.now.playing && now.playing && elapsed_ms >= STANDSTILL_MS;
        let repeated = told_ms == before.position.told_ms && (before.position.is_reckoned || stands_still);
        let (ms, began) = match told_ms.filter(|_| !repeated) {
            Some(told_ms) => (told_ms, !same || has_begun_again(told_ms, before.expected_ms, elapsed_ms)),
            None => before.reckon(now, same, at_ms),
        };
        let since_ms = if began { at_ms.saturating_sub(ms) } else { before.position.since_ms };
        Self { ms, told_ms, is_reckoned: repeated || told_ms.is_none(), since_ms }
    }
}

impl Before<'_> {
    /// Where what plays is without Spotify's word for it, and whether it has begun since.
    fn reckon(&self, now: &Now, same: bool, at_ms: u64) -> (u64, bool) {
        let since = |began_ms: u64| if now.playing { at_ms.saturating_sub(began_ms) } else { 0 };
        if let Some(skipped_ms) = self.skipped_ms {
            return (since(skipped_ms), true);
        }
        let length_ms = self.now.duration_ms();
        let overdue_ms = length_ms.and_then(|length_ms| self.expected_ms.checked_sub(length_ms));
        match (same, overdue_ms, length_ms) {
            (true, Some(overdue_ms), Some(length_ms)) if now.playing && overdue_ms >= BEGUN_AGAIN_MS => {
                (overdue_ms.checked_rem(length_ms).unwrap_or_default(), true)
            }
            (true, ..) => (self.expected_ms, false),
            // It has followed the one before.
            (false, Some(overdue_ms), _) if self.now.playing && overdue_ms <= at_ms.saturating_sub(self.at_ms) => {
                (since(at_ms.saturating_sub(overdue_ms)), true)
            }
            (false, ..) => (0, true),
        }
    }
}

/// Whether an item has begun again: its position is lower than expected, and not further than it can be since the last look.
pub(super) fn has_begun_again(told_ms: u64, expected_ms: u64, elapsed_ms: u64) -> bool {
    told_ms.saturating_add(JUMP_MS) <= expected_ms && told_ms <= elapsed_ms.saturating_add(JUMP_MS)
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
