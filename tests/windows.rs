//! Tests of the Windows build, run by Wine, against the same simulated Spotify and hosts as elsewhere, which run on this
//! system. The results hold for Wine; the build hasn't been tested on a real Windows.
//!
//! The tests are ignored by default: `cargo xtask test` builds for Windows first, and runs them if Wine is installed.

#![cfg(target_os = "linux")]

use std::time::{Duration, Instant};

use acceptance::{
    DeckHome, DeckProcess, FakeHost, Instance, Launch, PACKAGE, REGISTER, TIMEOUT, Unpacked, clock_library,
    processes_with, spawn, windows_bundle, windows_clock_bundle,
};
use spotify_sim::{Config, DEMO_CLIENT_SECRET, Sim};

const PLAY: Instance = Instance { widget: "play-pause", context: "c-play" };
const PLAY_KEY: &str = "com.spotify-widgets.play-pause";
const UNLINKED: &str = "Link Spotify in Settings";

async fn start_spotify() -> Sim {
    Sim::start(Config::default()).await.unwrap()
}

/// Checks that the package registers, shows what to do, can be linked, and sends a press.
async fn check_package(host: &mut FakeHost, spotify: &Sim) {
    host.wait_for_registration().await;
    host.place(PLAY).await;
    let picture = host.wait_until_shows(PLAY, UNLINKED).await;
    assert_eq!(&picture[..8], b"\x89PNG\r\n\x1a\n");
    host.link(spotify).await;
    host.wait_until_shows(PLAY, "Pause").await;
    host.press(PLAY).await;
    host.wait_until_shows(PLAY, "Play").await;
    spotify.wait_for_request("PUT", "/v1/me/player/pause", TIMEOUT).await.expect("the press arrives");
}

#[tokio::test]
#[ignore = "needs the Windows build and Wine: cargo xtask test"]
async fn package_registers_signs_in_and_sends_presses() {
    let (spotify, mut host) = (start_spotify().await, FakeHost::start().await);
    let unpacked = Unpacked::on_windows(windows_bundle(), "packages");
    let _package = unpacked.start(&host, &spotify);
    check_package(&mut host, &spotify).await;
}

#[test]
#[ignore = "needs the Windows build and Wine: cargo xtask test"]
fn bundle_passes_the_inspection() {
    let parts = xtask::inspect::bundle(windows_bundle()).unwrap();
    assert_eq!(parts.iter().map(|part| part.platform.as_str()).collect::<Vec<_>>(), ["win"]);
}

#[tokio::test]
#[ignore = "needs the Windows build and Wine: cargo xtask test"]
async fn package_runs_below_long_and_non_ascii_paths() {
    let long = ["long"; 50].join(" ");
    for name in ["Jörg Müller 名前 🎧/packages".to_owned(), format!("{long}/{long}/packages")] {
        let (spotify, mut host) = (start_spotify().await, FakeHost::start().await);
        let unpacked = Unpacked::on_windows(windows_bundle(), &name);
        let _package = unpacked.start(&host, &spotify);
        check_package(&mut host, &spotify).await;
    }
}

#[tokio::test]
#[ignore = "needs the Windows build and Wine: cargo xtask test"]
async fn library_of_either_optimisation_level_runs() {
    for profile in ["debug", "release"] {
        let mut host = FakeHost::start().await;
        let unpacked = Unpacked::on_windows(windows_clock_bundle(), "packages");
        std::fs::copy(clock_library(true, profile), unpacked.package().join("clock.dll")).unwrap();
        let _package = spawn(&mut unpacked.command(host.port(), PACKAGE, REGISTER));
        host.wait_for_registration().await;
    }
}

/// Places a key, links Spotify, presses the key until Spotify receives it, and returns the key's context.
async fn place_link_and_press(deck: &DeckProcess, spotify: &Sim) -> String {
    let key = deck.place(PLAY_KEY, 0, 0).await;
    deck.wait_until_shows(&key, UNLINKED).await;
    deck.link(spotify).await;
    deck.wait_until_shows(&key, "Pause").await;
    deck.press(&key).await;
    spotify.wait_for_request("PUT", "/v1/me/player/pause", TIMEOUT).await.expect("the press arrives");
    deck.wait_until_shows(&key, "Play").await;
    key
}

