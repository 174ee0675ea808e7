//! The smoke run: a private deck installs and starts a package, places each of its widgets on the Panel, presses and
//! releases it, and removes it. As many widgets as fit on the Panel are tried at once, and one by one only if the
//! package dies of that. Its property views are loaded in a browser, if there is one. Failures become findings.
//!
//! It runs the package's own program with the rights of the validator's user, as every host does.

use std::collections::{BTreeSet, HashMap, VecDeque};
use std::fs;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use host_sdk::manifest::{COLUMNS, FILE_NAME, Finding, PackageConfig, ROWS, Severity, Widget};
use serde_json::Value;
use tokio::time::{Instant, timeout, timeout_at};

use super::SmokeRun;
use crate::Deck;
use crate::browser::find;
use crate::config::Config;
use crate::error::DeckError;
use crate::hub::{Cell, Phase, Place, Runs, SCRIPT_FAILED, Target};
use crate::log::Level;
use crate::page::Outbox;
use crate::process::choice::{self, Lookup, RunMethod, choose, on_path};
use crate::state::Area;

/// Widgets that are tried; more wouldn't show anything new.
const MAX_WIDGETS: usize = 60;
/// More messages with a picture, or with a title, for one key within this time are a flood. A device shows 16 pictures
/// per second, and a usual animation has 30.
const FLOODS: [(usize, Duration); 2] = [(40, Duration::from_millis(500)), (120, Duration::from_secs(2))];
/// How long after the loss of a socket the end of its process is reported, if it has ended.
const AFTER_SOCKET: Duration = Duration::from_secs(1);
/// How long a browser may take to start on a slow machine.
const BROWSER_START: Duration = Duration::from_secs(20);
/// Ignored messages, and script errors, that are listed.
const MAX_LISTED: usize = 10;
/// Property views and settings pages that are tried.
const MAX_VIEWS: usize = 8;
/// How long a view may take to register.
const VIEW_TIMEOUT: Duration = Duration::from_secs(3);
/// How long the package has to end after the run. It was notified, but its last messages don't matter here.
const END_NOTICE: Duration = Duration::from_millis(500);

/// The remedy if a package dies.
const LOOK_AT_OUTPUT: &str = "look at what it writes to its output";

/// Timeouts of the smoke run.
#[derive(Clone, Copy, Debug)]
pub struct SmokeTimeouts {
    /// From the start to the registration.
    pub register: Duration,
    /// From the appearance of an instance to its first face.
    pub face: Duration,
    /// After each press, and at the end: the package dies of it soon or not at all.
    pub aftermath: Duration,
}

impl Default for SmokeTimeouts {
    fn default() -> Self {
        Self {
            register: Duration::from_secs(10),
            face: Duration::from_millis(1000),
            aftermath: Duration::from_millis(150),
        }
    }
}

