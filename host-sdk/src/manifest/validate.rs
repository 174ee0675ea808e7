//! The rules of the package file. [`validate`] checks the parsed file; [`check_text`] also checks its text: types of values,
//! spellings and unknown members.

use std::collections::{HashMap, HashSet};

use serde_json::{Map, Value};

use super::{
    COLUMNS, CompletedPath, Finding, PackageConfig, ROWS, Severity, Widget, application_info, application_programs,
    is_disruptive, is_inside, is_uuid,
};

/// States beyond this number are worth a warning. Our limit: the vendor's documents have none.
const MANY_STATES: usize = 16;
/// Names longer than this number of characters are worth a warning: they don't fit into the Widget List.
const LONG_NAME: usize = 60;

/// Maximum number of widgets of a package. Our limit: the largest known package has a hundred.
const MAX_WIDGETS: usize = 1000;
/// Maximum number of states of a widget, of its layouts, and of starter keys.
const MAX_PARTS: usize = 256;

/// Checks the text of a package file: everything that [`validate`] checks, and what only the text shows. `exists` returns
/// whether the package has a file or folder at a relative path.
///
/// Returns the package file with [complete](PackageConfig::complete_paths) paths, or `None` if no host can parse it, which is
/// then among the findings.
#[must_use]
pub fn check_text(text: &str, exists: &dyn Fn(&str) -> bool) -> (Option<PackageConfig>, Vec<Finding>) {
    let mut findings = Findings(Vec::new());
    let unreadable = |why: &serde_json::Error| {
        let remedy = "correct it there; an editor that knows JSON shows the place";
        Finding::of_file(Severity::Refused, "unreadable", super::FILE_NAME, format!("can't be read: {why}"), remedy)
    };
    let file: Value = match serde_json::from_str(text.trim_start_matches('\u{feff}')) {
        Ok(file) => file,
        Err(error) => return (None, vec![unreadable(&error)]),
    };
    check_object(&file, PACKAGE, "", &mut findings);
    findings.0.extend(Finding::duplicate_members(super::FILE_NAME, text));
    let mut config = match PackageConfig::parse(text) {
        Ok(config) => config,
        Err(error) => {
            // Usually there is a more precise finding already.
            if !findings.0.iter().any(|finding| finding.severity == Severity::Refused) {
                findings.0.push(unreadable(&error));
            }
            findings.0.sort_by_key(|finding| finding.severity);
            return (None, findings.0);
        }
    };
    for CompletedPath { member, written, completed } in config.complete_paths(exists) {
        let message = format!("names {written}, which the package has as {completed}");
        findings.warning("ending", &member, message, format!("write {completed}"));
    }
    findings.0.extend(validate(&config, exists));
    findings.0.sort_by_key(|finding| finding.severity);
    (Some(config), findings.0)
}

/// Checks a package file. `exists` returns whether the package has a file or folder at a relative path.
#[must_use]
pub fn validate(config: &PackageConfig, exists: &dyn Fn(&str) -> bool) -> Vec<Finding> {
    let mut findings = Findings(Vec::new());
    check_package(config, &mut findings);
    check_runtimes(config, exists, &mut findings);
    if config.widgets.is_empty() {
        findings.error("widgets", "Widgets", "is empty", "give the package at least one widget");
    }
    if has_too_many_parts(config, &mut findings) {
        findings.0.sort_by_key(|finding| finding.severity);
        return findings.0;
    }
    let mut seen = HashMap::new();
    for (n, widget) in config.widgets.iter().enumerate() {
        let first = *seen.entry(widget.uuid.as_str()).or_insert(n);
        check_widget(config, n, first, widget, &mut findings);
    }
    check_starter(config, &mut findings);
    for (place, path) in config.files() {
        let optional = ["SettingsPath", "PropertyViewPath", "library"].iter().any(|end| place.ends_with(end))
            || place.contains(".Layouts[");
        if path.is_empty() && optional {
            findings.warning("missing", &place, "is empty", "leave the member out");
        } else if path.is_empty() {
            findings.error("missing", &place, "is missing", "name a file of the package");
        } else if !is_inside(path) {
            let remedy = "write it relative to the package's folder, with forward slashes and without ..";
            findings.refused("path", &place, "is no path within the package", remedy);
        } else if !exists(path) {
            let remedy = "add the file, or correct the path; capitals and small letters differ";
            findings.error("missing-file", &place, "names a file that the package doesn't have", remedy);
        }
    }
    findings.0.sort_by_key(|finding| finding.severity);
    findings.0
}

