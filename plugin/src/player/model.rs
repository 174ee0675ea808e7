//! The model of Spotify's state: the last answer, with optimistic updates.
//!
//! The model shows the last state that Spotify reported, with the changes applied that commands have requested since. When a
//! call fails, its change is removed, and the reported state shows again. Answers often lag some 100 ms behind writes, so after
//! a call has succeeded its change stays until an answer reflects it, or until [`TRUST`] has passed.
//!
//! Calls are queued and made in order, one at a time. Only the latest of several queued volumes or positions is sent, and while
//! no other call waits behind them, at most one every [`PACE`].

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use host_sdk::package::InstanceId;
use tokio::time::Instant;

use super::command::{Call, Command, Decision, Effect, QueuedCall, Verb, decide, obstacle, set_volume};
use super::device::ChosenDevice;
use super::pending::{CERTAIN_FOR, PendingCommand, Seen};
use super::position::{Before, Position};
use super::queries::{Memory, Place, Query, QueryResult, Subscription, Wanted, can_be_saved};
use super::queue::first_round;
use super::settle::LastPlaying;
use super::snapshot::{Done, Now, Player, Refusal, Track};
use super::state::{Change, PreviousItem, Snapshot, State, is_start_of, set_volume as set_listed_volume};
use super::volume::{Fade, Volumes};
use crate::auth::{AuthState, Limit, Link};
use crate::clock::Moment;
use crate::spotify::{DeviceId, Error, Playback, PlayingType, Restriction, Uri, UriKind};

/// How long after a write answers that don't reflect it are overruled.
const TRUST: Duration = Duration::from_secs(3);
/// How long a key shows why its command was refused.
const REFUSAL_SHOWN: Duration = Duration::from_secs(4);
/// How long a key shows that its command has succeeded, if its effect isn't visible otherwise: long enough to read a title.
const DONE_SHOWN: Duration = Duration::from_secs(3);
/// How many commands may wait for an answer; more are refused.
const MAX_PENDING: usize = 64;
/// The shortest interval between two volumes or positions while no other call waits behind them.
const PACE: Duration = Duration::from_millis(200);

/// The model. It has no clock: times are parameters.
#[derive(Clone, Debug)]
pub struct Model {
    /// The part that is shown.
    state: State,
    /// Since when nothing has played.
    idle_since: Option<Instant>,
    /// Commands that wait for an answer: all of them before the first answer, those that a possibly outdated state would refuse,
    /// and those about the current item.
    pending: Vec<PendingCommand>,
    /// When the poll of the last answer was sent.
    asked_at: Option<Instant>,
    queue: VecDeque<QueuedCall>,
    /// When the last volume or position was sent.
    paced_at: Option<Instant>,
    fade: Option<Fade>,
    volumes: Volumes,
    last_device: Option<DeviceId>,
    devices_asked_at: Option<Instant>,
    /// The parts of the state that visible keys show.
    subscription: Subscription,
    memory: Memory,
    /// When something may last have changed elsewhere.
    invalidated_at: Option<Instant>,
    /// Whether the last answer contradicts the known state, by reporting that nothing plays or by being unusable, and needs to
    /// be confirmed.
    is_unconfirmed: bool,
    next_id: u64,
}

impl Model {
    /// Creates a model without any state.
    #[must_use]
    pub fn new(accounts: Arc<AuthState>) -> Self {
        Self {
            state: State::new(accounts),
            idle_since: None,
            pending: Vec::new(),
            asked_at: None,
            queue: VecDeque::new(),
            paced_at: None,
            fade: None,
            volumes: Volumes::default(),
            last_device: None,
            devices_asked_at: None,
            subscription: Subscription::default(),
            memory: Memory::new(),
            invalidated_at: None,
            is_unconfirmed: false,
            next_id: 1,
        }
    }

