//! The connections that the simulator was asked for: how many, which protocol they speak, and which are open. What a
//! press costs depends on whether it finds one open, so that is counted here.

use std::io::IoSlice;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use serde::Serialize;
use tokio::io::{self, AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;

/// What a connection speaks.
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
    /// Tells it by the first bytes of a client: an HTTP/2 one starts with `PRI * HTTP/2.0`, which clients send in one
    /// piece. `None` if it hangs up before it says anything.
    pub(crate) async fn of(stream: &TcpStream) -> io::Result<Option<Self>> {
        let mut start = [0; 3];
        let length = stream.peek(&mut start).await?;
        let protocol = if start == *b"PRI" { Self::Http2 } else { Self::Http1 };
        Ok((length > 0).then_some(protocol))
    }
}

/// How many connections there were and are, see [`Sim::connections`](crate::Sim::connections).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Connections {
    /// All that were accepted since the start, those included that never said anything.
    pub accepted: u64,
    /// All that are open now.
    pub open: u64,
    /// Those that speak HTTP/1.1.
    pub http1: Count,
    /// Those that speak HTTP/2.
    pub http2: Count,
    /// Those that the simulator closed because they had been idle for [`Config::idle_close`](crate::Config::idle_close).
    pub idle_closed: u64,
}

/// The connections of one protocol.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Count {
    /// Since the start.
    pub accepted: u64,
    /// Open now.
    pub open: u64,
}

impl Connections {
    /// Counts a connection, and gives its number: they count up from 1.
    pub(crate) fn accept(&mut self) -> u64 {
        self.accepted += 1;
        self.open += 1;
        self.accepted
    }

    /// Counts what an accepted connection turned out to speak.
    pub(crate) fn speaks(&mut self, protocol: Protocol) {
        let count = self.count(protocol);
        count.accepted += 1;
        count.open += 1;
    }

    /// Counts that one is closed; of a protocol if it ever spoke.
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

/// A connection that can be made to end at the first byte of a request that follows another one: what happens to a client that
/// uses a kept connection at the moment at which the server has had enough of it.
pub(crate) struct Kept<F> {
    stream: TcpStream,
    /// Whether it ends now.
    ends: F,
    /// Whether a request has been answered.
    used: bool,
}

impl<F> Kept<F> {
    pub fn new(stream: TcpStream, ends: F) -> Self {
        Self { stream, ends, used: false }
    }
}

impl<F: Fn() -> bool + Unpin> AsyncRead for Kept<F> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        ready!(Pin::new(&mut self.stream).poll_read(context, buffer))?;
        let came = buffer.filled().len() > before;
        if came && self.used && (self.ends)() {
            return Poll::Ready(Err(io::ErrorKind::ConnectionReset.into()));
        }
        Poll::Ready(Ok(()))
    }
}

impl<F: Unpin> AsyncWrite for Kept<F> {
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
