//! Tests the built runner with a package, started as a host starts it.

use std::fs;
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::TcpListener;
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use tempfile::TempDir;

/// Ends a test that would hang. Nothing waits for it in a test that passes.
const TIMEOUT: Duration = Duration::from_secs(20);

/// A path with unusual but valid names.
const UNUSUAL: &str = "J\u{f6}rg & M\u{fc}ller 100%/\u{6771}\u{4eac}\u{97f3}\u{697d}/\u{1f3a7} a b";

fn example(name: &str) -> PathBuf {
    let tests = std::env::current_exe().unwrap();
    tests.ancestors().nth(2).unwrap().join("examples").join(name)
}

fn library() -> String {
    format!("{}diary{}", std::env::consts::DLL_PREFIX, std::env::consts::DLL_SUFFIX)
}

/// A package's folder, and the listener of a host.
struct World {
    /// Removed on drop.
    _folder: TempDir,
    package: PathBuf,
    diary: PathBuf,
    /// The program that the package starts.
    starts: Option<&'static str>,
    /// The way in which the package fails.
    fails: Option<&'static str>,
    host: TcpListener,
}

impl World {
    fn new(below: &str) -> Self {
        Self::with_library_in(below, "")
    }

    /// Creates a package at a path, with its library in a folder within it.
    fn with_library_in(below: &str, library_folder: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let package = folder.path().join(below);
        let (runner, name) = (runner(), library());
        let library = format!("{library_folder}{name}");
        fs::create_dir_all(package.join(&library).parent().unwrap()).unwrap();
        fs::copy(env!("CARGO_BIN_EXE_package-runner"), package.join(&runner)).unwrap();
        fs::copy(example(&name), package.join(&library)).unwrap();
        let platform = host_sdk::manifest::PLATFORM;
        let config = format!(
            r#"{{"Runtime": {{"{platform}": {{"type": "bin", "target": "{runner}", "library": "{library}"}}}}}}"#
        );
        fs::write(package.join("PackageConfig.json"), config).unwrap();
        let diary = package.join("diary");
        fs::create_dir(&diary).unwrap();
        Self {
            _folder: folder,
            package,
            diary,
            starts: None,
            fails: None,
            host: TcpListener::bind("127.0.0.1:0").unwrap(),
        }
    }

    fn args(&self) -> Vec<String> {
        let port = self.host.local_addr().unwrap().port().to_string();
        let info = serde_json::json!({"diary": self.diary, "starts": self.starts, "fails": self.fails}).to_string();
        ["-port", &port, "-packageUUID", "com.example.diary", "-registerEvent", "e", "-info", &info]
            .map(str::to_owned)
            .into()
    }

    fn start(&self) -> Child {
        let mut command = Command::new(self.package.join(runner()));
        spawn(command.args(self.args()).stdin(Stdio::piped()).stderr(Stdio::piped()))
    }

    fn wait_for(&self, note: &str) {
        wait_until(note, || self.diary.join(note).exists());
    }

    fn allow_end(&self) {
        fs::write(self.diary.join("go"), "").unwrap();
    }

    /// Checks that the package, which was asked to end, finishes its work.
    fn assert_ends_well(&self, mut runner: Child) {
        self.wait_for("ending");
        assert!(runner.try_wait().unwrap().is_none(), "the runner waits for the package");
        self.allow_end();
        assert_eq!(wait(&mut runner).code(), Some(0));
        assert!(self.diary.join("ended").exists());
    }
}

fn runner() -> String {
    format!("package-runner{}", std::env::consts::EXE_SUFFIX)
}

/// Starts a program that has just been written. A child that another test is starting at the same moment may have inherited the
/// open file, until it executes its own program.
fn spawn(command: &mut Command) -> Child {
    loop {
        match command.spawn() {
            Err(error) if error.kind() == std::io::ErrorKind::ExecutableFileBusy => std::thread::yield_now(),
            child => return child.unwrap(),
        }
    }
}

fn wait_until(what: &str, condition: impl Fn() -> bool) {
    let start = Instant::now();
    while !condition() {
        assert!(start.elapsed() < TIMEOUT, "{what}");
        std::thread::sleep(Duration::from_millis(10));
    }
}

fn wait(child: &mut Child) -> ExitStatus {
    let start = Instant::now();
    loop {
        if let Some(status) = child.try_wait().unwrap() {
            return status;
        }
        assert!(start.elapsed() < TIMEOUT, "it ends");
        std::thread::sleep(Duration::from_millis(10));
    }
}

#[test]
fn line_end_ends_the_package() {
    let world = World::new("package");
    let mut runner = world.start();
    world.wait_for("started");
    let mut stdin = runner.stdin.take().unwrap();
    stdin.write_all(b"end\n").unwrap();
    world.assert_ends_well(runner);
}

#[cfg(unix)]
#[test]
fn signal_ends_the_package() {
    let world = World::new("package");
    let runner = world.start();
    world.wait_for("started");
    assert!(Command::new("kill").arg(runner.id().to_string()).status().unwrap().success());
    world.assert_ends_well(runner);
}

#[test]
fn runs_from_unusual_and_long_paths() {
    let long = format!("{0}/{0}/{0}/{0}/", "long \u{6771} ".repeat(10).trim_end());
    let mut worlds = vec![World::new(UNUSUAL), World::with_library_in("package", &long)];
    // A library with such a long path is loaded. Whether a program can be started there depends on the host.
    if cfg!(unix) {
        worlds.push(World::new(&long));
    }
    for world in worlds {
        let mut runner = world.start();
        world.wait_for("started");
        world.allow_end();
        runner.stdin.take().unwrap().write_all(b"end\n").unwrap();
        assert_eq!(wait(&mut runner).code(), Some(0));
    }
}

