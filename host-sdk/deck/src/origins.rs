//! An origin for each package: a port of its own for the pages of one package, so that a browser keeps them apart from
//! the deck's page and from the pages of every other package: no reading of each other's windows, storage or files.
//!
//! A package keeps its port where that is free, so that its pages find again what they have stored in the browser.

use std::collections::{BTreeMap, HashMap};
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
    /// Those that packages had before.
    earlier: Arc<BTreeMap<String, u16>>,
    opened: mpsc::UnboundedSender<Opened>,
}

impl Origins {
    /// No ports yet, and where the listeners come from that somebody has to serve. There are as many as packages. `earlier`
    /// are the ports that packages had before.
    #[must_use]
    pub fn new(earlier: BTreeMap<String, u16>) -> (Self, mpsc::UnboundedReceiver<Opened>) {
        let (opened, queue) = mpsc::unbounded_channel();
        (Self { ports: Arc::default(), earlier: Arc::new(earlier), opened }, queue)
    }

    /// Whether a package's origin was opened.
    #[must_use]
    pub fn is_open(&self, package: &str) -> bool {
        self.ports.lock().unwrap_or_else(PoisonError::into_inner).contains_key(package)
    }

    /// The ports that packages have now, or had before.
    #[must_use]
    pub fn ports(&self) -> BTreeMap<String, u16> {
        let ports = self.ports.lock().unwrap_or_else(PoisonError::into_inner);
        let now = ports.iter().map(|(package, port)| (package.clone(), *port));
        self.earlier.iter().map(|(package, port)| (package.clone(), *port)).chain(now).collect()
    }

    fn listen(&self, package: &str) -> io::Result<TcpListener> {
        if let Some(port) = self.earlier.get(package)
            && let Ok(listener) = TcpListener::bind((Ipv4Addr::LOCALHOST, *port))
        {
            return Ok(listener);
        }
        let mut others = Vec::new();
        loop {
            let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
            let port = listener.local_addr()?.port();
            // What another package has stored in the browser is there to be read.
            if !self.earlier.iter().any(|(other, known)| *known == port && other != package) {
                return Ok(listener);
            }
            others.push(listener);
        }
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
                let listener = self.listen(package)?;
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
        let (origins, mut opened) = Origins::new(BTreeMap::new());
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

    #[test]
    fn a_package_has_its_earlier_port_unless_somebody_else_has() {
        let (origins, opened) = Origins::new(BTreeMap::new());
        let before = origins.of("one").unwrap();
        let earlier = BTreeMap::from([("gone".to_owned(), 9), ("one".to_owned(), before.port().unwrap())]);
        let (origins, _opened) = Origins::new(earlier.clone());
        let other = origins.of("one").unwrap();
        assert_ne!(other, before, "it is taken");
        assert!(origins.is_open("one") && !origins.is_open("gone"));
        let known = BTreeMap::from([("gone".to_owned(), 9), ("one".to_owned(), other.port().unwrap())]);
        assert_eq!(origins.ports(), known);
        drop(opened);
        let (origins, _opened) = Origins::new(earlier);
        assert_eq!(origins.of("one").unwrap(), before);
    }
}
