//! The package file, `PackageConfig.json`: its types and its rules.
//!
//! Parsing is tolerant: members may be spelled as in the documents or as in the samples, unknown members are preserved, members
//! that a host can do without are optional, and numbers are accepted as strings and vice versa. [`validate`] reports what is
//! missing or wrong, with a remedy. Serializing is exact: the form of the samples.
//!
//! Our additions, which Creator Central ignores: `SettingsPath` (a page for the package's own settings), `Starter` (keys for a
//! user who has none yet), the platform `linux`, and `library` in a platform's runtime (the package library that
//! `package-runner` loads).
//!
//! Source of the rules:
//! [Package Configuration](https://github.com/AVerMedia-Technologies-Inc/CreatorCentralSDK/wiki/Package-Configuration) of the
//! Creator Central Package SDK 2.0.x, and sample packages.
//!
//! ```
//! use host_sdk::manifest::{PackageConfig, Severity, validate};
//!
//! let config = PackageConfig::parse(r#"{"Name": "Lamp", "UUID": "com.example.lamp", "Widgets": []}"#)?;
//! let findings = validate(&config, &|_path| true);
//! assert!(findings.iter().any(|finding| finding.rule == "widgets" && finding.severity == Severity::Error));
//! # Ok::<(), serde_json::Error>(())
//! ```

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

pub use self::findings::{Finding, Severity};
pub use self::names::{is_disruptive, single_line, without_disruptive};
pub use self::validate::{check_text, validate};

mod findings;
mod names;
mod tolerant;
mod validate;

/// Name of the package file within a package's folder.
pub const FILE_NAME: &str = "PackageConfig.json";

/// Columns of the Panel.
pub const COLUMNS: u8 = 5;
/// Rows of the Panel.
pub const ROWS: u8 = 4;

/// The extension of a macOS application, which is a folder.
const APPLICATION: &str = ".app";
/// The extensions that are tried for a picture whose path has none, in this order.
const PICTURE_EXTENSIONS: &[&str] = &[".png", ".svg", ".jpg", ".jpeg", ".gif", ".bmp", ".webp"];
/// The extensions that are tried for a page whose path has none, in this order.
const PAGE_EXTENSIONS: &[&str] = &[".html", ".htm"];

/// The platform key of the operating system that this crate was built for.
pub const PLATFORM: &str = if cfg!(windows) {
    "win"
} else if cfg!(target_os = "macos") {
    "mac"
} else {
    "linux"
};

/// Returns the width in pixels of 1 to 5 columns: 150, 308, 466, 624 or 782.
#[must_use]
pub fn width_px(columns: u8) -> u32 {
    u32::from(columns.clamp(1, COLUMNS)) * 158 - 8
}

/// Returns the height in pixels of 1 to 4 rows: 108, 224, 340 or 456.
#[must_use]
pub fn height_px(rows: u8) -> u32 {
    u32::from(rows.clamp(1, ROWS)) * 116 - 8
}

/// A package file.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct PackageConfig {
    /// The package's author.
    #[serde(deserialize_with = "tolerant::text")]
    pub author: String,
    /// A one-sentence description.
    #[serde(deserialize_with = "tolerant::text")]
    pub description: String,
    /// The name in the Widget List.
    #[serde(deserialize_with = "tolerant::text")]
    pub name: String,
    /// Three or four numbers: "1.0.0", "1.0.0.7".
    #[serde(deserialize_with = "tolerant::text")]
    pub version: String,
    /// Reverse DNS, `[a-z0-9.-]+`.
    #[serde(rename = "UUID", deserialize_with = "tolerant::text")]
    pub uuid: String,
    /// PNG or SVG, 75 x 54 recommended; relative path.
    #[serde(deserialize_with = "tolerant::text")]
    pub icon: String,
    /// A web page about the package.
    #[serde(rename = "URL", skip_serializing_if = "Option::is_none", deserialize_with = "tolerant::optional_text")]
    pub url: Option<String>,
    /// Our addition: the package's settings page; relative path.
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "tolerant::optional_text")]
    pub settings_path: Option<String>,
    /// The program or page to start, by platform: `win`, `mac`, and our addition `linux`.
    #[serde(deserialize_with = "tolerant::or_default")]
    pub runtime: BTreeMap<String, Runtime>,
    /// The required host.
    #[serde(deserialize_with = "tolerant::or_default")]
    pub creator_central: CreatorCentral,
    /// The package's widgets.
    #[serde(deserialize_with = "tolerant::or_default")]
    pub widgets: Vec<Widget>,
    /// Our addition: the keys that a host may offer to a user who has none yet.
    #[serde(skip_serializing_if = "Vec::is_empty", deserialize_with = "tolerant::or_default")]
    pub starter: Vec<StarterKey>,
    /// Members that this version doesn't know.
    #[serde(flatten)]
    pub more: Map<String, Value>,
}

