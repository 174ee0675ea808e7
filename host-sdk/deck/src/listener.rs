//! Listeners: accept connections and serve HTTP on them. Slow clients are disconnected, and a semaphore limits the
//! number of connections.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::{Extension, Router};
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::net::TcpListener;
use tokio::sync::Semaphore;
use tokio::time::sleep;
use tower_http::timeout::RequestBodyTimeout;

/// Connections that may speak HTTP at a time; further ones wait. One that has become a WebSocket no longer counts.
const MAX_CONNECTIONS: usize = 256;
/// How long to wait after accepting has failed: such an error returns at once, and repeatedly.
const RETRY_AFTER: Duration = Duration::from_secs(1);

/// The other end of a request's connection.
#[derive(Clone, Copy, Debug)]
pub struct Peer(
    #[cfg_attr(not(target_os = "linux"), expect(dead_code, reason = "only Linux reports the owner of a connection"))]
    pub SocketAddr,
);

impl Peer {
    /// Whether another user of this computer is at the other end: a program of theirs may have read a key among the
    /// arguments of a browser that was started with it. False where the system doesn't tell: only Linux does.
    #[must_use]
    pub fn is_another_user(self) -> bool {
        #[cfg(target_os = "linux")]
        {
            // Root is accepted, which can do everything that the user can. A connection from another system, such as
            // the host of a virtual machine, is in no table.
            let own = rustix::process::geteuid().as_raw();
            let is_peer = |address: SocketAddr| {
                address.port() == self.0.port() && address.ip().to_canonical() == self.0.ip().to_canonical()
            };
            let mut entries = tcp_tables().into_iter().flatten();
            entries.any(|entry| is_peer(entry.local_address) && entry.uid != own && entry.uid != 0)
        }
        #[cfg(not(target_os = "linux"))]
        false
    }
}

/// Returns the TCP connections of this computer, each with its owner.
#[cfg(target_os = "linux")]
fn tcp_tables() -> [Vec<procfs::net::TcpNetEntry>; 2] {
    [procfs::net::tcp(), procfs::net::tcp6()].map(Result::unwrap_or_default)
}

/// Serves a listener; never ends. `read_timeout` is how long the head of a request may take, an idle connection may stay
/// open, and a body may pause.
pub async fn serve(listener: TcpListener, router: Router, read_timeout: Duration) {
    let free = Arc::new(Semaphore::new(MAX_CONNECTIONS));
    loop {
        // The semaphore is never closed.
        let Ok(permit) = free.clone().acquire_owned().await else { return };
        let (stream, peer) = match listener.accept().await {
            Ok(accepted) => accepted,
            Err(error) => {
                tracing::warn!(%error, "can't accept connections");
                sleep(RETRY_AFTER).await;
                continue;
            }
        };
        // Answers are small, and users wait for them. An error means that the client is gone.
        let _ = stream.set_nodelay(true);
        let router = router.clone().layer(Extension(Peer(peer)));
        let service = TowerToHyperService::new(RequestBodyTimeout::new(router, read_timeout));
        tokio::spawn(async move {
            let connection = http1::Builder::new()
                .timer(TokioTimer::new())
                .header_read_timeout(read_timeout)
                .serve_connection(TokioIo::new(stream), service)
                .with_upgrades();
            // An error is the client's: it disconnected, was too slow, or didn't speak HTTP.
            let _ = connection.await;
            drop(permit);
        });
    }
}
