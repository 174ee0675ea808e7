//! The simulator as a program, for `cargo xtask demo` and for manual tests.
//!
//! Its first and only line on standard output is
//! `spotify-sim page=http://127.0.0.1:PORT/ client_id=ID client_secret=SECRET`; the base addresses are `/accounts` and
//! `/v1` below the page. It ends on Ctrl-C.

use std::io::{self, Write as _};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use clap::Parser;
use spotify_sim::catalogue::{album_uri, track_uri};
use spotify_sim::{Config, DEMO_CLIENT_ID, DEMO_CLIENT_SECRET, Sim};

/// A simulated Spotify on 127.0.0.1: accounts service, Web API, and a page that shows what it plays.
#[derive(Parser)]
#[command(version)]
struct Arguments {
    /// TCP port to listen on; 0 takes a free one
    #[arg(long, default_value_t = 0)]
    port: u16,
    /// Milliseconds that every answer takes at least
    #[arg(long, default_value_t = 0)]
    latency_ms: u64,
    /// Milliseconds that player reads lag behind writes
    #[arg(long, default_value_t = 0)]
    read_lag_ms: u64,
    /// Milliseconds that a sleeping device takes to wake up
    #[arg(long, default_value_t = 0)]
    wake_delay_ms: u64,
    /// Milliseconds that a new connection takes at least
    #[arg(long, default_value_t = 0)]
    accept_delay_ms: u64,
    /// Milliseconds of idleness after which HTTP/1.1 connections are closed; never, if not given
    #[arg(long)]
    idle_close_ms: Option<u64>,
    /// File in which sign-ins are kept across restarts
    #[arg(long)]
    state: Option<PathBuf>,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    match run(&Arguments::parse()).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("spotify-sim: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn run(arguments: &Arguments) -> io::Result<()> {
    let sim = Sim::start(Config {
        port: arguments.port,
        latency: Duration::from_millis(arguments.latency_ms),
        read_lag: Duration::from_millis(arguments.read_lag_ms),
        wake_delay: Duration::from_millis(arguments.wake_delay_ms),
        accept_delay: Duration::from_millis(arguments.accept_delay_ms),
        idle_close: arguments.idle_close_ms.map(Duration::from_millis),
        kept_sign_ins: arguments.state.clone(),
        saved: vec![album_uri(3), track_uri(9), track_uri(2), track_uri(5)],
        // Each run needs other tokens, so that none equals the token of a sign-in from the file.
        seed: SystemTime::now().duration_since(UNIX_EPOCH).map_or(1, |now| now.as_secs()),
        ..Config::default()
    })
    .await?;
    let mut out = io::stdout();
    let page = sim.page_url();
    writeln!(out, "spotify-sim page={page} client_id={DEMO_CLIENT_ID} client_secret={DEMO_CLIENT_SECRET}")?;
    // The parent process reads this line from a pipe.
    out.flush()?;
    tokio::signal::ctrl_c().await
}
