//! Commands, and their translation into calls to Spotify, which depends on the current state.

use std::time::Duration;

use host_sdk::package::InstanceId;
use serde::Deserialize;

use super::device::{self, ChosenDevice, Found};
use super::modes::UnsupportedModes;
use super::snapshot::{Now, Player};
use super::volume::Volumes;
use crate::spotify::{Device, DeviceId, Error, PlayingType, Repeat, Restriction, Uri, UriKind};

/// A command given by a press of a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Command {
    /// The instance whose key was pressed. A refusal is shown on it.
    pub instance: InstanceId,
    /// What to do.
    pub verb: Verb,
    /// The device to control; `None` for the active one.
    pub device: Option<ChosenDevice>,
}

/// What to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verb {
    /// Pause if something plays, otherwise resume.
    TogglePlay,
    /// Skip to the next item.
    Next,
    /// Skip to the previous item.
    Previous,
    /// Change the volume by this many percentage points.
    VolumeBy(i8),
    /// Set the volume, at once or by a fade.
    VolumeTo {
        /// 0 to 100.
        percent: u8,
        /// The length of the fade; zero to set it at once.
        over: Duration,
    },
    /// Mute, or restore the volume from before.
    ToggleMute,
    /// Seek forward, or backward if negative, by this many milliseconds.
    SeekBy(i64),
    /// Seek to the beginning of the current item.
    Restart,
    /// Turn shuffle on or off.
    ToggleShuffle,
    /// Switch to the next repeat mode: off, context, track.
    CycleRepeat,
    /// Save this URI to the library or remove it; `None` for the current item.
    ToggleSaved(Option<Uri>),
    /// Play the chosen URI.
    Start(Start),
    /// Add the current item to this playlist; `None` for the one that was used last.
    AddToPlaylist(Option<Uri>),
    /// Remove the current item from the playlist that it plays from.
    RemoveFromPlaylist,
    /// Add this track or episode to the queue; `None` for the current item.
    Enqueue(Option<Uri>),
    /// Transfer playback to a device.
    MoveTo {
        /// The device.
        device: ChosenDevice,
        /// Whether to play there; `None` keeps the current state.
        play: Option<bool>,
    },
    /// Transfer playback to the next device in the list.
    NextDevice,
    /// Start the sleep timer; while it runs, add 15 minutes to it.
    Sleep(SleepUntil),
    /// Stop the sleep timer.
    CancelSleep,
}

/// When the sleep timer pauses playback.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SleepUntil {
    /// After this many minutes.
    Minutes(u16),
    /// At the end of the current track or episode.
    EndOfItem,
}

impl Verb {
    /// Returns whether this sets the volume.
    pub(super) fn is_volume(&self) -> bool {
        matches!(self, Self::VolumeBy(_) | Self::VolumeTo { .. } | Self::ToggleMute)
    }

    /// Returns whether this changes the library or a playlist, which involves no device.
    fn is_library(&self) -> bool {
        matches!(self, Self::ToggleSaved(_) | Self::AddToPlaylist(_) | Self::RemoveFromPlaylist)
    }
}

/// A URI to play, and how.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Start {
    /// Its Spotify URI.
    pub uri: Uri,
    /// What a press does if it is already playing.
    pub again: Again,
    /// Whether to shuffle; `None` keeps the current mode.
    pub shuffle: Option<bool>,
}

/// What a press does if the chosen URI is already playing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Again {
    /// Pause or resume.
    #[default]
    Pause,
    /// Start from the beginning.
    Restart,
    /// Start from the beginning, shuffled.
    Shuffle,
}

/// A call to Spotify, as derived from a command and the state at that time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Call {
    Play,
    Pause,
    Next,
    Previous,
    Volume(u8),
    Seek(Duration),
    Shuffle(bool),
    Repeat(Repeat),
    Save {
        uri: Uri,
        saved: bool,
    },
    PlayUri(Uri),
    PlayLiked {
        /// Spotify's id of the user, if Liked Songs are to be tried as a context.
        user: Option<String>,
    },
    AddToPlaylist {
        playlist: Uri,
        uri: Uri,
    },
    RemoveFromPlaylist {
        playlist: Uri,
        uri: Uri,
    },
    Enqueue(Uri),
    Transfer {
        device: ChosenDevice,
        play: Option<bool>,
    },
    /// Transfer to the device after the active one, which is looked up first.
    NextDevice,
}

