//! Chooses what of a package runs on this system: what it declares for this platform, else what it declares for another
//! one if that runs here as well: a page, a script, or a program for this system under the wrong key.

use std::env::consts::{ARCH, EXE_SUFFIX, OS};
use std::path::{Path, PathBuf};

use host_sdk::bundle::check::{Form, START};
use host_sdk::manifest::{self, PLATFORM, PackageConfig, Runtime};

/// The program that runs JavaScript.
const NODE: &str = "node";

/// What to run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Choice {
    /// The platform that it is declared for.
    pub platform: String,
    /// The page or program; relative to the package's folder.
    pub target: String,
    /// How it is run.
    pub method: RunMethod,
}

/// How something is run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RunMethod {
    /// In a hidden frame of the deck's page.
    Page,
    /// As a program.
    Program,
    /// By another program, which receives it as its first argument.
    Interpreter(PathBuf),
}

/// Why nothing of a package runs on this system, in sentences for the user.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unsupported {
    /// The runtime for this platform is of a type that no host knows.
    #[error("This package's runtime is of the type {0:?}, which is neither bin nor web.")]
    UnknownType(String),
    /// The file for this platform is missing.
    #[error("{0} is missing in the package's folder. Install the package again.")]
    MissingFile(String),
    /// The package declares nothing for this platform, and nothing of what it declares for others runs here.
    #[error(
        "This package has nothing for {here}, only for {}. Get a version of it for {here}.",
        list(.0),
        here = system_name(PLATFORM)
    )]
    OtherPlatforms(Vec<(String, Mismatch)>),
}

/// Lists the systems that a package is for, each with why that doesn't run here.
fn list(mismatches: &[(String, Mismatch)]) -> String {
    let systems: Vec<_> =
        mismatches.iter().map(|(platform, why)| format!("{} ({why})", system_name(platform))).collect();
    if systems.is_empty() { "no system at all".to_owned() } else { systems.join(" and ") }
}

/// Why a declared runtime doesn't run on this system, as part of a sentence.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Mismatch {
    /// Its type is neither `bin` nor `web`.
    #[error("its type is {0:?}")]
    UnknownType(String),
    /// There is no such file.
    #[error("{0} is missing")]
    MissingFile(String),
    /// It is a macOS application.
    #[error("{0} is an application for macOS")]
    Application(String),
    /// Its file doesn't run here.
    #[error("{target} is {source}")]
    Program {
        /// The file, relative to the package's folder.
        target: String,
        /// What it is instead.
        source: OtherProgram,
    },
}

/// What a file is that doesn't run here.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum OtherProgram {
    /// A program for this system, but for another processor.
    #[error("for another processor")]
    Processor,
    /// A script whose interpreter isn't installed.
    #[error("a script for {0}, which isn't on this system")]
    Interpreter(String),
    /// A script for Node.js, which isn't installed.
    #[error("a script for Node.js, which isn't on the PATH")]
    Node,
    /// A batch file.
    #[error("a script for Windows")]
    Batch,
    /// A script, which only Unix runs.
    #[error("a script for other systems")]
    Script,
    /// Something else, by its first bytes.
    #[error("{}", .0.words())]
    Form(Form),
}

/// How to look up what the choice depends on.
pub struct Lookup<'a> {
    /// Returns the first [`START`] bytes of a file of the package, or all if it is shorter; none if there is no such file.
    pub start_of: &'a dyn Fn(&str) -> Option<Vec<u8>>,
    /// Returns the path of a program on the PATH.
    pub on_path: &'a dyn Fn(&str) -> Option<PathBuf>,
}

