//! What is remembered of a package that was installed: its name and version, and the names and sizes of its widgets.
//! With it the keys of a missing package keep their places and names.

use std::collections::BTreeMap;

use host_sdk::manifest::{COLUMNS, ROWS, single_line};
use serde::{Deserialize, Serialize};

use super::Placed;

/// Layouts of a widget that are remembered: many more than any widget has.
const MAX_LAYOUTS: usize = 64;

/// What is remembered of a package.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct KnownPackage {
    /// Its name in the user's language; empty if unknown.
    pub name: String,
    /// Its version; empty if unknown.
    pub version: String,
    /// Its widgets, by UUID.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub widgets: BTreeMap<String, KnownWidget>,
}

/// What is remembered of a widget.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct KnownWidget {
    /// Its name in the user's language.
    pub name: String,
    /// Columns and rows of its layouts.
    pub layouts: Vec<(u8, u8)>,
}

/// Packages by UUID.
pub type Known = BTreeMap<String, KnownPackage>;

impl KnownPackage {
    /// Returns it with safe names and bounded lists: it may come from anyone's file.
    #[must_use]
    pub fn tidied(mut self) -> Self {
        (self.name, self.version) = (single_line(&self.name), single_line(&self.version));
        for widget in self.widgets.values_mut() {
            widget.name = single_line(&widget.name);
            widget.layouts.truncate(MAX_LAYOUTS);
        }
        self
    }

    /// Adds newer knowledge, and keeps widgets that only this one has.
    pub fn update(&mut self, newer: Self) {
        (self.name, self.version) = (newer.name, newer.version);
        self.widgets.extend(newer.widgets);
    }
}

/// Returns the columns and rows of a key; one of each if unknown.
#[must_use]
pub fn size(known: &Known, placed: &Placed) -> (u8, u8) {
    let widget = known.get(&placed.package).and_then(|package| package.widgets.get(&placed.widget));
    let layout = widget.and_then(|widget| widget.layouts.get(placed.layout)).copied();
    let (width, height) = layout.unwrap_or((1, 1));
    (width.clamp(1, COLUMNS), height.clamp(1, ROWS))
}

/// Returns the names of a key's package and widget, or the most readable part of their UUIDs.
#[must_use]
pub fn names(known: &Known, placed: &Placed) -> (String, String) {
    let package = known.get(&placed.package);
    let widget = package.and_then(|package| package.widgets.get(&placed.widget));
    let package = package.map(|package| package.name.clone()).filter(|name| !name.is_empty());
    let widget = widget.map(|widget| widget.name.clone()).filter(|name| !name.is_empty());
    let last_part = || placed.widget.rsplit(['.', ':']).find(|part| !part.is_empty()).unwrap_or_default();
    (package.unwrap_or_else(|| single_line(&placed.package)), widget.unwrap_or_else(|| single_line(last_part())))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn known(layouts: &[(u8, u8)]) -> Known {
        let widget = KnownWidget { name: "Lamp".into(), layouts: layouts.into() };
        let widgets = BTreeMap::from([("com.example.lights.lamp".to_owned(), widget)]);
        let package = KnownPackage { name: "Lights".into(), version: "1.0".into(), widgets };
        BTreeMap::from([("com.example.lights".to_owned(), package)])
    }

    fn lamp(layout: usize) -> Placed {
        let (package, widget) = ("com.example.lights".into(), "com.example.lights.lamp".into());
        Placed { package, widget, layout, ..Placed::default() }
    }

    #[test]
    fn size_is_that_of_the_layout_and_fits_the_panel() {
        let known = known(&[(3, 2), (0, 200)]);
        assert_eq!([0, 1, 2].map(|layout| size(&known, &lamp(layout))), [(3, 2), (1, 4), (1, 1)]);
        assert_eq!(size(&Known::new(), &lamp(0)), (1, 1));
    }

    #[test]
    fn names_fall_back_to_parts_of_the_uuid() {
        assert_eq!(names(&known(&[]), &lamp(0)), ("Lights".into(), "Lamp".into()));
        assert_eq!(names(&Known::new(), &lamp(0)), ("com.example.lights".into(), "lamp".into()));
    }

    #[test]
    fn update_keeps_widgets_that_are_gone() {
        let mut package = known(&[(1, 1)]).remove("com.example.lights").unwrap();
        package.update(KnownPackage { name: "Lights 2".into(), version: "2.0".into(), widgets: BTreeMap::new() });
        assert_eq!((package.name.as_str(), package.version.as_str(), package.widgets.len()), ("Lights 2", "2.0", 1));
    }

    #[test]
    fn tidied_names_are_one_line() {
        let odd = KnownPackage { name: "a\u{202e}b\nc".into(), ..KnownPackage::default() };
        assert_eq!(odd.tidied().name, "ab c");
    }
}
