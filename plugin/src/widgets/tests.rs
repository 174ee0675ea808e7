//! What every widget asks for and looks like, state by state.

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

/// An instance that is named like its widget.
fn placed(name: &str, settings: &Settings) -> Box<dyn WidgetInstance> {
    by_uuid(&format!("com.spotify-widgets.{name}")).unwrap().instance(name.into(), settings)
}

/// A press of an instance.
fn press(name: &str, player: &Player, settings: &Settings) -> Option<Request> {
    placed(name, settings).on_gesture(Gesture::Press, player)
}

fn look(name: &str, player: &Player) -> Face {
    placed(name, &Settings::new()).face(player, Size::KEY)
}

fn says(name: &str, player: &Player) -> String {
    look(name, player).description
}

fn settings(value: Value) -> Settings {
    value.as_object().unwrap().clone()
}

#[test]
fn the_list_and_the_manifest_agree() {
    let manifest: Value = serde_json::from_str(include_str!("../../../manifest.json")).unwrap();
    let declared: Vec<_> =
        manifest["Widgets"].as_array().unwrap().iter().map(|w| w["UUID"].as_str().unwrap()).collect();
    let listed: Vec<_> = ALL.iter().map(|widget| widget.uuid).collect();
    assert_eq!(declared, listed);
}

