//! Asks Spotify for the user of each new sign-in, once.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use tokio::task::AbortHandle;

use crate::auth::{AccountId, Auth, AuthState, SignInId};
use crate::spotify::{Client, Error};
use crate::supervisor::Supervisor;

/// The wait after a failure that may end without the user.
const RETRY_AFTER: Duration = Duration::from_secs(30);
/// The wait after a failure that needs the user, such as to be added to the app's allow list.
const RETRY_AFTER_REMEDY: Duration = Duration::from_secs(300);

/// The tasks that identify users.
pub struct Identification {
    auth: Auth,
    spotify: Client,
    tasks: Supervisor,
    /// The task of each present sign-in, even if it has finished: each sign-in is identified once.
    by_sign_in: HashMap<SignInId, AbortHandle>,
}

impl Identification {
    /// Nothing is asked until [`on_accounts_changed`](Self::on_accounts_changed).
    #[must_use]
    pub fn new(auth: Auth, spotify: Client, tasks: Supervisor) -> Self {
        Self { auth, spotify, tasks, by_sign_in: HashMap::new() }
    }

    /// Starts to identify sign-ins whose user isn't known, and aborts the tasks of sign-ins that have ended. A new sign-in is
    /// identified at once, even if Spotify has refused an earlier one of the account.
    pub fn on_accounts_changed(&mut self, accounts: &AuthState) {
        let sign_ins: HashSet<SignInId> = accounts.accounts.iter().filter_map(|account| account.sign_in).collect();
        self.by_sign_in.retain(|sign_in, task| {
            let is_current = sign_ins.contains(sign_in);
            if !is_current {
                task.abort();
            }
            is_current
        });
        for account in &accounts.accounts {
            let Some(sign_in) = account.to_identify() else { continue };
            let (auth, spotify, id) = (self.auth.clone(), self.spotify.clone(), account.id.clone());
            self.by_sign_in
                .entry(sign_in)
                .or_insert_with(|| self.tasks.spawn_once("user", identify(auth, spotify, id, sign_in)));
        }
    }
}

/// Asks for the user of a sign-in until Spotify has answered.
async fn identify(auth: Auth, spotify: Client, id: AccountId, sign_in: SignInId) {
    loop {
        let error = match spotify.me(&id).await {
            Ok(user) => return auth.set_user(sign_in, user).await,
            Err(error) => error,
        };
        tracing::warn!(%error, "the user of a sign-in could not be identified");
        tokio::time::sleep(match &error {
            Error::RateLimited { retry_after: Some(wait), .. } => *wait,
            error if error.is_transient() => RETRY_AFTER,
            _ => RETRY_AFTER_REMEDY,
        })
        .await;
    }
}
