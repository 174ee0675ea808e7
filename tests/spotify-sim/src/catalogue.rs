//! The items that the simulated Spotify can play, all invented, and their JSON in the Web API. The titles are difficult to
//! display: umlauts, Japanese, Korean, Arabic, emoji, and a very long one.
//!
//! The JSON is what Development Mode apps receive since March 2026: it has no `available_markets`, `popularity` or
//! `linked_from`; a playlist's `tracks` is called `items`, and an entry's `track` is called `item`.

use serde_json::{Value, json};

use crate::accounts::User;
use crate::cover;

/// URI of the podcast episode.
pub const EPISODE_URI: &str = "spotify:episode:SimEpisode000000000001";
/// URI of the podcast that the episode belongs to.
pub const SHOW_URI: &str = "spotify:show:SimShow000000000000001";
/// URI of the track that is a file on the user's own disk: it, its artist and its album have no ID.
pub const LOCAL_URI: &str = "spotify:local:Kellerband:Proberaum+1998:Demo+%28Kassette%29:187";
/// URI of the context of Liked Songs in a Spotify app. [`Sim::set_liked_context`](crate::Sim::set_liked_context) sets whether
/// the Web API accepts it, too.
pub const LIKED_URI: &str = "spotify:user:sim_user:collection";
/// URI of the advertisement; the Web API never returns it, but `currently_playing_type` "ad" with a null item.
pub const AD_URI: &str = "spotify:ad:SimAd00000000000000001";
/// The number of tracks that have an ID, see [`track_uri`].
pub const TRACKS: usize = 10;
/// The number of further tracks, numbered after [`TRACKS`]. They are all alike, for long lists; they are on no album and in no
/// playlist, and searches don't find them.
pub const MORE_TRACKS: usize = 1_200;
/// The number of albums, see [`album_uri`].
pub const ALBUMS: usize = 3;
/// The number of playlists, see [`playlist_uri`].
pub const PLAYLISTS: usize = 5;

/// Returns the URI of track `number` (1 to [`TRACKS`], and [`MORE_TRACKS`] after them). Tracks 1 to 4 are album 1, 5 to 7
/// album 2, 8 to 10 album 3. Track 1 has umlauts, 4 the very long title, 5 is Japanese, 7 Korean, 8 Arabic, 9 has emoji.
pub fn track_uri(number: usize) -> String {
    format!("spotify:track:SimTrack{number:014}")
}

/// Returns the URI of album `number` (1 to [`ALBUMS`]).
pub fn album_uri(number: usize) -> String {
    format!("spotify:album:SimAlbum{number:014}")
}

/// Returns the URI of playlist `number` (1 to [`PLAYLISTS`]). Initially:
/// - 1 is the user's own and contains tracks 1 to 10;
/// - 2 is the user's own and public; it contains tracks 5 to 10 and 1 to 4, the local file and the episode;
/// - 3 belongs to another user and is followed: its entries can be played, but not read or changed. Tracks 8 to 10;
/// - 4 belongs to another user and is collaborative: the user may change it. Tracks 5 to 7, and 1;
/// - 5 belongs to another user and is not followed: only a search finds it. Tracks 2 and 4.
pub fn playlist_uri(number: usize) -> String {
    format!("spotify:playlist:SimPlaylist{number:011}")
}

/// Returns the URI of artist `number` (1 to 5).
pub fn artist_uri(number: usize) -> String {
    format!("spotify:artist:SimArtist{number:013}")
}

/// Returns the ID at the end of a URI.
pub(crate) fn id_of(uri: &str) -> &str {
    uri.rsplit(':').next().unwrap_or(uri)
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Track,
    LocalTrack,
    Episode,
    Ad,
}

#[derive(Debug)]
pub(crate) struct Item {
    pub uri: String,
    pub kind: Kind,
    pub name: &'static str,
    /// Indices into [`ARTISTS`].
    artists: &'static [usize],
    /// Index into [`ALBUM_ROWS`].
    album: Option<usize>,
    pub duration_ms: u64,
    track_number: usize,
    explicit: bool,
}

struct Album {
    name: &'static str,
    artists: &'static [usize],
    release_date: &'static str,
}

const ARTISTS: [&str; 5] = ["Lumen Föhr", "青い回線", "달빛 공방", "نجوم الرمل", "The Paper Satellites"];

