//! The hub: the one task that owns the deck's state. Sockets, requests of the page and supervisors of packages send it
//! work over bounded channels. It never waits for any of them: a receiver that doesn't keep up is disconnected.

mod clipboard;
mod connection;
mod handle;
mod history;
mod messages;
mod multi;
mod packages;
mod panel;
mod placeholders;
mod profiles;
mod starter;
mod transfer;

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use host_sdk::json::Raw;
use host_sdk::manifest::{COLUMNS, ROWS};
use host_sdk::protocol::{FromHost, Info};
use serde::Deserialize;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::{Instant, sleep_until};
use url::Url;

use crate::config::{Config, Timing};
use crate::error::DeckError;
use crate::links::Links;
use crate::log::Log;
use crate::origins;
use crate::package::{Package, PackageFiles, ReadOptions};
use crate::page::{Application, Deck, Event, Frame, Grid, Outbox, State};
use crate::preferences::Preferences;
use crate::process::Report;
use crate::state::known::Known;
use crate::state::{KEY_COLUMNS, KEY_ROWS, Panel, Placed, Saved, Unread};
use crate::store::{Loaded, Progress, SaveError, Store};
use crate::tasks::Tasks;

use self::clipboard::Clipboard;
pub use self::clipboard::Destination;
pub use self::connection::Outgoing;
use self::connection::{Connection, Peer};
pub use self::handle::{
    Adjustment, Cell, Command, Handle, OutputLine, Phase, Place, Registration, Reply, Resize, Target, ViewFiles,
};
pub use self::history::Direction;
use self::history::History;
pub use self::messages::{PictureResult, take_picture};
use self::multi::Run;
pub use self::multi::WantedStep;
pub use self::packages::SCRIPT_FAILED;
pub use self::profiles::{NewProfile, ProfileChange};
pub use self::transfer::{Export, ImportError, ImportMode, Report as ImportReport};

/// Commands that may wait for the hub; further senders wait.
const QUEUE_LEN: usize = 256;
/// Views that may be open at a time; beyond that the oldest is closed. Pages that disappear without closing their views
/// leave them behind.
const MAX_VIEWS: usize = 64;

/// The language that packages receive if neither the command line nor the user chose one.
const DEFAULT_LANGUAGE: &str = "en";
/// Holds a key that a program has pressed. No page has this number.
const PROGRAM: u64 = 0;

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
    /// How the page that runs web packages loads it for a smoke run; none for a view that a user opened.
    trial: Option<Frame>,
}

/// Which packages a page of the deck can run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Runs {
    /// None.
    #[default]
    Nothing,
    /// Web packages.
    Web,
    /// Web packages, and it exists for nothing else: a headless browser has it open.
    Unattended,
}

/// A page of the deck.
#[derive(Debug)]
struct Page {
    number: u64,
    outbox: Arc<Outbox>,
    runs: Runs,
}

/// The deck's state. See the module's documentation.
#[derive(Debug)]
pub struct Hub {
    timing: Timing,
    headless: bool,
    in_process: bool,
    /// The address of the package socket and of packages' pictures. Their pages have the same port.
    base: Url,
    info: Info,
    /// Whether the language was chosen on the command line, which overrides the user's choice.
    is_language_fixed: bool,
    log: Log,
    store: Store,
    panel: Panel,
    /// Instances without a place on the Panel: others took theirs while their widget wasn't installed.
    absent: Vec<Placed>,
    /// What is remembered of packages, for the time when they aren't installed.
    known: Known,
    history: History,
    /// The package of the deck's own widgets.
    own: Package,
    /// Multi-action keys that are running.
    runs: Vec<Run>,
    /// The key that would be pasted.
    clipboard: Option<Clipboard>,
    /// Whether the device sleeps. Nothing is visible then.
    asleep: bool,
    /// Instances whose key is held down, each with its holders: numbers of pages, or [`PROGRAM`].
    pressed: HashMap<String, HashSet<u64>>,
    /// How often packages have asked to open pages of the web.
    links: Links,
    /// What the user has to know, in sentences, until it is dismissed.
    notice: Option<String>,
    /// The device as the pages last received it.
    sent_deck: Deck,
    package_settings: BTreeMap<String, Raw>,
    preferences: Preferences,
    /// Parts of the state on disk that this version can't read, and keeps.
    unread: Unread,
    /// Packages that the user has unloaded.
    unloaded: BTreeSet<String>,
    packages: Vec<Package>,
    views: Vec<View>,
    connections: HashMap<u64, Connection>,
    /// Pages of the deck. The one in use comes last: where a key was pressed last, else the newest.
    pages: Vec<Page>,
    /// The number of the page that runs web packages: the newest that can.
    runner: Option<u64>,
    /// The names of the frames that it was last told to have.
    frames: Vec<String>,
    /// Callers that wait for an unattended page.
    awaiting_unattended: Vec<Reply<()>>,
    reports: mpsc::Sender<(u64, Report)>,
    last_number: u64,
    changed: bool,
}

