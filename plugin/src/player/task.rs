//! The task that owns the model. It receives commands, makes calls one at a time and in order, and polls Spotify on schedule.

use std::future::{Future, pending};
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;
use tokio::time::Instant;

use super::command::{Command, QueuedCall};
use super::model::Model;
use super::queries::{Query, QueryResult, Subscription};
use super::schedule::{PollContext, is_lasting, next_poll_in};
use super::send::{CallOutcome, send};
use super::state::State;
use crate::auth::{AuthState, Limit};
use crate::clock::{Clock, Moment};
use crate::spotify::{Client, Error, Playback, Uri};

/// The capacity of the channel of inputs. The task receives them at once; if the channel is full, senders wait.
const INPUTS: usize = 64;
/// How often to check whether the computer has slept, while keys are visible: after a wake-up they should be up to date within
/// 2 s.
const HEARTBEAT: Duration = Duration::from_secs(1);
/// How far the clocks may drift apart between two checks, and how late a heartbeat may be.
const TOLERANCE: Duration = Duration::from_secs(4);
/// While nothing is visible, there are no checks. After a longer pause than this the connections count as lost.
const MAX_UNCHECKED: Duration = Duration::from_secs(60);
/// An instance that appears needs no poll if the last one is more recent than this, as many may appear at once.
const FRESH: Duration = Duration::from_secs(3);

/// An input of the task.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Input {
    /// A command, from a press.
    Command(Command),
    /// The parts of Spotify's state that visible keys show.
    Subscription(Subscription),
    /// Poll Spotify now, as something may have changed elsewhere.
    Refresh,
    /// The user is active on one of the package's pages. Like every input, it makes the task check whether the computer has
    /// slept, which nothing else does while no key is visible.
    PageActivity,
    /// The playlist that something was added to last, as stored before a restart.
    LastPlaylist(Uri),
}

/// The error of sending to the player's task after it has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the player's task has ended")]
pub struct Ended;

/// A handle of the player's task, which ends when the last handle is dropped.
#[derive(Clone, Debug)]
pub struct Handle {
    inputs: mpsc::Sender<Input>,
    state: watch::Receiver<Arc<State>>,
}

impl Handle {
    /// Sends an input to the task. Waits if the channel is full; no input is dropped.
    ///
    /// # Errors
    /// [`Ended`] if the task has ended or panicked. The input is lost.
    pub async fn send(&self, input: Input) -> Result<(), Ended> {
        self.inputs.send(input).await.map_err(|_| Ended)
    }

    /// Returns a receiver of the state that is shown. It is closed when the task ends.
    #[must_use]
    pub fn watch(&self) -> watch::Receiver<Arc<State>> {
        self.state.clone()
    }
}

/// Spawns the task on the current tokio runtime.
///
/// The second value resolves when the task ends: with an error if it panicked, without one if its last [`Handle`] was dropped
/// or `accounts` was closed. The owner of a handle must watch it.
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
        woken_at: None,
        planned_limit: None,
        poll_at: None,
        query_at: None,
        step_at: None,
        running_call: None,
        running_poll: None,
        running_query: None,
        heartbeat_at: None,
        last_check: clock.now(),
        clock,
    };
    let running = tokio::spawn(task.run(inputs, accounts));
    (Handle { inputs: sender, state: watch }, running)
}

type BoxFuture<T> = Pin<Box<dyn Future<Output = T> + Send>>;
/// When a poll was sent, and its result.
type Answer = (Instant, Result<Option<Playback>, Error>);

struct Task {
    spotify: Client,
    clock: Arc<dyn Clock>,
    model: Model,
    watch: watch::Sender<Arc<State>>,
    failures: u32,
    /// The number of polls since the track should have ended.
    overdue: u32,
    asked_at: Option<Instant>,
    pressed_at: Option<Instant>,
    woken_at: Option<Instant>,
    /// The limit that [`Task::plan_poll`] last waited for.
    planned_limit: Option<Limit>,
    /// When to poll next; `None`: not until something changes.
    poll_at: Option<Instant>,
    /// When to send the next query.
    query_at: Option<Instant>,
    /// When the queue, a fade or the sleep timer is due.
    step_at: Option<Instant>,
    running_call: Option<BoxFuture<(QueuedCall, CallOutcome)>>,
    running_poll: Option<BoxFuture<Answer>>,
    running_query: Option<BoxFuture<(Query, Result<QueryResult, Error>)>>,
    /// The next heartbeat; `None` while nothing is visible.
    heartbeat_at: Option<Instant>,
    /// When the clocks were last compared.
    last_check: Moment,
}

