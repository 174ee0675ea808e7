//! Lending and renewing tokens, and what a failed renewal means.

use std::time::Duration;

use super::account::{Account, RenewalPause};
use super::error::AuthError;
use super::list::Accounts;
use super::now::Now;
use super::token::{
    AHEAD_MS, Access, AccessToken, Credentials, Lending, MARGIN_MS, Needs, RENEWAL_BACKOFF, Renewal, TokenError, Tokens,
};
use super::view::SignInId;
use crate::auth::secret::Secret;

/// The longest time that the accounts service may ask to be left alone for after it has failed.
const LONGEST_SERVICE_WAIT: Duration = Duration::from_secs(300);
impl Accounts {
    fn access(&mut self, tokens: &Tokens, now: Now) -> Access {
        let life_ms = u64::try_from(tokens.life.as_millis()).unwrap_or(u64::MAX);
        let expires_ms = now.unix_ms.saturating_add(life_ms);
        Access { bearer: tokens.access.clone(), expires_ms, serial: self.serial() }
    }

    /// The token of an account, if it may be lent now, and whether it is to be renewed meanwhile. A user's token does
    /// everything that an app's does.
    pub(in crate::auth) fn lend(&self, id: &str, needs: Needs, now: Now) -> Result<Lending, AuthError> {
        let account = self.get(id).ok_or(AuthError::NotLinked)?;
        let of = if account.works() { Needs::User } else { needs };
        let token = account.valid(of, now.unix_ms, MARGIN_MS);
        let renew_ahead = of == Needs::User && account.valid(of, now.unix_ms, AHEAD_MS).is_none();
        Ok(Lending { token, of, renew_ahead })
    }

    /// Drops a token that Spotify has refused. Of several callers the first one drops it; the others find the new one.
    pub(in crate::auth) fn on_token_rejected(&mut self, token: &AccessToken) -> Result<(), AuthError> {
        let account = self.get_mut(&token.account).ok_or(AuthError::NotLinked)?;
        let access = match token.of {
            Needs::User => &mut account.access,
            Needs::App => &mut account.app_access,
        };
        access.take_if(|access| access.serial == token.serial);
        Ok(())
    }

    /// What an account needs to have an access token that is valid for `margin_ms` more.
    pub(in crate::auth) fn renewal(&mut self, id: &str, margin_ms: u64, now: Now) -> Result<Renewal, AuthError> {
        let account = self.get_mut(id).ok_or(AuthError::NotLinked)?;
        if let Some(token) = account.valid(Needs::User, now.unix_ms, margin_ms) {
            return Ok(Renewal::NotNeeded(token));
        }
        if account.is_backed_off(now) {
            return Err(account.refusal().or_else(|| account.last_error.clone()).unwrap_or(AuthError::Offline));
        }
        match account.stored.refresh_token.clone() {
            Some(refresh_token) => Ok(Renewal::Needed(account.credentials(), refresh_token)),
            None => {
                // A sign-in that came without a refresh token is over with its access token.
                if account.access.take().is_some() {
                    account.last_error = Some(AuthError::SignInAgain);
                }
                Err(account.last_error.clone().unwrap_or(AuthError::NotLinked))
            }
        }
    }

    /// What a token of the app itself is asked for with, or the token that is there already.
    pub(in crate::auth) fn app_renewal(
        &self,
        id: &str,
        now: Now,
    ) -> Result<Result<AccessToken, Credentials>, AuthError> {
        let account = self.get(id).ok_or(AuthError::NotLinked)?;
        if let Some(token) = account.valid(Needs::App, now.unix_ms, MARGIN_MS) {
            return Ok(Ok(token));
        }
        match account.refusal().filter(|_| account.is_backed_off(now)) {
            Some(refusal) => Err(refusal),
            None => Ok(Err(account.credentials())),
        }
    }

    /// Records the answer to a request for the app's own token, which was made with these credentials.
    pub(in crate::auth) fn on_app_answer(
        &mut self,
        id: &str,
        asked_with: &Credentials,
        answer: Result<Tokens, TokenError>,
        now: Now,
    ) -> Result<AccessToken, AuthError> {
        let answer = answer.map(|tokens| self.access(&tokens, now));
        let account = self.get_mut(id).filter(|account| account.credentials() == *asked_with);
        let account = account.ok_or(AuthError::NotLinked)?;
        match answer {
            Ok(access) => {
                let token = account.token(&access, Needs::App);
                account.app_access = Some(access);
                account.on_accepted();
                Ok(token)
            }
            Err(refused @ (TokenError::InvalidClient | TokenError::InvalidSecret)) => {
                Err(account.on_refused(refused, now))
            }
            Err(error) => Err(error.into()),
        }
    }

