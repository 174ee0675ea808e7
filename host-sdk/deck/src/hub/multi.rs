//! Multi-action keys: keys of the deck's own that perform several steps. A step that presses a widget has an instance
//! of it, with its own context and settings, in the key's list instead of on the Panel. For its package it is like any
//! other key, and visible while the multi-action key is.

use std::collections::BTreeSet;
use std::time::Duration;

use host_sdk::manifest::{PackageConfig, State, Widget};
use serde::Deserialize;
use tokio::time::Instant;

use super::history::Edit;
use super::profiles::ProfileChange;
use super::{Hub, Phase};
use crate::error::DeckError;
use crate::links;
use crate::package::{Package, web_address};
use crate::page::{self, Status};
use crate::random_id;
use crate::state::{self, Instance, Placed};

/// The UUID of the package of the deck's own widgets. No other package can have it: UUIDs have no colon.
pub(super) const OWN: &str = "creator-deck:own";
/// The UUID of the multi-action widget.
const MULTI_ACTION: &str = "creator-deck:multi-action";
/// Its picture, one of the page's files.
const PICTURE: &str = "multi-action.svg";
/// Steps of a key.
const MAX_STEPS: usize = 64;
/// The longest pause.
const MAX_PAUSE: Duration = Duration::from_secs(600);
/// Multi-action keys that may run at a time.
const MAX_RUNS: usize = 16;

/// A step as the page and scripts name it.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum WantedStep {
    /// Presses a widget that is in the list, by its context.
    Press(String),
    /// Adds a widget, by its UUID, to the list and presses it.
    Widget(String),
    /// Waits for this many milliseconds.
    Pause(u32),
    /// Shows the profile with this id.
    Profile(String),
    /// Opens an address of the web.
    Url(String),
}

/// A multi-action key that is running.
#[derive(Debug)]
pub(super) struct Run {
    context: String,
    /// The remaining steps, the next one last.
    steps: Vec<state::Step>,
    /// When the next one is due.
    due: Instant,
}

