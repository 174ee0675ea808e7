//! The package's connection to the host: it registers, reconnects when the socket drops, and converts the host's messages to
//! [`Event`]s. Commands go through [`Host`].
//!
//! Messages of the protocol don't appear in this API, so that a package runs unchanged on hosts with another protocol, once that
//! protocol is supported here.
//!
//! There are three ways to use it:
//!
//! - Widgets with typed settings ([`widget`](crate::widget)) are the simplest, and suit most packages.
//! - A loop over [`Events::next`] suits packages that have more to do than to handle the events of their widgets.
//! - One [`Package`] for all widgets has synchronous methods, which [`serve`] calls.
//!
//! ```no_run
//! use host_sdk::package::{Event, Events, Host};
//!
//! async fn run(host: Host, mut events: Events) {
//!     while let Some(event) = events.next().await {
//!         match event {
//!             Event::Appeared(instance) => host.set_title(&instance.id, "Ready"),
//!             Event::Triggered(id) => host.set_title(&id, "Pressed"),
//!             _ => {}
//!         }
//!     }
//! }
//! ```

use std::collections::{HashMap, VecDeque};
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use base64::Engine as _;
use futures_util::{SinkExt as _, StreamExt as _};
use serde_json::Value;
use tokio::net::TcpStream;
use tokio::sync::{Notify, mpsc, watch};
use tokio::task::JoinHandle;
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::tungstenite::{self, Message};
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream};

use crate::backoff::Backoff;
use crate::json::{self, MAX_DEPTH};
use crate::protocol::{ActionEffect, EffectKind, FromHost, StartArgs, ToHost};
pub use crate::protocol::{FontAttribute, Info, Layout, Settings};

/// Capacity of the queue of events. While it is full the socket isn't read, so that presses are never dropped.
const EVENT_CAPACITY: usize = 256;
/// Capacity of the queue of messages to the host. If it is full, because the host is disconnected, the oldest is dropped.
const OUTBOX_CAPACITY: usize = 4096;
/// Maximum size of a message from the host in bytes.
const MAX_MESSAGE: usize = 16 << 20;
/// The delays between attempts to connect.
const RECONNECT: Backoff = Backoff::new(Duration::from_millis(200), Duration::from_secs(5));
/// How long a host may take to accept a connection, including the WebSocket handshake. It is on the same computer.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// How long a host may take to receive the registration.
const REGISTER_TIMEOUT: Duration = Duration::from_secs(5);

/// Identifies an instance of a widget for as long as it exists.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct InstanceId(Arc<str>);

impl InstanceId {
    /// Returns the host's name for the instance, the `context` of its messages.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl From<&str> for InstanceId {
    fn from(id: &str) -> Self {
        Self(id.into())
    }
}

impl fmt::Display for InstanceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// An instance of a widget, as the host describes it when it appears.
#[derive(Clone, Debug, PartialEq)]
pub struct Instance {
    /// Its id.
    pub id: InstanceId,
    /// The UUID of its widget in the package file.
    pub widget: String,
    /// Its settings, if the host sends them with the message. [`Event::Settings`] follows in any case.
    pub settings: Settings,
    /// Its zero-based state; 0 if the widget has only one.
    pub state: u32,
    /// Its layout, if the host reports it.
    pub layout: Option<Layout>,
}

/// A page that exchanges messages with the package: the property view of an instance, or the package's settings page.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Page {
    /// The UUID of the widget, or of the package for its settings page.
    pub widget: String,
    /// The id of the instance, or the UUID of the package for its settings page.
    pub context: String,
}