impl Task {
    async fn run(mut self, mut inputs: mpsc::Receiver<Input>, mut accounts: watch::Receiver<Arc<AuthState>>) {
        self.on_accounts_changed(&accounts);
        loop {
            tokio::select! {
                // Presses have priority.
                biased;
                input = inputs.recv() => match input {
                    Some(input) => self.on_input(input).await,
                    None => return,
                },
                (call, sent) = run_if_some(&mut self.running_call) => self.on_call_done(&call, sent),
                (asked_at, result) = run_if_some(&mut self.running_poll) => self.on_poll_done(asked_at, result),
                (query, result) = run_if_some(&mut self.running_query) => self.on_query_done(&query, result),
                changed = accounts.changed() => match changed {
                    Ok(()) => self.on_accounts_changed(&accounts),
                    Err(_) => return,
                },
                () = sleep_until(self.step_at) => self.model.step(self.clock.now()),
                () = sleep_until(self.poll_at), if self.running_poll.is_none() => self.start_poll(),
                () = sleep_until(self.query_at), if self.running_query.is_none() => self.start_query(),
                () = sleep_until(self.heartbeat_at) => self.on_heartbeat().await,
            }
            self.start_next_call();
            self.plan_steps();
            self.publish();
        }
    }

    async fn on_input(&mut self, input: Input) {
        if self.heartbeat_at.is_none() {
            self.check_clocks(MAX_UNCHECKED).await;
        }
        match input {
            Input::Command(command) => {
                self.pressed_at = Some(Instant::now());
                self.model.command(command, self.clock.now());
                if self.model.has_pending() {
                    self.plan_poll();
                }
            }
            Input::Subscription(subscription) => {
                let more = subscription.instances > self.model.visible_instances();
                self.model.set_subscription(subscription);
                let is_visible = self.model.visible_instances() > 0;
                self.heartbeat_at = self.heartbeat_at.filter(|_| is_visible).or(is_visible.then(|| after(HEARTBEAT)));
                let asked = self.asked_at.is_some_and(|asked| asked.elapsed() < FRESH);
                let fresh = asked && (self.running_poll.is_some() || self.model.has_current_state());
                if more && !fresh { self.poll_soon() } else { self.plan_poll() }
            }
            Input::LastPlaylist(uri) => self.model.remember_playlist(uri),
            Input::Refresh => {
                self.model.on_refresh(self.clock.now().instant);
                self.poll_soon();
            }
            Input::PageActivity => {}
        }
    }

    fn on_accounts_changed(&mut self, accounts: &watch::Receiver<Arc<AuthState>>) {
        let moment = self.clock.now();
        // The limit at the last plan: if it is over by now, the polls that waited for it are still due.
        let before = (self.model.is_linked(), self.planned_limit, self.model.is_strained(moment));
        self.model.set_accounts(accounts.borrow().clone());
        let now = (self.model.is_linked(), self.model.limit(moment), self.model.is_strained(moment));
        match (before, now) {
            (_, (false, ..)) => {
                self.running_poll = None;
                self.running_call = None;
                self.running_query = None;
                self.plan_poll();
            }
            ((false, ..), _) | ((_, Some(_), _), (_, None, _)) => {
                self.failures = 0;
                self.poll_soon();
            }
            (before, now) if before != now => self.plan_poll(),
            _ => {}
        }
    }

    async fn on_heartbeat(&mut self) {
        self.check_clocks(HEARTBEAT + TOLERANCE).await;
        self.heartbeat_at = Some(after(HEARTBEAT));
    }

