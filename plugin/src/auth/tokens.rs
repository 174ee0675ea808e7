//! Trying credentials out and renewing access tokens.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use super::error::AuthError;
use super::oauth::{Service, TokenError, Tokens};
use super::secret::Secret;
use super::state::{Access, Account, Backoff, CONFIRM_AFTER, State};
use super::{AccessToken, Inner, LOGIN_PATIENCE, MARGIN_MS};

/// Back-off after the network or the service failed: doubled from the first to the longest.
pub(super) const FIRST_BACKOFF: Duration = Duration::from_secs(1);
pub(super) const LONGEST_BACKOFF: Duration = Duration::from_secs(60);
/// How often an ID or a secret is tried again that Spotify has refused more than once.
const RECHECK_EVERY: Duration = Duration::from_secs(1_800);

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
            if account.is_backed_off()
                && let Some(problem) = account.refusal()
            {
                return Err(problem);
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
                account.on_accepted();
                let token = account.fresh_app(now, 0).ok_or(AuthError::AccountsDown(0));
                self.publish(&state);
                token
            }
            Err(refused @ (TokenError::InvalidClient | TokenError::InvalidSecret)) => {
                let problem = account.on_refused(refused);
                self.publish(&state);
                Err(problem)
            }
            Err(error) => Err(trouble(error)),
        }
    }

    /// Renews the access token of an account unless it is good for `margin_ms` more. However many ask at once, one
    /// request goes out. Other copies of the package that use the same sign-in are let pass first, and the token that they
    /// have stored is the one that is used.
    pub(super) async fn refresh(self: Arc<Self>, id: String, margin_ms: u64) -> Result<AccessToken, AuthError> {
        let (turn, client_id) = {
            let mut state = self.lock();
            let account = state.account(&id).ok_or(AuthError::NotLinked)?;
            (Arc::clone(&account.refreshing), account.stored.client_id.clone())
        };
        let _turn = turn.lock().await;
        if let Need::Nothing(token) = self.need(&id, margin_ms)? {
            return Ok(token);
        }

        let _alone = self.renewals.enter().await;
        self.reload().await;
        let id = {
            // Another copy may have added the same app at the same time, and so has given it another id.
            let mut state = self.lock();
            let same_app = |account: &&Account| account.stored.client_id == client_id;
            if state.account(&id).is_some() {
                id
            } else {
                state.accounts.iter().find(same_app).map(|account| account.stored.id.clone()).unwrap_or(id)
            }
        };
        let mut looked_again = false;
        loop {
            let (service, refresh_token) = match self.need(&id, margin_ms)? {
                Need::Nothing(token) => return Ok(token),
                Need::Renewal(service, refresh_token) => (service, refresh_token),
            };
            #[cfg(test)]
            super::testing::reached(super::testing::Step::BeforeRequest);
            let answer = service.refresh(&refresh_token).await;
            #[cfg(test)]
            super::testing::reached(super::testing::Step::Answered);
            match answer {
                Ok(tokens) => return self.renewed(&id, &refresh_token, tokens).await,
                Err(TokenError::InvalidGrant { is_documented }) => {
                    // Perhaps another copy has renewed it, and could not be waited for.
                    if !std::mem::replace(&mut looked_again, true) {
                        self.reload().await;
                        let newer = self.lock().account(&id).and_then(|account| account.stored.refresh_token.clone());
                        if newer.is_some_and(|newer| newer != refresh_token) {
                            continue;
                        }
                    }
                    if is_documented || self.lock().current(&id, &refresh_token)?.is_refused_again() {
                        return self.ended(&id, &refresh_token).await;
                    }
                    return self.not_renewed(&id, &refresh_token, TokenError::InvalidGrant { is_documented });
                }
                Err(error) => return self.not_renewed(&id, &refresh_token, error),
            }
        }
    }

    /// What an account needs to have an access token that is good for `margin_ms` more.
    fn need(&self, id: &str, margin_ms: u64) -> Result<Need, AuthError> {
        let mut state = self.lock();
        let account = state.account(id).ok_or(AuthError::NotLinked)?;
        if let Some(token) = account.fresh(self.clock.unix_ms(), margin_ms) {
            return Ok(Need::Nothing(token));
        }
        if account.is_backed_off() {
            return Err(account.refusal().or_else(|| account.problem.clone()).unwrap_or(AuthError::Offline));
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
        let service = self.service(&account.stored.client_id, account.stored.client_secret.as_ref());
        Ok(Need::Renewal(service, refresh_token))
    }

    /// Takes the new tokens in: a new refresh token is durable before the access token that came with it is used.
    async fn renewed(&self, id: &str, used: &Secret, tokens: Tokens) -> Result<AccessToken, AuthError> {
        tracing::info!(account = %id, rotated = tokens.refresh.is_some(), "a token was renewed");
        if let Some(rotated) = tokens.refresh.clone() {
            {
                let now = self.clock.unix_ms();
                let mut state = self.lock();
                let account = state.current(id, used)?;
                account.stored.refresh_token = Some(rotated);
                account.stored.token_at = now.max(account.stored.token_at.saturating_add(1));
            }
            self.persist().await;
            #[cfg(test)]
            super::testing::reached(super::testing::Step::Written);
        }
        let mut state = self.lock();
        let serial = state.serial();
        let now = self.clock.unix_ms();
        let account = state.current(id, tokens.refresh.as_ref().unwrap_or(used))?;
        account.access = Some(Access::new(&tokens, now, serial));
        account.problem = None;
        account.backoff = None;
        account.doubted_since = None;
        let token = account.fresh(now, 0).ok_or(AuthError::AccountsDown(0));
        self.publish(&state);
        token
    }

    /// Notes that Spotify has ended the sign-in.
    async fn ended(&self, id: &str, used: &Secret) -> Result<AccessToken, AuthError> {
        {
            let mut state = self.lock();
            let account = state.current(id, used)?;
            tracing::warn!(account = %id, "Spotify has ended the sign-in");
            account.drop_tokens();
            account.problem = Some(AuthError::SignInAgain);
            self.publish(&state);
        }
        self.persist().await;
        Err(AuthError::SignInAgain)
    }

    /// Notes what kept a token from being renewed, which has cost nothing but time.
    fn not_renewed(&self, id: &str, used: &Secret, error: TokenError) -> Result<AccessToken, AuthError> {
        let wait = match &error {
            TokenError::Down(_, wait) => *wait,
            _ => None,
        };
        if matches!(error, TokenError::InvalidClient | TokenError::InvalidSecret | TokenError::InvalidGrant { .. }) {
            let mut state = self.lock();
            let problem = state.current(id, used)?.on_refused(error);
            tracing::warn!(account = %id, %problem, "Spotify has refused to renew a token");
            self.publish(&state);
            return Err(problem);
        }
        let problem = trouble(error);
        let jitter = (self.random)().map_or(128, |random| random[0]);
        let mut state = self.lock();
        let account = state.current(id, used)?;
        let failures = account.backoff.as_ref().map_or(0, |backoff| backoff.failures);
        let wait = backoff(failures, jitter).max(wait.unwrap_or_default().min(LOGIN_PATIENCE));
        tracing::info!(account = %id, %problem, ?wait, "a token could not be renewed");
        account.backoff = Some(Backoff { failures: failures.saturating_add(1), until: Instant::now() + wait });
        account.problem = Some(problem.clone());
        self.publish(&state);
        Err(problem)
    }
}

