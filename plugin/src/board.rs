//! The board: the visible instances, their faces, and the time of the next drawing.
//!
//! [`Board::draw`] handles every change: it computes each instance's face, draws it only if it differs from the last one, and
//! sends it only if its bytes do.

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::time::Duration;

use host_sdk::package::{Host, Image, Instance, InstanceId, Layout, Settings};
use tokio::time::Instant;

use crate::face::{CoverState, Covers, Frame, Picture, Renderer, Size};
use crate::gesture::{Finger, Gesture, GestureConfig};
use crate::layouts::Layouts;
use crate::player::{Player, Subscription};
use crate::spotify::Device;
use crate::widgets::{self, Face, Request, WidgetInstance};

/// How long a key shows a notice, such as why an account couldn't be switched.
const NOTICE_SHOWN: Duration = Duration::from_secs(4);

/// The visible instances.
pub struct Board {
    host: Host,
    covers: Covers,
    renderer: Renderer,
    layouts: Layouts,
    instances: HashMap<InstanceId, Visible>,
}

/// A visible instance and what it shows.
struct Visible {
    widget: Box<dyn WidgetInstance>,
    /// The UUID of its widget.
    uuid: &'static str,
    /// Its settings as stored by the host.
    settings: Settings,
    layout: Option<Layout>,
    size: Size,
    face: Option<Face>,
    /// Whether the face was drawn after all its covers were loaded or failed.
    with_covers: bool,
    /// Whether the face lacks a font that is still being looked for.
    lacks_fonts: bool,
    /// Whether the face must be drawn again even if it hasn't changed.
    redraw: bool,
    /// When its text was first shown, from which scrolling is timed.
    words_since: Option<Instant>,
    /// When the next frame of scrolling text is due.
    next_frame: Option<Instant>,
    /// A hash of the picture and the description sent last.
    sent: Option<u64>,
    /// The state that the host shows.
    state: Option<u32>,
    finger: Finger,
    /// A temporary face, and until when it is shown.
    notice: Option<(Face, Instant)>,
}

impl Board {
    /// Creates a board without instances.
    #[must_use]
    pub fn new(host: Host, covers: Covers, renderer: Renderer) -> Self {
        let layouts = Layouts::from_manifest();
        Self { host, covers, renderer, layouts, instances: HashMap::new() }
    }

    /// Adds an instance. Returns false if this version has no such widget.
    pub fn add(&mut self, instance: Instance) -> bool {
        let Some(kind) = widgets::by_uuid(&instance.widget) else { return false };
        let settings = widgets::bounded(instance.settings);
        let visible = Visible {
            widget: kind.instance(instance.id.clone(), &settings),
            uuid: kind.uuid,
            size: self.layouts.size(kind.uuid, instance.layout, &settings),
            settings,
            layout: instance.layout,
            face: None,
            with_covers: false,
            lacks_fonts: false,
            redraw: false,
            words_since: None,
            next_frame: None,
            sent: None,
            state: Some(instance.state),
            finger: Finger::default(),
            notice: None,
        };
        self.instances.insert(instance.id, visible);
        true
    }

    /// Removes an instance.
    pub fn remove(&mut self, id: &InstanceId) {
        self.instances.remove(id);
    }

    /// Removes all instances.
    pub fn clear(&mut self) {
        self.instances.clear();
    }

    /// Sets an instance's settings. Returns false if it isn't visible.
    pub fn set_settings(&mut self, id: &InstanceId, settings: Settings) -> bool {
        let Some(instance) = self.instances.get_mut(id) else { return false };
        let settings = widgets::bounded(settings);
        instance.size = self.layouts.size(instance.uuid, instance.layout, &settings);
        instance.set_settings(settings);
        true
    }

    /// Returns the parts of Spotify's state that the visible instances show.
    #[must_use]
    pub fn subscription(&self) -> Subscription {
        let mut subscription = Subscription { instances: self.instances.len(), ..Subscription::default() };
        self.instances.values().for_each(|instance| instance.widget.subscribe(&mut subscription));
        subscription
    }

