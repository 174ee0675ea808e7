//! Private and durable files: only their owner may read them, and they survive a power failure.
//!
//! [`replace`] writes a file under another name, syncs it, and renames it. The rename has to reach the disk, too: on Unix the
//! folder is synced, on Windows the rename is written through
//! ([`MOVEFILE_WRITE_THROUGH`](https://learn.microsoft.com/windows/win32/api/winbase/nf-winbase-movefileexw)).
//!
//! ```
//! use host_sdk::files;
//!
//! # let folder = tempfile::tempdir()?;
//! # let folder = folder.path().join("my-package");
//! files::create_private_folder(&folder)?;
//! files::replace(&folder.join("token"), b"secret")?;
//! # Ok::<(), std::io::Error>(())
//! ```

use std::fs::{self, OpenOptions};
use std::io::{self, Write as _};
use std::path::Path;

/// Creates a folder, and missing ones above it, that only its owner may access (mode 0700). An existing folder is left
/// unchanged. On Windows the folder inherits the permissions of the one that it is in.
///
/// # Errors
/// If it can't be created.
pub fn create_private_folder(folder: &Path) -> io::Result<()> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(folder)
}

/// Returns options to open or create a file. One that they create is accessible to its owner only (mode 0600) from the
/// beginning. An existing file keeps its permissions. On Windows they are inherited from the folder.
#[must_use]
pub fn private_options() -> OpenOptions {
    #[cfg_attr(not(unix), expect(unused_mut, reason = "only Unix has modes"))]
    let mut options = OpenOptions::new();
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options
}

/// Creates a private file or replaces its content: writes `PATH.new`, syncs it and renames it. A crash leaves either the old
/// or the new content. Once this has returned, a power failure doesn't undo it.
///
/// # Errors
/// If it can't be written or renamed. The file is unchanged.
pub fn replace(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let new = path.with_added_extension("new");
    write_private(&new, bytes)?;
    rename(&new, path).inspect_err(|_| {
        // It is of no use without the rename.
        let _ = fs::remove_file(&new);
    })
}

/// Writes a private file and syncs it. An existing file is replaced, but not atomically: see [`replace`].
///
/// # Errors
/// If it can't be written. Neither an old nor a partial file remains.
pub fn write_private(path: &Path, bytes: &[u8]) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    // Created, so that it is private from the beginning.
    let mut file = private_options().write(true).create_new(true).open(path)?;
    let written = file.write_all(bytes).and_then(|()| file.sync_all());
    drop(file);
    if written.is_err() {
        let _ = fs::remove_file(path);
    }
    written
}

/// Renames a file within its folder, atomically replacing an existing one. Once this has returned, a power failure doesn't undo
/// it.
///
/// # Errors
/// If it can't be renamed, or the folder can't be synced.
pub fn rename(from: &Path, to: &Path) -> io::Result<()> {
    #[cfg(windows)]
    return atomicwrites::replace_atomic(from, to);
    #[cfg(not(windows))]
    {
        fs::rename(from, to)?;
        sync_folder(to)
    }
}

/// Deletes a file if it exists. Once this has returned, a power failure doesn't undo it.
///
/// # Errors
/// If it can't be deleted, or the folder can't be synced.
pub fn remove(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Ok(()) => sync_folder(path),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(error),
    }
}

/// Syncs the folder of a file, which makes a change of the file's name durable.
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
    fn rename_replaces_an_existing_file() {
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
    fn replace_leaves_only_the_new_content() {
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
    fn private_files_are_accessible_to_their_owner_only() {
        use std::os::unix::fs::PermissionsExt as _;
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        let folder = tempfile::tempdir().unwrap();
        let private = folder.path().join("deep").join("private");
        create_private_folder(&private).unwrap();
        assert_eq!(mode(&private), 0o700);
        let file = private.join("file");
        fs::write(&file, "with default permissions").unwrap();
        write_private(&file, b"private").unwrap();
        assert_eq!((mode(&file), fs::read_to_string(&file).unwrap().as_str()), (0o600, "private"));
        let opened = private.join("opened");
        private_options().write(true).create(true).truncate(false).open(&opened).unwrap();
        assert_eq!(mode(&opened), 0o600);
        fs::write(private.join("replaced"), "with default permissions").unwrap();
        replace(&private.join("replaced"), b"private").unwrap();
        assert_eq!(mode(&private.join("replaced")), 0o600);
    }
}
