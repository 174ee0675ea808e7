//! A private file.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use host_sdk::files;
use secrecy::zeroize::Zeroizing;

use super::backend::{Backend, List, StoreError, Unread, encode_list, read_list};
use crate::auth::accounts::StoredAccount;

/// One private file, readable by its owner only.
///
/// It is written beside and renamed, so that a crash leaves the old one or the new one, never half of one. What was
/// written beside but not yet renamed holds tokens that may be the only good ones: the next reading finishes the rename.
pub(super) struct PrivateFile {
    path: PathBuf,
    /// It was there before.
    seen: bool,
    /// What the last reading found but didn't use.
    unread: Vec<Unread>,
}

impl PrivateFile {
    /// The store in the file at `path`, which need not exist.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into(), seen: false, unread: Vec::new() }
    }

    /// True if it has been written, be it by a process that crashed before the end.
    pub fn is_there(&self) -> bool {
        self.path.exists() || self.beside_it().exists()
    }

    /// Deletes it with all that belongs to it.
    pub fn remove(self) -> Result<(), StoreError> {
        for path in [self.beside_it(), damaged_copy(&self.path), self.path.clone()] {
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

    /// What is written before it takes the file's place.
    fn beside_it(&self) -> PathBuf {
        self.path.with_added_extension("new")
    }

    /// Finishes what a crash has interrupted.
    fn recover(&self) -> Result<(), StoreError> {
        let new = self.beside_it();
        let bytes = match fs::read(&new) {
            Ok(bytes) => Zeroizing::new(bytes),
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            Err(error) => return Err(error.into()),
        };
        if read_list(&bytes).is_ok() {
            files::rename(&new, &self.path)?;
        } else {
            // Half of one: the process ended while it was writing, and the old file still holds.
            files::remove(&new)?;
        }
        Ok(())
    }
}

/// Where a private file at `path` goes that can't be read. It has tokens in it all the same.
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
        let Ok((accounts, unread)) = read_list(&bytes) else {
            // Out of the way of the next write, so that it can still be looked at.
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
        let new = self.beside_it();
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
