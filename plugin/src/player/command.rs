//! What a press asks for, and the calls to Spotify that it becomes in the state that it meets.

use std::time::Duration;

use super::snapshot::{Now, Player};
use crate::spotify::{Device, Error, Repeat, Restriction, Uri, UriKind};

/// What a press asks for. The device, where one is given, is Spotify's id of it; otherwise the active one is meant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Command {
    /// What to do.
    pub verb: Verb,
    /// On which device.
    pub device: Option<String>,
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
        /// Spotify's id of it.
        device: String,
        /// Whether it plays there then; None keeps what it was.
        play: Option<bool>,
    },
    /// Move playback to the next device of the list.
    NextDevice,
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
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
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
    Seek(u64),
    Shuffle(bool),
    Repeat(Repeat),
    Save { uri: Uri, saved: bool },
    PlayUri(Uri),
    PlayLiked,
    AddToPlaylist { playlist: Uri, uri: Uri },
    RemoveFromPlaylist { playlist: Uri, uri: Uri },
    Enqueue(Uri),
    Transfer { device: String, play: Option<bool> },
}

impl Call {
    /// Whether of several that wait only the last one matters.
    pub(super) fn takes_the_last_value(&self) -> bool {
        matches!(self, Self::Volume(_) | Self::Seek(_))
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
    pub device: Option<String>,
    pub verb: Verb,
}

/// What a call changes, until Spotify's own state shows it.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum What {
    Playing(bool),
    Skip,
    Started { uri: Uri },
    Volume(u8),
    Position(u64),
    Shuffle(bool),
    Repeat(Repeat),
    Device(Device),
    Saved { uri: Uri, saved: bool },
}

impl What {
    /// Whether nothing is left of an earlier change when this one is done.
    pub(super) fn outdates(&self, earlier: &Self) -> bool {
        match (self, earlier) {
            // Skipping and starting make it play, from the beginning of something else.
            (Self::Skip | Self::Started { .. }, earlier) => {
                matches!(earlier, Self::Playing(false) | Self::Skip | Self::Started { .. } | Self::Position(_))
            }
            (Self::Saved { uri, .. }, Self::Saved { uri: before, .. }) => uri == before,
            (this, earlier) => std::mem::discriminant(this) == std::mem::discriminant(earlier),
        }
    }
}

/// A call with what it changes.
pub(super) type Step = (Call, Option<What>);

/// Where in its item a track is taken for started anew.
const BEGINNING_MS: u64 = 0;
/// Without a known volume the middle is the least surprising place to start from.
const UNKNOWN_VOLUME: u8 = 50;

fn restricted<T>(why: Restriction) -> Result<T, Error> {
    Err(Error::Restricted(why))
}

