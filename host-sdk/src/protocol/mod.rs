//! The messages between a host, its packages and their property views.
//!
//! Each message is a JSON object in a WebSocket text frame: `event`, usually `context`, often `widget`, and `payload`.
//! [`FromHost`] has those that a host sends, [`ToHost`] those that it receives.
//!
//! Parsing is tolerant, because hosts and packages of many versions meet here: an unknown event becomes `Unknown`, an unknown
//! member is ignored, a missing member gets its empty value, and where the vendor's documents and samples differ, both forms
//! are accepted. Serializing is exact: the form that the samples send.
//!
//! Source: the documents of the Creator Central Package SDK 2.0.x
//! ([Registration Flow](https://github.com/AVerMedia-Technologies-Inc/CreatorCentralSDK/wiki/Registration-Flow),
//! [Receive Events](https://github.com/AVerMedia-Technologies-Inc/CreatorCentralSDK/wiki/Receive-Events-from-Creator-Central),
//! [Send Events](https://github.com/AVerMedia-Technologies-Inc/CreatorCentralSDK/wiki/Send-Events-To-Creator-Central),
//! [Property View](https://github.com/AVerMedia-Technologies-Inc/CreatorCentralSDK/wiki/Property-View)) and its
//! [samples](https://github.com/AVerMedia-Technologies-Inc/CreatorCentralSDK/wiki/Samples). "Our addition" marks what goes
//! beyond them; Creator Central ignores it.

mod from_host;
mod incoming;
mod payload;
mod relayed;
mod start;
mod to_host;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::json::{MAX_DEPTH, MAX_SETTINGS_BYTES, MAX_VALUES};

pub use from_host::FromHost;
pub use incoming::Incoming;
pub use payload::{ActionEffect, EffectKind, FontAttribute, FontChange, Layout, Settings};
pub use relayed::Relayed;
pub use start::{Application, Info, Register, StartArgs, WidgetInfo};
pub use to_host::ToHost;

/// The members of every message. Both enums are converted from and to it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Envelope {
    pub event: String,
    #[serde(default, deserialize_with = "lenient", skip_serializing_if = "String::is_empty")]
    pub widget: String,
    #[serde(default, deserialize_with = "lenient", skip_serializing_if = "String::is_empty")]
    pub context: String,
    #[serde(default, skip_serializing_if = "Value::is_null")]
    pub payload: Value,
    /// Our addition to messages with settings: the payload itself is the settings, although it looks as if it wrapped them.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub settings_as_payload: bool,
}

impl Envelope {
    fn new(event: &str) -> Self {
        Self { event: event.to_owned(), ..Self::default() }
    }

    fn for_context(event: &str, context: &str) -> Self {
        Self { event: event.to_owned(), context: context.to_owned(), ..Self::default() }
    }

    fn with_payload(mut self, payload: Value) -> Self {
        self.payload = payload;
        self
    }

    /// Sets the payload to the settings themselves.
    fn with_settings(mut self, settings: Settings) -> Self {
        self.settings_as_payload = payload::looks_wrapped(&settings);
        self.with_payload(Value::Object(settings))
    }

    fn with_widget(mut self, widget: &str) -> Self {
        self.widget = widget.to_owned();
        self
    }
}

/// Deserializes a string member that some hosts send as null or as a number.
fn lenient<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    Ok(match Value::deserialize(deserializer)? {
        Value::String(text) => text,
        Value::Number(number) => number.to_string(),
        _ => String::new(),
    })
}

/// Why a frame isn't a message that is accepted. The connection stays open: the frame is logged and dropped.
///
/// No variant contains the frame's content, because it may contain secrets.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ParseError {
    /// The frame isn't JSON. Contains the message of serde_json, which names line and column.
    #[error("not a message of the package protocol: {0}")]
    Syntax(String),
    /// The frame isn't an object, or a required member is missing or isn't a string.
    #[error("not a message of the package protocol: no object, or without the names that it needs")]
    NotAMessage,
    /// The payload is nested more deeply than [`MAX_DEPTH`].
    #[error("{event} with more than {MAX_DEPTH} levels of objects and lists within one another")]
    TooDeep {
        /// The message's event.
        event: String,
    },
    /// The payload has more than [`MAX_VALUES`].
    #[error("{event} with more than {MAX_VALUES} values")]
    TooManyValues {
        /// The message's event, truncated.
        event: String,
    },
    /// Settings are larger than [`MAX_SETTINGS_BYTES`].
    #[error("{event} with {size} bytes: settings have at most {MAX_SETTINGS_BYTES}")]
    SettingsTooLarge {
        /// The message's event.
        event: String,
        /// Their size in bytes.
        size: usize,
    },
}

impl ParseError {
    /// To be used only for errors of syntax: those about a wrong member quote it.
    fn syntax(error: &serde_json::Error) -> Self {
        Self::Syntax(error.to_string())
    }
}

