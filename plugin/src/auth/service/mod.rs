//! The task that owns accounts and store: sign-ins, renewals, callbacks, and what is published of it all.
//!
//! An [`Auth`] is a handle to the task; cloning it is cheap. Callers ask it for a bearer token a call ([`Auth::token`]),
//! report the outcome ([`Auth::record_outcome`]), and watch [`AuthState`]. Each of its methods sends the task a closure
//! that runs on the state and answers at once; what takes time (a call to the accounts service, a store's answer) runs in
//! tasks beside it, which come back with closures of their own.
//!
//! **Invariant:** the task never waits for anything but its next closure or a time.
//! **Invariant:** whatever may change a stored secret runs in a task of its own: a caller that stops waiting can't lose a
//! token.
//! **Invariant:** a new refresh token is stored before the access token that came with it is used.

mod callback;
mod config;
mod login;
mod maintenance;
mod oauth;
mod renewal;
mod state;

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::Instant;
use url::Url;

pub use config::{
    ACCOUNTS_URL, Config, Random, default_limits_file, default_lock_file, default_private_file, system_random,
};
pub use state::AuthState;

use super::accounts::{
    AccessToken, AccountCounts, Accounts, AuthError, Credentials, Group, Limit, Link, Now, Outcome, Route, SaveAccount,
    SignInId, User, hex,
};
use super::secret::Secret;
use super::store::{Backend, Job, Phase, RenewalLock, Store, StoreOptions, load_limits};
use crate::clock::Clock;
use crate::http::Http;
use crate::supervisor::Supervisor;
use login::Login;
use oauth::AccountsService;
use renewal::{RenewalKey, Renewed};

/// Calls that wait for the task. It takes them at once, so this is never full for long; when it is, the caller waits.
const CALLS: usize = 64;
/// The shortest time between two looks at what changes by the passing of time.
const SHORTEST_WAIT: Duration = Duration::from_millis(100);

/// Runs on the state, and returns what is to be done once the state has been published.
type Call = Box<dyn FnOnce(&mut Service) -> Reply + Send>;
type Reply = Box<dyn FnOnce() + Send>;

/// The handle; see the module's text.
#[derive(Clone)]
pub struct Auth {
    calls: mpsc::Sender<Call>,
    shared: Arc<Shared>,
}

/// A handle that doesn't keep the task running.
#[derive(Clone)]
struct WeakAuth {
    calls: mpsc::WeakSender<Call>,
    shared: Arc<Shared>,
}

impl WeakAuth {
    /// The handle, if there is another one.
    fn upgrade(&self) -> Option<Auth> {
        Some(Auth { calls: self.calls.upgrade()?, shared: Arc::clone(&self.shared) })
    }
}

/// What task and handles have in common. None of it changes but what is published.
struct Shared {
    accounts_url: Url,
    clock: Arc<dyn Clock>,
    http: Http,
    random: Random,
    tasks: Supervisor,
    renewal_lock: RenewalLock,
    language: Option<callback::Language>,
    /// Here, so that it is open as long as there is a handle.
    published: watch::Sender<Arc<AuthState>>,
}

impl Shared {
    fn now(&self) -> Now {
        Now { unix_ms: self.clock.unix_ms(), instant: Instant::now() }
    }

    fn accounts_service(&self, credentials: Credentials) -> AccountsService {
        AccountsService { base: self.accounts_url.clone(), http: self.http.clone(), credentials }
    }

    /// A text that can't be guessed.
    fn unguessable(&self) -> Result<Secret, AuthError> {
        let bytes = (self.random)().map_err(|_| AuthError::NoRandomness)?;
        Ok(Secret::new(hex(&bytes)))
    }

    fn new_id(&self) -> Result<String, AuthError> {
        let bytes = (self.random)().map_err(|_| AuthError::NoRandomness)?;
        Ok(hex(&bytes[..8]))
    }
}

/// What the task owns.
struct Service {
    me: WeakAuth,
    shared: Arc<Shared>,
    accounts: Accounts,
    store: Store,
    login: Option<Login>,
    /// Tells sign-ins that are running apart.
    logins: u64,
    /// The renewals that are under way, with the callers that wait for them.
    renewals: HashMap<RenewalKey, Vec<oneshot::Sender<Renewed>>>,
    limits_file: Option<PathBuf>,
    is_saving_limits: bool,
    /// Who waits until limits and counts have been written down.
    waiting_for_limits: Vec<oneshot::Sender<()>>,
    /// When tokens and store are looked after next; None until the store has been read.
    next_round: Option<Instant>,
    /// When other copies' sign-ins are looked for next, if there is none here.
    next_reload: Instant,
}

