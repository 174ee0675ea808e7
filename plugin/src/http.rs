//! HTTP clients: made when they are needed, off the loop's thread, all with one copy of the computer's root certificates.
//!
//! Reading the certificates takes milliseconds, and fails where there are none. It is done once in the life of the process;
//! as long as it fails, each further call tries it again.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::Duration;

use reqwest::ClientBuilder;
use reqwest::header::{self, HeaderMap};
use reqwest::redirect::Policy;
use rustls::ClientConfig;
use rustls_platform_verifier::BuilderVerifierExt;
use tokio::sync::OnceCell;

/// How long a connection may take to come about.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// Between two pings on a quiet HTTP/2 connection. They cost no quota, and a press after minutes of silence finds the
/// connection open. Where a server speaks HTTP/1.1 only, there are none.
const PING_EVERY: Duration = Duration::from_secs(20);
/// A connection without an answer to a ping for so long is dead, as after a sleep of the computer.
const PING_TIMEOUT: Duration = Duration::from_secs(5);
/// How long a whole call may take.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(10);

/// Why there is no HTTP client.
#[derive(Debug, thiserror::Error)]
pub enum HttpError {
    /// The computer's root certificates can't be read, or there are none.
    #[error("the computer's root certificates can't be used")]
    Certificates(#[source] rustls::Error),
    /// The client refuses its configuration, such as the computer's proxy.
    #[error("the HTTP client can't be configured")]
    Client(#[source] reqwest::Error),
    /// The work was cut off, as the package ends.
    #[error("the HTTP client was not finished")]
    Interrupted,
}

/// A handle to a shared client; cloning it is cheap. After a sleep of the computer its kept connections may lead nowhere
/// without notice, and the next call would wait for its time-out: [`Http::renew`] gives them up.
#[derive(Clone)]
pub struct Http(Arc<Shared>);

struct Shared {
    configure: Box<dyn Fn(ClientBuilder) -> ClientBuilder + Send + Sync>,
    /// Empty until a client is asked for, and again after a failure.
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
    /// The client of the accounts service's and the Web API's calls: time-outs (5 s to connect, 10 s in all), connections
    /// that are kept open, and no redirects, which neither service gives and which could carry a token to another place.
    #[must_use]
    pub fn new() -> Self {
        Self::with(|client| {
            client
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
        })
    }

    /// A client with a configuration of its own. Nothing is made or read here.
    #[must_use]
    pub fn with(configure: impl Fn(ClientBuilder) -> ClientBuilder + Send + Sync + 'static) -> Self {
        Self(Arc::new(Shared { configure: Box::new(configure), current: RwLock::default() }))
    }

    /// The client as it is now, which is made if there is none. A call that is under way keeps the one that it was made with.
    ///
    /// # Errors
    /// If none can be made; the next call tries again.
    pub async fn client(&self) -> Result<reqwest::Client, HttpError> {
        let current = Arc::clone(&self.0.current.read().unwrap_or_else(PoisonError::into_inner));
        let made = current.get_or_try_init(|| async {
            let shared = Arc::clone(&self.0);
            let making = tokio::task::spawn_blocking(move || {
                let tls = tls()?;
                let client = (shared.configure)(reqwest::Client::builder().tls_backend_preconfigured(tls));
                client.build().map_err(HttpError::Client)
            });
            making.await.unwrap_or(Err(HttpError::Interrupted))
        });
        made.await.cloned()
    }

    /// Makes every further call of all handles open connections of its own.
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

/// TLS by rustls with ring and the computer's root certificates: read from the disk at the first call that succeeds, on
/// Linux; Windows and macOS check a server's certificate themselves.
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

/// How long to wait by a `Retry-After` header: seconds, also with a fraction, or a date, which is compared with the `Date` of
/// the same answer, as this computer's clock may be wrong. A negative number and nonsense count as absent.
#[must_use]
pub fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let text = |name| Some(headers.get(name)?.to_str().ok()?.trim());
    let wanted = text(header::RETRY_AFTER)?;
    if let Ok(seconds) = wanted.parse::<f64>() {
        return Duration::try_from_secs_f64(seconds.ceil()).ok();
    }
    let then = httpdate::parse_http_date(wanted).ok()?;
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
        let ask = async |http: &Http| {
            let client = http.client().await.unwrap();
            client.get(world.sim.page_url()).send().await.unwrap().bytes().await.unwrap();
        };
        ask(&world.http).await;
        ask(&other).await;
        assert_eq!(world.sim.connections().accepted, 1);
        world.http.renew();
        ask(&other).await;
        assert_eq!(world.sim.connections().accepted, 2);
    }

    /// A client whose first `failures` makings fail; with it, on which threads it was made.
    fn failing(failures: usize) -> (Http, Arc<Mutex<Vec<ThreadId>>>) {
        let (made, threads) = (AtomicUsize::new(0), Arc::<Mutex<Vec<ThreadId>>>::default());
        let noted = Arc::clone(&threads);
        let http = Http::with(move |client| {
            noted.lock().unwrap().push(thread::current().id());
            // A line end is nothing that a header may have.
            if made.fetch_add(1, Ordering::SeqCst) < failures { client.user_agent("\n") } else { client }
        });
        (http, threads)
    }

    #[tokio::test]
    async fn failed_client_is_tried_again() {
        let (http, threads) = failing(2);
        assert!(matches!(http.client().await, Err(HttpError::Client(_))));
        assert!(http.client().await.is_err());
        assert!(http.client().await.is_ok());
        assert!(http.client().await.is_ok());
        assert_eq!(threads.lock().unwrap().len(), 3);
    }

    #[tokio::test]
    async fn clients_are_made_off_the_loops_thread() {
        let (http, threads) = failing(0);
        http.client().await.unwrap();
        http.renew();
        let (one, two) = tokio::join!(http.client(), http.client());
        assert!(one.is_ok() && two.is_ok());
        let threads = threads.lock().unwrap();
        assert_eq!(threads.len(), 2, "once for both");
        assert!(threads.iter().all(|thread| *thread != thread::current().id()));
    }

    #[test]
    fn root_certificates_are_read_once() {
        let (one, two) = (tls().unwrap(), tls().unwrap());
        assert!(Arc::ptr_eq(&one.cert_compression_cache, &two.cert_compression_cache));
    }

    #[test]
    fn retry_after_is_read_with_patience() {
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
    fn retry_after_as_a_date_is_read_by_the_answers_own_date() {
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
