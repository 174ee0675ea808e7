//! `creator-deck`: the host as a program. It prints one line with the address of its page and runs until it is asked to
//! end. Its other commands are for package authors: check, create and pack a package.

use std::io::{IsTerminal as _, Write as _};
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context as _, Result};
use clap::{Parser, Subcommand};
use creator_deck::validate::{SmokeTimeouts, validate};
use creator_deck::{
    Autostart, Config, Deck, InUse, Script, Timing, author, decode_pictures, find_browser, language, open_folder,
};
use url::{Origin, Url};

/// The exit code of a check that failed.
const HAS_FINDINGS: u8 = 1;
/// The exit code of a command that couldn't be carried out.
const FAILED: u8 = 2;

/// A host for Creator Central packages on any desktop.
#[derive(Debug, Parser)]
#[command(name = "creator-deck", version, args_conflicts_with_subcommands = true)]
struct Args {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    run: Run,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run the host; the same as no command
    Run(Run),
    /// Open the page of the host that runs
    Open(Open),
    /// Check a package: exit code 0 if it passes, 1 if it fails, 2 if it can't be read
    Validate(Validate),
    /// Make a new package in Rust, with one working widget
    New(New),
    /// Build a package made by `new` and pack it into NAME.creatorCentral
    Pack(Pack),
    /// Returns what pictures on standard input are. For Creator Deck itself.
    #[command(name = "decode-pictures", hide = true)]
    DecodePictures,
}

#[derive(Debug, clap::Args)]
struct Validate {
    /// A .creatorCentral file, or a folder with PackageConfig.json in it.
    #[arg(value_name = "FILE|FOLDER")]
    path: PathBuf,
    /// Answer in JSON, for tools.
    #[arg(long)]
    json: bool,
    /// Only look at it; don't start its program.
    #[arg(long)]
    no_run: bool,
    /// The browser that runs it if it is a web package: Chromium or one made of it; one on the PATH if left out.
    #[arg(long, value_name = "PROGRAM")]
    browser: Option<PathBuf>,
}

#[derive(Debug, clap::Args)]
struct Open {
    /// The data folder of the host that runs.
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    /// Open no browser; print the address, which lets one browser in.
    #[arg(long)]
    print: bool,
}

#[derive(Debug, clap::Args)]
struct New {
    /// The package's name: small letters, digits and hyphens. It becomes a folder of this name.
    #[arg(value_name = "NAME")]
    name: String,
    /// Where to get host-sdk, if not from crates.io: the folder of its sources, or the address of a git repository.
    #[arg(long, value_name = "PATH|URL")]
    sdk: Option<String>,
    /// The beginning of its UUID: a domain of yours, backwards.
    #[arg(long, default_value = "com.example")]
    domain: String,
}

#[derive(Debug, clap::Args)]
struct Pack {
    /// The package's folder.
    #[arg(value_name = "FOLDER", default_value = ".")]
    folder: PathBuf,
    /// Build it faster and larger, for trying out.
    #[arg(long)]
    debug: bool,
    /// Use no network.
    #[arg(long)]
    offline: bool,
}

#[derive(Debug, clap::Args)]
struct Run {
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
    /// be read or the deck can't run. Uses an
    /// empty data folder, which is removed afterwards, unless --data names one. See docs/automation.md.
    #[arg(long, value_name = "FILE")]
    script: Option<PathBuf>,
    /// Run web packages in this browser, which no one sees: Chromium or one made of it. A script takes one on the PATH
    /// if it has to.
    #[arg(long, value_name = "PROGRAM")]
    browser: Option<PathBuf>,
    /// What packages are told as your language: en, de, ja, ko, zh_CN or zh_TW; what is chosen in the page's settings if
    /// left out.
    #[arg(long, value_parser = language)]
    language: Option<String>,
    /// Let packages' property views also reach this origin of this computer or its network, such as http://127.0.0.1:8080;
    /// for development.
    #[arg(long, value_name = "ORIGIN", value_parser = origin)]
    allow: Vec<Origin>,
}

