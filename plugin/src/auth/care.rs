//! What happens without being asked for: reading the store, keeping it up to date, looking for a keyring that isn't there,
//! and a look at the tokens now and then.
//!
//! The state in memory is what the package works by; the store is another copy of it that other copies of the package
//! change, too. Both are brought together whenever there is something to write, and before a token is renewed.

use std::pin::pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Weak};
use std::time::Duration;

use tokio::time::Instant;

use super::error::AuthError;
use super::merge::merge;
use super::rotation::{Choice, Group};
use super::state::{Account, Loading, Needs, State};
use super::store::{Memory, PrivateFile, StoreError, StoredAccount, Vault, with_clients};
use super::view::{Link, StoreIssue, StoreKind, StoreView};
use super::{AHEAD_MS, Inner};

/// How long the store may take before the keys ask the user to look at the keyring.
pub(super) const LOAD_PATIENCE: Duration = Duration::from_secs(5);
/// How long a write may take before the user is told that the store doesn't answer.
pub(super) const WRITE_PATIENCE: Duration = Duration::from_secs(10);
/// How long renewing a token waits for what other copies have stored.
const RELOAD_PATIENCE: Duration = Duration::from_secs(5);
/// How often tokens are looked after, whether or not anybody asks for one.
pub(super) const ROUND: Duration = Duration::from_secs(30);
const SHORTEST_ROUND: Duration = Duration::from_millis(100);
/// After this a failed write is tried again, a keyring that wasn't there is looked for, and other copies are asked for a
/// sign-in if there is none here. Not sooner: each try may make the keyring ask for its password.
pub(super) const STORE_RETRY: Duration = Duration::from_secs(300);

/// A keyring that should hold the secrets but doesn't.
pub(super) struct Sought {
    vault: Vault,
    /// Locked when it was last looked at: asking again may ask the user for a password, so only the user does it.
    locked: bool,
    /// When it was last looked at.
    last: Option<Instant>,
    /// Held by the one who asks it.
    turn: Arc<tokio::sync::Mutex<()>>,
}

impl Sought {
    /// One that has not been looked at.
    pub(super) fn new(vault: Vault) -> Self {
        Self { vault, locked: false, last: None, turn: Arc::default() }
    }

    /// One that has just failed.
    fn failed(vault: Vault, error: &StoreError) -> Self {
        Self { vault, locked: *error == StoreError::Locked, last: Some(Instant::now()), turn: Arc::default() }
    }

    /// True if it has been asked and has not answered yet.
    fn asked(&self) -> bool {
        self.turn.try_lock().is_err()
    }

    fn due(&self) -> bool {
        !self.asked() && !self.locked && self.last.is_none_or(|last| last.elapsed() >= STORE_RETRY)
    }
}

impl Inner {
    /// Brings the accounts and the store together and waits until they are durable there, for 10 s at most. A failure
    /// becomes a state to show.
    pub(super) async fn persist(&self) {
        // What was just typed or agreed to isn't called done before it is stored, also in the first moments. A keyring
        // that waits for its user is not waited for.
        let _ = self.settled.subscribe().wait_for(|settled| *settled).await;
        {
            let mut state = self.lock();
            if state.loading != Loading::Done {
                // There is nothing to merge with yet; the merge afterwards writes.
                state.unsaved = Some(Instant::now());
                return;
            }
        }
        self.sync_within(WRITE_PATIENCE, false).await;
    }

    /// Takes in what other copies have stored, if the store says it soon. One that doesn't is not asked again until it
    /// has been found well.
    pub(super) async fn reload(&self) {
        {
            let state = self.lock();
            if state.loading != Loading::Done || state.unsaved.is_some() || state.store.kind == StoreKind::Memory {
                return;
            }
        }
        self.sync_within(RELOAD_PATIENCE, true).await;
    }

