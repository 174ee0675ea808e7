//! Package bundles, `NAME.creatorCentral`: a zip with exactly one top folder, which contains `PackageConfig.json` and the
//! files that it names.
//!
//! [`pack`] creates a bundle, reproducibly. [`install`] unpacks one into a packages folder and trusts nothing in it, because a
//! bundle may come from anywhere: paths that leave the folder, links, and anything that unpacks without bound are refused before
//! an installed package is touched. Hosts that have to end a process of the package in between call [`stage`] and
//! [`Staged::replace`]. [`check`](check::check) installs nothing and reports every finding about a bundle.
//!
//! ```no_run
//! use std::path::Path;
//!
//! let bundle = std::fs::read("counter.creatorCentral")?;
//! let installed = host_sdk::bundle::install(&bundle, Path::new("packages"))?;
//! println!("installed {} in {}", installed.config.name, installed.folder.display());
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

use std::collections::HashMap;
use std::fs;
use std::io::{self, Cursor, Read as _, Seek, Write};
use std::mem::discriminant;
use std::path::{Path, PathBuf};

use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, DateTime, ZipArchive, ZipWriter};

use self::replace::{Disk, Obstacle};
use crate::manifest::{self, FILE_NAME, PackageConfig, Severity};

pub mod check;
mod other_host;
mod replace;

/// The file extension of a bundle.
pub const EXTENSION: &str = "creatorCentral";

/// Maximum number of entries of a bundle.
const MAX_ENTRIES: usize = 10_000;
/// Maximum size of an unpacked bundle in bytes.
const MAX_BYTES: u64 = 512 << 20;
/// Maximum size of a package file in bytes.
const MAX_CONFIG_BYTES: u64 = 4 << 20;
/// Maximum depth of folders.
const MAX_DEPTH: usize = 32;
/// Maximum length of a file's or folder's name in bytes, which every file system supports.
const MAX_NAME: usize = 200;

/// Prefix of the folder that an installation unpacks into. No package can have such a name.
const STAGING: &str = ".installing-";

/// A file to pack.
#[derive(Clone, Debug)]
pub struct Entry {
    /// Its path relative to the package's folder, with forward slashes.
    pub path: String,
    /// Its content.
    pub content: Vec<u8>,
    /// Whether it is a program.
    pub executable: bool,
}

/// Packs files into a bundle with one top folder. The result depends on nothing but the files: neither on the order of
/// `entries` nor on the time.
///
/// # Errors
/// If writing to `out` fails.
pub fn pack(out: impl Write + Seek, top_folder: &str, mut entries: Vec<Entry>) -> io::Result<()> {
    entries.sort_by(|a, b| a.path.cmp(&b.path));
    let mut zip = ZipWriter::new(out);
    for entry in &entries {
        let options = SimpleFileOptions::default()
            .compression_method(CompressionMethod::Deflated)
            .last_modified_time(DateTime::default())
            .unix_permissions(if entry.executable { 0o755 } else { 0o644 });
        zip.start_file(format!("{top_folder}/{}", entry.path), options)?;
        zip.write_all(&entry.content)?;
    }
    zip.finish()?;
    Ok(())
}

/// An installed package.
#[derive(Clone, Debug)]
pub struct Installed {
    /// Its folder.
    pub folder: PathBuf,
    /// Its package file.
    pub config: PackageConfig,
}

