//! What a user does with the Panel itself, in a real browser: function keys, layouts, undo, profiles, the look of a key,
//! sleep, by mouse, by touch and by keyboard; and what axe-core has to say to all of it. Every step leaves a picture in
//! `target/screenshots`.

#![cfg(target_os = "linux")]

mod axe;
mod driver;

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;
use std::time::Duration;

use acceptance::{DeckHome, DeckProcess, Launch, SOON, bundle, clock_bundle, http_client, screenshots, until};
use driver::Driver;
use fantoccini::actions::{
    Actions, InputSource as _, KeyAction, KeyActions, MOUSE_BUTTON_LEFT, MouseActions, PointerAction, TouchActions,
};
use fantoccini::elements::Element;
use fantoccini::key::Key;
use fantoccini::{Client, Locator};
use serde_json::{Value, json};
use spotify_sim::{Config, Sim};

/// How long the pointer takes on its way, so that it passes what lies between.
const MOVE: Duration = Duration::from_millis(100);

/// Puts a package where the host looks for it: a process that only waits, with a widget of two states and one of two
/// layouts.
fn install(home: &DeckHome) {
    let folder = home.data().join("packages/com.example.panel");
    let config = json!({
        "Author": "A", "Description": "D", "Name": "Panel test", "Version": "1.0.0", "UUID": "com.example.panel",
        "Icon": "icon.svg", "Runtime": {"linux": {"type": "bin", "target": "run.sh", "MinimumVersion": "1"}},
        "CreatorCentral": {"MinimumVersion": "1", "SDKVersion": 2},
        "Widgets": [
            {"Name": "Toggle", "Icon": "icon.svg", "UUID": "com.example.panel.toggle",
             "States": [{"Title": "off", "Image": "icon.svg"}, {"Title": "on", "Image": "icon.svg"}]},
            {"Name": "Wide", "Icon": "icon.svg", "UUID": "com.example.panel.wide", "States": [{"Image": "icon.svg"}],
             "Layouts": [{"Title": "Large", "Width": 3, "Height": 2}, {"Title": "Small", "Width": 2, "Height": 1}]}
        ]
    });
    let icon = "<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 150 108'><rect width='150' height='108' fill='#175'/></svg>";
    fs::create_dir_all(&folder).unwrap();
    fs::write(folder.join("PackageConfig.json"), config.to_string()).unwrap();
    fs::write(folder.join("icon.svg"), icon).unwrap();
    fs::write(folder.join("run.sh"), "#!/bin/sh\nexec sleep 3600\n").unwrap();
    fs::set_permissions(folder.join("run.sh"), fs::Permissions::from_mode(0o755)).unwrap();
}

/// The user: looks, points, types, and keeps pictures.
struct User {
    browser: Client,
    /// Where ChromeDriver takes commands of DevTools for this browser.
    devtools: String,
    folder: PathBuf,
    story: &'static str,
    pictures: u32,
    /// What axe-core has found, each with where the user was.
    faults: Vec<String>,
}

impl User {
    async fn sees(&self, selector: &str) -> Element {
        let element = self.browser.wait().at_most(SOON).for_element(Locator::Css(selector)).await;
        element.unwrap_or_else(|error| panic!("{selector}: {error}"))
    }

    async fn count(&self, selector: &str, wanted: usize) {
        until(&format!("{wanted} of {selector}"), async || {
            let found = self.browser.find_all(Locator::Css(selector)).await.map_err(|error| error.to_string())?.len();
            if found == wanted { Ok(()) } else { Err(format!("{found} are there")) }
        })
        .await;
    }

    async fn clicks(&self, selector: &str) {
        self.sees(selector).await.click().await.unwrap_or_else(|error| panic!("{selector}: {error}"));
    }

    /// Changes to one of the page's modes: `edit` or `use`.
    async fn changes_to(&self, mode: &str) {
        self.clicks(&format!("#mode-{mode}")).await;
        self.sees(&format!("body[data-mode='{mode}']")).await;
    }

    /// Types on what has the focus.
    async fn types(&self, keys: &str) {
        self.browser.active_element().await.unwrap().send_keys(keys).await.unwrap();
    }

