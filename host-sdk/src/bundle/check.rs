//! The validator: looks through a bundle, or a package's folder, and says everything that should be otherwise, each with
//! its severity, place and remedy. It writes nothing and runs nothing.
//!
//! What it calls refused, [`install`](super::install) refuses: both ask the same functions. Whether pictures decode is for
//! its caller to look at ([`Checked::pictures`]), so that packages, which are linked with this library, carry no decoders.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::fs;
use std::io::{self, Cursor, Read};
use std::path::Path;

use serde_json::Value;
use zip::ZipArchive;

use super::{
    BundleError, LONGEST_NAME, MOST_BYTES, MOST_CONFIG_BYTES, MOST_ENTRIES, MOST_LEVELS, is_good_name, with_slashes,
};
use crate::language;
use crate::manifest::{self, FILE_NAME, Finding, PackageConfig, Severity, application_programs, is_inside};

/// Faults of the archive, and findings of one kind, that are listed; more of them say nothing new.
const MOST_ALIKE: usize = 20;
/// Bytes kept of a file that has to be looked at as a whole.
const MOST_KEPT: u64 = 8 << 20;
/// Bytes kept of all such files together.
const MOST_KEPT_TOTAL: u64 = 96 << 20;
/// Bytes of a file's start that are enough to tell what it is; of most files no more is kept.
pub const START: u64 = 64;
/// A file larger than this is worth a warning.
const LARGE_FILE: u64 = 128 << 20;
/// A package that unpacks to more than this is worth a warning.
const LARGE_PACKAGE: u64 = 256 << 20;
/// A picture larger than this is worth a warning: hosts load all of them at their start.
const LARGE_PICTURE: u64 = 1 << 20;
/// Recommended size of icons in the Widget List, in pixels.
const ICON: (u32, u32) = (75, 54);
/// Recommended size of pictures in the layout picker, in pixels.
const LAYOUT_ICON: (u32, u32) = (120, 120);

/// What a check has found, and what it has read.
#[derive(Clone, Debug, Default)]
pub struct Checked {
    /// The package file, if it can be read.
    pub config: Option<PackageConfig>,
    /// What should be otherwise, the worst first.
    pub findings: Vec<Finding>,
    files: BTreeMap<String, File>,
}

/// A picture that the package file names.
#[derive(Clone, Debug)]
pub struct Picture<'a> {
    /// Its path in the package.
    pub path: &'a str,
    /// Its content; none if it is too large to be looked at.
    pub content: Option<&'a [u8]>,
    /// The member that names it (the first of several).
    pub member: String,
    /// The recommended size in pixels, width and height, if there is one.
    pub recommended: Option<(u32, u32)>,
}

#[derive(Clone, Debug, Default)]
struct File {
    size: u64,
    /// All of it, or its start.
    kept: Vec<u8>,
}

impl File {
    fn whole(&self) -> Option<&[u8]> {
        (self.kept.len() as u64 == self.size).then_some(&self.kept)
    }
}

impl Checked {
    /// Whether nothing was found that makes a package fail: no refusal and no error.
    #[must_use]
    pub fn passes(&self) -> bool {
        !self.findings.iter().any(|finding| finding.severity.fails())
    }

    /// Adds findings of the caller's own, and puts all of them in order.
    pub fn add(&mut self, findings: impl IntoIterator<Item = Finding>) {
        self.findings.extend(findings);
        self.findings.sort_by_key(|finding| finding.severity);
    }

    /// The first bytes of a file of the package, at least 64 if it has as many; none if there is no such file.
    #[must_use]
    pub fn start_of(&self, path: &str) -> Option<&[u8]> {
        self.files.get(plain(path)).map(|file| file.kept.as_slice())
    }

