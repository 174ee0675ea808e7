//! [`State`]: the part of the model that is shown, from which snapshots for any moment are made.
//!
//! It is published whenever it changes, so its size is bounded: nothing in it grows with what was played before.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use host_sdk::package::InstanceId;
use tokio::time::Instant;

use super::command::Effect;
use super::modes::UnsupportedModes;
use super::position::{Position, has_restarted};
use super::queries::DEVICES_LAST;
use super::settle::LastPlaying;
use super::sleep::Sleep;
use super::snapshot::{Done, Now, Player, Refusal, Track, Wait};
use super::volume::{Volume, Volumes};
use crate::auth::{AuthState, Group, Limit};
use crate::clock::Moment;
use crate::spotify::{Device, DeviceId, Disallows, Error, Uri};

/// A state that couldn't be renewed for this long is shown as outdated.
pub(super) const STALE_AFTER: Duration = Duration::from_secs(20);
/// How long a state may be used to refuse a press: a little longer than the longest interval between two polls, so that no key
/// changes its appearance between them.
pub(super) const BELIEVED_FOR: Duration = Duration::from_secs(75);
/// A reported position this close to the requested one counts as the same.
const SAME_POSITION: Duration = Duration::from_millis(2_500);
/// The longest time by which answers lag behind writes; usually it is some 100 ms.
pub(super) const LAG: Duration = Duration::from_secs(1);
const DAY: Duration = Duration::from_secs(24 * 3_600);

/// A requested change that Spotify's answers don't reflect yet.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Change {
    pub id: u64,
    pub effect: Effect,
    pub at: Instant,
    /// When its call succeeded.
    pub done_at: Option<Instant>,
    /// The item before, if the effect is to change it.
    pub previous: Option<PreviousItem>,
    /// The instance whose key was pressed.
    pub instance: InstanceId,
}

/// The item that played when another one was requested. Both may be the same, if it is repeated, listed twice in a row, or
/// started again.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct PreviousItem {
    pub uri: Option<Uri>,
    pub position: Duration,
    pub playing: bool,
    /// Whether it already was the requested one.
    pub matched: bool,
}

impl Change {
    /// Returns whether the item has changed since the request.
    fn item_has_changed(&self, known: &Snapshot, now: Instant) -> bool {
        let Some(previous) = &self.previous else { return true };
        if known.now.uri().is_none() || known.now.uri() != previous.uri.as_ref() {
            return true;
        }
        let elapsed = now.saturating_duration_since(self.at);
        let expected = if previous.playing { previous.position + elapsed } else { previous.position };
        if known.position.is_estimate {
            // An estimate doesn't show it, so answers count once they can't lag behind the call any more.
            return self.done_at.is_some_and(|done_at| now.saturating_duration_since(done_at) >= LAG);
        }
        has_restarted(known.now.position, expected, elapsed)
    }

    /// Returns whether an answer reflects this change.
    pub fn agrees_with(&self, known: &Snapshot, now: Instant) -> bool {
        let current = &known.now;
        match &self.effect {
            Effect::Playing(playing) => current.playing == *playing,
            Effect::Skip => self.item_has_changed(known, now),
            Effect::Started { uri } => {
                let is_restart = self.previous.as_ref().is_some_and(|previous| previous.matched);
                is_start_of(uri, current) && (!is_restart || self.item_has_changed(known, now))
            }
            Effect::Volume { device, percent, before } => {
                *device == current.device.id && Volumes::is_answer(*percent, *before, current.device.settable_volume())
            }
            Effect::Position(position) => {
                let played = if current.playing { now.saturating_duration_since(self.at) } else { Duration::ZERO };
                current.position.abs_diff(*position + played) <= SAME_POSITION
            }
            Effect::Shuffle(on) => current.shuffle == *on,
            Effect::Repeat(repeat) => current.repeat == *repeat,
            Effect::Device(device) => current.device.id == device.id,
            // Another query reports it.
            Effect::Saved { .. } => false,
        }
    }
}

