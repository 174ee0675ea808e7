//! The public view of the accounts, for the settings page and the keys.

use serde::{Deserialize, Serialize};

use super::error::AuthError;
use super::ids::{AccountId, ClientId, SignInId, UserId};
use super::rotation::{AccountIssue, Group, Limit};
use super::usage::Counts;
use crate::i18n::UserMessage;
use crate::unix_time::UnixTime;

/// The relay of the vendor's other products: it redirects the browser to the address that it receives as `state`.
pub(in crate::auth) const AVERMEDIA_RELAY: &str = "https://www.avermedia.com/oauth/auth_v2.0.php";

/// How the browser comes back from Spotify's page.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Redirect {
    /// To this computer, on any free port, which Spotify allows where the address is registered without one.
    #[default]
    Loopback,
    /// To this computer, on this port, for users who have registered one.
    Fixed(u16),
    /// Through the vendor's relay, whose address the vendor's help tells users to register.
    Avermedia,
}

impl Redirect {
    /// Returns the Redirect URI to register in the Spotify dashboard.
    #[must_use]
    pub fn registered(self) -> String {
        match self {
            Self::Loopback => "http://127.0.0.1/callback".to_owned(),
            Self::Fixed(port) => format!("http://127.0.0.1:{port}/callback"),
            Self::Avermedia => AVERMEDIA_RELAY.to_owned(),
        }
    }
}

/// A Spotify user.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct User {
    /// Spotify's id, by which playlists name their owner. It may change.
    pub id: UserId,
    /// The id that never changes: the `account_id` of [`GET /me`](https://developer.spotify.com/documentation/web-api/reference/get-current-users-profile)
    /// since May 2026. None from answers without it, and in what was stored before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub account_id: Option<String>,
    /// The name to show; the id where there is no name.
    pub name: String,
}

impl User {
    /// True if both are one person: by the id that never changes where both have it, otherwise by the other one.
    #[must_use]
    pub fn is_same(&self, other: &Self) -> bool {
        match (&self.account_id, &other.account_id) {
            (Some(ours), Some(theirs)) => ours == theirs,
            _ => self.id == other.id,
        }
    }
}

/// The state of an account.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum AccountState {
    /// There is no sign-in.
    NeedsLogin,
    /// A log-in is running in the browser.
    Linking,
    /// There is a sign-in.
    Linked,
    /// Spotify has ended the sign-in.
    SignInAgain,
    /// Spotify refuses the Client ID or the Client Secret.
    InvalidCredentials,
}

/// The public view of an account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AccountView {
    /// Our own id.
    pub id: AccountId,
    /// The Client ID.
    pub client_id: ClientId,
    /// Whether a Client Secret is stored.
    pub has_secret: bool,
    /// How the browser comes back.
    pub redirect: Redirect,
    /// Its state.
    pub state: AccountState,
    /// The sign-in, if there is one.
    pub sign_in: Option<SignInId>,
    /// Who has signed in, once known.
    pub user: Option<User>,
    /// The last error, if it has not been resolved since.
    pub last_error: Option<AuthError>,
    /// True for the account that serves the player's calls.
    pub active: bool,
    /// True if the user has chosen it to serve first.
    pub is_preferred: bool,
    /// An account that belongs to the same developer account according to the user.
    pub same_developer_as: Option<AccountId>,
    /// The limits of groups of calls; without a group it is all calls. They may have ended.
    pub limits: Vec<(Option<Group>, Limit)>,
    /// The limits of single calls, by their group, while others are served.
    pub call_limits: Vec<(Group, Limit)>,
    /// Why the app may not serve although nothing is used up.
    pub issue: Option<AccountIssue>,
    /// When Spotify will end the sign-in.
    pub sign_in_ends: Option<UnixTime>,
    /// True if that is within 30 days.
    pub sign_in_ends_soon: bool,
}

impl AccountView {
    /// Returns the sign-in whose user isn't known yet, which a backup needs to serve, or isn't known by the id that never
    /// changes, as it was stored before Spotify had one.
    #[must_use]
    pub fn to_identify(&self) -> Option<SignInId> {
        let known = self.user.as_ref().is_some_and(|user| user.account_id.is_some());
        self.sign_in.filter(|_| self.state == AccountState::Linked && !known)
    }
}

/// Requests that an account has sent, by group; see [`Auth::counts`](crate::auth::Auth::counts).
pub type AccountCounts = Vec<(Group, Counts)>;

/// The state of all accounts together, for the keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Link {
    /// The store is still being read.
    Loading,
    /// The keyring doesn't answer; usually it waits to be unlocked.
    KeyringWaiting,
    /// No account is signed in.
    NotLinked,
    /// The first log-in is running in the browser.
    Linking,
    /// An account can serve calls.
    Linked,
    /// Spotify has ended the sign-in.
    SignInAgain,
    /// Spotify refuses the ID or the secret.
    InvalidCredentials,
}

impl Link {
    /// Returns what to tell the user; None when linked.
    #[must_use]
    pub fn user_message(self) -> Option<UserMessage> {
        match self {
            Self::Linked => None,
            Self::Linking => Some(UserMessage::new(
                "Agree in the browser",
                "Spotify's page is open in the browser: choose Agree there.",
            )),
            Self::InvalidCredentials => Some(UserMessage::new(
                "Check ID and Secret",
                "Spotify refuses the Client ID or the Client Secret. Correct them in the settings.",
            )),
            Self::Loading => Some(AuthError::Loading.user_message()),
            Self::KeyringWaiting => Some(AuthError::KeyringWaiting.user_message()),
            Self::NotLinked => Some(AuthError::NotLinked.user_message()),
            Self::SignInAgain => Some(AuthError::SignInAgain.user_message()),
        }
    }
}
