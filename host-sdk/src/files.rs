//! Private and durable files: what only its owner may read, and what a power cut must not take back.
//!
//! A file that must not be lost is written beside its place, synced, and renamed into it. The rename itself has to reach
//! the disk, too: on Unix the folder is synced for that, on Windows the rename is written through
//! ([`MOVEFILE_WRITE_THROUGH`](https://learn.microsoft.com/windows/win32/api/winbase/nf-winbase-movefileexw)).

use std::fs::{self, OpenOptions};
use std::io::{self, Write as _};
use std::path::Path;

/// Creates a folder, and those above it that are missing, for its owner alone. On Windows the user's own data folders keep
/// others out.
///
/// # Errors
/// If it can't be created. One that is there already is left as it is.
pub fn create_private_folder(folder: &Path) -> io::Result<()> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(folder)
}

/// Returns how to open a file that may have to be created: for its owner alone from the beginning. One that is there
/// already keeps its rights.
#[must_use]
pub fn private_options() -> OpenOptions {
    #[cfg_attr(not(unix), expect(unused_mut, reason = "only Unix has modes"))]
    let mut options = OpenOptions::new();
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options
}

/// Replaces the content of a file, or creates it, for its owner alone: writes `PATH.new`, syncs it and renames it. A crash
/// leaves the old content or the new, and when this returns, a power cut doesn't undo it.
///
/// # Errors
/// If it can't be written or renamed. The file is as it was then.
pub fn replace(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let new = path.with_added_extension("new");
    write_private(&new, bytes)?;
    rename(&new, path).inspect_err(|_| {
        // It would only be in the way.
        let _ = fs::remove_file(&new);
    })
}

/// Writes a file for its owner alone and syncs it. One of this name is replaced, but not in one step, as [`replace`] does.
///
/// # Errors
/// If it can't be written; nothing of it is left then.
pub fn write_private(path: &Path, bytes: &[u8]) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    // Created, so that it has these rights from the beginning.
    let mut file = private_options().write(true).create_new(true).open(path)?;
    let written = file.write_all(bytes).and_then(|()| file.sync_all());
    drop(file);
    if written.is_err() {
        let _ = fs::remove_file(path);
    }
    written
}

/// Renames a file within its folder, over one that is there, in one step. When this returns, a power cut doesn't undo it.
///
/// # Errors
/// If it can't be renamed, or the disk doesn't confirm it.
pub fn rename(from: &Path, to: &Path) -> io::Result<()> {
    #[cfg(windows)]
    return atomicwrites::replace_atomic(from, to);
    #[cfg(not(windows))]
    {
        fs::rename(from, to)?;
        sync_folder(to)
    }
}

/// Deletes a file, if it is there, so that a power cut doesn't bring it back.
///
/// # Errors
/// If it can't be deleted, or the disk doesn't confirm it.
pub fn remove(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Ok(()) => sync_folder(path),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(error),
    }
}

/// Makes what has happened to a file's name durable.
#[cfg(unix)]
fn sync_folder(file: &Path) -> io::Result<()> {
    let folder = file.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    fs::File::open(folder)?.sync_all()
}

/// Windows has no such call for a folder.
#[cfg(not(unix))]
fn sync_folder(_file: &Path) -> io::Result<()> {
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rename_replaces_a_file_in_one_step() {
        let folder = tempfile::tempdir().unwrap();
        let (new, file) = (folder.path().join("a.new"), folder.path().join("a"));
        for text in ["first", "second"] {
            write_private(&new, text.as_bytes()).unwrap();
            rename(&new, &file).unwrap();
            assert_eq!(fs::read_to_string(&file).unwrap(), text);
            assert!(!new.exists());
        }
        remove(&file).unwrap();
        remove(&file).unwrap();
        assert!(!file.exists());
        assert!(rename(&new, &file).is_err());
    }

    #[test]
    fn replace_leaves_the_whole_content_and_nothing_beside() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("state.json");
        for text in ["the first, longer one", "second"] {
            replace(&file, text.as_bytes()).unwrap();
            assert_eq!(fs::read_to_string(&file).unwrap(), text);
        }
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn replace_that_fails_changes_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("file");
        // A folder that isn't empty can't be replaced.
        fs::create_dir_all(file.join("full")).unwrap();
        assert!(replace(&file, b"new").is_err());
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
        assert!(file.join("full").is_dir());
    }

    #[cfg(unix)]
    #[test]
    fn private_files_are_their_owners_alone() {
        use std::os::unix::fs::PermissionsExt as _;
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        let folder = tempfile::tempdir().unwrap();
        let made = folder.path().join("deep").join("made");
        create_private_folder(&made).unwrap();
        assert_eq!(mode(&made), 0o700);
        let file = made.join("file");
        fs::write(&file, "with the usual rights").unwrap();
        write_private(&file, b"private").unwrap();
        assert_eq!((mode(&file), fs::read_to_string(&file).unwrap().as_str()), (0o600, "private"));
        let opened = made.join("opened");
        private_options().write(true).create(true).truncate(false).open(&opened).unwrap();
        assert_eq!(mode(&opened), 0o600);
        fs::write(made.join("replaced"), "with the usual rights").unwrap();
        replace(&made.join("replaced"), b"private").unwrap();
        assert_eq!(mode(&made.join("replaced")), 0o600);
    }
}
