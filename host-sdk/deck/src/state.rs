//! The Panel: the profiles, the instances in them, and what each instance shows. Plain data without I/O, owned by the
//! hub.

pub mod known;
mod saved;

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use host_sdk::json::Raw;
use host_sdk::manifest::{COLUMNS, ROWS, Widget};
use host_sdk::protocol::{self, ActionEffect, EffectKind, FontAttribute};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

pub use self::saved::{Saved, StateError, Unread};

/// Columns of the function keys beside the grid.
pub const KEY_COLUMNS: u8 = 2;
/// Rows of the function keys beside the grid.
pub const KEY_ROWS: u8 = 2;
/// Pages of the grid in each profile, as many as the vendor's device has. The function keys are the same on all of them.
pub const PAGES: u8 = 5;

/// A hotkey profile: a named Panel. One of them is shown.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Profile {
    /// Its id, which never changes; opaque.
    pub id: String,
    /// The name that the user gave it.
    pub name: String,
    /// The page of its grid that is shown, or was last. Below [`PAGES`].
    #[serde(default)]
    pub page: u8,
    /// Members that a newer version has written.
    #[serde(flatten, skip_deserializing)]
    pub rest: Map<String, Value>,
}

/// A part of the device.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Area {
    /// The grid of 5 x 4 places.
    #[default]
    Grid,
    /// The four function keys beside it, two by two, each a place of 1 x 1.
    Keys,
}

impl Area {
    /// Returns its columns and rows.
    #[must_use]
    pub fn size(self) -> (u8, u8) {
        match self {
            Self::Grid => (COLUMNS, ROWS),
            Self::Keys => (KEY_COLUMNS, KEY_ROWS),
        }
    }

    /// Returns the page of an instance on this area that was placed while page `shown` was shown: function keys are on
    /// all of them.
    #[must_use]
    pub fn page(self, shown: u8) -> u8 {
        match self {
            Self::Grid => shown,
            Self::Keys => 0,
        }
    }
}

/// The part of an instance that is saved.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Placed {
    /// Its id, which never changes; opaque to packages and pages.
    pub context: String,
    /// The package's UUID.
    pub package: String,
    /// The widget's UUID.
    pub widget: String,
    /// The id of its profile.
    pub profile: String,
    /// The page of the profile's grid; 0 for a function key, which is on all of them.
    pub page: u8,
    /// The part of the device that it is on.
    pub area: Area,
    /// Zero-based.
    pub column: u8,
    /// Zero-based.
    pub row: u8,
    /// Index into the widget's layouts.
    pub layout: usize,
    /// Zero-based.
    pub state: u32,
    /// The title that the user gave it, if any.
    pub title: Option<String>,
    /// How the user wants the title drawn, if chosen.
    pub font: Option<FontAttribute>,
    /// The icons that the user chose, by state: data URIs.
    pub icons: BTreeMap<u32, Arc<str>>,
    /// The settings that its package or property view stored.
    pub settings: Raw,
    /// The multi-action key in whose list it is. Such an instance takes no place of its own.
    pub parent: Option<String>,
    /// The steps of a multi-action key, in order.
    pub steps: Vec<Step>,
    /// Members that a newer version has written.
    #[serde(flatten, skip_deserializing)]
    pub rest: Map<String, Value>,
}

impl Placed {
    /// Copies what users choose from another one. Settings and state, which packages set, stay.
    pub fn apply_user_choices(&mut self, other: &Self) {
        let Self { profile, page, area, column, row, layout, title, font, icons, parent, steps, .. } = other.clone();
        *self = Self {
            profile,
            page,
            area,
            column,
            row,
            layout,
            title,
            font,
            icons,
            parent,
            steps,
            ..std::mem::take(self)
        };
    }
}

/// A step of a multi-action key.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Step {
    /// Presses the instance with this context, which is in the list of the same key.
    Press(String),
    /// Waits for this many milliseconds.
    Pause(u32),
    /// Shows the profile with this id.
    Profile(String),
    /// Opens an address of the web.
    Url(String),
    /// A step of a newer version. Kept, and skipped.
    #[serde(untagged)]
    Other(Value),
}

/// What a package wants an instance to show in one of its states.
#[derive(Clone, Debug, Default, PartialEq)]
struct Look {
    /// Drawn over the icon.
    title: String,
    /// A data URI (`changeIcon`); none for the widget's own picture.
    icon: Option<Arc<str>>,
    /// A data URI (`changeImage`), drawn over icon and title.
    image: Option<Arc<str>>,
    /// The image in words.
    description: Option<String>,
}

