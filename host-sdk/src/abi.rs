//! The stable ABI between a package library and whoever runs it: `package-runner` in a process of its own, or a host
//! in its own process.
//!
//! A library exports one root module, [`PackageModule`], through `abi_stable`: its layout is checked when it is
//! loaded, so that a package and a runner built by different compilers work together or refuse each other with a
//! sentence. Only plain functions, numbers and strings cross. A package runs in a thread and a tokio runtime of its
//! own inside the library; whoever loads it needs neither.
//!
//! The only place with unsafe code, and the wall at which every panic stops. A loaded library is never unloaded: its
//! threads and thread-locals could outlive it.

#![allow(unsafe_code)]

use std::collections::HashMap;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, LazyLock, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use abi_stable::StableAbi;
use abi_stable::library::{AbiHeaderRef, LibraryError, ROOT_MODULE_LOADER_NAME_WITH_NUL, RootModule};
use abi_stable::prefix_type::PrefixTypeTrait;
use abi_stable::sabi_types::VersionStrings;
use abi_stable::std_types::{ROption, RResult, RStr, RString};

use crate::package::{Connection, Events, Host, Stop, open_connection};
use crate::protocol::StartArgs;

/// Version of this ABI. The major number changes when old and new can't work together; the minor one when something is
/// added at the end.
pub const ABI_VERSION: &str = "1.0.0";

/// How long [`Running::stop`] waits for a package to finish.
pub const STOP_WITHIN: Duration = Duration::from_secs(5);

/// What a package library exports.
#[repr(C)]
#[derive(StableAbi)]
#[sabi(kind(Prefix(prefix_ref = PackageModuleRef)))]
#[sabi(missing_field(panic))]
pub struct PackageModule {
    /// The package's name, for logs.
    pub name: extern "C" fn() -> RString,
    /// The package's version.
    pub version: extern "C" fn() -> RString,
    /// Starts the package: port, package UUID, register event, info. Returns a number for this run, or why not.
    pub start: extern "C" fn(u16, RStr<'_>, RStr<'_>, RStr<'_>) -> RResult<u64, RString>,
    /// Asks a run to end and waits for it, at most the given milliseconds. An error if it didn't, or ended badly.
    pub stop: extern "C" fn(u64, u64) -> RResult<(), RString>,
    /// Waits for a run to end by itself, at most the given milliseconds. None: it still runs.
    #[sabi(last_prefix_field)]
    pub wait: extern "C" fn(u64, u64) -> ROption<RResult<(), RString>>,
}

impl RootModule for PackageModuleRef {
    abi_stable::declare_root_module_statics! {PackageModuleRef}
    const BASE_NAME: &'static str = "package";
    const NAME: &'static str = "package";
    const VERSION_STRINGS: VersionStrings = VersionStrings::new(ABI_VERSION);
}

/// What a package library provides: see [`export_package!`](crate::export_package).
pub trait Entry: Send + Sync + 'static {
    /// The package's name.
    const NAME: &'static str;
    /// The package's version.
    const VERSION: &'static str;
    /// Runs the package until [`Events::next`] answers `None`. A package that returns sooner has failed, whatever it
    /// returns: hosts start it again.
    ///
    /// # Errors
    /// Why it can't go on. The host logs it.
    fn run(args: StartArgs, host: Host, events: Events) -> impl Future<Output = Result<(), PackageError>> + Send;
}

/// Exports a package from a `cdylib`: a type that implements [`Entry`](crate::abi::Entry).
#[macro_export]
macro_rules! export_package {
    ($entry:ty) => {
        #[allow(unsafe_code)]
        const _: () = {
            extern "C" fn construct() -> $crate::abi::__private::RootModuleResult {
                $crate::abi::__private::construct::<$entry>()
            }
            // abi_stable's own attribute writes `no_mangle` in a form that the 2024 edition refuses, hence by hand;
            // a test holds the name against abi_stable's.
            #[unsafe(export_name = "_1as_0lib_1header_0root_bmodule_bloader")]
            static HEADER: $crate::abi::__private::LibHeader = unsafe {
                // SAFETY: `construct` makes a `PackageModuleRef`, the type named here.
                $crate::abi::__private::LibHeader::from_constructor::<$crate::abi::PackageModuleRef>(
                    construct,
                    $crate::abi::__private::CheckTypeLayout::Yes,
                )
            };
        };
    };
}

