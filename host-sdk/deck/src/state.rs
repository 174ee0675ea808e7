//! The Panel: which instances lie where, and what each of them shows. Plain data without any I/O; the hub owns the one
//! value of it.

use std::collections::BTreeMap;
use std::sync::Arc;

use host_sdk::manifest::{COLUMNS, ROWS, Widget};
use host_sdk::protocol::{self, ActionEffect, EffectKind, FontAttribute, Settings};
use serde::{Deserialize, Serialize};

/// What is kept on disk.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Saved {
    /// Version of this form.
    pub version: u32,
    /// What lies on the Panel.
    #[serde(default)]
    pub instances: Vec<Placed>,
    /// Settings of packages, by UUID.
    #[serde(default)]
    pub package_settings: BTreeMap<String, Settings>,
}

impl Saved {
    /// The version that this program reads and writes.
    pub const VERSION: u32 = 1;
}

impl Default for Saved {
    fn default() -> Self {
        Self { version: Self::VERSION, instances: Vec::new(), package_settings: BTreeMap::new() }
    }
}

/// The part of an instance that outlives the program.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Placed {
    /// Its name for its whole life; opaque to everybody else.
    pub context: String,
    /// The package's UUID.
    pub package: String,
    /// The widget's UUID.
    pub widget: String,
    /// Zero-based.
    pub column: u8,
    /// Zero-based.
    pub row: u8,
    /// Index into the widget's layouts.
    pub layout: usize,
    /// Zero-based.
    pub state: u32,
    /// The title that the user gave, if any.
    pub title: Option<String>,
    /// What its package or property view stored.
    pub settings: Settings,
}

/// What one state of an instance shows.
#[derive(Clone, Debug, Default, PartialEq)]
struct Look {
    title: String,
    /// A data URI; the widget's own image if none.
    image: Option<Arc<str>>,
    description: Option<String>,
}

/// An instance on the Panel.
#[derive(Clone, Debug)]
pub struct Instance {
    /// What outlives the program.
    pub placed: Placed,
    /// Columns that it spans.
    pub width: u8,
    /// Rows that it spans.
    pub height: u8,
    /// How its title is drawn, if its package said so.
    pub font: Option<FontAttribute>,
    /// What is shown over it.
    pub effect: ActionEffect,
    /// One a state, never empty.
    looks: Vec<Look>,
}

impl Instance {
    /// An instance of a widget. None if the widget has no such layout.
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
        // An update of the package may have fewer states than the one that left this behind.
        placed.state = placed.state.min(last(&looks));
        let title = placed.title.clone();
        let effect = ActionEffect { kind: EffectKind::Clear, image: None };
        let mut instance = Self { placed, width: layout.width, height: layout.height, font: None, effect, looks };
        if let Some(title) = title {
            instance.set_title(&title, None);
        }
        Some(instance)
    }

    /// The layout as messages carry it.
    pub fn wire_layout(&self) -> protocol::Layout {
        protocol::Layout { index: Some(self.placed.layout), width: Some(self.width), height: Some(self.height) }
    }

    /// The state as the wire says it: absent where the widget has one.
    #[must_use]
    pub fn wire_state(&self) -> Option<u32> {
        (self.looks.len() > 1).then_some(self.placed.state)
    }

    /// Shows another state. False if the widget has no such state.
    pub fn set_state(&mut self, state: u32) -> bool {
        let exists = state <= last(&self.looks);
        if exists {
            self.placed.state = state;
        }
        exists
    }

    /// Changes the title of one state, or of all.
    pub fn set_title(&mut self, title: &str, state: Option<u32>) {
        for look in self.looks_of(state) {
            title.clone_into(&mut look.title);
        }
    }

    /// The user's title: for every state, and kept. An empty one gives the title back to the package.
    pub fn set_users_title(&mut self, title: &str) {
        self.placed.title = Some(title.to_owned()).filter(|title| !title.is_empty());
        self.set_title(title, None);
    }

    /// Changes the image of one state, or of all; none brings the widget's own back.
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

    /// The titles, one a state.
    #[must_use]
    pub fn titles(&self) -> Vec<String> {
        self.looks.iter().map(|look| look.title.clone()).collect()
    }

    /// The images that the package set, one a state.
    pub fn images(&self) -> impl Iterator<Item = Option<&str>> {
        self.looks.iter().map(|look| look.image.as_deref())
    }

    /// What its present state shows: title, image and the image in words.
    #[must_use]
    pub fn shown(&self) -> (&str, Option<&Arc<str>>, Option<&str>) {
        let look = &self.looks[self.placed.state as usize];
        (&look.title, look.image.as_ref(), look.description.as_deref())
    }

    fn covers(&self, other: &Span) -> bool {
        self.span().overlaps(other)
    }

    /// The place that it takes.
    #[must_use]
    pub fn span(&self) -> Span {
        Span { column: self.placed.column, row: self.placed.row, width: self.width, height: self.height }
    }
}

fn last(looks: &[Look]) -> u32 {
    u32::try_from(looks.len() - 1).unwrap_or(u32::MAX)
}

