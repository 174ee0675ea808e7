//! Tests of the Panel in a real browser, by mouse, touch and keyboard: function keys, layouts, undo, profiles, the look of a
//! key and sleep; and of its accessibility with axe-core. Every step saves a screenshot in `target/screenshots`.

#![cfg(target_os = "linux")]

mod axe;
mod driver;

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;
use std::time::Duration;

use acceptance::{DeckHome, DeckProcess, Launch, TIMEOUT, bundle, clock_bundle, http_client, screenshots, wait_until};
use driver::Driver;
use fantoccini::actions::{
    Actions, InputSource as _, KeyAction, KeyActions, MOUSE_BUTTON_LEFT, MouseActions, PointerAction, TouchActions,
};
use fantoccini::elements::Element;
use fantoccini::key::Key;
use fantoccini::{Client, Locator};
use serde_json::{Value, json};
use spotify_sim::{Config, Sim};

/// The duration of a pointer's move, so that it passes the elements on its way.
const MOVE: Duration = Duration::from_millis(100);

/// Installs a package whose process only waits, with a widget of two states and one of two layouts.
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

/// A user who controls a browser and saves screenshots.
struct User {
    browser: Client,
    /// ChromeDriver's address for DevTools commands to this browser.
    devtools: String,
    folder: PathBuf,
    /// The prefix of the screenshots' names.
    scenario: &'static str,
    screenshots: u32,
    /// The faults that axe-core has found, each with the state of the page.
    faults: Vec<String>,
}

impl User {
    async fn find(&self, selector: &str) -> Element {
        let element = self.browser.wait().at_most(TIMEOUT).for_element(Locator::Css(selector)).await;
        element.unwrap_or_else(|error| panic!("{selector}: {error}"))
    }

    /// Waits until there are `count` elements.
    async fn wait_for_count(&self, selector: &str, count: usize) {
        wait_until(&format!("{count} of {selector}"), async || {
            let found = self.browser.find_all(Locator::Css(selector)).await.map_err(|error| error.to_string())?.len();
            if found == count { Ok(()) } else { Err(format!("{found} found")) }
        })
        .await;
    }

    async fn click(&self, selector: &str) {
        self.find(selector).await.click().await.unwrap_or_else(|error| panic!("{selector}: {error}"));
    }

    /// Switches to one of the page's modes: `edit` or `use`.
    async fn switch_mode(&self, mode: &str) {
        self.click(&format!("#mode-{mode}")).await;
        self.find(&format!("body[data-mode='{mode}']")).await;
    }

    /// Sends keys to the focused element.
    async fn send_keys(&self, keys: &str) {
        self.browser.active_element().await.unwrap().send_keys(keys).await.unwrap();
    }

    async fn drag_widget(&self, widget: &str, to: &str) {
        self.drag(&format!(".widget[data-widget='com.example.panel.{widget}']"), to).await;
    }

    async fn drag(&self, from: &str, to: &str) {
        let (from, to) = (move_to(self.find(from).await), move_to(self.find(to).await));
        self.perform(mouse(&[from, DOWN, to, UP])).await;
    }

    async fn perform(&self, actions: impl Into<Actions>) {
        self.browser.perform_actions(actions).await.expect("the actions are performed");
    }

    async fn screenshot(&mut self, name: &str) {
        self.screenshots += 1;
        let picture = self.browser.screenshot().await.expect("a screenshot");
        let file = format!("panel-{}-{:02}-{name}.png", self.scenario, self.screenshots);
        fs::write(self.folder.join(file), picture).expect("it is saved");
    }

    /// Waits until the page announces these words to screen readers.
    async fn wait_for_announcement(&self, words: &str) {
        wait_until(words, async || {
            let text = self.browser.execute("return document.getElementById('announcer').textContent", vec![]).await;
            match text.map_err(|error| error.to_string())?.as_str() {
                Some(text) if text.trim_end() == words => Ok(()),
                other => Err(format!("{other:?}")),
            }
        })
        .await;
    }

