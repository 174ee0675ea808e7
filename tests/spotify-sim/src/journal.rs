//! What arrived at the simulator: the record that tests assert on and that the page shows. Secrets are masked as they
//! come in, so that printing a record in a failed test gives nothing away that the program under test should have kept.

use std::time::Instant;

use serde::Serialize;
use url::form_urlencoded;

use crate::connections::Protocol;
use crate::limits::Group;

/// The number of requests that are remembered; the oldest go first.
pub const CAPACITY: usize = 10_000;

/// Form members and query parameters whose values are replaced by [`MASK`].
const SECRET: [&str; 5] = ["client_secret", "code", "code_verifier", "refresh_token", "access_token"];

/// What stands in the place of a secret.
pub const MASK: &str = "***";

/// A request that arrived at the accounts service, the Web API or the covers.
#[derive(Clone, Debug, Serialize)]
pub struct Request {
    /// Counts up from 1 over the life of the simulator.
    pub number: u64,
    /// When it arrived by the simulator's clock, in Unix milliseconds.
    pub time_ms: u64,
    /// When it arrived in real time, for measurements.
    #[serde(skip)]
    pub instant: Instant,
    /// When it was answered or dropped in real time: just before the answer is written.
    #[serde(skip)]
    pub answered: Option<Instant>,
    /// The local port of the client: the same for requests that share a connection.
    pub peer_port: u16,
    /// The HTTP method.
    pub method: String,
    /// The path, such as `/v1/me/player/pause`.
    pub path: String,
    /// The query parameters in their order, decoded, secrets masked.
    pub query: Vec<(String, String)>,
    /// The kind of authorization; never its value.
    pub authorization: Authorization,
    /// The Client ID of the app that it came from, where its token, its Basic header, its form or its query tells.
    pub client_id: Option<String>,
    /// The calls with which it shares its quota; none for what is no call of the Web API.
    pub group: Option<Group>,
    /// The body as text; of a form, the secrets are masked.
    pub body: String,
    /// What became of it.
    pub reply: Reply,
    /// The number of the connection on which it came; connections count up from 1.
    pub connection: u64,
    /// What that connection speaks.
    pub protocol: Protocol,
    /// [`instant`](Self::instant) in nanoseconds since the simulator's start, for measurements from another process.
    pub arrived_ns: u64,
    /// [`answered`](Self::answered) in nanoseconds since the simulator's start.
    pub answered_ns: Option<u64>,
    /// How long the body of the answer is, in bytes.
    pub plain_bytes: usize,
    /// How many bytes of it were sent: fewer where it was compressed.
    pub sent_bytes: usize,
    /// What of it breaks the Web API's contract.
    pub violations: Vec<String>,
}

impl Request {
    /// The value of a query parameter.
    pub fn query(&self, name: &str) -> Option<&str> {
        self.query.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    /// The value of a form member of the body, decoded.
    pub fn form(&self, name: &str) -> Option<String> {
        form_urlencoded::parse(self.body.as_bytes()).find(|(key, _)| key == name).map(|(_, value)| value.into_owned())
    }

    /// The status that it was answered with.
    pub fn status(&self) -> Option<u16> {
        match self.reply {
            Reply::Status(status) => Some(status),
            Reply::Pending | Reply::Dropped => None,
        }
    }
}

/// The kind of an `Authorization` header.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Authorization {
    /// There is none.
    None,
    /// `Basic`: Client ID and secret.
    Basic,
    /// `Bearer`: an access token.
    Bearer,
    /// Something else.
    Other,
}

impl Authorization {
    pub(crate) fn of(header: Option<&str>) -> Self {
        match header.map(|value| value.split(' ').next().unwrap_or_default().to_ascii_lowercase()).as_deref() {
            None => Self::None,
            Some("basic") => Self::Basic,
            Some("bearer") => Self::Bearer,
            Some(_) => Self::Other,
        }
    }
}

/// What became of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Reply {
    /// Nothing yet, or the client hung up before the answer.
    Pending,
    /// It was answered with this status.
    Status(u16),
    /// A fault or a dead network closed its connection.
    Dropped,
}

