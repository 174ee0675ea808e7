//! The package socket: one WebSocket of a package or a property view, from its registration to its end.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use axum::extract::State;
use axum::extract::ws::{Message, WebSocket, WebSocketUpgrade};
use axum::http::HeaderMap;
use axum::response::Response;
use futures_util::stream::{SplitSink, SplitStream};
use futures_util::{SinkExt as _, StreamExt as _};
use host_sdk::manifest::is_uuid;
use host_sdk::protocol::{Incoming, ParseError, Register, ToHost};
use tokio::task::spawn_blocking;
use tokio::time::{sleep, timeout};

use crate::guard;
use crate::hub::{Handle, Outgoing, PictureResult, Registration, take_picture};
use crate::log::Log;
use crate::tasks::catch_panic;
use crate::throttle::Throttle;
use crate::traffic::{Direction, Traffic};

/// The largest message in bytes. A sender of a larger one is disconnected.
const MAX_MESSAGE_BYTES: usize = 16 << 20;
/// How long a socket may take to accept one message.
pub(crate) const SEND_TIMEOUT: Duration = Duration::from_secs(10);
/// Bytes from which a message is parsed on a blocking thread. Smaller ones are parsed in less time than that takes.
const LARGE_MESSAGE: usize = 64 << 10;
/// Ignored frames of one socket that are logged.
const MAX_LOGGED_GARBAGE: u32 = 20;
/// Characters of an unknown event's name that are logged.
const MAX_EVENT_LEN: usize = 60;

/// Registrations per second of one package, in the long run; twice as many may come at once.
const REGISTRATIONS_PER_SECOND: u32 = 5;
/// The longest delay of a registration.
const MAX_DELAY: Duration = Duration::from_secs(5);

/// Limits how often each package may register: every registration makes the hub send it everything again.
///
/// Packages are distinguished by the register event that they were given: a caller that only knows a package's name
/// can't delay it.
#[derive(Clone, Debug, Default)]
pub struct RegistrationLimits(Arc<Mutex<HashMap<String, (Throttle, bool)>>>);

impl RegistrationLimits {
    /// Records a registration attempt with this event. Returns the delay to impose, and whether it is the first one in
    /// a row.
    fn delay_for(&self, event: &str) -> (Duration, bool) {
        let mut registrations = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let Some((throttle, waits)) = registrations.get_mut(event) else { return (Duration::ZERO, false) };
        let wait = throttle.take(Instant::now(), 0).min(MAX_DELAY);
        let is_new = !wait.is_zero() && !*waits;
        // Clears only once half of the burst is available again, not with every short pause.
        *waits = !wait.is_zero() || *waits && !throttle.is_rested();
        (wait, is_new)
    }

    /// Limits registrations with this event from now on.
    fn track(&self, event: &str) {
        let mut registrations = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if !registrations.contains_key(event) {
            let throttle = Throttle::new(Instant::now(), REGISTRATIONS_PER_SECOND);
            registrations.insert(event.to_owned(), (throttle, false));
        }
    }
}

/// State of the package socket.
#[derive(Clone, Debug)]
pub struct Sockets {
    /// The hub.
    pub hub: Handle,
    /// The port of the sockets and of packages' pages.
    pub port: u16,
    /// The log.
    pub log: Log,
    /// Where every message is recorded.
    pub traffic: Traffic,
    /// How often packages have registered.
    pub registrations: RegistrationLimits,
    /// A socket that hasn't registered within this time is closed.
    pub register_timeout: Duration,
    /// Messages per second that a socket may send in the long run.
    pub messages_per_second: u32,
}

/// Accepts a connection.
pub async fn accept(State(sockets): State<Sockets>, headers: HeaderMap, upgrade: WebSocketUpgrade) -> Response {
    let from = guard::package_of(&headers, sockets.port).map(str::to_owned);
    upgrade
        .max_message_size(MAX_MESSAGE_BYTES)
        .max_frame_size(MAX_MESSAGE_BYTES)
        .on_upgrade(move |socket| async move { serve(socket, from, sockets).await })
}

