//! Package bundles, `NAME.creatorCentral`: a zip with exactly one top folder, in it `PackageConfig.json` and whatever it
//! names.
//!
//! [`pack`] makes one, the same bytes for the same content. [`install`] puts one into a packages folder and trusts nothing
//! in it: a bundle may come from anywhere, so whatever reaches out of its folder, hides, or blows up is refused with a
//! sentence before anything of an installed package is touched. [`stage`] is its first half, for hosts that have a process
//! of the package to end before the second. [`check`](check::check) installs nothing and says everything that there is to
//! say about a bundle.

use std::collections::HashMap;
use std::fmt;
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

/// How a bundle's file name ends.
pub const EXTENSION: &str = "creatorCentral";

/// Entries that a bundle may have.
const MOST_ENTRIES: usize = 10_000;
/// Bytes that a bundle may unpack to.
const MOST_BYTES: u64 = 512 << 20;
/// Bytes that a package file may have.
const MOST_CONFIG_BYTES: u64 = 4 << 20;
/// How deep folders may go.
const MOST_LEVELS: usize = 32;
/// How long a name on the way may be: what every file system takes.
const LONGEST_NAME: usize = 200;

/// How the folder is named that an installation unpacks into; no package can have such a name.
const STAGING: &str = ".installing-";

/// One file to pack.
#[derive(Clone, Debug)]
pub struct Entry {
    /// Where it goes, relative to the package's folder, with forward slashes.
    pub path: String,
    /// Its content.
    pub content: Vec<u8>,
    /// Whether it is a program.
    pub executable: bool,
}

/// Packs files under one top folder. The order of `entries` doesn't matter, nor does the time: the same content gives
/// the same bytes.
///
/// # Errors
/// If writing fails.
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
#[derive(Debug)]
pub enum BundleError {
    /// Not a zip, or a broken one.
    NotAZip(String),
    /// Too many entries, or too many bytes.
    TooLarge(String),
    /// An entry's name leaves the folder, or no system would take it.
    BadName(String),
    /// An entry is a link or something else that is neither file nor folder.
    Link(String),
    /// Two entries have one name, at least on systems that don't tell capitals from small letters.
    Twice(String),
    /// Not exactly one top folder.
    TopFolder,
    /// No package file.
    NoConfig,
    /// No package file, but what another host takes.
    OtherHost(String),
    /// The package file can't be read.
    BadConfig(String),
    /// The package file breaks rules that hosts rely on.
    Invalid(Vec<manifest::Finding>),
    /// A file of the installed version is used by another program in a way that forbids even renaming it.
    InUse(PathBuf),
    /// The disk says no.
    Disk(io::Error),
}

impl fmt::Display for BundleError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotAZip(why) => write!(f, "this is not a package file, or it is damaged ({why}); download it again"),
            Self::TooLarge(what) => write!(f, "the package is refused because it is too large: {what}"),
            Self::BadName(name) => write!(f, "the package is refused because of a file name that could harm: {name:?}"),
            Self::Link(name) => write!(f, "the package is refused because it contains a link: {name:?}"),
            Self::Twice(name) => write!(f, "the package is refused because two of its files have one name: {name:?}"),
            Self::TopFolder => f.write_str("the package has to have exactly one top folder with everything in it"),
            Self::NoConfig => write!(f, "the package has no {FILE_NAME} in its top folder"),
            Self::OtherHost(what) => {
                write!(f, "this is {what}, which doesn't run here; get a package for Creator Central, if there is one")
            }
            Self::BadConfig(why) => write!(f, "the package's {FILE_NAME} can't be read: {why}"),
            Self::Invalid(findings) => {
                write!(f, "the package's {FILE_NAME} breaks the rules:")?;
                findings
                    .iter()
                    .try_for_each(|finding| write!(f, " {} {} ({});", finding.place(), finding.message, finding.remedy))
            }
            Self::InUse(path) => write!(f, "{}", in_use(path)),
            Self::Disk(error) => write!(f, "the package can't be written to the disk: {error}"),
        }
    }
}

impl std::error::Error for BundleError {}

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

/// Installs a bundle as `packages/UUID`. A version that is there already is replaced as a whole, or, if anything fails,
/// left as it was. A host that runs the package ends it in between: see [`stage`].
///
/// # Errors
/// See [`BundleError`]. Nothing of the bundle is left then.
pub fn install(bundle: &[u8], packages: &Path) -> Result<Installed, BundleError> {
    stage(bundle, packages)?.replace()
}

/// A bundle that is unpacked beside the packages and found good. Dropping it removes it.
#[derive(Debug)]
pub struct Staged {
    config: PackageConfig,
    packages: PathBuf,
    staging: Staging,
}

impl Staged {
    /// Its package file.
    #[must_use]
    pub fn config(&self) -> &PackageConfig {
        &self.config
    }

