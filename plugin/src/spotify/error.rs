//! What a failed call means, decided here and nowhere else, from the status, the headers and the body.
//!
//! The variants are what the user can do about it; the words for keys, pages and the log come from
//! [`Error::user_message`]. Spotify's bodies are JSON mostly, sometimes plain text, sometimes nothing. What isn't in Spotify's own
//! form comes from something in between, whatever its status: it says nothing about the account, the device or the item.

use std::time::Duration;

use http::header::CONTENT_TYPE;
use http::{HeaderMap, StatusCode};
use serde_json::Value;

use crate::auth::{AuthError, Limit, LimitKind};
use crate::http::retry_after;
use crate::i18n::UserMessage;
use crate::unix_time::UnixTime;

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
    /// What plays is another item than the one that a press was about.
    JustChanged,
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
    /// It was accepted, and nothing has changed.
    NotTaken,
    /// Not while this plays (a station, a limited context), or Spotify didn't say.
    Other,
}

/// What is in the way of a call.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}", self.user_message().sentence())]
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
    /// No connection to Spotify came about: there is no network, or it doesn't lead there.
    Offline,
    /// The connection broke off under the call, and under its repetition where it was repeated. Whether it was carried out
    /// isn't known.
    ConnectionLost,
    /// Something between this computer and Spotify answered instead, such as a network's log-in page, a proxy or a firewall:
    /// its HTTP status. Nothing follows from it for an account.
    Intercepted(u16),
    /// Spotify, or the way to it, has trouble: the HTTP status, or None if there was no answer in time.
    SpotifyDown(Option<u16>),
    /// Spotify doesn't have this, or doesn't share it with other programs.
    NotShared,
    /// A refusal of Spotify's that there is no better word for: its HTTP status.
    Unexpected(u16),
}

impl Error {
    /// Sorts an answer that is no success.
    #[must_use]
    pub fn from_answer(status: StatusCode, headers: &HeaderMap, body: &[u8]) -> Self {
        let said = Said::read(headers, body);
        let status = status.as_u16();
        match status {
            // A wait is kept to, whoever asks for it; only Spotify's own word makes it one of hours.
            429 => {
                let kind = if said.has("quota") { LimitKind::Quota } else { LimitKind::Throttle };
                return Self::RateLimited { retry_after: retry_after(headers), kind };
            }
            // The Web API never answers with these.
            300..=399 | 407 | 511 => return Self::Intercepted(status),
            408 | 425 | 500.. => return Self::SpotifyDown(Some(status)),
            _ => {}
        }
        if let Some(refusal) = said.refusal() {
            return refusal;
        }
        match (status, &said) {
            (_, Said::Other) => Self::Intercepted(status),
            (401, _) => Self::Account(AuthError::SignInAgain),
            (403, Said::Error { reason, .. }) if !reason.is_empty() || said.has("player command failed") => {
                Self::Restricted(Restriction::Other)
            }
            (404, _) if said.has("device") => Self::NoActiveDevice,
            (404, Said::Error { .. }) if !said.has("service not found") => Self::NotShared,
            _ => Self::Unexpected(status),
        }
    }

    /// Sorts an answer that is a success by its status. Some networks answer every call with a page of their own: that is an
    /// error.
    pub(super) fn from_success(status: StatusCode, headers: &HeaderMap, body: &[u8]) -> Option<Self> {
        is_page(headers, body).then_some(Self::Intercepted(status.as_u16()))
    }

    /// Sorts a call that got no answer, or not all of it.
    #[must_use]
    pub fn from_transport(error: &reqwest::Error) -> Self {
        match error {
            error if error.is_connect() => Self::Offline,
            error if error.is_timeout() => Self::SpotifyDown(None),
            _ => Self::ConnectionLost,
        }
    }

    /// True for what passes without the user's doing: the same call may work a little later.
    #[must_use]
    pub fn passes(&self) -> bool {
        match self {
            Self::Account(error) => error.passes(),
            Self::RateLimited { .. }
            | Self::Offline
            | Self::ConnectionLost
            | Self::Intercepted(_)
            | Self::SpotifyDown(_) => true,
            _ => false,
        }
    }

    /// True for a refusal that another Client ID may not meet. The call was not carried out.
    #[must_use]
    pub(super) fn lies_with_the_account(&self) -> bool {
        matches!(self, Self::RateLimited { .. } | Self::AppOwnerNeedsPremium | Self::NotOnAllowList)
    }

