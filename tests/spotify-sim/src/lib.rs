//! A simulated Spotify on one port of 127.0.0.1: accounts service, Web API, covers, and a page that shows what it "plays".
//! Development and tests against it need neither the internet nor an account.
//!
//! ```no_run
//! # async fn example() -> std::io::Result<()> {
//! use spotify_sim::{Config, Fault, Sim};
//! use std::time::Duration;
//!
//! let sim = Sim::start(Config::default()).await?;
//! println!("{} {}", sim.api_url(), sim.accounts_url());
//! sim.inject(Fault::throttle(Some(3)).times(1));
//! // … press a key of the program under test …
//! let request = sim.wait_for_request("PUT", "/v1/me/player/pause", Duration::from_secs(5)).await.expect("a press");
//! assert!(!sim.playback().is_playing);
//! # Ok(()) }
//! ```
//!
//! # What it serves
//! - `/accounts/authorize` and `/accounts/api/token`: the accounts service. The consent page appears at every sign-in and has
//!   the buttons `#agree` and `#cancel`, and `#user` to choose who signs in. Apps and their redirect URIs are configured; by
//!   default there are three: [`DEMO_CLIENT_ID`], [`SIBLING_CLIENT_ID`] of the same developer, and [`BACKUP_CLIENT_ID`] of
//!   another developer.
//! - `/v1/…`: the Web API calls of Development Mode apps that the package uses, with the scopes that Spotify requires.
//! - `/image/…`: covers in 640, 300 and 64 pixels.
//! - `/`: the page.
//! - `/sim/…`: the control API, below.
//!
//! # The control API
//! Requests and responses are JSON. A change answers 204, and an invalid body 400 with `{"error"}`.
//!
//! | call | |
//! |---|---|
//! | `GET /sim/state` | `now_ms`; `playback` ([`Playback`]); `item` (`uri`, `title`, `artist`, `album`, `cover`, `duration_ms`, or null); `player` (the answer of `GET /v1/me/player` without lag, null for 204); `liked` (whether the item is saved); `sleeping` (for each device); `library` (newest first); `connections` ([`Connections`]); `faults`; `throttle` (`calls`, `window_ms`, or null); `omit_retry_after`; `network` (`accounts`, `api`); `apps` (`name`, `client_id`, `client_secret`, `allow_list`, `developer`, its `premium`, `throttled_until_ms` or null, `shut_until_ms` by group); `users` (`id`, `display_name`, `premium`); the number of `requests` |
//! | `GET /sim/requests?limit=N` | the latest [`Request`]s, oldest first |
//! | `DELETE /sim/requests` | clears them |
//! | `POST /sim/faults` | adds a [`Fault`] (with the members of the type), or one by name: `{"preset", "times"?, "methods"?, "path"?, "client_id"?, "retry_after"?, "delay_ms"?}` with preset `throttle`, `quota`, `premium_required`, `owner_not_premium`, `not_on_allow_list`, `no_active_device`, `server_error`, `unauthorized`, `invalid_grant`, `forbidden_page`, `restricted_device`, `floats`, `drop`, `cut_answer`, `lose_answer`, `slow` |
//! | `DELETE /sim/faults` | clears all |
//! | `POST /sim/playback` | makes a [`Change`] as another Spotify app would: `{"action": "next"}`, `{"playing": false, "volume_percent": 20}`, `{"device": null}` … |
//! | `POST /sim/device` | makes a [`DeviceChange`] to the `device` with this id or name: `{"device": "Wohnzimmer", "id": "new"}`, `{"device": "Wohnzimmer", "quirks": {"volume": "one_less", "wakes": "empty", "disallows": ["seeking"]}}` … |
//! | `POST /sim/cut` | `{"times"}`: closes this many reused HTTP/1.1 connections at the first byte of their next request |
//! | `POST /sim/liked-context` | `{"taken"}`: sets whether programs can play Liked Songs as a context |
//! | `POST /sim/library` | `{"uri", "saved"}`: saves to the user's library or removes from it; follows or unfollows a playlist |
//! | `POST /sim/tokens/expire` | expires every access token issued so far |
//! | `POST /sim/refresh-tokens/revoke` | revokes every refresh token issued so far |
//! | `POST /sim/clock/advance` | `{"ms"}`: moves the simulator's clock ahead |
//! | `POST /sim/throttle` | `{"calls", "window_ms"?}` for each app (30,000 ms by default), or `null` for none: [`Throttle`] |
//! | `POST /sim/quota` | `{"developer", "group"?, "budget": {"calls", "shut_for"}}` (seconds), or no `budget` for no limit: [`Budget`]. The developer is given by name or by the Client ID of an app. Without a [`Group`] the budget applies to each |
//! | `POST /sim/quota/exhaust` | `{"developer", "group"?, "retry_after"}`: shuts the quota for this many seconds from now; 0 opens it |
//! | `POST /sim/retry-after` | `{"omit"}`: sets whether the 429 of throttle and quota come without `Retry-After` |
//! | `POST /sim/premium` | `{"user", "premium"}` or `{"developer", "premium"}` |
//! | `POST /sim/allow-list` | `{"client_id", "users"?}`: sets the IDs of the users for whom the app works; without a list it works for all |
//! | `POST /sim/network` | `{"network", "service"?}`: `up`, `refusing` or `silent` ([`Network`]) for `accounts`, `api` or both |
//!
//! # Time
//! Playback, tokens, codes and the read lag follow the [`Clock`] of the [`Config`], which [`Sim::advance`] can move ahead.
//! Latency, delays of faults and the timeouts of the waiting functions are real time: the simulator has its own thread and
//! runtime, so a paused or busy runtime of the test doesn't affect it.
//!
//! # Differences from Spotify
//! The users share one player, one library and the list of their playlists. The consent page asks for no password. There
//! are no limits until some are set. `GET /v1/playlists/{id}`, albums and shows return all entries on one page. A search
//! finds names that contain the query. Writes with `device_id` move playback to that device, except for the volume. HTTP/2
//! is served without TLS, to clients that start with it (prior knowledge).

