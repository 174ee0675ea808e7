//! Replaces and removes packages, even while other processes use their files. Either can be interrupted at any moment.
//!
//! Windows doesn't rename a folder in which a program runs, a library is loaded, a file is open or a process has its working
//! directory, and it doesn't remove such a file. But it does rename single programs that run and libraries that are loaded.
//! Therefore the folder is renamed as a whole, and if that is refused, file by file.
//!
//! The old version is first moved to `.replaced-N-UUID/package`. Its package file is moved last, and first when the old version
//! is restored. So after an interruption, the folder that has the package file shows how far the replacement got. A file `done`
//! beside `package` marks the rest as garbage. Files that are still in use are removed by a later [`recover`].

use std::fs;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::manifest::{self, FILE_NAME};

/// Prefix of the folders for replaced versions. No package can have such a name.
const BACKUP: &str = ".replaced-";
/// Name of the folder, within a backup, with the old version's files.
const PACKAGE: &str = "package";
/// Name of the file, within a backup, that marks its content as garbage.
const DONE: &str = "done";

/// Number of retries for a file that is in use: virus scanners and indexers open new files for a moment.
const RETRIES: u32 = 10;
/// Delay before each retry.
const RETRY_DELAY: Duration = Duration::from_millis(50);

/// A file or folder that couldn't be changed.
#[derive(Debug)]
pub(super) struct Obstacle {
    /// Its path.
    pub path: PathBuf,
    /// The error of the operating system.
    pub error: io::Error,
}

impl Obstacle {
    /// Returns whether another process uses it, as far as the error tells.
    pub fn is_in_use(&self) -> bool {
        is_transient(&self.error)
    }

    /// Converts it to an error with a message for users.
    pub fn into_io(self) -> io::Error {
        let text = match self.is_in_use() {
            true => super::in_use(&self.path),
            false => format!("{}: {}", self.path.display(), self.error),
        };
        io::Error::new(self.error.kind(), text)
    }
}

/// The file system, with hooks for tests.
pub(super) struct Disk<'a> {
    /// Called with the path before every change. Tests return errors.
    pub allow: &'a dyn Fn(&Path) -> io::Result<()>,
    /// Sleeps before a retry.
    pub sleep: &'a dyn Fn(Duration),
}

impl Disk<'static> {
    /// The file system without hooks.
    pub const REAL: Self = Self { allow: &|_| Ok(()), sleep: &std::thread::sleep };
}

impl Disk<'_> {
    /// Calls `work`, and retries while its error is transient.
    fn retry(&self, path: &Path, work: impl Fn() -> io::Result<()>) -> Result<(), Obstacle> {
        let mut retries = 0;
        loop {
            match (self.allow)(path).and_then(|()| work()) {
                Ok(()) => return Ok(()),
                Err(error) if retries < RETRIES && is_transient(&error) => {
                    retries += 1;
                    (self.sleep)(RETRY_DELAY);
                }
                Err(error) => return Err(Obstacle { path: path.to_owned(), error }),
            }
        }
    }

    fn rename(&self, from: &Path, to: &Path) -> Result<(), Obstacle> {
        self.retry(from, || fs::rename(from, to))
    }

    fn create_folder(&self, folder: &Path) -> Result<(), Obstacle> {
        if folder.is_dir() {
            return Ok(());
        }
        self.retry(folder, || fs::create_dir_all(folder))
    }

    /// Moves all files of a folder to another one, replacing existing files. The position of the package file depends on
    /// `order`. Folders that can't be removed remain, empty.
    fn move_files(&self, from: &Path, to: &Path, order: Order) -> Result<(), Obstacle> {
        let config = from.join(FILE_NAME);
        let move_config = || match config.exists() {
            true => self.rename(&config, &to.join(FILE_NAME)),
            false => Ok(()),
        };
        self.create_folder(to)?;
        if order == Order::ConfigFirst {
            move_config()?;
        }
        self.move_entries(from, to, Some(FILE_NAME))?;
        if order == Order::ConfigLast {
            move_config()?;
        }
        let _ = (self.allow)(from).and_then(|()| fs::remove_dir(from));
        Ok(())
    }

    fn move_entries(&self, from: &Path, to: &Path, except: Option<&str>) -> Result<(), Obstacle> {
        for entry in entries(from)? {
            let name = entry.file_name();
            if except.is_some_and(|except| name == except) {
                continue;
            }
            let (from, to) = (entry.path(), to.join(name));
            if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
                self.create_folder(&to)?;
                self.move_entries(&from, &to, None)?;
                let _ = (self.allow)(&from).and_then(|()| fs::remove_dir(&from));
            } else {
                self.rename(&from, &to)?;
            }
        }
        Ok(())
    }

    fn remove_files(&self, folder: &Path) -> Result<(), Obstacle> {
        for entry in entries(folder)? {
            let path = entry.path();
            if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
                self.remove_files(&path)?;
                let _ = (self.allow)(&path).and_then(|()| fs::remove_dir(&path));
            } else {
                self.retry(&path, || fs::remove_file(&path))?;
            }
        }
        Ok(())
    }
}

