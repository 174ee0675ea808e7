//! Next track.

use super::{Widget, key, tone_while_playing};
use crate::face::Icon;
use crate::player::Verb;

pub(super) const WIDGET: Widget = Widget {
    uuid: "com.spotify-widgets.next",
    press: |_, _| Some(Verb::Next),
    owns: |verb, _| *verb == Verb::Next,
    face: |player, settings, _| key(player, Icon::Next, "Next", tone_while_playing(player, &Verb::Next, settings)),
    ..Widget::BLANK
};