    /// Runs [`Inner::sync`] to its end, but waits for it only so long.
    async fn sync_within(&self, patience: Duration, reload: bool) {
        let Some(inner) = self.me.upgrade() else { return };
        let done = Arc::new(AtomicBool::new(false));
        let said = Arc::clone(&done);
        let sync = self.run("store", async move {
            inner.sync(reload, &said).await;
            Ok(())
        });
        if tokio::time::timeout(patience, sync).await.is_err() {
            let mut state = self.lock();
            if !done.load(Ordering::Relaxed) {
                tracing::warn!("the secret store has not answered yet");
                self.not_stored(&mut state, reload, StoreIssue::NotWritten);
                self.publish(&state);
            }
        }
    }

    /// Brings the accounts and the store together, as soon as it is this one's turn and however long the store takes.
    /// Without `reload` only if there is something to write. Sets `done` at the moment at which the outcome is known.
    async fn sync(&self, reload: bool, done: &AtomicBool) {
        loop {
            let vault = self.lock().vault.clone();
            let mut base = vault.turn().await;
            let (ours, movable) = {
                let mut state = self.lock();
                if !state.vault.is(&vault) {
                    // Another store has taken its place while this one was waited for.
                    continue;
                }
                self.stamp(&mut state, &base);
                let ours = state.to_store();
                if !reload && *base == ours {
                    done.store(true, Ordering::Relaxed);
                    self.stored(&mut state, &base);
                    return;
                }
                (ours, state.store.kind == StoreKind::File && state.sought.is_some())
            };
            let mut result = vault.sync(base.clone(), ours.clone(), !movable).await;
            if result == Err(StoreError::Gone) {
                // Another copy has moved the private file into the keyring.
                let keyring = self.lock().sought.as_ref().map(|sought| sought.vault.clone());
                if let Some(keyring) = keyring
                    && self.move_in(&base, keyring).await.is_ok()
                {
                    done.store(true, Ordering::Relaxed);
                    return;
                }
                result = vault.sync(base.clone(), ours.clone(), true).await;
            }
            let mut state = self.lock();
            if !state.vault.is(&vault) {
                drop(state);
                continue;
            }
            done.store(true, Ordering::Relaxed);
            match result {
                Ok(stored) => {
                    self.adopt(&mut state, &ours, &stored);
                    *base = stored;
                    self.stored(&mut state, &base);
                }
                Err(error) => {
                    tracing::warn!(%error, "the secret store failed");
                    let unchanged = *base == ours;
                    let issue = match error {
                        StoreError::TooLarge => StoreIssue::TooLarge,
                        StoreError::Locked => StoreIssue::Locked,
                        _ => StoreIssue::NotWritten,
                    };
                    self.not_stored(&mut state, unchanged, issue);
                }
            }
            self.publish(&state);
            return;
        }
    }

    /// Notes that the store works and, unless something has changed since, that nothing is left to write.
    fn stored(&self, state: &mut State, base: &[StoredAccount]) {
        if state.to_store() != base {
            return;
        }
        state.unsaved = None;
        if state.store.is_unsaved() {
            state.store = StoreView::without_issue(state.store.kind);
            self.show_sought(state);
        }
        self.publish(state);
    }

    /// Notes that the store doesn't do what it should. The user need not know, if nothing is lost by it.
    fn not_stored(&self, state: &mut State, nothing_lost: bool, issue: StoreIssue) {
        state.unsaved = Some(Instant::now());
        if !nothing_lost {
            state.store.issue = Some(issue);
            // One that is locked needs its password, not another place.
            let file_helps = state.store.kind == StoreKind::Keyring && issue != StoreIssue::Locked;
            state.store.can_use_file = file_helps && self.private_file.is_some();
            state.store.can_retry = true;
        }
    }

    /// Gives each sign-in that is another than the stored one its time. Newer than what it replaces, whatever somebody
    /// does to the computer's clock.
    fn stamp(&self, state: &mut State, base: &[StoredAccount]) {
        let now = self.clock.unix_ms();
        for StoredAccount { id, refresh_token, signed_in_at, token_at, .. } in
            state.accounts.iter_mut().map(|account| &mut account.stored)
        {
            let (changed, at_least) = match base.iter().find(|known| known.id == *id) {
                Some(known) => (
                    (&known.refresh_token, &known.signed_in_at) != (&*refresh_token, &*signed_in_at),
                    known.token_at.saturating_add(1),
                ),
                None => (refresh_token.is_some() || signed_in_at.is_some(), 1),
            };
            if changed && *token_at < at_least {
                *token_at = now.max(at_least);
            }
        }
    }

