//! Inspects a finished bundle: how large it is for each platform, and whether its programs run on a fresh system, carry a
//! name and version, and open no console.
//!
//! A program's dependencies are read from the program itself, so it doesn't matter which toolchain built it.

use std::fmt::Display;
use std::path::Path;

use anyhow::{Result, ensure};
use host_sdk::manifest::Runtime;
use object::elf::DT_NEEDED;
use object::pe::IMAGE_SUBSYSTEM_WINDOWS_GUI;
use object::read::elf::{ElfFile, FileHeader};
use object::read::macho::{FatArch as _, MachHeader, MachOFatFile32, MachOFile};
use object::read::pe::{ImageNtHeaders, ImageOptionalHeader as _, PeFile, ResourceNameOrId};
use object::{File, FileKind, LittleEndian};

use crate::dist::{Unpacked, unpack};

/// The maximum packed size of a bundle for one platform, in bytes. A universal program may have this size for each processor.
pub const MAX_PACKED: u64 = 8_000_000;

/// The libraries of every Windows 10 that Rust's standard library and our dependencies use. It leaves out the runtimes of
/// Visual C++ (vcruntime140, msvcp140) and mingw (libgcc_s, libwinpthread), which a user would have to install.
const WINDOWS: [&str; 27] = [
    "advapi32.dll",
    "bcrypt.dll",
    "bcryptprimitives.dll",
    "cfgmgr32.dll",
    "combase.dll",
    "crypt32.dll",
    "dwmapi.dll",
    "gdi32.dll",
    "iphlpapi.dll",
    "kernel32.dll",
    "ktmw32.dll",
    "msvcrt.dll",
    "ncrypt.dll",
    "ntdll.dll",
    "ole32.dll",
    "oleaut32.dll",
    "pdh.dll",
    "powrprof.dll",
    "psapi.dll",
    "rpcrt4.dll",
    "secur32.dll",
    "shell32.dll",
    "shlwapi.dll",
    "user32.dll",
    "userenv.dll",
    "winhttp.dll",
    "ws2_32.dll",
];
/// The prefixes of Windows' API sets; the universal C runtime is one of them since Windows 10.
const WINDOWS_API_SETS: [&str; 2] = ["api-ms-win-", "ext-ms-win-"];
/// The folders of the libraries that belong to macOS.
const MACOS: [&str; 2] = ["/usr/lib/", "/System/Library/"];
/// glibc and the libraries that every distribution's compiler links.
const LINUX: [&str; 7] =
    ["libc.so.", "libm.so.", "libdl.so.", "libpthread.so.", "librt.so.", "libgcc_s.so.", "ld-linux"];

// Windows' numbers for the kinds of resources.
const ICON_GROUP: u16 = 14;
const VERSION: u16 = 16;
const MANIFEST: u16 = 24;

/// The part of a bundle that is for one platform.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlatformPart {
    /// The platform's key in the package file: `win`, `mac`, `linux`.
    pub platform: String,
    /// The packed size in bytes that the files of a bundle for this platform alone would have.
    pub packed: u64,
    /// The number of processor architectures that its programs are built for: 2 if they are universal, else 1.
    pub processors: usize,
}

impl PlatformPart {
    /// Returns whether it exceeds the size that we let users download.
    #[must_use]
    pub fn is_too_large(&self) -> bool {
        self.packed > MAX_PACKED * self.processors as u64
    }
}

