//! Copies, cuts, pastes and duplicates keys, also to other profiles and pages. A copy has the look, the settings and,
//! for a multi-action key, the list of its original. A key that was cut stays where it is until it is pasted, which
//! moves it.

use std::collections::HashMap;

use serde::Deserialize;

use super::history::Edit;
use super::{Cell, Hub};
use crate::error::DeckError;
use crate::page;
use crate::random_id;
use crate::state::{self, Area, PAGES, Placed, Span};

/// A key to paste.
#[derive(Clone, Debug)]
pub struct Clipboard {
    /// The key and the keys in its list, as they were when copied.
    key: Vec<Placed>,
    /// Whether the key itself is to be moved.
    cut: bool,
}

/// Where a key goes. Members that are missing stay as they are, or are chosen by what is free.
#[derive(Clone, Debug, Default, Deserialize)]
pub struct Destination {
    /// The profile's id; the current profile by default.
    #[serde(default)]
    pub profile: Option<String>,
    /// The page of its grid; by default the page that it shows, else the first with enough space.
    #[serde(default)]
    pub page: Option<u8>,
    /// The cell; the nearest free one by default.
    #[serde(default, flatten)]
    pub cell: Option<Cell>,
}

impl Hub {
    /// Copies a key that is shown to the clipboard.
    pub(crate) fn copy_to_clipboard(&mut self, context: &str, cut: bool) -> Result<(), DeckError> {
        self.shown_key(context)?;
        self.clipboard = Some(Clipboard { key: self.key_with_list(context), cut });
        Ok(())
    }

    /// Pastes at the free place nearest to a cell of what is shown.
    pub(crate) fn paste(&mut self, cell: Cell) -> Result<page::Instance, DeckError> {
        let empty = || DeckError::conflict("There is nothing to paste. Copy a key first.");
        let Clipboard { key, cut } = self.clipboard.clone().ok_or_else(empty)?;
        let first = key.first().ok_or_else(empty)?;
        let context = first.context.clone();
        let near = self.span_of(first, self.panel.active.clone(), cell.area.page(self.panel.page()), cell);
        let is_there = cut && self.panel.get(&context).is_some();
        let except = is_there.then_some(context.as_str());
        let free = self.panel.nearest_free(&self.panel.active, near, except).ok_or_else(|| no_free_place(near))?;
        let profile = self.panel.active.clone();
        if is_there {
            self.clipboard = None;
            self.move_key(&context, &profile, free);
            return self.view_of(&context);
        }
        self.add_copy("paste", key, &profile, free)
    }

    /// Copies a key to a destination.
    pub(crate) fn copy_to(&mut self, context: &str, to: &Destination) -> Result<page::Instance, DeckError> {
        self.shown_key(context)?;
        let (profile, place) = self.destination(context, to, None)?;
        let name = if profile == self.panel.active { "duplicate" } else { "copy" };
        self.add_copy(name, self.key_with_list(context), &profile, place)
    }

    /// Moves a key to a destination.
    pub(crate) fn move_to(&mut self, context: &str, to: &Destination) -> Result<page::Instance, DeckError> {
        self.shown_key(context)?;
        let (profile, place) = self.destination(context, to, Some(context))?;
        self.move_key(context, &profile, place);
        self.view_of(context)
    }

    /// Resolves a destination to a profile and a free place. `except` doesn't count as taken.
    fn destination(&self, context: &str, to: &Destination, except: Option<&str>) -> Result<(String, Span), DeckError> {
        let instance = self.panel.get(context).ok_or(DeckError::NoSuch("instance"))?;
        let profile = match &to.profile {
            Some(id) => self.find_profile(id)?.1,
            None => self.panel.profile(&self.panel.active).cloned().unwrap_or_default(),
        };
        if to.page.is_some_and(|page| page >= PAGES) {
            return Err(DeckError::not_found(format!("There are {PAGES} pages.")));
        }
        let page = to.page.unwrap_or(profile.page);
        if let Some(cell) = to.cell {
            let span = self.span_of(&instance.placed, profile.id.clone(), cell.area.page(page), cell);
            self.check_fit(&profile.id, span, except)?;
            return Ok((profile.id, span));
        }
        let here = instance.span();
        // Naming a page for a function key moves it to the grid.
        let area = if to.page.is_some() { Area::Grid } else { here.area };
        let on_page = |page: u8| Span { page, area: Area::Grid, ..here };
        let first = Span { page: area.page(page), area, ..here };
        let others = (0..PAGES).filter(|_| to.page.is_none()).map(on_page);
        let mut tried = [first, on_page(page)].into_iter().chain(others);
        let free = tried.find_map(|span| self.panel.nearest_free(&profile.id, span, except));
        Ok((profile.id, free.ok_or_else(|| no_free_place(here))?))
    }

