//! The playlists: their owners, who may read and change them, and their entries. Unlike the catalogue they change, so they
//! are part of the simulator's state.

use std::time::Duration;

use jiff::Timestamp;
use serde_json::{Value, json};

use crate::accounts::User;
use crate::catalogue::{Catalogue, EPISODE_URI, LOCAL_URI, PLAYLISTS, TRACKS, id_of, playlist_uri, track_uri};
use crate::playback::millis;

/// When the initial entries were added: 1 March 2026, 18:30 UTC.
const ADDED_AT: Duration = Duration::from_secs(1_772_389_800);

/// All playlists, including those that the user does not follow.
#[derive(Debug)]
pub(crate) struct Playlists(Vec<Playlist>);

/// A playlist and its entries.
#[derive(Debug)]
pub(crate) struct Playlist {
    pub uri: String,
    name: &'static str,
    description: &'static str,
    owner: User,
    pub collaborative: bool,
    pub public: bool,
    /// Whether it is in the users' library. Their own playlists are until they remove them.
    pub followed: bool,
    /// Its picture; a new playlist has none.
    motif: Option<usize>,
    entries: Vec<Entry>,
    /// The number of changes.
    version: u64,
}

#[derive(Debug)]
struct Entry {
    uri: String,
    added_at: Duration,
    /// ID of the user who added it.
    added_by: String,
}

impl Playlists {
    /// Creates the initial playlists, see [`playlist_uri`].
    pub fn new(user: &User) -> Self {
        let radio = User::new("sim_radio", "Radio Sim");
        let tracks = |numbers: &[usize]| numbers.iter().copied().map(track_uri).collect::<Vec<_>>();
        let all = || (1..=TRACKS).map(track_uri).collect::<Vec<_>>();
        let mut long = all();
        long.rotate_left(4);
        long.extend([LOCAL_URI.to_owned(), EPISODE_URI.to_owned()]);
        let first: [Playlist; PLAYLISTS] = [
            Playlist { motif: Some(1), ..Playlist::new(1, "Feierabend ☕", "Ten invented songs", user, all()) },
            Playlist { public: true, ..Playlist::new(2, "Long Way Home", "", user, long) },
            Playlist {
                public: true,
                motif: Some(2),
                ..Playlist::new(3, "ليالي الصحراء", "From the desert", &radio, tracks(&[8, 9, 10]))
            },
            Playlist {
                collaborative: true,
                motif: Some(0),
                ..Playlist::new(4, "Together 🎉", "Everybody adds a song", &User::guest(), tracks(&[5, 6, 7, 1]))
            },
            Playlist {
                public: true,
                followed: false,
                ..Playlist::new(5, "Keys & Coffee", "Not followed", &radio, tracks(&[2, 4]))
            },
        ];
        Self(first.into())
    }

    pub fn all(&self) -> &[Playlist] {
        &self.0
    }

    pub fn get(&self, uri: &str) -> Option<&Playlist> {
        self.0.iter().find(|playlist| playlist.uri == uri)
    }

    pub fn get_mut(&mut self, uri: &str) -> Option<&mut Playlist> {
        self.0.iter_mut().find(|playlist| playlist.uri == uri)
    }

    /// Returns the playlists whose name contains `query`.
    pub fn search(&self, query: &str) -> impl Iterator<Item = &Playlist> {
        let query = query.to_lowercase();
        self.0.iter().filter(move |playlist| playlist.name.to_lowercase().contains(&query))
    }
}

impl Playlist {
    fn new(number: usize, name: &'static str, description: &'static str, owner: &User, uris: Vec<String>) -> Self {
        let entry = |uri| Entry { uri, added_at: ADDED_AT, added_by: owner.id.clone() };
        Self {
            uri: playlist_uri(number),
            name,
            description,
            owner: owner.clone(),
            collaborative: false,
            public: false,
            followed: true,
            motif: None,
            entries: uris.into_iter().map(entry).collect(),
            version: 0,
        }
    }

    /// Returns whether it belongs to a user.
    pub fn is_owned_by(&self, user_id: &str) -> bool {
        self.owner.id == user_id
    }

    /// Returns whether a user may read and change its entries: its owner may, and its followers if it is collaborative.
    pub fn is_editable_by(&self, user_id: &str) -> bool {
        self.is_owned_by(user_id) || (self.collaborative && self.followed)
    }

    /// Returns the URIs of its entries in their order.
    pub fn uris(&self) -> Vec<String> {
        self.entries.iter().map(|entry| entry.uri.clone()).collect()
    }

    /// Returns the ID of its current state.
    pub fn snapshot_id(&self) -> String {
        self.snapshot(self.version)
    }

    fn snapshot(&self, version: u64) -> String {
        format!("AAAA{version:08x}{}", id_of(&self.uri))
    }

    /// Returns whether it ever was in the state with this ID.
    pub fn knows_snapshot(&self, snapshot_id: &str) -> bool {
        (0..=self.version).any(|version| self.snapshot(version) == snapshot_id)
    }

    /// Inserts entries before `position`, or at the end. Returns false if there is no such position.
    pub fn add(&mut self, uris: Vec<String>, position: Option<usize>, user_id: &str, now: Duration) -> bool {
        let position = position.unwrap_or(self.entries.len());
        if position > self.entries.len() {
            return false;
        }
        let entry = |uri| Entry { uri, added_at: now, added_by: user_id.to_owned() };
        self.entries.splice(position..position, uris.into_iter().map(entry));
        self.version += 1;
        true
    }

    /// Removes every entry of these URIs.
    pub fn remove(&mut self, uris: &[String]) {
        let before = self.entries.len();
        self.entries.retain(|entry| !uris.contains(&entry.uri));
        self.version += u64::from(self.entries.len() != before);
    }

