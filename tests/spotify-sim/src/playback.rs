//! The simulated player: a state machine without I/O and without a clock; callers pass the time in.
//!
//! It follows Spotify's documentation, and is simple where that is silent: Previous always returns to the track before,
//! never to the start of the current one; Next in "repeat one" skips to the following track; a list that ends without repeat
//! is paused at its first track.

use std::collections::VecDeque;
use std::time::Duration;

use rand::SeedableRng;
use rand::rngs::SmallRng;
use rand::seq::SliceRandom;
use serde::{Deserialize, Serialize};

use crate::catalogue::{self, AD_URI, Catalogue, EPISODE_URI, LOCAL_URI, SHOW_URI};
use crate::quirks::{self, DeviceChange, Quirks, nullable};

/// A device that is signed in to the user's account. Serialised, it is the Web API's device object.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Device {
    /// The ID to address it by; `None` on some restricted devices.
    pub id: Option<String>,
    /// Whether it is the active device. At most one is.
    pub is_active: bool,
    /// Whether it is in a private session.
    pub is_private_session: bool,
    /// Whether it refuses Web API commands.
    pub is_restricted: bool,
    /// Its name, chosen by its owner.
    pub name: String,
    /// `Computer`, `Smartphone`, `Speaker`, `TV` and the like.
    #[serde(rename = "type")]
    pub kind: String,
    /// 0 to 100; `None` if the device doesn't report it.
    pub volume_percent: Option<u8>,
    /// Whether its volume can be set.
    pub supports_volume: bool,
    /// Whether it sleeps: it is in the list but can't play; commands to it answer 404 "Device not found". A transfer wakes
    /// it, which takes [`Config::wake_delay`](crate::Config::wake_delay). Not part of the Web API's object.
    #[serde(skip)]
    pub sleeping: bool,
    /// Its deviations from other devices. Not part of the Web API's object.
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

/// ID of the initially active device, a computer with volume 65.
pub const COMPUTER_ID: &str = "5f1d0c0e9a7b4c6d8e2f3a4b5c6d7e8f90a1b2c3";
/// ID of the speaker, volume 30.
pub const SPEAKER_ID: &str = "a1b2c3d4e5f60718293a4b5c6d7e8f9001122334";
/// ID of the phone, whose volume can't be set.
pub const PHONE_ID: &str = "00ffeeddccbbaa99887766554433221100aabbcc";

/// The maximum number of items that Previous can go back, and of recently played tracks.
const MAX_PLAYED: usize = 50;

/// The time that a track has to be played to become a recently played one, in milliseconds.
const MIN_PLAYED_MS: u64 = 30_000;

/// The repeat mode.
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

/// The state of the player and its devices at one moment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Playback {
    /// The user's devices.
    pub devices: Vec<Device>,
    /// URI of the current item; `None`, or a URI unknown to the catalogue, makes `currently_playing_type` "unknown".
    pub item: Option<String>,
    /// URI of the album, playlist, artist or show that plays.
    pub context: Option<String>,
    /// The position in the item, in milliseconds.
    pub progress_ms: u64,
    /// Whether it plays or is paused.
    pub is_playing: bool,
    /// Whether the list is played in random order.
    pub shuffle: bool,
    /// The undocumented `smart_shuffle`.
    pub smart_shuffle: bool,
    /// The repeat mode.
    pub repeat: Repeat,
    /// URIs that the user has queued, which play before `upcoming`.
    pub queue: Vec<String>,
    /// URIs of the whole list, in its own order.
    pub tracks: Vec<String>,
    /// URIs of the list that play next.
    pub upcoming: Vec<String>,
    /// URIs that Previous returns to, the latest last.
    pub played: Vec<String>,
    /// The last change of anything but the progress, in Unix milliseconds: the `timestamp` of player answers.
    pub changed_ms: u64,
}

impl Default for Playback {
    /// Playlist 1 plays its first track on the computer. The other devices are a speaker, a phone without volume and a
    /// restricted television without an ID.
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
    /// Returns the default, paused at the start of its first track.
    pub fn paused() -> Self {
        Self { is_playing: false, ..Self::default() }
    }

    /// Returns the default without an active device: the player answers 204, and commands without a device answer 404.
    pub fn idle() -> Self {
        let mut playback = Self::paused();
        playback.devices.iter_mut().for_each(|device| device.is_active = false);
        playback
    }

