//! Makes bundles: `dist/spotify-widgets.creatorCentral`, and the same for the clock example.
//!
//! manifest.json is the source. A bundle's PackageConfig.json is made from it: of the platforms it keeps those for which
//! something was built, and beside it go each platform's runner and library, and the assets. Bundles that were built on
//! different machines can be joined into one.

use std::fs;
use std::io::{Cursor, Read as _};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail, ensure};
use host_sdk::bundle::{EXTENSION, Entry, pack};
use host_sdk::manifest::{FILE_NAME, Finding, PackageConfig, Runtime, application_programs, validate};
use zip::ZipArchive;

use crate::mac;

/// A package of this repository.
#[derive(Clone, Copy, Debug)]
pub struct Package {
    /// Name of the bundle's file.
    pub name: &'static str,
    /// Where its manifest is.
    manifest: &'static str,
    /// Folders and files that go along, beside the manifest, as (from, to).
    assets: &'static [(&'static str, &'static str)],
    /// Where cargo puts its library, below the folder of the profile.
    library_folder: &'static str,
}

/// The Spotify package.
pub const SPOTIFY: Package = Package {
    name: "spotify-widgets",
    manifest: "manifest.json",
    assets: &[
        ("plugin/assets/common", "assets/common"),
        ("plugin/assets/icons/list", "assets/icons/list"),
        ("plugin/assets/icons/states", "assets/icons/states"),
        ("plugin/assets/property", "assets/property"),
        ("plugin/assets/settings", "assets/settings"),
        ("plugin/assets/lang", "lang"),
        ("plugin/assets/fonts/OFL.txt", "licenses/Inter-OFL.txt"),
        ("LICENSE-APACHE", "licenses/LICENSE-APACHE"),
        ("LICENSE-MIT", "licenses/LICENSE-MIT"),
    ],
    library_folder: "",
};

/// The clock example.
pub const CLOCK: Package = Package {
    name: "clock",
    manifest: "host-sdk/examples/clock/manifest.json",
    assets: &[("host-sdk/examples/clock/clock.svg", "clock.svg")],
    library_folder: "examples",
};

/// The repository's root.
///
/// # Panics
/// Never: this crate lies in a folder of it.
#[must_use]
pub fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("xtask lies in the repository")
}

/// Packs a package from what cargo has built: for each platform of [`PackageConfig::runtime`] that the bundle shall carry,
/// the folder with the built things (`target/release` or the like). Returns the bundle's path.
///
/// # Errors
/// If something isn't built, the manifest doesn't know a platform, or the package breaks a rule of the package format.
pub fn make(package: Package, built: &[(&str, &Path)], into: &Path) -> Result<PathBuf> {
    let manifest = root().join(package.manifest);
    let text = fs::read_to_string(&manifest).with_context(|| manifest.display().to_string())?;
    let mut config = PackageConfig::parse(&text).with_context(|| manifest.display().to_string())?;
    if let Some(finding) = Finding::duplicate_members(package.manifest, &text).first() {
        bail!("{finding}");
    }
    config.runtime.retain(|platform, _| built.iter().any(|(name, _)| name == platform));

    let mut entries = Vec::new();
    for (platform, folder) in built {
        let Some(runtime) = config.runtime.get(*platform) else {
            bail!("{} has no runtime for {platform}", manifest.display())
        };
        let Some(library) = &runtime.library else { bail!("{} names no library for {platform}", manifest.display()) };
        let suffix = if *platform == "win" { ".exe" } else { "" };
        let runner = file(&folder.join(format!("package-runner{suffix}")), &runtime.target)?;
        let library = file(&folder.join(package.library_folder).join(library), library)?;
        if *platform == "mac" {
            entries.extend(mac::application(&config, runtime, runner.content)?);
            entries.push(mac::signed_library(library)?);
        } else {
            entries.push(Entry { executable: true, ..runner });
            entries.push(library);
        }
    }
    for (from, to) in package.assets {
        add(&root().join(from), to, &mut entries)?;
    }
    Bundle { config, entries }.write(package, into)
}

/// Joins bundles of one package that were built on different machines into one that carries all their platforms. Answers
/// its path.
///
/// # Errors
/// If they aren't bundles of one version of one package, two carry the same platform, or a file that all platforms share
/// differs.
pub fn join(package: Package, bundles: &[PathBuf], into: &Path) -> Result<PathBuf> {
    let mut all: Option<Bundle> = None;
    for path in bundles {
        let next = Bundle::read(path)?;
        match &mut all {
            None => all = Some(next),
            Some(all) => all.take_in(next).with_context(|| format!("{} can't be joined", path.display()))?,
        }
    }
    let Some(all) = all else { bail!("name the bundles to join") };
    all.write(package, into)
}

