//! Widgets as types: a [`Widget`] has a type of settings and async handlers, and [`Widgets::run`] calls them.
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
//! # Order
//!
//! The handlers of one instance run one after another, in the order of the host's events. Those of different instances run
//! concurrently, so a handler that waits for the network holds up its own instance only. A handler that blocks the thread holds
//! up all of them: use `tokio::task::spawn_blocking`.
//!
//! # Errors and panics
//!
//! An error that a handler returns is written to the host's log, and the package goes on. A panic ends the package, which the
//! host starts again.
//!
//! # For those who know another SDK
//!
//! [`Widget`] is what `Action` is in [openaction](https://docs.rs/openaction) and `SingletonAction<T>` in
//! [Elgato's SDK](https://docs.elgato.com/streamdeck/sdk/guides/actions); [`Instance`] is what their handlers get as `Instance`
//! and `ev.action`. Settings come with the instance. There are no dials: Creator Central's devices have keys.

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

/// Events that may wait for the handlers of one instance. While there are as many, no event is read from the host.
const QUEUE: usize = 64;

/// What a handler may fail with: any error, so that `?` works in handlers.
pub type Error = Box<dyn std::error::Error + Send + Sync>;

/// What a handler returns.
pub type Result<T = ()> = std::result::Result<T, Error>;

/// A kind of key that a package offers: its settings, and a handler for each event. Every handler is optional, and is written
/// as an `async fn`.
///
/// One value serves all instances of the widget, so state of a single instance belongs into its settings, or into a map by
/// [`Instance::id`].
pub trait Widget: Send + Sync + 'static {
    /// The widget's UUID in the package file.
    const UUID: &'static str;

    /// The settings of one instance. Put `#[serde(default)]` on the type, so that settings which an older version or a
    /// property view has stored without some of the members can still be read.
    type Settings: Serialize + DeserializeOwned + Default + Send + Sync + 'static;

    /// An instance has become visible: show something on it. It is called again when the host has restarted, because a new
    /// host knows nothing of what was shown before.
    fn will_appear(&self, _instance: &mut Instance<Self::Settings>) -> impl Future<Output = Result> + Send {
        async { Ok(()) }
    }

    /// An instance is no longer visible. Also called, before [`Widget::will_appear`], when the host has restarted.
    fn will_disappear(&self, _instance: &mut Instance<Self::Settings>) -> impl Future<Output = Result> + Send {
        async { Ok(()) }
    }

    /// A key went down.
    fn key_down(&self, _instance: &mut Instance<Self::Settings>) -> impl Future<Output = Result> + Send {
        async { Ok(()) }
    }

    /// A key came up, wherever the finger was by then.
    fn key_up(&self, _instance: &mut Instance<Self::Settings>) -> impl Future<Output = Result> + Send {
        async { Ok(()) }
    }

    /// A key was pressed and released within itself, or a multi-action key has reached the widget's step. Most widgets
    /// act here.
    fn triggered(&self, _instance: &mut Instance<Self::Settings>) -> impl Future<Output = Result> + Send {
        async { Ok(()) }
    }

    /// The host has sent the settings of an instance: after [`Instance::request_settings`], and after a change by a property
    /// view or by [`Instance::update_settings`]. [`Instance::settings`] has the new ones.
    fn did_receive_settings(&self, _instance: &mut Instance<Self::Settings>) -> impl Future<Output = Result> + Send {
        async { Ok(()) }
    }

    /// The host has sent the titles of an instance, one for each state: after a request, or a change by the user.
    fn did_receive_titles(
        &self,
        _instance: &mut Instance<Self::Settings>,
        _titles: Vec<String>,
    ) -> impl Future<Output = Result> + Send {
        async { Ok(()) }
    }

    /// The property view of an instance has been opened.
    fn property_view_did_appear(
        &self,
        _instance: &mut Instance<Self::Settings>,
    ) -> impl Future<Output = Result> + Send {
        async { Ok(()) }
    }

    /// The property view of an instance has been closed.
    fn property_view_did_disappear(
        &self,
        _instance: &mut Instance<Self::Settings>,
    ) -> impl Future<Output = Result> + Send {
        async { Ok(()) }
    }

    /// The property view of an instance has sent a message. [`Instance::send_to_property_view`] answers it.
    fn did_receive_message(
        &self,
        _instance: &mut Instance<Self::Settings>,
        _message: Value,
    ) -> impl Future<Output = Result> + Send {
        async { Ok(()) }
    }

    /// How often [`Widget::tick`] is called for each visible instance, from its appearance on; never if `None`.
    fn tick_interval(&self) -> Option<Duration> {
        None
    }

    /// [`Widget::tick_interval`] has passed. Left out for an instance whose handlers are still busy.
    fn tick(&self, _instance: &mut Instance<Self::Settings>) -> impl Future<Output = Result> + Send {
        async { Ok(()) }
    }
}

