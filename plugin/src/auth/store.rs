//! Where secrets live between two starts: the computer's keyring, a private file, or only memory.
//!
//! A [`Backend`] reads and writes the whole list of accounts. Keyrings and files block, and a keyring may wait for
//! minutes until its user types a password, so a [`Vault`] runs the backend on a thread of its own: calls keep their
//! order, nobody waits longer than wanted, and a hanging keyring can't keep the package from stopping, which a thread
//! of the runtime's blocking pool would. The thread also has no async runtime around it, which the keyring's own D-Bus
//! client needs in order to block.

use std::collections::HashMap;
use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use secrecy::zeroize::Zeroizing;
use serde::{Deserialize, Serialize};
use tokio::sync::oneshot;

use super::secret::Secret;
use super::{Redirect, User};

/// The service name under which the keyring shows our entries.
const SERVICE: &str = "spotify-widgets";
/// The keyring entry with the ordered ids of the accounts.
const INDEX_ENTRY: &str = "accounts";
/// How long a write may take before the user is told that the store doesn't answer.
const WRITE_PATIENCE: Duration = Duration::from_secs(10);

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
}

impl From<io::Error> for StoreError {
    fn from(error: io::Error) -> Self {
        Self::Unavailable(error.kind().to_string())
    }
}

/// A place for secrets. Its calls may block for as long as they like.
pub(super) trait Backend: Send + 'static {
    /// Reads all accounts in their order. An empty store is an empty list.
    fn load(&mut self) -> Result<Vec<StoredAccount>, StoreError>;
    /// Makes the store hold exactly these accounts, durably: when this returns, a power cut doesn't undo it.
    fn write(&mut self, accounts: &[StoredAccount]) -> Result<(), StoreError>;
}

type Reply<T> = oneshot::Sender<Result<T, StoreError>>;

enum Job {
    Load(Reply<Vec<StoredAccount>>),
    Write(Vec<StoredAccount>, Reply<()>),
}

/// A backend on its thread. The thread ends after the vault is dropped, when its last job is done.
pub(super) struct Vault {
    jobs: mpsc::Sender<Job>,
}

impl Vault {
    /// Starts the thread.
    pub fn new(mut backend: Box<dyn Backend>) -> Self {
        let (jobs, inbox) = mpsc::channel();
        let work = move || {
            // A caller that has stopped waiting has dropped its end; that is no failure of the job.
            while let Ok(job) = inbox.recv() {
                match job {
                    Job::Load(reply) => drop(reply.send(backend.load())),
                    Job::Write(accounts, reply) => drop(reply.send(backend.write(&accounts))),
                }
            }
        };
        if let Err(error) = thread::Builder::new().name("secret-store".into()).spawn(work) {
            // The channel is closed then, and every call answers NoAnswer.
            tracing::error!(%error, "the secret store's thread did not start");
        }
        Self { jobs }
    }

    /// Asks for all accounts at once; the answer may take as long as the backend likes.
    pub fn load(&self) -> impl Future<Output = Result<Vec<StoredAccount>, StoreError>> + Send + use<> {
        let (reply, answer) = oneshot::channel();
        let sent = self.jobs.send(Job::Load(reply));
        async move {
            sent.map_err(|_| StoreError::NoAnswer)?;
            answer.await.map_err(|_| StoreError::NoAnswer)?
        }
    }

    /// Hands over what is to be stored at once (calls keep their order), and waits up to 10 s for it to be durable.
    pub fn write(&self, accounts: Vec<StoredAccount>) -> impl Future<Output = Result<(), StoreError>> + Send + use<> {
        let (reply, answer) = oneshot::channel();
        let sent = self.jobs.send(Job::Write(accounts, reply));
        async move {
            sent.map_err(|_| StoreError::NoAnswer)?;
            match tokio::time::timeout(WRITE_PATIENCE, answer).await {
                Ok(Ok(result)) => result,
                Ok(Err(_)) | Err(_) => Err(StoreError::NoAnswer),
            }
        }
    }
}

/// Nothing outlives the process.
pub(super) struct Memory;

impl Backend for Memory {
    fn load(&mut self) -> Result<Vec<StoredAccount>, StoreError> {
        Ok(Vec::new())
    }

    fn write(&mut self, _accounts: &[StoredAccount]) -> Result<(), StoreError> {
        Ok(())
    }
}

/// The computer's keyring: Credential Manager, Keychain or Secret Service. An entry an account, as the Windows one
/// holds only 2,560 bytes, and an entry with the ids in their order.
#[derive(Default)]
pub(super) struct Keyring {
    /// What the entries hold as far as we know, to leave alone what hasn't changed.
    known: HashMap<String, Zeroizing<Vec<u8>>>,
}

