//! Shuffle on or off.

use super::{Face, Widget, key};
use crate::face::{Icon, Tone};
use crate::player::{Player, Verb};

pub(super) const WIDGET: Widget = Widget {
    uuid: "com.spotify-widgets.shuffle",
    press: |_, _| Some(Verb::ToggleShuffle),
    owns: |verb, _| *verb == Verb::ToggleShuffle,
    face: |player, _, _| face(player),
    ..Widget::BLANK
};

fn face(player: &Player) -> Face {
    match &player.now {
        None => key(player, Icon::Shuffle, "Shuffle", Tone::Disabled).in_state(0),
        Some(now) if now.shuffle => key(player, Icon::Shuffle, "Shuffle on", Tone::Active).in_state(1),
        Some(_) => key(player, Icon::Shuffle, "Shuffle off", Tone::Normal).in_state(0),
    }
}
