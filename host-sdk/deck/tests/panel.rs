//! Changes of the Panel by its user: profiles, function keys, layouts, undo, sleep, and edits; and the messages about
//! them that the package receives.

mod support;

use serde_json::{Value, json};
use support::{
    PATIENT, Socket, TOGGLE, WIDE, World, assert_nothing_more, connect_events, receive, receive_event,
    receive_page_event, send, start, world,
};

/// A deck whose package has registered, with one key of two states at column 0, row 0.
async fn deck_with_key() -> (World, Socket, String) {
    let mut world = world(PATIENT).await;
    let mut package = world.connect_package().await;
    let context = world.place(TOGGLE, 0, 0).await;
    receive_appear(&mut package, &context).await;
    (world, package, context)
}

async fn receive_appear(package: &mut Socket, context: &str) -> Value {
    let appear = receive_event(package, "widgetWillAppear").await;
    assert_eq!(appear["context"], context);
    let settings = receive_event(package, "didReceiveWidgetSettings").await;
    assert_eq!(settings["context"], context);
    appear["payload"].clone()
}

async fn receive_disappear(package: &mut Socket, context: &str) {
    assert_eq!(receive_event(package, "widgetWillDisappear").await["context"], context);
}

async fn deck(world: &World) -> Value {
    world.state().await["deck"].clone()
}

async fn shown(world: &World) -> Vec<Value> {
    world.state().await["instances"].as_array().unwrap().clone()
}

/// Stores settings and waits for the confirmation.
async fn store(package: &mut Socket, context: &str, settings: Value) {
    send(package, json!({"event": "setWidgetSettings", "context": context, "payload": settings})).await;
    assert_eq!(receive_event(package, "didReceiveWidgetSettings").await["payload"], settings);
}

#[tokio::test]
async fn switching_profiles_hides_and_shows_instances() {
    let (world, mut package, first) = deck_with_key().await;
    let home = deck(&world).await["active"].as_str().unwrap().to_owned();
    let away = world.call_ok("POST", "/api/profiles", json!({"name": " Stream "})).await;
    assert_eq!(away["name"], "Stream");
    receive_disappear(&mut package, &first).await;
    let second = world.place(WIDE, 0, 0).await;
    receive_appear(&mut package, &second).await;
    assert_eq!(shown(&world).await.len(), 1, "the place is free in the other profile");
    let (status, _) = world.call("POST", &format!("/api/instances/{first}/press"), json!({"phase": "tap"})).await;
    assert_eq!(status, 409, "only shown keys can be pressed");

    // What a hidden instance stores is kept.
    store(&mut package, &first, json!({"late": 1})).await;
    world.call_ok("POST", &format!("/api/profiles/{home}/activate"), Value::Null).await;
    receive_disappear(&mut package, &second).await;
    assert_eq!(receive_appear(&mut package, &first).await["settings"], json!({"late": 1}));
    assert_eq!(deck(&world).await["active"], json!(home));
    assert_nothing_more(&mut package).await;
}

#[tokio::test]
async fn profile_is_copied_renamed_deleted_and_restored() {
    let (world, mut package, first) = deck_with_key().await;
    store(&mut package, &first, json!({"a": 1})).await;
    let home = deck(&world).await["active"].as_str().unwrap().to_owned();
    let copy = world.call_ok("POST", "/api/profiles", json!({"name": "Copy", "copyOf": home})).await;
    let id = copy["id"].as_str().unwrap();
    let context = shown(&world).await[0]["context"].as_str().unwrap().to_owned();
    assert_ne!(context, first);
    receive_disappear(&mut package, &first).await;
    assert_eq!(receive_appear(&mut package, &context).await["settings"], json!({"a": 1}));

    world.call_ok("PUT", &format!("/api/profiles/{id}"), json!({"name": "Other"})).await;
    store(&mut package, &context, json!({"a": 2})).await;
    world.call_ok("DELETE", &format!("/api/profiles/{id}"), Value::Null).await;
    receive_disappear(&mut package, &context).await;
    receive_appear(&mut package, &first).await;
    let (status, answer) = world.call("DELETE", &format!("/api/profiles/{home}"), Value::Null).await;
    assert_eq!(status, 409, "the last one: {answer}");

    assert_eq!(world.call_ok("POST", "/api/undo", Value::Null).await["step"], "deleteProfile");
    receive_disappear(&mut package, &first).await;
    assert_eq!(receive_appear(&mut package, &context).await["settings"], json!({"a": 2}), "with what it had");
    let now = deck(&world).await;
    assert_eq!((&now["profiles"][1]["name"], &now["active"]), (&json!("Other"), &json!(id)));
    assert_eq!(world.call_ok("POST", "/api/undo", Value::Null).await["step"], "renameProfile");
    assert_eq!(deck(&world).await["profiles"][1]["name"], "Copy");
    for (method, path, body, status) in [
        ("POST", "/api/profiles", json!({"name": "  "}), 409),
        ("POST", "/api/profiles", json!({"name": "x".repeat(61)}), 409),
        ("POST", "/api/profiles", json!({"name": "x", "copyOf": "none"}), 404),
        ("POST", "/api/profiles/none/activate", Value::Null, 404),
    ] {
        assert_eq!(world.call(method, path, body.clone()).await.0, status, "{path} {body}");
    }
}

