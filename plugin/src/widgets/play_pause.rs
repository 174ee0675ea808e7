//! Play/Pause: plays or pauses, and shows which of both a press does.

use super::{Face, NoSettings, View, Widget, highlight};
use crate::face::{Icon, Size};
use crate::player::Verb;

/// The widget; see the module documentation.
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
            Some(now) if now.playing => view.key(Icon::Pause, "Pause", highlight(tone, true)).in_state(1),
            _ => view.key(Icon::Play, "Play", tone).in_state(0),
        }
    }
}
