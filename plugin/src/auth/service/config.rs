//! The configuration of the accounts: addresses, clock, random numbers, and where secrets are stored.

use std::path::PathBuf;
use std::sync::Arc;

use url::Url;

use crate::auth::store::{StoreChoice, StoreOptions};
use crate::clock::Clock;
use crate::http::Http;
use crate::supervisor::Supervisor;

/// Spotify's accounts service.
pub const ACCOUNTS_URL: &str = "https://accounts.spotify.com";

/// Returns 32 bytes that can't be guessed, or an error if there are none.
pub type Random = Arc<dyn Fn() -> Result<[u8; 32], getrandom::Error> + Send + Sync>;

/// Returns the operating system's random numbers.
#[must_use]
pub fn system_random() -> Random {
    Arc::new(|| {
        let mut bytes = [0; 32];
        getrandom::fill(&mut bytes)?;
        Ok(bytes)
    })
}

/// Returns the path of the private file, if the user chooses one: in the local data folder. None without a home folder.
#[must_use]
pub fn default_private_file() -> Option<PathBuf> {
    directories::ProjectDirs::from("", "", "spotify-widgets")
        .map(|folders| folders.data_local_dir().join("accounts.json"))
}

/// Returns the path of the lock that the copies of the package share: beside [`default_private_file`]. None without a home
/// folder.
#[must_use]
pub fn default_lock_file() -> Option<PathBuf> {
    default_private_file().map(|path| path.with_file_name("accounts.lock"))
}

/// Returns the path of the file of limits and counts: beside the private file. None without a home folder.
#[must_use]
pub fn default_limits_file() -> Option<PathBuf> {
    default_private_file().map(|file| file.with_file_name("limits.json"))
}

/// The parameters of [`Auth::start`](super::Auth::start).
#[derive(Clone)]
pub struct Config {
    /// Base address of the accounts service; [`ACCOUNTS_URL`] unless in tests.
    pub accounts_url: Url,
    /// Where secrets are stored.
    pub store: StoreChoice,
    /// The path of the private file, see [`default_private_file`]. If it exists, the user has chosen it at an earlier start.
    pub private_file: Option<PathBuf>,
    /// The file that copies of the package lock while they use the keyring or the private file, see [`default_lock_file`];
    /// there is another one with `.renewal` appended. None: there are no other copies. The lock of a file that
    /// [`StoreChoice::File`] names is beside that file.
    pub lock_file: Option<PathBuf>,
    /// The file in which limits and counts of requests outlive the package, see [`default_limits_file`]; None: they don't.
    pub limits_file: Option<PathBuf>,
    /// The user's language as the host names it (`en`, `zh_TW`, …); empty if it names none. The page at the end of a log-in
    /// is in it, or in the browser's language, or in English.
    pub language: String,
    /// The wall clock.
    pub clock: Arc<dyn Clock>,
    /// The shared client.
    pub http: Http,
    /// The source of random bytes, see [`system_random`].
    pub random: Random,
    /// Watches the tasks of the accounts.
    pub tasks: Supervisor,
}

impl Config {
    pub(super) fn store_options(&self) -> StoreOptions {
        StoreOptions {
            choice: self.store.clone(),
            private_file: self.private_file.clone(),
            lock_file: self.lock_file.clone(),
            tasks: self.tasks.clone(),
        }
    }
}
