//! Makes bundles: `dist/spotify-widgets.creatorCentral`, and the same for the clock example.
//!
//! The source is manifest.json. A bundle's PackageConfig.json is made from it and keeps only the platforms that were built;
//! with it go each platform's runner and library, and the assets. Bundles that were built on different machines can be
//! joined into one.

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
    /// The name of the bundle's file, without its extension.
    pub name: &'static str,
    /// The path of the manifest in the repository.
    manifest: &'static str,
    /// Folders and files that are packed, as (path in the repository, path in the bundle).
    assets: &'static [(&'static str, &'static str)],
    /// The folder in which cargo puts the library, below that of the profile.
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

/// Returns the repository's root.
///
/// # Panics
/// Never: this crate lies in a folder of it.
#[must_use]
pub fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("xtask lies in the repository")
}

/// Packs a package into the folder `into` and returns the bundle's path.
///
/// `built` lists the platforms that the bundle contains, named as in [`PackageConfig::runtime`], each with cargo's output
/// folder for it (such as `target/release`).
///
/// # Errors
/// If a file isn't built, the manifest doesn't know a platform, or the package breaks a rule of the package format.
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

/// Joins bundles of one package that were built on different machines into one for all their platforms, and returns its
/// path.
///
/// # Errors
/// If the bundles differ in package or version, two contain the same platform, or a file that all platforms share differs.
pub fn join(package: Package, bundles: &[PathBuf], into: &Path) -> Result<PathBuf> {
    let mut joined: Option<Bundle> = None;
    for path in bundles {
        let next = Bundle::read(path)?;
        match &mut joined {
            None => joined = Some(next),
            Some(joined) => joined.merge(next).with_context(|| format!("{} can't be joined", path.display()))?,
        }
    }
    let Some(joined) = joined else { bail!("name the bundles to join") };
    joined.write(package, into)
}

/// The content of a bundle.
#[derive(Debug)]
pub(crate) struct Bundle {
    /// The package file.
    pub config: PackageConfig,
    /// All other files.
    pub entries: Vec<Entry>,
}

impl Bundle {
    fn read(path: &Path) -> Result<Self> {
        let (config, files) = unpack(path)?;
        // The archive's file modes don't tell: an archive that was made on Windows has none.
        let executable = |path: &str| config.runtime.values().any(|runtime| is_program(path, runtime));
        let entries = files
            .into_iter()
            .map(|file| Entry { executable: executable(&file.path), path: file.path, content: file.content })
            .collect();
        Ok(Self { config, entries })
    }