    /// Takes in what the store holds after `handed` was handed over, and keeps what has changed here since.
    fn adopt(&self, state: &mut State, handed: &[StoredAccount], stored: &[StoredAccount]) {
        let here = state.to_store();
        let merged = merge(handed, &here, stored);
        if merged == here {
            return;
        }
        let mut before = std::mem::take(&mut state.accounts);
        let apps: Vec<String> = before.iter().map(|account| account.stored.client_id.clone()).collect();
        for stored in merged.iter().cloned() {
            let sign_in_id = state.new_sign_in();
            let known = before.iter().position(|account| account.stored.id == stored.id).or_else(|| {
                // Another copy has added the same app at the same time, and so has given it another id.
                before.iter().position(|account| {
                    account.stored.client_id == stored.client_id
                        && merged.iter().all(|other| other.id != account.stored.id)
                })
            });
            state.accounts.push(match known {
                Some(place) => {
                    let mut account = before.swap_remove(place);
                    account.take_in(stored, sign_in_id);
                    account
                }
                None => Account::new(stored, sign_in_id),
            });
        }
        let now = self.clock.unix_ms();
        for gone in apps.iter().filter(|app| !state.has_app(app)).collect::<Vec<_>>() {
            state.rotation.on_removed(now, gone);
            state.rotation_unsaved = true;
        }
        let State { accounts, login, .. } = state;
        login.take_if(|login| accounts.iter().all(|account| account.stored.id != login.account));
    }

    pub(super) async fn use_private_file(&self) -> Result<(), AuthError> {
        let path = {
            let state = self.lock();
            self.private_file.clone().filter(|_| state.store.can_use_file).ok_or(AuthError::FileNotNeeded)?
        };
        let file = Vault::new(Box::new(PrivateFile::new(&path)), self.lock_file.clone(), &self.tasks);
        let mut base = file.turn().await;
        let ours = {
            let mut state = self.lock();
            self.stamp(&mut state, &[]);
            state.to_store()
        };
        let stored = file.sync(Vec::new(), ours.clone(), true);
        match tokio::time::timeout(WRITE_PATIENCE, stored).await.unwrap_or(Err(StoreError::NoAnswer)) {
            Ok(stored) => {
                let mut state = self.lock();
                if !state.store.can_use_file {
                    // The keyring has come back meanwhile, and it is the better place.
                    drop(state);
                    return PrivateFile::new(path).remove().map_err(|_| AuthError::FileFailed);
                }
                self.adopt(&mut state, &ours, &stored);
                *base = stored;
                let before = std::mem::replace(&mut state.vault, file);
                if state.store.kind == StoreKind::Keyring {
                    state.sought = Some(Sought::failed(before, &StoreError::NoAnswer));
                }
                state.unsaved = None;
                state.store = StoreView::without_issue(StoreKind::File);
                self.show_sought(&mut state);
                self.publish(&state);
            }
            Err(error) => {
                tracing::warn!(%error, "the private file could not be written");
                return Err(AuthError::FileFailed);
            }
        }
        drop(base);
        // Once more, for what changed while the file was being written.
        self.persist().await;
        Ok(())
    }

    /// Asks the keyring that should hold the secrets whether it is there now, and moves in if it is. However long it
    /// takes: it may wait for its user.
    async fn seek(&self) {
        let Some(turn) = self.lock().sought.as_ref().map(|sought| Arc::clone(&sought.turn)) else { return };
        let _turn = turn.lock().await;
        // Whoever was asking before may have moved in.
        let Some(keyring) = self.lock().sought.as_ref().map(|sought| sought.vault.clone()) else { return };
        let moved = match keyring.load().await {
            Ok(_) | Err(StoreError::Damaged) => self.leave_for(keyring).await,
            Err(error) => Err(error),
        };
        let mut state = self.lock();
        let Some(sought) = &mut state.sought else { return };
        sought.last = Some(Instant::now());
        if let Err(error) = moved {
            tracing::debug!(%error, "the keyring can't be used yet");
            sought.locked = error == StoreError::Locked;
        }
        self.show_sought(&mut state);
        self.publish(&state);
    }

