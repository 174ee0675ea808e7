//! What of an account outlives the process.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::dates::{Now, newer_than};
use super::ids::{AccountId, ClientId};
use super::view::{Redirect, User};
use crate::auth::secret::Secret;
use crate::unix_time::UnixTime;

/// How long a sign-in lasts at Spotify: six months, which are 181 days at the least.
const SIGN_IN_LIFE: Duration = Duration::from_secs(181 * 24 * 3_600);

/// The date of a sign-in, in whole seconds, as it is stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub(in crate::auth) struct SignInDate(u64);

impl SignInDate {
    pub fn new(date: UnixTime) -> Self {
        Self(date.as_secs())
    }

    /// Returns when Spotify will end the sign-in.
    pub fn end(self) -> UnixTime {
        UnixTime::from_secs(self.0) + SIGN_IN_LIFE
    }
}

/// One account as it is stored. Only `auth` sees the type, and only the store turns it into text.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(in crate::auth) struct StoredAccount {
    /// Our own id.
    pub id: AccountId,
    /// The Client ID of the Spotify app.
    pub client_id: ClientId,
    /// Its secret; none for an app that is used with PKCE alone.
    #[serde(default, with = "secret_text", skip_serializing_if = "Option::is_none")]
    pub client_secret: Option<Secret>,
    /// How the browser comes back.
    #[serde(default)]
    pub redirect: Redirect,
    /// An account that belongs to the same developer account according to the user.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub same_developer_as: Option<AccountId>,
    /// The sign-in, if there is one.
    #[serde(default, with = "secret_text", skip_serializing_if = "Option::is_none")]
    pub refresh_token: Option<Secret>,
    /// Who has signed in, once known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user: Option<User>,
    /// When the user signed in: Spotify ends a sign-in six months later.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub signed_in_at: Option<SignInDate>,
    /// When the sign-in changed last: its refresh token was obtained, or it ended. Of two copies' sign-ins the newer one
    /// counts. 1970 for what an older version has stored.
    #[serde(default)]
    pub token_at: UnixTime,
}

impl StoredAccount {
    /// An account of an app without a sign-in.
    pub fn new(id: AccountId, client_id: ClientId) -> Self {
        Self {
            id,
            client_id,
            client_secret: None,
            redirect: Redirect::default(),
            same_developer_as: None,
            refresh_token: None,
            user: None,
            signed_in_at: None,
            token_at: UnixTime::default(),
        }
    }

    /// Marks the sign-in as changed now.
    pub fn touch_sign_in(&mut self, now: Now) {
        self.token_at = newer_than(self.token_at, now);
    }
}

/// The only way of a secret into and out of text.
mod secret_text {
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    use crate::auth::secret::Secret;

    pub fn serialize<S: Serializer>(secret: &Option<Secret>, serializer: S) -> Result<S::Ok, S::Error> {
        secret.as_ref().map(Secret::expose).serialize(serializer)
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

    #[test]
    fn stored_account_keeps_its_form() {
        let stored = StoredAccount {
            signed_in_at: Some(SignInDate::new(UnixTime::from_millis(1_800_000_000_999))),
            token_at: UnixTime::from_millis(1_800_000_000_999),
            user: Some(User { id: "u".into(), account_id: None, name: "U".to_owned() }),
            ..StoredAccount::new("a".into(), "b".into())
        };
        let text = r#"{"id":"a","client_id":"b","redirect":"loopback","user":{"id":"u","name":"U"},"#.to_owned()
            + r#""signed_in_at":1800000000,"token_at":1800000000999}"#;
        assert_eq!(serde_json::to_string(&stored).unwrap(), text);
    }
}