impl Auth {
    /// Starts the task: returns at once, reads the store in the background, and looks after the tokens until the last handle
    /// is dropped. Must be called within a tokio runtime.
    #[must_use]
    pub fn start(config: Config) -> Self {
        let options = config.store_options();
        let backend = options.backend();
        Self::start_with(config, options, backend)
    }

    /// As [`Auth::start`] with another backend for what the choice names.
    fn start_with(config: Config, options: StoreOptions, backend: Box<dyn Backend>) -> Self {
        let now = Now { unix_ms: config.clock.unix_ms(), instant: Instant::now() };
        // Small, and read before anything is sent: a limit of before the restart still counts.
        let rotation = config.limits_file.as_deref().map(|path| load_limits(path, now.unix_ms)).unwrap_or_default();
        let renewal_lock = RenewalLock::beside(options.lock().as_deref());
        let (store, load) = Store::open(options, backend, now);
        let unread = AuthState {
            link: Link::Loading,
            accounts: vec![],
            limit: None,
            strained_until_ms: None,
            store: store.status(),
        };
        let shared = Arc::new(Shared {
            accounts_url: config.accounts_url,
            clock: config.clock,
            http: config.http,
            random: config.random,
            tasks: config.tasks,
            renewal_lock,
            language: callback::Language::of(&config.language),
            published: watch::Sender::new(Arc::new(unread)),
        });
        let (calls, inbox) = mpsc::channel(CALLS);
        let service = Service {
            me: WeakAuth { calls: calls.downgrade(), shared: Arc::clone(&shared) },
            shared: Arc::clone(&shared),
            accounts: Accounts::new(rotation),
            store,
            login: None,
            logins: 0,
            renewals: HashMap::new(),
            limits_file: config.limits_file,
            is_saving_limits: false,
            waiting_for_limits: Vec::new(),
            next_round: None,
            next_reload: now.instant + maintenance::RELOAD_EVERY,
        };
        service.run_job(load);
        shared.tasks.spawn("accounts", service.run(inbox));
        Self { calls, shared }
    }

    /// The state to show, and every change of it. The task waits while a value is borrowed, so none may be held across an
    /// `await`.
    #[must_use]
    pub fn watch(&self) -> watch::Receiver<Arc<AuthState>> {
        self.shared.published.subscribe()
    }