    /// Takes a new refresh token in, to be stored before the access token that came with it is used.
    pub(in crate::auth) fn on_rotated(
        &mut self,
        id: &str,
        used: &Secret,
        rotated: Secret,
        now: Now,
    ) -> Result<(), AuthError> {
        let account = self.current(id, used)?;
        account.stored.refresh_token = Some(rotated);
        account.stored.touch_sign_in(now.unix_ms);
        Ok(())
    }

    /// Takes a new access token in; `used` is the refresh token that the account has now.
    pub(in crate::auth) fn on_renewed(
        &mut self,
        id: &str,
        used: &Secret,
        tokens: &Tokens,
        now: Now,
    ) -> Result<AccessToken, AuthError> {
        let access = self.access(tokens, now);
        let account = self.current(id, used)?;
        let token = account.token(&access, Needs::User);
        account.access = Some(access);
        account.last_error = None;
        account.pause = None;
        account.doubted_since = None;
        Ok(token)
    }

    /// Whether a refused refresh token ends the sign-in.
    pub(in crate::auth) fn ends_sign_in(&mut self, id: &str, used: &Secret, is_documented: bool, now: Now) -> bool {
        is_documented || self.current(id, used).is_ok_and(|account| account.is_refused_again(now))
    }

    /// Records that Spotify has ended the sign-in.
    pub(in crate::auth) fn on_sign_in_ended(&mut self, id: &str, used: &Secret) -> Result<(), AuthError> {
        let account = self.current(id, used)?;
        tracing::warn!(account = %id, "Spotify has ended the sign-in");
        account.drop_tokens();
        account.last_error = Some(AuthError::SignInAgain);
        Ok(())
    }

    /// Records what kept a token from being renewed, and imposes a wait. `jitter` is a random byte.
    pub(in crate::auth) fn on_renewal_failed(
        &mut self,
        id: &str,
        used: &Secret,
        error: TokenError,
        jitter: u8,
        now: Now,
    ) -> AuthError {
        let Ok(account) = self.current(id, used) else { return AuthError::NotLinked };
        if matches!(error, TokenError::InvalidClient | TokenError::InvalidSecret | TokenError::InvalidGrant { .. }) {
            let refusal = account.on_refused(error, now);
            tracing::warn!(account = %id, %refusal, "Spotify has refused to renew a token");
            return refusal;
        }
        let asked_for = match &error {
            TokenError::Down(_, Some(wait)) => (*wait).min(LONGEST_SERVICE_WAIT),
            _ => Duration::ZERO,
        };
        let error = AuthError::from(error);
        let failures = account.pause.as_ref().map_or(0, |pause| pause.failures).saturating_add(1);
        let wait = RENEWAL_BACKOFF.after_with_jitter(failures, jitter).max(asked_for);
        tracing::info!(account = %id, %error, ?wait, "a token could not be renewed");
        account.pause = Some(RenewalPause { failures, until: now.instant + wait });
        account.last_error = Some(error.clone());
        error
    }

    /// The account, if its refresh token is still this one. If it was logged out, removed or signed in again meanwhile, an
    /// answer is about something that is gone.
    fn current(&mut self, id: &str, refresh_token: &Secret) -> Result<&mut Account, AuthError> {
        self.get_mut(id)
            .filter(|account| account.stored.refresh_token.as_ref() == Some(refresh_token))
            .ok_or(AuthError::NotLinked)
    }

    /// The refresh token of an account.
    pub(in crate::auth) fn refresh_token(&self, id: &str) -> Option<Secret> {
        self.get(id)?.stored.refresh_token.clone()
    }

    /// Completes a sign-in that has been stored. False if the user has ended it meanwhile.
    pub(in crate::auth) fn complete_sign_in(&mut self, sign_in: SignInId, tokens: &Tokens, now: Now) -> bool {
        let access = self.access(tokens, now);
        let account = self.list.iter_mut().find(|account| account.sign_in_id == sign_in);
        account.map(|account| account.access = Some(access)).is_some()
    }
}
