//! Restart: to the beginning of what plays.

use super::{Face, NoSettings, View, Widget};
use crate::face::{Icon, Size};
use crate::player::Verb;

/// See the module's documentation.
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
