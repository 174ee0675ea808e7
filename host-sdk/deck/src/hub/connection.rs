//! The queue of messages to one package or property view, bounded in number and in bytes.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::sync::mpsc;

/// Messages that may wait for a receiver. One that doesn't take them is disconnected.
const MAX_MESSAGES: usize = 1024;
/// Bytes that may wait; one message may exceed them.
const MAX_BYTES: usize = 16 << 20;

/// The other end of a socket.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Peer {
    /// The package with this UUID.
    Package(String),
    /// The view with this id.
    View(String),
}

/// The hub's end of a socket. Dropping it ends the socket.
#[derive(Debug)]
pub struct Connection {
    /// The other end.
    pub peer: Peer,
    messages: mpsc::Sender<Arc<str>>,
    waiting: Arc<AtomicUsize>,
}

/// The socket's end: messages to send.
#[derive(Debug)]
pub struct Outgoing {
    messages: mpsc::Receiver<Arc<str>>,
    waiting: Arc<AtomicUsize>,
}

impl Connection {
    /// Creates both ends.
    #[must_use]
    pub fn new(peer: Peer) -> (Self, Outgoing) {
        let (messages, sent) = mpsc::channel(MAX_MESSAGES);
        let waiting = Arc::new(AtomicUsize::new(0));
        (Self { peer, messages, waiting: waiting.clone() }, Outgoing { messages: sent, waiting })
    }

    /// Queues a message. Returns false if too much waits already.
    #[must_use]
    pub fn send(&self, message: &Arc<str>) -> bool {
        if self.waiting.load(Ordering::Relaxed) > MAX_BYTES {
            return false;
        }
        self.waiting.fetch_add(message.len(), Ordering::Relaxed);
        // A closed channel means that the socket is gone; its task is about to report that.
        !matches!(self.messages.try_send(message.clone()), Err(mpsc::error::TrySendError::Full(_)))
    }
}

impl Outgoing {
    /// Returns the next message; none when the socket has to end. Cancel safe.
    pub async fn next(&mut self) -> Option<Arc<str>> {
        let message = self.messages.recv().await?;
        self.waiting.fetch_sub(message.len(), Ordering::Relaxed);
        Some(message)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn queue_is_bounded_in_number_and_bytes() {
        let (connection, _outgoing) = Connection::new(Peer::Package(String::new()));
        let small: Arc<str> = "x".into();
        assert!((0..MAX_MESSAGES).all(|_| connection.send(&small)));
        assert!(!connection.send(&small));

        let (connection, mut outgoing) = Connection::new(Peer::Package(String::new()));
        let large = "x".repeat(MAX_BYTES).into();
        assert!(connection.send(&large) && connection.send(&small), "the largest message passes");
        assert!(!connection.send(&small));
        outgoing.next().await.unwrap();
        assert!(connection.send(&small), "there is space again");
        drop(connection);
        assert!(outgoing.next().await.is_some() && outgoing.next().await.is_some());
        assert!(outgoing.next().await.is_none());
    }
}
