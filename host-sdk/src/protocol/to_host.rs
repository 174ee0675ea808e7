//! Messages from a package or a property view to the host.

use serde_json::{Value, json};

use super::payload::{settings, state, text};
use super::{ActionEffect, EffectKind, Envelope, FontChange, Settings, serde_through_envelope};

/// A message to the host. Property views in the wild put the widget's context, their own UUID or the package UUID
/// into `context`; a host knows from the socket which instance is meant.
#[derive(Clone, Debug, PartialEq)]
pub enum ToHost {
    /// Store an instance's settings, all of them.
    SetWidgetSettings {
        /// Instance.
        context: String,
        /// What to store.
        settings: Settings,
    },
    /// Ask for an instance's settings.
    GetWidgetSettings {
        /// Instance.
        context: String,
    },
    /// Store the package's settings, all of them.
    SetPackageSettings {
        /// Package UUID.
        context: String,
        /// What to store.
        settings: Settings,
    },
    /// Ask for the package's settings.
    GetPackageSettings {
        /// Package UUID.
        context: String,
    },
    /// Write a line to the host's log file.
    SendLog {
        /// The line.
        message: String,
    },
    /// Open a page in the user's browser.
    OpenUrl {
        /// http or https.
        url: String,
    },
    /// Change an instance's title.
    ChangeTitle {
        /// Instance.
        context: String,
        /// The title.
        title: String,
        /// For which state; all of them if none.
        state: Option<u32>,
    },
    /// Change an instance's image, which lies over the title.
    ChangeImage {
        /// Instance.
        context: String,
        /// A data URI: PNG, JPEG or SVG. Empty brings the widget's own image back.
        image: String,
        /// For which state; all of them if none.
        state: Option<u32>,
        /// Our addition: the image in words, for screen readers and tests. Other hosts ignore it.
        description: Option<String>,
    },
    /// Replace the picture of a state, which lies under the title. Since SDK 2.0.5.
    ChangeIcon {
        /// Instance.
        context: String,
        /// As of [`ToHost::ChangeImage`]. Empty brings the widget's own picture back.
        image: String,
        /// For which state; all of them if none.
        state: Option<u32>,
    },
    /// Show another of a widget's states.
    ChangeState {
        /// Instance.
        context: String,
        /// Zero-based.
        state: u32,
    },
    /// Change the font of an instance's title.
    ChangeFontAttribute {
        /// Instance.
        context: String,
        /// What of it.
        font: FontChange,
    },
    /// Show or clear an effect over an instance.
    ChangeActionEffect {
        /// Instance.
        context: String,
        /// The effect.
        effect: ActionEffect,
    },
    /// Ask for an instance's titles.
    GetWidgetTitle {
        /// Instance.
        context: String,
    },
    /// Ask for an instance's icons.
    GetWidgetIcon {
        /// Instance.
        context: String,
    },
    /// Ask for an instance's title font.
    GetFontAttribute {
        /// Instance.
        context: String,
    },
    /// From a package to a property view.
    SendToPropertyView {
        /// Widget UUID.
        widget: String,
        /// Instance.
        context: String,
        /// Any JSON.
        payload: Value,
    },
    /// From a property view to its package.
    SendToPackage {
        /// Widget UUID.
        widget: String,
        /// Instance.
        context: String,
        /// Any JSON.
        payload: Value,
    },
    /// Our addition: open the package's settings page in the host. Creator Central ignores it.
    OpenSettings {
        /// Package UUID.
        context: String,
    },
    /// An event that this version doesn't know, or one whose payload lacks what it is about ([`ToHost::remedy`]). Not an
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
    /// What a message of this name needs that [`ToHost::Unknown`] ones of it lack; none for names that aren't known.
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
            // A package that has lost its settings on the way mustn't lose what is stored, too.
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
            "changeFontAttribute" => Self::ChangeFontAttribute { context, font: FontChange::read(&payload) },
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
                Envelope::about("setWidgetSettings", &context).with(Value::Object(settings))
            }
            ToHost::GetWidgetSettings { context } => Envelope::about("getWidgetSettings", &context),
            ToHost::SetPackageSettings { context, settings } => {
                Envelope::about("setPackageSettings", &context).with(json!({"settings": settings}))
            }
            ToHost::GetPackageSettings { context } => Envelope::about("getPackageSettings", &context),
            ToHost::SendLog { message } => Envelope::new("sendLog").with(json!({"message": message})),
            ToHost::OpenUrl { url } => Envelope::new("openUrl").with(json!({"url": url})),
            ToHost::ChangeTitle { context, title, state } => {
                Envelope::about("changeTitle", &context).with(with_state(json!({"title": title}), state))
            }
            ToHost::ChangeImage { context, image, state, description } => {
                let mut payload = with_state(json!({"image": image}), state);
                if let Some(description) = description {
                    payload["description"] = Value::String(description);
                }
                Envelope::about("changeImage", &context).with(payload)
            }
            ToHost::ChangeIcon { context, image, state } => {
                Envelope::about("changeIcon", &context).with(with_state(json!({"image": image}), state))
            }
            ToHost::ChangeState { context, state } => {
                Envelope::about("changeState", &context).with(json!({"state": state}))
            }
            ToHost::ChangeFontAttribute { context, font } => {
                Envelope::about("changeFontAttribute", &context).with(json!(font))
            }
            ToHost::ChangeActionEffect { context, effect } => {
                let mut payload = json!({"type": effect.kind.name()});
                if let Some(image) = effect.image {
                    payload["image"] = Value::String(image);
                }
                Envelope::about("changeActionEffect", &context).with(payload)
            }
            ToHost::GetWidgetTitle { context } => Envelope::about("getWidgetTitle", &context),
            ToHost::GetWidgetIcon { context } => Envelope::about("getWidgetIcon", &context),
            ToHost::GetFontAttribute { context } => Envelope::about("getFontAttribute", &context),
            ToHost::SendToPropertyView { widget, context, payload } => {
                Envelope::about("sendToPropertyView", &context).of_widget(&widget).with(payload)
            }
            ToHost::SendToPackage { widget, context, payload } => {
                Envelope::about("sendToPackage", &context).of_widget(&widget).with(payload)
            }
            ToHost::OpenSettings { context } => Envelope::about("openSettings", &context),
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
    fn every_message_survives_the_wire() {
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
    fn writes_what_the_samples_send() {
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
    fn package_settings_are_read_in_both_forms() {
        for payload in [json!({"settings": {"a": 1}}), json!({"a": 1})] {
            let text = json!({"event": "setPackageSettings", "context": "p", "payload": payload}).to_string();
            let ToHost::SetPackageSettings { settings, .. } = ToHost::parse(&text).unwrap() else { panic!() };
            assert_eq!(settings.get("a"), Some(&json!(1)));
        }
    }

    #[test]
    fn odd_payloads_are_read_as_far_as_they_go() {
        let parse = |value: Value| ToHost::parse(&value.to_string()).unwrap();
        let change = |event: &str, payload: Value| parse(json!({"event": event, "context": "c", "payload": payload}));
        for (title, read) in [(json!(5), "5"), (json!(1.5), "1.5"), (json!(true), "true"), (json!(null), "")] {
            let ToHost::ChangeTitle { title, state, .. } = change("changeTitle", json!({"title": title, "state": "1"}))
            else {
                panic!("{title}");
            };
            assert_eq!((title.as_str(), state), (read, Some(1)));
        }
        assert_eq!(change("changeState", json!({"state": 1.0})), ToHost::ChangeState { context: "c".into(), state: 1 });
        let image = ToHost::ChangeImage { context: "c".into(), image: String::new(), state: None, description: None };
        for payload in [json!({}), json!(null), json!({"image": null}), json!([])] {
            assert_eq!(change("changeImage", payload), image);
        }
        // What has lost the part that matters changes nothing, and says why.
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
            panic!("capitals");
        };
        assert_eq!(effect.kind, EffectKind::Press);
    }
}
