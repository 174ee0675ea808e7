//! Detects that the host has ended, so that the runner ends, too.
//!
//! A dropped socket is not enough: the package reconnects. The host is the process that has started this one. If that process
//! can't be determined, or was a launcher that has ended immediately, the host is the program that listens on the port.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpStream};
use std::time::{Duration, Instant};

/// A parent that ends earlier is considered a launcher. On Unix there are none: an orphan gets another parent, which is
/// unambiguous.
#[cfg(windows)]
const LAUNCHER_ENDS_WITHIN: Duration = Duration::from_secs(1);
#[cfg(unix)]
const LAUNCHER_ENDS_WITHIN: Duration = Duration::ZERO;
/// How often the port is checked, if the parent is unknown.
const PORT_INTERVAL: Duration = Duration::from_secs(1);
/// How long the port has to be closed before the host is considered gone.
const CLOSED_FOR: Duration = Duration::from_secs(1);
/// Timeout of a connection to the port. A listener on the same computer accepts immediately, but Windows takes seconds to report
/// that there is none.
const CONNECT_TIMEOUT: Duration = Duration::from_millis(250);

/// Watches the host.
pub struct Watch {
    parent: Option<parent::Process>,
    started: Instant,
    port: Port,
}

impl Watch {
    /// Determines the process that has started this one.
    pub fn new() -> Self {
        Self { parent: parent::Process::find(), started: Instant::now(), port: Port::default() }
    }

    /// Returns whether the host is gone. Has to be called regularly.
    pub fn is_gone(&mut self, port: u16) -> bool {
        if let Some(parent) = &mut self.parent {
            if !parent.has_ended() {
                return false;
            }
            if self.started.elapsed() >= LAUNCHER_ENDS_WITHIN {
                return true;
            }
            self.parent = None;
        }
        self.port.is_closed(Instant::now(), || has_listener(port))
    }
}

/// Returns whether a program listens on a port of this computer. Connects to it, because binding it would succeed on Windows while
/// a host listens on all addresses.
fn has_listener(port: u16) -> bool {
    let addresses: [IpAddr; 2] = [Ipv4Addr::LOCALHOST.into(), Ipv6Addr::LOCALHOST.into()];
    addresses
        .into_iter()
        .any(|address| TcpStream::connect_timeout(&SocketAddr::new(address, port), CONNECT_TIMEOUT).is_ok())
}

/// The history of checks of the port.
#[derive(Default)]
struct Port {
    checked: Option<Instant>,
    closed_since: Option<Instant>,
}

impl Port {
    fn is_closed(&mut self, now: Instant, has_listener: impl FnOnce() -> bool) -> bool {
        if self.checked.is_some_and(|checked| now - checked < PORT_INTERVAL) {
            return false;
        }
        self.checked = Some(now);
        if has_listener() {
            self.closed_since = None;
            return false;
        }
        let since = *self.closed_since.get_or_insert(now);
        now - since >= CLOSED_FOR
    }
}

/// Kills the processes that the package has started, and this one, instead of the host. Only if the host has put this process into
/// its own process group. On Windows the host's job object does it.
pub fn kill_process_group() {
    #[cfg(unix)]
    {
        use rustix::process::{Signal, getpgrp, getpid, kill_current_process_group};
        if getpgrp() == getpid() {
            let _ = kill_current_process_group(Signal::KILL);
        }
    }
}

#[cfg(unix)]
mod parent {
    use std::os::unix::process::parent_id;

    /// The system's first process, which becomes the parent of orphans.
    const INIT: u32 = 1;

    pub struct Process(u32);

    impl Process {
        /// Returns the parent, unless it has ended already. On macOS applications are started by the first process and have none.
        pub fn find() -> Option<Self> {
            Some(parent_id()).filter(|parent| *parent != INIT).map(Self)
        }

        /// Returns whether this process has another parent, as orphans have.
        pub fn has_ended(&mut self) -> bool {
            parent_id() != self.0
        }
    }
}

#[cfg(windows)]
mod parent {
    use std::time::Duration;

    use sysinfo::{Pid, ProcessRefreshKind, ProcessesToUpdate, System};
    use waitpid_any::WaitHandle;

    pub struct Process(WaitHandle);

    impl Process {
        /// Returns the parent, if it is running and this process may wait for it.
        pub fn find() -> Option<Self> {
            let mut system = System::new().ok()?;
            let mut inspect = |pid: Pid| {
                system.refresh_processes_specifics(
                    ProcessesToUpdate::Some(&[pid]),
                    true,
                    ProcessRefreshKind::nothing(),
                );
                system.process(pid).map(|process| (process.parent(), process.start_time()))
            };
            let (parent, our_start) = inspect(sysinfo::get_current_pid().ok()?)?;
            let parent = parent?;
            // While the handle is open, the process id isn't reused.
            let handle = WaitHandle::open(i32::try_from(parent.as_u32()).ok()?).ok()?;
            // If the parent had ended before, its id may have been reused by a process that started after this one.
            let (_, parent_start) = inspect(parent)?;
            (parent_start <= our_start).then_some(Self(handle))
        }

        /// Returns whether the process has ended. If it can't be determined, it is considered ended.
        pub fn has_ended(&mut self) -> bool {
            !matches!(self.0.wait_timeout(Duration::ZERO), Ok(None))
        }
    }
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use super::*;

    #[test]
    fn port_is_closed_after_a_second_without_listener() {
        let (mut port, start) = (Port::default(), Instant::now());
        let at = |millis| start + Duration::from_millis(millis);
        assert!(!port.is_closed(at(0), || true));
        assert!(!port.is_closed(at(999), || unreachable!("checked too often")));
        assert!(!port.is_closed(at(1000), || false));
        assert!(!port.is_closed(at(2000), || true), "it was away for a moment");
        assert!(!port.is_closed(at(3000), || false));
        assert!(port.is_closed(at(4000), || false));
    }

    #[test]
    fn listener_is_found_on_any_address() {
        for address in ["127.0.0.1:0", "0.0.0.0:0", "[::1]:0", "[::]:0"] {
            // This computer may have no IPv6.
            let Ok(listener) = TcpListener::bind(address) else { continue };
            let port = listener.local_addr().unwrap().port();
            assert!(has_listener(port), "{address}");
            drop(listener);
            assert!(!has_listener(port), "{address}");
        }
    }
}
