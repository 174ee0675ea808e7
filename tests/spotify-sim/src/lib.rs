//! A Spotify to run against: accounts service, Web API, covers and a page that shows what it "plays", all invented, all
//! on one port of 127.0.0.1, so that development and tests need neither the internet nor an account.
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
//! - `/accounts/authorize` and `/accounts/api/token`: the accounts service. The consent page has the buttons `#agree` and
//!   `#cancel`, and `#user` to choose who signs in; it is shown at every sign-in. Apps and their redirect URIs are
//!   configured; by default there are three: [`DEMO_CLIENT_ID`], [`SIBLING_CLIENT_ID`] of the same developer, and
//!   [`BACKUP_CLIENT_ID`] of another.
//! - `/v1/…`: the Web API calls of Development Mode apps that the package uses, with the scopes that Spotify asks for.
//! - `/image/…`: covers in 640, 300 and 64 pixels.
//! - `/`: the page.
//! - `/sim/…`: the control API, below.
//!
//! # The control API
//! JSON in and out; changes answer 204, a body that can't be used 400 with `{"error"}`.
//!
//! | call | |
//! |---|---|
//! | `GET /sim/state` | `now_ms`; `playback` ([`Playback`]); `item` (`uri`, `title`, `artist`, `album`, `cover`, `duration_ms`, or null); `player` (what `GET /v1/me/player` answers without lag, null for 204); `liked` (whether the item is saved); `sleeping` (whether each of the devices is); `library` (newest first); `connections` ([`Connections`]); `faults`; `throttle` (`calls`, `window_ms`, or null); `omit_retry_after`; `network` (`accounts`, `api`); `apps` (`name`, `client_id`, `client_secret`, `allow_list`, `developer`, its `premium`, `throttled_until_ms` or null, `shut_until_ms` by group); `users` (`id`, `display_name`, `premium`); the number of `requests` |
//! | `GET /sim/requests?limit=N` | the latest [`Request`]s, oldest first |
//! | `DELETE /sim/requests` | forgets them |
//! | `POST /sim/faults` | adds a [`Fault`] (its members are those of the type), or one by name: `{"preset", "times"?, "methods"?, "path"?, "client_id"?, "retry_after"?, "delay_ms"?}` with preset `throttle`, `quota`, `premium_required`, `owner_not_premium`, `not_on_allow_list`, `no_active_device`, `server_error`, `unauthorized`, `invalid_grant`, `forbidden_page`, `restricted_device`, `floats`, `drop`, `cut_answer`, `lose_answer`, `slow` |
//! | `DELETE /sim/faults` | clears all |
//! | `POST /sim/playback` | a [`Change`], as if another Spotify app did it: `{"action": "next"}`, `{"playing": false, "volume_percent": 20}`, `{"device": null}` … |
//! | `POST /sim/device` | a [`DeviceChange`] of the `device` of this id or name: `{"device": "Wohnzimmer", "id": "new"}`, `{"device": "Wohnzimmer", "quirks": {"volume": "one_less", "wakes": "empty", "disallows": ["seeking"]}}` … |
//! | `POST /sim/cut` | `{"times"}`: so many kept HTTP/1.1 connections end at the first byte of their next request |
//! | `POST /sim/liked-context` | `{"taken"}`: whether programs can play Liked Songs as a context |
//! | `POST /sim/library` | `{"uri", "saved"}`: saves to the user's library or removes from it; a playlist is followed or not |
//! | `POST /sim/tokens/expire` | every access token given out so far is expired |
//! | `POST /sim/refresh-tokens/revoke` | every refresh token given out so far is revoked |
//! | `POST /sim/clock/advance` | `{"ms"}`: the simulator's time jumps ahead |
//! | `POST /sim/throttle` | `{"calls", "window_ms"?}` for each app (30,000 ms without a number), or `null` for none: [`Throttle`] |
//! | `POST /sim/quota` | `{"developer", "group"?, "budget": {"calls", "shut_for"}}` (seconds), or without `budget` for none: [`Budget`]. The developer is told by name or by the Client ID of an app; without a [`Group`] it is for each |
//! | `POST /sim/quota/exhaust` | `{"developer", "group"?, "retry_after"}`: it is used up for so many seconds from now; 0 opens it |
//! | `POST /sim/retry-after` | `{"omit"}`: whether the 429 of throttle and quota come without `Retry-After` |
//! | `POST /sim/premium` | `{"user", "premium"}` or `{"developer", "premium"}` |
//! | `POST /sim/allow-list` | `{"client_id", "users"?}`: the IDs of the users for whom the app works; without a list for all |
//! | `POST /sim/network` | `{"network", "service"?}`: `up`, `refusing` or `silent` ([`Network`]) for `accounts`, `api` or both |
//!
//! # Time
//! What ages does so by the [`Clock`] of the [`Config`], which [`Sim::advance`] can move ahead. Latency, delays of faults
//! and the time-outs of the waiting functions are real time: the simulator runs on a thread and a runtime of its own, so
//! that a paused or busy runtime of the test does not touch it.
//!
//! # Where it is simpler than Spotify
//! The users share one player, one library and the list of their playlists; the consent page asks for no password. There
//! are no limits until some are set. `GET /v1/playlists/{id}`, albums and shows give all they hold at once; search is
//! "contains". Writes with `device_id` move playback to that device, but for the volume. HTTP/2 comes without TLS, to those
//! who speak it unasked (prior knowledge).

