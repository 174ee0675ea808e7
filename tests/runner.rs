//! The bundle, unpacked anywhere, run by its own runner against a host that is nothing but a socket.

use std::process::Stdio;

use acceptance::{FakeHost, Instance, SOON, Unpacked};
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

/// A simulated Spotify, a host, and the package that runs in between.
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
        host.registered().await;
        Self { spotify, unpacked, host, package }
    }

    async fn linked() -> Self {
        let mut world = Self::start().await;
        world.host.link(&world.spotify).await;
        world
    }
}

/// PNG files say their size in their header.
fn png_size(png: &[u8]) -> (u32, u32) {
    assert_eq!(&png[..8], b"\x89PNG\r\n\x1a\n");
    let number = |at: usize| u32::from_be_bytes(png[at..at + 4].try_into().unwrap());
    (number(16), number(20))
}

#[tokio::test]
async fn from_nothing_to_a_press_that_spotify_hears() {
    let mut world = World::start().await;
    let World { spotify, host, .. } = &mut world;

    // Before linking the keys say what to do, and a press opens the settings.
    host.appear(PLAY).await;
    host.appear_as(NOW, json!({"layout": {"index": 1, "width": 2, "height": 2}})).await;
    assert_eq!(png_size(&host.shows(PLAY, "Link Spotify in Settings").await), (150, 108));
    assert_eq!(png_size(&host.shows(NOW, "Link Spotify in Settings").await), (308, 224));
    host.press(PLAY).await;
    let opened =
        |message: &ToHost| matches!(message, ToHost::OpenSettings { context } if context == "com.spotify-widgets");
    host.hear_until("the settings page is asked for", |message| opened(message).then_some(())).await;

    host.page_says(json!({"command": "getAccounts"})).await;
    let redirect = host.page_hears("the accounts", |event| {
        (event["event"] == "accounts").then(|| event["redirectUri"].as_str().unwrap().to_owned())
    });
    assert_eq!(redirect.await, "http://127.0.0.1/callback");

    // A wrong secret is said at its field, before any browser opens, and isn't kept.
    host.page_says(
        json!({"command": "saveAccount", "clientId": DEMO_CLIENT_ID, "clientSecret": "wrong", "redirect": "loopback"}),
    )
    .await;
    let error = host.page_hears("an error", |event| (event["event"] == "error").then(|| event.clone())).await;
    assert_eq!((&error["command"], &error["field"]), (&json!("saveAccount"), &json!("clientSecret")));
    assert!(!error["message"].as_str().unwrap().is_empty());

    let account = host.link(spotify).await;
    assert_eq!((&account["clientId"], &account["active"]), (&json!(DEMO_CLIENT_ID), &json!(true)));
    let account = host
        .page_hears("whose account it is", |event| {
            let account = event["accounts"].get(0)?;
            account["user"].is_string().then(|| account.clone())
        })
        .await;
    assert!(!account.to_string().contains(DEMO_CLIENT_SECRET), "the secret never goes back to the page");

    host.shows(NOW, "Playing: ").await;
    host.press(PLAY).await;
    host.shows(PLAY, "Play").await;
    spotify.wait_for_request("PUT", "/v1/me/player/pause", SOON).await.expect("the press arrives");
    assert!(!spotify.playback().is_playing);
    host.press(PLAY).await;
    spotify.wait_for_request("PUT", "/v1/me/player/play", SOON).await.expect("the second press arrives");
    assert!(spotify.playback().is_playing);
    let pauses = spotify.requests().iter().filter(|request| request.path == "/v1/me/player/pause").count();
    assert_eq!(pauses, 1, "down, up and triggered are one press");
}

#[tokio::test]
async fn a_restart_loses_nothing_and_nobody_signs_in_twice() {
    let mut world = World::linked().await;
    let World { spotify, unpacked, host, package } = &mut world;
    package.kill().await.unwrap();

    spotify.clear_requests();
    let _package = unpacked.start(host, spotify);
    host.registered().await;
    host.appear(PLAY).await;
    host.shows(PLAY, "Pause").await;
    host.page_says(json!({"command": "getAccounts"})).await;
    host.account_is("linked").await;
    let asked: Vec<_> =
        spotify.requests().iter().filter(|request| request.path.contains("authorize")).cloned().collect();
    assert!(asked.is_empty(), "no second sign-in: {asked:?}");
}

