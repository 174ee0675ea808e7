//! The meaning of failed calls, derived here and nowhere else from status, headers and body.
//!
//! The variants follow what the user can do about a failure; the words for keys, pages and the log come from
//! [`Error::user_message`]. Spotify's bodies are mostly JSON, sometimes plain text, sometimes empty. A body in any other form
//! comes from something between this computer and Spotify, whatever its status, and says nothing about the account, the
//! device or the item.

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
    /// Playback is already running.
    AlreadyPlaying,
    /// Playback is already paused.
    AlreadyPaused,
    /// There is no previous track.
    NoPrevious,
    /// There is no next track.
    NoNext,
    /// The device can't be controlled by other programs.
    Device,
    /// Nothing is playing that the command could apply to.
    NothingPlaying,
    /// The item that is playing is not the one that the press was about.
    JustChanged,
    /// The playing item doesn't come from a playlist.
    NoPlaylist,
    /// No playlist was chosen in the key's settings.
    NoPlaylistChosen,
    /// The playlist belongs to somebody else.
    NotYourPlaylist,
    /// The item is a local file of the user, of which Spotify only has the name.
    LocalFile,
    /// There are no Liked Songs.
    NothingLiked,
    /// The chosen item can't be played.
    NotPlayable,
    /// Not allowed during an advertisement.
    Advertisement,
    /// Several devices have the name of the chosen one, and none has its id.
    SeveralDevices,
    /// There is no other device to move to.
    NoOtherDevice,
    /// The device is awake and was asked to play, but doesn't.
    StaysSilent,
    /// Spotify accepted the command, but nothing changed.
    NoEffect,
    /// Not allowed for what is playing (a station, a limited context), or for a reason that Spotify didn't give.
    Other,
}

/// Why a call failed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}", self.user_message().sentence())]
pub enum Error {
    /// No account can serve the call, for a reason of the accounts: not linked, sign in again, wrong ID or secret, keyring.
    Account(AuthError),
    /// The user needs Spotify Premium.
    PremiumRequired,
    /// The owner of the app needs Spotify Premium.
    AppOwnerNeedsPremium,
    /// The user isn't on the app's allow list.
    NotOnAllowList,
    /// The sign-in lacks a scope that this call needs, because it dates from a version that requested fewer.
    MissingScope,
    /// No device is active, or the chosen one has disappeared.
    NoActiveDevice,
    /// Not possible at the moment.
    Restricted(Restriction),
    /// The device's volume can't be set.
    VolumeNotAllowed,
    /// Too many calls.
    RateLimited {
        /// How long nothing may be sent. `None` if it is unknown.
        retry_after: Option<Duration>,
        /// A throttle of seconds, or a quota of hours.
        kind: LimitKind,
    },
    /// No connection to Spotify could be established: there is no network, or none that reaches Spotify.
    Offline,
    /// The connection broke during the call, and again during the retry if there was one. It is unknown whether the call was
    /// carried out.
    ConnectionLost,
    /// Something between this computer and Spotify answered instead, such as a captive portal, a proxy or a firewall, with
    /// this HTTP status. It says nothing about the account.
    Intercepted(u16),
    /// Spotify is unavailable: the HTTP status, or `None` if the call timed out.
    SpotifyDown(Option<u16>),
    /// Spotify doesn't have the item, or doesn't share it with other programs.
    NotShared,
    /// Any other refusal by Spotify: the HTTP status.
    Unexpected(u16),
}

impl Error {
    /// Classifies an answer with a status other than 2xx.
    #[must_use]
    pub fn from_answer(status: StatusCode, headers: &HeaderMap, body: &[u8]) -> Self {
        let body = ErrorBody::read(headers, body);
        let status = status.as_u16();
        match status {
            // Every 429 is obeyed, whoever sends it, but only Spotify's own wording makes it a quota.
            429 => {
                let kind = if body.contains("quota") { LimitKind::Quota } else { LimitKind::Throttle };
                return Self::RateLimited { retry_after: retry_after(headers), kind };
            }
            // The Web API never sends these.
            300..=399 | 407 | 511 => return Self::Intercepted(status),
            408 | 425 | 500.. => return Self::SpotifyDown(Some(status)),
            _ => {}
        }
        if let Some(refusal) = body.refusal() {
            return refusal;
        }
        match (status, &body) {
            (_, ErrorBody::Foreign) => Self::Intercepted(status),
            (401, _) => Self::Account(AuthError::SignInAgain),
            (403, ErrorBody::Api { reason, .. }) if !reason.is_empty() || body.contains("player command failed") => {
                Self::Restricted(Restriction::Other)
            }
            (404, _) if body.contains("device") => Self::NoActiveDevice,
            (404, ErrorBody::Api { .. }) if !body.contains("service not found") => Self::NotShared,
            _ => Self::Unexpected(status),
        }
    }

