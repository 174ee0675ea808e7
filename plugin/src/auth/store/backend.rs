//! The trait of places for secrets, and the text in which they store the accounts.

use std::io;

use secrecy::zeroize::Zeroizing;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::auth::accounts::{AccountId, MOST_ACCOUNTS, StoredAccount, digest};

pub(super) type List = Vec<StoredAccount>;

/// Why a store has failed. Never contains what was to be stored.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(in crate::auth) enum StoreError {
    /// It hasn't answered in time.
    #[error("no answer")]
    NoAnswer,
    /// There is none, or it is broken.
    #[error("not available: {0}")]
    Unavailable(String),
    /// It is there but locked.
    #[error("locked")]
    Locked,
    /// The stored accounts can't be read.
    #[error("damaged")]
    Damaged,
    /// An account is larger than an entry of the store may be. The others are stored.
    #[error("an account is too large for an entry")]
    TooLarge,
    /// The file no longer exists: another copy has moved it into the keyring, or somebody has deleted it.
    #[error("gone")]
    Gone,
}

impl From<io::Error> for StoreError {
    fn from(error: io::Error) -> Self {
        Self::Unavailable(error.kind().to_string())
    }
}

/// An account that stays in the store although this version doesn't use it: a newer version has written it, or it exceeds
/// [`MOST_ACCOUNTS`].
#[derive(Clone, PartialEq, Eq)]
pub(in crate::auth) struct Unread {
    /// Its id, if it has one.
    pub(super) id: Option<AccountId>,
    /// Its stored form. Empty for an entry of the keyring that has not been read.
    pub(super) json: Zeroizing<Vec<u8>>,
}

/// Decodes a list of accounts, and those that aren't used.
pub(super) fn decode_list(bytes: &[u8]) -> Result<(List, Vec<Unread>), StoreError> {
    #[derive(Deserialize)]
    struct WithId {
        id: Option<AccountId>,
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
            // No version has ever written this.
            _ => return Err(StoreError::Damaged),
        }
    }
    Ok((accounts, unread))
}

/// Encodes a list of accounts, with those that aren't used at its end.
pub(super) fn encode_list(accounts: &[StoredAccount], unread: &[Unread]) -> Result<Zeroizing<Vec<u8>>, StoreError> {
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
pub(in crate::auth) trait Backend: Send + 'static {
    /// Reads all accounts in their order. An empty store is an empty list.
    fn load(&mut self) -> Result<Vec<StoredAccount>, StoreError>;
    /// Replaces the contents by these accounts and those that the last `load` found but didn't use, durably: when this
    /// returns, a power cut doesn't undo it.
    fn write(&mut self, accounts: &[StoredAccount]) -> Result<(), StoreError>;
    /// Returns what the last `load` found but didn't use.
    fn unread(&self) -> &[Unread] {
        &[]
    }
    /// Adds what another store contains but doesn't use.
    fn add_unread(&mut self, _unread: Vec<Unread>) {}
    /// Deletes the copy of what could not be read.
    fn discard_damaged(&mut self) -> Result<(), StoreError> {
        Ok(())
    }
    /// Makes an account fit into the store, if it can do without something. Returns false if it is still too large.
    fn fit(&self, _account: &mut StoredAccount) -> bool {
        true
    }
}

/// Memory: nothing outlives the process.
#[derive(Default)]
pub(super) struct Memory(List);

impl Backend for Memory {
    fn load(&mut self) -> Result<List, StoreError> {
        Ok(self.0.clone())
    }

    fn write(&mut self, accounts: &[StoredAccount]) -> Result<(), StoreError> {
        accounts.clone_into(&mut self.0);
        Ok(())
    }
}

impl Unread {
    /// Returns the id under which it has its entry in the keyring.
    pub(super) fn entry_id(&self) -> AccountId {
        self.id.clone().unwrap_or_else(|| format!("unread-{}", digest(&self.json)).into())
    }
}

/// Encodes a part of the list.
pub(super) fn encode<T: Serialize + ?Sized>(value: &T) -> Result<Zeroizing<Vec<u8>>, StoreError> {
    serde_json::to_vec(value).map(Zeroizing::new).map_err(|_| StoreError::Damaged)
}
