//! The fault table: tests how the built package reacts to every outcome of a request to Spotify. Each row checks what is
//! sent, what the key and the settings page show, and what is stored.
//!
//! A row is one case, with its own package, host and simulated Spotify. [`rows`] lists the expectations; the results are
//! written to `target/fault-table.md`. [`steps`] has the cases of several steps.

mod rows;
mod steps;

use std::fmt::Write as _;
use std::panic::AssertUnwindSafe;
use std::time::Duration;

use acceptance::{BACKUP, DEMO, Instance, SIBLING, Stage, TIMEOUT, TestApp, Unpacked, target};
use futures_util::{FutureExt as _, StreamExt as _, stream};
use serde_json::{Value, json};
use spotify_sim::{Config, Fault, Network, Outcome, Reply, Request, Service, Sim, User};

const PLAY: Instance = Instance { widget: "play-pause", context: "c-play" };
const LIKE: Instance = Instance { widget: "like", context: "c-like" };
const NEXT: Instance = Instance { widget: "next", context: "c-next" };

/// The longest pause between requests that belong to one action. What the package does later without an action (a check
/// whether Spotify has agreed, after 1.5 s, or another attempt after 2 s) follows a longer silence.
const PAUSE: Duration = Duration::from_millis(1_300);
/// The number of rows that run at once; they mostly wait.
const CONCURRENCY: usize = 10;

/// The text at the beginning of the written table, which docs/FAULTS.md has as well.
const HEAD: &str = "\
# Fault table

This table shows how the built package reacts to each outcome of a request to Spotify or to its accounts service. Each row is
one test case of `tests/faults`, with its own package, host and simulated Spotify. A run of the tests fails if a row differs
from what is expected, and writes the table to `target/fault-table.md`; docs/FAULTS.md is a copy of that file.

- **where**: what causes the request. *Saving credentials* checks a new Client ID and Client Secret; *sign-in* exchanges the
  code that the browser has brought back; *refresh* renews an access token that was refused; *poll* reads the player's state;
  *press* is a press of a Play/Pause key.
- **outcome**: the answer of Spotify or the network to the primary account's request.
- **accounts**: the accounts of the package in their order. *backup* is an app of another developer account; *sibling* is an
  app of the primary's developer account, so they share their quota.
- **sent**: the requests that follow, each with its account and the status of its answer. *read* is `GET /v1/me/player`,
  *profile* is `GET /v1/me`, *check*, *code* and *refresh* are requests for a token.
- **key**: the text of the Play/Pause key. A remaining time varies with the moment of the test.
- **page**: the state of each account on the settings page, its limits and messages. *nobody for 7 s* means that no account
  may send a request for that time.
- **stored**: what the package has stored of each account.

";

// ---- Rows ----------------------------------------------------------------------------------------------------------

/// What causes the request. The key is on the panel before, except for [`Trigger::Poll`] and [`Trigger::Refresh`]: there
/// the key's appearance causes the first read, which fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Trigger {
    /// A new account's ID and secret are checked.
    Save,
    /// The browser has come back, and the code is exchanged.
    SignIn,
    /// The first access token is refused and therefore renewed.
    Refresh,
    /// The player's state is read.
    Poll,
    /// A key is pressed.
    Press,
}

/// The accounts of the package, in their order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Accounts {
    /// None yet.
    Empty,
    /// The primary.
    Primary,
    /// The primary, and a backup of another developer.
    WithBackup,
    /// The primary, and an app that is declared to be of the same developer.
    WithSibling,
    /// The primary, an app of the same developer, and a backup of another developer.
    All,
}

impl Accounts {
    fn apps(self) -> &'static [TestApp] {
        match self {
            Self::Empty => &[],
            Self::Primary => &[DEMO],
            Self::WithBackup => &[DEMO, BACKUP],
            Self::WithSibling => &[DEMO, SIBLING],
            Self::All => &[DEMO, SIBLING, BACKUP],
        }
    }
}

struct Row {
    trigger: Trigger,
    /// The description of the outcome.
    outcome: &'static str,
    accounts: Accounts,
    /// The faults of requests, by default of the primary's.
    faults: Vec<Fault>,
    /// Changes Spotify just before the trigger.
    setup: fn(&Sim),
    /// The requests, each with its account and its answer.
    sent: &'static str,
    /// The key's text, or with "…" at the end its beginning: the rest of a wait depends on the moment.
    key: &'static str,
    page: &'static str,
    stored: &'static str,
}