    /// Records the accounts. The state is reset if none is linked any more.
    pub fn set_accounts(&mut self, accounts: Arc<AuthState>) {
        if accounts.link != Link::Linked {
            let last_playlist = self.state.last_playlist.take();
            let subscription = std::mem::take(&mut self.subscription);
            *self = Self { next_id: self.next_id, subscription, ..Self::new(Arc::clone(&accounts)) };
            self.state.last_playlist = last_playlist;
        }
        if accounts.limit.is_none() {
            // Another account serves, or the limit is over.
            self.state.last_error.take_if(|error| matches!(error, Error::RateLimited { .. }));
            self.state.refusal.take_if(|refusal| matches!(refusal.error, Error::RateLimited { .. }));
        }
        let sign_in = |accounts: &AuthState| {
            let (_, account) = accounts.serving()?;
            Some((account.id.clone(), account.user.clone(), account.sign_in_ends, account.issue))
        };
        if sign_in(&accounts) != sign_in(&self.state.accounts) {
            self.memory.forget_refusals();
        }
        let serving =
            |accounts: &AuthState| accounts.serving().map(|(_, account)| (account.id.clone(), account.sign_in));
        if serving(&accounts) != serving(&self.state.accounts) {
            // Another account or login: errors about the previous one no longer apply.
            self.state.refusal.take_if(|refusal| refusal.error.is_account_error());
            self.state.liked_as_list = false;
        }
        self.state.accounts = accounts;
    }

    /// Records what visible keys show.
    pub(super) fn set_subscription(&mut self, subscription: Subscription) {
        self.subscription = subscription;
        self.publish_memory();
    }

    /// Returns the number of visible instances.
    pub(super) fn visible_instances(&self) -> usize {
        self.subscription.instances
    }

    /// Copies from the memory to the state what visible keys show of it.
    fn publish_memory(&mut self) {
        let known = self.state.snapshot();
        let playing = known.and_then(|known| known.now.library_uri());
        let shown = self.subscription.chosen().chain(playing);
        let saved = shown.filter_map(|uri| Some((uri.clone(), self.memory.is_saved(uri)?))).collect();
        let started = self.state.changes.iter().filter_map(|change| match &change.effect {
            Effect::Started { uri } => Some(uri),
            _ => None,
        });
        let playlists = started.chain(known.and_then(|known| known.now.context.as_ref()));
        let names =
            playlists.filter_map(|uri| Some((uri.clone(), self.memory.playlist_name(uri)?.to_owned()))).collect();
        if *self.state.saved != saved {
            self.state.saved = Arc::new(saved);
        }
        if *self.state.playlists != names {
            self.state.playlists = Arc::new(names);
        }
    }

    /// Returns the limit during which nothing may be sent, as it applies to every account.
    pub(super) fn limit(&self, now: Moment) -> Option<Limit> {
        self.state.limit(now)
    }

    /// Returns whether the serving account was throttled recently, so that polls should be slower.
    pub(super) fn is_strained(&self, now: Moment) -> bool {
        self.state.accounts.strained_until.is_some_and(|until| until > now.date)
    }

    /// Returns whether an account is linked, so that calls can be made.
    #[must_use]
    pub fn is_linked(&self) -> bool {
        self.state.accounts.link == Link::Linked
    }

    /// Handles a command: shows its effect at once and queues its calls. Returns false if the command is refused.
    pub fn command(&mut self, command: Command, now: Moment) -> bool {
        let seen = self.state.known.as_ref().map(|known| Seen::of(known.as_ref()));
        self.apply_command(PendingCommand { command, at: now.instant, seen, shown: None }, now, true)
    }

