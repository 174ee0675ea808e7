//! Dates on the wall clock, such as the end of a token, a limit or a login.

use std::ops::{Add, Sub};
use std::time::Duration;

use serde::{Deserialize, Serialize};

/// A date on the wall clock, in whole milliseconds since 1970-01-01T00:00:00Z. Serialized as that number.
///
/// Its arithmetic saturates, as dates may come from files and responses.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct UnixTime(u64);

impl UnixTime {
    /// Creates the date this many milliseconds after 1970-01-01T00:00:00Z.
    #[must_use]
    pub const fn from_millis(milliseconds: u64) -> Self {
        Self(milliseconds)
    }

    /// Creates the date this many seconds after 1970-01-01T00:00:00Z.
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

/// Returns a duration in whole milliseconds, at most [`u64::MAX`].
#[must_use]
pub fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
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
