//! Trying credentials out and renewing access tokens.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use super::error::AuthError;
use super::oauth::TokenError;
use super::secret::Secret;
use super::state::{Access, Account, Backoff};
use super::{AccessToken, Inner, LOGIN_PATIENCE, MARGIN_MS};

/// Back-off after the network or the service failed: doubled from the first to the longest.
pub(super) const FIRST_BACKOFF: Duration = Duration::from_secs(1);
pub(super) const LONGEST_BACKOFF: Duration = Duration::from_secs(60);

impl Inner {
    /// Tries an ID and a secret out. Without a secret there is nothing to try.
    pub(super) async fn try_out(&self, client_id: &str, client_secret: Option<&Secret>) -> Result<(), AuthError> {
        if client_secret.is_none() {
            return Ok(());
        }
        match self.service(client_id, client_secret).client_credentials().await {
            Ok(_) => Ok(()),
            Err(error) => Err(trouble(error)),
        }
    }

    /// A token without a user, by the app's own ID and secret.
    pub(super) async fn renew_app_token(&self, id: &str) -> Result<AccessToken, AuthError> {
        let turn = {
            let mut state = self.lock();
            Arc::clone(&state.account(id).ok_or(AuthError::NotLinked)?.refreshing)
        };
        let _turn = turn.lock().await;
        let (client_id, client_secret) = {
            let mut state = self.lock();
            let account = state.account(id).ok_or(AuthError::NotLinked)?;
            if let Some(token) = account.fresh_app(self.clock.unix_ms(), MARGIN_MS) {
                return Ok(token);
            }
            (account.stored.client_id.clone(), account.stored.client_secret.clone())
        };
        let answer = self.service(&client_id, client_secret.as_ref()).client_credentials().await;
        let mut state = self.lock();
        let serial = state.serial();
        let now = self.clock.unix_ms();
        let account = state
            .account(id)
            .filter(|account| account.stored.client_id == client_id && account.stored.client_secret == client_secret)
            .ok_or(AuthError::NotLinked)?;
        match answer {
            Ok(tokens) => {
                account.app_access = Some(Access::new(&tokens, now, serial));
                account.fresh_app(now, 0).ok_or(AuthError::AccountsDown(0))
            }
            Err(error) => {
                let problem = trouble(error);
                if matches!(problem, AuthError::ClientIdRefused | AuthError::ClientSecretRefused) {
                    account.problem = Some(problem.clone());
                    self.publish(&state);
                }
                Err(problem)
            }
        }
    }

    /// Renews the access token of an account unless it is good for `margin_ms` more. However many ask at once, one
    /// request goes out.
    pub(super) async fn refresh(self: Arc<Self>, id: String, margin_ms: u64) -> Result<AccessToken, AuthError> {
        let turn = {
            let mut state = self.lock();
            Arc::clone(&state.account(&id).ok_or(AuthError::NotLinked)?.refreshing)
        };
        let _turn = turn.lock().await;

        let (client_id, client_secret, refresh_token) = {
            let mut state = self.lock();
            let account = state.account(&id).ok_or(AuthError::NotLinked)?;
            if let Some(token) = account.fresh(self.clock.unix_ms(), margin_ms) {
                return Ok(token);
            }
            if let Some(problem) = account.problem.clone().filter(|_| account.refused()) {
                return Err(problem);
            }
            if let Some(backoff) = &account.backoff
                && Instant::now() < backoff.until
            {
                return Err(account.problem.clone().unwrap_or(AuthError::Offline));
            }
            let Some(refresh_token) = account.stored.refresh_token.clone() else {
                // A sign-in that came without a refresh token is over with its access token.
                if account.access.take().is_some() {
                    account.problem = Some(AuthError::SignInAgain);
                }
                let problem = account.problem.clone().unwrap_or(AuthError::NotLinked);
                self.publish(&state);
                return Err(problem);
            };
            (account.stored.client_id.clone(), account.stored.client_secret.clone(), refresh_token)
        };

        let answer = self.service(&client_id, client_secret.as_ref()).refresh(&refresh_token).await;
        // Logged out, removed or signed in anew meanwhile: the answer is about something that is gone.
        let current = |account: &Account| account.stored.refresh_token.as_ref() == Some(&refresh_token);
        match answer {
            Ok(tokens) => {
                if let Some(rotated) = tokens.refresh.clone() {
                    {
                        let mut state = self.lock();
                        let account =
                            state.account(&id).filter(|account| current(account)).ok_or(AuthError::NotLinked)?;
                        account.stored.refresh_token = Some(rotated);
                    }
                    self.persist().await;
                }
                let mut state = self.lock();
                let serial = state.serial();
                let now = self.clock.unix_ms();
                let account = state
                    .account(&id)
                    .filter(|account| {
                        current(account) || (tokens.refresh.is_some() && account.stored.refresh_token == tokens.refresh)
                    })
                    .ok_or(AuthError::NotLinked)?;
                account.access = Some(Access::new(&tokens, now, serial));
                account.problem = None;
                account.backoff = None;
                let token = account.fresh(now, 0).ok_or(AuthError::AccountsDown(0));
                self.publish(&state);
                token
            }
            Err(TokenError::InvalidGrant) => {
                {
                    let mut state = self.lock();
                    let account = state.account(&id).filter(|account| current(account)).ok_or(AuthError::NotLinked)?;
                    tracing::warn!(account = %id, "Spotify has ended the sign-in");
                    account.drop_tokens();
                    account.problem = Some(AuthError::SignInAgain);
                    self.publish(&state);
                }
                self.persist().await;
                Err(AuthError::SignInAgain)
            }
            Err(error) => {
                let wait = match &error {
                    TokenError::Down(_, wait) => *wait,
                    _ => None,
                };
                let problem = trouble(error);
                let jitter = (self.random)().map_or(128, |random| random[0]);
                let mut state = self.lock();
                let account = state.account(&id).filter(|account| current(account)).ok_or(AuthError::NotLinked)?;
                let failures = account.backoff.as_ref().map_or(0, |backoff| backoff.failures);
                let wait = backoff(failures, jitter).max(wait.unwrap_or_default().min(LOGIN_PATIENCE));
                tracing::info!(account = %id, %problem, ?wait, "a token could not be renewed");
                account.backoff = Some(Backoff { failures: failures.saturating_add(1), until: Instant::now() + wait });
                account.problem = Some(problem.clone());
                self.publish(&state);
                Err(problem)
            }
        }
    }
}

/// What a failed call to the accounts service means to the user.
pub(super) fn trouble(error: TokenError) -> AuthError {
    match error {
        TokenError::InvalidGrant => AuthError::SignInAgain,
        TokenError::InvalidClient => AuthError::ClientIdRefused,
        TokenError::InvalidSecret => AuthError::ClientSecretRefused,
        TokenError::Refused(code) => AuthError::Refused(code),
        TokenError::Offline => AuthError::Offline,
        TokenError::Down(status, _) => AuthError::AccountsDown(status),
    }
}

/// The wait after so many failures in a row: between half and all of a doubling time, by a random byte.
pub(super) fn backoff(failures: u32, jitter: u8) -> Duration {
    let full = FIRST_BACKOFF.saturating_mul(1 << failures.min(10)).min(LONGEST_BACKOFF);
    full / 2 + full / 2 * u32::from(jitter) / 255
}
