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

use super::backend::{Backend, List, StoreError, Unread, decode_list, encode, encode_list};
use crate::auth::accounts::{AccountId, MOST_ACCOUNTS, StoredAccount};

/// The service name of our entries.
const SERVICE: &str = "spotify-widgets";
/// The entry with the ordered ids of the accounts.
pub(super) const INDEX_ENTRY: &str = "accounts";
/// The entry with an index that could not be read.
pub(super) const DAMAGED_ENTRY: &str = "accounts-damaged";
/// The largest entry of the Windows credential store: `CRED_MAX_CREDENTIAL_BLOB_SIZE`, 5 * 512 bytes.
pub(super) const LARGEST_ENTRY: usize = 2560;
/// The attributes of new entries. On Windows they stay on this computer (`CRED_PERSIST_LOCAL_MACHINE`): by default they roam
/// with the user's profile, and two computers can't share a sign-in whose tokens rotate.
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

/// True if the keyring exists but waits for its password. The keyring crates report that as one of several causes, each in
/// its own way.
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

/// By the codes of `SecBase.h`: interaction not allowed, interaction required, authentication failed, user canceled.
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

/// The computer's keyring: Credential Manager, Keychain or Secret Service. It has an entry per account, as one of Windows
/// holds only 2,560 bytes, and an entry with the ids in their order. The Keychain asks the user for each entry that another
/// program than its creator reads, so there a single entry has everything.
pub(super) struct Keyring {
    /// Whether a single entry has everything. Both forms are read.
    pub(super) single_entry: bool,
    /// The connection. Dropped when it fails: a keyring that was restarted needs a new one.
    pub(super) system: Option<Arc<CredentialStore>>,
    /// The attributes of new entries; the store of tests accepts none.
    pub(super) modifiers: &'static [(&'static str, &'static str)],
    /// The contents of the entries as of the last `load` and `write`, so that unchanged ones aren't written.
    known: HashMap<String, Zeroizing<Vec<u8>>>,
    /// What the last `load` found but didn't use.
    unread: Vec<Unread>,
}

impl Keyring {
    /// The keyring of this computer, in the form that is best for it.
    pub fn new() -> Self {
        Self::with_form(cfg!(target_os = "macos"))
    }

    /// The keyring with a single entry for all accounts, or an entry for each.
    pub(super) fn with_form(single_entry: bool) -> Self {
        Self { single_entry, system: None, modifiers: MODIFIERS, known: HashMap::new(), unread: Vec::new() }
    }

    pub(super) fn entry(&mut self, name: &str) -> Result<keyring_core::Entry, keyring_core::Error> {
        let system = match &self.system {
            Some(system) => system,
            None => self.system.insert(SystemStore::new()?),
        };
        let modifiers: HashMap<&str, &str> = self.modifiers.iter().copied().collect();
        system.build(SERVICE, name, (!modifiers.is_empty()).then_some(&modifiers))
    }

    /// Runs `work` on an entry. Returns None if it doesn't exist.
    fn with_entry<T>(
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
        let bytes = self.with_entry(name, keyring_core::Entry::get_secret)?.map(Zeroizing::new);
        if let Some(bytes) = &bytes {
            self.known.insert(name.to_owned(), bytes.clone());
        }
        Ok(bytes)
    }

    pub(super) fn put(&mut self, name: &str, bytes: Zeroizing<Vec<u8>>) -> Result<(), StoreError> {
        if self.known.get(name) == Some(&bytes) {
            return Ok(());
        }
        if !self.single_entry && bytes.len() > LARGEST_ENTRY {
            return Err(StoreError::TooLarge);
        }
        // Bytes, not a password: the Windows store would double a password's length.
        self.with_entry(name, |entry| entry.set_secret(&bytes))?;
        self.known.insert(name.to_owned(), bytes);
        Ok(())
    }

    fn delete(&mut self, name: &str) -> Result<(), StoreError> {
        self.with_entry(name, keyring_core::Entry::delete_credential)?;
        self.known.remove(name);
        Ok(())
    }

