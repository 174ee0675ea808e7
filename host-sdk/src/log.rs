//! A log on disk in a few files of limited size: `NAME.log` is the newest, `NAME.1.log` the one before it, and so on.
//!
//! Crates for rotating log files either don't limit the size, or panic or print to stderr when a write fails. Here a failure is
//! an error of the line that couldn't be written, and the next line tries again, because a disk may be full only for a while.
//!
//! ```
//! use host_sdk::log::{LogFiles, LogLimits};
//!
//! # let folder = tempfile::tempdir()?;
//! # let folder = folder.path();
//! let limits = LogLimits { file_bytes: 1 << 20, older_files: 2, stuck_bytes: 2 << 20, processes: 1 };
//! let mut log = LogFiles::new(folder, "counter", limits);
//! log.write(b"started\n")?;
//! # assert_eq!(std::fs::read(folder.join("counter.log"))?, b"started\n");
//! # Ok::<(), std::io::Error>(())
//! ```

use std::fs::{self, File, TryLockError};
use std::io::{self, Read as _, Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};

use crate::files;

/// Limits of a log's size on disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LogLimits {
    /// Maximum size of a file in bytes. A longer line is truncated.
    pub file_bytes: u64,
    /// Number of older files that are kept besides the newest.
    pub older_files: u32,
    /// Size in bytes up to which the newest file grows while it can't be renamed, as on Windows when another program has it
    /// open. Then it is emptied, because the newest lines are the most useful.
    pub stuck_bytes: u64,
    /// Number of processes that may write a log with this name at the same time, each to its own files (`NAME-2.log` and so
    /// on): on Windows a file that another process writes can't be renamed. Further processes receive an error. 1 if only one
    /// process can run.
    pub processes: u32,
}

impl LogLimits {
    /// Returns the maximum size of all files together in bytes.
    #[must_use]
    pub const fn total_bytes(self) -> u64 {
        let newest = if self.stuck_bytes > self.file_bytes { self.stuck_bytes } else { self.file_bytes };
        (self.file_bytes * self.older_files as u64 + newest) * self.processes as u64
    }
}

/// A log's files, private to their owner. Only the newest is open.
#[derive(Debug)]
pub struct LogFiles {
    folder: PathBuf,
    base: String,
    limits: LogLimits,
    name: Option<Name>,
    /// The newest file and its length.
    newest: Option<(File, u64)>,
}

/// The name that a process has claimed for its files.
#[derive(Debug)]
struct Name {
    name: String,
    /// A lock file, locked until this is dropped. Not one of the log files, because a locked file can't be read on Windows.
    _lock: Option<File>,
}

impl LogFiles {
    /// Creates a log with this name in a folder. Nothing is read or created before the first line is written.
    #[must_use]
    pub fn new(folder: &Path, name: &str, limits: LogLimits) -> Self {
        Self { folder: folder.to_owned(), base: name.to_owned(), limits, name: None, newest: None }
    }

    /// Returns the folder of the files.
    #[must_use]
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Appends a line, which has to end with `\n`.
    ///
    /// # Errors
    /// If it can't be written. A part of it may have been.
    pub fn write(&mut self, line: &[u8]) -> io::Result<()> {
        let max = usize::try_from(self.limits.file_bytes).unwrap_or(usize::MAX);
        let line = &line[..line.len().min(max)];
        let length = line.len() as u64;
        let (mut file, mut size) = self.open()?;
        if size > 0 && size.saturating_add(length) > self.limits.file_bytes {
            drop(file);
            if self.rotate().is_err() && size.saturating_add(length) > self.limits.stuck_bytes {
                files::private_options().write(true).truncate(true).open(self.path(0)?)?;
            }
            (file, size) = self.open()?;
        }
        file.write_all(line)?;
        // Not reached after an error: the next line opens the file again, when there may be space.
        self.newest = Some((file, size.saturating_add(length)));
        Ok(())
    }

    /// Opens the newest file. Returns it with its length.
    fn open(&mut self) -> io::Result<(File, u64)> {
        if let Some(newest) = self.newest.take() {
            return Ok(newest);
        }
        let path = self.path(0)?;
        let mut file = files::private_options().create(true).read(true).append(true).open(path)?;
        let mut size = file.metadata()?.len();
        // A full disk, or the sudden end of a process, may have truncated the last line.
        let mut last = [b'\n'];
        if size > 0 {
            file.seek(SeekFrom::End(-1))?;
            file.read_exact(&mut last)?;
        }
        if last != [b'\n'] {
            file.write_all(b"\n")?;
            size += 1;
        }
        Ok((file, size))
    }

