//! The Panel as its user edits and uses it, in a real browser, and what the package hears of it. Pictures of it are left in
//! `target/screenshots`.

#![cfg(target_os = "linux")]

#[path = "../../../tests/driver.rs"]
mod driver;
#[path = "support/page.rs"]
mod page;
mod support;

use fantoccini::actions::{MOUSE_BUTTON_RIGHT, PointerAction};
use fantoccini::key::Key;
use fantoccini::{Client, Locator};
use page::{
    DOWN, UP, cell, changes_to, clicks, ctrl, double_clicks, double_taps, drags, focuses, keeps, misses, open, points,
    reads, sees, touches, types, until,
};
use serde_json::{Value, json};
use support::{PATIENT, Socket, TOGGLE, WIDE, World, hear_of, nothing_more, world};

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
async fn tap_in_edit_selects_and_two_open_settings() {
    let mut scene = scene().await;
    let browser = &scene.browser;
    // A finger that rolls a little still taps.
    let rolls = PointerAction::MoveBy { duration: None, x: 8.0, y: 0.0 };
    touches(browser, ".key", &[DOWN, rolls, UP]).await;
    sees(browser, ".key[data-column='1'][aria-selected='true']").await;
    keeps(browser, "tapped-in-edit").await;
    touches(browser, &cell("grid", 3, 3), &[DOWN, UP]).await;
    sees(browser, ".key[aria-selected='false']").await;
    double_taps(browser, ".key", "#property-tab-settings[aria-selected='true']:focus").await;
    scene.hears(&[]).await;
    scene.ends().await;
}

#[tokio::test]
async fn finger_in_edit_carries_a_key_and_presses_nothing() {
    let mut scene = scene().await;
    let browser = &scene.browser;
    let to = page::over(browser, &cell("grid", 3, 2)).await;
    touches(browser, ".key", &[DOWN, to, UP]).await;
    sees(browser, ".key[data-column='3'][data-row='2']").await;
    let to = page::over(browser, &cell("keys", 1, 1)).await;
    touches(browser, ".key", &[DOWN, to, UP]).await;
    sees(browser, "#function-keys .key[data-column='1'][data-row='1']").await;
    scene.hears(&[]).await;
    scene.ends().await;
}