/// Returns whether a list of the package file exceeds its limit, and adds a finding about the first that does.
fn has_too_many_parts(config: &PackageConfig, findings: &mut Findings) -> bool {
    let widgets = [
        ("Widgets".to_owned(), config.widgets.len(), MAX_WIDGETS),
        ("Starter".to_owned(), config.starter.len(), MAX_PARTS),
    ];
    let parts = config.widgets.iter().take(MAX_WIDGETS).enumerate().flat_map(|(n, widget)| {
        [
            (format!("Widgets[{n}].States"), widget.states.len(), MAX_PARTS),
            (format!("Widgets[{n}].Layouts"), widget.layouts.len(), MAX_PARTS),
        ]
    });
    match widgets.into_iter().chain(parts).find(|(_, count, max)| count > max) {
        Some((place, count, max)) => {
            let message = format!("has {count} entries, and at most {max} are taken");
            findings.refused("too-many", &place, message, "leave most of them out");
            true
        }
        None => false,
    }
}

/// Checks the members of the package itself.
fn check_package(config: &PackageConfig, findings: &mut Findings) {
    let required = [
        ("Author", &config.author),
        ("Description", &config.description),
        ("Name", &config.name),
        ("CreatorCentral.MinimumVersion", &config.creator_central.minimum_version),
    ];
    for (place, value) in required {
        if value.trim().is_empty() {
            findings.error("missing", place, "is missing", "give it a text");
        }
    }
    check_name("Name", &config.name, findings);
    check_characters("Author", &config.author, findings);
    if !is_uuid(&config.uuid) {
        let remedy = "write small letters, digits, dots and hyphens, like com.example.name";
        findings.refused("uuid", "UUID", "can't name a package", remedy);
    } else if !config.uuid.contains('.') {
        let remedy = "begin with a domain of yours, like com.example.name";
        findings.note("uuid-domain", "UUID", "is no reverse domain name, and another package may have it too", remedy);
    }
    let numbers = config.version.split('.').count();
    if !matches!(numbers, 3 | 4) || !is_dotted_number(&config.version) {
        findings.error("version", "Version", "is no version", "write three or four numbers, like 1.0.0");
    }
    let minimum = &config.creator_central.minimum_version;
    if !minimum.trim().is_empty() && !is_dotted_number(minimum) {
        let remedy = "write numbers with dots, like 1.1.2";
        findings.warning("version", "CreatorCentral.MinimumVersion", "is no version", remedy);
    }
    let sdk = &config.creator_central.sdk_version;
    let is_two = sdk.as_f64() == Some(2.0) || sdk.as_str().is_some_and(|text| text.split('.').next() == Some("2"));
    if !is_two {
        findings.error("sdk-version", "CreatorCentral.SDKVersion", "is not 2", "write 2");
    } else if sdk.is_string() {
        findings.note("kind", "CreatorCentral.SDKVersion", "is a text", "write the number 2 without quotes");
    }
    if let Some(url) = config.url.as_deref().filter(|url| !url.is_empty() && !is_web_address(url)) {
        let remedy = "write an address that begins with https:// or http://";
        findings.error("url", "URL", format!("is no address of a web page: {}", quote(url)), remedy);
    }
}

fn check_runtimes(config: &PackageConfig, exists: &dyn Fn(&str) -> bool, findings: &mut Findings) {
    if config.runtime.is_empty() {
        findings.error("runtime", "Runtime", "names no platform", "give it win or mac");
    } else if !config.runtime.contains_key("win") && !config.runtime.contains_key("mac") {
        let remedy = "add win or mac before you publish it";
        findings.note("runtime", "Runtime", "has neither win nor mac, where Creator Central runs", remedy);
    }
    for (platform, runtime) in &config.runtime {
        let place = format!("Runtime.{platform}");
        if !["win", "mac", "linux"].contains(&platform.as_str()) {
            findings.warning("platform", &place, "is no platform that hosts know", "write win, mac or linux");
        }
        if !["bin", "web"].contains(&runtime.kind.as_str()) {
            let remedy = "write bin for a program, web for a page";
            findings.error("runtime-type", &format!("{place}.type"), "is neither bin nor web", remedy);
        }
        let minimum = &runtime.minimum_version;
        let minimum_place = format!("{place}.MinimumVersion");
        if minimum.is_empty() {
            let remedy = "name the oldest version of the system that it runs on, like 10";
            findings.warning("missing", &minimum_place, "is missing", remedy);
        } else if !is_dotted_number(minimum) {
            findings.warning("version", &minimum_place, "is no version", "write numbers with dots, like 10.15");
        }
        // A target that is missing or outside of the package is reported by `validate`.
        let required = [application_info(&runtime.target), application_programs(&runtime.target)];
        for path in required.iter().flatten().filter(|path| is_inside(path) && exists(&runtime.target)) {
            if !exists(path) {
                let message = format!("is an application without {}", &path[runtime.target.len() + 1..]);
                findings.error("application", &format!("{place}.target"), message, "build it again");
            }
        }
    }
}

