//! The smoke run: a private deck installs a package, starts it, puts each of its widgets on the Panel, presses and
//! releases it, and takes it off again. What goes wrong becomes findings.
//!
//! It runs the package's own program with the rights of whoever runs the validator, as every host does.

use std::collections::{BTreeSet, VecDeque};
use std::fs;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use host_sdk::manifest::{FILE_NAME, Finding, PackageConfig, Severity, Widget};
use serde_json::{Value, json};
use tokio::time::{Instant, timeout_at};

use super::SmokeRun;
use crate::Deck;
use crate::browser::find;
use crate::config::Config;
use crate::hub::{Command, Phase, Refusal, Runs};
use crate::log::Level;
use crate::page::Outbox;
use crate::process::choice::{Look, Way, choose, on_path, start_of};

/// Widgets that are tried; a package with more has shown by then what it is.
const MOST_WIDGETS: usize = 60;
/// Pictures and titles within a second that are a flood: no display shows more frames.
const FLOOD: usize = 60;
/// From the loss of a socket to the news of its process, if that has ended.
const AFTER_SOCKET: Duration = Duration::from_secs(1);
/// What a browser may take to start, on a slow machine.
const BROWSER_START: Duration = Duration::from_secs(20);
/// Odd messages that are listed.
const MOST_ODD: usize = 10;

/// How long the smoke run waits for what.
#[derive(Clone, Copy, Debug)]
pub struct Patience {
    /// From the start to the registration.
    pub register: Duration,
    /// From the appearance of an instance to its first face.
    pub face: Duration,
    /// After each press, and at the end: whoever dies of it does it soon.
    pub aftermath: Duration,
}

impl Default for Patience {
    fn default() -> Self {
        Self {
            register: Duration::from_secs(10),
            face: Duration::from_millis(1000),
            aftermath: Duration::from_millis(150),
        }
    }
}

/// Runs a bundle that nothing refuses.
///
/// # Errors
/// If no private deck can be started.
pub async fn run(
    bundle: &[u8],
    config: &PackageConfig,
    patience: Patience,
    browser: Option<PathBuf>,
) -> anyhow::Result<(SmokeRun, Vec<Finding>)> {
    let data = tempfile::tempdir()?;
    let file = data.path().join("package");
    fs::write(&file, bundle)?;
    let mut deck_config = Config::headless(data.path().join("deck"));
    deck_config.install = vec![file];
    let folder = deck_config.packages_folder().join(&config.uuid);
    let mut deck = Deck::start(deck_config).await?;
    let start = |path: &str| start_of(&folder, path);
    let way = match choose(config, &Look { start: &start, find: &on_path }) {
        Ok(choice) => choice.way,
        // Otherwise what it has is broken, which the run says.
        Err(why) if config.runtime_here().is_none() => return Ok((SmokeRun::Skipped(why), Vec::new())),
        Err(_) => Way::Program,
    };
    if way == Way::Page {
        let Some(browser) = browser.or_else(find) else {
            let why = "a web package runs in a browser, and there is no Chromium on the PATH; name one with --browser.";
            return Ok((SmokeRun::Skipped(why.to_owned()), Vec::new()));
        };
        deck.open_unattended(&browser)?;
    }
    let ran = match deck.hub.ask(|reply| Command::Subscribe(Runs::Nothing, reply)).await {
        Some((_, outbox)) => {
            let mut run = Run {
                deck: &deck,
                outbox,
                config,
                patience: match way {
                    Way::Page => Patience { register: patience.register + BROWSER_START, ..patience },
                    _ => patience,
                },
                status: Value::Null,
                faces: VecDeque::new(),
                findings: Vec::new(),
            };
            tokio::select! {
                () = run.run() => {}
                ended = deck.failure() => return Err(ended.into()),
            }
            (SmokeRun::Done, run.findings)
        }
        None => (SmokeRun::Skipped("Creator Deck has ended.".to_owned()), Vec::new()),
    };
    deck.stop().await;
    Ok(ran)
}