/// What an instance shows, from bottom to top: icon, title, image.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Shown<'a> {
    /// A data URI; none for the widget's own picture.
    pub icon: Option<&'a Arc<str>>,
    /// Empty if there is none.
    pub title: &'a str,
    /// A data URI.
    pub image: Option<&'a Arc<str>>,
    /// The image in words.
    pub description: Option<&'a str>,
}

/// Why an instance is a placeholder.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Missing {
    /// Its package isn't installed.
    Package,
    /// The installed version of its package doesn't have its widget, or not in its layout.
    Widget,
    /// Its widget is installed, but has a different size, which doesn't fit at its place.
    Space,
}

/// An instance on the Panel.
#[derive(Clone, Debug)]
pub struct Instance {
    /// The part that is saved.
    pub placed: Placed,
    /// Columns that it spans.
    pub width: u8,
    /// Rows that it spans.
    pub height: u8,
    /// How its package wants its title drawn, if it said so.
    pub package_font: Option<FontAttribute>,
    /// The effect that is shown over it.
    pub effect: ActionEffect,
    /// Why it is a placeholder, if it is one.
    pub missing: Option<Missing>,
    /// What the package wants to show, one per state, never empty.
    looks: Vec<Look>,
}

impl Instance {
    /// Creates an instance of a widget. Returns none if the widget has no such layout.
    #[must_use]
    pub fn new(mut placed: Placed, widget: &Widget) -> Option<Self> {
        let layout = widget.layouts().get(placed.layout)?.clone();
        let mut looks: Vec<Look> = widget
            .states
            .iter()
            .map(|state| Look { title: state.title.clone().unwrap_or_default(), ..Look::default() })
            .collect();
        if looks.is_empty() {
            looks.push(Look::default());
        }
        // A newer version of the package may have fewer states than the one that this was saved with.
        placed.state = placed.state.min(last(&looks));
        let effect = ActionEffect { kind: EffectKind::Clear, image: None };
        let (width, height) = (layout.width, layout.height);
        Some(Self { placed, width, height, package_font: None, effect, missing: None, looks })
    }

    /// Creates a placeholder of this many columns and rows.
    #[must_use]
    pub fn placeholder(placed: Placed, (width, height): (u8, u8), missing: Missing) -> Self {
        let effect = ActionEffect { kind: EffectKind::Clear, image: None };
        let looks = vec![Look::default()];
        Self { placed, width, height, package_font: None, effect, missing: Some(missing), looks }
    }

    /// Copies what users choose. Returns false, and changes nothing, if the widget has no such layout.
    pub fn apply_user_choices(&mut self, other: &Placed, widget: &Widget) -> bool {
        let layouts = widget.layouts();
        let Some(layout) = layouts.get(other.layout) else { return false };
        (self.width, self.height) = (layout.width, layout.height);
        self.placed.apply_user_choices(other);
        true
    }

    /// Returns the layout as in messages.
    pub fn wire_layout(&self) -> protocol::Layout {
        protocol::Layout { index: Some(self.placed.layout), width: Some(self.width), height: Some(self.height) }
    }

    /// Returns the state as in messages: none if the widget has only one.
    #[must_use]
    pub fn wire_state(&self) -> Option<u32> {
        (self.looks.len() > 1).then_some(self.placed.state)
    }

    /// Returns the number of states, at least one.
    #[must_use]
    pub fn states(&self) -> usize {
        self.looks.len()
    }

    /// Shows another state. Returns false if the widget has no such state.
    pub fn set_state(&mut self, state: u32) -> bool {
        let exists = state <= last(&self.looks);
        if exists {
            self.placed.state = state;
        }
        exists
    }

    /// Sets the package's title of one state, or of all. It shows unless the user gave one.
    pub fn set_title(&mut self, title: &str, state: Option<u32>) {
        for look in self.looks_of(state) {
            title.clone_into(&mut look.title);
        }
    }

    /// Sets the package's icon of one state, or of all; none for the widget's own. It shows unless the user chose one.
    pub fn set_icon(&mut self, icon: Option<Arc<str>>, state: Option<u32>) {
        for look in self.looks_of(state) {
            look.icon.clone_from(&icon);
        }
    }

