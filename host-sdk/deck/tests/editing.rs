//! Editing and using the Panel in a real browser, and the messages that the package receives. Screenshots are in
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
    DOWN, UP, cell, click, ctrl, double_click, double_tap, drag, eval, focus, mouse, open, screenshot, switch_mode,
    touch, type_keys, wait_for, wait_until, wait_until_gone,
};
use serde_json::{Value, json};
use support::{PATIENT, Socket, TOGGLE, WIDE, World, assert_nothing_more, receive_event, world};

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
    let mut package = world.connect_package().await;
    let context = world.place(TOGGLE, 1, 1).await;
    receive_event(&mut package, "widgetWillAppear").await;
    receive_event(&mut package, "didReceiveWidgetSettings").await;
    let (driver, browser) = open(&world).await;
    wait_for(&browser, ".key").await;
    Scene { browser, _driver: driver, world, package, context }
}

impl Scene {
    /// Waits for exactly these messages since the last call.
    async fn expect_events(&mut self, events: &[&str]) {
        for event in events {
            receive_event(&mut self.package, event).await;
        }
        assert_nothing_more(&mut self.package).await;
    }

    async fn close(self) {
        self.browser.close().await.unwrap();
    }
}

const PRESS: [&str; 3] = ["actionDown", "actionUp", "actionTriggered"];

#[tokio::test]
async fn click_in_edit_mode_selects() {
    let mut scene = scene().await;
    wait_for(&scene.browser, "body[data-mode='edit']").await;
    click(&scene.browser, ".key").await;
    wait_for(&scene.browser, ".key[aria-selected='true']").await;
    wait_for(&scene.browser, "#property-frame").await;
    screenshot(&scene.browser, "mode-edit").await;
    scene.expect_events(&[]).await;
    click(&scene.browser, &cell("grid", 3, 3)).await;
    wait_for(&scene.browser, ".key[aria-selected='false']").await;
    wait_until_gone(&scene.browser, "#property-frame").await;
    scene.close().await;
}

#[tokio::test]
async fn tap_in_edit_mode_selects_and_double_tap_opens_settings() {
    let mut scene = scene().await;
    let browser = &scene.browser;
    // A finger that moves a little still taps.
    let rolls = PointerAction::MoveBy { duration: None, x: 8.0, y: 0.0 };
    touch(browser, ".key", &[DOWN, rolls, UP]).await;
    wait_for(browser, ".key[data-column='1'][aria-selected='true']").await;
    screenshot(browser, "tapped-in-edit").await;
    touch(browser, &cell("grid", 3, 3), &[DOWN, UP]).await;
    wait_for(browser, ".key[aria-selected='false']").await;
    double_tap(browser, ".key", "#property-tab-settings[aria-selected='true']:focus").await;
    scene.expect_events(&[]).await;
    scene.close().await;
}

#[tokio::test]
async fn touch_drag_in_edit_mode_moves_a_key() {
    let mut scene = scene().await;
    let browser = &scene.browser;
    let to = page::move_over(browser, &cell("grid", 3, 2)).await;
    touch(browser, ".key", &[DOWN, to, UP]).await;
    wait_for(browser, ".key[data-column='3'][data-row='2']").await;
    let to = page::move_over(browser, &cell("keys", 1, 1)).await;
    touch(browser, ".key", &[DOWN, to, UP]).await;
    wait_for(browser, "#function-keys .key[data-column='1'][data-row='1']").await;
    scene.expect_events(&[]).await;
    scene.close().await;
}

#[tokio::test]
async fn touch_drag_in_edit_mode_places_a_widget() {
    let mut scene = scene().await;
    let browser = &scene.browser;
    let to = page::move_over(browser, &cell("grid", 3, 2)).await;
    touch(browser, &format!(".widget[data-widget='{TOGGLE}'] .widget-icon"), &[DOWN, to, UP]).await;
    wait_for(browser, ".key[data-column='3'][data-row='2'][aria-selected='true']").await;
    scene.expect_events(&["widgetWillAppear", "didReceiveWidgetSettings"]).await;
    scene.close().await;
}

#[tokio::test]
async fn click_in_use_mode_presses() {
    let mut scene = scene().await;
    switch_mode(&scene.browser, "use").await;
    click(&scene.browser, ".key").await;
    scene.expect_events(&PRESS).await;
    screenshot(&scene.browser, "mode-use").await;
    focus(&scene.browser, ".key").await;
    type_keys(&scene.browser, " ").await;
    scene.expect_events(&PRESS).await;
    wait_until_gone(&scene.browser, ".key[aria-selected]").await;
    switch_mode(&scene.browser, "edit").await;
    wait_until_gone(&scene.browser, ".key[aria-selected='true']").await;
    scene.close().await;
}