impl Hub {
    /// Starts the hub and the installed packages. `base` is the address of the package socket. Returns the progress of
    /// saving, too.
    pub fn start(
        config: &Config,
        base: Url,
        loaded: Loaded,
        log: Log,
        tasks: &mut Tasks,
    ) -> (Handle, watch::Receiver<Progress>) {
        let (commands, queue) = mpsc::channel(QUEUE_LEN);
        let (reports, reported) = mpsc::channel(QUEUE_LEN);
        let Loaded { saved, notice } = loaded;
        let (store, writing) = Store::new(config.data.clone(), config.timing.save_after, log.clone());
        tasks.spawn("store", writing);
        let progress = store.progress.clone();
        let chosen = config.language.clone().or_else(|| saved.preferences.language());
        let mut hub = Self {
            info: host_info(chosen.as_deref().unwrap_or(DEFAULT_LANGUAGE)),
            is_language_fixed: config.language.is_some(),
            timing: config.timing,
            headless: config.headless,
            in_process: config.in_process,
            store,
            panel: Panel::new(saved.profiles, saved.active),
            absent: saved.instances,
            known: saved.packages,
            history: History::default(),
            clipboard: None,
            own: multi::own_package(),
            runs: Vec::new(),
            asleep: false,
            pressed: HashMap::new(),
            links: Links::default(),
            notice,
            sent_deck: Deck::default(),
            package_settings: saved.package_settings,
            preferences: saved.preferences,
            unread: saved.unread,
            unloaded: saved.unloaded,
            packages: Vec::new(),
            views: Vec::new(),
            connections: HashMap::new(),
            pages: Vec::new(),
            runner: None,
            frames: Vec::new(),
            awaiting_unattended: Vec::new(),
            last_number: 0,
            changed: saved.view_port != base.port(),
            base,
            log,
            reports,
        };
        let options = hub.read_options();
        for installed in Package::installed(&config.packages_folder(), &hub.log) {
            hub.add_package(PackageFiles::read(installed, &options));
        }
        hub.resolve_placeholders();
        tasks.spawn("hub", hub.run(queue, reported));
        (Handle::new(commands), progress)
    }

    async fn run(mut self, mut commands: mpsc::Receiver<Command>, mut reports: mpsc::Receiver<(u64, Report)>) {
        let mut progress = self.store.progress.clone();
        self.sent_deck = self.deck();
        let mut since_saved = 0;
        // Callers that want the hub to stop. It keeps running until the packages have ended: they may still send
        // messages.
        let mut stopping = Vec::new();
        let (all_ended, mut packages_ended) = oneshot::channel();
        let mut all_ended = Some(all_ended);
        loop {
            let due = self.next_step_due();
            tokio::select! {
                command = commands.recv() => match command {
                    Some(Command::Stop(reply)) => {
                        stopping.push(reply);
                        if let Some(all_ended) = all_ended.take() {
                            let ends: Vec<_> = self.end_all();
                            tokio::spawn(async move {
                                futures_util::future::join_all(ends).await;
                                // An error means that the hub has ended, too.
                                let _ = all_ended.send(());
                            });
                        }
                    }
                    Some(Command::Work(work)) => work(&mut self),
                    None => break,
                },
                _ = &mut packages_ended, if !stopping.is_empty() => break,
                Some((run, report)) = reports.recv() => self.on_report(run, report),
                // The pages receive it below. An error means that the store's task has died.
                Ok(()) = progress.changed() => {}
                () = sleep_until(due.unwrap_or_else(Instant::now)), if due.is_some() => self.run_due_steps(),
            }
            self.end_orphaned_runs();
            self.send_deck_if_changed();
            self.assign_web_packages();
            since_saved += 1;
            // The whole state is copied for the store: once for all commands that wait, but at least after every so
            // many.
            if self.changed && (commands.is_empty() || since_saved >= QUEUE_LEN) {
                self.save();
                since_saved = 0;
            }
        }
        self.save();
        // Releases tasks that wait for the hub, so that they can end.
        drop((commands, reports));
        self.pages.iter().for_each(|page| page.outbox.close());
        // Packages that were started meanwhile, or all of them if every handle was dropped without a stop.
        let ends: Vec<_> = self.packages.iter_mut().filter_map(|package| package.supervisor.as_mut()).collect();
        futures_util::future::join_all(ends.into_iter().map(|supervisor| supervisor.end(Duration::ZERO))).await;
        self.connections.clear();
        self.store.flush().await;
        for reply in stopping {
            // An error means that the caller is gone.
            let _ = reply.send(());
        }
    }

