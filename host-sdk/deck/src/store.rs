//! Saves the deck's state. Writes are atomic and durable: a new file, synced, renamed over the old one. The first
//! change after a quiet period is written immediately; later ones are batched, so that a package that stores its
//! settings at every turn of a knob doesn't wear out the disk; the last ones are flushed at the end.
//!
//! The previous file is kept. If the last one can't be read it is renamed, never deleted, and the previous one is used.
//! Neither a damaged file nor a full disk stops the deck; the user is notified.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use host_sdk::files;
use tokio::sync::watch;
use tokio::time::Instant;

use crate::log::Log;
use crate::state::{Saved, StateError};

const FILE_NAME: &str = "state.json";
const NEW_NAME: &str = "state.json.new";
/// The previous file.
const LAST_NAME: &str = "state.json.last";
/// The new name of an unreadable file; from the second on a number is appended.
const DAMAGED_NAME: &str = "state.json.damaged";
/// The name, followed by the version, of a copy that another version of the program has written, in case the user goes
/// back to it.
const OTHER_NAME: &str = "state.json.version-";

/// How long to wait after a failed write.
const RETRY_AFTER: Duration = Duration::from_secs(5);

/// The state that was on disk.
#[derive(Clone, Debug, PartialEq)]
pub struct Loaded {
    /// The state; an empty one if nothing on disk is usable.
    pub saved: Saved,
    /// What the user has to know about it, in sentences.
    pub notice: Option<String>,
}

/// Loads the state: the last file, else the previous one, else an empty state. Unreadable files are renamed.
///
/// # Errors
/// If a file can't be read because of the disk, or a damaged one can't be renamed: going on would overwrite what the
/// user may want to rescue.
pub fn load(folder: &Path, log: &Log) -> io::Result<Loaded> {
    let (file, before) = (folder.join(FILE_NAME), folder.join(LAST_NAME));
    let mut notice = match read(&file)? {
        Some(Ok(read)) => {
            let notice = keep_and_report(&file, &read, log);
            return Ok(Loaded { saved: read.saved, notice });
        }
        Some(Err(why)) => {
            let aside = keep_damaged(&file)?;
            format!("The saved Panel can't be read ({why}). It is kept as {}.", aside.display())
        }
        None => "The saved Panel is missing.".to_owned(),
    };
    let saved = match read(&before)? {
        Some(Ok(read)) => {
            notice += " The last good copy is used: what was changed in the moment before may be gone.";
            keep_and_report(&before, &read, log).into_iter().for_each(|more| notice += &format!(" {more}"));
            read.saved
        }
        Some(Err(why)) => {
            let aside = keep_damaged(&before)?;
            notice += &format!(
                " The copy of it can't be read either ({why}), and is kept as {}. The Panel is empty.",
                aside.display()
            );
            Saved::empty()
        }
        // Nothing was ever saved.
        None if !folder.join(DAMAGED_NAME).exists() => return Ok(Loaded { saved: Saved::empty(), notice: None }),
        None => {
            notice += " There is no good copy, so the Panel is empty.";
            Saved::empty()
        }
    };
    log.error(None, notice.as_str());
    Ok(Loaded { saved, notice: Some(notice) })
}

/// A state and the version of the format in which it was written.
struct Read {
    saved: Saved,
    version: u32,
}

