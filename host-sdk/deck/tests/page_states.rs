//! States of the page besides working keys, in a real browser: placeholders of missing packages, the starter Panel, the
//! settings of the deck itself. Screenshots are in `target/screenshots`, dark and light, wide and narrow.

#![cfg(target_os = "linux")]

#[path = "../../../tests/driver.rs"]
mod driver;
#[path = "support/page.rs"]
mod page;
mod support;

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use creator_deck::Autostart;
use fantoccini::key::Key;
use fantoccini::{Client, Locator};
use page::{
    cell, click, ctrl, drag, eval, focus, open, screenshot, switch_mode, type_keys, wait_for, wait_until,
    wait_until_gone,
};
use serde_json::{Value, json};
use support::{PACKAGE, PATIENT, TOGGLE, WIDE, World, assert_nothing_more, install, receive_event, start, world};

/// Takes screenshots in the usual window and in a narrow one, dark and light.
async fn screenshot_all(world: &World, browser: &Client, name: &str) {
    for (size, width, height) in [("", 1280, 900), ("-narrow", 500, 900)] {
        browser.set_window_rect(0, 0, width, height).await.unwrap();
        for scheme in ["light", "dark"] {
            world.call_ok("PATCH", "/api/preferences", json!({"appearance": scheme})).await;
            wait_for(browser, &format!("html[data-appearance='{scheme}']")).await;
            screenshot(browser, &format!("{name}{size}-{scheme}")).await;
        }
    }
    let beyond = "return document.documentElement.scrollWidth - document.documentElement.clientWidth";
    assert_eq!(eval(browser, beyond).await, json!(0), "nothing lies beyond the window's side");
    browser.set_window_rect(0, 0, 1280, 900).await.unwrap();
}

/// Returns the text of an element.
async fn text_of(browser: &Client, css: &str) -> String {
    wait_for(browser, css).await;
    browser.find(Locator::Css(css)).await.unwrap().text().await.unwrap()
}

/// A deck with keys of one cell and of 3 x 2, whose package was removed.
async fn deck_with_placeholders() -> World {
    let mut world = world(PATIENT).await;
    world.connect_package().await;
    world.place(TOGGLE, 0, 0).await;
    world.place(WIDE, 1, 1).await;
    world.call_ok("POST", "/api/instances", json!({"widget": TOGGLE, "area": "keys", "column": 1, "row": 0})).await;
    world.call_ok("DELETE", &format!("/api/packages/{PACKAGE}?keepSettings=true"), Value::Null).await;
    world
}

const SMALL: &str = "#panel .key[aria-colspan='1']";
const LARGE: &str = "#panel .key[aria-colspan='3']";

#[tokio::test]
async fn placeholder_is_shown_selected_and_removed() {
    let world = deck_with_placeholders().await;
    let (_driver, browser) = open(&world).await;
    wait_for(&browser, &format!("{SMALL} .face[data-missing='package']")).await;
    let label = format!("return document.querySelector(\"{SMALL}\").getAttribute('aria-label')");
    assert_eq!(eval(&browser, &label).await, "Column 1, row 1: Toggle it, Package not installed");
    click(&browser, LARGE).await;
    wait_for(&browser, "#import-package").await;
    let text = text_of(&browser, "#properties").await;
    assert!(text.contains("Wide needs the package Test package, which is not installed"), "{text}");
    screenshot_all(&world, &browser, "placeholders").await;
    focus(&browser, SMALL).await;
    type_keys(&browser, &Key::Delete.to_string()).await;
    wait_until_gone(&browser, SMALL).await;
    type_keys(&browser, &ctrl('z')).await;
    wait_for(&browser, &format!("{SMALL} .face[data-missing='package']")).await;
    browser.close().await.unwrap();
}

#[tokio::test]
async fn placeholder_is_moved_and_keeps_its_place() {
    let world = deck_with_placeholders().await;
    let (_driver, browser) = open(&world).await;
    drag(&browser, LARGE, &cell("grid", 3, 3)).await;
    wait_for(&browser, &format!("{LARGE}[data-column='2'][data-row='2']")).await;
    drag(&browser, ".widget[data-widget='creator-deck:multi-action']", SMALL).await;
    drag(&browser, ".widget[data-widget='creator-deck:multi-action']", &cell("grid", 4, 0)).await;
    wait_for(&browser, ".key[data-widget-uuid='creator-deck:multi-action'][data-column='4']").await;
    let keys = eval(&browser, "return document.querySelectorAll('#panel .key').length").await;
    assert_eq!(keys, 3);
    browser.close().await.unwrap();
}

#[tokio::test]
async fn placeholder_in_use_mode_explains_itself() {
    let world = deck_with_placeholders().await;
    let (_driver, browser) = open(&world).await;
    wait_for(&browser, SMALL).await;
    switch_mode(&browser, "use").await;
    click(&browser, SMALL).await;
    let text = text_of(&browser, ".toast").await;
    assert!(text.contains("needs the package Test package") && text.contains("Import the package"), "{text}");
    screenshot(&browser, "placeholder-in-use").await;
    click(&browser, SMALL).await;
    assert_eq!(eval(&browser, "return document.querySelectorAll('.toast').length").await, 1);
    browser.close().await.unwrap();
}