const ALBUM_ROWS: [Album; ALBUMS] = [
    Album { name: "Über den Dächern", artists: &[0], release_date: "2024-05-17" },
    Album { name: "夜明けの信号", artists: &[1], release_date: "2025-11-01" },
    Album { name: "Postcards 🏜️", artists: &[3, 4], release_date: "2026-02-27" },
];

/// Index of the podcast's motif (see [`cover::draw`]); album n has motif n.
const SHOW_MOTIF: usize = 3;

/// Title, artists, album and duration in milliseconds.
type TrackRow = (&'static str, &'static [usize], usize, u64);

const TRACK_ROWS: [TrackRow; TRACKS] = [
    ("Über den Dächern", &[0], 0, 201_000),
    ("Grüße aus Köln-Süd", &[0], 0, 174_500),
    ("Straßenbahn um Mitternacht", &[0, 4], 0, 223_040),
    (
        "The Extremely Long and Winding Title of a Song That Nobody Could Ever Fit on a Single Small Key, \
         Not Even If They Tried Very, Very Hard (Live at the Harbour, 2023, Remastered, Extended Version)",
        &[0],
        0,
        362_900,
    ),
    ("夜明けの信号", &[1], 1, 245_733),
    ("終電のあと", &[1], 1, 198_120),
    ("비 오는 옥상", &[1, 2], 1, 214_000),
    ("رسالة من الصحراء", &[3], 2, 256_480),
    ("🌊 Tide & Tell 🌙", &[4], 2, 187_250),
    ("Paper Satellites", &[3, 4], 2, 91_000),
];

/// All items that can be played.
#[derive(Debug)]
pub(crate) struct Catalogue {
    /// The simulator's address without a trailing slash, for `href` and pictures.
    base: String,
    items: Vec<Item>,
}

impl Catalogue {
    pub fn new(base: String) -> Self {
        let mut items = Vec::new();
        for (index, (name, artists, album, duration_ms)) in TRACK_ROWS.into_iter().enumerate() {
            let track_number = TRACK_ROWS[..=index].iter().filter(|row| row.2 == album).count();
            items.push(Item {
                uri: track_uri(index + 1),
                kind: Kind::Track,
                name,
                artists,
                album: Some(album),
                duration_ms,
                track_number,
                explicit: index == 8,
            });
        }
        let other = |uri: &str, kind, name, duration_ms| Item {
            uri: uri.to_owned(),
            kind,
            name,
            artists: &[],
            album: None,
            duration_ms,
            track_number: 0,
            explicit: false,
        };
        items.push(other(LOCAL_URI, Kind::LocalTrack, "Demo (Kassette)", 187_000));
        items.push(other(EPISODE_URI, Kind::Episode, "Episode 42: What the Keys Are For", 1_834_000));
        items.push(other(AD_URI, Kind::Ad, "An advertisement", 30_000));
        for number in TRACKS + 1..=TRACKS + MORE_TRACKS {
            items.push(Item {
                uri: track_uri(number),
                kind: Kind::Track,
                name: "One of many",
                artists: &[],
                album: None,
                duration_ms: 180_000,
                track_number: 1,
                explicit: false,
            });
        }
        Self { base, items }
    }

    pub fn base(&self) -> &str {
        &self.base
    }

    pub fn item(&self, uri: &str) -> Option<&Item> {
        self.items.iter().find(|item| item.uri == uri)
    }

