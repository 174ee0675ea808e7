//! Messages from a package or a property view to the host.

use serde_json::{Value, json};

use super::payload::{settings, state, text};
use super::{ActionEffect, EffectKind, Envelope, FontChange, Settings, serde_through_envelope};

/// A message to the host.
///
/// Released property views put the widget's context, their own UUID or the package UUID into `context`, so a host identifies
/// the instance by the socket.
#[derive(Clone, Debug, PartialEq)]
pub enum ToHost {
    /// [`setWidgetSettings`]: replaces an instance's stored settings.
    ///
    /// [`setWidgetSettings`]: https://github.com/AVerMedia-Technologies-Inc/CreatorCentralSDK/wiki/Send-Events-To-Creator-Central#set-widget-settings
    SetWidgetSettings {
        /// Instance.
        context: String,
        /// All of its settings.
        settings: Settings,
    },
    /// [`getWidgetSettings`]: requests [`FromHost::DidReceiveWidgetSettings`](super::FromHost::DidReceiveWidgetSettings).
    ///
    /// [`getWidgetSettings`]: https://github.com/AVerMedia-Technologies-Inc/CreatorCentralSDK/wiki/Send-Events-To-Creator-Central#get-widget-settings
    GetWidgetSettings {
        /// Instance.
        context: String,
    },
    /// [`setPackageSettings`]: replaces the package's stored settings.
    ///
    /// [`setPackageSettings`]: https://github.com/AVerMedia-Technologies-Inc/CreatorCentralSDK/wiki/Send-Events-To-Creator-Central#set-package-settings
    SetPackageSettings {
        /// Package UUID.
        context: String,
        /// All of its settings.
        settings: Settings,
    },
    /// [`getPackageSettings`]: requests [`FromHost::DidReceivePackageSettings`](super::FromHost::DidReceivePackageSettings).
    ///
    /// [`getPackageSettings`]: https://github.com/AVerMedia-Technologies-Inc/CreatorCentralSDK/wiki/Send-Events-To-Creator-Central#get-package-settings
    GetPackageSettings {
        /// Package UUID.
        context: String,
    },
    /// [`sendLog`]: writes a line to the host's log file.
    ///
    /// [`sendLog`]: https://github.com/AVerMedia-Technologies-Inc/CreatorCentralSDK/wiki/Send-Events-To-Creator-Central#send-log
    SendLog {
        /// The line.
        message: String,
    },
    /// [`openUrl`]: opens a page in the user's browser.
    ///
    /// [`openUrl`]: https://github.com/AVerMedia-Technologies-Inc/CreatorCentralSDK/wiki/Send-Events-To-Creator-Central#open-url
    OpenUrl {
        /// Its address: http or https.
        url: String,
    },
    /// [`changeTitle`]: changes an instance's title.
    ///
    /// [`changeTitle`]: https://github.com/AVerMedia-Technologies-Inc/CreatorCentralSDK/wiki/Send-Events-To-Creator-Central#change-widget-title
    ChangeTitle {
        /// Instance.
        context: String,
        /// The title.
        title: String,
        /// The state; `None` for all.
        state: Option<u32>,
    },
    /// [`changeImage`]: changes an instance's image, which covers the title.
    ///
    /// [`changeImage`]: https://github.com/AVerMedia-Technologies-Inc/CreatorCentralSDK/wiki/Send-Events-To-Creator-Central#change-widget-image
    ChangeImage {
        /// Instance.
        context: String,
        /// A data URI of a PNG, JPEG or SVG. An empty string restores the widget's own image.
        image: String,
        /// The state; `None` for all.
        state: Option<u32>,
        /// Our addition: a description of the image for screen readers and tests. Other hosts ignore it.
        description: Option<String>,
    },
    /// `changeIcon`: changes the picture of a state, which lies under the title. Since SDK 2.0.5.
    ChangeIcon {
        /// Instance.
        context: String,
        /// As in [`ToHost::ChangeImage`]. An empty string restores the widget's own picture.
        image: String,
        /// The state; `None` for all.
        state: Option<u32>,
    },
    /// [`changeState`]: switches an instance to another state of its widget.
    ///
    /// [`changeState`]: https://github.com/AVerMedia-Technologies-Inc/CreatorCentralSDK/wiki/Send-Events-To-Creator-Central#change-widget-state
    ChangeState {
        /// Instance.
        context: String,
        /// The zero-based state.
        state: u32,
    },
    /// [`changeFontAttribute`]: changes the font of an instance's title.
    ///
    /// [`changeFontAttribute`]: https://github.com/AVerMedia-Technologies-Inc/CreatorCentralSDK/wiki/Send-Events-To-Creator-Central#change-widget-title-style
    ChangeFontAttribute {
        /// Instance.
        context: String,
        /// The change.
        font: FontChange,
    },
    /// [`changeActionEffect`]: shows or clears an effect over an instance.
    ///
    /// [`changeActionEffect`]: https://github.com/AVerMedia-Technologies-Inc/CreatorCentralSDK/wiki/Send-Events-To-Creator-Central#change-widget-action-effect
    ChangeActionEffect {
        /// Instance.
        context: String,
        /// The effect.
        effect: ActionEffect,
    },
    /// [`getWidgetTitle`]: requests [`FromHost::DidReceiveWidgetTitle`](super::FromHost::DidReceiveWidgetTitle).
    ///
    /// [`getWidgetTitle`]: https://github.com/AVerMedia-Technologies-Inc/CreatorCentralSDK/wiki/Send-Events-To-Creator-Central#get-widget-title
    GetWidgetTitle {
        /// Instance.
        context: String,
    },
    /// [`getWidgetIcon`]: requests [`FromHost::DidReceiveWidgetIcon`](super::FromHost::DidReceiveWidgetIcon).
    ///
    /// [`getWidgetIcon`]: https://github.com/AVerMedia-Technologies-Inc/CreatorCentralSDK/wiki/Send-Events-To-Creator-Central#get-widget-icon
    GetWidgetIcon {
        /// Instance.
        context: String,
    },
    /// [`getFontAttribute`]: requests [`FromHost::DidReceiveFontAttribute`](super::FromHost::DidReceiveFontAttribute).
    ///
    /// [`getFontAttribute`]: https://github.com/AVerMedia-Technologies-Inc/CreatorCentralSDK/wiki/Send-Events-To-Creator-Central#get-widget-title-style
    GetFontAttribute {
        /// Instance.
        context: String,
    },
    /// [`sendToPropertyView`]: sends a message from the package to a property view.
    ///
    /// [`sendToPropertyView`]: https://github.com/AVerMedia-Technologies-Inc/CreatorCentralSDK/wiki/Send-Events-To-Creator-Central#send-to-property-view
    SendToPropertyView {
        /// Widget UUID.
        widget: String,
        /// Instance.
        context: String,
        /// Any JSON.
        payload: Value,
    },
    /// [`sendToPackage`]: sends a message from a property view to its package.
    ///
    /// [`sendToPackage`]: https://github.com/AVerMedia-Technologies-Inc/CreatorCentralSDK/wiki/Send-Events-To-Creator-Central#send-to-package
    SendToPackage {
        /// Widget UUID.
        widget: String,
        /// Instance.
        context: String,
        /// Any JSON.
        payload: Value,
    },
    /// `openSettings`, our addition: opens the package's settings page in the host. Creator Central ignores it.
    OpenSettings {
        /// Package UUID.
        context: String,
    },
    /// An event that this version doesn't know, or one whose payload lacks its essential member ([`ToHost::remedy`]). Not an
    /// error.
    Unknown {
        /// Its name.
        event: String,
        /// Widget UUID, if any.
        widget: String,
        /// Context, if any.
        context: String,
        /// Payload, if any.
        payload: Value,
    },
}

