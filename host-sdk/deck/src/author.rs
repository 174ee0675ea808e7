//! Commands for package authors: [`new_package`] creates a package in Rust with one working widget; [`pack`] builds it
//! and packs it together with the runner.
//!
//! The runner has the version of the `host-sdk` that the package is built with, so that they fit: it is built from the
//! folder `runner` of the SDK's sources, or installed from crates.io if the SDK comes from there.

use std::fs;
use std::io::{Cursor, ErrorKind};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context as _, Result, anyhow, bail, ensure};
use host_sdk::bundle::check::check;
use host_sdk::bundle::{self, EXTENSION, Entry};
use host_sdk::manifest::{FILE_NAME, Finding, PLATFORM, PackageConfig, is_uuid};
use include_dir::{Dir, include_dir};
use serde_json::Value;

use crate::validate::add_folder;

static TEMPLATE: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/template");

/// Renamed, because cargo would take the template for a crate of this repository.
const TEMPLATE_CARGO: &str = "Cargo.toml.template";
/// The folders of a package that are packed as they are.
const FOLDERS: [&str; 3] = ["assets", "lang", "property"];
/// The SDK's crate name.
const SDK: &str = "host_sdk";
/// The program that loads the package.
const RUNNER: &str = "package-runner";
/// The package file of the sources.
const MANIFEST: &str = "manifest.json";

/// Names that aren't keywords, but that no package can have: crates that every crate knows, a keyword of Rust 2024 that
/// syn takes for an identifier, and files that Windows reserves.
const RESERVED: [&str; 15] = [
    "alloc",
    "aux",
    "com1",
    "con",
    "core",
    "gen",
    "host-sdk",
    "lpt1",
    "nul",
    "package-runner",
    "prn",
    "proc-macro",
    "std",
    "target",
    "test",
];

/// How to build a package.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Profile {
    /// Fast to build, for trying out.
    Debug,
    /// For users.
    Release,
}

/// Creates the folder `into`/`name` with a new package and returns its path. `domain` is the start of its UUID. `sdk`
/// is a folder with the sources of `host-sdk` or the address of a git repository; `None` is crates.io, in the version
/// that this program was built with.
///
/// # Errors
/// If the name can't be a crate's, the folder exists already, or `sdk` has no `host-sdk`.
pub fn new_package(into: &Path, name: &str, domain: &str, sdk: Option<&str>) -> Result<PathBuf> {
    if !is_name(name) {
        let better = suggested_name(name).map_or_else(String::new, |better| format!("; {better:?} would do"));
        bail!(
            "{name:?} can't name a package: begin with a small letter, and use up to 40 small letters, digits and \
             hyphens{better}"
        );
    }
    ensure!(!is_reserved(name), "{name:?} has a meaning of its own; choose another name, like \"my-{name}\"");
    let uuid = format!("{domain}.{name}");
    ensure!(is_uuid(&uuid), "{domain:?} can't begin a UUID; write a domain backwards, like com.example");
    let sdk = Sdk::find(sdk)?;
    let folder = into.join(name);
    fs::create_dir(&folder).map_err(|error| match error.kind() {
        ErrorKind::AlreadyExists => anyhow!("there is a {} already; choose another name", folder.display()),
        _ => anyhow!("the folder {} can't be made: {error}", folder.display()),
    })?;
    let title: String = name
        .split('-')
        .filter(|word| !word.is_empty())
        .map(|word| format!("{}{}", word[..1].to_uppercase(), &word[1..]))
        .collect::<Vec<_>>()
        .join(" ");
    let words = [
        ("{{name}}", name.to_owned()),
        ("{{library}}", name.replace('-', "_")),
        ("{{title}}", title),
        ("{{uuid}}", uuid),
        ("{{sdk}}", sdk.dependency()),
    ];
    write_template(&TEMPLATE, &folder, &words)?;
    // The versions of dependencies that the SDK is known to build with.
    if let Sdk::Folder(sdk) = &sdk
        && let Some(lock) = sdk.parent().map(|root| root.join("Cargo.lock")).filter(|lock| lock.is_file())
    {
        fs::copy(lock, folder.join("Cargo.lock"))?;
    }
    Ok(folder)
}

