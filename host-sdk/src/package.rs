//! The package's end of the wire: it connects, registers, comes back when the socket drops, and turns the host's
//! messages into what happens to a package: instances appear, keys are pressed, settings change, pages speak.
//!
//! Nothing here names a message of the wire to its user, so that a package written against it runs on any host whose
//! protocol is brought in beside this one.
//!
//! Three ways to use it: widgets with typed settings ([`widget`](crate::widget)), the simplest and right for most packages;
//! one [`Package`] for all widgets, which [`serve`] calls; or a loop of one's own over [`Events`].

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
use crate::json::{self, MOST_LEVELS};
use crate::protocol::{ActionEffect, EffectKind, FromHost, StartArgs, ToHost};
pub use crate::protocol::{FontAttribute, Info, Layout, Settings};

/// Events that wait for the package. When it is full the socket isn't read any further: presses are never dropped.
const EVENTS: usize = 256;
/// Messages that wait for the host. When it is full (the host is away) the oldest goes.
const OUTBOX: usize = 4096;
/// The largest message taken from a host.
const MAX_MESSAGE: usize = 16 << 20;
/// The waits before a host that is gone is looked for again.
const RECONNECT: Backoff = Backoff::new(Duration::from_millis(200), Duration::from_secs(5));
/// How long a host may take to accept a connection, with its part of the WebSocket handshake. It is on this computer.
const OPEN_WITHIN: Duration = Duration::from_secs(5);
/// How long a host may take to accept the registration.
const REGISTER_WITHIN: Duration = Duration::from_secs(5);

/// Names one instance of a widget for as long as it exists.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct InstanceId(Arc<str>);

impl InstanceId {
    /// The host's own name for it.
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

/// A widget on a key, as the host describes it when it appears.
#[derive(Clone, Debug, PartialEq)]
pub struct Instance {
    /// Its name.
    pub id: InstanceId,
    /// Which widget it is: a UUID from the package file.
    pub widget: String,
    /// Its settings, as far as the host has sent them. [`Event::Settings`] follows.
    pub settings: Settings,
    /// Its state, zero-based; 0 where the widget has one.
    pub state: u32,
    /// Its layout, where the host says it.
    pub layout: Option<Layout>,
}

/// A page that speaks with the package: the property view of an instance, or the package's settings page.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Page {
    /// The widget's UUID; the package's for its settings page.
    pub widget: String,
    /// The instance; the package's UUID for its settings page.
    pub context: String,
}

/// What happens to a package.
#[derive(Clone, Debug, PartialEq)]
pub enum Event {
    /// The host is there, for the first time or again. It knows nothing of what was shown before.
    Connected,
    /// The host is gone for now. Whatever is sent meanwhile waits, within bounds.
    Disconnected,
    /// An instance is visible from now on. May come again for a visible one, after a reconnect.
    Appeared(Instance),
    /// An instance isn't visible any more.
    Disappeared(InstanceId),
    /// A key went down.
    Pressed(InstanceId),
    /// A key came up, wherever the finger was.
    Released(InstanceId),
    /// A key was pressed and released within itself; follows its [`Event::Released`].
    Triggered(InstanceId),
    /// All settings of an instance, also when the package itself has set them.
    Settings(InstanceId, Settings),
    /// All settings of the package.
    PackageSettings(Settings),
    /// The titles of an instance, one a state: asked for, or changed by the user.
    Titles(InstanceId, Vec<String>),
    /// The icons of an instance, one a state: asked for, or changed by the user.
    Icons(InstanceId, Vec<String>),
    /// The title font of an instance: asked for, or changed by the user.
    Font(InstanceId, FontAttribute),
    /// A page is shown.
    PageOpened(Page),
    /// A page is gone.
    PageClosed(Page),
    /// A page says something.
    PageMessage(Page, Value),
}

impl Event {
    fn from_wire(message: FromHost) -> Option<Self> {
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
            // The connection itself ends with the second.
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
    /// The picture as a `data:` URI.
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
    /// Shrunk.
    Pressed,
    /// Dimmed, with a red mark.
    Invalid,
    /// None.
    Clear,
}

/// The package's way to speak to the host. Cheap to clone. Nothing here waits or fails: what is said while the host is
/// away is sent when it is back, and of several images for one instance only the newest.
#[derive(Clone, Debug)]
pub struct Host {
    outbox: Arc<Outbox>,
    package_uuid: Arc<str>,
}

impl Host {
    /// The package's UUID: context and widget of its settings page.
    #[must_use]
    pub fn package_uuid(&self) -> &str {
        &self.package_uuid
    }

