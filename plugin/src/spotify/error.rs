//! What a failed call means, decided here and nowhere else, from the status, the headers and the body.
//!
//! The variants are what the user can do about it; the words for keys, pages and the log come from
//! [`Error::remedy`]. Spotify's bodies are JSON mostly, sometimes plain text, sometimes nothing: whatever can't be read
//! falls back to what the status alone says.

use std::time::Duration;

use http::{HeaderMap, StatusCode};
use serde_json::Value;

use crate::auth::{AuthError, Limit, LimitKind, Remedy, retry_after};

/// Why a player command was refused although nothing is broken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Restriction {
    /// It plays already.
    AlreadyPlaying,
    /// It is paused already.
    AlreadyPaused,
    /// There is no earlier track.
    NoPrevious,
    /// There is no later track.
    NoNext,
    /// The device can't be controlled from outside.
    Device,
    /// Nothing plays that it could be about.
    NothingPlaying,
    /// What plays doesn't come from a playlist.
    NoPlaylist,
    /// No playlist has been chosen.
    NoPlaylistChosen,
    /// The playlist is somebody else's.
    NotYourPlaylist,
    /// It is a file of the user's own, of which Spotify has no more than the name.
    LocalFile,
    /// There are no Liked Songs.
    NothingLiked,
    /// What was chosen can't be played.
    NotPlayable,
    /// Not during an advertisement.
    Advertisement,
    /// Several devices have the name of the chosen one, and none its id.
    SeveralDevices,
    /// There is no other device to move to.
    NoOtherDevice,
    /// The device is awake, was asked to play, and doesn't.
    StaysSilent,
    /// Not while this plays (a station, a limited context), or Spotify didn't say.
    Other,
}

/// What is in the way of a call.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}", self.remedy().sentence())]
pub enum Error {
    /// No account can serve it; the reason is the accounts' own: not linked, sign in again, wrong ID or secret, the
    /// keyring.
    Account(AuthError),
    /// The user needs Spotify Premium.
    PremiumRequired,
    /// The owner of the app needs Spotify Premium.
    AppOwnerNeedsPremium,
    /// The user isn't on the app's allow list.
    NotOnAllowList,
    /// The sign-in doesn't allow this call: it is from a time when less was asked for.
    MissingScope,
    /// Spotify plays nowhere, or not on the chosen device any more.
    NoActiveDevice,
    /// Not possible at this moment.
    Restricted(Restriction),
    /// The device has no volume to set.
    VolumeNotAllowed,
    /// Too many calls.
    RateLimited {
        /// How long nothing may be sent. None if neither Spotify nor we know.
        retry_after: Option<Duration>,
        /// Seconds or hours.
        kind: LimitKind,
    },
    /// The network is down, or Spotify can't be reached through it.
    Offline,
    /// Spotify has trouble: its HTTP status, or None if it didn't answer in time.
    SpotifyDown(Option<u16>),
    /// Something that there is no better word for: its HTTP status.
    Unexpected(u16),
}

impl Error {
    /// Sorts an answer that is no success.
    #[must_use]
    pub fn from_answer(status: StatusCode, headers: &HeaderMap, body: &[u8]) -> Self {
        let said = Said::read(body);
        match status.as_u16() {
            401 => Self::Account(AuthError::SignInAgain),
            403 => forbidden(&said),
            404 if said.has("NO_ACTIVE_DEVICE") || said.has("device") => Self::NoActiveDevice,
            429 => Self::RateLimited {
                retry_after: retry_after(headers),
                kind: if said.has("quota") { LimitKind::Quota } else { LimitKind::Throttle },
            },
            500.. => Self::SpotifyDown(Some(status.as_u16())),
            other => Self::Unexpected(other),
        }
    }

    /// Sorts a call that got no answer.
    #[must_use]
    pub fn from_transport(error: &reqwest::Error) -> Self {
        if error.is_timeout() && !error.is_connect() { Self::SpotifyDown(None) } else { Self::Offline }
    }

    /// True for what passes without the user's doing: the same call may work a little later.
    #[must_use]
    pub fn passes(&self) -> bool {
        match self {
            Self::Account(error) => error.passes(),
            Self::RateLimited { .. } | Self::Offline | Self::SpotifyDown(_) => true,
            _ => false,
        }
    }

