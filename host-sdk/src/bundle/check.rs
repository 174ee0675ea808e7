//! The validator: examines a bundle or a package's folder and returns [`Finding`]s. It writes nothing and runs nothing.
//!
//! [`install`](super::install) refuses the bundles that have a finding of [`Severity::Refused`], because both call the same
//! functions. The caller decodes the pictures ([`Checked::pictures`]), so that packages, which are linked with this library,
//! contain no decoders.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::fs;
use std::io::{self, Cursor, Read};
use std::path::Path;

use serde_json::Value;
use zip::ZipArchive;

use super::{
    BundleError, MAX_BYTES, MAX_CONFIG_BYTES, MAX_DEPTH, MAX_ENTRIES, MAX_NAME, archive_errors, is_valid_name,
    other_host, with_slashes,
};
use crate::language;
use crate::manifest::{self, FILE_NAME, Finding, PackageConfig, Severity, application_programs, is_inside};

/// Maximum number of similar findings: of errors of the archive, of junk, and of large files.
const MAX_SIMILAR: usize = 20;
/// Maximum number of bytes kept of a file that is examined as a whole.
const MAX_KEPT: u64 = 8 << 20;
/// Maximum number of bytes kept of all files together.
const MAX_KEPT_TOTAL: u64 = 96 << 20;
/// Number of bytes at the start of a file that are enough to recognize its format. Of most files no more is kept.
pub const HEADER_BYTES: u64 = 64;
/// Files larger than this are worth a warning, in bytes.
const LARGE_FILE: u64 = 128 << 20;
/// Packages that unpack to more than this are worth a warning, in bytes.
const LARGE_PACKAGE: u64 = 256 << 20;
/// Pictures larger than this are worth a warning, in bytes: hosts load all of them when they start.
const LARGE_PICTURE: u64 = 1 << 20;
/// Recommended size of icons in the Widget List, in pixels.
const ICON: (u32, u32) = (75, 54);
/// Recommended size of pictures in the layout picker, in pixels.
const LAYOUT_ICON: (u32, u32) = (120, 120);

/// The result of a check: the findings, and the parts of the package that were read.
#[derive(Clone, Debug, Default)]
pub struct Checked {
    /// The package file, if it can be parsed.
    pub config: Option<PackageConfig>,
    /// The findings, the worst first.
    pub findings: Vec<Finding>,
    files: BTreeMap<String, File>,
}

/// A picture that the package file names.
#[derive(Clone, Debug)]
pub struct Picture<'a> {
    /// Its path in the package.
    pub path: &'a str,
    /// Its content; `None` if it is too large to be examined.
    pub content: Option<&'a [u8]>,
    /// The first member that names it.
    pub member: String,
    /// The recommended width and height in pixels, if there are any.
    pub recommended: Option<(u32, u32)>,
}

#[derive(Clone, Debug, Default)]
struct File {
    size: u64,
    /// The whole content, or its start.
    kept: Vec<u8>,
}

impl File {
    /// Returns the content, if the whole of it was kept.
    fn content(&self) -> Option<&[u8]> {
        (self.kept.len() as u64 == self.size).then_some(&self.kept)
    }
}

impl Checked {
    /// Returns whether the package passes: nothing is refused, and nothing is an error.
    #[must_use]
    pub fn passes(&self) -> bool {
        !self.findings.iter().any(|finding| finding.severity.fails())
    }

    /// Adds findings and sorts all of them.
    pub fn add(&mut self, findings: impl IntoIterator<Item = Finding>) {
        self.findings.extend(findings);
        self.findings.sort_by_key(|finding| finding.severity);
    }

    /// Returns the first bytes of a file of the package: at least [`HEADER_BYTES`], or the whole file if it is shorter. `None`
    /// if there is no such file.
    #[must_use]
    pub fn start_of(&self, path: &str) -> Option<&[u8]> {
        self.files.get(without_dot(path)).map(|file| file.kept.as_slice())
    }

