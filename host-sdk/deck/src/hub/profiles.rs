//! Which instances are visible: hotkey profiles, pages, sleep and wake-up. Packages are only told the difference: which
//! instances disappear and which appear.

use host_sdk::protocol::{FromHost, Layout};
use serde::Deserialize;
use serde_json::{Map, Value};

use super::clipboard::with_new_contexts;
use super::history::{Edit, ShownPage, Step};
use super::{DEFAULT_LANGUAGE, Hub, set_language};
use crate::error::DeckError;
use crate::page::{self, Deck, Event};
use crate::preferences::PreferenceError;
use crate::random_id;
use crate::state::{Area, Instance, PAGES, Placed, Profile};

/// Profiles at a time.
pub(super) const MAX_PROFILES: usize = 64;
/// Characters of a profile's name.
pub(super) const MAX_NAME_LEN: usize = 60;

/// A change of the profiles.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ProfileChange {
    /// Create one and show it.
    Create(NewProfile),
    /// Rename the one with this id.
    Rename(String, String),
    /// Delete the one with this id and everything in it.
    Delete(String),
    /// Show the one with this id.
    Activate(String),
}

/// A profile to create.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct NewProfile {
    /// Its name: 1 to 60 characters.
    pub name: String,
    /// The id of the profile to copy; none for an empty one.
    #[serde(default)]
    pub copy_of: Option<String>,
}

/// The instances that are visible at one moment.
#[derive(Debug, Default)]
pub(super) struct Visibility {
    /// Visible to packages.
    visible: Vec<Visible>,
    /// Shown by pages: the same, but also while the device sleeps.
    shown: Vec<String>,
}

#[derive(Debug)]
struct Visible {
    context: String,
    package: String,
    widget: String,
    state: Option<u32>,
    layout: Layout,
}

impl Visible {
    fn new(instance: &Instance) -> Self {
        Self {
            context: instance.placed.context.clone(),
            package: instance.placed.package.clone(),
            widget: instance.placed.widget.clone(),
            state: instance.wire_state(),
            layout: instance.wire_layout(),
        }
    }

    fn is_in(&self, others: &[Self]) -> bool {
        others.iter().any(|other| other.context == self.context && other.layout == self.layout)
    }
}

impl Hub {
    /// Whether an instance is visible to its package.
    pub(super) fn is_visible(&self, instance: &Instance) -> bool {
        // The widgets of a running multi-action key are visible until it is done, even if it has switched the profile.
        let is_pressed = || instance.placed.parent.as_ref().is_some_and(|parent| self.is_running(parent));
        !self.asleep && instance.missing.is_none() && (self.panel.is_shown(&instance.placed) || is_pressed())
    }

    /// Returns which instances are visible now.
    pub(super) fn visibility(&self) -> Visibility {
        Visibility {
            visible: self.panel.iter().filter(|instance| self.is_visible(instance)).map(Visible::new).collect(),
            shown: self.panel.shown().map(|instance| instance.placed.context.clone()).collect(),
        }
    }

    /// Tells packages and pages which instances have become visible or invisible since `before`. `edited` are instances
    /// that look different.
    pub(super) fn announce_changes(&mut self, before: &Visibility, edited: &[String]) {
        let now = self.visibility();
        for context in before.shown.iter().filter(|context| !now.shown.contains(context)) {
            self.close_views_of(context);
            self.notify_pages(&Event::InstanceRemoved { context: context.clone() });
        }
        for gone in before.visible.iter().filter(|old| !old.is_in(&now.visible)) {
            let (widget, context, state) = (gone.widget.clone(), gone.context.clone(), gone.state);
            // The finger will be lifted from another key.
            if self.pressed.remove(&context).is_some() {
                let up = FromHost::ActionUp { widget: widget.clone(), context: context.clone(), state };
                self.notify_package(&gone.package, &up);
            }
            self.notify_package(
                &gone.package,
                &FromHost::WidgetWillDisappear { widget, context, state, layout: Some(gone.layout) },
            );
        }
        for context in &now.shown {
            if !before.shown.contains(context) || edited.contains(context) {
                self.send_instance(context);
            }
        }
        for new in now.visible.iter().filter(|new| !new.is_in(&before.visible)) {
            self.announce_instance(&new.context);
        }
    }

    /// Puts the device to sleep, or wakes it up. Not saved: a deck starts awake.
    pub(crate) fn sleep(&mut self, asleep: bool) {
        let before = self.visibility();
        self.asleep = asleep;
        self.announce_changes(&before, &[]);
    }

    /// Changes the profiles. Returns the profile concerned.
    pub(crate) fn change_profile(&mut self, change: ProfileChange) -> Result<Profile, DeckError> {
        match change {
            ProfileChange::Create(new) => self.create_profile(new),
            ProfileChange::Rename(id, name) => {
                let name = checked_name(&name)?;
                let (position, old) = self.find_profile(&id)?;
                let new = Profile { name, ..old.clone() };
                if new != old {
                    let edits = vec![Edit::Profile(Some((position, old)), Some((position, new.clone())))];
                    self.commit_edits("renameProfile", edits);
                }
                Ok(new)
            }
            ProfileChange::Delete(id) => self.delete_profile(&id),
            ProfileChange::Activate(id) => {
                let (_, profile) = self.find_profile(&id)?;
                let before = self.visibility();
                self.panel.active = id;
                self.changed = true;
                self.announce_changes(&before, &[]);
                Ok(profile)
            }
        }
    }