    /// Makes it the installed version. Works while processes still use files of the version that it replaces, unless
    /// they have them open in a way that forbids even renaming; what is in use goes at a later [`recover`].
    ///
    /// # Errors
    /// [`BundleError::InUse`], [`BundleError::Disk`]. The old version is as it was then, or is so again after
    /// [`recover`].
    pub fn replace(self) -> Result<Installed, BundleError> {
        let Self { config, packages, staging } = self;
        replace::replace(&Disk::REAL, &packages, &staging.0, &config.uuid)?;
        Ok(Installed { folder: packages.join(&config.uuid), config })
    }
}

/// Unpacks and checks a bundle without touching an installed version: the first half of an installation. Only one at a
/// time into a packages folder.
///
/// # Errors
/// See [`BundleError`]. Nothing of the bundle is left then.
pub fn stage(bundle: &[u8], packages: &Path) -> Result<Staged, BundleError> {
    let mut archive = ZipArchive::new(Cursor::new(bundle)).map_err(|error| BundleError::NotAZip(error.to_string()))?;
    let top_folder = check(&mut archive)?;
    fs::create_dir_all(packages)?;
    recover(packages)?;
    let staging = Staging::new(packages)?;
    unpack(&mut archive, &top_folder, &staging.0)?;

    // By its exact name, which some file systems don't insist on: the package has to be one on all of them.
    if !fs::read_dir(&staging.0)?.flatten().any(|entry| entry.file_name() == FILE_NAME) {
        return Err(no_config(&staging.0));
    }
    let text = fs::read(staging.0.join(FILE_NAME)).map_err(|_| no_config(&staging.0))?;
    let text = String::from_utf8(text).map_err(|error| BundleError::BadConfig(error.to_string()))?;
    let mut config = PackageConfig::parse(&text).map_err(|error| BundleError::BadConfig(error.to_string()))?;
    // A macOS program is a folder.
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

/// What a folder without a package file is.
fn no_config(folder: &Path) -> BundleError {
    let read = |path: &str| {
        let mut content = Vec::new();
        let file = fs::File::open(folder.join(path)).ok()?;
        file.take(MOST_CONFIG_BYTES).read_to_end(&mut content).ok()?;
        Some(content)
    };
    match other_host::recognize(&read) {
        Some((host, _)) => BundleError::OtherHost(host.to_string()),
        None => BundleError::NoConfig,
    }
}

/// Cleans up after an installation or removal that was cut off at any point: what was unpacked goes, a version that was
/// about to be replaced or removed comes back, and replaced files that were in use go. Only while no other installation
/// into this folder runs.
///
/// # Errors
/// If the folder can't be read, or a version can't be brought back.
pub fn recover(packages: &Path) -> io::Result<()> {
    for entry in fs::read_dir(packages)? {
        let entry = entry?;
        if entry.file_name().to_string_lossy().starts_with(STAGING) {
            // Files that are still in use stay behind on some systems; they hurt nobody.
            let _ = fs::remove_dir_all(entry.path());
        }
    }
    replace::recover(&Disk::REAL, packages).map_err(Obstacle::into_io)
}

/// Removes an installed package, as a whole or not at all. Files that are in use go at a later [`recover`].
///
/// # Errors
/// If it isn't there, or somebody uses it in a way that forbids even renaming its files. Says which file.
pub fn uninstall(packages: &Path, uuid: &str) -> io::Result<()> {
    if !manifest::is_uuid(uuid) || !packages.join(uuid).is_dir() {
        return Err(io::Error::new(io::ErrorKind::NotFound, "there is no such package"));
    }
    replace::remove(&Disk::REAL, packages, uuid).map_err(Obstacle::into_io)
}

/// Looks through all entries before any is written. Returns the top folder's name.
fn check(archive: &mut ZipArchive<Cursor<&[u8]>>) -> Result<String, BundleError> {
    let (top_folder, mut faults) = faults(archive, 1);
    match faults.pop() {
        Some(fault) => Err(fault),
        None => top_folder.ok_or(BundleError::TopFolder),
    }
}

/// What is wrong with a bundle as an archive, up to `most` faults, and the name of its (first) top folder.
fn faults(archive: &mut ZipArchive<Cursor<&[u8]>>, most: usize) -> (Option<String>, Vec<BundleError>) {
    let mut faults = Vec::new();
    if archive.has_duplicate_names() {
        faults.push(BundleError::Twice("twice in the list of files".to_owned()));
    }
    if archive.len() > MOST_ENTRIES {
        faults.push(BundleError::TooLarge(format!("more than {MOST_ENTRIES} files")));
        return (None, faults);
    }
    let mut top_folder: Option<String> = None;
    let mut seen = HashMap::new();
    let mut total: u64 = 0;
    for index in 0..archive.len() {
        if faults.len() >= most {
            break;
        }
        let fault = check_entry(archive, index, &mut top_folder, &mut seen, &mut total).err();
        let (one_folder, too_large) = (BundleError::TopFolder, BundleError::TooLarge(String::new()));
        // These two are said once, whatever the number of entries that show it.
        let said = |fault: &BundleError| {
            [&one_folder, &too_large].iter().any(|kind| discriminant(*kind) == discriminant(fault))
                && faults.iter().any(|other| discriminant(other) == discriminant(fault))
        };
        if let Some(fault) = fault.filter(|fault| !said(fault)) {
            faults.push(fault);
        }
    }
    if top_folder.is_none() && faults.is_empty() {
        faults.push(BundleError::TopFolder);
    }
    (top_folder, faults)
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
    let kind = entry.unix_mode().unwrap_or(0) & 0o170_000;
    // 0: made by a system without such modes.
    if entry.is_symlink() || !matches!(kind, 0 | 0o100_000 | 0o040_000) {
        return Err(BundleError::Link(name));
    }
    let path = name.strip_suffix('/').unwrap_or(&name);
    if !is_good_name(path) {
        return Err(BundleError::BadName(name));
    }
    if !is_first(path, name.ends_with('/'), seen) {
        return Err(BundleError::Twice(name));
    }
    let first = path.split('/').next().unwrap_or_default();
    if top_folder.get_or_insert_with(|| first.to_owned()) != first || (path == first && !name.ends_with('/')) {
        return Err(BundleError::TopFolder);
    }
    *total = total.saturating_add(entry.size());
    if *total > MOST_BYTES {
        return Err(BundleError::TooLarge(format!("it unpacks to more than {} MB", MOST_BYTES >> 20)));
    }
    Ok(())
}

/// What a name stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Seen {
    File,
    Folder,
    /// A folder that has no entry of its own, but something in it.
    Around,
}

