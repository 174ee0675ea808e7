//! What single devices do differently: they round volumes, lack modes, forget what played, or refuse commands. Each is a
//! switch on a device, off at first, set with [`Sim::change_device`](crate::Sim::change_device) or `POST /sim/device`.

use serde::{Deserialize, Deserializer};

use crate::playback::Repeat;

/// What a device does differently from others.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Quirks {
    /// What it makes of a volume.
    pub volume: VolumeQuirk,
    /// Repeat modes that it accepts and takes for another one: wanted and taken.
    pub repeat: Vec<(Repeat, Repeat)>,
    /// Whether it accepts shuffle and ignores it.
    pub ignores_shuffle: bool,
    /// What it knows of what played before when it becomes active.
    pub wakes: Waking,
    /// What it doesn't allow, by the names of the members of `actions.disallows`: told in player answers, and refused.
    pub disallows: Vec<String>,
}

impl Quirks {
    /// The mode that is on after this one was asked for.
    pub(crate) fn repeat(&self, wanted: Repeat) -> Repeat {
        self.repeat.iter().find(|(asked, _)| *asked == wanted).map_or(wanted, |(_, taken)| *taken)
    }

    pub(crate) fn disallows(&self, action: &str) -> bool {
        self.disallows.iter().any(|disallowed| disallowed == action)
    }
}

/// What a device makes of the volume that it is asked for. Steps are in hundredths of a percent: 625 are the sixteen steps of
/// many speakers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum VolumeQuirk {
    /// It is stored as it is.
    #[default]
    Exact,
    /// One percent less is stored.
    OneLess,
    /// The nearest step is stored.
    Nearest(u16),
    /// The step below is stored.
    Down(u16),
    /// The step above is stored.
    Up(u16),
    /// No more than this is stored.
    AtMost(u8),
    /// The old volume stays.
    Ignored,
}

impl VolumeQuirk {
    /// What is stored where `before` was.
    pub fn stored(self, wanted: u8, before: u8) -> u8 {
        let hundredths = u32::from(wanted) * 100;
        let stepped = |step: u16, added: u32| {
            let step = u32::from(step).max(1);
            (hundredths + added.min(step - 1)) / step * step
        };
        let stored = match self {
            Self::Exact => return wanted,
            Self::OneLess => return wanted.saturating_sub(1),
            Self::AtMost(most) => return wanted.min(most),
            Self::Ignored => return before,
            Self::Nearest(step) => stepped(step, u32::from(step) / 2),
            Self::Down(step) => stepped(step, 0),
            Self::Up(step) => stepped(step, u32::MAX),
        };
        u8::try_from(stored / 100).unwrap_or(100).min(100)
    }
}

/// What a device knows of what played before when it becomes active.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Waking {
    /// It takes the playback over.
    #[default]
    Playing,
    /// It is paused and names no item until it is asked to play once more.
    Empty,
    /// It is paused and names no item; a command to go on is accepted and does nothing.
    Forgetful,
}

/// A change of one device. Absent members change nothing. Read from JSON by `POST /sim/device`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct DeviceChange {
    /// Another id, as after a reconnect. `Some(None)` (JSON null) takes its id.
    #[serde(deserialize_with = "present")]
    pub id: Option<Option<String>>,
    /// Another name.
    pub name: Option<String>,
    /// Whether it refuses Web API commands.
    pub restricted: Option<bool>,
    /// Whether its volume can be set.
    pub supports_volume: Option<bool>,
    /// Its volume. `Some(None)` (JSON null) makes it tell none.
    #[serde(deserialize_with = "present")]
    pub volume_percent: Option<Option<u8>>,
    /// What it does differently.
    pub quirks: Option<Quirks>,
}

/// Tells a member that is null from one that is absent.
pub(crate) fn present<'de, D: Deserializer<'de>, T: Deserialize<'de>>(
    deserializer: D,
) -> Result<Option<Option<T>>, D::Error> {
    Option::deserialize(deserializer).map(Some)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn volumes_are_stored_in_steps() {
        let stored = |quirk: VolumeQuirk| [0, 1, 33, 50, 98, 100].map(|wanted| quirk.stored(wanted, 7));
        assert_eq!(stored(VolumeQuirk::Exact), [0, 1, 33, 50, 98, 100]);
        assert_eq!(stored(VolumeQuirk::OneLess), [0, 0, 32, 49, 97, 99]);
        assert_eq!(stored(VolumeQuirk::Nearest(625)), [0, 0, 31, 50, 100, 100]);
        assert_eq!(stored(VolumeQuirk::Down(1_000)), [0, 0, 30, 50, 90, 100]);
        assert_eq!(stored(VolumeQuirk::Up(500)), [0, 5, 35, 50, 100, 100]);
        assert_eq!(stored(VolumeQuirk::AtMost(40)), [0, 1, 33, 40, 40, 40]);
        assert_eq!(stored(VolumeQuirk::Ignored), [7; 6]);
    }

    #[test]
    fn changes_are_read_from_json() {
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
