//! Runs packages: each as a child process of its runtime target, or, where asked for, its library within this process;
//! what is a page, in the deck's page (`web`). `choice` says which of them a package is.
//! A package that ends is started again with growing pauses; one that keeps dying right after its start is parked.
//!
//! What a package has started goes with it (`tree`), and on Windows also with this process, however that ends. On Unix a
//! package notices by itself that its host is gone: its standard input ends, and it has another parent.

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, LazyLock, Mutex, PoisonError};
use std::time::Duration;

use host_sdk::abi::Library;
use host_sdk::backoff::Backoff;
use host_sdk::manifest::{self, PLATFORM, PackageConfig};
use host_sdk::paths;
use host_sdk::protocol::StartArgs;
use tokio::io::{AsyncBufReadExt as _, AsyncRead, AsyncWriteExt as _, BufReader};
use tokio::process::{Child, ChildStdin, Command};
use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::JoinHandle;
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

use self::choice::{Choice, Look, Way};
#[cfg(windows)]
pub use self::tree::CREATE_NO_WINDOW;
pub use self::tree::Tree;
pub use self::web::Stage;

/// Quick deaths in a row after which a package is parked.
const QUICK_DEATHS: u32 = 5;
/// The longest line taken from a package's output; of longer ones that is the start.
const LONGEST_LINE: usize = 4096;
/// How long a dead package's last output is waited for. A grandchild may hold the pipe open forever.
const LAST_OUTPUT: Duration = Duration::from_millis(500);
/// How often a library in this process is asked whether it still runs.
const LOOK_EVERY: Duration = Duration::from_millis(100);
/// What a package reads when it shall end: docs/host-additions.md.
const END: &[u8] = b"end\n";

/// The libraries that this process has loaded, each with what it was then. They are never unloaded, and a system asked
/// for one of them again gives what it has, whatever lies at that path by now.
static LOADED: LazyLock<Mutex<HashMap<PathBuf, u64>>> = LazyLock::new(Mutex::default);

/// What a package has to run on this system.
#[derive(Clone, Debug)]
pub enum Start {
    /// A program, or a library.
    Program(Program),
    /// A page, relative to the package's folder.
    Page(String),
}

impl Start {
    /// What a package has for this system.
    ///
    /// # Errors
    /// A sentence that says why it can't run here.
    pub fn of(
        config: &PackageConfig,
        folder: PathBuf,
        in_process: bool,
        port: u16,
        info: String,
    ) -> Result<Self, String> {
        let start = |path: &str| choice::start_of(&folder, path);
        let Choice { platform, target, way } = choice::choose(config, &Look { start: &start, find: &choice::on_path })?;
        let interpreter = match way {
            Way::Page => return Ok(Self::Page(target)),
            Way::Program => None,
            Way::By(interpreter) => Some(interpreter),
        };
        // Another platform's library isn't one of this system's.
        let library = config.runtime_here().filter(|_| in_process && platform == PLATFORM);
        let library = library.and_then(|runtime| runtime.library.clone());
        let target = program_of(&folder, &target)?;
        let path = library.as_ref().unwrap_or(&target);
        if !manifest::is_inside(path) || !folder.join(path).is_file() {
            return Err(format!("{path} is missing in the package's folder. Install the package again."));
        }
        Ok(Self::Program(Program { package: config.uuid.clone(), folder, target, interpreter, library, port, info }))
    }
}

/// What to start as a process, or to load.
#[derive(Clone, Debug)]
pub struct Program {
    /// The package's UUID.
    pub package: String,
    /// The package's folder.
    pub folder: PathBuf,
    /// The program, relative to the folder.
    pub target: String,
    /// What runs the program, if it can't be started by itself.
    pub interpreter: Option<PathBuf>,
    /// The library to load into this process instead, relative to the folder.
    pub library: Option<String>,
    /// Port of the package socket.
    pub port: u16,
    /// What the package is told about the host, as JSON.
    pub info: String,
}

/// The program that a target stands for: the one that a macOS application names as its own, else the target itself.
fn program_of(folder: &Path, target: &str) -> Result<String, String> {
    let Some((info, programs)) = manifest::application_info(target).zip(manifest::application_programs(target)) else {
        return Ok(target.to_owned());
    };
    let wrong = |what: String| format!("{target} can't be started: {what}. Install the package again.");
    if !manifest::is_inside(target) {
        return Err(wrong("it lies outside the package's folder".to_owned()));
    }
    let read = plist::Value::from_file(folder.join(&info));
    let read = read.map_err(|error| wrong(format!("{info} can't be read: {error}")))?;
    let name = read.as_dictionary().and_then(|info| info.get("CFBundleExecutable")).and_then(plist::Value::as_string);
    match name.filter(|name| manifest::is_inside(name) && !name.contains('/')) {
        Some(name) => Ok(format!("{programs}/{name}")),
        None => Err(wrong(format!("{info} names no program"))),
    }
}

