//! The listener that serves everything, and the middleware for requests to Spotify: journal, network, latency, limits and
//! faults.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use axum::Router;
use axum::body::{Body, Bytes, to_bytes};
use axum::extract::{Path, Request as HttpRequest, State};
use axum::http::header::{
    ACCEPT_ENCODING, AUTHORIZATION, CACHE_CONTROL, CONTENT_LENGTH, CONTENT_TYPE, TRANSFER_ENCODING,
};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use axum::middleware::{self, Next};
use axum::response::{Html, IntoResponse, Response};
use axum::routing::get;
use hyper::service::{Service as _, service_fn};
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Notify, oneshot, watch};
use tokio::task::JoinSet;

use crate::connections::{CuttableStream, Protocol};
use crate::fault::Outcome;
use crate::journal::{self, Authorization, Reply, Request};
use crate::limits::Group;
use crate::network::{self, Network, Service};
use crate::playback::millis;
use crate::shared::Shared;
use crate::{api, consent, contract, control, cover, transform};

/// The largest body that is read, in bytes.
const BODY_LIMIT: usize = 1 << 20;

/// Marks a response that must not be sent: the connection is closed instead.
#[derive(Clone)]
struct DropConnection;

/// The error that makes hyper close a connection.
#[derive(Debug, thiserror::Error)]
#[error("connection closed by a fault")]
pub(crate) struct Dropped;

/// The members of [`Config`](crate::Config) that concern connections.
#[derive(Clone, Copy)]
pub(crate) struct ConnectionConfig {
    pub accept_delay: Duration,
    pub idle_close: Option<Duration>,
}

/// The origin of a request, stored in its extensions.
#[derive(Clone, Copy)]
struct Origin {
    peer: SocketAddr,
    connection: u64,
    protocol: Protocol,
}

/// Accepts connections until the sender of `stop` is dropped, then closes them all.
pub(crate) async fn serve(
    listener: TcpListener,
    shared: Arc<Shared>,
    config: ConnectionConfig,
    mut stop: oneshot::Receiver<Infallible>,
) {
    let service = TowerToHyperService::new(router(shared.clone()));
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            // Resolves only when the sender is dropped: it can't send an `Infallible`.
            _ = &mut stop => return,
            accepted = listener.accept() => match accepted {
                Ok((stream, peer)) => {
                    let open = OpenConnection::new(shared.clone());
                    connections.spawn(serve_connection(stream, peer, service.clone(), open, config));
                }
                // Most likely out of file descriptors: let some connections end first.
                Err(_) => tokio::time::sleep(Duration::from_millis(50)).await,
            },
            Some(_) = connections.join_next() => {}
        }
    }
}

/// Counts a connection as open until it is dropped.
struct OpenConnection {
    shared: Arc<Shared>,
    number: u64,
    protocol: Option<Protocol>,
}

impl OpenConnection {
    fn new(shared: Arc<Shared>) -> Self {
        let number = shared.change(|state, _| state.connections.accept());
        Self { shared, number, protocol: None }
    }

    fn set_protocol(&mut self, protocol: Protocol) {
        self.protocol = Some(protocol);
        self.shared.change(|state, _| state.connections.count_protocol(protocol));
    }
}

impl Drop for OpenConnection {
    fn drop(&mut self) {
        self.shared.change(|state, _| state.connections.close(self.protocol));
    }
}

/// State that a connection's service shares with its task.
struct Activity {
    /// Whether the latest request was to Spotify, not to the simulator's page or control API.
    is_spotify: AtomicBool,
    /// The time since which no request has been in progress; `None` while one is.
    idle_since: watch::Sender<Option<Instant>>,
    /// Notified when a request, and with it the connection, is dropped.
    dropped: Notify,
}

