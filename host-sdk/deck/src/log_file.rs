//! The log on disk: one JSON object a line, in a few files of bounded size, so that an author can look at what happened
//! after the fact. Written by a thread of its own: a slow or full disk delays nobody, it only loses lines, and says so.

use std::fs::{self, File};
use std::io::{self, Read as _, Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};

use host_sdk::files;
use serde::Serialize;
use tokio::sync::oneshot;

/// Bytes of a file before the next one is begun.
const FILE_BYTES: u64 = 5 << 20;
/// Files that are kept beside the one that is written.
const OLDER: u32 = 3;
/// Bytes of all of them.
pub const MOST_BYTES: u64 = FILE_BYTES * (OLDER as u64 + 1);
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

    /// Writes to `deck.log` in this folder, which is made if it isn't there; older files are `deck.1.log` and up. Answers what
    /// waits for the end of the thread that does it, too.
    ///
    /// # Errors
    /// If the folder can't be made or the thread can't be started.
    pub fn start(folder: &Path) -> io::Result<(Self, impl Future<Output = ()> + Send + 'static)> {
        files::create_private_folder(folder)?;
        let (lines, queue) = sync_channel(WAITING);
        let lost = Arc::new(AtomicU64::new(0));
        let files = Files { folder: folder.to_owned(), largest: FILE_BYTES, open: None };
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

fn run(mut files: Files, queue: &Receiver<Vec<u8>>, lost: &AtomicU64) {
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
                // The file is opened anew with the next line, when there may be room again.
                files.open = None;
                if !complained {
                    tracing::warn!(%error, folder = %files.folder.display(), "the log can't be written");
                }
                complained = true;
            }
        }
    }
}

#[derive(Debug)]
struct Files {
    folder: PathBuf,
    largest: u64,
    open: Option<(File, u64)>,
}

impl Files {
    fn write(&mut self, line: &[u8]) -> io::Result<()> {
        let length = u64::try_from(line.len()).unwrap_or(u64::MAX);
        if self.open.as_ref().is_some_and(|(_, size)| *size > 0 && size.saturating_add(length) > self.largest) {
            let (_, size) = self.open.take().unzip();
            match self.rotate() {
                // In use, or the disk doesn't allow it: it grows for a while, not for ever.
                Err(error) if size > Some(self.largest.saturating_mul(2)) => return Err(error),
                _ => {}
            }
        }
        let (mut file, size) = match self.open.take() {
            Some(open) => open,
            None => self.open()?,
        };
        file.write_all(line)?;
        self.open = Some((file, size.saturating_add(length)));
        Ok(())
    }

    fn open(&self) -> io::Result<(File, u64)> {
        files::create_private_folder(&self.folder)?;
        let mut file = files::private_options().create(true).read(true).append(true).open(self.path(0))?;
        let mut size = file.metadata()?.len();
        // A full disk, or the program's sudden end, may have cut off the last line in the middle.
        let mut last = [b'\n'];
        if size > 0 {
            file.seek(SeekFrom::End(-1))?;
            file.read_exact(&mut last)?;
        }
        if last != [b'\n'] {
            file.write_all(b"\n")?;
            size += 1;
        }
        Ok((file, size))
    }

    /// Every file takes the name of the next older one; the oldest is gone. First the newest one steps aside: should it
    /// not be able to, the others stay as they are.
    fn rotate(&self) -> io::Result<()> {
        let aside = self.folder.join("deck.log.full");
        // One that the program's sudden end has left there goes on first.
        self.take_in(&aside)?;
        fs::rename(self.path(0), &aside)?;
        self.take_in(&aside)
    }

    fn take_in(&self, aside: &Path) -> io::Result<()> {
        if !aside.is_file() {
            return Ok(());
        }
        for age in (1..OLDER).rev() {
            // A file that isn't there yet has nothing to give.
            let _ = fs::rename(self.path(age), self.path(age + 1));
        }
        fs::rename(aside, self.path(1))
    }

    fn path(&self, age: u32) -> PathBuf {
        self.folder.join(if age == 0 { "deck.log".to_owned() } else { format!("deck.{age}.log") })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_rotate_and_the_oldest_goes() {
        let folder = tempfile::tempdir().unwrap();
        let mut files = Files { folder: folder.path().to_owned(), largest: 20, open: None };
        for n in 0..20 {
            files.write(format!("line number {n:02}\n").as_bytes()).unwrap();
        }
        let mut names: Vec<_> =
            fs::read_dir(folder.path()).unwrap().map(|file| file.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        assert_eq!(names, ["deck.1.log", "deck.2.log", "deck.3.log", "deck.log"]);
        assert_eq!(fs::read_to_string(files.path(0)).unwrap(), "line number 19\n");
        assert_eq!(fs::read_to_string(files.path(3)).unwrap(), "line number 16\n");
        // As if the program had ended in the middle of it.
        fs::rename(files.path(0), folder.path().join("deck.log.full")).unwrap();
        files.open = None;
        files.write(b"the next one, and long\n").unwrap();
        files.write(b"one more\n").unwrap();
        let all: Vec<_> = (0..=OLDER).map(|age| fs::read_to_string(files.path(age)).unwrap()).collect();
        let expected = ["one more\n", "the next one, and long\n", "line number 19\n", "line number 18\n"];
        assert_eq!(all, expected);
    }

    #[test]
    fn a_file_that_cant_be_rotated_grows_for_a_while_and_takes_none_of_the_others_with_it() {
        let folder = tempfile::tempdir().unwrap();
        let mut files = Files { folder: folder.path().to_owned(), largest: 20, open: None };
        fs::write(files.path(1), "older\n").unwrap();
        // A folder in the way refuses the name to whoever runs this.
        fs::create_dir(folder.path().join("deck.log.full")).unwrap();
        let written = (0..20).take_while(|n| files.write(format!("line number {n:02}\n").as_bytes()).is_ok()).count();
        assert_eq!((written, fs::metadata(files.path(0)).unwrap().len()), (3, 45));
        assert_eq!(fs::read_to_string(files.path(1)).unwrap(), "older\n");
        fs::remove_dir(folder.path().join("deck.log.full")).unwrap();
        files.write(b"again\n").unwrap();
        files.write(b"and again, in a new one\n").unwrap();
        assert_eq!(fs::read_to_string(files.path(2)).unwrap(), "older\n");
        assert!(fs::read_to_string(files.path(1)).unwrap().ends_with("line number 02\nagain\n"));
    }

    #[test]
    fn a_line_that_was_cut_off_ends_where_it_was() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("deck.log"), "whole\nha").unwrap();
        let mut files = Files { folder: folder.path().to_owned(), largest: 1000, open: None };
        files.write(b"next\n").unwrap();
        assert_eq!(fs::read_to_string(files.path(0)).unwrap(), "whole\nha\nnext\n");
    }

    #[test]
    fn a_file_of_an_earlier_start_is_gone_on_with() {
        let folder = tempfile::tempdir().unwrap();
        for _ in 0..2 {
            let mut files = Files { folder: folder.path().to_owned(), largest: 1000, open: None };
            files.write(b"x\n").unwrap();
        }
        assert_eq!(fs::read_to_string(folder.path().join("deck.log")).unwrap(), "x\nx\n");
    }
}