    /// The pictures that the package file names and that are there, each once.
    #[must_use]
    pub fn pictures(&self) -> Vec<Picture<'_>> {
        let mut seen = BTreeSet::new();
        let mut pictures = Vec::new();
        for (member, path) in self.config.iter().flat_map(PackageConfig::files) {
            if let Some((path, file)) = self.files.get_key_value(plain(path))
                && (member.ends_with("Icon") || member.ends_with("Image"))
                && seen.insert(path)
            {
                let recommended = match member.as_str() {
                    member if member.contains(".Layouts[") => Some(LAYOUT_ICON),
                    member if member.ends_with("Icon") => Some(ICON),
                    _ => None,
                };
                pictures.push(Picture { path, content: file.whole(), member, recommended });
            }
        }
        pictures
    }

    fn has(&self, path: &str) -> bool {
        let path = plain(path);
        let folder = format!("{path}/");
        self.files.contains_key(path)
            || self.files.range(folder.clone()..).next().is_some_and(|(file, _)| file.starts_with(&folder))
    }

    fn say(
        &mut self,
        severity: Severity,
        rule: &'static str,
        file: &str,
        message: impl Into<String>,
        remedy: impl Into<String>,
    ) {
        self.findings.push(Finding::of_file(severity, rule, file, message, remedy));
    }
}

/// Looks through a bundle.
#[must_use]
pub fn check(bundle: &[u8]) -> Checked {
    let mut checked = Checked::default();
    let mut archive = match ZipArchive::new(Cursor::new(bundle)) {
        Ok(archive) => archive,
        Err(error) => {
            let remedy = "pack it again; a package file is a zip whose name ends with .creatorCentral";
            checked.say(Severity::Refused, "zip", "", format!("is no zip, or a damaged one: {error}"), remedy);
            return checked;
        }
    };
    let names: Vec<String> = archive.file_names().filter_map(|name| Some(with_slashes(&name.ok()?))).collect();
    if archive.file_names().flatten().any(|name| name.contains('\\')) {
        let message = "has backslashes in the names of its files, which are no separators in a zip";
        let remedy = "pack it with another tool: File Explorer, 7-Zip, or `creator-deck pack`";
        checked.say(Severity::Warning, "backslash", "", message, remedy);
    }
    let (_, faults) = super::faults(&mut archive, MOST_ALIKE);
    for fault in &faults {
        checked.findings.push(of_archive(fault, &names));
    }
    if archive.len() > MOST_ENTRIES {
        return checked;
    }
    // The folder with the package file, also where others lie beside it, so that all is said at once.
    let top = names
        .iter()
        .filter_map(|name| name.strip_suffix(FILE_NAME).filter(|rest| rest.is_empty() || rest.ends_with('/')))
        .min_by_key(|folder| folder.matches('/').count())
        .or_else(|| names.first().map(|name| &name[..name.find('/').map_or(0, |end| end + 1)]))
        .unwrap_or_default()
        .to_owned();
    // Elsewhere no host looks for it.
    if top.matches('/').count() > 1 && names.iter().any(|name| *name == format!("{top}{FILE_NAME}")) {
        let (message, remedy) = (format!("lies in {top}, not in the top folder"), "pack the folder that it is in");
        checked.say(Severity::Refused, "no-package-file", FILE_NAME, message, remedy);
    }
    let mut reader = Reader::default();
    for index in 0..archive.len() {
        let mut entry = match archive.by_index(index) {
            Ok(entry) => entry,
            Err(error) => {
                let remedy = "pack it again with deflate or no compression, and without a password";
                checked.say(
                    Severity::Refused,
                    "zip",
                    "",
                    format!("has a file that can't be unpacked: {error}"),
                    remedy,
                );
                break;
            }
        };
        let name = entry.name().ok().map(|name| with_slashes(&name));
        let Some(path) = name.and_then(|name| Some(name.strip_prefix(&top)?.to_owned())) else { continue };
        if path.is_empty() || entry.is_dir() || entry.is_symlink() {
            continue;
        }
        match reader.read(&path, &mut entry) {
            Ok(file) => drop(checked.files.insert(path, file)),
            Err(error) if error.kind() == io::ErrorKind::FileTooLarge => {
                if !checked.findings.iter().any(|finding| finding.rule == "too-large") {
                    checked.findings.push(of_archive(&BundleError::TooLarge(unpacked_too_large()), &names));
                }
                break;
            }
            Err(error) => {
                let remedy = "pack it again, or download it again";
                checked.say(Severity::Refused, "zip", &path, format!("is damaged: {error}"), remedy);
            }
        }
    }
    junk(&mut checked, names.iter().map(|name| name.strip_prefix(&top).unwrap_or(name)));
    examine(&mut checked);
    let folder = top.trim_end_matches('/');
    if let Some(config) = &checked.config
        && config.uuid != folder
        && manifest::is_uuid(&config.uuid)
        && !folder.is_empty()
    {
        let message = format!("has the top folder {folder:?}, which isn't the package's UUID");
        let remedy = "name it like the UUID, so that it can't meet another package's folder";
        checked.say(Severity::Note, "top-folder-name", "", message, remedy);
    }
    checked.add([]);
    checked
}