    /// Shows a picture on a key. `description` says it in words, for screen readers and tests; hosts that don't know
    /// this addition ignore it.
    pub fn set_image(&self, instance: &InstanceId, image: &Image, description: &str) {
        self.outbox.push(ToHost::ChangeImage {
            context: instance.to_string(),
            image: image.to_data_uri(),
            state: None,
            description: Some(description.to_owned()).filter(|text| !text.is_empty()),
        });
    }

    /// Changes a key's title, for every state.
    pub fn set_title(&self, instance: &InstanceId, title: &str) {
        self.outbox.push(ToHost::ChangeTitle { context: instance.to_string(), title: title.to_owned(), state: None });
    }

    /// Shows another of a widget's states, zero-based.
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

    /// Stores an instance's settings, all of them.
    pub fn save_settings(&self, instance: &InstanceId, settings: Settings) {
        self.outbox.push(ToHost::SetWidgetSettings { context: instance.to_string(), settings });
    }

    /// Asks for an instance's settings: [`Event::Settings`].
    pub fn request_settings(&self, instance: &InstanceId) {
        self.outbox.push(ToHost::GetWidgetSettings { context: instance.to_string() });
    }

    /// Stores the package's settings, all of them. Not a place for secrets: hosts keep them in a plain file.
    pub fn save_package_settings(&self, settings: Settings) {
        self.outbox.push(ToHost::SetPackageSettings { context: self.package_uuid.to_string(), settings });
    }

    /// Asks for the package's settings: [`Event::PackageSettings`].
    pub fn request_package_settings(&self) {
        self.outbox.push(ToHost::GetPackageSettings { context: self.package_uuid.to_string() });
    }

    /// Asks for an instance's titles: [`Event::Titles`].
    pub fn request_titles(&self, instance: &InstanceId) {
        self.outbox.push(ToHost::GetWidgetTitle { context: instance.to_string() });
    }

    /// Asks for an instance's icons: [`Event::Icons`].
    pub fn request_icons(&self, instance: &InstanceId) {
        self.outbox.push(ToHost::GetWidgetIcon { context: instance.to_string() });
    }

    /// Asks for the font of an instance's title: [`Event::Font`].
    pub fn request_font(&self, instance: &InstanceId) {
        self.outbox.push(ToHost::GetFontAttribute { context: instance.to_string() });
    }

    /// Writes a line to the host's log.
    pub fn log(&self, message: impl Into<String>) {
        self.outbox.push(ToHost::SendLog { message: message.into() });
    }

    /// Opens a page in the user's browser: http or https.
    pub fn open_url(&self, url: impl Into<String>) {
        self.outbox.push(ToHost::OpenUrl { url: url.into() });
    }

    /// Opens the package's settings page, in hosts that have a place for one. Others ignore it.
    pub fn open_settings(&self) {
        self.outbox.push(ToHost::OpenSettings { context: self.package_uuid.to_string() });
    }

    /// Says something to a page.
    pub fn send_to_page(&self, page: &Page, message: Value) {
        self.outbox.push(ToHost::SendToPropertyView {
            widget: page.widget.clone(),
            context: page.context.clone(),
            payload: message,
        });
    }
}

/// What waits to be sent.
#[derive(Debug, Default)]
struct Outbox {
    messages: Mutex<VecDeque<ToHost>>,
    more: Notify,
}

impl Outbox {
    fn lock(&self) -> MutexGuard<'_, VecDeque<ToHost>> {
        // The queue is whole between any two statements, so a panic elsewhere doesn't spoil it.
        self.messages.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn push(&self, message: ToHost) {
        if is_too_deep(&message) {
            return tracing::error!(
                "a message isn't sent: hosts refuse more than {MOST_LEVELS} levels within one another"
            );
        }
        let mut messages = self.lock();
        if let ToHost::ChangeImage { context, state, .. } = &message {
            // The newest goes to the end, not into the place of the one before: a change of state that waits between
            // the two would make the host show the new state's own image.
            messages.retain(|waiting| {
                !matches!(waiting, ToHost::ChangeImage { context: c, state: s, .. } if c == context && s == state)
            });
        }
        if messages.len() == OUTBOX {
            messages.pop_front();
        }
        messages.push_back(message);
        drop(messages);
        self.more.notify_one();
    }

