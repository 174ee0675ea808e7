//! The sleep timer: when playback is to be paused, and what is left until then.
//!
//! There is one for the whole package, and it is forgotten when the package ends. It knows nothing of calls: the model fades
//! and pauses when it is due.

use super::command::{Command, SleepUntil};
use super::snapshot::{Now, next_unit_ms, unit_ms};
use crate::spotify::Uri;

/// The volume is faded out for so long before the pause.
pub(super) const FADE_MS: u64 = 10_000;
/// A press while it runs adds so much.
const MORE_MS: u64 = 15 * MINUTE_MS;
const MINUTE_MS: u64 = 60_000;
/// Presses add up to this at most.
const LONGEST_MS: u64 = 24 * 60 * MINUTE_MS;
/// A pause that is later than this isn't made any more: the computer has slept.
const LATE_MS: u64 = 60_000;
/// At the end of an item the pause is sent so much earlier, so that the next one doesn't begin.
const LEAD_MS: u64 = 500;
/// An item that changes so long before its end has ended: Spotify crossfades for up to 12 s.
const CROSSFADE_MS: u64 = 15_000;
/// A pause that has failed for a reason that passes is tried again after this, and so often.
const RETRY_MS: u64 = 10_000;
const MAX_RETRIES: u8 = 5;

/// The sleep timer as it is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SleepTimer {
    /// What is left, rounded up, in seconds: whole seconds up to an hour, then whole minutes. None where the length of what plays
    /// isn't known.
    pub seconds: Option<u64>,
    /// How much of the whole time is left, in percent.
    pub percent: u8,
    /// Whether it pauses at the end of what plays.
    pub at_item_end: bool,
}

/// What it waits for.
#[derive(Clone, Debug, PartialEq)]
enum Target {
    /// A time.
    Time,
    /// The end of this item; None while it isn't known which one that is.
    Item(Option<Uri>),
}

/// The volume on its way down.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Faded {
    /// The device that it is faded on.
    pub device: Option<String>,
    /// The volume before.
    pub before: u8,
    /// The volumes that were set, and when; at most one a step of the fade.
    pub steps: Vec<(u64, u8)>,
}

/// The sleep timer. Times are Unix milliseconds.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Sleep {
    /// The press that has started it: why a pause fails is shown there.
    pub command: Command,
    target: Target,
    /// When it pauses, as far as that is known.
    end_ms: Option<u64>,
    /// The whole time.
    total_ms: u64,
    /// Whether the volume is to be faded; not after a fade was cancelled or refused.
    pub may_fade: bool,
    /// What to set the volume back to.
    pub faded: Option<Faded>,
    /// Whether the pause is on its way.
    pub is_pausing: bool,
    retries: u8,
}

impl Sleep {
    /// A timer that starts now.
    pub fn new(until: SleepUntil, command: Command, now_ms: u64) -> Self {
        let (target, total_ms) = match until {
            SleepUntil::Minutes(minutes) => (Target::Time, u64::from(minutes) * MINUTE_MS),
            SleepUntil::EndOfItem => (Target::Item(None), 0),
        };
        let end_ms = (target == Target::Time).then(|| now_ms.saturating_add(total_ms));
        Self { command, target, end_ms, total_ms, may_fade: true, faded: None, is_pausing: false, retries: 0 }
    }

    /// Adds 15 minutes. From then on it is a time that it waits for.
    pub fn add(&mut self, now_ms: u64) {
        let from_ms = self.end_ms.unwrap_or(now_ms).max(now_ms);
        self.target = Target::Time;
        self.end_ms = Some(from_ms.saturating_add(MORE_MS).min(now_ms.saturating_add(LONGEST_MS)));
        self.total_ms = self.total_ms.saturating_add(MORE_MS).min(LONGEST_MS);
        self.may_fade = true;
    }

