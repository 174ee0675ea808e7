//! Shared parts of the acceptance tests: the built bundle, a fake host on a plain socket, and a timeout that only failing
//! tests reach.

mod built;
mod deck;
mod host;
mod stage;
#[cfg(target_os = "linux")]
mod wine;

pub use built::{Unpacked, bundle, clock_bundle, program, screenshots, spawn, target, wrapped};
#[cfg(target_os = "linux")]
pub use built::{clock_library, windows_bundle, windows_clock_bundle, windows_program};
#[cfg(target_os = "linux")]
pub use deck::is_alive;
#[cfg(unix)]
pub use deck::kill;
pub use deck::{DeckHome, DeckProcess, Launch, PageEvents, View, wait_until};
pub use host::{FakeHost, Instance, PACKAGE, REGISTER};
pub use stage::{BACKUP, DEMO, SIBLING, Stage, TestApp};
#[cfg(target_os = "linux")]
pub use wine::{Wine, processes_with};

use std::time::Duration;

/// The timeout of all waits. Only a failing test reaches it.
pub const TIMEOUT: Duration = Duration::from_secs(30);

/// Returns an HTTP client that uses no proxy.
#[must_use]
pub fn http_client() -> reqwest::Client {
    let _ = rustls::crypto::ring::default_provider().install_default();
    reqwest::Client::builder().no_proxy().build().expect("a client")
}