use std::convert::Infallible;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::runtime::{Builder, Handle};
use tokio::sync::oneshot;
use url::Url;

pub use accounts::{
    ACCESS_TOKEN_LIFETIME, App, BACKUP_CLIENT_ID, BACKUP_CLIENT_SECRET, CODE_LIFETIME, DEMO_CLIENT_ID,
    DEMO_CLIENT_SECRET, Developer, IssuedTokens, LOOPBACK_REDIRECT, LookupError, REFRESH_TOKEN_LIFETIME,
    RELAY_REDIRECT, SIBLING_CLIENT_ID, SIBLING_CLIENT_SECRET, User,
};
pub use clock::{Clock, STOPPED_AT, real_clock, stopped_clock};
pub use connections::{Connections, Count, Protocol};
pub use fault::{Fault, Outcome};
pub use journal::{Authorization, MASK, Reply, Request};
pub use limits::{Budget, Group, Throttle};
pub use network::{Network, Service};
pub use playback::{Action, COMPUTER_ID, Change, Device, PHONE_ID, Playback, PlayerError, Repeat, SPEAKER_ID};
pub use quirks::{DeviceChange, Quirks, VolumeQuirk, Waking};

mod accounts;
mod api;
pub mod catalogue;
mod clock;
mod connections;
mod consent;
mod contract;
mod control;
pub mod cover;
mod fault;
mod journal;
mod limits;
mod network;
mod playback;
mod playlists;
mod quirks;
mod server;
mod shared;
mod transform;

use accounts::{Accounts, AuthorizeRequest};
use catalogue::Catalogue;
use playback::Player;
use playlists::Playlists;
use shared::{Shared, State};

