//! What the simulated Spotify plays, as a machine without I/O and without a clock of its own: time comes in as a number.
//!
//! It follows Spotify where Spotify is documented, and is simple where it isn't: Previous always goes back to the track
//! before (never just to the start), Next in "repeat one" goes on to the following track, and when a list ends without
//! repeat it stands paused at its first track.

use std::collections::VecDeque;
use std::time::Duration;

use rand::SeedableRng;
use rand::rngs::SmallRng;
use rand::seq::SliceRandom;
use serde::{Deserialize, Serialize};

use crate::catalogue::{self, AD_URI, Catalogue, EPISODE_URI, LOCAL_URI, SHOW_URI};
use crate::quirks::{self, DeviceChange, Quirks, present};

/// A device that is signed in to the user's account. Serialised, it is the Web API's device object.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Device {
    /// The ID to address it by; `None` on some restricted devices.
    pub id: Option<String>,
    /// Whether it is the one that plays. At most one is.
    pub is_active: bool,
    /// Whether it is in a private session.
    pub is_private_session: bool,
    /// Whether it refuses Web API commands.
    pub is_restricted: bool,
    /// What its owner calls it.
    pub name: String,
    /// `Computer`, `Smartphone`, `Speaker`, `TV` and the like.
    #[serde(rename = "type")]
    pub kind: String,
    /// 0 to 100; `None` where the device does not tell.
    pub volume_percent: Option<u8>,
    /// Whether its volume can be set.
    pub supports_volume: bool,
    /// Whether it sleeps: it is in the list and can't play; commands to it answer 404 "Device not found". A transfer
    /// wakes it, which takes [`Config::wake_delay`](crate::Config::wake_delay). The Web API does not tell.
    #[serde(skip)]
    pub sleeping: bool,
    /// What it does differently from others. The Web API does not tell.
    #[serde(skip)]
    pub quirks: Quirks,
}

impl Device {
    fn new(id: Option<&str>, name: &str, kind: &str, volume_percent: Option<u8>) -> Self {
        Self {
            id: id.map(str::to_owned),
            is_active: false,
            is_private_session: false,
            is_restricted: id.is_none(),
            name: name.to_owned(),
            kind: kind.to_owned(),
            volume_percent,
            supports_volume: volume_percent.is_some(),
            sleeping: false,
            quirks: Quirks::default(),
        }
    }

    fn has_id(&self, id: &str) -> bool {
        self.id.as_deref() == Some(id)
    }
}

/// ID of the device that is active at first, a computer with volume 65.
pub const COMPUTER_ID: &str = "5f1d0c0e9a7b4c6d8e2f3a4b5c6d7e8f90a1b2c3";
/// ID of the speaker, volume 30.
pub const SPEAKER_ID: &str = "a1b2c3d4e5f60718293a4b5c6d7e8f9001122334";
/// ID of the phone, which has no volume that could be set.
pub const PHONE_ID: &str = "00ffeeddccbbaa99887766554433221100aabbcc";

/// How many items Previous can go back, and how many the recently played are.
const MOST_PLAYED: usize = 50;

/// How long a track has to be played to be among the recently played, in milliseconds.
const PLAYED_MS: u64 = 30_000;

/// What happens at the end of a track or of the list.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Repeat {
    /// Nothing repeats.
    #[default]
    Off,
    /// The list starts again.
    Context,
    /// The track starts again.
    Track,
}

/// What is playing, where and how, at one moment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Playback {
    /// The user's devices.
    pub devices: Vec<Device>,
    /// URI of what plays; `None` (or a URI unknown to the catalogue) makes `currently_playing_type` "unknown".
    pub item: Option<String>,
    /// URI of the album, playlist, artist or show that plays.
    pub context: Option<String>,
    /// Where the item is, in milliseconds.
    pub progress_ms: u64,
    /// Whether it moves.
    pub is_playing: bool,
    /// Whether the list is played in random order.
    pub shuffle: bool,
    /// The undocumented `smart_shuffle`.
    pub smart_shuffle: bool,
    /// What repeats.
    pub repeat: Repeat,
    /// URIs that the user has queued: played before `upcoming`.
    pub queue: Vec<String>,
    /// URIs of the whole list, in its own order.
    pub tracks: Vec<String>,
    /// URIs that come next out of the list.
    pub upcoming: Vec<String>,
    /// URIs that Previous goes back to, the latest last.
    pub played: Vec<String>,
    /// When something other than the progress changed last, in Unix milliseconds: the `timestamp` of player answers.
    pub changed_ms: u64,
}

impl Default for Playback {
    /// Playlist 1 plays its first track on the computer; a speaker, a phone without volume and a restricted television
    /// without an ID stand by.
    fn default() -> Self {
        let tracks: Vec<String> = (1..=catalogue::TRACKS).map(catalogue::track_uri).collect();
        let mut devices = vec![
            Device::new(Some(COMPUTER_ID), "Office Computer", "Computer", Some(65)),
            Device::new(Some(SPEAKER_ID), "Wohnzimmer", "Speaker", Some(30)),
            Device::new(Some(PHONE_ID), "Phone", "Smartphone", None),
            Device::new(None, "Kitchen TV", "TV", None),
        ];
        devices[0].is_active = true;
        Self {
            devices,
            item: tracks.first().cloned(),
            context: Some(catalogue::playlist_uri(1)),
            progress_ms: 0,
            is_playing: true,
            shuffle: false,
            smart_shuffle: false,
            repeat: Repeat::Off,
            queue: Vec::new(),
            upcoming: tracks[1..].to_vec(),
            tracks,
            played: Vec::new(),
            changed_ms: 0,
        }
    }
}