impl ToHost {
    /// Returns what is missing from a message with this event that was parsed as [`ToHost::Unknown`]; `None` for an unknown event.
    #[must_use]
    pub fn remedy(event: &str) -> Option<&'static str> {
        match event {
            "setWidgetSettings" => Some("its payload has to be an object, the settings themselves"),
            "setPackageSettings" => Some("its payload has to be an object, with the settings under \"settings\""),
            "changeState" => Some("its payload has to have a \"state\", a number from 0"),
            "changeActionEffect" => Some("its payload has to have a \"type\": press, invalid or clear"),
            _ => None,
        }
    }
}

serde_through_envelope!(ToHost, super::Incoming::parse);

impl From<Envelope> for ToHost {
    fn from(Envelope { event, widget, context, payload, .. }: Envelope) -> Self {
        match event.as_str() {
            // A message that lacks the settings must not erase those that are stored.
            "setWidgetSettings" | "setPackageSettings" if !payload.is_object() => {
                Self::Unknown { event, widget, context, payload }
            }
            "setWidgetSettings" => Self::SetWidgetSettings { context, settings: settings(payload, true) },
            "getWidgetSettings" => Self::GetWidgetSettings { context },
            "setPackageSettings" => Self::SetPackageSettings { context, settings: settings(payload, false) },
            "getPackageSettings" => Self::GetPackageSettings { context },
            "sendLog" => Self::SendLog { message: text(&payload, "message") },
            "openUrl" => Self::OpenUrl { url: text(&payload, "url") },
            "changeTitle" => Self::ChangeTitle { context, title: text(&payload, "title"), state: state(&payload) },
            "changeImage" => Self::ChangeImage {
                context,
                image: text(&payload, "image"),
                state: state(&payload),
                description: payload.get("description").and_then(Value::as_str).map(str::to_owned),
            },
            "changeIcon" => Self::ChangeIcon { context, image: text(&payload, "image"), state: state(&payload) },
            "changeState" => match state(&payload) {
                Some(state) => Self::ChangeState { context, state },
                None => Self::Unknown { event, widget, context, payload },
            },
            "changeFontAttribute" => Self::ChangeFontAttribute { context, font: FontChange::from_payload(&payload) },
            "changeActionEffect" => match EffectKind::from_name(&text(&payload, "type")) {
                Some(kind) => {
                    let image = Some(text(&payload, "image")).filter(|image| !image.is_empty());
                    Self::ChangeActionEffect { context, effect: ActionEffect { kind, image } }
                }
                None => Self::Unknown { event, widget, context, payload },
            },
            "getWidgetTitle" => Self::GetWidgetTitle { context },
            "getWidgetIcon" => Self::GetWidgetIcon { context },
            "getFontAttribute" => Self::GetFontAttribute { context },
            "sendToPropertyView" => Self::SendToPropertyView { widget, context, payload },
            "sendToPackage" => Self::SendToPackage { widget, context, payload },
            "openSettings" => Self::OpenSettings { context },
            _ => Self::Unknown { event, widget, context, payload },
        }
    }
}

