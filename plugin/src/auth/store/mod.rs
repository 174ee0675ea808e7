//! Stores secrets between two starts: in the computer's keyring, a private file, or only memory.
//!
//! [`Store`] is a state machine that the `service` owns. It never waits: what takes time is a [`Job`], which the service
//! runs and whose outcome it passes back. One operation writes accounts, `StoreWorker::update`: lock, load, apply, write.
//!
//! Other copies of the package may use the same store. So the accounts as last read, as they are here, and as they are stored
//! now are merged ([`merge`]) within that operation, under a lock that the copies share, and later changes here are merged
//! with its result. They may also be of a newer version: an account that this one can't read stays unchanged.
//!
//! **Invariant:** a list that could not be read is never overwritten; memory replaces its store.

mod backend;
mod file;
mod keyring;
mod limits;
mod lock;
mod merge;
mod status;
mod worker;

use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::time::Duration;

use host_sdk::files;
use tokio::sync::oneshot;
use tokio::time::Instant;

pub(super) use backend::{Backend, StoreError};
pub(super) use limits::{load as load_limits, save as save_limits};
pub(super) use lock::RenewalLock;
pub use status::{StoreKind, StoreStatus};

use super::accounts::{Accounts, AuthError, ClientId, MOST_ACCOUNTS, Now};
use crate::supervisor::Supervisor;
use backend::{List, Memory};
use file::{PrivateFile, damaged_copy};
use keyring::Keyring;
use merge::merge;
use worker::{StoreHandle, Stored, with_clients};

/// How long the store may take to load before the keys ask the user to unlock the keyring.
const LOAD_PATIENCE: Duration = Duration::from_secs(5);
/// How long a write may take before the user learns that the store doesn't answer.
pub(super) const WRITE_PATIENCE: Duration = Duration::from_secs(10);
/// How long renewing a token waits to read what other copies have stored.
const RELOAD_PATIENCE: Duration = Duration::from_secs(5);
/// A failed write is tried again, and a missing keyring looked for, after this time. Not sooner: each attempt may make the
/// keyring ask for its password.
pub(super) const STORE_RETRY: Duration = Duration::from_secs(300);

/// The store that the environment variable `SPOTIFY_WIDGETS_STORE` selects.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum StoreChoice {
    /// The computer's keyring; where none answers, memory, or the private file once the user has chosen it.
    #[default]
    Keyring,
    /// Memory only.
    Memory,
    /// A private file at this path.
    File(PathBuf),
}

impl StoreChoice {
    /// Parses `keyring`, `memory` or `file:PATH`. Returns None for anything else.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        match text.trim() {
            "" | "keyring" => Some(Self::Keyring),
            "memory" => Some(Self::Memory),
            other => match other.strip_prefix("file:") {
                Some(path) if !path.is_empty() => Some(Self::File(path.into())),
                _ => None,
            },
        }
    }
}

/// The options of a store.
pub(super) struct StoreOptions {
    pub choice: StoreChoice,
    /// The path of the private file. If it exists, the user has chosen it at an earlier start.
    pub private_file: Option<PathBuf>,
    /// The file that the copies of the package lock while they use the store.
    pub lock_file: Option<PathBuf>,
    pub tasks: Supervisor,
}

impl StoreOptions {
    /// Returns the file to lock: beside the private file where the choice names one.
    pub fn lock_path(&self) -> Option<PathBuf> {
        match &self.choice {
            StoreChoice::Keyring => self.lock_file.clone(),
            StoreChoice::File(path) => Some(Path::new(path).with_added_extension("lock")),
            StoreChoice::Memory => None,
        }
    }

    /// Returns the backend that the choice names.
    pub fn backend(&self) -> Box<dyn Backend> {
        match &self.choice {
            StoreChoice::Memory => Box::<Memory>::default(),
            StoreChoice::File(path) => Box::new(PrivateFile::new(path)),
            StoreChoice::Keyring => Box::new(Keyring::new()),
        }
    }
}

