//! Tests of the real host with packages that don't use this workspace's code: samples in JavaScript, Python and C++, each
//! with its own implementation of the protocol, and packages that misbehave. `rows` is a table of every message of the
//! protocol, in each form that packages in the wild use, with its effect on the Panel or its answer.

#![cfg(target_os = "linux")]

mod misbehave;
mod rows;

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use acceptance::{DeckHome, DeckProcess, Launch, View, wait_until};
use futures_util::future::join_all;
use serde_json::{Value, json};
use spotify_sim::{Config, Sim};
use tokio_tungstenite::tungstenite::Message;
use xtask::debian::on_path;

/// A picture of 150 x 108 pixels, the size of a key.
const ICON: &str = "<svg xmlns='http://www.w3.org/2000/svg' width='150' height='108'/>";
/// The samples. The JavaScript one runs as a page (`web`) and as a program.
const SAMPLES: [&str; 4] = ["web", "javascript", "python", "cpp"];

fn sources() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("foreign")
}

/// Returns the UUID of a sample.
fn uuid_of(name: &str) -> String {
    format!("com.example.{name}")
}

/// Installs a package into the host's folder of packages, with `target` as its program or page.
fn install(home: &DeckHome, name: &str, target: &str, files: &[(&str, Vec<u8>)]) {
    let uuid = uuid_of(name);
    let folder = home.data().join("packages").join(&uuid);
    let config = json!({
        "Author": "A", "Description": "D", "Name": name, "Version": "1.0.0", "UUID": uuid, "Icon": "icon.svg",
        "Runtime": {
            // Like the vendor's samples, it names no platform but Windows.
            "win": {"type": if target.ends_with(".html") { "web" } else { "bin" }, "target": target, "MinimumVersion": "10.0"},
        },
        "CreatorCentral": {"MinimumVersion": "1.1", "SDKVersion": 2},
        "Widgets": [
            {"Name": "Switch", "Icon": "icon.svg", "UUID": format!("{uuid}.switch"), "PropertyViewPath": "property.html",
             "States": [{"Title": "off", "Image": "icon.svg"}, {"Name": "on", "Image": "on.svg"}],
             "Layouts": [{"Title": "Small", "Width": 1, "Height": 1}, {"Title": "Wide", "Width": 2, "Height": 1}]},
            {"Name": "Plain", "Icon": "icon.svg", "UUID": format!("{uuid}.plain"), "States": [{"Image": "icon.svg"}]}
        ]
    });
    fs::create_dir_all(&folder).unwrap();
    // With a byte order mark, as Windows editors write it.
    fs::write(folder.join("PackageConfig.json"), format!("\u{feff}{config}")).unwrap();
    for picture in ["icon.svg", "on.svg"] {
        fs::write(folder.join(picture), ICON).unwrap();
    }
    fs::write(folder.join("property.html"), "<body></body>").unwrap();
    for (file, content) in files {
        fs::write(folder.join(file), content).unwrap();
    }
    fs::set_permissions(folder.join(target), fs::Permissions::from_mode(0o755)).unwrap();
}

/// Reads a file of the samples.
fn source(path: &str) -> Vec<u8> {
    fs::read(sources().join(path)).unwrap()
}

fn install_sample(home: &DeckHome, name: &str) {
    match name {
        "web" => {
            let page = b"<!DOCTYPE html><script src='package.js'></script>".to_vec();
            install(home, name, "index.html", &[("index.html", page), ("package.js", source("javascript/package.js"))]);
        }
        "javascript" => {
            let files = [("run.js", source("javascript/run.js")), ("package.js", source("javascript/package.js"))];
            install(home, name, "run.js", &files);
        }
        "python" => {
            let files = [("run.py", source("python/run.py")), ("wire.py", source("python/wire.py"))];
            install(home, name, "run.py", &files);
        }
        "cpp" => {
            let program = home.folder().join("run");
            let compiled = Command::new("c++").arg("-o").arg(&program).arg(sources().join("cpp/run.cpp")).output();
            let compiled = compiled.expect("a C++ compiler; `cargo xtask test` installs one");
            assert!(compiled.status.success(), "{}", String::from_utf8_lossy(&compiled.stderr));
            install(home, name, "run", &[("run", fs::read(program).unwrap())]);
        }
        other => panic!("{other} is no sample"),
    }
}

/// Finds a browser on the PATH.
fn browser() -> &'static str {
    let names = ["chromium", "google-chrome", "chrome"];
    names.into_iter().find(|name| on_path(name)).expect("a browser; `cargo xtask test` installs one")
}

async fn start(home: &DeckHome, browser: Option<&str>) -> (Sim, DeckProcess) {
    let spotify = Sim::start(Config::default()).await.unwrap();
    let deck = home.launch(&spotify, Launch { browser, ..Launch::default() }).await;
    (spotify, deck)
}

