//! Messages from the host to a package or a property view.

use serde_json::{Value, json};

use super::payload::{settings, state, texts};
use super::{Envelope, FontAttribute, FontChange, Layout, Settings, serde_through_envelope};

/// A message from the host. `widget` and `context` are empty where a host leaves them out.
///
/// See [Receive Events](https://github.com/AVerMedia-Technologies-Inc/CreatorCentralSDK/wiki/Receive-Events-from-Creator-Central).
#[derive(Clone, Debug, PartialEq)]
pub enum FromHost {
    /// `didReceiveWidgetSettings`: an instance's settings, after it has appeared, after `getWidgetSettings`, and after a
    /// change by the package or by a property view.
    DidReceiveWidgetSettings {
        /// Widget UUID.
        widget: String,
        /// Instance.
        context: String,
        /// All of its settings.
        settings: Settings,
    },
    /// `didReceivePackageSettings`: the package's settings, after `getPackageSettings`, and after a change by the package or
    /// by a page.
    DidReceivePackageSettings {
        /// All of its settings.
        settings: Settings,
    },
    /// `actionDown`: a key was pressed down.
    ActionDown {
        /// Widget UUID.
        widget: String,
        /// Instance.
        context: String,
        /// Current state, where the widget has several.
        state: Option<u32>,
    },
    /// `actionUp`: a key was released, even if the finger has left it.
    ActionUp {
        /// Widget UUID.
        widget: String,
        /// Instance.
        context: String,
        /// Current state, where the widget has several.
        state: Option<u32>,
    },
    /// `actionTriggered`: a key was pressed and released inside itself. Follows [`FromHost::ActionUp`].
    ActionTriggered {
        /// Widget UUID.
        widget: String,
        /// Instance.
        context: String,
        /// Current state, where the widget has several.
        state: Option<u32>,
    },
    /// `widgetWillAppear`: an instance becomes visible, at start, when it is dragged to the Panel, or when the user switches
    /// to its profile.
    WidgetWillAppear {
        /// Widget UUID.
        widget: String,
        /// Instance.
        context: String,
        /// Current state, where the widget has several.
        state: Option<u32>,
        /// Its settings, where the host sends them here. `didReceiveWidgetSettings` follows in any case.
        settings: Option<Settings>,
        /// Its layout, where the host sends it.
        layout: Option<Layout>,
    },
    /// `widgetWillDisappear`: an instance is no longer visible, because it was deleted or the user has switched to another
    /// profile.
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
    /// `propertyViewDidAppear`: the property view of an instance was opened.
    PropertyViewDidAppear {
        /// Widget UUID.
        widget: String,
        /// Instance.
        context: String,
    },
    /// `propertyViewDidDisappear`: the property view of an instance was closed.
    PropertyViewDidDisappear {
        /// Widget UUID.
        widget: String,
        /// Instance.
        context: String,
    },
    /// `sendToPackage`, to the package: a message from a property view.
    SendToPackage {
        /// Widget UUID.
        widget: String,
        /// Instance.
        context: String,
        /// As the property view sent it.
        payload: Value,
    },
    /// `sendToPropertyView`, to a property view: a message from the package.
    SendToPropertyView {
        /// Widget UUID.
        widget: String,
        /// Instance.
        context: String,
        /// As the package sent it.
        payload: Value,
    },
    /// `didReceiveWidgetTitle`: an instance's titles, after `getWidgetTitle` or a change by the user.
    DidReceiveWidgetTitle {
        /// Widget UUID.
        widget: String,
        /// Instance.
        context: String,
        /// One for each state.
        titles: Vec<String>,
    },
    /// `didReceiveWidgetIcon`: an instance's icons, after `getWidgetIcon` or a change by the user.
    DidReceiveWidgetIcon {
        /// Widget UUID.
        widget: String,
        /// Instance.
        context: String,
        /// One for each state: data URIs or paths in the package.
        icons: Vec<String>,
    },
    /// `didReceiveFontAttribute`: the font of an instance's title, after `getFontAttribute` or a change by the user.
    DidReceiveFontAttribute {
        /// Widget UUID.
        widget: String,
        /// Instance.
        context: String,
        /// The font.
        font: FontAttribute,
    },
    /// `applicationWillTerminate`: the host, or the package, ends in 3 s. Since
    /// [SDK 2.0.5](https://github.com/AVerMedia-Technologies-Inc/CreatorCentralSDK#new-event-from-creator-central).
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

serde_through_envelope!(FromHost, super::parse_json::<super::Envelope>);

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
                layout: Layout::from_payload(&payload),
            },
            "widgetWillDisappear" => {
                Self::WidgetWillDisappear { widget, context, state, layout: Layout::from_payload(&payload) }
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
                font: FontChange::from_payload(&payload).apply_to(FontAttribute::default()),
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
            Envelope::for_context(event, context).with_widget(widget).with_payload(payload)
        };
        match message {
            FromHost::DidReceiveWidgetSettings { widget, context, settings } => {
                Envelope::for_context("didReceiveWidgetSettings", &context).with_widget(&widget).with_settings(settings)
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
                    layout.write_to(&mut envelope.payload);
                }
                envelope
            }
            FromHost::WidgetWillDisappear { widget, context, state, layout } => {
                let mut envelope = with_state("widgetWillDisappear", &widget, &context, state);
                if let Some(layout) = layout {
                    layout.write_to(&mut envelope.payload);
                }
                envelope
            }
            FromHost::PropertyViewDidAppear { widget, context } => {
                Envelope::for_context("propertyViewDidAppear", &context).with_widget(&widget)
            }
            FromHost::PropertyViewDidDisappear { widget, context } => {
                Envelope::for_context("propertyViewDidDisappear", &context).with_widget(&widget)
            }
            FromHost::SendToPackage { widget, context, payload } => {
                Envelope::for_context("sendToPackage", &context).with_widget(&widget).with_payload(payload)
            }
            FromHost::SendToPropertyView { widget, context, payload } => {
                Envelope::for_context("sendToPropertyView", &context).with_widget(&widget).with_payload(payload)
            }
            FromHost::DidReceiveWidgetTitle { widget, context, titles } => {
                Envelope::for_context("didReceiveWidgetTitle", &context)
                    .with_widget(&widget)
                    .with_payload(json!(titles))
            }
            FromHost::DidReceiveWidgetIcon { widget, context, icons } => {
                Envelope::for_context("didReceiveWidgetIcon", &context).with_widget(&widget).with_payload(json!(icons))
            }
            FromHost::DidReceiveFontAttribute { widget, context, font } => {
                Envelope::for_context("didReceiveFontAttribute", &context)
                    .with_widget(&widget)
                    .with_payload(json!(font))
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
    fn every_message_round_trips() {
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
    fn settings_are_parsed_in_both_forms() {
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
    fn missing_and_mistyped_members_are_tolerated() {
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
    fn layout_is_serialized_as_index_and_size() {
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
    fn layout_is_parsed_from_index_or_object() {
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
        assert_eq!(layout(json!("1")), layout(json!(1.0)), "an index may be a string or a float, as a state may");
    }

    #[test]
    fn deeply_nested_message_is_refused() {
        let nested = |depth: usize| {
            let arrays = [&b"["[..], b"]"].map(|bracket| String::from_utf8(bracket.repeat(depth)).unwrap());
            format!(r#"{{"event":"sendToPackage","payload":{}}}"#, arrays.concat())
        };
        // The message itself is a level.
        assert!(FromHost::parse(&nested(crate::json::PARSER_DEPTH - 1)).is_ok());
        for depth in [crate::json::PARSER_DEPTH, 1_000_000] {
            assert!(FromHost::parse(&nested(depth)).is_err(), "{depth}");
        }
    }

    #[test]
    fn parse_error_never_quotes_the_frame() {
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
