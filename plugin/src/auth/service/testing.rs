//! A world for tests: the simulated Spotify, a clock that it shares with the package, and an [`Auth`] between them.

use std::sync::{Arc, Mutex, mpsc};
use std::time::Duration;

use spotify_sim::{DEMO_CLIENT_ID, DEMO_CLIENT_SECRET, STOPPED_AT, Sim};
use url::Url;

use super::prelude::*;
use crate::auth::accounts::{AccountState, AccountView, Redirect, StoredAccount};
use crate::auth::store::{Backend, StoreChoice, StoreError, StoreStatus};
use crate::clock::ManualClock;

/// Longer than any success takes, so that a failure ends the test.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

pub(crate) struct World {
    pub sim: Sim,
    pub clock: Arc<ManualClock>,
    pub http: Http,
}

impl Drop for World {
    /// Fails if a call has broken the Web API's contract, in every test.
    fn drop(&mut self) {
        if !std::thread::panicking() {
            assert_eq!(self.sim.violations(), [""; 0]);
        }
    }
}

impl World {
    pub async fn new() -> Self {
        let clock = Arc::new(ManualClock::at(u64::try_from(STOPPED_AT.as_millis()).unwrap()));
        let shared = Arc::clone(&clock);
        let config = spotify_sim::Config {
            clock: Arc::new(move || Duration::from_millis(shared.unix_ms())),
            ..spotify_sim::Config::default()
        };
        Self { sim: Sim::start(config).await.unwrap(), clock, http: Http::new() }
    }

    pub fn config(&self, store: StoreChoice) -> Config {
        Config {
            accounts_url: Url::parse(&self.sim.accounts_url()).unwrap(),
            store,
            private_file: None,
            lock_file: None,
            limits_file: None,
            language: "en".to_owned(),
            clock: Arc::clone(&self.clock) as Arc<dyn Clock>,
            http: self.http.clone(),
            random: system_random(),
            tasks: Supervisor::new().0,
        }
    }

    pub async fn auth(&self) -> Auth {
        self.started(self.config(StoreChoice::Memory)).await
    }

    /// Starts an [`Auth`] and waits until the store has been read.
    pub async fn started(&self, config: Config) -> Auth {
        let auth = Auth::start(config);
        until(&auth, |state| state.link != Link::Loading).await;
        auth
    }

    /// Starts an [`Auth`] with the demo account, signed in.
    pub async fn linked(&self) -> (Auth, AccountId) {
        let auth = self.auth().await;
        let id = auth.save(demo()).await.unwrap();
        self.sign_in(&auth, &id).await;
        (auth, id)
    }

    /// Signs an account in, as a user does with a browser.
    pub async fn sign_in(&self, auth: &Auth, id: &AccountId) {
        let page = auth.login(id).await.unwrap();
        let (status, text) = self.visit(self.consent(&page, true)).await;
        assert_eq!(status, 200, "{text}");
        assert!(text.contains("Spotify is linked."), "{text}");
    }

    pub fn consent(&self, page: &Url, agree: bool) -> Url {
        self.sim.consent(page.as_str(), agree).unwrap()
    }

    /// Moves the clock forward.
    pub fn advance(&self, time: Duration) {
        self.clock.advance(u64::try_from(time.as_millis()).unwrap());
    }

    /// Opens an address as the browser would. Returns the status and the body.
    pub async fn visit(&self, url: Url) -> (u16, String) {
        let answer = self.http.client().await.unwrap().get(url).send().await.unwrap();
        (answer.status().as_u16(), answer.text().await.unwrap())
    }

    /// Returns how many token requests with this grant were received.
    pub fn grants(&self, grant: &str) -> usize {
        self.sim
            .requests()
            .iter()
            .filter(|request| {
                request.path == "/accounts/api/token" && request.form("grant_type").as_deref() == Some(grant)
            })
            .count()
    }
}

