//! An account as it is typed into the settings page.

use super::error::AuthError;
use super::ids::{AccountId, ClientId};
use super::view::Redirect;
use crate::auth::secret::Secret;

/// More than any ID or secret that Spotify issues, and small enough for every store. In bytes.
pub(in crate::auth) const LONGEST_CREDENTIAL: usize = 200;

/// An account as the user has typed it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SaveAccount {
    /// The account to change; None adds one.
    pub id: Option<AccountId>,
    /// The Client ID. White space around it is removed.
    pub client_id: ClientId,
    /// The Client Secret. None or empty keeps the stored one; a new account without one is used with PKCE alone.
    pub client_secret: Option<Secret>,
    /// Use the account with PKCE alone: no secret is kept, neither a typed nor a stored one.
    pub pkce_only: bool,
    /// How the browser comes back.
    pub redirect: Redirect,
    /// An account whose app belongs to the same developer account; `Some(None)`: there is none. None leaves it unchanged.
    pub same_developer_as: Option<Option<AccountId>>,
}

impl SaveAccount {
    /// Removes white space, and drops a secret that is not to be used.
    pub(in crate::auth) fn checked(mut self) -> Result<Self, AuthError> {
        let client_id = self.client_id.as_str().trim();
        if client_id.is_empty() {
            return Err(AuthError::ClientIdMissing);
        }
        if !is_plausible(client_id) {
            return Err(AuthError::ClientIdForm);
        }
        self.client_id = client_id.into();
        if matches!(self.redirect, Redirect::Fixed(..1024)) {
            return Err(AuthError::PortForm);
        }
        let typed = self.client_secret.take().filter(|_| !self.pkce_only);
        self.client_secret = typed.map(|secret| secret.trimmed()).filter(|secret| !secret.is_empty());
        match &self.client_secret {
            Some(secret) if !is_plausible(secret.expose()) => Err(AuthError::ClientSecretForm),
            _ => Ok(self),
        }
    }
}

/// True for one word of a sensible length: nothing more is certain about IDs and secrets that Spotify may issue in future.
fn is_plausible(text: &str) -> bool {
    text.len() <= LONGEST_CREDENTIAL && text.chars().all(|character| character.is_ascii_graphic())
}
