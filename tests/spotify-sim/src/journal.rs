//! The record of all requests, which tests check and the page shows. Secrets are masked when they are recorded, so that the
//! output of a failed test reveals none.

use std::time::Instant;

use serde::Serialize;
use url::form_urlencoded;

use crate::connections::Protocol;
use crate::limits::Group;

/// The maximum number of recorded requests; the oldest are dropped first.
pub const CAPACITY: usize = 10_000;

/// Form members and query parameters whose values are replaced by [`MASK`].
const SECRET: [&str; 5] = ["client_secret", "code", "code_verifier", "refresh_token", "access_token"];

/// The replacement for a secret.
pub const MASK: &str = "***";

/// A request to the accounts service, the Web API or the covers.
#[derive(Clone, Debug, Serialize)]
pub struct Request {
    /// Counts up from 1 over the life of the simulator.
    pub number: u64,
    /// When it arrived by the simulator's clock, in Unix milliseconds.
    pub time_ms: u64,
    /// When it arrived in real time, for measurements.
    #[serde(skip)]
    pub instant: Instant,
    /// When it was answered or dropped in real time, just before the answer was written.
    #[serde(skip)]
    pub answered: Option<Instant>,
    /// The local port of the client, which is the same for requests that share a connection.
    pub peer_port: u16,
    /// The HTTP method.
    pub method: String,
    /// The path, such as `/v1/me/player/pause`.
    pub path: String,
    /// The query parameters in their order, decoded, secrets masked.
    pub query: Vec<(String, String)>,
    /// The kind of authorization, never its value.
    pub authorization: Authorization,
    /// The Client ID of the app, if the token, the Basic header, the form or the query contains it.
    pub client_id: Option<String>,
    /// The group of calls with which it shares its quota; `None` if it isn't a call of the Web API.
    pub group: Option<Group>,
    /// The body as text; the secrets of a form are masked.
    pub body: String,
    /// Its reply.
    pub reply: Reply,
    /// The number of its connection; connections count up from 1.
    pub connection: u64,
    /// The protocol of its connection.
    pub protocol: Protocol,
    /// [`instant`](Self::instant) in nanoseconds since the simulator's start, for measurements from another process.
    pub arrived_ns: u64,
    /// [`answered`](Self::answered) in nanoseconds since the simulator's start.
    pub answered_ns: Option<u64>,
    /// The length of the answer's body in bytes.
    pub plain_bytes: usize,
    /// The number of bytes sent for the body, which is less if it was compressed.
    pub sent_bytes: usize,
    /// Its violations of the Web API's contract.
    pub violations: Vec<String>,
}

impl Request {
    /// Returns the value of a query parameter.
    pub fn query(&self, name: &str) -> Option<&str> {
        self.query.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    /// Returns the decoded value of a form member of the body.
    pub fn form(&self, name: &str) -> Option<String> {
        form_urlencoded::parse(self.body.as_bytes()).find(|(key, _)| key == name).map(|(_, value)| value.into_owned())
    }

    /// Returns the status of its answer.
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
    /// No header.
    None,
    /// `Basic`: Client ID and secret.
    Basic,
    /// `Bearer`: an access token.
    Bearer,
    /// Something else.
    Other,
}

impl Authorization {
    pub(crate) fn from_header(header: Option<&str>) -> Self {
        match header.map(|value| value.split(' ').next().unwrap_or_default().to_ascii_lowercase()).as_deref() {
            None => Self::None,
            Some("basic") => Self::Basic,
            Some("bearer") => Self::Bearer,
            Some(_) => Self::Other,
        }
    }
}

/// How a request was answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Reply {
    /// Not yet, or the client disconnected before the answer.
    Pending,
    /// With this status.
    Status(u16),
    /// Not at all: a fault or the network closed its connection.
    Dropped,
}

/// The requests, oldest first.
#[derive(Debug)]
pub(crate) struct Journal {
    requests: Vec<Request>,
    count: u64,
    /// When the simulator was started.
    start: Instant,
    /// All violations of the contract since the start.
    violations: Vec<String>,
}

/// The maximum number of recorded violations.
const MAX_VIOLATIONS: usize = 100;

impl Default for Journal {
    fn default() -> Self {
        Self { requests: Vec::new(), count: 0, start: Instant::now(), violations: Vec::new() }
    }
}

impl Journal {
    /// Records a request and returns its number.
    pub fn add(&mut self, mut request: Request) -> u64 {
        self.count += 1;
        request.number = self.count;
        request.arrived_ns = nanoseconds(self.start, request.instant);
        let free = MAX_VIOLATIONS.saturating_sub(self.violations.len());
        self.violations.extend(request.violations.iter().take(free).cloned());
        if self.requests.len() >= CAPACITY {
            self.requests.drain(..CAPACITY / 10);
        }
        self.requests.push(request);
        self.count
    }

    pub fn record_reply(&mut self, number: u64, reply: Reply) {
        let start = self.start;
        if let Some(request) = self.requests.iter_mut().rev().find(|request| request.number == number) {
            request.reply = reply;
            request.answered = Some(Instant::now());
            request.answered_ns = request.answered.map(|at| nanoseconds(start, at));
        }
    }

    /// Returns the violations of the contract since the start, at most [`MAX_VIOLATIONS`].
    pub fn violations(&self) -> &[String] {
        &self.violations
    }

    /// Records the length of an answer's body and the number of bytes sent for it.
    pub fn record_size(&mut self, number: u64, plain: usize, sent: usize) {
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

/// Returns a body as text, with the secrets masked if it is a form.
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
    fn authorization_kind_depends_on_the_scheme() {
        assert_eq!(Authorization::from_header(Some("bearer x")), Authorization::Bearer);
        assert_eq!(Authorization::from_header(Some("Basic eA==")), Authorization::Basic);
        assert_eq!(Authorization::from_header(Some("Digest x")), Authorization::Other);
        assert_eq!(Authorization::from_header(None), Authorization::None);
    }
}
