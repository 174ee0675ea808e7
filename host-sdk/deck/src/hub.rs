//! The hub: the one task that owns the deck's state. Sockets, the page's requests and the packages' supervisors speak to
//! it through channels with bounds, and it never waits for any of them: whoever doesn't take what it is sent is cut off.

mod messages;
mod packages;
mod panel;

use std::collections::{BTreeMap, HashMap};
use std::path::PathBuf;
use std::sync::Arc;

use host_sdk::bundle::Installed;
use host_sdk::manifest::{COLUMNS, ROWS};
use host_sdk::protocol::{FromHost, Info, Settings, ToHost};
use serde::Deserialize;
use tokio::sync::{mpsc, oneshot};
use url::Url;

use crate::config::{Config, Timing};
use crate::log::Log;
use crate::package::Package;
use crate::page::{Application, Event, Grid, Outbox, State};
use crate::process::{Report, Supervisor};
use crate::state::{Panel, Placed, Saved};
use crate::store::Store;

/// Commands that wait for the hub. Who sends more waits.
const COMMANDS: usize = 256;
/// Messages that wait for a package or property view. One that doesn't take them is cut off.
const MESSAGES: usize = 1024;
/// Property views and settings pages at a time; beyond that the oldest is closed. Pages that went without saying so
/// leave theirs behind.
const VIEWS: usize = 64;

/// Why a request isn't done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// What it names isn't there. A sentence.
    NotFound(String),
    /// It doesn't fit the Panel as it is. A sentence.
    Conflict(String),
    /// The deck is stopping.
    Stopping,
}

/// An answer that is awaited.
pub type Reply<T> = oneshot::Sender<T>;

/// Something to do for the hub.
#[derive(Debug)]
pub enum Command {
    /// A socket registers. Refused with none.
    Register {
        /// The package or view.
        uuid: String,
        /// The register event that it was given.
        event: String,
        /// Its number, and what to send to it; it ends when the socket shall.
        reply: Reply<Option<(u64, mpsc::Receiver<Arc<str>>)>>,
    },
    /// A registered socket says something.
    Message {
        /// Its number.
        connection: u64,
        /// What.
        message: ToHost,
    },
    /// A registered socket is gone.
    Closed {
        /// Its number.
        connection: u64,
    },
    /// A page listens from now on.
    Subscribe(Reply<(u64, Arc<Outbox>)>),
    /// A page is gone.
    Unsubscribe(u64),
    /// What a page shows.
    State(Reply<State>),
    /// Put a widget on the Panel.
    Place(Place, Reply<Result<crate::page::Instance, Refusal>>),
    /// Move an instance.
    Move(String, Cell, Reply<Result<crate::page::Instance, Refusal>>),
    /// Take an instance off.
    Remove(String, Reply<Result<(), Refusal>>),
    /// Press a key.
    Press(String, Phase, Reply<Result<(), Refusal>>),
    /// Change a title as the user.
    SetTitle(String, String, Reply<Result<(), Refusal>>),
    /// Show a property view or settings page. Answers its name and address.
    OpenView(Target, Reply<Result<(String, String), Refusal>>),
    /// Close a view.
    CloseView(String, Reply<Result<(), Refusal>>),
    /// What a view's files are served from.
    View(String, Reply<Option<ViewFiles>>),
    /// The folder of a package, if a path in it is a picture that the page may show.
    Picture(String, String, Reply<Option<PathBuf>>),
    /// A package was installed or updated.
    Installed(Box<Installed>, Reply<crate::page::Package>),
    /// Stop a package and forget it; its folder can go then. `bool`: keep its settings.
    Uninstall(String, bool, Reply<Result<(), Refusal>>),
    /// Stop every package, save, and end.
    Stop(Reply<()>),
}

