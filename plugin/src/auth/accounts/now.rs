//! The time, as it is brought to the accounts.

use tokio::time::Instant;

/// A moment, by both clocks.
#[derive(Clone, Copy, Debug)]
pub(in crate::auth) struct Now {
    /// By the computer's clock, in Unix milliseconds. May jump in both directions.
    pub unix_ms: u64,
    /// By the monotonic clock.
    pub instant: Instant,
}