#[doc(hidden)]
pub mod __private {
    pub use abi_stable::library::{CheckTypeLayout, LibHeader, RootModuleResult};

    use super::{Entry, PackageModuleRef, module};

    pub fn construct<E: Entry>() -> RootModuleResult {
        fn load<E: Entry>() -> PackageModuleRef {
            module::<E>()
        }
        abi_stable::library::__call_root_module_loader(load::<E>)
    }
}

fn module<E: Entry>() -> PackageModuleRef {
    PackageModule { name: name::<E>, version: version::<E>, start: start::<E>, stop, wait }.leak_into_prefix()
}

extern "C" fn name<E: Entry>() -> RString {
    E::NAME.into()
}

extern "C" fn version<E: Entry>() -> RString {
    E::VERSION.into()
}

extern "C" fn start<E: Entry>(
    port: u16,
    package_uuid: RStr<'_>,
    register_event: RStr<'_>,
    info: RStr<'_>,
) -> RResult<u64, RString> {
    guarded(|| {
        let args = StartArgs {
            port,
            package_uuid: package_uuid.into(),
            register_event: register_event.into(),
            info: info.into(),
        };
        runs::start::<E>(args)
    })
}

extern "C" fn stop(id: u64, millis: u64) -> RResult<(), RString> {
    guarded(|| {
        let Some(run) = runs::get(id) else { return Ok(()) };
        run.stop.stop();
        match run.wait(Duration::from_millis(millis)) {
            Some(result) => {
                runs::forget(id);
                result
            }
            None => Err(format!("the package did not end within {millis} ms")),
        }
    })
}

extern "C" fn wait(run: u64, millis: u64) -> ROption<RResult<(), RString>> {
    let waited = guarded(|| {
        Ok(match runs::get(run) {
            Some(run) => run.wait(Duration::from_millis(millis)),
            None => Some(Ok(())),
        })
    });
    match waited {
        RResult::ROk(ended) => ended.map(into_r).into(),
        RResult::RErr(error) => ROption::RSome(RResult::RErr(error)),
    }
}

fn into_r<T>(result: Result<T, String>) -> RResult<T, RString> {
    result.map_err(RString::from).into()
}

/// Turns a panic into an error: unwinding across the ABI would abort the process.
fn guarded<T>(work: impl FnOnce() -> Result<T, String>) -> RResult<T, RString> {
    into_r(catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|panic| Err(panic_text(&*panic))))
}

fn panic_text(panic: &(dyn std::any::Any + Send)) -> String {
    format!("the package panicked: {}", panic_message(panic))
}

fn panic_message(panic: &(dyn std::any::Any + Send)) -> &str {
    let said = panic.downcast_ref::<&str>().copied().or_else(|| panic.downcast_ref::<String>().map(String::as_str));
    said.unwrap_or("no message")
}

/// The runs of the package in this library.
mod runs {
    use tokio::task::JoinHandle;

    use super::{
        Arc, AssertUnwindSafe, AtomicU64, Condvar, Connection, Duration, Entry, HashMap, LazyLock, Mutex, MutexGuard,
        Ordering, PackageError, PoisonError, StartArgs, Stop, catch_unwind, open_connection, panic_message, panic_text,
    };

    /// How long what a package has left running may take to end.
    const LEFT_RUNNING: Duration = Duration::from_millis(500);

