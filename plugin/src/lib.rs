//! The Spotify package: a library that a host loads through the stable ABI, by itself or through `package-runner`.
//!
//! The way through it is told in docs/ARCHITECTURE.md: a press comes in at [`package`], becomes a command by way of
//! [`widgets`], changes the [`player`] at once, leaves through [`spotify`] with a token that [`auth`] lends, and
//! comes back as a [`face`].

pub mod auth;
pub mod clock;
pub mod config;
pub mod face;
pub mod gesture;
pub mod layouts;
pub mod package;
pub mod pages;
pub mod player;
pub mod spotify;
pub mod widgets;

use host_sdk::abi::Entry;
use host_sdk::package::{Events, Host};
use host_sdk::protocol::StartArgs;
use tracing_subscriber::EnvFilter;

/// What the library exports.
struct Spotify;

impl Entry for Spotify {
    const NAME: &'static str = "spotify-widgets";
    const VERSION: &'static str = env!("CARGO_PKG_VERSION");

    async fn run(args: StartArgs, host: Host, events: Events) {
        start_log();
        let (config, bad) = config::Config::from_env();
        for variable in bad {
            tracing::warn!("{variable}");
            host.log(variable.to_string());
        }
        package::run(host, events, args.read_info().told_language().unwrap_or_default(), config).await;
    }
}

host_sdk::export_package!(Spotify);

/// Lines to stderr, which hosts put into their log. `RUST_LOG` chooses which; warnings without it.
fn start_log() {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("warn"));
    // An error means that an earlier start of this library has done it.
    let _ = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).with_ansi(false).try_init();
}
