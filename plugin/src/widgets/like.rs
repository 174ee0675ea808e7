//! Like: whether what plays, or something that was chosen, is in the user's library. A press saves it, or removes it.

use host_sdk::package::Settings;

use super::{Face, Widget, chosen, key};
use crate::face::{Icon, Tone};
use crate::player::{Now, Player, Verb};
use crate::spotify::{Uri, UriKind};

/// What a user's library can hold. Artists are followed, which Development Mode apps can't do.
const LIKEABLE: [UriKind; 5] = [UriKind::Track, UriKind::Album, UriKind::Playlist, UriKind::Show, UriKind::Episode];

pub(super) const WIDGET: Widget = Widget {
    uuid: "com.spotify-widgets.like",
    press: |_, settings| Some(Verb::ToggleSaved(uri(settings))),
    looks_at: |settings, interest| match uri(settings) {
        Some(uri) => drop(interest.saved.insert(uri)),
        None => interest.saved_now = true,
    },
    owns: |verb, settings| *verb == Verb::ToggleSaved(uri(settings)),
    face: |player, settings, _| face(player, settings),
    ..Widget::BLANK
};

/// What was chosen; None means what plays.
fn uri(settings: &Settings) -> Option<Uri> {
    chosen(settings, "item", &LIKEABLE).map(|chosen| chosen.uri)
}

fn face(player: &Player, settings: &Settings) -> Face {
    let chosen = chosen(settings, "item", &LIKEABLE);
    let uri = match &chosen {
        Some(chosen) => Some(&chosen.uri),
        None => player.now.as_ref().and_then(Now::library_uri),
    };
    let face = match uri.map(|uri| player.saved(uri)) {
        None => key(player, Icon::Heart, "Like", Tone::Disabled).in_state(0),
        Some(Some(true)) => key(player, Icon::HeartFilled, "Liked", Tone::Active).in_state(1),
        // Until it is known the heart is empty, and a press saves: what is saved already stays so.
        Some(Some(false) | None) => key(player, Icon::Heart, "Like", Tone::Normal).in_state(0),
    };
    match chosen.map(|chosen| chosen.name).filter(|name| !name.is_empty()) {
        Some(name) => face.with_note(&name),
        None => face,
    }
}
