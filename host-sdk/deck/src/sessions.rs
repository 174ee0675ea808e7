//! Who may use the deck's page: a browser that has shown a one-time key.
//!
//! The address that the deck prints and opens carries a key. The first browser whose page exchanges it receives a
//! session: a cookie that scripts can't read and other sites can't use (`HttpOnly`, `SameSite=Strict`), and a secret
//! that the page keeps in its origin's storage. The API requires both. The cookie alone isn't enough: browsers send it
//! to every port of 127.0.0.1, so any program that makes the user's browser visit a port of its own could read it,
//! while storage belongs to the origin. The secret alone isn't enough either: a script injected into the page could
//! steal it.
//!
//! Only hashes of sessions are kept, in memory and, for pages that stay open while the deck restarts, in the data
//! folder. The user's own programs have another way in (`access`).

use std::collections::VecDeque;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::{fs, io};

use host_sdk::files;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;

use crate::log::Log;
use crate::{hex, random_id};

/// The file's name in the data folder.
const FILE_NAME: &str = "sessions.json";
/// Keys that may be unused at a time; a further one replaces the oldest.
const MAX_KEYS: usize = 16;
/// Sessions at a time; a further one replaces the oldest.
const MAX_SESSIONS: usize = 64;

/// SHA-256 of a secret, in hexadecimal digits. The secrets are 128 random bits, so it can't be reversed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
struct Hash(String);

impl Hash {
    fn of(secret: &str) -> Self {
        Self(hex(&Sha256::digest(secret.as_bytes())))
    }

    fn is(&self, other: &Self) -> bool {
        self.0.as_bytes().ct_eq(other.0.as_bytes()).into()
    }
}

/// A browser's session.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Session {
    cookie: Hash,
    secret: Hash,
}

#[derive(Debug, Default)]
struct Inner {
    keys: VecDeque<Hash>,
    sessions: VecDeque<Session>,
}

/// A new session, for its browser. No `Debug`: both parts are secrets.
pub struct NewSession {
    /// The value of the cookie.
    pub cookie: String,
    /// The secret that the page stores.
    pub secret: String,
}

/// The sessions and the unused keys. Clones share them.
#[derive(Clone, Debug)]
pub struct Sessions {
    inner: Arc<Mutex<Inner>>,
    /// The file. Locked while it is written.
    file: Arc<Mutex<PathBuf>>,
    log: Log,
}

impl Sessions {
    /// Loads the sessions of the deck's last run. If the file can't be read there are none: browsers need a key again.
    #[must_use]
    pub fn load(folder: &Path, log: Log) -> Self {
        let file = folder.join(FILE_NAME);
        let sessions = match fs::read(&file) {
            Ok(text) => serde_json::from_slice(&text).unwrap_or_default(),
            Err(_) => VecDeque::new(),
        };
        let inner = Arc::new(Mutex::new(Inner { keys: VecDeque::new(), sessions }));
        Self { inner, file: Arc::new(Mutex::new(file)), log }
    }

    /// Makes a key that lets one browser in.
    #[must_use]
    pub fn new_key(&self) -> String {
        let key = random_id();
        self.with_mut(|inner| {
            inner.keys.truncate(MAX_KEYS - 1);
            inner.keys.push_front(Hash::of(&key));
        });
        key
    }

    /// Whether a key is unused.
    #[must_use]
    pub fn is_key(&self, key: &str) -> bool {
        let key = Hash::of(key);
        self.with(|inner| inner.keys.iter().any(|known| known.is(&key)))
    }

    /// Uses a key and begins a session. Returns none if the key is unknown. Blocks: writes a file.
    #[must_use]
    pub fn begin(&self, key: &str) -> Option<NewSession> {
        let new_session = NewSession { cookie: random_id(), secret: random_id() };
        let session = Session { cookie: Hash::of(&new_session.cookie), secret: Hash::of(&new_session.secret) };
        let is_used = self.with_mut(|inner| {
            let is_used = inner.use_up(key);
            if is_used {
                inner.sessions.truncate(MAX_SESSIONS - 1);
                inner.sessions.push_front(session);
            }
            is_used
        });
        is_used.then(|| {
            self.store();
            new_session
        })
    }

    /// Uses a key for a browser that already has a session.
    pub fn discard(&self, key: &str) {
        self.with_mut(|inner| inner.use_up(key));
    }

