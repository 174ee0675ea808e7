//! What is under way in the service.

use tokio::sync::watch;
use url::Url;

use crate::auth::accounts::{AccessToken, AuthError, Needs, SignInId};
use crate::auth::secret::Secret;

/// A sign-in that is running.
pub(super) struct Login {
    pub serial: u64,
    pub account: String,
    /// The unguessable part that the browser has to bring back.
    pub part: Secret,
    pub verifier: Secret,
    /// As it was sent, with the port.
    pub redirect_uri: Url,
    /// Its answer has come and is being exchanged for tokens.
    pub is_used: bool,
    /// The sign-in that it has become, while that is being stored.
    pub became: Option<SignInId>,
    /// Dropped with the sign-in; the listener ends then.
    pub _listener: watch::Sender<()>,
}

/// The outcome of a renewal.
pub(super) type Renewed = Result<AccessToken, AuthError>;

/// What a renewal is for: the account, its sign-in, and whose token it is.
pub(super) type RenewalKey = (String, Option<SignInId>, Needs);
