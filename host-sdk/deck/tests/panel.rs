//! The Panel as its user changes it: profiles, function keys, layouts, undo, sleep, and what the user edits. What the
//! package hears of it is looked at throughout.

mod support;

use serde_json::{Value, json};
use support::{
    PATIENT, Socket, TOGGLE, WIDE, World, connect_events, hear, hear_of, hear_of_type, http, nothing_more, port_of,
    say, start, world,
};

/// A deck whose package has registered, with one key of two states at column 0, row 0.
async fn with_key() -> (World, Socket, String) {
    let mut world = world(PATIENT).await;
    let mut package = world.package().await;
    let context = world.place(TOGGLE, 0, 0).await;
    appears(&mut package, &context).await;
    (world, package, context)
}

async fn appears(package: &mut Socket, context: &str) -> Value {
    let appear = hear_of(package, "widgetWillAppear").await;
    assert_eq!(appear["context"], context);
    let settings = hear_of(package, "didReceiveWidgetSettings").await;
    assert_eq!(settings["context"], context);
    appear["payload"].clone()
}

async fn disappears(package: &mut Socket, context: &str) {
    assert_eq!(hear_of(package, "widgetWillDisappear").await["context"], context);
}

async fn deck(world: &World) -> Value {
    world.call("GET", "/api/state", Value::Null).await.1["deck"].clone()
}

async fn shown(world: &World) -> Vec<Value> {
    world.call("GET", "/api/state", Value::Null).await.1["instances"].as_array().unwrap().clone()
}

async fn ok(world: &World, method: &str, path: &str, body: Value) -> Value {
    let (status, answer) = world.call(method, path, body).await;
    assert!(matches!(status, 200..=204), "{method} {path}: {status} {answer}");
    answer
}

/// Stores settings and waits until they are stored.
async fn store(package: &mut Socket, context: &str, settings: Value) {
    say(package, json!({"event": "setWidgetSettings", "context": context, "payload": settings})).await;
    assert_eq!(hear_of(package, "didReceiveWidgetSettings").await["payload"], settings);
}

#[tokio::test]
async fn switching_profiles_hides_and_shows_instances() {
    let (world, mut package, first) = with_key().await;
    let home = deck(&world).await["active"].as_str().unwrap().to_owned();
    let away = ok(&world, "POST", "/api/profiles", json!({"name": " Stream "})).await;
    assert_eq!(away["name"], "Stream");
    disappears(&mut package, &first).await;
    let second = world.place(WIDE, 0, 0).await;
    appears(&mut package, &second).await;
    assert_eq!(shown(&world).await.len(), 1, "the place is free in the other profile");
    let (status, _) = world.call("POST", &format!("/api/instances/{first}/press"), json!({"phase": "tap"})).await;
    assert_eq!(status, 409, "nobody can press what isn't shown");

    // What a hidden instance stores and shows is kept.
    store(&mut package, &first, json!({"late": 1})).await;
    ok(&world, "POST", &format!("/api/profiles/{home}/activate"), Value::Null).await;
    disappears(&mut package, &second).await;
    assert_eq!(appears(&mut package, &first).await["settings"], json!({"late": 1}));
    assert_eq!(deck(&world).await["active"], json!(home));
    nothing_more(&mut package).await;
}

