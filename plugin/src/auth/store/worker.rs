//! The thread of a store.
//!
//! Keyrings and files block, and a keyring may wait for minutes until its user types a password. So each store has a
//! thread: calls keep their order, callers choose how long to wait, and a hanging keyring can't keep the package from
//! stopping, as a thread of the runtime's blocking pool would. The thread also runs outside the async runtime, as the
//! keyring's D-Bus client requires in order to block.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::sync::{Arc, mpsc};
use std::thread;

use tokio::sync::oneshot;

use super::backend::{Backend, List, StoreError};
use super::file::PrivateFile;
use super::lock::{STORE_PATIENCE, lock};
use super::merge::merge;
use crate::auth::accounts::ClientId;
use crate::supervisor::Supervisor;

/// The thread's name.
const THREAD: &str = "secret-store";

/// The contents of a store after an operation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::auth) struct Stored {
    pub accounts: List,
    /// Whether there are accounts that this version doesn't use.
    pub has_unread: bool,
}

type Work = Box<dyn FnOnce(&mut StoreWorker) + Send>;

/// A handle to a store's thread, which ends when the last handle is dropped and its last operation is done.
#[derive(Clone)]
pub(in crate::auth) struct StoreHandle(Arc<mpsc::Sender<Work>>);

impl StoreHandle {
    /// Starts the thread. `lock_file` is what the copies of the package lock while they use this store; `tasks` receives the
    /// failure if the thread panics.
    pub fn new(backend: Box<dyn Backend>, lock_file: Option<PathBuf>, tasks: &Supervisor) -> Self {
        let (sender, inbox) = mpsc::channel::<Work>();
        let tasks = tasks.clone();
        let work = move || {
            let mut worker = StoreWorker { backend, lock_file };
            let run = move || inbox.into_iter().for_each(|work| work(&mut worker));
            if catch_unwind(AssertUnwindSafe(run)).is_err() {
                tasks.on_panic(THREAD);
            }
        };
        if let Err(error) = thread::Builder::new().name(THREAD.into()).spawn(work) {
            // The channel is closed, so every operation fails with NoAnswer.
            tracing::error!(%error, "the secret store's thread did not start");
        }
        Self(Arc::new(sender))
    }

    /// True if both are handles to the same store.
    pub fn is(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }

    /// Queues work at once; the answer may take any time.
    pub fn run<T, W>(&self, work: W) -> impl Future<Output = Result<T, StoreError>> + Send + use<T, W>
    where
        T: Send + 'static,
        W: FnOnce(&mut StoreWorker) -> Result<T, StoreError> + Send + 'static,
    {
        let (reply, answer) = oneshot::channel();
        // Work that can't be sent drops the reply's end. A caller that has stopped waiting is no failure.
        let _ = self.0.send(Box::new(move |worker| drop(reply.send(work(worker)))));
        async move { answer.await.map_err(|_| StoreError::NoAnswer)? }
    }

    /// As [`StoreWorker::sync`]; the answer may take any time.
    pub fn sync(
        &self,
        base: List,
        ours: List,
        restore: bool,
    ) -> impl Future<Output = Result<Stored, StoreError>> + Send + use<> {
        self.run(move |worker| worker.sync(&base, ours, restore))
    }
}

/// The end of a [`StoreHandle`] on the thread: the only code that uses the backend.
pub(in crate::auth) struct StoreWorker {
    pub(super) backend: Box<dyn Backend>,
    pub(super) lock_file: Option<PathBuf>,
}

impl StoreWorker {
    /// Loads what is stored.
    pub fn load(&mut self) -> Result<Stored, StoreError> {
        let _guard = lock(self.lock_file.as_deref(), STORE_PATIENCE);
        let accounts = self.backend.load()?;
        Ok(self.stored(accounts))
    }

    /// Locks the store, loads what is stored, applies `change` to it, and writes the result durably, unless it equals what
    /// is stored. Returns the new contents. Nothing else writes accounts.
    ///
    /// # Errors
    /// Those of `change` and of writing. With [`StoreError::TooLarge`] all accounts but the large ones are written.
    pub fn update(
        &mut self,
        change: impl FnOnce(Result<List, StoreError>) -> Result<List, StoreError>,
    ) -> Result<Stored, StoreError> {
        let _guard = lock(self.lock_file.as_deref(), STORE_PATIENCE);
        self.apply(false, |_, stored| change(stored))
    }

