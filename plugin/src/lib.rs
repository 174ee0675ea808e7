//! The Spotify package: a library that a host loads through the stable ABI, directly or through `package-runner`.
//!
//! See docs/ARCHITECTURE.md for an overview. A press enters at [`package`], is turned into a command by [`widgets`], changes
//! the [`player`] immediately, is sent by [`spotify`] with a token from [`auth`], and becomes visible as a [`face`].

pub mod auth;
mod awake;
mod board;
pub mod clock;
pub mod config;
pub mod face;
mod foreign;
pub mod gesture;
mod hex;
pub mod http;
pub mod i18n;
mod identity;
pub mod layouts;
pub mod log;
pub mod package;
pub mod pages;
mod pasted;
pub mod player;
pub mod spotify;
pub mod supervisor;
pub mod unix_time;
pub mod widgets;

use std::sync::Arc;

use host_sdk::abi::{Entry, PackageError};
use host_sdk::package::{Events, Host};
use host_sdk::protocol::StartArgs;

use crate::clock::SystemClock;

/// The entry point that the library exports.
struct Spotify;

impl Entry for Spotify {
    const NAME: &'static str = "spotify-widgets";
    const VERSION: &'static str = env!("CARGO_PKG_VERSION");

    async fn run(args: StartArgs, host: Host, events: Events) -> Result<(), PackageError> {
        let (config, errors) = config::Config::from_env();
        log::start(config.log.as_deref());
        let info = args.read_info();
        log::log_environment(&info, &config);
        for error in errors {
            tracing::warn!("{error}");
            host.log(error.to_string());
        }
        let result = package::run(
            host,
            events,
            info.reported_language().unwrap_or_default(),
            config,
            Arc::new(SystemClock::default()),
        )
        .await;
        tracing::info!("the package ends");
        result.map_err(|failure| PackageError(failure.to_string()))
    }
}

host_sdk::export_package!(Spotify);
