//! The deck's page: the JSON forms of packages and instances, and the queue of events to one page.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

use host_sdk::protocol::{EffectKind, FontAttribute};
use serde::Serialize;
use tokio::sync::Notify;

use crate::log::Entry;
use crate::preferences::Choices;
use crate::state::{self, Area};

/// Events that may wait for a page. One that falls further behind is disconnected; it reconnects and receives the whole
/// state.
const MAX_EVENTS: usize = 2000;

/// Everything that a page shows.
#[derive(Clone, Debug, Serialize)]
pub struct State {
    /// The host.
    pub application: Application,
    /// The installed packages.
    pub packages: Vec<Package>,
    /// The package of the deck's own widgets.
    pub own: Package,
    /// The grid.
    pub panel: Grid,
    /// The function keys beside it.
    pub keys: Grid,
    /// Profiles, sleep, undo, notice.
    pub deck: Deck,
    /// The instances of the current profile and page.
    pub instances: Vec<Instance>,
}

/// The device: its profiles, whether it sleeps, undo and preferences.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Deck {
    /// The hotkey profiles, in the order of their tabs.
    pub profiles: Vec<Profile>,
    /// The id of the current profile.
    pub active: String,
    /// The page of its grid that is shown, zero-based.
    pub page: u8,
    /// The number of keys on each of its pages.
    pub pages: Vec<usize>,
    /// Whether the device sleeps.
    pub asleep: bool,
    /// The name of the step that would be undone, if any; see `hub::history`.
    pub undo: Option<&'static str>,
    /// The name of the step that would be redone, if any.
    pub redo: Option<&'static str>,
    /// How often a step was done, undone or redone since the program started.
    pub revision: u64,
    /// The key that can be pasted, if there is one.
    pub clipboard: Option<Clipboard>,
    /// The keys of a starter Panel, if one is offered.
    pub starter: Vec<StarterKey>,
    /// The user's preferences of the deck itself.
    pub preferences: Choices,
    /// The language that packages receive when they start.
    pub language: String,
    /// Whether it was chosen on the command line, so that the user's choice has no effect.
    #[serde(rename = "languageFixed")]
    pub is_language_fixed: bool,
    /// What the user has to know, in sentences.
    pub notice: Option<String>,
}

/// A key of a starter Panel, on the grid.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct StarterKey {
    /// The package's UUID.
    pub package: String,
    /// The widget's UUID.
    pub widget: String,
    /// Index into the widget's layouts.
    pub layout: usize,
    /// Zero-based.
    pub column: u8,
    /// Zero-based.
    pub row: u8,
    /// Columns.
    pub width: u8,
    /// Rows.
    pub height: u8,
}

/// A key that can be pasted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Clipboard {
    /// Its context.
    pub context: String,
    /// Whether pasting moves it.
    pub cut: bool,
}

/// A hotkey profile.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Profile {
    /// Its id, which never changes.
    pub id: String,
    /// The name that the user gave it.
    pub name: String,
}

impl Profile {
    /// Returns a profile as the page sees it.
    #[must_use]
    pub fn of(profile: &state::Profile) -> Self {
        Self { id: profile.id.clone(), name: profile.name.clone() }
    }
}

/// What of an instance the user has edited.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Edited {
    /// Whether the title is the user's.
    pub title: bool,
    /// Whether the font is the user's.
    pub font: bool,
    /// The states whose icon is the user's.
    pub icons: Vec<u32>,
}

/// The host.
#[derive(Clone, Debug, Serialize)]
pub struct Application {
    /// Its name.
    pub name: &'static str,
    /// Its version.
    pub version: &'static str,
    /// The user's language.
    pub language: String,
}

/// The Panel's grid.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Grid {
    /// Columns.
    pub columns: u8,
    /// Rows.
    pub rows: u8,
}

/// The state of a package.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    /// It has registered.
    Running,
    /// It was started, or has lost its socket, and hasn't registered yet.
    Starting,
    /// It ended and is about to be started again.
    Restarting,
    /// It is a web package, and no page of the deck that could run it is open.
    Waiting,
    /// The user has unloaded it.
    Stopped,
    /// It can't run, or died too often.
    Failed,
}