/// Which widget goes where.
#[derive(Clone, Debug, Deserialize)]
pub struct Place {
    /// The widget's UUID.
    pub widget: String,
    /// Index into its layouts.
    #[serde(default)]
    pub layout: usize,
    /// Where.
    #[serde(flatten)]
    pub cell: Cell,
}

/// A cell of the Panel, zero-based.
#[derive(Clone, Copy, Debug, Deserialize)]
pub struct Cell {
    /// Column.
    pub column: u8,
    /// Row.
    pub row: u8,
}

/// A part of a press.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Phase {
    /// The finger is down.
    Down,
    /// It was lifted within the key.
    Up,
    /// It was lifted elsewhere.
    Cancel,
    /// Down and up.
    Tap,
}

/// Whose page to show.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Target {
    /// The property view of an instance.
    Context(String),
    /// The settings page of a package.
    Package(String),
}

/// What a view's files are served from.
#[derive(Clone, Debug)]
pub struct ViewFiles {
    /// The package's folder.
    pub folder: PathBuf,
    /// The page within it.
    pub entry: String,
    /// What the page's `connectCreatorCentral` is called with: register event, info, widgetInfo.
    pub call: (String, Info, serde_json::Value),
}

/// Speaks to the hub. Clones speak to the same.
#[derive(Clone, Debug)]
pub struct Handle {
    commands: mpsc::Sender<Command>,
}

impl Handle {
    /// Asks for something and waits for the answer. None when the hub has ended.
    pub async fn ask<T>(&self, command: impl FnOnce(Reply<T>) -> Command) -> Option<T> {
        let (reply, answer) = oneshot::channel();
        self.commands.send(command(reply)).await.ok()?;
        answer.await.ok()
    }

    /// As [`Handle::ask`], for requests that can be refused.
    ///
    /// # Errors
    /// The refusal.
    pub async fn request<T>(&self, command: impl FnOnce(Reply<Result<T, Refusal>>) -> Command) -> Result<T, Refusal> {
        self.ask(command).await.unwrap_or(Err(Refusal::Stopping))
    }

    /// Tells something. False when the hub has ended.
    pub async fn tell(&self, command: Command) -> bool {
        self.commands.send(command).await.is_ok()
    }
}

/// Who is at the other end of a socket.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Peer {
    Package(String),
    View(String),
}

#[derive(Debug)]
struct Connection {
    peer: Peer,
    out: mpsc::Sender<Arc<str>>,
}

/// A property view or settings page.
#[derive(Debug)]
struct View {
    id: String,
    package: String,
    /// The instance; none for a settings page.
    context: Option<String>,
    entry: String,
    register_event: String,
    connection: Option<u64>,
}

/// See the module's documentation.
#[derive(Debug)]
pub struct Hub {
    timing: Timing,
    headless: bool,
    in_process: bool,
    /// The address of the package socket and of package pages.
    base: Url,
    info: Info,
    log: Log,
    store: Store,
    panel: Panel,
    /// Instances of packages or widgets that aren't there now.
    absent: Vec<Placed>,
    package_settings: BTreeMap<String, Settings>,
    packages: Vec<Package>,
    views: Vec<View>,
    connections: HashMap<u64, Connection>,
    pages: Vec<(u64, Arc<Outbox>)>,
    reports: mpsc::Sender<(u64, Report)>,
    numbers: u64,
    changed: bool,
}

impl Hub {
    /// Starts the hub and the packages that are installed. `base` is the address of the package socket.
    #[must_use]
    pub fn start(config: &Config, base: Url, saved: Saved, log: Log) -> (Handle, tokio::task::JoinHandle<()>) {
        let (commands, queue) = mpsc::channel(COMMANDS);
        let (reports, reported) = mpsc::channel(COMMANDS);
        let mut hub = Self {
            timing: config.timing,
            headless: config.headless,
            in_process: config.in_process,
            info: info(&config.language),
            store: Store::start(config.data.clone(), config.timing.save_after, log.clone()),
            panel: Panel::default(),
            absent: saved.instances,
            package_settings: saved.package_settings,
            packages: Vec::new(),
            views: Vec::new(),
            connections: HashMap::new(),
            pages: Vec::new(),
            numbers: 0,
            changed: false,
            base,
            log,
            reports,
        };
        for (config, folder) in Package::installed(&config.packages_folder(), &hub.log) {
            hub.add_package(config, folder, None);
        }
        (Handle { commands }, tokio::spawn(hub.run(queue, reported)))
    }