    fn read(&mut self) -> Result<List, StoreError> {
        // Other copies write, too. The names of entries that they have removed stay until `write` has deleted them.
        for bytes in self.known.values_mut() {
            bytes.clear();
        }
        self.unread.clear();
        let Some(index) = self.get(INDEX_ENTRY)? else {
            return Ok(Vec::new());
        };
        let Ok(ids) = serde_json::from_slice::<Vec<AccountId>>(&index) else {
            let Ok((accounts, unread)) = decode_list(&index) else {
                // So that the next write doesn't replace it. It isn't in `known`, so no write deletes it.
                self.with_entry(DAMAGED_ENTRY, |entry| entry.set_secret(&index))?;
                return Err(StoreError::Damaged);
            };
            self.unread = unread;
            return Ok(accounts);
        };
        let mut accounts = Vec::new();
        for id in ids {
            if accounts.len() == MOST_ACCOUNTS && !self.single_entry {
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
            // Usually it was restarted since, as when the user logs out of the computer and in again.
            Err(StoreError::Unavailable(_)) if connected => self.read(),
            other => other,
        }
    }

    fn write(&mut self, accounts: &[StoredAccount]) -> Result<(), StoreError> {
        if self.single_entry {
            self.put(INDEX_ENTRY, encode_list(accounts, &self.unread)?)?;
        }
        // In this order a crash at any point leaves no secret that the index lacks.
        let wanted: Vec<String> = match self.single_entry {
            true => Vec::new(),
            false => accounts.iter().map(|account| account_entry(&account.id)).collect(),
        };
        let gone: Vec<String> =
            self.known.keys().filter(|name| *name != INDEX_ENTRY && !wanted.contains(name)).cloned().collect();
        for name in gone {
            self.delete(&name)?;
        }
        if self.single_entry {
            return Ok(());
        }
        let unread: Vec<(AccountId, Zeroizing<Vec<u8>>)> =
            self.unread.iter().map(|unread| (unread.entry_id(), unread.json.clone())).collect();
        let ids = accounts.iter().map(|account| &account.id).chain(unread.iter().map(|(id, _)| id));
        let index = serde_json::to_vec(&ids.collect::<Vec<_>>()).map_err(|_| StoreError::Damaged)?;
        self.put(INDEX_ENTRY, Zeroizing::new(index))?;
        let mut written = Ok(());
        // Those that came from a private file; what is in the keyring already is left unchanged.
        for (id, json) in unread.into_iter().filter(|(_, json)| !json.is_empty()) {
            let name = account_entry(&id);
            if self.with_entry(&name, keyring_core::Entry::get_secret)?.is_none() {
                self.with_entry(&name, |entry| entry.set_secret(&json))?;
            }
        }
        for (account, name) in accounts.iter().zip(wanted) {
            match self.put(&name, encode(account)?) {
                // The others are stored.
                Err(StoreError::TooLarge) => written = Err(StoreError::TooLarge),
                other => other?,
            }
        }
        written
    }

    fn unread(&self) -> &[Unread] {
        &self.unread
    }

    fn add_unread(&mut self, unread: Vec<Unread>) {
        self.unread.extend(unread);
    }

    fn discard_damaged(&mut self) -> Result<(), StoreError> {
        self.with_entry(DAMAGED_ENTRY, keyring_core::Entry::delete_credential).map(drop)
    }

    /// Drops the user's name, then the user, which Spotify can be asked for again, unlike tokens.
    fn fit(&self, account: &mut StoredAccount) -> bool {
        let single_entry = self.single_entry;
        let fits =
            |account: &StoredAccount| single_entry || encode(account).is_ok_and(|bytes| bytes.len() <= LARGEST_ENTRY);
        if !fits(account)
            && let Some(user) = &mut account.user
        {
            user.name = user.id.to_string();
        }
        if !fits(account) {
            account.user = None;
        }
        fits(account)
    }
}

/// Returns the name of an account's entry.
pub(super) fn account_entry(id: &AccountId) -> String {
    format!("account-{id}")
}
