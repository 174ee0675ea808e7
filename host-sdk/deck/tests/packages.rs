//! Packages and property views with a real deck: which sockets are accepted, and the effect of every message.

mod support;

use std::process::Stdio;
use std::time::Duration;

use futures_util::SinkExt as _;
use serde_json::{Value, json};
use support::{
    DEAF, DYING, FAMILY, PACKAGE, PATIENT, Socket, TOGGLE, WIDE, World, assert_nothing_more, connect_events,
    expect_close, family, install, is_alive, kill, receive, receive_event, receive_page_event, send, start, world,
};
use tokio::io::AsyncWriteExt as _;
use tokio_tungstenite::tungstenite::Message;

const PICTURE: &str = "data:image/png;base64,iVBORw0KGgo=";

#[tokio::test]
async fn only_the_assigned_pair_can_register() {
    let mut world = world(PATIENT).await;
    let started = world.wait_for_start().await;
    assert_eq!(started.info["application"]["language"], "en");
    assert_eq!(started.info["language"], "en");
    assert_eq!(started.info["application"]["platform"], host_sdk::manifest::PLATFORM);
    let event = &started.register["event"];
    for wrong in [
        json!({"event": "registerPackage", "uuid": PACKAGE}),
        json!({"event": event, "uuid": "com.example.other"}),
        json!({"event": event}),
        json!({"event": "getPackageSettings", "context": PACKAGE}),
        json!("garbage"),
    ] {
        expect_close(&mut world.register(&wrong).await).await;
    }
    let mut socket = world.connect(None).await.unwrap();
    socket.send(Message::binary(started.register.to_string().into_bytes())).await.unwrap();
    expect_close(&mut socket).await;

    let mut first = world.register(&started.register).await;
    world.wait_for_log("The package is connected").await;
    let mut second = world.register(&started.register).await;
    expect_close(&mut first).await;
    assert_nothing_more(&mut second).await;
}

#[tokio::test]
async fn socket_without_registration_is_closed() {
    let data = tempfile::tempdir().unwrap();
    let mut world = start(data, |config| config.timing.register_timeout = Duration::from_millis(1)).await;
    expect_close(&mut world.connect(None).await.unwrap()).await;
    world.wait_for_log("said nothing for too long").await;
}

/// The real runner, with a library that panics at an event of its host.
#[tokio::test]
async fn panicking_package_is_restarted() {
    let data = tempfile::tempdir().unwrap();
    install(data.path(), PATIENT);
    let (folder, test) = (data.path().join("packages").join(PACKAGE), std::env::current_exe().unwrap());
    let built = test.ancestors().nth(2).unwrap();
    let runner = format!("package-runner{}", std::env::consts::EXE_SUFFIX);
    let library = format!("{}panics{}", std::env::consts::DLL_PREFIX, std::env::consts::DLL_SUFFIX);
    for (from, to) in [(built.join(&runner), &runner), (built.join("examples").join(&library), &library)] {
        std::fs::copy(&from, folder.join(to))
            .unwrap_or_else(|error| panic!("{}: {error}; `cargo xtask test` builds it", from.display()));
    }
    let mut config = support::config();
    config["Runtime"][host_sdk::manifest::PLATFORM] =
        json!({"type": "bin", "target": runner, "library": library, "MinimumVersion": "1"});
    std::fs::write(folder.join("PackageConfig.json"), config.to_string()).unwrap();
    let mut world = start(data, |_| {}).await;
    for _ in 0..2 {
        world.wait_for_log("The package is connected").await;
        world.wait_for_log("The package ended with exit code 6. It starts again").await;
    }
}

#[tokio::test]
async fn foreign_origins_are_refused_at_the_socket() {
    let world = world(PATIENT).await;
    let (page, own) = (world.deck.page_url(), format!("http://127.0.0.1:{}", world.deck.socket_port()));
    for foreign in ["http://example.com", "null", page.trim_end_matches('/')] {
        assert!(world.connect(Some(foreign)).await.is_err(), "{foreign}");
    }
    assert!(world.connect(Some(&own)).await.is_ok());
}

