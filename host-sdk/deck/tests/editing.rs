//! The Panel as its user edits and uses it, in a real browser, and what the package hears of it. Pictures of it are left in
//! `target/screenshots`.

#![cfg(target_os = "linux")]

#[path = "../../../tests/driver.rs"]
mod driver;
#[path = "support/page.rs"]
mod page;
mod support;

use fantoccini::Client;
use fantoccini::key::Key;
use page::{
    DOWN, UP, cell, changes_to, clicks, drags, focuses, keeps, misses, open, points, reads, sees, types, until,
};
use serde_json::{Value, json};
use support::{PATIENT, Socket, TOGGLE, World, hear_of, nothing_more, world};

/// A deck whose package has registered, with one key of two states at column 1, row 1, and a browser that shows it.
struct Scene {
    browser: Client,
    _driver: driver::Driver,
    world: World,
    package: Socket,
    context: String,
}

async fn scene() -> Scene {
    let mut world = world(PATIENT).await;
    let mut package = world.package().await;
    let context = world.place(TOGGLE, 1, 1).await;
    hear_of(&mut package, "widgetWillAppear").await;
    hear_of(&mut package, "didReceiveWidgetSettings").await;
    let (driver, browser) = open(&world).await;
    sees(&browser, ".key").await;
    Scene { browser, _driver: driver, world, package, context }
}

impl Scene {
    /// Waits until the package has heard exactly these messages since the last time.
    async fn hears(&mut self, events: &[&str]) {
        for event in events {
            hear_of(&mut self.package, event).await;
        }
        nothing_more(&mut self.package).await;
    }

    async fn ends(self) {
        self.browser.close().await.unwrap();
    }
}

const PRESS: [&str; 3] = ["actionDown", "actionUp", "actionTriggered"];

#[tokio::test]
async fn click_in_edit_selects_and_does_not_press() {
    let mut scene = scene().await;
    sees(&scene.browser, "body[data-mode='edit']").await;
    clicks(&scene.browser, ".key").await;
    sees(&scene.browser, ".key[aria-selected='true']").await;
    sees(&scene.browser, "#property-frame").await;
    keeps(&scene.browser, "mode-edit").await;
    scene.hears(&[]).await;
    clicks(&scene.browser, &cell("grid", 3, 3)).await;
    sees(&scene.browser, ".key[aria-selected='false']").await;
    misses(&scene.browser, "#property-frame").await;
    scene.ends().await;
}

#[tokio::test]
async fn click_in_use_presses_and_does_not_select() {
    let mut scene = scene().await;
    changes_to(&scene.browser, "use").await;
    clicks(&scene.browser, ".key").await;
    scene.hears(&PRESS).await;
    keeps(&scene.browser, "mode-use").await;
    focuses(&scene.browser, ".key").await;
    types(&scene.browser, " ").await;
    scene.hears(&PRESS).await;
    misses(&scene.browser, ".key[aria-selected]").await;
    changes_to(&scene.browser, "edit").await;
    misses(&scene.browser, ".key[aria-selected='true']").await;
    scene.ends().await;
}

#[tokio::test]
async fn key_in_use_is_neither_moved_nor_removed() {
    let mut scene = scene().await;
    changes_to(&scene.browser, "use").await;
    drags(&scene.browser, ".key", &cell("grid", 3, 3)).await;
    scene.hears(&["actionDown", "actionUp"]).await;
    focuses(&scene.browser, ".key").await;
    for key in [Key::Delete.to_string(), "m".to_owned(), Key::Right.to_string(), Key::Enter.to_string()] {
        types(&scene.browser, &key).await;
    }
    sees(&scene.browser, ".key[data-column='1'][data-row='1']").await;
    scene.hears(&[]).await;
    changes_to(&scene.browser, "edit").await;
    drags(&scene.browser, ".key", &cell("grid", 3, 3)).await;
    sees(&scene.browser, ".key[data-column='3'][data-row='3']").await;
    scene.ends().await;
}

