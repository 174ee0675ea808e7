//! The loop: what happens on the host comes in, faces go out.
//!
//! It owns the visible instances and what each of them shows. A press is turned into a request by the instance's
//! widget; whatever changes (the player, the accounts, a cover that arrived, a second that passed) comes back through
//! one door, `Package::show_all`: each visible instance's face is worked out anew, drawn only if it differs, and sent
//! only if its bytes do.

use std::collections::HashMap;
use std::collections::HashSet;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::sync::Arc;
use std::time::Duration;

use host_sdk::package::{Event, Events, Host, Image, Instance, InstanceId, Layout, Page, Settings};
use serde_json::Value;
use tokio::sync::mpsc;
use tokio::task::AbortHandle;
use tokio::time::Instant;

use crate::auth::{self, AccountState, Auth, AuthState, SignInId};
use crate::awake;
use crate::clock::Clock;
use crate::config::Config;
use crate::face::{CoverLimits, CoverState, Covers, Frame, Picture, Renderer, Size, SystemFonts, default_cover_folder};
use crate::gesture::{Finger, Gesture, GestureConfig};
use crate::http::Http;
use crate::layouts::Layouts;
use crate::pages::{self, PageCommand, PageEvent, Reply};
use crate::player::{self, Input, Player, State, Subscription};
use crate::spotify::{Client, Error, Uri, UriKind};
use crate::supervisor::{Failures, Supervisor, TaskFailure};
use crate::widgets::{self, Face, Request, WidgetInstance};

/// Answers of page commands that wait for the loop.
const REPLIES: usize = 32;
/// The member of the package's settings at the host that holds the playlist that something was added to last.
const LAST_PLAYLIST: &str = "lastPlaylist";
/// How long a key says why a press that isn't the player's had no effect.
const SAY_WHY_MS: u64 = 4_000;
/// After a failed attempt to learn whose sign-in it is, where trying again may help by itself.
const ASK_WHO_AGAIN: Duration = Duration::from_secs(30);
/// The same, where somebody has to do something first, such as to add the user to the app's allow list.
const ASK_WHO_LATER: Duration = Duration::from_secs(300);

/// Runs the package until the host ends it. `language` is the user's, as the host wrote it; empty if it said none.
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
    let (covers, arrived) = Covers::new(cover_limits(&config.api_url), tasks.clone());
    let spotify = Client::new(http, config.api_url, auth.clone());
    let (player, player_task) = player::start(spotify.clone(), auth.watch(), clock.clone());
    tasks.watch(PLAYER, player_task);
    let renderer = Renderer::new(language, SystemFonts::WhenNeeded);
    Package::new(host, clock, auth, spotify, player, covers, renderer, tasks).run(events, arrived, failures).await
}

/// The player's task, in [`TaskFailure`]s.
const PLAYER: &str = "player";

/// Asks until Spotify has answered whose sign-in this is. The task is aborted when the account has another sign-in or none.
async fn ask_who(auth: Auth, spotify: Client, id: String, sign_in: SignInId) {
    loop {
        let error = match spotify.me(&id).await {
            Ok(user) => return auth.set_user(sign_in, user).await,
            Err(error) => error,
        };
        tracing::warn!(%error, "Spotify doesn't say who has signed in");
        tokio::time::sleep(match &error {
            Error::RateLimited { retry_after: Some(wait), .. } => *wait,
            error if error.passes() => ASK_WHO_AGAIN,
            _ => ASK_WHO_LATER,
        })
        .await;
    }
}

/// Covers come from Spotify's image hosts only, and from a simulated Spotify where one is set; those are not kept on disk.
fn cover_limits(api_url: &url::Url) -> CoverLimits {
    let limits = CoverLimits::default();
    if matches!(api_url.host_str(), Some("127.0.0.1" | "localhost" | "[::1]")) {
        CoverLimits { also_from: vec![api_url.origin().ascii_serialization()], ..limits }
    } else {
        CoverLimits { folder: default_cover_folder(), ..limits }
    }
}

