//! Tests of the unpacked bundle with its own runner, against a fake host on a plain socket.

use std::process::Stdio;

use acceptance::{FakeHost, Instance, TIMEOUT, Unpacked};
#[cfg(target_os = "linux")]
use acceptance::{PACKAGE, REGISTER, clock_bundle, clock_library};
use host_sdk::protocol::{FromHost, ToHost};
use serde_json::json;
use spotify_sim::{Config, DEMO_CLIENT_ID, DEMO_CLIENT_SECRET, Fault, Playback, Sim};
use tokio::process::Child;
use tokio_tungstenite::tungstenite::Message;

const PLAY: Instance = Instance { widget: "play-pause", context: "c-play" };
const NOW: Instance = Instance { widget: "playing-now", context: "c-now" };
const VOLUME: Instance = Instance { widget: "volume-up", context: "c-volume" };

/// A simulated Spotify, a host, and the running package.
struct World {
    spotify: Sim,
    unpacked: Unpacked,
    host: FakeHost,
    package: Child,
}

impl World {
    async fn start() -> Self {
        let spotify = Sim::start(Config::default()).await.unwrap();
        let unpacked = Unpacked::spotify();
        let mut host = FakeHost::start().await;
        let package = unpacked.start(&host, &spotify);
        host.wait_for_registration().await;
        Self { spotify, unpacked, host, package }
    }

    async fn linked() -> Self {
        let mut world = Self::start().await;
        world.host.link(&world.spotify).await;
        world
    }
}

/// Reads a PNG's size from its header.
fn png_size(png: &[u8]) -> (u32, u32) {
    assert_eq!(&png[..8], b"\x89PNG\r\n\x1a\n");
    let number = |at: usize| u32::from_be_bytes(png[at..at + 4].try_into().unwrap());
    (number(16), number(20))
}

#[tokio::test]
async fn unlinked_keys_show_what_to_do_and_open_the_settings() {
    let mut world = World::start().await;
    let World { host, .. } = &mut world;
    host.place(PLAY).await;
    host.place_with(NOW, json!({"layout": {"index": 1, "width": 2, "height": 2}})).await;
    assert_eq!(png_size(&host.wait_until_shows(PLAY, "Link Spotify in Settings").await), (150, 108));
    assert_eq!(png_size(&host.wait_until_shows(NOW, "Link Spotify in Settings").await), (308, 224));
    host.press(PLAY).await;
    let opened =
        |message: &ToHost| matches!(message, ToHost::OpenSettings { context } if context == "com.spotify-widgets");
    host.wait_for_message("the settings page is opened", |message| opened(message).then_some(())).await;
}

#[tokio::test]
async fn settings_page_receives_the_redirect_uri() {
    let mut world = World::start().await;
    let World { host, .. } = &mut world;
    host.send_from_page(json!({"command": "getAccounts"})).await;
    let redirect = host.wait_for_page_message("the accounts", |event| {
        (event["event"] == "accounts").then(|| event["redirectUri"].as_str().unwrap().to_owned())
    });
    assert_eq!(redirect.await, "http://127.0.0.1/callback");
}

#[tokio::test]
async fn wrong_secret_is_an_error_at_its_field() {
    let mut world = World::start().await;
    let World { host, .. } = &mut world;
    host.send_from_page(
        json!({"command": "saveAccount", "clientId": DEMO_CLIENT_ID, "clientSecret": "wrong", "redirect": "loopback"}),
    )
    .await;
    let error =
        host.wait_for_page_message("an error", |event| (event["event"] == "error").then(|| event.clone())).await;
    assert_eq!((&error["command"], &error["field"]), (&json!("saveAccount"), &json!("clientSecret")));
    assert!(!error["message"].as_str().unwrap().is_empty());
}