    pub fn kind(&self, uri: Option<&str>) -> &'static str {
        match uri.and_then(|uri| self.item(uri)).map(|item| item.kind) {
            Some(Kind::Track | Kind::LocalTrack) => "track",
            Some(Kind::Episode) => "episode",
            Some(Kind::Ad) => "ad",
            None => "unknown",
        }
    }

    /// Returns the URIs of an album, an artist or a show in their order, or `None` if there is none with this URI.
    pub fn context(&self, uri: &str) -> Option<Vec<String>> {
        let tracks = |matches: &dyn Fn(&Item) -> bool| -> Vec<String> {
            self.items.iter().filter(|item| matches(item)).map(|item| item.uri.clone()).collect()
        };
        if uri == SHOW_URI {
            return Some(vec![EPISODE_URI.to_owned()]);
        }
        if let Some(album) = (0..ALBUMS).find(|&index| album_uri(index + 1) == uri) {
            return Some(tracks(&|item| item.album == Some(album)));
        }
        if let Some(artist) = (0..ARTISTS.len()).find(|&index| artist_uri(index + 1) == uri) {
            return Some(tracks(&|item| item.artists.contains(&artist)));
        }
        None
    }

    /// Returns the context object of a player answer.
    pub fn context_json(&self, uri: &str) -> Value {
        if uri == LIKED_URI {
            let (external, href) =
                ("https://open.spotify.com/collection/tracks", format!("{}/v1/me/tracks", self.base));
            return json!({ "external_urls": { "spotify": external }, "href": href, "type": "collection", "uri": uri });
        }
        let kind = uri.split(':').nth(1).unwrap_or_default();
        json!({ "external_urls": external(kind, id_of(uri)), "href": self.href(kind, uri), "type": kind, "uri": uri })
    }

    pub fn item_json(&self, item: &Item) -> Value {
        match item.kind {
            Kind::Track => self.track_json(item),
            Kind::LocalTrack => json!({
                "album": {
                    "album_type": null, "artists": [], "external_urls": {}, "href": null, "id": null, "images": [],
                    "name": "Proberaum 1998", "release_date": null, "release_date_precision": null,
                    "type": "album", "uri": null,
                },
                "artists": [{
                    "external_urls": {}, "href": null, "id": null, "name": "Kellerband", "type": "artist", "uri": null,
                }],
                "disc_number": 0, "duration_ms": item.duration_ms, "explicit": false, "external_ids": {},
                "external_urls": {}, "href": null, "id": null, "is_local": true, "name": item.name,
                "preview_url": null, "track_number": 0, "type": "track", "uri": item.uri,
            }),
            Kind::Episode => json!({
                "audio_preview_url": null, "description": "Two people talk about keys.", "duration_ms": item.duration_ms,
                "explicit": false, "external_urls": external("episode", id_of(&item.uri)),
                "href": self.href("episode", &item.uri), "html_description": "<p>Two people talk about keys.</p>",
                "id": id_of(&item.uri), "images": self.images(SHOW_MOTIF), "is_externally_hosted": false,
                "is_playable": true, "language": "en", "languages": ["en"], "name": item.name,
                "release_date": "2026-10-05", "release_date_precision": "day",
                "resume_point": { "fully_played": false, "resume_position_ms": 0 },
                "show": self.show_json(), "type": "episode", "uri": item.uri,
            }),
            Kind::Ad => Value::Null,
        }
    }

    fn track_json(&self, item: &Item) -> Value {
        json!({
            "album": item.album.map(|album| self.album_json(album)),
            "artists": self.artists_json(item.artists),
            "disc_number": 1, "duration_ms": item.duration_ms, "explicit": item.explicit, "external_ids": {},
            "external_urls": external("track", id_of(&item.uri)), "href": self.href("track", &item.uri),
            "id": id_of(&item.uri), "is_local": false, "is_playable": true, "name": item.name, "preview_url": null,
            "track_number": item.track_number, "type": "track", "uri": item.uri,
        })
    }

    fn album_json(&self, index: usize) -> Value {
        let (album, uri) = (&ALBUM_ROWS[index], album_uri(index + 1));
        json!({
            "album_type": "album", "artists": self.artists_json(album.artists),
            "external_urls": external("album", id_of(&uri)), "href": self.href("album", &uri), "id": id_of(&uri),
            "images": self.images(index), "is_playable": true, "name": album.name,
            "release_date": album.release_date, "release_date_precision": "day",
            "total_tracks": TRACK_ROWS.iter().filter(|row| row.2 == index).count(), "type": "album", "uri": uri,
        })
    }

    fn artists_json(&self, artists: &[usize]) -> Vec<Value> {
        artists.iter().map(|&index| self.artist_json(index)).collect()
    }

    fn artist_json(&self, index: usize) -> Value {
        let uri = artist_uri(index + 1);
        json!({
            "external_urls": external("artist", id_of(&uri)), "href": self.href("artist", &uri), "id": id_of(&uri),
            "name": ARTISTS[index], "type": "artist", "uri": uri,
        })
    }

    /// Returns the answer of `GET /artists/{id}`, or `None` if there is no such artist.
    pub fn full_artist_json(&self, uri: &str) -> Option<Value> {
        let index = (0..ARTISTS.len()).find(|&index| artist_uri(index + 1) == uri)?;
        let mut artist = self.artist_json(index);
        artist["genres"] = json!([]);
        artist["images"] = json!(self.images(index % cover::MOTIFS));
        Some(artist)
    }

    /// Returns the answer of `GET /albums/{id}`, whose tracks don't repeat the album, or `None` if there is no such album.
    pub fn full_album_json(&self, uri: &str) -> Option<Value> {
        let index = (0..ALBUMS).find(|&index| album_uri(index + 1) == uri)?;
        let tracks = self.items.iter().filter(|item| item.album == Some(index)).map(|item| {
            let mut track = self.track_json(item);
            if let Some(members) = track.as_object_mut() {
                members.remove("album");
            }
            track
        });
        let mut album = self.album_json(index);
        album["copyrights"] = json!([]);
        album["external_ids"] = json!({ "upc": format!("00000000000{index}") });
        album["genres"] = json!([]);
        album["tracks"] = Self::single_page(&format!("{}/tracks", self.href("album", uri)), tracks.collect());
        Some(album)
    }

    /// Returns the answer of `GET /shows/{id}`, whose episodes don't repeat the show, or `None` if there is no such show.
    pub fn full_show_json(&self, uri: &str) -> Option<Value> {
        let uris = self.context(uri).filter(|_| uri == SHOW_URI)?;
        let episodes = uris.iter().filter_map(|uri| self.item(uri)).map(|item| {
            let mut episode = self.item_json(item);
            if let Some(members) = episode.as_object_mut() {
                members.remove("show");
            }
            episode
        });
        let mut show = self.show_json();
        show["episodes"] = Self::single_page(&format!("{}/episodes", self.href("show", uri)), episodes.collect());
        Some(show)
    }

    /// Returns a paging object with all items.
    fn single_page(href: &str, items: Vec<Value>) -> Value {
        json!({
            "href": href, "limit": 50, "next": null, "offset": 0, "previous": null, "total": items.len(), "items": items,
        })
    }

    pub fn user_json(&self, user: &User) -> Value {
        json!({
            "display_name": user.display_name,
            "external_urls": { "spotify": format!("https://open.spotify.com/user/{}", user.id) },
            "href": format!("{}/v1/users/{}", self.base, user.id),
            "id": user.id, "type": "user", "uri": format!("spotify:user:{}", user.id),
        })
    }

    fn show_json(&self) -> Value {
        json!({
            "copyrights": [], "description": "A podcast about keys.", "explicit": false,
            "html_description": "<p>A podcast about keys.</p>",
            "external_urls": external("show", id_of(SHOW_URI)), "href": self.href("show", SHOW_URI),
            "id": id_of(SHOW_URI), "images": self.images(SHOW_MOTIF), "is_externally_hosted": false,
            "languages": ["en"], "media_type": "audio", "name": "Key Matters", "total_episodes": 1, "type": "show",
            "uri": SHOW_URI,
        })
    }

    /// Returns the pictures of a motif, the largest first.
    pub fn images(&self, motif: usize) -> Vec<Value> {
        cover::SIZES
            .iter()
            .map(|size| json!({ "height": size, "url": format!("{}/image/{motif}-{size}", self.base), "width": size }))
            .collect()
    }

    /// Returns the path of an item's largest picture for the simulator's own page. It isn't below `/image`, because requests
    /// there are recorded.
    pub fn cover_url(&self, item: &Item) -> Option<String> {
        let motif = match item.kind {
            Kind::Track => item.album?,
            Kind::Episode => SHOW_MOTIF,
            Kind::LocalTrack | Kind::Ad => return None,
        };
        Some(format!("/sim/image/{motif}-{}", cover::SIZES[0]))
    }

    /// Returns the address of an object of this kind in the Web API.
    pub fn href(&self, kind: &str, uri: &str) -> String {
        format!("{}/v1/{kind}s/{}", self.base, id_of(uri))
    }

    /// Searches objects of a kind (`track`, `album`, `artist`, `show`, `episode`) whose names, or whose artists' or albums'
    /// names, contain `query`. Returns `None` for another kind.
    pub fn search(&self, query: &str, kind: &str) -> Option<Vec<Value>> {
        let query = query.to_lowercase();
        let has = |name: &str| name.to_lowercase().contains(&query);
        let by = |artists: &[usize]| artists.iter().any(|&artist| has(ARTISTS[artist]));
        Some(match kind {
            "track" => self
                .items
                .iter()
                .filter(|item| item.kind == Kind::Track && item.album.is_some())
                .filter(|item| {
                    has(item.name) || by(item.artists) || item.album.is_some_and(|a| has(ALBUM_ROWS[a].name))
                })
                .map(|item| self.item_json(item))
                .collect(),
            "album" => (0..ALBUMS)
                .filter(|&index| has(ALBUM_ROWS[index].name) || by(ALBUM_ROWS[index].artists))
                .map(|index| self.album_json(index))
                .collect(),
            "artist" => (0..ARTISTS.len())
                .filter(|&index| has(ARTISTS[index]))
                .filter_map(|index| self.full_artist_json(&artist_uri(index + 1)))
                .collect(),
            "show" if has("Key Matters") => vec![self.show_json()],
            "episode" => self
                .items
                .iter()
                .filter(|item| item.kind == Kind::Episode && has(item.name))
                .map(|item| self.item_json(item))
                .collect(),
            "show" => Vec::new(),
            _ => return None,
        })
    }

    /// Returns the names of the artists, or of the show, in one line, and the name of the album, for the simulator's own page.
    pub fn credits(&self, item: &Item) -> (String, &'static str) {
        match item.kind {
            Kind::LocalTrack => ("Kellerband".to_owned(), "Proberaum 1998"),
            Kind::Episode => ("Key Matters".to_owned(), "Podcast"),
            Kind::Ad => (String::new(), ""),
            Kind::Track => {
                let names: Vec<&str> = item.artists.iter().map(|&artist| ARTISTS[artist]).collect();
                (names.join(", "), item.album.map_or("", |album| ALBUM_ROWS[album].name))
            }
        }
    }
}

