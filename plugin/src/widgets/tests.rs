//! The requests and faces of every widget, state by state.

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};

use super::*;
use crate::auth::testing::accounts;
use crate::auth::{AccountIssue, AccountState, AuthState, Limit};
use crate::player::testing::{instant, time};
use crate::player::{Again, ChosenDevice, Model, Start};
use crate::spotify::{Actions, Device, Disallows, Item, Named, Playback, PlayingType, Repeat, Uri};
use crate::unix_time::UnixTime;

const T: u64 = 1_000_000;

fn playback() -> Playback {
    Playback {
        is_playing: true,
        progress_ms: Some(61_500),
        device: Some(Device { volume_percent: Some(40), name: "Desk".into(), ..Device::default() }),
        item: Some(Item {
            uri: Uri::parse("spotify:track:1"),
            name: "Title".into(),
            duration_ms: 180_000,
            artists: vec![Named { name: "Artist".into(), uri: None }],
            ..Item::default()
        }),
        currently_playing_type: PlayingType::Track,
        ..Playback::default()
    }
}

fn linked() -> Arc<AuthState> {
    Arc::new(accounts(Link::Linked, &["Name"]))
}

fn player(playback: Option<Playback>) -> Player {
    let mut model = Model::new(linked());
    model.apply_playback(playback, instant(T), time(T));
    model.at(time(T))
}

/// Returns an instance whose id is the name of its widget.
fn instance(name: &str, settings: &Settings) -> Box<dyn WidgetInstance> {
    by_uuid(&format!("com.spotify-widgets.{name}")).unwrap().instance(name.into(), settings)
}

/// Returns the request of a press.
fn press(name: &str, player: &Player, settings: &Settings) -> Option<Request> {
    instance(name, settings).on_gesture(Gesture::Press, player)
}

fn face(name: &str, player: &Player) -> Face {
    instance(name, &Settings::new()).face(player, Size::KEY)
}

fn description(name: &str, player: &Player) -> String {
    face(name, player).description
}

fn settings(value: Value) -> Settings {
    value.as_object().unwrap().clone()
}

#[test]
fn list_of_widgets_matches_the_manifest() {
    let manifest: Value = serde_json::from_str(include_str!("../../../manifest.json")).unwrap();
    let declared: Vec<_> =
        manifest["Widgets"].as_array().unwrap().iter().map(|w| w["UUID"].as_str().unwrap()).collect();
    let listed: Vec<_> = ALL.iter().map(|widget| widget.uuid).collect();
    assert_eq!(declared, listed);
}

#[test]
fn faces_use_only_states_from_manifest() {
    let manifest: Value = serde_json::from_str(include_str!("../../../manifest.json")).unwrap();
    for (widget, declared) in ALL.iter().zip(manifest["Widgets"].as_array().unwrap()) {
        let states = declared["States"].as_array().unwrap().len();
        for shuffle_state in [false, true] {
            for repeat_state in [Repeat::Off, Repeat::Context, Repeat::Track] {
                let state = Playback { shuffle_state, repeat_state, ..playback() };
                let key = widget.instance("key".into(), &Settings::new());
                let face = key.face(&player(Some(state)), Size::KEY);
                assert_eq!(face.state.is_some(), states > 1, "{}", widget.uuid);
                assert!(face.state.unwrap_or(0) < u32::try_from(states).unwrap(), "{}", widget.uuid);
            }
        }
    }
}

#[test]
fn every_key_shows_what_to_do_while_unlinked() {
    for (link, words, request) in [
        (Link::NotLinked, "Link Spotify in Settings", Some(Request::OpenSettings)),
        (Link::InvalidCredentials, "Check ID and Secret", Some(Request::OpenSettings)),
        (Link::SignInAgain, "Sign in again", Some(Request::SignIn)),
        (Link::Linking, "Agree in the browser", None),
    ] {
        let player = Model::new(Arc::new(accounts(link, &["Name"]))).at(time(T));
        for widget in ALL {
            let key = widget.instance("key".into(), &Settings::new());
            let face = key.face(&player, Size::KEY);
            assert_eq!(face.description, words, "{}", widget.uuid);
            assert!(matches!(face.picture, Picture::Notice(_)));
            assert_eq!(key.on_gesture(Gesture::Press, &player), request, "{}", widget.uuid);
        }
    }
}