#[tokio::test]
async fn linked_account_is_shown_without_its_secret() {
    let mut world = World::start().await;
    let World { spotify, host, .. } = &mut world;
    let account = host.link(spotify).await;
    assert_eq!((&account["clientId"], &account["active"]), (&json!(DEMO_CLIENT_ID), &json!(true)));
    let account = host
        .wait_for_page_message("whose account it is", |event| {
            let account = event["accounts"].get(0)?;
            account["user"].is_string().then(|| account.clone())
        })
        .await;
    assert!(!account.to_string().contains(DEMO_CLIENT_SECRET), "the secret never returns to the page");
}

#[tokio::test]
async fn each_press_is_sent_to_spotify_once() {
    let mut world = World::linked().await;
    let World { spotify, host, .. } = &mut world;
    host.place(PLAY).await;
    host.place_with(NOW, json!({"layout": {"index": 1, "width": 2, "height": 2}})).await;
    host.wait_until_shows(NOW, "Playing: ").await;
    host.wait_until_shows(PLAY, "Pause").await;
    host.press(PLAY).await;
    host.wait_until_shows(PLAY, "Play").await;
    spotify.wait_for_request("PUT", "/v1/me/player/pause", TIMEOUT).await.expect("the press arrives");
    assert!(!spotify.playback().is_playing);
    host.press(PLAY).await;
    spotify.wait_for_request("PUT", "/v1/me/player/play", TIMEOUT).await.expect("the second press arrives");
    assert!(spotify.playback().is_playing);
    let pauses = spotify.requests().iter().filter(|request| request.path == "/v1/me/player/pause").count();
    assert_eq!(pauses, 1, "down, up and triggered are one press");
}

#[tokio::test]
async fn restart_keeps_the_sign_in() {
    let mut world = World::linked().await;
    let World { spotify, unpacked, host, package } = &mut world;
    package.kill().await.unwrap();

    spotify.clear_requests();
    let _package = unpacked.start(host, spotify);
    host.wait_for_registration().await;
    host.place(PLAY).await;
    host.wait_until_shows(PLAY, "Pause").await;
    host.send_from_page(json!({"command": "getAccounts"})).await;
    host.wait_for_account_state("linked").await;
    let sign_ins: Vec<_> =
        spotify.requests().iter().filter(|request| request.path.contains("authorize")).cloned().collect();
    assert!(sign_ins.is_empty(), "no second sign-in: {sign_ins:?}");
}

#[tokio::test]
async fn refused_press_shows_the_reason_then_the_real_state() {
    let mut world = World::linked().await;
    let World { spotify, host, .. } = &mut world;
    host.place(PLAY).await;
    host.wait_until_shows(PLAY, "Pause").await;
    spotify.inject(Fault::premium_required().on("PUT", "/v1/me/player/pause").times(1));
    host.press(PLAY).await;
    host.wait_until_shows(PLAY, "Premium").await;
    host.wait_until_shows(PLAY, "Pause").await;
    assert!(spotify.playback().is_playing);
}

#[tokio::test]
async fn volume_presses_end_at_the_exact_value() {
    let mut world = World::linked().await;
    let World { spotify, host, .. } = &mut world;
    host.place_with(VOLUME, json!({"settings": {"step": 3}})).await;
    host.wait_until_shows(VOLUME, "%").await;
    let volume = |playback: &Playback| playback.active().and_then(|device| device.volume_percent);
    let before = volume(&spotify.playback()).expect("the simulated device has a volume");
    for _ in 0..7 {
        host.press(VOLUME).await;
    }
    let expected = (before + 21).min(100);
    host.wait_until_shows(VOLUME, &format!("{expected} %")).await;
    spotify
        .wait_for(TIMEOUT, move |_, playback| volume(playback) == Some(expected))
        .await
        .expect("the last value arrives");
}

#[tokio::test]
async fn invalid_frames_are_ignored() {
    let mut world = World::start().await;
    let World { host, package, .. } = &mut world;
    host.send_frame(Message::text("garbage")).await;
    host.send_frame(Message::binary(vec![0xff; 64])).await;
    host.send_frame(Message::text(json!({"event": "fromTheFuture", "x": "y".repeat(10 << 20)}).to_string())).await;
    host.send(FromHost::ActionDown { widget: "no.such".into(), context: "no.such".into(), state: Some(9) }).await;
    host.send_from_page(json!({"command": "dance"})).await;
    host.wait_for_page_message("an answer to an unknown command", |event| (event["event"] == "error").then_some(()))
        .await;
    assert_eq!(package.try_wait().unwrap(), None, "still the same process");
}

