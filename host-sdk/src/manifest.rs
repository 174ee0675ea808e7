//! The package file, `PackageConfig.json`: its types, and the rules that it has to follow.
//!
//! Reading is tolerant: members in either spelling that documents and samples use, unknown members kept so that writing
//! the file back loses nothing, everything optional that a reader can do without, numbers for texts and the other way
//! round. What is missing or wrong is said by [`validate`], with a remedy, instead of by a parser. Writing is exact: the
//! form of the samples.
//!
//! Our documented additions, which Creator Central ignores: `SettingsPath` (a page for the package's own settings), `Starter`
//! (the keys that a new user may begin with), the platform `linux`, and `library` in a platform's runtime (the package library that `package-runner` loads).
//!
//! Source of the rules: the Creator Central Package SDK 2.0.x documents ("Package Configuration") and sample packages.

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

/// How the folder of a macOS application is named.
const APPLICATION: &str = ".app";
/// How a file may end whose name lacks its ending in the package file, in the order in which they are looked for.
const PICTURE_ENDINGS: &[&str] = &[".png", ".svg", ".jpg", ".jpeg", ".gif", ".bmp", ".webp"];
const PAGE_ENDINGS: &[&str] = &[".html", ".htm"];

/// The platform key of the system that this was built for.
pub const PLATFORM: &str = if cfg!(windows) {
    "win"
} else if cfg!(target_os = "macos") {
    "mac"
} else {
    "linux"
};

/// Width in pixels of a span of columns (1 to 5): 150, 308, 466, 624, 782.
#[must_use]
pub fn width_px(columns: u8) -> u32 {
    u32::from(columns.clamp(1, COLUMNS)) * 158 - 8
}

/// Height in pixels of a span of rows (1 to 4): 108, 224, 340, 456.
#[must_use]
pub fn height_px(rows: u8) -> u32 {
    u32::from(rows.clamp(1, ROWS)) * 116 - 8
}

/// A whole package file.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct PackageConfig {
    /// Who made it.
    #[serde(deserialize_with = "tolerant::text")]
    pub author: String,
    /// What it does, in a sentence.
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
    /// A web page about it.
    #[serde(rename = "URL", skip_serializing_if = "Option::is_none", deserialize_with = "tolerant::optional_text")]
    pub url: Option<String>,
    /// Our addition: the package's settings page; relative path.
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "tolerant::optional_text")]
    pub settings_path: Option<String>,
    /// What to start, by platform: `win`, `mac`; in hosts like ours also `linux`.
    #[serde(deserialize_with = "tolerant::or_default")]
    pub runtime: BTreeMap<String, Runtime>,
    /// Which host it needs.
    #[serde(deserialize_with = "tolerant::or_default")]
    pub creator_central: CreatorCentral,
    /// Its widgets.
    #[serde(deserialize_with = "tolerant::or_default")]
    pub widgets: Vec<Widget>,
    /// Our addition: the keys that a host may offer to a user who has none yet.
    #[serde(skip_serializing_if = "Vec::is_empty", deserialize_with = "tolerant::or_default")]
    pub starter: Vec<StarterKey>,
    /// Members that this version doesn't know.
    #[serde(flatten)]
    pub more: Map<String, Value>,
}

/// What to start on one platform.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Runtime {
    /// `bin` (a program) or `web` (a page).
    #[serde(rename = "type", deserialize_with = "tolerant::text")]
    pub kind: String,
    /// The program or page; relative path. On macOS a program may be an application: a folder that ends in `.app`.
    #[serde(deserialize_with = "tolerant::text")]
    pub target: String,
    /// Our addition: the package library that the program loads; relative path.
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "tolerant::optional_text")]
    pub library: Option<String>,
    /// The oldest version of the system.
    #[serde(rename = "MinimumVersion", deserialize_with = "tolerant::text")]
    pub minimum_version: String,
    /// Members that this version doesn't know.
    #[serde(flatten)]
    pub more: Map<String, Value>,
}

