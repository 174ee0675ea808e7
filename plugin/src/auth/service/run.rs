//! The start and the loop of the task.

use std::collections::HashMap;
use std::sync::Arc;

use tokio::sync::{mpsc, watch};
use tokio::time::Instant;

use super::config::Config;
use super::maintenance::RELOAD_EVERY;
use super::state::AuthState;
use super::task::{Auth, Call, Service, Shared, WeakAuth};
use crate::auth::accounts::{Accounts, Link, Now};
use crate::auth::store::{Backend, Phase, RenewalLock, Store, StoreOptions, load_limits};
use crate::i18n::Language;

/// The most calls that wait for the task. It runs them at once, so it is never full for long; when it is, the caller waits.
const CALLS: usize = 64;

impl Auth {
    /// Starts the task: returns at once, reads the store in the background, and renews tokens until the last handle is
    /// dropped. Must be called within a tokio runtime.
    #[must_use]
    pub fn start(config: Config) -> Self {
        let options = config.store_options();
        let backend = options.backend();
        Self::start_with(config, options, backend)
    }

    /// As [`Auth::start`], with another backend than the choice names.
    pub(super) fn start_with(config: Config, options: StoreOptions, backend: Box<dyn Backend>) -> Self {
        let now = Now { date: config.clock.date(), instant: Instant::now() };
        // A small file, read before anything is sent: a limit of before the restart still counts.
        let rotation = config.limits_file.as_deref().map(|path| load_limits(path, now.date)).unwrap_or_default();
        let renewal_lock = RenewalLock::beside(options.lock_path().as_deref());
        let (store, load) = Store::open(options, backend, now);
        let loading = AuthState {
            link: Link::Loading,
            accounts: vec![],
            limit: None,
            strained_until: None,
            store: store.status(),
        };
        let shared = Arc::new(Shared {
            accounts_url: config.accounts_url,
            clock: config.clock,
            http: config.http,
            random: config.random,
            tasks: config.tasks,
            renewal_lock,
            language: Language::from_tag(&config.language),
            published: watch::Sender::new(Arc::new(loading)),
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
            next_reload: now.instant + RELOAD_EVERY,
        };
        service.run_job(load);
        shared.tasks.spawn("accounts", service.run(inbox));
        Self { calls, shared }
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
            let _released = self.store.take_released();
            if let Some(reply) = reply {
                reply();
            }
        }
    }
}