#[test]
fn keys_show_the_state_and_request_its_change() {
    let playing = player(Some(playback()));
    assert_eq!(description("play-pause", &playing), "Pause");
    assert_eq!(description("volume-up", &playing), "Volume Up: 40 %");
    assert_eq!(description("shuffle", &playing), "Shuffle off");
    assert_eq!(description("repeat", &playing), "Repeat off");
    assert_eq!(description("playing-now", &playing), "Playing: Title – Artist");
    let other = Playback { is_playing: false, shuffle_state: true, repeat_state: Repeat::Track, ..playback() };
    let paused = player(Some(other));
    assert_eq!(description("play-pause", &paused), "Play");
    assert_eq!(description("shuffle", &paused), "Shuffle on");
    assert_eq!(description("repeat", &paused), "Repeat one");
    assert_eq!(description("playing-now", &paused), "Paused: Title – Artist");
    let verb = |name| match press(name, &playing, &Settings::new()) {
        Some(Request::Command(command)) => command.verb,
        other => panic!("{name}: {other:?}"),
    };
    assert_eq!(verb("play-pause"), Verb::TogglePlay);
    assert_eq!(verb("playing-now"), Verb::TogglePlay);
    assert_eq!(verb("next"), Verb::Next);
    assert_eq!(verb("previous"), Verb::Previous);
    assert_eq!(verb("shuffle"), Verb::ToggleShuffle);
    assert_eq!(verb("repeat"), Verb::CycleRepeat);
    assert_eq!(verb("volume-up"), Verb::VolumeBy(5));
    assert_eq!(verb("volume-down"), Verb::VolumeBy(-5));
}

#[test]
fn settings_determine_step_and_device() {
    let playing = player(Some(playback()));
    for (value, step) in [(json!(10), 10), (json!("7"), 7), (json!(0), 1), (json!(500), 25), (json!(null), 5)] {
        let settings = settings(json!({"step": value, "device": {"id": "d1", "name": "Desk"}}));
        let device = ChosenDevice { id: "d1".into(), name: "Desk".into(), kind: String::new() };
        let command = Command { instance: "volume-up".into(), verb: Verb::VolumeBy(step), device: Some(device) };
        assert_eq!(press("volume-up", &playing, &settings), Some(Request::Command(command)));
    }
}

#[test]
fn keys_are_disabled_while_nothing_is_active() {
    let idle = player(None);
    assert_eq!(description("play-pause", &idle), "Play");
    assert_eq!(description("playing-now", &idle), "Nothing is playing");
    for name in ["next", "previous", "shuffle", "repeat", "volume-up"] {
        let Picture::Key(key) = face(name, &idle).picture else { panic!("{name}") };
        assert_eq!(key.tone, Tone::Disabled, "{name}");
    }
}

#[test]
fn unusual_playback_is_shown() {
    let ad = Playback { item: None, currently_playing_type: PlayingType::Ad, ..playback() };
    assert_eq!(description("playing-now", &player(Some(ad))), "Playing: Advertisement – Desk");
    let device = Device { name: "Desk".into(), is_private_session: true, ..Device::default() };
    let private =
        Playback { item: None, device: Some(device), currently_playing_type: PlayingType::Unknown, ..playback() };
    assert_eq!(description("playing-now", &player(Some(private))), "Playing: Private session – Desk");
    let unknown = Playback { device: Some(Device { volume_percent: None, ..Device::default() }), ..playback() };
    assert_eq!(description("volume-down", &player(Some(unknown))), "Volume Down", "the volume may still be settable");
    let disallows = Disallows { skipping_next: true, ..Disallows::default() };
    let station = player(Some(Playback { actions: Actions { disallows }, ..playback() }));
    let Picture::Key(key) = face("next", &station).picture else { panic!() };
    assert_eq!(key.tone, Tone::Disabled);
}

