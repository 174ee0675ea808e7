//! Repeat: off, then the playlist or album, then the track.

use host_sdk::package::Settings;

use super::{Face, Widget, key, lit, tone};
use crate::face::{Icon, Tone};
use crate::player::{Player, Verb};
use crate::spotify::Repeat;

pub(super) const WIDGET: Widget = Widget {
    uuid: "com.spotify-widgets.repeat",
    press: |_, _| Some(Verb::CycleRepeat),
    owns: |verb, _| *verb == Verb::CycleRepeat,
    face: |player, settings, _| face(player, settings),
    ..Widget::BLANK
};

fn face(player: &Player, settings: &Settings) -> Face {
    let tone = tone(player, &Verb::CycleRepeat, settings);
    let Some(now) = &player.now else { return key(player, Icon::Repeat, "Repeat", Tone::Disabled).in_state(0) };
    match now.repeat {
        Repeat::Off => key(player, Icon::Repeat, "Repeat off", tone).in_state(0),
        Repeat::Context => key(player, Icon::Repeat, "Repeat all", lit(tone, true)).in_state(1),
        Repeat::Track => key(player, Icon::RepeatOne, "Repeat one", lit(tone, true)).in_state(2),
    }
}