    /// Compares the clocks to detect that the computer has slept or that its clock was set, after which the known state is
    /// uncertain. During sleep the monotonic clock either stands still, so that the wall clock gets ahead of it, or it runs, so
    /// that this check is more than `at_most` after the last one.
    async fn check_clocks(&mut self, at_most: Duration) {
        let now = self.clock.now();
        let before = std::mem::replace(&mut self.last_check, now);
        let elapsed = now.instant.saturating_duration_since(before.instant);
        let expected = before.date + elapsed;
        let ahead = now.date.saturating_duration_since(expected);
        let back = expected.saturating_duration_since(now.date);
        if ahead.max(back) <= TOLERANCE && elapsed <= at_most {
            return;
        }
        tracing::info!(?elapsed, ?ahead, ?back, "the computer has slept or its clock was set; polling Spotify");
        self.clock.on_wake(ahead);
        self.last_check = self.clock.now();
        self.spotify.on_wake(back).await;
        self.model.on_wake(self.last_check.instant);
        self.failures = 0;
        self.woken_at = Some(Instant::now());
        if !self.model.is_linked() {
            return;
        }
        // Their connections are from before the sleep. A running call is completed, as it may have been carried out.
        self.running_poll = None;
        self.running_query = None;
        self.plan_poll();
        if self.poll_at.is_some() && self.model.limit(self.last_check).is_none() {
            self.poll_at = Some(Instant::now());
        }
    }

    fn start_next_call(&mut self) {
        if self.running_call.is_some() {
            return;
        }
        let now = self.clock.now();
        let Some(call) = self.model.next_call(now) else { return };
        let (spotify, clock) = (self.spotify.clone(), self.clock.clone());
        let last_device = self.model.last_device().cloned();
        let before = self.model.before(&call, now.instant);
        self.running_call = Some(Box::pin(async move {
            let sent = send(spotify, clock, &call, last_device.as_ref(), before.as_ref()).await;
            (call, sent)
        }));
    }

    fn on_call_done(&mut self, call: &QueuedCall, sent: CallOutcome) {
        self.running_call = None;
        let now = self.clock.now();
        if let Some((asked_at, devices)) = sent.devices {
            self.model.on_query_sent(&Query::Devices, asked_at);
            self.model.apply_query_result(QueryResult::Devices(devices));
        }
        if let Some((asked_at, playback)) = sent.playback {
            self.asked_at = Some(Instant::now());
            self.model.apply_playback(playback, asked_at, now);
        }
        if sent.liked_as_list {
            self.model.play_liked_as_list();
        }
        match sent.result {
            Ok(()) => {
                self.failures = 0;
                self.model.call_succeeded(call, now);
                self.plan_poll();
            }
            Err(error) => {
                tracing::info!(command = ?call.command.verb, %error, "a command failed");
                self.model.call_failed(call, error, now);
                // To read the actual state.
                self.poll_soon();
            }
        }
    }

    fn start_poll(&mut self) {
        self.poll_at = None;
        let now = self.clock.now();
        let ended = self.model.ends_in(now) == Some(Duration::ZERO);
        self.overdue = if ended { self.overdue.saturating_add(1) } else { 0 };
        self.asked_at = Some(Instant::now());
        let spotify = self.spotify.clone();
        self.running_poll = Some(Box::pin(async move {
            let answer = match spotify.player().await {
                // Spotify usually answers commands with this; here it is equivalent to a 204.
                Err(Error::NoActiveDevice) => Ok(None),
                answer => answer,
            };
            (now.instant, answer)
        }));
    }

    fn on_poll_done(&mut self, asked_at: Instant, result: Result<Option<Playback>, Error>) {
        self.running_poll = None;
        match result {
            Ok(playback) => {
                if self.failures > 0 {
                    tracing::info!(failures = self.failures, "polling Spotify works again");
                }
                self.failures = 0;
                self.model.apply_playback(playback, asked_at, self.clock.now());
            }
            Err(error) => {
                if self.model.last_error() != Some(&error) {
                    tracing::warn!(%error, "could not poll Spotify");
                }
                self.failures = self.failures.saturating_add(1);
                self.model.poll_failed(error, self.clock.now());
            }
        }
        self.plan_poll();
    }