    fn create_profile(&mut self, new: NewProfile) -> Result<Profile, DeckError> {
        let profile = Profile { id: random_id(), name: checked_name(&new.name)?, ..Profile::default() };
        let count = self.panel.profiles.len();
        if count >= MAX_PROFILES {
            return Err(DeckError::conflict(format!("There are {MAX_PROFILES} profiles already. Delete one first.")));
        }
        let (name, position) = match &new.copy_of {
            None => ("createProfile", count),
            Some(id) => ("copyProfile", self.find_profile(id)?.0 + 1),
        };
        let mut edits = vec![Edit::Profile(None, Some((position, profile.clone())))];
        let copied = new.copy_of.iter().flat_map(|id| self.placed_in_profile(id));
        let copies = copied.map(|placed| Placed { profile: profile.id.clone(), ..placed });
        edits.extend(with_new_contexts(copies.collect()).into_iter().map(Edit::add));
        let after = ShownPage { profile: profile.id.clone(), page: 0 };
        self.commit(Step { name, edits, before: self.shown_page(), after });
        Ok(profile)
    }

    fn delete_profile(&mut self, id: &str) -> Result<Profile, DeckError> {
        let (position, profile) = self.find_profile(id)?;
        if self.panel.profiles.len() == 1 {
            return Err(DeckError::conflict("The last profile stays. Make another one first."));
        }
        let shown = self.shown_page();
        let neighbour = &self.panel.profiles[if position == 0 { 1 } else { position - 1 }];
        let after = match shown.profile == id {
            true => ShownPage { profile: neighbour.id.clone(), page: neighbour.page },
            false => shown.clone(),
        };
        let instances = self.placed_in_profile(id).into_iter().map(Edit::remove);
        let edits = instances.chain([Edit::Profile(Some((position, profile.clone())), None)]).collect();
        self.commit(Step { name: "deleteProfile", edits, before: shown, after });
        Ok(profile)
    }

    pub(super) fn find_profile(&self, id: &str) -> Result<(usize, Profile), DeckError> {
        let position = self.panel.profiles.iter().position(|profile| profile.id == id);
        let position = position.ok_or_else(|| DeckError::NoSuch("profile"))?;
        Ok((position, self.panel.profiles[position].clone()))
    }

    /// Returns the instances in a profile, including those that wait for their package.
    pub(super) fn placed_in_profile(&self, id: &str) -> Vec<Placed> {
        self.all_placed().filter(|placed| placed.profile == id).cloned().collect()
    }

    /// Returns the profile and the page that are shown.
    pub(super) fn shown_page(&self) -> ShownPage {
        ShownPage { profile: self.panel.active.clone(), page: self.panel.page() }
    }

    /// Shows a page of the grid in the current profile.
    pub(crate) fn show_page(&mut self, page: u8) -> Result<(), DeckError> {
        if page >= PAGES {
            return Err(DeckError::not_found(format!("There are {PAGES} pages.")));
        }
        let before = self.visibility();
        let active = self.panel.active.clone();
        self.show(&ShownPage { profile: active, page });
        self.changed = true;
        self.announce_changes(&before, &[]);
        Ok(())
    }

    /// Shows a profile, if it exists, and a page of it. The caller announces the difference.
    pub(super) fn show(&mut self, place: &ShownPage) {
        if let Some(profile) = self.panel.profiles.iter_mut().find(|profile| profile.id == place.profile) {
            profile.page = place.page;
            self.panel.active.clone_from(&place.profile);
        }
    }

    /// Changes preferences of the deck itself.
    pub(crate) fn change_preferences(&mut self, change: Map<String, Value>) -> Result<(), PreferenceError> {
        self.changed |= self.preferences.change(change)?;
        let language = self.preferences.language();
        if !self.is_language_fixed {
            set_language(&mut self.info, language.as_deref().unwrap_or(DEFAULT_LANGUAGE));
        }
        Ok(())
    }

    /// Counts the keys on each page of the current profile.
    fn pages(&self) -> Vec<usize> {
        let mut pages = vec![0; PAGES.into()];
        let on_grid = |placed: &&Placed| {
            placed.profile == self.panel.active && placed.area == Area::Grid && placed.parent.is_none()
        };
        for placed in self.panel.iter().map(|instance| &instance.placed).filter(on_grid) {
            pages[usize::from(placed.page.min(PAGES - 1))] += 1;
        }
        pages
    }

    /// Returns why the state can't be written, if it can't, in sentences.
    fn save_error(&self) -> Option<String> {
        self.store.progress.borrow().last_error.as_ref().map(ToString::to_string)
    }

    /// Returns the device as pages see it.
    pub(super) fn deck(&self) -> Deck {
        let (undo, redo) = self.history.next();
        Deck {
            profiles: self.panel.profiles.iter().map(page::Profile::of).collect(),
            active: self.panel.active.clone(),
            page: self.panel.page(),
            pages: self.pages(),
            asleep: self.asleep,
            undo,
            redo,
            revision: self.history.revision,
            clipboard: self.clipboard_view(),
            starter: self.offered_starter(),
            preferences: self.preferences.choices(),
            language: self.info.language().to_owned(),
            is_language_fixed: self.is_language_fixed,
            notice: self.save_error().or_else(|| self.notice.clone()),
        }
    }
}

pub(super) fn checked_name(name: &str) -> Result<String, DeckError> {
    let name = name.trim();
    if name.is_empty() || name.chars().count() > MAX_NAME_LEN || name.chars().any(char::is_control) {
        return Err(DeckError::conflict(format!("A profile's name has 1 to {MAX_NAME_LEN} characters.")));
    }
    Ok(name.to_owned())
}