/// Looks through a package's folder, with its package file in it, as if it were packed.
///
/// # Errors
/// If the folder can't be read.
pub fn check_folder(folder: &Path) -> io::Result<Checked> {
    let mut checked = Checked::default();
    let mut reader = Reader::default();
    let mut folders = vec![(folder.to_owned(), String::new())];
    let mut names = Vec::new();
    while let Some((folder, path)) = folders.pop() {
        for entry in fs::read_dir(folder)? {
            let entry = entry?;
            let name = format!("{path}{}", entry.file_name().to_string_lossy());
            let kind = entry.file_type()?;
            // As it is with a top folder around it.
            if entry.file_name().to_str().is_none() || !is_good_name(&format!("x/{name}")) {
                checked.findings.push(of_archive(&BundleError::BadName(name), &[]));
            } else if kind.is_symlink() || !(kind.is_dir() || kind.is_file()) {
                checked.findings.push(of_archive(&BundleError::Link(name), &[]));
            } else if kind.is_dir() {
                names.push(format!("{name}/"));
                folders.push((entry.path(), format!("{name}/")));
            } else {
                match reader.read(&name, &mut fs::File::open(entry.path())?) {
                    Ok(file) => drop(checked.files.insert(name.clone(), file)),
                    Err(error) if error.kind() == io::ErrorKind::FileTooLarge => {
                        checked.findings.push(of_archive(&BundleError::TooLarge(unpacked_too_large()), &[]));
                        return Ok(checked);
                    }
                    Err(error) => return Err(error),
                }
                names.push(name);
            }
            if names.len() > MOST_ENTRIES {
                let why = format!("more than {MOST_ENTRIES} files");
                checked.findings.push(of_archive(&BundleError::TooLarge(why), &[]));
                return Ok(checked);
            }
        }
    }
    junk(&mut checked, names.iter().map(String::as_str));
    examine(&mut checked);
    checked.add([]);
    Ok(checked)
}

fn unpacked_too_large() -> String {
    format!("it unpacks to more than {} MB", MOST_BYTES >> 20)
}

/// Keeps of each file what is looked at later, within bounds.
#[derive(Debug, Default)]
struct Reader {
    kept: u64,
    total: u64,
}

