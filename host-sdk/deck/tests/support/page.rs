//! The deck's page in a real browser: what a user does there, and what a test waits for.
#![allow(dead_code, reason = "each test program uses a part of it")]

use std::fs;
use std::time::Duration;

use fantoccini::actions::{InputSource as _, MOUSE_BUTTON_LEFT, MouseActions, PointerAction, TouchActions};
use fantoccini::key::Key;
use fantoccini::{Client, Locator};
use serde_json::Value;

use crate::driver::{Driver, enter};
use crate::support::World;

/// Ends a test that would hang; passing tests don't wait for it.
pub const SOON: Duration = Duration::from_secs(30);

pub const DOWN: PointerAction = PointerAction::Down { button: MOUSE_BUTTON_LEFT };
pub const UP: PointerAction = PointerAction::Up { button: MOUSE_BUTTON_LEFT };

/// Polls until a condition holds.
pub async fn wait_until(what: &str, mut holds: impl AsyncFnMut() -> bool) {
    let start = std::time::Instant::now();
    while !holds().await {
        assert!(start.elapsed() < SOON, "{what}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// Opens the deck's page in a browser.
pub async fn open(world: &World) -> (Driver, Client) {
    let driver = Driver::start().await;
    let browser = driver.browser().await;
    enter(&browser, &world.deck.entry_url()).await;
    (driver, browser)
}

/// Waits until an element exists.
pub async fn wait_for(browser: &Client, css: &str) {
    let found = browser.wait().at_most(SOON).every(Duration::from_millis(50)).for_element(Locator::Css(css)).await;
    found.unwrap_or_else(|error| panic!("there is no {css} on the page: {error}"));
}

/// Waits until an element is gone.
pub async fn wait_until_gone(browser: &Client, css: &str) {
    let is_gone = async || browser.find_all(Locator::Css(css)).await.unwrap().is_empty();
    wait_until(&format!("{css} is still there"), is_gone).await;
}

pub async fn click(browser: &Client, css: &str) {
    wait_for(browser, css).await;
    let element = browser.find(Locator::Css(css)).await.unwrap();
    element.click().await.unwrap_or_else(|error| panic!("{css}: {error}"));
}

/// Performs mouse actions, starting over the middle of an element.
pub async fn mouse(browser: &Client, css: &str, actions: &[PointerAction]) {
    let start = MouseActions::new("mouse".to_owned()).then(move_over(browser, css).await);
    let all = actions.iter().cloned().fold(start, MouseActions::then);
    browser.perform_actions(all).await.unwrap_or_else(|error| panic!("{css}: {error}"));
}

/// Double-clicks an element until `then` exists: on a busy computer two clicks may be too far apart.
pub async fn double_click(browser: &Client, css: &str, then: &str) {
    repeat_until(browser, css, then, mouse).await;
}

/// Like [`double_click`], with a finger.
pub async fn double_tap(browser: &Client, css: &str, then: &str) {
    repeat_until(browser, css, then, touch).await;
}

async fn repeat_until(browser: &Client, css: &str, then: &str, act: impl AsyncFn(&Client, &str, &[PointerAction])) {
    const TRIES: u32 = 5;
    const OPEN_TIMEOUT: Duration = Duration::from_secs(3);
    for _ in 0..TRIES {
        act(browser, css, &[DOWN, UP, DOWN, UP]).await;
        let opened =
            browser.wait().at_most(OPEN_TIMEOUT).every(Duration::from_millis(50)).for_element(Locator::Css(then));
        if opened.await.is_ok() {
            return;
        }
    }
    panic!("there is no {then} after {css} was clicked twice");
}

/// Moves to the middle of an element, as slowly as a hand.
pub async fn move_over(browser: &Client, css: &str) -> PointerAction {
    wait_for(browser, css).await;
    let element = browser.find(Locator::Css(css)).await.unwrap();
    PointerAction::MoveToElement { element, duration: Some(Duration::from_millis(100)), x: 0.0, y: 0.0 }
}

/// Performs touch actions, starting over the middle of an element.
pub async fn touch(browser: &Client, css: &str, actions: &[PointerAction]) {
    let start = TouchActions::new("finger".to_owned()).then(move_over(browser, css).await);
    let all = actions.iter().cloned().fold(start, TouchActions::then);
    browser.perform_actions(all).await.unwrap_or_else(|error| panic!("{css}: {error}"));
}

/// Drags one element onto another.
pub async fn drag(browser: &Client, from: &str, to: &str) {
    let to = move_over(browser, to).await;
    mouse(browser, from, &[DOWN, to, UP]).await;
}

/// Focuses an element, as the Tab key would.
pub async fn focus(browser: &Client, css: &str) {
    wait_for(browser, css).await;
    browser.execute("document.querySelector(arguments[0]).focus()", vec![css.into()]).await.unwrap();
}

/// Types into the focused element.
pub async fn type_keys(browser: &Client, keys: &str) {
    browser.active_element().await.unwrap().send_keys(keys).await.unwrap();
}

/// A key combined with Ctrl.
pub fn ctrl(key: char) -> String {
    format!("{}{key}{}", Key::Control, Key::Null)
}

/// Returns the result of a script.
pub async fn eval(browser: &Client, script: &str) -> Value {
    browser.execute(script, Vec::new()).await.unwrap()
}

/// Switches the page's mode: `edit` or `use`.
pub async fn switch_mode(browser: &Client, mode: &str) {
    click(browser, &format!("#mode-{mode}")).await;
    wait_for(browser, &format!("body[data-mode='{mode}']")).await;
}

/// Saves a screenshot in `target/screenshots`.
pub async fn screenshot(browser: &Client, name: &str) {
    let test = std::env::current_exe().unwrap();
    let folder = test.ancestors().nth(3).unwrap().join("screenshots");
    fs::create_dir_all(&folder).unwrap();
    fs::write(folder.join(format!("deck-{name}.png")), browser.screenshot().await.unwrap()).unwrap();
}

/// Returns the selector of a cell: `grid` or `keys`, column and row from 0.
pub fn cell(area: &str, column: u8, row: u8) -> String {
    format!(".cell[data-area='{area}'][data-column='{column}'][data-row='{row}']")
}
