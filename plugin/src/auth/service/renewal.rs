//! Lending access tokens, and renewing them.

use tokio::sync::oneshot;

use super::pending::Renewed;
use super::task::{Auth, Service};
use crate::auth::accounts::rotation::Choice;
use crate::auth::accounts::{
    AHEAD_MS, AccessToken, AuthError, Lending, MARGIN_MS, Needs, Now, Renewal, Route, TokenError, Tokens,
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

/// The outcome of a renewal that Spotify has refused: the error, and the wait for it to be stored.
type Refused = (AuthError, Option<oneshot::Receiver<()>>);

impl Auth {
    /// Lends the token of the account that serves the next call of this kind. A token that expires soon is renewed
    /// meanwhile; for one that has expired the caller waits, together with all others.
    ///
    /// # Errors
    /// Where there is none, as what the user can do about it; [`AuthError::Limited`] while nothing may be sent.
    pub async fn token(&self, route: impl Into<Route>, needs: Needs) -> Result<AccessToken, AuthError> {
        let route = route.into();
        let mut failed: Option<(String, AuthError)> = None;
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

    /// Lends the token of a certain account, to learn whose sign-in it is.
    ///
    /// # Errors
    /// As [`Auth::token`].
    pub async fn token_of(&self, id: &str, route: impl Into<Route>) -> Result<AccessToken, AuthError> {
        let (id, route) = (id.to_owned(), route.into());
        let lend = move |service: &mut Service, now| {
            service.accounts.check_open(&id, route, now)?;
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
            service.lend(token.account(), token.of(), now)
        };
        self.call(lend).await??.token().await
    }

    /// Gets a token without a user, by the app's own ID and secret.
    async fn renew_app(&self, id: String) -> Renewed {
        let asked = id.clone();
        let credentials = match self.call(move |service, now| service.accounts.app_renewal(&asked, now)).await?? {
            Ok(token) => return Ok(token),
            Err(credentials) => credentials,
        };
        let answer = self.shared.accounts_service(credentials.clone()).client_credentials().await;
        self.call(move |service, now| service.accounts.on_app_answer(&id, &credentials, answer, now)).await?
    }

    /// Renews the access token of an account unless it is valid for `margin_ms` more. Other copies of the package that use
    /// the same sign-in go first, and the token that they have stored is the one that is used.
    async fn renew(&self, id: String, margin_ms: u64) -> Renewed {
        let (asked, known) = (id.clone(), id.clone());
        let credentials = self.call(move |service, _| service.accounts.credentials(&asked)).await?;
        let client_id = credentials.ok_or(AuthError::NotLinked)?.client_id;
        let _alone = self.shared.renewal_lock.enter().await;
        self.reload().await;
        let id = self.call(move |service, _| service.accounts.id_of(&known, &client_id)).await?.unwrap_or(id);
        let mut looked_again = false;
        loop {
            let asked = id.clone();
            let renewal = self.call(move |service, now| service.accounts.renewal(&asked, margin_ms, now)).await??;
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
            // Perhaps another copy has renewed it, and could not be waited for.
            if matches!(error, TokenError::InvalidGrant { .. }) && !std::mem::replace(&mut looked_again, true) {
                self.reload().await;
                let asked = id.clone();
                let newer = self.call(move |service, _| service.accounts.refresh_token(&asked)).await?;
                if newer.is_some_and(|newer| newer != refresh_token) {
                    continue;
                }
            }
            let jitter = (self.shared.random)().map_or(128, |random| random[0]);
            let refuse =
                move |service: &mut Service, now| service.on_renewal_failed(&id, &refresh_token, error, jitter, now);
            let (error, stored) = self.call(refuse).await?;
            if let Some(stored) = stored {
                let _ = stored.await;
            }
            return Err(error);
        }
    }

    /// Takes new tokens in: a new refresh token is durable before the access token that came with it is used.
    async fn on_renewed(&self, id: String, used: Secret, tokens: Tokens) -> Renewed {
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
    /// Lends the token of the account that serves. `failed` is the one whose token could not be renewed just now.
    fn lend_for(
        &mut self,
        route: &Route,
        needs: Needs,
        failed: Option<(String, AuthError)>,
        now: Now,
    ) -> Result<(String, Lent), AuthError> {
        let index = match self.accounts.choose(route.clone(), needs, now) {
            Choice::Serve { index, .. } => index,
            Choice::Wait(limit) => return Err(AuthError::Limited(limit)),
            Choice::NoneUsable => return Err(self.accounts.why_none(self.link())),
        };
        let id = self.accounts.id_at(index);
        if let Some((_, error)) = failed.filter(|(failed, _)| *failed == id) {
            // It is still the one that should serve: its failure doesn't make it unusable, so another one steps in only if
            // it has a token already. Most likely the failure is everybody's.
            let token = self.accounts.any_valid(route, needs, now).ok_or(error)?;
            return Ok((id, Lent::Now(token)));
        }
        let lent = self.lend(&id, needs, now)?;
        Ok((id, lent))
    }

    /// Lends a token of an account, a new one if need be.
    fn lend(&mut self, id: &str, needs: Needs, now: Now) -> Result<Lent, AuthError> {
        let Lending { token, of, renew_ahead } = self.accounts.lend(id, needs, now)?;
        if let Some(token) = token {
            if renew_ahead {
                self.renew_ahead(id.to_owned(), of, now);
            }
            return Ok(Lent::Now(token));
        }
        let (reply, renewed) = oneshot::channel();
        self.renew(id.to_owned(), of, MARGIN_MS, Some(reply), now);
        Ok(Lent::Later(renewed))
    }

    /// Renews a token without a caller that waits for it.
    pub(super) fn renew_ahead(&mut self, id: String, of: Needs, now: Now) {
        self.renew(id, of, AHEAD_MS, None, now);
    }

    /// Renews a token. However many ask at once, one request goes out.
    fn renew(&mut self, id: String, of: Needs, margin_ms: u64, reply: Option<oneshot::Sender<Renewed>>, now: Now) {
        let key = (id.clone(), self.accounts.sign_in_id(&id), of);
        if let Some(waiting) = self.renewals.get_mut(&key) {
            waiting.extend(reply);
            return;
        }
        if of == Needs::User
            && let Some(done) = self.accounts.renewal(&id, margin_ms, now).map(Renewal::done).transpose()
        {
            if let Some(reply) = reply {
                let _ = reply.send(done);
            }
            return;
        }
        self.renewals.insert(key.clone(), reply.into_iter().collect());
        self.spawn("token", move |auth| async move {
            let result = match of {
                Needs::User => auth.renew(id, margin_ms).await,
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

    fn on_renewal_failed(&mut self, id: &str, used: &Secret, error: TokenError, jitter: u8, now: Now) -> Refused {
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
