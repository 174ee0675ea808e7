//! Packages that aren't programs for this system, and what the user can do to any package: web packages and the page
//! that runs them, runtimes of other platforms, load and unload, export and import of the Panel.

mod support;

use std::fs;
use std::io::Cursor;
use std::time::Duration;

use host_sdk::bundle::{Entry, pack};
use host_sdk::manifest::PLATFORM;
use serde_json::{Value, json};
use support::{
    PACKAGE, PATIENT, Socket, TOGGLE, WIDE, World, assert_nothing_more, config, connect_page, expect_close, files,
    is_alive, load, receive, receive_event, receive_page_event, send, start, target,
};
use tempfile::TempDir;

/// Another platform.
const OTHER: &str = if cfg!(windows) { "mac" } else { "win" };

/// Creates a data folder with the package as it is for another platform.
fn data_with_runtime(runtime: &Value) -> TempDir {
    let data = tempfile::tempdir().unwrap();
    support::install(data.path(), PATIENT);
    edit_package_file(&data, |config| config["Runtime"] = json!({OTHER: runtime}));
    data
}

fn data_with_web_package() -> TempDir {
    let data = data_with_runtime(&json!({"type": "web", "target": "./pages/package.html", "MinimumVersion": "1"}));
    let page = "<body><script>function connectCreatorCentral() {}</script></body>";
    fs::write(data.path().join("packages").join(PACKAGE).join("pages/package.html"), page).unwrap();
    data
}

/// Changes the package file of the installed package.
fn edit_package_file(data: &TempDir, change: impl FnOnce(&mut Value)) {
    let path = data.path().join("packages").join(PACKAGE).join("PackageConfig.json");
    let mut config: Value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
    change(&mut config);
    fs::write(path, config.to_string()).unwrap();
}

/// Opens one of the deck's pages that runs web packages. Returns its first frames.
async fn open_page(world: &World) -> (Socket, Vec<Value>) {
    let mut page = connect_page(&world.deck, "&runs=web").await;
    receive_page_event(&mut page, "state").await;
    let frames = wait_for_frames(&mut page, |frames| !frames.is_empty()).await;
    (page, frames)
}

/// Waits for the frames that a page has to run.
async fn wait_for_frames(page: &mut Socket, wanted: impl Fn(&[Value]) -> bool) -> Vec<Value> {
    loop {
        let event = receive(page).await;
        if event["type"] == "frames" && wanted(event["frames"].as_array().unwrap()) {
            return event["frames"].as_array().unwrap().clone();
        }
    }
}

/// Waits until the package is as wanted; returns it.
async fn wait_for_package(world: &mut World, wanted: impl Fn(&Value) -> bool) -> Value {
    let found = |event: &Value| {
        let packages = event.get("packages").or_else(|| event.get("state").map(|state| &state["packages"]))?;
        packages.as_array()?.iter().find(|package| package["uuid"] == PACKAGE && wanted(package)).cloned()
    };
    world.wait_for_event(found).await
}

/// Returns the arguments that a frame's page is called with.
async fn page_arguments(frame: &Value) -> Vec<Value> {
    let page = load(frame["url"].as_str().unwrap()).await;
    support::call_arguments(&page.body).as_array().unwrap().clone()
}

/// Connects the package as the frame's page does.
async fn connect_frame(world: &World, frame: &Value) -> Socket {
    let call = page_arguments(frame).await;
    let origin = frame["url"].as_str().unwrap().split("/view/").next().unwrap();
    let mut socket = world.connect(Some(origin)).await.unwrap();
    send(&mut socket, json!({"event": call[2], "uuid": call[1]})).await;
    socket
}