/// Returns the package of the deck's own widgets.
pub(super) fn own_package() -> Package {
    let multi_action = Widget {
        name: "Multi-action".to_owned(),
        uuid: MULTI_ACTION.to_owned(),
        icon: PICTURE.to_owned(),
        tooltip: Some("Does several things, one after another".to_owned()),
        multi_action_supported: Some(false),
        states: vec![State { image: PICTURE.to_owned(), ..State::default() }],
        ..Widget::default()
    };
    let config = PackageConfig {
        name: "Creator Deck".to_owned(),
        description: "What comes with Creator Deck".to_owned(),
        uuid: OWN.to_owned(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        widgets: vec![multi_action],
        ..PackageConfig::default()
    };
    let mut package = Package::without_folder(config);
    package.status = Status::Running;
    package
}

impl Hub {
    /// Replaces the list of a multi-action key. New widgets get an instance; instances that aren't named any more are
    /// removed.
    pub(crate) fn set_steps(&mut self, context: &str, wanted: Vec<WantedStep>) -> Result<page::Instance, DeckError> {
        let before = self.shown_instance(context)?.placed.clone();
        if before.widget != MULTI_ACTION {
            return Err(DeckError::conflict("This key has no list of steps. Place a multi-action key for that."));
        }
        if wanted.len() > MAX_STEPS {
            return Err(DeckError::conflict(format!("A multi-action key has at most {MAX_STEPS} steps.")));
        }
        let (mut steps, mut new) = (Vec::new(), Vec::new());
        let mut pressed = BTreeSet::new();
        let mut obsolete = self.key_with_list(context);
        obsolete.retain(|placed| placed.parent.is_some());
        for step in wanted {
            steps.push(match step {
                WantedStep::Press(context) => {
                    let is_in_list = obsolete.iter().any(|placed| placed.context == context);
                    if !is_in_list || !pressed.insert(context.clone()) {
                        return Err(DeckError::not_found("The list has no such widget, or has it twice."));
                    }
                    state::Step::Press(context)
                }
                WantedStep::Widget(widget) => {
                    let placed = self.new_step_instance(&before, &widget)?;
                    let context = placed.context.clone();
                    new.push(placed);
                    state::Step::Press(context)
                }
                WantedStep::Pause(milliseconds) => {
                    if Duration::from_millis(milliseconds.into()) > MAX_PAUSE {
                        let most = MAX_PAUSE.as_secs();
                        return Err(DeckError::conflict(format!("A pause takes at most {most} seconds.")));
                    }
                    state::Step::Pause(milliseconds)
                }
                WantedStep::Profile(id) => state::Step::Profile(self.find_profile(&id)?.1.id),
                WantedStep::Url(address) => {
                    if address.len() > links::MAX_LEN || web_address(&address).is_none() {
                        let why = "An address begins with https:// or http:// and has no user's name in it.";
                        return Err(DeckError::conflict(why));
                    }
                    state::Step::Url(address)
                }
            });
        }
        obsolete.retain(|placed| !pressed.contains(&placed.context));
        let after = Placed { steps, ..before.clone() };
        if after.steps != before.steps {
            let added = new.into_iter().map(Edit::add);
            let removed = obsolete.into_iter().map(Edit::remove);
            self.commit_edits("steps", added.chain([Edit::change(before, after)]).chain(removed).collect());
        }
        self.view_of(context)
    }

    /// Returns a new instance of a widget for the list of a key.
    fn new_step_instance(&self, key: &Placed, widget: &str) -> Result<Placed, DeckError> {
        let owner = self.packages.iter().find(|package| package.config.widget(widget).is_some());
        let declared = owner.and_then(|package| Some((package, package.config.widget(widget)?)));
        let Some((package, declared)) = declared else {
            return Err(DeckError::NoSuch("widget"));
        };
        if !declared.multi_action_supported.unwrap_or(true) {
            let why = format!("{} can't be a step: its package doesn't allow it.", declared.name);
            return Err(DeckError::conflict(why));
        }
        let placed = Placed {
            context: random_id(),
            package: package.config.uuid.clone(),
            widget: widget.to_owned(),
            profile: key.profile.clone(),
            page: key.page,
            area: key.area,
            column: key.column,
            row: key.row,
            parent: Some(key.context.clone()),
            ..Placed::default()
        };
        Instance::new(placed.clone(), declared).map(|_| placed).ok_or_else(super::panel::no_layout)
    }

    /// Starts a multi-action key that was triggered, unless it is running.
    pub(super) fn run_steps(&mut self, context: &str) {
        let Some(placed) = self.panel.get(context).map(|instance| &instance.placed) else { return };
        if placed.widget != MULTI_ACTION || placed.steps.is_empty() || self.is_running(context) {
            return;
        }
        if self.runs.len() >= MAX_RUNS {
            self.log.warn(None, "Too many multi-action keys are under way. Wait until one has ended.");
            return;
        }
        let mut steps = placed.steps.clone();
        steps.reverse();
        self.runs.push(Run { context: context.to_owned(), steps, due: Instant::now() });
        self.run_due_steps();
    }

    /// Whether a multi-action key is running.
    pub(super) fn is_running(&self, context: &str) -> bool {
        self.runs.iter().any(|run| run.context == context)
    }

    /// Returns when the next step of any key is due.
    pub(super) fn next_step_due(&self) -> Option<Instant> {
        self.runs.iter().map(|run| run.due).min()
    }

    /// Runs the steps that are due.
    pub(super) fn run_due_steps(&mut self) {
        let now = Instant::now();
        while let Some(position) = self.runs.iter().position(|run| run.due <= now) {
            let run = &mut self.runs[position];
            let context = run.context.clone();
            match run.steps.pop() {
                None => self.end_run(&context),
                Some(state::Step::Pause(milliseconds)) => run.due = now + Duration::from_millis(milliseconds.into()),
                Some(step) => self.run_step(step),
            }
        }
    }

    fn run_step(&mut self, step: state::Step) {
        let done = match step {
            state::Step::Press(context) => self.press(&context, Phase::Tap),
            state::Step::Profile(id) => self.change_profile(ProfileChange::Activate(id)).map(drop),
            state::Step::Url(address) => {
                self.open_url(OWN, &address);
                Ok(())
            }
            state::Step::Pause(_) | state::Step::Other(_) => Ok(()),
        };
        // The package or profile may be gone; the other steps still run.
        if let Err(error) = done {
            self.log.warn(None, format!("A step of a multi-action key can't be done. {error}"));
        }
    }

    /// Ends a run. Instances that were only visible because of it disappear.
    fn end_run(&mut self, context: &str) {
        let before = self.visibility();
        self.runs.retain(|run| run.context != context);
        self.announce_changes(&before, &[]);
    }

    /// Ends the runs of keys that were removed, and all of them when the device sleeps.
    pub(super) fn end_orphaned_runs(&mut self) {
        if self.runs.is_empty() {
            return;
        }
        let before = self.visibility();
        let (panel, asleep) = (&self.panel, self.asleep);
        self.runs.retain(|run| !asleep && panel.get(&run.context).is_some());
        self.announce_changes(&before, &[]);
    }
}
