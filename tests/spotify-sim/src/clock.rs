//! Where the simulator's time comes from. Everything that ages (playback, tokens, codes, the read lag) asks one clock,
//! so that a test can let an hour pass without waiting for it.

use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

/// The present, as the time since the Unix epoch. It must never go back. Any function will do, such as one that reads
/// a clock which the test shares with the program under test.
pub type Clock = Arc<dyn Fn() -> Duration + Send + Sync>;

/// The time at which [`stopped_clock`] stands: 20 November 2026, 12:00 UTC.
pub const STOPPED_AT: Duration = Duration::from_secs(1_795_176_000);

/// Real time: the wall clock at this call, moved on by the monotonic clock so that it cannot jump.
pub fn real_clock() -> Clock {
    let epoch = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    let start = Instant::now();
    Arc::new(move || epoch + start.elapsed())
}

/// A clock that stands at [`STOPPED_AT`]; only [`Sim::advance`](crate::Sim::advance) moves the simulator's time then.
pub fn stopped_clock() -> Clock {
    Arc::new(|| STOPPED_AT)
}