    /// Selects a key of the Spotify package without pressing it.
    async fn select_key(&self, widget: &str) {
        let script = format!(
            "const done = arguments[0]; import('/assets/store.js').then(({{ store }}) => {{
               store.select([...store.instances.values()].find(({{ widget }}) => widget.endsWith('.{widget}')).context);
               done();
             }});"
        );
        self.browser.execute_async(&script, vec![]).await.unwrap();
    }

    /// Simulates that a package requests to open a web page.
    async fn request_open_url(&self, package: &str, url: &str) {
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

    /// Emulates media features of the user's system, such as `prefers-color-scheme`.
    async fn emulate_media(&self, features: &[(&str, &str)]) {
        let features: Vec<_> = features.iter().map(|(name, value)| json!({"name": name, "value": value})).collect();
        self.devtools("Emulation.setEmulatedMedia", json!({"features": features})).await;
    }

    /// Sets the size of the page's window, in CSS pixels. A small window is equivalent to a zoomed page.
    async fn resize(&self, width: u32, height: u32) {
        let size = json!({"width": width, "height": height, "deviceScaleFactor": 1, "mobile": false});
        self.devtools("Emulation.setDeviceMetricsOverride", size).await;
    }

    /// Checks the page with axe-core, dark and light, and saves screenshots of both.
    async fn check_accessibility(&mut self, state: &str) {
        for scheme in ["light", "dark"] {
            self.emulate_media(&[("prefers-color-scheme", scheme)]).await;
            let found = axe::faults(&self.browser).await;
            self.faults.extend(found.into_iter().map(|fault| format!("{state}, {scheme}: {fault}")));
            self.screenshot(&format!("{state}-{scheme}")).await;
        }
    }
}

async fn user(driver: &Driver, scenario: &'static str, page: &str) -> User {
    let browser = driver.browser().await;
    let session = browser.session_id().await.unwrap().expect("a session");
    let devtools = format!("{}/session/{session}/goog/cdp/execute", driver.address);
    driver::enter(&browser, page).await;
    User { browser, devtools, folder: screenshots(), scenario, screenshots: 0, faults: Vec::new() }
}

const DOWN: PointerAction = PointerAction::Down { button: MOUSE_BUTTON_LEFT };
const UP: PointerAction = PointerAction::Up { button: MOUSE_BUTTON_LEFT };

/// Returns a move to the middle of an element, with the duration [`MOVE`].
fn move_to(element: Element) -> PointerAction {
    PointerAction::MoveToElement { element, duration: Some(MOVE), x: 0.0, y: 0.0 }
}

fn move_by(x: f64, y: f64) -> PointerAction {
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

/// The key events that a package has received.
struct KeyEvents<'a> {
    deck: &'a DeckProcess,
    /// The number of the last message that was checked.
    last: u64,
}

impl KeyEvents<'_> {
    /// Waits until the package has received exactly these events since the last check: `action…` events, given by the last
    /// part of their names, with the keys' contexts.
    async fn wait_for(&mut self, expected: &[(&str, &str)]) {
        let what = format!("{expected:?}");
        let mut expected: Vec<_> =
            expected.iter().map(|(event, key)| (format!("action{event}"), (*key).to_owned())).collect();
        expected.sort_by(|one, other| one.1.cmp(&other.1));
        self.last = wait_until(&what, async || {
            let answer = self.deck.get(&format!("messages?after={}", self.last)).await;
            let messages = answer["messages"].as_array().expect("messages");
            let received = messages.iter().filter_map(|message| {
                let event = message["event"].as_str().filter(|event| event.starts_with("action"))?;
                Some((event.to_owned(), message["context"].as_str()?.to_owned()))
            });
            let mut received: Vec<_> = received.collect();
            received.sort_by(|one, other| one.1.cmp(&other.1));
            if received == expected { Ok(answer["last"].as_u64().unwrap()) } else { Err(format!("{received:?}")) }
        })
        .await;
    }
}

fn cell(area: &str, column: u8, row: u8) -> String {
    format!(".cell[data-area='{area}'][data-column='{column}'][data-row='{row}']")
}

