//! Builds the application bundle that macOS expects of a program that a host starts, `package-runner.app`: with it the system
//! knows the program's name, shows no Dock icon, and can sign the whole.
//!
//! The signature also decides who may read the keychain: an entry belongs to the program that made it, and macOS asks the
//! user before another program may read it. A program signed with a Developer ID keeps its identity through updates. One
//! that is signed ad hoc is identified by the hash of its code and its Info.plist, so it keeps its identity only while its
//! bytes stay the same. Therefore the application has the runner's own version and identifier, and contains nothing that
//! changes with every version of a package.

use anyhow::{Context, Result};
use host_sdk::bundle::Entry;
use host_sdk::manifest::{PackageConfig, Runtime};
use plist::{Dictionary, Value};

/// The program within the application.
const PROGRAM: &str = "package-runner";
/// The application's icon, which macOS shows when it asks about the keychain.
const ICON: &[u8] = include_bytes!("../../host-sdk/runner/icon.icns");

/// Returns the files of a package's application, signed if this system can sign.
///
/// # Errors
/// If signing fails.
pub fn application(config: &PackageConfig, runtime: &Runtime, program: Vec<u8>) -> Result<Vec<Entry>> {
    let at = |path: &str| format!("{}/Contents/{path}", runtime.target);
    let entry = |path: &str, content, executable| Entry { path: at(path), content, executable };
    let files = vec![
        entry("Info.plist", info(config, runtime)?, false),
        entry(&format!("MacOS/{PROGRAM}"), program, true),
        entry("Resources/icon.icns", ICON.to_vec(), false),
    ];
    signing::application(&runtime.target, files)
}

/// Returns a library with its signature renewed, if this system can sign: a program that is signed with an identity loads
/// only libraries that are signed with the same one.
///
/// # Errors
/// If signing fails.
pub fn signed_library(library: Entry) -> Result<Entry> {
    signing::library(library)
}

/// Returns the application's Info.plist.
///
/// It has no key against App Nap, because Apple documents none. A program turns App Nap off at run time instead.
fn info(config: &PackageConfig, runtime: &Runtime) -> Result<Vec<u8>> {
    let version = runner_version()?;
    let identifier = format!("{}.runner", config.uuid);
    let texts = [
        ("CFBundleDevelopmentRegion", "en"),
        ("CFBundleDisplayName", &config.name),
        ("CFBundleExecutable", PROGRAM),
        ("CFBundleIconFile", "icon"),
        ("CFBundleIdentifier", &identifier),
        ("CFBundleInfoDictionaryVersion", "6.0"),
        ("CFBundleName", PROGRAM),
        ("CFBundlePackageType", "APPL"),
        ("CFBundleShortVersionString", version),
        ("CFBundleVersion", version),
        ("LSMinimumSystemVersion", &minimum_version(runtime)),
    ];
    let mut info = Dictionary::new();
    for (key, text) in texts {
        info.insert(key.to_owned(), Value::String(text.to_owned()));
    }
    // An agent: no Dock icon, no menu.
    info.insert("LSUIElement".to_owned(), Value::Boolean(true));
    let mut file = Vec::new();
    Value::Dictionary(info).to_writer_xml(&mut file)?;
    Ok(file)
}

/// Returns the oldest supported macOS as Apple writes it: `12.0` for `12`.
fn minimum_version(runtime: &Runtime) -> String {
    let version = &runtime.minimum_version;
    if version.contains('.') { version.clone() } else { format!("{version}.0") }
}

/// Returns the runner's own version.
fn runner_version() -> Result<&'static str> {
    include_str!("../../host-sdk/runner/Cargo.toml")
        .lines()
        .find_map(|line| line.strip_prefix("version = \"")?.strip_suffix('"'))
        .context("the runner's Cargo.toml names no version")
}

#[cfg(not(target_os = "macos"))]
mod signing {
    //! Does nothing: only macOS can sign.

    use super::{Entry, Result};

