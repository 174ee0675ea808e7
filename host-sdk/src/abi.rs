//! The stable ABI between a package library and the program that runs it: `package-runner`, or a host.
//!
//! A package implements [`Entry`] and exports it with [`export_package!`](crate::export_package). A host loads it with
//! [`Library::load`] and starts it with [`Library::start`]:
//!
//! ```no_run
//! use std::path::Path;
//!
//! use host_sdk::abi::Library;
//! use host_sdk::protocol::StartArgs;
//!
//! let library = Library::load(Path::new("libcounter.so"))?;
//! let running = library.start(&StartArgs {
//!     port: 1234,
//!     package_uuid: "com.example.counter".into(),
//!     register_event: "registerPackage".into(),
//!     info: "{}".into(),
//! })?;
//! running.stop()?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Compatibility
//!
//! A library exports one root module, [`PackageModule`], through [`abi_stable`], which checks its layout when the library is
//! loaded. So a package and a runner from different compilers either work together or fail with [`LoadError::OtherAbi`]. Only
//! plain functions, numbers and strings cross the ABI. The package runs in its own thread, in a tokio runtime inside the
//! library, so the program that loads it needs neither.
//!
//! # Safety
//!
//! This is the only module with unsafe code. No panic crosses the ABI. A loaded library is never unloaded, because its threads
//! and thread-locals could outlive it.

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

/// The version of this ABI. A new major version is incompatible with older ones, a new minor version adds fields at the end.
pub const ABI_VERSION: &str = "1.0.0";

/// How long [`Running::stop`] waits for a package to end.
pub const STOP_WITHIN: Duration = Duration::from_secs(5);

/// The root module that a package library exports. Hosts use [`Library`] instead.
#[repr(C)]
#[derive(StableAbi)]
#[sabi(kind(Prefix(prefix_ref = PackageModuleRef)))]
#[sabi(missing_field(panic))]
pub struct PackageModule {
    /// Returns the package's name, for logs.
    pub name: extern "C" fn() -> RString,
    /// Returns the package's version.
    pub version: extern "C" fn() -> RString,
    /// Starts the package. Parameters: port, package UUID, register event, info. Returns the id of this run, or an error.
    pub start: extern "C" fn(u16, RStr<'_>, RStr<'_>, RStr<'_>) -> RResult<u64, RString>,
    /// Stops a run. Parameters: its id, the maximum time to wait in milliseconds. Returns an error if it doesn't end in time, or
    /// failed.
    pub stop: extern "C" fn(u64, u64) -> RResult<(), RString>,
    /// Waits for a run to end on its own. Parameters: its id, the maximum time to wait in milliseconds. Returns none while it is
    /// running, and an error if it failed.
    #[sabi(last_prefix_field)]
    pub wait: extern "C" fn(u64, u64) -> ROption<RResult<(), RString>>,
}

impl RootModule for PackageModuleRef {
    abi_stable::declare_root_module_statics! {PackageModuleRef}
    const BASE_NAME: &'static str = "package";
    const NAME: &'static str = "package";
    const VERSION_STRINGS: VersionStrings = VersionStrings::new(ABI_VERSION);
}

/// The entry point of a package library, exported with [`export_package!`](crate::export_package).
pub trait Entry: Send + Sync + 'static {
    /// The package's name, for logs and for the name of its thread.
    const NAME: &'static str;
    /// The package's version, usually `env!("CARGO_PKG_VERSION")`.
    const VERSION: &'static str;
    /// Runs the package until [`Events::next`] returns `None`. A package that returns earlier has failed, even with `Ok`, and the
    /// host starts it again.
    ///
    /// # Errors
    /// The reason why the package can't continue. The host logs it.
    fn run(args: StartArgs, host: Host, events: Events) -> impl Future<Output = Result<(), PackageError>> + Send;
}

