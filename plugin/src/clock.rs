//! The clocks, passed in so that tests can control them.
//!
//! Durations (timeouts, backoff, notices, progress) are measured with tokio's monotonic [`Instant`], which tests can pause. Only
//! what survives a restart has a date: the end of a token, a limit or a login.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use tokio::time::Instant;

use crate::unix_time::{UnixTime, millis};

/// A moment on both clocks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Moment {
    /// On the monotonic clock. Includes the time that the computer has slept, so it may be ahead of `Instant::now()`: compare it
    /// with other moments, and sleep for a difference, never until the instant itself.
    pub instant: Instant,
    /// On the wall clock. May jump in both directions.
    pub date: UnixTime,
}

/// A source of the current time.
pub trait Clock: Send + Sync {
    /// Returns the milliseconds since 1970-01-01T00:00:00Z. May jump in both directions when the computer's clock is set.
    fn unix_ms(&self) -> u64;

    /// Returns the date and time of day. May jump in both directions when the computer's clock is set.
    fn date(&self) -> UnixTime {
        UnixTime::from_millis(self.unix_ms())
    }

    /// Returns how long the computer has slept with its monotonic clock stopped, as recorded by [`Clock::on_wake`].
    fn slept(&self) -> Duration {
        Duration::ZERO
    }

    /// Records that the computer has slept for `slept` with its monotonic clock stopped, as on Linux and macOS.
    fn on_wake(&self, slept: Duration) {
        let _ = slept;
    }

    /// Returns the current moment on both clocks.
    fn now(&self) -> Moment {
        let now = Instant::now();
        Moment { instant: now.checked_add(self.slept()).unwrap_or(now), date: self.date() }
    }
}

/// The sum of the recorded sleeps, in milliseconds.
#[derive(Debug, Default)]
struct Slept(AtomicU64);

impl Slept {
    fn total(&self) -> Duration {
        Duration::from_millis(self.0.load(Ordering::SeqCst))
    }

    fn add(&self, slept: Duration) {
        self.0.fetch_add(millis(slept), Ordering::SeqCst);
    }
}

/// The system's clock.
#[derive(Debug, Default)]
pub struct SystemClock {
    slept: Slept,
}

impl Clock for SystemClock {
    fn unix_ms(&self) -> u64 {
        // A clock before 1970 has a broken battery; it counts as 1970.
        SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, millis)
    }

    fn slept(&self) -> Duration {
        self.slept.total()
    }

    fn on_wake(&self, slept: Duration) {
        self.slept.add(slept);
    }
}

/// A clock for tests, whose wall clock moves only when set. Its monotonic clock is tokio's, plus what [`ManualClock::advance`]
/// adds.
#[derive(Debug, Default)]
pub struct ManualClock {
    unix_ms: AtomicU64,
    slept: Slept,
}

impl ManualClock {
    /// Creates a clock whose wall clock stands at `unix_ms`.
    #[must_use]
    pub fn at(unix_ms: u64) -> Self {
        Self { unix_ms: AtomicU64::new(unix_ms), slept: Slept::default() }
    }

    /// Sets the wall clock to `unix_ms`, forward or back. The monotonic clock isn't affected.
    pub fn set(&self, unix_ms: u64) {
        self.unix_ms.store(unix_ms, Ordering::SeqCst);
    }

    /// Moves both clocks forward by `milliseconds`.
    pub fn advance(&self, milliseconds: u64) {
        self.slept.add(Duration::from_millis(milliseconds));
        self.unix_ms.fetch_add(milliseconds, Ordering::SeqCst);
    }
}

impl Clock for ManualClock {
    fn unix_ms(&self) -> u64 {
        self.unix_ms.load(Ordering::SeqCst)
    }

    fn slept(&self) -> Duration {
        self.slept.total()
    }

    fn on_wake(&self, slept: Duration) {
        self.slept.add(slept);
    }
}