#[tokio::test]
async fn dropped_socket_is_reconnected() {
    let mut world = World::start().await;
    let World { host, package, .. } = &mut world;
    for _ in 0..2 {
        host.drop_socket();
        host.wait_for_registration().await;
        host.place(PLAY).await;
        host.wait_until_shows(PLAY, "Link Spotify in Settings").await;
    }
    assert_eq!(package.try_wait().unwrap(), None, "still the same process");
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn library_of_another_optimisation_level_runs() {
    let unpacked = Unpacked::from_bundle(clock_bundle());
    std::fs::copy(clock_library(false, "release"), unpacked.package().join("libclock.so")).unwrap();
    let mut host = FakeHost::start().await;
    let _package = acceptance::spawn(&mut unpacked.command(host.port(), PACKAGE, REGISTER));
    host.wait_for_registration().await;
}

#[cfg(unix)]
#[tokio::test]
async fn package_ends_within_3_s_of_its_host() {
    use std::time::{Duration, Instant};
    use tokio::io::AsyncReadExt as _;

    // A host process that starts the package, prints its process id, and is then killed.
    let unpacked = Unpacked::spotify();
    let spotify = Sim::start(Config::default()).await.unwrap();
    let mut socket = FakeHost::start().await;
    let mut host =
        acceptance::wrapped(&["sh", "-c", "\"$@\" & echo $!; wait", "host"], &unpacked.command_for(&socket, &spotify));
    let mut host = host.stdout(Stdio::piped()).spawn().unwrap();
    let mut line = [0; 32];
    let length = host.stdout.as_mut().unwrap().read(&mut line).await.unwrap();
    let package: u32 = std::str::from_utf8(&line[..length]).unwrap().trim().parse().unwrap();
    socket.wait_for_registration().await;
    let alive = || std::path::Path::new(&format!("/proc/{package}/exe")).exists();
    assert!(alive());
    host.kill().await.unwrap();
    let killed = Instant::now();
    while alive() {
        assert!(killed.elapsed() < Duration::from_secs(3), "it outlives its host");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test]
async fn failures_have_their_exit_code_and_one_line() {
    let unpacked = Unpacked::spotify();
    let run = async |prepare: &dyn Fn(), args: &[&str]| {
        prepare();
        let output = tokio::process::Command::new(unpacked.package().join("package-runner"))
            .args(args)
            .stdin(Stdio::null())
            .output()
            .await
            .unwrap();
        let stderr = String::from_utf8(output.stderr).unwrap();
        assert!(stderr.starts_with("package-runner: ") && stderr.trim_end().lines().count() == 1, "{stderr:?}");
        output.status.code()
    };
    let good = ["-port", "1", "-packageUUID", "u", "-registerEvent", "e", "-info", "{}"];
    let library = unpacked.package().join(format!(
        "{}spotify_plugin{}",
        std::env::consts::DLL_PREFIX,
        std::env::consts::DLL_SUFFIX
    ));
    let config = unpacked.package().join("PackageConfig.json");
    assert_eq!(run(&|| (), &[]).await, Some(2));
    assert_eq!(run(&|| (), &["-port", "x", "-packageUUID", "u", "-registerEvent", "e"]).await, Some(2));
    assert_eq!(run(&|| std::fs::write(&library, "text").unwrap(), &good).await, Some(4));
    assert_eq!(run(&|| std::fs::remove_file(&library).unwrap(), &good).await, Some(4));
    assert_eq!(run(&|| std::fs::write(&config, "{").unwrap(), &good).await, Some(3));
    assert_eq!(run(&|| std::fs::remove_file(&config).unwrap(), &good).await, Some(3));
}