#[tokio::test]
async fn key_in_use_mode_is_neither_moved_nor_removed() {
    let mut scene = scene().await;
    switch_mode(&scene.browser, "use").await;
    drag(&scene.browser, ".key", &cell("grid", 3, 3)).await;
    scene.expect_events(&["actionDown", "actionUp"]).await;
    focus(&scene.browser, ".key").await;
    for key in [Key::Delete.to_string(), "m".to_owned(), Key::Right.to_string(), Key::Enter.to_string()] {
        type_keys(&scene.browser, &key).await;
    }
    wait_for(&scene.browser, ".key[data-column='1'][data-row='1']").await;
    scene.expect_events(&[]).await;
    switch_mode(&scene.browser, "edit").await;
    drag(&scene.browser, ".key", &cell("grid", 3, 3)).await;
    wait_for(&scene.browser, ".key[data-column='3'][data-row='3']").await;
    scene.close().await;
}

#[tokio::test]
async fn double_click_and_enter_open_settings() {
    let mut scene = scene().await;
    click(&scene.browser, ".key").await;
    click(&scene.browser, "#property-tab-look").await;
    double_click(&scene.browser, ".key", "#property-tab-settings[aria-selected='true']:focus").await;
    type_keys(&scene.browser, &Key::Escape.to_string()).await;
    wait_for(&scene.browser, ".key:focus").await;
    click(&scene.browser, &cell("grid", 3, 3)).await;
    focus(&scene.browser, ".key").await;
    type_keys(&scene.browser, &Key::Enter.to_string()).await;
    wait_for(&scene.browser, "#property-tab-settings:focus").await;
    type_keys(&scene.browser, &Key::Right.to_string()).await;
    wait_for(&scene.browser, "#property-tab-look[aria-selected='true']:focus").await;
    scene.expect_events(&[]).await;
    scene.close().await;
}

#[tokio::test]
async fn mode_key_switches_and_releases_held_keys() {
    let mut scene = scene().await;
    focus(&scene.browser, ".key").await;
    type_keys(&scene.browser, &Key::F2.to_string()).await;
    wait_for(&scene.browser, "body[data-mode='use'] #mode-use[aria-pressed='true']").await;
    mouse(&scene.browser, ".key", &[DOWN]).await;
    scene.expect_events(&["actionDown"]).await;
    type_keys(&scene.browser, &Key::F2.to_string()).await;
    scene.expect_events(&["actionUp"]).await;
    wait_for(&scene.browser, "body[data-mode='edit']").await;
    scene.close().await;
}

#[tokio::test]
async fn mode_is_remembered_for_the_next_page() {
    let scene = scene().await;
    switch_mode(&scene.browser, "use").await;
    wait_until("it is saved", async || {
        let (_, state) = scene.world.call("GET", "/api/state", Value::Null).await;
        state["deck"]["preferences"]["mode"] == "use"
    })
    .await;
    scene.browser.refresh().await.unwrap();
    wait_for(&scene.browser, "body[data-mode='use']").await;
    scene.close().await;
}

#[tokio::test]
async fn author_buttons_send_one_message_each() {
    let mut scene = scene().await;
    click(&scene.browser, ".key").await;
    click(&scene.browser, "#property-tab-test").await;
    for message in ["actionDown", "actionUp", "actionTriggered"] {
        click(&scene.browser, &format!("[data-message='{message}']")).await;
        scene.expect_events(&[message]).await;
    }
    let shown = eval(&scene.browser, "return document.querySelector('.test-tab code').textContent").await;
    assert_eq!(shown, json!(scene.context));
    screenshot(&scene.browser, "author-buttons").await;
    scene.close().await;
}

#[tokio::test]
async fn divider_resizes_properties_and_is_remembered() {
    let scene = scene().await;
    click(&scene.browser, ".key").await;
    let height = async || eval(&scene.browser, "return document.getElementById('properties').offsetHeight").await;
    let before = height().await.as_u64().unwrap();
    mouse(&scene.browser, "#divider", &[DOWN, page::move_over(&scene.browser, "#panel").await, UP]).await;
    assert!(height().await.as_u64() > Some(before + 50));
    focus(&scene.browser, "#divider").await;
    type_keys(&scene.browser, &Key::Home.to_string()).await;
    wait_for(&scene.browser, "#divider[aria-valuenow='15']").await;
    type_keys(&scene.browser, &Key::PageUp.to_string()).await;
    wait_for(&scene.browser, "#divider[aria-valuenow='25']").await;
    wait_until("it is saved", async || {
        let (_, state) = scene.world.call("GET", "/api/state", Value::Null).await;
        state["deck"]["preferences"]["properties"] == 25
    })
    .await;
    scene.browser.refresh().await.unwrap();
    wait_for(&scene.browser, "#divider[aria-valuenow='25']").await;
    scene.close().await;
}

