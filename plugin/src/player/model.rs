//! What Spotify is doing, as far as we know, and what was asked for since.
//!
//! What is shown is the last state that Spotify told, with every change laid over it that a press has asked for and
//! that Spotify has not yet had the time to agree with. A refused change is taken off again, and the face is back to
//! what is true: nothing needs to be undone by hand. Reads often lag some 100 ms behind writes, so a change stays on
//! for a moment after its call has succeeded, until a read agrees with it or [`TRUST_MS`] are over.

use std::collections::VecDeque;
use std::sync::Arc;

use crate::auth::{AuthState, Group, Limit, LimitKind, Link};
use crate::spotify::{Error, Item, Playback, PlayingType, Repeat, Restriction};

/// How long a write is trusted over reads that don't show it.
const TRUST_MS: u64 = 3_000;
/// How long a key says why its command was refused.
const SAY_WHY_MS: u64 = 4_000;
/// State that couldn't be renewed for so long is shown as old.
const STALE_MS: u64 = 20_000;
const HOUR_MS: u64 = 3_600_000;
const DAY_MS: u64 = 24 * HOUR_MS;

/// What a press asks for. The device, where one is given, is Spotify's id of it; otherwise the active one is meant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Command {
    /// What to do.
    pub verb: Verb,
    /// On which device.
    pub device: Option<String>,
}

/// What to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verb {
    /// Pause if it plays, else go on.
    TogglePlay,
    /// The next item.
    Next,
    /// The previous item.
    Previous,
    /// Louder or quieter by so many percent.
    VolumeBy(i8),
    /// Shuffle on or off.
    ToggleShuffle,
    /// Repeat off, then the context, then the track.
    CycleRepeat,
}

/// A call to make, decided from a command and the state that it met.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Call {
    Play,
    Pause,
    Next,
    Previous,
    Volume(u8),
    Shuffle(bool),
    Repeat(Repeat),
}

#[derive(Clone, Debug, PartialEq)]
pub(super) struct QueuedCall {
    /// Connects the call with the change that it stands for.
    pub id: u64,
    pub call: Call,
    pub device: Option<String>,
    pub verb: Verb,
}

/// Why a command had no effect.
#[derive(Clone, Debug, PartialEq)]
pub struct Refusal {
    /// The command.
    pub verb: Verb,
    /// What was in the way.
    pub error: Error,
    until_ms: u64,
}

/// What plays.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Track {
    /// Its Spotify URI; empty where it has none.
    pub uri: String,
    /// Its title.
    pub title: String,
    /// Its artists, show or audiobook.
    pub byline: String,
    /// The largest picture that Spotify offers.
    pub cover: Option<String>,
    /// Its length in milliseconds; 0 if unknown.
    pub duration_ms: u64,
}