/// An argument that isn't an origin.
#[derive(Debug, thiserror::Error)]
#[error("an origin is a scheme, a host and maybe a port, such as http://127.0.0.1:8080")]
struct InvalidOrigin(#[source] Option<url::ParseError>);

fn origin(text: &str) -> Result<Origin, InvalidOrigin> {
    let url = Url::parse(text).map_err(|error| InvalidOrigin(Some(error)))?;
    let is_bare = url.path() == "/" && url.query().is_none() && url.fragment().is_none() && url.username().is_empty();
    let origin = url.origin();
    if is_bare && origin.is_tuple() { Ok(origin) } else { Err(InvalidOrigin(None)) }
}

/// Returns the data folder: the chosen one, else the system's default.
fn data_folder(chosen: Option<PathBuf>) -> Result<PathBuf> {
    match chosen {
        Some(data) => Ok(std::path::absolute(data)?),
        None => Ok(directories::ProjectDirs::from("", "", "creator-deck")
            .context("the system names no folder for data; choose one with --data")?
            .data_local_dir()
            .to_owned()),
    }
}

impl Run {
    /// Returns the arguments with which the next start runs like this one. Packages to install are installed by then.
    fn arguments(&self) -> Result<Vec<String>> {
        let text = |path: &PathBuf| {
            // A bare name is searched for on the PATH.
            let is_bare = path.components().count() == 1 && !path.has_root();
            let path = if is_bare { path.clone() } else { std::path::absolute(path)? };
            path.into_os_string().into_string().map_err(|path| anyhow::anyhow!("{} is no text", path.display()))
        };
        let mut arguments = Vec::new();
        let data = self.data.as_ref().map(std::path::absolute).transpose()?;
        for (name, path) in [("--data", &data), ("--browser", &self.browser)] {
            if let Some(path) = path {
                arguments.extend([name.to_owned(), text(path)?]);
            }
        }
        let port = (self.port != 0).then(|| self.port.to_string());
        for (name, value) in [("--port", &port), ("--language", &self.language)] {
            if let Some(value) = value {
                arguments.extend([name.to_owned(), value.clone()]);
            }
        }
        let allowed = self.allow.iter().map(Origin::ascii_serialization);
        arguments.extend(allowed.flat_map(|origin| ["--allow".to_owned(), origin]));
        for (name, is_on) in [("--headless", self.headless), ("--in-process", self.in_process)] {
            arguments.extend(is_on.then(|| name.to_owned()));
        }
        Ok(arguments)
    }

    fn into_config(self) -> Result<Config> {
        // The deck also runs if an autostart entry can't be written for it.
        let autostart = match (std::env::current_exe(), self.arguments()) {
            (Ok(program), Ok(arguments)) => Autostart::for_user(program, arguments).ok().flatten(),
            _ => None,
        };
        Ok(Config {
            data: data_folder(self.data)?,
            port: self.port,
            headless: self.headless,
            autostart,
            open_folder: (!self.headless).then_some(open_folder),
            in_process: self.in_process,
            install: self.install,
            language: self.language,
            allow: self.allow,
            timing: Timing::default(),
        })
    }
}

fn main() -> ExitCode {
    let args = Args::parse();
    // Inherited by packages and by the process that decodes pictures.
    host_sdk::abi::no_error_boxes();
    match args.command.unwrap_or(Command::Run(args.run)) {
        // Before other threads exist: it limits its memory, of which each thread takes a part.
        Command::DecodePictures => decode_pictures(),
        command => run(command),
    }
}

#[tokio::main]
async fn run(command: Command) -> ExitCode {
    // A check prints its own report; the deck that it runs stays silent.
    let filter = if matches!(command, Command::Run(_)) { "info" } else { "off" };
    let filter = tracing_subscriber::EnvFilter::try_from_default_env()
        .unwrap_or_else(|_| tracing_subscriber::EnvFilter::new(filter));
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).init();
    let is_run = matches!(command, Command::Run(_));
    let done = match command {
        Command::Run(run) => run_host(run).await,
        Command::Open(options) => open(options).await,
        Command::Validate(options) => validate_package(options).await,
        Command::New(options) => new_package(&options),
        Command::Pack(options) => pack(&options),
        Command::DecodePictures => Ok(decode_pictures()),
    };
    done.unwrap_or_else(|error| {
        // One sentence with its causes, even if RUST_BACKTRACE asks for more: it is for users.
        eprintln!("Error: {error:#}");
        ExitCode::from(if is_run { 1 } else { FAILED })
    })
}