#[test]
fn failed_poll_is_shown_if_nothing_is_known() {
    let mut model = Model::new(linked());
    model.apply_playback(Some(playback()), instant(T), time(T));
    model.poll_failed(Error::Offline, time(T));
    let offline = model.at(time(T));
    assert_eq!(description("play-pause", &offline), "Pause", "the known state stays visible");
    model = Model::new(linked());
    model.poll_failed(Error::Offline, time(T));
    let never_known = model.at(time(T));
    assert_eq!(description("play-pause", &never_known), Error::Offline.user_message().key());
    model.poll_failed(Error::AppOwnerNeedsPremium, time(T));
    assert_eq!(description("next", &model.at(time(T))), Error::AppOwnerNeedsPremium.user_message().key());
}

#[test]
fn progress_has_whole_seconds() {
    let Picture::NowPlaying(now) = face("playing-now", &player(Some(playback()))).picture else { panic!() };
    assert_eq!(now.progress, Some(crate::face::Progress { position_s: 61, duration_s: 180 }));
}

fn with(state: AuthState) -> Player {
    let mut model = Model::new(Arc::new(state));
    model.apply_playback(Some(playback()), instant(T), time(T));
    model.at(time(T))
}

#[test]
fn every_key_shows_the_rest_of_a_limit() {
    for (kind, ms, words, account) in [
        (LimitKind::Throttle, 42_000, "Spotify asks to wait 0:42", "Spotify asks to wait: 0:42"),
        (LimitKind::Quota, 3_600_000, "Quota used up, back in 60:00", "Spotify asks to wait: 60:00"),
        (LimitKind::Quota, 49_920_000, "Quota used up, back in 13 h 52 min", "Spotify asks to wait: 13 h 52 min"),
    ] {
        let mut state = accounts(Link::Linked, &["Name"]);
        state.limit = Some(Limit { until: UnixTime::from_millis(T + ms), kind });
        state.accounts[0].active = false;
        let player = with(state);
        for widget in ALL {
            let shown = widget.instance("key".into(), &Settings::new()).face(&player, Size::KEY).description;
            assert_eq!(shown, if widget.uuid.ends_with(".account") { account } else { words });
        }
    }
}

#[test]
fn account_key_shows_the_serving_account_and_issues() {
    let description = |change: &dyn Fn(&mut AuthState)| {
        let mut state = accounts(Link::Linked, &["Name", "Name"]);
        change(&mut state);
        description("account", &with(state))
    };
    assert_eq!(description(&|_| {}), "Name: Primary");
    assert_eq!(description(&|state: &mut AuthState| drop(state.accounts.pop())), "Name");
    let second = |state: &mut AuthState| {
        state.accounts[0].active = false;
        state.accounts[1].active = true;
    };
    assert_eq!(
        description(&|state: &mut AuthState| {
            second(state);
            state.accounts[0].limits =
                vec![(None, Limit { until: UnixTime::from_millis(T + 723_000), kind: LimitKind::Throttle })];
        }),
        "Backup 1: Primary in 12:03"
    );
    assert_eq!(
        description(&|state: &mut AuthState| {
            second(state);
            state.accounts[1].is_preferred = true;
        }),
        "Name: Backup 1, by hand"
    );
    assert_eq!(
        description(&|state: &mut AuthState| {
            second(state);
            state.accounts[0].state = AccountState::SignInAgain;
        }),
        "Primary: Sign in again"
    );
    assert_eq!(
        description(&|state: &mut AuthState| state.accounts[1].issue = Some(AccountIssue::NotOnAllowList)),
        "Backup 1: Add user to the app"
    );
    assert_eq!(
        description(&|state: &mut AuthState| {
            state.accounts[1].sign_in_ends = Some(UnixTime::from_millis(T + 23 * 86_400_000 - 1));
            state.accounts[1].sign_in_ends_soon = true;
        }),
        "Name: Sign-in ends in 23 days"
    );
    let pressed = press("account", &with(accounts(Link::Linked, &["Name"])), &Settings::new());
    assert_eq!(pressed, Some(Request::SwitchAccount));
}

