//! Shuffle: switches shuffle on or off.

use super::{Face, NoSettings, View, Widget, highlight};
use crate::face::{Icon, Size, Tone};
use crate::player::Verb;

/// The widget; see the module documentation.
pub(super) struct Shuffle;

impl Widget for Shuffle {
    const UUID: &'static str = "com.spotify-widgets.shuffle";
    type Settings = NoSettings;

    fn press(_: &View<'_, NoSettings>) -> Option<Verb> {
        Some(Verb::ToggleShuffle)
    }

    fn face(view: &View<'_, NoSettings>, _: Size) -> Face {
        let tone = view.tone(&Verb::ToggleShuffle);
        match &view.player.now {
            None => view.key(Icon::Shuffle, "Shuffle", Tone::Disabled).in_state(0),
            Some(now) if now.smart_shuffle => {
                view.key(Icon::Shuffle, "Smart shuffle", highlight(tone, true)).in_state(1)
            }
            Some(now) if now.shuffle => view.key(Icon::Shuffle, "Shuffle on", highlight(tone, true)).in_state(1),
            Some(_) => view.key(Icon::Shuffle, "Shuffle off", tone).in_state(0),
        }
    }
}