/// Returns whether the current item can be the result of starting this URI.
pub(super) fn is_start_of(uri: &Uri, now: &Now) -> bool {
    match &now.context {
        // They may have been started as a list of tracks, for which Spotify reports no context.
        None if uri.is_liked_songs() => true,
        context => context.as_ref() == Some(uri) || now.is(uri),
    }
}

/// The playback state that Spotify reported last.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Snapshot {
    pub now: Now,
    /// The position, and how it is known.
    pub position: Position,
    /// The time that it refers to.
    pub at: Instant,
}

/// What is shown: the state that Spotify reported last, and the changes requested since.
#[derive(Clone, Debug, PartialEq)]
pub struct State {
    pub(super) accounts: Arc<AuthState>,
    /// The last answer; `Some(None)` if nothing is active.
    pub(super) known: Option<Option<Snapshot>>,
    /// When Spotify last answered a poll.
    pub(super) answered_at: Option<Instant>,
    pub(super) last_error: Option<Error>,
    pub(super) refusal: Option<Refusal>,
    pub(super) done: Option<Done>,
    pub(super) changes: Vec<Change>,
    pub(super) last_playlist: Option<Uri>,
    pub(super) started: Option<Uri>,
    /// Whether the URIs of visible keys are saved, as far as known.
    pub(super) saved: Arc<BTreeMap<Uri, bool>>,
    /// The names of the current playlist and of those being started, as far as known.
    pub(super) playlists: Arc<BTreeMap<Uri, String>>,
    pub(super) devices: Option<Arc<Vec<Device>>>,
    /// When `devices` was asked for.
    pub(super) devices_at: Option<Instant>,
    pub(super) unsupported_modes: UnsupportedModes,
    /// Whether Spotify didn't accept Liked Songs as a context.
    pub(super) liked_as_list: bool,
    pub(super) upcoming: Option<Arc<Vec<Track>>>,
    pub(super) sleep: Option<Sleep>,
}

impl State {
    pub(super) fn new(accounts: Arc<AuthState>) -> Self {
        Self {
            accounts,
            known: None,
            answered_at: None,
            last_error: None,
            refusal: None,
            done: None,
            changes: Vec::new(),
            last_playlist: None,
            started: None,
            saved: Arc::default(),
            playlists: Arc::default(),
            devices: None,
            devices_at: None,
            unsupported_modes: UnsupportedModes::default(),
            liked_as_list: false,
            upcoming: None,
            sleep: None,
        }
    }

    /// Returns the limit during which nothing may be sent, as it applies to every account.
    pub(super) fn limit(&self, now: Moment) -> Option<Limit> {
        self.accounts.limit.filter(|limit| limit.until > now.date)
    }

    /// Returns the limit of the preferred account, while another one serves.
    fn first_limit(&self) -> Option<Limit> {
        let (serving, _) = self.accounts.serving()?;
        let first = self.accounts.accounts.iter().position(|account| account.is_preferred).unwrap_or_default();
        if serving == first {
            return None;
        }
        let limits = &self.accounts.accounts.get(first)?.limits;
        let of_the_player = limits.iter().filter(|(group, _)| group.is_none_or(|group| group == Group::Player));
        of_the_player.map(|(_, limit)| *limit).max_by_key(|limit| limit.until)
    }

    /// Returns the playlist that something was added to last.
    #[must_use]
    pub fn last_playlist(&self) -> Option<&Uri> {
        self.last_playlist.as_ref()
    }

    /// Returns the last reported playback state, if something is active.
    pub(super) fn snapshot(&self) -> Option<&Snapshot> {
        self.known.as_ref()?.as_ref()
    }

    /// Returns the devices as listed last.
    #[must_use]
    pub fn devices(&self) -> Option<&[Device]> {
        self.devices.as_deref().map(Vec::as_slice)
    }

    /// Returns the time that the known playback state refers to.
    fn known_since(&self) -> Option<Instant> {
        match &self.known {
            Some(Some(known)) => Some(known.at),
            _ => self.answered_at,
        }
    }