#[tokio::test]
async fn double_click_and_enter_open_settings() {
    let mut scene = scene().await;
    clicks(&scene.browser, ".key").await;
    clicks(&scene.browser, "#property-tab-look").await;
    points(&scene.browser, ".key", &[DOWN, UP, DOWN, UP]).await;
    sees(&scene.browser, "#property-tab-settings[aria-selected='true']:focus").await;
    types(&scene.browser, &Key::Escape.to_string()).await;
    sees(&scene.browser, ".key:focus").await;
    clicks(&scene.browser, &cell("grid", 3, 3)).await;
    focuses(&scene.browser, ".key").await;
    types(&scene.browser, &Key::Enter.to_string()).await;
    sees(&scene.browser, "#property-tab-settings:focus").await;
    types(&scene.browser, &Key::Right.to_string()).await;
    sees(&scene.browser, "#property-tab-look[aria-selected='true']:focus").await;
    scene.hears(&[]).await;
    scene.ends().await;
}

#[tokio::test]
async fn mode_key_switches_and_lets_go_what_is_held() {
    let mut scene = scene().await;
    focuses(&scene.browser, ".key").await;
    types(&scene.browser, &Key::F2.to_string()).await;
    sees(&scene.browser, "body[data-mode='use'] #mode-use[aria-pressed='true']").await;
    points(&scene.browser, ".key", &[DOWN]).await;
    scene.hears(&["actionDown"]).await;
    types(&scene.browser, &Key::F2.to_string()).await;
    scene.hears(&["actionUp"]).await;
    sees(&scene.browser, "body[data-mode='edit']").await;
    scene.ends().await;
}

#[tokio::test]
async fn mode_is_remembered_for_the_next_page() {
    let scene = scene().await;
    changes_to(&scene.browser, "use").await;
    until("it is stored", async || {
        let (_, state) = scene.world.call("GET", "/api/state", Value::Null).await;
        state["deck"]["preferences"]["mode"] == "use"
    })
    .await;
    scene.browser.refresh().await.unwrap();
    sees(&scene.browser, "body[data-mode='use']").await;
    scene.ends().await;
}

#[tokio::test]
async fn author_buttons_send_one_message_each() {
    let mut scene = scene().await;
    clicks(&scene.browser, ".key").await;
    clicks(&scene.browser, "#property-tab-test").await;
    for message in ["actionDown", "actionUp", "actionTriggered"] {
        clicks(&scene.browser, &format!("[data-message='{message}']")).await;
        scene.hears(&[message]).await;
    }
    let shown = reads(&scene.browser, "return document.querySelector('.trial code').textContent").await;
    assert_eq!(shown, json!(scene.context));
    keeps(&scene.browser, "author-buttons").await;
    scene.ends().await;
}

#[tokio::test]
async fn divider_gives_properties_room_and_is_remembered() {
    let scene = scene().await;
    clicks(&scene.browser, ".key").await;
    let height = async || reads(&scene.browser, "return document.getElementById('properties').offsetHeight").await;
    let before = height().await.as_u64().unwrap();
    points(&scene.browser, "#divider", &[DOWN, page::over(&scene.browser, "#panel").await, UP]).await;
    assert!(height().await.as_u64() > Some(before + 50));
    focuses(&scene.browser, "#divider").await;
    types(&scene.browser, &Key::Home.to_string()).await;
    sees(&scene.browser, "#divider[aria-valuenow='15']").await;
    types(&scene.browser, &Key::PageUp.to_string()).await;
    sees(&scene.browser, "#divider[aria-valuenow='25']").await;
    until("it is stored", async || {
        let (_, state) = scene.world.call("GET", "/api/state", Value::Null).await;
        state["deck"]["preferences"]["properties"] == 25
    })
    .await;
    scene.browser.refresh().await.unwrap();
    sees(&scene.browser, "#divider[aria-valuenow='25']").await;
    scene.ends().await;
}

#[tokio::test]
async fn property_view_keeps_its_room_beside_the_look() {
    let scene = scene().await;
    let size = json!({"width": 1280, "height": 900});
    scene.browser.set_window_rect(0, 0, 1280, 900).await.unwrap();
    clicks(&scene.browser, ".key").await;
    sees(&scene.browser, "#property-frame").await;
    let frame = "return document.getElementById('property-frame').offsetHeight";
    let tall = reads(&scene.browser, frame).await.as_u64().unwrap();
    assert!(tall >= 220, "{tall} pixels in a window of {size}");
    clicks(&scene.browser, "#property-tab-look").await;
    clicks(&scene.browser, "#property-tab-settings").await;
    assert_eq!(reads(&scene.browser, frame).await, json!(tall));
    scene.ends().await;
}
