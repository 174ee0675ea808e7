//! The door of the callback server: everybody on this computer may come in, but only so many at once.
//!
//! A program or a page that opens connections without end must neither use up what the package can have open, nor keep
//! the browser of the real sign-in waiting. So whoever comes when all places are taken gets the place of the one who has
//! been here longest: a browser says all it has to say at once, and one that just sits there has nothing to say.

use std::collections::VecDeque;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};

use axum::serve::Listener;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;

/// How many connections are open at once: many times what a browser opens.
pub(super) const PLACES: usize = 64;

/// The listener of a sign-in, with its limited places.
pub(in crate::auth) struct Door {
    listener: TcpListener,
    guests: Guests,
}

impl Door {
    /// The door, and those who come in through it.
    pub fn new(listener: TcpListener) -> (Self, Guests) {
        let guests = Guests::default();
        (Self { listener, guests: guests.clone() }, guests)
    }
}

impl Listener for Door {
    type Io = Guest;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Guest, SocketAddr) {
        let (stream, address) = Listener::accept(&mut self.listener).await;
        (Guest { stream, place: Some(self.guests.seat()) }, address)
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }
}

/// The places, in the order in which they were taken. Once the door and all copies of this are dropped, every connection
/// that is still open is cut.
#[derive(Clone, Default)]
pub(in crate::auth) struct Guests(Arc<Mutex<VecDeque<oneshot::Sender<()>>>>);

impl Guests {
    /// A place for one more. It is lost when the other end of what this returns is.
    fn seat(&self) -> oneshot::Receiver<()> {
        let (place, taken) = oneshot::channel();
        let mut places = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        places.retain(|place| !place.is_closed());
        while places.len() >= PLACES {
            places.pop_front();
        }
        places.push_back(place);
        taken
    }
}

/// A connection, as long as it has its place.
pub(in crate::auth) struct Guest {
    stream: TcpStream,
    /// None once the place is lost.
    place: Option<oneshot::Receiver<()>>,
}

impl AsyncRead for Guest {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        // Nothing is ever sent: the other end can only go.
        self.place.take_if(|place| Pin::new(place).poll(cx).is_ready());
        if self.place.is_none() {
            return Poll::Ready(Err(io::ErrorKind::ConnectionAborted.into()));
        }
        Pin::new(&mut self.stream).poll_read(cx, buf)
    }
}

impl AsyncWrite for Guest {
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