/// Reads a file's state; none if there is no file.
fn read(path: &Path) -> io::Result<Option<Result<Read, StateError>>> {
    match fs::read(path) {
        Ok(text) => Ok(Some(Saved::read(&text).map(|(saved, version)| Read { saved, version }))),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// Renames a damaged file to a free name. Returns its new path.
fn keep_damaged(file: &Path) -> io::Result<PathBuf> {
    let first = file.with_file_name(DAMAGED_NAME);
    let numbered = (2..).map(|number: u32| file.with_file_name(format!("{DAMAGED_NAME}-{number}")));
    // One of infinitely many names is free.
    let aside = std::iter::once(first.clone()).chain(numbered).find(|path| path.symlink_metadata().is_err());
    let aside = aside.unwrap_or(first);
    fs::rename(file, &aside)?;
    Ok(aside)
}

/// Keeps a copy of a file of another version. Returns what the user has to know, in sentences.
fn keep_and_report(file: &Path, read: &Read, log: &Log) -> Option<String> {
    let copy = keep_other_version(file, read);
    let unread = read.saved.unread.count();
    let notice = match copy {
        Some(copy) if read.version > Saved::VERSION => format!(
            "A newer Creator Deck has saved the Panel. What this version doesn't know is kept in the file; a copy is in {}.",
            copy.display()
        ),
        _ if unread > 0 => format!(
            "Parts of the saved Panel can't be read (keys and packages' settings: {unread}). They stay in the file as they are."
        ),
        _ => return None,
    };
    log.warn(None, notice.as_str());
    Some(notice)
}

/// Keeps a copy of a file of another version, which may contain more than this one knows, or less. Returns its path.
fn keep_other_version(file: &Path, read: &Read) -> Option<PathBuf> {
    if read.version == Saved::VERSION {
        return None;
    }
    let kept = file.with_file_name(format!("{OTHER_NAME}{}", read.version));
    if kept.exists() && read.version < Saved::VERSION {
        return Some(kept);
    }
    // A later file of a newer version replaces the earlier copy.
    let _ = fs::remove_file(&kept);
    // A hard link, where the file system supports it. Failing to keep a copy doesn't prevent the start.
    if let Err(error) = fs::hard_link(file, &kept).or_else(|_| fs::copy(file, &kept).map(drop)) {
        tracing::warn!(%error, file = %kept.display(), "can't keep the state of another version");
        return None;
    }
    Some(kept)
}

/// The progress of writing.
#[derive(Clone, Debug, Default)]
pub struct Progress {
    /// The number of the newest state on disk; 0 at first.
    pub written: u64,
    /// Why the last attempt failed; none once one has succeeded.
    pub last_error: Option<SaveError>,
}

/// Why the state isn't on disk, in sentences for the user.
#[derive(Clone, Debug, thiserror::Error)]
pub enum SaveError {
    /// It can't be written.
    #[error("The Panel can't be saved ({0}). Make room on the disk or check its rights.")]
    Write(#[source] Arc<io::Error>),
    /// The deck is ending.
    #[error("Creator Deck is stopping.")]
    Stopping,
}

/// The newest state.
#[derive(Debug, Default)]
struct Latest {
    /// The number of states so far.
    number: u64,
    state: Saved,
    /// The number of the newest state that a caller waits for.
    urgent: u64,
}

/// Writes states to disk in the background.
#[derive(Debug)]
pub struct Store {
    latest: watch::Sender<Latest>,
    /// The progress of writing.
    pub progress: watch::Receiver<Progress>,
}

impl Store {
    /// Creates a store, and the task that writes to `folder`: immediately after a quiet period of `save_after`, else at
    /// its end. The task ends with the store.
    pub fn new(folder: PathBuf, save_after: Duration, log: Log) -> (Self, impl Future<Output = ()> + Send + 'static) {
        let (latest, states) = watch::channel(Latest::default());
        let (sender, progress) = watch::channel(Progress::default());
        (Self { latest, progress }, run(folder, save_after, states, sender, log))
    }

    /// Hands over a state to be written soon.
    pub fn save(&self, state: Saved) {
        self.latest.send_modify(|latest| {
            latest.number += 1;
            latest.state = state;
        });
    }

    /// Waits until all states so far are on disk, which are written without further delay.
    ///
    /// # Errors
    /// If they can't be written now.
    pub fn saved(&self) -> impl Future<Output = Result<(), SaveError>> + Send + use<> {
        let number = self.latest.borrow().number;
        let mut progress = self.progress.clone();
        if progress.borrow().written < number {
            self.latest.send_modify(|latest| latest.urgent = number);
        }
        async move {
            let done = progress.wait_for(|progress| progress.written >= number || progress.last_error.is_some()).await;
            // An error means that the store's task has ended.
            let Progress { written, last_error } =
                done.map_err(|watch::error::RecvError { .. }| SaveError::Stopping)?.clone();
            if written >= number { Ok(()) } else { last_error.map_or(Ok(()), Err) }
        }
    }

    /// Writes what is still unwritten, and ends.
    pub async fn flush(self) {
        let Self { latest, mut progress } = self;
        drop(latest);
        // An error means that the task has ended.
        while progress.changed().await.is_ok() {}
    }
}

async fn run(
    folder: PathBuf,
    save_after: Duration,
    mut states: watch::Receiver<Latest>,
    progress: watch::Sender<Progress>,
    log: Log,
) {
    let mut not_before = Instant::now();
    let mut tried = 0;
    while states.wait_for(|latest| latest.number > tried).await.is_ok() {
        let mut ended = wait_until(not_before, &mut states, tried).await;
        loop {
            let (number, state) = {
                let latest = states.borrow_and_update();
                (latest.number, latest.state.clone())
            };
            tried = number;
            let folder = folder.clone();
            let written = tokio::task::spawn_blocking(move || write(&folder, &state)).await;
            let error = match written {
                Ok(Ok(())) => {
                    progress.send_replace(Progress { written: number, last_error: None });
                    break;
                }
                Ok(Err(error)) => error,
                Err(panic) => io::Error::other(panic),
            };
            let error = SaveError::Write(Arc::new(error));
            let why = error.to_string();
            if progress.borrow().last_error.as_ref().map(ToString::to_string).as_ref() != Some(&why) {
                log.error(None, why);
            }
            progress.send_modify(|progress| progress.last_error = Some(error));
            if ended {
                return;
            }
            // The end brings one more attempt.
            ended = wait_until(Instant::now() + RETRY_AFTER, &mut states, tried).await;
        }
        not_before = Instant::now() + save_after;
    }
}

/// Waits until a moment, the end, or a caller that waits for a newer state. Returns whether the end came.
async fn wait_until(moment: Instant, states: &mut watch::Receiver<Latest>, tried: u64) -> bool {
    let urgent = states.wait_for(|latest| latest.urgent > tried);
    matches!(tokio::time::timeout_at(moment, urgent).await, Ok(Err(_)))
}

fn write(folder: &Path, state: &Saved) -> io::Result<()> {
    let text = serde_json::to_vec_pretty(state)?;
    let new = folder.join(NEW_NAME);
    files::write_private(&new, &text)?;
    keep_last(folder)?;
    files::rename(&new, &folder.join(FILE_NAME))
}

/// Keeps the file that is about to be replaced. A hard link: at no moment is there no file.
fn keep_last(folder: &Path) -> io::Result<()> {
    let (file, last) = (folder.join(FILE_NAME), folder.join(LAST_NAME));
    if !file.exists() {
        return Ok(());
    }
    match fs::remove_file(&last) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    // Not all file systems support hard links.
    fs::hard_link(&file, &last).or_else(|_| fs::copy(&file, &last).map(drop))
}

#[cfg(test)]
mod tests {
    use host_sdk::json::Raw;

    use super::*;

    fn start(folder: &Path, save_after: Duration) -> Store {
        let (store, task) = Store::new(folder.to_owned(), save_after, Log::default());
        tokio::spawn(task);
        store
    }

    fn state(key: &str) -> Saved {
        let mut saved = Saved::empty();
        saved.package_settings.insert(key.to_owned(), Raw::default());
        saved
    }

    #[tokio::test]
    async fn last_state_is_on_disk_after_a_flush() {
        let folder = tempfile::tempdir().unwrap();
        // So long that only the flush can have written the second one.
        let store = start(folder.path(), Duration::from_secs(3600));
        store.save(state("one"));
        store.saved().await.unwrap();
        assert_eq!(load(folder.path(), &Log::default()).unwrap().saved, state("one"), "at once");
        store.save(state("two"));
        tokio::task::yield_now().await;
        assert_eq!(load(folder.path(), &Log::default()).unwrap().saved, state("one"), "gathered");
        store.saved().await.unwrap();
        assert_eq!(load(folder.path(), &Log::default()).unwrap().saved, state("two"), "waited for");
        store.save(state("three"));
        store.flush().await;
        assert_eq!(load(folder.path(), &Log::default()).unwrap().saved, state("three"));
        assert!(!folder.path().join(NEW_NAME).exists());
    }

    #[test]
    fn missing_file_is_an_empty_state() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(load(folder.path(), &Log::default()).unwrap().saved, Saved::empty());
    }

    #[test]
    fn damaged_files_are_renamed() {
        for text in ["", "{\"version\": 1, \"instances\": [", "[]", r#"{"version": 99, "instances": {}}"#] {
            let (folder, log) = (tempfile::tempdir().unwrap(), Log::default());
            fs::write(folder.path().join(FILE_NAME), text).unwrap();
            assert_eq!(load(folder.path(), &log).unwrap().saved, Saved::empty(), "{text}");
            assert_eq!(fs::read_to_string(folder.path().join(DAMAGED_NAME)).unwrap(), text);
            assert_eq!(log.entries().len(), 1, "the user is notified");
        }
    }

    #[test]
    fn damaged_files_are_kept_under_free_names() {
        let folder = tempfile::tempdir().unwrap();
        for n in 0..2 {
            fs::write(folder.path().join(FILE_NAME), format!("file {n}")).unwrap();
            fs::write(folder.path().join(LAST_NAME), format!("copy {n}")).unwrap();
            let loaded = load(folder.path(), &Log::default()).unwrap();
            assert_eq!(loaded.saved, Saved::empty());
            let notice = loaded.notice.unwrap();
            assert_eq!(notice.matches("is kept as").count(), 2, "{notice}");
        }
        for (name, text) in [("", "file 0"), ("-2", "copy 0"), ("-3", "file 1"), ("-4", "copy 1")] {
            assert_eq!(fs::read_to_string(folder.path().join(format!("{DAMAGED_NAME}{name}"))).unwrap(), text);
        }
        assert!(load(folder.path(), &Log::default()).unwrap().notice.is_some(), "until something is saved");
        write(folder.path(), &Saved::empty()).unwrap();
        assert_eq!(load(folder.path(), &Log::default()).unwrap().notice, None);
    }

    #[test]
    fn update_keeps_the_state_and_a_copy_of_the_old_file() {
        let folder = tempfile::tempdir().unwrap();
        let first = r#"{"version": 1, "instances": [{"context": "c", "package": "p", "widget": "w", "column": 3, "row": 1,
            "layout": 1, "state": 1, "title": "mine", "settings": {"a": 1}}], "packageSettings": {"p": {"b": 2}}}"#;
        fs::write(folder.path().join(FILE_NAME), first).unwrap();
        let Loaded { saved, notice } = load(folder.path(), &Log::default()).unwrap();
        assert_eq!((notice, saved.version, saved.instances.len()), (None, Saved::VERSION, 1));
        let placed = &saved.instances[0];
        assert_eq!((placed.column, placed.row, placed.layout, placed.state), (3, 1, 1, 1));
        assert_eq!((placed.title.as_deref(), placed.settings.text()), (Some("mine"), r#"{"a": 1}"#));
        assert_eq!(saved.package_settings["p"].text(), r#"{"b": 2}"#);
        for _ in 0..2 {
            write(folder.path(), &saved).unwrap();
        }
        assert_eq!(load(folder.path(), &Log::default()).unwrap(), Loaded { saved, notice: None });
        assert_eq!(fs::read_to_string(folder.path().join(format!("{OTHER_NAME}1"))).unwrap(), first);
    }

    #[test]
    fn state_of_a_newer_version_is_used_and_kept() {
        let folder = tempfile::tempdir().unwrap();
        let newer = r#"{"version": 7, "lights": [1], "instances": [{"context": "c", "glow": 2}, {"context": "d", "area": "dials"}]}"#;
        fs::write(folder.path().join(FILE_NAME), newer).unwrap();
        let Loaded { saved, notice } = load(folder.path(), &Log::default()).unwrap();
        assert!(notice.unwrap().contains("newer Creator Deck"));
        assert_eq!((saved.instances.len(), saved.unread.count()), (1, 1));
        write(folder.path(), &saved).unwrap();
        assert_eq!(fs::read_to_string(folder.path().join(format!("{OTHER_NAME}7"))).unwrap(), newer);
        let Loaded { saved: again, notice } = load(folder.path(), &Log::default()).unwrap();
        assert_eq!(again, saved, "nothing of it is lost by writing");
        assert!(notice.unwrap().contains("can't be read"));
    }

    #[test]
    fn previous_copy_replaces_a_damaged_or_missing_file() {
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
    async fn failing_disk_is_reported_until_it_recovers() {
        let folder = tempfile::tempdir().unwrap();
        // A folder with the new file's name fails every write, even for root.
        fs::create_dir(folder.path().join(NEW_NAME)).unwrap();
        let store = start(folder.path(), Duration::ZERO);
        store.save(state("kept"));
        assert!(store.saved().await.unwrap_err().to_string().contains("can't be saved"));
        fs::remove_dir(folder.path().join(NEW_NAME)).unwrap();
        store.progress.clone().wait_for(|progress| progress.last_error.is_none()).await.unwrap();
        store.saved().await.unwrap();
        store.flush().await;
        assert_eq!(load(folder.path(), &Log::default()).unwrap().saved, state("kept"));
    }

    #[tokio::test(start_paused = true)]
    async fn flush_retries_once() {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join(NEW_NAME)).unwrap();
        let store = start(folder.path(), Duration::ZERO);
        store.save(state("old"));
        store.saved().await.unwrap_err();
        store.save(state("new"));
        fs::remove_dir(folder.path().join(NEW_NAME)).unwrap();
        store.flush().await;
        assert_eq!(load(folder.path(), &Log::default()).unwrap().saved, state("new"));
    }
}
