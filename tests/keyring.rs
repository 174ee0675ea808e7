//! Tests of the store of secrets with a real Secret Service, and without one.

#![cfg(target_os = "linux")]

use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use acceptance::{FakeHost, Unpacked, spawn, wrapped};
use serde_json::{Value, json};
use spotify_sim::{Config, DEMO_CLIENT_SECRET, Sim};
use tokio::process::Child;

/// Starts a session bus with a keyring that is unlocked by a password, as at a log-in, and then the package.
const SESSION: [&str; 5] = [
    "dbus-run-session",
    "--",
    "sh",
    "-c",
    "printf password | gnome-keyring-daemon --unlock --components=secrets >/dev/null 2>&1; exec \"$@\"",
];

/// Starts a session bus with a keyring that stays locked, and then the package. When the file in `UNLOCK` exists, the keyring
/// is restarted and unlocked, so that an earlier connection to it becomes invalid.
const LOCKED_SESSION: [&str; 5] = [
    "dbus-run-session",
    "--",
    "sh",
    "-c",
    "gnome-keyring-daemon --start --components=secrets >/dev/null 2>&1; \
     (while [ ! -e \"$UNLOCK\" ]; do sleep 0.1; done; printf password | gnome-keyring-daemon --replace --unlock --components=secrets >/dev/null 2>&1; \
      touch \"$UNLOCK.done\") & \
     exec \"$@\"",
];

/// A session with its bus, keyring and package; dropping it kills them all.
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

fn contains_text(path: &Path, text: &str) -> bool {
    std::fs::read(path).unwrap_or_default().windows(text.len()).any(|window| window == text.as_bytes())
}

/// Starts the package in a session with a keyring.
fn start_in(wrapper: [&str; 5], package: &mut tokio::process::Command) -> Session {
    package.env("SPOTIFY_WIDGETS_STORE", "keyring");
    let wrapper = [&wrapper[..], &["session"]].concat();
    let session = wrapped(&wrapper, package).process_group(0).spawn();
    Session(session.expect("a session bus; `cargo xtask test` installs it"))
}

/// Removes all access to a keyring.
fn without_keyring(package: &mut tokio::process::Command) -> &mut tokio::process::Command {
    package
        .env("SPOTIFY_WIDGETS_STORE", "keyring")
        .env("DBUS_SESSION_BUS_ADDRESS", "unix:path=/nonexistent/bus")
        .env("XDG_RUNTIME_DIR", "/nonexistent")
}

async fn wait_for_store(host: &mut FakeHost, kind: &str) -> Value {
    host.send_from_page(json!({"command": "getAccounts"})).await;
    host.wait_for_page_message(&format!("{kind} as the store"), |event| {
        (event["store"]["kind"] == kind).then(|| event["store"].clone())
    })
    .await
}

/// Returns the files in the package's home that contain a secret in clear text.
fn files_with_secrets(unpacked: &Unpacked, spotify: &Sim) -> Vec<PathBuf> {
    let mut all = Vec::new();
    files(unpacked.folder(), &mut all);
    let tokens = spotify.issued_tokens();
    let secrets: Vec<_> =
        tokens.refresh.iter().chain(&tokens.access).map(String::as_str).chain([DEMO_CLIENT_SECRET]).collect();
    all.retain(|path| secrets.iter().any(|secret| contains_text(path, secret)));
    all
}

#[tokio::test]
async fn secret_service_keeps_the_sign_in_encrypted() {
    let spotify = Sim::start(Config::default()).await.unwrap();
    let unpacked = Unpacked::spotify();
    let mut host = FakeHost::start().await;
    let start = |host: &FakeHost| start_in(SESSION, &mut unpacked.command_for(host, &spotify));
    let session = start(&host);
    host.wait_for_registration().await;
    host.send_from_page(json!({"command": "getAccounts"})).await;
    let kind = host
        .wait_for_page_message("where secrets are kept", |event| event["store"]["kind"].as_str().map(str::to_owned));
    assert_eq!(kind.await, "keyring");
    host.link(&spotify).await;
    drop(session);

    let _session = start(&host);
    host.wait_for_registration().await;
    host.send_from_page(json!({"command": "getAccounts"})).await;
    host.wait_for_account_state("linked").await;

    let mut all = Vec::new();
    files(unpacked.folder(), &mut all);
    assert!(
        all.iter().any(|path| path.extension().is_some_and(|end| end == "keyring")),
        "a keyring was written: {all:?}"
    );
    assert_eq!(files_with_secrets(&unpacked, &spotify), Vec::<PathBuf>::new());
}