impl Playback {
    /// The default, paused at the start of its first track.
    pub fn paused() -> Self {
        Self { is_playing: false, ..Self::default() }
    }

    /// The default with no device active: the player answers 204, and commands without a device answer 404.
    pub fn idle() -> Self {
        let mut playback = Self::paused();
        playback.devices.iter_mut().for_each(|device| device.is_active = false);
        playback
    }

    /// The default with no device active, and every device asleep: only a transfer wakes one.
    pub fn asleep() -> Self {
        let mut playback = Self::idle();
        playback.devices.iter_mut().for_each(|device| device.sleeping = true);
        playback
    }

    /// The podcast's episode plays, out of its show.
    pub fn episode() -> Self {
        Self::of(EPISODE_URI, SHOW_URI, vec![EPISODE_URI.to_owned()])
    }

    /// A file on the user's own disk plays, out of playlist 2.
    pub fn local_file() -> Self {
        Self::of(LOCAL_URI, &catalogue::playlist_uri(2), vec![LOCAL_URI.to_owned(), EPISODE_URI.to_owned()])
    }

    /// An advertisement plays between the first two tracks of playlist 1.
    pub fn advertisement() -> Self {
        Self { item: Some(AD_URI.to_owned()), ..Self::default() }
    }

    /// The default in a private session.
    pub fn private_session() -> Self {
        let mut playback = Self::default();
        playback.active_mut().into_iter().for_each(|device| device.is_private_session = true);
        playback
    }

    /// Something plays, and no more is told of it than that: `currently_playing_type` is "unknown", the item null.
    pub fn unknown() -> Self {
        Self { item: None, context: None, ..Self::default() }
    }

    fn of(item: &str, context: &str, tracks: Vec<String>) -> Self {
        let behind = tracks.iter().skip_while(|uri| *uri != item).skip(1);
        Self {
            item: Some(item.to_owned()),
            context: Some(context.to_owned()),
            upcoming: behind.cloned().collect(),
            tracks,
            ..Self::default()
        }
    }

    /// The device that plays.
    pub fn active(&self) -> Option<&Device> {
        self.devices.iter().find(|device| device.is_active)
    }

    fn active_mut(&mut self) -> Option<&mut Device> {
        self.devices.iter_mut().find(|device| device.is_active)
    }

    fn activate(&mut self, wanted: usize) {
        for (index, device) in self.devices.iter_mut().enumerate() {
            device.is_active = index == wanted;
        }
    }
}

/// A change made "in another Spotify app". Absent members change nothing. Read from JSON by `POST /sim/playback`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Change {
    /// A command, done before the rest.
    pub action: Option<Action>,
    /// Start or stop moving.
    #[serde(alias = "is_playing")]
    pub playing: Option<bool>,
    /// Play this album, playlist, artist, show or [`LIKED_URI`](crate::catalogue::LIKED_URI) from its start (or from
    /// `item`, if given and in it).
    pub context: Option<String>,
    /// Play this URI. `Some(None)` (JSON null) leaves nothing: `currently_playing_type` "unknown".
    #[serde(default, deserialize_with = "present")]
    pub item: Option<Option<String>>,
    /// Jump within the item, in milliseconds.
    pub progress_ms: Option<u64>,
    /// Shuffle on or off.
    pub shuffle: Option<bool>,
    /// The undocumented smart shuffle.
    pub smart_shuffle: Option<bool>,
    /// Repeat mode.
    pub repeat: Option<Repeat>,
    /// Volume of the active device, 0 to 100.
    pub volume_percent: Option<u8>,
    /// Move to the device with this ID. `Some(None)` (JSON null) leaves none active.
    #[serde(default, deserialize_with = "present")]
    pub device: Option<Option<String>>,
    /// Put the active device into a private session, or out of it.
    pub private_session: Option<bool>,
    /// Let the active device refuse Web API commands, or take them again.
    pub restricted: Option<bool>,
    /// Put every device to sleep that is not active, or wake all.
    pub asleep: Option<bool>,
}

impl Change {
    /// Plays an item: a track, the episode, the local file, the advertisement. The list that plays stays.
    pub fn item(uri: &str) -> Self {
        Self { item: Some(Some(uri.to_owned())), playing: Some(true), ..Self::default() }
    }

    /// Plays an album, playlist, artist, show or the Liked Songs from the start.
    pub fn context(uri: &str) -> Self {
        Self { context: Some(uri.to_owned()), playing: Some(true), ..Self::default() }
    }

    /// An advertisement comes in between.
    pub fn advertisement() -> Self {
        Self::item(AD_URI)
    }

    /// The active device goes into a private session, or out of it.
    pub fn private_session(private: bool) -> Self {
        Self { private_session: Some(private), ..Self::default() }
    }

    /// Playback moves to another device.
    pub fn device(id: &str) -> Self {
        Self { device: Some(Some(id.to_owned())), ..Self::default() }
    }

    /// The active device goes away, and no other takes its place: commands without a device answer NO_ACTIVE_DEVICE.
    pub fn no_device() -> Self {
        Self { device: Some(None), ..Self::default() }
    }
}

