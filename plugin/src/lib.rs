//! The Spotify package: a library that a host loads through the stable ABI, by itself or through `package-runner`.
//!
//! The way through it is told in docs/ARCHITECTURE.md: a press comes in at [`package`], becomes a command by way of
//! [`widgets`], changes the [`player`] at once, leaves through [`spotify`] with a token that [`auth`] lends, and
//! comes back as a [`face`].

pub mod auth;
mod awake;
mod board;
pub mod clock;
pub mod config;
pub mod face;
mod foreign;
pub mod gesture;
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

/// What the library exports.
struct Spotify;

impl Entry for Spotify {
    const NAME: &'static str = "spotify-widgets";
    const VERSION: &'static str = env!("CARGO_PKG_VERSION");

    async fn run(args: StartArgs, host: Host, events: Events) -> Result<(), PackageError> {
        let (config, bad) = config::Config::from_env();
        log::start(config.log.as_deref());
        let info = args.read_info();
        log::introduce(&info, &config);
        for variable in bad {
            tracing::warn!("{variable}");
            host.log(variable.to_string());
        }
        let ended = package::run(
            host,
            events,
            info.reported_language().unwrap_or_default(),
            config,
            Arc::new(SystemClock::default()),
        )
        .await;
        tracing::info!("the package ends");
        ended.map_err(|failure| PackageError(failure.to_string()))
    }
}

host_sdk::export_package!(Spotify);