/// Serves a socket from its registration to its end. `from` is the label of the package from whose page the socket
/// comes, if it does.
async fn serve(socket: WebSocket, from: Option<String>, sockets: Sockets) {
    let Sockets { hub, log, traffic, registrations, register_timeout, messages_per_second, port: _ } = sockets;
    let (sink, mut stream) = socket.split();
    let first = timeout(register_timeout, registration(&mut stream)).await;
    let register = match first.unwrap_or(Err(RegistrationError::Timeout)) {
        Ok(register) => register,
        Err(why) => return log.warn(None, format!("A socket that didn't register was closed: {why}.")),
    };
    let (wait, is_new) = registrations.delay_for(&register.event);
    if is_new {
        log.warn(Some(&register.uuid), "It registers again and again, and has to wait each time from now on.");
    }
    if !wait.is_zero() {
        sleep(wait).await;
    }
    let Register { uuid, event } = register.clone();
    let answer = hub.call(move |hub| hub.register(&uuid, &event, from.as_deref())).await;
    // An error means that the deck is stopping.
    let Ok(answer) = answer else { return };
    let Some(Registration { connection, package, outgoing }) = answer else {
        let claimed = Some(register.uuid).filter(|name| is_uuid(name) && name.contains('.')).unwrap_or_default();
        let why = "it registered with a name or event that wasn't given to it";
        return log.warn(None, format!("A socket was closed: {why}. {claimed}").trim_end());
    };
    if register.uuid == package {
        registrations.track(&register.event);
    }
    // A page registers with the id of its view.
    let peer = SocketPeer { page: register.uuid != package, package, traffic, messages_per_second };
    let conversation = async {
        tokio::select! {
            why = read(stream, connection, &peer, &hub, &log) => why,
            why = write(sink, outgoing, &peer) => why,
        }
    };
    // Notify the hub in any case: nothing else would show that the package is gone.
    let why = catch_panic(conversation).await;
    let why = why.unwrap_or_else(|panic| format!("Creator Deck has failed to speak with it ({panic})."));
    hub.send(move |hub| hub.disconnect(connection, &why)).await;
}

/// The other end of a socket, and where its messages are recorded.
#[derive(Debug)]
struct SocketPeer {
    package: String,
    page: bool,
    traffic: Traffic,
    messages_per_second: u32,
}

impl SocketPeer {
    fn record(&self, direction: Direction, text: &str) {
        self.traffic.record(&self.package, self.page, direction, text);
    }
}

