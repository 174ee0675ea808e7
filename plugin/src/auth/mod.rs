//! Accounts, sign-ins, tokens and where they are kept. The only room that sees a secret.
//!
//! An [`Auth`] is a handle to one shared state; cloning it is cheap. The others ask it for a bearer token a call
//! ([`Auth::token`]), tell it what came of it ([`Auth::rejected`], [`Auth::limited`]), and watch [`AuthState`], which
//! holds what the settings page and the keys show. It knows no endpoint but the accounts service's.
//!
//! Rules that the rest relies on:
//! - A lock on the state is held for a moment only, never over a network call or a write.
//! - Whatever may change a stored secret runs in a task of its own: a caller that stops waiting can't lose a token.
//! - A new refresh token is stored before the access token that came with it is used.
//! - Only the accounts service's own `invalid_grant` ends a sign-in. A dead network never does.

mod callback;
mod care;
mod config;
mod error;
mod gate;
mod http;
mod lock;
mod login;
mod merge;
mod oauth;
mod secret;
mod state;
mod store;
mod tokens;
mod view;

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use tokio::sync::watch;
use url::Url;

pub use config::{ACCOUNTS_URL, Config, Random, StoreChoice, default_lock_file, default_private_file, system_random};
pub use error::{AuthError, Field, Remedy};
pub use gate::{Limit, LimitKind};
pub use http::http_client;
pub use oauth::retry_after;
pub use secret::Secret;
pub use view::{AccountState, AccountView, AuthState, Link, Redirect, StoreKind, StoreView, User};

use crate::clock::Clock;
use callback::Callback;
use care::{MEMORY_CHOSEN, Sought, look_after};
use gate::Gate;
use lock::Renewals;
use login::serve_login;
use oauth::Service;
use state::{Account, Loading, Login, State};
use store::{Backend, Keyring, Memory, PrivateFile, StoredAccount, Vault};
use view::AVERMEDIA_RELAY;

/// How long a sign-in may take in the browser.
const LOGIN_PATIENCE: Duration = Duration::from_secs(300);
/// A token is renewed this long before it runs out.
const AHEAD_MS: u64 = 300_000;
/// A token isn't used any more this long before it runs out, so that it doesn't run out on its way.
const MARGIN_MS: u64 = 10_000;
/// More than any ID or secret that Spotify gives, and little enough for every store.
const LONGEST_CREDENTIAL: usize = 200;

/// An account as the user has typed it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SaveAccount {
    /// The account to change; None adds one.
    pub id: Option<String>,
    /// The Client ID. White space around it is cut off.
    pub client_id: String,
    /// The Client Secret. None or empty keeps the stored one; a new account without one is used with PKCE alone.
    pub client_secret: Option<Secret>,
    /// Use the account with PKCE alone: no secret is kept, whatever is typed or stored.
    pub pkce_only: bool,
    /// How the browser comes back.
    pub redirect: Redirect,
}

/// A bearer token, lent for one call.
#[derive(Clone, Debug)]
pub struct AccessToken {
    account: String,
    bearer: Secret,
    serial: u64,
}

impl AccessToken {
    /// The id of the account that it belongs to.
    #[must_use]
    pub fn account(&self) -> &str {
        &self.account
    }

    /// The token itself, for the `Authorization` header.
    #[must_use]
    pub fn bearer(&self) -> &Secret {
        &self.bearer
    }
}

/// The handle; see the module's text.
#[derive(Clone)]
pub struct Auth {
    inner: Arc<Inner>,
}

struct Inner {
    accounts_url: Url,
    clock: Arc<dyn Clock>,
    http: reqwest::Client,
    random: Random,
    private_file: Option<PathBuf>,
    lock_file: Option<PathBuf>,
    renewals: Renewals,
    /// Itself, for tasks that go on when their caller stops waiting.
    me: Weak<Inner>,
    state: Mutex<State>,
    watch: watch::Sender<Arc<AuthState>>,
    /// Whether the store has been read, or is known to be late.
    settled: watch::Sender<bool>,
}

