//! Where secrets live between two starts: the computer's keyring, a private file, or only memory.
//!
//! A [`Backend`] reads and writes the whole list of accounts. Keyrings and files block, and a keyring may wait for
//! minutes until its user types a password, so a [`Vault`] runs the backend on a thread of its own: calls keep their
//! order, nobody waits longer than wanted, and a hanging keyring can't keep the package from stopping, which a thread
//! of the runtime's blocking pool would. The thread also has no async runtime around it, which the keyring's own D-Bus
//! client needs in order to block.
//!
//! Other copies of the package may use the same store. So nobody just writes: a vault reads what is stored now, merges
//! ([`merge`]) and writes the result, all under a lock that the copies share. They may also be of a newer version: an
//! account that this one can't read stays in the store as it is.

use std::collections::HashMap;
use std::error::Error;
use std::fs;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, mpsc};
use std::thread;

#[cfg(target_os = "macos")]
use apple_native_keyring_store::keychain::Store as SystemStore;
use host_sdk::files;
use keyring_core::CredentialStore;
use secrecy::zeroize::Zeroizing;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use tokio::sync::{OwnedMutexGuard, oneshot};
#[cfg(windows)]
use windows_native_keyring_store::Store as SystemStore;
#[cfg(all(unix, not(target_os = "macos")))]
use zbus_secret_service_keyring_store::Store as SystemStore;

use super::lock::{STORE_PATIENCE, hold};
use super::merge::merge;
use super::secret::Secret;
use super::{Redirect, User};
use crate::supervisor::Supervisor;

/// The service name under which the keyring shows our entries.
const SERVICE: &str = "spotify-widgets";
/// The keyring entry with the ordered ids of the accounts.
const INDEX_ENTRY: &str = "accounts";
/// The keyring entry with an index that could not be read.
const DAMAGED_ENTRY: &str = "accounts-damaged";
/// The most accounts there may be. A developer account may have 25 apps, and those share one quota: nobody has a use for
/// more than a few. Those that are stored beyond it stay stored.
pub(super) const MOST_ACCOUNTS: usize = 50;
/// What an entry of the Windows credential store may hold: `CRED_MAX_CREDENTIAL_BLOB_SIZE`, 5 * 512 bytes.
const LARGEST_ENTRY: usize = 2560;
/// How entries are to be made. On Windows they stay on this computer (`CRED_PERSIST_LOCAL_MACHINE`): the store's own
/// default roams with the user's profile, and two computers can't share a sign-in whose tokens rotate.
const MODIFIERS: &[(&str, &str)] = if cfg!(windows) { &[("persistence", "Local")] } else { &[] };

/// One account as it is stored: everything that must outlive the process. Only this room sees the type, and only
/// [`encode`] turns it into text.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct StoredAccount {
    /// Our own id, which never changes.
    pub id: String,
    /// The Client ID of the Spotify app.
    pub client_id: String,
    /// Its secret; none for an app that is used with PKCE alone.
    #[serde(default, with = "secret_text", skip_serializing_if = "Option::is_none")]
    pub client_secret: Option<Secret>,
    /// How the browser comes back.
    #[serde(default)]
    pub redirect: Redirect,
    /// The account that the user says is of the same developer account, by its id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub same_developer_as: Option<String>,
    /// The sign-in, if there is one.
    #[serde(default, with = "secret_text", skip_serializing_if = "Option::is_none")]
    pub refresh_token: Option<Secret>,
    /// Whose sign-in it is, once known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user: Option<User>,
    /// When the user signed in, in Unix seconds: Spotify ends a sign-in six months later.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub signed_in_at: Option<u64>,
    /// When the sign-in changed last, in Unix milliseconds: its refresh token was obtained, or it ended. The newer one of
    /// two copies' is the one that holds. 0 for what an older version has stored.
    #[serde(default)]
    pub token_at: u64,
}

/// The only way of a secret into and out of text.
mod secret_text {
    use serde::{Deserialize, Deserializer, Serializer};

    use super::Secret;

    pub fn serialize<S: Serializer>(secret: &Option<Secret>, serializer: S) -> Result<S::Ok, S::Error> {
        match secret {
            Some(secret) => serializer.serialize_some(secret.expose()),
            None => serializer.serialize_none(),
        }
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Secret>, D::Error> {
        Ok(Option::<String>::deserialize(deserializer)?.map(Secret::new))
    }
}

/// Why a store didn't do what it should. Never holds what was to be stored.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum StoreError {
    /// It didn't answer in time.
    #[error("no answer")]
    NoAnswer,
    /// There is none, or it is broken.
    #[error("not available: {0}")]
    Unavailable(String),
    /// It is there but locked.
    #[error("locked")]
    Locked,
    /// What is stored can't be understood.
    #[error("damaged")]
    Damaged,
    /// An account is larger than the store's entries may be. The others are stored all the same.
    #[error("an account is too large for an entry")]
    TooLarge,
    /// What was there is not there any more: another copy has moved it into the keyring, or somebody has deleted it.
    #[error("gone")]
    Gone,
}

impl From<io::Error> for StoreError {
    fn from(error: io::Error) -> Self {
        Self::Unavailable(error.kind().to_string())
    }
}

impl From<keyring_core::Error> for StoreError {
    fn from(error: keyring_core::Error) -> Self {
        match &error {
            keyring_core::Error::NoStorageAccess(cause) | keyring_core::Error::PlatformFailure(cause)
                if is_locked(&**cause) =>
            {
                Self::Locked
            }
            // The text is for the log. Variants that carry stored bytes don't show them in Display.
            _ => Self::Unavailable(error.to_string()),
        }
    }
}

