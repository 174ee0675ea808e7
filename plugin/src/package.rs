//! The package's main loop, which connects the host, the player, the accounts and the board.
//!
//! The widget of a pressed instance turns the gesture into a request, which the loop carries out. After every event (of the
//! host, the player, the accounts, covers or time) the board is drawn.

use std::collections::HashSet;
use std::sync::Arc;

use host_sdk::package::{Event, Events, Host, Instance, InstanceId, Page};
use serde_json::Value;
use tokio::sync::mpsc;
use tokio::time::Instant;

use crate::auth::{self, AccountState, Auth};
use crate::awake;
use crate::board::Board;
use crate::clock::Clock;
use crate::config::Config;
use crate::face::{CoverLimits, Covers, Renderer, SystemFonts, default_cover_folder};
use crate::gesture::{Finger, Gesture, GestureConfig};
use crate::http::Http;
use crate::identity::Identification;
use crate::pages::{self, PageCommand, PageEvent, Reply};
use crate::player::{self, Input, Player, State};
use crate::spotify::{Client, Uri, UriKind};
use crate::supervisor::{Failures, Supervisor, TaskFailure};
use crate::widgets::{self, Request};

/// The capacity of the channel of replies to pages.
const REPLIES: usize = 32;
/// The member of the package's settings at the host that holds the playlist that something was added to last.
const LAST_PLAYLIST: &str = "lastPlaylist";

/// Runs the package until the host ends it. `language` is the user's, as written by the host; empty if it sent none.
///
/// # Errors
/// If one of the package's tasks has ended or panicked.
pub async fn run(
    host: Host,
    events: Events,
    language: &str,
    config: Config,
    clock: Arc<dyn Clock>,
) -> Result<(), TaskFailure> {
    let (tasks, failures) = Supervisor::new();
    let http = Http::new();
    let limits_file = config.limits_file();
    let auth = Auth::start(auth::Config {
        accounts_url: config.accounts_url,
        store: config.store,
        private_file: auth::default_private_file(),
        lock_file: auth::default_lock_file(),
        limits_file,
        language: language.to_owned(),
        clock: clock.clone(),
        http: http.clone(),
        random: auth::system_random(),
        tasks: tasks.clone(),
    });
    let (covers, loaded_covers) = Covers::new(cover_limits(&config.api_url), tasks.clone());
    let spotify = Client::new(http, config.api_url, auth.clone());
    let (player, player_task) = player::start(spotify.clone(), auth.watch(), clock.clone());
    tasks.watch(PLAYER, player_task);
    let renderer = Renderer::new(language, SystemFonts::WhenNeeded);
    Package::new(host, clock, auth, spotify, player, covers, renderer, tasks).run(events, loaded_covers, failures).await
}

/// The name of the player's task in [`TaskFailure`]s.
const PLAYER: &str = "player";

/// Returns the limits of covers. They come from Spotify's image hosts only, or from a simulated Spotify if one is configured;
/// the latter aren't cached on disk.
fn cover_limits(api_url: &url::Url) -> CoverLimits {
    let limits = CoverLimits::default();
    if matches!(api_url.host_str(), Some("127.0.0.1" | "localhost" | "[::1]")) {
        CoverLimits { extra_origins: vec![api_url.origin().ascii_serialization()], ..limits }
    } else {
        CoverLimits { folder: default_cover_folder(), ..limits }
    }
}

struct Package {
    host: Host,
    clock: Arc<dyn Clock>,
    auth: Auth,
    spotify: Client,
    player: player::Handle,
    model: Arc<State>,
    board: Board,
    identification: Identification,
    pages: HashSet<Page>,
    replies: mpsc::Sender<(Page, Reply)>,
    answers: mpsc::Receiver<(Page, Reply)>,
    tasks: Supervisor,
    /// The playlist that something was added to last, as stored by the host.
    last_playlist: Option<Uri>,
}

impl Package {
    #[expect(clippy::too_many_arguments, reason = "its parts, each of another type")]
    fn new(
        host: Host,
        clock: Arc<dyn Clock>,
        auth: Auth,
        spotify: Client,
        player: player::Handle,
        covers: Covers,
        renderer: Renderer,
        tasks: Supervisor,
    ) -> Self {
        let (replies, answers) = mpsc::channel(REPLIES);
        Self {
            model: player.watch().borrow().clone(),
            board: Board::new(host.clone(), covers, renderer),
            identification: Identification::new(auth.clone(), spotify.clone(), tasks.clone()),
            host,
            clock,
            auth,
            spotify,
            player,
            pages: HashSet::new(),
            replies,
            answers,
            tasks,
            last_playlist: None,
        }
    }

