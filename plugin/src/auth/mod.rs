//! Accounts, sign-ins, tokens and where they are kept. The only room that sees a secret.
//!
//! An [`Auth`] is a handle to one shared state; cloning it is cheap. The others ask it for a bearer token a call
//! ([`Auth::token`]), tell it what came of it ([`Auth::rejected`], [`Auth::heard`]), and watch [`AuthState`], which
//! holds what the settings page and the keys show. It knows no endpoint but the accounts service's. Which of several
//! accounts serves a call, and until when none may, its `rotation` decides alone.
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
mod limits;
mod lock;
mod login;
mod merge;
mod oauth;
pub(crate) mod rotation;
mod secret;
mod state;
mod store;
mod tokens;
mod usage;
mod view;

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use sha2::{Digest, Sha256};
use tokio::sync::{oneshot, watch};
use url::Url;

pub use config::{
    ACCOUNTS_URL, Config, Random, StoreChoice, default_limits_file, default_lock_file, default_private_file,
    system_random,
};
pub use error::{AuthError, Field, Remedy};
pub use oauth::retry_after;
pub use rotation::{Group, Limit, LimitKind, Outcome, Route, Trouble};
pub use secret::Secret;
pub use state::Needs;
pub use usage::Counts;
pub use view::{
    AccountCounts, AccountState, AccountView, AuthState, Link, Redirect, SignInId, StoreIssue, StoreKind, StoreView,
    User,
};

use crate::clock::Clock;
use crate::http::Http;
use crate::supervisor::Supervisor;
use callback::Callback;
use care::{Sought, WRITE_PATIENCE, look_after};
use lock::Renewals;
use login::serve_login;
use oauth::Service;
use rotation::Choice;
use state::{Account, Loading, Login, State, members};
use store::{Backend, Keyring, MOST_ACCOUNTS, Memory, PrivateFile, StoredAccount, Vault, damaged_copy};
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
    /// The id of an account whose app is of the same developer account; empty: of none. None keeps what was said.
    pub same_developer_as: Option<String>,
}

/// A bearer token, lent for one call.
#[derive(Clone, Debug)]
pub struct AccessToken {
    account: String,
    app: String,
    sign_in: SignInId,
    of: Needs,
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
    http: Http,
    random: Random,
    tasks: Supervisor,
    private_file: Option<PathBuf>,
    lock_file: Option<PathBuf>,
    renewals: Renewals,
    /// Itself, for tasks that go on when their caller stops waiting.
    me: Weak<Inner>,
    limits_file: Option<PathBuf>,
    saving_limits: Mutex<()>,
    /// Where private files may lie that could not be read.
    damaged_copies: Vec<PathBuf>,
    language: Option<callback::Language>,
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
            StoreChoice::Keyring => (Box::new(Keyring::new()), StoreKind::Keyring),
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
        let tasks = config.tasks;
        let chosen_file = match &config.store {
            StoreChoice::File(path) => Some(path),
            StoreChoice::Keyring | StoreChoice::Memory => config.private_file.as_ref(),
        };
        let damaged_copies = chosen_file.into_iter().map(|path| damaged_copy(path)).collect();
        let vault = Vault::new(backend, lock_file.clone(), &tasks);
        let chosen_before = config.private_file.as_ref().map(PrivateFile::new).filter(PrivateFile::is_there);
        let (vault, kind, sought) = match (kind, chosen_before) {
            (StoreKind::Keyring, Some(file)) => {
                (Vault::new(Box::new(file), lock_file.clone(), &tasks), StoreKind::File, Some(Sought::new(vault)))
            }
            _ => (vault, kind, None),
        };
        let state = State {
            vault,
            sought,
            store: StoreView {
                kind,
                issue: (kind == StoreKind::Memory).then_some(StoreIssue::MemoryChosen),
                can_use_file: false,
                can_retry: false,
            },
            loading: Loading::Running,
            unsaved: None,
            accounts: Vec::new(),
            removed: Vec::new(),
            login: None,
            // Small, and read before anything is sent: a limit of before the restart still counts.
            rotation: config
                .limits_file
                .as_deref()
                .map(|path| limits::load(path, config.clock.unix_ms()))
                .unwrap_or_default(),
            rotation_unsaved: false,
            serials: 0,
        };
        let watch = watch::Sender::new(Arc::new(state.view(config.clock.unix_ms())));
        // Asked for before anything else can reach the vault.
        let load = state.vault.load();
        let inner = Arc::new_cyclic(|me| Inner {
            accounts_url: config.accounts_url,
            clock: config.clock,
            http: config.http,
            random: config.random,
            tasks,
            private_file: config.private_file,
            renewals: Renewals::beside(lock_file.as_deref()),
            lock_file,
            me: Weak::clone(me),
            limits_file: config.limits_file,
            saving_limits: Mutex::default(),
            damaged_copies,
            language: callback::Language::of(&config.language),
            state: Mutex::new(state),
            watch,
            settled: watch::Sender::new(false),
        });
        inner.tasks.spawn("accounts", look_after(Arc::downgrade(&inner), load));
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
        if matches!(account.redirect, Redirect::Fixed(..1024)) {
            return Err(AuthError::PortForm);
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
                None if state.accounts.len() >= MOST_ACCOUNTS => return Err(AuthError::TooManyAccounts),
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
        let settings = Settings {
            client_id,
            client_secret,
            redirect: account.redirect,
            same_developer_as: account.same_developer_as,
        };
        self.inner.run("save", async move { inner.keep(account.id, settings, problem).await }).await
    }

