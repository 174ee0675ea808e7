//! Add to playlist: puts what plays into a playlist that was chosen, or into the one that was used last.

use host_sdk::package::Settings;

use super::{Face, Widget, chosen, key, nothing_playing};
use crate::face::{Icon, Tone};
use crate::player::{Player, Verb};
use crate::spotify::{Uri, UriKind};

pub(super) const WIDGET: Widget = Widget {
    uuid: "com.spotify-widgets.add-to-playlist",
    press: |_, settings| Some(Verb::AddToPlaylist(uri(settings))),
    owns: |verb, settings| *verb == Verb::AddToPlaylist(uri(settings)),
    face: |player, settings, _| face(player, settings),
    ..Widget::BLANK
};

/// The playlist that was chosen; None means the one that was used last.
fn uri(settings: &Settings) -> Option<Uri> {
    chosen(settings, "playlist", &[UriKind::Playlist]).map(|playlist| playlist.uri)
}

fn face(player: &Player, settings: &Settings) -> Face {
    if let Some(done) = player.done(|verb| *verb == Verb::AddToPlaylist(uri(settings))) {
        return key(player, Icon::PlusList, "Added", Tone::Active).about(done);
    }
    let tone = if nothing_playing(player.now.as_ref()) { Tone::Disabled } else { Tone::Normal };
    let name = chosen(settings, "playlist", &[UriKind::Playlist])
        .map(|playlist| playlist.name)
        .filter(|name| !name.is_empty());
    match name {
        Some(name) => key(player, Icon::PlusList, "Add to", tone).with_note(&name),
        None => key(player, Icon::PlusList, "Add to playlist", tone),
    }
}