struct Run<'a> {
    deck: &'a Deck,
    outbox: Arc<Outbox>,
    config: &'a PackageConfig,
    patience: Patience,
    /// The package as the page sees it.
    status: Value,
    /// The last pictures and titles: when each came, and the instance as it was then.
    faces: VecDeque<(Instant, Value)>,
    findings: Vec<Finding>,
}

impl Run<'_> {
    async fn run(&mut self) {
        let settled = |run: &Self| ["running", "restarting", "failed"].contains(&run.state());
        let started = self.until(self.patience.register, settled).await;
        match self.state() {
            "running" => {}
            _ if !started => {
                let said = self.last_line().map(|line| format!("; its last line was: {line}")).unwrap_or_default();
                let message = format!("didn't register within {} s{said}", self.patience.register.as_secs_f32());
                let remedy = "open the socket at the port of -port, and send {\"event\": EVENT, \"uuid\": UUID} first";
                self.find(Severity::Error, "run-register", "Runtime", message, remedy);
                return;
            }
            _ => {
                let message = format!("didn't stay alive until it registered: {}", self.last_words());
                self.find(Severity::Error, "run-start", "Runtime", message, "look at what it writes to its output");
                return;
            }
        }
        let mut flooded = false;
        for (n, widget) in self.config.widgets.iter().take(MOST_WIDGETS).enumerate() {
            let place = format!("Widgets[{n}]");
            if !self.try_widget(&place, widget, &mut flooded).await {
                break;
            }
        }
        self.odd_messages();
    }

    /// Answers whether the package lives.
    async fn try_widget(&mut self, place: &str, widget: &Widget, flooded: &mut bool) -> bool {
        let cell = json!({"widget": widget.uuid, "layout": 0, "column": 0, "row": 0});
        let Ok(cell) = serde_json::from_value(cell) else { return true };
        let placed = match self.deck.hub.request(|reply| Command::Place(cell, reply)).await {
            Ok(placed) => serde_json::to_value(placed).unwrap_or_default(),
            Err(Refusal::NotFound(why) | Refusal::Conflict(why)) => {
                let remedy = "correct the widget's layouts in the package file";
                self.find(Severity::Error, "run-place", place, format!("can't be put on the Panel: {why}"), remedy);
                return true;
            }
            Err(Refusal::Stopping) => return false,
        };
        let context = placed["context"].as_str().unwrap_or_default().to_owned();
        self.faces.clear();
        let looks = |instance: &Value| ["icon", "title", "image"].map(|layer| instance[layer].clone());
        let first = looks(&placed);
        let has_face = |run: &Self| run.faces.iter().any(|(_, now)| now["context"] == context && looks(now) != first);
        self.until(self.patience.face, |run| run.state() != "running" || has_face(run)).await;
        let shown = has_face(self);
        let mut alive = self.is_alive(place, "when it appeared").await;
        for (phase, when) in [(Phase::Down, "when it was pressed"), (Phase::Up, "when it was released")] {
            if alive {
                // An error means that the instance is gone, which is seen in the end.
                let _ = self.deck.hub.request(|reply| Command::Press(context.clone(), phase, reply)).await;
                self.until(self.patience.aftermath, |run| run.state() != "running").await;
                alive = self.is_alive(place, when).await;
            }
        }
        if alive {
            let _ = self.deck.hub.request(|reply| Command::Remove(context.clone(), reply)).await;
            self.until(self.patience.aftermath, |run| run.state() != "running").await;
            alive = self.is_alive(place, "when it disappeared").await;
        }
        if alive && !shown && !has_face(self) {
            let message = "shows nothing but the picture of its state, neither when it appears nor when it is pressed";
            let remedy = "send changeImage or changeTitle, if it has anything to show";
            self.find(Severity::Note, "run-face", place, message, remedy);
        }
        if !*flooded && self.is_flooded() {
            *flooded = true;
            let message = format!("changes its face more than {FLOOD} times a second");
            let remedy = "send a picture only when it differs, and at most 10 a second";
            self.find(Severity::Warning, "run-flood", place, message, remedy);
        }
        alive
    }

    async fn is_alive(&mut self, place: &str, when: &str) -> bool {
        if self.state() == "running" {
            return true;
        }
        // Its socket goes first; why is known a moment later.
        self.until(AFTER_SOCKET, |run| ["restarting", "failed"].contains(&run.state())).await;
        let message = format!("ends the package {when}: {}", self.last_words());
        self.find(Severity::Error, "run-died", place, message, "look at what it writes to its output");
        false
    }

    /// More than [`FLOOD`] faces within any second.
    fn is_flooded(&self) -> bool {
        let times: Vec<Instant> = self.faces.iter().map(|(time, _)| *time).collect();
        times.windows(FLOOD + 1).any(|some| some[FLOOD] - some[0] <= Duration::from_secs(1))
    }

    /// What the deck has ignored.
    fn odd_messages(&mut self) {
        let odd: BTreeSet<String> = self
            .deck
            .log
            .entries()
            .iter()
            .filter(|entry| entry.level == Level::Warn && entry.package.as_deref() == Some(&self.config.uuid))
            .filter_map(|entry| entry.message.strip_prefix("Ignored: ").map(str::to_owned))
            .collect();
        for message in odd.into_iter().take(MOST_ODD) {
            let message = format!("sends a message that hosts ignore: {message}");
            self.find(Severity::Warning, "run-message", "", message, "correct it, or leave it out");
        }
    }

    fn find(&mut self, severity: Severity, rule: &'static str, member: &str, message: impl Into<String>, remedy: &str) {
        let file = if member.is_empty() { "" } else { FILE_NAME };
        let finding = Finding::of_file(severity, rule, file, message, remedy);
        self.findings.push(Finding { member: member.to_owned(), ..finding });
    }

    fn state(&self) -> &str {
        self.status["status"].as_str().unwrap_or_default()
    }

    fn message(&self) -> String {
        self.status["message"].as_str().unwrap_or("no reason is known").to_owned()
    }

    /// The last line of its output.
    fn last_line(&self) -> Option<String> {
        // What the deck itself says of a package stands in the log too.
        let own = ["The package", "Version ", "It has registered again", "Ignored: "];
        let is_output = |message: &str| !own.iter().any(|start| message.starts_with(start));
        let entries = self.deck.log.entries();
        let output = entries
            .iter()
            .rev()
            .filter(|entry| entry.package.as_deref() == Some(&self.config.uuid))
            .find(|entry| entry.level == Level::Info && is_output(&entry.message));
        output.map(|entry| entry.message.clone())
    }

    /// Why it ended, and the last line of its output.
    fn last_words(&self) -> String {
        let why = self.message();
        let why = why.split(" It starts again in").next().unwrap_or_default().trim_end_matches('.').to_owned();
        match self.last_line() {
            Some(line) => format!("{why}. Its last line was: {line}"),
            None => why,
        }
    }

    /// Takes in what happens, until `wanted` or the time is over. Answers whether it was the first.
    async fn until(&mut self, within: Duration, wanted: impl Fn(&Self) -> bool) -> bool {
        let end = Instant::now() + within;
        loop {
            if wanted(self) {
                return true;
            }
            let Ok(Some(event)) = timeout_at(end, self.outbox.next()).await else { return wanted(self) };
            let event = serde_json::to_value(event).unwrap_or_default();
            let packages = match event["type"].as_str() {
                Some("state") => &event["state"]["packages"],
                Some("packages") => &event["packages"],
                Some("instance") => {
                    self.faces.push_back((Instant::now(), event["instance"].clone()));
                    // Enough to see a flood, and to remember a face.
                    if self.faces.len() > 4 * FLOOD {
                        self.faces.pop_front();
                    }
                    continue;
                }
                _ => continue,
            };
            let ours = packages.as_array().into_iter().flatten().find(|package| package["uuid"] == *self.config.uuid);
            self.status = ours.cloned().unwrap_or_default();
        }
    }
}
