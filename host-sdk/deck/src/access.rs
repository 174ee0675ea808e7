//! How the user's own programs find the API: a file in the data folder with the page's address and the token, readable
//! by the user's account only. It exists while the deck runs.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use axum::body::{Body, to_bytes};
use axum::http::{Request, StatusCode, header};
use host_sdk::files;
use hyper_util::rt::TokioIo;
use serde::Deserialize;
use tokio::net::TcpStream;
use tokio::time::timeout;
use url::Url;

use crate::http::TOKEN_HEADER;

/// The file's name in the data folder.
pub const FILE_NAME: &str = "api.json";

/// How long a deck may take to answer.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(10);
/// Bytes of an answer.
const MAX_BYTES: usize = 64 << 10;

/// The file's content.
#[derive(Deserialize)]
struct Content {
    url: String,
    token: String,
}

/// Why a running deck didn't return an address of its page.
#[derive(Debug, thiserror::Error)]
pub enum NotRunning {
    /// There is no file, or it can't be read.
    #[error("no Creator Deck runs with the data folder {}; start it with creator-deck", folder.display())]
    NoFile {
        /// The data folder.
        folder: PathBuf,
        /// The system's error.
        source: io::Error,
    },
    /// The file has other content.
    #[error("{} isn't what Creator Deck writes there; end Creator Deck and start it again", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
    },
    /// The deck doesn't answer.
    #[error("the Creator Deck of the data folder {} doesn't answer; end it and start it again", folder.display())]
    Silent {
        /// The data folder.
        folder: PathBuf,
    },
}

/// Requests an address of the page that lets one browser in from the deck that runs with a data folder.
///
/// # Errors
/// If none runs there, or it doesn't answer.
pub async fn running_entry_url(folder: &Path) -> Result<String, NotRunning> {
    let path = folder.join(FILE_NAME);
    let text = fs::read(&path).map_err(|source| NotRunning::NoFile { folder: folder.to_owned(), source })?;
    let Ok(Content { url, token }) = serde_json::from_slice(&text) else { return Err(NotRunning::Damaged { path }) };
    let port = Url::parse(&url).ok().and_then(|url| url.port()).ok_or(NotRunning::Damaged { path })?;
    let answer = timeout(ANSWER_TIMEOUT, ask_for_key(port, &token)).await;
    answer.ok().and_then(Result::ok).ok_or_else(|| NotRunning::Silent { folder: folder.to_owned() })
}

async fn ask_for_key(port: u16, token: &str) -> anyhow::Result<String> {
    #[derive(Deserialize)]
    struct Answer {
        url: String,
    }
    let stream = TcpStream::connect(("127.0.0.1", port)).await?;
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
    tokio::spawn(connection);
    let request = Request::post("/api/keys")
        .header(header::HOST, format!("127.0.0.1:{port}"))
        .header(TOKEN_HEADER, token)
        .body(Body::empty())?;
    let response = sender.send_request(request).await?;
    anyhow::ensure!(response.status() == StatusCode::OK, "it answered {}", response.status());
    let body = to_bytes(Body::new(response.into_body()), MAX_BYTES).await?;
    Ok(serde_json::from_slice::<Answer>(&body)?.url)
}

/// The file. Dropping it removes it.
#[derive(Debug)]
pub struct Access {
    path: PathBuf,
}

impl Access {
    /// Writes the file, [for its owner alone](files::write_private).
    ///
    /// # Errors
    /// If it can't be written.
    pub fn write(folder: &Path, url: &str, token: &str) -> io::Result<Self> {
        let path = folder.join(FILE_NAME);
        let text = serde_json::json!({"url": url, "token": token}).to_string();
        // A leftover file may have other permissions, or be a link to elsewhere: it is removed, not written to.
        files::write_private(&path, text.as_bytes())?;
        Ok(Self { path })
    }
}

impl Drop for Access {
    fn drop(&mut self) {
        // Without the deck the token is worthless; a leftover file does no harm.
        let _ = fs::remove_file(&self.path);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn access_file_is_private_and_removed_with_the_deck() {
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