#[tokio::test]
async fn profiles_and_function_keys_survive_a_restart() {
    let (world, _package, _) = deck_with_key().await;
    let key = json!({"widget": TOGGLE, "area": "keys", "column": 1, "row": 0});
    world.call_ok("POST", "/api/instances", key).await;
    world.call_ok("POST", "/api/profiles", json!({"name": "Second"})).await;
    let before = deck(&world).await;
    world.deck.stop().await;
    let world = start(world.data, |_| {}).await;
    let after = deck(&world).await;
    assert_eq!((&after["profiles"], &after["active"]), (&before["profiles"], &before["active"]));
    assert!(shown(&world).await.is_empty());
    let home = after["profiles"][0]["id"].as_str().unwrap();
    world.call_ok("POST", &format!("/api/profiles/{home}/activate"), Value::Null).await;
    assert_eq!(shown(&world).await[1]["area"], "keys");
}

#[tokio::test]
async fn function_key_takes_single_cell_widgets_only() {
    let (world, mut package, context) = deck_with_key().await;
    let on_keys =
        |widget: &str, column: u8, row: u8| json!({"widget": widget, "area": "keys", "column": column, "row": row});
    let key =
        world.call_ok("POST", "/api/instances", on_keys(TOGGLE, 1, 1)).await["context"].as_str().unwrap().to_owned();
    receive_appear(&mut package, &key).await;
    world.call_ok("POST", &format!("/api/instances/{key}/press"), json!({"phase": "tap"})).await;
    for event in ["actionDown", "actionUp", "actionTriggered"] {
        assert_eq!(receive_event(&mut package, event).await["context"], key.as_str());
    }
    for (widget, column, row) in [(TOGGLE, 1, 1), (TOGGLE, 2, 0), (WIDE, 0, 0)] {
        let (status, answer) = world.call("POST", "/api/instances", on_keys(widget, column, row)).await;
        assert_eq!(status, 409, "{widget} {column} {row}");
        assert!(answer["error"].as_str().unwrap().contains("fit") || widget == WIDE, "{answer}");
    }
    let to = json!({"area": "keys", "column": 0, "row": 0});
    assert_eq!(world.call_ok("POST", &format!("/api/instances/{context}/move"), to).await["area"], "keys");
    assert_nothing_more(&mut package).await;
}

#[tokio::test]
async fn another_layout_keeps_context_and_settings() {
    let mut world = world(PATIENT).await;
    let mut package = world.connect_package().await;
    let context = world.place(WIDE, 2, 2).await;
    receive_appear(&mut package, &context).await;
    store(&mut package, &context, json!({"a": 1})).await;
    let path = format!("/api/instances/{context}/layout");
    let small = world.call_ok("PUT", &path, json!({"layout": 1, "to": {"column": 3, "row": 3}})).await;
    assert_eq!((&small["width"], &small["height"], &small["column"]), (&json!(2), &json!(1), &json!(3)));
    receive_disappear(&mut package, &context).await;
    let appear = receive_appear(&mut package, &context).await;
    assert_eq!(appear["settings"], json!({"a": 1}));
    assert_eq!((&appear["layout"], &appear["layoutSize"]), (&json!(1), &json!({"width": 2, "height": 1})));

    // In the corner the larger layout has to move to where it fits.
    let (status, answer) = world.call("PUT", &path, json!({"layout": 0, "to": {"column": 3, "row": 3}})).await;
    assert_eq!(status, 409);
    assert!(answer["error"].as_str().unwrap().contains("3 x 2 is column 3, row 3"), "{answer}");
    let large = world.call_ok("PUT", &path, json!({"layout": 0})).await;
    assert_eq!((&large["column"], &large["row"]), (&json!(2), &json!(2)));
    receive_disappear(&mut package, &context).await;
    receive_appear(&mut package, &context).await;
    assert_eq!(world.call("PUT", &path, json!({"layout": 7})).await.0, 404);

    assert_eq!(world.call_ok("POST", "/api/undo", Value::Null).await["step"], "resize");
    receive_disappear(&mut package, &context).await;
    assert_eq!(receive_appear(&mut package, &context).await["layout"], 1);
    assert_eq!(shown(&world).await[0]["column"], 3);
}