impl Keyring {
    fn entry(name: &str) -> Result<keyring::v1::Entry, StoreError> {
        if let Err(error) = keyring::v1::Entry::store_status() {
            return Err(keyring_error(error));
        }
        keyring::v1::Entry::new(SERVICE, name).map_err(|error| keyring_error(&error))
    }

    fn get(&mut self, name: &str) -> Result<Option<Zeroizing<Vec<u8>>>, StoreError> {
        match Self::entry(name)?.get_secret() {
            Ok(bytes) => {
                let bytes = Zeroizing::new(bytes);
                self.known.insert(name.to_owned(), bytes.clone());
                Ok(Some(bytes))
            }
            Err(keyring::v1::Error::NoEntry) => Ok(None),
            Err(error) => Err(keyring_error(&error)),
        }
    }

    fn put(&mut self, name: &str, bytes: Zeroizing<Vec<u8>>) -> Result<(), StoreError> {
        if self.known.get(name) == Some(&bytes) {
            return Ok(());
        }
        // Bytes, not a password: the Windows store would double a password's length.
        Self::entry(name)?.set_secret(&bytes).map_err(|error| keyring_error(&error))?;
        self.known.insert(name.to_owned(), bytes);
        Ok(())
    }

    fn delete(&mut self, name: &str) -> Result<(), StoreError> {
        match Self::entry(name)?.delete_credential() {
            Ok(()) | Err(keyring::v1::Error::NoEntry) => {
                self.known.remove(name);
                Ok(())
            }
            Err(error) => Err(keyring_error(&error)),
        }
    }
}

impl Backend for Keyring {
    fn load(&mut self) -> Result<Vec<StoredAccount>, StoreError> {
        let Some(index) = self.get(INDEX_ENTRY)? else {
            return Ok(Vec::new());
        };
        let ids: Vec<String> = serde_json::from_slice(&index).map_err(|_| StoreError::Damaged)?;
        let mut accounts = Vec::new();
        for id in ids {
            // An id without its entry is what a crash between the two writes leaves.
            let Some(bytes) = self.get(&account_entry(&id))? else {
                continue;
            };
            match serde_json::from_slice::<StoredAccount>(&bytes) {
                Ok(account) => accounts.push(account),
                Err(_) => tracing::warn!(%id, "an account in the keyring is damaged and was left out"),
            }
        }
        Ok(accounts)
    }

    fn write(&mut self, accounts: &[StoredAccount]) -> Result<(), StoreError> {
        // In this order a crash at any point leaves no secret that the index doesn't know.
        let wanted: Vec<String> = accounts.iter().map(|account| account_entry(&account.id)).collect();
        let gone: Vec<String> =
            self.known.keys().filter(|name| *name != INDEX_ENTRY && !wanted.contains(name)).cloned().collect();
        for name in gone {
            self.delete(&name)?;
        }
        let ids: Vec<&str> = accounts.iter().map(|account| account.id.as_str()).collect();
        let index = serde_json::to_vec(&ids).map_err(|_| StoreError::Damaged)?;
        self.put(INDEX_ENTRY, Zeroizing::new(index))?;
        for (account, name) in accounts.iter().zip(wanted) {
            self.put(&name, encode(account)?)?;
        }
        Ok(())
    }
}

fn account_entry(id: &str) -> String {
    format!("account-{id}")
}

fn keyring_error(error: &keyring::v1::Error) -> StoreError {
    match error {
        keyring::v1::Error::NoStorageAccess(_) => StoreError::Locked,
        // The text is for the log. Variants that carry stored bytes don't show them in Display.
        other => StoreError::Unavailable(other.to_string()),
    }
}

fn encode<T: Serialize + ?Sized>(value: &T) -> Result<Zeroizing<Vec<u8>>, StoreError> {
    serde_json::to_vec(value).map(Zeroizing::new).map_err(|_| StoreError::Damaged)
}

/// One private file, readable by its owner only.
pub(super) struct PrivateFile {
    path: PathBuf,
}

impl PrivateFile {
    /// The store in the file at `path`, which need not exist.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into() }
    }

    fn folder(&self) -> &Path {
        match self.path.parent() {
            Some(folder) if !folder.as_os_str().is_empty() => folder,
            _ => Path::new("."),
        }
    }
}