#[tokio::test]
async fn profile_is_copied_renamed_deleted_and_restored() {
    let (world, mut package, first) = with_key().await;
    store(&mut package, &first, json!({"a": 1})).await;
    let home = deck(&world).await["active"].as_str().unwrap().to_owned();
    let copy = ok(&world, "POST", "/api/profiles", json!({"name": "Copy", "copyOf": home})).await;
    let id = copy["id"].as_str().unwrap();
    let context = shown(&world).await[0]["context"].as_str().unwrap().to_owned();
    assert_ne!(context, first);
    disappears(&mut package, &first).await;
    assert_eq!(appears(&mut package, &context).await["settings"], json!({"a": 1}));

    ok(&world, "PUT", &format!("/api/profiles/{id}"), json!({"name": "Other"})).await;
    store(&mut package, &context, json!({"a": 2})).await;
    ok(&world, "DELETE", &format!("/api/profiles/{id}"), Value::Null).await;
    disappears(&mut package, &context).await;
    appears(&mut package, &first).await;
    let (status, answer) = world.call("DELETE", &format!("/api/profiles/{home}"), Value::Null).await;
    assert_eq!(status, 409, "the last one: {answer}");

    assert_eq!(ok(&world, "POST", "/api/undo", Value::Null).await["step"], "deleteProfile");
    disappears(&mut package, &first).await;
    assert_eq!(appears(&mut package, &context).await["settings"], json!({"a": 2}), "with what it had");
    let now = deck(&world).await;
    assert_eq!((&now["profiles"][1]["name"], &now["active"]), (&json!("Other"), &json!(id)));
    assert_eq!(ok(&world, "POST", "/api/undo", Value::Null).await["step"], "renameProfile");
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
    let (world, _package, _) = with_key().await;
    let key = json!({"widget": TOGGLE, "area": "keys", "column": 1, "row": 0});
    ok(&world, "POST", "/api/instances", key).await;
    ok(&world, "POST", "/api/profiles", json!({"name": "Second"})).await;
    let before = deck(&world).await;
    world.deck.stop().await;
    let world = start(world.data, |_| {}).await;
    let after = deck(&world).await;
    assert_eq!((&after["profiles"], &after["active"]), (&before["profiles"], &before["active"]));
    assert!(shown(&world).await.is_empty());
    let home = after["profiles"][0]["id"].as_str().unwrap();
    ok(&world, "POST", &format!("/api/profiles/{home}/activate"), Value::Null).await;
    assert_eq!(shown(&world).await[1]["area"], "keys");
}

#[tokio::test]
async fn function_key_takes_single_cell_widgets_only() {
    let (world, mut package, context) = with_key().await;
    let on_keys =
        |widget: &str, column: u8, row: u8| json!({"widget": widget, "area": "keys", "column": column, "row": row});
    let key = ok(&world, "POST", "/api/instances", on_keys(TOGGLE, 1, 1)).await["context"].as_str().unwrap().to_owned();
    appears(&mut package, &key).await;
    ok(&world, "POST", &format!("/api/instances/{key}/press"), json!({"phase": "tap"})).await;
    for event in ["actionDown", "actionUp", "actionTriggered"] {
        assert_eq!(hear_of(&mut package, event).await["context"], key.as_str());
    }
    for (widget, column, row) in [(TOGGLE, 1, 1), (TOGGLE, 2, 0), (WIDE, 0, 0)] {
        let (status, answer) = world.call("POST", "/api/instances", on_keys(widget, column, row)).await;
        assert_eq!(status, 409, "{widget} {column} {row}");
        assert!(answer["error"].as_str().unwrap().contains("fit") || widget == WIDE, "{answer}");
    }
    let to = json!({"area": "keys", "column": 0, "row": 0});
    assert_eq!(ok(&world, "POST", &format!("/api/instances/{context}/move"), to).await["area"], "keys");
    nothing_more(&mut package).await;
}

#[tokio::test]
async fn another_layout_keeps_context_and_settings() {
    let mut world = world(PATIENT).await;
    let mut package = world.package().await;
    let context = world.place(WIDE, 2, 2).await;
    appears(&mut package, &context).await;
    store(&mut package, &context, json!({"a": 1})).await;
    let path = format!("/api/instances/{context}/layout");
    let small = ok(&world, "PUT", &path, json!({"layout": 1, "to": {"column": 3, "row": 3}})).await;
    assert_eq!((&small["width"], &small["height"], &small["column"]), (&json!(2), &json!(1), &json!(3)));
    disappears(&mut package, &context).await;
    let appear = appears(&mut package, &context).await;
    assert_eq!(appear["settings"], json!({"a": 1}));
    assert_eq!((&appear["layout"], &appear["layoutSize"]), (&json!(1), &json!({"width": 2, "height": 1})));

    // At the corner the larger layout has to go to where it fits.
    let (status, answer) = world.call("PUT", &path, json!({"layout": 0, "to": {"column": 3, "row": 3}})).await;
    assert_eq!(status, 409);
    assert!(answer["error"].as_str().unwrap().contains("3 x 2 is column 3, row 3"), "{answer}");
    let large = ok(&world, "PUT", &path, json!({"layout": 0})).await;
    assert_eq!((&large["column"], &large["row"]), (&json!(2), &json!(2)));
    disappears(&mut package, &context).await;
    appears(&mut package, &context).await;
    assert_eq!(world.call("PUT", &path, json!({"layout": 7})).await.0, 404);

    assert_eq!(ok(&world, "POST", "/api/undo", Value::Null).await["step"], "resize");
    disappears(&mut package, &context).await;
    assert_eq!(appears(&mut package, &context).await["layout"], 1);
    assert_eq!(shown(&world).await[0]["column"], 3);
}