    /// Returns the existing pictures that the package file names, each once.
    #[must_use]
    pub fn pictures(&self) -> Vec<Picture<'_>> {
        let mut seen = BTreeSet::new();
        let mut pictures = Vec::new();
        for (member, path) in self.config.iter().flat_map(PackageConfig::files) {
            if let Some((path, file)) = self.files.get_key_value(without_dot(path))
                && (member.ends_with("Icon") || member.ends_with("Image"))
                && seen.insert(path)
            {
                let recommended = match member.as_str() {
                    member if member.contains(".Layouts[") => Some(LAYOUT_ICON),
                    member if member.ends_with("Icon") => Some(ICON),
                    _ => None,
                };
                pictures.push(Picture { path, content: file.content(), member, recommended });
            }
        }
        pictures
    }

    fn has(&self, path: &str) -> bool {
        let path = without_dot(path);
        let folder = format!("{path}/");
        self.files.contains_key(path)
            || self.files.range(folder.clone()..).next().is_some_and(|(file, _)| file.starts_with(&folder))
    }

    fn report(
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

/// Checks a bundle.
#[must_use]
pub fn check(bundle: &[u8]) -> Checked {
    let mut checked = Checked::default();
    let mut archive = match ZipArchive::new(Cursor::new(bundle)) {
        Ok(archive) => archive,
        Err(error) => {
            let remedy = "pack it again; a package file is a zip whose name ends with .creatorCentral";
            checked.report(Severity::Refused, "zip", "", format!("is no zip, or a damaged one: {error}"), remedy);
            return checked;
        }
    };
    let names: Vec<String> = archive.file_names().filter_map(|name| Some(with_slashes(&name.ok()?))).collect();
    if archive.file_names().flatten().any(|name| name.contains('\\')) {
        let message = "has backslashes in the names of its files, which are no separators in a zip";
        let remedy = "pack it with another tool: File Explorer, 7-Zip, or `creator-deck pack`";
        checked.report(Severity::Warning, "backslash", "", message, remedy);
    }
    let (_, errors) = archive_errors(&mut archive, MAX_SIMILAR);
    for error in &errors {
        checked.findings.push(archive_finding(error, &names));
    }
    if archive.len() > MAX_ENTRIES {
        return checked;
    }
    // The folder of the package file, even if there are others beside it, so that one run reports everything.
    let top = names
        .iter()
        .filter_map(|name| name.strip_suffix(FILE_NAME).filter(|rest| rest.is_empty() || rest.ends_with('/')))
        .min_by_key(|folder| folder.matches('/').count())
        .or_else(|| names.first().map(|name| &name[..name.find('/').map_or(0, |end| end + 1)]))
        .unwrap_or_default()
        .to_owned();
    // Hosts look for the package file in the top folder only.
    if top.matches('/').count() > 1 && names.iter().any(|name| *name == format!("{top}{FILE_NAME}")) {
        let (message, remedy) = (format!("lies in {top}, not in the top folder"), "pack the folder that it is in");
        checked.report(Severity::Refused, "no-package-file", FILE_NAME, message, remedy);
    }
    let mut reader = Reader::default();
    for index in 0..archive.len() {
        let mut entry = match archive.by_index(index) {
            Ok(entry) => entry,
            Err(error) => {
                let remedy = "pack it again with deflate or no compression, and without a password";
                checked.report(
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
                    checked.findings.push(archive_finding(&BundleError::TooLarge(unpacked_too_large()), &names));
                }
                break;
            }
            Err(error) => {
                let remedy = "pack it again, or download it again";
                checked.report(Severity::Refused, "zip", &path, format!("is damaged: {error}"), remedy);
            }
        }
    }
    check_junk(&mut checked, names.iter().map(|name| name.strip_prefix(&top).unwrap_or(name)));
    check_files(&mut checked);
    let folder = top.trim_end_matches('/');
    if let Some(config) = &checked.config
        && config.uuid != folder
        && manifest::is_uuid(&config.uuid)
        && !folder.is_empty()
    {
        let message = format!("has the top folder {folder:?}, which isn't the package's UUID");
        let remedy = "name it like the UUID, so that it can't meet another package's folder";
        checked.report(Severity::Note, "top-folder-name", "", message, remedy);
    }
    checked.add([]);
    checked
}

/// Checks a package's folder, which contains its package file, as if it were packed.
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
            let file_type = entry.file_type()?;
            // In the bundle there is a top folder around it.
            if entry.file_name().to_str().is_none() || !is_valid_name(&format!("x/{name}")) {
                checked.findings.push(archive_finding(&BundleError::BadName(name), &[]));
            } else if file_type.is_symlink() || !(file_type.is_dir() || file_type.is_file()) {
                checked.findings.push(archive_finding(&BundleError::Link(name), &[]));
            } else if file_type.is_dir() {
                names.push(format!("{name}/"));
                folders.push((entry.path(), format!("{name}/")));
            } else {
                match reader.read(&name, &mut fs::File::open(entry.path())?) {
                    Ok(file) => drop(checked.files.insert(name.clone(), file)),
                    Err(error) if error.kind() == io::ErrorKind::FileTooLarge => {
                        checked.findings.push(archive_finding(&BundleError::TooLarge(unpacked_too_large()), &[]));
                        return Ok(checked);
                    }
                    Err(error) => return Err(error),
                }
                names.push(name);
            }
            if names.len() > MAX_ENTRIES {
                let limit = format!("more than {MAX_ENTRIES} files");
                checked.findings.push(archive_finding(&BundleError::TooLarge(limit), &[]));
                return Ok(checked);
            }
        }
    }
    check_junk(&mut checked, names.iter().map(String::as_str));
    check_files(&mut checked);
    checked.add([]);
    Ok(checked)
}

