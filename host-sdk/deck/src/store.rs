//! Keeps the deck's state on disk. Writes are atomic and durable (a new file, synced, renamed over the old one), gathered
//! for a moment so that a package that stores its settings at every turn of a knob doesn't wear the disk, and flushed at
//! the end. The file before the last one is kept: when the last can't be read it is set aside, never deleted, and the one
//! before it is used. Neither a damaged file nor a full disk stops the deck; the user is told.

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
/// The file before the last one.
const LAST_NAME: &str = "state.json.last";
const DAMAGED_NAME: &str = "state.json.damaged";

/// How long to wait after a disk that said no.
const RETRY_AFTER: Duration = Duration::from_secs(5);

/// What was on disk.
#[derive(Clone, Debug, PartialEq)]
pub struct Loaded {
    /// The state; an empty one if nothing on disk can be used.
    pub saved: Saved,
    /// What the user has to know about it, in sentences.
    pub notice: Option<String>,
}

/// Reads the state: the last file, else the one before it, else an empty one.
///
/// # Errors
/// If a damaged file can't be set aside: going on would overwrite what a user may want to save.
pub fn load(folder: &Path, log: &Log) -> io::Result<Loaded> {
    let why = match read(&folder.join(FILE_NAME))? {
        Some(Ok(saved)) => return Ok(Loaded { saved, notice: None }),
        Some(Err(why)) => Some(why),
        None => None,
    };
    let mut notice = match why {
        Some(why) => {
            let aside = folder.join(DAMAGED_NAME);
            fs::rename(folder.join(FILE_NAME), &aside)?;
            format!("The saved Panel can't be read ({why}). It is kept as {}.", aside.display())
        }
        None => "The saved Panel is missing.".to_owned(),
    };
    let before = read(&folder.join(LAST_NAME))?.and_then(Result::ok);
    match &before {
        Some(_) => notice += " The last good copy is used: what was changed in the moment before may be gone.",
        // Nothing was ever saved.
        None if !folder.join(DAMAGED_NAME).exists() => return Ok(Loaded { saved: Saved::empty(), notice: None }),
        None => notice += " There is no good copy, so the Panel is empty.",
    }
    log.error(None, notice.as_str());
    Ok(Loaded { saved: before.unwrap_or_else(Saved::empty), notice: Some(notice) })
}

/// A file's state, or why it can't be used; none if there is no file.
fn read(path: &Path) -> io::Result<Option<Result<Saved, String>>> {
    match fs::read(path) {
        Ok(text) => Ok(Some(Saved::read(&text))),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// Writes states to disk in the background.
#[derive(Debug)]
pub struct Store {
    latest: watch::Sender<Saved>,
    /// Why the state can't be written, as long as it can't.
    pub trouble: watch::Receiver<Option<String>>,
    task: JoinHandle<()>,
}

impl Store {
    /// Starts the task that writes to `folder`.
    #[must_use]
    pub fn start(folder: PathBuf, save_after: Duration, log: Log) -> Self {
        let (latest, states) = watch::channel(Saved::default());
        let (tell, trouble) = watch::channel(None);
        Self { latest, trouble, task: tokio::spawn(run(folder, save_after, states, tell, log)) }
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

async fn run(
    folder: PathBuf,
    save_after: Duration,
    mut states: watch::Receiver<Saved>,
    trouble: watch::Sender<Option<String>>,
    log: Log,
) {
    while states.changed().await.is_ok() {
        wait(save_after, &mut states).await;
        loop {
            let state = states.borrow_and_update().clone();
            let folder = folder.clone();
            let written = tokio::task::spawn_blocking(move || write(&folder, &state)).await;
            let error = match written {
                Ok(Ok(())) => {
                    trouble.send_if_modified(|trouble| trouble.take().is_some());
                    break;
                }
                Ok(Err(error)) => error.to_string(),
                Err(panic) => panic.to_string(),
            };
            let why = format!("The Panel can't be saved ({error}). Make room on the disk or check its rights.");
            log.error(None, why.as_str());
            trouble.send_replace(Some(why));
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
    keep_last(folder)?;
    fs::rename(&new, folder.join(FILE_NAME))?;
    // The rename itself is on disk when the folder is. Windows has no such call and needs none.
    #[cfg(unix)]
    fs::File::open(folder)?.sync_all()?;
    Ok(())
}

/// Keeps the file that is about to be replaced. At no moment is there none: it gets a second name, which stays.
fn keep_last(folder: &Path) -> io::Result<()> {
    let (file, last) = (folder.join(FILE_NAME), folder.join(LAST_NAME));
    if !file.exists() {
        return Ok(());
    }
    match fs::remove_file(&last) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    // Some file systems know no second names.
    fs::hard_link(&file, &last).or_else(|_| fs::copy(&file, &last).map(drop))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn state(key: &str) -> Saved {
        let mut saved = Saved::empty();
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
        assert_eq!(load(folder.path(), &Log::default()).unwrap().saved, state("two"));
        assert!(!folder.path().join(NEW_NAME).exists());
    }

    #[test]
    fn a_file_that_is_not_there_is_an_empty_state() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(load(folder.path(), &Log::default()).unwrap().saved, Saved::empty());
    }

    #[test]
    fn damaged_and_foreign_files_are_set_aside() {
        for text in ["", "{\"version\": 1, \"instances\": [", "[]", r#"{"version": 99, "instances": []}"#] {
            let (folder, log) = (tempfile::tempdir().unwrap(), Log::default());
            fs::write(folder.path().join(FILE_NAME), text).unwrap();
            assert_eq!(load(folder.path(), &log).unwrap().saved, Saved::empty(), "{text}");
            assert_eq!(fs::read_to_string(folder.path().join(DAMAGED_NAME)).unwrap(), text);
            assert_eq!(log.entries().len(), 1, "the user is told");
        }
    }

    #[test]
    fn of_a_damaged_or_missing_file_the_last_good_copy_is_used() {
        for damage in [Some("{\"version\": 2, \"inst"), None] {
            let folder = tempfile::tempdir().unwrap();
            let file = folder.path().join(FILE_NAME);
            for key in ["one", "two", "three"] {
                write(folder.path(), &state(key)).unwrap();
            }
            match damage {
                Some(text) => fs::write(folder.path().join(NEW_NAME), text)
                    .and_then(|()| fs::rename(folder.path().join(NEW_NAME), &file))
                    .unwrap(),
                None => fs::remove_file(&file).unwrap(),
            }
            let loaded = load(folder.path(), &Log::default()).unwrap();
            assert_eq!(loaded.saved, state("two"));
            assert!(loaded.notice.unwrap().contains("last good copy"));
            write(folder.path(), &loaded.saved).unwrap();
            assert_eq!(load(folder.path(), &Log::default()).unwrap(), Loaded { saved: state("two"), notice: None });
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_disk_that_takes_nothing_is_told_of_until_it_does() {
        let folder = tempfile::tempdir().unwrap();
        // A folder in the way of the new file fails every write, for whoever runs this.
        fs::create_dir(folder.path().join(NEW_NAME)).unwrap();
        let store = Store::start(folder.path().to_owned(), Duration::ZERO, Log::default());
        let mut trouble = store.trouble.clone();
        store.save(state("kept"));
        trouble.wait_for(Option::is_some).await.unwrap();
        fs::remove_dir(folder.path().join(NEW_NAME)).unwrap();
        trouble.wait_for(Option::is_none).await.unwrap();
        store.flush().await;
        assert_eq!(load(folder.path(), &Log::default()).unwrap().saved, state("kept"));
    }
}
