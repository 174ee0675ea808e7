//! Puts one version of a package where another one is, and takes a package away, so that it works while somebody still
//! uses its files and can be cut off at any moment.
//!
//! Windows renames no folder in which a program runs, a library is loaded, a file is open or a process has its working
//! directory, and removes no such file; but it renames running programs and loaded libraries one by one. Hence two ways:
//! the folder as a whole, and where that is refused, file by file.
//!
//! What is replaced goes into `.replaced-N-UUID/package` first. The package file is moved last on every way forward and
//! first on the way back, so that a look at who has it says how far a replacement came that was cut off; `done` beside
//! `package` says that the rest may go. What can't go yet, because it is in use, goes at a later [`recover`].

use std::fs;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::manifest::{self, FILE_NAME};

/// How the folders are named that hold what is replaced; no package can have such a name.
const ASIDE: &str = ".replaced-";
/// The old version's files, within such a folder.
const PACKAGE: &str = "package";
/// Says, within such a folder, that what is in it isn't needed any more.
const DONE: &str = "done";

/// How often something is tried again that is in use: virus scanners and indexers look into new files for a moment.
const TRIES: u32 = 10;
/// The pause before that.
const PAUSE: Duration = Duration::from_millis(50);

/// What couldn't be moved, and why.
#[derive(Debug)]
pub(super) struct Obstacle {
    /// The file or folder.
    pub path: PathBuf,
    /// What the system says.
    pub error: io::Error,
}

impl Obstacle {
    /// Whether somebody uses it, as far as the system says so.
    pub fn is_in_use(&self) -> bool {
        may_pass(&self.error)
    }

    /// As a plain error, with a sentence.
    pub fn into_io(self) -> io::Error {
        let text = match self.is_in_use() {
            true => super::in_use(&self.path),
            false => format!("{}: {}", self.path.display(), self.error),
        };
        io::Error::new(self.error.kind(), text)
    }
}

/// The disk.
pub(super) struct Disk<'a> {
    /// Asked before every change, with what is to be changed. Tests refuse some.
    pub allow: &'a dyn Fn(&Path) -> io::Result<()>,
    /// Waits.
    pub pause: &'a dyn Fn(Duration),
}

impl Disk<'static> {
    /// The one that there is.
    pub const REAL: Self = Self { allow: &|_| Ok(()), pause: &std::thread::sleep };
}

impl Disk<'_> {
    /// Does something, again and again as long as the reason against it may pass.
    fn patiently(&self, path: &Path, work: impl Fn() -> io::Result<()>) -> Result<(), Obstacle> {
        let mut tries = 0;
        loop {
            match (self.allow)(path).and_then(|()| work()) {
                Ok(()) => return Ok(()),
                Err(error) if tries < TRIES && may_pass(&error) => {
                    tries += 1;
                    (self.pause)(PAUSE);
                }
                Err(error) => return Err(Obstacle { path: path.to_owned(), error }),
            }
        }
    }

    fn rename(&self, from: &Path, to: &Path) -> Result<(), Obstacle> {
        self.patiently(from, || fs::rename(from, to))
    }

    fn make_folder(&self, folder: &Path) -> Result<(), Obstacle> {
        if folder.is_dir() {
            return Ok(());
        }
        self.patiently(folder, || fs::create_dir_all(folder))
    }

    /// Moves all files of a folder into another one, over those that are there. The package file is the last one, or,
    /// on the way back, the first. Folders that can't be removed stay behind, empty.
    fn move_files(&self, from: &Path, to: &Path, way: Way) -> Result<(), Obstacle> {
        let config = from.join(FILE_NAME);
        let move_config = || match config.exists() {
            true => self.rename(&config, &to.join(FILE_NAME)),
            false => Ok(()),
        };
        self.make_folder(to)?;
        if way == Way::Back {
            move_config()?;
        }
        self.move_entries(from, to, Some(FILE_NAME))?;
        if way == Way::Forward {
            move_config()?;
        }
        let _ = (self.allow)(from).and_then(|()| fs::remove_dir(from));
        Ok(())
    }

    fn move_entries(&self, from: &Path, to: &Path, but: Option<&str>) -> Result<(), Obstacle> {
        for entry in entries(from)? {
            let name = entry.file_name();
            if but.is_some_and(|but| name == but) {
                continue;
            }
            let (from, to) = (entry.path(), to.join(name));
            if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
                self.make_folder(&to)?;
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
                self.patiently(&path, || fs::remove_file(&path))?;
            }
        }
        Ok(())
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Way {
    Forward,
    Back,
}

