//! What `cargo xtask dist` can build for, and whether this system can.

use std::path::Path;
use std::process::Command;
use std::str::FromStr;

use anyhow::{Context, Error, Result, bail, ensure};

use crate::debian::on_path;

/// The two kinds of Mac.
pub const MACS: [&str; 2] = ["aarch64-apple-darwin", "x86_64-apple-darwin"];
/// Apple's name for a program that runs on both.
const UNIVERSAL: &str = "universal-apple-darwin";

/// Something to build for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    /// A target of Rust's, such as `x86_64-pc-windows-gnu`.
    Rust(String),
    /// Both kinds of Mac in one.
    UniversalMac,
}

impl FromStr for Target {
    type Err = Error;

    fn from_str(name: &str) -> Result<Self> {
        if name == UNIVERSAL {
            return Ok(Self::UniversalMac);
        }
        ensure!(
            platform(name).is_some(),
            "a package runs on Windows, macOS or Linux with glibc; its targets are named like x86_64-pc-windows-msvc, \
             x86_64-pc-windows-gnu, {UNIVERSAL} or x86_64-unknown-linux-gnu"
        );
        Ok(Self::Rust(name.to_owned()))
    }
}

impl Target {
    /// Its name, and that of the folder below `target` in which its things lie.
    #[must_use]
    pub fn name(&self) -> &str {
        match self {
            Self::Rust(name) => name,
            Self::UniversalMac => UNIVERSAL,
        }
    }

    /// The platform's key in the package file.
    #[must_use]
    pub fn platform(&self) -> &'static str {
        match self {
            Self::Rust(name) => platform(name).unwrap_or("linux"),
            Self::UniversalMac => "mac",
        }
    }

    /// The targets of Rust's that it is made of.
    #[must_use]
    pub fn parts(&self) -> Vec<&str> {
        match self {
            Self::Rust(name) => vec![name],
            Self::UniversalMac => MACS.to_vec(),
        }
    }

    /// Makes sure that this system can build for it, before minutes are spent on trying.
    ///
    /// # Errors
    /// If it can't. Says what to install.
    pub fn check(&self) -> Result<()> {
        for part in self.parts() {
            let linker = format!("CARGO_TARGET_{}_LINKER", part.to_uppercase().replace('-', "_"));
            let found = Found {
                system: std::env::consts::OS,
                architecture: std::env::consts::ARCH,
                has_std: has_std(part)?,
                names_linker: std::env::var_os(&linker).is_some(),
                on_path: &on_path,
            };
            if let Some(missing) = missing(part, &linker, &found) {
                bail!("{part} can't be built here: {missing}");
            }
        }
        Ok(())
    }
}

fn platform(target: &str) -> Option<&'static str> {
    if target.contains("-pc-windows-") {
        Some("win")
    } else if target.ends_with("-apple-darwin") {
        Some("mac")
    } else if target.contains("-linux-gnu") {
        Some("linux")
    } else {
        None
    }
}

/// What there is on a system.
struct Found<'a> {
    system: &'a str,
    architecture: &'a str,
    /// Whether Rust's standard library for the target is installed.
    has_std: bool,
    /// Whether the environment names a linker for the target.
    names_linker: bool,
    on_path: &'a dyn Fn(&str) -> bool,
}