    /// True for a refusal that another Client ID may not meet. The call was not carried out.
    #[must_use]
    pub(super) fn lies_with_the_account(&self) -> bool {
        matches!(self, Self::RateLimited { .. } | Self::AppOwnerNeedsPremium | Self::NotOnAllowList)
    }

    /// What to tell the user.
    #[must_use]
    pub fn remedy(&self) -> Remedy {
        let (key, sentence) = match self {
            Self::Account(error) => return error.remedy(),
            Self::RateLimited { kind, .. } => {
                return AuthError::Limited(Limit { until_ms: 0, kind: *kind }).remedy();
            }
            Self::Offline => return AuthError::Offline.remedy(),
            Self::PremiumRequired => {
                ("Premium needed", "Spotify lets only Premium users control playback from other programs.")
            }
            Self::AppOwnerNeedsPremium => {
                ("App owner needs Premium", "The owner of the Spotify app with this Client ID needs Spotify Premium.")
            }
            Self::NotOnAllowList => (
                "Add user to the app",
                "This user is not on the app's list: add them in the Spotify dashboard under User Management.",
            ),
            Self::MissingScope => {
                ("Sign in again", "The sign-in doesn't allow this yet. Log in again in the settings and agree.")
            }
            Self::NoActiveDevice => (
                "Open Spotify on a device",
                "Spotify plays nowhere at the moment. Open it on a device and start something.",
            ),
            Self::Restricted(Restriction::AlreadyPlaying) => ("Playing already", "Spotify is playing already."),
            Self::Restricted(Restriction::AlreadyPaused) => ("Paused already", "Spotify is paused already."),
            Self::Restricted(Restriction::NoPrevious) => {
                ("No previous track", "There is no earlier track to go back to.")
            }
            Self::Restricted(Restriction::NoNext) => ("No next track", "There is no later track to go to."),
            Self::Restricted(Restriction::Device) => (
                "Device not controllable",
                "Spotify can't be controlled from outside on this device. Choose another one.",
            ),
            Self::Restricted(Restriction::NothingPlaying) => {
                ("Nothing is playing", "Nothing is playing at the moment.")
            }
            Self::Restricted(Restriction::NoPlaylist) => {
                ("Not from a playlist", "What plays doesn't come from a playlist that it could be removed from.")
            }
            Self::Restricted(Restriction::NoPlaylistChosen) => {
                ("Choose a playlist", "Choose a playlist in the key's settings.")
            }
            Self::Restricted(Restriction::NotYourPlaylist) => {
                ("Not your playlist", "Spotify lets only a playlist's owner and collaborators change it.")
            }
            Self::Restricted(Restriction::LocalFile) => {
                ("Local file", "This is a file of your own, which Spotify can't save, add or queue for other programs.")
            }
            Self::Restricted(Restriction::NothingLiked) => {
                ("No Liked Songs", "There is nothing in your Liked Songs yet.")
            }
            Self::Restricted(Restriction::NotPlayable) => {
                ("Choose what to play", "What was chosen can't be played. Choose something in the key's settings.")
            }
            Self::Restricted(Restriction::Advertisement) => {
                ("Not during an ad", "Spotify doesn't allow this during an advertisement.")
            }
            Self::Restricted(Restriction::SeveralDevices) => (
                "Choose the device again",
                "Spotify has given the chosen device a new id, and several devices have its name. Choose it again in the key's \
                 settings.",
            ),
            Self::Restricted(Restriction::NoOtherDevice) => {
                ("No other device", "Spotify is open on no other device that it could move to.")
            }
            Self::Restricted(Restriction::StaysSilent) => (
                "Choose something to play",
                "The device doesn't know what to play. Start something on it, or press a key that plays something.",
            ),
            Self::Restricted(Restriction::Other) => ("Not possible now", "Spotify doesn't allow this at the moment."),
            Self::VolumeNotAllowed => (
                "Volume is fixed here",
                "This device doesn't let Spotify set its volume. Use the device's own control.",
            ),
            Self::SpotifyDown(_) => ("Spotify is down", "Spotify has trouble of its own. It goes on by itself."),
            Self::Unexpected(status) => {
                return Remedy::new(
                    "Spotify refused",
                    format!("Spotify has refused the call with status {status}, which should not happen."),
                );
            }
        };
        Remedy::new(key, sentence)
    }
}