#[tokio::test]
async fn undone_removal_restores_context_and_settings() {
    let (world, mut package, context) = with_key().await;
    store(&mut package, &context, json!({"a": 1})).await;
    ok(&world, "POST", &format!("/api/instances/{context}/move"), json!({"column": 4, "row": 1})).await;
    ok(&world, "DELETE", &format!("/api/instances/{context}"), Value::Null).await;
    disappears(&mut package, &context).await;
    assert_eq!(deck(&world).await["undo"], "remove");

    ok(&world, "POST", "/api/undo", Value::Null).await;
    assert_eq!(appears(&mut package, &context).await["settings"], json!({"a": 1}));
    // Undoing a move doesn't take back what the package has stored since.
    store(&mut package, &context, json!({"a": 2})).await;
    ok(&world, "POST", "/api/undo", Value::Null).await;
    assert_eq!(shown(&world).await[0]["column"], 0);
    ok(&world, "POST", "/api/undo", Value::Null).await;
    disappears(&mut package, &context).await;
    assert_eq!(world.call("POST", "/api/undo", Value::Null).await.0, 409, "nothing is left");

    ok(&world, "POST", "/api/redo", Value::Null).await;
    assert_eq!(appears(&mut package, &context).await["settings"], json!({"a": 2}));
    ok(&world, "POST", "/api/redo", Value::Null).await;
    assert_eq!(shown(&world).await[0]["column"], 4);
    assert_eq!(deck(&world).await["redo"], "remove");
    ok(&world, "POST", &format!("/api/instances/{context}/move"), json!({"column": 1, "row": 1})).await;
    assert_eq!(deck(&world).await["redo"], Value::Null, "another way was taken");
}

#[tokio::test]
async fn more_than_fifty_steps_can_be_undone() {
    let (world, _package, context) = with_key().await;
    for n in 1..=60 {
        let to = json!({"column": n % 5, "row": n / 5 % 4});
        ok(&world, "POST", &format!("/api/instances/{context}/move"), to).await;
    }
    for _ in 1..=60 {
        assert_eq!(ok(&world, "POST", "/api/undo", Value::Null).await["step"], "move");
    }
    let instance = &shown(&world).await[0];
    assert_eq!((&instance["column"], &instance["row"]), (&json!(0), &json!(0)));
}

#[tokio::test]
async fn sleep_hides_instances_and_releases_held_keys() {
    let (world, mut package, context) = with_key().await;
    let press = format!("/api/instances/{context}/press");
    ok(&world, "POST", &press, json!({"phase": "down"})).await;
    hear_of(&mut package, "actionDown").await;
    ok(&world, "PUT", "/api/sleep", json!({"asleep": true})).await;
    hear_of(&mut package, "actionUp").await;
    disappears(&mut package, &context).await;
    ok(&world, "POST", &press, json!({"phase": "up"})).await;
    assert_eq!(world.call("POST", &press, json!({"phase": "tap"})).await.0, 409);
    nothing_more(&mut package).await;
    let state = world.call("GET", "/api/state", Value::Null).await.1;
    assert_eq!((&state["deck"]["asleep"], state["instances"].as_array().unwrap().len()), (&json!(true), 1));
    ok(&world, "PUT", "/api/sleep", json!({"asleep": false})).await;
    appears(&mut package, &context).await;
    nothing_more(&mut package).await;
}

/// A page, and the number that it was told.
async fn page(world: &World) -> (Socket, Value) {
    let mut page = connect_events(&world.deck).await;
    let number = hear_of_type(&mut page, "state").await["page"].clone();
    assert!(number.is_u64(), "{number}");
    (page, number)
}

#[tokio::test]
async fn key_is_released_by_the_last_page_that_holds_it() {
    let (world, mut package, context) = with_key().await;
    let ((_first, one), (second, two)) = (page(&world).await, page(&world).await);
    let path = format!("/api/instances/{context}/press");
    let press =
        async |page: &Value, phase: &str| world.call("POST", &path, json!({"phase": phase, "page": page})).await.0;
    for (page, phase) in [(&one, "down"), (&two, "down"), (&one, "up")] {
        assert_eq!(press(page, phase).await, 204);
    }
    hear_of(&mut package, "actionDown").await;
    nothing_more(&mut package).await;
    drop(second);
    hear_of(&mut package, "actionUp").await;
    assert_eq!((press(&two, "up").await, press(&two, "down").await), (204, 409), "nobody would let it go");
    nothing_more(&mut package).await;
    press(&one, "down").await;
    press(&one, "down").await;
    press(&one, "up").await;
    for event in ["actionDown", "actionUp", "actionTriggered"] {
        hear_of(&mut package, event).await;
    }
    press(&one, "cancel").await;
    nothing_more(&mut package).await;
}

