//! Wine for the Windows build, with a user, a registry and a credential store for each test.

use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::{Command as Blocking, Stdio};

use tempfile::TempDir;
use tokio::process::Command;

/// The name of the Windows user, with characters that programs often mishandle.
const USER: &str = "Jörg 名前 🎧";

/// A Wine prefix. Dropping it ends all programs that run in it.
pub struct Wine {
    prefix: TempDir,
}

impl Wine {
    /// Creates a fresh prefix from the one that `WINEPREFIX` names. `cargo xtask test` has checked that programs run there.
    #[must_use]
    pub fn new() -> Self {
        let made = std::env::var_os("WINEPREFIX").map_or_else(
            || PathBuf::from(std::env::var_os("HOME").expect("a home folder")).join(".wine"),
            PathBuf::from,
        );
        let prefix = tempfile::Builder::new().prefix("wine-").tempdir().expect("a temporary folder");
        let here = prefix.path();
        // Files that change are copied; the large system folders are shared.
        for name in ["system.reg", "userdef.reg", ".update-timestamp"] {
            std::fs::copy(made.join(name), here.join(name)).expect("a prefix that wineboot has made");
        }
        let registry = std::fs::read_to_string(made.join("user.reg")).expect("a prefix that wineboot has made");
        std::fs::write(here.join("user.reg"), registry_of_user(&registry)).expect("a registry");
        std::fs::create_dir_all(here.join("drive_c/users").join(USER).join("AppData/Local")).expect("folders");
        std::fs::create_dir(here.join("dosdevices")).expect("a folder");
        symlink("../drive_c", here.join("dosdevices/c:")).expect("a link");
        symlink("/", here.join("dosdevices/z:")).expect("a link");
        for name in ["windows", "Program Files", "Program Files (x86)", "ProgramData"] {
            symlink(made.join("drive_c").join(name), here.join("drive_c").join(name)).expect("a link");
        }
        let wine = Self { prefix };
        // Start Wine's own processes now, so that they are no children of a host and aren't killed with it.
        wine.blocking("wineserver").arg("-p").status().expect("wineserver starts");
        wine.blocking("wine").args(["cmd", "/c", "exit"]).status().expect("wine starts");
        wine
    }

    fn environment(&self) -> [(&'static str, &std::ffi::OsStr); 3] {
        [
            ("WINEPREFIX", self.prefix.path().as_os_str()),
            ("WINEDEBUG", "-all".as_ref()),
            // Neither is needed. Without this setting Wine would offer to download them.
            ("WINEDLLOVERRIDES", "mscoree,mshtml=".as_ref()),
        ]
    }

    fn blocking(&self, program: &str) -> Blocking {
        let mut command = Blocking::new(program);
        command.envs(self.environment()).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        command
    }

    /// Returns a command that runs a Windows program.
    #[must_use]
    pub fn command(&self, program: &Path) -> Command {
        let mut command = Command::new("wine");
        command.arg(program).envs(self.environment());
        command
    }

    /// Converts a path of this system into that of Windows programs.
    #[must_use]
    pub fn path(path: &Path) -> String {
        format!("Z:{}", path.to_str().expect("Unicode").replace('/', r"\"))
    }

    /// Returns the user's folder for local data, `%LOCALAPPDATA%`.
    #[must_use]
    pub fn local_data(&self) -> PathBuf {
        self.prefix.path().join("drive_c/users").join(USER).join("AppData/Local")
    }

    /// Ends all programs and returns the registry, which then contains the user's credential store.
    #[must_use]
    pub fn into_registry(self) -> String {
        self.end();
        std::fs::read_to_string(self.prefix.path().join("user.reg")).expect("a registry")
    }

    fn end(&self) {
        let _ = self.blocking("wineserver").arg("-k").status();
        let _ = self.blocking("wineserver").arg("-w").status();
    }
}

impl Default for Wine {
    fn default() -> Self {
        Self::new()
    }
}

impl Drop for Wine {
    fn drop(&mut self) {
        self.end();
    }
}

/// Returns the registry for [`USER`], with the user's folder for local data and an empty credential store.
fn registry_of_user(registry: &str) -> String {
    // Wine writes characters outside of ASCII as UTF-16 units.
    let user: String = USER
        .encode_utf16()
        .map(|unit| match u8::try_from(unit) {
            Ok(byte) if byte.is_ascii() => char::from(byte).to_string(),
            _ => format!(r"\x{unit:04x}"),
        })
        .collect();
    let local_data = format!(r#""Local AppData"="C:\\users\\{user}\\AppData\\Local""#);
    let mut result = String::new();
    let mut is_credential = false;
    for line in registry.lines() {
        if line.starts_with('[') {
            is_credential = line.starts_with(r"[Software\\Wine\\Credential Manager");
        }
        if !is_credential {
            let is_local_data = line.starts_with(r#""Local AppData"="#);
            result.extend([if is_local_data { &local_data } else { line }, "\n"]);
        }
    }
    result
}

/// Returns the processes whose command line contains `text`.
#[must_use]
pub fn processes_with(text: &str) -> Vec<u32> {
    let processes = std::fs::read_dir("/proc").expect("the processes").flatten();
    let numbers = processes.filter_map(|process| process.file_name().to_str()?.parse::<u32>().ok());
    numbers
        .filter(|pid| {
            // Empty if it has ended meanwhile.
            let line = std::fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
            String::from_utf8_lossy(&line).contains(text)
        })
        .collect()
}
