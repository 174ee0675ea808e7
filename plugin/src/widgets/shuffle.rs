//! Shuffle on or off.

use host_sdk::package::Settings;

use super::{Face, Widget, key, lit, tone};
use crate::face::{Icon, Tone};
use crate::player::{Player, Verb};

pub(super) const WIDGET: Widget = Widget {
    uuid: "com.spotify-widgets.shuffle",
    press: |_, _| Some(Verb::ToggleShuffle),
    owns: |verb, _| *verb == Verb::ToggleShuffle,
    face: |player, settings, _| face(player, settings),
    ..Widget::BLANK
};

fn face(player: &Player, settings: &Settings) -> Face {
    let tone = tone(player, &Verb::ToggleShuffle, settings);
    match &player.now {
        None => key(player, Icon::Shuffle, "Shuffle", Tone::Disabled).in_state(0),
        Some(now) if now.smart_shuffle => key(player, Icon::Shuffle, "Smart shuffle", lit(tone, true)).in_state(1),
        Some(now) if now.shuffle => key(player, Icon::Shuffle, "Shuffle on", lit(tone, true)).in_state(1),
        Some(_) => key(player, Icon::Shuffle, "Shuffle off", tone).in_state(0),
    }
}
