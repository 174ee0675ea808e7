//! What Spotify's answers hold, as far as the package uses it.
//!
//! Documents and live answers differ, and both change. So no member is trusted to be there or to have its documented
//! type: what is missing, null or odd becomes the type's default, an odd element of a list is left out, and only an
//! answer that is no JSON object at all is an error.
//!
//! Numbers come in any form that means a whole one, and are bounded here:
//!
//! | in the answer | is read as |
//! |---|---|
//! | `640.0`, `6.4e2`, `"640"`, `640.9` | 640 |
//! | `-1`, `"soon"`, what doesn't fit its type | as if it were missing |
//! | more than 2^53 - 1 | 2^53 - 1 |
//! | a length or position of more than a week | a week |
//! | a volume of more than 100 | 100 |

use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;

use super::uri::Uri;
use crate::foreign::whole;

/// The longest that anything lasts, in milliseconds: a week.
const MAX_LENGTH_MS: u64 = 7 * 24 * 3_600_000;
/// The loudest volume, in percent.
const MAX_PERCENT: u8 = 100;

/// Any value, or the default if it isn't what it should be.
fn lenient<'de, D: Deserializer<'de>, T: DeserializeOwned + Default>(deserializer: D) -> Result<T, D::Error> {
    let value = Value::deserialize(deserializer)?;
    let number = whole(&value);
    let read_as_it_is = if value.is_number() { None } else { read(value) };
    Ok(read_as_it_is.or_else(|| read(number?)).unwrap_or_default())
}

fn read<T: DeserializeOwned>(value: impl Into<Value>) -> Option<T> {
    serde_json::from_value(value.into()).ok()
}

/// Characters of a name or title: more than any face shows. The rest is left out, as names are copied for every picture.
const LONGEST_NAME: usize = 300;
/// Pictures of one thing. Spotify has three.
const MOST_PICTURES: usize = 16;

/// A name or a title, cut to [`LONGEST_NAME`].
fn name<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    lenient(deserializer).map(shortened)
}

/// The same, where there may be none.
fn known_name<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    Ok(lenient::<_, Option<String>>(deserializer)?.map(shortened))
}

fn shortened(mut text: String) -> String {
    if let Some((end, _)) = text.char_indices().nth(LONGEST_NAME) {
        text.truncate(end);
        text.shrink_to_fit();
    }
    text
}

/// The pictures of one thing, [`MOST_PICTURES`] of them.
fn pictures<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<Image>, D::Error> {
    let mut pictures = lenient_list(deserializer)?;
    pictures.truncate(MOST_PICTURES);
    Ok(pictures)
}

/// A length or a position in milliseconds; 0 if it isn't known.
fn milliseconds<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u64, D::Error> {
    Ok(known_milliseconds(deserializer)?.unwrap_or_default())
}

/// A length or a position in milliseconds, if it is known.
fn known_milliseconds<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<u64>, D::Error> {
    Ok(lenient::<_, Option<u64>>(deserializer)?.map(|length| length.min(MAX_LENGTH_MS)))
}

/// A part of a hundred, if it is known.
fn percent<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<u8>, D::Error> {
    let percent = lenient::<_, Option<u64>>(deserializer)?;
    Ok(percent.map(|percent| u8::try_from(percent).unwrap_or(MAX_PERCENT).min(MAX_PERCENT)))
}

/// A list without the elements that aren't what they should be.
fn lenient_list<'de, D: Deserializer<'de>, T: DeserializeOwned>(deserializer: D) -> Result<Vec<T>, D::Error> {
    Ok(lenient_places(deserializer)?.into_iter().flatten().collect())
}

/// A list in which every element keeps its place, also one that isn't what it should be.
fn lenient_places<'de, D: Deserializer<'de>, T: DeserializeOwned>(deserializer: D) -> Result<Vec<Option<T>>, D::Error> {
    let Value::Array(values) = Value::deserialize(deserializer)? else {
        return Ok(Vec::new());
    };
    Ok(values.into_iter().map(read).collect())
}