/// Why settings can't be stored.
#[derive(Debug, thiserror::Error)]
pub enum SettingsError {
    /// The type can't be written as JSON.
    #[error("settings can't be written as JSON")]
    Serialize(#[from] serde_json::Error),
    /// The type isn't a struct or a map.
    #[error("settings have to be a JSON object")]
    NotAnObject,
}

/// A visible instance of a widget, with its settings. Its commands neither wait nor fail, as those of [`Host`].
///
/// A clone keeps the settings of the moment, and its commands go to the same instance. A task that outlives a handler takes one.
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
    /// Identifies the instance for as long as it exists.
    #[must_use]
    pub fn id(&self) -> &InstanceId {
        &self.id
    }

    /// The instance's settings; the default ones where the host has none, or none that can be read.
    #[must_use]
    pub fn settings(&self) -> &S {
        &self.settings
    }

    /// The state that the host reported when the instance appeared, zero-based.
    #[must_use]
    pub fn state(&self) -> u32 {
        self.state
    }

    /// The instance's layout, if the host reports it.
    #[must_use]
    pub fn layout(&self) -> Option<&Layout> {
        self.layout.as_ref()
    }

    /// The host, for commands that concern the whole package.
    #[must_use]
    pub fn host(&self) -> &Host {
        &self.host
    }

    /// Shows a picture: see [`Host::set_image`].
    pub fn set_image(&self, image: &Image, description: &str) {
        self.host.set_image(&self.id, image, description);
    }

    /// Changes the title of every state.
    pub fn set_title(&self, title: &str) {
        self.host.set_title(&self.id, title);
    }

    /// Shows another of the widget's states, zero-based.
    pub fn set_state(&self, state: u32) {
        self.host.set_state(&self.id, state);
    }

    /// Shows an effect over the key until it is cleared.
    pub fn set_effect(&self, effect: Effect) {
        self.host.set_effect(&self.id, effect);
    }

    /// Asks the host for the settings: [`Widget::did_receive_settings`].
    pub fn request_settings(&self) {
        self.host.request_settings(&self.id);
    }

    /// Asks the host for the titles: [`Widget::did_receive_titles`].
    pub fn request_titles(&self) {
        self.host.request_titles(&self.id);
    }

    /// Sends a message to the instance's property view, if it is open.
    pub fn send_to_property_view(&self, message: Value) {
        self.host.send_to_page(&Page { widget: self.widget.to_owned(), context: self.id.to_string() }, message);
    }
}

impl<S: Serialize> Instance<S> {
    /// Changes the settings and has the host store all of them. The host then sends them back:
    /// [`Widget::did_receive_settings`].
    ///
    /// Members that the type doesn't have are lost. Hosts keep settings in a plain file, so they are no place for secrets.
    ///
    /// # Errors
    /// If the settings can't be written as a JSON object. They are changed all the same, and nothing is sent.
    pub fn update_settings(&mut self, change: impl FnOnce(&mut S)) -> std::result::Result<(), SettingsError> {
        change(&mut self.settings);
        match serde_json::to_value(&self.settings)? {
            Value::Object(settings) => self.host.save_settings(&self.id, settings),
            _ => return Err(SettingsError::NotAnObject),
        }
        Ok(())
    }
}