impl Call {
    /// Returns whether only the latest value of several queued calls matters.
    pub(super) fn is_coalesced(&self) -> bool {
        matches!(self, Self::Volume(_) | Self::Seek(_))
    }

    /// Returns whether this starts playback.
    pub(super) fn starts_playback(&self) -> bool {
        matches!(self, Self::Play | Self::PlayUri(_) | Self::PlayLiked { .. })
    }

    /// Returns whether this replaces `other` in the queue.
    pub(super) fn replaces(&self, other: &Self) -> bool {
        matches!((self, other), (Self::Volume(_), Self::Volume(_)) | (Self::Seek(_), Self::Seek(_)))
    }
}

/// A call in the queue.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct QueuedCall {
    /// The id of the call, and of the [`Change`](super::state::Change) that shows its effect.
    pub id: u64,
    pub call: Call,
    /// The device to control, under its current id.
    pub device: Option<ChosenDevice>,
    /// The command that requires the call.
    pub command: Command,
    /// Whether nothing was known to play when the command was given.
    pub was_idle: bool,
    /// The title of the current item, if the command refers to it.
    pub title: Option<String>,
}

/// The expected effect of a call, shown until Spotify's own state reflects it.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Effect {
    Playing(bool),
    Skip,
    Started {
        uri: Uri,
    },
    Volume {
        /// The device whose volume is set.
        device: Option<DeviceId>,
        percent: u8,
        /// The volume that the device reported before.
        before: Option<u8>,
    },
    Position(Duration),
    Shuffle(bool),
    Repeat(Repeat),
    Device(Device),
    Saved {
        uri: Uri,
        saved: bool,
    },
}

impl Effect {
    /// Returns whether this effect, once achieved, leaves nothing of an earlier one.
    pub(super) fn supersedes(&self, earlier: &Self) -> bool {
        match (self, earlier) {
            // Skipping and starting play another item from its beginning.
            (Self::Skip | Self::Started { .. }, earlier) => {
                matches!(earlier, Self::Playing(false) | Self::Skip | Self::Started { .. } | Self::Position(_))
            }
            (Self::Saved { uri, .. }, Self::Saved { uri: before, .. }) => uri == before,
            (Self::Volume { device, .. }, Self::Volume { device: before, .. }) => device == before,
            (this, earlier) => std::mem::discriminant(this) == std::mem::discriminant(earlier),
        }
    }
}

/// A call and its effect.
pub(super) type Step = (Call, Option<Effect>);

/// The beginning of an item.
const BEGINNING: Duration = Duration::ZERO;
/// The volume in percent from which a step starts, and to which unmuting returns, if a device doesn't report its volume.
const UNKNOWN_VOLUME: u8 = 50;

fn restricted<T>(why: Restriction) -> Result<T, Error> {
    Err(Error::Restricted(why))
}

/// The result of translating a command.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Decision {
    /// The calls to make. The model adds those of fades and of the sleep timer.
    pub steps: Vec<Step>,
    /// The device to control, under its current id if known.
    pub device: Option<ChosenDevice>,
}

