//! Parses messages on the host's side. Content that the host only stores or forwards stays the text in which it was received.
//!
//! Limits are checked first: a payload that is too large or too deep is refused before anything is allocated for it.

use std::collections::BTreeMap;
use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::Value;
use serde_json::value::RawValue;

use super::{Envelope, ParseError, Settings, ToHost, replace_lone_surrogates};
use crate::json::{MAX_DEPTH, MAX_SETTINGS_BYTES, MAX_VALUES, Raw, depth, value_count};

/// Maximum number of characters of an event's name that errors quote.
const MAX_NAME: usize = 60;

/// A [`ToHost`] message as a host parses it, with [`Raw`] content where the host only stores or forwards it.
///
/// All of it can be serialized and parsed again, because it is within [`MAX_DEPTH`] and [`MAX_SETTINGS_BYTES`].
#[derive(Clone, Debug, PartialEq)]
pub enum Incoming {
    /// [`ToHost::SetWidgetSettings`]
    SetWidgetSettings {
        /// Instance.
        context: String,
        /// What to store: an object.
        settings: Raw,
    },
    /// [`ToHost::SetPackageSettings`]
    SetPackageSettings {
        /// Package UUID.
        context: String,
        /// What to store: an object.
        settings: Raw,
    },
    /// [`ToHost::SendToPropertyView`]
    SendToPropertyView {
        /// Widget UUID.
        widget: String,
        /// Instance.
        context: String,
        /// Any JSON.
        payload: Raw,
    },
    /// [`ToHost::SendToPackage`]
    SendToPackage {
        /// Widget UUID.
        widget: String,
        /// Instance.
        context: String,
        /// Any JSON.
        payload: Raw,
    },
    /// Every other message. The host interprets it.
    Other(ToHost),
}

impl Incoming {
    /// Parses a text frame.
    ///
    /// # Errors
    /// [`ParseError`] if the frame is not a JSON object with a string `event`, or exceeds a limit.
    pub fn parse(text: &str) -> Result<Self, ParseError> {
        let text = text.trim_start_matches('\u{feff}');
        // Checked first, because serde's error about another type would quote the content.
        if !text.trim_start().starts_with('{') {
            return Err(ParseError::NotAMessage);
        }
        let replaced = replace_lone_surrogates(text);
        let text = replaced.as_deref().unwrap_or(text);
        let frame: Frame<'_> = serde_json::from_str(text).map_err(|error| ParseError::syntax(&error))?;
        frame.parse()
    }
}

impl From<Incoming> for ToHost {
    fn from(message: Incoming) -> Self {
        // `Incoming::parse` has checked that they can be parsed.
        let read = |payload: &Raw| payload.read::<Value>().unwrap_or_default();
        let settings = |settings: &Raw| settings.read::<Settings>().unwrap_or_default();
        match message {
            Incoming::SetWidgetSettings { context, settings: raw } => {
                Self::SetWidgetSettings { context, settings: settings(&raw) }
            }
            Incoming::SetPackageSettings { context, settings: raw } => {
                Self::SetPackageSettings { context, settings: settings(&raw) }
            }
            Incoming::SendToPropertyView { widget, context, payload } => {
                Self::SendToPropertyView { widget, context, payload: read(&payload) }
            }
            Incoming::SendToPackage { widget, context, payload } => {
                Self::SendToPackage { widget, context, payload: read(&payload) }
            }
            Incoming::Other(message) => message,
        }
    }
}

/// The members of a frame. Of two with one name the last counts, as in serde_json.
#[derive(Default)]
struct Frame<'a> {
    event: Option<&'a RawValue>,
    widget: Option<&'a RawValue>,
    context: Option<&'a RawValue>,
    payload: Option<&'a RawValue>,
}

impl<'de> Deserialize<'de> for Frame<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Members;

        impl<'de> Visitor<'de> for Members {
            type Value = Frame<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Frame<'de>, A::Error> {
                let mut frame = Frame::default();
                while let Some(name) = members.next_key::<String>()? {
                    let value = Some(members.next_value::<&RawValue>()?);
                    match name.as_str() {
                        "event" => frame.event = value,
                        "widget" => frame.widget = value,
                        "context" => frame.context = value,
                        "payload" => frame.payload = value,
                        _ => {}
                    }
                }
                Ok(frame)
            }
        }

        deserializer.deserialize_map(Members)
    }
}

