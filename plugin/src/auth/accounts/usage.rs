//! Counts of the requests that were sent: over the last 30 seconds, hour and day. Spotify publishes no numbers, so these are
//! what users and engineers have to tell a quiet day from a busy one.
//!
//! The 30 seconds are exact, as that is Spotify's own window. Hours are counted by the minute and days by the quarter of
//! an hour, so that a whole day fits into some hundred numbers, which are kept across restarts.

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};

use super::dates::is_within;
use crate::unix_time::UnixTime;

/// Milliseconds of Spotify's own window.
const WINDOW_MILLIS: u64 = 30_000;
/// Seconds of a minute, and how many minutes are counted.
const MINUTE: u64 = 60;
const MINUTES: u64 = 60;
/// Seconds of a quarter of an hour, and how many of them are counted.
const QUARTER: u64 = 15 * MINUTE;
const QUARTERS: u64 = 96;
/// The most requests that are counted in the window: more than are ever sent.
const MOST_RECENT: usize = 4_096;

/// Numbers of requests.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Counts {
    /// In the last 30 seconds.
    #[serde(rename = "last30s")]
    pub last_30_s: u32,
    /// In the last hour, by the minute.
    pub last_hour: u32,
    /// In the last day, by the quarter of an hour.
    pub last_day: u32,
}

/// Numbers of requests by the unit of time, which is counted since 1970.
type Buckets = VecDeque<(u64, u32)>;

/// Sliding counts.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct Usage {
    recent: VecDeque<UnixTime>,
    minutes: Buckets,
    quarters: Buckets,
}

impl Usage {
    /// Counts a request that is sent now.
    pub fn count(&mut self, now: UnixTime) {
        self.recent.retain(|at| is_within(at.as_millis(), now.as_millis(), WINDOW_MILLIS));
        if self.recent.len() < MOST_RECENT {
            self.recent.push_back(now);
        }
        bump(&mut self.minutes, now.as_secs() / MINUTE, MINUTES);
        bump(&mut self.quarters, now.as_secs() / QUARTER, QUARTERS);
    }

    /// Returns the counts as of now.
    pub fn counts(&self, now: UnixTime) -> Counts {
        let recent = self.recent.iter().filter(|at| is_within(at.as_millis(), now.as_millis(), WINDOW_MILLIS));
        Counts {
            last_30_s: u32::try_from(recent.count()).unwrap_or(u32::MAX),
            last_hour: sum(&self.minutes, now.as_secs() / MINUTE, MINUTES),
            last_day: sum(&self.quarters, now.as_secs() / QUARTER, QUARTERS),
        }
    }

    /// Drops what none of our files contains: more than the windows hold.
    pub fn truncate(&mut self) {
        self.recent.truncate(MOST_RECENT);
        self.minutes.truncate(usize::try_from(MINUTES).unwrap_or(usize::MAX));
        self.quarters.truncate(usize::try_from(QUARTERS).unwrap_or(usize::MAX));
    }
}

fn bump(buckets: &mut Buckets, now: u64, length: u64) {
    buckets.retain(|(at, _)| is_within(*at, now, length));
    match buckets.back_mut().filter(|(last, _)| *last == now) {
        Some((_, count)) => *count = count.saturating_add(1),
        None => buckets.push_back((now, 1)),
    }
}

fn sum(buckets: &Buckets, now: u64, length: u64) -> u32 {
    let counted = buckets.iter().filter(|(at, _)| is_within(*at, now, length));
    counted.fold(0, |sum, (_, count)| sum.saturating_add(*count))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    const NOW: UnixTime = UnixTime::from_secs(1_800_000_000);
    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn usage_drops_requests_as_they_leave_the_windows() {
        let mut usage = Usage::default();
        for second in 0..10 {
            usage.count(NOW + SECOND * second);
        }
        let after = |time| usage.counts(NOW + time);
        assert_eq!(after(9 * SECOND), Counts { last_30_s: 10, last_hour: 10, last_day: 10 });
        assert_eq!(after(Duration::from_millis(34_999)), Counts { last_30_s: 5, last_hour: 10, last_day: 10 });
        assert_eq!(after(3_600 * SECOND), Counts { last_30_s: 0, last_hour: 0, last_day: 10 });
        assert_eq!(after(24 * 3_600 * SECOND), Counts::default());
    }

    #[test]
    fn usage_stays_bounded_when_the_clock_is_set_back() {
        let mut usage = Usage::default();
        for minute in 0..3 * 24 * 60 {
            usage.count(NOW + 60 * SECOND * minute);
        }
        assert!(usage.minutes.len() <= 60 && usage.quarters.len() <= 96 && usage.recent.len() <= 1);
        usage.count(NOW);
        assert_eq!(usage.counts(NOW), Counts { last_30_s: 1, last_hour: 1, last_day: 1 });
    }

    #[test]
    fn usage_survives_serialization() {
        let mut usage = Usage::default();
        usage.count(NOW);
        let text = serde_json::to_string(&usage).unwrap();
        assert_eq!(serde_json::from_str::<Usage>(&text).unwrap(), usage);
        assert_eq!(serde_json::from_str::<Usage>("{}").unwrap(), Usage::default());
    }
}