/// Whether nothing else has this name, on systems that don't tell capitals apart, and no file is where a folder is needed.
fn is_first(path: &str, is_folder: bool, seen: &mut HashMap<String, Seen>) -> bool {
    let path = path.to_lowercase();
    for (at, _) in path.match_indices('/') {
        if *seen.entry(path[..at].to_owned()).or_insert(Seen::Around) == Seen::File {
            return false;
        }
    }
    let kind = if is_folder { Seen::Folder } else { Seen::File };
    match seen.insert(path, kind) {
        None => true,
        Some(before) => before == Seen::Around && is_folder,
    }
}

/// The name of an entry. Some tools of Windows write backslashes into zips, against the rules, and hosts there take them.
fn with_slashes(name: &str) -> String {
    name.replace('\\', "/")
}

/// Whether a path stays inside on every system, and every system takes it.
fn is_good_name(path: &str) -> bool {
    const RESERVED: [&str; 4] = ["con", "prn", "aux", "nul"];
    manifest::is_inside(path)
        && path.split('/').count() <= MOST_LEVELS
        && path.split('/').all(|part| {
            let stem = part.split('.').next().unwrap_or_default().to_lowercase();
            let numbered = stem.len() == 4
                && (stem.starts_with("com") || stem.starts_with("lpt"))
                && stem.ends_with(|c: char| c.is_ascii_digit());
            part.len() <= LONGEST_NAME
                && !part.contains(|c: char| c.is_control() || matches!(c, '<' | '>' | '"' | '|' | '?' | '*'))
                // Windows drops these, which would make two names one.
                && !part.ends_with(['.', ' '])
                && !RESERVED.contains(&stem.as_str())
                && !numbered
        })
}

fn unpack(archive: &mut ZipArchive<Cursor<&[u8]>>, top_folder: &str, into: &Path) -> Result<(), BundleError> {
    let mut left = MOST_BYTES;
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
        let most = if path == FILE_NAME { MOST_CONFIG_BYTES } else { left };
        let mut file = fs::OpenOptions::new().write(true).create_new(true).open(&target)?;
        // What the entry claims to be long is not what it has to be: counted while it is unpacked.
        let mut part = [0; 1 << 14];
        let mut written = 0;
        let mut limited = entry.by_ref().take(most + 1);
        loop {
            // What can't be read is the bundle's fault, whatever the kind of the error; what can't be written the disk's.
            let length = match limited.read(&mut part) {
                Ok(0) => break,
                Ok(length) => length,
                Err(error) => return Err(BundleError::NotAZip(format!("{name}: {error}"))),
            };
            file.write_all(&part[..length])?;
            written += length as u64;
        }
        if written > most {
            return Err(BundleError::TooLarge(format!("{name} unpacks to more than allowed")));
        }
        left -= written.min(left);
        file.sync_all()?;
    }
    Ok(())
}

/// A folder that goes when it isn't used up.
#[derive(Debug)]
struct Staging(PathBuf);

impl Staging {
    fn new(packages: &Path) -> io::Result<Self> {
        // Within the packages folder, so that the final rename stays on one disk.
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
        if let Some(inside) = manifest::application_programs(&runtime.target).map(|inside| folder.join(inside))
            && inside.is_dir()
        {
            programs.extend(fs::read_dir(inside)?.collect::<Result<Vec<_>, _>>()?.iter().map(fs::DirEntry::path));
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
