//! What survives on disk when the deck is killed at any moment and when the disk is full, tested with real
//! `creator-deck` processes. On Unix only: there a process can be given a full disk.

#![cfg(unix)]

mod support;

use std::fs;
use std::path::Path;
use std::process::Stdio;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use support::{Answer, PACKAGE, PATIENT, Socket, TOGGLE, files, install, pack_files, port_of, receive, send};
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, BufReader};
use tokio::process::{Child, Command};
use tokio_tungstenite::connect_async;

const SOON: Duration = Duration::from_secs(30);

/// A `creator-deck` process.
struct Host {
    child: Child,
    port: u16,
    session: support::Session,
}

impl Host {
    /// Starts it. No file that it writes may exceed `most` blocks of 512 bytes: writes beyond that fail as on a full
    /// disk, also for root.
    async fn start(data: &Path, most: Option<u32>) -> Self {
        let deck = env!("CARGO_BIN_EXE_creator-deck");
        let mut command = match most {
            None => Command::new(deck),
            Some(most) => {
                let mut command = Command::new("sh");
                let limited = "trap '' XFSZ; ulimit -f \"$0\"; exec \"$@\"";
                command.args(["-c", limited, &most.to_string(), deck]);
                command
            }
        };
        command.args(["--headless", "--data"]).arg(data).stdin(Stdio::null()).stdout(Stdio::piped());
        let mut child = command.stderr(Stdio::piped()).kill_on_drop(true).spawn().unwrap();
        let mut errors = child.stderr.take().unwrap();
        let errors = tokio::spawn(async move {
            let mut said = String::new();
            // Only for the message of the panic below.
            let _ = errors.read_to_string(&mut said).await;
            said
        });
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let Some(line) = tokio::time::timeout(SOON, lines.next_line()).await.unwrap().unwrap() else {
            panic!("the deck doesn't start: {}", errors.await.unwrap());
        };
        // On a full disk there is no file with the token for programs.
        let url = line.rsplit(' ').next().unwrap();
        let (answer, session) = support::begin_session(url).await;
        let session = session.unwrap_or_else(|| panic!("the key lets it in: {answer:?}"));
        Self { child, port: port_of(url), session }
    }

    /// Calls the API. Returns none if the deck was killed meanwhile.
    async fn try_call(&self, method: &str, path: &str, body: &[u8]) -> Option<Answer> {
        let [cookie, secret] = &self.session;
        let host = format!("Host: 127.0.0.1:{}", self.port);
        support::try_http(self.port, method, path, &[&host, cookie, secret], body).await
    }

    async fn call(&self, method: &str, path: &str, body: Value) -> (u16, Value) {
        let body = if body.is_null() { Vec::new() } else { body.to_string().into_bytes() };
        let answer = self.try_call(method, path, &body).await.unwrap();
        (answer.status, serde_json::from_str(&answer.body).unwrap_or_default())
    }

    async fn state(&self) -> Value {
        self.call("GET", "/api/state", Value::Null).await.1
    }

    /// Opens the package's settings page. Returns its socket, and the settings that it was opened with.
    async fn open_settings_page(&self) -> (Socket, Value) {
        let (_, view) = self.call("POST", "/api/views", json!({"package": PACKAGE})).await;
        let page = support::load(view["url"].as_str().unwrap()).await;
        let call = support::call_arguments(&page.body);
        let (mut socket, _) = connect_async(format!("ws://127.0.0.1:{}", call[0])).await.unwrap();
        send(&mut socket, json!({"event": call[2], "uuid": call[1]})).await;
        (socket, call[4]["payload"]["settings"].clone())
    }

    /// SIGKILL.
    async fn kill(mut self) {
        self.child.kill().await.unwrap();
    }
}

/// Returns pseudorandom numbers that are the same in every run.
fn next_random(seed: &mut u64) -> u64 {
    *seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
    *seed >> 33
}

