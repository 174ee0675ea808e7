//! Where secrets are kept: a real Secret Service, and a computer without one.

#![cfg(target_os = "linux")]

use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use acceptance::{FakeHost, Unpacked, wrapped};
use serde_json::json;
use spotify_sim::{Config, DEMO_CLIENT_SECRET, Sim};
use tokio::process::Child;

/// A session bus with a keyring on it that is unlocked by a password, as at a log-in; then the package.
const SESSION: [&str; 5] = [
    "dbus-run-session",
    "--",
    "sh",
    "-c",
    "printf password | gnome-keyring-daemon --unlock --components=secrets >/dev/null 2>&1; exec \"$@\"",
];

/// A session with everything that runs in it: bus, keyring and package go together.
struct Session(Child);

impl Drop for Session {
    fn drop(&mut self) {
        if let Some(leader) = self.0.id() {
            let _ = Command::new("kill").args(["-KILL", "--", &format!("-{leader}")]).status();
        }
    }
}

fn files(folder: &Path, all: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap().flatten() {
        let path = entry.path();
        if path.is_dir() { files(&path, all) } else { all.push(path) }
    }
}

fn holds(path: &Path, text: &str) -> bool {
    std::fs::read(path).unwrap_or_default().windows(text.len()).any(|window| window == text.as_bytes())
}

#[tokio::test]
async fn the_secret_service_keeps_the_sign_in_and_no_file_has_it_in_clear() {
    let spotify = Sim::start(Config::default()).await.unwrap();
    let unpacked = Unpacked::spotify();
    let mut host = FakeHost::start().await;
    let start = |host: &FakeHost| {
        let mut package = unpacked.command_for(host, &spotify);
        package.env("SPOTIFY_WIDGETS_STORE", "keyring");
        let mut wrapper = SESSION.to_vec();
        wrapper.push("session");
        let session = wrapped(&wrapper, &package).process_group(0).spawn();
        Session(session.expect("a session bus; `cargo xtask test` installs it"))
    };
    let session = start(&host);
    host.registered().await;
    host.page_says(json!({"command": "getAccounts"})).await;
    let kind = host.page_hears("where secrets are kept", |event| event["store"]["kind"].as_str().map(str::to_owned));
    assert_eq!(kind.await, "keyring");
    host.link(&spotify).await;
    drop(session);

    let _session = start(&host);
    host.registered().await;
    host.page_says(json!({"command": "getAccounts"})).await;
    host.account_is("linked").await;

    let mut all = Vec::new();
    files(unpacked.folder(), &mut all);
    assert!(
        all.iter().any(|path| path.extension().is_some_and(|end| end == "keyring")),
        "a keyring was written: {all:?}"
    );
    let tokens = spotify.issued_tokens();
    for secret in tokens.refresh.iter().chain(&tokens.access).map(String::as_str).chain([DEMO_CLIENT_SECRET]) {
        let found: Vec<_> = all.iter().filter(|path| holds(path, secret)).collect();
        assert!(found.is_empty(), "a secret lies open in {found:?}");
    }
}

#[tokio::test]
async fn without_a_keyring_the_page_says_so_and_offers_a_private_file() {
    let spotify = Sim::start(Config::default()).await.unwrap();
    let unpacked = Unpacked::spotify();
    let mut host = FakeHost::start().await;
    let start = |host: &FakeHost| {
        let mut package = unpacked.command_for(host, &spotify);
        package
            .env("SPOTIFY_WIDGETS_STORE", "keyring")
            .env("DBUS_SESSION_BUS_ADDRESS", "unix:path=/nonexistent/bus")
            .env("XDG_RUNTIME_DIR", "/nonexistent");
        package.spawn().unwrap()
    };
    let mut package = start(&host);
    host.registered().await;
    host.page_says(json!({"command": "getAccounts"})).await;
    let message = host
        .page_hears("that nothing lasts", |event| {
            (event["store"]["kind"] == "memory").then(|| event["store"]["message"].as_str().map(str::to_owned))
        })
        .await;
    assert!(message.is_some_and(|message| !message.is_empty()));
    host.link(&spotify).await;
    let mut before = Vec::new();
    files(unpacked.folder(), &mut before);
    assert!(!before.iter().any(|path| holds(path, DEMO_CLIENT_SECRET)), "nothing is written unasked");

    host.page_says(json!({"command": "useFileStore"})).await;
    host.page_hears("the private file", |event| (event["store"]["kind"] == "file").then_some(())).await;
    let mut after = Vec::new();
    files(unpacked.folder(), &mut after);
    let kept: Vec<_> = after.iter().filter(|path| holds(path, DEMO_CLIENT_SECRET)).collect();
    assert_eq!(kept.len(), 1, "{kept:?}");
    assert_eq!(std::fs::metadata(kept[0]).unwrap().permissions().mode() & 0o777, 0o600);
    package.kill().await.unwrap();

    let _package = start(&host);
    host.registered().await;
    host.page_says(json!({"command": "getAccounts"})).await;
    host.account_is("linked").await;
}
