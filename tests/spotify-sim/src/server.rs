//! The one listener behind which everything is served, and what every request to Spotify goes through: the journal,
//! the network, the latency, the limits and the faults.

use std::convert::Infallible;
use std::fmt;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use axum::Router;
use axum::body::{Body, Bytes, to_bytes};
use axum::extract::{Path, Request as HttpRequest, State};
use axum::http::header::{AUTHORIZATION, CACHE_CONTROL, CONTENT_TYPE};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use axum::middleware::{self, Next};
use axum::response::{Html, IntoResponse, Response};
use axum::routing::get;
use hyper::server::conn::http1;
use hyper::service::{Service as _, service_fn};
use hyper_util::rt::TokioIo;
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{oneshot, watch};
use tokio::task::JoinSet;

use crate::fault::Outcome;
use crate::journal::{self, Authorization, Reply, Request};
use crate::limits::Group;
use crate::network::{self, Network, Networks, Service};
use crate::playback::millis;
use crate::shared::Shared;
use crate::{api, consent, control, cover};

/// The largest body that is read, in bytes.
const BODY_LIMIT: usize = 1 << 20;

/// Mark of a response that must not be sent: the connection is closed instead.
#[derive(Clone)]
struct DropConnection;

/// The error by which hyper is made to close a connection.
#[derive(Debug)]
struct Dropped;

impl fmt::Display for Dropped {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("connection closed by a fault")
    }
}

impl std::error::Error for Dropped {}

/// The address of the client, put into every request.
#[derive(Clone, Copy)]
struct Peer(SocketAddr);

/// Accepts connections until told to stop; then closes them all.
pub(crate) async fn serve(listener: TcpListener, shared: Arc<Shared>, mut stop: oneshot::Receiver<Infallible>) {
    let service = TowerToHyperService::new(router(shared.clone()));
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            // Either the sender is gone, or nothing: it can't send.
            _ = &mut stop => return,
            accepted = listener.accept() => match accepted {
                Ok((stream, peer)) => {
                    let networks = shared.networks.subscribe();
                    connections.spawn(serve_connection(stream, peer, service.clone(), networks));
                }
                // Out of file descriptors, most likely: let some connections end first.
                Err(_) => tokio::time::sleep(Duration::from_millis(50)).await,
            },
            Some(_) = connections.join_next() => {}
        }
    }
}

async fn serve_connection(
    stream: TcpStream,
    peer: SocketAddr,
    service: TowerToHyperService<Router>,
    mut networks: watch::Receiver<Networks>,
) {
    // A delayed answer would be measured as Spotify's latency. A socket that refuses the option still works.
    let _ = stream.set_nodelay(true);
    // Whether the latest request on the connection was one to Spotify.
    let spotifys = AtomicBool::new(false);
    let service = service_fn(|request: hyper::Request<hyper::body::Incoming>| {
        let path = request.uri().path();
        spotifys.store(path != "/" && !path.starts_with("/sim/"), Ordering::Relaxed);
        let mut request = request.map(Body::new);
        request.extensions_mut().insert(Peer(peer));
        let answer = service.call(request);
        async move {
            let Ok(response) = answer.await;
            if response.extensions().get::<DropConnection>().is_some() { Err(Dropped) } else { Ok(response) }
        }
    });
    let mut connection = pin!(http1::Builder::new().serve_connection(TokioIo::new(stream), service));
    loop {
        tokio::select! {
            // Errors are those of clients who hang up, and our own `Dropped`.
            _ = connection.as_mut() => return,
            // What is under way is dropped by `record`; what is idle ends here.
            () = network::all_turned_refusing(&mut networks) => {
                if spotifys.load(Ordering::Relaxed) {
                    connection.as_mut().graceful_shutdown();
                }
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

/// Writes a request down, lets it wait, and does to it what the network, a fault or a limit says.
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
    let text = journal::masked_body(header(&parts.headers, CONTENT_TYPE), &body);
    let (number, client_id) = shared.change(|state, now| {
        let client_id = state.accounts.client_of(authorization.as_deref(), &text, query);
        let number = state.journal.add(Request {
            number: 0,
            time_ms: millis(now),
            instant,
            answered: None,
            peer_port: parts.extensions.get::<Peer>().map_or(0, |peer| peer.0.port()),
            method: parts.method.to_string(),
            path: path.to_owned(),
            query: journal::masked_query(query),
            authorization: Authorization::of(authorization.as_deref()),
            client_id: client_id.clone(),
            group: Group::of(path),
            body: text,
            reply: Reply::Pending,
        });
        (number, client_id)
    });
    let networks = &shared.networks;
    let serve = async {
        network::until(networks, service, Network::Up).await;
        // Spotify counts what reaches it: neither a limit nor a fault is used up by a request that the network lost.
        let (fate, refusal, latency) = shared.change(|state, now| {
            let fate = state.faults.befall(parts.method.as_str(), parts.uri.path(), client_id.as_deref());
            (fate, state.refusal(authorization.as_deref(), parts.uri.path(), now), state.latency)
        });
        let wait = latency + fate.delay;
        if !wait.is_zero() {
            tokio::time::sleep(wait).await;
            network::until(networks, service, Network::Up).await;
        }
        let carry_out = async {
            match refusal {
                Some(Outcome::Answer { status, headers, body }) => answer(status, &headers, body),
                _ => next.run(HttpRequest::from_parts(parts, Body::from(body))).await,
            }
        };
        match fate.outcome {
            Outcome::Serve => carry_out.await,
            Outcome::Answer { status, headers, body } => answer(status, &headers, body),
            Outcome::Drop => dropped(),
            Outcome::LoseAnswer => {
                carry_out.await;
                dropped()
            }
        }
    };
    let response = tokio::select! {
        biased;
        () = network::until(networks, service, Network::Refusing) => dropped(),
        response = serve => response,
    };
    let reply = match response.extensions().get::<DropConnection>() {
        Some(_) => Reply::Dropped,
        None => Reply::Status(response.status().as_u16()),
    };
    shared.change(|state, _| state.journal.reply(number, reply));
    response
}

fn dropped() -> Response {
    let mut response = Response::new(Body::empty());
    response.extensions_mut().insert(DropConnection);
    response
}

/// An answer as a fault describes it; what is no HTTP in it is left out.
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

/// The value of a header as text.
pub(crate) fn header(headers: &HeaderMap, name: HeaderName) -> Option<&str> {
    headers.get(name).and_then(|value| value.to_str().ok())
}