const SIGNED_IN: &str = "primary: ID, secret, sign-in";
const SIGNED_OUT: &str = "primary: ID, secret";

fn row(trigger: Trigger, outcome: &'static str, fault: impl Into<Option<Fault>>) -> Row {
    let (page, stored) = match trigger {
        Trigger::Save => ("", "nothing"),
        Trigger::SignIn => ("primary needsLogin", SIGNED_OUT),
        Trigger::Refresh | Trigger::Poll | Trigger::Press => ("primary linked, in use", SIGNED_IN),
    };
    let faults = fault.into().into_iter().collect();
    Row { trigger, outcome, accounts: Accounts::Primary, faults, setup: |_| (), sent: "", key: "", page, stored }
}

/// Creates a row about saving the first account's credentials.
fn save(outcome: &'static str, fault: impl Into<Option<Fault>>) -> Row {
    Row { accounts: Accounts::Empty, key: "Link Spotify in Settings", ..row(Trigger::Save, outcome, fault) }
}

/// Creates a row about the first account's sign-in.
fn sign_in(outcome: &'static str, fault: impl Into<Option<Fault>>) -> Row {
    Row { key: "Link Spotify in Settings", ..row(Trigger::SignIn, outcome, fault) }
}

/// Creates a row about a refresh, which follows a 401.
fn refresh(outcome: &'static str, fault: impl Into<Option<Fault>>) -> Row {
    row(Trigger::Refresh, outcome, fault)
}

fn poll(outcome: &'static str, fault: impl Into<Option<Fault>>) -> Row {
    row(Trigger::Poll, outcome, fault)
}

fn press(outcome: &'static str, fault: impl Into<Option<Fault>>) -> Row {
    row(Trigger::Press, outcome, fault)
}

impl Row {
    fn with(mut self, accounts: Accounts) -> Self {
        self.accounts = accounts;
        (self.page, self.stored) = match accounts {
            Accounts::Empty | Accounts::Primary => (self.page, self.stored),
            Accounts::WithBackup => {
                ("primary linked, in use; backup linked", "primary: ID, secret, sign-in; backup: ID, secret, sign-in")
            }
            Accounts::WithSibling => {
                ("primary linked, in use; sibling linked", "primary: ID, secret, sign-in; sibling: ID, secret, sign-in")
            }
            Accounts::All => (
                "primary linked, in use; sibling linked; backup linked",
                "primary: ID, secret, sign-in; sibling: ID, secret, sign-in; backup: ID, secret, sign-in",
            ),
        };
        self
    }

    /// Adds a fault, which can be one of another account's requests.
    fn and(mut self, fault: Fault) -> Self {
        self.faults.push(fault);
        self
    }

    fn when(self, setup: fn(&Sim)) -> Self {
        Self { setup, ..self }
    }

    fn sends(self, sent: &'static str) -> Self {
        Self { sent, ..self }
    }

    fn key(self, key: &'static str) -> Self {
        Self { key, ..self }
    }

    fn page(self, page: &'static str) -> Self {
        Self { page, ..self }
    }

    fn stores(self, stored: &'static str) -> Self {
        Self { stored, ..self }
    }

    fn name(&self) -> String {
        format!("{:?}, {}, {:?}", self.trigger, self.outcome, self.accounts)
    }

    /// Limits a fault to the requests that the row is about; by default to those of the primary.
    fn targeted(&self, mut fault: Fault) -> Fault {
        let (method, path) = match self.trigger {
            Trigger::Save | Trigger::SignIn | Trigger::Refresh => ("POST", "/accounts/api/token"),
            Trigger::Poll => ("GET", "/v1/me/player"),
            Trigger::Press => ("PUT", "/v1/me/player"),
        };
        let client_id = fault.client_id.take();
        fault.on(method, path).of(client_id.as_deref().unwrap_or(DEMO.client_id))
    }
}

// ---- Outcomes ------------------------------------------------------------------------------------------------------

const QUOTA: u32 = 50_000;
const PORTAL: &str = "<!doctype html><html><title>Welcome to our hotel</title></html>";

fn answers(status: u16, headers: &[(&str, &str)], body: &str) -> Fault {
    let headers = headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    Fault { outcome: Outcome::Answer { status, headers, body: body.to_owned() }, ..Fault::drop_connection() }
}

fn json_answer(status: u16, message: &str, reason: &str) -> Fault {
    let body = json!({"error": {"status": status, "message": message, "reason": reason}});
    answers(status, &[("Content-Type", "application/json")], &body.to_string())
}