/// The calls that a command becomes. What a fade needs beyond its first step, the model adds.
pub(super) fn decide(verb: &Verb, player: &Player, loud: Option<u8>) -> Result<Vec<Step>, Error> {
    let now = player.now.as_ref();
    let volume = now.and_then(|now| now.volume);
    let to_volume = |percent: u8| vec![(Call::Volume(percent), Some(What::Volume(percent)))];
    let to_position = |position: u64| vec![(Call::Seek(position), Some(What::Position(position)))];
    let skip = |call| vec![(call, now.map(|_| What::Skip))];
    let what_plays = || match now.and_then(Now::uri) {
        Some(uri) => Ok(uri.clone()),
        None => restricted(Restriction::NothingPlaying),
    };
    // Spotify knows no more of a file of the user's own than its name.
    let catalogued = || match now.and_then(|now| now.track.as_ref()) {
        Some(track) if track.local => restricted(Restriction::LocalFile),
        _ => what_plays(),
    };
    Ok(match verb {
        Verb::TogglePlay => vec![toggle(now)],
        Verb::Next => skip(Call::Next),
        Verb::Previous => skip(Call::Previous),
        Verb::VolumeBy(step) => to_volume(volume.unwrap_or(UNKNOWN_VOLUME).saturating_add_signed(*step).min(100)),
        Verb::VolumeTo { percent, over } if over.is_zero() => to_volume((*percent).min(100)),
        Verb::VolumeTo { .. } => Vec::new(),
        Verb::ToggleMute => match volume {
            Some(0) => to_volume(loud.unwrap_or(UNKNOWN_VOLUME)),
            _ => to_volume(0),
        },
        Verb::SeekBy(by) => {
            let Some(now) = now.filter(|now| now.track.is_some()) else {
                return restricted(Restriction::NothingPlaying);
            };
            let end = now.duration_ms().unwrap_or(u64::MAX);
            to_position(now.position_ms.saturating_add_signed(*by).min(end))
        }
        Verb::Restart => {
            what_plays()?;
            to_position(BEGINNING_MS)
        }
        Verb::ToggleShuffle => {
            let on = !now.is_some_and(|now| now.shuffle);
            vec![(Call::Shuffle(on), Some(What::Shuffle(on)))]
        }
        Verb::CycleRepeat => {
            let repeat = match now.map(|now| now.repeat).unwrap_or_default() {
                Repeat::Off => Repeat::Context,
                Repeat::Context => Repeat::Track,
                Repeat::Track => Repeat::Off,
            };
            vec![(Call::Repeat(repeat), Some(What::Repeat(repeat)))]
        }
        Verb::ToggleSaved(uri) => {
            let uri = uri.clone().map_or_else(catalogued, Ok)?;
            let saved = !player.saved(&uri).unwrap_or_default();
            vec![(Call::Save { uri: uri.clone(), saved }, Some(What::Saved { uri, saved }))]
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
            let Some(playlist) = now.and_then(Now::playlist) else { return restricted(Restriction::NoPlaylist) };
            vec![(Call::RemoveFromPlaylist { playlist, uri }, None)]
        }
        Verb::Enqueue(uri) => vec![(Call::Enqueue(uri.clone().map_or_else(catalogued, Ok)?), None)],
        Verb::MoveTo { device, play } => vec![transfer(player, device, *play)],
        Verb::NextDevice => {
            let devices = player.devices.iter().flat_map(|devices| devices.iter());
            let usable: Vec<&Device> = devices.filter(|device| device.id.is_some() && !device.is_restricted).collect();
            // What plays is known better than what was listed a while ago.
            let active = match now.and_then(|now| now.device.id.as_ref()) {
                Some(id) => usable.iter().position(|device| device.id.as_ref() == Some(id)),
                None => usable.iter().position(|device| device.is_active),
            };
            let next =
                active.map_or(0, |active| active.saturating_add(1)).checked_rem(usable.len()).unwrap_or_default();
            let Some(id) = usable.get(next).and_then(|device| device.id.as_deref()) else {
                return Err(Error::NoActiveDevice);
            };
            vec![transfer(player, id, None)]
        }
    })
}

fn toggle(now: Option<&Now>) -> Step {
    if now.is_some_and(|now| now.playing) {
        (Call::Pause, Some(What::Playing(false)))
    } else {
        (Call::Play, now.map(|_| What::Playing(true)))
    }
}

fn start(start: &Start, player: &Player) -> Result<Vec<Step>, Error> {
    let now = player.now.as_ref();
    let again = player.plays(&start.uri);
    if again && start.again == Again::Pause {
        return Ok(vec![toggle(now)]);
    }
    let call = match start.uri.kind() {
        UriKind::LikedSongs => Call::PlayLiked,
        UriKind::Other => return restricted(Restriction::NotPlayable),
        _ => Call::PlayUri(start.uri.clone()),
    };
    let shuffle = if again && start.again == Again::Shuffle { Some(true) } else { start.shuffle };
    let shuffle = shuffle.filter(|on| now.is_none_or(|now| now.shuffle != *on));
    let shuffle = shuffle.map(|on| (Call::Shuffle(on), Some(What::Shuffle(on))));
    let started = now.map(|_| What::Started { uri: start.uri.clone() });
    Ok(shuffle.into_iter().chain([(call, started)]).collect())
}

fn transfer(player: &Player, id: &str, play: Option<bool>) -> Step {
    let known =
        player.devices.iter().flat_map(|devices| devices.iter()).find(|device| device.id.as_deref() == Some(id));
    let change = known.map(|device| What::Device(device.clone()));
    (Call::Transfer { device: id.to_owned(), play }, change)
}
