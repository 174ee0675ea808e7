//! Spotify's names for things, as users have them: `spotify:track:ID`, or a link that an app's Share menu gives.
//!
//! One thing can come under several names, such as `spotify:playlist:ID` and `spotify:user:NAME:playlist:ID`. [`Uri`] keeps
//! the one canonical form, so that equality of two `Uri`s is equality of what they name.

use serde::{Deserialize, Deserializer};
use url::Url;

/// What a [`Uri`] names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum UriKind {
    /// A track.
    Track,
    /// An album.
    Album,
    /// An artist.
    Artist,
    /// A playlist.
    Playlist,
    /// A show.
    Show,
    /// An episode.
    Episode,
    /// The user's Liked Songs.
    #[serde(skip)]
    LikedSongs,
    /// Anything else that Spotify names, such as a local file, an ad or a station. The Web API has no page for it.
    #[serde(skip)]
    Other,
}

impl UriKind {
    /// The kinds that the Web API's catalogue has: they can be looked up and searched for.
    pub const CATALOGUE: [Self; 6] =
        [Self::Track, Self::Album, Self::Artist, Self::Playlist, Self::Show, Self::Episode];

    /// Its name in a URI and in a search.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Track => "track",
            Self::Album => "album",
            Self::Artist => "artist",
            Self::Playlist => "playlist",
            Self::Show => "show",
            Self::Episode => "episode",
            Self::LikedSongs => "collection",
            Self::Other => "other",
        }
    }

    /// The collection of the Web API that has them; `None` for what isn't in the catalogue.
    pub(super) fn collection(self) -> Option<&'static str> {
        match self {
            Self::Track => Some("tracks"),
            Self::Album => Some("albums"),
            Self::Artist => Some("artists"),
            Self::Playlist => Some("playlists"),
            Self::Show => Some("shows"),
            Self::Episode => Some("episodes"),
            Self::LikedSongs | Self::Other => None,
        }
    }
}

/// A Spotify URI in its canonical form. Two are equal if they name the same thing.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Uri {
    text: String,
    kind: UriKind,
}

/// The longest URI that is kept, in bytes. A local file's has artist, album and title in it.
const MAX_LENGTH: usize = 2_048;
/// The longest id. Spotify's own have 22 characters.
const MAX_ID_LENGTH: usize = 64;

impl Uri {
    /// The URI of the user's Liked Songs, the same for every user.
    #[must_use]
    pub fn liked_songs() -> Self {
        Self { text: "spotify:collection".to_owned(), kind: UriKind::LikedSongs }
    }

