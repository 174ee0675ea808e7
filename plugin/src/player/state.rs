//! The part of the model that is shown. It is published whenever it changes, so it is small and stays so: a snapshot for
//! any moment can be made of it, and nothing in it grows with what was played before.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use host_sdk::package::InstanceId;
use tokio::time::Instant;

use super::command::Effect;
use super::modes::Lacking;
use super::position::{Position, has_begun_again};
use super::queries::DEVICES_LAST;
use super::settle::LastPlaying;
use super::sleep::Sleep;
use super::snapshot::{Done, Now, Player, Refusal, Track, Wait};
use super::volume::{Volume, Volumes};
use crate::auth::{AuthState, Group, Limit};
use crate::clock::Moment;
use crate::spotify::{Device, DeviceId, Disallows, Error, Uri};

/// State that couldn't be renewed for so long is shown as old.
pub(super) const STALE_AFTER: Duration = Duration::from_secs(20);
/// What Spotify has said that it disallows is in the way of a press for so long: a little longer than the longest time between
/// two queries, so that no key changes its look between them.
pub(super) const BELIEVED_FOR: Duration = Duration::from_secs(75);
/// A position that Spotify tells is taken for the one that was asked for within this.
const SAME_POSITION: Duration = Duration::from_millis(2_500);
/// Reads lag behind writes by no more than this; mostly by some 100 ms.
pub(super) const LAG: Duration = Duration::from_secs(1);
const DAY: Duration = Duration::from_secs(24 * 3_600);

/// A change that was asked for and isn't yet part of what Spotify tells.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Change {
    pub id: u64,
    pub effect: Effect,
    pub at: Instant,
    /// When its call succeeded.
    pub done_at: Option<Instant>,
    /// What played then, where it puts on another item.
    pub left: Option<Left>,
    /// The instance whose key was pressed.
    pub instance: InstanceId,
}

/// What played when another item was asked for. The other one may be the same: where it is repeated, twice in a row, or
/// started once more.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Left {
    pub uri: Option<Uri>,
    pub position: Duration,
    pub playing: bool,
    /// Whether it was what was asked for already.
    pub matched: bool,
}

impl Change {
    /// Whether what plays is no longer what played when this was asked for.
    fn has_left(&self, known: &Snapshot, now: Instant) -> bool {
        let Some(left) = &self.left else { return true };
        if known.now.uri().is_none() || known.now.uri() != left.uri.as_ref() {
            return true;
        }
        let elapsed = now.saturating_duration_since(self.at);
        let expected = if left.playing { left.position + elapsed } else { left.position };
        if known.position.is_estimate {
            // The position doesn't show it, so reads are believed once they can't lag behind the call any more.
            return self.done_at.is_some_and(|done_at| now.saturating_duration_since(done_at) >= LAG);
        }
        has_begun_again(known.now.position, expected, elapsed)
    }

    pub fn agrees_with(&self, known: &Snapshot, now: Instant) -> bool {
        let current = &known.now;
        match &self.effect {
            Effect::Playing(playing) => current.playing == *playing,
            Effect::Skip => self.has_left(known, now),
            Effect::Started { uri } => {
                let is_restart = self.left.as_ref().is_some_and(|left| left.matched);
                is_start_of(uri, current) && (!is_restart || self.has_left(known, now))
            }
            Effect::Volume { device, percent, before } => {
                *device == current.device.id && Volumes::is_answer(*percent, *before, current.device.told_volume())
            }
            Effect::Position(position) => {
                let played = if current.playing { now.saturating_duration_since(self.at) } else { Duration::ZERO };
                current.position.abs_diff(*position + played) <= SAME_POSITION
            }
            Effect::Shuffle(on) => current.shuffle == *on,
            Effect::Repeat(repeat) => current.repeat == *repeat,
            Effect::Device(device) => current.device.id == device.id,
            // QueryResult by another query.
            Effect::Saved { .. } => false,
        }
    }
}

/// Whether what plays can be what was started with this URI.
pub(super) fn is_start_of(uri: &Uri, now: &Now) -> bool {
    match &now.context {
        // Spotify is given Liked Songs as a list of tracks, and tells no context then.
        None if uri.is_liked_songs() => true,
        context => context.as_ref() == Some(uri) || now.is(uri),
    }
}

/// What Spotify told, and when.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Snapshot {
    pub now: Now,
    /// How `now.position` is known.
    pub position: Position,
    /// When it was right.
    pub at: Instant,
}

