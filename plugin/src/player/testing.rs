//! Commands and times for tests.

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

/// Returns the command of a press of [`key`].
pub fn pressed(verb: Verb, device: Option<ChosenDevice>) -> Command {
    Command { instance: key(), verb, device }
}

/// Returns the moment `ms` milliseconds after an arbitrary origin, which is the same for the whole process. Its date is `ms`
/// milliseconds after 1970.
pub fn time(ms: u64) -> Moment {
    Moment { instant: instant(ms), date: UnixTime::from_millis(ms) }
}

/// Returns a duration in milliseconds.
pub fn ms(count: u64) -> Duration {
    Duration::from_millis(count)
}

/// Returns the instant of [`time`].
pub fn instant(ms: u64) -> Instant {
    static ORIGIN: LazyLock<Instant> = LazyLock::new(Instant::now);
    *ORIGIN + self::ms(ms)
}