/// Inspects a bundle and returns its part for each platform.
///
/// # Errors
/// If the bundle can't be read, or a program or library in it needs something that not every system has, lacks the
/// resources that Windows shows, or opens a console. The error lists all of these.
pub fn bundle(path: &Path) -> Result<Vec<PlatformPart>> {
    let (config, files) = unpack(path)?;
    let mut faults = Vec::new();
    let mut parts = Vec::new();
    for (platform, runtime) in &config.runtime {
        let is_for_another =
            |name: &str| config.runtime.iter().any(|(other, runtime)| other != platform && belongs_to(name, runtime));
        let packed = files.iter().filter(|file| !is_for_another(&file.path)).map(|file| file.packed).sum();
        let mut processors = 1;
        for Unpacked { path: name, content, .. } in files.iter().filter(|file| belongs_to(&file.path, runtime)) {
            if let Ok(universal) = MachOFatFile32::parse(content.as_slice()) {
                processors = processors.max(universal.arches().len());
            }
            match check(platform, name, content) {
                Ok(None) => {}
                Ok(Some(found)) => faults.extend(found.into_iter().map(|fault| format!("{name}: {fault}"))),
                Err(error) => faults.push(format!("{name}: {error:#}")),
            }
        }
        parts.push(PlatformPart { platform: platform.clone(), packed, processors });
    }
    ensure!(faults.is_empty(), "{} isn't fit for users:\n    {}", path.display(), faults.join("\n    "));
    Ok(parts)
}

/// Returns whether a file is a platform's program, a part of it, or its library.
fn belongs_to(name: &str, runtime: &Runtime) -> bool {
    let in_target = name.strip_prefix(&runtime.target).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
    in_target || Some(name) == runtime.library.as_deref()
}

/// Returns the faults of a program or library, or `None` if the file is neither.
fn check(platform: &str, name: &str, content: &[u8]) -> Result<Option<Vec<String>>> {
    if name.contains(".app/") && !name.contains("/MacOS/") {
        return Ok(None);
    }
    let mut faults = Vec::new();
    let allowed: fn(&str) -> bool = match platform {
        "win" => |library| {
            let library = library.to_ascii_lowercase();
            WINDOWS.contains(&library.as_str()) || WINDOWS_API_SETS.iter().any(|set| library.starts_with(set))
        },
        "mac" => |library| MACOS.iter().any(|folder| library.starts_with(folder)),
        _ => |library| LINUX.iter().any(|start| library.starts_with(start)),
    };
    for library in imported_libraries(content)?.iter().filter(|library| !allowed(library)) {
        faults.push(format!("needs {library}, which not every system has"));
    }
    if platform == "win" {
        let mut required = vec![(VERSION, "version")];
        if name.ends_with(".exe") {
            required.extend([(ICON_GROUP, "icon"), (MANIFEST, "application manifest")]);
            if windows_header(content)?.subsystem != IMAGE_SUBSYSTEM_WINDOWS_GUI.0 {
                faults.push("opens a console window".to_owned());
            }
        }
        let present = windows_header(content)?.resources;
        for (_, name) in required.iter().filter(|(kind, _)| !present.contains(kind)) {
            faults.push(format!("has no {name}; a resource compiler (windres, rc.exe) was missing when it was built"));
        }
    }
    Ok(Some(faults))
}

/// Returns the libraries that a program or library imports.
fn imported_libraries(content: &[u8]) -> Result<Vec<String>> {
    let text = |name: &[u8]| String::from_utf8_lossy(name).into_owned();
    if FileKind::parse(content).map_err(unreadable)? == FileKind::MachOFat32 {
        let mut all = Vec::new();
        for part in MachOFatFile32::parse(content).map_err(unreadable)?.arches() {
            all.extend(imported_libraries(part.data(content).map_err(unreadable)?)?);
        }
        return Ok(all);
    }
    let names: Vec<&[u8]> = match File::parse(content).map_err(unreadable)? {
        File::Pe32(file) => windows_libraries(&file)?,
        File::Pe64(file) => windows_libraries(&file)?,
        File::MachO64(file) => macos_libraries(&file)?,
        File::Elf32(file) => linux_libraries(&file)?,
        File::Elf64(file) => linux_libraries(&file)?,
        _ => anyhow::bail!("is no program or library of Windows, macOS or Linux"),
    };
    Ok(names.into_iter().map(text).collect())
}