    /// Returns the cells that a key takes at a place.
    fn span_of(&self, placed: &Placed, profile: String, page: u8, cell: Cell) -> Span {
        let Cell { area, column, row } = cell;
        self.instance_of(Placed { profile, page, area, column, row, ..placed.clone() }).span()
    }

    /// Moves a key, with its list, to a free place.
    fn move_key(&mut self, context: &str, profile: &str, to: Span) {
        let Span { page, area, column, row, .. } = to;
        let edits: Vec<_> = self
            .key_with_list(context)
            .into_iter()
            .filter_map(|before| {
                let profile = profile.to_owned();
                let after = Placed { profile, page, area, column, row, ..before.clone() };
                (after != before).then(|| Edit::change(before, after))
            })
            .collect();
        if !edits.is_empty() {
            self.commit_edits("move", edits);
        }
    }

    fn add_copy(
        &mut self,
        name: &'static str,
        key: Vec<Placed>,
        profile: &str,
        to: Span,
    ) -> Result<page::Instance, DeckError> {
        let Span { page, area, column, row, .. } = to;
        let at_place = |placed| Placed { profile: profile.to_owned(), page, area, column, row, ..placed };
        let copies = with_new_contexts(key.into_iter().map(at_place).collect());
        let context = copies.first().map(|placed| placed.context.clone()).unwrap_or_default();
        self.commit_edits(name, copies.into_iter().map(Edit::add).collect());
        self.view_of(&context)
    }

    /// Returns a key and the keys in its list, including those that wait for their package.
    pub(super) fn key_with_list(&self, context: &str) -> Vec<Placed> {
        let key = self.all_placed().filter(|placed| placed.context == context);
        key.chain(self.all_placed().filter(|placed| placed.parent.as_deref() == Some(context))).cloned().collect()
    }

    /// Returns what pages show of the clipboard.
    pub(super) fn clipboard_view(&self) -> Option<page::Clipboard> {
        let Clipboard { key, cut } = self.clipboard.as_ref()?;
        Some(page::Clipboard { context: key.first()?.context.clone(), cut: *cut })
    }

    /// Clears the clipboard, or only if its key belongs to `package`.
    pub(crate) fn clear_clipboard(&mut self, package: Option<&str>) {
        let matches = |clipboard: &Clipboard| match package {
            Some(package) => clipboard.key.iter().any(|placed| placed.package == package),
            None => true,
        };
        if self.clipboard.as_ref().is_some_and(matches) {
            self.clipboard = None;
        }
    }
}

fn no_free_place(span: Span) -> DeckError {
    DeckError::conflict(match span.area {
        Area::Keys if (span.width, span.height) != (1, 1) => {
            "A function key takes a layout of 1 x 1. Choose a place on the grid.".to_owned()
        }
        _ => format!("There is no free place of {} x {} there. Remove or move a key.", span.width, span.height),
    })
}

/// Gives copies contexts of their own, and updates the references between them.
pub(super) fn with_new_contexts(mut placed: Vec<Placed>) -> Vec<Placed> {
    let named = placed.iter().filter(|placed| !placed.context.is_empty());
    let names: HashMap<String, String> = named.map(|placed| (placed.context.clone(), random_id())).collect();
    for placed in &mut placed {
        placed.context = names.get(&placed.context).cloned().unwrap_or_else(random_id);
        if let Some(parent) = placed.parent.as_mut() {
            *parent = names.get(parent.as_str()).cloned().unwrap_or_default();
        }
        for step in &mut placed.steps {
            if let state::Step::Press(context) = step {
                *context = names.get(context.as_str()).cloned().unwrap_or_default();
            }
        }
    }
    placed
}
