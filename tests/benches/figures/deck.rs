//! Measures the deck under load with a real browser: 100 instances of 10 packages, each with ten pictures a second; then
//! thousands of messages a second with the log open. Each package is a process of this program, started by the deck with the
//! arguments of a package.
//!
//! A device has 24 places. The 100 instances are in five profiles, one of which is shown; the packages also draw the others,
//! so that a thousand pictures a second reach the deck.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::time::Duration;

use acceptance::{DeckHome, DeckProcess, Launch, View, screenshots, wait_until};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use fantoccini::{Client, Locator};
use futures_util::{SinkExt as _, StreamExt as _};
use serde_json::{Value, json};
use spotify_sim::{Config, Sim};
use tokio::time::{Instant, MissedTickBehavior, interval, sleep};
use tokio_tungstenite::tungstenite::Message;

use crate::driver::{Driver, enter};
use crate::table::{Row, Unit};
use crate::usage::Usage;

/// The first argument of every package's program.
pub const FLAG: &str = "-port";

const PACKAGES: usize = 10;
const INSTANCES: usize = 100;
/// Places of a device: 5 x 4, and four function keys.
const PLACES: usize = 24;
/// Pictures per second and instance.
const RATE: u32 = 10;
/// Requests per second and package while it floods the deck; each is answered.
const FLOOD: u32 = 300;
/// The duration of a measurement.
const TIME: Duration = Duration::from_secs(10);
/// The interval of presses during a measurement, through the API like the page's.
const PRESS_INTERVAL: Duration = Duration::from_millis(250);
/// The time before a measurement, in which the page shows its first pictures and the browser compiles its code.
const WARM_UP: Duration = Duration::from_secs(3);
/// The frames per second that the page should have.
const FRAMES: f64 = 30.0;

fn uuid(package: usize) -> String {
    format!("com.example.bench-{package}")
}

/// Counts the page's frames and the pictures that its keys receive.
const COUNTER: &str = "
    const counts = {frames: 0, gaps: [], pictures: 0, lines: 0};
    let last = performance.now();
    const frame = (now) => {
      counts.frames += 1;
      counts.gaps.push(now - last);
      last = now;
      counts.lines = Math.max(counts.lines, document.querySelectorAll('.log-lines li').length);
      requestAnimationFrame(frame);
    };
    requestAnimationFrame(frame);
    const isFace = (node) => node.classList?.contains('face-image');
    new MutationObserver((changes) => {
      for (const {type, target, addedNodes} of changes) {
        counts.pictures += type === 'attributes' ? isFace(target) : [...addedNodes].filter(isFace).length;
      }
    }).observe(document.getElementById('device'), {childList: true, subtree: true, attributes: true, attributeFilter: ['src']});
    window.takeCounts = () => {
      const taken = {...counts};
      Object.assign(counts, {frames: 0, gaps: [], pictures: 0, lines: 0});
      return taken;
    };
";

/// Runs both scenarios.
pub async fn measure() -> Vec<Row> {
    let home = DeckHome::new();
    for package in 0..PACKAGES {
        install(&home.data().join("packages").join(uuid(package)), &uuid(package));
    }
    let spotify = Sim::start(Config::default()).await.expect("a simulator");
    let deck = home.launch(&spotify, Launch { log: "warn", ..Launch::default() }).await;
    wait_until("all packages run", async || {
        let state = deck.get("state").await;
        let running =
            state["packages"].as_array().into_iter().flatten().filter(|package| package["status"] == "running");
        let running = running.count();
        if running == PACKAGES { Ok(()) } else { Err(format!("{running} packages")) }
    })
    .await;
    let profiles = place_all(&deck).await;
    let driver = Driver::start().await;
    let browser = driver.browser().await;
    enter(&browser, deck.page()).await;
    browser.wait().for_element(Locator::Css(".key .face-image")).await.expect("keys");
    browser.execute(COUNTER, Vec::new()).await.expect("the counter runs");
    let mut packages = Vec::new();
    for package in 0..PACKAGES {
        packages.push(deck.settings_page(&uuid(package)).await);
    }

    let mut rows = pictures(&deck, &browser, &mut packages, &profiles).await;
    browser.find(Locator::Css("#log-button")).await.expect("a button").click().await.expect("clicked");
    // The last profile is shown now.
    let (_, shown) = profiles.last().expect("five of them");
    rows.extend(messages(&deck, &browser, &mut packages, &shown[0]).await);
    fs::write(screenshots().join("bench-log.png"), browser.screenshot().await.expect("a picture")).expect("kept");
    browser.close().await.expect("closed");
    rows
}