    /// Sets the package's image of one state, or of all; none removes it. It shows unless the user chose an icon.
    pub fn set_image(&mut self, image: Option<Arc<str>>, description: Option<String>, state: Option<u32>) {
        for look in self.looks_of(state) {
            look.image.clone_from(&image);
            look.description.clone_from(&description);
        }
    }

    fn looks_of(&mut self, state: Option<u32>) -> &mut [Look] {
        match state.map(|state| state as usize) {
            None => &mut self.looks,
            Some(n) => self.looks.get_mut(n..=n).unwrap_or_default(),
        }
    }

    /// Returns the titles, one per state: the user's, else the package's.
    #[must_use]
    pub fn titles(&self) -> Vec<String> {
        self.looks.iter().map(|look| self.placed.title.as_ref().unwrap_or(&look.title).clone()).collect()
    }

    /// Returns the icons, one per state: the user's, else the package's; none for the widget's own.
    pub fn icons(&self) -> impl Iterator<Item = Option<&str>> {
        (0_u32..).zip(&self.looks).map(|(n, look)| self.placed.icons.get(&n).or(look.icon.as_ref()).map(AsRef::as_ref))
    }

    /// Returns how the title is drawn: as the user chose, else as the package wants.
    #[must_use]
    pub fn font(&self) -> Option<&FontAttribute> {
        self.placed.font.as_ref().or(self.package_font.as_ref())
    }

    /// Returns what the current state shows. An icon that the user chose isn't covered by the package's image.
    #[must_use]
    pub fn shown(&self) -> Shown<'_> {
        // A placeholder keeps its state, but has one look.
        let look = self.looks.get(self.placed.state as usize).unwrap_or(&self.looks[0]);
        let chosen = self.placed.icons.get(&self.placed.state);
        Shown {
            icon: chosen.or(look.icon.as_ref()),
            title: self.placed.title.as_ref().unwrap_or(&look.title),
            image: look.image.as_ref().filter(|_| chosen.is_none()),
            description: look.description.as_deref(),
        }
    }

    /// Returns the cells that it takes.
    #[must_use]
    pub fn span(&self) -> Span {
        let Placed { page, area, column, row, .. } = self.placed;
        Span { page: area.page(page), area, column, row, width: self.width, height: self.height }
    }
}

fn last(looks: &[Look]) -> u32 {
    u32::try_from(looks.len() - 1).unwrap_or(u32::MAX)
}

/// A rectangle of cells, zero-based.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span {
    /// The page of the grid; 0 on the function keys.
    pub page: u8,
    /// The part of the device.
    pub area: Area,
    /// Leftmost column.
    pub column: u8,
    /// Topmost row.
    pub row: u8,
    /// Columns.
    pub width: u8,
    /// Rows.
    pub height: u8,
}

/// Cells of an area, one bit each.
type Cells = u32;

impl Span {
    /// Returns the cells that it covers, as far as they are on the Panel.
    fn cells(&self) -> Cells {
        let (columns, rows) = self.area.size();
        let within = |start: u8, length: u8, most: u8| start.min(most)..start.saturating_add(length).min(most);
        within(self.row, self.height, rows)
            .flat_map(|row| within(self.column, self.width, columns).map(move |column| (row, column)))
            .fold(0, |cells, (row, column)| cells | 1 << (row * columns + column))
    }

    fn is_on_panel(&self) -> bool {
        let fits =
            |start: u8, length: u8, most: u8| length > 0 && start.checked_add(length).is_some_and(|end| end <= most);
        let (columns, rows) = self.area.size();
        self.page < PAGES
            && fits(self.column, self.width, columns)
            && fits(self.row, self.height, rows)
            // A function key is a place of its own: nothing spans two of them.
            && (self.area == Area::Grid || (self.width, self.height) == (1, 1))
    }

    fn overlaps(&self, other: &Self) -> bool {
        let meets = |a: u8, a_length: u8, b: u8, b_length: u8| a < b + b_length && b < a + a_length;
        (self.area, self.page) == (other.area, other.page)
            && meets(self.column, self.width, other.column, other.width)
            && meets(self.row, self.height, other.row, other.height)
    }
}

/// The profiles and the instances of all of them, in the order in which they were placed.
#[derive(Clone, Debug)]
pub struct Panel {
    /// In the order of their tabs, never empty.
    pub profiles: Vec<Profile>,
    /// The id of the current profile.
    pub active: String,
    instances: Vec<Instance>,
}

