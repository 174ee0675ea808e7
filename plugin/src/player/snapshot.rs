//! What a widget may look at: everything about the player at one moment, and nothing that changes.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use host_sdk::package::InstanceId;
use tokio::time::Instant;

use super::command::{self, Command, Verb};
use super::device::{self, ChosenDevice};
use super::modes::Lacking;
use super::sleep::SleepTimer;
use super::volume::{Volume, Volumes};
use crate::auth::{AuthState, Limit, LimitKind, Link};
use crate::spotify::{Device, DeviceId, Disallows, Error, Item, PlayingType, Repeat, Uri, UriKind};
use crate::unix_time::UnixTime;

const SECOND: Duration = Duration::from_secs(1);
const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(3_600);

/// What plays.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Track {
    /// Its Spotify URI; none where Spotify names none.
    pub uri: Option<Uri>,
    /// What it plays in place of, where that isn't available itself: that is what playlists and the library have.
    pub original: Option<Uri>,
    /// Its kind in Spotify's words, such as track or episode.
    pub kind: String,
    /// Its title.
    pub title: String,
    /// Its artists, show or audiobook.
    pub byline: String,
    /// Its album; empty for what has none.
    pub album: String,
    /// Its pictures: width in pixels (0 where Spotify doesn't say) and address.
    pub covers: Vec<(u32, String)>,
    /// Its length; zero if unknown.
    pub duration: Duration,
    /// A file of the user's own, which Spotify has no more than the name of.
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

/// What Spotify is doing at one moment, with everything that was asked for taken as done.
#[derive(Clone, Debug, PartialEq)]
pub struct Now {
    /// Whether it plays.
    pub playing: bool,
    /// What plays; none during ads and in private sessions.
    pub track: Option<Track>,
    /// The kind of what plays, also where there is no track.
    pub kind: PlayingType,
    /// The URI of the playlist, album, artist or show that it plays from.
    pub context: Option<Uri>,
    /// Whether it is what Spotify goes on with after the context, and isn't in it.
    pub recommended: bool,
    /// How far it has played.
    pub position: Duration,
    /// The volume, 0 to 100, where the device has one and tells it.
    pub volume: Option<u8>,
    /// What a step up, and a step down, start from, where that is known.
    pub(super) steps_from: Option<(u8, u8)>,
    /// Whether shuffle is on, Spotify's own mix included.
    pub shuffle: bool,
    /// Whether it is Spotify's own mix that is on.
    pub smart_shuffle: bool,
    /// What is repeated.
    pub repeat: Repeat,
    /// What Spotify would refuse.
    pub disallows: Disallows,
    /// The active device.
    pub device: Device,
    /// A skip was asked for whose outcome isn't known yet.
    pub skipping: bool,
}

impl Now {
    /// The URI of what plays.
    #[must_use]
    pub fn uri(&self) -> Option<&Uri> {
        self.track.as_ref()?.uri.as_ref()
    }

    /// The URI under which playlists and the library have what plays.
    #[must_use]
    pub fn library_uri(&self) -> Option<&Uri> {
        let track = self.track.as_ref()?;
        track.original.as_ref().or(track.uri.as_ref())
    }

    /// Whether this is what plays, or what it plays in place of.
    #[must_use]
    pub fn is(&self, uri: &Uri) -> bool {
        [self.uri(), self.library_uri()].contains(&Some(uri))
    }

    /// The playlist that it can be removed from: the one that it plays from, if it is in it.
    #[must_use]
    pub fn removable_from(&self) -> Option<Uri> {
        self.playlist().filter(|_| !self.recommended)
    }

    /// Its length, if that is known.
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

    /// The playlist that it plays from, if it is one.
    #[must_use]
    pub fn playlist(&self) -> Option<Uri> {
        self.context.clone().filter(|uri| uri.kind() == UriKind::Playlist)
    }
}

/// A wait that Spotify has asked for, as it is said: whole seconds up to an hour, then whole minutes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Wait {
    /// What is left, rounded up, in seconds.
    pub seconds: u64,
    /// Why.
    pub kind: LimitKind,
}