    /// Moves from the store of now to the keyring, when it is this one's turn, unless that has happened meanwhile.
    async fn leave_for(&self, keyring: Vault) -> Result<(), StoreError> {
        loop {
            let vault = self.lock().vault.clone();
            if vault.is(&keyring) {
                return Ok(());
            }
            let base = vault.turn().await;
            if self.lock().vault.is(&vault) {
                return self.move_in(&base, keyring).await;
            }
        }
    }

    /// Makes the keyring the store: what is here, what the private file holds and what the keyring holds become one.
    /// `base` is what the store of now is known to hold; the caller has its turn.
    async fn move_in(&self, base: &[StoredAccount], keyring: Vault) -> Result<(), StoreError> {
        let mut turn = keyring.turn().await;
        let (file, ours, removed) = {
            let mut state = self.lock();
            self.stamp(&mut state, base);
            let file = self.private_file.clone().filter(|_| state.store.kind == StoreKind::File);
            (file, state.to_store(), state.removed.clone())
        };
        let stored = keyring.move_in(file, base.to_vec(), ours.clone(), removed).await?;
        let mut state = self.lock();
        state.removed.clear();
        tracing::info!("the keyring holds the sign-ins now");
        self.adopt(&mut state, &ours, &stored);
        state.vault = keyring;
        state.sought = None;
        // What has changed since is on its way already; this makes sure of it.
        state.unsaved = (state.to_store() != stored).then(Instant::now);
        *turn = stored;
        state.store = StoreView::without_issue(StoreKind::Keyring);
        self.publish(&state);
        Ok(())
    }

    /// Says what a missing keyring means to the store that stands in for it.
    fn show_sought(&self, state: &mut State) {
        let Some(sought) = &state.sought else { return };
        let issue = match state.store.kind {
            StoreKind::Keyring => return,
            _ if state.store.is_unsaved() => return,
            StoreKind::File => sought.locked.then_some(StoreIssue::Locked),
            StoreKind::Memory if state.store.issue == Some(StoreIssue::FileUnreadable) => state.store.issue,
            StoreKind::Memory if sought.locked => Some(StoreIssue::Locked),
            StoreKind::Memory => Some(StoreIssue::NoKeyring),
        };
        let (in_memory, locked) = (state.store.kind == StoreKind::Memory, sought.locked);
        state.store.issue = issue;
        state.store.can_use_file = issue == Some(StoreIssue::NoKeyring) && self.private_file.is_some();
        state.store.can_retry = in_memory || locked;
    }

    pub(super) async fn retry_store(&self) {
        let Some(inner) = self.me.upgrade() else { return };
        let retry = self.run("keyring", async move {
            inner.seek().await;
            if inner.lock().unsaved.is_some() {
                inner.persist().await;
            }
            Ok(())
        });
        if tokio::time::timeout(WRITE_PATIENCE, retry).await.is_err() {
            let mut state = self.lock();
            if state.sought.as_ref().is_some_and(Sought::asked) {
                state.store.issue = Some(StoreIssue::NoAnswer);
                state.store.can_use_file = false;
                self.publish(&state);
            }
        }
    }