    /// Handles a command. `may_wait`: whether it may wait for an answer if the known state would refuse it but is uncertain.
    fn apply_command(&mut self, pending: PendingCommand, now: Moment, may_wait: bool) -> bool {
        if !self.is_linked() {
            return false;
        }
        let limited = self.limit(now).is_some();
        let answer_comes = self.state.last_error.is_none() && !limited;
        let verb = &pending.command.verb;
        let is_early = self.state.known.is_none() && answer_comes;
        let is_behind = !self.pending.is_empty() && verb.depends_on_item();
        let is_unsure = verb.acts_on_current_item() && !limited && !self.knows_current_item(pending.at);
        if is_early || is_behind || is_unsure {
            self.defer(pending, now);
            return true;
        }
        self.state.refusal = None;
        self.state.done = None;
        if verb.acts_on_current_item() && !pending.refers_to(self.state.snapshot()) {
            self.refuse(pending.command.instance, Error::Restricted(Restriction::JustChanged), None, now);
            return false;
        }
        let player = self.at(now);
        let (verb, chosen) = (&pending.command.verb, pending.command.device.as_ref());
        let decision = match obstacle(verb, chosen, &player) {
            Some(_) if may_wait && answer_comes && self.state.is_older_than(CERTAIN_FOR, now.instant) => {
                self.defer(pending, now);
                return true;
            }
            Some(error) => Err(error),
            None => decide(verb, chosen, &player, &self.volumes),
        };
        let command = pending.command;
        let Decision { steps, device } = match decision {
            Ok(decision) => decision,
            Err(error) => {
                // The state that it depends on may have changed elsewhere.
                self.invalidate(now.instant);
                self.refuse(command.instance.clone(), error, Some(command), now);
                return false;
            }
        };
        match command.verb {
            Verb::Sleep(until) => {
                self.start_sleep(until, command, now);
                return true;
            }
            Verb::CancelSleep => {
                self.cancel_sleep(now);
                return true;
            }
            _ => {}
        }
        if command.verb.is_volume() {
            // The latest command overrides a fade.
            self.fade = None;
            self.drop_sleep_fade();
            self.volumes.record_audible(player.target(device.as_ref()), player.volume(device.as_ref()).percent);
        }
        if let Verb::VolumeTo { percent, over } = &command.verb
            && !over.is_zero()
        {
            let from = player.volume(device.as_ref()).percent;
            self.fade = Some(Fade::new(from, *percent, *over, now.instant, device, command));
            self.step_fade(now);
            return true;
        }
        for (call, effect) in steps {
            self.push(call, effect, device.clone(), &command, now);
        }
        self.step_sleep(now);
        self.publish_memory();
        true
    }

    /// Lets a command wait for an answer. Like shows its expected effect at once.
    fn defer(&mut self, mut pending: PendingCommand, now: Moment) {
        if self.pending.len() >= MAX_PENDING {
            self.refuse(pending.command.instance, Error::SpotifyDown(None), None, now);
            return;
        }
        if matches!(pending.command.verb, Verb::ToggleSaved(None))
            && let Ok(decision) =
                decide(&pending.command.verb, pending.command.device.as_ref(), &self.at(now), &self.volumes)
        {
            for effect in decision.steps.into_iter().filter_map(|(_, effect)| effect) {
                let id = self.new_id();
                let instance = pending.command.instance.clone();
                self.state.changes.push(Change {
                    id,
                    effect,
                    at: now.instant,
                    done_at: None,
                    previous: None,
                    instance,
                });
                pending.shown = Some(id);
            }
        }
        self.pending.push(pending);
    }

    /// Returns whether the current item is certain at a time: the last answer is at most [`CERTAIN_FOR`] old, and no pending
    /// change affects the item.
    fn knows_current_item(&self, at: Instant) -> bool {
        let changing = self.state.changes.iter().any(|change| change.previous.is_some());
        let recent = self.asked_at.is_some_and(|asked_at| asked_at + CERTAIN_FOR >= at);
        self.state.known.is_some() && !self.is_unconfirmed && recent && !changing
    }

    fn new_id(&mut self) -> u64 {
        let id = self.next_id;
        self.next_id = self.next_id.wrapping_add(1);
        id
    }

    fn push(
        &mut self,
        call: Call,
        effect: Option<Effect>,
        device: Option<ChosenDevice>,
        command: &Command,
        now: Moment,
    ) {
        if let Some(waiting) = self.queue.back_mut().filter(|last| call.replaces(&last.call) && last.device == device) {
            // Only the latest value matters: update the queued call.
            let id = waiting.id;
            (waiting.call, waiting.command) = (call, command.clone());
            if let (Some(change), Some(effect)) = (self.state.changes.iter_mut().find(|change| change.id == id), effect)
            {
                (change.effect, change.at) = (effect, now.instant);
            }
            return;
        }
        let was_idle = self.now_at(now).is_none_or(|current| current.track.is_none() && !current.playing);
        let known = self.state.snapshot();
        let track = known.and_then(|known| known.now.track.as_ref());
        let title = track.filter(|_| command.verb.acts_on_current_item()).map(|track| track.title.clone());
        let id = self.new_id();
        if let Some(effect) = effect {
            let previous = self.previous_item(&effect, now);
            let instance = command.instance.clone();
            self.state.changes.push(Change { id, effect, at: now.instant, done_at: None, previous, instance });
        }
        self.queue.push_back(QueuedCall { id, call, device, command: command.clone(), was_idle, title });
    }