pub(crate) fn demo() -> SaveAccount {
    SaveAccount {
        id: None,
        client_id: DEMO_CLIENT_ID.into(),
        client_secret: Some(Secret::new(DEMO_CLIENT_SECRET)),
        pkce_only: false,
        redirect: Redirect::Loopback,
        same_developer_as: None,
    }
}

/// Returns the state with accounts of these users' names; the first serves where they are linked.
pub(crate) fn accounts(link: Link, names: &[&str]) -> AuthState {
    let view = |index: usize, name: &str| AccountView {
        id: format!("id{index}").into(),
        client_id: format!("app{index}").into(),
        has_secret: true,
        redirect: Redirect::Loopback,
        state: if link == Link::Linked { AccountState::Linked } else { AccountState::NeedsLogin },
        sign_in: (link == Link::Linked).then_some(SignInId(index as u64)),
        user: Some(user("user", name)),
        last_error: None,
        active: link == Link::Linked && index == 0,
        is_preferred: false,
        same_developer_as: None,
        limits: Vec::new(),
        call_limits: Vec::new(),
        issue: None,
        sign_in_ends: None,
        sign_in_ends_soon: false,
    };
    AuthState {
        link,
        accounts: names.iter().enumerate().map(|(index, name)| view(index, name)).collect(),
        store: StoreStatus::MemoryChosen,
        limit: None,
        strained_until: None,
    }
}

/// Returns a user without the id that never changes.
pub(crate) fn user(id: &str, name: &str) -> User {
    User { id: id.into(), account_id: None, name: name.to_owned() }
}

/// Records the user of an account's present sign-in.
pub(crate) async fn identify(auth: &Auth, id: &AccountId, user: User) {
    let state = Arc::clone(&auth.watch().borrow());
    let account = state.accounts.iter().find(|account| account.id == *id).unwrap();
    auth.set_user(account.sign_in.unwrap(), user).await;
}

/// Waits for a state, and returns it.
pub(crate) async fn until(auth: &Auth, wanted: impl Fn(&AuthState) -> bool) -> Arc<AuthState> {
    let mut watch = auth.watch();
    let state = watch.wait_for(|state| wanted(state)).await.unwrap();
    Arc::clone(&state)
}

/// A store that a test controls.
#[derive(Clone)]
pub(in crate::auth) struct Scripted {
    /// The stored accounts; shared with the test.
    pub(in crate::auth) accounts: Arc<Mutex<Vec<StoredAccount>>>,
    /// The error with which reading and writing fail now.
    pub(in crate::auth) failure: Arc<Mutex<Option<StoreError>>>,
    /// The next `load` or `write` takes this and waits until its other end is dropped.
    pub(in crate::auth) hold: Arc<Mutex<Option<mpsc::Receiver<()>>>>,
}

impl Scripted {
    pub fn new() -> Self {
        Self { accounts: Arc::default(), failure: Arc::default(), hold: Arc::default() }
    }

    fn wait(&self) {
        let hold = self.hold.lock().unwrap().take();
        let _ = hold.map(|hold| hold.recv());
    }

    fn result(&self) -> Result<(), StoreError> {
        self.failure.lock().unwrap().clone().map_or(Ok(()), Err)
    }
}

impl Backend for Scripted {
    fn load(&mut self) -> Result<Vec<StoredAccount>, StoreError> {
        self.wait();
        self.result()?;
        Ok(self.accounts.lock().unwrap().clone())
    }

    fn write(&mut self, accounts: &[StoredAccount]) -> Result<(), StoreError> {
        self.wait();
        self.result()?;
        *self.accounts.lock().unwrap() = accounts.to_vec();
        Ok(())
    }
}

/// Starts an [`Auth`] with this backend instead of the keyring.
pub(in crate::auth) fn start_with(config: Config, keyring: impl Backend) -> Auth {
    let options = config.store_options();
    Auth::start_with(config, options, Box::new(keyring))
}
