//! An origin for each package: a port of its own for the pages of one package, so that a browser keeps them apart from
//! the deck's page and from the pages of every other package: no reading of each other's windows, storage or files.

use std::collections::HashMap;
use std::io;
use std::net::{Ipv4Addr, TcpListener};
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::mpsc;
use url::Url;

/// A listener that was just opened for a package's pages.
#[derive(Debug)]
pub struct Opened {
    /// The package.
    pub package: String,
    /// Its listener, in non-blocking mode.
    pub listener: TcpListener,
    /// Its port.
    pub port: u16,
}

/// The packages' ports. Clones are the same.
#[derive(Clone, Debug)]
pub struct Origins {
    ports: Arc<Mutex<HashMap<String, u16>>>,
    opened: mpsc::UnboundedSender<Opened>,
}

impl Origins {
    /// No ports yet, and where the listeners come from that somebody has to serve. There are as many as packages.
    #[must_use]
    pub fn new() -> (Self, mpsc::UnboundedReceiver<Opened>) {
        let (opened, queue) = mpsc::unbounded_channel();
        (Self { ports: Arc::default(), opened }, queue)
    }

    /// The address of a package's origin, opened at the first call. It stays until the deck ends.
    ///
    /// # Errors
    /// If the system has no port left.
    pub fn of(&self, package: &str) -> io::Result<Url> {
        let mut ports = self.ports.lock().unwrap_or_else(PoisonError::into_inner);
        let port = match ports.get(package) {
            Some(port) => *port,
            None => {
                let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
                listener.set_nonblocking(true)?;
                let port = listener.local_addr()?.port();
                ports.insert(package.to_owned(), port);
                // An error means that the deck is ending, and nobody will ask there.
                let _ = self.opened.send(Opened { package: package.to_owned(), listener, port });
                port
            }
        };
        Url::parse(&format!("http://127.0.0.1:{port}/")).map_err(io::Error::other)
    }

    /// The package whose pages have a port.
    #[must_use]
    pub fn package_at(&self, port: u16) -> Option<String> {
        let ports = self.ports.lock().unwrap_or_else(PoisonError::into_inner);
        ports.iter().find(|(_, known)| **known == port).map(|(package, _)| package.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_package_has_one_port_of_its_own() {
        let (origins, mut opened) = Origins::new();
        let (one, two) = (origins.of("one").unwrap(), origins.of("two").unwrap());
        assert_ne!(one, two);
        assert_eq!(origins.of("one").unwrap(), one);
        let first = opened.try_recv().unwrap();
        assert_eq!((first.package.as_str(), Some(first.port)), ("one", one.port()));
        assert_eq!(origins.package_at(first.port).as_deref(), Some("one"));
        assert_eq!(origins.package_at(1), None);
        opened.try_recv().unwrap();
        assert!(opened.try_recv().is_err(), "two listeners for two packages");
    }
}
