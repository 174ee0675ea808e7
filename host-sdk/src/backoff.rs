//! How long to wait before something that failed is tried again: doubled with every failure in a row, up to a bound.

use std::time::Duration;

/// The bounds of the waits. The number of failures is counted by the caller, who knows what counts as a success.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Backoff {
    first: Duration,
    longest: Duration,
}

impl Backoff {
    /// Waits from `first`, after one failure, to `longest`.
    #[must_use]
    pub const fn new(first: Duration, longest: Duration) -> Self {
        Self { first, longest }
    }

    /// Returns the longest wait.
    #[must_use]
    pub const fn longest(self) -> Duration {
        self.longest
    }

    /// Returns the wait after so many failures in a row; none counts as one.
    #[must_use]
    pub fn after(self, failures: u32) -> Duration {
        let doublings = failures.saturating_sub(1).min(31);
        self.first.saturating_mul(1 << doublings).min(self.longest)
    }

    /// As [`after`](Self::after), shortened by up to a half, so that clients that failed together don't try again together.
    /// `random` is any byte: 255 shortens nothing.
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
        let waits: Vec<_> = (0..9).map(|failures| backoff.after(failures).as_secs_f32()).collect();
        assert_eq!(waits, [0.5, 0.5, 1.0, 2.0, 4.0, 8.0, 16.0, 30.0, 30.0]);
        assert_eq!(backoff.after(u32::MAX), backoff.longest());
        assert_eq!(Backoff::new(SECOND, Duration::MAX).after(u32::MAX), SECOND * (1 << 31));
    }

    #[test]
    fn after_with_jitter_stays_between_half_and_all() {
        let backoff = Backoff::new(SECOND, 60 * SECOND);
        for (failures, random, wait) in
            [(1, 255, SECOND), (1, 0, SECOND / 2), (4, 255, 8 * SECOND), (99, 255, 60 * SECOND)]
        {
            assert_eq!(backoff.after_with_jitter(failures, random), wait);
        }
        let between = backoff.after_with_jitter(4, 128);
        assert!(between > 4 * SECOND && between < 8 * SECOND);
    }
}