    /// Returns the current item, if the effect is to change it.
    fn previous_item(&self, effect: &Effect, now: Moment) -> Option<PreviousItem> {
        let known = self.state.known.as_ref()?.as_ref()?;
        let matched = match effect {
            Effect::Skip => false,
            Effect::Started { uri } => is_start_of(uri, &known.now),
            _ => return None,
        };
        Some(PreviousItem {
            uri: known.now.uri().cloned(),
            position: self.state.position_at(now.instant, |_| true).unwrap_or_default(),
            playing: known.now.playing,
            matched,
        })
    }

    /// Advances the fade if its next step is due.
    pub(super) fn step_fade(&mut self, now: Moment) {
        let Some(fade) = self.fade.take_if(|fade| fade.next() <= now.instant) else { return };
        let (percent, player) = (fade.at(now.instant), self.at(now));
        if player.volume(fade.device.as_ref()).percent != Some(percent) {
            let (call, effect) = set_volume(percent, fade.device.as_ref(), &player);
            self.push(call, effect, fade.device.clone(), &fade.command, now);
        }
        self.fade = fade.after(now.instant);
    }

    /// Removes the next call to make from the queue.
    pub(super) fn next_call(&mut self, now: Moment) -> Option<QueuedCall> {
        if self.paced_until(now.instant).is_some() {
            return None;
        }
        let call = self.queue.pop_front()?;
        if call.call.is_coalesced() {
            self.paced_at = Some(now.instant);
        }
        Some(call)
    }

    /// Returns until when the only queued call should wait for a later value, if it should.
    fn paced_until(&self, now: Instant) -> Option<Instant> {
        let waits = self.queue.len() == 1 && self.queue[0].call.is_coalesced();
        self.paced_at.map(|paced_at| paced_at + PACE).filter(|until| waits && *until > now)
    }

    /// Returns when the queue, a fade or the sleep timer is due without an event.
    pub(super) fn next_step(&self, now: Moment) -> Option<Instant> {
        let fade = self.fade.as_ref().map(|fade| fade.next().max(now.instant));
        self.paced_until(now.instant).into_iter().chain(fade).chain(self.next_sleep(now.instant)).min()
    }

    /// Records that a call has succeeded.
    pub(super) fn call_succeeded(&mut self, call: &QueuedCall, now: Moment) {
        self.state.last_error = None;
        // A command has succeeded, so a refusal for a reason not specific to its command no longer applies.
        self.state.refusal.take_if(|refusal| !matches!(refusal.error, Error::Restricted(_) | Error::VolumeNotAllowed));
        if let Some(place) = self.state.changes.iter().position(|change| change.id == call.id) {
            self.state.changes[place].done_at = Some(now.instant);
            // Answers will never reflect the changes that it supersedes, and those must not show again.
            let done = self.state.changes[place].clone();
            self.state.changes.retain(|change| change.id >= call.id || !done.effect.supersedes(&change.effect));
        }
        match &call.call {
            Call::Volume(_) => self.confirm_elsewhere(call.id),
            Call::Save { uri, saved } => {
                self.memory.on_saved(uri, *saved, now.instant);
                self.state.changes.retain(|change| change.id != call.id);
            }
            Call::AddToPlaylist { playlist, .. } => self.state.last_playlist = Some(playlist.clone()),
            Call::PlayLiked { .. } => self.state.started = Some(Uri::liked_songs()),
            Call::PlayUri(uri) => self.state.started = Some(uri.clone()),
            Call::Enqueue(_) => self.memory.invalidate_queue(),
            Call::Transfer { .. } => self.memory.invalidate_devices(),
            _ => {}
        }
        let is_invisible =
            matches!(call.call, Call::AddToPlaylist { .. } | Call::RemoveFromPlaylist { .. } | Call::Enqueue(_));
        if is_invisible {
            let (instance, title) = (call.command.instance.clone(), call.title.clone());
            self.state.done = Some(Done { instance, title, until: now.instant + DONE_SHOWN });
        }
        self.sleep_call_succeeded(call, now);
        self.publish_memory();
    }

