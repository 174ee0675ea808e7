//! Widgets with typed settings and async handlers.
//!
//! A type implements [`Widget`]; [`Widgets::run`] calls its handlers:
//!
//! ```
//! use host_sdk::abi::{Entry, PackageError};
//! use host_sdk::package::{Events, Host};
//! use host_sdk::protocol::StartArgs;
//! use host_sdk::widget::{Instance, Result, Widget, Widgets};
//! use serde::{Deserialize, Serialize};
//!
//! #[derive(Default, Serialize, Deserialize)]
//! #[serde(default)]
//! struct Settings {
//!     on: bool,
//! }
//!
//! struct Lamp;
//!
//! impl Widget for Lamp {
//!     const UUID: &'static str = "com.example.lamp.switch";
//!     type Settings = Settings;
//!
//!     async fn will_appear(&self, instance: &mut Instance<Settings>) -> Result {
//!         instance.set_title(if instance.settings().on { "On" } else { "Off" });
//!         Ok(())
//!     }
//!
//!     async fn key_down(&self, instance: &mut Instance<Settings>) -> Result {
//!         instance.update_settings(|settings| settings.on = !settings.on)?;
//!         self.will_appear(instance).await
//!     }
//! }
//!
//! struct Package;
//!
//! impl Entry for Package {
//!     const NAME: &'static str = "lamp";
//!     const VERSION: &'static str = env!("CARGO_PKG_VERSION");
//!
//!     async fn run(_: StartArgs, host: Host, events: Events) -> std::result::Result<(), PackageError> {
//!         Widgets::new().register(Lamp).run(host, events).await;
//!         Ok(())
//!     }
//! }
//!
//! host_sdk::export_package!(Package);
//! ```
//!
//! # Order and concurrency
//!
//! The handlers of one instance run one after another, in the order of the host's events. Handlers of different instances run
//! concurrently, so a handler that waits for the network delays only its own instance. A handler that blocks the thread delays
//! all instances: use [`tokio::task::spawn_blocking`].
//!
//! # Errors and panics
//!
//! If a handler returns an error, the error is written to the host's log, and the package continues. If a handler panics, the
//! package ends, and the host starts it again.
//!
//! # Coming from another SDK
//!
//! | here | [openaction](https://docs.rs/openaction) | [Stream Deck SDK](https://docs.elgato.com/streamdeck/sdk/guides/actions) |
//! |---|---|---|
//! | [`Widget`] | `Action` | `SingletonAction<T>` |
//! | [`Widget::Settings`] | `Action::Settings` | `T` |
//! | [`Instance`] | `Instance` | `ev.action` |
//! | [`Instance::settings`] | a handler's argument | `ev.payload.settings` |
//! | property view | property inspector | property inspector |
//!
//! There are no dials, because Creator Central's devices have only keys.

use std::collections::{HashMap, VecDeque};
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt as _;
use futures_util::future::BoxFuture;
use futures_util::stream::FuturesUnordered;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use tokio::time::{Instant, sleep_until};

use crate::package::{self, Effect, Event, Events, Host, Image, InstanceId, Layout, Page};

/// Capacity of an instance's queue of events. While one is full, no events are received from the host.
const QUEUE_CAPACITY: usize = 64;

/// The error of a handler: any error, so that `?` works in handlers.
pub type Error = Box<dyn std::error::Error + Send + Sync>;

/// The result of a handler.
pub type Result<T = ()> = std::result::Result<T, Error>;

