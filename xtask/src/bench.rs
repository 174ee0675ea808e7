//! The figures: what the package and the deck cost and how fast they are, as docs/BENCHMARKS.md explains them. Nothing here
//! passes or fails.

use anyhow::Result;
use clap::Args;
use xtask::debian::ensure;

use crate::run::{Profile, build, cargo, step};

/// What `cargo xtask bench` takes.
#[derive(Args)]
pub struct Options {
    /// Measure what the tests use, which is built at once and slower
    #[arg(long)]
    dev: bool,
}

/// Builds the package as users get it, then measures.
pub fn run(options: &Options) -> Result<()> {
    let (profile, name) = if options.dev { (Profile::Dev, "dev") } else { (Profile::Release, "release") };
    let figures = ["bench", "--profile", name, "--package", "acceptance-tests", "--bench", "figures"];
    let faces = ["bench", "--profile", name, "--package", "spotify-plugin", "--bench", "faces"];
    let day = ["bench", "--profile", name, "--package", "spotify-plugin", "--bench", "day"];
    if cfg!(target_os = "linux") {
        step("looking for the browser that looks at the deck");
        ensure(&crate::BROWSER)?;
    }
    step("building what measures");
    cargo(&[&figures[..], &["--no-run"]].concat())?;
    cargo(&[&faces[..], &["--no-run"]].concat())?;
    cargo(&[&day[..], &["--no-run"]].concat())?;
    // Last, so that what is measured is what users get: with benchmarks, dependencies have features for tests.
    step("building the package and the deck");
    build(profile, &["--package", "spotify-plugin", "--package", "package-runner", "--package", "creator-deck"])?;
    step("measuring (about four minutes)");
    cargo(&figures)?;
    println!();
    step("measuring how faces are drawn");
    cargo(&faces)?;
    println!();
    step("listening for a day (two minutes)");
    cargo(&day)
}
