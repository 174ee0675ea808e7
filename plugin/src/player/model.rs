//! What Spotify is doing, as far as we know, and what was asked for since.
//!
//! What is shown is the last state that Spotify told, with every change laid over it that a press has asked for and
//! that Spotify has not yet had the time to agree with. A refused change is taken off again, and the face is back to
//! what is true: nothing needs to be undone by hand. Reads often lag some 100 ms behind writes, so a change stays on
//! for a moment after its call has succeeded, until a read agrees with it or [`TRUST_MS`] are over.
//!
//! Calls wait in one queue and leave it in order, one at a time. Of volumes and positions that wait only the last one
//! matters, and while nothing waits behind them they leave at most every [`PACE_MS`].

use std::collections::VecDeque;
use std::sync::Arc;

use host_sdk::package::InstanceId;

use super::command::{Call, Command, Decision, QueuedCall, Verb, What, decide, obstacle, set_volume};
use super::device::ChosenDevice;
use super::pending::{Pending, SURE_MS, Seen};
use super::position::{Before, Position};
use super::queries::{Memory, Place, Question, Subscription, Told, Wanted, can_be_saved};
use super::queue::first_round;
use super::settle::LastPlaying;
use super::snapshot::{Done, Now, Player, Refusal, Track};
use super::state::{Change, Known, Left, State, is_start_of, set_volume as set_listed_volume};
use super::volume::{Fade, Volumes};
use crate::auth::{AuthState, Limit, Link};
use crate::spotify::{Error, Playback, PlayingType, Restriction, Uri, UriKind};

/// How long a write is trusted over reads that don't show it.
const TRUST_MS: u64 = 3_000;
/// How long a key says why its command was refused.
const SAY_WHY_MS: u64 = 4_000;
/// How long a key says that its command has worked, where that shows nowhere else: long enough to read a title.
const SAY_DONE_MS: u64 = 3_000;
/// So many commands wait for an answer at most; more are refused.
const MAX_PENDING: usize = 64;
/// Between two volumes, or two positions, that nothing waits behind.
const PACE_MS: u64 = 200;
/// The model. Time is Unix milliseconds and always comes from outside.
#[derive(Clone, Debug)]
pub struct Model {
    /// What is shown.
    state: State,
    /// Since when nothing has played.
    still_since_ms: Option<u64>,
    /// Commands that wait for an answer: from before the first one, as what they mean depends on it, those that what is known
    /// would be in the way of, if it is still true, and those about what plays.
    pending: Vec<Pending>,
    /// When the last answer was asked for.
    asked_ms: u64,
    queue: VecDeque<QueuedCall>,
    /// When a call that is paced has left last.
    paced_ms: u64,
    fade: Option<Fade>,
    volumes: Volumes,
    last_device: Option<String>,
    devices_asked_ms: u64,
    /// What visible keys show.
    subscription: Subscription,
    memory: Memory,
    /// When it was last seen that somebody may have changed something elsewhere.
    suspect_ms: u64,
    /// Whether the last answer said that nothing plays, or said nothing that can be used, where something played before.
    doubted: bool,
    next_id: u64,
}

impl Model {
    /// A model that knows nothing yet.
    #[must_use]
    pub fn new(accounts: Arc<AuthState>) -> Self {
        Self {
            state: State::new(accounts),
            still_since_ms: None,
            pending: Vec::new(),
            asked_ms: 0,
            queue: VecDeque::new(),
            paced_ms: 0,
            fade: None,
            volumes: Volumes::default(),
            last_device: None,
            devices_asked_ms: 0,
            subscription: Subscription::default(),
            memory: Memory::new(),
            suspect_ms: 0,
            doubted: false,
            next_id: 1,
        }
    }