/// Fills five profiles, shows the first one again, and returns the contexts by profile.
async fn place_all(deck: &DeckProcess) -> Vec<(String, Vec<String>)> {
    let mut filled: Vec<(String, Vec<String>)> = Vec::new();
    for number in 0..INSTANCES {
        let place = number % PLACES;
        if place == 0 {
            let profile = match number {
                0 => deck.get("state").await["deck"]["active"].clone(),
                _ => {
                    deck.post("profiles", json!({"name": format!("Profile {}", filled.len() + 1)})).await["id"].clone()
                }
            };
            filled.push((profile.as_str().expect("an id").to_owned(), Vec::new()));
        }
        let (area, column, row) = match place {
            0..20 => ("grid", place % 5, place / 5),
            _ => ("keys", (place - 20) % 2, (place - 20) / 2),
        };
        let widget = format!("{}.key", uuid(number % PACKAGES));
        let instance =
            deck.post("instances", json!({"widget": widget, "area": area, "column": column, "row": row})).await;
        let (_, contexts) = filled.last_mut().expect("it was made");
        contexts.push(instance["context"].as_str().expect("a context").to_owned());
    }
    deck.post(&format!("profiles/{}/activate", filled[0].0), Value::Null).await;
    filled
}

/// The counts in the page since they were last taken.
struct Counts {
    frames_a_second: f64,
    /// The times between two frames, in milliseconds.
    gaps: Vec<f64>,
    pictures: f64,
    lines: f64,
}

async fn take_counts(browser: &Client, time: Duration) -> Counts {
    let value = browser.execute("return window.takeCounts();", Vec::new()).await.expect("counts");
    let number = |name: &str| value[name].as_f64().expect("a number");
    Counts {
        frames_a_second: number("frames") / time.as_secs_f64(),
        gaps: value["gaps"].as_array().expect("a list").iter().filter_map(Value::as_f64).collect(),
        pictures: number("pictures"),
        lines: number("lines"),
    }
}

/// Sends a command to the packages, presses a key repeatedly, and measures.
async fn run_scenario(
    deck: &DeckProcess,
    browser: &Client,
    packages: &mut [View],
    (command, pressed): (&str, &str),
    rows: &mut Vec<Row>,
    name: &str,
) -> (Counts, Vec<Value>) {
    let start = Instant::now();
    let before = last_message(deck).await;
    for package in packages.iter_mut() {
        package.send(json!({"command": command})).await;
    }
    sleep(WARM_UP).await;
    let _ = take_counts(browser, TIME).await;
    let (used, from) = (Usage::of_process(deck.pid()), Instant::now());
    let mut presses = Vec::new();
    while from.elapsed() < TIME {
        let start = Instant::now();
        deck.press(pressed).await;
        presses.push(start.elapsed());
        sleep(PRESS_INTERVAL).await;
    }
    let time = from.elapsed();
    let now = Usage::of_process(deck.pid());
    let counts = take_counts(browser, time).await;
    let mut reports = Vec::new();
    for package in packages.iter_mut() {
        package.send(json!({"command": "stop"})).await;
    }
    for package in packages.iter_mut() {
        reports.push(
            package.wait_for_message("a report", |report| report.get("images").is_some().then(|| report.clone())).await,
        );
    }
    let duration = start.elapsed();
    let sum = |name: &str| reports.iter().filter_map(|report| report[name].as_f64()).sum::<f64>();
    // Each request has an answer; the page's commands and the reports are counted both in and out. A press is three
    // messages.
    let expected = sum("images") + sum("requests") + sum("answers") + (reports.len() * 6 + presses.len() * 3) as f64;
    let transferred = last_message(deck).await - before;
    let row = |what: &str, unit, values| Row::new(format!("{name}: {what}"), unit, values);
    rows.push(row("messages a second, in and out", Unit::Count, vec![transferred / duration.as_secs_f64()]));
    let lost = (expected - transferred).abs() + sum("requests") - sum("answers") + sum("gaps");
    rows.push(row("messages lost", Unit::Count, vec![lost]).at_most(0.0));
    let slow = FRAMES - counts.frames_a_second;
    rows.push(row("frames a second in the page", Unit::Count, vec![counts.frames_a_second]));
    rows.push(row("frames a second below 30", Unit::Count, vec![slow.max(0.0)]).at_most(0.0));
    rows.push(Row::milliseconds(format!("{name}: a press, until the deck has answered"), &presses));
    rows.push(row("time between two frames", Unit::Milliseconds, counts.gaps.clone()));
    rows.push(row(
        "longest time between two frames",
        Unit::Milliseconds,
        counts.gaps.iter().copied().reduce(f64::max).into_iter().collect(),
    ));
    if let (Some(used), Some(now)) = (used, now) {
        let share = (now.cpu_s - used.cpu_s) / time.as_secs_f64() * 100.0;
        rows.push(row("percent of a core that the deck uses", Unit::Count, vec![share]));
        rows.push(row("the deck's memory, resident", Unit::Megabytes, vec![now.resident_mb]));
        rows.push(row("the deck's memory, resident at most since the start", Unit::Megabytes, vec![now.peak_mb]));
    }
    (counts, reports)
}

