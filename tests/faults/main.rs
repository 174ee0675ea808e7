//! The fault table: the built package goes through everything that Spotify and the network can answer, wherever it can
//! happen, and each time it is looked at what was sent, what the key shows, what the settings page shows and what is
//! stored.
//!
//! A row is one case, with a package, a host and a simulated Spotify of its own. [`rows`] says what is expected; what came
//! out is written to `target/fault-table.md`. [`steps`] has the cases that take more than one step.

mod rows;
mod steps;

use std::fmt::Write as _;
use std::panic::AssertUnwindSafe;
use std::time::Duration;

use acceptance::{BACKUP, DEMO, Instance, Member, SIBLING, SOON, Stage, Unpacked, target};
use futures_util::{FutureExt as _, StreamExt as _, stream};
use serde_json::{Value, json};
use spotify_sim::{Config, Fault, Network, Outcome, Reply, Request, Service, Sim, User};

const PLAY: Instance = Instance { widget: "play-pause", context: "c-play" };
const LIKE: Instance = Instance { widget: "like", context: "c-like" };
const NEXT: Instance = Instance { widget: "next", context: "c-next" };

/// Requests belong to what was done if they follow each other within this. What the package does by itself later (a look
/// whether Spotify has agreed, after 1.5 s, or another try after 2 s) comes after a longer silence.
const PAUSE: Duration = Duration::from_millis(1_300);
/// Rows at a time: mostly they wait.
const AT_ONCE: usize = 10;

// ---- What a row is -------------------------------------------------------------------------------------------------

/// Where it happens. The key is on the panel before, but for [`Place::Poll`] and [`Place::Refresh`]: there the first
/// question, which its appearance brings about, is the one that fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    /// A new account's ID and secret are tried out.
    Save,
    /// The browser has come back, and the code is exchanged.
    SignIn,
    /// The first access token is refused, so that it is renewed.
    Refresh,
    /// What plays is asked.
    Poll,
    /// A key is pressed.
    Press,
}

/// The accounts, in their order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Cast {
    /// None yet.
    Nobody,
    /// The primary.
    One,
    /// And a backup of another developer.
    WithBackup,
    /// And an app of the same developer, said to be so.
    WithSibling,
    /// The primary, an app of the same developer, and a backup of another.
    Three,
}

impl Cast {
    fn members(self) -> &'static [Member] {
        match self {
            Self::Nobody => &[],
            Self::One => &[DEMO],
            Self::WithBackup => &[DEMO, BACKUP],
            Self::WithSibling => &[DEMO, SIBLING],
            Self::Three => &[DEMO, SIBLING, BACKUP],
        }
    }
}

struct Row {
    place: Place,
    /// The outcome in words.
    what: &'static str,
    cast: Cast,
    /// What happens to requests; by default to those of the primary.
    faults: Vec<Fault>,
    /// What is changed at Spotify just before.
    arrange: fn(&Sim),
    /// Who has sent what, and the answer.
    sent: &'static str,
    /// What the key says; with "…" at the end only its beginning, as what is left of a wait depends on the moment.
    key: &'static str,
    page: &'static str,
    stored: &'static str,
}

const ONE_KEPT: &str = "primary: ID, secret, sign-in";
const ONE_ENDED: &str = "primary: ID, secret";

fn row(place: Place, what: &'static str, fault: impl Into<Option<Fault>>) -> Row {
    let (page, stored) = match place {
        Place::Save => ("", "nothing"),
        Place::SignIn => ("primary needsLogin", ONE_ENDED),
        Place::Refresh | Place::Poll | Place::Press => ("primary linked, in use", ONE_KEPT),
    };
    let faults = fault.into().into_iter().collect();
    Row { place, what, cast: Cast::One, faults, arrange: |_| (), sent: "", key: "", page, stored }
}