impl Reader {
    /// # Errors
    /// [`io::ErrorKind::FileTooLarge`] if all files together are larger than a package may be.
    fn read(&mut self, path: &str, from: &mut impl Read) -> io::Result<File> {
        const WHOLE: [&str; 11] = ["json", "html", "htm", "js", "mjs", "png", "svg", "jpg", "jpeg", "gif", "webp"];
        let extension = path.rsplit_once('.').map(|(_, extension)| extension.to_lowercase());
        let most = match extension {
            Some(extension) if WHOLE.contains(&extension.as_str()) => {
                MOST_KEPT.min(MOST_KEPT_TOTAL.saturating_sub(self.kept)).max(START)
            }
            _ => START,
        };
        let mut kept = Vec::new();
        from.take(most).read_to_end(&mut kept)?;
        self.kept += kept.len() as u64;
        let left = MOST_BYTES.saturating_sub(self.total + kept.len() as u64);
        let rest = io::copy(&mut from.take(left + 1), &mut io::sink())?;
        if rest > left {
            return Err(io::ErrorKind::FileTooLarge.into());
        }
        let size = kept.len() as u64 + rest;
        self.total += size;
        Ok(File { size, kept })
    }
}

/// A fault of the archive as a finding.
fn of_archive(fault: &BundleError, names: &[String]) -> Finding {
    let refused = |rule, file: &str, message: String, remedy: &str| {
        Finding::of_file(Severity::Refused, rule, file, message, remedy)
    };
    match fault {
        BundleError::TooLarge(what) => {
            refused("too-large", "", format!("is too large: {what}"), "leave out what it doesn't need")
        }
        BundleError::BadName(name) => {
            let message = "has a name that leaves the package, or that some system doesn't take".to_owned();
            let remedy = format!(
                "name it without .. and any of : \\ < > \" | ? *, not like a device of Windows (con, nul), in UTF-8, with at \
                 most {LONGEST_NAME} bytes, in at most {MOST_LEVELS} levels of folders"
            );
            refused("name", name, message, &remedy)
        }
        BundleError::Link(name) => {
            refused("link", name, "is a link".to_owned(), "pack the file itself: links may lead out of the package")
        }
        BundleError::Twice(name) => refused(
            "twice",
            name,
            "is there twice, at least where capitals and small letters are one".to_owned(),
            "leave one of them out",
        ),
        BundleError::TopFolder => {
            let remedy = match names {
                [] => "put everything into one folder and pack that",
                names if names.iter().any(|name| name.starts_with("__MACOSX/")) => {
                    "pack it without __MACOSX: on a Mac with `zip -r`, or with `creator-deck pack`"
                }
                names if names.iter().any(|name| name == FILE_NAME) => {
                    "pack the folder that the package file is in, not its content"
                }
                _ => "put everything into one folder and pack that",
            };
            refused("top-folder", "", "hasn't exactly one top folder with everything in it".to_owned(), remedy)
        }
        other => refused("zip", "", other.to_string(), "pack it again"),
    }
}

/// Files that systems and tools leave behind.
fn junk<'a>(checked: &mut Checked, names: impl Iterator<Item = &'a str>) {
    let mut said = BTreeSet::new();
    for name in names {
        let found = name.split('/').find(|part| {
            matches!(*part, "__MACOSX" | ".DS_Store" | ".git" | ".svn" | ".idea" | ".vscode" | "node_modules")
                || ["thumbs.db", "desktop.ini", "npm-debug.log"].contains(&part.to_lowercase().as_str())
                || part.starts_with("._")
                || part.ends_with('~')
                || [".tmp", ".bak", ".orig", ".swp", ".pdb"].iter().any(|end| part.to_lowercase().ends_with(end))
        });
        let Some(part) = found else { continue };
        // A folder is said once, with what is in it.
        let end = name.find(part).unwrap_or_default() + part.len();
        if said.len() < MOST_ALIKE && said.insert(name[..end].to_owned()) {
            // Programs of node packages may well need theirs.
            let severity = if part == "node_modules" { Severity::Note } else { Severity::Warning };
            let (message, remedy) = ("was left behind by a system or tool", "leave it out of the package");
            checked.say(severity, "junk", &name[..end], message, remedy);
        }
    }
}

