//! Tokens: what the accounts service issues, and what is lent for a call.

use std::time::Duration;

use host_sdk::backoff::Backoff;

use super::error::AuthError;
use super::ids::{AccountId, ClientId, SignInId};
use crate::auth::secret::Secret;
use crate::unix_time::UnixTime;

/// A token is renewed this long before it expires.
pub(in crate::auth) const RENEW_AHEAD: Duration = Duration::from_secs(300);
/// A token is no longer lent this long before it expires, so that it doesn't expire on its way.
pub(in crate::auth) const MARGIN: Duration = Duration::from_secs(10);
/// The waits after the network or the service has failed.
pub(in crate::auth) const RENEWAL_BACKOFF: Backoff = Backoff::new(Duration::from_secs(1), Duration::from_secs(60));

/// What a call needs from its token.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Needs {
    /// The user's sign-in.
    User,
    /// Nothing but a Client ID and Secret: search and public facts.
    App,
}

/// Tokens that the accounts service has issued.
pub(in crate::auth) struct Tokens {
    /// The bearer token.
    pub access: Secret,
    /// How long it is valid from now on.
    pub life: Duration,
    /// A refresh token, if one came along.
    pub refresh: Option<Secret>,
}

/// Why no tokens were issued.
#[derive(Debug, PartialEq, Eq)]
pub(in crate::auth) enum TokenError {
    /// The code or the refresh token is no longer valid.
    InvalidGrant {
        /// Whether the answer has words that Spotify documents for it, or that are known: it never works again then.
        /// Any other may be a fault of Spotify's.
        is_documented: bool,
    },
    /// The Client ID is wrong.
    InvalidClient,
    /// The Client Secret is wrong.
    InvalidSecret,
    /// Any other refusal, by its code.
    Refused(String),
    /// No answer came.
    Offline,
    /// The service fails with this status, and perhaps tells for how long.
    Down(u16, Option<Duration>),
    /// Something else answered: a captive portal, a proxy, a firewall.
    Intercepted,
}

impl From<TokenError> for AuthError {
    fn from(error: TokenError) -> Self {
        match error {
            TokenError::InvalidGrant { .. } => Self::SignInAgain,
            TokenError::InvalidClient => Self::ClientIdRefused,
            TokenError::InvalidSecret => Self::ClientSecretRefused,
            TokenError::Refused(code) => Self::Refused(code),
            TokenError::Offline => Self::Offline,
            TokenError::Down(status, _) => Self::AccountsDown(status),
            TokenError::Intercepted => Self::Intercepted,
        }
    }
}

/// A bearer token, lent for one call.
#[derive(Clone, Debug)]
pub struct AccessToken {
    pub(super) account: AccountId,
    pub(super) app: ClientId,
    pub(super) sign_in: SignInId,
    pub(super) kind: Needs,
    pub(super) bearer: Secret,
    pub(super) serial: u64,
}

impl AccessToken {
    /// Returns the account that it belongs to.
    #[must_use]
    pub fn account(&self) -> &AccountId {
        &self.account
    }

    /// Returns the token itself, for the `Authorization` header.
    #[must_use]
    pub fn bearer(&self) -> &Secret {
        &self.bearer
    }

    pub(in crate::auth) fn kind(&self) -> Needs {
        self.kind
    }
}

/// An access token that an account holds.
pub(super) struct Access {
    pub bearer: Secret,
    pub expires: UnixTime,
    /// Distinguishes it from others of this process.
    pub serial: u64,
}

/// The credentials of an app.
#[derive(Clone, PartialEq, Eq)]
pub(in crate::auth) struct Credentials {
    pub client_id: ClientId,
    pub client_secret: Option<Secret>,
}

/// What it takes to have a valid access token.
pub(in crate::auth) enum Renewal {
    /// Nothing: here it is.
    NotNeeded(AccessToken),
    /// A request with this refresh token and these credentials.
    Needed(Credentials, Secret),
}

/// The answer of [`Accounts::lend`](super::Accounts::lend).
pub(in crate::auth) struct Lending {
    /// A token that may be used now.
    pub token: Option<AccessToken>,
    /// The kind of token that it is, or would be.
    pub kind: Needs,
    /// Whether it expires soon.
    pub renew_ahead: bool,
}
