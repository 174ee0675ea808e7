//! The task that owns the model: commands in, calls out one at a time and in order, questions when the schedule says.

use std::future::{Future, pending};
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;
use tokio::time::Instant;

use super::command::{Command, QueuedCall};
use super::model::Model;
use super::queries::{Question, Subscription, Told};
use super::schedule::{Situation, ask_again_in, lasts};
use super::send::{Sent, send};
use super::state::State;
use crate::auth::{AuthState, Limit};
use crate::clock::Clock;
use crate::spotify::{Client, Error, Playback, Uri};

/// Commands that wait for the task. It takes them at once, so this is never full for long; when it is, the sender waits.
const INPUTS: usize = 64;
/// How often it is checked that the computer has not slept: after a wake-up the keys should be right within 2 s.
const HEARTBEAT: Duration = Duration::from_secs(1);
/// The computer's clock may go on by this much more or less than that between two checks.
const TOLERANCE_MS: u64 = 4_000;
/// What was asked so recently needn't be asked again for a widget that appears: they often come many at a time.
const FRESH: Duration = Duration::from_secs(3);

/// What the task is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Input {
    /// A press.
    Command(Command),
    /// What of Spotify's state is looked at.
    Shown(Subscription),
    /// Something may have changed elsewhere: ask now.
    Refresh,
    /// The playlist that something was added to last, before a restart.
    LastPlaylist(Uri),
}

/// The player's task has ended, so that nothing takes commands any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the player's task has ended")]
pub struct Ended;

/// The way to the player's task. It ends when the last one of these is dropped.
#[derive(Clone, Debug)]
pub struct Handle {
    inputs: mpsc::Sender<Input>,
    state: watch::Receiver<Arc<State>>,
}

impl Handle {
    /// Sends the task an input. Waits only while many inputs wait already; nothing is ever dropped.
    ///
    /// # Errors
    /// [`Ended`], if the task has panicked or ended: the input is lost.
    pub async fn tell(&self, input: Input) -> Result<(), Ended> {
        self.inputs.send(input).await.map_err(|_| Ended)
    }

    /// What is shown, and every change of it. The channel closes when the task ends.
    #[must_use]
    pub fn watch(&self) -> watch::Receiver<Arc<State>> {
        self.state.clone()
    }
}

/// Spawns the task on the current tokio runtime.
///
/// The second value resolves when the task ends: with an error if it has panicked, without one if its last [`Handle`] was
/// dropped, or if `accounts` was closed, as what it goes by would be frozen from then on. Whoever keeps a handle has to
/// watch it.
#[must_use]
pub fn start(
    spotify: Client,
    accounts: watch::Receiver<Arc<AuthState>>,
    clock: Arc<dyn Clock>,
) -> (Handle, JoinHandle<()>) {
    let (sender, inputs) = mpsc::channel(INPUTS);
    let model = Model::new(accounts.borrow().clone());
    let (shown, watch) = watch::channel(Arc::new(model.state().clone()));
    let task = Task {
        spotify,
        model,
        watch: shown,
        failures: 0,
        overdue: 0,
        asked_at: None,
        pressed_at: None,
        woke_at: None,
        planned_limit: None,
        ask_at: None,
        question_at: None,
        step_at: None,
        writing: None,
        asking: None,
        questioning: None,
        beat_ms: clock.unix_ms(),
        clock,
    };
    let running = tokio::spawn(task.run(inputs, accounts));
    (Handle { inputs: sender, state: watch }, running)
}

type Pending<T> = Pin<Box<dyn Future<Output = T> + Send>>;
/// When Spotify was asked, and what it said.
type Answer = (u64, Result<Option<Playback>, Error>);

