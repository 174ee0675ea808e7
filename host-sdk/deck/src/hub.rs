//! The hub: the one task that owns the deck's state. Sockets, the page's requests and the packages' supervisors speak to
//! it through channels with bounds, and it never waits for any of them: whoever doesn't take what it is sent is cut off.

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
pub use self::messages::{Drawable, take_picture};
use self::multi::Run;
pub use self::multi::WantedStep;
pub use self::packages::SCRIPT_FAILED;
pub use self::profiles::{NewProfile, ProfileChange};
pub use self::transfer::{Export, ImportError, Report as ImportReport, Taking};

/// Commands that wait for the hub. Who sends more waits.
const COMMANDS: usize = 256;
/// Property views and settings pages at a time; beyond that the oldest is closed. Pages that went without saying so
/// leave theirs behind.
const VIEWS: usize = 64;

/// What packages are told as the user's language unless something else is chosen.
const DEFAULT_LANGUAGE: &str = "en";
/// Who holds a key that a program has pressed. No page has this number.
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
    /// Where it is loaded by the page that runs web packages, for a try; none if somebody looks at it.
    tried: Option<Frame>,
}

/// Whether a page of the deck can run web packages.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Runs {
    /// It can't.
    #[default]
    Nothing,
    /// It can.
    Web,
    /// It can, and is there for nothing else: no one sees it.
    Unattended,
}

/// A page of the deck.
#[derive(Debug)]
struct Page {
    number: u64,
    outbox: Arc<Outbox>,
    runs: Runs,
}

/// See the module's documentation.
#[derive(Debug)]
pub struct Hub {
    timing: Timing,
    headless: bool,
    in_process: bool,
    /// The address of the package socket and of packages' pictures. Their pages are on the same port.
    base: Url,
    info: Info,
    /// Whether the language was named when the deck was started: the user's choice comes after that.
    is_language_fixed: bool,
    log: Log,
    store: Store,
    panel: Panel,
    /// Instances that have no place on the Panel: what takes it came while their widget wasn't there.
    absent: Vec<Placed>,
    /// What is known of packages that aren't there, and of those that were.
    known: Known,
    history: History,
    /// What the deck itself offers.
    own: Package,
    /// Multi-action keys that are under way.
    runs: Vec<Run>,
    /// A key to paste.
    clipboard: Option<Clipboard>,
    /// Whether the device sleeps: nothing on it is visible.
    asleep: bool,
    /// Instances whose key is held down, each with who holds it: the numbers of pages, or [`PROGRAM`].
    pressed: HashMap<String, HashSet<u64>>,
    /// How often packages have asked for pages of the web.
    links: Links,
    /// What the user has to know, until it is dismissed.
    notice: Option<String>,
    /// What pages were told last of the device.
    told: Deck,
    package_settings: BTreeMap<String, Raw>,
    preferences: Preferences,
    /// What of the state on disk this version can't read, and keeps.
    unread: Unread,
    /// Packages that the user has unloaded.
    unloaded: BTreeSet<String>,
    packages: Vec<Package>,
    views: Vec<View>,
    connections: HashMap<u64, Connection>,
    /// In the order in which they came.
    /// The one that the user is at comes last: where a key was pressed last, else the newest.
    pages: Vec<Page>,
    /// The number of the page that runs web packages: the newest that can.
    runner: Option<u64>,
    /// The names of the frames that it was told last to have.
    frames: Vec<String>,
    /// Who waits for a page that is there for web packages alone.
    awaiting_unattended: Vec<Reply<()>>,
    reports: mpsc::Sender<(u64, Report)>,
    numbers: u64,
    changed: bool,
}

impl Hub {
    /// Starts the hub and the packages that are installed. `base` is the address of the package socket. Returns how far the
    /// state is written, too.
    pub fn start(
        config: &Config,
        base: Url,
        loaded: Loaded,
        log: Log,
        tasks: &mut Tasks,
    ) -> (Handle, watch::Receiver<Progress>) {
        let (commands, queue) = mpsc::channel(COMMANDS);
        let (reports, reported) = mpsc::channel(COMMANDS);
        let Loaded { saved, notice } = loaded;
        let (store, writing) = Store::new(config.data.clone(), config.timing.save_after, log.clone());
        tasks.spawn("store", writing);
        let progress = store.progress.clone();
        let chosen = config.language.clone().or_else(|| saved.preferences.language());
        let mut hub = Self {
            info: info(chosen.as_deref().unwrap_or(DEFAULT_LANGUAGE)),
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
            told: Deck::default(),
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
            numbers: 0,
            changed: saved.view_port != base.port(),
            base,
            log,
            reports,
        };
        let options = hub.read_options();
        for installed in Package::installed(&config.packages_folder(), &hub.log) {
            hub.add_package(PackageFiles::read(installed, &options));
        }
        hub.revive();
        tasks.spawn("hub", hub.run(queue, reported));
        (Handle::new(commands), progress)
    }