    /// Renames every file to the next older name, up to the first free name; if there is none, the oldest file is replaced. If
    /// renaming the newest fails, a free name remains, so that the next attempt doesn't lose another file.
    fn rotate(&mut self) -> io::Result<()> {
        if self.limits.older_files == 0 {
            return Err(io::ErrorKind::Unsupported.into());
        }
        let mut free = 1;
        while free < self.limits.older_files && self.path(free)?.exists() {
            free += 1;
        }
        for age in (0..free).rev() {
            fs::rename(self.path(age)?, self.path(age + 1)?)?;
        }
        Ok(())
    }

    /// Returns the path of the file with this age, 0 for the newest.
    fn path(&mut self, age: u32) -> io::Result<PathBuf> {
        let name = match &self.name {
            Some(name) => &name.name,
            None => &self.name.insert(claim(&self.folder, &self.base, self.limits.processes)?).name,
        };
        Ok(self.folder.join(if age == 0 { format!("{name}.log") } else { format!("{name}.{age}.log") }))
    }
}

/// Claims the first name that no other process has claimed.
fn claim(folder: &Path, base: &str, processes: u32) -> io::Result<Name> {
    files::create_private_folder(folder)?;
    if processes <= 1 {
        return Ok(Name { name: base.to_owned(), _lock: None });
    }
    for number in 1..=processes {
        let name = if number == 1 { base.to_owned() } else { format!("{base}-{number}") };
        let lock = folder.join(format!("{name}.lock"));
        let lock = files::private_options().create(true).truncate(false).write(true).open(lock)?;
        match lock.try_lock() {
            Err(TryLockError::WouldBlock) => {}
            // On a file system without locks, processes share a file: their lines are mixed, and a few may be lost.
            Ok(()) | Err(TryLockError::Error(_)) => return Ok(Name { name, _lock: Some(lock) }),
        }
    }
    Err(io::ErrorKind::ResourceBusy.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMITS: LogLimits = LogLimits { file_bytes: 20, older_files: 3, stuck_bytes: 40, processes: 1 };

    fn files(folder: &Path, limits: LogLimits) -> LogFiles {
        LogFiles::new(folder, "deck", limits)
    }

    fn read(folder: &Path, file: &str) -> String {
        fs::read_to_string(folder.join(file)).unwrap_or_default()
    }

    fn size(folder: &Path) -> u64 {
        fs::read_dir(folder).unwrap().map(|file| file.unwrap().metadata().unwrap().len()).sum()
    }

    /// Creates a folder that isn't empty, so that no file can be renamed to its name.
    fn block(folder: &Path, name: &str) {
        fs::create_dir_all(folder.join(name).join("full")).unwrap();
    }

    #[test]
    fn rotation_drops_the_oldest_file() {
        let folder = tempfile::tempdir().unwrap();
        let mut log = files(folder.path(), LIMITS);
        for n in 0..20 {
            log.write(format!("line number {n:02}\n").as_bytes()).unwrap();
        }
        let mut names: Vec<_> =
            fs::read_dir(folder.path()).unwrap().map(|file| file.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        assert_eq!(names, ["deck.1.log", "deck.2.log", "deck.3.log", "deck.log"]);
        assert_eq!(read(folder.path(), "deck.log"), "line number 19\n");
        assert_eq!(read(folder.path(), "deck.3.log"), "line number 16\n");
    }

    #[test]
    fn rotation_fills_the_gap_of_an_interrupted_one() {
        let folder = tempfile::tempdir().unwrap();
        for (name, text) in [("deck.log", "newest, and it is full\n"), ("deck.2.log", "2\n"), ("deck.3.log", "3\n")] {
            fs::write(folder.path().join(name), text).unwrap();
        }
        files(folder.path(), LIMITS).write(b"next\n").unwrap();
        let all = ["deck.log", "deck.1.log", "deck.2.log", "deck.3.log"].map(|name| read(folder.path(), name));
        assert_eq!(all, ["next\n", "newest, and it is full\n", "2\n", "3\n"]);
    }

    #[test]
    fn stuck_file_grows_to_its_limit_and_is_emptied() {
        let folder = tempfile::tempdir().unwrap();
        (1..=3).for_each(|age| block(folder.path(), &format!("deck.{age}.log")));
        let mut log = files(folder.path(), LIMITS);
        let written = |log: &mut LogFiles, n| {
            log.write(format!("line number {n:02}\n").as_bytes()).unwrap();
            read(folder.path(), "deck.log").lines().count()
        };
        let lines: Vec<_> = (0..5).map(|n| written(&mut log, n)).collect();
        assert_eq!(lines, [1, 2, 1, 2, 1]);
        assert_eq!(read(folder.path(), "deck.log"), "line number 04\n");
    }

    #[test]
    fn stuck_file_preserves_older_files() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("deck.1.log"), "older\n").unwrap();
        block(folder.path(), "deck.2.log");
        block(folder.path(), "deck.3.log");
        let mut log = files(folder.path(), LIMITS);
        for n in 0..9 {
            log.write(format!("line number {n:02}\n").as_bytes()).unwrap();
        }
        assert_eq!(read(folder.path(), "deck.1.log"), "older\n");
        fs::remove_dir_all(folder.path().join("deck.2.log")).unwrap();
        log.write(b"again, in a new one\n").unwrap();
        assert_eq!(read(folder.path(), "deck.2.log"), "older\n");
        assert_eq!(read(folder.path(), "deck.1.log"), "line number 08\n");
    }

    #[test]
    fn truncated_line_is_terminated() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("deck.log"), "whole\nha").unwrap();
        files(folder.path(), LIMITS).write(b"next\n").unwrap();
        assert_eq!(read(folder.path(), "deck.log"), "whole\nha\nnext\n");
    }

    #[test]
    fn files_of_an_earlier_start_are_continued() {
        let folder = tempfile::tempdir().unwrap();
        let limits = LogLimits { older_files: 2, ..LIMITS };
        for start in [0, 4] {
            let mut log = files(folder.path(), limits);
            (start..start + 4).for_each(|number| log.write(format!("line {number}\n").as_bytes()).unwrap());
        }
        let all: String = ["deck.2.log", "deck.1.log", "deck.log"].map(|file| read(folder.path(), file)).concat();
        assert_eq!(all, "line 2\nline 3\nline 4\nline 5\nline 6\nline 7\n");
    }

    #[test]
    fn files_stay_within_total_bytes() {
        let folder = tempfile::tempdir().unwrap();
        let limits = LogLimits { file_bytes: 100, older_files: 2, stuck_bytes: 100, processes: 1 };
        assert_eq!(limits.total_bytes(), 300);
        let mut log = files(folder.path(), limits);
        for number in 0..1_000 {
            log.write(format!("line {number}\n").as_bytes()).unwrap();
            assert!(size(folder.path()) <= limits.total_bytes());
        }
        log.write(&[b'x'; 5_000]).unwrap();
        assert!(size(folder.path()) <= limits.total_bytes(), "one huge line");
    }

    #[test]
    fn processes_write_separate_files() {
        let folder = tempfile::tempdir().unwrap();
        let limits = LogLimits { processes: 3, ..LIMITS };
        let mut all: Vec<_> = (0..4).map(|_| files(folder.path(), limits)).collect();
        let written: Vec<_> =
            all.iter_mut().enumerate().map(|(n, log)| log.write(format!("{n}\n").as_bytes()).is_ok()).collect();
        assert_eq!(written, [true, true, true, false]);
        assert_eq!(
            ["deck.log", "deck-2.log", "deck-3.log"].map(|file| read(folder.path(), file)),
            ["0\n", "1\n", "2\n"]
        );
        drop(all.remove(0));
        all.last_mut().unwrap().write(b"3\n").unwrap();
        assert_eq!(read(folder.path(), "deck.log"), "0\n3\n", "the name of a process that has ended is reused");
    }

    #[test]
    fn unwritable_folder_is_retried() {
        let folder = tempfile::tempdir().unwrap();
        let logs = folder.path().join("logs");
        fs::write(&logs, "a file where the folder should be").unwrap();
        let mut log = files(&logs, LIMITS);
        assert!(log.write(b"lost\n").is_err());
        fs::remove_file(&logs).unwrap();
        log.write(b"kept\n").unwrap();
        assert_eq!(read(&logs, "deck.log"), "kept\n");
    }

    #[cfg(unix)]
    #[test]
    fn files_are_accessible_to_their_owner_only() {
        use std::os::unix::fs::PermissionsExt as _;
        let folder = tempfile::tempdir().unwrap();
        files(folder.path(), LogLimits { processes: 2, ..LIMITS }).write(b"line\n").unwrap();
        for file in ["deck.log", "deck.lock"] {
            assert_eq!(fs::metadata(folder.path().join(file)).unwrap().permissions().mode() & 0o777, 0o600, "{file}");
        }
    }
}
