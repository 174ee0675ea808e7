//! The package file, `PackageConfig.json`: its types, and the rules that it has to follow.
//!
//! Reading is tolerant: members in either spelling that documents and samples use, unknown members kept so that writing
//! the file back loses nothing, everything optional that a reader can do without. What is missing or wrong is said by
//! [`validate`], with a remedy, instead of by a parser. Writing is exact: the form of the samples.
//!
//! Our documented additions, which Creator Central ignores: `SettingsPath` (a page for the package's own settings), the
//! platform `linux`, and `library` in a platform's runtime (the package library that `package-runner` loads).
//!
//! Source of the rules: the Creator Central Package SDK 2.0.x documents ("Package Configuration") and sample packages.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// Name of the package file within a package's folder.
pub const FILE_NAME: &str = "PackageConfig.json";

/// Columns of the Panel.
pub const COLUMNS: u8 = 5;
/// Rows of the Panel.
pub const ROWS: u8 = 4;

/// How the folder of a macOS application is named.
const APPLICATION: &str = ".app";

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
    pub author: String,
    /// What it does, in a sentence.
    pub description: String,
    /// The name in the Widget List.
    pub name: String,
    /// Three or four numbers: "1.0.0", "1.0.0.7".
    pub version: String,
    /// Reverse DNS, `[a-z0-9.-]+`.
    #[serde(rename = "UUID")]
    pub uuid: String,
    /// PNG or SVG, 75 x 54 recommended; relative path.
    pub icon: String,
    /// A web page about it.
    #[serde(rename = "URL", skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
    /// Our addition: the package's settings page; relative path.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub settings_path: Option<String>,
    /// What to start, by platform: `win`, `mac`; in hosts like ours also `linux`.
    pub runtime: BTreeMap<String, Runtime>,
    /// Which host it needs.
    pub creator_central: CreatorCentral,
    /// Its widgets.
    pub widgets: Vec<Widget>,
    /// Members that this version doesn't know.
    #[serde(flatten)]
    pub more: Map<String, Value>,
}

/// What to start on one platform.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Runtime {
    /// `bin` (a program) or `web` (a page).
    #[serde(rename = "type")]
    pub kind: String,
    /// The program or page; relative path. On macOS a program may be an application: a folder that ends in `.app`.
    pub target: String,
    /// Our addition: the package library that the program loads; relative path.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub library: Option<String>,
    /// The oldest version of the system.
    #[serde(rename = "MinimumVersion")]
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
    pub name: String,
    /// Its icon in the Widget List, 75 x 54 recommended; relative path.
    pub icon: String,
    /// Reverse DNS, `[a-z0-9.-]+`.
    #[serde(rename = "UUID")]
    pub uuid: String,
    /// What it does.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tooltip: Option<String>,
    /// The page shown when an instance is selected; relative path.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub property_view_path: Option<String>,
    /// Whether the user may edit the title; true by default.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub title_editable: Option<bool>,
    /// Whether the user may edit how the title looks; true by default.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub title_view_editable: Option<bool>,
    /// Whether the user may change the icon; true by default.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub icon_editable: Option<bool>,
    /// Its states, zero-based, at least one.
    pub states: Vec<State>,
    /// Its layouts; 1 x 1 if there are none.
    #[serde(skip_serializing_if = "Vec::is_empty")]
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

/// One state of a widget.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct State {
    /// The title at first. Samples write `Title`, documents `Name`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    /// The image at first; relative path.
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
    pub title: String,
    /// Its picture in the layout picker, 120 x 120; relative path.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub icon: Option<String>,
    /// Columns, 1 to 5.
    pub width: u8,
    /// Rows, 1 to 4.
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
}

/// Where documents and samples spell a member differently, the samples' spelling is what counts; where a file has both,
/// the other one stays beside it as a member like any unknown one.
fn settle_spellings(file: &mut Value) {
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
}

/// How bad a finding is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// The package could harm, or can't be told from others: no host may install it.
    Refused,
    /// A host may refuse the package, or something in it doesn't work.
    Error,
    /// It works, but not as well as it could.
    Warning,
}

/// Something about a package file that should be otherwise.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// How bad it is.
    pub severity: Severity,
    /// Which member, such as `Widgets[2].Icon`.
    pub place: String,
    /// What is wrong and what to do about it.
    pub message: String,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let severity = match self.severity {
            Severity::Refused => "refused",
            Severity::Error => "error",
            Severity::Warning => "warning",
        };
        write!(f, "{severity}: {}: {}", self.place, self.message)
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

