//! Messages from the host to a package or a property view.

use serde_json::{Value, json};

use super::payload::{settings, state, texts};
use super::{Envelope, FontAttribute, FontChange, Layout, Settings, serde_through_envelope};

/// A message from the host. `widget` and `context` are empty where a host leaves them out.
#[derive(Clone, Debug, PartialEq)]
pub enum FromHost {
    /// An instance's settings: after an appear, a `getWidgetSettings`, or a change by the other side.
    DidReceiveWidgetSettings {
        /// Widget UUID.
        widget: String,
        /// Instance.
        context: String,
        /// All of its settings.
        settings: Settings,
    },
    /// The package's settings: after a `getPackageSettings`, or a change by the other side.
    DidReceivePackageSettings {
        /// All of its settings.
        settings: Settings,
    },
    /// A key was pressed down.
    ActionDown {
        /// Widget UUID.
        widget: String,
        /// Instance.
        context: String,
        /// Current state, where the widget has several.
        state: Option<u32>,
    },
    /// A key was released, wherever the finger was.
    ActionUp {
        /// Widget UUID.
        widget: String,
        /// Instance.
        context: String,
        /// Current state, where the widget has several.
        state: Option<u32>,
    },
    /// A key was pressed and released within itself. Follows [`FromHost::ActionUp`].
    ActionTriggered {
        /// Widget UUID.
        widget: String,
        /// Instance.
        context: String,
        /// Current state, where the widget has several.
        state: Option<u32>,
    },
    /// An instance becomes visible: at start, when dragged to the Panel, when its profile is switched to.
    WidgetWillAppear {
        /// Widget UUID.
        widget: String,
        /// Instance.
        context: String,
        /// Current state, where the widget has several.
        state: Option<u32>,
        /// Its settings, where the host sends them here (`didReceiveWidgetSettings` follows in any case).
        settings: Option<Settings>,
        /// Its layout, where the host sends it.
        layout: Option<Layout>,
    },
    /// An instance is no longer visible: deleted, or its profile switched away from.
    WidgetWillDisappear {
        /// Widget UUID.
        widget: String,
        /// Instance.
        context: String,
        /// Last state, where the widget has several.
        state: Option<u32>,
        /// Its layout, where the host sends it: since SDK 2.0.5.
        layout: Option<Layout>,
    },
    /// The property view of an instance is shown.
    PropertyViewDidAppear {
        /// Widget UUID.
        widget: String,
        /// Instance.
        context: String,
    },
    /// The property view of an instance is gone.
    PropertyViewDidDisappear {
        /// Widget UUID.
        widget: String,
        /// Instance.
        context: String,
    },
    /// To the package: what a property view sent.
    SendToPackage {
        /// Widget UUID.
        widget: String,
        /// Instance.
        context: String,
        /// As the property view sent it.
        payload: Value,
    },
    /// To a property view: what the package sent.
    SendToPropertyView {
        /// Widget UUID.
        widget: String,
        /// Instance.
        context: String,
        /// As the package sent it.
        payload: Value,
    },
    /// An instance's titles: after a `getWidgetTitle`, or when the user changes one.
    DidReceiveWidgetTitle {
        /// Widget UUID.
        widget: String,
        /// Instance.
        context: String,
        /// One a state.
        titles: Vec<String>,
    },
    /// An instance's icons: after a `getWidgetIcon`, or when the user changes one.
    DidReceiveWidgetIcon {
        /// Widget UUID.
        widget: String,
        /// Instance.
        context: String,
        /// One a state: data URIs or paths in the package.
        icons: Vec<String>,
    },
    /// An instance's title font: after a `getFontAttribute`, or when the user changes it.
    DidReceiveFontAttribute {
        /// Widget UUID.
        widget: String,
        /// Instance.
        context: String,
        /// The font.
        font: FontAttribute,
    },
    /// The application, or the package, ends in 3 s. Since SDK 2.0.5.
    ApplicationWillTerminate,
    /// An event that this version doesn't know. Not an error.
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

serde_through_envelope!(FromHost, super::read::<super::Envelope>);

impl From<Envelope> for FromHost {
    fn from(Envelope { event, widget, context, payload, settings_as_payload }: Envelope) -> Self {
        let settings = |payload| settings(payload, settings_as_payload);
        let state = state(&payload);
        match event.as_str() {
            "didReceiveWidgetSettings" => {
                Self::DidReceiveWidgetSettings { widget, context, settings: settings(payload) }
            }
            "didReceivePackageSettings" => Self::DidReceivePackageSettings { settings: settings(payload) },
            "actionDown" => Self::ActionDown { widget, context, state },
            "actionUp" => Self::ActionUp { widget, context, state },
            "actionTriggered" => Self::ActionTriggered { widget, context, state },
            "widgetWillAppear" => Self::WidgetWillAppear {
                widget,
                context,
                state,
                settings: payload.get("settings").and_then(Value::as_object).cloned(),
                layout: Layout::read(&payload),
            },
            "widgetWillDisappear" => {
                Self::WidgetWillDisappear { widget, context, state, layout: Layout::read(&payload) }
            }
            "propertyViewDidAppear" => Self::PropertyViewDidAppear { widget, context },
            "propertyViewDidDisappear" => Self::PropertyViewDidDisappear { widget, context },
            "sendToPackage" => Self::SendToPackage { widget, context, payload },
            "sendToPropertyView" => Self::SendToPropertyView { widget, context, payload },
            "didReceiveWidgetTitle" => {
                Self::DidReceiveWidgetTitle { widget, context, titles: texts(&payload, "title") }
            }
            "didReceiveWidgetIcon" => Self::DidReceiveWidgetIcon { widget, context, icons: texts(&payload, "image") },
            "didReceiveFontAttribute" => Self::DidReceiveFontAttribute {
                widget,
                context,
                font: FontChange::read(&payload).onto(FontAttribute::default()),
            },
            "applicationWillTerminate" => Self::ApplicationWillTerminate,
            _ => Self::Unknown { event, widget, context, payload },
        }
    }
}

impl From<FromHost> for Envelope {
    fn from(message: FromHost) -> Self {
        let with_state = |event: &str, widget: &str, context: &str, state: Option<u32>| {
            let payload = state.map_or_else(|| json!({}), |state| json!({"state": state}));
            Envelope::about(event, context).of_widget(widget).with(payload)
        };
        match message {
            FromHost::DidReceiveWidgetSettings { widget, context, settings } => {
                Envelope::about("didReceiveWidgetSettings", &context).of_widget(&widget).with_settings(settings)
            }
            FromHost::DidReceivePackageSettings { settings } => {
                Envelope::new("didReceivePackageSettings").with_settings(settings)
            }
            FromHost::ActionDown { widget, context, state } => with_state("actionDown", &widget, &context, state),
            FromHost::ActionUp { widget, context, state } => with_state("actionUp", &widget, &context, state),
            FromHost::ActionTriggered { widget, context, state } => {
                with_state("actionTriggered", &widget, &context, state)
            }
            FromHost::WidgetWillAppear { widget, context, state, settings, layout } => {
                let mut envelope = with_state("widgetWillAppear", &widget, &context, state);
                if let Some(settings) = settings {
                    envelope.payload["settings"] = Value::Object(settings);
                }
                if let Some(layout) = layout {
                    layout.write(&mut envelope.payload);
                }
                envelope
            }
            FromHost::WidgetWillDisappear { widget, context, state, layout } => {
                let mut envelope = with_state("widgetWillDisappear", &widget, &context, state);
                if let Some(layout) = layout {
                    layout.write(&mut envelope.payload);
                }
                envelope
            }
            FromHost::PropertyViewDidAppear { widget, context } => {
                Envelope::about("propertyViewDidAppear", &context).of_widget(&widget)
            }
            FromHost::PropertyViewDidDisappear { widget, context } => {
                Envelope::about("propertyViewDidDisappear", &context).of_widget(&widget)
            }
            FromHost::SendToPackage { widget, context, payload } => {
                Envelope::about("sendToPackage", &context).of_widget(&widget).with(payload)
            }
            FromHost::SendToPropertyView { widget, context, payload } => {
                Envelope::about("sendToPropertyView", &context).of_widget(&widget).with(payload)
            }
            FromHost::DidReceiveWidgetTitle { widget, context, titles } => {
                Envelope::about("didReceiveWidgetTitle", &context).of_widget(&widget).with(json!(titles))
            }
            FromHost::DidReceiveWidgetIcon { widget, context, icons } => {
                Envelope::about("didReceiveWidgetIcon", &context).of_widget(&widget).with(json!(icons))
            }
            FromHost::DidReceiveFontAttribute { widget, context, font } => {
                Envelope::about("didReceiveFontAttribute", &context).of_widget(&widget).with(json!(font))
            }
            FromHost::ApplicationWillTerminate => Envelope::new("applicationWillTerminate"),
            FromHost::Unknown { event, widget, context, payload } => {
                Envelope { event, widget, context, payload, ..Self::default() }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(value: Value) -> FromHost {
        FromHost::parse(&value.to_string()).unwrap()
    }

    #[test]
    fn every_message_survives_the_wire() {
        let (widget, context) = (String::from("com.example.w"), String::from("c1"));
        let settings: Settings = [("step".to_owned(), json!(5))].into_iter().collect();
        let id = || (widget.clone(), context.clone());
        let all = [
            FromHost::DidReceiveWidgetSettings { widget: id().0, context: id().1, settings: settings.clone() },
            FromHost::DidReceivePackageSettings { settings: settings.clone() },
            FromHost::ActionDown { widget: id().0, context: id().1, state: Some(1) },
            FromHost::ActionUp { widget: id().0, context: id().1, state: None },
            FromHost::ActionTriggered { widget: id().0, context: id().1, state: Some(0) },
            FromHost::WidgetWillAppear {
                widget: id().0,
                context: id().1,
                state: Some(0),
                settings: Some(settings),
                layout: Some(Layout { index: Some(2), width: Some(3), height: Some(1) }),
            },
            FromHost::WidgetWillDisappear {
                widget: id().0,
                context: id().1,
                state: None,
                layout: Some(Layout { index: Some(1), ..Layout::default() }),
            },
            FromHost::PropertyViewDidAppear { widget: id().0, context: id().1 },
            FromHost::PropertyViewDidDisappear { widget: id().0, context: id().1 },
            FromHost::SendToPackage { widget: id().0, context: id().1, payload: json!({"command": "x"}) },
            FromHost::SendToPropertyView { widget: id().0, context: id().1, payload: json!({"event": "x"}) },
            FromHost::DidReceiveWidgetTitle { widget: id().0, context: id().1, titles: vec!["a".into(), "b".into()] },
            FromHost::DidReceiveWidgetIcon { widget: id().0, context: id().1, icons: vec!["data:".into()] },
            FromHost::DidReceiveFontAttribute { widget: id().0, context: id().1, font: FontAttribute::default() },
            FromHost::ApplicationWillTerminate,
            FromHost::Unknown { event: "new".into(), widget: id().0, context: id().1, payload: json!([1]) },
        ];
        for message in all {
            assert_eq!(FromHost::parse(&message.to_text()).unwrap(), message);
        }
    }

    #[test]
    fn settings_are_read_in_both_forms() {
        for payload in [json!({"a": 1}), json!({"settings": {"a": 1}})] {
            let message = parse(json!({"event": "didReceivePackageSettings", "payload": payload}));
            assert_eq!(
                message,
                FromHost::DidReceivePackageSettings { settings: [("a".to_owned(), json!(1))].into_iter().collect() }
            );
        }
        let own = parse(json!({"event": "didReceiveWidgetSettings", "payload": {"settings": {"a": 1}, "b": 2}}));
        let FromHost::DidReceiveWidgetSettings { settings, .. } = own else { panic!("{own:?}") };
        assert_eq!(settings.len(), 2, "a member called settings beside others is the package's own");
    }

    #[test]
    fn missing_and_odd_members_are_no_error() {
        assert_eq!(
            parse(json!({"event": "actionDown", "context": null, "more": {"x": 1}})),
            FromHost::ActionDown { widget: String::new(), context: String::new(), state: None }
        );
        assert_eq!(
            parse(json!({"event": "actionUp", "context": 7, "payload": {"state": "2"}})),
            FromHost::ActionUp { widget: String::new(), context: "7".into(), state: Some(2) }
        );
        assert_eq!(
            parse(json!({"event": "didReceiveWidgetTitle", "payload": [{"title": "a", "state": 0}, "b", null]})),
            FromHost::DidReceiveWidgetTitle {
                widget: String::new(),
                context: String::new(),
                titles: vec!["a".into(), "b".into(), String::new()]
            }
        );
    }

    #[test]
    fn layout_is_written_as_its_index_and_its_size_beside_it() {
        let message = FromHost::WidgetWillDisappear {
            widget: "w".into(),
            context: "c".into(),
            state: None,
            layout: Some(Layout { index: Some(2), width: Some(3), height: Some(1) }),
        };
        assert_eq!(
            serde_json::from_str::<Value>(&message.to_text()).unwrap()["payload"],
            json!({"layout": 2, "layoutSize": {"width": 3, "height": 1}})
        );
    }

    #[test]
    fn layouts_are_read_as_index_or_object() {
        let layout = |layout: Value| match parse(json!({"event": "widgetWillAppear", "payload": {"layout": layout}})) {
            FromHost::WidgetWillAppear { layout, .. } => layout,
            other => panic!("{other:?}"),
        };
        assert_eq!(layout(json!(1)), Some(Layout { index: Some(1), width: None, height: None }));
        assert_eq!(
            layout(json!({"Width": 3, "Height": 2})),
            Some(Layout { index: None, width: Some(3), height: Some(2) })
        );
        assert_eq!(layout(json!({"width": 99, "height": 0})), None, "a span beyond the grid is no layout");
        assert_eq!(layout(json!("big")), None);
        assert_eq!(layout(json!("1")), layout(json!(1.0)), "as states are");
    }

    #[test]
    fn deeply_nested_message_is_refused() {
        let nested = |levels: usize| {
            let lists = [&b"["[..], b"]"].map(|bracket| String::from_utf8(bracket.repeat(levels)).unwrap());
            format!(r#"{{"event":"sendToPackage","payload":{}}}"#, lists.concat())
        };
        // The message itself is a level.
        assert!(FromHost::parse(&nested(crate::json::READABLE - 1)).is_ok());
        for levels in [crate::json::READABLE, 1_000_000] {
            assert!(FromHost::parse(&nested(levels)).is_err(), "{levels}");
        }
    }

    #[test]
    fn what_is_no_message_is_refused_without_its_content() {
        for text in [
            "",
            "garbage s3cret",
            "\"s3cret\"",
            "[\"s3cret\"]",
            "7",
            r#"{"payload":{}}"#,
            r#"{"event":7}"#,
            r#"{"event":["s3cret"]}"#,
        ] {
            let error = FromHost::parse(text).unwrap_err().to_string();
            assert!(!error.contains("s3cret"), "{error}");
        }
    }
}