/// Configuration of a [`Sim`].
#[derive(Clone)]
pub struct Config {
    /// The TCP port on 127.0.0.1; 0 takes a free one.
    pub port: u16,
    /// The simulator's clock.
    pub clock: Clock,
    /// The seed for tokens and shuffles, which makes them repeatable.
    pub seed: u64,
    /// The minimum time that every answer of Spotify takes, in real time. It doesn't apply to the simulator's page and
    /// control API.
    pub latency: Duration,
    /// How long player reads still return the state before a write, and the last track at its end after its natural end,
    /// by the clock. With the live service it is about 100 ms.
    pub read_lag: Duration,
    /// How long a sleeping device takes to wake up after a transfer, by the clock.
    pub wake_delay: Duration,
    /// How long a new connection waits before it is served, in real time. It stands for DNS, TCP and TLS.
    pub accept_delay: Duration,
    /// The idle time after which an HTTP/1.1 connection is closed, in real time; `None` for never.
    pub idle_close: Option<Duration>,
    /// What player writes answer.
    pub write_answer: WriteAnswer,
    /// Whether refreshing with the secret also returns a new refresh token and revokes the old one. Without a secret
    /// (PKCE) it always does.
    pub rotate_refresh_tokens: bool,
    /// The developers and their apps.
    pub developers: Vec<Developer>,
    /// The user who is signed in to Spotify in the browser.
    pub user: User,
    /// Other users who can sign in instead.
    pub users: Vec<User>,
    /// The initial playback.
    pub playback: Playback,
    /// URIs that the user has saved initially, the oldest first. Playlists needn't be listed.
    pub saved: Vec<String>,
    /// A file that keeps sign-ins across restarts, as Spotify does.
    pub kept_sign_ins: Option<PathBuf>,
}

impl Default for Config {
    /// A free port, real time, no latency and no lag, the demo developer and the backup's, and music playing.
    fn default() -> Self {
        Self {
            port: 0,
            clock: real_clock(),
            seed: 1,
            latency: Duration::ZERO,
            read_lag: Duration::ZERO,
            wake_delay: Duration::ZERO,
            accept_delay: Duration::ZERO,
            idle_close: None,
            write_answer: WriteAnswer::default(),
            rotate_refresh_tokens: false,
            developers: vec![Developer::demo(), Developer::backup()],
            user: User::default(),
            users: vec![User::guest()],
            playback: Playback::default(),
            saved: Vec::new(),
            kept_sign_ins: None,
        }
    }
}

/// The answer to a successful player write.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum WriteAnswer {
    /// 200 with a text without meaning, as the live service answers.
    #[default]
    Text,
    /// 204 without a body, as documented.
    NoContent,
}

/// A waiting function of [`Sim`] has timed out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("what was waited for did not happen in time")]
pub struct TimedOut;