impl Wait {
    /// Returns what is left of a limit; `None` when it is over.
    #[must_use]
    pub fn of(limit: Limit, date: UnixTime) -> Option<Self> {
        let left = left_of(limit, date);
        (!left.is_zero()).then(|| Self { seconds: seconds_shown(left), kind: limit.kind })
    }

    /// Returns after what time the wait for this limit is shown differently.
    pub(super) fn next_change_in(limit: Limit, date: UnixTime) -> Option<Duration> {
        next_unit_in(left_of(limit, date))
    }
}

fn left_of(limit: Limit, date: UnixTime) -> Duration {
    limit.until.saturating_duration_since(date)
}

/// The unit in which a remaining time is shown: seconds up to an hour, then minutes.
fn unit_of(left: Duration) -> Duration {
    if left > HOUR { MINUTE } else { SECOND }
}

/// Returns a remaining time as it is shown: rounded up to a whole number of units, in seconds.
pub(super) fn seconds_shown(left: Duration) -> u64 {
    let unit = unit_of(left);
    u64::try_from(left.as_nanos().div_ceil(unit.as_nanos())).unwrap_or(u64::MAX).saturating_mul(unit.as_secs())
}

/// Returns after what time a remaining time is shown differently; `None` if nothing remains.
pub(super) fn next_unit_in(left: Duration) -> Option<Duration> {
    let unit = unit_of(left);
    // When a whole number of units is left, or the next lower one.
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
    /// What was in the way.
    pub error: Error,
    pub(super) until: Instant,
    /// The command, where it was refused without a call, as what was known was in the way.
    pub(super) unsent: Option<Command>,
}

/// A command whose effect shows nowhere else, shortly after it worked.
#[derive(Clone, Debug, PartialEq)]
pub struct Done {
    /// The instance whose key was pressed.
    pub instance: InstanceId,
    /// The title of what it was about, where that is what played.
    pub title: Option<String>,
    pub(super) until: Instant,
}

/// A snapshot of the model: all that a widget may look at.
#[derive(Clone, Debug, PartialEq)]
pub struct Player {
    /// The accounts in one word.
    pub link: Link,
    /// The accounts.
    pub accounts: Arc<AuthState>,
    /// For how long nothing may be sent to Spotify, as every account is limited.
    pub wait: Option<Wait>,
    /// For how long the account that should serve is limited, while another one serves.
    pub first_back_in: Option<Wait>,
    /// In how many days, rounded up, the next sign-in ends, if that is soon.
    pub sign_in_ends_in: Option<u64>,
    /// What plays; none if nothing is active, or nothing is known yet.
    pub now: Option<Now>,
    /// Whether Spotify has answered at all since the accounts were linked.
    pub known: bool,
    /// Whether `now` is too old to be shown as true.
    pub stale: bool,
    /// What is in the way of renewing it.
    pub last_error: Option<Error>,
    /// The devices with Spotify open; none while nobody shows them.
    pub devices: Option<Arc<Vec<Device>>>,
    /// What comes next; none while nobody shows it.
    pub queue: Option<Arc<Vec<Track>>>,
    /// The playlist that something was added to last.
    pub last_playlist: Option<Uri>,
    /// The sleep timer, while it runs.
    pub sleep: Option<SleepTimer>,
    /// Whether `now` is recent enough for what it disallows to be in the way of a press: see
    /// [`BELIEVED_MS`](super::state::BELIEVED_MS).
    pub(super) believes_now: bool,
    /// The same of `devices`.
    pub(super) believes_devices: bool,
    pub(super) lacking: Lacking,
    /// Whether Liked Songs are to be played as a list, as they weren't taken as a context.
    pub(super) liked_as_list: bool,
    pub(super) saved: Arc<BTreeMap<Uri, bool>>,
    pub(super) playlist: Option<String>,
    pub(super) started: Option<Uri>,
    pub(super) refusal: Option<Refusal>,
    pub(super) done: Option<Done>,
}

impl Player {
    /// Why the last press of an instance had no effect, shortly after.
    #[must_use]
    pub fn refusal(&self, instance: &InstanceId) -> Option<&Error> {
        self.refusal.as_ref().filter(|refusal| refusal.instance == *instance).map(|refusal| &refusal.error)
    }

