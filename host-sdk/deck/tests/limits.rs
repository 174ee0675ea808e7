//! A package that sends too much, too deep or too large data affects only itself, and nothing that is stored.

mod support;

use serde_json::{Value, json};
use support::{PACKAGE, PATIENT, TOGGLE, assert_nothing_more, receive_event, send, start, world};

fn deep(levels: usize) -> Value {
    (1..levels).fold(json!({}), |inner, _| json!({"a": inner}))
}

#[tokio::test]
async fn too_deep_settings_leave_stored_ones_intact() {
    let mut first = world(PATIENT).await;
    let context = first.place(TOGGLE, 0, 0).await;
    let mut package = first.connect_package().await;
    receive_event(&mut package, "widgetWillAppear").await;
    receive_event(&mut package, "didReceiveWidgetSettings").await;
    let keep = |event: &str, settings: Value| match event {
        "setPackageSettings" => json!({"event": event, "context": PACKAGE, "payload": {"settings": settings}}),
        _ => json!({"event": event, "context": context, "payload": settings}),
    };
    for (event, answer) in
        [("setPackageSettings", "didReceivePackageSettings"), ("setWidgetSettings", "didReceiveWidgetSettings")]
    {
        send(&mut package, keep(event, deep(100))).await;
        assert_eq!(receive_event(&mut package, answer).await["payload"], deep(100));
        for levels in [101, 120, 124, 125] {
            send(&mut package, keep(event, deep(levels))).await;
        }
        first.wait_for_log("more than 100 levels").await;
        assert_package_settings(&mut package, deep(100)).await;
    }
    for n in 0..3 {
        // Each title is saved, so that the copy of the previous state is recent as well.
        first.call("PUT", &format!("/api/instances/{context}/title"), json!({"title": n.to_string()})).await;
        receive_event(&mut package, "didReceiveWidgetTitle").await;
        assert_eq!(first.call("POST", "/api/save", Value::Null).await.0, 204);
    }
    first.deck.stop().await;

    let mut second = start(first.data, |_| {}).await;
    let (_, state) = second.call("GET", "/api/state", Value::Null).await;
    assert_eq!((&state["instances"][0]["context"], &state["deck"]["notice"]), (&json!(context), &Value::Null));
    let (_, instance) = second.call("GET", &format!("/api/instances/{context}"), Value::Null).await;
    assert_eq!(instance["settings"], deep(100));
    let mut package = second.connect_package().await;
    assert_eq!(receive_event(&mut package, "widgetWillAppear").await["payload"]["settings"], deep(100));
    receive_event(&mut package, "didReceiveWidgetSettings").await;
    send(&mut package, json!({"event": "getPackageSettings"})).await;
    assert_eq!(receive_event(&mut package, "didReceivePackageSettings").await["payload"], deep(100));
}

/// Asserts the package's settings.
async fn assert_package_settings(package: &mut support::Socket, settings: Value) {
    send(package, json!({"event": "getPackageSettings"})).await;
    assert_eq!(receive_event(package, "didReceivePackageSettings").await["payload"], settings);
}

#[tokio::test]
async fn settings_are_returned_verbatim() {
    let mut world = world(PATIENT).await;
    let context = world.place(TOGGLE, 0, 0).await;
    let mut package = world.connect_package().await;
    receive_event(&mut package, "widgetWillAppear").await;
    receive_event(&mut package, "didReceiveWidgetSettings").await;
    let text = r#"{"settings":{"settings":{"a":0.30000000000000004,"b":12345678901234567890123,"c":5e-324}}}"#;
    let message = format!(r#"{{"event":"setWidgetSettings","context":"{context}","payload":{text}}}"#);
    support::send_text(&mut package, &message).await;
    assert!(support::receive_text(&mut package).await.contains(text), "to the letter");
    assert_nothing_more(&mut package).await;
}

#[tokio::test]
async fn total_settings_of_a_package_are_bounded() {
    let mut world = world(PATIENT).await;
    let mut package = world.connect_package().await;
    let mut contexts = Vec::new();
    for n in 0..20 {
        contexts.push(world.place(TOGGLE, n % 5, n / 5).await);
        receive_event(&mut package, "widgetWillAppear").await;
        receive_event(&mut package, "didReceiveWidgetSettings").await;
    }
    let large = json!({"a": "x".repeat((1 << 20) - 10)});
    for context in &contexts {
        send(&mut package, json!({"event": "setWidgetSettings", "context": context, "payload": large})).await;
    }
    for _ in 0..16 {
        receive_event(&mut package, "didReceiveWidgetSettings").await;
    }
    world.wait_for_log("more than 16 MB altogether").await;
    assert_nothing_more(&mut package).await;
    // Settings that free space are always accepted.
    send(&mut package, json!({"event": "setWidgetSettings", "context": contexts[0], "payload": {}})).await;
    assert_eq!(receive_event(&mut package, "didReceiveWidgetSettings").await["payload"], json!({}));
}