/// What is shown: what Spotify told last, and what was asked for since.
#[derive(Clone, Debug, PartialEq)]
pub struct State {
    pub(super) accounts: Arc<AuthState>,
    pub(super) known: Option<Option<Snapshot>>,
    /// When Spotify last answered.
    pub(super) answered_at: Option<Instant>,
    pub(super) last_error: Option<Error>,
    pub(super) refusal: Option<Refusal>,
    pub(super) done: Option<Done>,
    pub(super) changes: Vec<Change>,
    pub(super) last_playlist: Option<Uri>,
    pub(super) started: Option<Uri>,
    /// Whether what visible keys show is saved, as far as that is known.
    pub(super) saved: Arc<BTreeMap<Uri, bool>>,
    /// The names of the playlist that plays and of those that are being started, as far as they are known.
    pub(super) playlists: Arc<BTreeMap<Uri, String>>,
    pub(super) devices: Option<Arc<Vec<Device>>>,
    /// When `devices` was asked for.
    pub(super) devices_at: Option<Instant>,
    pub(super) lacking: Lacking,
    /// Whether Liked Songs weren't taken as a context.
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
            lacking: Lacking::default(),
            liked_as_list: false,
            upcoming: None,
            sleep: None,
        }
    }

    /// Until when nothing may be sent, as every account is limited.
    pub(super) fn limit(&self, now: Moment) -> Option<Limit> {
        self.accounts.limit.filter(|limit| limit.until > now.date)
    }

    /// What limits the account that should serve, while another one does.
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

    /// The playlist that something was added to last.
    #[must_use]
    pub fn last_playlist(&self) -> Option<&Uri> {
        self.last_playlist.as_ref()
    }

    /// The devices as they were listed last.
    #[must_use]
    pub fn devices(&self) -> Option<&[Device]> {
        self.devices.as_deref().map(Vec::as_slice)
    }

    /// Returns since when what is known of what plays was right.
    fn known_since(&self) -> Option<Instant> {
        match &self.known {
            Some(Some(known)) => Some(known.at),
            _ => self.answered_at,
        }
    }

    /// Whether what is known of what plays is older than this.
    pub(super) fn is_older_than(&self, age: Duration, now: Instant) -> bool {
        self.known_since().is_none_or(|since| now.saturating_duration_since(since) > age)
    }

    /// Returns after what time the snapshot changes although nothing happens, other than by progress: a refusal was shown
    /// long enough, a state gets old, a wait or the sleep timer is a second shorter.
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

    /// Where the item that is known would be by then, whatever its length, with those of the changes that don't put on
    /// another one.
    pub(super) fn position_at(&self, now: Instant, counts: impl Fn(&Change) -> bool) -> Option<Duration> {
        let known = self.known.as_ref()?.as_ref()?;
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

    /// What plays before a call with this id, if that is sure: Spotify's state is fresh, and all that was asked for before shows
    /// in it.
    pub(super) fn before(&self, id: u64, now: Instant) -> Option<LastPlaying> {
        let known = self.known.as_ref()?.as_ref()?;
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

    /// What plays at a moment, with everything that was asked for taken as done.
    pub(super) fn now_at(&self, moment: Instant) -> Option<Now> {
        let known = self.known.as_ref()?.as_ref()?;
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
                    // It was said of what played before.
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
                    now.set_loudness(Volume::exactly(device.told_volume()));
                    now.device = device.clone();
                    now.disallows = Disallows::default();
                }
                Effect::Saved { .. } => {}
            }
        }
        now.position = advanced(&now, at, moment);
        Some(now)
    }

    /// The devices with the volumes that were asked for.
    fn devices_at(&self) -> Option<Arc<Vec<Device>>> {
        let mut devices = self.devices.clone()?;
        for change in &self.changes {
            if let Effect::Volume { device: Some(id), percent, .. } = &change.effect {
                set_volume(&mut devices, id, *percent);
            }
        }
        Some(devices)
    }

    /// All that a widget may look at, at a moment.
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
            lacking: self.lacking.clone(),
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

/// Returns the position that it has reached by then.
fn advanced(now: &Now, from: Instant, to: Instant) -> Duration {
    let played = if now.playing { to.saturating_duration_since(from) } else { Duration::ZERO };
    let position = now.position + played;
    now.duration().map_or(position, |duration| position.min(duration))
}