impl Auth {
    /// Starts the room: returns at once, reads the store in the background, and looks after the tokens until the last
    /// handle is dropped. Must be called within a tokio runtime.
    #[must_use]
    pub fn start(config: Config) -> Self {
        let (backend, kind): (Box<dyn Backend>, _) = match &config.store {
            StoreChoice::Memory => (Box::<Memory>::default(), StoreKind::Memory),
            StoreChoice::File(path) => (Box::new(PrivateFile::new(path)), StoreKind::File),
            StoreChoice::Keyring => (Box::<Keyring>::default(), StoreKind::Keyring),
        };
        Self::start_with(config, backend, kind)
    }

    /// As [`Auth::start`] with another backend for what the choice names. Where it is a keyring, a private file that was
    /// chosen at an earlier start comes first, and goes into the keyring as soon as that answers.
    fn start_with(config: Config, backend: Box<dyn Backend>, kind: StoreKind) -> Self {
        let lock_file = match &config.store {
            StoreChoice::Keyring => config.lock_file,
            StoreChoice::File(path) => Some(Path::new(path).with_added_extension("lock")),
            StoreChoice::Memory => None,
        };
        let vault = Vault::new(backend, lock_file.clone());
        let chosen_before = config.private_file.as_ref().map(PrivateFile::new).filter(PrivateFile::is_there);
        let (vault, kind, sought) = match (kind, chosen_before) {
            (StoreKind::Keyring, Some(file)) => {
                (Vault::new(Box::new(file), lock_file.clone()), StoreKind::File, Some(Sought::new(vault)))
            }
            _ => (vault, kind, None),
        };
        let state = State {
            vault,
            sought,
            store: StoreView {
                kind,
                message: (kind == StoreKind::Memory).then(|| MEMORY_CHOSEN.to_owned()),
                can_use_file: false,
                can_retry: false,
            },
            loading: Loading::Running,
            unsaved: None,
            accounts: Vec::new(),
            login: None,
            gate: Gate::default(),
            serials: 0,
        };
        let watch = watch::Sender::new(Arc::new(state.view()));
        // Asked for before anything else can reach the vault.
        let load = state.vault.load();
        let inner = Arc::new_cyclic(|me| Inner {
            accounts_url: config.accounts_url,
            clock: config.clock,
            http: config.http,
            random: config.random,
            private_file: config.private_file,
            renewals: Renewals::beside(lock_file.as_deref()),
            lock_file,
            me: Weak::clone(me),
            state: Mutex::new(state),
            watch,
            settled: watch::Sender::new(false),
        });
        tokio::spawn(look_after(Arc::downgrade(&inner), load));
        Self { inner }
    }

    /// The state to show, and every change of it.
    #[must_use]
    pub fn watch(&self) -> watch::Receiver<Arc<AuthState>> {
        self.inner.watch.subscribe()
    }