/// Whether a name means something else to cargo, Rust or Windows.
fn is_reserved(name: &str) -> bool {
    RESERVED.contains(&name) || syn::parse_str::<syn::Ident>(&name.replace('-', "_")).is_err()
}

fn is_name(name: &str) -> bool {
    name.starts_with(|c: char| c.is_ascii_lowercase())
        && name.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-')
        && !name.ends_with('-')
        && name.len() <= 40
}

/// Returns a valid name similar to an invalid one, if there is one.
fn suggested_name(name: &str) -> Option<String> {
    let parts: Vec<String> = name
        .split(|c: char| c.is_whitespace() || matches!(c, '_' | '-' | '.'))
        .filter(|part| !part.is_empty())
        .map(str::to_ascii_lowercase)
        .collect();
    Some(parts.join("-")).filter(|better| is_name(better) && !is_reserved(better))
}

fn write_template(from: &Dir<'_>, into: &Path, words: &[(&str, String)]) -> Result<()> {
    for file in from.files() {
        let path = match file.path() {
            path if path == Path::new(TEMPLATE_CARGO) => into.join("Cargo.toml"),
            path if path == Path::new("gitignore") => into.join(".gitignore"),
            path => into.join(path),
        };
        let text = file.contents_utf8().with_context(|| format!("{} is no text", file.path().display()))?;
        let text = words.iter().fold(text.to_owned(), |text, (word, value)| text.replace(word, value));
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder)?;
        }
        fs::write(&path, text).with_context(|| format!("{} can't be written", path.display()))?;
    }
    from.dirs().try_for_each(|folder| write_template(folder, into, words))
}

/// Where `host-sdk` comes from.
enum Sdk {
    /// crates.io, in the version that this program was built with.
    Published,
    /// The folder of the crate.
    Folder(PathBuf),
    /// A git repository.
    Git(String),
}

impl Sdk {
    fn find(given: Option<&str>) -> Result<Self> {
        match given {
            Some(url) if url.contains("://") => {
                ensure!(!url.contains(['"', '\\', '\n']), "{url:?} is no address");
                Ok(Self::Git(url.to_owned()))
            }
            Some(path) => Self::in_folder(Path::new(path))
                .with_context(|| format!("{path} has no host-sdk; name the folder that it is in, or a git repository")),
            None => Ok(Self::Published),
        }
    }

    /// Finds the crate in a folder, or in its subfolder `host-sdk`.
    fn in_folder(folder: &Path) -> Option<Self> {
        let is_sdk = |folder: &PathBuf| {
            fs::read_to_string(folder.join("Cargo.toml")).is_ok_and(|text| text.contains("name = \"host-sdk\""))
        };
        let folder = [folder.to_owned(), folder.join("host-sdk")].into_iter().find(is_sdk)?;
        std::path::absolute(folder).ok().map(Self::Folder)
    }

    /// Returns the dependency's value in Cargo.toml.
    fn dependency(&self) -> String {
        match self {
            Self::Published => format!("\"{}\"", host_sdk::VERSION),
            // Every system accepts forward slashes, and they need no escape.
            Self::Folder(folder) => {
                let folder = folder.display().to_string().replace('\\', "/").replace('"', "\\\"");
                format!("{{ path = \"{folder}\" }}")
            }
            Self::Git(url) => format!("{{ git = \"{url}\" }}"),
        }
    }
}