/// A command of another Spotify app, see [`Change`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Action {
    /// Resume.
    Play,
    /// Pause.
    Pause,
    /// Go to the next item.
    Next,
    /// Go to the previous item.
    Previous,
}

/// Why Spotify refuses a player command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refusal {
    NoActiveDevice,
    DeviceNotFound,
    DeviceNotControllable,
    Restriction,
    VolumeDisallowed,
    NoSuchContext,
    NoSuchItem,
}

/// Where a `play` command with a body starts.
#[derive(Debug, Default)]
pub(crate) struct Start {
    pub context: Option<String>,
    /// URIs of what the context holds, or of the list that is to be played; none where there is no such context.
    pub tracks: Option<Vec<String>>,
    pub offset: Option<Offset>,
    pub position_ms: u64,
}

#[derive(Debug)]
pub(crate) enum Offset {
    Position(usize),
    Uri(String),
}

/// A track that was played.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Played {
    pub uri: String,
    /// What it was played out of.
    pub context: Option<String>,
    /// When it ended or was left.
    pub at: Duration,
}

/// A device that is about to wake up.
#[derive(Clone, Debug)]
struct Waking {
    /// Its place among the devices.
    device: usize,
    at: Duration,
    play: Option<bool>,
}

/// [`Playback`] together with the moment it is true for, and the randomness of its shuffle. A clone goes on exactly as
/// the original would.
#[derive(Clone, Debug)]
pub(crate) struct Player {
    now: Duration,
    playback: Playback,
    rng: SmallRng,
    wake_delay: Duration,
    waking: Option<Waking>,
    /// The item that a device has woken up without, until it is asked to play once more.
    forgotten: Option<String>,
    /// The latest natural end of an item: when it was, and what was true just before.
    ended: Option<(Duration, Playback)>,
    /// The latest first.
    recent: VecDeque<Played>,
}

impl Player {
    /// `wake_delay` is what a sleeping device takes to wake up.
    pub fn new(playback: Playback, seed: u64, now: Duration, wake_delay: Duration) -> Self {
        Self {
            now,
            playback: Playback { changed_ms: millis(now), ..playback },
            rng: SmallRng::seed_from_u64(seed),
            wake_delay,
            waking: None,
            forgotten: None,
            ended: None,
            recent: VecDeque::new(),
        }
    }

    /// The tracks that were played for half a minute or to their end, the latest first.
    pub fn recent(&self) -> impl Iterator<Item = &Played> {
        self.recent.iter()
    }

    /// What somebody sees to whom an item's natural end is not yet known if it was after `since`.
    pub fn unaware_of_end(mut self, since: Duration) -> Self {
        if let Some((_, before)) = self.ended.take_if(|(at, _)| *at > since) {
            self.playback = before;
        }
        self
    }

    pub fn playback(&self) -> &Playback {
        &self.playback
    }

    pub fn replace(&mut self, playback: Playback) {
        self.playback = playback;
        self.waking = None;
        self.forgotten = None;
        self.touch();
    }

    /// Changes one device, told by its id or its name.
    pub fn change_device(&mut self, id_or_name: &str, change: DeviceChange) -> Result<(), Refusal> {
        let mut devices = self.playback.devices.iter_mut();
        let found = devices.find(|device| device.has_id(id_or_name) || device.name == id_or_name);
        let device = found.ok_or(Refusal::DeviceNotFound)?;
        device.id = change.id.unwrap_or_else(|| device.id.take());
        device.name = change.name.unwrap_or_else(|| std::mem::take(&mut device.name));
        device.is_restricted = change.restricted.unwrap_or(device.is_restricted);
        device.supports_volume = change.supports_volume.unwrap_or(device.supports_volume);
        device.volume_percent = change.volume_percent.unwrap_or(device.volume_percent);
        device.quirks = change.quirks.unwrap_or_else(|| std::mem::take(&mut device.quirks));
        self.touch();
        Ok(())
    }

    /// Lets time pass until `now`: progress moves, tracks end and follow each other, devices wake up.
    pub fn advance(&mut self, now: Duration, catalogue: &Catalogue) {
        if let Some(waking) = self.waking.take_if(|waking| waking.at <= now) {
            self.play_until(waking.at, catalogue);
            self.wake(waking.device, waking.play);
        }
        self.play_until(now, catalogue);
    }

    fn play_until(&mut self, now: Duration, catalogue: &Catalogue) {
        let mut left = millis(now.saturating_sub(self.now));
        while self.playback.is_playing && self.playback.active().is_some() {
            let Some(duration) = self.duration(catalogue) else { break };
            let rest = duration.saturating_sub(self.playback.progress_ms);
            if left < rest {
                self.playback.progress_ms += left;
                break;
            }
            left -= rest;
            self.now += Duration::from_millis(rest);
            self.playback.progress_ms = duration;
            self.ended = Some((self.now, self.playback.clone()));
            self.end_of_item();
            self.touch();
        }
        // Only whole milliseconds are used up; the fraction stays for the next call.
        self.now += Duration::from_millis(left);
    }

    fn duration(&self, catalogue: &Catalogue) -> Option<u64> {
        catalogue.item(self.playback.item.as_deref()?).map(|item| item.duration_ms.max(1))
    }

    fn touch(&mut self) {
        self.playback.changed_ms = millis(self.now);
    }