impl Track {
    fn of(item: &Item) -> Self {
        let cover = item.pictures().iter().max_by_key(|picture| picture.width.unwrap_or_default());
        Self {
            uri: item.uri.clone(),
            title: item.name.clone(),
            byline: item.byline(),
            cover: cover.map(|picture| picture.url.clone()),
            duration_ms: item.duration_ms,
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
    /// How far it has played, in milliseconds.
    pub position_ms: u64,
    /// The volume, 0 to 100, where the device has one.
    pub volume: Option<u8>,
    /// Whether shuffle is on.
    pub shuffle: bool,
    /// What is repeated.
    pub repeat: Repeat,
    /// Spotify would refuse to skip forward.
    pub no_next: bool,
    /// Spotify would refuse to skip back.
    pub no_previous: bool,
    /// The active device's name.
    pub device: String,
    /// A skip was asked for whose outcome isn't known yet.
    pub skipping: bool,
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
    /// What is left of a limit; None when it is over.
    #[must_use]
    pub fn of(limit: Limit, now_ms: u64) -> Option<Self> {
        let left_ms = limit.until_ms.checked_sub(now_ms).filter(|left| *left > 0)?;
        let unit = Self::unit_ms(left_ms);
        Some(Self { seconds: left_ms.div_ceil(unit) * (unit / 1_000), kind: limit.kind })
    }

    /// The step in which what is left is told.
    fn unit_ms(left_ms: u64) -> u64 {
        if left_ms > HOUR_MS { 60_000 } else { 1_000 }
    }

    /// When the wait for this limit is told differently next.
    fn next_change_ms(limit: Limit, now_ms: u64) -> Option<u64> {
        let left_ms = limit.until_ms.checked_sub(now_ms).filter(|left| *left > 0)?;
        let unit = Self::unit_ms(left_ms);
        Some(now_ms + (left_ms - 1) % unit + 1)
    }
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
    pub problem: Option<Error>,
    refusal: Option<Refusal>,
}

impl Player {
    /// Why a command had no effect, shortly after.
    #[must_use]
    pub fn refusal(&self, about: impl Fn(Verb) -> bool) -> Option<&Error> {
        self.refusal.as_ref().filter(|refusal| about(refusal.verb)).map(|refusal| &refusal.error)
    }
}

/// A change that was asked for and isn't yet part of what Spotify tells.
#[derive(Clone, Debug, PartialEq)]
struct Change {
    id: u64,
    what: What,
    at_ms: u64,
    /// When its call succeeded.
    done_ms: Option<u64>,
}

#[derive(Clone, Debug, PartialEq)]
enum What {
    Playing(bool),
    Skip { from: String },
    Volume(u8),
    Shuffle(bool),
    Repeat(Repeat),
}

impl What {
    fn agrees_with(&self, state: &Known) -> bool {
        match self {
            Self::Playing(playing) => state.now.playing == *playing,
            Self::Skip { from } => state.now.track.as_ref().is_none_or(|track| track.uri != *from),
            Self::Volume(volume) => state.now.volume == Some(*volume),
            Self::Shuffle(on) => state.now.shuffle == *on,
            Self::Repeat(repeat) => state.now.repeat == *repeat,
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

/// The model. Time is Unix milliseconds and always comes from outside.
#[derive(Clone, Debug, PartialEq)]
pub struct Model {
    accounts: Arc<AuthState>,
    known: Option<Option<Known>>,
    heard_ms: u64,
    problem: Option<Error>,
    refusal: Option<Refusal>,
    changes: Vec<Change>,
    queue: VecDeque<QueuedCall>,
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
            problem: None,
            refusal: None,
            changes: Vec::new(),
            queue: VecDeque::new(),
            next_id: 1,
        }
    }

    /// The accounts have changed. What was known goes when nobody is linked any more.
    pub fn set_accounts(&mut self, accounts: Arc<AuthState>) {
        if accounts.link != Link::Linked {
            *self = Self { next_id: self.next_id, ..Self::new(Arc::clone(&accounts)) };
        }
        if accounts.limit.is_none() {
            // Another account serves, or the time is over: what was said about it is over, too.
            self.problem.take_if(|problem| matches!(problem, Error::RateLimited { .. }));
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

    /// Takes a command: the model changes at once, and a call is queued where one is needed. Returns whether anything
    /// was done.
    pub fn command(&mut self, command: Command, now_ms: u64) -> bool {
        if !self.linked() {
            return false;
        }
        let now = self.now_at(now_ms);
        let (call, what) = decide(command.verb, now.as_ref());
        let id = self.next_id;
        self.next_id += 1;
        self.refusal = None;
        if let (Call::Volume(_), Some(waiting)) = (call, self.last_waiting_volume(&command)) {
            // Only the last value matters; the call that waits takes it.
            let id = waiting.id;
            waiting.call = call;
            if let (Some(change), Some(what)) = (self.changes.iter_mut().find(|change| change.id == id), what) {
                change.what = what;
            }
            return true;
        }
        if let Some(what) = what {
            self.changes.push(Change { id, what, at_ms: now_ms, done_ms: None });
        }
        self.queue.push_back(QueuedCall { id, call, device: command.device, verb: command.verb });
        true
    }

    fn last_waiting_volume(&mut self, command: &Command) -> Option<&mut QueuedCall> {
        self.queue.back_mut().filter(|call| matches!(call.call, Call::Volume(_)) && call.device == command.device)
    }

    /// The next call to make, in order. It is out of the queue from then on.
    pub(super) fn next_call(&mut self) -> Option<QueuedCall> {
        self.queue.pop_front()
    }

    /// A call has succeeded: its change is trusted for a while.
    pub(super) fn confirmed(&mut self, id: u64, now_ms: u64) {
        self.problem = None;
        if let Some(change) = self.changes.iter_mut().find(|change| change.id == id) {
            change.done_ms = Some(now_ms);
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
            self.confirmed(call.id, now_ms);
            return;
        }
        self.changes.retain(|change| change.id != call.id);
        if error.passes() {
            // What comes after it was asked for in the belief that it would work; it would only fail alike.
            self.drop_waiting();
            self.problem = Some(error.clone());
        }
        self.refusal = Some(Refusal { verb: call.verb, error, until_ms: now_ms + SAY_WHY_MS });
    }

    fn drop_waiting(&mut self) {
        for call in std::mem::take(&mut self.queue) {
            self.changes.retain(|change| change.id != call.id);
        }
    }

    /// Spotify has answered a question that was asked at `asked_ms`.
    pub fn heard(&mut self, playback: Option<Playback>, asked_ms: u64, now_ms: u64) {
        self.problem = None;
        self.heard_ms = now_ms;
        // The state was taken somewhere between question and answer.
        let at_ms = asked_ms + now_ms.saturating_sub(asked_ms) / 2;
        let known = playback.map(|playback| Known { now: read(playback), at_ms });
        self.changes.retain(|change| {
            let Some(done_ms) = change.done_ms else { return true };
            let asked_after = asked_ms >= done_ms;
            let agrees = known.as_ref().is_none_or(|known| change.what.agrees_with(known));
            let trusted = now_ms < done_ms + TRUST_MS;
            trusted && !(asked_after && agrees)
        });
        self.known = Some(known);
    }

    /// Spotify could not be asked.
    pub fn unheard(&mut self, error: Error) {
        self.problem = Some(error);
    }

    /// The error of the last attempt, if it failed.
    pub(super) fn problem(&self) -> Option<&Error> {
        self.problem.as_ref()
    }

    /// Whether a change waits for a read that agrees.
    pub(super) fn waits_for_agreement(&self) -> bool {
        self.changes.iter().any(|change| change.done_ms.is_some())
    }

    /// When what is shown changes by itself next, other than by progress: a refusal that has been said long enough, a
    /// state that gets old, a second of a wait.
    #[must_use]
    pub fn next_change_ms(&self, now_ms: u64) -> Option<u64> {
        let refusal = self.refusal.as_ref().map(|refusal| refusal.until_ms);
        let stale = self.problem.as_ref().map(|_| self.heard_ms + STALE_MS);
        let wait = self.limit(now_ms).and_then(|limit| Wait::next_change_ms(limit, now_ms));
        let first = self.first_limit().and_then(|limit| Wait::next_change_ms(limit, now_ms));
        [refusal, stale, wait, first].into_iter().flatten().filter(|at| *at > now_ms).min()
    }

    /// When the track that plays will have ended, if it does and that is known.
    pub(super) fn ends_ms(&self, now_ms: u64) -> Option<u64> {
        let now = self.now_at(now_ms)?;
        let duration = now.track.as_ref().map(|track| track.duration_ms).filter(|duration| *duration > 0)?;
        now.playing.then(|| now_ms + duration.saturating_sub(now.position_ms))
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
                What::Volume(volume) => now.volume = Some(*volume),
                What::Shuffle(on) => now.shuffle = *on,
                What::Repeat(repeat) => now.repeat = *repeat,
            }
        }
        now.position_ms = moved(&now, at_ms, now_ms);
        Some(now)
    }

    /// All that a widget may look at, at a moment.
    #[must_use]
    pub fn at(&self, now_ms: u64) -> Player {
        Player {
            link: self.accounts.link,
            accounts: Arc::clone(&self.accounts),
            wait: self.limit(now_ms).and_then(|limit| Wait::of(limit, now_ms)),
            first_back_in: self.first_limit().and_then(|limit| Wait::of(limit, now_ms)),
            sign_in_ends_in: self
                .accounts
                .accounts
                .iter()
                .filter(|account| account.sign_in_ends_soon)
                .filter_map(|account| account.sign_in_ends_ms)
                .min()
                .map(|ends_ms| ends_ms.saturating_sub(now_ms).div_ceil(DAY_MS)),
            now: self.now_at(now_ms),
            known: self.known.is_some(),
            stale: self.problem.is_some() && now_ms >= self.heard_ms + STALE_MS,
            problem: self.problem.clone(),
            refusal: self.refusal.clone().filter(|refusal| now_ms < refusal.until_ms),
        }
    }
}

/// Where it is by then.
fn moved(now: &Now, from_ms: u64, to_ms: u64) -> u64 {
    let position = if now.playing { now.position_ms + to_ms.saturating_sub(from_ms) } else { now.position_ms };
    match now.track.as_ref().map(|track| track.duration_ms) {
        Some(duration) if duration > 0 => position.min(duration),
        _ => position,
    }
}

fn read(playback: Playback) -> Now {
    let disallows = playback.actions.disallows;
    let device = playback.device.unwrap_or_default();
    Now {
        playing: playback.is_playing,
        track: playback.item.as_ref().map(Track::of),
        kind: playback.currently_playing_type,
        position_ms: playback.progress_ms.unwrap_or_default(),
        volume: device.volume_percent.filter(|_| device.supports_volume != Some(false)),
        shuffle: playback.shuffle_state,
        repeat: playback.repeat_state,
        no_next: disallows.skipping_next,
        no_previous: disallows.skipping_prev,
        device: device.name,
        skipping: false,
    }
}

/// Which call a command comes to, and what it changes.
fn decide(verb: Verb, now: Option<&Now>) -> (Call, Option<What>) {
    let skip = || now.map(|now| What::Skip { from: now.track.as_ref().map(|t| t.uri.clone()).unwrap_or_default() });
    match verb {
        Verb::TogglePlay if now.is_some_and(|now| now.playing) => (Call::Pause, Some(What::Playing(false))),
        Verb::TogglePlay => (Call::Play, now.map(|_| What::Playing(true))),
        Verb::Next => (Call::Next, skip()),
        Verb::Previous => (Call::Previous, skip()),
        Verb::VolumeBy(step) => {
            // Without a known volume the middle is the least surprising place to start from.
            let volume = now.and_then(|now| now.volume).unwrap_or(50).saturating_add_signed(step).min(100);
            (Call::Volume(volume), Some(What::Volume(volume)))
        }
        Verb::ToggleShuffle => {
            let on = !now.is_some_and(|now| now.shuffle);
            (Call::Shuffle(on), Some(What::Shuffle(on)))
        }
        Verb::CycleRepeat => {
            let repeat = match now.map(|now| now.repeat).unwrap_or_default() {
                Repeat::Off => Repeat::Context,
                Repeat::Context => Repeat::Track,
                Repeat::Track => Repeat::Off,
            };
            (Call::Repeat(repeat), Some(What::Repeat(repeat)))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::auth::testing::accounts;
    use crate::spotify::Device;

    const T: u64 = 1_000_000;

    fn playback(playing: bool, progress_ms: u64) -> Playback {
        Playback {
            is_playing: playing,
            progress_ms: Some(progress_ms),
            device: Some(Device { volume_percent: Some(40), ..Device::default() }),
            item: Some(Item { uri: "spotify:track:1".into(), duration_ms: 60_000, ..Item::default() }),
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
        assert_eq!(model.next_call().unwrap().call, Call::Pause);
        press(&mut model, Verb::TogglePlay, T + 9_000);
        assert_eq!(now(&model, T + 10_000).position_ms, 13_000);
        assert_eq!(model.next_call().unwrap().call, Call::Play);
    }

    #[test]
    fn a_refused_change_is_taken_back_with_its_reason_for_a_while() {
        let mut model = model(true);
        press(&mut model, Verb::TogglePlay, T);
        let call = model.next_call().unwrap();
        model.refused(&call, Error::PremiumRequired, T + 50);
        let player = model.at(T + 60);
        assert!(player.now.as_ref().unwrap().playing);
        assert_eq!(player.refusal(|verb| verb == Verb::TogglePlay), Some(&Error::PremiumRequired));
        assert_eq!(player.refusal(|verb| verb == Verb::Next), None, "other keys don't say it");
        assert_eq!(model.next_change_ms(T + 60), Some(T + 50 + SAY_WHY_MS));
        assert_eq!(model.at(T + 50 + SAY_WHY_MS).refusal(|_| true), None);
    }

    #[test]
    fn pausing_what_is_paused_already_is_a_success() {
        let mut model = model(true);
        press(&mut model, Verb::TogglePlay, T);
        let call = model.next_call().unwrap();
        model.refused(&call, Error::Restricted(Restriction::AlreadyPaused), T + 50);
        assert!(!now(&model, T + 60).playing);
        assert_eq!(model.at(T + 60).refusal(|_| true), None);
    }

    #[test]
    fn a_read_that_lags_behind_a_write_does_not_flip_the_key_back() {
        let mut model = model(true);
        press(&mut model, Verb::TogglePlay, T);
        let call = model.next_call().unwrap();
        model.heard(Some(playback(true, 10_100)), T + 10, T + 20);
        assert!(!now(&model, T + 30).playing, "the call isn't even answered");
        model.confirmed(call.id, T + 50);
        model.heard(Some(playback(true, 10_200)), T + 100, T + 110);
        assert!(!now(&model, T + 120).playing, "Spotify has not had time to agree");
        model.heard(Some(playback(false, 10_000)), T + 500, T + 510);
        assert!(!now(&model, T + 520).playing);
        assert!(!model.waits_for_agreement(), "it has agreed");
        model.heard(Some(playback(true, 10_000)), T + 600, T + 610);
        assert!(now(&model, T + 620).playing, "so the next state is the truth");
    }

    #[test]
    fn trust_ends_when_spotify_never_agrees() {
        let mut model = model(true);
        press(&mut model, Verb::TogglePlay, T);
        let call = model.next_call().unwrap();
        model.confirmed(call.id, T);
        model.heard(Some(playback(true, 15_000)), T + TRUST_MS, T + TRUST_MS);
        assert!(now(&model, T + TRUST_MS).playing);
    }

    #[test]
    fn an_answer_to_a_question_from_before_the_write_does_not_count_as_agreement() {
        let mut model = model(false);
        press(&mut model, Verb::TogglePlay, T);
        let play = model.next_call().unwrap();
        press(&mut model, Verb::TogglePlay, T + 5);
        let pause = model.next_call().unwrap();
        model.confirmed(play.id, T + 50);
        model.confirmed(pause.id, T + 90);
        // It agrees with the pause, but was asked before either was done.
        model.heard(Some(playback(false, 10_000)), T + 1, T + 95);
        assert!(model.waits_for_agreement());
        assert!(!now(&model, T + 96).playing);
    }

    #[test]
    fn of_many_volume_presses_the_waiting_call_takes_the_last_value() {
        let mut model = model(true);
        press(&mut model, Verb::VolumeBy(5), T);
        let first = model.next_call().unwrap();
        assert_eq!(first.call, Call::Volume(45));
        for n in 0..20 {
            press(&mut model, Verb::VolumeBy(5), T + n);
        }
        assert_eq!(now(&model, T + 30).volume, Some(100));
        assert_eq!(model.next_call().unwrap().call, Call::Volume(100));
        assert_eq!(model.next_call(), None);
    }

    #[test]
    fn skips_are_queued_and_counted() {
        let mut model = model(true);
        for _ in 0..3 {
            press(&mut model, Verb::Next, T);
        }
        assert_eq!(now(&model, T + 10).position_ms, 0);
        assert!(now(&model, T + 10).skipping);
        let calls: Vec<_> = std::iter::from_fn(|| model.next_call()).map(|call| call.call).collect();
        assert_eq!(calls, [Call::Next, Call::Next, Call::Next]);
    }

    #[test]
    fn a_skip_agrees_when_another_track_plays() {
        let mut model = model(true);
        press(&mut model, Verb::Next, T);
        let call = model.next_call().unwrap();
        model.confirmed(call.id, T + 50);
        model.heard(Some(playback(true, 10_300)), T + 100, T + 100);
        assert!(now(&model, T + 100).skipping);
        let mut next = playback(true, 20);
        next.item.as_mut().unwrap().uri = "spotify:track:2".into();
        model.heard(Some(next), T + 300, T + 300);
        assert!(!now(&model, T + 300).skipping);
        assert_eq!(now(&model, T + 1_300).position_ms, 1_020);
    }

    #[test]
    fn trouble_that_passes_drops_what_waits_behind_it() {
        let mut model = model(true);
        press(&mut model, Verb::ToggleShuffle, T);
        press(&mut model, Verb::Next, T);
        let call = model.next_call().unwrap();
        model.refused(&call, Error::Offline, T + 10);
        assert_eq!(model.next_call(), None);
        assert!(!now(&model, T + 20).shuffle && !now(&model, T + 20).skipping);
        assert_eq!(model.at(T + 20).problem, Some(Error::Offline));
    }

    #[test]
    fn state_that_can_not_be_renewed_gets_old_and_heals() {
        let mut model = model(true);
        model.unheard(Error::Offline);
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
        assert_eq!(model.next_call(), None);
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