    /// Whether it waits for the end of an item.
    pub fn is_for_item(&self) -> bool {
        matches!(self.target, Target::Item(_))
    }

    /// Where it waits for the end of an item: that is this one, which ends then.
    pub fn follow(&mut self, now: &Now, ends_ms: Option<u64>) {
        let Target::Item(item) = &mut self.target else { return };
        *item = now.uri().cloned();
        self.end_ms = ends_ms.map(|ends_ms| ends_ms.saturating_sub(LEAD_MS));
        self.total_ms = now.duration_ms().unwrap_or_default();
    }

    /// Whether the item that it waits for has ended, if something else plays now that wasn't asked for here.
    pub fn has_ended(&self, plays: Option<&Uri>, now_ms: u64) -> bool {
        let Target::Item(Some(item)) = &self.target else { return false };
        let is_near = self.end_ms.is_none_or(|end_ms| end_ms <= now_ms.saturating_add(CROSSFADE_MS));
        plays != Some(item) && is_near
    }

    /// Makes it due now.
    pub fn end_now(&mut self, now_ms: u64) {
        (self.target, self.end_ms) = (Target::Time, Some(now_ms));
    }

    /// Whether the pause is due.
    pub fn is_due(&self, now_ms: u64) -> bool {
        self.end_ms.is_some_and(|end_ms| end_ms <= now_ms)
    }

    /// Whether the pause was due so long ago that it would be a surprise.
    pub fn is_late(&self, now_ms: u64) -> bool {
        self.end_ms.is_some_and(|end_ms| end_ms.saturating_add(LATE_MS) < now_ms)
    }

    /// How long the fade still lasts, within its time.
    pub fn fade_left_ms(&self, now_ms: u64) -> Option<u64> {
        self.end_ms?.checked_sub(now_ms).filter(|left_ms| (1..=FADE_MS).contains(left_ms))
    }

    /// When something is to be done next: the fade, then the pause.
    pub fn next_ms(&self, now_ms: u64) -> Option<u64> {
        let end_ms = self.end_ms.filter(|_| !self.is_pausing)?;
        let fade_ms = end_ms.saturating_sub(FADE_MS);
        Some(if fade_ms > now_ms { fade_ms } else { end_ms.max(now_ms) })
    }

    /// Whether a pause that has failed for a reason that passes is tried again. It is due again then.
    pub fn retry(&mut self, now_ms: u64) -> bool {
        if self.retries == MAX_RETRIES {
            return false;
        }
        self.retries += 1;
        self.end_now(now_ms.saturating_add(RETRY_MS));
        (self.is_pausing, self.may_fade) = (false, false);
        true
    }

    /// The clock was set: no more is left than there was in all.
    pub fn on_clock_change(&mut self, now_ms: u64) {
        let latest_ms = now_ms.saturating_add(self.total_ms);
        self.end_ms = self.end_ms.map(|end_ms| end_ms.min(latest_ms));
    }

    /// What is shown of it; None once the pause is on its way.
    pub fn shown(&self, now_ms: u64) -> Option<SleepTimer> {
        if self.is_pausing {
            return None;
        }
        let left_ms = self.end_ms.map(|end_ms| end_ms.saturating_sub(now_ms));
        let seconds = left_ms.map(|left_ms| {
            let unit_ms = unit_ms(left_ms);
            left_ms.div_ceil(unit_ms).saturating_mul(unit_ms / 1_000)
        });
        let percent = left_ms.and_then(|left_ms| left_ms.saturating_mul(100).checked_div(self.total_ms));
        let percent = u8::try_from(percent.unwrap_or(100).min(100)).unwrap_or(100);
        Some(SleepTimer { seconds, percent, at_item_end: self.is_for_item() })
    }

    /// When what is shown changes next.
    pub fn next_change_ms(&self, now_ms: u64) -> Option<u64> {
        next_unit_ms(self.end_ms.filter(|_| !self.is_pausing)?, now_ms)
    }
}
