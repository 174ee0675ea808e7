//! Creator Deck: a host for Creator Central packages on any desktop.
//!
//! It listens on two ports of this machine. One serves the deck's page and its API (`http`) to browsers with a session
//! (`sessions`), the other the package socket (`socket`) and packages' pictures and pages (`views`). The pages of each
//! package have a host name of their own (`origins`): each is a separate site for a browser, so that a package's page
//! can reach neither the deck's API nor the pages of another package. Between them stands the `hub`, the one task that
//! owns the state; `process` keeps the packages running.
//!
//! The program `creator-deck` is a command line around [`Deck`], which tests run in their own process.

mod access;
pub mod author;
mod autostart;
mod browser;
mod config;
mod desktop;
mod error;
mod guard;
mod http;
mod hub;
mod icon;
mod links;
mod listener;
mod log;
mod log_file;
mod mask;
mod origins;
mod package;
mod page;
mod picture_process;
mod preferences;
mod private;
mod process;
mod script;
mod sessions;
mod socket;
mod state;
mod store;
mod tasks;
mod throttle;
mod traffic;
pub mod validate;
mod views;

use std::fs::{self, File};
use std::net::{Ipv4Addr, Ipv6Addr};
use std::path::Path;
use std::time::Duration;

use anyhow::{Context as _, Result};
use axum::Router;
use axum::middleware;
use axum::routing::{get, post};
use host_sdk::{bundle, files};
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::time::{Instant, sleep, timeout};
use url::Url;

pub use access::{NotRunning, running_entry_url};
pub use autostart::{Autostart, AutostartError};
pub use browser::find as find_browser;
pub use config::{Config, Timing, UnknownLanguage, language};
pub use desktop::OpenFolder;
pub use picture_process::child::run as decode_pictures;
pub use script::{Failure, Script, ScriptError};
pub use tasks::TaskEnded;

use crate::hub::{Handle, Hub};
use crate::log::Log;
use crate::log_file::LogFile;
use crate::sessions::Sessions;
use crate::store::Progress;
use crate::tasks::{Tasks, Watched};
use crate::traffic::Traffic;

/// How long the last state may take to reach the disk after the hub has failed.
const WRITE_TIMEOUT: Duration = Duration::from_secs(5);

/// A running host. Dropping it kills its packages; [`Deck::stop`] ends them properly and saves first.
#[derive(Debug)]
pub struct Deck {
    hub: Handle,
    port: u16,
    socket_port: u16,
    token: String,
    sessions: Sessions,
    /// For the smoke run.
    log: Log,
    tasks: Watched,
    /// The progress of saving; closed once everything is written.
    progress: watch::Receiver<Progress>,
    traffic: Traffic,
    browser: Option<browser::Unattended>,
    /// The file with the token for programs, if it could be written.
    _access: Option<access::Access>,
    /// Keeps a second deck off the data folder.
    lock: File,
}