struct Task {
    spotify: Client,
    clock: Arc<dyn Clock>,
    model: Model,
    watch: watch::Sender<Arc<State>>,
    failures: u32,
    /// How often Spotify was asked since the track should have ended.
    overdue: u32,
    asked_at: Option<Instant>,
    pressed_at: Option<Instant>,
    woke_at: Option<Instant>,
    /// What [`Task::plan`] waited for last.
    planned_limit: Option<Limit>,
    /// When to ask what plays next; `None`: not before something changes.
    ask_at: Option<Instant>,
    /// When to put another question next.
    question_at: Option<Instant>,
    /// When the queue, a fade or the sleep timer goes on by itself.
    step_at: Option<Instant>,
    writing: Option<Pending<(QueuedCall, Sent)>>,
    asking: Option<Pending<Answer>>,
    questioning: Option<Pending<(Question, Result<Told, Error>)>>,
    /// The computer's clock at the last heartbeat.
    beat_ms: u64,
}

impl Task {
    async fn run(mut self, mut inputs: mpsc::Receiver<Input>, mut accounts: watch::Receiver<Arc<AuthState>>) {
        // The first beat is one beat from now, as every later one is from the one before.
        let mut beat = tokio::time::interval_at(soon(HEARTBEAT), HEARTBEAT);
        beat.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        self.accounts_changed(&accounts);
        loop {
            tokio::select! {
                // Presses first.
                biased;
                input = inputs.recv() => match input {
                    Some(input) => self.input(input),
                    None => return,
                },
                (call, sent) = run(&mut self.writing) => self.written(&call, sent),
                (asked_ms, result) = run(&mut self.asking) => self.answered(asked_ms, result),
                (question, result) = run(&mut self.questioning) => self.told(&question, result),
                changed = accounts.changed() => match changed {
                    Ok(()) => self.accounts_changed(&accounts),
                    Err(_) => return,
                },
                () = until(self.step_at) => self.model.step(self.clock.unix_ms()),
                () = until(self.ask_at), if self.asking.is_none() => self.ask(),
                () = until(self.question_at), if self.questioning.is_none() => self.question(),
                _ = beat.tick() => self.beat().await,
            }
            self.write_next();
            self.plan_steps();
            self.publish();
        }
    }

    fn input(&mut self, input: Input) {
        match input {
            Input::Command(command) => {
                self.pressed_at = Some(Instant::now());
                self.model.command(command, self.clock.unix_ms());
                if self.model.waits_for_answer() {
                    self.plan();
                }
            }
            Input::Shown(subscription) => {
                let more = subscription.instances > self.model.visible();
                self.model.look_at(subscription);
                let asked = self.asked_at.is_some_and(|asked| asked.elapsed() < FRESH);
                let fresh = asked && (self.asking.is_some() || self.model.knows());
                if more && !fresh { self.ask_soon() } else { self.plan() }
            }
            Input::LastPlaylist(uri) => self.model.remember_playlist(uri),
            Input::Refresh => {
                self.model.on_refresh(self.clock.unix_ms());
                self.ask_soon();
            }
        }
    }

    fn accounts_changed(&mut self, accounts: &watch::Receiver<Arc<AuthState>>) {
        let now_ms = self.clock.unix_ms();
        // The limit as of the last plan: by now it may be over, and what was put off until then is still to be asked.
        let before = (self.model.linked(), self.planned_limit, self.model.strained(now_ms));
        self.model.set_accounts(accounts.borrow().clone());
        let now = (self.model.linked(), self.model.limit(now_ms), self.model.strained(now_ms));
        match (before, now) {
            (_, (false, ..)) => {
                self.asking = None;
                self.writing = None;
                self.questioning = None;
                self.plan();
            }
            ((false, ..), _) | ((_, Some(_), _), (_, None, _)) => {
                self.failures = 0;
                self.ask_soon();
            }
            (before, now) if before != now => self.plan(),
            _ => {}
        }
    }

    /// Notices that the computer has slept, or that its clock was set: nothing that was known is true any more. A sleep
    /// shows in either of two ways: where timers stand still meanwhile, the clock is ahead of them; where they go on, the
    /// beat itself is late. Either way the clock has gone on by something else than a beat.
    async fn beat(&mut self) {
        let now_ms = self.clock.unix_ms();
        let expected = self.beat_ms.saturating_add(u64::try_from(HEARTBEAT.as_millis()).unwrap_or_default());
        self.beat_ms = now_ms;
        if now_ms.abs_diff(expected) <= TOLERANCE_MS {
            return;
        }
        let (ahead_ms, back_ms) = (now_ms.saturating_sub(expected), expected.saturating_sub(now_ms));
        tracing::info!(ahead_ms, back_ms, "the computer has slept, or its clock was set; Spotify is asked anew");
        self.spotify.on_wake(back_ms).await;
        self.model.woke(now_ms);
        self.failures = 0;
        self.woke_at = Some(Instant::now());
        if !self.model.linked() {
            return;
        }
        // Their connections are those of before the sleep. A write is left to its end: it may have been carried out.
        self.asking = None;
        self.questioning = None;
        self.plan();
        if self.ask_at.is_some() && self.model.limit(now_ms).is_none() {
            self.ask_at = Some(Instant::now());
        }
    }