#[tokio::test]
async fn links_open_in_the_page_in_use_up_to_a_limit() {
    let (mut world, mut package, context) = with_key().await;
    let ((mut first, one), (mut second, _)) = (page(&world).await, page(&world).await);
    let path = format!("/api/instances/{context}/press");
    ok(&world, "POST", &path, json!({"phase": "down", "page": one})).await;
    hear_of(&mut package, "actionDown").await;
    let open = |n: usize| json!({"event": "openUrl", "payload": {"url": format!("https://example.com/{n}")}});
    for url in ["https://good.example@evil.example/".to_owned(), format!("https://example.com/{}", "x".repeat(9000))] {
        say(&mut package, json!({"event": "openUrl", "payload": {"url": url}})).await;
    }
    for n in 0..50 {
        say(&mut package, open(n)).await;
    }
    world.logged("too many pages").await;
    nothing_more(&mut package).await;
    let opened = async |page: &mut Socket| {
        let mut urls = Vec::new();
        loop {
            let event = hear(page).await;
            match event["type"].as_str() {
                Some("openUrl") => urls.push(event["url"].as_str().unwrap().to_owned()),
                Some("deck") => return urls,
                _ => {}
            }
        }
    };
    ok(&world, "PUT", "/api/sleep", json!({"asleep": true})).await;
    let expected: Vec<_> = (0..5).map(|n| format!("https://example.com/{n}")).collect();
    assert_eq!((opened(&mut first).await, opened(&mut second).await), (expected, Vec::new()));
}

async fn put_icon(world: &World, context: &str, state: u32, file: &[u8]) -> u16 {
    let port = port_of(&world.deck.page_url());
    let headers = [format!("Host: 127.0.0.1:{port}"), format!("X-Deck-Token: {}", world.deck.token())];
    let headers: Vec<&str> = headers.iter().map(String::as_str).collect();
    http(port, "PUT", &format!("/api/instances/{context}/icons/{state}"), &headers, file).await.status
}

#[tokio::test]
async fn user_edits_override_the_package_until_removed() {
    let (mut world, mut package, context) = with_key().await;
    let path = |what: &str| format!("/api/instances/{context}/{what}");
    ok(&world, "PUT", &path("title"), json!({"title": "mine"})).await;
    assert_eq!(hear_of(&mut package, "didReceiveWidgetTitle").await["payload"], json!(["mine", "mine"]));
    let font = json!({"family": "Georgia", "size": 99, "color": "#ff0000", "hAlignment": "left", "bold": true});
    ok(&world, "PUT", &path("font"), font).await;
    let heard = hear_of(&mut package, "didReceiveFontAttribute").await["payload"].clone();
    assert_eq!(
        (&heard["family"], heard["size"].as_f64(), &heard["bold"]),
        (&json!("Georgia"), Some(18.0), &json!(true))
    );
    let svg = b"<svg xmlns='http://www.w3.org/2000/svg'/>";
    assert_eq!(put_icon(&world, &context, 1, svg).await, 204);
    let icons = hear_of(&mut package, "didReceiveWidgetIcon").await["payload"].clone();
    assert_eq!(icons[0], "icon.svg");
    let icon = icons[1].as_str().unwrap().to_owned();
    assert!(icon.starts_with("data:image/svg+xml;base64,"));
    assert_eq!(put_icon(&world, &context, 2, svg).await, 404, "no such state");
    assert_eq!(put_icon(&world, &context, 0, b"<html/>").await, 400);
    assert_eq!(put_icon(&world, &context, 0, &vec![b' '; (1 << 20) + 1]).await, 400);

    // What the package says is remembered, but not shown.
    let says = |event: &str, payload: Value| json!({"event": event, "context": context, "payload": payload});
    say(&mut package, says("changeTitle", json!({"title": "theirs"}))).await;
    say(&mut package, says("changeImage", json!({"image": "data:image/png;base64,iVBORw0KGgo="}))).await;
    say(&mut package, says("changeIcon", json!({"image": "R0lGODlh"}))).await;
    say(&mut package, says("changeFontAttribute", json!({"size": 7}))).await;
    say(&mut package, says("changeState", json!({"state": 1}))).await;
    let instance = world.instance(|instance| instance["state"] == 1).await;
    assert_eq!((&instance["title"], &instance["icon"]), (&json!("mine"), &json!(icon)));
    assert_eq!(instance["image"], Value::Null, "an image would hide the icon");
    assert_eq!(instance["font"]["family"], "Georgia");
    assert_eq!(instance["edited"], json!({"title": true, "font": true, "icons": [1]}));

    ok(&world, "PUT", &path("title"), json!({"title": ""})).await;
    ok(&world, "DELETE", &path("font"), Value::Null).await;
    ok(&world, "DELETE", &path("icons/1"), Value::Null).await;
    let instance = shown(&world).await[0].clone();
    assert_eq!((&instance["title"], &instance["icon"]), (&json!("theirs"), &json!("data:image/gif;base64,R0lGODlh")));
    assert_eq!(instance["image"], json!("data:image/png;base64,iVBORw0KGgo="));
    assert_eq!((&instance["font"]["size"], &instance["edited"]["title"]), (&json!(7), &json!(false)));
}

