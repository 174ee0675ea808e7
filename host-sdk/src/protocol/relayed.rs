//! Serializes messages with content that a host stores or forwards without parsing it.

use serde::Serialize;
use serde_json::Value;
use serde_json::value::RawValue;

use super::incoming::unwrap_settings;
use super::{Envelope, FromHost, Layout};
use crate::json::Raw;

/// A [`FromHost`] message with [`Raw`] content, which the host doesn't parse.
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

/// An object with at most one raw member, which comes last.
#[derive(Serialize)]
struct WithRaw<'a, T> {
    #[serde(flatten)]
    others: T,
    #[serde(flatten)]
    raw: std::collections::BTreeMap<&'static str, &'a RawValue>,
}

impl Relayed {
    /// Returns the text frame to send.
    #[must_use]
    pub fn to_text(&self) -> String {
        match self {
            Self::DidReceiveWidgetSettings { widget, context, settings } => {
                with_settings(Envelope::for_context("didReceiveWidgetSettings", context).with_widget(widget), settings)
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
                let payload = WithRaw { others, raw: [("settings", settings.raw())].into() };
                with_payload(&envelope, &raw(&payload))
            }
            Self::SendToPackage { widget, context, payload } => {
                with_payload(&Envelope::for_context("sendToPackage", context).with_widget(widget), payload.raw())
            }
            Self::SendToPropertyView { widget, context, payload } => {
                with_payload(&Envelope::for_context("sendToPropertyView", context).with_widget(widget), payload.raw())
            }
        }
    }
}

fn with_settings(mut envelope: Envelope, settings: &Raw) -> String {
    envelope.settings_as_payload = unwrap_settings(settings.raw()).is_some();
    with_payload(&envelope, settings.raw())
}

fn with_payload(envelope: &Envelope, payload: &RawValue) -> String {
    debug_assert_eq!(envelope.payload, Value::Null);
    let payload = Some(("payload", payload)).filter(|(_, payload)| payload.get() != RawValue::NULL.get());
    let message = WithRaw { others: envelope, raw: payload.into_iter().collect() };
    serde_json::to_string(&message).expect("strings and JSON values always serialize")
}

fn raw(value: &impl Serialize) -> Box<RawValue> {
    serde_json::value::to_raw_value(value).expect("strings and JSON values always serialize")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn relayed_messages_parse_as_from_host() {
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
            for (relayed, expected) in [
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
                assert!(text.contains(payload.text()), "unchanged: {text}");
                assert_eq!(FromHost::parse(&text).unwrap(), expected, "{text}");
                assert_eq!(FromHost::parse(&expected.to_text()).unwrap(), expected, "as FromHost serializes it");
            }
        }
    }
}
