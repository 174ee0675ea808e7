//! The built runner with a package of its own, started as hosts start it.

use std::fs;
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::TcpListener;
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use tempfile::TempDir;

/// Ends a test that would hang; nothing waits for it in one that passes.
const SOON: Duration = Duration::from_secs(20);

/// Names as users have them.
const ODD: &str = "J\u{f6}rg & M\u{fc}ller 100%/\u{6771}\u{4eac}\u{97f3}\u{697d}/\u{1f3a7} a b";

fn example(name: &str) -> PathBuf {
    let tests = std::env::current_exe().unwrap();
    tests.ancestors().nth(2).unwrap().join("examples").join(name)
}

fn library() -> String {
    format!("{}diary{}", std::env::consts::DLL_PREFIX, std::env::consts::DLL_SUFFIX)
}

/// A package's folder, and a host's port where somebody listens.
struct World {
    /// Holds everything else.
    _folder: TempDir,
    package: PathBuf,
    diary: PathBuf,
    /// What the package starts.
    starts: Option<&'static str>,
    /// How the package fails.
    fails: Option<&'static str>,
    host: TcpListener,
}

impl World {
    fn new(below: &str) -> Self {
        Self::with_library_in(below, "")
    }

    /// A package at a path of its own, with its library in a folder of its own within it.
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
        until(note, || self.diary.join(note).exists());
    }

    fn go(&self) {
        fs::write(self.diary.join("go"), "").unwrap();
    }

    /// Lets the package end, which has been asked to.
    fn ends_well(&self, mut runner: Child) {
        self.wait_for("ending");
        assert!(runner.try_wait().unwrap().is_none(), "it lets the package finish");
        self.go();
        assert_eq!(wait(&mut runner).code(), Some(0));
        assert!(self.diary.join("ended").exists());
    }
}

fn runner() -> String {
    format!("package-runner{}", std::env::consts::EXE_SUFFIX)
}

/// Starts a program that has just been written. Another test's child that is being started at the same moment may still
/// hold it open for writing, until that child becomes its own program.
fn spawn(command: &mut Command) -> Child {
    loop {
        match command.spawn() {
            Err(error) if error.kind() == std::io::ErrorKind::ExecutableFileBusy => std::thread::yield_now(),
            child => return child.unwrap(),
        }
    }
}

fn until(what: &str, holds: impl Fn() -> bool) {
    let start = Instant::now();
    while !holds() {
        assert!(start.elapsed() < SOON, "{what}");
        std::thread::sleep(Duration::from_millis(10));
    }
}

fn wait(child: &mut Child) -> ExitStatus {
    let start = Instant::now();
    loop {
        if let Some(status) = child.try_wait().unwrap() {
            return status;
        }
        assert!(start.elapsed() < SOON, "it ends");
        std::thread::sleep(Duration::from_millis(10));
    }
}

#[test]
fn the_line_end_lets_the_package_finish() {
    let world = World::new("package");
    let mut runner = world.start();
    world.wait_for("started");
    let mut stdin = runner.stdin.take().unwrap();
    stdin.write_all(b"end\n").unwrap();
    world.ends_well(runner);
}

#[cfg(unix)]
#[test]
fn a_signal_lets_the_package_finish() {
    let world = World::new("package");
    let runner = world.start();
    world.wait_for("started");
    assert!(Command::new("kill").arg(runner.id().to_string()).status().unwrap().success());
    world.ends_well(runner);
}

#[test]
fn runs_from_folders_with_any_name_and_of_any_length() {
    let long = format!("{0}/{0}/{0}/{0}/", "long \u{6771} ".repeat(10).trim_end());
    let mut worlds = vec![World::new(ODD), World::with_library_in("package", &long)];
    // A library that far down is loaded; whether a program is started there is up to who starts it.
    if cfg!(unix) {
        worlds.push(World::new(&long));
    }
    for world in worlds {
        let mut runner = world.start();
        world.wait_for("started");
        world.go();
        runner.stdin.take().unwrap().write_all(b"end\n").unwrap();
        assert_eq!(wait(&mut runner).code(), Some(0));
    }
}