#[test]
fn keys_show_and_request_what_their_settings_choose() {
    let album = json!({"item": {"uri": "spotify:album:a", "name": "Album", "image": "https://i.scdn.co/image/a"}});
    let start = |again| Verb::Start(Start { uri: Uri::parse("spotify:album:a").unwrap(), again, shuffle: None });
    let device = json!({"device": {"id": "d", "name": "Desk", "type": "Computer"}, "play": "play"});
    let desk = ChosenDevice { id: "d".into(), name: "Desk".into(), kind: "Computer".into() };
    for (name, set, words, verb) in [
        ("mute", json!({}), "Mute", Verb::ToggleMute),
        ("set-volume", json!({}), "50 %", Verb::VolumeTo { percent: 50, over: Duration::ZERO }),
        (
            "set-volume",
            json!({"volume": "0", "fadeSeconds": 99}),
            "0 %: over 60 s",
            Verb::VolumeTo { percent: 0, over: Duration::from_secs(60) },
        ),
        ("seek", json!({}), "+15 s", Verb::SeekBy(15_000)),
        ("seek", json!({"direction": "back", "seconds": 5}), "−5 s", Verb::SeekBy(-5_000)),
        ("restart", json!({}), "Restart", Verb::Restart),
        ("like", json!({}), "Like", Verb::ToggleSaved(None)),
        ("like", album.clone(), "Like: Album", Verb::ToggleSaved(Uri::parse("spotify:album:a"))),
        ("play", album.clone(), "Play: Album", start(Again::Pause)),
        ("add-to-playlist", json!({}), "Add to playlist", Verb::AddToPlaylist(None)),
        (
            "add-to-playlist",
            json!({"playlist": {"uri": "spotify:playlist:p", "name": "Mine"}}),
            "Add to: Mine",
            Verb::AddToPlaylist(Uri::parse("spotify:playlist:p")),
        ),
        ("remove-from-playlist", json!({}), "Remove", Verb::RemoveFromPlaylist),
        ("add-to-queue", json!({}), "Add to queue", Verb::Enqueue(None)),
        ("device", json!({"mode": "next"}), "Desk: Next device", Verb::NextDevice),
        ("device", device, "Desk", Verb::MoveTo { device: desk, play: Some(true) }),
    ] {
        let (set, player) = (settings(set), player(Some(playback())));
        assert_eq!(instance(name, &set).face(&player, Size::KEY).description, words, "{name}");
        match press(name, &player, &set) {
            Some(Request::Command(command)) => assert_eq!(command.verb, verb, "{name}"),
            other => panic!("{name}: {other:?}"),
        }
    }
    let again = |word| settings(json!({"item": {"uri": "spotify:album:a"}, "again": word}));
    for (word, expected) in [("restart", Again::Restart), ("shuffle", Again::Shuffle), ("dance", Again::Pause)] {
        let command = Command { instance: "play".into(), verb: start(expected), device: None };
        assert_eq!(press("play", &player(None), &again(word)), Some(Request::Command(command)));
    }
    assert_eq!(description("play", &player(None)), "Choose what to play");
    assert_eq!(description("device", &player(None)), "Choose a device");
}

#[test]
fn template_is_filled_in_and_keeps_unknown_fields() {
    let description = |template: &str| {
        let set = settings(json!({"template": template}));
        instance("now-playing-text", &set).face(&player(Some(playback())), Size::KEY).description
    };
    assert_eq!(description(""), "Title, Artist");
    assert_eq!(
        description("{title} ({elapsed}/{total})\n-{remaining} on {device}"),
        "Title (1:01/3:00), -1:59 on Desk"
    );
    assert_eq!(description("{what} {title {artist}"), "{what} {title Artist");
    assert_eq!(description("{album}{playlist}!"), "!");
    let mut subscription = Subscription::default();
    instance("now-playing-text", &settings(json!({"template": "{playlist}"}))).subscribe(&mut subscription);
    assert!(subscription.playlist, "the playlist's name is queried only if it is shown");
}