    fn pop(&self) -> Option<ToHost> {
        self.lock().pop_front()
    }

    /// Pictures of keys that a new connection will ask for again.
    fn forget_images(&self) {
        self.lock().retain(|message| !matches!(message, ToHost::ChangeImage { .. }));
    }
}

/// Whether hosts would refuse what a package sends as being nested too deeply.
fn is_too_deep(message: &ToHost) -> bool {
    match message {
        ToHost::SetWidgetSettings { settings, .. } | ToHost::SetPackageSettings { settings, .. } => {
            json::is_too_deep(&Value::Object(settings.clone()))
        }
        ToHost::SendToPropertyView { payload, .. } => json::is_too_deep(payload),
        _ => false,
    }
}

/// What happens, in order. Dropping it closes the connection.
#[derive(Debug)]
pub struct Events {
    events: mpsc::Receiver<Event>,
    stopped: watch::Receiver<bool>,
}

impl Events {
    /// The next event; `None` when the package shall end: it was asked to, or the host has announced its own end. Safe to
    /// cancel.
    pub async fn next(&mut self) -> Option<Event> {
        self.events.recv().await
    }

    /// Becomes true when the package shall end, also while events still wait.
    pub(crate) fn stopped(&self) -> watch::Receiver<bool> {
        self.stopped.clone()
    }
}

/// Ends a connection from outside: see [`connect`].
#[derive(Debug)]
pub struct Stop(watch::Sender<bool>);

impl Stop {
    /// Closes the socket; [`Events::next`] then answers `None`.
    pub fn stop(&self) {
        self.0.send_replace(true);
    }

    pub(crate) fn was_called(&self) -> bool {
        *self.0.borrow()
    }
}

/// Starts to keep a connection to the host, in a task of the current tokio runtime. It is kept until [`Stop`] says so
/// or [`Events`] is dropped: a host that can't be reached or hangs up is tried again, after 0.2 s at first and 5 s at
/// most.
///
/// # Panics
/// Outside a tokio runtime with time and I/O enabled.
#[must_use]
pub fn connect(args: &StartArgs) -> (Host, Events, Stop) {
    let Connection { host, events, stop, task: _ } = open_connection(args);
    (host, events, stop)
}

/// What [`connect`] answers, and the task that it has started.
pub(crate) struct Connection {
    pub(crate) host: Host,
    pub(crate) events: Events,
    pub(crate) stop: Stop,
    pub(crate) task: JoinHandle<()>,
}

pub(crate) fn open_connection(args: &StartArgs) -> Connection {
    let outbox = Arc::new(Outbox::default());
    let (sender, receiver) = mpsc::channel(EVENTS);
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
                    let heard = converse(socket, &args, &outbox, &events, &stop).await;
                    tracing::info!(port = args.port, "the connection to the host ended");
                    outbox.forget_images();
                    if events.send(Event::Disconnected).await.is_err() {
                        return;
                    }
                    // A host that takes the connection and hangs up at once isn't hammered.
                    failures = if heard { 0 } else { failures };
                }
                Err(error) => tracing::debug!(port = args.port, %error, "the host doesn't answer"),
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
        // It never fails: `stop` is here.
        Ok(_) = stopped.wait_for(|stopped| *stopped) => {}
    }
}

type Socket = WebSocketStream<MaybeTlsStream<TcpStream>>;

/// Where hosts listen: the first needs no name to be resolved, and the last is for systems whose `localhost` lacks it.
const HOSTS: [&str; 3] = ["127.0.0.1", "localhost", "[::1]"];

