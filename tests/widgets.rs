//! Tests of every widget in the built package: what its keys send to Spotify, and what they show afterwards.
//!
//! Each test starts its own package, with a fake host on a plain socket and a simulated Spotify. Long presses and fades take
//! real time; all other waits end as soon as the expectation is met.

use std::time::Duration;

use acceptance::{DEMO, FakeHost, Instance, Stage, TIMEOUT, Unpacked};
use futures_util::future::join_all;
use host_sdk::protocol::{FromHost, ToHost};
use serde_json::{Value, json};
use spotify_sim::catalogue::{self, album_uri, playlist_uri, track_uri};
use spotify_sim::{
    COMPUTER_ID, Change, Config, Device, DeviceChange, Fault, PHONE_ID, Playback, Quirks, Request, SPEAKER_ID, Sim,
};

/// The time within which delayed requests follow, if there are any.
const QUIET_TIME: Duration = Duration::from_millis(1_500);

/// Returns a key with its widget and context.
fn key(widget: &'static str, context: &'static str) -> Instance {
    Instance { widget, context }
}

async fn start(unpacked: &Unpacked, config: Config) -> Stage<'_> {
    let mut stage = Stage::start(unpacked, Sim::start(config).await.expect("a simulator")).await;
    stage.add_account(DEMO, &Value::Null).await;
    stage
}

async fn start_with(unpacked: &Unpacked, playback: Playback) -> Stage<'_> {
    start(unpacked, Config { playback, ..Config::default() }).await
}

async fn place(host: &mut FakeHost, instance: Instance, settings: Value) {
    host.place_with(instance, json!({"state": 0, "settings": settings})).await;
}

async fn press_down(host: &mut FakeHost, Instance { widget, context }: Instance) {
    let (widget, context) = (format!("com.spotify-widgets.{widget}"), context.to_owned());
    host.send(FromHost::ActionDown { widget, context, state: None }).await;
}

async fn release(host: &mut FakeHost, Instance { widget, context }: Instance) {
    let (widget, context) = (format!("com.spotify-widgets.{widget}"), context.to_owned());
    host.send(FromHost::ActionUp { widget: widget.clone(), context: context.clone(), state: None }).await;
    host.send(FromHost::ActionTriggered { widget, context, state: None }).await;
}

/// Describes a command with its method, path, query and body.
fn command(request: &Request) -> String {
    let path = request.path.trim_start_matches("/v1/me/").trim_start_matches("/v1/");
    let query = request.query.iter().map(|(name, value)| format!(" {name}={value}")).collect::<String>();
    let body = if request.body.is_empty() { String::new() } else { format!(" {}", request.body) };
    format!("{} {path}{query}{body}", request.method)
}

fn is_command(request: &Request) -> bool {
    request.method != "GET" && request.path.starts_with("/v1/")
}

/// Takes the recorded commands and clears the requests.
fn commands(spotify: &Sim) -> Vec<String> {
    let requests = spotify.requests();
    spotify.clear_requests();
    requests.iter().filter(|request| is_command(request)).map(command).collect()
}

/// Waits until `count` commands have been answered since the requests were cleared, and returns them.
async fn wait_for_commands(stage: &mut Stage<'_>, count: usize) -> Vec<String> {
    let Stage { spotify, host, .. } = stage;
    let arrived = spotify.wait_for(TIMEOUT, move |requests, _| {
        requests.iter().filter(|request| is_command(request) && request.status().is_some()).count() >= count
    });
    let arrived = host.receive_while(arrived).await;
    let commands = commands(spotify);
    assert!(arrived.is_ok(), "{count} commands were expected: {commands:?}");
    commands
}

/// Waits until the playback satisfies `fits`.
async fn wait_for_playback(stage: &mut Stage<'_>, what: &str, fits: impl Fn(&Playback) -> bool + Send + 'static) {
    let Stage { spotify, host, .. } = stage;
    let result = host.receive_while(spotify.wait_for(TIMEOUT, move |_, playback| fits(playback))).await;
    assert!(result.is_ok(), "{what}: {:?}", spotify.playback());
}

/// Presses a key and returns the one command that results.
async fn press(stage: &mut Stage<'_>, instance: Instance) -> String {
    stage.spotify.clear_requests();
    stage.host.press(instance).await;
    let commands = wait_for_commands(stage, 1).await;
    assert_eq!(commands.len(), 1, "{commands:?}");
    commands.into_iter().next().expect("one")
}

/// Receives messages for [`QUIET_TIME`], in which nothing is expected to happen.
async fn receive_for_quiet_time(stage: &mut Stage<'_>) {
    stage.host.receive_while(tokio::time::sleep(QUIET_TIME)).await;
}

fn volume(playback: &Playback) -> Option<u8> {
    playback.active().and_then(|device| device.volume_percent)
}

fn active(playback: &Playback) -> Option<&str> {
    playback.active().and_then(|device| device.id.as_deref())
}

fn item(uri: &str, name: &str) -> Value {
    json!({"uri": uri, "name": name})
}

// ---- Volume --------------------------------------------------------------------------------------------------------

#[tokio::test]
async fn mute_and_set_volume_send_the_exact_value() {
    let unpacked = &Unpacked::spotify();
    let mut stage = start_with(unpacked, Playback::default()).await;
    let (mute, low) = (key("mute", "m"), key("set-volume", "low"));
    place(&mut stage.host, mute, json!({})).await;
    place(&mut stage.host, low, json!({"volume": 20})).await;
    let up = key("volume-up", "up");
    place(&mut stage.host, up, json!({})).await;
    stage.host.wait_until_shows(up, "65 %").await;
    stage.host.wait_until_shows(mute, "Mute").await;

    assert_eq!(press(&mut stage, mute).await, "PUT player/volume volume_percent=0");
    stage.host.wait_until_shows(mute, "Muted").await;
    assert_eq!(press(&mut stage, mute).await, "PUT player/volume volume_percent=65", "the old volume");
    assert_eq!(press(&mut stage, low).await, "PUT player/volume volume_percent=20");
}

