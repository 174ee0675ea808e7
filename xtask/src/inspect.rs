//! Looks into a finished bundle, as users get it: how large it is for each platform, and whether what it carries runs on a
//! system with nothing installed, says who it is, and opens no console.
//!
//! What a program needs is read from the program itself, whatever built it.

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

/// The most that a bundle may have for one platform, in bytes, packed; a universal program may have it for each processor.
pub const MOST: u64 = 8_000_000;

/// What every Windows 10 has, of what Rust's standard library and our dependencies use. Not in it: the runtimes of Visual
/// C++ (vcruntime140, msvcp140) and mingw (libgcc_s, libwinpthread), which a user would have to install.
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
/// Windows' names for sets of its own functions; the universal C runtime is among them since Windows 10.
const WINDOWS_SETS: [&str; 2] = ["api-ms-win-", "ext-ms-win-"];
/// Where macOS keeps what belongs to it.
const MACOS: [&str; 2] = ["/usr/lib/", "/System/Library/"];
/// glibc and what every distribution's compiler leans on.
const LINUX: [&str; 7] =
    ["libc.so.", "libm.so.", "libdl.so.", "libpthread.so.", "librt.so.", "libgcc_s.so.", "ld-linux"];

/// The resources that Windows programs carry, by the numbers that Windows gave them.
const ICON_GROUP: u16 = 14;
const VERSION: u16 = 16;
const MANIFEST: u16 = 24;

/// What a bundle has for a platform.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Carried {
    /// The platform's key in the package file: `win`, `mac`, `linux`.
    pub platform: String,
    /// Bytes that a bundle for this platform alone would have in its files, packed.
    pub packed: u64,
    /// For how many kinds of processor its programs are built: 2 where they are universal, else 1.
    pub processors: usize,
}

impl Carried {
    /// Whether it is more than users shall have to download.
    #[must_use]
    pub fn is_too_large(&self) -> bool {
        self.packed > MOST * self.processors as u64
    }
}

/// Looks into a bundle. Returns what it has for each platform.
///
/// # Errors
/// If it can't be read, or a program or library in it needs something that not every system has, lacks the resources
/// that Windows shows, or opens a console. All of it is said at once.
pub fn bundle(path: &Path) -> Result<Vec<Carried>> {
    let (config, files) = unpack(path)?;
    let mut faults = Vec::new();
    let mut carried = Vec::new();
    for (platform, runtime) in &config.runtime {
        let of_others =
            |name: &str| config.runtime.iter().any(|(other, runtime)| other != platform && belongs(name, runtime));
        let packed = files.iter().filter(|file| !of_others(&file.path)).map(|file| file.packed).sum();
        let mut processors = 1;
        for Unpacked { path: name, content, .. } in files.iter().filter(|file| belongs(&file.path, runtime)) {
            if let Ok(universal) = MachOFatFile32::parse(content.as_slice()) {
                processors = processors.max(universal.arches().len());
            }
            match check(platform, name, content) {
                Ok(None) => {}
                Ok(Some(found)) => faults.extend(found.into_iter().map(|fault| format!("{name}: {fault}"))),
                Err(error) => faults.push(format!("{name}: {error:#}")),
            }
        }
        carried.push(Carried { platform: platform.clone(), packed, processors });
    }
    ensure!(faults.is_empty(), "{} isn't fit for users:\n    {}", path.display(), faults.join("\n    "));
    Ok(carried)
}

/// Whether a file is what a platform starts, or a part of it.
fn belongs(name: &str, runtime: &Runtime) -> bool {
    let in_target = name.strip_prefix(&runtime.target).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
    in_target || Some(name) == runtime.library.as_deref()
}

/// What is wrong with a program or library; none if the file is neither.
fn check(platform: &str, name: &str, content: &[u8]) -> Result<Option<Vec<String>>> {
    if name.contains(".app/") && !name.contains("/MacOS/") {
        return Ok(None);
    }
    let mut faults = Vec::new();
    let allowed: fn(&str) -> bool = match platform {
        "win" => |library| {
            let library = library.to_ascii_lowercase();
            WINDOWS.contains(&library.as_str()) || WINDOWS_SETS.iter().any(|set| library.starts_with(set))
        },
        "mac" => |library| MACOS.iter().any(|folder| library.starts_with(folder)),
        _ => |library| LINUX.iter().any(|start| library.starts_with(start)),
    };
    for library in needed(content)?.iter().filter(|library| !allowed(library)) {
        faults.push(format!("needs {library}, which not every system has"));
    }
    if platform == "win" {
        let mut wanted = vec![(VERSION, "version")];
        if name.ends_with(".exe") {
            wanted.extend([(ICON_GROUP, "icon"), (MANIFEST, "application manifest")]);
            if windows(content)?.subsystem != IMAGE_SUBSYSTEM_WINDOWS_GUI.0 {
                faults.push("opens a console window".to_owned());
            }
        }
        let has = windows(content)?.resources;
        for (_, what) in wanted.iter().filter(|(kind, _)| !has.contains(kind)) {
            faults.push(format!("has no {what}; a resource compiler (windres, rc.exe) was missing when it was built"));
        }
    }
    Ok(Some(faults))
}