/// A row about saving the first account's credentials.
fn save(what: &'static str, fault: impl Into<Option<Fault>>) -> Row {
    Row { cast: Cast::Nobody, key: "Link Spotify in Settings", ..row(Place::Save, what, fault) }
}

/// A row about the first account's sign-in.
fn sign_in(what: &'static str, fault: impl Into<Option<Fault>>) -> Row {
    Row { key: "Link Spotify in Settings", ..row(Place::SignIn, what, fault) }
}

/// A row about a refresh, which takes a 401 before.
fn refresh(what: &'static str, fault: impl Into<Option<Fault>>) -> Row {
    row(Place::Refresh, what, fault)
}

fn poll(what: &'static str, fault: impl Into<Option<Fault>>) -> Row {
    row(Place::Poll, what, fault)
}

fn press(what: &'static str, fault: impl Into<Option<Fault>>) -> Row {
    row(Place::Press, what, fault)
}

impl Row {
    fn with(mut self, cast: Cast) -> Self {
        self.cast = cast;
        (self.page, self.stored) = match cast {
            Cast::Nobody | Cast::One => (self.page, self.stored),
            Cast::WithBackup => {
                ("primary linked, in use; backup linked", "primary: ID, secret, sign-in; backup: ID, secret, sign-in")
            }
            Cast::WithSibling => {
                ("primary linked, in use; sibling linked", "primary: ID, secret, sign-in; sibling: ID, secret, sign-in")
            }
            Cast::Three => (
                "primary linked, in use; sibling linked; backup linked",
                "primary: ID, secret, sign-in; sibling: ID, secret, sign-in; backup: ID, secret, sign-in",
            ),
        };
        self
    }

    /// One more thing that happens to requests, to those of another account perhaps.
    fn and(mut self, fault: Fault) -> Self {
        self.faults.push(fault);
        self
    }

    fn when(self, arrange: fn(&Sim)) -> Self {
        Self { arrange, ..self }
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
        format!("{:?}, {}, {:?}", self.place, self.what, self.cast)
    }

