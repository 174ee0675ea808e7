//! Why the deck doesn't do what it was asked for: one type for the hub, the API and scripts. Its `Display` is what users
//! read, in sentences; its causes are the errors of the modules that a request went through.

use std::borrow::Cow;
use std::io;

use axum::Json;
use axum::extract::rejection::BytesRejection;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use host_sdk::bundle::BundleError;
use serde_json::json;
use tokio::task::JoinError;

use crate::autostart::AutostartError;
use crate::hub::ImportError;
use crate::icon::IconError;
use crate::package::PackageFileError;
use crate::preferences::PreferenceError;
use crate::store::SaveError;

/// Why a request isn't carried out.
#[derive(Debug, thiserror::Error)]
pub enum DeckError {
    /// The request names something of this kind that doesn't exist.
    #[error("There is no such {0}.")]
    NoSuch(&'static str),
    /// What the request asks for doesn't exist.
    #[error("{0}")]
    NotFound(Cow<'static, str>),
    /// The request doesn't fit the Panel or the package in its current state.
    #[error("{0}")]
    Conflict(Cow<'static, str>),
    /// The hub has ended or is about to.
    #[error("Creator Deck is stopping.")]
    Stopping,
    /// A task of the deck panicked while it carried out the request.
    #[error("Creator Deck has failed: {0}. Start it again.")]
    Panicked(#[from] JoinError),
    /// The body isn't what the call takes.
    #[error("The call can't be read: {0}.")]
    Body(#[source] serde_json::Error),
    /// The path exists, but not with this method.
    #[error("This call takes another method.")]
    Method,
    /// The session or token is missing or wrong.
    #[error("The session or token is missing or out of date. Open the page again: run creator-deck open.")]
    NoAccess,
    /// A call that belongs to the page came from elsewhere.
    #[error("Only the deck's page can begin a session.")]
    NotThePage,
    /// The package sent a picture that is no data URI.
    #[error("The picture's data URI can't be read.")]
    Picture(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// A file can't be a key's icon.
    #[error(transparent)]
    Icon(#[from] IconError),
    /// A preference can't be changed like this.
    #[error(transparent)]
    Preference(#[from] PreferenceError),
    /// The body of an import didn't arrive whole, or is too large.
    #[error("The Panel can't be taken: {0}.")]
    PanelUpload(#[source] BytesRejection),
    /// A file can't be imported.
    #[error(transparent)]
    Import(#[from] ImportError),
    /// The body of an installation didn't arrive whole, or is too large.
    #[error("The package can't be taken: {0}.")]
    PackageUpload(#[source] BytesRejection),
    /// A bundle can't be installed.
    #[error("{0}.")]
    Bundle(#[from] BundleError),
    /// An installed package can't be read.
    #[error(transparent)]
    PackageFile(#[from] PackageFileError),
    /// A package's folder can't be removed.
    #[error("The package can't be removed: {0}.")]
    Uninstall(#[source] io::Error),
    /// The state can't be written.
    #[error(transparent)]
    Save(#[from] SaveError),
    /// The page can't show where the deck's files are.
    #[error("The path of the data folder is no text. Choose another folder with --data.")]
    DataFolder(#[source] serde_json::Error),
    /// Starting with the computer can't be changed.
    #[error("Starting with the computer can't be looked up or changed: {0}.")]
    Autostart(#[from] AutostartError),
    /// A folder can't be shown on the user's desktop.
    #[error("{folder} can't be opened: {source}.")]
    OpenFolder {
        /// The folder's path.
        folder: String,
        /// Why.
        source: io::Error,
    },
}

impl DeckError {
    /// What was asked for doesn't exist. Takes a sentence.
    pub fn not_found(why: impl Into<Cow<'static, str>>) -> Self {
        Self::NotFound(why.into())
    }

    /// What was asked for isn't possible now. Takes sentences, the last of which says what to do.
    pub fn conflict(why: impl Into<Cow<'static, str>>) -> Self {
        Self::Conflict(why.into())
    }

    /// The status with which the API answers.
    fn status(&self) -> StatusCode {
        match self {
            Self::NoSuch(_) | Self::NotFound(_) => StatusCode::NOT_FOUND,
            Self::Method => StatusCode::METHOD_NOT_ALLOWED,
            Self::NoAccess => StatusCode::UNAUTHORIZED,
            Self::NotThePage => StatusCode::FORBIDDEN,
            Self::Picture(_) => StatusCode::UNPROCESSABLE_ENTITY,
            Self::Body(_)
            | Self::Icon(_)
            | Self::Preference(_)
            | Self::PanelUpload(_)
            | Self::Import(_)
            | Self::PackageUpload(_)
            | Self::DataFolder(_) => StatusCode::BAD_REQUEST,
            Self::Bundle(BundleError::InUse(_))
            | Self::Conflict(_)
            | Self::PackageFile(_)
            | Self::Uninstall(_)
            | Self::Autostart(_)
            | Self::OpenFolder { .. } => StatusCode::CONFLICT,
            Self::Bundle(BundleError::Disk(_)) | Self::Panicked(_) => StatusCode::INTERNAL_SERVER_ERROR,
            Self::Bundle(_) => StatusCode::BAD_REQUEST,
            Self::Stopping => StatusCode::SERVICE_UNAVAILABLE,
            Self::Save(_) => StatusCode::INSUFFICIENT_STORAGE,
        }
    }
}

impl IntoResponse for DeckError {
    fn into_response(self) -> Response {
        (self.status(), Json(json!({"error": self.to_string()}))).into_response()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_have_their_status_and_sentence() {
        for (error, status, sentence) in [
            (DeckError::NoSuch("package"), StatusCode::NOT_FOUND, "There is no such package."),
            (DeckError::conflict("The device sleeps."), StatusCode::CONFLICT, "The device sleeps."),
            (DeckError::Stopping, StatusCode::SERVICE_UNAVAILABLE, "Creator Deck is stopping."),
            (SaveError::Stopping.into(), StatusCode::INSUFFICIENT_STORAGE, "Creator Deck is stopping."),
            (BundleError::InUse("busy.exe".into()).into(), StatusCode::CONFLICT, "busy.exe"),
        ] {
            assert_eq!((error.status(), error.to_string().contains(sentence)), (status, true), "{error}");
        }
    }
}