impl From<AuthError> for Error {
    /// What other rooms must tell apart comes in the form that a call's own failure has.
    fn from(error: AuthError) -> Self {
        match error {
            AuthError::Offline => Self::Offline,
            AuthError::AccountsDown(status) => Self::SpotifyDown((status != 0).then_some(status)),
            AuthError::Limited(limit) => Self::RateLimited { retry_after: None, kind: limit.kind },
            other => Self::Account(other),
        }
    }
}

fn forbidden(said: &Said) -> Error {
    match said.reason.as_str() {
        "PREMIUM_REQUIRED" => Error::PremiumRequired,
        "VOLUME_CONTROL_DISALLOW" => Error::VolumeNotAllowed,
        "ALREADY_PLAYING" | "NOT_PAUSED" => Error::Restricted(Restriction::AlreadyPlaying),
        "ALREADY_PAUSED" => Error::Restricted(Restriction::AlreadyPaused),
        "NO_PREV_TRACK" => Error::Restricted(Restriction::NoPrevious),
        "NO_NEXT_TRACK" => Error::Restricted(Restriction::NoNext),
        "REMOTE_CONTROL_DISALLOW" | "DEVICE_NOT_CONTROLLABLE" => Error::Restricted(Restriction::Device),
        _ if said.has("scope") => Error::MissingScope,
        _ if said.has("registered") || said.has("developer.spotify.com") || said.has("allowlist") => {
            Error::NotOnAllowList
        }
        _ if said.has("owner") && said.has("premium") => Error::AppOwnerNeedsPremium,
        _ if said.has("premium") && said.json => Error::PremiumRequired,
        // Only the app owner's missing Premium has been seen to come without JSON.
        _ if !said.json && !said.text.is_empty() => Error::AppOwnerNeedsPremium,
        _ if said.json && (said.has("restriction") || !said.reason.is_empty()) => Error::Restricted(Restriction::Other),
        _ => Error::Unexpected(403),
    }
}

/// What a body says, as far as it can be read.
struct Said {
    /// True if it was a JSON object.
    json: bool,
    /// Its `reason`, in capitals; empty without one.
    reason: String,
    /// Reason and message, or the whole text, in small letters.
    text: String,
}

impl Said {
    fn read(body: &[u8]) -> Self {
        // An error page may be long; what matters is said at the beginning.
        let start = &body[..body.len().min(4096)];
        match serde_json::from_slice::<Value>(body) {
            Ok(Value::Object(object)) => {
                let error = object.get("error");
                let member = |name: &str| {
                    error
                        .and_then(|error| error.get(name))
                        .or_else(|| object.get(name))
                        .and_then(Value::as_str)
                        .unwrap_or_default()
                };
                let plain = error.and_then(Value::as_str).unwrap_or_default();
                Self {
                    json: true,
                    reason: member("reason").to_ascii_uppercase(),
                    text: format!("{} {} {plain}", member("reason"), member("message")).to_ascii_lowercase(),
                }
            }
            _ => Self {
                json: false,
                reason: String::new(),
                text: String::from_utf8_lossy(start).trim().to_ascii_lowercase(),
            },
        }
    }

