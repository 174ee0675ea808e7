//! What the player's tests press.

use host_sdk::package::InstanceId;

use super::{ChosenDevice, Command, Verb};

/// The instance that tests press.
pub fn key() -> InstanceId {
    "key".into()
}

/// What a press of [`key`] asks for.
pub fn pressed(verb: Verb, device: Option<ChosenDevice>) -> Command {
    Command { instance: key(), verb, device }
}