/// The program or page to start on one platform.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Runtime {
    /// `bin` (a program) or `web` (a page).
    #[serde(rename = "type", deserialize_with = "tolerant::text")]
    pub kind: String,
    /// Relative path of the program or page. On macOS a program may be an application: a folder whose name ends in `.app`.
    #[serde(deserialize_with = "tolerant::text")]
    pub target: String,
    /// Our addition: relative path of the package library that the program loads.
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "tolerant::optional_text")]
    pub library: Option<String>,
    /// The oldest supported version of the operating system.
    #[serde(rename = "MinimumVersion", deserialize_with = "tolerant::text")]
    pub minimum_version: String,
    /// Members that this version doesn't know.
    #[serde(flatten)]
    pub more: Map<String, Value>,
}

/// The host that a package requires.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct CreatorCentral {
    /// The oldest supported version of Creator Central.
    #[serde(deserialize_with = "tolerant::text")]
    pub minimum_version: String,
    /// The version of the package SDK, which is 2. Some files have it as a string.
    #[serde(rename = "SDKVersion")]
    pub sdk_version: Value,
    /// Members that this version doesn't know.
    #[serde(flatten)]
    pub more: Map<String, Value>,
}

/// A kind of key that a package offers.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct Widget {
    /// The name in the Widget List.
    #[serde(deserialize_with = "tolerant::text")]
    pub name: String,
    /// Relative path of the icon in the Widget List, 75 x 54 recommended.
    #[serde(deserialize_with = "tolerant::text")]
    pub icon: String,
    /// Reverse DNS, `[a-z0-9.-]+`.
    #[serde(rename = "UUID", deserialize_with = "tolerant::text")]
    pub uuid: String,
    /// The tooltip in the Widget List.
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "tolerant::optional_text")]
    pub tooltip: Option<String>,
    /// Relative path of the property view: the page that is shown when an instance is selected.
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "tolerant::optional_text")]
    pub property_view_path: Option<String>,
    /// Whether the user may edit the title; true by default.
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "tolerant::flag")]
    pub title_editable: Option<bool>,
    /// Whether the user may edit how the title looks; true by default.
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "tolerant::flag")]
    pub title_view_editable: Option<bool>,
    /// Whether the user may change the icon; true by default.
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "tolerant::flag")]
    pub icon_editable: Option<bool>,
    /// Whether it can be a step of a multi-action key; true by default. Since SDK 2.0.5.
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "tolerant::flag")]
    pub multi_action_supported: Option<bool>,
    /// The states, at least one. Messages number them from zero.
    #[serde(deserialize_with = "tolerant::or_default")]
    pub states: Vec<State>,
    /// The layouts; if empty, the widget is 1 x 1.
    #[serde(skip_serializing_if = "Vec::is_empty", deserialize_with = "tolerant::or_default")]
    pub layouts: Vec<Layout>,
    /// Members that this version doesn't know.
    #[serde(flatten)]
    pub more: Map<String, Value>,
}

impl Widget {
    /// Returns the layouts; one of 1 x 1 if none are declared.
    #[must_use]
    pub fn layouts(&self) -> Vec<Layout> {
        if self.layouts.is_empty() {
            return vec![Layout { width: 1, height: 1, ..Layout::default() }];
        }
        self.layouts.clone()
    }
}

/// A key of a package's starter Panel.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct StarterKey {
    /// The UUID of one of the package's widgets.
    #[serde(deserialize_with = "tolerant::text")]
    pub widget: String,
    /// Zero-based index into the widget's layouts.
    #[serde(deserialize_with = "tolerant::small_number")]
    pub layout: u8,
    /// The zero-based leftmost column; `None` lets the host choose.
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "tolerant::optional_small_number")]
    pub column: Option<u8>,
    /// The zero-based topmost row; `None` lets the host choose.
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "tolerant::optional_small_number")]
    pub row: Option<u8>,
    /// Members that this version doesn't know.
    #[serde(flatten)]
    pub more: Map<String, Value>,
}