/// Builds the package in a folder with cargo, and packs it for this system into `FOLDER/NAME.creatorCentral`. Returns
/// the bundle's path and the validator's findings without a run.
///
/// # Errors
/// If it can't be built, or its manifest can't be read or has nothing for this system.
pub fn pack(folder: &Path, profile: Profile, offline: bool) -> Result<(PathBuf, Vec<Finding>)> {
    let manifest = folder.join(MANIFEST);
    let text = fs::read_to_string(&manifest)
        .with_context(|| format!("{} can't be read; name the folder of a package's sources", manifest.display()))?;
    let mut config = PackageConfig::parse(&text).with_context(|| format!("{} can't be read", manifest.display()))?;
    let Some(runtime) = config.runtime_here().cloned() else {
        bail!("{} has nothing for this system: add {PLATFORM} to its Runtime", manifest.display())
    };
    let library = runtime
        .library
        .as_deref()
        .with_context(|| format!("{} names no library for {PLATFORM}: add it to its Runtime", manifest.display()))?;
    let (name, target) = package_of(folder, offline)?;
    let package = build(&folder.join("Cargo.toml"), &target, profile, offline)?;
    let sdk = package.library(SDK).context("the package doesn't depend on host-sdk")?;
    let program = format!("{RUNNER}{}", std::env::consts::EXE_SUFFIX);
    let beside_sdk = sdk.sources.join("runner/Cargo.toml");
    let runner = match beside_sdk.is_file() {
        true => build(&beside_sdk, &target, profile, offline)?.file(&program)?.to_owned(),
        false => install_runner(&sdk.version, &target, profile, offline)?.join(program),
    };
    let file = |from: &Path, to: &str, executable| -> Result<Entry> {
        let content = fs::read(from).with_context(|| format!("{} can't be read", from.display()))?;
        Ok(Entry { path: to.to_owned(), content, executable })
    };
    let mut entries = vec![file(&runner, &runtime.target, true)?, file(package.file(library)?, library, false)?];
    for name in FOLDERS {
        let from = folder.join(name);
        if from.is_dir() {
            add_folder(&from, &format!("{name}/"), &mut entries)?;
        }
    }
    config.runtime.retain(|platform, _| platform == PLATFORM);
    entries.push(Entry { path: FILE_NAME.to_owned(), content: config.to_text().into_bytes(), executable: false });
    let mut bundle = Cursor::new(Vec::new());
    bundle::pack(&mut bundle, &config.uuid, entries)?;
    let bundle = bundle.into_inner();
    let path = folder.join(format!("{name}.{EXTENSION}"));
    fs::write(&path, &bundle).with_context(|| format!("{} can't be written", path.display()))?;
    // Only the last of two members of one name is in the package file that was written.
    let mut findings = Finding::of_members_twice(MANIFEST, &text);
    findings.extend(check(&bundle).findings);
    Ok((path, findings))
}

/// Returns the cargo that runs this program, if one does, else the one on the search path.
fn cargo() -> Command {
    Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
}

/// Returns the name of the package in a folder, and cargo's target folder.
///
/// `--no-deps`: with dependencies cargo would need the sources of all platforms' dependencies, and of those for tests.
fn package_of(folder: &Path, offline: bool) -> Result<(String, PathBuf)> {
    let manifest = folder.join("Cargo.toml");
    let mut command = cargo();
    command.args(["metadata", "--no-deps", "--format-version", "1", "--manifest-path"]).arg(&manifest);
    command.args(offline.then_some("--offline"));
    let output = command.stdin(Stdio::null()).stderr(Stdio::inherit()).output();
    let output = output.context("cargo can't be started; install Rust, with rustup")?;
    ensure!(output.status.success(), "cargo can't read {}; what it said is above", manifest.display());
    let metadata: Value = serde_json::from_slice(&output.stdout)?;
    let target = PathBuf::from(metadata["target_directory"].as_str().context("cargo names no target folder")?);
    let ours = fs::canonicalize(&manifest)?;
    // A package may be in a workspace with others.
    let is_ours = |package: &&Value| {
        let path = package["manifest_path"].as_str();
        path.and_then(|path| fs::canonicalize(path).ok()).is_some_and(|path| path == ours)
    };
    let package = metadata["packages"].as_array().into_iter().flatten().find(is_ours);
    let name = package.and_then(|package| package["name"].as_str());
    let name = name.with_context(|| format!("{} is no package", manifest.display()))?;
    Ok((name.to_owned(), target))
}

