//! The way back from the browser: a small web server that lives as long as one sign-in.
//!
//! It listens on 127.0.0.1 only, answers one path, and shows a page with the outcome of the sign-in. Any program on this
//! computer, and any web page in its browser, can send requests here, so nothing counts but the unguessable part that
//! the sign-in was started with; what comes without it gets a page with an error and changes nothing.

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

use crate::auth::accounts::{AuthError, shown_code};
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

/// The path that the browser comes back to; an unguessable part may follow it.
pub(super) const PATH: &str = "/callback";

/// What the browser, or the user by pasting, brought back.
pub(super) struct Callback {
    /// All places in which the unguessable part may have come back.
    candidates: Vec<String>,
    /// The outcome, if the address has it.
    pub outcome: Option<Outcome>,
}

/// The outcome of Spotify's page.
pub(super) enum Outcome {
    /// The user agreed; the code is worth tokens.
    Code(Secret),
    /// It didn't work, by Spotify's error code.
    Error(String),
}

impl Callback {
    /// Reads the path and query of a callback address.
    ///
    /// Spotify itself brings the unguessable part back as `state`. A relay gets a whole return address as `state`,
    /// with the part at its end, and may hand that back as `state`, or only go there.
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
                "error" if !value.is_empty() => error = error.or(Some(shown_code(&value))),
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

    /// Reads a pasted address, with whatever is around it: quotes, a sentence, line breaks in the middle, no scheme, or the
    /// query alone. None for what has no result in it.
    pub fn from_pasted(text: &str) -> Option<Self> {
        if text.len() > pasted::MAX_LENGTH {
            return None;
        }
        let mut text = pasted::plain(text).replace("&amp;", "&");
        if !text.contains('=') {
            // It is encoded as a whole.
            text = percent_decode_str(&text).decode_utf8_lossy().into_owned();
        }
        // A terminal breaks long lines.
        let is_broken = !text.trim().contains([' ', '\t']);
        if is_broken {
            text.retain(|character| !character.is_whitespace());
        }
        pasted::parts(&text).find_map(|address| {
            // A sentence may end behind it.
            let address = address.trim_end_matches(|end: char| !end.is_ascii_alphanumeric() && !"_-=%/".contains(end));
            let (before, query) = address.split_once('?').unwrap_or(("", address));
            let path = before.find(PATH).map_or("", |at| &before[at..]);
            let query = query.split('#').next().unwrap_or_default();
            Some(Self::read(path, query)).filter(|callback| callback.outcome.is_some())
        })
    }

    /// True if it brings the unguessable part of this sign-in.
    pub fn belongs_to(&self, part: &Secret) -> bool {
        self.candidates.iter().any(|candidate| part.matches(candidate))
    }
}

const STYLE: &str = "html{color-scheme:dark;background:#121212;color:#fff;font:16px/1.5 system-ui,sans-serif}\
body{min-height:100vh;margin:0;display:grid;place-items:center}\
main{box-sizing:border-box;max-width:32rem;margin:1rem;padding:2rem;border-radius:12px;background:#1f1f1f}\
h1{margin:0 0 .5rem;font-size:1.4rem}h1::before{content:\"\";display:block;width:3rem;height:.4rem;margin-bottom:1rem;\
border-radius:.2rem;background:#e0a030}main.good h1::before{background:#1db954}p{margin:0;color:#c8c8c8;overflow-wrap:anywhere}";

/// Nothing but the style above, by its SHA-256, which a test keeps true.
const POLICY: &str = "default-src 'none'; style-src 'sha256-k5xxIYv03Gyoqq20nb0/y0Kfn07LWrhuYxe5zJkIViM='; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// The page. `lines` are its paragraphs.
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
        // The address of this page has the code in it.
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

/// What decides about a callback.
pub(super) trait Finish: Send + Sync + 'static {
    /// Finishes the sign-in that the callback belongs to.
    fn finish(&self, callback: Callback) -> impl Future<Output = Result<(), AuthError>> + Send;
}

struct Server<F> {
    address: SocketAddr,
    language: Option<Language>,
    finish: F,
}

impl<F> Server<F> {
    /// The host's language; the browser's, if the host's is not among ours.
    fn language(&self, headers: &HeaderMap) -> Language {
        let accepted = || Language::from_accept_language(headers.get(header::ACCEPT_LANGUAGE)?.to_str().ok()?);
        self.language.or_else(accepted).unwrap_or(Language::En)
    }
}

/// The server's routes. `address` is where it listens, to know its own `Host`; `language` is the host's.
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
    // Another name for this computer in Host means that a web page has pointed its own name at us (DNS rebinding).
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

/// How often, and with which pause, a port that is taken is tried again: the sign-in before may be about to let go of it.
const PORT_TRIES: u32 = 20;
const PORT_PAUSE: Duration = Duration::from_millis(50);

/// Opens a port for this computer only: this one, or one of the system's choice.
pub(super) async fn listen(port: Option<u16>) -> io::Result<(TcpListener, SocketAddr)> {
    let mut tries = 1;
    let listener = loop {
        match TcpListener::bind((Ipv4Addr::LOCALHOST, port.unwrap_or_default())).await {
            Err(error) if error.kind() == io::ErrorKind::AddrInUse && tries < PORT_TRIES => {
                tries += 1;
                tokio::time::sleep(PORT_PAUSE).await;
            }
            other => break other?,
        }
    };
    let address = listener.local_addr()?;
    Ok((listener, address))
}
