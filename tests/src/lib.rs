//! What the acceptance tests share: the built bundle, a host made of a plain socket, and time limits that only a failing
//! test ever meets.

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
pub use deck::{DeckHome, DeckProcess, Launch, PageEvents, View, until};
pub use host::{FakeHost, Instance, PACKAGE, REGISTER};
pub use stage::{BACKUP, DEMO, Member, SIBLING, Stage};
#[cfg(target_os = "linux")]
pub use wine::{Wine, processes_with};

use std::time::Duration;

/// Ends a test that would hang. Nothing waits for it in one that passes.
pub const SOON: Duration = Duration::from_secs(30);

/// A plain HTTP client that goes straight to this machine.
#[must_use]
pub fn http_client() -> reqwest::Client {
    let _ = rustls::crypto::ring::default_provider().install_default();
    reqwest::Client::builder().no_proxy().build().expect("a client")
}
