//! How a host reads messages: what it keeps or hands on stays the text that it came in, within bounds, and is never read.
//! Bounds come before work: a payload that is too large or too deep is refused before anything is made of it.

use std::collections::BTreeMap;
use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::Value;
use serde_json::value::RawValue;

use super::{Envelope, NotAMessage, Settings, ToHost, without_halves};
use crate::json::{MOST_LEVELS, MOST_SETTINGS, MOST_VALUES, Raw, levels, values};

/// Characters of an event's name that errors quote.
const LONGEST_NAME: usize = 60;

/// A message to a host, as the host reads it: [`ToHost`] with what isn't the host's to read left as it came. All of it can be
/// written and read again: see [`MOST_LEVELS`] and [`MOST_SETTINGS`].
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
    /// Everything else, which is for the host.
    Other(ToHost),
}

impl Incoming {
    /// Reads one text frame.
    ///
    /// # Errors
    /// [`NotAMessage`] if the frame is not a JSON object with a string `event`, or has more than a host takes.
    pub fn parse(text: &str) -> Result<Self, NotAMessage> {
        let text = text.trim_start_matches('\u{feff}');
        // Before it is known whether it is an object, serde would put its content into the error.
        if !text.trim_start().starts_with('{') {
            return Err(NotAMessage::no_object());
        }
        let mended = without_halves(text);
        let text = mended.as_deref().unwrap_or(text);
        let frame: Frame<'_> = serde_json::from_str(text).map_err(|error| NotAMessage::unreadable(&error))?;
        frame.read()
    }
}

impl From<Incoming> for ToHost {
    fn from(message: Incoming) -> Self {
        // Incoming messages have been found to be readable.
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

/// A frame's members, of two of one name the last one, as everywhere.
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
    fn read(self) -> Result<Incoming, NotAMessage> {
        let Some(Ok(event)) = self.event.map(|event| serde_json::from_str::<String>(event.get())) else {
            return Err(NotAMessage::no_object());
        };
        let (widget, context) = (name(self.widget)?, name(self.context)?);
        let payload = self.payload.unwrap_or(RawValue::NULL);
        match event.as_str() {
            "setWidgetSettings" if payload.get().starts_with('{') => {
                Ok(Incoming::SetWidgetSettings { context, settings: settings(&event, payload)? })
            }
            "setPackageSettings" if payload.get().starts_with('{') => {
                let inner = in_settings(payload);
                Ok(Incoming::SetPackageSettings { context, settings: settings(&event, inner.unwrap_or(payload))? })
            }
            "sendToPropertyView" => {
                Ok(Incoming::SendToPropertyView { widget, context, payload: shallow(&event, payload)?.into() })
            }
            "sendToPackage" => {
                Ok(Incoming::SendToPackage { widget, context, payload: shallow(&event, payload)?.into() })
            }
            _ => {
                let payload = serde_json::from_str(few(&event, shallow(&event, payload)?)?.get());
                let payload = payload.map_err(|error| NotAMessage::unreadable(&error))?;
                Ok(Incoming::Other(Envelope { event, widget, context, payload, ..Envelope::default() }.into()))
            }
        }
    }
}

/// A string member that some packages send as null or as a number.
fn name(raw: Option<&RawValue>) -> Result<String, NotAMessage> {
    let Some(raw) = raw else { return Ok(String::new()) };
    match raw.get().as_bytes().first() {
        Some(b'"') => serde_json::from_str(raw.get()).map_err(|error| NotAMessage::unreadable(&error)),
        Some(b'-' | b'0'..=b'9') => Ok(raw.get().to_owned()),
        _ => Ok(String::new()),
    }
}

/// A payload that isn't too deep.
fn shallow<'a>(event: &str, payload: &'a RawValue) -> Result<&'a RawValue, NotAMessage> {
    if levels(payload.get()) > MOST_LEVELS {
        let why = format!("{event} with more than {MOST_LEVELS} levels of objects and lists within one another");
        return Err(NotAMessage::too_much(why));
    }
    Ok(payload)
}