/// What a supervisor tells the hub.
#[derive(Debug)]
pub enum Report {
    /// The package starts now and will register with this event. `heard` is answered when the hub knows it.
    Starting {
        /// The name of the event.
        register_event: String,
        /// The name under which its page is loaded, if it is one; nobody can guess it.
        frame: Option<String>,
        /// Answered when the hub accepts it.
        heard: oneshot::Sender<()>,
    },
    /// It is a page, and there is none of the deck's open that could run it.
    Waiting,
    /// The package ended and starts again after a pause. Why.
    Restarting(String),
    /// The package doesn't run and won't start by itself.
    Failed {
        /// Why, as sentences.
        why: String,
        /// Whether another try may go better.
        can_start: bool,
    },
    /// The package was ended, as the hub wanted. Answered when the hub knows it.
    Ended(oneshot::Sender<()>),
}

/// What a supervisor is to do with its package.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Order {
    /// Keep it running.
    Run,
    /// It was told that it ends: when it does, it isn't started again.
    LetEnd,
    /// End it.
    End,
}

/// A supervisor's way to the hub.
#[derive(Clone, Debug)]
pub struct Reports {
    /// The number of the run that it supervises.
    pub run: u64,
    /// The hub.
    pub hub: mpsc::Sender<(u64, Report)>,
}

impl Reports {
    /// Reports something. False when the hub has ended.
    async fn send(&self, report: Report) -> bool {
        self.hub.send((self.run, report)).await.is_ok()
    }
}

/// Keeps one package running. Dropping it kills the package.
#[derive(Debug)]
pub struct Supervisor {
    orders: watch::Sender<Order>,
    /// What it hears of the deck's pages; none if it runs no page.
    stage: Option<watch::Sender<Stage>>,
    task: Option<JoinHandle<()>>,
}

impl Supervisor {
    /// Starts a package.
    #[must_use]
    pub fn start(program: Program, timing: Timing, log: Log, reports: Reports) -> Self {
        let (orders, order) = watch::channel(Order::Run);
        let package = program.package.clone();
        let run = Run { program, timing, log: log.clone(), reports: reports.clone(), order };
        Self { orders, stage: None, task: Some(tokio::spawn(watched(run.supervise(), package, log, reports))) }
    }

    /// Has a page run a package. `page` is the number of the deck's page to do it, if there is one.
    #[must_use]
    pub fn start_page(package: String, page: Option<u64>, timing: Timing, log: Log, reports: Reports) -> Self {
        let (orders, order) = watch::channel(Order::Run);
        let (stage, staged) = watch::channel(Stage { page, connected: false });
        let run = web::Run {
            package: package.clone(),
            timing,
            log: log.clone(),
            reports: reports.clone(),
            order,
            stage: staged,
        };
        Self { orders, stage: Some(stage), task: Some(tokio::spawn(watched(run.supervise(), package, log, reports))) }
    }

    /// Another of the deck's pages has to run the package, or none is left.
    pub fn set_page(&self, page: Option<u64>) {
        if let Some(stage) = &self.stage {
            stage.send_replace(Stage { page, connected: false });
        }
    }

    /// The package has registered, or has lost its socket.
    pub fn set_connected(&self, connected: bool) {
        if let Some(stage) = &self.stage {
            stage.send_modify(|stage| stage.connected = connected);
        }
    }

    /// Ends the package: leaves it `notice` to end by itself, asks it to, then makes it. It is done when the future is. A
    /// second call has nothing to do.
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
    timing: Timing,
    log: Log,
    reports: Reports,
    order: watch::Receiver<Order>,
}

/// Supervises a package, and reports it as failed should the supervision itself panic: others go on.
async fn watched(supervision: impl Future<Output = ()>, package: String, log: Log, reports: Reports) {
    if let Err(panic) = catch_panic(supervision).await {
        let why = format!("Creator Deck has failed to run it ({panic}). Reload it to try once more.");
        log.error(Some(&package), why.as_str());
        // An error means that the hub is gone, and with it everybody who would care.
        let _ = reports.send(Report::Failed { why, can_start: true }).await;
    }
}