#[test]
fn template_is_parsed_in_linear_time_and_bounded() {
    let description = |template: &str, title: &str| {
        let mut playback = playback();
        playback.item.as_mut().unwrap().name = title.to_owned();
        let set = settings(json!({"template": template, "scroll": "off"}));
        let face = instance("now-playing-text", &set).face(&player(Some(playback)), Size::KEY);
        let Picture::Text(text) = face.picture else { panic!("{:?}", face.picture) };
        text.lines.into_iter().map(|line| line.text).collect::<Vec<_>>()
    };
    // Each of these takes seconds if the rest of the line is scanned again for every brace.
    for braces in ["{", "}", "{{}", "{x", "}{"] {
        let template = braces.repeat(262_144);
        assert_eq!(description(&template, "T"), [template.chars().take(300).collect::<String>()], "{braces}");
    }
    let title = "\u{f6}".repeat(1 << 20);
    assert_eq!(description(&"{title}".repeat(400), &title), ["\u{f6}".repeat(300)]);
    assert_eq!(description(&"{title}\n".repeat(400), "T"), ["T"; 6]);
    assert_eq!(description(&format!("{}{{title}}", "x".repeat(299)), "Title"), [format!("{}T", "x".repeat(299))]);
}

#[test]
fn texts_of_settings_are_truncated_at_a_character() {
    // The limit is in the middle of a two-byte character.
    let long = format!("abc{}", "\u{f6}".repeat(3_000));
    let truncated = format!("abc{}", "\u{f6}".repeat(2_046));
    let set = bounded(settings(json!({"template": long, "item": {"name": long, "tags": [long, 7]}, "on": true})));
    let expected = json!({"template": truncated, "item": {"name": truncated, "tags": [truncated, 7]}, "on": true});
    assert!(Value::Object(set) == expected);
}

#[test]
fn long_and_double_press_send_the_chosen_shortcut() {
    let playing = player(Some(playback()));
    let set = settings(json!({"longPress": "like", "doublePress": "open"}));
    let key = instance("next", &set);
    assert_eq!(key.gesture_config(), GestureConfig { long: true, double: true, repeats: false });
    let verb = |gesture| match key.on_gesture(gesture, &playing) {
        Some(Request::Command(command)) => command.verb,
        other => panic!("{other:?}"),
    };
    assert_eq!(verb(Gesture::Press), Verb::Next);
    assert_eq!(verb(Gesture::Long), Verb::ToggleSaved(None));
    let open = Request::OpenUrl("https://open.spotify.com/track/1".into());
    assert_eq!(key.on_gesture(Gesture::Double, &playing), Some(open));
    let mut subscription = Subscription::default();
    key.subscribe(&mut subscription);
    assert!(subscription.saved_now, "the shortcut toggles the saved state");
    let invalid = instance("next", &settings(json!({"longPress": "dance", "doublePress": ""})));
    assert_eq!(invalid.gesture_config(), GestureConfig::default());
    assert!(instance("volume-up", &Settings::new()).gesture_config().repeats);
    let config = instance("volume-up", &set).gesture_config();
    assert_eq!(config, GestureConfig { long: true, double: false, repeats: false }, "a long press replaces repeating");
    let unlinked = Model::new(Arc::new(accounts(Link::NotLinked, &["Name"]))).at(time(T));
    assert_eq!(key.on_gesture(Gesture::Long, &unlinked), Some(Request::OpenSettings));
}

/// Returns the tone of a key.
fn tone_of(face: &Face) -> Option<Tone> {
    match &face.picture {
        Picture::Key(key) => Some(key.tone),
        _ => None,
    }
}

/// Presses a key. Returns whether a call is sent, and the key's description afterwards.
fn press_key(name: &str, model: &mut Model, set: &Settings) -> (bool, String) {
    let Some(Request::Command(command)) = press(name, &model.at(time(T)), set) else { panic!("{name}") };
    let sent = model.command(command, time(T));
    (sent, instance(name, set).face(&model.at(time(T)), Size::KEY).description)
}