    /// Runs until the host ends the package, or one of its tasks has failed.
    async fn run(
        self,
        events: Events,
        loaded_covers: mpsc::Receiver<String>,
        mut failures: Failures,
    ) -> Result<(), TaskFailure> {
        let ended = tokio::select! {
            failure = failures.next() => return Err(failure),
            ended = self.serve(events, loaded_covers) => ended,
        };
        match ended {
            Ok(()) => Ok(()),
            // The supervisor knows the reason.
            Err(player::Ended) => Err(failures.next().await),
        }
    }

    async fn serve(
        mut self,
        mut events: Events,
        mut loaded_covers: mpsc::Receiver<String>,
    ) -> Result<(), player::Ended> {
        let mut accounts = self.auth.watch();
        let mut model = self.player.watch();
        let mut tick = None;
        self.identification.on_accounts_changed(&accounts.borrow_and_update().clone());
        loop {
            tokio::select! {
                event = events.next() => match event {
                    Some(event) => self.on_event(event).await?,
                    None => return Ok(()),
                },
                changed = model.changed() => {
                    changed.map_err(|_| player::Ended)?;
                    self.model = model.borrow_and_update().clone();
                    self.keep_last_playlist();
                    self.renew_devices();
                }
                Ok(()) = accounts.changed() => {
                    let state = accounts.borrow_and_update().clone();
                    self.identification.on_accounts_changed(&state);
                    let counts = self.auth.counts().await;
                    self.send_to_pages(&PageEvent::accounts(&state, counts).payload());
                }
                Some((page, reply)) = self.answers.recv() => self.answer(&page, reply),
                Some(url) = loaded_covers.recv() => self.board.on_cover_loaded(&url),
                () = self.board.fonts_found() => {}
                () = sleep_until(tick) => self.on_tick().await?,
            }
            // Let the player send its calls before the faces are drawn.
            tokio::task::yield_now().await;
            tick = self.draw().await;
        }
    }

    async fn on_event(&mut self, event: Event) -> Result<(), player::Ended> {
        match event {
            Event::Appeared(instance) => self.on_appeared(instance).await?,
            Event::Disappeared(id) => {
                self.board.remove(&id);
                self.publish_subscription().await?;
            }
            Event::Pressed(id) => self.on_finger(&id, Finger::on_down).await?,
            Event::Released(id) => self.on_finger(&id, Finger::on_up).await?,
            Event::Triggered(id) => self.on_finger(&id, |finger, _, _| finger.on_trigger()).await?,
            Event::Settings(id, settings) => {
                if self.board.set_settings(&id, settings) {
                    self.publish_subscription().await?;
                }
            }
            Event::PageOpened(page) => {
                self.pages.insert(page);
            }
            Event::PageClosed(page) => {
                self.pages.remove(&page);
            }
            Event::PageMessage(page, message) => {
                self.player.send(Input::PageActivity).await?;
                self.page_message(page, &message);
            }
            // A reconnected host has no pictures, and announces the visible instances again. While it is disconnected, nothing is
            // visible.
            Event::Connected | Event::Disconnected => {
                if event == Event::Connected {
                    self.host.request_package_settings();
                }
                self.board.clear();
                self.pages.clear();
                self.publish_subscription().await?;
            }
            Event::PackageSettings(settings) => {
                let uri = settings.get(LAST_PLAYLIST).and_then(Value::as_str).and_then(Uri::parse);
                if let Some(uri) = uri.filter(|uri| uri.kind() == UriKind::Playlist) {
                    self.last_playlist = Some(uri.clone());
                    self.player.send(Input::LastPlaylist(uri)).await?;
                }
            }
            Event::Titles(..) | Event::Icons(..) | Event::Font(..) => {}
        }
        Ok(())
    }

    async fn on_appeared(&mut self, instance: Instance) -> Result<(), player::Ended> {
        let widget = instance.widget.clone();
        if !self.board.add(instance) {
            tracing::warn!(widget, "the host shows an unknown widget");
            return Ok(());
        }
        self.renew_devices();
        self.publish_subscription().await
    }

