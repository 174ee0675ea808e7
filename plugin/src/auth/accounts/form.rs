//! An account as it is typed into the settings page.

use super::error::AuthError;
use super::view::Redirect;
use crate::auth::secret::Secret;

/// More than any ID or secret that Spotify gives, and small enough for every store. In bytes.
pub(in crate::auth) const LONGEST_CREDENTIAL: usize = 200;

/// An account as the user has typed it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SaveAccount {
    /// The account to change; None adds one.
    pub id: Option<String>,
    /// The Client ID. White space around it is removed.
    pub client_id: String,
    /// The Client Secret. None or empty keeps the stored one; a new account without one is used with PKCE alone.
    pub client_secret: Option<Secret>,
    /// Use the account with PKCE alone: no secret is kept, whatever is typed or stored.
    pub pkce_only: bool,
    /// How the browser comes back.
    pub redirect: Redirect,
    /// The id of an account whose app belongs to the same developer account; empty: of none. None leaves it as it is.
    pub same_developer_as: Option<String>,
}

impl SaveAccount {
    /// Removes white space, and drops the secret that is not to be used.
    pub(in crate::auth) fn checked(mut self) -> Result<Self, AuthError> {
        self.client_id = self.client_id.trim().to_owned();
        if self.client_id.is_empty() {
            return Err(AuthError::ClientIdMissing);
        }
        if !is_plausible(&self.client_id) {
            return Err(AuthError::ClientIdForm);
        }
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

/// One word of a sensible length: nothing more is certain about IDs and secrets that Spotify may give in future.
fn is_plausible(text: &str) -> bool {
    text.len() <= LONGEST_CREDENTIAL && text.chars().all(|character| character.is_ascii_graphic())
}