/// Why a bundle isn't installed.
///
/// Each message is complete: it contains the cause, so [`source`](std::error::Error::source) returns nothing.
#[derive(Debug, thiserror::Error)]
pub enum BundleError {
    /// It isn't a zip, or a damaged one. Contains the message of the zip reader.
    #[error("this is not a package file, or it is damaged ({0}); download it again")]
    NotAZip(String),
    /// It has too many entries, or unpacks to too many bytes. Names the limit.
    #[error("the package is refused because it is too large: {0}")]
    TooLarge(String),
    /// The name of this entry leaves the folder, or is invalid on some operating system.
    #[error("the package is refused because of a file name that could harm: {0:?}")]
    BadName(String),
    /// This entry is a link, or otherwise neither a file nor a folder.
    #[error("the package is refused because it contains a link: {0:?}")]
    Link(String),
    /// Two entries have this name, at least on case-insensitive file systems.
    #[error("the package is refused because two of its files have one name: {0:?}")]
    DuplicateName(String),
    /// There isn't exactly one top folder.
    #[error("the package has to have exactly one top folder with everything in it")]
    TopFolder,
    /// There is no package file.
    #[error("the package has no {FILE_NAME} in its top folder")]
    NoConfig,
    /// There is no package file, because it is a plugin for another host. Names the kind of plugin.
    #[error("this is {0}, which doesn't run here; get a package for Creator Central, if there is one")]
    OtherHost(String),
    /// The package file can't be parsed. Contains the parser's message.
    #[error("the package's {FILE_NAME} can't be read: {0}")]
    BadConfig(String),
    /// The package file breaks rules that hosts rely on.
    #[error("the package's {FILE_NAME} breaks the rules:{}", list(.0))]
    Invalid(Vec<manifest::Finding>),
    /// Another program uses this file of the installed version, so that it can't even be renamed.
    #[error("{}", in_use(.0))]
    InUse(PathBuf),
    /// A file can't be read or written.
    #[error("the package can't be written to the disk: {0}")]
    Disk(io::Error),
}

/// Lists findings within a sentence.
fn list(findings: &[manifest::Finding]) -> String {
    findings.iter().map(|finding| format!(" {} {} ({});", finding.place(), finding.message, finding.remedy)).collect()
}

impl From<io::Error> for BundleError {
    fn from(error: io::Error) -> Self {
        Self::Disk(error)
    }
}

impl From<Obstacle> for BundleError {
    fn from(obstacle: Obstacle) -> Self {
        match obstacle.is_in_use() {
            true => Self::InUse(obstacle.path),
            false => Self::Disk(obstacle.error),
        }
    }
}

fn in_use(path: &Path) -> String {
    format!(
        "{} is in use by another program; close every program that uses the package (a second host, such as Creator \
         Central, or an editor) and try again; the installed version stays",
        path.display()
    )
}

/// Installs a bundle as `packages/UUID`. An installed version is replaced as a whole, or left unchanged if anything fails. A
/// host that runs the package has to end it in between: see [`stage`].
///
/// # Errors
/// See [`BundleError`]. Nothing of the bundle is left behind.
pub fn install(bundle: &[u8], packages: &Path) -> Result<Installed, BundleError> {
    stage(bundle, packages)?.replace()
}

/// A bundle that was unpacked beside the packages and found valid. Dropping it removes the unpacked files.
#[derive(Debug)]
pub struct Staged {
    config: PackageConfig,
    packages: PathBuf,
    staging: Staging,
}

impl Staged {
    /// Returns its package file.
    #[must_use]
    pub fn config(&self) -> &PackageConfig {
        &self.config
    }

    /// Makes it the installed version. Works while processes still use files of the version that it replaces, unless they have
    /// opened them so that not even renaming is possible. A later [`recover`] removes files that are still in use.
    ///
    /// # Errors
    /// [`BundleError::InUse`] or [`BundleError::Disk`]. The old version is unchanged, or is restored by [`recover`].
    pub fn replace(self) -> Result<Installed, BundleError> {
        let Self { config, packages, staging } = self;
        replace::replace(&Disk::REAL, &packages, &staging.0, &config.uuid)?;
        Ok(Installed { folder: packages.join(&config.uuid), config })
    }
}

