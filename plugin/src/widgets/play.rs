//! Play: plays the chosen playlist, album, artist, show, track, episode or Liked Songs, and shows its cover. A second press
//! pauses, restarts or shuffles it, according to the settings.

use serde::{Deserialize, Deserializer};

use super::settings::{Chosen, lenient};
use super::{Face, View, Widget, notice};
use crate::face::{CoverKey, Icon, Picture, Size, Tone};
use crate::player::{Again, Player, Start, Verb};
use crate::spotify::UriKind;

/// The kinds that can be played.
const PLAYABLE: [UriKind; 7] = [
    UriKind::Track,
    UriKind::Album,
    UriKind::Artist,
    UriKind::Playlist,
    UriKind::Show,
    UriKind::Episode,
    UriKind::LikedSongs,
];

/// The widget; see the module documentation.
pub(super) struct Play;

impl Widget for Play {
    const UUID: &'static str = "com.spotify-widgets.play";
    type Settings = Settings;

    fn press(view: &View<'_, Settings>) -> Option<Verb> {
        let Settings { item, again, shuffle } = view.settings;
        let uri = item.as_ref()?.uri.clone();
        let shuffle = match shuffle {
            Shuffle::Keep => None,
            Shuffle::On => Some(true),
            Shuffle::Off => Some(false),
        };
        Some(Verb::Start(Start { uri, again: *again, shuffle }))
    }

    fn face(view: &View<'_, Settings>, _: Size) -> Face {
        match &view.settings.item {
            Some(item) => face(view.player, item),
            None => notice(Icon::Music, "Choose what to play"),
        }
    }
}

/// The settings of this widget.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub(super) struct Settings {
    /// The item to play.
    #[serde(deserialize_with = "playable")]
    item: Option<Chosen>,
    /// What a press does while it plays.
    #[serde(deserialize_with = "lenient")]
    again: Again,
    #[serde(deserialize_with = "lenient")]
    shuffle: Shuffle,
}

/// Whether the item is shuffled.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Shuffle {
    #[default]
    Keep,
    On,
    Off,
}

fn playable<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Chosen>, D::Error> {
    Chosen::read(from, &PLAYABLE)
}

fn face(player: &Player, item: &Chosen) -> Face {
    let plays = player.plays(&item.uri) && player.now.as_ref().is_some_and(|now| now.playing);
    let icon = match (item.uri.is_liked_songs(), plays) {
        (true, _) => Icon::HeartFilled,
        (false, true) => Icon::Pause,
        (false, false) => Icon::Play,
    };
    let name = item.name().unwrap_or("Play").to_owned();
    let description = format!("{}: {name}", if plays { "Playing" } else { "Play" });
    Face {
        picture: Picture::Cover(CoverKey {
            cover: item.image.clone(),
            icon,
            label: name,
            tone: if plays { Tone::Active } else { Tone::Normal },
            dimmed: player.stale,
        }),
        state: None,
        description,
    }
}
