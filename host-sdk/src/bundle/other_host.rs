//! Tells what a bundle is that has no package file of ours, so that a user is told why it doesn't run here.

use std::fmt;

use serde_json::Value;

/// Whose plugin or package something is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OtherHost {
    /// Creator Central before its package SDK 2.
    CreatorCentral1,
    /// Elgato's Stream Deck.
    StreamDeck,
    /// Mirabox's Stream Dock, whose manifest is made after Stream Deck's.
    StreamDock,
    /// Touch Portal.
    TouchPortal,
    /// Loupedeck, and Logi Options+.
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

/// What a folder without a package file is, if that is known, and by which of its files. `read` reads a file of the folder.
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
    // The sources of a package of ours have a manifest.json, too, with Widgets in it.
    let actions = manifest.get("Actions")?.as_array()?;
    let controllers = actions.iter().filter_map(|action| action.get("Controllers")?.as_array()).flatten();
    let is_dock = manifest.get("SDKVersion").and_then(Value::as_u64) == Some(1)
        || controllers.filter_map(Value::as_str).any(|name| ["Knob", "Information", "SecondaryScreen"].contains(&name));
    Some((if is_dock { OtherHost::StreamDock } else { OtherHost::StreamDeck }, MANIFEST))
}
