//! `cargo xtask`: the tasks of this repository. They run on any system and need nothing but Rust and git.

mod bench;
mod bundles;
mod demo;
mod run;

use anyhow::{Error, Result};
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
    /// Draw every face onto target/faces.png, and a selection onto the README's picture
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

/// The browser that tests and benchmarks control.
const BROWSER: [Needed; 2] = [
    Needed { any_of: &["chromium", "google-chrome", "chrome"], package: "chromium" },
    Needed { any_of: &["chromedriver"], package: "chromium-driver" },
];

/// The other programs that the acceptance tests start.
const TEST_PROGRAMS: [Needed; 7] = [
    Needed { any_of: &["firefox-esr", "firefox"], package: "firefox-esr" },
    Needed { any_of: &["dbus-run-session"], package: "dbus-daemon" },
    Needed { any_of: &["gnome-keyring-daemon"], package: "gnome-keyring" },
    // For axe-core, which the browser tests load.
    Needed { any_of: &["npm"], package: "npm" },
    // For the sample packages in other languages.
    Needed { any_of: &["node"], package: "nodejs" },
    Needed { any_of: &["python3"], package: "python3" },
    Needed { any_of: &["c++"], package: "g++" },
];

fn test() -> Result<()> {
    if cfg!(target_os = "linux") {
        step("looking for what the tests need");
        ensure(&BROWSER)?;
        ensure(&TEST_PROGRAMS)?;
    }
    step("formatting");
    cargo(&["fmt", "--all", "--check"])?;
    // Tests and the programs that they start in one build: with the same features, nothing is compiled twice.
    step("building");
    build(Profile::Dev, &["--workspace", "--all-targets"])?;
    // A library in another profile than the program that loads it.
    build(Profile::Release, &CLOCK_LIBRARY)?;
    step("testing");
    cargo(&["test", "--workspace", "--no-fail-fast"])?;
    step("clippy");
    clippy(&[])?;
    step("documentation");
    run::cargo_with(&["doc", "--workspace", "--no-deps"], &[("RUSTDOCFLAGS", "--deny warnings".as_ref())])?;
    check_other_targets()?;
    test_windows()
}

/// The clock example's library.
const CLOCK_LIBRARY: [&str; 4] = ["--package", "host-sdk", "--example", "clock"];

fn clippy(more: &[&str]) -> Result<()> {
    let all = ["clippy", "--workspace", "--all-targets"];
    cargo(&[&all[..], more, &["--", "--deny", "warnings"]].concat())
}

fn report_skipped(task: &str, missing: &Error) {
    eprintln!("==> {task} is left out: {missing:#}");
}

/// Runs clippy once for all other systems whose toolchain is installed here.
fn check_other_targets() -> Result<()> {
    let mut targets = Vec::new();
    for (target, is_host, available) in [
        (cross::MAC, cfg!(target_os = "macos"), cross::can_check_mac()),
        (cross::WINDOWS, cfg!(windows), cross::can_build_windows()),
    ] {
        match available {
            _ if is_host => {}
            Ok(()) => targets.extend(["--target", target]),
            Err(missing) => report_skipped(&format!("clippy for {target}"), &missing),
        }
    }
    if targets.is_empty() {
        return Ok(());
    }
    step("clippy for other systems");
    clippy(&targets)
}

/// Runs the unit tests under Wine, then the acceptance tests, which start the Windows programs from this system.
///
/// Skips both with a message if something that they need isn't installed.
fn test_windows() -> Result<()> {
    const TASK: &str = "testing the Windows build";
    if cfg!(windows) {
        return Ok(());
    }
    if let Err(missing) = cross::can_build_windows().and_then(|()| cross::has_wine()) {
        report_skipped(TASK, &missing);
        return Ok(());
    }
    let target = ["--target", cross::WINDOWS];
    let packages = [
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
    // Debug information isn't used here, and mingw's linker is slow with it.
    let environment =
        [("CARGO_PROFILE_DEV_DEBUG", "false".as_ref()), ("CARGO_TARGET_X86_64_PC_WINDOWS_GNU_RUNNER", "wine".as_ref())];
    step("building for Windows");
    run::cargo_with(
        &[&["build"], &target[..], &packages, &["--lib", "--bins", "--tests", "--examples"]].concat(),
        &environment,
    )?;
    build(Profile::Release, &[&target[..], &CLOCK_LIBRARY].concat())?;
    if let Err(missing) = cross::wine_can_run(&Profile::Dev.folder_for(cross::WINDOWS).join("package-runner.exe")) {
        report_skipped(TASK, &missing);
        return Ok(());
    }
    step("testing on Windows (Wine)");
    run::cargo_with(&[&["test"], &target[..], &packages].concat(), &environment)?;
    cargo(&["test", "--workspace", "--test", "windows", "--", "--ignored"])
}