/// Who has signed in (GET /me).
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct Profile {
    /// Spotify's id of the user.
    #[serde(deserialize_with = "lenient")]
    pub id: String,
    /// The id that stays, in answers since May 2026.
    #[serde(deserialize_with = "lenient")]
    pub account_id: Option<String>,
    /// The name to show, if the user has one.
    #[serde(deserialize_with = "known_name")]
    pub display_name: Option<String>,
}

/// What plays, where and how (GET /me/player).
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default)]
pub struct Playback {
    /// The active device.
    #[serde(deserialize_with = "lenient")]
    pub device: Option<Device>,
    /// Whether shuffle is on.
    #[serde(deserialize_with = "lenient")]
    pub shuffle_state: bool,
    /// Whether it is Spotify's own mix that is on (undocumented).
    #[serde(deserialize_with = "lenient")]
    pub smart_shuffle: bool,
    /// What is repeated.
    #[serde(deserialize_with = "lenient")]
    pub repeat_state: Repeat,
    /// When this state came about, in Unix milliseconds. Not always the time of the answer.
    #[serde(deserialize_with = "lenient")]
    pub timestamp: Option<u64>,
    /// How far the item has played, in milliseconds.
    #[serde(deserialize_with = "known_milliseconds")]
    pub progress_ms: Option<u64>,
    /// Whether it plays now.
    #[serde(deserialize_with = "lenient")]
    pub is_playing: bool,
    /// What plays; none during ads and private sessions.
    #[serde(deserialize_with = "lenient")]
    pub item: Option<Item>,
    /// The kind of what plays, also where there is no item.
    #[serde(deserialize_with = "lenient")]
    pub currently_playing_type: PlayingType,
    /// The playlist, album, artist or show that it plays from.
    #[serde(deserialize_with = "lenient")]
    pub context: Option<Context>,
    /// What can't be done now.
    #[serde(deserialize_with = "lenient")]
    pub actions: Actions,
}

/// Spotify's id of a device. It isn't permanent: a reconnect or an update of the device may bring another one.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct DeviceId(String);

impl DeviceId {
    /// Returns the id as Spotify writes it.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl From<String> for DeviceId {
    fn from(id: String) -> Self {
        Self(id)
    }
}

impl From<&str> for DeviceId {
    fn from(id: &str) -> Self {
        Self(id.to_owned())
    }
}

/// A device with Spotify on it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct Device {
    /// Its id; without one it can't be addressed.
    #[serde(deserialize_with = "lenient")]
    pub id: Option<DeviceId>,
    /// Whether it is the one that plays.
    #[serde(deserialize_with = "lenient")]
    pub is_active: bool,
    /// Whether it takes no commands at all.
    #[serde(deserialize_with = "lenient")]
    pub is_restricted: bool,
    /// Whether it is in a private session.
    #[serde(deserialize_with = "lenient")]
    pub is_private_session: bool,
    /// Its name.
    #[serde(deserialize_with = "name")]
    pub name: String,
    /// Its kind, such as Computer, Smartphone or Speaker.
    #[serde(rename = "type", deserialize_with = "lenient")]
    pub kind: String,
    /// Its volume, 0 to 100.
    #[serde(deserialize_with = "percent")]
    pub volume_percent: Option<u8>,
    /// Whether its volume can be set; not always said.
    #[serde(deserialize_with = "lenient")]
    pub supports_volume: Option<bool>,
}

impl Device {
    /// The volume that it tells, where it has one.
    #[must_use]
    pub fn reported_volume(&self) -> Option<u8> {
        self.volume_percent.filter(|_| self.supports_volume != Some(false)).map(|percent| percent.min(100))
    }
}

/// What is repeated.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Repeat {
    /// Nothing.
    #[default]
    Off,
    /// The whole context.
    Context,
    /// The one track.
    Track,
}

