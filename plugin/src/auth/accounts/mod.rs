//! The accounts as pure data: the list, each account's state, its limits and counts, and which one serves.
//!
//! [`Accounts`] is a state machine without I/O and without a clock: each event that depends on the time brings a [`Now`].
//! The `service` owns the one instance, and its `store` saves what outlives the process.
//!
//! **Invariant:** a sign-in ends only by the user, or by the accounts service's own `invalid_grant`. No failure of the
//! network or of a server ever ends one.

mod account;
mod dates;
mod error;
mod form;
mod ids;
mod list;
mod renewal;
pub(in crate::auth) mod rotation;
mod snapshot;
mod stored;
mod token;
mod usage;
mod view;

#[cfg(test)]
pub(in crate::auth) use account::CONFIRM_AFTER;
pub(in crate::auth) use dates::Now;
pub(in crate::auth) use error::printable_code;
pub use error::{AuthError, Field};
#[cfg(test)]
pub(in crate::auth) use form::LONGEST_CREDENTIAL;
pub use form::SaveAccount;
pub(in crate::auth) use ids::digest;
pub use ids::{AccountId, ClientId, SignInId, UserId};
pub(in crate::auth) use list::{Accounts, MOST_ACCOUNTS};
pub use rotation::{AccountIssue, Group, Limit, LimitKind, Outcome, Route};
#[cfg(test)]
pub(in crate::auth) use stored::SignInDate;
pub(in crate::auth) use stored::StoredAccount;
#[cfg(test)]
pub(in crate::auth) use token::RENEWAL_BACKOFF;
pub use token::{AccessToken, Needs};
pub(in crate::auth) use token::{Credentials, Lending, MARGIN, RENEW_AHEAD, Renewal, TokenError, Tokens};
pub use usage::Counts;
pub(in crate::auth) use view::AVERMEDIA_RELAY;
pub use view::{AccountCounts, AccountState, AccountView, Link, Redirect, User};

#[cfg(test)]
mod tests;
