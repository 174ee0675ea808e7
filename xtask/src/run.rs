//! Starting cargo, and saying what goes on.

use std::ffi::OsStr;
use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result, ensure};
use xtask::dist::root;

/// A cargo profile.
#[derive(Clone, Copy)]
pub enum Profile {
    /// For tests: built fast.
    Dev,
    /// For users: runs fast.
    Release,
}

impl Profile {
    /// Where cargo puts what it builds.
    pub fn folder(self) -> PathBuf {
        self.folder_for("")
    }

    /// Where cargo puts what it builds for another target.
    pub fn folder_for(self, target: &str) -> PathBuf {
        let all = std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root().join("target"), PathBuf::from);
        all.join(target).join(match self {
            Self::Dev => "debug",
            Self::Release => "release",
        })
    }
}

/// Says what comes next, on stderr: stdout is for results.
pub fn step(what: &str) {
    eprintln!("==> {what}");
}

/// Builds something.
pub fn build(profile: Profile, what: &[&str]) -> Result<()> {
    let mut args = vec!["build"];
    if matches!(profile, Profile::Release) {
        args.push("--release");
    }
    args.extend(what);
    cargo(&args)
}

/// Runs cargo in the repository.
pub fn cargo(args: &[&str]) -> Result<()> {
    cargo_with(args, &[])
}

/// Runs cargo in the repository with more in its environment.
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