impl Repeat {
    /// Its name in a call.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Off => "off",
            Self::Context => "context",
            Self::Track => "track",
        }
    }
}

/// The kind of what plays.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum PlayingType {
    /// A track.
    Track,
    /// An episode, or a chapter of an audiobook.
    Episode,
    /// An advertisement.
    Ad,
    /// Something that Spotify doesn't name, or that is new.
    #[default]
    Unknown,
}

/// Where something plays from.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(from = "ContextAnswer")]
pub struct Context {
    /// Its Spotify URI.
    pub uri: Option<Uri>,
    /// Its kind, such as playlist or album.
    pub kind: String,
    /// Whether it is what Spotify goes on with after it: it sounds like it and isn't in it.
    pub recommended: bool,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct ContextAnswer {
    #[serde(deserialize_with = "lenient")]
    uri: Option<String>,
    #[serde(rename = "type", deserialize_with = "lenient")]
    kind: String,
}

impl From<ContextAnswer> for Context {
    fn from(answer: ContextAnswer) -> Self {
        let text = answer.uri.unwrap_or_default();
        Self { uri: Uri::from_spotify(&text), kind: answer.kind, recommended: text.ends_with(":recommended") }
    }
}

/// What was asked for where Spotify plays another version of it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct LinkedFrom {
    /// Its Spotify URI.
    #[serde(deserialize_with = "lenient")]
    pub uri: Option<Uri>,
}

/// What can't be done now.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct Actions {
    /// By the names of the member that is true.
    #[serde(deserialize_with = "lenient")]
    pub disallows: Disallows,
}

/// The commands that Spotify would refuse now; what it doesn't name is allowed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
#[allow(clippy::struct_excessive_bools, reason = "the members are Spotify's")]
pub struct Disallows {
    /// Going on.
    #[serde(deserialize_with = "lenient")]
    pub resuming: bool,
    /// Pausing.
    #[serde(deserialize_with = "lenient")]
    pub pausing: bool,
    /// Seeking.
    #[serde(deserialize_with = "lenient")]
    pub seeking: bool,
    /// Going to the next item.
    #[serde(deserialize_with = "lenient")]
    pub skipping_next: bool,
    /// Going to the previous item.
    #[serde(deserialize_with = "lenient")]
    pub skipping_prev: bool,
    /// Switching shuffle.
    #[serde(deserialize_with = "lenient")]
    pub toggling_shuffle: bool,
    /// Repeating the context.
    #[serde(deserialize_with = "lenient")]
    pub toggling_repeat_context: bool,
    /// Repeating the track.
    #[serde(deserialize_with = "lenient")]
    pub toggling_repeat_track: bool,
    /// Moving to another device.
    #[serde(deserialize_with = "lenient")]
    pub transferring_playback: bool,
    /// Playing something else.
    #[serde(deserialize_with = "lenient")]
    pub interrupting_playback: bool,
}

