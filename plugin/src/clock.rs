//! The wall clock, as something that is passed in.
//!
//! Expiry dates of tokens and "shut until" times are moments of the calendar: they survive a restart and a suspended
//! computer. Whoever needs such a moment asks a [`Clock`], so that a test can set it. Plain waiting (time-outs,
//! back-off) is measured by `tokio::time` instead, which tests can pause.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

/// Tells the time of day.
pub trait Clock: Send + Sync {
    /// Milliseconds since 1970-01-01T00:00:00Z. May jump in both directions when somebody sets the computer's clock.
    fn unix_ms(&self) -> u64;

    /// Whole seconds since 1970-01-01T00:00:00Z.
    fn unix_s(&self) -> u64 {
        self.unix_ms() / 1000
    }
}

/// The computer's own clock.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn unix_ms(&self) -> u64 {
        // A clock before 1970 is a broken battery; zero makes every token look expired, which heals by a refresh.
        SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .map_or(0, |time| u64::try_from(time.as_millis()).unwrap_or(u64::MAX))
    }
}

/// A clock that only moves when told to; for tests.
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
