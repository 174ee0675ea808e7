//! The deck on the user's desktop: where its files are, and whether it starts with the computer.

use std::io;
use std::path::{Path, PathBuf};

use axum::body::Bytes;
use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::{get, post, put};
use axum::{Json, Router};
use serde::{Deserialize, Serialize};

use crate::autostart::Autostart;
use crate::error::DeckError;
use crate::http::{Api, read, run_blocking};
use crate::log_file;

/// Shows a folder in the system's file manager.
pub type OpenFolder = fn(&Path) -> io::Result<()>;

/// The deck on the user's desktop.
#[derive(Clone, Debug)]
pub struct Desktop {
    /// The data folder.
    pub data: PathBuf,
    /// The folder of the log.
    pub logs: PathBuf,
    /// How to start with the computer; none if it can't.
    pub autostart: Option<Autostart>,
    /// How to show a folder; none without a desktop.
    pub open_folder: Option<OpenFolder>,
}

/// The desktop as the page sees it.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct View<'a> {
    data: &'a Path,
    logs: &'a Path,
    /// The largest size of the log in megabytes.
    log_megabytes: u64,
    /// None if it can't.
    starts_with_computer: Option<bool>,
    /// Why that is unknown.
    starts_error: Option<String>,
    opens_folders: bool,
}

/// One of the deck's folders.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Folder {
    Data,
    Logs,
}

/// Returns the API's routes for the desktop.
pub fn calls() -> Router<Api> {
    Router::new()
        .route("/desktop", get(desktop))
        .route("/desktop/start", put(set_start))
        .route("/desktop/open", post(open_folder))
}

async fn desktop(State(api): State<Api>) -> Result<Json<serde_json::Value>, DeckError> {
    let view = run_blocking(move || {
        let Desktop { data, logs, autostart, open_folder } = &*api.desktop;
        let (starts_with_computer, starts_error) = match autostart.as_ref().map(Autostart::is_on).transpose() {
            Ok(is_on) => (is_on, None),
            Err(error) => (None, Some(DeckError::from(error).to_string())),
        };
        let view = View {
            data,
            logs,
            log_megabytes: log_file::MAX_BYTES >> 20,
            starts_with_computer,
            starts_error,
            opens_folders: open_folder.is_some(),
        };
        serde_json::to_value(view)
    });
    view.await?.map(Json).map_err(DeckError::DataFolder)
}

async fn set_start(State(api): State<Api>, body: Bytes) -> Result<StatusCode, DeckError> {
    #[derive(Deserialize)]
    struct Start {
        on: bool,
    }
    let Start { on } = read(&body)?;
    let done = run_blocking(move || match &api.desktop.autostart {
        Some(autostart) => Ok(autostart.set(on)?),
        None => Err(DeckError::conflict("Creator Deck can't start with this computer as it was started now.")),
    });
    done.await?.map(|()| StatusCode::NO_CONTENT)
}

async fn open_folder(State(api): State<Api>, body: Bytes) -> Result<StatusCode, DeckError> {
    #[derive(Deserialize)]
    struct Which {
        folder: Folder,
    }
    let Which { folder } = read(&body)?;
    let done = run_blocking(move || {
        let Desktop { data, logs, open_folder, .. } = &*api.desktop;
        let folder = match folder {
            Folder::Data => data,
            Folder::Logs => logs,
        };
        let open = open_folder.ok_or_else(|| DeckError::conflict("Creator Deck runs without a desktop."))?;
        open(folder).map_err(|source| DeckError::OpenFolder { folder: folder.display().to_string(), source })
    });
    done.await?.map(|()| StatusCode::NO_CONTENT)
}