/// Unpacks and checks a bundle without touching an installed version: the first half of an installation. Only one
/// installation into a packages folder may run at a time.
///
/// # Errors
/// See [`BundleError`]. Nothing of the bundle is left behind.
pub fn stage(bundle: &[u8], packages: &Path) -> Result<Staged, BundleError> {
    let mut archive = ZipArchive::new(Cursor::new(bundle)).map_err(|error| BundleError::NotAZip(error.to_string()))?;
    let top_folder = check(&mut archive)?;
    fs::create_dir_all(packages)?;
    recover(packages)?;
    let staging = Staging::new(packages)?;
    unpack(&mut archive, &top_folder, &staging.0)?;

    // The exact name is required even on case-insensitive file systems, because the package has to be valid on all of them.
    let is_config = |entry: fs::DirEntry| {
        entry.file_name() == FILE_NAME && entry.file_type().is_ok_and(|file_type| file_type.is_file())
    };
    if !fs::read_dir(&staging.0)?.flatten().any(is_config) {
        return Err(missing_config(&staging.0));
    }
    let text = fs::read(staging.0.join(FILE_NAME))?;
    let text = String::from_utf8(text).map_err(|error| BundleError::BadConfig(error.to_string()))?;
    let mut config = PackageConfig::parse(&text).map_err(|error| BundleError::BadConfig(error.to_string()))?;
    // Not `is_file`: a macOS application is a folder.
    let exists = |path: &str| staging.0.join(path).exists();
    config.complete_paths(&exists);
    let mut findings = manifest::validate(&config, &exists);
    findings.retain(|finding| finding.severity == Severity::Refused);
    if !findings.is_empty() {
        return Err(BundleError::Invalid(findings));
    }
    make_executable(&staging.0, &config)?;
    Ok(Staged { config, packages: packages.to_owned(), staging })
}

/// Returns the error for a folder without a package file, which may be a plugin for another host.
fn missing_config(folder: &Path) -> BundleError {
    let read = |path: &str| {
        let mut content = Vec::new();
        let file = fs::File::open(folder.join(path)).ok()?;
        file.take(MAX_CONFIG_BYTES).read_to_end(&mut content).ok()?;
        Some(content)
    };
    match other_host::recognize(&read) {
        Some((host, _)) => BundleError::OtherHost(host.to_string()),
        None => BundleError::NoConfig,
    }
}

/// Cleans up after an installation or removal that was interrupted at any point: removes unpacked files, restores a version
/// that was about to be replaced or removed, and removes replaced files that are no longer in use. No installation into this
/// folder may run at the same time.
///
/// # Errors
/// If the folder can't be read, or a version can't be restored.
pub fn recover(packages: &Path) -> io::Result<()> {
    for entry in fs::read_dir(packages)? {
        let entry = entry?;
        if entry.file_name().to_string_lossy().starts_with(STAGING) {
            // On some systems files that are still in use remain. They do no harm.
            let _ = fs::remove_dir_all(entry.path());
        }
    }
    replace::recover(&Disk::REAL, packages).map_err(Obstacle::into_io)
}

/// Removes an installed package, as a whole or not at all. A later [`recover`] removes files that are still in use.
///
/// # Errors
/// If it isn't installed, or another program uses a file of it so that it can't even be renamed. The message names the file.
pub fn uninstall(packages: &Path, uuid: &str) -> io::Result<()> {
    if !manifest::is_uuid(uuid) || !packages.join(uuid).is_dir() {
        return Err(io::Error::new(io::ErrorKind::NotFound, "there is no such package"));
    }
    replace::remove(&Disk::REAL, packages, uuid).map_err(Obstacle::into_io)
}

/// Checks all entries before any is unpacked. Returns the name of the top folder.
fn check(archive: &mut ZipArchive<Cursor<&[u8]>>) -> Result<String, BundleError> {
    let (top_folder, mut errors) = archive_errors(archive, 1);
    match errors.pop() {
        Some(error) => Err(error),
        None => top_folder.ok_or(BundleError::TopFolder),
    }
}