impl Backend for PrivateFile {
    fn load(&mut self) -> Result<Vec<StoredAccount>, StoreError> {
        let bytes = match fs::read(&self.path) {
            Ok(bytes) => Zeroizing::new(bytes),
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(error.into()),
        };
        serde_json::from_slice(&bytes).map_err(|_| {
            // Out of the way of the next write, so that it can still be looked at.
            let mut aside = self.path.clone().into_os_string();
            aside.push(".damaged");
            if let Err(error) = fs::rename(&self.path, &aside) {
                tracing::warn!(%error, "the damaged file could not be moved aside");
            }
            StoreError::Damaged
        })
    }

    fn write(&mut self, accounts: &[StoredAccount]) -> Result<(), StoreError> {
        let folder = self.folder();
        create_private_folder(folder)?;
        // Written beside and renamed, so that a crash leaves the old file or the new one, never half of one. A temporary
        // file is created with mode 0600; on Windows the user's local data folder keeps others out.
        let mut file = tempfile::NamedTempFile::new_in(folder)?;
        file.write_all(&encode(accounts)?)?;
        file.as_file().sync_all()?;
        file.persist(&self.path).map_err(|error| error.error)?;
        sync_folder(folder)?;
        Ok(())
    }
}

#[cfg(unix)]
fn create_private_folder(folder: &Path) -> io::Result<()> {
    use std::os::unix::fs::DirBuilderExt;
    fs::DirBuilder::new().recursive(true).mode(0o700).create(folder)
}

#[cfg(not(unix))]
fn create_private_folder(folder: &Path) -> io::Result<()> {
    fs::create_dir_all(folder)
}

/// Makes a rename in a folder durable.
#[cfg(unix)]
fn sync_folder(folder: &Path) -> io::Result<()> {
    fs::File::open(folder)?.sync_all()
}

/// Windows makes a rename durable by itself and can't open a folder.
#[cfg(not(unix))]
fn sync_folder(_folder: &Path) -> io::Result<()> {
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn account(id: &str) -> StoredAccount {
        StoredAccount {
            id: id.into(),
            client_id: "0123456789abcdef0123456789abcdef".into(),
            client_secret: Some(Secret::new("s".repeat(32))),
            redirect: Redirect::Avermedia,
            same_developer_as: Some("0123456789abcdef".into()),
            refresh_token: Some(Secret::new("r".repeat(1000))),
            user: Some(User { id: "user".into(), name: "名前 ".repeat(30) }),
            signed_in_at: Some(1_800_000_000),
        }
    }

    #[test]
    fn an_account_fits_the_windows_credential_store() {
        assert!(encode(&account("0123456789abcdef")).unwrap().len() < 2560);
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

    struct Hanging(mpsc::Receiver<()>);

    impl Backend for Hanging {
        fn load(&mut self) -> Result<Vec<StoredAccount>, StoreError> {
            Ok(Vec::new())
        }
        fn write(&mut self, _accounts: &[StoredAccount]) -> Result<(), StoreError> {
            let _ = self.0.recv();
            Ok(())
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_hanging_store_is_given_up_after_a_while() {
        let (release, hang) = mpsc::channel();
        let vault = Vault::new(Box::new(Hanging(hang)));
        assert_eq!(vault.write(vec![]).await, Err(StoreError::NoAnswer));
        drop(release);
        assert_eq!(vault.load().await, Ok(vec![]));
    }

    /// Run by `dbus-run-session -- sh -c 'echo | gnome-keyring-daemon --unlock && cargo test -p spotify-plugin -- --ignored
    /// keyring'`, never against the keyring of the user who is logged in.
    #[test]
    #[ignore = "needs a Secret Service of its own"]
    fn a_keyring_gives_back_what_was_written() {
        let mut keyring = Keyring::default();
        assert_eq!(keyring.load(), Ok(vec![]));
        keyring.write(&[account("a"), account("b")]).unwrap();
        assert_eq!(Keyring::default().load(), Ok(vec![account("a"), account("b")]));

        let changed = StoredAccount { refresh_token: None, ..account("b") };
        keyring.write(&[changed.clone(), account("c")]).unwrap();
        assert_eq!(Keyring::default().load(), Ok(vec![changed, account("c")]));
        assert_eq!(keyring.get(&account_entry("a")), Ok(None), "a removed account's secrets stayed");

        keyring.write(&[]).unwrap();
        assert_eq!(Keyring::default().load(), Ok(vec![]));
    }

    /// As above, but over the thread and from within an async runtime.
    #[tokio::test]
    #[ignore = "needs a Secret Service of its own"]
    async fn a_keyring_works_beside_an_async_runtime() {
        let vault = Vault::new(Box::<Keyring>::default());
        vault.load().await.unwrap();
        vault.write(vec![account("z")]).await.unwrap();
        assert_eq!(vault.load().await, Ok(vec![account("z")]));
        vault.write(vec![]).await.unwrap();
    }
}
