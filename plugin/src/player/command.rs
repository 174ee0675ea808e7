//! What a press asks for, and the calls to Spotify that it becomes in the state that it meets.

use std::time::Duration;

use host_sdk::package::InstanceId;
use serde::Deserialize;

use super::device::{self, ChosenDevice, Found};
use super::modes::Lacking;
use super::snapshot::{Now, Player};
use super::volume::Volumes;
use crate::spotify::{Device, DeviceId, Error, PlayingType, Repeat, Restriction, Uri, UriKind};

/// What a press asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Command {
    /// The instance whose key was pressed: a refusal is shown there.
    pub instance: InstanceId,
    /// What to do.
    pub verb: Verb,
    /// On which device; without one the active one is meant.
    pub device: Option<ChosenDevice>,
}

/// What to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verb {
    /// Pause if it plays, else go on.
    TogglePlay,
    /// The next item.
    Next,
    /// The previous item.
    Previous,
    /// Louder or quieter by so many percent.
    VolumeBy(i8),
    /// The volume to so many percent, at once or little by little.
    VolumeTo {
        /// 0 to 100.
        percent: u8,
        /// How long it takes to get there.
        over: Duration,
    },
    /// Silent, and as loud as before.
    ToggleMute,
    /// Forward, or back, by so many milliseconds.
    SeekBy(i64),
    /// To the beginning of what plays.
    Restart,
    /// Shuffle on or off.
    ToggleShuffle,
    /// Repeat off, then the context, then the track.
    CycleRepeat,
    /// Save this URI to the library or remove it; without one, what plays.
    ToggleSaved(Option<Uri>),
    /// Play something that was chosen.
    Start(Start),
    /// Add what plays to this playlist; without one, to the one that was used last.
    AddToPlaylist(Option<Uri>),
    /// Remove what plays from the playlist that it plays from.
    RemoveFromPlaylist,
    /// Put this track or episode into the queue; without one, what plays.
    Enqueue(Option<Uri>),
    /// Move playback to a device.
    MoveTo {
        /// The device.
        device: ChosenDevice,
        /// Whether it plays there then; None keeps what it was.
        play: Option<bool>,
    },
    /// Move playback to the next device of the list.
    NextDevice,
    /// Start the sleep timer; while it runs, add 15 minutes to it.
    Sleep(SleepUntil),
    /// Stop the sleep timer.
    CancelSleep,
}

/// When the sleep timer pauses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SleepUntil {
    /// So many minutes from now.
    Minutes(u16),
    /// At the end of the track or episode that plays.
    EndOfItem,
}

impl Verb {
    /// Whether it sets the volume.
    pub(super) fn is_volume(&self) -> bool {
        matches!(self, Self::VolumeBy(_) | Self::VolumeTo { .. } | Self::ToggleMute)
    }

    /// Whether it is about the library, which no device has a part in.
    fn is_library(&self) -> bool {
        matches!(self, Self::ToggleSaved(_) | Self::AddToPlaylist(_) | Self::RemoveFromPlaylist)
    }
}

/// Something that was chosen to be played.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Start {
    /// Its Spotify URI.
    pub uri: Uri,
    /// What a press does while it plays already.
    pub again: Again,
    /// Shuffle on or off; None leaves it.
    pub shuffle: Option<bool>,
}

/// What a press does for something that plays already.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Again {
    /// Pause, and go on.
    #[default]
    Pause,
    /// From the beginning.
    Restart,
    /// From the beginning, shuffled.
    Shuffle,
}

/// A call to make, decided from a command and the state that it met.
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
        /// Spotify's id of the user, where Liked Songs are tried as a context.
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
    /// To the device after the active one, where the devices aren't known yet.
    NextDevice,
}

impl Call {
    /// Whether of several that wait only the last one matters.
    pub(super) fn takes_the_last_value(&self) -> bool {
        matches!(self, Self::Volume(_) | Self::Seek(_))
    }

    /// Whether something plays after it.
    pub(super) fn starts(&self) -> bool {
        matches!(self, Self::Play | Self::PlayUri(_) | Self::PlayLiked { .. })
    }

    /// Whether it replaces another one that waits.
    pub(super) fn replaces(&self, other: &Self) -> bool {
        matches!((self, other), (Self::Volume(_), Self::Volume(_)) | (Self::Seek(_), Self::Seek(_)))
    }
}

#[derive(Clone, Debug, PartialEq)]
pub(super) struct QueuedCall {
    /// Connects the call with the change that it stands for.
    pub id: u64,
    pub call: Call,
    /// The device under the id that it has now.
    pub device: Option<ChosenDevice>,
    /// What was asked for.
    pub command: Command,
    /// Whether nothing was known to be active when it was asked for.
    pub from_nothing: bool,
    /// The title of what it is about, where that is what plays.
    pub title: Option<String>,
}

