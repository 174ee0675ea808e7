//! Play/Pause: shows what a press does.

use super::{Face, Widget, key};
use crate::face::{Icon, Tone};
use crate::player::{Player, Verb};

pub(super) const WIDGET: Widget = Widget {
    uuid: "com.spotify-widgets.play-pause",
    press: |_, _| Some(Verb::TogglePlay),
    owns: |verb, _| *verb == Verb::TogglePlay,
    face: |player, _, _| face(player),
    ..Widget::BLANK
};

fn face(player: &Player) -> Face {
    match &player.now {
        Some(now) if now.playing => key(player, Icon::Pause, "Pause", Tone::Active).in_state(1),
        _ => key(player, Icon::Play, "Play", Tone::Normal).in_state(0),
    }
}
