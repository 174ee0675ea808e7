//! The things that cargo has built, packed as users get them.

use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use host_sdk::manifest::PLATFORM;
use tempfile::TempDir;
use tokio::process::{Child, Command};
use xtask::dist;

#[cfg(target_os = "linux")]
use crate::Wine;

/// Where a package has its runner.
const RUNNER: &str =
    if cfg!(target_os = "macos") { "package-runner.app/Contents/MacOS/package-runner" } else { "package-runner" };

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

/// A program of the Windows build.
#[cfg(target_os = "linux")]
#[must_use]
pub fn windows_program(name: &str) -> PathBuf {
    let path = windows("debug").join(format!("{name}.exe"));
    assert!(path.is_file(), "{} is not there; `cargo xtask test` builds it", path.display());
    path
}

/// Where the Windows build of a profile is.
#[cfg(target_os = "linux")]
fn windows(profile: &str) -> PathBuf {
    target().join(xtask::cross::WINDOWS).join(profile)
}

/// The clock example's library as another build has made it: optimised, or for Windows, or both.
#[cfg(target_os = "linux")]
#[must_use]
pub fn clock_library(windows_build: bool, profile: &str) -> PathBuf {
    let path = match windows_build {
        true => windows(profile).join("examples/clock.dll"),
        false => target().join(profile).join("examples/libclock.so"),
    };
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
    BUNDLE.get_or_init(|| make(dist::SPOTIFY, PLATFORM, &built()))
}

/// The Spotify package's bundle for Windows.
#[cfg(target_os = "linux")]
#[must_use]
pub fn windows_bundle() -> &'static Path {
    static BUNDLE: OnceLock<PathBuf> = OnceLock::new();
    BUNDLE.get_or_init(|| make(dist::SPOTIFY, "win", &windows("debug")))
}

/// The clock example's bundle for Windows.
#[cfg(target_os = "linux")]
#[must_use]
pub fn windows_clock_bundle() -> &'static Path {
    static BUNDLE: OnceLock<PathBuf> = OnceLock::new();
    BUNDLE.get_or_init(|| make(dist::CLOCK, "win", &windows("debug")))
}

/// The clock example's bundle.
#[must_use]
pub fn clock_bundle() -> &'static Path {
    static BUNDLE: OnceLock<PathBuf> = OnceLock::new();
    BUNDLE.get_or_init(|| make(dist::CLOCK, PLATFORM, &built()))
}

fn make(package: dist::Package, platform: &str, from: &Path) -> PathBuf {
    // A folder for each test process, as they run side by side, and for each platform.
    let folder = built().join("acceptance").join(format!("{}-{platform}", std::process::id()));
    dist::make(package, &[(platform, from)], &folder).expect("the bundle is packed")
}

/// A bundle, installed into a folder of its own with nothing of the repository at hand.
pub struct Unpacked {
    folder: TempDir,
    package: PathBuf,
    #[cfg(target_os = "linux")]
    wine: Option<Wine>,
}

impl Unpacked {
    /// Unpacks the Spotify package.
    #[must_use]
    pub fn spotify() -> Self {
        Self::of(bundle())
    }

    /// Unpacks a bundle of this system.
    #[must_use]
    pub fn of(bundle: &Path) -> Self {
        Self::install(bundle, "packages")
    }

    /// Unpacks a bundle for Windows, below a folder of the given name, into a Windows of its own.
    #[cfg(target_os = "linux")]
    #[must_use]
    pub fn on_windows(bundle: &Path, name: &str) -> Self {
        Self { wine: Some(Wine::new()), ..Self::install(bundle, name) }
    }

    fn install(bundle: &Path, name: &str) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let bytes = std::fs::read(bundle).expect("the bundle is there");
        let installed = host_sdk::bundle::install(&bytes, &folder.path().join(name)).expect("it installs");
        Self {
            folder,
            package: installed.folder,
            #[cfg(target_os = "linux")]
            wine: None,
        }
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

    /// The Windows that it was unpacked into.
    ///
    /// # Panics
    /// If it was not.
    #[cfg(target_os = "linux")]
    #[must_use]
    pub fn wine(&self) -> &Wine {
        self.wine.as_ref().expect("a package for Windows")
    }

    fn runner(&self) -> Command {
        #[cfg(target_os = "linux")]
        if let Some(wine) = &self.wine {
            return wine.command(&self.package.join("package-runner.exe"));
        }
        Command::new(self.package.join(RUNNER))
    }

    /// The command that a host starts, with an environment in which the package finds nothing but what the test gives.
    #[must_use]
    pub fn command(&self, port: u16, package_uuid: &str, register_event: &str) -> Command {
        let mut command = self.runner();
        command
            .args(["-port", &port.to_string(), "-packageUUID", package_uuid, "-registerEvent", register_event])
            .args([
                "-info",
                r#"{"application":{"language":"en","platform":"linux","platformVersion":"","version":""}}"#,
            ])
            .current_dir(&self.package)
            .env("HOME", self.folder.path())
            .env("XDG_DATA_HOME", self.folder.path().join("share"))
            .env("SPOTIFY_WIDGETS_LOG", self.path("logs"))
            .env("SPOTIFY_WIDGETS_STORE", self.store())
            .kill_on_drop(true);
        command
    }

    /// A private file as the store of secrets, in the form of the environment variable.
    #[must_use]
    pub fn store(&self) -> String {
        format!("file:{}", self.path("secrets.json"))
    }

    /// How the package calls a file of the test.
    fn path(&self, name: &str) -> String {
        let file = self.folder.path().join(name);
        #[cfg(target_os = "linux")]
        if self.wine.is_some() {
            return Wine::path(&file);
        }
        file.display().to_string()
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
