//! Next track: skips to the next item.

use super::{Face, NoSettings, View, Widget};
use crate::face::{Icon, Size};
use crate::player::Verb;

/// The widget; see the module documentation.
pub(super) struct Next;

impl Widget for Next {
    const UUID: &'static str = "com.spotify-widgets.next";
    type Settings = NoSettings;

    fn press(_: &View<'_, NoSettings>) -> Option<Verb> {
        Some(Verb::Next)
    }

    fn face(view: &View<'_, NoSettings>, _: Size) -> Face {
        view.key(Icon::Next, "Next", view.tone_while_playing(&Verb::Next))
    }
}
