//! Device: moves playback to the chosen device, or to the next one in the list.

use serde::Deserialize;

use super::settings::{Common, lenient};
use super::{Face, View, Widget, highlight, notice};
use crate::face::{Icon, Size, Tone};
use crate::player::{Found, Subscription, Verb};

/// The widget; see the module documentation.
pub(super) struct Device;

impl Widget for Device {
    const UUID: &'static str = "com.spotify-widgets.device";
    type Settings = Settings;

    fn press(view: &View<'_, Settings>) -> Option<Verb> {
        verb(view)
    }

    fn face(view: &View<'_, Settings>, _: Size) -> Face {
        match view.settings.mode {
            Mode::This => chosen_device_face(view),
            Mode::Next => next_device_face(view),
        }
    }

    fn subscribe(_: &Settings, _: &Common, subscription: &mut Subscription) {
        subscription.devices = true;
    }
}

/// The settings of this widget.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub(super) struct Settings {
    #[serde(deserialize_with = "lenient")]
    mode: Mode,
    #[serde(deserialize_with = "lenient")]
    play: Play,
}

/// Where playback goes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Mode {
    /// To the chosen device.
    #[default]
    This,
    /// To the next one in the list.
    Next,
}

/// Whether playback runs there.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Play {
    /// If it was running before.
    #[default]
    Keep,
    /// Always.
    Play,
}

fn verb(view: &View<'_, Settings>) -> Option<Verb> {
    if view.settings.mode == Mode::Next {
        return Some(Verb::NextDevice);
    }
    let play = (view.settings.play == Play::Play).then_some(true);
    view.device().map(|device| Verb::MoveTo { device: device.clone(), play })
}

fn icon(kind: &str) -> Icon {
    match kind.to_ascii_lowercase().as_str() {
        "computer" => Icon::Computer,
        "smartphone" | "tablet" => Icon::Phone,
        "tv" | "stb" | "game_console" => Icon::Tv,
        "castvideo" | "castaudio" => Icon::Cast,
        _ => Icon::Speaker,
    }
}

fn next_device_face(view: &View<'_, Settings>) -> Face {
    let active = view.player.now.as_ref().map(|now| &now.device).filter(|device| !device.name.is_empty());
    let tone = if view.player.has_next_device() { view.tone(&Verb::NextDevice) } else { Tone::Disabled };
    match active {
        Some(device) => view.key(icon(&device.kind), &device.name, highlight(tone, true)).with_note("Next device"),
        None => view.key(Icon::Speaker, "Next device", tone),
    }
}

fn chosen_device_face(view: &View<'_, Settings>) -> Face {
    let (Some(chosen), Some(verb)) = (view.device(), verb(view)) else {
        return notice(Icon::Speaker, "Choose a device");
    };
    let player = view.player;
    let devices = player.devices.as_deref().map(Vec::as_slice).unwrap_or_default();
    let active = player.now.as_ref().map(|now| &now.device).filter(|device| !device.name.is_empty());
    let found = chosen.find_in(devices);
    let here = found.device();
    let name = here.map(|device| device.name.as_str()).filter(|name| !name.is_empty()).unwrap_or(&chosen.name);
    let name = if name.is_empty() { "Device" } else { name };
    let kind = here.map_or(chosen.kind.as_str(), |device| device.kind.as_str());
    let id = here.map_or(Some(&chosen.id), |device| device.id.as_ref());
    let plays = id.is_some() && active.and_then(|active| active.id.as_ref()) == id;
    let (tone, note) = match view.tone(&verb) {
        Tone::Disabled if found == Found::Several => (Tone::Disabled, "Choose again"),
        Tone::Disabled if here.is_some_and(|device| device.is_restricted || device.id.is_none()) => {
            (Tone::Disabled, "Not controllable")
        }
        tone if plays => (highlight(tone, true), "Active"),
        tone if here.is_some() => (tone, "Ready"),
        // It may be asleep, so a press tries anyway.
        _ if player.devices.is_some() => (Tone::Disabled, "Not there"),
        tone => (tone, ""),
    };
    let face = view.key(icon(kind), name, tone);
    if note.is_empty() { face } else { face.with_note(note) }
}
