//! Counts the connections to the simulator by protocol and how many are open, because the latency of a press depends on
//! whether it finds an open connection.

use std::io::IoSlice;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use serde::Serialize;
use tokio::io::{self, AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;

/// The protocol of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub enum Protocol {
    /// HTTP/1.1.
    #[serde(rename = "http/1.1")]
    Http1,
    /// HTTP/2 without TLS, by prior knowledge.
    #[serde(rename = "h2")]
    Http2,
}

impl Protocol {
    /// Detects the protocol by the client's first bytes: HTTP/2 starts with `PRI * HTTP/2.0`, which clients send in one
    /// piece. Returns `None` if the client disconnects before it sends anything.
    pub(crate) async fn detect(stream: &TcpStream) -> io::Result<Option<Self>> {
        let mut start = [0; 3];
        let length = stream.peek(&mut start).await?;
        let protocol = if start == *b"PRI" { Self::Http2 } else { Self::Http1 };
        Ok((length > 0).then_some(protocol))
    }
}

/// Counts of connections, see [`Sim::connections`](crate::Sim::connections).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Connections {
    /// All that were accepted since the start, including those that never sent anything.
    pub accepted: u64,
    /// All that are open.
    pub open: u64,
    /// HTTP/1.1 connections.
    pub http1: Count,
    /// HTTP/2 connections.
    pub http2: Count,
    /// Connections that were closed after being idle for [`Config::idle_close`](crate::Config::idle_close).
    pub idle_closed: u64,
}

/// Counts of the connections of one protocol.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Count {
    /// Accepted since the start.
    pub accepted: u64,
    /// Open.
    pub open: u64,
}

impl Connections {
    /// Counts a connection and returns its number, counting up from 1.
    pub(crate) fn accept(&mut self) -> u64 {
        self.accepted += 1;
        self.open += 1;
        self.accepted
    }

    /// Counts the protocol of an accepted connection.
    pub(crate) fn count_protocol(&mut self, protocol: Protocol) {
        let count = self.count(protocol);
        count.accepted += 1;
        count.open += 1;
    }

    /// Counts a connection as closed. It has no protocol if it never sent anything.
    pub(crate) fn close(&mut self, protocol: Option<Protocol>) {
        self.open -= 1;
        if let Some(protocol) = protocol {
            self.count(protocol).open -= 1;
        }
    }

    fn count(&mut self, protocol: Protocol) -> &mut Count {
        match protocol {
            Protocol::Http1 => &mut self.http1,
            Protocol::Http2 => &mut self.http2,
        }
    }
}

/// A connection that can be closed at the first byte of a request that isn't its first: a client meets this if it reuses a
/// connection at the moment at which the server closes it.
pub(crate) struct CuttableStream<F> {
    stream: TcpStream,
    /// Returns whether to close the connection now.
    should_cut: F,
    /// Whether a request has been answered.
    used: bool,
}

impl<F> CuttableStream<F> {
    pub fn new(stream: TcpStream, should_cut: F) -> Self {
        Self { stream, should_cut, used: false }
    }
}

impl<F: Fn() -> bool + Unpin> AsyncRead for CuttableStream<F> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        ready!(Pin::new(&mut self.stream).poll_read(context, buffer))?;
        let has_data = buffer.filled().len() > before;
        if has_data && self.used && (self.should_cut)() {
            return Poll::Ready(Err(io::ErrorKind::ConnectionReset.into()));
        }
        Poll::Ready(Ok(()))
    }
}

impl<F: Unpin> AsyncWrite for CuttableStream<F> {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.used = true;
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.used = true;
        Pin::new(&mut self.stream).poll_write_vectored(context, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}
