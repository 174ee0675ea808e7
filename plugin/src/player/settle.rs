//! Finds out whether a call was carried out after its connection was lost.
//!
//! [`Client`] repeats idempotent calls itself. Calls that skip or add an item must not be repeated blindly; Spotify's state
//! shows whether they were carried out.

use std::time::Duration;

use super::command::Call;
use crate::spotify::{Client, Error, Uri};

/// Spotify's reads lag some 100 ms behind its writes.
const PAUSE: Duration = Duration::from_millis(500);
/// An item whose position is lower than before by more than this was started again.
const RESTARTED: Duration = Duration::from_millis(1_500);

/// The current item and its position when a call was sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct LastPlaying {
    pub uri: Uri,
    pub position: Duration,
}

/// Whether a call was carried out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    /// It was carried out.
    Done,
    /// It was not carried out, and may be sent again.
    NotDone,
    /// Unknown, or it is too late to send it again.
    Unknown,
}

/// Finds out whether a call that failed with `error` was carried out. `before`: the state when it was sent.
pub(super) async fn outcome(spotify: &Client, call: &Call, before: Option<&LastPlaying>, error: &Error) -> Outcome {
    // After a timeout the press is 10 s old, too old to be sent again.
    let in_time = match error {
        Error::ConnectionLost => true,
        Error::SpotifyDown(None) => false,
        _ => return Outcome::Unknown,
    };
    if !matches!(call, Call::Next | Call::Previous | Call::AddToPlaylist { .. } | Call::Enqueue(_)) {
        return Outcome::Unknown;
    }
    tokio::time::sleep(PAUSE).await;
    let done = match call {
        Call::Next | Call::Previous => match (before, spotify.player().await) {
            (Some(before), Ok(Some(now))) => now.item.map(|item| {
                let restarted =
                    now.progress_ms.is_some_and(|now| Duration::from_millis(now) + RESTARTED < before.position);
                item.uri.as_ref() != Some(&before.uri) || restarted
            }),
            _ => None,
        },
        Call::AddToPlaylist { playlist, uri } => spotify.ends_with(playlist, uri).await.ok(),
        Call::Enqueue(uri) => {
            let queue = spotify.queue().await.ok();
            queue.map(|queue| queue.iter().any(|item| item.uri.as_ref() == Some(uri)))
        }
        _ => None,
    };
    tracing::info!(?call, ?done, "checked whether a call with a lost connection was carried out");
    match done {
        Some(true) => Outcome::Done,
        Some(false) if in_time => Outcome::NotDone,
        _ => Outcome::Unknown,
    }
}