    fn write_next(&mut self) {
        if self.writing.is_some() {
            return;
        }
        let Some(call) = self.model.next_call(self.clock.unix_ms()) else { return };
        let (spotify, clock) = (self.spotify.clone(), self.clock.clone());
        let last_device = self.model.last_device().map(str::to_owned);
        let before = self.model.before(&call, self.clock.unix_ms());
        self.writing = Some(Box::pin(async move {
            let sent = send(spotify, clock, &call, last_device.as_deref(), before.as_ref()).await;
            (call, sent)
        }));
    }

    fn written(&mut self, call: &QueuedCall, sent: Sent) {
        self.writing = None;
        let now_ms = self.clock.unix_ms();
        if let Some((asked_ms, devices)) = sent.devices {
            self.model.asking(&Question::Devices, asked_ms);
            self.model.told(Told::Devices(devices));
        }
        if let Some((asked_ms, playback)) = sent.playback {
            self.asked_at = Some(Instant::now());
            self.model.heard(playback, asked_ms, now_ms);
        }
        if sent.liked_as_list {
            self.model.play_liked_as_list();
        }
        match sent.result {
            Ok(()) => {
                self.failures = 0;
                self.model.confirmed(call, now_ms);
                self.plan();
            }
            Err(error) => {
                tracing::info!(command = ?call.command.verb, %error, "a command had no effect");
                self.model.refused(call, error, now_ms);
                // To see what is true.
                self.ask_soon();
            }
        }
    }

    fn ask(&mut self) {
        self.ask_at = None;
        let now_ms = self.clock.unix_ms();
        let ended = self.model.ends_ms(now_ms).is_some_and(|end| end <= now_ms);
        self.overdue = if ended { self.overdue.saturating_add(1) } else { 0 };
        self.asked_at = Some(Instant::now());
        let spotify = self.spotify.clone();
        self.asking = Some(Box::pin(async move {
            let answer = match spotify.player().await {
                // Said so for a command mostly; here it is as good as a 204.
                Err(Error::NoActiveDevice) => Ok(None),
                answer => answer,
            };
            (now_ms, answer)
        }));
    }

    fn answered(&mut self, asked_ms: u64, result: Result<Option<Playback>, Error>) {
        self.asking = None;
        match result {
            Ok(playback) => {
                if self.failures > 0 {
                    tracing::info!(failures = self.failures, "Spotify's state can be read again");
                }
                self.failures = 0;
                self.model.heard(playback, asked_ms, self.clock.unix_ms());
            }
            Err(error) => {
                if self.model.problem() != Some(&error) {
                    tracing::warn!(%error, "Spotify's state can't be read");
                }
                self.failures = self.failures.saturating_add(1);
                self.model.unheard(error, self.clock.unix_ms());
            }
        }
        self.plan();
    }

    fn question(&mut self) {
        self.question_at = None;
        let now_ms = self.clock.unix_ms();
        let due = self.model.next_question(now_ms).filter(|(_, due_ms)| *due_ms <= now_ms);
        if let Some((question, _)) = due {
            self.model.asking(&question, now_ms);
            let spotify = self.spotify.clone();
            self.questioning = Some(Box::pin(async move {
                let told = match &question {
                    Question::Saved(uris) => {
                        let saved = spotify.are_saved(uris).await;
                        saved.map(|saved| Told::Saved(uris.iter().cloned().zip(saved).collect()))
                    }
                    Question::Devices => spotify.devices().await.map(Told::Devices),
                    Question::Queue => spotify.queue().await.map(Told::Queue),
                    Question::PlaylistName(playlist) => {
                        spotify.look_up(playlist).await.map(|item| Told::PlaylistName(playlist.clone(), item.name))
                    }
                };
                (question, told)
            }));
        } else {
            self.plan_questions();
        }
    }

