//! Next track.

use super::{Widget, key, nothing_playing};
use crate::face::{Icon, Tone};
use crate::player::Verb;

pub(super) const WIDGET: Widget = Widget {
    uuid: "com.spotify-widgets.next",
    press: |_, _| Some(Verb::Next),
    owns: |verb, _| *verb == Verb::Next,
    face: |player, _, _| {
        let now = player.now.as_ref();
        let off = nothing_playing(now) || now.is_some_and(|now| now.no_next);
        key(player, Icon::Next, "Next", if off { Tone::Disabled } else { Tone::Normal })
    },
    ..Widget::BLANK
};