#[tokio::test]
async fn web_package_runs_in_the_newest_page_only() {
    let mut world = start(data_with_web_package(), |_| {}).await;
    let waiting = wait_for_package(&mut world, |package| package["status"] == "waiting").await;
    assert_eq!(waiting["web"], true);
    assert!(waiting["message"].as_str().unwrap().contains("Open the page"), "{waiting}");
    let context = world.place(TOGGLE, 0, 0).await;

    let (mut first, one) = open_page(&world).await;
    assert_eq!((one.len(), &one[0]["package"]), (1, &json!(PACKAGE)));
    let arguments = page_arguments(&one[0]).await;
    assert_eq!(arguments.len(), 4, "no widgetInfo for a package: {arguments:?}");
    assert_eq!((&arguments[0], &arguments[1]), (&json!(world.deck.socket_port()), &json!(PACKAGE)));
    assert_eq!(arguments[3]["application"]["language"], "en");
    let loaded = load(one[0]["url"].as_str().unwrap()).await;
    assert!(loaded.head.contains("frame-ancestors http://127.0.0.1:"), "only the deck embeds it: {}", loaded.head);
    let mut package = connect_frame(&world, &one[0]).await;
    assert_eq!(receive_event(&mut package, "widgetWillAppear").await["context"], context.as_str());
    let running = wait_for_package(&mut world, |package| package["status"] == "running").await;
    assert_eq!(running["message"], "It runs while a page of Creator Deck is open in a browser.");

    // Another page takes over, with a new address; the first page's event is invalid.
    let (second, two) = open_page(&world).await;
    wait_for_frames(&mut first, <[Value]>::is_empty).await;
    support::expect_close_after(&mut package, &["didReceiveWidgetSettings"]).await;
    assert_eq!(load(one[0]["url"].as_str().unwrap()).await.status, 404);
    expect_close(&mut world.register(&json!({"event": arguments[2], "uuid": PACKAGE})).await).await;
    let mut package = connect_frame(&world, &two[0]).await;
    receive_event(&mut package, "widgetWillAppear").await;

    // Once the second page is closed, the first runs it again.
    drop(second);
    let three = wait_for_frames(&mut first, |frames| !frames.is_empty()).await;
    let mut package = connect_frame(&world, &three[0]).await;
    receive_event(&mut package, "widgetWillAppear").await;
    receive_event(&mut package, "didReceiveWidgetSettings").await;
    assert_nothing_more(&mut package).await;
    // A headless page keeps it.
    let mut unseen = connect_page(&world.deck, "&runs=unattended").await;
    let four = wait_for_frames(&mut unseen, |frames| !frames.is_empty()).await;
    expect_close(&mut package).await;
    let mut third = connect_page(&world.deck, "&runs=web").await;
    receive_page_event(&mut third, "state").await;
    let mut package = connect_frame(&world, &four[0]).await;
    receive_event(&mut package, "widgetWillAppear").await;
    // The user doesn't have to keep anything open for it.
    wait_for_package(&mut world, |package| package["status"] == "running" && package["message"].is_null()).await;
    drop((first, third, unseen));
    support::expect_close_after(&mut package, &["didReceiveWidgetSettings"]).await;
    wait_for_package(&mut world, |package| package["status"] == "waiting").await;

    // After a restart it has the same origin, and so what it has stored in the browser.
    world.deck.stop().await;
    let world = start(world.data, |_| {}).await;
    let (_page, frames) = open_page(&world).await;
    let origin = |frame: &Value| frame["url"].as_str().unwrap().split("/view/").next().unwrap().to_owned();
    assert_eq!(origin(&frames[0]), origin(&one[0]));
}

#[tokio::test]
async fn page_of_another_package_cannot_register_this_one() {
    let data = data_with_web_package();
    let other = data.path().join("packages/com.example.other");
    let own = data.path().join("packages").join(PACKAGE);
    fs::create_dir_all(other.join("pages")).unwrap();
    fs::copy(own.join("pages/package.html"), other.join("pages/package.html")).unwrap();
    let text = fs::read_to_string(own.join("PackageConfig.json")).unwrap();
    fs::write(other.join("PackageConfig.json"), text.replace(PACKAGE, "com.example.other")).unwrap();
    let mut world = start(data, |_| {}).await;
    let mut page = connect_page(&world.deck, "&runs=web").await;
    let both = wait_for_frames(&mut page, |frames| frames.len() == 2).await;
    let of = |uuid: &str| both.iter().find(|frame| frame["package"] == uuid).unwrap();
    let arguments = page_arguments(of(PACKAGE)).await;
    let pair = json!({"event": arguments[2], "uuid": PACKAGE});

    // Even a page that knows the pair.
    let theirs = of("com.example.other")["url"].as_str().unwrap().split("/view/").next().unwrap();
    let mut socket = world.connect(Some(theirs)).await.unwrap();
    send(&mut socket, pair.clone()).await;
    expect_close(&mut socket).await;
    assert!(world.connect(Some("https://example.com")).await.is_err(), "a page of the web");
    assert!(world.connect(Some("null")).await.is_err(), "a sandboxed one");
    let mut socket = connect_frame(&world, of(PACKAGE)).await;
    assert_nothing_more(&mut socket).await;
    // Its files are served on its own origin only.
    let path = of(PACKAGE)["url"].as_str().unwrap().split("/view/").nth(1).unwrap();
    assert_eq!(load(&format!("{theirs}/view/{path}")).await.status, 404);
    wait_for_package(&mut world, |package| package["status"] == "running").await;
}

