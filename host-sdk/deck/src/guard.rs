//! Who may speak to the deck's two listeners. Both are bound to this machine, but a page of the web can make a browser
//! send requests here too: by its own origin, or by a name of its own that resolves to 127.0.0.1. So the `Host` header
//! has to name this machine, and an `Origin`, where there is one, has to be our own.

use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};

use crate::origins::Origins;

/// The names of this machine that a browser may use.
const NAMES: [&str; 3] = ["127.0.0.1", "localhost", "[::1]"];

/// Whether a request names this machine and the listener's port. `bare`: whether it may leave the port out, as browsers
/// never do, but programs whose author wrote the wire by hand.
fn has_good_host(headers: &HeaderMap, port: u16, bare: bool) -> bool {
    let Some(host) = headers.get(header::HOST).and_then(|host| host.to_str().ok()) else { return false };
    NAMES.iter().filter_map(|name| host.strip_prefix(name)).any(|rest| match rest.strip_prefix(':') {
        Some(named) => *named == *port.to_string(),
        None => bare && rest.is_empty(),
    })
}

/// Whether a request comes from the listener's own origin, or from no page at all.
fn has_good_origin(headers: &HeaderMap, port: u16) -> bool {
    let Some(origin) = headers.get(header::ORIGIN) else { return true };
    NAMES.iter().any(|name| origin.as_bytes() == format!("http://{name}:{port}").as_bytes())
}

/// The package from whose pages a request comes, if it does.
pub fn package_of(headers: &HeaderMap, origins: &Origins) -> Option<String> {
    let origin = headers.get(header::ORIGIN)?.to_str().ok()?;
    let port: u16 = origin.strip_prefix("http://127.0.0.1:")?.parse().ok()?;
    // Written as a browser does: `+1` and `01` are numbers too.
    origin.ends_with(&format!(":{port}")).then(|| origins.package_at(port)).flatten()
}

/// What a listener lets in.
#[derive(Clone, Debug)]
pub struct Guard {
    /// The listener's port.
    pub port: u16,
    /// The origins of packages, if this is where packages and their pages come to.
    pub packages: Option<Origins>,
}

/// Refuses what doesn't come from here, and marks every answer as not to be kept or guessed at.
pub async fn check(State(guard): State<Guard>, request: Request, next: Next) -> Response {
    let (headers, port) = (request.headers(), guard.port);
    let is_socket = guard.packages.is_some();
    let is_package = guard.packages.is_some_and(|origins| package_of(headers, &origins).is_some());
    let mut response = if !has_good_host(headers, port, is_socket) {
        refuse("Use the address that Creator Deck printed at its start.")
    } else if !has_good_origin(headers, port) && !is_package {
        refuse("Pages of other origins can't use Creator Deck.")
    } else {
        next.run(request).await
    };
    let headers = response.headers_mut();
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(header::REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    // Ports of one machine are one site, and browsers run the pages of a site in one process: a package whose page hangs
    // would take the deck's with it. This asks for a process for each origin.
    headers.insert("origin-agent-cluster", HeaderValue::from_static("?1"));
    response
}

fn refuse(why: &str) -> Response {
    (StatusCode::FORBIDDEN, axum::Json(serde_json::json!({"error": why}))).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(name: header::HeaderName, value: &'static str) -> HeaderMap {
        HeaderMap::from_iter([(name, HeaderValue::from_static(value))])
    }

    #[test]
    fn only_this_machine_is_a_good_host() {
        for good in ["127.0.0.1:80", "localhost:80", "[::1]:80"] {
            assert!(has_good_host(&headers(header::HOST, good), 80, false), "{good}");
        }
        for bad in [
            "[::1]:81",
            "::1:80",
            "[::2]:80",
            "127.0.0.1:81",
            "localhost.example.com:80",
            "example.com:80",
            "127.0.0.1:80.example.com",
            "",
        ] {
            assert!(!has_good_host(&headers(header::HOST, bad), 80, true), "{bad}");
        }
        assert!(!has_good_host(&HeaderMap::new(), 80, true));
        for name in NAMES {
            assert!(has_good_host(&headers(header::HOST, name), 80, true), "{name}: programs come so");
            assert!(!has_good_host(&headers(header::HOST, name), 80, false), "{name}: browsers don't");
        }
    }

    #[test]
    fn pages_of_packages_are_known_by_their_port() {
        let (origins, _opened) = Origins::new(std::collections::BTreeMap::new());
        let port = origins.of("com.x").unwrap().port().unwrap();
        let from = |text: &str| package_of(&HeaderMap::from_iter([(header::ORIGIN, text.parse().unwrap())]), &origins);
        assert_eq!(from(&format!("http://127.0.0.1:{port}")).as_deref(), Some("com.x"));
        for bad in [
            "http://127.0.0.1:1".to_owned(),
            format!("https://127.0.0.1:{port}"),
            format!("http://example.com:{port}"),
            format!("http://127.0.0.1:0{port}"),
        ] {
            assert_eq!(from(&bad), None, "{bad}");
        }
    }

    #[test]
    fn only_our_own_origin_is_good() {
        assert!(has_good_origin(&HeaderMap::new(), 80));
        assert!(has_good_origin(&headers(header::ORIGIN, "http://127.0.0.1:80"), 80));
        for bad in ["null", "http://127.0.0.1:81", "https://127.0.0.1:80", "http://example.com", "file://", ""] {
            assert!(!has_good_origin(&headers(header::ORIGIN, bad), 80), "{bad}");
        }
    }
}
