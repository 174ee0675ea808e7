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
mod error;
mod gate;
mod http;
mod oauth;
mod secret;
mod store;

use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio::sync::watch;
use tokio::time::Instant;
use url::Url;

pub use error::{AuthError, Field, Remedy};
pub use gate::{Limit, LimitKind};
pub use http::http_client;
pub use oauth::retry_after;
pub use secret::Secret;

use crate::clock::Clock;
use callback::{Callback, Outcome};
use gate::Gate;
use oauth::{Service, TokenError};
use store::{Backend, Keyring, Memory, PrivateFile, StoreError, StoredAccount, Vault};

/// Spotify's accounts service.
pub const ACCOUNTS_URL: &str = "https://accounts.spotify.com";
/// The relay of the vendor's other products: it sends the browser on to the address that it is given as `state`.
const AVERMEDIA_RELAY: &str = "https://www.avermedia.com/oauth/auth_v2.0.php";
/// The loopback form to register: Spotify then allows any port.
const LOOPBACK: &str = "http://127.0.0.1/callback";

/// How long a sign-in may take in the browser.
const LOGIN_PATIENCE: Duration = Duration::from_secs(300);
/// How long the answer's page may take on its way to the browser before the listener is gone for good.
const LAST_PAGE_PATIENCE: Duration = Duration::from_secs(2);
/// How long the store may take before the keys ask the user to look at the keyring.
const LOAD_PATIENCE: Duration = Duration::from_secs(5);
/// A token is renewed this long before it runs out.
const AHEAD_MS: u64 = 300_000;
/// A token isn't used any more this long before it runs out, so that it doesn't run out on its way.
const MARGIN_MS: u64 = 10_000;
/// How often tokens are looked after, whether or not anybody asks for one.
const ROUND: Duration = Duration::from_secs(30);
/// A failed write is tried again after this. Not sooner: each try may make the keyring ask for its password.
const STORE_RETRY: Duration = Duration::from_secs(300);
/// Back-off after the network or the service failed: doubled from the first to the longest.
const FIRST_BACKOFF: Duration = Duration::from_secs(1);
const LONGEST_BACKOFF: Duration = Duration::from_secs(60);
/// More than any ID or secret that Spotify gives, and little enough for every store.
const LONGEST_CREDENTIAL: usize = 200;

/// Thirty-two bytes nobody can guess, or the news that there are none.
pub type Random = Arc<dyn Fn() -> Result<[u8; 32], getrandom::Error> + Send + Sync>;

/// The operating system's random numbers.
#[must_use]
pub fn system_random() -> Random {
    Arc::new(|| {
        let mut bytes = [0; 32];
        getrandom::fill(&mut bytes)?;
        Ok(bytes)
    })
}

/// The store that the user of the environment variable `SPOTIFY_WIDGETS_STORE` wants.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum StoreChoice {
    /// The computer's keyring; where none answers, memory, or the private file once chosen.
    #[default]
    Keyring,
    /// Memory only.
    Memory,
    /// A private file at this path.
    File(PathBuf),
}

impl StoreChoice {
    /// Reads `keyring`, `memory` or `file:PATH`. None for anything else.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        match text.trim() {
            "" | "keyring" => Some(Self::Keyring),
            "memory" => Some(Self::Memory),
            other => match other.strip_prefix("file:") {
                Some(path) if !path.is_empty() => Some(Self::File(path.into())),
                _ => None,
            },
        }
    }
}

/// Where the private file goes if the user chooses one: in the local data folder. None where there is no home.
#[must_use]
pub fn default_private_file() -> Option<PathBuf> {
    directories::ProjectDirs::from("", "", "spotify-widgets")
        .map(|folders| folders.data_local_dir().join("accounts.json"))
}