/// An event from the host, or of the connection to it.
#[derive(Clone, Debug, PartialEq)]
pub enum Event {
    /// The host is connected, for the first time or again. It doesn't know what was shown before.
    Connected,
    /// The host is disconnected. Commands are queued until it is connected again, within limits.
    Disconnected,
    /// An instance has become visible. Repeated for a visible instance after a reconnect.
    Appeared(Instance),
    /// An instance is no longer visible.
    Disappeared(InstanceId),
    /// A key was pressed down.
    Pressed(InstanceId),
    /// A key was released, even if the finger has left it.
    Released(InstanceId),
    /// A key was pressed and released inside itself. Follows [`Event::Released`].
    Triggered(InstanceId),
    /// All settings of an instance, also after a change by the package itself.
    Settings(InstanceId, Settings),
    /// All settings of the package, also after a change by the package itself.
    PackageSettings(Settings),
    /// The titles of an instance, one for each state: after [`Host::request_titles`] or a change by the user.
    Titles(InstanceId, Vec<String>),
    /// The icons of an instance, one for each state: after [`Host::request_icons`] or a change by the user.
    Icons(InstanceId, Vec<String>),
    /// The font of an instance's title: after [`Host::request_font`] or a change by the user.
    Font(InstanceId, FontAttribute),
    /// A page was opened.
    PageOpened(Page),
    /// A page was closed.
    PageClosed(Page),
    /// A message from a page.
    PageMessage(Page, Value),
}

impl Event {
    fn from_message(message: FromHost) -> Option<Self> {
        let id = |context: String| InstanceId(context.into());
        Some(match message {
            FromHost::WidgetWillAppear { widget, context, state, settings, layout } => Self::Appeared(Instance {
                id: id(context),
                widget,
                settings: settings.unwrap_or_default(),
                state: state.unwrap_or_default(),
                layout,
            }),
            FromHost::WidgetWillDisappear { context, .. } => Self::Disappeared(id(context)),
            FromHost::ActionDown { context, .. } => Self::Pressed(id(context)),
            FromHost::ActionUp { context, .. } => Self::Released(id(context)),
            FromHost::ActionTriggered { context, .. } => Self::Triggered(id(context)),
            FromHost::DidReceiveWidgetSettings { context, settings, .. } => Self::Settings(id(context), settings),
            FromHost::DidReceivePackageSettings { settings } => Self::PackageSettings(settings),
            FromHost::DidReceiveWidgetTitle { context, titles, .. } => Self::Titles(id(context), titles),
            FromHost::DidReceiveWidgetIcon { context, icons, .. } => Self::Icons(id(context), icons),
            FromHost::DidReceiveFontAttribute { context, font, .. } => Self::Font(id(context), font),
            FromHost::PropertyViewDidAppear { widget, context } => Self::PageOpened(Page { widget, context }),
            FromHost::PropertyViewDidDisappear { widget, context } => Self::PageClosed(Page { widget, context }),
            FromHost::SendToPackage { widget, context, payload } => {
                Self::PageMessage(Page { widget, context }, payload)
            }
            // The first is for pages. The second ends the connection: see `converse`.
            FromHost::SendToPropertyView { .. } | FromHost::ApplicationWillTerminate => return None,
            FromHost::Unknown { event, .. } => {
                tracing::debug!(event, "the host sent an event that this version doesn't know");
                return None;
            }
        })
    }
}

/// A picture for a key.
#[derive(Clone, Debug, PartialEq)]
pub enum Image {
    /// A PNG file.
    Png(Vec<u8>),
    /// A JPEG file.
    Jpeg(Vec<u8>),
    /// An SVG document.
    Svg(String),
}

impl Image {
    /// Returns the picture as a `data:` URI.
    #[must_use]
    pub fn to_data_uri(&self) -> String {
        let (kind, bytes) = match self {
            Self::Png(bytes) => ("png", bytes.as_slice()),
            Self::Jpeg(bytes) => ("jpeg", bytes.as_slice()),
            Self::Svg(text) => ("svg+xml", text.as_bytes()),
        };
        let mut uri = format!("data:image/{kind};base64,");
        base64::engine::general_purpose::STANDARD.encode_string(bytes, &mut uri);
        uri
    }
}

/// An effect over a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effect {
    /// The key is shrunk.
    Pressed,
    /// The key is dimmed and has a red mark.
    Invalid,
    /// Removes the effect.
    Clear,
}

/// Sends commands to the host. Cheap to clone.
///
/// Commands neither wait nor fail. While the host is disconnected they are queued, up to 4096 of them. Of several images for one
/// instance only the newest is kept.
#[derive(Clone, Debug)]
pub struct Host {
    outbox: Arc<Outbox>,
    package_uuid: Arc<str>,
}

impl Host {
    /// Returns the package's UUID, which is also the widget and context of its settings page.
    #[must_use]
    pub fn package_uuid(&self) -> &str {
        &self.package_uuid
    }

