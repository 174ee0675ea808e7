//! What the page shows beside keys that work, in a real browser: placeholders of missing packages, the starter Panel, the settings of
//! the deck itself. Pictures of it are left in `target/screenshots`, dark and light, and narrow.

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
use page::{cell, changes_to, clicks, ctrl, drags, focuses, keeps, misses, open, reads, sees, types, until};
use serde_json::{Value, json};
use support::{PACKAGE, PATIENT, TOGGLE, WIDE, World, hear_of, install, nothing_more, start, world};

async fn call(world: &World, method: &str, path: &str, body: Value) -> Value {
    let (status, answer) = world.call(method, path, body).await;
    assert!(matches!(status, 200..=204), "{method} {path}: {status} {answer}");
    answer
}

/// Keeps pictures of what is seen in the usual window and in a narrow one, dark and light.
async fn keeps_all(world: &World, browser: &Client, name: &str) {
    for (size, width, height) in [("", 1280, 900), ("-narrow", 500, 900)] {
        browser.set_window_rect(0, 0, width, height).await.unwrap();
        for scheme in ["light", "dark"] {
            call(world, "PATCH", "/api/preferences", json!({"appearance": scheme})).await;
            sees(browser, &format!("html[data-appearance='{scheme}']")).await;
            keeps(browser, &format!("{name}{size}-{scheme}")).await;
        }
    }
    let beyond = "return document.documentElement.scrollWidth - document.documentElement.clientWidth";
    assert_eq!(reads(browser, beyond).await, json!(0), "nothing lies beyond the window's side");
    browser.set_window_rect(0, 0, 1280, 900).await.unwrap();
}

/// The text of an element.
async fn text_of(browser: &Client, css: &str) -> String {
    sees(browser, css).await;
    browser.find(Locator::Css(css)).await.unwrap().text().await.unwrap()
}

/// A deck with keys of one place and of three by two, whose package was removed.
async fn with_placeholders() -> World {
    let mut world = world(PATIENT).await;
    world.package().await;
    world.place(TOGGLE, 0, 0).await;
    world.place(WIDE, 1, 1).await;
    call(&world, "POST", "/api/instances", json!({"widget": TOGGLE, "area": "keys", "column": 1, "row": 0})).await;
    call(&world, "DELETE", &format!("/api/packages/{PACKAGE}?keepSettings=true"), Value::Null).await;
    world
}

const SMALL: &str = "#panel .key[aria-colspan='1']";
const LARGE: &str = "#panel .key[aria-colspan='3']";

#[tokio::test]
async fn placeholder_is_shown_selected_and_removed() {
    let world = with_placeholders().await;
    let (_driver, browser) = open(&world).await;
    sees(&browser, &format!("{SMALL} .face[data-missing='package']")).await;
    let label = format!("return document.querySelector(\"{SMALL}\").getAttribute('aria-label')");
    assert_eq!(reads(&browser, &label).await, "Column 1, row 1: Toggle it, Package not installed");
    clicks(&browser, LARGE).await;
    sees(&browser, "#import-package").await;
    let text = text_of(&browser, "#properties").await;
    assert!(text.contains("Wide needs the package Test package, which is not installed"), "{text}");
    keeps_all(&world, &browser, "placeholders").await;
    focuses(&browser, SMALL).await;
    types(&browser, &Key::Delete.to_string()).await;
    misses(&browser, SMALL).await;
    types(&browser, &ctrl('z')).await;
    sees(&browser, &format!("{SMALL} .face[data-missing='package']")).await;
    browser.close().await.unwrap();
}

#[tokio::test]
async fn placeholder_is_moved_and_keeps_others_off() {
    let world = with_placeholders().await;
    let (_driver, browser) = open(&world).await;
    drags(&browser, LARGE, &cell("grid", 3, 3)).await;
    sees(&browser, &format!("{LARGE}[data-column='2'][data-row='2']")).await;
    drags(&browser, ".widget[data-widget='creator-deck:multi-action']", SMALL).await;
    drags(&browser, ".widget[data-widget='creator-deck:multi-action']", &cell("grid", 4, 0)).await;
    sees(&browser, ".key[data-widget-uuid='creator-deck:multi-action'][data-column='4']").await;
    let keys = reads(&browser, "return document.querySelectorAll('#panel .key').length").await;
    assert_eq!(keys, 3);
    browser.close().await.unwrap();
}

#[tokio::test]
async fn placeholder_in_use_explains_why_it_is_not_pressed() {
    let world = with_placeholders().await;
    let (_driver, browser) = open(&world).await;
    sees(&browser, SMALL).await;
    changes_to(&browser, "use").await;
    clicks(&browser, SMALL).await;
    let text = text_of(&browser, ".toast").await;
    assert!(text.contains("needs the package Test package") && text.contains("Import the package"), "{text}");
    keeps(&browser, "placeholder-in-use").await;
    clicks(&browser, SMALL).await;
    assert_eq!(reads(&browser, "return document.querySelectorAll('.toast').length").await, 1);
    browser.close().await.unwrap();
}