    async fn run(mut self, mut commands: mpsc::Receiver<Command>, mut reports: mpsc::Receiver<(u64, Report)>) {
        let stopping = loop {
            tokio::select! {
                command = commands.recv() => match command {
                    Some(Command::Stop(reply)) => break Some(reply),
                    Some(command) => self.obey(command),
                    None => break None,
                },
                Some((run, report)) = reports.recv() => self.reported(run, report),
            }
            if std::mem::take(&mut self.changed) {
                self.store.save(self.saved());
            }
        };
        // Whoever waits for this task is let go, so that everybody can end.
        drop((commands, reports));
        self.pages.iter().for_each(|(_, page)| page.close());
        let ends: Vec<_> =
            self.packages.iter_mut().filter_map(|package| package.supervisor.take()).map(Supervisor::end).collect();
        futures_util::future::join_all(ends).await;
        self.connections.clear();
        self.store.flush().await;
        if let Some(reply) = stopping {
            // An error means that nobody waits for the end any more.
            let _ = reply.send(());
        }
    }

    fn obey(&mut self, command: Command) {
        // An answer that nobody waits for any more is no error, hence `let _` throughout.
        match command {
            Command::Register { uuid, event, reply } => {
                let _ = reply.send(self.register(&uuid, &event));
            }
            Command::Message { connection, message } => self.message(connection, message),
            Command::Closed { connection } => self.disconnect(connection),
            Command::Subscribe(reply) => {
                let number = self.next_number();
                let page = Arc::new(Outbox::default());
                page.push(Event::State { state: Box::new(self.state()) });
                self.pages.push((number, page.clone()));
                let _ = reply.send((number, page));
            }
            Command::Unsubscribe(number) => self.pages.retain(|(page, _)| *page != number),
            Command::State(reply) => {
                let _ = reply.send(self.state());
            }
            Command::Place(place, reply) => {
                let _ = reply.send(self.place(place));
            }
            Command::Move(context, cell, reply) => {
                let _ = reply.send(self.move_to(&context, cell));
            }
            Command::Remove(context, reply) => {
                let _ = reply.send(self.remove(&context));
            }
            Command::Press(context, phase, reply) => {
                let _ = reply.send(self.press(&context, phase));
            }
            Command::SetTitle(context, title, reply) => {
                let _ = reply.send(self.set_title(&context, &title));
            }
            Command::OpenView(target, reply) => {
                let _ = reply.send(self.open_view(target));
            }
            Command::CloseView(view, reply) => {
                let _ = reply.send(self.close_view(&view));
            }
            Command::View(view, reply) => {
                let _ = reply.send(self.view_files(&view));
            }
            Command::Picture(package, path, reply) => {
                let package = self.package(&package).filter(|package| package.has_picture(&path));
                let _ = reply.send(package.map(|package| package.folder.clone()));
            }
            Command::Installed(installed, reply) => {
                let _ = reply.send(self.installed(*installed));
            }
            Command::Uninstall(package, keep_settings, reply) => self.uninstall(&package, keep_settings, reply),
            Command::Stop(_) => unreachable!("taken by the loop"),
        }
    }