    /// Shows a picture on a key. `description` describes it for screen readers and tests, and may be empty; hosts that don't
    /// support this addition ignore it. Devices show at most 16 pictures a second.
    pub fn set_image(&self, instance: &InstanceId, image: &Image, description: &str) {
        self.outbox.push(ToHost::ChangeImage {
            context: instance.to_string(),
            image: image.to_data_uri(),
            state: None,
            description: Some(description.to_owned()).filter(|text| !text.is_empty()),
        });
    }

    /// Changes a key's title in every state.
    pub fn set_title(&self, instance: &InstanceId, title: &str) {
        self.outbox.push(ToHost::ChangeTitle { context: instance.to_string(), title: title.to_owned(), state: None });
    }

    /// Switches a key to another state of its widget, numbered from zero.
    pub fn set_state(&self, instance: &InstanceId, state: u32) {
        self.outbox.push(ToHost::ChangeState { context: instance.to_string(), state });
    }

    /// Shows an effect over a key, until it is cleared.
    pub fn set_effect(&self, instance: &InstanceId, effect: Effect) {
        let kind = match effect {
            Effect::Pressed => EffectKind::Press,
            Effect::Invalid => EffectKind::Invalid,
            Effect::Clear => EffectKind::Clear,
        };
        let effect = ActionEffect { kind, image: None };
        self.outbox.push(ToHost::ChangeActionEffect { context: instance.to_string(), effect });
    }

    /// Changes the font of a key's title.
    pub fn set_font(&self, instance: &InstanceId, font: FontAttribute) {
        self.outbox.push(ToHost::ChangeFontAttribute { context: instance.to_string(), font: font.into() });
    }

    /// Replaces an instance's stored settings. Hosts keep them in a plain file, so they are no place for secrets.
    pub fn save_settings(&self, instance: &InstanceId, settings: Settings) {
        self.outbox.push(ToHost::SetWidgetSettings { context: instance.to_string(), settings });
    }

    /// Requests an instance's settings: [`Event::Settings`].
    pub fn request_settings(&self, instance: &InstanceId) {
        self.outbox.push(ToHost::GetWidgetSettings { context: instance.to_string() });
    }

    /// Replaces the package's stored settings. Hosts keep them in a plain file, so they are no place for secrets.
    pub fn save_package_settings(&self, settings: Settings) {
        self.outbox.push(ToHost::SetPackageSettings { context: self.package_uuid.to_string(), settings });
    }

    /// Requests the package's settings: [`Event::PackageSettings`].
    pub fn request_package_settings(&self) {
        self.outbox.push(ToHost::GetPackageSettings { context: self.package_uuid.to_string() });
    }

    /// Requests an instance's titles: [`Event::Titles`].
    pub fn request_titles(&self, instance: &InstanceId) {
        self.outbox.push(ToHost::GetWidgetTitle { context: instance.to_string() });
    }

    /// Requests an instance's icons: [`Event::Icons`].
    pub fn request_icons(&self, instance: &InstanceId) {
        self.outbox.push(ToHost::GetWidgetIcon { context: instance.to_string() });
    }

    /// Requests the font of an instance's title: [`Event::Font`].
    pub fn request_font(&self, instance: &InstanceId) {
        self.outbox.push(ToHost::GetFontAttribute { context: instance.to_string() });
    }

    /// Writes a line to the host's log.
    pub fn log(&self, message: impl Into<String>) {
        self.outbox.push(ToHost::SendLog { message: message.into() });
    }

    /// Opens a page, http or https, in the user's browser.
    pub fn open_url(&self, url: impl Into<String>) {
        self.outbox.push(ToHost::OpenUrl { url: url.into() });
    }

    /// Opens the package's settings page. Hosts without settings pages ignore it.
    pub fn open_settings(&self) {
        self.outbox.push(ToHost::OpenSettings { context: self.package_uuid.to_string() });
    }

    /// Sends a message to a page, if it is open.
    pub fn send_to_page(&self, page: &Page, message: Value) {
        self.outbox.push(ToHost::SendToPropertyView {
            widget: page.widget.clone(),
            context: page.context.clone(),
            payload: message,
        });
    }
}

/// The queue of messages to the host.
#[derive(Debug, Default)]
struct Outbox {
    messages: Mutex<VecDeque<ToHost>>,
    /// Notified after a message was pushed.
    pushed: Notify,
}

