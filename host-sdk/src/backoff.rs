//! Exponential backoff: delays that double with every consecutive failure, up to a maximum.
//!
//! ```
//! use host_sdk::backoff::Backoff;
//! use std::time::Duration;
//!
//! let backoff = Backoff::new(Duration::from_millis(200), Duration::from_secs(5));
//! assert_eq!(backoff.after(1), Duration::from_millis(200));
//! assert_eq!(backoff.after(3), Duration::from_millis(800));
//! assert_eq!(backoff.after(10), Duration::from_secs(5));
//! ```

use std::time::Duration;

/// The bounds of the delays. The caller counts the failures, because only the caller knows what counts as a success.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Backoff {
    first: Duration,
    longest: Duration,
}

impl Backoff {
    /// Creates a backoff with the delay after one failure and the longest delay.
    #[must_use]
    pub const fn new(first: Duration, longest: Duration) -> Self {
        Self { first, longest }
    }

    /// Returns the longest delay.
    #[must_use]
    pub const fn longest(self) -> Duration {
        self.longest
    }

    /// Returns the delay after a number of consecutive failures. 0 is treated as 1.
    #[must_use]
    pub fn after(self, failures: u32) -> Duration {
        let doublings = failures.saturating_sub(1).min(31);
        self.first.saturating_mul(1 << doublings).min(self.longest)
    }

    /// Returns the delay of [`after`](Self::after), shortened by up to a half, so that clients that failed at the same time
    /// don't retry at the same time. `random` is a random byte: 0 halves the delay, 255 leaves it unchanged.
    #[must_use]
    pub fn after_with_jitter(self, failures: u32, random: u8) -> Duration {
        let half = self.after(failures) / 2;
        half + half * u32::from(random) / 255
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn after_doubles_up_to_the_longest() {
        let backoff = Backoff::new(SECOND / 2, 30 * SECOND);
        let delays: Vec<_> = (0..9).map(|failures| backoff.after(failures).as_secs_f32()).collect();
        assert_eq!(delays, [0.5, 0.5, 1.0, 2.0, 4.0, 8.0, 16.0, 30.0, 30.0]);
        assert_eq!(backoff.after(u32::MAX), backoff.longest());
        assert_eq!(Backoff::new(SECOND, Duration::MAX).after(u32::MAX), SECOND * (1 << 31));
    }

    #[test]
    fn after_with_jitter_stays_between_half_and_all() {
        let backoff = Backoff::new(SECOND, 60 * SECOND);
        for (failures, random, delay) in
            [(1, 255, SECOND), (1, 0, SECOND / 2), (4, 255, 8 * SECOND), (99, 255, 60 * SECOND)]
        {
            assert_eq!(backoff.after_with_jitter(failures, random), delay);
        }
        let between = backoff.after_with_jitter(4, 128);
        assert!(between > 4 * SECOND && between < 8 * SECOND);
    }
}
