//! Tests widgets against a host that is a plain socket.

mod common;

use std::sync::Arc;
use std::time::Duration;

use common::{Socket, TIMEOUT, accept, listen};
use host_sdk::package::connect;
use host_sdk::protocol::ToHost;
use host_sdk::widget::{Instance, Result, Widget, Widgets};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::sync::Notify;

#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(default)]
struct Settings {
    presses: u64,
}

/// Counts presses. If it has a gate, `key_down` of the instance `slow` waits for it.
#[derive(Default)]
struct Counter {
    gate: Option<Arc<Notify>>,
}

impl Widget for Counter {
    const UUID: &'static str = "com.x.counter";
    type Settings = Settings;

    async fn will_appear(&self, instance: &mut Instance<Settings>) -> Result {
        instance.set_title(&instance.settings().presses.to_string());
        Ok(())
    }

    async fn will_disappear(&self, instance: &mut Instance<Settings>) -> Result {
        instance.host().log(format!("{} is gone", instance.id()));
        Ok(())
    }

    async fn key_down(&self, instance: &mut Instance<Settings>) -> Result {
        if let Some(gate) = self.gate.as_ref().filter(|_| instance.id().as_str() == "slow") {
            gate.notified().await;
        }
        instance.set_title("down");
        Ok(())
    }

    async fn key_up(&self, instance: &mut Instance<Settings>) -> Result {
        instance.set_title("up");
        Ok(())
    }

    async fn triggered(&self, instance: &mut Instance<Settings>) -> Result {
        Ok(instance.update_settings(|settings| settings.presses += 1)?)
    }

    async fn did_receive_settings(&self, instance: &mut Instance<Settings>) -> Result {
        self.will_appear(instance).await
    }

    async fn did_receive_message(&self, instance: &mut Instance<Settings>, message: Value) -> Result {
        instance.send_to_property_view(json!({"echo": message}));
        Ok(())
    }
}

/// Fails in `key_down`.
struct Broken;

impl Widget for Broken {
    const UUID: &'static str = "com.x.broken";
    type Settings = Settings;

    async fn key_down(&self, _: &mut Instance<Settings>) -> Result {
        Err("the lamp is unplugged".into())
    }

    async fn key_up(&self, instance: &mut Instance<Settings>) -> Result {
        instance.set_title("up");
        Ok(())
    }
}

/// Shows its ticks.
struct Clock;

impl Widget for Clock {
    const UUID: &'static str = "com.x.clock";
    type Settings = Settings;

    async fn will_appear(&self, instance: &mut Instance<Settings>) -> Result {
        instance.set_title("appeared");
        Ok(())
    }

    fn tick_interval(&self) -> Option<Duration> {
        Some(Duration::from_millis(1))
    }

    async fn tick(&self, instance: &mut Instance<Settings>) -> Result {
        instance.set_title("tick");
        Ok(())
    }
}

/// Runs widgets in a task, and returns the host's end of their connection.
async fn run(widgets: Widgets) -> (TcpListener, Socket) {
    let (listener, args) = listen("127.0.0.1:0").await;
    let (host, events, stop) = connect(&args);
    tokio::spawn(async move {
        widgets.run(host, events).await;
        drop(stop);
    });
    let socket = accept(&listener).await;
    (listener, socket)
}

async fn appear(socket: &mut Socket, widget: &str, context: &str, settings: Value) {
    let payload = json!({"settings": settings});
    common::send(
        socket,
        json!({"event": "widgetWillAppear", "widget": widget, "context": context, "payload": payload}),
    )
    .await;
}

async fn send(socket: &mut Socket, event: &str, context: &str) {
    common::send(socket, json!({"event": event, "context": context, "payload": {}})).await;
}

async fn receive(socket: &mut Socket) -> ToHost {
    ToHost::parse(&common::receive(socket).await).unwrap()
}

fn title(context: &str, title: &str) -> ToHost {
    ToHost::ChangeTitle { context: context.into(), title: title.into(), state: None }
}