#[tokio::test]
async fn placeholder_becomes_a_key_when_its_package_returns() {
    let mut world = with_placeholders().await;
    let (_driver, browser) = open(&world).await;
    clicks(&browser, SMALL).await;
    sees(&browser, "#import-package").await;
    world.install(|config| config["Widgets"].as_array_mut().unwrap().truncate(1)).await;
    sees(&browser, &format!("{SMALL} .face:not([data-missing])")).await;
    sees(&browser, &format!("{SMALL}[aria-selected='true']")).await;
    sees(&browser, "#property-frame").await;
    clicks(&browser, &format!("{LARGE} .face[data-missing='widget']")).await;
    let text = text_of(&browser, "#properties").await;
    assert!(text.contains("The installed version of Test package does not have Wide"), "{text}");
    keeps(&browser, "placeholder-of-a-widget").await;
    browser.close().await.unwrap();
}

#[tokio::test]
async fn starter_panel_is_placed_and_undone() {
    let world = world(PATIENT).await;
    let (_driver, browser) = open(&world).await;
    let text = text_of(&browser, "#starter").await;
    assert!(text.contains("Keys: 2, of Test package") && text.contains("Toggle it, Wide"), "{text}");
    keeps_all(&world, &browser, "starter").await;
    changes_to(&browser, "use").await;
    sees(&browser, "#starter[hidden]").await;
    changes_to(&browser, "edit").await;
    clicks(&browser, "#starter-place").await;
    sees(&browser, &format!("{LARGE}[data-column='1'][data-row='0']")).await;
    sees(&browser, &format!("{SMALL}:focus")).await;
    sees(&browser, "#starter[hidden]").await;
    keeps(&browser, "starter-placed").await;
    types(&browser, &ctrl('z')).await;
    misses(&browser, ".key").await;
    sees(&browser, "#starter:not([hidden])").await;
    browser.close().await.unwrap();
}

#[tokio::test]
async fn refused_starter_does_not_come_back() {
    let world = world(PATIENT).await;
    let (_driver, browser) = open(&world).await;
    clicks(&browser, "#starter-decline").await;
    sees(&browser, "#starter[hidden]").await;
    sees(&browser, "#panel-hint:not([hidden])").await;
    until("it is stored", async || {
        let state = call(&world, "GET", "/api/state", Value::Null).await;
        state["deck"]["preferences"]["withoutStarter"] == json!([state["deck"]["active"]])
    })
    .await;
    browser.refresh().await.unwrap();
    sees(&browser, "#panel-hint:not([hidden])").await;
    sees(&browser, "#starter[hidden]").await;
    browser.close().await.unwrap();
}

/// A deck that can start with the computer, by an entry in this folder.
async fn on_a_desktop(entries: &Path) -> World {
    let data = tempfile::tempdir().unwrap();
    install(data.path(), PATIENT);
    let entries = entries.to_owned();
    start(data, move |config| {
        config.autostart = Some(Autostart::in_place("/opt/creator-deck".into(), Vec::new(), entries).unwrap());
        config.open_folder = Some(note);
    })
    .await
}

/// The folders that were shown.
static SHOWN: Mutex<Vec<PathBuf>> = Mutex::new(Vec::new());

fn note(folder: &Path) -> io::Result<()> {
    SHOWN.lock().unwrap().push(folder.to_owned());
    Ok(())
}

async fn opens_settings(browser: &Client) {
    clicks(browser, "#settings-button").await;
    clicks(browser, "[data-package='deck']").await;
    sees(browser, "#deck-settings:not([hidden])").await;
}

#[tokio::test]
async fn language_is_chosen_and_packages_are_restarted() {
    let mut world = on_a_desktop(Path::new("/nowhere")).await;
    world.package().await;
    let (_driver, browser) = open(&world).await;
    opens_settings(&browser).await;
    sees(&browser, ".deck-restart[hidden]").await;
    browser.find(Locator::Css("#deck-language")).await.unwrap().select_by_value("de").await.unwrap();
    let text = text_of(&browser, ".deck-restart:not([hidden])").await;
    assert!(text.contains("Test package: in the new language"), "{text}");
    keeps_all(&world, &browser, "deck-settings").await;
    clicks(&browser, "#deck-restart").await;
    let started = world.started().await;
    assert_eq!(started.info["application"]["language"], "de");
    let mut package = world.register(&started.register).await;
    sees(&browser, ".deck-restart[hidden]").await;
    nothing_more(&mut package).await;
    browser.close().await.unwrap();
}

