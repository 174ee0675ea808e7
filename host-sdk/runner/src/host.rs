//! Whether the host that started this program still lives.
//!
//! A socket that merely drops is the package's business: it reconnects. A host that died, even by `kill -9`, must not
//! leave its packages behind.

/// Remembers the host at the start.
pub struct Watch {
    #[cfg(unix)]
    parent: u32,
    #[cfg(not(unix))]
    refused_since: std::cell::Cell<Option<std::time::Instant>>,
}

#[cfg(unix)]
impl Watch {
    pub fn new() -> Self {
        Self { parent: std::os::unix::process::parent_id() }
    }

    /// The system hands an orphan to another parent.
    pub fn is_gone(&self, _port: u16) -> bool {
        std::os::unix::process::parent_id() != self.parent
    }
}

/// Where a parent can't be asked for, its port tells: nobody listens on the port of a host that is gone.
#[cfg(not(unix))]
impl Watch {
    pub fn new() -> Self {
        Self { refused_since: std::cell::Cell::new(None) }
    }

    pub fn is_gone(&self, port: u16) -> bool {
        use std::net::{Ipv4Addr, SocketAddr, TcpListener};
        // Binding asks without a connection that the host would see.
        let free = TcpListener::bind(SocketAddr::from((Ipv4Addr::LOCALHOST, port))).is_ok();
        if !free {
            self.refused_since.set(None);
            return false;
        }
        let since = self.refused_since.get().unwrap_or_else(std::time::Instant::now);
        self.refused_since.set(Some(since));
        since.elapsed() > std::time::Duration::from_millis(1500)
    }
}