#[tokio::test]
async fn set_volume_fades_in_steps() {
    let unpacked = &Unpacked::spotify();
    let mut playback = Playback::default();
    playback.devices[0].volume_percent = Some(20);
    let mut stage = start_with(unpacked, playback).await;
    let fade = key("set-volume", "fade");
    place(&mut stage.host, fade, json!({"volume": 80, "fadeSeconds": 2})).await;
    stage.host.wait_until_shows(fade, "80 %: over 2 s").await;
    let up = key("volume-up", "up");
    place(&mut stage.host, up, json!({})).await;
    stage.host.wait_until_shows(up, "20 %").await;
    stage.spotify.clear_requests();

    stage.host.press(fade).await;
    wait_for_playback(&mut stage, "the fade ends", |playback| volume(playback) == Some(80)).await;
    receive_for_quiet_time(&mut stage).await;
    let steps: Vec<u8> = commands(&stage.spotify)
        .iter()
        .map(|command| command.rsplit('=').next().and_then(|percent| percent.parse().ok()).expect("a volume"))
        .collect();
    assert!(steps.is_sorted() && steps.len() > 2 && steps.len() < 7, "in steps: {steps:?}");
    assert_eq!(steps.last(), Some(&80));
}

#[tokio::test]
async fn press_on_another_volume_key_ends_a_fade() {
    let unpacked = &Unpacked::spotify();
    let mut stage = start_with(unpacked, Playback::default()).await;
    let (mute, low, fade) = (key("mute", "m"), key("set-volume", "low"), key("set-volume", "fade"));
    place(&mut stage.host, mute, json!({})).await;
    place(&mut stage.host, low, json!({"volume": 20})).await;
    place(&mut stage.host, fade, json!({"volume": 80, "fadeSeconds": 2})).await;
    stage.host.wait_until_shows(mute, "Mute").await;
    stage.host.wait_until_shows(fade, "80 %: over 2 s").await;
    stage.host.press(low).await;
    stage.host.press(fade).await;
    stage.host.press(mute).await;
    wait_for_playback(&mut stage, "it is muted", |playback| volume(playback) == Some(0)).await;
    receive_for_quiet_time(&mut stage).await;
    assert_eq!(volume(&stage.spotify.playback()), Some(0));
}

#[tokio::test]
async fn volume_presses_add_up() {
    let unpacked = &Unpacked::spotify();
    let latency = Duration::from_millis(60);
    let mut stage = start(unpacked, Config { latency, ..Config::default() }).await;
    let up = key("volume-up", "u");
    place(&mut stage.host, up, json!({"step": 1})).await;
    stage.host.wait_until_shows(up, "65 %").await;
    stage.spotify.clear_requests();
    for _ in 0..20 {
        stage.host.press(up).await;
    }
    stage.host.wait_until_shows(up, "Volume Up: 85 %").await;
    wait_for_playback(&mut stage, "all twenty count", |playback| volume(playback) == Some(85)).await;
    receive_for_quiet_time(&mut stage).await;
    let sent = commands(&stage.spotify);
    assert!(sent.len() <= 6, "{sent:?}");
    assert_eq!(sent.last().map(String::as_str), Some("PUT player/volume volume_percent=85"));
}

#[tokio::test]
async fn held_volume_key_repeats_until_released() {
    let unpacked = &Unpacked::spotify();
    let latency = Duration::from_millis(60);
    let mut stage = start(unpacked, Config { latency, ..Config::default() }).await;
    let down = key("volume-down", "d");
    place(&mut stage.host, down, json!({"step": 7})).await;
    stage.host.wait_until_shows(down, "65 %").await;
    press_down(&mut stage.host, down).await;
    wait_for_playback(&mut stage, "it repeats", |playback| {
        volume(playback).is_some_and(|percent| percent <= 65 - 4 * 7)
    })
    .await;
    release(&mut stage.host, down).await;
    receive_for_quiet_time(&mut stage).await;
    let after = volume(&stage.spotify.playback()).expect("a volume");
    assert_eq!((65 - after) % 7, 0, "whole steps");
    stage.host.wait_until_shows(down, &format!("Volume Down: {after} %")).await;
    commands(&stage.spotify);
    receive_for_quiet_time(&mut stage).await;
    assert_eq!(commands(&stage.spotify), [""; 0], "nothing is sent after the release");
}

#[tokio::test]
async fn device_without_volume_is_named_on_the_key() {
    let unpacked = &Unpacked::spotify();
    let mut stage = start_with(unpacked, Playback::default()).await;
    stage.spotify.change_playback(Change::device(PHONE_ID)).unwrap();
    let (up, mute) = (key("volume-up", "u"), key("mute", "m"));
    place(&mut stage.host, up, json!({})).await;
    place(&mut stage.host, mute, json!({})).await;
    stage.host.wait_until_shows(up, "Volume is fixed").await;
    stage.host.wait_until_shows(mute, "Volume is fixed").await;
    stage.host.press(up).await;
    stage.host.wait_until_shows(up, "Volume is fixed here").await;
}

// ---- Position ------------------------------------------------------------------------------------------------------

#[tokio::test]
async fn seek_and_restart_stay_within_the_track() {
    let unpacked = &Unpacked::spotify();
    let playback = Playback { progress_ms: 60_000, ..Playback::paused() };
    let mut stage = start_with(unpacked, playback).await;
    let (forward, back, restart) = (key("seek", "f"), key("seek", "b"), key("restart", "r"));
    place(&mut stage.host, forward, json!({})).await;
    place(&mut stage.host, back, json!({"direction": "back", "seconds": 10})).await;
    place(&mut stage.host, restart, json!({})).await;
    stage.host.wait_until_shows(forward, "+15 s").await;
    stage.host.wait_until_shows(back, "−10 s").await;
    stage.host.wait_until_shows(restart, "Restart").await;
    assert_eq!(press(&mut stage, forward).await, "PUT player/seek position_ms=75000");
    assert_eq!(press(&mut stage, back).await, "PUT player/seek position_ms=65000");
    press_down(&mut stage.host, forward).await;
    wait_for_playback(&mut stage, "it repeats", |playback| playback.progress_ms >= 65_000 + 3 * 15_000).await;
    release(&mut stage.host, forward).await;
    receive_for_quiet_time(&mut stage).await;
    let progress = stage.spotify.playback().progress_ms;
    assert_eq!((progress - 65_000) % 15_000, 0, "whole steps: {progress}");
    assert_eq!(press(&mut stage, restart).await, "PUT player/seek position_ms=0");
}

