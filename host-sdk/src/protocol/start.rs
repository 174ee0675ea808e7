//! How a package or a property view is started and registers itself.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{Layout, NotAMessage, Settings};

/// What a host hands to a package at its start: on the command line of a process
/// (`TARGET -port P -packageUUID U -registerEvent E -info JSON`), or through the stable ABI.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StartArgs {
    /// Port of the host's WebSocket on this machine.
    pub port: u16,
    /// The package's UUID; also the context of package-wide events.
    pub package_uuid: String,
    /// The name of the event to register with.
    pub register_event: String,
    /// [`Info`] as JSON text. Kept as text: a host may send more than we know, or less.
    pub info: String,
}

impl StartArgs {
    /// The first message on the socket.
    #[must_use]
    pub fn register(&self) -> Register {
        Register { event: self.register_event.clone(), uuid: self.package_uuid.clone() }
    }

    /// What the host says of itself; default values where it says nothing readable.
    #[must_use]
    pub fn read_info(&self) -> Info {
        serde_json::from_str(&self.info).unwrap_or_default()
    }
}

/// The first message on every socket, from a package or a property view. It has no `payload`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Register {
    /// The register event that the host handed out.
    pub event: String,
    /// The package's UUID, or the property view's.
    pub uuid: String,
}

impl Register {
    /// Reads the first text frame of a socket.
    ///
    /// # Errors
    /// [`NotAMessage`] if it isn't a JSON object with a string `event` and a string `uuid`.
    pub fn parse(text: &str) -> Result<Self, NotAMessage> {
        super::read(text)
    }
}

/// What the host says of itself and of the system.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Info {
    /// The host application (documents).
    pub application: Application,
    /// The same language again: samples read it here.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub language: Option<String>,
}

impl Info {
    /// The user's language as the host wrote it (`en`, `zh_TW`, …); `en` when it says none.
    #[must_use]
    pub fn language(&self) -> &str {
        self.told_language().unwrap_or("en")
    }

    /// The user's language as the host wrote it; None when it says none.
    #[must_use]
    pub fn told_language(&self) -> Option<&str> {
        [self.application.language.as_str(), self.language.as_deref().unwrap_or_default()]
            .into_iter()
            .find(|language| !language.is_empty())
    }
}

/// The host application, as [`Info`] describes it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Application {
    /// `en`, `ja`, `zh_TW`, `de`, `ko`; samples also have `zh_CN`.
    pub language: String,
    /// `win` or `mac`; `linux` in hosts like ours.
    pub platform: String,
    /// Version of the operating system.
    #[serde(rename = "platformVersion")]
    pub platform_version: String,
    /// Version of the host application.
    pub version: String,
}

/// What a host hands to a property view beside [`Info`]: which instance it is about.
///
/// A package's settings page (our addition) gets the package UUID both as widget and as context.
#[derive(Clone, Debug, PartialEq)]
pub struct WidgetInfo {
    /// The widget's UUID.
    pub widget: String,
    /// The instance's context.
    pub context: String,
    /// The instance's settings.
    pub settings: Settings,
    /// The instance's layout: an addition of ours, in the form that it has in `widgetWillAppear`.
    pub layout: Option<Layout>,
}

impl WidgetInfo {
    /// The object that the page's `connectCreatorCentral` receives as its last argument.
    #[must_use]
    pub fn to_json(&self) -> Value {
        let mut payload = json!({"settings": self.settings});
        if let Some(layout) = self.layout {
            layout.write(&mut payload);
        }
        json!({"widget": self.widget, "context": self.context, "payload": payload})
    }
}