/// Which host a package needs.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct CreatorCentral {
    /// The oldest version of the application.
    #[serde(deserialize_with = "tolerant::text")]
    pub minimum_version: String,
    /// 2.
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
    /// Its name in the Widget List.
    #[serde(deserialize_with = "tolerant::text")]
    pub name: String,
    /// Its icon in the Widget List, 75 x 54 recommended; relative path.
    #[serde(deserialize_with = "tolerant::text")]
    pub icon: String,
    /// Reverse DNS, `[a-z0-9.-]+`.
    #[serde(rename = "UUID", deserialize_with = "tolerant::text")]
    pub uuid: String,
    /// What it does.
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "tolerant::optional_text")]
    pub tooltip: Option<String>,
    /// The page shown when an instance is selected; relative path.
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
    /// Its states, zero-based, at least one.
    #[serde(deserialize_with = "tolerant::or_default")]
    pub states: Vec<State>,
    /// Its layouts; 1 x 1 if there are none.
    #[serde(skip_serializing_if = "Vec::is_empty", deserialize_with = "tolerant::or_default")]
    pub layouts: Vec<Layout>,
    /// Members that this version doesn't know.
    #[serde(flatten)]
    pub more: Map<String, Value>,
}

impl Widget {
    /// Its layouts; one of 1 x 1 where none are declared.
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
    /// Index into the widget's layouts.
    #[serde(deserialize_with = "tolerant::small_number")]
    pub layout: u8,
    /// The leftmost column of its place, zero-based; none leaves the place to the host.
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "tolerant::optional_small_number")]
    pub column: Option<u8>,
    /// The topmost row of its place, zero-based; none leaves the place to the host.
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "tolerant::optional_small_number")]
    pub row: Option<u8>,
    /// Members that this version doesn't know.
    #[serde(flatten)]
    pub more: Map<String, Value>,
}

/// One state of a widget.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct State {
    /// The title at first. Samples write `Title`, documents `Name`.
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "tolerant::optional_text")]
    pub title: Option<String>,
    /// The image at first; relative path.
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
    /// Its name in the layout picker.
    #[serde(deserialize_with = "tolerant::text")]
    pub title: String,
    /// Its picture in the layout picker, 120 x 120; relative path.
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
    /// Reads a package file. A byte order mark, which Windows editors like to write, is skipped.
    ///
    /// # Errors
    /// If it isn't JSON, or a member has another type than it should. Says where.
    pub fn parse(text: &str) -> Result<Self, serde_json::Error> {
        let mut file: Value = serde_json::from_str(text.trim_start_matches('\u{feff}'))?;
        settle_spellings(&mut file);
        serde_json::from_value(file)
    }

    /// The file's text.
    #[must_use]
    pub fn to_text(&self) -> String {
        let mut text = serde_json::to_string_pretty(self).expect("strings, numbers and maps of them always serialize");
        text.push('\n');
        text
    }

    /// What to start on this system, if the package has something for it.
    #[must_use]
    pub fn runtime_here(&self) -> Option<&Runtime> {
        self.runtime.get(PLATFORM)
    }

    /// The widget with a UUID.
    #[must_use]
    pub fn widget(&self, uuid: &str) -> Option<&Widget> {
        self.widgets.iter().find(|widget| widget.uuid == uuid)
    }

    /// Every file that it names, with the place where it does.
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

    /// The paths of [`PackageConfig::files`], in the same order.
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

    /// Gives each path the ending that it lacks, where the package has such a file: released packages name `images/full`
    /// and mean `images/full.png`, or `Program` and mean `Program.exe`. Returns the member, what it named, and what it
    /// names now. `exists` tells whether the package has a file or folder of a relative path.
    pub fn complete_paths(&mut self, exists: &dyn Fn(&str) -> bool) -> Vec<(String, String, String)> {
        let mut completed = Vec::new();
        for (member, path) in self.files() {
            let with = |endings: &[&str]| {
                endings.iter().map(|ending| format!("{path}{ending}")).find(|path| is_inside(path) && exists(path))
            };
            let found = match self.runtime_of_target(&member) {
                Some(("win", "bin")) if path.to_lowercase().ends_with(".exe") => None,
                // As Windows does it, also beside the program of another system.
                Some(("win", "bin")) => with(&[".exe"]),
                _ if exists(path) => None,
                Some(("mac", "bin")) => with(&[APPLICATION]),
                Some((_, "web")) => with(PAGE_ENDINGS),
                Some(_) => None,
                None if member.ends_with("Path") => with(PAGE_ENDINGS),
                None if member.ends_with("library") => None,
                None => with(PICTURE_ENDINGS),
            };
            completed.push(found.map(|found| (member, path.to_owned(), found)));
        }
        for (path, completed) in self.paths_mut().into_iter().zip(&completed) {
            if let Some((_, _, found)) = completed {
                path.clone_from(found);
            }
        }
        completed.into_iter().flatten().collect()
    }

    /// Platform and kind of the runtime whose target a member of the package file is.
    fn runtime_of_target(&self, member: &str) -> Option<(&str, &str)> {
        let platform = member.strip_prefix("Runtime.")?.strip_suffix(".target")?;
        self.runtime.get_key_value(platform).map(|(platform, runtime)| (platform.as_str(), runtime.kind.as_str()))
    }
}

