//! Runs packages: each as a child process of its runtime target or, if configured, as a library within this process;
//! web packages run in the deck's page (`web`). `choice` decides which. A package that ends is started again after
//! growing pauses; one that keeps dying right after its start is parked.
//!
//! What a package has started ends with it (`tree`), and on Windows also with this process, even if that is killed. On
//! Unix a package detects that its host is gone: its standard input ends, and its parent changes.

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, LazyLock, Mutex, PoisonError};
use std::time::Duration;

use host_sdk::abi::{Library, LoadError, PackageError};
use host_sdk::backoff::Backoff;
use host_sdk::manifest::{self, PLATFORM, PackageConfig};
use host_sdk::paths;
use host_sdk::protocol::StartArgs;
use tokio::io::{AsyncBufReadExt as _, AsyncRead, AsyncWriteExt as _, BufReader};
use tokio::process::{Child, ChildStdin, Command};
use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::{JoinError, JoinHandle};
use tokio::time::{Instant, timeout};

use crate::config::Timing;
use crate::log::Log;
use crate::mask;
use crate::random_id;
use crate::tasks::catch_panic;
use crate::throttle::Lines;

pub mod choice;
mod tree;
mod web;

use self::choice::{Choice, Lookup, RunMethod, Unsupported};
#[cfg(windows)]
pub use self::tree::CREATE_NO_WINDOW;
pub use self::tree::Tree;
pub use self::web::PageState;

/// Quick deaths in a row after which a package is parked.
const QUICK_DEATHS: u32 = 5;
/// Bytes of a line of a package's output; the rest of a longer one is left out.
const MAX_LINE_LEN: usize = 4096;
/// How long to wait for a dead package's last output. A grandchild may hold the pipe open forever.
const LAST_OUTPUT: Duration = Duration::from_millis(500);
/// How often a library in this process is asked whether it still runs.
const POLL_INTERVAL: Duration = Duration::from_millis(100);
/// Asks a package to end, on its standard input: docs/host-additions.md.
const END: &[u8] = b"end\n";

/// The libraries that this process has loaded, each with the hash of its content at that time. They are never unloaded,
/// and loading a path again returns the library that was loaded first, whatever the file contains by then.
static LOADED: LazyLock<Mutex<HashMap<PathBuf, u64>>> = LazyLock::new(Mutex::default);

/// What of a package is started on this system.
#[derive(Clone, Debug)]
pub enum Launch {
    /// A program, or a library.
    Program(Program),
    /// A page, relative to the package's folder.
    Page(String),
}

