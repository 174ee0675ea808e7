//! The things that cargo has built, packed as users get them.

use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use tempfile::TempDir;
use tokio::process::{Child, Command};
use xtask::dist;

/// `target/debug` or the like: where the running test was built.
fn built() -> PathBuf {
    let test = std::env::current_exe().expect("the test knows where it is");
    test.ancestors().nth(2).expect("tests lie in target/PROFILE/deps").to_owned()
}

/// A program of this workspace.
#[must_use]
pub fn program(name: &str) -> PathBuf {
    let path = built().join(format!("{name}{}", std::env::consts::EXE_SUFFIX));
    assert!(path.is_file(), "{} is not there; `cargo xtask test` builds it", path.display());
    path
}

/// `target`, where tests keep what they found out.
#[must_use]
pub fn target() -> PathBuf {
    built().parent().expect("profiles lie in target").to_owned()
}

/// `target/screenshots`, where browser tests keep what they saw.
#[must_use]
pub fn screenshots() -> PathBuf {
    let folder = target().join("screenshots");
    std::fs::create_dir_all(&folder).expect("a folder");
    folder
}

/// The Spotify package's bundle.
#[must_use]
pub fn bundle() -> &'static Path {
    static BUNDLE: OnceLock<PathBuf> = OnceLock::new();
    BUNDLE.get_or_init(|| make(dist::SPOTIFY))
}

/// The clock example's bundle.
#[must_use]
pub fn clock_bundle() -> &'static Path {
    static BUNDLE: OnceLock<PathBuf> = OnceLock::new();
    BUNDLE.get_or_init(|| make(dist::CLOCK))
}

fn make(package: dist::Package) -> PathBuf {
    // A folder for each test process: they run side by side.
    let folder = built().join("acceptance").join(std::process::id().to_string());
    dist::make(package, &built(), &folder).expect("the bundle is packed")
}

/// The bundle, installed into a folder of its own with nothing of the repository at hand.
pub struct Unpacked {
    folder: TempDir,
    package: PathBuf,
}

impl Unpacked {
    /// Unpacks the Spotify package.
    #[must_use]
    pub fn spotify() -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let bytes = std::fs::read(bundle()).expect("the bundle is there");
        let installed = host_sdk::bundle::install(&bytes, &folder.path().join("packages")).expect("it installs");
        Self { folder, package: installed.folder }
    }

    /// A folder for the test's own files, beside the package.
    #[must_use]
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// The package's folder.
    #[must_use]
    pub fn package(&self) -> &Path {
        &self.package
    }

    /// The command that a host starts, with an environment in which the package finds nothing but what the test gives.
    #[must_use]
    pub fn command(&self, port: u16, package_uuid: &str, register_event: &str) -> Command {
        let mut command = Command::new(self.package.join("package-runner"));
        command
            .args(["-port", &port.to_string(), "-packageUUID", package_uuid, "-registerEvent", register_event])
            .args([
                "-info",
                r#"{"application":{"language":"en","platform":"linux","platformVersion":"","version":""}}"#,
            ])
            .current_dir(&self.package)
            .env("HOME", self.folder.path())
            .env("XDG_DATA_HOME", self.folder.path().join("share"))
            .env("SPOTIFY_WIDGETS_LOG", self.folder.path().join("logs"))
            .env("SPOTIFY_WIDGETS_STORE", self.store())
            .kill_on_drop(true);
        command
    }

    /// A private file as the store of secrets, in the form of the environment variable.
    #[must_use]
    pub fn store(&self) -> String {
        format!("file:{}", self.folder.path().join("secrets.json").display())
    }

    /// Starts the package for a host, against a simulated Spotify.
    #[must_use]
    pub fn start(&self, host: &crate::FakeHost, spotify: &spotify_sim::Sim) -> Child {
        spawn(&mut self.command_for(host, spotify))
    }

    /// The command that [`Unpacked::start`] starts.
    #[must_use]
    pub fn command_for(&self, host: &crate::FakeHost, spotify: &spotify_sim::Sim) -> Command {
        let mut command = self.command(host.port(), crate::host::PACKAGE, crate::host::REGISTER);
        command.env("SPOTIFY_API_URL", spotify.api_url()).env("SPOTIFY_ACCOUNTS_URL", spotify.accounts_url());
        command
    }
}

/// Starts a program that has just been unpacked. Another test's child that is being started at the same moment may still
/// hold it open for writing, until that child becomes its own program.
#[must_use]
pub fn spawn(command: &mut Command) -> Child {
    loop {
        match command.spawn() {
            Err(error) if error.kind() == std::io::ErrorKind::ExecutableFileBusy => std::thread::yield_now(),
            child => return child.expect("the runner starts"),
        }
    }
}

/// A command that first runs something else, which then becomes it: `wrapper… program arguments…`, in its environment.
#[must_use]
pub fn wrapped(wrapper: &[&str], command: &Command) -> Command {
    let command = command.as_std();
    let mut outer = Command::new(wrapper[0]);
    outer.args(&wrapper[1..]).arg(command.get_program()).args(command.get_args()).kill_on_drop(true);
    for (name, value) in command.get_envs() {
        match value {
            Some(value) => outer.env(name, value),
            None => outer.env_remove(name),
        };
    }
    outer
}