    fn end_of_item(&mut self) {
        if self.playback.repeat == Repeat::Track {
            self.note_played();
            self.playback.progress_ms = 0;
        } else if !self.step() {
            let first = self.playback.tracks.first().cloned().or_else(|| self.playback.item.clone());
            self.load(first);
            self.playback.is_playing = false;
        }
    }

    /// Notes what is about to be left, if it was played long enough. Spotify keeps tracks only.
    fn note_played(&mut self) {
        let Playback { item, context, progress_ms, .. } = &self.playback;
        if let Some(uri) = item.as_ref().filter(|uri| uri.starts_with("spotify:track:"))
            && *progress_ms >= PLAYED_MS
        {
            self.recent.push_front(Played { uri: uri.clone(), context: context.clone(), at: self.now });
            self.recent.truncate(MOST_PLAYED);
        }
    }

    /// Goes on to what comes next; false where nothing does.
    fn step(&mut self) -> bool {
        if self.playback.queue.is_empty() && self.playback.upcoming.is_empty() && self.playback.repeat != Repeat::Off {
            self.playback.upcoming = self.playback.tracks.clone();
            if self.playback.shuffle {
                self.playback.upcoming.shuffle(&mut self.rng);
            }
        }
        if self.playback.queue.is_empty() && self.playback.upcoming.is_empty() {
            return false;
        }
        self.note_played();
        let source =
            if self.playback.queue.is_empty() { &mut self.playback.upcoming } else { &mut self.playback.queue };
        let next = source.remove(0);
        self.playback.played.extend(self.playback.item.replace(next));
        let excess = self.playback.played.len().saturating_sub(MOST_PLAYED);
        self.playback.played.drain(..excess);
        self.playback.progress_ms = 0;
        true
    }

    /// Makes `item` current, with what follows it in the list behind it.
    fn load(&mut self, item: Option<String>) {
        self.note_played();
        let playback = &mut self.playback;
        playback.progress_ms = 0;
        playback.played.clear();
        playback.item = item;
        self.arrange();
    }

    /// Sets up `upcoming` for the current item and shuffle mode. An item from outside the list (an advertisement, say)
    /// leaves what was to come.
    fn arrange(&mut self) {
        let playback = &mut self.playback;
        if let Some(place) = playback.tracks.iter().position(|uri| Some(uri) == playback.item.as_ref()) {
            let behind = playback.tracks.iter().skip(place + 1);
            let before = playback.tracks.iter().take(if playback.shuffle { place } else { 0 });
            playback.upcoming = behind.chain(before).cloned().collect();
        }
        if playback.shuffle {
            playback.upcoming.shuffle(&mut self.rng);
        }
    }

    /// Finds the device that a command is for and makes it the active one. A named device that is not active takes the
    /// playback over, as the live service does with `play`.
    fn target(&mut self, device_id: Option<&str>) -> Result<(), Refusal> {
        let found = self.find(device_id)?;
        if device_id.is_some() {
            self.waking = None;
        }
        self.playback.activate(found);
        Ok(())
    }

    /// Finds the device that a command is for, which has to be awake.
    fn find(&self, device_id: Option<&str>) -> Result<usize, Refusal> {
        let found = self.locate(device_id)?;
        if self.playback.devices[found].sleeping { Err(Refusal::DeviceNotFound) } else { Ok(found) }
    }

    fn locate(&self, device_id: Option<&str>) -> Result<usize, Refusal> {
        let mut devices = self.playback.devices.iter();
        let found = match device_id {
            None => devices.position(|device| device.is_active).ok_or(Refusal::NoActiveDevice)?,
            Some(id) => devices.position(|device| device.has_id(id)).ok_or(Refusal::DeviceNotFound)?,
        };
        if self.playback.devices[found].is_restricted {
            return Err(Refusal::DeviceNotControllable);
        }
        Ok(found)
    }

    /// Advertisements can't be skipped, paused or searched.
    fn refuse_in_ad(&self, catalogue: &Catalogue) -> Result<(), Refusal> {
        match catalogue.kind(self.playback.item.as_deref()) {
            "ad" => Err(Refusal::Restriction),
            _ => Ok(()),
        }
    }

    /// What a device doesn't allow is refused while it is the active one.
    fn refuse_disallowed(&self, device: usize, action: &str) -> Result<(), Refusal> {
        let device = &self.playback.devices[device];
        if device.is_active && device.quirks.disallows(action) { Err(Refusal::Restriction) } else { Ok(()) }
    }

    /// Asks a device that has woken up empty to play: it knows again what it was, or does nothing.
    fn recall(&mut self, device: usize) {
        self.playback.activate(device);
        if self.playback.devices[device].quirks.wakes == quirks::Waking::Empty {
            self.playback.item = self.forgotten.take();
            self.playback.is_playing = true;
        }
        self.touch();
    }

    pub fn resume(&mut self, device_id: Option<&str>) -> Result<(), Refusal> {
        let was_elsewhere = device_id.is_some_and(|id| self.playback.active().is_none_or(|device| !device.has_id(id)));
        let found = self.find(device_id)?;
        self.refuse_disallowed(found, "resuming")?;
        if self.forgotten.is_some() {
            self.recall(found);
            return Ok(());
        }
        if self.playback.item.is_none() || (self.playback.is_playing && !was_elsewhere) {
            return Err(Refusal::Restriction);
        }
        self.target(device_id)?;
        self.playback.is_playing = true;
        self.touch();
        Ok(())
    }