#[tokio::test]
async fn property_view_keeps_its_height() {
    let scene = scene().await;
    let size = json!({"width": 1280, "height": 900});
    scene.browser.set_window_rect(0, 0, 1280, 900).await.unwrap();
    click(&scene.browser, ".key").await;
    wait_for(&scene.browser, "#property-frame").await;
    let frame = "return document.getElementById('property-frame').offsetHeight";
    let tall = eval(&scene.browser, frame).await.as_u64().unwrap();
    assert!(tall >= 220, "{tall} pixels in a window of {size}");
    click(&scene.browser, "#property-tab-look").await;
    click(&scene.browser, "#property-tab-settings").await;
    assert_eq!(eval(&scene.browser, frame).await, json!(tall));
    scene.close().await;
}

/// Returns the keys on the Panel as `[column, row]`, ordered by row.
async fn key_positions(browser: &Client) -> Value {
    let script = "return [...document.querySelectorAll('.key')]
        .map(({ dataset }) => [Number(dataset.column), Number(dataset.row)])
        .sort((a, b) => a[1] - b[1] || a[0] - b[0])";
    eval(browser, script).await
}

async fn wait_for_keys(browser: &Client, wanted: Value) {
    wait_until(&format!("keys at {wanted}"), async || key_positions(browser).await == wanted).await;
}

#[tokio::test]
async fn key_is_copied_cut_pasted_and_duplicated_by_keyboard() {
    let scene = scene().await;
    let browser = &scene.browser;
    focus(browser, ".key").await;
    type_keys(browser, &ctrl('d')).await;
    wait_for_keys(browser, json!([[1, 0], [1, 1]])).await;
    wait_for(browser, ".key[data-row='0'][aria-selected='true']:focus").await;
    type_keys(browser, &ctrl('c')).await;
    focus(browser, &cell("grid", 4, 3)).await;
    type_keys(browser, &ctrl('v')).await;
    wait_for_keys(browser, json!([[1, 0], [1, 1], [4, 3]])).await;
    wait_for(browser, ".key[data-column='4']:focus").await;
    type_keys(browser, &ctrl('x')).await;
    wait_for(browser, ".key[data-column='4'][data-cut]").await;
    screenshot(browser, "cut").await;
    focus(browser, &cell("keys", 0, 1)).await;
    type_keys(browser, &ctrl('v')).await;
    wait_for(browser, "#function-keys .key[data-column='0'][data-row='1']:focus").await;
    wait_until_gone(browser, ".key[data-cut]").await;
    type_keys(browser, &ctrl('z')).await;
    wait_for_keys(browser, json!([[1, 0], [1, 1], [4, 3]])).await;
    scene.close().await;
}

#[tokio::test]
async fn escape_leaves_a_cut_key_where_it_is() {
    let scene = scene().await;
    focus(&scene.browser, ".key").await;
    type_keys(&scene.browser, &ctrl('x')).await;
    wait_for(&scene.browser, ".key[data-cut]").await;
    type_keys(&scene.browser, &Key::Escape.to_string()).await;
    wait_until_gone(&scene.browser, ".key[data-cut]").await;
    wait_for_keys(&scene.browser, json!([[1, 1]])).await;
    scene.close().await;
}

