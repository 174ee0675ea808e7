//! What a package says too much, too deep or too large costs that package alone, and nothing that anybody has stored.

mod support;

use serde_json::{Value, json};
use support::{PACKAGE, PATIENT, TOGGLE, hear_of, nothing_more, say, start, world};

fn deep(levels: usize) -> Value {
    (1..levels).fold(json!({}), |inner, _| json!({"a": inner}))
}

#[tokio::test]
async fn too_deep_settings_leave_stored_ones_intact() {
    let mut first = world(PATIENT).await;
    let context = first.place(TOGGLE, 0, 0).await;
    let mut package = first.package().await;
    hear_of(&mut package, "widgetWillAppear").await;
    hear_of(&mut package, "didReceiveWidgetSettings").await;
    let keep = |event: &str, settings: Value| match event {
        "setPackageSettings" => json!({"event": event, "context": PACKAGE, "payload": {"settings": settings}}),
        _ => json!({"event": event, "context": context, "payload": settings}),
    };
    for (event, answer) in
        [("setPackageSettings", "didReceivePackageSettings"), ("setWidgetSettings", "didReceiveWidgetSettings")]
    {
        say(&mut package, keep(event, deep(100))).await;
        assert_eq!(hear_of(&mut package, answer).await["payload"], deep(100));
        for levels in [101, 120, 124, 125] {
            say(&mut package, keep(event, deep(levels))).await;
        }
        first.logged("more than 100 levels").await;
        nothing_more_but(&mut package, deep(100)).await;
    }
    for n in 0..3 {
        // Each is written, so that also the copy of the last state is one of now.
        first.call("PUT", &format!("/api/instances/{context}/title"), json!({"title": n.to_string()})).await;
        hear_of(&mut package, "didReceiveWidgetTitle").await;
        assert_eq!(first.call("POST", "/api/save", Value::Null).await.0, 204);
    }
    first.deck.stop().await;

    let mut second = start(first.data, |_| {}).await;
    let (_, state) = second.call("GET", "/api/state", Value::Null).await;
    assert_eq!((&state["instances"][0]["context"], &state["deck"]["notice"]), (&json!(context), &Value::Null));
    let (_, instance) = second.call("GET", &format!("/api/instances/{context}"), Value::Null).await;
    assert_eq!(instance["settings"], deep(100));
    let mut package = second.package().await;
    assert_eq!(hear_of(&mut package, "widgetWillAppear").await["payload"]["settings"], deep(100));
    hear_of(&mut package, "didReceiveWidgetSettings").await;
    say(&mut package, json!({"event": "getPackageSettings"})).await;
    assert_eq!(hear_of(&mut package, "didReceivePackageSettings").await["payload"], deep(100));
}

/// The package's settings are still these.
async fn nothing_more_but(package: &mut support::Socket, settings: Value) {
    say(package, json!({"event": "getPackageSettings"})).await;
    assert_eq!(hear_of(package, "didReceivePackageSettings").await["payload"], settings);
}

#[tokio::test]
async fn settings_are_returned_verbatim() {
    let mut world = world(PATIENT).await;
    let context = world.place(TOGGLE, 0, 0).await;
    let mut package = world.package().await;
    hear_of(&mut package, "widgetWillAppear").await;
    hear_of(&mut package, "didReceiveWidgetSettings").await;
    let text = r#"{"settings":{"settings":{"a":0.30000000000000004,"b":12345678901234567890123,"c":5e-324}}}"#;
    let message = format!(r#"{{"event":"setWidgetSettings","context":"{context}","payload":{text}}}"#);
    support::say_text(&mut package, &message).await;
    assert!(support::hear_text(&mut package).await.contains(text), "to the letter");
    nothing_more(&mut package).await;
}

#[tokio::test]
async fn total_settings_of_a_package_are_bounded() {
    let mut world = world(PATIENT).await;
    let mut package = world.package().await;
    let mut contexts = Vec::new();
    for n in 0..20 {
        contexts.push(world.place(TOGGLE, n % 5, n / 5).await);
        hear_of(&mut package, "widgetWillAppear").await;
        hear_of(&mut package, "didReceiveWidgetSettings").await;
    }
    let large = json!({"a": "x".repeat((1 << 20) - 10)});
    for context in &contexts {
        say(&mut package, json!({"event": "setWidgetSettings", "context": context, "payload": large})).await;
    }
    for _ in 0..16 {
        hear_of(&mut package, "didReceiveWidgetSettings").await;
    }
    world.logged("more than 16 MB altogether").await;
    nothing_more(&mut package).await;
    // What makes room is always taken.
    say(&mut package, json!({"event": "setWidgetSettings", "context": contexts[0], "payload": {}})).await;
    assert_eq!(hear_of(&mut package, "didReceiveWidgetSettings").await["payload"], json!({}));
}
