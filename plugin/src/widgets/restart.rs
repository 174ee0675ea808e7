//! Restart: seeks to the beginning of the current item.

use super::{Face, NoSettings, View, Widget};
use crate::face::{Icon, Size};
use crate::player::Verb;

/// The widget; see the module documentation.
pub(super) struct Restart;

impl Widget for Restart {
    const UUID: &'static str = "com.spotify-widgets.restart";
    type Settings = NoSettings;

    fn press(_: &View<'_, NoSettings>) -> Option<Verb> {
        Some(Verb::Restart)
    }

    fn face(view: &View<'_, NoSettings>, _: Size) -> Face {
        view.key(Icon::Restart, "Restart", view.tone_while_playing(&Verb::Restart))
    }
}
