//! What everybody may see of the accounts: for the settings page and the keys.

use serde::{Deserialize, Serialize};

use super::error::{AuthError, Remedy};
use super::rotation::{Group, Limit, Trouble};
use super::usage::Counts;

/// The relay of the vendor's other products: it sends the browser on to the address that it is given as `state`.
pub(super) const AVERMEDIA_RELAY: &str = "https://www.avermedia.com/oauth/auth_v2.0.php";

/// How the browser comes back from Spotify's page.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Redirect {
    /// To this computer, on whatever port is free: Spotify allows any where the address is registered without one.
    #[default]
    Loopback,
    /// To this computer, on this port, for users who have registered one.
    Fixed(u16),
    /// Over the vendor's relay, whose address the vendor's help tells users to register.
    Avermedia,
}

impl Redirect {
    /// The Redirect URI to register in the Spotify dashboard.
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
    /// Spotify's id, as playlists name their owner. It may change.
    pub id: String,
    /// The id that stays: the `account_id` of [`GET /me`](https://developer.spotify.com/documentation/web-api/reference/get-current-users-profile)
    /// since May 2026. None from answers without it, and in what was stored before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub account_id: Option<String>,
    /// The name to show; the id where there is no name.
    pub name: String,
}

impl User {
    /// Whether both are one person: by the id that stays where both have it, otherwise by the other one.
    #[must_use]
    pub fn is_same(&self, other: &Self) -> bool {
        match (&self.account_id, &other.account_id) {
            (Some(ours), Some(theirs)) => ours == theirs,
            _ => self.id == other.id,
        }
    }
}

/// One log-in, as told from those before and after it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct SignInId(pub(super) u64);

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
    /// Spotify has ended the sign-in.
    SignInAgain,
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
    /// The sign-in, if there is one.
    pub sign_in: Option<SignInId>,
    /// Whose sign-in it is, once known.
    pub user: Option<User>,
    /// What is to be said about it, if anything: the last thing that went wrong.
    pub problem: Option<AuthError>,
    /// True for the account that serves the player's calls.
    pub active: bool,
    /// True if the user has put it first by hand.
    pub by_hand: bool,
    /// The account that the user says is of the same developer account.
    pub same_developer_as: Option<String>,
    /// What Spotify has shut, and until when; without a group it is everything. Limits of the past may be among them.
    pub limits: Vec<(Option<Group>, Limit)>,
    /// What Spotify has shut of single calls, by their group, while others are served.
    pub call_limits: Vec<(Group, Limit)>,
    /// What else is the matter with the app or its user.
    pub trouble: Option<Trouble>,
    /// When Spotify will end the sign-in, in Unix milliseconds.
    pub sign_in_ends_ms: Option<u64>,
    /// True if that is near enough for the user to do something about it: within 30 days.
    pub sign_in_ends_soon: bool,
}

impl AccountView {
    /// The sign-in of which it isn't known whose it is: a backup serves only when it is. Or it isn't known by the id that
    /// stays, as it was stored before there was one.
    #[must_use]
    pub fn to_identify(&self) -> Option<SignInId> {
        let known = self.user.as_ref().is_some_and(|user| user.account_id.is_some());
        self.sign_in.filter(|_| self.state == AccountState::Linked && !known)
    }
}

/// Requests that an account has sent, by group; see [`Auth::counts`](super::Auth::counts).
pub type AccountCounts = Vec<(Group, Counts)>;

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

/// What the user should know about the secret store.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum StoreIssue {
    /// The environment asks for memory.
    MemoryChosen,
    /// There is no keyring; memory stands in for it.
    NoKeyring,
    /// The keyring is locked; memory or the private file stands in for it, or the last change is not in it.
    Locked,
    /// The keyring has been asked and hasn't answered.
    NoAnswer,
    /// The last change is in memory only.
    NotWritten,
    /// An account is larger than an entry of the keyring may be.
    TooLarge,
    /// What was stored could not be understood.
    Damaged,
    /// The private file can't be read; memory stands in for it.
    FileUnreadable,
    /// Accounts are stored that this version doesn't use.
    Unread,
}