    /// Adds or changes an account, and returns its id. ID and secret are tried out first: what Spotify refuses is not
    /// stored. If Spotify can't be asked now, it is stored with a note that says so. May take as long as a request.
    ///
    /// # Errors
    /// With a [`AuthError::field`] where one is to blame.
    pub async fn save(&self, account: SaveAccount) -> Result<String, AuthError> {
        let client_id = account.client_id.trim().to_owned();
        if client_id.is_empty() {
            return Err(AuthError::ClientIdMissing);
        }
        if !plausible(&client_id) {
            return Err(AuthError::ClientIdForm);
        }
        let typed = account
            .client_secret
            .filter(|_| !account.pkce_only)
            .map(|secret| secret.trimmed())
            .filter(|secret| !secret.is_empty());
        if typed.as_ref().is_some_and(|secret| !plausible(secret.expose())) {
            return Err(AuthError::ClientSecretForm);
        }
        let client_secret = {
            let mut state = self.inner.lock();
            let taken = state
                .accounts
                .iter()
                .any(|other| other.stored.client_id == client_id && Some(&other.stored.id) != account.id.as_ref());
            if taken {
                return Err(AuthError::ClientIdTaken);
            }
            match &account.id {
                Some(id) => {
                    let stored = &state.account(id).ok_or(AuthError::UnknownAccount)?.stored;
                    typed.or_else(|| stored.client_secret.clone().filter(|_| !account.pkce_only))
                }
                None => typed,
            }
        };
        let checked = self.inner.try_out(&client_id, client_secret.as_ref()).await;
        let problem = match checked {
            Ok(()) => None,
            Err(refused @ (AuthError::ClientIdRefused | AuthError::ClientSecretRefused)) => return Err(refused),
            Err(_) => Some(AuthError::Unchecked),
        };

        let inner = Arc::clone(&self.inner);
        own_task(async move { inner.keep(account.id, client_id, client_secret, account.redirect, problem).await }).await
    }

    /// Starts a sign-in and returns the page to open in the browser. One that runs already is given up for it.
    ///
    /// # Errors
    /// If the account is unknown, or the computer has no port or no random numbers for us.
    pub async fn login(&self, id: &str) -> Result<Url, AuthError> {
        let part = self.inner.unguessable()?;
        let verifier = self.inner.unguessable()?;
        let (listener, address) = callback::listen().await.map_err(|error| {
            tracing::warn!(%error, "no port for the sign-in");
            AuthError::CannotListen
        })?;
        let local = format!("http://{address}{}", callback::PATH);
        let (gone, listening) = watch::channel(());

        let mut state = self.inner.lock();
        let serial = state.serial();
        let account = state.account(id).ok_or(AuthError::UnknownAccount)?;
        account.problem = account.standing_problem();
        let (redirect_uri, sent_state) = match account.stored.redirect {
            Redirect::Loopback => (local, part.clone()),
            Redirect::Avermedia => (AVERMEDIA_RELAY.to_owned(), Secret::new(format!("{local}/{}", part.expose()))),
        };
        let redirect_uri = Url::parse(&redirect_uri).map_err(|_| AuthError::CannotListen)?;
        let url = self.inner.service(&account.stored.client_id, account.stored.client_secret.as_ref()).authorize_url(
            &redirect_uri,
            &sent_state,
            &verifier,
        );
        state.login =
            Some(Login { serial, account: id.to_owned(), part, verifier, redirect_uri, used: false, _listener: gone });
        self.inner.publish(&state);
        drop(state);
        tokio::spawn(serve_login(Arc::downgrade(&self.inner), serial, listener, address, listening));
        Ok(url)
    }

    /// Finishes the running sign-in with a callback address that the user has copied from a browser.
    ///
    /// # Errors
    /// As on the browser's page; an address of another sign-in leaves the running one alone.
    pub async fn finish_login(&self, url: &Secret) -> Result<(), AuthError> {
        let callback = Callback::from_pasted(url.expose()).ok_or(AuthError::NotACallback)?;
        let inner = Arc::clone(&self.inner);
        own_task(async move { inner.finish_login(callback).await }).await
    }

    /// Gives up the running sign-in, if there is one.
    pub fn cancel_login(&self) {
        let mut state = self.inner.lock();
        state.login = None;
        self.inner.publish(&state);
    }

    /// Ends an account's sign-in here; ID and secret stay.
    ///
    /// # Errors
    /// If the account is unknown.
    pub async fn logout(&self, id: &str) -> Result<(), AuthError> {
        {
            let mut state = self.inner.lock();
            let account = state.account(id).ok_or(AuthError::UnknownAccount)?;
            account.end_sign_in();
            account.problem = account.standing_problem();
            state.login.take_if(|login| login.account == id);
            self.inner.publish(&state);
        }
        self.persist().await;
        Ok(())
    }