#[tokio::test]
async fn presses_during_other_calls_are_queued() {
    let unpacked = &Unpacked::spotify();
    let latency = Duration::from_millis(150);
    let mut stage = start(unpacked, Config { latency, ..Config::default() }).await;
    let (next, toggle, shuffle) = (key("next", "n"), key("play-pause", "p"), key("shuffle", "s"));
    for instance in [next, toggle, shuffle] {
        place(&mut stage.host, instance, json!({})).await;
    }
    stage.host.wait_until_shows(toggle, "Pause").await;
    stage.spotify.clear_requests();
    for instance in [next, next, next, toggle, shuffle, shuffle, next] {
        stage.host.press(instance).await;
    }
    let sent = wait_for_commands(&mut stage, 7).await;
    let shuffled = ["PUT player/shuffle state=true", "PUT player/shuffle state=false"];
    let skip = "POST player/next";
    assert_eq!(sent, [skip, skip, skip, "PUT player/pause", shuffled[0], shuffled[1], skip]);
    assert_eq!(stage.spotify.playback().item, Some(track_uri(5)), "four skips");
}

// ---- The sleep timer -----------------------------------------------------------------------------------------------

#[tokio::test]
async fn sleep_timer_fades_pauses_and_restores_the_volume() {
    let unpacked = &Unpacked::spotify();
    // The track lasts 3:21.
    let near_the_end = Playback { progress_ms: 193_000, ..Playback::default() };
    let mut stage = start_with(unpacked, near_the_end.clone()).await;
    let (sleep, other) = (key("sleep-timer", "s"), key("sleep-timer", "o"));
    place(&mut stage.host, sleep, json!({"until": "item"})).await;
    place(&mut stage.host, other, json!({"minutes": 90})).await;
    stage.host.wait_until_shows(sleep, "Sleep timer: end of track").await;
    stage.host.wait_until_shows(other, "Sleep timer: 1 hour 30 minutes").await;
    stage.spotify.clear_requests();
    stage.host.press(sleep).await;
    stage.host.wait_until_shows(other, "pauses at the end of the track").await;
    wait_for_playback(&mut stage, "it is paused", |playback| !playback.is_playing).await;
    wait_for_playback(&mut stage, "the volume is back", |playback| volume(playback) == Some(65)).await;
    stage.host.wait_until_shows(sleep, "Sleep timer: end of track").await;
    let sent = commands(&stage.spotify);
    let pause = sent.iter().position(|command| command == "PUT player/pause").expect("a pause");
    assert!(pause > 3, "{sent:?}");
    assert_eq!(sent[pause + 1..], ["PUT player/volume volume_percent=65"], "{sent:?}");
    assert_eq!(stage.spotify.playback().item, near_the_end.item, "the next track has not started");
}

#[tokio::test]
async fn sleep_timer_is_extended_and_cancelled_by_presses() {
    let unpacked = &Unpacked::spotify();
    let mut stage = start_with(unpacked, Playback::default()).await;
    let sleep = key("sleep-timer", "s");
    place(&mut stage.host, sleep, json!({"minutes": 30})).await;
    stage.host.wait_until_shows(sleep, "Sleep timer: 30 minutes").await;
    stage.spotify.clear_requests();
    stage.host.press(sleep).await;
    stage.host.wait_until_shows(sleep, "pauses in 30 minutes").await;
    stage.host.press(sleep).await;
    stage.host.wait_until_shows(sleep, "pauses in 45 minutes").await;
    press_down(&mut stage.host, sleep).await;
    stage.host.wait_until_shows(sleep, "Sleep timer: 30 minutes").await;
    release(&mut stage.host, sleep).await;
    assert_eq!(commands(&stage.spotify), [""; 0], "the timer sends nothing to Spotify");
}

// ---- The library ---------------------------------------------------------------------------------------------------

#[tokio::test]
async fn like_follows_changes_here_and_elsewhere() {
    let unpacked = &Unpacked::spotify();
    let mut stage = start_with(unpacked, Playback::default()).await;
    let (like, album) = (key("like", "l"), key("like", "a"));
    place(&mut stage.host, like, json!({})).await;
    place(&mut stage.host, album, json!({"item": item(&album_uri(2), "夜明けの信号")})).await;
    stage.host.wait_until_shows(like, "Like").await;
    assert_eq!(press(&mut stage, like).await, format!("PUT library uris={}", track_uri(1)));
    stage.host.wait_until_shows(like, "Liked").await;
    assert_eq!(stage.spotify.library(), [track_uri(1)]);
    assert_eq!(press(&mut stage, like).await, format!("DELETE library uris={}", track_uri(1)));
    assert_eq!(press(&mut stage, album).await, format!("PUT library uris={}", album_uri(2)));
    stage.host.wait_until_shows(album, "Liked: 夜明けの信号").await;
    assert_eq!(stage.spotify.library(), [album_uri(2)]);

    // Another track, which was liked in another app, is read at once.
    stage.spotify.set_saved(&track_uri(2), true);
    stage.spotify.set_saved(&album_uri(2), false);
    stage.spotify.change_playback(Change { volume_percent: Some(20), ..Change::item(&track_uri(2)) }).unwrap();
    stage.host.wait_until_shows(like, "Liked").await;
    // After a change in another app the album's state is read again, too.
    stage.host.wait_until_shows(album, "Like: 夜明けの信号").await;
}

