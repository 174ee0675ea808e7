//! The state behind the handle: plain data under one lock, and the questions about it that need nothing else.

use std::sync::Arc;

use tokio::sync::watch;
use tokio::time::Instant;
use url::Url;

use super::AccessToken;
use super::care::Sought;
use super::error::AuthError;
use super::gate::Gate;
use super::oauth;
use super::secret::Secret;
use super::store::{StoredAccount, Vault};
use super::view::{AccountState, AccountView, AuthState, Link, StoreView};

pub(super) struct State {
    pub(super) vault: Vault,
    pub(super) store: StoreView,
    /// The keyring, where it should hold the secrets but doesn't.
    pub(super) sought: Option<Sought>,
    pub(super) loading: Loading,
    /// When the store was last found wanting, so that what is in memory has to be written again.
    pub(super) unsaved: Option<Instant>,
    pub(super) accounts: Vec<Account>,
    pub(super) login: Option<Login>,
    pub(super) gate: Gate,
    /// Makes the numbers that tell tokens and sign-ins apart.
    pub(super) serials: u64,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Loading {
    Running,
    Late,
    Done,
}

pub(super) struct Account {
    pub(super) stored: StoredAccount,
    pub(super) access: Option<Access>,
    pub(super) problem: Option<AuthError>,
    pub(super) backoff: Option<Backoff>,
    /// Held by the one task that refreshes.
    pub(super) refreshing: Arc<tokio::sync::Mutex<()>>,
}

pub(super) struct Access {
    pub(super) bearer: Secret,
    pub(super) expires_ms: u64,
    pub(super) serial: u64,
}

pub(super) struct Backoff {
    pub(super) failures: u32,
    pub(super) until: Instant,
}

pub(super) struct Login {
    pub(super) serial: u64,
    pub(super) account: String,
    pub(super) part: Secret,
    pub(super) verifier: Secret,
    /// As it was sent, with the port.
    pub(super) redirect_uri: Url,
    /// Its answer has come and is being exchanged for tokens.
    pub(super) used: bool,
    /// Dropped with the sign-in; the listener ends then.
    pub(super) _listener: watch::Sender<()>,
}

impl Account {
    pub(super) fn new(stored: StoredAccount) -> Self {
        let mut account = Self { stored, access: None, problem: None, backoff: None, refreshing: Arc::default() };
        account.problem = account.standing_problem();
        account
    }

    /// True if Spotify has ended the sign-in: its date is there without its token, also after a restart.
    pub(super) fn ended(&self) -> bool {
        self.stored.signed_in_at.is_some() && !self.signed_in()
    }

    /// What is wrong until the user does something about it, as opposed to how the last try went.
    pub(super) fn standing_problem(&self) -> Option<AuthError> {
        if self.refused() {
            return self.problem.clone();
        }
        self.ended().then_some(AuthError::SignInAgain)
    }

    /// Takes in what the store holds now. An access token stays good when another copy has renewed the refresh token; it
    /// goes with the sign-in that it belongs to.
    pub(super) fn take_in(&mut self, stored: StoredAccount) {
        let before = std::mem::replace(&mut self.stored, stored);
        let (was, is) = (&before, &self.stored);
        let other_app = was.client_id != is.client_id;
        let other_sign_in = other_app || was.signed_in_at != is.signed_in_at;
        let other_token = was.refresh_token != is.refresh_token;
        if other_sign_in || (other_token && is.refresh_token.is_none()) {
            self.access = None;
        }
        if other_sign_in || other_token || was.client_secret != is.client_secret {
            // What was said about the old ones says nothing about these.
            self.problem = None;
            self.problem = self.standing_problem();
            self.backoff = None;
        }
    }

    pub(super) fn signed_in(&self) -> bool {
        self.stored.refresh_token.is_some() || self.access.is_some()
    }

    pub(super) fn refused(&self) -> bool {
        matches!(self.problem, Some(AuthError::ClientIdRefused | AuthError::ClientSecretRefused))
    }

    pub(super) fn usable(&self) -> bool {
        self.signed_in() && !self.refused()
    }