/// Something that can play: a track, an episode, a chapter, a local file, or what may come. Members that its kind
/// doesn't have are empty.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct Item {
    /// Its kind, such as track or episode.
    #[serde(rename = "type", deserialize_with = "lenient")]
    pub kind: String,
    /// Spotify's id; none for a local file.
    #[serde(deserialize_with = "lenient")]
    pub id: Option<String>,
    /// Its Spotify URI.
    #[serde(deserialize_with = "lenient")]
    pub uri: Option<Uri>,
    /// Its title.
    #[serde(deserialize_with = "name")]
    pub name: String,
    /// Its length in milliseconds; 0 if unknown.
    #[serde(deserialize_with = "milliseconds")]
    pub duration_ms: u64,
    /// Whether it is marked as explicit.
    #[serde(deserialize_with = "lenient")]
    pub explicit: bool,
    /// Whether it is a file of the user's own.
    #[serde(deserialize_with = "lenient")]
    pub is_local: bool,
    /// What a track plays in place of, where it isn't available itself: playlists and the library have that one. Not always
    /// told.
    #[serde(deserialize_with = "lenient")]
    pub linked_from: Option<LinkedFrom>,
    /// A track's artists.
    #[serde(deserialize_with = "lenient_list")]
    pub artists: Vec<Named>,
    /// A track's album.
    #[serde(deserialize_with = "lenient")]
    pub album: Option<Collection>,
    /// An episode's show.
    #[serde(deserialize_with = "lenient")]
    pub show: Option<Collection>,
    /// A chapter's audiobook.
    #[serde(deserialize_with = "lenient")]
    pub audiobook: Option<Collection>,
    /// Its own pictures, for what has them: episodes, albums, artists, playlists, shows.
    #[serde(deserialize_with = "pictures")]
    pub images: Vec<Image>,
    /// Whose playlist it is.
    #[serde(deserialize_with = "lenient")]
    pub owner: Option<Owner>,
    /// Whether others than its owner may change the playlist.
    #[serde(deserialize_with = "lenient")]
    pub collaborative: bool,
    /// Who publishes a show.
    #[serde(deserialize_with = "name")]
    pub publisher: String,
}

/// Whose playlist it is.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct Owner {
    /// Spotify's id of the user.
    #[serde(deserialize_with = "lenient")]
    pub id: String,
    /// The name to show.
    #[serde(deserialize_with = "name")]
    pub display_name: String,
}

impl Item {
    /// Who made it, for the line below the title: the artists, the show, the audiobook, a playlist's
    /// owner, or a show's publisher.
    #[must_use]
    pub fn byline(&self) -> String {
        if self.artists.is_empty() {
            let collection = self.show.as_ref().or(self.audiobook.as_ref()).map(|collection| &collection.name);
            let owner = self.owner.as_ref().map(|owner| &owner.display_name);
            return collection.or(owner).unwrap_or(&self.publisher).clone();
        }
        let names: Vec<&str> =
            self.artists.iter().map(|artist| artist.name.as_str()).filter(|name| !name.is_empty()).collect();
        shortened(names.join(", "))
    }

    /// Its pictures: its own, else the album's, show's or audiobook's. In any order of size.
    #[must_use]
    pub fn pictures(&self) -> &[Image] {
        if !self.images.is_empty() {
            return &self.images;
        }
        [&self.album, &self.show, &self.audiobook]
            .into_iter()
            .flatten()
            .map(|collection| collection.images.as_slice())
            .find(|images| !images.is_empty())
            .unwrap_or_default()
    }
}

/// An artist.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct Named {
    /// The name.
    #[serde(deserialize_with = "name")]
    pub name: String,
    /// The Spotify URI.
    #[serde(deserialize_with = "lenient")]
    pub uri: Option<String>,
}

/// An album, a show or an audiobook.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct Collection {
    /// Its name.
    #[serde(deserialize_with = "name")]
    pub name: String,
    /// Its Spotify URI.
    #[serde(deserialize_with = "lenient")]
    pub uri: Option<String>,
    /// Its pictures.
    #[serde(deserialize_with = "pictures")]
    pub images: Vec<Image>,
}

/// A picture in one size.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Image {
    /// Where it is.
    pub url: String,
    /// Its width in pixels, if Spotify says.
    #[serde(default, deserialize_with = "lenient")]
    pub width: Option<u32>,
    /// Its height in pixels, if Spotify says.
    #[serde(default, deserialize_with = "lenient")]
    pub height: Option<u32>,
}

/// The answer of GET /me/player/devices.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub(super) struct Devices {
    #[serde(deserialize_with = "lenient_list")]
    pub devices: Vec<Device>,
}

/// The answer of GET /search: a page for each kind that was asked for.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub(super) struct Search {
    #[serde(deserialize_with = "lenient")]
    tracks: Page,
    #[serde(deserialize_with = "lenient")]
    albums: Page,
    #[serde(deserialize_with = "lenient")]
    artists: Page,
    #[serde(deserialize_with = "lenient")]
    playlists: Page,
    #[serde(deserialize_with = "lenient")]
    shows: Page,
    #[serde(deserialize_with = "lenient")]
    episodes: Page,
}