/// A rectangle of cells, zero-based.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span {
    /// Leftmost column.
    pub column: u8,
    /// Topmost row.
    pub row: u8,
    /// Columns.
    pub width: u8,
    /// Rows.
    pub height: u8,
}

impl Span {
    fn is_on_panel(&self) -> bool {
        let fits =
            |start: u8, length: u8, most: u8| length > 0 && start.checked_add(length).is_some_and(|end| end <= most);
        fits(self.column, self.width, COLUMNS) && fits(self.row, self.height, ROWS)
    }

    fn overlaps(&self, other: &Self) -> bool {
        let meets = |a: u8, a_length: u8, b: u8, b_length: u8| a < b + b_length && b < a + a_length;
        meets(self.column, self.width, other.column, other.width)
            && meets(self.row, self.height, other.row, other.height)
    }
}

/// The instances, in the order in which they were placed.
#[derive(Clone, Debug, Default)]
pub struct Panel {
    instances: Vec<Instance>,
}

impl Panel {
    /// Whether a place is free. `besides` names an instance that doesn't count, because it is the one that moves.
    #[must_use]
    pub fn is_free(&self, span: Span, besides: Option<&str>) -> bool {
        span.is_on_panel()
            && !self
                .instances
                .iter()
                .any(|instance| Some(instance.placed.context.as_str()) != besides && instance.covers(&span))
    }

    /// Puts an instance where it says. False, and it is gone, if that place isn't free.
    pub fn place(&mut self, instance: Instance) -> bool {
        let free = self.is_free(instance.span(), None);
        if free {
            self.instances.push(instance);
        }
        free
    }

    /// Takes an instance off.
    pub fn remove(&mut self, context: &str) -> Option<Instance> {
        let position = self.instances.iter().position(|instance| instance.placed.context == context)?;
        Some(self.instances.remove(position))
    }

    /// Takes all instances of a package off.
    pub fn remove_package(&mut self, package: &str) -> Vec<Instance> {
        self.instances.extract_if(.., |instance| instance.placed.package == package).collect()
    }

    /// An instance by its context.
    #[must_use]
    pub fn get(&self, context: &str) -> Option<&Instance> {
        self.instances.iter().find(|instance| instance.placed.context == context)
    }

    /// An instance by its context, to change.
    pub fn get_mut(&mut self, context: &str) -> Option<&mut Instance> {
        self.instances.iter_mut().find(|instance| instance.placed.context == context)
    }

    /// All of them.
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
    fn nothing_overlaps_or_leaves_the_panel() {
        let (small, wide) = (widget(1, &[]), widget(1, &[(3, 2)]));
        let mut panel = Panel::default();
        assert!(panel.place(at("wide", 1, 1, &wide)));
        for (column, row) in [(1, 1), (3, 2)] {
            assert!(!panel.place(at("x", column, row, &small)), "{column}, {row} is taken");
        }
        for (column, row) in [(0, 1), (4, 1), (1, 0), (3, 3)] {
            assert!(panel.is_free(at("x", column, row, &small).span(), None), "{column}, {row} is free");
        }
        for (column, row) in [(5, 0), (0, 4), (255, 0), (0, 255)] {
            assert!(!panel.place(at("x", column, row, &small)), "{column}, {row} is outside");
        }
        let moved = Span { column: 2, ..panel.get("wide").unwrap().span() };
        assert!(!panel.is_free(moved, None) && panel.is_free(moved, Some("wide")), "it may move over itself");
        assert!(!panel.is_free(Span { column: 3, ..moved }, Some("wide")), "beyond the right edge");
    }

    #[test]
    fn titles_and_images_go_to_one_state_or_to_all() {
        let mut instance = at("c", 0, 0, &widget(2, &[]));
        assert_eq!(instance.titles(), ["from the package"; 2]);
        instance.set_title("one", Some(1));
        instance.set_image(Some("data:image/png;base64,AA".into()), Some("words".into()), None);
        instance.set_image(Some("data:image/png;base64,BB".into()), None, Some(1));
        instance.set_image(Some("data:image/png;base64,CC".into()), None, Some(7));
        assert_eq!(instance.shown().0, "from the package");
        assert_eq!(instance.shown().2, Some("words"));
        assert!(instance.set_state(1) && !instance.set_state(2));
        assert_eq!((instance.shown().0, instance.shown().1.unwrap().as_ref()), ("one", "data:image/png;base64,BB"));
        instance.set_users_title("mine");
        assert_eq!((instance.titles(), instance.placed.title.as_deref()), (vec!["mine".to_owned(); 2], Some("mine")));
    }

    #[test]
    fn what_an_update_of_the_package_took_away_is_no_trouble() {
        let placed = Placed { state: 5, layout: 0, ..Placed::default() };
        assert_eq!(Instance::new(placed, &widget(2, &[])).unwrap().placed.state, 1);
        assert!(Instance::new(Placed { layout: 3, ..Placed::default() }, &widget(1, &[(3, 2)])).is_none());
        assert_eq!(at("c", 0, 0, &widget(0, &[])).wire_state(), None);
    }
}