/// The rules that need the package's files.
fn examine(checked: &mut Checked) {
    let Some(text) = package_file(checked) else { return };
    let (config, findings) = manifest::check_text(&text, &|path| checked.has(path));
    checked.findings.extend(findings);
    let Some(config) = config else { return };
    other_capitals(checked, &config);
    targets(checked, &config);
    pages(checked, &config);
    languages(checked, &config);
    sizes(checked, &config);
    checked.config = Some(config);
}

/// The package file's text.
fn package_file(checked: &mut Checked) -> Option<String> {
    let Some(file) = checked.files.get(FILE_NAME) else {
        let read = |path: &str| checked.files.get(path).map(|file| file.kept.clone());
        if let Some((host, file)) = super::other_host::recognize(&read) {
            let message = format!("is that of {host}, which runs neither in Creator Central nor here");
            checked.say(
                Severity::Refused,
                "other-host",
                file,
                message,
                "get a package for Creator Central, if there is one",
            );
            return None;
        }
        let other = checked.files.keys().find(|path| path.eq_ignore_ascii_case(FILE_NAME));
        let remedy = match other {
            Some(other) => format!("name {other} exactly so: capitals and small letters differ"),
            None if checked.files.contains_key("manifest.json") => {
                "this looks like a package's sources: make the package with `creator-deck pack`".to_owned()
            }
            None => "write one; docs/package-authors.md shows how it looks".to_owned(),
        };
        checked.say(Severity::Refused, "no-package-file", FILE_NAME, "is not in the top folder", remedy);
        return None;
    };
    let (size, text) = (file.size, file.whole().map(<[u8]>::to_vec));
    let Some(text) = text.filter(|_| size <= MOST_CONFIG_BYTES) else {
        let message = format!("has more than {} MB", MOST_CONFIG_BYTES >> 20);
        checked.say(Severity::Refused, "too-large", FILE_NAME, message, "leave out what no host reads");
        return None;
    };
    match String::from_utf8(text) {
        Ok(text) => Some(text),
        Err(_) => {
            checked.say(Severity::Refused, "unreadable", FILE_NAME, "isn't UTF-8", "save it as UTF-8");
            None
        }
    }
}

/// Files that are missing only because of a capital.
fn other_capitals(checked: &mut Checked, config: &PackageConfig) {
    let named: HashMap<String, &str> = config.files().into_iter().collect();
    let there: HashMap<String, &String> = checked.files.keys().map(|path| (path.to_lowercase(), path)).collect();
    for finding in checked.findings.iter_mut().filter(|finding| finding.rule == "missing-file") {
        let Some(path) = named.get(&finding.member) else { continue };
        if let Some(other) = there.get(&plain(path).to_lowercase()) {
            finding.message = format!("names {path}, but the package has {other}: systems tell them apart");
            finding.remedy = format!("write {other}");
        }
    }
}

