//! The clocks, passed in so that tests can set them.
//!
//! What lasts (time-outs, back-off, notices, progress) is measured by the monotonic [`Instant`] of tokio, which tests can
//! pause. Only what survives a restart has a date: when a token expires, a limit ends, a sign-in ends.

use std::ops::{Add, Sub};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use tokio::time::Instant;

use crate::unix_time::UnixTime;
pub use crate::unix_time::millis;

/// A moment by both clocks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Moment {
    /// By the monotonic clock. Includes the time that the computer has slept, so that what is remembered ages meanwhile:
    /// compare it with other moments, and wait for a difference, never for the instant itself.
    pub instant: Instant,
    /// By the wall clock. May jump in both directions.
    pub date: UnixTime,
}

impl Add<Duration> for Moment {
    type Output = Self;

    fn add(self, duration: Duration) -> Self {
        Self { instant: self.instant + duration, date: self.date + duration }
    }
}

impl Sub<Duration> for Moment {
    type Output = Self;

    fn sub(self, duration: Duration) -> Self {
        Self { instant: self.instant - duration, date: self.date - duration }
    }
}

/// Tells the time.
pub trait Clock: Send + Sync {
    /// Milliseconds since 1970-01-01T00:00:00Z. May jump in both directions when the computer's clock is set.
    fn unix_ms(&self) -> u64;

    /// Returns the date and time of day. May jump in both directions when the computer's clock is set.
    fn date(&self) -> UnixTime {
        UnixTime::from_millis(self.unix_ms())
    }

    /// How long the computer has slept without its monotonic clock running, as recorded by [`Clock::on_wake`].
    fn slept(&self) -> Duration {
        Duration::ZERO
    }

    /// Records that the computer has slept for another while. On Linux and macOS the monotonic clock stands still
    /// meanwhile.
    fn on_wake(&self, slept: Duration) {
        let _ = slept;
    }

    /// The moment by both clocks.
    fn now(&self) -> Moment {
        let now = Instant::now();
        Moment { instant: now.checked_add(self.slept()).unwrap_or(now), date: self.date() }
    }
}

/// The sum of the durations that were recorded, in milliseconds.
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

/// The computer's own clock.
#[derive(Debug, Default)]
pub struct SystemClock {
    slept: Slept,
}

impl Clock for SystemClock {
    fn unix_ms(&self) -> u64 {
        // A clock before 1970 is a broken battery; zero makes every token look expired, which a refresh repairs.
        SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, millis)
    }

    fn slept(&self) -> Duration {
        self.slept.total()
    }

    fn on_wake(&self, slept: Duration) {
        self.slept.add(slept);
    }
}

/// A clock whose wall time only moves when a test moves it. Its monotonic clock is tokio's, and moves with the wall time, too.
#[derive(Debug, Default)]
pub struct ManualClock {
    unix_ms: AtomicU64,
    slept: Slept,
}

impl ManualClock {
    /// Creates a clock that stands at `unix_ms`.
    #[must_use]
    pub fn at(unix_ms: u64) -> Self {
        Self { unix_ms: AtomicU64::new(unix_ms), slept: Slept::default() }
    }

    /// Sets the wall clock to `unix_ms`, forward or back; the monotonic clock goes on.
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
