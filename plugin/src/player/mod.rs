//! The player: the single model of Spotify's state, and the task that owns it.
//!
//! - [`Model`] is pure: it combines Spotify's answers with the commands given since.
//! - [`State`] is the part of the model that is shown. It is published whenever it changes.
//! - [`Player`] is a snapshot of that state at one moment, for widgets.
//! - [`start`] spawns the task: it receives commands, makes calls one at a time, and publishes the state.
//!
//! This module handles neither tokens nor URLs: [`spotify`](crate::spotify) does.

mod command;
mod device;
mod model;
mod modes;
mod pending;
mod position;
mod queries;
mod queue;
mod schedule;
mod send;
mod settle;
mod sleep;
mod snapshot;
mod state;
mod task;
mod volume;

pub use command::{Again, Command, SleepUntil, Start, Verb};
pub use device::{ChosenDevice, Found};
pub use model::Model;
pub use queries::Subscription;
pub use sleep::SleepTimer;
pub use snapshot::{Done, Now, Player, Refusal, Track, Wait};
pub use state::State;
pub use task::{Ended, Handle, Input, start};
pub use volume::Volume;

#[cfg(test)]
mod device_tests;
#[cfg(test)]
pub mod testing;
#[cfg(test)]
mod tests;
#[cfg(test)]
mod volume_tests;