/// Returns the name of the first top folder, and up to `max` errors of the bundle as an archive.
fn archive_errors(archive: &mut ZipArchive<Cursor<&[u8]>>, max: usize) -> (Option<String>, Vec<BundleError>) {
    let mut errors = Vec::new();
    if archive.has_duplicate_names() {
        errors.push(BundleError::DuplicateName("twice in the list of files".to_owned()));
    }
    if archive.len() > MAX_ENTRIES {
        errors.push(BundleError::TooLarge(format!("more than {MAX_ENTRIES} files")));
        return (None, errors);
    }
    let mut top_folder: Option<String> = None;
    let mut seen = HashMap::new();
    let mut total: u64 = 0;
    for index in 0..archive.len() {
        if errors.len() >= max {
            break;
        }
        let error = check_entry(archive, index, &mut top_folder, &mut seen, &mut total).err();
        // These two are reported once, no matter how many entries cause them.
        let once = [discriminant(&BundleError::TopFolder), discriminant(&BundleError::TooLarge(String::new()))];
        let is_reported = |error: &BundleError| {
            once.contains(&discriminant(error)) && errors.iter().any(|other| discriminant(other) == discriminant(error))
        };
        if let Some(error) = error.filter(|error| !is_reported(error)) {
            errors.push(error);
        }
    }
    if top_folder.is_none() && errors.is_empty() {
        errors.push(BundleError::TopFolder);
    }
    (top_folder, errors)
}

fn check_entry(
    archive: &mut ZipArchive<Cursor<&[u8]>>,
    index: usize,
    top_folder: &mut Option<String>,
    seen: &mut HashMap<String, Seen>,
    total: &mut u64,
) -> Result<(), BundleError> {
    let entry = archive.by_index_raw(index).map_err(|error| BundleError::NotAZip(error.to_string()))?;
    let name = std::str::from_utf8(entry.name_raw())
        .map_err(|_| BundleError::BadName(String::from_utf8_lossy(entry.name_raw()).into_owned()))
        .map(with_slashes)?;
    let file_type = entry.unix_mode().unwrap_or(0) & 0o170_000;
    // 0: created on a system without Unix modes.
    if entry.is_symlink() || !matches!(file_type, 0 | 0o100_000 | 0o040_000) {
        return Err(BundleError::Link(name));
    }
    let path = name.strip_suffix('/').unwrap_or(&name);
    if !is_valid_name(path) {
        return Err(BundleError::BadName(name));
    }
    if !is_unique(path, name.ends_with('/'), seen) {
        return Err(BundleError::DuplicateName(name));
    }
    let first = path.split('/').next().unwrap_or_default();
    if top_folder.get_or_insert_with(|| first.to_owned()) != first || (path == first && !name.ends_with('/')) {
        return Err(BundleError::TopFolder);
    }
    *total = total.saturating_add(entry.size());
    if *total > MAX_BYTES {
        return Err(BundleError::TooLarge(format!("it unpacks to more than {} MB", MAX_BYTES >> 20)));
    }
    Ok(())
}

/// The kind of entry that has a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Seen {
    File,
    Folder,
    /// A folder without an entry of its own, known by an entry in it.
    ImpliedFolder,
}

/// Records a path and returns whether no other entry conflicts with it, ignoring case: none has the same name, and none of its
/// folders is a file.
fn is_unique(path: &str, is_folder: bool, seen: &mut HashMap<String, Seen>) -> bool {
    let path = path.to_lowercase();
    for (at, _) in path.match_indices('/') {
        if *seen.entry(path[..at].to_owned()).or_insert(Seen::ImpliedFolder) == Seen::File {
            return false;
        }
    }
    let kind = if is_folder { Seen::Folder } else { Seen::File };
    match seen.insert(path, kind) {
        None => true,
        Some(previous) => previous == Seen::ImpliedFolder && is_folder,
    }
}

/// Replaces backslashes, which some Windows tools write into zips although
/// [the specification](https://pkware.cachefly.net/webdocs/casestudies/APPNOTE.TXT) (4.4.17) requires slashes.
fn with_slashes(name: &str) -> String {
    name.replace('\\', "/")
}