/// Whether what platforms start can be started there.
fn targets(checked: &mut Checked, config: &PackageConfig) {
    for (platform, runtime) in &config.runtime {
        let member = format!("Runtime.{platform}.target");
        let target = plain(&runtime.target);
        if !is_inside(target) || !checked.has(target) {
            continue;
        }
        let mut say = |severity, rule, message: String, remedy: &str| {
            checked.findings.push(Finding::of_member(severity, rule, &member, message, remedy));
        };
        if runtime.kind == "web" {
            let is_page = [".html", ".htm"].iter().any(|end| target.to_lowercase().ends_with(end));
            if !checked.files.contains_key(target) {
                say(Severity::Error, "web-target", "is a folder".to_owned(), "name the page in it");
            } else if !is_page {
                say(
                    Severity::Warning,
                    "web-target",
                    "is no .html file".to_owned(),
                    "name the page that is to be loaded",
                );
            }
            continue;
        }
        if runtime.kind != "bin" {
            continue;
        }
        // Of a macOS application, its programs; that it has some is looked at elsewhere.
        let programs = application_programs(target).map(|folder| format!("{folder}/"));
        let files: Vec<(&str, &[u8])> = checked
            .files
            .iter()
            .filter(|(path, _)| match &programs {
                Some(folder) => path.starts_with(folder),
                None => path.as_str() == target,
            })
            .map(|(path, file)| (path.as_str(), file.kept.as_slice()))
            .collect();
        if files.is_empty() && programs.is_none() {
            let remedy = "name the program in it; only on macOS an application is a folder, NAME.app";
            say(Severity::Error, "program", "is a folder".to_owned(), remedy);
        }
        if programs.is_some() && platform != "mac" {
            say(Severity::Error, "program", "is a macOS application".to_owned(), "name a program for this platform");
            continue;
        }
        let wrong: Vec<(String, Form)> =
            files.iter().map(|(path, start)| ((*path).to_owned(), Form::of(start))).collect();
        for (path, form) in wrong {
            let fits = match platform.as_str() {
                "win" => form == Form::Windows,
                "mac" => matches!(form, Form::Mac | Form::Script),
                "linux" => matches!(form, Form::Linux | Form::Script),
                _ => true,
            };
            let what = if programs.is_some() { format!("has {path}, which is") } else { "is".to_owned() };
            let message = format!("{what} {}", form.words());
            match form {
                _ if fits => {}
                Form::Unknown if platform == "win" && [".bat", ".cmd"].iter().any(|end| path.ends_with(end)) => {
                    let message = format!("{what} a batch file, which opens a window");
                    say(Severity::Warning, "program", message, "name a program (.exe)");
                }
                Form::Unknown if programs.is_some() => {}
                Form::Unknown if path.ends_with(".js") || path.ends_with(".py") => {
                    let remedy = "name a program; only hosts that know the language can start this";
                    say(Severity::Error, "program", format!("{what} a script that systems can't start"), remedy);
                }
                _ => {
                    let remedy = match platform.as_str() {
                        "win" => "build it for Windows (an .exe)",
                        "mac" => "build it for macOS (a Mach-O program or an application, NAME.app)",
                        _ => "build it for Linux (an ELF program or a script that begins with #!)",
                    };
                    say(Severity::Error, "program", message, remedy);
                }
            }
        }
        let library = runtime.library.as_deref().and_then(|path| checked.files.get(plain(path)));
        if let Some(form) = library.map(|file| Form::of(&file.kept)) {
            let fits = match platform.as_str() {
                "win" => form == Form::Windows,
                "mac" => form == Form::Mac,
                "linux" => form == Form::Linux,
                _ => true,
            };
            if !fits {
                let member = format!("Runtime.{platform}.library");
                let (message, remedy) = (format!("is {}", form.words()), "build the library for this platform");
                checked.findings.push(Finding::of_member(Severity::Error, "program", member, message, remedy));
            }
        }
    }
}

/// What a program is, by its first bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// A program or library for Windows (PE, or for DOS, which begins alike).
    Windows,
    /// One for macOS (Mach-O).
    Mac,
    /// One for Linux (ELF).
    Linux,
    /// A script whose first line names its interpreter.
    Script,
    /// There is nothing in it.
    Empty,
    /// Something else.
    Unknown,
}

impl Form {
    /// Tells it from a file's first bytes; [`START`] of them are enough.
    #[must_use]
    pub fn of(start: &[u8]) -> Self {
        match start {
            [] => Self::Empty,
            [b'M', b'Z', ..] => Self::Windows,
            [0x7f, b'E', b'L', b'F', ..] => Self::Linux,
            // 32 and 64 bits in either order of bytes, and files for several processors.
            [0xfe, 0xed, 0xfa, 0xce | 0xcf, ..]
            | [0xce | 0xcf, 0xfa, 0xed, 0xfe, ..]
            | [0xca, 0xfe, 0xba, 0xbe | 0xbf, ..] => Self::Mac,
            [b'#', b'!', ..] => Self::Script,
            _ => Self::Unknown,
        }
    }