/// A part of a list.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct Page {
    /// What is in this part; None in the place of what Spotify doesn't name.
    #[serde(deserialize_with = "lenient_places")]
    pub items: Vec<Option<Item>>,
    /// How many there are in all.
    #[serde(deserialize_with = "lenient")]
    pub total: u32,
}

/// A part of Liked Songs or of a playlist: each item is in an envelope with the time at which it was added.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub(super) struct SavedPage {
    #[serde(deserialize_with = "lenient_places")]
    items: Vec<Option<Saved>>,
    #[serde(deserialize_with = "lenient")]
    total: u32,
}

#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
struct Saved {
    // Renamed in 2026; both are accepted.
    #[serde(alias = "item")]
    track: Item,
}

impl SavedPage {
    /// How many there are in all.
    pub fn total(&self) -> u32 {
        self.total
    }
}

impl From<SavedPage> for Page {
    fn from(page: SavedPage) -> Self {
        Self { items: page.items.into_iter().map(|saved| Some(saved?.track)).collect(), total: page.total }
    }
}

/// The answer of GET /me/player/queue.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub(super) struct Queue {
    #[serde(deserialize_with = "lenient_list")]
    pub queue: Vec<Item>,
}

/// The answer of GET /me/player/recently-played.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub(super) struct RecentlyPlayed {
    #[serde(deserialize_with = "lenient_list")]
    pub items: Vec<Played>,
}

/// A track that was played, and what it was played from.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct Played {
    /// The track.
    #[serde(deserialize_with = "lenient")]
    pub track: Option<Item>,
    /// The playlist, album, artist or show that it was played from.
    #[serde(deserialize_with = "lenient")]
    pub context: Option<Context>,
}

impl Search {
    /// Everything that was found and has an address, kind by kind.
    pub fn found(self) -> Vec<Item> {
        let pages = [self.tracks, self.albums, self.artists, self.playlists, self.shows, self.episodes];
        pages.into_iter().flat_map(|page| page.items).flatten().filter(|item| item.uri.is_some()).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn playback(text: &str) -> Playback {
        serde_json::from_str(text).unwrap()
    }

    #[test]
    fn a_track_with_everything() {
        let state = playback(
            r#"{"device":{"id":"d","is_active":true,"name":"Desk","type":"Computer","volume_percent":59,"supports_volume":true},
            "shuffle_state":true,"smart_shuffle":false,"repeat_state":"context","timestamp":1,"progress_ms":44272,
            "is_playing":true,"currently_playing_type":"track","context":{"type":"album","uri":"spotify:album:1"},
            "actions":{"disallows":{"resuming":true,"later":true}},
            "item":{"type":"track","id":"t","uri":"spotify:track:t","name":"Title","duration_ms":200000,
              "artists":[{"name":"A"},null,{"name":"B","uri":"spotify:artist:b"}],
              "album":{"name":"Album","images":[{"url":"https://i.scdn.co/1","width":640,"height":640}]}}}"#,
        );
        let item = state.item.unwrap();
        assert_eq!(item.byline(), "A, B");
        assert_eq!(item.pictures()[0].width, Some(640));
        assert_eq!(state.repeat_state, Repeat::Context);
        assert_eq!(state.currently_playing_type, PlayingType::Track);
        assert!(state.actions.disallows.resuming && !state.actions.disallows.pausing);
        assert_eq!(state.device.unwrap().volume_percent, Some(59));
    }

