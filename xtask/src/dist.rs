//! Makes the bundle: `dist/spotify-widgets.creatorCentral`, and the same for the clock example.
//!
//! manifest.json is the source. The bundle's PackageConfig.json is made from it: of the platforms it keeps those for
//! which something was built, and beside it go the runner, the library, and the assets.

use std::fs;
use std::io::Cursor;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail, ensure};
use host_sdk::bundle::{EXTENSION, Entry, pack};
use host_sdk::manifest::{FILE_NAME, PLATFORM, PackageConfig, Severity, validate};

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

/// Packs a package from what cargo has built into `built` (`target/release` or the like). Answers the bundle's path.
///
/// # Errors
/// If something isn't built, or the package breaks a rule of the package format.
pub fn make(package: Package, built: &Path, into: &Path) -> Result<PathBuf> {
    make_for(package, PLATFORM, built, into)
}
pub fn make_for(package: Package, p: &str, built: &Path, into: &Path) -> Result<PathBuf> {
    let manifest = root().join(package.manifest);
    let text = fs::read_to_string(&manifest).with_context(|| manifest.display().to_string())?;
    let mut config = PackageConfig::parse(&text).with_context(|| manifest.display().to_string())?;
    config.runtime.retain(|platform, _| platform == p);
    let Some(runtime) = config.runtime.get(p) else { bail!("{} has no runtime for {PLATFORM}", manifest.display()) };
    let Some(library) = runtime.library.clone() else { bail!("{} names no library", manifest.display()) };

    let runner = built.join(if p == "win" { "package-runner.exe" } else { "package-runner" });
    let mut entries = vec![
        Entry { executable: true, ..file(&runner, &runtime.target)? },
        file(&built.join(package.library_folder).join(&library), &library)?,
        Entry { path: FILE_NAME.to_owned(), content: config.to_text().into_bytes(), executable: false },
    ];
    for (from, to) in package.assets {
        add(&root().join(from), to, &mut entries)?;
    }
    let findings = validate(&config, &|path| entries.iter().any(|entry| entry.path == path));
    for finding in &findings {
        eprintln!("    {finding}");
    }
    ensure!(
        findings.iter().all(|finding| finding.severity == Severity::Warning),
        "the package breaks rules of its format"
    );

    let mut bundle = Cursor::new(Vec::new());
    pack(&mut bundle, &config.uuid, entries)?;
    fs::create_dir_all(into)?;
    let path = into.join(format!("{}.{EXTENSION}", package.name));
    fs::write(&path, bundle.into_inner()).with_context(|| path.display().to_string())?;
    Ok(path)
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