/// A kind of key that a package offers: its settings, and a handler for each event. Every handler is optional, and is
/// implemented as an `async fn`.
///
/// One value serves all instances of the widget. Keep state of a single instance in its settings, or in a map by
/// [`Instance::id`].
pub trait Widget: Send + Sync + 'static {
    /// The widget's UUID in the package file.
    const UUID: &'static str;

    /// The settings of one instance. Put `#[serde(default)]` on the type, so that settings with missing members, as stored by an
    /// older version or by a property view, can still be deserialized.
    type Settings: Serialize + DeserializeOwned + Default + Send + Sync + 'static;

    /// An instance has become visible and needs something to show. Called again after the host has restarted, because a new host
    /// doesn't know what was shown before.
    fn will_appear(&self, _instance: &mut Instance<Self::Settings>) -> impl Future<Output = Result> + Send {
        async { Ok(()) }
    }

    /// An instance is no longer visible. Also called after the host has restarted, before [`Widget::will_appear`].
    fn will_disappear(&self, _instance: &mut Instance<Self::Settings>) -> impl Future<Output = Result> + Send {
        async { Ok(()) }
    }

    /// A key was pressed down.
    fn key_down(&self, _instance: &mut Instance<Self::Settings>) -> impl Future<Output = Result> + Send {
        async { Ok(()) }
    }

    /// A key was released, even if the finger has left it.
    fn key_up(&self, _instance: &mut Instance<Self::Settings>) -> impl Future<Output = Result> + Send {
        async { Ok(()) }
    }

    /// A key was pressed and released inside itself, or a multi-action key has reached the widget's step. This is where most
    /// widgets act.
    fn triggered(&self, _instance: &mut Instance<Self::Settings>) -> impl Future<Output = Result> + Send {
        async { Ok(()) }
    }

    /// The host has sent the settings of an instance: after it has appeared, after [`Instance::request_settings`], and after a
    /// change by a property view or by [`Instance::update_settings`]. [`Instance::settings`] returns the new ones.
    fn did_receive_settings(&self, _instance: &mut Instance<Self::Settings>) -> impl Future<Output = Result> + Send {
        async { Ok(()) }
    }

    /// The host has sent the titles of an instance, one for each state: after [`Instance::request_titles`], or a change by the
    /// user.
    fn did_receive_titles(
        &self,
        _instance: &mut Instance<Self::Settings>,
        _titles: Vec<String>,
    ) -> impl Future<Output = Result> + Send {
        async { Ok(()) }
    }

    /// The property view of an instance was opened.
    fn property_view_did_appear(
        &self,
        _instance: &mut Instance<Self::Settings>,
    ) -> impl Future<Output = Result> + Send {
        async { Ok(()) }
    }

    /// The property view of an instance was closed.
    fn property_view_did_disappear(
        &self,
        _instance: &mut Instance<Self::Settings>,
    ) -> impl Future<Output = Result> + Send {
        async { Ok(()) }
    }

    /// The property view of an instance has sent a message. Reply with [`Instance::send_to_property_view`].
    fn did_receive_message(
        &self,
        _instance: &mut Instance<Self::Settings>,
        _message: Value,
    ) -> impl Future<Output = Result> + Send {
        async { Ok(()) }
    }

    /// Returns the interval at which [`Widget::tick`] is called for each visible instance; `None` for never.
    fn tick_interval(&self) -> Option<Duration> {
        None
    }

    /// [`Widget::tick_interval`] has passed. Skipped for an instance with a handler that is still running.
    fn tick(&self, _instance: &mut Instance<Self::Settings>) -> impl Future<Output = Result> + Send {
        async { Ok(()) }
    }
}

/// Why settings can't be stored.
#[derive(Debug, thiserror::Error)]
pub enum SettingsError {
    /// The settings can't be serialized as JSON.
    #[error("settings can't be written as JSON")]
    Serialize(#[from] serde_json::Error),
    /// The type of the settings isn't a struct or a map.
    #[error("settings have to be a JSON object")]
    NotAnObject,
}

/// A visible instance of a widget, with its settings. Like those of [`Host`], its commands neither wait nor fail.
///
/// Clone it for a task that outlives the handler. A clone controls the same instance, but its settings are a snapshot.
#[derive(Clone, Debug)]
pub struct Instance<S> {
    host: Host,
    id: InstanceId,
    widget: &'static str,
    settings: S,
    state: u32,
    layout: Option<Layout>,
}

impl<S> Instance<S> {
    /// Returns the id, which identifies the instance for as long as it exists.
    #[must_use]
    pub fn id(&self) -> &InstanceId {
        &self.id
    }

    /// Returns the settings. They are the default if the host has none, or none that can be deserialized.
    #[must_use]
    pub fn settings(&self) -> &S {
        &self.settings
    }

