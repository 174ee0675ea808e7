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
mod payload;
mod start;
mod to_host;

use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::Value;

pub use from_host::FromHost;
pub use payload::{ActionEffect, EffectKind, FontAttribute, Layout, Settings};
pub use start::{Application, Info, Register, StartArgs, WidgetInfo};
pub use to_host::ToHost;

/// The frame's outer form, from which both enums are read and to which both are written.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Envelope {
    pub event: String,
    #[serde(default, deserialize_with = "lenient", skip_serializing_if = "String::is_empty")]
    pub widget: String,
    #[serde(default, deserialize_with = "lenient", skip_serializing_if = "String::is_empty")]
    pub context: String,
    #[serde(default, skip_serializing_if = "Value::is_null")]
    pub payload: Value,
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
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NotAMessage(String);

impl fmt::Display for NotAMessage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "not a message of the package protocol: {}", self.0)
    }
}

impl std::error::Error for NotAMessage {}

fn read_envelope(text: &str) -> Result<Envelope, NotAMessage> {
    // serde_json's own text names line and column, never the content, so a secret in a bad frame stays out of logs.
    serde_json::from_str(text).map_err(|error| NotAMessage(error.to_string()))
}

fn write_envelope(envelope: &Envelope) -> String {
    serde_json::to_string(envelope).expect("strings and JSON values always serialize")
}

macro_rules! serde_through_envelope {
    ($message:ty) => {
        impl $message {
            /// Reads one text frame.
            ///
            /// # Errors
            /// [`NotAMessage`](crate::protocol::NotAMessage) if the frame is not a JSON object with a string `event`.
            pub fn parse(text: &str) -> Result<Self, crate::protocol::NotAMessage> {
                super::read_envelope(text).map(Self::from)
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
