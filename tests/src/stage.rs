//! The built package between a fake host and a simulated Spotify, with any number of accounts, for the fault table and the
//! benchmarks.

use std::path::PathBuf;
use std::time::Instant;

use serde_json::{Value, json};
use spotify_sim::{
    BACKUP_CLIENT_ID, BACKUP_CLIENT_SECRET, DEMO_CLIENT_ID, DEMO_CLIENT_SECRET, SIBLING_CLIENT_ID,
    SIBLING_CLIENT_SECRET, Sim,
};
use tempfile::TempDir;
use tokio::process::{Child, Command};

use crate::{FakeHost, Unpacked, http_client, spawn, wait_until};

/// An app of the simulated Spotify that becomes an account of the package.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TestApp {
    /// Its name in tests.
    pub name: &'static str,
    /// Its Client ID.
    pub client_id: &'static str,
    /// Its Client Secret.
    pub client_secret: &'static str,
}

/// The app of every test's first account.
pub const DEMO: TestApp = TestApp { name: "primary", client_id: DEMO_CLIENT_ID, client_secret: DEMO_CLIENT_SECRET };
/// Another app of the same developer account.
pub const SIBLING: TestApp =
    TestApp { name: "sibling", client_id: SIBLING_CLIENT_ID, client_secret: SIBLING_CLIENT_SECRET };
/// An app of another developer account.
pub const BACKUP: TestApp =
    TestApp { name: "backup", client_id: BACKUP_CLIENT_ID, client_secret: BACKUP_CLIENT_SECRET };

/// A running package with its host and its Spotify; dropping it ends the package.
pub struct Stage<'a> {
    /// The simulated Spotify.
    pub spotify: Sim,
    /// The host.
    pub host: FakeHost,
    unpacked: &'a Unpacked,
    /// The folder for the files of this package alone.
    folder: TempDir,
    package: Child,
}

impl Drop for Stage<'_> {
    /// Checks that no call of the package has broken the Web API's contract, in every test.
    fn drop(&mut self) {
        if !std::thread::panicking() {
            assert_eq!(self.spotify.violations(), [""; 0]);
        }
    }
}

impl<'a> Stage<'a> {
    /// Starts the package, with nothing stored.
    pub async fn start(unpacked: &'a Unpacked, spotify: Sim) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let mut host = FakeHost::start().await;
        let package = spawn(&mut command(unpacked, &folder, &host, &spotify));
        host.wait_for_registration().await;
        Self { spotify, host, unpacked, folder, package }
    }

    /// Kills the package, starts it again and waits until it has registered. Returns the time of the start.
    pub async fn restart(&mut self) -> Instant {
        self.package.kill().await.expect("it ends");
        let mut command = command(self.unpacked, &self.folder, &self.host, &self.spotify);
        let started = Instant::now();
        self.package = spawn(&mut command);
        self.host.wait_for_registration().await;
        started
    }

    /// Returns the package's process id, or `None` if it has ended.
    #[must_use]
    pub fn pid(&self) -> Option<u32> {
        self.package.id()
    }

    /// Adds an account as the settings page does, which makes the package check ID and secret.
    pub async fn save_account(&mut self, member: TestApp) {
        self.save_account_with(member, json!({})).await;
    }

    /// Adds an account like [`save_account`](Self::save_account), with additional or changed members of the command.
    pub async fn save_account_with(&mut self, member: TestApp, more: Value) {
        let mut command = json!({
            "command": "saveAccount", "clientId": member.client_id, "clientSecret": member.client_secret,
            "redirect": "loopback",
        });
        for (name, value) in more.as_object().into_iter().flatten() {
            command[name] = value.clone();
        }
        self.host.send_from_page(command).await;
    }

    /// Adds an account, logs it in as a user does with page and browser, and waits until its user is known and stored.
    /// Returns its id. `same_developer_as` is the id of another account, or null.
    pub async fn add_account(&mut self, member: TestApp, same_developer_as: &Value) -> Value {
        self.save_account_with(member, json!({"sameDeveloperAs": same_developer_as})).await;
        let added = |account: &Value| account["state"] == "needsLogin";
        let id = self.host.wait_for_account(member.client_id, "it is added", added).await["id"].clone();
        self.log_in(&id).await;
        self.host.wait_for_account(member.client_id, "it is linked", |account| account["user"].is_string()).await;
        wait_until("the account's user is stored", async || {
            let stored = self.stored_accounts();
            let known = stored.iter().any(|account| account["id"] == id && account["user"].is_object());
            if known { Ok(()) } else { Err(String::new()) }
        })
        .await;
        id
    }

    /// Logs an account in, up to the browser's last page.
    pub async fn log_in(&mut self, id: &Value) {
        let page = self.host.start_login(id).await;
        let back = self.spotify.consent(&page, true).expect("the consent page accepts the address");
        self.follow_redirect(back.as_str()).await;
    }

    /// Requests the address to which Spotify redirects the browser, and returns the page's text.
    pub async fn follow_redirect(&mut self, back: &str) -> String {
        let visit = async {
            let answer = http_client().get(back).send().await.expect("the listener answers");
            answer.text().await.expect("a page")
        };
        self.host.receive_while(visit).await
    }

    /// Returns the accounts in the package's private file; none if there is no file.
    #[must_use]
    pub fn stored_accounts(&self) -> Vec<Value> {
        match std::fs::read(store(&self.folder)) {
            Ok(bytes) => serde_json::from_slice(&bytes).expect("a list of accounts"),
            Err(error) => {
                assert_eq!(error.kind(), std::io::ErrorKind::NotFound);
                Vec::new()
            }
        }
    }
}

fn store(folder: &TempDir) -> PathBuf {
    folder.path().join("secrets.json")
}

fn command(unpacked: &Unpacked, folder: &TempDir, host: &FakeHost, spotify: &Sim) -> Command {
    let mut command = unpacked.command_for(host, spotify);
    command
        .env("RUST_LOG", "error")
        .env("HOME", folder.path())
        .env("XDG_DATA_HOME", folder.path().join("share"))
        .env("SPOTIFY_WIDGETS_LOG", folder.path().join("logs"))
        .env("SPOTIFY_WIDGETS_STORE", format!("file:{}", store(folder).display()));
    command
}