/// A state of a widget.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct State {
    /// The initial title. Samples spell it `Title`, the documents `Name`.
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "tolerant::optional_text")]
    pub title: Option<String>,
    /// Relative path of the initial image.
    #[serde(deserialize_with = "tolerant::text")]
    pub image: String,
    /// Members that this version doesn't know.
    #[serde(flatten)]
    pub more: Map<String, Value>,
}

/// A size in which a widget can be placed.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct Layout {
    /// The name in the layout picker.
    #[serde(deserialize_with = "tolerant::text")]
    pub title: String,
    /// Relative path of the picture in the layout picker, 120 x 120.
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "tolerant::optional_text")]
    pub icon: Option<String>,
    /// Columns, 1 to 5.
    #[serde(deserialize_with = "tolerant::small_number")]
    pub width: u8,
    /// Rows, 1 to 4.
    #[serde(deserialize_with = "tolerant::small_number")]
    pub height: u8,
    /// Members that this version doesn't know.
    #[serde(flatten)]
    pub more: Map<String, Value>,
}

impl PackageConfig {
    /// Parses a package file. A byte order mark, which Windows editors tend to write, is skipped.
    ///
    /// # Errors
    /// If it isn't JSON, or a member has the wrong type. The message names the place.
    pub fn parse(text: &str) -> Result<Self, serde_json::Error> {
        let mut file: Value = serde_json::from_str(text.trim_start_matches('\u{feff}'))?;
        normalize(&mut file);
        serde_json::from_value(file)
    }

    /// Returns the file as JSON text.
    #[must_use]
    pub fn to_text(&self) -> String {
        let mut text = serde_json::to_string_pretty(self).expect("strings, numbers and maps of them always serialize");
        text.push('\n');
        text
    }

    /// Returns the runtime for the current [`PLATFORM`], if the package has one.
    #[must_use]
    pub fn runtime_here(&self) -> Option<&Runtime> {
        self.runtime.get(PLATFORM)
    }

    /// Returns the widget with this UUID.
    #[must_use]
    pub fn widget(&self, uuid: &str) -> Option<&Widget> {
        self.widgets.iter().find(|widget| widget.uuid == uuid)
    }

    /// Returns every path in the package file, each with the member that it is in, such as `Widgets[0].Icon`.
    #[must_use]
    pub fn files(&self) -> Vec<(String, &str)> {
        let mut files = vec![("Icon".to_owned(), self.icon.as_str())];
        files.extend(self.settings_path.as_deref().map(|path| ("SettingsPath".to_owned(), path)));
        for (platform, runtime) in &self.runtime {
            files.push((format!("Runtime.{platform}.target"), &runtime.target));
            files.extend(runtime.library.as_deref().map(|path| (format!("Runtime.{platform}.library"), path)));
        }
        for (n, widget) in self.widgets.iter().enumerate() {
            let at = |member: &str| format!("Widgets[{n}].{member}");
            files.push((at("Icon"), &widget.icon));
            files.extend(widget.property_view_path.as_deref().map(|path| (at("PropertyViewPath"), path)));
            files.extend(
                widget
                    .states
                    .iter()
                    .enumerate()
                    .map(|(s, state)| (at(&format!("States[{s}].Image")), state.image.as_str())),
            );
            files.extend(
                widget
                    .layouts
                    .iter()
                    .enumerate()
                    .filter_map(|(l, layout)| Some((at(&format!("Layouts[{l}].Icon")), layout.icon.as_deref()?))),
            );
        }
        files
    }

    /// Returns the paths of [`PackageConfig::files`] in the same order.
    fn paths_mut(&mut self) -> Vec<&mut String> {
        let mut paths = vec![&mut self.icon];
        paths.extend(&mut self.settings_path);
        for runtime in self.runtime.values_mut() {
            paths.push(&mut runtime.target);
            paths.extend(&mut runtime.library);
        }
        for widget in &mut self.widgets {
            paths.push(&mut widget.icon);
            paths.extend(&mut widget.property_view_path);
            paths.extend(widget.states.iter_mut().map(|state| &mut state.image));
            paths.extend(widget.layouts.iter_mut().filter_map(|layout| layout.icon.as_mut()));
        }
        paths
    }

