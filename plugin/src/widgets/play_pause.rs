//! Play/Pause: shows what a press does.

use super::{Face, NoSettings, View, Widget, lit};
use crate::face::{Icon, Size};
use crate::player::Verb;

/// See the module's documentation.
pub(super) struct PlayPause;

impl Widget for PlayPause {
    const UUID: &'static str = "com.spotify-widgets.play-pause";
    type Settings = NoSettings;

    fn press(_: &View<'_, NoSettings>) -> Option<Verb> {
        Some(Verb::TogglePlay)
    }

    fn face(view: &View<'_, NoSettings>, _: Size) -> Face {
        let tone = view.tone(&Verb::TogglePlay);
        match &view.player.now {
            Some(now) if now.playing => view.key(Icon::Pause, "Pause", lit(tone, true)).in_state(1),
            _ => view.key(Icon::Play, "Play", tone).in_state(0),
        }
    }
}