#[tokio::test]
async fn instance_events_reach_the_package() {
    let mut world = world(PATIENT).await;
    let wide = world.place(WIDE, 1, 2).await;
    let mut package = world.connect_package().await;
    let appear = receive_event(&mut package, "widgetWillAppear").await;
    assert_eq!(
        (&appear["widget"], &appear["context"]),
        (&json!(WIDE), &json!(wide)),
        "placed before the package was there"
    );
    assert_eq!(appear["payload"], json!({"settings": {}, "layout": 0, "layoutSize": {"width": 3, "height": 2}}));
    receive_event(&mut package, "didReceiveWidgetSettings").await;

    let toggle = world.place(TOGGLE, 0, 0).await;
    assert_eq!(receive_event(&mut package, "widgetWillAppear").await["payload"]["state"], 0);
    receive_event(&mut package, "didReceiveWidgetSettings").await;
    for (phase, events) in [
        ("down", &["actionDown"][..]),
        ("up", &["actionUp", "actionTriggered"]),
        ("cancel", &["actionUp"]),
        ("tap", &["actionDown", "actionUp", "actionTriggered"]),
    ] {
        let (status, _) = world.call("POST", &format!("/api/instances/{toggle}/press"), json!({"phase": phase})).await;
        assert_eq!(status, 204);
        for event in events {
            assert_eq!(receive_event(&mut package, event).await["payload"], json!({"state": 0}));
        }
    }
    let path = format!("/api/instances/{toggle}");
    assert_eq!(world.call("DELETE", &path, Value::Null).await.0, 204);
    let gone = receive_event(&mut package, "widgetWillDisappear").await;
    assert_eq!(gone["context"], toggle.as_str());
    assert_eq!(gone["payload"], json!({"state": 0, "layout": 0, "layoutSize": {"width": 1, "height": 1}}));
    world
        .wait_for_event(|event| {
            Some(()).filter(|()| event["type"] == "instanceRemoved" && event["context"] == toggle.as_str())
        })
        .await;
    assert_eq!(world.call("DELETE", &path, Value::Null).await.0, 404);
    assert_nothing_more(&mut package).await;
}

#[tokio::test]
async fn package_changes_reach_the_page() {
    let mut world = world(PATIENT).await;
    let mut package = world.connect_package().await;
    let context = world.place(TOGGLE, 0, 0).await;
    receive_event(&mut package, "widgetWillAppear").await;
    receive_event(&mut package, "didReceiveWidgetSettings").await;
    let first = world.wait_for_instance(|_| true).await;
    assert_eq!((&first["title"], &first["effect"]), (&json!("off"), &json!("clear")));
    assert!(first["icon"].as_str().unwrap().ends_with("/package/com.example.test/icon.svg"));
    assert_eq!(first["image"], Value::Null);

    let change = |event: &str, payload: Value| json!({"event": event, "context": context, "payload": payload});
    send(&mut package, change("changeImage", json!({"image": PICTURE, "description": "a key"}))).await;
    let seen = world.wait_for_instance(|instance| instance["image"] == PICTURE).await;
    assert_eq!(seen["description"], "a key");
    send(&mut package, change("changeImage", json!({"image": "https://example.com/spy.png"}))).await;
    world.wait_for_log("changeImage").await;
    // The icon, under the title, and the image, over it, are separate layers.
    let bare = PICTURE.split(',').nth(1).unwrap();
    send(&mut package, change("changeIcon", json!({"image": bare, "state": 1}))).await;
    send(&mut package, change("changeIcon", json!({"image": "images/none.png", "state": 1}))).await;
    world.wait_for_log("Ignored: changeIcon").await;
    send(&mut package, change("changeTitle", json!({"title": "hello", "state": 1}))).await;
    send(&mut package, change("changeState", json!({"state": 1}))).await;
    let seen = world.wait_for_instance(|instance| instance["state"] == 1 && instance["title"] == "hello").await;
    assert_eq!((&seen["icon"], &seen["image"]), (&json!(PICTURE), &json!(PICTURE)));
    send(&mut package, change("changeState", json!({"state": 2}))).await;
    world.wait_for_log("has no state 2").await;
    send(&mut package, change("changeActionEffect", json!({"type": "invalid"}))).await;
    world.wait_for_instance(|instance| instance["effect"] == "invalid").await;
    send(&mut package, change("changeFontAttribute", json!({"family": "Inter", "size": 99}))).await;
    world.wait_for_instance(|instance| instance["font"]["size"] == 18.0 && instance["font"]["family"] == "Inter").await;

    send(&mut package, change("getWidgetTitle", Value::Null)).await;
    assert_eq!(receive_event(&mut package, "didReceiveWidgetTitle").await["payload"], json!(["off", "hello"]));
    send(&mut package, change("getWidgetIcon", Value::Null)).await;
    assert_eq!(receive_event(&mut package, "didReceiveWidgetIcon").await["payload"], json!(["icon.svg", PICTURE]));
    send(&mut package, change("getFontAttribute", Value::Null)).await;
    assert_eq!(receive_event(&mut package, "didReceiveFontAttribute").await["payload"]["family"], "Inter");
    assert_eq!(world.call("PUT", &format!("/api/instances/{context}/title"), json!({"title": "mine"})).await.0, 204);
    assert_eq!(receive_event(&mut package, "didReceiveWidgetTitle").await["payload"], json!(["mine", "mine"]));
    world.wait_for_instance(|instance| instance["title"] == "mine").await;
}