/// Work that may take any time. To be run, and its outcome passed to [`Store::on_done`].
pub(super) type Job = Pin<Box<dyn Future<Output = Done> + Send>>;

/// The outcome of a [`Job`].
pub(super) enum Done {
    Loaded(Result<Stored, StoreError>),
    /// `ours` was merged into this store.
    Updated {
        store: StoreHandle,
        ours: List,
        restored: bool,
        result: Result<Stored, StoreError>,
    },
    KeyringAsked(Result<(), StoreError>),
    /// `ours` was moved from this store into the keyring.
    MovedIn {
        from: StoreHandle,
        ours: List,
        result: Result<Stored, StoreError>,
    },
    FileWritten {
        file: StoreHandle,
        path: PathBuf,
        ours: List,
        result: Result<Stored, StoreError>,
        reply: FileReply,
    },
}

type FileReply = oneshot::Sender<Result<(), AuthError>>;

/// A caller that waits until something is stored.
struct Waiter {
    deadline: Instant,
    /// Whether the caller only wants the stored accounts, and has nothing to store.
    is_reload: bool,
    /// Dropped when the wait is over.
    _done: oneshot::Sender<()>,
}

/// A keyring that can't be used, while another place replaces it.
struct UnavailableKeyring {
    handle: StoreHandle,
    state: KeyringState,
    /// When it last answered or failed.
    last_asked: Option<Instant>,
    /// Whether it is to be asked now.
    is_wanted: bool,
    /// Whether it has been asked and has not answered yet, or accounts are being moved into it.
    is_asked: bool,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum KeyringState {
    Missing,
    /// Asking again may ask the user for a password, so only the user does it.
    Locked,
    /// It hasn't answered while the user was waiting.
    Unanswered,
}

impl UnavailableKeyring {
    fn new(handle: StoreHandle, last_asked: Option<Instant>) -> Self {
        Self { handle, state: KeyringState::Missing, last_asked, is_wanted: false, is_asked: false }
    }

    fn on_failed(&mut self, error: &StoreError, now: Now) {
        tracing::debug!(%error, "the keyring can't be used yet");
        self.state = if *error == StoreError::Locked { KeyringState::Locked } else { KeyringState::Missing };
        self.last_asked = Some(now.instant);
        self.is_asked = false;
    }

    fn is_due(&self, now: Now) -> bool {
        let is_old = |last| now.instant.saturating_duration_since(last) >= STORE_RETRY;
        !self.is_asked && self.state != KeyringState::Locked && self.last_asked.is_none_or(is_old)
    }
}

/// Whether the store has been read.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Phase {
    Loading,
    /// The store hasn't answered within [`LOAD_PATIENCE`].
    Late,
    Loaded,
}

/// Why the last change is in memory only.
#[derive(Clone, Copy, PartialEq, Eq)]
enum WriteFailure {
    NotWritten,
    TooLarge,
    Locked,
}

/// What to do about a private file that is gone: another copy may have moved it into the keyring.
#[derive(Clone, Copy, PartialEq, Eq)]
enum GoneFile {
    /// The file isn't gone.
    No,
    /// Move into the keyring, too.
    Follow,
    /// Write it again.
    Restore,
}

/// The store; see the module's documentation.
pub(super) struct Store {
    active: StoreHandle,
    kind: StoreKind,
    keyring: Option<UnavailableKeyring>,
    options: StoreOptions,
    phase: Phase,
    late_at: Instant,
    /// The accounts as they were last read or written.
    base: List,
    failure: Option<WriteFailure>,
    is_damaged: bool,
    has_unread: bool,
    /// Whether memory replaces a private file that can't be read.
    file_unreadable: bool,
    /// When the store last failed, if there is something to write since.
    unsaved_since: Option<Instant>,
    /// Client IDs of accounts that were removed while the store that should contain them could not be asked; at most
    /// [`MOST_ACCOUNTS`].
    removed: Vec<ClientId>,
    /// Whether the active store is being read, written, or moved from.
    is_busy: bool,
    /// Whether the keyring has answered, so that the accounts are to be moved into it.
    wants_to_move: bool,
    gone_file: GoneFile,
    /// Whether there is something to store for which no caller waits any more.
    wants_save: bool,
    /// The callers that wait for the next update.
    waiting: Vec<Waiter>,
    /// The callers that wait for the running update.
    updating: Vec<Waiter>,
    /// The callers that wait for the keyring.
    retrying: Vec<Waiter>,
    /// The callers whose wait ends as soon as the state has been published.
    released: Vec<Waiter>,
}