impl From<ToHost> for Envelope {
    fn from(message: ToHost) -> Self {
        match message {
            ToHost::SetWidgetSettings { context, settings } => {
                Envelope::for_context("setWidgetSettings", &context).with_payload(Value::Object(settings))
            }
            ToHost::GetWidgetSettings { context } => Envelope::for_context("getWidgetSettings", &context),
            ToHost::SetPackageSettings { context, settings } => {
                Envelope::for_context("setPackageSettings", &context).with_payload(json!({"settings": settings}))
            }
            ToHost::GetPackageSettings { context } => Envelope::for_context("getPackageSettings", &context),
            ToHost::SendLog { message } => Envelope::new("sendLog").with_payload(json!({"message": message})),
            ToHost::OpenUrl { url } => Envelope::new("openUrl").with_payload(json!({"url": url})),
            ToHost::ChangeTitle { context, title, state } => {
                Envelope::for_context("changeTitle", &context).with_payload(with_state(json!({"title": title}), state))
            }
            ToHost::ChangeImage { context, image, state, description } => {
                let mut payload = with_state(json!({"image": image}), state);
                if let Some(description) = description {
                    payload["description"] = Value::String(description);
                }
                Envelope::for_context("changeImage", &context).with_payload(payload)
            }
            ToHost::ChangeIcon { context, image, state } => {
                Envelope::for_context("changeIcon", &context).with_payload(with_state(json!({"image": image}), state))
            }
            ToHost::ChangeState { context, state } => {
                Envelope::for_context("changeState", &context).with_payload(json!({"state": state}))
            }
            ToHost::ChangeFontAttribute { context, font } => {
                Envelope::for_context("changeFontAttribute", &context).with_payload(json!(font))
            }
            ToHost::ChangeActionEffect { context, effect } => {
                let mut payload = json!({"type": effect.kind.name()});
                if let Some(image) = effect.image {
                    payload["image"] = Value::String(image);
                }
                Envelope::for_context("changeActionEffect", &context).with_payload(payload)
            }
            ToHost::GetWidgetTitle { context } => Envelope::for_context("getWidgetTitle", &context),
            ToHost::GetWidgetIcon { context } => Envelope::for_context("getWidgetIcon", &context),
            ToHost::GetFontAttribute { context } => Envelope::for_context("getFontAttribute", &context),
            ToHost::SendToPropertyView { widget, context, payload } => {
                Envelope::for_context("sendToPropertyView", &context).with_widget(&widget).with_payload(payload)
            }
            ToHost::SendToPackage { widget, context, payload } => {
                Envelope::for_context("sendToPackage", &context).with_widget(&widget).with_payload(payload)
            }
            ToHost::OpenSettings { context } => Envelope::for_context("openSettings", &context),
            ToHost::Unknown { event, widget, context, payload } => {
                Envelope { event, widget, context, payload, ..Self::default() }
            }
        }
    }
}

