//! Add to playlist: adds the current item to the chosen playlist, or to the one that was used last.

use serde::{Deserialize, Deserializer};

use super::settings::Chosen;
use super::{Face, View, Widget};
use crate::face::{Icon, Size, Tone};
use crate::player::Verb;
use crate::spotify::UriKind;

/// The widget; see the module documentation.
pub(super) struct AddToPlaylist;

impl Widget for AddToPlaylist {
    const UUID: &'static str = "com.spotify-widgets.add-to-playlist";
    type Settings = Settings;

    fn press(view: &View<'_, Settings>) -> Option<Verb> {
        Some(Verb::AddToPlaylist(view.settings.playlist.as_ref().map(|playlist| playlist.uri.clone())))
    }

    fn face(view: &View<'_, Settings>, _: Size) -> Face {
        if let Some(done) = view.done() {
            return view.key(Icon::PlusList, "Added", Tone::Active).with_title_of(done);
        }
        let tone = if view.nothing_plays() { Tone::Disabled } else { Tone::Normal };
        match view.settings.playlist.as_ref().and_then(Chosen::name) {
            Some(name) => view.key(Icon::PlusList, "Add to", tone).with_note(name),
            None => view.key(Icon::PlusList, "Add to playlist", tone),
        }
    }
}

/// The settings of this widget.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub(super) struct Settings {
    /// The playlist; without it, the one that was used last.
    #[serde(deserialize_with = "playlist")]
    playlist: Option<Chosen>,
}

fn playlist<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Chosen>, D::Error> {
    Chosen::read(from, &[UriKind::Playlist])
}