/// Runs a bundle that no finding refuses.
///
/// # Errors
/// If no private deck can be started.
pub async fn run(
    bundle: &[u8],
    config: &PackageConfig,
    timeouts: SmokeTimeouts,
    browser: Option<PathBuf>,
) -> anyhow::Result<(SmokeRun, Vec<Finding>)> {
    let data = tempfile::tempdir()?;
    let file = data.path().join("package");
    fs::write(&file, bundle)?;
    let mut deck_config = Config::headless(data.path().join("deck"));
    deck_config.install = vec![file];
    let folder = deck_config.packages_folder().join(&config.uuid);
    deck_config.timing.end_notice = END_NOTICE;
    let mut deck = Deck::start(deck_config).await?;
    let start_of = |path: &str| choice::start_of(&folder, path);
    let method = match choose(config, &Lookup { start_of: &start_of, on_path: &on_path }) {
        Ok(choice) => choice.method,
        Err(error) if config.runtime_here().is_none() => {
            return Ok((SmokeRun::Skipped(error.to_string()), Vec::new()));
        }
        // The runtime for this platform is broken, which the run reports.
        Err(_) => RunMethod::Program,
    };
    let has_views = config.settings_path.is_some() || config.widgets.iter().any(|w| w.property_view_path.is_some());
    let browser = browser.or_else(find).filter(|_| method == RunMethod::Page || has_views);
    if method == RunMethod::Page && browser.is_none() {
        let why = "a web package runs in a browser, and there is no Chromium on the PATH; name one with --browser.";
        return Ok((SmokeRun::Skipped(why.to_owned()), Vec::new()));
    }
    if let Some(browser) = &browser {
        deck.open_unattended(browser)?;
    }
    let ran = match deck.hub.call(move |hub| hub.subscribe(Runs::Nothing)).await {
        Ok((_, outbox)) => {
            let mut run = Run {
                deck: &deck,
                outbox,
                config,
                timeouts: match method {
                    RunMethod::Page => SmokeTimeouts { register: timeouts.register + BROWSER_START, ..timeouts },
                    _ => timeouts,
                },
                browser: browser.is_some(),
                status: Value::Null,
                faces: HashMap::new(),
                counted: 0,
                findings: Vec::new(),
            };
            tokio::select! {
                () = run.run() => {}
                ended = deck.failure() => return Err(ended.into()),
            }
            (SmokeRun::Done, run.findings)
        }
        Err(_) => (SmokeRun::Skipped("Creator Deck has ended.".to_owned()), Vec::new()),
    };
    deck.stop().await;
    Ok(ran)
}

struct Run<'a> {
    deck: &'a Deck,
    outbox: Arc<Outbox>,
    config: &'a PackageConfig,
    timeouts: SmokeTimeouts,
    /// Whether there is a browser to load views in.
    browser: bool,
    /// The package as the page sees it.
    status: Value,
    /// What each instance has shown recently.
    faces: HashMap<String, Faces>,
    /// The number of the last message that was counted.
    counted: u64,
    findings: Vec<Finding>,
}

/// What an instance shows, and when it changed.
#[derive(Default)]
struct Faces {
    /// Whether it ever differed from what it showed first.
    changed: bool,
    pictures: Recent,
    titles: Recent,
    /// The instance when it was placed.
    first: Value,
}

/// The times of the last few events, in milliseconds.
#[derive(Default)]
struct Recent(VecDeque<u64>);

impl Recent {
    fn push(&mut self, now: u64) {
        self.0.push_back(now);
        let most = FLOODS.iter().map(|(count, _)| *count).max().unwrap_or_default();
        if self.0.len() > most + 1 {
            self.0.pop_front();
        }
    }

    fn is_flood(&self) -> bool {
        let times: Vec<u64> = self.0.iter().copied().collect();
        let passed = |some: &[u64]| Duration::from_millis(some[some.len() - 1].saturating_sub(some[0]));
        FLOODS.iter().any(|(count, within)| times.windows(count + 1).any(|some| passed(some) <= *within))
    }
}

/// A widget that is tried, and the results.
struct Trial<'a> {
    widget: &'a Widget,
    /// Its place in the package file.
    place: String,
    context: String,
    flooded: bool,
}

/// The steps of a trial, in order.
const STEPS: [(Step, &str); 4] = [
    (Step::Appear, "when it appeared"),
    (Step::Press, "when it was pressed"),
    (Step::Release, "when it was released"),
    (Step::Disappear, "when it disappeared"),
];

#[derive(Clone, Copy, PartialEq, Eq)]
enum Step {
    Appear,
    Press,
    Release,
    Disappear,
}