/// A package.
#[derive(Clone, Debug, Serialize)]
pub struct Package {
    /// Its UUID.
    pub uuid: String,
    /// Its name in the user's language.
    pub name: String,
    /// Its version.
    pub version: String,
    /// What it does.
    pub description: String,
    /// Address of its icon.
    pub icon: Option<String>,
    /// A web page about it.
    pub url: Option<String>,
    /// Its state.
    pub status: Status,
    /// Why it isn't running, or what it needs.
    pub message: Option<String>,
    /// Whether starting it may help while it doesn't run: it has something that runs here.
    #[serde(rename = "canStart")]
    pub can_start: bool,
    /// Whether it runs in the deck's page instead of as a program.
    pub web: bool,
    /// Grows whenever its files are read again, which outdates the page's views of them.
    pub loads: u64,
    /// Whether it has a settings page.
    pub settings: bool,
    /// The language that it received when it was started.
    pub language: String,
    /// Its widgets.
    pub widgets: Vec<Widget>,
}

/// A widget in the Widget List.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Widget {
    /// Its UUID.
    pub uuid: String,
    /// Its name in the user's language.
    pub name: String,
    /// What it does.
    pub tooltip: Option<String>,
    /// Address of its icon.
    pub icon: String,
    /// Whether the user may edit the title.
    pub title_editable: bool,
    /// Whether the user may edit how the title looks.
    pub title_view_editable: bool,
    /// Whether the user may change the icon.
    pub icon_editable: bool,
    /// Whether it can be a step of a multi-action key.
    pub multi_action_supported: bool,
    /// Whether it has a property view.
    pub property_view: bool,
    /// Its layouts, never empty.
    pub layouts: Vec<Layout>,
}

/// A layout in the layout picker.
#[derive(Clone, Debug, Serialize)]
pub struct Layout {
    /// Its name.
    pub title: String,
    /// Address of its picture.
    pub icon: Option<String>,
    /// Columns.
    pub width: u8,
    /// Rows.
    pub height: u8,
}

/// What is missing to use an instance.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Missing {
    /// `package`, `widget` or `space`: see [`state::Missing`].
    pub why: state::Missing,
    /// The name of its package, if known, else its UUID.
    pub package: String,
    /// The name of its widget, if known, else a part of its UUID.
    pub widget: String,
}

/// An instance on the Panel.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Instance {
    /// Its context.
    pub context: String,
    /// The package's UUID.
    pub package: String,
    /// The widget's UUID.
    pub widget: String,
    /// The part of the device: `grid` or `keys`.
    pub area: Area,
    /// Zero-based.
    pub column: u8,
    /// Zero-based.
    pub row: u8,
    /// Columns.
    pub width: u8,
    /// Rows.
    pub height: u8,
    /// Index into the widget's layouts.
    pub layout: usize,
    /// Zero-based.
    pub state: u32,
    /// The picture of its state, a data URI or an address. The members below are drawn over it, in this order.
    pub icon: Option<Arc<str>>,
    /// Drawn over the icon.
    pub title: Option<String>,
    /// The picture that its package shows over both, a data URI.
    pub image: Option<Arc<str>>,
    /// The image in words.
    pub description: Option<String>,
    /// The effect over all of it: `clear`, `press` or `invalid`.
    #[serde(serialize_with = "effect_name")]
    pub effect: EffectKind,
    /// A data URI to show instead of the effect.
    pub effect_image: Option<String>,
    /// How the title is drawn.
    pub font: Option<FontAttribute>,
    /// The number of its widget's states.
    pub states: usize,
    /// What the user has edited.
    pub edited: Edited,
    /// What is missing to use it; it is a placeholder then.
    pub missing: Option<Missing>,
    /// The multi-action key in whose list it is.
    pub parent: Option<String>,
    /// What a multi-action key does.
    pub steps: Vec<state::Step>,
}

impl Instance {
    /// Returns the topmost of its pictures, without the effect.
    #[must_use]
    pub fn picture(&self) -> Option<&Arc<str>> {
        self.image.as_ref().or(self.icon.as_ref())
    }
}

fn effect_name<S: serde::Serializer>(effect: &EffectKind, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(effect.name())
}

/// A web package to run in a hidden frame.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Frame {
    /// The package's UUID.
    pub package: String,
    /// The package's name in the user's language.
    pub name: String,
    /// Address of its page; a different one whenever it has to be loaded again.
    pub url: String,
}