impl Store {
    /// Opens the store with the backend of its choice, and starts to read it. Where the choice is a keyring, a private file
    /// that was chosen at an earlier start comes first, and is moved into the keyring as soon as that answers.
    pub fn open(options: StoreOptions, backend: Box<dyn Backend>, now: Now) -> (Self, Job) {
        let mut active = StoreHandle::new(backend, options.lock_path(), &options.tasks);
        let mut kind = match options.choice {
            StoreChoice::Keyring => StoreKind::Keyring,
            StoreChoice::File(_) => StoreKind::File,
            StoreChoice::Memory => StoreKind::Memory,
        };
        let mut keyring = None;
        let chosen_before = options.private_file.as_ref().map(PrivateFile::new).filter(PrivateFile::exists);
        if kind == StoreKind::Keyring
            && let Some(file) = chosen_before
        {
            let file = StoreHandle::new(Box::new(file), options.lock_path(), &options.tasks);
            keyring = Some(UnavailableKeyring::new(std::mem::replace(&mut active, file), None));
            kind = StoreKind::File;
        }
        let load = active.run(|worker| worker.load());
        let store = Self {
            active,
            kind,
            keyring,
            options,
            phase: Phase::Loading,
            late_at: now.instant + LOAD_PATIENCE,
            base: List::new(),
            failure: None,
            is_damaged: false,
            has_unread: false,
            file_unreadable: false,
            unsaved_since: None,
            removed: Vec::new(),
            is_busy: false,
            wants_to_move: false,
            gone_file: GoneFile::No,
            wants_save: false,
            waiting: Vec::new(),
            updating: Vec::new(),
            retrying: Vec::new(),
            released: Vec::new(),
        };
        (store, Box::pin(async { Done::Loaded(load.await) }))
    }

    /// Returns the state of the store.
    pub fn status(&self) -> StoreStatus {
        let kind = self.kind;
        let file_possible = self.options.private_file.is_some();
        let keyring = self.keyring.as_ref().map(|keyring| keyring.state);
        match self.failure {
            _ if self.phase == Phase::Late && kind == StoreKind::Keyring => StoreStatus::Unanswered(kind),
            Some(WriteFailure::NotWritten) => StoreStatus::NotWritten { kind, file_possible },
            Some(WriteFailure::TooLarge) => StoreStatus::TooLarge { kind, file_possible },
            Some(WriteFailure::Locked) => StoreStatus::Locked(kind),
            None if keyring == Some(KeyringState::Unanswered) => StoreStatus::Unanswered(kind),
            None if self.file_unreadable => StoreStatus::FileUnreadable { has_keyring: keyring.is_some() },
            None if keyring == Some(KeyringState::Locked) => StoreStatus::Locked(kind),
            None if kind == StoreKind::Memory && keyring.is_some() => StoreStatus::NoKeyring { file_possible },
            None if kind == StoreKind::Memory => StoreStatus::MemoryChosen,
            None if self.is_damaged => StoreStatus::Damaged(kind),
            None if self.has_unread => StoreStatus::Unread(kind),
            None => StoreStatus::Ready(kind),
        }
    }

    pub fn phase(&self) -> Phase {
        self.phase
    }

    /// Merges accounts and store. The result resolves when that is durable or has failed, after 10 s at most; the status
    /// shows which.
    pub fn save(&mut self, now: Now) -> oneshot::Receiver<()> {
        let (waiter, done) = waiter(now, WRITE_PATIENCE, false);
        self.waiting.push(waiter);
        done
    }

