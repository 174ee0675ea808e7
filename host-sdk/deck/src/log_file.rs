//! The log on disk: one JSON object per line in [rotating files](host_sdk::log), so that an author can read it later. A
//! thread of its own writes it: a slow or full disk delays nothing else, but loses lines, whose number is logged.

use std::io;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};

use host_sdk::files;
use host_sdk::log::{LogFiles, LogLimits};
use serde::Serialize;
use tokio::sync::oneshot;

/// Only one deck uses a data folder, so its log needs no names for several processes.
const LIMITS: LogLimits = LogLimits { file_bytes: 5 << 20, older_files: 3, stuck_bytes: 10 << 20, processes: 1 };
/// Bytes of all files, unless one can't be renamed.
pub const MAX_BYTES: u64 = LIMITS.file_bytes * (LIMITS.older_files as u64 + 1);
/// Lines that may wait for the disk.
const QUEUE_LEN: usize = 4096;

/// Writes lines to rotating files. Clones write to the same ones; the thread ends with the last of them.
#[derive(Clone, Debug)]
pub struct LogFile {
    lines: Option<SyncSender<Vec<u8>>>,
    lost: Arc<AtomicU64>,
}

impl LogFile {
    /// Creates a log file that writes nothing.
    #[cfg(test)]
    #[must_use]
    pub fn none() -> Self {
        Self { lines: None, lost: Arc::default() }
    }

    /// Writes to `deck.log` in this folder, which is created if necessary; older files are `deck.1.log` and up. Also
    /// returns a future that ends with the thread.
    ///
    /// # Errors
    /// If the folder can't be created or the thread can't be started.
    pub fn start(folder: &Path) -> io::Result<(Self, impl Future<Output = ()> + Send + 'static)> {
        files::create_private_folder(folder)?;
        let (lines, queue) = sync_channel(QUEUE_LEN);
        let lost = Arc::new(AtomicU64::new(0));
        let files = LogFiles::new(folder, "deck", LIMITS);
        let lost_here = lost.clone();
        let (alive, ended) = oneshot::channel::<()>();
        std::thread::Builder::new().name("log file".to_owned()).spawn(move || {
            let _alive = alive;
            run(files, &queue, &lost_here);
        })?;
        // The channel only closes: nothing is ever sent.
        Ok((Self { lines: Some(lines), lost }, async move { drop(ended.await) }))
    }

    /// Queues a line. It is lost, and counted, if the disk is too slow.
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
    let mut has_warned = false;
    while let Ok(line) = queue.recv() {
        let missing = lost.swap(0, Ordering::Relaxed);
        let reported = if missing == 0 { Ok(()) } else { files.write(format!("{{\"lost\":{missing}}}\n").as_bytes()) };
        // If the line about lost lines couldn't be written, they are still to be reported.
        let unreported = if reported.is_ok() { 1 } else { missing + 1 };
        match reported.and_then(|()| files.write(&line)) {
            Ok(()) => has_warned = false,
            Err(error) => {
                lost.fetch_add(unreported, Ordering::Relaxed);
                if !has_warned {
                    tracing::warn!(%error, folder = %files.folder().display(), "the log can't be written");
                }
                has_warned = true;
            }
        }
    }
}
