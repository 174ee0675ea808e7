//! Keys whose package is missing, or whose widget is missing in the installed version: they keep their places as
//! placeholders, and become keys again once their widget is there. And the starter Panel of a profile without keys.

mod support;

use serde_json::{Value, json};
use support::{PACKAGE, PATIENT, Socket, TOGGLE, WIDE, World, receive_event, send, start, world};

/// A deck whose package has registered, with a key of one cell at column 0, row 0, which has stored settings, and one
/// of 3 x 2 at column 1, row 1. Returns the context of either.
async fn deck_with_keys() -> (World, Socket, [String; 2]) {
    let mut world = world(PATIENT).await;
    let mut package = world.connect_package().await;
    let contexts = [world.place(TOGGLE, 0, 0).await, world.place(WIDE, 1, 1).await];
    for _ in &contexts {
        receive_event(&mut package, "widgetWillAppear").await;
        receive_event(&mut package, "didReceiveWidgetSettings").await;
    }
    send(&mut package, json!({"event": "setWidgetSettings", "context": contexts[0], "payload": {"a": 1}})).await;
    receive_event(&mut package, "didReceiveWidgetSettings").await;
    (world, package, contexts)
}

async fn key(world: &World, context: &str) -> Option<Value> {
    let (status, answer) = world.call("GET", &format!("/api/instances/{context}"), Value::Null).await;
    (status == 200).then_some(answer)
}

/// Returns what the page shows of a key.
async fn shown(world: &World, context: &str) -> Value {
    key(world, context).await.expect("the key is on the Panel")["instance"].clone()
}

async fn remove_package(world: &World) {
    let (status, _) = world.call("DELETE", &format!("/api/packages/{PACKAGE}?keepSettings=true"), Value::Null).await;
    assert_eq!(status, 204);
}

fn without_toggle(config: &mut Value) {
    config["Version"] = json!("2.0.0");
    config["Widgets"].as_array_mut().unwrap().remove(0);
}

#[tokio::test]
async fn missing_package_leaves_placeholders() {
    let (world, _package, [small, large]) = deck_with_keys().await;
    remove_package(&world).await;
    let wanted = json!({"why": "package", "package": "Test package", "widget": "Toggle it"});
    assert_eq!(shown(&world, &small).await["missing"], wanted);
    let large = shown(&world, &large).await;
    assert_eq!([&large["column"], &large["row"], &large["width"], &large["height"]], [1, 1, 3, 2]);
    assert_eq!(world.state().await["deck"]["pages"][0], 2);
}

#[tokio::test]
async fn placeholder_refuses_changes_with_a_reason() {
    let (world, _package, [small, _]) = deck_with_keys().await;
    remove_package(&world).await;
    for (method, path, body) in [
        ("POST", format!("/api/instances/{small}/press"), json!({"phase": "tap"})),
        ("PUT", format!("/api/instances/{small}/layout"), json!({"layout": 0})),
        ("PUT", format!("/api/instances/{small}/title"), json!({"title": "mine"})),
        ("POST", "/api/views".to_owned(), json!({"context": small})),
    ] {
        let (status, answer) = world.call(method, &path, body).await;
        let why = answer["error"].as_str().unwrap_or_default();
        assert!(status == 409 && why.contains("Test package isn't installed"), "{path}: {status} {answer}");
    }
    let (status, _) = world.call("POST", &format!("/api/instances/{small}/press"), json!({"phase": "up"})).await;
    assert_eq!(status, 204, "a finger that was down before is lifted");
}

#[tokio::test]
async fn placeholder_keeps_its_place_taken() {
    let (world, _package, _) = deck_with_keys().await;
    remove_package(&world).await;
    let own = world.state().await["own"]["widgets"][0]["uuid"].clone();
    for (column, row) in [(0, 0), (3, 2)] {
        let (status, answer) =
            world.call("POST", "/api/instances", json!({"widget": own, "column": column, "row": row})).await;
        assert_eq!(status, 409, "{answer}");
    }
    assert_eq!(world.call("POST", "/api/instances", json!({"widget": own, "column": 4, "row": 1})).await.0, 201);
}