    /// Applies a change to the finger on a key, and returns the gesture that it completes.
    pub fn on_finger(
        &mut self,
        id: &InstanceId,
        change: impl Fn(&mut Finger, GestureConfig, Instant) -> Option<Gesture>,
        now: Instant,
    ) -> Option<Gesture> {
        let instance = self.instances.get_mut(id)?;
        let config = instance.widget.gesture_config();
        change(&mut instance.finger, config, now)
    }

    /// Returns the gestures that the passing of time completes, such as those of held keys.
    pub fn on_tick(&mut self, now: Instant) -> Vec<(InstanceId, Gesture)> {
        let instances = self.instances.iter_mut();
        instances
            .filter_map(|(id, instance)| {
                let config = instance.widget.gesture_config();
                instance.finger.on_tick(config, now).map(|gesture| (id.clone(), gesture))
            })
            .collect()
    }

    /// Returns the request that a gesture makes.
    #[must_use]
    pub fn on_gesture(&self, id: &InstanceId, gesture: Gesture, player: &Player) -> Option<Request> {
        self.instances.get(id)?.widget.on_gesture(gesture, player)
    }

    /// Shows a temporary face on a key; `None` removes it.
    pub fn set_notice(&mut self, id: &InstanceId, face: Option<Face>, now: Instant) {
        if let Some(instance) = self.instances.get_mut(id) {
            instance.notice = face.map(|face| (face, now + NOTICE_SHOWN));
        }
    }

    /// Updates device ids in the instances' settings, if Spotify has changed them and the device is unambiguous.
    pub fn renew_devices(&mut self, devices: &[Device]) {
        for (id, instance) in &mut self.instances {
            if let Some(settings) = widgets::with_renewed_device(&instance.settings, devices) {
                tracing::info!("storing the new id of a chosen device");
                self.host.save_settings(id, settings.clone());
                instance.set_settings(settings);
            }
        }
    }

    /// Marks the instances that show a cover to be drawn again, as it was loaded.
    pub fn on_cover_loaded(&mut self, url: &str) {
        for instance in self.instances.values_mut() {
            if instance.face.as_ref().is_some_and(|face| face.picture.covers().contains(&url)) {
                instance.with_covers = false;
            }
        }
    }

    /// Waits until fonts that a face lacks were found. Cancel safe.
    pub async fn fonts_found(&mut self) {
        self.renderer.fonts_found().await;
        self.instances.values_mut().for_each(|instance| instance.redraw |= instance.lacks_fonts);
    }

    /// Draws every instance that has changed. Returns the time until the next drawing without an event, because of progress,
    /// scrolling text, a held key or the end of a notice.
    pub async fn draw(&mut self, player: &Player, now: Instant) -> Option<Duration> {
        let fingers = self.instances.values();
        let mut next = fingers.filter_map(|one| one.finger.next_tick(one.widget.gesture_config())).min();
        let mut wake_at = |at: Option<Instant>| next = next.into_iter().chain(at).min();
        let mut has_progress = false;
        // Send small pictures first, so that a pressed key doesn't wait for a large picture.
        let mut instances: Vec<_> = self.instances.iter_mut().collect();
        instances.sort_unstable_by_key(|(_, instance)| instance.size.columns * instance.size.rows);
        let mut keys_are_sent = false;
        for (id, instance) in instances {
            instance.notice.take_if(|(_, until)| *until <= now);
            let face = match &instance.notice {
                Some((face, until)) => {
                    wake_at(Some(*until));
                    face.clone()
                }
                None => instance.widget.face(player, instance.size),
            };
            has_progress |= match &face.picture {
                Picture::NowPlaying(now) => now.playing && now.progress.is_some(),
                // It may show a time; if not, its face is the same a second later, and isn't drawn.
                Picture::Text(_) => player.now.as_ref().is_some_and(|now| now.playing),
                _ => false,
            };
            let covers: HashMap<String, CoverState> =
                face.picture.covers().into_iter().map(|url| (url.to_owned(), self.covers.get(url))).collect();
            let is_settled = !covers.values().any(|cover| matches!(cover, CoverState::Pending));
            let is_due = instance.next_frame.is_some_and(|next| next <= now);
            let is_due = is_due || instance.redraw || (is_settled && !instance.with_covers);
            if instance.face.as_ref() != Some(&face) || is_due {
                if instance.size != Size::KEY && !keys_are_sent {
                    tokio::task::yield_now().await;
                    keys_are_sent = true;
                }
                instance.show(&self.host, id, face, &covers, &mut self.renderer, now);
                instance.with_covers = is_settled;
            }
            wake_at(instance.next_frame);
        }
        let next_second = player
            .now
            .as_ref()
            .filter(|_| has_progress)
            .map(|now| Duration::from_secs(1) - Duration::from_nanos(now.position.subsec_nanos().into()));
        next.map(|at| at.saturating_duration_since(now)).into_iter().chain(next_second).min()
    }