impl Deck {
    /// Starts a host: installs the configured bundles, listens, and starts the packages. Needs a tokio runtime with I/O
    /// and time.
    ///
    /// # Errors
    /// If the data folder can't be used or is [in use](InUse), the port is taken, or a bundle is refused.
    pub async fn start(config: Config) -> Result<Self> {
        let folder = &config.data;
        files::create_private_folder(folder)
            .with_context(|| format!("the data folder {} can't be made", folder.display()))?;
        let lock = lock(folder, config.timing.lock_timeout).await?;
        let logs = folder.join("logs");
        let mut tasks = Tasks::default();
        let (file, log_file) = LogFile::start(&logs).with_context(|| format!("{} can't be made", logs.display()))?;
        tasks.spawn("log file", log_file);
        let (log, traffic) = (Log::new(file.clone()), Traffic::new(file));
        if let Err(error) = private::tighten(&[folder, &logs], &[&config.packages_folder()]) {
            let folder = folder.display();
            log.warn(None, format!("Other accounts of this computer may be able to read {folder}: {error}."));
        }
        let loaded = store::load(folder, &log)
            .with_context(|| format!("the saved Panel in {} can't be read or set aside", folder.display()))?;
        let packages = config.packages_folder();
        files::create_private_folder(&packages).with_context(|| format!("{} can't be made", packages.display()))?;
        bundle::recover(&packages).with_context(|| format!("{} can't be put in order", packages.display()))?;
        for file in &config.install {
            let content = fs::read(file).with_context(|| format!("{} can't be read", file.display()))?;
            bundle::install(&content, &packages).with_context(|| format!("{} is not installed", file.display()))?;
        }

        let (page, port) = listen(config.port).await?;
        // The same port as last time: what packages' pages have stored in the browser belongs to it.
        let earlier = loaded.saved.view_port.filter(|earlier| *earlier != port).unwrap_or_default();
        let (sockets, socket_port) = match listen(earlier).await {
            Err(_) if earlier != 0 => listen(0).await?,
            listening => listening?,
        };
        let base = Url::parse(&format!("http://127.0.0.1:{socket_port}/"))?;
        let token = random_id();
        let sessions = Sessions::load(folder, log.clone());
        let (hub, progress) = Hub::start(&config, base, loaded, log.clone(), &mut tasks);
        let api = http::Api {
            hub: hub.clone(),
            log: log.clone(),
            traffic: traffic.clone(),
            token: token.as_str().into(),
            sessions: sessions.clone(),
            port,
            views_port: socket_port,
            packages: std::sync::Arc::new(packages.into()),
            desktop: std::sync::Arc::new(desktop::Desktop {
                data: folder.clone(),
                logs,
                autostart: config.autostart.clone(),
                open_folder: config.open_folder,
            }),
        };
        let allowed = config.allow.clone().into();
        let views = views::Views { hub: hub.clone(), port: socket_port, page_port: port, allowed };
        let socket = socket::Sockets {
            hub: hub.clone(),
            port: socket_port,
            log: log.clone(),
            traffic: traffic.clone(),
            registrations: socket::RegistrationLimits::default(),
            register_timeout: config.timing.register_timeout,
            messages_per_second: config.timing.messages_per_second,
        };
        let package_side = Router::new()
            .route("/package/{package}/{*path}", get(views::picture))
            .route("/view/{view}/{*path}", get(views::view))
            .route("/output/{frame}", post(views::receive_output))
            .route("/probe", get(views::probe))
            .with_state(views)
            .merge(Router::new().route("/", get(socket::accept)).with_state(socket))
            .layer(middleware::from_fn_with_state(guard::Port(socket_port), guard::packages));
        let read_timeout = config.timing.read_timeout;
        for (name, listeners, router) in [("page", page, http::router(api)), ("package socket", sockets, package_side)]
        {
            for listener in listeners {
                tasks.spawn(name, listener::serve(listener, router.clone(), read_timeout));
            }
        }
        // The deck starts even on a full disk: only the user's own programs rely on this file.
        let access = access::Access::write(folder, &format!("http://127.0.0.1:{port}/"), &token).inspect_err(|error| {
            let file = folder.join(access::FILE_NAME);
            log.error(None, format!("{} can't be written ({error}): scripts don't find the API.", file.display()));
        });
        let tasks = tasks.watch();
        Ok(Self {
            hub,
            port,
            socket_port,
            token,
            sessions,
            log,
            tasks,
            progress,
            traffic,
            browser: None,
            _access: access.ok(),
            lock,
        })
    }

    /// Returns the address of the deck's page, for a browser with a session.
    #[must_use]
    pub fn page_url(&self) -> String {
        format!("http://127.0.0.1:{}/", self.port)
    }

    /// Returns an address of the deck's page that lets in the first browser that loads it.
    #[must_use]
    pub fn entry_url(&self) -> String {
        http::entry_url(self.port, &self.sessions)
    }

    /// Returns the port of the package socket on 127.0.0.1.
    #[must_use]
    pub fn socket_port(&self) -> u16 {
        self.socket_port
    }

    /// Returns the token that API calls carry in `X-Deck-Token`.
    #[must_use]
    pub fn token(&self) -> &str {
        &self.token
    }

    /// Whether a package is installed that runs in the deck's page.
    pub async fn has_web_packages(&self) -> bool {
        let state = self.hub.state().await;
        state.is_ok_and(|state| state.packages.iter().any(|package| package.web))
    }

