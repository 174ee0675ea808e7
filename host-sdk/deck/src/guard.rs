//! Which requests the deck's two listeners accept. Both are bound to this machine, but a page of the web can make a
//! browser send requests here as well: from its own origin, or from a host name of its own that resolves to 127.0.0.1.
//! So the `Host` header has to be a name that is served here, and an `Origin`, if present, has to be ours.

use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Redirect, Response};

use crate::origins;

/// The names of this machine that a browser or program may use. The addresses that the deck hands out use the first.
const NAMES: [&str; 3] = ["127.0.0.1", "localhost", "[::1]"];

/// The label of the package whose host name a request uses; none for the deck's own names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Site(pub Option<String>);

fn header_text(headers: &HeaderMap, name: HeaderName) -> Option<&str> {
    headers.get(name).and_then(|value| value.to_str().ok())
}

/// Whether `NAME:PORT` is this machine and this port.
fn is_this_machine(host: &str, port: u16) -> bool {
    NAMES.iter().filter_map(|name| host.strip_prefix(name)?.strip_prefix(':')).any(|named| *named == *port.to_string())
}

/// Returns the label of the package from whose page a request comes, if it does.
pub fn package_of(headers: &HeaderMap, port: u16) -> Option<&str> {
    origins::label_of_origin(header_text(headers, header::ORIGIN)?, port)
}

/// The port of a listener.
#[derive(Clone, Copy, Debug)]
pub struct Port(pub u16);

/// Refuses foreign requests at the page's listener.
pub async fn page(State(Port(port)): State<Port>, request: Request, next: Next) -> Response {
    let headers = request.headers();
    let host = header_text(headers, header::HOST).unwrap_or_default();
    let origin = headers.get(header::ORIGIN);
    let own = format!("{}:{port}", NAMES[0]);
    let response = if host != own && is_this_machine(host, port) && *request.method() == Method::GET {
        // Only one origin has the session; a browser that was given another name of it is redirected.
        let path = request.uri().path_and_query().map_or("/", |path| path.as_str());
        Redirect::temporary(&format!("http://{own}{path}")).into_response()
    } else if host != own {
        refuse("Use the address that Creator Deck printed at its start.")
    } else if origin.is_some_and(|origin| origin.as_bytes() != format!("http://{own}").as_bytes()) {
        refuse("Pages of other origins can't use Creator Deck.")
    } else {
        next.run(request).await
    };
    let mut response = with_security_headers(response);
    let headers = response.headers_mut();
    // Pages that open this one, or are opened by it, get no handle to its window, and no other site may embed its
    // resources.
    headers.insert("cross-origin-opener-policy", HeaderValue::from_static("same-origin"));
    headers.insert("cross-origin-resource-policy", HeaderValue::from_static("same-origin"));
    response
}

/// Refuses foreign requests at the listener of packages and their pages, and adds the [`Site`] to the others.
pub async fn packages(State(Port(port)): State<Port>, mut request: Request, next: Next) -> Response {
    let headers = request.headers();
    let host = header_text(headers, header::HOST).unwrap_or_default();
    let label = origins::label_of_host(host, port);
    // Browsers always send the port, but programs with a handwritten handshake may not.
    let is_own_name = is_this_machine(host, port) || NAMES.contains(&host);
    let origin = headers.get(header::ORIGIN).map(|origin| origin.to_str().unwrap_or_default());
    let is_good_origin = origin.is_none_or(|origin| {
        let is_own = origin.strip_prefix("http://").is_some_and(|host| is_this_machine(host, port));
        is_own || origins::label_of_origin(origin, port).is_some_and(|from| label.is_none_or(|label| label == from))
    });
    if label.is_none() && !is_own_name {
        return with_security_headers(refuse("Use the address that Creator Deck gave you."));
    }
    if !is_good_origin {
        return with_security_headers(refuse("Pages of other origins can't use Creator Deck."));
    }
    let site = Site(label.map(str::to_owned));
    request.extensions_mut().insert(site);
    with_security_headers(next.run(request).await)
}

/// Marks an answer as neither to be cached nor to be sniffed.
fn with_security_headers(mut response: Response) -> Response {
    let headers = response.headers_mut();
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(header::REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    // Requests a process per origin: a package whose page hangs must not block the deck's.
    headers.insert("origin-agent-cluster", HeaderValue::from_static("?1"));
    response
}

fn refuse(why: &str) -> Response {
    (StatusCode::FORBIDDEN, axum::Json(serde_json::json!({"error": why}))).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_this_machine_is_a_good_host() {
        for good in ["127.0.0.1:80", "localhost:80", "[::1]:80"] {
            assert!(is_this_machine(good, 80), "{good}");
        }
        for bad in [
            "[::1]:81",
            "::1:80",
            "[::2]:80",
            "127.0.0.1:81",
            "localhost.example.com:80",
            "example.com:80",
            "127.0.0.1:80.example.com",
            "127.0.0.1",
            "",
        ] {
            assert!(!is_this_machine(bad, 80), "{bad}");
        }
    }

    #[test]
    fn page_of_a_package_is_known_by_its_host_name() {
        let port = 8080;
        let origin = origins::origin("com.x", port).origin().ascii_serialization();
        let headers = HeaderMap::from_iter([(header::ORIGIN, origin.parse().unwrap())]);
        assert_eq!(package_of(&headers, port), Some(&*origins::label("com.x")));
        assert_eq!(package_of(&headers, 8081), None);
        assert_eq!(package_of(&HeaderMap::new(), port), None);
    }
}
