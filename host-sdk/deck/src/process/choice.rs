//! What of a package runs on this system: what it declares for this platform, else what it declares for another one, if
//! the file is one that runs here all the same: a page, a script, a program for this system behind another's key.

use std::env::consts::{ARCH, EXE_SUFFIX, OS};
use std::path::{Path, PathBuf};

use host_sdk::bundle::check::{HEADER_BYTES, ProgramKind};
use host_sdk::manifest::{self, PLATFORM, PackageConfig, Runtime};

/// The name of the program that runs JavaScript.
const NODE: &str = "node";

/// What to run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Choice {
    /// The platform that it is declared for.
    pub platform: String,
    /// The page or program; relative to the package's folder.
    pub target: String,
    /// How it is run.
    pub way: Way,
}

/// How something is run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Way {
    /// In a hidden frame of the deck's page.
    Page,
    /// As a program.
    Program,
    /// By another program, which gets it as its first argument.
    By(PathBuf),
}

/// What can be asked about the system and the package.
pub struct Look<'a> {
    /// The first [`HEADER_BYTES`] bytes of a file of the package, or all if it is shorter; none if there is no such file.
    pub start: &'a dyn Fn(&str) -> Option<Vec<u8>>,
    /// Where a program is that users start by this name.
    pub find: &'a dyn Fn(&str) -> Option<PathBuf>,
}

/// Chooses.
///
/// # Errors
/// A sentence that says why nothing runs here, and what the package has.
pub fn choose(config: &PackageConfig, look: &Look<'_>) -> Result<Choice, String> {
    let own = config.runtime.get_key_value(PLATFORM);
    let others = config.runtime.iter().filter(|(platform, _)| *platform != PLATFORM);
    let mut reasons = Vec::new();
    for (platform, runtime) in own.into_iter().chain(others) {
        match fit(runtime, look) {
            Ok(way) => return Ok(Choice { platform: platform.clone(), target: plain(runtime).to_owned(), way }),
            Err(why) => reasons.push((platform, why)),
        }
    }
    if let Some((platform, runtime)) = own {
        let target = plain(runtime);
        let is_there = manifest::is_inside(target)
            && ((look.start)(target).is_some()
                || manifest::application_info(target).is_some_and(|info| (look.start)(&info).is_some()));
        return match kind(runtime) {
            // The system knows better, or says why not.
            Kind::Program if is_there => {
                Ok(Choice { platform: platform.clone(), target: target.to_owned(), way: Way::Program })
            }
            Kind::Other => {
                Err(format!("This package's runtime is of the type {:?}, which is neither bin nor web.", runtime.kind))
            }
            _ => Err(format!("{target} is missing in the package's folder. Install the package again.")),
        };
    }
    let has: Vec<String> = reasons.iter().map(|(platform, why)| format!("{} ({why})", system(platform))).collect();
    let has = if has.is_empty() { "no system at all".to_owned() } else { has.join(" and ") };
    let here = system(PLATFORM);
    Err(format!("This package has nothing for {here}, only for {has}. Get a version of it for {here}."))
}