    pub fn application(_: &str, files: Vec<Entry>) -> Result<Vec<Entry>> {
        Ok(files)
    }

    pub fn library(library: Entry) -> Result<Entry> {
        Ok(library)
    }
}

#[cfg(target_os = "macos")]
mod signing {
    //! Signing with Apple's `codesign`.

    use std::ffi::{OsStr, OsString};
    use std::fs;
    use std::path::Path;
    use std::process::Command;

    use anyhow::ensure;

    use super::{Context as _, Entry, Result};

    /// The environment variable that names the identity in the keychain to sign with; ad hoc without it.
    const IDENTITY: &str = "MACOS_SIGNING_IDENTITY";

    pub fn application(target: &str, files: Vec<Entry>) -> Result<Vec<Entry>> {
        let folder = tempfile::tempdir()?;
        for file in &files {
            let path = folder.path().join(&file.path);
            fs::create_dir_all(path.parent().unwrap_or(folder.path()))?;
            fs::write(path, &file.content)?;
        }
        sign(&folder.path().join(target))?;
        let mut signed = Vec::new();
        read(&folder.path().join(target), target, &mut signed)?;
        for entry in &mut signed {
            entry.executable = files.iter().any(|file| file.path == entry.path && file.executable);
        }
        Ok(signed)
    }

    pub fn library(library: Entry) -> Result<Entry> {
        let folder = tempfile::tempdir()?;
        let path = folder.path().join("library.dylib");
        fs::write(&path, &library.content)?;
        sign(&path)?;
        Ok(Entry { content: fs::read(&path)?, ..library })
    }

    fn sign(path: &Path) -> Result<()> {
        let identity = std::env::var_os(IDENTITY).filter(|identity| !identity.is_empty());
        let mut command = Command::new("codesign");
        command.args(["--force", "--sign"]).arg(identity.clone().unwrap_or_else(|| OsString::from("-")));
        if identity.is_some() {
            // Notarization requires both.
            command.args(["--timestamp", "--options", "runtime"]);
        }
        let status = command.arg(path).status().context("codesign could not be started: xcode-select --install")?;
        ensure!(status.success(), "codesign could not sign {}", path.display());
        Ok(())
    }

    fn read(folder: &Path, name: &str, into: &mut Vec<Entry>) -> Result<()> {
        for entry in fs::read_dir(folder)? {
            let path = entry?.path();
            let name = format!("{name}/{}", path.file_name().unwrap_or(OsStr::new("")).to_string_lossy());
            if path.is_dir() {
                read(&path, &name, into)?;
            } else {
                into.push(Entry { path: name, content: fs::read(&path)?, executable: false });
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample_info() -> Vec<u8> {
        let config = PackageConfig {
            name: "N & M".to_owned(),
            uuid: "com.example.n".to_owned(),
            version: "7.8.9".to_owned(),
            ..PackageConfig::default()
        };
        let runtime = Runtime { minimum_version: "12".to_owned(), ..Runtime::default() };
        info(&config, &runtime).unwrap()
    }

    #[test]
    fn info_plist_does_not_contain_the_package_version() {
        assert!(!String::from_utf8_lossy(&sample_info()).contains("7.8.9"));
    }

    #[test]
    fn info_plist_has_the_keys_that_macos_needs() {
        let read = Value::from_reader(std::io::Cursor::new(sample_info())).unwrap().into_dictionary().unwrap();
        let text = |key: &str| read.get(key).and_then(Value::as_string).unwrap_or_default().to_owned();
        assert_eq!(text("CFBundleExecutable"), "package-runner");
        assert_eq!(text("CFBundleIdentifier"), "com.example.n.runner");
        assert_eq!(text("CFBundleDisplayName"), "N & M");
        assert_eq!(text("LSMinimumSystemVersion"), "12.0");
        assert_eq!(text("CFBundleVersion").split('.').count(), 3);
        assert_eq!(read.get("LSUIElement").and_then(Value::as_boolean), Some(true));
    }
}