fn unpacked_too_large() -> String {
    format!("it unpacks to more than {} MB", MAX_BYTES >> 20)
}

/// Reads files and keeps the parts that are examined later, within limits.
#[derive(Debug, Default)]
struct Reader {
    kept: u64,
    total: u64,
}

impl Reader {
    /// # Errors
    /// [`io::ErrorKind::FileTooLarge`] if all files together are larger than a package may be.
    fn read(&mut self, path: &str, from: &mut impl Read) -> io::Result<File> {
        /// The extensions of files that are examined as a whole.
        const WHOLE: [&str; 11] = ["json", "html", "htm", "js", "mjs", "png", "svg", "jpg", "jpeg", "gif", "webp"];
        let extension = path.rsplit_once('.').map(|(_, extension)| extension.to_lowercase());
        let max = match extension {
            Some(extension) if WHOLE.contains(&extension.as_str()) => {
                MAX_KEPT.min(MAX_KEPT_TOTAL.saturating_sub(self.kept)).max(HEADER_BYTES)
            }
            _ => HEADER_BYTES,
        };
        let mut kept = Vec::new();
        from.take(max).read_to_end(&mut kept)?;
        self.kept += kept.len() as u64;
        let remaining = MAX_BYTES.saturating_sub(self.total + kept.len() as u64);
        let rest = io::copy(&mut from.take(remaining + 1), &mut io::sink())?;
        if rest > remaining {
            return Err(io::ErrorKind::FileTooLarge.into());
        }
        let size = kept.len() as u64 + rest;
        self.total += size;
        Ok(File { size, kept })
    }
}