/// Members of the package file, at whatever depth, that are paths.
const PATHS: [&str; 6] = ["Icon", "Image", "target", "library", "PropertyViewPath", "SettingsPath"];

/// Where documents and samples spell a member differently, the samples' spelling is what counts; where a file has both,
/// the other one stays beside it as a member like any unknown one. Paths as Windows writes them, and those with a slash in
/// front, are as everybody writes them.
fn settle_spellings(file: &mut Value) {
    fn straighten(value: &mut Value) {
        match value {
            Value::Object(members) => {
                for (name, value) in members {
                    match value {
                        Value::String(path) if PATHS.contains(&name.as_str()) => *path = settled_path(path),
                        value => straighten(value),
                    }
                }
            }
            Value::Array(values) => values.iter_mut().for_each(straighten),
            _ => {}
        }
    }
    fn settle(object: &mut Value, from: &str, to: &str) {
        if let Some(object) = object.as_object_mut()
            && !object.contains_key(to)
            && let Some(value) = object.remove(from)
        {
            object.insert(to.to_owned(), value);
        }
    }
    for runtime in file.get_mut("Runtime").and_then(Value::as_object_mut).into_iter().flat_map(|all| all.values_mut()) {
        settle(runtime, "Type", "type");
        settle(runtime, "Target", "target");
    }
    for widget in file.get_mut("Widgets").and_then(Value::as_array_mut).into_iter().flatten() {
        for state in widget.get_mut("States").and_then(Value::as_array_mut).into_iter().flatten() {
            settle(state, "Name", "Title");
        }
    }
    // Not everywhere: what isn't known isn't touched.
    for name in ["Icon", "SettingsPath", "Runtime", "Widgets"] {
        if let Some(value) = file.get_mut(name) {
            match value {
                Value::String(path) => *path = settled_path(path),
                value => straighten(value),
            }
        }
    }
}

/// A path of the package file with forward slashes, and without one in front: the package's folder is meant all the same.
/// Two of them name another computer, and stay what they are.
fn settled_path(path: &str) -> String {
    let path = path.replace('\\', "/");
    match path.strip_prefix('/') {
        Some(rest) if !rest.starts_with('/') => rest.to_owned(),
        _ => path,
    }
}

/// Whether a text can be the UUID of a package or widget: `[a-z0-9.-]+`, and no name that means a folder.
#[must_use]
pub fn is_uuid(text: &str) -> bool {
    !text.is_empty()
        && text.len() <= 200
        && text.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || matches!(byte, b'.' | b'-'))
        && !text.starts_with('.')
        && !text.ends_with('.')
}

/// Whether a path stays within the folder that it is relative to, on every system.
#[must_use]
pub fn is_inside(path: &str) -> bool {
    let path = path.strip_prefix("./").unwrap_or(path);
    !path.is_empty()
        && !path.contains(['\\', ':', '\0'])
        && path.split('/').all(|part| !part.is_empty() && part != "." && part != "..")
}