fn windows_libraries<'data, Pe: ImageNtHeaders>(file: &PeFile<'data, Pe>) -> Result<Vec<&'data [u8]>> {
    let (directories, sections, data) = (file.data_directories(), file.section_table(), file.data());
    let mut names = Vec::new();
    if let Some(table) = directories.import_table(data, &sections).map_err(unreadable)? {
        let mut all = table.descriptors().map_err(unreadable)?;
        while let Some(library) = all.next().map_err(unreadable)? {
            names.push(table.name(library.name.get(LittleEndian)).map_err(unreadable)?);
        }
    }
    if let Some(table) = directories.delay_load_import_table(data, &sections).map_err(unreadable)? {
        let mut all = table.descriptors().map_err(unreadable)?;
        while let Some(library) = all.next().map_err(unreadable)? {
            names.push(table.name(library.dll_name_rva.get(LittleEndian)).map_err(unreadable)?);
        }
    }
    Ok(names)
}

fn macos_libraries<'data, Mach: MachHeader>(file: &MachOFile<'data, Mach>) -> Result<Vec<&'data [u8]>> {
    let mut names = Vec::new();
    let mut commands = file.macho_load_commands().map_err(unreadable)?;
    while let Some(command) = commands.next().map_err(unreadable)? {
        if let Some(library) = command.dylib().map_err(unreadable)? {
            names.push(command.string(file.endian(), library.dylib.name).map_err(unreadable)?);
        }
    }
    Ok(names)
}

fn linux_libraries<'data, Elf: FileHeader>(file: &ElfFile<'data, Elf>) -> Result<Vec<&'data [u8]>> {
    let table = file.elf_section_table().dynamic_table(file.endian(), file.data()).map_err(unreadable)?;
    table.iter().filter(|entry| entry.tag == DT_NEEDED).map(|entry| table.string(entry).map_err(unreadable)).collect()
}

/// What Windows reads from a program before it runs.
struct WindowsHeader {
    /// Decides whether Windows opens a console.
    subsystem: u16,
    /// The kinds of resources in the program.
    resources: Vec<u16>,
}

fn windows_header(content: &[u8]) -> Result<WindowsHeader> {
    fn read<Pe: ImageNtHeaders>(file: &PeFile<'_, Pe>) -> Result<WindowsHeader> {
        let directory = file.data_directories().resource_directory(file.data(), &file.section_table());
        let resources = match directory.map_err(unreadable)? {
            None => Vec::new(),
            Some(directory) => {
                let kinds = directory.root().map_err(unreadable)?.entries.iter().map(|entry| entry.name_or_id());
                kinds.filter_map(ResourceNameOrId::id).collect()
            }
        };
        Ok(WindowsHeader { subsystem: file.nt_headers().optional_header().subsystem().0, resources })
    }
    match File::parse(content).map_err(unreadable)? {
        File::Pe32(file) => read(&file),
        File::Pe64(file) => read(&file),
        _ => anyhow::bail!("is no program or library of Windows"),
    }
}

fn unreadable(error: impl Display) -> anyhow::Error {
    anyhow::anyhow!("can't be read as a program or library: {error}")
}

#[cfg(test)]
mod tests {
    use host_sdk::manifest::PLATFORM;

    use super::*;

    /// Reads the test program itself, which the compiler has built for this system.
    fn this_program() -> Vec<u8> {
        std::fs::read(std::env::current_exe().unwrap()).unwrap()
    }

    /// Replaces every occurrence of a text.
    fn patched(mut content: Vec<u8>, from: &str, to: &str) -> Vec<u8> {
        assert_eq!(from.len(), to.len());
        let places: Vec<_> = content
            .windows(from.len())
            .enumerate()
            .filter(|(_, text)| text.eq_ignore_ascii_case(from.as_bytes()))
            .map(|(at, _)| at)
            .collect();
        assert!(!places.is_empty(), "{from} not found");
        places.into_iter().for_each(|at| content[at..at + to.len()].copy_from_slice(to.as_bytes()));
        content
    }

