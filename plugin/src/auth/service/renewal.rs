//! Lending access tokens, and renewing them.

use std::time::Duration;

use tokio::sync::oneshot;

use super::pending::Renewed;
use super::task::{Auth, Service};
use crate::auth::accounts::rotation::Choice;
use crate::auth::accounts::{
    AccessToken, AccountId, AuthError, Lending, MARGIN, Needs, Now, RENEW_AHEAD, Renewal, Route, TokenError, Tokens,
};
use crate::auth::secret::Secret;

/// A token, now or when its renewal is done.
enum Lent {
    Now(AccessToken),
    Later(oneshot::Receiver<Renewed>),
}

impl Lent {
    async fn token(self) -> Renewed {
        match self {
            Self::Now(token) => Ok(token),
            Self::Later(renewed) => renewed.await.unwrap_or(Err(AuthError::Restarting)),
        }
    }
}

/// A failed renewal: the error, and the wait until it is stored.
type Failed = (AuthError, Option<oneshot::Receiver<()>>);

impl Auth {
    /// Lends the token of the account that serves the next call of this kind. A token that expires soon is renewed
    /// meanwhile; if it has expired, all callers wait for its renewal.
    ///
    /// # Errors
    /// If there is none; [`AuthError::Limited`] while nothing may be sent.
    pub async fn token(&self, route: impl Into<Route>, needs: Needs) -> Result<AccessToken, AuthError> {
        let route = route.into();
        let mut failed: Option<(AccountId, AuthError)> = None;
        loop {
            let (route, before) = (route.clone(), failed.take());
            let lend = move |service: &mut Service, now| service.lend_for(&route, needs, before, now);
            let (id, lent) = self.call(lend).await??;
            match lent.token().await {
                Ok(token) => return Ok(token),
                Err(error) => failed = Some((id, error)),
            }
        }
    }

    /// Lends the token of a certain account, to learn its user.
    ///
    /// # Errors
    /// As [`Auth::token`].
    pub async fn token_of(&self, id: &AccountId, route: impl Into<Route>) -> Result<AccessToken, AuthError> {
        let (id, route) = (id.clone(), route.into());
        let lend = move |service: &mut Service, now| {
            service.accounts.check_not_limited(&id, &route, now)?;
            service.lend(&id, Needs::User, now)
        };
        self.call(lend).await??.token().await
    }

    /// Records that Spotify has refused a token (401), and lends a new one of the same account for the one retry.
    ///
    /// # Errors
    /// As [`Auth::token`].
    pub async fn renew_rejected(&self, token: &AccessToken) -> Result<AccessToken, AuthError> {
        let token = token.clone();
        let lend = move |service: &mut Service, now| {
            service.accounts.on_token_rejected(&token)?;
            service.lend(token.account(), token.kind(), now)
        };
        self.call(lend).await??.token().await
    }

    /// Requests a token without a user, by the app's own ID and secret.
    async fn renew_app(&self, id: AccountId) -> Renewed {
        let asked = id.clone();
        let credentials = match self.call(move |service, now| service.accounts.app_renewal(&asked, now)).await?? {
            Ok(token) => return Ok(token),
            Err(credentials) => credentials,
        };
        let answer = self.shared.accounts_service(credentials.clone()).client_credentials().await;
        self.call(move |service, now| service.accounts.on_app_answer(&id, &credentials, answer, now)).await?
    }

    /// Renews the access token of an account unless it is valid for longer than `margin`. Waits for other copies of the
    /// package that are renewing a token, and uses the refresh token that they have stored.
    async fn renew(&self, id: AccountId, margin: Duration) -> Renewed {
        let (asked, known) = (id.clone(), id.clone());
        let credentials = self.call(move |service, _| service.accounts.credentials(&asked)).await?;
        let client_id = credentials.ok_or(AuthError::NotLinked)?.client_id;
        let _guard = self.shared.renewal_lock.lock().await;
        self.reload().await;
        let id = self.call(move |service, _| service.accounts.id_of(&known, &client_id)).await?.unwrap_or(id);
        let mut has_reloaded = false;
        loop {
            let asked = id.clone();
            let renewal = self.call(move |service, now| service.accounts.renewal(&asked, margin, now)).await??;
            let (credentials, refresh_token) = match renewal {
                Renewal::NotNeeded(token) => return Ok(token),
                Renewal::Needed(credentials, refresh_token) => (credentials, refresh_token),
            };
            #[cfg(test)]
            crate::auth::steps::reached(crate::auth::steps::Step::BeforeRequest);
            let answer = self.shared.accounts_service(credentials).refresh(&refresh_token).await;
            #[cfg(test)]
            crate::auth::steps::reached(crate::auth::steps::Step::Answered);
            let error = match answer {
                Ok(tokens) => return self.on_renewed(id, refresh_token, tokens).await,
                Err(error) => error,
            };
            // Another copy that wasn't waited for may have renewed it.
            if matches!(error, TokenError::InvalidGrant { .. }) && !std::mem::replace(&mut has_reloaded, true) {
                self.reload().await;
                let asked = id.clone();
                let newer = self.call(move |service, _| service.accounts.refresh_token(&asked)).await?;
                if newer.is_some_and(|newer| newer != refresh_token) {
                    continue;
                }
            }
            let jitter = (self.shared.random)().map_or(128, |random| random[0]);
            let fail =
                move |service: &mut Service, now| service.on_renewal_failed(&id, &refresh_token, error, jitter, now);
            let (error, stored) = self.call(fail).await?;
            if let Some(stored) = stored {
                let _ = stored.await;
            }
            return Err(error);
        }
    }