/// A crate's target.
#[derive(Debug)]
struct BuiltTarget {
    name: String,
    /// The crate's version.
    version: String,
    /// The folder of the crate's sources.
    sources: PathBuf,
}

/// What cargo reported about a build.
#[derive(Debug, Default)]
struct Built {
    targets: Vec<BuiltTarget>,
    /// The files that it produced.
    files: Vec<PathBuf>,
}

impl Built {
    /// Reads cargo's messages, one JSON object a line.
    fn read(messages: &str) -> Self {
        let mut built = Self::default();
        for message in messages.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok()) {
            if message["reason"] != "compiler-artifact" {
                continue;
            }
            let manifest = message["manifest_path"].as_str().and_then(|path| Path::new(path).parent());
            if let (Some(name), Some(sources)) = (message["target"]["name"].as_str(), manifest) {
                // https://doc.rust-lang.org/cargo/reference/pkgid-spec.html: the version is last, after an @ or a #.
                let id = message["package_id"].as_str().unwrap_or_default();
                let version = id.rsplit(['@', '#']).next().unwrap_or_default();
                let (name, version) = (name.to_owned(), version.to_owned());
                built.targets.push(BuiltTarget { name, version, sources: sources.to_owned() });
            }
            let files = message["filenames"].as_array().into_iter().flatten().filter_map(Value::as_str);
            built.files.extend(files.map(PathBuf::from));
        }
        built
    }

    fn library(&self, name: &str) -> Option<&BuiltTarget> {
        self.targets.iter().find(|target| target.name == name)
    }

    fn file(&self, name: &str) -> Result<&Path> {
        let found = self.files.iter().find(|file| file.file_name().is_some_and(|file| file == name));
        found.map(PathBuf::as_path).with_context(|| format!("{name} was not built for this system"))
    }
}

/// Builds a crate and returns where everything is, which depends on the user's configuration.
fn build(manifest: &Path, target: &Path, profile: Profile, offline: bool) -> Result<Built> {
    let mut command = cargo();
    command.args(["build", "--message-format", "json-render-diagnostics"]);
    command.arg("--manifest-path").arg(manifest).arg("--target-dir").arg(target);
    command.args((profile == Profile::Release).then_some("--release"));
    command.args(offline.then_some("--offline"));
    let output = command.stdin(Stdio::null()).stderr(Stdio::inherit()).output().context("cargo can't be started")?;
    ensure!(output.status.success(), "{} can't be built; what cargo said is above", manifest.display());
    Ok(Built::read(&String::from_utf8_lossy(&output.stdout)))
}