    /// The accounts have changed. What was known goes when nobody is linked any more.
    pub fn set_accounts(&mut self, accounts: Arc<AuthState>) {
        if accounts.link != Link::Linked {
            let last_playlist = self.state.last_playlist.take();
            let subscription = std::mem::take(&mut self.subscription);
            *self = Self { next_id: self.next_id, subscription, ..Self::new(Arc::clone(&accounts)) };
            self.state.last_playlist = last_playlist;
        }
        if accounts.limit.is_none() {
            // Another account serves, or the time is over: what was said about it is over, too.
            self.state.problem.take_if(|problem| matches!(problem, Error::RateLimited { .. }));
            self.state.refusal.take_if(|refusal| matches!(refusal.error, Error::RateLimited { .. }));
        }
        let sign_in = |accounts: &AuthState| {
            let (_, account) = accounts.serving()?;
            Some((account.id.clone(), account.user.clone(), account.sign_in_ends_ms, account.issue))
        };
        if sign_in(&accounts) != sign_in(&self.state.accounts) {
            self.memory.forget_refusals();
        }
        let serving =
            |accounts: &AuthState| accounts.serving().map(|(_, account)| (account.id.clone(), account.sign_in));
        if serving(&accounts) != serving(&self.state.accounts) {
            // Another account or sign-in: what was said about the one before is over.
            self.state.refusal.take_if(|refusal| refusal.error.is_account_error());
            self.state.liked_as_list = false;
        }
        self.state.accounts = accounts;
    }

    /// Records what visible keys show.
    pub(super) fn look_at(&mut self, subscription: Subscription) {
        self.subscription = subscription;
        self.recall();
    }

    /// How many instances are visible.
    pub(super) fn visible(&self) -> usize {
        self.subscription.instances
    }

