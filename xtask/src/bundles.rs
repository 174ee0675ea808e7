//! `cargo xtask dist`: builds the package for one or several systems, packs it, and inspects the bundle.

use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail, ensure};
use clap::Args;
use host_sdk::manifest::PLATFORM;
use xtask::dist::{self, root};
use xtask::inspect;
use xtask::target::{MACS, Target};

use crate::run::{Profile, cargo_with, step};

/// The oldest supported macOS, as in manifest.json.
const OLDEST_MACOS: &str = "12.0";
/// The cargo profile of released bundles.
const PROFILE: &str = "dist";

/// Options of `cargo xtask dist`.
#[derive(Args)]
pub struct Options {
    /// Build for this target of Rust instead of this machine, or for universal-apple-darwin, which is both kinds of Mac.
    /// Several targets make one bundle for all of them
    #[arg(long, value_name = "TARGET", num_args = 1..)]
    target: Vec<Target>,
    /// Build nothing, but join bundles that were built on different machines
    #[arg(long, value_name = "BUNDLE", num_args = 1.., conflicts_with = "target")]
    join: Vec<PathBuf>,
}

/// Makes the bundle and prints its size.
pub fn run(options: &Options) -> Result<()> {
    let into = root().join("dist");
    let bundle = if !options.join.is_empty() {
        step("joining the bundles");
        dist::join(dist::SPOTIFY, &options.join, &into)?
    } else {
        let built = build(&options.target)?;
        step("packing the bundle");
        let built: Vec<_> = built.iter().map(|(platform, folder)| (*platform, folder.as_path())).collect();
        dist::make(dist::SPOTIFY, &built, &into)?
    };
    step("inspecting the bundle");
    let parts = inspect::bundle(&bundle)?;
    let megabytes = |bytes: u64| bytes as f64 / 1e6;
    println!("{} ({:.1} MB)", bundle.display(), megabytes(fs::metadata(&bundle)?.len()));
    for part in &parts {
        let universal = if part.processors > 1 { " for both processors" } else { "" };
        println!("    {:<6} {:.1} MB{universal}", part.platform, megabytes(part.packed));
    }
    if let Some(part) = parts.iter().find(|part| part.is_too_large()) {
        let limit = megabytes(inspect::MAX_PACKED);
        bail!("its part for {} is larger than {limit:.0} MB for each processor", part.platform);
    }
    Ok(())
}

/// Builds for every target and returns each platform with the folder of its build output.
fn build(targets: &[Target]) -> Result<Vec<(&'static str, PathBuf)>> {
    for (n, target) in targets.iter().enumerate() {
        ensure!(
            targets[..n].iter().all(|other| other.platform() != target.platform()),
            "a bundle carries one target of a platform, and {} is not the only one for {}",
            target.name(),
            target.platform()
        );
        target.check()?;
    }
    if targets.is_empty() {
        step("building the package");
        cargo(&[])?;
        return Ok(vec![(PLATFORM, target_folder().join(PROFILE))]);
    }
    let mut built = Vec::new();
    for target in targets {
        for part in target.parts() {
            step(&format!("building the package for {part}"));
            cargo(&["--target", part])?;
        }
        let folder = folder(target.name());
        if *target == Target::UniversalMac {
            step("joining what was built for both kinds of Mac");
            fs::create_dir_all(&folder)?;
            for file in ["package-runner", "libspotify_plugin.dylib"] {
                lipo(file, &folder)?;
            }
        }
        built.push((target.platform(), folder));
    }
    Ok(built)
}

/// Returns the folder in which cargo puts all build output.
fn target_folder() -> PathBuf {
    let profile = Profile::Release.folder();
    profile.parent().map_or_else(|| root().join("target"), Path::to_owned)
}

/// Returns the folder in which cargo puts the build output for a target.
fn folder(target: &str) -> PathBuf {
    target_folder().join(target).join(PROFILE)
}

/// Builds the runner, then the library: in separate builds, so that neither gets features that only the other needs.
fn cargo(target: &[&str]) -> Result<()> {
    let environment = [("MACOSX_DEPLOYMENT_TARGET", OsStr::new(OLDEST_MACOS))];
    let runner = ["build", "--package", "package-runner"];
    // As a cdylib alone: if a Rust library is built with it, as for the tests, the compiler doesn't optimise across crates.
    let library = ["rustc", "--package", "spotify-plugin", "--lib", "--crate-type", "cdylib"];
    for command in [&runner[..], &library[..]] {
        cargo_with(&[command, &["--profile", PROFILE, "--locked"], target].concat(), &environment)?;
    }
    Ok(())
}

/// Joins a file that was built for each kind of Mac, with Apple's `lipo`.
fn lipo(file: &str, into: &Path) -> Result<()> {
    let status = Command::new("lipo")
        .arg("-create")
        .args(MACS.map(|target| folder(target).join(file)))
        .arg("-output")
        .arg(into.join(file))
        .status()
        .context("lipo could not be started: xcode-select --install")?;
    ensure!(status.success(), "lipo could not join {file}");
    Ok(())
}
