//! Multi-action keys: keys of the deck's own that do one thing after another. A step that presses a widget has an instance of it,
//! with a context and settings of its own; it lies in the key's list instead of on the Panel, and its package hears of it as of any
//! other key that is visible while the multi-action key is.

use std::collections::BTreeSet;
use std::time::Duration;

use host_sdk::manifest::{PackageConfig, State, Widget};
use serde::Deserialize;
use tokio::time::Instant;

use super::history::{Edit, Step};
use super::profiles::ProfileChange;
use super::{Hub, Phase};
use crate::error::DeckError;
use crate::package::{Package, web_address};
use crate::page::{self, Status};
use crate::random_id;
use crate::state::{self, Instance, Placed};

/// The UUID of the deck's own widgets. No package can have it: a colon is no part of one.
pub(super) const OWN: &str = "creator-deck:own";
/// The multi-action key among them.
const MULTI_ACTION: &str = "creator-deck:multi-action";
/// Its picture, one of the page's files.
const PICTURE: &str = "multi-action.svg";
/// Steps of a key.
const MOST_STEPS: usize = 64;
/// The longest pause.
const LONGEST_PAUSE: Duration = Duration::from_secs(600);
/// Characters of an address.
const LONGEST_ADDRESS: usize = 8192;
/// Multi-action keys that can be under way at a time.
const MOST_RUNS: usize = 16;

/// A step as the page and scripts name it: of a widget that isn't in the list yet, the widget.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum WantedStep {
    /// Presses a widget that is in the list.
    Press(String),
    /// Puts a widget of this UUID into the list and presses it.
    Widget(String),
    /// Waits, for milliseconds.
    Pause(u32),
    /// Shows the profile of this id.
    Profile(String),
    /// Opens an address of the web.
    Url(String),
}

/// A multi-action key that is under way.
#[derive(Debug)]
pub(super) struct Run {
    context: String,
    /// What is still to be done, the next one last.
    steps: Vec<state::Step>,
    /// When it is to be done.
    due: Instant,
}