impl Outbox {
    fn lock(&self) -> MutexGuard<'_, VecDeque<ToHost>> {
        // The queue is consistent after every statement, so a panic while it is locked does no harm.
        self.messages.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn push(&self, message: ToHost) {
        if is_too_deep(&message) {
            return tracing::error!("message dropped: hosts refuse JSON with more than {MAX_DEPTH} levels");
        }
        let mut messages = self.lock();
        if let ToHost::ChangeImage { context, state, .. } = &message {
            // The newest is appended instead of replacing the previous one in place: after a queued change of state between
            // them, the host would show the new state's own image.
            messages.retain(|queued| {
                !matches!(queued, ToHost::ChangeImage { context: c, state: s, .. } if c == context && s == state)
            });
        }
        if messages.len() == OUTBOX_CAPACITY {
            messages.pop_front();
        }
        messages.push_back(message);
        drop(messages);
        self.pushed.notify_one();
    }

    fn pop(&self) -> Option<ToHost> {
        self.lock().pop_front()
    }

    /// Removes queued images: after a reconnect every instance appears again.
    fn discard_images(&self) {
        self.lock().retain(|message| !matches!(message, ToHost::ChangeImage { .. }));
    }
}

/// Returns whether hosts would refuse a message because it is nested too deeply.
fn is_too_deep(message: &ToHost) -> bool {
    match message {
        ToHost::SetWidgetSettings { settings, .. } | ToHost::SetPackageSettings { settings, .. } => {
            json::is_too_deep(&Value::Object(settings.clone()))
        }
        ToHost::SendToPropertyView { payload, .. } => json::is_too_deep(payload),
        _ => false,
    }
}

/// Receives events in order. Dropping it closes the connection.
#[derive(Debug)]
pub struct Events {
    events: mpsc::Receiver<Event>,
    stopped: watch::Receiver<bool>,
}

impl Events {
    /// Waits for the next event. Returns `None` when the package has to end, because it was asked to or because the host has
    /// announced its own end.
    ///
    /// This method is cancel safe.
    pub async fn next(&mut self) -> Option<Event> {
        self.events.recv().await
    }

    /// Becomes true when the package has to end, even if events are still queued.
    pub(crate) fn stopped(&self) -> watch::Receiver<bool> {
        self.stopped.clone()
    }
}

/// Ends a connection: see [`connect`].
#[derive(Debug)]
pub struct Stop(watch::Sender<bool>);

impl Stop {
    /// Closes the socket. [`Events::next`] then returns `None`.
    pub fn stop(&self) {
        self.0.send_replace(true);
    }

    pub(crate) fn was_called(&self) -> bool {
        *self.0.borrow()
    }
}

/// Connects to the host in a new task of the current tokio runtime, and reconnects until [`Stop::stop`] is called or [`Events`]
/// is dropped. The delay between attempts grows from 0.2 s to 5 s.
///
/// Package libraries receive `Host` and `Events` as arguments of [`Entry::run`](crate::abi::Entry::run) and needn't call this.
///
/// # Panics
/// If called outside of a tokio runtime. The runtime needs time and I/O enabled.
#[must_use]
pub fn connect(args: &StartArgs) -> (Host, Events, Stop) {
    let Connection { host, events, stop, task: _ } = open_connection(args);
    (host, events, stop)
}

/// The result of [`connect`], and the task that it has started.
pub(crate) struct Connection {
    pub(crate) host: Host,
    pub(crate) events: Events,
    pub(crate) stop: Stop,
    pub(crate) task: JoinHandle<()>,
}

pub(crate) fn open_connection(args: &StartArgs) -> Connection {
    let outbox = Arc::new(Outbox::default());
    let (sender, receiver) = mpsc::channel(EVENT_CAPACITY);
    let (stop, stopped) = watch::channel(false);
    let host = Host { outbox: outbox.clone(), package_uuid: args.package_uuid.as_str().into() };
    let events = Events { events: receiver, stopped: stopped.clone() };
    let task = tokio::spawn(keep_connected(args.clone(), outbox, sender, stop.clone(), stopped));
    Connection { host, events, stop: Stop(stop), task }
}