/// Whether a refusal may be over in a moment.
fn may_pass(error: &io::Error) -> bool {
    /// `ERROR_SHARING_VIOLATION` and `ERROR_LOCK_VIOLATION`: somebody has the file open.
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

/// Puts a new version, `staged`, into the place of the package `uuid`, whether there is one or not.
///
/// # Errors
/// What was in the way. Everything is as it was then; or, if even that wasn't possible, will be after [`recover`].
pub(super) fn replace(disk: &Disk<'_>, packages: &Path, staged: &Path, uuid: &str) -> Result<(), Obstacle> {
    let folder = packages.join(uuid);
    if !folder.exists() {
        return disk.rename(staged, &folder);
    }
    let aside = Aside::make(disk, packages, uuid)?;
    let replaced = aside.take(disk, &folder).and_then(|()| {
        if !folder.exists() && disk.rename(staged, &folder).is_ok() {
            return Ok(());
        }
        disk.move_files(staged, &folder, Way::Forward)
    });
    match replaced {
        Ok(()) => aside.discard(disk),
        Err(obstacle) => {
            // What can't be brought back now is brought back by `recover`.
            let _ = aside.bring_back(disk, &folder);
            return Err(obstacle);
        }
    }
    Ok(())
}

/// Takes a package away.
///
/// # Errors
/// As [`replace`].
pub(super) fn remove(disk: &Disk<'_>, packages: &Path, uuid: &str) -> Result<(), Obstacle> {
    let folder = packages.join(uuid);
    let aside = Aside::make(disk, packages, uuid)?;
    if let Err(obstacle) = aside.take(disk, &folder) {
        let _ = aside.bring_back(disk, &folder);
        return Err(obstacle);
    }
    aside.discard(disk);
    Ok(())
}

/// Finishes or takes back whatever was cut off, and removes what isn't in use any more.
///
/// # Errors
/// If the folder can't be read, or a version can't be brought back.
pub(super) fn recover(disk: &Disk<'_>, packages: &Path) -> Result<(), Obstacle> {
    let all = entries(packages)?;
    let mut asides: Vec<_> =
        all.iter().filter_map(|entry| Aside::parse(packages, entry.file_name().to_str()?)).collect();
    // The last replacement of a package is the one that may have been cut off; older ones are merely not removed yet.
    asides.sort_by_key(|(number, ..)| std::cmp::Reverse(*number));
    for (_, uuid, aside) in asides {
        let folder = packages.join(&uuid);
        let both = has_config(&folder) && has_config(&aside.package());
        if both || aside.0.join(DONE).exists() {
            aside.discard(disk);
        } else {
            aside.bring_back(disk, &folder)?;
        }
    }
    for entry in all {
        let name = entry.file_name();
        if name.to_str().is_some_and(manifest::is_uuid) && !has_config(&entry.path()) {
            // Left behind by a removal because it was somebody's working directory. Only goes if it is empty.
            let _ = (disk.allow)(&entry.path()).and_then(|()| fs::remove_dir(entry.path()));
        }
    }
    Ok(())
}

fn has_config(folder: &Path) -> bool {
    folder.join(FILE_NAME).is_file()
}

/// A folder that holds what is replaced.
struct Aside(PathBuf);

impl Aside {
    /// The number, package and folder that a name stands for.
    fn parse(packages: &Path, name: &str) -> Option<(u64, String, Self)> {
        let (number, uuid) = name.strip_prefix(ASIDE)?.split_once('-')?;
        let number = number.parse().ok().filter(|_| manifest::is_uuid(uuid))?;
        Some((number, uuid.to_owned(), Self(packages.join(name))))
    }

    /// Makes a new one, with a higher number than all of this package.
    fn make(disk: &Disk<'_>, packages: &Path, uuid: &str) -> Result<Self, Obstacle> {
        let last = entries(packages)?
            .iter()
            .filter_map(|entry| {
                let name = entry.file_name();
                Self::parse(packages, name.to_str()?).filter(|(_, of, _)| of == uuid).map(|(number, ..)| number)
            })
            .max();
        let aside = packages.join(format!("{ASIDE}{}-{uuid}", last.map_or(0, |last| last.saturating_add(1))));
        disk.patiently(&aside, || fs::create_dir(&aside))?;
        Ok(Self(aside))
    }

    fn package(&self) -> PathBuf {
        self.0.join(PACKAGE)
    }

    /// Takes a package in.
    fn take(&self, disk: &Disk<'_>, folder: &Path) -> Result<(), Obstacle> {
        match disk.rename(folder, &self.package()) {
            Ok(()) => Ok(()),
            Err(_) => disk.move_files(folder, &self.package(), Way::Forward),
        }
    }

    /// Puts everything back.
    fn bring_back(&self, disk: &Disk<'_>, folder: &Path) -> Result<(), Obstacle> {
        let package = self.package();
        if package.exists() {
            if !has_config(folder) && has_config(&package) {
                // Everything had been taken in; what is there now is of the new version.
                disk.remove_files(folder)?;
                let _ = (disk.allow)(folder).and_then(|()| fs::remove_dir(folder));
            }
            if folder.exists() || disk.rename(&package, folder).is_err() {
                disk.move_files(&package, folder, Way::Back)?;
            }
        }
        let _ = (disk.allow)(&self.0).and_then(|()| fs::remove_dir(&self.0));
        Ok(())
    }

    /// Lets go of what it holds. What is still in use is removed by a later [`recover`].
    fn discard(&self, disk: &Disk<'_>) {
        let done = self.0.join(DONE);
        let marked = (disk.allow)(&done).and_then(|()| fs::write(&done, ""));
        // Without the mark, a part of the old version would look like one that has to come back.
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