#[tokio::test]
async fn edits_survive_a_restart_and_are_undone() {
    let (world, mut package, context) = with_key().await;
    let path = |what: &str| format!("/api/instances/{context}/{what}");
    ok(&world, "PUT", &path("font"), json!({"family": "Georgia"})).await;
    hear_of(&mut package, "didReceiveFontAttribute").await;
    assert_eq!(put_icon(&world, &context, 0, b"<svg xmlns='http://www.w3.org/2000/svg'/>").await, 204);
    hear_of(&mut package, "didReceiveWidgetIcon").await;
    world.deck.stop().await;
    let mut world = start(world.data, |_| {}).await;
    let mut package = world.package().await;
    appears(&mut package, &context).await;
    let instance = shown(&world).await[0].clone();
    assert_eq!((&instance["font"]["family"], &instance["edited"]["icons"]), (&json!("Georgia"), &json!([0])));
    ok(&world, "DELETE", &path("icons/0"), Value::Null).await;
    assert_eq!(hear_of(&mut package, "didReceiveWidgetIcon").await["payload"][0], "icon.svg");
    ok(&world, "POST", "/api/undo", Value::Null).await;
    let icons = hear_of(&mut package, "didReceiveWidgetIcon").await;
    assert!(icons["payload"][0].as_str().unwrap().starts_with("data:"), "{icons}");
}

#[tokio::test]
async fn state_preview_is_no_undo_step() {
    let (world, mut package, context) = with_key().await;
    let path = format!("/api/instances/{context}/state");
    ok(&world, "PUT", &path, json!({"state": 1})).await;
    let instance = &shown(&world).await[0];
    assert_eq!((&instance["state"], &instance["states"], &instance["title"]), (&json!(1), &json!(2), &json!("on")));
    assert_eq!(world.call("PUT", &path, json!({"state": 2})).await.0, 404);
    assert_eq!(deck(&world).await["undo"], "place", "a look is no change");
    nothing_more(&mut package).await;
}

#[tokio::test]
async fn damaged_state_is_replaced_by_the_copy_with_a_notice() {
    let (world, _package, context) = with_key().await;
    // Two writes, so that there is a copy with the key.
    world.deck.stop().await;
    let world = start(world.data, |_| {}).await;
    ok(&world, "POST", &format!("/api/instances/{context}/move"), json!({"column": 1, "row": 0})).await;
    world.deck.stop().await;
    let file = world.data.path().join("state.json");
    std::fs::remove_file(&file).unwrap();
    std::fs::write(&file, "\0\0\0").unwrap();
    let mut world = start(world.data, |_| {}).await;
    assert_eq!(shown(&world).await[0]["context"], context.as_str());
    assert!(deck(&world).await["notice"].as_str().unwrap().contains("last good copy"));
    ok(&world, "DELETE", "/api/notice", Value::Null).await;
    world.event(|event| (event["type"] == "deck" && event["deck"]["notice"].is_null()).then_some(())).await;
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
    let (world, mut package, context) = with_key().await;
    store(&mut package, &context, json!({"a": 1})).await;
    ok(&world, "PUT", &format!("/api/instances/{context}/title"), json!({"title": "Mine"})).await;
    hear_of(&mut package, "didReceiveWidgetTitle").await;
    let copy = ok(&world, "POST", &format!("/api/instances/{context}/copy"), json!({})).await;
    assert_eq!((&copy["column"], &copy["row"], &copy["title"]), (&json!(1), &json!(0), &json!("Mine")));
    let new = copy["context"].as_str().unwrap();
    assert_ne!(new, context);
    assert_eq!(appears(&mut package, new).await["settings"], json!({"a": 1}));
    assert_eq!(ok(&world, "POST", "/api/undo", Value::Null).await["step"], "duplicate");
    disappears(&mut package, new).await;
    nothing_more(&mut package).await;
}