    /// Returns whether no instance is visible.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.instances.is_empty()
    }
}

impl Visible {
    fn set_settings(&mut self, settings: Settings) {
        self.widget.set_settings(&settings);
        self.settings = settings;
    }

    fn show(
        &mut self,
        host: &Host,
        id: &InstanceId,
        face: Face,
        covers: &HashMap<String, CoverState>,
        renderer: &mut Renderer,
        now: Instant,
    ) {
        if let Some(state) = face.state
            && self.state != Some(state)
        {
            self.state = Some(state);
            // Hosts then show the state's default image, so ours must be sent again.
            self.sent = None;
            host.set_state(id, state);
        }
        let covers = |url: &str| covers.get(url).and_then(CoverState::ready).cloned();
        let continues = self.face.as_ref().is_some_and(|before| face.picture.continues(&before.picture));
        if !continues {
            self.words_since = Some(now);
        }
        let shown_for = self.words_since.map_or(Duration::ZERO, |since| now.saturating_duration_since(since));
        let Frame { png, next_in, lacks_fonts } = renderer.frame(&face.picture, self.size, &covers, shown_for);
        (self.lacks_fonts, self.redraw) = (lacks_fonts, false);
        self.next_frame = next_in.map(|next_in| now + next_in);
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

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use futures_util::StreamExt as _;
    use host_sdk::package::{Event, Stop};
    use host_sdk::protocol::{StartArgs, ToHost};
    use serde_json::json;
    use tokio::net::TcpListener;
    use tokio_tungstenite::WebSocketStream;
    use tokio_tungstenite::tungstenite::Message;

    use super::*;
    use crate::auth::Link;
    use crate::auth::testing::accounts;
    use crate::face::{CoverLimits, SystemFonts};
    use crate::player::Model;
    use crate::player::testing::{instant, time};
    use crate::spotify::{Item, Playback, Uri};
    use crate::supervisor::Supervisor;

    const T: u64 = 1_800_000_000_000;

    /// A board, and a host that reads its messages.
    struct Stage {
        board: Board,
        host: WebSocketStream<tokio::net::TcpStream>,
        _events: host_sdk::package::Events,
        _stop: Stop,
    }

    impl Stage {
        async fn start() -> Self {
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            let (host, mut events, stop) = host_sdk::package::connect(&StartArgs {
                port: listener.local_addr().unwrap().port(),
                package_uuid: "com.spotify-widgets".into(),
                register_event: "register".into(),
                info: String::new(),
            });
            let (stream, _) = listener.accept().await.unwrap();
            let socket = tokio_tungstenite::accept_async(stream).await.unwrap();
            assert_eq!(events.next().await, Some(Event::Connected));
            let (tasks, _) = Supervisor::new();
            let (covers, _) = Covers::new(CoverLimits::default(), tasks);
            let board = Board::new(host, covers, Renderer::new("en", SystemFonts::Never));
            Self { board, host: socket, _events: events, _stop: stop }
        }

        fn add(&mut self, widget: &str, settings: serde_json::Value) {
            let instance = Instance {
                id: widget.into(),
                widget: format!("com.spotify-widgets.{widget}"),
                settings: settings.as_object().unwrap().clone(),
                state: 0,
                layout: None,
            };
            assert!(self.board.add(instance));
        }

        /// Returns the pictures sent to the host since the last call: the instance and the description of each.
        async fn pictures(&mut self) -> Vec<(String, String)> {
            // Marks the end of the pictures sent so far.
            self.board.host.request_package_settings();
            let mut pictures = Vec::new();
            loop {
                let Message::Text(text) = self.host.next().await.unwrap().unwrap() else { continue };
                match ToHost::parse(&text) {
                    Ok(ToHost::ChangeImage { context, description, .. }) => {
                        pictures.push((context, description.unwrap_or_default()));
                    }
                    Ok(ToHost::GetPackageSettings { .. }) => return pictures,
                    _ => {}
                }
            }
        }
    }

    fn playing() -> Model {
        let item =
            Item { uri: Uri::parse("spotify:track:1"), name: "Title".into(), duration_ms: 180_000, ..Item::default() };
        let playback =
            Playback { is_playing: true, progress_ms: Some(61_500), item: Some(item), ..Playback::default() };
        let mut model = Model::new(Arc::new(accounts(Link::Linked, &["Name"])));
        model.apply_playback(Some(playback), instant(T), time(T));
        model
    }

    fn pair(instance: &str, words: &str) -> (String, String) {
        (instance.to_owned(), words.to_owned())
    }

    #[tokio::test]
    async fn face_is_sent_once_until_it_differs() {
        let mut stage = Stage::start().await;
        stage.add("shuffle", json!({}));
        let model = playing();
        for now_ms in [T, T + 10, T + 500] {
            stage.board.draw(&model.at(time(now_ms)), instant(now_ms)).await;
        }
        assert_eq!(stage.pictures().await, [pair("shuffle", "Shuffle off")]);
    }

    #[tokio::test]
    async fn small_keys_are_sent_before_large_ones() {
        let mut stage = Stage::start().await;
        stage.add("playing-now", json!({}));
        stage.add("next", json!({}));
        stage.board.draw(&playing().at(time(T)), instant(T)).await;
        let order: Vec<String> = stage.pictures().await.into_iter().map(|(instance, _)| instance).collect();
        assert_eq!(order, ["next", "playing-now"]);
    }

    #[tokio::test]
    async fn progress_is_redrawn_at_the_next_second() {
        let mut stage = Stage::start().await;
        stage.add("next", json!({}));
        let player = playing().at(time(T));
        assert_eq!(stage.board.draw(&player, instant(T)).await, None, "a key shows no progress");
        stage.add("playing-now", json!({}));
        assert_eq!(stage.board.draw(&player, instant(T)).await, Some(Duration::from_millis(500)));
    }

    #[tokio::test]
    async fn notice_disappears_after_its_time() {
        let mut stage = Stage::start().await;
        stage.add("account", json!({}));
        let player = playing().at(time(T));
        let message = crate::auth::AuthError::NoOtherAccount.user_message();
        stage.board.set_notice(&"account".into(), Some(widgets::notice_face(&message)), instant(T));
        let wait = stage.board.draw(&player, instant(T)).await;
        assert_eq!(wait, Some(Duration::from_millis(NOTICE_SHOWN.as_secs() * 1_000)));
        assert_eq!(stage.pictures().await, [pair("account", message.key())]);
        stage.board.draw(&player, instant(T + NOTICE_SHOWN.as_secs() * 1_000)).await;
        assert_eq!(stage.pictures().await, [pair("account", "Name")]);
    }

    #[tokio::test]
    async fn held_key_completes_its_gesture_by_time() {
        let mut stage = Stage::start().await;
        stage.add("next", json!({"longPress": "like"}));
        let key = "next".into();
        assert_eq!(stage.board.on_finger(&key, Finger::on_down, instant(T)), None);
        assert_eq!(stage.board.on_tick(instant(T + 1)), []);
        assert_eq!(stage.board.on_tick(instant(T + 1_000)), [(key, Gesture::Long)]);
    }

    #[tokio::test]
    async fn unknown_widget_is_not_added() {
        let mut stage = Stage::start().await;
        let instance = Instance {
            id: "x".into(),
            widget: "com.example.other".into(),
            settings: Settings::new(),
            state: 0,
            layout: None,
        };
        assert!(!stage.board.add(instance) && stage.board.is_empty());
    }
}