async fn validate_package(Validate { path, json, no_run, browser }: Validate) -> Result<ExitCode> {
    let run = (!no_run).then(SmokeTimeouts::default);
    let report = validate(&path, run, browser).await.with_context(|| format!("{} can't be checked", path.display()))?;
    let text = match json {
        true => {
            let mut text = serde_json::to_string_pretty(&report.to_json())?;
            text.push('\n');
            text
        }
        false => report.to_text(std::io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none()),
    };
    write_stdout(&text);
    Ok(if report.passes() { ExitCode::SUCCESS } else { ExitCode::from(HAS_FINDINGS) })
}

fn new_package(New { name, sdk, domain }: &New) -> Result<ExitCode> {
    let folder = author::new_package(&std::env::current_dir()?, name, domain, sdk.as_deref())?;
    write_stdout(&format!(
        "{} is a package with a working widget. Next:\n  cd {name}\n  creator-deck pack\n  creator-deck validate \
         {name}.creatorCentral\n  creator-deck --install {name}.creatorCentral\n",
        folder.display()
    ));
    Ok(ExitCode::SUCCESS)
}

fn pack(Pack { folder, debug, offline }: &Pack) -> Result<ExitCode> {
    let profile = if *debug { author::Profile::Debug } else { author::Profile::Release };
    let (file, findings) = author::pack(folder, profile, *offline)?;
    findings.iter().for_each(|finding| eprintln!("{finding}"));
    write_stdout(&format!("{}\n", file.display()));
    let fails = findings.iter().any(|finding| finding.severity.fails());
    Ok(if fails { ExitCode::from(HAS_FINDINGS) } else { ExitCode::SUCCESS })
}

/// Unlike `println!`, doesn't panic if stdout is closed.
fn write_stdout(text: &str) {
    let mut stdout = std::io::stdout();
    let _ = stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush());
}

async fn run_host(mut run: Run) -> Result<ExitCode> {
    let script = run.script.take();
    // A script relies on an empty Panel, and must not change the user's.
    let temporary = script.as_ref().filter(|_| run.data.is_none()).map(|_| tempfile::tempdir()).transpose()?;
    if let Some(folder) = &temporary {
        run.data = Some(folder.path().to_owned());
    }
    let browser = run.browser.clone();
    let config = run.into_config()?;
    if let Some(file) = script {
        return run_script(&file, config, browser).await;
    }
    let headless = config.headless;
    // Before the start, so that an early end ends the packages as well.
    let end = termination()?;
    let is_plain = !headless && config.install.is_empty();
    let mut deck = match Deck::start(config).await {
        // A user who starts it a second time wants to see it.
        Err(error) if is_plain && error.is::<InUse>() => {
            let InUse { folder } = error.downcast()?;
            return open(Open { data: Some(folder), print: false }).await;
        }
        started => started?,
    };
    if let Some(browser) = browser {
        deck.open_unattended(&browser)?;
    }
    write_stdout(&format!("Creator Deck is ready: {}\n", deck.entry_url()));
    if !headless {
        let url = deck.entry_url();
        tokio::task::spawn_blocking(move || {
            if let Err(error) = creator_deck::open_in_browser(&url) {
                tracing::warn!("no browser could be opened ({error}); open the address above yourself");
            }
        });
    }
    deck.run_until(end).await.context("Creator Deck can't go on")?;
    Ok(ExitCode::SUCCESS)
}