#[test]
fn failures_have_an_exit_code_and_a_message() {
    let assert_fails = |world: &World, args: &[String], code: i32, message: &str| {
        let mut command = Command::new(world.package.join(runner()));
        let mut child = spawn(command.args(args).stdin(Stdio::null()).stderr(Stdio::piped()));
        let lines: Vec<_> = BufReader::new(child.stderr.take().unwrap()).lines().map(Result::unwrap).collect();
        assert_eq!(wait(&mut child).code(), Some(code), "{lines:?}");
        // Before it there may be the message of a panic.
        let last = lines.last().unwrap();
        assert!(last.starts_with("package-runner: ") && last.contains(message), "{lines:?}");
    };
    let mut world = World::new("package");
    assert_fails(&world, &[], 2, "-port is missing");
    for (way, message) in [
        ("returns", "the package failed: it ended without being asked to"),
        ("fails", "the package failed: the page is full"),
        ("panics", "the package failed: the package panicked: the pen is broken"),
    ] {
        world.fails = Some(way);
        assert_fails(&world, &world.args(), 6, message);
    }
    fs::write(world.package.join(library()), "not a library").unwrap();
    assert_fails(&world, &world.args(), 4, "can't be loaded");
    fs::remove_file(world.package.join(library())).unwrap();
    assert_fails(&world, &world.args(), 4, "there is no library");
    fs::write(world.package.join("PackageConfig.json"), "{}").unwrap();
    assert_fails(&world, &world.args(), 3, "names no library");
}

/// Starts the runner from another process. Returns that process, and a function that returns whether the runner is running.
fn launch(world: &World) -> (Child, impl Fn() -> bool + use<>) {
    let mut launcher = Command::new(example(&format!("launcher{}", std::env::consts::EXE_SUFFIX)));
    launcher.arg(world.package.join(runner())).args(world.args()).stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut launcher = spawn(&mut launcher);
    let mut pid = String::new();
    BufReader::new(launcher.stdout.take().unwrap()).read_line(&mut pid).unwrap();
    let pid: i32 = pid.trim().parse().unwrap();
    (launcher, move || is_running(pid))
}

/// Returns whether a process is running. Uses a handle, because an orphan that has ended stays in the list of processes until it
/// is reaped.
fn is_running(pid: i32) -> bool {
    waitpid_any::WaitHandle::open(pid).is_ok_and(|mut process| matches!(process.wait_timeout(Duration::ZERO), Ok(None)))
}

fn assert_gone_within_3_s(is_running: impl Fn() -> bool) {
    let start = Instant::now();
    while is_running() {
        assert!(start.elapsed() < Duration::from_secs(3), "it outlives its host");
        std::thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn runner_ends_within_3_s_of_its_killed_parent() {
    let world = World::new("package");
    world.allow_end();
    let launched = Instant::now();
    let (mut host, is_running) = launch(&world);
    world.wait_for("started");
    // On Windows a parent that ends within a second is considered a launcher.
    wait_until("the host isn't a launcher", || launched.elapsed() > Duration::from_millis(1500));
    assert!(is_running());
    host.kill().unwrap();
    host.wait().unwrap();
    // The port is still open.
    assert_gone_within_3_s(is_running);
    assert!(world.diary.join("ended").exists(), "the package was ended, not killed");
}

#[cfg(unix)]
#[test]
fn processes_of_the_package_end_with_its_killed_host() {
    let mut world = World::new("package");
    world.starts = Some("sleep");
    world.allow_end();
    let (mut host, runner_is_running) = launch(&world);
    world.wait_for("started");
    let other: i32 = fs::read_to_string(world.diary.join("started")).unwrap().parse().unwrap();
    assert!(is_running(other));
    host.kill().unwrap();
    host.wait().unwrap();
    assert_gone_within_3_s(|| runner_is_running() || is_running(other));
    assert!(world.diary.join("ended").exists(), "the package was ended, not killed");
}

/// Only for Windows: on Unix an orphan is recognized by its parent.
#[cfg(windows)]
#[test]
fn port_is_checked_if_the_parent_was_a_launcher() {
    let world = World::new("package");
    world.allow_end();
    let (mut launcher, is_running) = launch(&world);
    drop(launcher.stdin.take());
    wait(&mut launcher);
    // The package connects, then the runner checks the port repeatedly. No connection may be left in the queue.
    let mut connections: Vec<_> = world.host.incoming().take(4).collect();
    assert!(is_running());
    connections.clear();
    drop(world.host);
    wait_until("it notices that the port is closed", || !is_running());
    assert!(world.diary.join("ended").exists(), "the package was ended, not killed");
}

#[cfg(windows)]
#[test]
fn runner_has_no_window() {
    let program = fs::read(env!("CARGO_BIN_EXE_package-runner")).unwrap();
    let number = |at: usize| u32::from_le_bytes(program[at..at + 4].try_into().unwrap());
    let header = usize::try_from(number(0x3c)).unwrap();
    // The subsystem: 2 is a graphical interface, 3 a console.
    assert_eq!(number(header + 0x5c) & 0xffff, 2);
}