impl Activity {
    /// Waits until an HTTP/1.1 connection, whose requests come one at a time, has been idle for `time`.
    async fn idle_for(&self, time: Duration) {
        let mut since = self.idle_since.subscribe();
        loop {
            let idle_since = *since.borrow_and_update();
            let rest = async {
                match idle_since {
                    Some(since) => tokio::time::sleep_until((since + time).into()).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                () = rest => return,
                _ = since.changed() => {}
            }
        }
    }
}

async fn serve_connection(
    stream: TcpStream,
    peer: SocketAddr,
    service: TowerToHyperService<Router>,
    mut open: OpenConnection,
    config: ConnectionConfig,
) {
    // Otherwise Nagle's delay would be measured as Spotify's latency. A socket without the option still works.
    let _ = stream.set_nodelay(true);
    if !config.accept_delay.is_zero() {
        tokio::time::sleep(config.accept_delay).await;
    }
    let mut networks = open.shared.networks.subscribe();
    let silence = async {
        match config.idle_close {
            Some(time) => tokio::time::sleep(time).await,
            None => std::future::pending().await,
        }
    };
    let protocol = tokio::select! {
        // An error is a client that has disconnected.
        protocol = Protocol::detect(&stream) => protocol.ok().flatten(),
        () = silence => {
            open.shared.change(|state, _| state.connections.idle_closed += 1);
            None
        }
    };
    let Some(protocol) = protocol else { return };
    open.set_protocol(protocol);
    let origin = Origin { peer, connection: open.number, protocol };
    let activity = Arc::new(Activity {
        is_spotify: AtomicBool::new(false),
        idle_since: watch::Sender::new(Some(Instant::now())),
        dropped: Notify::new(),
    });
    let service = service_fn({
        let activity = activity.clone();
        move |request: hyper::Request<hyper::body::Incoming>| {
            let path = request.uri().path();
            activity.is_spotify.store(path != "/" && !path.starts_with("/sim/"), Ordering::Relaxed);
            activity.idle_since.send_replace(None);
            let mut request = request.map(Body::new);
            request.extensions_mut().insert(origin);
            let (answer, activity) = (service.call(request), activity.clone());
            async move {
                let Ok(response) = answer.await;
                activity.idle_since.send_replace(Some(Instant::now()));
                if response.extensions().get::<DropConnection>().is_some() {
                    activity.dropped.notify_one();
                    Err(Dropped)
                } else {
                    Ok(response)
                }
            }
        }
    });
    let should_cut = {
        let (activity, shared) = (activity.clone(), open.shared.clone());
        move || activity.is_spotify.load(Ordering::Relaxed) && shared.change(|state, _| state.take_cut())
    };
    let builder = auto::Builder::new(TokioExecutor::new());
    let builder = match protocol {
        Protocol::Http1 => builder.http1_only(),
        Protocol::Http2 => builder.http2_only(),
    };
    let mut connection = pin!(builder.serve_connection(TokioIo::new(CuttableStream::new(stream, should_cut)), service));
    let idle_close = config.idle_close.filter(|_| protocol == Protocol::Http1);
    let mut closing = false;
    loop {
        let idle = async {
            match idle_close.filter(|_| !closing) {
                Some(time) => activity.idle_for(time).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            // Errors are those of clients that disconnect, and our own `Dropped`.
            _ = connection.as_mut() => return,
            // With HTTP/2, hyper would close only the one stream.
            () = activity.dropped.notified() => return,
            // `record` drops requests in progress; idle connections end here.
            () = network::all_became_refusing(&mut networks) => {
                if activity.is_spotify.load(Ordering::Relaxed) {
                    connection.as_mut().graceful_shutdown();
                }
            }
            () = idle => {
                closing = true;
                open.shared.change(|state, _| state.connections.idle_closed += 1);
                connection.as_mut().graceful_shutdown();
            }
        }
    }
}

fn router(shared: Arc<Shared>) -> Router {
    let spotify = Router::new()
        .nest("/v1", api::router())
        .nest("/accounts", consent::router())
        .route("/image/{name}", get(image))
        .layer(middleware::from_fn_with_state(shared.clone(), record));
    let page = get(|| async { Html(include_str!("pages/index.html")) });
    Router::new().merge(spotify).nest("/sim", control::router()).route("/", page).with_state(shared)
}

/// Records a request, delays it, and applies the network's state, faults and limits to it.
async fn record(State(shared): State<Arc<Shared>>, request: HttpRequest, next: Next) -> Response {
    let instant = Instant::now();
    let (parts, body) = request.into_parts();
    let Ok(body) = to_bytes(body, BODY_LIMIT).await else {
        return StatusCode::PAYLOAD_TOO_LARGE.into_response();
    };
    let path = parts.uri.path();
    let service = Service::of(path);
    let query = parts.uri.query().unwrap_or_default();
    let authorization = header(&parts.headers, AUTHORIZATION).map(str::to_owned);
    let accept_encoding = header(&parts.headers, ACCEPT_ENCODING).map(str::to_owned);
    let text = journal::masked_body(header(&parts.headers, CONTENT_TYPE), &body);
    let Some(origin) = parts.extensions.get::<Origin>().copied() else {
        // `serve_connection` puts one into every request.
        return StatusCode::INTERNAL_SERVER_ERROR.into_response();
    };
    let plain_query: Vec<(String, String)> = url::form_urlencoded::parse(query.as_bytes()).into_owned().collect();
    let call = contract::Call {
        method: parts.method.as_str(),
        path,
        query: &plain_query,
        body: &body,
        has_length: parts.headers.contains_key(CONTENT_LENGTH) || parts.headers.contains_key(TRANSFER_ENCODING),
        protocol: origin.protocol,
    };
    let (violations, lacks_length) = (call.violations(), call.lacks_length());
    let (number, client_id) = shared.change(|state, now| {
        let client_id = state.accounts.client_of(authorization.as_deref(), &text, query);
        let number = state.journal.add(Request {
            number: 0,
            time_ms: millis(now),
            instant,
            answered: None,
            peer_port: origin.peer.port(),
            method: parts.method.to_string(),
            path: path.to_owned(),
            query: journal::masked_query(query),
            authorization: Authorization::from_header(authorization.as_deref()),
            client_id: client_id.clone(),
            group: Group::of(path),
            body: text,
            reply: Reply::Pending,
            connection: origin.connection,
            protocol: origin.protocol,
            arrived_ns: 0,
            answered_ns: None,
            plain_bytes: 0,
            sent_bytes: 0,
            violations,
        });
        (number, client_id)
    });
    let networks = &shared.networks;
    let serve = async {
        network::wait_until(networks, service, Network::Up).await;
        // Spotify counts only what reaches it: a request that the network lost uses up neither a limit nor a fault.
        let (effect, refusal, latency) = shared.change(|state, now| {
            let effect = state.faults.effect_on(parts.method.as_str(), parts.uri.path(), client_id.as_deref());
            (effect, state.refusal(authorization.as_deref(), parts.uri.path(), now), state.latency)
        });
        let delay = latency + effect.delay;
        if !delay.is_zero() {
            tokio::time::sleep(delay).await;
            network::wait_until(networks, service, Network::Up).await;
        }
        let carry_out = async {
            match refusal {
                // The proxies in front of Spotify refuse it before anything reads the body.
                _ if lacks_length => StatusCode::LENGTH_REQUIRED.into_response(),
                Some(Outcome::Answer { status, headers, body }) => answer(status, &headers, body),
                _ => next.run(HttpRequest::from_parts(parts, Body::from(body))).await,
            }
        };
        let truncate = effect.outcome == Outcome::CutAnswer;
        let response = match effect.outcome {
            Outcome::Serve | Outcome::CutAnswer => carry_out.await,
            Outcome::Patch(patch) => {
                transform::map_json(carry_out.await, |answer| transform::merge_patch(answer, &patch)).await
            }
            Outcome::Floats => transform::map_json(carry_out.await, transform::numbers_to_floats).await,
            Outcome::Answer { status, headers, body } => answer(status, &headers, body),
            Outcome::Drop => return dropped(),
            Outcome::LoseAnswer => {
                carry_out.await;
                return dropped();
            }
        };
        let (response, plain, sent) = transform::compress(response, accept_encoding.as_deref()).await;
        shared.change(|state, _| state.journal.record_size(number, plain, sent));
        if truncate { transform::truncate(response).await } else { response }
    };
    let response = tokio::select! {
        biased;
        () = network::wait_until(networks, service, Network::Refusing) => dropped(),
        response = serve => response,
    };
    let reply = match response.extensions().get::<DropConnection>() {
        Some(_) => Reply::Dropped,
        None => Reply::Status(response.status().as_u16()),
    };
    shared.change(|state, _| state.journal.record_reply(number, reply));
    response
}

fn dropped() -> Response {
    let mut response = Response::new(Body::empty());
    response.extensions_mut().insert(DropConnection);
    response
}

/// Builds the answer that a fault describes, without headers that are invalid in HTTP.
fn answer(status: u16, headers: &[(String, String)], body: String) -> Response {
    let mut response = Response::new(Body::from(body));
    *response.status_mut() = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    for (name, value) in headers {
        if let (Ok(name), Ok(value)) = (name.parse::<HeaderName>(), value.parse::<HeaderValue>()) {
            response.headers_mut().append(name, value);
        }
    }
    response
}

/// `GET /image/MOTIF-SIZE`: a cover.
pub(crate) async fn image(Path(name): Path<String>) -> Response {
    let parsed = name.split_once('-').and_then(|(motif, size)| Some((motif.parse().ok()?, size.parse().ok()?)));
    let known = parsed.filter(|(motif, size)| *motif < cover::MOTIFS && cover::SIZES.contains(size));
    match known.and_then(|(motif, size)| cover::cached(motif, size)) {
        Some(jpeg) => {
            let headers = [(CONTENT_TYPE, "image/jpeg"), (CACHE_CONTROL, "public, max-age=31536000")];
            (headers, Bytes::from_static(jpeg)).into_response()
        }
        None => StatusCode::NOT_FOUND.into_response(),
    }
}

/// Returns the value of a header as text.
pub(crate) fn header(headers: &HeaderMap, name: HeaderName) -> Option<&str> {
    headers.get(name).and_then(|value| value.to_str().ok())
}