/// Returns the number of the newest message.
async fn last_message(deck: &DeckProcess) -> f64 {
    deck.get(&format!("messages?after={}", u64::MAX)).await["last"].as_f64().expect("a number")
}

async fn pictures(
    deck: &DeckProcess,
    browser: &Client,
    packages: &mut [View],
    profiles: &[(String, Vec<String>)],
) -> Vec<Row> {
    let name = &format!("100 keys, 10 pictures of {} KB a second each", picture(1).len() / 1000);
    let mut rows = Vec::new();
    let (counts, reports) = run_scenario(deck, browser, packages, ("draw", &profiles[0].1[0]), &mut rows, name).await;
    fs::write(screenshots().join("bench-deck.png"), browser.screenshot().await.expect("a picture")).expect("kept");
    let shown = counts.pictures / TIME.as_secs_f64() / PLACES as f64;
    rows.push(Row::new(
        format!("{name}: pictures a second on each of the 24 keys in the page"),
        Unit::Count,
        vec![shown],
    ));
    // Every key has to show the last picture that was sent for it.
    let mut wrong = 0.0;
    for (profile, contexts) in profiles {
        deck.post(&format!("profiles/{profile}/activate"), Value::Null).await;
        let state = deck.get("state").await;
        for context in contexts {
            let sent = reports.iter().find_map(|report| report["last"].get(context)).expect("it was drawn");
            let instance = state["instances"].as_array().into_iter().flatten().find(|one| one["context"] == *context);
            if instance.is_none_or(|instance| instance["description"].as_str() != Some(&sent.to_string())) {
                wrong += 1.0;
            }
        }
    }
    rows.push(
        Row::new(format!("{name}: keys that don't show the last picture in the end"), Unit::Count, vec![wrong])
            .at_most(0.0),
    );
    rows
}

async fn messages(deck: &DeckProcess, browser: &Client, packages: &mut [View], pressed: &str) -> Vec<Row> {
    let name = "Thousands of messages a second, the log open";
    let mut rows = Vec::new();
    let (counts, _) = run_scenario(deck, browser, packages, ("flood", pressed), &mut rows, name).await;
    rows.push(Row::new(format!("{name}: lines in the page at most"), Unit::Count, vec![counts.lines]).at_most(400.0));
    rows
}

/// Installs a package into the deck's folder of packages.
fn install(folder: &Path, uuid: &str) {
    let config = json!({
        "Author": "A", "Description": "D", "Name": uuid, "Version": "1.0.0", "UUID": uuid, "Icon": "icon.svg",
        "SettingsPath": "settings.html",
        "Runtime": {"linux": {"type": "bin", "target": "program", "MinimumVersion": "1"}},
        "CreatorCentral": {"MinimumVersion": "1", "SDKVersion": 2},
        "Widgets": [{"Name": "Key", "Icon": "icon.svg", "UUID": format!("{uuid}.key"), "States": [{"Image": "icon.svg"}]}]
    });
    fs::create_dir_all(folder).expect("a folder");
    fs::write(folder.join("PackageConfig.json"), config.to_string()).expect("written");
    fs::write(folder.join("icon.svg"), "<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 1 1'/>").expect("written");
    fs::write(folder.join("settings.html"), "<!doctype html><title>Settings</title>").expect("written");
    let program = std::env::current_exe().expect("the benchmark knows where it is");
    std::os::unix::fs::symlink(program, folder.join("program")).expect("linked");
}

/// A package's task.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Task {
    Idle,
    Draw,
    Flood,
}

/// What a package has sent and received.
#[derive(Default)]
struct Traffic {
    /// The number of the last picture, by context.
    last: BTreeMap<String, u64>,
    images: u64,
    requests: u64,
    answers: u64,
    /// Answers that didn't arrive in order.
    gaps: u64,
}