#[tokio::test]
async fn key_menu_works_by_keyboard() {
    let scene = scene().await;
    let browser = &scene.browser;
    scene.world.call("POST", "/api/profiles", json!({"name": "Stream"})).await;
    click(browser, "#profile-strip button:first-child").await;
    focus(browser, ".key").await;
    let menu_keys = format!("{}{}{}", Key::Shift, Key::F10, Key::Null);
    type_keys(browser, &menu_keys).await;
    wait_for(browser, ".menu [role='menuitem']:first-child:focus").await;
    screenshot(browser, "menu-of-a-key").await;
    type_keys(browser, "d").await;
    type_keys(browser, &Key::Enter.to_string()).await;
    wait_for_keys(browser, json!([[1, 0], [1, 1]])).await;
    type_keys(browser, &menu_keys).await;
    wait_for(browser, ".menu").await;
    type_keys(browser, "m").await;
    type_keys(browser, &Key::Right.to_string()).await;
    wait_for(browser, ".menu[aria-label='Move to'] [role='menuitem']:focus").await;
    screenshot(browser, "menu-move-to").await;
    type_keys(browser, &Key::Up.to_string()).await;
    type_keys(browser, &Key::Up.to_string()).await;
    type_keys(browser, &Key::Enter.to_string()).await;
    wait_for_keys(browser, json!([[1, 1]])).await;
    click(browser, "#profile-strip button:nth-child(2)").await;
    wait_for_keys(browser, json!([[1, 0]])).await;
    focus(browser, ".key").await;
    type_keys(browser, &menu_keys).await;
    type_keys(browser, &Key::End.to_string()).await;
    type_keys(browser, &Key::Enter.to_string()).await;
    wait_for_keys(browser, json!([])).await;
    scene.close().await;
}

#[tokio::test]
async fn menu_opens_at_the_pointer_and_escape_closes_it() {
    let scene = scene().await;
    let button = MOUSE_BUTTON_RIGHT;
    let (down, up) = (PointerAction::Down { button }, PointerAction::Up { button });
    mouse(&scene.browser, ".key", &[down.clone(), up.clone()]).await;
    wait_for(&scene.browser, ".key[aria-selected='true']").await;
    wait_for(&scene.browser, ".menu").await;
    type_keys(&scene.browser, &Key::Escape.to_string()).await;
    wait_until_gone(&scene.browser, ".menu").await;
    wait_for(&scene.browser, ".key:focus").await;
    mouse(&scene.browser, &cell("grid", 3, 0), &[down, up]).await;
    wait_for(&scene.browser, ".menu [aria-disabled='true']").await;
    scene.close().await;
}

#[tokio::test]
async fn key_dropped_on_a_tab_is_copied_there() {
    let scene = scene().await;
    scene.world.call("POST", "/api/profiles", json!({"name": "Stream"})).await;
    click(&scene.browser, "#profile-strip button:first-child").await;
    wait_for(&scene.browser, ".key").await;
    drag(&scene.browser, ".key", "#profile-strip button:nth-child(2)").await;
    wait_for(&scene.browser, ".menu").await;
    screenshot(&scene.browser, "dropped-on-a-tab").await;
    click(&scene.browser, ".menu button:first-child").await;
    wait_for(&scene.browser, ".toast").await;
    wait_for_keys(&scene.browser, json!([[1, 1]])).await;
    click(&scene.browser, "#profile-strip button:nth-child(2)").await;
    wait_for(&scene.browser, &format!(".key:not([data-context='{}'])", scene.context)).await;
    wait_for_keys(&scene.browser, json!([[1, 1]])).await;
    scene.close().await;
}

#[tokio::test]
async fn pages_are_switched_by_dots_arrows_and_keyboard() {
    let scene = scene().await;
    let browser = &scene.browser;
    click(browser, ".page-arrow:last-child").await;
    wait_for(browser, "[data-page='1'][aria-current]").await;
    wait_until_gone(browser, ".key").await;
    wait_for(browser, "[data-page='0'][data-filled]").await;
    screenshot(browser, "page-2").await;
    click(browser, "[data-page='4']").await;
    wait_for(browser, "[data-page='4'][aria-current]").await;
    wait_for(browser, ".page-arrow:last-child[aria-disabled='true']").await;
    focus(browser, &cell("grid", 0, 0)).await;
    type_keys(browser, &Key::PageUp.to_string()).await;
    wait_for(browser, "[data-page='3'][aria-current]").await;
    click(browser, "[data-page='0']").await;
    wait_for(browser, ".key").await;
    drag(browser, ".key", "[data-page='2']").await;
    click(browser, ".menu button:last-child").await;
    wait_for(browser, "[data-page='2'][data-filled]").await;
    wait_until_gone(browser, ".key").await;
    scene.close().await;
}