#[tokio::test]
async fn keys_are_placed_resized_moved_and_restored() {
    let spotify = Sim::start(Config::default()).await.unwrap();
    let home = DeckHome::new();
    install(&home);
    let deck = home.launch(&spotify, Launch::default()).await;
    let driver = Driver::start().await;
    let mut user = user(&driver, "keys", deck.page()).await;

    user.drag_widget("toggle", &cell("keys", 1, 0)).await;
    user.find("#function-keys .key[data-column='1'][data-row='0']").await;
    user.drag_widget("wide", &cell("keys", 0, 1)).await;
    user.wait_for_count(".key", 1).await;

    // A widget of several layouts asks for the layout when it is dropped.
    user.drag_widget("wide", &cell("grid", 0, 1)).await;
    user.find(".key[aria-colspan='3']").await;
    user.screenshot("which-layout").await;
    user.click(".layout-popup:popover-open label:nth-of-type(2)").await;
    user.find(".key[aria-colspan='2'][aria-rowspan='1']").await;
    user.click("#property-tab-look").await;
    user.find("#layout-field").await.select_by_value("0").await.unwrap();
    user.find(".key[aria-colspan='3'][aria-rowspan='2']").await;
    user.screenshot("large-again").await;

    // By mouse: moved by its corner, and onto an occupied place.
    user.drag("#panel .key", &cell("grid", 3, 3)).await;
    user.find("#panel .key[data-column='2'][data-row='2']").await;
    user.drag("#function-keys .key", "#panel .key").await;
    user.find("#function-keys .key[data-column='1'][data-row='0']").await;

    // By keyboard: past the list to the Panel, and to the end of a row.
    user.browser.refresh().await.unwrap();
    user.wait_for_count(".key", 2).await;
    user.send_keys(&Key::Tab.to_string()).await;
    user.find("#skip-link:focus").await;
    user.screenshot("skip").await;
    user.send_keys(&Key::Enter.to_string()).await;
    user.find("#panel .cell[data-column='0'][data-row='0']:focus").await;
    user.send_keys(&Key::End.to_string()).await;
    user.find("#panel .cell[data-column='4'][data-row='0']:focus").await;

    // Picked up, moved onto the grid, dropped, removed, and restored.
    user.browser.execute("document.querySelector('#function-keys .key').focus()", vec![]).await.unwrap();
    user.send_keys("m").await;
    user.send_keys(&Key::Left.to_string()).await;
    user.send_keys(&Key::Left.to_string()).await;
    user.screenshot("carried").await;
    user.send_keys(&Key::Enter.to_string()).await;
    user.find("#panel .key[data-column='4'][data-row='0']:focus").await;
    user.send_keys(&Key::Delete.to_string()).await;
    user.wait_for_count(".key", 1).await;
    user.find("#panel .cell[data-column='4'][data-row='0']:focus").await;
    user.screenshot("removed").await;
    user.send_keys(&format!("{}z", Key::Control)).await;
    user.find("#panel .key[data-column='4'][data-row='0']:focus").await;
    user.wait_for_announcement("Undone: remove a key").await;
    user.click("#undo-button").await;
    user.find("#function-keys .key[data-column='1'][data-row='0']").await;
    user.click("#redo-button").await;
    user.find("#panel .key[data-column='4'][data-row='0'][aria-label^='Column 5, row 1: Toggle']").await;

    user.perform(finger(
        "one",
        &[move_to(user.find(".widget-icon").await), DOWN, move_to(user.find(&cell("keys", 0, 1)).await), UP],
    ))
    .await;
    user.find("#function-keys .key[data-column='0'][data-row='1']").await;

    // Removed with the button, which disappears with the key; and placed from the list by keyboard and by a double click.
    user.click("#panel .key[aria-colspan='3']").await;
    user.click("#delete-button").await;
    user.find("#panel .cell[data-column='2'][data-row='2']:focus").await;
    let list = ".widget[data-widget='com.example.panel.toggle']";
    user.find(list).await.send_keys(&Key::Enter.to_string()).await.unwrap();
    user.find("#panel .key[data-column='0'][data-row='0']").await;
    user.wait_for_announcement("Toggle is on the Panel, column 1, row 1.").await;
    user.perform(mouse(&[move_to(user.find(list).await), DOWN, UP, DOWN, UP])).await;
    user.find("#panel .key[data-column='1'][data-row='0']").await;

    // The widget is dragged with the layout that is chosen in the list.
    user.click(".layout-picker button").await;
    user.click(".layout-popup:popover-open label:nth-of-type(2)").await;
    user.drag_widget("wide", &cell("grid", 0, 3)).await;
    user.find("#panel .key[aria-colspan='2'][data-row='3']").await;
    user.screenshot("small-at-once").await;
    user.browser.close().await.unwrap();
}

