//! Recognizes plugins for other hosts, so that users learn why such a file doesn't run here.

use std::fmt;

use serde_json::Value;

/// The host that a plugin or package is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OtherHost {
    /// Creator Central before package SDK 2.
    CreatorCentral1,
    /// Elgato's Stream Deck.
    StreamDeck,
    /// Mirabox's Stream Dock, whose manifest is modelled on Stream Deck's.
    StreamDock,
    /// Touch Portal.
    TouchPortal,
    /// Loupedeck and Logi Options+.
    Loupedeck,
}

impl fmt::Display for OtherHost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::CreatorCentral1 => "a package for Creator Central 1",
            Self::StreamDeck => "a plugin for Stream Deck",
            Self::StreamDock => "a plugin for Stream Dock",
            Self::TouchPortal => "a plugin for Touch Portal",
            Self::Loupedeck => "a plugin for Loupedeck",
        })
    }
}

/// Returns the host that a folder without a package file is for, and the file by which it was recognized. `read` returns the
/// content of a file in the folder.
pub fn recognize(read: &dyn Fn(&str) -> Option<Vec<u8>>) -> Option<(OtherHost, &'static str)> {
    let known = [
        (OtherHost::CreatorCentral1, "WidgetConfig.json"),
        (OtherHost::TouchPortal, "entry.tp"),
        (OtherHost::Loupedeck, "metadata/LoupedeckPackage.yaml"),
    ];
    if let Some(known) = known.into_iter().find(|(_, file)| read(file).is_some()) {
        return Some(known);
    }
    const MANIFEST: &str = "manifest.json";
    let manifest = read(MANIFEST)?;
    let manifest = manifest.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&manifest);
    let manifest: Value = serde_json::from_slice(manifest).ok()?;
    // The sources of our own packages also have a manifest.json, with Widgets instead.
    let actions = manifest.get("Actions")?.as_array()?;
    let controllers = actions.iter().filter_map(|action| action.get("Controllers")?.as_array()).flatten();
    let is_dock = manifest.get("SDKVersion").and_then(Value::as_u64) == Some(1)
        || controllers.filter_map(Value::as_str).any(|name| ["Knob", "Information", "SecondaryScreen"].contains(&name));
    Some((if is_dock { OtherHost::StreamDock } else { OtherHost::StreamDeck }, MANIFEST))
}