/// Exports a package from a `cdylib`. The argument is a type that implements [`Entry`](crate::abi::Entry).
#[macro_export]
macro_rules! export_package {
    ($entry:ty) => {
        #[allow(unsafe_code)]
        const _: () = {
            extern "C" fn construct() -> $crate::abi::__private::RootModuleResult {
                $crate::abi::__private::construct::<$entry>()
            }
            // Not abi_stable's attribute, because it expands to a `no_mangle` that the 2024 edition rejects. A test compares
            // the name with abi_stable's.
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
    catch_panic(|| {
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
    catch_panic(|| {
        let Some(run) = runs::get(id) else { return Ok(()) };
        run.stop.stop();
        match run.wait(Duration::from_millis(millis)) {
            Some(result) => {
                runs::remove(id);
                result
            }
            None => Err(PackageError(format!("the package did not end within {millis} ms"))),
        }
    })
}

extern "C" fn wait(id: u64, millis: u64) -> ROption<RResult<(), RString>> {
    let waited = catch_panic(|| {
        Ok(match runs::get(id) {
            Some(run) => run.wait(Duration::from_millis(millis)),
            None => Some(Ok(())),
        })
    });
    match waited {
        RResult::ROk(ended) => ended.map(to_abi).into(),
        RResult::RErr(error) => ROption::RSome(RResult::RErr(error)),
    }
}

/// Converts a result to the form that crosses the ABI.
fn to_abi<T>(result: Result<T, PackageError>) -> RResult<T, RString> {
    result.map_err(|error| RString::from(error.0)).into()
}

/// Calls `work` and converts a panic to an error: unwinding across the ABI would abort the process.
fn catch_panic<T>(work: impl FnOnce() -> Result<T, PackageError>) -> RResult<T, RString> {
    to_abi(catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|panic| Err(package_panicked(&*panic))))
}

fn package_panicked(panic: &(dyn std::any::Any + Send)) -> PackageError {
    PackageError(format!("the package panicked: {}", panic_message(panic)))
}

fn panic_message(panic: &(dyn std::any::Any + Send)) -> &str {
    let message = panic.downcast_ref::<&str>().copied().or_else(|| panic.downcast_ref::<String>().map(String::as_str));
    message.unwrap_or("no message")
}

/// The runs of the package in this library.
mod runs {
    use tokio::task::JoinHandle;

    use super::{
        Arc, AssertUnwindSafe, AtomicU64, Condvar, Connection, Duration, Entry, HashMap, LazyLock, Mutex, MutexGuard,
        Ordering, PackageError, PoisonError, StartArgs, Stop, catch_unwind, open_connection, package_panicked,
        panic_message,
    };

    /// How long tasks that a package leaves behind may take to end.
    const SHUTDOWN_TIMEOUT: Duration = Duration::from_millis(500);

    static NEXT_ID: AtomicU64 = AtomicU64::new(1);
    static RUNS: LazyLock<Mutex<HashMap<u64, Arc<Run>>>> = LazyLock::new(Mutex::default);

    pub(super) struct Run {
        pub(super) stop: Stop,
        /// `None` while it is running.
        result: Mutex<Option<Result<(), PackageError>>>,
        ended: Condvar,
    }

    impl Run {
        /// Waits until the run ends or the time is over. Returns `None` while it is running.
        pub(super) fn wait(&self, timeout: Duration) -> Option<Result<(), PackageError>> {
            let result = lock(&self.result);
            let (result, _) = self
                .ended
                .wait_timeout_while(result, timeout, |result| result.is_none())
                .unwrap_or_else(PoisonError::into_inner);
            result.clone()
        }
    }

    fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
        mutex.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn get(id: u64) -> Option<Arc<Run>> {
        lock(&RUNS).get(&id).cloned()
    }

    pub(super) fn remove(id: u64) {
        lock(&RUNS).remove(&id);
    }

    pub(super) fn start<E: Entry>(args: StartArgs) -> Result<u64, PackageError> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(|error| PackageError(format!("no tokio runtime could be made: {error}")))?;
        let Connection { host, events, stop, task } = {
            let _guard = runtime.enter();
            open_connection(&args)
        };
        let run = Arc::new(Run { stop, result: Mutex::new(None), ended: Condvar::new() });
        let id = NEXT_ID.fetch_add(1, Ordering::Relaxed);
        let thread_run = run.clone();
        std::thread::Builder::new()
            .name(E::NAME.to_owned())
            .spawn(move || {
                let result = catch_unwind(AssertUnwindSafe(|| {
                    runtime.block_on(supervise(E::run(args, host, events), task, &thread_run.stop))
                }));
                // Also after a panic, because dropping the runtime would wait for its blocking tasks indefinitely.
                runtime.shutdown_timeout(SHUTDOWN_TIMEOUT);
                let result = result.unwrap_or_else(|panic| Err(package_panicked(&*panic)));
                *lock(&thread_run.result) = Some(result);
                thread_run.ended.notify_all();
            })
            .map_err(|error| PackageError(format!("no thread could be started: {error}")))?;
        lock(&RUNS).insert(id, run);
        Ok(id)
    }

    /// Runs a package to its end. Returns an error unless the host has asked it to end. `connection` is the task that sends the
    /// package's events.
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

/// Why a file can't be loaded as a package library.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// There is no such file.
    #[error("there is no library {}", .0.display())]
    Missing(PathBuf),
    /// The operating system can't load it: it isn't a library, is for another system, or lacks a dependency. Contains the
    /// system's message.
    #[error("{path} can't be loaded as a library on this system: {1}", path = .0.display())]
    NotALibrary(PathBuf, String),
    /// It is a library, but doesn't export a package.
    #[error("{} is a library, but not a package", .0.display())]
    NotAPackage(PathBuf),
    /// It is a package for another version of this ABI. Describes the difference.
    #[error(
        "{path} was built for another version of the package ABI than {ABI_VERSION}; install a version of the package that \
         fits this host ({1})",
        path = .0.display()
    )]
    OtherAbi(PathBuf, String),
}

