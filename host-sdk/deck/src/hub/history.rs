//! Undo and redo. A step is a list of edits, each with its before and after: doing, undoing and redoing apply it in one
//! direction or the other, so that everything that can be done can be undone. The steps end with the program.

use std::collections::VecDeque;

use super::Hub;
use crate::error::DeckError;
use crate::state::{Placed, Profile};

/// Steps that can be undone; older ones are forgotten.
const MAX_STEPS: usize = 200;

/// The direction through the history.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// Back to before a step.
    Undo,
    /// Back to after it.
    Redo,
}

/// A profile and its position among the tabs.
pub type PositionedProfile = (usize, Profile);

/// One difference that a step makes: before, then after. None where it doesn't exist.
#[derive(Clone, Debug)]
pub enum Edit {
    /// An instance is added, removed or changed. Boxed: it is many times as large as a profile.
    Instance(Option<Box<Placed>>, Option<Box<Placed>>),
    /// A profile is added, removed or renamed.
    Profile(Option<PositionedProfile>, Option<PositionedProfile>),
}

impl Edit {
    /// Adds an instance.
    pub fn add(placed: Placed) -> Self {
        Self::Instance(None, Some(Box::new(placed)))
    }

    /// Removes an instance.
    pub fn remove(placed: Placed) -> Self {
        Self::Instance(Some(Box::new(placed)), None)
    }

    /// Changes an instance.
    pub fn change(before: Placed, after: Placed) -> Self {
        Self::Instance(Some(Box::new(before)), Some(Box::new(after)))
    }
}

/// A change that the user made.
#[derive(Clone, Debug)]
pub struct Step {
    /// The name that the page translates: `place`, `move`, `remove`, `resize`, `title`, `font`, `icon`, `copy`,
    /// `duplicate`, `paste`, `steps`, `starter`, `createProfile`, `copyProfile`, `renameProfile`, `deleteProfile`,
    /// `importPanel`.
    pub name: &'static str,
    /// In the order in which they are applied; undone in reverse.
    pub edits: Vec<Edit>,
    /// The page that is shown when it is undone.
    pub before: ShownPage,
    /// The page that is shown when it is done.
    pub after: ShownPage,
}

/// A profile and a page of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ShownPage {
    /// The id of the profile.
    pub profile: String,
    /// The page of its grid.
    pub page: u8,
}

/// Steps that were done, and steps that were undone since.
#[derive(Debug, Default)]
pub struct History {
    done: VecDeque<Step>,
    undone: Vec<Step>,
    /// How often a step was done, undone or redone.
    pub revision: u64,
}

impl History {
    /// Returns the names of the steps that would be undone and redone.
    #[must_use]
    pub fn next(&self) -> (Option<&'static str>, Option<&'static str>) {
        (self.done.back().map(|step| step.name), self.undone.last().map(|step| step.name))
    }

