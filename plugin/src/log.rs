//! Logging: warnings to stderr, and a file that the user can send, because Creator Central discards stderr.
//!
//! The file is in the user's log folder ([`default_log_folder`](crate::config::default_log_folder)) and [rotated](host_sdk::log): all files together stay under
//! 5 MB. Two hosts may run the package at the same time, each with its own files. On a full or read-only disk, lines are lost
//! but nothing fails.
//!
//! The log contains no secrets at any level: see `auth::Secret`, and tests/secrets.rs, which searches the files.

use std::io::{self, Write};
use std::panic;
use std::path::Path;
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

/// A file that can't be renamed is truncated at once: a few lines are lost, but the bound holds.
const LIMITS: LogLimits = LogLimits { file_bytes: 512 * 1024, older_files: 2, stuck_bytes: 512 * 1024, processes: 3 };
/// Prefix of the file names.
const NAME: &str = "spotify-widgets";

/// Starts logging of events and panics in this process, to files in `folder` if one is given, and to stderr. `RUST_LOG`
/// filters both; the defaults are `info` for the file and `warn` for stderr. Has an effect once per process: a package that
/// is started again in the same process continues with the same log.
pub fn start(folder: Option<&Path>) {
    let filter = |default| EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new(default));
    let stderr = tracing_subscriber::fmt::layer().with_writer(io::stderr).with_ansi(false);
    let log = tracing_subscriber::registry()
        .with(folder.map(|folder| file_layer(folder, filter("info"))))
        .with(stderr.with_filter(filter("warn")));
    // An error means that an earlier start of this library has set it.
    let _ = tracing::subscriber::set_global_default(log);
    log_panics();
}

/// Returns the layer that writes to files in `folder`, which need not exist.
pub fn file_layer<S: Subscriber + for<'span> LookupSpan<'span>>(
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

/// Installs a panic hook that logs message and location and then calls the previous hook. A library that a host loads has its
/// own copy of the standard library and thus its own hook: the host's is not affected.
pub fn log_panics() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let previous = panic::take_hook();
        panic::set_hook(Box::new(move |info| {
            let location = info.location().map(ToString::to_string).unwrap_or_default();
            let thread = std::thread::current().name().unwrap_or_default().to_owned();
            tracing::error!(location, thread, "panicked: {}", info.payload_as_str().unwrap_or("no message"));
            previous(info);
        }));
    });
}

/// Logs what every bug report needs: versions, the system, and the paths in use.
pub fn log_environment(info: &Info, config: &Config) {
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
        "storage locations"
    );
}

/// Returns a path without personal data: the home folder, which usually contains the user's name, becomes `~`.
#[must_use]
pub fn without_home(path: &Path) -> String {
    let base = directories::BaseDirs::new();
    let inside = base.as_ref().and_then(|base| path.strip_prefix(base.home_dir()).ok());
    inside.map_or_else(|| path.display().to_string(), |inside| Path::new("~").join(inside).display().to_string())
}

/// Writes one line to the files. Never fails, because a failure couldn't be logged.
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
    fn log_is_limited_to_five_megabytes() {
        assert!(LIMITS.total_bytes() <= 5_000_000);
    }

    #[test]
    fn unwritable_line_is_dropped_without_error() {
        let folder = tempfile::tempdir().unwrap();
        let logs = folder.path().join("logs");
        fs::write(&logs, "a file instead of the folder").unwrap();
        let mut line = Line(Arc::new(Mutex::new(LogFiles::new(&logs, NAME, LIMITS))));
        line.write_all(b"lost\n").unwrap();
        fs::remove_file(&logs).unwrap();
        line.write_all(b"kept\n").unwrap();
        assert_eq!(read(&logs, "spotify-widgets.log"), "kept\n");
    }

    #[test]
    fn file_contains_what_its_filter_passes() {
        let folder = tempfile::tempdir().unwrap();
        let log = tracing_subscriber::registry().with(file_layer(folder.path(), EnvFilter::new("info")));
        tracing::subscriber::with_default(log, || {
            tracing::info!(number = 1, "passed");
            tracing::debug!("filtered");
        });
        let written = read(folder.path(), "spotify-widgets.log");
        assert!(written.contains("INFO") && written.contains("passed number=1"), "{written}");
        assert!(!written.contains("filtered"));
    }

    #[test]
    fn logged_paths_hide_the_home_folder() {
        let home = directories::BaseDirs::new().unwrap().home_dir().to_owned();
        assert_eq!(without_home(&home.join("logs")), Path::new("~").join("logs").display().to_string());
        assert_eq!(without_home(Path::new("elsewhere")), "elsewhere");
    }
}