    /// Gives an account another place in the list, from 0; more than there are is the last one.
    ///
    /// # Errors
    /// If the account is unknown.
    pub async fn move_account(&self, id: &str, to: usize) -> Result<(), AuthError> {
        {
            let mut state = self.inner.lock();
            let from = state.place(id).ok_or(AuthError::UnknownAccount)?;
            let account = state.accounts.remove(from);
            let to = to.min(state.accounts.len());
            state.accounts.insert(to, account);
            self.inner.publish(&state);
        }
        self.persist().await;
        Ok(())
    }

    /// Starts a sign-in and returns the page to open in the browser. One that runs already is given up for it.
    ///
    /// # Errors
    /// If the account is unknown, or the computer has no port or no random numbers for us.
    pub async fn login(&self, id: &str) -> Result<Url, AuthError> {
        let part = self.inner.unguessable()?;
        let verifier = self.inner.unguessable()?;
        let redirect = {
            let mut state = self.inner.lock();
            let redirect = state.account(id).ok_or(AuthError::UnknownAccount)?.stored.redirect;
            // Its listener may have the port that this one needs.
            state.login = None;
            self.inner.publish(&state);
            redirect
        };
        let port = match redirect {
            Redirect::Fixed(port) => Some(port),
            Redirect::Loopback | Redirect::Avermedia => None,
        };
        let (listener, address) = callback::listen(port).await.map_err(|error| {
            tracing::warn!(%error, "no port for the sign-in");
            // Taken by another program, reserved by the system, or not allowed: another port helps in each case.
            port.map_or(AuthError::CannotListen, AuthError::PortTaken)
        })?;
        tracing::info!(account = %id, ?redirect, port = address.port(), "a sign-in begins");
        let local = format!("http://{address}{}", callback::PATH);
        let (gone, listening) = watch::channel(());

        let mut state = self.inner.lock();
        let serial = state.serial();
        let account = state.account(id).ok_or(AuthError::UnknownAccount)?;
        account.problem = account.standing_problem();
        let (redirect_uri, sent_state) = match redirect {
            Redirect::Loopback | Redirect::Fixed(_) => (local, part.clone()),
            Redirect::Avermedia => (AVERMEDIA_RELAY.to_owned(), Secret::new(format!("{local}/{}", part.expose()))),
        };
        let redirect_uri = Url::parse(&redirect_uri).map_err(|_| AuthError::CannotListen)?;
        let url = self.inner.service(&account.stored.client_id, account.stored.client_secret.as_ref()).authorize_url(
            &redirect_uri,
            &sent_state,
            &verifier,
        );
        state.login = Some(Login {
            serial,
            account: id.to_owned(),
            part,
            verifier,
            redirect_uri,
            used: false,
            became: None,
            _listener: gone,
        });
        self.inner.publish(&state);
        drop(state);
        let serving = serve_login(Arc::downgrade(&self.inner), serial, listener, address, listening);
        self.inner.tasks.spawn_once("log-in", serving);
        Ok(url)
    }