#[tokio::test]
async fn language_of_the_command_line_is_not_changed_in_the_page() {
    let data = tempfile::tempdir().unwrap();
    install(data.path(), PATIENT);
    let world = start(data, |config| config.language = Some("ko".to_owned())).await;
    let (_driver, browser) = open(&world).await;
    opens_settings(&browser).await;
    sees(&browser, "#deck-language:disabled").await;
    assert_eq!(reads(&browser, "return document.getElementById('deck-language').value").await, "ko");
    sees(&browser, "#deck-start:disabled").await;
    browser.close().await.unwrap();
}

#[tokio::test]
async fn switch_shows_whether_the_deck_starts_with_the_computer() {
    let entries = tempfile::tempdir().unwrap();
    let entry = entries.path().join("creator-deck.desktop");
    let world = on_a_desktop(entries.path()).await;
    let (_driver, browser) = open(&world).await;
    opens_settings(&browser).await;
    clicks(&browser, "#deck-start:not(:checked):enabled").await;
    until("the entry is there", async || entry.exists()).await;
    clicks(&browser, "#deck-start:checked:enabled").await;
    until("the entry is gone", async || !entry.exists()).await;
    sees(&browser, "#deck-start:not(:checked):enabled").await;
    // An entry that another program has made is shown, too.
    fs::write(&entry, "[Desktop Entry]\nExec=/opt/creator-deck\n").unwrap();
    clicks(&browser, "#settings-close").await;
    opens_settings(&browser).await;
    sees(&browser, "#deck-start:checked").await;
    browser.close().await.unwrap();
}

#[tokio::test]
async fn entry_that_cannot_be_made_is_explained() {
    let file = tempfile::NamedTempFile::new().unwrap();
    let world = on_a_desktop(&file.path().join("autostart")).await;
    let (status, answer) = world.call("PUT", "/api/desktop/start", json!({"on": true})).await;
    assert!(status == 409 && answer["error"].as_str().unwrap().contains("can't be read or written"), "{answer}");
    let desktop = call(&world, "GET", "/api/desktop", Value::Null).await;
    assert_eq!(desktop["startsWithComputer"], Value::Null);
    assert!(desktop["startsError"].as_str().unwrap().contains("can't be read or written"), "{desktop}");
}

#[tokio::test]
async fn folders_are_named_and_shown_and_the_log_is_opened() {
    let world = on_a_desktop(Path::new("/nowhere")).await;
    let (_driver, browser) = open(&world).await;
    opens_settings(&browser).await;
    let data = world.data.path();
    let text = text_of(&browser, "#deck-settings").await;
    assert!(text.contains(&data.join("logs").display().to_string()) && text.contains("at most 20 MB"), "{text}");
    clicks(&browser, "[data-open='data']").await;
    until("the folder is shown", async || SHOWN.lock().unwrap().iter().any(|shown| shown == data)).await;
    clicks(&browser, "#deck-log").await;
    sees(&browser, "#log-drawer:not([hidden])").await;
    misses(&browser, "#settings-dialog[open]").await;
    browser.close().await.unwrap();
}

#[tokio::test]
async fn look_is_that_of_the_system_until_it_is_chosen() {
    let world = on_a_desktop(Path::new("/nowhere")).await;
    let (_driver, browser) = open(&world).await;
    let background = "return getComputedStyle(document.body).backgroundColor";
    opens_settings(&browser).await;
    let dark = reads(&browser, background).await;
    let appearance = browser.find(Locator::Css("#deck-appearance")).await.unwrap();
    appearance.select_by_value("light").await.unwrap();
    sees(&browser, "html[data-appearance='light']").await;
    assert_ne!(reads(&browser, background).await, dark);
    appearance.select_by_value("system").await.unwrap();
    sees(&browser, "html:not([data-appearance])").await;
    assert_eq!(reads(&browser, background).await, dark);
    browser.close().await.unwrap();
}

#[tokio::test]
async fn widget_that_is_no_step_is_neither_offered_nor_taken() {
    let mut world = world(PATIENT).await;
    world.package().await;
    world.install(|config| config["Widgets"][0]["MultiActionSupported"] = json!(false)).await;
    let mut package = world.package().await;
    let list = world.place("creator-deck:multi-action", 0, 0).await;
    let (_driver, browser) = open(&world).await;
    clicks(&browser, ".key").await;
    sees(&browser, &format!("#step-widget option[value='{WIDE}']")).await;
    misses(&browser, &format!("#step-widget option[value='{TOGGLE}']")).await;
    let steps = json!({"steps": [{"widget": TOGGLE}]});
    let (status, answer) = world.call("PUT", &format!("/api/instances/{list}/steps"), steps).await;
    let why = answer["error"].as_str().unwrap_or_default();
    assert!(status == 409 && why.contains("Toggle can't be a step: its package doesn't allow it"), "{answer}");
    let steps = json!({"steps": [{"widget": WIDE}]});
    call(&world, "PUT", &format!("/api/instances/{list}/steps"), steps).await;
    hear_of(&mut package, "widgetWillAppear").await;
    browser.close().await.unwrap();
}