    fn told(&mut self, question: &Question, result: Result<Told, Error>) {
        self.questioning = None;
        match result {
            Ok(told) => self.model.told(told),
            Err(error) => {
                tracing::info!(?question, %error, "Spotify has not answered");
                self.model.not_told(question, &error, self.clock.unix_ms());
            }
        }
        self.plan_questions();
    }

    /// Asks at once, unless Spotify has said to wait, or failed a moment ago. A failure that lasts may have been mended by
    /// whatever has happened.
    fn ask_soon(&mut self) {
        self.plan();
        let just_asked = self.asked_at.is_some_and(|asked| asked.elapsed() < FRESH);
        let failed = self.model.problem().is_some_and(|error| just_asked || !lasts(error));
        let held = failed || self.model.limit(self.clock.unix_ms()).is_some();
        if self.ask_at.is_some() && !held {
            self.ask_at = Some(Instant::now());
        }
    }

    fn plan(&mut self) {
        let now_ms = self.clock.unix_ms();
        let milliseconds = Duration::from_millis;
        self.planned_limit = self.model.limit(now_ms);
        let wait = ask_again_in(&Situation {
            linked: self.model.linked(),
            limited_for: self.planned_limit.map(|limit| milliseconds(limit.until_ms.saturating_sub(now_ms))),
            strained: self.model.strained(now_ms),
            visible: self.model.visible() > 0,
            wanted: self.model.waits_for_answer(),
            since: self.asked_at.map_or(Duration::MAX, |asked| asked.elapsed()),
            pressed: self.pressed_at.map(|pressed| pressed.elapsed()),
            woke: self.woke_at.map(|woke| woke.elapsed()),
            still_for: self.model.still_for_ms(now_ms).map(milliseconds),
            ends_in: self.model.ends_ms(now_ms).map(|end| milliseconds(end.saturating_sub(now_ms))),
            overdue: self.overdue,
            doubts: self.model.doubts(),
            written: self
                .model
                .waits_for_agreement()
                .map(|(since, another)| (milliseconds(now_ms.saturating_sub(since)), another)),
            problem: self.model.problem(),
            failures: self.failures,
        });
        self.ask_at = wait.map(soon);
        self.plan_questions();
    }

    fn plan_questions(&mut self) {
        let now_ms = self.clock.unix_ms();
        let quiet = !self.model.linked() || self.model.visible() == 0 || self.model.limit(now_ms).is_some();
        let next = if quiet { None } else { self.model.next_question(now_ms) };
        self.question_at = next.map(|(_, due_ms)| soon(Duration::from_millis(due_ms.saturating_sub(now_ms))));
    }

    fn plan_steps(&mut self) {
        let now_ms = self.clock.unix_ms();
        let next = if self.writing.is_some() { None } else { self.model.next_step_ms(now_ms) };
        self.step_at = next.map(|at_ms| soon(Duration::from_millis(at_ms.saturating_sub(now_ms))));
    }

    /// Wakes whoever watches, if there is something new to see.
    fn publish(&self) {
        self.watch.send_if_modified(|shown| {
            let changed = **shown != *self.model.state();
            if changed {
                *shown = Arc::new(self.model.state().clone());
            }
            changed
        });
    }
}

async fn run<T>(slot: &mut Option<Pending<T>>) -> T {
    match slot {
        Some(future) => future.await,
        None => pending().await,
    }
}

/// The moment after a wait; at most a day from now, when everything is looked at again.
fn soon(wait: Duration) -> Instant {
    const DAY: Duration = Duration::from_secs(24 * 3_600);
    let now = Instant::now();
    now.checked_add(wait.min(DAY)).unwrap_or(now)
}

async fn until(at: Option<Instant>) {
    match at {
        Some(at) => tokio::time::sleep_until(at).await,
        None => pending().await,
    }
}
