//! The programs and libraries that cargo has built, packed as users get them.

use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use host_sdk::manifest::PLATFORM;
use tempfile::TempDir;
use tokio::process::{Child, Command};
use xtask::dist;

#[cfg(target_os = "linux")]
use crate::Wine;

/// The path of the runner in a package.
const RUNNER: &str =
    if cfg!(target_os = "macos") { "package-runner.app/Contents/MacOS/package-runner" } else { "package-runner" };

/// Returns the folder of the running test's profile, such as `target/debug`.
fn built() -> PathBuf {
    let test = std::env::current_exe().expect("the test knows where it is");
    test.ancestors().nth(2).expect("tests lie in target/PROFILE/deps").to_owned()
}

/// Returns the path of a program of this workspace.
#[must_use]
pub fn program(name: &str) -> PathBuf {
    let path = built().join(format!("{name}{}", std::env::consts::EXE_SUFFIX));
    assert!(path.is_file(), "{} is not there; `cargo xtask test` builds it", path.display());
    path
}

/// Returns the path of a program of the Windows build.
#[cfg(target_os = "linux")]
#[must_use]
pub fn windows_program(name: &str) -> PathBuf {
    let path = windows("debug").join(format!("{name}.exe"));
    assert!(path.is_file(), "{} is not there; `cargo xtask test` builds it", path.display());
    path
}

/// Returns the folder of the Windows build in a profile.
#[cfg(target_os = "linux")]
fn windows(profile: &str) -> PathBuf {
    target().join(xtask::cross::WINDOWS).join(profile)
}

/// Returns the clock example's library from another build: in another profile, for Windows, or both.
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

/// Returns the folder `target`, where tests write their results.
#[must_use]
pub fn target() -> PathBuf {
    built().parent().expect("profiles lie in target").to_owned()
}

/// Returns the folder `target/screenshots`, where browser tests save screenshots.
#[must_use]
pub fn screenshots() -> PathBuf {
    let folder = target().join("screenshots");
    std::fs::create_dir_all(&folder).expect("a folder");
    folder
}

/// Returns the Spotify package's bundle.
#[must_use]
pub fn bundle() -> &'static Path {
    static BUNDLE: OnceLock<PathBuf> = OnceLock::new();
    BUNDLE.get_or_init(|| make(dist::SPOTIFY, PLATFORM, &built()))
}

/// Returns the Spotify package's bundle for Windows.
#[cfg(target_os = "linux")]
#[must_use]
pub fn windows_bundle() -> &'static Path {
    static BUNDLE: OnceLock<PathBuf> = OnceLock::new();
    BUNDLE.get_or_init(|| make(dist::SPOTIFY, "win", &windows("debug")))
}

/// Returns the clock example's bundle for Windows.
#[cfg(target_os = "linux")]
#[must_use]
pub fn windows_clock_bundle() -> &'static Path {
    static BUNDLE: OnceLock<PathBuf> = OnceLock::new();
    BUNDLE.get_or_init(|| make(dist::CLOCK, "win", &windows("debug")))
}

/// Returns the clock example's bundle.
#[must_use]
pub fn clock_bundle() -> &'static Path {
    static BUNDLE: OnceLock<PathBuf> = OnceLock::new();
    BUNDLE.get_or_init(|| make(dist::CLOCK, PLATFORM, &built()))
}

fn make(package: dist::Package, platform: &str, from: &Path) -> PathBuf {
    // Each test process has its own folder for each platform, because they run concurrently.
    let folder = built().join("acceptance").join(format!("{}-{platform}", std::process::id()));
    dist::make(package, &[(platform, from)], &folder).expect("the bundle is packed")
}

/// A bundle that is installed into its own folder, outside of the repository.
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
        Self::from_bundle(bundle())
    }

    /// Unpacks a bundle of this system.
    #[must_use]
    pub fn from_bundle(bundle: &Path) -> Self {
        Self::install(bundle, "packages")
    }

    /// Unpacks a bundle for Windows below a folder of the given name, with its own Wine prefix.
    #[cfg(target_os = "linux")]
    #[must_use]
    pub fn on_windows(bundle: &Path, name: &str) -> Self {
        Self { wine: Some(Wine::new()), ..Self::install(bundle, name) }
    }

    fn install(bundle: &Path, name: &str) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let bytes = std::fs::read(bundle).expect("the bundle exists");
        let installed = host_sdk::bundle::install(&bytes, &folder.path().join(name)).expect("it installs");
        Self {
            folder,
            package: installed.folder,
            #[cfg(target_os = "linux")]
            wine: None,
        }
    }

    /// Returns the folder for the test's own files, outside of the package's.
    #[must_use]
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Returns the package's folder.
    #[must_use]
    pub fn package(&self) -> &Path {
        &self.package
    }

    /// Returns the Wine prefix that it was unpacked for.
    ///
    /// # Panics
    /// If it wasn't unpacked for Windows.
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

    /// Returns the command with which a host starts the package, with an environment that isolates it from the user's files.
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

    /// Returns the value of the environment variable for a private file as the store of secrets.
    #[must_use]
    pub fn store(&self) -> String {
        format!("file:{}", self.path("secrets.json"))
    }

    /// Returns the path of a test's file as the package sees it.
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

    /// Returns the command that [`Unpacked::start`] starts.
    #[must_use]
    pub fn command_for(&self, host: &crate::FakeHost, spotify: &spotify_sim::Sim) -> Command {
        let mut command = self.command(host.port(), crate::host::PACKAGE, crate::host::REGISTER);
        command.env("SPOTIFY_API_URL", spotify.api_url()).env("SPOTIFY_ACCOUNTS_URL", spotify.accounts_url());
        command
    }
}

/// Starts a program that has just been unpacked. It retries while the file is busy: a child that another test is starting
/// can hold it open for writing until its `exec`.
#[must_use]
pub fn spawn(command: &mut Command) -> Child {
    loop {
        match command.spawn() {
            Err(error) if error.kind() == std::io::ErrorKind::ExecutableFileBusy => std::thread::yield_now(),
            child => return child.expect("the runner starts"),
        }
    }
}

/// Wraps a command as `wrapper… program arguments…`, in the command's environment.
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