/// Waits until a package has a status and its message contains some words.
async fn wait_for_package(deck: &DeckProcess, uuid: &str, status: &str, words: &str) {
    wait_until(&format!("{uuid} is {status}: {words}"), async || {
        let state = deck.get("state").await;
        let all = state["packages"].as_array().cloned().unwrap_or_default();
        let package = all.into_iter().find(|package| package["uuid"] == uuid).unwrap_or_default();
        let message = package["message"].as_str().unwrap_or_default();
        let fits = package["status"] == status && message.contains(words);
        if fits { Ok(()) } else { Err(format!("{} {message:?}", package["status"])) }
    })
    .await;
}

/// A key of a sample and its property view, which orders the sample to send frames.
struct Bench<'a> {
    deck: &'a DeckProcess,
    package: String,
    key: String,
    view: View,
}

impl<'a> Bench<'a> {
    async fn new(deck: &'a DeckProcess, name: &str, row: u32) -> Self {
        let package = uuid_of(name);
        wait_for_package(deck, &package, "running", "").await;
        let key = deck.place(&format!("{package}.switch"), 0, row).await;
        deck.wait_for_instance(&key, "its greeting", |instance| {
            instance["title"].as_str().is_some_and(|title| title.ends_with(" en"))
        })
        .await;
        let view = deck.property_view(&key).await;
        Self { deck, package, key, view }
    }

    /// Replaces the placeholders in a text by the ids of this key and its package.
    fn fill_placeholders(&self, text: &str) -> String {
        text.replace("$c", &self.key)
            .replace("$v", self.view.name())
            .replace("$w", &format!("{}.switch", self.package))
            .replace("$p", &self.package)
    }

    /// Orders the package to send a frame: `t` as text, `f` as text in three fragments, `b` as binary; `d` drops the socket.
    async fn order_frame(&mut self, kind: char, frame: &str) {
        let hex: String = self.fill_placeholders(frame).bytes().map(|byte| format!("{byte:02x}")).collect();
        self.view.send(json!(format!("say {kind}{hex}"))).await;
    }

    /// Sends a frame as the property view.
    async fn send_from_page(&mut self, frame: &str) {
        let frame = self.fill_placeholders(frame);
        self.view.send_frame(Message::text(frame)).await;
    }

    /// Waits until the host has sent a message to the package (or its page) since message number `after`.
    async fn wait_for_sent(&self, after: u64, page: bool, message: &Value) {
        wait_until(&format!("{} receives {message}", self.package), async || {
            let out: Vec<Value> = self
                .deck
                .messages(&self.package, after)
                .await
                .iter()
                .filter(|message| message["direction"] == "out" && message["page"] == page)
                .map(|message| serde_json::from_str(message["body"].as_str().unwrap()).unwrap())
                .collect();
            if out.contains(message) { Ok(()) } else { Err(json!(out).to_string()) }
        })
        .await;
    }

    /// Waits until the package has received `count` messages since `after`, and returns their events and payloads in order.
    async fn wait_for_events(&self, after: u64, count: usize) -> Vec<(String, Value)> {
        wait_until(&format!("{count} messages to {}", self.package), async || {
            let events: Vec<_> = self
                .deck
                .messages(&self.package, after)
                .await
                .iter()
                .filter(|message| message["direction"] == "out" && message["page"] == false)
                .map(|message| {
                    let body: Value = serde_json::from_str(message["body"].as_str().unwrap()).unwrap();
                    (message["event"].as_str().unwrap().to_owned(), body["payload"].clone())
                })
                .collect();
            if events.len() >= count { Ok(events) } else { Err(format!("{events:?}")) }
        })
        .await
    }
}

#[tokio::test]
async fn every_message_has_its_effect_in_every_language() {
    let home = DeckHome::new();
    SAMPLES.iter().for_each(|name| install_sample(&home, name));
    let (_spotify, deck) = start(&home, Some(browser())).await;
    let benches = SAMPLES.iter().zip(0..).map(async |(name, row)| {
        let mut bench = Bench::new(&deck, name, row).await;
        for row in rows::rows() {
            rows::check(&mut bench, &row).await;
        }
    });
    join_all(benches).await;
    deck.terminate().await;
}

fn names(events: &[(String, Value)]) -> Vec<&str> {
    events.iter().map(|(event, _)| event.as_str()).collect()
}

#[tokio::test]
async fn events_of_a_key_are_sent_in_order() {
    let home = DeckHome::new();
    SAMPLES.iter().for_each(|name| install_sample(&home, name));
    let (_spotify, deck) = start(&home, Some(browser())).await;
    for (name, row) in SAMPLES.iter().zip(0..) {
        check_event_order(&deck, name, row).await;
    }
    deck.terminate().await;
}