#[tokio::test]
async fn language_has_the_spelling_of_each_member() {
    let data = tempfile::tempdir().unwrap();
    support::install(data.path(), PATIENT);
    let mut world = start(data, |config| config.language = Some("zh_TW".into())).await;
    let info = world.wait_for_start().await.info;
    assert_eq!((&info["application"]["language"], &info["language"]), (&json!("zh_TW"), &json!("zh_tw")));
}

#[test]
fn unknown_language_is_answered_with_the_known_ones() {
    let folder = tempfile::tempdir().unwrap();
    let deck = |language: &str| {
        let mut deck = std::process::Command::new(env!("CARGO_BIN_EXE_creator-deck"));
        // With another error, so that it never starts.
        deck.args(["--headless", "--language", language, "--install", "none", "--data"]).arg(folder.path());
        String::from_utf8(deck.output().unwrap().stderr).unwrap()
    };
    let error = deck("fr");
    assert!(error.contains("'fr'") && error.contains("en, de, ja, ko, zh_CN, zh_TW"), "{error}");
    for known in ["zh-tw", "DE", "zh_CN"] {
        let error = deck(known);
        assert!(error.contains("none can't be read"), "{known}: {error}");
    }
}

#[tokio::test]
async fn package_file_in_windows_style_is_accepted() {
    let data = tempfile::tempdir().unwrap();
    support::install(data.path(), PATIENT);
    let folder = data.path().join("packages").join(PACKAGE);
    let mut config = support::config();
    config["Icon"] = json!("./icon.svg");
    config["SettingsPath"] = json!("/pages/settings");
    config["Widgets"][0]["Icon"] = json!("\\icon");
    config["Widgets"][0]["States"][0]["Image"] = json!("/on");
    std::fs::write(folder.join("PackageConfig.json"), config.to_string()).unwrap();
    // The content of a picture decides about its type, not its name.
    std::fs::write(folder.join("on.svg"), b"GIF89a").unwrap();
    std::fs::write(folder.join("icon.png"), b"<html/>").unwrap();
    let world = start(data, |_| {}).await;
    let (_, state) = world.call("GET", "/api/state", Value::Null).await;
    let context = world.place(TOGGLE, 0, 0).await;
    let (_, instance) = world.call("GET", &format!("/api/instances/{context}"), Value::Null).await;
    let package = &state["packages"][0];
    let get = async |address: &Value| {
        let path = address.as_str().unwrap().splitn(4, '/').nth(3).unwrap().to_owned();
        world.get_file(&format!("/{path}")).await
    };
    let picture = get(&package["icon"]).await;
    assert!(picture.status == 200 && picture.head.contains("content-type: image/svg+xml"), "{picture:?}");
    let picture = get(&instance["instance"]["icon"]).await;
    assert!(picture.status == 200 && picture.head.contains("content-type: image/gif"), "{picture:?}");
    assert_eq!(get(&package["widgets"][0]["icon"]).await.status, 404, "icon.png comes first, and is no picture");
    let (status, view) = world.call("POST", "/api/views", json!({"package": PACKAGE})).await;
    assert_eq!(status, 201);
    assert!(world.get_view(view["url"].as_str().unwrap()).await.body.contains("settings"));
}

