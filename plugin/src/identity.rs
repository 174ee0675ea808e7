//! Whose sign-ins they are: asks Spotify for the user of each new sign-in, once.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use tokio::task::AbortHandle;

use crate::auth::{Auth, AuthState, SignInId};
use crate::spotify::{Client, Error};
use crate::supervisor::Supervisor;

/// The pause after a failed attempt, where trying again may help by itself.
const RETRY_AFTER: Duration = Duration::from_secs(30);
/// The same, where the user has to do something first, such as to be added to the app's allow list.
const RETRY_LATER: Duration = Duration::from_secs(300);

/// The tasks that ask.
pub struct Identification {
    auth: Auth,
    spotify: Client,
    tasks: Supervisor,
    /// Also those that are done: each sign-in is asked about once.
    asking: HashMap<SignInId, AbortHandle>,
}

impl Identification {
    /// Nothing is asked yet.
    #[must_use]
    pub fn new(auth: Auth, spotify: Client, tasks: Supervisor) -> Self {
        Self { auth, spotify, tasks, asking: HashMap::new() }
    }

    /// Starts to ask about sign-ins whose user isn't known. A new sign-in is asked about at once, whatever an earlier one
    /// of the account was refused with; tasks of sign-ins that have ended are aborted.
    pub fn on_accounts_changed(&mut self, accounts: &AuthState) {
        let sign_ins: HashSet<SignInId> = accounts.accounts.iter().filter_map(|account| account.sign_in).collect();
        self.asking.retain(|sign_in, task| {
            let is_current = sign_ins.contains(sign_in);
            if !is_current {
                task.abort();
            }
            is_current
        });
        for account in &accounts.accounts {
            let Some(sign_in) = account.to_identify() else { continue };
            let (auth, spotify, id) = (self.auth.clone(), self.spotify.clone(), account.id.clone());
            self.asking
                .entry(sign_in)
                .or_insert_with(|| self.tasks.spawn_once("user", identify(auth, spotify, id, sign_in)));
        }
    }
}

/// Asks until Spotify has answered.
async fn identify(auth: Auth, spotify: Client, id: String, sign_in: SignInId) {
    loop {
        let error = match spotify.me(&id).await {
            Ok(user) => return auth.set_user(sign_in, user).await,
            Err(error) => error,
        };
        tracing::warn!(%error, "Spotify doesn't say who has signed in");
        tokio::time::sleep(match &error {
            Error::RateLimited { retry_after: Some(wait), .. } => *wait,
            error if error.is_transient() => RETRY_AFTER,
            _ => RETRY_LATER,
        })
        .await;
    }
}
