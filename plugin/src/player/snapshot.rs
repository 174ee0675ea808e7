//! [`Player`]: an immutable snapshot of the model at one moment, for widgets.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use host_sdk::package::InstanceId;
use tokio::time::Instant;

use super::command::{self, Command, Verb};
use super::device::{self, ChosenDevice};
use super::modes::UnsupportedModes;
use super::sleep::SleepTimer;
use super::volume::{Volume, Volumes};
use crate::auth::{AuthState, Limit, LimitKind, Link};
use crate::spotify::{Device, DeviceId, Disallows, Error, Item, PlayingType, Repeat, Uri, UriKind};
use crate::unix_time::UnixTime;

const SECOND: Duration = Duration::from_secs(1);
const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(3_600);

/// The current item.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Track {
    /// Its Spotify URI, if it has one.
    pub uri: Option<Uri>,
    /// The URI of the unavailable track that it replaces, if any. Playlists and the library contain that one.
    pub original: Option<Uri>,
    /// Its kind as named by Spotify, such as track or episode.
    pub kind: String,
    /// Its title.
    pub title: String,
    /// Its artists, show or audiobook.
    pub byline: String,
    /// Its album; empty if it has none.
    pub album: String,
    /// Its pictures: width in pixels (0 if unknown) and URL.
    pub covers: Vec<(u32, String)>,
    /// Its length; zero if unknown.
    pub duration: Duration,
    /// Whether it is a local file, which isn't in Spotify's catalogue.
    pub local: bool,
}

impl Track {
    pub(super) fn of(item: &Item) -> Self {
        let covers = item.pictures().iter().map(|picture| (picture.width.unwrap_or_default(), picture.url.clone()));
        Self {
            uri: item.uri.clone(),
            original: item.linked_from.as_ref().and_then(|original| original.uri.clone()),
            kind: item.kind.clone(),
            title: item.name.clone(),
            byline: item.byline(),
            album: item.album.as_ref().map(|album| album.name.clone()).unwrap_or_default(),
            covers: covers.collect(),
            duration: Duration::from_millis(item.duration_ms),
            local: item.is_local,
        }
    }
}

/// The playback state at one moment, with pending changes applied.
#[derive(Clone, Debug, PartialEq)]
pub struct Now {
    /// Whether something plays.
    pub playing: bool,
    /// The current item; `None` during ads and in private sessions.
    pub track: Option<Track>,
    /// The kind of the current item, known even if `track` is `None`.
    pub kind: PlayingType,
    /// The playlist, album, artist or show that it plays from.
    pub context: Option<Uri>,
    /// Whether it is one of Spotify's recommendations after the end of the context.
    pub recommended: bool,
    /// The playback position.
    pub position: Duration,
    /// The volume, 0 to 100, if the device has one and reports it.
    pub volume: Option<u8>,
    /// The volumes from which a step up and a step down start, if known.
    pub(super) steps_from: Option<(u8, u8)>,
    /// Whether shuffle or smart shuffle is on.
    pub shuffle: bool,
    /// Whether smart shuffle is on.
    pub smart_shuffle: bool,
    /// The repeat mode.
    pub repeat: Repeat,
    /// The actions that Spotify currently refuses.
    pub disallows: Disallows,
    /// The active device.
    pub device: Device,
    /// Whether a skip was requested whose result isn't known yet.
    pub skipping: bool,
}

impl Now {
    /// Returns the URI of the current item.
    #[must_use]
    pub fn uri(&self) -> Option<&Uri> {
        self.track.as_ref()?.uri.as_ref()
    }

    /// Returns the URI under which playlists and the library contain the current item.
    #[must_use]
    pub fn library_uri(&self) -> Option<&Uri> {
        let track = self.track.as_ref()?;
        track.original.as_ref().or(track.uri.as_ref())
    }

    /// Returns whether `uri` is the current item, or the one that it replaces.
    #[must_use]
    pub fn is(&self, uri: &Uri) -> bool {
        [self.uri(), self.library_uri()].contains(&Some(uri))
    }

    /// Returns the playlist that the item can be removed from: the current one, unless the item is a recommendation.
    #[must_use]
    pub fn removable_from(&self) -> Option<Uri> {
        self.playlist().filter(|_| !self.recommended)
    }

    /// Returns the length of the current item, if known.
    #[must_use]
    pub fn duration(&self) -> Option<Duration> {
        self.track.as_ref().map(|track| track.duration).filter(|duration| !duration.is_zero())
    }

    pub(super) fn set_loudness(&mut self, volume: Volume) {
        self.volume = volume.percent;
        self.steps_from = volume.up_from.zip(volume.down_from);
    }

