//! The targets of `cargo xtask dist`, and whether this system can build for them.

use std::path::Path;
use std::process::Command;
use std::str::FromStr;

use anyhow::{Context, Error, Result, bail, ensure};

use crate::debian::on_path;

/// The two kinds of Mac.
pub const MACS: [&str; 2] = ["aarch64-apple-darwin", "x86_64-apple-darwin"];
/// Apple's name for a program that runs on both.
const UNIVERSAL: &str = "universal-apple-darwin";

/// A system and architecture to build for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    /// A target of rustc, such as `x86_64-pc-windows-gnu`.
    Rust(String),
    /// Both kinds of Mac in one program.
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
    /// Returns its name, which is also the name of its folder below cargo's `target`.
    #[must_use]
    pub fn name(&self) -> &str {
        match self {
            Self::Rust(name) => name,
            Self::UniversalMac => UNIVERSAL,
        }
    }

    /// Returns the platform's key in the package file.
    #[must_use]
    pub fn platform(&self) -> &'static str {
        match self {
            Self::Rust(name) => platform(name).unwrap_or("linux"),
            Self::UniversalMac => "mac",
        }
    }

    /// Returns the targets of rustc that it consists of.
    #[must_use]
    pub fn parts(&self) -> Vec<&str> {
        match self {
            Self::Rust(name) => vec![name],
            Self::UniversalMac => MACS.to_vec(),
        }
    }

    /// Checks that this system can build for it, so that a missing tool is reported before minutes of building.
    ///
    /// # Errors
    /// If it can't. The error names what to install.
    pub fn check(&self) -> Result<()> {
        for part in self.parts() {
            let linker = format!("CARGO_TARGET_{}_LINKER", part.to_uppercase().replace('-', "_"));
            let toolchain = Toolchain {
                system: std::env::consts::OS,
                architecture: std::env::consts::ARCH,
                has_std: has_std(part)?,
                names_linker: std::env::var_os(&linker).is_some(),
                on_path: &on_path,
            };
            if let Some(missing) = missing(part, &linker, &toolchain) {
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

/// The build tools of a system.
#[derive(Clone, Copy)]
struct Toolchain<'a> {
    system: &'a str,
    architecture: &'a str,
    /// Whether Rust's standard library for the target is installed.
    has_std: bool,
    /// Whether the environment names a linker for the target.
    names_linker: bool,
    on_path: &'a dyn Fn(&str) -> bool,
}

/// Returns what has to be done before a target can be built, or `None` if it can be built.
fn missing(target: &str, linker: &str, toolchain: &Toolchain<'_>) -> Option<String> {
    let architecture = target.split('-').next().unwrap_or_default();
    match platform(target) {
        Some("mac") if toolchain.system != "macos" => {
            return Some("programs for macOS are linked with Apple's tools; build on a Mac".to_owned());
        }
        Some("win") if target.ends_with("-msvc") && toolchain.system != "windows" && !toolchain.names_linker => {
            return Some(format!(
                "Microsoft's linker runs on Windows only; build there, or for {architecture}-pc-windows-gnu"
            ));
        }
        Some("win") if target.ends_with("-gnu") && toolchain.system != "windows" && !toolchain.names_linker => {
            let gcc = format!("{architecture}-w64-mingw32-gcc");
            if !(toolchain.on_path)(&gcc) {
                return Some(format!(
                    "{gcc} is missing. On Debian or Ubuntu: sudo apt-get install gcc-mingw-w64; on a Mac: brew \
                     install mingw-w64"
                ));
            }
        }
        Some("linux")
            if (toolchain.system != "linux" || architecture != toolchain.architecture) && !toolchain.names_linker =>
        {
            return Some(format!("name a linker for it in {linker}, or build on such a machine"));
        }
        _ => {}
    }
    (!toolchain.has_std).then(|| format!("Rust's standard library for it is missing: rustup target add {target}"))
}

/// Returns whether the compiler has the standard library of a target.
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
            // rustup's has a hash in its name.
            name.starts_with("libstd-") || name == "libstd.rlib"
        })
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn target_name_determines_the_platform() {
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
    }

    #[test]
    fn unsupported_target_names_are_rejected() {
        for name in ["", "windows", "aarch64-apple-ios", "x86_64-unknown-linux-musl", "x86_64-uwp-windows-msvc"] {
            assert!(name.parse::<Target>().is_err(), "{name}");
        }
    }

    #[test]
    fn missing_tools_are_named() {
        let linux = Toolchain {
            system: "linux",
            architecture: "x86_64",
            has_std: true,
            names_linker: false,
            on_path: &|_| false,
        };
        let missing = |target: &str, found: &Toolchain<'_>| missing(target, "THE_LINKER", found).unwrap_or_default();
        assert!(missing("x86_64-pc-windows-gnu", &linux).contains("install gcc-mingw-w64"));
        assert!(missing("x86_64-pc-windows-msvc", &linux).contains("x86_64-pc-windows-gnu"));
        assert!(missing("aarch64-apple-darwin", &linux).contains("build on a Mac"));
        assert!(missing("aarch64-unknown-linux-gnu", &linux).contains("THE_LINKER"));
        let mingw = |program: &str| program == "x86_64-w64-mingw32-gcc";
        let without_std = Toolchain { has_std: false, on_path: &mingw, ..linux };
        assert!(missing("x86_64-pc-windows-gnu", &without_std).ends_with("rustup target add x86_64-pc-windows-gnu"));
    }

    #[test]
    fn nothing_is_missing_where_the_tools_are_installed() {
        let linux = Toolchain {
            system: "linux",
            architecture: "x86_64",
            has_std: true,
            names_linker: false,
            on_path: &|_| false,
        };
        let mingw = |program: &str| program == "x86_64-w64-mingw32-gcc";
        for (target, toolchain) in [
            ("aarch64-unknown-linux-gnu", Toolchain { names_linker: true, ..linux }),
            ("x86_64-pc-windows-gnu", Toolchain { on_path: &mingw, ..linux }),
            ("x86_64-unknown-linux-gnu", linux),
            ("x86_64-apple-darwin", Toolchain { system: "macos", ..linux }),
            ("x86_64-pc-windows-gnu", Toolchain { system: "windows", ..linux }),
        ] {
            assert_eq!(missing(target, "THE_LINKER", &toolchain), None, "{target} on {}", toolchain.system);
        }
    }
}