    /// Merges with what other copies have stored, if the store answers within 5 s. One that hasn't is not read again until
    /// something could be written.
    pub fn reload(&mut self, now: Now) -> oneshot::Receiver<()> {
        let (waiter, done) = waiter(now, RELOAD_PATIENCE, true);
        if self.phase == Phase::Loaded && self.unsaved_since.is_none() && self.kind != StoreKind::Memory {
            self.waiting.push(waiter);
        }
        done
    }

    /// Looks for the keyring again and tries a failed write again. Resolves after 10 s at most.
    pub fn retry(&mut self, now: Now) -> oneshot::Receiver<()> {
        let (waiter, done) = waiter(now, WRITE_PATIENCE, false);
        match &mut self.keyring {
            Some(keyring) => {
                keyring.is_wanted = !keyring.is_asked;
                self.retrying.push(waiter);
            }
            None if self.unsaved_since.is_some() => self.waiting.push(waiter),
            None => {}
        }
        done
    }

    /// Tries again what has failed 5 minutes ago.
    pub fn maintain(&mut self, now: Now) {
        if self.unsaved_since.is_some_and(|since| now.instant.saturating_duration_since(since) >= STORE_RETRY) {
            drop(self.save(now));
        }
        if let Some(keyring) = &mut self.keyring {
            keyring.is_wanted |= keyring.is_due(now);
        }
    }

    /// Writes the accounts into the private file: the user's explicit choice where no keyring answers. `reply` receives
    /// [`AuthError::FileNotNeeded`] where it isn't offered.
    pub fn use_file(&mut self, accounts: &mut Accounts, reply: FileReply, now: Now) -> Option<Job> {
        let offered = self.options.private_file.clone().filter(|_| self.status().can_use_file());
        let Some(path) = offered else {
            let _ = reply.send(Err(AuthError::FileNotNeeded));
            return None;
        };
        let file = StoreHandle::new(Box::new(PrivateFile::new(&path)), self.options.lock_path(), &self.options.tasks);
        accounts.stamp(&[], now);
        let ours = accounts.to_stored();
        let write = file.sync(List::new(), ours.clone(), true);
        Some(Box::pin(async move {
            let result = tokio::time::timeout(WRITE_PATIENCE, write).await.unwrap_or(Err(StoreError::NoAnswer));
            Done::FileWritten { file, path, ours, result, reply }
        }))
    }

    /// Records that an account was added: the user enters the unreadable ones again.
    pub fn on_account_added(&mut self) {
        self.is_damaged = false;
    }

    /// Records that the user has removed an account: its secrets in a store that can't be asked now are removed later.
    pub fn on_account_removed(&mut self, client_id: ClientId) {
        if (self.phase != Phase::Loaded || self.keyring.is_some()) && self.removed.len() < MOST_ACCOUNTS {
            self.removed.push(client_id);
        }
    }

    /// Deletes what could not be read: it may contain tokens of the account that the user has just removed.
    pub fn discard_damaged(&self) -> impl Future<Output = ()> + Send + use<> {
        let in_store = self.active.run(|worker| worker.backend.discard_damaged());
        let in_store = tokio::time::timeout(WRITE_PATIENCE, in_store);
        let chosen = match &self.options.choice {
            StoreChoice::File(path) => Some(path),
            StoreChoice::Keyring | StoreChoice::Memory => self.options.private_file.as_ref(),
        };
        let copy = chosen.map(|path| damaged_copy(path));
        let tasks = self.options.tasks.clone();
        async move {
            if let Ok(Err(error)) = in_store.await {
                tracing::warn!(%error, "the unreadable contents of the store could not be deleted");
            }
            let (reply, deleted) = oneshot::channel::<()>();
            tasks.spawn_blocking("store", move || {
                if let Some(Err(error)) = copy.map(|path| files::remove(&path)) {
                    tracing::warn!(%error, "the copy of a damaged file could not be deleted");
                }
                drop(reply);
            });
            let _ = deleted.await;
        }
    }