    async fn drags(&self, widget: &str, to: &str) {
        self.carries(&format!(".widget[data-widget='com.example.panel.{widget}']"), to).await;
    }

    async fn carries(&self, from: &str, to: &str) {
        let (from, to) = (over(self.sees(from).await), over(self.sees(to).await));
        self.does(mouse(&[from, DOWN, to, UP])).await;
    }

    async fn does(&self, hands: impl Into<Actions>) {
        self.browser.perform_actions(hands).await.expect("the hands obey");
    }

    async fn keeps(&mut self, name: &str) {
        self.pictures += 1;
        let picture = self.browser.screenshot().await.expect("a screenshot");
        let file = format!("panel-{}-{:02}-{name}.png", self.story, self.pictures);
        fs::write(self.folder.join(file), picture).expect("it is kept");
    }

    /// Waits until a screen reader has been given these words.
    async fn says(&self, words: &str) {
        until(words, async || {
            let said = self.browser.execute("return document.getElementById('announcer').textContent", vec![]).await;
            match said.map_err(|error| error.to_string())?.as_str() {
                Some(said) if said.trim_end() == words => Ok(()),
                other => Err(format!("{other:?}")),
            }
        })
        .await;
    }

    /// Selects a key of the Spotify package without pressing it.
    async fn selects(&self, widget: &str) {
        let script = format!(
            "const done = arguments[0]; import('/assets/store.js').then(({{ store }}) => {{
               store.select([...store.instances.values()].find(({{ widget }}) => widget.endsWith('.{widget}')).context);
               done();
             }});"
        );
        self.browser.execute_async(&script, vec![]).await.unwrap();
    }

    /// Makes the page hear that a package asks to open a page of the web.
    async fn asks_to_open(&self, package: &str, url: &str) {
        let script = format!(
            "const done = arguments[0]; import('/assets/links.js').then(({{ openUrl }}) => {{
               openUrl('{url}', '{package}');
               done();
             }});"
        );
        self.browser.execute_async(&script, vec![]).await.unwrap();
    }

    async fn devtools(&self, command: &str, parameters: Value) {
        let body = json!({"cmd": command, "params": parameters});
        let answer = http_client().post(&self.devtools).json(&body).send().await.expect("ChromeDriver answers");
        assert!(answer.status().is_success(), "{command}: {}", answer.text().await.unwrap_or_default());
    }

    /// Sets what the system of the user asks of pages, such as `prefers-color-scheme`.
    async fn prefers(&self, features: &[(&str, &str)]) {
        let features: Vec<_> = features.iter().map(|(name, value)| json!({"name": name, "value": value})).collect();
        self.devtools("Emulation.setEmulatedMedia", json!({"features": features})).await;
    }

    /// Gives the page a window of this size, in CSS pixels; a small one is also what a page sees that is zoomed.
    async fn sits_before(&self, width: u32, height: u32) {
        let size = json!({"width": width, "height": height, "deviceScaleFactor": 1, "mobile": false});
        self.devtools("Emulation.setDeviceMetricsOverride", size).await;
    }

    /// Has axe-core look at the page, dark and light, and keeps pictures of both.
    async fn is_served(&mut self, state: &str) {
        for scheme in ["light", "dark"] {
            self.prefers(&[("prefers-color-scheme", scheme)]).await;
            let found = axe::faults(&self.browser).await;
            self.faults.extend(found.into_iter().map(|fault| format!("{state}, {scheme}: {fault}")));
            self.keeps(&format!("{state}-{scheme}")).await;
        }
    }
}

async fn user(driver: &Driver, story: &'static str, page: &str) -> User {
    let browser = driver.browser().await;
    let session = browser.session_id().await.unwrap().expect("a session");
    let devtools = format!("{}/session/{session}/goog/cdp/execute", driver.address);
    driver::enter(&browser, page).await;
    User { browser, devtools, folder: screenshots(), story, pictures: 0, faults: Vec::new() }
}

const DOWN: PointerAction = PointerAction::Down { button: MOUSE_BUTTON_LEFT };
const UP: PointerAction = PointerAction::Up { button: MOUSE_BUTTON_LEFT };

