//! Remove from playlist: removes the current item from the playlist that it is played from.

use super::{Face, NoSettings, View, Widget};
use crate::face::{Icon, Size, Tone};
use crate::player::{Now, Verb};

/// The widget; see the module documentation.
pub(super) struct RemoveFromPlaylist;

impl Widget for RemoveFromPlaylist {
    const UUID: &'static str = "com.spotify-widgets.remove-from-playlist";
    type Settings = NoSettings;

    fn press(_: &View<'_, NoSettings>) -> Option<Verb> {
        Some(Verb::RemoveFromPlaylist)
    }

    fn face(view: &View<'_, NoSettings>, _: Size) -> Face {
        if let Some(done) = view.done() {
            return view.key(Icon::MinusList, "Removed", Tone::Active).with_title_of(done);
        }
        let possible = view.player.now.as_ref().and_then(Now::removable_from).is_some();
        view.key(Icon::MinusList, "Remove", if possible { Tone::Normal } else { Tone::Disabled })
    }
}
