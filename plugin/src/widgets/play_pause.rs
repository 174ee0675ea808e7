//! Play/Pause: shows what a press does.

use host_sdk::package::Settings;

use super::{Face, Widget, key, lit, tone};
use crate::face::Icon;
use crate::player::{Player, Verb};

pub(super) const WIDGET: Widget = Widget {
    uuid: "com.spotify-widgets.play-pause",
    press: |_, _| Some(Verb::TogglePlay),
    owns: |verb, _| *verb == Verb::TogglePlay,
    face: |player, settings, _| face(player, settings),
    ..Widget::BLANK
};

fn face(player: &Player, settings: &Settings) -> Face {
    let tone = tone(player, &Verb::TogglePlay, settings);
    match &player.now {
        Some(now) if now.playing => key(player, Icon::Pause, "Pause", lit(tone, true)).in_state(1),
        _ => key(player, Icon::Play, "Play", tone).in_state(0),
    }
}