#[test]
fn face_and_press_agree_on_what_is_disallowed() {
    type Set = fn(&mut Disallows) -> &mut bool;
    let album = json!({"item": {"uri": "spotify:album:a", "name": "Album"}});
    let device = json!({"device": {"id": "d", "name": "Attic"}});
    for (set, playing, name, of) in [
        ((|it| &mut it.pausing) as Set, true, "play-pause", json!({})),
        (|it| &mut it.resuming, false, "play-pause", json!({})),
        (|it| &mut it.skipping_next, true, "next", json!({})),
        (|it| &mut it.skipping_prev, true, "previous", json!({})),
        (|it| &mut it.seeking, true, "seek", json!({})),
        (|it| &mut it.seeking, true, "restart", json!({})),
        (|it| &mut it.toggling_shuffle, true, "shuffle", json!({})),
        (|it| &mut it.transferring_playback, true, "device", json!({"mode": "next"})),
        (|it| &mut it.transferring_playback, true, "device", device),
        (|it| &mut it.interrupting_playback, true, "play", album),
    ] {
        let of = settings(of);
        for kind in [PlayingType::Ad, PlayingType::Track] {
            let mut disallows = Disallows::default();
            *set(&mut disallows) = true;
            let actions = Actions { disallows };
            let state = Playback { is_playing: playing, actions, currently_playing_type: kind, ..playback() };
            let mut model = Model::new(linked());
            model.apply_playback(Some(state.clone()), instant(T), time(T));
            let face = instance(name, &of).face(&model.at(time(T)), Size::KEY);
            assert_ne!(tone_of(&face), Some(Tone::Normal), "{name}");
            assert_ne!(tone_of(&face), Some(Tone::Active), "{name}");
            let words = if kind == PlayingType::Ad { "Not during an ad" } else { "Not possible now" };
            assert_eq!(press_key(name, &mut model, &of), (false, words.to_owned()), "{name}");

            model = Model::new(linked());
            model.apply_playback(Some(Playback { actions: Actions::default(), ..state }), instant(T), time(T));
            let face = instance(name, &of).face(&model.at(time(T)), Size::KEY);
            assert_ne!(tone_of(&face), Some(Tone::Disabled), "{name}");
            assert!(press_key(name, &mut model, &of).0, "{name}");
        }
    }
}

#[test]
fn device_with_fixed_volume_is_sent_nothing() {
    let of = |supports_volume, volume_percent| {
        let device = Device { supports_volume, volume_percent, ..Device::default() };
        let mut model = Model::new(linked());
        model.apply_playback(Some(Playback { device: Some(device), ..playback() }), instant(T), time(T));
        model
    };
    let fade = json!({"volume": 10, "fadeSeconds": 5});
    for (name, set) in [
        ("volume-up", json!({})),
        ("volume-down", json!({})),
        ("mute", json!({})),
        ("set-volume", json!({})),
        ("set-volume", fade),
    ] {
        let set = settings(set);
        for reported in [None, Some(0), Some(100)] {
            let mut fixed = of(Some(false), reported);
            let face = instance(name, &set).face(&fixed.at(time(T)), Size::KEY);
            assert_eq!(
                (face.description.as_str(), tone_of(&face)),
                ("Volume is fixed", Some(Tone::Disabled)),
                "{name}"
            );
            assert_eq!(press_key(name, &mut fixed, &set), (false, "Volume is fixed here".to_owned()), "{name}");
        }
        for supports in [None, Some(true)] {
            let mut unknown = of(supports, None);
            let face = instance(name, &set).face(&unknown.at(time(T)), Size::KEY);
            assert_eq!(tone_of(&face), Some(Tone::Normal), "{name}");
            assert!(press_key(name, &mut unknown, &set).0, "{name}");
        }
    }
}

#[test]
fn volume_keys_of_a_device_control_its_volume() {
    let desk = Device { id: Some("desk".into()), volume_percent: Some(40), ..Device::default() };
    let attic = Device { id: Some("attic".into()), volume_percent: Some(70), ..Device::default() };
    let mut model = Model::new(linked());
    model.apply_playback(Some(Playback { device: Some(desk.clone()), ..playback() }), instant(T), time(T));
    model.list_devices(vec![desk, attic], time(T));
    let set = settings(json!({"device": {"id": "attic", "name": "Attic"}}));
    let mut subscription = Subscription::default();
    instance("volume-up", &set).subscribe(&mut subscription);
    assert!(subscription.devices);
    for (name, words) in [("volume-up", "Volume Up: 75 %"), ("volume-up", "Volume Up: 80 %"), ("mute", "Muted")] {
        assert_eq!(press_key(name, &mut model, &set), (true, words.to_owned()));
        model.settle(time(T));
        assert_eq!(
            description("volume-up", &model.at(time(T))),
            "Volume Up: 40 %",
            "the active device's volume is unaffected"
        );
    }
    assert_eq!(instance("volume-up", &set).face(&model.at(time(T)), Size::KEY).description, "Volume Up: 0 %");
    press_key("mute", &mut model, &set);
    assert_eq!(instance("volume-up", &set).face(&model.at(time(T)), Size::KEY).description, "Volume Up: 80 %");
}

