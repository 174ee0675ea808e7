//! The task that owns the model: commands in, calls out one at a time and in order, questions when the schedule says.

use std::future::{Future, pending};
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, watch};
use tokio::time::Instant;

use super::model::{Call, Command, Model, QueuedCall};
use super::schedule::{Situation, ask_again_in};
use crate::auth::AuthState;
use crate::clock::Clock;
use crate::spotify::{Client, Error, Playback};

/// Commands that wait for the task. It takes them at once, so this is never full for long; when it is, the sender waits.
const INPUTS: usize = 64;

/// What the task is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Input {
    /// A press.
    Command(Command),
    /// What of Spotify's state is looked at.
    Shown(Shown),
    /// Something may have changed elsewhere: ask now.
    Refresh,
}

/// What of Spotify's state is looked at.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Shown {
    /// How many instances are visible.
    pub instances: usize,
}

/// The way to the player's task. It ends when the last one of these is dropped.
#[derive(Clone, Debug)]
pub struct Handle {
    inputs: mpsc::Sender<Input>,
    model: watch::Receiver<Arc<Model>>,
}

impl Handle {
    /// Tells the task something. Waits only while many inputs wait already; nothing is ever dropped.
    pub async fn tell(&self, input: Input) {
        // The task ends with its last handle, so it is there.
        let _ = self.inputs.send(input).await;
    }

    /// The model, and every change of it.
    #[must_use]
    pub fn watch(&self) -> watch::Receiver<Arc<Model>> {
        self.model.clone()
    }
}

/// Starts the task on the current tokio runtime.
#[must_use]
pub fn start(spotify: Client, accounts: watch::Receiver<Arc<AuthState>>, clock: Arc<dyn Clock>) -> Handle {
    let (sender, inputs) = mpsc::channel(INPUTS);
    let model = Model::new(accounts.borrow().clone());
    let (shown, watch) = watch::channel(Arc::new(model.clone()));
    let task = Task {
        spotify,
        clock,
        model,
        watch: shown,
        visible: Shown::default(),
        failures: 0,
        look: false,
        ask_at: None,
        writing: None,
        asking: None,
    };
    tokio::spawn(task.run(inputs, accounts));
    Handle { inputs: sender, model: watch }
}

type Pending<T> = Pin<Box<dyn Future<Output = T> + Send>>;
/// When Spotify was asked, and what it said.
type Answer = (u64, Result<Option<Playback>, Error>);

struct Task {
    spotify: Client,
    clock: Arc<dyn Clock>,
    model: Model,
    watch: watch::Sender<Arc<Model>>,
    visible: Shown,
    failures: u32,
    /// Whether a write has ended since Spotify was asked.
    look: bool,
    /// When to ask next; `None`: not before something changes.
    ask_at: Option<Instant>,
    writing: Option<Pending<(QueuedCall, Result<(), Error>)>>,
    asking: Option<Pending<Answer>>,
}

impl Task {
    async fn run(mut self, mut inputs: mpsc::Receiver<Input>, mut accounts: watch::Receiver<Arc<AuthState>>) {
        self.accounts_changed(&accounts);
        loop {
            tokio::select! {
                // Presses first.
                biased;
                input = inputs.recv() => match input {
                    Some(input) => self.input(input),
                    None => return,
                },
                (call, result) = run(&mut self.writing) => self.written(&call, result),
                (asked_ms, result) = run(&mut self.asking) => self.answered(asked_ms, result),
                Ok(()) = accounts.changed() => self.accounts_changed(&accounts),
                () = until(self.ask_at), if self.asking.is_none() => self.ask(),
            }
            self.write_next();
            self.publish();
        }
    }

    fn input(&mut self, input: Input) {
        match input {
            Input::Command(command) => {
                self.model.command(command, self.clock.unix_ms());
            }
            Input::Shown(shown) => {
                let more = shown.instances > self.visible.instances;
                self.visible = shown;
                if more { self.ask_soon() } else { self.plan() }
            }
            Input::Refresh => self.ask_soon(),
        }
    }

