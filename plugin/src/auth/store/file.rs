//! The private file.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use host_sdk::files;
use secrecy::zeroize::Zeroizing;

use super::backend::{Backend, List, StoreError, Unread, decode_list, encode_list};
use crate::auth::accounts::StoredAccount;

/// One private file, readable by its owner only.
///
/// A new version is written beside it and renamed, so that a crash leaves the old one or the new one, never half of one. A
/// new version that isn't renamed yet may contain the only valid tokens: the next `load` finishes the rename.
pub(super) struct PrivateFile {
    path: PathBuf,
    /// Whether it existed before.
    seen: bool,
    /// What the last `load` found but didn't use.
    unread: Vec<Unread>,
}

impl PrivateFile {
    /// The store in the file at `path`, which need not exist.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into(), seen: false, unread: Vec::new() }
    }

    /// True if it has been written, even by a process that crashed before the rename.
    pub fn exists(&self) -> bool {
        self.path.exists() || self.new_version().exists()
    }

    /// Deletes it with its new version and its damaged copy.
    pub fn remove(self) -> Result<(), StoreError> {
        for path in [self.new_version(), damaged_copy(&self.path), self.path.clone()] {
            files::remove(&path)?;
        }
        Ok(())
    }

    fn folder(&self) -> &Path {
        match self.path.parent() {
            Some(folder) if !folder.as_os_str().is_empty() => folder,
            _ => Path::new("."),
        }
    }

    /// Returns the path of the new version before the rename.
    fn new_version(&self) -> PathBuf {
        self.path.with_added_extension("new")
    }

    /// Finishes the write that a crash has interrupted.
    fn recover(&self) -> Result<(), StoreError> {
        let new = self.new_version();
        let bytes = match fs::read(&new) {
            Ok(bytes) => Zeroizing::new(bytes),
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            Err(error) => return Err(error.into()),
        };
        if decode_list(&bytes).is_ok() {
            files::rename(&new, &self.path)?;
        } else {
            // Half of one: the process ended while it was writing, and the old file is still valid.
            files::remove(&new)?;
        }
        Ok(())
    }
}

/// Returns where a private file at `path` is moved when it can't be read. It may contain tokens.
pub(super) fn damaged_copy(path: &Path) -> PathBuf {
    path.with_added_extension("damaged")
}

impl Backend for PrivateFile {
    fn load(&mut self) -> Result<List, StoreError> {
        self.recover()?;
        let bytes = match fs::read(&self.path) {
            Ok(bytes) => Zeroizing::new(bytes),
            Err(error) if error.kind() == io::ErrorKind::NotFound && self.seen => return Err(StoreError::Gone),
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(error.into()),
        };
        self.seen = true;
        self.unread.clear();
        let Ok((accounts, unread)) = decode_list(&bytes) else {
            // So that the next write doesn't replace it.
            if let Err(error) = files::rename(&self.path, &damaged_copy(&self.path)) {
                tracing::warn!(%error, "the damaged file could not be moved aside");
            }
            self.seen = false;
            return Err(StoreError::Damaged);
        };
        self.unread = unread;
        Ok(accounts)
    }

    fn write(&mut self, accounts: &[StoredAccount]) -> Result<(), StoreError> {
        files::create_private_folder(self.folder())?;
        let new = self.new_version();
        files::write_private(&new, &encode_list(accounts, &self.unread)?)?;
        #[cfg(test)]
        crate::auth::steps::reached(crate::auth::steps::Step::WrittenBeside);
        files::rename(&new, &self.path)?;
        self.seen = true;
        Ok(())
    }

    fn unread(&self) -> &[Unread] {
        &self.unread
    }

    fn discard_damaged(&mut self) -> Result<(), StoreError> {
        Ok(files::remove(&damaged_copy(&self.path))?)
    }
}