    /// Lets a socket in, if it knows the pair that was handed out. A second one with that pair replaces the first.
    fn register(&mut self, uuid: &str, event: &str) -> Option<(u64, mpsc::Receiver<Arc<str>>)> {
        let number = self.next_number();
        let (out, sent) = mpsc::channel(MESSAGES);
        if let Some(view) = self.views.iter_mut().find(|view| view.id == uuid && view.register_event == event) {
            let replaced = view.connection.replace(number);
            self.connections.insert(number, Connection { peer: Peer::View(uuid.to_owned()), out });
            match replaced {
                Some(replaced) => drop(self.connections.remove(&replaced)),
                None => self.tell_package_of_view(uuid, true),
            }
            return Some((number, sent));
        }
        let package = self
            .packages
            .iter_mut()
            .find(|package| package.config.uuid == uuid && package.register_event.as_deref() == Some(event))?;
        let replaced = package.connection.replace(number);
        self.connections.insert(number, Connection { peer: Peer::Package(uuid.to_owned()), out });
        if let Some(replaced) = replaced {
            self.connections.remove(&replaced);
        }
        self.package_is_here(uuid);
        Some((number, sent))
    }

    /// Forgets a socket: it is gone, or has to go.
    fn disconnect(&mut self, number: u64) {
        let Some(connection) = self.connections.remove(&number) else { return };
        match connection.peer {
            Peer::Package(uuid) => self.package_is_away(&uuid),
            Peer::View(id) => {
                if let Some(view) = self.views.iter_mut().find(|view| view.id == id) {
                    view.connection = None;
                    self.tell_package_of_view(&id, false);
                }
            }
        }
    }

    fn send(&mut self, connection: Option<u64>, message: &FromHost) {
        let Some(number) = connection else { return };
        let Some(Connection { out, peer }) = self.connections.get(&number) else { return };
        if let Err(mpsc::error::TrySendError::Full(_)) = out.try_send(message.to_text().into()) {
            let package = match peer {
                Peer::Package(uuid) => Some(uuid.clone()),
                Peer::View(id) => self.view(id).map(|view| view.package.clone()),
            };
            self.log.warn(package.as_deref(), "It doesn't take the messages sent to it; its socket is closed.");
            self.disconnect(number);
        }
        // A closed channel means that the socket is gone; `Closed` is on its way.
    }

    fn tell_package(&mut self, package: &str, message: &FromHost) {
        let connection = self.package(package).and_then(|package| package.connection);
        self.send(connection, message);
    }

    fn tell_pages(&mut self, event: &Event) {
        self.pages.retain(|(_, page)| page.push(event.clone()));
    }

    fn package(&self, uuid: &str) -> Option<&Package> {
        self.packages.iter().find(|package| package.config.uuid == uuid)
    }

    fn package_mut(&mut self, uuid: &str) -> Option<&mut Package> {
        self.packages.iter_mut().find(|package| package.config.uuid == uuid)
    }

    fn view(&self, id: &str) -> Option<&View> {
        self.views.iter().find(|view| view.id == id)
    }

    fn state(&self) -> State {
        State {
            application: Application {
                name: "Creator Deck",
                version: env!("CARGO_PKG_VERSION"),
                language: self.info.language().to_owned(),
            },
            packages: self.package_views(),
            panel: Grid { columns: COLUMNS, rows: ROWS },
            instances: self.panel.iter().map(|instance| self.instance_view(instance)).collect(),
        }
    }

    fn saved(&self) -> Saved {
        let placed = self.panel.iter().map(|instance| &instance.placed);
        Saved {
            instances: placed.chain(&self.absent).cloned().collect(),
            package_settings: self.package_settings.clone(),
            ..Saved::default()
        }
    }

    fn next_number(&mut self) -> u64 {
        self.numbers += 1;
        self.numbers
    }
}

fn info(language: &str) -> Info {
    Info {
        application: host_sdk::protocol::Application {
            language: language.to_owned(),
            platform: host_sdk::manifest::PLATFORM.to_owned(),
            platform_version: os_info::get().version().to_string(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
        },
        language: Some(language.to_owned()),
    }
}
