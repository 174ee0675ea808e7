//! Spotify's answers, as far as the package uses them.
//!
//! Documentation and live answers differ, and both change. So no member is relied on to be present or to have its documented
//! type: what is missing, null or malformed becomes the type's default, a malformed element of a list is left out, and only
//! an answer that is no JSON object at all is an error.
//!
//! Numbers are accepted in any form that represents an integer, and bounded here:
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

/// Upper bound of lengths and positions, in milliseconds: a week.
const MAX_LENGTH_MS: u64 = 7 * 24 * 3_600_000;
/// The maximum volume, in percent.
const MAX_PERCENT: u8 = 100;

/// Deserializes a value, or returns the default if it is malformed.
fn lenient<'de, D: Deserializer<'de>, T: DeserializeOwned + Default>(deserializer: D) -> Result<T, D::Error> {
    let value = Value::deserialize(deserializer)?;
    let number = whole(&value);
    let other = if value.is_number() { None } else { read(value) };
    Ok(other.or_else(|| read(number?)).unwrap_or_default())
}

fn read<T: DeserializeOwned>(value: impl Into<Value>) -> Option<T> {
    serde_json::from_value(value.into()).ok()
}

/// Longest name or title, in characters: more than any face shows. Names are truncated because every picture copies them.
const MAX_NAME_CHARS: usize = 300;
/// Pictures per item. Spotify has three.
const MAX_PICTURES: usize = 16;

/// Deserializes a name or a title, truncated to [`MAX_NAME_CHARS`].
fn name<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    lenient(deserializer).map(truncated)
}

/// Deserializes a name that may be missing, truncated to [`MAX_NAME_CHARS`].
fn optional_name<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    Ok(lenient::<_, Option<String>>(deserializer)?.map(truncated))
}

fn truncated(mut text: String) -> String {
    if let Some((end, _)) = text.char_indices().nth(MAX_NAME_CHARS) {
        text.truncate(end);
        text.shrink_to_fit();
    }
    text
}

/// Deserializes the pictures of an item, up to [`MAX_PICTURES`].
fn pictures<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<Image>, D::Error> {
    let mut pictures = lenient_list(deserializer)?;
    pictures.truncate(MAX_PICTURES);
    Ok(pictures)
}

/// Deserializes a length or a position in milliseconds, 0 if it is unknown.
fn milliseconds<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u64, D::Error> {
    Ok(optional_milliseconds(deserializer)?.unwrap_or_default())
}

/// Deserializes a length or a position in milliseconds, if it is known.
fn optional_milliseconds<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<u64>, D::Error> {
    Ok(lenient::<_, Option<u64>>(deserializer)?.map(|length| length.min(MAX_LENGTH_MS)))
}

/// Deserializes a percentage, if it is known.
fn percent<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<u8>, D::Error> {
    let percent = lenient::<_, Option<u64>>(deserializer)?;
    Ok(percent.map(|percent| u8::try_from(percent).unwrap_or(MAX_PERCENT).min(MAX_PERCENT)))
}

/// Deserializes a list, without malformed elements.
fn lenient_list<'de, D: Deserializer<'de>, T: DeserializeOwned>(deserializer: D) -> Result<Vec<T>, D::Error> {
    Ok(lenient_slots(deserializer)?.into_iter().flatten().collect())
}

/// Deserializes a list in which malformed elements become `None`, so that every element keeps its position.
fn lenient_slots<'de, D: Deserializer<'de>, T: DeserializeOwned>(deserializer: D) -> Result<Vec<Option<T>>, D::Error> {
    let Value::Array(values) = Value::deserialize(deserializer)? else {
        return Ok(Vec::new());
    };
    Ok(values.into_iter().map(read).collect())
}

/// The signed-in user (GET /me).
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct Profile {
    /// Spotify's id of the user.
    #[serde(deserialize_with = "lenient")]
    pub id: String,
    /// The permanent id, in answers since May 2026.
    #[serde(deserialize_with = "lenient")]
    pub account_id: Option<String>,
    /// The name to show, if the user has one.
    #[serde(deserialize_with = "optional_name")]
    pub display_name: Option<String>,
}