#[tokio::test]
async fn view_receives_its_settings_once_per_socket() {
    let mut world = world(PATIENT).await;
    let mut package = world.connect_package().await;
    let context = world.place(TOGGLE, 0, 0).await;
    for event in ["widgetWillAppear", "didReceiveWidgetSettings"] {
        receive_event(&mut package, event).await;
    }
    let settings = json!({"one": 1, "two": "2"});
    send(&mut package, json!({"event": "setWidgetSettings", "context": context, "payload": settings})).await;
    send(&mut package, json!({"event": "setPackageSettings", "payload": {"all": true}})).await;
    for event in ["didReceiveWidgetSettings", "didReceivePackageSettings"] {
        receive_event(&mut package, event).await;
    }
    let mut views = Vec::new();
    for (target, received) in
        [(json!({"context": context}), settings), (json!({"package": PACKAGE}), json!({"all": true}))]
    {
        let (mut view, _, widget_info) = world.view(target).await;
        assert_eq!(widget_info["payload"]["settings"], received);
        assert_nothing_more(&mut view).await;
        receive_event(&mut package, "propertyViewDidAppear").await;
        assert_nothing_more(&mut package).await;
        views.push(view);
    }
}

#[tokio::test]
async fn stored_settings_are_sent_to_package_and_views() {
    let mut world = world(PATIENT).await;
    let mut package = world.connect_package().await;
    let context = world.place(TOGGLE, 0, 0).await;
    let other = world.place(TOGGLE, 1, 0).await;
    for event in ["widgetWillAppear", "didReceiveWidgetSettings", "widgetWillAppear", "didReceiveWidgetSettings"] {
        receive_event(&mut package, event).await;
    }
    let (mut view, id, widget_info) = world.view(json!({"context": context})).await;
    let payload = json!({"settings": {}, "layout": 0, "layoutSize": {"width": 1, "height": 1}});
    assert_eq!(widget_info, json!({"widget": TOGGLE, "context": context, "payload": payload}));
    assert_eq!(receive_event(&mut package, "propertyViewDidAppear").await["context"], context.as_str());

    // Pages in the wild put three kinds of ids there, and none of them reaches another instance.
    for (n, odd) in [context.as_str(), &id, PACKAGE, &other].into_iter().enumerate() {
        let settings = json!({"n": n});
        send(&mut view, json!({"event": "setWidgetSettings", "context": odd, "payload": settings})).await;
        for socket in [&mut view, &mut package] {
            let received = receive_event(socket, "didReceiveWidgetSettings").await;
            assert_eq!((&received["context"], &received["payload"]), (&json!(context), &settings));
        }
    }
    send(&mut package, json!({"event": "setWidgetSettings", "context": context, "payload": {"by": "package"}})).await;
    for socket in [&mut view, &mut package] {
        assert_eq!(receive_event(socket, "didReceiveWidgetSettings").await["payload"], json!({"by": "package"}));
    }
    send(&mut view, json!({"event": "getWidgetSettings", "context": PACKAGE})).await;
    assert_eq!(receive_event(&mut view, "didReceiveWidgetSettings").await["payload"], json!({"by": "package"}));
    send(&mut package, json!({"event": "getWidgetSettings", "context": other})).await;
    assert_eq!(receive_event(&mut package, "didReceiveWidgetSettings").await["payload"], json!({}), "left alone");

    send(&mut view, json!({"event": "setPackageSettings", "context": PACKAGE, "payload": {"settings": {"all": 1}}}))
        .await;
    for socket in [&mut view, &mut package] {
        assert_eq!(receive_event(socket, "didReceivePackageSettings").await["payload"], json!({"all": 1}));
    }
    assert_eq!(world.call("DELETE", &format!("/api/views/{id}"), Value::Null).await.0, 204);
    expect_close(&mut view).await;
    assert_eq!(receive_event(&mut package, "propertyViewDidDisappear").await["context"], context.as_str());
    assert_nothing_more(&mut package).await;
}