    /// Returns when [`Store::advance`] has to be called although nothing has changed.
    pub fn next_deadline(&self) -> Option<Instant> {
        let waiters = self.waiting.iter().chain(&self.updating).chain(&self.retrying).map(|waiter| waiter.deadline);
        waiters.chain((self.phase == Phase::Loading).then_some(self.late_at)).min()
    }

    /// Returns the callers whose wait is over, to be dropped when the state has been published.
    pub fn take_released(&mut self) -> impl Sized + use<> {
        std::mem::take(&mut self.released)
    }

    /// Does what is due, and returns a job to run, if there is one. To be called until it returns none.
    pub fn advance(&mut self, accounts: &mut Accounts, now: Now) -> Option<Job> {
        self.expire(now);
        match self.phase {
            Phase::Loading => {
                if now.instant >= self.late_at {
                    self.phase = Phase::Late;
                    return self.advance(accounts, now);
                }
                return None;
            }
            Phase::Late => {
                // There is nothing to merge with yet, so the changes are written after loading. Callers don't wait for a
                // keyring that waits for its user.
                if !self.waiting.is_empty() {
                    self.unsaved_since = Some(now.instant);
                    self.released.append(&mut self.waiting);
                }
                return None;
            }
            Phase::Loaded => {}
        }
        if let Some(keyring) = self.keyring.as_mut().filter(|keyring| keyring.is_wanted && !keyring.is_asked) {
            (keyring.is_wanted, keyring.is_asked) = (false, true);
            let asked = keyring.handle.run(|worker| match worker.load() {
                Ok(_) | Err(StoreError::Damaged) => Ok(()),
                Err(error) => Err(error),
            });
            return Some(Box::pin(async { Done::KeyringAsked(asked.await) }));
        }
        if self.is_busy {
            return None;
        }
        if self.wants_to_move || self.gone_file == GoneFile::Follow {
            self.wants_to_move = false;
            if let Some(job) = self.move_in(accounts, now) {
                return Some(job);
            }
        }
        if self.gone_file == GoneFile::Restore {
            self.gone_file = GoneFile::No;
            return Some(self.update(accounts, true, now));
        }
        if self.waiting.is_empty() && !self.wants_save {
            return None;
        }
        self.wants_save = false;
        self.updating = std::mem::take(&mut self.waiting);
        accounts.stamp(&self.base, now);
        if self.base == accounts.to_stored() && !self.updating.iter().any(|waiter| waiter.is_reload) {
            self.on_stored(accounts);
            self.released.append(&mut self.updating);
            return None;
        }
        // Another copy may have moved the file into the keyring.
        let may_have_moved = self.kind == StoreKind::File && self.keyring.is_some();
        Some(self.update(accounts, !may_have_moved, now))
    }

    fn update(&mut self, accounts: &mut Accounts, restore: bool, now: Now) -> Job {
        self.is_busy = true;
        accounts.stamp(&self.base, now);
        let (store, ours) = (self.active.clone(), accounts.to_stored());
        let update = store.sync(self.base.clone(), ours.clone(), restore);
        Box::pin(async move { Done::Updated { store, ours, restored: restore, result: update.await } })
    }

    /// Makes the keyring the store: merges the accounts here, those of the private file and those of the keyring.
    fn move_in(&mut self, accounts: &mut Accounts, now: Now) -> Option<Job> {
        let keyring = self.keyring.as_mut()?;
        self.is_busy = true;
        keyring.is_asked = true;
        accounts.stamp(&self.base, now);
        let file = self.options.private_file.clone().filter(|_| self.kind == StoreKind::File);
        let (from, ours) = (self.active.clone(), accounts.to_stored());
        let (base, handed_over, removed) = (self.base.clone(), ours.clone(), self.removed.clone());
        let moving = keyring.handle.run(move |worker| worker.move_in(file, &base, &handed_over, &removed));
        Some(Box::pin(async move { Done::MovedIn { from, ours, result: moving.await } }))
    }