/// The playback state (GET /me/player).
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default)]
pub struct Playback {
    /// The active device.
    #[serde(deserialize_with = "lenient")]
    pub device: Option<Device>,
    /// Whether shuffle is on.
    #[serde(deserialize_with = "lenient")]
    pub shuffle_state: bool,
    /// Whether that is smart shuffle, which mixes in Spotify's recommendations (undocumented).
    #[serde(deserialize_with = "lenient")]
    pub smart_shuffle: bool,
    /// The repeat mode.
    #[serde(deserialize_with = "lenient")]
    pub repeat_state: Repeat,
    /// When this state began, in Unix milliseconds. Not always the time of the answer.
    #[serde(deserialize_with = "lenient")]
    pub timestamp: Option<u64>,
    /// How far the item has played, in milliseconds.
    #[serde(deserialize_with = "optional_milliseconds")]
    pub progress_ms: Option<u64>,
    /// Whether it is playing, rather than paused.
    #[serde(deserialize_with = "lenient")]
    pub is_playing: bool,
    /// The current item; `None` during ads and private sessions.
    #[serde(deserialize_with = "lenient")]
    pub item: Option<Item>,
    /// The kind of the current item, also if there is no item.
    #[serde(deserialize_with = "lenient")]
    pub currently_playing_type: PlayingType,
    /// The playlist, album, artist or show that the item is played from.
    #[serde(deserialize_with = "lenient")]
    pub context: Option<Context>,
    /// Which commands Spotify would refuse now.
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

/// A device that runs Spotify.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct Device {
    /// Its id; without one it can't be addressed.
    #[serde(deserialize_with = "lenient")]
    pub id: Option<DeviceId>,
    /// Whether it is the active device.
    #[serde(deserialize_with = "lenient")]
    pub is_active: bool,
    /// Whether it accepts no commands from the Web API.
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
    /// Whether its volume can be set, if Spotify reports it.
    #[serde(deserialize_with = "lenient")]
    pub supports_volume: Option<bool>,
}

impl Device {
    /// Returns the volume it reports, unless that can't be set.
    #[must_use]
    pub fn settable_volume(&self) -> Option<u8> {
        self.volume_percent.filter(|_| self.supports_volume != Some(false)).map(|percent| percent.min(100))
    }
}

/// The repeat mode.
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
    /// Returns its name in a call.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Off => "off",
            Self::Context => "context",
            Self::Track => "track",
        }
    }
}

/// The kind of the current item.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum PlayingType {
    /// A track.
    Track,
    /// An episode, or a chapter of an audiobook.
    Episode,
    /// An advertisement.
    Ad,
    /// Anything else, such as a kind that Spotify has added since.
    #[default]
    Unknown,
}

/// What an item is played from.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(from = "ContextAnswer")]
pub struct Context {
    /// Its Spotify URI.
    pub uri: Option<Uri>,
    /// Its kind, such as playlist or album.
    pub kind: String,
    /// Whether the item is one of the recommendations that Spotify continues with after the context. It isn't part of the
    /// context then.
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

/// The requested item, if Spotify plays another version of it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct LinkedFrom {
    /// Its Spotify URI.
    #[serde(deserialize_with = "lenient")]
    pub uri: Option<Uri>,
}

/// Which commands Spotify would refuse now.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct Actions {
    /// One member per command.
    #[serde(deserialize_with = "lenient")]
    pub disallows: Disallows,
}

/// The commands that Spotify would refuse now. Those that it doesn't list are allowed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
#[allow(clippy::struct_excessive_bools, reason = "the members are Spotify's")]
pub struct Disallows {
    /// Resuming.
    #[serde(deserialize_with = "lenient")]
    pub resuming: bool,
    /// Pausing.
    #[serde(deserialize_with = "lenient")]
    pub pausing: bool,
    /// Seeking.
    #[serde(deserialize_with = "lenient")]
    pub seeking: bool,
    /// Skipping to the next item.
    #[serde(deserialize_with = "lenient")]
    pub skipping_next: bool,
    /// Skipping to the previous item.
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
    /// Moving playback to another device.
    #[serde(deserialize_with = "lenient")]
    pub transferring_playback: bool,
    /// Playing something else.
    #[serde(deserialize_with = "lenient")]
    pub interrupting_playback: bool,
}

/// A playable or catalogue item: a track, an episode, a chapter, a local file, an album, a playlist, or another kind. Members
/// that its kind doesn't have are empty.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct Item {
    /// Its kind, such as track or episode.
    #[serde(rename = "type", deserialize_with = "lenient")]
    pub kind: String,
    /// Spotify's id; `None` for a local file.
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
    /// Whether it is a local file of the user.
    #[serde(deserialize_with = "lenient")]
    pub is_local: bool,
    /// The unavailable track that this one replaces: playlists and the library contain that one. Not always reported.
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
    /// Its own pictures, if its kind has any: episodes, albums, artists, playlists, shows.
    #[serde(deserialize_with = "pictures")]
    pub images: Vec<Image>,
    /// A playlist's owner.
    #[serde(deserialize_with = "lenient")]
    pub owner: Option<Owner>,
    /// Whether users other than the owner may change a playlist.
    #[serde(deserialize_with = "lenient")]
    pub collaborative: bool,
    /// A show's publisher.
    #[serde(deserialize_with = "name")]
    pub publisher: String,
}