/// Why a package can't be started on this system, in sentences for the user.
#[derive(Debug, thiserror::Error)]
pub enum LaunchError {
    /// Nothing of it runs here.
    #[error(transparent)]
    Unsupported(#[from] Unsupported),
    /// The macOS application that it names lies outside the package's folder.
    #[error("{target} can't be started: it lies outside the package's folder. Install the package again.")]
    ApplicationOutside {
        /// The application.
        target: String,
    },
    /// The Info.plist of its macOS application can't be read.
    #[error("{target} can't be started: {info} can't be read: {source}. Install the package again.")]
    ApplicationInfo {
        /// The application.
        target: String,
        /// Its Info.plist.
        info: String,
        /// The error.
        source: plist::Error,
    },
    /// The Info.plist of its macOS application names no program within it.
    #[error("{target} can't be started: {info} names no program. Install the package again.")]
    ApplicationProgram {
        /// The application.
        target: String,
        /// Its Info.plist.
        info: String,
    },
}

impl Launch {
    /// Finds what of a package runs on this system. Reads files and searches the PATH: blocks.
    ///
    /// # Errors
    /// If nothing can be started here.
    pub fn find(config: &PackageConfig, folder: &Path, in_process: bool) -> Result<Self, LaunchError> {
        let start_of = |path: &str| choice::start_of(folder, path);
        let lookup = Lookup { start_of: &start_of, on_path: &choice::on_path };
        let Choice { platform, target, method } = choice::choose(config, &lookup)?;
        let interpreter = match method {
            RunMethod::Page => return Ok(Self::Page(target)),
            RunMethod::Program => None,
            RunMethod::Interpreter(interpreter) => Some(interpreter),
        };
        // A library for another platform can't be loaded.
        let library = config.runtime_here().filter(|_| in_process && platform == PLATFORM);
        let library = library.and_then(|runtime| runtime.library.clone());
        let target = program_of(folder, &target)?;
        let path = library.as_ref().unwrap_or(&target);
        if !manifest::is_inside(path) || !folder.join(path).is_file() {
            return Err(Unsupported::MissingFile(path.clone()).into());
        }
        let (package, folder) = (config.uuid.clone(), folder.to_owned());
        Ok(Self::Program(Program { package, folder, target, interpreter, library }))
    }
}

/// A process to start, or a library to load.
#[derive(Clone, Debug)]
pub struct Program {
    /// The package's UUID.
    pub package: String,
    /// The package's folder.
    pub folder: PathBuf,
    /// The program, relative to the folder.
    pub target: String,
    /// The interpreter, if the program needs one.
    pub interpreter: Option<PathBuf>,
    /// The library to load into this process instead, relative to the folder.
    pub library: Option<String>,
}

/// What a package receives about the host when it is started.
#[derive(Clone, Debug)]
pub struct HostArgs {
    /// Port of the package socket.
    pub port: u16,
    /// The host, as JSON: `-info`.
    pub info: String,
}

/// Returns the program of a target: the executable that a macOS application names, else the target itself.
fn program_of(folder: &Path, target: &str) -> Result<String, LaunchError> {
    let Some((info, programs)) = manifest::application_info(target).zip(manifest::application_programs(target)) else {
        return Ok(target.to_owned());
    };
    let target = target.to_owned();
    if !manifest::is_inside(&target) {
        return Err(LaunchError::ApplicationOutside { target });
    }
    let content = match plist::Value::from_file(folder.join(&info)) {
        Ok(content) => content,
        Err(source) => return Err(LaunchError::ApplicationInfo { target, info, source }),
    };
    let name =
        content.as_dictionary().and_then(|info| info.get("CFBundleExecutable")).and_then(plist::Value::as_string);
    match name.filter(|name| manifest::is_inside(name) && !name.contains('/')) {
        Some(name) => Ok(format!("{programs}/{name}")),
        None => Err(LaunchError::ApplicationProgram { target, info }),
    }
}

/// A supervisor's report to the hub.
#[derive(Debug)]
pub enum Report {
    /// The package starts now and will register with this event.
    Starting {
        /// The event's name.
        register_event: String,
        /// The unguessable name under which its page is loaded, if it is one.
        frame: Option<String>,
        /// Answered once the hub has recorded it.
        acknowledged: oneshot::Sender<()>,
    },
    /// It is a page, and no page of the deck is open that could run it.
    Waiting,
    /// The package ended and is started again after a pause. Contains why.
    Restarting(String),
    /// The package doesn't run and isn't started again.
    Failed {
        /// Why, as sentences.
        why: String,
        /// Whether another attempt may succeed.
        can_start: bool,
    },
    /// The package was ended as the hub wanted. Answered once the hub has recorded it.
    Ended(oneshot::Sender<()>),
}

/// What a supervisor has to do with its package.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Order {
    /// Keep it running.
    Run,
    /// It was notified that it ends: don't start it again once it has.
    LetEnd,
    /// End it.
    End,
}

/// Where a supervisor sends its reports.
#[derive(Clone, Debug)]
pub struct Reports {
    /// The number of the supervised run.
    pub run: u64,
    /// The hub.
    pub hub: mpsc::Sender<(u64, Report)>,
}

impl Reports {
    /// Sends a report. Returns false when the hub has ended.
    async fn send(&self, report: Report) -> bool {
        self.hub.send((self.run, report)).await.is_ok()
    }

    /// Logs and reports that a package doesn't run.
    async fn fail(&self, log: &Log, package: &str, why: String, can_start: bool) {
        log.error(Some(package), &why);
        // False means that the hub has ended, which ends the package anyway.
        self.send(Report::Failed { why, can_start }).await;
    }
}

/// Keeps one package running. Dropping it kills the package.
#[derive(Debug)]
pub struct Supervisor {
    orders: watch::Sender<Order>,
    /// The state of the deck's page; none unless the package is a page.
    page_state: Option<watch::Sender<PageState>>,
    task: Option<JoinHandle<()>>,
}

impl Supervisor {
    /// Starts a package.
    #[must_use]
    pub fn start(program: Program, host: HostArgs, timing: Timing, log: Log, reports: Reports) -> Self {
        let (orders, order) = watch::channel(Order::Run);
        let package = program.package.clone();
        let run = Run { program, host, timing, log: log.clone(), reports: reports.clone(), order };
        Self { orders, page_state: None, task: Some(tokio::spawn(supervised(run.supervise(), package, log, reports))) }
    }