/// What has to be done before a target can be built; none if nothing.
fn missing(target: &str, linker: &str, found: &Found<'_>) -> Option<String> {
    let architecture = target.split('-').next().unwrap_or_default();
    match platform(target) {
        Some("mac") if found.system != "macos" => {
            return Some("programs for macOS are linked with Apple's tools; build on a Mac".to_owned());
        }
        Some("win") if target.ends_with("-msvc") && found.system != "windows" && !found.names_linker => {
            return Some(format!(
                "Microsoft's linker runs on Windows only; build there, or for {architecture}-pc-windows-gnu"
            ));
        }
        Some("win") if target.ends_with("-gnu") && found.system != "windows" && !found.names_linker => {
            let gcc = format!("{architecture}-w64-mingw32-gcc");
            if !(found.on_path)(&gcc) {
                return Some(format!(
                    "{gcc} is missing. On Debian or Ubuntu: sudo apt-get install gcc-mingw-w64; on a Mac: brew \
                     install mingw-w64"
                ));
            }
        }
        Some("linux") if (found.system != "linux" || architecture != found.architecture) && !found.names_linker => {
            return Some(format!("name a linker for it in {linker}, or build on such a machine"));
        }
        _ => {}
    }
    (!found.has_std).then(|| format!("Rust's standard library for it is missing: rustup target add {target}"))
}

/// Whether the compiler has the standard library of a target.
///
/// # Errors
/// If the compiler can't be started, or doesn't know the target.
pub fn has_std(target: &str) -> Result<bool> {
    let rustc = std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let output = Command::new(rustc)
        .args(["--print", "target-libdir", "--target", target])
        .output()
        .context("rustc could not be started")?;
    ensure!(output.status.success(), "rustc does not know the target {target}; rustc --print target-list has them all");
    let folder = String::from_utf8_lossy(&output.stdout).trim().to_owned();
    Ok(std::fs::read_dir(Path::new(&folder)).is_ok_and(|mut files| {
        files.any(|file| {
            let name = file.map(|file| file.file_name().to_string_lossy().into_owned()).unwrap_or_default();
            // With a hash where it comes from rustup.
            name.starts_with("libstd-") || name == "libstd.rlib"
        })
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn targets_are_told_by_their_names() {
        for (name, platform) in [
            ("x86_64-pc-windows-msvc", "win"),
            ("aarch64-pc-windows-gnullvm", "win"),
            ("aarch64-apple-darwin", "mac"),
            ("universal-apple-darwin", "mac"),
            ("aarch64-unknown-linux-gnu", "linux"),
        ] {
            let target: Target = name.parse().unwrap();
            assert_eq!((target.name(), target.platform()), (name, platform));
        }
        assert_eq!(Target::UniversalMac.parts(), MACS);
        for name in ["", "windows", "aarch64-apple-ios", "x86_64-unknown-linux-musl", "x86_64-uwp-windows-msvc"] {
            assert!(name.parse::<Target>().is_err(), "{name}");
        }
    }

    #[test]
    fn what_is_missing_is_said_with_what_to_install() {
        let nothing = |_: &str| false;
        let mingw = |program: &str| program == "x86_64-w64-mingw32-gcc";
        let linux =
            Found { system: "linux", architecture: "x86_64", has_std: true, names_linker: false, on_path: &nothing };
        let says = |target: &str, found: &Found<'_>| missing(target, "THE_LINKER", found).unwrap_or_default();
        assert!(says("x86_64-pc-windows-gnu", &linux).contains("install gcc-mingw-w64"));
        assert!(says("x86_64-pc-windows-msvc", &linux).contains("x86_64-pc-windows-gnu"));
        assert!(says("aarch64-apple-darwin", &linux).contains("build on a Mac"));
        assert!(says("aarch64-unknown-linux-gnu", &linux).contains("THE_LINKER"));
        assert_eq!(says("aarch64-unknown-linux-gnu", &Found { names_linker: true, ..linux }), "");
        assert_eq!(says("x86_64-pc-windows-gnu", &Found { on_path: &mingw, ..linux }), "");
        assert_eq!(says("x86_64-unknown-linux-gnu", &linux), "");
        let bare = Found { has_std: false, on_path: &mingw, ..linux };
        assert!(says("x86_64-pc-windows-gnu", &bare).ends_with("rustup target add x86_64-pc-windows-gnu"));
        assert_eq!(says("x86_64-apple-darwin", &Found { system: "macos", ..linux }), "");
        assert_eq!(says("x86_64-pc-windows-gnu", &Found { system: "windows", ..linux }), "");
    }
}