    /// Opens the deck's page in a headless browser, which runs web packages until the deck ends. `program` is Chromium
    /// or a browser based on it.
    ///
    /// # Errors
    /// If it can't be started.
    pub fn open_unattended(&mut self, program: &Path) -> Result<()> {
        let started = browser::Unattended::start(program, &self.entry_url());
        let browser = started.with_context(|| format!("the browser {} can't be started", program.display()))?;
        self.browser = Some(browser);
        Ok(())
    }

    /// Runs a script to its end.
    ///
    /// # Errors
    /// The first step that failed.
    pub async fn run_script(&self, script: &Script) -> Result<(), Failure> {
        script::run(script, &self.hub, &self.traffic).await
    }

    /// Waits until an essential task of the deck ends, which only happens on failure: all that is left then is to
    /// [`stop`](Self::stop) the deck.
    pub fn failure(&self) -> impl Future<Output = TaskEnded> + Send + use<> {
        let (first_end, log) = (self.tasks.first_end(), self.log.clone());
        async move {
            let ended = first_end.await;
            log.error(None, format!("Creator Deck can't go on: {ended}. Start it again."));
            ended
        }
    }

    /// Runs until `end`, then stops.
    ///
    /// # Errors
    /// If an essential task ended before.
    pub async fn run_until(self, end: impl Future<Output = ()>) -> Result<(), TaskEnded> {
        let ended = tokio::select! {
            () = end => Ok(()),
            ended = self.failure() => Err(ended),
        };
        self.stop().await;
        ended
    }

    /// Ends the packages, saves the Panel, and stops listening.
    pub async fn stop(mut self) {
        if !self.hub.stop().await {
            // The hub has failed, and its packages have ended with it. The state that it handed over may not be on disk
            // yet.
            let written = async { while self.progress.changed().await.is_ok() {} };
            let _ = timeout(WRITE_TIMEOUT, written).await;
        }
        // Only now: packages that run in it may send last messages, too.
        drop(self.browser.take());
        self.tasks.end().await;
    }
}

impl Drop for Deck {
    fn drop(&mut self) {
        self.tasks.abort();
        // Explicitly: closing the file isn't enough while a process that is being started has a copy of it.
        if let Err(error) = self.lock.unlock() {
            tracing::warn!(%error, "the data folder stays locked until this program ends");
        }
    }
}

/// Opens a page in the user's browser.
///
/// # Errors
/// If there is none.
pub fn open_in_browser(url: &str) -> std::io::Result<()> {
    webbrowser::open(url)
}

/// Shows a folder in the system's file manager.
///
/// # Errors
/// If there is none.
pub fn open_folder(folder: &Path) -> std::io::Result<()> {
    open::that_detached(folder)
}

/// Another deck uses the data folder.
#[derive(Debug, thiserror::Error)]
#[error("another Creator Deck uses {}; end it, or choose another folder with --data", folder.display())]
pub struct InUse {
    /// The data folder.
    pub folder: std::path::PathBuf,
}

/// Locks the folder against other decks, as long as the returned file is open.
async fn lock(folder: &std::path::Path, within: Duration) -> Result<File> {
    const POLL_INTERVAL: Duration = Duration::from_millis(20);
    let path = folder.join("deck.lock");
    let file = files::private_options().write(true).create(true).truncate(false).open(&path);
    let file = file.with_context(|| format!("{} can't be made", path.display()))?;
    let end = Instant::now() + within;
    loop {
        match file.try_lock() {
            Ok(()) => return Ok(file),
            Err(fs::TryLockError::WouldBlock) if Instant::now() < end => sleep(POLL_INTERVAL).await,
            Err(fs::TryLockError::WouldBlock) => return Err(InUse { folder: folder.to_owned() }.into()),
            Err(fs::TryLockError::Error(error)) => {
                return Err(error).with_context(|| format!("{} can't be locked", path.display()));
            }
        }
    }
}

