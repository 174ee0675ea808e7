//! The configuration of a deck: everything that differs between a user's desktop, a test and the command line.

use std::path::PathBuf;
use std::time::Duration;

use host_sdk::language::{self, LANGUAGES};
use url::Origin;

use crate::autostart::Autostart;
use crate::desktop::OpenFolder;

/// The configuration of a [`Deck`](crate::Deck).
#[derive(Clone, Debug)]
pub struct Config {
    /// The folder of packages and state. Created if necessary.
    pub data: PathBuf,
    /// Port of the page and its API on 127.0.0.1; 0 takes a free one.
    pub port: u16,
    /// Never open a browser.
    pub headless: bool,
    /// Load package libraries into this process instead of starting a process for each package.
    pub in_process: bool,
    /// Bundles to install before anything starts.
    pub install: Vec<PathBuf>,
    /// The language that packages receive, one of [`host_sdk::language::LANGUAGES`]. None: the user's choice in the
    /// page, else English.
    pub language: Option<String>,
    /// Origins on this machine or in its network that property views may reach besides the web, to develop against a
    /// local service.
    pub allow: Vec<Origin>,
    /// How to start with the computer; none if that isn't offered.
    pub autostart: Option<Autostart>,
    /// How to show a folder to the user; none without a desktop.
    pub open_folder: Option<OpenFolder>,
    /// Time limits and rates.
    pub timing: Timing,
}

/// A language that hosts don't report.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("packages know {}; choose one of them", LANGUAGES.join(", "))]
pub struct UnknownLanguage;

/// Parses a language, in the spelling that hosts report.
///
/// # Errors
/// If hosts don't report it.
pub fn language(text: &str) -> Result<String, UnknownLanguage> {
    language::known(text).map(str::to_owned).ok_or(UnknownLanguage)
}

impl Config {
    /// Configures a headless deck on a free port, in English, without access to the user's desktop.
    #[must_use]
    pub fn headless(data: impl Into<PathBuf>) -> Self {
        Self {
            data: data.into(),
            port: 0,
            headless: true,
            in_process: false,
            install: Vec::new(),
            language: None,
            allow: Vec::new(),
            autostart: None,
            open_folder: None,
            timing: Timing::default(),
        }
    }

    /// Returns the folder of installed packages, which has a folder per package, named by UUID.
    #[must_use]
    pub fn packages_folder(&self) -> PathBuf {
        self.data.join("packages")
    }
}

/// Time limits and rates. Only tests change them.
#[derive(Clone, Copy, Debug)]
pub struct Timing {
    /// How long another deck may take to release the data folder. If it was killed while it was starting a package, the
    /// new process holds the lock until it runs the package's program.
    pub lock_timeout: Duration,
    /// A socket that hasn't registered within this time is closed.
    pub register_timeout: Duration,
    /// How long a client of the page, the API or the socket may take for the head of a request, stay connected without
    /// one, and pause within a body.
    pub read_timeout: Duration,
    /// The pause before a package that died is started again; it doubles with every death.
    pub first_restart: Duration,
    /// The longest such pause.
    pub last_restart: Duration,
    /// A package that lived this long starts with the shortest pause again.
    pub healthy_after: Duration,
    /// A package that died before this time died quickly; too many such deaths in a row park it.
    pub quick_death: Duration,
    /// How long a package has between `applicationWillTerminate` and being ended. It isn't waited for if it ends
    /// earlier.
    pub end_notice: Duration,
    /// How long a package may take to end when asked to, before it is killed.
    pub end_timeout: Duration,
    /// How long a page that is a package may be disconnected before it is loaded again. Longer than the 5 s after which
    /// clients reconnect.
    pub frame_timeout: Duration,
    /// Messages per second that one socket may send in the long run; twice as many may come at once. Above 0.
    pub messages_per_second: u32,
    /// How long changes are batched before the state is written to disk.
    pub save_after: Duration,
}

impl Default for Timing {
    fn default() -> Self {
        Self {
            lock_timeout: Duration::from_secs(1),
            register_timeout: Duration::from_secs(10),
            read_timeout: Duration::from_secs(20),
            first_restart: Duration::from_millis(500),
            last_restart: Duration::from_secs(30),
            healthy_after: Duration::from_secs(60),
            quick_death: Duration::from_secs(10),
            end_notice: Duration::from_secs(3),
            end_timeout: Duration::from_secs(2),
            frame_timeout: Duration::from_secs(15),
            messages_per_second: 2000,
            save_after: Duration::from_millis(300),
        }
    }
}