#[tokio::test]
async fn pages_and_package_exchange_messages() {
    let mut world = world(PATIENT).await;
    let mut package = world.connect_package().await;
    let context = world.place(TOGGLE, 0, 0).await;
    receive_event(&mut package, "widgetWillAppear").await;
    receive_event(&mut package, "didReceiveWidgetSettings").await;
    let (mut view, id, _) = world.view(json!({"context": context})).await;
    receive_event(&mut package, "propertyViewDidAppear").await;
    let (mut settings, _, widget_info) = world.view(json!({"package": PACKAGE})).await;
    assert_eq!(widget_info, json!({"widget": PACKAGE, "context": PACKAGE, "payload": {"settings": {}}}));
    let appeared = receive_event(&mut package, "propertyViewDidAppear").await;
    assert_eq!((&appeared["widget"], &appeared["context"]), (&json!(PACKAGE), &json!(PACKAGE)));

    for odd in [context.as_str(), &id, PACKAGE, "", "nonsense"] {
        send(&mut view, json!({"event": "sendToPackage", "widget": "x", "context": odd, "payload": {"a": 1}})).await;
        let message = receive(&mut package).await;
        assert_eq!(
            message,
            json!({"event": "sendToPackage", "widget": TOGGLE, "context": context, "payload": {"a": 1}})
        );
    }
    send(&mut settings, json!({"event": "sendToPackage", "widget": PACKAGE, "context": PACKAGE, "payload": [2]})).await;
    assert_eq!(receive_event(&mut package, "sendToPackage").await["context"], PACKAGE);

    send(&mut package, json!({"event": "sendToPropertyView", "widget": TOGGLE, "context": context, "payload": 3}))
        .await;
    assert_eq!(receive_event(&mut view, "sendToPropertyView").await["payload"], 3);
    send(&mut package, json!({"event": "sendToPropertyView", "widget": PACKAGE, "context": PACKAGE, "payload": 4}))
        .await;
    assert_eq!(receive_event(&mut settings, "sendToPropertyView").await["payload"], 4);
    send(&mut package, json!({"event": "sendToPropertyView", "context": "nobody", "payload": 5})).await;
    assert_nothing_more(&mut package).await;
    assert_nothing_more(&mut view).await;
    assert_nothing_more(&mut settings).await;
}

#[tokio::test]
async fn newest_page_opens_links_and_settings() {
    let mut world = world(PATIENT).await;
    let mut package = world.connect_package().await;
    let mut newest = connect_events(&world.deck).await;
    receive_page_event(&mut newest, "state").await;
    for url in ["file:///etc/passwd", "javascript:alert(1)"] {
        send(&mut package, json!({"event": "openUrl", "payload": {"url": url}})).await;
        world.wait_for_log("openUrl takes an address").await;
    }
    send(&mut package, json!({"event": "openUrl", "payload": {"url": "https://example.com/authorize?code=s3cret"}}))
        .await;
    let line = world.wait_for_log("example.com").await;
    assert!(!line.contains("s3cret"), "{line}");
    loop {
        let event = receive(&mut newest).await;
        if event["type"] == "openUrl" {
            assert_eq!(
                (&event["url"], &event["package"]),
                (&json!("https://example.com/authorize?code=s3cret"), &json!(PACKAGE))
            );
            break;
        }
        assert_eq!(event["type"], "log", "{event}");
    }
    send(&mut package, json!({"event": "openSettings", "context": PACKAGE})).await;
    let opened = |event: &Value| {
        assert_ne!(event["type"], "openUrl", "only the newest page opens it");
        Some(event["package"].clone()).filter(|_| event["type"] == "openSettings")
    };
    assert_eq!(world.wait_for_event(opened).await, PACKAGE);
}

