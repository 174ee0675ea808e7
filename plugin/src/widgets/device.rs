//! Device: moves playback to a device that was chosen, or to the next one of the list.

use host_sdk::package::Settings;

use super::{Face, Widget, key, notice, word};
use crate::face::{Icon, Tone};
use crate::player::{Player, Verb};
use crate::spotify::Device;

pub(super) const WIDGET: Widget = Widget {
    uuid: "com.spotify-widgets.device",
    press: |_, settings| verb(settings),
    looks_at: |_, interest| interest.devices = true,
    owns: |asked, settings| verb(settings).as_ref() == Some(asked),
    face: |player, settings, _| face(player, settings),
    ..Widget::BLANK
};

fn goes_round(settings: &Settings) -> bool {
    word(settings, "mode") == "next"
}

fn verb(settings: &Settings) -> Option<Verb> {
    if goes_round(settings) {
        return Some(Verb::NextDevice);
    }
    let play = (word(settings, "play") == "play").then_some(true);
    super::device(settings).map(|device| Verb::MoveTo { device, play })
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

fn face(player: &Player, settings: &Settings) -> Face {
    let devices = player.devices.as_deref().map(Vec::as_slice).unwrap_or_default();
    let active = player.now.as_ref().map(|now| &now.device).filter(|device| !device.name.is_empty());
    if goes_round(settings) {
        return match active {
            Some(device) => key(player, icon(&device.kind), &device.name, Tone::Active).with_note("Next device"),
            None => key(player, Icon::Speaker, "Next device", Tone::Normal),
        };
    }
    let Some(chosen) = settings.get("device").and_then(|device| serde_json::from_value::<Device>(device.clone()).ok())
    else {
        return notice(Icon::Speaker, "Choose a device");
    };
    let here = devices.iter().find(|device| device.id == chosen.id);
    let shown = here.unwrap_or(&chosen);
    let name = if shown.name.is_empty() { "Device" } else { shown.name.as_str() };
    let plays = active.is_some_and(|active| active.id == chosen.id);
    let (tone, note) = match (plays, here) {
        (true, _) => (Tone::Active, "Active"),
        (false, Some(device)) if device.is_restricted => (Tone::Disabled, "Not controllable"),
        (false, Some(_)) => (Tone::Normal, "Ready"),
        // It may be asleep: a press tries all the same.
        (false, None) if player.devices.is_some() => (Tone::Disabled, "Not there"),
        (false, None) => (Tone::Normal, ""),
    };
    let face = key(player, icon(&shown.kind), name, tone);
    if note.is_empty() { face } else { face.with_note(note) }
}
