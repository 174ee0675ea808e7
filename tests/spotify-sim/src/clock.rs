//! The simulator's clock. Playback, tokens, codes and the read lag all use it, so that a test can let an hour pass without
//! waiting.

use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

/// A function that returns the current time since the Unix epoch, which must never go back. It can read a clock that the
/// test shares with the program under test.
pub type Clock = Arc<dyn Fn() -> Duration + Send + Sync>;

/// The time of [`stopped_clock`]: 20 November 2026, 12:00 UTC.
pub const STOPPED_AT: Duration = Duration::from_secs(1_795_176_000);

/// Returns a clock that starts with the current wall time and then follows the monotonic clock, so that it can't jump.
pub fn real_clock() -> Clock {
    let epoch = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    let start = Instant::now();
    Arc::new(move || epoch + start.elapsed())
}

/// Returns a clock that always shows [`STOPPED_AT`]; only [`Sim::advance`](crate::Sim::advance) moves the simulator's time.
pub fn stopped_clock() -> Clock {
    Arc::new(|| STOPPED_AT)
}