/// The reason for which [`Sim::consent`] can't show a consent page.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ConsentError {
    /// The address is no URL.
    #[error(transparent)]
    Url(#[from] url::ParseError),
    /// The browser shows this error page instead.
    #[error("{0}")]
    Page(&'static str),
}

/// A running simulator. Dropping it closes its port and every connection.
pub struct Sim {
    address: SocketAddr,
    shared: Arc<Shared>,
    runtime: Handle,
    stop: Option<oneshot::Sender<Infallible>>,
    thread: Option<thread::JoinHandle<()>>,
}

impl Sim {
    /// Starts a simulator, which accepts requests as soon as this returns.
    ///
    /// # Errors
    /// If the port is in use, the file of sign-ins can't be read, or the system can't create a thread or socket.
    pub async fn start(config: Config) -> io::Result<Self> {
        // Bound here, not on the thread, so that the address is known and a port in use is an error.
        let listener = std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, config.port))?;
        listener.set_nonblocking(true)?;
        let address = listener.local_addr()?;
        let catalogue = Catalogue::new(format!("http://{address}"));
        let now = (config.clock)();
        let playlists = Playlists::new(&config.user);
        let accounts = Accounts::new(
            config.developers,
            config.user,
            config.users,
            config.rotate_refresh_tokens,
            config.seed,
            config.kept_sign_ins.map(|path| (path, now)),
        )?;
        let player = Player::new(config.playback, config.seed, now, config.wake_delay);
        let mut state = State::new(accounts, player, playlists, config.latency, config.read_lag);
        config.saved.iter().for_each(|uri| state.set_saved(uri, true, now));
        let shared = Arc::new(Shared::new(catalogue, config.write_answer, config.clock, state));

        let runtime = Builder::new_current_thread().enable_io().enable_time().build()?;
        let handle = runtime.handle().clone();
        let (stop, stopped) = oneshot::channel();
        let listener = {
            let _entered = handle.enter();
            TcpListener::from_std(listener)?
        };
        let server_state = shared.clone();
        let connection_config =
            server::ConnectionConfig { accept_delay: config.accept_delay, idle_close: config.idle_close };
        let thread = thread::Builder::new().name("spotify-sim".to_owned()).spawn(move || {
            runtime.block_on(server::serve(listener, server_state, connection_config, stopped));
        })?;
        Ok(Self { address, shared, runtime: handle, stop: Some(stop), thread: Some(thread) })
    }

    /// Returns the address and port that it listens on.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Returns the base address of the Web API, without a trailing slash: `http://127.0.0.1:PORT/v1`.
    pub fn api_url(&self) -> String {
        format!("http://{}/v1", self.address)
    }

    /// Returns the base address of the accounts service, without a trailing slash: `http://127.0.0.1:PORT/accounts`.
    pub fn accounts_url(&self) -> String {
        format!("http://{}/accounts", self.address)
    }

    /// Returns the address of the page that shows what plays.
    pub fn page_url(&self) -> String {
        format!("http://{}/", self.address)
    }

    /// Returns the requests to the accounts service, the Web API and the covers, oldest first (at most the last 10,000).
    /// Their secrets are masked.
    pub fn requests(&self) -> Vec<Request> {
        self.shared.read(|state, _| state.journal.all().to_vec())
    }

    /// Returns the violations of the Web API's contract by all requests since the start, cleared ones included.
    pub fn violations(&self) -> Vec<String> {
        self.shared.read(|state, _| state.journal.violations().to_vec())
    }

    /// Clears the recorded requests.
    pub fn clear_requests(&self) {
        self.shared.change(|state, _| state.journal.clear());
    }

    /// Waits until `condition` holds for the recorded requests and the playback. It is evaluated at once and after every
    /// request, answer and change; the passing of time alone doesn't trigger it. It runs on the simulator's own thread and
    /// must not call the simulator.
    ///
    /// # Errors
    /// [`TimedOut`] after `timeout` of real time, or if `condition` panics.
    pub async fn wait_for<F>(&self, timeout: Duration, mut condition: F) -> Result<(), TimedOut>
    where
        F: FnMut(&[Request], &Playback) -> bool + Send + 'static,
    {
        let shared = self.shared.clone();
        let condition = move |state: &mut State, now| {
            let playback = state.player(now, &shared.catalogue).playback().clone();
            condition(state.journal.all(), &playback)
        };
        self.wait_until(timeout, condition).await
    }

    /// Waits until `condition` holds for the connections, like [`wait_for`](Self::wait_for) for requests. It is evaluated
    /// at once and after each connection that is accepted or closed.
    ///
    /// # Errors
    /// The same as those of [`wait_for`](Self::wait_for).
    pub async fn wait_for_connections<F>(&self, timeout: Duration, mut condition: F) -> Result<(), TimedOut>
    where
        F: FnMut(Connections) -> bool + Send + 'static,
    {
        self.wait_until(timeout, move |state, _| condition(state.connections)).await
    }

    async fn wait_until<F>(&self, timeout: Duration, mut condition: F) -> Result<(), TimedOut>
    where
        F: FnMut(&mut State, Duration) -> bool + Send + 'static,
    {
        let shared = self.shared.clone();
        let mut revision = shared.revision.subscribe();
        let wait = async move {
            loop {
                revision.borrow_and_update();
                let holds = shared.read(&mut condition);
                if holds || revision.changed().await.is_err() {
                    return holds;
                }
            }
        };
        // On the simulator's runtime, because a test can pause the time of its own runtime.
        match self.runtime.spawn(async move { tokio::time::timeout(timeout, wait).await }).await {
            Ok(Ok(true)) => Ok(()),
            Ok(Ok(false) | Err(_)) | Err(_) => Err(TimedOut),
        }
    }

    /// Waits until a request with this method and path has been answered or dropped, and returns the first one since the
    /// start or [`clear_requests`](Self::clear_requests).
    ///
    /// # Errors
    /// [`TimedOut`] after `timeout` of real time.
    pub async fn wait_for_request(&self, method: &str, path: &str, timeout: Duration) -> Result<Request, TimedOut> {
        self.wait_for_requests(method, path, 1, timeout).await.and_then(|mut found| found.pop().ok_or(TimedOut))
    }

    /// Waits until `count` requests with this method and path have been answered or dropped, and returns the first `count`.
    ///
    /// # Errors
    /// [`TimedOut`] after `timeout` of real time.
    pub async fn wait_for_requests(
        &self,
        method: &str,
        path: &str,
        count: usize,
        timeout: Duration,
    ) -> Result<Vec<Request>, TimedOut> {
        let (method, path) = (method.to_owned(), path.to_owned());
        let (sender, receiver) = oneshot::channel();
        let mut sender = Some(sender);
        self.wait_for(timeout, move |requests, _| {
            let matches = |request: &&Request| {
                request.method == method && request.path == path && request.reply != Reply::Pending
            };
            let found: Vec<Request> = requests.iter().filter(matches).take(count).cloned().collect();
            let enough = found.len() == count;
            if enough && let Some(sender) = sender.take() {
                // The receiver lives until this function returns.
                let _ = sender.send(found);
            }
            enough
        })
        .await?;
        receiver.await.or(Err(TimedOut))
    }

    /// Returns how many connections have been accepted and how many are open, those to the simulator's own page and control
    /// API included.
    pub fn connections(&self) -> Connections {
        self.shared.read(|state, _| state.connections)
    }

    /// Returns the current playback.
    pub fn playback(&self) -> Playback {
        self.shared.read(|state, now| state.player(now, &self.shared.catalogue).playback().clone())
    }

    /// Replaces the playback, as another Spotify app would. It isn't checked; at most one device may be active.
    pub fn set_playback(&self, playback: Playback) {
        // Replacing never fails.
        let _ = self.shared.change(|state, now| {
            state.write(now, &self.shared.catalogue, |player| {
                player.replace(playback);
                Ok(())
            })
        });
    }

    /// Changes the playback, as another Spotify app would.
    ///
    /// # Errors
    /// If the change names something that does not exist. Nothing is changed then.
    pub fn change_playback(&self, change: Change) -> Result<(), PlayerError> {
        let catalogue = &self.shared.catalogue;
        self.shared.change(|state, now| state.change_playback(now, change, catalogue))
    }

    /// Changes the device with this id or name.
    ///
    /// # Errors
    /// If there is no such device.
    pub fn change_device(&self, id_or_name: &str, change: DeviceChange) -> Result<(), PlayerError> {
        let catalogue = &self.shared.catalogue;
        self.shared.change(|state, now| state.write(now, catalogue, |player| player.change_device(id_or_name, change)))
    }

    /// Sets whether programs can play Liked Songs as a context, as has been reported since 2024. Initially they can.
    pub fn set_liked_context(&self, allowed: bool) {
        self.shared.change(|state, _| state.liked_context = allowed);
    }

    /// Returns the URIs that the user has saved, without playlists, the newest first.
    pub fn library(&self) -> Vec<String> {
        self.shared.read(|state, _| state.library().map(|(uri, _)| uri.to_owned()).collect())
    }

    /// Saves a URI to the user's library or removes it, as another Spotify app would. A playlist is followed or unfollowed.
    pub fn set_saved(&self, uri: &str, saved: bool) {
        self.shared.change(|state, now| state.set_saved(uri, saved, now));
    }

    /// Returns the URIs of a playlist's entries in their order, or `None` if there is no such playlist.
    pub fn playlist(&self, uri: &str) -> Option<Vec<String>> {
        self.shared.read(|state, _| state.playlists.get(uri).map(|playlist| playlist.uris()))
    }

    /// Adds a fault. Of several faults that match a request, the earliest applies.
    pub fn inject(&self, fault: Fault) {
        self.shared.change(|state, _| state.faults.add(fault));
    }

    /// Removes all faults.
    pub fn clear_faults(&self) {
        self.shared.change(|state, _| state.faults.clear());
    }

    /// Returns the active faults, with how often they still apply.
    pub fn faults(&self) -> Vec<Fault> {
        self.shared.read(|state, _| state.faults.list().to_vec())
    }

    /// Closes the next `times` reused HTTP/1.1 connections at the first byte of their next request. Such a request doesn't
    /// appear in [`requests`](Self::requests).
    pub fn cut_kept_connections(&self, times: u32) {
        self.shared.change(|state, _| state.pending_cuts = times);
    }

    /// Sets the latency for new requests.
    pub fn set_latency(&self, latency: Duration) {
        self.shared.change(|state, _| state.latency = latency);
    }

    /// Sets how long player reads lag behind writes.
    pub fn set_read_lag(&self, read_lag: Duration) {
        self.shared.change(|state, _| state.read_lag = read_lag);
    }

    /// Returns the time of the simulator's clock since the Unix epoch.
    pub fn now(&self) -> Duration {
        self.shared.read(|_, now| now)
    }

    /// Moves the simulator's clock ahead: playback moves, tokens age.
    pub fn advance(&self, by: Duration) {
        self.shared.change(|state, _| state.skew = state.skew.saturating_add(by));
    }

    /// Sets how many calls each app may make in a rolling window; `None`, the initial state, is no limit. Only calls with a
    /// valid token from now on count, refused ones included. Calls beyond the limit answer 429 "API rate limit exceeded".
    pub fn set_throttle(&self, throttle: Option<Throttle>) {
        self.shared.change(|state, _| state.limits.set_throttle(throttle));
    }

    /// Sets how many calls of a group, or of each group (`None`), a developer account may make before the group is shut and
    /// all its apps receive 429 QUOTA_EXCEEDED. The developer is given by name or by the Client ID of one of its apps.
    /// Earlier calls don't count; a group that is shut stays shut.
    ///
    /// # Errors
    /// If there is no such developer or app.
    pub fn set_quota(
        &self,
        developer: &str,
        group: impl Into<Option<Group>>,
        budget: Option<Budget>,
    ) -> Result<(), LookupError> {
        self.shared.change(|state, _| state.set_quota(developer, group.into(), budget))
    }

    /// Shuts a group of calls, or all (`None`), for all apps of a developer account, for `retry_after` by the simulator's
    /// clock; zero opens it again. The developer is given as in [`set_quota`](Self::set_quota).
    ///
    /// # Errors
    /// If there is no such developer or app.
    pub fn exhaust_quota(
        &self,
        developer: &str,
        group: impl Into<Option<Group>>,
        retry_after: Duration,
    ) -> Result<(), LookupError> {
        let until = |now: Duration| now.saturating_add(retry_after);
        self.shared.change(|state, now| state.exhaust_quota(developer, group.into(), until(now)))
    }

    /// Sets whether the 429 answers of throttle and quota lack the header `Retry-After`, as Spotify's sometimes do.
    pub fn omit_retry_after(&self, omit: bool) {
        self.shared.change(|state, _| state.limits.omit_retry_after = omit);
    }

    /// Sets whether a developer account has Premium. The developer is given as in [`set_quota`](Self::set_quota).
    ///
    /// # Errors
    /// If there is no such developer or app.
    pub fn set_developer_premium(&self, developer: &str, premium: bool) -> Result<(), LookupError> {
        self.shared.change(|state, _| state.accounts.set_developer_premium(developer, premium))
    }

    /// Sets whether a user has Premium.
    ///
    /// # Errors
    /// If there is no user with this ID.
    pub fn set_user_premium(&self, user_id: &str, premium: bool) -> Result<(), LookupError> {
        self.shared.change(|state, _| state.accounts.set_user_premium(user_id, premium))
    }

    /// Sets the IDs of the users for whom an app works; with `None` it works for all.
    ///
    /// # Errors
    /// If there is no app with this Client ID.
    pub fn set_allow_list(&self, client_id: &str, users: Option<Vec<String>>) -> Result<(), LookupError> {
        self.shared.change(|state, _| state.accounts.set_allow_list(client_id, users))
    }

    /// Sets the network to the accounts service, the Web API and the covers. The page and the control API are always
    /// reachable.
    pub fn set_network(&self, network: Network) {
        self.shared.networks.send_modify(|networks| networks.set(None, network));
    }

    /// Sets the network to one service.
    pub fn set_network_of(&self, service: Service, network: Network) {
        self.shared.networks.send_modify(|networks| networks.set(Some(service), network));
    }

    /// Returns every code and token issued so far, for tests that search logs and files for them.
    pub fn issued_tokens(&self) -> IssuedTokens {
        self.shared.read(|state, _| state.accounts.issued())
    }

    /// Expires every access token issued so far.
    pub fn expire_access_tokens(&self) {
        self.shared.change(|state, _| state.accounts.expire_access());
    }

    /// Revokes every refresh token issued so far.
    pub fn revoke_refresh_tokens(&self) {
        self.shared.change(|state, _| state.accounts.revoke_refresh());
    }

    /// Answers the consent page without a browser: takes the address of `/authorize` that the program under test would open,
    /// clicks Agree (or Cancel) as the user of the [`Config`], and returns the address to which the browser would be sent.
    /// The state of the network doesn't matter.
    ///
    /// # Errors
    /// If the address is no URL, or an error page would be shown, such as "INVALID_CLIENT: Invalid client".
    pub fn consent(&self, authorize_url: &str, agree: bool) -> Result<Url, ConsentError> {
        self.decide(authorize_url, None, agree)
    }

    /// Answers the consent page like [`consent`](Self::consent), as another user.
    ///
    /// # Errors
    /// The same as those of [`consent`](Self::consent), or if there is no such user.
    pub fn consent_as(&self, authorize_url: &str, user_id: &str, agree: bool) -> Result<Url, ConsentError> {
        self.decide(authorize_url, Some(user_id), agree)
    }

    fn decide(&self, authorize_url: &str, user: Option<&str>, agree: bool) -> Result<Url, ConsentError> {
        let url = Url::parse(authorize_url)?;
        let request = AuthorizeRequest::parse(url.query().unwrap_or_default());
        match self.shared.change(|state, now| state.accounts.decide(&request, user, agree, now)) {
            Ok(url) | Err(accounts::AuthorizeError::Redirect(url)) => Ok(url),
            Err(accounts::AuthorizeError::Page(text)) => Err(ConsentError::Page(text)),
        }
    }
}

impl Drop for Sim {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            // The thread ends at once; after the join the port is free. If it has panicked, this doesn't panic again.
            let _ = thread.join();
        }
    }
}

#[cfg(test)]
mod tests;
