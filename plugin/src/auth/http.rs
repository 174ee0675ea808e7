//! The one HTTP client of the package, shared by the accounts service's calls and the Web API's.

use std::sync::{Arc, PoisonError, RwLock};
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

/// A handle to the shared client; cloning it is cheap. After a sleep of the computer its kept connections may lead nowhere
/// without anybody having said so, and the next call would wait for its time-out: [`Http::renew`] gives them up.
#[derive(Clone, Debug)]
pub struct Http(Arc<RwLock<reqwest::Client>>);

impl Http {
    /// Builds the client: TLS by rustls with ring, time-outs (5 s to connect, 10 s in all), connections that are kept
    /// open, and no redirects, which neither service gives and which could carry a token to another place.
    ///
    /// # Errors
    /// If the computer's certificates can't be read.
    pub fn new() -> reqwest::Result<Self> {
        Ok(Self(Arc::new(RwLock::new(build()?))))
    }

    /// The client as it is now. A call that is under way keeps the one that it was made with.
    #[must_use]
    pub fn client(&self) -> reqwest::Client {
        self.0.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Makes every further call of all handles open connections of its own.
    pub fn renew(&self) {
        match build() {
            Ok(client) => *self.0.write().unwrap_or_else(PoisonError::into_inner) = client,
            Err(error) => tracing::warn!(%error, "no new HTTP client could be made; the old one goes on"),
        }
    }
}

fn build() -> reqwest::Result<reqwest::Client> {
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::auth::testing::World;

    #[tokio::test]
    async fn a_renewed_client_opens_a_connection_of_its_own_for_all_handles() {
        let world = World::new().await;
        let other = world.http.clone();
        let ask =
            async |http: &Http| http.client().get(world.sim.page_url()).send().await.unwrap().bytes().await.unwrap();
        ask(&world.http).await;
        ask(&other).await;
        assert_eq!(world.sim.connections().accepted, 1);
        world.http.renew();
        ask(&other).await;
        assert_eq!(world.sim.connections().accepted, 2);
    }
}