/// Where a macOS application has its programs, relative to the package's folder; none if the target isn't one.
#[must_use]
pub fn application_programs(target: &str) -> Option<String> {
    target.ends_with(APPLICATION).then(|| format!("{target}/Contents/MacOS"))
}

/// Where a macOS application has the file that names its program (`CFBundleExecutable`), relative to the package's
/// folder; none if the target isn't one.
#[must_use]
pub fn application_info(target: &str) -> Option<String> {
    target.ends_with(APPLICATION).then(|| format!("{target}/Contents/Info.plist"))
}

/// A file of `lang/`: the Widget List's texts in one language.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Translation {
    /// The package's name.
    pub name: Option<String>,
    /// Widget names by UUID.
    pub widgets: BTreeMap<String, String>,
}

impl Translation {
    /// Reads a language file; whatever isn't as it should be is left out.
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
    fn pixels_are_the_vendors() {
        assert_eq!([1, 2, 3, 4, 5].map(width_px), [150, 308, 466, 624, 782]);
        assert_eq!([1, 2, 3, 4].map(height_px), [108, 224, 340, 456]);
    }

    #[test]
    fn both_spellings_are_read_and_the_samples_written() {
        let config = PackageConfig::parse(&format!("\u{feff}{}", sample())).unwrap();
        assert_eq!(config.runtime["win"].target, "n.exe");
        assert_eq!(config.widgets[0].states[0].title.as_deref(), Some("off"));
        let written: Value = serde_json::from_str(&config.to_text()).unwrap();
        assert_eq!(written["Runtime"]["win"], json!({"type": "bin", "target": "n.exe", "MinimumVersion": "10"}));
        assert_eq!(written["Widgets"][0]["States"][0], json!({"Title": "off", "Image": "s.png", "Extra": 1}));
        assert_eq!(written["Future"], json!({"x": 1}), "what isn't known is kept");
    }

    #[test]
    fn paths_as_windows_writes_them_are_read() {
        let mut file = sample();
        file["Icon"] = json!("images\\i.png");
        file["Runtime"]["win"]["Target"] = json!(".\\bin\\n.exe");
        file["Widgets"][0]["States"][0]["Image"] = json!("images\\s.png");
        file["Widgets"][0]["Layouts"][0]["Icon"] = json!("..\\l.png");
        file["Description"] = json!("either\\or");
        let config = PackageConfig::parse(&file.to_string()).unwrap();
        assert_eq!((config.icon.as_str(), config.runtime["win"].target.as_str()), ("images/i.png", "./bin/n.exe"));
        assert_eq!(config.widgets[0].states[0].image, "images/s.png");
        assert!(!is_inside(config.widgets[0].layouts[0].icon.as_deref().unwrap()), "they lead out as before");
        assert_eq!(config.description, "either\\or");
    }

    #[test]
    fn one_slash_in_front_means_the_packages_folder() {
        for (written, read, inside) in [
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
                assert_eq!((path.as_str(), is_inside(path)), (read, inside), "{written}");
            }
        }
    }

    #[test]
    fn paths_get_the_endings_that_they_lack() {
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
        let has = [
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
        let completed = config.complete_paths(&|path| has.contains(&path));
        let now: Vec<String> = config.files().into_iter().map(|(_, path)| path.to_owned()).collect();
        assert_eq!(
            now,
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
        assert_eq!(completed[0], ("Icon".to_owned(), "images/full".to_owned(), "images/full.png".to_owned()));
        assert_eq!(config.paths_mut().len(), now.len());
    }

    #[test]
    fn a_file_with_both_spellings_is_read_and_loses_nothing() {
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
    fn language_files_are_read() {
        let text = r#"{"Name": "Musik", "com.example.n.w": {"Name": "Weiter"}, "odd": 7}"#;
        let translation = Translation::parse(text).unwrap();
        assert_eq!(translation.name.as_deref(), Some("Musik"));
        assert_eq!(translation.widgets["com.example.n.w"], "Weiter");
        assert_eq!(translation.widgets.len(), 1);
    }
}
