//! The log: warnings to stderr, and a file for the user to send, because Creator Central throws stderr away.
//!
//! The file lies in the user's own folder of logs ([`default_folder`]) and is rotated: what all of them hold stays under
//! 5 MB. Two hosts may run the package at once, and on Windows nobody can rename a file that another one writes to, so
//! each process has files of its own, told apart by a lock that it holds. The crates for rotating files either know no
//! size, or panic or complain on stderr when the disk doesn't do as they wish; here a full or read-only disk costs
//! nothing but the lines.
//!
//! Nothing secret is in it at any level: see `auth::Secret`, and the test that greps the files.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Write};
use std::panic;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, Once, PoisonError};

use host_sdk::protocol::Info;
use tracing::Subscriber;
use tracing_subscriber::filter::EnvFilter;
use tracing_subscriber::layer::{Layer, SubscriberExt as _};
use tracing_subscriber::registry::LookupSpan;

use crate::auth::{self, StoreChoice};
use crate::config::Config;
use crate::face;

/// What a file holds before the next one is begun, in bytes.
const FILE_SIZE: u64 = 512 * 1024;
/// How many older files are kept beside the one that is written to.
const OLDER: u32 = 2;
/// How many processes may write a log at once. More than that go without: a bound needs an end.
const PROCESSES: u32 = 3;
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
    let files = Arc::new(Mutex::new(Files::new(folder, FILE_SIZE)));
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

/// One line on its way to the files. Never fails: there is nobody to tell.
struct Line(Arc<Mutex<Files>>);

impl Write for Line {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).line(line);
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// The files of this process, the newest of which is written to.
struct Files {
    folder: PathBuf,
    file_size: u64,
    name: Option<Name>,
    /// The newest, and what it holds.
    file: Option<(File, u64)>,
}

/// What the files of one process are called, as long as it lives.
struct Name {
    name: String,
    /// Locked until this is dropped. Not one of the files themselves: on Windows nobody could read it.
    _lock: File,
}

impl Files {
    fn new(folder: &Path, file_size: u64) -> Self {
        Self { folder: folder.to_owned(), file_size, name: None, file: None }
    }

    /// Writes a line, if it can be written. What fails is tried again with the next line: a disk may be full for a while.
    fn line(&mut self, line: &[u8]) {
        // A line that is longer than a file would break the bound.
        let line = &line[..line.len().min(usize::try_from(self.file_size).unwrap_or(usize::MAX))];
        if self.try_line(line).is_err() {
            self.file = None;
        }
    }

    fn try_line(&mut self, line: &[u8]) -> io::Result<()> {
        let length = u64::try_from(line.len()).unwrap_or(u64::MAX);
        self.open()?;
        if self.file.as_ref().is_some_and(|(_, size)| *size > 0 && size.saturating_add(length) > self.file_size) {
            self.rotate()?;
            self.open()?;
        }
        if let Some((file, size)) = &mut self.file {
            file.write_all(line)?;
            *size += length;
        }
        Ok(())
    }

    fn open(&mut self) -> io::Result<()> {
        if self.file.is_none() {
            let file = OpenOptions::new().create(true).append(true).open(self.path(0)?)?;
            let size = file.metadata()?.len();
            self.file = Some((file, size));
        }
        Ok(())
    }

    /// Makes the newest file the second newest, and so on; the oldest goes.
    fn rotate(&mut self) -> io::Result<()> {
        self.file = None;
        for older in (1..=OLDER).rev() {
            // The first ones don't exist yet, and one that somebody keeps from being replaced stays.
            let _ = fs::rename(self.path(older - 1)?, self.path(older)?);
        }
        let newest = self.path(0)?;
        if newest.exists() {
            // Somebody holds it fast. Better its lines are lost than the bound.
            File::create(newest)?;
        }
        Ok(())
    }

    /// The path of a file by its age, 0 for the newest.
    fn path(&mut self, age: u32) -> io::Result<PathBuf> {
        let name = match &self.name {
            Some(name) => &name.name,
            None => &self.name.insert(claim(&self.folder)?).name,
        };
        Ok(self.folder.join(if age == 0 { format!("{name}.log") } else { format!("{name}.{age}.log") }))
    }
}

