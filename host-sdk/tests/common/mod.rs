//! A host that is a plain socket.

use std::time::Duration;

use futures_util::{SinkExt as _, StreamExt as _};
use host_sdk::protocol::StartArgs;
use tokio::net::{TcpListener, TcpStream};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;

/// Ends a test that would hang. Nothing waits for it in a test that passes.
pub const TIMEOUT: Duration = Duration::from_secs(20);

pub type Socket = WebSocketStream<TcpStream>;

pub async fn listen(address: &str) -> (TcpListener, StartArgs) {
    let listener = TcpListener::bind(address).await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let args = StartArgs { port, package_uuid: "com.x".into(), register_event: "reg".into(), info: String::new() };
    (listener, args)
}

pub async fn accept(listener: &TcpListener) -> Socket {
    let (stream, _) = tokio::time::timeout(TIMEOUT, listener.accept()).await.expect("the package connects").unwrap();
    let mut socket = tokio_tungstenite::accept_async(stream).await.unwrap();
    assert_eq!(receive(&mut socket).await, r#"{"event":"reg","uuid":"com.x"}"#, "registration comes first");
    socket
}

pub async fn receive(socket: &mut Socket) -> String {
    tokio::time::timeout(TIMEOUT, socket.next()).await.unwrap().unwrap().unwrap().to_string()
}

pub async fn send(socket: &mut Socket, message: serde_json::Value) {
    socket.send(Message::text(message.to_string())).await.unwrap();
}