    /// Returns an error for a 2xx answer that is a web page: some networks answer every call with a page of their own.
    pub(super) fn from_success(status: StatusCode, headers: &HeaderMap, body: &[u8]) -> Option<Self> {
        is_page(headers, body).then_some(Self::Intercepted(status.as_u16()))
    }

    /// Classifies a call that got no answer, or only a part of it.
    #[must_use]
    pub fn from_transport(error: &reqwest::Error) -> Self {
        match error {
            error if error.is_connect() => Self::Offline,
            error if error.is_timeout() => Self::SpotifyDown(None),
            _ => Self::ConnectionLost,
        }
    }

    /// Returns whether the failure passes without action by the user: the same call may work a little later.
    #[must_use]
    pub fn is_transient(&self) -> bool {
        match self {
            Self::Account(error) => error.is_transient(),
            Self::RateLimited { .. }
            | Self::Offline
            | Self::ConnectionLost
            | Self::Intercepted(_)
            | Self::SpotifyDown(_) => true,
            _ => false,
        }
    }

    /// Returns whether the call was refused, and so not carried out, for a reason that another Client ID may not run into.
    #[must_use]
    pub(super) fn allows_failover(&self) -> bool {
        matches!(self, Self::RateLimited { .. } | Self::AppOwnerNeedsPremium | Self::NotOnAllowList)
    }

    /// Returns whether the failure is due to the account that made the call: its app, its sign-in or its user.
    #[must_use]
    pub fn is_account_error(&self) -> bool {
        matches!(
            self,
            Self::Account(_)
                | Self::PremiumRequired
                | Self::AppOwnerNeedsPremium
                | Self::NotOnAllowList
                | Self::MissingScope
        )
    }

    /// Returns the words for the user.
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
            Self::Restricted(Restriction::NoEffect) => (
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
    /// Maps failures that other modules distinguish to the variant that a call of the Web API would produce.
    fn from(error: AuthError) -> Self {
        match error {
            AuthError::Offline => Self::Offline,
            // An unintelligible answer, of unknown status.
            AuthError::Intercepted => Self::Intercepted(0),
            AuthError::AccountsDown(status) => Self::SpotifyDown(Some(status)),
            AuthError::Limited(limit) => Self::RateLimited { retry_after: None, kind: limit.kind },
            other => Self::Account(other),
        }
    }
}

/// The Web API's reasons for refusing a command: the `reason` member, parts of the messages that come with it or instead of
/// it, and the resulting error. The names and the longer messages are from the [player's error
/// reasons](https://developer.spotify.com/documentation/web-api/reference/player/player-errors), the shorter messages are
/// observed. The first matching row counts.
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

/// Spotify's messages about an app, its owner, its users or a sign-in, as JSON or in plain text. Nothing else counts as an
/// account issue.
const ACCOUNT_TEXTS: [(&str, Error); 5] = [
    ("active premium subscription required for the owner of the app", Error::AppOwnerNeedsPremium),
    ("user not registered in the developer dashboard", Error::NotOnAllowList),
    ("developer.spotify.com/dashboard, the user may not be registered", Error::NotOnAllowList),
    ("insufficient client scope", Error::MissingScope),
    ("permissions missing", Error::MissingScope),
];

/// The body of a failed call, as far as it can be interpreted. Its texts are in lower case.
enum ErrorBody {
    /// The Web API's own form, `{"error": {"status", "message", "reason"?}}`.
    Api { reason: String, message: String },
    /// Plain text with one of [`ACCOUNT_TEXTS`] in it, which is from Spotify, too.
    AccountText(&'static str),
    /// No body.
    Empty,
    /// A page, JSON of another form, or an unknown text: not from the Web API.
    Foreign,
}

/// How much of a plain text is searched, in bytes: Spotify's are single sentences.
const MAX_TEXT_BYTES: usize = 1_024;

impl ErrorBody {
    fn read(headers: &HeaderMap, body: &[u8]) -> Self {
        if body.trim_ascii().is_empty() {
            return Self::Empty;
        }
        if is_page(headers, body) {
            return Self::Foreign;
        }
        let known = |text: &str| ACCOUNT_TEXTS.iter().map(|(known, _)| *known).find(|known| text.contains(known));
        let Ok(answer) = serde_json::from_slice::<Value>(body) else {
            let text = String::from_utf8_lossy(&body[..body.len().min(MAX_TEXT_BYTES)]).to_lowercase();
            return known(&text).map_or(Self::Foreign, Self::AccountText);
        };
        let member = |name: &str| answer.get("error")?.get(name)?.as_str().map(str::to_lowercase);
        match (member("reason"), member("message")) {
            (None, None) => known(&answer.to_string().to_lowercase()).map_or(Self::Foreign, Self::AccountText),
            (reason, message) => Self::Api { reason: reason.unwrap_or_default(), message: message.unwrap_or_default() },
        }
    }