#[tokio::test]
async fn copied_key_is_pasted_after_its_original_is_removed() {
    let (world, mut package, context) = with_key().await;
    store(&mut package, &context, json!({"a": 1})).await;
    assert_eq!(world.call("POST", "/api/clipboard/paste", json!({"column": 0, "row": 0})).await.0, 409, "nothing");
    ok(&world, "POST", "/api/clipboard", json!({"context": context})).await;
    assert_eq!(deck(&world).await["clipboard"], json!({"context": context, "cut": false}));
    ok(&world, "DELETE", &format!("/api/instances/{context}"), Value::Null).await;
    disappears(&mut package, &context).await;
    for row in [3, 2] {
        let pasted = ok(&world, "POST", "/api/clipboard/paste", json!({"column": 2, "row": 3})).await;
        assert_eq!((&pasted["column"], &pasted["row"]), (&json!(2), &json!(row)), "as near as there is room");
        let new = pasted["context"].as_str().unwrap();
        assert_eq!(appears(&mut package, new).await["settings"], json!({"a": 1}));
    }
    assert_eq!(deck(&world).await["undo"], "paste");
}

#[tokio::test]
async fn cut_key_moves_to_the_profile_of_the_paste() {
    let (world, mut package, context) = with_key().await;
    let home = deck(&world).await["active"].as_str().unwrap().to_owned();
    ok(&world, "POST", "/api/clipboard", json!({"context": context, "cut": true})).await;
    assert_eq!(shown(&world).await.len(), 1, "it stays until it is pasted");
    ok(&world, "POST", "/api/profiles", json!({"name": "Other"})).await;
    disappears(&mut package, &context).await;
    let pasted = ok(&world, "POST", "/api/clipboard/paste", json!({"area": "keys", "column": 1, "row": 1})).await;
    assert_eq!((pasted["context"].as_str(), &pasted["area"]), (Some(context.as_str()), &json!("keys")));
    appears(&mut package, &context).await;
    assert_eq!(deck(&world).await["clipboard"], Value::Null);
    ok(&world, "POST", "/api/undo", Value::Null).await;
    disappears(&mut package, &context).await;
    ok(&world, "POST", &format!("/api/profiles/{home}/activate"), Value::Null).await;
    appears(&mut package, &context).await;
    assert_eq!(shown(&world).await[0]["area"], "grid");
    nothing_more(&mut package).await;
}

#[tokio::test]
async fn key_is_copied_and_moved_to_another_profile() {
    let (world, mut package, context) = with_key().await;
    let home = deck(&world).await["active"].as_str().unwrap().to_owned();
    let other = ok(&world, "POST", "/api/profiles", json!({"name": "Other"})).await["id"].clone();
    disappears(&mut package, &context).await;
    ok(&world, "POST", &format!("/api/profiles/{home}/activate"), Value::Null).await;
    appears(&mut package, &context).await;
    let copy = ok(&world, "POST", &format!("/api/instances/{context}/copy"), json!({"profile": other})).await;
    assert_eq!((&copy["column"], shown(&world).await.len()), (&json!(0), 1));
    let moved = ok(&world, "POST", &format!("/api/instances/{context}/move"), json!({"profile": other})).await;
    assert_eq!(moved["column"], 1, "the nearest free place");
    disappears(&mut package, &context).await;
    assert!(shown(&world).await.is_empty());
    for (body, status) in [(json!({"profile": "none"}), 404), (json!({"page": 9}), 404)] {
        let path = format!("/api/instances/{context}/move");
        ok(&world, "POST", &format!("/api/profiles/{}/activate", other.as_str().unwrap()), Value::Null).await;
        assert_eq!(world.call("POST", &path, body).await.0, status);
    }
}

