//! The part of the model that is shown. It is published whenever it changes, so it is small and stays so: a snapshot for
//! any moment can be made of it, and nothing in it grows with what was played before.

use std::collections::BTreeMap;
use std::sync::Arc;

use host_sdk::package::InstanceId;

use super::command::What;
use super::modes::Lacking;
use super::position::{Position, has_begun_again};
use super::queries::DEVICES_LAST_MS;
use super::settle::LastPlaying;
use super::sleep::Sleep;
use super::snapshot::{Done, Now, Player, Refusal, Track, Wait};
use super::volume::{Volume, Volumes};
use crate::auth::{AuthState, Group, Limit};
use crate::spotify::{Device, Disallows, Error, Uri};

/// State that couldn't be renewed for so long is shown as old.
pub(super) const STALE_MS: u64 = 20_000;
/// What Spotify has said that it disallows is in the way of a press for so long: a little longer than the longest time between
/// two questions, so that no key changes its look between them.
pub(super) const BELIEVED_MS: u64 = 75_000;
/// A position that Spotify tells is taken for the one that was asked for within this.
const SAME_POSITION_MS: u64 = 2_500;
/// Reads lag behind writes by no more than this; mostly by some 100 ms.
pub(super) const LAG_MS: u64 = 1_000;
const DAY_MS: u64 = 24 * 3_600_000;

/// A change that was asked for and isn't yet part of what Spotify tells.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Change {
    pub id: u64,
    pub what: What,
    pub at_ms: u64,
    /// When its call succeeded.
    pub done_ms: Option<u64>,
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
    pub position_ms: u64,
    pub playing: bool,
    /// Whether it was what was asked for already.
    pub matched: bool,
}

impl Change {
    /// Whether what plays is no longer what played when this was asked for.
    fn has_left(&self, known: &Known, now_ms: u64) -> bool {
        let Some(left) = &self.left else { return true };
        if known.now.uri().is_none() || known.now.uri() != left.uri.as_ref() {
            return true;
        }
        let elapsed_ms = now_ms.saturating_sub(self.at_ms);
        let expected_ms = if left.playing { left.position_ms.saturating_add(elapsed_ms) } else { left.position_ms };
        if known.position.is_reckoned {
            // It can't be told, so reads are believed once they can't lag behind the call any more.
            return self.done_ms.is_some_and(|done_ms| now_ms.saturating_sub(done_ms) >= LAG_MS);
        }
        has_begun_again(known.now.position_ms, expected_ms, elapsed_ms)
    }

