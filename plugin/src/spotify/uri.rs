//! Spotify URIs, and the links of Spotify's Share menus: `spotify:track:ID` and `https://open.spotify.com/track/ID`.
//!
//! The same thing can have several URIs, such as `spotify:playlist:ID` and `spotify:user:NAME:playlist:ID`. [`Uri`] stores
//! the canonical one, so that two `Uri`s are equal exactly if they refer to the same thing.

use percent_encoding::percent_decode_str;
use serde::{Deserialize, Deserializer};

use crate::pasted;

/// What a [`Uri`] refers to.
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
    /// Anything else with a Spotify URI, such as a local file, an ad or a station. The Web API can't look it up.
    #[serde(skip)]
    Other,
}

impl UriKind {
    /// The kinds in the Web API's catalogue, which can be looked up and searched for.
    pub const CATALOGUE: [Self; 6] =
        [Self::Track, Self::Album, Self::Artist, Self::Playlist, Self::Show, Self::Episode];

    /// Returns its name in a URI and in a search.
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

    /// Returns the path segment of the Web API for this kind, or `None` if it isn't in the catalogue.
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

/// A Spotify URI in its canonical form. Two are equal if they refer to the same thing.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Uri {
    text: String,
    kind: UriKind,
}

/// Why a text is no usable link or URI. The more specific variant is the greater one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, thiserror::Error)]
pub enum UriError {
    /// The text contains nothing that looks like one.
    #[error("Paste a link from Spotify's Share menu, or a Spotify URI.")]
    NoLink,
    /// The link leads to Spotify, but to nothing that can be played or saved: to a user or a search, for example.
    #[error("This link leads to something else. Use the link of a track, album, artist, playlist, show or episode.")]
    OtherPage,
    /// A short link, which only Spotify can resolve.
    #[error("This is a short link. Open it in a browser first, and copy the address that it leads to.")]
    ShortLink,
    /// The id is missing or malformed.
    #[error("This link is incomplete. Copy it again, from beginning to end.")]
    Damaged,
}

/// The schemes of links, in lower case.
const SCHEMES: [&str; 3] = ["http://", "https://", "spotify:"];
/// The hosts of short links.
const SHORT_LINK_HOSTS: [&str; 4] = ["spotify.link", "spotify.app.link", "spoti.fi", "link.tospotify.com"];

/// Percent-decodes a text, twice if a program encoded an encoded link, and replaces its unusual characters.
fn decode(text: &str) -> String {
    let mut text = text.to_owned();
    for _ in 0..2 {
        if text.contains('%') {
            text = percent_decode_str(&text).decode_utf8_lossy().into_owned();
        }
    }
    pasted::plain(&text)
}

/// Strips a prefix, ignoring ASCII case.
fn strip_prefix<'a>(text: &'a str, prefix: &str) -> Option<&'a str> {
    let (start, rest) = text.split_at_checked(prefix.len())?;
    start.eq_ignore_ascii_case(prefix).then_some(rest)
}

/// Parses a link or URI at the beginning of a text that already ends at white space or a quote.
fn parse_link(text: &str) -> Result<Uri, UriError> {
    let ends = ['?', '#', '&'];
    if let Some(rest) = strip_prefix(text, "spotify:") {
        let path = rest.split(ends).next().unwrap_or_default();
        return parse_path(path.split([':', '/']).collect(), false);
    }
    let rest = strip_prefix(text, "https:").or_else(|| strip_prefix(text, "http:")).unwrap_or(text);
    let rest = rest.trim_start_matches('/');
    let (host, path) = rest.split_at(rest.find(['/', '?', '#']).unwrap_or(rest.len()));
    let host = host.split(':').next().unwrap_or_default().trim_end_matches('.').to_ascii_lowercase();
    if SHORT_LINK_HOSTS.contains(&host.as_str()) {
        return Err(UriError::ShortLink);
    }
    if host != "spotify.com" && !host.ends_with(".spotify.com") {
        return Err(UriError::NoLink);
    }
    // The player that other sites embed takes a URI as a parameter.
    let embedded = path.split(ends).find_map(|member| strip_prefix(member, "uri=")).map(parse_link);
    if let Some(Ok(uri)) = embedded {
        return Ok(uri);
    }
    let path = path.split(ends).next().unwrap_or_default();
    parse_path(path.split('/').collect(), true)
}