#[tokio::test]
async fn finger_in_edit_drags_a_widget_by_its_picture() {
    let mut scene = scene().await;
    let browser = &scene.browser;
    let to = page::over(browser, &cell("grid", 3, 2)).await;
    touches(browser, &format!(".widget[data-widget='{TOGGLE}'] .widget-icon"), &[DOWN, to, UP]).await;
    sees(browser, ".key[data-column='3'][data-row='2'][aria-selected='true']").await;
    scene.hears(&["widgetWillAppear", "didReceiveWidgetSettings"]).await;
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
    double_clicks(&scene.browser, ".key", "#property-tab-settings[aria-selected='true']:focus").await;
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
    let shown = reads(&scene.browser, "return document.querySelector('.test-tab code').textContent").await;
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

/// The keys on the Panel, as `[column, row]` each, in the order of their rows.
async fn places(browser: &Client) -> Value {
    let script = "return [...document.querySelectorAll('.key')]
        .map(({ dataset }) => [Number(dataset.column), Number(dataset.row)])
        .sort((a, b) => a[1] - b[1] || a[0] - b[0])";
    reads(browser, script).await
}

async fn lie_at(browser: &Client, wanted: Value) {
    until(&format!("keys at {wanted}"), async || places(browser).await == wanted).await;
}

#[tokio::test]
async fn key_is_copied_cut_pasted_and_duplicated_by_keyboard() {
    let scene = scene().await;
    let browser = &scene.browser;
    focuses(browser, ".key").await;
    types(browser, &ctrl('d')).await;
    lie_at(browser, json!([[1, 0], [1, 1]])).await;
    sees(browser, ".key[data-row='0'][aria-selected='true']:focus").await;
    types(browser, &ctrl('c')).await;
    focuses(browser, &cell("grid", 4, 3)).await;
    types(browser, &ctrl('v')).await;
    lie_at(browser, json!([[1, 0], [1, 1], [4, 3]])).await;
    sees(browser, ".key[data-column='4']:focus").await;
    types(browser, &ctrl('x')).await;
    sees(browser, ".key[data-column='4'][data-cut]").await;
    keeps(browser, "cut").await;
    focuses(browser, &cell("keys", 0, 1)).await;
    types(browser, &ctrl('v')).await;
    sees(browser, "#function-keys .key[data-column='0'][data-row='1']:focus").await;
    misses(browser, ".key[data-cut]").await;
    types(browser, &ctrl('z')).await;
    lie_at(browser, json!([[1, 0], [1, 1], [4, 3]])).await;
    scene.ends().await;
}

#[tokio::test]
async fn escape_leaves_a_cut_key_where_it_is() {
    let scene = scene().await;
    focuses(&scene.browser, ".key").await;
    types(&scene.browser, &ctrl('x')).await;
    sees(&scene.browser, ".key[data-cut]").await;
    types(&scene.browser, &Key::Escape.to_string()).await;
    misses(&scene.browser, ".key[data-cut]").await;
    lie_at(&scene.browser, json!([[1, 1]])).await;
    scene.ends().await;
}

#[tokio::test]
async fn menu_of_a_key_does_everything_by_keyboard() {
    let scene = scene().await;
    let browser = &scene.browser;
    scene.world.call("POST", "/api/profiles", json!({"name": "Stream"})).await;
    clicks(browser, "#profile-strip button:first-child").await;
    focuses(browser, ".key").await;
    let opens = format!("{}{}{}", Key::Shift, Key::F10, Key::Null);
    types(browser, &opens).await;
    sees(browser, ".menu [role='menuitem']:first-child:focus").await;
    keeps(browser, "menu-of-a-key").await;
    types(browser, "d").await;
    types(browser, &Key::Enter.to_string()).await;
    lie_at(browser, json!([[1, 0], [1, 1]])).await;
    types(browser, &opens).await;
    sees(browser, ".menu").await;
    types(browser, "m").await;
    types(browser, &Key::Right.to_string()).await;
    sees(browser, ".menu[aria-label='Move to'] [role='menuitem']:focus").await;
    keeps(browser, "menu-move-to").await;
    types(browser, &Key::Up.to_string()).await;
    types(browser, &Key::Up.to_string()).await;
    types(browser, &Key::Enter.to_string()).await;
    lie_at(browser, json!([[1, 1]])).await;
    clicks(browser, "#profile-strip button:nth-child(2)").await;
    lie_at(browser, json!([[1, 0]])).await;
    focuses(browser, ".key").await;
    types(browser, &opens).await;
    types(browser, &Key::End.to_string()).await;
    types(browser, &Key::Enter.to_string()).await;
    lie_at(browser, json!([])).await;
    scene.ends().await;
}

#[tokio::test]
async fn menu_opens_at_the_pointer_and_escape_closes_it() {
    let scene = scene().await;
    let button = MOUSE_BUTTON_RIGHT;
    let (down, up) = (PointerAction::Down { button }, PointerAction::Up { button });
    points(&scene.browser, ".key", &[down.clone(), up.clone()]).await;
    sees(&scene.browser, ".key[aria-selected='true']").await;
    sees(&scene.browser, ".menu").await;
    types(&scene.browser, &Key::Escape.to_string()).await;
    misses(&scene.browser, ".menu").await;
    sees(&scene.browser, ".key:focus").await;
    points(&scene.browser, &cell("grid", 3, 0), &[down, up]).await;
    sees(&scene.browser, ".menu [aria-disabled='true']").await;
    scene.ends().await;
}

#[tokio::test]
async fn key_dropped_on_a_tab_is_copied_there() {
    let scene = scene().await;
    scene.world.call("POST", "/api/profiles", json!({"name": "Stream"})).await;
    clicks(&scene.browser, "#profile-strip button:first-child").await;
    sees(&scene.browser, ".key").await;
    drags(&scene.browser, ".key", "#profile-strip button:nth-child(2)").await;
    sees(&scene.browser, ".menu").await;
    keeps(&scene.browser, "dropped-on-a-tab").await;
    clicks(&scene.browser, ".menu button:first-child").await;
    sees(&scene.browser, ".toast").await;
    lie_at(&scene.browser, json!([[1, 1]])).await;
    clicks(&scene.browser, "#profile-strip button:nth-child(2)").await;
    sees(&scene.browser, &format!(".key:not([data-context='{}'])", scene.context)).await;
    lie_at(&scene.browser, json!([[1, 1]])).await;
    scene.ends().await;
}

#[tokio::test]
async fn pages_are_turned_by_lights_arrows_and_keyboard() {
    let scene = scene().await;
    let browser = &scene.browser;
    clicks(browser, ".page-arrow:last-child").await;
    sees(browser, "[data-page='1'][aria-current]").await;
    misses(browser, ".key").await;
    sees(browser, "[data-page='0'][data-filled]").await;
    keeps(browser, "page-2").await;
    clicks(browser, "[data-page='4']").await;
    sees(browser, "[data-page='4'][aria-current]").await;
    sees(browser, ".page-arrow:last-child[aria-disabled='true']").await;
    focuses(browser, &cell("grid", 0, 0)).await;
    types(browser, &Key::PageUp.to_string()).await;
    sees(browser, "[data-page='3'][aria-current]").await;
    clicks(browser, "[data-page='0']").await;
    sees(browser, ".key").await;
    drags(browser, ".key", "[data-page='2']").await;
    clicks(browser, ".menu button:last-child").await;
    sees(browser, "[data-page='2'][data-filled]").await;
    misses(browser, ".key").await;
    scene.ends().await;
}

#[tokio::test]
async fn widgets_are_found_by_name_and_group() {
    let scene = scene().await;
    let browser = &scene.browser;
    let found = async || reads(browser, "return document.querySelectorAll('.group li:not([hidden])').length").await;
    assert_eq!(found().await, json!(3));
    clicks(browser, "#widget-search").await;
    types(browser, "TOGGL").await;
    until("one is found", async || found().await == 1).await;
    keeps(browser, "search").await;
    types(browser, "x").await;
    sees(browser, ".widgets-not-found:not([hidden])").await;
    types(browser, &Key::Escape.to_string()).await;
    until("all are there again", async || found().await == 3).await;
    types(browser, "test wid").await;
    until("by group and name", async || found().await == 1).await;
    types(browser, &Key::Down.to_string()).await;
    sees(browser, &format!(".widget[data-widget='{WIDE}']:focus")).await;
    types(browser, &Key::Enter.to_string()).await;
    sees(browser, ".key[aria-colspan='3']").await;
    scene.ends().await;
}

#[tokio::test]
async fn closed_groups_are_remembered() {
    let scene = scene().await;
    clicks(&scene.browser, ".group-toggle").await;
    sees(&scene.browser, ".group ul[hidden]").await;
    until("it is stored", async || {
        let (_, state) = scene.world.call("GET", "/api/state", Value::Null).await;
        !state["deck"]["preferences"]["closedGroups"].as_array().unwrap().is_empty()
    })
    .await;
    scene.browser.refresh().await.unwrap();
    sees(&scene.browser, ".group ul[hidden]").await;
    clicks(&scene.browser, "#fold-button").await;
    sees(&scene.browser, ".group ul:not([hidden])").await;
    scene.ends().await;
}

#[tokio::test]
async fn one_click_offers_a_widget_and_two_place_it() {
    let scene = scene().await;
    let browser = &scene.browser;
    let widget = format!(".widget[data-widget='{TOGGLE}']");
    clicks(browser, &widget).await;
    sees(browser, "#offer-hint:not([hidden])").await;
    keeps(browser, "offered").await;
    lie_at(browser, json!([[1, 1]])).await;
    clicks(browser, &cell("grid", 3, 2)).await;
    lie_at(browser, json!([[1, 1], [3, 2]])).await;
    sees(browser, "#offer-hint[hidden]").await;
    clicks(browser, &widget).await;
    sees(browser, ".cell[data-free]").await;
    types(browser, &Key::Escape.to_string()).await;
    misses(browser, ".cell[data-free]").await;
    double_clicks(browser, &widget, "#panel .key[data-column='0'][data-row='0']").await;
    lie_at(browser, json!([[0, 0], [1, 1], [3, 2]])).await;
    misses(browser, ".cell[data-free]").await;
    scene.ends().await;
}

#[tokio::test]
async fn multi_action_key_is_made_and_does_its_steps() {
    let mut scene = scene().await;
    let browser = &scene.browser;
    scene.world.call("POST", "/api/profiles", json!({"name": "Stream"})).await;
    clicks(browser, "#profile-strip button:first-child").await;
    sees(browser, ".key").await;
    drags(browser, ".widget[data-widget='creator-deck:multi-action']", &cell("grid", 4, 0)).await;
    sees(browser, "#step-widget").await;
    let select = browser.find(Locator::Css("#step-widget")).await.unwrap();
    select.select_by_value(TOGGLE).await.unwrap();
    sees(browser, ".steps li:nth-child(1) button").await;
    clicks(browser, "[data-add='stepAddPause']").await;
    sees(browser, ".steps li:nth-child(2) input").await;
    clicks(browser, "[data-add='stepAddProfile']").await;
    sees(browser, ".steps li:nth-child(3) select").await;
    clicks(browser, "[data-focus='stepUp-2']").await;
    sees(browser, ".steps li:nth-child(2) select").await;
    misses(browser, ".cell[data-free]").await;
    keeps(browser, "multi-action").await;
    clicks(browser, ".steps li:nth-child(1) .small").await;
    sees(browser, "#back-to-list").await;
    sees(browser, "#property-frame").await;
    keeps(browser, "multi-action-step").await;
    clicks(browser, "#back-to-list").await;
    sees(browser, "#step-widget").await;
    changes_to(browser, "use").await;
    for event in ["widgetWillDisappear", "widgetWillAppear", "didReceiveWidgetSettings"] {
        hear_of(&mut scene.package, event).await;
    }
    for event in ["widgetWillAppear", "didReceiveWidgetSettings"] {
        hear_of(&mut scene.package, event).await;
    }
    clicks(browser, ".key[data-widget-uuid='creator-deck:multi-action']").await;
    for event in PRESS {
        hear_of(&mut scene.package, event).await;
    }
    sees(browser, "#profile-strip button:nth-child(2)[aria-current='true']").await;
    scene.ends().await;
}