    /// Adds missing file extensions to paths, where the package has such a file, and returns the changes: released packages
    /// write `images/full` for `images/full.png`, or `Program` for `Program.exe`.
    ///
    /// `exists` returns whether the package has a file or folder at a relative path.
    pub fn complete_paths(&mut self, exists: &dyn Fn(&str) -> bool) -> Vec<CompletedPath> {
        let mut completed = Vec::new();
        for (member, path) in self.files() {
            let with = |extensions: &[&str]| {
                let candidates = extensions.iter().map(|extension| format!("{path}{extension}"));
                candidates.into_iter().find(|path| is_inside(path) && exists(path))
            };
            let found = match self.runtime_of_target(&member) {
                Some(("win", "bin")) if path.to_lowercase().ends_with(".exe") => None,
                // Like Windows, which prefers `Program.exe` even if there is also a `Program` for another platform.
                Some(("win", "bin")) => with(&[".exe"]),
                _ if exists(path) => None,
                Some(("mac", "bin")) => with(&[APPLICATION]),
                Some((_, "web")) => with(PAGE_EXTENSIONS),
                Some(_) => None,
                None if member.ends_with("Path") => with(PAGE_EXTENSIONS),
                None if member.ends_with("library") => None,
                None => with(PICTURE_EXTENSIONS),
            };
            completed.push(found.map(|found| CompletedPath { member, written: path.to_owned(), completed: found }));
        }
        for (path, change) in self.paths_mut().into_iter().zip(&completed) {
            if let Some(change) = change {
                path.clone_from(&change.completed);
            }
        }
        completed.into_iter().flatten().collect()
    }

    /// Returns the platform and kind of the runtime, if `member` is a runtime's target.
    fn runtime_of_target(&self, member: &str) -> Option<(&str, &str)> {
        let platform = member.strip_prefix("Runtime.")?.strip_suffix(".target")?;
        self.runtime.get_key_value(platform).map(|(platform, runtime)| (platform.as_str(), runtime.kind.as_str()))
    }
}

/// A path to which [`PackageConfig::complete_paths`] has added its extension.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CompletedPath {
    /// The member of the package file, such as `Widgets[0].Icon`.
    pub member: String,
    /// The path in the package file.
    pub written: String,
    /// The path with its extension.
    pub completed: String,
}

/// The members of the package file, at any depth, that are paths.
const PATHS: [&str; 6] = ["Icon", "Image", "target", "library", "PropertyViewPath", "SettingsPath"];

/// Renames members that are spelled as in the documents to the samples' spelling, and normalizes paths. If a file has both
/// spellings, the documents' one is kept like an unknown member.
fn normalize(file: &mut Value) {
    fn normalize_paths(value: &mut Value) {
        match value {
            Value::Object(members) => {
                for (name, value) in members {
                    match value {
                        Value::String(path) if PATHS.contains(&name.as_str()) => *path = normalize_path(path),
                        value => normalize_paths(value),
                    }
                }
            }
            Value::Array(values) => values.iter_mut().for_each(normalize_paths),
            _ => {}
        }
    }
    fn rename(object: &mut Value, from: &str, to: &str) {
        if let Some(object) = object.as_object_mut()
            && !object.contains_key(to)
            && let Some(value) = object.remove(from)
        {
            object.insert(to.to_owned(), value);
        }
    }
    for runtime in file.get_mut("Runtime").and_then(Value::as_object_mut).into_iter().flat_map(|all| all.values_mut()) {
        rename(runtime, "Type", "type");
        rename(runtime, "Target", "target");
    }
    for widget in file.get_mut("Widgets").and_then(Value::as_array_mut).into_iter().flatten() {
        for state in widget.get_mut("States").and_then(Value::as_array_mut).into_iter().flatten() {
            rename(state, "Name", "Title");
        }
    }
    // Only here, so that unknown members stay unchanged.
    for name in ["Icon", "SettingsPath", "Runtime", "Widgets"] {
        if let Some(value) = file.get_mut(name) {
            match value {
                Value::String(path) => *path = normalize_path(path),
                value => normalize_paths(value),
            }
        }
    }
}

/// Replaces backslashes by slashes and removes one leading slash: such paths are relative to the package's folder, too. Two
/// leading slashes are kept, because they name another computer.
fn normalize_path(path: &str) -> String {
    let path = path.replace('\\', "/");
    match path.strip_prefix('/') {
        Some(rest) if !rest.starts_with('/') => rest.to_owned(),
        _ => path,
    }
}

/// Returns whether `text` is a valid UUID of a package or widget: at most 200 of `[a-z0-9.-]`, without a dot at either end, so
/// that it is neither `..` nor a hidden folder.
#[must_use]
pub fn is_uuid(text: &str) -> bool {
    !text.is_empty()
        && text.len() <= 200
        && text.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || matches!(byte, b'.' | b'-'))
        && !text.starts_with('.')
        && !text.ends_with('.')
}