    fn loudness(&self) -> Volume {
        let (up_from, down_from) = self.steps_from.unzip();
        Volume { percent: self.volume, up_from, down_from }
    }

    /// Returns the context, if it is a playlist.
    #[must_use]
    pub fn playlist(&self) -> Option<Uri> {
        self.context.clone().filter(|uri| uri.kind() == UriKind::Playlist)
    }
}

/// The remaining time of a limit, as it is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Wait {
    /// In seconds, rounded up to whole seconds up to an hour and to whole minutes above.
    pub seconds: u64,
    /// The kind of the limit.
    pub kind: LimitKind,
}

impl Wait {
    /// Returns the remaining time of a limit; `None` if it is over.
    #[must_use]
    pub fn of(limit: Limit, date: UnixTime) -> Option<Self> {
        let left = left_of(limit, date);
        (!left.is_zero()).then(|| Self { seconds: seconds_shown(left), kind: limit.kind })
    }

    /// Returns the time until the wait for this limit is shown differently.
    pub(super) fn next_change_in(limit: Limit, date: UnixTime) -> Option<Duration> {
        next_unit_in(left_of(limit, date))
    }
}

fn left_of(limit: Limit, date: UnixTime) -> Duration {
    limit.until.saturating_duration_since(date)
}

/// Returns the unit in which a remaining time is shown: seconds up to an hour, then minutes.
fn unit_of(left: Duration) -> Duration {
    if left > HOUR { MINUTE } else { SECOND }
}

/// Returns a remaining time as it is shown: rounded up to a whole number of units, in seconds.
pub(super) fn seconds_shown(left: Duration) -> u64 {
    let unit = unit_of(left);
    u64::try_from(left.as_nanos().div_ceil(unit.as_nanos())).unwrap_or(u64::MAX).saturating_mul(unit.as_secs())
}

/// Returns the time until a remaining time is shown differently; `None` if nothing remains.
pub(super) fn next_unit_in(left: Duration) -> Option<Duration> {
    let unit = unit_of(left);
    // Until a whole number of units remains.
    match left.as_nanos() % unit.as_nanos() {
        _ if left.is_zero() => None,
        0 => Some(unit),
        rest => u64::try_from(rest).ok().map(Duration::from_nanos),
    }
}

/// Why a command had no effect.
#[derive(Clone, Debug, PartialEq)]
pub struct Refusal {
    /// The instance whose key was pressed.
    pub instance: InstanceId,
    /// The reason.
    pub error: Error,
    pub(super) until: Instant,
    /// The command, if it was refused without a call.
    pub(super) unsent: Option<Command>,
}

/// A command that has recently succeeded and whose effect isn't visible otherwise.
#[derive(Clone, Debug, PartialEq)]
pub struct Done {
    /// The instance whose key was pressed.
    pub instance: InstanceId,
    /// The title of the item, if the command referred to the current one.
    pub title: Option<String>,
    pub(super) until: Instant,
}

/// A snapshot of the model, for widgets.
#[derive(Clone, Debug, PartialEq)]
pub struct Player {
    /// The overall state of the accounts.
    pub link: Link,
    /// The accounts.
    pub accounts: Arc<AuthState>,
    /// How long nothing may be sent to Spotify, if every account is limited.
    pub wait: Option<Wait>,
    /// How long the preferred account is limited, while another one serves.
    pub first_back_in: Option<Wait>,
    /// In how many days, rounded up, the next login expires, if soon.
    pub sign_in_ends_in: Option<u64>,
    /// The playback state; `None` if nothing is active, or nothing is known yet.
    pub now: Option<Now>,
    /// Whether Spotify has answered since the accounts were linked.
    pub known: bool,
    /// Whether `now` is outdated, because it can't be renewed.
    pub stale: bool,
    /// Why `now` can't be renewed.
    pub last_error: Option<Error>,
    /// The devices with Spotify open; `None` until a key shows them.
    pub devices: Option<Arc<Vec<Device>>>,
    /// The queue; `None` until a key shows it.
    pub queue: Option<Arc<Vec<Track>>>,
    /// The playlist that something was added to last.
    pub last_playlist: Option<Uri>,
    /// The sleep timer, while it runs.
    pub sleep: Option<SleepTimer>,
    /// Whether `now` is recent enough to refuse a press because of it: see
    /// [`BELIEVED_FOR`](super::state::BELIEVED_FOR).
    pub(super) believes_now: bool,
    /// Whether `devices` is recent enough to refuse a press because of it.
    pub(super) believes_devices: bool,
    pub(super) unsupported_modes: UnsupportedModes,
    /// Whether to play Liked Songs as a list of tracks, as Spotify didn't accept them as a context.
    pub(super) liked_as_list: bool,
    pub(super) saved: Arc<BTreeMap<Uri, bool>>,
    pub(super) playlist: Option<String>,
    pub(super) started: Option<Uri>,
    pub(super) refusal: Option<Refusal>,
    pub(super) done: Option<Done>,
}