#[tokio::test]
async fn silent_frame_is_reloaded_then_given_up() {
    let world = start(data_with_web_package(), |config| config.timing.frame_timeout = Duration::from_millis(400)).await;
    let (mut page, one) = open_page(&world).await;
    let two = wait_for_frames(&mut page, |frames| !frames.is_empty() && frames[0]["url"] != one[0]["url"]).await;
    assert_eq!(load(one[0]["url"].as_str().unwrap()).await.status, 404);
    assert_eq!(two.len(), 1);
    let message = loop {
        let event = receive(&mut page).await;
        if event["type"] == "packages" && event["packages"][0]["status"] == "failed" {
            break event["packages"][0]["message"].as_str().unwrap().to_owned();
        }
    };
    assert!(message.contains("didn't connect") && message.contains("5 times in a row"), "{message}");

    let (status, loaded) = world.call("POST", &format!("/api/packages/{PACKAGE}/load"), Value::Null).await;
    assert_eq!((status, &loaded["status"]), (200, &json!("starting")));
    let again = wait_for_frames(&mut page, |frames| !frames.is_empty()).await;
    let mut package = connect_frame(&world, &again[0]).await;
    assert_nothing_more(&mut package).await;
}

fn bundle(runtime: &Value) -> Vec<u8> {
    let mut config = config();
    config["Runtime"] = runtime.clone();
    let entries = files(PATIENT).into_iter().map(|(path, content)| match path.as_str() {
        "PackageConfig.json" => Entry { path, content: config.to_string().into_bytes(), executable: false },
        _ => Entry { path, content, executable: false },
    });
    let mut bundle = Cursor::new(Vec::new());
    pack(&mut bundle, PACKAGE, entries.collect()).unwrap();
    bundle.into_inner()
}

async fn post(world: &World, path: &str, body: &[u8]) -> (u16, Value) {
    let answer = world.call_with_bytes("POST", path, body).await;
    (answer.status, serde_json::from_str(&answer.body).unwrap_or_default())
}

#[tokio::test]
async fn runtime_of_another_platform_runs_if_it_fits() {
    let mut world = start(tempfile::tempdir().unwrap(), |_| {}).await;
    let wrong = bundle(&json!({OTHER: {"type": "bin", "target": "mode", "MinimumVersion": "1"}}));
    let (_, checked) = post(&world, "/api/packages/check", &wrong).await;
    let found = checked["findings"].as_array().unwrap().iter().find(|finding| finding["rule"] == "here").unwrap();
    let (status, package) = post(&world, "/api/packages", &wrong).await;
    assert_eq!((status, &package["status"]), (201, &json!("failed")));
    let why = package["message"].as_str().unwrap();
    assert!(why.contains("This package has nothing for") && why.contains("(mode is no program)"), "{why}");
    assert_eq!(found["severity"], "warning");
    assert_eq!(found["message"], why, "both say the same");

    // Packed without the executable bit.
    let fitting = bundle(&json!({OTHER: {"Type": "bin", "Target": target(), "MinimumVersion": "1"}}));
    let (_, checked) = post(&world, "/api/packages/check", &fitting).await;
    let found = checked["findings"].as_array().unwrap().iter().find(|finding| finding["rule"] == "here").unwrap();
    assert_eq!(found["severity"], "note", "{found}");
    assert_eq!(post(&world, "/api/packages", &fitting).await.0, 201);
    assert_nothing_more(&mut world.connect_package().await).await;
}

