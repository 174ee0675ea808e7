//! Finds out whether a call was carried out whose connection was lost, and which must not be carried out twice.
//!
//! [`Client`] itself repeats calls that have the same effect twice as once. That leaves those that move on by one (next,
//! previous) and those that add one; Spotify's state shows what became of them.

use std::time::Duration;

use super::command::Call;
use crate::spotify::{Client, Error, Uri};

/// Spotify's reads lag some 100 ms behind its writes.
const PAUSE: Duration = Duration::from_millis(500);
/// An item whose position is earlier than before by more than this was started again.
const RESTARTED: Duration = Duration::from_millis(1_500);

/// What was playing when a call was sent, if that was certain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct LastPlaying {
    pub uri: Uri,
    pub position: Duration,
}

/// What became of a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    /// It was carried out.
    Done,
    /// It was not, and may be sent again.
    NotDone,
    /// That can't be known, or it is too late to send it again.
    Unknown,
}

/// Finds out what became of a call that failed with this error.
pub(super) async fn outcome(spotify: &Client, call: &Call, before: Option<&LastPlaying>, error: &Error) -> Outcome {
    // After a time-out the press is 10 s old: its outcome is only reported.
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
