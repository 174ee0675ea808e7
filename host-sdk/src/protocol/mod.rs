//! Every message between a host, its packages and their property views.
//!
//! The wire is JSON in WebSocket text frames: `event`, mostly `context`, often `widget`, `payload`. Two enums hold all
//! of it, one a direction: [`FromHost`] and [`ToHost`]. Reading is tolerant, because hosts and packages of many
//! versions meet here: an unknown event is kept as `Unknown`, an unknown member is ignored, a missing member gets its
//! empty value, and where the vendor's documents and samples differ both forms are taken. Writing is exact: the form
//! that the samples send.
//!
//! Source of the facts: the Creator Central Package SDK 2.0.x documents ("Receive Events", "Send Events",
//! "Register") and sample packages.

mod from_host;
mod incoming;
mod payload;
mod relayed;
mod start;
mod to_host;

use serde::{Deserialize, Serialize};
use serde_json::Value;

pub use from_host::FromHost;
pub use incoming::Incoming;
pub use payload::{ActionEffect, EffectKind, FontAttribute, FontChange, Layout, Settings};
pub use relayed::Relayed;
pub use start::{Application, Info, Register, StartArgs, WidgetInfo};
pub use to_host::ToHost;

/// The frame's outer form, from which both enums are read and to which both are written.
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
    /// Our addition, of messages that bring settings: the payload is the settings, though it looks as if they were within it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub settings_as_payload: bool,
}

impl Envelope {
    fn new(event: &str) -> Self {
        Self { event: event.to_owned(), ..Self::default() }
    }

    fn about(event: &str, context: &str) -> Self {
        Self { event: event.to_owned(), context: context.to_owned(), ..Self::default() }
    }

    fn with(mut self, payload: Value) -> Self {
        self.payload = payload;
        self
    }

    /// Settings as the payload itself.
    fn with_settings(mut self, settings: Settings) -> Self {
        self.settings_as_payload = payload::seem_to_be_within(&settings);
        self.with(Value::Object(settings))
    }

    fn of_widget(mut self, widget: &str) -> Self {
        self.widget = widget.to_owned();
        self
    }
}

/// A string member that some hosts send as null or as a number.
fn lenient<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    Ok(match Value::deserialize(deserializer)? {
        Value::String(text) => text,
        Value::Number(number) => number.to_string(),
        _ => String::new(),
    })
}

/// A frame that isn't a message of this protocol. The connection goes on; the frame is logged and dropped.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct NotAMessage(String);

impl NotAMessage {
    /// What serde_json says of bad syntax names line and column only.
    fn unreadable(error: &serde_json::Error) -> Self {
        Self(format!("not a message of the package protocol: {error}"))
    }

    fn no_object() -> Self {
        Self("not a message of the package protocol: no object, or without the names that it needs".to_owned())
    }

    /// `what` names the message, and the bound that it has gone over.
    fn too_much(what: String) -> Self {
        Self(what)
    }
}

/// Reads a frame's JSON, also after a byte order mark, and with halves of characters in it. Of two members of one name the
/// last one counts, as everywhere.
fn read<T: serde::de::DeserializeOwned>(text: &str) -> Result<T, NotAMessage> {
    let text = text.trim_start_matches('\u{feff}');
    let read = serde_json::from_str::<Value>(text).or_else(|error| match without_halves(text) {
        Some(mended) => serde_json::from_str(&mended),
        None => Err(error),
    });
    // What serde_json says of bad syntax names line and column only; what it says of a wrong member quotes it, and a
    // secret in a bad frame mustn't get into logs.
    let value = read.map_err(|error| NotAMessage::unreadable(&error))?;
    // A list of the members' values would do for serde.
    let read = if value.is_object() { serde_json::from_value(value).ok() } else { None };
    read.ok_or_else(NotAMessage::no_object)
}

/// JSON with every escaped half of a character replaced; none if there is no such half. JavaScript sends them where it cuts
/// a title within an emoji.
fn without_halves(text: &str) -> Option<String> {
    const REPLACEMENT: &str = "\\ufffd";
    let unit = |at: usize| {
        let escape = text.get(at..at + 6)?.strip_prefix("\\u")?;
        u16::from_str_radix(escape, 16).ok()
    };
    let mut mended = String::new();
    let (mut at, mut taken) = (0, 0);
    while let Some(next) = text[at..].find('\\') {
        at += next;
        at = match unit(at) {
            Some(0xd800..=0xdbff) if matches!(unit(at + 6), Some(0xdc00..=0xdfff)) => at + 12,
            Some(0xd800..=0xdfff) => {
                mended.push_str(&text[taken..at]);
                mended.push_str(REPLACEMENT);
                taken = at + 6;
                taken
            }
            // The backslash, and what it escapes.
            _ => at + 1 + text[at + 1..].chars().next().map_or(0, char::len_utf8),
        };
    }
    mended.push_str(&text[taken..]);
    (taken > 0).then_some(mended)
}

fn write_envelope(envelope: &Envelope) -> String {
    serde_json::to_string(envelope).expect("strings and JSON values always serialize")
}

macro_rules! serde_through_envelope {
    ($message:ty, $parse:path) => {
        impl $message {
            /// Reads one text frame.
            ///
            /// # Errors
            /// [`NotAMessage`](crate::protocol::NotAMessage) if the frame is not a JSON object with a string `event`.
            pub fn parse(text: &str) -> Result<Self, crate::protocol::NotAMessage> {
                $parse(text).map(Self::from)
            }

            /// The text frame to send.
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
    fn byte_order_marks_and_halves_of_characters_cost_no_message() {
        let title = |json: &str| {
            let text = format!("\u{feff}{{\"event\":\"changeTitle\",\"payload\":{{\"title\":\"{json}\"}}}}");
            match ToHost::parse(&text) {
                Ok(ToHost::ChangeTitle { title, .. }) => title,
                other => panic!("{json}: {other:?}"),
            }
        };
        for (json, read) in [
            (r"a\ud83d", "a\u{fffd}"),
            (r"\udfa7b\ud83d\u0041", "\u{fffd}b\u{fffd}A"),
            (r"\ud83c\ud83c\udfa7", "\u{fffd}\u{1f3a7}"),
            (r"\\ud83d \ud83d", "\\ud83d \u{fffd}"),
            (r"\ud83c\udfa7", "\u{1f3a7}"),
            ("\u{1f3a7}\\ud83c", "\u{1f3a7}\u{fffd}"),
        ] {
            assert_eq!(title(json), read, "{json}");
        }
        for broken in [r#"{"event":"\ud83d"#, r#"{"event":"\ud8"#, r"\", r#"{"event":"x\q\ud83d"}"#, "\\u\u{e9}\u{e9}"]
        {
            assert!(ToHost::parse(broken).is_err(), "{broken}");
        }
        let twice = r#"{"event":"x","event":"sendLog","payload":{"message":"a","message":"b"}}"#;
        assert_eq!(ToHost::parse(twice), Ok(ToHost::SendLog { message: "b".into() }));
        assert_eq!(
            Register::parse("\u{feff}{\"event\":\"e\",\"uuid\":\"u\",\"more\":1}"),
            Ok(Register { event: "e".into(), uuid: "u".into() })
        );
    }
}
