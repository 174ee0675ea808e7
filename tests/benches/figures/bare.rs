//! The program that the package is compared with: whatever a press costs beyond this, the package costs. It reads one
//! frame from the host's WebSocket and writes one request to Spotify's socket, over a connection that is open already. It
//! runs as a process of its own, as the package does.

use acceptance::{FakeHost, PACKAGE, REGISTER};
use futures_util::{SinkExt as _, StreamExt as _};
use serde_json::json;
use spotify_sim::Sim;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::process::{Child, Command};
use tokio_tungstenite::tungstenite::Message;

/// The argument that makes the benchmark's program this one.
pub const FLAG: &str = "--bare";

/// Without a token, which tells it from the package's in the simulator's journal. It is refused as fast as a good one is
/// carried out.
const REQUEST: &[u8] = b"PUT /v1/me/player/pause HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-length: 0\r\n\r\n";

/// Starts it for a host of its own.
pub async fn start(spotify: &Sim) -> (FakeHost, Child) {
    let mut host = FakeHost::start().await;
    let program = std::env::current_exe().expect("the benchmark knows where it is");
    let child = Command::new(program)
        .args([FLAG, &host.port().to_string(), &spotify.address().to_string()])
        .kill_on_drop(true)
        .spawn()
        .expect("it starts");
    host.registered().await;
    (host, child)
}

/// Runs it: the host's port, the simulator's address. It ends with the host.
pub async fn run(arguments: &[String]) {
    let [port, spotify] = arguments else { panic!("a port and an address are needed") };
    let (mut host, _) =
        tokio_tungstenite::connect_async(format!("ws://127.0.0.1:{port}")).await.expect("the host is there");
    let register = json!({"event": REGISTER, "uuid": PACKAGE}).to_string();
    let mut spotify = TcpStream::connect(spotify).await.expect("Spotify is there");
    spotify.set_nodelay(true).expect("a TCP connection");
    host.send(Message::text(register)).await.expect("registered");
    let mut answer = [0; 4_096];
    while let Some(Ok(frame)) = host.next().await {
        if matches!(&frame, Message::Text(text) if text.contains("actionDown")) {
            spotify.write_all(REQUEST).await.expect("sent");
            assert_ne!(spotify.read(&mut answer).await.expect("answered"), 0, "the connection stays open");
        }
    }
}
