//! The package's end of the wire against a host made of a plain socket.

mod common;

use common::{accept, hear, listen, say};
use futures_util::{SinkExt as _, StreamExt as _};
use host_sdk::package::{Event, Image, InstanceId, Page, connect};
use host_sdk::protocol::ToHost;
use serde_json::json;
use tokio::net::TcpListener;
use tokio_tungstenite::tungstenite::Message;

#[tokio::test]
async fn registers_and_carries_messages_both_ways() {
    let (listener, args) = listen("127.0.0.1:0").await;
    let (host, mut events, _stop) = connect(&args);
    let mut socket = accept(&listener).await;
    assert_eq!(events.next().await, Some(Event::Connected));

    say(&mut socket, json!({"event": "actionDown", "widget": "w", "context": "c", "payload": {}})).await;
    say(&mut socket, json!({"event": "sendToPackage", "widget": "w", "context": "c", "payload": {"command": "x"}}))
        .await;
    assert_eq!(events.next().await, Some(Event::Pressed("c".into())));
    let page = Page { widget: "w".into(), context: "c".into() };
    assert_eq!(events.next().await, Some(Event::PageMessage(page.clone(), json!({"command": "x"}))));

    host.send_to_page(&page, json!({"event": "y"}));
    let heard = ToHost::parse(&hear(&mut socket).await).unwrap();
    assert_eq!(
        heard,
        ToHost::SendToPropertyView { widget: "w".into(), context: "c".into(), payload: json!({"event": "y"}) }
    );
}

#[tokio::test]
async fn garbage_unknown_events_and_large_frames_change_nothing() {
    let (listener, args) = listen("127.0.0.1:0").await;
    let (_host, mut events, _stop) = connect(&args);
    let mut socket = accept(&listener).await;
    assert_eq!(events.next().await, Some(Event::Connected));
    socket.send(Message::text("garbage")).await.unwrap();
    socket.send(Message::binary(vec![0, 159, 146, 150])).await.unwrap();
    say(&mut socket, json!({"event": "fromTheFuture", "payload": {"x": "y".repeat(10 << 20)}})).await;
    say(&mut socket, json!({"event": "actionUp", "context": "c"})).await;
    assert_eq!(events.next().await, Some(Event::Released("c".into())));
}

#[tokio::test]
async fn comes_back_when_the_socket_drops_even_in_the_middle_of_a_frame() {
    use tokio::io::AsyncWriteExt as _;
    let (listener, args) = listen("127.0.0.1:0").await;
    let (host, mut events, _stop) = connect(&args);
    for _ in 0..2 {
        let mut socket = accept(&listener).await;
        assert_eq!(events.next().await, Some(Event::Connected));
        // The head of a text frame of 100 bytes, and nothing more.
        socket.get_mut().write_all(&[0x81, 100, b'{']).await.unwrap();
        drop(socket);
        assert_eq!(events.next().await, Some(Event::Disconnected));
    }
    host.log("said while the host was away");
    let mut socket = accept(&listener).await;
    let heard = ToHost::parse(&hear(&mut socket).await).unwrap();
    assert_eq!(heard, ToHost::SendLog { message: "said while the host was away".into() });
}

#[tokio::test]
async fn host_that_announces_its_end_ends_the_events() {
    let (listener, args) = listen("127.0.0.1:0").await;
    let (_host, mut events, _stop) = connect(&args);
    let mut socket = accept(&listener).await;
    assert_eq!(events.next().await, Some(Event::Connected));
    say(&mut socket, json!({"event": "actionDown", "context": "c"})).await;
    say(&mut socket, json!({"event": "applicationWillTerminate"})).await;
    assert_eq!(events.next().await, Some(Event::Pressed("c".into())), "what came before is not lost");
    assert_eq!(events.next().await, None);
}

#[tokio::test(start_paused = true)]
async fn host_that_accepts_and_is_silent_is_tried_again() {
    let (listener, args) = listen("127.0.0.1:0").await;
    let (_host, mut events, _stop) = connect(&args);
    // Taken, and not answered, under either of its names.
    let _silent = (listener.accept().await.unwrap(), listener.accept().await.unwrap());
    let _socket = accept(&listener).await;
    assert_eq!(events.next().await, Some(Event::Connected));
}

#[tokio::test]
async fn finds_a_host_that_listens_on_ipv6_only() {
    let (listener, args) = match TcpListener::bind("[::1]:0").await {
        Ok(_) => listen("[::1]:0").await,
        // A machine without IPv6 has nothing to find there.
        Err(_) => return,
    };
    let (_host, mut events, _stop) = connect(&args);
    let _socket = accept(&listener).await;
    assert_eq!(events.next().await, Some(Event::Connected));
}

#[tokio::test]
async fn of_several_images_for_one_instance_the_newest_is_sent() {
    let (listener, args) = listen("127.0.0.1:0").await;
    let (host, _events, _stop) = connect(&args);
    let (one, other) = (InstanceId::from("1"), InstanceId::from("2"));
    for n in 0..50 {
        host.set_image(&one, &Image::Svg(format!("<svg>{n}</svg>")), &n.to_string());
    }
    host.set_image(&other, &Image::Png(vec![1, 2, 3]), "");
    let mut socket = accept(&listener).await;
    let mut said = Vec::new();
    for _ in 0..2 {
        let ToHost::ChangeImage { context, description, image, .. } = ToHost::parse(&hear(&mut socket).await).unwrap()
        else {
            panic!("only images were sent")
        };
        said.push((context, description, image));
    }
    assert_eq!((said[0].0.as_str(), said[0].1.as_deref()), ("1", Some("49")));
    assert_eq!((said[1].0.as_str(), said[1].2.as_str()), ("2", "data:image/png;base64,AQID"));
}

#[tokio::test]
async fn an_image_never_overtakes_the_state_that_it_belongs_to() {
    let (listener, args) = listen("127.0.0.1:0").await;
    let (host, _events, _stop) = connect(&args);
    let key = InstanceId::from("1");
    host.set_image(&key, &Image::Svg("old".into()), "old");
    host.set_state(&key, 1);
    host.set_image(&key, &Image::Svg("new".into()), "new");
    let mut socket = accept(&listener).await;
    assert!(matches!(ToHost::parse(&hear(&mut socket).await), Ok(ToHost::ChangeState { state: 1, .. })));
    let last = ToHost::parse(&hear(&mut socket).await).unwrap();
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
