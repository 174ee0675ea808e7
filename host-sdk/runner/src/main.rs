//! `package-runner`: the program that a host starts as the `bin` target of a package written in Rust. It finds the package library
//! in the PackageConfig.json beside itself, loads it through the stable ABI and runs it until the host ends.
//!
//! Hosts start it with `-port P -packageUUID U -registerEvent E -info JSON`.
//!
//! Exit codes: 0 the host has ended or has asked the package to end; 2 the command line is wrong; 3 no usable PackageConfig.json;
//! 4 the library can't be loaded; 5 the package refused to start; 6 the package failed while running, or ended without being
//! asked to. With every code but 0 it writes a line to stderr. On Windows it has no window, and the host redirects its stderr.

#![cfg_attr(all(windows, not(test)), windows_subsystem = "windows")]

mod args;
mod ending;
mod host;
mod library;

use std::process::ExitCode;
use std::sync::atomic::Ordering;
use std::time::Duration;

use host_sdk::abi::{Library, LoadError, PackageError};

/// How often the runner checks whether its host is running and whether it was asked to end. A package has to end within 3 s of
/// its host.
const CHECK_INTERVAL: Duration = Duration::from_millis(250);

/// Why the runner ends with another exit code than 0.
#[derive(Debug, thiserror::Error)]
enum Failure {
    #[error(transparent)]
    Args(#[from] args::Error),
    #[error(transparent)]
    Config(#[from] library::Error),
    #[error(transparent)]
    Load(#[from] LoadError),
    #[error("the package did not start: {0}")]
    Start(PackageError),
    #[error("the package failed: {0}")]
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

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            // Not `eprintln!`, which panics if the host has closed stderr.
            use std::io::Write as _;
            let _ = writeln!(std::io::stderr(), "package-runner: {failure}");
            ExitCode::from(failure.code())
        }
    }
}

fn run() -> Result<(), Failure> {
    // First, so that a host that ends while the library is loaded is noticed.
    let mut host = host::Watch::new();
    let asked_to_end = ending::listen();
    host_sdk::abi::disable_error_dialogs();
    let args = args::parse(std::env::args_os().skip(1))?;
    let path = library::beside_this_program()?;
    let library = Library::load(&path)?;
    let running = library.start(&args).map_err(Failure::Start)?;
    loop {
        match running.wait(CHECK_INTERVAL) {
            Some(Ok(())) => return Ok(()),
            Some(Err(error)) => return Err(Failure::Run(error)),
            None if asked_to_end.load(Ordering::Relaxed) => return running.stop().map_err(Failure::Run),
            None if host.is_gone(args.port) => {
                let ended = running.stop().map_err(Failure::Run);
                host::kill_process_group();
                return ended;
            }
            None => {}
        }
    }
}