/// Why a socket isn't accepted, as part of a sentence.
#[derive(Debug, thiserror::Error)]
enum RegistrationError {
    #[error("it said nothing for too long")]
    Timeout,
    #[error("its first message has to be an object with the event and the uuid that it was given")]
    Unreadable(#[source] ParseError),
    #[error("its first message came in a binary frame, not as text")]
    Binary,
    #[error("it ended before")]
    Closed,
    #[error(transparent)]
    Socket(#[from] axum::Error),
}

/// Reads the first message, which has to be a registration.
async fn registration(stream: &mut SplitStream<WebSocket>) -> Result<Register, RegistrationError> {
    loop {
        match stream.next().await.transpose()? {
            Some(Message::Text(text)) => return Register::parse(&text).map_err(RegistrationError::Unreadable),
            Some(Message::Ping(_) | Message::Pong(_)) => {}
            Some(Message::Binary(_)) => return Err(RegistrationError::Binary),
            Some(Message::Close(_)) | None => return Err(RegistrationError::Closed),
        }
    }
}

/// Reads messages until the socket ends. Returns why it did, as a sentence.
async fn read(
    mut stream: SplitStream<WebSocket>,
    connection: u64,
    peer: &SocketPeer,
    hub: &Handle,
    log: &Log,
) -> String {
    let package = peer.package.as_str();
    let mut garbage = 0;
    let mut throttle = Throttle::new(Instant::now(), peer.messages_per_second);
    let mut throttled = false;
    while let Some(message) = stream.next().await {
        let message = match message {
            Ok(Message::Close(_)) => break,
            Ok(message) => message,
            // Disconnected, broken off within a frame, or too large.
            Err(error) => return describe_error(&error),
        };
        // Every kind of message costs time.
        let bytes = match &message {
            Message::Text(text) => text.len(),
            Message::Binary(bytes) | Message::Ping(bytes) | Message::Pong(bytes) => bytes.len(),
            Message::Close(_) => 0,
        };
        if let Message::Text(text) = &message {
            peer.record(Direction::In, text);
        }
        let pause = throttle.take(Instant::now(), bytes);
        if !throttled && !pause.is_zero() || throttled && throttle.is_rested() {
            throttled = !throttled;
            if throttled {
                log.warn(Some(package), "It sends too much; its socket is read more slowly from now on.");
            }
            hub.send(move |hub| hub.on_throttled(connection, throttled)).await;
        }
        // Even the shortest sleep takes a millisecond.
        if !pause.is_zero() {
            sleep(pause).await;
        }
        let parsed = match message {
            Message::Text(text) if text.len() > LARGE_MESSAGE => match spawn_blocking(move || parse(&text)).await {
                Ok(parsed) => parsed,
                Err(panic) => return format!("Creator Deck has failed to read a message of it ({panic})."),
            },
            Message::Text(text) => parse(&text),
            Message::Binary(_) => Err(MessageError::Binary),
            Message::Ping(_) | Message::Pong(_) | Message::Close(_) => continue,
        };
        match parsed {
            Ok((message, picture)) => {
                if !hub.send(move |hub| hub.on_message(connection, message, picture)).await {
                    return String::new();
                }
            }
            Err(why) => {
                garbage += 1;
                if garbage <= MAX_LOGGED_GARBAGE {
                    log.warn(Some(package), format!("Ignored: {why}"));
                }
            }
        }
    }
    "It closed its socket.".to_owned()
}

/// Why a message is ignored.
#[derive(Debug, thiserror::Error)]
enum MessageError {
    #[error("a message in a binary frame, not as text")]
    Binary,
    #[error(transparent)]
    Unreadable(#[from] ParseError),
    #[error("{event}, because {remedy}.")]
    Misused { event: String, remedy: &'static str },
    #[error("{0:?}, an event that isn't known here.")]
    UnknownEvent(String),
}

/// Parses a message and takes its picture out.
fn parse(text: &str) -> Result<(Incoming, PictureResult), MessageError> {
    let mut message = Incoming::parse(text)?;
    if let Incoming::Other(ToHost::Unknown { event, .. }) = message {
        return Err(match ToHost::remedy(&event) {
            Some(remedy) => MessageError::Misused { event, remedy },
            // Possibly meant for another host, so it isn't an error.
            None => MessageError::UnknownEvent(event.chars().take(MAX_EVENT_LEN).collect()),
        });
    }
    let picture = take_picture(&mut message);
    Ok((message, picture))
}

/// Describes what broke a socket, as a sentence.
fn describe_error(error: &axum::Error) -> String {
    let error = error.to_string();
    // The error's type belongs to axum's version of its WebSocket library.
    if error.contains("too long") {
        format!("It sent a message of more than {} MB.", MAX_MESSAGE_BYTES >> 20)
    } else if error.contains("without closing handshake") {
        "It dropped its connection.".to_owned()
    } else {
        format!("Its socket broke: {error}.")
    }
}

/// Writes messages until the hub ends the connection or the socket fails. Returns why it did, as a sentence.
async fn write(mut sink: SplitSink<WebSocket, Message>, mut out: Outgoing, peer: &SocketPeer) -> String {
    while let Some(text) = out.next().await {
        peer.record(Direction::Out, &text);
        match timeout(SEND_TIMEOUT, sink.send(Message::text(&*text))).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => return describe_error(&error),
            Err(_) => return format!("It didn't take a message within {} s.", SEND_TIMEOUT.as_secs()),
        }
    }
    // The hub has dropped the connection. A client that still reads receives a close frame.
    let _ = timeout(SEND_TIMEOUT, sink.close()).await;
    String::new()
}