    /// Finishes the running sign-in with a callback address that the user has copied from a browser.
    ///
    /// # Errors
    /// As on the browser's page; an address of another sign-in leaves the running one alone.
    pub async fn finish_login(&self, url: &Secret) -> Result<(), AuthError> {
        let callback = Callback::from_pasted(url.expose()).ok_or(AuthError::NotACallback)?;
        let inner = Arc::clone(&self.inner);
        self.inner.run("log-in", async move { inner.finish_login(callback).await }).await
    }

    /// Gives up the running sign-in, if there is one. One that is just being stored is taken back.
    pub fn cancel_login(&self) {
        let mut state = self.inner.lock();
        let next = state.new_sign_in();
        let became = state.login.take().and_then(|login| login.became);
        let taken_back = state.accounts.iter_mut().find(|account| Some(account.sign_in_id) == became);
        let is_stored = taken_back.map(|account| account.sign_in_was_wrong(next)).is_some();
        self.inner.publish(&state);
        drop(state);
        if is_stored {
            let inner = Arc::clone(&self.inner);
            self.inner.tasks.spawn_once("store", async move { inner.persist().await });
        }
    }

    /// Ends an account's sign-in here; ID and secret stay.
    ///
    /// # Errors
    /// If the account is unknown.
    pub async fn logout(&self, id: &str) -> Result<(), AuthError> {
        {
            let mut state = self.inner.lock();
            let next = state.new_sign_in();
            let now = self.inner.clock.unix_ms();
            let account = state.account(id).ok_or(AuthError::UnknownAccount)?;
            account.end_sign_in(next);
            // Newer than any sign-in that a store which could not be asked yet may hold.
            account.stored.token_at = now.max(account.stored.token_at.saturating_add(1));
            account.problem = account.standing_problem();
            let app = account.stored.client_id.clone();
            state.rotation.on_logged_out(&app);
            state.forget_other_users();
            state.login.take_if(|login| login.account == id);
            self.inner.publish(&state);
        }
        self.persist().await;
        self.discard_damaged_copies().await;
        Ok(())
    }

    /// Removes an account with its secrets, its limits and its counts.
    ///
    /// # Errors
    /// If the account is unknown.
    pub async fn remove(&self, id: &str) -> Result<(), AuthError> {
        {
            let mut state = self.inner.lock();
            state.remove(id, self.inner.clock.unix_ms()).ok_or(AuthError::UnknownAccount)?;
            state.forget_other_users();
            state.login.take_if(|login| login.account == id);
            self.inner.publish(&state);
        }
        self.persist().await;
        self.save_limits().await;
        self.discard_damaged_copies().await;
        Ok(())
    }