    /// Removes an account with its secrets.
    ///
    /// # Errors
    /// If the account is unknown.
    pub async fn remove(&self, id: &str) -> Result<(), AuthError> {
        {
            let mut state = self.inner.lock();
            state.account(id).ok_or(AuthError::UnknownAccount)?;
            state.accounts.retain(|account| account.stored.id != id);
            state.login.take_if(|login| login.account == id);
            self.inner.publish(&state);
        }
        self.persist().await;
        Ok(())
    }

    /// Notes whose sign-in an account's is. Called by whoever has asked Spotify after a sign-in.
    pub async fn identified(&self, id: &str, user: User) {
        {
            let mut state = self.inner.lock();
            match state.account(id) {
                Some(account) if account.signed_in() && account.stored.user.as_ref() != Some(&user) => {
                    account.stored.user = Some(user);
                }
                _ => return,
            }
            self.inner.publish(&state);
        }
        self.persist().await;
    }

    /// Moves the secrets into the private file: the user's explicit choice where no keyring answers.
    ///
    /// # Errors
    /// [`AuthError::FileNotNeeded`] where it isn't offered, [`AuthError::FileFailed`] if it can't be written.
    pub async fn use_private_file(&self) -> Result<(), AuthError> {
        let inner = Arc::clone(&self.inner);
        own_task(async move { inner.use_private_file().await }).await
    }

    /// Looks for the keyring again, or tries the last write again: for the user who says that it is there now. It may ask
    /// the user to unlock it. Waits up to 10 s; what comes of it, then or later, is in [`AuthState::store`].
    pub async fn retry_store(&self) {
        self.inner.retry_store().await;
    }

    /// Lends the token of the account that serves the next call. A token that runs out soon is renewed meanwhile; for one
    /// that has run out the caller waits, together with all others.
    ///
    /// # Errors
    /// Where there is none, as what the user can do about it; [`AuthError::Limited`] while nothing may be sent.
    pub async fn token(&self) -> Result<AccessToken, AuthError> {
        let id = {
            let state = self.inner.lock();
            let now = self.inner.clock.unix_ms();
            if let Some(limit) = state.gate.shut(now) {
                return Err(AuthError::Limited(limit));
            }
            let account = state.active().ok_or_else(|| state.why_none())?;
            if let Some(token) = account.fresh(now, AHEAD_MS) {
                return Ok(token);
            }
            let id = account.stored.id.clone();
            if let Some(token) = account.fresh(now, MARGIN_MS) {
                tokio::spawn(Arc::clone(&self.inner).refresh(id, AHEAD_MS));
                return Ok(token);
            }
            id
        };
        own_task(Arc::clone(&self.inner).refresh(id, MARGIN_MS)).await
    }

    /// Says that Spotify has refused a token (401), and lends a new one for the one retry.
    ///
    /// # Errors
    /// As [`Auth::token`].
    pub async fn rejected(&self, token: &AccessToken) -> Result<AccessToken, AuthError> {
        {
            let mut state = self.inner.lock();
            let account = state.account(&token.account).ok_or(AuthError::NotLinked)?;
            // Whoever comes first throws it away; the others find the new one or wait for it.
            account.access.take_if(|access| access.serial == token.serial);
        }
        own_task(Arc::clone(&self.inner).refresh(token.account.clone(), MARGIN_MS)).await
    }

    /// Says that Spotify has limited a call (429), and tells until when nothing may be sent now.
    pub fn limited(&self, token: &AccessToken, kind: LimitKind, retry_after: Option<Duration>) -> Limit {
        let mut state = self.inner.lock();
        let limit = state.gate.limited(self.inner.clock.unix_ms(), kind, retry_after);
        tracing::warn!(account = %token.account, ?kind, ?retry_after, "Spotify limits the calls");
        limit
    }

