//! The wall clock, as something that is passed in.
//!
//! Expiry dates of tokens and ends of limits are dates of the calendar: they outlive a restart and a suspended computer. Code that
//! needs such a date asks a [`Clock`], so that a test can set it. Waiting (time-outs, back-off) is measured by
//! `tokio::time` instead, which tests can pause.

use std::ops::{Add, Sub};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};

/// A date of the wall clock: whole milliseconds since 1970-01-01T00:00:00Z, and serialised as that number.
///
/// Its arithmetic saturates, as dates may come from files and answers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct UnixTime(u64);

impl UnixTime {
    /// The date so many milliseconds after 1970-01-01T00:00:00Z.
    #[must_use]
    pub const fn from_millis(milliseconds: u64) -> Self {
        Self(milliseconds)
    }

    /// The date so many seconds after 1970-01-01T00:00:00Z.
    #[must_use]
    pub const fn from_secs(seconds: u64) -> Self {
        Self(seconds.saturating_mul(1000))
    }

    /// Returns the milliseconds since 1970-01-01T00:00:00Z.
    #[must_use]
    pub const fn as_millis(self) -> u64 {
        self.0
    }

    /// Returns the whole seconds since 1970-01-01T00:00:00Z.
    #[must_use]
    pub const fn as_secs(self) -> u64 {
        self.0 / 1000
    }

    /// Returns the time from `earlier` to this date; zero if `earlier` is the later one.
    #[must_use]
    pub const fn saturating_duration_since(self, earlier: Self) -> Duration {
        Duration::from_millis(self.0.saturating_sub(earlier.0))
    }
}

impl Add<Duration> for UnixTime {
    type Output = Self;

    fn add(self, time: Duration) -> Self {
        Self(self.0.saturating_add(millis(time)))
    }
}

impl Sub<Duration> for UnixTime {
    type Output = Self;

    fn sub(self, time: Duration) -> Self {
        Self(self.0.saturating_sub(millis(time)))
    }
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

/// Tells the time of day.
pub trait Clock: Send + Sync {
    /// Milliseconds since 1970-01-01T00:00:00Z. May jump in both directions when somebody sets the computer's clock.
    fn unix_ms(&self) -> u64;

    /// Returns the date and time of day. May jump in both directions when somebody sets the computer's clock.
    fn now(&self) -> UnixTime {
        UnixTime::from_millis(self.unix_ms())
    }
}

/// The computer's own clock.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn unix_ms(&self) -> u64 {
        // A clock before 1970 is a broken battery; zero makes every token look expired, which a refresh repairs.
        SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, millis)
    }
}

/// A clock that only moves when it is set; for tests.
#[derive(Debug, Default)]
pub struct ManualClock {
    now_ms: AtomicU64,
}

impl ManualClock {
    /// A clock that stands at `unix_ms`.
    #[must_use]
    pub fn at(unix_ms: u64) -> Self {
        Self { now_ms: AtomicU64::new(unix_ms) }
    }

    /// Moves the clock to `unix_ms`, forward or back.
    pub fn set(&self, unix_ms: u64) {
        self.now_ms.store(unix_ms, Ordering::SeqCst);
    }

    /// Moves the clock forward by `milliseconds`.
    pub fn advance(&self, milliseconds: u64) {
        self.now_ms.fetch_add(milliseconds, Ordering::SeqCst);
    }
}

impl Clock for ManualClock {
    fn unix_ms(&self) -> u64 {
        self.now_ms.load(Ordering::SeqCst)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unix_time_saturates() {
        let (first, last) = (UnixTime::default(), UnixTime::from_millis(u64::MAX));
        assert_eq!(first - Duration::from_secs(1), first);
        assert_eq!(last + Duration::MAX, last);
        assert_eq!(UnixTime::from_secs(u64::MAX), last);
        assert_eq!(first.saturating_duration_since(last), Duration::ZERO);
    }

    #[test]
    fn unix_time_is_serialized_as_milliseconds() {
        let date = UnixTime::from_secs(7);
        assert_eq!(serde_json::to_string(&date).unwrap(), "7000");
        assert_eq!(serde_json::from_str::<UnixTime>("7000").unwrap(), date);
    }
}
