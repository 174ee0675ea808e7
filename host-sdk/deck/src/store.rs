//! Keeps the deck's state on disk. Writes are atomic and durable (a new file, synced, renamed over the old one), gathered
//! for a moment so that a package that stores its settings at every turn of a knob doesn't wear the disk, and flushed at
//! the end. A file that can't be read is set aside, never deleted, and never stops the start.

use std::fs;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::log::Log;
use crate::state::Saved;

const FILE_NAME: &str = "state.json";
const NEW_NAME: &str = "state.json.new";
const DAMAGED_NAME: &str = "state.json.damaged";

/// How long to wait after a disk that said no.
const RETRY_AFTER: Duration = Duration::from_secs(5);

/// Reads the state; an empty one if there is none or it can't be used.
///
/// # Errors
/// If a damaged file can't be set aside: going on would overwrite what a user may want to save.
pub fn load(folder: &Path, log: &Log) -> io::Result<Saved> {
    let path = folder.join(FILE_NAME);
    let text = match fs::read(&path) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Saved::default()),
        Err(error) => return Err(error),
    };
    let why = match serde_json::from_slice::<Saved>(&text) {
        Ok(saved) if saved.version == Saved::VERSION => return Ok(saved),
        Ok(saved) => format!("it was written by another version of the program ({})", saved.version),
        Err(error) => error.to_string(),
    };
    let aside = folder.join(DAMAGED_NAME);
    fs::rename(&path, &aside)?;
    log.error(None, format!("The saved Panel can't be read ({why}). It is kept as {}.", aside.display()));
    Ok(Saved::default())
}

/// Writes states to disk in the background.
#[derive(Debug)]
pub struct Store {
    latest: watch::Sender<Saved>,
    task: JoinHandle<()>,
}

impl Store {
    /// Starts the task that writes to `folder`.
    #[must_use]
    pub fn start(folder: PathBuf, save_after: Duration, log: Log) -> Self {
        let (latest, states) = watch::channel(Saved::default());
        Self { latest, task: tokio::spawn(run(folder, save_after, states, log)) }
    }

    /// Hands over what shall be on disk soon.
    pub fn save(&self, state: Saved) {
        self.latest.send_replace(state);
    }

    /// Writes what is still unwritten and ends.
    pub async fn flush(self) {
        drop(self.latest);
        // An error means that the task panicked, and there is nobody left to tell.
        let _ = self.task.await;
    }
}

async fn run(folder: PathBuf, save_after: Duration, mut states: watch::Receiver<Saved>, log: Log) {
    while states.changed().await.is_ok() {
        wait(save_after, &mut states).await;
        loop {
            let state = states.borrow_and_update().clone();
            let folder = folder.clone();
            let written = tokio::task::spawn_blocking(move || write(&folder, &state)).await;
            let error = match written {
                Ok(Ok(())) => break,
                Ok(Err(error)) => error.to_string(),
                Err(panic) => panic.to_string(),
            };
            log.error(None, format!("The Panel can't be saved ({error}). Make room on the disk or check its rights."));
            if wait(RETRY_AFTER, &mut states).await {
                return;
            }
        }
    }
}

/// Waits, but not beyond the end. True if the end came.
async fn wait(duration: Duration, states: &mut watch::Receiver<Saved>) -> bool {
    let ended = async { while states.changed().await.is_ok() {} };
    tokio::time::timeout(duration, ended).await.is_ok()
}

fn write(folder: &Path, state: &Saved) -> io::Result<()> {
    let text = serde_json::to_vec_pretty(state)?;
    let new = folder.join(NEW_NAME);
    let mut file = fs::File::create(&new)?;
    file.write_all(&text)?;
    file.sync_all()?;
    drop(file);
    fs::rename(&new, folder.join(FILE_NAME))?;
    // The rename itself is on disk when the folder is. Windows has no such call and needs none.
    #[cfg(unix)]
    fs::File::open(folder)?.sync_all()?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn state(key: &str) -> Saved {
        let mut saved = Saved::default();
        saved.package_settings.insert(key.to_owned(), serde_json::Map::new());
        saved
    }

    #[tokio::test]
    async fn what_was_handed_over_last_is_there_after_a_flush() {
        let folder = tempfile::tempdir().unwrap();
        // Long enough that only the flush can have written it.
        let store = Store::start(folder.path().to_owned(), Duration::from_secs(3600), Log::default());
        store.save(state("one"));
        tokio::task::yield_now().await;
        store.save(state("two"));
        store.flush().await;
        assert_eq!(load(folder.path(), &Log::default()).unwrap(), state("two"));
        assert!(!folder.path().join(NEW_NAME).exists());
    }

    #[test]
    fn a_file_that_is_not_there_is_an_empty_state() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(load(folder.path(), &Log::default()).unwrap(), Saved::default());
    }

    #[test]
    fn damaged_and_foreign_files_are_set_aside() {
        for text in ["", "{\"version\": 1, \"instances\": [", "[]", r#"{"version": 99, "instances": []}"#] {
            let (folder, log) = (tempfile::tempdir().unwrap(), Log::default());
            fs::write(folder.path().join(FILE_NAME), text).unwrap();
            assert_eq!(load(folder.path(), &log).unwrap(), Saved::default(), "{text}");
            assert_eq!(fs::read_to_string(folder.path().join(DAMAGED_NAME)).unwrap(), text);
            assert_eq!(log.entries().len(), 1, "the user is told");
        }
    }
}