    /// Returns the default without an active device and with every device asleep: only a transfer wakes one.
    pub fn asleep() -> Self {
        let mut playback = Self::idle();
        playback.devices.iter_mut().for_each(|device| device.sleeping = true);
        playback
    }

    /// Returns a playback of the podcast's episode, in its show.
    pub fn episode() -> Self {
        Self::playing(EPISODE_URI, SHOW_URI, vec![EPISODE_URI.to_owned()])
    }

    /// Returns a playback of a file on the user's own disk, in playlist 2.
    pub fn local_file() -> Self {
        Self::playing(LOCAL_URI, &catalogue::playlist_uri(2), vec![LOCAL_URI.to_owned(), EPISODE_URI.to_owned()])
    }

    /// Returns a playback of an advertisement between the first two tracks of playlist 1.
    pub fn advertisement() -> Self {
        Self { item: Some(AD_URI.to_owned()), ..Self::default() }
    }

    /// Returns the default in a private session.
    pub fn private_session() -> Self {
        let mut playback = Self::default();
        playback.active_mut().into_iter().for_each(|device| device.is_private_session = true);
        playback
    }

    /// Returns a playback of an unknown item: `currently_playing_type` is "unknown" and the item null.
    pub fn unknown() -> Self {
        Self { item: None, context: None, ..Self::default() }
    }

    fn playing(item: &str, context: &str, tracks: Vec<String>) -> Self {
        let following = tracks.iter().skip_while(|uri| *uri != item).skip(1);
        Self {
            item: Some(item.to_owned()),
            context: Some(context.to_owned()),
            upcoming: following.cloned().collect(),
            tracks,
            ..Self::default()
        }
    }

    /// Returns the active device.
    pub fn active(&self) -> Option<&Device> {
        self.devices.iter().find(|device| device.is_active)
    }

    fn active_mut(&mut self) -> Option<&mut Device> {
        self.devices.iter_mut().find(|device| device.is_active)
    }

    fn activate(&mut self, index: usize) {
        for (other, device) in self.devices.iter_mut().enumerate() {
            device.is_active = other == index;
        }
    }
}

/// A change as another Spotify app makes it. Absent members change nothing. `POST /sim/playback` reads it from JSON.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Change {
    /// A command, carried out before the rest.
    pub action: Option<Action>,
    /// Play or pause.
    #[serde(alias = "is_playing")]
    pub playing: Option<bool>,
    /// Play this album, playlist, artist, show or [`LIKED_URI`](crate::catalogue::LIKED_URI) from its start (or from
    /// `item`, if given and in it).
    pub context: Option<String>,
    /// Play this URI. `Some(None)` (JSON null) plays an unknown item: `currently_playing_type` "unknown".
    #[serde(default, deserialize_with = "nullable")]
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
    #[serde(default, deserialize_with = "nullable")]
    pub device: Option<Option<String>>,
    /// Start or end a private session on the active device.
    pub private_session: Option<bool>,
    /// Make the active device refuse or accept Web API commands.
    pub restricted: Option<bool>,
    /// Put all inactive devices to sleep, or wake all.
    pub asleep: Option<bool>,
}

impl Change {
    /// Plays an item: a track, the episode, the local file, the advertisement. The list stays the same.
    pub fn item(uri: &str) -> Self {
        Self { item: Some(Some(uri.to_owned())), playing: Some(true), ..Self::default() }
    }

    /// Plays an album, playlist, artist, show or the Liked Songs from the start.
    pub fn context(uri: &str) -> Self {
        Self { context: Some(uri.to_owned()), playing: Some(true), ..Self::default() }
    }

    /// Plays the advertisement.
    pub fn advertisement() -> Self {
        Self::item(AD_URI)
    }

    /// Starts or ends a private session on the active device.
    pub fn private_session(private: bool) -> Self {
        Self { private_session: Some(private), ..Self::default() }
    }

    /// Moves playback to another device.
    pub fn device(id: &str) -> Self {
        Self { device: Some(Some(id.to_owned())), ..Self::default() }
    }