#[tokio::test]
async fn undone_removal_restores_context_and_settings() {
    let (world, mut package, context) = deck_with_key().await;
    store(&mut package, &context, json!({"a": 1})).await;
    world.call_ok("POST", &format!("/api/instances/{context}/move"), json!({"column": 4, "row": 1})).await;
    world.call_ok("DELETE", &format!("/api/instances/{context}"), Value::Null).await;
    receive_disappear(&mut package, &context).await;
    assert_eq!(deck(&world).await["undo"], "remove");

    world.call_ok("POST", "/api/undo", Value::Null).await;
    assert_eq!(receive_appear(&mut package, &context).await["settings"], json!({"a": 1}));
    // Undoing a move doesn't undo settings that the package has stored since.
    store(&mut package, &context, json!({"a": 2})).await;
    world.call_ok("POST", "/api/undo", Value::Null).await;
    assert_eq!(shown(&world).await[0]["column"], 0);
    world.call_ok("POST", "/api/undo", Value::Null).await;
    receive_disappear(&mut package, &context).await;
    assert_eq!(world.call("POST", "/api/undo", Value::Null).await.0, 409, "nothing is left");

    world.call_ok("POST", "/api/redo", Value::Null).await;
    assert_eq!(receive_appear(&mut package, &context).await["settings"], json!({"a": 2}));
    world.call_ok("POST", "/api/redo", Value::Null).await;
    assert_eq!(shown(&world).await[0]["column"], 4);
    assert_eq!(deck(&world).await["redo"], "remove");
    world.call_ok("POST", &format!("/api/instances/{context}/move"), json!({"column": 1, "row": 1})).await;
    assert_eq!(deck(&world).await["redo"], Value::Null, "another way was taken");
}

#[tokio::test]
async fn more_than_fifty_steps_can_be_undone() {
    let (world, _package, context) = deck_with_key().await;
    for n in 1..=60 {
        let to = json!({"column": n % 5, "row": n / 5 % 4});
        world.call_ok("POST", &format!("/api/instances/{context}/move"), to).await;
    }
    for _ in 1..=60 {
        assert_eq!(world.call_ok("POST", "/api/undo", Value::Null).await["step"], "move");
    }
    let instance = &shown(&world).await[0];
    assert_eq!((&instance["column"], &instance["row"]), (&json!(0), &json!(0)));
}

#[tokio::test]
async fn sleep_hides_instances_and_releases_held_keys() {
    let (world, mut package, context) = deck_with_key().await;
    let press = format!("/api/instances/{context}/press");
    world.call_ok("POST", &press, json!({"phase": "down"})).await;
    receive_event(&mut package, "actionDown").await;
    world.call_ok("PUT", "/api/sleep", json!({"asleep": true})).await;
    receive_event(&mut package, "actionUp").await;
    receive_disappear(&mut package, &context).await;
    world.call_ok("POST", &press, json!({"phase": "up"})).await;
    assert_eq!(world.call("POST", &press, json!({"phase": "tap"})).await.0, 409);
    assert_nothing_more(&mut package).await;
    let state = world.state().await;
    assert_eq!((&state["deck"]["asleep"], state["instances"].as_array().unwrap().len()), (&json!(true), 1));
    world.call_ok("PUT", "/api/sleep", json!({"asleep": false})).await;
    receive_appear(&mut package, &context).await;
    assert_nothing_more(&mut package).await;
}

/// Opens a page. Returns it and its number.
async fn open_page(world: &World) -> (Socket, Value) {
    let mut page = connect_events(&world.deck).await;
    let number = receive_page_event(&mut page, "state").await["page"].clone();
    assert!(number.is_u64(), "{number}");
    (page, number)
}

#[tokio::test]
async fn key_is_released_by_the_last_page_that_holds_it() {
    let (world, mut package, context) = deck_with_key().await;
    let ((_first, one), (second, two)) = (open_page(&world).await, open_page(&world).await);
    let path = format!("/api/instances/{context}/press");
    let press =
        async |page: &Value, phase: &str| world.call("POST", &path, json!({"phase": phase, "page": page})).await.0;
    for (page, phase) in [(&one, "down"), (&two, "down"), (&one, "up")] {
        assert_eq!(press(page, phase).await, 204);
    }
    receive_event(&mut package, "actionDown").await;
    assert_nothing_more(&mut package).await;
    drop(second);
    receive_event(&mut package, "actionUp").await;
    assert_eq!((press(&two, "up").await, press(&two, "down").await), (204, 409), "no page would release it");
    assert_nothing_more(&mut package).await;
    press(&one, "down").await;
    press(&one, "down").await;
    press(&one, "up").await;
    for event in ["actionDown", "actionUp", "actionTriggered"] {
        receive_event(&mut package, event).await;
    }
    press(&one, "cancel").await;
    assert_nothing_more(&mut package).await;
}

