//! Tests the package's connection against a host that is a plain socket.

mod common;

use common::{accept, listen, receive, send};
use futures_util::{SinkExt as _, StreamExt as _};
use host_sdk::package::{Event, Image, InstanceId, Page, connect};
use host_sdk::protocol::ToHost;
use serde_json::json;
use tokio::net::TcpListener;
use tokio_tungstenite::tungstenite::Message;

#[tokio::test]
async fn connect_registers_and_exchanges_messages() {
    let (listener, args) = listen("127.0.0.1:0").await;
    let (host, mut events, _stop) = connect(&args);
    let mut socket = accept(&listener).await;
    assert_eq!(events.next().await, Some(Event::Connected));

    send(&mut socket, json!({"event": "actionDown", "widget": "w", "context": "c", "payload": {}})).await;
    send(&mut socket, json!({"event": "sendToPackage", "widget": "w", "context": "c", "payload": {"command": "x"}}))
        .await;
    assert_eq!(events.next().await, Some(Event::Pressed("c".into())));
    let page = Page { widget: "w".into(), context: "c".into() };
    assert_eq!(events.next().await, Some(Event::PageMessage(page.clone(), json!({"command": "x"}))));

    host.send_to_page(&page, json!({"event": "y"}));
    let received = ToHost::parse(&receive(&mut socket).await).unwrap();
    assert_eq!(
        received,
        ToHost::SendToPropertyView { widget: "w".into(), context: "c".into(), payload: json!({"event": "y"}) }
    );
}

#[tokio::test]
async fn garbage_and_unknown_events_are_ignored() {
    let (listener, args) = listen("127.0.0.1:0").await;
    let (_host, mut events, _stop) = connect(&args);
    let mut socket = accept(&listener).await;
    assert_eq!(events.next().await, Some(Event::Connected));
    socket.send(Message::text("garbage")).await.unwrap();
    socket.send(Message::binary(vec![0, 159, 146, 150])).await.unwrap();
    send(&mut socket, json!({"event": "fromTheFuture", "payload": {"x": "y".repeat(10 << 20)}})).await;
    send(&mut socket, json!({"event": "actionUp", "context": "c"})).await;
    assert_eq!(events.next().await, Some(Event::Released("c".into())));
}

#[tokio::test]
async fn dropped_socket_is_reconnected() {
    use tokio::io::AsyncWriteExt as _;
    let (listener, args) = listen("127.0.0.1:0").await;
    let (host, mut events, _stop) = connect(&args);
    for _ in 0..2 {
        let mut socket = accept(&listener).await;
        assert_eq!(events.next().await, Some(Event::Connected));
        // The header of a text frame of 100 bytes, and only one of them.
        socket.get_mut().write_all(&[0x81, 100, b'{']).await.unwrap();
        drop(socket);
        assert_eq!(events.next().await, Some(Event::Disconnected));
    }
    host.log("sent while the host was away");
    let mut socket = accept(&listener).await;
    let received = ToHost::parse(&receive(&mut socket).await).unwrap();
    assert_eq!(received, ToHost::SendLog { message: "sent while the host was away".into() });
}

#[tokio::test]
async fn announced_end_of_the_host_ends_the_events() {
    let (listener, args) = listen("127.0.0.1:0").await;
    let (_host, mut events, _stop) = connect(&args);
    let mut socket = accept(&listener).await;
    assert_eq!(events.next().await, Some(Event::Connected));
    send(&mut socket, json!({"event": "actionDown", "context": "c"})).await;
    send(&mut socket, json!({"event": "applicationWillTerminate"})).await;
    assert_eq!(events.next().await, Some(Event::Pressed("c".into())), "earlier events are not lost");
    assert_eq!(events.next().await, None);
}

#[tokio::test(start_paused = true)]
async fn silent_host_is_retried() {
    let (listener, args) = listen("127.0.0.1:0").await;
    let (_host, mut events, _stop) = connect(&args);
    // Accepted but not answered, under both names.
    let _silent = (listener.accept().await.unwrap(), listener.accept().await.unwrap());
    let _socket = accept(&listener).await;
    assert_eq!(events.next().await, Some(Event::Connected));
}

#[tokio::test]
async fn host_on_ipv6_only_is_found() {
    let (listener, args) = match TcpListener::bind("[::1]:0").await {
        Ok(_) => listen("[::1]:0").await,
        // This computer has no IPv6.
        Err(_) => return,
    };
    let (_host, mut events, _stop) = connect(&args);
    let _socket = accept(&listener).await;
    assert_eq!(events.next().await, Some(Event::Connected));
}

#[tokio::test]
async fn only_newest_image_of_an_instance_is_sent() {
    let (listener, args) = listen("127.0.0.1:0").await;
    let (host, _events, _stop) = connect(&args);
    let (one, other) = (InstanceId::from("1"), InstanceId::from("2"));
    for n in 0..50 {
        host.set_image(&one, &Image::Svg(format!("<svg>{n}</svg>")), &n.to_string());
    }
    host.set_image(&other, &Image::Png(vec![1, 2, 3]), "");
    let mut socket = accept(&listener).await;
    let mut sent = Vec::new();
    for _ in 0..2 {
        let ToHost::ChangeImage { context, description, image, .. } =
            ToHost::parse(&receive(&mut socket).await).unwrap()
        else {
            panic!("only images were sent")
        };
        sent.push((context, description, image));
    }
    assert_eq!((sent[0].0.as_str(), sent[0].1.as_deref()), ("1", Some("49")));
    assert_eq!((sent[1].0.as_str(), sent[1].2.as_str()), ("2", "data:image/png;base64,AQID"));
}

#[tokio::test]
async fn image_is_sent_after_the_state_set_before_it() {
    let (listener, args) = listen("127.0.0.1:0").await;
    let (host, _events, _stop) = connect(&args);
    let key = InstanceId::from("1");
    host.set_image(&key, &Image::Svg("old".into()), "old");
    host.set_state(&key, 1);
    host.set_image(&key, &Image::Svg("new".into()), "new");
    let mut socket = accept(&listener).await;
    assert!(matches!(ToHost::parse(&receive(&mut socket).await), Ok(ToHost::ChangeState { state: 1, .. })));
    let last = ToHost::parse(&receive(&mut socket).await).unwrap();
    assert!(matches!(last, ToHost::ChangeImage { description: Some(words), .. } if words == "new"));
}

#[tokio::test]
async fn stop_ends_the_events() {
    let (listener, args) = listen("127.0.0.1:0").await;
    let (_host, mut events, stop) = connect(&args);
    let mut socket = accept(&listener).await;
    assert_eq!(events.next().await, Some(Event::Connected));
    stop.stop();
    assert_eq!(events.next().await, None);
    assert!(!matches!(socket.next().await, Some(Ok(Message::Text(_)))), "the socket is closed");
}
