//! `package-runner`: what a host starts as a package's `bin` target. It finds the package library through the
//! PackageConfig.json beside itself, loads it through the stable ABI and runs it until the host goes away.
//!
//! Hosts of Creator Central's kind start a process with
//! `-port P -packageUUID U -registerEvent E -info JSON`. One runner serves every package written in Rust.
//!
//! Exit codes: 0 the host went away or asked it to end; 2 the command line is wrong; 3 no usable PackageConfig.json;
//! 4 the library can't be loaded; 5 the package refused to start; 6 the package failed while it ran, or ended although
//! its host hadn't asked it to. Each but 0 comes with one line on stderr. On Windows it is a program without a window; its
//! stderr goes where the host has it go.

#![cfg_attr(all(windows, not(test)), windows_subsystem = "windows")]

mod args;
mod ending;
mod host;
mod library;

use std::fmt;
use std::process::ExitCode;
use std::sync::atomic::Ordering;
use std::time::Duration;

use host_sdk::abi::{Library, LoadError, PackageError};

/// How often the runner looks whether its host still lives, or has asked it to end. A package shall be gone within 3 s of
/// its host.
const LOOK_EVERY: Duration = Duration::from_millis(250);

/// Why the runner ended, other than well.
enum Failure {
    Args(args::Error),
    Config(library::Error),
    Load(LoadError),
    Start(PackageError),
    Run(PackageError),
}

impl Failure {
    fn code(&self) -> u8 {
        match self {
            Self::Args(_) => 2,
            Self::Config(_) => 3,
            Self::Load(_) => 4,
            Self::Start(_) => 5,
            Self::Run(_) => 6,
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Args(error) => write!(f, "{error}"),
            Self::Config(error) => write!(f, "{error}"),
            Self::Load(error) => write!(f, "{error}"),
            Self::Start(error) => write!(f, "the package did not start: {error}"),
            Self::Run(error) => write!(f, "the package failed: {error}"),
        }
    }
}

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            // Not `eprintln!`: a host may have closed our stderr, and that mustn't be a panic.
            use std::io::Write as _;
            let _ = writeln!(std::io::stderr(), "package-runner: {failure}");
            ExitCode::from(failure.code())
        }
    }
}

fn run() -> Result<(), Failure> {
    // Before anything slow, so that a host that dies meanwhile is noticed.
    let mut host = host::Watch::new();
    let asked_to_end = ending::asked_for();
    host_sdk::abi::disable_error_dialogs();
    let args = args::parse(std::env::args_os().skip(1)).map_err(Failure::Args)?;
    let path = library::beside_this_program().map_err(Failure::Config)?;
    let library = Library::load(&path).map_err(Failure::Load)?;
    let running = library.start(&args).map_err(Failure::Start)?;
    loop {
        match running.wait(LOOK_EVERY) {
            Some(Ok(())) => return Ok(()),
            Some(Err(error)) => return Err(Failure::Run(error)),
            None if asked_to_end.load(Ordering::Relaxed) => return running.stop().map_err(Failure::Run),
            None if host.is_gone(args.port) => {
                let ended = running.stop().map_err(Failure::Run);
                host::end_what_is_left();
                return ended;
            }
            None => {}
        }
    }
}