    /// Has the deck's page with this number, if there is one, run a web package.
    #[must_use]
    pub fn start_page(package: String, page: Option<u64>, timing: Timing, log: Log, reports: Reports) -> Self {
        let (orders, order) = watch::channel(Order::Run);
        let (page_state, page_states) = watch::channel(PageState { page, connected: false });
        let run = web::Run {
            package: package.clone(),
            timing,
            log: log.clone(),
            reports: reports.clone(),
            order,
            page_state: page_states,
        };
        Self {
            orders,
            page_state: Some(page_state),
            task: Some(tokio::spawn(supervised(run.supervise(), package, log, reports))),
        }
    }

    /// Sets the deck's page that has to run the package.
    pub fn set_page(&self, page: Option<u64>) {
        if let Some(page_state) = &self.page_state {
            page_state.send_replace(PageState { page, connected: false });
        }
    }

    /// Records that the package has registered or lost its socket.
    pub fn set_connected(&self, connected: bool) {
        if let Some(page_state) = &self.page_state {
            page_state.send_modify(|page_state| page_state.connected = connected);
        }
    }

    /// Ends the package: gives it `notice` to end on its own, then asks it to, then kills it. The future ends when the
    /// package has. A second call does nothing.
    pub fn end(&mut self, notice: Duration) -> impl Future<Output = ()> + Send + use<> {
        let (orders, task) = (self.orders.clone(), self.task.take());
        async move {
            let Some(mut task) = task else { return };
            if !notice.is_zero() {
                orders.send_replace(Order::LetEnd);
                if timeout(notice, &mut task).await.is_ok() {
                    return;
                }
            }
            orders.send_replace(Order::End);
            // An error means that the task panicked; its child was killed when it was dropped.
            let _ = task.await;
        }
    }
}

impl Drop for Supervisor {
    fn drop(&mut self) {
        if let Some(task) = &self.task {
            task.abort();
        }
    }
}

struct Run {
    program: Program,
    host: HostArgs,
    timing: Timing,
    log: Log,
    reports: Reports,
    order: watch::Receiver<Order>,
}

/// Runs a supervisor, and reports the package as failed if that panics. Other packages aren't affected.
async fn supervised(supervision: impl Future<Output = ()>, package: String, log: Log, reports: Reports) {
    if let Err(panic) = catch_panic(supervision).await {
        let why = format!("Creator Deck has failed to run it ({panic}). Reload it to try once more.");
        reports.fail(&log, &package, why, true).await;
    }
}

impl Run {
    async fn supervise(mut self) {
        let mut restarts = Restarts::new(self.timing);
        if let Some(library) = &self.program.library
            && is_other_version_loaded(&self.program.folder.join(library)).await
        {
            let why = "Another version of this package is still loaded in Creator Deck. Start Creator Deck again to run this \
                       one.";
            return self.reports.fail(&self.log, &self.program.package, why.to_owned(), false).await;
        }
        loop {
            let args = StartArgs {
                port: self.host.port,
                package_uuid: self.program.package.clone(),
                register_event: random_id(),
                info: self.host.info.clone(),
            };
            let (acknowledged, acknowledgement) = oneshot::channel();
            let starting = Report::Starting { register_event: args.register_event.clone(), frame: None, acknowledged };
            if !self.reports.send(starting).await
                || acknowledgement.await.is_err()
                || *self.order.borrow() != Order::Run
            {
                return;
            }
            let started = Instant::now();
            let ended = match self.program.library.clone() {
                Some(library) => self.run_library(&library, args).await,
                None => self.run_process(&args).await,
            };
            // None: it was stopped.
            let Some(why) = ended.filter(|_| *self.order.borrow() == Order::Run) else { return };
            let why = match restarts.on_death(started.elapsed()) {
                Some(pause) => {
                    let message = format!("{why}. It starts again in {} s.", pause.as_secs_f32());
                    self.log.warn(Some(&self.program.package), message.as_str());
                    if !self.reports.send(Report::Restarting(message)).await {
                        return;
                    }
                    if timeout(pause, self.order.wait_for(|order| *order != Order::Run)).await.is_ok() {
                        return;
                    }
                    continue;
                }
                None => format!(
                    "{why}, {QUICK_DEATHS} times in a row right after its start. \
                     Reload it to try once more, or install it again."
                ),
            };
            return self.reports.fail(&self.log, &self.program.package, why, true).await;
        }
    }