    /// The user's own end of a sign-in: nothing of it stays.
    pub(super) fn end_sign_in(&mut self) {
        self.drop_tokens();
        self.stored.user = None;
        self.stored.signed_in_at = None;
    }

    /// Spotify's end of a sign-in: whose it was, and since when, is still known.
    pub(super) fn drop_tokens(&mut self) {
        self.stored.refresh_token = None;
        self.access = None;
        self.backoff = None;
    }

    /// The access token, if it is good for at least `margin_ms` more.
    pub(super) fn fresh(&self, now_ms: u64, margin_ms: u64) -> Option<AccessToken> {
        self.access.as_ref().filter(|access| access.expires_ms > now_ms.saturating_add(margin_ms)).map(|access| {
            AccessToken { account: self.stored.id.clone(), bearer: access.bearer.clone(), serial: access.serial }
        })
    }
}

impl State {
    pub(super) fn serial(&mut self) -> u64 {
        self.serials += 1;
        self.serials
    }

    /// All accounts as they are to be stored.
    pub(super) fn to_store(&self) -> Vec<StoredAccount> {
        self.accounts.iter().map(|account| account.stored.clone()).collect()
    }

    pub(super) fn account(&mut self, id: &str) -> Option<&mut Account> {
        self.accounts.iter_mut().find(|account| account.stored.id == id)
    }

    /// The one that serves. The choice among several becomes cleverer here and nowhere else.
    pub(super) fn active(&self) -> Option<&Account> {
        self.accounts.iter().find(|account| account.usable())
    }

    pub(super) fn link(&self) -> Link {
        let any = |wanted: fn(&Account) -> bool| self.accounts.iter().any(wanted);
        if self.active().is_some() {
            Link::Linked
        } else if self.login.is_some() {
            Link::Linking
        } else if self.loading == Loading::Running {
            Link::Loading
        } else if self.loading == Loading::Late {
            Link::KeyringWaiting
        } else if any(Account::ended) {
            Link::SignInAgain
        } else if any(Account::refused) {
            Link::InvalidCredentials
        } else {
            Link::NotLinked
        }
    }

    /// Why there is no token, when no account is usable.
    pub(super) fn why_none(&self) -> AuthError {
        match self.link() {
            Link::Loading => AuthError::Loading,
            Link::KeyringWaiting => AuthError::KeyringWaiting,
            Link::SignInAgain => AuthError::SignInAgain,
            Link::InvalidCredentials => self
                .accounts
                .iter()
                .find(|account| account.refused())
                .and_then(|account| account.problem.clone())
                .unwrap_or(AuthError::ClientIdRefused),
            Link::NotLinked | Link::Linking | Link::Linked => AuthError::NotLinked,
        }
    }

    pub(super) fn view(&self) -> AuthState {
        let active = self.active().map(|account| account.stored.id.clone());
        let linking = self.login.as_ref().map(|login| login.account.as_str());
        let accounts = self
            .accounts
            .iter()
            .map(|account| AccountView {
                id: account.stored.id.clone(),
                client_id: account.stored.client_id.clone(),
                has_secret: account.stored.client_secret.is_some(),
                redirect: account.stored.redirect,
                state: if linking == Some(account.stored.id.as_str()) {
                    AccountState::Linking
                } else if account.refused() {
                    AccountState::InvalidCredentials
                } else if account.signed_in() {
                    AccountState::Linked
                } else {
                    AccountState::NeedsLogin
                },
                user: account.stored.user.clone(),
                problem: account.problem.clone(),
                active: active.as_deref() == Some(account.stored.id.as_str()),
            })
            .collect();
        AuthState { link: self.link(), accounts, store: self.store.clone() }
    }
}

impl Access {
    pub(super) fn new(tokens: &oauth::Tokens, now_ms: u64, serial: u64) -> Self {
        let life_ms = u64::try_from(tokens.life.as_millis()).unwrap_or(u64::MAX);
        Self { bearer: tokens.access.clone(), expires_ms: now_ms.saturating_add(life_ms), serial }
    }
}
