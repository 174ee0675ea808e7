//! What keeps two copies of the package from working on the same secrets at once: locks on files beside the store.
//!
//! There are two. One is held for the moment of reading, merging and writing. The other is held while a token is renewed,
//! which takes as long as a call to Spotify, so that the copy that comes second finds the token of the first. A lock is a
//! courtesy: a copy that hangs, or a disk that knows no locks, delays others by no more than the time given here, because the merge
//! keeps both sides' changes all the same.

use std::fs::{self, File, TryLockError};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Weak};
use std::thread;
use std::time::{Duration, Instant};

use tokio::sync::Mutex;

/// How long reading and writing waits for another copy that is at it.
pub(super) const STORE_PATIENCE: Duration = Duration::from_secs(3);
/// How long renewing a token waits for another copy that is at it: longer than a call to Spotify may take.
pub(super) const RENEWAL_PATIENCE: Duration = Duration::from_secs(15);
/// Between two looks at a lock that is taken.
const LOOK_AGAIN: Duration = Duration::from_millis(20);

/// A lock that is held until this is dropped.
#[derive(Debug)]
pub(in crate::auth) struct Held(File);

impl Drop for Held {
    fn drop(&mut self) {
        // Said, not left to the file's end: a child process that is just being started may hold a copy of the handle.
        let _ = self.0.unlock();
    }
}

/// Takes the lock, if it is free now.
fn try_hold(path: &Path) -> io::Result<Option<Held>> {
    if let Some(folder) = path.parent() {
        host_sdk::files::create_private_folder(folder)?;
    }
    let file = fs::OpenOptions::new().create(true).truncate(false).write(true).open(path)?;
    match file.try_lock() {
        Ok(()) => Ok(Some(Held(file))),
        Err(TryLockError::WouldBlock) => Ok(None),
        Err(TryLockError::Error(error)) => Err(error),
    }
}

/// As [`try_hold`], with Err(()) for a lock that can't be had at all.
fn look(path: &Path) -> Result<Option<Held>, ()> {
    try_hold(path).map_err(|error| tracing::debug!(%error, "the lock can't be used; going on without"))
}

/// Takes the lock on a thread that may block. None after `patience`, where there is no path, and where it can't be had.
pub(super) fn hold(path: Option<&Path>, patience: Duration) -> Option<Held> {
    let path = path?;
    let start = Instant::now();
    loop {
        if let Some(held) = look(path).ok()? {
            return Some(held);
        }
        if start.elapsed() >= patience {
            tracing::info!("another copy keeps the store's lock; going on without");
            return None;
        }
        thread::sleep(LOOK_AGAIN);
    }
}

/// The lock of those who renew tokens. All of one process hold it together, so that one account never waits for another
/// account's answer.
pub(in crate::auth) struct RenewalLock {
    path: Option<PathBuf>,
    held: Mutex<Weak<Held>>,
}

impl RenewalLock {
    /// The lock that lies beside the store's own lock. Without a path there is no waiting.
    pub fn beside(store_lock: Option<&Path>) -> Self {
        let path = store_lock.map(|path| {
            let mut name = path.to_owned().into_os_string();
            name.push(".renewal");
            name.into()
        });
        Self { path, held: Mutex::default() }
    }

    /// Takes the lock, or shares it with those of this process who have it. None after 15 s, and where it can't be had.
    pub async fn enter(&self) -> Option<Arc<Held>> {
        let path = self.path.as_deref()?;
        let mut shared = self.held.lock().await;
        if let Some(held) = shared.upgrade() {
            return Some(held);
        }
        let wait = async {
            loop {
                if let Some(held) = look(path).ok()? {
                    return Some(Arc::new(held));
                }
                tokio::time::sleep(LOOK_AGAIN).await;
            }
        };
        let held = tokio::time::timeout(RENEWAL_PATIENCE, wait).await.unwrap_or_else(|_| {
            tracing::info!("another copy keeps the lock of renewals; going on without");
            None
        });
        *shared = held.as_ref().map(Arc::downgrade).unwrap_or_default();
        held
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lock_has_one_holder_until_it_is_dropped() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("deep").join("lock");
        let held = hold(Some(&path), Duration::ZERO).unwrap();
        assert!(hold(Some(&path), Duration::ZERO).is_none());
        drop(held);
        assert!(hold(Some(&path), Duration::ZERO).is_some());
    }

    #[test]
    fn unusable_lock_is_not_waited_for() {
        let folder = tempfile::tempdir().unwrap();
        let start = Instant::now();
        // A folder can't be opened for writing.
        assert!(hold(Some(folder.path()), Duration::from_secs(3600)).is_none());
        assert!(hold(None, Duration::from_secs(3600)).is_none());
        assert!(start.elapsed() < Duration::from_secs(60));
    }

    #[tokio::test(start_paused = true)]
    async fn hanging_copy_is_waited_for_15_s() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("lock");
        let (ours, other) = (RenewalLock::beside(Some(&path)), RenewalLock::beside(Some(&path)));
        let hanging = other.enter().await.unwrap();
        let start = tokio::time::Instant::now();
        assert!(ours.enter().await.is_none());
        assert!(start.elapsed() >= RENEWAL_PATIENCE && start.elapsed() < RENEWAL_PATIENCE * 2);
        drop(hanging);
        assert!(ours.enter().await.is_some());
    }

    #[tokio::test(start_paused = true)]
    async fn renewal_lock_is_shared_within_the_process() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("lock");
        let (ours, other) = (RenewalLock::beside(Some(&path)), RenewalLock::beside(Some(&path)));
        let first = ours.enter().await.unwrap();
        let second = ours.enter().await.unwrap();
        drop(first);
        assert!(other.enter().await.is_none());
        drop(second);
        assert!(other.enter().await.is_some());
    }
}