impl Frame<'_> {
    fn parse(self) -> Result<Incoming, ParseError> {
        let Some(Ok(event)) = self.event.map(|event| serde_json::from_str::<String>(event.get())) else {
            return Err(ParseError::NotAMessage);
        };
        let (widget, context) = (lenient_string(self.widget)?, lenient_string(self.context)?);
        let payload = self.payload.unwrap_or(RawValue::NULL);
        match event.as_str() {
            "setWidgetSettings" if payload.get().starts_with('{') => {
                Ok(Incoming::SetWidgetSettings { context, settings: settings(&event, payload)? })
            }
            "setPackageSettings" if payload.get().starts_with('{') => {
                let inner = unwrap_settings(payload);
                Ok(Incoming::SetPackageSettings { context, settings: settings(&event, inner.unwrap_or(payload))? })
            }
            "sendToPropertyView" => {
                check_depth(&event, payload)?;
                Ok(Incoming::SendToPropertyView { widget, context, payload: payload.into() })
            }
            "sendToPackage" => {
                check_depth(&event, payload)?;
                Ok(Incoming::SendToPackage { widget, context, payload: payload.into() })
            }
            _ => {
                check_depth(&event, payload)?;
                check_value_count(&event, payload)?;
                let payload = serde_json::from_str(payload.get()).map_err(|error| ParseError::syntax(&error))?;
                Ok(Incoming::Other(Envelope { event, widget, context, payload, ..Envelope::default() }.into()))
            }
        }
    }
}

/// Returns a string member that some packages send as null or as a number.
fn lenient_string(raw: Option<&RawValue>) -> Result<String, ParseError> {
    let Some(raw) = raw else { return Ok(String::new()) };
    match raw.get().as_bytes().first() {
        Some(b'"') => serde_json::from_str(raw.get()).map_err(|error| ParseError::syntax(&error)),
        Some(b'-' | b'0'..=b'9') => Ok(raw.get().to_owned()),
        _ => Ok(String::new()),
    }
}

fn check_depth(event: &str, payload: &RawValue) -> Result<(), ParseError> {
    match depth(payload.get()) > MAX_DEPTH {
        true => Err(ParseError::TooDeep { event: event.to_owned() }),
        false => Ok(()),
    }
}

/// Limits the values of a payload that the host parses: a parsed value takes many times the memory of its text.
fn check_value_count(event: &str, payload: &RawValue) -> Result<(), ParseError> {
    match value_count(payload.get()) > MAX_VALUES {
        true => Err(ParseError::TooManyValues { event: event.chars().take(MAX_NAME).collect() }),
        false => Ok(()),
    }
}

/// Returns the settings if the host can store them.
fn settings(event: &str, settings: &RawValue) -> Result<Raw, ParseError> {
    let size = settings.get().len();
    if size > MAX_SETTINGS_BYTES {
        return Err(ParseError::SettingsTooLarge { event: event.to_owned(), size });
    }
    check_depth(event, settings)?;
    // A parser that skips values accepts some that can't be parsed, such as lone surrogates and numbers that are too large.
    serde_json::from_str::<Value>(settings.get()).map_err(|error| ParseError::syntax(&error))?;
    Ok(settings.into())
}

