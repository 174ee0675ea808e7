//! The player: the one model of what Spotify is doing, and the one task that owns it.
//!
//! - [`Model`] is pure: what Spotify said, what was asked for since, and what follows from both.
//! - [`State`] is the part of it that is shown, published whenever it changes.
//! - [`Player`] is a snapshot of that for one moment, which widgets look at.
//! - [`start`] runs the task: commands in, calls out one at a time, snapshots to whoever watches.
//!
//! This module never sees a token or a URL: it asks [`spotify`](crate::spotify), which borrows what it needs.

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
