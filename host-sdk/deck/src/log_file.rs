//! The log on disk: one JSON object a line in [rotating files](host_sdk::log), so that an author can look at what happened
//! after the fact. Written by a thread of its own: a slow or full disk delays nothing else, it only loses lines, which are
//! counted in the log.

use std::io;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};

use host_sdk::files;
use host_sdk::log::{LogFiles, LogLimits};
use serde::Serialize;
use tokio::sync::oneshot;

/// One deck at a time uses a data folder, so its log needs no names for several processes.
const LIMITS: LogLimits = LogLimits { file_bytes: 5 << 20, older_files: 3, stuck_bytes: 10 << 20, processes: 1 };
/// Bytes of all files, unless one can't be renamed.
pub const MOST_BYTES: u64 = LIMITS.file_bytes * (LIMITS.older_files as u64 + 1);
/// Lines that may wait for the disk.
const WAITING: usize = 4096;

/// Writes lines to rotating files. Clones write to the same ones; the thread ends with the last of them.
#[derive(Clone, Debug)]
pub struct LogFile {
    lines: Option<SyncSender<Vec<u8>>>,
    lost: Arc<AtomicU64>,
}

impl LogFile {
    /// Writes nothing.
    #[cfg(test)]
    #[must_use]
    pub fn none() -> Self {
        Self { lines: None, lost: Arc::default() }
    }

    /// Writes to `deck.log` in this folder, which is made if it isn't there; older files are `deck.1.log` and up. Returns what
    /// waits for the end of the thread that does it, too.
    ///
    /// # Errors
    /// If the folder can't be made or the thread can't be started.
    pub fn start(folder: &Path) -> io::Result<(Self, impl Future<Output = ()> + Send + 'static)> {
        files::create_private_folder(folder)?;
        let (lines, queue) = sync_channel(WAITING);
        let lost = Arc::new(AtomicU64::new(0));
        let files = LogFiles::new(folder, "deck", LIMITS);
        let lost_here = lost.clone();
        let (alive, ended) = oneshot::channel::<()>();
        std::thread::Builder::new().name("log file".to_owned()).spawn(move || {
            let _alive = alive;
            run(files, &queue, &lost_here);
        })?;
        // An error is all that there is: nothing is ever sent.
        Ok((Self { lines: Some(lines), lost }, async move { drop(ended.await) }))
    }

    /// Hands a line over. Lost, and counted, if the disk is too slow.
    pub fn write(&self, line: &impl Serialize) {
        let Some(lines) = &self.lines else { return };
        let Ok(mut text) = serde_json::to_vec(line) else { return };
        text.push(b'\n');
        if let Err(TrySendError::Full(_)) = lines.try_send(text) {
            self.lost.fetch_add(1, Ordering::Relaxed);
        }
    }
}

fn run(mut files: LogFiles, queue: &Receiver<Vec<u8>>, lost: &AtomicU64) {
    let mut complained = false;
    while let Ok(line) = queue.recv() {
        let missing = lost.swap(0, Ordering::Relaxed);
        let said = if missing == 0 { Ok(()) } else { files.write(format!("{{\"lost\":{missing}}}\n").as_bytes()) };
        // What was to be said of lost lines is to be said still if it couldn't be.
        let unsaid = if said.is_ok() { 1 } else { missing + 1 };
        match said.and_then(|()| files.write(&line)) {
            Ok(()) => complained = false,
            Err(error) => {
                lost.fetch_add(unsaid, Ordering::Relaxed);
                if !complained {
                    tracing::warn!(%error, folder = %files.folder().display(), "the log can't be written");
                }
                complained = true;
            }
        }
    }
}
