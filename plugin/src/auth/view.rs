//! What everybody may see of the accounts: for the settings page and the keys.

use serde::{Deserialize, Serialize};

use super::error::{AuthError, Remedy};

/// The relay of the vendor's other products: it sends the browser on to the address that it is given as `state`.
pub(super) const AVERMEDIA_RELAY: &str = "https://www.avermedia.com/oauth/auth_v2.0.php";
/// The loopback form to register: Spotify then allows any port.
pub(super) const LOOPBACK: &str = "http://127.0.0.1/callback";

/// How the browser comes back from Spotify's page.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Redirect {
    /// To this computer, on whatever port is free.
    #[default]
    Loopback,
    /// Over the vendor's relay, whose address the vendor's help tells users to register.
    Avermedia,
}

impl Redirect {
    /// The Redirect URI to register in the Spotify dashboard.
    #[must_use]
    pub fn registered(self) -> &'static str {
        match self {
            Self::Loopback => LOOPBACK,
            Self::Avermedia => AVERMEDIA_RELAY,
        }
    }
}

/// A Spotify user.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct User {
    /// Spotify's id.
    pub id: String,
    /// The name to show; the id where there is no name.
    pub name: String,
}

/// What an account is now.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum AccountState {
    /// There is no sign-in.
    NeedsLogin,
    /// A sign-in runs in the browser.
    Linking,
    /// There is a sign-in.
    Linked,
    /// Spotify refuses the Client ID or the Client Secret.
    InvalidCredentials,
}

/// An account as everybody may see it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AccountView {
    /// Our own id.
    pub id: String,
    /// The Client ID.
    pub client_id: String,
    /// Whether a Client Secret is stored.
    pub has_secret: bool,
    /// How the browser comes back.
    pub redirect: Redirect,
    /// What it is now.
    pub state: AccountState,
    /// Whose sign-in it is, once known.
    pub user: Option<User>,
    /// What is to be said about it, if anything: the last thing that went wrong.
    pub problem: Option<AuthError>,
    /// True for the account that serves the calls.
    pub active: bool,
}

/// Where secrets are kept now.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum StoreKind {
    /// In the computer's keyring.
    Keyring,
    /// In a private file.
    File,
    /// In memory, until the host stops.
    Memory,
}

/// The state of the secret store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoreView {
    /// Where secrets are kept now.
    pub kind: StoreKind,
    /// What the user should know about it, if anything.
    pub message: Option<String>,
    /// True if [`Auth::use_private_file`](super::Auth::use_private_file) would make it better.
    pub can_use_file: bool,
    /// True if [`Auth::retry_store`](super::Auth::retry_store) might make it better.
    pub can_retry: bool,
}

/// All accounts in one word, for the keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Link {
    /// The store is still being read.
    Loading,
    /// The keyring doesn't answer; mostly it waits to be unlocked.
    KeyringWaiting,
    /// Nobody has signed in.
    NotLinked,
    /// The first sign-in runs in the browser.
    Linking,
    /// An account can serve calls.
    Linked,
    /// The sign-in is over.
    SignInAgain,
    /// Spotify refuses the ID or the secret.
    InvalidCredentials,
}

impl Link {
    /// What to tell the user; None when linked.
    #[must_use]
    pub fn remedy(self) -> Option<Remedy> {
        match self {
            Self::Linked => None,
            Self::Linking => {
                Some(Remedy::new("Agree in the browser", "Spotify's page is open in the browser: choose Agree there."))
            }
            Self::InvalidCredentials => Some(Remedy::new(
                "Check ID and Secret",
                "Spotify refuses the Client ID or the Client Secret. Correct them in the settings.",
            )),
            Self::Loading => Some(AuthError::Loading.remedy()),
            Self::KeyringWaiting => Some(AuthError::KeyringWaiting.remedy()),
            Self::NotLinked => Some(AuthError::NotLinked.remedy()),
            Self::SignInAgain => Some(AuthError::SignInAgain.remedy()),
        }
    }
}

/// Everything that can be shown about accounts; see [`Auth::watch`](super::Auth::watch).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuthState {
    /// All accounts in one word.
    pub link: Link,
    /// The accounts in their order, the primary first.
    pub accounts: Vec<AccountView>,
    /// The secret store.
    pub store: StoreView,
}
