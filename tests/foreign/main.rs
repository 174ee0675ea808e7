//! Packages that have nothing to do with this workspace against the real host: samples in JavaScript, Python and C++, each
//! with a wire of its own making, and packages that misbehave. `rows` is the table of every message of the protocol, in
//! each form that is met in the wild, with its effect on the Panel or its answer.

#![cfg(target_os = "linux")]

mod misbehave;
mod rows;

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use acceptance::{DeckHome, DeckProcess, Launch, View, until};
use futures_util::future::join_all;
use serde_json::{Value, json};
use spotify_sim::{Config, Sim};
use tokio_tungstenite::tungstenite::Message;
use xtask::debian::on_path;

/// A picture of 150 x 108 as packages have them.
const ICON: &str = "<svg xmlns='http://www.w3.org/2000/svg' width='150' height='108'/>";
/// The samples: the JavaScript one as a page and as a program.
const SAMPLES: [&str; 4] = ["web", "javascript", "python", "cpp"];

fn sources() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("foreign")
}

/// The UUID of a sample.
fn uuid_of(name: &str) -> String {
    format!("com.example.{name}")
}

/// Puts a package where the host looks for it: its program, or its page, and whatever lies beside that.
fn install(home: &DeckHome, name: &str, target: &str, files: &[(&str, Vec<u8>)]) {
    let uuid = uuid_of(name);
    let folder = home.data().join("packages").join(&uuid);
    let config = json!({
        "Author": "A", "Description": "D", "Name": name, "Version": "1.0.0", "UUID": uuid, "Icon": "icon.svg",
        "Runtime": {
            // As the vendor's samples have it: nothing for Linux.
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
    // As Windows editors write it.
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

/// A file of the samples.
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

/// A browser on the PATH.
fn browser() -> &'static str {
    let names = ["chromium", "google-chrome", "chrome"];
    names.into_iter().find(|name| on_path(name)).expect("a browser; `cargo xtask test` installs one")
}

async fn start(home: &DeckHome, browser: Option<&str>) -> (Sim, DeckProcess) {
    let spotify = Sim::start(Config::default()).await.unwrap();
    let deck = home.launch(&spotify, Launch { browser, ..Launch::default() }).await;
    (spotify, deck)
}

/// Waits until a package's state is as wanted: its status, and words of its message.
async fn package_is(deck: &DeckProcess, uuid: &str, status: &str, words: &str) {
    until(&format!("{uuid} is {status}: {words}"), async || {
        let state = deck.get("state").await;
        let all = state["packages"].as_array().cloned().unwrap_or_default();
        let package = all.into_iter().find(|package| package["uuid"] == uuid).unwrap_or_default();
        let message = package["message"].as_str().unwrap_or_default();
        let fits = package["status"] == status && message.contains(words);
        if fits { Ok(()) } else { Err(format!("{} {message:?}", package["status"])) }
    })
    .await;
}

/// A key of a sample, and the property view that tells the sample what to say.
struct Bench<'a> {
    deck: &'a DeckProcess,
    package: String,
    key: String,
    view: View,
}

impl<'a> Bench<'a> {
    async fn new(deck: &'a DeckProcess, name: &str, row: u32) -> Self {
        let package = uuid_of(name);
        package_is(deck, &package, "running", "").await;
        let key = deck.place(&format!("{package}.switch"), 0, row).await;
        deck.instance_until(&key, "it greets", |instance| {
            instance["title"].as_str().is_some_and(|title| title.ends_with(" en"))
        })
        .await;
        let view = deck.property_view(&key).await;
        Self { deck, package, key, view }
    }

    /// A text with this bench's names in it.
    fn filled(&self, text: &str) -> String {
        text.replace("$c", &self.key)
            .replace("$v", self.view.name())
            .replace("$w", &format!("{}.switch", self.package))
            .replace("$p", &self.package)
    }

    /// Has the package send a frame: `t` text, `f` text in three parts, `b` binary, `d` none, but drop the socket.
    async fn orders(&mut self, kind: char, frame: &str) {
        let hex: String = self.filled(frame).bytes().map(|byte| format!("{byte:02x}")).collect();
        self.view.says(json!(format!("say {kind}{hex}"))).await;
    }

    /// Sends a frame as the property view.
    async fn page_says(&mut self, frame: &str) {
        let frame = self.filled(frame);
        self.view.say_frame(Message::text(frame)).await;
    }

    /// Waits until the host has sent this to the package (or its page), of all that it has sent since `after`.
    async fn is_told(&self, after: u64, page: bool, message: &Value) {
        until(&format!("{} is told {message}", self.package), async || {
            let out: Vec<Value> = self
                .deck
                .messages(&self.package, after)
                .await
                .iter()
                .filter(|said| said["direction"] == "out" && said["page"] == page)
                .map(|said| serde_json::from_str(said["body"].as_str().unwrap()).unwrap())
                .collect();
            if out.contains(message) { Ok(()) } else { Err(json!(out).to_string()) }
        })
        .await;
    }

    /// The names and payloads of what the package was told since `after`, in their order, once there are so many.
    async fn story(&self, after: u64, length: usize) -> Vec<(String, Value)> {
        until(&format!("{} messages to {}", length, self.package), async || {
            let story: Vec<_> = self
                .deck
                .messages(&self.package, after)
                .await
                .iter()
                .filter(|said| said["direction"] == "out" && said["page"] == false)
                .map(|said| {
                    let body: Value = serde_json::from_str(said["body"].as_str().unwrap()).unwrap();
                    (said["event"].as_str().unwrap().to_owned(), body["payload"].clone())
                })
                .collect();
            if story.len() >= length { Ok(story) } else { Err(format!("{story:?}")) }
        })
        .await
    }
}

#[tokio::test]
async fn every_message_has_its_effect_whatever_language_the_package_is_written_in() {
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

fn names(story: &[(String, Value)]) -> Vec<&str> {
    story.iter().map(|(event, _)| event.as_str()).collect()
}

#[tokio::test]
async fn what_happens_to_a_key_is_told_in_its_order() {
    let home = DeckHome::new();
    SAMPLES.iter().for_each(|name| install_sample(&home, name));
    let (_spotify, deck) = start(&home, Some(browser())).await;
    for (name, row) in SAMPLES.iter().zip(0..) {
        tells_the_story(&deck, name, row).await;
    }
    deck.terminate().await;
}

async fn tells_the_story(deck: &DeckProcess, name: &str, row: u32) {
    let bench = Bench::new(deck, name, row).await;
    let key = bench.key.clone();
    let path = format!("instances/{key}");
    let story = bench.story(0, 3).await;
    assert_eq!(names(&story), ["widgetWillAppear", "didReceiveWidgetSettings", "propertyViewDidAppear"], "{name}");
    let size = json!({"width": 1, "height": 1});
    assert_eq!(story[0].1, json!({"state": 0, "settings": {}, "layout": 0, "layoutSize": size}));
    assert_eq!((&story[1].1, &story[2].1), (&json!({}), &Value::Null));

    // A press changes the state, so the next one tells another.
    for state in [0, 1] {
        let mark = deck.last_message().await;
        deck.press(&key).await;
        let told = json!({"state": state});
        let events = ["actionDown", "actionUp", "actionTriggered"].map(|event| (event.to_owned(), told.clone()));
        assert_eq!(bench.story(mark, 3).await, events, "{name}");
        deck.instance_until(&key, "its state changes", |instance| instance["state"] == 1 - state).await;
    }
    // Whoever lifts the finger elsewhere triggers nothing; a widget with one state is told none.
    let mark = deck.last_message().await;
    let plain = deck.place(&format!("{}.plain", bench.package), 3, row).await;
    let story = bench.story(mark, 2).await;
    assert_eq!(names(&story), ["widgetWillAppear", "didReceiveWidgetSettings"], "{name}");
    assert_eq!(story[0].1, json!({"settings": {}, "layout": 0, "layoutSize": size}));
    let mark = deck.last_message().await;
    for phase in ["down", "cancel", "tap"] {
        deck.post(&format!("instances/{plain}/press"), json!({"phase": phase})).await;
    }
    let story = bench.story(mark, 5).await;
    assert_eq!(names(&story), ["actionDown", "actionUp", "actionDown", "actionUp", "actionTriggered"], "{name}");
    assert!(story.iter().all(|(_, payload)| *payload == json!({})), "{story:?}");

    // What the user changes is told as if it had been asked for.
    let mark = deck.last_message().await;
    deck.call("PUT", &format!("{path}/title"), json!({"title": "mine"}).to_string()).await;
    deck.call("PUT", &format!("{path}/font"), json!({"size": 9, "bold": true}).to_string()).await;
    deck.call("PUT", &format!("{path}/icons/1"), ICON).await;
    let story = bench.story(mark, 3).await;
    assert_eq!(names(&story), ["didReceiveWidgetTitle", "didReceiveFontAttribute", "didReceiveWidgetIcon"], "{name}");
    assert_eq!(story[0].1, json!(["mine", "mine"]));
    let font = json!({
        "family": "Arial", "size": 9, "color": "#ffffff", "hAlignment": "center", "bold": true, "italic": false,
        "underLine": false,
    });
    assert_eq!(story[1].1, font);
    let icons = story[2].1.as_array().unwrap();
    assert!(icons.len() == 2 && icons[0] == "icon.svg" && icons[1].as_str().unwrap().starts_with("data:image/svg"));

    // Asleep, nothing is visible; awake, and after a lost socket, all of it is again.
    let mark = deck.last_message().await;
    deck.call("PUT", "sleep", json!({"asleep": true}).to_string()).await;
    deck.call("PUT", "sleep", json!({"asleep": false}).to_string()).await;
    let story = bench.story(mark, 6).await;
    let again = ["widgetWillAppear", "didReceiveWidgetSettings", "widgetWillAppear", "didReceiveWidgetSettings"];
    assert_eq!(names(&story)[..2], ["widgetWillDisappear", "widgetWillDisappear"], "{name}");
    assert_eq!(names(&story)[2..], again, "{name}");
    let mut bench = bench;
    let mark = deck.last_message().await;
    bench.orders('d', "").await;
    // The order itself came before.
    let story = bench.story(mark, 6).await;
    assert_eq!(names(&story)[1..5], again, "{name}");
    assert_eq!(names(&story)[5..], ["propertyViewDidAppear"], "{name}");

    let mark = deck.last_message().await;
    deck.call("DELETE", &path, "").await;
    let story = bench.story(mark, 2).await;
    assert_eq!(names(&story), ["propertyViewDidDisappear", "widgetWillDisappear"], "{name}");
    assert_eq!(story[1].1, json!({"state": 0, "layout": 0, "layoutSize": size}));
}