#[tokio::test]
async fn a_refused_press_says_why_and_the_key_goes_back_to_the_truth() {
    let mut world = World::linked().await;
    let World { spotify, host, .. } = &mut world;
    host.appear(PLAY).await;
    host.shows(PLAY, "Pause").await;
    spotify.inject(Fault::premium_required().on("PUT", "/v1/me/player/pause").times(1));
    host.press(PLAY).await;
    host.shows(PLAY, "Premium").await;
    host.shows(PLAY, "Pause").await;
    assert!(spotify.playback().is_playing);
}

#[tokio::test]
async fn volume_presses_end_at_the_exact_value() {
    let mut world = World::linked().await;
    let World { spotify, host, .. } = &mut world;
    host.appear_as(VOLUME, json!({"settings": {"step": 3}})).await;
    host.shows(VOLUME, "%").await;
    let volume = |playback: &Playback| playback.active().and_then(|device| device.volume_percent);
    let before = volume(&spotify.playback()).expect("the simulated device has a volume");
    for _ in 0..7 {
        host.press(VOLUME).await;
    }
    let expected = (before + 21).min(100);
    host.shows(VOLUME, &format!("{expected} %")).await;
    spotify
        .wait_for(SOON, move |_, playback| volume(playback) == Some(expected))
        .await
        .expect("the last value arrives");
}

#[tokio::test]
async fn a_socket_that_drops_is_reconnected_and_odd_frames_change_nothing() {
    let mut world = World::start().await;
    let World { host, package, .. } = &mut world;
    host.say_frame(Message::text("garbage")).await;
    host.say_frame(Message::binary(vec![0xff; 64])).await;
    host.say_frame(Message::text(json!({"event": "fromTheFuture", "x": "y".repeat(10 << 20)}).to_string())).await;
    host.say(FromHost::ActionDown { widget: "no.such".into(), context: "no.such".into(), state: Some(9) }).await;
    host.page_says(json!({"command": "dance"})).await;
    host.page_hears("an answer to an unknown command", |event| (event["event"] == "error").then_some(())).await;
    for _ in 0..2 {
        host.drop_socket();
        host.registered().await;
        host.appear(PLAY).await;
        host.shows(PLAY, "Link Spotify in Settings").await;
    }
    assert_eq!(package.try_wait().unwrap(), None, "still the same process");
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn a_library_of_another_optimisation_level_runs() {
    let unpacked = Unpacked::of(clock_bundle());
    std::fs::copy(clock_library(false, "release"), unpacked.package().join("libclock.so")).unwrap();
    let mut host = FakeHost::start().await;
    let _package = acceptance::spawn(&mut unpacked.command(host.port(), PACKAGE, REGISTER));
    host.registered().await;
}

#[cfg(unix)]
#[tokio::test]
async fn the_package_is_gone_within_3_s_of_its_host() {
    use std::time::{Duration, Instant};
    use tokio::io::AsyncReadExt as _;

    // A host process that starts the package, says its process id, and is then killed with no chance to clean up.
    let unpacked = Unpacked::spotify();
    let spotify = Sim::start(Config::default()).await.unwrap();
    let mut socket = FakeHost::start().await;
    let mut host =
        acceptance::wrapped(&["sh", "-c", "\"$@\" & echo $!; wait", "host"], &unpacked.command_for(&socket, &spotify));
    let mut host = host.stdout(Stdio::piped()).spawn().unwrap();
    let mut said = [0; 32];
    let length = host.stdout.as_mut().unwrap().read(&mut said).await.unwrap();
    let package: u32 = std::str::from_utf8(&said[..length]).unwrap().trim().parse().unwrap();
    socket.registered().await;
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
async fn each_way_to_fail_has_its_exit_code_and_one_line() {
    let unpacked = Unpacked::spotify();
    let run = async |prepare: &dyn Fn(), args: &[&str]| {
        prepare();
        let output = tokio::process::Command::new(unpacked.package().join("package-runner"))
            .args(args)
            .stdin(Stdio::null())
            .output()
            .await
            .unwrap();
        let said = String::from_utf8(output.stderr).unwrap();
        assert!(said.starts_with("package-runner: ") && said.trim_end().lines().count() == 1, "{said:?}");
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