    static NEXT: AtomicU64 = AtomicU64::new(1);
    static RUNS: LazyLock<Mutex<HashMap<u64, Arc<Run>>>> = LazyLock::new(Mutex::default);

    pub(super) struct Run {
        pub(super) stop: Stop,
        ended: Mutex<Option<Result<(), String>>>,
        changed: Condvar,
    }

    impl Run {
        pub(super) fn wait(&self, at_most: Duration) -> Option<Result<(), String>> {
            let ended = lock(&self.ended);
            let (ended, _) = self
                .changed
                .wait_timeout_while(ended, at_most, |ended| ended.is_none())
                .unwrap_or_else(PoisonError::into_inner);
            ended.clone()
        }
    }

    fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
        mutex.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn get(id: u64) -> Option<Arc<Run>> {
        lock(&RUNS).get(&id).cloned()
    }

    pub(super) fn forget(id: u64) {
        lock(&RUNS).remove(&id);
    }

    pub(super) fn start<E: Entry>(args: StartArgs) -> Result<u64, String> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(|error| format!("no tokio runtime could be made: {error}"))?;
        let Connection { host, events, stop, task } = {
            let _inside = runtime.enter();
            open_connection(&args)
        };
        let run = Arc::new(Run { stop, ended: Mutex::new(None), changed: Condvar::new() });
        let id = NEXT.fetch_add(1, Ordering::Relaxed);
        let its_run = run.clone();
        std::thread::Builder::new()
            .name(E::NAME.to_owned())
            .spawn(move || {
                let result = catch_unwind(AssertUnwindSafe(|| {
                    runtime.block_on(supervise(E::run(args, host, events), task, &its_run.stop))
                }));
                // Also after a panic: dropping the runtime would wait for its blocking tasks without end.
                runtime.shutdown_timeout(LEFT_RUNNING);
                let result = result.unwrap_or_else(|panic| Err(PackageError(panic_text(&*panic))));
                *lock(&its_run.ended) = Some(result.map_err(|error| error.0));
                its_run.changed.notify_all();
            })
            .map_err(|error| format!("no thread could be started: {error}"))?;
        lock(&RUNS).insert(id, run);
        Ok(id)
    }

    /// Runs a package to its end, which is a good one only if the host has asked for it. `connection` is the task whose end
    /// ends the package's events.
    pub(super) async fn supervise(
        package: impl Future<Output = Result<(), PackageError>>,
        connection: JoinHandle<()>,
        stop: &Stop,
    ) -> Result<(), PackageError> {
        package.await?;
        if stop.was_called() {
            return Ok(());
        }
        if connection.is_finished()
            && let Err(error) = connection.await
            && let Ok(panic) = error.try_into_panic()
        {
            return Err(PackageError(format!("its connection to the host panicked: {}", panic_message(&*panic))));
        }
        Err(PackageError("it ended without being asked to".to_owned()))
    }
}

/// Why a file can't be used as a package library.
#[derive(Debug)]
pub enum LoadError {
    /// There is no such file.
    Missing(PathBuf),
    /// The system doesn't load it: not a library, for another system, or with something missing. Its own words follow.
    NotALibrary(PathBuf, String),
    /// A library, but it exports no package.
    NotAPackage(PathBuf),
    /// A package for another version of this ABI. What differs follows.
    OtherAbi(PathBuf, String),
}

impl fmt::Display for LoadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing(path) => write!(f, "there is no library {}", path.display()),
            Self::NotALibrary(path, why) => {
                write!(f, "{} can't be loaded as a library on this system: {why}", path.display())
            }
            Self::NotAPackage(path) => write!(f, "{} is a library, but not a package", path.display()),
            Self::OtherAbi(path, why) => write!(
                f,
                "{} was built for another version of the package ABI than {ABI_VERSION}; install a version of the \
                 package that fits this host ({why})",
                path.display()
            ),
        }
    }
}

impl std::error::Error for LoadError {}

/// A package said no, or ended badly. Its own words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PackageError(pub String);