    /// Records the outcome of a job.
    pub fn on_done(&mut self, done: Done, accounts: &mut Accounts, now: Now) {
        match done {
            Done::Loaded(result) => self.on_loaded(result, accounts, now),
            // Another store has replaced the one that this is about.
            Done::Updated { store, .. } if !self.active.is(&store) => {}
            Done::MovedIn { from, .. } if !self.active.is(&from) => {
                if let Some(keyring) = &mut self.keyring {
                    keyring.is_asked = false;
                }
                self.end_retry();
            }
            Done::Updated { ours, restored, result, .. } => self.on_updated(&ours, restored, result, accounts, now),
            Done::KeyringAsked(Ok(())) => self.wants_to_move = self.keyring.is_some(),
            Done::KeyringAsked(Err(error)) => self.on_keyring_failed(&error, now),
            Done::MovedIn { ours, result, .. } => self.on_moved_in(&ours, result, accounts, now),
            Done::FileWritten { file, path, ours, result, reply } => match result {
                Ok(_) if !self.status().can_use_file() => {
                    // The keyring is available again, and it is the better place.
                    drop(file.run(move |_| {
                        let removed = PrivateFile::new(path).remove().map_err(|_| AuthError::FileFailed);
                        let _ = reply.send(removed);
                        Ok(())
                    }));
                }
                Ok(stored) => {
                    self.on_file_written(file, &ours, stored, accounts, now);
                    let _ = reply.send(Ok(()));
                }
                Err(error) => {
                    tracing::warn!(%error, "the private file could not be written");
                    let _ = reply.send(Err(AuthError::FileFailed));
                }
            },
        }
    }

    fn on_loaded(&mut self, result: Result<Stored, StoreError>, accounts: &mut Accounts, now: Now) {
        self.phase = Phase::Loaded;
        match result {
            Ok(stored) => {
                let signed_in = stored.accounts.iter().filter(|account| account.refresh_token.is_some()).count();
                tracing::info!(accounts = stored.accounts.len(), signed_in, kind = ?self.kind, "the store was read");
                // The user may have added accounts while the keyring was waiting, or removed them.
                accounts.stamp(&[], now);
                let removed = with_clients(&stored.accounts, &std::mem::take(&mut self.removed));
                self.adopt(&removed, stored, accounts, now);
            }
            Err(StoreError::Damaged) => self.is_damaged = true,
            Err(error) => {
                tracing::warn!(%error, "the secret store is not usable");
                let memory = StoreHandle::new(Box::<Memory>::default(), None, &self.options.tasks);
                let failed = std::mem::replace(&mut self.active, memory);
                if self.kind == StoreKind::Keyring {
                    let mut keyring = UnavailableKeyring::new(failed, None);
                    keyring.on_failed(&error, now);
                    self.keyring = Some(keyring);
                } else {
                    self.file_unreadable = true;
                }
                self.kind = StoreKind::Memory;
            }
        }
        if self.unsaved_since.is_some() {
            drop(self.save(now));
        }
    }

    fn on_updated(
        &mut self,
        ours: &List,
        restored: bool,
        result: Result<Stored, StoreError>,
        accounts: &mut Accounts,
        now: Now,
    ) {
        self.is_busy = false;
        match result {
            Ok(stored) => {
                self.adopt(ours, stored, accounts, now);
                self.on_stored(accounts);
            }
            Err(StoreError::Gone) if !restored => {
                self.gone_file = GoneFile::Follow;
                return;
            }
            Err(error) => {
                tracing::warn!(%error, "the secret store failed");
                let failure = match error {
                    StoreError::TooLarge => WriteFailure::TooLarge,
                    StoreError::Locked => WriteFailure::Locked,
                    _ => WriteFailure::NotWritten,
                };
                self.on_not_stored(self.base == *ours, failure, now);
            }
        }
        self.released.append(&mut self.updating);
    }

