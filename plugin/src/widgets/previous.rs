//! Previous track: skips to the previous item.

use super::{Face, NoSettings, View, Widget};
use crate::face::{Icon, Size};
use crate::player::Verb;

/// The widget; see the module documentation.
pub(super) struct Previous;

impl Widget for Previous {
    const UUID: &'static str = "com.spotify-widgets.previous";
    type Settings = NoSettings;

    fn press(_: &View<'_, NoSettings>) -> Option<Verb> {
        Some(Verb::Previous)
    }

    fn face(view: &View<'_, NoSettings>, _: Size) -> Face {
        view.key(Icon::Previous, "Previous", view.tone_while_playing(&Verb::Previous))
    }
}
