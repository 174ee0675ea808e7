//! What happens without being asked for: reading the store, keeping it up to date, and a look at the tokens now and then.

use std::sync::{Arc, Weak};
use std::time::Duration;

use tokio::time::Instant;

use super::error::AuthError;
use super::state::{Account, Loading};
use super::store::{Memory, PrivateFile, StoreError, StoredAccount, Vault};
use super::view::{StoreKind, StoreView};
use super::{AHEAD_MS, Inner};

/// How long the store may take before the keys ask the user to look at the keyring.
pub(super) const LOAD_PATIENCE: Duration = Duration::from_secs(5);
/// How often tokens are looked after, whether or not anybody asks for one.
pub(super) const ROUND: Duration = Duration::from_secs(30);
const SHORTEST_ROUND: Duration = Duration::from_millis(100);
/// A failed write is tried again after this. Not sooner: each try may make the keyring ask for its password.
pub(super) const STORE_RETRY: Duration = Duration::from_secs(300);

pub(super) const MEMORY_CHOSEN: &str = "SPOTIFY_WIDGETS_STORE asks for memory: sign-ins are lost when the host stops.";
pub(super) const NO_KEYRING: &str =
    "No keyring answers on this computer, so sign-ins are kept in memory and lost when the host stops.";
pub(super) const KEYRING_LOCKED: &str = "The computer's keyring is locked, so sign-ins are kept in memory and lost when the host stops. \
    Unlock it and restart the host to get the stored ones back.";
pub(super) const KEYRING_LATE: &str =
    "The computer's keyring has not answered yet. If it asks for a password, unlock it.";
pub(super) const NOT_WRITTEN: &str =
    "The last change could not be stored and is lost when the host stops. It is tried again now and then.";
pub(super) const DAMAGED: &str = "What was stored could not be read and was left out. Enter missing accounts again.";
pub(super) const FILE_UNREADABLE: &str =
    "The private file can't be read, so sign-ins are kept in memory and lost when the host stops.";

impl Inner {
    /// Hands all accounts to the store and waits until they are durable. A failure becomes a state to show.
    pub(super) async fn persist(&self) {
        // What was just typed or agreed to isn't called done before it is stored, also in the first moments. A keyring
        // that waits for its user is not waited for.
        let _ = self.settled.subscribe().wait_for(|settled| *settled).await;
        let write = {
            let mut state = self.lock();
            if state.loading != Loading::Done {
                // Writing now would wipe out what is still being read; the merge afterwards writes.
                state.unsaved = Some(Instant::now());
                return;
            }
            // Handed over under the lock, so that writes come in the order of the changes.
            state.vault.write(state.accounts.iter().map(|account| account.stored.clone()).collect())
        };
        let result = write.await;
        let mut state = self.lock();
        match result {
            Ok(()) => {
                if state.unsaved.take().is_some() && state.store.message.as_deref() == Some(NOT_WRITTEN) {
                    state.store.message = None;
                    state.store.can_use_file = false;
                }
            }
            Err(error) => {
                tracing::warn!(%error, "the sign-ins could not be stored");
                state.unsaved = Some(Instant::now());
                state.store.message = Some(NOT_WRITTEN.to_owned());
                state.store.can_use_file = state.store.kind == StoreKind::Keyring && self.private_file.is_some();
            }
        }
        self.publish(&state);
    }

    pub(super) async fn use_private_file(&self) -> Result<(), AuthError> {
        let (vault, write) = {
            let state = self.lock();
            let path =
                self.private_file.as_ref().filter(|_| state.store.can_use_file).ok_or(AuthError::FileNotNeeded)?;
            let vault = Vault::new(Box::new(PrivateFile::new(path)));
            let write = vault.write(state.accounts.iter().map(|account| account.stored.clone()).collect());
            (vault, write)
        };
        if let Err(error) = write.await {
            tracing::warn!(%error, "the private file could not be written");
            return Err(AuthError::FileFailed);
        }
        {
            let mut state = self.lock();
            state.vault = vault;
            state.unsaved = None;
            state.store = StoreView { kind: StoreKind::File, message: None, can_use_file: false };
            self.publish(&state);
        }
        // Once more, for what changed while the file was being written.
        self.persist().await;
        Ok(())
    }