/// Converts an error of the archive to a finding. `names` are those of all entries.
fn archive_finding(error: &BundleError, names: &[String]) -> Finding {
    let refused = |rule, file: &str, message: String, remedy: &str| {
        Finding::of_file(Severity::Refused, rule, file, message, remedy)
    };
    match error {
        BundleError::TooLarge(what) => {
            refused("too-large", "", format!("is too large: {what}"), "leave out what it doesn't need")
        }
        BundleError::BadName(name) => {
            let message = "has a name that leaves the package, or that some system doesn't take".to_owned();
            let remedy = format!(
                "name it without .. and any of : \\ < > \" | ? *, not like a device of Windows (con, nul), in UTF-8, with at \
                 most {MAX_NAME} bytes, in at most {MAX_DEPTH} levels of folders"
            );
            refused("name", name, message, &remedy)
        }
        BundleError::Link(name) => {
            refused("link", name, "is a link".to_owned(), "pack the file itself: links may lead out of the package")
        }
        BundleError::DuplicateName(name) => refused(
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

/// Reports files that operating systems and tools leave behind.
fn check_junk<'a>(checked: &mut Checked, names: impl Iterator<Item = &'a str>) {
    let mut reported = BTreeSet::new();
    for name in names {
        let found = name.split('/').find(|part| {
            matches!(*part, "__MACOSX" | ".DS_Store" | ".git" | ".svn" | ".idea" | ".vscode" | "node_modules")
                || ["thumbs.db", "desktop.ini", "npm-debug.log"].contains(&part.to_lowercase().as_str())
                || part.starts_with("._")
                || part.ends_with('~')
                || [".tmp", ".bak", ".orig", ".swp", ".pdb"].iter().any(|end| part.to_lowercase().ends_with(end))
        });
        let Some(part) = found else { continue };
        // A folder is reported once, not with each of its files.
        let end = name.find(part).unwrap_or_default() + part.len();
        if reported.len() < MAX_SIMILAR && reported.insert(name[..end].to_owned()) {
            // A package that runs on Node.js may need them.
            let severity = if part == "node_modules" { Severity::Note } else { Severity::Warning };
            let (message, remedy) = ("was left behind by a system or tool", "leave it out of the package");
            checked.report(severity, "junk", &name[..end], message, remedy);
        }
    }
}

/// Checks the package file and the files that it names.
fn check_files(checked: &mut Checked) {
    let Some(text) = config_text(checked) else { return };
    let (config, findings) = manifest::check_text(&text, &|path| checked.has(path));
    checked.findings.extend(findings);
    let Some(config) = config else { return };
    improve_missing_files(checked, &config);
    check_targets(checked, &config);
    check_pages(checked, &config);
    check_languages(checked, &config);
    check_sizes(checked, &config);
    checked.config = Some(config);
}

/// Returns the package file's text, or reports why there is none.
fn config_text(checked: &mut Checked) -> Option<String> {
    let Some(file) = checked.files.get(FILE_NAME) else {
        let read = |path: &str| checked.files.get(path).map(|file| file.kept.clone());
        if let Some((host, file)) = other_host::recognize(&read) {
            let message = format!("is that of {host}, which runs neither in Creator Central nor here");
            checked.report(
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
        checked.report(Severity::Refused, "no-package-file", FILE_NAME, "is not in the top folder", remedy);
        return None;
    };
    let (size, text) = (file.size, file.content().map(<[u8]>::to_vec));
    let Some(text) = text.filter(|_| size <= MAX_CONFIG_BYTES) else {
        let message = format!("has more than {} MB", MAX_CONFIG_BYTES >> 20);
        checked.report(Severity::Refused, "too-large", FILE_NAME, message, "leave out what no host reads");
        return None;
    };
    match String::from_utf8(text) {
        Ok(text) => Some(text),
        Err(_) => {
            checked.report(Severity::Refused, "unreadable", FILE_NAME, "isn't UTF-8", "save it as UTF-8");
            None
        }
    }
}

/// Improves the findings about files that exist with other capitals.
fn improve_missing_files(checked: &mut Checked, config: &PackageConfig) {
    let named: HashMap<String, &str> = config.files().into_iter().collect();
    let existing: HashMap<String, &String> = checked.files.keys().map(|path| (path.to_lowercase(), path)).collect();
    for finding in checked.findings.iter_mut().filter(|finding| finding.rule == "missing-file") {
        let Some(path) = named.get(&finding.member) else { continue };
        if let Some(other) = existing.get(&without_dot(path).to_lowercase()) {
            finding.message = format!("names {path}, but the package has {other}: systems tell them apart");
            finding.remedy = format!("write {other}");
        }
    }
}

/// Checks that each runtime's target and library fit its platform.
fn check_targets(checked: &mut Checked, config: &PackageConfig) {
    for (platform, runtime) in &config.runtime {
        let member = format!("Runtime.{platform}.target");
        let target = without_dot(&runtime.target);
        if !is_inside(target) || !checked.has(target) {
            continue;
        }
        let mut report = |severity, rule, message: String, remedy: &str| {
            checked.findings.push(Finding::of_member(severity, rule, &member, message, remedy));
        };
        if runtime.kind == "web" {
            let is_page = [".html", ".htm"].iter().any(|end| target.to_lowercase().ends_with(end));
            if !checked.files.contains_key(target) {
                report(Severity::Error, "web-target", "is a folder".to_owned(), "name the page in it");
            } else if !is_page {
                report(
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
        // Of a macOS application, its programs. `manifest::validate` reports one without any.
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
            report(Severity::Error, "program", "is a folder".to_owned(), remedy);
        }
        if programs.is_some() && platform != "mac" {
            report(Severity::Error, "program", "is a macOS application".to_owned(), "name a program for this platform");
            continue;
        }
        let kinds: Vec<(String, ProgramKind)> =
            files.iter().map(|(path, start)| ((*path).to_owned(), ProgramKind::of(start))).collect();
        for (path, kind) in kinds {
            let fits = match platform.as_str() {
                "win" => kind == ProgramKind::Windows,
                "mac" => matches!(kind, ProgramKind::Mac | ProgramKind::Script),
                "linux" => matches!(kind, ProgramKind::Linux | ProgramKind::Script),
                _ => true,
            };
            let subject = if programs.is_some() { format!("has {path}, which is") } else { "is".to_owned() };
            let message = format!("{subject} {}", kind.description());
            match kind {
                _ if fits => {}
                ProgramKind::Unknown if platform == "win" && [".bat", ".cmd"].iter().any(|end| path.ends_with(end)) => {
                    let message = format!("{subject} a batch file, which opens a window");
                    report(Severity::Warning, "program", message, "name a program (.exe)");
                }
                ProgramKind::Unknown if programs.is_some() => {}
                ProgramKind::Unknown if path.ends_with(".js") || path.ends_with(".py") => {
                    let remedy = "name a program; only hosts that know the language can start this";
                    report(Severity::Error, "program", format!("{subject} a script that systems can't start"), remedy);
                }
                _ => {
                    let remedy = match platform.as_str() {
                        "win" => "build it for Windows (an .exe)",
                        "mac" => "build it for macOS (a Mach-O program or an application, NAME.app)",
                        _ => "build it for Linux (an ELF program or a script that begins with #!)",
                    };
                    report(Severity::Error, "program", message, remedy);
                }
            }
        }
        let library = runtime.library.as_deref().and_then(|path| checked.files.get(without_dot(path)));
        if let Some(kind) = library.map(|file| ProgramKind::of(&file.kept)) {
            let fits = match platform.as_str() {
                "win" => kind == ProgramKind::Windows,
                "mac" => kind == ProgramKind::Mac,
                "linux" => kind == ProgramKind::Linux,
                _ => true,
            };
            if !fits {
                let member = format!("Runtime.{platform}.library");
                let (message, remedy) = (format!("is {}", kind.description()), "build the library for this platform");
                checked.findings.push(Finding::of_member(Severity::Error, "program", member, message, remedy));
            }
        }
    }
}

/// The kind of a program or library, recognized by its first bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProgramKind {
    /// A Windows program or library (PE), or a DOS program, which starts with the same bytes.
    Windows,
    /// A macOS program or library (Mach-O).
    Mac,
    /// A Linux program or library (ELF).
    Linux,
    /// A script whose first line names its interpreter.
    Script,
    /// An empty file.
    Empty,
    /// Any other file.
    Unknown,
}

impl ProgramKind {
    /// Recognizes the kind by a file's first [`HEADER_BYTES`].
    #[must_use]
    pub fn of(start: &[u8]) -> Self {
        match start {
            [] => Self::Empty,
            [b'M', b'Z', ..] => Self::Windows,
            [0x7f, b'E', b'L', b'F', ..] => Self::Linux,
            // 32 and 64 bits in either byte order, and universal binaries.
            [0xfe, 0xed, 0xfa, 0xce | 0xcf, ..]
            | [0xce | 0xcf, 0xfa, 0xed, 0xfe, ..]
            | [0xca, 0xfe, 0xba, 0xbe | 0xbf, ..] => Self::Mac,
            [b'#', b'!', ..] => Self::Script,
            _ => Self::Unknown,
        }
    }

    /// Returns a description that continues "is …".
    #[must_use]
    pub fn description(self) -> &'static str {
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

/// Checks that pages exist, have content, and can define the function that hosts call.
fn check_pages(checked: &mut Checked, config: &PackageConfig) {
    const FUNCTION: &str = "connectCreatorCentral";
    let mut pages: Vec<(String, &str)> = Vec::new();
    for (n, widget) in config.widgets.iter().enumerate() {
        pages.extend(widget.property_view_path.as_deref().map(|path| (format!("Widgets[{n}].PropertyViewPath"), path)));
    }
    pages.extend(config.settings_path.as_deref().map(|path| ("SettingsPath".to_owned(), path)));
    for (platform, runtime) in config.runtime.iter().filter(|(_, runtime)| runtime.kind == "web") {
        pages.push((format!("Runtime.{platform}.target"), &runtime.target));
    }
    let is_script = |path: &str| [".js", ".mjs", ".html", ".htm"].iter().any(|end| path.to_lowercase().ends_with(end));
    let is_defined = checked.files.iter().any(|(path, file)| {
        is_script(path) && file.kept.windows(FUNCTION.len()).any(|part| part == FUNCTION.as_bytes())
    });
    for (member, path) in pages {
        let Some(file) = checked.files.get(without_dot(path)) else { continue };
        if file.size == 0 {
            let remedy = "write the page, or leave the member out";
            checked.findings.push(Finding::of_member(Severity::Error, "page", &member, "names an empty page", remedy));
        } else if !member.ends_with("target") && ![".html", ".htm"].iter().any(|end| path.to_lowercase().ends_with(end))
        {
            let remedy = "name an .html file";
            checked.findings.push(Finding::of_member(Severity::Warning, "page", &member, "names no page", remedy));
        } else if !is_defined {
            let message = format!("names a page, but no page or script of the package defines {FUNCTION}");
            let remedy = "define that function: hosts call it when the page has loaded";
            checked.findings.push(Finding::of_member(Severity::Warning, "page", &member, message, remedy));
        }
    }
}

/// Checks the files of `lang/`.
fn check_languages(checked: &mut Checked, config: &PackageConfig) {
    let mut findings = Vec::new();
    let (mut has_any, mut has_english) = (false, false);
    let widgets: HashSet<&str> = config.widgets.iter().map(|widget| widget.uuid.as_str()).collect();
    let files = checked.files.iter().filter_map(|(path, file)| {
        let (folder, name) = path.split_once('/')?;
        folder.eq_ignore_ascii_case("lang").then_some((path, name, file))
    });
    for (path, name, file) in files {
        let mut report = |severity, member: &str, message: String, remedy: &str| {
            let finding = Finding::of_file(severity, "language", path, message, remedy);
            findings.push(Finding { member: member.to_owned(), ..finding });
        };
        let Some(language) = name.strip_suffix(".json").filter(|name| !name.contains('/')) else {
            report(Severity::Note, "", "is no language file".to_owned(), "leave it out, or name it like lang/en.json");
            continue;
        };
        has_any = true;
        let language = language::normalize(language);
        has_english |= language == "en";
        if language::known(&language).is_none() {
            let remedy = format!("hosts report {}", language::LANGUAGES.join(", "));
            report(Severity::Warning, "", "is for a language that hosts don't report".to_owned(), &remedy);
        }
        let text = file.content().and_then(|text| std::str::from_utf8(text).ok());
        let parsed = match text.map(|text| serde_json::from_str::<Value>(text.trim_start_matches('\u{feff}'))) {
            Some(Ok(Value::Object(parsed))) => parsed,
            Some(Ok(_)) => {
                report(Severity::Error, "", "is no JSON object".to_owned(), "write an object with names in it");
                continue;
            }
            Some(Err(error)) => {
                report(Severity::Error, "", format!("can't be read: {error}"), "correct it there");
                continue;
            }
            None => {
                report(Severity::Error, "", "isn't UTF-8, or is too large".to_owned(), "save it as UTF-8");
                continue;
            }
        };
        findings.extend(text.into_iter().flat_map(|text| Finding::duplicate_members(path, text)));
        let mut report = |severity, member: &str, message: String, remedy: &str| {
            let finding = Finding::of_file(severity, "language", path, message, remedy);
            findings.push(Finding { member: member.to_owned(), ..finding });
        };
        for (member, value) in &parsed {
            let name = if member == "Name" { Some(value) } else { value.get("Name") };
            if name.and_then(Value::as_str).is_some_and(|name| name.chars().any(manifest::is_disruptive)) {
                let message = "has characters that can't be seen and that change the text around it".to_owned();
                report(Severity::Warning, member, message, "write it anew, as plain text on one line");
            }
            if member == "Name" {
                if !value.is_string() {
                    report(Severity::Error, member, "is no text".to_owned(), "write the package's name");
                }
            } else if widgets.contains(member.as_str()) {
                if !value.get("Name").is_some_and(Value::is_string) {
                    report(Severity::Warning, member, "has no Name".to_owned(), "write {\"Name\": \"…\"}");
                }
            } else if manifest::is_uuid(member) && member.contains('.') {
                let remedy = "correct the UUID, or leave it out";
                report(Severity::Warning, member, "is no widget of this package".to_owned(), remedy);
            }
        }
        if !parsed.contains_key("Name") {
            report(Severity::Note, "Name", "is missing".to_owned(), "give the package its name in this language");
        }
        let missing = config.widgets.iter().filter(|widget| !parsed.contains_key(&widget.uuid)).count();
        if missing > 0 {
            let message = format!("has no name for {missing} of {} widgets", config.widgets.len());
            report(Severity::Note, "", message, "add them; their names in the package file are shown instead");
        }
    }
    if has_any && !has_english {
        let remedy = "add it: hosts fall back to English";
        findings.push(Finding::of_file(Severity::Warning, "language", "lang/en.json", "is missing", remedy));
    }
    checked.findings.extend(findings);
}

/// Reports files and packages that are larger than they need to be.
fn check_sizes(checked: &mut Checked, config: &PackageConfig) {
    let mb = |bytes: u64| format!("{:.1} MB", bytes as f64 / f64::from(1 << 20));
    let pictures: BTreeSet<&str> = config
        .files()
        .into_iter()
        .filter(|(member, _)| member.ends_with("Icon") || member.ends_with("Image"))
        .map(|(_, path)| without_dot(path))
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
    findings.truncate(MAX_SIMILAR);
    let total: u64 = checked.files.values().map(|file| file.size).sum();
    if total > LARGE_PACKAGE {
        let remedy = "leave out what it doesn't need";
        findings.push(Finding::of_file(Severity::Warning, "large", "", format!("unpacks to {}", mb(total)), remedy));
    }
    checked.findings.extend(findings);
}

/// Removes a leading `./`, which the paths of files don't have.
fn without_dot(path: &str) -> &str {
    path.strip_prefix("./").unwrap_or(path)
}

#[cfg(test)]
mod tests;
