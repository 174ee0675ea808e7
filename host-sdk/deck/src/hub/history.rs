//! Undo and redo: what the user has done, as pairs of before and after. Doing, undoing and redoing are one and the same
//! thing in two directions, so that nothing can be done that can't be undone. The steps end with the program.

use std::collections::VecDeque;

use super::Hub;
use crate::error::DeckError;
use crate::state::{Placed, Profile};

/// Steps that can be undone; older ones are forgotten.
const MOST_STEPS: usize = 200;

/// Which way through the history.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// As it was before.
    Undo,
    /// As it was before that was undone.
    Redo,
}

/// A profile and its place in the strip.
pub type Listed = (usize, Profile);

/// One difference that a step makes. None means that it isn't there.
#[derive(Clone, Debug)]
pub enum Edit {
    /// An instance comes, goes or changes. Boxed: it is many times as large as a profile.
    Instance(Option<Box<Placed>>, Option<Box<Placed>>),
    /// A profile comes, goes or has another name.
    Profile(Option<Listed>, Option<Listed>),
}

/// One thing that the user did.
#[derive(Clone, Debug)]
pub struct Step {
    /// A word for it, which the page translates: `place`, `move`, `remove`, `resize`, `title`, `font`, `icon`, `copy`,
    /// `duplicate`, `paste`, `steps`, `starter`,
    /// `createProfile`, `copyProfile`, `renameProfile`, `deleteProfile`, `importPanel`.
    pub name: &'static str,
    /// In the order in which they are made; unmade in the opposite order.
    pub edits: Vec<Edit>,
    /// What is shown when it is undone.
    pub before: Shown,
    /// What is shown when it is done.
    pub after: Shown,
}

/// What of the Panel is shown.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Shown {
    /// The id of the profile.
    pub profile: String,
    /// The page of its grid.
    pub page: u8,
}

/// What was done, and what was undone since.
#[derive(Debug, Default)]
pub struct History {
    done: VecDeque<Step>,
    undone: Vec<Step>,
    /// How often something was done, undone or redone.
    pub revision: u64,
}

impl History {
    /// The names of what would be undone and of what would be redone.
    #[must_use]
    pub fn next(&self) -> (Option<&'static str>, Option<&'static str>) {
        (self.done.back().map(|step| step.name), self.undone.last().map(|step| step.name))
    }

    fn push(&mut self, mut step: Step) {
        // A title is sent while it is typed: one step for the whole of it.
        if let Some(last) = self.done.pop_back_if(|last| self.undone.is_empty() && is_same_title(last, &step)) {
            let first = last.edits.into_iter().next();
            if let (Some(Edit::Instance(older, _)), Some(Edit::Instance(before, _))) = (first, step.edits.first_mut()) {
                *before = older;
            }
        }
        self.undone.clear();
        self.done.push_back(step);
        if self.done.len() > MOST_STEPS {
            self.done.pop_front();
        }
    }
}

fn is_same_title(last: &Step, step: &Step) -> bool {
    let context = |step: &Step| match step.edits.first() {
        Some(Edit::Instance(_, Some(placed))) => Some(placed.context.clone()),
        _ => None,
    };
    last.name == "title" && step.name == "title" && context(last) == context(step)
}

impl Hub {
    /// A step about one instance.
    pub(super) fn commit_instance(&mut self, name: &'static str, before: Option<Placed>, after: Option<Placed>) {
        let shown = self.place_shown();
        let edits = vec![Edit::Instance(before.map(Box::new), after.map(Box::new))];
        self.commit(Step { name, edits, before: shown.clone(), after: shown });
    }

    /// Does a step, which was found possible, and keeps it for undo.
    pub(super) fn commit(&mut self, mut step: Step) {
        self.perform(&mut step, Direction::Redo);
        self.history.push(step);
    }