impl Panel {
    /// Creates a Panel without instances.
    #[must_use]
    pub fn new(profiles: Vec<Profile>, active: String) -> Self {
        Self { profiles, active, instances: Vec::new() }
    }

    /// Returns a profile by its id.
    #[must_use]
    pub fn profile(&self, id: &str) -> Option<&Profile> {
        self.profiles.iter().find(|profile| profile.id == id)
    }

    /// Whether a place of a profile is free. `except` is an instance that is ignored, because it is about to move.
    #[must_use]
    pub fn is_free(&self, profile: &str, span: Span, except: Option<&str>) -> bool {
        span.is_on_panel()
            && !self.instances.iter().any(|instance| {
                // The cheapest test first: a large Panel has many instances.
                instance.span().overlaps(&span)
                    && instance.placed.parent.is_none()
                    && instance.placed.profile == profile
                    && Some(instance.placed.context.as_str()) != except
            })
    }

    /// Returns the free place of this size nearest to a cell, if there is any.
    #[must_use]
    pub fn nearest_free(&self, profile: &str, span: Span, except: Option<&str>) -> Option<Span> {
        let (columns, rows) = span.area.size();
        (0..rows)
            .flat_map(|row| (0..columns).map(move |column| Span { column, row, ..span }))
            .filter(|span| self.is_free(profile, *span, except))
            .min_by_key(|free| u16::from(free.column.abs_diff(span.column)) + u16::from(free.row.abs_diff(span.row)))
    }

    /// Places an instance. Returns false, and drops it, if its place isn't free. An instance in a list needs none.
    pub fn place(&mut self, instance: Instance) -> bool {
        let free = instance.placed.parent.is_some() || self.is_free(&instance.placed.profile, instance.span(), None);
        if free {
            self.instances.push(instance);
        }
        free
    }

    /// Removes an instance.
    pub fn remove(&mut self, context: &str) -> Option<Instance> {
        let position = self.instances.iter().position(|instance| instance.placed.context == context)?;
        Some(self.instances.remove(position))
    }

    /// Like [`Panel::place`] for many instances, in linear time. Returns those whose place isn't free.
    pub fn place_all(&mut self, instances: Vec<Instance>) -> Vec<Instance> {
        let mut taken: HashMap<(String, u8, Area), Cells> = HashMap::new();
        let cells_of = |instance: &Instance| {
            let span = instance.span();
            ((instance.placed.profile.clone(), span.page, span.area), span.cells())
        };
        for instance in self.instances.iter().filter(|instance| instance.placed.parent.is_none()) {
            let (place, cells) = cells_of(instance);
            *taken.entry(place).or_default() |= cells;
        }
        let mut left = Vec::new();
        for instance in instances {
            if instance.placed.parent.is_none() {
                let (place, cells) = cells_of(&instance);
                let taken = taken.entry(place).or_default();
                if !instance.span().is_on_panel() || *taken & cells != 0 {
                    left.push(instance);
                    continue;
                }
                *taken |= cells;
            }
            self.instances.push(instance);
        }
        left
    }

    /// Removes all instances of a package.
    pub fn remove_package(&mut self, package: &str) -> Vec<Instance> {
        self.instances.extract_if(.., |instance| instance.placed.package == package).collect()
    }

    /// Returns the instances of a package.
    pub fn of_package_mut(&mut self, package: &str) -> impl Iterator<Item = &mut Instance> {
        self.instances.iter_mut().filter(move |instance| instance.placed.package == package)
    }

    /// Returns the contexts of all placeholders.
    #[must_use]
    pub fn placeholders(&self) -> Vec<String> {
        let missing = self.instances.iter().filter(|instance| instance.missing.is_some());
        missing.map(|instance| instance.placed.context.clone()).collect()
    }

    /// Returns an instance by its context.
    #[must_use]
    pub fn get(&self, context: &str) -> Option<&Instance> {
        self.instances.iter().find(|instance| instance.placed.context == context)
    }

    /// Returns an instance by its context.
    pub fn get_mut(&mut self, context: &str) -> Option<&mut Instance> {
        self.instances.iter_mut().find(|instance| instance.placed.context == context)
    }

