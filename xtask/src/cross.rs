//! The systems that the package is for but that this machine is not: what is there to build, check and run for them.
//!
//! Nothing of it is required: what can't be done here is left out, and one line says so and what to install.

use std::path::Path;
use std::process::{Command, Stdio};

use crate::debian::on_path;
use crate::target::{Target, has_std};

/// The target for Windows that builds on any system.
pub const WINDOWS: &str = "x86_64-pc-windows-gnu";
/// The target of today's Macs.
pub const MAC: &str = "aarch64-apple-darwin";

/// Whether Rust can check code for Windows here, and build it.
///
/// # Errors
/// What is missing, and how to get it.
pub fn can_build_windows() -> Result<(), String> {
    Target::Rust(WINDOWS.to_owned()).check().map_err(|error| error.to_string())
}

/// Whether Rust can check code for macOS here. Elsewhere than on a Mac nothing can be linked for it.
///
/// # Errors
/// What is missing, and how to get it.
pub fn can_check_mac() -> Result<(), String> {
    if !has_std(MAC).unwrap_or(false) {
        return Err(format!("Rust's standard library for it is missing: rustup target add {MAC}"));
    }
    // Build scripts compile C for the target.
    let variable = format!("CC_{}", MAC.replace('-', "_"));
    if std::env::var_os(&variable).is_none() {
        return Err(format!("{variable} names no C compiler for it"));
    }
    Ok(())
}

/// Whether Wine is there.
///
/// # Errors
/// How to get it.
pub fn has_wine() -> Result<(), String> {
    if on_path("wine") { Ok(()) } else { Err("Wine is missing: sudo apt-get install wine".to_owned()) }
}

/// Whether Wine can run what Rust builds, tried out with the runner: without arguments it ends with the exit code 2.
///
/// # Errors
/// What to do about it.
pub fn runs(runner: &Path) -> Result<(), String> {
    let ran = Command::new("wine").arg(runner).stdin(Stdio::null()).output();
    match ran.map(|output| output.status.code()) {
        Ok(Some(2)) => Ok(()),
        Ok(code) => Err(format!(
            "Wine runs no program that Rust has built (exit code {code:?}); take Wine 9 or newer, or a prefix, named by \
             WINEPREFIX, that has a bcryptprimitives.dll"
        )),
        Err(error) => Err(format!("Wine can't be started: {error}")),
    }
}
