//! How a script of the user's own finds the API: a file in the data folder with the page's address and the token, which
//! the user's account alone may read. It is there while the deck runs.

use std::fs;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use crate::private;

/// The file's name in the data folder.
pub const FILE_NAME: &str = "api.json";

/// The file. Dropping it removes it.
#[derive(Debug)]
pub struct Access {
    path: PathBuf,
}

impl Access {
    /// Writes the file anew. On Unix its mode is 0600 from its first moment; on Windows the folder's rights hold, which in
    /// a user's local application data let nobody else in but administrators.
    ///
    /// # Errors
    /// If it can't be written.
    pub fn write(folder: &Path, url: &str, token: &str) -> io::Result<Self> {
        let path = folder.join(FILE_NAME);
        // One that was left behind may have other rights, or be a link to elsewhere.
        match fs::remove_file(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let text = serde_json::json!({"url": url, "token": token}).to_string();
        let mut file = private::options().write(true).create_new(true).open(&path)?;
        // From here on it is removed again, also if the disk takes only a part of it.
        let access = Self { path };
        file.write_all(text.as_bytes())?;
        Ok(access)
    }
}

impl Drop for Access {
    fn drop(&mut self) {
        // Without the deck the token is worth nothing; the file is only in the way.
        let _ = fs::remove_file(&self.path);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_file_is_the_owners_alone_and_gone_with_the_deck() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(FILE_NAME);
        fs::write(&path, "left behind").unwrap();
        let access = Access::write(folder.path(), "http://127.0.0.1:1/", "t").unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), r#"{"token":"t","url":"http://127.0.0.1:1/"}"#);
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt as _;
            assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        }
        drop(access);
        assert!(!path.exists());
    }
}