    /// Returns its entries as the Web API's objects.
    pub fn entries_json(&self, catalogue: &Catalogue) -> Vec<Value> {
        let json = |entry: &Entry| {
            json!({
                "added_at": time_json(entry.added_at), "added_by": user_ref_json(&entry.added_by),
                "is_local": entry.uri.starts_with("spotify:local:"),
                "item": catalogue.item(&entry.uri).map(|item| catalogue.item_json(item)), "primary_color": null,
            })
        };
        self.entries.iter().map(json).collect()
    }

    /// Returns the address of its entries.
    pub fn items_href(&self, catalogue: &Catalogue) -> String {
        format!("{}/items", catalogue.href("playlist", &self.uri))
    }

    /// Returns the playlist's object in lists, which has only the number of its entries.
    pub fn json(&self, catalogue: &Catalogue) -> Value {
        let id = id_of(&self.uri);
        json!({
            "collaborative": self.collaborative, "description": self.description,
            "external_urls": { "spotify": format!("https://open.spotify.com/playlist/{id}") },
            "href": catalogue.href("playlist", &self.uri), "id": id,
            "images": self.motif.map(|motif| catalogue.images(motif)),
            "items": { "href": self.items_href(catalogue), "total": self.entries.len() },
            "name": self.name, "owner": catalogue.user_json(&self.owner), "primary_color": null,
            "public": self.public, "snapshot_id": self.snapshot_id(), "type": "playlist", "uri": self.uri,
        })
    }
}

/// Returns a user's object with only the ID.
fn user_ref_json(id: &str) -> Value {
    json!({ "id": id, "type": "user", "uri": format!("spotify:user:{id}") })
}

/// Returns a time in the Web API's format.
pub(crate) fn time_json(time: Duration) -> Value {
    let ms = i64::try_from(millis(time)).ok();
    // Times after the year 9999 can't be formatted.
    ms.and_then(|ms| Timestamp::from_millisecond(ms).ok()).map_or(Value::Null, |time| time.to_string().into())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn playlists() -> (Playlists, Catalogue) {
        (Playlists::new(&User::default()), Catalogue::new("http://127.0.0.1:1".to_owned()))
    }

    #[test]
    fn every_playlist_contains_known_items() {
        let (playlists, catalogue) = playlists();
        for playlist in playlists.all() {
            assert_eq!(id_of(&playlist.uri).len(), 22);
            let uris = playlist.uris();
            assert!(!uris.is_empty() && uris.iter().all(|uri| catalogue.item(uri).is_some()), "{}", playlist.uri);
        }
    }

    #[test]
    fn entries_are_added_at_the_position() {
        let (mut playlists, _) = playlists();
        let playlist = playlists.get_mut(&playlist_uri(3)).expect("the third");
        assert!(playlist.add(vec![track_uri(1), track_uri(9)], Some(1), "me", Duration::ZERO));
        assert_eq!(playlist.uris(), [8, 1, 9, 9, 10].map(track_uri));
        assert!(!playlist.add(vec![track_uri(1)], Some(6), "me", Duration::ZERO), "no such position");
    }

    #[test]
    fn remove_removes_every_entry_of_the_uri() {
        let (mut playlists, _) = playlists();
        let playlist = playlists.get_mut(&playlist_uri(3)).expect("the third");
        assert!(playlist.add(vec![track_uri(1), track_uri(9)], Some(1), "me", Duration::ZERO));
        playlist.remove(&[track_uri(9)]);
        assert_eq!(playlist.uris(), [8, 1, 10].map(track_uri));
    }

    #[test]
    fn entries_have_the_time_at_which_they_were_added() {
        let (mut playlists, catalogue) = playlists();
        let playlist = playlists.get_mut(&playlist_uri(3)).expect("the third");
        assert!(playlist.add(vec![track_uri(1)], Some(1), "me", Duration::ZERO));
        let entries = playlist.entries_json(&catalogue);
        assert_eq!(
            (&entries[0]["added_at"], &entries[1]["added_at"]),
            (&json!("2026-03-01T18:30:00Z"), &json!("1970-01-01T00:00:00Z"))
        );
    }

    #[test]
    fn snapshot_id_changes_with_every_real_change() {
        let (mut playlists, _) = playlists();
        let playlist = playlists.get_mut(&playlist_uri(3)).expect("the third");
        let before = playlist.snapshot_id();
        playlist.remove(&[track_uri(9)]);
        let after = playlist.snapshot_id();
        assert_ne!(after, before);
        assert!(playlist.knows_snapshot(&before) && !playlist.knows_snapshot("AAAA"));
        playlist.remove(&[track_uri(9)]);
        assert_eq!(playlist.snapshot_id(), after, "nothing was changed");
    }

    fn is_editable(playlists: &Playlists, number: usize, user: &str) -> bool {
        playlists.get(&playlist_uri(number)).expect("a playlist").is_editable_by(user)
    }

    #[test]
    fn playlist_is_editable_by_its_owner() {
        let (playlists, _) = playlists();
        assert!(is_editable(&playlists, 1, "sim_user"));
        assert!(!is_editable(&playlists, 1, "sim_guest"));
        assert!(!is_editable(&playlists, 3, "sim_user"));
    }

    #[test]
    fn collaborative_playlist_is_editable_by_followers() {
        let (mut playlists, _) = playlists();
        assert!(is_editable(&playlists, 4, "sim_user"));
        playlists.get_mut(&playlist_uri(4)).expect("the fourth").followed = false;
        assert!(!is_editable(&playlists, 4, "sim_user"));
        assert!(is_editable(&playlists, 4, "sim_guest"));
    }
}