/// Parses the parts of a URI or of a link's path. In links the id may be followed by more, such as `discography`.
fn parse_path(parts: Vec<&str>, is_link: bool) -> Result<Uri, UriError> {
    if parts.iter().any(|part| matches!(*part, "." | "..")) {
        return Err(UriError::Damaged);
    }
    // Punctuation after a link belongs to the surrounding sentence.
    let parts = parts.into_iter().map(|part| part.trim_end_matches(|end: char| !end.is_alphanumeric()));
    let is_optional =
        |part: &&str| strip_prefix(part, "intl-").is_some() || part.to_ascii_lowercase().starts_with("embed");
    let parts: Vec<&str> = parts.filter(|part| !part.is_empty()).skip_while(is_optional).collect();
    let is = |part: &str, name: &str| part.eq_ignore_ascii_case(name);
    let parts = match *parts {
        [user, _, ref parts @ ..] if is(user, "user") && !parts.is_empty() => parts,
        ref parts => parts,
    };
    match *parts {
        [] => Err(UriError::NoLink),
        [collection] if is(collection, "collection") => Ok(Uri::liked_songs()),
        [collection, tracks] if is(collection, "collection") && is(tracks, "tracks") => Ok(Uri::liked_songs()),
        [kind, ref rest @ ..] => {
            let Some(kind) = UriKind::CATALOGUE.into_iter().find(|known| is(kind, known.name())) else {
                // A single word after `spotify:` may be ordinary text.
                return Err(if is_link || !rest.is_empty() { UriError::OtherPage } else { UriError::NoLink });
            };
            match *rest {
                [id] => Uri::from_parts(kind, id),
                [id, more] if is(more, "recommended") || is(more, "play") => Uri::from_parts(kind, id),
                [id, ..] if is_link => Uri::from_parts(kind, id),
                _ => None,
            }
            .ok_or(UriError::Damaged)
        }
    }
}

/// Longest URI accepted, in bytes. That of a local file contains artist, album and title.
const MAX_LENGTH: usize = 2_048;
/// Longest id accepted. Spotify's own have 22 characters.
const MAX_ID_LENGTH: usize = 64;

impl Uri {
    /// Returns the URI of Liked Songs, which is the same for every user.
    #[must_use]
    pub fn liked_songs() -> Self {
        Self { text: "spotify:collection".to_owned(), kind: UriKind::LikedSongs }
    }