use std::convert::Infallible;
use std::fmt;
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
    DEMO_CLIENT_SECRET, Developer, IssuedTokens, LOOPBACK_REDIRECT, REFRESH_TOKEN_LIFETIME, RELAY_REDIRECT,
    SIBLING_CLIENT_ID, SIBLING_CLIENT_SECRET, User,
};
pub use clock::{Clock, STOPPED_AT, real_clock, stopped_clock};
pub use connections::{Connections, Count, Protocol};
pub use fault::{Fault, Outcome};
pub use journal::{Authorization, MASK, Reply, Request};
pub use limits::{Budget, Group, Throttle};
pub use network::{Network, Service};
pub use playback::{Action, COMPUTER_ID, Change, Device, PHONE_ID, Playback, Repeat, SPEAKER_ID};
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
mod forms;
mod journal;
mod limits;
mod network;
mod playback;
mod playlists;
mod quirks;
mod server;
mod shared;

use accounts::{Accounts, AuthorizeRequest};
use catalogue::Catalogue;
use playback::Player;
use playlists::Playlists;
use shared::{Shared, State};

/// How a [`Sim`] behaves.
#[derive(Clone)]
pub struct Config {
    /// The TCP port on 127.0.0.1; 0 takes a free one.
    pub port: u16,
    /// Where time comes from.
    pub clock: Clock,
    /// Makes tokens and shuffles repeatable.
    pub seed: u64,
    /// How long every answer of Spotify (not of the simulator's page and control API) takes at least, in real time.
    pub latency: Duration,
    /// How long player reads still see what was true before a write, and the last track at its end after its natural
    /// end, by the clock. The live service: some 100 ms.
    pub read_lag: Duration,
    /// How long a sleeping device takes to wake up after a transfer, by the clock.
    pub wake_delay: Duration,
    /// How long a new connection waits before it is served, in real time: as long as it takes a client to find and reach
    /// Spotify and to agree on a key (DNS, TCP and TLS).
    pub accept_delay: Duration,
    /// After how much idle time an HTTP/1.1 connection is closed, in real time. Without a time none is.
    pub idle_close: Option<Duration>,
    /// What player writes answer.
    pub write_answer: WriteAnswer,
    /// Whether refreshing with the secret brings a new refresh token, too, and revokes the old one. Without a secret
    /// (PKCE) it always does.
    pub rotate_refresh_tokens: bool,
    /// The developers and their apps.
    pub developers: Vec<Developer>,
    /// The user who is signed in to Spotify in the browser.
    pub user: User,
    /// Others, who may sign in instead.
    pub users: Vec<User>,
    /// What plays at first.
    pub playback: Playback,
    /// URIs of what the user has saved at first, the oldest first. The playlists come by themselves.
    pub saved: Vec<String>,
    /// A file in which sign-ins are kept across restarts, as those at Spotify are.
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

/// What a successful player write answers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum WriteAnswer {
    /// 200 with a text that means nothing, as the live service does.
    #[default]
    Text,
    /// 204 without a body, as documented.
    NoContent,
}

/// What was waited for did not happen in time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TimedOut;

impl fmt::Display for TimedOut {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("what was waited for did not happen in time")
    }
}

impl std::error::Error for TimedOut {}

