//! Volume Down: by a step that the user chooses.

use super::settings::Common;
use super::volume_step::VolumeStep;
use super::{Face, View, Widget};
use crate::face::{Icon, Size};
use crate::player::{Subscription, Verb};

/// See the module's documentation.
pub(super) struct VolumeDown;

impl Widget for VolumeDown {
    const UUID: &'static str = "com.spotify-widgets.volume-down";
    const REPEATS: bool = true;
    type Settings = VolumeStep;

    fn press(view: &View<'_, VolumeStep>) -> Option<Verb> {
        Some(verb(*view.settings))
    }

    fn face(view: &View<'_, VolumeStep>, _: Size) -> Face {
        view.volume_face(&verb(*view.settings), Icon::VolumeDown, "Volume Down")
    }

    fn subscribe(_: &VolumeStep, common: &Common, subscription: &mut Subscription) {
        common.subscribe_to_volume(subscription);
    }
}

fn verb(settings: VolumeStep) -> Verb {
    Verb::VolumeBy(-settings.percent())
}
