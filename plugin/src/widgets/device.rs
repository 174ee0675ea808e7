//! Device: moves playback to a device that was chosen, or to the next one of the list.

use host_sdk::package::Settings;

use super::{Face, Widget, key, lit, notice, tone, word};
use crate::face::{Icon, Tone};
use crate::player::{Found, Player, Verb};

pub(super) const WIDGET: Widget = Widget {
    uuid: "com.spotify-widgets.device",
    press: |_, settings| verb(settings),
    looks_at: |_, interest| interest.devices = true,
    owns: |asked, settings| match (asked, verb(settings)) {
        // It may have got its new id meanwhile.
        (Verb::MoveTo { device, .. }, Some(Verb::MoveTo { device: chosen, .. })) => device.is_same(&chosen),
        (asked, verb) => verb.as_ref() == Some(asked),
    },
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
        let tone = if player.has_next_device() { tone(player, &Verb::NextDevice, settings) } else { Tone::Disabled };
        return match active {
            Some(device) => key(player, icon(&device.kind), &device.name, lit(tone, true)).with_note("Next device"),
            None => key(player, Icon::Speaker, "Next device", tone),
        };
    }
    let (Some(chosen), Some(verb)) = (super::device(settings), verb(settings)) else {
        return notice(Icon::Speaker, "Choose a device");
    };
    let found = chosen.find_in(devices);
    let here = found.device();
    let name = here.map(|device| device.name.as_str()).filter(|name| !name.is_empty()).unwrap_or(&chosen.name);
    let name = if name.is_empty() { "Device" } else { name };
    let kind = here.map_or(chosen.kind.as_str(), |device| device.kind.as_str());
    let id = here.map_or(Some(chosen.id.as_str()), |device| device.id.as_deref());
    let plays = id.is_some() && active.and_then(|active| active.id.as_deref()) == id;
    let (tone, note) = match tone(player, &verb, settings) {
        Tone::Disabled if found == Found::Several => (Tone::Disabled, "Choose again"),
        Tone::Disabled if here.is_some_and(|device| device.is_restricted || device.id.is_none()) => {
            (Tone::Disabled, "Not controllable")
        }
        tone if plays => (lit(tone, true), "Active"),
        tone if here.is_some() => (tone, "Ready"),
        // It may be asleep: a press tries all the same.
        _ if player.devices.is_some() => (Tone::Disabled, "Not there"),
        tone => (tone, ""),
    };
    let face = key(player, icon(kind), name, tone);
    if note.is_empty() { face } else { face.with_note(note) }
}