#[tokio::test]
async fn switching_pages_hides_and_shows_keys() {
    let (world, mut package, first) = with_key().await;
    let function = json!({"widget": TOGGLE, "area": "keys", "column": 0, "row": 0});
    let function = ok(&world, "POST", "/api/instances", function).await["context"].as_str().unwrap().to_owned();
    appears(&mut package, &function).await;
    ok(&world, "PUT", "/api/page", json!({"page": 3})).await;
    disappears(&mut package, &first).await;
    let second = world.place(TOGGLE, 0, 0).await;
    appears(&mut package, &second).await;
    let now = deck(&world).await;
    assert_eq!((&now["page"], &now["pages"]), (&json!(3), &json!([1, 0, 0, 1, 0])));
    assert_eq!(shown(&world).await.len(), 2, "function keys are on every page");
    assert_eq!(world.call("POST", &format!("/api/instances/{first}/press"), json!({"phase": "tap"})).await.0, 409);
    assert_eq!(world.call("PUT", "/api/page", json!({"page": 5})).await.0, 404);

    // Undone is what was done on another page, and it is seen.
    ok(&world, "PUT", "/api/page", json!({"page": 0})).await;
    disappears(&mut package, &second).await;
    appears(&mut package, &first).await;
    assert_eq!(ok(&world, "POST", "/api/undo", Value::Null).await["step"], "place");
    disappears(&mut package, &first).await;
    assert_eq!(deck(&world).await["page"], 3);
    ok(&world, "POST", "/api/redo", Value::Null).await;
    appears(&mut package, &second).await;
    nothing_more(&mut package).await;
}

#[tokio::test]
async fn page_of_a_profile_survives_a_restart() {
    let (world, mut package, first) = with_key().await;
    ok(&world, "PUT", "/api/page", json!({"page": 2})).await;
    disappears(&mut package, &first).await;
    let path = "/api/instances";
    ok(&world, "POST", path, json!({"widget": TOGGLE, "column": 4, "row": 3})).await;
    world.deck.stop().await;
    let world = start(world.data, |_| {}).await;
    let now = deck(&world).await;
    assert_eq!((&now["page"], &now["pages"]), (&json!(2), &json!([1, 0, 1, 0, 0])));
    assert_eq!(shown(&world).await[0]["column"], 4);
}

#[tokio::test]
async fn key_is_moved_to_another_page_and_back() {
    let (world, mut package, context) = with_key().await;
    let path = format!("/api/instances/{context}/move");
    let moved = ok(&world, "POST", &path, json!({"page": 1})).await;
    assert_eq!((&moved["column"], &moved["row"]), (&json!(0), &json!(0)));
    disappears(&mut package, &context).await;
    assert_eq!(deck(&world).await["pages"], json!([0, 1, 0, 0, 0]));
    ok(&world, "POST", "/api/undo", Value::Null).await;
    appears(&mut package, &context).await;
    nothing_more(&mut package).await;
}

/// A multi-action key at column 4, row 3, of a deck with one other key, whose package has heard of that.
async fn with_multi_action(world: &World) -> String {
    let state = world.call("GET", "/api/state", Value::Null).await.1;
    let widget = state["own"]["widgets"][0]["uuid"].as_str().unwrap().to_owned();
    world.place(&widget, 4, 3).await
}

/// Gives a multi-action key a list; answers the contexts of what it presses.
async fn set_steps(world: &World, key: &str, steps: Value) -> Vec<String> {
    let instance = ok(world, "PUT", &format!("/api/instances/{key}/steps"), json!({"steps": steps})).await;
    let steps = instance["steps"].as_array().unwrap();
    steps.iter().filter_map(|step| step["press"].as_str().map(str::to_owned)).collect()
}

async fn presses(package: &mut Socket, context: &str) {
    for event in ["actionDown", "actionUp", "actionTriggered"] {
        assert_eq!(hear_of(package, event).await["context"], context);
    }
}

#[tokio::test]
async fn multi_action_key_presses_the_widgets_in_its_list() {
    let (world, mut package, _) = with_key().await;
    let key = with_multi_action(&world).await;
    let pressed = set_steps(&world, &key, json!([{"widget": TOGGLE}, {"pause": 1}, {"widget": WIDE}])).await;
    for context in &pressed {
        appears(&mut package, context).await;
    }
    store(&mut package, &pressed[0], json!({"a": 1})).await;
    ok(&world, "POST", &format!("/api/instances/{key}/press"), json!({"phase": "tap"})).await;
    for context in &pressed {
        presses(&mut package, context).await;
    }
    nothing_more(&mut package).await;
    assert_eq!(shown(&world).await.iter().filter(|instance| instance["parent"] == json!(key)).count(), 2);
}

