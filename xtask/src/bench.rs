//! `cargo xtask bench`: measures the speed and the resource use of the package and the deck, as docs/BENCHMARKS.md explains.
//! Nothing here passes or fails.

use anyhow::Result;
use clap::Args;
use xtask::debian::ensure;

use crate::run::{Profile, build, cargo, step};

/// Options of `cargo xtask bench`.
#[derive(Args)]
pub struct Options {
    /// Measure the build of the tests, which is available sooner but runs slower
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
        step("looking for the browser that opens the deck's page");
        ensure(&crate::BROWSER)?;
    }
    step("building the benchmarks");
    cargo(&[&figures[..], &["--no-run"]].concat())?;
    cargo(&[&faces[..], &["--no-run"]].concat())?;
    cargo(&[&day[..], &["--no-run"]].concat())?;
    // Last, so that the measured programs are those that users get: benchmarks give dependencies features for tests.
    step("building the package and the deck");
    build(profile, &["--package", "spotify-plugin", "--package", "package-runner", "--package", "creator-deck"])?;
    step("measuring (about four minutes)");
    cargo(&figures)?;
    println!();
    step("measuring how long faces take to draw");
    cargo(&faces)?;
    println!();
    step("simulating a day of listening (two minutes)");
    cargo(&day)
}