/// Whether a keyring is there but waits for its password, as its own error tells: the keyring crates put that together
/// with others, each in its own way.
#[cfg(all(unix, not(target_os = "macos")))]
fn is_locked(cause: &(dyn Error + Send + Sync + 'static)) -> bool {
    match cause.downcast_ref::<secret_service::Error>() {
        Some(
            secret_service::Error::Locked | secret_service::Error::Prompt | secret_service::Error::PromptDisconnected,
        ) => true,
        // <https://specifications.freedesktop.org/secret-service-spec/latest/errors.html>
        Some(error @ secret_service::Error::Zbus(_)) => {
            error.to_string().contains("org.freedesktop.Secret.Error.IsLocked")
        }
        _ => false,
    }
}

/// By the codes of `SecBase.h`: not allowed to ask, has to ask, the password was wrong, the user said no.
#[cfg(target_os = "macos")]
fn is_locked(cause: &(dyn Error + Send + Sync + 'static)) -> bool {
    let code = cause.downcast_ref::<security_framework::base::Error>().map(|error| error.code());
    matches!(code, Some(-25308 | -25315 | -25293 | -128))
}

/// The credential store of Windows is open as long as the user is logged in.
#[cfg(windows)]
fn is_locked(_cause: &(dyn Error + Send + Sync + 'static)) -> bool {
    false
}

/// An account that stays in the store although this version doesn't use it: a newer one has made it, or it is one more
/// than [`MOST_ACCOUNTS`].
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Unread {
    /// Its id, if it has one.
    id: Option<String>,
    /// As it is stored. Empty for an entry of the keyring that has not been looked at.
    json: Zeroizing<Vec<u8>>,
}

/// Reads a list of accounts, and what of it isn't used.
fn read_list(bytes: &[u8]) -> Result<(Accounts, Vec<Unread>), StoreError> {
    #[derive(Deserialize)]
    struct WithId {
        id: Option<String>,
    }
    let all: Vec<&RawValue> = serde_json::from_slice(bytes).map_err(|_| StoreError::Damaged)?;
    let (mut accounts, mut unread) = (Vec::new(), Vec::new());
    for json in all {
        match serde_json::from_str(json.get()) {
            Ok(account) if accounts.len() < MOST_ACCOUNTS => accounts.push(account),
            _ if json.get().starts_with('{') => {
                let id = serde_json::from_str::<WithId>(json.get()).ok().and_then(|with_id| with_id.id);
                unread.push(Unread { id, json: Zeroizing::new(json.get().as_bytes().to_vec()) });
            }
            // No version has ever made this.
            _ => return Err(StoreError::Damaged),
        }
    }
    Ok((accounts, unread))
}

/// The list as it is stored, with what isn't used at its end.
fn encode_list(accounts: &[StoredAccount], unread: &[Unread]) -> Result<Zeroizing<Vec<u8>>, StoreError> {
    let mut bytes = encode(accounts)?;
    for Unread { json, .. } in unread {
        bytes.pop();
        if bytes.len() > 1 {
            bytes.push(b',');
        }
        bytes.extend_from_slice(json);
        bytes.push(b']');
    }
    Ok(bytes)
}

/// A place for secrets. Its calls may block for as long as they like.
pub(super) trait Backend: Send + 'static {
    /// Reads all accounts in their order. An empty store is an empty list.
    fn load(&mut self) -> Result<Vec<StoredAccount>, StoreError>;
    /// Makes the store hold exactly these accounts, and what the last reading found but didn't use, durably: when this
    /// returns, a power cut doesn't undo it.
    fn write(&mut self, accounts: &[StoredAccount]) -> Result<(), StoreError>;
    /// What the last reading found but didn't use.
    fn unread(&self) -> &[Unread] {
        &[]
    }
    /// Takes in what another store holds but doesn't use.
    fn keep(&mut self, _unread: Vec<Unread>) {}
    /// Deletes what was put aside because it could not be read.
    fn discard_damaged(&mut self) -> Result<(), StoreError> {
        Ok(())
    }
    /// Makes an account fit into the store, if it can do without something. False if it is too large all the same.
    fn fit(&self, _account: &mut StoredAccount) -> bool {
        true
    }
}

type Accounts = Vec<StoredAccount>;
type Reply = oneshot::Sender<Result<Accounts, StoreError>>;

enum Job {
    Load(Reply),
    Sync { base: Accounts, ours: Accounts, restore: bool, reply: Reply },
    MoveIn { file: Option<PathBuf>, base: Accounts, ours: Accounts, removed: Vec<String>, reply: Reply },
    DiscardDamaged(Reply),
}

/// The thread's name.
const THREAD: &str = "secret-store";

/// A backend on its thread. The thread ends after the last clone is dropped, when its last job is done.
#[derive(Clone)]
pub(super) struct Vault {
    jobs: mpsc::Sender<Job>,
    base: Arc<tokio::sync::Mutex<Accounts>>,
    has_unread: Arc<AtomicBool>,
}

impl Vault {
    /// Starts the thread. `lock` is the file that the copies of the package lock while they use this store; `tasks` gets to
    /// know if the thread is lost.
    pub fn new(backend: Box<dyn Backend>, lock: Option<PathBuf>, tasks: &Supervisor) -> Self {
        let (jobs, inbox) = mpsc::channel();
        let has_unread = Arc::new(AtomicBool::new(false));
        let mut keeper = Keeper { backend, lock, has_unread: Arc::clone(&has_unread) };
        let work = move || {
            // A caller that has stopped waiting has dropped its end; that is no failure of the job.
            while let Ok(job) = inbox.recv() {
                match job {
                    Job::Load(reply) => drop(reply.send(keeper.load())),
                    Job::Sync { base, ours, restore, reply } => drop(reply.send(keeper.sync(&base, &ours, restore))),
                    Job::MoveIn { file, base, ours, removed, reply } => {
                        drop(reply.send(keeper.move_in(file, &base, &ours, &removed)));
                    }
                    Job::DiscardDamaged(reply) => drop(reply.send(keeper.discard_damaged())),
                }
            }
        };
        let watched = {
            let tasks = tasks.clone();
            move || {
                if catch_unwind(AssertUnwindSafe(work)).is_err() {
                    tasks.on_panic(THREAD);
                }
            }
        };
        if let Err(error) = thread::Builder::new().name(THREAD.into()).spawn(watched) {
            // The channel is closed then, and every call answers NoAnswer.
            tracing::error!(%error, "the secret store's thread did not start");
        }
        Self { jobs, base: Arc::default(), has_unread }
    }

    /// Whether the last reading found accounts that this version doesn't use.
    pub fn has_unread(&self) -> bool {
        self.has_unread.load(Ordering::Relaxed)
    }

    /// True if both are handles to the same store.
    pub fn is(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.base, &other.base)
    }

    /// The turn of the one who writes, with what is known to be stored. Whoever has it writes, takes the result in, and
    /// notes it, before the next does.
    pub async fn turn(&self) -> OwnedMutexGuard<Accounts> {
        Arc::clone(&self.base).lock_owned().await
    }

    /// Asks for all accounts at once; the answer may take as long as the backend likes.
    pub fn load(&self) -> impl Future<Output = Result<Accounts, StoreError>> + Send + use<> {
        answered(self.ask(Job::Load))
    }

    /// Merges `ours`, which was made of `base`, with what is stored, and gives back what is stored then, durably. With
    /// `restore` a store that is gone is made anew. The answer may take as long as the backend likes.
    pub fn sync(
        &self,
        base: Accounts,
        ours: Accounts,
        restore: bool,
    ) -> impl Future<Output = Result<Accounts, StoreError>> + Send + use<> {
        answered(self.ask(move |reply| Job::Sync { base, ours, restore, reply }))
    }

    /// Merges `ours` into this store, which we haven't used so far, and gives back what is stored then. Of a private
    /// file, from which `base` was read, the accounts come along, and it is deleted once they have been read back. Accounts
    /// with the Client IDs of `removed` are deleted here: the user has removed them meanwhile.
    pub fn move_in(
        &self,
        file: Option<PathBuf>,
        base: Accounts,
        ours: Accounts,
        removed: Vec<String>,
    ) -> impl Future<Output = Result<Accounts, StoreError>> + Send + use<> {
        answered(self.ask(move |reply| Job::MoveIn { file, base, ours, removed, reply }))
    }

    /// Deletes what was put aside because it could not be read.
    pub fn discard_damaged(&self) -> impl Future<Output = Result<Accounts, StoreError>> + Send + use<> {
        answered(self.ask(Job::DiscardDamaged))
    }

    fn ask(&self, job: impl FnOnce(Reply) -> Job) -> oneshot::Receiver<Result<Accounts, StoreError>> {
        let (reply, answer) = oneshot::channel();
        // A job that can't be sent takes the reply's end with it.
        let _ = self.jobs.send(job(reply));
        answer
    }
}

async fn answered(answer: oneshot::Receiver<Result<Accounts, StoreError>>) -> Result<Accounts, StoreError> {
    answer.await.map_err(|_| StoreError::NoAnswer)?
}

/// The vault's end on the thread.
struct Keeper {
    backend: Box<dyn Backend>,
    lock: Option<PathBuf>,
    has_unread: Arc<AtomicBool>,
}

impl Keeper {
    fn load(&mut self) -> Result<Accounts, StoreError> {
        let _held = hold(self.lock.as_deref(), STORE_PATIENCE);
        self.read()
    }

    fn read(&mut self) -> Result<Accounts, StoreError> {
        let read = self.backend.load();
        self.has_unread.store(!self.backend.unread().is_empty(), Ordering::Relaxed);
        read
    }

    fn discard_damaged(&mut self) -> Result<Accounts, StoreError> {
        self.backend.discard_damaged().map(|()| Accounts::new())
    }

    fn sync(&mut self, base: &[StoredAccount], ours: &[StoredAccount], restore: bool) -> Result<Accounts, StoreError> {
        let _held = hold(self.lock.as_deref(), STORE_PATIENCE);
        let theirs = match self.read() {
            Ok(theirs) => Some(theirs),
            // Nobody has changed an account there; it is the store that failed.
            Err(StoreError::Damaged) => None,
            Err(StoreError::Gone) if restore => None,
            Err(error) => return Err(error),
        };
        let mut merged = merge(base, ours, theirs.as_deref().unwrap_or(base));
        // What a newer version has made of an account counts more than what we know of it.
        let unread = self.backend.unread();
        merged.retain(|account| unread.iter().all(|unread| unread.id.as_ref() != Some(&account.id)));
        self.fit(&mut merged);
        if theirs.as_ref() != Some(&merged) {
            self.backend.write(&merged)?;
        }
        Ok(merged)
    }

    fn move_in(
        &mut self,
        file: Option<PathBuf>,
        base: &[StoredAccount],
        ours: &[StoredAccount],
        removed: &[String],
    ) -> Result<Accounts, StoreError> {
        let _held = hold(self.lock.as_deref(), STORE_PATIENCE);
        let mut file = file.map(PrivateFile::new);
        let in_file = match &mut file {
            // Gone means that another copy was first: what it has moved is here, and no longer news.
            Some(file) if file.is_there() => Some(file.load()),
            _ => None,
        };
        let theirs = match self.read() {
            Err(StoreError::Damaged) => Vec::new(),
            other => other?,
        };
        // As known to be stored, so that they are gone where they are missing in ours.
        let gone = with_clients(&theirs, removed);
        let mut merged = match (in_file, &file) {
            (Some(Ok(in_file)), _) => merge(&gone, &merge(base, ours, &in_file), &theirs),
            (Some(Err(StoreError::Damaged)), _) | (None, None) => merge(&gone, ours, &theirs),
            (Some(Err(error)), _) => return Err(error),
            (None, Some(_)) => merge(base, ours, &theirs),
        };
        if let Some(file) = &file {
            self.backend.keep(file.unread().to_vec());
        }
        if !self.fit(&mut merged) {
            // Where they are now, there is room for all of them.
            return Err(StoreError::TooLarge);
        }
        self.backend.write(&merged)?;
        if self.read()? != merged {
            return Err(StoreError::Unavailable("it doesn't keep what it is given".into()));
        }
        if let Some(file) = file {
            file.remove()?;
        }
        Ok(merged)
    }

    /// Makes all accounts fit that can. False if there is one that can't.
    fn fit(&self, accounts: &mut [StoredAccount]) -> bool {
        let mut all = true;
        for account in accounts {
            all &= self.backend.fit(account);
        }
        all
    }
}

/// Those of `accounts` whose Client ID is one of `clients`.
pub(super) fn with_clients(accounts: &[StoredAccount], clients: &[String]) -> Accounts {
    accounts.iter().filter(|account| clients.contains(&account.client_id)).cloned().collect()
}

/// Nothing outlives the process.
#[derive(Default)]
pub(super) struct Memory(Accounts);

impl Backend for Memory {
    fn load(&mut self) -> Result<Accounts, StoreError> {
        Ok(self.0.clone())
    }

    fn write(&mut self, accounts: &[StoredAccount]) -> Result<(), StoreError> {
        accounts.clone_into(&mut self.0);
        Ok(())
    }
}

/// The computer's keyring: Credential Manager, Keychain or Secret Service. An entry an account, as the Windows one
/// holds only 2,560 bytes, and an entry with the ids in their order. In the Keychain, which asks the user for each entry
/// when another program than the one that made it wants to read it, there is one entry with all of them.
pub(super) struct Keyring {
    /// Whether one entry holds everything. Either form is understood in reading.
    together: bool,
    /// Finds the way to it.
    connect: fn() -> Result<Arc<CredentialStore>, keyring_core::Error>,
    /// The way to it, once it has been found. Given up when it fails: a keyring that was restarted needs a new one.
    system: Option<Arc<CredentialStore>>,
    /// What the entries hold as of the last reading and writing, to leave alone what hasn't changed.
    known: HashMap<String, Zeroizing<Vec<u8>>>,
    /// What the last reading found but didn't use.
    unread: Vec<Unread>,
}

impl Keyring {
    /// The keyring of this computer, in the form that is best there.
    pub fn new() -> Self {
        Self {
            together: cfg!(target_os = "macos"),
            connect: || Ok(SystemStore::new()?),
            system: None,
            known: HashMap::new(),
            unread: Vec::new(),
        }
    }

    fn entry(&mut self, name: &str) -> Result<keyring_core::Entry, keyring_core::Error> {
        let system = match &self.system {
            Some(system) => system,
            None => self.system.insert((self.connect)()?),
        };
        let modifiers: HashMap<&str, &str> = MODIFIERS.iter().copied().collect();
        system.build(SERVICE, name, (!modifiers.is_empty()).then_some(&modifiers))
    }

    /// Does something with an entry. None if it doesn't exist.
    fn with<T>(
        &mut self,
        name: &str,
        work: impl FnOnce(&keyring_core::Entry) -> Result<T, keyring_core::Error>,
    ) -> Result<Option<T>, StoreError> {
        match self.entry(name).and_then(|entry| work(&entry)) {
            Ok(done) => Ok(Some(done)),
            Err(keyring_core::Error::NoEntry) => Ok(None),
            Err(error) => {
                let error = StoreError::from(error);
                if error != StoreError::Locked {
                    self.system = None;
                }
                Err(error)
            }
        }
    }

    fn get(&mut self, name: &str) -> Result<Option<Zeroizing<Vec<u8>>>, StoreError> {
        let bytes = self.with(name, keyring_core::Entry::get_secret)?.map(Zeroizing::new);
        if let Some(bytes) = &bytes {
            self.known.insert(name.to_owned(), bytes.clone());
        }
        Ok(bytes)
    }

    fn put(&mut self, name: &str, bytes: Zeroizing<Vec<u8>>) -> Result<(), StoreError> {
        if self.known.get(name) == Some(&bytes) {
            return Ok(());
        }
        if !self.together && bytes.len() > LARGEST_ENTRY {
            return Err(StoreError::TooLarge);
        }
        // Bytes, not a password: the Windows store would double a password's length.
        self.with(name, |entry| entry.set_secret(&bytes))?;
        self.known.insert(name.to_owned(), bytes);
        Ok(())
    }

    fn delete(&mut self, name: &str) -> Result<(), StoreError> {
        self.with(name, keyring_core::Entry::delete_credential)?;
        self.known.remove(name);
        Ok(())
    }

    fn read(&mut self) -> Result<Accounts, StoreError> {
        // Other copies write, too. What they have removed stays known until we have made sure of it.
        for bytes in self.known.values_mut() {
            bytes.clear();
        }
        self.unread.clear();
        let Some(index) = self.get(INDEX_ENTRY)? else {
            return Ok(Vec::new());
        };
        let Ok(ids) = serde_json::from_slice::<Vec<String>>(&index) else {
            let Ok((accounts, unread)) = read_list(&index) else {
                // Out of the way of the next write. It isn't known, so that no write deletes it.
                self.with(DAMAGED_ENTRY, |entry| entry.set_secret(&index))?;
                return Err(StoreError::Damaged);
            };
            self.unread = unread;
            return Ok(accounts);
        };
        let mut accounts = Vec::new();
        for id in ids {
            if accounts.len() == MOST_ACCOUNTS && !self.together {
                self.unread.push(Unread { id: Some(id), json: Zeroizing::default() });
                continue;
            }
            let name = account_entry(&id);
            // An id without its entry is what a crash between the two writes leaves.
            let Some(bytes) = self.get(&name)? else {
                continue;
            };
            match serde_json::from_slice::<StoredAccount>(&bytes) {
                Ok(account) if accounts.len() < MOST_ACCOUNTS => accounts.push(account),
                _ => {
                    tracing::warn!(%id, "an account in the keyring can't be read by this version; it stays there");
                    self.known.remove(&name);
                    self.unread.push(Unread { id: Some(id), json: bytes });
                }
            }
        }
        Ok(accounts)
    }
}

impl Backend for Keyring {
    fn load(&mut self) -> Result<Accounts, StoreError> {
        let connected = self.system.is_some();
        match self.read() {
            // Mostly it was restarted since the last time, as at a log-out and log-in.
            Err(StoreError::Unavailable(_)) if connected => self.read(),
            other => other,
        }
    }

    fn write(&mut self, accounts: &[StoredAccount]) -> Result<(), StoreError> {
        if self.together {
            self.put(INDEX_ENTRY, encode_list(accounts, &self.unread)?)?;
        }
        // In this order a crash at any point leaves no secret that the index doesn't know.
        let wanted: Vec<String> = match self.together {
            true => Vec::new(),
            false => accounts.iter().map(|account| account_entry(&account.id)).collect(),
        };
        let gone: Vec<String> =
            self.known.keys().filter(|name| *name != INDEX_ENTRY && !wanted.contains(name)).cloned().collect();
        for name in gone {
            self.delete(&name)?;
        }
        if self.together {
            return Ok(());
        }
        let unread: Vec<(String, Zeroizing<Vec<u8>>)> =
            self.unread.iter().map(|unread| (unread.entry_id(), unread.json.clone())).collect();
        let ids = accounts.iter().map(|account| account.id.as_str()).chain(unread.iter().map(|(id, _)| id.as_str()));
        let index = serde_json::to_vec(&ids.collect::<Vec<_>>()).map_err(|_| StoreError::Damaged)?;
        self.put(INDEX_ENTRY, Zeroizing::new(index))?;
        let mut written = Ok(());
        // Those that came from a private file; what lies in the keyring already is left alone.
        for (id, json) in unread.into_iter().filter(|(_, json)| !json.is_empty()) {
            let name = account_entry(&id);
            if self.with(&name, keyring_core::Entry::get_secret)?.is_none() {
                self.with(&name, |entry| entry.set_secret(&json))?;
            }
        }
        for (account, name) in accounts.iter().zip(wanted) {
            match self.put(&name, encode(account)?) {
                // One must not keep the others from being stored.
                Err(StoreError::TooLarge) => written = Err(StoreError::TooLarge),
                other => other?,
            }
        }
        written
    }

    fn unread(&self) -> &[Unread] {
        &self.unread
    }

    fn keep(&mut self, unread: Vec<Unread>) {
        self.unread.extend(unread);
    }

    fn discard_damaged(&mut self) -> Result<(), StoreError> {
        self.with(DAMAGED_ENTRY, keyring_core::Entry::delete_credential).map(drop)
    }

    /// Whose sign-in it is can be asked again; tokens can't.
    fn fit(&self, account: &mut StoredAccount) -> bool {
        let together = self.together;
        let fits =
            |account: &StoredAccount| together || encode(account).is_ok_and(|bytes| bytes.len() <= LARGEST_ENTRY);
        if !fits(account)
            && let Some(user) = &mut account.user
        {
            user.name.clone_from(&user.id);
        }
        if !fits(account) {
            account.user = None;
        }
        fits(account)
    }
}

impl Unread {
    /// The id under which it has its entry in the keyring.
    fn entry_id(&self) -> String {
        self.id.clone().unwrap_or_else(|| format!("unread-{}", super::digest(&self.json)))
    }
}

fn account_entry(id: &str) -> String {
    format!("account-{id}")
}

fn encode<T: Serialize + ?Sized>(value: &T) -> Result<Zeroizing<Vec<u8>>, StoreError> {
    serde_json::to_vec(value).map(Zeroizing::new).map_err(|_| StoreError::Damaged)
}

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
    fn load(&mut self) -> Result<Accounts, StoreError> {
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
        super::testing::reached(super::testing::Step::WrittenBeside);
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

#[cfg(test)]
mod tests {
    use super::*;

    fn account(id: &str) -> StoredAccount {
        StoredAccount {
            id: id.into(),
            client_id: format!("client-{id}"),
            client_secret: Some(Secret::new("s".repeat(32))),
            redirect: Redirect::Avermedia,
            same_developer_as: Some("0123456789abcdef".into()),
            refresh_token: Some(Secret::new("r".repeat(1000))),
            user: Some(User { id: "user".into(), account_id: None, name: "名前 ".repeat(30) }),
            signed_in_at: Some(1_800_000_000),
            token_at: 1_800_000_000_000,
        }
    }

    /// The largest account that the settings page lets in, with a refresh token of so many bytes.
    fn largest(token: usize) -> StoredAccount {
        StoredAccount {
            client_id: "c".repeat(super::super::LONGEST_CREDENTIAL),
            client_secret: Some(Secret::new("s".repeat(super::super::LONGEST_CREDENTIAL))),
            refresh_token: Some(Secret::new("r".repeat(token))),
            user: Some(User { id: "u".repeat(64), account_id: None, name: "名前 ".repeat(100) }),
            signed_in_at: Some(u64::MAX),
            token_at: u64::MAX,
            ..account("0123456789abcdef")
        }
    }

    #[test]
    fn an_account_fits_the_windows_credential_store() {
        // Refresh tokens that Spotify gives have some 130 to 400 characters.
        for token in [131, 600] {
            let mut account = largest(token);
            assert!(Keyring { together: false, ..Keyring::new() }.fit(&mut account));
            assert_eq!(account, largest(token), "nothing need go");
            assert!(encode(&account).unwrap().len() <= LARGEST_ENTRY);
        }
    }

    #[test]
    fn of_an_account_that_would_not_fit_the_users_name_goes() {
        let fitted = |token| {
            let mut account = largest(token);
            assert!(Keyring { together: false, ..Keyring::new() }.fit(&mut account));
            assert!(encode(&account).unwrap().len() <= LARGEST_ENTRY, "{token}");
            assert_eq!(StoredAccount { user: None, ..account.clone() }, StoredAccount { user: None, ..largest(token) });
            account.user
        };
        assert_eq!(fitted(1500), Some(User { id: "u".repeat(64), account_id: None, name: "u".repeat(64) }));
        assert_eq!(fitted(1850), None);
    }

    #[test]
    fn an_account_that_does_not_fit_at_all_is_refused_before_the_keyring_is_asked() {
        let mut keyring = Keyring { together: false, ..Keyring::new() };
        assert!(!keyring.fit(&mut largest(2500)));
        let refused = keyring.put("account-a", Zeroizing::new(vec![b'x'; LARGEST_ENTRY + 1]));
        assert_eq!(refused, Err(StoreError::TooLarge));
        assert!(Keyring { together: true, ..Keyring::new() }.fit(&mut largest(2500)), "one large entry may be");
    }

    #[test]
    fn members_that_are_missing_are_none() {
        let read: StoredAccount = serde_json::from_str(r#"{"id":"a","client_id":"b","later":1}"#).unwrap();
        assert_eq!(read.refresh_token, None);
        assert_eq!(read.redirect, Redirect::Loopback);
    }

    #[test]
    fn a_file_gives_back_what_was_written() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("deep").join("accounts.json");
        let mut file = PrivateFile::new(&path);
        assert_eq!(file.load(), Ok(vec![]));
        file.write(&[account("a"), account("b")]).unwrap();
        assert_eq!(PrivateFile::new(&path).load(), Ok(vec![account("a"), account("b")]));
        file.write(&[account("b")]).unwrap();
        assert_eq!(PrivateFile::new(&path).load(), Ok(vec![account("b")]));
        let names: Vec<_> = fs::read_dir(path.parent().unwrap()).unwrap().collect();
        assert_eq!(names.len(), 1, "a temporary file was left");
    }

    #[test]
    fn what_a_crash_left_beside_the_file_is_finished_or_thrown_away() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("accounts.json");
        let mut file = PrivateFile::new(&path);
        file.write(&[account("a")]).unwrap();
        let whole = encode(&[account("b")]).unwrap();
        for (beside, wanted) in [(&whole[..], "b"), (&whole[..whole.len() / 2], "b")] {
            fs::write(folder.path().join("accounts.json.new"), beside).unwrap();
            assert_eq!(PrivateFile::new(&path).load(), Ok(vec![account(wanted)]));
            assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
        }
    }

    #[test]
    fn a_file_that_vanishes_is_not_an_empty_list() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("accounts.json");
        let mut file = PrivateFile::new(&path);
        file.write(&[account("a")]).unwrap();
        fs::remove_file(&path).unwrap();
        assert_eq!(file.load(), Err(StoreError::Gone));
        file.write(&[account("a")]).unwrap();
        file.load().unwrap();
        PrivateFile::new(&path).remove().unwrap();
        assert!(!file.is_there());
    }

    #[cfg(unix)]
    #[test]
    fn only_the_owner_can_read_the_file() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("made").join("accounts.json");
        PrivateFile::new(&path).write(&[account("a")]).unwrap();
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode(&path), 0o600);
        assert_eq!(mode(path.parent().unwrap()), 0o700);
    }

    #[test]
    fn a_damaged_file_is_kept_aside() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("accounts.json");
        fs::write(&path, "[{\"id\":").unwrap();
        let mut file = PrivateFile::new(&path);
        assert_eq!(file.load(), Err(StoreError::Damaged));
        assert_eq!(file.load(), Ok(vec![]));
        assert_eq!(fs::read_to_string(folder.path().join("accounts.json.damaged")).unwrap(), "[{\"id\":");
    }

    /// A keyring in memory.
    fn in_memory(together: bool) -> Keyring {
        Keyring { together, system: Some(keyring_core::mock::Store::new().unwrap()), ..Keyring::new() }
    }

    /// The same keyring as another copy of the package sees it.
    fn again(keyring: &Keyring) -> Keyring {
        Keyring { together: keyring.together, system: keyring.system.clone(), ..Keyring::new() }
    }

    /// An account as a newer version may store it.
    const NEWER: &str = r#"{"id":"n","client_id":{"of":"two","kinds":[]},"refresh_token":"newer"}"#;

    #[test]
    fn keyring_entry_of_a_newer_version_is_kept() {
        let mut keyring = in_memory(false);
        keyring.write(&[account("a"), account("b")]).unwrap();
        keyring.put("account-n", Zeroizing::new(NEWER.into())).unwrap();
        keyring.put(INDEX_ENTRY, Zeroizing::new(br#"["a","n","b"]"#.to_vec())).unwrap();
        let mut keyring = again(&keyring);
        assert_eq!(keyring.load(), Ok(vec![account("a"), account("b")]));
        for accounts in [vec![account("b")], vec![account("b"), account("c")], vec![]] {
            keyring.write(&accounts).unwrap();
            assert_eq!(again(&keyring).load(), Ok(accounts));
            assert_eq!(keyring.get("account-n").unwrap().unwrap().as_slice(), NEWER.as_bytes());
            assert_eq!(keyring.load().map(|accounts| accounts.len()), again(&keyring).load().map(|all| all.len()));
        }
        assert_eq!(keyring.get(INDEX_ENTRY).unwrap().unwrap().as_slice(), br#"["n"]"#);
    }

    #[test]
    fn keyring_entry_with_all_accounts_keeps_those_of_a_newer_version() {
        let mut keyring = in_memory(true);
        keyring.keep(vec![Unread { id: Some("n".into()), json: Zeroizing::new(NEWER.into()) }]);
        for accounts in [vec![account("a")], vec![], vec![account("b"), account("c")]] {
            keyring.write(&accounts).unwrap();
            keyring = again(&keyring);
            assert_eq!(keyring.load(), Ok(accounts));
            assert_eq!(keyring.unread().len(), 1);
        }
    }

    #[test]
    fn keyring_index_that_can_not_be_read_is_put_aside_until_a_removal() {
        let mut keyring = in_memory(false);
        keyring.put(INDEX_ENTRY, Zeroizing::new(br#"{"ids":["a"]}"#.to_vec())).unwrap();
        let mut keyring = again(&keyring);
        assert_eq!(keyring.load(), Err(StoreError::Damaged));
        keyring.write(&[account("b")]).unwrap();
        assert_eq!(again(&keyring).load(), Ok(vec![account("b")]));
        assert_eq!(keyring.get(DAMAGED_ENTRY).unwrap().unwrap().as_slice(), br#"{"ids":["a"]}"#);
        keyring.discard_damaged().unwrap();
        keyring.discard_damaged().unwrap();
        assert_eq!(keyring.get(DAMAGED_ENTRY), Ok(None));
    }

    #[test]
    fn accounts_beyond_the_most_stay_stored() {
        let many: Vec<StoredAccount> = (0..4_000).map(|number| account(&number.to_string())).collect();
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("accounts.json");
        fs::write(&path, encode(&many).unwrap()).unwrap();
        let mut keyring = in_memory(false);
        keyring.write(&many[..60]).unwrap();
        let backends: [(Box<dyn Backend>, usize); 2] =
            [(Box::new(PrivateFile::new(&path)), many.len()), (Box::new(again(&keyring)), 60)];
        for (mut backend, all) in backends {
            assert_eq!(backend.load().unwrap(), many[..MOST_ACCOUNTS]);
            assert_eq!(backend.unread().len(), all - MOST_ACCOUNTS);
            backend.write(&many[1..MOST_ACCOUNTS]).unwrap();
            // There is room for the next now.
            assert_eq!(backend.load().unwrap(), many[1..=MOST_ACCOUNTS]);
            assert_eq!(backend.unread().len(), all - MOST_ACCOUNTS - 1);
        }
    }

    #[test]
    fn account_of_a_newer_version_stays_in_the_file_and_moves_along() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("accounts.json");
        let old = String::from_utf8(encode(&account("a")).unwrap().to_vec()).unwrap();
        fs::write(&path, format!("[{old}, {NEWER}]")).unwrap();
        let mut file = PrivateFile::new(&path);
        assert_eq!(file.load(), Ok(vec![account("a")]));
        file.write(&[account("b")]).unwrap();
        assert!(fs::read_to_string(&path).unwrap().contains(NEWER));
        let keyring = in_memory(false);
        let mut keeper = Keeper { backend: Box::new(again(&keyring)), lock: None, has_unread: Arc::default() };
        let moved = keeper.move_in(Some(path.clone()), &[account("b")], &[account("b")], &[]);
        assert_eq!(moved, Ok(vec![account("b")]));
        assert!(!path.exists() && keeper.has_unread.load(Ordering::Relaxed));
        assert_eq!(again(&keyring).get("account-n").unwrap().unwrap().as_slice(), NEWER.as_bytes());
    }

    #[test]
    fn account_that_a_newer_version_has_taken_over_is_not_written() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("accounts.json");
        fs::write(&path, format!("[{NEWER}]")).unwrap();
        let mut keeper = Keeper { backend: Box::new(PrivateFile::new(&path)), lock: None, has_unread: Arc::default() };
        let edited = StoredAccount { redirect: Redirect::Loopback, ..account("n") };
        assert_eq!(keeper.sync(&[account("n")], &[edited, account("b")], false), Ok(vec![account("b")]));
        assert!(fs::read_to_string(&path).unwrap().contains(NEWER));
    }

    #[test]
    fn removed_accounts_do_not_come_back_with_the_keyring() {
        let mut keyring = in_memory(false);
        keyring.write(&[account("a"), account("b")]).unwrap();
        let mut keeper = Keeper { backend: Box::new(again(&keyring)), lock: None, has_unread: Arc::default() };
        let moved = keeper.move_in(None, &[], &[account("c")], &["client-a".to_owned()]);
        assert_eq!(moved, Ok(vec![account("b"), account("c")]));
        assert_eq!(again(&keyring).get("account-a"), Ok(None));
    }

    #[cfg(all(unix, not(target_os = "macos")))]
    #[test]
    fn locked_keyring_is_told_from_a_missing_one() {
        use keyring_core::Error::{NoStorageAccess, PlatformFailure};
        use secret_service::Error as Cause;
        for error in [
            NoStorageAccess(Box::new(Cause::Locked)),
            NoStorageAccess(Box::new(Cause::Prompt)),
            PlatformFailure(Box::new(Cause::PromptDisconnected)),
        ] {
            assert_eq!(StoreError::from(error), StoreError::Locked);
        }
        for error in [
            NoStorageAccess(Box::new(Cause::NoResult)),
            PlatformFailure(Box::new(Cause::Unavailable)),
            PlatformFailure(Box::new(Cause::Crypto("of another kind"))),
        ] {
            assert!(matches!(StoreError::from(error), StoreError::Unavailable(_)));
        }
    }

    /// Run by `dbus-run-session -- sh -c 'echo | gnome-keyring-daemon --unlock && cargo test -p spotify-plugin -- --ignored
    /// keyring'`, or on Windows as a user who is there for it (under Wine in a prefix of its own), never against the
    /// keyring of the user who is logged in.
    #[test]
    #[ignore = "needs a keyring of its own"]
    fn a_keyring_gives_back_what_was_written() {
        let mut keyring = Keyring::new();
        assert_eq!(keyring.load(), Ok(vec![]));
        keyring.write(&[account("a"), account("b")]).unwrap();
        assert_eq!(Keyring::new().load(), Ok(vec![account("a"), account("b")]));

        let changed = StoredAccount { refresh_token: None, ..account("b") };
        keyring.write(&[changed.clone(), account("c")]).unwrap();
        assert_eq!(Keyring::new().load(), Ok(vec![changed, account("c")]));
        assert_eq!(keyring.get(&account_entry("a")), Ok(None), "a removed account's secrets stayed");

        keyring.write(&[]).unwrap();
        assert_eq!(Keyring::new().load(), Ok(vec![]));
    }

    /// As above.
    #[test]
    #[ignore = "needs a keyring of its own"]
    fn a_keyring_holds_all_accounts_together_or_one_by_one_and_reads_either() {
        // Small ones, which even one entry of Windows's store has room for.
        let small = |id| StoredAccount { refresh_token: Some(Secret::new("token")), user: None, ..account(id) };
        let both = ["x", "y"].map(small);
        for together in [false, true, false] {
            let mut keyring = Keyring { together, ..Keyring::new() };
            assert!(keyring.load().is_ok());
            keyring.write(&both).unwrap();
            assert_eq!(Keyring::new().load(), Ok(both.to_vec()));
            let alone = keyring.get(&account_entry("x")).unwrap();
            assert_eq!(alone.is_none(), together, "no secret stays in an entry that nobody knows");
        }
        let mut keyring = Keyring { together: false, ..Keyring::new() };
        keyring.load().unwrap();
        keyring.write(&[]).unwrap();
    }

    /// As above.
    #[test]
    #[ignore = "needs a keyring of its own"]
    fn a_keyring_stores_the_others_where_one_account_is_too_large() {
        let mut keyring = Keyring { together: false, ..Keyring::new() };
        let all = [largest(2500), account("z")];
        assert_eq!(keyring.write(&all), Err(StoreError::TooLarge));
        assert_eq!(Keyring::new().load(), Ok(vec![account("z")]));
        // As large as there may be, and not a byte more.
        let mut most = StoredAccount { user: None, ..account("0123456789abcdef") };
        let room = LARGEST_ENTRY - encode(&most).unwrap().len();
        most.refresh_token = Some(Secret::new("r".repeat(1000 + room)));
        keyring.write(std::slice::from_ref(&most)).unwrap();
        assert_eq!(Keyring::new().load(), Ok(vec![most]));
        keyring.write(&[]).unwrap();
    }

    /// As above.
    #[cfg(windows)]
    #[test]
    #[ignore = "needs a keyring of its own"]
    fn a_keyring_entry_stays_on_this_computer() {
        let mut keyring = Keyring::new();
        keyring.write(&[account("w")]).unwrap();
        for name in [INDEX_ENTRY, "account-w"] {
            let about = keyring.entry(name).unwrap().get_attributes().unwrap();
            assert_eq!(about["persistence"], "Local", "{name}");
            assert_eq!(about["target_name"], format!("{name}.spotify-widgets"), "as Credential Manager shows it");
        }
        keyring.write(&[]).unwrap();
    }

    /// As above, but over the thread and from within an async runtime.
    #[tokio::test]
    #[ignore = "needs a keyring of its own"]
    async fn a_keyring_works_beside_an_async_runtime() {
        let vault = Vault::new(Box::new(Keyring::new()), None, &Supervisor::new().0);
        vault.load().await.unwrap();
        vault.sync(vec![], vec![account("z")], false).await.unwrap();
        assert_eq!(vault.load().await, Ok(vec![account("z")]));
        vault.sync(vec![account("z")], vec![], false).await.unwrap();
        assert_eq!(vault.load().await, Ok(vec![]));
    }

    /// As above.
    #[tokio::test]
    #[ignore = "needs a keyring of its own"]
    async fn two_copies_share_a_keyring() {
        let folder = tempfile::tempdir().unwrap();
        let vault = || Vault::new(Box::new(Keyring::new()), Some(folder.path().join("lock")), &Supervisor::new().0);
        let (one, two) = (vault(), vault());
        let add = |id: &str| vec![account(id)];
        let (first, second) = tokio::join!(one.sync(vec![], add("one"), false), two.sync(vec![], add("two"), false));
        let (first, second) = (first.unwrap(), second.unwrap());
        assert_eq!(first.len().max(second.len()), 2);
        let both = vault().load().await.unwrap();
        assert_eq!(both.len(), 2);
        // What the one removes doesn't come back by the other, which still knows it.
        one.sync(both.clone(), vec![], false).await.unwrap();
        two.sync(both.clone(), [both, add("three")].concat(), false).await.unwrap();
        assert_eq!(vault().load().await, Ok(add("three")));
        one.sync(add("three"), vec![], false).await.unwrap();
    }

    /// As above.
    #[tokio::test]
    #[ignore = "needs a keyring of its own"]
    async fn a_private_file_moves_into_the_keyring() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("accounts.json");
        PrivateFile::new(&path).write(&[account("f")]).unwrap();
        let vault = Vault::new(Box::new(Keyring::new()), None, &Supervisor::new().0);
        vault.sync(vec![], vec![account("k")], false).await.unwrap();
        let both = vec![account("k"), account("f")];
        assert_eq!(
            vault.move_in(Some(path.clone()), vec![account("f")], vec![account("f")], vec![]).await,
            Ok(both.clone())
        );
        assert_eq!(Keyring::new().load(), Ok(both.clone()));
        assert!(!path.exists());
        vault.sync(both, vec![], false).await.unwrap();
    }
}