    /// Returns the zero-based state that the host reported when the instance appeared.
    #[must_use]
    pub fn state(&self) -> u32 {
        self.state
    }

    /// Returns the layout, if the host reports it.
    #[must_use]
    pub fn layout(&self) -> Option<&Layout> {
        self.layout.as_ref()
    }

    /// Returns the host, for commands that concern the whole package.
    #[must_use]
    pub fn host(&self) -> &Host {
        &self.host
    }

    /// Shows a picture. `description` describes it for screen readers and tests: see [`Host::set_image`].
    pub fn set_image(&self, image: &Image, description: &str) {
        self.host.set_image(&self.id, image, description);
    }

    /// Changes the title in every state.
    pub fn set_title(&self, title: &str) {
        self.host.set_title(&self.id, title);
    }

    /// Switches to another state of the widget, numbered from zero.
    pub fn set_state(&self, state: u32) {
        self.host.set_state(&self.id, state);
    }

    /// Shows an effect over the key until it is cleared.
    pub fn set_effect(&self, effect: Effect) {
        self.host.set_effect(&self.id, effect);
    }

    /// Requests the settings: [`Widget::did_receive_settings`].
    pub fn request_settings(&self) {
        self.host.request_settings(&self.id);
    }

    /// Requests the titles: [`Widget::did_receive_titles`].
    pub fn request_titles(&self) {
        self.host.request_titles(&self.id);
    }

    /// Sends a message to the instance's property view, if it is open.
    pub fn send_to_property_view(&self, message: Value) {
        self.host.send_to_page(&Page { widget: self.widget.to_owned(), context: self.id.to_string() }, message);
    }
}

impl<S: Serialize> Instance<S> {
    /// Changes the settings and sends all of them to the host, which stores them and then calls
    /// [`Widget::did_receive_settings`].
    ///
    /// Stored members that the type doesn't have are lost. Hosts keep settings in a plain file, so they are no place for secrets.
    ///
    /// # Errors
    /// If the settings can't be serialized as a JSON object. Then they are changed, but not sent.
    pub fn update_settings(&mut self, change: impl FnOnce(&mut S)) -> std::result::Result<(), SettingsError> {
        change(&mut self.settings);
        match serde_json::to_value(&self.settings)? {
            Value::Object(settings) => self.host.save_settings(&self.id, settings),
            _ => return Err(SettingsError::NotAnObject),
        }
        Ok(())
    }
}

/// The widgets of a package.
#[derive(Default)]
pub struct Widgets {
    registered: HashMap<&'static str, Registered>,
}

impl fmt::Debug for Widgets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.registered.keys()).finish()
    }
}

impl Widgets {
    /// Creates an empty set of widgets.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a widget.
    ///
    /// # Panics
    /// If a widget with the same UUID is registered already.
    #[must_use]
    pub fn register<W: Widget>(mut self, widget: W) -> Self {
        // At least 1 ms, because an interval of zero would keep the loop busy.
        let interval = widget.tick_interval().map(|interval| interval.max(Duration::from_millis(1)));
        let registered = Registered { interval, next_tick: None, factory: Box::new(Factory(Arc::new(widget))) };
        assert!(self.registered.insert(W::UUID, registered).is_none(), "there are two widgets {}", W::UUID);
        self
    }

    /// Calls the widgets' handlers until the package has to end: see [`Events::next`]. Handlers that are still running then are
    /// cancelled.
    pub async fn run(self, host: Host, mut events: Events) {
        let mut dispatcher =
            Dispatcher { host, registered: self.registered, slots: HashMap::new(), running: FuturesUnordered::new() };
        let mut stopped = events.stopped();
        loop {
            let has_space = dispatcher.slots.values().all(|slot| slot.queue.len() < QUEUE_CAPACITY);
            let next_tick = dispatcher.next_tick();
            tokio::select! {
                event = events.next(), if has_space => match event {
                    Some(event) => dispatcher.on_event(event),
                    None => return,
                },
                Some((id, live)) = dispatcher.running.next() => dispatcher.on_handler_done(&id, live),
                () = wait_until(next_tick) => dispatcher.on_tick(),
                // Without it, a handler that never ends would keep the package from ending.
                _ = stopped.wait_for(|stopped| *stopped), if !has_space => return,
            }
        }
    }
}