    /// Records whose sign-in this is, as Spotify has answered. An answer about a sign-in that has been replaced or ended
    /// meanwhile changes nothing. If the other accounts are another user's, the sign-in is given up, and what was there
    /// before it comes back: keys must not reach somebody else's music.
    pub async fn identified(&self, sign_in: SignInId, user: User) {
        {
            let mut state = self.inner.lock();
            let next = state.new_sign_in();
            let is_it = |account: &Account| account.sign_in_id == sign_in && account.signed_in();
            let mut others = state.accounts.iter().filter(|other| !is_it(other) && other.signed_in());
            let expected = others.find_map(|other| other.stored.user.clone());
            let Some(account) = state.accounts.iter_mut().find(|account| is_it(account)) else { return };
            match (account.stored.user.clone(), expected.filter(|expected| !expected.is_same(&user))) {
                (Some(known), _) if known == user => return,
                // Under the same sign-in it is the same person, whatever the ids are now: so are the others of that name.
                (Some(known), _) => {
                    let same = state.accounts.iter_mut().filter_map(|account| account.stored.user.as_mut());
                    same.filter(|other| other.is_same(&known)).for_each(|other| other.clone_from(&user));
                }
                (None, None) => {
                    account.stored.user = Some(user);
                    account.replaced = None;
                }
                (None, Some(expected)) => {
                    let id = &account.stored.id;
                    tracing::warn!(account = %id, "another Spotify user than the other accounts' has signed in");
                    account.sign_in_was_wrong(next);
                    account.problem = Some(AuthError::OtherUser { name: user.name, expected: expected.name });
                }
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
        self.inner.run("store", async move { inner.use_private_file().await }).await
    }

    /// Looks for the keyring again, or tries the last write again: for the user who says that it is there now. It may ask
    /// the user to unlock it. Waits up to 10 s; what comes of it, then or later, is in [`AuthState::store`].
    pub async fn retry_store(&self) {
        self.inner.retry_store().await;
    }

    /// Lends the token of the account that serves the next call of this kind. A token that runs out soon is renewed
    /// meanwhile; for one that has run out the caller waits, together with all others.
    ///
    /// # Errors
    /// Where there is none, as what the user can do about it; [`AuthError::Limited`] while nothing may be sent.
    pub async fn token(&self, route: impl Into<Route>, needs: Needs) -> Result<AccessToken, AuthError> {
        let route = route.into();
        let mut failed: Option<(String, AuthError)> = None;
        loop {
            let id = {
                let state = self.inner.lock();
                let now = self.inner.clock.unix_ms();
                // The time alone may have brought another account to serve.
                self.inner.publish(&state);
                let index = match state.choose(now, route.clone(), needs) {
                    Choice::Serve { index, .. } => index,
                    Choice::Wait(limit) => return Err(AuthError::Limited(limit)),
                    Choice::Nobody => return Err(state.why_none()),
                };
                let account = &state.accounts[index];
                if let Some((_, error)) = failed.take_if(|(id, _)| *id == account.stored.id) {
                    // It is still the one that should serve: its trouble is not one that makes it unusable, so another
                    // one steps in only if it has a token already. Most likely the trouble is everybody's.
                    return state.any_fresh(now, &route, needs).ok_or(error);
                }
                account.stored.id.clone()
            };
            match self.inner.lend(&id, needs).await {
                Ok(token) => return Ok(token),
                Err(error) => failed = Some((id, error)),
            }
        }
    }

    /// Lends the token of a certain account, to learn whose sign-in it is.
    ///
    /// # Errors
    /// As [`Auth::token`].
    pub async fn token_of(&self, id: &str, route: impl Into<Route>) -> Result<AccessToken, AuthError> {
        {
            let state = self.inner.lock();
            let index = state.place(id).ok_or(AuthError::UnknownAccount)?;
            let members = members(&state.accounts, Needs::User);
            if let Some(limit) = state.rotation.shut(self.inner.clock.unix_ms(), route, &members, index) {
                return Err(AuthError::Limited(limit));
            }
        }
        self.inner.lend(id, Needs::User).await
    }

    /// Says that Spotify has refused a token (401), and lends a new one of the same account for the one retry.
    ///
    /// # Errors
    /// As [`Auth::token`].
    pub async fn rejected(&self, token: &AccessToken) -> Result<AccessToken, AuthError> {
        {
            let mut state = self.inner.lock();
            let account = state.account(&token.account).ok_or(AuthError::NotLinked)?;
            let access = match token.of {
                Needs::User => &mut account.access,
                Needs::App => &mut account.app_access,
            };
            // Whoever comes first throws it away; the others find the new one or wait for it.
            access.take_if(|access| access.serial == token.serial);
        }
        self.inner.lend(&token.account, token.of).await
    }

    /// Counts a request that goes out with this token now. Of an account that has been removed nothing is remembered.
    pub fn sent(&self, token: &AccessToken, group: Group) {
        let mut state = self.inner.lock();
        if !state.has_app(&token.app) {
            return;
        }
        state.rotation.sent(self.inner.clock.unix_ms(), &token.app, group);
        state.rotation_unsaved = true;
    }

    /// Records the outcome of a call, so that the next one goes to the right account, or nowhere. A limit is the app's,
    /// whoever has signed in; everything else belongs to the sign-in with which the call was made.
    pub fn heard(&self, token: &AccessToken, route: impl Into<Route>, outcome: Outcome) {
        let route = route.into();
        let mut state = self.inner.lock();
        let of_the_app = matches!(outcome, Outcome::Limited(..));
        let is_current = |account: &Account| {
            account.stored.client_id == token.app
                && (of_the_app || token.of == Needs::App || account.sign_in_id == token.sign_in)
        };
        if !state.accounts.iter().any(is_current) {
            return;
        }
        if let Outcome::Limited(kind, retry_after) = outcome {
            let Route { group, endpoint, .. } = &route;
            tracing::warn!(account = %token.account, ?group, %endpoint, ?kind, ?retry_after, "Spotify limits the calls");
            state.rotation_unsaved = true;
            let inner = Arc::clone(&self.inner);
            self.inner.tasks.spawn_blocking("limits", move || inner.save_limits());
        }
        state.rotation.heard(self.inner.clock.unix_ms(), &token.app, route, outcome);
        self.inner.publish(&state);
    }

    /// Says that the computer has slept, or that its clock was set. Waits after failures are over: what failed then says
    /// nothing about now, and some computers' timers stand still during a sleep. By `set_back_ms` milliseconds, 0 if it
    /// wasn't set back, the ends of limits and tokens come sooner. What is shown is worked out anew.
    pub fn woke(&self, set_back_ms: u64) {
        let mut state = self.inner.lock();
        for account in &mut state.accounts {
            account.backoff = None;
            for access in [&mut account.access, &mut account.app_access].into_iter().flatten() {
                access.expires_ms = access.expires_ms.saturating_sub(set_back_ms);
            }
        }
        state.rotation.set_back(set_back_ms);
        self.inner.publish(&state);
    }

    /// How many requests the accounts have sent, in their order.
    #[must_use]
    pub fn counts(&self) -> Vec<AccountCounts> {
        let state = self.inner.lock();
        let now = self.inner.clock.unix_ms();
        state.accounts.iter().map(|account| state.rotation.counts(now, &account.stored.client_id)).collect()
    }

    /// Switches to the next account by hand; a second time within 2 s takes it back.
    ///
    /// # Errors
    /// [`AuthError::NoOtherAccount`] if there is none that could serve.
    pub fn switch_account(&self) -> Result<(), AuthError> {
        self.by_hand(|state, now| {
            let members = members(&state.accounts, Needs::User);
            state.rotation.switch(now, &members).map(drop).ok_or(AuthError::NoOtherAccount)
        })
    }

    /// Lets an account serve first, by hand; None goes back to the list's order.
    ///
    /// # Errors
    /// If the account is unknown.
    pub fn use_account(&self, id: Option<&str>) -> Result<(), AuthError> {
        self.by_hand(|state, _| {
            let place = id.map(|id| state.place(id).ok_or(AuthError::UnknownAccount)).transpose()?;
            let members = members(&state.accounts, Needs::User);
            state.rotation.put_first(place.map(|place| members[place].app), &members);
            Ok(())
        })
    }

    fn by_hand(&self, change: impl FnOnce(&mut State, u64) -> Result<(), AuthError>) -> Result<(), AuthError> {
        let mut state = self.inner.lock();
        change(&mut state, self.inner.clock.unix_ms())?;
        state.rotation_unsaved = true;
        self.inner.publish(&state);
        Ok(())
    }

    /// How long a limit goes on from now.
    #[must_use]
    pub fn remaining(&self, limit: &Limit) -> Duration {
        Duration::from_millis(limit.until_ms.saturating_sub(self.inner.clock.unix_ms()))
    }

    /// Writes down limits and counts now, where a moment later wouldn't do.
    async fn save_limits(&self) {
        let inner = Arc::clone(&self.inner);
        self.inner.run_blocking("limits", move || inner.save_limits()).await;
    }

    /// Deletes what could not be read: it may hold tokens of the account that the user has just taken away.
    async fn discard_damaged_copies(&self) {
        let copies = self.inner.damaged_copies.clone();
        let vault = self.inner.lock().vault.clone();
        let in_store = tokio::time::timeout(WRITE_PATIENCE, vault.discard_damaged()).await;
        if let Ok(Err(error)) = in_store {
            tracing::warn!(%error, "what the store could not read could not be deleted");
        }
        let delete = move || {
            for error in copies.iter().filter_map(|path| host_sdk::files::remove(path).err()) {
                tracing::warn!(%error, "the copy of a damaged file could not be deleted");
            }
        };
        self.inner.run_blocking("store", delete).await;
    }

    async fn persist(&self) {
        let inner = Arc::clone(&self.inner);
        // The write itself can't be cancelled; only the look at its result could.
        let stored = self.inner.run("store", async move {
            inner.persist().await;
            Ok(())
        });
        let _ = stored.await;
    }
}

/// One word of a sensible length: more can't be said about IDs and secrets that Spotify may give in future.
fn plausible(text: &str) -> bool {
    text.len() <= LONGEST_CREDENTIAL && text.chars().all(|character| character.is_ascii_graphic())
}

impl Inner {
    /// Runs something in a task of its own, so that it goes on if the caller stops waiting. If it panics, the package ends.
    async fn run<T: Send + 'static>(
        &self,
        name: &'static str,
        work: impl Future<Output = Result<T, AuthError>> + Send + 'static,
    ) -> Result<T, AuthError> {
        let (reply, answer) = oneshot::channel();
        self.tasks.spawn_once(name, async move { drop(reply.send(work.await)) });
        answer.await.unwrap_or(Err(AuthError::Restarting))
    }

    /// The same for work that blocks.
    async fn run_blocking(&self, name: &'static str, work: impl FnOnce() + Send + 'static) {
        let (reply, answer) = oneshot::channel();
        self.tasks.spawn_blocking(name, move || {
            work();
            let _ = reply.send(());
        });
        let _ = answer.await;
    }

    /// Renews an account's token without anybody waiting for it.
    fn refresh_soon(self: &Arc<Self>, id: String) {
        let inner = Arc::clone(self);
        // What comes of it is in the state.
        self.tasks.spawn_once("token", async move { drop(inner.refresh(id, AHEAD_MS).await) });
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // Nothing panics with the lock held; if it did all the same, the data is still whole.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Shows the state to the watchers, if it differs from what they saw last.
    fn publish(&self, state: &State) {
        let view = state.view(self.clock.unix_ms());
        self.watch.send_if_modified(|shown| {
            let changed = **shown != view;
            if changed {
                log_change(shown, &view);
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

    /// Lends a token of an account, a new one if need be.
    async fn lend(self: &Arc<Self>, id: &str, needs: Needs) -> Result<AccessToken, AuthError> {
        let for_app = {
            let mut state = self.lock();
            let now = self.clock.unix_ms();
            let account = state.account(id).ok_or(AuthError::NotLinked)?;
            // A user's token does everything that an app's does.
            let for_app = needs == Needs::App && !account.works();
            let fresh = if for_app { account.fresh_app(now, MARGIN_MS) } else { account.fresh(now, MARGIN_MS) };
            if let Some(token) = fresh {
                if !for_app && account.fresh(now, AHEAD_MS).is_none() {
                    self.refresh_soon(id.to_owned());
                }
                return Ok(token);
            }
            for_app
        };
        let (inner, id) = (Arc::clone(self), id.to_owned());
        if for_app {
            self.run("token", async move { inner.renew_app_token(&id).await }).await
        } else {
            self.run("token", inner.refresh(id, MARGIN_MS)).await
        }
    }

    /// Writes down what the rotation knows, if there is news. Blocks for the moment that a small file takes.
    fn save_limits(&self) {
        let Some(path) = &self.limits_file else { return };
        // One after the other, so that none writes what another one has just dropped.
        let _turn = self.saving_limits.lock().unwrap_or_else(PoisonError::into_inner);
        let now = self.clock.unix_ms();
        let mut rotation = {
            let mut state = self.lock();
            if !std::mem::take(&mut state.rotation_unsaved) {
                return;
            }
            state.rotation.tidy(now);
            state.rotation.clone()
        };
        if let Err(error) = limits::save(path, &mut rotation, now) {
            tracing::warn!(%error, "limits and counts could not be written down");
            self.lock().rotation_unsaved = true;
        }
    }

    async fn keep(
        &self,
        id: Option<String>,
        settings: Settings,
        problem: Option<AuthError>,
    ) -> Result<String, AuthError> {
        let Settings { client_id, client_secret, redirect, same_developer_as } = settings;
        let id = {
            let mut state = self.lock();
            let now = self.clock.unix_ms();
            // Once more, as another one may have been added while Spotify was asked.
            let is_taken =
                |other: &Account| other.stored.client_id == client_id && Some(&other.stored.id) != id.as_ref();
            if state.accounts.iter().any(is_taken) {
                return Err(AuthError::ClientIdTaken);
            }
            let same_developer_as = same_developer_as.map(|other| Some(other).filter(|other| !other.is_empty()));
            if let Some(Some(other)) = &same_developer_as
                && (state.account(other).is_none() || Some(other) == id.as_ref())
            {
                return Err(AuthError::UnknownAccount);
            }
            state.rotation.settle(&client_id);
            let next = state.new_sign_in();
            let id = match id {
                Some(id) => {
                    let account = state.account(&id).ok_or(AuthError::UnknownAccount)?;
                    let other_app = account.stored.client_id != client_id;
                    let stale_login = other_app
                        || account.stored.client_secret != client_secret
                        || account.stored.redirect != redirect;
                    let before = std::mem::replace(&mut account.stored.client_id, client_id.clone());
                    if other_app {
                        // Tokens belong to one Client ID.
                        account.end_sign_in(next);
                        account.app_access = None;
                    }
                    account.stored.client_secret = client_secret;
                    account.stored.redirect = redirect;
                    if let Some(other) = same_developer_as {
                        account.stored.same_developer_as = other;
                    }
                    account.problem = None;
                    account.problem = problem.or_else(|| account.standing_problem());
                    account.backoff = None;
                    account.doubted_since = None;
                    state.login.take_if(|login| stale_login && login.account == id);
                    if other_app {
                        state.rotation.on_removed(now, &before);
                        state.rotation.on_added(now, &client_id);
                        state.rotation_unsaved = true;
                    }
                    id
                }
                None => {
                    let random = (self.random)().map_err(|_| AuthError::NoRandomness)?;
                    let id = hex(&random[..8]);
                    state.rotation.on_added(now, &client_id);
                    state.rotation_unsaved = true;
                    let stored = StoredAccount {
                        id: id.clone(),
                        client_id,
                        client_secret,
                        redirect,
                        same_developer_as: same_developer_as.flatten(),
                        refresh_token: None,
                        user: None,
                        signed_in_at: None,
                        token_at: 0,
                    };
                    // The user enters again what could not be read.
                    state.store.issue.take_if(|issue| *issue == StoreIssue::Damaged);
                    let mut account = Account::new(stored, next);
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

impl Drop for Inner {
    fn drop(&mut self) {
        self.save_limits();
    }
}

/// What of an account the user decides.
struct Settings {
    client_id: String,
    client_secret: Option<Secret>,
    redirect: Redirect,
    /// As in [`SaveAccount`].
    same_developer_as: Option<String>,
}

/// Writes down what explains later why keys looked as they did: whether Spotify was linked, and which account served.
fn log_change(before: &AuthState, now: &AuthState) {
    if before.link != now.link {
        tracing::info!(before = ?before.link, now = ?now.link, "the link to Spotify has changed");
    }
    let serving = |state: &AuthState| state.accounts.iter().find(|account| account.active).map(|one| one.id.clone());
    let (was, is) = (serving(before), serving(now));
    if was != is {
        tracing::info!(before = was, now = is, limited = now.limit.is_some(), "another account serves");
    }
    if before.store.kind != now.store.kind || before.store.issue != now.store.issue {
        tracing::info!(kind = ?now.store.kind, issue = ?now.store.issue, "the store of the sign-ins has changed");
    }
}

/// Stands for something in a place where that itself must not be.
fn digest(bytes: &[u8]) -> String {
    hex(&Sha256::digest(bytes)[..8])
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
mod clock_tests;
#[cfg(test)]
mod crash_tests;
#[cfg(test)]
mod store_tests;
#[cfg(test)]
pub(crate) mod testing;
#[cfg(test)]
mod tests;