#[tokio::test]
async fn reconnected_package_receives_everything_again() {
    let mut world = world(PATIENT).await;
    let started = world.wait_for_start().await;
    let mut package = world.register(&started.register).await;
    world.wait_for_log("The package is connected").await;
    let context = world.place(TOGGLE, 0, 0).await;
    let (_view, ..) = world.view(json!({"context": context})).await;
    let all = ["widgetWillAppear", "didReceiveWidgetSettings", "propertyViewDidAppear"];
    for event in all {
        receive_event(&mut package, event).await;
    }
    drop(package);
    world.wait_for_log("socket is closed").await;
    let mut package = world.register(&started.register).await;
    for event in all {
        assert_eq!(receive_event(&mut package, event).await["context"], context.as_str());
    }
}

#[tokio::test]
async fn odd_and_huge_frames_affect_only_their_sender() {
    let mut world = world(PATIENT).await;
    let started = world.wait_for_start().await;
    let mut package = world.register(&started.register).await;
    world.wait_for_log("The package is connected").await;
    let context = world.place(TOGGLE, 0, 0).await;
    let (mut view, ..) = world.view(json!({"context": context})).await;
    for event in ["widgetWillAppear", "didReceiveWidgetSettings", "propertyViewDidAppear"] {
        receive_event(&mut package, event).await;
    }
    package.send(Message::text("garbage")).await.unwrap();
    package.send(Message::binary(vec![0, 159])).await.unwrap();
    send(&mut package, json!({"event": 7})).await;
    send(&mut package, json!({"event": "fromTheFuture", "payload": "x".repeat(10 << 20)})).await;
    assert_nothing_more(&mut package).await;

    // The head of a frame of 100 bytes, and only the start of its content.
    let mut torn = world.register(&started.register).await;
    expect_close(&mut package).await;
    torn.get_mut().write_all(&[0x81, 0xe4, 1, 2, 3, 4, b'{']).await.unwrap();
    drop(torn);
    world.wait_for_log("socket is closed").await;

    let mut huge = world.register(&started.register).await;
    world.wait_for_log("The package is connected").await;
    let message = json!({"event": "sendLog", "payload": {"message": "x".repeat(17 << 20)}});
    // The deck may close before all of it is sent.
    let _ = huge.send(Message::text(message.to_string())).await;
    world.wait_for_log("socket is closed. It sent a message of more than 16 MB").await;
    assert_nothing_more(&mut view).await;
    let mut package = world.register(&started.register).await;
    receive_event(&mut package, "widgetWillAppear").await;
}

#[tokio::test]
async fn killed_process_is_restarted_with_a_new_event() {
    let mut world = world(PATIENT).await;
    let first = world.wait_for_start().await;
    let mut package = world.register(&first.register).await;
    world.wait_for_log("The package is connected").await;
    kill(first.pid);
    expect_close(&mut package).await;
    let second = world.wait_for_start().await;
    assert_ne!((first.pid, &first.register["event"]), (second.pid, &second.register["event"]));
    expect_close(&mut world.register(&first.register).await).await;
    let mut package = world.register(&second.register).await;
    assert_nothing_more(&mut package).await;

    assert!(is_alive(second.pid));
    world.deck.stop().await;
    assert!(!is_alive(second.pid), "the deck's end is the package's");
}