async fn wait_until(moment: Option<Instant>) {
    match moment {
        Some(moment) => sleep_until(moment).await,
        None => std::future::pending().await,
    }
}

/// A registered widget.
struct Registered {
    factory: Box<dyn CreateLive>,
    interval: Option<Duration>,
    /// `None` while no instance is visible.
    next_tick: Option<Instant>,
}

/// An event of one instance.
#[derive(Debug)]
enum Call {
    WillAppear(package::Instance),
    WillDisappear,
    KeyDown,
    KeyUp,
    Triggered,
    DidReceiveSettings(package::Settings),
    DidReceiveTitles(Vec<String>),
    PropertyViewDidAppear,
    PropertyViewDidDisappear,
    DidReceiveMessage(Value),
    Tick,
}

/// An instance and its queue of events.
struct Slot {
    widget: &'static str,
    /// Whether the host shows it. If not, the slot is removed once its queue is empty.
    visible: bool,
    queue: VecDeque<Call>,
    /// `None` while a handler is running, which owns it.
    live: Option<Box<dyn Live>>,
}

/// Dispatches events to handlers.
struct Dispatcher {
    host: Host,
    registered: HashMap<&'static str, Registered>,
    slots: HashMap<InstanceId, Slot>,
    /// The running handlers, at most one for each instance.
    running: FuturesUnordered<BoxFuture<'static, (InstanceId, Box<dyn Live>)>>,
}

impl Dispatcher {
    fn on_event(&mut self, event: Event) {
        match event {
            // Every instance appears again.
            Event::Connected => {
                let visible: Vec<_> =
                    self.slots.iter().filter(|(_, slot)| slot.visible).map(|(id, _)| id.clone()).collect();
                visible.iter().for_each(|id| self.on_disappeared(id));
            }
            Event::Appeared(instance) => self.on_appeared(instance),
            Event::Disappeared(id) => self.on_disappeared(&id),
            Event::Pressed(id) => self.call(&id, Call::KeyDown),
            Event::Released(id) => self.call(&id, Call::KeyUp),
            Event::Triggered(id) => self.call(&id, Call::Triggered),
            Event::Settings(id, settings) => self.call(&id, Call::DidReceiveSettings(settings)),
            Event::Titles(id, titles) => self.call(&id, Call::DidReceiveTitles(titles)),
            Event::PageOpened(page) => self.call(&page.context.as_str().into(), Call::PropertyViewDidAppear),
            Event::PageClosed(page) => self.call(&page.context.as_str().into(), Call::PropertyViewDidDisappear),
            Event::PageMessage(page, message) => {
                self.call(&page.context.as_str().into(), Call::DidReceiveMessage(message));
            }
            Event::Disconnected | Event::PackageSettings(_) | Event::Icons(..) | Event::Font(..) => {}
        }
    }

    fn on_appeared(&mut self, instance: package::Instance) {
        let Some((&widget, registered)) = self.registered.get_key_value(instance.widget.as_str()) else {
            self.host.log(format!("the package has no widget {}", instance.widget));
            return;
        };
        let id = instance.id.clone();
        let slot = self.slots.entry(id.clone()).or_insert_with(|| Slot {
            widget,
            visible: true,
            queue: VecDeque::new(),
            live: Some(registered.factory.create(&self.host, &id)),
        });
        slot.visible = true;
        self.call(&id, Call::WillAppear(instance));
        if let Some(registered) = self.registered.get_mut(widget).filter(|registered| registered.next_tick.is_none()) {
            registered.schedule();
        }
    }

    fn on_disappeared(&mut self, id: &InstanceId) {
        self.call(id, Call::WillDisappear);
        if let Some(slot) = self.slots.get_mut(id) {
            slot.visible = false;
        }
    }

    /// Queues a call of a handler. Does nothing for an instance that isn't visible.
    fn call(&mut self, id: &InstanceId, call: Call) {
        if let Some(slot) = self.slots.get_mut(id).filter(|slot| slot.visible) {
            slot.queue.push_back(call);
            self.start_next(id);
        }
    }