    fn has(&self, words: &str) -> bool {
        self.text.contains(&words.to_ascii_lowercase())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn json(status: u16, message: &str, reason: &str) -> String {
        if reason.is_empty() {
            format!(r#"{{"error":{{"status":{status},"message":"{message}"}}}}"#)
        } else {
            format!(r#"{{"error":{{"status":{status},"message":"{message}","reason":"{reason}"}}}}"#)
        }
    }

    #[test]
    fn the_table_of_answers() {
        let restricted = Error::Restricted;
        let throttle = |seconds: Option<u64>| Error::RateLimited {
            retry_after: seconds.map(Duration::from_secs),
            kind: LimitKind::Throttle,
        };
        let table: Vec<(u16, String, Error)> = vec![
            (401, json(401, "The access token expired", ""), Error::Account(AuthError::SignInAgain)),
            (403, json(403, "Player command failed: Premium required", "PREMIUM_REQUIRED"), Error::PremiumRequired),
            (403, "Active premium subscription required for the owner of the app.".into(), Error::AppOwnerNeedsPremium),
            (403, "Forbidden for some other reason".into(), Error::AppOwnerNeedsPremium),
            (403, "User not registered in the Developer Dashboard".into(), Error::NotOnAllowList),
            (
                403,
                "Check settings on developer.spotify.com/dashboard, the user may not be registered.".into(),
                Error::NotOnAllowList,
            ),
            (403, json(403, "User not registered in the Developer Dashboard", ""), Error::NotOnAllowList),
            (403, json(403, "Insufficient client scope", ""), Error::MissingScope),
            (403, json(403, "Player command failed: Restriction violated", "UNKNOWN"), restricted(Restriction::Other)),
            (403, json(403, "x", "ALREADY_PLAYING"), restricted(Restriction::AlreadyPlaying)),
            (403, json(403, "x", "NOT_PAUSED"), restricted(Restriction::AlreadyPlaying)),
            (403, json(403, "x", "ALREADY_PAUSED"), restricted(Restriction::AlreadyPaused)),
            (403, json(403, "x", "NO_PREV_TRACK"), restricted(Restriction::NoPrevious)),
            (403, json(403, "x", "NO_NEXT_TRACK"), restricted(Restriction::NoNext)),
            (403, json(403, "x", "CONTEXT_DISALLOW"), restricted(Restriction::Other)),
            (403, json(403, "x", "DEVICE_NOT_CONTROLLABLE"), restricted(Restriction::Device)),
            (403, json(403, "x", "VOLUME_CONTROL_DISALLOW"), Error::VolumeNotAllowed),
            (403, String::new(), Error::Unexpected(403)),
            (
                404,
                json(404, "Player command failed: No active device found", "NO_ACTIVE_DEVICE"),
                Error::NoActiveDevice,
            ),
            (404, json(404, "Device not found", ""), Error::NoActiveDevice),
            (404, "<html>".into(), Error::Unexpected(404)),
            (429, json(429, "API rate limit exceeded", ""), throttle(Some(7))),
            (429, "Too many requests".into(), throttle(Some(7))),
            (
                429,
                json(429, "Quota exceeded", "QUOTA_EXCEEDED"),
                Error::RateLimited { retry_after: Some(Duration::from_secs(7)), kind: LimitKind::Quota },
            ),
            (500, String::new(), Error::SpotifyDown(Some(500))),
            (503, "<html>upstream".into(), Error::SpotifyDown(Some(503))),
            (400, r#"{"error":"odd"}"#.into(), Error::Unexpected(400)),
            (302, String::new(), Error::Unexpected(302)),
        ];
        let mut headers = HeaderMap::new();
        headers.insert("retry-after", "7".parse().unwrap());
        for (status, body, expected) in table {
            let error = Error::from_answer(StatusCode::from_u16(status).unwrap(), &headers, body.as_bytes());
            assert_eq!(error, expected, "{status} {body}");
        }
        assert_eq!(Error::from_answer(StatusCode::TOO_MANY_REQUESTS, &HeaderMap::new(), b""), throttle(None));
    }

    #[test]
    fn the_words_on_a_key_are_few() {
        for error in [
            Error::Account(AuthError::NotLinked),
            Error::PremiumRequired,
            Error::AppOwnerNeedsPremium,
            Error::NotOnAllowList,
            Error::MissingScope,
            Error::NoActiveDevice,
            Error::Restricted(Restriction::Other),
            Error::Restricted(Restriction::Device),
            Error::VolumeNotAllowed,
            Error::RateLimited { retry_after: None, kind: LimitKind::Quota },
            Error::Offline,
            Error::SpotifyDown(None),
            Error::Unexpected(418),
        ] {
            let remedy = error.remedy();
            assert!(remedy.key().len() <= 26, "{}", remedy.key());
            assert!(remedy.sentence().ends_with('.'), "{}", remedy.sentence());
        }
    }
}
