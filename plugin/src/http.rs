//! HTTP clients, built on first use on a blocking thread, that share one copy of the computer's root certificates.
//!
//! Reading the certificates takes milliseconds, and fails if there are none. It is done once per process; after a failure the
//! next call tries again.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::Duration;

use reqwest::ClientBuilder;
use reqwest::header::{self, HeaderMap};
use reqwest::redirect::Policy;
use rustls::ClientConfig;
use rustls_platform_verifier::BuilderVerifierExt;
use tokio::sync::OnceCell;

/// Time limit for establishing a connection.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// Interval of pings on an idle HTTP/2 connection. They cost no quota, and keep the connection open for a press after minutes
/// of silence. HTTP/1.1 has no pings.
const PING_INTERVAL: Duration = Duration::from_secs(20);
/// A connection on which a ping stays unanswered this long is dead, for example after the computer slept.
const PING_TIMEOUT: Duration = Duration::from_secs(5);
/// Time limit for a complete call.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(10);

/// Why there is no HTTP client.
#[derive(Debug, thiserror::Error)]
pub enum HttpError {
    /// The computer's root certificates can't be read, or there are none.
    #[error("the computer's root certificates can't be used")]
    Certificates(#[source] rustls::Error),
    /// The client rejects its configuration, such as the computer's proxy settings.
    #[error("the HTTP client can't be configured")]
    Client(#[source] reqwest::Error),
    /// The task that builds the client was aborted, as the package ends, or panicked.
    #[error("the HTTP client was not finished")]
    Interrupted(#[source] tokio::task::JoinError),
}

/// A handle to a shared client. Cheap to clone. After the computer slept, its open connections may be dead unnoticed, and the
/// next call would run into its time-out: [`Http::renew`] drops them.
#[derive(Clone)]
pub struct Http(Arc<Shared>);

struct Shared {
    configure: Box<dyn Fn(ClientBuilder) -> ClientBuilder + Send + Sync>,
    /// Empty until the first call, and again after a failure.
    current: RwLock<Arc<OnceCell<reqwest::Client>>>,
}

impl fmt::Debug for Http {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Http").finish_non_exhaustive()
    }
}

impl Default for Http {
    fn default() -> Self {
        Self::new()
    }
}

impl Http {
    /// Creates the client for the accounts service and the Web API: time-outs (5 s to connect, 10 s in total), connections
    /// that stay open, and no redirects, which neither service uses and which could send a token elsewhere.
    #[must_use]
    pub fn new() -> Self {
        Self::with(|client| {
            client
                .user_agent(concat!("spotify-widgets/", env!("CARGO_PKG_VERSION")))
                .redirect(Policy::none())
                .connect_timeout(CONNECT_TIMEOUT)
                .timeout(REQUEST_TIMEOUT)
                .http2_keep_alive_interval(PING_INTERVAL)
                .http2_keep_alive_timeout(PING_TIMEOUT)
                .http2_keep_alive_while_idle(true)
                .tcp_keepalive(PING_INTERVAL)
                // The server decides when to close it.
                .pool_idle_timeout(None)
        })
    }

    /// Creates a client with another configuration. It is built on first use.
    #[must_use]
    pub fn with(configure: impl Fn(ClientBuilder) -> ClientBuilder + Send + Sync + 'static) -> Self {
        Self(Arc::new(Shared { configure: Box::new(configure), current: RwLock::default() }))
    }

    /// Returns the current client, building it if necessary. Calls in progress keep the client they were sent with.
    ///
    /// # Errors
    /// If none can be built; the next call tries again.
    pub async fn client(&self) -> Result<reqwest::Client, HttpError> {
        let current = Arc::clone(&self.0.current.read().unwrap_or_else(PoisonError::into_inner));
        let client = current.get_or_try_init(|| async {
            let shared = Arc::clone(&self.0);
            let task = tokio::task::spawn_blocking(move || {
                let tls = tls()?;
                let client = (shared.configure)(reqwest::Client::builder().tls_backend_preconfigured(tls));
                client.build().map_err(HttpError::Client)
            });
            task.await.map_err(HttpError::Interrupted)?
        });
        client.await.cloned()
    }

    /// Makes all handles use new connections from the next call on.
    pub fn renew(&self) {
        *self.0.current.write().unwrap_or_else(PoisonError::into_inner) = Arc::default();
    }
}

/// Reads the body of a response. Returns `None`, and stops reading, if it exceeds `max_bytes` after decompression.
///
/// # Errors
/// If the connection fails.
pub async fn read_body(mut response: reqwest::Response, max_bytes: usize) -> reqwest::Result<Option<Vec<u8>>> {
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await? {
        if body.len() + chunk.len() > max_bytes {
            return Ok(None);
        }
        body.extend_from_slice(&chunk);
    }
    Ok(Some(body))
}

/// Returns the TLS configuration: rustls with ring and the computer's root certificates. On Linux they are read from disk,
/// once; Windows and macOS verify certificates themselves.
fn tls() -> Result<ClientConfig, HttpError> {
    static SHARED: Mutex<Option<ClientConfig>> = Mutex::new(None);
    let mut shared = SHARED.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(tls) = &*shared {
        return Ok(tls.clone());
    }
    let mut tls = ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .and_then(BuilderVerifierExt::with_platform_verifier)
        .map_err(HttpError::Certificates)?
        .with_no_client_auth();
    tls.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(shared.insert(tls).clone())
}

/// Returns the wait of a `Retry-After` header: seconds, possibly with a fraction, or a date, which is compared with the `Date`
/// of the same answer, as this computer's clock may be wrong. Negative and unreadable values count as absent.
#[must_use]
pub fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let text = |name| Some(headers.get(name)?.to_str().ok()?.trim());
    let value = text(header::RETRY_AFTER)?;
    if let Ok(seconds) = value.parse::<f64>() {
        return Duration::try_from_secs_f64(seconds.ceil()).ok();
    }
    let then = httpdate::parse_http_date(value).ok()?;
    let now = httpdate::parse_http_date(text(header::DATE)?).ok()?;
    Some(then.duration_since(now).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::thread::{self, ThreadId};

    use reqwest::header::{HeaderName, HeaderValue};

    use super::*;
    use crate::auth::testing::World;

    #[tokio::test]
    async fn renewed_client_opens_its_own_connection() {
        let world = World::new().await;
        let other = world.http.clone();
        let send = async |http: &Http| {
            let client = http.client().await.unwrap();
            client.get(world.sim.page_url()).send().await.unwrap().bytes().await.unwrap();
        };
        send(&world.http).await;
        send(&other).await;
        assert_eq!(world.sim.connections().accepted, 1);
        world.http.renew();
        send(&other).await;
        assert_eq!(world.sim.connections().accepted, 2);
    }

    /// Returns a client whose first `failures` builds fail, and the threads on which it was built.
    fn failing(failures: usize) -> (Http, Arc<Mutex<Vec<ThreadId>>>) {
        let (builds, threads) = (AtomicUsize::new(0), Arc::<Mutex<Vec<ThreadId>>>::default());
        let recorded = Arc::clone(&threads);
        let http = Http::with(move |client| {
            recorded.lock().unwrap().push(thread::current().id());
            // A header value must not contain a line feed.
            if builds.fetch_add(1, Ordering::SeqCst) < failures { client.user_agent("\n") } else { client }
        });
        (http, threads)
    }

    #[tokio::test]
    async fn failed_client_is_built_again() {
        let (http, threads) = failing(2);
        assert!(matches!(http.client().await, Err(HttpError::Client(_))));
        assert!(http.client().await.is_err());
        assert!(http.client().await.is_ok());
        assert!(http.client().await.is_ok());
        assert_eq!(threads.lock().unwrap().len(), 3);
    }

    #[tokio::test]
    async fn clients_are_built_on_a_blocking_thread() {
        let (http, threads) = failing(0);
        http.client().await.unwrap();
        http.renew();
        let (one, two) = tokio::join!(http.client(), http.client());
        assert!(one.is_ok() && two.is_ok());
        let threads = threads.lock().unwrap();
        assert_eq!(threads.len(), 2, "one build for both calls");
        assert!(threads.iter().all(|thread| *thread != thread::current().id()));
    }

    #[test]
    fn root_certificates_are_read_once() {
        let (one, two) = (tls().unwrap(), tls().unwrap());
        assert!(Arc::ptr_eq(&one.cert_compression_cache, &two.cert_compression_cache));
    }

    #[test]
    fn retry_after_accepts_odd_seconds() {
        let wait = |text: &str| {
            let mut headers = HeaderMap::new();
            headers.insert("ReTrY-AfTeR", HeaderValue::from_str(text).unwrap());
            retry_after(&headers)
        };
        assert_eq!(wait("7"), Some(Duration::from_secs(7)));
        assert_eq!(wait(" 86207 "), Some(Duration::from_secs(86_207)));
        assert_eq!(wait("0.2"), Some(Duration::from_secs(1)));
        assert_eq!(wait("7.0"), Some(Duration::from_secs(7)));
        for nonsense in ["", "-1", "soon", "NaN", "inf", "1e300", "7 s", "Wed, 21 Oct 2026 07:28:00 GMT"] {
            assert_eq!(wait(nonsense), None, "{nonsense}");
        }
        assert_eq!(retry_after(&HeaderMap::new()), None);
    }

    #[test]
    fn retry_after_date_is_relative_to_the_answers_date() {
        let wait = |date: &str, then: &str| {
            let headers = [("date", date), ("retry-after", then)];
            let header = |(name, value): (&'static str, &str)| {
                (HeaderName::from_static(name), HeaderValue::from_str(value).unwrap())
            };
            retry_after(&headers.map(header).into_iter().collect())
        };
        let now = "Wed, 21 Oct 2026 07:28:00 GMT";
        assert_eq!(wait(now, "Wed, 21 Oct 2026 07:28:07 GMT"), Some(Duration::from_secs(7)));
        assert_eq!(wait(now, "Wed, 21 Oct 2026 07:00:00 GMT"), Some(Duration::ZERO));
        assert_eq!(wait("now", "Wed, 21 Oct 2026 07:28:07 GMT"), None);
    }
}
