//! The layouts of each widget, read from manifest.json, the only place where widgets are declared.

use std::collections::HashMap;

use host_sdk::manifest::{PackageConfig, Widget};
use host_sdk::package::{Layout, Settings};

use crate::face::Size;

/// The sizes of each widget's layouts.
#[derive(Clone, Debug)]
pub struct Layouts(HashMap<String, Vec<Size>>);

impl Layouts {
    /// Reads the layouts from the embedded manifest.
    ///
    /// # Panics
    /// Never: a test parses the same text.
    #[must_use]
    pub fn from_manifest() -> Self {
        let manifest =
            PackageConfig::parse(include_str!("../../manifest.json")).expect("the built-in manifest is well-formed");
        let sizes = |widget: Widget| {
            let sizes = widget.layouts.iter().map(|layout| Size { columns: layout.width, rows: layout.height });
            (widget.uuid, sizes.collect())
        };
        Self(manifest.widgets.into_iter().map(sizes).collect())
    }

    /// Returns the size of an instance: the one that the host gives, else that of the instance's `layout` setting (an
    /// index), else that of the widget's first layout.
    #[must_use]
    pub fn size(&self, widget: &str, layout: Option<Layout>, settings: &Settings) -> Size {
        let sizes = self.0.get(widget).map(Vec::as_slice).unwrap_or_default();
        if let Some(Layout { width: Some(columns), height: Some(rows), .. }) = layout {
            return Size { columns, rows };
        }
        let index = layout.and_then(|layout| layout.index).or_else(|| {
            let index = settings.get("layout")?;
            index.as_u64().or_else(|| index.as_str()?.parse().ok()).and_then(|index| usize::try_from(index).ok())
        });
        index.and_then(|index| sizes.get(index)).or(sizes.first()).copied().unwrap_or(Size::KEY)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn size_is_from_host_then_setting_then_first_layout() {
        let layouts = Layouts::from_manifest();
        let playing_now = "com.spotify-widgets.playing-now";
        let none = Settings::new();
        let second = json!({"layout": 1}).as_object().unwrap().clone();
        let size = |columns, rows| Size { columns, rows };
        assert_eq!(layouts.size(playing_now, None, &none), size(3, 2));
        assert_eq!(layouts.size(playing_now, None, &second), size(2, 2));
        let index = Layout { index: Some(2), ..Layout::default() };
        assert_eq!(layouts.size(playing_now, Some(index), &second), size(3, 1));
        let span = Layout { index: Some(2), width: Some(5), height: Some(4) };
        assert_eq!(layouts.size(playing_now, Some(span), &second), size(5, 4));
        let beyond = Layout { index: Some(99), ..Layout::default() };
        assert_eq!(layouts.size(playing_now, Some(beyond), &none), size(3, 2));
        assert_eq!(layouts.size("com.spotify-widgets.next", None, &second), Size::KEY);
    }
}
