//! Mute: mutes, and restores the previous volume.

use super::settings::Common;
use super::{Face, KeyVolume, NoSettings, View, Widget, highlight};
use crate::face::{Icon, Size, Tone};
use crate::player::{Subscription, Verb};

/// The widget; see the module documentation.
pub(super) struct Mute;

impl Widget for Mute {
    const UUID: &'static str = "com.spotify-widgets.mute";
    type Settings = NoSettings;

    fn press(_: &View<'_, NoSettings>) -> Option<Verb> {
        Some(Verb::ToggleMute)
    }

    fn face(view: &View<'_, NoSettings>, _: Size) -> Face {
        let tone = view.tone(&Verb::ToggleMute);
        match view.volume(&Verb::ToggleMute) {
            KeyVolume::Fixed => view.key(Icon::Mute, "Volume is fixed", Tone::Disabled).in_state(0),
            KeyVolume::NoDevice => view.key(Icon::Mute, "Mute", Tone::Disabled).in_state(0),
            KeyVolume::Percent(0) => view.key(Icon::Mute, "Muted", highlight(tone, true)).in_state(1),
            KeyVolume::Percent(_) | KeyVolume::Unknown => view.key(Icon::Mute, "Mute", tone).in_state(0),
        }
    }

    fn subscribe(_: &NoSettings, common: &Common, subscription: &mut Subscription) {
        common.subscribe_to_volume(subscription);
    }
}