    /// Runs something on the state. The answer comes when what it has changed is published.
    ///
    /// # Errors
    /// [`AuthError::Restarting`] if the task has panicked.
    async fn call<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Service, Now) -> T + Send + 'static,
    ) -> Result<T, AuthError> {
        let (reply, answer) = oneshot::channel();
        let call: Call = Box::new(move |service| {
            let now = service.shared.now();
            let result = work(service, now);
            Box::new(move || drop(reply.send(result)))
        });
        self.calls.send(call).await.map_err(|_| AuthError::Restarting)?;
        answer.await.map_err(|_| AuthError::Restarting)
    }

    /// Changes the accounts, and waits until that is stored, or for 10 s: a failure becomes a [`StoreStatus`].
    ///
    /// [`StoreStatus`]: crate::auth::StoreStatus
    async fn change<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Service, Now) -> Result<T, AuthError> + Send + 'static,
    ) -> Result<T, AuthError> {
        let change = move |service: &mut Service, now| work(service, now).map(|done| (done, service.store.save(now)));
        let (done, saved) = self.call(change).await??;
        // The other end is dropped when the wait is over.
        let _ = saved.await;
        Ok(done)
    }

    /// Takes in what other copies have stored, if the store answers soon.
    async fn reload(&self) {
        if let Ok(reloaded) = self.call(|service, now| service.store.reload(now)).await {
            let _ = reloaded.await;
        }
    }

    /// Runs something in a task of its own, so that it goes on if the caller stops waiting. If it panics, the package ends.
    async fn run<T: Send + 'static>(
        &self,
        name: &'static str,
        work: impl Future<Output = Result<T, AuthError>> + Send + 'static,
    ) -> Result<T, AuthError> {
        let (reply, answer) = oneshot::channel();
        self.shared.tasks.spawn_once(name, async move { drop(reply.send(work.await)) });
        answer.await.unwrap_or(Err(AuthError::Restarting))
    }

    /// Adds or changes an account, and returns its id. ID and secret are tried out first: what Spotify refuses is not
    /// stored. If Spotify can't be asked now, it is stored with a note of that. May take as long as a request.
    ///
    /// # Errors
    /// With a [`AuthError::field`] where one is to blame.
    pub async fn save(&self, account: SaveAccount) -> Result<String, AuthError> {
        let account = account.checked()?;
        let new_id = if account.id.is_none() { self.shared.new_id()? } else { String::new() };
        let typed = account.clone();
        let credentials = self.call(move |service, _| service.accounts.to_try(&typed)).await??;
        let error = match self.try_out(credentials.clone()).await {
            Ok(()) => None,
            Err(refused @ (AuthError::ClientIdRefused | AuthError::ClientSecretRefused)) => return Err(refused),
            Err(_) => Some(AuthError::Unchecked),
        };
        self.change(move |service, now| {
            let saved = service.accounts.save(account, credentials, error, new_id, now)?;
            service.login.take_if(|login| saved.ends_login && login.account == saved.id);
            if saved.is_new {
                service.store.on_account_added();
            }
            Ok(saved.id)
        })
        .await
    }

    /// Tries an ID and a secret out. Without a secret there is nothing to try.
    async fn try_out(&self, credentials: Credentials) -> Result<(), AuthError> {
        if credentials.client_secret.is_none() {
            return Ok(());
        }
        self.shared.accounts_service(credentials).client_credentials().await.map(drop).map_err(AuthError::from)
    }

    /// Gives an account another place in the list, from 0; more than there are is the last one.
    ///
    /// # Errors
    /// If the account is unknown.
    pub async fn move_account(&self, id: &str, to: usize) -> Result<(), AuthError> {
        let id = id.to_owned();
        self.change(move |service, _| service.accounts.move_to(&id, to)).await
    }

    /// Ends an account's sign-in here; ID and secret stay.
    ///
    /// # Errors
    /// If the account is unknown.
    pub async fn logout(&self, id: &str) -> Result<(), AuthError> {
        let id = id.to_owned();
        self.change(move |service, now| {
            service.accounts.log_out(&id, now)?;
            service.login.take_if(|login| login.account == id);
            Ok(())
        })
        .await?;
        self.discard_damaged().await;
        Ok(())
    }

    /// Removes an account with its secrets, its limits and its counts.
    ///
    /// # Errors
    /// If the account is unknown.
    pub async fn remove(&self, id: &str) -> Result<(), AuthError> {
        let id = id.to_owned();
        self.change(move |service, now| {
            let client_id = service.accounts.remove(&id, now)?;
            service.store.on_account_removed(client_id);
            Ok(())
        })
        .await?;
        self.save_limits().await;
        self.discard_damaged().await;
        Ok(())
    }

    async fn discard_damaged(&self) {
        if let Ok(discarded) = self.call(|service, _| service.store.discard_damaged()).await {
            discarded.await;
        }
    }

    /// Records whose sign-in this is, as Spotify has answered. An answer about a sign-in that has been replaced or ended
    /// meanwhile changes nothing. If the other accounts are another user's, the sign-in is given up, and what was there
    /// before it returns: keys must not reach somebody else's music.
    pub async fn set_user(&self, sign_in: SignInId, user: User) {
        let set =
            move |service: &mut Service, now| service.accounts.set_user(sign_in, user).then(|| service.store.save(now));
        if let Ok(Some(saved)) = self.call(set).await {
            let _ = saved.await;
        }
    }

    /// Moves the secrets into the private file: the user's explicit choice where no keyring answers.
    ///
    /// # Errors
    /// [`AuthError::FileNotNeeded`] where it isn't offered, [`AuthError::FileFailed`] if it can't be written.
    pub async fn use_private_file(&self) -> Result<(), AuthError> {
        let (reply, written) = oneshot::channel();
        self.call(move |service, now| {
            if let Some(job) = service.store.use_file(&mut service.accounts, reply, now) {
                service.run_job(job);
            }
        })
        .await?;
        written.await.unwrap_or(Err(AuthError::Restarting))?;
        // Again, for what changed while the file was being written.
        self.change(|_, _| Ok(())).await
    }

    /// Looks for the keyring again, and tries the last write again: for the user who knows that it is there now. It may ask
    /// the user to unlock it. Waits up to 10 s; the outcome, then or later, is in [`AuthState::store`].
    pub async fn retry_store(&self) {
        if let Ok(retried) = self.call(|service, now| service.store.retry(now)).await {
            let _ = retried.await;
        }
    }

    /// Counts a request that goes out with this token now. Of an account that has been removed nothing is remembered.
    pub async fn record_sent(&self, token: &AccessToken, group: Group) {
        let token = token.clone();
        let _ = self.call(move |service, now| service.accounts.on_sent(&token, group, now)).await;
    }

    /// Records the outcome of a call, so that the next one goes to the right account, or nowhere. A limit is the app's,
    /// whichever user is signed in; everything else belongs to the sign-in with which the call was made.
    pub async fn record_outcome(&self, token: &AccessToken, route: impl Into<Route>, outcome: Outcome) {
        let (token, route) = (token.clone(), route.into());
        let record = move |service: &mut Service, now| {
            if service.accounts.on_outcome(&token, route, outcome, now) {
                service.save_limits(now);
            }
        };
        let _ = self.call(record).await;
    }

    /// Records that the computer has slept, or that its clock was set. Waits after failures are over: what failed then means
    /// nothing now, and some computers' timers stand still during a sleep. By `set_back_ms` milliseconds, 0 if it
    /// wasn't set back, the ends of limits and tokens come sooner.
    pub async fn on_wake(&self, set_back_ms: u64) {
        let _ = self.call(move |service, _| service.accounts.on_wake(set_back_ms)).await;
    }

    /// How many requests the accounts have sent, in their order.
    pub async fn counts(&self) -> Vec<AccountCounts> {
        self.call(|service, now| service.accounts.counts(now)).await.unwrap_or_default()
    }

    /// Switches to the next account by hand; a second time within 2 s takes it back.
    ///
    /// # Errors
    /// [`AuthError::NoOtherAccount`] if there is none that could serve.
    pub async fn switch_account(&self) -> Result<(), AuthError> {
        self.call(|service, now| service.accounts.switch(now)).await?
    }

    /// Lets an account serve first, by hand; None goes back to the list's order.
    ///
    /// # Errors
    /// If the account is unknown.
    pub async fn use_account(&self, id: Option<&str>) -> Result<(), AuthError> {
        let id = id.map(str::to_owned);
        self.call(move |service, _| service.accounts.put_first(id.as_deref())).await?
    }

    /// How long a limit lasts from now.
    #[must_use]
    pub fn remaining(&self, limit: &Limit) -> Duration {
        Duration::from_millis(limit.until_ms.saturating_sub(self.shared.clock.unix_ms()))
    }
}

