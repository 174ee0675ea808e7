//! Questions to Spotify about other things than what plays, and what is remembered of their answers.

use std::collections::BTreeSet;

use crate::spotify::{Device, Item, Uri};

const DAY_MS: u64 = 24 * 3_600_000;

/// What of Spotify's state is looked at: nothing else is asked for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Interest {
    /// How many instances are visible.
    pub instances: usize,
    /// Whether what plays is saved.
    pub saved_now: bool,
    /// Whether these URIs are saved.
    pub saved: BTreeSet<Uri>,
    /// The devices.
    pub devices: bool,
    /// What comes next.
    pub queue: bool,
    /// The name of the playlist that plays.
    pub playlist: bool,
}

/// Something other than what plays that Spotify can be asked.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Question {
    Saved(Uri),
    Devices,
    Queue,
    PlaylistName(Uri),
}

/// What came of a [`Question`].
#[derive(Clone, Debug)]
pub(super) enum Told {
    Saved(Uri, bool),
    Devices(Vec<Device>),
    Queue(Vec<Item>),
    PlaylistName(Uri, String),
}

impl Question {
    /// The answer gets old after this.
    pub fn lasts_ms(&self) -> u64 {
        match self {
            Self::Saved(_) => 600_000,
            // Which one is active comes with what plays.
            Self::Devices => 180_000,
            Self::Queue => 120_000,
            Self::PlaylistName(_) => DAY_MS,
        }
    }
}

/// When a question was put last.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Asked {
    pub at_ms: u64,
    pub failed: bool,
}

/// A failed question is put again after this.
pub(super) const ASK_AGAIN_MS: u64 = 30_000;
/// Not even a suspicion makes a question be put sooner than this after the last time.
pub(super) const LEAST_MS: u64 = 10_000;