    /// Returns whether the known playback state is older than `age`.
    pub(super) fn is_older_than(&self, age: Duration, now: Instant) -> bool {
        self.known_since().is_none_or(|since| now.saturating_duration_since(since) > age)
    }

    /// Returns the time until the snapshot changes without an event, other than by progress: until a message disappears, the
    /// state becomes outdated, or a remaining time is shown differently.
    #[must_use]
    pub fn next_change_in(&self, now: Moment) -> Option<Duration> {
        let refusal = self.refusal.as_ref().map(|refusal| refusal.until);
        let done = self.done.as_ref().map(|done| done.until);
        let stale = self.answered_at.filter(|_| self.last_error.is_some()).map(|at| at + STALE_AFTER);
        let believed = self.known_since().filter(|_| self.known.is_some()).map(|since| since + BELIEVED_FOR);
        let moments = [refusal, done, stale, believed].into_iter().flatten();
        let waits = moments.map(|at| at.saturating_duration_since(now.instant)).filter(|wait| !wait.is_zero());
        let limit = self.limit(now).and_then(|limit| Wait::next_change_in(limit, now.date));
        let first_limit = self.first_limit().and_then(|limit| Wait::next_change_in(limit, now.date));
        let sleep = self.sleep.as_ref().and_then(|sleep| sleep.next_change_in(now.instant));
        waits.chain([limit, first_limit, sleep].into_iter().flatten()).min()
    }

    /// Returns the position of the known item at a moment, not limited by its length, with the changes applied that `counts`
    /// selects. Changes to another item are ignored.
    pub(super) fn position_at(&self, now: Instant, counts: impl Fn(&Change) -> bool) -> Option<Duration> {
        let known = self.snapshot()?;
        let (mut position, mut playing, mut at) = (known.now.position, known.now.playing, known.at);
        let mut advance = |position: &mut Duration, playing: bool, to: Instant| {
            if playing {
                *position += to.saturating_duration_since(at);
            }
            at = at.max(to);
        };
        for change in self.changes.iter().filter(|change| counts(change)) {
            match change.effect {
                Effect::Playing(then) => {
                    advance(&mut position, playing, change.at);
                    playing = then;
                }
                Effect::Position(then) => {
                    advance(&mut position, false, change.at);
                    position = then;
                }
                _ => {}
            }
        }
        advance(&mut position, playing, now);
        Some(position)
    }

    /// Returns the current item before the call with this id, if it is certain: the state is recent and reflects all earlier
    /// calls.
    pub(super) fn before(&self, id: u64, now: Instant) -> Option<LastPlaying> {
        let known = self.snapshot()?;
        let moves = |change: &Change| {
            !matches!(change.effect, Effect::Volume { .. } | Effect::Saved { .. } | Effect::Shuffle(_))
        };
        let unsettled = self.changes.iter().any(|change| change.id != id && moves(change));
        if unsettled || self.last_error.is_some() || now.saturating_duration_since(known.at) > STALE_AFTER {
            return None;
        }
        let position = advanced(&known.now, known.at, now);
        let ended = known.now.duration().is_some_and(|duration| position >= duration);
        Some(LastPlaying { uri: known.now.uri()?.clone(), position }).filter(|_| !ended)
    }

    /// Returns the playback state at a moment, with pending changes applied.
    pub(super) fn now_at(&self, moment: Instant) -> Option<Now> {
        let known = self.snapshot()?;
        let mut now = known.now.clone();
        let mut at = known.at;
        for change in &self.changes {
            match &change.effect {
                Effect::Playing(playing) => {
                    now.position = advanced(&now, at, change.at);
                    at = change.at.max(at);
                    now.playing = *playing;
                    (now.disallows.pausing, now.disallows.resuming) = (false, false);
                }
                Effect::Skip => {
                    now.position = Duration::ZERO;
                    at = moment;
                    now.skipping = true;
                    // They applied to the previous item.
                    now.disallows = Disallows::default();
                }
                Effect::Started { uri } => {
                    now.position = Duration::ZERO;
                    at = moment;
                    now.skipping = true;
                    now.playing = true;
                    now.context = Some(uri.clone());
                    now.recommended = false;
                    now.disallows = Disallows::default();
                }
                Effect::Position(position) => {
                    now.position = *position;
                    at = change.at;
                }
                Effect::Volume { device, percent, .. } if *device == now.device.id => {
                    now.set_loudness(Volume::exactly(Some(*percent)));
                }
                Effect::Volume { .. } => {}
                Effect::Shuffle(on) => {
                    now.shuffle = *on;
                    now.smart_shuffle &= *on;
                }
                Effect::Repeat(repeat) => now.repeat = *repeat,
                Effect::Device(device) => {
                    now.set_loudness(Volume::exactly(device.settable_volume()));
                    now.device = device.clone();
                    now.disallows = Disallows::default();
                }
                Effect::Saved { .. } => {}
            }
        }
        now.position = advanced(&now, at, moment);
        Some(now)
    }