#[tokio::test]
async fn package_is_reloaded_unloaded_and_loaded() {
    let mut world = support::world(PATIENT).await;
    let act = format!("/api/packages/{PACKAGE}");
    let first = world.wait_for_start().await;
    let mut package = world.register(&first.register).await;
    world.wait_for_log("The package is connected").await;
    let context = world.place(TOGGLE, 1, 1).await;
    receive_event(&mut package, "widgetWillAppear").await;
    receive_event(&mut package, "didReceiveWidgetSettings").await;

    edit_package_file(&world.data, |config| config["Version"] = json!("1.2.0"));
    let (status, reloaded) = world.call("POST", &format!("{act}/load"), Value::Null).await;
    assert_eq!((status, &reloaded["version"]), (200, &json!("1.2.0")));
    support::expect_close_after(&mut package, &["applicationWillTerminate"]).await;
    assert!(!is_alive(first.pid));
    let second = world.wait_for_start().await;
    let mut package = world.register(&second.register).await;
    assert_eq!(receive_event(&mut package, "widgetWillAppear").await["context"], context.as_str(), "its keys stay");

    // An unreadable package file changes nothing.
    let path = world.data.path().join("packages").join(PACKAGE).join("PackageConfig.json");
    let good = fs::read(&path).unwrap();
    fs::write(&path, "{").unwrap();
    let (status, refused) = world.call("POST", &format!("{act}/load"), Value::Null).await;
    assert!(status == 409 && refused["error"].as_str().unwrap().contains("can't be read"), "{refused}");
    fs::write(&path, good).unwrap();
    let third = world.wait_for_start().await;

    let (status, unloaded) = world.call("POST", &format!("{act}/unload"), Value::Null).await;
    assert_eq!((status, &unloaded["status"]), (200, &json!("stopped")));
    assert!(!is_alive(third.pid));
    assert_eq!(world.call("POST", "/api/packages/com.example.none/unload", Value::Null).await.0, 404);
    let (_, state) = world.call("GET", "/api/state", Value::Null).await;
    assert_eq!(state["instances"][0]["context"], context.as_str());

    // It stays unloaded after a restart.
    world.deck.stop().await;
    let mut world = start(world.data, |_| {}).await;
    wait_for_package(&mut world, |package| package["status"] == "stopped").await;
    world.call("POST", &format!("{act}/load"), Value::Null).await;
    let mut package = world.connect_package().await;
    assert_eq!(receive_event(&mut package, "widgetWillAppear").await["context"], context.as_str());
    world.deck.stop().await;
    let mut world = start(world.data, |_| {}).await;
    let mut package = world.connect_package().await;
    receive_event(&mut package, "widgetWillAppear").await;
    receive_event(&mut package, "didReceiveWidgetSettings").await;

    // Removed with its settings kept, it finds its keys again.
    send(&mut package, json!({"event": "setWidgetSettings", "context": context, "payload": {"a": 1}})).await;
    receive_event(&mut package, "didReceiveWidgetSettings").await;
    assert_eq!(world.call("DELETE", &format!("{act}?keepSettings=true"), Value::Null).await.0, 204);
    let own = bundle(&json!({PLATFORM: {"type": "bin", "target": target(), "MinimumVersion": "1"}}));
    assert_eq!(post(&world, "/api/packages", &own).await.0, 201);
    let appeared = receive_event(&mut world.connect_package().await, "widgetWillAppear").await;
    assert_eq!((&appeared["context"], &appeared["payload"]["settings"]), (&json!(context), &json!({"a": 1})));
    assert_eq!(world.call("DELETE", &act, Value::Null).await.0, 204);
    assert_eq!(post(&world, "/api/packages", &own).await.0, 201);
    assert_nothing_more(&mut world.connect_package().await).await;
}

