//! How many requests went out: over the last 30 seconds, hour and day. Spotify publishes no numbers, so these are what
//! users and engineers have to tell a quiet day from a busy one.
//!
//! The 30 seconds are exact, as that is Spotify's own window. Hours are counted by the minute and days by the quarter of
//! an hour, so that a whole day fits into some hundred numbers, which are kept across restarts.

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};

const WINDOW_MS: u64 = 30_000;
const MINUTE_MS: u64 = 60_000;
const QUARTER_MS: u64 = 15 * MINUTE_MS;
const MINUTES: u64 = 60;
const QUARTERS: u64 = 96;
/// More than ever goes out in the window; a bound all the same.
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

/// A sliding count. Time is Unix milliseconds and always comes from outside.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct Usage {
    recent: VecDeque<u64>,
    minutes: VecDeque<(u64, u32)>,
    quarters: VecDeque<(u64, u32)>,
}

impl Usage {
    /// Counts a request that goes out now.
    pub fn count(&mut self, now_ms: u64) {
        self.forget(now_ms);
        if self.recent.len() < MOST_RECENT {
            self.recent.push_back(now_ms);
        }
        bump(&mut self.minutes, now_ms / MINUTE_MS);
        bump(&mut self.quarters, now_ms / QUARTER_MS);
    }

    /// The numbers as they are now.
    pub fn counts(&self, now_ms: u64) -> Counts {
        let within = |buckets: &VecDeque<(u64, u32)>, now: u64, length: u64| {
            let inside = buckets.iter().filter(|(at, _)| *at <= now && now - at < length);
            inside.fold(0_u32, |sum, (_, count)| sum.saturating_add(*count))
        };
        let recent = self.recent.iter().filter(|at| **at <= now_ms && now_ms - **at < WINDOW_MS).count();
        Counts {
            last_30_s: u32::try_from(recent).unwrap_or(u32::MAX),
            last_hour: within(&self.minutes, now_ms / MINUTE_MS, MINUTES),
            last_day: within(&self.quarters, now_ms / QUARTER_MS, QUARTERS),
        }
    }

    /// Drops what a file of ours never holds: more than fits into the windows.
    pub fn bound(&mut self) {
        self.recent.truncate(MOST_RECENT);
        self.minutes.truncate(usize::try_from(MINUTES).unwrap_or(usize::MAX));
        self.quarters.truncate(usize::try_from(QUARTERS).unwrap_or(usize::MAX));
    }

    /// Lets go of what is too old, or lies in the future because the computer's clock was set back.
    fn forget(&mut self, now_ms: u64) {
        self.recent.retain(|at| *at <= now_ms && now_ms - at < WINDOW_MS);
        let keep = |buckets: &mut VecDeque<(u64, u32)>, now: u64, length: u64| {
            buckets.retain(|(at, _)| *at <= now && now - at < length);
        };
        keep(&mut self.minutes, now_ms / MINUTE_MS, MINUTES);
        keep(&mut self.quarters, now_ms / QUARTER_MS, QUARTERS);
    }
}

fn bump(buckets: &mut VecDeque<(u64, u32)>, at: u64) {
    match buckets.back_mut().filter(|(last, _)| *last == at) {
        Some((_, count)) => *count = count.saturating_add(1),
        None => buckets.push_back((at, 1)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: u64 = 1_800_000_000_000;

    #[test]
    fn usage_drops_requests_as_they_leave_the_windows() {
        let mut usage = Usage::default();
        for second in 0..10 {
            usage.count(NOW + second * 1_000);
        }
        let at = |ms| usage.counts(NOW + ms);
        assert_eq!(at(9_000), Counts { last_30_s: 10, last_hour: 10, last_day: 10 });
        assert_eq!(at(34_999), Counts { last_30_s: 5, last_hour: 10, last_day: 10 });
        assert_eq!(at(60 * 60_000), Counts { last_30_s: 0, last_hour: 0, last_day: 10 });
        assert_eq!(at(24 * 3_600_000), Counts::default());
    }

    #[test]
    fn usage_stays_bounded_also_with_a_clock_set_back() {
        let mut usage = Usage::default();
        for minute in 0..3 * 24 * 60 {
            usage.count(NOW + minute * MINUTE_MS);
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
