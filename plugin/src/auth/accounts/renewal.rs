//! Lending and renewing tokens, and what a failed renewal means.

use std::time::Duration;

use super::account::{Account, RenewalPause};
use super::dates::Now;
use super::error::AuthError;
use super::ids::{AccountId, SignInId};
use super::list::Accounts;
use super::token::{
    Access, AccessToken, Credentials, Lending, MARGIN, Needs, RENEW_AHEAD, RENEWAL_BACKOFF, Renewal, TokenError, Tokens,
};
use crate::auth::secret::Secret;

/// The longest time for which the accounts service may ask not to be called after it has failed.
const LONGEST_SERVICE_WAIT: Duration = Duration::from_secs(300);

impl Accounts {
    fn access(&mut self, tokens: &Tokens, now: Now) -> Access {
        Access { bearer: tokens.access.clone(), expires: now.date + tokens.life, serial: self.next_serial() }
    }

    /// Returns the token of an account, if it may be lent now, and whether it is to be renewed meanwhile. A user's token
    /// does everything that an app's does.
    pub fn lend(&self, id: &AccountId, needs: Needs, now: Now) -> Result<Lending, AuthError> {
        let account = self.get(id).ok_or(AuthError::NotLinked)?;
        let kind = if account.works() { Needs::User } else { needs };
        let token = account.valid_token(kind, now, MARGIN);
        let renew_ahead = kind == Needs::User && account.valid_token(kind, now, RENEW_AHEAD).is_none();
        Ok(Lending { token, kind, renew_ahead })
    }

    /// Drops a token that Spotify has refused. Of several callers the first one drops it; the others find the new one.
    pub fn on_token_rejected(&mut self, token: &AccessToken) -> Result<(), AuthError> {
        let account = self.get_mut(&token.account).ok_or(AuthError::NotLinked)?;
        let access = match token.kind {
            Needs::User => &mut account.access,
            Needs::App => &mut account.app_access,
        };
        access.take_if(|access| access.serial == token.serial);
        Ok(())
    }

    /// Returns what it takes for an account to have an access token that is valid for longer than `margin`.
    pub fn renewal(&mut self, id: &AccountId, margin: Duration, now: Now) -> Result<Renewal, AuthError> {
        let account = self.get_mut(id).ok_or(AuthError::NotLinked)?;
        if let Some(token) = account.valid_token(Needs::User, now, margin) {
            return Ok(Renewal::NotNeeded(token));
        }
        if account.is_backed_off(now) {
            return Err(account.refusal().or_else(|| account.last_error.clone()).unwrap_or(AuthError::Offline));
        }
        match account.stored.refresh_token.clone() {
            Some(refresh_token) => Ok(Renewal::Needed(account.credentials(), refresh_token)),
            None => {
                // A sign-in that came without a refresh token ends with its access token.
                if account.access.take().is_some() {
                    account.last_error = Some(AuthError::SignInAgain);
                }
                Err(account.last_error.clone().unwrap_or(AuthError::NotLinked))
            }
        }
    }

    /// Returns the app's own token, or the credentials with which to request one.
    pub fn app_renewal(&self, id: &AccountId, now: Now) -> Result<Result<AccessToken, Credentials>, AuthError> {
        let account = self.get(id).ok_or(AuthError::NotLinked)?;
        if let Some(token) = account.valid_token(Needs::App, now, MARGIN) {
            return Ok(Ok(token));
        }
        match account.refusal().filter(|_| account.is_backed_off(now)) {
            Some(refusal) => Err(refusal),
            None => Ok(Err(account.credentials())),
        }
    }

    /// Records the answer to a request for the app's own token that was made with these credentials.
    pub fn on_app_answer(
        &mut self,
        id: &AccountId,
        used: &Credentials,
        answer: Result<Tokens, TokenError>,
        now: Now,
    ) -> Result<AccessToken, AuthError> {
        let answer = answer.map(|tokens| self.access(&tokens, now));
        let account = self.get_mut(id).filter(|account| account.credentials() == *used);
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

    /// Records a new refresh token, to be stored before the access token that came with it is used.
    pub fn on_rotated(&mut self, id: &AccountId, used: &Secret, rotated: Secret, now: Now) -> Result<(), AuthError> {
        let account = self.current(id, used)?;
        account.stored.refresh_token = Some(rotated);
        account.stored.touch_sign_in(now);
        Ok(())
    }

    /// Records a new access token; `current` is the refresh token that the account has now.
    pub fn on_renewed(
        &mut self,
        id: &AccountId,
        current: &Secret,
        tokens: &Tokens,
        now: Now,
    ) -> Result<AccessToken, AuthError> {
        let access = self.access(tokens, now);
        let account = self.current(id, current)?;
        let token = account.token(&access, Needs::User);
        account.access = Some(access);
        account.clear_failures();
        Ok(token)
    }

    /// Returns true if a refused refresh token ends the sign-in.
    pub fn ends_sign_in(&mut self, id: &AccountId, used: &Secret, is_documented: bool, now: Now) -> bool {
        is_documented || self.current(id, used).is_ok_and(|account| account.confirm_refusal(now))
    }

    /// Records that Spotify has ended the sign-in.
    pub fn on_sign_in_ended(&mut self, id: &AccountId, used: &Secret) -> Result<(), AuthError> {
        let account = self.current(id, used)?;
        tracing::warn!(account = %id, "Spotify has ended the sign-in");
        account.drop_tokens();
        account.last_error = Some(AuthError::SignInAgain);
        Ok(())
    }

    /// Records a failed renewal, and imposes a wait. `jitter` is a random byte.
    pub fn on_renewal_failed(
        &mut self,
        id: &AccountId,
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

    /// Returns the account, if its refresh token is still this one. If it was logged out, removed or signed in again
    /// meanwhile, an answer no longer concerns it.
    fn current(&mut self, id: &AccountId, refresh_token: &Secret) -> Result<&mut Account, AuthError> {
        self.get_mut(id)
            .filter(|account| account.stored.refresh_token.as_ref() == Some(refresh_token))
            .ok_or(AuthError::NotLinked)
    }

    pub fn refresh_token(&self, id: &AccountId) -> Option<Secret> {
        self.get(id)?.stored.refresh_token.clone()
    }

    /// Completes a sign-in that has been stored. Returns false if the user has ended it meanwhile.
    pub fn complete_sign_in(&mut self, sign_in: SignInId, tokens: &Tokens, now: Now) -> bool {
        let access = self.access(tokens, now);
        let account = self.list.iter_mut().find(|account| account.sign_in_id == sign_in);
        account.map(|account| account.access = Some(access)).is_some()
    }
}
