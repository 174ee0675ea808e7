//! `cargo xtask demo`: runs the package in our own host, with a simulated Spotify or, with `--live`, the real one.

use std::io::{BufRead as _, BufReader};
use std::net::{Ipv4Addr, TcpListener};
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use clap::Args;
use host_sdk::manifest::PLATFORM;
use xtask::dist::{self, root};

use crate::run::{Profile, build, step};

/// Options of `cargo xtask demo`.
#[derive(Args)]
pub struct Options {
    /// Use the real Spotify, with your own Client ID and Secret
    #[arg(long)]
    live: bool,
    /// Build optimised, which takes twice as long
    #[arg(long)]
    release: bool,
    /// Don't open the page in a browser
    #[arg(long)]
    headless: bool,
    /// The port of the host's page; a free one by default
    #[arg(long, default_value_t = 0)]
    port: u16,
    /// Where the host keeps its state; target/demo by default
    #[arg(long)]
    data: Option<PathBuf>,
}

/// A child process that is killed on drop.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Builds and packs everything, starts the host, and waits until it ends.
pub fn run(options: &Options) -> Result<()> {
    let started = Instant::now();
    step("building the package, the host and the simulated Spotify (some minutes the first time)");
    // The profile of the tests, so that they needn't build again.
    let profile = if options.release { Profile::Release } else { Profile::Dev };
    build(
        profile,
        &[
            "--package",
            "spotify-plugin",
            "--package",
            "package-runner",
            "--package",
            "creator-deck",
            "--package",
            "spotify-sim",
        ],
    )?;
    build(profile, &["--package", "host-sdk", "--features", "host-sdk/bundle", "--example", "clock"])?;
    let built = profile.folder();
    step("packing the bundles into dist/");
    let dist = root().join("dist");
    let here = [(PLATFORM, built.as_path())];
    let bundles = [dist::make(dist::SPOTIFY, &here, &dist)?, dist::make(dist::CLOCK, &here, &dist)?];

    let data = options.data.clone().unwrap_or_else(|| root().join("target/demo"));
    std::fs::create_dir_all(&data)?;
    let mut deck = Command::new(program(&built, "creator-deck"));
    deck.arg("--data").arg(&data).arg("--port").arg(options.port.to_string());
    for bundle in &bundles {
        deck.arg("--install").arg(bundle);
    }
    if options.headless || !has_desktop() {
        deck.arg("--headless");
    }
    let mut notes = Vec::new();
    let _simulator = if options.live {
        notes.push("Spotify: the real one. Create an app in its dashboard; the settings page says how.".to_owned());
        None
    } else {
        step("starting the simulated Spotify");
        let (simulator, addresses) = start_simulator(&built, &data)?;
        // A simulated sign-in needs no protection and doesn't belong into the user's keyring.
        let store = std::path::absolute(data.join("simulated-accounts.json"))?;
        deck.env("SPOTIFY_API_URL", &addresses.api)
            .env("SPOTIFY_ACCOUNTS_URL", &addresses.accounts)
            .env("SPOTIFY_WIDGETS_STORE", format!("file:{}", store.display()));
        // The simulator serves covers from this computer; the real Spotify's come from the web.
        deck.arg("--allow").arg(addresses.page.trim_end_matches('/'));
        notes.push(format!("Simulated Spotify: {}", addresses.page));
        notes.push(format!("Client ID:         {}", addresses.client_id));
        notes.push(format!("Client Secret:     {}", addresses.client_secret));
        Some(simulator)
    };
    step("starting the host");
    let mut deck = Running(deck.stdout(Stdio::piped()).spawn().context("creator-deck could not be started")?);
    let page = first_line(&mut deck.0, "creator-deck")?;
    let page = page.rsplit_once(' ').map_or(page.as_str(), |(_, address)| address).to_owned();

    println!();
    println!("Ready after {} s. Open this page in a browser; the address works once:", started.elapsed().as_secs());
    println!();
    println!("    {page}");
    println!();
    notes.iter().for_each(|line| println!("{line}"));
    println!("Ctrl-C ends the demo. What you set up stays in {}.", data.display());
    let status = wait(&mut deck.0)?;
    if !status.success() {
        bail!("creator-deck ended with {status}");
    }
    Ok(())
}

struct Addresses {
    page: String,
    api: String,
    accounts: String,
    client_id: String,
    client_secret: String,
}

fn start_simulator(built: &std::path::Path, data: &std::path::Path) -> Result<(Running, Addresses)> {
    // The same port at every start if it is free, so that the sign-in of an earlier demo stays valid.
    let port = [8766, 0].into_iter().find(|port| TcpListener::bind((Ipv4Addr::LOCALHOST, *port)).is_ok());
    let mut child = Command::new(program(built, "spotify-sim"))
        .arg("--port")
        .arg(port.unwrap_or(0).to_string())
        .arg("--state")
        .arg(data.join("spotify-sim.json"))
        .stdout(Stdio::piped())
        .spawn()
        .map(Running)
        .context("spotify-sim could not be started")?;
    let line = first_line(&mut child.0, "spotify-sim")?;
    let value = |name: &str| {
        let found = line.split_whitespace().find_map(|word| word.strip_prefix(name)?.strip_prefix('='));
        found.map(str::to_owned).with_context(|| format!("spotify-sim did not say its {name}: {line}"))
    };
    let page = value("page")?;
    let base = page.trim_end_matches('/');
    let addresses = Addresses {
        api: format!("{base}/v1"),
        accounts: format!("{base}/accounts"),
        client_id: value("client_id")?,
        client_secret: value("client_secret")?,
        page,
    };
    Ok((child, addresses))
}

/// Returns the first line of a child's output. The rest is read and dropped, so that the child never blocks on its pipe.
fn first_line(child: &mut Child, name: &str) -> Result<String> {
    let stdout = child.stdout.take().context("no stdout")?;
    let mut lines = BufReader::new(stdout).lines();
    let Some(line) = lines.next().transpose()? else { bail!("{name} ended before it was ready") };
    std::thread::spawn(move || lines.for_each(drop));
    Ok(line)
}

fn wait(child: &mut Child) -> Result<ExitStatus> {
    loop {
        if let Some(status) = child.try_wait()? {
            return Ok(status);
        }
        std::thread::sleep(Duration::from_millis(200));
    }
}

fn program(built: &std::path::Path, name: &str) -> PathBuf {
    built.join(format!("{name}{}", std::env::consts::EXE_SUFFIX))
}

fn has_desktop() -> bool {
    cfg!(any(windows, target_os = "macos"))
        || ["DISPLAY", "WAYLAND_DISPLAY"]
            .iter()
            .any(|name| std::env::var_os(name).is_some_and(|value| !value.is_empty()))
}