fn throttle_with(name: &str, value: &str) -> Fault {
    answers(429, &[(name, value)], r#"{"error":{"status":429,"message":"API rate limit exceeded"}}"#)
}

fn bad_gateway() -> Fault {
    answers(502, &[("Content-Type", "text/html")], "<html><body><h1>502 Bad Gateway</h1></body></html>")
}

fn unavailable() -> Fault {
    answers(503, &[("Retry-After", "30")], "")
}

fn captive_portal() -> Fault {
    answers(200, &[("Content-Type", "text/html")], PORTAL)
}

fn lost_answer() -> Fault {
    Fault { outcome: Outcome::LoseAnswer, ..Fault::drop_connection() }
}

fn token_error(error: &str, description: &str) -> Fault {
    Fault::token_error(error, description)
}

/// Cuts off the Web API only: without both services idle connections are closed, too, and their requests aren't recorded.
fn no_web_api(spotify: &Sim) {
    spotify.set_network_of(Service::Api, Network::Refusing);
}

fn no_accounts_service(spotify: &Sim) {
    spotify.set_network_of(Service::Accounts, Network::Refusing);
}

// ---- Running a row -------------------------------------------------------------------------------------------------

/// The results of a row, in the form of its expectations.
struct Observed {
    sent: String,
    key: String,
    page: String,
    stored: String,
    /// What was sent although all accounts were limited.
    sent_while_limited: String,
}

impl Observed {
    /// Returns the results of a row that panicked.
    fn stuck() -> Self {
        let [sent, key, page, stored] = ["stuck"; 4].map(str::to_owned);
        Self { sent, key, page, stored, sent_while_limited: String::new() }
    }
}

async fn run(unpacked: &Unpacked, row: &Row) -> Observed {
    let spotify = Sim::start(Config::default()).await.expect("a simulator");
    let mut stage = Stage::start(unpacked, spotify).await;
    match row.trigger {
        Trigger::Save => stage.host.place(PLAY).await,
        Trigger::SignIn => {
            stage.save_account(DEMO).await;
            let added = |account: &Value| account["state"] == "needsLogin";
            stage.host.wait_for_account(DEMO.client_id, "it is added", added).await;
            stage.host.place(PLAY).await;
        }
        Trigger::Refresh | Trigger::Poll | Trigger::Press => {
            let mut primary = Value::Null;
            for app in row.accounts.apps() {
                let same_developer_as = if *app == SIBLING { &primary } else { &Value::Null };
                let id = stage.add_account(*app, same_developer_as).await;
                if *app == DEMO {
                    primary = id;
                }
            }
        }
    }
    match row.trigger {
        Trigger::Save | Trigger::SignIn => drop(stage.host.wait_until_shows(PLAY, "Link Spotify").await),
        Trigger::Press => {
            stage.host.place(PLAY).await;
            stage.host.wait_until_shows(PLAY, "Pause").await;
        }
        Trigger::Refresh => {
            let refused = Fault::unauthorized().on("GET", "/v1/me/player").of(DEMO.client_id).times(1);
            stage.spotify.inject(refused);
        }
        Trigger::Poll => {}
    }
    stage.spotify.clear_requests();
    row.faults.iter().cloned().for_each(|fault| stage.spotify.inject(row.targeted(fault)));
    (row.setup)(&stage.spotify);

    match row.trigger {
        Trigger::Save => stage.save_account(DEMO).await,
        Trigger::SignIn => {
            let id = stage.host.accounts().await["accounts"][0]["id"].clone();
            stage.log_in(&id).await;
        }
        Trigger::Refresh | Trigger::Poll => stage.host.place(PLAY).await,
        Trigger::Press => stage.host.press(PLAY).await,
    }
    wait_until_quiet(&mut stage).await;
    let accounts = stage.host.accounts().await;
    let requests = first_burst(&stage.spotify.requests());
    let observed = Observed {
        sent: requests.iter().map(describe_request).collect::<Vec<_>>().join(", "),
        key: stage.host.description(PLAY).to_owned(),
        page: describe_page(&accounts, stage.host.errors(), &requests),
        stored: describe_stored(&stage.stored_accounts()),
        sent_while_limited: String::new(),
    };
    if accounts["nobodyUntil"].is_null() {
        return observed;
    }
    // All accounts are limited: neither a press nor a new key may cause a request.
    stage.spotify.clear_requests();
    stage.host.press(PLAY).await;
    stage.host.place(NEXT).await;
    stage.host.press(NEXT).await;
    wait_until_quiet(&mut stage).await;
    Observed { sent_while_limited: stage.spotify.requests().iter().map(describe_request).collect(), ..observed }
}

/// Waits until no request has come for [`PAUSE`].
async fn wait_until_quiet(stage: &mut Stage<'_>) {
    let Stage { spotify, host, .. } = stage;
    let silence = async {
        loop {
            let before = spotify.requests().len();
            let more = spotify.wait_for(PAUSE, move |requests, _| requests.len() > before);
            if more.await.is_err() {
                return;
            }
        }
    };
    host.receive_while(silence).await;
}

/// Returns the requests up to the first pause of [`PAUSE`]. The profile is read concurrently, so it is sorted to the end.
fn first_burst(requests: &[Request]) -> Vec<Request> {
    let mut burst: Vec<Request> = Vec::new();
    for request in requests.iter().filter(|request| !request.path.starts_with("/image/")) {
        if burst.last().is_some_and(|last| request.instant.duration_since(last.instant) >= PAUSE) {
            break;
        }
        burst.push(request.clone());
    }
    burst.sort_by_key(|request| request.path == "/v1/me");
    burst
}

fn account_name(client_id: Option<&str>) -> &'static str {
    let app = [DEMO, SIBLING, BACKUP].into_iter().find(|app| Some(app.client_id) == client_id);
    app.map_or("unknown", |app| app.name)
}

