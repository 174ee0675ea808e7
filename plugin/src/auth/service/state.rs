//! What the service publishes.

use crate::auth::accounts::{AccountView, Limit, Link};
use crate::auth::store::StoreStatus;

/// Everything that can be shown about accounts; see [`Auth::watch`](super::Auth::watch).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuthState {
    /// All accounts in one word.
    pub link: Link,
    /// The accounts in their order, the primary first.
    pub accounts: Vec<AccountView>,
    /// Until when no account may send anything to the player; its end may have passed.
    pub limit: Option<Limit>,
    /// Until when what can wait should be asked less often, as the account that serves was throttled a short while ago
    /// (Unix milliseconds).
    pub strained_until_ms: Option<u64>,
    /// The secret store.
    pub store: StoreStatus,
}

impl AuthState {
    /// The account that serves the player's calls, with its place in the list.
    #[must_use]
    pub fn serving(&self) -> Option<(usize, &AccountView)> {
        self.accounts.iter().enumerate().find(|(_, account)| account.active)
    }

    /// Logs what explains later why keys looked as they did.
    pub(super) fn log_change_from(&self, before: &Self) {
        if before.link != self.link {
            tracing::info!(before = ?before.link, now = ?self.link, "the link to Spotify has changed");
        }
        let serving = |state: &Self| state.serving().map(|(_, account)| account.id.clone());
        let (was, is) = (serving(before), serving(self));
        if was != is {
            tracing::info!(before = was, now = is, limited = self.limit.is_some(), "another account serves");
        }
        if before.store != self.store {
            tracing::info!(before = ?before.store, now = ?self.store, "the store of the sign-ins has changed");
        }
    }
}