    #[test]
    fn recommendations_after_a_playlist_are_told_from_it() {
        for (uri, recommended) in [
            ("spotify:playlist:p", false),
            ("spotify:user:someone:playlist:p", false),
            ("spotify:playlist:p:recommended", true),
            ("spotify:user:someone:playlist:p:recommended", true),
        ] {
            let context = playback(&format!(r#"{{"context":{{"uri":"{uri}","type":"playlist"}}}}"#)).context.unwrap();
            assert_eq!(context.uri.as_ref().map(Uri::as_str), Some("spotify:playlist:p"), "{uri}");
            assert_eq!((context.recommended, context.kind.as_str()), (recommended, "playlist"));
        }
        assert_eq!(playback(r#"{"context":{"uri":7}}"#).context, Some(Context::default()));
    }

    #[test]
    fn an_episode_takes_its_show() {
        let state = playback(
            r#"{"currently_playing_type":"episode","item":{"type":"episode","name":"E","images":null,
            "show":{"name":"Show","images":[{"url":"u","width":null}]}}}"#,
        );
        let item = state.item.unwrap();
        assert_eq!(item.byline(), "Show");
        assert_eq!(item.pictures().len(), 1);
    }

    #[test]
    fn a_search_keeps_what_can_be_played() {
        let answer = r#"{"tracks":{"items":[{"type":"track","uri":"spotify:track:1","name":"T","artists":[{"name":"A"}]},null]},
            "playlists":{"items":[null,{"type":"playlist","uri":"spotify:playlist:2","name":"P"},{"name":"no address"}]},
            "shows":null}"#;
        let found = serde_json::from_str::<Search>(answer).unwrap().found();
        let uris: Vec<_> = found.iter().map(|item| item.uri.as_ref().unwrap().as_str()).collect();
        assert_eq!(uris, ["spotify:track:1", "spotify:playlist:2"]);
    }

    #[test]
    fn nulls_absences_and_oddities_are_survived() {
        let nulls = r#"{"device":null,"shuffle_state":null,"repeat_state":null,"timestamp":null,"progress_ms":null,
            "is_playing":null,"item":null,"currently_playing_type":null,"context":null,"actions":null}"#;
        assert_eq!(playback(nulls), Playback::default());
        assert_eq!(playback("{}"), Playback::default());
        let odd = playback(
            r#"{"device":{"id":null,"volume_percent":null,"name":7},"repeat_state":"sometimes","progress_ms":-5,
            "currently_playing_type":"hologram","item":{"type":"track","name":"N","album":{"images":[null,{"width":1}]},
            "artists":"nobody","duration_ms":-1.5}}"#,
        );
        assert_eq!(odd.repeat_state, Repeat::Off);
        assert_eq!(odd.progress_ms, None);
        assert_eq!(odd.currently_playing_type, PlayingType::Unknown);
        let item = odd.item.unwrap();
        assert_eq!((item.name.as_str(), item.duration_ms), ("N", 0));
        assert!(item.pictures().is_empty() && item.byline().is_empty());
        assert_eq!(odd.device.unwrap().name, "");
    }

    /// The same answer with every number in another form.
    fn rewritten(value: &Value, form: &impl Fn(u64) -> Value) -> Value {
        match value {
            Value::Number(number) => form(number.as_u64().unwrap()),
            Value::Array(values) => values.iter().map(|value| rewritten(value, form)).collect(),
            Value::Object(members) => {
                members.iter().map(|(name, value)| (name.clone(), rewritten(value, form))).collect()
            }
            other => other.clone(),
        }
    }

    #[test]
    fn names_and_pictures_are_bounded() {
        let long = "\u{f6}".repeat(1 << 20);
        let artists = vec![json!({"name": "Artist"}); 10_000];
        let images = vec![json!({"url": "u", "width": 64}); 10_000];
        let collection = json!({"name": long, "images": images});
        let item: Item = from(&json!({"name": long, "artists": artists, "album": collection, "show": collection,
            "images": images, "owner": {"display_name": long}, "publisher": long}));
        let album = item.album.as_ref().unwrap();
        let owner = item.owner.as_ref().unwrap();
        for name in [&item.name, &album.name, &owner.display_name, &item.publisher, &item.byline()] {
            assert_eq!(name.chars().count(), LONGEST_NAME);
        }
        assert_eq!((item.images.len(), album.images.len()), (MOST_PICTURES, MOST_PICTURES));
        assert_eq!(from::<Device>(&json!({"name": long})).name.chars().count(), LONGEST_NAME);
        let user: Profile = from(&json!({"display_name": long}));
        assert_eq!(user.display_name.map(|name| name.chars().count()), Some(LONGEST_NAME));
        assert_eq!(from::<Device>(&json!({"name": "Desk"})).name, "Desk");
    }

    #[test]
    fn numbers_are_read_in_any_form() {
        let item = json!({"name": "N", "duration_ms": 200_000, "images": [{"url": "u", "width": 640, "height": 300}],
            "album": {"images": [{"url": "v", "width": 64, "height": 64}]}});
        let device = json!({"id": "d", "volume_percent": 59});
        let playback =
            json!({"device": device, "timestamp": 1_792_800_000_000_u64, "progress_ms": 44_272, "item": item});
        let page = json!({"items": [item], "total": 120});
        let saved = json!({"items": [{"track": item}], "total": 70});
        let forms: [&dyn Fn(u64) -> Value; 3] =
            [&|number| json!(number as f64), &|number| json!(number.to_string()), &|number| json!(number as f64 + 0.5)];
        for form in forms {
            let form = &|number| form(number);
            assert_eq!(from::<Playback>(&rewritten(&playback, form)), from(&playback));
            assert_eq!(from::<Page>(&rewritten(&page, form)), from(&page));
            assert_eq!(from::<Search>(&rewritten(&json!({"tracks": page}), form)), from(&json!({"tracks": page})));
            assert_eq!(from::<SavedPage>(&rewritten(&saved, form)), from(&saved));
            let (devices, queue) = (json!({"devices": [device]}), json!({"queue": [item]}));
            assert_eq!(from::<Devices>(&rewritten(&devices, form)), from(&devices));
            assert_eq!(from::<Queue>(&rewritten(&queue, form)), from(&queue));
        }
        assert_eq!(from::<Playback>(&serde_json::from_str(r#"{"progress_ms":6.4e2}"#).unwrap()).progress_ms, Some(640));
    }

    #[test]
    fn numbers_without_sense_are_bounded() {
        for (number, expected) in [
            (json!(u64::MAX), Some(MAX_LENGTH_MS)),
            (json!(1e300), Some(MAX_LENGTH_MS)),
            (json!("18446744073709551615"), Some(MAX_LENGTH_MS)),
            (json!(0), Some(0)),
            (json!(-0.0), Some(0)),
            (json!(-1), None),
            (json!(-1e300), None),
            (json!(i64::MIN), None),
            (json!("NaN"), None),
            (json!("Infinity"), None),
            (json!(""), None),
            (json!(null), None),
            (json!(true), None),
            (json!([7]), None),
        ] {
            let playback: Playback =
                from(&json!({"progress_ms": number, "item": {"duration_ms": number}, "timestamp": number}));
            assert_eq!(playback.progress_ms, expected, "{number}");
            assert_eq!(playback.item.unwrap().duration_ms, expected.unwrap_or_default(), "{number}");
            assert!(playback.timestamp.is_none_or(|timestamp| timestamp <= crate::foreign::MAX_WHOLE), "{number}");
        }
        for (number, expected) in [(json!(101), Some(100)), (json!(300), Some(100)), (json!(-1), None)] {
            assert_eq!(from::<Device>(&json!({"volume_percent": number})).volume_percent, expected, "{number}");
        }
        let image: Image = from(&json!({"url": "u", "width": 5_000_000_000_u64, "height": -1}));
        assert_eq!((image.width, image.height), (None, None));
    }

    fn from<T: DeserializeOwned>(value: &Value) -> T {
        serde_json::from_value(value.clone()).unwrap()
    }
}
