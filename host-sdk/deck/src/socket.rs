//! The package socket: one WebSocket of a package or a property view, from its registration to its end.

use std::time::{Duration, Instant};

use axum::extract::State;
use axum::extract::ws::{Message, WebSocket, WebSocketUpgrade};
use axum::http::HeaderMap;
use axum::response::Response;
use futures_util::stream::{SplitSink, SplitStream};
use futures_util::{SinkExt as _, StreamExt as _};
use host_sdk::protocol::{Register, ToHost};
use tokio::time::{sleep, timeout};

use crate::guard;
use crate::hub::{Command, Handle, Outgoing, Registration};
use crate::log::Log;
use crate::origins::Origins;
use crate::throttle::Throttle;
use crate::traffic::{Direction, Traffic};

/// The largest message that is taken; who sends more is cut off.
const MAX_MESSAGE: usize = 16 << 20;
/// How long a socket may take for one message.
pub(crate) const SEND_WITHIN: Duration = Duration::from_secs(10);
/// Unreadable frames of one socket that are logged.
const LOGGED_GARBAGE: u32 = 5;

/// What a socket needs.
#[derive(Clone, Debug)]
pub struct Sockets {
    /// The hub.
    pub hub: Handle,
    /// Where packages' pages are.
    pub origins: Origins,
    /// The log.
    pub log: Log,
    /// Where every message is taken down.
    pub traffic: Traffic,
    /// A socket that hasn't registered within this time is closed.
    pub register_within: Duration,
    /// Messages a second that a socket may send in the long run.
    pub messages_a_second: u32,
}

/// Takes a socket.
pub async fn accept(State(sockets): State<Sockets>, headers: HeaderMap, upgrade: WebSocketUpgrade) -> Response {
    let from = guard::package_of(&headers, &sockets.origins);
    upgrade
        .max_message_size(MAX_MESSAGE)
        .max_frame_size(MAX_MESSAGE)
        .on_upgrade(move |socket| async move { serve(socket, from, sockets).await })
}

/// `from` is the package whose page the socket is of, if it is a page's.
async fn serve(socket: WebSocket, from: Option<String>, sockets: Sockets) {
    let Sockets { hub, log, traffic, register_within, messages_a_second, origins: _ } = sockets;
    let (sink, mut stream) = socket.split();
    let Ok(Some(register)) = timeout(register_within, registration(&mut stream)).await else {
        return log.warn(None, "A socket that didn't register was closed.");
    };
    let Register { uuid, event } = register.clone();
    let answer = hub.ask(|reply| Command::Register { uuid, event, from, reply }).await;
    let Some(Some(Registration { connection, package, outgoing })) = answer else {
        return log.warn(None, "A socket was closed: it registered with a name or event that wasn't given to it.");
    };
    // A page registers with the name of its view.
    let who = Who { page: register.uuid != package, package, traffic, messages_a_second };
    tokio::select! {
        () = read(stream, connection, &who, &hub, &log) => {}
        () = write(sink, outgoing, &who) => {}
    }
    hub.tell(Command::Closed { connection }).await;
}

/// Who is at the other end, and where what is said is taken down.
#[derive(Debug)]
struct Who {
    package: String,
    page: bool,
    traffic: Traffic,
    messages_a_second: u32,
}

impl Who {
    fn record(&self, direction: Direction, text: &str) {
        self.traffic.record(&self.package, self.page, direction, text);
    }
}

/// The first message, if it is a registration.
async fn registration(stream: &mut SplitStream<WebSocket>) -> Option<Register> {
    loop {
        match stream.next().await?.ok()? {
            Message::Text(text) => return serde_json::from_str(&text).ok(),
            Message::Ping(_) | Message::Pong(_) => {}
            Message::Binary(_) | Message::Close(_) => return None,
        }
    }
}

async fn read(mut stream: SplitStream<WebSocket>, connection: u64, who: &Who, hub: &Handle, log: &Log) {
    let package = who.package.as_str();
    let mut garbage = 0;
    let mut throttle = Throttle::new(Instant::now(), who.messages_a_second);
    let mut slow = false;
    while let Some(message) = stream.next().await {
        let parsed = match message {
            Ok(Message::Text(text)) => {
                who.record(Direction::In, &text);
                let pause = throttle.take(Instant::now(), text.len());
                if !pause.is_zero() {
                    if !slow {
                        log.warn(Some(package), "It sends too much; its socket is read more slowly from now on.");
                    }
                    slow = true;
                    sleep(pause).await;
                }
                ToHost::parse(&text).map_err(|error| error.to_string())
            }
            Ok(Message::Binary(_)) => Err("a binary frame".to_owned()),
            Ok(Message::Ping(_) | Message::Pong(_)) => continue,
            Ok(Message::Close(_)) => return,
            // Dropped, cut off in a frame, or too large.
            Err(error) => return log.info(Some(package), format!("One of its sockets ended: {error}")),
        };
        match parsed {
            Ok(message) => {
                if !hub.tell(Command::Message { connection, message }).await {
                    return;
                }
            }
            Err(why) => {
                garbage += 1;
                if garbage <= LOGGED_GARBAGE {
                    log.warn(Some(package), format!("Ignored: {why}"));
                }
            }
        }
    }
}

async fn write(mut sink: SplitSink<WebSocket, Message>, mut out: Outgoing, who: &Who) {
    while let Some(text) = out.next().await {
        who.record(Direction::Out, &text);
        if !matches!(timeout(SEND_WITHIN, sink.send(Message::text(&*text))).await, Ok(Ok(()))) {
            return;
        }
    }
    // The hub has let go of it. Said nicely where that is possible.
    let _ = timeout(SEND_WITHIN, sink.close()).await;
}