fn external(kind: &str, id: &str) -> Value {
    json!({ "spotify": format!("https://open.spotify.com/{kind}/{id}") })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn catalogue() -> Catalogue {
        Catalogue::new("http://127.0.0.1:1".to_owned())
    }

    #[test]
    fn ids_are_as_long_as_spotifys() {
        for uri in [track_uri(1), album_uri(3), playlist_uri(2), artist_uri(5), EPISODE_URI.into(), SHOW_URI.into()] {
            let id = id_of(&uri).to_owned();
            assert_eq!(id.len(), 22, "{uri}");
            assert!(id.bytes().all(|byte| byte.is_ascii_alphanumeric()), "{uri}");
        }
    }

    #[test]
    fn every_context_contains_known_items() {
        let catalogue = catalogue();
        let contexts =
            (1..=ALBUMS).map(album_uri).chain((1..=ARTISTS.len()).map(artist_uri)).chain([SHOW_URI.to_owned()]);
        for context in contexts {
            let uris = catalogue.context(&context).expect("a context");
            assert!(!uris.is_empty(), "{context}");
            assert!(uris.iter().all(|uri| catalogue.item(uri).is_some()), "{context}");
        }
        assert_eq!(catalogue.context("spotify:album:nope"), None);
    }

    #[test]
    fn local_file_has_the_same_nulls_as_spotifys() {
        let catalogue = catalogue();
        let json = catalogue.item_json(catalogue.item(LOCAL_URI).expect("the file"));
        assert_eq!(json["id"], Value::Null);
        assert_eq!(json["album"]["id"], Value::Null);
        assert_eq!(json["album"]["images"], json!([]));
        assert_eq!(json["is_local"], true);
    }

    #[test]
    fn search_finds_titles_artists_and_albums() {
        let catalogue = catalogue();
        let found = |query, kind| catalogue.search(query, kind).map(|list| list.len());
        assert_eq!(found("grüsse", "track"), Some(0));
        assert_eq!(found("grüße", "track"), Some(1));
        assert_eq!(found("青い", "track"), Some(3));
        assert_eq!(found("postcards", "album"), Some(1));
        assert_eq!(found("keys", "episode"), Some(1));
        assert_eq!(found("x", "audiobook"), None);
    }
}
