//! Tokens: what the accounts service gives, and what is lent for a call.

use std::time::Duration;

use host_sdk::backoff::Backoff;

use super::error::AuthError;
use super::view::SignInId;
use crate::auth::secret::Secret;

/// A token is renewed this long before it expires.
pub(in crate::auth) const AHEAD_MS: u64 = 300_000;
/// A token isn't lent any more this long before it expires, so that it doesn't expire on its way.
pub(in crate::auth) const MARGIN_MS: u64 = 10_000;
/// The waits after the network or the service failed.
pub(in crate::auth) const RENEWAL_BACKOFF: Backoff = Backoff::new(Duration::from_secs(1), Duration::from_secs(60));

/// What a call needs from its token.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Needs {
    /// The user's sign-in.
    User,
    /// Nothing but a Client ID and Secret: search and public facts.
    App,
}

/// Tokens that the accounts service has given.
pub(in crate::auth) struct Tokens {
    /// The bearer token.
    pub access: Secret,
    /// How long it is valid from now on.
    pub life: Duration,
    /// A refresh token, if one came.
    pub refresh: Option<Secret>,
}

/// Why no tokens were given.
#[derive(Debug, PartialEq, Eq)]
pub(in crate::auth) enum TokenError {
    /// The code or the refresh token is over.
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
    /// The service fails with this status, and perhaps says for how long.
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
    pub(super) account: String,
    pub(super) app: String,
    pub(super) sign_in: SignInId,
    pub(super) of: Needs,
    pub(super) bearer: Secret,
    pub(super) serial: u64,
}

impl AccessToken {
    /// The id of the account that it belongs to.
    #[must_use]
    pub fn account(&self) -> &str {
        &self.account
    }

    /// The token itself, for the `Authorization` header.
    #[must_use]
    pub fn bearer(&self) -> &Secret {
        &self.bearer
    }

    pub(in crate::auth) fn of(&self) -> Needs {
        self.of
    }
}

/// An access token that an account holds.
pub(super) struct Access {
    pub bearer: Secret,
    pub expires_ms: u64,
    /// Tells it from others of this process.
    pub serial: u64,
}

/// The app's own credentials.
#[derive(Clone, PartialEq, Eq)]
pub(in crate::auth) struct Credentials {
    pub client_id: String,
    pub client_secret: Option<Secret>,
}

/// What an account needs to have a valid access token.
pub(in crate::auth) enum Renewal {
    /// It has one.
    NotNeeded(AccessToken),
    /// This refresh token, with these credentials.
    Needed(Credentials, Secret),
}

impl Renewal {
    /// The token, if there is nothing to be done.
    pub fn done(self) -> Option<AccessToken> {
        match self {
            Self::NotNeeded(token) => Some(token),
            Self::Needed(..) => None,
        }
    }
}

/// What `Accounts::lend` finds.
pub(in crate::auth) struct Lending {
    /// A token that may be used now.
    pub token: Option<AccessToken>,
    /// Whose token it is, or would be.
    pub of: Needs,
    /// Whether it expires soon.
    pub renew_ahead: bool,
}