/// The package of the clock's keys.
const CLOCK: &str = "com.example.clock";

/// A Panel with two clock keys, in the mode `use`, in a user's browser.
struct ClockPanel {
    user: User,
    deck: DeckProcess,
    spotify: Sim,
    /// The contexts of the keys.
    contexts: [String; 2],
    _driver: Driver,
    _home: DeckHome,
}

impl ClockPanel {
    async fn start(scenario: &'static str) -> Self {
        let spotify = Sim::start(Config::default()).await.unwrap();
        let home = DeckHome::new();
        let deck = home.launch(&spotify, Launch { bundles: &[clock_bundle()], ..Launch::default() }).await;
        let widget = format!("{CLOCK}.time");
        let contexts = [deck.place(&widget, 1, 1).await, deck.place(&widget, 3, 2).await];
        for context in &contexts {
            deck.wait_for_instance(context, "a time", |instance| instance["image"].is_string()).await;
        }
        let driver = Driver::start().await;
        let user = user(&driver, scenario, deck.page()).await;
        user.switch_mode("use").await;
        Self { user, deck, spotify, contexts, _driver: driver, _home: home }
    }
}

/// Returns the selector of a key.
fn key_selector(context: &str) -> String {
    format!(".key[data-context='{context}']")
}

/// Returns the events of a press. The first two are those of a press that is released elsewhere.
fn press_events(context: &str) -> [(&str, &str); 3] {
    [("Down", context), ("Up", context), ("Triggered", context)]
}

#[tokio::test]
async fn keys_can_be_pressed_by_mouse() {
    let ClockPanel { spotify: _spotify, _home, deck, _driver, mut user, contexts: [a, _] } =
        ClockPanel::start("mouse").await;
    let mut package = KeyEvents { deck: &deck, last: 0 };
    let key = key_selector(&a);
    let pressed = press_events(&a);
    let here = move_to(user.find(&key).await);
    user.perform(mouse(&[here.clone(), DOWN])).await;
    package.wait_for(&pressed[..1]).await;
    user.find(".key[data-pressed]").await;
    user.screenshot("held").await;
    user.perform(mouse(&[UP])).await;
    package.wait_for(&pressed[1..]).await;
    // A pointer that slides off cancels the press; the key doesn't move if the pointer returns.
    user.perform(mouse(&[here.clone(), DOWN, move_by(0.0, 40.0), here, UP])).await;
    package.wait_for(&pressed[..2]).await;
    user.find(&format!("{key}[data-column='1'][data-row='1']:not([aria-selected])")).await;
    user.browser.close().await.unwrap();
}

#[tokio::test]
async fn keys_can_be_pressed_by_touch() {
    let ClockPanel { spotify: _spotify, _home, deck, _driver, user, contexts: [a, b] } =
        ClockPanel::start("touch").await;
    let mut package = KeyEvents { deck: &deck, last: 0 };
    let pressed = press_events(&a);
    let (here, there) = (move_to(user.find(&key_selector(&a)).await), move_to(user.find(&key_selector(&b)).await));
    // A finger that moves a little presses; one that slides off cancels.
    user.perform(finger("one", &[here.clone(), DOWN, move_by(5.0, 5.0), UP])).await;
    package.wait_for(&pressed).await;
    user.perform(finger("one", &[here.clone(), DOWN, move_by(60.0, 0.0), here.clone(), UP])).await;
    package.wait_for(&pressed[..2]).await;
    // Two fingers press two keys at once.
    let two = finger("two", &[there, DOWN, move_by(1.0, 0.0), UP]);
    user.perform(Actions::from(finger("one", &[here, DOWN, move_by(1.0, 0.0), UP])).and(two)).await;
    package.wait_for(&[&pressed[..], &press_events(&b)].concat()).await;
    user.browser.close().await.unwrap();
}