#[tokio::test]
async fn widgets_are_found_by_name_and_group() {
    let scene = scene().await;
    let browser = &scene.browser;
    let found = async || eval(browser, "return document.querySelectorAll('.group li:not([hidden])').length").await;
    assert_eq!(found().await, json!(3));
    click(browser, "#widget-search").await;
    type_keys(browser, "TOGGL").await;
    wait_until("one is found", async || found().await == 1).await;
    screenshot(browser, "search").await;
    type_keys(browser, "x").await;
    wait_for(browser, ".widgets-not-found:not([hidden])").await;
    type_keys(browser, &Key::Escape.to_string()).await;
    wait_until("all are there again", async || found().await == 3).await;
    type_keys(browser, "test wid").await;
    wait_until("by group and name", async || found().await == 1).await;
    type_keys(browser, &Key::Down.to_string()).await;
    wait_for(browser, &format!(".widget[data-widget='{WIDE}']:focus")).await;
    type_keys(browser, &Key::Enter.to_string()).await;
    wait_for(browser, ".key[aria-colspan='3']").await;
    scene.close().await;
}

#[tokio::test]
async fn closed_groups_are_remembered() {
    let scene = scene().await;
    click(&scene.browser, ".group-toggle").await;
    wait_for(&scene.browser, ".group ul[hidden]").await;
    wait_until("it is saved", async || {
        let (_, state) = scene.world.call("GET", "/api/state", Value::Null).await;
        !state["deck"]["preferences"]["closedGroups"].as_array().unwrap().is_empty()
    })
    .await;
    scene.browser.refresh().await.unwrap();
    wait_for(&scene.browser, ".group ul[hidden]").await;
    click(&scene.browser, "#fold-button").await;
    wait_for(&scene.browser, ".group ul:not([hidden])").await;
    scene.close().await;
}

#[tokio::test]
async fn click_offers_a_widget_and_double_click_places_it() {
    let scene = scene().await;
    let browser = &scene.browser;
    let widget = format!(".widget[data-widget='{TOGGLE}']");
    click(browser, &widget).await;
    wait_for(browser, "#offer-hint:not([hidden])").await;
    screenshot(browser, "offered").await;
    wait_for_keys(browser, json!([[1, 1]])).await;
    click(browser, &cell("grid", 3, 2)).await;
    wait_for_keys(browser, json!([[1, 1], [3, 2]])).await;
    wait_for(browser, "#offer-hint[hidden]").await;
    click(browser, &widget).await;
    wait_for(browser, ".cell[data-free]").await;
    type_keys(browser, &Key::Escape.to_string()).await;
    wait_until_gone(browser, ".cell[data-free]").await;
    double_click(browser, &widget, "#panel .key[data-column='0'][data-row='0']").await;
    wait_for_keys(browser, json!([[0, 0], [1, 1], [3, 2]])).await;
    wait_until_gone(browser, ".cell[data-free]").await;
    scene.close().await;
}

#[tokio::test]
async fn multi_action_key_is_created_and_runs_its_steps() {
    let mut scene = scene().await;
    let browser = &scene.browser;
    scene.world.call("POST", "/api/profiles", json!({"name": "Stream"})).await;
    click(browser, "#profile-strip button:first-child").await;
    wait_for(browser, ".key").await;
    drag(browser, ".widget[data-widget='creator-deck:multi-action']", &cell("grid", 4, 0)).await;
    wait_for(browser, "#step-widget").await;
    let select = browser.find(Locator::Css("#step-widget")).await.unwrap();
    select.select_by_value(TOGGLE).await.unwrap();
    wait_for(browser, ".steps li:nth-child(1) button").await;
    click(browser, "[data-add='stepAddPause']").await;
    wait_for(browser, ".steps li:nth-child(2) input").await;
    click(browser, "[data-add='stepAddProfile']").await;
    wait_for(browser, ".steps li:nth-child(3) select").await;
    click(browser, "[data-focus='stepUp-2']").await;
    wait_for(browser, ".steps li:nth-child(2) select").await;
    wait_until_gone(browser, ".cell[data-free]").await;
    screenshot(browser, "multi-action").await;
    click(browser, ".steps li:nth-child(1) .small").await;
    wait_for(browser, "#back-to-list").await;
    wait_for(browser, "#property-frame").await;
    screenshot(browser, "multi-action-step").await;
    click(browser, "#back-to-list").await;
    wait_for(browser, "#step-widget").await;
    switch_mode(browser, "use").await;
    for event in ["widgetWillDisappear", "widgetWillAppear", "didReceiveWidgetSettings"] {
        receive_event(&mut scene.package, event).await;
    }
    for event in ["widgetWillAppear", "didReceiveWidgetSettings"] {
        receive_event(&mut scene.package, event).await;
    }
    click(browser, ".key[data-widget-uuid='creator-deck:multi-action']").await;
    for event in PRESS {
        receive_event(&mut scene.package, event).await;
    }
    wait_for(browser, "#profile-strip button:nth-child(2)[aria-current='true']").await;
    scene.close().await;
}