impl fmt::Display for PackageError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for PackageError {}

/// A loaded package library. Loading the same file again gives the same library.
#[derive(Clone, Copy)]
pub struct Library(PackageModuleRef);

impl fmt::Debug for Library {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Library").field("name", &self.name()).field("version", &self.version()).finish()
    }
}

impl Library {
    /// Loads a package library and checks that it fits.
    ///
    /// # Errors
    /// [`LoadError`]; nothing of the library is called before its layout has been checked, save the system's own
    /// initializers.
    pub fn load(path: &Path) -> Result<Self, LoadError> {
        // An absolute path keeps the system from searching elsewhere for a library of that name.
        let path = crate::paths::to_run(path).map_err(|_| LoadError::Missing(path.to_owned()))?;
        if !path.is_file() {
            return Err(LoadError::Missing(path));
        }
        // SAFETY: running a library's initializers is what loading a package means; the user has installed it.
        let library = unsafe { open(&path) }
            .map_err(|error| LoadError::NotALibrary(path.clone(), one_line(&error.to_string())))?;
        // Never unloaded, whatever follows: see the module's documentation.
        let library = Box::leak(Box::new(library));
        // SAFETY: whatever the symbol is, `AbiHeaderRef` only reads bytes there until `upgrade` has found
        // abi_stable's magic string.
        let header: AbiHeaderRef = match unsafe { library.get::<AbiHeaderRef>(ROOT_MODULE_LOADER_NAME_WITH_NUL) } {
            Ok(symbol) => *symbol,
            Err(_) => return Err(LoadError::NotAPackage(path)),
        };
        let module = header.upgrade().and_then(|header| header.init_root_module::<PackageModuleRef>());
        module.map(Self).map_err(|error| LoadError::OtherAbi(path, describe(&error)))
    }

    /// The package's name.
    #[must_use]
    pub fn name(&self) -> String {
        (self.0.name())().into()
    }

    /// The package's version.
    #[must_use]
    pub fn version(&self) -> String {
        (self.0.version())().into()
    }

    /// Starts the package. It connects by itself and keeps trying; it can be started several times.
    ///
    /// # Errors
    /// If it can't start at all.
    pub fn start(&self, args: &StartArgs) -> Result<Running, PackageError> {
        let started = (self.0.start())(
            args.port,
            (&*args.package_uuid).into(),
            (&*args.register_event).into(),
            (&*args.info).into(),
        );
        match started {
            RResult::ROk(run) => Ok(Running { module: self.0, run, stopped: false }),
            RResult::RErr(error) => Err(PackageError(error.into())),
        }
    }
}

/// Keeps Windows from showing a box that waits for somebody when this process, or one that it starts later, crashes or
/// misses a library. Other systems have no such boxes.
pub fn no_error_boxes() {
    #[cfg(windows)]
    {
        use windows_sys::Win32::System::Diagnostics::Debug::{
            SEM_FAILCRITICALERRORS, SEM_NOGPFAULTERRORBOX, SEM_NOOPENFILEERRORBOX, SetErrorMode,
        };
        // SAFETY: sets flags of this process; no memory is involved.
        unsafe { SetErrorMode(SEM_FAILCRITICALERRORS | SEM_NOGPFAULTERRORBOX | SEM_NOOPENFILEERRORBOX) };
    }
}

#[cfg(windows)]
unsafe fn open(path: &Path) -> Result<libloading::Library, libloading::Error> {
    use libloading::os::windows::{
        LOAD_LIBRARY_SEARCH_DLL_LOAD_DIR, LOAD_LIBRARY_SEARCH_SYSTEM32, Library as WindowsLibrary,
    };
    // Dependencies come from beside the library or from the system, never from the working directory or PATH.
    let flags = LOAD_LIBRARY_SEARCH_DLL_LOAD_DIR | LOAD_LIBRARY_SEARCH_SYSTEM32;
    // SAFETY: as the caller's.
    unsafe { WindowsLibrary::load_with_flags(path, flags) }.map(Into::into)
}

