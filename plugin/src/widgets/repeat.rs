//! Repeat: off, then the playlist or album, then the track.

use super::{Face, Widget, key};
use crate::face::{Icon, Tone};
use crate::player::{Player, Verb};
use crate::spotify::Repeat;

pub(super) const WIDGET: Widget = Widget {
    uuid: "com.spotify-widgets.repeat",
    press: |_, _| Some(Verb::CycleRepeat),
    owns: |verb, _| *verb == Verb::CycleRepeat,
    face: |player, _, _| face(player),
    ..Widget::BLANK
};

fn face(player: &Player) -> Face {
    let Some(now) = &player.now else { return key(player, Icon::Repeat, "Repeat", Tone::Disabled).in_state(0) };
    match now.repeat {
        Repeat::Off => key(player, Icon::Repeat, "Repeat off", Tone::Normal).in_state(0),
        Repeat::Context => key(player, Icon::Repeat, "Repeat all", Tone::Active).in_state(1),
        Repeat::Track => key(player, Icon::RepeatOne, "Repeat one", Tone::Active).in_state(2),
    }
}