impl<'a> Run<'a> {
    async fn run(&mut self) {
        let settled = |run: &Self| ["running", "restarting", "failed"].contains(&run.state());
        let started = self.wait_until(self.timeouts.register, settled).await;
        match self.state() {
            "running" => {}
            _ if !started => {
                let output = self.last_line().map(|line| format!("; its last line was: {line}")).unwrap_or_default();
                let message = format!("didn't register within {} s{output}", self.timeouts.register.as_secs_f32());
                let remedy = "open the socket at the port of -port, and send {\"event\": EVENT, \"uuid\": UUID} first";
                self.add_finding(Severity::Error, "run-register", "Runtime", message, remedy);
                return self.find_script_errors();
            }
            _ => {
                let message = format!("didn't stay alive until it registered: {}", self.end_reason());
                self.add_finding(
                    Severity::Error,
                    "run-start",
                    "Runtime",
                    message,
                    "look at what it writes to its output",
                );
                return self.find_script_errors();
            }
        }
        let config = self.config;
        let widgets: Vec<(usize, &Widget)> = config.widgets.iter().take(MAX_WIDGETS).enumerate().collect();
        let mut rest = widgets.as_slice();
        while let Some(batch) = self.place(&mut rest).await {
            if !self.try_widgets(batch).await {
                break;
            }
        }
        if self.browser && self.state() == "running" {
            self.try_views().await;
        }
        self.find_script_errors();
        self.find_ignored_messages();
    }