fn log(message: &str) -> ToHost {
    ToHost::SendLog { message: message.into() }
}

#[tokio::test]
async fn handlers_have_typed_settings() {
    let (_listener, mut socket) = run(Widgets::new().register(Counter::default())).await;
    appear(&mut socket, Counter::UUID, "c", json!({"presses": 3})).await;
    assert_eq!(receive(&mut socket).await, title("c", "3"));
    send(&mut socket, "actionTriggered", "c").await;
    send(&mut socket, "actionTriggered", "c").await;
    for presses in [4, 5] {
        let ToHost::SetWidgetSettings { context, settings } = receive(&mut socket).await else { panic!("settings") };
        assert_eq!((context.as_str(), &settings["presses"]), ("c", &json!(presses)));
    }
}

#[tokio::test]
async fn received_settings_replace_the_previous_ones() {
    let (_listener, mut socket) = run(Widgets::new().register(Counter::default())).await;
    appear(&mut socket, Counter::UUID, "c", json!({"presses": 3})).await;
    assert_eq!(receive(&mut socket).await, title("c", "3"));
    for (payload, expected) in [(json!({"presses": 9}), "9"), (json!({"other": 1}), "0"), (json!({}), "0")] {
        common::send(&mut socket, json!({"event": "didReceiveWidgetSettings", "context": "c", "payload": payload}))
            .await;
        assert_eq!(receive(&mut socket).await, title("c", expected), "{payload}");
    }
}

#[tokio::test]
async fn unreadable_settings_are_logged_and_ignored() {
    let (_listener, mut socket) = run(Widgets::new().register(Counter::default())).await;
    appear(&mut socket, Counter::UUID, "c", json!({"presses": -1})).await;
    let ToHost::SendLog { message } = receive(&mut socket).await else { panic!("a log line") };
    assert!(message.starts_with("com.x.counter c: the settings can't be read: "), "{message}");
    assert_eq!(receive(&mut socket).await, title("c", "0"));
}

#[tokio::test]
async fn error_of_a_handler_is_logged() {
    let (_listener, mut socket) = run(Widgets::new().register(Broken)).await;
    appear(&mut socket, Broken::UUID, "c", json!({})).await;
    send(&mut socket, "actionDown", "c").await;
    send(&mut socket, "actionUp", "c").await;
    assert_eq!(receive(&mut socket).await, log("com.x.broken c: key_down failed: the lamp is unplugged"));
    assert_eq!(receive(&mut socket).await, title("c", "up"));
}

#[tokio::test]
async fn slow_handler_delays_only_its_own_instance() {
    let gate = Arc::new(Notify::new());
    let (_listener, mut socket) = run(Widgets::new().register(Counter { gate: Some(gate.clone()) })).await;
    for context in ["slow", "quick"] {
        appear(&mut socket, Counter::UUID, context, json!({})).await;
        assert_eq!(receive(&mut socket).await, title(context, "0"));
    }
    for context in ["slow", "quick"] {
        send(&mut socket, "actionDown", context).await;
        send(&mut socket, "actionUp", context).await;
    }
    assert_eq!(receive(&mut socket).await, title("quick", "down"));
    assert_eq!(receive(&mut socket).await, title("quick", "up"));
    gate.notify_one();
    assert_eq!(receive(&mut socket).await, title("slow", "down"));
    assert_eq!(receive(&mut socket).await, title("slow", "up"));
}

#[tokio::test]
async fn full_queue_of_an_instance_loses_no_event() {
    let gate = Arc::new(Notify::new());
    let (_listener, mut socket) = run(Widgets::new().register(Counter { gate: Some(gate.clone()) })).await;
    appear(&mut socket, Counter::UUID, "slow", json!({})).await;
    assert_eq!(receive(&mut socket).await, title("slow", "0"));
    send(&mut socket, "actionDown", "slow").await;
    for _ in 0..500 {
        send(&mut socket, "actionUp", "slow").await;
    }
    gate.notify_one();
    assert_eq!(receive(&mut socket).await, title("slow", "down"));
    for _ in 0..500 {
        assert_eq!(receive(&mut socket).await, title("slow", "up"));
    }
}

