//! Copy, cut, paste and duplicate of keys, within what is shown and to other profiles and pages. A copy has all that its original
//! has: look, settings, and, of a multi-action key, its list. What is cut stays where it is until it is pasted, which moves it.

use std::collections::HashMap;

use serde::Deserialize;

use super::history::{Edit, Step};
use super::{Cell, Hub};
use crate::error::DeckError;
use crate::page;
use crate::random_id;
use crate::state::{self, Area, PAGES, Placed, Span};

/// A key to paste.
#[derive(Clone, Debug)]
pub struct Clipboard {
    /// The key, and what is in its list, as they were when they were copied.
    key: Vec<Placed>,
    /// Whether the key itself is to be moved.
    cut: bool,
}

/// Where a key goes. What isn't said stays as it is, or goes to the nearest free place.
#[derive(Clone, Debug, Default, Deserialize)]
pub struct Destination {
    /// The id of a profile; the one that is shown if none is said.
    #[serde(default)]
    pub profile: Option<String>,
    /// The page of its grid; the one that is shown there, or else the first with room, if none is said.
    #[serde(default)]
    pub page: Option<u8>,
    /// The place; the nearest free one if none is said.
    #[serde(default, flatten)]
    pub cell: Option<Cell>,
}

impl Hub {
    /// Takes a key that is shown into the clipboard.
    pub(crate) fn clip(&mut self, context: &str, cut: bool) -> Result<(), DeckError> {
        self.shown_key(context)?;
        self.clipboard = Some(Clipboard { key: self.family(context), cut });
        Ok(())
    }

    /// Puts what is in the clipboard down, at the free place that is nearest to a cell of what is shown.
    pub(crate) fn paste(&mut self, cell: Cell) -> Result<page::Instance, DeckError> {
        let empty = || DeckError::conflict("There is nothing to paste. Copy a key first.");
        let Clipboard { key, cut } = self.clipboard.clone().ok_or_else(empty)?;
        let first = key.first().ok_or_else(empty)?;
        let context = first.context.clone();
        let near = self.span_of(first, self.panel.active.clone(), cell.area.page(self.panel.page()), cell);
        let is_there = cut && self.panel.get(&context).is_some();
        let besides = is_there.then_some(context.as_str());
        let free = self.panel.nearest_free(&self.panel.active, near, besides).ok_or_else(|| full(near))?;
        let profile = self.panel.active.clone();
        if is_there {
            self.clipboard = None;
            self.relocate(&context, &profile, free);
            return self.view_of(&context);
        }
        self.add_copy("paste", key, &profile, free)
    }

    /// Puts a copy of a key somewhere.
    pub(crate) fn copy_to(&mut self, context: &str, to: &Destination) -> Result<page::Instance, DeckError> {
        self.shown_key(context)?;
        let (profile, place) = self.destination(context, to, None)?;
        let name = if profile == self.panel.active { "duplicate" } else { "copy" };
        self.add_copy(name, self.family(context), &profile, place)
    }

    /// Moves a key somewhere.
    pub(crate) fn move_to(&mut self, context: &str, to: &Destination) -> Result<page::Instance, DeckError> {
        self.shown_key(context)?;
        let (profile, place) = self.destination(context, to, Some(context))?;
        self.relocate(context, &profile, place);
        self.view_of(context)
    }