/// Chooses what to run.
///
/// # Errors
/// If nothing of the package runs here.
pub fn choose(config: &PackageConfig, lookup: &Lookup<'_>) -> Result<Choice, Unsupported> {
    let own = config.runtime.get_key_value(PLATFORM);
    let others = config.runtime.iter().filter(|(platform, _)| *platform != PLATFORM);
    let choice = |platform: &str, runtime: &Runtime, method| Choice {
        platform: platform.to_owned(),
        target: normalized_target(runtime).to_owned(),
        method,
    };
    let mut mismatches = Vec::new();
    for (platform, runtime) in own.into_iter().chain(others) {
        match run_method(runtime, lookup) {
            Ok(method) => return Ok(choice(platform, runtime, method)),
            Err(why) => mismatches.push((platform.clone(), why)),
        }
    }
    let Some((platform, runtime)) = own else { return Err(Unsupported::OtherPlatforms(mismatches)) };
    let target = normalized_target(runtime);
    let exists = manifest::is_inside(target) && ((lookup.start_of)(target).is_some() || is_application(target, lookup));
    match kind(runtime) {
        // Left to the system, which may run it after all, or reports why not.
        Kind::Program if exists => Ok(choice(platform, runtime, RunMethod::Program)),
        Kind::Other => Err(Unsupported::UnknownType(runtime.kind.clone())),
        Kind::Program | Kind::Page => Err(Unsupported::MissingFile(target.to_owned())),
    }
}

/// Whether a target that lies inside the package's folder is a macOS application.
fn is_application(target: &str, lookup: &Lookup<'_>) -> bool {
    manifest::application_info(target).is_some_and(|info| (lookup.start_of)(&info).is_some())
}

/// Returns what users call a platform.
#[must_use]
pub fn system_name(platform: &str) -> &str {
    match platform {
        "win" => "Windows",
        "mac" => "macOS",
        "linux" => "Linux",
        other => other,
    }
}

enum Kind {
    Program,
    Page,
    Other,
}

fn kind(runtime: &Runtime) -> Kind {
    match runtime.kind.to_ascii_lowercase().as_str() {
        "bin" => Kind::Program,
        "web" => Kind::Page,
        _ => Kind::Other,
    }
}

/// Returns the target without a leading `./`.
fn normalized_target(runtime: &Runtime) -> &str {
    runtime.target.trim_start_matches("./")
}

/// Returns how a declared runtime runs on this system.
fn run_method(runtime: &Runtime, lookup: &Lookup<'_>) -> Result<RunMethod, Mismatch> {
    let target = normalized_target(runtime);
    let is_inside = manifest::is_inside(target);
    let start = is_inside.then(|| (lookup.start_of)(target)).flatten();
    match (kind(runtime), start) {
        (Kind::Other, _) => Err(Mismatch::UnknownType(runtime.kind.clone())),
        (Kind::Page, Some(_)) => Ok(RunMethod::Page),
        (Kind::Program, Some(start)) => program_method(target, &start, lookup)
            .map_err(|source| Mismatch::Program { target: target.to_owned(), source }),
        (Kind::Program, None) if is_inside && is_application(target, lookup) => match OS {
            "macos" => Ok(RunMethod::Program),
            _ => Err(Mismatch::Application(target.to_owned())),
        },
        (Kind::Program | Kind::Page, None) => Err(Mismatch::MissingFile(target.to_owned())),
    }
}