/// The widgets of a package, and what [`Widgets::run`] calls.
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
    /// No widgets yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a widget.
    ///
    /// # Panics
    /// If there is one of this UUID already.
    #[must_use]
    pub fn register<W: Widget>(mut self, widget: W) -> Self {
        // An interval of zero would leave no time for anything else.
        let interval = widget.tick_interval().map(|interval| interval.max(Duration::from_millis(1)));
        let registered = Registered { interval, next_tick: None, factory: Box::new(Factory(Arc::new(widget))) };
        assert!(self.registered.insert(W::UUID, registered).is_none(), "there are two widgets {}", W::UUID);
        self
    }

    /// Calls the widgets' handlers until the package ends, which cancels the handlers that still run.
    pub async fn run(self, host: Host, mut events: Events) {
        let mut runner =
            Runner { host, registered: self.registered, slots: HashMap::new(), running: FuturesUnordered::new() };
        let mut stopped = events.stopped();
        loop {
            let has_space = runner.slots.values().all(|slot| slot.queue.len() < QUEUE);
            let next_tick = runner.next_tick();
            tokio::select! {
                event = events.next(), if has_space => match event {
                    Some(event) => runner.on_event(event),
                    None => return,
                },
                Some((id, live)) = runner.running.next() => runner.on_handled(&id, live),
                () = wait_until(next_tick) => runner.on_tick(),
                // A handler that never ends doesn't keep the package from ending.
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

/// A widget of the package.
struct Registered {
    factory: Box<dyn MakeLive>,
    interval: Option<Duration>,
    /// None while no instance is visible.
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

/// The events of one instance, and the instance itself.
struct Slot {
    widget: &'static str,
    /// Whether the host shows it. One that isn't visible goes once its queue is empty.
    visible: bool,
    queue: VecDeque<Call>,
    /// None while a handler has it.
    live: Option<Box<dyn Live>>,
}

/// Calls the handlers.
struct Runner {
    host: Host,
    registered: HashMap<&'static str, Registered>,
    slots: HashMap<InstanceId, Slot>,
    /// At most one handler an instance.
    running: FuturesUnordered<BoxFuture<'static, (InstanceId, Box<dyn Live>)>>,
}

impl Runner {
    fn on_event(&mut self, event: Event) {
        match event {
            // The host sends its instances again.
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
            live: Some(registered.factory.make(&self.host, &id)),
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

    /// Calls a handler once those before it have ended. Does nothing for an instance that isn't visible.
    fn call(&mut self, id: &InstanceId, call: Call) {
        if let Some(slot) = self.slots.get_mut(id).filter(|slot| slot.visible) {
            slot.queue.push_back(call);
            self.start(id);
        }
    }

    /// Starts an instance's next handler, unless one is running.
    fn start(&mut self, id: &InstanceId) {
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

    fn on_handled(&mut self, id: &InstanceId, live: Box<dyn Live>) {
        if let Some(slot) = self.slots.get_mut(id) {
            slot.live = Some(live);
            self.start(id);
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

/// Makes instances of a widget whose type is erased.
trait MakeLive: Send + Sync {
    fn make(&self, host: &Host, id: &InstanceId) -> Box<dyn Live>;
}

struct Factory<W>(Arc<W>);

impl<W: Widget> MakeLive for Factory<W> {
    fn make(&self, host: &Host, id: &InstanceId) -> Box<dyn Live> {
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

/// An instance whose widget's type is erased.
trait Live: Send {
    /// Runs the handler of an event, and returns the instance.
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
    /// Returns the handler's name and its result.
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

    /// Takes over what the host has sent. Settings that can't be read leave those before them.
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
        tracing::warn!(widget, %id, message, "a widget has failed");
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

    /// A runner whose host isn't there.
    fn runner() -> Runner {
        let args =
            StartArgs { port: 1, package_uuid: "com.x".into(), register_event: "reg".into(), info: String::new() };
        let registered = Widgets::new().register(Clock).registered;
        Runner {
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

    async fn finish_handlers(runner: &mut Runner) {
        while let Some((id, live)) = runner.running.next().await {
            runner.on_handled(&id, live);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn no_tick_is_due_while_nothing_is_visible() {
        let mut runner = runner();
        assert_eq!(runner.next_tick(), None);
        runner.on_event(appeared("a"));
        assert_eq!(runner.next_tick(), Some(Instant::now() + MINUTE));
        runner.on_event(Event::Disappeared("a".into()));
        finish_handlers(&mut runner).await;
        tokio::time::advance(MINUTE).await;
        runner.on_tick();
        assert_eq!(runner.next_tick(), None);
        runner.on_event(appeared("b"));
        assert_eq!(runner.next_tick(), Some(Instant::now() + MINUTE));
    }

    #[tokio::test(start_paused = true)]
    async fn busy_instance_is_left_out_by_a_tick() {
        let mut runner = runner();
        runner.on_event(appeared("busy"));
        tokio::time::advance(MINUTE).await;
        runner.on_tick();
        assert!(runner.slots[&InstanceId::from("busy")].queue.is_empty());
    }

    #[tokio::test(start_paused = true)]
    async fn instance_that_has_disappeared_is_forgotten() {
        let mut runner = runner();
        runner.on_event(appeared("a"));
        runner.on_event(Event::Disappeared("a".into()));
        finish_handlers(&mut runner).await;
        assert!(runner.slots.is_empty());
    }
}