    fn contains(&self, text: &str) -> bool {
        match self {
            Self::Api { reason, message } => reason.contains(text) || message.contains(text),
            _ => false,
        }
    }

    /// Returns the refusal that Spotify's own words stand for.
    fn refusal(&self) -> Option<Error> {
        let text = match self {
            Self::Api { message, .. } => message,
            Self::AccountText(text) => *text,
            Self::Empty | Self::Foreign => return None,
        };
        let by_account = ACCOUNT_TEXTS.iter().find(|(known, _)| text.contains(known)).map(|(_, error)| error);
        let Self::Api { reason, .. } = self else { return by_account.cloned() };
        let by_reason = || REASONS.iter().find(|(name, ..)| name.eq_ignore_ascii_case(reason));
        let by_message = || {
            let mentions = |name: &str| text.replace('_', " ").contains(&name.to_lowercase().replace('_', " "));
            REASONS.iter().find(|(name, texts, _)| mentions(name) || texts.iter().any(|part| text.contains(part)))
        };
        by_account.or_else(|| by_reason().or_else(by_message).map(|(.., error)| error)).cloned()
    }
}

/// Returns whether an answer is HTML or, as some object stores send, XML: the Web API never sends either.
fn is_page(headers: &HeaderMap, body: &[u8]) -> bool {
    let content_type = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let is_html = content_type.is_some_and(|value| value.to_ascii_lowercase().contains("html"));
    let body = body.strip_prefix("\u{feff}".as_bytes()).unwrap_or(body);
    !body.is_empty() && (is_html || body.trim_ascii_start().starts_with(b"<"))
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

    fn classify(status: u16, headers: &[(&'static str, &str)], body: &str) -> Error {
        let headers = headers.iter().map(|(name, value)| (HeaderName::from_static(name), value.parse().unwrap()));
        Error::from_answer(StatusCode::from_u16(status).unwrap(), &headers.collect(), body.as_bytes())
    }

    #[test]
    fn answers_are_classified() {
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
            assert_eq!(classify(status, &[("retry-after", "7")], &body), expected, "{status} {body}");
        }
        assert_eq!(classify(429, &[], ""), throttle(None));
    }

    #[test]
    fn reasons_are_recognized_by_name_and_message() {
        for (name, words, expected) in &REASONS {
            let spelled = name.to_lowercase().replace('_', " ");
            let messages = words.iter().copied().chain([spelled.as_str()]);
            for status in [403, 404] {
                assert_eq!(&classify(status, &[], &json(status, "x", name)), expected, "{name}");
                assert_eq!(&classify(status, &[], &json(status, "x", &name.to_lowercase())), expected, "{name}");
                for message in messages.clone() {
                    let prefixed = format!("Player command failed: {message}");
                    assert_eq!(&classify(status, &[], &json(status, message, "")), expected, "{message}");
                    assert_eq!(&classify(status, &[], &json(status, &prefixed, "UNKNOWN")), expected, "{message}");
                }
            }
        }
        let observed = json(403, "Restricted device", "");
        assert_eq!(classify(403, &[], &observed), Error::Restricted(Restriction::Device));
    }

    #[test]
    fn foreign_answers_are_no_account_issue() {
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
                let error = classify(status, &[("content-type", kind)], body);
                assert_eq!(error, Error::Intercepted(status), "{status} {body}");
                assert!(error.is_transient() && !error.allows_failover());
            }
            let limited = classify(429, &[("content-type", kind)], body);
            assert_eq!(limited, Error::RateLimited { retry_after: None, kind: LimitKind::Throttle }, "{body}");
        }
        for status in [300, 301, 302, 303, 304, 307, 308, 407, 511] {
            assert_eq!(classify(status, &[], ""), Error::Intercepted(status));
        }
    }

    #[test]
    fn key_messages_are_short() {
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
