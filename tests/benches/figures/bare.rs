//! The bare program that the package is compared with: any longer time of a press is the package's own. It reads one frame
//! from the host's WebSocket and writes one request to Spotify over an open connection. Like the package, it runs as a
//! separate process.

use acceptance::{FakeHost, PACKAGE, REGISTER};
use futures_util::{SinkExt as _, StreamExt as _};
use serde_json::json;
use spotify_sim::Sim;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::process::{Child, Command};
use tokio_tungstenite::tungstenite::Message;

/// The argument with which the benchmark's program runs as the bare program.
pub const FLAG: &str = "--bare";

/// The request. It has no token, to distinguish it from the package's in the simulator's records; refusing it takes as long as
/// carrying out a valid one.
const REQUEST: &[u8] = b"PUT /v1/me/player/pause HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-length: 0\r\n\r\n";

/// Starts it with its own host.
pub async fn start(spotify: &Sim) -> (FakeHost, Child) {
    let mut host = FakeHost::start().await;
    let program = std::env::current_exe().expect("the benchmark knows where it is");
    let child = Command::new(program)
        .args([FLAG, &host.port().to_string(), &spotify.address().to_string()])
        .kill_on_drop(true)
        .spawn()
        .expect("it starts");
    host.wait_for_registration().await;
    (host, child)
}

/// Runs the bare program until its host ends. The arguments are the host's port and the simulator's address.
pub async fn run(arguments: &[String]) {
    let [port, spotify] = arguments else { panic!("a port and an address are needed") };
    let (mut host, _) =
        tokio_tungstenite::connect_async(format!("ws://127.0.0.1:{port}")).await.expect("the host listens");
    let register = json!({"event": REGISTER, "uuid": PACKAGE}).to_string();
    let mut spotify = TcpStream::connect(spotify).await.expect("Spotify listens");
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