/// The libraries that a program or library names to be loaded with it.
fn needed(content: &[u8]) -> Result<Vec<String>> {
    let text = |name: &[u8]| String::from_utf8_lossy(name).into_owned();
    if FileKind::parse(content).map_err(unreadable)? == FileKind::MachOFat32 {
        let mut all = Vec::new();
        for part in MachOFatFile32::parse(content).map_err(unreadable)?.arches() {
            all.extend(needed(part.data(content).map_err(unreadable)?)?);
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

/// What Windows reads of a program before it runs.
struct Windows {
    /// Whether it gets a console.
    subsystem: u16,
    /// Which kinds of resources it has.
    resources: Vec<u16>,
}

fn windows(content: &[u8]) -> Result<Windows> {
    fn of<Pe: ImageNtHeaders>(file: &PeFile<'_, Pe>) -> Result<Windows> {
        let directory = file.data_directories().resource_directory(file.data(), &file.section_table());
        let resources = match directory.map_err(unreadable)? {
            None => Vec::new(),
            Some(directory) => {
                let kinds = directory.root().map_err(unreadable)?.entries.iter().map(|entry| entry.name_or_id());
                kinds.filter_map(ResourceNameOrId::id).collect()
            }
        };
        Ok(Windows { subsystem: file.nt_headers().optional_header().subsystem().0, resources })
    }
    match File::parse(content).map_err(unreadable)? {
        File::Pe32(file) => of(&file),
        File::Pe64(file) => of(&file),
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

    /// This very program: what the compiler makes on this system.
    fn this_program() -> Vec<u8> {
        std::fs::read(std::env::current_exe().unwrap()).unwrap()
    }

    /// Replaces a text wherever it stands.
    fn patched(mut content: Vec<u8>, from: &str, to: &str) -> Vec<u8> {
        assert_eq!(from.len(), to.len());
        let places: Vec<_> = content
            .windows(from.len())
            .enumerate()
            .filter(|(_, text)| text.eq_ignore_ascii_case(from.as_bytes()))
            .map(|(at, _)| at)
            .collect();
        assert!(!places.is_empty(), "{from} is nowhere");
        places.into_iter().for_each(|at| content[at..at + to.len()].copy_from_slice(to.as_bytes()));
        content
    }

    /// A program for one kind of Mac that loads a library, of nothing but its head.
    fn macos_program(library: &str) -> Vec<u8> {
        let name = [library.as_bytes(), &[0; 8]].concat();
        let name = &name[..name.len() / 8 * 8];
        let command = 24 + name.len() as u32;
        // Magic number, arm64, any variant, a program, one command, its size, no flags, nothing.
        let head = [0xfeed_facf_u32, 0x0100_000c, 0, 2, 1, command, 0, 0];
        // Load a library: the command's size, where the name is in it, and three versions.
        let load = [0xc, command, 24, 0, 0, 0];
        let mut file: Vec<u8> = head.iter().chain(&load).flat_map(|number| number.to_le_bytes()).collect();
        file.extend(name);
        file
    }

    /// One program for several kinds of Mac.
    fn fat(parts: &[Vec<u8>]) -> Vec<u8> {
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
    fn what_this_compiler_makes_needs_nothing_installed() {
        let content = this_program();
        assert!(!needed(&content).unwrap().is_empty());
        let found = faults(PLATFORM, "program", &content);
        assert!(found.iter().all(|fault| !fault.starts_with("needs")), "{found:?}");
    }

    #[test]
    fn a_library_that_not_every_system_has_is_found() {
        let (from, to) = match PLATFORM {
            "win" => ("kernel32.dll", "vcruntim.dll"),
            "mac" => ("/usr/lib/libSystem", "/opt/lib/libSystem"),
            _ => ("libc.so.6", "libz.so.1"),
        };
        let found = faults(PLATFORM, "program", &patched(this_program(), from, to));
        assert!(found.iter().any(|fault| fault.starts_with(&format!("needs {to}"))), "{found:?}");
    }

    #[test]
    fn both_halves_of_a_universal_program_are_looked_at() {
        let good = macos_program("/usr/lib/libSystem.B.dylib");
        let bad = macos_program("/opt/homebrew/lib/libssl.3.dylib");
        let name = "package-runner.app/Contents/MacOS/package-runner";
        assert_eq!(faults("mac", name, &fat(&[good.clone(), good.clone()])), Vec::<String>::new());
        assert_eq!(
            faults("mac", name, &fat(&[good, bad])),
            ["needs /opt/homebrew/lib/libssl.3.dylib, which not every system has"]
        );
        assert!(check("mac", "package-runner.app/Contents/Info.plist", b"no program").unwrap().is_none());
        assert!(check("mac", name, b"no program").is_err());
    }

    #[test]
    fn a_universal_program_may_be_twice_as_large() {
        let carried = |packed, processors| Carried { platform: "mac".to_owned(), packed, processors };
        assert!(!carried(MOST, 1).is_too_large() && carried(MOST + 1, 1).is_too_large());
        assert!(!carried(2 * MOST, 2).is_too_large() && carried(2 * MOST + 1, 2).is_too_large());
    }

    #[cfg(windows)]
    #[test]
    fn a_windows_program_without_resources_or_with_a_console_is_found() {
        let found = faults("win", "program.exe", &this_program()).join("\n");
        for what in ["console", "no version", "no icon", "no application manifest"] {
            assert!(found.contains(what), "{what}: {found}");
        }
    }
}
