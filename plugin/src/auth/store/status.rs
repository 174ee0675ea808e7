//! The state of the secret store: the one value from which flags and words are derived.

use serde::Serialize;

/// Where secrets are stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum StoreKind {
    /// In the computer's keyring.
    Keyring,
    /// In a private file.
    File,
    /// In memory, until the host stops.
    Memory,
}

/// The state of the secret store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StoreStatus {
    /// Everything is stored, or is being read or written.
    Ready(StoreKind),
    /// Secrets are in memory, because the environment asks for it.
    MemoryChosen,
    /// Secrets are in memory, because there is no keyring.
    NoKeyring {
        /// Whether a private file could be written instead.
        file_possible: bool,
    },
    /// The keyring is locked: memory or the private file replaces it, or it lacks the last change.
    Locked(StoreKind),
    /// The keyring has been asked and hasn't answered. Another place may replace it.
    Unanswered(StoreKind),
    /// The last change is in memory only.
    NotWritten {
        /// Where it should be.
        kind: StoreKind,
        /// Whether a private file could be written instead.
        file_possible: bool,
    },
    /// An account is larger than an entry of the keyring may be, so its last change is in memory only.
    TooLarge {
        /// Where it should be.
        kind: StoreKind,
        /// Whether a private file could be written instead.
        file_possible: bool,
    },
    /// The stored accounts could not be read.
    Damaged(StoreKind),
    /// Secrets are in memory, because the private file can't be read.
    FileUnreadable {
        /// Whether there is a keyring that could be asked.
        has_keyring: bool,
    },
    /// Accounts are stored that this version doesn't use.
    Unread(StoreKind),
}

impl StoreStatus {
    /// Returns where secrets are stored.
    #[must_use]
    pub fn kind(self) -> StoreKind {
        match self {
            Self::Ready(kind)
            | Self::Locked(kind)
            | Self::Unanswered(kind)
            | Self::NotWritten { kind, .. }
            | Self::TooLarge { kind, .. }
            | Self::Damaged(kind)
            | Self::Unread(kind) => kind,
            Self::MemoryChosen | Self::NoKeyring { .. } | Self::FileUnreadable { .. } => StoreKind::Memory,
        }
    }

    /// True if [`Auth::use_private_file`](crate::auth::Auth::use_private_file) would help. A locked keyring needs its
    /// password, not another place.
    #[must_use]
    pub fn can_use_file(self) -> bool {
        match self {
            Self::NoKeyring { file_possible } => file_possible,
            Self::NotWritten { kind, file_possible } | Self::TooLarge { kind, file_possible } => {
                kind == StoreKind::Keyring && file_possible
            }
            _ => false,
        }
    }

    /// True if [`Auth::retry_store`](crate::auth::Auth::retry_store) might help.
    #[must_use]
    pub fn can_retry(self) -> bool {
        match self {
            Self::NoKeyring { .. } | Self::Locked(_) | Self::NotWritten { .. } | Self::TooLarge { .. } => true,
            // A keyring that is still being read at the start isn't asked again.
            Self::Unanswered(kind) => kind != StoreKind::Keyring,
            Self::FileUnreadable { has_keyring } => has_keyring,
            Self::Ready(_) | Self::MemoryChosen | Self::Damaged(_) | Self::Unread(_) => false,
        }
    }
}