/// What a call changes, until Spotify's own state shows it.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Effect {
    Playing(bool),
    Skip,
    Started {
        uri: Uri,
    },
    Volume {
        /// Spotify's id of the device that it is set on.
        device: Option<DeviceId>,
        percent: u8,
        /// What that told before.
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
    /// Whether nothing is left of an earlier change when this one is done.
    pub(super) fn outdates(&self, earlier: &Self) -> bool {
        match (self, earlier) {
            // Skipping and starting make it play, from the beginning of something else.
            (Self::Skip | Self::Started { .. }, earlier) => {
                matches!(earlier, Self::Playing(false) | Self::Skip | Self::Started { .. } | Self::Position(_))
            }
            (Self::Saved { uri, .. }, Self::Saved { uri: before, .. }) => uri == before,
            (Self::Volume { device, .. }, Self::Volume { device: before, .. }) => device == before,
            (this, earlier) => std::mem::discriminant(this) == std::mem::discriminant(earlier),
        }
    }
}

/// A call with what it changes.
pub(super) type Step = (Call, Option<Effect>);

/// Where in its item a track is taken for started again.
const BEGINNING: Duration = Duration::ZERO;
/// Where a device has a volume and doesn't tell it, a step starts from the middle, and so does what was muted. From then on it counts
/// as what was asked for.
const UNKNOWN_VOLUME: u8 = 50;

fn restricted<T>(why: Restriction) -> Result<T, Error> {
    Err(Error::Restricted(why))
}

/// What a command becomes.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Decision {
    /// The calls. What a fade needs beyond its first step, and what the sleep timer needs, the model adds.
    pub steps: Vec<Step>,
    /// The device that they are for, under the id that it has now as far as is known.
    pub device: Option<ChosenDevice>,
}

/// What is known to be in the way of a command: the device takes no commands, has no volume, or can't be told from
/// others, or Spotify doesn't allow it now. Presses and faces both come here, so that a key that looks as if it did nothing
/// sends nothing. What is known too badly is in the way of nothing (see [`Player::believes_now`] and
/// [`Player::believes_devices`]): Spotify itself decides then.
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
    // What plays is known better than what was listed a while ago.
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
        // Only what is chosen needs an id: the active device is the active one without.
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

/// Whether Spotify has named what a command would do among what it disallows now.
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
        Verb::CycleRepeat => next_repeat(now, &player.lacking).is_none(),
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

/// The repeat mode after the present one that may be switched to: off, the context, the track. Those that weren't taken before are
/// passed over as long as there is another one. `None` where none is allowed.
fn next_repeat(now: &Now, lacking: &Lacking) -> Option<Repeat> {
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
    // To switch off is to toggle what is on.
    let toggled = |mode| if mode == Repeat::Off { now.repeat } else { mode };
    let mut allowed = following.into_iter().filter(|mode| may_toggle(toggled(*mode)));
    allowed.clone().find(|mode| !lacking.has(*mode, now)).or_else(|| allowed.next())
}

/// What a command becomes, as far as [`obstacle`] doesn't know better. `volumes`: what is remembered of them.
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

/// A call that sets the volume of a device, or of the active one.
pub(super) fn set_volume(percent: u8, device: Option<&ChosenDevice>, player: &Player) -> Step {
    let percent = percent.min(100);
    let before = player.told_volume(device);
    let device = player.target(device).cloned();
    (Call::Volume(percent), Some(Effect::Volume { device, percent, before }))
}

/// A fade is gone by itself, see [`Fade`](super::volume::Fade).
fn volume(verb: &Verb, device: Option<&ChosenDevice>, player: &Player, volumes: &Volumes) -> Vec<Step> {
    let volume = player.volume(device);
    let percent = match verb {
        Verb::VolumeBy(step) => volume.from(*step).unwrap_or(UNKNOWN_VOLUME).saturating_add_signed(*step),
        Verb::VolumeTo { percent, over } if over.is_zero() => *percent,
        Verb::ToggleMute if volume.percent == Some(0) => volumes.loud(player.target(device)).unwrap_or(UNKNOWN_VOLUME),
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
    // Spotify knows no more of a file of the user's own than its name.
    let catalogued = || match now.and_then(|now| now.track.as_ref()) {
        Some(track) if track.local => restricted(Restriction::LocalFile),
        // An ad or a chapter is in no library.
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
            let next = |now| next_repeat(now, &player.lacking);
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
        // These depend on a device.
        Verb::MoveTo { .. } | Verb::VolumeBy(_) | Verb::VolumeTo { .. } | Verb::ToggleMute => Vec::new(),
        // The model calls when the timer is due.
        Verb::Sleep(_) | Verb::CancelSleep => Vec::new(),
        Verb::NextDevice => {
            let Some(devices) = &player.devices else { return Ok(vec![(Call::NextDevice, None)]) };
            let next = device::next(devices, now.and_then(|now| now.device.id.as_ref()));
            let Some((next, id)) = next.and_then(|next| Some((next, next.id.clone()?))) else {
                // It may have come by now.
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

/// Whether a press pauses what was chosen, or goes on with it, as it plays already.
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
        // That is about what plays now: what is started may well be shuffled.
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