    /// True for what lies with the account that has made the call, its app, its sign-in or its user.
    #[must_use]
    pub fn is_about_the_account(&self) -> bool {
        matches!(
            self,
            Self::Account(_)
                | Self::PremiumRequired
                | Self::AppOwnerNeedsPremium
                | Self::NotOnAllowList
                | Self::MissingScope
        )
    }

    /// What to tell the user.
    #[must_use]
    pub fn user_message(&self) -> UserMessage {
        let (key, sentence) = match self {
            Self::Account(error) => return error.user_message(),
            Self::RateLimited { kind, .. } => {
                return AuthError::Limited(Limit { until: UnixTime::default(), kind: *kind }).user_message();
            }
            Self::Offline => return AuthError::Offline.user_message(),
            Self::Intercepted(_) => return AuthError::Intercepted.user_message(),
            Self::ConnectionLost => {
                ("Connection lost", "The connection to Spotify was lost and is restored automatically. Try again.")
            }
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
            Self::NoActiveDevice => {
                ("Open Spotify on a device", "No device is active. Open Spotify on one and start something.")
            }
            Self::Restricted(Restriction::AlreadyPlaying) => ("Already playing", "Spotify is already playing."),
            Self::Restricted(Restriction::AlreadyPaused) => ("Already paused", "Spotify is already paused."),
            Self::Restricted(Restriction::NoPrevious) => {
                ("No previous track", "There is no earlier track to go back to.")
            }
            Self::Restricted(Restriction::NoNext) => ("No next track", "There is no later track to go to."),
            Self::Restricted(Restriction::Device) => (
                "Device not controllable",
                "Other programs can't control Spotify on this device. Choose another device, or use its own controls.",
            ),
            Self::Restricted(Restriction::NothingPlaying) => {
                ("Nothing is playing", "Nothing is playing. Start something in Spotify.")
            }
            Self::Restricted(Restriction::JustChanged) => (
                "Track changed, press again",
                "Another track had begun when the key was pressed, so nothing was changed. Press again if you mean that one.",
            ),
            Self::Restricted(Restriction::NoPlaylist) => {
                ("Not from a playlist", "This works while something from a playlist of yours is playing.")
            }
            Self::Restricted(Restriction::NoPlaylistChosen) => {
                ("Choose a playlist", "Choose a playlist in the key's settings.")
            }
            Self::Restricted(Restriction::NotYourPlaylist) => (
                "Not your playlist",
                "Spotify lets only a playlist's owner and collaborators change it. Use a playlist of your own.",
            ),
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
            Self::Restricted(Restriction::NotTaken) => (
                "Not available here",
                "The device, or what it plays, doesn't have this: Spotify has accepted it, and nothing has changed.",
            ),
            Self::Restricted(Restriction::StaysSilent) => (
                "Choose something to play",
                "The device doesn't know what to play. Start something on it, or press a key that plays something.",
            ),
            Self::Restricted(Restriction::Other) => (
                "Not possible now",
                "Spotify doesn't allow this for what is playing, or on this device. Try again with something else playing.",
            ),
            Self::VolumeNotAllowed => (
                "Volume is fixed here",
                "This device doesn't let Spotify set its volume. Use the device's own control.",
            ),
            Self::SpotifyDown(None) => {
                ("Spotify doesn't answer", "Spotify did not answer in time. It is tried again automatically.")
            }
            Self::SpotifyDown(Some(_)) => {
                ("Spotify is down", "Spotify can't answer at the moment. It is tried again automatically.")
            }
            Self::NotShared => (
                "Choose something else",
                "Spotify doesn't share this one: it may be private, deleted, or a mix made for you.",
            ),
            Self::Unexpected(status) => {
                return UserMessage::new(
                    "Spotify refused this",
                    format!("Spotify refused this (status {status}). Try something else, or try again later."),
                );
            }
        };
        UserMessage::new(key, sentence)
    }
}

impl From<AuthError> for Error {
    /// What other rooms must tell apart comes in the form that a call's own failure has.
    fn from(error: AuthError) -> Self {
        match error {
            AuthError::Offline => Self::Offline,
            // An answer that makes no sense.
            AuthError::Intercepted => Self::Intercepted(0),
            AuthError::AccountsDown(status) => Self::SpotifyDown(Some(status)),
            AuthError::Limited(limit) => Self::RateLimited { retry_after: None, kind: limit.kind },
            other => Self::Account(other),
        }
    }
}