#[tokio::test]
#[ignore = "needs the Windows build and Wine: cargo xtask test"]
async fn sign_in_survives_a_restart_in_the_credential_store() {
    let spotify = start_spotify().await;
    let home = DeckHome::on_windows();
    let keyring = Launch { environment: &[("SPOTIFY_WIDGETS_STORE", "keyring")], ..Launch::default() };
    let mut deck = home.launch(&spotify, Launch { bundles: &[windows_bundle()], ..keyring }).await;
    let key = place_link_and_press(&deck, &spotify).await;
    deck.kill().await;

    spotify.clear_requests();
    let mut deck = home.launch(&spotify, keyring).await;
    deck.wait_until_shows(&key, "Play").await;
    deck.press(&key).await;
    spotify.wait_for_request("PUT", "/v1/me/player/play", TIMEOUT).await.expect("the press arrives");
    let sign_ins = spotify.requests().into_iter().filter(|request| request.path.contains("authorize")).count();
    assert_eq!(sign_ins, 0, "no second sign-in");
    deck.kill().await;
    let registry = home.into_registry();
    assert!(registry.contains("spotify-widgets"), "it is in the credential store");
    assert!(!registry.contains(DEMO_CLIENT_SECRET), "it isn't stored in clear text");
}

#[tokio::test]
#[ignore = "needs the Windows build and Wine: cargo xtask test"]
async fn package_runs_in_the_hosts_process() {
    let spotify = start_spotify().await;
    let home = DeckHome::on_windows();
    let launch = Launch { bundles: &[windows_bundle()], in_process: true, ..Launch::default() };
    let deck = home.launch(&spotify, launch).await;
    place_link_and_press(&deck, &spotify).await;
    assert_eq!(runners(&home), Vec::<u32>::new(), "it has no process");
}

/// Returns the processes of the packages.
fn runners(home: &DeckHome) -> Vec<u32> {
    let folder = home.folder().file_name().unwrap().to_str().unwrap();
    let of_this_test = processes_with(folder);
    processes_with("package-runner.exe").into_iter().filter(|pid| of_this_test.contains(pid)).collect()
}

#[tokio::test]
#[ignore = "needs the Windows build and Wine: cargo xtask test"]
async fn package_ends_within_3_s_of_a_killed_host() {
    let spotify = start_spotify().await;
    let home = DeckHome::on_windows();
    let mut deck = home.launch(&spotify, Launch { bundles: &[windows_bundle()], ..Launch::default() }).await;
    let key = deck.place(PLAY_KEY, 0, 0).await;
    deck.wait_until_shows(&key, UNLINKED).await;
    assert_eq!(runners(&home).len(), 1);
    deck.kill().await;
    let killed = Instant::now();
    while !runners(&home).is_empty() {
        assert!(killed.elapsed() < Duration::from_secs(3), "it outlives its host");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test]
#[ignore = "needs the Windows build and Wine: cargo xtask test"]
async fn update_succeeds_while_old_processes_use_the_files() {
    let spotify = start_spotify().await;
    let home = DeckHome::on_windows();
    let deck = home.launch(&spotify, Launch { bundles: &[windows_bundle()], ..Launch::default() }).await;
    let key = place_link_and_press(&deck, &spotify).await;
    let first = runners(&home);

    // A package of another host, which keeps running: it has the same files open and its working directory there.
    let mut other_host = FakeHost::start().await;
    let folder = home.data().join("packages").join(PACKAGE);
    let mut command = home.wine().command(&folder.join("package-runner.exe"));
    command.current_dir(&folder).args(["-port", &other_host.port().to_string(), "-packageUUID", PACKAGE]);
    command.args(["-registerEvent", REGISTER, "-info", "{}"]).env("SPOTIFY_WIDGETS_STORE", "memory").kill_on_drop(true);
    let mut other = spawn(&mut command);
    other_host.wait_for_registration().await;

    std::fs::write(folder.join("left-over.txt"), "of the old version").unwrap();
    deck.install(windows_bundle()).await;
    deck.wait_until_shows(&key, "Play").await;
    deck.press(&key).await;
    spotify.wait_for_request("PUT", "/v1/me/player/play", TIMEOUT).await.expect("the new package sends the press");
    let now = runners(&home);
    assert!(first.iter().all(|old| !now.contains(old)), "the old one has ended");
    assert!(!folder.join("left-over.txt").exists(), "the old version's files are gone");
    assert!(folder.join("PackageConfig.json").is_file() && folder.join("spotify_plugin.dll").is_file());
    assert!(other.try_wait().unwrap().is_none(), "the other host's package still runs");
}