/// Returns whether a path stays inside its folder and is valid on every operating system.
fn is_valid_name(path: &str) -> bool {
    const RESERVED: [&str; 4] = ["con", "prn", "aux", "nul"];
    manifest::is_inside(path)
        && path.split('/').count() <= MAX_DEPTH
        && path.split('/').all(|part| {
            let stem = part.split('.').next().unwrap_or_default().to_lowercase();
            let numbered = stem.len() == 4
                && (stem.starts_with("com") || stem.starts_with("lpt"))
                && stem.ends_with(|c: char| c.is_ascii_digit());
            part.len() <= MAX_NAME
                && !part.contains(|c: char| c.is_control() || matches!(c, '<' | '>' | '"' | '|' | '?' | '*'))
                // Windows strips these, so that two names would become one.
                && !part.ends_with(['.', ' '])
                && !RESERVED.contains(&stem.as_str())
                && !numbered
        })
}

fn unpack(archive: &mut ZipArchive<Cursor<&[u8]>>, top_folder: &str, into: &Path) -> Result<(), BundleError> {
    let mut remaining = MAX_BYTES;
    for index in 0..archive.len() {
        let mut entry = archive.by_index(index).map_err(|error| BundleError::NotAZip(error.to_string()))?;
        let name = with_slashes(&entry.name().map_err(|error| BundleError::NotAZip(error.to_string()))?);
        let Some(path) = name.strip_prefix(top_folder).and_then(|rest| rest.strip_prefix('/')) else { continue };
        let target = into.join(path);
        if entry.is_dir() {
            fs::create_dir_all(&target)?;
            continue;
        }
        if let Some(folder) = target.parent() {
            fs::create_dir_all(folder)?;
        }
        let max = if path == FILE_NAME { MAX_CONFIG_BYTES } else { remaining };
        let mut file = fs::OpenOptions::new().write(true).create_new(true).open(&target)?;
        // The size in the entry's header can be false, so bytes are counted while they are unpacked.
        let mut buffer = [0; 1 << 14];
        let mut written = 0;
        let mut limited = entry.by_ref().take(max + 1);
        loop {
            // Not `io::copy`: a read error means a damaged bundle, a write error a failure of the disk.
            let length = match limited.read(&mut buffer) {
                Ok(0) => break,
                Ok(length) => length,
                Err(error) => return Err(BundleError::NotAZip(format!("{name}: {error}"))),
            };
            file.write_all(&buffer[..length])?;
            written += length as u64;
        }
        if written > max {
            return Err(BundleError::TooLarge(format!("{name} unpacks to more than allowed")));
        }
        remaining -= written.min(remaining);
        file.sync_all()?;
    }
    Ok(())
}

/// A folder that is removed on drop, unless it was renamed.
#[derive(Debug)]
struct Staging(PathBuf);

impl Staging {
    fn new(packages: &Path) -> io::Result<Self> {
        // Within the packages folder, so that the final rename stays within one file system.
        let folder = packages.join(format!("{STAGING}{}", std::process::id()));
        fs::create_dir(&folder)?;
        Ok(Self(folder))
    }
}

impl Drop for Staging {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

#[cfg(unix)]
fn make_executable(folder: &Path, config: &PackageConfig) -> io::Result<()> {
    use std::os::unix::fs::PermissionsExt as _;
    for runtime in config.runtime.values().filter(|runtime| runtime.kind == "bin") {
        let target = folder.join(&runtime.target);
        let mut programs = vec![target];
        if let Some(folder) = manifest::application_programs(&runtime.target).map(|path| folder.join(path))
            && folder.is_dir()
        {
            programs.extend(fs::read_dir(folder)?.collect::<Result<Vec<_>, _>>()?.iter().map(fs::DirEntry::path));
        }
        for program in programs.iter().filter(|program| program.is_file()) {
            fs::set_permissions(program, fs::Permissions::from_mode(0o755))?;
        }
    }
    Ok(())
}

#[cfg(not(unix))]
fn make_executable(_: &Path, _: &PackageConfig) -> io::Result<()> {
    Ok(())
}

#[cfg(test)]
mod tests;
