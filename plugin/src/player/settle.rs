//! What has become of a call whose connection was lost, where it must not be carried out twice: Spotify's own state tells.
//!
//! Whatever has the same effect twice as once is repeated by [`Client`] itself; what is left are the calls that go on by one
//! (next, previous) and those that add one.

use std::time::Duration;

use super::command::Call;
use crate::spotify::{Client, Error, Uri};

/// Spotify's reads lag some 100 ms behind its writes.
const PAUSE: Duration = Duration::from_millis(500);
/// A position that is earlier than before by more than this is that of an item that was begun again.
const BACK_MS: u64 = 1_500;

/// What was playing when a call was sent, as far as that was sure.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct LastPlaying {
    pub uri: Uri,
    pub position_ms: u64,
}

/// What has become of a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    /// It was carried out.
    Done,
    /// It was not, and may be sent again.
    NotDone,
    /// That can't be known, or it is too late to send it again.
    Unknown,
}

/// Finds out what has become of a call that failed with this error.
pub(super) async fn outcome(spotify: &Client, call: &Call, before: Option<&LastPlaying>, error: &Error) -> Outcome {
    // After a time-out the press is 10 s old: it is only said whether it worked.
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
                let begun_again = now.progress_ms.is_some_and(|now| now + BACK_MS < before.position_ms);
                item.uri.as_ref() != Some(&before.uri) || begun_again
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
    tracing::info!(?call, ?done, "a call that was lost was looked after");
    match done {
        Some(true) => Outcome::Done,
        Some(false) if in_time => Outcome::NotDone,
        _ => Outcome::Unknown,
    }
}