/// Returns how a program runs on this system, by its first bytes and its extension.
fn program_method(target: &str, start: &[u8], lookup: &Lookup<'_>) -> Result<RunMethod, OtherProgram> {
    let runs_if = |runs: bool, other| if runs { Ok(RunMethod::Program) } else { Err(other) };
    let extension = target.rsplit_once('.').map(|(_, extension)| extension.to_ascii_lowercase()).unwrap_or_default();
    match Form::of(start) {
        Form::Linux if OS == "linux" => runs_if(is_for_this_processor(start), OtherProgram::Processor),
        form @ Form::Linux => Err(OtherProgram::Form(form)),
        form @ Form::Windows => runs_if(OS == "windows", OtherProgram::Form(form)),
        form @ Form::Mac => runs_if(OS == "macos", OtherProgram::Form(form)),
        Form::Script if cfg!(unix) => {
            let interpreter = interpreter(&start[2..]);
            let is_installed = match interpreter.contains('/') {
                true => Path::new(&interpreter).is_file(),
                false => (lookup.on_path)(&interpreter).is_some(),
            };
            runs_if(is_installed, OtherProgram::Interpreter(interpreter))
        }
        _ if ["js", "mjs", "cjs"].contains(&extension.as_str()) => {
            (lookup.on_path)(NODE).map(RunMethod::Interpreter).ok_or(OtherProgram::Node)
        }
        _ if ["bat", "cmd"].contains(&extension.as_str()) => runs_if(OS == "windows", OtherProgram::Batch),
        Form::Script => Err(OtherProgram::Script),
        form => Err(OtherProgram::Form(form)),
    }
}

/// Returns the interpreter named after `#!`: a path, or what `env` searches for.
fn interpreter(line: &[u8]) -> String {
    let line = line.split(|byte| matches!(byte, b'\n' | b'\r')).next().unwrap_or_default();
    let line = String::from_utf8_lossy(line);
    let mut words = line.split_whitespace();
    let first = words.next().unwrap_or_default();
    let named = words.find(|word| !word.starts_with('-') && !word.contains('='));
    match first.rsplit('/').next() {
        Some("env") => named.unwrap_or_default().to_owned(),
        _ => first.to_owned(),
    }
}

/// Whether an ELF file is for the processor that this program was built for.
fn is_for_this_processor(start: &[u8]) -> bool {
    // `e_machine`, at the same offset in files of 32 and 64 bits; numbers by the System V ABI.
    let machine: Option<u16> = match ARCH {
        "x86_64" => Some(62),
        "x86" => Some(3),
        "aarch64" => Some(183),
        "arm" => Some(40),
        "riscv64" => Some(243),
        _ => None,
    };
    let Some(machine) = machine else { return true };
    match start.get(18..20) {
        Some(&[one, two]) => match start[5] {
            2 => u16::from_be_bytes([one, two]) == machine,
            _ => u16::from_le_bytes([one, two]) == machine,
        },
        _ => false,
    }
}

/// Returns the path of a program on the PATH.
#[must_use]
pub fn on_path(name: &str) -> Option<PathBuf> {
    let folders = std::env::var_os("PATH")?;
    std::env::split_paths(&folders)
        .filter(|folder| folder.is_absolute())
        .map(|folder| folder.join(format!("{name}{EXE_SUFFIX}")))
        .find(|program| program.is_file())
}

/// Returns the first bytes of a file of an installed package.
#[must_use]
pub fn start_of(folder: &Path, path: &str) -> Option<Vec<u8>> {
    use std::io::Read as _;

    let path = folder.join(path);
    // Folders can be opened, too.
    let file = path.is_file().then(|| std::fs::File::open(path).ok()).flatten()?;
    let mut start = Vec::new();
    file.take(START).read_to_end(&mut start).ok()?;
    Some(start)
}

#[cfg(test)]
mod tests {
    use super::*;

    const OTHERS: [&str; 2] = if cfg!(windows) {
        ["linux", "mac"]
    } else if cfg!(target_os = "macos") {
        ["linux", "win"]
    } else {
        ["mac", "win"]
    };

    fn config(runtimes: &[(&str, &str, &str)]) -> PackageConfig {
        let runtime = |(platform, kind, target): &(&str, &str, &str)| {
            let runtime = Runtime { kind: (*kind).into(), target: (*target).into(), ..Runtime::default() };
            ((*platform).to_owned(), runtime)
        };
        PackageConfig { runtime: runtimes.iter().map(runtime).collect(), ..PackageConfig::default() }
    }