    fn renew_devices(&mut self) {
        if let Some(devices) = self.model.devices() {
            self.board.renew_devices(devices);
        }
    }

    async fn publish_subscription(&self) -> Result<(), player::Ended> {
        self.player.send(Input::Subscription(self.board.subscription())).await
    }

    /// Applies a change to the finger on a key.
    async fn on_finger(
        &mut self,
        id: &InstanceId,
        change: impl Fn(&mut Finger, GestureConfig, Instant) -> Option<Gesture>,
    ) -> Result<(), player::Ended> {
        match self.board.on_finger(id, change, self.clock.now().instant) {
            Some(gesture) => self.on_gesture(id, gesture).await,
            None => Ok(()),
        }
    }

    /// Handles the gestures that the passing of time completes.
    async fn on_tick(&mut self) -> Result<(), player::Ended> {
        for (id, gesture) in self.board.on_tick(self.clock.now().instant) {
            self.on_gesture(&id, gesture).await?;
        }
        Ok(())
    }

    /// Carries out the request of a gesture.
    async fn on_gesture(&mut self, id: &InstanceId, gesture: Gesture) -> Result<(), player::Ended> {
        let snapshot = self.snapshot();
        match self.board.on_gesture(id, gesture, &snapshot) {
            None => {}
            Some(Request::Command(command)) => self.player.send(Input::Command(command)).await?,
            Some(Request::Refresh) => self.player.send(Input::Refresh).await?,
            Some(Request::OpenSettings) => self.host.open_settings(),
            Some(Request::OpenUrl(url)) => self.host.open_url(url),
            Some(Request::SignIn) => self.sign_in(),
            Some(Request::SwitchAccount) => {
                let refused = self.auth.switch_account().await.err();
                let notice = refused.map(|error| widgets::notice_face(&error.user_message()));
                self.board.set_notice(id, notice, self.clock.now().instant);
            }
        }
        Ok(())
    }

    /// Starts the login of the first account whose login has ended, or else of the first that has none, for a key.
    fn sign_in(&self) {
        let accounts = self.auth.watch().borrow().clone();
        let find = |state| accounts.accounts.iter().find(|account| account.state == state);
        let Some(account) = find(AccountState::SignInAgain).or(find(AccountState::NeedsLogin)) else {
            self.host.open_settings();
            return;
        };
        let page = Page { widget: self.host.package_uuid().to_owned(), context: self.host.package_uuid().to_owned() };
        self.command(page, PageCommand::Login { id: account.id.clone() });
    }

    fn page_message(&mut self, page: Page, message: &Value) {
        self.pages.insert(page.clone());
        match PageCommand::read(message) {
            Ok(command) => self.command(page, command),
            Err(error) => self.host.send_to_page(&page, PageEvent::Error(error).payload()),
        }
    }

    /// Runs a page's command in a task, as it may take as long as a call to Spotify.
    fn command(&self, page: Page, command: PageCommand) {
        let (auth, spotify, replies) = (self.auth.clone(), self.spotify.clone(), self.replies.clone());
        self.tasks.spawn_once("page command", async move {
            for reply in pages::handle(&auth, &spotify, command).await {
                if replies.send((page.clone(), reply)).await.is_err() {
                    return;
                }
            }
        });
    }

    fn answer(&self, page: &Page, reply: Reply) {
        match reply {
            Reply::Event(event) => self.host.send_to_page(page, event.payload()),
            Reply::OpenUrl(url) => self.host.open_url(url),
        }
    }

    fn send_to_pages(&self, message: &Value) {
        self.pages.iter().for_each(|page| self.host.send_to_page(page, message.clone()));
    }

    /// Stores the last used playlist at the host if it has changed.
    fn keep_last_playlist(&mut self) {
        let used = self.model.last_playlist();
        if used.is_some() && used != self.last_playlist.as_ref() {
            self.last_playlist = used.cloned();
            let settings = used.map(|uri| (LAST_PLAYLIST.to_owned(), Value::from(uri.as_str())));
            self.host.save_package_settings(settings.into_iter().collect());
        }
    }

    fn snapshot(&self) -> Player {
        self.model.at(self.clock.now())
    }

