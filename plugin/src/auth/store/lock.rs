//! Locks on files beside the store, so that two copies of the package don't work on the same secrets at once.
//!
//! There are two. One is held while the store is read, merged and written. The other is held while a token is renewed,
//! which takes as long as a call to Spotify, so that the second copy finds the token of the first. The locks are advisory: a
//! copy that hangs, or a disk without locks, delays others by no more than the times below, because the merge keeps both
//! sides' changes anyway.

use std::fs::{self, File, TryLockError};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Weak};
use std::thread;
use std::time::{Duration, Instant};

use tokio::sync::Mutex;

/// How long reading and writing waits for another copy's lock.
pub(super) const STORE_PATIENCE: Duration = Duration::from_secs(3);
/// How long renewing a token waits for another copy's lock: longer than a call to Spotify may take.
pub(super) const RENEWAL_PATIENCE: Duration = Duration::from_secs(15);
/// The time between two attempts to take a lock.
const RETRY_EVERY: Duration = Duration::from_millis(20);

/// Holds a lock until it is dropped.
#[derive(Debug)]
pub(in crate::auth) struct LockGuard(File);

impl Drop for LockGuard {
    fn drop(&mut self) {
        // Explicitly: a child process that is just being started may have a copy of the handle, which keeps the file open.
        let _ = self.0.unlock();
    }
}

/// Takes the lock, if it is free now.
fn try_lock(path: &Path) -> io::Result<Option<LockGuard>> {
    if let Some(folder) = path.parent() {
        host_sdk::files::create_private_folder(folder)?;
    }
    let file = fs::OpenOptions::new().create(true).truncate(false).write(true).open(path)?;
    match file.try_lock() {
        Ok(()) => Ok(Some(LockGuard(file))),
        Err(TryLockError::WouldBlock) => Ok(None),
        Err(TryLockError::Error(error)) => Err(error),
    }
}

/// As [`try_lock`], with Err(()) for a lock that can't be used at all.
fn attempt(path: &Path) -> Result<Option<LockGuard>, ()> {
    try_lock(path).map_err(|error| tracing::debug!(%error, "the lock can't be used; continuing without it"))
}

/// Takes the lock on a thread that may block. Returns None after `patience`, without a path, and if it can't be used.
pub(super) fn lock(path: Option<&Path>, patience: Duration) -> Option<LockGuard> {
    let path = path?;
    let start = Instant::now();
    loop {
        if let Some(guard) = attempt(path).ok()? {
            return Some(guard);
        }
        if start.elapsed() >= patience {
            tracing::info!("another copy holds the store's lock; continuing without it");
            return None;
        }
        thread::sleep(RETRY_EVERY);
    }
}

/// The lock for renewing tokens. All renewals of one process share it, so that one account never waits for another
/// account's answer.
pub(in crate::auth) struct RenewalLock {
    path: Option<PathBuf>,
    shared: Mutex<Weak<LockGuard>>,
}

impl RenewalLock {
    /// The lock beside the store's own lock. Without a path it is never waited for.
    pub fn beside(store_lock: Option<&Path>) -> Self {
        let path = store_lock.map(|path| path.with_added_extension("renewal"));
        Self { path, shared: Mutex::default() }
    }

    /// Takes the lock, or shares it with other renewals of this process. Returns None after 15 s, and if it can't be used.
    pub async fn lock(&self) -> Option<Arc<LockGuard>> {
        let path = self.path.as_deref()?;
        let mut shared = self.shared.lock().await;
        if let Some(guard) = shared.upgrade() {
            return Some(guard);
        }
        let wait = async {
            loop {
                if let Some(guard) = attempt(path).ok()? {
                    return Some(Arc::new(guard));
                }
                tokio::time::sleep(RETRY_EVERY).await;
            }
        };
        let guard = tokio::time::timeout(RENEWAL_PATIENCE, wait).await.unwrap_or_else(|_| {
            tracing::info!("another copy holds the lock of renewals; continuing without it");
            None
        });
        *shared = guard.as_ref().map(Arc::downgrade).unwrap_or_default();
        guard
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lock_has_one_holder_until_it_is_dropped() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("deep").join("lock");
        let guard = lock(Some(&path), Duration::ZERO).unwrap();
        assert!(lock(Some(&path), Duration::ZERO).is_none());
        drop(guard);
        assert!(lock(Some(&path), Duration::ZERO).is_some());
    }

    #[test]
    fn unusable_lock_is_not_waited_for() {
        let folder = tempfile::tempdir().unwrap();
        let start = Instant::now();
        // A folder can't be opened for writing.
        assert!(lock(Some(folder.path()), Duration::from_secs(3600)).is_none());
        assert!(lock(None, Duration::from_secs(3600)).is_none());
        assert!(start.elapsed() < Duration::from_secs(60));
    }

    #[tokio::test(start_paused = true)]
    async fn hanging_copy_is_waited_for_15_s() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("lock");
        let (ours, other) = (RenewalLock::beside(Some(&path)), RenewalLock::beside(Some(&path)));
        let hanging = other.lock().await.unwrap();
        let start = tokio::time::Instant::now();
        assert!(ours.lock().await.is_none());
        assert!(start.elapsed() >= RENEWAL_PATIENCE && start.elapsed() < RENEWAL_PATIENCE * 2);
        drop(hanging);
        assert!(ours.lock().await.is_some());
    }

    #[tokio::test(start_paused = true)]
    async fn renewal_lock_is_shared_within_the_process() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("lock");
        let (ours, other) = (RenewalLock::beside(Some(&path)), RenewalLock::beside(Some(&path)));
        let first = ours.lock().await.unwrap();
        let second = ours.lock().await.unwrap();
        drop(first);
        assert!(other.lock().await.is_none());
        drop(second);
        assert!(other.lock().await.is_some());
    }
}