#[cfg(not(windows))]
unsafe fn open(path: &Path) -> Result<libloading::Library, libloading::Error> {
    // SAFETY: as the caller's.
    unsafe { libloading::Library::new(path) }
}

fn describe(error: &LibraryError) -> String {
    match error {
        LibraryError::IncompatibleVersionNumber { actual_version, .. } => format!("it has {actual_version}"),
        LibraryError::InvalidAbiHeader(_) => "it was built with another abi_stable".to_owned(),
        LibraryError::AbiInstability(_) => "the layout of its root module differs".to_owned(),
        other => one_line(&other.to_string()),
    }
}

fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// A started package. Dropping it stops the package.
pub struct Running {
    module: PackageModuleRef,
    run: u64,
    stopped: bool,
}

impl fmt::Debug for Running {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Running").field("run", &self.run).finish_non_exhaustive()
    }
}

impl Running {
    /// Waits until the package ends by itself, or until the time is over (`None`).
    #[must_use]
    pub fn wait(&self, at_most: Duration) -> Option<Result<(), PackageError>> {
        match (self.module.wait())(self.run, millis(at_most)) {
            ROption::RNone => None,
            ROption::RSome(ended) => Some(into_result(ended)),
        }
    }

    /// Ends the package and waits for it, [`STOP_WITHIN`] at most.
    ///
    /// # Errors
    /// If it didn't end in time, or ended with a panic.
    pub fn stop(mut self) -> Result<(), PackageError> {
        self.stop_once()
    }

    fn stop_once(&mut self) -> Result<(), PackageError> {
        if std::mem::replace(&mut self.stopped, true) {
            return Ok(());
        }
        into_result((self.module.stop())(self.run, millis(STOP_WITHIN)))
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.stop_once();
    }
}

fn into_result(result: RResult<(), RString>) -> Result<(), PackageError> {
    result.into_result().map_err(|error| PackageError(error.into()))
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use std::future::ready;

    use super::PackageError;
    use super::runs::supervise;
    use crate::package::{Connection, open_connection};
    use crate::protocol::StartArgs;

    /// A connection to a host that isn't there.
    fn connection() -> Connection {
        open_connection(&StartArgs {
            port: 1,
            package_uuid: "com.x".into(),
            register_event: "reg".into(),
            info: String::new(),
        })
    }

    #[tokio::test]
    async fn a_package_whose_connection_panics_has_failed() {
        let Connection { stop, .. } = connection();
        let (alive, mut ended) = tokio::sync::mpsc::channel::<()>(1);
        let task = tokio::spawn(async move {
            let _alive = alive;
            panic!("out of sockets");
        });
        let package = async {
            // As `Events::next` answers when its task has gone.
            assert!(ended.recv().await.is_none());
            Ok(())
        };
        let error = supervise(package, task, &stop).await.unwrap_err();
        assert_eq!(error.0, "its connection to the host panicked: out of sockets");
    }

    #[tokio::test]
    async fn only_a_package_that_was_asked_to_ends_well() {
        let Connection { stop, task, .. } = connection();
        let error = supervise(ready(Ok(())), task, &stop).await.unwrap_err();
        assert_eq!(error.0, "it ended without being asked to");
        stop.stop();
        supervise(ready(Ok(())), connection().task, &stop).await.unwrap();
        let failed = || ready(Err(PackageError("the page is full".into())));
        assert!(supervise(failed(), connection().task, &stop).await.is_err());
    }

    #[test]
    fn exports_under_the_name_that_abi_stable_looks_for() {
        let source = include_str!("abi.rs");
        let name = abi_stable::library::ROOT_MODULE_LOADER_NAME;
        assert!(source.contains(&format!("export_name = \"{name}\"")), "{name}");
    }
}