/// Returns whether a relative path stays within its folder on every operating system.
#[must_use]
pub fn is_inside(path: &str) -> bool {
    let path = path.strip_prefix("./").unwrap_or(path);
    !path.is_empty()
        && !path.contains(['\\', ':', '\0'])
        && path.split('/').all(|part| !part.is_empty() && part != "." && part != "..")
}

/// Returns the folder of a macOS application's programs, relative to the package's folder; `None` if the target isn't an
/// application.
#[must_use]
pub fn application_programs(target: &str) -> Option<String> {
    target.ends_with(APPLICATION).then(|| format!("{target}/Contents/MacOS"))
}

/// Returns the path of a macOS application's `Info.plist`, which names its program
/// ([`CFBundleExecutable`](https://developer.apple.com/documentation/bundleresources/information-property-list/cfbundleexecutable)),
/// relative to the package's folder; `None` if the target isn't an application.
#[must_use]
pub fn application_info(target: &str) -> Option<String> {
    target.ends_with(APPLICATION).then(|| format!("{target}/Contents/Info.plist"))
}

/// A file of `lang/`: the names in the Widget List in one language.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Translation {
    /// The package's name.
    pub name: Option<String>,
    /// The widgets' names by UUID.
    pub widgets: BTreeMap<String, String>,
}