    /// Starts an instance's next handler, unless one is running.
    fn start_next(&mut self, id: &InstanceId) {
        let Some(slot) = self.slots.get_mut(id) else { return };
        let Some(live) = slot.live.take() else { return };
        match slot.queue.pop_front() {
            Some(call) => self.running.push(live.handle(call)),
            None if slot.visible => slot.live = Some(live),
            None => {
                self.slots.remove(id);
            }
        }
    }

    fn on_handler_done(&mut self, id: &InstanceId, live: Box<dyn Live>) {
        if let Some(slot) = self.slots.get_mut(id) {
            slot.live = Some(live);
            self.start_next(id);
        }
    }

    fn next_tick(&self) -> Option<Instant> {
        self.registered.values().filter_map(|registered| registered.next_tick).min()
    }

    fn on_tick(&mut self) {
        let now = Instant::now();
        let due = |registered: &Registered| registered.next_tick.is_some_and(|next| next <= now);
        let mut idle = Vec::new();
        for (id, slot) in self.slots.iter().filter(|(_, slot)| slot.visible) {
            if slot.live.is_some() && due(&self.registered[slot.widget]) {
                idle.push(id.clone());
            }
        }
        for (widget, registered) in self.registered.iter_mut().filter(|(_, registered)| due(registered)) {
            registered.next_tick = None;
            if self.slots.values().any(|slot| slot.visible && slot.widget == *widget) {
                registered.schedule();
            }
        }
        idle.iter().for_each(|id| self.call(id, Call::Tick));
    }
}

impl Registered {
    fn schedule(&mut self) {
        self.next_tick = self.interval.map(|interval| Instant::now() + interval);
    }
}

/// Creates instances of a widget with an erased type.
trait CreateLive: Send + Sync {
    fn create(&self, host: &Host, id: &InstanceId) -> Box<dyn Live>;
}

struct Factory<W>(Arc<W>);

impl<W: Widget> CreateLive for Factory<W> {
    fn create(&self, host: &Host, id: &InstanceId) -> Box<dyn Live> {
        let instance = Instance {
            host: host.clone(),
            id: id.clone(),
            widget: W::UUID,
            settings: W::Settings::default(),
            state: 0,
            layout: None,
        };
        Box::new(LiveInstance { widget: self.0.clone(), instance })
    }
}

/// An instance of a widget with an erased type.
trait Live: Send {
    /// Runs the handler for a call and returns the instance.
    fn handle(self: Box<Self>, call: Call) -> BoxFuture<'static, (InstanceId, Box<dyn Live>)>;
}

struct LiveInstance<W: Widget> {
    widget: Arc<W>,
    instance: Instance<W::Settings>,
}

impl<W: Widget> Live for LiveInstance<W> {
    fn handle(mut self: Box<Self>, call: Call) -> BoxFuture<'static, (InstanceId, Box<dyn Live>)> {
        Box::pin(async move {
            let (handler, result) = self.dispatch(call).await;
            if let Err(error) = result {
                self.log(&format!("{handler} failed: {error}"));
            }
            (self.instance.id.clone(), self as Box<dyn Live>)
        })
    }
}

impl<W: Widget> LiveInstance<W> {
    /// Runs the handler for a call. Returns its name and result.
    async fn dispatch(&mut self, call: Call) -> (&'static str, Result) {
        let widget = self.widget.clone();
        match call {
            Call::WillAppear(package::Instance { settings, state, layout, .. }) => {
                self.read_settings(settings);
                self.instance.state = state;
                self.instance.layout = layout;
                ("will_appear", widget.will_appear(&mut self.instance).await)
            }
            Call::WillDisappear => ("will_disappear", widget.will_disappear(&mut self.instance).await),
            Call::KeyDown => ("key_down", widget.key_down(&mut self.instance).await),
            Call::KeyUp => ("key_up", widget.key_up(&mut self.instance).await),
            Call::Triggered => ("triggered", widget.triggered(&mut self.instance).await),
            Call::DidReceiveSettings(settings) => {
                self.read_settings(settings);
                ("did_receive_settings", widget.did_receive_settings(&mut self.instance).await)
            }
            Call::DidReceiveTitles(titles) => {
                ("did_receive_titles", widget.did_receive_titles(&mut self.instance, titles).await)
            }
            Call::PropertyViewDidAppear => {
                ("property_view_did_appear", widget.property_view_did_appear(&mut self.instance).await)
            }
            Call::PropertyViewDidDisappear => {
                ("property_view_did_disappear", widget.property_view_did_disappear(&mut self.instance).await)
            }
            Call::DidReceiveMessage(message) => {
                ("did_receive_message", widget.did_receive_message(&mut self.instance, message).await)
            }
            Call::Tick => ("tick", widget.tick(&mut self.instance).await),
        }
    }

