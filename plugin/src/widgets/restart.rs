//! Restart: to the beginning of what plays.

use super::{Widget, key, tone_while_playing};
use crate::face::Icon;
use crate::player::Verb;

pub(super) const WIDGET: Widget = Widget {
    uuid: "com.spotify-widgets.restart",
    press: |_, _| Some(Verb::Restart),
    owns: |verb, _| *verb == Verb::Restart,
    face: |player, settings, _| {
        key(player, Icon::Restart, "Restart", tone_while_playing(player, &Verb::Restart, settings))
    },
    ..Widget::BLANK
};