    /// Leaves no device active: commands without a device answer NO_ACTIVE_DEVICE.
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

/// The reason for which the player refuses a command or change.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{self:?}")]
pub enum PlayerError {
    /// No device is active, and the command names none.
    NoActiveDevice,
    /// The device doesn't exist or sleeps.
    DeviceNotFound,
    /// The device is restricted.
    DeviceNotControllable,
    /// The current state doesn't allow the command.
    Restriction,
    /// The volume of the device can't be set.
    VolumeDisallowed,
    /// The context doesn't exist.
    NoSuchContext,
    /// The item doesn't exist.
    NoSuchItem,
}

/// The start of a `play` command with a body.
#[derive(Debug, Default)]
pub(crate) struct Start {
    pub context: Option<String>,
    /// URIs of the context's content, or of the list to play; `None` if there is no such context.
    pub tracks: Option<Vec<String>>,
    pub offset: Option<Offset>,
    pub position_ms: u64,
}

#[derive(Debug)]
pub(crate) enum Offset {
    Position(usize),
    Uri(String),
}

/// A recently played track.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct PlayedTrack {
    pub uri: String,
    /// The context in which it was played.
    pub context: Option<String>,
    /// When it ended or was skipped.
    pub at: Duration,
}

/// A device that is about to wake up.
#[derive(Clone, Debug)]
struct PendingWake {
    /// Its index in the list of devices.
    device: usize,
    at: Duration,
    play: Option<bool>,
}

/// A [`Playback`] with the time it is valid for and the random generator of its shuffle. A clone continues exactly like the
/// original.
#[derive(Clone, Debug)]
pub(crate) struct Player {
    now: Duration,
    playback: Playback,
    rng: SmallRng,
    wake_delay: Duration,
    waking: Option<PendingWake>,
    /// The item that a device with a [`Waking`](quirks::Waking) quirk lost when it woke up, until it resumes.
    forgotten: Option<String>,
    /// The latest natural end of an item: its time, and the playback just before.
    ended: Option<(Duration, Playback)>,
    /// The recently played tracks, the latest first.
    recent: VecDeque<PlayedTrack>,
}

impl Player {
    /// Creates a player. A sleeping device takes `wake_delay` to wake up.
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

    /// Returns the tracks that were played for at least [`MIN_PLAYED_MS`], the latest first.
    pub fn recent(&self) -> impl Iterator<Item = &PlayedTrack> {
        self.recent.iter()
    }

    /// Returns the player without an item's natural end that was after `time`.
    pub fn known_at(mut self, time: Duration) -> Self {
        if let Some((_, before)) = self.ended.take_if(|(at, _)| *at > time) {
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

    /// Changes the device with this id or name.
    pub fn change_device(&mut self, id_or_name: &str, change: DeviceChange) -> Result<(), PlayerError> {
        let mut devices = self.playback.devices.iter_mut();
        let found = devices.find(|device| device.has_id(id_or_name) || device.name == id_or_name);
        let device = found.ok_or(PlayerError::DeviceNotFound)?;
        device.id = change.id.unwrap_or_else(|| device.id.take());
        device.name = change.name.unwrap_or_else(|| std::mem::take(&mut device.name));
        device.is_restricted = change.restricted.unwrap_or(device.is_restricted);
        device.supports_volume = change.supports_volume.unwrap_or(device.supports_volume);
        device.volume_percent = change.volume_percent.unwrap_or(device.volume_percent);
        device.quirks = change.quirks.unwrap_or_else(|| std::mem::take(&mut device.quirks));
        self.touch();
        Ok(())
    }

    /// Advances to `now`: progress moves, tracks end and the next ones start, devices wake up.
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
        // Only whole milliseconds are used; the fraction remains for the next call.
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
            self.record_played();
            self.playback.progress_ms = 0;
        } else if !self.step() {
            let first = self.playback.tracks.first().cloned().or_else(|| self.playback.item.clone());
            self.load(first);
            self.playback.is_playing = false;
        }
    }

    /// Records the current item, if it was played long enough. Spotify records only tracks.
    fn record_played(&mut self) {
        let Playback { item, context, progress_ms, .. } = &self.playback;
        if let Some(uri) = item.as_ref().filter(|uri| uri.starts_with("spotify:track:"))
            && *progress_ms >= MIN_PLAYED_MS
        {
            self.recent.push_front(PlayedTrack { uri: uri.clone(), context: context.clone(), at: self.now });
            self.recent.truncate(MAX_PLAYED);
        }
    }

