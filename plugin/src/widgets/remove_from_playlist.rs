//! Remove from playlist: takes what plays out of the playlist that it plays from.

use super::{Face, Widget, key};
use crate::face::{Icon, Tone};
use crate::player::{Now, Player, Verb};

pub(super) const WIDGET: Widget = Widget {
    uuid: "com.spotify-widgets.remove-from-playlist",
    press: |_, _| Some(Verb::RemoveFromPlaylist),
    owns: |verb, _| *verb == Verb::RemoveFromPlaylist,
    face: |player, _, _| face(player),
    ..Widget::BLANK
};

fn face(player: &Player) -> Face {
    if let Some(done) = player.done(|verb| *verb == Verb::RemoveFromPlaylist) {
        return key(player, Icon::MinusList, "Removed", Tone::Active).about(done);
    }
    let possible = player.now.as_ref().and_then(Now::removable_from).is_some();
    key(player, Icon::MinusList, "Remove", if possible { Tone::Normal } else { Tone::Disabled })
}