    pub fn start(&mut self, start: Start, device_id: Option<&str>, catalogue: &Catalogue) -> Result<(), Refusal> {
        let found = self.find(device_id)?;
        self.refuse_disallowed(found, "interrupting_playback")?;
        let tracks = start.tracks.ok_or(Refusal::NoSuchContext)?;
        if tracks.is_empty() || tracks.iter().any(|uri| catalogue.item(uri).is_none()) {
            return Err(Refusal::NoSuchItem);
        }
        let first = match start.offset {
            None if self.playback.shuffle => {
                let mut order = tracks.clone();
                order.shuffle(&mut self.rng);
                order.into_iter().next()
            }
            None => tracks.first().cloned(),
            Some(Offset::Position(position)) => tracks.get(position).cloned(),
            Some(Offset::Uri(uri)) => tracks.contains(&uri).then_some(uri),
        };
        let first = first.ok_or(Refusal::NoSuchItem)?;
        self.target(device_id)?;
        self.forgotten = None;
        self.playback.tracks = tracks;
        self.load(Some(first));
        self.playback.context = start.context;
        self.playback.progress_ms = start.position_ms;
        self.playback.is_playing = true;
        self.touch();
        Ok(())
    }

    pub fn pause(&mut self, device_id: Option<&str>, catalogue: &Catalogue) -> Result<(), Refusal> {
        let found = self.find(device_id)?;
        self.refuse_disallowed(found, "pausing")?;
        self.refuse_in_ad(catalogue)?;
        if !self.playback.is_playing {
            return Err(Refusal::Restriction);
        }
        self.target(device_id)?;
        self.playback.is_playing = false;
        self.touch();
        Ok(())
    }

    pub fn next(&mut self, device_id: Option<&str>, catalogue: &Catalogue) -> Result<(), Refusal> {
        let found = self.find(device_id)?;
        self.refuse_disallowed(found, "skipping_next")?;
        self.refuse_in_ad(catalogue)?;
        if !self.step() {
            return Err(Refusal::Restriction);
        }
        self.target(device_id)?;
        self.playback.is_playing = true;
        self.touch();
        Ok(())
    }

    pub fn previous(&mut self, device_id: Option<&str>, catalogue: &Catalogue) -> Result<(), Refusal> {
        let found = self.find(device_id)?;
        self.refuse_disallowed(found, "skipping_prev")?;
        self.refuse_in_ad(catalogue)?;
        let playback = &mut self.playback;
        let before = playback.played.pop().or_else(|| match playback.repeat {
            Repeat::Off => None,
            Repeat::Context | Repeat::Track => playback.tracks.last().cloned(),
        });
        let before = before.ok_or(Refusal::Restriction)?;
        self.note_played();
        let playback = &mut self.playback;
        if let Some(current) = playback.item.replace(before) {
            playback.upcoming.insert(0, current);
        }
        playback.progress_ms = 0;
        playback.is_playing = true;
        self.target(device_id)?;
        self.touch();
        Ok(())
    }

    /// Seeks; beyond the end goes on to the next item, as the live service does.
    pub fn seek(&mut self, ms: u64, device_id: Option<&str>, catalogue: &Catalogue) -> Result<(), Refusal> {
        let found = self.find(device_id)?;
        self.refuse_disallowed(found, "seeking")?;
        self.refuse_in_ad(catalogue)?;
        let duration = self.duration(catalogue).ok_or(Refusal::Restriction)?;
        self.target(device_id)?;
        if ms < duration {
            self.playback.progress_ms = ms;
        } else {
            self.end_of_item();
        }
        self.touch();
        Ok(())
    }

    pub fn set_repeat(&mut self, repeat: Repeat, device_id: Option<&str>) -> Result<(), Refusal> {
        let found = self.find(device_id)?;
        // The mode that is switched: the one that comes, or the one that goes.
        let switched = if repeat == Repeat::Off { self.playback.repeat } else { repeat };
        match switched {
            Repeat::Off => {}
            Repeat::Context => self.refuse_disallowed(found, "toggling_repeat_context")?,
            Repeat::Track => self.refuse_disallowed(found, "toggling_repeat_track")?,
        }
        self.target(device_id)?;
        self.playback.repeat = self.playback.devices[found].quirks.repeat(repeat);
        self.touch();
        Ok(())
    }

    pub fn set_shuffle(&mut self, shuffle: bool, device_id: Option<&str>) -> Result<(), Refusal> {
        let found = self.find(device_id)?;
        self.refuse_disallowed(found, "toggling_shuffle")?;
        self.target(device_id)?;
        if !self.playback.devices[found].quirks.ignores_shuffle {
            self.shuffle(shuffle);
            self.playback.smart_shuffle &= shuffle;
        }
        self.touch();
        Ok(())
    }

    fn shuffle(&mut self, shuffle: bool) {
        if self.playback.shuffle != shuffle {
            self.playback.shuffle = shuffle;
            self.arrange();
        }
    }

    /// Sets the volume of the active or named device, which does not become active by it.
    pub fn set_volume(&mut self, percent: u8, device_id: Option<&str>) -> Result<(), Refusal> {
        let found = self.find(device_id)?;
        let device = &mut self.playback.devices[found];
        if !device.supports_volume {
            return Err(Refusal::VolumeDisallowed);
        }
        // A device that tells no volume goes on telling none.
        device.volume_percent = device.volume_percent.map(|before| device.quirks.volume.stored(percent, before));
        self.touch();
        Ok(())
    }