    /// Returns the page of the grid that is shown.
    #[must_use]
    pub fn page(&self) -> u8 {
        self.profile(&self.active).map_or(0, |profile| profile.page)
    }

    /// Whether an instance is in the current profile, and on its current page or the function keys.
    #[must_use]
    pub fn is_shown(&self, placed: &Placed) -> bool {
        placed.profile == self.active && placed.area.page(self.page()) == placed.page
    }

    /// Returns the instances of the current profile and page.
    pub fn shown(&self) -> impl Iterator<Item = &Instance> {
        let page = self.page();
        let is_shown = move |placed: &Placed| placed.profile == self.active && placed.area.page(page) == placed.page;
        self.instances.iter().filter(move |instance| is_shown(&instance.placed))
    }

    /// Returns all instances, in all profiles.
    pub fn iter(&self) -> impl Iterator<Item = &Instance> {
        self.instances.iter()
    }
}

#[cfg(test)]
mod tests {
    use host_sdk::manifest::{Layout, State};

    use super::*;

    fn widget(states: usize, sizes: &[(u8, u8)]) -> Widget {
        Widget {
            states: vec![State { title: Some("from the package".into()), ..State::default() }; states],
            layouts: sizes.iter().map(|&(width, height)| Layout { width, height, ..Layout::default() }).collect(),
            ..Widget::default()
        }
    }

    fn at(context: &str, column: u8, row: u8, widget: &Widget) -> Instance {
        Instance::new(Placed { context: context.into(), column, row, ..Placed::default() }, widget).unwrap()
    }

    #[test]
    fn instances_neither_overlap_nor_leave_the_panel() {
        let (small, wide) = (widget(1, &[]), widget(1, &[(3, 2)]));
        let mut panel = Panel::new(Vec::new(), String::new());
        assert!(panel.place(at("wide", 1, 1, &wide)));
        for (column, row) in [(1, 1), (3, 2)] {
            assert!(!panel.place(at("x", column, row, &small)), "{column}, {row} is taken");
        }
        for (column, row) in [(0, 1), (4, 1), (1, 0), (3, 3)] {
            assert!(panel.is_free("", at("x", column, row, &small).span(), None), "{column}, {row} is free");
        }
        for (column, row) in [(5, 0), (0, 4), (255, 0), (0, 255)] {
            assert!(!panel.place(at("x", column, row, &small)), "{column}, {row} is outside");
        }
        let moved = Span { column: 2, ..panel.get("wide").unwrap().span() };
        assert!(!panel.is_free("", moved, None) && panel.is_free("", moved, Some("wide")), "it may move over itself");
        assert!(!panel.is_free("", Span { column: 3, ..moved }, Some("wide")), "beyond the right edge");
    }

    #[test]
    fn place_all_equals_repeated_place() {
        let (small, wide) = (widget(1, &[]), widget(1, &[(3, 2)]));
        let all = || {
            let at = |context, column, row, widget| at(context, column, row, widget);
            let keys = at("k", 1, 1, &small).placed;
            let key = Placed { area: Area::Keys, ..keys };
            let inner = Placed { parent: Some("a".into()), ..at("i", 0, 0, &small).placed };
            vec![
                at("a", 0, 0, &wide),
                at("b", 2, 1, &small),
                at("c", 3, 1, &wide),
                at("d", 4, 3, &small),
                at("e", 255, 255, &small),
                Instance::new(key.clone(), &small).unwrap(),
                Instance::new(Placed { context: "l".into(), ..key }, &small).unwrap(),
                Instance::new(inner, &small).unwrap(),
            ]
        };
        let (mut many, mut singly) = (Panel::new(Vec::new(), String::new()), Panel::new(Vec::new(), String::new()));
        let left = many.place_all(all());
        for instance in all() {
            singly.place(instance);
        }
        let contexts = |panel: &Panel| panel.iter().map(|i| i.placed.context.clone()).collect::<Vec<_>>();
        assert_eq!(contexts(&many), contexts(&singly));
        assert_eq!(left.iter().map(|i| i.placed.context.as_str()).collect::<Vec<_>>(), ["b", "c", "e", "l"]);
    }

    #[test]
    fn placeholder_keeps_its_state_and_place() {
        let placed = Placed { context: "c".into(), column: 1, state: 3, ..Placed::default() };
        let instance = Instance::placeholder(placed.clone(), (3, 2), Missing::Package);
        assert_eq!((instance.span().width, instance.span().height, instance.shown().title), (3, 2, ""));
        assert_eq!(instance.placed, placed);
    }

