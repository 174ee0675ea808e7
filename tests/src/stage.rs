//! The built package between a plain host and a simulated Spotify, with as many accounts as a test wants: what the fault
//! table and the benchmark start from.

use std::path::PathBuf;
use std::time::Instant;

use serde_json::{Value, json};
use spotify_sim::{
    BACKUP_CLIENT_ID, BACKUP_CLIENT_SECRET, DEMO_CLIENT_ID, DEMO_CLIENT_SECRET, SIBLING_CLIENT_ID,
    SIBLING_CLIENT_SECRET, Sim,
};
use tempfile::TempDir;
use tokio::process::{Child, Command};

use crate::{FakeHost, Unpacked, http_client, spawn, until};

/// An app of the simulated Spotify that becomes an account of the package.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Member {
    /// What tests call it.
    pub name: &'static str,
    /// Its Client ID.
    pub client_id: &'static str,
    /// Its Client Secret.
    pub client_secret: &'static str,
}

/// The app that every test's first account is of.
pub const DEMO: Member = Member { name: "primary", client_id: DEMO_CLIENT_ID, client_secret: DEMO_CLIENT_SECRET };
/// Another app of the same developer account.
pub const SIBLING: Member =
    Member { name: "sibling", client_id: SIBLING_CLIENT_ID, client_secret: SIBLING_CLIENT_SECRET };
/// An app of another developer account.
pub const BACKUP: Member = Member { name: "backup", client_id: BACKUP_CLIENT_ID, client_secret: BACKUP_CLIENT_SECRET };

/// See the module's text. The package ends with it.
pub struct Stage<'a> {
    /// The simulated Spotify.
    pub spotify: Sim,
    /// The host.
    pub host: FakeHost,
    unpacked: &'a Unpacked,
    /// Holds what this package stores, apart from that of others.
    folder: TempDir,
    package: Child,
}

impl Drop for Stage<'_> {
    /// No call of the package may break the Web API's contract, whatever a test is about.
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
        host.registered().await;
        Self { spotify, host, unpacked, folder, package }
    }

    /// Ends the package with no chance to clean up, and starts it again until it is registered. Returns when it was started.
    pub async fn restart(&mut self) -> Instant {
        self.package.kill().await.expect("it ends");
        let mut command = command(self.unpacked, &self.folder, &self.host, &self.spotify);
        let started = Instant::now();
        self.package = spawn(&mut command);
        self.host.registered().await;
        started
    }

    /// The package's process; none once it has ended.
    #[must_use]
    pub fn pid(&self) -> Option<u32> {
        self.package.id()
    }

    /// Says what the page says to add an account; Spotify checks ID and secret then.
    pub async fn save(&mut self, member: Member) {
        self.save_with(member, json!({})).await;
    }

    /// The same with more, or other, members of the command.
    pub async fn save_with(&mut self, member: Member, more: Value) {
        let mut command = json!({
            "command": "saveAccount", "clientId": member.client_id, "clientSecret": member.client_secret,
            "redirect": "loopback",
        });
        for (name, value) in more.as_object().into_iter().flatten() {
            command[name] = value.clone();
        }
        self.host.page_says(command).await;
    }

    /// Adds an account and logs it in, as a user does with page and browser, until it is known, and stored, whose it is. Returns its
    /// id. `same_developer_as` is the id of another account, or null.
    pub async fn add(&mut self, member: Member, same_developer_as: &Value) -> Value {
        self.save_with(member, json!({"sameDeveloperAs": same_developer_as})).await;
        let added = |account: &Value| account["state"] == "needsLogin";
        let id = self.host.account_until(member.client_id, "it is added", added).await["id"].clone();
        self.log_in(&id).await;
        self.host.account_until(member.client_id, "it is linked", |account| account["user"].is_string()).await;
        until("whose it is is stored", async || {
            let stored = self.stored();
            let known = stored.iter().any(|account| account["id"] == id && account["user"].is_object());
            if known { Ok(()) } else { Err(String::new()) }
        })
        .await;
        id
    }

    /// Logs an account in up to the browser's last page.
    pub async fn log_in(&mut self, id: &Value) {
        let page = self.host.starts_login(id).await;
        let back = self.spotify.consent(&page, true).expect("the consent page accepts the address");
        self.comes_back(back.as_str()).await;
    }

    /// Does what the browser does with the address that Spotify sends it back to. Returns the page's text.
    pub async fn comes_back(&mut self, back: &str) -> String {
        let visit = async {
            let answer = http_client().get(back).send().await.expect("the listener answers");
            answer.text().await.expect("a page")
        };
        self.host.hear_while(visit).await
    }

    /// What the package has in its private file: a list of accounts; empty if there is no file.
    #[must_use]
    pub fn stored(&self) -> Vec<Value> {
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