/// Checks a package file. `exists` tells whether the package has a file or folder of a relative path.
#[must_use]
pub fn validate(config: &PackageConfig, exists: &dyn Fn(&str) -> bool) -> Vec<Finding> {
    let mut findings = Findings(Vec::new());
    let required = [
        ("Author", &config.author),
        ("Description", &config.description),
        ("Name", &config.name),
        ("CreatorCentral.MinimumVersion", &config.creator_central.minimum_version),
    ];
    for (place, value) in required {
        findings.error_if(value.trim().is_empty(), place, "is missing; give it a text");
    }
    findings.refused_if(
        !is_uuid(&config.uuid),
        "UUID",
        "takes small letters, digits, dots and hyphens, like com.example.name",
    );
    let numbers = config.version.split('.').collect::<Vec<_>>();
    let is_version = matches!(numbers.len(), 3 | 4) && numbers.iter().all(|number| number.parse::<u32>().is_ok());
    findings.error_if(!is_version, "Version", "takes three or four numbers, like 1.0.0");
    let sdk = &config.creator_central.sdk_version;
    findings.error_if(sdk.as_u64() != Some(2) && sdk.as_str() != Some("2"), "CreatorCentral.SDKVersion", "takes 2");
    findings.error_if(config.runtime.is_empty(), "Runtime", "names no platform; give it win or mac");
    for (platform, runtime) in &config.runtime {
        let place = format!("Runtime.{platform}");
        findings.warning_if(
            !["win", "mac", "linux"].contains(&platform.as_str()),
            &place,
            "is no platform that hosts know",
        );
        findings.error_if(
            !["bin", "web"].contains(&runtime.kind.as_str()),
            &format!("{place}.type"),
            "takes bin or web",
        );
        findings.warning_if(runtime.minimum_version.is_empty(), &format!("{place}.MinimumVersion"), "is missing");
        // Of a missing target, what names no file inside is said below.
        let inside = [application_info(&runtime.target), application_programs(&runtime.target)];
        for path in inside.iter().flatten().filter(|path| is_inside(path) && exists(&runtime.target)) {
            let message = format!("is an application without {}; build it again", &path[runtime.target.len() + 1..]);
            findings.error_if(!exists(path), &format!("{place}.target"), &message);
        }
    }
    findings.error_if(config.widgets.is_empty(), "Widgets", "is empty; a package has at least one");
    for (n, widget) in config.widgets.iter().enumerate() {
        let at = |member: &str| format!("Widgets[{n}].{member}");
        findings.error_if(widget.name.trim().is_empty(), &at("Name"), "is missing; give it a text");
        findings.refused_if(!is_uuid(&widget.uuid), &at("UUID"), "takes small letters, digits, dots and hyphens");
        let twice = config.widgets[..n].iter().any(|other| other.uuid == widget.uuid);
        findings.error_if(twice, &at("UUID"), "is another widget's too; make it unique");
        findings.error_if(widget.states.is_empty(), &at("States"), "is empty; a widget has at least one state");
        for (l, layout) in widget.layouts.iter().enumerate() {
            let fits = (1..=COLUMNS).contains(&layout.width) && (1..=ROWS).contains(&layout.height);
            findings.error_if(!fits, &at(&format!("Layouts[{l}]")), "goes beyond the grid of 5 columns and 4 rows");
        }
    }
    for (place, path) in config.files() {
        if path.is_empty() {
            findings.error_if(true, &place, "is missing; name a file of the package");
        } else if !is_inside(path) {
            findings.refused_if(true, &place, "has to be a relative path within the package, with forward slashes");
        } else {
            findings.error_if(!exists(path), &place, "names a file that the package doesn't have");
        }
    }
    findings.0.sort_by_key(|finding| finding.severity);
    findings.0
}

struct Findings(Vec<Finding>);

impl Findings {
    fn add_if(&mut self, wrong: bool, severity: Severity, place: &str, message: &str) {
        if wrong {
            self.0.push(Finding { severity, place: place.to_owned(), message: message.to_owned() });
        }
    }

    fn refused_if(&mut self, wrong: bool, place: &str, message: &str) {
        self.add_if(wrong, Severity::Refused, place, message);
    }

    fn error_if(&mut self, wrong: bool, place: &str, message: &str) {
        self.add_if(wrong, Severity::Error, place, message);
    }