/// Describes a request with its account and its answer, such as `primary pause 429`.
fn describe_request(request: &Request) -> String {
    let kind = match (request.method.as_str(), request.path.as_str()) {
        ("GET", "/v1/me/player") => "read".to_owned(),
        ("GET", "/v1/me/player/devices") => "devices".to_owned(),
        ("PUT", "/v1/me/player/pause") => "pause".to_owned(),
        ("PUT", "/v1/me/player") => "transfer".to_owned(),
        ("GET", "/v1/me") => "profile".to_owned(),
        ("POST", "/accounts/api/token") => match request.form("grant_type").as_deref() {
            Some("refresh_token") => "refresh".to_owned(),
            Some("authorization_code") => "code".to_owned(),
            Some("client_credentials") => "check".to_owned(),
            other => format!("token for {other:?}"),
        },
        (method, path) => format!("{method} {path}"),
    };
    let answer = match request.reply {
        Reply::Status(status) => status.to_string(),
        Reply::Dropped => "dropped".to_owned(),
        Reply::Pending => "pending".to_owned(),
    };
    format!("{} {kind} {answer}", account_name(request.client_id.as_deref()))
}

/// Describes the settings page: errors of commands, then the accounts. Times are relative to the account's first 429, or to
/// the first of any account.
fn describe_page(accounts: &Value, errors: &[Value], requests: &[Request]) -> String {
    let mut parts: Vec<String> = Vec::new();
    for error in errors {
        let field = error["field"].as_str().map(|field| format!(" at {field}")).unwrap_or_default();
        parts.push(format!("error{field} \"{}\"", beginning(&error["message"])));
    }
    let refused = |client_id: Option<&str>| {
        let mut refused = requests.iter().filter(|request| request.status() == Some(429));
        refused.find(|request| client_id.is_none() || request.client_id.as_deref() == client_id)
    };
    let seconds = |until: &Value, client_id: Option<&str>| {
        let from = refused(client_id).or(refused(None)).map_or(0, |request| request.time_ms);
        until.as_u64().unwrap_or_default().saturating_sub(from) / 1_000
    };
    for account in accounts["accounts"].as_array().into_iter().flatten() {
        let client_id = account["clientId"].as_str();
        let mut part = format!("{} {}", account_name(client_id), account["state"].as_str().unwrap_or_default());
        if account["active"] == true {
            part += ", in use";
        }
        for limit in account["limits"].as_array().into_iter().flatten() {
            let (kind, group) = (limit["kind"].as_str().unwrap_or_default(), limit["group"].as_str());
            let prefix = if limit["part"] == true { "a part of " } else { "" };
            let group =
                group.filter(|group| *group != "all").map(|group| format!(" of {prefix}{group}")).unwrap_or_default();
            // Writing to a String never fails.
            let _ = write!(part, ", {kind}{group} for {} s", seconds(&limit["until"], client_id));
        }
        if let Some(issue) = account["trouble"].as_str() {
            part += ", ";
            part += issue;
        }
        if account["message"].is_string() {
            let _ = write!(part, ", \"{}\"", beginning(&account["message"]));
        }
        parts.push(part);
    }
    if !accounts["nobodyUntil"].is_null() {
        parts.push(format!("nobody for {} s", seconds(&accounts["nobodyUntil"], None)));
    }
    parts.join("; ")
}