impl Run {
    async fn supervise(mut self) {
        let mut restarts = Restarts::new(self.timing);
        if let Some(library) = &self.program.library
            && has_loaded_another(&self.program.folder.join(library)).await
        {
            let why = "Another version of this package is still loaded in Creator Deck. Start Creator Deck again to run this \
                       one.";
            return self.fail(why.to_owned(), false).await;
        }
        loop {
            let args = StartArgs {
                port: self.program.port,
                package_uuid: self.program.package.clone(),
                register_event: random_id(),
                info: self.program.info.clone(),
            };
            let (heard, hears) = oneshot::channel();
            let starting = Report::Starting { register_event: args.register_event.clone(), frame: None, heard };
            if !self.reports.send(starting).await || hears.await.is_err() || *self.order.borrow() != Order::Run {
                return;
            }
            let started = Instant::now();
            let ended = match self.program.library.clone() {
                Some(library) => self.run_library(&library, args).await,
                None => self.run_process(&args).await,
            };
            // None: it was stopped.
            let Some(why) = ended.filter(|_| *self.order.borrow() == Order::Run) else { return };
            let report = match restarts.on_death(started.elapsed()) {
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
            return self.fail(report, true).await;
        }
    }

    async fn fail(&self, why: String, can_start: bool) {
        self.log.error(Some(&self.program.package), why.as_str());
        // An error means that the hub is gone, and with it everybody who would care.
        let _ = self.reports.send(Report::Failed { why, can_start }).await;
    }

    /// Runs the program until it ends (why) or is stopped (None).
    async fn run_process(&mut self, args: &StartArgs) -> Option<String> {
        let program = match paths::absolute(&self.program.folder.join(&self.program.target)) {
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
        // Out of the child's hands: waiting for it would close it.
        let stdin = child.stdin.take();
        let output = async {
            tokio::join!(
                copy_lines(stdout, to_log(&self.log, package)),
                copy_lines(stderr, to_log(&self.log, package))
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
                let ending = terminate(&mut child, stdin, self.timing.end_within);
                tokio::pin!(ending);
                loop {
                    tokio::select! {
                        () = &mut ending => break,
                        // Still read: a package that can't write its last words may not end.
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

    /// Runs the library until it ends (why) or is stopped (None).
    async fn run_library(&mut self, library: &str, args: StartArgs) -> Option<String> {
        let path = self.program.folder.join(library);
        let stop = Arc::new(AtomicBool::new(false));
        // Ends the thread also when this future is dropped.
        let stopper = SetOnDrop(stop.clone());
        let mut run = tokio::task::spawn_blocking(move || -> Result<(), String> {
            let library = Library::load(&path).map_err(|error| error.to_string())?;
            let running = library.start(&args).map_err(|error| error.to_string())?;
            while !stop.load(Ordering::Relaxed) {
                if let Some(ended) = running.wait(LOOK_EVERY) {
                    return ended.map_err(|error| error.to_string());
                }
            }
            running.stop().map_err(|error| error.to_string())
        });
        let why = |ended: Result<Result<(), String>, tokio::task::JoinError>| match ended {
            Ok(Ok(())) => "The package ended".to_owned(),
            Ok(Err(why)) => format!("The package failed: {why}"),
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

/// Asks a package to end, in every way there is, and makes it if it doesn't.
async fn terminate(child: &mut Child, stdin: Option<ChildStdin>, within: Duration) {
    if let Some(mut stdin) = stdin {
        // An error means that it doesn't listen. The input ends here too.
        let _ = timeout(within, stdin.write_all(END)).await;
    }
    #[cfg(unix)]
    if let Some(pid) = child.id().and_then(|id| rustix::process::Pid::from_raw(id.cast_signed())) {
        // An error means that it ended just now.
        let _ = rustix::process::kill_process(pid, rustix::process::Signal::TERM);
    }
    if timeout(within, child.wait()).await.is_err() {
        // An error means that it ended just now.
        let _ = child.kill().await;
    }
}

/// Whether something else than what lies at a path now was loaded from there. Remembers what is loaded first.
async fn has_loaded_another(library: &Path) -> bool {
    // What can't be read fails in a moment, and with a better message.
    let Ok(content) = tokio::fs::read(library).await else { return false };
    let mut hasher = DefaultHasher::new();
    content.hash(&mut hasher);
    let now = hasher.finish();
    *LOADED.lock().unwrap_or_else(PoisonError::into_inner).entry(library.to_owned()).or_insert(now) != now
}

/// Writes a package's output to the log, as far as the log can take it.
fn to_log(log: &Log, package: Option<&str>) -> impl FnMut(String) {
    let mut lines = Lines::new(std::time::Instant::now());
    let mut mask = mask::Lines::default();
    move |line| {
        // Also of lines that are left out: the next one may go on from there.
        let line = mask.next(&line);
        let Some(left_out) = lines.take(std::time::Instant::now(), line.len()) else { return };
        if left_out > 0 {
            log.warn(package, format!("It prints too much: {left_out} lines of its output were left out."));
        }
        log.info(package, line);
    }
}

/// Hands on a package's output line by line. What comes behind [`LONGEST_LINE`] is left out: in two lines it could not be seen
/// what is a secret.
async fn copy_lines(from: Option<impl AsyncRead + Unpin>, mut to: impl FnMut(String)) {
    let Some(from) = from else { return };
    let mut from = BufReader::with_capacity(LONGEST_LINE, from);
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
            let room = LONGEST_LINE - line.len().min(LONGEST_LINE);
            line.extend_from_slice(&part[..part.len().min(room)]);
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

/// How long to wait before the next start.
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

    /// Returns the pause after a death; `None` if it is better not to start again.
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
    fn pauses_double_up_to_a_bound_and_start_over_after_health() {
        let mut restarts = Restarts::new(Timing::default());
        let mut died_after = |seconds| restarts.on_death(Duration::from_secs(seconds)).map(|pause| pause.as_secs_f32());
        let pauses: Vec<_> = (0..8).map(|_| died_after(20).unwrap()).collect();
        assert_eq!(pauses, [0.5, 1.0, 2.0, 4.0, 8.0, 16.0, 30.0, 30.0]);
        assert_eq!(died_after(60), Some(0.5));
    }

    #[test]
    fn too_many_quick_deaths_in_a_row_park_a_package() {
        let mut restarts = Restarts::new(Timing::default());
        let mut died_after = |seconds| restarts.on_death(Duration::from_secs(seconds)).is_some();
        assert!((0..4).all(|_| died_after(0)) && died_after(20), "a longer life in between counts");
        assert!((0..4).all(|_| died_after(0)) && !died_after(0));
    }

    /// A package whose target is an application, with what its Info.plist says in between.
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
    fn an_application_is_started_by_the_program_that_it_names() {
        let (folder, config) = application("<key>CFBundleExecutable</key><string>start</string>");
        let start = Start::of(&config, folder.path().to_owned(), false, 1, String::new()).unwrap();
        let Start::Program(program) = start else { panic!("a program") };
        assert_eq!(program.target, "run.app/Contents/MacOS/start");
        assert!(std::fs::read_to_string(program.folder.join(&program.target)).unwrap().starts_with("#!"));
    }

    #[test]
    fn an_application_that_names_no_program_or_one_elsewhere_is_not_started() {
        for (info, why) in [
            ("", "names no program"),
            ("<key>CFBundleExecutable</key><string>../../other</string>", "names no program"),
            ("<key>CFBundleExecutable</key><string>gone</string>", "is missing"),
            ("<key>", "can't be read"),
        ] {
            let (folder, config) = application(info);
            let error = Start::of(&config, folder.path().to_owned(), false, 1, String::new()).unwrap_err();
            assert!(error.contains(why), "{info}: {error}");
        }
    }

    #[tokio::test]
    async fn package_whose_supervision_panics_is_reported() {
        let (hub, mut reported) = mpsc::channel(1);
        let reports = Reports { run: 7, hub };
        watched(async { panic!("out of pipes") }, "com.x".to_owned(), Log::default(), reports).await;
        let Some((7, Report::Failed { why, .. })) = reported.recv().await else { panic!("a report of the run") };
        assert!(why.contains("out of pipes"), "{why}");
    }

    #[tokio::test]
    async fn another_library_at_the_path_of_one_that_is_loaded_is_noticed() {
        let folder = tempfile::tempdir().unwrap();
        let library = folder.path().join("library");
        assert!(!has_loaded_another(&library).await, "it isn't there");
        std::fs::write(&library, "one").unwrap();
        assert!(!has_loaded_another(&library).await);
        std::fs::write(&library, "two").unwrap();
        assert!(has_loaded_another(&library).await);
        std::fs::write(&library, "one").unwrap();
        assert!(!has_loaded_another(&library).await, "the same again");
    }

    #[tokio::test]
    async fn output_is_cut_into_lines_and_no_line_grows_without_end() {
        let long = format!("{}token={}", "x".repeat(LONGEST_LINE - 6), "s3cret".repeat(LONGEST_LINE));
        let text = format!("one\r\n\n\u{fc}ber\n{long}\nlast");
        let mut lines = Vec::new();
        copy_lines(Some(text.as_bytes()), |line| lines.push(line)).await;
        assert_eq!((lines[0].as_str(), lines[1].as_str()), ("one", "\u{fc}ber"));
        assert_eq!(lines.last().map(String::as_str), Some("last"));
        assert_eq!(lines.len(), 4);
        assert!(lines.iter().all(|line| line.len() <= LONGEST_LINE && !line.contains("s3cret")));
    }
}