    /// Runs the program until it ends or is stopped. Returns why it ended, or none if it was stopped.
    async fn run_process(&mut self, args: &StartArgs) -> Option<String> {
        let program = match paths::to_run(&self.program.folder.join(&self.program.target)) {
            Ok(program) => program,
            Err(error) => return Some(format!("{} can't be found: {error}", self.program.target)),
        };
        let mut command = match &self.program.interpreter {
            Some(interpreter) => {
                let mut command = Command::new(interpreter);
                command.arg(program);
                command
            }
            None => Command::new(program),
        };
        command
            .args(["-port", &args.port.to_string()])
            .args(["-packageUUID", &args.package_uuid])
            .args(["-registerEvent", &args.register_event])
            .args(["-info", &args.info])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true);
        if paths::can_be_working_directory(&self.program.folder) {
            command.current_dir(&self.program.folder);
        }
        Tree::prepare(&mut command);
        let mut child = match command.spawn() {
            Ok(child) => child,
            Err(error) => return Some(format!("{} can't be started: {error}", self.program.target)),
        };
        let tree = match Tree::of(&child) {
            Ok(tree) => Some(tree),
            Err(error) => {
                let message = format!("What it starts may outlive it and Creator Deck: {error}.");
                self.log.warn(Some(&self.program.package), message);
                None
            }
        };
        let package = Some(self.program.package.as_str());
        let (stdout, stderr) = (child.stdout.take(), child.stderr.take());
        // Taken from the child: waiting for it would close it.
        let stdin = child.stdin.take();
        let output = async {
            tokio::join!(
                copy_lines(stdout, line_logger(&self.log, package)),
                copy_lines(stderr, line_logger(&self.log, package))
            );
        };
        tokio::pin!(output);
        let mut output_ended = false;
        let mut order = self.order.clone();
        let ended = loop {
            tokio::select! {
                ended = child.wait() => break Some(ended),
                // An error means that the supervisor was dropped, which is a stop too.
                _ = order.wait_for(|order| *order == Order::End) => break None,
                () = &mut output, if !output_ended => output_ended = true,
            }
        };
        let why = match ended {
            Some(Ok(status)) => Some(describe(status)),
            Some(Err(error)) => Some(format!("The package is lost: {error}")),
            None => {
                let ending = terminate(&mut child, stdin, self.timing.end_timeout);
                tokio::pin!(ending);
                loop {
                    tokio::select! {
                        () = &mut ending => break,
                        // Keep reading: a package that can't write its last output may not end.
                        () = &mut output, if !output_ended => output_ended = true,
                    }
                }
                None
            }
        };
        drop(tree);
        if !output_ended {
            let _ = timeout(LAST_OUTPUT, output).await;
        }
        why
    }

    /// Runs the library until it ends or is stopped. Returns why it ended, or none if it was stopped.
    async fn run_library(&mut self, library: &str, args: StartArgs) -> Option<String> {
        let path = self.program.folder.join(library);
        let stop = Arc::new(AtomicBool::new(false));
        // Ends the thread even if this future is dropped.
        let stopper = SetOnDrop(stop.clone());
        let mut run = tokio::task::spawn_blocking(move || -> Result<(), LibraryError> {
            let running = Library::load(&path)?.start(&args)?;
            while !stop.load(Ordering::Relaxed) {
                if let Some(ended) = running.wait(POLL_INTERVAL) {
                    return Ok(ended?);
                }
            }
            Ok(running.stop()?)
        });
        let why = |ended: Result<Result<(), LibraryError>, JoinError>| match ended {
            Ok(Ok(())) => "The package ended".to_owned(),
            Ok(Err(error)) => format!("The package failed: {error}"),
            Err(error) => format!("The package is lost: {error}"),
        };
        tokio::select! {
            ended = &mut run => return Some(why(ended)),
            _ = self.order.wait_for(|order| *order == Order::End) => {}
        }
        drop(stopper);
        if let Ok(Err(error)) = run.await {
            self.log.warn(Some(&self.program.package), format!("The package did not end well: {error}"));
        }
        None
    }
}