    /// Reads what a user types or pastes: a URI (`spotify:track:ID`) or a link (`https://open.spotify.com/track/ID?si=…`, with
    /// or without a language before the kind). `None` for anything else.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        if text.starts_with("spotify:") {
            return Self::from_spotify(text).filter(|uri| uri.kind != UriKind::Other);
        }
        let url = Url::parse(text).ok().filter(|url| matches!(url.scheme(), "http" | "https"))?;
        if url.host_str() != Some("open.spotify.com") {
            return None;
        }
        let parts: Vec<&str> = url.path_segments()?.filter(|part| !part.is_empty()).collect();
        let at = parts.len().checked_sub(2)?;
        Self::new(parts[at], parts[at + 1])
    }

    /// Reads a URI as Spotify's answers have it. What isn't in the catalogue is kept as [`UriKind::Other`]. `None` for what is no
    /// URI of Spotify's.
    #[must_use]
    pub fn from_spotify(text: &str) -> Option<Self> {
        let rest = text.strip_prefix("spotify:").filter(|_| text.len() <= MAX_LENGTH)?;
        let parts: Vec<&str> = rest.split(':').collect();
        let parts = match parts[..] {
            // Playlists and collections were under their owner's name once, and still are in some answers.
            ["user", _, ref parts @ ..] if !parts.is_empty() => parts,
            ref parts => parts,
        };
        match *parts {
            ["collection"] | ["collection", "tracks"] => Some(Self::liked_songs()),
            // `spotify:playlist:ID:recommended` is what Spotify goes on with after a playlist.
            [kind, id] | [kind, id, "recommended"] => Self::new(kind, id),
            _ => None,
        }
        .or_else(|| (!rest.is_empty()).then(|| Self { text: text.to_owned(), kind: UriKind::Other }))
    }

    fn new(kind: &str, id: &str) -> Option<Self> {
        let kind = UriKind::CATALOGUE.into_iter().find(|known| known.name() == kind)?;
        // It becomes part of an address: nothing but what Spotify's ids are made of gets in.
        let sound =
            (1..=MAX_ID_LENGTH).contains(&id.len()) && id.chars().all(|character| character.is_ascii_alphanumeric());
        sound.then(|| Self { text: format!("spotify:{}:{id}", kind.name()), kind })
    }

    /// What it names.
    #[must_use]
    pub fn kind(&self) -> UriKind {
        self.kind
    }

    /// The part that is Spotify's id; for what isn't in the catalogue, the part behind the last colon.
    #[must_use]
    pub fn id(&self) -> &str {
        self.text.rsplit(':').next().unwrap_or_default()
    }

    /// True for what plays by itself: a track or an episode.
    #[must_use]
    pub fn is_single(&self) -> bool {
        matches!(self.kind, UriKind::Track | UriKind::Episode)
    }

    /// True for the user's Liked Songs.
    #[must_use]
    pub fn is_liked_songs(&self) -> bool {
        self.kind == UriKind::LikedSongs
    }

    /// The URI as a text, in its canonical form.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The page about it on Spotify's site, which opens the app where it is installed. `None` for what has no page.
    #[must_use]
    pub fn link(&self) -> Option<String> {
        match self.kind {
            UriKind::Other => None,
            UriKind::LikedSongs => Some("https://open.spotify.com/collection/tracks".to_owned()),
            kind => Some(format!("https://open.spotify.com/{}/{}", kind.name(), self.id())),
        }
    }
}

impl<'de> Deserialize<'de> for Uri {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::from_spotify(&text).ok_or_else(|| serde::de::Error::custom("not a Spotify URI"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn uris_and_links_are_read() {
        for (text, uri) in [
            ("spotify:track:4uLU6hMCjMI75M1A2tKUQC", Some("spotify:track:4uLU6hMCjMI75M1A2tKUQC")),
            (" https://open.spotify.com/playlist/37i9dQZF1DX?si=x ", Some("spotify:playlist:37i9dQZF1DX")),
            (
                "https://open.spotify.com/intl-de/album/1ATL5GLyefJaxhQzSPVrLX",
                Some("spotify:album:1ATL5GLyefJaxhQzSPVrLX"),
            ),
            ("https://open.spotify.com/user/me/playlist/abc", Some("spotify:playlist:abc")),
            ("spotify:user:me", None),
            ("spotify:track:a/../b", None),
            ("spotify:track:", None),
            ("https://open.spotify.com.evil.example/track/a", None),
            ("https://open.spotify.com/track", None),
            ("file:///track/a", None),
            ("hello", None),
        ] {
            assert_eq!(Uri::parse(text).as_ref().map(Uri::as_str), uri, "{text}");
        }
    }

    #[test]
    fn a_link_leads_back() {
        let uri = Uri::parse("spotify:show:abc").unwrap();
        assert_eq!(Uri::parse(&uri.link().unwrap()), Some(uri));
    }

    #[test]
    fn several_names_of_one_thing_are_equal() {
        for (text, canonical) in [
            ("spotify:user:someone:playlist:abc", "spotify:playlist:abc"),
            ("spotify:playlist:abc:recommended", "spotify:playlist:abc"),
            ("spotify:user:someone:collection", "spotify:collection"),
            ("spotify:collection:tracks", "spotify:collection"),
            ("spotify:local:Artist:Album:Title:123", "spotify:local:Artist:Album:Title:123"),
        ] {
            assert_eq!(Uri::from_spotify(text).as_ref().map(Uri::as_str), Some(canonical), "{text}");
        }
        assert_eq!(Uri::from_spotify("spotify:"), None);
        assert_eq!(Uri::from_spotify("https://open.spotify.com/track/a"), None);
    }
}
