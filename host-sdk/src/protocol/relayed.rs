//! How a host writes what it has kept, or hands on, without ever having read it.

use serde::Serialize;
use serde_json::Value;
use serde_json::value::RawValue;

use super::incoming::in_settings;
use super::{Envelope, FromHost, Layout};
use crate::json::Raw;

/// A message from a host with something in it that isn't the host's to read: a [`FromHost`].
#[derive(Clone, Debug, PartialEq)]
pub enum Relayed {
    /// [`FromHost::DidReceiveWidgetSettings`]
    DidReceiveWidgetSettings {
        /// Widget UUID.
        widget: String,
        /// Instance.
        context: String,
        /// All of its settings.
        settings: Raw,
    },
    /// [`FromHost::DidReceivePackageSettings`]
    DidReceivePackageSettings {
        /// All of its settings.
        settings: Raw,
    },
    /// [`FromHost::WidgetWillAppear`]
    WidgetWillAppear {
        /// Widget UUID.
        widget: String,
        /// Instance.
        context: String,
        /// Current state, where the widget has several.
        state: Option<u32>,
        /// Its settings.
        settings: Raw,
        /// Its layout.
        layout: Option<Layout>,
    },
    /// [`FromHost::SendToPackage`]
    SendToPackage {
        /// Widget UUID.
        widget: String,
        /// Instance.
        context: String,
        /// As the property view sent it.
        payload: Raw,
    },
    /// [`FromHost::SendToPropertyView`]
    SendToPropertyView {
        /// Widget UUID.
        widget: String,
        /// Instance.
        context: String,
        /// As the package sent it.
        payload: Raw,
    },
}

/// An object with one member that is raw, behind all others.
#[derive(Serialize)]
struct With<'a, T> {
    #[serde(flatten)]
    others: T,
    #[serde(flatten)]
    raw: std::collections::BTreeMap<&'static str, &'a RawValue>,
}

impl Relayed {
    /// The text frame to send.
    #[must_use]
    pub fn to_text(&self) -> String {
        match self {
            Self::DidReceiveWidgetSettings { widget, context, settings } => {
                with_settings(Envelope::about("didReceiveWidgetSettings", context).of_widget(widget), settings)
            }
            Self::DidReceivePackageSettings { settings } => {
                with_settings(Envelope::new("didReceivePackageSettings"), settings)
            }
            Self::WidgetWillAppear { widget, context, state, settings, layout } => {
                let (widget, context) = (widget.clone(), context.clone());
                let appear =
                    FromHost::WidgetWillAppear { widget, context, state: *state, settings: None, layout: *layout };
                let mut envelope = Envelope::from(appear);
                let others = std::mem::take(&mut envelope.payload);
                let payload = With { others, raw: [("settings", settings.raw())].into() };
                with_payload(&envelope, &raw(&payload))
            }
            Self::SendToPackage { widget, context, payload } => {
                with_payload(&Envelope::about("sendToPackage", context).of_widget(widget), payload.raw())
            }
            Self::SendToPropertyView { widget, context, payload } => {
                with_payload(&Envelope::about("sendToPropertyView", context).of_widget(widget), payload.raw())
            }
        }
    }
}

fn with_settings(mut envelope: Envelope, settings: &Raw) -> String {
    envelope.settings_as_payload = in_settings(settings.raw()).is_some();
    with_payload(&envelope, settings.raw())
}

fn with_payload(envelope: &Envelope, payload: &RawValue) -> String {
    debug_assert_eq!(envelope.payload, Value::Null);
    let payload = Some(("payload", payload)).filter(|(_, payload)| payload.get() != RawValue::NULL.get());
    let message = With { others: envelope, raw: payload.into_iter().collect() };
    serde_json::to_string(&message).expect("texts and JSON always serialize")
}

fn raw(value: &impl Serialize) -> Box<RawValue> {
    serde_json::value::to_raw_value(value).expect("texts and JSON always serialize")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn packages_read_what_a_host_has_never_read() {
        let (widget, context) = (String::from("w"), String::from("c"));
        for object in [
            json!({"a": 0.1, "b": {"settings": 1}}),
            json!({"settings": {"a": 1}}),
            json!({"settings": {"settings": {}}, "x": 1}),
            json!({}),
        ] {
            let payload: Raw = object.as_object().unwrap().into();
            let settings = object.as_object().unwrap().clone();
            let ids = || (widget.clone(), context.clone());
            let layout = Some(Layout { index: Some(1), width: Some(3), height: Some(2) });
            for (relayed, read) in [
                (
                    Relayed::DidReceiveWidgetSettings { widget: ids().0, context: ids().1, settings: payload.clone() },
                    FromHost::DidReceiveWidgetSettings {
                        widget: ids().0,
                        context: ids().1,
                        settings: settings.clone(),
                    },
                ),
                (
                    Relayed::DidReceivePackageSettings { settings: payload.clone() },
                    FromHost::DidReceivePackageSettings { settings: settings.clone() },
                ),
                (
                    Relayed::WidgetWillAppear {
                        widget: ids().0,
                        context: ids().1,
                        state: Some(1),
                        settings: payload.clone(),
                        layout,
                    },
                    FromHost::WidgetWillAppear {
                        widget: ids().0,
                        context: ids().1,
                        state: Some(1),
                        settings: Some(settings.clone()),
                        layout,
                    },
                ),
                (
                    Relayed::SendToPackage { widget: ids().0, context: ids().1, payload: payload.clone() },
                    FromHost::SendToPackage { widget: ids().0, context: ids().1, payload: object.clone() },
                ),
                (
                    Relayed::SendToPropertyView { widget: ids().0, context: ids().1, payload: payload.clone() },
                    FromHost::SendToPropertyView { widget: ids().0, context: ids().1, payload: object.clone() },
                ),
            ] {
                let text = relayed.to_text();
                assert!(text.contains(payload.text()), "to the letter: {text}");
                assert_eq!(FromHost::parse(&text).unwrap(), read, "{text}");
                assert_eq!(FromHost::parse(&read.to_text()).unwrap(), read, "as packages' own hosts write it");
            }
        }
    }
}
