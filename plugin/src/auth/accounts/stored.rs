//! What of an account outlives the process.

use serde::{Deserialize, Serialize};

use super::view::{Redirect, User};
use crate::auth::secret::Secret;

/// One account as it is stored. Only `auth` sees the type, and only the store turns it into text.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(in crate::auth) struct StoredAccount {
    /// Our own id, which never changes.
    pub id: String,
    /// The Client ID of the Spotify app.
    pub client_id: String,
    /// Its secret; none for an app that is used with PKCE alone.
    #[serde(default, with = "secret_text", skip_serializing_if = "Option::is_none")]
    pub client_secret: Option<Secret>,
    /// How the browser comes back.
    #[serde(default)]
    pub redirect: Redirect,
    /// The account that belongs to the same developer account according to the user, by its id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub same_developer_as: Option<String>,
    /// The sign-in, if there is one.
    #[serde(default, with = "secret_text", skip_serializing_if = "Option::is_none")]
    pub refresh_token: Option<Secret>,
    /// Whose sign-in it is, once known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user: Option<User>,
    /// When the user signed in, in Unix seconds: Spotify ends a sign-in six months later.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub signed_in_at: Option<u64>,
    /// When the sign-in changed last, in Unix milliseconds: its refresh token was obtained, or it ended. Of two copies'
    /// sign-ins the newer one counts. 0 for what an older version has stored.
    #[serde(default)]
    pub token_at: u64,
}

impl StoredAccount {
    /// Marks the sign-in as changed now: newer than what it replaces, even if the computer's clock was set back.
    pub fn touch_sign_in(&mut self, now_ms: u64) {
        self.token_at = now_ms.max(self.token_at.saturating_add(1));
    }
}

/// The only way of a secret into and out of text.
mod secret_text {
    use serde::{Deserialize, Deserializer, Serializer};

    use crate::auth::secret::Secret;

    pub fn serialize<S: Serializer>(secret: &Option<Secret>, serializer: S) -> Result<S::Ok, S::Error> {
        match secret {
            Some(secret) => serializer.serialize_some(secret.expose()),
            None => serializer.serialize_none(),
        }
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Secret>, D::Error> {
        Ok(Option::<String>::deserialize(deserializer)?.map(Secret::new))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stored_account_reads_missing_members_as_none() {
        let read: StoredAccount = serde_json::from_str(r#"{"id":"a","client_id":"b","later":1}"#).unwrap();
        assert_eq!(read.refresh_token, None);
        assert_eq!(read.redirect, Redirect::Loopback);
    }
}