#[tokio::test]
async fn panel_is_exported_and_imported_with_a_report() {
    let mut world = support::world(PATIENT).await;
    let mut package = world.connect_package().await;
    let context = world.place(TOGGLE, 4, 3).await;
    world.place(WIDE, 0, 0).await;
    send(&mut package, json!({"event": "setWidgetSettings", "context": context, "payload": {"a": [1]}})).await;
    send(&mut package, json!({"event": "setPackageSettings", "payload": {"settings": {"token": "s3cret"}}})).await;
    world.call("PUT", &format!("/api/instances/{context}/title"), json!({"title": "mine"})).await;
    let (status, exported) = world.call("GET", "/api/panel", Value::Null).await;
    assert_eq!((status, &exported["format"], &exported["version"]), (200, &json!("creator-deck-panel"), &json!(2)));
    let widgets = json!({
        TOGGLE: {"name": "Toggle it", "layouts": [[1, 1]]}, WIDE: {"name": "Wide", "layouts": [[3, 2], [2, 1]]}
    });
    let origin = json!({"uuid": PACKAGE, "name": "Test package", "version": "1.0.0", "widgets": widgets});
    assert_eq!(exported["packages"], json!([origin]));
    let text = exported.to_string();
    assert!(!text.contains("s3cret") && !text.contains(&context), "neither package settings nor contexts: {text}");

    // Parts that another computer's file may contain.
    let mut file = exported.clone();
    let profile = file["profiles"][0]["id"].clone();
    file["packages"].as_array_mut().unwrap().push(json!({"uuid": "com.example.far", "name": "Far away"}));
    file["instances"].as_array_mut().unwrap().extend([
        json!({"package": "com.example.far", "widget": "far", "profile": profile, "column": 3, "row": 0}),
        json!({"package": "com.example.far", "widget": "on-top", "profile": profile, "column": 0, "row": 0}),
        json!({"package": PACKAGE, "widget": TOGGLE, "profile": profile, "column": 9, "row": 0}),
        json!({"package": PACKAGE, "widget": WIDE, "profile": profile, "layout": 7, "column": 0, "row": 3}),
        json!({"package": PACKAGE, "widget": TOGGLE, "profile": "lost", "column": 0, "row": 3}),
    ]);
    let file = file.to_string();
    let (status, report) = post(&world, "/api/panel/check", file.as_bytes()).await;
    assert_eq!((status, &report["profiles"], &report["keys"]), (200, &json!(1), &json!(2)), "{report}");
    assert_eq!(
        report["waiting"],
        json!([{"package": "com.example.far", "name": "Far away", "installed": false, "keys": 1}])
    );
    let left: Vec<_> = report["left"].as_array().unwrap().iter().map(|left| left["widget"].as_str().unwrap()).collect();
    assert_eq!(left, ["on-top", TOGGLE, WIDE, TOGGLE]);
    let state = async |world: &World| world.call("GET", "/api/state", Value::Null).await.1;
    assert_eq!(state(&world).await["deck"]["profiles"].as_array().unwrap().len(), 1, "only looked at");

    let (status, added) = post(&world, "/api/panel?mode=add", file.as_bytes()).await;
    assert_eq!((status, &added), (200, &report));
    let now = state(&world).await;
    assert_eq!((now["deck"]["profiles"].as_array().unwrap().len(), now["instances"].as_array().unwrap().len()), (2, 3));
    assert_eq!(now["deck"]["undo"], "importPanel");
    assert_eq!(now["deck"]["profiles"][1]["name"], "Profile 1 (imported)");
    let copy = now["instances"].as_array().unwrap().iter().find(|key| key["title"] == "mine").unwrap();
    assert_ne!(copy["context"], context.as_str());
    let (_, settings) =
        world.call("GET", &format!("/api/instances/{}", copy["context"].as_str().unwrap()), Value::Null).await;
    assert_eq!((&settings["settings"], &copy["column"]), (&json!({"a": [1]}), &json!(4)));
    world.call("POST", "/api/undo", Value::Null).await;
    let now = state(&world).await;
    assert_eq!(now["deck"]["profiles"].as_array().unwrap().len(), 1);
    assert_eq!(
        (&now["deck"]["profiles"][0]["id"], &now["deck"]["active"]),
        (&exported["profiles"][0]["id"], &exported["active"])
    );
    assert_eq!(now["instances"].as_array().unwrap().len(), 2);

    // Replacing the Panel and undoing it, including keys that wait for their package.
    assert_eq!(post(&world, "/api/panel?mode=replace", file.as_bytes()).await.0, 200);
    let (_, again) = world.call("GET", "/api/panel", Value::Null).await;
    assert_eq!((again["profiles"].as_array().unwrap().len(), again["instances"].as_array().unwrap().len()), (1, 3));
    assert_ne!(again["profiles"], exported["profiles"], "profiles of their own");
    world.call("POST", "/api/undo", Value::Null).await;
    assert_eq!(world.call("GET", "/api/panel", Value::Null).await.1, exported);

    for (body, part) in [("{}", "not the export"), ("PK", "not the export")] {
        let (status, refused) = post(&world, "/api/panel?mode=add", body.as_bytes()).await;
        assert!(status == 400 && refused["error"].as_str().unwrap().contains(part), "{refused}");
    }
    assert_eq!(post(&world, "/api/panel?mode=maybe", file.as_bytes()).await.0, 400);
}