    fn start_query(&mut self) {
        self.query_at = None;
        let now = self.clock.now().instant;
        let due = self.model.next_query(now).filter(|(_, due_at)| *due_at <= now);
        if let Some((query, _)) = due {
            self.model.on_query_sent(&query, now);
            let spotify = self.spotify.clone();
            self.running_query = Some(Box::pin(async move {
                let result = match &query {
                    Query::Saved(uris) => {
                        let saved = spotify.are_saved(uris).await;
                        saved.map(|saved| QueryResult::Saved(uris.iter().cloned().zip(saved).collect()))
                    }
                    Query::Devices => spotify.devices().await.map(QueryResult::Devices),
                    Query::Queue => spotify.queue().await.map(QueryResult::Queue),
                    Query::PlaylistName(playlist) => spotify
                        .look_up(playlist)
                        .await
                        .map(|item| QueryResult::PlaylistName(playlist.clone(), item.name)),
                };
                (query, result)
            }));
        } else {
            self.plan_queries();
        }
    }

    fn on_query_done(&mut self, query: &Query, result: Result<QueryResult, Error>) {
        self.running_query = None;
        match result {
            Ok(answer) => self.model.apply_query_result(answer),
            Err(error) => {
                tracing::info!(?query, %error, "a query failed");
                self.model.query_failed(query, &error, self.clock.now().instant);
            }
        }
        self.plan_queries();
    }

    /// Polls at once, unless a limit applies or a poll has just failed. A lasting failure is retried, as the event that leads
    /// here may have resolved it.
    fn poll_soon(&mut self) {
        self.plan_poll();
        let just_asked = self.asked_at.is_some_and(|asked| asked.elapsed() < FRESH);
        let failed = self.model.last_error().is_some_and(|error| just_asked || !is_lasting(error));
        let must_wait = failed || self.model.limit(self.clock.now()).is_some();
        if self.poll_at.is_some() && !must_wait {
            self.poll_at = Some(Instant::now());
        }
    }

    fn plan_poll(&mut self) {
        let now = self.clock.now();
        self.planned_limit = self.model.limit(now);
        let wait = next_poll_in(&PollContext {
            linked: self.model.is_linked(),
            limited_for: self.planned_limit.map(|limit| limit.until.saturating_duration_since(now.date)),
            strained: self.model.is_strained(now),
            visible: self.model.visible_instances() > 0,
            has_pending: self.model.has_pending(),
            since_poll: self.asked_at.map_or(Duration::MAX, |asked| asked.elapsed()),
            since_press: self.pressed_at.map(|pressed| pressed.elapsed()),
            since_wake: self.woken_at.map(|woke| woke.elapsed()),
            idle_for: self.model.idle_for(now.instant),
            ends_in: self.model.ends_in(now),
            overdue: self.overdue,
            needs_confirmation: self.model.needs_confirmation(),
            unconfirmed_write: self
                .model
                .unconfirmed_write()
                .map(|(since, another)| (now.instant.saturating_duration_since(since), another)),
            last_error: self.model.last_error(),
            failures: self.failures,
        });
        self.poll_at = wait.map(after);
        self.plan_queries();
    }

    fn plan_queries(&mut self) {
        let now = self.clock.now();
        let quiet = !self.model.is_linked() || self.model.visible_instances() == 0 || self.model.limit(now).is_some();
        let next = if quiet { None } else { self.model.next_query(now.instant) };
        self.query_at = next.map(|(_, due_at)| after(due_at.saturating_duration_since(now.instant)));
    }

    fn plan_steps(&mut self) {
        let now = self.clock.now();
        let next = if self.running_call.is_some() { None } else { self.model.next_step(now) };
        self.step_at = next.map(|at| after(at.saturating_duration_since(now.instant)));
    }

    /// Publishes the state if it has changed.
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

async fn run_if_some<T>(slot: &mut Option<BoxFuture<T>>) -> T {
    match slot {
        Some(future) => future.await,
        None => pending().await,
    }
}

/// Returns the instant after a wait, limited to a day, after which everything is checked again.
fn after(wait: Duration) -> Instant {
    const DAY: Duration = Duration::from_secs(24 * 3_600);
    let now = Instant::now();
    now.checked_add(wait.min(DAY)).unwrap_or(now)
}

async fn sleep_until(at: Option<Instant>) {
    match at {
        Some(at) => tokio::time::sleep_until(at).await,
        None => pending().await,
    }
}