    /// Parses what a user typed or pasted, as [`Uri::read`] does, if the reason for a failure doesn't matter.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::read(text).ok()
    }

    /// Parses what a user typed or pasted: a URI or a link, with any text around it. Case doesn't matter in scheme, host and
    /// kind, and these are equal:
    ///
    /// - `spotify:track:ID`, `spotify://track/ID`, `spotify:user:NAME:playlist:ID`, with or without `?si=…`
    /// - `https://open.spotify.com/track/ID?si=…#…`, with or without scheme, language (`intl-de`) or `embed`, of any host of
    ///   `spotify.com`, and `https://embed.spotify.com/?uri=spotify:track:ID`
    /// - one of these in quotes, brackets or a shared text, percent-encoded, or with invisible characters
    ///
    /// `spotify:collection`, `https://open.spotify.com/collection/tracks` and their other forms are [`Uri::liked_songs`].
    ///
    /// # Errors
    /// The most specific [`UriError`] of all parts of the text.
    pub fn read(text: &str) -> Result<Self, UriError> {
        if text.len() > pasted::MAX_LENGTH {
            return Err(UriError::NoLink);
        }
        let text = decode(text);
        let mut error = UriError::NoLink;
        for part in pasted::parts(&text) {
            // A link may start in the middle, as in `uri=spotify:…` or `https://l.example/?u=https://open.spotify.com/…`.
            let lower = part.to_ascii_lowercase();
            let inner = SCHEMES.iter().flat_map(|scheme| lower.match_indices(scheme)).map(|(at, _)| at);
            for at in std::iter::once(0).chain(inner.filter(|at| *at > 0)) {
                match parse_link(&part[at..]) {
                    Ok(uri) => return Ok(uri),
                    Err(why) => error = error.max(why),
                }
            }
        }
        Err(error)
    }

    /// Parses a URI from an answer of Spotify. One that isn't in the catalogue becomes [`UriKind::Other`], and text that is no
    /// Spotify URI `None`.
    #[must_use]
    pub fn from_spotify(text: &str) -> Option<Self> {
        let rest = text.strip_prefix("spotify:").filter(|_| text.len() <= MAX_LENGTH)?;
        let parts: Vec<&str> = rest.split(':').collect();
        let parts = match parts[..] {
            // Playlists and collections used to include their owner, and still do in some answers.
            ["user", _, ref parts @ ..] if !parts.is_empty() => parts,
            ref parts => parts,
        };
        match *parts {
            ["collection"] | ["collection", "tracks"] => Some(Self::liked_songs()),
            // `spotify:playlist:ID:recommended` is what Spotify continues with after a playlist.
            [kind, id] | [kind, id, "recommended"] => {
                let kind = UriKind::CATALOGUE.into_iter().find(|known| known.name() == kind);
                kind.and_then(|kind| Self::from_parts(kind, id))
            }
            _ => None,
        }
        .or_else(|| (!rest.is_empty()).then(|| Self { text: text.to_owned(), kind: UriKind::Other }))
    }

    fn from_parts(kind: UriKind, id: &str) -> Option<Self> {
        // The id becomes part of a URL, so only the characters of Spotify's ids are accepted.
        let is_valid =
            (1..=MAX_ID_LENGTH).contains(&id.len()) && id.chars().all(|character| character.is_ascii_alphanumeric());
        is_valid.then(|| Self { text: format!("spotify:{}:{id}", kind.name()), kind })
    }

    /// Returns the kind of what it refers to.
    #[must_use]
    pub fn kind(&self) -> UriKind {
        self.kind
    }

    /// Returns Spotify's id; for what isn't in the catalogue, the part after the last colon.
    #[must_use]
    pub fn id(&self) -> &str {
        self.text.rsplit(':').next().unwrap_or_default()
    }

    /// Returns whether it is a single item, a track or an episode, rather than a collection.
    #[must_use]
    pub fn is_single(&self) -> bool {
        matches!(self.kind, UriKind::Track | UriKind::Episode)
    }

    /// Returns whether it is the user's Liked Songs.
    #[must_use]
    pub fn is_liked_songs(&self) -> bool {
        self.kind == UriKind::LikedSongs
    }

    /// Returns the URI in its canonical form.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Returns its page on Spotify's site, which opens the app if that is installed. `None` if it has no page.
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

    const TRACK: &str = "spotify:track:4uLU6hMCjMI75M1A2tKUQC";
    const PLAYLIST: &str = "spotify:playlist:37i9dQZF1DX";

    fn read(text: &str) -> Result<String, UriError> {
        Uri::read(text).map(|uri| uri.as_str().to_owned())
    }

    #[test]
    fn uri_reads_every_form_of_a_track() {
        for form in [
            "spotify:track:ID",
            "Spotify:Track:ID",
            "SPOTIFY:TRACK:ID",
            "spotify://track/ID",
            "spotify:/track/ID",
            "spotify:track:ID?si=abc&context=spotify:album:x",
            "spotify:track:ID#0:30",
            "spotify:track:ID:play",
            "https://open.spotify.com/track/ID",
            "http://open.spotify.com/track/ID?si=3c2&nd=1&dlsi=4",
            "HTTPS://OPEN.SPOTIFY.COM/TRACK/ID",
            "open.spotify.com/track/ID",
            "//open.spotify.com/track/ID/",
            "https://open.spotify.com:443/track/ID#login",
            "https://open.spotify.com./track/ID",
            "https://open.spotify.com/intl-de/track/ID",
            "https://open.spotify.com/intl-pt-BR/track/ID?si=1",
            "https://open.spotify.com/embed/track/ID?utm_source=generator",
            "https://open.spotify.com/intl-ja/embed/track/ID",
            "https://open.spotify.com/embed-podcast/track/ID",
            "https://play.spotify.com/track/ID",
            "https://embed.spotify.com/?uri=spotify:track:ID&theme=white",
            "https://embed.spotify.com/?uri=spotify%3Atrack%3AID",
            "https://open.spotify.com/embed?uri=https%3A%2F%2Fopen.spotify.com%2Ftrack%2FID",
            "https%3A%2F%2Fopen.spotify.com%2Ftrack%2FID%3Fsi%3Dx",
            "https%253A%252F%252Fopen.spotify.com%252Ftrack%252FID",
            "spotify%3Atrack%3AID",
            "https:\\/\\/open.spotify.com\\/track\\/ID",
            "\"https://open.spotify.com/track/ID\"",
            "'spotify:track:ID'",
            "„https://open.spotify.com/track/ID“",
            "<https://open.spotify.com/track/ID>",
            "(https://open.spotify.com/track/ID).",
            "[Never gonna give you up](https://open.spotify.com/track/ID)",
            "<a href=\"https://open.spotify.com/track/ID\">Never</a>",
            "https://open.spotify.com/track/ID,",
            "https://open.spotify.com/track/ID…",
            "  \t\nhttps://open.spotify.com/track/ID\r\n",
            "\u{feff}https://open.spotify.com/track/ID\u{200b}",
            "\u{202a}https://open.spotify.com/\u{200d}track/ID\u{202c}",
            "\u{a0}spotify:track:ID\u{3000}",
            "ｓｐｏｔｉｆｙ：track：ID",
            "Listen to Never Gonna Give You Up by Rick Astley! https://open.spotify.com/track/ID?si=x via Spotify",
            "Höre „100 % Hits“ auf Spotify:https://open.spotify.com/track/ID",
            "https://spotify.link/abc\nhttps://open.spotify.com/track/ID",
            "https://www.google.com/url?q=https://open.spotify.com/track/ID&sa=D",
        ] {
            assert_eq!(read(&form.replace("ID", "4uLU6hMCjMI75M1A2tKUQC")).as_deref(), Ok(TRACK), "{form}");
        }
    }

    #[test]
    fn uri_reads_every_kind() {
        for kind in UriKind::CATALOGUE {
            let uri = format!("spotify:{}:1ATL5GLyefJaxhQzSPVrLX", kind.name());
            for form in [
                uri.clone(),
                format!("https://open.spotify.com/{}/1ATL5GLyefJaxhQzSPVrLX", kind.name()),
                format!(
                    "open.spotify.com/intl-fr/{}/1ATL5GLyefJaxhQzSPVrLX/discography/all",
                    kind.name().to_uppercase()
                ),
            ] {
                assert_eq!(Uri::read(&form).map(|uri| uri.kind()), Ok(kind), "{form}");
                assert_eq!(read(&form), Ok(uri.clone()), "{form}");
            }
        }
        for form in [
            "spotify:user:someone:playlist:37i9dQZF1DX",
            "https://open.spotify.com/user/track/playlist/37i9dQZF1DX",
            "spotify:playlist:37i9dQZF1DX:recommended",
        ] {
            assert_eq!(read(form).as_deref(), Ok(PLAYLIST), "{form}");
        }
    }

    #[test]
    fn uri_reads_every_form_of_liked_songs() {
        for form in [
            "spotify:collection",
            "Spotify:Collection:Tracks",
            "spotify:user:someone:collection",
            "spotify:user:someone:collection:tracks",
            "spotify://collection/tracks",
            "https://open.spotify.com/collection/tracks",
            "https://open.spotify.com/collection/tracks/?si=x",
            "open.spotify.com/intl-de/collection/tracks",
            "http://play.spotify.com/collection",
            "https://open.spotify.com/user/someone/collection",
            "\"https://open.spotify.com/collection/tracks\".",
        ] {
            assert_eq!(Uri::read(form), Ok(Uri::liked_songs()), "{form}");
        }
    }

    #[test]
    fn uri_error_is_the_most_specific_one() {
        for (error, texts) in [
            (
                UriError::NoLink,
                [
                    "",
                    "hello",
                    "spotify: the movie",
                    "spotify:originals",
                    "4uLU6hMCjMI75M1A2tKUQC",
                    "https://open.spotify.com.evil.example/track/a",
                    "https://notspotify.com/track/a",
                    "file:///track/a",
                    "https://open.spotify.com",
                    "https://youtu.be/abc",
                    "% %% %zz",
                ]
                .as_slice(),
            ),
            (
                UriError::ShortLink,
                &[
                    "https://spotify.link/abc",
                    "spotify.link/abc",
                    "Listen: HTTPS://SPOTIFY.APP.LINK/abc?_p=1",
                    "http://spoti.fi/2abc",
                ],
            ),
            (
                UriError::OtherPage,
                &[
                    "spotify:user:me",
                    "https://open.spotify.com/user/me",
                    "https://open.spotify.com/search/abba",
                    "https://open.spotify.com/genre/0JQ5DAqbMKFQ00XGBls6ym",
                    "https://open.spotify.com/collection/albums",
                    "spotify:local:Artist:Album:Title:123",
                    "https://www.spotify.com/premium",
                ],
            ),
            (
                UriError::Damaged,
                &[
                    "spotify:track:",
                    "spotify:track:a/../b",
                    "spotify:track:a:b",
                    "spotify:track:a-b",
                    "spotify:track:über",
                    "https://open.spotify.com/track",
                    "https://open.spotify.com/track/../album/a",
                    "https://open.spotify.com/track/?si=x",
                    "https://spotify.link/a https://open.spotify.com/album/",
                ],
            ),
        ] {
            for text in texts {
                assert_eq!(read(text), Err(error), "{text}");
                assert!(error.to_string().ends_with('.'));
            }
        }
        assert_eq!(read(&format!("spotify:track:{}", "a".repeat(65))), Err(UriError::Damaged));
        assert_eq!(read(&format!("{}spotify:track:a", " ".repeat(pasted::MAX_LENGTH))), Err(UriError::NoLink));
    }

    #[test]
    fn link_parses_back_to_its_uri() {
        let uri = Uri::parse("spotify:show:abc").unwrap();
        assert_eq!(Uri::parse(&uri.link().unwrap()), Some(uri));
    }

    #[test]
    fn uris_of_the_same_thing_are_equal() {
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