/// To the middle of an element, as slowly as a hand.
fn over(element: Element) -> PointerAction {
    PointerAction::MoveToElement { element, duration: Some(MOVE), x: 0.0, y: 0.0 }
}

fn by(x: f64, y: f64) -> PointerAction {
    PointerAction::MoveBy { duration: Some(MOVE), x, y }
}

fn mouse(actions: &[PointerAction]) -> MouseActions {
    actions.iter().cloned().fold(MouseActions::new("mouse".to_owned()), MouseActions::then)
}

fn finger(name: &str, actions: &[PointerAction]) -> TouchActions {
    actions.iter().cloned().fold(TouchActions::new(name.to_owned()), TouchActions::then)
}

fn keyboard(actions: &[KeyAction]) -> KeyActions {
    actions.iter().cloned().fold(KeyActions::new("keyboard".to_owned()), KeyActions::then)
}

/// What a package has heard of its keys, up to a point.
struct Ear<'a> {
    deck: &'a DeckProcess,
    last: u64,
}

impl Ear<'_> {
    /// Waits until its package has heard this since the last time, and nothing else: `action…` of each key (by the last
    /// part of the event), in the order of the keys.
    async fn hears(&mut self, wanted: &[(&str, &str)]) {
        let what = format!("{wanted:?}");
        let mut wanted: Vec<_> =
            wanted.iter().map(|(event, key)| (format!("action{event}"), (*key).to_owned())).collect();
        wanted.sort_by(|one, other| one.1.cmp(&other.1));
        self.last = until(&what, async || {
            let answer = self.deck.get(&format!("messages?after={}", self.last)).await;
            let messages = answer["messages"].as_array().expect("messages");
            let heard = messages.iter().filter_map(|message| {
                let event = message["event"].as_str().filter(|event| event.starts_with("action"))?;
                Some((event.to_owned(), message["context"].as_str()?.to_owned()))
            });
            let mut heard: Vec<_> = heard.collect();
            heard.sort_by(|one, other| one.1.cmp(&other.1));
            if heard == wanted { Ok(answer["last"].as_u64().unwrap()) } else { Err(format!("{heard:?}")) }
        })
        .await;
    }
}

fn cell(area: &str, column: u8, row: u8) -> String {
    format!(".cell[data-area='{area}'][data-column='{column}'][data-row='{row}']")
}