    fn warning_if(&mut self, wrong: bool, place: &str, message: &str) {
        self.add_if(wrong, Severity::Warning, place, message);
    }
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

/// Of the languages that there are, the one for what a host reports: without regard to case, `-` or `_`; then without
/// the region; then English.
#[must_use]
pub fn choose_language<'a>(wanted: &str, available: &[&'a str]) -> Option<&'a str> {
    let plain = |text: &str| text.to_lowercase().replace('-', "_");
    let wanted = plain(wanted);
    let base = wanted.split('_').next().unwrap_or_default().to_owned();
    let find = |name: &str| available.iter().copied().find(|candidate| plain(candidate) == name);
    find(&wanted)
        .or_else(|| find(&base))
        .or_else(|| available.iter().copied().find(|candidate| plain(candidate).split('_').next() == Some(&base)))
        .or_else(|| find("en"))
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

    fn check(change: impl FnOnce(&mut Value)) -> Vec<String> {
        let mut value = sample();
        change(&mut value);
        let config = PackageConfig::parse(&value.to_string()).unwrap();
        validate(&config, &|path| path != "missing.png").iter().map(ToString::to_string).collect()
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
    fn a_good_file_has_no_findings() {
        assert_eq!(check(|_| {}), Vec::<String>::new());
    }

    #[test]
    fn every_rule_is_checked() {
        let one = |change: fn(&mut Value), place: &str| {
            let findings = check(change);
            assert!(
                findings.iter().any(|finding| {
                    ["error", "refused"].iter().any(|severity| finding.starts_with(&format!("{severity}: {place}:")))
                }),
                "{place}: {findings:?}"
            );
        };
        one(|v| v["Author"] = json!(""), "Author");
        one(|v| v["UUID"] = json!("com/example"), "UUID");
        one(|v| v["UUID"] = json!(".."), "UUID");
        one(|v| v["Version"] = json!("1.0"), "Version");
        one(|v| v["Version"] = json!("1.0.x"), "Version");
        one(|v| v["CreatorCentral"]["SDKVersion"] = json!(3), "CreatorCentral.SDKVersion");
        one(|v| v["Runtime"] = json!({}), "Runtime");
        one(|v| v["Runtime"]["win"]["Type"] = json!("dll"), "Runtime.win.type");
        one(|v| v["Runtime"]["win"]["Target"] = json!("../n.exe"), "Runtime.win.target");
        one(|v| v["Widgets"] = json!([]), "Widgets");
        one(|v| v["Widgets"][0]["UUID"] = json!("UPPER"), "Widgets[0].UUID");
        one(|v| v["Widgets"][0]["States"] = json!([]), "Widgets[0].States");
        one(|v| v["Widgets"][0]["Layouts"][0]["Width"] = json!(6), "Widgets[0].Layouts[0]");
        one(|v| v["Icon"] = json!("missing.png"), "Icon");
        one(|v| v["SettingsPath"] = json!("C:\\x.html"), "SettingsPath");
        one(
            |v| {
                let w = v["Widgets"][0].clone();
                v["Widgets"].as_array_mut().unwrap().push(w)
            },
            "Widgets[1].UUID",
        );
    }

    #[test]
    fn a_macos_application_has_an_info_and_a_program() {
        let mut file = sample();
        file["Runtime"] = json!({"mac": {"type": "bin", "target": "n.app", "MinimumVersion": "12"}});
        let config = PackageConfig::parse(&file.to_string()).unwrap();
        let findings = |has: &[&str]| -> Vec<String> {
            let exists = |path: &str| path.ends_with(".png") || has.iter().any(|file| file.starts_with(path));
            validate(&config, &exists).iter().map(ToString::to_string).collect()
        };
        assert_eq!(findings(&["n.app/Contents/Info.plist", "n.app/Contents/MacOS/n"]), Vec::<String>::new());
        assert_eq!(
            findings(&["n.app/Contents/Info.plist"]),
            ["error: Runtime.mac.target: is an application without Contents/MacOS; build it again"]
        );
        assert_eq!(
            findings(&["n.app/Contents/MacOS/n"]),
            ["error: Runtime.mac.target: is an application without Contents/Info.plist; build it again"]
        );
        assert_eq!(findings(&[]), ["error: Runtime.mac.target: names a file that the package doesn't have"]);
    }

    #[test]
    fn languages_match_without_regard_to_spelling() {
        let available = ["en", "de", "zh_tw", "zh_cn"];
        for (wanted, chosen) in
            [("zh_TW", "zh_tw"), ("ZH-cn", "zh_cn"), ("de-AT", "de"), ("zh", "zh_tw"), ("fr", "en"), ("", "en")]
        {
            assert_eq!(choose_language(wanted, &available), Some(chosen), "{wanted}");
        }
        assert_eq!(choose_language("fr", &["de"]), None);
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