    /// Takes in what the store held.
    pub(super) async fn loaded(&self, result: Result<Vec<StoredAccount>, StoreError>) {
        let write = {
            let mut state = self.lock();
            state.loading = Loading::Done;
            self.settled.send_replace(true);
            if state.store.kind != StoreKind::Memory {
                state.store.message = None;
            }
            match result {
                Ok(stored) => {
                    // The user may have added accounts while the keyring was waiting.
                    let added = std::mem::take(&mut state.accounts);
                    state.accounts = stored.into_iter().map(Account::new).collect();
                    for account in added {
                        let client_id = &account.stored.client_id;
                        match state.accounts.iter_mut().find(|known| known.stored.client_id == *client_id) {
                            Some(known) if !account.signed_in() => {
                                // Typed again because it didn't show: its sign-in is the stored one.
                                known.stored.id = account.stored.id;
                                known.stored.redirect = account.stored.redirect;
                                known.stored.client_secret =
                                    account.stored.client_secret.or(known.stored.client_secret.take());
                            }
                            Some(known) => *known = account,
                            None => state.accounts.push(account),
                        }
                    }
                }
                Err(StoreError::Damaged) => state.store.message = Some(DAMAGED.to_owned()),
                Err(error) => {
                    tracing::warn!(%error, "the secret store is not usable");
                    let message = match (state.store.kind, &error) {
                        (StoreKind::File, _) => FILE_UNREADABLE,
                        (_, StoreError::Locked) => KEYRING_LOCKED,
                        _ => NO_KEYRING,
                    };
                    // A list that could not be read must not be overwritten.
                    state.vault = Vault::new(Box::new(Memory));
                    state.store = StoreView {
                        can_use_file: state.store.kind == StoreKind::Keyring && self.private_file.is_some(),
                        kind: StoreKind::Memory,
                        message: Some(message.to_owned()),
                    };
                }
            }
            self.publish(&state);
            state.unsaved.is_some()
        };
        if write {
            self.persist().await;
        }
    }

    /// One look at everything that should happen without being asked for.
    pub(super) async fn round(self: &Arc<Self>) {
        let (due, store_due) = {
            let state = self.lock();
            let now = self.clock.unix_ms();
            let due: Vec<String> = state
                .accounts
                .iter()
                .filter(|account| account.works() && account.fresh(now, AHEAD_MS).is_none())
                .map(|account| account.stored.id.clone())
                .collect();
            let store_due =
                state.loading == Loading::Done && state.unsaved.is_some_and(|since| since.elapsed() >= STORE_RETRY);
            (due, store_due)
        };
        let inner = Arc::clone(self);
        // Joined with nobody: it is done again next time if it fails.
        tokio::task::spawn_blocking(move || inner.save_limits());
        if store_due {
            self.persist().await;
        }
        for id in due {
            tokio::spawn(Arc::clone(self).refresh(id, AHEAD_MS));
        }
    }
}

/// The room's own task: takes in what is stored, then looks after tokens and writes until nobody holds a handle.
pub(super) async fn look_after(
    inner: Weak<Inner>,
    load: impl Future<Output = Result<Vec<StoredAccount>, StoreError>> + Send + 'static,
) {
    tokio::pin!(load);
    let result = match tokio::time::timeout(LOAD_PATIENCE, &mut load).await {
        Ok(result) => result,
        Err(_) => {
            if let Some(inner) = inner.upgrade() {
                let mut state = inner.lock();
                state.loading = Loading::Late;
                inner.settled.send_replace(true);
                if state.store.kind == StoreKind::Keyring {
                    state.store.message = Some(KEYRING_LATE.to_owned());
                }
                inner.publish(&state);
            }
            load.await
        }
    };
    let Some(strong) = inner.upgrade() else { return };
    strong.loaded(result).await;
    drop(strong);
    let mut next_round = Instant::now();
    while let Some(inner) = inner.upgrade() {
        if next_round <= Instant::now() {
            inner.round().await;
            next_round = Instant::now() + ROUND;
        }
        let (mut shown, change) = {
            let state = inner.lock();
            inner.publish(&state);
            let now = inner.clock.unix_ms();
            let change = state.next_change_ms(now).map(|at| Duration::from_millis(at.saturating_sub(now)));
            (inner.watch.subscribe(), change)
        };
        drop(inner);
        // What is shown follows the time without anybody asking; no choice depends on it.
        tokio::select! {
            () = tokio::time::sleep(change.unwrap_or(ROUND).clamp(SHORTEST_ROUND, ROUND)) => {}
            () = tokio::time::sleep_until(next_round) => {}
            // Something has just been limited, perhaps, and is open again sooner.
            Ok(()) = shown.changed() => {}
        }
    }
}
