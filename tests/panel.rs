//! What a user does with the Panel itself, in a real browser: function keys, layouts, undo, profiles, the look of a key,
//! sleep, by mouse and by keyboard. Every step leaves a picture in `target/screenshots`.

#![cfg(target_os = "linux")]

mod driver;

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;
use std::time::Duration;

use acceptance::{DeckHome, Launch, SOON, screenshots, until};
use driver::Driver;
use fantoccini::actions::{InputSource as _, MOUSE_BUTTON_LEFT, MouseActions, PointerAction};
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
    folder: PathBuf,
    story: &'static str,
    pictures: u32,
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

    /// Types on what has the focus.
    async fn types(&self, keys: &str) {
        self.browser.active_element().await.unwrap().send_keys(keys).await.unwrap();
    }

    async fn drags(&self, widget: &str, to: &str) {
        let from = self.sees(&format!(".widget[data-widget='com.example.panel.{widget}']")).await;
        let to = self.sees(to).await;
        let (slowly, button) = (Some(MOVE), MOUSE_BUTTON_LEFT);
        let hand = MouseActions::new("mouse".to_owned())
            .then(PointerAction::MoveToElement { element: from, duration: slowly, x: 0.0, y: 0.0 })
            .then(PointerAction::Down { button })
            .then(PointerAction::MoveToElement { element: to, duration: slowly, x: 0.0, y: 0.0 })
            .then(PointerAction::Up { button });
        self.browser.perform_actions(hand).await.expect("the drag is done");
    }

    async fn keeps(&mut self, name: &str) {
        self.pictures += 1;
        let picture = self.browser.screenshot().await.expect("a screenshot");
        let file = format!("panel-{}-{:02}-{name}.png", self.story, self.pictures);
        fs::write(self.folder.join(file), picture).expect("it is kept");
    }
}

async fn user(driver: &Driver, story: &'static str, page: &str) -> User {
    let browser = driver.browser().await;
    browser.goto(page).await.unwrap();
    User { browser, folder: screenshots(), story, pictures: 0 }
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
    user.clicks(".look summary").await;
    user.sees("#layout-field").await.select_by_value("0").await.unwrap();
    user.sees(".key[aria-colspan='3'][aria-rowspan='2']").await;
    user.keeps("large-again").await;

    // By the keyboard: picked up, carried onto the grid, put down, removed, and brought back.
    user.browser.execute("document.querySelector('#function-keys .key').focus()", vec![]).await.unwrap();
    user.types("m").await;
    user.types(&Key::Left.to_string()).await;
    user.types(&Key::Left.to_string()).await;
    user.keeps("carried").await;
    user.types(&Key::Enter.to_string()).await;
    user.sees("#panel .key[data-column='4'][data-row='0']:focus").await;
    user.types(&Key::Delete.to_string()).await;
    user.count(".key", 1).await;
    user.keeps("removed").await;
    user.types(&format!("{}z", Key::Control)).await;
    user.sees("#panel .key[data-column='4'][data-row='0']").await;
    user.clicks("#undo-button").await;
    user.sees("#function-keys .key[data-column='1'][data-row='0']").await;
    user.clicks("#redo-button").await;
    user.sees("#panel .key[data-column='4'][data-row='0']").await;
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

    user.clicks(".look summary").await;
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
    let names: Value =
        user.browser.execute("return document.getElementById('profile-name').textContent", vec![]).await.unwrap();
    assert_eq!(names, "Profile 1");
    user.browser.close().await.unwrap();
}