impl Player {
    /// Returns why the last press of an instance had no effect, while that is shown.
    #[must_use]
    pub fn refusal(&self, instance: &InstanceId) -> Option<&Error> {
        self.refusal.as_ref().filter(|refusal| refusal.instance == *instance).map(|refusal| &refusal.error)
    }

    /// Returns the user whose Liked Songs can be tried as a context.
    pub(super) fn liked_context(&self) -> Option<&str> {
        let (_, account) = self.accounts.serving().filter(|_| !self.liked_as_list)?;
        account.user.as_ref().map(|user| user.id.as_str())
    }

    /// Returns a chosen device with its current id, if known.
    pub(super) fn current(&self, chosen: &ChosenDevice) -> ChosenDevice {
        let listed = self.devices.as_deref().map(Vec::as_slice).unwrap_or_default();
        match chosen.find_in(listed).device().and_then(|device| device.id.as_ref()) {
            Some(id) => chosen.with_id(id),
            // It may be asleep, or not listed yet: the devices are listed again when the call is sent.
            None => chosen.clone(),
        }
    }

    /// Returns the id of a chosen device; `None` for the active one.
    pub(super) fn target<'a>(&'a self, chosen: Option<&'a ChosenDevice>) -> Option<&'a DeviceId> {
        match chosen {
            Some(chosen) => Some(&chosen.id),
            None => self.now.as_ref()?.device.id.as_ref(),
        }
    }

    /// Returns a chosen device, or the active one, if known.
    fn device(&self, chosen: Option<&ChosenDevice>) -> Option<&Device> {
        let active = self.now.as_ref().map(|now| &now.device);
        let Some(chosen) = chosen else { return active };
        // The playback state is more recent than the list of devices.
        let is_chosen = |device: &&Device| device.id.as_ref() == Some(&chosen.id);
        active.filter(is_chosen).or_else(|| chosen.find_in(self.devices.as_deref()?).device())
    }

    /// Returns the volume that a chosen device, or the active one, reports.
    pub(super) fn settable_volume(&self, chosen: Option<&ChosenDevice>) -> Option<u8> {
        self.device(chosen)?.settable_volume()
    }

    /// Returns the volume of a chosen device, or of the active one, with pending changes applied.
    #[must_use]
    pub fn volume(&self, chosen: Option<&ChosenDevice>) -> Volume {
        let Some(device) = self.device(chosen) else { return Volume::default() };
        match &self.now {
            Some(now) if std::ptr::eq(&now.device, device) => now.loudness(),
            _ => Volume::exactly(device.settable_volume()),
        }
    }

    /// Returns why a command would be refused now without a call, if it would.
    #[must_use]
    pub fn obstacle(&self, verb: &Verb, device: Option<&ChosenDevice>) -> Option<Error> {
        command::obstacle(verb, device, self).or_else(|| command::decide(verb, device, self, &Volumes::default()).err())
    }

    /// Returns whether there is another device to transfer to, or that isn't known.
    #[must_use]
    pub fn has_next_device(&self) -> bool {
        let active = self.now.as_ref().and_then(|now| now.device.id.as_ref());
        self.devices
            .as_ref()
            .filter(|_| self.believes_devices)
            .is_none_or(|devices| device::next(devices, active).is_some())
    }

    /// Returns the last command of an instance, if it has recently succeeded and its effect isn't visible otherwise.
    #[must_use]
    pub fn done(&self, instance: &InstanceId) -> Option<&Done> {
        self.done.as_ref().filter(|done| done.instance == *instance)
    }

    /// Returns whether the user has saved this URI, if known.
    #[must_use]
    pub fn saved(&self, uri: &Uri) -> Option<bool> {
        self.saved.get(uri).copied()
    }

    /// Returns the name of the current playlist, if known.
    #[must_use]
    pub fn playlist_name(&self) -> Option<&str> {
        self.playlist.as_deref()
    }

    /// Returns whether `uri` is the current item or its context.
    #[must_use]
    pub fn plays(&self, uri: &Uri) -> bool {
        let Some(now) = &self.now else { return false };
        match &now.context {
            Some(context) if context == uri => true,
            // They may have been started as a list of tracks, for which Spotify reports no context.
            None if uri.is_liked_songs() => self.started.as_ref() == Some(uri),
            _ => now.is(uri),
        }
    }
}