/// When [`Disk::move_files`] moves the package file.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Order {
    ConfigFirst,
    ConfigLast,
}

/// Returns whether an operation that failed with this error may succeed in a moment.
fn is_transient(error: &io::Error) -> bool {
    /// `ERROR_SHARING_VIOLATION` and `ERROR_LOCK_VIOLATION`: another process has the file open
    /// ([codes](https://learn.microsoft.com/windows/win32/debug/system-error-codes--0-499-)).
    const IN_USE: [i32; 2] = [32, 33];
    error.kind() == ErrorKind::ResourceBusy
        || cfg!(windows)
            && (error.kind() == ErrorKind::PermissionDenied
                || error.raw_os_error().is_some_and(|code| IN_USE.contains(&code)))
}

fn entries(folder: &Path) -> Result<Vec<fs::DirEntry>, Obstacle> {
    let read = match fs::read_dir(folder) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
        read => read.and_then(Iterator::collect),
    };
    read.map_err(|error| Obstacle { path: folder.to_owned(), error })
}

/// Makes `staged` the installed version of the package `uuid`, whether or not there is one already.
///
/// # Errors
/// Returns the file or folder that couldn't be changed. The old version is unchanged, or is restored by [`recover`].
pub(super) fn replace(disk: &Disk<'_>, packages: &Path, staged: &Path, uuid: &str) -> Result<(), Obstacle> {
    let folder = packages.join(uuid);
    if !folder.exists() {
        return disk.rename(staged, &folder);
    }
    let backup = Backup::create(disk, packages, uuid)?;
    let replaced = backup.store(disk, &folder).and_then(|()| {
        if !folder.exists() && disk.rename(staged, &folder).is_ok() {
            return Ok(());
        }
        disk.move_files(staged, &folder, Order::ConfigLast)
    });
    match replaced {
        Ok(()) => backup.discard(disk),
        Err(obstacle) => {
            // `recover` restores what can't be restored here.
            let _ = backup.restore(disk, &folder);
            return Err(obstacle);
        }
    }
    Ok(())
}

/// Removes a package.
///
/// # Errors
/// Like [`replace`].
pub(super) fn remove(disk: &Disk<'_>, packages: &Path, uuid: &str) -> Result<(), Obstacle> {
    let folder = packages.join(uuid);
    let backup = Backup::create(disk, packages, uuid)?;
    if let Err(obstacle) = backup.store(disk, &folder) {
        let _ = backup.restore(disk, &folder);
        return Err(obstacle);
    }
    backup.discard(disk);
    Ok(())
}