/// What the deck itself offers in the Widget List.
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
    /// Gives a multi-action key another list. Widgets that are new in it get an instance; those that it had and doesn't name go.
    pub(crate) fn set_steps(&mut self, context: &str, wanted: Vec<WantedStep>) -> Result<page::Instance, DeckError> {
        let before = self.shown_instance(context)?.placed.clone();
        if before.widget != MULTI_ACTION {
            return Err(DeckError::conflict("This key has no list of steps. Place a multi-action key for that."));
        }
        if wanted.len() > MOST_STEPS {
            return Err(DeckError::conflict(format!("A multi-action key has at most {MOST_STEPS} steps.")));
        }
        let (mut steps, mut new) = (Vec::new(), Vec::new());
        let mut pressed = BTreeSet::new();
        let mut gone = self.family(context);
        gone.retain(|placed| placed.parent.is_some());
        for step in wanted {
            steps.push(match step {
                WantedStep::Press(context) => {
                    let is_in_list = gone.iter().any(|placed| placed.context == context);
                    if !is_in_list || !pressed.insert(context.clone()) {
                        return Err(DeckError::not_found("The list has no such widget, or has it twice."));
                    }
                    state::Step::Press(context)
                }
                WantedStep::Widget(widget) => {
                    let placed = self.listed_widget(&before, &widget)?;
                    let context = placed.context.clone();
                    new.push(placed);
                    state::Step::Press(context)
                }
                WantedStep::Pause(milliseconds) => {
                    if Duration::from_millis(milliseconds.into()) > LONGEST_PAUSE {
                        let most = LONGEST_PAUSE.as_secs();
                        return Err(DeckError::conflict(format!("A pause takes at most {most} seconds.")));
                    }
                    state::Step::Pause(milliseconds)
                }
                WantedStep::Profile(id) => state::Step::Profile(self.listed(&id)?.1.id),
                WantedStep::Url(address) => {
                    if address.len() > LONGEST_ADDRESS || web_address(&address).is_none() {
                        let why = "An address begins with https:// or http:// and has no user's name in it.";
                        return Err(DeckError::conflict(why));
                    }
                    state::Step::Url(address)
                }
            });
        }
        gone.retain(|placed| !pressed.contains(&placed.context));
        let after = Placed { steps, ..before.clone() };
        if after.steps != before.steps {
            let mut edits: Vec<_> =
                new.into_iter().map(|placed| Edit::Instance(None, Some(Box::new(placed)))).collect();
            edits.push(Edit::Instance(Some(Box::new(before)), Some(Box::new(after))));
            edits.extend(gone.into_iter().map(|placed| Edit::Instance(Some(Box::new(placed)), None)));
            let shown = self.place_shown();
            self.commit(Step { name: "steps", edits, before: shown.clone(), after: shown });
        }
        self.view_of(context)
    }

    /// A widget for the list of a key.
    fn listed_widget(&self, key: &Placed, widget: &str) -> Result<Placed, DeckError> {
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

    /// A key was triggered: one of several actions begins with the first of them, unless it is under way.
    pub(super) fn run_steps(&mut self, context: &str) {
        let Some(placed) = self.panel.get(context).map(|instance| &instance.placed) else { return };
        if placed.widget != MULTI_ACTION || placed.steps.is_empty() || self.is_running(context) {
            return;
        }
        if self.runs.len() >= MOST_RUNS {
            self.log.warn(None, "Too many multi-action keys are under way. Wait until one has ended.");
            return;
        }
        let mut steps = placed.steps.clone();
        steps.reverse();
        self.runs.push(Run { context: context.to_owned(), steps, due: Instant::now() });
        self.go_on();
    }

    /// Whether a multi-action key is under way.
    pub(super) fn is_running(&self, context: &str) -> bool {
        self.runs.iter().any(|run| run.context == context)
    }

    /// When the next step of any of them is due.
    pub(super) fn next_step(&self) -> Option<Instant> {
        self.runs.iter().map(|run| run.due).min()
    }

    /// Does the steps that are due.
    pub(super) fn go_on(&mut self) {
        let now = Instant::now();
        while let Some(position) = self.runs.iter().position(|run| run.due <= now) {
            let run = &mut self.runs[position];
            let context = run.context.clone();
            match run.steps.pop() {
                None => self.end_run(&context),
                Some(state::Step::Pause(milliseconds)) => run.due = now + Duration::from_millis(milliseconds.into()),
                Some(step) => self.do_step(step),
            }
        }
    }

    fn do_step(&mut self, step: state::Step) {
        let done = match step {
            state::Step::Press(context) => self.press(&context, Phase::Tap),
            state::Step::Profile(id) => self.change_profile(ProfileChange::Activate(id)).map(drop),
            state::Step::Url(address) => {
                self.open_url(OWN, &address);
                Ok(())
            }
            state::Step::Pause(_) | state::Step::Other(_) => Ok(()),
        };
        // Its package, or the profile, may be gone: the other steps are done all the same.
        if let Err(error) = done {
            self.log.warn(None, format!("A step of a multi-action key can't be done. {error}"));
        }
    }

    /// What a run has kept visible is so no more, unless it is seen.
    fn end_run(&mut self, context: &str) {
        let before = self.seen();
        self.runs.retain(|run| run.context != context);
        self.settle(&before, &[]);
    }

    /// Ends those whose key is no more, and all of them when the device sleeps.
    pub(super) fn end_lost_runs(&mut self) {
        if self.runs.is_empty() {
            return;
        }
        let before = self.seen();
        let (panel, asleep) = (&self.panel, self.asleep);
        self.runs.retain(|run| !asleep && panel.get(&run.context).is_some());
        self.settle(&before, &[]);
    }
}