#[tokio::test]
async fn keys_can_be_pressed_by_keyboard() {
    let ClockPanel { spotify: _spotify, _home, deck, _driver, user, contexts: [a, _] } =
        ClockPanel::start("keyboard").await;
    let mut package = KeyEvents { deck: &deck, last: 0 };
    let key = key_selector(&a);
    let pressed = press_events(&a);
    user.find(&key).await;
    user.browser.execute(&format!("document.querySelector(\"{key}\").focus()"), vec![]).await.unwrap();
    // A repeating key is pressed only once.
    for press in [' ', char::from(Key::Enter)] {
        let down = KeyAction::Down { value: press };
        user.perform(keyboard(&[down.clone(), down.clone(), down])).await;
        package.wait_for(&pressed[..1]).await;
        user.perform(keyboard(&[KeyAction::Up { value: press }])).await;
        package.wait_for(&pressed[1..]).await;
    }
    // A key that loses the focus is released.
    user.perform(keyboard(&[KeyAction::Down { value: ' ' }])).await;
    package.wait_for(&pressed[..1]).await;
    user.browser.execute("document.activeElement.blur()", vec![]).await.unwrap();
    package.wait_for(&pressed[1..2]).await;
    user.perform(keyboard(&[KeyAction::Up { value: ' ' }])).await;
    user.browser.close().await.unwrap();
}

#[tokio::test]
async fn package_may_open_one_page_after_a_press() {
    let ClockPanel { spotify, _home, deck, _driver, mut user, contexts: [a, _] } = ClockPanel::start("links").await;
    let mut package = KeyEvents { deck: &deck, last: 0 };
    let here = move_to(user.find(&key_selector(&a)).await);
    let page = user.browser.window().await.unwrap();
    let browser = user.browser.clone();
    let tabs = async || browser.windows().await.unwrap();
    user.perform(mouse(&[here, DOWN, UP])).await;
    package.wait_for(&press_events(&a)).await;
    user.request_open_url(CLOCK, &spotify.page_url()).await;
    let opened = tabs().await;
    assert_eq!(opened.len(), 2);
    for tab in opened.into_iter().filter(|tab| *tab != page) {
        user.browser.switch_to_window(tab).await.unwrap();
        user.browser.close_window().await.unwrap();
    }
    user.browser.switch_to_window(page).await.unwrap();
    user.screenshot("opened").await;
    // All other pages need a confirmation, and are counted.
    for url in ["https://xn--bcher-kva.example/a?b=c", "https://other.example/", "javascript:alert(1)"] {
        user.request_open_url(CLOCK, url).await;
    }
    let card = user.find(".toast.card").await.text().await.unwrap();
    for part in
        ["Clock wants", "\nxn--bcher-kva.example\n", "https://xn--bcher-kva.example/a?b=c", "easily", "for 1 more"]
    {
        assert!(card.contains(part), "{part:?} in {card:?}");
    }
    user.screenshot("asked").await;
    user.click(".toast.card .dialog-buttons button:first-child").await;
    user.request_open_url(CLOCK, "https://again.example/").await;
    user.wait_for_count(".toast.card", 0).await;
    assert_eq!(tabs().await.len(), 1, "no other page was opened");
    user.browser.close().await.unwrap();
}

