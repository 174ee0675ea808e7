//! How packages and property views are started and register with the host.
//!
//! See [Registration Flow](https://github.com/AVerMedia-Technologies-Inc/CreatorCentralSDK/wiki/Registration-Flow).

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{Layout, ParseError, Settings};

/// The arguments with which a host starts a package: on the command line
/// (`TARGET -port P -packageUUID U -registerEvent E -info JSON`), or through the stable ABI.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StartArgs {
    /// Port of the host's WebSocket server on this computer.
    pub port: u16,
    /// The package's UUID, which is also the context of package-wide events.
    pub package_uuid: String,
    /// The name of the event to register with.
    pub register_event: String,
    /// [`Info`] as JSON text, because a host may send more members than this version knows, or fewer.
    pub info: String,
}

impl StartArgs {
    /// Returns the first message on the socket.
    #[must_use]
    pub fn register(&self) -> Register {
        Register { event: self.register_event.clone(), uuid: self.package_uuid.clone() }
    }

    /// Parses [`StartArgs::info`]. Returns the default if it can't be parsed.
    #[must_use]
    pub fn read_info(&self) -> Info {
        serde_json::from_str(&self.info).unwrap_or_default()
    }
}

/// The first message on every socket, from a package or a property view. It has no `payload`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Register {
    /// The register event from the start arguments.
    pub event: String,
    /// The UUID of the package or of the property view.
    pub uuid: String,
}

impl Register {
    /// Parses the first text frame of a socket.
    ///
    /// # Errors
    /// [`ParseError`] if it isn't a JSON object with a string `event` and a string `uuid`.
    pub fn parse(text: &str) -> Result<Self, ParseError> {
        super::parse_json(text)
    }
}

/// The host's description of itself and of the system.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Info {
    /// The host application, with the language where the documents have it.
    pub application: Application,
    /// The same language where the samples read it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub language: Option<String>,
}

impl Info {
    /// Returns the user's language as the host writes it, such as `en` or `zh_TW`; `en` if the host reports none.
    #[must_use]
    pub fn language(&self) -> &str {
        self.reported_language().unwrap_or("en")
    }

    /// Returns the user's language as the host writes it, if the host reports one.
    #[must_use]
    pub fn reported_language(&self) -> Option<&str> {
        [self.application.language.as_str(), self.language.as_deref().unwrap_or_default()]
            .into_iter()
            .find(|language| !language.is_empty())
    }
}

/// The host application, as [`Info`] describes it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Application {
    /// `en`, `ja`, `zh_TW`, `de` or `ko`; samples also have `zh_CN`.
    pub language: String,
    /// `win` or `mac`; Creator Deck also reports `linux`.
    pub platform: String,
    /// Version of the operating system.
    #[serde(rename = "platformVersion")]
    pub platform_version: String,
    /// Version of the host application.
    pub version: String,
}

/// The instance for which a host opens a property view. The page receives it together with [`Info`].
///
/// A package's settings page (our addition) receives the package UUID as both widget and context.
#[derive(Clone, Debug, PartialEq)]
pub struct WidgetInfo {
    /// The widget's UUID.
    pub widget: String,
    /// The instance's context.
    pub context: String,
    /// The instance's settings.
    pub settings: Settings,
    /// The instance's layout (our addition), in the same form as in `widgetWillAppear`.
    pub layout: Option<Layout>,
}

impl WidgetInfo {
    /// Returns the object that the page's `connectCreatorCentral` receives as its last argument.
    #[must_use]
    pub fn to_json(&self) -> Value {
        let mut payload = json!({"settings": self.settings});
        if let Some(layout) = self.layout {
            layout.write_to(&mut payload);
        }
        json!({"widget": self.widget, "context": self.context, "payload": payload})
    }
}