/// Opens the page of the running host.
async fn open(Open { data, print }: Open) -> Result<ExitCode> {
    let url = creator_deck::running_entry_url(&data_folder(data)?).await?;
    if !print {
        let url = url.clone();
        tokio::task::spawn_blocking(move || creator_deck::open_in_browser(&url))
            .await?
            .context("no browser could be opened; use creator-deck open --print and open the address yourself")?;
    }
    write_stdout(&format!(
        "Creator Deck runs already. {}\n",
        match print {
            true => url.as_str(),
            false => "Its page is opened in your browser.",
        }
    ));
    Ok(ExitCode::SUCCESS)
}

/// Returns the chosen browser or, if there is a web package to run, an installed one.
async fn browser_for(deck: &Deck, named: Option<PathBuf>) -> Option<PathBuf> {
    if named.is_some() || !deck.has_web_packages().await {
        return named;
    }
    let found = find_browser();
    if found.is_none() {
        tracing::warn!("web packages don't run: there is no Chromium on the PATH; name a browser with --browser");
    }
    found
}

/// Runs a script against a deck of its own.
async fn run_script(file: &std::path::Path, config: Config, browser: Option<PathBuf>) -> Result<ExitCode> {
    let read = || -> Result<Script> { Ok(Script::parse(&std::fs::read_to_string(file)?)?) };
    let script = match read() {
        Ok(script) => script,
        Err(error) => {
            eprintln!("{} can't be read: {error}", file.display());
            return Ok(ExitCode::from(FAILED));
        }
    };
    let end = termination()?;
    let started = async {
        let mut deck = Deck::start(config).await?;
        if let Some(browser) = browser_for(&deck, browser).await {
            deck.open_unattended(&browser)?;
        }
        anyhow::Ok(deck)
    };
    let deck = match started.await {
        Ok(deck) => deck,
        Err(error) => {
            eprintln!("{error:#}");
            return Ok(ExitCode::from(FAILED));
        }
    };
    let result = tokio::select! {
        result = deck.run_script(&script) => Some(result),
        () = end => None,
        ended = deck.failure() => {
            deck.stop().await;
            eprintln!("Creator Deck can't go on: {ended}");
            return Ok(ExitCode::from(FAILED));
        }
    };
    deck.stop().await;
    let (text, code) = match result {
        Some(Ok(())) => (format!("{}: passed", file.display()), ExitCode::SUCCESS),
        Some(Err(failure)) => (format!("{}: {failure}", file.display()), ExitCode::FAILURE),
        None => (format!("{}: ended before it was done", file.display()), ExitCode::FAILURE),
    };
    write_stdout(&format!("{text}\n"));
    Ok(code)
}

/// Waits until the program is asked to end: Ctrl+C, or a signal of the system.
#[cfg(unix)]
fn termination() -> Result<impl Future<Output = ()>> {
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

/// Waits until the program is asked to end: Ctrl+C, or its window is closed.
#[cfg(windows)]
fn termination() -> Result<impl Future<Output = ()>> {
    use tokio::signal::windows::{ctrl_c, ctrl_close};
    let (mut interrupt, mut close) = (ctrl_c()?, ctrl_close()?);
    Ok(async move {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = close.recv() => {}
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(arguments: &[&str]) -> Run {
        Args::parse_from(["creator-deck"].iter().chain(arguments)).run
    }

    #[test]
    fn next_start_has_the_options_of_this_one() {
        let data = std::env::temp_dir().join("a b");
        let data = data.to_str().unwrap();
        let kept = ["--data", data, "--browser", "chromium", "--port", "4000", "--language", "de"];
        let kept = [&kept[..], &["--allow", "http://127.0.0.1:8080", "--headless", "--in-process"]].concat();
        let once = ["--install", "x.creatorCentral"];
        assert_eq!(run(&[&kept[..], &once].concat()).arguments().unwrap(), kept);
        assert!(run(&[]).arguments().unwrap().is_empty());
    }
}
