//! Accounts, sign-ins, tokens and their storage. Nothing else in the package sees a secret.
//!
//! Three modules, each of which uses only those before it:
//! - `accounts` is pure data: the list, each account's state, its limits and counts, and which one serves a call.
//! - `store` stores secrets in the keyring, a private file, or memory, and merges with other copies of the package.
//! - `service` is the task that owns both, with sign-ins and renewals. An [`Auth`] is a handle to it.

mod accounts;
mod secret;
mod service;
#[cfg(test)]
mod steps;
mod store;

pub use accounts::{
    AccessToken, AccountCounts, AccountId, AccountIssue, AccountState, AccountView, AuthError, ClientId, Counts, Field,
    Group, Limit, LimitKind, Link, Needs, Outcome, Redirect, Route, SaveAccount, SignInId, User, UserId,
};
pub use secret::Secret;
#[cfg(test)]
pub(crate) use service::testing;
pub use service::{
    ACCOUNTS_URL, Auth, AuthState, Config, Random, default_limits_file, default_lock_file, default_private_file,
    system_random,
};
pub use store::{StoreChoice, StoreKind, StoreStatus};
