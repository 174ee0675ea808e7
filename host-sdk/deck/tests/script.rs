//! Scripts, and the API that the user's own programs call: what passes, and how a failure reads.

mod support;

use std::fs;

use creator_deck::Script;
use serde_json::{Value, json};
use support::{PACKAGE, PATIENT, Socket, TOGGLE, WIDE, World, http, port_of, receive, send, world};

/// Acts as a package that answers a press with settings, a picture and its description.
async fn respond_to_presses(mut package: Socket) {
    loop {
        let message = receive(&mut package).await;
        let context = message["context"].clone();
        match message["event"].as_str() {
            Some("actionDown") => {
                let settings = json!({"pressed": true, "more": 1});
                send(&mut package, json!({"event": "setWidgetSettings", "context": context, "payload": settings}))
                    .await;
            }
            Some("actionTriggered") => {
                let payload = json!({"image": "data:image/png;base64,iVBORw0KGgo=", "description": "It was pressed"});
                send(&mut package, json!({"event": "changeImage", "context": context, "payload": payload})).await;
            }
            _ => {}
        }
    }
}

async fn run(world: &mut World, steps: &[Value]) -> Result<(), creator_deck::Failure> {
    let package = world.connect_package().await;
    let text: Vec<String> = steps.iter().map(Value::to_string).collect();
    let script = Script::parse(&text.join("\n")).unwrap();
    tokio::select! {
        result = world.deck.run_script(&script) => result,
        () = respond_to_presses(package) => unreachable!("it never ends"),
    }
}

#[tokio::test]
async fn script_runs_every_kind_of_step() {
    let mut world = world(PATIENT).await;
    let steps = [
        json!({"running": {"package": PACKAGE}}),
        json!({"place": {"widget": TOGGLE, "column": 1, "row": 2, "as": "key"}}),
        json!({"message": {"direction": "out", "event": "widgetWillAppear", "key": "key"}}),
        json!({"hold": "key"}),
        json!({"settings": {"key": "key", "contain": {"pressed": true}}}),
        json!({"release": "key"}),
        json!({"message": {"direction": "in", "event": "changeImage", "package": PACKAGE,
            "body": {"payload": {"description": "It was pressed"}}}}),
        json!({"face": {"key": "key", "contains": "pressed", "image": "data:image/png", "state": 0}}),
        json!({"settings": {"key": "key", "equal": {"pressed": true, "more": 1}}}),
        json!({"say": {"key": "key", "event": "setWidgetSettings", "payload": {"by": "page"}}}),
        json!({"settings": {"key": "key", "equal": {"by": "page"}}}),
        json!({"message": {"direction": "out", "event": "didReceiveWidgetSettings", "page": true}}),
        json!({"say": {"key": "key", "event": "sendToPackage", "payload": 1}}),
        json!({"message": {"direction": "out", "event": "sendToPackage", "page": false, "body": {"payload": 1}}}),
        json!({"profile": "Another"}),
        json!({"message": {"direction": "out", "event": "widgetWillDisappear", "key": "key"}}),
        json!({"place": {"widget": WIDE, "column": 0, "row": 0, "as": "wide"}}),
        json!({"layout": {"key": "wide", "layout": 1}}),
        json!({"message": {"direction": "out", "event": "widgetWillAppear", "key": "wide",
            "body": {"payload": {"layout": 1, "layoutSize": {"width": 2}}}}}),
        json!({"profile": "Profile 1"}),
        json!({"message": {"direction": "out", "event": "widgetWillAppear", "key": "key"}}),
        json!({"sleep": true}),
        json!({"message": {"direction": "out", "event": "widgetWillDisappear", "key": "key"}}),
        json!({"sleep": false}),
        json!({"move": {"key": "key", "column": 0, "row": 0}}),
        json!({"remove": "key"}),
        json!({"message": {"direction": "out", "event": "widgetWillDisappear"}}),
    ];
    run(&mut world, &steps).await.unwrap();
}

#[tokio::test]
async fn failure_reports_line_expectation_and_result() {
    for (step, expected, got) in [
        (
            json!({"face": {"key": "key", "description": "Nothing like it", "within": 0}}),
            "description \"Nothing like it\"",
            "description \"It was pressed\", image data:image/png of 34 bytes, state 0",
        ),
        (json!({"settings": {"key": "key", "equal": {}, "within": 0}}), "settings exactly {}", "\"more\":1"),
        (
            json!({"message": {"direction": "in", "event": "changeState", "within": 0}}),
            "a message from the package \"changeState\" within 0 ms",
            "changeImage",
        ),
        (json!({"place": {"widget": TOGGLE, "column": 0, "row": 0, "as": "second"}}), "the step is done", "place"),
        (json!({"place": {"widget": "com.example.tog", "column": 0, "row": 0, "as": "x"}}), "the step is done", TOGGLE),
        (json!({"press": "nobody"}), "a key \"nobody\" on the Panel", "there is none"),
        (json!({"running": {"package": "com.none", "within": 0}}), "com.none is running", "it is not installed"),
    ] {
        let mut world = world(PATIENT).await;
        let steps = [
            json!({"place": {"widget": TOGGLE, "column": 0, "row": 0, "as": "key"}}),
            json!({"press": "key"}),
            json!({"face": {"key": "key", "contains": "pressed"}}),
            step,
        ];
        let failure = run(&mut world, &steps).await.unwrap_err();
        assert_eq!(failure.line, 4, "{failure}");
        assert!(failure.expected.contains(expected) && failure.got.contains(got), "{failure}");
        assert!(failure.to_string().contains("expected: ") && failure.to_string().contains("got: "), "{failure}");
    }
}

#[tokio::test]
async fn programs_find_the_api_and_read_faces() {
    let mut world = world(PATIENT).await;
    let mut package = world.connect_package().await;
    let access: Value = serde_json::from_slice(&fs::read(world.data.path().join("api.json")).unwrap()).unwrap();
    assert_eq!(
        (access["url"].as_str(), access["token"].as_str()),
        (Some(&*world.deck.page_url()), Some(world.deck.token()))
    );

    let context = world.place(TOGGLE, 0, 0).await;
    let path = format!("/api/instances/{context}");
    let (status, found) = world.call("GET", &path, Value::Null).await;
    assert_eq!((status, &found["settings"], &found["instance"]["column"]), (200, &json!({}), &json!(0)));
    assert_eq!(world.call("GET", &format!("{path}/face"), Value::Null).await.0, 404, "none yet");
    let svg = "data:image/svg+xml,%3Csvg xmlns='http://www.w3.org/2000/svg'/%3E";
    send(&mut package, json!({"event": "changeImage", "context": context, "payload": {"image": svg}})).await;
    world.wait_for_instance(|instance| instance["image"] == svg).await;
    let port = port_of(&world.deck.page_url());
    let (host, token) = (format!("Host: 127.0.0.1:{port}"), format!("X-Deck-Token: {}", world.deck.token()));
    let face = http(port, "GET", &format!("{path}/face"), &[&host, &token], b"").await;
    assert_eq!((face.status, face.body.as_str()), (200, "<svg xmlns='http://www.w3.org/2000/svg'/>"));
    assert!(face.head.contains("content-type: image/svg+xml") && face.head.contains("sandbox"), "{}", face.head);
    assert_eq!(http(port, "GET", &format!("{path}/face"), &[&host], b"").await.status, 401);

    let file = world.data.path().join("api.json");
    world.deck.stop().await;
    assert!(!file.exists(), "the token goes with the deck");
}