/// Listens on 127.0.0.1 and, where available, on [::1], on the same port: browsers use either for `localhost`.
async fn listen(port: u16) -> Result<(Vec<TcpListener>, u16)> {
    /// A port that is free on one address may be taken on the other.
    const TRIES: u32 = 10;
    let mut tries = 0;
    loop {
        tries += 1;
        let four = TcpListener::bind((Ipv4Addr::LOCALHOST, port))
            .await
            .with_context(|| format!("port {port} of 127.0.0.1 can't be used; choose another one with --port"))?;
        let bound = four.local_addr()?.port();
        match TcpListener::bind((Ipv6Addr::LOCALHOST, bound)).await {
            Ok(six) => return Ok((vec![four, six], bound)),
            Err(error) if error.kind() == std::io::ErrorKind::AddrInUse && port == 0 && tries < TRIES => {}
            Err(error) => {
                tracing::debug!(%error, port = bound, "listening on 127.0.0.1 only");
                return Ok((vec![four], bound));
            }
        }
    }
}

/// Returns an unguessable id: 128 random bits.
///
/// # Panics
/// If the system has no randomness, without which nothing here is secure.
fn random_id() -> String {
    let mut bytes = [0_u8; 16];
    getrandom::fill(&mut bytes).expect("the system provides randomness");
    hex(&bytes)
}

/// Returns bytes as hexadecimal digits.
fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use std::future::{pending, ready};

    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::net::TcpStream;

    use super::*;

    /// Ends a test that would hang; passing tests don't wait for it.
    const SOON: Duration = Duration::from_secs(20);

    async fn deck(change: impl FnOnce(&mut Config)) -> (Deck, tempfile::TempDir) {
        let data = tempfile::tempdir().unwrap();
        let mut config = Config::headless(data.path());
        change(&mut config);
        (Deck::start(config).await.unwrap(), data)
    }

    #[tokio::test]
    async fn deck_ends_with_a_reason_when_any_task_ends() {
        let (deck_of_all, _data) = deck(|_| {}).await;
        let mut names = deck_of_all.tasks.names();
        names.dedup();
        assert_eq!(names, ["hub", "log file", "package socket", "page", "store"]);
        for name in names {
            let (deck, _data) = deck(|_| {}).await;
            let log = deck.log.clone();
            deck.tasks.kill(name);
            let ended = timeout(SOON, deck.run_until(pending())).await.expect("it ends").unwrap_err();
            assert_eq!(ended, TaskEnded::Ended(name));
            let last = log.entries().pop().unwrap().message.clone();
            assert_eq!(last, format!("Creator Deck can't go on: its {name} has ended. Start it again."));
        }
    }

    #[tokio::test]
    async fn deck_ends_without_error_on_request() {
        let (deck, _data) = deck(|_| {}).await;
        deck.run_until(ready(())).await.unwrap();
    }

    /// Without this limit a WebSocket handshake could stay unfinished forever, too.
    #[tokio::test]
    async fn client_with_unfinished_head_is_disconnected() {
        let (deck, _data) = deck(|config| config.timing.read_timeout = Duration::from_millis(50)).await;
        for port in [deck.port, deck.socket_port] {
            for head in ["", "GET / HT", "GET / HTTP/1.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"] {
                let mut client = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
                client.write_all(head.as_bytes()).await.unwrap();
                let mut answer = Vec::new();
                let ended = timeout(SOON, client.read_to_end(&mut answer)).await.expect("it is cut off");
                drop(ended);
                assert!(!answer.starts_with(b"HTTP/1.1 1") && !answer.starts_with(b"HTTP/1.1 2"), "{answer:?}");
            }
        }
    }

    #[tokio::test]
    async fn client_with_unfinished_body_is_disconnected() {
        let (deck, _data) = deck(|config| config.timing.read_timeout = Duration::from_millis(50)).await;
        let head = format!(
            "POST /api/profiles HTTP/1.1\r\nHost: 127.0.0.1:{}\r\nX-Deck-Token: {}\r\nContent-Length: 100\r\n\r\n{{",
            deck.port, deck.token
        );
        let mut client = TcpStream::connect(("127.0.0.1", deck.port)).await.unwrap();
        client.write_all(head.as_bytes()).await.unwrap();
        let mut answer = Vec::new();
        timeout(SOON, client.read_to_end(&mut answer)).await.expect("it is cut off").unwrap();
        assert!(answer.starts_with(b"HTTP/1.1 4"), "{}", String::from_utf8_lossy(&answer));
    }
}
