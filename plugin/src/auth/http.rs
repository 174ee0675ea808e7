//! The one HTTP client of the package, shared by the accounts service's calls and the Web API's.

use std::time::Duration;

use reqwest::redirect::Policy;

/// How long a connection may take to come about.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// Between two pings on a quiet HTTP/2 connection. They cost no quota, and a press after minutes of silence finds the
/// connection open. Where a server speaks HTTP/1.1 only, there are none.
const PING_EVERY: Duration = Duration::from_secs(20);
/// A connection without an answer to a ping for so long is dead, as after a sleep of the computer.
const PING_TIMEOUT: Duration = Duration::from_secs(5);
/// How long a whole call may take.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(10);

/// Builds the client: TLS by rustls with ring, time-outs (5 s to connect, 10 s in all), connections that are kept open, and
/// no redirects, which neither service gives and which could carry a token to another place.
///
/// # Errors
/// If the computer's certificates can't be read.
pub fn http_client() -> reqwest::Result<reqwest::Client> {
    // Fails when a provider is there already, which is as good.
    let _ = rustls::crypto::ring::default_provider().install_default();
    reqwest::Client::builder()
        .user_agent(concat!("spotify-widgets/", env!("CARGO_PKG_VERSION")))
        .redirect(Policy::none())
        .connect_timeout(CONNECT_TIMEOUT)
        .timeout(REQUEST_TIMEOUT)
        .http2_keep_alive_interval(PING_EVERY)
        .http2_keep_alive_timeout(PING_TIMEOUT)
        .http2_keep_alive_while_idle(true)
        .tcp_keepalive(PING_EVERY)
        // As long as the server likes.
        .pool_idle_timeout(None)
        .build()
}
