//! Volume Up: by a step that the user chooses.

use host_sdk::package::Settings;

use super::{Widget, looks_at_volume, step, volume_face};
use crate::face::Icon;
use crate::player::Verb;

pub(super) const WIDGET: Widget = Widget {
    uuid: "com.spotify-widgets.volume-up",
    press: |_, settings| Some(verb(settings)),
    looks_at: looks_at_volume,
    repeats: true,
    owns: |verb, _| matches!(verb, Verb::VolumeBy(step) if *step > 0),
    face: |player, settings, _| volume_face(player, settings, &verb(settings), Icon::VolumeUp, "Volume Up"),
    ..Widget::BLANK
};

fn verb(settings: &Settings) -> Verb {
    Verb::VolumeBy(step(settings))
}