/// A visible instance and what it shows.
struct Visible {
    widget: Box<dyn WidgetInstance>,
    /// The UUID of its widget.
    uuid: &'static str,
    /// Its settings as the host has them.
    settings: Settings,
    layout: Option<Layout>,
    size: Size,
    face: Option<Face>,
    /// Whether the face was drawn with the covers that it wants.
    with_covers: bool,
    /// Whether the face was drawn without a font that is looked for.
    lacks_fonts: bool,
    /// Whether the face is to be drawn again though it is the same.
    redraw: bool,
    /// Since when its words are shown, in Unix milliseconds: what scrolls does so from then on.
    words_since_ms: u64,
    /// When it looks different by itself, as something scrolls.
    next_frame_ms: Option<u64>,
    sent: Option<u64>,
    /// The state that the host shows.
    state: Option<u32>,
    finger: Finger,
    /// What the key says for a moment, and until when.
    says: Option<(Face, u64)>,
}

struct Package {
    host: Host,
    clock: Arc<dyn Clock>,
    auth: Auth,
    spotify: Client,
    player: player::Handle,
    model: Arc<State>,
    covers: Covers,
    layouts: Layouts,
    renderer: Renderer,
    instances: HashMap<InstanceId, Visible>,
    pages: HashSet<Page>,
    replies: mpsc::Sender<(Page, Reply)>,
    answers: mpsc::Receiver<(Page, Reply)>,
    tasks: Supervisor,
    /// The playlist that something was added to last, as the host has stored it.
    last_playlist: Option<Uri>,
    /// The tasks that ask whose sign-ins they are, also those that are done: each sign-in is asked about once.
    asking_who: HashMap<SignInId, AbortHandle>,
    /// When the faces were looked at last, to notice a clock that was set back.
    shown_ms: u64,
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
            host,
            clock,
            auth,
            spotify,
            player,
            covers,
            layouts: Layouts::of_the_manifest(),
            renderer,
            instances: HashMap::new(),
            pages: HashSet::new(),
            replies,
            answers,
            tasks,
            last_playlist: None,
            asking_who: HashMap::new(),
            shown_ms: 0,
        }
    }

    /// Runs until the host ends the package, or one of its tasks has failed.
    async fn run(
        self,
        events: Events,
        arrived: mpsc::Receiver<String>,
        mut failures: Failures,
    ) -> Result<(), TaskFailure> {
        let ended = tokio::select! {
            failure = failures.next() => return Err(failure),
            ended = self.serve(events, arrived) => ended,
        };
        match ended {
            Ok(()) => Ok(()),
            // Its supervisor knows why.
            Err(player::Ended) => Err(failures.next().await),
        }
    }

    async fn serve(mut self, mut events: Events, mut arrived: mpsc::Receiver<String>) -> Result<(), player::Ended> {
        let mut accounts = self.auth.watch();
        let mut model = self.player.watch();
        let mut tick = None;
        self.learn_who(&accounts.borrow_and_update().clone());
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
                    self.learn_who(&state);
                    let counts = self.auth.counts().await;
                    self.tell_pages(&PageEvent::accounts(&state, counts).payload());
                }
                Some((page, reply)) = self.answers.recv() => self.answer(&page, reply),
                Some(url) = arrived.recv() => self.on_cover_loaded(&url),
                () = self.renderer.fonts_found() => {
                    self.instances.values_mut().for_each(|instance| instance.redraw |= instance.lacks_fonts);
                }
                () = sleep_until(tick) => self.on_tick().await?,
            }
            // What has just been asked for leaves for Spotify before the faces are drawn.
            tokio::task::yield_now().await;
            tick = self.show_all().await;
        }
    }

    async fn on_event(&mut self, event: Event) -> Result<(), player::Ended> {
        match event {
            Event::Appeared(instance) => self.on_appeared(instance).await?,
            Event::Disappeared(id) => {
                self.instances.remove(&id);
                self.publish_subscription().await?;
            }
            Event::Pressed(id) => self.on_finger(&id, Finger::down).await?,
            Event::Released(id) => self.on_finger(&id, Finger::up).await?,
            Event::Triggered(id) => self.on_finger(&id, |finger, _, _| finger.triggered()).await?,
            Event::Settings(id, settings) => {
                let settings = widgets::bounded(settings);
                if let Some(instance) = self.instances.get_mut(&id) {
                    instance.size = self.layouts.size(instance.uuid, instance.layout, &settings);
                    instance.widget.set_settings(&settings);
                    instance.settings = settings;
                    self.publish_subscription().await?;
                }
            }
            Event::PageOpened(page) => {
                self.pages.insert(page);
            }
            Event::PageClosed(page) => {
                self.pages.remove(&page);
            }
            Event::PageMessage(page, message) => self.page_message(page, &message),
            // A host that is there anew knows nothing of what was shown, and says what is visible; while it is away
            // nobody looks, and nothing is to be asked.
            Event::Connected | Event::Disconnected => {
                if event == Event::Connected {
                    self.host.request_package_settings();
                }
                self.instances.clear();
                self.pages.clear();
                self.publish_subscription().await?;
            }
            Event::PackageSettings(settings) => {
                let uri = settings.get(LAST_PLAYLIST).and_then(Value::as_str).and_then(Uri::parse);
                if let Some(uri) = uri.filter(|uri| uri.kind() == UriKind::Playlist) {
                    self.last_playlist = Some(uri.clone());
                    self.player.tell(Input::LastPlaylist(uri)).await?;
                }
            }
            Event::Titles(..) | Event::Icons(..) | Event::Font(..) => {}
        }
        Ok(())
    }

    async fn on_appeared(&mut self, instance: Instance) -> Result<(), player::Ended> {
        let Some(kind) = widgets::by_uuid(&instance.widget) else {
            tracing::warn!(widget = instance.widget, "the host shows a widget that this version doesn't have");
            return Ok(());
        };
        let settings = widgets::bounded(instance.settings);
        let size = self.layouts.size(kind.uuid, instance.layout, &settings);
        let visible = Visible {
            widget: kind.instance(instance.id.clone(), &settings),
            uuid: kind.uuid,
            settings,
            layout: instance.layout,
            size,
            face: None,
            with_covers: false,
            lacks_fonts: false,
            redraw: false,
            words_since_ms: 0,
            next_frame_ms: None,
            sent: None,
            state: Some(instance.state),
            finger: Finger::default(),
            says: None,
        };
        self.instances.insert(instance.id, visible);
        self.renew_devices();
        self.publish_subscription().await
    }

    async fn publish_subscription(&self) -> Result<(), player::Ended> {
        let mut subscription = Subscription { instances: self.instances.len(), ..Subscription::default() };
        for instance in self.instances.values() {
            instance.widget.subscribe(&mut subscription);
        }
        self.player.tell(Input::Shown(subscription)).await
    }

    /// A finger does something with a key.
    async fn on_finger(
        &mut self,
        id: &InstanceId,
        how: impl Fn(&mut Finger, GestureConfig, u64) -> Option<Gesture>,
    ) -> Result<(), player::Ended> {
        let now_ms = self.clock.unix_ms();
        let Some(instance) = self.instances.get_mut(id) else { return Ok(()) };
        let config = instance.widget.gesture_config();
        match how(&mut instance.finger, config, now_ms) {
            Some(gesture) => self.on_gesture(id, gesture).await,
            None => Ok(()),
        }
    }

    /// Some time has passed: keys that are held may mean something by now.
    async fn on_tick(&mut self) -> Result<(), player::Ended> {
        let ids: Vec<InstanceId> = self.instances.keys().cloned().collect();
        for id in ids {
            self.on_finger(&id, Finger::later).await?;
        }
        Ok(())
    }

    /// Does what a gesture asks for.
    async fn on_gesture(&mut self, id: &InstanceId, gesture: Gesture) -> Result<(), player::Ended> {
        let snapshot = self.snapshot();
        let Some(instance) = self.instances.get_mut(id) else { return Ok(()) };
        match instance.widget.on_gesture(gesture, &snapshot) {
            None => {}
            Some(Request::Command(command)) => self.player.tell(Input::Command(command)).await?,
            Some(Request::Refresh) => self.player.tell(Input::Refresh).await?,
            Some(Request::OpenSettings) => self.host.open_settings(),
            Some(Request::OpenUrl(url)) => self.host.open_url(url),
            Some(Request::SignIn) => self.sign_in(),
            Some(Request::SwitchAccount) => {
                instance.says = self
                    .auth
                    .switch_account()
                    .await
                    .err()
                    .map(|error| (widgets::notice_face(&error.user_message()), self.clock.unix_ms() + SAY_WHY_MS));
            }
        }
        Ok(())
    }

    /// Starts the sign-in of the account whose was ended, or of the first one that lacks one, from a key.
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

    /// Does what a page asks for, beside the loop: it may take as long as a call to Spotify.
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

    fn tell_pages(&self, message: &Value) {
        self.pages.iter().for_each(|page| self.host.send_to_page(page, message.clone()));
    }

    /// Asks Spotify whose sign-ins they are, where that isn't known yet. A new sign-in is asked about at once, whatever an
    /// earlier one of the account was refused with.
    fn learn_who(&mut self, accounts: &AuthState) {
        let sign_ins: HashSet<SignInId> = accounts.accounts.iter().filter_map(|account| account.sign_in).collect();
        self.asking_who.retain(|sign_in, task| {
            let is_current = sign_ins.contains(sign_in);
            if !is_current {
                task.abort();
            }
            is_current
        });
        for account in &accounts.accounts {
            let Some(sign_in) = account.to_identify() else { continue };
            let (auth, spotify, id) = (self.auth.clone(), self.spotify.clone(), account.id.clone());
            self.asking_who
                .entry(sign_in)
                .or_insert_with(|| self.tasks.spawn_once("user", ask_who(auth, spotify, id, sign_in)));
        }
    }

    /// The host keeps what should outlive us and is no secret.
    fn keep_last_playlist(&mut self) {
        let used = self.model.last_playlist();
        if used.is_some() && used != self.last_playlist.as_ref() {
            self.last_playlist = used.cloned();
            let settings = used.map(|uri| (LAST_PLAYLIST.to_owned(), Value::from(uri.as_str())));
            self.host.save_package_settings(settings.into_iter().collect());
        }
    }

    /// Spotify's ids of devices change; the instances' settings follow, where it is clear which device is meant.
    fn renew_devices(&mut self) {
        let Some(devices) = self.model.devices() else { return };
        for (id, instance) in &mut self.instances {
            if let Some(settings) = widgets::with_renewed_device(&instance.settings, devices) {
                tracing::info!("a chosen device has another id now; it is stored");
                self.host.save_settings(id, settings.clone());
                instance.widget.set_settings(&settings);
                instance.settings = settings;
            }
        }
    }

    fn on_cover_loaded(&mut self, url: &str) {
        for instance in self.instances.values_mut() {
            if instance.face.as_ref().is_some_and(|face| face.picture.covers().contains(&url)) {
                instance.with_covers = false;
            }
        }
    }

    fn snapshot(&self) -> Player {
        self.model.at(self.clock.unix_ms())
    }

    /// Brings every visible instance up to date. Answers when to look again although nothing has happened: a second of
    /// progress has passed then, or a message has been shown long enough.
    async fn show_all(&mut self) -> Option<Instant> {
        let snapshot = self.snapshot();
        let now_ms = self.clock.unix_ms();
        awake::keep(!self.instances.is_empty() && snapshot.now.as_ref().is_some_and(|now| now.playing));
        if now_ms < std::mem::replace(&mut self.shown_ms, now_ms) {
            // What is to last for a moment must not last until the clock gets there again.
            self.instances.values_mut().for_each(|instance| instance.clock_set_back(now_ms));
        }
        let mut progress = false;
        let mut said_enough = None;
        let mut next_frame = None;
        let fingers = self.instances.values();
        let finger = fingers.filter_map(|one| one.finger.next_ms(one.widget.gesture_config())).min();
        // Small ones first, and off to the host: a key that was pressed does not wait for the large picture beside it.
        let mut instances: Vec<_> = self.instances.iter_mut().collect();
        instances.sort_unstable_by_key(|(_, instance)| instance.size.columns * instance.size.rows);
        let mut keys_are_off = false;
        for (id, instance) in instances {
            instance.says.take_if(|(_, until_ms)| *until_ms <= now_ms);
            let face = match &instance.says {
                Some((face, until_ms)) => {
                    said_enough = said_enough.into_iter().chain([*until_ms]).min();
                    face.clone()
                }
                None => instance.widget.face(&snapshot, instance.size),
            };
            progress |= match &face.picture {
                Picture::NowPlaying(now) => now.playing && now.progress.is_some(),
                // It may show a time; if not, its words are the same a second later, and nothing is drawn.
                Picture::Text(_) => snapshot.now.as_ref().is_some_and(|now| now.playing),
                _ => false,
            };
            let covers: HashMap<String, CoverState> =
                face.picture.covers().into_iter().map(|url| (url.to_owned(), self.covers.get(url))).collect();
            let settled = !covers.values().any(|cover| matches!(cover, CoverState::Pending));
            let due = instance.next_frame_ms.is_some_and(|next_ms| next_ms <= now_ms);
            let due = due || instance.redraw || (settled && !instance.with_covers);
            if instance.face.as_ref() != Some(&face) || due {
                if instance.size != Size::KEY && !keys_are_off {
                    tokio::task::yield_now().await;
                    keys_are_off = true;
                }
                instance.show(&self.host, id, face, &covers, &mut self.renderer, now_ms);
                instance.with_covers = settled;
            }
            next_frame = next_frame.into_iter().chain(instance.next_frame_ms).min();
        }
        let next_second = snapshot.now.as_ref().filter(|_| progress).map(|now| 1_000 - now.position_ms % 1_000);
        let next_change = self
            .model
            .next_change_ms(now_ms)
            .into_iter()
            .chain(said_enough)
            .chain(finger)
            .chain(next_frame)
            .min()
            .map(|at| at.saturating_sub(now_ms));
        let wait = next_second.into_iter().chain(next_change).min()?;
        Some(Instant::now() + Duration::from_millis(wait))
    }
}