/// What Spotify's Web API gives as the reason of a refusal: `reason`, words of the messages that come with it or instead of it,
/// and what it means. The names and the longer messages are those of the [player's error
/// reasons](https://developer.spotify.com/documentation/web-api/reference/player/player-errors), the shorter ones have been
/// seen. A message is matched from top to bottom.
const REASONS: [(&str, &[&str], Error); 17] = {
    use Restriction as R;
    [
        ("PREMIUM_REQUIRED", &["non-premium users"], Error::PremiumRequired),
        (
            "VOLUME_CONTROL_DISALLOW",
            &["control device volume", "remote control the device's volume"],
            Error::VolumeNotAllowed,
        ),
        ("NO_ACTIVE_DEVICE", &["requires an active device"], Error::NoActiveDevice),
        (
            "DEVICE_NOT_CONTROLLABLE",
            &["restricted device", "device is restricted", "remote control the device"],
            Error::Restricted(R::Device),
        ),
        ("REMOTE_CONTROL_DISALLOW", &["cannot be remote-controlled"], Error::Restricted(R::Device)),
        ("ALREADY_PLAYING", &["track should not be restarted"], Error::Restricted(R::AlreadyPlaying)),
        ("NOT_PAUSED", &["playback to be paused"], Error::Restricted(R::AlreadyPlaying)),
        ("ALREADY_PAUSED", &["playback to not be paused"], Error::Restricted(R::AlreadyPaused)),
        ("NO_PREV_TRACK", &["no previous track", "requires a previous track"], Error::Restricted(R::NoPrevious)),
        ("NO_NEXT_TRACK", &["requires a next track"], Error::Restricted(R::NoNext)),
        ("NO_SPECIFIC_TRACK", &["requested track does not exist"], Error::Restricted(R::NotPlayable)),
        ("NOT_PLAYING_TRACK", &["a track is currently playing"], Error::Restricted(R::NothingPlaying)),
        ("NOT_PLAYING_CONTEXT", &["a context is currently playing"], Error::Restricted(R::NothingPlaying)),
        ("NOT_PLAYING_LOCALLY", &["playback on the local device"], Error::Restricted(R::Device)),
        ("CONTEXT_DISALLOW", &["performed on the context"], Error::Restricted(R::Other)),
        ("ENDLESS_CONTEXT", &["endless context"], Error::Restricted(R::Other)),
        ("RATE_LIMITED", &["restriction violated", "too frequent track play"], Error::Restricted(R::Other)),
    ]
};

/// What Spotify says about an app, its owner, its users or a sign-in, as JSON or in plain text. Nothing else is ever account
/// trouble.
const ACCOUNT_TEXTS: [(&str, Error); 5] = [
    ("active premium subscription required for the owner of the app", Error::AppOwnerNeedsPremium),
    ("user not registered in the developer dashboard", Error::NotOnAllowList),
    ("developer.spotify.com/dashboard, the user may not be registered", Error::NotOnAllowList),
    ("insufficient client scope", Error::MissingScope),
    ("permissions missing", Error::MissingScope),
];

/// What a body says, as far as it can be read. Texts are in small letters.
enum Said {
    /// The Web API's own form, `{"error": {"status", "message", "reason"?}}`.
    Error { reason: String, message: String },
    /// Plain text, which is Spotify's if it is one of [`ACCOUNT_TEXTS`].
    Known(&'static str),
    /// Nothing.
    Nothing,
    /// A page, JSON of another form, or a text that isn't known: not the Web API's.
    Other,
}

/// The longest plain text that is looked into, in bytes: Spotify's are single sentences.
const MAX_TEXT: usize = 1_024;

impl Said {
    fn read(headers: &HeaderMap, body: &[u8]) -> Self {
        if body.trim_ascii().is_empty() {
            return Self::Nothing;
        }
        if is_page(headers, body) {
            return Self::Other;
        }
        let known = |text: &str| ACCOUNT_TEXTS.iter().map(|(known, _)| *known).find(|known| text.contains(known));
        let Ok(answer) = serde_json::from_slice::<Value>(body) else {
            let text = String::from_utf8_lossy(&body[..body.len().min(MAX_TEXT)]).to_lowercase();
            return known(&text).map_or(Self::Other, Self::Known);
        };
        let member = |name: &str| answer.get("error")?.get(name)?.as_str().map(str::to_lowercase);
        match (member("reason"), member("message")) {
            (None, None) => known(&answer.to_string().to_lowercase()).map_or(Self::Other, Self::Known),
            (reason, message) => {
                Self::Error { reason: reason.unwrap_or_default(), message: message.unwrap_or_default() }
            }
        }
    }