/// Why there is no connection to a host.
#[derive(Debug, thiserror::Error)]
enum OpenError {
    #[error(transparent)]
    Socket(#[from] tungstenite::Error),
    #[error("no answer within {} s", OPEN_WITHIN.as_secs())]
    Silent,
}

async fn open(port: u16) -> Result<Socket, OpenError> {
    let config = WebSocketConfig::default().max_message_size(Some(MAX_MESSAGE)).max_frame_size(Some(MAX_MESSAGE));
    let mut first_error = None;
    for name in HOSTS {
        let address = format!("ws://{name}:{port}/");
        let connecting = tokio_tungstenite::connect_async_with_config(address, Some(config), true);
        match timeout(OPEN_WITHIN, connecting).await {
            Ok(Ok((socket, _))) => return Ok(socket),
            Ok(Err(error)) => first_error = first_error.or(Some(error.into())),
            Err(_) => first_error = first_error.or(Some(OpenError::Silent)),
        }
    }
    Err(first_error.expect("there are hosts to try"))
}

/// Registers and carries messages both ways until the socket ends. Returns whether the host said anything.
/// Sets `stop` when the host announces its end.
async fn converse(
    socket: Socket,
    args: &StartArgs,
    outbox: &Outbox,
    events: &mpsc::Sender<Event>,
    stop: &watch::Sender<bool>,
) -> bool {
    let (mut sink, mut stream) = socket.split();
    let register = serde_json::to_string(&args.register()).expect("two strings always serialize");
    match timeout(REGISTER_WITHIN, sink.send(Message::text(register))).await {
        Ok(Ok(())) => {}
        Ok(Err(error)) => {
            tracing::warn!(%error, "registering with the host failed");
            return false;
        }
        Err(_) => {
            tracing::warn!("the host doesn't take the registration");
            return false;
        }
    }
    if events.send(Event::Connected).await.is_err() {
        return false;
    }
    let mut heard = false;
    let read = async {
        while let Some(message) = stream.next().await {
            match message {
                Ok(Message::Text(text)) => {
                    heard = true;
                    match FromHost::parse(&text) {
                        Ok(FromHost::ApplicationWillTerminate) => {
                            tracing::info!("the host ends, or ends this package");
                            stop.send_replace(true);
                            // Whoever waits for that drops this.
                            return std::future::pending().await;
                        }
                        Ok(message) => {
                            if let Some(event) = Event::from_wire(message)
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
            outbox.more.notified().await;
        }
    };
    tokio::select! {
        () = read => {}
        () = write => {}
        () = events.closed() => {}
    }
    heard
}

/// A package in its simplest form: one method an event, all of them optional. [`serve`] keeps the visible instances
/// and their settings, and calls them in order.
pub trait Package: Send {
    /// An instance is visible from now on; show something on it.
    fn appeared(&mut self, _host: &Host, _instance: &Instance) {}
    /// An instance isn't visible any more.
    fn disappeared(&mut self, _host: &Host, _instance: &Instance) {}
    /// A key went down.
    fn pressed(&mut self, _host: &Host, _instance: &Instance) {}
    /// A key came up, wherever the finger was.
    fn released(&mut self, _host: &Host, _instance: &Instance) {}
    /// A key was pressed and released within itself.
    fn triggered(&mut self, _host: &Host, _instance: &Instance) {}
    /// An instance's settings have changed; `instance` has the new ones.
    fn settings_changed(&mut self, _host: &Host, _instance: &Instance) {}
    /// A page says something.
    fn page_message(&mut self, _host: &Host, _page: &Page, _message: Value) {}
    /// How often [`Package::tick`] is called for each visible instance; never if `None`.
    fn tick_every(&self) -> Option<Duration> {
        None
    }
    /// Time has passed.
    fn tick(&mut self, _host: &Host, _instance: &Instance) {}
}

/// Runs a [`Package`] until it shall end.
pub async fn serve(mut package: impl Package, host: Host, mut events: Events) {
    let mut visible: HashMap<InstanceId, Instance> = HashMap::new();
    let mut ticks = package.tick_every().map(tokio::time::interval);
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
            Some(Event::Pressed(id)) => with(&visible, &id, |instance| package.pressed(&host, instance)),
            Some(Event::Released(id)) => with(&visible, &id, |instance| package.released(&host, instance)),
            Some(Event::Triggered(id)) => with(&visible, &id, |instance| package.triggered(&host, instance)),
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

fn with(visible: &HashMap<InstanceId, Instance>, id: &InstanceId, call: impl FnOnce(&Instance)) {
    if let Some(instance) = visible.get(id) {
        call(instance);
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
