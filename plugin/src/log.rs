//! The log: warnings to stderr, and a file for the user to send, because Creator Central throws stderr away.
//!
//! The file lies in the user's own folder of logs ([`default_folder`]) and is [rotated](host_sdk::log): all files together
//! stay under 5 MB. Two hosts may run the package at once, each with files of its own. A full or read-only disk costs
//! nothing but the lines.
//!
//! Nothing secret is in it at any level: see `auth::Secret`, and the test that greps the files.

use std::io::{self, Write};
use std::panic;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, Once, PoisonError};

use host_sdk::log::{LogFiles, LogLimits};
use host_sdk::protocol::Info;
use tracing::Subscriber;
use tracing_subscriber::filter::EnvFilter;
use tracing_subscriber::layer::{Layer, SubscriberExt as _};
use tracing_subscriber::registry::LookupSpan;

use crate::auth::{self, StoreChoice};
use crate::config::Config;
use crate::face;

/// A file that can't be renamed is emptied at once: a few lines less, but the bound holds.
const LIMITS: LogLimits = LogLimits { file_bytes: 512 * 1024, older_files: 2, stuck_bytes: 512 * 1024, processes: 3 };
/// How the files' names begin.
const NAME: &str = "spotify-widgets";

/// Where the log goes unless the environment says otherwise: `%LOCALAPPDATA%\spotify-widgets\data\logs` on Windows,
/// `~/Library/Logs/spotify-widgets` on macOS, `$XDG_STATE_HOME/spotify-widgets` (`~/.local/state/spotify-widgets`) on
/// other systems. None where there is no home.
#[must_use]
pub fn default_folder() -> Option<PathBuf> {
    if cfg!(target_os = "macos") {
        return directories::BaseDirs::new().map(|base| base.home_dir().join("Library/Logs/spotify-widgets"));
    }
    let folders = directories::ProjectDirs::from("", "", "spotify-widgets")?;
    Some(folders.state_dir().map_or_else(|| folders.data_local_dir().join("logs"), Path::to_owned))
}

/// Starts the log of this process, with files in `folder` if there is one, and has panics logged. `RUST_LOG` chooses the
/// lines of both; without it the file gets what is worth knowing (info), stderr what is wrong (warnings). Once a process:
/// a package that is started again in it goes on with the log of before.
pub fn start(folder: Option<&Path>) {
    let filter = |usual| EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new(usual));
    let stderr = tracing_subscriber::fmt::layer().with_writer(io::stderr).with_ansi(false);
    let log = tracing_subscriber::registry()
        .with(folder.map(|folder| to_file(folder, filter("info"))))
        .with(stderr.with_filter(filter("warn")));
    // An error means that an earlier start of this library has done it.
    let _ = tracing::subscriber::set_global_default(log);
    log_panics();
}

/// The part of the log that goes to files in `folder`, which need not exist.
pub fn to_file<S: Subscriber + for<'span> LookupSpan<'span>>(
    folder: &Path,
    filter: EnvFilter,
) -> impl Layer<S> + Send + Sync + use<S> {
    let files = Arc::new(Mutex::new(LogFiles::new(folder, NAME, LIMITS)));
    tracing_subscriber::fmt::layer()
        .with_writer(move || Line(Arc::clone(&files)))
        .with_ansi(false)
        .log_internal_errors(false)
        .with_filter(filter)
}

/// Has every panic logged with its place, and then treated as before. A library that hosts load has a standard library of
/// its own, and so a hook of its own: the host's stays as it is.
pub fn log_panics() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let before = panic::take_hook();
        panic::set_hook(Box::new(move |about| {
            let place = about.location().map(ToString::to_string).unwrap_or_default();
            let thread = std::thread::current().name().unwrap_or_default().to_owned();
            tracing::error!(place, thread, "panicked: {}", about.payload_as_str().unwrap_or("no message"));
            before(about);
        }));
    });
}

/// Says at the start of a run what is asked first when something is wrong: versions, the system, where things are.
pub fn introduce(info: &Info, config: &Config) {
    let host = &info.application;
    tracing::info!(
        version = env!("CARGO_PKG_VERSION"),
        system = std::env::consts::OS,
        architecture = std::env::consts::ARCH,
        host = host.version,
        platform = host.platform,
        platform_version = host.platform_version,
        language = info.language(),
        process = std::process::id(),
        "the package starts"
    );
    let path = |path: Option<&Path>| path.map_or_else(|| "nowhere".to_owned(), without_home);
    let store = match &config.store {
        StoreChoice::Keyring => "keyring".to_owned(),
        StoreChoice::Memory => "memory".to_owned(),
        StoreChoice::File(file) => without_home(file),
    };
    tracing::info!(
        store,
        private_file = path(auth::default_private_file().as_deref()),
        limits = path(config.limits_file().as_deref()),
        covers = path(face::default_cover_folder().as_deref()),
        log = path(config.log.as_deref()),
        "where things are kept"
    );
}

/// A path as it may be sent around: the home folder, whose name is mostly the user's, is `~`.
#[must_use]
pub fn without_home(path: &Path) -> String {
    let base = directories::BaseDirs::new();
    let inside = base.as_ref().and_then(|base| path.strip_prefix(base.home_dir()).ok());
    inside.map_or_else(|| path.display().to_string(), |inside| Path::new("~").join(inside).display().to_string())
}

/// One line on its way to the files. Never fails: there is no place left to report it.
struct Line(Arc<Mutex<LogFiles>>);

impl Write for Line {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        let _ = self.0.lock().unwrap_or_else(PoisonError::into_inner).write(line);
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn read(folder: &Path, file: &str) -> String {
        fs::read_to_string(folder.join(file)).unwrap_or_default()
    }

    #[test]
    fn log_stays_under_five_megabytes() {
        assert!(LIMITS.total_bytes() <= 5_000_000);
    }

    #[test]
    fn unwritable_line_is_no_error() {
        let folder = tempfile::tempdir().unwrap();
        let in_the_way = folder.path().join("logs");
        fs::write(&in_the_way, "a file where the folder should be").unwrap();
        let mut line = Line(Arc::new(Mutex::new(LogFiles::new(&in_the_way, NAME, LIMITS))));
        line.write_all(b"lost\n").unwrap();
        fs::remove_file(&in_the_way).unwrap();
        line.write_all(b"kept\n").unwrap();
        assert_eq!(read(&in_the_way, "spotify-widgets.log"), "kept\n");
    }

    #[test]
    fn the_file_gets_what_its_filter_lets_through() {
        let folder = tempfile::tempdir().unwrap();
        let log = tracing_subscriber::registry().with(to_file(folder.path(), EnvFilter::new("info")));
        tracing::subscriber::with_default(log, || {
            tracing::info!(number = 1, "worth knowing");
            tracing::debug!("for engineers");
        });
        let written = read(folder.path(), "spotify-widgets.log");
        assert!(written.contains("INFO") && written.contains("worth knowing number=1"), "{written}");
        assert!(!written.contains("engineers"));
    }

    #[test]
    fn paths_don_t_name_the_user() {
        let home = directories::BaseDirs::new().unwrap().home_dir().to_owned();
        assert_eq!(without_home(&home.join("logs")), Path::new("~").join("logs").display().to_string());
        assert_eq!(without_home(Path::new("elsewhere")), "elsewhere");
    }
}
