//! Play: a playlist, album, artist, show, track, episode or Liked Songs that was chosen, with its cover. A second press
//! pauses, starts it anew, or shuffles it, as the user has chosen.

use host_sdk::package::Settings;

use super::{Chosen, Face, Widget, chosen, notice, word};
use crate::face::{CoverKey, Icon, Picture, Tone};
use crate::player::{Again, Player, Start, Verb};
use crate::spotify::{Uri, UriKind};

const PLAYABLE: [UriKind; 7] = [
    UriKind::Track,
    UriKind::Album,
    UriKind::Artist,
    UriKind::Playlist,
    UriKind::Show,
    UriKind::Episode,
    UriKind::LikedSongs,
];

pub(super) const WIDGET: Widget = Widget {
    uuid: "com.spotify-widgets.play",
    press: |_, settings| item(settings).map(|item| Verb::Start(start(item.uri, settings))),
    owns: |verb, settings| matches!(verb, Verb::Start(start) if item(settings).is_some_and(|item| item.uri == start.uri)),
    face: |player, settings, _| match item(settings) {
        Some(item) => face(player, item),
        None => notice(Icon::Music, "Choose what to play"),
    },
    ..Widget::BLANK
};

fn item(settings: &Settings) -> Option<Chosen> {
    chosen(settings, "item", &PLAYABLE)
}

fn start(uri: Uri, settings: &Settings) -> Start {
    let again = match word(settings, "again") {
        "restart" => Again::Restart,
        "shuffle" => Again::Shuffle,
        _ => Again::Pause,
    };
    let shuffle = match word(settings, "shuffle") {
        "on" => Some(true),
        "off" => Some(false),
        _ => None,
    };
    Start { uri, again, shuffle }
}

fn face(player: &Player, item: Chosen) -> Face {
    let plays = player.plays(&item.uri) && player.now.as_ref().is_some_and(|now| now.playing);
    let icon = match (item.uri.is_liked_songs(), plays) {
        (true, _) => Icon::HeartFilled,
        (false, true) => Icon::Pause,
        (false, false) => Icon::Play,
    };
    let name = if item.name.is_empty() { "Play".to_owned() } else { item.name };
    let description = format!("{}: {name}", if plays { "Playing" } else { "Play" });
    Face {
        picture: Picture::Cover(CoverKey {
            cover: item.image,
            icon,
            label: name,
            tone: if plays { Tone::Active } else { Tone::Normal },
            dimmed: player.stale,
        }),
        state: None,
        description,
    }
}