    /// Adds a page of the deck. Returns its number and the queue of its events.
    pub(crate) fn subscribe(&mut self, runs: Runs) -> (u64, Arc<Outbox>) {
        let number = self.next_number();
        let outbox = Arc::new(Outbox::default());
        outbox.push(Event::State { state: Box::new(self.state()), page: number });
        self.pages.push(Page { number, outbox: outbox.clone(), runs });
        (number, outbox)
    }

    /// Removes the notice, which the user has read.
    pub(crate) fn dismiss_notice(&mut self) {
        self.notice = None;
    }

    /// Begins to write the state. The future ends once all of it is on disk, or with the error.
    fn save_now(&mut self) -> impl Future<Output = Result<(), SaveError>> + Send + use<> {
        self.save();
        self.store.saved()
    }

    /// Returns what has to be known before a package's files are read.
    pub(crate) fn read_options(&self) -> ReadOptions {
        ReadOptions { language: self.info.language().to_owned(), in_process: self.in_process }
    }

    /// Returns the settings of an instance.
    pub(crate) fn instance_settings(&self, context: &str) -> Result<Raw, DeckError> {
        let instance = self.panel.get(context);
        let settings = instance.map(|instance| instance.placed.settings.clone());
        settings.ok_or_else(|| DeckError::NoSuch("instance"))
    }

    /// Returns the folder of a package, if `path` is one of its pictures that the page may show.
    pub(crate) fn picture_folder(&self, package: &str, path: &str) -> Option<PathBuf> {
        let package = self.package(package).filter(|package| package.has_picture(path));
        package.map(|package| package.folder.clone())
    }

    /// Accepts a socket that knows the UUID and event that were handed out. A second socket with the same pair replaces
    /// the first.
    ///
    /// A page is accepted for its own package only, whatever pair it knows; `from` is the label of that package.
    pub(crate) fn register(&mut self, uuid: &str, event: &str, from: Option<&str>) -> Option<Registration> {
        let number = self.next_number();
        let owner = self.view(uuid).map_or(uuid, |view| &view.package);
        if from.is_some_and(|from| from != origins::label(owner)) {
            return None;
        }
        if let Some(view) = self.views.iter_mut().find(|view| view.id == uuid && view.register_event == event) {
            let package = view.package.clone();
            let replaced = view.connection.replace(number);
            let (connection, outgoing) = Connection::new(Peer::View(uuid.to_owned()));
            self.connections.insert(number, connection);
            match replaced {
                Some(replaced) => drop(self.connections.remove(&replaced)),
                None => self.notify_view_shown(uuid, true),
            }
            self.send_settings_to_view(uuid);
            return Some(Registration { connection: number, package, outgoing });
        }
        let package = self
            .packages
            .iter_mut()
            .find(|package| package.config.uuid == uuid && package.register_event.as_deref() == Some(event))?;
        let replaced = package.connection.replace(number);
        if let Some(supervisor) = &package.supervisor {
            supervisor.set_connected(true);
        }
        let (connection, outgoing) = Connection::new(Peer::Package(uuid.to_owned()));
        self.connections.insert(number, connection);
        if let Some(replaced) = replaced {
            self.connections.remove(&replaced);
            self.log.info(Some(uuid), "It has registered again; its earlier socket is closed.");
        }
        self.on_package_registered(uuid);
        Some(Registration { connection: number, package: uuid.to_owned(), outgoing })
    }