/// Why a package can't start or has failed, as a message. It crosses the ABI, so it can't have a source.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct PackageError(pub String);

/// A loaded package library. Loading the same file again returns the same library.
#[derive(Clone, Copy)]
pub struct Library(PackageModuleRef);

impl fmt::Debug for Library {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Library").field("name", &self.name()).field("version", &self.version()).finish()
    }
}

impl Library {
    /// Loads a package library and checks its layout. Apart from initializers, which the operating system calls, no code of the
    /// library runs before the check.
    ///
    /// # Errors
    /// See [`LoadError`].
    pub fn load(path: &Path) -> Result<Self, LoadError> {
        // Absolute, so that the operating system doesn't search elsewhere for a library of that name.
        let path = match crate::paths::absolute(path) {
            Ok(path) if path.is_file() => path,
            Ok(path) => return Err(LoadError::Missing(path)),
            Err(_) if path.as_os_str().is_empty() => return Err(LoadError::Missing(path.to_owned())),
            Err(error) => return Err(LoadError::NotALibrary(path.to_owned(), error.to_string())),
        };
        // SAFETY: loading runs the library's initializers. The user has installed the package in order to run its code.
        let library = unsafe { open(&path) }
            .map_err(|error| LoadError::NotALibrary(path.clone(), one_line(&error.to_string())))?;
        // Never unloaded, not even if an error follows: see the module's documentation.
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

    /// Returns the package's name.
    #[must_use]
    pub fn name(&self) -> String {
        (self.0.name())().into()
    }

    /// Returns the package's version.
    #[must_use]
    pub fn version(&self) -> String {
        (self.0.version())().into()
    }

    /// Starts the package, which connects to the host and retries until it is stopped. It can be started several times.
    ///
    /// # Errors
    /// If it can't start.
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

/// Prevents Windows from showing a dialog that waits for a user when this process, or one that it starts later, crashes or
/// can't find a library ([`SetErrorMode`](https://learn.microsoft.com/windows/win32/api/errhandlingapi/nf-errhandlingapi-seterrormode)).
/// Does nothing on other systems.
pub fn disable_error_dialogs() {
    #[cfg(windows)]
    {
        use windows_sys::Win32::System::Diagnostics::Debug::{
            SEM_FAILCRITICALERRORS, SEM_NOGPFAULTERRORBOX, SEM_NOOPENFILEERRORBOX, SetErrorMode,
        };
        // SAFETY: only sets flags of this process.
        unsafe { SetErrorMode(SEM_FAILCRITICALERRORS | SEM_NOGPFAULTERRORBOX | SEM_NOOPENFILEERRORBOX) };
    }
}

#[cfg(windows)]
unsafe fn open(path: &Path) -> Result<libloading::Library, libloading::Error> {
    use libloading::os::windows::{
        LOAD_LIBRARY_SEARCH_DLL_LOAD_DIR, LOAD_LIBRARY_SEARCH_SYSTEM32, Library as WindowsLibrary,
    };
    // Dependencies are loaded from the library's folder or the system's, never from the working directory or PATH.
    let flags = LOAD_LIBRARY_SEARCH_DLL_LOAD_DIR | LOAD_LIBRARY_SEARCH_SYSTEM32;
    // SAFETY: guaranteed by the caller.
    unsafe { WindowsLibrary::load_with_flags(path, flags) }.map(Into::into)
}

#[cfg(not(windows))]
unsafe fn open(path: &Path) -> Result<libloading::Library, libloading::Error> {
    // SAFETY: guaranteed by the caller.
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

/// A running package. Dropping it stops the package.
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
    /// Waits until the package ends on its own: with `Ok` if the host has announced its end, otherwise with an error. Returns
    /// `None` if it is still running after `timeout`.
    #[must_use]
    pub fn wait(&self, timeout: Duration) -> Option<Result<(), PackageError>> {
        match (self.module.wait())(self.run, millis(timeout)) {
            ROption::RNone => None,
            ROption::RSome(ended) => Some(into_result(ended)),
        }
    }

    /// Asks the package to end and waits for it, at most [`STOP_WITHIN`].
    ///
    /// # Errors
    /// If it doesn't end in time, returns an error, or panics.
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

    /// Opens a connection to a host that doesn't exist.
    fn connection() -> Connection {
        open_connection(&StartArgs {
            port: 1,
            package_uuid: "com.x".into(),
            register_event: "reg".into(),
            info: String::new(),
        })
    }

    #[tokio::test]
    async fn package_whose_connection_panics_has_failed() {
        let Connection { stop, .. } = connection();
        let (alive, mut ended) = tokio::sync::mpsc::channel::<()>(1);
        let task = tokio::spawn(async move {
            let _alive = alive;
            panic!("out of sockets");
        });
        let package = async {
            // Like `Events::next` when its task has ended.
            assert!(ended.recv().await.is_none());
            Ok(())
        };
        let error = supervise(package, task, &stop).await.unwrap_err();
        assert_eq!(error.0, "its connection to the host panicked: out of sockets");
    }

    #[tokio::test]
    async fn package_that_ends_unasked_has_failed() {
        let Connection { stop, task, .. } = connection();
        let error = supervise(ready(Ok(())), task, &stop).await.unwrap_err();
        assert_eq!(error.0, "it ended without being asked to");
        stop.stop();
        supervise(ready(Ok(())), connection().task, &stop).await.unwrap();
        let failed = || ready(Err(PackageError("the page is full".into())));
        assert!(supervise(failed(), connection().task, &stop).await.is_err());
    }

    #[test]
    fn export_name_is_the_one_of_abi_stable() {
        let source = include_str!("abi.rs");
        let name = abi_stable::library::ROOT_MODULE_LOADER_NAME;
        assert!(source.contains(&format!("export_name = \"{name}\"")), "{name}");
    }
}
