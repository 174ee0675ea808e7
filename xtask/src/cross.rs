//! The systems that the package is for but that this machine is not: what is there to build, check and run for them.
//!
//! Nothing of it is required: what can't be done here is left out, and one line says so and what to install.

use std::path::Path;
use std::process::{Command, Stdio};

use crate::debian::on_path;
use crate::target::has_std;

/// The target for Windows that builds on any system.
pub const WINDOWS: &str = "x86_64-pc-windows-gnu";
/// The target of today's Macs.
pub const MAC: &str = "aarch64-apple-darwin";

/// Whether Rust can check code for a target here.
///
/// # Errors
/// What is missing, and how to get it.
pub fn can_check(target: &str) -> Result<(), String> {
    if !has_std(target).unwrap_or(false) {
        return Err(format!("Rust's standard library for {target} is missing: rustup target add {target}"));
    }
    // Build scripts compile C for the target.
    if target == WINDOWS && !cfg!(windows) && !on_path("x86_64-w64-mingw32-gcc") {
        return Err("the mingw compiler is missing: sudo apt-get install gcc-mingw-w64-x86-64".to_owned());
    }
    let variable = format!("CC_{}", target.replace('-', "_"));
    if target == MAC && !cfg!(target_os = "macos") && std::env::var_os(&variable).is_none() {
        return Err(format!("{variable} names no C compiler for macOS"));
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