    /// Moves playback to a device. `play` `Some(true)` makes it play; otherwise it goes on as it was. A sleeping device
    /// takes a while; what plays elsewhere goes on meanwhile.
    pub fn transfer(&mut self, device_id: &str, play: Option<bool>) -> Result<(), Refusal> {
        let device = self.locate(Some(device_id))?;
        if let Some(active) = self.playback.devices.iter().position(|device| device.is_active) {
            self.refuse_disallowed(active, "transferring_playback")?;
        }
        self.waking = None;
        if self.playback.devices[device].sleeping && !self.wake_delay.is_zero() {
            self.waking = Some(Waking { device, at: self.now + self.wake_delay, play });
        } else {
            self.wake(device, play);
        }
        Ok(())
    }

    fn wake(&mut self, device: usize, play: Option<bool>) {
        let Device { is_active, ref quirks, .. } = self.playback.devices[device];
        if !is_active && quirks.wakes != quirks::Waking::Playing {
            self.forgotten = self.playback.item.take().or_else(|| self.forgotten.take());
            self.playback.is_playing = false;
        } else if let Some(item) = self.forgotten.take_if(|_| !is_active) {
            self.playback.item = Some(item);
        }
        self.playback.devices[device].sleeping = false;
        self.playback.activate(device);
        if play == Some(true) && self.playback.item.is_some() {
            self.playback.is_playing = true;
        }
        self.touch();
    }

    pub fn enqueue(&mut self, uri: &str, device_id: Option<&str>, catalogue: &Catalogue) -> Result<(), Refusal> {
        self.find(device_id)?;
        catalogue.item(uri).ok_or(Refusal::NoSuchItem)?;
        self.target(device_id)?;
        self.playback.queue.push(uri.to_owned());
        self.touch();
        Ok(())
    }

    /// Does what another Spotify app would: no refusals but for what does not exist. `tracks` is what the change's context
    /// holds; none where there is no such context.
    pub fn change(
        &mut self,
        change: Change,
        tracks: Option<Vec<String>>,
        catalogue: &Catalogue,
    ) -> Result<(), Refusal> {
        let mut next = self.clone();
        match change.action {
            Some(Action::Play) => next.playback.is_playing = next.playback.item.is_some(),
            Some(Action::Pause) => next.playback.is_playing = false,
            Some(Action::Next) => next.next(None, catalogue)?,
            Some(Action::Previous) => next.previous(None, catalogue)?,
            None => {}
        }
        match change.device {
            Some(Some(id)) => {
                let found = next.playback.devices.iter().position(|device| device.has_id(&id));
                next.waking = None;
                next.wake(found.ok_or(Refusal::DeviceNotFound)?, None);
            }
            Some(None) => {
                next.waking = None;
                next.playback.devices.iter_mut().for_each(|device| device.is_active = false);
            }
            None => {}
        }
        if let Some(asleep) = change.asleep {
            next.waking = None;
            next.playback.devices.iter_mut().for_each(|device| device.sleeping = asleep && !device.is_active);
        }
        if let Some(context) = change.context {
            next.playback.tracks = tracks.ok_or(Refusal::NoSuchContext)?;
            let first = next.playback.tracks.first().cloned();
            next.load(first);
            next.playback.context = Some(context);
        }
        if let Some(item) = change.item {
            if item.as_deref().is_some_and(|uri| catalogue.item(uri).is_none()) {
                return Err(Refusal::NoSuchItem);
            }
            next.load(item);
        }
        if let Some(shuffle) = change.shuffle {
            next.shuffle(shuffle);
        }
        if let (Some(percent), Some(device)) = (change.volume_percent, next.playback.active_mut()) {
            device.volume_percent = Some(percent.min(100));
        }
        if let (Some(private), Some(device)) = (change.private_session, next.playback.active_mut()) {
            device.is_private_session = private;
        }
        if let (Some(restricted), Some(device)) = (change.restricted, next.playback.active_mut()) {
            device.is_restricted = restricted;
        }
        next.playback.smart_shuffle = change.smart_shuffle.unwrap_or(next.playback.smart_shuffle);
        next.playback.repeat = change.repeat.unwrap_or(next.playback.repeat);
        next.playback.is_playing = change.playing.unwrap_or(next.playback.is_playing);
        next.playback.progress_ms = change.progress_ms.unwrap_or(next.playback.progress_ms);
        next.touch();
        *self = next;
        Ok(())
    }
}