impl StoreIssue {
    /// One or two whole sentences about a store of this kind, for a page and the log.
    #[must_use]
    pub fn sentence(self, kind: StoreKind) -> &'static str {
        match (self, kind) {
            (Self::MemoryChosen, _) => "SPOTIFY_WIDGETS_STORE asks for memory: sign-ins are lost when the host stops.",
            (Self::NoKeyring, _) => {
                "No keyring answers on this computer, so sign-ins are kept in memory and lost when the host stops."
            }
            (Self::Locked, StoreKind::Memory) => {
                "The computer's keyring is locked, so sign-ins are kept in memory and lost when the host stops. Unlock it \
                 and try again to get the stored ones back."
            }
            (Self::Locked, StoreKind::File) => {
                "The computer's keyring is locked, so sign-ins stay in the private file. Unlock it and try again to move \
                 them there."
            }
            (Self::Locked, StoreKind::Keyring) => {
                "The computer's keyring is locked, so the last change is not stored yet. Unlock it and try again."
            }
            (Self::NoAnswer, _) => "The computer's keyring has not answered yet. If it asks for a password, unlock it.",
            (Self::NotWritten, _) => {
                "The last change could not be stored and is lost when the host stops. Storing it is tried again every few \
                 minutes."
            }
            (Self::TooLarge, _) => {
                "An account is larger than an entry of the computer's keyring may be, so its last change is lost when the \
                 host stops. A private file has room for it."
            }
            (Self::Damaged, _) => "What was stored could not be read and was left out. Enter missing accounts again.",
            (Self::FileUnreadable, _) => {
                "The private file can't be read, so sign-ins are kept in memory and lost when the host stops."
            }
            (Self::Unread, _) => {
                "Some stored accounts are not shown: a newer version of this package stored them, or there are more than 50. \
                 They are kept."
            }
        }
    }

    /// Whether it is that the last change is in memory only.
    pub(super) fn is_unsaved(self, kind: StoreKind) -> bool {
        match self {
            Self::NotWritten | Self::TooLarge => true,
            Self::Locked => kind == StoreKind::Keyring,
            _ => false,
        }
    }
}

/// The state of the secret store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoreView {
    /// Where secrets are kept now.
    pub kind: StoreKind,
    /// What the user should know about it, if anything.
    pub issue: Option<StoreIssue>,
    /// True if [`Auth::use_private_file`](super::Auth::use_private_file) would make it better.
    pub can_use_file: bool,
    /// True if [`Auth::retry_store`](super::Auth::retry_store) might make it better.
    pub can_retry: bool,
}

impl StoreView {
    /// A store that does what it should.
    pub(super) fn without_issue(kind: StoreKind) -> Self {
        Self { kind, issue: None, can_use_file: false, can_retry: false }
    }

    /// Whether the last change is in memory only.
    pub(super) fn is_unsaved(&self) -> bool {
        self.issue.is_some_and(|issue| issue.is_unsaved(self.kind))
    }

    /// What to tell the user, if anything.
    #[must_use]
    pub fn message(&self) -> Option<&'static str> {
        self.issue.map(|issue| issue.sentence(self.kind))
    }
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
    /// Until when no account may send anything to the player; its end may have passed.
    pub limit: Option<Limit>,
    /// Until when what can wait should be asked less often, as the account that serves was throttled a short while ago
    /// (Unix milliseconds).
    pub strained_until_ms: Option<u64>,
    /// The secret store.
    pub store: StoreView,
}

impl AuthState {
    /// The account that serves the player's calls, with its place in the list.
    #[must_use]
    pub fn serving(&self) -> Option<(usize, &AccountView)> {
        self.accounts.iter().enumerate().find(|(_, account)| account.active)
    }
}