#[tokio::test]
async fn placeholder_becomes_a_key_when_its_package_returns() {
    let mut world = deck_with_placeholders().await;
    let (_driver, browser) = open(&world).await;
    click(&browser, SMALL).await;
    wait_for(&browser, "#import-package").await;
    world.install(|config| config["Widgets"].as_array_mut().unwrap().truncate(1)).await;
    wait_for(&browser, &format!("{SMALL} .face:not([data-missing])")).await;
    wait_for(&browser, &format!("{SMALL}[aria-selected='true']")).await;
    wait_for(&browser, "#property-frame").await;
    click(&browser, &format!("{LARGE} .face[data-missing='widget']")).await;
    let text = text_of(&browser, "#properties").await;
    assert!(text.contains("The installed version of Test package does not have Wide"), "{text}");
    screenshot(&browser, "placeholder-of-a-widget").await;
    browser.close().await.unwrap();
}

#[tokio::test]
async fn starter_panel_is_placed_and_undone() {
    let world = world(PATIENT).await;
    let (_driver, browser) = open(&world).await;
    let text = text_of(&browser, "#starter").await;
    assert!(text.contains("Keys: 2, of Test package") && text.contains("Toggle it, Wide"), "{text}");
    screenshot_all(&world, &browser, "starter").await;
    switch_mode(&browser, "use").await;
    wait_for(&browser, "#starter[hidden]").await;
    switch_mode(&browser, "edit").await;
    click(&browser, "#starter-place").await;
    wait_for(&browser, &format!("{LARGE}[data-column='1'][data-row='0']")).await;
    wait_for(&browser, &format!("{SMALL}:focus")).await;
    wait_for(&browser, "#starter[hidden]").await;
    screenshot(&browser, "starter-placed").await;
    type_keys(&browser, &ctrl('z')).await;
    wait_until_gone(&browser, ".key").await;
    wait_for(&browser, "#starter:not([hidden])").await;
    browser.close().await.unwrap();
}

#[tokio::test]
async fn declined_starter_stays_hidden() {
    let world = world(PATIENT).await;
    let (_driver, browser) = open(&world).await;
    click(&browser, "#starter-decline").await;
    wait_for(&browser, "#starter[hidden]").await;
    wait_for(&browser, "#panel-hint:not([hidden])").await;
    wait_until("it is saved", async || {
        let state = world.call_ok("GET", "/api/state", Value::Null).await;
        state["deck"]["preferences"]["withoutStarter"] == json!([state["deck"]["active"]])
    })
    .await;
    browser.refresh().await.unwrap();
    wait_for(&browser, "#panel-hint:not([hidden])").await;
    wait_for(&browser, "#starter[hidden]").await;
    browser.close().await.unwrap();
}

/// A deck that can start with the computer, by an entry in this folder.
async fn deck_on_a_desktop(entries: &Path) -> World {
    let data = tempfile::tempdir().unwrap();
    install(data.path(), PATIENT);
    let entries = entries.to_owned();
    start(data, move |config| {
        config.autostart = Some(Autostart::with_entry_in("/opt/creator-deck".into(), Vec::new(), entries).unwrap());
        config.open_folder = Some(record_folder);
    })
    .await
}

/// The folders that were shown.
static SHOWN: Mutex<Vec<PathBuf>> = Mutex::new(Vec::new());

fn record_folder(folder: &Path) -> io::Result<()> {
    SHOWN.lock().unwrap().push(folder.to_owned());
    Ok(())
}

async fn open_settings(browser: &Client) {
    click(browser, "#settings-button").await;
    click(browser, "[data-package='deck']").await;
    wait_for(browser, "#deck-settings:not([hidden])").await;
}

#[tokio::test]
async fn chosen_language_applies_to_restarted_packages() {
    let mut world = deck_on_a_desktop(Path::new("/nowhere")).await;
    world.connect_package().await;
    let (_driver, browser) = open(&world).await;
    open_settings(&browser).await;
    wait_for(&browser, ".deck-restart[hidden]").await;
    browser.find(Locator::Css("#deck-language")).await.unwrap().select_by_value("de").await.unwrap();
    let text = text_of(&browser, ".deck-restart:not([hidden])").await;
    assert!(text.contains("Test package: in the new language"), "{text}");
    screenshot_all(&world, &browser, "deck-settings").await;
    click(&browser, "#deck-restart").await;
    let started = world.wait_for_start().await;
    assert_eq!(started.info["application"]["language"], "de");
    let mut package = world.register(&started.register).await;
    wait_for(&browser, ".deck-restart[hidden]").await;
    assert_nothing_more(&mut package).await;
    browser.close().await.unwrap();
}

