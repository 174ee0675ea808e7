//! Previous track.

use super::{Widget, key, nothing_playing};
use crate::face::{Icon, Tone};
use crate::player::Verb;

pub(super) const WIDGET: Widget = Widget {
    uuid: "com.spotify-widgets.previous",
    press: |_, _| Some(Verb::Previous),
    owns: |verb, _| *verb == Verb::Previous,
    face: |player, _, _| {
        let now = player.now.as_ref();
        let off = nothing_playing(now) || now.is_some_and(|now| now.no_previous);
        key(player, Icon::Previous, "Previous", if off { Tone::Disabled } else { Tone::Normal })
    },
    ..Widget::BLANK
};