    /// Completes the change of an inactive device's volume by updating the list, as polls report only the active device's.
    fn confirm_elsewhere(&mut self, id: u64) {
        let active = self.state.snapshot().and_then(|known| known.now.device.id.clone());
        let Some(place) = self.state.changes.iter().position(|change| change.id == id) else { return };
        if let Effect::Volume { device: Some(device), percent, .. } = &self.state.changes[place].effect
            && active.as_ref() != Some(device)
            && let Some(devices) = &mut self.state.devices
        {
            set_listed_volume(devices, device, *percent);
            self.state.changes.remove(place);
        }
    }

    /// Records that a call has failed: removes its change, and shows the error on the key.
    pub(super) fn call_failed(&mut self, call: &QueuedCall, error: Error, now: Moment) {
        let is_already_done = matches!(
            (&call.call, &error),
            (Call::Play, Error::Restricted(Restriction::AlreadyPlaying))
                | (Call::Pause, Error::Restricted(Restriction::AlreadyPaused))
        );
        if is_already_done {
            self.call_succeeded(call, now);
            return;
        }
        self.state.changes.retain(|change| change.id != call.id);
        if self.sleep_call_failed(call, &error, now) {
            return;
        }
        self.fade.take_if(|fade| fade.command == call.command);
        if error.is_transient() {
            // The queued calls would fail, too.
            self.drop_queued_calls();
            self.state.last_error = Some(error.clone());
        }
        if let (Call::Repeat(mode), Error::Restricted(_), Some(current)) = (&call.call, &error, self.now_at(now)) {
            self.state.unsupported_modes.insert(*mode, &current);
        }
        self.refuse(call.command.instance.clone(), error, None, now);
    }

    /// Shows on an instance why its command was refused. `unsent`: see [`Refusal`].
    fn refuse(&mut self, instance: InstanceId, error: Error, unsent: Option<Command>, now: Moment) {
        self.state.refusal = Some(Refusal { instance, error, until: now.instant + REFUSAL_SHOWN, unsent });
    }

    /// Clears a refusal whose command would be accepted now.
    fn recheck_refusal(&mut self, now: Moment) {
        let Some(Refusal { unsent: Some(command), .. }) = &self.state.refusal else { return };
        if self.at(now).obstacle(&command.verb, command.device.as_ref()).is_none() {
            self.state.refusal = None;
        }
    }

    /// Records that Spotify doesn't accept Liked Songs as a context: from now on they are played as a list of tracks.
    pub(super) fn play_liked_as_list(&mut self) {
        self.state.liked_as_list = true;
    }

    /// Compares an answer with completed changes, to find those that Spotify accepted but the device ignored.
    fn learn_modes(&mut self, current: &Now, asked_at: Instant, now: Moment) {
        self.state.unsupported_modes.remove_current(current);
        let settled = |change: &&Change| {
            change.done_at.is_some_and(|done_at| asked_at >= done_at && now.instant >= done_at + TRUST)
        };
        let changes = self.state.changes.iter();
        let settled: Vec<(Effect, InstanceId)> =
            changes.filter(settled).map(|change| (change.effect.clone(), change.instance.clone())).collect();
        for (effect, instance) in settled {
            match effect {
                Effect::Repeat(mode) if current.repeat != mode => {
                    self.state.unsupported_modes.insert(mode, current);
                    self.refuse(instance, Error::Restricted(Restriction::NoEffect), None, now);
                }
                Effect::Shuffle(on) if current.shuffle != on => {
                    self.refuse(instance, Error::Restricted(Restriction::NoEffect), None, now);
                }
                Effect::Started { uri } if uri.is_liked_songs() && !is_start_of(&uri, current) => {
                    self.play_liked_as_list()
                }
                _ => {}
            }
        }
    }

    fn drop_queued_calls(&mut self) {
        for call in std::mem::take(&mut self.queue) {
            self.state.changes.retain(|change| change.id != call.id);
        }
    }

