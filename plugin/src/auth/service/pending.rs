//! What is under way in the service.

use tokio::sync::watch;
use url::Url;

use crate::auth::accounts::{AccessToken, AccountId, AuthError, Needs, SignInId};
use crate::auth::secret::Secret;

/// A log-in that is running.
pub(super) struct Login {
    pub serial: u64,
    pub account: AccountId,
    /// The unguessable part that the browser has to bring back.
    pub part: Secret,
    pub verifier: Secret,
    /// As it was sent, with the port.
    pub redirect_uri: Url,
    /// Whether its code is being exchanged for tokens.
    pub is_used: bool,
    /// The new sign-in, while it is being stored.
    pub sign_in: Option<SignInId>,
    /// Dropped with the log-in, which ends the listener.
    pub _listener: watch::Sender<()>,
}

/// The outcome of a renewal.
pub(super) type Renewed = Result<AccessToken, AuthError>;

/// What a renewal is for: the account, its sign-in, and the kind of token.
pub(super) type RenewalKey = (AccountId, Option<SignInId>, Needs);