async fn keep_connected(
    args: StartArgs,
    outbox: Arc<Outbox>,
    events: mpsc::Sender<Event>,
    stop: watch::Sender<bool>,
    mut stopped: watch::Receiver<bool>,
) {
    let work = async {
        let mut failures = 0;
        loop {
            match open(args.port).await {
                Ok(socket) => {
                    tracing::info!(port = args.port, "connected to the host");
                    let has_received = converse(socket, &args, &outbox, &events, &stop).await;
                    tracing::info!(port = args.port, "the connection to the host ended");
                    outbox.discard_images();
                    if events.send(Event::Disconnected).await.is_err() {
                        return;
                    }
                    // A host that accepts connections and closes them at once still counts as a failure.
                    failures = if has_received { 0 } else { failures };
                }
                Err(error) => tracing::debug!(port = args.port, %error, "connecting to the host failed"),
            }
            failures += 1;
            tokio::select! {
                () = tokio::time::sleep(RECONNECT.after(failures)) => {}
                () = events.closed() => return,
            }
        }
    };
    tokio::select! {
        () = work => {}
        // Never an error, because `stop` is alive.
        Ok(_) = stopped.wait_for(|stopped| *stopped) => {}
    }
}

type Socket = WebSocketStream<MaybeTlsStream<TcpStream>>;

/// The addresses on which hosts listen. The first needs no name resolution, the last is for systems where `localhost` lacks it.
const ADDRESSES: [&str; 3] = ["127.0.0.1", "localhost", "[::1]"];

