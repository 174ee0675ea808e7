//! Repeat: switches from off to the playlist or album, then to the track.

use super::{Face, NoSettings, View, Widget, highlight};
use crate::face::{Icon, Size, Tone};
use crate::player::Verb;
use crate::spotify::Repeat as Mode;

/// The widget; see the module documentation.
pub(super) struct Repeat;

impl Widget for Repeat {
    const UUID: &'static str = "com.spotify-widgets.repeat";
    type Settings = NoSettings;

    fn press(_: &View<'_, NoSettings>) -> Option<Verb> {
        Some(Verb::CycleRepeat)
    }

    fn face(view: &View<'_, NoSettings>, _: Size) -> Face {
        let tone = view.tone(&Verb::CycleRepeat);
        match view.player.now.as_ref().map(|now| now.repeat) {
            None => view.key(Icon::Repeat, "Repeat", Tone::Disabled).in_state(0),
            Some(Mode::Off) => view.key(Icon::Repeat, "Repeat off", tone).in_state(0),
            Some(Mode::Context) => view.key(Icon::Repeat, "Repeat all", highlight(tone, true)).in_state(1),
            Some(Mode::Track) => view.key(Icon::RepeatOne, "Repeat one", highlight(tone, true)).in_state(2),
        }
    }
}