    /// Returns the devices with the requested volumes.
    fn devices_at(&self) -> Option<Arc<Vec<Device>>> {
        let mut devices = self.devices.clone()?;
        for change in &self.changes {
            if let Effect::Volume { device: Some(id), percent, .. } = &change.effect {
                set_volume(&mut devices, id, *percent);
            }
        }
        Some(devices)
    }

    /// Returns the snapshot for a moment.
    #[must_use]
    pub fn at(&self, now: Moment) -> Player {
        let mut saved = Arc::clone(&self.saved);
        for change in &self.changes {
            if let Effect::Saved { uri, saved: wanted } = &change.effect {
                Arc::make_mut(&mut saved).insert(uri.clone(), *wanted);
            }
        }
        let ends_soon = self.accounts.accounts.iter().filter(|account| account.sign_in_ends_soon);
        let next_end = ends_soon.filter_map(|account| account.sign_in_ends).min();
        let age = |at: Option<Instant>| at.map_or(Duration::MAX, |at| now.instant.saturating_duration_since(at));
        Player {
            link: self.accounts.link,
            accounts: Arc::clone(&self.accounts),
            wait: self.limit(now).and_then(|limit| Wait::of(limit, now.date)),
            first_back_in: self.first_limit().and_then(|limit| Wait::of(limit, now.date)),
            sign_in_ends_in: next_end
                .map(|end| end.saturating_duration_since(now.date).as_secs().div_ceil(DAY.as_secs())),
            now: self.now_at(now.instant),
            known: self.known.is_some(),
            stale: self.last_error.is_some() && age(self.answered_at) >= STALE_AFTER,
            last_error: self.last_error.clone(),
            devices: self.devices_at(),
            queue: self.upcoming.clone(),
            last_playlist: self.last_playlist.clone(),
            sleep: self.sleep.as_ref().and_then(|sleep| sleep.shown(now.instant)),
            unsupported_modes: self.unsupported_modes.clone(),
            liked_as_list: self.liked_as_list,
            believes_now: self.last_error.is_none() && !self.is_older_than(BELIEVED_FOR, now.instant),
            believes_devices: age(self.devices_at) <= DEVICES_LAST,
            saved,
            playlist: self.now_at(now.instant).and_then(|now| self.playlists.get(&now.playlist()?).cloned()),
            started: self.started.clone(),
            refusal: self.refusal.clone().filter(|refusal| now.instant < refusal.until),
            done: self.done.clone().filter(|done| now.instant < done.until),
        }
    }
}

/// Sets the volume of a device in a list.
pub(super) fn set_volume(devices: &mut Arc<Vec<Device>>, id: &DeviceId, percent: u8) {
    let Some(place) = devices.iter().position(|device| device.id.as_ref() == Some(id)) else { return };
    Arc::make_mut(devices)[place].volume_percent = Some(percent);
}

/// Returns the position at `to`, if `now.position` refers to `from`.
fn advanced(now: &Now, from: Instant, to: Instant) -> Duration {
    let played = if now.playing { to.saturating_duration_since(from) } else { Duration::ZERO };
    let position = now.position + played;
    now.duration().map_or(position, |duration| position.min(duration))
}
