//! The accounts as pure data: the list, each account's state, its limits and counts, and which one serves.
//!
//! [`Accounts`] is a state machine without I/O and without a clock of its own: each event that depends on the time brings
//! a [`Now`] with it. The `service` owns the one instance, and its `store` keeps what outlives the process.
//!
//! **Invariant:** a sign-in ends only by the user, or by the accounts service's own `invalid_grant`. No failure of the
//! network or of a server ever ends one.

mod account;
mod error;
mod form;
mod hex;
mod list;
mod now;
mod renewal;
pub(in crate::auth) mod rotation;
mod snapshot;
mod stored;
mod token;
mod usage;
mod view;

#[cfg(test)]
pub(in crate::auth) use account::CONFIRM_AFTER;
pub(in crate::auth) use error::shown_code;
pub use error::{AuthError, Field};
#[cfg(test)]
pub(in crate::auth) use form::LONGEST_CREDENTIAL;
pub use form::SaveAccount;
pub(in crate::auth) use hex::{digest, hex};
pub(in crate::auth) use list::{Accounts, MOST_ACCOUNTS};
pub(in crate::auth) use now::Now;
pub use rotation::{AccountIssue, Group, Limit, LimitKind, Outcome, Route};
pub(in crate::auth) use stored::StoredAccount;
#[cfg(test)]
pub(in crate::auth) use token::RENEWAL_BACKOFF;
pub(in crate::auth) use token::{AHEAD_MS, Credentials, Lending, MARGIN_MS, Renewal, TokenError, Tokens};
pub use token::{AccessToken, Needs};
pub use usage::Counts;
pub(in crate::auth) use view::AVERMEDIA_RELAY;
pub use view::{AccountCounts, AccountState, AccountView, Link, Redirect, SignInId, User};

#[cfg(test)]
mod tests;