    /// Brings what is shown of the memory up to date: only that is published, however much is remembered.
    fn recall(&mut self) {
        let known = self.state.known.as_ref().and_then(Option::as_ref);
        let playing = known.and_then(|known| known.now.library_uri());
        let shown = self.subscription.chosen().chain(playing);
        let saved = shown.filter_map(|uri| Some((uri.clone(), self.memory.is_saved(uri)?))).collect();
        let started = self.state.changes.iter().filter_map(|change| match &change.what {
            What::Started { uri } => Some(uri),
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

    /// Until when nothing may be sent, as every account is limited.
    pub(super) fn limit(&self, now_ms: u64) -> Option<Limit> {
        self.state.limit(now_ms)
    }

    /// Whether the account that serves should be spared what can wait.
    pub(super) fn strained(&self, now_ms: u64) -> bool {
        self.state.accounts.strained_until_ms.is_some_and(|until| until > now_ms)
    }

    /// Whether calls can be made at all.
    #[must_use]
    pub fn linked(&self) -> bool {
        self.state.accounts.link == Link::Linked
    }

    /// Takes a command: the model changes at once, and the calls that it needs are queued. Returns whether anything was
    /// done.
    pub fn command(&mut self, command: Command, now_ms: u64) -> bool {
        let seen = self.state.known.as_ref().map(|known| Seen::of(known.as_ref()));
        self.take(Pending { command, at_ms: now_ms, seen, shown: None }, now_ms, true)
    }

    /// Takes a command. `may_wait`: whether it waits for an answer where what is known isn't sure.
    fn take(&mut self, pending: Pending, now_ms: u64, may_wait: bool) -> bool {
        if !self.linked() {
            return false;
        }
        let limited = self.limit(now_ms).is_some();
        let answer_comes = self.state.problem.is_none() && !limited;
        let verb = &pending.command.verb;
        let is_early = self.state.known.is_none() && answer_comes;
        let is_behind = !self.pending.is_empty() && verb.depends_on_item();
        let is_unsure = verb.is_about_what_plays() && !limited && !self.knows_what_plays(pending.at_ms);
        if is_early || is_behind || is_unsure {
            self.wait(pending, now_ms);
            return true;
        }
        self.state.refusal = None;
        self.state.done = None;
        if verb.is_about_what_plays() && !pending.means(self.state.known.as_ref().and_then(Option::as_ref)) {
            self.refuse(pending.command.instance, Error::Restricted(Restriction::JustChanged), None, now_ms);
            return false;
        }
        let player = self.at(now_ms);
        let (verb, chosen) = (&pending.command.verb, pending.command.device.as_ref());
        let decision = match obstacle(verb, chosen, &player) {
            Some(_) if may_wait && answer_comes && self.state.known_age_ms(now_ms) > SURE_MS => {
                self.wait(pending, now_ms);
                return true;
            }
            Some(error) => Err(error),
            None => decide(verb, chosen, &player, &self.volumes),
        };
        let command = pending.command;
        let Decision { steps, device } = match decision {
            Ok(decision) => decision,
            Err(error) => {
                // What it depends on may have changed elsewhere.
                self.suspect(now_ms);
                self.refuse(command.instance.clone(), error, Some(command), now_ms);
                return false;
            }
        };
        match command.verb {
            Verb::Sleep(until) => {
                self.start_sleep(until, command, now_ms);
                return true;
            }
            Verb::CancelSleep => {
                self.cancel_sleep(now_ms);
                return true;
            }
            _ => {}
        }
        if command.verb.is_volume() {
            // The last word counts.
            self.fade = None;
            self.drop_sleep_fade();
            self.volumes.note_loud(player.target(device.as_ref()), player.volume(device.as_ref()).percent);
        }
        if let Verb::VolumeTo { percent, over } = &command.verb
            && !over.is_zero()
        {
            let length_ms = u64::try_from(over.as_millis()).unwrap_or(u64::MAX);
            let from = player.volume(device.as_ref()).percent;
            self.fade = Some(Fade::new(from, *percent, length_ms, now_ms, device, command));
            self.step_fade(now_ms);
            return true;
        }
        for (call, what) in steps {
            self.push(call, what, device.clone(), &command, now_ms);
        }
        self.step_sleep(now_ms);
        self.recall();
        true
    }

    /// Lets a command wait for an answer. A heart shows at once what it will be, if all is as it seems.
    fn wait(&mut self, mut pending: Pending, now_ms: u64) {
        if self.pending.len() >= MAX_PENDING {
            self.refuse(pending.command.instance, Error::SpotifyDown(None), None, now_ms);
            return;
        }
        if matches!(pending.command.verb, Verb::ToggleSaved(None))
            && let Ok(decision) =
                decide(&pending.command.verb, pending.command.device.as_ref(), &self.at(now_ms), &self.volumes)
        {
            for what in decision.steps.into_iter().filter_map(|(_, what)| what) {
                let id = self.new_id();
                let instance = pending.command.instance.clone();
                self.state.changes.push(Change { id, what, at_ms: now_ms, done_ms: None, left: None, instance });
                pending.shown = Some(id);
            }
        }
        self.pending.push(pending);
    }

    /// Whether what plays is known from an answer no older than a second at that time, and nothing was asked for since that
    /// may put on something else.
    fn knows_what_plays(&self, at_ms: u64) -> bool {
        let changing = self.state.changes.iter().any(|change| change.left.is_some());
        let recent = self.asked_ms.saturating_add(SURE_MS) >= at_ms;
        self.state.known.is_some() && !self.doubted && recent && !changing
    }

    fn new_id(&mut self) -> u64 {
        let id = self.next_id;
        self.next_id = self.next_id.wrapping_add(1);
        id
    }

    fn push(&mut self, call: Call, what: Option<What>, device: Option<ChosenDevice>, command: &Command, now_ms: u64) {
        if let Some(waiting) = self.queue.back_mut().filter(|last| call.replaces(&last.call) && last.device == device) {
            // Only the last value matters; the call that waits takes it.
            let id = waiting.id;
            (waiting.call, waiting.command) = (call, command.clone());
            if let (Some(change), Some(what)) = (self.state.changes.iter_mut().find(|change| change.id == id), what) {
                (change.what, change.at_ms) = (what, now_ms);
            }
            return;
        }
        let from_nothing = self.now_at(now_ms).is_none_or(|now| now.track.is_none() && !now.playing);
        let known = self.state.known.as_ref().and_then(Option::as_ref);
        let track = known.and_then(|known| known.now.track.as_ref());
        let title = track.filter(|_| command.verb.is_about_what_plays()).map(|track| track.title.clone());
        let id = self.new_id();
        if let Some(what) = what {
            let left = self.left(&what, now_ms);
            let instance = command.instance.clone();
            self.state.changes.push(Change { id, what, at_ms: now_ms, done_ms: None, left, instance });
        }
        self.queue.push_back(QueuedCall { id, call, device, command: command.clone(), from_nothing, title });
    }

    /// What plays now, for a change that puts on another item.
    fn left(&self, what: &What, now_ms: u64) -> Option<Left> {
        let known = self.state.known.as_ref()?.as_ref()?;
        let matched = match what {
            What::Skip => false,
            What::Started { uri } => is_start_of(uri, &known.now),
            _ => return None,
        };
        Some(Left {
            uri: known.now.uri().cloned(),
            position_ms: self.state.position_at(now_ms, |_| true).unwrap_or_default(),
            playing: known.now.playing,
            matched,
        })
    }

    /// Goes on with the fade, if its next step is due.
    pub(super) fn step_fade(&mut self, now_ms: u64) {
        let Some(fade) = self.fade.take_if(|fade| fade.next_ms() <= now_ms) else { return };
        let (percent, player) = (fade.at(now_ms), self.at(now_ms));
        if player.volume(fade.device.as_ref()).percent != Some(percent) {
            let (call, what) = set_volume(percent, fade.device.as_ref(), &player);
            self.push(call, what, fade.device.clone(), &fade.command, now_ms);
        }
        self.fade = fade.after(now_ms);
    }

    /// The next call to make, in order. It is out of the queue from then on.
    pub(super) fn next_call(&mut self, now_ms: u64) -> Option<QueuedCall> {
        if self.paced_until(now_ms).is_some() {
            return None;
        }
        let call = self.queue.pop_front()?;
        if call.call.takes_the_last_value() {
            self.paced_ms = now_ms;
        }
        Some(call)
    }

    /// Until when the call that waits should wait, in case its last value is still to come.
    fn paced_until(&self, now_ms: u64) -> Option<u64> {
        let waits = self.queue.len() == 1 && self.queue[0].call.takes_the_last_value();
        // A clock that was set back must not hold it for long.
        let until = Some(self.paced_ms.saturating_add(PACE_MS))
            .filter(|until| (1..=PACE_MS).contains(&until.saturating_sub(now_ms)));
        until.filter(|_| waits)
    }

    /// When the queue, a fade or the sleep timer wants to be looked at again although nothing has happened.
    pub(super) fn next_step_ms(&self, now_ms: u64) -> Option<u64> {
        let fade = self.fade.as_ref().map(|fade| fade.next_ms().max(now_ms));
        self.paced_until(now_ms).into_iter().chain(fade).chain(self.next_sleep_ms(now_ms)).min()
    }

    /// A call has succeeded: its change is trusted for a while.
    pub(super) fn confirmed(&mut self, call: &QueuedCall, now_ms: u64) {
        self.state.problem = None;
        // A press has worked: what was in the way of an earlier one for another reason than its own no longer is.
        self.state.refusal.take_if(|refusal| !matches!(refusal.error, Error::Restricted(_) | Error::VolumeNotAllowed));
        if let Some(place) = self.state.changes.iter().position(|change| change.id == call.id) {
            self.state.changes[place].done_ms = Some(now_ms);
            // No read will ever agree with what came before it, and nothing of that must show again.
            let done = self.state.changes[place].clone();
            self.state.changes.retain(|change| change.id >= call.id || !done.what.outdates(&change.what));
        }
        match &call.call {
            Call::Volume(_) => self.confirm_elsewhere(call.id),
            Call::Save { uri, saved } => {
                self.memory.on_saved(uri, *saved, now_ms);
                self.state.changes.retain(|change| change.id != call.id);
            }
            Call::AddToPlaylist { playlist, .. } => self.state.last_playlist = Some(playlist.clone()),
            Call::PlayLiked { .. } => self.state.started = Some(Uri::liked_songs()),
            Call::PlayUri(uri) => self.state.started = Some(uri.clone()),
            Call::Enqueue(_) => self.memory.invalidate_queue(),
            Call::Transfer { .. } => self.memory.invalidate_devices(),
            _ => {}
        }
        let shows_nowhere =
            matches!(call.call, Call::AddToPlaylist { .. } | Call::RemoveFromPlaylist { .. } | Call::Enqueue(_));
        if shows_nowhere {
            let (instance, title) = (call.command.instance.clone(), call.title.clone());
            self.state.done = Some(Done { instance, title, until_ms: now_ms.saturating_add(SAY_DONE_MS) });
        }
        self.sleep_call_confirmed(call, now_ms);
        self.recall();
    }

    /// A volume was set. Reads tell that of the active device; in the list of the others it is noted.
    fn confirm_elsewhere(&mut self, id: u64) {
        let active = self.state.known.as_ref().and_then(Option::as_ref).and_then(|known| known.now.device.id.clone());
        let Some(place) = self.state.changes.iter().position(|change| change.id == id) else { return };
        if let What::Volume { device: Some(device), percent, .. } = &self.state.changes[place].what
            && active.as_ref() != Some(device)
            && let Some(devices) = &mut self.state.devices
        {
            set_listed_volume(devices, device, *percent);
            self.state.changes.remove(place);
        }
    }

    /// A call has failed: its change is taken back, and the key says why.
    pub(super) fn refused(&mut self, call: &QueuedCall, error: Error, now_ms: u64) {
        let had_its_way = matches!(
            (&call.call, &error),
            (Call::Play, Error::Restricted(Restriction::AlreadyPlaying))
                | (Call::Pause, Error::Restricted(Restriction::AlreadyPaused))
        );
        if had_its_way {
            self.confirmed(call, now_ms);
            return;
        }
        self.state.changes.retain(|change| change.id != call.id);
        if self.sleep_call_refused(call, &error, now_ms) {
            return;
        }
        self.fade.take_if(|fade| fade.command == call.command);
        if error.is_transient() {
            // What comes after it was asked for in the belief that it would work; it would only fail alike.
            self.drop_waiting();
            self.state.problem = Some(error.clone());
        }
        if let (Call::Repeat(mode), Error::Restricted(_), Some(now)) = (&call.call, &error, self.now_at(now_ms)) {
            self.state.lacking.learn(*mode, &now);
        }
        self.refuse(call.command.instance.clone(), error, None, now_ms);
    }

    /// Shows on an instance why its press had no effect. `unsent`: see [`Refusal`].
    fn refuse(&mut self, instance: InstanceId, error: Error, unsent: Option<Command>, now_ms: u64) {
        self.state.refusal = Some(Refusal { instance, error, until_ms: now_ms.saturating_add(SAY_WHY_MS), unsent });
    }

    /// Forgets why a command had no effect where it would have one now.
    fn review_refusal(&mut self, now_ms: u64) {
        let Some(Refusal { unsent: Some(command), .. }) = &self.state.refusal else { return };
        if self.at(now_ms).obstacle(&command.verb, command.device.as_ref()).is_none() {
            self.state.refusal = None;
        }
    }

    /// Liked Songs weren't taken as a context: from now on they are played as a list.
    pub(super) fn play_liked_as_list(&mut self) {
        self.state.liked_as_list = true;
    }

    /// Learns what was accepted and not taken.
    fn hear_modes(&mut self, now: &Now, asked_ms: u64, now_ms: u64) {
        self.state.lacking.see(now);
        let settled = |change: &&Change| {
            change.done_ms.is_some_and(|done_ms| asked_ms >= done_ms && now_ms >= done_ms.saturating_add(TRUST_MS))
        };
        let changes = self.state.changes.iter();
        let settled: Vec<(What, InstanceId)> =
            changes.filter(settled).map(|change| (change.what.clone(), change.instance.clone())).collect();
        for (what, instance) in settled {
            match what {
                What::Repeat(mode) if now.repeat != mode => {
                    self.state.lacking.learn(mode, now);
                    self.refuse(instance, Error::Restricted(Restriction::NoEffect), None, now_ms);
                }
                What::Shuffle(on) if now.shuffle != on => {
                    self.refuse(instance, Error::Restricted(Restriction::NoEffect), None, now_ms);
                }
                What::Started { uri } if uri.is_liked_songs() && !is_start_of(&uri, now) => self.play_liked_as_list(),
                _ => {}
            }
        }
    }

    fn drop_waiting(&mut self) {
        for call in std::mem::take(&mut self.queue) {
            self.state.changes.retain(|change| change.id != call.id);
        }
    }

    /// Spotify has answered a question that was asked at `asked_ms`.
    ///
    /// That nothing plays comes as a 204, and in other forms that are no more than a device: see `plays_something`. Where
    /// something was known to play, one such answer changes nothing yet: the next one has to say the same.
    pub fn heard(&mut self, playback: Option<Playback>, asked_ms: u64, now_ms: u64) {
        self.state.problem = None;
        let active = playback.as_ref().and_then(|playback| playback.device.as_ref()?.id.clone());
        self.last_device = active.or(self.last_device.take());
        let playback = playback.filter(plays_something);
        if playback.is_none() && self.doubt() {
            return;
        }
        self.doubted = false;
        self.asked_ms = asked_ms;
        // The state was taken somewhere between question and answer.
        let at_ms = asked_ms.saturating_add(now_ms.saturating_sub(asked_ms) / 2);
        let mut known = playback.map(|playback| self.read(playback, asked_ms, at_ms));
        if let Some(known) = &mut known {
            self.hear_volume(&mut known.now, asked_ms, now_ms);
            self.check_sleep_volume(&known.now.device, asked_ms);
            self.hear_modes(&known.now, asked_ms, now_ms);
        }
        if self.surprises(known.as_ref(), now_ms) {
            self.suspect_ms = now_ms;
        }
        let item_ended = self.sleep_item_has_ended(known.as_ref(), now_ms);
        self.state.heard_ms = now_ms;
        self.state.changes.retain(|change| {
            let Some(done_ms) = change.done_ms else { return true };
            let asked_after = asked_ms >= done_ms;
            let agrees = known.as_ref().is_none_or(|known| change.agrees_with(known, now_ms));
            let trusted = now_ms < done_ms.saturating_add(TRUST_MS);
            trusted && !(asked_after && agrees)
        });
        let playing = known.as_ref().is_some_and(|known| known.now.playing);
        self.still_since_ms = if playing { None } else { self.still_since_ms.or(Some(now_ms)) };
        self.state.known = Some(known);
        self.review_refusal(now_ms);
        self.on_answer_for_sleep(item_ended, now_ms);
        self.recall();
        for pending in self.take_pending() {
            if !pending.is_too_old(now_ms) {
                self.take(pending, now_ms, false);
            } else if !pending.is_forgotten(now_ms) {
                self.refuse(pending.command.instance, Error::SpotifyDown(None), None, now_ms);
            }
        }
    }

    /// Learns what the active device has made of the last volume that it was asked for, and takes what it tells for that.
    fn hear_volume(&mut self, now: &mut Now, asked_ms: u64, now_ms: u64) {
        let (id, told) = (now.device.id.clone(), now.device.settable_volume());
        for change in &self.state.changes {
            let What::Volume { device, percent, before } = &change.what else { continue };
            let Some(done_ms) = change.done_ms.filter(|done_ms| asked_ms >= *done_ms && *device == id) else {
                continue;
            };
            let trusted = now_ms < done_ms.saturating_add(TRUST_MS);
            if !trusted || Volumes::is_answer(*percent, *before, told) {
                self.volumes.learn(id.as_deref(), *percent, *before, told);
            }
        }
        now.set_loudness(self.volumes.volume(id.as_deref(), told));
    }

    fn read(&self, playback: Playback, asked_ms: u64, at_ms: u64) -> Known {
        let told_ms = playback.progress_ms;
        let mut now = read(playback);
        let done = |change: &Change| change.done_ms.is_some_and(|done_ms| done_ms <= asked_ms);
        let before = self.state.known.as_ref().and_then(Option::as_ref).map(|known| {
            let skips = self.state.changes.iter().filter(|change| change.left.is_some() && done(change));
            Before {
                now: &known.now,
                position: known.position,
                at_ms: known.at_ms,
                expected_ms: self.state.position_at(at_ms, done).unwrap_or_default(),
                skipped_ms: skips.filter_map(|change| change.done_ms).max(),
            }
        });
        let position = Position::read(told_ms, &now, before, at_ms);
        now.position_ms = position.ms;
        Known { now, position, at_ms }
    }

    /// The commands that have waited. What they show already is taken off again.
    fn take_pending(&mut self) -> Vec<Pending> {
        let pending = std::mem::take(&mut self.pending);
        let shown: Vec<u64> = pending.iter().filter_map(|pending| pending.shown).collect();
        self.state.changes.retain(|change| !shown.contains(&change.id));
        pending
    }

    /// Whether commands wait for an answer.
    pub(super) fn waits_for_answer(&self) -> bool {
        !self.pending.is_empty()
    }

    /// Whether what Spotify tells isn't what was to be expected: somebody is at work elsewhere.
    fn surprises(&self, known: Option<&Known>, now_ms: u64) -> bool {
        if !self.state.changes.is_empty() {
            return false;
        }
        let (Some(expected), Some(told)) = (self.now_at(now_ms), known.map(|known| &known.now)) else {
            return self.state.known.as_ref().is_some_and(Option::is_some) != known.is_some();
        };
        let ended = expected.duration_ms().is_some_and(|duration| expected.position_ms >= duration);
        let at_work = |now: &Now| (now.playing, now.volume, now.shuffle, now.repeat, now.device.id.clone());
        at_work(&expected) != at_work(told) || (expected.uri() != told.uri() && !ended)
    }

    /// Spotify could not be asked. Where something was known, one answer that can't be used changes nothing yet.
    pub fn unheard(&mut self, error: Error, now_ms: u64) {
        if matches!(error, Error::Unexpected(_)) && self.doubt() {
            return;
        }
        self.state.problem = Some(error.clone());
        for pending in self.take_pending() {
            if pending.command.verb.is_about_what_plays() {
                self.refuse(pending.command.instance, error.clone(), None, now_ms);
            } else {
                self.take(pending, now_ms, false);
            }
        }
    }

    /// Whether an answer is to be confirmed by another one before it counts: it is the first one that contradicts what was
    /// known.
    fn doubt(&mut self) -> bool {
        let knows_something = self.state.known.as_ref().is_some_and(Option::is_some);
        !std::mem::replace(&mut self.doubted, true) && knows_something
    }

    /// Whether an answer waits for another one to confirm it.
    pub(super) fn doubts(&self) -> bool {
        self.doubted && self.state.known.as_ref().is_some_and(Option::is_some) && self.state.problem.is_none()
    }

    /// Spotify has answered another question.
    pub(super) fn told(&mut self, told: Told) {
        self.memory.on_answer(&told);
        match told {
            Told::Saved(_) | Told::PlaylistName(..) => {}
            Told::Devices(devices) => {
                self.state.devices_ms = self.devices_asked_ms;
                self.state.devices = Some(Arc::new(devices));
            }
            Told::Queue(items) => {
                self.state.coming = Some(Arc::new(first_round(items.iter().map(Track::of).collect())));
            }
        }
        self.recall();
    }

    /// A question is being asked.
    pub(super) fn asking(&mut self, question: &Question, now_ms: u64) {
        if *question == Question::Devices {
            self.devices_asked_ms = now_ms;
        }
        self.memory.on_asked(question, self.place(), now_ms);
    }

    /// A question could not be answered.
    pub(super) fn not_told(&mut self, question: &Question, error: &Error, now_ms: u64) {
        self.memory.on_failure(question, error, now_ms);
    }

    /// The user asks for an answer now: what was refused before may be answered by now.
    pub(super) fn on_refresh(&mut self, now_ms: u64) {
        self.suspect(now_ms);
        self.memory.forget_refusals();
    }

    /// What plays from where, and on what.
    fn place(&self) -> Place {
        let known = self.state.known.as_ref().and_then(Option::as_ref);
        known.map_or_else(Place::default, |known| Place {
            context: known.now.context.clone(),
            device: known.now.device.id.clone(),
        })
    }

    /// Takes in what was known before a restart; what has happened since counts more.
    pub(super) fn remember_playlist(&mut self, uri: Uri) {
        self.state.last_playlist.get_or_insert(uri);
    }

    /// Somebody may have changed something elsewhere.
    pub(super) fn suspect(&mut self, now_ms: u64) {
        self.suspect_ms = now_ms;
    }

    /// The computer has slept, or its clock was set. Where it was set back, what was to last for a moment would last
    /// until it gets there again, so nothing is left to have happened later than now.
    pub(super) fn woke(&mut self, now_ms: u64) {
        self.suspect(now_ms);
        // What was known is old: the next answer counts, whatever it is.
        self.doubted = true;
        self.asked_ms = 0;
        self.state.refusal.take_if(|refusal| refusal.until_ms > now_ms.saturating_add(SAY_WHY_MS));
        self.state.done.take_if(|done| done.until_ms > now_ms.saturating_add(SAY_DONE_MS));
        self.fade.take_if(|fade| fade.is_of_the_future(now_ms));
        if let Some(sleep) = &mut self.state.sleep {
            sleep.on_clock_change(now_ms);
        }
        self.state.heard_ms = self.state.heard_ms.min(now_ms);
        self.state.devices_ms = self.state.devices_ms.min(now_ms);
        self.still_since_ms = self.still_since_ms.map(|since| since.min(now_ms));
        self.memory.on_clock_change(now_ms);
        for change in &mut self.state.changes {
            change.at_ms = change.at_ms.min(now_ms);
            change.done_ms = change.done_ms.map(|done_ms| done_ms.min(now_ms));
        }
        if let Some(Some(known)) = &mut self.state.known {
            known.at_ms = known.at_ms.min(now_ms);
        }
    }

    /// The question to ask next, and when; `None`: none before something changes.
    pub(super) fn next_question(&self, now_ms: u64) -> Option<(Question, u64)> {
        let subscription = &self.subscription;
        let known = self.state.known.as_ref()?.as_ref();
        let now = known.map(|known| &known.now);
        let now = now.filter(|now| now.track.as_ref().is_some_and(|track| !track.local));
        let playing = now.and_then(Now::library_uri);
        let playing = playing.filter(|uri| subscription.saved_now && can_be_saved(uri));
        let context = known.and_then(|known| known.now.context.as_ref());
        let wanted = Wanted {
            saved: subscription.chosen().chain(playing).collect(),
            devices: subscription.devices,
            queue: subscription.queue && known.is_some(),
            playlist: context.filter(|uri| subscription.playlist && uri.kind() == UriKind::Playlist),
            place: self.place(),
            suspect_ms: self.suspect_ms,
            item_since_ms: self.item_since_ms(),
        };
        self.memory.next_question(&wanted, now_ms)
    }

    /// About when what plays began.
    fn item_since_ms(&self) -> u64 {
        let known = self.state.known.as_ref().and_then(Option::as_ref);
        known.map_or(0, |known| known.position.since_ms)
    }

    /// Whether Spotify has told anything, and could be asked last time.
    pub(super) fn knows(&self) -> bool {
        self.state.known.is_some() && self.state.problem.is_none()
    }

    /// The error of the last attempt, if it failed.
    pub(super) fn problem(&self) -> Option<&Error> {
        self.state.problem.as_ref()
    }

    /// What waits for a read that agrees: since when, and whether it is another item.
    pub(super) fn waits_for_agreement(&self) -> Option<(u64, bool)> {
        let done = self.state.changes.iter().filter_map(|change| Some((change.done_ms?, &change.what)));
        let done = done.filter(|(_, what)| !matches!(what, What::Saved { .. }));
        done.map(|(since, what)| (since, matches!(what, What::Skip | What::Started { .. })))
            .min_by_key(|(since, _)| *since)
    }

    /// For how long nothing has played.
    pub(super) fn still_for_ms(&self, now_ms: u64) -> Option<u64> {
        self.still_since_ms.map(|since| now_ms.saturating_sub(since))
    }

    /// The device that was active last.
    pub(super) fn last_device(&self) -> Option<&str> {
        self.last_device.as_deref()
    }

    /// What plays before a call, if that is sure.
    pub(super) fn before(&self, call: &QueuedCall, now_ms: u64) -> Option<LastPlaying> {
        self.state.before(call.id, now_ms)
    }

    /// When the track that plays will have ended, if it does and that is known.
    pub(super) fn ends_ms(&self, now_ms: u64) -> Option<u64> {
        let now = self.now_at(now_ms)?;
        let left = now.duration_ms()?.saturating_sub(now.position_ms);
        now.playing.then(|| now_ms.saturating_add(left))
    }

    fn now_at(&self, now_ms: u64) -> Option<Now> {
        self.state.now_at(now_ms)
    }

    /// All that a widget may look at, at a moment.
    #[must_use]
    pub fn at(&self, now_ms: u64) -> Player {
        self.state.at(now_ms)
    }

    /// What is shown.
    pub(super) fn state(&self) -> &State {
        &self.state
    }
}

#[cfg(test)]
impl Model {
    /// Has Spotify list these devices.
    pub(crate) fn list_devices(&mut self, devices: Vec<crate::spotify::Device>, now_ms: u64) {
        self.asking(&Question::Devices, now_ms);
        self.told(Told::Devices(devices));
    }

    /// Has every call that waits succeed.
    pub(crate) fn settle(&mut self, now_ms: u64) {
        self.settled(now_ms);
    }

    /// Has every call that waits succeed, and gives the calls.
    pub(super) fn settled(&mut self, now_ms: u64) -> Vec<Call> {
        let mut calls = Vec::new();
        self.paced_ms = 0;
        while let Some(call) = self.next_call(now_ms) {
            self.confirmed(&call, now_ms);
            self.paced_ms = 0;
            calls.push(call.call);
        }
        calls
    }
}

/// Whether an answer says that something plays or could go on. A device alone may be idle; during an ad there is no item.
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
        position_ms: 0,
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