#[tokio::test]
async fn confirmed_saves_survive_kills() {
    /// How often it is killed.
    const KILLS: usize = 12;
    let data = tempfile::tempdir().unwrap();
    install(data.path(), PATIENT);
    let mut seed = 6;
    let (mut said, mut saved) = (0_u64, 0_u64);
    for round in 0..=KILLS {
        let host = Host::start(data.path(), None).await;
        let state = host.state().await;
        assert_eq!(state["deck"]["notice"], Value::Null, "after kill {round}: nothing is damaged");
        let (mut page, settings) = host.open_settings_page().await;
        let context = match round {
            0 => {
                let (_, instance) =
                    host.call("POST", "/api/instances", json!({"widget": TOGGLE, "column": 0, "row": 0})).await;
                instance["context"].as_str().unwrap().to_owned()
            }
            _ => {
                let [instance] = state["instances"].as_array().unwrap().as_slice() else { panic!("one: {state}") };
                let title: u64 = instance["title"].as_str().and_then(|title| title.parse().ok()).unwrap_or_default();
                let stored = settings["n"].as_u64().unwrap_or_default();
                assert!(
                    (saved..=said).contains(&title),
                    "after kill {round}: title {title}, {saved} to {said} were said"
                );
                assert!((saved..=said).contains(&stored), "after kill {round}: {stored}, {saved} to {said} were said");
                instance["context"].as_str().unwrap().to_owned()
            }
        };
        if round == KILLS {
            break;
        }
        // The first round has a saved state to lose.
        if round == 0 {
            assert_eq!(host.call("POST", "/api/save", Value::Null).await.0, 204);
        }
        // At least a few changes; then the kill at a random moment is what is tested here.
        let (enough, enough_changes) = (said + 4 + next_random(&mut seed) % 20, tokio::sync::Notify::new());
        let moment = Duration::from_micros(next_random(&mut seed) % 8_000);
        let changes = async {
            loop {
                said += 1;
                let title = json!({"title": said.to_string()}).to_string();
                host.try_call("PUT", &format!("/api/instances/{context}/title"), title.as_bytes()).await?;
                support::try_send(&mut page, json!({"event": "setPackageSettings", "payload": {"n": said}})).await?;
                while support::try_receive(&mut page).await?["payload"]["n"] != said {}
                // Sometimes a caller waits for the save; otherwise the deck batches its writes.
                if said.is_multiple_of(3) && host.try_call("POST", "/api/save", b"").await?.status == 204 {
                    saved = said;
                }
                if said == enough {
                    enough_changes.notify_one();
                }
            }
            #[expect(unreachable_code, reason = "the type of what `?` leaves")]
            Some(())
        };
        tokio::select! {
            _ = changes => panic!("the deck ended on its own"),
            () = async {
                enough_changes.notified().await;
                tokio::time::sleep(moment).await;
            } => {}
        }
        host.kill().await;
    }
    let log = fs::read_to_string(data.path().join("logs/deck.log")).unwrap();
    let torn = log.lines().filter(|line| serde_json::from_str::<Value>(line).is_err()).count();
    assert!(torn <= KILLS, "a kill cuts off one line at most: {torn}");
}

#[tokio::test]
async fn killed_install_leaves_one_whole_version() {
    /// How often it is killed.
    const KILLS: u64 = 10;
    let data = tempfile::tempdir().unwrap();
    install(data.path(), PATIENT);
    let folder = data.path().join("packages").join(PACKAGE);
    let mut seed = 7;
    let mut possible = vec!["1.0.0".to_owned()];
    // How long an installation takes on this machine.
    let mut whole = SOON;
    for round in 0..=KILLS {
        let host = Host::start(data.path(), None).await;
        let state = host.state().await;
        let [package] = state["packages"].as_array().unwrap().as_slice() else { panic!("after kill {round}: {state}") };
        let version = package["version"].as_str().unwrap().to_owned();
        assert!(possible.contains(&version), "after kill {round}: {version}, not one of {possible:?}");
        for (path, content) in files_of(&version) {
            assert_eq!(fs::read(folder.join(&path)).ok(), Some(content), "after kill {round}: {path} of {version}");
        }
        let newer = format!("1.{}.0", round + 1);
        // The first one isn't killed.
        let moment = if round == 0 { SOON } else { whole.mul_f64((next_random(&mut seed) % 120) as f64 / 100.0) };
        let (update, start) = (update(&newer), Instant::now());
        let answered = tokio::select! {
            answer = host.try_call("POST", "/api/packages", &update) => answer.is_some_and(|answer| answer.status == 201),
            () = tokio::time::sleep(moment) => false,
        };
        if round == 0 {
            assert!(answered);
            whole = start.elapsed();
        }
        possible = if answered { vec![newer] } else { vec![version, newer] };
        host.kill().await;
    }
}