    /// In words, as what follows "is".
    #[must_use]
    pub fn words(self) -> &'static str {
        match self {
            Self::Windows => "a program for Windows",
            Self::Mac => "a program for macOS",
            Self::Linux => "a program for Linux",
            Self::Script => "a script",
            Self::Empty => "empty",
            Self::Unknown => "no program",
        }
    }
}

/// Whether pages can be what hosts call.
fn pages(checked: &mut Checked, config: &PackageConfig) {
    const CALLED: &str = "connectCreatorCentral";
    let mut named: Vec<(String, &str)> = Vec::new();
    for (n, widget) in config.widgets.iter().enumerate() {
        named.extend(widget.property_view_path.as_deref().map(|path| (format!("Widgets[{n}].PropertyViewPath"), path)));
    }
    named.extend(config.settings_path.as_deref().map(|path| ("SettingsPath".to_owned(), path)));
    for (platform, runtime) in config.runtime.iter().filter(|(_, runtime)| runtime.kind == "web") {
        named.push((format!("Runtime.{platform}.target"), &runtime.target));
    }
    let is_script = |path: &str| [".js", ".mjs", ".html", ".htm"].iter().any(|end| path.to_lowercase().ends_with(end));
    let defined = checked
        .files
        .iter()
        .any(|(path, file)| is_script(path) && file.kept.windows(CALLED.len()).any(|part| part == CALLED.as_bytes()));
    for (member, path) in named {
        let Some(file) = checked.files.get(plain(path)) else { continue };
        if file.size == 0 {
            let remedy = "write the page, or leave the member out";
            checked.findings.push(Finding::of_member(Severity::Error, "page", &member, "names an empty page", remedy));
        } else if !member.ends_with("target") && ![".html", ".htm"].iter().any(|end| path.to_lowercase().ends_with(end))
        {
            let remedy = "name an .html file";
            checked.findings.push(Finding::of_member(Severity::Warning, "page", &member, "names no page", remedy));
        } else if !defined {
            let message = format!("names a page, but no page or script of the package defines {CALLED}");
            let remedy = "define that function: hosts call it when the page has loaded";
            checked.findings.push(Finding::of_member(Severity::Warning, "page", &member, message, remedy));
        }
    }
}