    /// A fault where the row takes place, and of whom.
    fn placed(&self, mut fault: Fault) -> Fault {
        let (method, path) = match self.place {
            Place::Save | Place::SignIn | Place::Refresh => ("POST", "/accounts/api/token"),
            Place::Poll => ("GET", "/v1/me/player"),
            Place::Press => ("PUT", "/v1/me/player"),
        };
        let of = fault.client_id.take();
        fault.on(method, path).of(of.as_deref().unwrap_or(DEMO.client_id))
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

/// One service only: with both gone idle connections are closed, too, and a request that meets that leaves no trace.
fn no_web_api(spotify: &Sim) {
    spotify.set_network_of(Service::Api, Network::Refusing);
}

fn no_accounts_service(spotify: &Sim) {
    spotify.set_network_of(Service::Accounts, Network::Refusing);
}

// ---- How a row is run ----------------------------------------------------------------------------------------------

/// What came of a row, in the form of its expectations.
struct Seen {
    sent: String,
    key: String,
    page: String,
    stored: String,
    /// What was sent although all were shut.
    insisted: String,
}

impl Seen {
    /// What is seen of a row that came to no end.
    fn stuck() -> Self {
        let [sent, key, page, stored] = ["stuck"; 4].map(str::to_owned);
        Self { sent, key, page, stored, insisted: String::new() }
    }
}

async fn run(unpacked: &Unpacked, row: &Row) -> Seen {
    let spotify = Sim::start(Config::default()).await.expect("a simulator");
    let mut stage = Stage::start(unpacked, spotify).await;
    match row.place {
        Place::Save => stage.host.appear(PLAY).await,
        Place::SignIn => {
            stage.save(DEMO).await;
            let added = |account: &Value| account["state"] == "needsLogin";
            stage.host.account_until(DEMO.client_id, "it is added", added).await;
            stage.host.appear(PLAY).await;
        }
        Place::Refresh | Place::Poll | Place::Press => {
            let mut primary = Value::Null;
            for member in row.cast.members() {
                let relative = if *member == SIBLING { &primary } else { &Value::Null };
                let id = stage.add(*member, relative).await;
                if *member == DEMO {
                    primary = id;
                }
            }
        }
    }
    match row.place {
        Place::Save | Place::SignIn => drop(stage.host.shows(PLAY, "Link Spotify").await),
        Place::Press => {
            stage.host.appear(PLAY).await;
            stage.host.shows(PLAY, "Pause").await;
        }
        Place::Refresh => {
            let refused = Fault::unauthorized().on("GET", "/v1/me/player").of(DEMO.client_id).times(1);
            stage.spotify.inject(refused);
        }
        Place::Poll => {}
    }
    stage.spotify.clear_requests();
    row.faults.iter().cloned().for_each(|fault| stage.spotify.inject(row.placed(fault)));
    (row.arrange)(&stage.spotify);

    match row.place {
        Place::Save => stage.save(DEMO).await,
        Place::SignIn => {
            let id = stage.host.accounts().await["accounts"][0]["id"].clone();
            stage.log_in(&id).await;
        }
        Place::Refresh | Place::Poll => stage.host.appear(PLAY).await,
        Place::Press => stage.host.press(PLAY).await,
    }
    settled(&mut stage).await;
    let accounts = stage.host.accounts().await;
    let requests = first_burst(&stage.spotify.requests());
    let seen = Seen {
        sent: requests.iter().map(sent).collect::<Vec<_>>().join(", "),
        key: stage.host.shown(PLAY).to_owned(),
        page: page(&accounts, stage.host.errors(), &requests),
        stored: stored(&stage.stored()),
        insisted: String::new(),
    };
    if accounts["nobodyUntil"].is_null() {
        return seen;
    }
    // All are shut: neither a press nor a key that appears makes a request leave.
    stage.spotify.clear_requests();
    stage.host.press(PLAY).await;
    stage.host.appear(NEXT).await;
    stage.host.press(NEXT).await;
    settled(&mut stage).await;
    Seen { insisted: stage.spotify.requests().iter().map(sent).collect(), ..seen }
}

/// Waits until something has been sent, or was to be for long enough, and nothing more comes.
async fn settled(stage: &mut Stage<'_>) {
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
    host.hear_while(silence).await;
}

/// The requests up to the first long silence. Whose sign-in it is is asked beside everything else: that comes last.
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

fn name(client_id: Option<&str>) -> &'static str {
    let member = [DEMO, SIBLING, BACKUP].into_iter().find(|member| Some(member.client_id) == client_id);
    member.map_or("somebody", |member| member.name)
}

/// `primary pause 429`: who has sent what, and the answer.
fn sent(request: &Request) -> String {
    let what = match (request.method.as_str(), request.path.as_str()) {
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
    format!("{} {what} {answer}", name(request.client_id.as_deref()))
}

/// What the page shows: errors of commands, then the accounts. Times are counted from the first 429 of the account, or of
/// any.
fn page(accounts: &Value, errors: &[Value], requests: &[Request]) -> String {
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
        let mut part = format!("{} {}", name(client_id), account["state"].as_str().unwrap_or_default());
        if account["active"] == true {
            part += ", in use";
        }
        for limit in account["limits"].as_array().into_iter().flatten() {
            let (kind, group) = (limit["kind"].as_str().unwrap_or_default(), limit["group"].as_str());
            let some = if limit["part"] == true { "a part of " } else { "" };
            let group =
                group.filter(|group| *group != "all").map(|group| format!(" of {some}{group}")).unwrap_or_default();
            // Writing to a String never fails.
            let _ = write!(part, ", {kind}{group} for {} s", seconds(&limit["until"], client_id));
        }
        if let Some(trouble) = account["trouble"].as_str() {
            part += ", ";
            part += trouble;
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

/// The beginning of a sentence, up to its first stop.
fn beginning(text: &Value) -> &str {
    text.as_str().unwrap_or_default().split(['.', ':', ';']).next().unwrap_or_default()
}

/// What the private file holds of each account. ID and secret have to be the right ones.
fn stored(accounts: &[Value]) -> String {
    let accounts = accounts.iter().map(|account| {
        let member = [DEMO, SIBLING, BACKUP].into_iter().find(|member| account["client_id"] == member.client_id);
        let member = member.expect("the ID is stored as it was typed");
        let parts = [
            ("ID", true),
            ("secret", account["client_secret"] == member.client_secret),
            ("sign-in", account["refresh_token"].as_str().is_some_and(|token| !token.is_empty())),
        ];
        let parts: Vec<_> = parts.into_iter().filter(|(_, there)| *there).map(|(part, _)| part).collect();
        format!("{}: {}", member.name, parts.join(", "))
    });
    let text = accounts.collect::<Vec<_>>().join("; ");
    if text.is_empty() { "nothing".to_owned() } else { text }
}

/// What of a row came out differently.
fn differences(row: &Row, seen: &Seen) -> Vec<String> {
    let key_fits = match row.key.strip_suffix('…') {
        Some(beginning) => seen.key.starts_with(beginning),
        None => seen.key == row.key,
    };
    let compared = [
        ("sent", row.sent, seen.sent.as_str(), row.sent == seen.sent),
        ("key", row.key, seen.key.as_str(), key_fits),
        ("page", row.page, seen.page.as_str(), row.page == seen.page),
        ("stored", row.stored, seen.stored.as_str(), row.stored == seen.stored),
        ("sent while all are shut", "", seen.insisted.as_str(), seen.insisted.is_empty()),
    ];
    let different = compared.into_iter().filter(|(.., same)| !same);
    different
        .map(|(what, wanted, got, _)| format!("{}: {what}\n  wanted {wanted}\n  got    {got}", row.name()))
        .collect()
}

fn markdown(results: &[(&Row, Seen)]) -> String {
    let mut text =
        String::from("| where | outcome | accounts | sent | key | page | stored |\n|---|---|---|---|---|---|---|\n");
    for (row, Seen { sent, key, page, stored, .. }) in results {
        let place = match row.place {
            Place::Save => "saving credentials",
            Place::SignIn => "sign-in",
            Place::Refresh => "refresh",
            Place::Poll => "poll",
            Place::Press => "press",
        };
        let names: Vec<_> = row.cast.members().iter().map(|member| member.name).collect();
        let names = if names.is_empty() { "none yet".to_owned() } else { names.join(", ") };
        // Writing to a String never fails.
        let _ = writeln!(text, "| {place} | {} | {names} | {sent} | {key} | {page} | {stored} |", row.what);
    }
    text
}

#[tokio::test]
async fn each_outcome_has_its_effect_and_no_other() {
    let unpacked = Unpacked::spotify();
    let rows = rows::rows();
    // Only those whose name contains this, to look into one.
    let only = std::env::var("FAULT_ROW").unwrap_or_default();
    let wanted = rows.iter().filter(|row| row.name().contains(&only));
    let unpacked = &unpacked;
    let run = async |row| {
        // One that gets stuck must not hide the others; the panic itself has been written out.
        let seen = AssertUnwindSafe(run(unpacked, row)).catch_unwind().await;
        (row, seen.unwrap_or_else(|_| Seen::stuck()))
    };
    let results: Vec<_> = stream::iter(wanted).map(run).buffered(AT_ONCE).collect().await;
    std::fs::write(target().join("fault-table.md"), markdown(&results)).expect("the table is written");
    let different: Vec<_> = results.iter().flat_map(|(row, seen)| differences(row, seen)).collect();
    assert!(different.is_empty(), "{} of {} rows:\n{}", different.len(), results.len(), different.join("\n"));
}
