//! Where secrets are kept: a real Secret Service, and a computer without one.

#![cfg(target_os = "linux")]

use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use acceptance::{FakeHost, Unpacked, spawn, wrapped};
use serde_json::{Value, json};
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

/// The same with a keyring that stays locked. When the file that `UNLOCK` names is there, the keyring is started again and
/// unlocked, which is also what a way to it that was found earlier has to outlive.
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

/// Starts the package in a session with a keyring.
fn start_in(wrapper: [&str; 5], package: &mut tokio::process::Command) -> Session {
    package.env("SPOTIFY_WIDGETS_STORE", "keyring");
    let wrapper = [&wrapper[..], &["session"]].concat();
    let session = wrapped(&wrapper, package).process_group(0).spawn();
    Session(session.expect("a session bus; `cargo xtask test` installs it"))
}

/// A computer without a keyring.
fn without_keyring(package: &mut tokio::process::Command) -> &mut tokio::process::Command {
    package
        .env("SPOTIFY_WIDGETS_STORE", "keyring")
        .env("DBUS_SESSION_BUS_ADDRESS", "unix:path=/nonexistent/bus")
        .env("XDG_RUNTIME_DIR", "/nonexistent")
}

async fn store_is(host: &mut FakeHost, kind: &str) -> Value {
    host.page_says(json!({"command": "getAccounts"})).await;
    host.page_hears(&format!("{kind} as the store"), |event| {
        (event["store"]["kind"] == kind).then(|| event["store"].clone())
    })
    .await
}

/// Whatever in the package's home holds a secret in clear.
fn in_clear(unpacked: &Unpacked, spotify: &Sim) -> Vec<PathBuf> {
    let mut all = Vec::new();
    files(unpacked.folder(), &mut all);
    let tokens = spotify.issued_tokens();
    let secrets: Vec<_> =
        tokens.refresh.iter().chain(&tokens.access).map(String::as_str).chain([DEMO_CLIENT_SECRET]).collect();
    all.retain(|path| secrets.iter().any(|secret| holds(path, secret)));
    all
}

#[tokio::test]
async fn the_secret_service_keeps_the_sign_in_and_no_file_has_it_in_clear() {
    let spotify = Sim::start(Config::default()).await.unwrap();
    let unpacked = Unpacked::spotify();
    let mut host = FakeHost::start().await;
    let start = |host: &FakeHost| start_in(SESSION, &mut unpacked.command_for(host, &spotify));
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
    assert_eq!(in_clear(&unpacked, &spotify), Vec::<PathBuf>::new());
}

#[tokio::test]
async fn a_private_file_moves_into_the_secret_service_once_there_is_one() {
    let spotify = Sim::start(Config::default()).await.unwrap();
    let unpacked = Unpacked::spotify();
    let mut host = FakeHost::start().await;
    let mut package = spawn(without_keyring(&mut unpacked.command_for(&host, &spotify)));
    host.registered().await;
    store_is(&mut host, "memory").await;
    host.link(&spotify).await;
    host.page_says(json!({"command": "useFileStore"})).await;
    host.page_hears("the private file", |event| (event["store"]["kind"] == "file").then_some(())).await;
    assert_eq!(in_clear(&unpacked, &spotify).len(), 1);
    package.kill().await.unwrap();

    for _ in 0..2 {
        let session = start_in(SESSION, &mut unpacked.command_for(&host, &spotify));
        host.registered().await;
        store_is(&mut host, "keyring").await;
        host.page_says(json!({"command": "getAccounts"})).await;
        host.account_is("linked").await;
        assert_eq!(in_clear(&unpacked, &spotify), Vec::<PathBuf>::new());
        drop(session);
    }
}

#[tokio::test]
async fn a_locked_secret_service_is_said_and_asked_again_by_the_page() {
    let spotify = Sim::start(Config::default()).await.unwrap();
    let unpacked = Unpacked::spotify();
    let mut host = FakeHost::start().await;
    let session = start_in(SESSION, &mut unpacked.command_for(&host, &spotify));
    host.registered().await;
    store_is(&mut host, "keyring").await;
    host.link(&spotify).await;
    drop(session);

    // Nobody is there who could type the password.
    let unlock = unpacked.folder().join("unlock");
    let _session = start_in(LOCKED_SESSION, unpacked.command_for(&host, &spotify).env("UNLOCK", &unlock));
    host.registered().await;
    let store = store_is(&mut host, "memory").await;
    assert_eq!((&store["issue"], &store["canRetry"]), (&json!("locked"), &json!(true)), "{store}");
    assert_eq!(store["canUseFile"], false, "nobody is led to a plain file: {store}");
    assert!(store["message"].as_str().is_some_and(|message| message.contains("locked")), "{store}");

    std::fs::write(&unlock, "").unwrap();
    while !unlock.with_extension("done").exists() {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    host.page_says(json!({"command": "retryStore"})).await;
    let store = store_is(&mut host, "keyring").await;
    assert_eq!((&store["canRetry"], &store["message"]), (&json!(false), &Value::Null));
    host.page_says(json!({"command": "getAccounts"})).await;
    host.account_is("linked").await;
}

#[tokio::test]
async fn without_a_keyring_the_page_says_so_and_offers_a_private_file() {
    let spotify = Sim::start(Config::default()).await.unwrap();
    let unpacked = Unpacked::spotify();
    let mut host = FakeHost::start().await;
    let start = |host: &FakeHost| spawn(without_keyring(&mut unpacked.command_for(host, &spotify)));
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
