//! Volume Up: raises the volume by a step that the user sets.

use super::settings::Common;
use super::volume_step::VolumeStep;
use super::{Face, View, Widget};
use crate::face::{Icon, Size};
use crate::player::{Subscription, Verb};

/// The widget; see the module documentation.
pub(super) struct VolumeUp;

impl Widget for VolumeUp {
    const UUID: &'static str = "com.spotify-widgets.volume-up";
    const REPEATS: bool = true;
    type Settings = VolumeStep;

    fn press(view: &View<'_, VolumeStep>) -> Option<Verb> {
        Some(verb(*view.settings))
    }

    fn face(view: &View<'_, VolumeStep>, _: Size) -> Face {
        view.volume_face(&verb(*view.settings), Icon::VolumeUp, "Volume Up")
    }

    fn subscribe(_: &VolumeStep, common: &Common, subscription: &mut Subscription) {
        common.subscribe_to_volume(subscription);
    }
}

fn verb(settings: VolumeStep) -> Verb {
    Verb::VolumeBy(settings.percent())
}
