//! The messages that an author sees: every message in both directions, without secrets, in the API and on disk.

mod support;

use std::fs;

use serde_json::{Value, json};
use support::{PACKAGE, PATIENT, TOGGLE, receive_event, send, world};

#[tokio::test]
async fn messages_are_recorded_without_secrets() {
    let mut world = world(PATIENT).await;
    let mut package = world.connect_package().await;
    let context = world.place(TOGGLE, 0, 0).await;
    receive_event(&mut package, "widgetWillAppear").await;
    let (mut page, _, _) = world.view(json!({"context": context})).await;
    let secret = json!({"event": "sendToPackage", "context": "x", "payload": {"clientSecret": "hunter2", "a": 1}});
    send(&mut page, secret).await;
    send(&mut package, json!({"event": "sendLog", "payload": {"message": "see http://x/?token=hunter2&b=1"}})).await;
    world.wait_for_log("see http://x/?token=•••&b=1").await;
    while support::receive(&mut package).await["event"] != "sendToPackage" {}

    let (status, recorded) = world.call("GET", "/api/messages", Value::Null).await;
    assert_eq!(status, 200);
    let messages = recorded["messages"].as_array().unwrap();
    let of = |direction: &str, event: &str| {
        let found = messages.iter().find(|message| message["direction"] == direction && message["event"] == event);
        found.unwrap_or_else(|| panic!("{direction} {event} is missing: {recorded:#}"))
    };
    let appear = of("out", "widgetWillAppear");
    assert_eq!(
        (&appear["package"], &appear["context"], &appear["page"]),
        (&json!(PACKAGE), &json!(context), &json!(false))
    );
    assert!(appear["size"].as_u64().unwrap() > 50 && appear["time"].as_u64().unwrap() > 0);
    assert_eq!(of("in", "sendToPackage")["page"], true);
    assert!(of("out", "sendToPackage")["body"].as_str().unwrap().contains("\"a\":1"));
    of("in", "sendLog");
    assert!(!recorded.to_string().contains("hunter2"), "{recorded:#}");

    // The call waits for later messages.
    let last = recorded["last"].as_u64().unwrap();
    let path = format!("/api/messages?after={last}&wait=20000");
    let (later, ()) =
        tokio::join!(world.call("GET", &path, Value::Null), send(&mut package, json!({"event": "getPackageSettings"})));
    assert_eq!(later.1["messages"][0]["event"], "getPackageSettings", "{later:?}");

    world.deck.stop().await;
    let file = world.data.path().join("logs").join("deck.log");
    let start = std::time::Instant::now();
    // The file is written in the background.
    let text = loop {
        let text = fs::read_to_string(&file).unwrap();
        if text.contains("didReceivePackageSettings") {
            break text;
        }
        assert!(start.elapsed().as_secs() < 20, "the file is written: {text}");
        tokio::task::yield_now().await;
    };
    assert!(text.lines().all(|line| serde_json::from_str::<Value>(line).is_ok()) && !text.contains("hunter2"));
}