    /// The profile and the free place that a destination means for a key. `besides` doesn't count as taken.
    fn destination(&self, context: &str, to: &Destination, besides: Option<&str>) -> Result<(String, Span), DeckError> {
        let instance = self.panel.get(context).ok_or(DeckError::NoSuch("instance"))?;
        let profile = match &to.profile {
            Some(id) => self.listed(id)?.1,
            None => self.panel.profile(&self.panel.active).cloned().unwrap_or_default(),
        };
        if to.page.is_some_and(|page| page >= PAGES) {
            return Err(DeckError::not_found(format!("There are {PAGES} pages.")));
        }
        let page = to.page.unwrap_or(profile.page);
        if let Some(cell) = to.cell {
            let span = self.span_of(&instance.placed, profile.id.clone(), cell.area.page(page), cell);
            self.check_fit(&profile.id, span, besides)?;
            return Ok((profile.id, span));
        }
        let here = instance.span();
        // A page that was named for a function key means the grid.
        let area = if to.page.is_some() { Area::Grid } else { here.area };
        let on_page = |page: u8| Span { page, area: Area::Grid, ..here };
        let first = Span { page: area.page(page), area, ..here };
        let others = (0..PAGES).filter(|_| to.page.is_none()).map(on_page);
        let mut tried = [first, on_page(page)].into_iter().chain(others);
        let free = tried.find_map(|span| self.panel.nearest_free(&profile.id, span, besides));
        Ok((profile.id, free.ok_or_else(|| full(here))?))
    }

    /// What a key takes when it is put on a cell.
    fn span_of(&self, placed: &Placed, profile: String, page: u8, cell: Cell) -> Span {
        let Cell { area, column, row } = cell;
        self.instance_of(Placed { profile, page, area, column, row, ..placed.clone() }).span()
    }

    /// Moves a key, with what is in its list, to a free place.
    fn relocate(&mut self, context: &str, profile: &str, to: Span) {
        let Span { page, area, column, row, .. } = to;
        let edits: Vec<_> = self
            .family(context)
            .into_iter()
            .filter_map(|before| {
                let profile = profile.to_owned();
                let after = Placed { profile, page, area, column, row, ..before.clone() };
                (after != before).then(|| Edit::Instance(Some(Box::new(before)), Some(Box::new(after))))
            })
            .collect();
        if !edits.is_empty() {
            let shown = self.place_shown();
            self.commit(Step { name: "move", edits, before: shown.clone(), after: shown });
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
        let moved = |placed| Placed { profile: profile.to_owned(), page, area, column, row, ..placed };
        let copies = renewed(key.into_iter().map(moved).collect());
        let context = copies.first().map(|placed| placed.context.clone()).unwrap_or_default();
        let edits = copies.into_iter().map(|placed| Edit::Instance(None, Some(Box::new(placed)))).collect();
        let shown = self.place_shown();
        self.commit(Step { name, edits, before: shown.clone(), after: shown });
        self.view_of(&context)
    }

    /// A key, then what is in its list, also what waits for its package.
    pub(super) fn family(&self, context: &str) -> Vec<Placed> {
        let all = || self.panel.iter().map(|instance| &instance.placed).chain(&self.absent);
        let key = all().filter(|placed| placed.context == context);
        key.chain(all().filter(|placed| placed.parent.as_deref() == Some(context))).cloned().collect()
    }

    /// What of the clipboard pages show.
    pub(super) fn clipboard_view(&self) -> Option<page::Clipboard> {
        let Clipboard { key, cut } = self.clipboard.as_ref()?;
        Some(page::Clipboard { context: key.first()?.context.clone(), cut: *cut })
    }

    /// Forgets what is in the clipboard, or only if it belongs to a package.
    pub(crate) fn clear_clipboard(&mut self, package: Option<&str>) {
        let is_meant = |clipboard: &Clipboard| match package {
            Some(package) => clipboard.key.iter().any(|placed| placed.package == package),
            None => true,
        };
        if self.clipboard.as_ref().is_some_and(is_meant) {
            self.clipboard = None;
        }
    }
}

fn full(span: Span) -> DeckError {
    DeckError::conflict(match span.area {
        Area::Keys if (span.width, span.height) != (1, 1) => {
            "A function key takes a layout of 1 x 1. Choose a place on the grid.".to_owned()
        }
        _ => format!("There is no free place of {} x {} there. Remove or move a key.", span.width, span.height),
    })
}

/// Copies with contexts of their own: what belongs together belongs together still.
pub(super) fn renewed(mut placed: Vec<Placed>) -> Vec<Placed> {
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