    fn push(&mut self, mut step: Step) {
        // A title is sent while it is typed: all of it is one step.
        if let Some(last) = self.done.pop_back_if(|last| self.undone.is_empty() && is_same_title(last, &step)) {
            let first = last.edits.into_iter().next();
            if let (Some(Edit::Instance(older, _)), Some(Edit::Instance(before, _))) = (first, step.edits.first_mut()) {
                *before = older;
            }
        }
        self.undone.clear();
        self.done.push_back(step);
        if self.done.len() > MAX_STEPS {
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
    /// Does a step that doesn't switch the profile or page.
    pub(super) fn commit_edits(&mut self, name: &'static str, edits: Vec<Edit>) {
        let shown = self.shown_page();
        self.commit(Step { name, edits, before: shown.clone(), after: shown });
    }

    /// Does a step, which has to be possible, and keeps it for undo.
    pub(super) fn commit(&mut self, mut step: Step) {
        self.apply_step(&mut step, Direction::Redo);
        self.history.push(step);
    }

    /// Undoes or redoes a step. Returns its name.
    pub(crate) fn undo_or_redo(&mut self, direction: Direction) -> Result<&'static str, DeckError> {
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
        self.apply_step(&mut step, direction);
        let name = step.name;
        match direction {
            Direction::Undo => self.history.undone.push(step),
            Direction::Redo => self.history.done.push_back(step),
        }
        Ok(name)
    }

    fn apply_step(&mut self, step: &mut Step, direction: Direction) {
        let before = self.visibility();
        let mut edited = Vec::new();
        let shown = match direction {
            Direction::Redo => {
                step.edits.iter_mut().for_each(|edit| edited.extend(self.apply_edit(edit, direction)));
                &step.after
            }
            Direction::Undo => {
                step.edits.iter_mut().rev().for_each(|edit| edited.extend(self.apply_edit(edit, direction)));
                &step.before
            }
        };
        edited.extend(self.resolve_placeholders());
        self.show(shown);
        self.changed = true;
        self.history.revision += 1;
        self.announce_changes(&before, &edited);
    }

    /// Applies one edit. Returns the context of the instance that it changed.
    fn apply_edit(&mut self, edit: &mut Edit, direction: Direction) -> Option<String> {
        match edit {
            Edit::Profile(before, after) => {
                let (from, to) = in_direction(before, after, direction);
                match (from, to) {
                    (_, Some((position, profile))) => {
                        // Which page a profile shows isn't undone.
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
                let (from, to) = in_direction(before, after, direction);
                match (from, to) {
                    (None, Some(placed)) => {
                        self.insert_instance(placed);
                        Some(placed.context.clone())
                    }
                    (Some(placed), None) => {
                        // If it is added again, then with the settings that its package has stored meanwhile.
                        if let Some(now) = self.remove_instance(&placed.context) {
                            **placed = now;
                        }
                        None
                    }
                    (Some(_), Some(placed)) => {
                        self.change_instance(placed);
                        Some(placed.context.clone())
                    }
                    (None, None) => None,
                }
            }
        }
    }

    /// Puts an instance on the Panel, or keeps it until its place is free.
    fn insert_instance(&mut self, placed: &Placed) {
        let instance = self.instance_of(placed.clone());
        let is_missing = instance.missing.is_some();
        match self.panel.place(instance) {
            true => {}
            false if is_missing => self.absent.push(placed.clone()),
            false => self.log.warn(Some(&placed.package), "A key can't come back: its place is taken by now."),
        }
    }

    /// Removes an instance and closes its views.
    fn remove_instance(&mut self, context: &str) -> Option<Placed> {
        // Views first: the package receives their end while it still has the instance.
        self.close_views_of(context);
        let waiting = self.absent.iter().position(|placed| placed.context == context);
        match waiting {
            Some(position) => Some(self.absent.remove(position)),
            None => self.panel.remove(context).map(|instance| instance.placed),
        }
    }

    /// Applies the user's choices to an instance, and sends its package those that concern it.
    fn change_instance(&mut self, target: &Placed) {
        if let Some(placed) = self.absent.iter_mut().find(|placed| placed.context == target.context) {
            return placed.apply_user_choices(target);
        }
        let Some(instance) = self.panel.get(&target.context) else { return };
        let mut wanted = instance.clone();
        let is_possible = match self.widget_of(target) {
            Some(widget) if instance.missing.is_none() => wanted.apply_user_choices(target, widget),
            _ => {
                wanted.placed.apply_user_choices(target);
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
            self.send_titles(&target.context);
        }
        if old.font != target.font {
            self.send_font(&target.context);
        }
        if old.icons != target.icons {
            self.send_icons(&target.context);
        }
    }
}

fn in_direction<'a, T>(
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
        Step { name: "title", edits, before: ShownPage::default(), after: ShownPage::default() }
    }

    #[test]
    fn typed_title_is_one_step() {
        let mut history = History::default();
        history.push(titled("a", "", "x"));
        history.push(titled("a", "x", "xy"));
        history.push(titled("b", "", "z"));
        assert_eq!(history.done.len(), 2);
        let Edit::Instance(Some(before), Some(after)) = &history.done[0].edits[0] else { panic!("both") };
        assert_eq!((before.title.as_deref(), after.title.as_deref()), (Some(""), Some("xy")));
    }

    #[test]
    fn oldest_steps_are_forgotten() {
        let mut history = History::default();
        for n in 0..=MAX_STEPS {
            history.push(titled(&n.to_string(), "", "x"));
        }
        assert_eq!((history.done.len(), history.next()), (MAX_STEPS, (Some("title"), None)));
    }
}
