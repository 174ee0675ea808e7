//! A real browser for tests: ChromeDriver and the Chromium that it controls. The tests of Creator Deck's crate use it, too.

use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;

use fantoccini::wd::Capabilities;
use fantoccini::{Client, ClientBuilder};
use hyper_util::client::legacy::connect::HttpConnector;
use serde_json::json;
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::{Child, Command};

/// The timeout for ChromeDriver's start.
const START_TIMEOUT: Duration = Duration::from_secs(30);

/// The timeout for the deck's page.
const ENTER_TIMEOUT: Duration = Duration::from_secs(30);

/// Opens the deck's page by an address with a key and waits until the key is exchanged: the page then changes its address,
/// and WebDriver's commands fail during that change.
pub async fn enter(browser: &Client, url: &str) {
    browser.goto(url).await.expect("the deck's page");
    let is_in = async || browser.current_url().await.is_ok_and(|url| url.query().is_none());
    let start = std::time::Instant::now();
    while !is_in().await {
        assert!(start.elapsed() < ENTER_TIMEOUT, "the key is exchanged");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// A ChromeDriver; dropping it ends it with its browsers.
pub struct Driver {
    child: Child,
    /// The address of its WebDriver interface.
    pub address: String,
    profile: TempDir,
}

impl Driver {
    /// Starts it on a free port.
    pub async fn start() -> Self {
        let profile = tempfile::tempdir().unwrap();
        let mut child = Command::new("chromedriver")
            .arg("--port=0")
            .env("HOME", profile.path())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .process_group(0)
            .kill_on_drop(true)
            .spawn()
            .expect("chromedriver; `cargo xtask test` installs it");
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let port = async {
            while let Some(line) = lines.next_line().await.unwrap() {
                if let Some((_, port)) = line.split_once("started successfully on port ") {
                    return port.trim_end_matches('.').parse::<u16>().unwrap();
                }
            }
            panic!("chromedriver prints no port");
        };
        let port = tokio::time::timeout(START_TIMEOUT, port).await.expect("chromedriver starts");
        // Keep reading, so that it never blocks on its pipe.
        tokio::spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });
        Self { child, address: format!("http://127.0.0.1:{port}"), profile }
    }

    /// Returns the browsers' download folder.
    pub fn downloads(&self) -> PathBuf {
        self.profile.path().join("downloads")
    }

    /// Starts a browser.
    pub async fn browser(&self) -> Client {
        self.browser_with(&[]).await
    }

    /// Starts a browser with additional arguments.
    pub async fn browser_with(&self, more: &[&str]) -> Client {
        let profile = format!("--user-data-dir={}", self.profile.path().join("profile").display());
        let mut args = vec![
            "--headless=new",
            "--no-sandbox",
            "--disable-gpu",
            "--disable-dev-shm-usage",
            "--disable-background-networking",
            "--window-size=1400,1000",
            // Dark, so that the screenshots don't depend on the system's settings.
            "--blink-settings=preferredColorScheme=0",
            &profile,
        ];
        args.extend(more);
        // With the popup blocker, as for users: by default ChromeDriver disables it.
        let options = json!({
            "args": args,
            "excludeSwitches": ["disable-popup-blocking"],
            "prefs": {"download.default_directory": self.downloads()},
        });
        let capabilities = Capabilities::from_iter([("goog:chromeOptions".to_owned(), options)]);
        ClientBuilder::new(HttpConnector::new())
            .capabilities(capabilities)
            .connect(&self.address)
            .await
            .expect("the browser starts")
    }
}

impl Drop for Driver {
    fn drop(&mut self) {
        if let Some(group) = self.child.id().and_then(|id| rustix::process::Pid::from_raw(id.cast_signed())) {
            let _ = rustix::process::kill_process_group(group, rustix::process::Signal::KILL);
        }
    }
}