#[tokio::test]
async fn placeholder_is_a_key_again_when_its_package_returns() {
    let (mut world, _package, [small, _]) = deck_with_keys().await;
    let before = shown(&world, &small).await;
    remove_package(&world).await;
    world.install(|_| {}).await;
    let now = key(&world, &small).await.unwrap();
    assert_eq!((&now["instance"], &now["settings"]), (&before, &json!({"a": 1})));
    let mut package = world.connect_package().await;
    let appeared = receive_event(&mut package, "widgetWillAppear").await;
    assert_eq!((&appeared["context"], &appeared["payload"]["settings"]), (&json!(small), &json!({"a": 1})));
}

#[tokio::test]
async fn placeholders_survive_a_restart() {
    let (world, _package, [small, large]) = deck_with_keys().await;
    remove_package(&world).await;
    let before = [shown(&world, &small).await, shown(&world, &large).await];
    world.deck.stop().await;
    let mut world = start(world.data, |_| {}).await;
    assert_eq!([shown(&world, &small).await, shown(&world, &large).await], before);
    world.install(|_| {}).await;
    receive_event(&mut world.connect_package().await, "widgetWillAppear").await;
    assert_eq!(key(&world, &small).await.unwrap()["settings"], json!({"a": 1}));
}

#[tokio::test]
async fn placeholder_is_moved_removed_and_restored() {
    let (mut world, _package, [small, large]) = deck_with_keys().await;
    remove_package(&world).await;
    let to = json!({"column": 2, "row": 2});
    let moved = world.call_ok("POST", &format!("/api/instances/{large}/move"), to).await;
    assert_eq!([&moved["column"], &moved["row"], &moved["width"]], [2, 2, 3]);
    let (status, _) = world.call("POST", &format!("/api/instances/{large}/move"), json!({"column": 3, "row": 2})).await;
    assert_eq!(status, 409, "it is three places wide");
    world.call_ok("DELETE", &format!("/api/instances/{small}"), Value::Null).await;
    assert!(key(&world, &small).await.is_none());
    world.install(|_| {}).await;
    world.connect_package().await;
    assert!(key(&world, &small).await.is_none());
    assert_eq!(world.call_ok("POST", "/api/undo", Value::Null).await["step"], "remove");
    let back = key(&world, &small).await.unwrap();
    assert_eq!((&back["instance"]["missing"], &back["settings"]), (&Value::Null, &json!({"a": 1})));
    assert_eq!(world.call_ok("POST", "/api/undo", Value::Null).await["step"], "move");
    assert_eq!([&shown(&world, &large).await["column"], &shown(&world, &large).await["row"]], [1, 1]);
}

#[tokio::test]
async fn removed_placeholder_is_restored_as_placeholder() {
    let (world, _package, [small, _]) = deck_with_keys().await;
    remove_package(&world).await;
    world.call_ok("DELETE", &format!("/api/instances/{small}"), Value::Null).await;
    world.call_ok("POST", "/api/undo", Value::Null).await;
    assert_eq!(shown(&world, &small).await["missing"]["why"], "package");
}

#[tokio::test]
async fn removing_a_package_with_its_settings_removes_its_keys() {
    let (world, _package, [small, large]) = deck_with_keys().await;
    world.call_ok("DELETE", &format!("/api/packages/{PACKAGE}"), Value::Null).await;
    assert!(key(&world, &small).await.is_none() && key(&world, &large).await.is_none());
}

#[tokio::test]
async fn widget_missing_in_a_version_leaves_a_placeholder() {
    let (mut world, _package, [small, large]) = deck_with_keys().await;
    world.install(without_toggle).await;
    let mut package = world.connect_package().await;
    assert_eq!(receive_event(&mut package, "widgetWillAppear").await["context"], json!(large));
    let missing = shown(&world, &small).await["missing"].clone();
    assert_eq!(missing, json!({"why": "widget", "package": "Test package", "widget": "Toggle it"}));
    send(&mut package, json!({"event": "setWidgetSettings", "context": small, "payload": {}})).await;
    world.deck.stop().await;
    let mut world = start(world.data, |_| {}).await;
    assert_eq!(shown(&world, &small).await["missing"], missing);
    world.install(|_| {}).await;
    let now = key(&world, &small).await.unwrap();
    assert_eq!((&now["instance"]["missing"], &now["settings"]), (&Value::Null, &json!({"a": 1})));
}