#[tokio::test]
async fn keys_are_placed_resized_carried_and_brought_back() {
    let spotify = Sim::start(Config::default()).await.unwrap();
    let home = DeckHome::new();
    install(&home);
    let deck = home.launch(&spotify, Launch::default()).await;
    let driver = Driver::start().await;
    let mut user = user(&driver, "keys", deck.page()).await;

    user.drags("toggle", &cell("keys", 1, 0)).await;
    user.sees("#function-keys .key[data-column='1'][data-row='0']").await;
    user.drags("wide", &cell("keys", 0, 1)).await;
    user.count(".key", 1).await;

    // A widget of several layouts asks for the layout when it is dropped.
    user.drags("wide", &cell("grid", 0, 1)).await;
    user.sees(".key[aria-colspan='3']").await;
    user.keeps("which-layout").await;
    user.clicks(".layout-popup:popover-open label:nth-of-type(2)").await;
    user.sees(".key[aria-colspan='2'][aria-rowspan='1']").await;
    user.clicks("#property-tab-look").await;
    user.sees("#layout-field").await.select_by_value("0").await.unwrap();
    user.sees(".key[aria-colspan='3'][aria-rowspan='2']").await;
    user.keeps("large-again").await;

    // By the mouse: carried by its corner, and by what is taken.
    user.carries("#panel .key", &cell("grid", 3, 3)).await;
    user.sees("#panel .key[data-column='2'][data-row='2']").await;
    user.carries("#function-keys .key", "#panel .key").await;
    user.sees("#function-keys .key[data-column='1'][data-row='0']").await;

    // By the keyboard: over the list to the Panel, and to the end of a row.
    user.browser.refresh().await.unwrap();
    user.count(".key", 2).await;
    user.types(&Key::Tab.to_string()).await;
    user.sees("#skip-link:focus").await;
    user.keeps("skip").await;
    user.types(&Key::Enter.to_string()).await;
    user.sees("#panel .cell[data-column='0'][data-row='0']:focus").await;
    user.types(&Key::End.to_string()).await;
    user.sees("#panel .cell[data-column='4'][data-row='0']:focus").await;

    // Picked up, carried onto the grid, put down, removed, and brought back.
    user.browser.execute("document.querySelector('#function-keys .key').focus()", vec![]).await.unwrap();
    user.types("m").await;
    user.types(&Key::Left.to_string()).await;
    user.types(&Key::Left.to_string()).await;
    user.keeps("carried").await;
    user.types(&Key::Enter.to_string()).await;
    user.sees("#panel .key[data-column='4'][data-row='0']:focus").await;
    user.types(&Key::Delete.to_string()).await;
    user.count(".key", 1).await;
    user.sees("#panel .cell[data-column='4'][data-row='0']:focus").await;
    user.keeps("removed").await;
    user.types(&format!("{}z", Key::Control)).await;
    user.sees("#panel .key[data-column='4'][data-row='0']:focus").await;
    user.says("Undone: remove a key").await;
    user.clicks("#undo-button").await;
    user.sees("#function-keys .key[data-column='1'][data-row='0']").await;
    user.clicks("#redo-button").await;
    user.sees("#panel .key[data-column='4'][data-row='0'][aria-label^='Column 5, row 1: Toggle']").await;

    user.does(finger(
        "one",
        &[over(user.sees(".widget-icon").await), DOWN, over(user.sees(&cell("keys", 0, 1)).await), UP],
    ))
    .await;
    user.sees("#function-keys .key[data-column='0'][data-row='1']").await;

    // With the button, which goes with the key; and from the list, by the keyboard and by two clicks.
    user.clicks("#panel .key[aria-colspan='3']").await;
    user.clicks("#delete-button").await;
    user.sees("#panel .cell[data-column='2'][data-row='2']:focus").await;
    let list = ".widget[data-widget='com.example.panel.toggle']";
    user.sees(list).await.send_keys(&Key::Enter.to_string()).await.unwrap();
    user.sees("#panel .key[data-column='0'][data-row='0']").await;
    user.says("Toggle is on the Panel, column 1, row 1.").await;
    user.does(mouse(&[over(user.sees(list).await), DOWN, UP, DOWN, UP])).await;
    user.sees("#panel .key[data-column='1'][data-row='0']").await;

    // The layout that is chosen in the list is what is dragged.
    user.clicks(".layout-picker button").await;
    user.clicks(".layout-popup:popover-open label:nth-of-type(2)").await;
    user.drags("wide", &cell("grid", 0, 3)).await;
    user.sees("#panel .key[aria-colspan='2'][data-row='3']").await;
    user.keeps("small-at-once").await;
    user.browser.close().await.unwrap();
}

