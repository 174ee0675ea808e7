//! Spotify's names for things, as users have them: `spotify:track:ID`, or a link that an app's Share menu gives.

use serde::Deserialize;
use url::Url;

/// What a [`Uri`] names, and what can be searched for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
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
}

impl UriKind {
    const ALL: [Self; 6] = [Self::Track, Self::Album, Self::Artist, Self::Playlist, Self::Show, Self::Episode];

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
        }
    }

    /// Where the Web API has them.
    pub(super) fn collection(self) -> &'static str {
        match self {
            Self::Track => "tracks",
            Self::Album => "albums",
            Self::Artist => "artists",
            Self::Playlist => "playlists",
            Self::Show => "shows",
            Self::Episode => "episodes",
        }
    }
}

/// A Spotify URI whose parts are known to be sound.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Uri {
    text: String,
    kind: UriKind,
}

impl Uri {
    /// Reads a URI (`spotify:track:ID`) or a link (`https://open.spotify.com/track/ID?si=…`, with or without a language
    /// before the kind). None for anything else.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        if let Some(rest) = text.strip_prefix("spotify:") {
            let (kind, id) = rest.split_once(':')?;
            return Self::new(kind, id);
        }
        let url = Url::parse(text).ok().filter(|url| matches!(url.scheme(), "http" | "https"))?;
        if url.host_str() != Some("open.spotify.com") {
            return None;
        }
        let parts: Vec<&str> = url.path_segments()?.filter(|part| !part.is_empty()).collect();
        let at = parts.len().checked_sub(2)?;
        Self::new(parts[at], parts[at + 1])
    }

    fn new(kind: &str, id: &str) -> Option<Self> {
        let kind = UriKind::ALL.into_iter().find(|known| known.name() == kind)?;
        // It becomes part of an address: nothing but what Spotify's ids are made of gets in.
        let sound = (1..=64).contains(&id.len()) && id.chars().all(|character| character.is_ascii_alphanumeric());
        sound.then(|| Self { text: format!("spotify:{}:{id}", kind.name()), kind })
    }

    /// What it names.
    #[must_use]
    pub fn kind(&self) -> UriKind {
        self.kind
    }

    /// The part that is Spotify's id.
    #[must_use]
    pub fn id(&self) -> &str {
        self.text.rsplit(':').next().unwrap_or_default()
    }

    /// True for what plays by itself: a track or an episode.
    #[must_use]
    pub fn is_single(&self) -> bool {
        matches!(self.kind, UriKind::Track | UriKind::Episode)
    }

    /// The URI as a text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The page about it on Spotify's site, which opens the app where it is installed.
    #[must_use]
    pub fn link(&self) -> String {
        format!("https://open.spotify.com/{}/{}", self.kind.name(), self.id())
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
        assert_eq!(Uri::parse(&uri.link()), Some(uri));
    }
}