/// Waits for the notice of its end, stores settings, and ends on its own.
async fn store_and_exit(package: &mut Socket, context: &str, pid: u32) {
    assert_eq!(receive_event(package, "applicationWillTerminate").await, json!({"event": "applicationWillTerminate"}));
    let settings = json!({"last": "words"});
    send(package, json!({"event": "setWidgetSettings", "context": context, "payload": settings})).await;
    assert_eq!(receive_event(package, "didReceiveWidgetSettings").await["payload"], settings);
    kill(pid);
}

/// The package, registered and notified of its one key, and its process.
async fn connect_with_key(world: &mut World) -> (Socket, u32) {
    let started = world.wait_for_start().await;
    let mut package = world.register(&started.register).await;
    for event in ["widgetWillAppear", "didReceiveWidgetSettings"] {
        receive_event(&mut package, event).await;
    }
    (package, started.pid)
}

#[tokio::test]
async fn package_can_store_settings_while_it_is_ending() {
    let data = tempfile::tempdir().unwrap();
    install(data.path(), PATIENT);
    // Longer than the test may take: a package that ends on its own isn't waited for.
    let mut world = start(data, |config| config.timing.end_notice = Duration::from_secs(600)).await;
    let context = world.place(TOGGLE, 0, 0).await;
    let act = |call: &str| format!("/api/packages/{PACKAGE}/{call}");
    for (call, status) in [("unload", "stopped"), ("load", "starting")] {
        let (mut package, pid) = connect_with_key(&mut world).await;
        let (ended, call) = (store_and_exit(&mut package, &context, pid), act(call));
        let ((_, answer), ()) = tokio::join!(world.call("POST", &call, Value::Null), ended);
        assert_eq!(answer["status"], status);
        expect_close(&mut package).await;
        if status == "stopped" {
            world.call("POST", &act("load"), Value::Null).await;
        }
    }
    // The deck's own end, during which it still handles messages.
    let (mut package, pid) = connect_with_key(&mut world).await;
    let World { deck, data, .. } = world;
    tokio::join!(deck.stop(), store_and_exit(&mut package, &context, pid));
    let saved: Value = serde_json::from_slice(&std::fs::read(data.path().join("state.json")).unwrap()).unwrap();
    assert_eq!(saved["instances"][0]["settings"], json!({"last": "words"}));
}

#[tokio::test]
async fn package_is_killed_after_the_end_notice() {
    let mut world = world(PATIENT).await;
    let started = world.wait_for_start().await;
    let mut package = world.register(&started.register).await;
    world.wait_for_log("The package is connected").await;
    assert_eq!(world.call("DELETE", &format!("/api/packages/{PACKAGE}"), Value::Null).await.0, 204);
    support::expect_close_after(&mut package, &["applicationWillTerminate"]).await;
    assert!(!is_alive(started.pid));
}

#[tokio::test]
async fn package_ends_with_its_child_processes() {
    let world = world(FAMILY).await;
    let processes = family(world.data.path()).await;
    assert_eq!(processes.map(is_alive), [true, true]);
    world.deck.stop().await;
    wait_until_ended(&processes).await;
}

#[tokio::test]
async fn package_ends_within_3_s_of_a_killed_deck() {
    let data = tempfile::tempdir().unwrap();
    support::install(data.path(), DEAF);
    let mut deck = tokio::process::Command::new(env!("CARGO_BIN_EXE_creator-deck"));
    deck.arg("--headless").arg("--data").arg(data.path()).kill_on_drop(true);
    deck.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    let mut deck = deck.spawn().unwrap();
    let processes = family(data.path()).await;
    assert_eq!(processes.map(is_alive), [true, true]);
    deck.kill().await.unwrap();
    // On Unix only the package itself notices; its child process isn't ended.
    let (theirs, rest) = if cfg!(windows) { (&processes[..], &[][..]) } else { processes.split_at(1) };
    wait_until_ended(theirs).await;
    rest.iter().copied().for_each(kill);
}