/// What is in a bundle.
#[derive(Debug)]
pub(crate) struct Bundle {
    /// Its package file.
    pub config: PackageConfig,
    /// Every other file.
    pub entries: Vec<Entry>,
}

impl Bundle {
    fn read(path: &Path) -> Result<Self> {
        let (config, files) = unpack(path)?;
        // Not by the archive's modes, which one that was made on Windows doesn't have.
        let executable = |path: &str| config.runtime.values().any(|runtime| is_program(path, runtime));
        let entries = files
            .into_iter()
            .map(|file| Entry { executable: executable(&file.path), path: file.path, content: file.content })
            .collect();
        Ok(Self { config, entries })
    }

    fn take_in(&mut self, other: Self) -> Result<()> {
        ensure!(
            self.config.uuid == other.config.uuid && self.config.version == other.config.version,
            "it is {} {}, not {} {}",
            other.config.uuid,
            other.config.version,
            self.config.uuid,
            self.config.version
        );
        let bare = |config: &PackageConfig| PackageConfig { runtime: Default::default(), ..config.clone() };
        ensure!(bare(&self.config) == bare(&other.config), "its {FILE_NAME} differs in more than the platforms");
        for (platform, runtime) in other.config.runtime {
            ensure!(!self.config.runtime.contains_key(&platform), "the platform {platform} is there already");
            self.config.runtime.insert(platform, runtime);
        }
        for entry in other.entries {
            match self.entries.iter().find(|mine| mine.path == entry.path) {
                None => self.entries.push(entry),
                Some(mine) => ensure!(
                    mine.content == entry.content,
                    "{} differs; build all of them from the same sources, with the same line ends",
                    entry.path
                ),
            }
        }
        Ok(())
    }

    fn write(self, package: Package, into: &Path) -> Result<PathBuf> {
        let Self { config, mut entries } = self;
        entries.push(Entry { path: FILE_NAME.to_owned(), content: config.to_text().into_bytes(), executable: false });
        let exists = |path: &str| {
            entries
                .iter()
                .any(|entry| entry.path.strip_prefix(path).is_some_and(|rest| rest.is_empty() || rest.starts_with('/')))
        };
        let findings = validate(&config, &exists);
        for finding in &findings {
            eprintln!("    {finding}");
        }
        ensure!(!findings.iter().any(|finding| finding.severity.fails()), "the package breaks rules of its format");
        let mut bundle = Cursor::new(Vec::new());
        pack(&mut bundle, &config.uuid, entries)?;
        fs::create_dir_all(into)?;
        let path = into.join(format!("{}.{EXTENSION}", package.name));
        fs::write(&path, bundle.into_inner()).with_context(|| path.display().to_string())?;
        Ok(path)
    }
}

/// Whether a file is what a platform starts, or a program within it.
fn is_program(path: &str, runtime: &Runtime) -> bool {
    let within = application_programs(&runtime.target).and_then(|programs| path.strip_prefix(&programs));
    path == runtime.target || within.is_some_and(|rest| rest.starts_with('/'))
}

/// A file of a bundle.
pub(crate) struct Unpacked {
    /// Its path within the package's folder.
    pub path: String,
    /// What it takes in the bundle, in bytes.
    pub packed: u64,
    /// What it holds.
    pub content: Vec<u8>,
}

/// Reads a bundle: its package file, and every other file.
pub(crate) fn unpack(bundle: &Path) -> Result<(PackageConfig, Vec<Unpacked>)> {
    let name = || bundle.display().to_string();
    let mut zip = ZipArchive::new(Cursor::new(fs::read(bundle).with_context(name)?))
        .with_context(|| format!("{} is no bundle", bundle.display()))?;
    let mut config = None;
    let mut files = Vec::new();
    for index in 0..zip.len() {
        let mut entry = zip.by_index(index).with_context(name)?;
        let path = entry.name()?.split_once('/').map(|(_, inner)| inner.to_owned()).unwrap_or_default();
        if path.is_empty() || path.ends_with('/') {
            continue;
        }
        let mut content = Vec::new();
        entry.read_to_end(&mut content).with_context(|| format!("{}: {path}", bundle.display()))?;
        if path == FILE_NAME {
            config = Some(PackageConfig::parse(&String::from_utf8(content)?)?);
        } else {
            files.push(Unpacked { path, packed: entry.compressed_size(), content });
        }
    }
    let config = config.with_context(|| format!("{} has no {FILE_NAME}", bundle.display()))?;
    Ok((config, files))
}

fn file(from: &Path, to: &str) -> Result<Entry> {
    let content = fs::read(from).with_context(|| format!("{} is not there; build it first", from.display()))?;
    Ok(Entry { path: to.to_owned(), content, executable: false })
}