/// Returns label, meter and description of the sleep timer some time after it was started with these settings.
fn sleep_face(set: &Value, after_ms: u64) -> (String, Option<u8>, String) {
    let set = settings(set.clone());
    let mut model = Model::new(linked());
    model.apply_playback(Some(playback()), instant(T), time(T));
    assert!(press_key("sleep-timer", &mut model, &set).0);
    let face = instance("sleep-timer", &set).face(&model.at(time(T + after_ms)), Size::KEY);
    let Picture::Key(key) = face.picture else { panic!("{face:?}") };
    assert_eq!(key.tone, Tone::Active);
    (key.label, key.meter, face.description)
}

#[test]
fn sleep_timer_counts_down_in_seconds_below_an_hour() {
    let face = |after_ms| sleep_face(&json!({"minutes": 15}), after_ms);
    let of =
        |label: &str, meter, words: &str| (label.to_owned(), Some(meter), format!("Sleep timer: pauses in {words}"));
    assert_eq!(face(0), of("15:00", 100, "15 minutes"));
    assert_eq!(face(1_000), of("14:59", 99, "15 minutes"));
    assert_eq!(face(840_000), of("1:00", 6, "1 minute"));
    assert_eq!(face(895_000), of("0:05", 0, "less than a minute"));
}

#[test]
fn sleep_timer_counts_down_in_minutes_above_an_hour() {
    let face = |after_ms| sleep_face(&json!({"minutes": 65}), after_ms);
    assert_eq!(face(0).0, "1 h 05 min");
    assert_eq!(face(1_000).2, "Sleep timer: pauses in 1 hour 5 minutes");
    assert_eq!(face(300_000).0, "1 h 00 min");
    assert_eq!(face(301_000).0, "59:59");
}

#[test]
fn sleep_timer_at_item_end_shows_the_remaining_time() {
    let (label, meter, words) = sleep_face(&json!({"until": "item"}), 0);
    assert_eq!((label.as_str(), meter), ("1:58", Some(65)));
    assert_eq!(words, "Sleep timer: pauses at the end of the track, in 2 minutes");
}

#[test]
fn idle_sleep_timer_shows_its_settings() {
    let episode = Playback { currently_playing_type: PlayingType::Episode, ..playback() };
    for (set, playback, label, words) in [
        (json!({}), playback(), "30 min", "30 minutes"),
        (json!({"minutes": 500}), playback(), "4 h 00 min", "4 hours"),
        (json!({"minutes": "0"}), playback(), "1 min", "1 minute"),
        (json!({"until": "item"}), playback(), "End of track", "end of track"),
        (json!({"until": "item"}), episode, "End of episode", "end of episode"),
    ] {
        let face = instance("sleep-timer", &settings(set)).face(&player(Some(playback)), Size::KEY);
        assert_eq!((tone_of(&face), face.description), (Some(Tone::Normal), format!("Sleep timer: {words}")));
        let Picture::Key(key) = face.picture else { panic!() };
        assert_eq!((key.label.as_str(), key.meter), (label, None));
    }
}

#[test]
fn sleep_timer_is_dimmed_while_nothing_plays() {
    for nothing in [None, Some(Playback { is_playing: false, ..playback() })] {
        let mut model = Model::new(linked());
        model.apply_playback(nothing, instant(T), time(T));
        let face = instance("sleep-timer", &settings(json!({}))).face(&model.at(time(T)), Size::KEY);
        assert_eq!(tone_of(&face), Some(Tone::Disabled));
        let (sent, words) = press_key("sleep-timer", &mut model, &settings(json!({})));
        assert_eq!((sent, words.as_str()), (false, "Nothing is playing"));
    }
}