    fn merge(&mut self, other: Self) -> Result<()> {
        ensure!(
            self.config.uuid == other.config.uuid && self.config.version == other.config.version,
            "it is {} {}, not {} {}",
            other.config.uuid,
            other.config.version,
            self.config.uuid,
            self.config.version
        );
        let without_platforms =
            |config: &PackageConfig| PackageConfig { runtime: Default::default(), ..config.clone() };
        ensure!(
            without_platforms(&self.config) == without_platforms(&other.config),
            "its {FILE_NAME} differs in more than the platforms"
        );
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

/// Returns whether a file is the program that a platform starts, or a program inside its application bundle.
fn is_program(path: &str, runtime: &Runtime) -> bool {
    let within = application_programs(&runtime.target).and_then(|programs| path.strip_prefix(&programs));
    path == runtime.target || within.is_some_and(|rest| rest.starts_with('/'))
}

/// A file of a bundle.
pub(crate) struct Unpacked {
    /// Its path within the package's folder.
    pub path: String,
    /// Its compressed size in bytes.
    pub packed: u64,
    /// Its uncompressed content.
    pub content: Vec<u8>,
}

/// Reads a bundle's package file and all other files.
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

    /// Creates a folder with the files that cargo builds for a platform; their content is the platform's name.
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

    fn names(bundle: &Path) -> Vec<String> {
        Bundle::read(bundle).unwrap().entries.into_iter().map(|entry| entry.path).collect()
    }

    /// Makes a bundle for each platform, from the folders of [`built`].
    #[cfg(not(target_os = "macos"))]
    fn bundles_of_each_platform(out: &Path) -> [PathBuf; 3] {
        ["win", "mac", "linux"]
            .map(|platform| make(CLOCK, &[(platform, built(platform).path())], &out.join(platform)).unwrap())
    }

    #[test]
    fn bundle_contains_only_the_platform_that_was_built() {
        let (win, out) = (built("win"), tempfile::tempdir().unwrap());
        let bundle = make(CLOCK, &[("win", win.path())], out.path()).unwrap();
        assert_eq!(names(&bundle), ["clock.dll", "clock.svg", "package-runner.exe"]);
    }

    // These three don't run on macOS: their files are no programs, so they can't be signed.
    #[cfg(not(target_os = "macos"))]
    #[test]
    fn joined_bundle_equals_one_built_together() {
        let out = tempfile::tempdir().unwrap();
        let (win, mac, linux) = (built("win"), built("mac"), built("linux"));
        let all = [("win", win.path()), ("mac", mac.path()), ("linux", linux.path())];
        let together = make(CLOCK, &all, &out.path().join("together")).unwrap();
        let parts = bundles_of_each_platform(out.path());
        let joined = join(CLOCK, &parts, &out.path().join("joined")).unwrap();
        assert!(fs::read(&together).unwrap() == fs::read(&joined).unwrap(), "the joined bundle differs");
    }

    #[cfg(not(target_os = "macos"))]
    #[test]
    fn joined_bundle_contains_all_platforms() {
        let out = tempfile::tempdir().unwrap();
        let joined = join(CLOCK, &bundles_of_each_platform(out.path()), &out.path().join("joined")).unwrap();
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
    }

    #[cfg(not(target_os = "macos"))]
    #[test]
    fn bundles_with_the_same_platform_are_not_joined() {
        let out = tempfile::tempdir().unwrap();
        let parts = bundles_of_each_platform(out.path());
        let joined = join(CLOCK, &parts, &out.path().join("joined")).unwrap();
        let again = join(CLOCK, &[joined, parts[0].clone()], out.path()).unwrap_err();
        assert!(format!("{again:#}").contains("the platform win is there already"), "{again:#}");
    }

    #[test]
    fn bundles_that_differ_in_version_or_content_are_not_joined() {
        let (win, linux) = (built("win"), built("linux"));
        let out = tempfile::tempdir().unwrap();
        let win = make(CLOCK, &[("win", win.path())], &out.path().join("win")).unwrap();
        let linux = make(CLOCK, &[("linux", linux.path())], &out.path().join("linux")).unwrap();
        let join_error = |change: fn(&mut Bundle)| {
            let mut bundle = Bundle::read(&linux).unwrap();
            change(&mut bundle);
            let path = bundle.write(CLOCK, &out.path().join("changed")).unwrap();
            format!("{:#}", join(CLOCK, &[win.clone(), path], &out.path().join("joined")).unwrap_err())
        };
        let error = join_error(|bundle| bundle.config.version = "9.0.0".to_owned());
        assert!(error.contains("it is com.example.clock 9.0.0, not com.example.clock 1.0.0"), "{error}");
        let error = join_error(|bundle| bundle.config.description.push('!'));
        assert!(error.contains("differs in more than the platforms"), "{error}");
        let error = join_error(|bundle| {
            let picture = bundle.entries.iter_mut().find(|entry| entry.path == "clock.svg").unwrap();
            picture.content.push(b'\r');
        });
        assert!(error.contains("clock.svg differs"), "{error}");
    }

    #[test]
    fn unknown_platform_is_an_error() {
        let (folder, out) = (built("linux"), tempfile::tempdir().unwrap());
        let error = make(CLOCK, &[("beos", folder.path())], out.path()).unwrap_err();
        assert!(error.to_string().contains("no runtime for beos"), "{error}");
    }

    #[test]
    fn missing_build_output_is_an_error() {
        let (folder, out) = (built("linux"), tempfile::tempdir().unwrap());
        let error = make(CLOCK, &[("win", folder.path())], out.path()).unwrap_err();
        assert!(error.to_string().contains("build it first"), "{error}");
    }
}