    fn accounts_changed(&mut self, accounts: &watch::Receiver<Arc<AuthState>>) {
        let now_ms = self.clock.unix_ms();
        let before = (self.model.linked(), self.model.limit(now_ms), self.model.strained(now_ms));
        self.model.set_accounts(accounts.borrow().clone());
        let now = (self.model.linked(), self.model.limit(now_ms), self.model.strained(now_ms));
        match (before, now) {
            (_, (false, ..)) => {
                self.asking = None;
                self.writing = None;
                self.ask_at = None;
            }
            ((false, ..), _) | ((_, Some(_), _), (_, None, _)) => {
                self.failures = 0;
                self.ask_soon();
            }
            (before, now) if before != now => self.plan(),
            _ => {}
        }
    }

    fn write_next(&mut self) {
        if self.writing.is_some() {
            return;
        }
        let Some(call) = self.model.next_call() else { return };
        let spotify = self.spotify.clone();
        self.writing = Some(Box::pin(async move {
            let result = send(&spotify, &call).await;
            (call, result)
        }));
    }

    fn written(&mut self, call: &QueuedCall, result: Result<(), Error>) {
        self.writing = None;
        let now_ms = self.clock.unix_ms();
        match result {
            Ok(()) => {
                self.failures = 0;
                self.model.confirmed(call.id, now_ms);
            }
            Err(error) => {
                tracing::info!(command = ?call.verb, %error, "a command had no effect");
                self.model.refused(call, error, now_ms);
            }
        }
        // After a success for Spotify to have agreed, after a refusal to see what is true.
        self.look = true;
        self.plan();
    }

    fn ask(&mut self) {
        self.ask_at = None;
        self.look = false;
        let spotify = self.spotify.clone();
        let asked_ms = self.clock.unix_ms();
        self.asking = Some(Box::pin(async move { (asked_ms, spotify.player().await) }));
    }

    fn answered(&mut self, asked_ms: u64, result: Result<Option<Playback>, Error>) {
        self.asking = None;
        match result {
            Ok(playback) => {
                self.failures = 0;
                self.model.heard(playback, asked_ms, self.clock.unix_ms());
            }
            Err(error) => {
                if self.model.problem() != Some(&error) {
                    tracing::warn!(%error, "Spotify's state can't be read");
                }
                self.failures += 1;
                self.model.unheard(error);
            }
        }
        self.plan();
    }

    /// Asks at once, unless Spotify has said to wait.
    fn ask_soon(&mut self) {
        self.plan();
        if self.ask_at.is_some() && self.model.problem().is_none() && self.model.limit(self.clock.unix_ms()).is_none() {
            self.ask_at = Some(Instant::now());
        }
    }

    fn plan(&mut self) {
        let now_ms = self.clock.unix_ms();
        let player = self.model.at(now_ms);
        let wait = ask_again_in(&Situation {
            linked: self.model.linked(),
            limited_for: self.model.limit(now_ms).map(|limit| Duration::from_millis(limit.until_ms - now_ms)),
            strained: self.model.strained(now_ms),
            visible: self.visible.instances > 0,
            playing: player.now.as_ref().is_some_and(|now| now.playing),
            ends_in: self.model.ends_ms(now_ms).map(|end| Duration::from_millis(end.saturating_sub(now_ms))),
            after_write: self.look || self.model.waits_for_agreement(),
            problem: self.model.problem(),
            failures: self.failures,
        });
        self.ask_at = wait.map(|wait| Instant::now() + wait);
    }

    /// Wakes whoever watches, if there is something new to see.
    fn publish(&self) {
        self.watch.send_if_modified(|shown| {
            let changed = **shown != self.model;
            if changed {
                *shown = Arc::new(self.model.clone());
            }
            changed
        });
    }
}

async fn send(spotify: &Client, call: &QueuedCall) -> Result<(), Error> {
    let device = call.device.as_deref();
    match call.call {
        Call::Play => spotify.play(device).await,
        Call::Pause => spotify.pause(device).await,
        Call::Next => spotify.next(device).await,
        Call::Previous => spotify.previous(device).await,
        Call::Volume(percent) => spotify.volume(percent, device).await,
        Call::Shuffle(on) => spotify.shuffle(on, device).await,
        Call::Repeat(repeat) => spotify.repeat(repeat, device).await,
    }
}

async fn run<T>(slot: &mut Option<Pending<T>>) -> T {
    match slot {
        Some(future) => future.await,
        None => pending().await,
    }
}

async fn until(at: Option<Instant>) {
    match at {
        Some(at) => tokio::time::sleep_until(at).await,
        None => pending().await,
    }
}