/// The owner of a playlist.
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
    /// Returns the line below the title: the artists, the show, the audiobook, a playlist's owner, or a show's publisher.
    #[must_use]
    pub fn byline(&self) -> String {
        if self.artists.is_empty() {
            let collection = self.show.as_ref().or(self.audiobook.as_ref()).map(|collection| &collection.name);
            let owner = self.owner.as_ref().map(|owner| &owner.display_name);
            return collection.or(owner).unwrap_or(&self.publisher).clone();
        }
        let names: Vec<&str> =
            self.artists.iter().map(|artist| artist.name.as_str()).filter(|name| !name.is_empty()).collect();
        truncated(names.join(", "))
    }

    /// Returns its own pictures, else those of its album, show or audiobook, in no particular order.
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
    /// Its address.
    pub url: String,
    /// Its width in pixels, if Spotify reports it.
    #[serde(default, deserialize_with = "lenient")]
    pub width: Option<u32>,
    /// Its height in pixels, if Spotify reports it.
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

/// The answer of GET /search: a page for each requested kind.
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

/// A page of a list.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct Page {
    /// The items of this page; `None` for one that Spotify leaves out.
    #[serde(deserialize_with = "lenient_slots")]
    pub items: Vec<Option<Item>>,
    /// The number of items on all pages.
    #[serde(deserialize_with = "lenient")]
    pub total: u32,
}

/// A page of Liked Songs or of a playlist: each item is wrapped in an object with the time at which it was added.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub(super) struct SavedPage {
    #[serde(deserialize_with = "lenient_slots")]
    items: Vec<Option<Saved>>,
    #[serde(deserialize_with = "lenient")]
    total: u32,
}

#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
struct Saved {
    // Renamed from `track` in 2026; both are accepted.
    #[serde(alias = "item")]
    track: Item,
}

impl SavedPage {
    /// Returns the number of items on all pages.
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

/// A track in the listening history, and what it was played from.
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
    /// Returns the results that have a URI, grouped by kind.
    pub fn into_items(self) -> Vec<Item> {
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
    fn track_with_all_members_is_read() {
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
    fn context_of_recommendations_is_marked() {
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
    fn episode_falls_back_to_its_show() {
        let state = playback(
            r#"{"currently_playing_type":"episode","item":{"type":"episode","name":"E","images":null,
            "show":{"name":"Show","images":[{"url":"u","width":null}]}}}"#,
        );
        let item = state.item.unwrap();
        assert_eq!(item.byline(), "Show");
        assert_eq!(item.pictures().len(), 1);
    }

    #[test]
    fn search_drops_results_without_uri() {
        let answer = r#"{"tracks":{"items":[{"type":"track","uri":"spotify:track:1","name":"T","artists":[{"name":"A"}]},null]},
            "playlists":{"items":[null,{"type":"playlist","uri":"spotify:playlist:2","name":"P"},{"name":"no address"}]},
            "shows":null}"#;
        let found = serde_json::from_str::<Search>(answer).unwrap().into_items();
        let uris: Vec<_> = found.iter().map(|item| item.uri.as_ref().unwrap().as_str()).collect();
        assert_eq!(uris, ["spotify:track:1", "spotify:playlist:2"]);
    }

    #[test]
    fn null_missing_and_malformed_members_are_defaults() {
        let nulls = r#"{"device":null,"shuffle_state":null,"repeat_state":null,"timestamp":null,"progress_ms":null,
            "is_playing":null,"item":null,"currently_playing_type":null,"context":null,"actions":null}"#;
        assert_eq!(playback(nulls), Playback::default());
        assert_eq!(playback("{}"), Playback::default());
        let odd = playback(
            r#"{"device":{"id":null,"volume_percent":null,"name":7},"repeat_state":"sometimes","progress_ms":-5,
            "currently_playing_type":"hologram","item":{"type":"track","name":"N","album":{"images":[null,{"width":1}]},
            "artists":"none","duration_ms":-1.5}}"#,
        );
        assert_eq!(odd.repeat_state, Repeat::Off);
        assert_eq!(odd.progress_ms, None);
        assert_eq!(odd.currently_playing_type, PlayingType::Unknown);
        let item = odd.item.unwrap();
        assert_eq!((item.name.as_str(), item.duration_ms), ("N", 0));
        assert!(item.pictures().is_empty() && item.byline().is_empty());
        assert_eq!(odd.device.unwrap().name, "");
    }

    /// Returns the answer with every number in another form.
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
            assert_eq!(name.chars().count(), MAX_NAME_CHARS);
        }
        assert_eq!((item.images.len(), album.images.len()), (MAX_PICTURES, MAX_PICTURES));
        assert_eq!(from::<Device>(&json!({"name": long})).name.chars().count(), MAX_NAME_CHARS);
        let user: Profile = from(&json!({"display_name": long}));
        assert_eq!(user.display_name.map(|name| name.chars().count()), Some(MAX_NAME_CHARS));
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
    fn nonsensical_numbers_are_bounded() {
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
