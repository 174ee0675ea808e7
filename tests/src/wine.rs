//! A Windows for the Windows build: Wine, with a user, a registry and a credential store of a test's own.

use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::{Command as Blocking, Stdio};

use tempfile::TempDir;
use tokio::process::Command;

/// Whose Windows it is: a name such as users have, and programs forget.
const USER: &str = "Jörg 名前 🎧";

/// Wine's prefix: everything that a Windows is, save the programs that come with it. All that runs in it ends with it.
pub struct Wine {
    prefix: TempDir,
}

impl Wine {
    /// Makes a Windows that nobody has used, out of the prefix that `WINEPREFIX` names. `cargo xtask test` has seen
    /// that programs run in that one.
    #[must_use]
    pub fn new() -> Self {
        let made = std::env::var_os("WINEPREFIX").map_or_else(
            || PathBuf::from(std::env::var_os("HOME").expect("a home folder")).join(".wine"),
            PathBuf::from,
        );
        let prefix = tempfile::Builder::new().prefix("wine-").tempdir().expect("a temporary folder");
        let here = prefix.path();
        // What is written into is copied; the system itself, which is large, is shared.
        for name in ["system.reg", "userdef.reg", ".update-timestamp"] {
            std::fs::copy(made.join(name), here.join(name)).expect("a prefix that wineboot has made");
        }
        let registry = std::fs::read_to_string(made.join("user.reg")).expect("a prefix that wineboot has made");
        std::fs::write(here.join("user.reg"), of_user(&registry)).expect("a registry");
        std::fs::create_dir_all(here.join("drive_c/users").join(USER).join("AppData/Local")).expect("folders");
        std::fs::create_dir(here.join("dosdevices")).expect("a folder");
        symlink("../drive_c", here.join("dosdevices/c:")).expect("a link");
        symlink("/", here.join("dosdevices/z:")).expect("a link");
        for name in ["windows", "Program Files", "Program Files (x86)", "ProgramData"] {
            symlink(made.join("drive_c").join(name), here.join("drive_c").join(name)).expect("a link");
        }
        let wine = Self { prefix };
        // Wine's own processes start here, so that ending a host with all of its children leaves them alone.
        wine.blocking("wineserver").arg("-p").status().expect("wineserver starts");
        wine.blocking("wine").args(["cmd", "/c", "exit"]).status().expect("wine starts");
        wine
    }

    fn environment(&self) -> [(&'static str, &std::ffi::OsStr); 3] {
        [
            ("WINEPREFIX", self.prefix.path().as_os_str()),
            ("WINEDEBUG", "-all".as_ref()),
            // Neither is needed, and without them Wine would offer to download them.
            ("WINEDLLOVERRIDES", "mscoree,mshtml=".as_ref()),
        ]
    }

    fn blocking(&self, program: &str) -> Blocking {
        let mut command = Blocking::new(program);
        command.envs(self.environment()).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        command
    }

    /// A command that runs a Windows program.
    #[must_use]
    pub fn command(&self, program: &Path) -> Command {
        let mut command = Command::new("wine");
        command.arg(program).envs(self.environment());
        command
    }

    /// How Windows programs call a file of this system.
    #[must_use]
    pub fn path(path: &Path) -> String {
        format!("Z:{}", path.to_str().expect("Unicode").replace('/', r"\"))
    }

    /// The user's folder for what stays on this computer, `%LOCALAPPDATA%`.
    #[must_use]
    pub fn local_data(&self) -> PathBuf {
        self.prefix.path().join("drive_c/users").join(USER).join("AppData/Local")
    }

    /// Where Windows keeps what the user has stored in its credential store, once all of it is written out: the registry.
    /// Ends every program.
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

/// A registry as [`USER`] has it: the folder for local data is theirs, and their credential store is empty.
fn of_user(registry: &str) -> String {
    // Wine writes what isn't ASCII as UTF-16 units.
    let user: String = USER
        .encode_utf16()
        .map(|unit| match u8::try_from(unit) {
            Ok(byte) if byte.is_ascii() => char::from(byte).to_string(),
            _ => format!(r"\x{unit:04x}"),
        })
        .collect();
    let local_data = format!(r#""Local AppData"="C:\\users\\{user}\\AppData\\Local""#);
    let mut theirs = String::new();
    let mut is_credential = false;
    for line in registry.lines() {
        if line.starts_with('[') {
            is_credential = line.starts_with(r"[Software\\Wine\\Credential Manager");
        }
        if !is_credential {
            let is_local_data = line.starts_with(r#""Local AppData"="#);
            theirs.extend([if is_local_data { &local_data } else { line }, "\n"]);
        }
    }
    theirs
}

/// The processes whose command line contains `text`.
#[must_use]
pub fn processes_with(text: &str) -> Vec<u32> {
    let processes = std::fs::read_dir("/proc").expect("the processes").flatten();
    let numbers = processes.filter_map(|process| process.file_name().to_str()?.parse::<u32>().ok());
    numbers
        .filter(|pid| {
            // Empty where it ended meanwhile.
            let line = std::fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
            String::from_utf8_lossy(&line).contains(text)
        })
        .collect()
}