#[tokio::test]
async fn private_file_moves_into_an_available_secret_service() {
    let spotify = Sim::start(Config::default()).await.unwrap();
    let unpacked = Unpacked::spotify();
    let mut host = FakeHost::start().await;
    let mut package = spawn(without_keyring(&mut unpacked.command_for(&host, &spotify)));
    host.wait_for_registration().await;
    wait_for_store(&mut host, "memory").await;
    host.link(&spotify).await;
    host.send_from_page(json!({"command": "useFileStore"})).await;
    host.wait_for_page_message("the private file", |event| (event["store"]["kind"] == "file").then_some(())).await;
    assert_eq!(files_with_secrets(&unpacked, &spotify).len(), 1);
    package.kill().await.unwrap();

    for _ in 0..2 {
        let session = start_in(SESSION, &mut unpacked.command_for(&host, &spotify));
        host.wait_for_registration().await;
        wait_for_store(&mut host, "keyring").await;
        host.send_from_page(json!({"command": "getAccounts"})).await;
        host.wait_for_account_state("linked").await;
        assert_eq!(files_with_secrets(&unpacked, &spotify), Vec::<PathBuf>::new());
        drop(session);
    }
}

#[tokio::test]
async fn locked_secret_service_is_reported_and_can_be_retried() {
    let spotify = Sim::start(Config::default()).await.unwrap();
    let unpacked = Unpacked::spotify();
    let mut host = FakeHost::start().await;
    let session = start_in(SESSION, &mut unpacked.command_for(&host, &spotify));
    host.wait_for_registration().await;
    wait_for_store(&mut host, "keyring").await;
    host.link(&spotify).await;
    drop(session);

    // The keyring stays locked, as if no password were typed.
    let unlock = unpacked.folder().join("unlock");
    let _session = start_in(LOCKED_SESSION, unpacked.command_for(&host, &spotify).env("UNLOCK", &unlock));
    host.wait_for_registration().await;
    let store = wait_for_store(&mut host, "memory").await;
    assert_eq!((&store["issue"], &store["canRetry"]), (&json!("locked"), &json!(true)), "{store}");
    assert_eq!(store["canUseFile"], false, "a plain file isn't offered: {store}");
    assert!(store["message"].as_str().is_some_and(|message| message.contains("locked")), "{store}");

    std::fs::write(&unlock, "").unwrap();
    while !unlock.with_extension("done").exists() {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    host.send_from_page(json!({"command": "retryStore"})).await;
    let store = wait_for_store(&mut host, "keyring").await;
    assert_eq!((&store["canRetry"], &store["message"]), (&json!(false), &Value::Null));
    host.send_from_page(json!({"command": "getAccounts"})).await;
    host.wait_for_account_state("linked").await;
}

#[tokio::test]
async fn missing_keyring_is_reported_and_a_private_file_offered() {
    let spotify = Sim::start(Config::default()).await.unwrap();
    let unpacked = Unpacked::spotify();
    let mut host = FakeHost::start().await;
    let start = |host: &FakeHost| spawn(without_keyring(&mut unpacked.command_for(host, &spotify)));
    let mut package = start(&host);
    host.wait_for_registration().await;
    host.send_from_page(json!({"command": "getAccounts"})).await;
    let message = host
        .wait_for_page_message("that nothing lasts", |event| {
            (event["store"]["kind"] == "memory").then(|| event["store"]["message"].as_str().map(str::to_owned))
        })
        .await;
    assert!(message.is_some_and(|message| !message.is_empty()));
    host.link(&spotify).await;
    let mut before = Vec::new();
    files(unpacked.folder(), &mut before);
    assert!(!before.iter().any(|path| contains_text(path, DEMO_CLIENT_SECRET)), "nothing is written without consent");

    host.send_from_page(json!({"command": "useFileStore"})).await;
    host.wait_for_page_message("the private file", |event| (event["store"]["kind"] == "file").then_some(())).await;
    let mut after = Vec::new();
    files(unpacked.folder(), &mut after);
    let stored: Vec<_> = after.iter().filter(|path| contains_text(path, DEMO_CLIENT_SECRET)).collect();
    assert_eq!(stored.len(), 1, "{stored:?}");
    assert_eq!(std::fs::metadata(stored[0]).unwrap().permissions().mode() & 0o777, 0o600);
    package.kill().await.unwrap();

    let _package = start(&host);
    host.wait_for_registration().await;
    host.send_from_page(json!({"command": "getAccounts"})).await;
    host.wait_for_account_state("linked").await;
}