    async fn run(mut self, mut commands: mpsc::Receiver<Command>, mut reports: mpsc::Receiver<(u64, Report)>) {
        let mut progress = self.store.progress.clone();
        self.told = self.deck();
        let mut since_saved = 0;
        // Who wants the hub to stop. It goes on meanwhile: packages have last words.
        let mut stopping = Vec::new();
        let (all_ended, mut packages_ended) = oneshot::channel();
        let mut all_ended = Some(all_ended);
        loop {
            let next_step = self.next_step();
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
                Some((run, report)) = reports.recv() => self.reported(run, report),
                // The pages are told below. An error means that the store's task has died, and there is no more to hear.
                Ok(()) = progress.changed() => {}
                () = sleep_until(next_step.unwrap_or_else(Instant::now)), if next_step.is_some() => self.go_on(),
            }
            self.end_lost_runs();
            self.tell_deck();
            self.tell_frames();
            since_saved += 1;
            // The whole state is copied for the store: once for all that waits here, but not never.
            if self.changed && (commands.is_empty() || since_saved >= COMMANDS) {
                self.save();
                since_saved = 0;
            }
        }
        self.save();
        // Whoever waits for this task is let go, so that everybody can end.
        drop((commands, reports));
        self.pages.iter().for_each(|page| page.outbox.close());
        // Those that have come since, or all if nobody has wanted to stop but everybody is gone.
        let ends: Vec<_> = self.packages.iter_mut().filter_map(|package| package.supervisor.as_mut()).collect();
        futures_util::future::join_all(ends.into_iter().map(|supervisor| supervisor.end(Duration::ZERO))).await;
        self.connections.clear();
        self.store.flush().await;
        for reply in stopping {
            // An error means that nobody waits for the end any more.
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

    /// The user has read the notice.
    pub(crate) fn dismiss_notice(&mut self) {
        self.notice = None;
    }

    /// Begins to write the state. The future ends when all of it is on disk, or with why it can't be written.
    fn save_now(&mut self) -> impl Future<Output = Result<(), SaveError>> + Send + use<> {
        self.save();
        self.store.saved()
    }

    /// Returns what has to be known before a package's files are read.
    pub(crate) fn read_options(&self) -> ReadOptions {
        ReadOptions { language: self.info.language().to_owned(), in_process: self.in_process }
    }

    /// The settings of an instance.
    pub(crate) fn settings_of(&self, context: &str) -> Result<Raw, DeckError> {
        let instance = self.panel.get(context);
        let settings = instance.map(|instance| instance.placed.settings.clone());
        settings.ok_or_else(|| DeckError::NoSuch("instance"))
    }

    /// The folder of a package, if a path in it is a picture that the page may show.
    pub(crate) fn picture_folder(&self, package: &str, path: &str) -> Option<PathBuf> {
        let package = self.package(package).filter(|package| package.has_picture(path));
        package.map(|package| package.folder.clone())
    }

    /// Lets a socket in, if it knows the pair that was handed out. A second one with that pair replaces the first. A page
    /// is let in for its own package alone, whatever it knows; `from` is its package's label.
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
                None => self.tell_package_of_view(uuid, true),
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
        self.package_is_here(uuid);
        Some(Registration { connection: number, package: uuid.to_owned(), outgoing })
    }

    /// Forgets a socket: it is gone, or has to go.
    pub(crate) fn disconnect(&mut self, number: u64, why: &str) {
        let Some(connection) = self.connections.remove(&number) else { return };
        match connection.peer {
            Peer::Package(uuid) => self.package_is_away(&uuid, why),
            Peer::View(id) => {
                if let Some(view) = self.views.iter_mut().find(|view| view.id == id) {
                    view.connection = None;
                    self.tell_package_of_view(&id, false);
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

    fn tell_package(&mut self, package: &str, message: &FromHost) {
        self.send_to_package(package, &message.to_text().into());
    }

    fn send_to_package(&mut self, package: &str, message: &Arc<str>) {
        let connection = self.package(package).and_then(|package| package.connection);
        self.send(connection, message);
    }

    fn tell_pages(&mut self, event: &Event) {
        self.pages.retain(|page| page.outbox.push(event.clone()));
    }

    /// Tells the pages of the device, if anything about it is new.
    fn tell_deck(&mut self) {
        let deck = self.deck();
        if deck != self.told {
            self.tell_pages(&Event::Deck { deck: Box::new(deck.clone()) });
            self.told = deck;
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

    /// Hands the state over to be written, if anything about it is new.
    fn save(&mut self) {
        if std::mem::take(&mut self.changed) {
            self.store.save(self.saved());
        }
    }

    fn saved(&self) -> Saved {
        let placed = || self.panel.iter().map(|instance| &instance.placed).chain(&self.absent);
        Saved {
            version: Saved::VERSION,
            profiles: self.panel.profiles.clone(),
            active: self.panel.active.clone(),
            instances: placed().cloned().collect(),
            packages: self.known_of(placed()),
            package_settings: self.package_settings.clone(),
            unloaded: self.unloaded.clone(),
            view_port: self.base.port(),
            preferences: self.preferences.clone(),
            unread: self.unread.clone(),
        }
    }

    fn next_number(&mut self) -> u64 {
        self.numbers += 1;
        self.numbers
    }
}

/// What packages are told of this host. Each of the two places for the language has a spelling of its own: released views
/// look it up by what they find at the top.
fn info(language: &str) -> Info {
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

/// Changes the user's language that packages receive when they start.
fn set_language(info: &mut Info, language: &str) {
    language.clone_into(&mut info.application.language);
    info.language = Some(language.to_lowercase());
}
