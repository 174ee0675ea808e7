//! The task that owns accounts and store: sign-ins, renewals, callbacks, and the published state.
//!
//! An [`Auth`] is a handle to the task; cloning it is cheap. Callers request a bearer token for each call ([`Auth::token`]),
//! report the outcome ([`Auth::record_outcome`]), and watch [`AuthState`]. Each of its methods sends the task a closure
//! that runs on the state and answers at once; what takes time (a call to the accounts service, a store's answer) runs in
//! other tasks, which send closures in turn.
//!
//! **Invariant:** the task waits only for its next closure or a time.
//! **Invariant:** anything that may change a stored secret runs in a task of its own: a caller that stops waiting can't lose
//! a token.
//! **Invariant:** a new refresh token is stored before the access token that came with it is used.

mod api;
mod callback;
mod config;
mod login;
mod maintenance;
mod oauth;
mod pending;
mod renewal;
mod run;
mod state;
mod task;

pub use config::{
    ACCOUNTS_URL, Config, Random, default_limits_file, default_lock_file, default_private_file, system_random,
};
pub use state::AuthState;
pub use task::Auth;

/// The imports of this module's tests.
#[cfg(test)]
mod prelude {
    pub use std::time::Duration;

    pub use url::Url;

    pub use super::{Auth, AuthState, Config, system_random};
    pub use crate::auth::accounts::{
        AccessToken, AccountId, AuthError, Group, Link, Outcome, SaveAccount, SignInId, User,
    };
    pub use crate::auth::secret::Secret;
    pub use crate::clock::Clock;
    pub use crate::http::Http;
    pub use crate::supervisor::Supervisor;
}

#[cfg(test)]
mod clock_tests;
#[cfg(test)]
mod crash_tests;
#[cfg(test)]
mod store_tests;
#[cfg(test)]
pub(crate) mod testing;
#[cfg(test)]
mod tests;