async fn wait_until_ended(processes: &[u32]) {
    let start = std::time::Instant::now();
    while processes.iter().copied().any(is_alive) {
        assert!(start.elapsed() < Duration::from_secs(3), "they outlive the deck");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test]
async fn package_that_keeps_dying_is_parked() {
    let mut world = world(DYING).await;
    let failed = |event: &Value| {
        let packages = event.get("packages").unwrap_or(&event["state"]["packages"]);
        Some(packages[0]["message"].as_str()?.to_owned()).filter(|_| packages[0]["status"] == "failed")
    };
    let message = world.wait_for_event(failed).await;
    assert!(message.contains("exit code 3") && message.contains("5 times"), "{message}");
    let (_, log) = world.call("GET", "/api/log", Value::Null).await;
    let said = log["entries"].as_array().unwrap().iter().filter(|entry| entry["message"] == "giving up").count();
    assert_eq!(said, 5, "what it said is in the log");
}

#[tokio::test]
async fn package_that_does_not_read_is_disconnected() {
    let mut world = world(PATIENT).await;
    let started = world.wait_for_start().await;
    let _deaf = world.register(&started.register).await;
    world.wait_for_log("The package is connected").await;
    let (mut view, ..) = world.view(json!({"package": PACKAGE})).await;
    let large = json!({"event": "sendToPackage", "payload": "x".repeat(4 << 20)});
    // More than the system's buffers and the deck's queue hold together.
    for _ in 0..12 {
        send(&mut view, large.clone()).await;
    }
    world.wait_for_log("socket is closed. It doesn't take the messages").await;
    assert_nothing_more(&mut view).await;
    let mut package = world.register(&started.register).await;
    assert_eq!(receive_event(&mut package, "propertyViewDidAppear").await["context"], PACKAGE);
}

#[tokio::test]
async fn page_messages_wait_for_their_package() {
    let mut world = world(PATIENT).await;
    let started = world.wait_for_start().await;
    let (mut view, ..) = world.view(json!({"package": PACKAGE})).await;
    let message = |n: u8| json!({"event": "sendToPackage", "payload": n});
    for n in 0..2 {
        send(&mut view, message(n)).await;
    }
    // Answered after them, so the deck has received them.
    send(&mut view, json!({"event": "getPackageSettings"})).await;
    receive_event(&mut view, "didReceivePackageSettings").await;
    for first in [0, 2] {
        let mut package = world.register(&started.register).await;
        assert_eq!(receive(&mut package).await["event"], "propertyViewDidAppear");
        for n in first..first + 2 {
            assert_eq!(receive_event(&mut package, "sendToPackage").await["payload"], n);
        }
        assert_nothing_more(&mut package).await;
        drop(package);
        world.wait_for_log("The package's socket is closed").await;
        for n in 2..4 {
            send(&mut view, message(n)).await;
        }
    }
}

#[tokio::test]
async fn page_messages_for_a_stopped_package_are_logged() {
    let mut world = world(PATIENT).await;
    let _package = world.connect_package().await;
    let (status, _) = world.call("POST", &format!("/api/packages/{PACKAGE}/unload"), Value::Null).await;
    assert_eq!(status, 200);
    let (mut view, ..) = world.view(json!({"package": PACKAGE})).await;
    send(&mut view, json!({"event": "sendToPackage", "payload": 1})).await;
    world.wait_for_log("a message of its page, because the package isn't running").await;
}

#[tokio::test]
async fn flooding_package_is_throttled_without_loss() {
    let data = tempfile::tempdir().unwrap();
    support::install(data.path(), PATIENT);
    let mut world = start(data, |config| config.timing.messages_per_second = 20).await;
    let mut package = world.connect_package().await;
    let context = world.place(TOGGLE, 0, 0).await;
    receive_event(&mut package, "widgetWillAppear").await;
    // Forty may come at once.
    for n in 0..50 {
        let payload = json!({"title": n.to_string()});
        send(&mut package, json!({"event": "changeTitle", "context": context, "payload": payload})).await;
    }
    world.wait_for_log("sends too much").await;
    world.wait_for_instance(|instance| instance["title"] == "49").await;
}