async fn check_event_order(deck: &DeckProcess, name: &str, row: u32) {
    let bench = Bench::new(deck, name, row).await;
    let key = bench.key.clone();
    let path = format!("instances/{key}");
    let events = bench.wait_for_events(0, 3).await;
    assert_eq!(names(&events), ["widgetWillAppear", "didReceiveWidgetSettings", "propertyViewDidAppear"], "{name}");
    let size = json!({"width": 1, "height": 1});
    assert_eq!(events[0].1, json!({"state": 0, "settings": {}, "layout": 0, "layoutSize": size}));
    assert_eq!((&events[1].1, &events[2].1), (&json!({}), &Value::Null));

    // A press changes the state, which the events of the next press contain.
    for state in [0, 1] {
        let mark = deck.last_message().await;
        deck.press(&key).await;
        let payload = json!({"state": state});
        let events = ["actionDown", "actionUp", "actionTriggered"].map(|event| (event.to_owned(), payload.clone()));
        assert_eq!(bench.wait_for_events(mark, 3).await, events, "{name}");
        deck.wait_for_instance(&key, "its state changes", |instance| instance["state"] == 1 - state).await;
    }
    // A press that is released elsewhere triggers nothing; events of a widget with one state contain none.
    let mark = deck.last_message().await;
    let plain = deck.place(&format!("{}.plain", bench.package), 3, row).await;
    let events = bench.wait_for_events(mark, 2).await;
    assert_eq!(names(&events), ["widgetWillAppear", "didReceiveWidgetSettings"], "{name}");
    assert_eq!(events[0].1, json!({"settings": {}, "layout": 0, "layoutSize": size}));
    let mark = deck.last_message().await;
    for phase in ["down", "cancel", "tap"] {
        deck.post(&format!("instances/{plain}/press"), json!({"phase": phase})).await;
    }
    let events = bench.wait_for_events(mark, 5).await;
    assert_eq!(names(&events), ["actionDown", "actionUp", "actionDown", "actionUp", "actionTriggered"], "{name}");
    assert!(events.iter().all(|(_, payload)| *payload == json!({})), "{events:?}");

    // Changes by the user are sent like answers to the package's requests.
    let mark = deck.last_message().await;
    deck.call("PUT", &format!("{path}/title"), json!({"title": "mine"}).to_string()).await;
    deck.call("PUT", &format!("{path}/font"), json!({"size": 9, "bold": true}).to_string()).await;
    deck.call("PUT", &format!("{path}/icons/1"), ICON).await;
    let events = bench.wait_for_events(mark, 3).await;
    assert_eq!(names(&events), ["didReceiveWidgetTitle", "didReceiveFontAttribute", "didReceiveWidgetIcon"], "{name}");
    assert_eq!(events[0].1, json!(["mine", "mine"]));
    let font = json!({
        "family": "Arial", "size": 9, "color": "#ffffff", "hAlignment": "center", "bold": true, "italic": false,
        "underLine": false,
    });
    assert_eq!(events[1].1, font);
    let icons = events[2].1.as_array().unwrap();
    assert!(icons.len() == 2 && icons[0] == "icon.svg" && icons[1].as_str().unwrap().starts_with("data:image/svg"));

    // Keys disappear during sleep, and appear again afterwards and after a lost socket.
    let mark = deck.last_message().await;
    deck.call("PUT", "sleep", json!({"asleep": true}).to_string()).await;
    deck.call("PUT", "sleep", json!({"asleep": false}).to_string()).await;
    let events = bench.wait_for_events(mark, 6).await;
    let again = ["widgetWillAppear", "didReceiveWidgetSettings", "widgetWillAppear", "didReceiveWidgetSettings"];
    assert_eq!(names(&events)[..2], ["widgetWillDisappear", "widgetWillDisappear"], "{name}");
    assert_eq!(names(&events)[2..], again, "{name}");
    let mut bench = bench;
    let mark = deck.last_message().await;
    bench.order_frame('d', "").await;
    // The first event is the order itself.
    let events = bench.wait_for_events(mark, 6).await;
    assert_eq!(names(&events)[1..5], again, "{name}");
    assert_eq!(names(&events)[5..], ["propertyViewDidAppear"], "{name}");

    let mark = deck.last_message().await;
    deck.call("DELETE", &path, "").await;
    let events = bench.wait_for_events(mark, 2).await;
    assert_eq!(names(&events), ["propertyViewDidDisappear", "widgetWillDisappear"], "{name}");
    assert_eq!(events[1].1, json!({"state": 0, "layout": 0, "layoutSize": size}));
}