impl Translation {
    /// Parses a language file. Malformed entries are skipped.
    ///
    /// # Errors
    /// If it isn't a JSON object.
    pub fn parse(text: &str) -> Result<Self, serde_json::Error> {
        let file: Map<String, Value> = serde_json::from_str(text.trim_start_matches('\u{feff}'))?;
        let name = file.get("Name").and_then(Value::as_str).map(str::to_owned);
        let widgets = file
            .iter()
            .filter_map(|(uuid, entry)| Some((uuid.clone(), entry.get("Name")?.as_str()?.to_owned())))
            .collect();
        Ok(Self { name, widgets })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn sample() -> Value {
        json!({
            "Author": "A", "Description": "D", "Name": "N", "Version": "1.0.0.7", "UUID": "com.example.n", "Icon": "i.png",
            "Runtime": {"win": {"Type": "bin", "Target": "n.exe", "MinimumVersion": "10"}},
            "CreatorCentral": {"MinimumVersion": "1.0", "SDKVersion": 2},
            "Future": {"x": 1},
            "Widgets": [{
                "Name": "W", "Icon": "w.png", "UUID": "com.example.n.w",
                "States": [{"Name": "off", "Image": "s.png", "Extra": 1}],
                "Layouts": [{"Title": "L", "Icon": "l.png", "Width": 3, "Height": 2}]
            }]
        })
    }

    #[test]
    fn sizes_in_pixels_match_the_vendors() {
        assert_eq!([1, 2, 3, 4, 5].map(width_px), [150, 308, 466, 624, 782]);
        assert_eq!([1, 2, 3, 4].map(height_px), [108, 224, 340, 456]);
    }

    #[test]
    fn both_spellings_are_parsed_and_the_samples_serialized() {
        let config = PackageConfig::parse(&format!("\u{feff}{}", sample())).unwrap();
        assert_eq!(config.runtime["win"].target, "n.exe");
        assert_eq!(config.widgets[0].states[0].title.as_deref(), Some("off"));
        let written: Value = serde_json::from_str(&config.to_text()).unwrap();
        assert_eq!(written["Runtime"]["win"], json!({"type": "bin", "target": "n.exe", "MinimumVersion": "10"}));
        assert_eq!(written["Widgets"][0]["States"][0], json!({"Title": "off", "Image": "s.png", "Extra": 1}));
        assert_eq!(written["Future"], json!({"x": 1}), "unknown members are preserved");
    }

    #[test]
    fn backslashes_in_paths_are_normalized() {
        let mut file = sample();
        file["Icon"] = json!("images\\i.png");
        file["Runtime"]["win"]["Target"] = json!(".\\bin\\n.exe");
        file["Widgets"][0]["States"][0]["Image"] = json!("images\\s.png");
        file["Widgets"][0]["Layouts"][0]["Icon"] = json!("..\\l.png");
        file["Description"] = json!("either\\or");
        let config = PackageConfig::parse(&file.to_string()).unwrap();
        assert_eq!((config.icon.as_str(), config.runtime["win"].target.as_str()), ("images/i.png", "./bin/n.exe"));
        assert_eq!(config.widgets[0].states[0].image, "images/s.png");
        assert!(!is_inside(config.widgets[0].layouts[0].icon.as_deref().unwrap()), "still outside of the package");
        assert_eq!(config.description, "either\\or");
    }

    #[test]
    fn leading_slash_is_relative_to_the_package() {
        for (written, expected, inside) in [
            ("/i.png", "i.png", true),
            ("\\images\\i.png", "images/i.png", true),
            ("//server/i.png", "//server/i.png", false),
            ("\\\\server\\i.png", "//server/i.png", false),
            ("/../i.png", "../i.png", false),
            ("/C:/i.png", "C:/i.png", false),
            ("/", "", false),
        ] {
            let mut file = sample();
            file["Icon"] = json!(written);
            file["Widgets"][0]["States"][0]["Image"] = json!(written);
            file["Runtime"]["win"]["Target"] = json!(written);
            let config = PackageConfig::parse(&file.to_string()).unwrap();
            for path in [&config.icon, &config.widgets[0].states[0].image, &config.runtime["win"].target] {
                assert_eq!((path.as_str(), is_inside(path)), (expected, inside), "{written}");
            }
        }
    }

    #[test]
    fn complete_paths_adds_missing_extensions() {
        let mut file = sample();
        file["Icon"] = json!("images/full");
        file["SettingsPath"] = json!("pages/settings");
        file["Runtime"] = json!({
            "linux": {"type": "bin", "target": "Program"}, "mac": {"type": "bin", "target": "N"},
            "web": {"type": "web", "target": "index"}, "win": {"type": "bin", "target": "Program", "library": "lib"}
        });
        file["Widgets"][0]["PropertyViewPath"] = json!("v1.2/property");
        file["Widgets"][0]["States"] = json!([{"Image": "on"}, {"Image": "off.state"}, {"Image": "gone"}]);
        file["Widgets"][0]["Layouts"][0]["Icon"] = json!("../l");
        let mut config = PackageConfig::parse(&file.to_string()).unwrap();
        let existing = [
            "images/full.svg",
            "images/full.png",
            "pages/settings.htm",
            "Program",
            "Program.exe",
            "N.app",
            "index.html",
            "lib.dll",
            "v1.2/property.html",
            "on.jpg",
            "off.state.png",
            "w.png",
            "w.png.svg",
            "../l.png",
        ];
        let completed = config.complete_paths(&|path| existing.contains(&path));
        let paths: Vec<String> = config.files().into_iter().map(|(_, path)| path.to_owned()).collect();
        assert_eq!(
            paths,
            [
                "images/full.png",
                "pages/settings.htm",
                "Program",
                "N.app",
                "index.html",
                "Program.exe",
                "lib",
                "w.png",
                "v1.2/property.html",
                "on.jpg",
                "off.state.png",
                "gone",
                "../l"
            ]
        );
        assert_eq!(completed.len(), 8, "{completed:?}");
        let (member, written) = ("Icon".to_owned(), "images/full".to_owned());
        assert_eq!(completed[0], CompletedPath { member, written, completed: "images/full.png".to_owned() });
        assert_eq!(config.paths_mut().len(), paths.len());
    }

    #[test]
    fn file_with_both_spellings_keeps_all_members() {
        let mut file = sample();
        file["Runtime"]["win"]["type"] = json!("web");
        file["Widgets"][0]["States"][0]["Title"] = json!("shown");
        let config = PackageConfig::parse(&file.to_string()).unwrap();
        assert_eq!(config.runtime["win"].kind, "web");
        assert_eq!(config.widgets[0].states[0].title.as_deref(), Some("shown"));
        let written: Value = serde_json::from_str(&config.to_text()).unwrap();
        assert_eq!(written["Runtime"]["win"]["Type"], json!("bin"));
        assert_eq!(written["Widgets"][0]["States"][0]["Name"], json!("off"));
    }

    #[test]
    fn translation_skips_malformed_entries() {
        let text = r#"{"Name": "Musik", "com.example.n.w": {"Name": "Weiter"}, "odd": 7}"#;
        let translation = Translation::parse(text).unwrap();
        assert_eq!(translation.name.as_deref(), Some("Musik"));
        assert_eq!(translation.widgets["com.example.n.w"], "Weiter");
        assert_eq!(translation.widgets.len(), 1);
    }
}