    /// Returns the header of a program for one kind of Mac that loads a library.
    fn macos_program(library: &str) -> Vec<u8> {
        let name = [library.as_bytes(), &[0; 8]].concat();
        let name = &name[..name.len() / 8 * 8];
        let command = 24 + name.len() as u32;
        // Magic number, arm64, any variant, an executable, one command, its size, no flags, reserved.
        let head = [0xfeed_facf_u32, 0x0100_000c, 0, 2, 1, command, 0, 0];
        // Load a library: the command's size, the offset of the name in it, and three versions.
        let load = [0xc, command, 24, 0, 0, 0];
        let mut file: Vec<u8> = head.iter().chain(&load).flat_map(|number| number.to_le_bytes()).collect();
        file.extend(name);
        file
    }

    /// Joins programs for several kinds of Mac into a universal one.
    fn universal(parts: &[Vec<u8>]) -> Vec<u8> {
        let mut head = vec![0xcafe_babe_u32, parts.len() as u32];
        let mut offset = 8 + 20 * parts.len() as u32;
        for part in parts {
            head.extend([0x0100_000c, 0, offset, part.len() as u32, 0]);
            offset += part.len() as u32;
        }
        let head = head.iter().flat_map(|number| number.to_be_bytes());
        head.chain(parts.concat()).collect()
    }

    fn faults(platform: &str, name: &str, content: &[u8]) -> Vec<String> {
        check(platform, name, content).unwrap().unwrap()
    }

    #[test]
    fn program_built_here_needs_only_system_libraries() {
        let content = this_program();
        assert!(!imported_libraries(&content).unwrap().is_empty());
        let found = faults(PLATFORM, "program", &content);
        assert!(found.iter().all(|fault| !fault.starts_with("needs")), "{found:?}");
    }

    #[test]
    fn library_missing_on_some_systems_is_found() {
        let (from, to) = match PLATFORM {
            "win" => ("kernel32.dll", "vcruntim.dll"),
            "mac" => ("/usr/lib/libSystem", "/opt/lib/libSystem"),
            _ => ("libc.so.6", "libz.so.1"),
        };
        let found = faults(PLATFORM, "program", &patched(this_program(), from, to));
        assert!(found.iter().any(|fault| fault.starts_with(&format!("needs {to}"))), "{found:?}");
    }

    #[test]
    fn universal_program_is_checked_for_each_processor() {
        let good = macos_program("/usr/lib/libSystem.B.dylib");
        let bad = macos_program("/opt/homebrew/lib/libssl.3.dylib");
        let name = "package-runner.app/Contents/MacOS/package-runner";
        assert_eq!(faults("mac", name, &universal(&[good.clone(), good.clone()])), Vec::<String>::new());
        assert_eq!(
            faults("mac", name, &universal(&[good, bad])),
            ["needs /opt/homebrew/lib/libssl.3.dylib, which not every system has"]
        );
    }

    #[test]
    fn only_programs_of_an_application_are_checked() {
        let program = "package-runner.app/Contents/MacOS/package-runner";
        assert!(check("mac", "package-runner.app/Contents/Info.plist", b"no program").unwrap().is_none());
        assert!(check("mac", program, b"no program").is_err());
    }

    #[test]
    fn universal_program_may_be_twice_as_large() {
        let part = |packed, processors| PlatformPart { platform: "mac".to_owned(), packed, processors };
        assert!(!part(MAX_PACKED, 1).is_too_large() && part(MAX_PACKED + 1, 1).is_too_large());
        assert!(!part(2 * MAX_PACKED, 2).is_too_large() && part(2 * MAX_PACKED + 1, 2).is_too_large());
    }

    #[cfg(windows)]
    #[test]
    fn windows_program_without_resources_is_found() {
        let found = faults("win", "program.exe", &this_program()).join("\n");
        for fault in ["no version", "no icon", "no application manifest"] {
            assert!(found.contains(fault), "{fault}: {found}");
        }
    }

    #[cfg(windows)]
    #[test]
    fn windows_program_with_console_is_found() {
        let found = faults("win", "program.exe", &this_program()).join("\n");
        assert!(found.contains("console"), "{found}");
    }
}