    /// Moves to the next item; returns false if there is none.
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
        self.record_played();
        let source =
            if self.playback.queue.is_empty() { &mut self.playback.upcoming } else { &mut self.playback.queue };
        let next = source.remove(0);
        self.playback.played.extend(self.playback.item.replace(next));
        let excess = self.playback.played.len().saturating_sub(MAX_PLAYED);
        self.playback.played.drain(..excess);
        self.playback.progress_ms = 0;
        true
    }

    /// Makes `item` current, followed by the rest of the list.
    fn load(&mut self, item: Option<String>) {
        self.record_played();
        let playback = &mut self.playback;
        playback.progress_ms = 0;
        playback.played.clear();
        playback.item = item;
        self.set_up_upcoming();
    }

    /// Sets up `upcoming` for the current item and shuffle mode. An item from outside the list, such as an advertisement,
    /// doesn't change it.
    fn set_up_upcoming(&mut self) {
        let playback = &mut self.playback;
        if let Some(index) = playback.tracks.iter().position(|uri| Some(uri) == playback.item.as_ref()) {
            let following = playback.tracks.iter().skip(index + 1);
            let before = playback.tracks.iter().take(if playback.shuffle { index } else { 0 });
            playback.upcoming = following.chain(before).cloned().collect();
        }
        if playback.shuffle {
            playback.upcoming.shuffle(&mut self.rng);
        }
    }

    /// Makes the device that a command is for the active one. A named device that is not active takes over the playback, as
    /// with the live service's `play`.
    fn activate_target(&mut self, device_id: Option<&str>) -> Result<(), PlayerError> {
        let found = self.find(device_id)?;
        if device_id.is_some() {
            self.waking = None;
        }
        self.playback.activate(found);
        Ok(())
    }

    /// Finds the device that a command is for, which has to be awake.
    fn find(&self, device_id: Option<&str>) -> Result<usize, PlayerError> {
        let found = self.find_or_asleep(device_id)?;
        if self.playback.devices[found].sleeping { Err(PlayerError::DeviceNotFound) } else { Ok(found) }
    }

    /// Finds the device that a command is for, awake or asleep.
    fn find_or_asleep(&self, device_id: Option<&str>) -> Result<usize, PlayerError> {
        let mut devices = self.playback.devices.iter();
        let found = match device_id {
            None => devices.position(|device| device.is_active).ok_or(PlayerError::NoActiveDevice)?,
            Some(id) => devices.position(|device| device.has_id(id)).ok_or(PlayerError::DeviceNotFound)?,
        };
        if self.playback.devices[found].is_restricted {
            return Err(PlayerError::DeviceNotControllable);
        }
        Ok(found)
    }

    /// Refuses a command during an advertisement, which can't be skipped, paused or seeked.
    fn refuse_in_ad(&self, catalogue: &Catalogue) -> Result<(), PlayerError> {
        match catalogue.kind(self.playback.item.as_deref()) {
            "ad" => Err(PlayerError::Restriction),
            _ => Ok(()),
        }
    }

    /// Refuses an action that the device disallows while it is active.
    fn refuse_disallowed(&self, device: usize, action: &str) -> Result<(), PlayerError> {
        let device = &self.playback.devices[device];
        if device.is_active && device.quirks.disallows(action) { Err(PlayerError::Restriction) } else { Ok(()) }
    }

    /// Resumes on a device that has woken up without the item: depending on its quirk it restores the item, or does nothing.
    fn resume_forgotten(&mut self, device: usize) {
        self.playback.activate(device);
        if self.playback.devices[device].quirks.wakes == quirks::Waking::Empty {
            self.playback.item = self.forgotten.take();
            self.playback.is_playing = true;
        }
        self.touch();
    }

    pub fn resume(&mut self, device_id: Option<&str>) -> Result<(), PlayerError> {
        let was_elsewhere = device_id.is_some_and(|id| self.playback.active().is_none_or(|device| !device.has_id(id)));
        let found = self.find(device_id)?;
        self.refuse_disallowed(found, "resuming")?;
        if self.forgotten.is_some() {
            self.resume_forgotten(found);
            return Ok(());
        }
        if self.playback.item.is_none() || (self.playback.is_playing && !was_elsewhere) {
            return Err(PlayerError::Restriction);
        }
        self.activate_target(device_id)?;
        self.playback.is_playing = true;
        self.touch();
        Ok(())
    }

    pub fn start(&mut self, start: Start, device_id: Option<&str>, catalogue: &Catalogue) -> Result<(), PlayerError> {
        let found = self.find(device_id)?;
        self.refuse_disallowed(found, "interrupting_playback")?;
        let tracks = start.tracks.ok_or(PlayerError::NoSuchContext)?;
        if tracks.is_empty() || tracks.iter().any(|uri| catalogue.item(uri).is_none()) {
            return Err(PlayerError::NoSuchItem);
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
        let first = first.ok_or(PlayerError::NoSuchItem)?;
        self.activate_target(device_id)?;
        self.forgotten = None;
        self.playback.tracks = tracks;
        self.load(Some(first));
        self.playback.context = start.context;
        self.playback.progress_ms = start.position_ms;
        self.playback.is_playing = true;
        self.touch();
        Ok(())
    }

    pub fn pause(&mut self, device_id: Option<&str>, catalogue: &Catalogue) -> Result<(), PlayerError> {
        let found = self.find(device_id)?;
        self.refuse_disallowed(found, "pausing")?;
        self.refuse_in_ad(catalogue)?;
        if !self.playback.is_playing {
            return Err(PlayerError::Restriction);
        }
        self.activate_target(device_id)?;
        self.playback.is_playing = false;
        self.touch();
        Ok(())
    }

    pub fn next(&mut self, device_id: Option<&str>, catalogue: &Catalogue) -> Result<(), PlayerError> {
        let found = self.find(device_id)?;
        self.refuse_disallowed(found, "skipping_next")?;
        self.refuse_in_ad(catalogue)?;
        if !self.step() {
            return Err(PlayerError::Restriction);
        }
        self.activate_target(device_id)?;
        self.playback.is_playing = true;
        self.touch();
        Ok(())
    }

    pub fn previous(&mut self, device_id: Option<&str>, catalogue: &Catalogue) -> Result<(), PlayerError> {
        let found = self.find(device_id)?;
        self.refuse_disallowed(found, "skipping_prev")?;
        self.refuse_in_ad(catalogue)?;
        let playback = &mut self.playback;
        let before = playback.played.pop().or_else(|| match playback.repeat {
            Repeat::Off => None,
            Repeat::Context | Repeat::Track => playback.tracks.last().cloned(),
        });
        let before = before.ok_or(PlayerError::Restriction)?;
        self.record_played();
        let playback = &mut self.playback;
        if let Some(current) = playback.item.replace(before) {
            playback.upcoming.insert(0, current);
        }
        playback.progress_ms = 0;
        playback.is_playing = true;
        self.activate_target(device_id)?;
        self.touch();
        Ok(())
    }

    /// Seeks within the item; a position beyond its end skips to the next item, as with the live service.
    pub fn seek(&mut self, ms: u64, device_id: Option<&str>, catalogue: &Catalogue) -> Result<(), PlayerError> {
        let found = self.find(device_id)?;
        self.refuse_disallowed(found, "seeking")?;
        self.refuse_in_ad(catalogue)?;
        let duration = self.duration(catalogue).ok_or(PlayerError::Restriction)?;
        self.activate_target(device_id)?;
        if ms < duration {
            self.playback.progress_ms = ms;
        } else {
            self.end_of_item();
        }
        self.touch();
        Ok(())
    }

    pub fn set_repeat(&mut self, repeat: Repeat, device_id: Option<&str>) -> Result<(), PlayerError> {
        let found = self.find(device_id)?;
        // The mode that is switched on or, with `Off`, switched off.
        let toggled = if repeat == Repeat::Off { self.playback.repeat } else { repeat };
        match toggled {
            Repeat::Off => {}
            Repeat::Context => self.refuse_disallowed(found, "toggling_repeat_context")?,
            Repeat::Track => self.refuse_disallowed(found, "toggling_repeat_track")?,
        }
        self.activate_target(device_id)?;
        self.playback.repeat = self.playback.devices[found].quirks.repeat(repeat);
        self.touch();
        Ok(())
    }

    pub fn set_shuffle(&mut self, shuffle: bool, device_id: Option<&str>) -> Result<(), PlayerError> {
        let found = self.find(device_id)?;
        self.refuse_disallowed(found, "toggling_shuffle")?;
        self.activate_target(device_id)?;
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
            self.set_up_upcoming();
        }
    }

    /// Sets the volume of the active or named device, without making it active.
    pub fn set_volume(&mut self, percent: u8, device_id: Option<&str>) -> Result<(), PlayerError> {
        let found = self.find(device_id)?;
        let device = &mut self.playback.devices[found];
        if !device.supports_volume {
            return Err(PlayerError::VolumeDisallowed);
        }
        // A device that doesn't report a volume still doesn't.
        device.volume_percent = device.volume_percent.map(|before| device.quirks.volume.stored(percent, before));
        self.touch();
        Ok(())
    }

    /// Moves playback to a device. `Some(true)` makes it play; otherwise it stays playing or paused. While a sleeping device
    /// wakes up, the active one continues to play.
    pub fn transfer(&mut self, device_id: &str, play: Option<bool>) -> Result<(), PlayerError> {
        let device = self.find_or_asleep(Some(device_id))?;
        if let Some(active) = self.playback.devices.iter().position(|device| device.is_active) {
            self.refuse_disallowed(active, "transferring_playback")?;
        }
        self.waking = None;
        if self.playback.devices[device].sleeping && !self.wake_delay.is_zero() {
            self.waking = Some(PendingWake { device, at: self.now + self.wake_delay, play });
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

    pub fn enqueue(&mut self, uri: &str, device_id: Option<&str>, catalogue: &Catalogue) -> Result<(), PlayerError> {
        self.find(device_id)?;
        catalogue.item(uri).ok_or(PlayerError::NoSuchItem)?;
        self.activate_target(device_id)?;
        self.playback.queue.push(uri.to_owned());
        self.touch();
        Ok(())
    }

    /// Makes a change as another Spotify app would: it fails only if something does not exist. `tracks` are those of the
    /// change's context; `None` if there is no such context.
    pub fn change(
        &mut self,
        change: Change,
        tracks: Option<Vec<String>>,
        catalogue: &Catalogue,
    ) -> Result<(), PlayerError> {
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
                next.wake(found.ok_or(PlayerError::DeviceNotFound)?, None);
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
            next.playback.tracks = tracks.ok_or(PlayerError::NoSuchContext)?;
            let first = next.playback.tracks.first().cloned();
            next.load(first);
            next.playback.context = Some(context);
        }
        if let Some(item) = change.item {
            if item.as_deref().is_some_and(|uri| catalogue.item(uri).is_none()) {
                return Err(PlayerError::NoSuchItem);
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
    fn progress_follows_the_clock_unless_paused() {
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
    fn next_track_starts_at_the_end_of_a_track() {
        let (mut player, catalogue) = set_up(Playback::default());
        player.advance(at(201_000 + 5_000), &catalogue);
        assert_eq!(player.playback().item, Some(track_uri(2)));
        assert_eq!(player.playback().progress_ms, 5_000);
        assert_eq!(player.playback().changed_ms, millis(at(201_000)));
    }

    #[test]
    fn finished_list_is_paused_at_its_first_track() {
        let (mut player, catalogue) = set_up(Playback::default());
        player.advance(at(100_000_000), &catalogue);
        assert_eq!(player.playback().item, Some(track_uri(1)));
        assert!(!player.playback().is_playing);
        assert_eq!(player.playback().progress_ms, 0);
    }

    #[test]
    fn repeat_track_starts_the_track_again() {
        let (mut player, catalogue) = set_up(Playback::default());
        player.set_repeat(Repeat::Track, None).expect("set");
        player.advance(at(202_000), &catalogue);
        assert_eq!((player.playback().item.clone(), player.playback().progress_ms), (Some(track_uri(1)), 1_000));
    }

    #[test]
    fn repeat_context_starts_the_list_again() {
        let (mut player, catalogue) = set_up(Playback::default());
        let start = Start { context: Some(album_uri(3)), tracks: Some(tracks(8..=10)), ..Start::default() };
        player.start(start, None, &catalogue).expect("started");
        player.set_repeat(Repeat::Context, None).expect("set");
        let album = 256_480 + 187_250 + 91_000;
        player.advance(at(album + 10), &catalogue);
        assert_eq!((player.playback().item.clone(), player.playback().progress_ms), (Some(track_uri(8)), 10));
        assert!(player.playback().is_playing);
    }

    #[test]
    fn queue_plays_before_the_list_and_previous_returns() {
        let (mut player, catalogue) = set_up(Playback::default());
        player.enqueue(EPISODE_URI, None, &catalogue).expect("queued");
        player.next(None, &catalogue).expect("skipped");
        assert_eq!(player.playback().item.as_deref(), Some(EPISODE_URI));
        player.next(None, &catalogue).expect("skipped");
        assert_eq!(player.playback().item, Some(track_uri(2)));
        player.previous(None, &catalogue).expect("went back");
        player.previous(None, &catalogue).expect("went back");
        assert_eq!(player.playback().item, Some(track_uri(1)));
        assert_eq!(player.previous(None, &catalogue), Err(PlayerError::Restriction));
    }

    #[test]
    fn shuffle_plays_every_track_once() {
        let (mut player, _) = set_up(Playback::default());
        player.set_shuffle(true, None).expect("set");
        let mut all: Vec<_> = player.playback().upcoming.clone();
        all.extend(player.playback().item.clone());
        all.sort();
        assert_eq!(all, (1..=10).map(track_uri).collect::<Vec<_>>());
        assert_ne!(player.playback().upcoming, (2..=10).map(track_uri).collect::<Vec<_>>());
    }

    #[test]
    fn shuffle_off_restores_the_order() {
        let (mut player, catalogue) = set_up(Playback::default());
        player.set_shuffle(true, None).expect("set");
        player.next(None, &catalogue).expect("skipped");
        player.set_shuffle(false, None).expect("set");
        let index = player.playback().tracks.iter().position(|uri| Some(uri) == player.playback().item.as_ref());
        assert_eq!(player.playback().upcoming, player.playback().tracks[index.expect("in list") + 1..]);
    }

    #[test]
    fn refused_commands_change_nothing() {
        let (mut player, catalogue) = set_up(Playback::paused());
        let before = player.playback().clone();
        assert_eq!(player.pause(None, &catalogue), Err(PlayerError::Restriction));
        assert_eq!(player.set_volume(5, Some(PHONE_ID)), Err(PlayerError::VolumeDisallowed));
        assert_eq!(player.transfer("nope", None), Err(PlayerError::DeviceNotFound));
        let unknown = Start { context: Some("spotify:album:x".into()), ..Start::default() };
        assert_eq!(player.start(unknown, None, &catalogue), Err(PlayerError::NoSuchContext));
        assert_eq!(*player.playback(), before);
    }

    #[test]
    fn resume_is_refused_while_playing() {
        let (mut player, _) = set_up(Playback::paused());
        player.resume(None).expect("resumed");
        assert_eq!(player.resume(None), Err(PlayerError::Restriction));
    }

    #[test]
    fn commands_without_active_device_need_a_named_one() {
        let (mut idle, catalogue) = set_up(Playback::idle());
        assert_eq!(idle.next(None, &catalogue), Err(PlayerError::NoActiveDevice));
        idle.resume(Some(SPEAKER_ID)).expect("a named device becomes active");
        assert_eq!(idle.playback().active().and_then(|device| device.id.as_deref()), Some(SPEAKER_ID));
    }

    #[test]
    fn change_can_set_several_members_at_once() {
        let (mut player, catalogue) = set_up(Playback::default());
        let change: Change = serde_json::from_str(
            r#"{"item":"spotify:ad:SimAd00000000000000001","device":null,"repeat":"track","progress_ms":3000}"#,
        )
        .expect("a change");
        player.change(change, None, &catalogue).expect("changed");
        assert_eq!(catalogue.kind(player.playback().item.as_deref()), "ad");
        assert!(player.playback().active().is_none());
    }

    #[test]
    fn invalid_change_changes_nothing() {
        let (mut player, catalogue) = set_up(Playback::default());
        let before = player.playback().clone();
        let wrong = Change { shuffle: Some(true), item: Some(Some("spotify:track:x".into())), ..Change::default() };
        assert_eq!(player.change(wrong, None, &catalogue), Err(PlayerError::NoSuchItem));
        assert_eq!(*player.playback(), before);
    }

    #[test]
    fn advertisement_can_not_be_skipped() {
        let (mut player, catalogue) = set_up(Playback::default());
        player.change(Change::advertisement(), None, &catalogue).expect("changed");
        assert_eq!(player.next(None, &catalogue), Err(PlayerError::Restriction));
        player.advance(at(31_000), &catalogue);
        assert_eq!(player.playback().item, Some(track_uri(2)));
    }

    #[test]
    fn sleeping_device_wakes_some_time_after_a_transfer() {
        let (mut player, catalogue) = set_up(Playback::asleep());
        assert_eq!(player.resume(Some(SPEAKER_ID)), Err(PlayerError::DeviceNotFound));
        player.transfer(SPEAKER_ID, Some(true)).expect("accepted");
        player.advance(at(1_999), &catalogue);
        assert!(player.playback().active().is_none());
        assert_eq!(player.pause(None, &catalogue), Err(PlayerError::NoActiveDevice));
        player.advance(at(2_500), &catalogue);
        assert_eq!(player.playback().active().map(|device| device.has_id(SPEAKER_ID)), Some(true));
        assert_eq!((player.playback().is_playing, player.playback().progress_ms), (true, 500));
        assert_eq!(player.set_volume(9, Some(COMPUTER_ID)), Err(PlayerError::DeviceNotFound), "still asleep");
    }

    #[test]
    fn active_device_plays_until_the_other_is_awake() {
        let (mut player, catalogue) = set_up(Playback::default());
        player.change(Change { asleep: Some(true), ..Change::default() }, None, &catalogue).expect("changed");
        player.transfer(SPEAKER_ID, None).expect("accepted");
        player.advance(at(1_000), &catalogue);
        player.set_volume(12, None).expect("the computer plays");
        player.advance(at(2_000), &catalogue);
        assert_eq!(player.playback().active().and_then(|device| device.volume_percent), Some(30));
    }

    #[test]
    fn later_transfer_replaces_a_pending_one() {
        let (mut player, catalogue) = set_up(Playback::default());
        player.change(Change::device(SPEAKER_ID), None, &catalogue).expect("changed");
        player.change(Change { asleep: Some(true), ..Change::default() }, None, &catalogue).expect("changed");
        player.transfer(COMPUTER_ID, None).expect("accepted");
        player.transfer(SPEAKER_ID, None).expect("stays");
        player.advance(at(9_000), &catalogue);
        assert!(player.playback().active().is_some_and(|device| device.has_id(SPEAKER_ID)));
    }

    #[test]
    fn restricted_device_plays_but_refuses_commands() {
        let (mut player, catalogue) = set_up(Playback::default());
        player.change(Change { restricted: Some(true), ..Change::default() }, None, &catalogue).expect("changed");
        assert_eq!(player.pause(None, &catalogue), Err(PlayerError::DeviceNotControllable));
        player.advance(at(1_000), &catalogue);
        assert_eq!(player.playback().progress_ms, 1_000);
    }

    #[test]
    fn recently_played_tracks_have_played_for_30_s() {
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
    fn known_at_hides_a_later_end() {
        let (mut player, catalogue) = set_up(Playback::default());
        player.advance(at(201_100), &catalogue);
        let early = player.clone().known_at(at(200_900));
        assert_eq!((early.playback().item.clone(), early.playback().progress_ms), (Some(track_uri(1)), 201_000));
        assert!(early.playback().is_playing);
        let late = player.known_at(at(201_000));
        assert_eq!((late.playback().item.clone(), late.playback().progress_ms), (Some(track_uri(2)), 100));
    }

    #[test]
    fn each_kind_of_item_can_play() {
        let catalogue = Catalogue::new(String::new());
        let kind = |playback: &Playback| catalogue.kind(playback.item.as_deref());
        assert_eq!(kind(&Playback::episode()), "episode");
        assert_eq!(kind(&Playback::local_file()), "track");
        assert_eq!(kind(&Playback::advertisement()), "ad");
        assert_eq!(kind(&Playback::unknown()), "unknown");
        assert!(Playback::private_session().active().is_some_and(|device| device.is_private_session));
    }

    #[test]
    fn local_file_is_followed_by_the_next_item() {
        let (mut player, catalogue) = set_up(Playback::local_file());
        player.advance(at(187_000), &catalogue);
        assert_eq!(player.playback().item.as_deref(), Some(EPISODE_URI));
    }
}
