//! `creator-deck`: the host as a program. It prints one line with the address of its page and runs until it is told to
//! end.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context as _, Result};
use clap::Parser;
use creator_deck::{Config, Deck, Script, Timing};

/// A host for Creator Central packages on any desktop.
#[derive(Debug, Parser)]
#[command(name = "creator-deck", version)]
struct Args {
    /// Don't open a browser.
    #[arg(long)]
    headless: bool,
    /// Where packages, the Panel and settings are kept.
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    /// Port of the page on 127.0.0.1; 0 takes a free one.
    #[arg(long, default_value_t = 0)]
    port: u16,
    /// Load package libraries into this process instead of starting a process for each package.
    #[arg(long)]
    in_process: bool,
    /// Packages to install before anything starts.
    #[arg(long, value_name = "FILE", num_args = 1..)]
    install: Vec<PathBuf>,
    /// Run the steps in this file, then end: 0 if all of them passed, 1 if one failed, 2 if it can't
    /// be read or the deck can't start. Uses an
    /// empty data folder, which is removed afterwards, unless --data names one. See docs/automation.md.
    #[arg(long, value_name = "FILE")]
    script: Option<PathBuf>,
    /// What packages are told as your language: en, ja, zh_TW, de, ko.
    #[arg(long, default_value = "en")]
    language: String,
}

impl Args {
    fn into_config(self) -> Result<Config> {
        let data = match self.data {
            Some(data) => std::path::absolute(data)?,
            None => directories::ProjectDirs::from("", "", "creator-deck")
                .context("the system names no folder for data; choose one with --data")?
                .data_local_dir()
                .to_owned(),
        };
        Ok(Config {
            data,
            port: self.port,
            headless: self.headless,
            in_process: self.in_process,
            install: self.install,
            language: self.language,
            timing: Timing::default(),
        })
    }
}

#[tokio::main]
async fn main() -> Result<ExitCode> {
    let filter = tracing_subscriber::EnvFilter::try_from_default_env()
        .unwrap_or_else(|_| tracing_subscriber::EnvFilter::new("info"));
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).init();
    // Packages inherit it.
    host_sdk::abi::no_error_boxes();
    let mut args = Args::parse();
    let script = args.script.take();
    // A script's steps count on an empty Panel, and the user's own isn't theirs to fill.
    let temporary = script.as_ref().filter(|_| args.data.is_none()).map(|_| tempfile::tempdir()).transpose()?;
    if let Some(folder) = &temporary {
        args.data = Some(folder.path().to_owned());
    }
    let config = args.into_config()?;
    if let Some(file) = script {
        return run_script(&file, config).await;
    }
    let headless = config.headless;
    // Before the start, so that whoever ends us early ends the packages too.
    let end = end()?;
    let deck = Deck::start(config).await?;
    {
        // Not `println!`: a closed stdout is no reason to end.
        use std::io::Write as _;
        let mut stdout = std::io::stdout();
        let _ = writeln!(stdout, "Creator Deck is ready: {}", deck.page_url()).and_then(|()| stdout.flush());
    }
    if !headless {
        let url = deck.page_url();
        tokio::task::spawn_blocking(move || {
            if let Err(error) = creator_deck::open_in_browser(&url) {
                tracing::warn!("no browser could be opened ({error}); open {url} yourself");
            }
        });
    }
    end.await;
    deck.stop().await;
    Ok(ExitCode::SUCCESS)
}

/// Runs a script against a deck of its own.
async fn run_script(file: &std::path::Path, config: Config) -> Result<ExitCode> {
    let read = std::fs::read_to_string(file).map_err(|error| error.to_string());
    let script = match read.and_then(|text| Script::parse(&text)) {
        Ok(script) => script,
        Err(why) => {
            tracing::error!("{} can't be read: {why}", file.display());
            return Ok(ExitCode::from(2));
        }
    };
    let end = end()?;
    let deck = match Deck::start(config).await {
        Ok(deck) => deck,
        Err(error) => {
            tracing::error!("{error:#}");
            return Ok(ExitCode::from(2));
        }
    };
    let result = tokio::select! {
        result = deck.run_script(&script) => Some(result),
        () = end => None,
    };
    deck.stop().await;
    use std::io::Write as _;
    // Not `println!`: a closed stdout is no reason to end otherwise.
    let (said, code) = match result {
        Some(Ok(())) => (format!("{}: passed", file.display()), ExitCode::SUCCESS),
        Some(Err(failure)) => (format!("{}: {failure}", file.display()), ExitCode::FAILURE),
        None => (format!("{}: ended before it was done", file.display()), ExitCode::FAILURE),
    };
    let _ = writeln!(std::io::stdout(), "{said}");
    Ok(code)
}

/// Waits until the program is told to end: Ctrl+C, or what a system sends to end a program.
#[cfg(unix)]
fn end() -> Result<impl Future<Output = ()>> {
    use tokio::signal::unix::{SignalKind, signal};
    let (mut interrupt, mut terminate) = (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
    let mut hangup = signal(SignalKind::hangup())?;
    Ok(async move {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
            _ = hangup.recv() => {}
        }
    })
}

/// Waits until the program is told to end: Ctrl+C, or its window is closed.
#[cfg(windows)]
fn end() -> Result<impl Future<Output = ()>> {
    use tokio::signal::windows::{ctrl_c, ctrl_close};
    let (mut interrupt, mut close) = (ctrl_c()?, ctrl_close()?);
    Ok(async move {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = close.recv() => {}
        }
    })
}