/// Parses a frame's JSON, tolerating a byte order mark and unpaired surrogates. Of two members with one name the last counts.
fn parse_json<T: serde::de::DeserializeOwned>(text: &str) -> Result<T, ParseError> {
    let text = text.trim_start_matches('\u{feff}');
    let parsed = serde_json::from_str::<Value>(text).or_else(|error| match replace_lone_surrogates(text) {
        Some(replaced) => serde_json::from_str(&replaced),
        None => Err(error),
    });
    let value = parsed.map_err(|error| ParseError::syntax(&error))?;
    if !value.is_object() {
        // serde would also accept an array of the members' values.
        return Err(ParseError::NotAMessage);
    }
    // The error is dropped on purpose: it quotes the wrong member, and a secret in it must not get into logs.
    serde_json::from_value(value).ok().ok_or(ParseError::NotAMessage)
}

/// Replaces every escaped surrogate without its counterpart by U+FFFD; `None` if there is none. JavaScript sends such
/// surrogates where it truncates a title within an emoji.
fn replace_lone_surrogates(text: &str) -> Option<String> {
    const REPLACEMENT: &str = "\\ufffd";
    let code_unit = |at: usize| {
        let escape = text.get(at..at + 6)?.strip_prefix("\\u")?;
        u16::from_str_radix(escape, 16).ok()
    };
    let mut replaced = String::new();
    let (mut at, mut copied) = (0, 0);
    while let Some(next) = text[at..].find('\\') {
        at += next;
        at = match code_unit(at) {
            Some(0xd800..=0xdbff) if matches!(code_unit(at + 6), Some(0xdc00..=0xdfff)) => at + 12,
            Some(0xd800..=0xdfff) => {
                replaced.push_str(&text[copied..at]);
                replaced.push_str(REPLACEMENT);
                copied = at + 6;
                copied
            }
            // The backslash and the character that it escapes.
            _ => at + 1 + text[at + 1..].chars().next().map_or(0, char::len_utf8),
        };
    }
    replaced.push_str(&text[copied..]);
    (copied > 0).then_some(replaced)
}

fn write_envelope(envelope: &Envelope) -> String {
    serde_json::to_string(envelope).expect("strings and JSON values always serialize")
}

macro_rules! serde_through_envelope {
    ($message:ty, $parse:path) => {
        impl $message {
            /// Parses a text frame.
            ///
            /// # Errors
            /// [`ParseError`](crate::protocol::ParseError) if the frame is not a JSON object with a string `event`.
            pub fn parse(text: &str) -> Result<Self, crate::protocol::ParseError> {
                $parse(text).map(Self::from)
            }

            /// Returns the text frame to send.
            #[must_use]
            pub fn to_text(&self) -> String {
                super::write_envelope(&super::Envelope::from(self.clone()))
            }
        }

        impl serde::Serialize for $message {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                super::Envelope::from(self.clone()).serialize(serializer)
            }
        }

        impl<'de> serde::Deserialize<'de> for $message {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                super::Envelope::deserialize(deserializer).map(Self::from)
            }
        }
    };
}
pub(crate) use serde_through_envelope;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parse_tolerates_byte_order_mark_and_lone_surrogates() {
        let title_of = |json: &str| {
            let text = format!("\u{feff}{{\"event\":\"changeTitle\",\"payload\":{{\"title\":\"{json}\"}}}}");
            match ToHost::parse(&text) {
                Ok(ToHost::ChangeTitle { title, .. }) => title,
                other => panic!("{json}: {other:?}"),
            }
        };
        for (json, expected) in [
            (r"a\ud83d", "a\u{fffd}"),
            (r"\udfa7b\ud83d\u0041", "\u{fffd}b\u{fffd}A"),
            (r"\ud83c\ud83c\udfa7", "\u{fffd}\u{1f3a7}"),
            (r"\\ud83d \ud83d", "\\ud83d \u{fffd}"),
            (r"\ud83c\udfa7", "\u{1f3a7}"),
            ("\u{1f3a7}\\ud83c", "\u{1f3a7}\u{fffd}"),
        ] {
            assert_eq!(title_of(json), expected, "{json}");
        }
        for broken in [r#"{"event":"\ud83d"#, r#"{"event":"\ud8"#, r"\", r#"{"event":"x\q\ud83d"}"#, "\\u\u{e9}\u{e9}"]
        {
            assert!(ToHost::parse(broken).is_err(), "{broken}");
        }
        let duplicates = r#"{"event":"x","event":"sendLog","payload":{"message":"a","message":"b"}}"#;
        assert_eq!(ToHost::parse(duplicates), Ok(ToHost::SendLog { message: "b".into() }));
        assert_eq!(
            Register::parse("\u{feff}{\"event\":\"e\",\"uuid\":\"u\",\"more\":1}"),
            Ok(Register { event: "e".into(), uuid: "u".into() })
        );
    }
}