    /// How long a limit goes on from now.
    #[must_use]
    pub fn remaining(&self, limit: &Limit) -> Duration {
        Duration::from_millis(limit.until_ms.saturating_sub(self.inner.clock.unix_ms()))
    }

    async fn persist(&self) {
        let inner = Arc::clone(&self.inner);
        // The write itself can't be cancelled; only the look at its result could.
        let _ = own_task(async move {
            inner.persist().await;
            Ok(())
        })
        .await;
    }
}

/// Runs something in a task of its own, so that it goes on if the caller stops waiting.
async fn own_task<T: Send + 'static>(
    work: impl Future<Output = Result<T, AuthError>> + Send + 'static,
) -> Result<T, AuthError> {
    // A task of ours ends early only when the runtime stops or it panicked; both are nothing that a retry breaks.
    tokio::spawn(work).await.unwrap_or(Err(AuthError::AccountsDown(0)))
}

/// One word of a sensible length: more can't be said about IDs and secrets that Spotify may give in future.
fn plausible(text: &str) -> bool {
    text.len() <= LONGEST_CREDENTIAL && text.chars().all(|character| character.is_ascii_graphic())
}

impl Inner {
    fn lock(&self) -> MutexGuard<'_, State> {
        // Nothing panics with the lock held; if it did all the same, the data is still whole.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Shows the state to the watchers, if it differs from what they saw last.
    fn publish(&self, state: &State) {
        let view = state.view();
        self.watch.send_if_modified(|shown| {
            let changed = **shown != view;
            if changed {
                *shown = Arc::new(view);
            }
            changed
        });
    }

    fn service(&self, client_id: &str, client_secret: Option<&Secret>) -> Service {
        Service {
            base: self.accounts_url.clone(),
            http: self.http.clone(),
            client_id: client_id.to_owned(),
            client_secret: client_secret.cloned(),
        }
    }

    fn unguessable(&self) -> Result<Secret, AuthError> {
        let bytes = (self.random)().map_err(|_| AuthError::NoRandomness)?;
        Ok(Secret::new(hex(&bytes)))
    }

    async fn keep(
        &self,
        id: Option<String>,
        client_id: String,
        client_secret: Option<Secret>,
        redirect: Redirect,
        problem: Option<AuthError>,
    ) -> Result<String, AuthError> {
        let id = {
            let mut state = self.lock();
            let id = match id {
                Some(id) => {
                    let account = state.account(&id).ok_or(AuthError::UnknownAccount)?;
                    let other_app = account.stored.client_id != client_id;
                    let stale_login = other_app
                        || account.stored.client_secret != client_secret
                        || account.stored.redirect != redirect;
                    if other_app {
                        // Tokens belong to one Client ID.
                        account.end_sign_in();
                    }
                    account.stored.client_id = client_id;
                    account.stored.client_secret = client_secret;
                    account.stored.redirect = redirect;
                    account.problem = None;
                    account.problem = problem.or_else(|| account.standing_problem());
                    account.backoff = None;
                    state.login.take_if(|login| stale_login && login.account == id);
                    id
                }
                None => {
                    let random = (self.random)().map_err(|_| AuthError::NoRandomness)?;
                    let id = hex(&random[..8]);
                    let mut account = Account::new(StoredAccount {
                        id: id.clone(),
                        client_id,
                        client_secret,
                        redirect,
                        refresh_token: None,
                        user: None,
                        signed_in_at: None,
                        token_at: 0,
                    });
                    account.problem = problem;
                    state.accounts.push(account);
                    id
                }
            };
            self.publish(&state);
            id
        };
        self.persist().await;
        Ok(id)
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        use std::fmt::Write;
        // Writing to a String never fails.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

#[cfg(test)]
mod crash_tests;
#[cfg(test)]
mod store_tests;
#[cfg(test)]
pub(crate) mod testing;
#[cfg(test)]
mod tests;