#[tokio::test]
async fn package_with_a_stuck_handler_ends_when_asked() {
    let (listener, args) = listen("127.0.0.1:0").await;
    let (host, events, _stop) = connect(&args);
    let widgets = Widgets::new().register(Counter { gate: Some(Arc::default()) });
    let package = tokio::spawn(widgets.run(host, events));
    let mut socket = accept(&listener).await;
    appear(&mut socket, Counter::UUID, "slow", json!({})).await;
    assert_eq!(receive(&mut socket).await, title("slow", "0"));
    // More than fit in the instance's queue, and fewer than fit in the package's.
    for _ in 0..100 {
        send(&mut socket, "actionDown", "slow").await;
    }
    common::send(&mut socket, json!({"event": "applicationWillTerminate"})).await;
    tokio::time::timeout(TIMEOUT, package).await.expect("the package ends").unwrap();
}

#[tokio::test]
async fn instances_appear_again_after_a_restart_of_the_host() {
    let (listener, mut socket) = run(Widgets::new().register(Counter::default())).await;
    appear(&mut socket, Counter::UUID, "c", json!({"presses": 1})).await;
    assert_eq!(receive(&mut socket).await, title("c", "1"));
    drop(socket);
    let mut socket = accept(&listener).await;
    assert_eq!(receive(&mut socket).await, log("c is gone"));
    appear(&mut socket, Counter::UUID, "c", json!({"presses": 2})).await;
    assert_eq!(receive(&mut socket).await, title("c", "2"));
}

#[tokio::test]
async fn invisible_instance_receives_no_events() {
    let (_listener, mut socket) = run(Widgets::new().register(Counter::default())).await;
    appear(&mut socket, Counter::UUID, "c", json!({})).await;
    assert_eq!(receive(&mut socket).await, title("c", "0"));
    send(&mut socket, "widgetWillDisappear", "c").await;
    send(&mut socket, "actionDown", "c").await;
    assert_eq!(receive(&mut socket).await, log("c is gone"));
    appear(&mut socket, Counter::UUID, "c", json!({"presses": 7})).await;
    assert_eq!(receive(&mut socket).await, title("c", "7"));
}

#[tokio::test]
async fn property_view_receives_a_reply() {
    let (_listener, mut socket) = run(Widgets::new().register(Counter::default())).await;
    appear(&mut socket, Counter::UUID, "c", json!({})).await;
    assert_eq!(receive(&mut socket).await, title("c", "0"));
    let message = json!({"event": "sendToPackage", "widget": Counter::UUID, "context": "c", "payload": {"a": 1}});
    common::send(&mut socket, message).await;
    let payload = json!({"echo": {"a": 1}});
    let expected = ToHost::SendToPropertyView { widget: Counter::UUID.into(), context: "c".into(), payload };
    assert_eq!(receive(&mut socket).await, expected);
}

#[tokio::test]
async fn unregistered_widget_is_logged() {
    let (_listener, mut socket) = run(Widgets::new().register(Counter::default())).await;
    appear(&mut socket, "com.x.other", "c", json!({})).await;
    assert_eq!(receive(&mut socket).await, log("the package has no widget com.x.other"));
}

#[tokio::test]
async fn ticks_start_after_the_instance_appears() {
    let (_listener, mut socket) = run(Widgets::new().register(Clock)).await;
    appear(&mut socket, Clock::UUID, "c", json!({})).await;
    for expected in ["appeared", "tick", "tick"] {
        assert_eq!(receive(&mut socket).await, title("c", expected));
    }
}

#[test]
#[should_panic(expected = "there are two widgets com.x.broken")]
fn registering_a_uuid_twice_panics() {
    let _ = Widgets::new().register(Broken).register(Broken);
}
