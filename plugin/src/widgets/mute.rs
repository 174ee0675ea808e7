//! Mute: silent, and as loud as before.

use host_sdk::package::Settings;

use super::{Face, Loudness, Widget, key, lit, looks_at_volume, loudness, tone};
use crate::face::{Icon, Tone};
use crate::player::{Player, Verb};

pub(super) const WIDGET: Widget = Widget {
    uuid: "com.spotify-widgets.mute",
    press: |_, _| Some(Verb::ToggleMute),
    owns: |verb, _| *verb == Verb::ToggleMute,
    looks_at: looks_at_volume,
    face: |player, settings, _| face(player, settings),
    ..Widget::BLANK
};

fn face(player: &Player, settings: &Settings) -> Face {
    let tone = tone(player, &Verb::ToggleMute, settings);
    match loudness(player, &Verb::ToggleMute, settings) {
        Loudness::Fixed => key(player, Icon::Mute, "Volume is fixed", Tone::Disabled).in_state(0),
        Loudness::Nowhere => key(player, Icon::Mute, "Mute", Tone::Disabled).in_state(0),
        Loudness::Percent(0) => key(player, Icon::Mute, "Muted", lit(tone, true)).in_state(1),
        Loudness::Percent(_) | Loudness::Unknown => key(player, Icon::Mute, "Mute", tone).in_state(0),
    }
}