    /// Chooses with fake files, named after what they are, with or without Node.js.
    fn chosen(runtimes: &[(&str, &str, &str)], node: bool) -> Result<(String, RunMethod), Unsupported> {
        let own = std::fs::read(std::env::current_exe().unwrap()).unwrap();
        let mut elsewhere = own[..64].to_vec();
        elsewhere[18] ^= 0xff;
        let start_of = |path: &str| -> Option<Vec<u8>> {
            match path {
                "own" => Some(own[..64].to_vec()),
                "elsewhere" => Some(elsewhere.clone()),
                "run.exe" if cfg!(windows) => Some(b"\x7fELF".to_vec()),
                "run.exe" => Some(b"MZ\x90".to_vec()),
                "run.sh" => Some(b"#!/bin/sh\r\nexit".to_vec()),
                "lost.sh" => Some(b"#! /usr/bin/env -S A=1 osascript-2\n".to_vec()),
                "run.js" => Some(b"'use strict'".to_vec()),
                "page.html" => Some(b"<html>".to_vec()),
                "text" => Some(b"hello".to_vec()),
                _ => None,
            }
        };
        let on_path = |name: &str| (node && name == NODE).then(|| PathBuf::from("/node"));
        let lookup = Lookup { start_of: &start_of, on_path: &on_path };
        choose(&config(runtimes), &lookup).map(|choice| (choice.platform, choice.method))
    }

    #[test]
    fn own_platform_is_preferred_to_others_that_run_here() {
        let [one, two] = OTHERS;
        let program = |platform: &str| Ok((platform.to_owned(), RunMethod::Program));
        assert_eq!(chosen(&[(one, "bin", "own"), (PLATFORM, "bin", "own")], false), program(PLATFORM));
        assert_eq!(chosen(&[(one, "bin", "text"), (two, "bin", "own")], false), program(two));
        assert_eq!(chosen(&[(PLATFORM, "bin", "run.exe"), (one, "Bin", "./own")], false), program(one));
        assert_eq!(chosen(&[(one, "web", "page.html")], false), Ok((one.to_owned(), RunMethod::Page)));
        let node = Ok((one.to_owned(), RunMethod::Interpreter("/node".into())));
        assert_eq!(chosen(&[(one, "bin", "run.js")], true), node);
        #[cfg(unix)]
        assert_eq!(chosen(&[(one, "bin", "run.sh")], false), program(one));
        // Left to the system.
        assert_eq!(chosen(&[(PLATFORM, "bin", "text")], false), program(PLATFORM));
    }

    #[test]
    fn unsupported_package_is_described_with_reasons() {
        let [one, two] = OTHERS;
        let why = chosen(&[(one, "bin", "gone"), (two, "bin", "run.exe")], false).unwrap_err().to_string();
        let words = [PLATFORM, one, two].map(system_name);
        let start = format!(
            "This package has nothing for {}, only for {} (gone is missing) and {} (run.exe is a ",
            words[0], words[1], words[2]
        );
        assert!(why.starts_with(&start), "{why}");
        for (kind, target, part) in [
            ("bin", "run.js", "Node.js, which isn't on the PATH"),
            ("bin", "../own", "../own is missing"),
            ("bin", "text", "text is no program"),
            ("jar", "own", "its type is \"jar\""),
            ("web", "none.html", "none.html is missing"),
        ] {
            let why = chosen(&[(one, kind, target)], false).unwrap_err().to_string();
            assert!(why.contains(part), "{why}");
        }
        let why = chosen(&[(PLATFORM, "bin", "gone")], false).unwrap_err().to_string();
        assert!(why.starts_with("gone is missing in the package's folder."), "{why}");
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn other_processor_and_missing_interpreter_do_not_fit() {
        for (target, part) in [("elsewhere", "for another processor"), ("lost.sh", "a script for osascript-2")] {
            let why = chosen(&[("mac", "bin", target)], false).unwrap_err().to_string();
            assert!(why.contains(part), "{why}");
        }
    }
}