#[tokio::test]
async fn links_open_in_the_page_in_use_up_to_a_limit() {
    let (mut world, mut package, context) = deck_with_key().await;
    let ((mut first, one), (mut second, _)) = (open_page(&world).await, open_page(&world).await);
    let path = format!("/api/instances/{context}/press");
    world.call_ok("POST", &path, json!({"phase": "down", "page": one})).await;
    receive_event(&mut package, "actionDown").await;
    let open = |n: usize| json!({"event": "openUrl", "payload": {"url": format!("https://example.com/{n}")}});
    for url in ["https://good.example@evil.example/".to_owned(), format!("https://example.com/{}", "x".repeat(9000))] {
        send(&mut package, json!({"event": "openUrl", "payload": {"url": url}})).await;
    }
    for n in 0..50 {
        send(&mut package, open(n)).await;
    }
    world.wait_for_log("too many pages").await;
    assert_nothing_more(&mut package).await;
    let opened = async |page: &mut Socket| {
        let mut urls = Vec::new();
        loop {
            let event = receive(page).await;
            match event["type"].as_str() {
                Some("openUrl") => urls.push(event["url"].as_str().unwrap().to_owned()),
                Some("deck") => return urls,
                _ => {}
            }
        }
    };
    world.call_ok("PUT", "/api/sleep", json!({"asleep": true})).await;
    let expected: Vec<_> = (0..5).map(|n| format!("https://example.com/{n}")).collect();
    assert_eq!((opened(&mut first).await, opened(&mut second).await), (expected, Vec::new()));
}

async fn put_icon(world: &World, context: &str, state: u32, file: &[u8]) -> u16 {
    world.call_with_bytes("PUT", &format!("/api/instances/{context}/icons/{state}"), file).await.status
}

#[tokio::test]
async fn user_edits_override_the_package_until_removed() {
    let (mut world, mut package, context) = deck_with_key().await;
    let path = |what: &str| format!("/api/instances/{context}/{what}");
    world.call_ok("PUT", &path("title"), json!({"title": "mine"})).await;
    assert_eq!(receive_event(&mut package, "didReceiveWidgetTitle").await["payload"], json!(["mine", "mine"]));
    let font = json!({"family": "Georgia", "size": 99, "color": "#ff0000", "hAlignment": "left", "bold": true});
    world.call_ok("PUT", &path("font"), font).await;
    let font = receive_event(&mut package, "didReceiveFontAttribute").await["payload"].clone();
    assert_eq!((&font["family"], font["size"].as_f64(), &font["bold"]), (&json!("Georgia"), Some(18.0), &json!(true)));
    let svg = b"<svg xmlns='http://www.w3.org/2000/svg'/>";
    assert_eq!(put_icon(&world, &context, 1, svg).await, 204);
    let icons = receive_event(&mut package, "didReceiveWidgetIcon").await["payload"].clone();
    assert_eq!(icons[0], "icon.svg");
    let icon = icons[1].as_str().unwrap().to_owned();
    assert!(icon.starts_with("data:image/svg+xml;base64,"));
    assert_eq!(put_icon(&world, &context, 2, svg).await, 404, "no such state");
    assert_eq!(put_icon(&world, &context, 0, b"<html/>").await, 400);
    assert_eq!(put_icon(&world, &context, 0, &vec![b' '; (1 << 20) + 1]).await, 400);

    // The package's changes are kept, but not shown.
    let message = |event: &str, payload: Value| json!({"event": event, "context": context, "payload": payload});
    send(&mut package, message("changeTitle", json!({"title": "theirs"}))).await;
    send(&mut package, message("changeImage", json!({"image": "data:image/png;base64,iVBORw0KGgo="}))).await;
    send(&mut package, message("changeIcon", json!({"image": "R0lGODlh"}))).await;
    send(&mut package, message("changeFontAttribute", json!({"size": 7}))).await;
    send(&mut package, message("changeState", json!({"state": 1}))).await;
    let instance = world.wait_for_instance(|instance| instance["state"] == 1).await;
    assert_eq!((&instance["title"], &instance["icon"]), (&json!("mine"), &json!(icon)));
    assert_eq!(instance["image"], Value::Null, "an image would hide the icon");
    assert_eq!(instance["font"]["family"], "Georgia");
    assert_eq!(instance["edited"], json!({"title": true, "font": true, "icons": [1]}));

    world.call_ok("PUT", &path("title"), json!({"title": ""})).await;
    world.call_ok("DELETE", &path("font"), Value::Null).await;
    world.call_ok("DELETE", &path("icons/1"), Value::Null).await;
    let instance = shown(&world).await[0].clone();
    assert_eq!((&instance["title"], &instance["icon"]), (&json!("theirs"), &json!("data:image/gif;base64,R0lGODlh")));
    assert_eq!(instance["image"], json!("data:image/png;base64,iVBORw0KGgo="));
    assert_eq!((&instance["font"]["size"], &instance["edited"]["title"]), (&json!(7), &json!(false)));
}