    /// The user whose Liked Songs can be tried as a context.
    pub(super) fn liked_context(&self) -> Option<&str> {
        let (_, account) = self.accounts.serving().filter(|_| !self.liked_as_list)?;
        account.user.as_ref().map(|user| user.id.as_str())
    }

    /// A chosen device under the id that it has now, as far as is known.
    pub(super) fn current(&self, chosen: &ChosenDevice) -> ChosenDevice {
        let listed = self.devices.as_deref().map(Vec::as_slice).unwrap_or_default();
        match chosen.find_in(listed).device().and_then(|device| device.id.as_ref()) {
            Some(id) => chosen.with_id(id),
            // It may be asleep, or not listed yet: whoever sends the call will see.
            None => chosen.clone(),
        }
    }

    /// The id of a chosen device, or of the active one.
    pub(super) fn target<'a>(&'a self, chosen: Option<&'a ChosenDevice>) -> Option<&'a DeviceId> {
        match chosen {
            Some(chosen) => Some(&chosen.id),
            None => self.now.as_ref()?.device.id.as_ref(),
        }
    }

    /// What is known of a chosen device, or of the active one.
    fn device(&self, chosen: Option<&ChosenDevice>) -> Option<&Device> {
        let active = self.now.as_ref().map(|now| &now.device);
        let Some(chosen) = chosen else { return active };
        // What plays is known better than what was listed a while ago.
        let is_chosen = |device: &&Device| device.id.as_ref() == Some(&chosen.id);
        active.filter(is_chosen).or_else(|| chosen.find_in(self.devices.as_deref()?).device())
    }

    /// The volume that a chosen device, or the active one, tells.
    pub(super) fn told_volume(&self, chosen: Option<&ChosenDevice>) -> Option<u8> {
        self.device(chosen)?.told_volume()
    }

    /// The volume of a chosen device, or of the active one, with everything that was asked for taken as done.
    #[must_use]
    pub fn volume(&self, chosen: Option<&ChosenDevice>) -> Volume {
        let Some(device) = self.device(chosen) else { return Volume::default() };
        match &self.now {
            Some(now) if std::ptr::eq(&now.device, device) => now.loudness(),
            _ => Volume::exactly(device.told_volume()),
        }
    }

    /// What would be in the way of a command now, as far as is known: a press would say so and send nothing.
    #[must_use]
    pub fn obstacle(&self, verb: &Verb, device: Option<&ChosenDevice>) -> Option<Error> {
        command::obstacle(verb, device, self).or_else(|| command::decide(verb, device, self, &Volumes::default()).err())
    }

    /// Whether there may be another device to move to: there is one, or it isn't known.
    #[must_use]
    pub fn has_next_device(&self) -> bool {
        let active = self.now.as_ref().and_then(|now| now.device.id.as_ref());
        self.devices
            .as_ref()
            .filter(|_| self.believes_devices)
            .is_none_or(|devices| device::next(devices, active).is_some())
    }

    /// The last press of an instance, if it has just worked and its effect shows nowhere else.
    #[must_use]
    pub fn done(&self, instance: &InstanceId) -> Option<&Done> {
        self.done.as_ref().filter(|done| done.instance == *instance)
    }

    /// Whether the user has saved this URI, if that is known.
    #[must_use]
    pub fn saved(&self, uri: &Uri) -> Option<bool> {
        self.saved.get(uri).copied()
    }

    /// The name of the playlist that plays, if it is known.
    #[must_use]
    pub fn playlist_name(&self) -> Option<&str> {
        self.playlist.as_deref()
    }

    /// Whether this is what plays, or what it plays from.
    #[must_use]
    pub fn plays(&self, uri: &Uri) -> bool {
        let Some(now) = &self.now else { return false };
        match &now.context {
            Some(context) if context == uri => true,
            // They may have been started as a list of tracks, for which Spotify names no context.
            None if uri.is_liked_songs() => self.started.as_ref() == Some(uri),
            _ => now.is(uri),
        }
    }
}
