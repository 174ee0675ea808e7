//! Checks for programs that a command needs in addition to Rust, and installs them if we may.

use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Result, bail};

/// A program and the Debian package that contains it.
pub struct Needed {
    /// Names or absolute paths of which one must be on the PATH or exist.
    pub any_of: &'static [&'static str],
    /// The Debian package.
    pub package: &'static str,
}

/// Ensures that all these programs are installed: as root on Debian it installs what is missing, elsewhere it fails with a
/// message that names the packages.
///
/// # Errors
/// If something is missing and can't be installed from here.
pub fn ensure(needed: &[Needed]) -> Result<()> {
    let missing: Vec<_> = needed.iter().filter(|needed| !is_installed(needed)).map(|needed| needed.package).collect();
    if missing.is_empty() {
        return Ok(());
    }
    let list = missing.join(" ");
    if !(is_root() && on_path("apt-get")) {
        bail!("these are missing: {list}. On Debian or Ubuntu: sudo apt-get install {list}");
    }
    eprintln!("==> installing {list}");
    apt(&["update"])?;
    let mut install = vec!["install", "--yes", "--no-install-recommends"];
    install.extend(&missing);
    apt(&install)
}

fn apt(args: &[&str]) -> Result<()> {
    let output = Command::new("apt-get")
        .args(["--quiet", "--quiet", "--option", "DPkg::Lock::Timeout=300"])
        .args(args)
        .env("DEBIAN_FRONTEND", "noninteractive")
        .stdin(Stdio::null())
        .output()?;
    if !output.status.success() {
        bail!("apt-get {} failed:\n{}", args.join(" "), String::from_utf8_lossy(&output.stderr));
    }
    Ok(())
}

fn is_installed(needed: &Needed) -> bool {
    needed
        .any_of
        .iter()
        .any(|program| Path::new(program).is_absolute() && Path::new(program).exists() || on_path(program))
}

/// Returns whether a program is on the PATH.
#[must_use]
pub fn on_path(program: &str) -> bool {
    let program = format!("{program}{}", std::env::consts::EXE_SUFFIX);
    std::env::var_os("PATH")
        .is_some_and(|path| std::env::split_paths(&path).any(|folder| folder.join(&program).is_file()))
}

fn is_root() -> bool {
    let id = Command::new("id").arg("-u").output();
    id.is_ok_and(|output| output.stdout.trim_ascii() == b"0")
}
