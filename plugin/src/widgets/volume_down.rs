//! Volume Down: by a step that the user chooses.

use super::{Widget, step, volume_face};
use crate::face::Icon;
use crate::player::Verb;

pub(super) const WIDGET: Widget = Widget {
    uuid: "com.spotify-widgets.volume-down",
    press: |_, settings| Some(Verb::VolumeBy(-step(settings))),
    repeats: true,
    owns: |verb, _| matches!(verb, Verb::VolumeBy(step) if *step < 0),
    face: |player, _, _| volume_face(player, Icon::VolumeDown, "Volume Down"),
    ..Widget::BLANK
};