/// The requests, oldest first.
#[derive(Debug)]
pub(crate) struct Journal {
    requests: Vec<Request>,
    count: u64,
    /// When the simulator was started.
    start: Instant,
    /// What has broken the contract since.
    violations: Vec<String>,
}

/// The most violations that are kept: a few say enough.
const MOST_VIOLATIONS: usize = 100;

impl Default for Journal {
    fn default() -> Self {
        Self { requests: Vec::new(), count: 0, start: Instant::now(), violations: Vec::new() }
    }
}

impl Journal {
    /// Keeps a request and gives it its number.
    pub fn add(&mut self, mut request: Request) -> u64 {
        self.count += 1;
        request.number = self.count;
        request.arrived_ns = nanoseconds(self.start, request.instant);
        let room = MOST_VIOLATIONS.saturating_sub(self.violations.len());
        self.violations.extend(request.violations.iter().take(room).cloned());
        if self.requests.len() >= CAPACITY {
            self.requests.drain(..CAPACITY / 10);
        }
        self.requests.push(request);
        self.count
    }

    pub fn reply(&mut self, number: u64, reply: Reply) {
        let start = self.start;
        if let Some(request) = self.requests.iter_mut().rev().find(|request| request.number == number) {
            request.reply = reply;
            request.answered = Some(Instant::now());
            request.answered_ns = request.answered.map(|at| nanoseconds(start, at));
        }
    }

    /// What has broken the contract since the start, at most [`MOST_VIOLATIONS`].
    pub fn violations(&self) -> &[String] {
        &self.violations
    }

    /// Notes how long the body of an answer is, and how many bytes of it are sent.
    pub fn weigh(&mut self, number: u64, plain: usize, sent: usize) {
        if let Some(request) = self.requests.iter_mut().rev().find(|request| request.number == number) {
            (request.plain_bytes, request.sent_bytes) = (plain, sent);
        }
    }

    pub fn all(&self) -> &[Request] {
        &self.requests
    }

    pub fn clear(&mut self) {
        self.requests.clear();
    }
}

fn nanoseconds(start: Instant, at: Instant) -> u64 {
    u64::try_from(at.saturating_duration_since(start).as_nanos()).unwrap_or(u64::MAX)
}

/// Decodes a query string with its secrets masked.
pub(crate) fn masked_query(query: &str) -> Vec<(String, String)> {
    form_urlencoded::parse(query.as_bytes())
        .map(|(key, value)| {
            let value = if SECRET.contains(&&*key) { MASK.into() } else { value };
            (key.into_owned(), value.into_owned())
        })
        .collect()
}

/// A body as text, with the secrets masked if it is a form.
pub(crate) fn masked_body(content_type: Option<&str>, body: &[u8]) -> String {
    if content_type.is_some_and(|kind| kind.starts_with("application/x-www-form-urlencoded")) {
        let mut form = form_urlencoded::Serializer::new(String::new());
        form.extend_pairs(form_urlencoded::parse(body).map(|(key, value)| {
            let value = if SECRET.contains(&&*key) { MASK.into() } else { value };
            (key, value)
        }));
        form.finish()
    } else {
        String::from_utf8_lossy(body).into_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_masked() {
        let form = b"grant_type=refresh_token&refresh_token=AQsecret&client_id=abc";
        let body = masked_body(Some("application/x-www-form-urlencoded; charset=utf-8"), form);
        assert_eq!(body, "grant_type=refresh_token&refresh_token=***&client_id=abc");
        assert_eq!(masked_query("code=x&state=y"), [("code".into(), MASK.into()), ("state".into(), "y".to_owned())]);
    }

    #[test]
    fn kinds_of_authorization() {
        assert_eq!(Authorization::of(Some("bearer x")), Authorization::Bearer);
        assert_eq!(Authorization::of(Some("Basic eA==")), Authorization::Basic);
        assert_eq!(Authorization::of(Some("Digest x")), Authorization::Other);
        assert_eq!(Authorization::of(None), Authorization::None);
    }
}
