//! Like: shows whether the current or a chosen item is in the user's library. A press saves or removes it.

use serde::{Deserialize, Deserializer};

use super::settings::{Chosen, Common};
use super::{Face, View, Widget};
use crate::face::{Icon, Size, Tone};
use crate::player::{Now, Subscription, Verb};
use crate::spotify::{Uri, UriKind};

/// The kinds that a user's library can contain. Artists are followed instead, which Development Mode apps can't do.
const LIKEABLE: [UriKind; 5] = [UriKind::Track, UriKind::Album, UriKind::Playlist, UriKind::Show, UriKind::Episode];

/// The widget; see the module documentation.
pub(super) struct Like;

impl Widget for Like {
    const UUID: &'static str = "com.spotify-widgets.like";
    type Settings = Settings;

    fn press(view: &View<'_, Settings>) -> Option<Verb> {
        Some(Verb::ToggleSaved(view.settings.uri().cloned()))
    }

    fn face(view: &View<'_, Settings>, _: Size) -> Face {
        let uri = match view.settings.uri() {
            Some(uri) => Some(uri),
            None => view.player.now.as_ref().and_then(Now::library_uri),
        };
        let face = match uri.map(|uri| view.player.saved(uri)) {
            None => view.key(Icon::Heart, "Like", Tone::Disabled).in_state(0),
            Some(Some(true)) => view.key(Icon::HeartFilled, "Liked", Tone::Active).in_state(1),
            // The heart is empty until the state is known. A press then saves, which keeps what is already saved.
            Some(Some(false) | None) => view.key(Icon::Heart, "Like", Tone::Normal).in_state(0),
        };
        match view.settings.item.as_ref().and_then(Chosen::name) {
            Some(name) => face.with_note(name),
            None => face,
        }
    }

    fn subscribe(settings: &Settings, _: &Common, subscription: &mut Subscription) {
        match settings.uri() {
            Some(uri) => drop(subscription.saved.insert(uri.clone())),
            None => subscription.saved_now = true,
        }
    }
}

/// The settings of this widget.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub(super) struct Settings {
    /// The item to like; without it, the current item.
    #[serde(deserialize_with = "likeable")]
    item: Option<Chosen>,
}

fn likeable<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Chosen>, D::Error> {
    Chosen::read(from, &LIKEABLE)
}

impl Settings {
    fn uri(&self) -> Option<&Uri> {
        self.item.as_ref().map(|item| &item.uri)
    }
}