    #[test]
    fn titles_icons_and_images_are_set_per_state_or_for_all() {
        let mut instance = at("c", 0, 0, &widget(2, &[]));
        assert_eq!(instance.titles(), ["from the package"; 2]);
        instance.set_title("one", Some(1));
        instance.set_image(Some("data:image/png;base64,AA".into()), Some("words".into()), None);
        instance.set_image(Some("data:image/png;base64,BB".into()), None, Some(1));
        instance.set_image(Some("data:image/png;base64,CC".into()), None, Some(7));
        assert_eq!(instance.shown().title, "from the package");
        assert_eq!(instance.shown().description, Some("words"));
        assert!(instance.set_state(1) && !instance.set_state(2));
        assert_eq!(
            (instance.shown().title, instance.shown().image.unwrap().as_ref()),
            ("one", "data:image/png;base64,BB")
        );
        instance.set_icon(Some("data:image/png;base64,EE".into()), None);
        instance.set_icon(None, Some(0));
        assert_eq!(instance.icons().collect::<Vec<_>>(), [None, Some("data:image/png;base64,EE")]);
        assert!(instance.shown().image.is_some(), "an icon leaves the image that lies over it");
        instance.placed.title = Some("mine".into());
        instance.placed.icons.insert(1, "data:image/png;base64,DD".into());
        instance.set_title("not seen", None);
        let shown = instance.shown();
        assert_eq!((shown.icon.map(AsRef::as_ref), shown.image), (Some("data:image/png;base64,DD"), None));
        assert_eq!((instance.titles(), shown.title), (vec!["mine".to_owned(); 2], "mine"));
        assert_eq!(instance.icons().collect::<Vec<_>>(), [None, Some("data:image/png;base64,DD")]);
        instance.placed.title = None;
        instance.placed.icons.clear();
        assert_eq!(instance.shown().title, "not seen", "what the package sent meanwhile");
        assert!(instance.shown().image.is_some());
    }

    #[test]
    fn missing_states_and_layouts_of_an_update_are_handled() {
        let placed = Placed { state: 5, layout: 0, ..Placed::default() };
        assert_eq!(Instance::new(placed, &widget(2, &[])).unwrap().placed.state, 1);
        assert!(Instance::new(Placed { layout: 3, ..Placed::default() }, &widget(1, &[(3, 2)])).is_none());
        assert_eq!(at("c", 0, 0, &widget(0, &[])).wire_state(), None);
    }

    #[test]
    fn function_key_takes_one_cell_of_its_profile() {
        let mut panel = Panel::new(Vec::new(), "a".into());
        let key = |context: &str, profile: &str, column, row, widget: &Widget| {
            let placed =
                Placed { profile: profile.into(), area: Area::Keys, ..at(context, column, row, widget).placed };
            Instance::new(placed, widget).unwrap()
        };
        let (small, wide) = (widget(1, &[]), widget(1, &[(2, 1)]));
        assert!(panel.place(key("k", "a", 1, 1, &small)) && panel.place(key("k", "b", 1, 1, &small)));
        assert!(!panel.place(key("x", "a", 1, 1, &small)), "taken");
        assert!(!panel.place(key("x", "a", 2, 0, &small)), "there are two columns");
        assert!(!panel.place(key("x", "a", 0, 0, &wide)), "one place each");
        assert!(
            panel.place(Instance {
                placed: Placed { profile: "a".into(), ..Placed::default() },
                ..at("g", 1, 1, &small)
            })
        );
        assert_eq!((panel.iter().count(), panel.shown().count()), (3, 2));
    }

    #[test]
    fn nearest_free_place_is_found() {
        let wide = widget(1, &[(3, 2)]);
        let mut panel = Panel::new(Vec::new(), String::new());
        assert!(panel.place(at("a", 1, 1, &wide)));
        let span = Span { column: 3, ..panel.get("a").unwrap().span() };
        let free = panel.nearest_free("", span, Some("a")).unwrap();
        assert_eq!((free.column, free.row), (2, 1));
        assert_eq!(panel.nearest_free("", span, None), None);
        let free = panel.nearest_free("", Span { column: 255, row: 255, ..span }, Some("a")).unwrap();
        assert_eq!((free.column, free.row), (2, 2), "however far away");
    }
}