/// A running simulator. Dropping it closes its port and every connection.
pub struct Sim {
    address: SocketAddr,
    shared: Arc<Shared>,
    runtime: Handle,
    stop: Option<oneshot::Sender<Infallible>>,
    thread: Option<thread::JoinHandle<()>>,
}

impl Sim {
    /// Starts a simulator; it answers as soon as this returns.
    ///
    /// # Errors
    /// When the port is taken, the file of kept sign-ins can't be read, or the system has no thread or socket to give.
    pub async fn start(config: Config) -> io::Result<Self> {
        // Bound here, and not by the thread, so that the address is known and a taken port is an error.
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
        let served = shared.clone();
        let terms = server::Terms { accept_delay: config.accept_delay, idle_close: config.idle_close };
        let thread = thread::Builder::new()
            .name("spotify-sim".to_owned())
            .spawn(move || runtime.block_on(server::serve(listener, served, terms, stopped)))?;
        Ok(Self { address, shared, runtime: handle, stop: Some(stop), thread: Some(thread) })
    }

    /// The address and port it listens on.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The base address of the Web API, without a trailing slash: `http://127.0.0.1:PORT/v1`.
    pub fn api_url(&self) -> String {
        format!("http://{}/v1", self.address)
    }

    /// The base address of the accounts service, without a trailing slash: `http://127.0.0.1:PORT/accounts`.
    pub fn accounts_url(&self) -> String {
        format!("http://{}/accounts", self.address)
    }

    /// The address of the page that shows what plays.
    pub fn page_url(&self) -> String {
        format!("http://{}/", self.address)
    }

    /// The requests that arrived at the accounts service, the Web API and the covers, oldest first (at most the last
    /// 10,000). Secrets in them are masked.
    pub fn requests(&self) -> Vec<Request> {
        self.shared.look(|state, _| state.journal.all().to_vec())
    }

    /// What of all requests since the start has broken the Web API's contract, also of those that were forgotten.
    pub fn violations(&self) -> Vec<String> {
        self.shared.look(|state, _| state.journal.violations().to_vec())
    }

    /// Forgets the requests so far.
    pub fn clear_requests(&self) {
        self.shared.change(|state, _| state.journal.clear());
    }

    /// Waits until `condition` holds for the requests so far and the playback. It is asked at once, and again after every
    /// request, answer and change, not by the passing of time alone. It runs on the simulator's own thread and must
    /// not call the simulator.
    ///
    /// # Errors
    /// [`TimedOut`] after `timeout` of real time, or when `condition` panics.
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

