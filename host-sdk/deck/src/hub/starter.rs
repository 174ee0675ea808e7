//! The starter Panel: keys that are offered while a profile has none. A package may name its own in its package file;
//! for others the first widgets are taken.

use host_sdk::manifest::{COLUMNS, PackageConfig, ROWS, StarterKey};

use super::Hub;
use super::history::Edit;
use crate::error::DeckError;
use crate::page::{self, Status};
use crate::random_id;
use crate::state::{Instance, Panel, Placed, Span};

/// Keys of a package that names none. The user adds others.
const MAX_UNNAMED: usize = 8;
/// Widgets of a package that are considered.
const MAX_CONSIDERED: usize = 64;

impl Hub {
    /// Returns the keys that are offered in the current profile; none if it has keys, or if the user declined.
    pub(super) fn offered_starter(&self) -> Vec<page::StarterKey> {
        let is_wanted = !self.preferences.choices().without_starter.contains(&self.panel.active);
        let keys = if is_wanted && self.is_profile_empty() { self.starter() } else { Vec::new() };
        let view = |instance: Instance| {
            let Placed { package, widget, layout, column, row, .. } = instance.placed;
            page::StarterKey { package, widget, layout, column, row, width: instance.width, height: instance.height }
        };
        keys.into_iter().map(view).collect()
    }

    /// Places the starter Panel as one step that can be undone. Returns how many keys it has.
    pub(crate) fn place_starter(&mut self) -> Result<usize, DeckError> {
        if !self.is_profile_empty() {
            return Err(DeckError::conflict(
                "A starter Panel is for a profile without keys. Make a new profile first.",
            ));
        }
        let keys = self.starter();
        if keys.is_empty() {
            return Err(DeckError::conflict("No package has keys to begin with. Import a package first."));
        }
        let count = keys.len();
        let placed = keys.into_iter().map(|instance| Placed { context: random_id(), ..instance.placed });
        self.commit_edits("starter", placed.map(Edit::add).collect());
        Ok(count)
    }

    fn is_profile_empty(&self) -> bool {
        let active = &self.panel.active;
        !self.all_placed().any(|placed| placed.profile == *active)
    }

    fn starter(&self) -> Vec<Instance> {
        let usable = self.packages.iter().filter(|package| package.can_start && package.status != Status::Stopped);
        fill(&self.panel.active, self.panel.page(), usable.map(|package| &package.config))
    }
}

/// Fills an empty page: first with the keys that packages name, then with equal shares of the others.
fn fill<'a>(profile: &str, page: u8, packages: impl IntoIterator<Item = &'a PackageConfig>) -> Vec<Instance> {
    let (named, others): (Vec<_>, Vec<_>) = packages.into_iter().partition(|config| !config.starter.is_empty());
    let mut filled = FilledPage::new(profile.to_owned(), page);
    for config in named {
        for key in &config.starter {
            filled.place(config, key, filled.left);
        }
    }
    for (n, config) in others.iter().enumerate() {
        let share = filled.left / (others.len() - n);
        let (mut used, mut count) = (0, 0);
        for widget in config.widgets.iter().take(MAX_CONSIDERED) {
            let key = StarterKey { widget: widget.uuid.clone(), ..StarterKey::default() };
            let cells = filled.place(config, &key, share - used);
            used += cells;
            count += usize::from(cells > 0);
            if count == MAX_UNNAMED || used == share {
                break;
            }
        }
    }
    filled.keys
}

/// A page that is being filled.
struct FilledPage {
    profile: String,
    page: u8,
    taken: Panel,
    /// Cells that are free.
    left: usize,
    keys: Vec<Instance>,
}

impl FilledPage {
    fn new(profile: String, page: u8) -> Self {
        let taken = Panel::new(Vec::new(), String::new());
        Self { profile, page, taken, left: usize::from(COLUMNS) * usize::from(ROWS), keys: Vec::new() }
    }

    /// Places a key at its preferred cell, else at the first free one, if it takes at most `most` cells. Returns how
    /// many it takes.
    fn place(&mut self, config: &PackageConfig, key: &StarterKey, most: usize) -> usize {
        let placed = Placed {
            package: config.uuid.clone(),
            widget: key.widget.clone(),
            profile: self.profile.clone(),
            page: self.page,
            layout: key.layout.into(),
            ..Placed::default()
        };
        let Some(mut instance) = config.widget(&key.widget).and_then(|widget| Instance::new(placed, widget)) else {
            return 0;
        };
        let cells = usize::from(instance.width) * usize::from(instance.height);
        if cells > most {
            return 0;
        }
        let wanted = key.column.zip(key.row).map(|(column, row)| Span { column, row, ..instance.span() });
        let is_free = |span: &Span| self.taken.is_free(&self.profile, *span, None);
        let anywhere = (0..ROWS).flat_map(|row| (0..COLUMNS).map(move |column| (column, row)));
        let mut anywhere = anywhere.map(|(column, row)| Span { column, row, ..instance.span() });
        let found = wanted.filter(is_free).or_else(|| anywhere.find(is_free));
        let Some(span) = found else { return 0 };
        (instance.placed.column, instance.placed.row) = (span.column, span.row);
        self.taken.place(instance.clone());
        self.keys.push(instance);
        self.left -= cells;
        cells
    }
}

#[cfg(test)]
mod tests {
    use host_sdk::manifest::{Layout, Widget};

    use super::*;

    fn package(sizes: &[(u8, u8)], starter: Vec<StarterKey>) -> PackageConfig {
        let widget = |(n, &(width, height)): (usize, &(u8, u8))| Widget {
            uuid: n.to_string(),
            layouts: vec![Layout { width, height, ..Layout::default() }],
            ..Widget::default()
        };
        let widgets = sizes.iter().enumerate().map(widget).collect();
        PackageConfig { uuid: "p".into(), widgets, starter, ..PackageConfig::default() }
    }

    fn key(widget: &str, column: Option<u8>, row: Option<u8>) -> StarterKey {
        StarterKey { widget: widget.into(), column, row, ..StarterKey::default() }
    }

    fn places(configs: &[PackageConfig]) -> Vec<(String, u8, u8)> {
        let keys = fill("a", 0, configs);
        keys.into_iter().map(|key| (key.placed.widget, key.placed.column, key.placed.row)).collect()
    }

    #[test]
    fn named_keys_lie_where_their_package_wants_them() {
        let starter = vec![key("0", Some(2), Some(1)), key("1", Some(2), Some(1)), key("none", None, None)];
        let found = places(&[package(&[(3, 2), (1, 1)], starter)]);
        assert_eq!(found, [("0".into(), 2, 1), ("1".into(), 0, 0)]);
    }

    #[test]
    fn unnamed_keys_are_the_first_that_fit() {
        let found = places(&[package(&[(5, 4), (1, 1), (1, 1)], Vec::new())]);
        assert_eq!(found, [("0".into(), 0, 0)]);
        let found = places(&[package(&[(9, 9), (2, 1), (0, 1)], Vec::new())]);
        assert_eq!(found, [("1".into(), 0, 0)]);
        assert_eq!(places(&[package(&[(1, 1); 30], Vec::new())]).len(), MAX_UNNAMED);
    }

    #[test]
    fn packages_share_what_is_free() {
        let plain = || package(&[(1, 1); 30], Vec::new());
        let named = package(&[(5, 3)], vec![key("0", None, None)]);
        let found = places(&[plain(), named, plain()]);
        assert_eq!(found[0], ("0".into(), 0, 0));
        assert_eq!(found.len(), 1 + 5);
        assert_eq!(places(&vec![plain(); 30]).len(), 20);
    }
}