    /// Forgets a socket that has closed or has to be closed.
    pub(crate) fn disconnect(&mut self, number: u64, why: &str) {
        let Some(connection) = self.connections.remove(&number) else { return };
        match connection.peer {
            Peer::Package(uuid) => self.on_package_disconnected(&uuid, why),
            Peer::View(id) => {
                if let Some(view) = self.views.iter_mut().find(|view| view.id == id) {
                    view.connection = None;
                    self.notify_view_shown(&id, false);
                }
            }
        }
    }

    fn send(&mut self, connection: Option<u64>, message: &Arc<str>) {
        let Some(number) = connection else { return };
        let Some(connection) = self.connections.get(&number) else { return };
        if connection.send(message) {
            return;
        }
        const WHY: &str = "It doesn't take the messages that are sent to it.";
        if let Peer::View(id) = &connection.peer {
            let package = self.view(id).map(|view| view.package.clone());
            self.log.warn(package.as_deref(), format!("A page's socket is closed. {WHY}"));
        }
        self.disconnect(number, WHY);
    }

    fn notify_package(&mut self, package: &str, message: &FromHost) {
        self.send_to_package(package, &message.to_text().into());
    }

    fn send_to_package(&mut self, package: &str, message: &Arc<str>) {
        let connection = self.package(package).and_then(|package| package.connection);
        self.send(connection, message);
    }

    fn notify_pages(&mut self, event: &Event) {
        self.pages.retain(|page| page.outbox.push(event.clone()));
    }

    /// Sends the device to the pages, if it has changed.
    fn send_deck_if_changed(&mut self) {
        let deck = self.deck();
        if deck != self.sent_deck {
            self.notify_pages(&Event::Deck { deck: Box::new(deck.clone()) });
            self.sent_deck = deck;
        }
    }

    fn package(&self, uuid: &str) -> Option<&Package> {
        self.packages.iter().chain([&self.own]).find(|package| package.config.uuid == uuid)
    }

    fn package_mut(&mut self, uuid: &str) -> Option<&mut Package> {
        self.packages.iter_mut().find(|package| package.config.uuid == uuid)
    }

    fn view(&self, id: &str) -> Option<&View> {
        self.views.iter().find(|view| view.id == id)
    }

    pub(crate) fn state(&self) -> State {
        State {
            application: Application {
                name: "Creator Deck",
                version: env!("CARGO_PKG_VERSION"),
                language: self.info.language().to_owned(),
            },
            packages: self.package_views(),
            own: self.own.view(&self.base),
            panel: Grid { columns: COLUMNS, rows: ROWS },
            keys: Grid { columns: KEY_COLUMNS, rows: KEY_ROWS },
            deck: self.deck(),
            instances: self.panel.shown().map(|instance| self.instance_view(instance)).collect(),
        }
    }

    /// Hands the state to the store, if it has changed.
    fn save(&mut self) {
        if std::mem::take(&mut self.changed) {
            self.store.save(self.saved());
        }
    }

    fn saved(&self) -> Saved {
        Saved {
            version: Saved::VERSION,
            profiles: self.panel.profiles.clone(),
            active: self.panel.active.clone(),
            instances: self.all_placed().cloned().collect(),
            packages: self.known_of(self.all_placed()),
            package_settings: self.package_settings.clone(),
            unloaded: self.unloaded.clone(),
            view_port: self.base.port(),
            preferences: self.preferences.clone(),
            unread: self.unread.clone(),
        }
    }

    /// Returns all instances: those on the Panel, and those that wait for a place.
    fn all_placed(&self) -> impl Iterator<Item = &Placed> {
        self.panel.iter().map(|instance| &instance.placed).chain(&self.absent)
    }

    fn next_number(&mut self) -> u64 {
        self.last_number += 1;
        self.last_number
    }
}

/// Returns what packages receive about this host. Its two members for the language differ in spelling: released views
/// look the language up by the one at the top level.
fn host_info(language: &str) -> Info {
    let application = host_sdk::protocol::Application {
        language: String::new(),
        platform: host_sdk::manifest::PLATFORM.to_owned(),
        platform_version: os_info::get().version().to_string(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
    };
    let mut info = Info { application, language: None };
    set_language(&mut info, language);
    info
}

/// Changes the language that packages receive when they start.
fn set_language(info: &mut Info, language: &str) {
    language.clone_into(&mut info.application.language);
    info.language = Some(language.to_lowercase());
}