#[tokio::test]
async fn scrolling_by_touch_presses_and_drags_nothing() {
    let ClockPanel { spotify: _spotify, _home, deck, _driver, user, contexts: [a, _] } =
        ClockPanel::start("scrolling").await;
    let mut package = KeyEvents { deck: &deck, last: 0 };
    user.switch_mode("edit").await;
    user.resize(400, 500).await;
    let list = move_to(user.find(".widget-text").await);
    user.browser
        .execute("document.querySelector('.widget').scrollIntoView({ block: 'center' })", vec![])
        .await
        .unwrap();
    let scrolled = async || user.browser.execute("return scrollY", vec![]).await.unwrap().as_f64().unwrap();
    let before = scrolled().await;
    user.perform(finger("one", &[list, DOWN, move_by(0.0, 30.0), move_by(0.0, 30.0), UP])).await;
    wait_until("the page is scrolled", async || match scrolled().await {
        now if now < before => Ok(()),
        now => Err(format!("{before} to {now}")),
    })
    .await;
    user.wait_for_count(".key", 2).await;
    user.wait_for_count(".drag-ghost", 0).await;
    // Had the finger pressed a key, its events would come before these.
    deck.press(&a).await;
    package.wait_for(&press_events(&a)).await;
    user.browser.close().await.unwrap();
}

#[tokio::test]
async fn leaving_the_page_releases_a_pressed_key() {
    let ClockPanel { spotify: _spotify, _home, deck, _driver, user, contexts: [a, b] } =
        ClockPanel::start("leaving").await;
    let mut package = KeyEvents { deck: &deck, last: 0 };
    user.perform(mouse(&[move_to(user.find(&key_selector(&b)).await), DOWN])).await;
    package.wait_for(&[("Down", b.as_str())]).await;
    user.browser.goto("about:blank").await.unwrap();
    package.wait_for(&[("Up", b.as_str())]).await;
    deck.press(&a).await;
    package.wait_for(&press_events(&a)).await;
    user.browser.close().await.unwrap();
}

#[tokio::test]
async fn looks_profiles_and_sleep_can_be_changed() {
    let spotify = Sim::start(Config::default()).await.unwrap();
    let home = DeckHome::new();
    install(&home);
    let deck = home.launch(&spotify, Launch::default()).await;
    let driver = Driver::start().await;
    let mut user = user(&driver, "profiles", deck.page()).await;
    user.drag_widget("toggle", &cell("grid", 0, 0)).await;
    user.click(".key").await;

    user.click("#property-tab-look").await;
    user.find("#font-field").await.select_by_value("Georgia").await.unwrap();
    user.click(".style-bold").await;
    user.find(".style-bold[aria-pressed='true']").await;
    let icon = home.folder().join("mine.svg");
    fs::write(&icon, "<svg xmlns='http://www.w3.org/2000/svg'><rect width='99' height='99' fill='red'/></svg>")
        .unwrap();
    user.find("#icon-file-0").await.send_keys(icon.to_str().unwrap()).await.unwrap();
    user.find(".key img[src^='data:image/svg+xml;base64,']").await;
    user.find("#state-field").await.select_by_value("1").await.unwrap();
    user.find(".key[aria-label*=', on']").await;
    user.screenshot("look").await;

    user.find("#title-field").await.clear().await.unwrap();
    user.find("#title-field").await.send_keys("Lamp").await.unwrap();
    user.find(".key[aria-label='Column 1, row 1: Toggle, state 2 of 2, Lamp']").await;
    user.click("#title-field").await;
    for _ in "Lamp".chars() {
        user.send_keys(&Key::Backspace.to_string()).await;
    }
    user.find(".key[aria-label$=', on']").await;

    user.click("#profile-rename").await;
    user.find("#profile-field").await.clear().await.unwrap();
    user.find("#profile-field").await.send_keys(&format!("Studio{}", Key::Enter)).await.unwrap();
    user.find("#profile-strip button[title='Studio']").await;
    user.click("#profile-copy").await;
    user.click("#profile-dialog button[type='submit']").await;
    user.wait_for_count("#profile-strip button", 2).await;
    user.find("#profile-strip button:nth-child(2)[aria-current='true']").await;
    user.wait_for_count(".key", 1).await;
    user.screenshot("copied").await;
    user.click("#profile-delete").await;
    user.wait_for_count("#profile-strip button", 1).await;
    user.click(".toast > button:not(.icon-button)").await;
    user.wait_for_count("#profile-strip button", 2).await;
    user.click("#profile-strip button:nth-child(1)").await;
    user.find("#profile-strip button:nth-child(1)[aria-current='true']").await;

    user.click("#sleep-button").await;
    user.find("#device[data-asleep] #wake-up:focus").await;
    user.screenshot("asleep").await;
    user.click("#wake-up").await;
    user.find("#device:not([data-asleep])").await;
    let names: Value = user
        .browser
        .execute("return document.querySelector('#profile-strip [aria-current]').textContent", vec![])
        .await
        .unwrap();
    assert_eq!(names, "Studio");
    user.browser.close().await.unwrap();
}