/// Why a library that runs in this process failed.
#[derive(Debug, thiserror::Error)]
enum LibraryError {
    #[error(transparent)]
    Load(#[from] LoadError),
    #[error(transparent)]
    Package(#[from] PackageError),
}

struct SetOnDrop(Arc<AtomicBool>);

impl Drop for SetOnDrop {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

fn describe(status: ExitStatus) -> String {
    match status.code() {
        Some(0) => "The package ended".to_owned(),
        Some(code) => format!("The package ended with exit code {code}"),
        None => format!("The package was ended ({status})"),
    }
}

/// Asks a package to end in every supported way, and kills it if it doesn't.
async fn terminate(child: &mut Child, stdin: Option<ChildStdin>, within: Duration) {
    if let Some(mut stdin) = stdin {
        // An error means that it doesn't read. This closes its input as well.
        let _ = timeout(within, stdin.write_all(END)).await;
    }
    #[cfg(unix)]
    if let Some(pid) = child.id().and_then(|id| rustix::process::Pid::from_raw(id.cast_signed())) {
        // An error means that it has just ended.
        let _ = rustix::process::kill_process(pid, rustix::process::Signal::TERM);
    }
    if timeout(within, child.wait()).await.is_err() {
        // An error means that it has just ended.
        let _ = child.kill().await;
    }
}

/// Whether a different file was loaded from this path before. Records the first one.
async fn is_other_version_loaded(library: &Path) -> bool {
    // If it can't be read, loading it fails next, with a better message.
    let Ok(content) = tokio::fs::read(library).await else { return false };
    let mut hasher = DefaultHasher::new();
    content.hash(&mut hasher);
    let now = hasher.finish();
    *LOADED.lock().unwrap_or_else(PoisonError::into_inner).entry(library.to_owned()).or_insert(now) != now
}

/// Returns a function that writes a package's output to the log, as far as that may grow.
fn line_logger(log: &Log, package: Option<&str>) -> impl FnMut(String) {
    let mut lines = Lines::new(std::time::Instant::now());
    let mut mask = mask::Lines::default();
    move |line| {
        // Also for lines that are left out: a secret may continue on the next one.
        let line = mask.next(&line);
        let Some(left_out) = lines.take(std::time::Instant::now(), line.len()) else { return };
        if left_out > 0 {
            log.warn(package, format!("It prints too much: {left_out} lines of its output were left out."));
        }
        log.info(package, line);
    }
}

/// Passes on a package's output line by line. What exceeds [`MAX_LINE_LEN`] is left out: a secret that is split over
/// two lines couldn't be masked.
async fn copy_lines(from: Option<impl AsyncRead + Unpin>, mut to: impl FnMut(String)) {
    let Some(from) = from else { return };
    let mut from = BufReader::with_capacity(MAX_LINE_LEN, from);
    let mut line = Vec::new();
    loop {
        let (part, ended) = match from.fill_buf().await {
            Ok([]) | Err(_) => (None, true),
            Ok(bytes) => match bytes.iter().position(|byte| *byte == b'\n') {
                Some(end) => (Some(&bytes[..end]), true),
                None => (Some(bytes), false),
            },
        };
        let taken = part.map_or(0, |part| {
            let space = MAX_LINE_LEN - line.len().min(MAX_LINE_LEN);
            line.extend_from_slice(&part[..part.len().min(space)]);
            part.len() + usize::from(ended)
        });
        let is_over = part.is_none();
        from.consume(taken);
        if ended {
            let text = String::from_utf8_lossy(&line);
            if !text.trim().is_empty() {
                to(text.trim_end().to_owned());
            }
            line.clear();
        }
        if is_over {
            return;
        }
    }
}

/// The pauses before a package is started again.
#[derive(Debug)]
struct Restarts {
    timing: Timing,
    deaths: u32,
    quick_deaths: u32,
}

impl Restarts {
    fn new(timing: Timing) -> Self {
        Self { timing, deaths: 0, quick_deaths: 0 }
    }

    /// Returns the pause after a death; `None` to park the package.
    fn on_death(&mut self, lived: Duration) -> Option<Duration> {
        self.deaths = if lived < self.timing.healthy_after { self.deaths.saturating_add(1) } else { 1 };
        self.quick_deaths = if lived < self.timing.quick_death { self.quick_deaths + 1 } else { 0 };
        let backoff = Backoff::new(self.timing.first_restart, self.timing.last_restart);
        (self.quick_deaths < QUICK_DEATHS).then(|| backoff.after(self.deaths))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn restart_pauses_double_until_the_package_is_healthy() {
        let mut restarts = Restarts::new(Timing::default());
        let mut died_after = |seconds| restarts.on_death(Duration::from_secs(seconds)).map(|pause| pause.as_secs_f32());
        let pauses: Vec<_> = (0..8).map(|_| died_after(20).unwrap()).collect();
        assert_eq!(pauses, [0.5, 1.0, 2.0, 4.0, 8.0, 16.0, 30.0, 30.0]);
        assert_eq!(died_after(60), Some(0.5));
    }

    #[test]
    fn quick_deaths_in_a_row_park_a_package() {
        let mut restarts = Restarts::new(Timing::default());
        let mut died_after = |seconds| restarts.on_death(Duration::from_secs(seconds)).is_some();
        assert!((0..4).all(|_| died_after(0)) && died_after(20), "a longer life in between counts");
        assert!((0..4).all(|_| died_after(0)) && !died_after(0));
    }

    /// A package whose target is a macOS application with this content of its Info.plist.
    fn application(info: &str) -> (tempfile::TempDir, PackageConfig) {
        let folder = tempfile::tempdir().unwrap();
        let contents = folder.path().join("run.app/Contents");
        std::fs::create_dir_all(contents.join("MacOS")).unwrap();
        std::fs::write(contents.join("MacOS/start"), "#!/bin/sh\nexit 7\n").unwrap();
        let text = format!(r#"<plist version="1.0"><dict>{info}</dict></plist>"#);
        std::fs::write(contents.join("Info.plist"), text).unwrap();
        let runtime = manifest::Runtime { kind: "bin".into(), target: "run.app".into(), ..Default::default() };
        let runtime = [(PLATFORM.to_owned(), runtime)].into();
        (folder, PackageConfig { runtime, ..PackageConfig::default() })
    }

    #[test]
    fn macos_application_is_started_by_its_executable() {
        let (folder, config) = application("<key>CFBundleExecutable</key><string>start</string>");
        let launch = Launch::find(&config, folder.path(), false).unwrap();
        let Launch::Program(program) = launch else { panic!("a program") };
        assert_eq!(program.target, "run.app/Contents/MacOS/start");
        assert!(std::fs::read_to_string(program.folder.join(&program.target)).unwrap().starts_with("#!"));
    }

    #[test]
    fn macos_application_without_its_executable_is_refused() {
        for (info, why) in [
            ("", "names no program"),
            ("<key>CFBundleExecutable</key><string>../../other</string>", "names no program"),
            ("<key>CFBundleExecutable</key><string>gone</string>", "is missing"),
            ("<key>", "can't be read"),
        ] {
            let (folder, config) = application(info);
            let error = Launch::find(&config, folder.path(), false).unwrap_err();
            assert!(error.to_string().contains(why), "{info}: {error}");
        }
    }

    #[tokio::test]
    async fn package_whose_supervision_panics_is_reported() {
        let (hub, mut reported) = mpsc::channel(1);
        let reports = Reports { run: 7, hub };
        supervised(async { panic!("out of pipes") }, "com.x".to_owned(), Log::default(), reports).await;
        let Some((7, Report::Failed { why, .. })) = reported.recv().await else { panic!("a report of the run") };
        assert!(why.contains("out of pipes"), "{why}");
    }

    #[tokio::test]
    async fn replaced_library_is_detected() {
        let folder = tempfile::tempdir().unwrap();
        let library = folder.path().join("library");
        assert!(!is_other_version_loaded(&library).await, "it isn't there");
        std::fs::write(&library, "one").unwrap();
        assert!(!is_other_version_loaded(&library).await);
        std::fs::write(&library, "two").unwrap();
        assert!(is_other_version_loaded(&library).await);
        std::fs::write(&library, "one").unwrap();
        assert!(!is_other_version_loaded(&library).await, "the same again");
    }

    #[tokio::test]
    async fn output_is_split_into_bounded_lines() {
        let long = format!("{}token={}", "x".repeat(MAX_LINE_LEN - 6), "s3cret".repeat(MAX_LINE_LEN));
        let text = format!("one\r\n\n\u{fc}ber\n{long}\nlast");
        let mut lines = Vec::new();
        copy_lines(Some(text.as_bytes()), |line| lines.push(line)).await;
        assert_eq!((lines[0].as_str(), lines[1].as_str()), ("one", "\u{fc}ber"));
        assert_eq!(lines.last().map(String::as_str), Some("last"));
        assert_eq!(lines.len(), 4);
        assert!(lines.iter().all(|line| line.len() <= MAX_LINE_LEN && !line.contains("s3cret")));
    }
}
