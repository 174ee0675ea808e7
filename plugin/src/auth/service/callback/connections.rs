//! Limits the number of connections to the callback server. A `Semaphore` is used.
//!
//! A program or a page that opens connections without end must neither exhaust the package's sockets, nor keep the browser of
//! the real log-in waiting. So a new connection beyond the limit replaces the oldest one: a browser sends its request at
//! once, so its connection is never the oldest one for long.

use std::collections::VecDeque;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use axum::serve::Listener;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot};

/// The most connections that are open at once: many times what a browser opens.
pub(super) const MOST_CONNECTIONS: usize = 64;

/// Connections in the order in which they were opened. Each is closed when its end here is dropped.
type Open = VecDeque<oneshot::Sender<()>>;

/// The listener of a log-in.
pub(in crate::auth::service) struct ConnectionLimit {
    listener: TcpListener,
    permits: Arc<Semaphore>,
    open: Open,
    /// Receives the open connections when this is dropped.
    remaining: Option<oneshot::Sender<Open>>,
}

impl ConnectionLimit {
    /// The limited listener, and a receiver of the connections that it leaves open: they are closed when both are dropped.
    pub fn new(listener: TcpListener) -> (Self, oneshot::Receiver<Open>) {
        let (remaining, connections) = oneshot::channel();
        let permits = Arc::new(Semaphore::new(MOST_CONNECTIONS));
        (Self { listener, permits, open: Open::new(), remaining: Some(remaining) }, connections)
    }

    async fn permit(&mut self) -> Option<OwnedSemaphorePermit> {
        self.open.retain(|connection| !connection.is_closed());
        if self.open.len() >= MOST_CONNECTIONS {
            self.open.pop_front();
        }
        // The semaphore is never closed.
        Arc::clone(&self.permits).acquire_owned().await.ok()
    }
}

impl Drop for ConnectionLimit {
    fn drop(&mut self) {
        if let Some(remaining) = self.remaining.take() {
            // Without a receiver they are closed now.
            let _ = remaining.send(std::mem::take(&mut self.open));
        }
    }
}

impl Listener for ConnectionLimit {
    type Io = Connection;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Connection, SocketAddr) {
        let (stream, address) = Listener::accept(&mut self.listener).await;
        let permit = self.permit().await;
        let (open, closed) = oneshot::channel();
        self.open.push_back(open);
        (Connection { stream, closed: Some(closed), _permit: permit }, address)
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }
}

/// A connection that is closed when a newer one replaces it.
pub(in crate::auth::service) struct Connection {
    stream: TcpStream,
    /// None once it has to close.
    closed: Option<oneshot::Receiver<()>>,
    _permit: Option<OwnedSemaphorePermit>,
}

impl AsyncRead for Connection {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        // Nothing is ever sent: the other end can only be dropped.
        self.closed.take_if(|closed| Pin::new(closed).poll(cx).is_ready());
        if self.closed.is_none() {
            return Poll::Ready(Err(io::ErrorKind::ConnectionAborted.into()));
        }
        Pin::new(&mut self.stream).poll_read(cx, buf)
    }
}

impl AsyncWrite for Connection {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
