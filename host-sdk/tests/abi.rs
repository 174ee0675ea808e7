//! Loads real package libraries.

use std::net::TcpListener;
use std::path::PathBuf;
use std::time::Duration;

use host_sdk::abi::{Library, LoadError};
use host_sdk::protocol::{FromHost, StartArgs, ToHost};
use tokio_tungstenite::tungstenite::{self, Message, WebSocket};

/// Ends a test that would hang. Nothing waits for it in a test that passes.
const TIMEOUT: Duration = Duration::from_secs(20);

fn example(name: &str) -> PathBuf {
    let tests = std::env::current_exe().unwrap();
    let target = tests.ancestors().nth(2).unwrap();
    target.join("examples").join(format!("{}{name}{}", std::env::consts::DLL_PREFIX, std::env::consts::DLL_SUFFIX))
}

fn listen() -> (TcpListener, StartArgs) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let args = StartArgs {
        port: listener.local_addr().unwrap().port(),
        package_uuid: "com.example.clock".into(),
        register_event: "registerMe".into(),
        info: "{}".into(),
    };
    (listener, args)
}

fn accept(listener: &TcpListener) -> WebSocket<std::net::TcpStream> {
    let (stream, _) = listener.accept().unwrap();
    stream.set_read_timeout(Some(TIMEOUT)).unwrap();
    tungstenite::accept(stream).unwrap()
}

fn receive(socket: &mut WebSocket<std::net::TcpStream>) -> String {
    socket.read().unwrap().into_text().unwrap().to_string()
}

#[test]
fn package_can_be_loaded_and_run_twice() {
    for _ in 0..2 {
        let library = Library::load(&example("clock")).unwrap();
        assert_eq!(library.name(), "clock");
        assert_eq!(library.version(), env!("CARGO_PKG_VERSION"));
        let (listener, args) = listen();
        let running = library.start(&args).unwrap();
        let mut socket = accept(&listener);
        assert_eq!(receive(&mut socket), r#"{"event":"registerMe","uuid":"com.example.clock"}"#);
        let appear = FromHost::WidgetWillAppear {
            widget: "com.example.clock.time".into(),
            context: "c1".into(),
            state: None,
            settings: None,
            layout: None,
        };
        socket.send(Message::text(appear.to_text())).unwrap();
        let shown = ToHost::parse(&receive(&mut socket)).unwrap();
        let ToHost::ChangeImage { context, image, .. } = shown else { panic!("{shown:?}") };
        assert_eq!(context, "c1");
        assert!(image.starts_with("data:image/svg+xml;base64,"), "{image}");
        assert_eq!(running.wait(Duration::ZERO), None, "it runs until it is stopped");
        running.stop().unwrap();
    }
}

#[test]
fn one_library_runs_several_times_at_once() {
    let library = Library::load(&example("clock")).unwrap();
    let (first_listener, first_args) = listen();
    let (second_listener, second_args) = listen();
    let first = library.start(&first_args).unwrap();
    let second = library.start(&second_args).unwrap();
    receive(&mut accept(&first_listener));
    let mut socket = accept(&second_listener);
    receive(&mut socket);
    first.stop().unwrap();
    assert_eq!(second.wait(Duration::ZERO), None, "stopping one leaves the other alone");
    second.stop().unwrap();
}

#[test]
fn package_that_ends_unasked_has_failed() {
    let library = Library::load(&example("panics")).unwrap();
    for (way, why) in [
        ("returns", "it ended without being asked to"),
        ("fails", "its player has ended"),
        ("panics", "the package panicked: as it should"),
        ("panics while it works", "the package panicked: as it should"),
    ] {
        let (listener, args) = listen();
        let running = library.start(&StartArgs { info: way.to_owned(), ..args }).unwrap();
        let _socket = accept(&listener);
        let error = running.wait(TIMEOUT).expect("it ends on its own").unwrap_err();
        assert_eq!(error.to_string(), why, "{way}");
    }
}

#[test]
fn error_of_a_run_is_returned() {
    let library = Library::load(&example("fails")).unwrap();
    let (listener, args) = listen();
    let running = library.start(&args).unwrap();
    let _socket = accept(&listener);
    let error = running.wait(TIMEOUT).expect("it ends on its own").unwrap_err();
    assert_eq!(error.to_string(), "a part of the package has ended");
}

#[test]
fn unsuitable_libraries_are_refused_with_a_message() {
    let missing = Library::load(&example("no_such")).unwrap_err();
    assert!(matches!(missing, LoadError::Missing(_)), "{missing}");

    let folder = tempfile::tempdir().unwrap();
    let text = folder.path().join("text.so");
    std::fs::write(&text, "not a library").unwrap();
    let text = Library::load(&text).unwrap_err();
    assert!(matches!(text, LoadError::NotALibrary(..)), "{text}");

    let plain = Library::load(&example("not_a_package")).unwrap_err();
    assert!(matches!(plain, LoadError::NotAPackage(_)), "{plain}");

    let other = Library::load(&example("other_abi")).unwrap_err();
    assert!(matches!(other, LoadError::OtherAbi(..)), "{other}");
    assert!(other.to_string().contains("another version of the package ABI"), "{other}");
    assert!(!other.to_string().contains('\n'), "one line: {other}");
}

/// Renames a dependency of the clock, in the clock itself, so that only the copies that the test makes can be found.
#[cfg(windows)]
#[test]
fn dependencies_are_not_loaded_from_the_working_directory() {
    // A dependency of the standard library, which is in the system folder.
    const DEPENDENCY: &str = "bcryptprimitives.dll";
    const RENAMED: &str = "of-the-test-alone.dl";
    let mut clock = std::fs::read(example("clock")).unwrap();
    let places: Vec<_> =
        (0..clock.len() - DEPENDENCY.len()).filter(|at| clock[*at..].starts_with(DEPENDENCY.as_bytes())).collect();
    assert!(!places.is_empty());
    for at in places {
        clock[at..at + RENAMED.len()].copy_from_slice(RENAMED.as_bytes());
    }
    let system = PathBuf::from(std::env::var_os("SystemRoot").unwrap()).join("System32").join(DEPENDENCY);
    let (package, working) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let library = package.path().join("clock.dll");
    std::fs::write(&library, clock).unwrap();

    std::fs::copy(&system, working.path().join(RENAMED)).unwrap();
    let before = std::env::current_dir().unwrap();
    std::env::set_current_dir(working.path()).unwrap();
    let loaded = Library::load(&library);
    std::env::set_current_dir(before).unwrap();
    assert!(matches!(loaded, Err(LoadError::NotALibrary(..))), "{loaded:?}");

    std::fs::copy(&system, package.path().join(RENAMED)).unwrap();
    Library::load(&library).unwrap();
}
