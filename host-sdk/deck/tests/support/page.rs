//! The deck's page in a real browser: what its user does there, and what is looked for.
#![allow(dead_code, reason = "each test program uses a part of it")]

use std::fs;
use std::time::Duration;

use fantoccini::actions::{InputSource as _, MOUSE_BUTTON_LEFT, MouseActions, PointerAction, TouchActions};
use fantoccini::key::Key;
use fantoccini::{Client, Locator};
use serde_json::Value;

use crate::driver::{Driver, enter};
use crate::support::World;

/// Ends a test that would hang; nothing waits for it in one that passes.
pub const SOON: Duration = Duration::from_secs(30);

pub const DOWN: PointerAction = PointerAction::Down { button: MOUSE_BUTTON_LEFT };
pub const UP: PointerAction = PointerAction::Up { button: MOUSE_BUTTON_LEFT };

/// Asks again and again until the answer is yes.
pub async fn until(what: &str, mut is_so: impl AsyncFnMut() -> bool) {
    let start = std::time::Instant::now();
    while !is_so().await {
        assert!(start.elapsed() < SOON, "{what}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// A browser with the deck's page.
pub async fn open(world: &World) -> (Driver, Client) {
    let driver = Driver::start().await;
    let browser = driver.browser().await;
    enter(&browser, &world.deck.entry_url()).await;
    (driver, browser)
}

/// Waits until there is such an element.
pub async fn sees(browser: &Client, css: &str) {
    let found = browser.wait().at_most(SOON).every(Duration::from_millis(50)).for_element(Locator::Css(css)).await;
    found.unwrap_or_else(|error| panic!("there is no {css} on the page: {error}"));
}

/// Waits until there is no such element.
pub async fn misses(browser: &Client, css: &str) {
    let is_gone = async || browser.find_all(Locator::Css(css)).await.unwrap().is_empty();
    until(&format!("{css} is still there"), is_gone).await;
}

pub async fn clicks(browser: &Client, css: &str) {
    sees(browser, css).await;
    let element = browser.find(Locator::Css(css)).await.unwrap();
    element.click().await.unwrap_or_else(|error| panic!("{css}: {error}"));
}

/// Does something with the mouse, which begins over the middle of an element.
pub async fn points(browser: &Client, css: &str, actions: &[PointerAction]) {
    let mouse = MouseActions::new("mouse".to_owned()).then(over(browser, css).await);
    let mouse = actions.iter().cloned().fold(mouse, MouseActions::then);
    browser.perform_actions(mouse).await.unwrap_or_else(|error| panic!("{css}: {error}"));
}

/// Double-clicks an element until `then` is on the page: on a busy computer two clicks may be too slow to be a double one.
pub async fn double_clicks(browser: &Client, css: &str, then: &str) {
    twice(browser, css, then, points).await;
}

/// As [`double_clicks`], with a finger.
pub async fn double_taps(browser: &Client, css: &str, then: &str) {
    twice(browser, css, then, touches).await;
}

async fn twice(browser: &Client, css: &str, then: &str, hand: impl AsyncFn(&Client, &str, &[PointerAction])) {
    const TRIES: u32 = 5;
    const OPENS_WITHIN: Duration = Duration::from_secs(3);
    for _ in 0..TRIES {
        hand(browser, css, &[DOWN, UP, DOWN, UP]).await;
        let opened =
            browser.wait().at_most(OPENS_WITHIN).every(Duration::from_millis(50)).for_element(Locator::Css(then));
        if opened.await.is_ok() {
            return;
        }
    }
    panic!("there is no {then} after {css} was hit twice");
}

/// To the middle of an element, as slowly as a hand.
pub async fn over(browser: &Client, css: &str) -> PointerAction {
    sees(browser, css).await;
    let element = browser.find(Locator::Css(css)).await.unwrap();
    PointerAction::MoveToElement { element, duration: Some(Duration::from_millis(100)), x: 0.0, y: 0.0 }
}

/// Does something with a finger, which begins over the middle of an element.
pub async fn touches(browser: &Client, css: &str, actions: &[PointerAction]) {
    let finger = TouchActions::new("finger".to_owned()).then(over(browser, css).await);
    let finger = actions.iter().cloned().fold(finger, TouchActions::then);
    browser.perform_actions(finger).await.unwrap_or_else(|error| panic!("{css}: {error}"));
}

/// Drags one element onto another.
pub async fn drags(browser: &Client, from: &str, to: &str) {
    let to = over(browser, to).await;
    points(browser, from, &[DOWN, to, UP]).await;
}

/// Gives an element the focus, as the Tab key would.
pub async fn focuses(browser: &Client, css: &str) {
    sees(browser, css).await;
    browser.execute("document.querySelector(arguments[0]).focus()", vec![css.into()]).await.unwrap();
}

/// Types on what has the focus.
pub async fn types(browser: &Client, keys: &str) {
    browser.active_element().await.unwrap().send_keys(keys).await.unwrap();
}

/// A key together with Ctrl.
pub fn ctrl(key: char) -> String {
    format!("{}{key}{}", Key::Control, Key::Null)
}

/// What a script answers.
pub async fn reads(browser: &Client, script: &str) -> Value {
    browser.execute(script, Vec::new()).await.unwrap()
}

/// Changes to one of the page's modes: `edit` or `use`.
pub async fn changes_to(browser: &Client, mode: &str) {
    clicks(browser, &format!("#mode-{mode}")).await;
    sees(browser, &format!("body[data-mode='{mode}']")).await;
}

/// Keeps a picture of the page in `target/screenshots`.
pub async fn keeps(browser: &Client, name: &str) {
    let test = std::env::current_exe().unwrap();
    let folder = test.ancestors().nth(3).unwrap().join("screenshots");
    fs::create_dir_all(&folder).unwrap();
    fs::write(folder.join(format!("deck-{name}.png")), browser.screenshot().await.unwrap()).unwrap();
}

/// The selector of a place: `grid` or `keys`, column and row from 0.
pub fn cell(area: &str, column: u8, row: u8) -> String {
    format!(".cell[data-area='{area}'][data-column='{column}'][data-row='{row}']")
}