#[tokio::test]
async fn grown_key_waits_for_free_cells() {
    let (mut world, _package, [small, _]) = deck_with_keys().await;
    world.install(|config| config["Widgets"][0]["Layouts"] = json!([{"Title": "Tall", "Width": 1, "Height": 4}])).await;
    let mut package = world.connect_package().await;
    assert_eq!(shown(&world, &small).await["missing"], Value::Null, "it fits: the places below it are free");
    world.install(|config| config["Widgets"][0]["Layouts"] = json!([{"Title": "Wide", "Width": 4, "Height": 4}])).await;
    drop(package);
    package = world.connect_package().await;
    let missing = shown(&world, &small).await["missing"].clone();
    assert_eq!(missing["why"], "space");
    let (status, answer) = world.call("POST", &format!("/api/instances/{small}/press"), json!({"phase": "tap"})).await;
    assert!(status == 409 && answer["error"].as_str().unwrap().contains("another size"), "{answer}");
    // It appears once the cells are free, whatever has freed them.
    let other = context_of(&world, WIDE).await;
    world.call_ok("DELETE", &format!("/api/instances/{other}"), Value::Null).await;
    assert_eq!(shown(&world, &small).await["missing"], Value::Null);
    receive_event(&mut package, "widgetWillAppear").await;
}

