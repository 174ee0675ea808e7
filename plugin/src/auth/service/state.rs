//! The state that the service publishes.

use crate::auth::accounts::{AccountView, Limit, Link};
use crate::auth::store::StoreStatus;
use crate::unix_time::UnixTime;

/// Everything that can be shown about accounts; see [`Auth::watch`](super::Auth::watch).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuthState {
    /// The state of all accounts together.
    pub link: Link,
    /// The accounts in their order, the primary first.
    pub accounts: Vec<AccountView>,
    /// The limit while no account may send anything to the player; its end may have passed.
    pub limit: Option<Limit>,
    /// Until when polls should be less frequent, as the account that serves was throttled a short while ago.
    pub strained_until: Option<UnixTime>,
    /// The state of the secret store.
    pub store: StoreStatus,
}

impl AuthState {
    /// Returns the account that serves the player's calls, with its place in the list.
    #[must_use]
    pub fn serving(&self) -> Option<(usize, &AccountView)> {
        self.accounts.iter().enumerate().find(|(_, account)| account.active)
    }

    /// Logs the changes that explain later what keys have shown.
    pub(super) fn log_change_from(&self, before: &Self) {
        if before.link != self.link {
            tracing::info!(before = ?before.link, now = ?self.link, "the link to Spotify has changed");
        }
        fn serving(state: &AuthState) -> Option<&str> {
            state.serving().map(|(_, account)| account.id.as_str())
        }
        let (was, is) = (serving(before), serving(self));
        if was != is {
            tracing::info!(before = was, now = is, limited = self.limit.is_some(), "another account serves");
        }
        if before.store != self.store {
            tracing::info!(before = ?before.store, now = ?self.store, "the store of the sign-ins has changed");
        }
    }
}