#[tokio::test]
async fn keys_are_pressed_and_held_by_mouse_touch_and_keyboard() {
    let spotify = Sim::start(Config::default()).await.unwrap();
    let home = DeckHome::new();
    let deck = home.launch(&spotify, Launch { bundles: &[clock_bundle()], ..Launch::default() }).await;
    let (a, b) = (deck.place("com.example.clock.time", 1, 1).await, deck.place("com.example.clock.time", 3, 2).await);
    for context in [&a, &b] {
        deck.instance_until(context, "a time", |instance| instance["image"].is_string()).await;
    }
    let driver = Driver::start().await;
    let mut user = user(&driver, "hands", deck.page()).await;
    let (key, other) = (format!(".key[data-context='{a}']"), format!(".key[data-context='{b}']"));
    user.changes_to("use").await;
    let (here, there) = (over(user.sees(&key).await), over(user.sees(&other).await));
    let mut package = Ear { deck: &deck, last: 0 };
    let (a, b) = (a.as_str(), b.as_str());
    let (tapped, let_go) = ([("Down", a), ("Up", a), ("Triggered", a)], [("Down", a), ("Up", a)]);

    // By the mouse: held, released, and slid off, by which nothing moves as long as it comes back.
    user.does(mouse(&[here.clone(), DOWN])).await;
    package.hears(&tapped[..1]).await;
    user.sees(".key[data-pressed]").await;
    user.keeps("held").await;
    user.does(mouse(&[UP])).await;
    package.hears(&tapped[1..]).await;
    user.does(mouse(&[here.clone(), DOWN, by(0.0, 40.0), here.clone(), UP])).await;
    package.hears(&let_go).await;
    user.sees(&format!("{key}[data-column='1'][data-row='1']:not([aria-selected])")).await;

    // By fingers: one that rolls a little, one that slides off, and two at once.
    user.does(finger("one", &[here.clone(), DOWN, by(5.0, 5.0), UP])).await;
    package.hears(&tapped).await;
    user.does(finger("one", &[here.clone(), DOWN, by(60.0, 0.0), here.clone(), UP])).await;
    package.hears(&let_go).await;
    let two = finger("two", &[there.clone(), DOWN, by(1.0, 0.0), UP]);
    user.does(Actions::from(finger("one", &[here.clone(), DOWN, by(1.0, 0.0), UP])).and(two)).await;
    package.hears(&[("Down", a), ("Up", a), ("Triggered", a), ("Down", b), ("Up", b), ("Triggered", b)]).await;

    // By the keyboard: a key that repeats is held once, and one that loses the focus is let go.
    user.browser.execute(&format!("document.querySelector(\"{key}\").focus()"), vec![]).await.unwrap();
    for press in [' ', char::from(Key::Enter)] {
        let down = KeyAction::Down { value: press };
        user.does(keyboard(&[down.clone(), down.clone(), down])).await;
        package.hears(&tapped[..1]).await;
        user.does(keyboard(&[KeyAction::Up { value: press }])).await;
        package.hears(&tapped[1..]).await;
    }
    user.does(keyboard(&[KeyAction::Down { value: ' ' }])).await;
    package.hears(&tapped[..1]).await;
    user.browser.execute("document.activeElement.blur()", vec![]).await.unwrap();
    package.hears(&let_go[1..]).await;
    user.does(keyboard(&[KeyAction::Up { value: ' ' }])).await;

    // What a package opens after a press needs no more clicks, once. Everything else is asked, and counted.
    let clock = "com.example.clock";
    let page = user.browser.window().await.unwrap();
    let browser = user.browser.clone();
    let tabs = async || browser.windows().await.unwrap();
    user.does(mouse(&[here, DOWN, UP])).await;
    package.hears(&tapped).await;
    user.asks_to_open(clock, &spotify.page_url()).await;
    let opened = tabs().await;
    assert_eq!(opened.len(), 2);
    for tab in opened.into_iter().filter(|tab| *tab != page) {
        user.browser.switch_to_window(tab).await.unwrap();
        user.browser.close_window().await.unwrap();
    }
    user.browser.switch_to_window(page).await.unwrap();
    user.keeps("opened").await;
    for url in ["https://xn--bcher-kva.example/a?b=c", "https://other.example/", "javascript:alert(1)"] {
        user.asks_to_open(clock, url).await;
    }
    let card = user.sees(".toast.card").await.text().await.unwrap();
    for part in
        ["Clock wants", "\nxn--bcher-kva.example\n", "https://xn--bcher-kva.example/a?b=c", "easily", "for 1 more"]
    {
        assert!(card.contains(part), "{part:?} in {card:?}");
    }
    user.keeps("asked").await;
    user.clicks(".toast.card .dialog-buttons button:first-child").await;
    user.asks_to_open(clock, "https://again.example/").await;
    user.count(".toast.card", 0).await;
    assert_eq!(tabs().await.len(), 1, "nothing else was opened");

    // A finger that scrolls presses nothing and drags nothing.
    user.changes_to("edit").await;
    user.sits_before(400, 500).await;
    let list = over(user.sees(".widget-text").await);
    user.browser
        .execute("document.querySelector('.widget').scrollIntoView({ block: 'center' })", vec![])
        .await
        .unwrap();
    let scrolled = async || user.browser.execute("return scrollY", vec![]).await.unwrap().as_f64().unwrap();
    let before = scrolled().await;
    user.does(finger("one", &[list, DOWN, by(0.0, 30.0), by(0.0, 30.0), UP])).await;
    until("the page is scrolled", async || match scrolled().await {
        now if now < before => Ok(()),
        now => Err(format!("{before} to {now}")),
    })
    .await;
    user.count(".key", 2).await;
    user.count(".drag-ghost", 0).await;
    user.sits_before(1400, 1000).await;
    user.changes_to("use").await;

    // A page that goes in the middle of a press takes its finger with it.
    user.does(mouse(&[over(user.sees(&other).await), DOWN])).await;
    package.hears(&[("Down", b)]).await;
    user.browser.goto("about:blank").await.unwrap();
    package.hears(&[("Up", b)]).await;
    deck.press(a).await;
    package.hears(&tapped).await;
    user.browser.close().await.unwrap();
}