    /// Takes in what the store held.
    pub(super) async fn loaded(&self, result: Result<Vec<StoredAccount>, StoreError>) {
        let vault = self.lock().vault.clone();
        let mut base = vault.turn().await;
        let write = {
            let mut state = self.lock();
            state.loading = Loading::Done;
            self.settled.send_replace(true);
            if state.store.kind != StoreKind::Memory {
                state.store.issue = None;
            }
            match result {
                Ok(stored) => {
                    let signed_in = stored.iter().filter(|account| account.refresh_token.is_some()).count();
                    tracing::info!(accounts = stored.len(), signed_in, kind = ?state.store.kind, "the store was read");
                    // The user may have added accounts while the keyring was waiting, or removed them.
                    self.stamp(&mut state, &[]);
                    let removed = with_clients(&stored, &std::mem::take(&mut state.removed));
                    self.adopt(&mut state, &removed, &stored);
                    *base = stored;
                }
                Err(StoreError::Damaged) => state.store.issue = Some(StoreIssue::Damaged),
                Err(error) => {
                    tracing::warn!(%error, "the secret store is not usable");
                    // A list that could not be read must not be overwritten.
                    let memory = Vault::new(Box::<Memory>::default(), None, &self.tasks);
                    let failed = std::mem::replace(&mut state.vault, memory);
                    let from_keyring = state.store.kind == StoreKind::Keyring;
                    if from_keyring {
                        state.sought = Some(Sought::failed(failed, &error));
                    }
                    state.store = StoreView {
                        kind: StoreKind::Memory,
                        issue: (!from_keyring).then_some(StoreIssue::FileUnreadable),
                        can_use_file: false,
                        can_retry: false,
                    };
                    self.show_sought(&mut state);
                }
            }
            self.publish(&state);
            state.unsaved.is_some()
        };
        drop(base);
        if write {
            self.persist().await;
        }
    }

    /// One look at everything that should happen without being asked for.
    pub(super) async fn round(self: &Arc<Self>) {
        let (due, doubted, store_due, keyring_due) = {
            let state = self.lock();
            let now = self.clock.unix_ms();
            // While nothing may be sent no token is needed; the call that may be sent again brings its own.
            let all_shut = matches!(state.choose(now, Group::Player, Needs::User), Choice::Wait(_));
            let due: Vec<String> = state
                .accounts
                .iter()
                .filter(|account| account.works() || (account.signed_in() && account.is_to_recheck()))
                .filter(|account| !all_shut && account.fresh(now, AHEAD_MS).is_none())
                .map(|account| account.stored.id.clone())
                .collect();
            // Without a sign-in only the app's own token shows whether ID and secret are right again.
            let doubted: Vec<String> = state
                .accounts
                .iter()
                .filter(|account| !account.signed_in() && account.stored.client_secret.is_some())
                .filter(|account| account.is_to_recheck())
                .map(|account| account.stored.id.clone())
                .collect();
            let store_due =
                state.loading == Loading::Done && state.unsaved.is_some_and(|since| since.elapsed() >= STORE_RETRY);
            let keyring_due = state.loading == Loading::Done && state.sought.as_ref().is_some_and(Sought::due);
            (due, doubted, store_due, keyring_due)
        };
        if keyring_due {
            let inner = Arc::clone(self);
            self.tasks.spawn_once("keyring", async move { inner.seek().await });
        }
        let inner = Arc::clone(self);
        self.tasks.spawn_blocking("limits", move || inner.save_limits());
        if store_due {
            self.persist().await;
        }
        for id in due {
            self.refresh_soon(id);
        }
        for id in doubted {
            let inner = Arc::clone(self);
            // What comes of it is in the state.
            self.tasks.spawn_once("token", async move { drop(inner.renew_app_token(&id).await) });
        }
    }
}

/// The room's own task: takes in what is stored, then looks after tokens and writes until nobody holds a handle.
pub(super) async fn look_after(
    inner: Weak<Inner>,
    load: impl Future<Output = Result<Vec<StoredAccount>, StoreError>> + Send + 'static,
) {
    let mut load = pin!(load);
    let result = match tokio::time::timeout(LOAD_PATIENCE, &mut load).await {
        Ok(result) => result,
        Err(_) => {
            if let Some(inner) = inner.upgrade() {
                let mut state = inner.lock();
                state.loading = Loading::Late;
                inner.settled.send_replace(true);
                if state.store.kind == StoreKind::Keyring {
                    state.store.issue = Some(StoreIssue::NoAnswer);
                }
                inner.publish(&state);
            }
            load.await
        }
    };
    let Some(strong) = inner.upgrade() else { return };
    strong.loaded(result).await;
    drop(strong);
    let mut looked = Instant::now();
    let mut next_round = Instant::now();
    while let Some(inner) = inner.upgrade() {
        if next_round <= Instant::now() {
            inner.round().await;
            if looked.elapsed() >= STORE_RETRY && inner.lock().link() != Link::Linked {
                // Perhaps the user has signed in at another host.
                looked = Instant::now();
                inner.reload().await;
            }
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