/// Returns the member `settings`, if it is an object and the only member.
pub(super) fn unwrap_settings(payload: &RawValue) -> Option<&RawValue> {
    let members: BTreeMap<String, &RawValue> = serde_json::from_str(payload.get()).ok()?;
    match members.len() {
        1 => members.get("settings").copied().filter(|inner| inner.get().starts_with('{')),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn nested(depth: usize) -> String {
        format!("{}1{}", r#"{"a":"#.repeat(depth), "}".repeat(depth))
    }

    #[test]
    fn payload_beyond_max_depth_is_refused() {
        for (event, around) in [
            ("setWidgetSettings", ("", "")),
            ("setPackageSettings", (r#"{"settings":"#, "}")),
            ("setPackageSettings", ("", "")),
            ("sendToPropertyView", ("", "")),
            ("sendToPackage", ("", "")),
            ("changeTitle", ("", "")),
            ("fromTheFuture", ("", "")),
        ] {
            let frame = |depth| format!(r#"{{"event":"{event}","payload":{}{}{}}}"#, around.0, nested(depth), around.1);
            assert!(Incoming::parse(&frame(MAX_DEPTH)).is_ok(), "{event}");
            for depth in [MAX_DEPTH + 1, 124, 125, 126, 127, 128, 100_000] {
                let error = Incoming::parse(&frame(depth)).unwrap_err().to_string();
                assert!(error.contains("more than 100 levels"), "{event}: {error}");
            }
        }
    }

    #[test]
    fn many_values_are_refused_only_where_the_host_parses_them() {
        let frame = |event: &str, count: usize| {
            format!(r#"{{"event":"{event}","payload":{{"a":[{}1]}}}}"#, "1,".repeat(count - 3))
        };
        for event in ["changeImage", "sendLog", "fromTheFuture"] {
            assert!(Incoming::parse(&frame(event, MAX_VALUES)).is_ok(), "{event}");
            let error = Incoming::parse(&frame(event, MAX_VALUES + 1)).unwrap_err().to_string();
            assert_eq!(error, format!("{event} with more than 10000 values"));
        }
        for event in ["setWidgetSettings", "setPackageSettings", "sendToPropertyView", "sendToPackage"] {
            assert!(Incoming::parse(&frame(event, 2 * MAX_VALUES)).is_ok(), "{event}");
        }
    }

    #[test]
    fn settings_beyond_a_megabyte_are_refused() {
        let frame = |bytes: usize| {
            format!(
                r#"{{"event":"setWidgetSettings","payload":{{"a":"{}"}}}}"#,
                "x".repeat(bytes - r#"{"a":""}"#.len())
            )
        };
        assert!(Incoming::parse(&frame(MAX_SETTINGS_BYTES)).is_ok());
        let error = Incoming::parse(&frame(MAX_SETTINGS_BYTES + 1)).unwrap_err().to_string();
        assert!(error.contains("at most 1048576"), "{error}");
    }

    #[test]
    fn settings_keep_their_text() {
        let settings = r#"{"z": 0.30000000000000004, "a": 5e-324, "big": 123456789012345678901, "settings": {}}"#;
        let message = |event: &str, payload: &str| {
            Incoming::parse(&format!(r#"{{"event": "{event}", "context": "c", "payload": {payload}}}"#)).unwrap()
        };
        let Incoming::SetWidgetSettings { settings: kept, .. } = message("setWidgetSettings", settings) else {
            panic!("settings")
        };
        assert_eq!(kept.text(), settings);
        let wrapped = format!(r#"{{"settings": {settings}}}"#);
        for payload in [settings, &wrapped] {
            let Incoming::SetPackageSettings { settings: kept, .. } = message("setPackageSettings", payload) else {
                panic!("settings")
            };
            assert_eq!(kept.text(), settings);
        }
    }

    #[test]
    fn only_package_settings_are_unwrapped() {
        let nested = json!({"settings": {"settings": {"a": 1}}});
        let message = |event: &str| {
            Incoming::parse(&json!({"event": event, "context": "c", "payload": nested}).to_string()).unwrap()
        };
        let Incoming::SetWidgetSettings { settings, .. } = message("setWidgetSettings") else { panic!("settings") };
        assert_eq!(settings.read::<Value>().unwrap(), nested, "they are the payload itself");
        let Incoming::SetPackageSettings { settings, .. } = message("setPackageSettings") else { panic!("settings") };
        assert_eq!(settings.read::<Value>().unwrap(), nested["settings"], "they lie under `settings`");
    }

    #[test]
    fn last_of_duplicate_members_counts() {
        let text = r#"{"event":"x","payload":[[[]]],"event":"sendToPackage","context":7,"payload":{"a":1}}"#;
        let Incoming::SendToPackage { context, payload, .. } = Incoming::parse(text).unwrap() else { panic!("{text}") };
        assert_eq!((context.as_str(), payload.text()), ("7", r#"{"a":1}"#));
    }

    #[test]
    fn accepted_settings_can_be_parsed_again() {
        for payload in [r#"{"a": 1e999}"#, r#"{"a": "\ud83d"}"#, "{\"a\": \"\u{1}\"}", r#"{"a": 01}"#] {
            let text = format!(r#"{{"event": "setWidgetSettings", "context": "c", "payload": {payload}}}"#);
            match Incoming::parse(&text) {
                Ok(Incoming::SetWidgetSettings { settings, .. }) => drop(settings.read::<Value>().expect(payload)),
                Ok(other) => panic!("{payload}: {other:?}"),
                Err(_) => {}
            }
        }
    }
}