    /// Undoes or redoes a step. Returns its name.
    pub(crate) fn step(&mut self, direction: Direction) -> Result<&'static str, DeckError> {
        let step = match direction {
            Direction::Undo => self.history.done.pop_back(),
            Direction::Redo => self.history.undone.pop(),
        };
        let Some(mut step) = step else {
            return Err(DeckError::conflict(match direction {
                Direction::Undo => "There is nothing to undo.".to_owned(),
                Direction::Redo => "There is nothing to redo.".to_owned(),
            }));
        };
        self.perform(&mut step, direction);
        let name = step.name;
        match direction {
            Direction::Undo => self.history.undone.push(step),
            Direction::Redo => self.history.done.push_back(step),
        }
        Ok(name)
    }

    fn perform(&mut self, step: &mut Step, direction: Direction) {
        let before = self.seen();
        let mut edited = Vec::new();
        let shown = match direction {
            Direction::Redo => {
                step.edits.iter_mut().for_each(|edit| edited.extend(self.make(edit, direction)));
                &step.after
            }
            Direction::Undo => {
                step.edits.iter_mut().rev().for_each(|edit| edited.extend(self.make(edit, direction)));
                &step.before
            }
        };
        edited.extend(self.revive());
        self.show(shown);
        self.changed = true;
        self.history.revision += 1;
        self.settle(&before, &edited);
    }

    /// Makes one difference. Returns the instance that it is about.
    fn make(&mut self, edit: &mut Edit, direction: Direction) -> Option<String> {
        match edit {
            Edit::Profile(before, after) => {
                let (from, to) = oriented(before, after, direction);
                match (from, to) {
                    (_, Some((position, profile))) => {
                        // The page that is shown is no part of what is undone.
                        if let Some(now) = self.panel.profile(&profile.id) {
                            profile.page = now.page;
                        }
                        self.panel.profiles.retain(|other| other.id != profile.id);
                        let position = (*position).min(self.panel.profiles.len());
                        self.panel.profiles.insert(position, profile.clone());
                    }
                    (Some((_, profile)), None) => self.panel.profiles.retain(|other| other.id != profile.id),
                    (None, None) => {}
                }
                None
            }
            Edit::Instance(before, after) => {
                let (from, to) = oriented(before, after, direction);
                match (from, to) {
                    (None, Some(placed)) => {
                        self.put(placed);
                        Some(placed.context.clone())
                    }
                    (Some(placed), None) => {
                        // Should it come back, then with what its package has stored since.
                        if let Some(now) = self.take(&placed.context) {
                            **placed = now;
                        }
                        None
                    }
                    (Some(_), Some(placed)) => {
                        self.alter(placed);
                        Some(placed.context.clone())
                    }
                    (None, None) => None,
                }
            }
        }
    }

    /// Puts an instance on the Panel, or where it waits for its place.
    fn put(&mut self, placed: &Placed) {
        let instance = self.instance_of(placed.clone());
        let is_missing = instance.missing.is_some();
        match self.panel.place(instance) {
            true => {}
            false if is_missing => self.absent.push(placed.clone()),
            false => self.log.warn(Some(&placed.package), "A key can't come back: its place is taken by now."),
        }
    }

    /// Takes an instance off, with its views, wherever it is.
    fn take(&mut self, context: &str) -> Option<Placed> {
        // Views first, so that the package hears of their end while it still has the instance.
        self.close_views_of(context);
        let waiting = self.absent.iter().position(|placed| placed.context == context);
        match waiting {
            Some(position) => Some(self.absent.remove(position)),
            None => self.panel.remove(context).map(|instance| instance.placed),
        }
    }

    /// Gives an instance what the user decided, and tells its package of what it hears of.
    fn alter(&mut self, target: &Placed) {
        if let Some(placed) = self.absent.iter_mut().find(|placed| placed.context == target.context) {
            return placed.take_users_part(target);
        }
        let Some(instance) = self.panel.get(&target.context) else { return };
        let mut wanted = instance.clone();
        let is_possible = match self.package(&target.package).and_then(|package| package.config.widget(&target.widget))
        {
            Some(widget) if instance.missing.is_none() => wanted.take_users_part(target, widget),
            _ => {
                wanted.placed.take_users_part(target);
                wanted = self.instance_of(wanted.placed);
                true
            }
        };
        let fits = target.parent.is_some()
            || self.panel.is_free(&target.profile, wanted.span(), Some(target.context.as_str()));
        if !is_possible || !fits {
            return self.log.warn(Some(&target.package), "A key stays as it is: the place for it is taken by now.");
        }
        let old = instance.placed.clone();
        if let Some(instance) = self.panel.get_mut(&target.context) {
            *instance = wanted;
        }
        if old.title != target.title {
            self.tell_title(&target.context);
        }
        if old.font != target.font {
            self.tell_font(&target.context);
        }
        if old.icons != target.icons {
            self.tell_icons(&target.context);
        }
    }
}

fn oriented<'a, T>(
    before: &'a mut Option<T>,
    after: &'a mut Option<T>,
    direction: Direction,
) -> (Option<&'a mut T>, Option<&'a mut T>) {
    match direction {
        Direction::Redo => (before.as_mut(), after.as_mut()),
        Direction::Undo => (after.as_mut(), before.as_mut()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn titled(context: &str, before: &str, after: &str) -> Step {
        let placed = |title: &str| {
            Some(Box::new(Placed { context: context.into(), title: Some(title.into()), ..Placed::default() }))
        };
        let edits = vec![Edit::Instance(placed(before), placed(after))];
        Step { name: "title", edits, before: Shown::default(), after: Shown::default() }
    }

    #[test]
    fn a_title_is_one_step_however_slowly_it_is_typed() {
        let mut history = History::default();
        history.push(titled("a", "", "x"));
        history.push(titled("a", "x", "xy"));
        history.push(titled("b", "", "z"));
        assert_eq!(history.done.len(), 2);
        let Edit::Instance(Some(before), Some(after)) = &history.done[0].edits[0] else { panic!("both") };
        assert_eq!((before.title.as_deref(), after.title.as_deref()), (Some(""), Some("xy")));
    }

    #[test]
    fn the_oldest_steps_are_forgotten() {
        let mut history = History::default();
        for n in 0..=MOST_STEPS {
            history.push(titled(&n.to_string(), "", "x"));
        }
        assert_eq!((history.done.len(), history.next()), (MOST_STEPS, (Some("title"), None)));
    }
}