#[tokio::test]
async fn edits_survive_a_restart_and_are_undone() {
    let (world, mut package, context) = deck_with_key().await;
    let path = |what: &str| format!("/api/instances/{context}/{what}");
    world.call_ok("PUT", &path("font"), json!({"family": "Georgia"})).await;
    receive_event(&mut package, "didReceiveFontAttribute").await;
    assert_eq!(put_icon(&world, &context, 0, b"<svg xmlns='http://www.w3.org/2000/svg'/>").await, 204);
    receive_event(&mut package, "didReceiveWidgetIcon").await;
    world.deck.stop().await;
    let mut world = start(world.data, |_| {}).await;
    let mut package = world.connect_package().await;
    receive_appear(&mut package, &context).await;
    let instance = shown(&world).await[0].clone();
    assert_eq!((&instance["font"]["family"], &instance["edited"]["icons"]), (&json!("Georgia"), &json!([0])));
    world.call_ok("DELETE", &path("icons/0"), Value::Null).await;
    assert_eq!(receive_event(&mut package, "didReceiveWidgetIcon").await["payload"][0], "icon.svg");
    world.call_ok("POST", "/api/undo", Value::Null).await;
    let icons = receive_event(&mut package, "didReceiveWidgetIcon").await;
    assert!(icons["payload"][0].as_str().unwrap().starts_with("data:"), "{icons}");
}

#[tokio::test]
async fn state_preview_is_no_undo_step() {
    let (world, mut package, context) = deck_with_key().await;
    let path = format!("/api/instances/{context}/state");
    world.call_ok("PUT", &path, json!({"state": 1})).await;
    let instance = &shown(&world).await[0];
    assert_eq!((&instance["state"], &instance["states"], &instance["title"]), (&json!(1), &json!(2), &json!("on")));
    assert_eq!(world.call("PUT", &path, json!({"state": 2})).await.0, 404);
    assert_eq!(deck(&world).await["undo"], "place", "a look is no change");
    assert_nothing_more(&mut package).await;
}

#[tokio::test]
async fn damaged_state_is_replaced_by_the_copy_with_a_notice() {
    let (world, _package, context) = deck_with_key().await;
    // Two saves, so that there is a copy with the key.
    world.deck.stop().await;
    let world = start(world.data, |_| {}).await;
    world.call_ok("POST", &format!("/api/instances/{context}/move"), json!({"column": 1, "row": 0})).await;
    world.deck.stop().await;
    let file = world.data.path().join("state.json");
    std::fs::remove_file(&file).unwrap();
    std::fs::write(&file, "\0\0\0").unwrap();
    let mut world = start(world.data, |_| {}).await;
    assert_eq!(shown(&world).await[0]["context"], context.as_str());
    assert!(deck(&world).await["notice"].as_str().unwrap().contains("last good copy"));
    world.call_ok("DELETE", "/api/notice", Value::Null).await;
    world.wait_for_event(|event| (event["type"] == "deck" && event["deck"]["notice"].is_null()).then_some(())).await;
}

#[tokio::test]
async fn members_that_are_not_editable_are_refused() {
    let data = tempfile::tempdir().unwrap();
    support::install(data.path(), PATIENT);
    let mut config = support::config();
    for member in ["TitleEditable", "TitleViewEditable", "IconEditable"] {
        config["Widgets"][0][member] = json!(false);
    }
    let file = data.path().join("packages").join(support::PACKAGE).join("PackageConfig.json");
    std::fs::write(file, config.to_string()).unwrap();
    let world = start(data, |_| {}).await;
    let context = world.place(TOGGLE, 0, 0).await;
    let path = |what: &str| format!("/api/instances/{context}/{what}");
    assert_eq!(world.call("PUT", &path("title"), json!({"title": "mine"})).await.0, 409);
    assert_eq!(world.call("PUT", &path("font"), json!({"bold": true})).await.0, 409);
    assert_eq!(put_icon(&world, &context, 0, b"<svg xmlns='http://www.w3.org/2000/svg'/>").await, 409);
    assert_eq!(shown(&world).await[0]["edited"], json!({"title": false, "font": false, "icons": []}));
}

#[tokio::test]
async fn copied_key_has_look_and_settings() {
    let (world, mut package, context) = deck_with_key().await;
    store(&mut package, &context, json!({"a": 1})).await;
    world.call_ok("PUT", &format!("/api/instances/{context}/title"), json!({"title": "Mine"})).await;
    receive_event(&mut package, "didReceiveWidgetTitle").await;
    let copy = world.call_ok("POST", &format!("/api/instances/{context}/copy"), json!({})).await;
    assert_eq!((&copy["column"], &copy["row"], &copy["title"]), (&json!(1), &json!(0), &json!("Mine")));
    let new = copy["context"].as_str().unwrap();
    assert_ne!(new, context);
    assert_eq!(receive_appear(&mut package, new).await["settings"], json!({"a": 1}));
    assert_eq!(world.call_ok("POST", "/api/undo", Value::Null).await["step"], "duplicate");
    receive_disappear(&mut package, new).await;
    assert_nothing_more(&mut package).await;
}

