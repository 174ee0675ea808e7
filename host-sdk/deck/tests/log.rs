//! What an author sees of the wire: every message in and out, without secrets, in the API and on disk.

mod support;

use std::fs;

use serde_json::{Value, json};
use support::{PACKAGE, PATIENT, TOGGLE, hear_of, say, world};

#[tokio::test]
async fn messages_are_recorded_without_secrets() {
    let mut world = world(PATIENT).await;
    let mut package = world.package().await;
    let context = world.place(TOGGLE, 0, 0).await;
    hear_of(&mut package, "widgetWillAppear").await;
    let (mut page, _, _) = world.view(json!({"context": context})).await;
    let secret = json!({"event": "sendToPackage", "context": "x", "payload": {"clientSecret": "hunter2", "a": 1}});
    say(&mut page, secret).await;
    say(&mut package, json!({"event": "sendLog", "payload": {"message": "see http://x/?token=hunter2&b=1"}})).await;
    world.logged("see http://x/?token=•••&b=1").await;
    while support::hear(&mut package).await["event"] != "sendToPackage" {}

    let (status, told) = world.call("GET", "/api/messages", Value::Null).await;
    assert_eq!(status, 200);
    let messages = told["messages"].as_array().unwrap();
    let of = |direction: &str, event: &str| {
        let found = messages.iter().find(|message| message["direction"] == direction && message["event"] == event);
        found.unwrap_or_else(|| panic!("{direction} {event} is missing: {told:#}"))
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
    assert!(!told.to_string().contains("hunter2"), "{told:#}");

    // What comes later is waited for.
    let last = told["last"].as_u64().unwrap();
    let path = format!("/api/messages?after={last}&wait=20000");
    let (later, ()) =
        tokio::join!(world.call("GET", &path, Value::Null), say(&mut package, json!({"event": "getPackageSettings"})));
    assert_eq!(later.1["messages"][0]["event"], "getPackageSettings", "{later:?}");

    world.deck.stop().await;
    let file = world.data.path().join("logs").join("deck.log");
    let start = std::time::Instant::now();
    // The file is written beside everything else.
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