#[tokio::test]
async fn profiles_sleep_and_the_look_of_a_key() {
    let spotify = Sim::start(Config::default()).await.unwrap();
    let home = DeckHome::new();
    install(&home);
    let deck = home.launch(&spotify, Launch::default()).await;
    let driver = Driver::start().await;
    let mut user = user(&driver, "profiles", deck.page()).await;
    user.drags("toggle", &cell("grid", 0, 0)).await;
    user.clicks(".key").await;

    user.clicks("#property-tab-look").await;
    user.sees("#font-field").await.select_by_value("Georgia").await.unwrap();
    user.clicks(".style-bold").await;
    user.sees(".style-bold[aria-pressed='true']").await;
    let icon = home.folder().join("mine.svg");
    fs::write(&icon, "<svg xmlns='http://www.w3.org/2000/svg'><rect width='99' height='99' fill='red'/></svg>")
        .unwrap();
    user.sees("#icon-file-0").await.send_keys(icon.to_str().unwrap()).await.unwrap();
    user.sees(".key img[src^='data:image/svg+xml;base64,']").await;
    user.sees("#state-field").await.select_by_value("1").await.unwrap();
    user.sees(".key[aria-label*=', on']").await;
    user.keeps("look").await;

    user.sees("#title-field").await.clear().await.unwrap();
    user.sees("#title-field").await.send_keys("Lamp").await.unwrap();
    user.sees(".key[aria-label='Column 1, row 1: Toggle, state 2 of 2, Lamp']").await;
    user.clicks("#title-field").await;
    for _ in "Lamp".chars() {
        user.types(&Key::Backspace.to_string()).await;
    }
    user.sees(".key[aria-label$=', on']").await;

    user.clicks("#profile-rename").await;
    user.sees("#profile-field").await.clear().await.unwrap();
    user.sees("#profile-field").await.send_keys(&format!("Studio{}", Key::Enter)).await.unwrap();
    user.sees("#profile-strip button[title='Studio']").await;
    user.clicks("#profile-copy").await;
    user.clicks("#profile-dialog button[type='submit']").await;
    user.count("#profile-strip button", 2).await;
    user.sees("#profile-strip button:nth-child(2)[aria-current='true']").await;
    user.count(".key", 1).await;
    user.keeps("copied").await;
    user.clicks("#profile-delete").await;
    user.count("#profile-strip button", 1).await;
    user.clicks(".toast > button:not(.icon-button)").await;
    user.count("#profile-strip button", 2).await;
    user.clicks("#profile-strip button:nth-child(1)").await;
    user.sees("#profile-strip button:nth-child(1)[aria-current='true']").await;

    user.clicks("#sleep-button").await;
    user.sees("#device[data-asleep] #wake-up:focus").await;
    user.keeps("asleep").await;
    user.clicks("#wake-up").await;
    user.sees("#device:not([data-asleep])").await;
    let names: Value = user
        .browser
        .execute("return document.querySelector('#profile-strip [aria-current]').textContent", vec![])
        .await
        .unwrap();
    assert_eq!(names, "Studio");
    user.browser.close().await.unwrap();
}