/// Returns why a command can't be carried out, if that is known: the device accepts no commands, has no volume or is
/// ambiguous, or Spotify currently disallows the command.
///
/// Both presses and faces use this, so that a dimmed key sends nothing. Outdated information blocks nothing (see
/// [`Player::believes_now`] and [`Player::believes_devices`]): the command is sent, and Spotify decides.
pub(super) fn obstacle(verb: &Verb, device: Option<&ChosenDevice>, player: &Player) -> Option<Error> {
    if verb.is_library() || *verb == Verb::CancelSleep {
        return None;
    }
    if let Verb::Sleep(until) = verb {
        let has_length = |now: &Now| *until != SleepUntil::EndOfItem || now.duration().is_some();
        let can_start = player.now.as_ref().is_some_and(|now| now.playing && has_length(now));
        if player.sleep.is_some() || !can_start {
            return player.sleep.is_none().then_some(Error::Restricted(Restriction::NothingPlaying));
        }
    }
    let chosen = match verb {
        Verb::MoveTo { device, .. } => Some(device),
        Verb::NextDevice | Verb::Sleep(_) => None,
        _ => device,
    };
    let now = player.now.as_ref().filter(|_| player.believes_now);
    let listed = player.devices.as_deref().map(Vec::as_slice).filter(|_| player.believes_devices);
    let found = chosen.map(|chosen| chosen.find_in(listed.unwrap_or_default()));
    if found == Some(Found::Several) {
        return Some(Error::Restricted(Restriction::SeveralDevices));
    }
    // The playback state is more recent than the list of devices.
    let is_active = |chosen: &ChosenDevice| {
        let active = now.and_then(|now| now.device.id.as_ref());
        active.is_some_and(|active| {
            *active == chosen.id
                || found.and_then(Found::device).is_some_and(|device| device.id.as_ref() == Some(active))
        })
    };
    let active = now.filter(|_| chosen.is_none_or(is_active));
    let target = active.map(|now| &now.device).or(found.and_then(Found::device));
    if let Some(target) = target.filter(|_| *verb != Verb::NextDevice) {
        // Only a chosen device needs an id: calls without one go to the active device.
        if target.is_restricted || (target.id.is_none() && chosen.is_some()) {
            return Some(Error::Restricted(Restriction::Device));
        }
        if verb.is_volume() && target.supports_volume == Some(false) {
            return Some(Error::VolumeNotAllowed);
        }
    }
    let playing = if matches!(verb, Verb::MoveTo { .. }) { now } else { active };
    let forbidden = playing.is_some_and(|now| is_disallowed(verb, now, player));
    forbidden.then(|| match playing.map(|now| now.kind) {
        Some(PlayingType::Ad) => Error::Restricted(Restriction::Advertisement),
        _ => Error::Restricted(Restriction::Other),
    })
}

/// Returns whether Spotify currently lists the command's action among its `disallows`.
fn is_disallowed(verb: &Verb, now: &Now, player: &Player) -> bool {
    let disallows = &now.disallows;
    let toggling = if now.playing { disallows.pausing } else { disallows.resuming };
    match verb {
        Verb::TogglePlay => toggling,
        Verb::Start(start) if pauses(start, player) => toggling,
        Verb::Start(_) => disallows.interrupting_playback,
        Verb::Next => disallows.skipping_next,
        Verb::Previous => disallows.skipping_prev,
        Verb::SeekBy(_) | Verb::Restart => disallows.seeking,
        Verb::ToggleShuffle => disallows.toggling_shuffle,
        Verb::CycleRepeat => next_repeat(now, &player.unsupported_modes).is_none(),
        Verb::MoveTo { .. } | Verb::NextDevice => disallows.transferring_playback,
        Verb::VolumeBy(_)
        | Verb::VolumeTo { .. }
        | Verb::ToggleMute
        | Verb::ToggleSaved(_)
        | Verb::AddToPlaylist(_)
        | Verb::RemoveFromPlaylist
        | Verb::Enqueue(_)
        | Verb::Sleep(_)
        | Verb::CancelSleep => false,
    }
}

/// Returns the next allowed repeat mode, in the order off, context, track; `None` if no other mode is allowed. Modes that
/// the device has ignored before are skipped unless there is no other one.
fn next_repeat(now: &Now, unsupported_modes: &UnsupportedModes) -> Option<Repeat> {
    let may_toggle = |mode| match mode {
        Repeat::Off => true,
        Repeat::Context => !now.disallows.toggling_repeat_context,
        Repeat::Track => !now.disallows.toggling_repeat_track,
    };
    let following = match now.repeat {
        Repeat::Off => [Repeat::Context, Repeat::Track],
        Repeat::Context => [Repeat::Track, Repeat::Off],
        Repeat::Track => [Repeat::Off, Repeat::Context],
    };
    // Turning repeat off toggles the current mode.
    let toggled = |mode| if mode == Repeat::Off { now.repeat } else { mode };
    let mut allowed = following.into_iter().filter(|mode| may_toggle(toggled(*mode)));
    allowed.clone().find(|mode| !unsupported_modes.contains(*mode, now)).or_else(|| allowed.next())
}

