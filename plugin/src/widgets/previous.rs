//! Previous track.

use super::{Widget, key, tone_while_playing};
use crate::face::Icon;
use crate::player::Verb;

pub(super) const WIDGET: Widget = Widget {
    uuid: "com.spotify-widgets.previous",
    press: |_, _| Some(Verb::Previous),
    owns: |verb, _| *verb == Verb::Previous,
    face: |player, settings, _| {
        key(player, Icon::Previous, "Previous", tone_while_playing(player, &Verb::Previous, settings))
    },
    ..Widget::BLANK
};