/// Takes the first name that no other process has.
fn claim(folder: &Path) -> io::Result<Name> {
    make_folder(folder)?;
    for number in 1..=PROCESSES {
        let name = if number == 1 { NAME.to_owned() } else { format!("{NAME}-{number}") };
        let lock =
            OpenOptions::new().create(true).truncate(false).write(true).open(folder.join(format!("{name}.lock")))?;
        match lock.try_lock() {
            Err(TryLockError::WouldBlock) => {}
            // Where a disk knows no locks two processes share a file, which mixes their lines and loses few.
            Ok(()) | Err(TryLockError::Error(_)) => return Ok(Name { name, _lock: lock }),
        }
    }
    Err(io::ErrorKind::ResourceBusy.into())
}

#[cfg(unix)]
fn make_folder(folder: &Path) -> io::Result<()> {
    use std::os::unix::fs::DirBuilderExt as _;
    fs::DirBuilder::new().recursive(true).mode(0o700).create(folder)
}

/// On Windows the user's local data folder keeps others out.
#[cfg(not(unix))]
fn make_folder(folder: &Path) -> io::Result<()> {
    fs::create_dir_all(folder)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(folder: &Path, file: &str) -> String {
        fs::read_to_string(folder.join(file)).unwrap_or_default()
    }

    fn size(folder: &Path) -> u64 {
        fs::read_dir(folder).unwrap().map(|file| file.unwrap().metadata().unwrap().len()).sum()
    }

    #[test]
    fn all_files_together_stay_under_five_megabytes() {
        assert!(FILE_SIZE * u64::from(OLDER + 1) * u64::from(PROCESSES) <= 5_000_000);
        let folder = tempfile::tempdir().unwrap();
        let mut files = Files::new(folder.path(), 100);
        for number in 0..1_000 {
            files.line(format!("line {number}\n").as_bytes());
            assert!(size(folder.path()) <= 300);
        }
        files.line(&[b'x'; 5_000]);
        assert!(size(folder.path()) <= 300, "one huge line");
    }

    #[test]
    fn the_newest_lines_are_kept_in_order_and_whole_across_a_restart() {
        let folder = tempfile::tempdir().unwrap();
        for start in [0, 4] {
            let mut files = Files::new(folder.path(), 20);
            (start..start + 4).for_each(|number| files.line(format!("line {number}\n").as_bytes()));
        }
        let old = ["spotify-widgets.2.log", "spotify-widgets.1.log", "spotify-widgets.log"];
        let all: String = old.iter().map(|file| read(folder.path(), file)).collect();
        assert_eq!(all, "line 2\nline 3\nline 4\nline 5\nline 6\nline 7\n");
    }

    #[test]
    fn processes_at_the_same_time_have_files_of_their_own_and_too_many_go_without() {
        let folder = tempfile::tempdir().unwrap();
        let mut all: Vec<Files> = (0..=PROCESSES).map(|_| Files::new(folder.path(), 100)).collect();
        all.iter_mut().enumerate().for_each(|(number, files)| files.line(format!("{number}\n").as_bytes()));
        let files = ["spotify-widgets.log", "spotify-widgets-2.log", "spotify-widgets-3.log"];
        assert_eq!(files.map(|file| read(folder.path(), file)), ["0\n", "1\n", "2\n"]);
        drop(all.remove(0));
        all.last_mut().unwrap().line(b"3\n");
        assert_eq!(read(folder.path(), "spotify-widgets.log"), "0\n3\n", "the name of one that has ended is free");
    }

    #[test]
    fn a_disk_that_can_not_be_written_to_costs_the_lines_and_nothing_else() {
        let folder = tempfile::tempdir().unwrap();
        let in_the_way = folder.path().join("logs");
        fs::write(&in_the_way, "a file where the folder should be").unwrap();
        let mut line = Line(Arc::new(Mutex::new(Files::new(&in_the_way, 100))));
        line.write_all(b"lost\n").unwrap();
        fs::remove_file(&in_the_way).unwrap();
        line.write_all(b"kept\n").unwrap();
        assert_eq!(read(&in_the_way, "spotify-widgets.log"), "kept\n", "it is tried again");
    }

    #[test]
    fn a_file_that_can_not_be_renamed_loses_its_lines_and_not_the_bound() {
        let folder = tempfile::tempdir().unwrap();
        // A folder that isn't empty can't be replaced.
        fs::create_dir_all(folder.path().join("spotify-widgets.1.log/full")).unwrap();
        fs::create_dir_all(folder.path().join("spotify-widgets.2.log/full")).unwrap();
        let mut files = Files::new(folder.path(), 20);
        (0..9).for_each(|number| files.line(format!("line {number}\n").as_bytes()));
        assert_eq!(read(folder.path(), "spotify-widgets.log"), "line 8\n");
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
