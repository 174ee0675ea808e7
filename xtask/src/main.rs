//! `cargo xtask`: what is done with this repository, on any system, with nothing but Rust and git at hand.

mod bench;
mod bundles;
mod demo;
mod run;

use anyhow::Result;
use clap::{Parser, Subcommand};
use run::{Profile, build, cargo, step};
use xtask::cross;
use xtask::debian::{Needed, ensure};
use xtask::dist::root;

#[derive(Parser)]
#[command(name = "cargo xtask", about = "Builds, packs, demonstrates and tests")]
struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Build everything, start the host and a simulated Spotify, ready to click
    Demo(demo::Options),
    /// Make dist/spotify-widgets.creatorCentral, for this system or others
    Dist(bundles::Options),
    /// Draw every face onto target/faces.png, to be looked at, and a choice of them onto the README's picture
    Faces,
    /// Measure: how fast, how many requests, how much processor time and memory
    Bench(bench::Options),
    /// Run every test and check
    Test,
}

fn main() -> Result<()> {
    match Args::parse().command {
        Command::Demo(options) => demo::run(&options),
        Command::Dist(options) => bundles::run(&options),
        Command::Faces => faces(),
        Command::Bench(options) => bench::run(&options),
        Command::Test => test(),
    }
}

fn faces() -> Result<()> {
    step("drawing the faces");
    let all = root().join("target/faces.png");
    let choice = root().join("docs/images/faces.png");
    run::cargo_with(
        &["test", "--package", "spotify-plugin", "--lib", "contact_sheet", "--", "--ignored"],
        &[("FACES", all.as_os_str()), ("FACES_README", choice.as_os_str())],
    )?;
    println!("{}\n{}", all.display(), choice.display());
    Ok(())
}

/// What the acceptance tests drive.
const TEST_PROGRAMS: [Needed; 4] = [
    Needed { any_of: &["chromium", "google-chrome", "chrome"], package: "chromium" },
    Needed { any_of: &["chromedriver"], package: "chromium-driver" },
    Needed { any_of: &["dbus-run-session"], package: "dbus-daemon" },
    Needed { any_of: &["gnome-keyring-daemon"], package: "gnome-keyring" },
];

fn test() -> Result<()> {
    if cfg!(target_os = "linux") {
        step("looking for what the tests need");
        ensure(&TEST_PROGRAMS)?;
    }
    step("formatting");
    cargo(&["fmt", "--all", "--check"])?;
    // Tests and what they drive in one build: the same features, so that nothing is compiled twice.
    step("building");
    build(Profile::Dev, &["--workspace", "--all-targets"])?;
    // A library that was built otherwise than what loads it.
    build(Profile::Release, &CLOCK_LIBRARY)?;
    step("testing");
    cargo(&["test", "--workspace", "--no-fail-fast"])?;
    step("clippy");
    clippy(&[])?;
    step("documentation");
    run::cargo_with(&["doc", "--workspace", "--no-deps"], &[("RUSTDOCFLAGS", "--deny warnings".as_ref())])?;
    if !cfg!(target_os = "macos") {
        or_left_out("the check for macOS", cross::can_check_mac().map(|()| clippy_for(cross::MAC)))?;
    }
    if !cfg!(windows) {
        or_left_out("the check for Windows", cross::can_build_windows().map(|()| clippy_for(cross::WINDOWS)))?;
        or_left_out("the tests of the Windows build", test_windows())?;
    }
    Ok(())
}

/// The clock example's library.
const CLOCK_LIBRARY: [&str; 4] = ["--package", "host-sdk", "--example", "clock"];

fn clippy(more: &[&str]) -> Result<()> {
    let all = ["clippy", "--workspace", "--all-targets"];
    cargo(&[&all[..], more, &["--", "--deny", "warnings"]].concat())
}

/// What became of something that not every machine can do: what is missing, or whether it went well.
type Optional = Result<Result<()>, String>;

fn or_left_out(what: &str, done: Optional) -> Result<()> {
    done.unwrap_or_else(|missing| {
        eprintln!("==> {what} is left out: {missing}");
        Ok(())
    })
}

fn clippy_for(target: &str) -> Result<()> {
    step(&format!("clippy for {target}"));
    clippy(&["--target", target])
}

/// Runs the unit tests under Wine, then the acceptance tests, which drive what was built for Windows from this side.
fn test_windows() -> Optional {
    cross::can_build_windows()?;
    cross::has_wine()?;
    let target = ["--target", cross::WINDOWS];
    let what = [
        "--package",
        "host-sdk",
        "--package",
        "package-runner",
        "--package",
        "creator-deck",
        "--package",
        "spotify-plugin",
        "--features",
        "host-sdk/bundle",
    ];
    step("building for Windows");
    let built = build(Profile::Dev, &[&target[..], &what, &["--all-targets"]].concat())
        .and_then(|()| build(Profile::Release, &[&target[..], &CLOCK_LIBRARY].concat()));
    if built.is_err() {
        return Ok(built);
    }
    cross::runs(&Profile::Dev.folder_for(cross::WINDOWS).join("package-runner.exe"))?;
    step("testing on Windows (Wine)");
    Ok(run::cargo_with(
        &[&["test"], &target[..], &what].concat(),
        &[("CARGO_TARGET_X86_64_PC_WINDOWS_GNU_RUNNER", "wine".as_ref())],
    )
    .and_then(|()| cargo(&["test", "--workspace", "--test", "windows", "--", "--ignored"])))
}