    /// Records the answer to a poll that was sent at `asked_at`.
    ///
    /// An inactive player is reported as a 204 or with little more than a device, see `plays_something`. If something was known to
    /// play, such an answer counts only when the next one confirms it.
    pub fn apply_playback(&mut self, playback: Option<Playback>, asked_at: Instant, now: Moment) {
        self.state.last_error = None;
        let active = playback.as_ref().and_then(|playback| playback.device.as_ref()?.id.clone());
        self.last_device = active.or(self.last_device.take());
        let playback = playback.filter(plays_something);
        if playback.is_none() && self.mark_unconfirmed() {
            return;
        }
        self.is_unconfirmed = false;
        self.asked_at = Some(asked_at);
        // Spotify read its state at some time between query and answer.
        let at = asked_at + now.instant.saturating_duration_since(asked_at) / 2;
        let mut known = playback.map(|playback| self.read(playback, asked_at, at));
        if let Some(known) = &mut known {
            self.learn_volume(&mut known.now, asked_at, now.instant);
            self.check_sleep_volume(&known.now.device, asked_at);
            self.learn_modes(&known.now, asked_at, now);
        }
        if self.is_unexpected(known.as_ref(), now) {
            self.invalidated_at = Some(now.instant);
        }
        let item_ended = self.sleep_item_has_ended(known.as_ref(), now);
        self.state.answered_at = Some(now.instant);
        self.state.changes.retain(|change| {
            let Some(done_at) = change.done_at else { return true };
            let asked_after = asked_at >= done_at;
            let agrees = known.as_ref().is_none_or(|known| change.agrees_with(known, now.instant));
            let trusted = now.instant < done_at + TRUST;
            trusted && !(asked_after && agrees)
        });
        let playing = known.as_ref().is_some_and(|known| known.now.playing);
        self.idle_since = if playing { None } else { self.idle_since.or(Some(now.instant)) };
        self.state.known = Some(known);
        self.recheck_refusal(now);
        self.on_playback_for_sleep(item_ended, now);
        self.publish_memory();
        for pending in self.take_pending() {
            if !pending.is_too_old(now.instant) {
                self.apply_command(pending, now, false);
            } else if !pending.is_forgotten(now.instant) {
                self.refuse(pending.command.instance, Error::SpotifyDown(None), None, now);
            }
        }
    }

    /// Records how the active device has rounded the last requested volume, and applies that to the reported one.
    fn learn_volume(&mut self, current: &mut Now, asked_at: Instant, now: Instant) {
        let (id, reported) = (current.device.id.clone(), current.device.settable_volume());
        for change in &self.state.changes {
            let Effect::Volume { device, percent, before } = &change.effect else { continue };
            let Some(done_at) = change.done_at.filter(|done_at| asked_at >= *done_at && *device == id) else {
                continue;
            };
            let trusted = now < done_at + TRUST;
            if !trusted || Volumes::is_answer(*percent, *before, reported) {
                self.volumes.learn(id.as_ref(), *percent, *before, reported);
            }
        }
        current.set_loudness(self.volumes.volume(id.as_ref(), reported));
    }

    fn read(&self, playback: Playback, asked_at: Instant, at: Instant) -> Snapshot {
        let reported = playback.progress_ms.map(Duration::from_millis);
        let mut now = read(playback);
        let done = |change: &Change| change.done_at.is_some_and(|done_at| done_at <= asked_at);
        let before = self.state.snapshot().map(|known| {
            let skips = self.state.changes.iter().filter(|change| change.previous.is_some() && done(change));
            Before {
                now: &known.now,
                position: known.position,
                at: known.at,
                expected: self.state.position_at(at, done).unwrap_or_default(),
                skipped_at: skips.filter_map(|change| change.done_at).max(),
            }
        });
        let position = Position::read(reported, &now, before, at);
        now.position = position.offset;
        Snapshot { now, position, at }
    }

    /// Removes the waiting commands, and the changes that already show their effect.
    fn take_pending(&mut self) -> Vec<PendingCommand> {
        let pending = std::mem::take(&mut self.pending);
        let shown: Vec<u64> = pending.iter().filter_map(|pending| pending.shown).collect();
        self.state.changes.retain(|change| !shown.contains(&change.id));
        pending
    }

    /// Returns whether commands wait for an answer.
    pub(super) fn has_pending(&self) -> bool {
        !self.pending.is_empty()
    }

    /// Returns whether an answer differs from the expected state, because something was changed elsewhere.
    fn is_unexpected(&self, known: Option<&Snapshot>, now: Moment) -> bool {
        if !self.state.changes.is_empty() {
            return false;
        }
        let (Some(expected), Some(reported)) = (self.now_at(now), known.map(|known| &known.now)) else {
            return self.state.known.as_ref().is_some_and(Option::is_some) != known.is_some();
        };
        let ended = expected.duration().is_some_and(|duration| expected.position >= duration);
        let observable = |now: &Now| (now.playing, now.volume, now.shuffle, now.repeat, now.device.id.clone());
        observable(&expected) != observable(reported) || (expected.uri() != reported.uri() && !ended)
    }