/// Installs the runner from crates.io below the folder `target`, unless it is installed already, and returns its
/// folder.
///
/// Its version is the SDK's: both are published together.
fn install_runner(version: &str, target: &Path, profile: Profile, offline: bool) -> Result<PathBuf> {
    let root = target.join(RUNNER);
    let mut command = cargo();
    command.args(["install", RUNNER, "--locked", "--version"]).arg(format!("={version}"));
    command.arg("--root").arg(&root).arg("--target-dir").arg(target);
    // As in the template, so that code that the package and its runner share is built once.
    for profile in ["release.strip=\"symbols\"", "dev.debug=\"line-tables-only\"", "dev.package.\"*\".debug=false"] {
        command.arg("--config").arg(format!("profile.{profile}"));
    }
    // Cargo warns about programs that aren't on the search path.
    let search_path = std::env::var_os("PATH").unwrap_or_default();
    let folders = std::env::split_paths(&search_path).chain([root.join("bin")]);
    if let Ok(search_path) = std::env::join_paths(folders) {
        command.env("PATH", search_path);
    }
    command.args((profile == Profile::Debug).then_some("--debug"));
    command.args(offline.then_some("--offline"));
    let status = command.stdin(Stdio::null()).stdout(Stdio::null()).status().context("cargo can't be started")?;
    ensure!(status.success(), "{RUNNER} {version} can't be installed; what cargo said is above");
    Ok(root.join("bin"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn invalid_package_names_are_refused() {
        let folder = tempfile::tempdir().unwrap();
        let long = "a".repeat(41);
        let bad = [
            "", "-", "a-", "1a", "../a", "a/b", "a\\b", "/a", "C:a", ".", "größe", "日本", "a\0", &long, "fn", "test",
            "nul", "gen", "try", "abstract", "yield", "self",
        ];
        for name in bad {
            let error = new_package(folder.path(), name, "com.example", Some("https://example.com/x")).unwrap_err();
            assert!(
                error.to_string().contains("begin with") || error.to_string().contains("choose"),
                "{name:?}: {error}"
            );
        }
        for (name, better) in [("My Widget", "my-widget"), ("my_widget", "my-widget"), ("A.b", "a-b")] {
            let error = new_package(folder.path(), name, "com.example", Some("https://example.com/x")).unwrap_err();
            assert!(error.to_string().contains(&format!("{better:?} would do")), "{error}");
        }
        for domain in ["", "..", "COM", "a b"] {
            assert!(new_package(folder.path(), "a", domain, Some("https://example.com/x")).is_err(), "{domain}");
        }
        assert!(new_package(folder.path(), "a", "com.example", Some(folder.path().to_str().unwrap())).is_err());
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
    }

    #[test]
    fn is_reserved_matches_whole_names() {
        for name in ["as", "dyn", "async", "typeof", "while", "gen", "std", "com1"] {
            assert!(is_reserved(name), "{name}");
        }
        for name in ["my-fn", "clock", "union", "asx", "a1-b2"] {
            assert!(!is_reserved(name), "{name}");
        }
    }

    #[test]
    fn new_package_is_complete_and_never_overwritten() {
        let folder = tempfile::tempdir().unwrap();
        let made = new_package(folder.path(), "my-widget", "org.example", Some("https://example.com/sdk")).unwrap();
        let mut entries = Vec::new();
        add_folder(&made, "", &mut entries).unwrap();
        for entry in &entries {
            let text = String::from_utf8(entry.content.clone()).unwrap();
            assert!(!text.contains("{{"), "{}", entry.path);
        }
        let cargo = fs::read_to_string(made.join("Cargo.toml")).unwrap();
        assert!(cargo.contains("host-sdk = { git = \"https://example.com/sdk\" }"), "{cargo}");
        let text = fs::read_to_string(made.join(MANIFEST)).unwrap();
        let config = PackageConfig::parse(&text).unwrap();
        assert_eq!((config.uuid.as_str(), config.name.as_str()), ("org.example.my-widget", "My Widget"));
        let exists = |path: &str| {
            config.runtime.values().any(|r| r.target == path || r.library.as_deref() == Some(path))
                || made.join(path).exists()
        };
        let (_, findings) = host_sdk::manifest::check_text(&text, &exists);
        assert!(findings.is_empty(), "{findings:?}");
        let again =
            new_package(folder.path(), "my-widget", "org.example", Some("https://example.com/sdk")).unwrap_err();
        assert!(again.to_string().contains("already"), "{again}");
    }

    #[test]
    fn new_package_depends_on_the_published_sdk() {
        let folder = tempfile::tempdir().unwrap();
        let made = new_package(folder.path(), "a", "com.example", None).unwrap();
        let cargo = fs::read_to_string(made.join("Cargo.toml")).unwrap();
        assert!(cargo.contains(&format!("host-sdk = \"{}\"\n", host_sdk::VERSION)), "{cargo}");
        assert!(!made.join("Cargo.lock").exists(), "cargo chooses the versions");
    }

    /// `pack` installs the runner of the SDK's version.
    #[test]
    fn sdk_and_runner_have_one_version() {
        let runner = include_str!("../../runner/Cargo.toml");
        assert!(runner.contains(&format!("\nversion = \"{}\"\n", host_sdk::VERSION)), "{runner}");
    }
}