/// A payload whose values a host reads, and that hasn't more of them than it needs: each takes many times the memory of its
/// text.
fn few<'a>(event: &str, payload: &'a RawValue) -> Result<&'a RawValue, NotAMessage> {
    if values(payload.get()) > MOST_VALUES {
        let event: String = event.chars().take(LONGEST_NAME).collect();
        return Err(NotAMessage::too_much(format!("{event} with more than {MOST_VALUES} values")));
    }
    Ok(payload)
}

/// Settings that can be kept.
fn settings(event: &str, settings: &RawValue) -> Result<Raw, NotAMessage> {
    let size = settings.get().len();
    if size > MOST_SETTINGS {
        let why = format!("{event} with {size} bytes: settings have at most {MOST_SETTINGS}");
        return Err(NotAMessage::too_much(why));
    }
    let settings = shallow(event, settings)?;
    // What is syntax to a reader that skips it may still be no text, or no number.
    serde_json::from_str::<Value>(settings.get()).map_err(|error| NotAMessage::unreadable(&error))?;
    Ok(settings.into())
}

/// What lies under `settings`, if that is an object and the only member.
pub(super) fn in_settings(payload: &RawValue) -> Option<&RawValue> {
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

    fn deep(levels: usize) -> String {
        format!("{}1{}", r#"{"a":"#.repeat(levels), "}".repeat(levels))
    }

    #[test]
    fn payload_is_refused_beyond_the_levels_of_any_reader() {
        for (event, around) in [
            ("setWidgetSettings", ("", "")),
            ("setPackageSettings", (r#"{"settings":"#, "}")),
            ("setPackageSettings", ("", "")),
            ("sendToPropertyView", ("", "")),
            ("sendToPackage", ("", "")),
            ("changeTitle", ("", "")),
            ("fromTheFuture", ("", "")),
        ] {
            let frame = |levels| format!(r#"{{"event":"{event}","payload":{}{}{}}}"#, around.0, deep(levels), around.1);
            assert!(Incoming::parse(&frame(MOST_LEVELS)).is_ok(), "{event}");
            for levels in [MOST_LEVELS + 1, 124, 125, 126, 127, 128, 100_000] {
                let error = Incoming::parse(&frame(levels)).unwrap_err().to_string();
                assert!(error.contains("more than 100 levels"), "{event}: {error}");
            }
        }
    }

    #[test]
    fn many_values_are_refused_only_where_the_host_reads_them() {
        let frame = |event: &str, count: usize| {
            format!(r#"{{"event":"{event}","payload":{{"a":[{}1]}}}}"#, "1,".repeat(count - 3))
        };
        for event in ["changeImage", "sendLog", "fromTheFuture"] {
            assert!(Incoming::parse(&frame(event, MOST_VALUES)).is_ok(), "{event}");
            let error = Incoming::parse(&frame(event, MOST_VALUES + 1)).unwrap_err().to_string();
            assert_eq!(error, format!("{event} with more than 10000 values"));
        }
        for event in ["setWidgetSettings", "setPackageSettings", "sendToPropertyView", "sendToPackage"] {
            assert!(Incoming::parse(&frame(event, 2 * MOST_VALUES)).is_ok(), "{event}");
        }
    }

    #[test]
    fn settings_beyond_a_megabyte_are_refused_before_they_are_read() {
        let frame = |bytes: usize| {
            format!(
                r#"{{"event":"setWidgetSettings","payload":{{"a":"{}"}}}}"#,
                "x".repeat(bytes - r#"{"a":""}"#.len())
            )
        };
        assert!(Incoming::parse(&frame(MOST_SETTINGS)).is_ok());
        let error = Incoming::parse(&frame(MOST_SETTINGS + 1)).unwrap_err().to_string();
        assert!(error.contains("at most 1048576"), "{error}");
    }

    #[test]
    fn settings_are_kept_to_the_letter() {
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
    fn no_level_of_settings_is_lost() {
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
    fn of_two_members_of_one_name_the_last_one_counts() {
        let text = r#"{"event":"x","payload":[[[]]],"event":"sendToPackage","context":7,"payload":{"a":1}}"#;
        let Incoming::SendToPackage { context, payload, .. } = Incoming::parse(text).unwrap() else { panic!("{text}") };
        assert_eq!((context.as_str(), payload.text()), ("7", r#"{"a":1}"#));
    }

    #[test]
    fn settings_that_nobody_could_read_again_are_refused() {
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