/// Runs as a package: `-port P -packageUUID U -registerEvent E -info JSON`.
pub async fn run(arguments: &[String]) {
    let [_, port, _, uuid, _, register, ..] = arguments else { panic!("not the arguments of a package") };
    let (socket, _) =
        tokio_tungstenite::connect_async(format!("ws://127.0.0.1:{port}")).await.expect("the deck listens");
    let (mut sink, mut stream) = socket.split();
    let register = json!({"event": register, "uuid": uuid}).to_string();
    sink.send(Message::text(register)).await.expect("registered");
    let pictures: Vec<String> = (0..RATE).map(picture).collect();
    let mut traffic = Traffic::default();
    let mut task = Task::Idle;
    let mut ticks = interval(Duration::from_secs(1) / RATE);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
    loop {
        tokio::select! {
            _ = ticks.tick() => {
                let requests = match task {
                    Task::Idle => continue,
                    Task::Draw => 1,
                    Task::Flood => FLOOD / RATE,
                };
                let mut messages = Vec::new();
                if task == Task::Draw {
                    for (context, number) in &mut traffic.last {
                        *number += 1;
                        traffic.images += 1;
                        let picture = &pictures[(*number % u64::from(RATE)) as usize];
                        messages.push(json!({
                            "event": "changeImage", "context": context,
                            "payload": {"image": picture, "description": number.to_string()},
                        }));
                    }
                }
                let first = traffic.last.keys().next().cloned().unwrap_or_default();
                for _ in 0..requests {
                    traffic.requests += 1;
                    let payload = json!({"n": traffic.requests});
                    messages.push(json!({"event": "setWidgetSettings", "context": first, "payload": payload}));
                }
                for message in messages {
                    sink.feed(Message::text(message.to_string())).await.expect("sent");
                }
                sink.flush().await.expect("sent");
            }
            message = stream.next() => {
                // The deck has ended.
                let Some(Ok(message)) = message else { return };
                let Message::Text(text) = message else { continue };
                let message: Value = serde_json::from_str(&text).expect("JSON");
                match message["event"].as_str() {
                    Some("widgetWillAppear") => {
                        let context = message["context"].as_str().expect("a context").to_owned();
                        traffic.last.entry(context).or_default();
                    }
                    // One more comes with every appearance, without a request.
                    Some("didReceiveWidgetSettings") if traffic.answers < traffic.requests => {
                        traffic.answers += 1;
                        traffic.gaps += u64::from(message["payload"]["n"] != traffic.answers);
                        if task == Task::Idle && traffic.answers == traffic.requests {
                            sink.send(report(uuid, &mut traffic)).await.expect("sent");
                        }
                    }
                    Some("sendToPackage") => match message["payload"]["command"].as_str() {
                        Some("draw") => task = Task::Draw,
                        Some("flood") => task = Task::Flood,
                        _ => {
                            task = Task::Idle;
                            if traffic.answers == traffic.requests {
                                sink.send(report(uuid, &mut traffic)).await.expect("sent");
                            }
                        }
                    },
                    _ => {}
                }
            }
        }
    }
}

/// Returns the report of the traffic after all answers have arrived, and resets the counts.
fn report(uuid: &str, traffic: &mut Traffic) -> Message {
    let Traffic { last, images, requests, answers, gaps } = std::mem::take(traffic);
    let payload = json!({"last": last, "images": images, "requests": requests, "answers": answers, "gaps": gaps});
    traffic.last = last;
    Message::text(json!({"event": "sendToPropertyView", "context": uuid, "payload": payload}).to_string())
}

/// Returns a picture of 150 x 108 pixels, with the file size of a photograph, as the data URI of a PNG.
fn picture(number: u32) -> String {
    let (width, height) = (150_u32, 108_u32);
    let mut noise = number.wrapping_mul(2_654_435_761) | 1;
    let pixels: Vec<u8> = (0..width * height)
        .flat_map(|at| {
            noise ^= noise << 13;
            noise ^= noise >> 17;
            noise ^= noise << 5;
            let (x, y) = (at % width, at / width);
            let fine = noise % 8;
            [x + fine, y + fine + number * 10, (x + y) / 2 + noise % 5].map(|value| (value % 256) as u8)
        })
        .collect();
    let mut file = Vec::new();
    let mut encoder = png::Encoder::new(&mut file, width, height);
    encoder.set_color(png::ColorType::Rgb);
    encoder.write_header().and_then(|mut writer| writer.write_image_data(&pixels)).expect("encoded");
    format!("data:image/png;base64,{}", BASE64_STANDARD.encode(file))
}
