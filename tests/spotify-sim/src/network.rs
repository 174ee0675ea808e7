//! The network between the program under test and Spotify: up, or down in one of two ways. The simulator's own page and
//! control API stay reachable, because they set the network up again.

use serde::{Deserialize, Serialize};
use tokio::sync::watch;

/// How the network treats requests.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Network {
    /// Requests arrive and are answered.
    #[default]
    Up,
    /// Their connections are closed at once without an answer. Idle connections are closed only if both services refuse:
    /// otherwise they may belong to the service that is up.
    Refusing,
    /// Requests are accepted but not answered. When the network is up again, those whose client still waits are served.
    Silent,
}

/// A service of Spotify, whose network can be set separately.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Service {
    /// The accounts service with its consent page: `/accounts`.
    Accounts,
    /// The Web API and the covers: `/v1` and `/image`.
    Api,
}

impl Service {
    pub(crate) fn of(path: &str) -> Self {
        if path.starts_with("/accounts/") { Self::Accounts } else { Self::Api }
    }
}

/// The network to each service.
#[derive(Clone, Copy, Debug, Default, Serialize)]
pub(crate) struct Networks {
    accounts: Network,
    api: Network,
}

impl Networks {
    /// Sets the network to a service, or to both.
    pub fn set(&mut self, service: Option<Service>, network: Network) {
        if service != Some(Service::Api) {
            self.accounts = network;
        }
        if service != Some(Service::Accounts) {
            self.api = network;
        }
    }

    pub fn to(self, service: Service) -> Network {
        match service {
            Service::Accounts => self.accounts,
            Service::Api => self.api,
        }
    }

    fn all_refuse(self) -> bool {
        self.accounts == Network::Refusing && self.api == Network::Refusing
    }
}

/// Waits until the network to a service is in a state.
pub(crate) async fn wait_until(networks: &watch::Sender<Networks>, service: Service, state: Network) {
    if networks.subscribe().wait_for(|networks| networks.to(service) == state).await.is_err() {
        // The simulator is ending and drops this future.
        std::future::pending::<()>().await;
    }
}

/// Waits until the network is set to [`Network::Refusing`] for all services.
pub(crate) async fn all_became_refusing(networks: &mut watch::Receiver<Networks>) {
    loop {
        if networks.changed().await.is_err() {
            std::future::pending::<()>().await;
        }
        if networks.borrow_and_update().all_refuse() {
            return;
        }
    }
}