#[tokio::test]
async fn copied_key_is_pasted_after_its_original_is_removed() {
    let (world, mut package, context) = deck_with_key().await;
    store(&mut package, &context, json!({"a": 1})).await;
    assert_eq!(world.call("POST", "/api/clipboard/paste", json!({"column": 0, "row": 0})).await.0, 409, "nothing");
    world.call_ok("POST", "/api/clipboard", json!({"context": context})).await;
    assert_eq!(deck(&world).await["clipboard"], json!({"context": context, "cut": false}));
    world.call_ok("DELETE", &format!("/api/instances/{context}"), Value::Null).await;
    receive_disappear(&mut package, &context).await;
    for row in [3, 2] {
        let pasted = world.call_ok("POST", "/api/clipboard/paste", json!({"column": 2, "row": 3})).await;
        assert_eq!((&pasted["column"], &pasted["row"]), (&json!(2), &json!(row)), "the nearest free place");
        let new = pasted["context"].as_str().unwrap();
        assert_eq!(receive_appear(&mut package, new).await["settings"], json!({"a": 1}));
    }
    assert_eq!(deck(&world).await["undo"], "paste");
}

#[tokio::test]
async fn cut_key_moves_to_the_profile_of_the_paste() {
    let (world, mut package, context) = deck_with_key().await;
    let home = deck(&world).await["active"].as_str().unwrap().to_owned();
    world.call_ok("POST", "/api/clipboard", json!({"context": context, "cut": true})).await;
    assert_eq!(shown(&world).await.len(), 1, "it stays until it is pasted");
    world.call_ok("POST", "/api/profiles", json!({"name": "Other"})).await;
    receive_disappear(&mut package, &context).await;
    let pasted = world.call_ok("POST", "/api/clipboard/paste", json!({"area": "keys", "column": 1, "row": 1})).await;
    assert_eq!((pasted["context"].as_str(), &pasted["area"]), (Some(context.as_str()), &json!("keys")));
    receive_appear(&mut package, &context).await;
    assert_eq!(deck(&world).await["clipboard"], Value::Null);
    world.call_ok("POST", "/api/undo", Value::Null).await;
    receive_disappear(&mut package, &context).await;
    world.call_ok("POST", &format!("/api/profiles/{home}/activate"), Value::Null).await;
    receive_appear(&mut package, &context).await;
    assert_eq!(shown(&world).await[0]["area"], "grid");
    assert_nothing_more(&mut package).await;
}

#[tokio::test]
async fn key_is_copied_and_moved_to_another_profile() {
    let (world, mut package, context) = deck_with_key().await;
    let home = deck(&world).await["active"].as_str().unwrap().to_owned();
    let other = world.call_ok("POST", "/api/profiles", json!({"name": "Other"})).await["id"].clone();
    receive_disappear(&mut package, &context).await;
    world.call_ok("POST", &format!("/api/profiles/{home}/activate"), Value::Null).await;
    receive_appear(&mut package, &context).await;
    let copy = world.call_ok("POST", &format!("/api/instances/{context}/copy"), json!({"profile": other})).await;
    assert_eq!((&copy["column"], shown(&world).await.len()), (&json!(0), 1));
    let moved = world.call_ok("POST", &format!("/api/instances/{context}/move"), json!({"profile": other})).await;
    assert_eq!(moved["column"], 1, "the nearest free place");
    receive_disappear(&mut package, &context).await;
    assert!(shown(&world).await.is_empty());
    for (body, status) in [(json!({"profile": "none"}), 404), (json!({"page": 9}), 404)] {
        let path = format!("/api/instances/{context}/move");
        world.call_ok("POST", &format!("/api/profiles/{}/activate", other.as_str().unwrap()), Value::Null).await;
        assert_eq!(world.call("POST", &path, body).await.0, status);
    }
}

