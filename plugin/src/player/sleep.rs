//! The sleep timer: when playback is to be paused, and what is left until then.
//!
//! There is one for the whole package, and it is forgotten when the package ends. It knows nothing of calls: the model fades
//! and pauses when it is due.

use std::time::Duration;

use tokio::time::Instant;

use super::command::{Command, SleepUntil};
use super::snapshot::{Now, next_unit_in, seconds_shown};
use crate::spotify::{DeviceId, Uri};

/// The volume is faded out for so long before the pause.
pub(super) const FADE: Duration = Duration::from_secs(10);
/// A press while it runs adds so much.
const MORE: Duration = Duration::from_secs(15 * 60);
/// Presses add up to this at most.
const LONGEST: Duration = Duration::from_secs(24 * 3_600);
/// A pause that is later than this isn't made any more: the computer has slept.
const LATE: Duration = Duration::from_secs(60);
/// At the end of an item the pause is sent so much earlier, so that the next one doesn't begin.
const LEAD: Duration = Duration::from_millis(500);
/// An item that changes so long before its end has ended: Spotify crossfades for up to 12 s.
const CROSSFADE: Duration = Duration::from_secs(15);
/// A pause that has failed for a reason that passes is tried again after this, and so often.
const RETRY: Duration = Duration::from_secs(10);
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
    pub device: Option<DeviceId>,
    /// The volume before.
    pub before: u8,
    /// The volumes that were set, and when; at most one a step of the fade.
    pub steps: Vec<(Instant, u8)>,
}

/// The sleep timer.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Sleep {
    /// The press that has started it: why a pause fails is shown there.
    pub command: Command,
    target: Target,
    /// When it pauses, as far as that is known.
    end: Option<Instant>,
    /// The whole time.
    total: Duration,
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
    pub fn new(until: SleepUntil, command: Command, now: Instant) -> Self {
        let (target, total) = match until {
            SleepUntil::Minutes(minutes) => (Target::Time, Duration::from_secs(u64::from(minutes) * 60)),
            SleepUntil::EndOfItem => (Target::Item(None), Duration::ZERO),
        };
        let end = (target == Target::Time).then(|| now + total);
        Self { command, target, end, total, may_fade: true, faded: None, is_pausing: false, retries: 0 }
    }

    /// Adds 15 minutes. From then on it is a time that it waits for.
    pub fn add(&mut self, now: Instant) {
        let from = self.end.unwrap_or(now).max(now);
        self.target = Target::Time;
        self.end = Some((from + MORE).min(now + LONGEST));
        self.total = (self.total + MORE).min(LONGEST);
        self.may_fade = true;
    }

    /// Whether it waits for the end of an item.
    pub fn is_for_item(&self) -> bool {
        matches!(self.target, Target::Item(_))
    }

    /// Where it waits for the end of an item: that is this one, which ends then.
    pub fn follow(&mut self, item_now: &Now, ends_at: Option<Instant>) {
        let Target::Item(item) = &mut self.target else { return };
        *item = item_now.uri().cloned();
        self.end = ends_at.map(|ends_at| ends_at.checked_sub(LEAD).unwrap_or(ends_at));
        self.total = item_now.duration().unwrap_or_default();
    }

    /// Whether the item that it waits for has ended, if something else plays now that wasn't asked for here.
    pub fn has_ended(&self, plays: Option<&Uri>, now: Instant) -> bool {
        let Target::Item(Some(item)) = &self.target else { return false };
        let is_near = self.end.is_none_or(|end| end <= now + CROSSFADE);
        plays != Some(item) && is_near
    }

    /// Makes it due at a time.
    pub fn end_at(&mut self, at: Instant) {
        (self.target, self.end) = (Target::Time, Some(at));
    }

    /// Whether the pause is due.
    pub fn is_due(&self, now: Instant) -> bool {
        self.end.is_some_and(|end| end <= now)
    }

    /// Whether the pause was due so long ago that it would be a surprise.
    pub fn is_late(&self, now: Instant) -> bool {
        self.end.is_some_and(|end| end + LATE < now)
    }

    /// How long the fade still lasts, within its time.
    pub fn fade_left(&self, now: Instant) -> Option<Duration> {
        Some(self.end?.saturating_duration_since(now)).filter(|left| !left.is_zero() && *left <= FADE)
    }

    /// When something is to be done next: the fade, then the pause.
    pub fn next(&self, now: Instant) -> Option<Instant> {
        let end = self.end.filter(|_| !self.is_pausing)?;
        Some(end.checked_sub(FADE).filter(|fade| *fade > now).unwrap_or(end.max(now)))
    }

    /// Whether a pause that has failed for a reason that passes is tried again. It is due again then.
    pub fn retry(&mut self, now: Instant) -> bool {
        if self.retries == MAX_RETRIES {
            return false;
        }
        self.retries += 1;
        self.end_at(now + RETRY);
        (self.is_pausing, self.may_fade) = (false, false);
        true
    }

    /// What is shown of it; None once the pause is on its way.
    pub fn shown(&self, now: Instant) -> Option<SleepTimer> {
        if self.is_pausing {
            return None;
        }
        let left = self.end.map(|end| end.saturating_duration_since(now));
        let seconds = left.map(seconds_shown);
        let percent = left.and_then(|left| (left.as_millis() * 100).checked_div(self.total.as_millis()));
        let percent = u8::try_from(percent.unwrap_or(100).min(100)).unwrap_or(100);
        Some(SleepTimer { seconds, percent, at_item_end: self.is_for_item() })
    }

    /// When what is shown changes next.
    pub fn next_change_in(&self, now: Instant) -> Option<Duration> {
        next_unit_in(self.end.filter(|_| !self.is_pausing)?.saturating_duration_since(now))
    }
}
