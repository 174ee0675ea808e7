//! The sleep timer: when to pause playback, and the remaining time.
//!
//! There is one timer for the whole package, and it doesn't survive a restart. It makes no calls: the model fades the volume and
//! pauses when the timer is due.

use std::time::Duration;

use tokio::time::Instant;

use super::command::{Command, SleepUntil};
use super::snapshot::{Now, next_unit_in, seconds_shown};
use crate::spotify::{DeviceId, Uri};

/// The length of the fade-out before the pause.
pub(super) const FADE: Duration = Duration::from_secs(10);
/// The time that a press adds while the timer runs.
const MORE: Duration = Duration::from_secs(15 * 60);
/// The longest time until the pause.
const LONGEST: Duration = Duration::from_secs(24 * 3_600);
/// A pause that is overdue by more than this is dropped, as the computer has slept.
const LATE: Duration = Duration::from_secs(60);
/// How long before the end of an item the pause is sent, so that the next item doesn't begin.
const LEAD: Duration = Duration::from_millis(500);
/// An item that changes within this of its end counts as ended: Spotify crossfades for up to 12 s.
const CROSSFADE: Duration = Duration::from_secs(15);
/// The wait before a pause that failed for a temporary reason is retried, and how often it is.
const RETRY: Duration = Duration::from_secs(10);
const MAX_RETRIES: u8 = 5;

/// The sleep timer as it is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SleepTimer {
    /// The remaining time in seconds, rounded up to whole seconds up to an hour and to whole minutes above; `None` if the
    /// length of the item isn't known.
    pub seconds: Option<u64>,
    /// The remaining share of the total time, in percent.
    pub percent: u8,
    /// Whether it pauses at the end of the current item.
    pub at_item_end: bool,
}

/// What the timer waits for.
#[derive(Clone, Debug, PartialEq)]
enum Target {
    /// A time.
    Time,
    /// The end of this item; `None` while the item isn't known.
    Item(Option<Uri>),
}

/// The state of the fade-out.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Faded {
    /// The device whose volume is faded.
    pub device: Option<DeviceId>,
    /// The volume before.
    pub before: u8,
    /// The volumes that were set, and when; at most one per step of the fade.
    pub steps: Vec<(Instant, u8)>,
}

/// The sleep timer.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Sleep {
    /// The command that started the timer. Errors are shown on its key.
    pub command: Command,
    target: Target,
    /// When it pauses, if known.
    end: Option<Instant>,
    /// The total time.
    total: Duration,
    /// Whether the volume may be faded; false after a fade was cancelled or refused.
    pub may_fade: bool,
    /// The fade-out, while the volume is to be restored.
    pub faded: Option<Faded>,
    /// Whether the pause was sent.
    pub is_pausing: bool,
    retries: u8,
}

impl Sleep {
    /// Creates a timer that starts now.
    pub fn new(until: SleepUntil, command: Command, now: Instant) -> Self {
        let (target, total) = match until {
            SleepUntil::Minutes(minutes) => (Target::Time, Duration::from_secs(u64::from(minutes) * 60)),
            SleepUntil::EndOfItem => (Target::Item(None), Duration::ZERO),
        };
        let end = (target == Target::Time).then(|| now + total);
        Self { command, target, end, total, may_fade: true, faded: None, is_pausing: false, retries: 0 }
    }

    /// Adds 15 minutes. A timer for the end of an item becomes one for a time.
    pub fn add(&mut self, now: Instant) {
        let from = self.end.unwrap_or(now).max(now);
        self.target = Target::Time;
        self.end = Some((from + MORE).min(now + LONGEST));
        self.total = (self.total + MORE).min(LONGEST);
        self.may_fade = true;
    }

    /// Returns whether it waits for the end of an item.
    pub fn is_for_item(&self) -> bool {
        matches!(self.target, Target::Item(_))
    }

    /// Records the current item and when it ends, if the timer waits for the end of an item.
    pub fn follow(&mut self, item_now: &Now, ends_at: Option<Instant>) {
        let Target::Item(item) = &mut self.target else { return };
        *item = item_now.uri().cloned();
        self.end = ends_at.map(|ends_at| ends_at.checked_sub(LEAD).unwrap_or(ends_at));
        self.total = item_now.duration().unwrap_or_default();
    }

    /// Returns whether the item that it waits for has ended. `plays`: the current item, if it wasn't changed by a command.
    pub fn has_ended(&self, plays: Option<&Uri>, now: Instant) -> bool {
        let Target::Item(Some(item)) = &self.target else { return false };
        let is_near = self.end.is_none_or(|end| end <= now + CROSSFADE);
        plays != Some(item) && is_near
    }

    /// Sets the time of the pause.
    pub fn end_at(&mut self, at: Instant) {
        (self.target, self.end) = (Target::Time, Some(at));
    }

    /// Returns whether the pause is due.
    pub fn is_due(&self, now: Instant) -> bool {
        self.end.is_some_and(|end| end <= now)
    }

    /// Returns whether the pause is so overdue that it would surprise the user.
    pub fn is_late(&self, now: Instant) -> bool {
        self.end.is_some_and(|end| end + LATE < now)
    }

    /// Returns the remaining time of the fade-out, while it should run.
    pub fn fade_left(&self, now: Instant) -> Option<Duration> {
        Some(self.end?.saturating_duration_since(now)).filter(|left| !left.is_zero() && *left <= FADE)
    }

    /// Returns when to act next: to fade, then to pause.
    pub fn next(&self, now: Instant) -> Option<Instant> {
        let end = self.end.filter(|_| !self.is_pausing)?;
        Some(end.checked_sub(FADE).filter(|fade| *fade > now).unwrap_or(end.max(now)))
    }

    /// Schedules a failed pause again. Returns false after [`MAX_RETRIES`].
    pub fn retry(&mut self, now: Instant) -> bool {
        if self.retries == MAX_RETRIES {
            return false;
        }
        self.retries += 1;
        self.end_at(now + RETRY);
        (self.is_pausing, self.may_fade) = (false, false);
        true
    }

    /// Returns the timer as it is shown; `None` once the pause was sent.
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

    /// Returns the time until [`Sleep::shown`] changes.
    pub fn next_change_in(&self, now: Instant) -> Option<Duration> {
        next_unit_in(self.end.filter(|_| !self.is_pausing)?.saturating_duration_since(now))
    }
}