/// Translates a command into calls. Assumes that [`obstacle`] found nothing.
pub(super) fn decide(
    verb: &Verb,
    device: Option<&ChosenDevice>,
    player: &Player,
    volumes: &Volumes,
) -> Result<Decision, Error> {
    let device = device.map(|device| player.current(device));
    let steps = match verb {
        Verb::MoveTo { device, play } => vec![transfer(player, player.current(device), *play)],
        verb if verb.is_volume() => volume(verb, device.as_ref(), player, volumes),
        verb => steps(verb, player)?,
    };
    Ok(Decision { steps, device })
}

/// Returns the step that sets the volume of a device; `None` for the active one.
pub(super) fn set_volume(percent: u8, device: Option<&ChosenDevice>, player: &Player) -> Step {
    let percent = percent.min(100);
    let before = player.settable_volume(device);
    let device = player.target(device).cloned();
    (Call::Volume(percent), Some(Effect::Volume { device, percent, before }))
}

/// Returns the step of a command that sets the volume; none for a fade, which is a [`Fade`](super::volume::Fade).
fn volume(verb: &Verb, device: Option<&ChosenDevice>, player: &Player, volumes: &Volumes) -> Vec<Step> {
    let volume = player.volume(device);
    let percent = match verb {
        Verb::VolumeBy(step) => volume.from(*step).unwrap_or(UNKNOWN_VOLUME).saturating_add_signed(*step),
        Verb::VolumeTo { percent, over } if over.is_zero() => *percent,
        Verb::ToggleMute if volume.percent == Some(0) => {
            volumes.audible(player.target(device)).unwrap_or(UNKNOWN_VOLUME)
        }
        Verb::ToggleMute => 0,
        _ => return Vec::new(),
    };
    vec![set_volume(percent, device, player)]
}