/// Checks the widget with index `n`. `first` is the index of the first widget with the same UUID.
fn check_widget(config: &PackageConfig, n: usize, first: usize, widget: &Widget, findings: &mut Findings) {
    let at = |member: &str| format!("Widgets[{n}].{member}");
    if widget.name.trim().is_empty() {
        findings.error("missing", &at("Name"), "is missing", "give it a text");
    }
    check_name(&at("Name"), &widget.name, findings);
    if !is_uuid(&widget.uuid) {
        let remedy = "write small letters, digits, dots and hyphens, like com.example.name.widget";
        findings.refused("uuid", &at("UUID"), "can't name a widget", remedy);
    } else if first < n {
        findings.error("uuid-twice", &at("UUID"), format!("is that of Widgets[{first}] too"), "make it unique");
    } else if is_uuid(&config.uuid) && !widget.uuid.starts_with(&format!("{}.", config.uuid)) {
        let remedy = "this keeps widgets of different packages apart; don't change it once users have the package";
        findings.note("uuid-prefix", &at("UUID"), "doesn't begin with the package's UUID and a dot", remedy);
    }
    if widget.states.is_empty() {
        findings.error("states", &at("States"), "is empty", "give the widget at least one state");
    } else if widget.states.len() > MANY_STATES {
        let message = format!("has {} states", widget.states.len());
        findings.warning("states", &at("States"), message, "use few states, and changeImage for pictures that vary");
    }
    for (l, layout) in widget.layouts.iter().enumerate() {
        let place = at(&format!("Layouts[{l}]"));
        if !(1..=COLUMNS).contains(&layout.width) || !(1..=ROWS).contains(&layout.height) {
            let remedy = "write a Width of 1 to 5 and a Height of 1 to 4";
            findings.error("layout", &place, "doesn't fit the grid of 5 columns and 4 rows", remedy);
        }
        let size = (layout.width, layout.height);
        if let Some(first) = widget.layouts[..l].iter().position(|other| (other.width, other.height) == size) {
            let message = format!("has the size of Layouts[{first}] too, and a package may not learn which was chosen");
            findings.warning("layout-twice", &place, message, "give each layout a size of its own");
        }
        check_name(&format!("{place}.Title"), &layout.title, findings);
        if layout.title.trim().is_empty() && widget.layouts.len() > 1 {
            let remedy = "give it a text: it is its name in the layout picker";
            findings.warning("missing", &format!("{place}.Title"), "is missing", remedy);
        }
    }
}

/// Checks the starter keys. Only warnings, because a host skips a key that it can't place.
fn check_starter(config: &PackageConfig, findings: &mut Findings) {
    let widgets: HashMap<&str, &Widget> = config.widgets.iter().map(|widget| (widget.uuid.as_str(), widget)).collect();
    for (n, key) in config.starter.iter().enumerate() {
        let at = |member: &str| format!("Starter[{n}].{member}");
        let Some(widget) = widgets.get(key.widget.as_str()) else {
            findings.warning("starter", &at("Widget"), "is no widget of the package", "write the UUID of one");
            continue;
        };
        let layouts = widget.layouts();
        let Some(layout) = layouts.get(usize::from(key.layout)) else {
            let message = format!("is no layout of the widget, which has {}", layouts.len());
            findings.warning("starter", &at("Layout"), message, "layouts count from 0");
            continue;
        };
        let exceeds =
            |start: Option<u8>, length: u8, max: u8| start.is_some_and(|start| start > max.saturating_sub(length));
        if exceeds(key.column, layout.width, COLUMNS) || exceeds(key.row, layout.height, ROWS) {
            let place = format!("Starter[{n}]");
            let remedy = "columns and rows count from 0";
            findings.warning("starter", &place, "lies beyond the grid of 5 columns and 4 rows", remedy);
        }
    }
}

/// Checks a name that the Widget List shows.
fn check_name(place: &str, name: &str, findings: &mut Findings) {
    if name.chars().count() > LONG_NAME {
        findings.warning("long-name", place, "is longer than the Widget List has room for", "shorten it");
    }
    check_characters(place, name, findings);
}

fn check_characters(place: &str, text: &str, findings: &mut Findings) {
    if text.chars().any(is_disruptive) {
        let message = "has characters that can't be seen and that change the text around it; they are left out";
        findings.warning("name-characters", place, message, "write it anew, as plain text on one line");
    }
}

