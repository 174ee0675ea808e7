//! What the player's tests press, and when.

use std::sync::LazyLock;
use std::time::Duration;

use host_sdk::package::InstanceId;
use tokio::time::Instant;

use super::{ChosenDevice, Command, Verb};
use crate::clock::Moment;
use crate::unix_time::UnixTime;

/// The instance that tests press.
pub fn key() -> InstanceId {
    "key".into()
}

/// What a press of [`key`] asks for.
pub fn pressed(verb: Verb, device: Option<ChosenDevice>) -> Command {
    Command { instance: key(), verb, device }
}

/// A moment so many milliseconds after an arbitrary one that is the same for the whole process. Its wall time is that number,
/// too.
pub fn time(ms: u64) -> Moment {
    Moment { instant: instant(ms), date: UnixTime::from_millis(ms) }
}

/// So many milliseconds.
pub fn ms(count: u64) -> Duration {
    Duration::from_millis(count)
}

/// The instant of [`time`].
pub fn instant(ms: u64) -> Instant {
    static ORIGIN: LazyLock<Instant> = LazyLock::new(Instant::now);
    *ORIGIN + self::ms(ms)
}