fn steps(verb: &Verb, player: &Player) -> Result<Vec<Step>, Error> {
    let now = player.now.as_ref();
    let to_position = |position: Duration| vec![(Call::Seek(position), Some(Effect::Position(position)))];
    let skip = |call| vec![(call, now.map(|_| Effect::Skip))];
    let what_plays = || match now.and_then(Now::library_uri) {
        Some(uri) => Ok(uri.clone()),
        None => restricted(Restriction::NothingPlaying),
    };
    // Local files aren't in Spotify's catalogue.
    let catalogued = || match now.and_then(|now| now.track.as_ref()) {
        Some(track) if track.local => restricted(Restriction::LocalFile),
        // Ads and chapters can't be saved.
        _ => what_plays().and_then(|uri| if uri.is_single() { Ok(uri) } else { restricted(Restriction::Other) }),
    };
    Ok(match verb {
        Verb::TogglePlay => vec![toggle(now)],
        Verb::Next => skip(Call::Next),
        Verb::Previous => skip(Call::Previous),
        Verb::SeekBy(by) => {
            let Some(now) = now.filter(|now| now.track.is_some()) else {
                return restricted(Restriction::NothingPlaying);
            };
            let distance = Duration::from_millis(by.unsigned_abs());
            let there = if *by < 0 { now.position.saturating_sub(distance) } else { now.position + distance };
            to_position(now.duration().map_or(there, |end| there.min(end)))
        }
        Verb::Restart => {
            what_plays()?;
            to_position(BEGINNING)
        }
        Verb::ToggleShuffle => {
            let on = !now.is_some_and(|now| now.shuffle);
            vec![(Call::Shuffle(on), Some(Effect::Shuffle(on)))]
        }
        Verb::CycleRepeat => {
            let next = |now| next_repeat(now, &player.unsupported_modes);
            let repeat = now.map_or(Some(Repeat::Context), next).unwrap_or(Repeat::Off);
            vec![(Call::Repeat(repeat), Some(Effect::Repeat(repeat)))]
        }
        Verb::ToggleSaved(uri) => {
            let uri = uri.clone().map_or_else(catalogued, Ok)?;
            let saved = !player.saved(&uri).unwrap_or_default();
            vec![(Call::Save { uri: uri.clone(), saved }, Some(Effect::Saved { uri, saved }))]
        }
        Verb::Start(start) => self::start(start, player)?,
        Verb::AddToPlaylist(playlist) => {
            let Some(playlist) = playlist.clone().or_else(|| player.last_playlist.clone()) else {
                return restricted(Restriction::NoPlaylistChosen);
            };
            vec![(Call::AddToPlaylist { playlist, uri: catalogued()? }, None)]
        }
        Verb::RemoveFromPlaylist => {
            let uri = what_plays()?;
            let Some(playlist) = now.and_then(Now::removable_from) else { return restricted(Restriction::NoPlaylist) };
            vec![(Call::RemoveFromPlaylist { playlist, uri }, None)]
        }
        Verb::Enqueue(uri) => vec![(Call::Enqueue(uri.clone().map_or_else(catalogued, Ok)?), None)],
        // `decide` handles these, as they depend on the device.
        Verb::MoveTo { .. } | Verb::VolumeBy(_) | Verb::VolumeTo { .. } | Verb::ToggleMute => Vec::new(),
        // The model makes the calls when the timer is due.
        Verb::Sleep(_) | Verb::CancelSleep => Vec::new(),
        Verb::NextDevice => {
            let Some(devices) = &player.devices else { return Ok(vec![(Call::NextDevice, None)]) };
            let next = device::next(devices, now.and_then(|now| now.device.id.as_ref()));
            let Some((next, id)) = next.and_then(|next| Some((next, next.id.clone()?))) else {
                // The list may be outdated: it is read again when the call is sent.
                return Ok(vec![(Call::NextDevice, None)]);
            };
            let next = ChosenDevice { id, name: next.name.clone(), kind: next.kind.clone() };
            vec![transfer(player, next, None)]
        }
    })
}

fn toggle(now: Option<&Now>) -> Step {
    if now.is_some_and(|now| now.playing) {
        (Call::Pause, Some(Effect::Playing(false)))
    } else {
        (Call::Play, now.map(|_| Effect::Playing(true)))
    }
}

/// Returns whether a press pauses or resumes the chosen URI, because it is the current one.
fn pauses(start: &Start, player: &Player) -> bool {
    start.again == Again::Pause && player.plays(&start.uri)
}

fn start(start: &Start, player: &Player) -> Result<Vec<Step>, Error> {
    let now = player.now.as_ref();
    let again = player.plays(&start.uri);
    if pauses(start, player) {
        return Ok(vec![toggle(now)]);
    }
    let call = match start.uri.kind() {
        UriKind::LikedSongs => Call::PlayLiked { user: player.liked_context().map(str::to_owned) },
        UriKind::Other => return restricted(Restriction::NotPlayable),
        _ => Call::PlayUri(start.uri.clone()),
    };
    let shuffle = if again && start.again == Again::Shuffle { Some(true) } else { start.shuffle };
    let shuffle = shuffle.filter(|on| now.is_none_or(|now| now.shuffle != *on));
    let shuffle = shuffle.map(|on| (Call::Shuffle(on), Some(Effect::Shuffle(on))));
    let started = now.map(|_| Effect::Started { uri: start.uri.clone() });
    let mut steps: Vec<Step> = shuffle.into_iter().chain([(call, started)]).collect();
    if now.is_some_and(|now| now.disallows.toggling_shuffle) {
        // This applies to the current context. The new one may allow shuffling.
        steps.reverse();
    }
    Ok(steps)
}

fn transfer(player: &Player, device: ChosenDevice, play: Option<bool>) -> Step {
    let devices = player.devices.as_deref().map(Vec::as_slice).unwrap_or_default();
    let known = devices.iter().find(|known| known.id.as_ref() == Some(&device.id));
    let change = known.map(|known| Effect::Device(known.clone()));
    (Call::Transfer { device, play }, change)
}
