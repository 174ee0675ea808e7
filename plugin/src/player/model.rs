//! What Spotify is doing, as far as we know, and what was asked for since.
//!
//! What is shown is the last state that Spotify told, with every change laid over it that a press has asked for and
//! that Spotify has not yet had the time to agree with. A refused change is taken off again, and the face is back to
//! what is true: nothing needs to be undone by hand. Reads often lag some 100 ms behind writes, so a change stays on
//! for a moment after its call has succeeded, until a read agrees with it or [`TRUST_MS`] are over.
//!
//! Calls wait in one queue and leave it in order, one at a time. Of volumes and positions that wait only the last one
//! matters, and while nothing waits behind them they leave at most every [`PACE_MS`].

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

use super::command::{Call, Command, QueuedCall, Verb, What, decide};
use super::snapshot::{Done, Now, Player, Refusal, Track, Wait};
use crate::auth::{AuthState, Group, Limit, Link};
use crate::spotify::{Device, Error, Item, Playback, Restriction, Uri};

/// How long a write is trusted over reads that don't show it.
const TRUST_MS: u64 = 3_000;
/// How long a key says why its command was refused.
const SAY_WHY_MS: u64 = 4_000;
/// How long a key says that its command has worked, where that shows nowhere else.
const SAY_DONE_MS: u64 = 2_000;
/// State that couldn't be renewed for so long is shown as old.
const STALE_MS: u64 = 20_000;
/// Between two volumes, or two positions, that nothing waits behind.
const PACE_MS: u64 = 200;
/// Between two steps of a fade: slow enough for Spotify, quick enough for the ear.
const FADE_STEP_MS: u64 = 500;
/// A position that Spotify tells is taken for the one that was asked for within this.
const SAME_POSITION_MS: u64 = 2_500;
const DAY_MS: u64 = 24 * 3_600_000;

/// A change that was asked for and isn't yet part of what Spotify tells.
#[derive(Clone, Debug, PartialEq)]
struct Change {
    id: u64,
    what: What,
    at_ms: u64,
    /// When its call succeeded.
    done_ms: Option<u64>,
}

impl Change {
    fn agrees_with(&self, state: &Known, now_ms: u64) -> bool {
        let now = &state.now;
        match &self.what {
            What::Playing(playing) => now.playing == *playing,
            What::Skip { from } => now.uri().is_none() || now.uri() != from.as_ref(),
            // Spotify is given them as a list of tracks, and tells no context then.
            What::Started { uri } if uri.is_liked_songs() => now.context.as_ref().is_none_or(Uri::is_liked_songs),
            What::Started { uri } => now.context.as_ref() == Some(uri) || now.uri() == Some(uri),
            What::Volume(volume) => now.volume == Some(*volume),
            What::Position(position) => {
                let there = if now.playing { position + now_ms.saturating_sub(self.at_ms) } else { *position };
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

/// What Spotify told, and when.
#[derive(Clone, Debug, PartialEq)]
struct Known {
    now: Now,
    /// When `now.position_ms` was right.
    at_ms: u64,
}

/// The volume on its way to another one.
#[derive(Clone, Debug, PartialEq)]
struct Fade {
    from: u8,
    to: u8,
    start_ms: u64,
    end_ms: u64,
    next_ms: u64,
    device: Option<String>,
    verb: Verb,
}

impl Fade {
    fn at(&self, now_ms: u64) -> u8 {
        let (done, all) = (now_ms.saturating_sub(self.start_ms), (self.end_ms - self.start_ms).max(1));
        if done >= all {
            return self.to;
        }
        let (from, to) = (i64::from(self.from), i64::from(self.to));
        let step = (to - from) * i64::try_from(done).unwrap_or_default() / i64::try_from(all).unwrap_or(1);
        u8::try_from(from + step).unwrap_or(self.to)
    }
}

/// What of Spotify's state is looked at: nothing else is asked for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Interest {
    /// How many instances are visible.
    pub instances: usize,
    /// Whether what plays is saved.
    pub saved_now: bool,
    /// Whether these URIs are saved.
    pub saved: BTreeSet<Uri>,
    /// The devices.
    pub devices: bool,
    /// What comes next.
    pub queue: bool,
    /// The name of the playlist that plays.
    pub playlist: bool,
}

/// Something other than what plays that Spotify can be asked.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Question {
    Saved(Uri),
    Devices,
    Queue,
    PlaylistName(Uri),
}

/// What came of a [`Question`].
#[derive(Clone, Debug)]
pub(super) enum Told {
    Saved(Uri, bool),
    Devices(Vec<Device>),
    Queue(Vec<Item>),
    PlaylistName(Uri, String),
}

impl Question {
    /// The answer gets old after this.
    fn lasts_ms(&self) -> u64 {
        match self {
            Self::Saved(_) => 600_000,
            // Which one is active comes with what plays.
            Self::Devices => 180_000,
            Self::Queue => 120_000,
            Self::PlaylistName(_) => DAY_MS,
        }
    }
}

/// When a question was put last.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Asked {
    at_ms: u64,
    failed: bool,
}

/// A failed question is put again after this.
const ASK_AGAIN_MS: u64 = 30_000;
/// Not even a suspicion makes a question be put sooner than this after the last time.
const LEAST_MS: u64 = 10_000;

/// The model. Time is Unix milliseconds and always comes from outside.
#[derive(Clone, Debug, PartialEq)]
pub struct Model {
    accounts: Arc<AuthState>,
    known: Option<Option<Known>>,
    heard_ms: u64,
    /// Since when nothing has played.
    still_since_ms: Option<u64>,
    problem: Option<Error>,
    refusal: Option<Refusal>,
    done: Option<Done>,
    changes: Vec<Change>,
    /// Commands from before the first answer: what they mean depends on it.
    early: Vec<Command>,
    queue: VecDeque<QueuedCall>,
    /// When a call that is paced has left last.
    paced_ms: u64,
    fade: Option<Fade>,
    /// The volume before it was muted.
    loud: Option<u8>,
    last_device: Option<String>,
    last_playlist: Option<Uri>,
    started: Option<Uri>,
    saved: BTreeMap<Uri, bool>,
    /// When we have saved or removed something last: answers from before that are no news.
    saved_ms: BTreeMap<Uri, u64>,
    playlists: BTreeMap<Uri, String>,
    devices: Option<Arc<Vec<Device>>>,
    coming: Option<Arc<Vec<Track>>>,
    asked: BTreeMap<Question, Asked>,
    /// When it was last seen that somebody may have changed something elsewhere.
    suspect_ms: u64,
    next_id: u64,
}

impl Model {
    /// A model that knows nothing yet.
    #[must_use]
    pub fn new(accounts: Arc<AuthState>) -> Self {
        Self {
            accounts,
            known: None,
            heard_ms: 0,
            still_since_ms: None,
            problem: None,
            refusal: None,
            done: None,
            changes: Vec::new(),
            early: Vec::new(),
            queue: VecDeque::new(),
            paced_ms: 0,
            fade: None,
            loud: None,
            last_device: None,
            last_playlist: None,
            started: None,
            saved: BTreeMap::new(),
            saved_ms: BTreeMap::new(),
            playlists: BTreeMap::new(),
            devices: None,
            coming: None,
            asked: BTreeMap::new(),
            suspect_ms: 0,
            next_id: 1,
        }
    }

