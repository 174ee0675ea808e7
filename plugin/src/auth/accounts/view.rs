//! The public view of the accounts, for the settings page and the keys.

use serde::{Deserialize, Serialize};

use super::error::{AuthError, UserMessage};
use super::rotation::{AccountIssue, Choice, Group, Limit, Member};
use super::tokens::Needs;
use super::usage::Counts;
use super::{Account, Accounts, Now};

/// The relay of the vendor's other products: it sends the browser on to the address that it is given as `state`.
pub(in crate::auth) const AVERMEDIA_RELAY: &str = "https://www.avermedia.com/oauth/auth_v2.0.php";

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

/// Identifies one log-in among those before and after it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct SignInId(pub(in crate::auth) u64);

/// What an account is now.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum AccountState {
    /// There is no sign-in.
    NeedsLogin,
    /// A sign-in is running in the browser.
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
    /// The last thing that went wrong with it, if that has not been put right since.
    pub last_error: Option<AuthError>,
    /// True for the account that serves the player's calls.
    pub active: bool,
    /// True if the user has put it first by hand.
    pub by_hand: bool,
    /// The account that belongs to the same developer account according to the user.
    pub same_developer_as: Option<String>,
    /// What Spotify has shut, and until when; without a group it is everything. Limits of the past may be among them.
    pub limits: Vec<(Option<Group>, Limit)>,
    /// What Spotify has shut of single calls, by their group, while others are served.
    pub call_limits: Vec<(Group, Limit)>,
    /// What is wrong with the app or its user although nothing is used up.
    pub issue: Option<AccountIssue>,
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

/// Requests that an account has sent, by group; see [`Auth::counts`](crate::auth::Auth::counts).
pub type AccountCounts = Vec<(Group, Counts)>;

/// All accounts in one word, for the keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Link {
    /// The store is still being read.
    Loading,
    /// The keyring doesn't answer; mostly it waits to be unlocked.
    KeyringWaiting,
    /// No account is signed in.
    NotLinked,
    /// The first sign-in is running in the browser.
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

/// From when on the end of a sign-in is announced.
const ENDS_SOON_MS: u64 = 30 * 24 * 3_600_000;

/// What is shown of all accounts at one moment.
pub(in crate::auth) struct AccountsView {
    pub accounts: Vec<AccountView>,
    /// Until when no account may send anything to the player.
    pub limit: Option<Limit>,
    /// As [`AuthState::strained_until_ms`](crate::auth::AuthState::strained_until_ms).
    pub strained_until_ms: Option<u64>,
}

impl Accounts {
    /// What is shown. `linking` is the id of the account whose sign-in is running.
    pub fn view(&self, linking: Option<&str>, now: Now) -> AccountsView {
        let members = self.members(Needs::User);
        let (active, limit) = match self.rotation.choose(now.unix_ms, Group::Player, &members) {
            Choice::Serve { index, .. } => (Some(index), None),
            Choice::Wait(limit) => (None, Some(limit)),
            Choice::NoneUsable => (None, None),
        };
        let first_user =
            self.list.iter().filter(|account| account.is_signed_in()).find_map(|one| one.stored.user.as_ref());
        let views = self.list.iter().enumerate().map(|(index, account)| AccountView {
            active: active == Some(index),
            last_error: account.last_error.clone().or_else(|| account.other_user_than(first_user?)),
            ..self.view_of(account, &members, index, linking, now)
        });
        let serving = active.map(|index| members[index].app);
        AccountsView {
            accounts: views.collect(),
            limit,
            strained_until_ms: serving.and_then(|app| self.rotation.strained_until(now.unix_ms, app)),
        }
    }

    fn view_of(
        &self,
        account: &Account,
        members: &[Member<'_>],
        index: usize,
        linking: Option<&str>,
        now: Now,
    ) -> AccountView {
        let app = account.stored.client_id.as_str();
        let ends_ms = account.ends_ms();
        // A limit of one that couldn't serve anyway is nothing to wait for.
        let usable = account.is_signed_in();
        AccountView {
            id: account.stored.id.clone(),
            client_id: app.to_owned(),
            has_secret: account.stored.client_secret.is_some(),
            redirect: account.stored.redirect,
            state: if linking == Some(account.stored.id.as_str()) { AccountState::Linking } else { account.state() },
            sign_in: account.is_signed_in().then_some(account.sign_in_id),
            user: account.stored.user.clone(),
            last_error: None,
            active: false,
            by_hand: self.rotation.by_hand() == Some(app),
            same_developer_as: account.stored.same_developer_as.clone(),
            limits: if usable { self.rotation.limits(now.unix_ms, members, index) } else { Vec::new() },
            call_limits: if usable { self.rotation.call_limits(now.unix_ms, app) } else { Vec::new() },
            issue: self.rotation.issue(app),
            sign_in_ends_ms: ends_ms,
            sign_in_ends_soon: ends_ms.is_some_and(|ends| ends <= now.unix_ms.saturating_add(ENDS_SOON_MS)),
        }
    }

    /// All accounts in one word. `other` counts where no account can serve: that a sign-in is running, or that the store is
    /// still being read.
    pub fn link(&self, other: Option<Link>) -> Link {
        if self.members(Needs::User).iter().any(|member| member.usable) {
            Link::Linked
        } else if let Some(other) = other {
            other
        } else if self.list.iter().any(Account::is_ended) {
            Link::SignInAgain
        } else if self.list.iter().any(Account::is_refused) {
            Link::InvalidCredentials
        } else {
            Link::NotLinked
        }
    }

    /// Why there is no token, when no account is usable and the link is this.
    pub fn why_none(&self, link: Link) -> AuthError {
        match link {
            Link::Loading => AuthError::Loading,
            Link::KeyringWaiting => AuthError::KeyringWaiting,
            Link::SignInAgain => AuthError::SignInAgain,
            Link::InvalidCredentials => {
                let refused = self.list.iter().find(|account| account.is_refused());
                refused.and_then(|account| account.last_error.clone()).unwrap_or(AuthError::ClientIdRefused)
            }
            Link::NotLinked | Link::Linking | Link::Linked => AuthError::NotLinked,
        }
    }

    /// When the view changes next by the passing of time, in Unix milliseconds.
    pub fn next_change_ms(&self, now: Now) -> Option<u64> {
        match self.choose(Group::Player, Needs::User, now) {
            Choice::Serve { until_ms, .. } => until_ms,
            Choice::Wait(Limit { until_ms, .. }) => Some(until_ms),
            Choice::NoneUsable => None,
        }
    }
}