#[tokio::test]
async fn full_disk_loses_only_unwritten_changes() {
    let data = tempfile::tempdir().unwrap();
    install(data.path(), PATIENT);
    let host = Host::start(data.path(), None).await;
    let place = |column: u8| json!({"widget": TOGGLE, "column": column, "row": 0});
    host.call("POST", "/api/instances", place(0)).await;
    assert_eq!(host.call("POST", "/api/save", Value::Null).await.0, 204);
    host.kill().await;
    // Ports of pages may be written, as long as they fit.
    let saved = || {
        let text = fs::read(data.path().join("state.json")).unwrap();
        let mut state: Value = serde_json::from_slice(&text).unwrap();
        state["ports"].take();
        state
    };
    let before = saved();
    let program = fs::read(data.path().join("packages").join(PACKAGE).join(support::target())).unwrap();

    // Nothing can be written, or only small files: unpacking fails in the middle.
    for most in [0, 16] {
        let host = Host::start(data.path(), Some(most)).await;
        assert_eq!(host.state().await["instances"].as_array().unwrap().len(), 1, "the saved Panel is shown");
        let (mut page, _) = host.open_settings_page().await;
        let large = json!({"event": "setPackageSettings", "payload": {"large": "x".repeat(20_000)}});
        send(&mut page, large.clone()).await;
        while receive(&mut page).await["payload"] != large["payload"] {}
        let (status, why) = host.call("POST", "/api/save", Value::Null).await;
        assert_eq!(status, 507, "{why}");
        let notice = host.state().await["deck"]["notice"].as_str().unwrap_or_default().to_owned();
        assert!(notice.contains("can't be saved") && notice.contains("Make room"), "{notice}");

        let (status, why) = {
            let answer = host.try_call("POST", "/api/packages", &update("1.1.0")).await.unwrap();
            (answer.status, answer.body)
        };
        assert!(status == 500 && why.contains("disk"), "{status} {why}");
        let state = host.state().await;
        assert_eq!(state["packages"][0]["version"], "1.0.0", "the old one is there");
        assert_eq!(host.call("POST", "/api/instances", place(1)).await.0, 201, "and the deck still works");
        host.kill().await;
    }
    assert_eq!(saved(), before, "never written in part");
    assert_eq!(fs::read(data.path().join("packages").join(PACKAGE).join(support::target())).unwrap(), program);

    let host = Host::start(data.path(), None).await;
    let state = host.state().await;
    assert_eq!((&state["deck"]["notice"], state["instances"].as_array().unwrap().len()), (&Value::Null, 1));
    assert_eq!(
        host.try_call("POST", "/api/packages", &update("1.1.0")).await.unwrap().status,
        201,
        "there is space again"
    );
    let left: Vec<_> =
        fs::read_dir(data.path().join("packages")).unwrap().map(|file| file.unwrap().file_name()).collect();
    assert_eq!(left, [PACKAGE], "nothing of the attempts is left");
}

/// The package's files in a version, which is also the content of one of its pages.
fn files_of(version: &str) -> Vec<(String, Vec<u8>)> {
    let mut files = files(PATIENT);
    if version != "1.0.0" {
        let mut config: Value = serde_json::from_slice(&files[0].1).unwrap();
        config["Version"] = json!(version);
        files[0].1 = config.to_string().into_bytes();
        files.push(("pages/version.js".to_owned(), version.into()));
    }
    files
}

/// The bundle of a version.
fn update(version: &str) -> Vec<u8> {
    pack_files(files_of(version))
}