/// Returns whether a version consists of numbers separated by dots.
fn is_dotted_number(version: &str) -> bool {
    version.split('.').all(|number| number.bytes().all(|digit| digit.is_ascii_digit()) && number.parse::<u32>().is_ok())
}

fn is_web_address(text: &str) -> bool {
    let lower = text.to_ascii_lowercase();
    let rest = lower.strip_prefix("https://").or_else(|| lower.strip_prefix("http://"));
    rest.and_then(|rest| rest.split(['/', '?', '#']).next())
        .is_some_and(|host| !host.is_empty() && !host.contains('@') && !lower.contains(|c: char| c.is_whitespace()))
}

/// Quotes a value for a message, truncated to 80 characters.
fn quote(text: &str) -> String {
    let mut quoted: String = text.chars().take(80).collect();
    if quoted.len() < text.len() {
        quoted.push('…');
    }
    format!("{quoted:?}")
}

/// The expected type of a member.
enum Kind {
    /// A string.
    Text,
    /// A number.
    Number,
    /// True or false.
    Flag,
    /// Any type: [`validate`] checks the value.
    Any,
    /// An object with these members.
    Object(&'static [Member]),
    /// An object whose members, of any name, are objects with these members.
    Table(&'static [Member]),
    /// An array of objects with these members.
    List(&'static [Member]),
}

/// A member that hosts know: its name, its type, and the documents' spelling of the name if it differs.
struct Member(&'static str, Kind, Option<&'static str>);

const PACKAGE: &[Member] = &[
    Member("Author", Kind::Text, None),
    Member("Description", Kind::Text, None),
    Member("Name", Kind::Text, None),
    Member("Version", Kind::Text, None),
    Member("UUID", Kind::Text, None),
    Member("Icon", Kind::Text, None),
    Member("URL", Kind::Text, None),
    Member("SettingsPath", Kind::Text, None),
    Member("Runtime", Kind::Table(RUNTIME), None),
    Member("CreatorCentral", Kind::Object(CREATOR_CENTRAL), None),
    Member("Widgets", Kind::List(WIDGET), None),
    Member("Starter", Kind::List(STARTER), None),
];
const RUNTIME: &[Member] = &[
    Member("type", Kind::Text, Some("Type")),
    Member("target", Kind::Text, Some("Target")),
    Member("library", Kind::Text, None),
    Member("MinimumVersion", Kind::Text, None),
];
const CREATOR_CENTRAL: &[Member] = &[Member("MinimumVersion", Kind::Text, None), Member("SDKVersion", Kind::Any, None)];
const WIDGET: &[Member] = &[
    Member("Name", Kind::Text, None),
    Member("Icon", Kind::Text, None),
    Member("UUID", Kind::Text, None),
    Member("Tooltip", Kind::Text, None),
    Member("PropertyViewPath", Kind::Text, None),
    Member("TitleEditable", Kind::Flag, None),
    Member("TitleViewEditable", Kind::Flag, None),
    Member("IconEditable", Kind::Flag, None),
    Member("MultiActionSupported", Kind::Flag, None),
    Member("States", Kind::List(STATE), None),
    Member("Layouts", Kind::List(LAYOUT), None),
];
const STARTER: &[Member] = &[
    Member("Widget", Kind::Text, None),
    Member("Layout", Kind::Number, None),
    Member("Column", Kind::Number, None),
    Member("Row", Kind::Number, None),
];
const STATE: &[Member] = &[Member("Title", Kind::Text, Some("Name")), Member("Image", Kind::Text, None)];
const LAYOUT: &[Member] = &[
    Member("Title", Kind::Text, None),
    Member("Icon", Kind::Text, None),
    Member("Width", Kind::Number, None),
    Member("Height", Kind::Number, None),
];

/// Checks the types and names of an object's members.
fn check_object(value: &Value, members: &'static [Member], place: &str, findings: &mut Findings) {
    let Some(object) = value.as_object() else { return wrong_kind(value, "an object", false, place, findings) };
    let at = |name: &str| if place.is_empty() { name.to_owned() } else { format!("{place}.{name}") };
    for Member(name, kind, other) in members {
        if let Some(value) = object.get(*name) {
            check_kind(value, kind, &at(name), findings);
        }
        if let Some((other, value)) = other.and_then(|other| Some((other, object.get(other)?))) {
            if object.contains_key(*name) {
                let remedy = format!("leave it out; hosts may take either of {name} and {other}");
                findings.warning("spelled-twice", &at(other), format!("is there beside {name}"), remedy);
            } else {
                check_kind(value, kind, &at(other), findings);
                let remedy = format!("samples write {name}; both are taken");
                findings.note("spelling", &at(other), format!("is the documents' spelling of {name}"), remedy);
            }
        }
    }
    check_unknown_members(object, members, &at, findings);
}

fn check_unknown_members(
    object: &Map<String, Value>,
    members: &[Member],
    at: &dyn Fn(&str) -> String,
    findings: &mut Findings,
) {
    let known: HashSet<&str> =
        members.iter().flat_map(|Member(name, _, other)| [Some(*name), *other]).flatten().collect();
    for name in object.keys().filter(|name| !known.contains(name.as_str())) {
        let similar = members.iter().find(|Member(known, ..)| known.eq_ignore_ascii_case(name));
        match similar {
            Some(Member(similar, ..)) if !object.contains_key(*similar) => {
                let message = format!("is not known; {similar} is, with other capitals");
                findings.error("spelling", &at(name), message, format!("write {similar}"));
            }
            _ => findings.note("unknown", &at(name), "is no member that hosts know", "leave it out if it has no use"),
        }
    }
}

fn check_kind(value: &Value, kind: &Kind, place: &str, findings: &mut Findings) {
    match kind {
        Kind::Text if !value.is_string() => {
            wrong_kind(value, "a text in quotes", value.is_number() || value.is_null(), place, findings);
        }
        Kind::Text if value.as_str().is_some_and(|text| text.contains('\\')) && is_path(place) => {
            let remedy = "write forward slashes; Windows takes them too";
            findings.warning("path", place, "has backslashes, which are no separators on other systems", remedy);
        }
        Kind::Text if value.as_str().is_some_and(starts_with_one_slash) && is_path(place) => {
            let remedy = "leave it out: paths are relative to the package's folder";
            findings.warning(
                "path",
                place,
                "begins with a slash, which some hosts take for the root of the disk",
                remedy,
            );
        }
        Kind::Number if !value.is_u64() => {
            let tolerated = value.is_string() || value.is_number() || value.is_null();
            wrong_kind(value, "a whole number without quotes", tolerated, place, findings);
        }
        Kind::Flag if !value.is_boolean() => {
            let tolerated = match value {
                Value::String(text) => text.eq_ignore_ascii_case("true") || text.eq_ignore_ascii_case("false"),
                Value::Number(number) => matches!(number.as_u64(), Some(0 | 1)),
                other => other.is_null(),
            };
            wrong_kind(value, "true or false, without quotes", tolerated, place, findings);
        }
        Kind::Object(members) => match value {
            Value::Null => wrong_kind(value, "an object", true, place, findings),
            _ => check_object(value, members, place, findings),
        },
        Kind::Table(members) => match value {
            Value::Object(table) => {
                table
                    .iter()
                    .for_each(|(name, value)| check_object(value, members, &format!("{place}.{name}"), findings));
            }
            _ => wrong_kind(value, "an object", value.is_null(), place, findings),
        },
        Kind::List(members) => match value {
            Value::Array(list) => {
                list.iter()
                    .enumerate()
                    .for_each(|(n, value)| check_object(value, members, &format!("{place}[{n}]"), findings));
            }
            _ => wrong_kind(value, "a list", value.is_null(), place, findings),
        },
        Kind::Text | Kind::Number | Kind::Flag | Kind::Any => {}
    }
}

fn starts_with_one_slash(path: &str) -> bool {
    path.strip_prefix('/').is_some_and(|rest| !rest.starts_with(['/', '\\']))
}

fn is_path(place: &str) -> bool {
    let name = place.rsplit('.').next().unwrap_or_default();
    super::PATHS.contains(&name) || name == "Target"
}

/// Adds a finding about a value of another type. `tolerated`: whether its meaning is clear, so that tolerant hosts accept it.
fn wrong_kind(value: &Value, expected: &str, tolerated: bool, place: &str, findings: &mut Findings) {
    let found = match value {
        Value::Null => "null",
        Value::Bool(_) => "true or false",
        Value::Number(_) => "a number",
        Value::String(_) => "a text",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    };
    let severity = if tolerated { Severity::Error } else { Severity::Refused };
    findings.add(severity, "kind", place, format!("is {found}"), format!("write {expected}"));
}

struct Findings(Vec<Finding>);

impl Findings {
    fn add(
        &mut self,
        severity: Severity,
        rule: &'static str,
        member: &str,
        message: impl Into<String>,
        remedy: impl Into<String>,
    ) {
        self.0.push(Finding::of_member(severity, rule, member, message, remedy));
    }

    fn refused(&mut self, rule: &'static str, member: &str, message: impl Into<String>, remedy: impl Into<String>) {
        self.add(Severity::Refused, rule, member, message, remedy);
    }

    fn error(&mut self, rule: &'static str, member: &str, message: impl Into<String>, remedy: impl Into<String>) {
        self.add(Severity::Error, rule, member, message, remedy);
    }

    fn warning(&mut self, rule: &'static str, member: &str, message: impl Into<String>, remedy: impl Into<String>) {
        self.add(Severity::Warning, rule, member, message, remedy);
    }

    fn note(&mut self, rule: &'static str, member: &str, message: impl Into<String>, remedy: impl Into<String>) {
        self.add(Severity::Note, rule, member, message, remedy);
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn sample() -> Value {
        json!({
            "Author": "A", "Description": "D", "Name": "N", "Version": "1.0.0.7", "UUID": "com.example.n", "Icon": "i.png",
            "URL": "https://example.com/n",
            "Runtime": {"win": {"type": "bin", "target": "n.exe", "MinimumVersion": "10"}},
            "CreatorCentral": {"MinimumVersion": "1.0", "SDKVersion": 2},
            "Widgets": [{
                "Name": "W", "Icon": "w.png", "UUID": "com.example.n.w",
                "States": [{"Title": "off", "Image": "s.png"}],
                "Layouts": [{"Title": "L", "Icon": "l.png", "Width": 3, "Height": 2}]
            }]
        })
    }

    fn check(change: impl FnOnce(&mut Value)) -> (bool, Vec<String>) {
        let mut value = sample();
        change(&mut value);
        let (config, findings) = check_text(&value.to_string(), &|path| !path.starts_with("missing.png"));
        let findings = findings.iter().map(|f| format!("{} {} {}", f.severity.name(), f.rule, f.place())).collect();
        (config.is_some(), findings)
    }

    #[test]
    fn valid_file_has_no_findings() {
        assert_eq!(check(|_| {}), (true, Vec::new()));
        assert!(check_text(&format!("\u{feff}{}", sample()), &|_| true).1.is_empty(), "a byte order mark is skipped");
    }

    #[test]
    fn every_rule_is_checked() {
        let one = |change: fn(&mut Value), expected: &str| {
            let (_, findings) = check(change);
            assert!(findings.iter().any(|finding| finding == expected), "{expected}: {findings:?}");
        };
        one(|v| v["Author"] = json!(""), "error missing Author");
        one(|v| drop(v.as_object_mut().unwrap().remove("Description")), "error missing Description");
        one(|v| v["Name"] = json!("n".repeat(61)), "warning long-name Name");
        one(|v| v["UUID"] = json!("com/example"), "refused uuid UUID");
        one(|v| v["UUID"] = json!(".."), "refused uuid UUID");
        one(|v| v["UUID"] = json!("mine"), "note uuid-domain UUID");
        one(|v| v["Version"] = json!("1.0"), "error version Version");
        one(|v| v["Version"] = json!("1.0.x"), "error version Version");
        one(|v| v["Version"] = json!("1.0.+1"), "error version Version");
        one(|v| v["URL"] = json!("example.com"), "error url URL");
        one(|v| v["URL"] = json!("javascript:alert(1)"), "error url URL");
        one(|v| v["CreatorCentral"]["SDKVersion"] = json!(3), "error sdk-version CreatorCentral.SDKVersion");
        one(|v| v["CreatorCentral"]["SDKVersion"] = json!("2"), "note kind CreatorCentral.SDKVersion");
        one(|v| v["CreatorCentral"] = Value::Null, "error missing CreatorCentral.MinimumVersion");
        one(|v| v["CreatorCentral"]["MinimumVersion"] = json!("new"), "warning version CreatorCentral.MinimumVersion");
        one(|v| v["Runtime"] = json!({}), "error runtime Runtime");
        one(|v| v["Runtime"] = json!({"linux": v["Runtime"]["win"].clone()}), "note runtime Runtime");
        one(|v| v["Runtime"]["amiga"] = v["Runtime"]["win"].clone(), "warning platform Runtime.amiga");
        one(|v| v["Runtime"]["win"]["type"] = json!("dll"), "error runtime-type Runtime.win.type");
        one(|v| v["Runtime"]["win"]["target"] = json!("../n.exe"), "refused path Runtime.win.target");
        one(|v| v["Runtime"]["win"]["MinimumVersion"] = json!("XP"), "warning version Runtime.win.MinimumVersion");
        one(|v| v["Widgets"] = json!([]), "error widgets Widgets");
        one(|v| v["Widgets"][0]["UUID"] = json!("UPPER"), "refused uuid Widgets[0].UUID");
        one(|v| v["Widgets"][0]["UUID"] = json!("com.other.w"), "note uuid-prefix Widgets[0].UUID");
        one(|v| v["Widgets"][0]["States"] = json!([]), "error states Widgets[0].States");
        one(
            |v| v["Widgets"][0]["States"] = json!(vec![json!({"Image": "s.png"}); 17]),
            "warning states Widgets[0].States",
        );
        one(|v| v["Widgets"][0]["Layouts"][0]["Width"] = json!(6), "error layout Widgets[0].Layouts[0]");
        one(|v| v["Widgets"][0]["Layouts"][0]["Height"] = json!(999), "error layout Widgets[0].Layouts[0]");
        one(|v| v["Widgets"][0]["Layouts"][0]["Icon"] = json!(""), "warning missing Widgets[0].Layouts[0].Icon");
        one(|v| v["Icon"] = json!("missing.png"), "error missing-file Icon");
        one(|v| v["SettingsPath"] = json!("C:/x.html"), "refused path SettingsPath");
        one(|v| v["Icon"] = json!(".\\i.png"), "warning path Icon");
        one(|v| v["Icon"] = json!("//i.png"), "refused path Icon");
        one(|v| v["Runtime"]["win"]["target"] = json!("/../n.exe"), "refused path Runtime.win.target");
        one(|v| v["Name"] = json!("ab\u{202e}gnp"), "warning name-characters Name");
        one(|v| v["Author"] = json!("a\nb"), "warning name-characters Author");
        one(|v| v["Widgets"][0]["Name"] = json!("a\u{7}"), "warning name-characters Widgets[0].Name");
        one(
            |v| v["Widgets"][0]["Layouts"][0]["Title"] = json!("\u{2066}a"),
            "warning name-characters Widgets[0].Layouts[0].Title",
        );
        one(|v| v["Starter"] = json!([{"Widget": "com.example.n.x"}]), "warning starter Starter[0].Widget");
        one(
            |v| v["Starter"] = json!([{"Widget": "com.example.n.w", "Layout": 1}]),
            "warning starter Starter[0].Layout",
        );
        one(|v| v["Starter"] = json!([{"Widget": "com.example.n.w", "Column": 3}]), "warning starter Starter[0]");
        let duplicate_first = |v: &mut Value, list: &str| {
            let list = v["Widgets"][0][list].as_array_mut().unwrap();
            list.push(list[0].clone());
        };
        let (_, findings) = check(|v| duplicate_first(v, "Layouts"));
        assert_eq!(findings, ["warning layout-twice Widgets[0].Layouts[1]"]);
        let (_, findings) = check(|v| {
            let widget = v["Widgets"][0].clone();
            v["Widgets"].as_array_mut().unwrap().push(widget);
        });
        assert_eq!(findings, ["error uuid-twice Widgets[1].UUID"]);
    }

    #[test]
    fn valid_starter_has_no_findings() {
        let starter =
            json!([{"Widget": "com.example.n.w"}, {"Widget": "com.example.n.w", "Layout": 0, "Column": 2, "Row": 2}]);
        let (_, findings) = check(|v| v["Starter"] = starter);
        assert_eq!(findings, Vec::<String>::new());
    }

    #[test]
    fn too_many_widgets_or_parts_are_refused() {
        let widgets = |v: &mut Value, count: usize| {
            let widget = v["Widgets"][0].clone();
            v["Widgets"] = (0..count)
                .map(|n| {
                    let mut widget = widget.clone();
                    widget["UUID"] = json!(format!("com.example.n.w{n}"));
                    widget
                })
                .collect();
        };
        assert_eq!(check(|v| widgets(v, MAX_WIDGETS)).1, Vec::<String>::new());
        assert_eq!(check(|v| widgets(v, MAX_WIDGETS + 1)).1, ["refused too-many Widgets"]);
        for part in ["States", "Layouts"] {
            let many =
                |v: &mut Value| v["Widgets"][0][part] = json!(vec![v["Widgets"][0][part][0].clone(); MAX_PARTS + 1]);
            assert_eq!(check(many).1, [format!("refused too-many Widgets[0].{part}")]);
        }
    }

    #[test]
    fn duplicate_members_are_reported() {
        let text = sample().to_string();
        let replaced = |from: &str, to: &str| {
            let text = text.replacen(from, to, 1);
            let (config, findings) = check_text(&text, &|_| true);
            assert!(config.is_some());
            findings.iter().map(|f| format!("{} {} {}", f.severity.name(), f.rule, f.place())).collect::<Vec<_>>()
        };
        assert_eq!(replaced(r#""Author":"A""#, r#""Author":"B","Author":"A""#), ["error member-twice Author"]);
        let image = r#""Image":"s.png""#;
        let images = format!("{image},{image}");
        assert_eq!(replaced(image, &images), ["warning member-twice Widgets[0].States[0].Image"]);
    }

    #[test]
    fn leading_slash_and_missing_extension_are_warnings() {
        assert_eq!(check(|v| v["Icon"] = json!("/i.png")), (true, vec!["warning path Icon".to_owned()]));
        let mut file = sample();
        file["Widgets"][0]["States"][0]["Image"] = json!("images/full");
        let (config, findings) = check_text(&file.to_string(), &|path| path.contains('.'));
        assert_eq!(config.unwrap().widgets[0].states[0].image, "images/full.png");
        assert_eq!(
            (findings.len(), findings[0].rule, findings[0].remedy.as_str()),
            (1, "ending", "write images/full.png")
        );
    }

    #[test]
    fn misspelled_and_unknown_members_are_distinguished() {
        let rename = |v: &mut Value, from: &str, to: &str| {
            let object = v.as_object_mut().unwrap();
            let value = object.remove(from).unwrap();
            object.insert(to.to_owned(), value);
        };
        let (read, findings) = check(|v| {
            rename(&mut v["Runtime"]["win"], "type", "Type");
            rename(&mut v["Widgets"][0]["States"][0], "Title", "Name");
            v["Future"] = json!(1);
        });
        assert!(read);
        assert_eq!(
            findings,
            ["note spelling Runtime.win.Type", "note spelling Widgets[0].States[0].Name", "note unknown Future"]
        );
        let (_, findings) = check(|v| rename(v, "Author", "author"));
        assert_eq!(findings, ["error spelling author", "error missing Author"]);
        let (_, findings) = check(|v| v["Runtime"]["win"]["Type"] = json!("web"));
        assert_eq!(findings, ["warning spelled-twice Runtime.win.Type"]);
    }

    #[test]
    fn wrong_types_are_errors_if_tolerated_and_refused_otherwise() {
        let (read, findings) = check(|v| {
            v["Runtime"]["win"]["MinimumVersion"] = json!(10);
            v["Widgets"][0]["TitleEditable"] = json!("false");
            v["Widgets"][0]["Layouts"][0]["Width"] = json!("3");
            v["Widgets"][0]["Tooltip"] = Value::Null;
            v["Widgets"][0]["MultiActionSupported"] = json!("no");
        });
        assert!(!read, "not a flag: {findings:?}");
        let (read, findings) = check(|v| {
            v["Runtime"]["win"]["MinimumVersion"] = json!(10);
            v["Widgets"][0]["TitleEditable"] = json!("false");
            v["Widgets"][0]["Layouts"][0]["Width"] = json!("3");
            v["Widgets"][0]["Tooltip"] = Value::Null;
            v["Widgets"][0]["MultiActionSupported"] = json!(0);
        });
        assert!(read, "{findings:?}");
        assert_eq!(findings.len(), 5, "{findings:?}");
        assert!(findings.iter().all(|finding| finding.starts_with("error kind ")), "{findings:?}");
        for (place, value) in [
            ("Name", json!(["N"])),
            ("Widgets", json!({})),
            ("Runtime", json!("win")),
            ("CreatorCentral", json!([])),
            ("Icon", json!({"path": "i.png"})),
        ] {
            let (read, findings) = check(|v| v[place] = value);
            assert_eq!((read, findings.as_slice()), (false, &[format!("refused kind {place}")][..]));
        }
        let (read, findings) = check(|v| *v = json!([]));
        assert_eq!((read, findings.len()), (false, 1), "{findings:?}");
        let (config, findings) = check_text("{", &|_| true);
        assert!(config.is_none() && findings[0].rule == "unreadable", "{findings:?}");
    }

    #[test]
    fn macos_application_needs_info_plist_and_program() {
        let mut file = sample();
        file["Runtime"] = json!({"mac": {"type": "bin", "target": "n.app", "MinimumVersion": "12"}});
        let config = PackageConfig::parse(&file.to_string()).unwrap();
        let findings = |has: &[&str]| -> Vec<String> {
            let exists = |path: &str| path.ends_with(".png") || has.iter().any(|file| file.starts_with(path));
            validate(&config, &exists).iter().map(|f| format!("{}: {}", f.place(), f.message)).collect()
        };
        assert_eq!(findings(&["n.app/Contents/Info.plist", "n.app/Contents/MacOS/n"]), Vec::<String>::new());
        assert_eq!(
            findings(&["n.app/Contents/Info.plist"]),
            ["Runtime.mac.target: is an application without Contents/MacOS"]
        );
        assert_eq!(
            findings(&["n.app/Contents/MacOS/n"]),
            ["Runtime.mac.target: is an application without Contents/Info.plist"]
        );
        assert_eq!(findings(&[]), ["Runtime.mac.target: names a file that the package doesn't have"]);
    }
}
