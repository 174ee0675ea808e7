//! Runs cargo and reports progress.

use std::ffi::OsStr;
use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result, ensure};
use xtask::dist::root;

/// A cargo profile.
#[derive(Clone, Copy)]
pub enum Profile {
    /// Compiles fast; for tests.
    Dev,
    /// Runs fast; for users.
    Release,
}

impl Profile {
    /// Returns the folder in which cargo puts the build output.
    pub fn folder(self) -> PathBuf {
        self.folder_for("")
    }

    /// Returns the folder in which cargo puts the build output for another target.
    pub fn folder_for(self, target: &str) -> PathBuf {
        let base = std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root().join("target"), PathBuf::from);
        base.join(target).join(match self {
            Self::Dev => "debug",
            Self::Release => "release",
        })
    }
}

/// Prints the name of the next step to stderr; stdout is for results.
pub fn step(name: &str) {
    eprintln!("==> {name}");
}

/// Runs `cargo build` in a profile.
pub fn build(profile: Profile, selection: &[&str]) -> Result<()> {
    let mut args = vec!["build"];
    if matches!(profile, Profile::Release) {
        args.push("--release");
    }
    args.extend(selection);
    cargo(&args)
}

/// Runs cargo in the repository.
pub fn cargo(args: &[&str]) -> Result<()> {
    cargo_with(args, &[])
}

/// Runs cargo in the repository with additional environment variables.
pub fn cargo_with(args: &[&str], environment: &[(&str, &OsStr)]) -> Result<()> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let status = Command::new(cargo)
        .args(args)
        .envs(environment.iter().copied())
        .current_dir(root())
        .status()
        .context("cargo could not be started")?;
    ensure!(status.success(), "cargo {} failed", args.join(" "));
    Ok(())
}