#[test]
fn faces_have_no_more_states_than_the_manifest_declares() {
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
fn before_linking_every_key_says_what_to_do_and_opens_the_settings() {
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
fn keys_show_the_state_and_ask_for_its_change() {
    let playing = player(Some(playback()));
    assert_eq!(says("play-pause", &playing), "Pause");
    assert_eq!(says("volume-up", &playing), "Volume Up: 40 %");
    assert_eq!(says("shuffle", &playing), "Shuffle off");
    assert_eq!(says("repeat", &playing), "Repeat off");
    assert_eq!(says("playing-now", &playing), "Playing: Title – Artist");
    let other = Playback { is_playing: false, shuffle_state: true, repeat_state: Repeat::Track, ..playback() };
    let paused = player(Some(other));
    assert_eq!(says("play-pause", &paused), "Play");
    assert_eq!(says("shuffle", &paused), "Shuffle on");
    assert_eq!(says("repeat", &paused), "Repeat one");
    assert_eq!(says("playing-now", &paused), "Paused: Title – Artist");
    let asks = |name| match press(name, &playing, &Settings::new()) {
        Some(Request::Command(command)) => command.verb,
        other => panic!("{name}: {other:?}"),
    };
    assert_eq!(asks("play-pause"), Verb::TogglePlay);
    assert_eq!(asks("playing-now"), Verb::TogglePlay);
    assert_eq!(asks("next"), Verb::Next);
    assert_eq!(asks("previous"), Verb::Previous);
    assert_eq!(asks("shuffle"), Verb::ToggleShuffle);
    assert_eq!(asks("repeat"), Verb::CycleRepeat);
    assert_eq!(asks("volume-up"), Verb::VolumeBy(5));
    assert_eq!(asks("volume-down"), Verb::VolumeBy(-5));
}

#[test]
fn settings_choose_the_step_and_the_device() {
    let playing = player(Some(playback()));
    for (value, step) in [(json!(10), 10), (json!("7"), 7), (json!(0), 1), (json!(500), 25), (json!(null), 5)] {
        let settings = settings(json!({"step": value, "device": {"id": "d1", "name": "Desk"}}));
        let device = ChosenDevice { id: "d1".into(), name: "Desk".into(), kind: String::new() };
        let command = Command { instance: "volume-up".into(), verb: Verb::VolumeBy(step), device: Some(device) };
        assert_eq!(press("volume-up", &playing, &settings), Some(Request::Command(command)));
    }
}

#[test]
fn nothing_active_is_not_a_failure() {
    let idle = player(None);
    assert_eq!(says("play-pause", &idle), "Play");
    assert_eq!(says("playing-now", &idle), "Nothing is playing");
    for name in ["next", "previous", "shuffle", "repeat", "volume-up"] {
        let Picture::Key(key) = look(name, &idle).picture else { panic!("{name}") };
        assert_eq!(key.tone, Tone::Disabled, "{name}");
    }
}

#[test]
fn odd_answers_are_shown_as_what_they_are() {
    let ad = Playback { item: None, currently_playing_type: PlayingType::Ad, ..playback() };
    assert_eq!(says("playing-now", &player(Some(ad))), "Playing: Advertisement – Desk");
    let device = Device { name: "Desk".into(), is_private_session: true, ..Device::default() };
    let private =
        Playback { item: None, device: Some(device), currently_playing_type: PlayingType::Unknown, ..playback() };
    assert_eq!(says("playing-now", &player(Some(private))), "Playing: Private session – Desk");
    let untold = Playback { device: Some(Device { volume_percent: None, ..Device::default() }), ..playback() };
    assert_eq!(says("volume-down", &player(Some(untold))), "Volume Down", "it may well be set");
    let disallows = Disallows { skipping_next: true, ..Disallows::default() };
    let station = player(Some(Playback { actions: Actions { disallows }, ..playback() }));
    let Picture::Key(key) = look("next", &station).picture else { panic!() };
    assert_eq!(key.tone, Tone::Disabled);
}

#[test]
fn refusal_is_shown_on_the_pressed_key_alone() {
    let mut model = Model::new(linked());
    model.apply_playback(Some(playback()), instant(T), time(T));
    model.poll_failed(Error::Offline, time(T));
    let offline = model.at(time(T));
    assert_eq!(says("play-pause", &offline), "Pause", "what is known is shown on");
    model = Model::new(linked());
    model.poll_failed(Error::Offline, time(T));
    let never_known = model.at(time(T));
    assert_eq!(says("play-pause", &never_known), Error::Offline.user_message().key());
    model.poll_failed(Error::AppOwnerNeedsPremium, time(T));
    assert_eq!(says("next", &model.at(time(T))), Error::AppOwnerNeedsPremium.user_message().key());
}

#[test]
fn progress_is_in_whole_seconds() {
    let Picture::NowPlaying(now) = look("playing-now", &player(Some(playback()))).picture else { panic!() };
    assert_eq!(now.progress, Some(crate::face::Progress { position_s: 61, duration_s: 180 }));
}

fn with(state: AuthState) -> Player {
    let mut model = Model::new(Arc::new(state));
    model.apply_playback(Some(playback()), instant(T), time(T));
    model.at(time(T))
}

#[test]
fn while_nothing_may_be_sent_every_key_says_for_how_long() {
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
fn the_account_key_says_who_serves_and_what_is_the_matter() {
    let says = |change: &dyn Fn(&mut AuthState)| {
        let mut state = accounts(Link::Linked, &["Name", "Name"]);
        change(&mut state);
        says("account", &with(state))
    };
    assert_eq!(says(&|_| {}), "Name: Primary");
    assert_eq!(says(&|state: &mut AuthState| drop(state.accounts.pop())), "Name");
    let second = |state: &mut AuthState| {
        state.accounts[0].active = false;
        state.accounts[1].active = true;
    };
    assert_eq!(
        says(&|state: &mut AuthState| {
            second(state);
            state.accounts[0].limits =
                vec![(None, Limit { until: UnixTime::from_millis(T + 723_000), kind: LimitKind::Throttle })];
        }),
        "Backup 1: Primary in 12:03"
    );
    assert_eq!(
        says(&|state: &mut AuthState| {
            second(state);
            state.accounts[1].is_preferred = true;
        }),
        "Name: Backup 1, by hand"
    );
    assert_eq!(
        says(&|state: &mut AuthState| {
            second(state);
            state.accounts[0].state = AccountState::SignInAgain;
        }),
        "Primary: Sign in again"
    );
    assert_eq!(
        says(&|state: &mut AuthState| state.accounts[1].issue = Some(AccountIssue::NotOnAllowList)),
        "Backup 1: Add user to the app"
    );
    assert_eq!(
        says(&|state: &mut AuthState| {
            state.accounts[1].sign_in_ends = Some(UnixTime::from_millis(T + 23 * 86_400_000 - 1));
            state.accounts[1].sign_in_ends_soon = true;
        }),
        "Name: Sign-in ends in 23 days"
    );
    let pressed = press("account", &with(accounts(Link::Linked, &["Name"])), &Settings::new());
    assert_eq!(pressed, Some(Request::SwitchAccount));
}

#[test]
fn the_new_keys_show_what_they_are_set_to_and_ask_for_it() {
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
        assert_eq!(placed(name, &set).face(&player, Size::KEY).description, words, "{name}");
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
    assert_eq!(says("play", &player(None)), "Choose what to play");
    assert_eq!(says("device", &player(None)), "Choose a device");
}

#[test]
fn a_text_is_filled_in_and_keeps_what_is_no_field() {
    let says = |template: &str| {
        let set = settings(json!({"template": template}));
        placed("now-playing-text", &set).face(&player(Some(playback())), Size::KEY).description
    };
    assert_eq!(says(""), "Title, Artist");
    assert_eq!(says("{title} ({elapsed}/{total})\n-{remaining} on {device}"), "Title (1:01/3:00), -1:59 on Desk");
    assert_eq!(says("{what} {title {artist}"), "{what} {title Artist");
    assert_eq!(says("{album}{playlist}!"), "!");
    let mut subscription = Subscription::default();
    placed("now-playing-text", &settings(json!({"template": "{playlist}"}))).subscribe(&mut subscription);
    assert!(subscription.playlist, "a playlist's name is asked for only where somebody shows it");
}

#[test]
fn template_is_read_in_one_go_and_filled_within_bounds() {
    let says = |template: &str, title: &str| {
        let mut playback = playback();
        playback.item.as_mut().unwrap().name = title.to_owned();
        let set = settings(json!({"template": template, "scroll": "off"}));
        let face = placed("now-playing-text", &set).face(&player(Some(playback)), Size::KEY);
        let Picture::Text(text) = face.picture else { panic!("{:?}", face.picture) };
        text.lines.into_iter().map(|line| line.text).collect::<Vec<_>>()
    };
    // Each of these takes seconds where a part of the line is looked at again for every brace.
    for braces in ["{", "}", "{{}", "{x", "}{"] {
        let template = braces.repeat(262_144);
        assert_eq!(says(&template, "T"), [template.chars().take(300).collect::<String>()], "{braces}");
    }
    let title = "\u{f6}".repeat(1 << 20);
    assert_eq!(says(&"{title}".repeat(400), &title), ["\u{f6}".repeat(300)]);
    assert_eq!(says(&"{title}\n".repeat(400), "T"), ["T"; 6]);
    assert_eq!(says(&format!("{}{{title}}", "x".repeat(299)), "Title"), [format!("{}T", "x".repeat(299))]);
}

#[test]
fn texts_of_settings_are_cut_at_a_character() {
    // The last of its two bytes would be one too many.
    let long = format!("abc{}", "\u{f6}".repeat(3_000));
    let cut = format!("abc{}", "\u{f6}".repeat(2_046));
    let set = bounded(settings(json!({"template": long, "item": {"name": long, "tags": [long, 7]}, "on": true})));
    let expected = json!({"template": cut, "item": {"name": cut, "tags": [cut, 7]}, "on": true});
    assert!(Value::Object(set) == expected);
}

#[test]
fn a_long_and_a_double_press_mean_what_the_user_has_chosen() {
    let playing = player(Some(playback()));
    let set = settings(json!({"longPress": "like", "doublePress": "open"}));
    let key = placed("next", &set);
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
    assert!(subscription.saved_now, "to like is to know whether it is liked");
    let odd = placed("next", &settings(json!({"longPress": "dance", "doublePress": ""})));
    assert_eq!(odd.gesture_config(), GestureConfig::default());
    assert!(placed("volume-up", &Settings::new()).gesture_config().repeats);
    let louder = placed("volume-up", &set).gesture_config();
    assert_eq!(louder, GestureConfig { long: true, double: false, repeats: false }, "a long press was chosen");
    let unlinked = Model::new(Arc::new(accounts(Link::NotLinked, &["Name"]))).at(time(T));
    assert_eq!(key.on_gesture(Gesture::Long, &unlinked), Some(Request::OpenSettings));
}

/// How a key stands out.
fn tone_of(face: &Face) -> Option<Tone> {
    match &face.picture {
        Picture::Key(key) => Some(key.tone),
        _ => None,
    }
}

/// Presses a key of a widget in a state, and answers whether anything is sent, and what the key says then.
fn pressed(name: &str, model: &mut Model, set: &Settings) -> (bool, String) {
    let Some(Request::Command(command)) = press(name, &model.at(time(T)), set) else { panic!("{name}") };
    let sent = model.command(command, time(T));
    (sent, placed(name, set).face(&model.at(time(T)), Size::KEY).description)
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
            let face = placed(name, &of).face(&model.at(time(T)), Size::KEY);
            assert_ne!(tone_of(&face), Some(Tone::Normal), "{name}");
            assert_ne!(tone_of(&face), Some(Tone::Active), "{name}");
            let words = if kind == PlayingType::Ad { "Not during an ad" } else { "Not possible now" };
            assert_eq!(pressed(name, &mut model, &of), (false, words.to_owned()), "{name}");

            model = Model::new(linked());
            model.apply_playback(Some(Playback { actions: Actions::default(), ..state }), instant(T), time(T));
            let face = placed(name, &of).face(&model.at(time(T)), Size::KEY);
            assert_ne!(tone_of(&face), Some(Tone::Disabled), "{name}");
            assert!(pressed(name, &mut model, &of).0, "{name}");
        }
    }
}

#[test]
fn device_without_volume_says_so_and_is_sent_nothing() {
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
        for told in [None, Some(0), Some(100)] {
            let mut fixed = of(Some(false), told);
            let face = placed(name, &set).face(&fixed.at(time(T)), Size::KEY);
            assert_eq!(
                (face.description.as_str(), tone_of(&face)),
                ("Volume is fixed", Some(Tone::Disabled)),
                "{name}"
            );
            assert_eq!(pressed(name, &mut fixed, &set), (false, "Volume is fixed here".to_owned()), "{name}");
        }
        for supports in [None, Some(true)] {
            let mut unknown = of(supports, None);
            let face = placed(name, &set).face(&unknown.at(time(T)), Size::KEY);
            assert_eq!(tone_of(&face), Some(Tone::Normal), "{name}");
            assert!(pressed(name, &mut unknown, &set).0, "{name}");
        }
    }
}