impl Visible {
    /// Begins anew with all that is measured by the clock. A press that is under way is lost.
    fn clock_set_back(&mut self, now_ms: u64) {
        self.says = None;
        self.finger = Finger::default();
        self.words_since_ms = now_ms;
        self.next_frame_ms = self.next_frame_ms.map(|next_ms| next_ms.min(now_ms));
    }

    fn show(
        &mut self,
        host: &Host,
        id: &InstanceId,
        face: Face,
        covers: &HashMap<String, CoverState>,
        renderer: &mut Renderer,
        now_ms: u64,
    ) {
        if let Some(state) = face.state
            && self.state != Some(state)
        {
            self.state = Some(state);
            // Hosts show the new state's own image at first, so ours has to follow.
            self.sent = None;
            host.set_state(id, state);
        }
        let covers = |url: &str| covers.get(url).and_then(CoverState::ready).cloned();
        if !self.face.as_ref().is_some_and(|before| face.picture.continues(&before.picture)) {
            self.words_since_ms = now_ms;
        }
        let shown_ms = now_ms.saturating_sub(self.words_since_ms);
        let Frame { png, next_ms, lacks_fonts } = renderer.frame(&face.picture, self.size, &covers, shown_ms);
        (self.lacks_fonts, self.redraw) = (lacks_fonts, false);
        self.next_frame_ms = next_ms.map(|next_ms| now_ms + next_ms);
        let mut hasher = DefaultHasher::new();
        (&png, &face.description).hash(&mut hasher);
        let hash = hasher.finish();
        if self.sent != Some(hash) {
            self.sent = Some(hash);
            host.set_image(id, &Image::Png(png), &face.description);
        }
        self.face = Some(face);
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

    /// A clock that panics from a moment on: kills the task that asks it, and no other.
    #[derive(Default)]
    struct Deadly(AtomicBool);

    impl Deadly {
        fn strike(&self) {
            self.0.store(true, Ordering::Relaxed);
        }
    }

    impl Clock for Deadly {
        fn unix_ms(&self) -> u64 {
            assert!(!self.0.load(Ordering::Relaxed), "as it should");
            1_800_000_000_000
        }
    }

    /// A running package with a clock for each task.
    struct Running {
        of_the_player: Arc<Deadly>,
        of_the_accounts: Arc<Deadly>,
        tasks: Supervisor,
        ended: tokio::task::JoinHandle<Result<(), TaskFailure>>,
        stop: Stop,
    }

    impl Running {
        async fn start() -> Self {
            let world = World::new().await;
            let (of_the_player, of_the_accounts) = (Arc::<Deadly>::default(), Arc::<Deadly>::default());
            let (tasks, failures) = Supervisor::new();
            let auth = Auth::start(auth::Config {
                clock: of_the_accounts.clone(),
                tasks: tasks.clone(),
                ..world.config(StoreChoice::Memory)
            });
            let api = url::Url::parse(&world.sim.api_url()).unwrap();
            let (covers, arrived) = Covers::new(cover_limits(&api), tasks.clone());
            let spotify = Client::new(world.http.clone(), api, auth.clone());
            let (player, task) = player::start(spotify.clone(), auth.watch(), of_the_player.clone());
            tasks.watch(PLAYER, task);
            // A host that isn't there: it is called again and again.
            let (host, events, stop) = host_sdk::package::connect(&StartArgs {
                port: 1,
                package_uuid: "com.spotify-widgets".into(),
                register_event: "register".into(),
                info: String::new(),
            });
            let clock = Arc::new(ManualClock::at(1_800_000_000_000));
            let renderer = Renderer::new("en", SystemFonts::Never);
            let package = Package::new(host, clock, auth, spotify, player, covers, renderer, tasks.clone());
            let ended = tokio::spawn(package.run(events, arrived, failures));
            Self { of_the_player, of_the_accounts, tasks, ended, stop }
        }
    }

    #[tokio::test]
    async fn package_fails_when_the_player_panics() {
        let running = Running::start().await;
        tokio::time::pause();
        running.of_the_player.strike();
        assert_eq!(running.ended.await.unwrap(), Err(TaskFailure::Panicked("player")));
    }

    #[tokio::test]
    async fn package_fails_when_the_accounts_task_panics() {
        let running = Running::start().await;
        tokio::time::pause();
        running.of_the_accounts.strike();
        assert_eq!(running.ended.await.unwrap(), Err(TaskFailure::Panicked("accounts")));
    }

    #[tokio::test]
    async fn package_fails_when_a_short_task_panics() {
        for name in ["cover", "page command", "user", "log-in", "keyring"] {
            let running = Running::start().await;
            running.tasks.spawn_once(name, async { panic!("as it should") });
            assert_eq!(running.ended.await.unwrap(), Err(TaskFailure::Panicked(name)));
        }
    }

    #[tokio::test]
    async fn package_ends_well_when_the_host_ends_it() {
        let running = Running::start().await;
        running.stop.stop();
        assert_eq!(running.ended.await.unwrap(), Ok(()));
    }

    #[test]
    fn a_clock_set_back_holds_up_neither_what_a_key_says_nor_what_scrolls() {
        let kind = widgets::by_uuid("com.spotify-widgets.play-pause").unwrap();
        let now_ms = 1_800_000_000_000;
        let mut finger = Finger::default();
        let _ = finger.down(GestureConfig { long: true, ..GestureConfig::default() }, now_ms);
        let mut instance = Visible {
            widget: kind.instance("key".into(), &Settings::default()),
            uuid: kind.uuid,
            settings: Settings::default(),
            layout: None,
            size: Size::KEY,
            face: None,
            with_covers: false,
            lacks_fonts: false,
            redraw: false,
            words_since_ms: now_ms,
            next_frame_ms: Some(now_ms + 50),
            sent: None,
            state: None,
            finger,
            says: Some((
                widgets::notice_face(&crate::auth::AuthError::NoOtherAccount.user_message()),
                now_ms + SAY_WHY_MS,
            )),
        };
        let back_ms = now_ms - 3_600_000;
        instance.clock_set_back(back_ms);
        assert!(instance.says.is_none());
        assert_eq!((instance.words_since_ms, instance.next_frame_ms), (back_ms, Some(back_ms)));
        assert_eq!(instance.finger, Finger::default());
    }
}