impl Account {
    /// Takes in that Spotify has refused the ID, the secret or the sign-in. The first time it is only doubted, and nothing
    /// is sent for some minutes. The second time the user has to correct it, but it is still looked at now and then: a
    /// fault of Spotify's may last.
    fn on_refused(&mut self, error: TokenError) -> AuthError {
        let of_the_app = matches!(error, TokenError::InvalidClient | TokenError::InvalidSecret);
        let (problem, pause) = if of_the_app && (self.refused() || self.is_refused_again()) {
            (trouble(error), RECHECK_EVERY)
        } else {
            (AuthError::Doubted, CONFIRM_AFTER)
        };
        let failures = self.backoff.as_ref().map_or(0, |backoff| backoff.failures);
        self.backoff = Some(Backoff { failures, until: Instant::now() + pause });
        self.problem = Some(problem.clone());
        problem
    }
}

/// What an account needs to have a good access token.
enum Need {
    /// It has one.
    Nothing(AccessToken),
    /// This refresh token, taken to this service.
    Renewal(Service, Secret),
}

impl State {
    /// The account, if its refresh token is still this one. If it was logged out, removed or signed in anew meanwhile, an
    /// answer is about something that is gone.
    fn current(&mut self, id: &str, refresh_token: &Secret) -> Result<&mut Account, AuthError> {
        self.account(id)
            .filter(|account| account.stored.refresh_token.as_ref() == Some(refresh_token))
            .ok_or(AuthError::NotLinked)
    }
}

/// What a failed call to the accounts service means to the user.
pub(super) fn trouble(error: TokenError) -> AuthError {
    match error {
        TokenError::InvalidGrant { .. } => AuthError::SignInAgain,
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
