//! A headless browser, with the deck's page in it: web packages run there where nobody has that page open, as in
//! scripts, in the validator, and on a machine without a screen.

use std::io;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use tempfile::TempDir;
use tokio::process::{Child, Command};

use crate::process::Tree;
use crate::process::choice::on_path;

/// What browsers are called that can do it: Chromium and those made of it.
const NAMES: [&str; 7] =
    ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome", "microsoft-edge", "msedge"];

/// A running browser. Dropping it ends it, and removes its profile.
#[derive(Debug)]
pub struct Unattended {
    _child: Child,
    _tree: Option<Tree>,
    _profile: TempDir,
}

impl Unattended {
    /// Starts a browser with the deck's page, whose address is `page`, and with an empty profile.
    ///
    /// # Errors
    /// If it can't be started.
    pub fn start(program: &Path, page: &str) -> io::Result<Self> {
        let profile = tempfile::tempdir()?;
        let mut folder = std::ffi::OsString::from("--user-data-dir=");
        folder.push(profile.path());
        let mut command = Command::new(program);
        command
            .args(["--headless=new", "--no-first-run", "--no-default-browser-check", "--disable-gpu"])
            .args(["--disable-background-networking", "--disable-extensions", "--disable-sync"])
            .args(["--disable-dev-shm-usage", "--mute-audio"])
            .arg(folder)
            .arg(format!("{page}#unattended"))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .kill_on_drop(true);
        // It refuses to start as root otherwise, which is what programs are in containers.
        #[cfg(target_os = "linux")]
        if rustix::process::geteuid().is_root() {
            command.arg("--no-sandbox");
        }
        Tree::prepare(&mut command);
        let child = command.spawn()?;
        // An error means that it has ended.
        let tree = Tree::of(&child).ok();
        Ok(Self { _child: child, _tree: tree, _profile: profile })
    }
}

/// A browser on the PATH that can do it.
#[must_use]
pub fn find() -> Option<PathBuf> {
    NAMES.iter().find_map(|name| on_path(name))
}