#[tokio::test]
async fn multi_action_key_continues_after_a_profile_switch() {
    let (world, mut package, first) = with_key().await;
    let home = deck(&world).await["active"].clone();
    let other = ok(&world, "POST", "/api/profiles", json!({"name": "Other"})).await["id"].clone();
    disappears(&mut package, &first).await;
    ok(&world, "POST", &format!("/api/profiles/{}/activate", home.as_str().unwrap()), Value::Null).await;
    appears(&mut package, &first).await;
    let key = with_multi_action(&world).await;
    let pressed = set_steps(&world, &key, json!([{"profile": other}, {"pause": 1}, {"widget": TOGGLE}])).await;
    appears(&mut package, &pressed[0]).await;
    ok(&world, "POST", &format!("/api/instances/{key}/press"), json!({"phase": "tap"})).await;
    disappears(&mut package, &first).await;
    presses(&mut package, &pressed[0]).await;
    disappears(&mut package, &pressed[0]).await;
    assert_eq!(deck(&world).await["active"], other);
    nothing_more(&mut package).await;
}

#[tokio::test]
async fn multi_action_key_opens_an_address() {
    let (world, _package, _) = with_key().await;
    let (mut page, _) = page(&world).await;
    let key = with_multi_action(&world).await;
    set_steps(&world, &key, json!([{"url": "https://example.com/live"}])).await;
    ok(&world, "POST", &format!("/api/instances/{key}/press"), json!({"phase": "tap"})).await;
    loop {
        let event = hear(&mut page).await;
        if event["type"] == "openUrl" {
            assert_eq!(event["url"], "https://example.com/live");
            break;
        }
    }
}

#[tokio::test]
async fn multi_action_list_is_undone_copied_and_removed() {
    let (world, mut package, _) = with_key().await;
    let key = with_multi_action(&world).await;
    let pressed = set_steps(&world, &key, json!([{"widget": TOGGLE}])).await;
    appears(&mut package, &pressed[0]).await;
    store(&mut package, &pressed[0], json!({"a": 1})).await;
    set_steps(&world, &key, json!([])).await;
    disappears(&mut package, &pressed[0]).await;
    assert_eq!(ok(&world, "POST", "/api/undo", Value::Null).await["step"], "steps");
    assert_eq!(appears(&mut package, &pressed[0]).await["settings"], json!({"a": 1}));
    let copy = ok(&world, "POST", &format!("/api/instances/{key}/copy"), json!({})).await;
    let copied = copy["steps"][0]["press"].as_str().unwrap();
    assert_ne!(copied, pressed[0]);
    assert_eq!(appears(&mut package, copied).await["settings"], json!({"a": 1}));
    ok(&world, "DELETE", &format!("/api/instances/{key}"), Value::Null).await;
    disappears(&mut package, &pressed[0]).await;
    nothing_more(&mut package).await;
}

#[tokio::test]
async fn multi_action_key_survives_restart_and_export() {
    let (world, mut package, _) = with_key().await;
    let key = with_multi_action(&world).await;
    let pressed = set_steps(&world, &key, json!([{"pause": 5}, {"widget": TOGGLE}])).await;
    appears(&mut package, &pressed[0]).await;
    store(&mut package, &pressed[0], json!({"a": 1})).await;
    world.deck.stop().await;
    let world = start(world.data, |_| {}).await;
    let steps = json!([{"pause": 5}, {"press": pressed[0]}]);
    let found = shown(&world).await.into_iter().find(|instance| instance["context"] == json!(key)).unwrap();
    assert_eq!(found["steps"], steps);

    let file = ok(&world, "GET", "/api/panel", Value::Null).await;
    let report = ok(&world, "POST", "/api/panel?mode=replace", file.clone()).await;
    assert_eq!((&report["keys"], &report["left"]), (&json!(3), &json!([])));
    let now = shown(&world).await;
    let list = now.iter().find(|instance| !instance["steps"].as_array().unwrap().is_empty()).unwrap();
    let child = now.iter().find(|instance| instance["parent"] == list["context"]).unwrap();
    assert_eq!(list["steps"][1]["press"], child["context"]);
    assert_eq!(ok(&world, "GET", "/api/panel", Value::Null).await["instances"].as_array().unwrap().len(), 3);
}

#[tokio::test]
async fn invalid_multi_action_list_is_refused() {
    let (world, _package, context) = with_key().await;
    let key = with_multi_action(&world).await;
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