#[test]
fn each_way_to_fail_has_its_exit_code_and_one_line() {
    let fails = |world: &World, args: &[String], code: i32, says: &str| {
        let mut command = Command::new(world.package.join(runner()));
        let mut child = spawn(command.args(args).stdin(Stdio::null()).stderr(Stdio::piped()));
        let lines: Vec<_> = BufReader::new(child.stderr.take().unwrap()).lines().map(Result::unwrap).collect();
        assert_eq!(wait(&mut child).code(), Some(code), "{lines:?}");
        // Before it there is what a panic says for itself.
        let said = lines.last().unwrap();
        assert!(said.starts_with("package-runner: ") && said.contains(says), "{lines:?}");
    };
    let mut world = World::new("package");
    fails(&world, &[], 2, "-port is missing");
    for (way, says) in [
        ("returns", "the package failed: it ended without being asked to"),
        ("fails", "the package failed: the page is full"),
        ("panics", "the package failed: the package panicked: the pen is broken"),
    ] {
        world.fails = Some(way);
        fails(&world, &world.args(), 6, says);
    }
    fs::write(world.package.join(library()), "not a library").unwrap();
    fails(&world, &world.args(), 4, "can't be loaded");
    fs::remove_file(world.package.join(library())).unwrap();
    fails(&world, &world.args(), 4, "there is no library");
    fs::write(world.package.join("PackageConfig.json"), "{}").unwrap();
    fails(&world, &world.args(), 3, "names no library");
}

/// Starts the runner by a process that isn't this one. Answers that process, and what tells whether the runner lives.
fn launch(world: &World) -> (Child, impl Fn() -> bool + use<>) {
    let mut launcher = Command::new(example(&format!("launcher{}", std::env::consts::EXE_SUFFIX)));
    launcher.arg(world.package.join(runner())).args(world.args()).stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut launcher = spawn(&mut launcher);
    let mut pid = String::new();
    BufReader::new(launcher.stdout.take().unwrap()).read_line(&mut pid).unwrap();
    let pid: i32 = pid.trim().parse().unwrap();
    (launcher, move || lives(pid))
}

/// An orphan that has ended stays in the list of processes until somebody takes notice, which its handle doesn't.
fn lives(pid: i32) -> bool {
    waitpid_any::WaitHandle::open(pid).is_ok_and(|mut process| matches!(process.wait_timeout(Duration::ZERO), Ok(None)))
}

fn gone_within_3_s(lives: impl Fn() -> bool) {
    let start = Instant::now();
    while lives() {
        assert!(start.elapsed() < Duration::from_secs(3), "it outlives its host");
        std::thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn the_runner_is_gone_within_3_s_of_its_killed_parent() {
    let world = World::new("package");
    world.go();
    let launched = Instant::now();
    let (mut host, lives) = launch(&world);
    world.wait_for("started");
    // On Windows a parent that ends within a second is taken for a launcher.
    until("the host isn't a launcher", || launched.elapsed() > Duration::from_millis(1500));
    assert!(lives());
    host.kill().unwrap();
    host.wait().unwrap();
    // The port alone would say that the host lives.
    gone_within_3_s(lives);
    assert!(world.diary.join("ended").exists(), "the package was ended, not killed");
}

#[cfg(unix)]
#[test]
fn what_the_package_has_started_goes_with_its_killed_host() {
    let mut world = World::new("package");
    world.starts = Some("sleep");
    world.go();
    let (mut host, runner_lives) = launch(&world);
    world.wait_for("started");
    let other: i32 = fs::read_to_string(world.diary.join("started")).unwrap().parse().unwrap();
    assert!(lives(other));
    host.kill().unwrap();
    host.wait().unwrap();
    gone_within_3_s(|| runner_lives() || lives(other));
    assert!(world.diary.join("ended").exists(), "the package was ended, not killed");
}

/// Unix tells an orphan apart without a doubt.
#[cfg(windows)]
#[test]
fn a_launcher_that_ends_at_once_is_not_the_host_and_the_port_tells() {
    let world = World::new("package");
    world.go();
    let (mut launcher, lives) = launch(&world);
    drop(launcher.stdin.take());
    wait(&mut launcher);
    // The package connects, and after it the runner looks, again and again. Nobody is to be left in the queue.
    let mut connections: Vec<_> = world.host.incoming().take(4).collect();
    assert!(lives());
    connections.clear();
    drop(world.host);
    until("it notices that nobody listens", || !lives());
    assert!(world.diary.join("ended").exists(), "the package was ended, not killed");
}

#[cfg(windows)]
#[test]
fn the_runner_is_a_program_without_a_window() {
    let program = fs::read(env!("CARGO_BIN_EXE_package-runner")).unwrap();
    let number = |at: usize| u32::from_le_bytes(program[at..at + 4].try_into().unwrap());
    let header = usize::try_from(number(0x3c)).unwrap();
    // The subsystem: 2 has a graphical interface, 3 a console.
    assert_eq!(number(header + 0x5c) & 0xffff, 2);
}