#[test]
fn sleep_timer_is_cancelled_by_a_long_press() {
    // A long press set by a script is ignored.
    let key = instance("sleep-timer", &settings(json!({"longPress": "next"})));
    assert!(key.gesture_config().long);
    let Some(Request::Command(command)) = key.on_gesture(Gesture::Long, &player(Some(playback()))) else { panic!() };
    assert_eq!(command.verb, Verb::CancelSleep);
}

#[test]
fn invalid_device_ids_stand_for_the_active_device() {
    let chosen =
        |id: &str| super::settings::read::<Common>(&settings(json!({"device": {"id": id, "name": "Desk"}}))).device;
    for id in ["5fbb3ba6aa454b5534c4ba43a8c7e8e45a63ad0e", "ed01a3ca_amzn_1", "a-b.c:d"] {
        assert_eq!(chosen(id).map(|device| device.id), Some(id.into()));
    }
    for id in ["", "a b", "a&play=true", "../x", "ü", "a\n", &"a".repeat(300)] {
        assert_eq!(chosen(id), None, "{id}");
    }
}

/// Returns the names of the members that a type deserializes.
pub(super) fn members<T: DeserializeOwned>() -> Vec<&'static str> {
    struct Members<'a>(&'a mut Vec<&'static str>);

    impl<'de> serde::Deserializer<'de> for Members<'_> {
        type Error = serde::de::value::Error;

        fn deserialize_any<V: serde::de::Visitor<'de>>(self, _: V) -> Result<V::Value, Self::Error> {
            Err(serde::de::Error::custom("only structures are expected"))
        }

        fn deserialize_struct<V: serde::de::Visitor<'de>>(
            self,
            _: &'static str,
            fields: &'static [&'static str],
            visitor: V,
        ) -> Result<V::Value, Self::Error> {
            self.0.extend(fields);
            visitor.visit_map(serde::de::value::MapDeserializer::new(std::iter::empty::<(&str, &str)>()))
        }

        serde::forward_to_deserialize_any! {
            bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf option unit unit_struct
            newtype_struct seq tuple tuple_struct map enum identifier ignored_any
        }
    }

    let mut found = Vec::new();
    T::deserialize(Members(&mut found)).expect("a structure whose members all have defaults");
    found
}

/// The property view declares the settings of each widget, which must be those that the widget reads.
#[test]
fn property_view_stores_what_the_widgets_read() {
    let view = include_str!("../../assets/property/property.js");
    let (_, table) = view.split_once("const WIDGETS = {").unwrap();
    let (table, _) = table.split_once("\n  };").unwrap();
    // The constant of each declaration, and the setting that it stores.
    let declared: Vec<(&str, &str)> = view
        .split("\n  const ")
        .filter_map(|part| Some((part.split_once(" = ")?.0, part.split_once("setting: \"")?.1.split_once('"')?.0)))
        .collect();
    for kind in ALL {
        let name = kind.uuid.strip_prefix("com.spotify-widgets.").unwrap();
        let row = table.lines().find_map(|line| {
            let (widget, row) = line.trim().split_once(':')?;
            (widget.trim_matches('"') == name).then_some(row)
        });
        let stored = |row: &str| -> Vec<&str> {
            let words: Vec<&str> = row.split(|letter: char| !letter.is_ascii_alphanumeric() && letter != '_').collect();
            let all = declared.iter().filter(|(constant, _)| words.contains(constant));
            all.map(|(_, setting)| *setting).filter(|setting| *setting != "device").collect()
        };
        let mut stored = row.map(stored).unwrap_or_default();
        let mut read = kind.members();
        stored.sort_unstable();
        read.sort_unstable();
        assert_eq!(stored, read, "{name}");
    }
    assert_eq!(members::<Common>(), ["device", "longPress", "doublePress"]);
}

/// docs/settings-messages.md lists the settings for those who write them without the property view.
#[test]
fn settings_are_documented() {
    let documented = include_str!("../../../docs/settings-messages.md");
    for member in ALL.iter().flat_map(Kind::members).chain(members::<Common>()) {
        assert!(documented.contains(&format!("`{member}`")), "{member}");
    }
}