#[tokio::test]
async fn switching_pages_hides_and_shows_keys() {
    let (world, mut package, first) = deck_with_key().await;
    let function = json!({"widget": TOGGLE, "area": "keys", "column": 0, "row": 0});
    let function = world.call_ok("POST", "/api/instances", function).await["context"].as_str().unwrap().to_owned();
    receive_appear(&mut package, &function).await;
    world.call_ok("PUT", "/api/page", json!({"page": 3})).await;
    receive_disappear(&mut package, &first).await;
    let second = world.place(TOGGLE, 0, 0).await;
    receive_appear(&mut package, &second).await;
    let now = deck(&world).await;
    assert_eq!((&now["page"], &now["pages"]), (&json!(3), &json!([1, 0, 0, 1, 0])));
    assert_eq!(shown(&world).await.len(), 2, "function keys are on every page");
    assert_eq!(world.call("POST", &format!("/api/instances/{first}/press"), json!({"phase": "tap"})).await.0, 409);
    assert_eq!(world.call("PUT", "/api/page", json!({"page": 5})).await.0, 404);

    // Undoing a step of another page switches to it.
    world.call_ok("PUT", "/api/page", json!({"page": 0})).await;
    receive_disappear(&mut package, &second).await;
    receive_appear(&mut package, &first).await;
    assert_eq!(world.call_ok("POST", "/api/undo", Value::Null).await["step"], "place");
    receive_disappear(&mut package, &first).await;
    assert_eq!(deck(&world).await["page"], 3);
    world.call_ok("POST", "/api/redo", Value::Null).await;
    receive_appear(&mut package, &second).await;
    assert_nothing_more(&mut package).await;
}

#[tokio::test]
async fn page_of_a_profile_survives_a_restart() {
    let (world, mut package, first) = deck_with_key().await;
    world.call_ok("PUT", "/api/page", json!({"page": 2})).await;
    receive_disappear(&mut package, &first).await;
    let path = "/api/instances";
    world.call_ok("POST", path, json!({"widget": TOGGLE, "column": 4, "row": 3})).await;
    world.deck.stop().await;
    let world = start(world.data, |_| {}).await;
    let now = deck(&world).await;
    assert_eq!((&now["page"], &now["pages"]), (&json!(2), &json!([1, 0, 1, 0, 0])));
    assert_eq!(shown(&world).await[0]["column"], 4);
}

#[tokio::test]
async fn key_is_moved_to_another_page_and_back() {
    let (world, mut package, context) = deck_with_key().await;
    let path = format!("/api/instances/{context}/move");
    let moved = world.call_ok("POST", &path, json!({"page": 1})).await;
    assert_eq!((&moved["column"], &moved["row"]), (&json!(0), &json!(0)));
    receive_disappear(&mut package, &context).await;
    assert_eq!(deck(&world).await["pages"], json!([0, 1, 0, 0, 0]));
    world.call_ok("POST", "/api/undo", Value::Null).await;
    receive_appear(&mut package, &context).await;
    assert_nothing_more(&mut package).await;
}

/// Places a multi-action key at column 4, row 3.
async fn place_multi_action(world: &World) -> String {
    let state = world.state().await;
    let widget = state["own"]["widgets"][0]["uuid"].as_str().unwrap().to_owned();
    world.place(&widget, 4, 3).await
}

/// Sets the list of a multi-action key; returns the contexts of the widgets that it presses.
async fn set_steps(world: &World, key: &str, steps: Value) -> Vec<String> {
    let instance = world.call_ok("PUT", &format!("/api/instances/{key}/steps"), json!({"steps": steps})).await;
    let steps = instance["steps"].as_array().unwrap();
    steps.iter().filter_map(|step| step["press"].as_str().map(str::to_owned)).collect()
}

async fn receive_press(package: &mut Socket, context: &str) {
    for event in ["actionDown", "actionUp", "actionTriggered"] {
        assert_eq!(receive_event(package, event).await["context"], context);
    }
}

#[tokio::test]
async fn multi_action_key_presses_the_widgets_in_its_list() {
    let (world, mut package, _) = deck_with_key().await;
    let key = place_multi_action(&world).await;
    let pressed = set_steps(&world, &key, json!([{"widget": TOGGLE}, {"pause": 1}, {"widget": WIDE}])).await;
    for context in &pressed {
        receive_appear(&mut package, context).await;
    }
    store(&mut package, &pressed[0], json!({"a": 1})).await;
    world.call_ok("POST", &format!("/api/instances/{key}/press"), json!({"phase": "tap"})).await;
    for context in &pressed {
        receive_press(&mut package, context).await;
    }
    assert_nothing_more(&mut package).await;
    assert_eq!(shown(&world).await.iter().filter(|instance| instance["parent"] == json!(key)).count(), 2);
}

#[tokio::test]
async fn multi_action_key_continues_after_a_profile_switch() {
    let (world, mut package, first) = deck_with_key().await;
    let home = deck(&world).await["active"].clone();
    let other = world.call_ok("POST", "/api/profiles", json!({"name": "Other"})).await["id"].clone();
    receive_disappear(&mut package, &first).await;
    world.call_ok("POST", &format!("/api/profiles/{}/activate", home.as_str().unwrap()), Value::Null).await;
    receive_appear(&mut package, &first).await;
    let key = place_multi_action(&world).await;
    let pressed = set_steps(&world, &key, json!([{"profile": other}, {"pause": 1}, {"widget": TOGGLE}])).await;
    receive_appear(&mut package, &pressed[0]).await;
    world.call_ok("POST", &format!("/api/instances/{key}/press"), json!({"phase": "tap"})).await;
    receive_disappear(&mut package, &first).await;
    receive_press(&mut package, &pressed[0]).await;
    receive_disappear(&mut package, &pressed[0]).await;
    assert_eq!(deck(&world).await["active"], other);
    assert_nothing_more(&mut package).await;
}

