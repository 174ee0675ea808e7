//! Mute: silent, and as loud as before.

use super::{Face, Widget, key};
use crate::face::{Icon, Tone};
use crate::player::{Player, Verb};

pub(super) const WIDGET: Widget = Widget {
    uuid: "com.spotify-widgets.mute",
    press: |_, _| Some(Verb::ToggleMute),
    owns: |verb, _| *verb == Verb::ToggleMute,
    face: |player, _, _| face(player),
    ..Widget::BLANK
};

fn face(player: &Player) -> Face {
    match player.now.as_ref().map(|now| now.volume) {
        None => key(player, Icon::Mute, "Mute", Tone::Disabled).in_state(0),
        Some(None) => key(player, Icon::Mute, "Volume is fixed", Tone::Disabled).in_state(0),
        Some(Some(0)) => key(player, Icon::Mute, "Muted", Tone::Active).in_state(1),
        Some(Some(_)) => key(player, Icon::Mute, "Mute", Tone::Normal).in_state(0),
    }
}