pub(crate) fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalogue::{album_uri, track_uri};

    const START: Duration = Duration::from_secs(1_000);
    const WAKE_DELAY: Duration = Duration::from_secs(2);

    fn set_up(playback: Playback) -> (Player, Catalogue) {
        (Player::new(playback, 7, START, WAKE_DELAY), Catalogue::new(String::new()))
    }

    fn tracks(numbers: impl IntoIterator<Item = usize>) -> Vec<String> {
        numbers.into_iter().map(track_uri).collect()
    }

    fn at(ms: u64) -> Duration {
        START + Duration::from_millis(ms)
    }

    #[test]
    fn progress_moves_with_the_clock_and_stops_when_paused() {
        let (mut player, catalogue) = set_up(Playback::default());
        player.advance(at(1_500), &catalogue);
        assert_eq!(player.playback().progress_ms, 1_500);
        player.pause(None, &catalogue).expect("paused");
        player.advance(at(9_000), &catalogue);
        assert_eq!(player.playback().progress_ms, 1_500);
        player.resume(None).expect("resumed");
        player.advance(at(9_250), &catalogue);
        assert_eq!(player.playback().progress_ms, 1_750);
    }

    #[test]
    fn fractions_of_a_millisecond_add_up() {
        let (mut player, catalogue) = set_up(Playback::default());
        for step in 1..=10u32 {
            player.advance(START + Duration::from_micros(700) * step, &catalogue);
        }
        assert_eq!(player.playback().progress_ms, 7);
    }

    #[test]
    fn tracks_follow_each_other_and_the_list_ends_paused_at_its_start() {
        let (mut player, catalogue) = set_up(Playback::default());
        player.advance(at(201_000 + 5_000), &catalogue);
        assert_eq!(player.playback().item, Some(track_uri(2)));
        assert_eq!(player.playback().progress_ms, 5_000);
        assert_eq!(player.playback().changed_ms, millis(at(201_000)));
        player.advance(at(100_000_000), &catalogue);
        assert_eq!(player.playback().item, Some(track_uri(1)));
        assert!(!player.playback().is_playing);
        assert_eq!(player.playback().progress_ms, 0);
    }

    #[test]
    fn repeat_modes_hold_at_a_natural_end() {
        let (mut player, catalogue) = set_up(Playback::default());
        player.set_repeat(Repeat::Track, None).expect("set");
        player.advance(at(202_000), &catalogue);
        assert_eq!((player.playback().item.clone(), player.playback().progress_ms), (Some(track_uri(1)), 1_000));
        let start = Start { context: Some(album_uri(3)), tracks: Some(tracks(8..=10)), ..Start::default() };
        player.start(start, None, &catalogue).expect("started");
        player.set_repeat(Repeat::Context, None).expect("set");
        let album = 256_480 + 187_250 + 91_000;
        player.advance(at(202_000 + album + 10), &catalogue);
        assert_eq!((player.playback().item.clone(), player.playback().progress_ms), (Some(track_uri(8)), 10));
        assert!(player.playback().is_playing);
    }

    #[test]
    fn the_queue_comes_first_and_previous_goes_back() {
        let (mut player, catalogue) = set_up(Playback::default());
        player.enqueue(EPISODE_URI, None, &catalogue).expect("queued");
        player.next(None, &catalogue).expect("skipped");
        assert_eq!(player.playback().item.as_deref(), Some(EPISODE_URI));
        player.next(None, &catalogue).expect("skipped");
        assert_eq!(player.playback().item, Some(track_uri(2)));
        player.previous(None, &catalogue).expect("went back");
        player.previous(None, &catalogue).expect("went back");
        assert_eq!(player.playback().item, Some(track_uri(1)));
        assert_eq!(player.previous(None, &catalogue), Err(Refusal::Restriction));
    }

    #[test]
    fn shuffle_plays_every_track_once_and_off_restores_the_order() {
        let (mut player, catalogue) = set_up(Playback::default());
        player.set_shuffle(true, None).expect("set");
        let mut all: Vec<_> = player.playback().upcoming.clone();
        all.extend(player.playback().item.clone());
        all.sort();
        assert_eq!(all, (1..=10).map(track_uri).collect::<Vec<_>>());
        assert_ne!(player.playback().upcoming, (2..=10).map(track_uri).collect::<Vec<_>>());
        player.next(None, &catalogue).expect("skipped");
        player.set_shuffle(false, None).expect("set");
        let place = player.playback().tracks.iter().position(|uri| Some(uri) == player.playback().item.as_ref());
        assert_eq!(player.playback().upcoming, player.playback().tracks[place.expect("in list") + 1..]);
    }

    #[test]
    fn refusals_are_spotifys_and_change_nothing() {
        let (mut player, catalogue) = set_up(Playback::paused());
        let before = player.playback().clone();
        assert_eq!(player.pause(None, &catalogue), Err(Refusal::Restriction));
        assert_eq!(player.set_volume(5, Some(PHONE_ID)), Err(Refusal::VolumeDisallowed));
        assert_eq!(player.transfer("nope", None), Err(Refusal::DeviceNotFound));
        let nowhere = Start { context: Some("spotify:album:x".into()), ..Start::default() };
        assert_eq!(player.start(nowhere, None, &catalogue), Err(Refusal::NoSuchContext));
        assert_eq!(*player.playback(), before);
        player.resume(None).expect("resumed");
        assert_eq!(player.resume(None), Err(Refusal::Restriction));
        let (mut idle, catalogue) = set_up(Playback::idle());
        assert_eq!(idle.next(None, &catalogue), Err(Refusal::NoActiveDevice));
        idle.resume(Some(SPEAKER_ID)).expect("a named device wakes up");
        assert_eq!(idle.playback().active().and_then(|device| device.id.as_deref()), Some(SPEAKER_ID));
    }

    #[test]
    fn another_app_can_change_anything_at_once_or_nothing() {
        let (mut player, catalogue) = set_up(Playback::default());
        let change: Change = serde_json::from_str(
            r#"{"item":"spotify:ad:SimAd00000000000000001","device":null,"repeat":"track","progress_ms":3000}"#,
        )
        .expect("a change");
        player.change(change, None, &catalogue).expect("changed");
        assert_eq!(catalogue.kind(player.playback().item.as_deref()), "ad");
        assert!(player.playback().active().is_none());
        let before = player.playback().clone();
        let wrong = Change { shuffle: Some(true), item: Some(Some("spotify:track:x".into())), ..Change::default() };
        assert_eq!(player.change(wrong, None, &catalogue), Err(Refusal::NoSuchItem));
        assert_eq!(*player.playback(), before);
    }

    #[test]
    fn an_advertisement_can_not_be_skipped() {
        let (mut player, catalogue) = set_up(Playback::default());
        player.change(Change::advertisement(), None, &catalogue).expect("changed");
        assert_eq!(player.next(None, &catalogue), Err(Refusal::Restriction));
        player.advance(at(31_000), &catalogue);
        assert_eq!(player.playback().item, Some(track_uri(2)));
    }

    #[test]
    fn a_sleeping_device_wakes_by_a_transfer_and_takes_its_time() {
        let (mut player, catalogue) = set_up(Playback::asleep());
        assert_eq!(player.resume(Some(SPEAKER_ID)), Err(Refusal::DeviceNotFound));
        player.transfer(SPEAKER_ID, Some(true)).expect("taken");
        player.advance(at(1_999), &catalogue);
        assert!(player.playback().active().is_none());
        assert_eq!(player.pause(None, &catalogue), Err(Refusal::NoActiveDevice));
        player.advance(at(2_500), &catalogue);
        assert_eq!(player.playback().active().map(|device| device.has_id(SPEAKER_ID)), Some(true));
        assert_eq!((player.playback().is_playing, player.playback().progress_ms), (true, 500));
        assert_eq!(player.set_volume(9, Some(COMPUTER_ID)), Err(Refusal::DeviceNotFound), "it still sleeps");
    }

    #[test]
    fn what_plays_goes_on_until_the_other_device_is_awake() {
        let (mut player, catalogue) = set_up(Playback::default());
        player.change(Change { asleep: Some(true), ..Change::default() }, None, &catalogue).expect("changed");
        player.transfer(SPEAKER_ID, None).expect("taken");
        player.advance(at(1_000), &catalogue);
        player.set_volume(12, None).expect("the computer plays");
        player.advance(at(2_000), &catalogue);
        assert_eq!(player.playback().active().and_then(|device| device.volume_percent), Some(30));
        player.change(Change { asleep: Some(true), ..Change::default() }, None, &catalogue).expect("changed");
        player.transfer(COMPUTER_ID, None).expect("taken");
        player.transfer(SPEAKER_ID, None).expect("stays");
        player.advance(at(9_000), &catalogue);
        assert!(player.playback().active().is_some_and(|device| device.has_id(SPEAKER_ID)), "the last word counts");
    }

    #[test]
    fn a_restricted_device_plays_and_takes_no_commands() {
        let (mut player, catalogue) = set_up(Playback::default());
        player.change(Change { restricted: Some(true), ..Change::default() }, None, &catalogue).expect("changed");
        assert_eq!(player.pause(None, &catalogue), Err(Refusal::DeviceNotControllable));
        player.advance(at(1_000), &catalogue);
        assert_eq!(player.playback().progress_ms, 1_000);
    }

    #[test]
    fn recently_played_is_what_was_heard_for_half_a_minute() {
        let (mut player, catalogue) = set_up(Playback::default());
        player.advance(at(201_000 + 29_000), &catalogue);
        player.next(None, &catalogue).expect("skipped");
        player.advance(at(201_000 + 29_000 + 30_000), &catalogue);
        player.start(Start { tracks: Some(tracks([5])), ..Start::default() }, None, &catalogue).expect("started");
        let recent: Vec<_> =
            player.recent().map(|played| (played.uri.clone(), played.context.clone(), played.at)).collect();
        let list = Some(catalogue::playlist_uri(1));
        assert_eq!(recent, [(track_uri(3), list.clone(), at(260_000)), (track_uri(1), list, at(201_000))]);
    }

    #[test]
    fn somebody_unaware_of_an_end_sees_the_track_at_its_end() {
        let (mut player, catalogue) = set_up(Playback::default());
        player.advance(at(201_100), &catalogue);
        let early = player.clone().unaware_of_end(at(200_900));
        assert_eq!((early.playback().item.clone(), early.playback().progress_ms), (Some(track_uri(1)), 201_000));
        assert!(early.playback().is_playing);
        let late = player.unaware_of_end(at(201_000));
        assert_eq!((late.playback().item.clone(), late.playback().progress_ms), (Some(track_uri(2)), 100));
    }

    #[test]
    fn each_kind_of_thing_can_play() {
        let catalogue = Catalogue::new(String::new());
        let kind = |playback: &Playback| catalogue.kind(playback.item.as_deref());
        assert_eq!(kind(&Playback::episode()), "episode");
        assert_eq!(kind(&Playback::local_file()), "track");
        assert_eq!(kind(&Playback::advertisement()), "ad");
        assert_eq!(kind(&Playback::unknown()), "unknown");
        assert!(Playback::private_session().active().is_some_and(|device| device.is_private_session));
        let (mut player, catalogue) = set_up(Playback::local_file());
        player.advance(at(187_000), &catalogue);
        assert_eq!(player.playback().item.as_deref(), Some(EPISODE_URI), "it goes on by itself");
    }
}