    /// Waits until `condition` holds for the connections, as [`wait_for`](Self::wait_for) does for requests: asked at
    /// once, and again after every one that is accepted or closed.
    ///
    /// # Errors
    /// As there.
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
                let holds = shared.look(&mut condition);
                if holds || revision.changed().await.is_err() {
                    return holds;
                }
            }
        };
        // On the simulator's runtime, whose time can't be paused by the test.
        match self.runtime.spawn(async move { tokio::time::timeout(timeout, wait).await }).await {
            Ok(Ok(true)) => Ok(()),
            Ok(Ok(false) | Err(_)) | Err(_) => Err(TimedOut),
        }
    }

    /// Waits for the first request (since the start or [`clear_requests`](Self::clear_requests)) with this method and
    /// path that has been answered or dropped.
    ///
    /// # Errors
    /// [`TimedOut`] after `timeout` of real time.
    pub async fn wait_for_request(&self, method: &str, path: &str, timeout: Duration) -> Result<Request, TimedOut> {
        self.wait_for_requests(method, path, 1, timeout).await.and_then(|mut found| found.pop().ok_or(TimedOut))
    }

    /// Waits until `count` requests with this method and path have been answered or dropped, and gives the first `count`.
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
        receiver.await.map_err(|_| TimedOut)
    }

    /// How many connections were accepted so far, and how many are open now. Those of the simulator's own page and control
    /// API count, too.
    pub fn connections(&self) -> Connections {
        self.shared.look(|state, _| state.connections)
    }

    /// What plays now.
    pub fn playback(&self) -> Playback {
        self.shared.look(|state, now| state.player(now, &self.shared.catalogue).playback().clone())
    }

    /// Replaces what plays, as if another Spotify app did it. It is taken as it is: at most one active device, please.
    pub fn set_playback(&self, playback: Playback) {
        // Replacing never refuses.
        let _ = self.shared.change(|state, now| {
            state.write(now, &self.shared.catalogue, |player| {
                player.replace(playback);
                Ok(())
            })
        });
    }

    /// Changes what plays, as if another Spotify app did it.
    ///
    /// # Errors
    /// The reason, when the change names something that does not exist; nothing is changed then.
    pub fn change_playback(&self, change: Change) -> Result<(), String> {
        let catalogue = &self.shared.catalogue;
        self.shared
            .change(|state, now| state.change_playback(now, change, catalogue))
            .map_err(|refusal| format!("{refusal:?}"))
    }

    /// Changes one device, told by its id or its name.
    ///
    /// # Errors
    /// The reason, when there is no such device.
    pub fn change_device(&self, id_or_name: &str, change: DeviceChange) -> Result<(), String> {
        let catalogue = &self.shared.catalogue;
        self.shared
            .change(|state, now| state.write(now, catalogue, |player| player.change_device(id_or_name, change)))
            .map_err(|refusal| format!("{refusal:?}"))
    }

    /// Sets whether programs can play Liked Songs as a context, as has been reported since 2024. They can at first.
    pub fn set_liked_context(&self, taken: bool) {
        self.shared.change(|state, _| state.liked_context = taken);
    }

    /// URIs that the user has saved, the newest first. Playlists are not among them.
    pub fn library(&self) -> Vec<String> {
        self.shared.look(|state, _| state.library().map(|(uri, _)| uri.to_owned()).collect())
    }

    /// Saves a URI to the user's library, or removes it, as if another Spotify app did it. A playlist is followed, or not.
    pub fn set_saved(&self, uri: &str, saved: bool) {
        self.shared.change(|state, now| state.set_saved(uri, saved, now));
    }

    /// URIs of the entries of a playlist, in their order; `None` if there is no such playlist.
    pub fn playlist(&self, uri: &str) -> Option<Vec<String>> {
        self.shared.look(|state, _| state.playlists.get(uri).map(|playlist| playlist.uris()))
    }

    /// Adds a fault. The earliest that matches a request acts on it.
    pub fn inject(&self, fault: Fault) {
        self.shared.change(|state, _| state.faults.add(fault));
    }

    /// Removes all faults.
    pub fn clear_faults(&self) {
        self.shared.change(|state, _| state.faults.clear());
    }

    /// The faults in force, with how often they still act.
    pub fn faults(&self) -> Vec<Fault> {
        self.shared.look(|state, _| state.faults.list().to_vec())
    }

    /// Lets kept HTTP/1.1 connections end at the first byte of their next request, so many times. Such a request leaves no trace
    /// in [`requests`](Self::requests).
    pub fn cut_kept_connections(&self, times: u32) {
        self.shared.change(|state, _| state.cuts = times);
    }

    /// Sets the latency of the answers to requests that arrive from now on.
    pub fn set_latency(&self, latency: Duration) {
        self.shared.change(|state, _| state.latency = latency);
    }

    /// Sets how long player reads lag behind writes.
    pub fn set_read_lag(&self, read_lag: Duration) {
        self.shared.change(|state, _| state.read_lag = read_lag);
    }

    /// The present by the simulator's clock, as the time since the Unix epoch.
    pub fn now(&self) -> Duration {
        self.shared.look(|_, now| now)
    }

    /// Lets the simulator's time jump ahead: playback moves, tokens age.
    pub fn advance(&self, by: Duration) {
        self.shared.change(|state, _| state.skew = state.skew.saturating_add(by));
    }

    /// Sets how many calls each app has in a rolling window; without a throttle, which is how a simulator starts, as
    /// many as it likes. Calls with a valid token count, those that are refused too, and those from now on only. Who has
    /// had them is answered "API rate limit exceeded" with 429.
    pub fn set_throttle(&self, throttle: Option<Throttle>) {
        self.shared.change(|state, _| state.limits.set_throttle(throttle));
    }

    /// Sets what a developer account has of a group of calls, or of each (`None`), before it is shut and all its apps are
    /// answered QUOTA_EXCEEDED with 429. The developer is told by name or by the Client ID of one of its apps. What was
    /// called before doesn't count; what is shut stays shut.
    ///
    /// # Errors
    /// When there is no such developer or app.
    pub fn set_quota(
        &self,
        developer: &str,
        group: impl Into<Option<Group>>,
        budget: Option<Budget>,
    ) -> Result<(), String> {
        self.shared.change(|state, _| state.set_quota(developer, group.into(), budget))
    }

    /// Shuts a group of calls, or all (`None`), for all apps of a developer account, for a while by the simulator's
    /// clock; no time opens it again. The developer is told as in [`set_quota`](Self::set_quota).
    ///
    /// # Errors
    /// When there is no such developer or app.
    pub fn exhaust_quota(
        &self,
        developer: &str,
        group: impl Into<Option<Group>>,
        retry_after: Duration,
    ) -> Result<(), String> {
        let until = |now: Duration| now.saturating_add(retry_after);
        self.shared.change(|state, now| state.exhaust_quota(developer, group.into(), until(now)))
    }

    /// Sets whether the 429 of throttle and quota come without the header `Retry-After`, as Spotify's sometimes do.
    pub fn omit_retry_after(&self, omit: bool) {
        self.shared.change(|state, _| state.limits.omit_retry_after = omit);
    }

    /// Gives a developer account Premium, or takes it. The developer is told as in [`set_quota`](Self::set_quota).
    ///
    /// # Errors
    /// When there is no such developer or app.
    pub fn set_developer_premium(&self, developer: &str, premium: bool) -> Result<(), String> {
        self.shared.change(|state, _| state.accounts.set_developer_premium(developer, premium))
    }

    /// Gives a user Premium, or takes it.
    ///
    /// # Errors
    /// When there is no user of this ID.
    pub fn set_user_premium(&self, user_id: &str, premium: bool) -> Result<(), String> {
        self.shared.change(|state, _| state.accounts.set_user_premium(user_id, premium))
    }

    /// Sets the IDs of the users for whom an app works; without a list it works for all.
    ///
    /// # Errors
    /// When there is no app of this Client ID.
    pub fn set_allow_list(&self, client_id: &str, users: Option<Vec<String>>) -> Result<(), String> {
        self.shared.change(|state, _| state.accounts.set_allow_list(client_id, users))
    }

    /// Cuts off the accounts service, the Web API and the covers, or brings them back. The page and the control API
    /// are always there.
    pub fn set_network(&self, network: Network) {
        self.shared.networks.send_modify(|networks| networks.set(None, network));
    }

    /// Cuts off one service, or brings it back.
    pub fn set_network_of(&self, service: Service, network: Network) {
        self.shared.networks.send_modify(|networks| networks.set(Some(service), network));
    }

    /// Every code and token given out so far, to search logs and files for.
    pub fn issued_tokens(&self) -> IssuedTokens {
        self.shared.look(|state, _| state.accounts.issued())
    }

    /// Lets every access token given out so far be expired.
    pub fn expire_access_tokens(&self) {
        self.shared.change(|state, _| state.accounts.expire_access());
    }

    /// Revokes every refresh token given out so far.
    pub fn revoke_refresh_tokens(&self) {
        self.shared.change(|state, _| state.accounts.revoke_refresh());
    }

    /// Plays the user's part on the consent page without a browser: takes the address of `/authorize` that the program
    /// under test would open, clicks Agree (or Cancel), and gives the address to which the browser would be sent. The
    /// user is that of the [`Config`]; the network plays no part.
    ///
    /// # Errors
    /// What the page would say instead, such as "INVALID_CLIENT: Invalid client".
    pub fn consent(&self, authorize_url: &str, agree: bool) -> Result<Url, String> {
        self.decide(authorize_url, None, agree)
    }

    /// Does what [`consent`](Self::consent) does, as another user.
    ///
    /// # Errors
    /// As there, or that there is no such user.
    pub fn consent_as(&self, authorize_url: &str, user_id: &str, agree: bool) -> Result<Url, String> {
        self.decide(authorize_url, Some(user_id), agree)
    }

    fn decide(&self, authorize_url: &str, user: Option<&str>, agree: bool) -> Result<Url, String> {
        let url = Url::parse(authorize_url).map_err(|error| error.to_string())?;
        let request = AuthorizeRequest::parse(url.query().unwrap_or_default());
        match self.shared.change(|state, now| state.accounts.decide(&request, user, agree, now)) {
            Ok(url) | Err(accounts::AuthorizeError::Redirect(url)) => Ok(url),
            Err(accounts::AuthorizeError::Shown(text)) => Err(text.to_owned()),
        }
    }
}

impl Drop for Sim {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            // It ends at once; waiting for it means that the port is free afterwards. Its panic is no reason for another.
            let _ = thread.join();
        }
    }
}

#[cfg(test)]
mod tests;