    /// Draws the board. Returns when to draw again without an event.
    async fn draw(&mut self) -> Option<Instant> {
        let now = self.clock.now();
        let snapshot = self.model.at(now);
        awake::keep(!self.board.is_empty() && snapshot.now.as_ref().is_some_and(|now| now.playing));
        let next_drawing = self.board.draw(&snapshot, now.instant).await;
        let next_change = self.model.next_change_in(now);
        next_drawing.into_iter().chain(next_change).min().map(|wait| Instant::now() + wait)
    }
}

async fn sleep_until(at: Option<Instant>) {
    match at {
        Some(at) => tokio::time::sleep_until(at).await,
        None => std::future::pending().await,
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicBool, Ordering};

    use host_sdk::package::Stop;
    use host_sdk::protocol::StartArgs;

    use super::*;
    use crate::auth::StoreChoice;
    use crate::auth::testing::World;
    use crate::clock::ManualClock;

    /// A clock that panics once it is broken, and with it the task that uses it.
    #[derive(Default)]
    struct BreakableClock(AtomicBool);

    impl BreakableClock {
        fn break_now(&self) {
            self.0.store(true, Ordering::Relaxed);
        }
    }

    impl Clock for BreakableClock {
        fn unix_ms(&self) -> u64 {
            assert!(!self.0.load(Ordering::Relaxed), "on purpose");
            1_800_000_000_000
        }
    }

    /// A running package with separate clocks for its tasks.
    struct Running {
        player_clock: Arc<BreakableClock>,
        accounts_clock: Arc<BreakableClock>,
        tasks: Supervisor,
        ended: tokio::task::JoinHandle<Result<(), TaskFailure>>,
        stop: Stop,
    }

    impl Running {
        async fn start() -> Self {
            let world = World::new().await;
            let (player_clock, accounts_clock) = (Arc::<BreakableClock>::default(), Arc::<BreakableClock>::default());
            let (tasks, failures) = Supervisor::new();
            let auth = Auth::start(auth::Config {
                clock: accounts_clock.clone(),
                tasks: tasks.clone(),
                ..world.config(StoreChoice::Memory)
            });
            let api = url::Url::parse(&world.sim.api_url()).unwrap();
            let (covers, loaded_covers) = Covers::new(cover_limits(&api), tasks.clone());
            let spotify = Client::new(world.http.clone(), api, auth.clone());
            let (player, task) = player::start(spotify.clone(), auth.watch(), player_clock.clone());
            tasks.watch(PLAYER, task);
            // No host listens there, so the package keeps reconnecting.
            let (host, events, stop) = host_sdk::package::connect(&StartArgs {
                port: 1,
                package_uuid: "com.spotify-widgets".into(),
                register_event: "register".into(),
                info: String::new(),
            });
            let clock = Arc::new(ManualClock::at(1_800_000_000_000));
            let renderer = Renderer::new("en", SystemFonts::Never);
            let package = Package::new(host, clock, auth, spotify, player, covers, renderer, tasks.clone());
            let ended = tokio::spawn(package.run(events, loaded_covers, failures));
            Self { player_clock, accounts_clock, tasks, ended, stop }
        }
    }

    #[tokio::test]
    async fn package_fails_when_the_player_panics() {
        let running = Running::start().await;
        tokio::time::pause();
        running.player_clock.break_now();
        assert_eq!(running.ended.await.unwrap(), Err(TaskFailure::Panicked("player")));
    }

    #[tokio::test]
    async fn package_fails_when_the_accounts_task_panics() {
        let running = Running::start().await;
        tokio::time::pause();
        running.accounts_clock.break_now();
        assert_eq!(running.ended.await.unwrap(), Err(TaskFailure::Panicked("accounts")));
    }

    #[tokio::test]
    async fn package_fails_when_a_short_task_panics() {
        for name in ["cover", "page command", "user", "log-in", "keyring"] {
            let running = Running::start().await;
            running.tasks.spawn_once(name, async { panic!("on purpose") });
            assert_eq!(running.ended.await.unwrap(), Err(TaskFailure::Panicked(name)));
        }
    }

    #[tokio::test]
    async fn package_ends_well_when_the_host_ends_it() {
        let running = Running::start().await;
        running.stop.stop();
        assert_eq!(running.ended.await.unwrap(), Ok(()));
    }
}