    fn on_moved_in(&mut self, ours: &List, result: Result<Stored, StoreError>, accounts: &mut Accounts, now: Now) {
        self.is_busy = false;
        match (result, self.keyring.take()) {
            (Ok(stored), Some(keyring)) => {
                tracing::info!("the sign-ins are stored in the keyring now");
                self.removed.clear();
                self.active = keyring.handle;
                self.kind = StoreKind::Keyring;
                self.gone_file = GoneFile::No;
                (self.failure, self.is_damaged, self.file_unreadable) = (None, false, false);
                self.adopt(ours, stored, accounts, now);
                self.unsaved_since = (accounts.to_stored() != self.base).then_some(now.instant);
                self.released.append(&mut self.updating);
                self.end_retry();
            }
            (result, keyring) => {
                self.keyring = keyring;
                if self.gone_file == GoneFile::Follow {
                    self.gone_file = GoneFile::Restore;
                }
                if let Err(error) = result {
                    self.on_keyring_failed(&error, now);
                }
            }
        }
    }

    fn on_file_written(&mut self, file: StoreHandle, ours: &List, stored: Stored, accounts: &mut Accounts, now: Now) {
        let before = std::mem::replace(&mut self.active, file);
        if self.kind == StoreKind::Keyring {
            self.keyring = Some(UnavailableKeyring::new(before, Some(now.instant)));
        }
        self.kind = StoreKind::File;
        (self.failure, self.is_damaged, self.unsaved_since) = (None, false, None);
        self.adopt(ours, stored, accounts, now);
        // Changes that the previous store has not written are written here.
        (self.is_busy, self.gone_file) = (false, GoneFile::No);
        self.waiting.append(&mut self.updating);
    }

    fn on_keyring_failed(&mut self, error: &StoreError, now: Now) {
        if let Some(keyring) = &mut self.keyring {
            keyring.on_failed(error, now);
        }
        self.end_retry();
    }

    /// Ends the waits for the keyring; with something unsaved they continue as waits for the next update.
    fn end_retry(&mut self) {
        let next = if self.unsaved_since.is_some() { &mut self.waiting } else { &mut self.released };
        next.append(&mut self.retrying);
    }

    /// Takes over what is stored after `handed_over` was merged into it, and keeps later changes here.
    fn adopt(&mut self, handed_over: &List, stored: Stored, accounts: &mut Accounts, now: Now) {
        let merged = merge(handed_over, &accounts.to_stored(), &stored.accounts);
        accounts.apply_stored(merged, now);
        self.base = stored.accounts;
        self.has_unread = stored.has_unread;
    }

    /// Records that the store works and, unless something has changed since, that nothing is left to write.
    fn on_stored(&mut self, accounts: &Accounts) {
        if accounts.to_stored() == self.base {
            (self.failure, self.unsaved_since) = (None, None);
        }
    }

    /// Records that the store has failed. It isn't shown if nothing would be lost.
    fn on_not_stored(&mut self, nothing_lost: bool, failure: WriteFailure, now: Now) {
        self.unsaved_since = Some(now.instant);
        if !nothing_lost {
            self.failure = Some(failure);
        }
    }

    /// Ends the waits that have timed out.
    fn expire(&mut self, now: Now) {
        let is_late = |waiter: &mut Waiter| waiter.deadline <= now.instant;
        let mut late: Vec<Waiter> = self.waiting.extract_if(.., is_late).collect();
        self.wants_save |= late.iter().any(|waiter| !waiter.is_reload);
        late.extend(self.updating.extract_if(.., is_late));
        if !late.is_empty() {
            tracing::warn!("the secret store has not answered yet");
            self.on_not_stored(late.iter().all(|waiter| waiter.is_reload), WriteFailure::NotWritten, now);
            self.released.extend(late);
        }
        let late: Vec<Waiter> = self.retrying.extract_if(.., is_late).collect();
        if !late.is_empty()
            && let Some(keyring) = &mut self.keyring
        {
            keyring.state = KeyringState::Unanswered;
        }
        self.released.extend(late);
    }
}

fn waiter(now: Now, patience: Duration, is_reload: bool) -> (Waiter, oneshot::Receiver<()>) {
    let (done, wait) = oneshot::channel();
    (Waiter { deadline: now.instant + patience, is_reload, _done: done }, wait)
}

#[cfg(test)]
mod tests;