#[tokio::test]
async fn multi_action_key_opens_an_address() {
    let (world, _package, _) = deck_with_key().await;
    let (mut page, _) = open_page(&world).await;
    let key = place_multi_action(&world).await;
    set_steps(&world, &key, json!([{"url": "https://example.com/live"}])).await;
    world.call_ok("POST", &format!("/api/instances/{key}/press"), json!({"phase": "tap"})).await;
    loop {
        let event = receive(&mut page).await;
        if event["type"] == "openUrl" {
            assert_eq!(event["url"], "https://example.com/live");
            break;
        }
    }
}

#[tokio::test]
async fn multi_action_list_is_undone_copied_and_removed() {
    let (world, mut package, _) = deck_with_key().await;
    let key = place_multi_action(&world).await;
    let pressed = set_steps(&world, &key, json!([{"widget": TOGGLE}])).await;
    receive_appear(&mut package, &pressed[0]).await;
    store(&mut package, &pressed[0], json!({"a": 1})).await;
    set_steps(&world, &key, json!([])).await;
    receive_disappear(&mut package, &pressed[0]).await;
    assert_eq!(world.call_ok("POST", "/api/undo", Value::Null).await["step"], "steps");
    assert_eq!(receive_appear(&mut package, &pressed[0]).await["settings"], json!({"a": 1}));
    let copy = world.call_ok("POST", &format!("/api/instances/{key}/copy"), json!({})).await;
    let copied = copy["steps"][0]["press"].as_str().unwrap();
    assert_ne!(copied, pressed[0]);
    assert_eq!(receive_appear(&mut package, copied).await["settings"], json!({"a": 1}));
    world.call_ok("DELETE", &format!("/api/instances/{key}"), Value::Null).await;
    receive_disappear(&mut package, &pressed[0]).await;
    assert_nothing_more(&mut package).await;
}

#[tokio::test]
async fn multi_action_key_survives_restart_and_export() {
    let (world, mut package, _) = deck_with_key().await;
    let key = place_multi_action(&world).await;
    let pressed = set_steps(&world, &key, json!([{"pause": 5}, {"widget": TOGGLE}])).await;
    receive_appear(&mut package, &pressed[0]).await;
    store(&mut package, &pressed[0], json!({"a": 1})).await;
    world.deck.stop().await;
    let world = start(world.data, |_| {}).await;
    let steps = json!([{"pause": 5}, {"press": pressed[0]}]);
    let found = shown(&world).await.into_iter().find(|instance| instance["context"] == json!(key)).unwrap();
    assert_eq!(found["steps"], steps);

    let file = world.call_ok("GET", "/api/panel", Value::Null).await;
    let report = world.call_ok("POST", "/api/panel?mode=replace", file.clone()).await;
    assert_eq!((&report["keys"], &report["left"]), (&json!(3), &json!([])));
    let now = shown(&world).await;
    let list = now.iter().find(|instance| !instance["steps"].as_array().unwrap().is_empty()).unwrap();
    let child = now.iter().find(|instance| instance["parent"] == list["context"]).unwrap();
    assert_eq!(list["steps"][1]["press"], child["context"]);
    assert_eq!(world.call_ok("GET", "/api/panel", Value::Null).await["instances"].as_array().unwrap().len(), 3);
}

#[tokio::test]
async fn invalid_multi_action_list_is_refused() {
    let (world, _package, context) = deck_with_key().await;
    let key = place_multi_action(&world).await;
    let multi = shown(&world).await.iter().find(|i| i["context"] == json!(key)).unwrap()["widget"].clone();
    let path = format!("/api/instances/{key}/steps");
    for (steps, status) in [
        (json!([{"press": context}]), 404),
        (json!([{"widget": "none"}]), 404),
        (json!([{"widget": multi}]), 404),
        (json!([{"pause": 600_001}]), 409),
        (json!([{"profile": "none"}]), 404),
        (json!([{"url": "file:///etc/passwd"}]), 409),
        (json!(vec![json!({"pause": 1}); 65]), 409),
        (json!([{"dance": 1}]), 400),
    ] {
        assert_eq!(world.call("PUT", &path, json!({"steps": steps})).await.0, status, "{steps}");
    }
    let other = format!("/api/instances/{context}/steps");
    assert_eq!(world.call("PUT", &other, json!({"steps": []})).await.0, 409);
}