    /// Records new tokens: a new refresh token is durable before the access token that came with it is used.
    async fn on_renewed(&self, id: AccountId, used: Secret, tokens: Tokens) -> Renewed {
        tracing::info!(account = %id, rotated = tokens.refresh.is_some(), "a token was renewed");
        let current = match tokens.refresh.clone() {
            Some(rotated) => {
                let (id, stored) = (id.clone(), rotated.clone());
                self.change(move |service, now| service.accounts.on_rotated(&id, &used, stored, now)).await?;
                #[cfg(test)]
                crate::auth::steps::reached(crate::auth::steps::Step::Written);
                rotated
            }
            None => used,
        };
        self.call(move |service, now| service.accounts.on_renewed(&id, &current, &tokens, now)).await?
    }
}

impl Service {
    /// Lends the token of the account that serves. `failed` is the account whose token could not be renewed just now.
    fn lend_for(
        &mut self,
        route: &Route,
        needs: Needs,
        failed: Option<(AccountId, AuthError)>,
        now: Now,
    ) -> Result<(AccountId, Lent), AuthError> {
        let index = match self.accounts.choose(route.clone(), needs, now) {
            Choice::Serve { index, .. } => index,
            Choice::Wait(limit) => return Err(AuthError::Limited(limit)),
            Choice::NoneUsable => return Err(self.accounts.unavailable_error(self.link())),
        };
        let id = self.accounts.id_at(index);
        if let Some((_, error)) = failed.filter(|(failed, _)| *failed == id) {
            // It should still serve: its failure doesn't make it unusable, so another account replaces it only if that has a
            // token already. Most likely the others would fail, too.
            let token = self.accounts.any_valid_token(route, needs, now).ok_or(error)?;
            return Ok((id, Lent::Now(token)));
        }
        let lent = self.lend(&id, needs, now)?;
        Ok((id, lent))
    }

    /// Lends a token of an account, a new one if necessary.
    fn lend(&mut self, id: &AccountId, needs: Needs, now: Now) -> Result<Lent, AuthError> {
        let Lending { token, kind, renew_ahead } = self.accounts.lend(id, needs, now)?;
        if let Some(token) = token {
            if renew_ahead {
                self.renew_ahead(id.clone(), kind, now);
            }
            return Ok(Lent::Now(token));
        }
        let (reply, renewed) = oneshot::channel();
        self.renew(id.clone(), kind, MARGIN, Some(reply), now);
        Ok(Lent::Later(renewed))
    }

    /// Renews a token for which no caller waits.
    pub(super) fn renew_ahead(&mut self, id: AccountId, kind: Needs, now: Now) {
        self.renew(id, kind, RENEW_AHEAD, None, now);
    }

    /// Renews a token. A single request serves all callers.
    fn renew(
        &mut self,
        id: AccountId,
        kind: Needs,
        margin: Duration,
        reply: Option<oneshot::Sender<Renewed>>,
        now: Now,
    ) {
        let key = (id.clone(), self.accounts.sign_in_id(&id), kind);
        if let Some(waiting) = self.renewals.get_mut(&key) {
            waiting.extend(reply);
            return;
        }
        if kind == Needs::User {
            let done = match self.accounts.renewal(&id, margin, now) {
                Ok(Renewal::Needed(..)) => None,
                Ok(Renewal::NotNeeded(token)) => Some(Ok(token)),
                Err(error) => Some(Err(error)),
            };
            if let Some(done) = done {
                let _ = reply.map(|reply| reply.send(done));
                return;
            }
        }
        self.renewals.insert(key.clone(), reply.into_iter().collect());
        self.spawn("token", move |auth| async move {
            let result = match kind {
                Needs::User => auth.renew(id, margin).await,
                Needs::App => auth.renew_app(id).await,
            };
            let on_done = move |service: &mut Service, _| {
                for waiting in service.renewals.remove(&key).unwrap_or_default() {
                    let _ = waiting.send(result.clone());
                }
            };
            let _ = auth.call(on_done).await;
        });
    }

    fn on_renewal_failed(&mut self, id: &AccountId, used: &Secret, error: TokenError, jitter: u8, now: Now) -> Failed {
        if let TokenError::InvalidGrant { is_documented } = error
            && self.accounts.ends_sign_in(id, used, is_documented, now)
        {
            return match self.accounts.on_sign_in_ended(id, used) {
                Ok(()) => (AuthError::SignInAgain, Some(self.store.save(now))),
                Err(error) => (error, None),
            };
        }
        (self.accounts.on_renewal_failed(id, used, error, jitter, now), None)
    }
}