#[test]
fn volume_keys_of_a_device_show_and_step_its_own() {
    let desk = Device { id: Some("desk".into()), volume_percent: Some(40), ..Device::default() };
    let attic = Device { id: Some("attic".into()), volume_percent: Some(70), ..Device::default() };
    let mut model = Model::new(linked());
    model.apply_playback(Some(Playback { device: Some(desk.clone()), ..playback() }), instant(T), time(T));
    model.list_devices(vec![desk, attic], time(T));
    let set = settings(json!({"device": {"id": "attic", "name": "Attic"}}));
    let mut subscription = Subscription::default();
    placed("volume-up", &set).subscribe(&mut subscription);
    assert!(subscription.devices);
    for (name, words) in [("volume-up", "Volume Up: 75 %"), ("volume-up", "Volume Up: 80 %"), ("mute", "Muted")] {
        assert_eq!(pressed(name, &mut model, &set), (true, words.to_owned()));
        model.settle(time(T));
        assert_eq!(says("volume-up", &model.at(time(T))), "Volume Up: 40 %", "that of the other one is its own");
    }
    assert_eq!(placed("volume-up", &set).face(&model.at(time(T)), Size::KEY).description, "Volume Up: 0 %");
    pressed("mute", &mut model, &set);
    assert_eq!(placed("volume-up", &set).face(&model.at(time(T)), Size::KEY).description, "Volume Up: 80 %");
}