    pub fn agrees_with(&self, state: &Known, now_ms: u64) -> bool {
        let now = &state.now;
        match &self.what {
            What::Playing(playing) => now.playing == *playing,
            What::Skip => self.has_left(state, now_ms),
            What::Started { uri } => {
                let anew = self.left.as_ref().is_some_and(|left| left.matched);
                is_start_of(uri, now) && (!anew || self.has_left(state, now_ms))
            }
            What::Volume { device, percent, before } => {
                *device == now.device.id && Volumes::is_answer(*percent, *before, now.device.settable_volume())
            }
            What::Position(position) => {
                let there =
                    if now.playing { position.saturating_add(now_ms.saturating_sub(self.at_ms)) } else { *position };
                now.position_ms.abs_diff(there) <= SAME_POSITION_MS
            }
            What::Shuffle(on) => now.shuffle == *on,
            What::Repeat(repeat) => now.repeat == *repeat,
            What::Device(device) => now.device.id == device.id,
            // Told by another question.
            What::Saved { .. } => false,
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
pub(super) struct Known {
    pub now: Now,
    /// How `now.position_ms` is known.
    pub position: Position,
    /// When it was right.
    pub at_ms: u64,
}

/// What is shown: what Spotify told last, and what was asked for since.
#[derive(Clone, Debug, PartialEq)]
pub struct State {
    pub(super) accounts: Arc<AuthState>,
    pub(super) known: Option<Option<Known>>,
    pub(super) heard_ms: u64,
    pub(super) problem: Option<Error>,
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
    pub(super) devices_ms: u64,
    pub(super) lacking: Lacking,
    /// Whether Liked Songs weren't taken as a context.
    pub(super) liked_as_list: bool,
    pub(super) coming: Option<Arc<Vec<Track>>>,
    pub(super) sleep: Option<Sleep>,
}

impl State {
    pub(super) fn new(accounts: Arc<AuthState>) -> Self {
        Self {
            accounts,
            known: None,
            heard_ms: 0,
            problem: None,
            refusal: None,
            done: None,
            changes: Vec::new(),
            last_playlist: None,
            started: None,
            saved: Arc::default(),
            playlists: Arc::default(),
            devices: None,
            devices_ms: 0,
            lacking: Lacking::default(),
            liked_as_list: false,
            coming: None,
            sleep: None,
        }
    }

    /// Until when nothing may be sent, as every account is limited.
    pub(super) fn limit(&self, now_ms: u64) -> Option<Limit> {
        self.accounts.limit.filter(|limit| limit.until_ms > now_ms)
    }

    /// What limits the account that should serve, while another one does.
    fn first_limit(&self) -> Option<Limit> {
        let (serving, _) = self.accounts.serving()?;
        let first = self.accounts.accounts.iter().position(|account| account.by_hand).unwrap_or_default();
        if serving == first {
            return None;
        }
        let limits = &self.accounts.accounts.get(first)?.limits;
        let of_the_player = limits.iter().filter(|(group, _)| group.is_none_or(|group| group == Group::Player));
        of_the_player.map(|(_, limit)| *limit).max_by_key(|limit| limit.until_ms)
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

    /// How old is what is known of what plays.
    pub(super) fn known_age_ms(&self, now_ms: u64) -> u64 {
        let known_ms = match &self.known {
            Some(Some(known)) => known.at_ms,
            _ => self.heard_ms,
        };
        now_ms.saturating_sub(known_ms)
    }

    /// When what is shown changes by itself next, other than by progress: a refusal that has been said long enough, a
    /// state that gets old, a second of a wait or of the sleep timer.
    #[must_use]
    pub fn next_change_ms(&self, now_ms: u64) -> Option<u64> {
        let refusal = self.refusal.as_ref().map(|refusal| refusal.until_ms);
        let done = self.done.as_ref().map(|done| done.until_ms);
        let stale = self.problem.as_ref().map(|_| self.heard_ms.saturating_add(STALE_MS));
        let wait = self.limit(now_ms).and_then(|limit| Wait::next_change_ms(limit, now_ms));
        let first = self.first_limit().and_then(|limit| Wait::next_change_ms(limit, now_ms));
        let believed =
            self.known.is_some().then(|| now_ms.saturating_sub(self.known_age_ms(now_ms)).saturating_add(BELIEVED_MS));
        let sleep = self.sleep.as_ref().and_then(|sleep| sleep.next_change_ms(now_ms));
        [refusal, done, stale, wait, first, believed, sleep].into_iter().flatten().filter(|at| *at > now_ms).min()
    }

    /// Where the item that is known would be by then, whatever its length, with those of the changes that don't put on
    /// another one.
    pub(super) fn position_at(&self, now_ms: u64, counts: impl Fn(&Change) -> bool) -> Option<u64> {
        let known = self.known.as_ref()?.as_ref()?;
        let (mut position_ms, mut playing, mut at_ms) = (known.now.position_ms, known.now.playing, known.at_ms);
        let mut go_on = |position_ms: &mut u64, playing: bool, to_ms: u64| {
            if playing {
                *position_ms = position_ms.saturating_add(to_ms.saturating_sub(at_ms));
            }
            at_ms = at_ms.max(to_ms);
        };
        for change in self.changes.iter().filter(|change| counts(change)) {
            match change.what {
                What::Playing(then) => {
                    go_on(&mut position_ms, playing, change.at_ms);
                    playing = then;
                }
                What::Position(then) => {
                    go_on(&mut position_ms, false, change.at_ms);
                    position_ms = then;
                }
                _ => {}
            }
        }
        go_on(&mut position_ms, playing, now_ms);
        Some(position_ms)
    }

    /// What plays before a call with this id, if that is sure: Spotify's state is fresh, and all that was asked for before shows
    /// in it.
    pub(super) fn before(&self, id: u64, now_ms: u64) -> Option<LastPlaying> {
        let known = self.known.as_ref()?.as_ref()?;
        let moves =
            |change: &Change| !matches!(change.what, What::Volume { .. } | What::Saved { .. } | What::Shuffle(_));
        let unsettled = self.changes.iter().any(|change| change.id != id && moves(change));
        if unsettled || self.problem.is_some() || now_ms.saturating_sub(known.at_ms) > STALE_MS {
            return None;
        }
        let position_ms = moved(&known.now, known.at_ms, now_ms);
        let ended = known.now.duration_ms().is_some_and(|duration_ms| position_ms >= duration_ms);
        Some(LastPlaying { uri: known.now.uri()?.clone(), position_ms }).filter(|_| !ended)
    }

    pub(super) fn now_at(&self, now_ms: u64) -> Option<Now> {
        let known = self.known.as_ref()?.as_ref()?;
        let mut now = known.now.clone();
        let mut at_ms = known.at_ms;
        for change in &self.changes {
            match &change.what {
                What::Playing(playing) => {
                    now.position_ms = moved(&now, at_ms, change.at_ms);
                    at_ms = change.at_ms.max(at_ms);
                    now.playing = *playing;
                    (now.disallows.pausing, now.disallows.resuming) = (false, false);
                }
                What::Skip => {
                    now.position_ms = 0;
                    at_ms = now_ms;
                    now.skipping = true;
                    // It was said of what played before.
                    now.disallows = Disallows::default();
                }
                What::Started { uri } => {
                    now.position_ms = 0;
                    at_ms = now_ms;
                    now.skipping = true;
                    now.playing = true;
                    now.context = Some(uri.clone());
                    now.recommended = false;
                    now.disallows = Disallows::default();
                }
                What::Position(position) => {
                    now.position_ms = *position;
                    at_ms = change.at_ms;
                }
                What::Volume { device, percent, .. } if *device == now.device.id => {
                    now.set_loudness(Volume::exactly(Some(*percent)));
                }
                What::Volume { .. } => {}
                What::Shuffle(on) => {
                    now.shuffle = *on;
                    now.smart_shuffle &= *on;
                }
                What::Repeat(repeat) => now.repeat = *repeat,
                What::Device(device) => {
                    now.set_loudness(Volume::exactly(device.settable_volume()));
                    now.device = device.clone();
                    now.disallows = Disallows::default();
                }
                What::Saved { .. } => {}
            }
        }
        now.position_ms = moved(&now, at_ms, now_ms);
        Some(now)
    }

    /// The devices with the volumes that were asked for.
    fn devices_at(&self) -> Option<Arc<Vec<Device>>> {
        let mut devices = self.devices.clone()?;
        for change in &self.changes {
            if let What::Volume { device: Some(id), percent, .. } = &change.what {
                set_volume(&mut devices, id, *percent);
            }
        }
        Some(devices)
    }

    /// All that a widget may look at, at a moment.
    #[must_use]
    pub fn at(&self, now_ms: u64) -> Player {
        let mut saved = Arc::clone(&self.saved);
        for change in &self.changes {
            if let What::Saved { uri, saved: wanted } = &change.what {
                Arc::make_mut(&mut saved).insert(uri.clone(), *wanted);
            }
        }
        let ends_soon = self.accounts.accounts.iter().filter(|account| account.sign_in_ends_soon);
        let next_end_ms = ends_soon.filter_map(|account| account.sign_in_ends_ms).min();
        Player {
            link: self.accounts.link,
            accounts: Arc::clone(&self.accounts),
            wait: self.limit(now_ms).and_then(|limit| Wait::of(limit, now_ms)),
            first_back_in: self.first_limit().and_then(|limit| Wait::of(limit, now_ms)),
            sign_in_ends_in: next_end_ms.map(|ends_ms| ends_ms.saturating_sub(now_ms).div_ceil(DAY_MS)),
            now: self.now_at(now_ms),
            known: self.known.is_some(),
            stale: self.problem.is_some() && now_ms >= self.heard_ms.saturating_add(STALE_MS),
            problem: self.problem.clone(),
            devices: self.devices_at(),
            queue: self.coming.clone(),
            last_playlist: self.last_playlist.clone(),
            sleep: self.sleep.as_ref().and_then(|sleep| sleep.shown(now_ms)),
            lacking: self.lacking.clone(),
            liked_as_list: self.liked_as_list,
            believes_now: self.problem.is_none() && self.known_age_ms(now_ms) <= BELIEVED_MS,
            believes_devices: now_ms.saturating_sub(self.devices_ms) <= DEVICES_LAST_MS,
            saved,
            playlist: self.now_at(now_ms).and_then(|now| self.playlists.get(&now.playlist()?).cloned()),
            started: self.started.clone(),
            refusal: self.refusal.clone().filter(|refusal| now_ms < refusal.until_ms),
            done: self.done.clone().filter(|done| now_ms < done.until_ms),
        }
    }
}

/// Sets the volume of a device in a list.
pub(super) fn set_volume(devices: &mut Arc<Vec<Device>>, id: &str, percent: u8) {
    let Some(place) = devices.iter().position(|device| device.id.as_deref() == Some(id)) else { return };
    Arc::make_mut(devices)[place].volume_percent = Some(percent);
}

/// Where it is by then.
fn moved(now: &Now, from_ms: u64, to_ms: u64) -> u64 {
    let position =
        if now.playing { now.position_ms.saturating_add(to_ms.saturating_sub(from_ms)) } else { now.position_ms };
    now.duration_ms().map_or(position, |duration| position.min(duration))
}
