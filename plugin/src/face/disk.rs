//! The disk cache of covers, so that those of yesterday are shown at once after a restart without a download.
//!
//! If anything fails here, the cover is downloaded. A file's name is the hash of its URL, and its first bytes are the hash of
//! its content, so that truncated and damaged files are detected.

use std::io::{self, Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use sha2::{Digest as _, Sha256};

use crate::hex;

/// Length of the hash before the content, in bytes.
const HASH_BYTES: usize = 32;
/// Extension of the file names.
const EXTENSION: &str = "cover";

/// A folder of cover files.
#[derive(Debug, Clone)]
pub(super) struct Disk {
    folder: PathBuf,
    /// Upper bound of the size of all files, in bytes.
    max_bytes: u64,
    /// Upper bound of the length of one file's content, in bytes.
    max_file_bytes: usize,
}

impl Disk {
    /// Creates a cache in a folder that contains nothing else. Doesn't access the disk.
    pub(super) fn new(folder: PathBuf, max_bytes: u64, max_file_bytes: usize) -> Disk {
        Disk { folder, max_bytes, max_file_bytes }
    }

    /// Returns the file of a URL, if it is cached. Removes the file if it is damaged.
    pub(super) fn get(&self, url: &str) -> Option<Vec<u8>> {
        let path = self.path(url);
        let mut bytes = Vec::new();
        let file = std::fs::File::open(&path).ok()?;
        // One byte more than allowed, to detect a longer file.
        let limit = self.max_file_bytes.saturating_add(HASH_BYTES + 1) as u64;
        let is_intact = (&file).take(limit).read_to_end(&mut bytes).is_ok()
            && bytes.len() <= self.max_file_bytes.saturating_add(HASH_BYTES)
            && bytes
                .split_at_checked(HASH_BYTES)
                .is_some_and(|(hash, content)| hash == Sha256::digest(content).as_slice());
        if !is_intact {
            drop(file);
            self.remove(url);
            return None;
        }
        // The modification time is the time of last use, for the eviction. If it can't be set, it is that of the download.
        let _ = std::fs::File::options().append(true).open(&path).and_then(|file| file.set_modified(SystemTime::now()));
        bytes.drain(..HASH_BYTES);
        Some(bytes)
    }

    /// Stores a file, and removes the least recently used ones if the cache exceeds its bound.
    pub(super) fn put(&self, url: &str, content: &[u8]) {
        if let Err(error) = self.write(&self.path(url), content).and_then(|()| self.evict()) {
            tracing::debug!(%error, "a cover can't be cached on disk");
        }
    }

    /// Removes the file of a URL.
    pub(super) fn remove(&self, url: &str) {
        // If this fails, the file doesn't exist or is overwritten later.
        let _ = std::fs::remove_file(self.path(url));
    }

    fn path(&self, url: &str) -> PathBuf {
        self.folder.join(hex::encode(&Sha256::digest(url))).with_extension(EXTENSION)
    }

    /// Writes a file atomically, because another process of the package may be writing or reading it.
    fn write(&self, path: &Path, content: &[u8]) -> io::Result<()> {
        std::fs::create_dir_all(&self.folder)?;
        let mut file = tempfile::NamedTempFile::new_in(&self.folder)?;
        file.write_all(&Sha256::digest(content))?;
        file.write_all(content)?;
        file.persist(path).map(drop).map_err(|error| error.error)
    }

    /// Removes the least recently used files until the folder is within its bound, temporary files of a crash included.
    fn evict(&self) -> io::Result<()> {
        let mut files = Vec::new();
        for entry in std::fs::read_dir(&self.folder)? {
            let entry = entry?;
            // Another process may have removed it.
            let Ok(metadata) = entry.metadata() else { continue };
            if metadata.is_file() {
                files.push((metadata.modified().unwrap_or(SystemTime::UNIX_EPOCH), metadata.len(), entry.path()));
            }
        }
        let mut bytes: u64 = files.iter().map(|(_, length, _)| length).sum();
        files.sort_unstable();
        for (_, length, path) in files {
            if bytes <= self.max_bytes {
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

    fn disk(max_bytes: u64) -> (tempfile::TempDir, Disk) {
        let folder = tempfile::tempdir().expect("folder");
        let disk = Disk::new(folder.path().join("covers"), max_bytes, 1_000);
        (folder, disk)
    }

    fn age(disk: &Disk, url: &str, seconds: u64) {
        let file = std::fs::File::options().append(true).open(disk.path(url)).expect("kept");
        file.set_modified(SystemTime::now() - Duration::from_secs(seconds)).expect("set");
    }

    #[test]
    fn file_is_found_by_its_url() {
        let (_folder, disk) = disk(10_000);
        assert_eq!(disk.get("https://a/1"), None);
        disk.put("https://a/1", b"one");
        disk.put("https://a/2", b"two");
        disk.put("https://a/2", b"two again");
        assert_eq!(disk.get("https://a/1").as_deref(), Some(&b"one"[..]));
        assert_eq!(disk.get("https://a/2").as_deref(), Some(&b"two again"[..]));
    }

    #[test]
    fn damaged_file_is_removed() {
        let (_folder, disk) = disk(10_000);
        for damage in [&b""[..], b"short", &[0; 40], &[7; 5_000]] {
            disk.put("https://a/1", b"one");
            std::fs::write(disk.path("https://a/1"), damage).expect("written");
            assert_eq!(disk.get("https://a/1"), None);
            assert!(!disk.path("https://a/1").exists());
        }
        let stored = |disk: &Disk| std::fs::read(disk.path("https://a/1")).expect("read");
        disk.put("https://a/1", b"one");
        for index in 0..stored(&disk).len() {
            disk.put("https://a/1", b"one");
            let mut bytes = stored(&disk);
            bytes[index] ^= 1;
            std::fs::write(disk.path("https://a/1"), bytes).expect("written");
            assert_eq!(disk.get("https://a/1"), None, "{index}");
        }
    }

    #[test]
    fn oversized_file_is_not_read() {
        let (_folder, disk) = disk(10_000);
        disk.put("https://a/1", &[1; 1_001]);
        assert_eq!(disk.get("https://a/1"), None);
    }

    #[test]
    fn least_recently_used_file_is_evicted() {
        let (folder, disk) = disk(3 * (100 + HASH_BYTES as u64));
        for (url, seconds) in [("a", 40), ("b", 30), ("c", 20)] {
            disk.put(url, &[1; 100]);
            age(&disk, url, seconds);
        }
        assert!(disk.get("a").is_some());
        disk.put("d", &[1; 100]);
        assert_eq!(["a", "b", "c", "d"].map(|url| disk.get(url).is_some()), [true, false, true, true]);
        // A temporary file of a process that crashed while writing.
        let temporary = folder.path().join("covers/.tmp123");
        std::fs::write(&temporary, [1; 100]).expect("written");
        let file = std::fs::File::options().append(true).open(&temporary).expect("exists");
        file.set_modified(SystemTime::UNIX_EPOCH).expect("set");
        drop(file);
        disk.put("e", &[1; 100]);
        assert!(!temporary.exists());
    }

    #[test]
    fn uncreatable_folder_is_harmless() {
        let file = tempfile::NamedTempFile::new().expect("file");
        let disk = Disk::new(file.path().join("covers"), 1_000, 1_000);
        disk.put("a", b"one");
        assert_eq!(disk.get("a"), None);
    }
}