/// What [`Auth::start`] needs from outside.
#[derive(Clone)]
pub struct Config {
    /// Base address of the accounts service; [`ACCOUNTS_URL`] unless in tests.
    pub accounts_url: Url,
    /// Where secrets are kept.
    pub store: StoreChoice,
    /// Where the private file would be, see [`default_private_file`]. If it exists, it was chosen at an earlier start.
    pub private_file: Option<PathBuf>,
    /// Tells the time.
    pub clock: Arc<dyn Clock>,
    /// The shared client, see [`http_client`].
    pub http: reqwest::Client,
    /// Where unguessable texts come from, see [`system_random`].
    pub random: Random,
}

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
    /// True if [`Auth::use_private_file`] would make it better.
    pub can_use_file: bool,
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

/// Everything that can be shown about accounts; see [`Auth::watch`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuthState {
    /// All accounts in one word.
    pub link: Link,
    /// The accounts in their order, the primary first.
    pub accounts: Vec<AccountView>,
    /// The secret store.
    pub store: StoreView,
}

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
    state: Mutex<State>,
    watch: watch::Sender<Arc<AuthState>>,
}

struct State {
    vault: Vault,
    store: StoreView,
    loading: Loading,
    /// When the store was last found wanting, so that what is in memory has to be written again.
    unsaved: Option<Instant>,
    accounts: Vec<Account>,
    login: Option<Login>,
    gate: Gate,
    /// Makes the numbers that tell tokens and sign-ins apart.
    serials: u64,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Loading {
    Running,
    Late,
    Done,
}

struct Account {
    stored: StoredAccount,
    access: Option<Access>,
    problem: Option<AuthError>,
    backoff: Option<Backoff>,
    /// Held by the one task that refreshes.
    refreshing: Arc<tokio::sync::Mutex<()>>,
}

struct Access {
    bearer: Secret,
    expires_ms: u64,
    serial: u64,
}

struct Backoff {
    failures: u32,
    until: Instant,
}

struct Login {
    serial: u64,
    account: String,
    part: Secret,
    verifier: Secret,
    /// As it was sent, with the port.
    redirect_uri: Url,
    /// Its answer has come and is being exchanged for tokens.
    used: bool,
    /// Dropped with the sign-in; the listener ends then.
    _listener: watch::Sender<()>,
}

impl Account {
    fn new(stored: StoredAccount) -> Self {
        // A date without its sign-in: Spotify ended it before the last stop, and the user may not have seen it.
        let ended = stored.signed_in_at.is_some() && stored.refresh_token.is_none();
        Self {
            stored,
            access: None,
            problem: ended.then_some(AuthError::SignInAgain),
            backoff: None,
            refreshing: Arc::default(),
        }
    }

    fn signed_in(&self) -> bool {
        self.stored.refresh_token.is_some() || self.access.is_some()
    }

    fn refused(&self) -> bool {
        matches!(self.problem, Some(AuthError::ClientIdRefused | AuthError::ClientSecretRefused))
    }

    fn usable(&self) -> bool {
        self.signed_in() && !self.refused()
    }

    /// The user's own end of a sign-in: nothing of it stays.
    fn end_sign_in(&mut self) {
        self.drop_tokens();
        self.stored.user = None;
        self.stored.signed_in_at = None;
    }

    /// Spotify's end of a sign-in: whose it was, and since when, is still known.
    fn drop_tokens(&mut self) {
        self.stored.refresh_token = None;
        self.access = None;
        self.backoff = None;
    }

    /// The access token, if it is good for at least `margin_ms` more.
    fn fresh(&self, now_ms: u64, margin_ms: u64) -> Option<AccessToken> {
        self.access.as_ref().filter(|access| access.expires_ms > now_ms.saturating_add(margin_ms)).map(|access| {
            AccessToken { account: self.stored.id.clone(), bearer: access.bearer.clone(), serial: access.serial }
        })
    }
}

impl State {
    fn serial(&mut self) -> u64 {
        self.serials += 1;
        self.serials
    }

    fn account(&mut self, id: &str) -> Option<&mut Account> {
        self.accounts.iter_mut().find(|account| account.stored.id == id)
    }