    /// Places as many widgets as fit on the Panel, and takes them off the list. Returns none if none is left.
    async fn place(&mut self, rest: &mut &[(usize, &'a Widget)]) -> Option<Vec<Trial<'a>>> {
        self.faces.clear();
        let mut free = FreeCells::default();
        let mut batch = Vec::new();
        while let Some((n, widget)) = rest.first().copied() {
            // One that doesn't even fit on an empty Panel is placed anyway, so that the deck reports what is wrong.
            let cell = match free.take(first_size(widget)) {
                Some(cell) => cell,
                None if batch.is_empty() => (0, 0),
                None => break,
            };
            *rest = &rest[1..];
            let place = format!("Widgets[{n}]");
            match self.place_one(widget, cell).await {
                Ok(context) => batch.push(Trial { widget, place, context, flooded: false }),
                Err(DeckError::Stopping) => return None,
                Err(error) => {
                    let message = format!("can't be put on the Panel: {error}");
                    let remedy = "correct the widget's layouts in the package file";
                    self.add_finding(Severity::Error, "run-place", &place, message, remedy);
                }
            }
        }
        (!batch.is_empty()).then_some(batch)
    }

    /// Places a widget in its first layout. Returns its context.
    async fn place_one(&mut self, widget: &Widget, (column, row): (u8, u8)) -> Result<String, DeckError> {
        let cell = Cell { area: Area::Grid, column, row };
        let place = Place { widget: widget.uuid.clone(), layout: 0, cell };
        let placed = self.deck.hub.request(move |hub| hub.place(place)).await?;
        let context = placed.context.clone();
        let first = serde_json::to_value(placed).unwrap_or_default();
        self.faces.insert(context.clone(), Faces { first, ..Faces::default() });
        Ok(context)
    }

    /// Tries widgets. Returns whether the package survives.
    async fn try_widgets(&mut self, mut batch: Vec<Trial<'a>>) -> bool {
        for (step, when) in STEPS {
            if !self.take_step(step, &mut batch).await {
                self.find_culprit(&batch, when).await;
                return false;
            }
        }
        for Trial { place, context, .. } in &batch {
            if !self.faces.get(context).is_some_and(|faces| faces.changed) {
                let message =
                    "shows nothing but the picture of its state, neither when it appears nor when it is pressed";
                let remedy = "send changeImage or changeTitle, if it has anything to show";
                self.add_finding(Severity::Note, "run-face", place, message, remedy);
            }
        }
        // Reported once per package: its widgets usually behave alike.
        let is_new = !self.findings.iter().any(|finding| finding.rule == "run-flood");
        if let Some(trial) = batch.iter().find(|trial| trial.flooded && is_new) {
            let message = "changes its face more than 60 times a second";
            let remedy = "send a picture only when it differs; a device shows 16 a second at most";
            self.add_finding(Severity::Warning, "run-flood", &trial.place, message, remedy);
        }
        true
    }

    /// Takes a step with all of these widgets. Returns whether the package survives.
    async fn take_step(&mut self, step: Step, batch: &mut [Trial<'a>]) -> bool {
        for Trial { context, .. } in &*batch {
            let context = context.clone();
            // An error means that the instance is gone, which shows at the end.
            let _ = match step {
                Step::Appear => Ok(()),
                Step::Press => self.deck.hub.request(move |hub| hub.press(&context, Phase::Down)).await,
                Step::Release => self.deck.hub.request(move |hub| hub.press(&context, Phase::Up)).await,
                Step::Disappear => self.deck.hub.request(move |hub| hub.remove(&context)).await,
            };
        }
        let contexts: Vec<String> = batch.iter().map(|trial| trial.context.clone()).collect();
        let (within, wants_faces) = match step {
            Step::Appear => (self.timeouts.face, true),
            _ => (self.timeouts.aftermath, false),
        };
        self.wait_until(within, |run| {
            let has_face = |context| run.faces.get(context).is_some_and(|faces| faces.changed);
            run.state() != "running" || wants_faces && contexts.iter().all(has_face)
        })
        .await;
        self.count_messages();
        for trial in batch {
            let faces = self.faces.get(&trial.context);
            trial.flooded |= faces.is_some_and(|faces| faces.pictures.is_flood() || faces.titles.is_flood());
        }
        self.state() == "running"
    }

    /// Finds out which of several widgets the package has died of, by trying them one by one.
    async fn find_culprit(&mut self, batch: &[Trial<'a>], when: &str) {
        let restarted = |run: &Self| ["restarting", "failed"].contains(&run.state());
        // Its socket closes first; the reason is known a moment later.
        self.wait_until(AFTER_SOCKET, restarted).await;
        let why = self.end_reason();
        for Trial { context, .. } in batch {
            let context = context.clone();
            let _ = self.deck.hub.request(move |hub| hub.remove(&context)).await;
        }
        for Trial { widget, place, .. } in batch.iter().filter(|_| batch.len() > 1) {
            if !self.wait_until(self.timeouts.register, |run| ["running", "failed"].contains(&run.state())).await
                || self.state() == "failed"
            {
                break;
            }
            let Ok(context) = self.place_one(widget, (0, 0)).await else { continue };
            let mut trial = [Trial { widget, place: place.clone(), context, flooded: false }];
            for (step, when) in STEPS {
                if !self.take_step(step, &mut trial).await {
                    self.wait_until(AFTER_SOCKET, restarted).await;
                    let message = format!("ends the package {when}: {}", self.end_reason());
                    return self.add_finding(Severity::Error, "run-died", place, message, LOOK_AT_OUTPUT);
                }
            }
        }
        let message = match batch {
            [_] => format!("ends the package {when}: {why}"),
            _ => format!("ends the package {when}, with {} others at the same time: {why}", batch.len() - 1),
        };
        let place = batch.first().map_or("", |trial| &trial.place);
        self.add_finding(Severity::Error, "run-died", place, message, LOOK_AT_OUTPUT);
    }

    /// Loads each page of the package's views once, and checks whether it registers.
    async fn try_views(&mut self) {
        let config = self.config;
        let mut seen = BTreeSet::new();
        let mut free = FreeCells::default();
        let mut tried = Vec::new();
        let views = config.widgets.iter().enumerate().filter_map(|(n, widget)| {
            let path = widget.property_view_path.as_deref().filter(|path| !path.is_empty())?;
            Some((n, widget, path))
        });
        for (n, widget, path) in views.take(MAX_WIDGETS) {
            if tried.len() == MAX_VIEWS || !seen.insert(path) {
                continue;
            }
            let Some(cell) = free.take(first_size(widget)) else { break };
            let Ok(context) = self.place_one(widget, cell).await else { continue };
            tried.push((format!("Widgets[{n}].PropertyViewPath"), Target::Context(context.clone()), context));
        }
        if config.settings_path.as_deref().is_some_and(|path| seen.insert(path)) {
            let uuid = config.uuid.clone();
            tried.push(("SettingsPath".to_owned(), Target::Package(uuid.clone()), uuid));
        }
        if tried.is_empty() || !timeout(BROWSER_START, self.deck.hub.wait_for_unattended_page()).await.unwrap_or(false)
        {
            return;
        }
        let mark = self.deck.traffic.last();
        let mut waiting = Vec::new();
        for (place, target, context) in tried {
            if let Ok(view) = self.deck.hub.request(move |hub| hub.open_trial_view(target)).await {
                waiting.push((place, context, view));
            }
        }
        let views: Vec<String> = waiting.iter().map(|(.., view)| view.clone()).collect();
        let end = Instant::now() + VIEW_TIMEOUT;
        loop {
            let messages = self.deck.traffic.after(mark);
            // Every view receives this when it has registered.
            let has_registered = |context: &str| {
                messages.iter().any(|message| {
                    message.page
                        && message.event == "didReceiveWidgetSettings"
                        && message.context.as_deref() == Some(context)
                })
            };
            waiting.retain(|(_, context, _)| !has_registered(context));
            let last = messages.last().map_or(mark, |message| message.number);
            if waiting.is_empty() || timeout_at(end, self.deck.traffic.wait(last)).await.is_err() {
                break;
            }
        }
        for (place, ..) in waiting {
            let message = format!("names a page that didn't register within {} s", VIEW_TIMEOUT.as_secs());
            let remedy = "open the socket at the port that connectCreatorCentral gets, and send {\"event\": EVENT, \"uuid\": UUID} first";
            self.add_finding(Severity::Warning, "run-view", &place, message, remedy);
        }
        // Errors in scripts occur early.
        self.wait_until(self.timeouts.aftermath, |run| run.state() != "running").await;
        for view in views {
            let _ = self.deck.hub.request(move |hub| hub.close_view(&view)).await;
        }
    }

    /// Adds the errors in its pages.
    fn find_script_errors(&mut self) {
        for message in self.warnings(SCRIPT_FAILED) {
            let message = format!("has a script that fails: {message}");
            self.add_finding(Severity::Error, "run-error", "", message, "correct it, or catch what may fail");
        }
    }

    /// Adds the messages that the deck has ignored.
    fn find_ignored_messages(&mut self) {
        for message in self.warnings("Ignored: ") {
            let message = format!("sends a message that hosts ignore: {message}");
            self.add_finding(Severity::Warning, "run-message", "", message, "correct it, or leave it out");
        }
    }

    /// Returns the different warnings about the package with this prefix, without it.
    fn warnings(&self, beginning: &str) -> Vec<String> {
        let entries = self.deck.log.entries();
        let ours = entries
            .iter()
            .filter(|entry| entry.level == Level::Warn && entry.package.as_deref() == Some(&self.config.uuid));
        let different: BTreeSet<String> =
            ours.filter_map(|entry| entry.message.strip_prefix(beginning).map(str::to_owned)).collect();
        different.into_iter().take(MAX_LISTED).collect()
    }

    fn add_finding(
        &mut self,
        severity: Severity,
        rule: &'static str,
        member: &str,
        message: impl Into<String>,
        remedy: &str,
    ) {
        let file = if member.is_empty() { "" } else { FILE_NAME };
        let finding = Finding::of_file(severity, rule, file, message, remedy);
        self.findings.push(Finding { member: member.to_owned(), ..finding });
    }

    /// Compares what an instance shows with what it showed first.
    fn on_instance(&mut self, instance: &Value) {
        let Some(faces) = instance["context"].as_str().and_then(|context| self.faces.get_mut(context)) else { return };
        faces.changed |= ["icon", "title", "image"].iter().any(|layer| faces.first[layer] != instance[layer]);
    }

    /// Counts the messages since the last call. Events of pages can't be used: only the last of several waiting
    /// pictures is sent.
    fn count_messages(&mut self) {
        for message in self.deck.traffic.after(self.counted) {
            self.counted = message.number;
            let Some(faces) = message.context.as_ref().and_then(|context| self.faces.get_mut(context)) else {
                continue;
            };
            match message.event.as_str() {
                "changeImage" | "changeIcon" => faces.pictures.push(message.time),
                "changeTitle" => faces.titles.push(message.time),
                _ => {}
            }
        }
    }

    fn state(&self) -> &str {
        self.status["status"].as_str().unwrap_or_default()
    }

    fn message(&self) -> String {
        self.status["message"].as_str().unwrap_or("no reason is known").to_owned()
    }

    /// Returns the last line of its output.
    fn last_line(&self) -> Option<String> {
        // The deck's own lines about a package are in the log, too.
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

    /// Returns why it ended, and the last line of its output.
    fn end_reason(&self) -> String {
        let why = self.message();
        let why = why.split(" It starts again in").next().unwrap_or_default().trim_end_matches('.').to_owned();
        match self.last_line() {
            Some(line) => format!("{why}. Its last line was: {line}"),
            None => why,
        }
    }

    /// Processes events until `wanted` holds or the time is over. Returns whether it holds.
    async fn wait_until(&mut self, within: Duration, wanted: impl Fn(&Self) -> bool) -> bool {
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
                    self.on_instance(&event["instance"]);
                    continue;
                }
                _ => continue,
            };
            let ours = packages.as_array().into_iter().flatten().find(|package| package["uuid"] == *self.config.uuid);
            self.status = ours.cloned().unwrap_or_default();
        }
    }
}

/// Returns the columns and rows of a widget's first layout.
fn first_size(widget: &Widget) -> (u8, u8) {
    widget.layouts().first().map_or((1, 1), |layout| (layout.width, layout.height))
}

/// The free cells of a Panel.
#[derive(Default)]
struct FreeCells([[bool; COLUMNS as usize]; ROWS as usize]);

impl FreeCells {
    /// Takes the first free place of a size. Returns its column and row.
    fn take(&mut self, (width, height): (u8, u8)) -> Option<(u8, u8)> {
        let columns = 0..=COLUMNS.checked_sub(width)?;
        let rows = 0..=ROWS.checked_sub(height)?;
        let cells = |column: u8, row: u8| {
            (row..row + height).flat_map(move |row| (column..column + width).map(move |column| (column, row)))
        };
        let mut places = rows.flat_map(|row| columns.clone().map(move |column| (column, row)));
        let free = places.find(|(column, row)| {
            cells(*column, *row).all(|(column, row)| !self.0[usize::from(row)][usize::from(column)])
        })?;
        cells(free.0, free.1).for_each(|(column, row)| self.0[usize::from(row)][usize::from(column)] = true);
        Some(free)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn free_cells_are_taken_until_the_panel_is_full() {
        let mut free = FreeCells::default();
        assert_eq!(
            [free.take((3, 2)), free.take((3, 2)), free.take((1, 1))],
            [Some((0, 0)), Some((0, 2)), Some((3, 0))]
        );
        assert_eq!((free.take((5, 4)), free.take((6, 1)), free.take((2, 4))), (None, None, None));
        assert_eq!((0..20).filter(|_| free.take((1, 1)).is_some()).count(), 20 - 6 - 6 - 1);
    }

    #[test]
    fn ordinary_animation_is_no_flood() {
        let rate = |milliseconds: u64| {
            let mut recent = Recent::default();
            (0..500).for_each(|n| recent.push(n * milliseconds));
            recent.is_flood()
        };
        assert_eq!([rate(62), rate(33), rate(20), rate(15), rate(5)], [false, false, false, true, true]);
        // Half a second that arrived late, all at once.
        let mut late = Recent::default();
        (0..40).for_each(|n| late.push(if n < 15 { 500 } else { n * 33 }));
        assert!(!late.is_flood());
    }
}