/// A file of a package with something to find fault with: its icon is missing.
fn odd_package(home: &DeckHome) -> PathBuf {
    let config = json!({
        "Author": "A", "Description": "A package that is not quite right.", "Name": "Odd", "Version": "1.0.0",
        "UUID": "com.example.odd", "Icon": "missing.png", "URL": "https://example.com/odd",
        "Runtime": {"win": {"type": "bin", "target": "run.exe", "MinimumVersion": "10"}},
        "CreatorCentral": {"MinimumVersion": "1", "SDKVersion": 2},
        "Widgets": [{"Name": "W", "Icon": "missing.png", "UUID": "com.example.odd.w", "States": [{"Image": "none.png"}]}]
    });
    let entry = |path: &str, content: &[u8]| host_sdk::bundle::Entry {
        path: path.to_owned(),
        content: content.to_vec(),
        executable: false,
    };
    let entries = vec![entry("PackageConfig.json", config.to_string().as_bytes()), entry("run.exe", b"MZ")];
    let file = home.folder().join("odd.creatorCentral");
    host_sdk::bundle::pack(fs::File::create(&file).unwrap(), "com.example.odd", entries).unwrap();
    file
}

#[tokio::test]
async fn no_state_of_the_page_has_a_serious_accessibility_fault() {
    let spotify = Sim::start(Config::default()).await.unwrap();
    let home = DeckHome::new();
    let deck = home.launch(&spotify, Launch::default()).await;
    let driver = Driver::start().await;
    let mut user = user(&driver, "axe", deck.page()).await;
    user.sees(".widget-groups .empty").await;
    // It finds what there is to find.
    user.browser
        .execute("document.querySelector('main').append(document.createElement('button'))", vec![])
        .await
        .unwrap();
    let planted = axe::faults(&user.browser).await;
    assert!(planted.len() == 1 && planted[0].starts_with("button-name"), "{planted:?}");
    user.browser.execute("document.querySelector('main').lastChild.remove()", vec![]).await.unwrap();
    user.is_served("no-packages").await;

    user.sees("#import-file").await.send_keys(odd_package(&home).to_str().unwrap()).await.unwrap();
    user.sees("#import-dialog[open] .import-findings li").await;
    user.is_served("import").await;
    user.clicks("#import-dialog .dialog-buttons button").await;

    deck.install(bundle()).await;
    user.sees(".widget[data-widget='com.spotify-widgets.playing-now']").await;
    user.sees("#starter:not([hidden])").await;
    user.is_served("starter").await;
    user.clicks("#starter-place").await;
    user.count(".key", 10).await;
    user.is_served("starter-placed").await;
    user.clicks("#undo-button").await;
    user.count(".key", 0).await;
    user.clicks("#starter-decline").await;
    user.sees("#panel-hint:not([hidden])").await;
    user.is_served("empty-panel").await;
    for (widget, column, row) in [("play-pause", 0, 0), ("playing-now", 0, 1), ("next", 4, 3)] {
        let context = deck.place(&format!("com.spotify-widgets.{widget}"), column, row).await;
        deck.shows(&context, "Link Spotify in Settings").await;
    }
    user.count(".key", 3).await;
    user.is_served("keys").await;

    // Selected without a press: that would open the settings.
    user.selects("playing-now").await;
    user.sees("#property-frame").await;
    user.clicks("#property-tab-look").await;
    user.is_served("look").await;
    user.clicks("#property-tab-test").await;
    user.is_served("test").await;
    user.clicks("#property-tab-settings").await;
    user.sees("#property-frame").await.enter_frame().await.unwrap();
    user.sees("#settings .label").await;
    user.is_served("property-view").await;
    user.browser.enter_parent_frame().await.unwrap();

    user.changes_to("use").await;
    user.is_served("use").await;
    user.changes_to("edit").await;
    user.clicks("#key-menu-button").await;
    user.sees(".menu").await;
    user.is_served("key-menu").await;
    user.types("m").await;
    user.types(&Key::Enter.to_string()).await;
    user.is_served("move-to").await;
    user.types(&Key::Escape.to_string()).await;
    user.clicks(".widget[data-widget='com.spotify-widgets.next']").await;
    user.sees(".cell[data-free]").await;
    user.is_served("offered").await;
    user.types(&Key::Escape.to_string()).await;
    let multi_action = user.sees(".widget[data-widget='creator-deck:multi-action']").await;
    multi_action.send_keys(&Key::Enter.to_string()).await.unwrap();
    for step in ["stepAddPause", "stepAddProfile", "stepAddUrl"] {
        user.clicks(&format!("[data-add='{step}']")).await;
        user.sees(&format!("[data-add='{step}']")).await;
    }
    user.count(".steps li", 3).await;
    user.is_served("multi-action").await;
    user.clicks("#delete-button").await;
    user.count(".key", 3).await;
    user.sees("#widget-search").await.send_keys("volume").await.unwrap();
    user.is_served("search").await;
    user.types("xyz").await;
    user.is_served("search-finds-nothing").await;
    user.types(&Key::Escape.to_string()).await;
    user.clicks(".layout-picker button").await;
    user.sees(".layout-popup:popover-open").await;
    user.is_served("layouts").await;
    user.types(&Key::Escape.to_string()).await;
    user.clicks("#profile-new").await;
    user.is_served("profile").await;
    user.clicks("#profile-dialog button[type='submit']").await;
    user.count("#profile-strip button", 2).await;
    user.clicks("#profile-strip button:nth-child(1)").await;
    user.count(".key", 3).await;

    user.clicks("#log-button").await;
    user.sees(".log-lines li[data-direction]").await;
    user.is_served("log").await;
    user.clicks("#log-button").await;
    user.clicks("[data-menu]").await;
    user.is_served("package-menu").await;
    user.clicks(".package-menu:popover-open button:nth-of-type(4)").await;
    user.sees("#confirm-dialog[open]").await;
    user.is_served("confirm").await;
    user.clicks("#confirm-dialog .dialog-buttons button").await;

    user.asks_to_open("com.spotify-widgets", "https://accounts.example.com/authorize?client_id=1").await;
    user.is_served("asks").await;
    user.clicks(".toast.card .dialog-buttons button:first-child").await;
    user.clicks("#sleep-button").await;
    user.sees("#wake-up").await;
    user.is_served("asleep").await;
    user.clicks("#wake-up").await;

    user.clicks("#settings-button").await;
    user.sees("#settings-frame").await;
    user.is_served("settings").await;
    user.sees("#settings-frame").await.enter_frame().await.unwrap();
    user.sees("#redirect-uri").await;
    user.is_served("settings-page").await;
    user.browser.enter_parent_frame().await.unwrap();
    user.clicks("[data-package='deck']").await;
    let language = user.sees("#deck-language").await;
    language.select_by_value("de").await.unwrap();
    user.sees(".deck-restart:not([hidden])").await;
    user.is_served("deck-settings").await;
    language.select_by_value("en").await.unwrap();
    user.sees(".deck-restart[hidden]").await;
    user.clicks("#settings-close").await;

    // A window of half the size is what 200 % makes of an ordinary one. No key becomes too small to be hit.
    user.selects("playing-now").await;
    for (name, width, height, least) in [("zoomed", 700, 500, 60), ("narrow", 400, 800, 44), ("tiny", 320, 640, 36)] {
        user.sits_before(width, height).await;
        user.is_served(name).await;
        let script = "const box = document.querySelector('.cell').getBoundingClientRect(); \
            return [box.height, document.documentElement.scrollWidth - document.documentElement.clientWidth]";
        let seen = user.browser.execute(script, vec![]).await.unwrap();
        assert!(seen[0].as_f64() >= Some(f64::from(least)), "{name}: {seen}");
        assert_eq!(seen[1], 0, "{name}: nothing lies beyond the window's side");
    }
    user.sits_before(1400, 1000).await;
    user.clicks("[data-menu]").await;
    user.clicks(".package-menu:popover-open button:nth-of-type(4)").await;
    user.clicks("#keep-settings").await;
    user.clicks("#confirm-dialog .danger").await;
    user.count(".key [data-missing='package']", 3).await;
    user.clicks(".key[aria-colspan='3']").await;
    user.sees("#import-package").await;
    user.is_served("placeholders").await;
    user.prefers(&[("forced-colors", "active"), ("prefers-reduced-motion", "reduce")]).await;
    user.keeps("high-contrast").await;
    assert!(user.faults.is_empty(), "{}", user.faults.join("\n"));
    user.browser.close().await.unwrap();
}
