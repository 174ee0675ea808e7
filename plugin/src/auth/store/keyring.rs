//! The computer's keyring.

use std::collections::HashMap;
use std::error::Error;
use std::sync::Arc;

#[cfg(target_os = "macos")]
use apple_native_keyring_store::keychain::Store as SystemStore;
use keyring_core::CredentialStore;
use secrecy::zeroize::Zeroizing;
#[cfg(windows)]
use windows_native_keyring_store::Store as SystemStore;
#[cfg(all(unix, not(target_os = "macos")))]
use zbus_secret_service_keyring_store::Store as SystemStore;

use super::backend::{Backend, List, StoreError, Unread, encode, encode_list, read_list};
use crate::auth::accounts::{MOST_ACCOUNTS, StoredAccount};

/// The service name under which the keyring shows our entries.
const SERVICE: &str = "spotify-widgets";
/// The keyring entry with the ordered ids of the accounts.
pub(super) const INDEX_ENTRY: &str = "accounts";
/// The keyring entry with an index that could not be read.
pub(super) const DAMAGED_ENTRY: &str = "accounts-damaged";
/// What an entry of the Windows credential store may hold: `CRED_MAX_CREDENTIAL_BLOB_SIZE`, 5 * 512 bytes.
pub(super) const LARGEST_ENTRY: usize = 2560;
/// How entries are to be made. On Windows they stay on this computer (`CRED_PERSIST_LOCAL_MACHINE`): the store's own
/// default roams with the user's profile, and two computers can't share a sign-in whose tokens rotate.
const MODIFIERS: &[(&str, &str)] = if cfg!(windows) { &[("persistence", "Local")] } else { &[] };

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

/// The computer's keyring: Credential Manager, Keychain or Secret Service. An entry an account, as the Windows one
/// holds only 2,560 bytes, and an entry with the ids in their order. In the Keychain, which asks the user for each entry
/// when another program than the one that made it wants to read it, there is one entry with all of them.
pub(super) struct Keyring {
    /// Whether one entry holds everything. Either form is understood in reading.
    pub(super) together: bool,
    /// Finds the way to it.
    connect: fn() -> Result<Arc<CredentialStore>, keyring_core::Error>,
    /// The way to it, once it has been found. Given up when it fails: a keyring that was restarted needs a new one.
    pub(super) system: Option<Arc<CredentialStore>>,
    /// What entries are made with; the store of tests takes nothing.
    pub(super) modifiers: &'static [(&'static str, &'static str)],
    /// What the entries hold as of the last reading and writing, to leave alone what hasn't changed.
    known: HashMap<String, Zeroizing<Vec<u8>>>,
    /// What the last reading found but didn't use.
    unread: Vec<Unread>,
}

impl Keyring {
    /// The keyring of this computer, in the form that is best there.
    pub fn new() -> Self {
        Self::in_form(cfg!(target_os = "macos"))
    }

    /// The keyring with all accounts in one entry, or with an entry each.
    pub(super) fn in_form(together: bool) -> Self {
        Self {
            together,
            connect: || Ok(SystemStore::new()?),
            system: None,
            modifiers: MODIFIERS,
            known: HashMap::new(),
            unread: Vec::new(),
        }
    }

    pub(super) fn entry(&mut self, name: &str) -> Result<keyring_core::Entry, keyring_core::Error> {
        let system = match &self.system {
            Some(system) => system,
            None => self.system.insert((self.connect)()?),
        };
        let modifiers: HashMap<&str, &str> = self.modifiers.iter().copied().collect();
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

    pub(super) fn get(&mut self, name: &str) -> Result<Option<Zeroizing<Vec<u8>>>, StoreError> {
        let bytes = self.with(name, keyring_core::Entry::get_secret)?.map(Zeroizing::new);
        if let Some(bytes) = &bytes {
            self.known.insert(name.to_owned(), bytes.clone());
        }
        Ok(bytes)
    }

    pub(super) fn put(&mut self, name: &str, bytes: Zeroizing<Vec<u8>>) -> Result<(), StoreError> {
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

    fn read(&mut self) -> Result<List, StoreError> {
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
    fn load(&mut self) -> Result<List, StoreError> {
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

pub(super) fn account_entry(id: &str) -> String {
    format!("account-{id}")
}
