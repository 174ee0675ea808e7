//! A headless browser with the deck's page: it runs web packages while no user has the page open, as in scripts, in the
//! validator, and on machines without a screen.

use std::io;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use tempfile::TempDir;
use tokio::process::{Child, Command};

use crate::process::Tree;
use crate::process::choice::on_path;

/// Names of suitable browsers: Chromium and those based on it.
const NAMES: [&str; 7] =
    ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome", "microsoft-edge", "msedge"];

/// A running browser. Dropping it ends it and removes its profile.
#[derive(Debug)]
pub struct Unattended {
    _child: Child,
    _tree: Option<Tree>,
    _profile: TempDir,
}

impl Unattended {
    /// Starts a browser with an empty profile and the deck's page, whose address is `page`.
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
        // Otherwise it refuses to start as root, which programs are in containers.
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

/// Returns a suitable browser on the PATH.
#[must_use]
pub fn find() -> Option<PathBuf> {
    NAMES.iter().find_map(|name| on_path(name))
}