/// Completes or undoes interrupted replacements and removals, and removes files that are no longer in use.
///
/// # Errors
/// If the folder can't be read, or a version can't be restored.
pub(super) fn recover(disk: &Disk<'_>, packages: &Path) -> Result<(), Obstacle> {
    let all = entries(packages)?;
    let mut backups: Vec<_> =
        all.iter().filter_map(|entry| Backup::parse(packages, entry.file_name().to_str()?)).collect();
    // Only the last replacement of a package can have been interrupted. Older backups just haven't been removed yet.
    backups.sort_by_key(|(number, ..)| std::cmp::Reverse(*number));
    for (_, uuid, backup) in backups {
        let folder = packages.join(&uuid);
        let both = has_config(&folder) && has_config(&backup.package());
        if both || backup.0.join(DONE).exists() {
            backup.discard(disk);
        } else {
            backup.restore(disk, &folder)?;
        }
    }
    for entry in all {
        let name = entry.file_name();
        if name.to_str().is_some_and(manifest::is_uuid) && !has_config(&entry.path()) {
            // Left by a removal because it was the working directory of a process. `remove_dir` fails unless it is empty.
            let _ = (disk.allow)(&entry.path()).and_then(|()| fs::remove_dir(entry.path()));
        }
    }
    Ok(())
}

fn has_config(folder: &Path) -> bool {
    folder.join(FILE_NAME).is_file()
}

/// A folder with a replaced or removed version.
struct Backup(PathBuf);

impl Backup {
    /// Parses a folder's name: returns the number, the package's UUID and the backup.
    fn parse(packages: &Path, name: &str) -> Option<(u64, String, Self)> {
        let (number, uuid) = name.strip_prefix(BACKUP)?.split_once('-')?;
        let number = number.parse().ok().filter(|_| manifest::is_uuid(uuid))?;
        Some((number, uuid.to_owned(), Self(packages.join(name))))
    }

    /// Creates a backup with a higher number than those of the same package.
    fn create(disk: &Disk<'_>, packages: &Path, uuid: &str) -> Result<Self, Obstacle> {
        let last = entries(packages)?
            .iter()
            .filter_map(|entry| {
                let name = entry.file_name();
                Self::parse(packages, name.to_str()?).filter(|(_, other, _)| other == uuid).map(|(number, ..)| number)
            })
            .max();
        let backup = packages.join(format!("{BACKUP}{}-{uuid}", last.map_or(0, |last| last.saturating_add(1))));
        disk.retry(&backup, || fs::create_dir(&backup))?;
        Ok(Self(backup))
    }

    fn package(&self) -> PathBuf {
        self.0.join(PACKAGE)
    }

    /// Moves a package into the backup.
    fn store(&self, disk: &Disk<'_>, folder: &Path) -> Result<(), Obstacle> {
        match disk.rename(folder, &self.package()) {
            Ok(()) => Ok(()),
            Err(_) => disk.move_files(folder, &self.package(), Order::ConfigLast),
        }
    }

    /// Moves the package back.
    fn restore(&self, disk: &Disk<'_>, folder: &Path) -> Result<(), Obstacle> {
        let package = self.package();
        if package.exists() {
            if !has_config(folder) && has_config(&package) {
                // The whole package had been moved, so the files in its folder are those of the new version.
                disk.remove_files(folder)?;
                let _ = (disk.allow)(folder).and_then(|()| fs::remove_dir(folder));
            }
            if folder.exists() || disk.rename(&package, folder).is_err() {
                disk.move_files(&package, folder, Order::ConfigFirst)?;
            }
        }
        let _ = (disk.allow)(&self.0).and_then(|()| fs::remove_dir(&self.0));
        Ok(())
    }

    /// Removes the backup. A later [`recover`] removes files that are still in use.
    fn discard(&self, disk: &Disk<'_>) {
        let done = self.0.join(DONE);
        let marked = (disk.allow)(&done).and_then(|()| fs::write(&done, ""));
        // Without the mark, `recover` would restore what remains of the old version.
        let _ = marked
            .and_then(|()| (disk.allow)(&self.package()))
            .and_then(|()| match fs::remove_dir_all(self.package()) {
                Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
                removed => removed,
            })
            .and_then(|()| (disk.allow)(&done).and_then(|()| fs::remove_file(&done)))
            .and_then(|()| (disk.allow)(&self.0).and_then(|()| fs::remove_dir(&self.0)));
    }
}

#[cfg(test)]
mod tests;
