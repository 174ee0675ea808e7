//! Rate limits: how fast a socket may send, and how much a package may print. A socket that sends too fast is read more
//! slowly: nothing is lost, its sender waits, and the hub stays available to others. Output in excess is left out
//! instead, so that its writer never blocks.

use std::time::{Duration, Instant};

/// Bytes per second, in the long run.
const BYTES: f64 = 32.0 * 1024.0 * 1024.0;
/// Seconds' worth of both that may come at once.
const BURST: f64 = 2.0;

/// The rate limit of one socket.
#[derive(Debug)]
pub struct Throttle {
    rate: f64,
    messages: f64,
    bytes: f64,
    last: Instant,
}

impl Throttle {
    /// Creates the limit of a socket that may send this many messages per second in the long run.
    #[must_use]
    pub fn new(now: Instant, messages_per_second: u32) -> Self {
        let rate = f64::from(messages_per_second.max(1));
        Self { rate, messages: rate * BURST, bytes: BYTES * BURST, last: now }
    }

    /// Records a message. Returns how long to wait before the next one is read; zero unless it is too fast.
    pub fn take(&mut self, now: Instant, bytes: usize) -> Duration {
        let passed = now.saturating_duration_since(self.last).as_secs_f64();
        self.last = now;
        #[expect(clippy::cast_precision_loss, reason = "sizes of messages are far below 2^52")]
        let bytes = bytes as f64;
        self.messages = (self.messages + passed * self.rate).min(self.rate * BURST) - 1.0;
        self.bytes = (self.bytes + passed * BYTES).min(BYTES * BURST) - bytes;
        let debt = (-self.messages / self.rate).max(-self.bytes / BYTES).max(0.0);
        Duration::from_secs_f64(debt)
    }

    /// Whether at least half of a burst is available again.
    #[must_use]
    pub fn is_rested(&self) -> bool {
        self.messages >= self.rate * BURST / 2.0 && self.bytes >= BYTES * BURST / 2.0
    }
}

/// The rate limit of a package's output. Lines beyond it are counted and left out, because a package that had to wait
/// for the log would stop. A long line counts as several.
#[derive(Debug)]
pub struct Lines {
    left: f64,
    last: Instant,
    left_out: u64,
}

impl Lines {
    /// Lines per second, in the long run.
    const RATE: f64 = 100.0;
    /// Lines that may come at once.
    const BURST: f64 = 500.0;
    /// Bytes that count as a line.
    const BYTES: usize = 256;

    /// Creates the limit of a package that was just started.
    #[must_use]
    pub fn new(now: Instant) -> Self {
        Self { left: Self::BURST, last: now, left_out: 0 }
    }

    /// Records a line of `bytes` bytes. Returns how many were left out before it; none if it is left out itself.
    pub fn take(&mut self, now: Instant, bytes: usize) -> Option<u64> {
        let passed = now.saturating_duration_since(self.last).as_secs_f64();
        self.last = now;
        self.left = (self.left + passed * Self::RATE).min(Self::BURST);
        #[expect(clippy::cast_precision_loss, reason = "lines are far below 2^52 bytes")]
        let cost = (1 + bytes / Self::BYTES).min(50) as f64;
        // Lines that were left out are reported once there is some space, not between any two lines.
        let needed = if self.left_out == 0 { cost } else { Self::RATE };
        if self.left < needed {
            self.left_out += 1;
            return None;
        }
        self.left -= cost;
        Some(std::mem::take(&mut self.left_out))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ordinary_package_is_never_throttled() {
        let start = Instant::now();
        let mut throttle = Throttle::new(start, 2000);
        // A hundred pictures of 50 kB per second, for a minute.
        for n in 0..6000 {
            assert_eq!(throttle.take(start + Duration::from_millis(10) * n, 50_000), Duration::ZERO);
        }
    }

    #[test]
    fn flood_is_slowed_to_the_rate_and_recovers() {
        let start = Instant::now();
        let (mut throttle, mut now) = (Throttle::new(start, 2000), start);
        for _ in 0..20_000 {
            now += throttle.take(now, 10);
        }
        let took = (now - start).as_secs_f64();
        assert!((7.9..8.1).contains(&took), "20000 messages, 4000 of them at once: {took} s");
        assert!(!throttle.is_rested());
        assert_eq!(throttle.take(now + Duration::from_secs(1), 10), Duration::ZERO);
        assert!(!throttle.is_rested(), "it may continue immediately");
        assert_eq!(throttle.take(now + Duration::from_secs(3), 10), Duration::ZERO);
        assert!(throttle.is_rested());
    }

    #[test]
    fn flood_of_output_is_thinned_and_counted() {
        let start = Instant::now();
        let mut lines = Lines::new(start);
        let taken = (0..10_000).filter(|_| lines.take(start, 10).is_some()).count();
        assert_eq!(taken, 500);
        assert_eq!(lines.take(start + Duration::from_millis(500), 10), None, "not between any two lines");
        assert_eq!(lines.take(start + Duration::from_secs(2), 10), Some(9501));
        assert_eq!(lines.take(start + Duration::from_secs(2), 10), Some(0));
        // A package that prints forever is reported once a second.
        let later = |n| start + Duration::from_secs(2) + Duration::from_millis(n);
        let all: Vec<_> = (0..10_000).filter_map(|n| lines.take(later(n), 10)).collect();
        assert!((900..1500).contains(&all.len()), "{}", all.len());
        let reports = all.iter().filter(|left_out| **left_out > 0).count();
        assert!((5..12).contains(&reports), "{reports}");
        // Long lines fill the log sooner.
        let mut lines = Lines::new(start);
        assert_eq!((0..1000).filter(|_| lines.take(start, 4096).is_some()).count(), 29);
    }

    #[test]
    fn bytes_are_throttled() {
        let start = Instant::now();
        let mut throttle = Throttle::new(start, 2000);
        assert_eq!(throttle.take(start, 64 << 20), Duration::ZERO);
        assert_eq!(throttle.take(start, 32 << 20), Duration::from_secs(1));
    }
}