/// The files of `lang/`.
fn languages(checked: &mut Checked, config: &PackageConfig) {
    let mut findings = Vec::new();
    let (mut any, mut english) = (false, false);
    let widgets: HashSet<&str> = config.widgets.iter().map(|widget| widget.uuid.as_str()).collect();
    let files = checked.files.iter().filter_map(|(path, file)| {
        let (folder, name) = path.split_once('/')?;
        folder.eq_ignore_ascii_case("lang").then_some((path, name, file))
    });
    for (path, name, file) in files {
        let mut say = |severity, member: &str, message: String, remedy: &str| {
            let finding = Finding::of_file(severity, "language", path, message, remedy);
            findings.push(Finding { member: member.to_owned(), ..finding });
        };
        let Some(language) = name.strip_suffix(".json").filter(|name| !name.contains('/')) else {
            say(Severity::Note, "", "is no language file".to_owned(), "leave it out, or name it like lang/en.json");
            continue;
        };
        any = true;
        let language = language::plain(language);
        english |= language == "en";
        if language::known(&language).is_none() {
            let remedy = format!("hosts report {}", language::LANGUAGES.join(", "));
            say(Severity::Warning, "", "is for a language that hosts don't report".to_owned(), &remedy);
        }
        let text = file.whole().and_then(|text| std::str::from_utf8(text).ok());
        let parsed = match text.map(|text| serde_json::from_str::<Value>(text.trim_start_matches('\u{feff}'))) {
            Some(Ok(Value::Object(parsed))) => parsed,
            Some(Ok(_)) => {
                say(Severity::Error, "", "is no JSON object".to_owned(), "write an object with names in it");
                continue;
            }
            Some(Err(error)) => {
                say(Severity::Error, "", format!("can't be read: {error}"), "correct it there");
                continue;
            }
            None => {
                say(Severity::Error, "", "isn't UTF-8, or is too large".to_owned(), "save it as UTF-8");
                continue;
            }
        };
        findings.extend(text.into_iter().flat_map(|text| Finding::of_members_twice(path, text)));
        let mut say = |severity, member: &str, message: String, remedy: &str| {
            let finding = Finding::of_file(severity, "language", path, message, remedy);
            findings.push(Finding { member: member.to_owned(), ..finding });
        };
        for (member, value) in &parsed {
            let name = if member == "Name" { Some(value) } else { value.get("Name") };
            if name.and_then(Value::as_str).is_some_and(|name| name.chars().any(manifest::is_disruptive)) {
                let message = "has characters that can't be seen and that change the text around it".to_owned();
                say(Severity::Warning, member, message, "write it anew, as plain text on one line");
            }
            if member == "Name" {
                if !value.is_string() {
                    say(Severity::Error, member, "is no text".to_owned(), "write the package's name");
                }
            } else if widgets.contains(member.as_str()) {
                if !value.get("Name").is_some_and(Value::is_string) {
                    say(Severity::Warning, member, "has no Name".to_owned(), "write {\"Name\": \"…\"}");
                }
            } else if manifest::is_uuid(member) && member.contains('.') {
                let remedy = "correct the UUID, or leave it out";
                say(Severity::Warning, member, "is no widget of this package".to_owned(), remedy);
            }
        }
        if !parsed.contains_key("Name") {
            say(Severity::Note, "Name", "is missing".to_owned(), "give the package its name in this language");
        }
        let missing = config.widgets.iter().filter(|widget| !parsed.contains_key(&widget.uuid)).count();
        if missing > 0 {
            let message = format!("has no name for {missing} of {} widgets", config.widgets.len());
            say(Severity::Note, "", message, "add them; their names in the package file are shown instead");
        }
    }
    if any && !english {
        let remedy = "add it: hosts fall back to English";
        findings.push(Finding::of_file(Severity::Warning, "language", "lang/en.json", "is missing", remedy));
    }
    checked.findings.extend(findings);
}

/// Files that are larger than they need to be, or empty.
fn sizes(checked: &mut Checked, config: &PackageConfig) {
    let mb = |bytes: u64| format!("{:.1} MB", bytes as f64 / f64::from(1 << 20));
    let pictures: BTreeSet<&str> = config
        .files()
        .into_iter()
        .filter(|(member, _)| member.ends_with("Icon") || member.ends_with("Image"))
        .map(|(_, path)| plain(path))
        .collect();
    let mut findings = Vec::new();
    for (path, file) in &checked.files {
        let mut warn = |message: String, remedy: &str| {
            findings.push(Finding::of_file(Severity::Warning, "large", path, message, remedy));
        };
        if file.size > LARGE_FILE {
            warn(format!("has {}", mb(file.size)), "make it smaller, if it can be");
        } else if file.size > LARGE_PICTURE && pictures.contains(path.as_str()) {
            warn(
                format!("has {}, which is much for a small picture", mb(file.size)),
                "save it in the size it is shown in",
            );
        }
    }
    findings.truncate(MOST_ALIKE);
    let total: u64 = checked.files.values().map(|file| file.size).sum();
    if total > LARGE_PACKAGE {
        let remedy = "leave out what it doesn't need";
        findings.push(Finding::of_file(Severity::Warning, "large", "", format!("unpacks to {}", mb(total)), remedy));
    }
    checked.findings.extend(findings);
}

/// A path as it is among the files.
fn plain(path: &str) -> &str {
    path.strip_prefix("./").unwrap_or(path)
}

#[cfg(test)]
mod tests;