fn add(from: &Path, to: &str, entries: &mut Vec<Entry>) -> Result<()> {
    if from.is_file() {
        entries.push(file(from, to)?);
        return Ok(());
    }
    for entry in fs::read_dir(from).with_context(|| from.display().to_string())? {
        let entry = entry?;
        add(&entry.path(), &format!("{to}/{}", entry.file_name().to_string_lossy()), entries)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Something like a built folder: for a platform, files with the right names.
    fn built(platform: &str) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("examples")).unwrap();
        let (runner, library) = match platform {
            "win" => ("package-runner.exe", "clock.dll"),
            "mac" => ("package-runner", "libclock.dylib"),
            _ => ("package-runner", "libclock.so"),
        };
        fs::write(folder.path().join(runner), platform).unwrap();
        fs::write(folder.path().join("examples").join(library), platform).unwrap();
        folder
    }

    // What is no program can't be signed.
    #[cfg(not(target_os = "macos"))]
    #[test]
    fn a_bundle_carries_what_was_built_and_bundles_can_be_joined() {
        let names = |path: &Path| -> Vec<String> {
            Bundle::read(path).unwrap().entries.into_iter().map(|entry| entry.path).collect()
        };
        let (win, mac, linux) = (built("win"), built("mac"), built("linux"));
        let out = tempfile::tempdir().unwrap();
        let one = |platform: &str, folder: &tempfile::TempDir| {
            make(CLOCK, &[(platform, folder.path())], &out.path().join(platform)).unwrap()
        };
        let parts = [one("win", &win), one("mac", &mac), one("linux", &linux)];
        assert_eq!(names(&parts[0]), ["clock.dll", "clock.svg", "package-runner.exe"]);
        let together = [("win", win.path()), ("mac", mac.path()), ("linux", linux.path())];
        let together = make(CLOCK, &together, &out.path().join("together")).unwrap();
        let joined = join(CLOCK, &parts, &out.path().join("joined")).unwrap();
        assert!(fs::read(&together).unwrap() == fs::read(&joined).unwrap(), "built together or joined: the same");
        assert_eq!(
            names(&joined),
            [
                "clock.dll",
                "clock.svg",
                "libclock.dylib",
                "libclock.so",
                "package-runner",
                "package-runner.app/Contents/Info.plist",
                "package-runner.app/Contents/MacOS/package-runner",
                "package-runner.app/Contents/Resources/icon.icns",
                "package-runner.exe",
            ]
        );
        let programs: Vec<_> = Bundle::read(&joined).unwrap().entries;
        let programs: Vec<_> = programs.iter().filter(|entry| entry.executable).map(|entry| &entry.path).collect();
        assert_eq!(
            programs,
            ["package-runner", "package-runner.app/Contents/MacOS/package-runner", "package-runner.exe"]
        );
        let again = join(CLOCK, &[joined, parts[0].clone()], out.path()).unwrap_err();
        assert!(format!("{again:#}").contains("the platform win is there already"), "{again:#}");
    }

    #[test]
    fn bundles_that_differ_in_version_or_content_are_not_joined() {
        let (win, linux) = (built("win"), built("linux"));
        let out = tempfile::tempdir().unwrap();
        let win = make(CLOCK, &[("win", win.path())], &out.path().join("win")).unwrap();
        let linux = make(CLOCK, &[("linux", linux.path())], &out.path().join("linux")).unwrap();
        let changed = |change: fn(&mut Bundle)| {
            let mut bundle = Bundle::read(&linux).unwrap();
            change(&mut bundle);
            let path = bundle.write(CLOCK, &out.path().join("changed")).unwrap();
            format!("{:#}", join(CLOCK, &[win.clone(), path], &out.path().join("joined")).unwrap_err())
        };
        let why = changed(|bundle| bundle.config.version = "9.0.0".to_owned());
        assert!(why.contains("it is com.example.clock 9.0.0, not com.example.clock 1.0.0"), "{why}");
        let why = changed(|bundle| bundle.config.description.push('!'));
        assert!(why.contains("differs in more than the platforms"), "{why}");
        let why = changed(|bundle| {
            let picture = bundle.entries.iter_mut().find(|entry| entry.path == "clock.svg").unwrap();
            picture.content.push(b'\r');
        });
        assert!(why.contains("clock.svg differs"), "{why}");
    }

    #[test]
    fn a_missing_platform_or_file_is_said() {
        let folder = built("linux");
        let out = tempfile::tempdir().unwrap();
        let why = make(CLOCK, &[("beos", folder.path())], out.path()).unwrap_err();
        assert!(why.to_string().contains("no runtime for beos"), "{why}");
        let why = make(CLOCK, &[("win", folder.path())], out.path()).unwrap_err();
        assert!(why.to_string().contains("build it first"), "{why}");
    }
}
