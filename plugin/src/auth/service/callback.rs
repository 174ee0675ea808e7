//! The callback from the browser: a small web server that runs as long as one log-in.
//!
//! It listens on 127.0.0.1 only, answers one path, and shows a page with the outcome of the log-in. Any program on this
//! computer, and any web page in its browser, can send requests here, so only the unguessable part counts that the log-in
//! was started with; a request without it is answered by an error page and changes nothing.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::State;
use axum::http::{HeaderMap, Method, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use percent_encoding::percent_decode_str;
use tokio::net::TcpListener;
use url::{Url, form_urlencoded};

use crate::auth::accounts::{AuthError, printable_code};
use crate::auth::secret::Secret;
use crate::i18n::sign_in::{CLOSE, FAILED, LINKED, NOTHING_HERE, NOTHING_HERE_MORE};
use crate::i18n::{Language, Text};
use crate::pasted;
pub(super) use connections::ConnectionLimit;
use words::sentence;

mod connections;
#[cfg(test)]
mod tests;
mod words;

/// The path of the callback address; an unguessable part may follow it.
pub(super) const PATH: &str = "/callback";

/// A callback address from the browser, or pasted by the user.
pub(super) struct Callback {
    /// The texts that may be the unguessable part.
    candidates: Vec<String>,
    /// The outcome, if the address has one.
    pub outcome: Option<Outcome>,
}

/// The outcome of Spotify's page.
pub(super) enum Outcome {
    /// The user agreed; the code can be exchanged for tokens.
    Code(Secret),
    /// It failed, with Spotify's error code.
    Error(String),
}

impl Callback {
    /// Reads the path and query of a callback address.
    ///
    /// Spotify itself returns the unguessable part as `state`. A relay receives a whole return address as `state`, with the
    /// part at its end, and may return that as `state`, or only redirect to it.
    pub fn read(path: &str, query: &str) -> Self {
        let mut candidates = Vec::new();
        if let Some(part) = path.strip_prefix(PATH).and_then(|rest| rest.strip_prefix('/')) {
            candidates.push(part.to_owned());
        }
        let mut code = None;
        let mut error = None;
        for (name, value) in form_urlencoded::parse(query.as_bytes()) {
            match &*name {
                "code" if !value.is_empty() => code = code.or(Some(Secret::new(value))),
                "error" if !value.is_empty() => error = error.or(Some(printable_code(&value))),
                "state" => {
                    if let Ok(url) = Url::parse(&value) {
                        candidates.extend(url.path().rsplit('/').next().map(str::to_owned));
                    }
                    candidates.push(value.into_owned());
                }
                _ => {}
            }
        }
        let outcome = match (error, code) {
            (Some(error), _) => Some(Outcome::Error(error)),
            (None, Some(code)) => Some(Outcome::Code(code)),
            (None, None) => None,
        };
        Self { candidates, outcome }
    }

    /// Reads a pasted address, also in quotes, in a sentence, with line breaks, without a scheme, or only its query. Returns
    /// None for a text without an outcome.
    pub fn from_pasted(text: &str) -> Option<Self> {
        if text.len() > pasted::MAX_LENGTH {
            return None;
        }
        let mut text = pasted::plain(text).replace("&amp;", "&");
        if !text.contains('=') {
            // The whole address is encoded.
            text = percent_decode_str(&text).decode_utf8_lossy().into_owned();
        }
        // Terminals break long lines.
        let is_broken = !text.trim().contains([' ', '\t']);
        if is_broken {
            text.retain(|character| !character.is_whitespace());
        }
        pasted::parts(&text).find_map(|address| {
            // The end of a sentence may follow it.
            let address = address.trim_end_matches(|end: char| !end.is_ascii_alphanumeric() && !"_-=%/".contains(end));
            let (before, query) = address.split_once('?').unwrap_or(("", address));
            let path = before.find(PATH).map_or("", |at| &before[at..]);
            let query = query.split('#').next().unwrap_or_default();
            Some(Self::read(path, query)).filter(|callback| callback.outcome.is_some())
        })
    }

    /// True if it has the unguessable part of this log-in.
    pub fn belongs_to(&self, part: &Secret) -> bool {
        self.candidates.iter().any(|candidate| part.matches(candidate))
    }
}

const STYLE: &str = "html{color-scheme:dark;background:#121212;color:#fff;font:16px/1.5 system-ui,sans-serif}\
body{min-height:100vh;margin:0;display:grid;place-items:center}\
main{box-sizing:border-box;max-width:32rem;margin:1rem;padding:2rem;border-radius:12px;background:#1f1f1f}\
h1{margin:0 0 .5rem;font-size:1.4rem}h1::before{content:\"\";display:block;width:3rem;height:.4rem;margin-bottom:1rem;\
border-radius:.2rem;background:#e0a030}main.good h1::before{background:#1db954}p{margin:0;color:#c8c8c8;overflow-wrap:anywhere}";

/// Allows only the style above, by its SHA-256, which a test compares.
const POLICY: &str = "default-src 'none'; style-src 'sha256-k5xxIYv03Gyoqq20nb0/y0Kfn07LWrhuYxe5zJkIViM='; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// Returns a page with this title and text.
fn page(language: Language, status: StatusCode, title: &Text, text: &str) -> Response {
    let class = if *title == LINKED { "good" } else { "bad" };
    let (tag, title, text) = (language.tag(), escape(title.in_language(language)), escape(text));
    let html = format!(
        "<!doctype html><html lang=\"{tag}\"><head><meta charset=\"utf-8\">\
         <meta name=\"viewport\" content=\"width=device-width\"><title>{title}</title><style>{STYLE}</style></head>\
         <body><main class=\"{class}\"><h1>{title}</h1><p>{text}</p></main></body></html>"
    );
    let headers = [
        (header::CONTENT_TYPE, "text/html; charset=utf-8"),
        (header::CONTENT_SECURITY_POLICY, POLICY),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        // The address of this page contains the code.
        (header::REFERRER_POLICY, "no-referrer"),
        (header::CACHE_CONTROL, "no-store"),
        (header::CONNECTION, "close"),
    ];
    (status, headers, html).into_response()
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

fn result_page(language: Language, result: &Result<(), AuthError>) -> Response {
    let error = match result {
        Ok(()) => return page(language, StatusCode::OK, &LINKED, CLOSE.in_language(language)),
        Err(error) => error,
    };
    let status = match error {
        AuthError::WrongState | AuthError::NotACallback | AuthError::NoLogin => StatusCode::BAD_REQUEST,
        _ => StatusCode::OK,
    };
    page(language, status, &FAILED, &sentence(error, language))
}

fn nothing_here(language: Language, status: StatusCode) -> Response {
    page(language, status, &NOTHING_HERE, NOTHING_HERE_MORE.in_language(language))
}

/// The receiver of callbacks.
pub(super) trait Finish: Send + Sync + 'static {
    /// Finishes the log-in that the callback belongs to.
    fn finish(&self, callback: Callback) -> impl Future<Output = Result<(), AuthError>> + Send;
}

struct Server<F> {
    address: SocketAddr,
    language: Option<Language>,
    finish: F,
}

impl<F> Server<F> {
    /// Returns the host's language, or the browser's if the host's is not among ours.
    fn language(&self, headers: &HeaderMap) -> Language {
        let accepted = || Language::from_accept_language(headers.get(header::ACCEPT_LANGUAGE)?.to_str().ok()?);
        self.language.or_else(accepted).unwrap_or(Language::En)
    }
}

/// Returns the server's routes. `address` is where it listens, to check `Host`; `language` is the host's.
pub(super) fn router<F: Finish>(address: SocketAddr, language: Option<Language>, finish: F) -> Router {
    Router::new().fallback(answer::<F>).with_state(Arc::new(Server { address, language, finish }))
}

async fn answer<F: Finish>(
    State(server): State<Arc<Server<F>>>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
) -> Response {
    let language = server.language(&headers);
    // With another Host a web page has pointed its own name at this computer (DNS rebinding).
    let host = headers.get(header::HOST).and_then(|host| host.to_str().ok());
    if host != Some(server.address.to_string().as_str()) {
        return nothing_here(language, StatusCode::MISDIRECTED_REQUEST);
    }
    let path = uri.path();
    if path != PATH && !path.strip_prefix(PATH).is_some_and(|rest| rest.starts_with('/')) {
        return nothing_here(language, StatusCode::NOT_FOUND);
    }
    if method != Method::GET {
        let allowed = [(header::ALLOW, "GET")];
        return (allowed, nothing_here(language, StatusCode::METHOD_NOT_ALLOWED)).into_response();
    }
    let callback = Callback::read(path, uri.query().unwrap_or_default());
    result_page(language, &server.finish.finish(callback).await)
}

/// How often a port that is taken is tried again, and the pause in between: the previous log-in may be about to release it.
const PORT_ATTEMPTS: u32 = 20;
const PORT_PAUSE: Duration = Duration::from_millis(50);

/// Opens a port for this computer only: the given one, or one of the system's choice.
pub(super) async fn listen(port: Option<u16>) -> io::Result<(TcpListener, SocketAddr)> {
    let mut attempts = 1;
    let listener = loop {
        match TcpListener::bind((Ipv4Addr::LOCALHOST, port.unwrap_or_default())).await {
            Err(error) if error.kind() == io::ErrorKind::AddrInUse && attempts < PORT_ATTEMPTS => {
                attempts += 1;
                tokio::time::sleep(PORT_PAUSE).await;
            }
            other => break other?,
        }
    };
    let address = listener.local_addr()?;
    Ok((listener, address))
}