#[tokio::test]
async fn command_line_language_is_read_only_in_the_page() {
    let data = tempfile::tempdir().unwrap();
    install(data.path(), PATIENT);
    let world = start(data, |config| config.language = Some("ko".to_owned())).await;
    let (_driver, browser) = open(&world).await;
    open_settings(&browser).await;
    wait_for(&browser, "#deck-language:disabled").await;
    assert_eq!(eval(&browser, "return document.getElementById('deck-language').value").await, "ko");
    wait_for(&browser, "#deck-start:disabled").await;
    browser.close().await.unwrap();
}

#[tokio::test]
async fn autostart_switch_shows_and_changes_the_entry() {
    let entries = tempfile::tempdir().unwrap();
    let entry = entries.path().join("creator-deck.desktop");
    let world = deck_on_a_desktop(entries.path()).await;
    let (_driver, browser) = open(&world).await;
    open_settings(&browser).await;
    click(&browser, "#deck-start:not(:checked):enabled").await;
    wait_until("the entry is there", async || entry.exists()).await;
    click(&browser, "#deck-start:checked:enabled").await;
    wait_until("the entry is gone", async || !entry.exists()).await;
    wait_for(&browser, "#deck-start:not(:checked):enabled").await;
    // An entry of another program is shown, too.
    fs::write(&entry, "[Desktop Entry]\nExec=/opt/creator-deck\n").unwrap();
    click(&browser, "#settings-close").await;
    open_settings(&browser).await;
    wait_for(&browser, "#deck-start:checked").await;
    browser.close().await.unwrap();
}

#[tokio::test]
async fn failing_autostart_entry_is_explained() {
    let file = tempfile::NamedTempFile::new().unwrap();
    let world = deck_on_a_desktop(&file.path().join("autostart")).await;
    let (status, answer) = world.call("PUT", "/api/desktop/start", json!({"on": true})).await;
    assert!(status == 409 && answer["error"].as_str().unwrap().contains("can't be read or written"), "{answer}");
    let desktop = world.call_ok("GET", "/api/desktop", Value::Null).await;
    assert_eq!(desktop["startsWithComputer"], Value::Null);
    assert!(desktop["startsError"].as_str().unwrap().contains("can't be read or written"), "{desktop}");
}

#[tokio::test]
async fn settings_show_folders_and_open_the_log() {
    let world = deck_on_a_desktop(Path::new("/nowhere")).await;
    let (_driver, browser) = open(&world).await;
    open_settings(&browser).await;
    let data = world.data.path();
    let text = text_of(&browser, "#deck-settings").await;
    assert!(text.contains(&data.join("logs").display().to_string()) && text.contains("at most 20 MB"), "{text}");
    click(&browser, "[data-open='data']").await;
    wait_until("the folder is shown", async || SHOWN.lock().unwrap().iter().any(|shown| shown == data)).await;
    click(&browser, "#deck-log").await;
    wait_for(&browser, "#log-drawer:not([hidden])").await;
    wait_until_gone(&browser, "#settings-dialog[open]").await;
    browser.close().await.unwrap();
}

#[tokio::test]
async fn appearance_follows_the_system_until_chosen() {
    let world = deck_on_a_desktop(Path::new("/nowhere")).await;
    let (_driver, browser) = open(&world).await;
    let background = "return getComputedStyle(document.body).backgroundColor";
    open_settings(&browser).await;
    let dark = eval(&browser, background).await;
    let appearance = browser.find(Locator::Css("#deck-appearance")).await.unwrap();
    appearance.select_by_value("light").await.unwrap();
    wait_for(&browser, "html[data-appearance='light']").await;
    assert_ne!(eval(&browser, background).await, dark);
    appearance.select_by_value("system").await.unwrap();
    wait_for(&browser, "html:not([data-appearance])").await;
    assert_eq!(eval(&browser, background).await, dark);
    browser.close().await.unwrap();
}

#[tokio::test]
async fn widget_without_multi_action_support_is_no_step() {
    let mut world = world(PATIENT).await;
    world.connect_package().await;
    world.install(|config| config["Widgets"][0]["MultiActionSupported"] = json!(false)).await;
    let mut package = world.connect_package().await;
    let list = world.place("creator-deck:multi-action", 0, 0).await;
    let (_driver, browser) = open(&world).await;
    click(&browser, ".key").await;
    wait_for(&browser, &format!("#step-widget option[value='{WIDE}']")).await;
    wait_until_gone(&browser, &format!("#step-widget option[value='{TOGGLE}']")).await;
    let steps = json!({"steps": [{"widget": TOGGLE}]});
    let (status, answer) = world.call("PUT", &format!("/api/instances/{list}/steps"), steps).await;
    let why = answer["error"].as_str().unwrap_or_default();
    assert!(status == 409 && why.contains("Toggle can't be a step: its package doesn't allow it"), "{answer}");
    let steps = json!({"steps": [{"widget": WIDE}]});
    world.call_ok("PUT", &format!("/api/instances/{list}/steps"), steps).await;
    receive_event(&mut package, "widgetWillAppear").await;
    browser.close().await.unwrap();
}
