//! The deck's log as its page shows it: the last entries, and new ones as they come. Every entry also goes to the
//! program's own log (stderr) and to a file. It is independent of the hub, so that a package that floods it delays no
//! other.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

use serde::Serialize;
use tokio::sync::broadcast;

use crate::log_file::LogFile;
use crate::traffic::masked_start;

/// Entries that are kept.
const MAX_KEPT: usize = 500;
/// Entries that a page may fall behind; beyond that it misses the oldest ones.
const MAX_LAG: usize = 1000;
/// Bytes of a message that are kept.
pub const MAX_LEN: usize = 4096;

/// The severity of an entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Level {
    /// Information.
    Info,
    /// Something is wrong, but the deck or package continues.
    Warn,
    /// Something doesn't work.
    Error,
}

/// One line of the log.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Entry {
    /// Milliseconds since 1970.
    pub time: u64,
    /// The package that it concerns, if any.
    pub package: Option<String>,
    /// Its severity.
    pub level: Level,
    /// The message, with secrets masked.
    pub message: String,
}

/// The log. Clones share it.
#[derive(Clone, Debug)]
pub struct Log {
    entries: Arc<Mutex<VecDeque<Arc<Entry>>>>,
    news: broadcast::Sender<Arc<Entry>>,
    file: LogFile,
    now: fn() -> SystemTime,
}

#[cfg(test)]
impl Default for Log {
    fn default() -> Self {
        Self::new(LogFile::none())
    }
}

impl Log {
    /// Creates an empty log, which also writes to `file`.
    #[must_use]
    pub fn new(file: LogFile) -> Self {
        Self { entries: Arc::default(), news: broadcast::channel(MAX_LAG).0, file, now: SystemTime::now }
    }

    /// Adds an entry.
    pub fn write(&self, level: Level, package: Option<&str>, message: impl AsRef<str>) {
        // Masked: packages print addresses, which may contain secrets.
        let message = masked_start(message.as_ref(), MAX_LEN);
        let about = package.unwrap_or("deck");
        match level {
            Level::Info => tracing::info!(target: "creator_deck", package = about, "{message}"),
            Level::Warn => tracing::warn!(target: "creator_deck", package = about, "{message}"),
            Level::Error => tracing::error!(target: "creator_deck", package = about, "{message}"),
        }
        let time = unix_millis((self.now)());
        let entry = Arc::new(Entry { time, package: package.map(str::to_owned), level, message });
        let mut entries = self.entries.lock().unwrap_or_else(PoisonError::into_inner);
        if entries.len() == MAX_KEPT {
            evict_one(&mut entries);
        }
        entries.push_back(entry.clone());
        self.file.write(&*entry);
        // Within the lock, so that entries and events have the same order. An error means that no page is open.
        let _ = self.news.send(entry);
    }

    /// Adds an entry with information.
    pub fn info(&self, package: Option<&str>, message: impl AsRef<str>) {
        self.write(Level::Info, package, message);
    }

    /// Adds a warning.
    pub fn warn(&self, package: Option<&str>, message: impl AsRef<str>) {
        self.write(Level::Warn, package, message);
    }

    /// Adds an error.
    pub fn error(&self, package: Option<&str>, message: impl AsRef<str>) {
        self.write(Level::Error, package, message);
    }

    /// Returns the last entries, oldest first.
    #[must_use]
    pub fn entries(&self) -> Vec<Arc<Entry>> {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner).iter().cloned().collect()
    }

    /// Receives entries from now on.
    #[must_use]
    pub fn subscribe(&self) -> broadcast::Receiver<Arc<Entry>> {
        self.news.subscribe()
    }
}

/// Returns milliseconds since 1970.
pub fn unix_millis(time: SystemTime) -> u64 {
    let millis = time.duration_since(UNIX_EPOCH).unwrap_or_default().as_millis();
    u64::try_from(millis).unwrap_or(u64::MAX)
}

/// Removes the oldest entry of the package that has the most, so that a package that floods the log evicts its own
/// lines only.
fn evict_one(entries: &mut VecDeque<Arc<Entry>>) {
    let mut counts: HashMap<Option<&str>, usize> = HashMap::new();
    for entry in &*entries {
        *counts.entry(entry.package.as_deref()).or_default() += 1;
    }
    let most = counts.values().copied().max().unwrap_or_default();
    let oldest = entries.iter().position(|entry| counts.get(&entry.package.as_deref()) == Some(&most));
    entries.remove(oldest.unwrap_or_default());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn last_entries_are_kept_and_truncated_at_characters() {
        let log = Log::default();
        for n in 0..=MAX_KEPT {
            log.info(None, n.to_string());
        }
        let entries = log.entries();
        assert_eq!((entries.len(), entries[0].message.as_str()), (MAX_KEPT, "1"));
        log.warn(Some("com.x"), "é".repeat(MAX_LEN));
        let last = log.entries().pop().unwrap();
        assert_eq!(last.message.chars().count(), MAX_LEN / 2 + 1);
        assert_eq!((last.level, last.package.as_deref()), (Level::Warn, Some("com.x")));
    }

    #[test]
    fn secrets_in_log_messages_are_masked() {
        let log = Log::default();
        log.info(Some("com.x"), r#"answered {"access_token":"S1","expires_in":3600} for client_secret="S2""#);
        log.info(Some("com.x"), format!("Authorization: Basic S3 {}", "x".repeat(MAX_LEN)));
        let entries = log.entries();
        assert!(entries.iter().all(|entry| (1..=3).all(|n| !entry.message.contains(&format!("S{n}")))), "{entries:?}");
        assert!(entries[0].message.contains(r#""expires_in":3600"#));
    }

    #[test]
    fn flooding_package_evicts_its_own_entries_only() {
        let log = Log::default();
        (0..50).for_each(|n| log.info(Some("com.quiet"), format!("quiet {n}")));
        (0..2 * MAX_KEPT).for_each(|n| log.info(Some("com.loud"), format!("loud {n}")));
        let entries = log.entries();
        let quiet: Vec<_> = entries.iter().filter(|entry| entry.package.as_deref() == Some("com.quiet")).collect();
        assert_eq!((entries.len(), quiet.len()), (MAX_KEPT, 50));
        assert_eq!(entries.last().unwrap().message, format!("loud {}", 2 * MAX_KEPT - 1));
        assert_eq!(entries[50].message, format!("loud {}", 2 * MAX_KEPT - (MAX_KEPT - 50)), "its own oldest went");
    }
}