    /// Merges `ours`, which was made of `base`, with what is stored. With `restore` a file that is gone is written again.
    pub fn sync(&mut self, base: &List, ours: List, restore: bool) -> Result<Stored, StoreError> {
        self.update(|stored| match stored {
            Ok(theirs) => Ok(merge(base, &ours, &theirs)),
            // No other copy has changed an account; the store has failed.
            Err(StoreError::Damaged) => Ok(ours),
            Err(StoreError::Gone) if restore => Ok(ours),
            Err(error) => Err(error),
        })
    }

    /// Updates a store that was not used so far: merges `ours` into it. The accounts of a private file, from which `base` was
    /// read, move into it, and the file is deleted once they have been read back. Accounts with the Client IDs of `removed`
    /// are deleted: the user has removed them meanwhile.
    ///
    /// # Errors
    /// If the store doesn't contain all of them afterwards; the private file stays then.
    pub fn move_in(
        &mut self,
        file: Option<PathBuf>,
        base: &List,
        ours: &List,
        removed: &[ClientId],
    ) -> Result<Stored, StoreError> {
        let _guard = lock(self.lock_file.as_deref(), STORE_PATIENCE);
        let mut file = file.map(PrivateFile::new);
        let in_file = match &mut file {
            // One that is gone was moved by another copy: its accounts are in this store already.
            Some(file) if file.exists() => Some(file.load()),
            _ => None,
        };
        let stored = self.apply(true, |backend, stored| {
            let theirs = match stored {
                Err(StoreError::Damaged) => List::new(),
                other => other?,
            };
            // In the base of the merge, so that they are deleted as they are missing in ours.
            let gone = with_clients(&theirs, removed);
            let merged = match (in_file, &file) {
                (Some(Ok(in_file)), _) => merge(&gone, &merge(base, ours, &in_file), &theirs),
                (Some(Err(StoreError::Damaged)), _) | (None, None) => merge(&gone, ours, &theirs),
                (Some(Err(error)), _) => return Err(error),
                (None, Some(_)) => merge(base, ours, &theirs),
            };
            if let Some(file) = &file {
                backend.add_unread(file.unread().to_vec());
            }
            Ok(merged)
        })?;
        if self.backend.load()? != stored.accounts {
            return Err(StoreError::Unavailable("it doesn't return what was written".into()));
        }
        if let Some(file) = file {
            file.remove()?;
        }
        Ok(self.stored(stored.accounts))
    }

    /// Loads, applies and writes under a lock that the caller holds. With `whole` an account that doesn't fit is an error
    /// before anything is written, and the result is written even if it equals what is stored.
    fn apply(
        &mut self,
        whole: bool,
        change: impl FnOnce(&mut dyn Backend, Result<List, StoreError>) -> Result<List, StoreError>,
    ) -> Result<Stored, StoreError> {
        let stored = self.backend.load();
        let before = stored.as_ref().ok().filter(|_| !whole).cloned();
        let mut accounts = change(&mut *self.backend, stored)?;
        // An account that a newer version has written counts more than this version's.
        let unread = self.backend.unread();
        accounts.retain(|account| unread.iter().all(|unread| unread.id.as_ref() != Some(&account.id)));
        let mut all_fit = true;
        for account in &mut accounts {
            all_fit &= self.backend.fit(account);
        }
        if whole && !all_fit {
            // All of them fit into their present store.
            return Err(StoreError::TooLarge);
        }
        if before.as_ref() != Some(&accounts) {
            self.backend.write(&accounts)?;
        }
        Ok(self.stored(accounts))
    }

    fn stored(&self, accounts: List) -> Stored {
        Stored { accounts, has_unread: !self.backend.unread().is_empty() }
    }
}

/// Returns the accounts whose Client ID is one of `clients`.
pub(super) fn with_clients(accounts: &List, clients: &[ClientId]) -> List {
    accounts.iter().filter(|account| clients.contains(&account.client_id)).cloned().collect()
}
