//! A package's process and everything that it has started: they end together. On Windows a job object, which also ends
//! when this process does, even if it is killed; on Unix a process group.
//!
//! A process that should outlive the package has to leave it, with `CREATE_BREAKAWAY_FROM_JOB` or `setsid`.

use std::io;

use tokio::process::{Child, Command};

/// The flag with which Windows opens no console window for a program:
/// <https://learn.microsoft.com/windows/win32/procthread/process-creation-flags>.
#[cfg(windows)]
pub const CREATE_NO_WINDOW: u32 = 0x0800_0000;

/// A process tree. Dropping it ends what is left of it.
#[derive(Debug)]
pub struct Tree {
    #[cfg(windows)]
    _job: win32job::Job,
    #[cfg(unix)]
    group: rustix::process::Pid,
}

impl Tree {
    /// Configures a command so that its process becomes the root of a tree and has no window.
    pub fn prepare(command: &mut Command) {
        #[cfg(windows)]
        command.creation_flags(CREATE_NO_WINDOW);
        #[cfg(unix)]
        command.process_group(0);
    }

    /// Returns the tree of a process that was just started.
    ///
    /// # Errors
    /// If the system refuses to create it.
    #[cfg(windows)]
    pub fn of(child: &Child) -> io::Result<Self> {
        let mut limits = win32job::ExtendedLimitInfo::new();
        limits.limit_kill_on_job_close().limit_breakaway_ok();
        let job = win32job::Job::create_with_limit_info(&limits).map_err(io::Error::other)?;
        // None: the process has ended.
        if let Some(process) = child.raw_handle() {
            job.assign_process(process as isize).map_err(io::Error::other)?;
        }
        Ok(Self { _job: job })
    }

    /// Returns the tree of a process that was just started.
    ///
    /// # Errors
    /// If the process has ended already.
    #[cfg(unix)]
    pub fn of(child: &Child) -> io::Result<Self> {
        let group = child.id().and_then(|id| rustix::process::Pid::from_raw(id.cast_signed()));
        group.map(|group| Self { group }).ok_or_else(|| io::ErrorKind::NotFound.into())
    }
}

#[cfg(unix)]
impl Drop for Tree {
    fn drop(&mut self) {
        // An error means that nothing is left.
        let _ = rustix::process::kill_process_group(self.group, rustix::process::Signal::KILL);
    }
}