impl Service {
    /// Runs until the last handle is dropped.
    async fn run(mut self, mut calls: mpsc::Receiver<Call>) {
        loop {
            let wake_at = self.next_wake();
            let reply = tokio::select! {
                call = calls.recv() => match call {
                    Some(call) => Some(call(&mut self)),
                    None => return,
                },
                () = tokio::time::sleep_until(wake_at) => {
                    self.on_tick();
                    None
                }
            };
            let now = self.shared.now();
            while let Some(job) = self.store.advance(&mut self.accounts, now) {
                self.run_job(job);
            }
            if self.next_round.is_none() && self.store.phase() == Phase::Loaded {
                self.next_round = Some(now.instant);
            }
            let accounts = &self.accounts;
            self.login.take_if(|login| !accounts.contains(&login.account));
            self.publish(now);
            let _released = self.store.released();
            if let Some(reply) = reply {
                reply();
            }
        }
    }

    /// Spawns a task that keeps the service running.
    fn spawn<F: Future<Output = ()> + Send + 'static>(&self, name: &'static str, work: impl FnOnce(Auth) -> F) {
        if let Some(auth) = self.me.upgrade() {
            self.shared.tasks.spawn_once(name, work(auth));
        }
    }

    /// Runs a job of the store. One that hangs doesn't keep the service running.
    fn run_job(&self, job: Job) {
        let me = self.me.clone();
        self.shared.tasks.spawn_once("store", async move {
            let done = job.await;
            if let Some(auth) = me.upgrade() {
                let on_done = |service: &mut Service, now| service.store.on_done(done, &mut service.accounts, now);
                let _ = auth.call(on_done).await;
            }
        });
    }

    fn link(&self) -> Link {
        let other = match self.store.phase() {
            _ if self.login.is_some() => Some(Link::Linking),
            Phase::Loading => Some(Link::Loading),
            Phase::Late => Some(Link::KeyringWaiting),
            Phase::Loaded => None,
        };
        self.accounts.link(other)
    }

    /// Shows the state to the watchers, if it differs from what they saw last.
    fn publish(&self, now: Now) {
        let view = self.accounts.view(self.login.as_ref().map(|login| login.account.as_str()), now);
        let state = AuthState {
            link: self.link(),
            accounts: view.accounts,
            limit: view.limit,
            strained_until_ms: view.strained_until_ms,
            store: self.store.status(),
        };
        self.shared.published.send_if_modified(|shown| {
            let changed = **shown != state;
            if changed {
                state.log_change_from(shown);
                *shown = Arc::new(state);
            }
            changed
        });
    }
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
