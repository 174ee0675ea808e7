//! What a place for secrets has to do, and the text in which it keeps the accounts.

use std::io;

use secrecy::zeroize::Zeroizing;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::auth::accounts::{MOST_ACCOUNTS, StoredAccount, digest};

pub(super) type List = Vec<StoredAccount>;

/// Why a store didn't do what it should. Never holds what was to be stored.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(in crate::auth) enum StoreError {
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

/// An account that stays in the store although this version doesn't use it: a newer one has made it, or it is one more
/// than [`MOST_ACCOUNTS`].
#[derive(Clone, PartialEq, Eq)]
pub(in crate::auth) struct Unread {
    /// Its id, if it has one.
    pub(super) id: Option<String>,
    /// As it is stored. Empty for an entry of the keyring that has not been looked at.
    pub(super) json: Zeroizing<Vec<u8>>,
}

/// Reads a list of accounts, and what of it isn't used.
pub(super) fn read_list(bytes: &[u8]) -> Result<(List, Vec<Unread>), StoreError> {
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

/// Nothing outlives the process.
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
    /// The id under which it has its entry in the keyring.
    pub(super) fn entry_id(&self) -> String {
        self.id.clone().unwrap_or_else(|| format!("unread-{}", digest(&self.json)))
    }
}

/// A part of the list as text.
pub(super) fn encode<T: Serialize + ?Sized>(value: &T) -> Result<Zeroizing<Vec<u8>>, StoreError> {
    serde_json::to_vec(value).map(Zeroizing::new).map_err(|_| StoreError::Damaged)
}