/// Packs a package with faults: its icons are missing.
fn faulty_package(home: &DeckHome) -> PathBuf {
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
async fn page_has_no_serious_accessibility_faults() {
    let spotify = Sim::start(Config::default()).await.unwrap();
    let home = DeckHome::new();
    let deck = home.launch(&spotify, Launch::default()).await;
    let driver = Driver::start().await;
    let mut user = user(&driver, "axe", deck.page()).await;
    user.find(".widget-groups .empty").await;
    // axe-core finds a fault that is inserted on purpose.
    user.browser
        .execute("document.querySelector('main').append(document.createElement('button'))", vec![])
        .await
        .unwrap();
    let planted = axe::faults(&user.browser).await;
    assert!(planted.len() == 1 && planted[0].starts_with("button-name"), "{planted:?}");
    user.browser.execute("document.querySelector('main').lastChild.remove()", vec![]).await.unwrap();
    user.check_accessibility("no-packages").await;

    user.find("#import-file").await.send_keys(faulty_package(&home).to_str().unwrap()).await.unwrap();
    user.find("#import-dialog[open] .import-findings li").await;
    user.check_accessibility("import").await;
    user.click("#import-dialog .dialog-buttons button").await;

    deck.install(bundle()).await;
    user.find(".widget[data-widget='com.spotify-widgets.playing-now']").await;
    user.find("#starter:not([hidden])").await;
    user.check_accessibility("starter").await;
    user.click("#starter-place").await;
    user.wait_for_count(".key", 10).await;
    user.check_accessibility("starter-placed").await;
    user.click("#undo-button").await;
    user.wait_for_count(".key", 0).await;
    user.click("#starter-decline").await;
    user.find("#panel-hint:not([hidden])").await;
    user.check_accessibility("empty-panel").await;
    for (widget, column, row) in [("play-pause", 0, 0), ("playing-now", 0, 1), ("next", 4, 3)] {
        let context = deck.place(&format!("com.spotify-widgets.{widget}"), column, row).await;
        deck.wait_until_shows(&context, "Link Spotify in Settings").await;
    }
    user.wait_for_count(".key", 3).await;
    user.check_accessibility("keys").await;

    // Select the key without a press, which would open the settings.
    user.select_key("playing-now").await;
    user.find("#property-frame").await;
    user.click("#property-tab-look").await;
    user.check_accessibility("look").await;
    user.click("#property-tab-test").await;
    user.check_accessibility("test").await;
    user.click("#property-tab-settings").await;
    user.find("#property-frame").await.enter_frame().await.unwrap();
    user.find("#settings .label").await;
    user.check_accessibility("property-view").await;
    user.browser.enter_parent_frame().await.unwrap();

    user.switch_mode("use").await;
    user.check_accessibility("use").await;
    user.switch_mode("edit").await;
    user.click("#key-menu-button").await;
    user.find(".menu").await;
    user.check_accessibility("key-menu").await;
    user.send_keys("m").await;
    user.send_keys(&Key::Enter.to_string()).await;
    user.check_accessibility("move-to").await;
    user.send_keys(&Key::Escape.to_string()).await;
    user.click(".widget[data-widget='com.spotify-widgets.next']").await;
    user.find(".cell[data-free]").await;
    user.check_accessibility("offered").await;
    user.send_keys(&Key::Escape.to_string()).await;
    let multi_action = user.find(".widget[data-widget='creator-deck:multi-action']").await;
    multi_action.send_keys(&Key::Enter.to_string()).await.unwrap();
    for step in ["stepAddPause", "stepAddProfile", "stepAddUrl"] {
        user.click(&format!("[data-add='{step}']")).await;
        user.find(&format!("[data-add='{step}']")).await;
    }
    user.wait_for_count(".steps li", 3).await;
    user.check_accessibility("multi-action").await;
    user.click("#delete-button").await;
    user.wait_for_count(".key", 3).await;
    user.find("#widget-search").await.send_keys("volume").await.unwrap();
    user.check_accessibility("search").await;
    user.send_keys("xyz").await;
    user.check_accessibility("search-finds-nothing").await;
    user.send_keys(&Key::Escape.to_string()).await;
    user.click(".layout-picker button").await;
    user.find(".layout-popup:popover-open").await;
    user.check_accessibility("layouts").await;
    user.send_keys(&Key::Escape.to_string()).await;
    user.click("#profile-new").await;
    user.check_accessibility("profile").await;
    user.click("#profile-dialog button[type='submit']").await;
    user.wait_for_count("#profile-strip button", 2).await;
    user.click("#profile-strip button:nth-child(1)").await;
    user.wait_for_count(".key", 3).await;

    user.click("#log-button").await;
    user.find(".log-lines li[data-direction]").await;
    user.check_accessibility("log").await;
    user.click("#log-button").await;
    user.click("[data-menu]").await;
    user.check_accessibility("package-menu").await;
    user.click(".package-menu:popover-open button:nth-of-type(4)").await;
    user.find("#confirm-dialog[open]").await;
    user.check_accessibility("confirm").await;
    user.click("#confirm-dialog .dialog-buttons button").await;

    user.request_open_url("com.spotify-widgets", "https://accounts.example.com/authorize?client_id=1").await;
    user.check_accessibility("asks").await;
    user.click(".toast.card .dialog-buttons button:first-child").await;
    user.click("#sleep-button").await;
    user.find("#wake-up").await;
    user.check_accessibility("asleep").await;
    user.click("#wake-up").await;

    user.click("#settings-button").await;
    user.find("#settings-frame").await;
    user.check_accessibility("settings").await;
    user.find("#settings-frame").await.enter_frame().await.unwrap();
    user.find("#redirect-uri").await;
    user.check_accessibility("settings-page").await;
    user.browser.enter_parent_frame().await.unwrap();
    user.click("[data-package='deck']").await;
    let language = user.find("#deck-language").await;
    language.select_by_value("de").await.unwrap();
    user.find(".deck-restart:not([hidden])").await;
    user.check_accessibility("deck-settings").await;
    language.select_by_value("en").await.unwrap();
    user.find(".deck-restart[hidden]").await;
    user.click("#settings-close").await;

    // A zoom of 200 % halves the size of the window. All keys have to stay large enough to be hit.
    user.select_key("playing-now").await;
    for (name, width, height, min) in [("zoomed", 700, 500, 60), ("narrow", 400, 800, 44), ("tiny", 320, 640, 36)] {
        user.resize(width, height).await;
        user.check_accessibility(name).await;
        let script = "const box = document.querySelector('.cell').getBoundingClientRect(); \
            return [box.height, document.documentElement.scrollWidth - document.documentElement.clientWidth]";
        let result = user.browser.execute(script, vec![]).await.unwrap();
        assert!(result[0].as_f64() >= Some(f64::from(min)), "{name}: {result}");
        assert_eq!(result[1], 0, "{name}: the page doesn't scroll sideways");
    }
    user.resize(1400, 1000).await;
    user.click("[data-menu]").await;
    user.click(".package-menu:popover-open button:nth-of-type(4)").await;
    user.click("#keep-settings").await;
    user.click("#confirm-dialog .danger").await;
    user.wait_for_count(".key [data-missing='package']", 3).await;
    user.click(".key[aria-colspan='3']").await;
    user.find("#import-package").await;
    user.check_accessibility("placeholders").await;
    user.emulate_media(&[("forced-colors", "active"), ("prefers-reduced-motion", "reduce")]).await;
    user.screenshot("high-contrast").await;
    assert!(user.faults.is_empty(), "{}", user.faults.join("\n"));
    user.browser.close().await.unwrap();
}