/// Why a connection to a host can't be opened.
#[derive(Debug, thiserror::Error)]
enum OpenError {
    #[error(transparent)]
    Socket(#[from] tungstenite::Error),
    #[error("no answer within {} s", CONNECT_TIMEOUT.as_secs())]
    TimedOut,
}

async fn open(port: u16) -> Result<Socket, OpenError> {
    let config = WebSocketConfig::default().max_message_size(Some(MAX_MESSAGE)).max_frame_size(Some(MAX_MESSAGE));
    let mut first_error = None;
    for address in ADDRESSES {
        let url = format!("ws://{address}:{port}/");
        let connecting = tokio_tungstenite::connect_async_with_config(url, Some(config), true);
        match timeout(CONNECT_TIMEOUT, connecting).await {
            Ok(Ok((socket, _))) => return Ok(socket),
            Ok(Err(error)) => first_error = first_error.or(Some(error.into())),
            Err(_) => first_error = first_error.or(Some(OpenError::TimedOut)),
        }
    }
    Err(first_error.expect("there is at least one address"))
}

/// Registers, and exchanges messages until the socket closes. Returns whether the host has sent anything. Sets `stop` when the
/// host announces its end.
async fn converse(
    socket: Socket,
    args: &StartArgs,
    outbox: &Outbox,
    events: &mpsc::Sender<Event>,
    stop: &watch::Sender<bool>,
) -> bool {
    let (mut sink, mut stream) = socket.split();
    let register = serde_json::to_string(&args.register()).expect("two strings always serialize");
    match timeout(REGISTER_TIMEOUT, sink.send(Message::text(register))).await {
        Ok(Ok(())) => {}
        Ok(Err(error)) => {
            tracing::warn!(%error, "registering with the host failed");
            return false;
        }
        Err(_) => {
            tracing::warn!("the host doesn't receive the registration");
            return false;
        }
    }
    if events.send(Event::Connected).await.is_err() {
        return false;
    }
    let mut has_received = false;
    let read = async {
        while let Some(message) = stream.next().await {
            match message {
                Ok(Message::Text(text)) => {
                    has_received = true;
                    match FromHost::parse(&text) {
                        Ok(FromHost::ApplicationWillTerminate) => {
                            tracing::info!("the host is about to end, or to end this package");
                            stop.send_replace(true);
                            // `keep_connected` waits for that and drops this future.
                            return std::future::pending().await;
                        }
                        Ok(message) => {
                            if let Some(event) = Event::from_message(message)
                                && events.send(event).await.is_err()
                            {
                                return;
                            }
                        }
                        Err(error) => tracing::warn!(%error, "a frame from the host was dropped"),
                    }
                }
                Ok(Message::Close(_)) => return,
                Ok(_) => {}
                Err(error) => {
                    tracing::warn!(%error, "the socket to the host failed");
                    return;
                }
            }
        }
    };
    let write = async {
        loop {
            while let Some(message) = outbox.pop() {
                if let Err(error) = sink.feed(Message::text(message.to_text())).await {
                    tracing::warn!(%error, "the socket to the host failed");
                    return;
                }
            }
            if let Err(error) = sink.flush().await {
                tracing::warn!(%error, "the socket to the host failed");
                return;
            }
            outbox.pushed.notified().await;
        }
    };
    tokio::select! {
        () = read => {}
        () = write => {}
        () = events.closed() => {}
    }
    has_received
}

/// A package with one synchronous method for each event, for all of its widgets. Every method is optional. [`serve`] keeps track
/// of the visible instances and their settings, and calls the methods in the order of the events.
///
/// [`Widget`](crate::widget::Widget) is simpler for most packages: its settings are typed and its methods async.
pub trait Package: Send {
    /// An instance has become visible and needs something to show.
    fn appeared(&mut self, _host: &Host, _instance: &Instance) {}
    /// An instance is no longer visible.
    fn disappeared(&mut self, _host: &Host, _instance: &Instance) {}
    /// A key was pressed down.
    fn pressed(&mut self, _host: &Host, _instance: &Instance) {}
    /// A key was released, even if the finger has left it.
    fn released(&mut self, _host: &Host, _instance: &Instance) {}
    /// A key was pressed and released inside itself.
    fn triggered(&mut self, _host: &Host, _instance: &Instance) {}
    /// An instance's settings have changed. `instance` has the new ones.
    fn settings_changed(&mut self, _host: &Host, _instance: &Instance) {}
    /// A page has sent a message.
    fn page_message(&mut self, _host: &Host, _page: &Page, _message: Value) {}
    /// Returns the interval at which [`Package::tick`] is called for each visible instance; `None` for never.
    fn tick_interval(&self) -> Option<Duration> {
        None
    }
    /// [`Package::tick_interval`] has passed.
    fn tick(&mut self, _host: &Host, _instance: &Instance) {}
}

/// Runs a [`Package`] until it has to end: see [`Events::next`].
///
/// # Panics
/// If [`Package::tick_interval`] is zero.
pub async fn serve(mut package: impl Package, host: Host, mut events: Events) {
    let mut visible: HashMap<InstanceId, Instance> = HashMap::new();
    let mut ticks = package.tick_interval().map(tokio::time::interval);
    loop {
        let event = tokio::select! {
            event = events.next() => event,
            () = next_tick(ticks.as_mut()) => {
                visible.values().for_each(|instance| package.tick(&host, instance));
                continue;
            }
        };
        match event {
            None => return,
            Some(Event::Appeared(instance)) => {
                package.appeared(&host, &instance);
                visible.insert(instance.id.clone(), instance);
            }
            Some(Event::Disappeared(id)) => {
                if let Some(instance) = visible.remove(&id) {
                    package.disappeared(&host, &instance);
                }
            }
            Some(Event::Settings(id, settings)) => {
                if let Some(instance) = visible.get_mut(&id) {
                    instance.settings = settings;
                    package.settings_changed(&host, instance);
                }
            }
            Some(Event::Pressed(id)) => {
                if let Some(instance) = visible.get(&id) {
                    package.pressed(&host, instance);
                }
            }
            Some(Event::Released(id)) => {
                if let Some(instance) = visible.get(&id) {
                    package.released(&host, instance);
                }
            }
            Some(Event::Triggered(id)) => {
                if let Some(instance) = visible.get(&id) {
                    package.triggered(&host, instance);
                }
            }
            Some(Event::PageMessage(page, message)) => package.page_message(&host, &page, message),
            // The host sends its instances again.
            Some(Event::Connected) => visible.clear(),
            Some(
                Event::Disconnected
                | Event::PackageSettings(_)
                | Event::Titles(..)
                | Event::Icons(..)
                | Event::Font(..)
                | Event::PageOpened(_)
                | Event::PageClosed(_),
            ) => {}
        }
    }
}

async fn next_tick(ticks: Option<&mut tokio::time::Interval>) {
    match ticks {
        Some(ticks) => {
            ticks.tick().await;
        }
        None => std::future::pending().await,
    }
}