    /// Records that a poll failed. If a state is known, an unusable answer counts only when the next one confirms it.
    pub fn poll_failed(&mut self, error: Error, now: Moment) {
        if matches!(error, Error::Unexpected(_)) && self.mark_unconfirmed() {
            return;
        }
        self.state.last_error = Some(error.clone());
        for pending in self.take_pending() {
            if pending.command.verb.acts_on_current_item() {
                self.refuse(pending.command.instance, error.clone(), None, now);
            } else {
                self.apply_command(pending, now, false);
            }
        }
    }

    /// Marks an answer that contradicts the known state. Returns whether it needs to be confirmed by another one before it
    /// counts, as it is the first such answer.
    fn mark_unconfirmed(&mut self) -> bool {
        let knows_something = self.state.known.as_ref().is_some_and(Option::is_some);
        !std::mem::replace(&mut self.is_unconfirmed, true) && knows_something
    }

    /// Returns whether the last answer needs to be confirmed by another one.
    pub(super) fn needs_confirmation(&self) -> bool {
        self.is_unconfirmed && self.state.known.as_ref().is_some_and(Option::is_some) && self.state.last_error.is_none()
    }

    /// Records the answer to a query.
    pub(super) fn apply_query_result(&mut self, result: QueryResult) {
        self.memory.on_query_result(&result);
        match result {
            QueryResult::Saved(_) | QueryResult::PlaylistName(..) => {}
            QueryResult::Devices(devices) => {
                self.state.devices_at = self.devices_asked_at;
                self.state.devices = Some(Arc::new(devices));
            }
            QueryResult::Queue(items) => {
                self.state.upcoming = Some(Arc::new(first_round(items.iter().map(Track::of).collect())));
            }
        }
        self.publish_memory();
    }

    /// Records that a query is sent.
    pub(super) fn on_query_sent(&mut self, query: &Query, now: Instant) {
        if *query == Query::Devices {
            self.devices_asked_at = Some(now);
        }
        self.memory.on_asked(query, self.place(), now);
    }

    /// Records that a query failed.
    pub(super) fn query_failed(&mut self, query: &Query, error: &Error, now: Instant) {
        self.memory.on_failure(query, error, now);
    }

    /// Handles a refresh by the user: all answers count as old, and refused queries are repeated.
    pub(super) fn on_refresh(&mut self, now: Instant) {
        self.invalidate(now);
        self.memory.forget_refusals();
    }

    /// Returns the current context and device.
    fn place(&self) -> Place {
        let known = self.state.snapshot();
        known.map_or_else(Place::default, |known| Place {
            context: known.now.context.clone(),
            device: known.now.device.id.clone(),
        })
    }

    /// Restores the last used playlist after a restart, unless another one was used since.
    pub(super) fn remember_playlist(&mut self, uri: Uri) {
        self.state.last_playlist.get_or_insert(uri);
    }

    /// Records that something may have changed elsewhere.
    pub(super) fn invalidate(&mut self, now: Instant) {
        self.invalidated_at = Some(now);
    }

    /// Records that the computer has slept or its clock was set.
    pub(super) fn on_wake(&mut self, now: Instant) {
        self.invalidate(now);
        // The known state is outdated: the next answer counts without confirmation.
        self.is_unconfirmed = true;
        self.asked_at = None;
    }

    /// Returns the next query and when it is due; `None` if none is until something changes.
    pub(super) fn next_query(&self, now: Instant) -> Option<(Query, Instant)> {
        let subscription = &self.subscription;
        let known = self.state.known.as_ref()?.as_ref();
        let current = known.map(|known| &known.now);
        let current = current.filter(|current| current.track.as_ref().is_some_and(|track| !track.local));
        let playing = current.and_then(Now::library_uri);
        let playing = playing.filter(|uri| subscription.saved_now && can_be_saved(uri));
        let context = known.and_then(|known| known.now.context.as_ref());
        let wanted = Wanted {
            saved: subscription.chosen().chain(playing).collect(),
            devices: subscription.devices,
            queue: subscription.queue && known.is_some(),
            playlist: context.filter(|uri| subscription.playlist && uri.kind() == UriKind::Playlist),
            place: self.place(),
            invalidated_at: self.invalidated_at,
            item_began_at: known.and_then(|known| known.position.began_at),
        };
        self.memory.next_query(&wanted, now)
    }