/// What a user calls a platform.
#[must_use]
pub fn system(platform: &str) -> &str {
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

/// The target without what changes nothing.
fn plain(runtime: &Runtime) -> &str {
    runtime.target.trim_start_matches("./")
}

/// How something runs here, or, as part of a sentence, why it doesn't.
fn fit(runtime: &Runtime, look: &Look<'_>) -> Result<Way, String> {
    let target = plain(runtime);
    let inside = manifest::is_inside(target);
    let start = inside.then(|| (look.start)(target)).flatten();
    let is_application = || {
        let info = manifest::application_info(target).filter(|_| inside);
        info.is_some_and(|info| (look.start)(&info).is_some())
    };
    match (kind(runtime), start) {
        (Kind::Other, _) => Err(format!("its type is {:?}", runtime.kind)),
        (Kind::Page, Some(_)) => Ok(Way::Page),
        (Kind::Program, Some(start)) => program(target, &start, look).map_err(|what| format!("{target} is {what}")),
        (Kind::Program, None) if is_application() => match OS {
            "macos" => Ok(Way::Program),
            _ => Err(format!("{target} is an application for macOS")),
        },
        (Kind::Program | Kind::Page, None) => Err(format!("{target} is missing")),
    }
}

/// How a program runs here, or what it is instead.
fn program(target: &str, start: &[u8], look: &Look<'_>) -> Result<Way, String> {
    let here = |is_here: bool, what: &str| if is_here { Ok(Way::Program) } else { Err(what.to_owned()) };
    let extension = target.rsplit_once('.').map(|(_, extension)| extension.to_ascii_lowercase()).unwrap_or_default();
    match ProgramKind::of(start) {
        ProgramKind::Linux if OS == "linux" => here(is_for_this_processor(start), "for another processor"),
        form @ ProgramKind::Linux => here(false, form.description()),
        form @ ProgramKind::Windows => here(OS == "windows", form.description()),
        form @ ProgramKind::Mac => here(OS == "macos", form.description()),
        ProgramKind::Script if cfg!(unix) => {
            let interpreter = interpreter(&start[2..]);
            let is_there = match interpreter.contains('/') {
                true => Path::new(&interpreter).is_file(),
                false => (look.find)(&interpreter).is_some(),
            };
            here(is_there, &format!("a script for {interpreter}, which isn't on this system"))
        }
        _ if ["js", "mjs", "cjs"].contains(&extension.as_str()) => match (look.find)(NODE) {
            Some(node) => Ok(Way::By(node)),
            None => Err("a script for Node.js, which isn't on the PATH".to_owned()),
        },
        _ if ["bat", "cmd"].contains(&extension.as_str()) => here(OS == "windows", "a script for Windows"),
        ProgramKind::Script => here(false, "a script for other systems"),
        form => here(false, form.description()),
    }
}

/// What the first line of a script, behind `#!`, names: a path, or what `env` looks for.
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
    // `e_machine`, at the same place in files of 32 and 64 bits; numbers by the System V ABI.
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

/// Where on the PATH a program is.
#[must_use]
pub fn on_path(name: &str) -> Option<PathBuf> {
    let folders = std::env::var_os("PATH")?;
    std::env::split_paths(&folders)
        .filter(|folder| folder.is_absolute())
        .map(|folder| folder.join(format!("{name}{EXE_SUFFIX}")))
        .find(|program| program.is_file())
}

/// The first bytes of a file of an installed package.
#[must_use]
pub fn start_of(folder: &Path, path: &str) -> Option<Vec<u8>> {
    use std::io::Read as _;

    let path = folder.join(path);
    // A folder can be opened, too.
    let file = path.is_file().then(|| std::fs::File::open(path).ok()).flatten()?;
    let mut start = Vec::new();
    file.take(HEADER_BYTES).read_to_end(&mut start).ok()?;
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

    /// With the files of the package that are asked for, by what they are, and with or without Node.js.
    fn chosen(runtimes: &[(&str, &str, &str)], node: bool) -> Result<(String, Way), String> {
        let own = std::fs::read(std::env::current_exe().unwrap()).unwrap();
        let mut elsewhere = own[..64].to_vec();
        elsewhere[18] ^= 0xff;
        let start = |path: &str| -> Option<Vec<u8>> {
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
        let find = |name: &str| (node && name == NODE).then(|| PathBuf::from("/node"));
        choose(&config(runtimes), &Look { start: &start, find: &find }).map(|choice| (choice.platform, choice.way))
    }

    #[test]
    fn this_platform_comes_first_and_then_what_runs_here_all_the_same() {
        let [one, two] = OTHERS;
        let program = |platform: &str| Ok((platform.to_owned(), Way::Program));
        assert_eq!(chosen(&[(one, "bin", "own"), (PLATFORM, "bin", "own")], false), program(PLATFORM));
        assert_eq!(chosen(&[(one, "bin", "text"), (two, "bin", "own")], false), program(two));
        assert_eq!(chosen(&[(PLATFORM, "bin", "run.exe"), (one, "Bin", "./own")], false), program(one));
        assert_eq!(chosen(&[(one, "web", "page.html")], false), Ok((one.to_owned(), Way::Page)));
        let node = Ok((one.to_owned(), Way::By("/node".into())));
        assert_eq!(chosen(&[(one, "bin", "run.js")], true), node);
        #[cfg(unix)]
        assert_eq!(chosen(&[(one, "bin", "run.sh")], false), program(one));
        // What the system makes of it, it says.
        assert_eq!(chosen(&[(PLATFORM, "bin", "text")], false), program(PLATFORM));
    }

    #[test]
    fn what_does_not_run_here_is_named_with_the_reason() {
        let [one, two] = OTHERS;
        let why = chosen(&[(one, "bin", "gone"), (two, "bin", "run.exe")], false).unwrap_err();
        let words = [PLATFORM, one, two].map(system);
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
            let why = chosen(&[(one, kind, target)], false).unwrap_err();
            assert!(why.contains(part), "{why}");
        }
        let why = chosen(&[(PLATFORM, "bin", "gone")], false).unwrap_err();
        assert!(why.starts_with("gone is missing in the package's folder."), "{why}");
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_program_for_another_processor_and_a_script_without_its_language_do_not_fit() {
        for (target, part) in [("elsewhere", "for another processor"), ("lost.sh", "a script for osascript-2")] {
            let why = chosen(&[("mac", "bin", target)], false).unwrap_err();
            assert!(why.contains(part), "{why}");
        }
    }
}
