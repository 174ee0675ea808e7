//! Checks whether this machine can build, check and run code for the other systems that the package supports.
//!
//! None of it is required: `cargo xtask test` skips what can't be done here, with one line that names what to install.

use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context as _, Result, bail, ensure};

use crate::debian::on_path;
use crate::target::{Target, has_std};

/// The target for Windows that builds on any system.
pub const WINDOWS: &str = "x86_64-pc-windows-gnu";
/// The target of Macs with Apple silicon.
pub const MAC: &str = "aarch64-apple-darwin";

/// Checks that Rust can check and build code for Windows here.
///
/// # Errors
/// Names what is missing and how to install it.
pub fn can_build_windows() -> Result<()> {
    Target::Rust(WINDOWS.to_owned()).check()
}

/// Checks that Rust can check code for macOS here. Only a Mac can link it.
///
/// # Errors
/// Names what is missing and how to install it.
pub fn can_check_mac() -> Result<()> {
    if !has_std(MAC).unwrap_or(false) {
        bail!("Rust's standard library for it is missing: rustup target add {MAC}");
    }
    // Build scripts compile C for the target.
    let variable = format!("CC_{}", MAC.replace('-', "_"));
    ensure!(std::env::var_os(&variable).is_some(), "{variable} names no C compiler for it");
    Ok(())
}

/// Checks that Wine is installed.
///
/// # Errors
/// Describes how to install it.
pub fn has_wine() -> Result<()> {
    ensure!(on_path("wine"), "Wine is missing: sudo apt-get install wine");
    Ok(())
}

/// Checks that Wine can run programs that Rust has built, by starting the runner: without arguments it exits with code 2.
///
/// # Errors
/// Describes what to install or set if Wine can't.
pub fn wine_can_run(runner: &Path) -> Result<()> {
    let output = Command::new("wine").arg(runner).stdin(Stdio::null()).output().context("Wine can't be started")?;
    let code = output.status.code();
    ensure!(
        code == Some(2),
        "Wine runs no program that Rust has built (exit code {code:?}); take Wine 9 or newer, or a prefix, named by \
         WINEPREFIX, that has a bcryptprimitives.dll"
    );
    Ok(())
}