#[tokio::test]
async fn like_pressed_before_the_first_answer_is_kept() {
    let unpacked = &Unpacked::spotify();
    let mut stage = start_with(unpacked, Playback::default()).await;
    let (toggle, like) = (key("play-pause", "p"), key("like", "l"));
    place(&mut stage.host, toggle, json!({})).await;
    stage.host.wait_until_shows(toggle, "Pause").await;
    stage.spotify.inject(Fault::delay(Duration::from_millis(500)).on("GET", "/v1/me/library/contains"));
    place(&mut stage.host, like, json!({})).await;
    let is_read = |requests: &[Request], _: &Playback| requests.iter().any(|one| one.path == "/v1/me/library/contains");
    let Stage { spotify, host, .. } = &mut stage;
    host.receive_while(spotify.wait_for(TIMEOUT, is_read)).await.expect("the state is read");
    stage.host.press(like).await;
    stage.host.wait_until_shows(like, "Liked").await;
    receive_for_quiet_time(&mut stage).await;
    assert_eq!(stage.host.description(like), "Liked");
}

#[tokio::test]
async fn play_starts_and_resumes_what_was_chosen() {
    let unpacked = &Unpacked::spotify();
    let saved = vec![track_uri(3), track_uri(7)];
    let mut stage = start(unpacked, Config { saved, ..Config::default() }).await;
    let (album, list, artist, track, liked, text) = (
        key("play", "album"),
        key("play", "list"),
        key("play", "artist"),
        key("play", "track"),
        key("play", "liked"),
        key("now-playing-text", "text"),
    );
    let show = key("play", "show");
    place(&mut stage.host, album, json!({"item": item(&album_uri(2), "夜明けの信号")})).await;
    place(&mut stage.host, list, json!({"item": item(&playlist_uri(3), "Desert"), "again": "restart"})).await;
    place(&mut stage.host, artist, json!({"item": item(&catalogue::artist_uri(1), "Lumen"), "again": "shuffle"})).await;
    place(&mut stage.host, track, json!({"item": item(&track_uri(9), "Tide"), "shuffle": "off"})).await;
    place(&mut stage.host, liked, json!({"item": item("spotify:collection", "Liked Songs")})).await;
    place(&mut stage.host, show, json!({"item": item(catalogue::SHOW_URI, "Key Matters")})).await;
    place(&mut stage.host, text, json!({"template": "{title}|{elapsed}"})).await;
    let nothing = key("play", "nothing");
    place(&mut stage.host, nothing, json!({})).await;
    stage.host.wait_until_shows(nothing, "Choose what to play").await;
    stage.host.wait_until_shows(album, "Play: 夜明けの信号").await;
    stage.host.wait_until_shows(text, "Über den Dächern").await;

    let body = |uri: &str| format!(r#"PUT player/play {{"context_uri":"{uri}"}}"#);
    assert_eq!(press(&mut stage, album).await, body(&album_uri(2)));
    stage.host.wait_until_shows(album, "Playing: 夜明けの信号").await;
    stage.host.wait_until_shows(text, "夜明けの信号").await;
    assert_eq!(press(&mut stage, album).await, "PUT player/pause", "a second press pauses");
    stage.host.wait_until_shows(album, "Play: 夜明けの信号").await;
    assert_eq!(press(&mut stage, album).await, "PUT player/play");

    assert_eq!(press(&mut stage, list).await, body(&playlist_uri(3)), "another user's playlist can be played");
    stage.host.wait_until_shows(list, "Playing: Desert").await;
    assert_eq!(press(&mut stage, list).await, body(&playlist_uri(3)), "a second press restarts it");

    assert_eq!(press(&mut stage, artist).await, body(&catalogue::artist_uri(1)));
    stage.host.wait_until_shows(artist, "Playing: Lumen").await;
    stage.host.press(artist).await;
    let sent = wait_for_commands(&mut stage, 2).await;
    assert_eq!(sent, ["PUT player/shuffle state=true", &body(&catalogue::artist_uri(1))]);

    stage.host.press(track).await;
    let sent = wait_for_commands(&mut stage, 2).await;
    let uris = format!(r#"PUT player/play {{"uris":["{}"]}}"#, track_uri(9));
    assert_eq!(sent, ["PUT player/shuffle state=false", &uris]);
    stage.host.wait_until_shows(track, "Playing: Tide").await;
    stage.host.wait_until_shows(text, "Tide").await;

    assert_eq!(press(&mut stage, liked).await, body(catalogue::LIKED_URI), "all of them");
    stage.host.wait_until_shows(liked, "Playing: Liked Songs").await;
    stage.host.wait_until_shows(text, "비 오는 옥상|0:02").await;
    assert_eq!(press(&mut stage, liked).await, "PUT player/pause");

    assert_eq!(press(&mut stage, show).await, body(catalogue::SHOW_URI));
    stage.host.wait_until_shows(show, "Playing: Key Matters").await;
    stage.host.wait_until_shows(text, "Episode 42").await;

    for uri in [track_uri(3), track_uri(7)] {
        stage.spotify.set_saved(&uri, false);
    }
    stage.host.press(liked).await;
    stage.host.wait_until_shows(liked, "No Liked Songs").await;
}

#[tokio::test]
async fn playlist_keys_add_and_remove_where_allowed() {
    let unpacked = &Unpacked::spotify();
    let mut stage = start_with(unpacked, Playback::default()).await;
    let (own, other, last, remove) = (
        key("add-to-playlist", "own"),
        key("add-to-playlist", "other"),
        key("add-to-playlist", "last"),
        key("remove-from-playlist", "remove"),
    );
    place(&mut stage.host, own, json!({"playlist": item(&playlist_uri(2), "Long Way Home")})).await;
    place(&mut stage.host, other, json!({"playlist": item(&playlist_uri(3), "Desert")})).await;
    place(&mut stage.host, last, json!({})).await;
    place(&mut stage.host, remove, json!({})).await;
    stage.host.wait_until_shows(own, "Add to: Long Way Home").await;
    stage.host.wait_until_shows(remove, "Remove").await;
    stage.host.press(last).await;
    stage.host.wait_until_shows(last, "Choose a playlist").await;

    let add = |playlist: usize, track: usize| {
        let id = playlist_uri(playlist).rsplit(':').next().unwrap_or_default().to_owned();
        format!(r#"POST playlists/{id}/items {{"uris":["{}"]}}"#, track_uri(track))
    };
    assert_eq!(press(&mut stage, own).await, add(2, 1));
    stage.host.wait_until_shows(own, "Added").await;
    assert_eq!(stage.spotify.playlist(&playlist_uri(2)).unwrap().last(), Some(&track_uri(1)));
    // The confirmation is shown only for a moment.
    stage.host.wait_until_shows(own, "Add to: Long Way Home").await;

    stage.host.press(other).await;
    stage.host.wait_until_shows(other, "Not your playlist").await;
    assert_eq!(stage.spotify.playlist(&playlist_uri(3)).unwrap().len(), 3);
    assert_eq!(press(&mut stage, last).await, add(2, 1), "the playlist that was used last");
    stage.host.wait_until_shows(last, "Added").await;

    let sent = press(&mut stage, remove).await;
    let id = playlist_uri(1).rsplit(':').next().unwrap_or_default().to_owned();
    assert_eq!(sent, format!(r#"DELETE playlists/{id}/items {{"items":[{{"uri":"{}"}}]}}"#, track_uri(1)));
    stage.host.wait_until_shows(remove, "Removed").await;
    assert!(!stage.spotify.playlist(&playlist_uri(1)).unwrap().contains(&track_uri(1)));

    stage.spotify.change_playback(Change::context(&playlist_uri(3))).unwrap();
    let text = key("now-playing-text", "text");
    place(&mut stage.host, text, json!({"template": "{title}"})).await;
    stage.host.wait_until_shows(text, "رسالة من الصحراء").await;
    stage.host.press(remove).await;
    stage.host.wait_until_shows(remove, "Not your playlist").await;
    stage.spotify.change_playback(Change::context(&album_uri(2))).unwrap();
    stage.host.wait_until_shows(text, "夜明けの信号").await;
    stage.host.press(remove).await;
    stage.host.wait_until_shows(remove, "Not from a playlist").await;
}

#[tokio::test]
async fn queue_keys_fill_and_show_the_queue() {
    let unpacked = &Unpacked::spotify();
    let mut stage = start_with(unpacked, Playback::default()).await;
    let (this, that, up_next) = (key("add-to-queue", "this"), key("add-to-queue", "that"), key("up-next", "up"));
    place(&mut stage.host, this, json!({})).await;
    place(&mut stage.host, that, json!({"item": item(&track_uri(9), "Tide")})).await;
    place(&mut stage.host, up_next, json!({"layout": 1})).await;
    stage.host.wait_until_shows(up_next, "Up next: Grüße aus Köln-Süd – Lumen Föhr").await;
    assert_eq!(press(&mut stage, that).await, format!("POST player/queue uri={}", track_uri(9)));
    stage.host.wait_until_shows(that, "Added").await;
    stage.host.wait_until_shows(up_next, "Tide & Tell").await;
    assert_eq!(press(&mut stage, this).await, format!("POST player/queue uri={}", track_uri(1)));
    assert_eq!(stage.spotify.playback().queue, [track_uri(9), track_uri(1)]);
    assert_eq!(press(&mut stage, up_next).await, "POST player/next", "a press skips to it");
    stage.host.wait_until_shows(up_next, "Über den Dächern").await;
}

// ---- Devices -------------------------------------------------------------------------------------------------------

#[tokio::test]
async fn device_keys_move_playback_and_show_where_it_is() {
    let unpacked = &Unpacked::spotify();
    let mut stage = start_with(unpacked, Playback::paused()).await;
    let (speaker, next) = (key("device", "speaker"), key("device", "next"));
    let chosen = json!({"id": SPEAKER_ID, "name": "Wohnzimmer", "type": "Speaker"});
    place(&mut stage.host, speaker, json!({"device": chosen, "play": "play"})).await;
    place(&mut stage.host, next, json!({"mode": "next"})).await;
    let gone = key("device", "gone");
    place(&mut stage.host, gone, json!({"device": {"id": "gone", "name": "Attic"}})).await;
    stage.host.wait_until_shows(speaker, "Wohnzimmer: Ready").await;
    stage.host.wait_until_shows(next, "Office Computer: Next device").await;
    stage.host.wait_until_shows(gone, "Attic: Not there").await;
    let transfer = |id: &str, play: &str| format!(r#"PUT player {{"device_ids":["{id}"]{play}}}"#);
    assert_eq!(press(&mut stage, speaker).await, transfer(SPEAKER_ID, r#","play":true"#));
    stage.host.wait_until_shows(speaker, "Wohnzimmer: Active").await;
    stage.host.wait_until_shows(next, "Wohnzimmer: Next device").await;
    assert!(stage.spotify.playback().is_playing);
    assert_eq!(press(&mut stage, next).await, transfer(PHONE_ID, ""));
    stage.host.wait_until_shows(next, "Phone: Next device").await;
    stage.host.wait_until_shows(speaker, "Wohnzimmer: Ready").await;
    assert_eq!(press(&mut stage, next).await, transfer(COMPUTER_ID, ""), "devices without an ID are skipped");
    stage.host.press(gone).await;
    stage.host.wait_until_shows(gone, "Open Spotify on a device").await;
}

#[tokio::test]
async fn press_wakes_the_chosen_last_or_only_device() {
    let unpacked = &Unpacked::spotify();
    let play = key("play-pause", "p");
    let press_play = async |playback: Playback, settings: Value| {
        let wake_delay = Duration::from_millis(700);
        let mut stage = start(unpacked, Config { playback, wake_delay, ..Config::default() }).await;
        place(&mut stage.host, play, settings).await;
        stage.host.wait_until_shows(play, "Play").await;
        stage.host.press(play).await;
        stage
    };
    let transfer = |id: &str| format!(r#"PUT player {{"device_ids":["{id}"],"play":true}}"#);
    let wakes = async |playback: Playback, settings: Value, device: &str| {
        let mut stage = press_play(playback, settings).await;
        let expected = device.to_owned();
        wait_for_playback(&mut stage, "it is woken and plays", move |playback| {
            playback.is_playing && active(playback) == Some(&expected)
        })
        .await;
        assert_eq!(commands(&stage.spotify).last(), Some(&transfer(device)));
        stage.host.wait_until_shows(play, "Pause").await;
    };
    let mut only = Playback::asleep();
    only.devices.retain(|device| device.id.as_deref() == Some(SPEAKER_ID));
    let several = async {
        let mut stage = press_play(Playback::asleep(), json!({})).await;
        stage.host.wait_until_shows(play, "Open Spotify on a device").await;
        assert!(stage.spotify.playback().active().is_none());
    };
    let last = async {
        let mut stage = start_with(unpacked, Playback::default()).await;
        let shuffle = key("shuffle", "s");
        place(&mut stage.host, shuffle, json!({})).await;
        place(&mut stage.host, play, json!({})).await;
        stage.host.wait_until_shows(play, "Pause").await;
        let asleep = Change { asleep: Some(true), playing: Some(false), ..Change::no_device() };
        stage.spotify.change_playback(asleep).unwrap();
        stage.spotify.clear_requests();
        stage.host.press(shuffle).await;
        wait_for_playback(&mut stage, "it is shuffled there", |playback| {
            playback.shuffle && active(playback) == Some(COMPUTER_ID)
        })
        .await;
        assert!(!stage.spotify.playback().is_playing, "shuffle doesn't start playback");
        stage.host.wait_until_shows(shuffle, "Shuffle on").await;
    };
    let chosen = json!({"device": {"id": PHONE_ID, "name": "Phone"}});
    tokio::join!(wakes(only, json!({}), SPEAKER_ID), wakes(Playback::asleep(), chosen, PHONE_ID), several, last);
}

/// Waits until the settings of all these instances are stored, in any order, and returns the ids of their devices.
async fn stored_devices<const N: usize>(host: &mut FakeHost, instances: [Instance; N]) -> [String; N] {
    let mut ids = [const { None }; N];
    host.wait_for_message("the settings are stored", |message| {
        if let ToHost::SetWidgetSettings { context, settings, .. } = message
            && let Some(index) = instances.iter().position(|instance| context == instance.context)
        {
            assert_eq!(settings["step"], 7, "the other settings stay");
            ids[index] = settings["device"]["id"].as_str().map(str::to_owned);
        }
        ids.iter().all(Option::is_some).then_some(())
    })
    .await;
    ids.map(|id| id.expect("all are stored"))
}

#[tokio::test]
async fn device_with_a_new_id_is_found_in_the_list() {
    let unpacked = &Unpacked::spotify();
    let (device, play) = (key("device", "device"), key("play-pause", "play"));
    // The device key makes the package read the list before a press.
    let mut stage = start_with(unpacked, Playback::paused()).await;
    stage.spotify.change_device(SPEAKER_ID, renewed()).unwrap();
    place(&mut stage.host, play, chosen(SPEAKER_ID)).await;
    place(&mut stage.host, device, chosen(SPEAKER_ID)).await;
    let ids = stored_devices(&mut stage.host, [play, device]).await;
    assert_eq!(ids, ["renewed", "renewed"]);
    stage.host.wait_until_shows(device, "Wohnzimmer: Ready").await;
    assert_eq!(press(&mut stage, device).await, r#"PUT player {"device_ids":["renewed"]}"#);
    stage.host.wait_until_shows(device, "Wohnzimmer: Active").await;
}

/// Returns settings with a device.
fn chosen(id: &str) -> Value {
    json!({"device": {"id": id, "name": "Wohnzimmer", "type": "Speaker"}, "step": 7})
}

/// Returns a change to the id `renewed`.
fn renewed() -> DeviceChange {
    DeviceChange { id: Some(Some("renewed".to_owned())), ..DeviceChange::default() }
}

#[tokio::test]
async fn device_with_a_new_id_is_found_by_a_press() {
    let unpacked = &Unpacked::spotify();
    let play = key("play-pause", "play");
    // Without a device key the list isn't read before a press.
    let mut stage = start_with(unpacked, Playback::paused()).await;
    stage.spotify.change_device(SPEAKER_ID, renewed()).unwrap();
    place(&mut stage.host, play, chosen(SPEAKER_ID)).await;
    stage.host.wait_until_shows(play, "Play").await;
    stage.spotify.clear_requests();
    stage.host.press(play).await;
    assert_eq!(stored_devices(&mut stage.host, [play]).await, ["renewed"]);
    let sent = wait_for_commands(&mut stage, 2).await;
    assert_eq!(sent, [SPEAKER_ID, "renewed"].map(|id| format!("PUT player/play device_id={id}")));
    stage.host.wait_until_shows(play, "Pause").await;
}

#[tokio::test]
async fn ambiguous_device_name_has_to_be_chosen_again() {
    let unpacked = &Unpacked::spotify();
    let (device, play) = (key("device", "device"), key("play-pause", "play"));
    let mut two = Playback::paused();
    two.devices.push(Device { id: Some("twin".to_owned()), ..two.devices[1].clone() });
    let mut stage = start_with(unpacked, two).await;
    place(&mut stage.host, play, chosen("old")).await;
    stage.host.wait_until_shows(play, "Play").await;
    stage.host.press(play).await;
    stage.host.wait_until_shows(play, "Choose the device again").await;
    place(&mut stage.host, device, chosen("old")).await;
    stage.host.wait_until_shows(device, "Wohnzimmer: Choose again").await;
}

#[tokio::test]
async fn disallowed_press_is_not_sent_and_explained() {
    let unpacked = &Unpacked::spotify();
    let all = |words: &'static str| [("play-pause", words), ("next", words), ("previous", words), ("seek", words)];
    let disallows = ["pausing", "skipping_next", "skipping_prev", "seeking"].map(str::to_owned).to_vec();
    let quirks = Some(Quirks { disallows, ..Quirks::default() });
    let check = async |playback: Playback, change: DeviceChange, words| {
        let mut stage = start_with(unpacked, playback).await;
        stage.spotify.change_device(COMPUTER_ID, change).unwrap();
        for (widget, _) in all(words) {
            place(&mut stage.host, key(widget, widget), json!({})).await;
        }
        stage.host.wait_until_shows(key("play-pause", "play-pause"), "Pause").await;
        stage.spotify.clear_requests();
        for (widget, words) in all(words) {
            stage.host.press(key(widget, widget)).await;
            stage.host.wait_until_shows(key(widget, widget), words).await;
        }
        assert_eq!(commands(&stage.spotify), [""; 0], "{words}");
    };
    let restricted = DeviceChange { restricted: Some(true), ..DeviceChange::default() };
    tokio::join!(
        check(Playback::advertisement(), DeviceChange::default(), "Not during an ad"),
        check(Playback::default(), DeviceChange { quirks, ..DeviceChange::default() }, "Not possible now"),
        check(Playback::default(), restricted, "Device not controllable"),
    );
}

// ---- What plays, in words ------------------------------------------------------------------------------------------

#[tokio::test]
async fn text_fills_every_field_and_its_times_advance() {
    let unpacked = &Unpacked::spotify();
    let playback = Playback { progress_ms: 61_500, ..Playback::default() };
    let mut stage = start_with(unpacked, playback).await;
    let (all, usual) = (key("now-playing-text", "all"), key("now-playing-text", "usual"));
    let template = "{title}|{artist}|{album}|{playlist}\n{elapsed}|{total}|{remaining}|{device}|{nonsense}";
    place(&mut stage.host, all, json!({"template": template, "layout": 4})).await;
    place(&mut stage.host, usual, json!({})).await;
    stage.host.wait_until_shows(usual, "Über den Dächern, Lumen Föhr").await;
    stage.host.wait_until_shows(all, "Über den Dächern|Lumen Föhr|Über den Dächern|Feierabend ☕, 1:0").await;
    // Without a request to Spotify: the next poll comes only after 8.8 s.
    let reads = |spotify: &Sim| spotify.requests().iter().filter(|one| one.path == "/v1/me/player").count();
    let before = reads(&stage.spotify);
    let first: u32 = stage.host.description(all).split_once(", 1:0").expect("a time").1[..1].parse().expect("seconds");
    for second in first + 1..first + 4 {
        let left = 201 - 60 - second;
        let times = format!("1:{second:02}|3:21|{}:{:02}|Office Computer|{{nonsense}}", left / 60, left % 60);
        stage.host.wait_until_shows(all, &times).await;
    }
    assert_eq!(reads(&stage.spotify), before);
    assert_eq!(press(&mut stage, usual).await, "PUT player/pause");
}

#[tokio::test]
async fn every_kind_of_item_is_shown() {
    let unpacked = &Unpacked::spotify();
    let check = async |playback: Playback, words: &str, like: &str| {
        let mut stage = start_with(unpacked, playback).await;
        let (now, text) = (key("playing-now", "now"), key("now-playing-text", "text"));
        place(&mut stage.host, now, json!({})).await;
        place(&mut stage.host, text, json!({})).await;
        stage.host.wait_until_shows(now, words).await;
        if !words.is_empty() {
            let (_, title) = words.split_once(": ").unwrap_or(("", words));
            stage.host.wait_until_shows(text, title.split(" – ").next().unwrap_or_default()).await;
        }
        // A key whose item can't be liked shows that, and no request is sent that Spotify would refuse.
        let heart = key("like", "heart");
        place(&mut stage.host, heart, json!({})).await;
        stage.host.wait_until_shows(heart, "Like").await;
        stage.spotify.clear_requests();
        stage.host.press(heart).await;
        stage.host.wait_until_shows(heart, like).await;
        receive_for_quiet_time(&mut stage).await;
        let refused: Vec<_> = stage
            .spotify
            .requests()
            .iter()
            .filter(|one| one.status().is_some_and(|it| it >= 400))
            .map(command)
            .collect();
        assert_eq!(refused, [""; 0], "{words}");
    };
    tokio::join!(
        check(Playback::advertisement(), "Playing: Advertisement", "Nothing is playing"),
        check(Playback::private_session(), "Playing: Über den Dächern – Lumen Föhr", "Liked"),
        check(Playback::episode(), "Playing: Episode 42: What the Keys Are For – Key Matters", "Liked"),
        check(Playback::local_file(), "Playing: Demo (Kassette) – Kellerband", "Local file"),
        check(Playback::unknown(), "Playing: Unknown title", "Nothing is playing"),
    );
}

#[tokio::test]
async fn keys_show_when_nothing_plays() {
    let unpacked = &Unpacked::spotify();
    let mut stage = start_with(unpacked, Playback::idle()).await;
    let shown = [("playing-now", "1"), ("now-playing-text", "2"), ("up-next", "3")].map(|(w, c)| key(w, c));
    for instance in shown {
        place(&mut stage.host, instance, json!({})).await;
        stage.host.wait_until_shows(instance, "Nothing is playing").await;
    }
    let pressed = ["seek", "restart", "like", "remove-from-playlist", "add-to-queue", "sleep-timer"]
        .map(|widget| key(widget, widget));
    for instance in pressed {
        place(&mut stage.host, instance, json!({})).await;
        stage.host.wait_until_shows(instance, "").await;
    }
    stage.spotify.clear_requests();
    for instance in pressed {
        stage.host.press(instance).await;
        stage.host.wait_until_shows(instance, "Nothing is playing").await;
    }
    assert_eq!(commands(&stage.spotify), [""; 0], "nothing is sent");
}

#[tokio::test]
async fn layouts_are_drawn_in_their_size() {
    let unpacked = &Unpacked::spotify();
    let mut stage = start_with(unpacked, Playback::default()).await;
    let (cover, list, text): (&[_], &[_], &[_]) = (
        &[(3, 2), (2, 2), (3, 1), (1, 1), (4, 3), (5, 4)],
        &[(1, 1), (2, 2), (3, 2)],
        &[(1, 1), (2, 1), (3, 1), (4, 1), (5, 1)],
    );
    for (widget, layouts) in
        [("playing-now", cover), ("up-next", list), ("now-playing-text", text), ("like", &[(1, 1)])]
    {
        for (index, (columns, rows)) in layouts.iter().enumerate() {
            let instance = key(widget, Box::leak(format!("{widget}-{index}").into_boxed_str()));
            place(&mut stage.host, instance, json!({"layout": index})).await;
            let png = stage.host.wait_until_shows(instance, "").await;
            assert_eq!(&png[..8], b"\x89PNG\r\n\x1a\n", "{widget}");
            let number = |at: usize| u32::from_be_bytes(png[at..at + 4].try_into().expect("four bytes"));
            // The vendor's cells: 150 x 108 pixels, 8 apart.
            let pixels = (columns * 158 - 8, if *rows == 1 { 108 } else { rows * 116 - 8 });
            assert_eq!((number(16), number(20)), pixels, "{widget} {columns} x {rows}");
        }
    }
}

// ---- Gestures ------------------------------------------------------------------------------------------------------

#[tokio::test]
async fn long_and_double_presses_run_the_chosen_gesture() {
    let unpacked = &Unpacked::spotify();
    let mut stage = start_with(unpacked, Playback::default()).await;
    let (long, double, open) = (key("play-pause", "long"), key("mute", "double"), key("playing-now", "open"));
    place(&mut stage.host, long, json!({"longPress": "next"})).await;
    place(&mut stage.host, double, json!({"doublePress": "like"})).await;
    place(&mut stage.host, open, json!({"longPress": "open", "doublePress": "mute"})).await;
    stage.host.wait_until_shows(long, "Pause").await;
    stage.host.wait_until_shows(double, "Mute").await;

    stage.spotify.clear_requests();
    press_down(&mut stage.host, long).await;
    assert_eq!(wait_for_commands(&mut stage, 1).await, ["POST player/next"], "before the release");
    release(&mut stage.host, long).await;
    receive_for_quiet_time(&mut stage).await;
    assert_eq!(commands(&stage.spotify), [""; 0], "a long press is no press");
    assert_eq!(press(&mut stage, long).await, "PUT player/pause", "a short press");

    stage.host.press(double).await;
    stage.host.press(double).await;
    assert_eq!(wait_for_commands(&mut stage, 1).await, [format!("PUT library uris={}", track_uri(2))]);
    assert_eq!(press(&mut stage, double).await, "PUT player/volume volume_percent=0", "a single press");
    stage.host.press(open).await;
    stage.host.press(open).await;
    assert_eq!(wait_for_commands(&mut stage, 1).await, ["PUT player/volume volume_percent=65"]);

    press_down(&mut stage.host, open).await;
    let url = stage.host.wait_for_message("the track is opened", |message| match message {
        ToHost::OpenUrl { url } => Some(url.clone()),
        _ => None,
    });
    let url = url.await;
    assert_eq!(
        Some(url.as_str()),
        track_uri(2).rsplit(':').next().map(|id| format!("https://open.spotify.com/track/{id}")).as_deref()
    );
    release(&mut stage.host, open).await;

    // The key that was held shows why its long press failed.
    stage.spotify.change_playback(Change::advertisement()).unwrap();
    stage.host.wait_until_shows(open, "Advertisement").await;
    press_down(&mut stage.host, long).await;
    stage.host.wait_until_shows(long, "Not during an ad").await;
    release(&mut stage.host, long).await;
}

// ---- Requests ------------------------------------------------------------------------------------------------------

#[tokio::test]
async fn requests_do_not_depend_on_the_number_of_keys() {
    let unpacked = &Unpacked::spotify();
    const WIDGETS: [&str; 10] = [
        "play-pause",
        "next",
        "volume-up",
        "shuffle",
        "playing-now",
        "like",
        "up-next",
        "device",
        "now-playing-text",
        "seek",
    ];
    let requested_paths = async |instances: usize| {
        let mut stage = start_with(unpacked, Playback::default()).await;
        stage.spotify.clear_requests();
        for index in 0..instances {
            // The first one is the like key, which also reads the library.
            let widget = WIDGETS[(index + 5) % WIDGETS.len()];
            let message = json!({
                "event": "widgetWillAppear", "widget": format!("com.spotify-widgets.{widget}"),
                "context": format!("c-{index}"), "payload": {"state": 0, "settings": {}},
            });
            stage.host.send_frame(message.to_string().into()).await;
        }
        let Stage { spotify, host, .. } = &mut stage;
        let last = if instances > 1 { "/v1/me/player/queue" } else { "/v1/me/library/contains" };
        let read = host.receive_while(spotify.wait_for_request("GET", last, TIMEOUT)).await;
        assert!(read.is_ok(), "{last} is read");
        receive_for_quiet_time(&mut stage).await;
        let requests = stage.spotify.requests();
        // Without covers, and without later polls: drawing this many keys takes some time.
        let first = requests.first().map_or(0, |one| one.time_ms);
        let early = requests.iter().filter(|one| one.path != "/v1/me/player" || one.time_ms < first + 3_000);
        let mut paths: Vec<_> = early.map(|one| one.path.clone()).filter(|path| path.starts_with("/v1/")).collect();
        paths.sort();
        paths
    };
    let all = ["/v1/me/library/contains", "/v1/me/player", "/v1/me/player/devices", "/v1/me/player/queue"];
    let [one, ten, twenty, many]: [Vec<String>; 4] =
        join_all([1, 10, 20, 200].map(requested_paths)).await.try_into().expect("four");
    assert_eq!(one, all[..2]);
    assert_eq!(ten, all);
    assert_eq!(twenty, all);
    assert_eq!(many, all);
}