/// What the sleep timer shows so long after it was started with these settings: label, meter and description.
fn sleep_face(set: &Value, after_ms: u64) -> (String, Option<u8>, String) {
    let set = settings(set.clone());
    let mut model = Model::new(linked());
    model.apply_playback(Some(playback()), instant(T), time(T));
    assert!(pressed("sleep-timer", &mut model, &set).0);
    let face = placed("sleep-timer", &set).face(&model.at(time(T + after_ms)), Size::KEY);
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
fn sleep_timer_at_item_end_shows_what_is_left_of_it() {
    let (label, meter, words) = sleep_face(&json!({"until": "item"}), 0);
    assert_eq!((label.as_str(), meter), ("1:58", Some(65)));
    assert_eq!(words, "Sleep timer: pauses at the end of the track, in 2 minutes");
}

#[test]
fn idle_sleep_timer_shows_what_it_is_set_to() {
    let episode = Playback { currently_playing_type: PlayingType::Episode, ..playback() };
    for (set, playback, label, words) in [
        (json!({}), playback(), "30 min", "30 minutes"),
        (json!({"minutes": 500}), playback(), "4 h 00 min", "4 hours"),
        (json!({"minutes": "0"}), playback(), "1 min", "1 minute"),
        (json!({"until": "item"}), playback(), "End of track", "end of track"),
        (json!({"until": "item"}), episode, "End of episode", "end of episode"),
    ] {
        let face = placed("sleep-timer", &settings(set)).face(&player(Some(playback)), Size::KEY);
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
        let face = placed("sleep-timer", &settings(json!({}))).face(&model.at(time(T)), Size::KEY);
        assert_eq!(tone_of(&face), Some(Tone::Disabled));
        let (sent, words) = pressed("sleep-timer", &mut model, &settings(json!({})));
        assert_eq!((sent, words.as_str()), (false, "Nothing is playing"));
    }
}

#[test]
fn sleep_timer_is_cancelled_by_a_long_press() {
    // What a script has set for a long press doesn't count.
    let key = placed("sleep-timer", &settings(json!({"longPress": "next"})));
    assert!(key.gesture_config().long);
    let Some(Request::Command(command)) = key.on_gesture(Gesture::Long, &player(Some(playback()))) else { panic!() };
    assert_eq!(command.verb, Verb::CancelSleep);
}

#[test]
fn odd_device_ids_mean_the_active_device() {
    let chosen =
        |id: &str| super::settings::read::<Common>(&settings(json!({"device": {"id": id, "name": "Desk"}}))).device;
    for id in ["5fbb3ba6aa454b5534c4ba43a8c7e8e45a63ad0e", "ed01a3ca_amzn_1", "a-b.c:d"] {
        assert_eq!(chosen(id).map(|device| device.id), Some(id.into()));
    }
    for id in ["", "a b", "a&play=true", "../x", "ü", "a\n", &"a".repeat(300)] {
        assert_eq!(chosen(id), None, "{id}");
    }
}

/// The members that serde reads of a type.
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

/// The property view declares which settings each widget has; what it stores has to be what is read.
#[test]
fn property_view_stores_what_the_widgets_read() {
    let view = include_str!("../../assets/property/property.js");
    let (_, table) = view.split_once("const WIDGETS = {").unwrap();
    let (table, _) = table.split_once("\n  };").unwrap();
    // The name of each declaration, and the setting that it stores.
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

/// docs/settings-messages.md lists them for people who write settings themselves.
#[test]
fn settings_are_documented() {
    let documented = include_str!("../../../docs/settings-messages.md");
    for member in ALL.iter().flat_map(Kind::members).chain(members::<Common>()) {
        assert!(documented.contains(&format!("`{member}`")), "{member}");
    }
}