    /// Returns whether a state is known and the last poll succeeded.
    pub(super) fn has_current_state(&self) -> bool {
        self.state.known.is_some() && self.state.last_error.is_none()
    }

    /// Returns the error of the last poll or call, if it failed.
    pub(super) fn last_error(&self) -> Option<&Error> {
        self.state.last_error.as_ref()
    }

    /// Returns since when a completed change has been unconfirmed, and whether it changes the item.
    pub(super) fn unconfirmed_write(&self) -> Option<(Instant, bool)> {
        let done = self.state.changes.iter().filter_map(|change| Some((change.done_at?, &change.effect)));
        let done = done.filter(|(_, effect)| !matches!(effect, Effect::Saved { .. }));
        done.map(|(since, effect)| (since, matches!(effect, Effect::Skip | Effect::Started { .. })))
            .min_by_key(|(since, _)| *since)
    }

    /// Returns for how long nothing has played; `None` while something plays.
    pub(super) fn idle_for(&self, now: Instant) -> Option<Duration> {
        self.idle_since.map(|since| now.saturating_duration_since(since))
    }

    /// Returns the device that was active last.
    pub(super) fn last_device(&self) -> Option<&DeviceId> {
        self.last_device.as_ref()
    }

    /// Returns the current item before a call, if it is certain.
    pub(super) fn before(&self, call: &QueuedCall, now: Instant) -> Option<LastPlaying> {
        self.state.before(call.id, now)
    }

    /// Returns the time until the current item ends, if it is playing and its length is known.
    pub(super) fn ends_in(&self, now: Moment) -> Option<Duration> {
        let current = self.now_at(now)?;
        let left = current.duration()?.saturating_sub(current.position);
        current.playing.then_some(left)
    }

    fn now_at(&self, now: Moment) -> Option<Now> {
        self.state.now_at(now.instant)
    }

    /// Returns the snapshot for a moment.
    #[must_use]
    pub fn at(&self, now: Moment) -> Player {
        self.state.at(now)
    }

    /// Returns the part that is shown.
    pub(super) fn state(&self) -> &State {
        &self.state
    }
}

#[cfg(test)]
impl Model {
    /// Records a list of devices as Spotify's answer.
    pub(crate) fn list_devices(&mut self, devices: Vec<crate::spotify::Device>, now: Moment) {
        self.on_query_sent(&Query::Devices, now.instant);
        self.apply_query_result(QueryResult::Devices(devices));
    }

    /// Completes every queued call successfully.
    pub(crate) fn settle(&mut self, now: Moment) {
        self.settled(now);
    }

    /// Completes every queued call successfully, and returns the calls.
    pub(super) fn settled(&mut self, now: Moment) -> Vec<Call> {
        let mut calls = Vec::new();
        self.paced_at = None;
        while let Some(call) = self.next_call(now) {
            self.call_succeeded(&call, now);
            self.paced_at = None;
            calls.push(call.call);
        }
        calls
    }
}

/// Returns whether an answer reports something that plays or could be resumed. A device alone may be idle, and there is no
/// item during ads.
fn plays_something(playback: &Playback) -> bool {
    playback.item.is_some() || playback.is_playing || playback.currently_playing_type == PlayingType::Ad
}

fn read(playback: Playback) -> Now {
    let device = playback.device.unwrap_or_default();
    Now {
        playing: playback.is_playing,
        track: playback.item.as_ref().map(Track::of),
        kind: playback.currently_playing_type,
        recommended: playback.context.as_ref().is_some_and(|context| context.recommended),
        context: playback.context.and_then(|context| context.uri),
        position: Duration::ZERO,
        volume: device.settable_volume(),
        steps_from: None,
        shuffle: playback.shuffle_state || playback.smart_shuffle,
        smart_shuffle: playback.smart_shuffle,
        repeat: playback.repeat_state,
        disallows: playback.actions.disallows,
        device,
        skipping: false,
    }
}

mod sleep;

#[cfg(test)]
mod properties;
#[cfg(test)]
mod tests;