async fn context_of(world: &World, widget: &str) -> String {
    let instances = world.state().await["instances"].as_array().unwrap().clone();
    let found = instances.iter().find(|instance| instance["widget"] == widget).expect("it is shown");
    found["context"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn placeholders_are_exported_and_imported() {
    let (world, _package, [small, _]) = deck_with_keys().await;
    remove_package(&world).await;
    let file = world.call_ok("GET", "/api/panel", Value::Null).await;
    let toggle = json!({"name": "Toggle it", "layouts": [[1, 1]]});
    assert_eq!(file["packages"][0]["widgets"][TOGGLE], toggle);
    assert_eq!(file["instances"].as_array().unwrap().len(), 2);

    let other = start(tempfile::tempdir().unwrap(), |_| {}).await;
    let report = other.call_ok("POST", "/api/panel?mode=replace", file.clone()).await;
    let waiting = json!([{"package": PACKAGE, "name": "Test package", "installed": false, "keys": 2}]);
    assert_eq!((&report["waiting"], &report["left"]), (&waiting, &json!([])));
    let large = shown(&other, &context_of(&other, WIDE).await).await;
    assert_eq!([&large["width"], &large["height"]], [3, 2]);
    assert_eq!(large["missing"], json!({"why": "package", "package": "Test package", "widget": "Wide"}));
    let again = other.call_ok("GET", "/api/panel", Value::Null).await;
    assert_eq!((&again["packages"], again["instances"].as_array().unwrap().len()), (&file["packages"], 2));
    assert_eq!(shown(&world, &small).await["missing"]["why"], "package");
}

#[tokio::test]
async fn step_of_a_missing_package_is_skipped() {
    let (mut world, mut package, [small, large]) = deck_with_keys().await;
    for context in [small, large] {
        world.call_ok("DELETE", &format!("/api/instances/{context}"), Value::Null).await;
        receive_event(&mut package, "widgetWillDisappear").await;
    }
    let own = world.state().await["own"]["widgets"][0]["uuid"].as_str().unwrap().to_owned();
    let list = world.place(&own, 0, 0).await;
    let steps = json!({"steps": [{"widget": TOGGLE}]});
    world.call_ok("PUT", &format!("/api/instances/{list}/steps"), steps).await;
    remove_package(&world).await;
    let pressed = context_of(&world, TOGGLE).await;
    assert_eq!(shown(&world, &pressed).await["missing"]["why"], "package");
    world.call_ok("POST", &format!("/api/instances/{list}/press"), json!({"phase": "tap"})).await;
    world.wait_for_log("A step of a multi-action key can't be done. The package Test package isn't installed").await;
    assert_eq!(shown(&world, &list).await["steps"], json!([{"press": pressed}]));
}

#[tokio::test]
async fn list_of_a_multi_action_key_moves_with_it() {
    let (world, mut package, _) = deck_with_keys().await;
    let own = world.state().await["own"]["widgets"][0]["uuid"].as_str().unwrap().to_owned();
    let list = world.place(&own, 4, 3).await;
    world.call_ok("PUT", &format!("/api/instances/{list}/steps"), json!({"steps": [{"widget": TOGGLE}]})).await;
    let pressed = receive_event(&mut package, "widgetWillAppear").await["context"].clone();
    receive_event(&mut package, "didReceiveWidgetSettings").await;
    world.call_ok("POST", &format!("/api/instances/{list}/move"), json!({"page": 2})).await;
    assert_eq!(receive_event(&mut package, "widgetWillDisappear").await["context"], pressed);
}

#[tokio::test]
async fn starter_panel_is_offered_and_placed_as_one_step() {
    let mut world = world(PATIENT).await;
    let mut package = world.connect_package().await;
    let offered = world.state().await["deck"]["starter"].clone();
    let keys = json!([
        {"package": PACKAGE, "widget": TOGGLE, "layout": 0, "column": 0, "row": 0, "width": 1, "height": 1},
        {"package": PACKAGE, "widget": WIDE, "layout": 0, "column": 1, "row": 0, "width": 3, "height": 2}
    ]);
    assert_eq!(offered, keys);
    assert_eq!(world.call_ok("POST", "/api/starter", Value::Null).await, json!({"keys": 2}));
    for _ in 0..2 {
        receive_event(&mut package, "widgetWillAppear").await;
        receive_event(&mut package, "didReceiveWidgetSettings").await;
    }
    let now = world.state().await;
    assert_eq!((&now["deck"]["starter"], now["instances"].as_array().unwrap().len()), (&json!([]), 2));
    let (status, answer) = world.call("POST", "/api/starter", Value::Null).await;
    assert!(status == 409 && answer["error"].as_str().unwrap().contains("without keys"), "{answer}");
    assert_eq!(world.call_ok("POST", "/api/undo", Value::Null).await["step"], "starter");
    assert_eq!(world.state().await["deck"]["starter"], keys);
}

#[tokio::test]
async fn starter_of_the_package_file_is_used() {
    let mut world = start(tempfile::tempdir().unwrap(), |_| {}).await;
    assert_eq!(world.state().await["deck"]["starter"], json!([]));
    let starter = json!([{"Widget": WIDE, "Layout": 1, "Column": 3, "Row": 3}, {"Widget": "none"}]);
    world.install(|config| config["Starter"] = starter).await;
    let offered = world.state().await["deck"]["starter"].clone();
    let wide = json!({"package": PACKAGE, "widget": WIDE, "layout": 1, "column": 3, "row": 3, "width": 2, "height": 1});
    assert_eq!(offered, json!([wide]));
}

#[tokio::test]
async fn declined_starter_is_not_offered_again_in_its_profile() {
    let world = world(PATIENT).await;
    let profile = world.state().await["deck"]["active"].clone();
    world.call_ok("PATCH", "/api/preferences", json!({"withoutStarter": [profile]})).await;
    assert_eq!(world.state().await["deck"]["starter"], json!([]));
    world.deck.stop().await;
    let world = start(world.data, |_| {}).await;
    assert_eq!(world.state().await["deck"]["starter"], json!([]));
    world.call_ok("POST", "/api/profiles", json!({"name": "Other"})).await;
    assert_eq!(world.state().await["deck"]["starter"].as_array().unwrap().len(), 2);
}
