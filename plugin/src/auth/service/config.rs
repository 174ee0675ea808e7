//! What the accounts need from outside: addresses, clock, random numbers, and where secrets are to be kept.

use std::path::PathBuf;
use std::sync::Arc;

use url::Url;

use crate::auth::store::{StoreChoice, StoreOptions};
use crate::clock::Clock;
use crate::http::Http;
use crate::supervisor::Supervisor;

/// Spotify's accounts service.
pub const ACCOUNTS_URL: &str = "https://accounts.spotify.com";

/// Returns 32 bytes that can't be guessed, or the error that there are none.
pub type Random = Arc<dyn Fn() -> Result<[u8; 32], getrandom::Error> + Send + Sync>;

/// The operating system's random numbers.
#[must_use]
pub fn system_random() -> Random {
    Arc::new(|| {
        let mut bytes = [0; 32];
        getrandom::fill(&mut bytes)?;
        Ok(bytes)
    })
}

/// Where the private file goes if the user chooses one: in the local data folder. None where there is no home.
#[must_use]
pub fn default_private_file() -> Option<PathBuf> {
    directories::ProjectDirs::from("", "", "spotify-widgets")
        .map(|folders| folders.data_local_dir().join("accounts.json"))
}

/// Where the lock lies that the copies of the package share: beside [`default_private_file`]. None where there is no home.
#[must_use]
pub fn default_lock_file() -> Option<PathBuf> {
    default_private_file().map(|path| path.with_file_name("accounts.lock"))
}

/// Where limits and counts are written down: beside the private file. None where there is no home.
#[must_use]
pub fn default_limits_file() -> Option<PathBuf> {
    default_private_file().map(|file| file.with_file_name("limits.json"))
}

/// What [`Auth::start`](super::Auth::start) needs from outside.
#[derive(Clone)]
pub struct Config {
    /// Base address of the accounts service; [`ACCOUNTS_URL`] unless in tests.
    pub accounts_url: Url,
    /// Where secrets are kept.
    pub store: StoreChoice,
    /// Where the private file would be, see [`default_private_file`]. If it exists, it was chosen at an earlier start.
    pub private_file: Option<PathBuf>,
    /// The file that copies of the package lock while they use the keyring or the private file, see
    /// [`default_lock_file`]; another of that name and `.renewal` lies beside it. None: there are no other copies. A file
    /// that [`StoreChoice::File`] names has its lock beside itself.
    pub lock_file: Option<PathBuf>,
    /// Where limits and counts of requests outlive the package, see [`default_limits_file`]; None: nowhere.
    pub limits_file: Option<PathBuf>,
    /// The user's language as the host wrote it (`en`, `zh_TW`, …); empty if it has said none. The page at the end of
    /// a sign-in is in it, or in the browser's, or in English.
    pub language: String,
    /// The wall clock.
    pub clock: Arc<dyn Clock>,
    /// The shared client.
    pub http: Http,
    /// The source of texts that can't be guessed, see [`system_random`].
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