    fn has(&self, words: &str) -> bool {
        match self {
            Self::Error { reason, message } => reason.contains(words) || message.contains(words),
            _ => false,
        }
    }

    /// The refusal that Spotify's own words name.
    fn refusal(&self) -> Option<Error> {
        let text = match self {
            Self::Error { message, .. } => message,
            Self::Known(text) => *text,
            Self::Nothing | Self::Other => return None,
        };
        let of_account = ACCOUNT_TEXTS.iter().find(|(known, _)| text.contains(known)).map(|(_, error)| error);
        let Self::Error { reason, .. } = self else { return of_account.cloned() };
        let by_reason = || REASONS.iter().find(|(name, ..)| name.eq_ignore_ascii_case(reason));
        let by_message = || {
            let named = |name: &str| text.replace('_', " ").contains(&name.to_lowercase().replace('_', " "));
            REASONS.iter().find(|(name, words, _)| named(name) || words.iter().any(|words| text.contains(words)))
        };
        of_account.or_else(|| by_reason().or_else(by_message).map(|(.., error)| error)).cloned()
    }
}

/// Whether an answer is a page, which the Web API never gives: HTML, or XML as some stores of files put out.
fn is_page(headers: &HeaderMap, body: &[u8]) -> bool {
    let declared = headers.get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok());
    let declared = declared.is_some_and(|kind| kind.to_ascii_lowercase().contains("html"));
    let body = body.strip_prefix("\u{feff}".as_bytes()).unwrap_or(body);
    !body.is_empty() && (declared || body.trim_ascii_start().starts_with(b"<"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderName;

    fn json(status: u16, message: &str, reason: &str) -> String {
        if reason.is_empty() {
            format!(r#"{{"error":{{"status":{status},"message":"{message}"}}}}"#)
        } else {
            format!(r#"{{"error":{{"status":{status},"message":"{message}","reason":"{reason}"}}}}"#)
        }
    }

    fn sorted(status: u16, headers: &[(&'static str, &str)], body: &str) -> Error {
        let headers = headers.iter().map(|(name, value)| (HeaderName::from_static(name), value.parse().unwrap()));
        Error::from_answer(StatusCode::from_u16(status).unwrap(), &headers.collect(), body.as_bytes())
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
            (401, String::new(), Error::Account(AuthError::SignInAgain)),
            (401, json(401, "Permissions missing", ""), Error::MissingScope),
            (403, json(403, "Player command failed: Premium required", "PREMIUM_REQUIRED"), Error::PremiumRequired),
            (403, "Active premium subscription required for the owner of the app.".into(), Error::AppOwnerNeedsPremium),
            (403, "User not registered in the Developer Dashboard".into(), Error::NotOnAllowList),
            (
                403,
                "Check settings on developer.spotify.com/dashboard, the user may not be registered.".into(),
                Error::NotOnAllowList,
            ),
            (403, json(403, "User not registered in the Developer Dashboard", ""), Error::NotOnAllowList),
            (403, json(403, "Insufficient client scope", ""), Error::MissingScope),
            (403, json(403, "Player command failed: Restriction violated", "UNKNOWN"), restricted(Restriction::Other)),
            (403, json(403, "x", "SOMETHING_NEW"), restricted(Restriction::Other)),
            (403, json(403, "Player command failed: Something new", ""), restricted(Restriction::Other)),
            (403, json(403, "Forbidden", ""), Error::Unexpected(403)),
            (403, String::new(), Error::Unexpected(403)),
            (
                404,
                json(404, "Player command failed: No active device found", "NO_ACTIVE_DEVICE"),
                Error::NoActiveDevice,
            ),
            (404, json(404, "Device not found", ""), Error::NoActiveDevice),
            (404, json(404, "Resource not found", ""), Error::NotShared),
            (404, json(404, "Service not found", ""), Error::Unexpected(404)),
            (404, String::new(), Error::Unexpected(404)),
            (429, json(429, "API rate limit exceeded", ""), throttle(Some(7))),
            (429, "Too many requests".into(), throttle(Some(7))),
            (429, "<html>Your proxy's quota is used up</html>".into(), throttle(Some(7))),
            (
                429,
                json(429, "Too many requests", "QUOTA_EXCEEDED"),
                Error::RateLimited { retry_after: Some(Duration::from_secs(7)), kind: LimitKind::Quota },
            ),
            (408, String::new(), Error::SpotifyDown(Some(408))),
            (500, String::new(), Error::SpotifyDown(Some(500))),
            (503, "<html>upstream".into(), Error::SpotifyDown(Some(503))),
            (400, json(400, "Invalid id", ""), Error::Unexpected(400)),
            (451, json(451, "Unavailable", ""), Error::Unexpected(451)),
        ];
        for (status, body, expected) in table {
            assert_eq!(sorted(status, &[("retry-after", "7")], &body), expected, "{status} {body}");
        }
        assert_eq!(sorted(429, &[], ""), throttle(None));
    }

    #[test]
    fn reasons_are_known_by_name_and_by_message() {
        for (name, words, expected) in &REASONS {
            let spelled = name.to_lowercase().replace('_', " ");
            let messages = words.iter().copied().chain([spelled.as_str()]);
            for status in [403, 404] {
                assert_eq!(&sorted(status, &[], &json(status, "x", name)), expected, "{name}");
                assert_eq!(&sorted(status, &[], &json(status, "x", &name.to_lowercase())), expected, "{name}");
                for message in messages.clone() {
                    let prefixed = format!("Player command failed: {message}");
                    assert_eq!(&sorted(status, &[], &json(status, message, "")), expected, "{message}");
                    assert_eq!(&sorted(status, &[], &json(status, &prefixed, "UNKNOWN")), expected, "{message}");
                }
            }
        }
        let seen = json(403, "Restricted device", "");
        assert_eq!(sorted(403, &[], &seen), Error::Restricted(Restriction::Device));
    }

    #[test]
    fn answers_of_something_else_are_no_account_trouble() {
        let bodies = [
            ("text/html", "<html><title>403</title>Your client does not have permission to get URL /v1/me/player"),
            ("text/html", "User not registered in the Developer Dashboard"),
            ("text/plain", "<!doctype html>The owner of this network needs Premium"),
            ("text/plain", "\u{feff} <html>developer.spotify.com"),
            ("application/xml", "<?xml version='1.0'?><Error><Code>AccessDenied</Code></Error>"),
            ("text/plain", "Forbidden for some other reason"),
            ("text/plain", "Premium required"),
            ("text/plain", "The device of its owner is not registered: ask for premium access"),
            ("application/json", r#"{"message":"Forbidden"}"#),
            ("application/json", r#"{"error":"forbidden","error_description":"registered devices only"}"#),
            ("application/json", r#"{"error":{"code":"AccessDenied"}}"#),
            ("application/json", r#"{"error":{"status":403,"message":null}}"#),
            ("application/json", r#"["quota"]"#),
            ("application/json", "null"),
        ];
        for (kind, body) in bodies {
            for status in [400, 401, 402, 403, 404, 405, 451, 499] {
                let error = sorted(status, &[("content-type", kind)], body);
                assert_eq!(error, Error::Intercepted(status), "{status} {body}");
                assert!(error.passes() && !error.lies_with_the_account());
            }
            let limited = sorted(429, &[("content-type", kind)], body);
            assert_eq!(limited, Error::RateLimited { retry_after: None, kind: LimitKind::Throttle }, "{body}");
        }
        for status in [300, 301, 302, 303, 304, 307, 308, 407, 511] {
            assert_eq!(sorted(status, &[], ""), Error::Intercepted(status));
        }
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
            Error::Restricted(Restriction::JustChanged),
            Error::VolumeNotAllowed,
            Error::RateLimited { retry_after: None, kind: LimitKind::Quota },
            Error::Offline,
            Error::ConnectionLost,
            Error::Intercepted(302),
            Error::SpotifyDown(None),
            Error::SpotifyDown(Some(500)),
            Error::NotShared,
            Error::Unexpected(418),
        ] {
            let message = error.user_message();
            assert!(message.key().len() <= 26, "{}", message.key());
            assert!(message.sentence().ends_with('.'), "{}", message.sentence());
        }
    }
}