    /// Whether a cookie belongs to a session.
    #[must_use]
    pub fn is_cookie(&self, cookie: &str) -> bool {
        let cookie = Hash::of(cookie);
        self.with(|inner| inner.sessions.iter().any(|session| session.cookie.is(&cookie)))
    }

    /// Whether a cookie and a secret belong to the same session.
    #[must_use]
    pub fn is_session(&self, cookie: &str, secret: &str) -> bool {
        let (cookie, secret) = (Hash::of(cookie), Hash::of(secret));
        self.with(|inner| {
            let session = inner.sessions.iter().find(|session| session.cookie.is(&cookie));
            session.is_some_and(|session| session.secret.is(&secret))
        })
    }

    fn with<T>(&self, read: impl FnOnce(&Inner) -> T) -> T {
        read(&self.inner.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn with_mut<T>(&self, change: impl FnOnce(&mut Inner) -> T) -> T {
        change(&mut self.inner.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Writes the sessions. If that fails they end with the deck, and nothing else is lost.
    fn store(&self) {
        let file = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        let sessions = self.with(|inner| inner.sessions.clone());
        let written =
            serde_json::to_vec(&sessions).map_err(io::Error::other).and_then(|text| files::replace(&file, &text));
        if let Err(error) = written {
            let file = file.display();
            let why = format!("{file} can't be written ({error}): open pages need a new key after a restart.");
            self.log.warn(None, why);
        }
    }
}

impl Inner {
    fn use_up(&mut self, key: &str) -> bool {
        let key = Hash::of(key);
        let at = self.keys.iter().position(|known| known.is(&key));
        at.is_some_and(|at| self.keys.remove(at).is_some())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sessions(folder: &Path) -> Sessions {
        Sessions::load(folder, Log::default())
    }

    #[test]
    fn key_lets_one_browser_in() {
        let folder = tempfile::tempdir().unwrap();
        let sessions = sessions(folder.path());
        let key = sessions.new_key();
        assert!(sessions.is_key(&key) && !sessions.is_key("") && !sessions.is_key(&key[1..]));
        let NewSession { cookie, .. } = sessions.begin(&key).unwrap();
        assert!(sessions.is_cookie(&cookie) && !sessions.is_cookie("") && !sessions.is_cookie(&key));
        assert!(!sessions.is_key(&key) && sessions.begin(&key).is_none());
        let other = sessions.new_key();
        sessions.discard(&other);
        assert!(!sessions.is_key(&other));
    }

    #[test]
    fn secret_belongs_to_its_cookie() {
        let folder = tempfile::tempdir().unwrap();
        let sessions = sessions(folder.path());
        let [one, two] = [(); 2].map(|()| sessions.begin(&sessions.new_key()).unwrap());
        assert!(sessions.is_session(&one.cookie, &one.secret));
        for (cookie, secret) in [
            (&two.cookie, &one.secret),
            (&one.cookie, &two.secret),
            (&one.cookie, &one.cookie),
            (&one.secret, &one.secret),
        ] {
            assert!(!sessions.is_session(cookie, secret));
        }
        assert!(!sessions.is_session(&one.cookie, "") && !sessions.is_session("", &one.secret));
    }

    #[test]
    fn sessions_are_saved_without_their_secrets() {
        let folder = tempfile::tempdir().unwrap();
        let before = sessions(folder.path());
        let key = before.new_key();
        let NewSession { cookie, secret } = before.begin(&before.new_key()).unwrap();
        let after = sessions(folder.path());
        assert!(after.is_session(&cookie, &secret) && !after.is_key(&key));
        let file = fs::read_to_string(folder.path().join(FILE_NAME)).unwrap();
        assert!(!file.contains(&cookie) && !file.contains(&secret), "{file}");
        let debug = format!("{before:?}");
        assert!(!debug.contains(&secret) && !debug.contains(&key), "{debug}");
        fs::write(folder.path().join(FILE_NAME), "damaged").unwrap();
        assert!(!sessions(folder.path()).is_cookie(&cookie));
    }

    #[test]
    fn keys_and_sessions_are_bounded() {
        let folder = tempfile::tempdir().unwrap();
        let sessions = sessions(folder.path());
        let keys: Vec<_> = (0..=MAX_KEYS).map(|_| sessions.new_key()).collect();
        assert!(sessions.begin(&keys[0]).is_none());
        let first = sessions.begin(&keys[1]).unwrap();
        for _ in 0..MAX_SESSIONS {
            assert!(sessions.begin(&sessions.new_key()).is_some());
        }
        assert!(!sessions.is_cookie(&first.cookie));
    }
}