/// An event that is sent to a page.
#[derive(Clone, Debug, Serialize)]
#[serde(tag = "type", rename_all = "camelCase")]
pub enum Event {
    /// Everything; the first event.
    State {
        /// Everything.
        state: Box<State>,
        /// The number of the receiving page, which its presses carry: see `Hub::press_from`.
        page: u64,
    },
    /// The packages have changed.
    Packages {
        /// All of them.
        packages: Vec<Package>,
    },
    /// An instance is new or has changed.
    Instance {
        /// The instance.
        instance: Box<Instance>,
    },
    /// An instance was removed.
    InstanceRemoved {
        /// Its context.
        context: String,
    },
    /// Profiles, sleep, undo or notice have changed.
    Deck {
        /// The device.
        deck: Box<Deck>,
    },
    /// Open a page in a new tab.
    OpenUrl {
        /// http or https.
        url: String,
        /// The package that requests it.
        package: String,
    },
    /// The web packages that this page has to run; it ends all others. For pages that have offered it.
    Frames {
        /// All of them.
        frames: Vec<Frame>,
    },
    /// Open a package's settings page.
    OpenSettings {
        /// The package's UUID.
        package: String,
    },
    /// A line of the log.
    Log(Arc<Entry>),
}

/// The queue of events to one page. Only the latest event of an instance waits: a page that draws more slowly than
/// packages send skips frames, but no other events.
#[derive(Debug, Default)]
pub struct Outbox {
    waiting: Mutex<Waiting>,
    more: Notify,
}

#[derive(Debug, Default)]
struct Waiting {
    events: VecDeque<Event>,
    closed: bool,
}

impl Outbox {
    /// Adds an event. Returns false if the page is too far behind and gets disconnected.
    pub fn push(&self, event: Event) -> bool {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        if let Event::InstanceRemoved { context } = &event {
            // Otherwise an instance that is added again would overtake its own removal.
            waiting
                .events
                .retain(|older| !matches!(older, Event::Instance { instance } if instance.context == *context));
        }
        let older = waiting.events.iter_mut().find(|older| match (older, &event) {
            (Event::Instance { instance: old }, Event::Instance { instance: new }) => old.context == new.context,
            (Event::Packages { .. }, Event::Packages { .. })
            | (Event::Deck { .. }, Event::Deck { .. })
            | (Event::Frames { .. }, Event::Frames { .. }) => true,
            _ => false,
        });
        match older {
            Some(older) => *older = event,
            None => waiting.events.push_back(event),
        }
        waiting.closed |= waiting.events.len() > MAX_EVENTS;
        self.more.notify_one();
        !waiting.closed
    }

    /// Ends the page's events.
    pub fn close(&self) {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner).closed = true;
        self.more.notify_one();
    }

    /// Returns the next event; none once the queue is closed. Cancel safe.
    pub async fn next(&self) -> Option<Event> {
        loop {
            {
                let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
                if waiting.closed {
                    return None;
                }
                if let Some(event) = waiting.events.pop_front() {
                    return Some(event);
                }
            }
            self.more.notified().await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn instance(context: &str, state: u32) -> Event {
        let instance = Instance {
            context: context.into(),
            package: String::new(),
            widget: String::new(),
            area: Area::Grid,
            column: 0,
            row: 0,
            width: 1,
            height: 1,
            layout: 0,
            state,
            icon: None,
            title: None,
            image: None,
            description: None,
            effect: EffectKind::Press,
            effect_image: None,
            font: None,
            states: 1,
            edited: Edited::default(),
            missing: None,
            parent: None,
            steps: Vec::new(),
        };
        Event::Instance { instance: Box::new(instance) }
    }

    #[tokio::test]
    async fn only_the_latest_event_of_an_instance_waits() {
        let outbox = Outbox::default();
        for n in 0..2 * u32::try_from(MAX_EVENTS).unwrap() {
            assert!(outbox.push(instance("a", n)));
        }
        outbox.push(instance("b", 0));
        let first = serde_json::to_value(outbox.next().await.unwrap()).unwrap();
        assert_eq!((first["type"].as_str(), first["instance"]["state"].as_u64()), (Some("instance"), Some(3999)));
        assert_eq!(first["instance"]["effect"], "press");
        outbox.next().await.unwrap();
        outbox.close();
        assert!(outbox.next().await.is_none());
    }

    #[tokio::test]
    async fn removed_instance_can_be_added_again() {
        let outbox = Outbox::default();
        outbox.push(instance("a", 0));
        outbox.push(Event::InstanceRemoved { context: "a".into() });
        outbox.push(instance("a", 1));
        assert!(matches!(outbox.next().await, Some(Event::InstanceRemoved { .. })));
        assert!(matches!(outbox.next().await, Some(Event::Instance { .. })));
    }

    #[tokio::test]
    async fn page_that_falls_too_far_behind_is_disconnected() {
        let outbox = Outbox::default();
        let event = || Event::InstanceRemoved { context: String::new() };
        assert!((0..MAX_EVENTS).all(|_| outbox.push(event())));
        assert!(!outbox.push(event()));
        assert!(outbox.next().await.is_none());
    }
}
