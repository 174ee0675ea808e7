//! Restart: to the beginning of what plays.

use super::{Widget, key, nothing_playing};
use crate::face::{Icon, Tone};
use crate::player::Verb;

pub(super) const WIDGET: Widget = Widget {
    uuid: "com.spotify-widgets.restart",
    press: |_, _| Some(Verb::Restart),
    owns: |verb, _| *verb == Verb::Restart,
    face: |player, _, _| {
        let now = player.now.as_ref();
        let off = nothing_playing(now) || now.is_some_and(|now| now.no_seek);
        key(player, Icon::Restart, "Restart", if off { Tone::Disabled } else { Tone::Normal })
    },
    ..Widget::BLANK
};