fn with_state(mut payload: Value, state: Option<u32>) -> Value {
    if let Some(state) = state {
        payload["state"] = json!(state);
    }
    payload
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_message_round_trips() {
        let context = || String::from("c1");
        let settings: Settings =
            [("settings".to_owned(), json!({"step": 5})), ("x".to_owned(), json!(1))].into_iter().collect();
        let all = [
            ToHost::SetWidgetSettings { context: context(), settings: settings.clone() },
            ToHost::GetWidgetSettings { context: context() },
            ToHost::SetPackageSettings { context: context(), settings },
            ToHost::GetPackageSettings { context: context() },
            ToHost::SendLog { message: "line".into() },
            ToHost::OpenUrl { url: "https://example.com/".into() },
            ToHost::ChangeTitle { context: context(), title: "t".into(), state: Some(1) },
            ToHost::ChangeImage {
                context: context(),
                image: "data:".into(),
                state: None,
                description: Some("d".into()),
            },
            ToHost::ChangeIcon { context: context(), image: "data:".into(), state: Some(1) },
            ToHost::ChangeState { context: context(), state: 1 },
            ToHost::ChangeFontAttribute {
                context: context(),
                font: FontChange { bold: Some(true), size: Some(7.5), ..FontChange::default() },
            },
            ToHost::ChangeActionEffect {
                context: context(),
                effect: ActionEffect { kind: EffectKind::Invalid, image: Some("data:".into()) },
            },
            ToHost::GetWidgetTitle { context: context() },
            ToHost::GetWidgetIcon { context: context() },
            ToHost::GetFontAttribute { context: context() },
            ToHost::SendToPropertyView { widget: "w".into(), context: context(), payload: json!({"event": "x"}) },
            ToHost::SendToPackage { widget: "w".into(), context: context(), payload: json!({"command": "x"}) },
            ToHost::OpenSettings { context: context() },
            ToHost::Unknown { event: "new".into(), widget: String::new(), context: String::new(), payload: json!([1]) },
        ];
        for message in all {
            assert_eq!(ToHost::parse(&message.to_text()).unwrap(), message);
        }
    }

    #[test]
    fn messages_serialize_as_the_samples_send_them() {
        let image = ToHost::ChangeImage {
            context: "c".into(),
            image: "data:image/png;base64,AA==".into(),
            state: None,
            description: None,
        };
        assert_eq!(
            serde_json::from_str::<Value>(&image.to_text()).unwrap(),
            json!({"event": "changeImage", "context": "c", "payload": {"image": "data:image/png;base64,AA=="}})
        );
        let settings = ToHost::SetPackageSettings { context: "p".into(), settings: Settings::new() };
        assert_eq!(
            serde_json::from_str::<Value>(&settings.to_text()).unwrap(),
            json!({"event": "setPackageSettings", "context": "p", "payload": {"settings": {}}})
        );
    }

    #[test]
    fn package_settings_are_parsed_in_both_forms() {
        for payload in [json!({"settings": {"a": 1}}), json!({"a": 1})] {
            let text = json!({"event": "setPackageSettings", "context": "p", "payload": payload}).to_string();
            let ToHost::SetPackageSettings { settings, .. } = ToHost::parse(&text).unwrap() else { panic!() };
            assert_eq!(settings.get("a"), Some(&json!(1)));
        }
    }

    #[test]
    fn mistyped_payloads_are_parsed_as_far_as_possible() {
        let parse = |value: Value| ToHost::parse(&value.to_string()).unwrap();
        let change = |event: &str, payload: Value| parse(json!({"event": event, "context": "c", "payload": payload}));
        for (title, expected) in [(json!(5), "5"), (json!(1.5), "1.5"), (json!(true), "true"), (json!(null), "")] {
            let ToHost::ChangeTitle { title, state, .. } = change("changeTitle", json!({"title": title, "state": "1"}))
            else {
                panic!("{title}");
            };
            assert_eq!((title.as_str(), state), (expected, Some(1)));
        }
        assert_eq!(change("changeState", json!({"state": 1.0})), ToHost::ChangeState { context: "c".into(), state: 1 });
        let image = ToHost::ChangeImage { context: "c".into(), image: String::new(), state: None, description: None };
        for payload in [json!({}), json!(null), json!({"image": null}), json!([])] {
            assert_eq!(change("changeImage", payload), image);
        }
        // A payload without its essential member changes nothing and has a remedy.
        for (event, payload) in [
            ("setWidgetSettings", json!(null)),
            ("setWidgetSettings", json!("x")),
            ("setPackageSettings", json!([{}])),
            ("changeState", json!({})),
            ("changeState", json!({"state": -1})),
            ("changeActionEffect", json!({"type": "shaken"})),
            ("changeActionEffect", json!(null)),
        ] {
            let message = change(event, payload.clone());
            assert!(matches!(message, ToHost::Unknown { .. }), "{event} {payload}: {message:?}");
            assert!(ToHost::remedy(event).is_some(), "{event}");
        }
        assert_eq!(ToHost::remedy("fromTheFuture"), None);
        let ToHost::ChangeActionEffect { effect, .. } = change("changeActionEffect", json!({"type": "Press"})) else {
            panic!("an effect in upper case");
        };
        assert_eq!(effect.kind, EffectKind::Press);
    }
}
