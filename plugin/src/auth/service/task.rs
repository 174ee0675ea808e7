//! The task's state, and the handles to it.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::Arc;

use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::Instant;
use url::Url;

use super::config::Random;
use super::oauth::AccountsService;
use super::pending::{Login, RenewalKey, Renewed};
use super::state::AuthState;
use crate::auth::accounts::{AccountId, Accounts, AuthError, Credentials, Link, Now};
use crate::auth::secret::Secret;
use crate::auth::store::{Job, Phase, RenewalLock, Store};
use crate::clock::Clock;
use crate::hex;
use crate::http::Http;
use crate::i18n::Language;
use crate::supervisor::Supervisor;

/// Runs on the state, and returns a reply to send once the state has been published.
pub(super) type Call = Box<dyn FnOnce(&mut Service) -> Reply + Send>;
type Reply = Box<dyn FnOnce() + Send>;

/// A handle to the task that owns the accounts; cloning it is cheap. The task ends with its last handle.
///
/// A call to Spotify borrows a token ([`Auth::token`]) and reports its outcome ([`Auth::record_outcome`]); what is shown
/// comes from [`Auth::watch`].
#[derive(Clone)]
pub struct Auth {
    pub(super) calls: mpsc::Sender<Call>,
    pub(super) shared: Arc<Shared>,
}

/// A handle that doesn't keep the task running.
#[derive(Clone)]
pub(super) struct WeakAuth {
    pub(super) calls: mpsc::WeakSender<Call>,
    pub(super) shared: Arc<Shared>,
}

impl WeakAuth {
    /// Returns a handle, if the task is still running.
    pub(super) fn upgrade(&self) -> Option<Auth> {
        Some(Auth { calls: self.calls.upgrade()?, shared: Arc::clone(&self.shared) })
    }
}

/// What task and handles share. Only `published` changes.
pub(super) struct Shared {
    pub(super) accounts_url: Url,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) http: Http,
    pub(super) random: Random,
    pub(super) tasks: Supervisor,
    pub(super) renewal_lock: RenewalLock,
    pub(super) language: Option<Language>,
    /// Here, so that it is open as long as there is a handle.
    pub(super) published: watch::Sender<Arc<AuthState>>,
}

impl Shared {
    pub(super) fn now(&self) -> Now {
        Now { date: self.clock.date(), instant: Instant::now() }
    }

    pub(super) fn accounts_service(&self, credentials: Credentials) -> AccountsService {
        AccountsService { base: self.accounts_url.clone(), http: self.http.clone(), credentials }
    }

    /// Returns a text that can't be guessed.
    pub(super) fn unguessable(&self) -> Result<Secret, AuthError> {
        let bytes = (self.random)().map_err(|_| AuthError::NoRandomness)?;
        Ok(Secret::new(hex::encode(&bytes)))
    }

    pub(super) fn new_id(&self) -> Result<AccountId, AuthError> {
        let bytes = (self.random)().map_err(|_| AuthError::NoRandomness)?;
        Ok(hex::encode(&bytes[..8]).into())
    }
}

/// The state that the task owns.
pub(super) struct Service {
    pub(super) me: WeakAuth,
    pub(super) shared: Arc<Shared>,
    pub(super) accounts: Accounts,
    pub(super) store: Store,
    pub(super) login: Option<Login>,
    /// Distinguishes log-ins from each other.
    pub(super) logins: u64,
    /// The running renewals, with the callers that wait for them.
    pub(super) renewals: HashMap<RenewalKey, Vec<oneshot::Sender<Renewed>>>,
    pub(super) limits_file: Option<PathBuf>,
    pub(super) is_saving_limits: bool,
    /// The callers that wait until limits and counts have been saved.
    pub(super) waiting_for_limits: Vec<oneshot::Sender<()>>,
    /// When tokens and store are maintained next; None until the store has been read.
    pub(super) next_round: Option<Instant>,
    /// When the store is searched next for other copies' sign-ins, if there is none here.
    pub(super) next_reload: Instant,
}

impl Auth {
    /// Returns the state to show, and every change of it. The task waits while a value is borrowed, so none may be held
    /// across an `await`.
    #[must_use]
    pub fn watch(&self) -> watch::Receiver<Arc<AuthState>> {
        self.shared.published.subscribe()
    }

    /// Runs `work` on the state, and returns its result when its changes are published.
    ///
    /// # Errors
    /// [`AuthError::Restarting`] if the task has panicked.
    pub(super) async fn call<T: Send + 'static>(
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
    pub(super) async fn change<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Service, Now) -> Result<T, AuthError> + Send + 'static,
    ) -> Result<T, AuthError> {
        let change = move |service: &mut Service, now| work(service, now).map(|done| (done, service.store.save(now)));
        let (done, saved) = self.call(change).await??;
        // The other end is dropped when the wait is over.
        let _ = saved.await;
        Ok(done)
    }

    /// Merges with what other copies have stored, if the store answers soon.
    pub(super) async fn reload(&self) {
        if let Ok(reloaded) = self.call(|service, now| service.store.reload(now)).await {
            let _ = reloaded.await;
        }
    }
}

impl Service {
    /// Spawns a task that keeps the service running.
    pub(super) fn spawn<F: Future<Output = ()> + Send + 'static>(
        &self,
        name: &'static str,
        work: impl FnOnce(Auth) -> F,
    ) {
        if let Some(auth) = self.me.upgrade() {
            self.shared.tasks.spawn_once(name, work(auth));
        }
    }

    /// Runs a job of the store. One that hangs doesn't keep the service running.
    pub(super) fn run_job(&self, job: Job) {
        let me = self.me.clone();
        self.shared.tasks.spawn_once("store", async move {
            let done = job.await;
            if let Some(auth) = me.upgrade() {
                let on_done = |service: &mut Service, now| service.store.on_done(done, &mut service.accounts, now);
                let _ = auth.call(on_done).await;
            }
        });
    }

    pub(super) fn link(&self) -> Link {
        let other = match self.store.phase() {
            _ if self.login.is_some() => Some(Link::Linking),
            Phase::Loading => Some(Link::Loading),
            Phase::Late => Some(Link::KeyringWaiting),
            Phase::Loaded => None,
        };
        self.accounts.link(other)
    }

    /// Publishes the state, if it differs from the published one.
    pub(super) fn publish(&self, now: Now) {
        let view = self.accounts.view(self.login.as_ref().map(|login| &login.account), now);
        let state = AuthState {
            link: self.link(),
            accounts: view.accounts,
            limit: view.limit,
            strained_until: view.strained_until,
            store: self.store.status(),
        };
        self.shared.published.send_if_modified(|published| {
            let changed = **published != state;
            if changed {
                state.log_change_from(published);
                *published = Arc::new(state);
            }
            changed
        });
    }
}
