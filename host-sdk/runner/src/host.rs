//! Whether the host that started this program still lives.
//!
//! A socket that merely drops is the package's business: it reconnects. A host that died, however, must not leave its
//! packages behind. The host is the process that started this one; where that can't be found out, or it was a launcher
//! that ended at once, the host is whoever listens on the port.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpStream};
use std::time::{Duration, Instant};

/// A parent that ends sooner was a launcher. Unix has none: what is handed to another parent has been left behind.
#[cfg(windows)]
const LAUNCHER_ENDS_WITHIN: Duration = Duration::from_secs(1);
#[cfg(unix)]
const LAUNCHER_ENDS_WITHIN: Duration = Duration::ZERO;
/// How often the port is looked at, where it has to tell.
const LOOK_AT_PORT_EVERY: Duration = Duration::from_secs(1);
/// How long nobody has to listen on the port before the host is taken for gone.
const SILENT_FOR: Duration = Duration::from_secs(1);
/// Within this computer a listener takes a connection at once. Windows takes seconds to say that there is none.
const CONNECT_WITHIN: Duration = Duration::from_millis(250);

/// Remembers the host at the start.
pub struct Watch {
    parent: Option<parent::Process>,
    started: Instant,
    port: Port,
}

impl Watch {
    /// Looks who started this program.
    pub fn new() -> Self {
        Self { parent: parent::Process::find(), started: Instant::now(), port: Port::default() }
    }

    /// Whether the host is gone. To be asked again and again.
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
        self.port.is_deserted(Instant::now(), || listens(port))
    }
}

/// Whether somebody listens on a port of this computer. Asked with a connection: Windows would let us have the port of a
/// host that listens on all addresses.
fn listens(port: u16) -> bool {
    let addresses: [IpAddr; 2] = [Ipv4Addr::LOCALHOST.into(), Ipv6Addr::LOCALHOST.into()];
    addresses
        .into_iter()
        .any(|address| TcpStream::connect_timeout(&SocketAddr::new(address, port), CONNECT_WITHIN).is_ok())
}

/// What the port has told so far.
#[derive(Default)]
struct Port {
    looked: Option<Instant>,
    silent_since: Option<Instant>,
}

impl Port {
    fn is_deserted(&mut self, now: Instant, listens: impl FnOnce() -> bool) -> bool {
        if self.looked.is_some_and(|looked| now - looked < LOOK_AT_PORT_EVERY) {
            return false;
        }
        self.looked = Some(now);
        if listens() {
            self.silent_since = None;
            return false;
        }
        let since = *self.silent_since.get_or_insert(now);
        now - since >= SILENT_FOR
    }
}

/// Ends what the package has started and left, in the host's stead, if the host has given us a process group of our own for
/// that; with it this process, which has nothing left to do. On Windows the host's job object does it.
pub fn end_what_is_left() {
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

    /// The system's first process, which takes what has no parent any more.
    const INIT: u32 = 1;

    pub struct Process(u32);

    impl Process {
        /// The parent, unless there was none any more, or never one: macOS starts applications by its first process.
        pub fn find() -> Option<Self> {
            Some(parent_id()).filter(|parent| *parent != INIT).map(Self)
        }

        /// The system hands an orphan to another parent.
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
        /// The parent, if it still lives and may be asked.
        pub fn find() -> Option<Self> {
            let mut system = System::new().ok()?;
            let mut look_at = |pid: Pid| {
                system.refresh_processes_specifics(
                    ProcessesToUpdate::Some(&[pid]),
                    true,
                    ProcessRefreshKind::nothing(),
                );
                system.process(pid).map(|process| (process.parent(), process.start_time()))
            };
            let (parent, our_start) = look_at(sysinfo::get_current_pid().ok()?)?;
            let parent = parent?;
            // As long as it is held, no other process gets its number.
            let handle = WaitHandle::open(i32::try_from(parent.as_u32()).ok()?).ok()?;
            // The number of a parent that has ended may be another process's by now, one that started after us.
            let (_, its_start) = look_at(parent)?;
            (its_start <= our_start).then_some(Self(handle))
        }

        /// A process that can't be asked any more counts as ended.
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
    fn a_port_is_deserted_when_nobody_has_listened_for_a_while() {
        let (mut port, start) = (Port::default(), Instant::now());
        let at = |millis| start + Duration::from_millis(millis);
        assert!(!port.is_deserted(at(0), || true));
        assert!(!port.is_deserted(at(999), || unreachable!("not asked that often")));
        assert!(!port.is_deserted(at(1000), || false));
        assert!(!port.is_deserted(at(2000), || true), "it was away for a moment");
        assert!(!port.is_deserted(at(3000), || false));
        assert!(port.is_deserted(at(4000), || false));
    }

    #[test]
    fn a_listener_is_found_on_any_address() {
        for address in ["127.0.0.1:0", "0.0.0.0:0", "[::1]:0", "[::]:0"] {
            // There are computers without IPv6.
            let Ok(listener) = TcpListener::bind(address) else { continue };
            let port = listener.local_addr().unwrap().port();
            assert!(listens(port), "{address}");
            drop(listener);
            assert!(!listens(port), "{address}");
        }
    }
}