/// Returns the beginning of a text, up to its first punctuation mark.
fn beginning(text: &Value) -> &str {
    text.as_str().unwrap_or_default().split(['.', ':', ';']).next().unwrap_or_default()
}

/// Describes what the private file contains of each account. An ID or secret that differs from the typed one doesn't count.
fn describe_stored(accounts: &[Value]) -> String {
    let accounts = accounts.iter().map(|account| {
        let app = [DEMO, SIBLING, BACKUP].into_iter().find(|app| account["client_id"] == app.client_id);
        let app = app.expect("the ID is stored as it was typed");
        let parts = [
            ("ID", true),
            ("secret", account["client_secret"] == app.client_secret),
            ("sign-in", account["refresh_token"].as_str().is_some_and(|token| !token.is_empty())),
        ];
        let parts: Vec<_> = parts.into_iter().filter(|(_, present)| *present).map(|(part, _)| part).collect();
        format!("{}: {}", app.name, parts.join(", "))
    });
    let text = accounts.collect::<Vec<_>>().join("; ");
    if text.is_empty() { "nothing".to_owned() } else { text }
}

/// Returns the differences between a row's expectations and its results.
fn differences(row: &Row, observed: &Observed) -> Vec<String> {
    let key_matches = match row.key.strip_suffix('…') {
        Some(beginning) => observed.key.starts_with(beginning),
        None => observed.key == row.key,
    };
    let limited = observed.sent_while_limited.as_str();
    let compared = [
        ("sent", row.sent, observed.sent.as_str(), row.sent == observed.sent),
        ("key", row.key, observed.key.as_str(), key_matches),
        ("page", row.page, observed.page.as_str(), row.page == observed.page),
        ("stored", row.stored, observed.stored.as_str(), row.stored == observed.stored),
        ("sent while all are limited", "", limited, limited.is_empty()),
    ];
    let different = compared.into_iter().filter(|(.., same)| !same);
    different
        .map(|(column, expected, actual, _)| {
            format!("{}: {column}\n  expected {expected}\n  actual   {actual}", row.name())
        })
        .collect()
}

fn markdown(results: &[(&Row, Observed)]) -> String {
    let mut text =
        String::from("| where | outcome | accounts | sent | key | page | stored |\n|---|---|---|---|---|---|---|\n");
    for (row, Observed { sent, key, page, stored, .. }) in results {
        let trigger = match row.trigger {
            Trigger::Save => "saving credentials",
            Trigger::SignIn => "sign-in",
            Trigger::Refresh => "refresh",
            Trigger::Poll => "poll",
            Trigger::Press => "press",
        };
        let names: Vec<_> = row.accounts.apps().iter().map(|app| app.name).collect();
        let names = if names.is_empty() { "none yet".to_owned() } else { names.join(", ") };
        // Writing to a String never fails.
        let _ = writeln!(text, "| {trigger} | {} | {names} | {sent} | {key} | {page} | {stored} |", row.outcome);
    }
    text
}

#[tokio::test]
async fn each_outcome_has_the_expected_effect() {
    let unpacked = Unpacked::spotify();
    let rows = rows::rows();
    // Runs only the rows whose name contains this, to debug one.
    let filter = std::env::var("FAULT_ROW").unwrap_or_default();
    let selected = rows.iter().filter(|row| row.name().contains(&filter));
    let unpacked = &unpacked;
    let run = async |row| {
        // A row that panics must not hide the others; its message has already been printed.
        let observed = AssertUnwindSafe(run(unpacked, row)).catch_unwind().await;
        (row, observed.unwrap_or_else(|_| Observed::stuck()))
    };
    let results: Vec<_> = stream::iter(selected).map(run).buffered(CONCURRENCY).collect().await;
    let table = format!("{HEAD}{}", markdown(&results));
    std::fs::write(target().join("fault-table.md"), table).expect("the table is written");
    let different: Vec<_> = results.iter().flat_map(|(row, observed)| differences(row, observed)).collect();
    assert!(different.is_empty(), "{} of {} rows:\n{}", different.len(), results.len(), different.join("\n"));
}
