//! Deviations of single devices: they round volumes, lack modes, forget what played, or refuse commands. All are off
//! initially and set with [`Sim::change_device`](crate::Sim::change_device) or `POST /sim/device`.

use serde::{Deserialize, Deserializer};

use crate::playback::Repeat;

/// A device's deviations from others.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Quirks {
    /// How it changes a requested volume.
    pub volume: VolumeQuirk,
    /// Repeat modes for which it sets another mode: the requested and the resulting one.
    pub repeat: Vec<(Repeat, Repeat)>,
    /// Whether it accepts shuffle commands but ignores them.
    pub ignores_shuffle: bool,
    /// What it remembers of the playback when it becomes active.
    pub wakes: Waking,
    /// The actions that it refuses, named as in `actions.disallows`, where player answers list them.
    pub disallows: Vec<String>,
}

impl Quirks {
    /// Returns the repeat mode that results from a requested one.
    pub(crate) fn repeat(&self, requested: Repeat) -> Repeat {
        self.repeat.iter().find(|(from, _)| *from == requested).map_or(requested, |(_, to)| *to)
    }

    pub(crate) fn disallows(&self, action: &str) -> bool {
        self.disallows.iter().any(|disallowed| disallowed == action)
    }
}

/// How a device changes a requested volume. Steps are in hundredths of a percent: 625 means the sixteen steps of many
/// speakers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum VolumeQuirk {
    /// Stores it unchanged.
    #[default]
    Exact,
    /// Stores one percent less.
    OneLess,
    /// Stores the nearest step.
    Nearest(u16),
    /// Stores the step below.
    Down(u16),
    /// Stores the step above.
    Up(u16),
    /// Stores at most this percentage.
    AtMost(u8),
    /// Keeps the old volume.
    Ignored,
}

impl VolumeQuirk {
    /// Returns the volume that replaces `before`.
    pub fn stored(self, requested: u8, before: u8) -> u8 {
        let hundredths = u32::from(requested) * 100;
        let stepped = |step: u16, added: u32| {
            let step = u32::from(step).max(1);
            (hundredths + added.min(step - 1)) / step * step
        };
        let stored = match self {
            Self::Exact => return requested,
            Self::OneLess => return requested.saturating_sub(1),
            Self::AtMost(max) => return requested.min(max),
            Self::Ignored => return before,
            Self::Nearest(step) => stepped(step, u32::from(step) / 2),
            Self::Down(step) => stepped(step, 0),
            Self::Up(step) => stepped(step, u32::MAX),
        };
        u8::try_from(stored / 100).unwrap_or(100).min(100)
    }
}

/// What a device remembers of the playback when it becomes active.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Waking {
    /// It takes over the playback.
    #[default]
    Playing,
    /// It is paused without an item until it receives a command to resume.
    Empty,
    /// It is paused without an item; it accepts a command to resume but does nothing.
    Forgetful,
}

/// A change of one device. Absent members change nothing. `POST /sim/device` reads it from JSON.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct DeviceChange {
    /// A new id, as after a reconnect. `Some(None)` (JSON null) removes its id.
    #[serde(deserialize_with = "nullable")]
    pub id: Option<Option<String>>,
    /// A new name.
    pub name: Option<String>,
    /// Whether it refuses Web API commands.
    pub restricted: Option<bool>,
    /// Whether its volume can be set.
    pub supports_volume: Option<bool>,
    /// Its volume. With `Some(None)` (JSON null) it reports none.
    #[serde(deserialize_with = "nullable")]
    pub volume_percent: Option<Option<u8>>,
    /// Its deviations from others.
    pub quirks: Option<Quirks>,
}

/// Deserialises a member that is null as `Some(None)`, to distinguish it from one that is absent.
pub(crate) fn nullable<'de, D: Deserializer<'de>, T: Deserialize<'de>>(
    deserializer: D,
) -> Result<Option<Option<T>>, D::Error> {
    Option::deserialize(deserializer).map(Some)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn volume_quirks_round_the_volume() {
        let stored = |quirk: VolumeQuirk| [0, 1, 33, 50, 98, 100].map(|requested| quirk.stored(requested, 7));
        assert_eq!(stored(VolumeQuirk::Exact), [0, 1, 33, 50, 98, 100]);
        assert_eq!(stored(VolumeQuirk::OneLess), [0, 0, 32, 49, 97, 99]);
        assert_eq!(stored(VolumeQuirk::Nearest(625)), [0, 0, 31, 50, 100, 100]);
        assert_eq!(stored(VolumeQuirk::Down(1_000)), [0, 0, 30, 50, 90, 100]);
        assert_eq!(stored(VolumeQuirk::Up(500)), [0, 5, 35, 50, 100, 100]);
        assert_eq!(stored(VolumeQuirk::AtMost(40)), [0, 1, 33, 40, 40, 40]);
        assert_eq!(stored(VolumeQuirk::Ignored), [7; 6]);
    }

    #[test]
    fn device_change_is_read_from_json() {
        let change: DeviceChange = serde_json::from_str(
            r#"{"id":null,"quirks":{"volume":{"nearest":500},"repeat":[["track","context"]],"wakes":"empty"}}"#,
        )
        .expect("a change");
        let quirks = change.quirks.expect("quirks");
        assert_eq!((change.id, change.volume_percent), (Some(None), None));
        assert_eq!(quirks.volume, VolumeQuirk::Nearest(500));
        assert_eq!((quirks.repeat(Repeat::Track), quirks.repeat(Repeat::Off)), (Repeat::Context, Repeat::Off));
        assert_eq!(quirks.wakes, Waking::Empty);
    }
}
