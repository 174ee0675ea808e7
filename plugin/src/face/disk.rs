//! Files of covers that are kept over a restart, so that what was played yesterday shows at once and costs nothing.
//!
//! Only a convenience: whatever goes wrong here, the cover is fetched. A file is named by the hash of its address and
//! begins with the hash of its content, so that one that was cut short or damaged is told from a good one.

use std::io::{self, Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use sha2::{Digest as _, Sha256};

/// Length of the hash before the content, in bytes.
const HASH: usize = 32;
/// How the files' names end.
const ENDING: &str = "cover";

/// A folder of covers' files.
#[derive(Debug, Clone)]
pub(super) struct Disk {
    folder: PathBuf,
    /// Room that all files may take, in bytes.
    most: u64,
    /// Length that one may have, in bytes.
    longest: usize,
}

impl Disk {
    /// Nothing is read or made here. The folder is for nothing else than these files.
    pub(super) fn new(folder: PathBuf, most: u64, longest: usize) -> Disk {
        Disk { folder, most, longest }
    }

    /// The file of an address, if it is here and whole; one that isn't is removed.
    pub(super) fn get(&self, url: &str) -> Option<Vec<u8>> {
        let path = self.path(url);
        let mut bytes = Vec::new();
        let file = std::fs::File::open(&path).ok()?;
        // One more than is allowed, to see that it is longer.
        let limit = self.longest.saturating_add(HASH + 1) as u64;
        let whole = (&file).take(limit).read_to_end(&mut bytes).is_ok()
            && bytes.len() <= self.longest.saturating_add(HASH)
            && bytes.split_at_checked(HASH).is_some_and(|(hash, content)| hash == Sha256::digest(content).as_slice());
        if !whole {
            drop(file);
            self.remove(url);
            return None;
        }
        // What was used last is removed last. Where that can't be written down, it is what was fetched last.
        let _ = std::fs::File::options().append(true).open(&path).and_then(|file| file.set_modified(SystemTime::now()));
        bytes.drain(..HASH);
        Some(bytes)
    }

    /// Keeps a file, and removes what was not used for longest if there is too much.
    pub(super) fn put(&self, url: &str, content: &[u8]) {
        if let Err(error) = self.write(&self.path(url), content).and_then(|()| self.shrink()) {
            tracing::debug!(%error, "a cover is not kept on disk");
        }
    }

    /// Removes the file of an address.
    pub(super) fn remove(&self, url: &str) {
        // It may be gone already; else it is overwritten.
        let _ = std::fs::remove_file(self.path(url));
    }

    fn path(&self, url: &str) -> PathBuf {
        let name: String = Sha256::digest(url).iter().map(|byte| format!("{byte:02x}")).collect();
        self.folder.join(name).with_extension(ENDING)
    }

    /// All of it or nothing: what is read may be written by another copy of the package at the same time.
    fn write(&self, path: &Path, content: &[u8]) -> io::Result<()> {
        std::fs::create_dir_all(&self.folder)?;
        let mut file = tempfile::NamedTempFile::new_in(&self.folder)?;
        file.write_all(&Sha256::digest(content))?;
        file.write_all(content)?;
        file.persist(path).map(drop).map_err(|error| error.error)
    }

    /// Brings the folder within its bound. What a crash left half written goes the same way.
    fn shrink(&self) -> io::Result<()> {
        let mut files = Vec::new();
        for entry in std::fs::read_dir(&self.folder)? {
            let entry = entry?;
            // One that another copy has removed meanwhile.
            let Ok(about) = entry.metadata() else { continue };
            if about.is_file() {
                files.push((about.modified().unwrap_or(SystemTime::UNIX_EPOCH), about.len(), entry.path()));
            }
        }
        let mut bytes: u64 = files.iter().map(|(_, length, _)| length).sum();
        files.sort_unstable();
        for (_, length, path) in files {
            if bytes <= self.most {
                break;
            }
            if std::fs::remove_file(path).is_ok() {
                bytes -= length;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn disk(most: u64) -> (tempfile::TempDir, Disk) {
        let folder = tempfile::tempdir().expect("folder");
        let disk = Disk::new(folder.path().join("covers"), most, 1_000);
        (folder, disk)
    }

    fn age(disk: &Disk, url: &str, seconds: u64) {
        let file = std::fs::File::options().append(true).open(disk.path(url)).expect("kept");
        file.set_modified(SystemTime::now() - Duration::from_secs(seconds)).expect("set");
    }

    #[test]
    fn what_was_kept_is_found_again_by_its_address_alone() {
        let (_folder, disk) = disk(10_000);
        assert_eq!(disk.get("https://a/1"), None);
        disk.put("https://a/1", b"one");
        disk.put("https://a/2", b"two");
        disk.put("https://a/2", b"two anew");
        assert_eq!(disk.get("https://a/1").as_deref(), Some(&b"one"[..]));
        assert_eq!(disk.get("https://a/2").as_deref(), Some(&b"two anew"[..]));
    }

    #[test]
    fn a_damaged_file_is_removed() {
        let (_folder, disk) = disk(10_000);
        for damage in [&b""[..], b"short", &[0; 40], &[7; 5_000]] {
            disk.put("https://a/1", b"one");
            std::fs::write(disk.path("https://a/1"), damage).expect("written");
            assert_eq!(disk.get("https://a/1"), None);
            assert!(!disk.path("https://a/1").exists());
        }
        let whole = |disk: &Disk| std::fs::read(disk.path("https://a/1")).expect("read");
        disk.put("https://a/1", b"one");
        for place in 0..whole(&disk).len() {
            disk.put("https://a/1", b"one");
            let mut bytes = whole(&disk);
            bytes[place] ^= 1;
            std::fs::write(disk.path("https://a/1"), bytes).expect("written");
            assert_eq!(disk.get("https://a/1"), None, "{place}");
        }
    }

    #[test]
    fn a_file_that_is_too_long_is_not_read() {
        let (_folder, disk) = disk(10_000);
        disk.put("https://a/1", &[1; 1_001]);
        assert_eq!(disk.get("https://a/1"), None);
    }

    #[test]
    fn what_was_not_used_for_longest_makes_room() {
        let (folder, disk) = disk(3 * (100 + HASH as u64));
        for (url, seconds) in [("a", 40), ("b", 30), ("c", 20)] {
            disk.put(url, &[1; 100]);
            age(&disk, url, seconds);
        }
        assert!(disk.get("a").is_some());
        disk.put("d", &[1; 100]);
        assert_eq!(["a", "b", "c", "d"].map(|url| disk.get(url).is_some()), [true, false, true, true]);
        // What a crash left of a file that was being written.
        let left = folder.path().join("covers/.tmp123");
        std::fs::write(&left, [1; 100]).expect("written");
        let old = std::fs::File::options().append(true).open(&left).expect("there");
        old.set_modified(SystemTime::UNIX_EPOCH).expect("set");
        drop(old);
        disk.put("e", &[1; 100]);
        assert!(!left.exists());
    }

    #[test]
    fn a_folder_that_can_not_be_made_is_no_harm() {
        let file = tempfile::NamedTempFile::new().expect("file");
        let disk = Disk::new(file.path().join("covers"), 1_000, 1_000);
        disk.put("a", b"one");
        assert_eq!(disk.get("a"), None);
    }
}