    /// The accounts have changed. What was known goes when nobody is linked any more.
    pub fn set_accounts(&mut self, accounts: Arc<AuthState>) {
        if accounts.link != Link::Linked {
            let last_playlist = self.last_playlist.take();
            *self = Self { next_id: self.next_id, last_playlist, ..Self::new(Arc::clone(&accounts)) };
        }
        if accounts.limit.is_none() {
            // Another account serves, or the time is over: what was said about it is over, too.
            self.problem.take_if(|problem| matches!(problem, Error::RateLimited { .. }));
            self.refusal.take_if(|refusal| matches!(refusal.error, Error::RateLimited { .. }));
        }
        self.accounts = accounts;
    }

    /// Until when nothing may be sent, as every account is limited.
    pub(super) fn limit(&self, now_ms: u64) -> Option<Limit> {
        self.accounts.limit.filter(|limit| limit.until_ms > now_ms)
    }

    /// Whether the account that serves should be spared what can wait.
    pub(super) fn strained(&self, now_ms: u64) -> bool {
        self.accounts.strained_until_ms.is_some_and(|until| until > now_ms)
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

    /// Whether calls can be made at all.
    #[must_use]
    pub fn linked(&self) -> bool {
        self.accounts.link == Link::Linked
    }

    /// Takes a command: the model changes at once, and the calls that it needs are queued. Returns whether anything was
    /// done.
    pub fn command(&mut self, command: Command, now_ms: u64) -> bool {
        if !self.linked() {
            return false;
        }
        if self.known.is_none() && self.problem.is_none() && self.limit(now_ms).is_none() {
            self.early.push(command);
            return true;
        }
        let Command { verb, device } = command;
        self.refusal = None;
        self.done = None;
        let steps = match decide(&verb, &self.at(now_ms), self.loud) {
            Ok(steps) => steps,
            Err(error) => {
                self.refusal = Some(Refusal { verb, error, until_ms: now_ms + SAY_WHY_MS });
                return false;
            }
        };
        let volume = self.now_at(now_ms).and_then(|now| now.volume);
        if matches!(verb, Verb::VolumeBy(_) | Verb::VolumeTo { .. } | Verb::ToggleMute) {
            // The last word counts.
            self.fade = None;
            self.loud = volume.filter(|volume| *volume > 0).or(self.loud);
        }
        if let Verb::VolumeTo { percent, over } = &verb
            && !over.is_zero()
        {
            let length_ms = u64::try_from(over.as_millis()).unwrap_or(u64::MAX);
            self.fade = Some(Fade {
                from: volume.unwrap_or(*percent),
                to: (*percent).min(100),
                start_ms: now_ms,
                end_ms: now_ms.saturating_add(length_ms),
                next_ms: now_ms,
                device,
                verb,
            });
            self.step_fade(now_ms);
            return true;
        }
        for (call, what) in steps {
            self.push(call, what, device.clone(), verb.clone(), now_ms);
        }
        true
    }

    fn push(&mut self, call: Call, what: Option<What>, device: Option<String>, verb: Verb, now_ms: u64) {
        if let Some(waiting) = self.queue.back_mut().filter(|last| call.replaces(&last.call) && last.device == device) {
            // Only the last value matters; the call that waits takes it.
            let id = waiting.id;
            (waiting.call, waiting.verb) = (call, verb);
            if let (Some(change), Some(what)) = (self.changes.iter_mut().find(|change| change.id == id), what) {
                (change.what, change.at_ms) = (what, now_ms);
            }
            return;
        }
        let id = self.next_id;
        self.next_id += 1;
        if let Some(what) = what {
            self.changes.push(Change { id, what, at_ms: now_ms, done_ms: None });
        }
        self.queue.push_back(QueuedCall { id, call, device, verb });
    }

    /// Goes on with the fade, if its next step is due.
    pub(super) fn step_fade(&mut self, now_ms: u64) {
        let Some(fade) = self.fade.take_if(|fade| fade.next_ms <= now_ms) else { return };
        let percent = fade.at(now_ms);
        if self.now_at(now_ms).and_then(|now| now.volume) != Some(percent) {
            let what = Some(What::Volume(percent));
            self.push(Call::Volume(percent), what, fade.device.clone(), fade.verb.clone(), now_ms);
        }
        if now_ms < fade.end_ms {
            let next_ms = (now_ms + FADE_STEP_MS).min(fade.end_ms);
            self.fade = Some(Fade { next_ms, ..fade });
        }
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
        let until = Some(self.paced_ms + PACE_MS).filter(|until| *until > now_ms && until - now_ms <= PACE_MS);
        until.filter(|_| waits)
    }

    /// When the queue or a fade wants to be looked at again although nothing has happened.
    pub(super) fn next_step_ms(&self, now_ms: u64) -> Option<u64> {
        let fade = self.fade.as_ref().map(|fade| fade.next_ms.max(now_ms));
        self.paced_until(now_ms).into_iter().chain(fade).min()
    }

    /// A call has succeeded: its change is trusted for a while.
    pub(super) fn confirmed(&mut self, call: &QueuedCall, now_ms: u64) {
        self.problem = None;
        if let Some(place) = self.changes.iter().position(|change| change.id == call.id) {
            self.changes[place].done_ms = Some(now_ms);
            // No read will ever agree with what came before it, and nothing of that must show again.
            let done = self.changes[place].clone();
            self.changes.retain(|change| change.id >= call.id || !done.what.outdates(&change.what));
        }
        match &call.call {
            Call::Save { uri, saved } => {
                self.saved.insert(uri.clone(), *saved);
                self.saved_ms.insert(uri.clone(), now_ms);
                self.changes.retain(|change| change.id != call.id);
            }
            Call::AddToPlaylist { playlist, .. } => self.last_playlist = Some(playlist.clone()),
            Call::PlayLiked => self.started = Some(Uri::liked_songs()),
            Call::PlayUri(uri) => self.started = Some(uri.clone()),
            Call::Enqueue(_) => drop(self.asked.remove(&Question::Queue)),
            Call::Transfer { .. } => drop(self.asked.remove(&Question::Devices)),
            _ => {}
        }
        let shows_nowhere =
            matches!(call.call, Call::AddToPlaylist { .. } | Call::RemoveFromPlaylist { .. } | Call::Enqueue(_));
        if shows_nowhere {
            self.done = Some(Done { verb: call.verb.clone(), until_ms: now_ms + SAY_DONE_MS });
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
        self.changes.retain(|change| change.id != call.id);
        self.fade.take_if(|fade| fade.verb == call.verb);
        if error.passes() {
            // What comes after it was asked for in the belief that it would work; it would only fail alike.
            self.drop_waiting();
            self.problem = Some(error.clone());
        }
        self.refusal = Some(Refusal { verb: call.verb.clone(), error, until_ms: now_ms + SAY_WHY_MS });
    }

    fn drop_waiting(&mut self) {
        for call in std::mem::take(&mut self.queue) {
            self.changes.retain(|change| change.id != call.id);
        }
    }

    /// Spotify has answered a question that was asked at `asked_ms`.
    pub fn heard(&mut self, playback: Option<Playback>, asked_ms: u64, now_ms: u64) {
        self.problem = None;
        // The state was taken somewhere between question and answer.
        let at_ms = asked_ms + now_ms.saturating_sub(asked_ms) / 2;
        let known = playback.map(|playback| Known { now: read(playback), at_ms });
        if self.surprises(known.as_ref(), now_ms) {
            self.suspect_ms = now_ms;
        }
        self.heard_ms = now_ms;
        self.changes.retain(|change| {
            let Some(done_ms) = change.done_ms else { return true };
            let asked_after = asked_ms >= done_ms;
            let agrees = known.as_ref().is_none_or(|known| change.agrees_with(known, now_ms));
            let trusted = now_ms < done_ms + TRUST_MS;
            trusted && !(asked_after && agrees)
        });
        if let Some(known) = &known {
            self.last_device = known.now.device.id.clone().or(self.last_device.take());
        }
        let playing = known.as_ref().is_some_and(|known| known.now.playing);
        self.still_since_ms = if playing { None } else { self.still_since_ms.or(Some(now_ms)) };
        self.known = Some(known);
        self.command_early(now_ms);
    }

    /// Takes the commands that have waited for the first answer, or for it to be known that none comes.
    fn command_early(&mut self, now_ms: u64) {
        for command in std::mem::take(&mut self.early) {
            self.command(command, now_ms);
        }
    }

    /// Whether what Spotify tells isn't what was to be expected: somebody is at work elsewhere.
    fn surprises(&self, known: Option<&Known>, now_ms: u64) -> bool {
        if !self.changes.is_empty() {
            return false;
        }
        let (Some(expected), Some(told)) = (self.now_at(now_ms), known.map(|known| &known.now)) else {
            return self.known.as_ref().is_some_and(Option::is_some) != known.is_some();
        };
        let ended = expected.duration_ms().is_some_and(|duration| expected.position_ms >= duration);
        let at_work = |now: &Now| (now.playing, now.volume, now.shuffle, now.repeat, now.device.id.clone());
        at_work(&expected) != at_work(told) || (expected.uri() != told.uri() && !ended)
    }

    /// Spotify could not be asked.
    pub fn unheard(&mut self, error: Error, now_ms: u64) {
        self.problem = Some(error);
        self.command_early(now_ms);
    }

    /// What Spotify has told about something else.
    pub(super) fn told(&mut self, told: Told) {
        match told {
            Told::Saved(uri, saved) => {
                let asked = self.asked.get(&Question::Saved(uri.clone())).map_or(0, |asked| asked.at_ms);
                if self.saved_ms.get(&uri).is_none_or(|done_ms| asked >= done_ms + TRUST_MS) {
                    self.saved.insert(uri, saved);
                }
            }
            Told::Devices(devices) => self.devices = Some(Arc::new(devices)),
            Told::PlaylistName(playlist, name) => drop(self.playlists.insert(playlist, name)),
            Told::Queue(items) => self.coming = Some(Arc::new(items.iter().map(Track::of).collect())),
        }
    }

    /// A question is being put.
    pub(super) fn asking(&mut self, question: Question, now_ms: u64) {
        self.asked.insert(question, Asked { at_ms: now_ms, failed: false });
    }

    /// A question could not be answered.
    pub(super) fn not_told(&mut self, question: &Question) {
        if let Some(asked) = self.asked.get_mut(question) {
            asked.failed = true;
        }
    }

    /// Takes in what was known before a restart; what has happened since counts more.
    pub(super) fn remember_playlist(&mut self, uri: Uri) {
        self.last_playlist.get_or_insert(uri);
    }

    /// Somebody may have changed something elsewhere.
    pub(super) fn suspect(&mut self, now_ms: u64) {
        self.suspect_ms = now_ms;
    }

    /// The computer has slept, or its clock was set. Where it was set back, what was to last for a moment would last
    /// until it gets there again, so nothing is left to have happened later than now.
    pub(super) fn woke(&mut self, now_ms: u64) {
        self.suspect(now_ms);
        self.refusal.take_if(|refusal| refusal.until_ms > now_ms.saturating_add(SAY_WHY_MS));
        self.done.take_if(|done| done.until_ms > now_ms.saturating_add(SAY_DONE_MS));
        self.fade.take_if(|fade| fade.start_ms > now_ms);
        self.heard_ms = self.heard_ms.min(now_ms);
        self.still_since_ms = self.still_since_ms.map(|since| since.min(now_ms));
        self.saved_ms.values_mut().for_each(|at_ms| *at_ms = now_ms.min(*at_ms));
        for change in &mut self.changes {
            change.at_ms = change.at_ms.min(now_ms);
            change.done_ms = change.done_ms.map(|done_ms| done_ms.min(now_ms));
        }
        if let Some(Some(known)) = &mut self.known {
            known.at_ms = known.at_ms.min(now_ms);
        }
    }

    /// The question that should be put next, and when, for somebody who is interested in all this.
    pub(super) fn next_question(&self, interest: &Interest, now_ms: u64) -> Option<(Question, u64)> {
        let known = self.known.as_ref()?.as_ref();
        let track = known.and_then(|known| known.now.track.as_ref()).filter(|track| !track.local);
        let playing = track.and_then(|track| track.uri.as_ref()).filter(|_| interest.saved_now);
        let saved = interest.saved.iter().chain(playing).cloned().map(Question::Saved);
        let devices = interest.devices.then_some(Question::Devices);
        let queue = interest.queue.then_some(Question::Queue).filter(|_| known.is_some());
        let playlist = known.and_then(|known| known.now.playlist()).filter(|_| interest.playlist);
        let playlist = playlist.map(Question::PlaylistName);
        let due = saved.chain(devices).chain(queue).chain(playlist).map(|question| {
            let due_ms = self.due_ms(&question, now_ms);
            (question, due_ms)
        });
        due.min_by_key(|(_, due_ms)| *due_ms)
    }

    fn due_ms(&self, question: &Question, now_ms: u64) -> u64 {
        let Some(asked) = self.asked.get(question).filter(|asked| asked.at_ms <= now_ms) else { return now_ms };
        if asked.failed {
            return asked.at_ms + ASK_AGAIN_MS;
        }
        let item_since_ms = match question {
            Question::Queue => self.item_since_ms(),
            Question::Saved(_) | Question::Devices => 0,
            // Nobody renames a playlist while it plays.
            Question::PlaylistName(_) => return asked.at_ms + question.lasts_ms(),
        };
        if self.suspect_ms.max(item_since_ms) > asked.at_ms {
            // A moment later, so that Spotify's queue has gone on, too.
            return asked.at_ms + LEAST_MS.min(item_since_ms.saturating_sub(asked.at_ms).max(1_000));
        }
        asked.at_ms + question.lasts_ms()
    }

    /// About when what plays began to.
    fn item_since_ms(&self) -> u64 {
        let known = self.known.as_ref().and_then(Option::as_ref);
        known.map_or(0, |known| known.at_ms.saturating_sub(known.now.position_ms))
    }

    /// Whether Spotify has told anything, and could be asked last time.
    pub(super) fn knows(&self) -> bool {
        self.known.is_some() && self.problem.is_none()
    }

    /// The error of the last attempt, if it failed.
    pub(super) fn problem(&self) -> Option<&Error> {
        self.problem.as_ref()
    }

    /// What waits for a read that agrees: since when, and whether it is another item.
    pub(super) fn waits_for_agreement(&self) -> Option<(u64, bool)> {
        let done = self.changes.iter().filter_map(|change| Some((change.done_ms?, &change.what)));
        let done = done.filter(|(_, what)| !matches!(what, What::Saved { .. }));
        done.map(|(since, what)| (since, matches!(what, What::Skip { .. } | What::Started { .. })))
            .min_by_key(|(since, _)| *since)
    }

    /// For how long nothing has played.
    pub(super) fn still_for_ms(&self, now_ms: u64) -> Option<u64> {
        self.still_since_ms.map(|since| now_ms.saturating_sub(since))
    }

    /// The playlist that something was added to last.
    #[must_use]
    pub fn last_playlist(&self) -> Option<&Uri> {
        self.last_playlist.as_ref()
    }

    /// The device that was active last.
    pub(super) fn last_device(&self) -> Option<&str> {
        self.last_device.as_deref()
    }

    /// When what is shown changes by itself next, other than by progress: a refusal that has been said long enough, a
    /// state that gets old, a second of a wait.
    #[must_use]
    pub fn next_change_ms(&self, now_ms: u64) -> Option<u64> {
        let refusal = self.refusal.as_ref().map(|refusal| refusal.until_ms);
        let done = self.done.as_ref().map(|done| done.until_ms);
        let stale = self.problem.as_ref().map(|_| self.heard_ms + STALE_MS);
        let wait = self.limit(now_ms).and_then(|limit| Wait::next_change_ms(limit, now_ms));
        let first = self.first_limit().and_then(|limit| Wait::next_change_ms(limit, now_ms));
        [refusal, done, stale, wait, first].into_iter().flatten().filter(|at| *at > now_ms).min()
    }

    /// When the track that plays will have ended, if it does and that is known.
    pub(super) fn ends_ms(&self, now_ms: u64) -> Option<u64> {
        let now = self.now_at(now_ms)?;
        let left = now.duration_ms()?.saturating_sub(now.position_ms);
        now.playing.then(|| now_ms + left)
    }

    fn now_at(&self, now_ms: u64) -> Option<Now> {
        let known = self.known.as_ref()?.as_ref()?;
        let mut now = known.now.clone();
        let mut at_ms = known.at_ms;
        for change in &self.changes {
            match &change.what {
                What::Playing(playing) => {
                    now.position_ms = moved(&now, at_ms, change.at_ms);
                    at_ms = change.at_ms.max(at_ms);
                    now.playing = *playing;
                }
                What::Skip { .. } => {
                    now.position_ms = 0;
                    at_ms = now_ms;
                    now.skipping = true;
                }
                What::Started { uri } => {
                    now.position_ms = 0;
                    at_ms = now_ms;
                    now.skipping = true;
                    now.playing = true;
                    now.context = Some(uri.clone());
                }
                What::Position(position) => {
                    now.position_ms = *position;
                    at_ms = change.at_ms;
                }
                What::Volume(volume) => now.volume = Some(*volume),
                What::Shuffle(on) => now.shuffle = *on,
                What::Repeat(repeat) => now.repeat = *repeat,
                What::Device(device) => now.device = device.clone(),
                What::Saved { .. } => {}
            }
        }
        now.position_ms = moved(&now, at_ms, now_ms);
        Some(now)
    }

    /// All that a widget may look at, at a moment.
    #[must_use]
    pub fn at(&self, now_ms: u64) -> Player {
        let mut saved = self.saved.clone();
        for change in &self.changes {
            if let What::Saved { uri, saved: wanted } = &change.what {
                saved.insert(uri.clone(), *wanted);
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
            stale: self.problem.is_some() && now_ms >= self.heard_ms + STALE_MS,
            problem: self.problem.clone(),
            devices: self.devices.clone(),
            queue: self.coming.clone(),
            last_playlist: self.last_playlist.clone(),
            saved,
            playlist: self.now_at(now_ms).and_then(|now| self.playlists.get(&now.playlist()?).cloned()),
            started: self.started.clone(),
            refusal: self.refusal.clone().filter(|refusal| now_ms < refusal.until_ms),
            done: self.done.clone().filter(|done| now_ms < done.until_ms),
        }
    }
}

/// Where it is by then.
fn moved(now: &Now, from_ms: u64, to_ms: u64) -> u64 {
    let position = if now.playing { now.position_ms + to_ms.saturating_sub(from_ms) } else { now.position_ms };
    now.duration_ms().map_or(position, |duration| position.min(duration))
}

fn read(playback: Playback) -> Now {
    let disallows = playback.actions.disallows;
    let device = playback.device.unwrap_or_default();
    Now {
        playing: playback.is_playing,
        track: playback.item.as_ref().map(Track::of),
        kind: playback.currently_playing_type,
        context: playback.context.and_then(|context| context.uri),
        position_ms: playback.progress_ms.unwrap_or_default(),
        volume: device.volume_percent.filter(|_| device.supports_volume != Some(false)),
        shuffle: playback.shuffle_state,
        repeat: playback.repeat_state,
        no_next: disallows.skipping_next,
        no_previous: disallows.skipping_prev,
        no_seek: disallows.seeking,
        device,
        skipping: false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::auth::LimitKind;
    use crate::auth::testing::accounts;

    const T: u64 = 1_000_000;

    fn uri(text: &str) -> Uri {
        Uri::from_spotify(text).unwrap()
    }

    fn playback(playing: bool, progress_ms: u64) -> Playback {
        Playback {
            is_playing: playing,
            progress_ms: Some(progress_ms),
            device: Some(Device { volume_percent: Some(40), ..Device::default() }),
            item: Some(Item { uri: Some(uri("spotify:track:1")), duration_ms: 60_000, ..Item::default() }),
            ..Playback::default()
        }
    }

    fn model(playing: bool) -> Model {
        let mut model = Model::new(Arc::new(accounts(Link::Linked, &["A"])));
        model.heard(Some(playback(playing, 10_000)), T, T);
        model
    }

    fn press(model: &mut Model, verb: Verb, at: u64) {
        assert!(model.command(Command { verb, device: None }, at));
    }

    #[test]
    fn a_clock_set_back_leaves_nothing_behind_that_lasts_until_it_gets_there_again() {
        let mut model = model(true);
        press(&mut model, Verb::TogglePlay, T + 1_000);
        let call = model.next_call(T + 1_000).unwrap();
        model.confirmed(&call, T + 1_000);
        press(&mut model, Verb::Next, T + 1_000);
        let call = model.next_call(T + 1_000).unwrap();
        model.refused(&call, Error::Offline, T + 1_000);
        let back = T - 500_000;
        assert!(model.at(back).refusal.is_some(), "it would last for minutes");
        model.woke(back);
        assert_eq!(model.at(back).refusal, None);
        // The pause is not trusted for longer than it would have been.
        assert!(!now(&model, back).playing);
        model.heard(Some(playback(true, 10_000)), back + TRUST_MS, back + TRUST_MS);
        assert!(now(&model, back + TRUST_MS).playing);
        assert_eq!(now(&model, back + TRUST_MS + 1_000).position_ms, 11_000, "it moves on");
    }

    fn now(model: &Model, at: u64) -> Now {
        model.at(at).now.unwrap()
    }

    #[test]
    fn a_press_shows_at_once_and_progress_stands_still_while_paused() {
        let mut model = model(true);
        assert_eq!(now(&model, T + 2_000).position_ms, 12_000);
        press(&mut model, Verb::TogglePlay, T + 2_000);
        assert!(!now(&model, T + 2_000).playing);
        assert_eq!(now(&model, T + 9_000).position_ms, 12_000);
        assert_eq!(model.next_call(T + 60_000).unwrap().call, Call::Pause);
        press(&mut model, Verb::TogglePlay, T + 9_000);
        assert_eq!(now(&model, T + 10_000).position_ms, 13_000);
        assert_eq!(model.next_call(T + 60_000).unwrap().call, Call::Play);
    }

    #[test]
    fn a_press_before_the_first_answer_waits_for_it() {
        let mut model = Model::new(Arc::new(accounts(Link::Linked, &["A"])));
        press(&mut model, Verb::VolumeBy(5), T);
        press(&mut model, Verb::ToggleSaved(None), T + 10);
        assert_eq!(model.next_call(T + 20), None);
        let mut offline = model.clone();
        model.heard(Some(playback(true, 10_000)), T, T + 100);
        assert_eq!(model.next_call(T + 60_000).unwrap().call, Call::Volume(45));
        assert!(matches!(model.next_call(T + 60_000).unwrap().call, Call::Save { .. }));
        offline.unheard(Error::Offline, T + 100);
        assert!(offline.next_call(T + 60_000).is_some(), "and is tried all the same if none comes");
    }

    #[test]
    fn a_refused_change_is_taken_back_with_its_reason_for_a_while() {
        let mut model = model(true);
        press(&mut model, Verb::TogglePlay, T);
        let call = model.next_call(T + 60_000).unwrap();
        model.refused(&call, Error::PremiumRequired, T + 50);
        let player = model.at(T + 60);
        assert!(player.now.as_ref().unwrap().playing);
        assert_eq!(player.refusal(|verb| *verb == Verb::TogglePlay), Some(&Error::PremiumRequired));
        assert_eq!(player.refusal(|verb| *verb == Verb::Next), None, "other keys don't say it");
        assert_eq!(model.next_change_ms(T + 60), Some(T + 50 + SAY_WHY_MS));
        assert_eq!(model.at(T + 50 + SAY_WHY_MS).refusal(|_| true), None);
    }

    #[test]
    fn pausing_what_is_paused_already_is_a_success() {
        let mut model = model(true);
        press(&mut model, Verb::TogglePlay, T);
        let call = model.next_call(T + 60_000).unwrap();
        model.refused(&call, Error::Restricted(Restriction::AlreadyPaused), T + 50);
        assert!(!now(&model, T + 60).playing);
        assert_eq!(model.at(T + 60).refusal(|_| true), None);
    }

    #[test]
    fn a_read_that_lags_behind_a_write_does_not_flip_the_key_back() {
        let mut model = model(true);
        press(&mut model, Verb::TogglePlay, T);
        let call = model.next_call(T + 60_000).unwrap();
        model.heard(Some(playback(true, 10_100)), T + 10, T + 20);
        assert!(!now(&model, T + 30).playing, "the call isn't even answered");
        model.confirmed(&call, T + 50);
        model.heard(Some(playback(true, 10_200)), T + 100, T + 110);
        assert!(!now(&model, T + 120).playing, "Spotify has not had time to agree");
        model.heard(Some(playback(false, 10_000)), T + 500, T + 510);
        assert!(!now(&model, T + 520).playing);
        assert!(model.waits_for_agreement().is_none(), "it has agreed");
        model.heard(Some(playback(true, 10_000)), T + 600, T + 610);
        assert!(now(&model, T + 620).playing, "so the next state is the truth");
    }

    #[test]
    fn trust_ends_when_spotify_never_agrees() {
        let mut model = model(true);
        press(&mut model, Verb::TogglePlay, T);
        let call = model.next_call(T + 60_000).unwrap();
        model.confirmed(&call, T);
        model.heard(Some(playback(true, 15_000)), T + TRUST_MS, T + TRUST_MS);
        assert!(now(&model, T + TRUST_MS).playing);
    }

    #[test]
    fn an_answer_to_a_question_from_before_the_write_does_not_count_as_agreement() {
        let mut model = model(false);
        press(&mut model, Verb::TogglePlay, T);
        let play = model.next_call(T + 60_000).unwrap();
        press(&mut model, Verb::TogglePlay, T + 5);
        let pause = model.next_call(T + 60_000).unwrap();
        model.confirmed(&play, T + 50);
        model.confirmed(&pause, T + 90);
        // It agrees with the pause, but was asked before either was done.
        model.heard(Some(playback(false, 10_000)), T + 1, T + 95);
        assert!(model.waits_for_agreement().is_some());
        assert!(!now(&model, T + 96).playing);
    }

    #[test]
    fn of_many_volume_presses_the_waiting_call_takes_the_last_value() {
        let mut model = model(true);
        press(&mut model, Verb::VolumeBy(5), T);
        let first = model.next_call(T).unwrap();
        assert_eq!(first.call, Call::Volume(45));
        for n in 0..20 {
            press(&mut model, Verb::VolumeBy(5), T + n);
        }
        assert_eq!(now(&model, T + 30).volume, Some(100));
        assert_eq!((model.next_call(T + 199), model.next_step_ms(T + 199)), (None, Some(T + 200)), "more may come");
        assert_eq!(model.next_call(T + 200).unwrap().call, Call::Volume(100));
        press(&mut model, Verb::VolumeBy(-5), T + 210);
        press(&mut model, Verb::Next, T + 211);
        assert_eq!(model.next_call(T + 212).unwrap().call, Call::Volume(95), "nothing waits behind a volume");
        assert_eq!(model.next_call(T + 213).unwrap().call, Call::Next);
        assert_eq!(model.next_call(T + 60_000), None);
    }

    /// Makes every call that is due from one moment to another, and gives them with their times.
    fn calls(model: &mut Model, from: u64, to: u64) -> Vec<(u64, Call)> {
        let mut calls = Vec::new();
        for at in (from..=to).step_by(50) {
            model.step_fade(at);
            while let Some(call) = model.next_call(at) {
                model.confirmed(&call, at);
                calls.push((at - from, call.call));
            }
        }
        calls
    }

    #[test]
    fn a_fade_gets_there_in_its_time_and_the_last_word_counts() {
        let mut model = model(true);
        press(&mut model, Verb::VolumeTo { percent: 0, over: std::time::Duration::from_secs(4) }, T);
        let made = calls(&mut model, T, T + 6_000);
        assert_eq!(made.last(), Some(&(4_000, Call::Volume(0))));
        assert_eq!(made.len(), 8, "{made:?}");
        press(&mut model, Verb::VolumeTo { percent: 100, over: std::time::Duration::from_secs(4) }, T + 7_000);
        calls(&mut model, T + 7_000, T + 8_000);
        press(&mut model, Verb::VolumeTo { percent: 30, over: std::time::Duration::ZERO }, T + 8_010);
        assert_eq!(calls(&mut model, T + 8_300, T + 20_000), [(0, Call::Volume(30))]);
    }

    #[test]
    fn mute_comes_back_to_what_it_was() {
        let mut model = model(true);
        press(&mut model, Verb::ToggleMute, T);
        assert_eq!(now(&model, T).volume, Some(0));
        press(&mut model, Verb::ToggleMute, T + 1_000);
        assert_eq!(now(&model, T + 1_000).volume, Some(40));
    }

    #[test]
    fn seeks_add_up_and_stay_within_the_item() {
        let mut model = model(true);
        press(&mut model, Verb::SeekBy(15_000), T);
        assert_eq!(now(&model, T).position_ms, 25_000);
        press(&mut model, Verb::SeekBy(15_000), T + 1_000);
        assert_eq!(now(&model, T + 1_000).position_ms, 41_000);
        assert_eq!(model.next_call(T + 1_000).unwrap().call, Call::Seek(41_000));
        press(&mut model, Verb::SeekBy(90_000), T + 2_000);
        assert_eq!(now(&model, T + 2_000).position_ms, 60_000);
        press(&mut model, Verb::SeekBy(-90_000), T + 3_000);
        assert_eq!(now(&model, T + 3_500).position_ms, 500);
        press(&mut model, Verb::Restart, T + 4_000);
        assert_eq!(calls(&mut model, T + 4_000, T + 5_000), [(0, Call::Seek(0))]);
    }

    #[test]
    fn a_like_shows_at_once_and_is_asked_about_once_a_track() {
        let mut model = model(true);
        let interest = Interest { instances: 1, saved_now: true, ..Interest::default() };
        let question = Question::Saved(uri("spotify:track:1"));
        assert_eq!(model.next_question(&interest, T), Some((question.clone(), T)));
        model.asking(question.clone(), T);
        model.told(Told::Saved(uri("spotify:track:1"), true));
        assert_eq!(model.next_question(&interest, T + 1), Some((question.clone(), T + 600_000)));
        assert_eq!(model.at(T).saved(&uri("spotify:track:1")), Some(true));
        press(&mut model, Verb::ToggleSaved(None), T);
        assert_eq!(model.at(T).saved(&uri("spotify:track:1")), Some(false));
        let call = model.next_call(T).unwrap();
        model.refused(&call, Error::PremiumRequired, T);
        assert_eq!(model.at(T).saved(&uri("spotify:track:1")), Some(true), "back to what is true");
        let mut other = playback(false, 12_000);
        other.shuffle_state = true;
        model.heard(Some(other), T + 2_000, T + 2_000);
        assert_eq!(
            model.next_question(&interest, T + 2_000),
            Some((question, T + 1_000)),
            "somebody is at work elsewhere"
        );
    }

    #[test]
    fn an_answer_from_before_a_like_does_not_take_it_back() {
        let mut model = model(true);
        let uri = uri("spotify:track:1");
        model.asking(Question::Saved(uri.clone()), T);
        press(&mut model, Verb::ToggleSaved(None), T + 10);
        let call = model.next_call(T + 10).unwrap();
        model.confirmed(&call, T + 60);
        model.told(Told::Saved(uri.clone(), false));
        assert_eq!(model.at(T + 70).saved(&uri), Some(true));
        model.asking(Question::Saved(uri.clone()), T + 60 + TRUST_MS);
        model.told(Told::Saved(uri.clone(), false));
        assert_eq!(model.at(T + 9_000).saved(&uri), Some(false), "but one that was asked later does");
    }

    #[test]
    fn what_plays_already_pauses_restarts_or_shuffles() {
        let start = |again| Verb::Start(super::super::Start { uri: uri("spotify:album:a"), again, shuffle: None });
        let mut playing = playback(true, 10_000);
        playing.context = Some(crate::spotify::Context { uri: Some(uri("spotify:album:a")), kind: "album".into() });
        let uri = uri("spotify:album:a");
        for (again, expected) in [
            (super::super::Again::Pause, vec![Call::Pause]),
            (super::super::Again::Restart, vec![Call::PlayUri(uri.clone())]),
            (super::super::Again::Shuffle, vec![Call::Shuffle(true), Call::PlayUri(uri.clone())]),
        ] {
            let mut model = model(true);
            press(&mut model, start(again), T);
            let first: Vec<_> = calls(&mut model, T, T).into_iter().map(|(_, call)| call).collect();
            assert_eq!(first, [Call::PlayUri(uri.clone())], "something else plays");
            model.heard(Some(playing.clone()), T + 5_000, T + 5_000);
            press(&mut model, start(again), T + 5_000);
            let again: Vec<_> = calls(&mut model, T + 5_000, T + 5_000).into_iter().map(|(_, call)| call).collect();
            assert_eq!(again, expected);
        }
    }

    #[test]
    fn commands_that_mean_nothing_now_say_so_and_send_nothing() {
        let mut model = Model::new(Arc::new(accounts(Link::Linked, &["A"])));
        model.heard(None, T, T);
        for (verb, why) in [
            (Verb::SeekBy(1_000), Restriction::NothingPlaying),
            (Verb::ToggleSaved(None), Restriction::NothingPlaying),
            (Verb::RemoveFromPlaylist, Restriction::NothingPlaying),
            (Verb::AddToPlaylist(None), Restriction::NoPlaylistChosen),
        ] {
            assert!(!model.command(Command { verb: verb.clone(), device: None }, T));
            assert_eq!(model.at(T).refusal(|said| *said == verb), Some(&Error::Restricted(why)));
        }
        assert_eq!(model.next_call(T), None);
    }

    #[test]
    fn what_shows_nowhere_else_is_said() {
        let mut model = model(true);
        let playlist = Some(uri("spotify:playlist:p"));
        press(&mut model, Verb::AddToPlaylist(playlist.clone()), T);
        let call = model.next_call(T).unwrap();
        model.confirmed(&call, T + 50);
        let done = |player: &Player| player.done(|verb| matches!(verb, Verb::AddToPlaylist(_)));
        assert!(done(&model.at(T + 60)) && !done(&model.at(T + 50 + SAY_DONE_MS)));
        assert_eq!(model.at(T).last_playlist, playlist, "the next one without a choice goes there, too");
    }

    #[test]
    fn what_was_done_after_it_outdates_a_change_that_no_read_has_shown() {
        let mut model = model(true);
        for (verb, at) in [(Verb::TogglePlay, T), (Verb::TogglePlay, T + 100)] {
            press(&mut model, verb, at);
            let call = model.next_call(at).unwrap();
            model.confirmed(&call, at + 50);
        }
        model.heard(Some(playback(true, 10_300)), T + 300, T + 310);
        assert!(now(&model, T + 320).playing, "the pause before is forgotten");
        assert!(model.waits_for_agreement().is_none());
        for (at, percent) in [(1_000, 33), (1_300, 26), (1_600, 19)] {
            press(&mut model, Verb::VolumeBy(-7), T + at);
            let call = model.next_call(T + at).unwrap();
            assert_eq!(call.call, Call::Volume(percent));
            model.confirmed(&call, T + at + 50);
        }
        let mut last = playback(true, 11_800);
        last.device.as_mut().unwrap().volume_percent = Some(19);
        model.heard(Some(last), T + 1_800, T + 1_810);
        assert_eq!(now(&model, T + 1_820).volume, Some(19));
    }

    #[test]
    fn liked_songs_have_started_when_what_plays_has_no_context() {
        let mut model = model(true);
        let mut album = playback(true, 10_000);
        album.context = Some(crate::spotify::Context { uri: Some(uri("spotify:album:a")), kind: "album".into() });
        model.heard(Some(album.clone()), T, T);
        let liked = super::super::Start { uri: Uri::liked_songs(), again: super::super::Again::Pause, shuffle: None };
        press(&mut model, Verb::Start(liked), T);
        let call = model.next_call(T).unwrap();
        model.confirmed(&call, T + 50);
        model.heard(Some(album), T + 100, T + 110);
        assert!(now(&model, T + 120).skipping, "Spotify still tells what was before");
        model.heard(Some(playback(true, 200)), T + 300, T + 300);
        assert_eq!((now(&model, T + 1_300).position_ms, now(&model, T + 1_300).skipping), (1_200, false));
        assert!(model.at(T + 1_300).plays(&Uri::liked_songs()));
    }

    #[test]
    fn a_file_of_the_users_own_is_not_asked_about_saved_or_added() {
        let mut model = model(true);
        let mut file = playback(true, 10_000);
        file.item.as_mut().unwrap().is_local = true;
        model.heard(Some(file), T, T);
        let interest = Interest { instances: 1, saved_now: true, ..Interest::default() };
        assert_eq!(model.next_question(&interest, T), None);
        for verb in [Verb::ToggleSaved(None), Verb::Enqueue(None), Verb::AddToPlaylist(Some(uri("spotify:playlist:p")))]
        {
            assert!(!model.command(Command { verb: verb.clone(), device: None }, T));
            let why = Error::Restricted(Restriction::LocalFile);
            assert_eq!(model.at(T).refusal(|said| *said == verb), Some(&why));
        }
    }

    #[test]
    fn the_next_device_is_the_one_after_that_which_plays() {
        let mut model = model(true);
        let device = |id: &str, is_active| Device { id: Some(id.into()), is_active, ..Device::default() };
        // Listed when A was still active.
        model.told(Told::Devices(vec![device("A", true), device("B", false), device("C", false)]));
        let mut on_b = playback(true, 10_000);
        on_b.device = Some(device("B", true));
        model.heard(Some(on_b), T, T);
        for expected in ["C", "A", "B"] {
            press(&mut model, Verb::NextDevice, T);
            let call = model.next_call(T).unwrap().call;
            assert_eq!(call, Call::Transfer { device: expected.into(), play: None });
        }
    }

    #[test]
    fn skips_are_queued_and_counted() {
        let mut model = model(true);
        for _ in 0..3 {
            press(&mut model, Verb::Next, T);
        }
        assert_eq!(now(&model, T + 10).position_ms, 0);
        assert!(now(&model, T + 10).skipping);
        let calls: Vec<_> = std::iter::from_fn(|| model.next_call(T + 60_000)).map(|call| call.call).collect();
        assert_eq!(calls, [Call::Next, Call::Next, Call::Next]);
    }

    #[test]
    fn a_skip_agrees_when_another_track_plays() {
        let mut model = model(true);
        press(&mut model, Verb::Next, T);
        let call = model.next_call(T + 60_000).unwrap();
        model.confirmed(&call, T + 50);
        model.heard(Some(playback(true, 10_300)), T + 100, T + 100);
        assert!(now(&model, T + 100).skipping);
        let mut next = playback(true, 20);
        next.item.as_mut().unwrap().uri = Some(uri("spotify:track:2"));
        model.heard(Some(next), T + 300, T + 300);
        assert!(!now(&model, T + 300).skipping);
        assert_eq!(now(&model, T + 1_300).position_ms, 1_020);
    }

    #[test]
    fn trouble_that_passes_drops_what_waits_behind_it() {
        let mut model = model(true);
        press(&mut model, Verb::ToggleShuffle, T);
        press(&mut model, Verb::Next, T);
        let call = model.next_call(T + 60_000).unwrap();
        model.refused(&call, Error::Offline, T + 10);
        assert_eq!(model.next_call(T + 60_000), None);
        assert!(!now(&model, T + 20).shuffle && !now(&model, T + 20).skipping);
        assert_eq!(model.at(T + 20).problem, Some(Error::Offline));
    }

    #[test]
    fn state_that_can_not_be_renewed_gets_old_and_heals() {
        let mut model = model(true);
        model.unheard(Error::Offline, T);
        assert!(!model.at(T + STALE_MS - 1).stale);
        assert!(model.at(T + STALE_MS).stale);
        assert_eq!(model.next_change_ms(T), Some(T + STALE_MS));
        model.heard(Some(playback(true, 0)), T + STALE_MS, T + STALE_MS);
        assert!(!model.at(T + STALE_MS).stale);
    }

    #[test]
    fn nothing_is_done_or_kept_without_a_link() {
        let mut model = model(true);
        model.set_accounts(Arc::new(accounts(Link::SignInAgain, &["A"])));
        assert_eq!(model.at(T).now, None);
        assert!(!model.command(Command { verb: Verb::Next, device: None }, T));
        assert_eq!(model.next_call(T + 60_000), None);
    }

    #[test]
    fn position_never_runs_past_the_end() {
        let model = model(true);
        assert_eq!(now(&model, T + 500_000).position_ms, 60_000);
        assert_eq!(model.ends_ms(T), Some(T + 50_000));
    }

    #[test]
    fn a_wait_counts_down_and_ends_by_itself() {
        let limit = |kind, until_ms| Some(Limit { until_ms, kind });
        let mut state = accounts(Link::Linked, &["A"]);
        state.limit = limit(LimitKind::Throttle, T + 2_500);
        let mut model = Model::new(Arc::new(state.clone()));
        let seconds = |model: &Model, now_ms| model.at(now_ms).wait.map(|wait| wait.seconds);
        assert_eq!((seconds(&model, T), model.next_change_ms(T)), (Some(3), Some(T + 500)));
        assert_eq!((seconds(&model, T + 500), model.next_change_ms(T + 500)), (Some(2), Some(T + 1_500)));
        assert_eq!((seconds(&model, T + 2_500), model.next_change_ms(T + 2_500)), (None, None));
        state.limit = limit(LimitKind::Quota, T + 50_400_001);
        model.set_accounts(Arc::new(state));
        assert_eq!((seconds(&model, T), model.next_change_ms(T)), (Some(50_460), Some(T + 1)));
        assert_eq!((seconds(&model, T + 1), model.next_change_ms(T + 1)), (Some(50_400), Some(T + 60_001)));
    }
}
