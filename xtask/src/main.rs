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

/// The browser that tests and benchmarks drive.
const BROWSER: [Needed; 2] = [
    Needed { any_of: &["chromium", "google-chrome", "chrome"], package: "chromium" },
    Needed { any_of: &["chromedriver"], package: "chromium-driver" },
];

/// What else the acceptance tests drive.
const TEST_PROGRAMS: [Needed; 7] = [
    Needed { any_of: &["firefox-esr", "firefox"], package: "firefox-esr" },
    Needed { any_of: &["dbus-run-session"], package: "dbus-daemon" },
    Needed { any_of: &["gnome-keyring-daemon"], package: "gnome-keyring" },
    // For axe-core, which the browser tests load.
    Needed { any_of: &["npm"], package: "npm" },
    // What sample packages in other languages are run and built with.
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
    check_for_others()?;
    match test_windows() {
        Ok(tested) => tested,
        Err(missing) => {
            left_out("testing the Windows build", &missing);
            Ok(())
        }
    }
}

/// The clock example's library.
const CLOCK_LIBRARY: [&str; 4] = ["--package", "host-sdk", "--example", "clock"];

fn clippy(more: &[&str]) -> Result<()> {
    let all = ["clippy", "--workspace", "--all-targets"];
    cargo(&[&all[..], more, &["--", "--deny", "warnings"]].concat())
}

fn left_out(what: &str, missing: &str) {
    eprintln!("==> {what} is left out: {missing}");
}

/// Checks the code for the systems that this one isn't, as far as that can be done here, in one go.
fn check_for_others() -> Result<()> {
    let mut targets = Vec::new();
    for (target, here, can) in [
        (cross::MAC, cfg!(target_os = "macos"), cross::can_check_mac()),
        (cross::WINDOWS, cfg!(windows), cross::can_build_windows()),
    ] {
        match can {
            _ if here => {}
            Ok(()) => targets.extend(["--target", target]),
            Err(missing) => left_out(&format!("clippy for {target}"), &missing),
        }
    }
    if targets.is_empty() {
        return Ok(());
    }
    step("clippy for other systems");
    clippy(&targets)
}

/// Runs the unit tests under Wine, then the acceptance tests, which drive what was built for Windows from this side.
///
/// # Errors
/// What is missing for it here.
fn test_windows() -> Result<Result<()>, String> {
    if cfg!(windows) {
        return Ok(Ok(()));
    }
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
    // Mingw's linker takes its time with what nobody looks at here.
    let environment =
        [("CARGO_PROFILE_DEV_DEBUG", "false".as_ref()), ("CARGO_TARGET_X86_64_PC_WINDOWS_GNU_RUNNER", "wine".as_ref())];
    step("building for Windows");
    let built = run::cargo_with(
        &[&["build"], &target[..], &what, &["--lib", "--bins", "--tests", "--examples"]].concat(),
        &environment,
    )
    .and_then(|()| build(Profile::Release, &[&target[..], &CLOCK_LIBRARY].concat()));
    if built.is_err() {
        return Ok(built);
    }
    cross::runs(&Profile::Dev.folder_for(cross::WINDOWS).join("package-runner.exe"))?;
    step("testing on Windows (Wine)");
    Ok(run::cargo_with(&[&["test"], &target[..], &what].concat(), &environment)
        .and_then(|()| cargo(&["test", "--workspace", "--test", "windows", "--", "--ignored"])))
}
