//! A package's process and whatever that has started: one unit that ends as a whole. A job object on Windows, which also
//! ends when this process does, even by force; a process group on Unix.
//!
//! What a package starts for the user to keep has to leave it: with `CREATE_BREAKAWAY_FROM_JOB`, or with `setsid`.

use std::io;

use tokio::process::{Child, Command};

/// The flag with which Windows opens no console window for a program:
/// <https://learn.microsoft.com/windows/win32/procthread/process-creation-flags>.
#[cfg(windows)]
pub const CREATE_NO_WINDOW: u32 = 0x0800_0000;

/// See the module's documentation. Dropping it ends what is left.
#[derive(Debug)]
pub struct Tree {
    #[cfg(windows)]
    _job: win32job::Job,
    #[cfg(unix)]
    group: rustix::process::Pid,
}

impl Tree {
    /// Has a command start its process as the first of a tree, and without a window.
    pub fn prepare(command: &mut Command) {
        #[cfg(windows)]
        command.creation_flags(CREATE_NO_WINDOW);
        #[cfg(unix)]
        command.process_group(0);
    }

    /// The tree of a process that has just been started.
    ///
    /// # Errors
    /// What the system has against it.
    #[cfg(windows)]
    pub fn of(child: &Child) -> io::Result<Self> {
        let mut limits = win32job::ExtendedLimitInfo::new();
        limits.limit_kill_on_job_close().limit_breakaway_ok();
        let job = win32job::Job::create_with_limit_info(&limits).map_err(io::Error::other)?;
        // None: it has ended, and there is nothing to end any more.
        if let Some(process) = child.raw_handle() {
            job.assign_process(process as isize).map_err(io::Error::other)?;
        }
        Ok(Self { _job: job })
    }

    /// The tree of a process that has just been started.
    ///
    /// # Errors
    /// If it has none, because it has ended.
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