    /// Replaces the settings. If they can't be deserialized, logs that and keeps the previous ones.
    fn read_settings(&mut self, settings: package::Settings) {
        if settings.is_empty() {
            self.instance.settings = W::Settings::default();
            return;
        }
        match serde_json::from_value(Value::Object(settings)) {
            Ok(settings) => self.instance.settings = settings,
            Err(error) => self.log(&format!("the settings can't be read: {error}")),
        }
    }

    fn log(&self, message: &str) {
        let (widget, id) = (W::UUID, &self.instance.id);
        tracing::warn!(widget, %id, message, "a handler failed");
        self.instance.host.log(format!("{widget} {id}: {message}"));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::package::open_connection;
    use crate::protocol::StartArgs;

    const MINUTE: Duration = Duration::from_secs(60);

    struct Clock;

    impl Widget for Clock {
        const UUID: &'static str = "com.x.clock";
        type Settings = package::Settings;

        fn tick_interval(&self) -> Option<Duration> {
            Some(MINUTE)
        }
    }

    /// Creates a dispatcher without a host.
    fn dispatcher() -> Dispatcher {
        let args =
            StartArgs { port: 1, package_uuid: "com.x".into(), register_event: "reg".into(), info: String::new() };
        let registered = Widgets::new().register(Clock).registered;
        Dispatcher {
            host: open_connection(&args).host,
            registered,
            slots: HashMap::new(),
            running: FuturesUnordered::new(),
        }
    }

    fn appeared(id: &str) -> Event {
        Event::Appeared(package::Instance {
            id: id.into(),
            widget: Clock::UUID.into(),
            settings: package::Settings::new(),
            state: 0,
            layout: None,
        })
    }

    async fn finish_handlers(dispatcher: &mut Dispatcher) {
        while let Some((id, live)) = dispatcher.running.next().await {
            dispatcher.on_handler_done(&id, live);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn no_tick_is_scheduled_while_nothing_is_visible() {
        let mut dispatcher = dispatcher();
        assert_eq!(dispatcher.next_tick(), None);
        dispatcher.on_event(appeared("a"));
        assert_eq!(dispatcher.next_tick(), Some(Instant::now() + MINUTE));
        dispatcher.on_event(Event::Disappeared("a".into()));
        finish_handlers(&mut dispatcher).await;
        tokio::time::advance(MINUTE).await;
        dispatcher.on_tick();
        assert_eq!(dispatcher.next_tick(), None);
        dispatcher.on_event(appeared("b"));
        assert_eq!(dispatcher.next_tick(), Some(Instant::now() + MINUTE));
    }

    #[tokio::test(start_paused = true)]
    async fn tick_skips_busy_instances() {
        let mut dispatcher = dispatcher();
        dispatcher.on_event(appeared("busy"));
        tokio::time::advance(MINUTE).await;
        dispatcher.on_tick();
        assert!(dispatcher.slots[&InstanceId::from("busy")].queue.is_empty());
    }

    #[tokio::test(start_paused = true)]
    async fn slot_of_disappeared_instance_is_removed() {
        let mut dispatcher = dispatcher();
        dispatcher.on_event(appeared("a"));
        dispatcher.on_event(Event::Disappeared("a".into()));
        finish_handlers(&mut dispatcher).await;
        assert!(dispatcher.slots.is_empty());
    }
}