    /// The one that serves. The choice among several becomes cleverer here and nowhere else.
    fn active(&self) -> Option<&Account> {
        self.accounts.iter().find(|account| account.usable())
    }

    fn link(&self) -> Link {
        let problem = |wanted: fn(&Account) -> bool| self.accounts.iter().any(wanted);
        if self.active().is_some() {
            Link::Linked
        } else if self.login.is_some() {
            Link::Linking
        } else if self.loading == Loading::Running {
            Link::Loading
        } else if self.loading == Loading::Late {
            Link::KeyringWaiting
        } else if problem(|account| account.problem == Some(AuthError::SignInAgain)) {
            Link::SignInAgain
        } else if problem(Account::refused) {
            Link::InvalidCredentials
        } else {
            Link::NotLinked
        }
    }

    /// Why there is no token, when no account is usable.
    fn why_none(&self) -> AuthError {
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

    fn view(&self) -> AuthState {
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

impl Auth {
    /// Starts the room: returns at once, reads the store in the background, and looks after the tokens until the last
    /// handle is dropped. Must be called within a tokio runtime.
    #[must_use]
    pub fn start(config: Config) -> Self {
        let chosen_before = config.private_file.as_ref().filter(|path| path.exists());
        let (backend, kind): (Box<dyn Backend>, _) = match (&config.store, chosen_before) {
            (StoreChoice::Memory, _) => (Box::new(Memory), StoreKind::Memory),
            (StoreChoice::File(path), _) | (StoreChoice::Keyring, Some(path)) => {
                (Box::new(PrivateFile::new(path)), StoreKind::File)
            }
            (StoreChoice::Keyring, None) => (Box::<Keyring>::default(), StoreKind::Keyring),
        };
        Self::start_with(config, backend, kind)
    }

    fn start_with(config: Config, backend: Box<dyn Backend>, kind: StoreKind) -> Self {
        let state = State {
            vault: Vault::new(backend),
            store: StoreView {
                kind,
                message: (kind == StoreKind::Memory).then(|| MEMORY_CHOSEN.to_owned()),
                can_use_file: false,
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
        let inner = Arc::new(Inner {
            accounts_url: config.accounts_url,
            clock: config.clock,
            http: config.http,
            random: config.random,
            private_file: config.private_file,
            state: Mutex::new(state),
            watch,
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
        account.problem = account.problem.take().filter(|_| account.refused());
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
            account.problem = account.problem.take().filter(|_| account.refused());
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

const MEMORY_CHOSEN: &str = "SPOTIFY_WIDGETS_STORE asks for memory: sign-ins are lost when the host stops.";
const NO_KEYRING: &str =
    "No keyring answers on this computer, so sign-ins are kept in memory and lost when the host stops.";
const KEYRING_LOCKED: &str = "The computer's keyring is locked, so sign-ins are kept in memory and lost when the host stops. \
    Unlock it and restart the host to get the stored ones back.";
const KEYRING_LATE: &str = "The computer's keyring has not answered yet. If it asks for a password, unlock it.";
const NOT_WRITTEN: &str =
    "The last change could not be stored and is lost when the host stops. It is tried again now and then.";
const DAMAGED: &str = "What was stored could not be read and was left out. Enter missing accounts again.";
const FILE_UNREADABLE: &str =
    "The private file can't be read, so sign-ins are kept in memory and lost when the host stops.";

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

    /// Tries an ID and a secret out. Without a secret there is nothing to try.
    async fn try_out(&self, client_id: &str, client_secret: Option<&Secret>) -> Result<(), AuthError> {
        if client_secret.is_none() {
            return Ok(());
        }
        match self.service(client_id, client_secret).client_credentials().await {
            Ok(_) => Ok(()),
            Err(error) => Err(trouble(error)),
        }
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
                    account.problem = problem;
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

    /// Hands all accounts to the store and waits until they are durable. A failure becomes a state to show.
    async fn persist(&self) {
        let write = {
            let mut state = self.lock();
            if state.loading != Loading::Done {
                // Writing now would wipe out what is still being read; the merge afterwards writes.
                state.unsaved = Some(Instant::now());
                return;
            }
            // Handed over under the lock, so that writes come in the order of the changes.
            state.vault.write(state.accounts.iter().map(|account| account.stored.clone()).collect())
        };
        let result = write.await;
        let mut state = self.lock();
        match result {
            Ok(()) => {
                if state.unsaved.take().is_some() && state.store.message.as_deref() == Some(NOT_WRITTEN) {
                    state.store.message = None;
                    state.store.can_use_file = false;
                }
            }
            Err(error) => {
                tracing::warn!(%error, "the sign-ins could not be stored");
                state.unsaved = Some(Instant::now());
                state.store.message = Some(NOT_WRITTEN.to_owned());
                state.store.can_use_file = state.store.kind == StoreKind::Keyring && self.private_file.is_some();
            }
        }
        self.publish(&state);
    }

    async fn use_private_file(&self) -> Result<(), AuthError> {
        let (vault, write) = {
            let state = self.lock();
            let path =
                self.private_file.as_ref().filter(|_| state.store.can_use_file).ok_or(AuthError::FileNotNeeded)?;
            let vault = Vault::new(Box::new(PrivateFile::new(path)));
            let write = vault.write(state.accounts.iter().map(|account| account.stored.clone()).collect());
            (vault, write)
        };
        if let Err(error) = write.await {
            tracing::warn!(%error, "the private file could not be written");
            return Err(AuthError::FileFailed);
        }
        {
            let mut state = self.lock();
            state.vault = vault;
            state.unsaved = None;
            state.store = StoreView { kind: StoreKind::File, message: None, can_use_file: false };
            self.publish(&state);
        }
        // Once more, for what changed while the file was being written.
        self.persist().await;
        Ok(())
    }

    /// Takes in what the store held.
    async fn loaded(&self, result: Result<Vec<StoredAccount>, StoreError>) {
        let write = {
            let mut state = self.lock();
            state.loading = Loading::Done;
            if state.store.kind != StoreKind::Memory {
                state.store.message = None;
            }
            match result {
                Ok(stored) => {
                    // The user may have added accounts while the keyring was waiting.
                    let added = std::mem::take(&mut state.accounts);
                    state.accounts = stored.into_iter().map(Account::new).collect();
                    for account in added {
                        let client_id = &account.stored.client_id;
                        match state.accounts.iter_mut().find(|known| known.stored.client_id == *client_id) {
                            Some(known) if !account.signed_in() => {
                                // Typed again because it didn't show: its sign-in is the stored one.
                                known.stored.id = account.stored.id;
                                known.stored.redirect = account.stored.redirect;
                                known.stored.client_secret =
                                    account.stored.client_secret.or(known.stored.client_secret.take());
                            }
                            Some(known) => *known = account,
                            None => state.accounts.push(account),
                        }
                    }
                }
                Err(StoreError::Damaged) => state.store.message = Some(DAMAGED.to_owned()),
                Err(error) => {
                    tracing::warn!(%error, "the secret store is not usable");
                    let message = match (state.store.kind, &error) {
                        (StoreKind::File, _) => FILE_UNREADABLE,
                        (_, StoreError::Locked) => KEYRING_LOCKED,
                        _ => NO_KEYRING,
                    };
                    // A list that could not be read must not be overwritten.
                    state.vault = Vault::new(Box::new(Memory));
                    state.store = StoreView {
                        can_use_file: state.store.kind == StoreKind::Keyring && self.private_file.is_some(),
                        kind: StoreKind::Memory,
                        message: Some(message.to_owned()),
                    };
                }
            }
            self.publish(&state);
            state.unsaved.is_some()
        };
        if write {
            self.persist().await;
        }
    }

    /// Renews the access token of an account unless it is good for `margin_ms` more. However many ask at once, one
    /// request goes out.
    async fn refresh(self: Arc<Self>, id: String, margin_ms: u64) -> Result<AccessToken, AuthError> {
        let turn = {
            let mut state = self.lock();
            Arc::clone(&state.account(&id).ok_or(AuthError::NotLinked)?.refreshing)
        };
        let _turn = turn.lock().await;

        let (client_id, client_secret, refresh_token) = {
            let mut state = self.lock();
            let account = state.account(&id).ok_or(AuthError::NotLinked)?;
            if let Some(token) = account.fresh(self.clock.unix_ms(), margin_ms) {
                return Ok(token);
            }
            if let Some(problem) = account.problem.clone().filter(|_| account.refused()) {
                return Err(problem);
            }
            if let Some(backoff) = &account.backoff
                && Instant::now() < backoff.until
            {
                return Err(account.problem.clone().unwrap_or(AuthError::Offline));
            }
            let Some(refresh_token) = account.stored.refresh_token.clone() else {
                // A sign-in that came without a refresh token is over with its access token.
                if account.access.take().is_some() {
                    account.problem = Some(AuthError::SignInAgain);
                }
                let problem = account.problem.clone().unwrap_or(AuthError::NotLinked);
                self.publish(&state);
                return Err(problem);
            };
            (account.stored.client_id.clone(), account.stored.client_secret.clone(), refresh_token)
        };

        let answer = self.service(&client_id, client_secret.as_ref()).refresh(&refresh_token).await;
        // Logged out, removed or signed in anew meanwhile: the answer is about something that is gone.
        let current = |account: &Account| account.stored.refresh_token.as_ref() == Some(&refresh_token);
        match answer {
            Ok(tokens) => {
                if let Some(rotated) = tokens.refresh.clone() {
                    {
                        let mut state = self.lock();
                        let account =
                            state.account(&id).filter(|account| current(account)).ok_or(AuthError::NotLinked)?;
                        account.stored.refresh_token = Some(rotated);
                    }
                    self.persist().await;
                }
                let mut state = self.lock();
                let serial = state.serial();
                let now = self.clock.unix_ms();
                let account = state
                    .account(&id)
                    .filter(|account| {
                        current(account) || (tokens.refresh.is_some() && account.stored.refresh_token == tokens.refresh)
                    })
                    .ok_or(AuthError::NotLinked)?;
                account.access = Some(Access::new(&tokens, now, serial));
                account.problem = None;
                account.backoff = None;
                let token = account.fresh(now, 0).ok_or(AuthError::AccountsDown(0));
                self.publish(&state);
                token
            }
            Err(TokenError::InvalidGrant) => {
                {
                    let mut state = self.lock();
                    let account = state.account(&id).filter(|account| current(account)).ok_or(AuthError::NotLinked)?;
                    tracing::warn!(account = %id, "Spotify has ended the sign-in");
                    account.drop_tokens();
                    account.problem = Some(AuthError::SignInAgain);
                    self.publish(&state);
                }
                self.persist().await;
                Err(AuthError::SignInAgain)
            }
            Err(error) => {
                let wait = match &error {
                    TokenError::Down(_, wait) => *wait,
                    _ => None,
                };
                let problem = trouble(error);
                let jitter = (self.random)().map_or(128, |random| random[0]);
                let mut state = self.lock();
                let account = state.account(&id).filter(|account| current(account)).ok_or(AuthError::NotLinked)?;
                let failures = account.backoff.as_ref().map_or(0, |backoff| backoff.failures);
                let wait = backoff(failures, jitter).max(wait.unwrap_or_default().min(LOGIN_PATIENCE));
                tracing::info!(account = %id, %problem, ?wait, "a token could not be renewed");
                account.backoff = Some(Backoff { failures: failures.saturating_add(1), until: Instant::now() + wait });
                account.problem = Some(problem.clone());
                self.publish(&state);
                Err(problem)
            }
        }
    }

    /// Finishes the running sign-in, if the callback belongs to it.
    async fn finish_login(&self, callback: Callback) -> Result<(), AuthError> {
        let (serial, id, code, redirect_uri, verifier, client_id, client_secret) = {
            let mut state = self.lock();
            let login = state.login.as_mut().filter(|login| !login.used).ok_or(AuthError::NoLogin)?;
            if !callback.belongs_to(&login.part) {
                return Err(AuthError::WrongState);
            }
            let code = match callback.outcome {
                Some(Outcome::Code(code)) => code,
                Some(Outcome::Error(code)) => {
                    let problem = match code.as_str() {
                        "access_denied" => AuthError::Denied,
                        _ => AuthError::Refused(code),
                    };
                    let serial = login.serial;
                    self.end_login(&mut state, serial, Some(problem.clone()));
                    return Err(problem);
                }
                None => return Err(AuthError::NotACallback),
            };
            login.used = true;
            let (serial, id) = (login.serial, login.account.clone());
            let (redirect_uri, verifier) = (login.redirect_uri.clone(), login.verifier.clone());
            let stored = &state.account(&id).ok_or(AuthError::UnknownAccount)?.stored;
            let (client_id, client_secret) = (stored.client_id.clone(), stored.client_secret.clone());
            (serial, id, code, redirect_uri, verifier, client_id, client_secret)
        };
        let answer =
            self.service(&client_id, client_secret.as_ref()).exchange_code(&redirect_uri, &code, &verifier).await;
        let tokens = match answer {
            Ok(tokens) => tokens,
            Err(error) => {
                let problem = match error {
                    TokenError::InvalidGrant => AuthError::CodeRefused,
                    other => trouble(other),
                };
                self.end_login(&mut self.lock(), serial, Some(problem.clone()));
                return Err(problem);
            }
        };
        {
            let mut state = self.lock();
            if state.login.as_ref().map(|login| login.serial) != Some(serial) {
                // Given up while Spotify was answering.
                return Err(AuthError::NoLogin);
            }
            let now = self.clock.unix_s();
            let account = state.account(&id).ok_or(AuthError::UnknownAccount)?;
            account.end_sign_in();
            account.stored.refresh_token = tokens.refresh.clone();
            account.stored.signed_in_at = Some(now);
        }
        self.persist().await;
        let mut state = self.lock();
        let serial_of_access = state.serial();
        let now = self.clock.unix_ms();
        if let Some(account) = state.account(&id) {
            account.access = Some(Access::new(&tokens, now, serial_of_access));
        }
        self.end_login(&mut state, serial, None);
        tracing::info!(account = %id, "Spotify is linked");
        Ok(())
    }

    /// Ends the sign-in of this number, if it is still the running one, and notes on the account how it went.
    fn end_login(&self, state: &mut State, serial: u64, problem: Option<AuthError>) {
        if let Some(login) = state.login.take_if(|login| login.serial == serial) {
            if let Some(account) = state.account(&login.account) {
                account.problem = problem;
            }
            self.publish(state);
        }
    }

    fn login_timed_out(&self, serial: u64) {
        let mut state = self.lock();
        let Some(login) = state.login.as_ref().filter(|login| login.serial == serial && !login.used) else {
            return;
        };
        let id = login.account.clone();
        let redirect = state.account(&id).map_or(LOOPBACK, |account| account.stored.redirect.registered());
        self.end_login(&mut state, serial, Some(AuthError::TimedOut(redirect.to_owned())));
    }

    /// One look at everything that should happen without being asked for.
    async fn round(self: &Arc<Self>) {
        let (due, store_due) = {
            let state = self.lock();
            let now = self.clock.unix_ms();
            let due: Vec<String> = state
                .accounts
                .iter()
                .filter(|account| account.usable() && account.fresh(now, AHEAD_MS).is_none())
                .map(|account| account.stored.id.clone())
                .collect();
            let store_due =
                state.loading == Loading::Done && state.unsaved.is_some_and(|since| since.elapsed() >= STORE_RETRY);
            (due, store_due)
        };
        if store_due {
            self.persist().await;
        }
        for id in due {
            tokio::spawn(Arc::clone(self).refresh(id, AHEAD_MS));
        }
    }
}

impl Access {
    fn new(tokens: &oauth::Tokens, now_ms: u64, serial: u64) -> Self {
        let life_ms = u64::try_from(tokens.life.as_millis()).unwrap_or(u64::MAX);
        Self { bearer: tokens.access.clone(), expires_ms: now_ms.saturating_add(life_ms), serial }
    }
}

/// What a failed call to the accounts service means to the user.
fn trouble(error: TokenError) -> AuthError {
    match error {
        TokenError::InvalidGrant => AuthError::SignInAgain,
        TokenError::InvalidClient => AuthError::ClientIdRefused,
        TokenError::InvalidSecret => AuthError::ClientSecretRefused,
        TokenError::Refused(code) => AuthError::Refused(code),
        TokenError::Offline => AuthError::Offline,
        TokenError::Down(status, _) => AuthError::AccountsDown(status),
    }
}

/// The wait after so many failures in a row: between half and all of a doubling time, by a random byte.
fn backoff(failures: u32, jitter: u8) -> Duration {
    let full = FIRST_BACKOFF.saturating_mul(1 << failures.min(10)).min(LONGEST_BACKOFF);
    full / 2 + full / 2 * u32::from(jitter) / 255
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        use std::fmt::Write;
        // Writing to a String never fails.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// The room's own task: takes in what is stored, then looks after tokens and writes until nobody holds a handle.
async fn look_after(
    inner: Weak<Inner>,
    load: impl Future<Output = Result<Vec<StoredAccount>, StoreError>> + Send + 'static,
) {
    tokio::pin!(load);
    let result = match tokio::time::timeout(LOAD_PATIENCE, &mut load).await {
        Ok(result) => result,
        Err(_) => {
            if let Some(inner) = inner.upgrade() {
                let mut state = inner.lock();
                state.loading = Loading::Late;
                if state.store.kind == StoreKind::Keyring {
                    state.store.message = Some(KEYRING_LATE.to_owned());
                }
                inner.publish(&state);
            }
            load.await
        }
    };
    let Some(strong) = inner.upgrade() else { return };
    strong.loaded(result).await;
    drop(strong);
    while let Some(inner) = inner.upgrade() {
        inner.round().await;
        drop(inner);
        tokio::time::sleep(ROUND).await;
    }
}

struct Finisher(Weak<Inner>);

impl callback::Finish for Finisher {
    async fn finish(&self, callback: Callback) -> Result<(), AuthError> {
        let inner = self.0.upgrade().ok_or(AuthError::NoLogin)?;
        // The browser may hang up; the code must not be lost with it.
        own_task(async move { inner.finish_login(callback).await }).await
    }
}

/// Waits until the sign-in that holds the other end is over.
async fn over(mut listening: watch::Receiver<()>) {
    while listening.changed().await.is_ok() {}
}

/// Serves the callback address as long as its sign-in runs, and ends the sign-in when its time is over.
async fn serve_login(
    inner: Weak<Inner>,
    serial: u64,
    listener: tokio::net::TcpListener,
    address: std::net::SocketAddr,
    listening: watch::Receiver<()>,
) {
    let router = callback::router(address, Finisher(Weak::clone(&inner)));
    let server = axum::serve(listener, router).with_graceful_shutdown(over(listening.clone())).into_future();
    tokio::pin!(server);
    tokio::select! {
        _ = &mut server => return,
        () = over(listening) => {}
        () = tokio::time::sleep(LOGIN_PATIENCE) => {
            if let Some(inner) = inner.upgrade() {
                inner.login_timed_out(serial);
            }
        }
    }
    // A connection that says nothing doesn't keep the rest alive.
    let _ = tokio::time::timeout(LAST_PAGE_PATIENCE, server).await;
}

#[cfg(test)]
pub(crate) mod testing;
#[cfg(test)]
mod tests;
