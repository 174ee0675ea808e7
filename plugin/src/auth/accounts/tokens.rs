//! Tokens: what the accounts service gives, what is lent for a call, and what a failed renewal means.

use std::time::Duration;

use tokio::time::Instant;

use super::account::{Account, Backoff, CONFIRM_AFTER};
use super::error::AuthError;
use super::view::SignInId;
use super::{Accounts, Now};
use crate::auth::secret::Secret;

/// A token is renewed this long before it expires.
pub(in crate::auth) const AHEAD_MS: u64 = 300_000;
/// A token isn't lent any more this long before it expires, so that it doesn't expire on its way.
pub(in crate::auth) const MARGIN_MS: u64 = 10_000;
/// The longest time that the accounts service may ask to be left alone for after it has failed.
const LONGEST_SERVICE_WAIT: Duration = Duration::from_secs(300);
/// Back-off after the network or the service failed: doubled from the first to the longest.
pub(in crate::auth) const FIRST_BACKOFF: Duration = Duration::from_secs(1);
pub(in crate::auth) const LONGEST_BACKOFF: Duration = Duration::from_secs(60);
/// How often an ID or a secret is tried again that Spotify has refused more than once.
const RECHECK_EVERY: Duration = Duration::from_secs(1_800);

/// What a call needs from its token.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Needs {
    /// The user's sign-in.
    User,
    /// Nothing but a Client ID and Secret: search and public facts.
    App,
}

/// Tokens that the accounts service has given.
pub(in crate::auth) struct Tokens {
    /// The bearer token.
    pub access: Secret,
    /// How long it is valid from now on.
    pub life: Duration,
    /// A refresh token, if one came.
    pub refresh: Option<Secret>,
}

/// Why no tokens were given.
#[derive(Debug, PartialEq, Eq)]
pub(in crate::auth) enum TokenError {
    /// The code or the refresh token is over.
    InvalidGrant {
        /// Whether the answer has words that Spotify documents for it, or that are known: it never works again then.
        /// Any other may be a fault of Spotify's.
        is_documented: bool,
    },
    /// The Client ID is wrong.
    InvalidClient,
    /// The Client Secret is wrong.
    InvalidSecret,
    /// Any other refusal, by its code.
    Refused(String),
    /// No answer came.
    Offline,
    /// The service fails with this status, and perhaps says for how long.
    Down(u16, Option<Duration>),
    /// Something else answered: a captive portal, a proxy, a firewall.
    Intercepted,
}

impl From<TokenError> for AuthError {
    fn from(error: TokenError) -> Self {
        match error {
            TokenError::InvalidGrant { .. } => Self::SignInAgain,
            TokenError::InvalidClient => Self::ClientIdRefused,
            TokenError::InvalidSecret => Self::ClientSecretRefused,
            TokenError::Refused(code) => Self::Refused(code),
            TokenError::Offline => Self::Offline,
            TokenError::Down(status, _) => Self::AccountsDown(status),
            TokenError::Intercepted => Self::Intercepted,
        }
    }
}

/// A bearer token, lent for one call.
#[derive(Clone, Debug)]
pub struct AccessToken {
    pub(super) account: String,
    pub(super) app: String,
    pub(super) sign_in: SignInId,
    pub(super) of: Needs,
    bearer: Secret,
    serial: u64,
}

impl AccessToken {
    /// The id of the account that it belongs to.
    #[must_use]
    pub fn account(&self) -> &str {
        &self.account
    }

    /// The token itself, for the `Authorization` header.
    #[must_use]
    pub fn bearer(&self) -> &Secret {
        &self.bearer
    }

    pub(in crate::auth) fn of(&self) -> Needs {
        self.of
    }
}

/// An access token that an account holds.
pub(super) struct Access {
    bearer: Secret,
    pub(super) expires_ms: u64,
    /// Tells it from others of this process.
    serial: u64,
}

/// The app's own credentials.
#[derive(Clone, PartialEq, Eq)]
pub(in crate::auth) struct Credentials {
    pub client_id: String,
    pub client_secret: Option<Secret>,
}

/// What an account needs to have a valid access token.
pub(in crate::auth) enum Renewal {
    /// It has one.
    NotNeeded(AccessToken),
    /// This refresh token, with these credentials.
    Needed(Credentials, Secret),
}

impl Renewal {
    /// The token, if there is nothing to be done.
    pub fn done(self) -> Option<AccessToken> {
        match self {
            Self::NotNeeded(token) => Some(token),
            Self::Needed(..) => None,
        }
    }
}

impl Account {
    /// The token of this kind, if it is valid for at least `margin_ms` more.
    pub(super) fn valid(&self, of: Needs, now_ms: u64, margin_ms: u64) -> Option<AccessToken> {
        let access = match of {
            Needs::User => self.access.as_ref(),
            Needs::App => self.app_access.as_ref(),
        };
        access
            .filter(|access| access.expires_ms > now_ms.saturating_add(margin_ms))
            .map(|access| self.token(access, of))
    }

    fn token(&self, access: &Access, of: Needs) -> AccessToken {
        AccessToken {
            account: self.stored.id.clone(),
            app: self.stored.client_id.clone(),
            sign_in: self.sign_in_id,
            of,
            bearer: access.bearer.clone(),
            serial: access.serial,
        }
    }

    fn credentials(&self) -> Credentials {
        Credentials { client_id: self.stored.client_id.clone(), client_secret: self.stored.client_secret.clone() }
    }

    /// Records that Spotify has refused the ID, the secret or the sign-in. The first refusal is only doubted, and nothing
    /// is sent for some minutes. After the second one the user has to correct it, but it is still tried now and then, as a
    /// fault of Spotify's may last.
    fn on_refused(&mut self, error: TokenError, now: Now) -> AuthError {
        let of_the_app = matches!(error, TokenError::InvalidClient | TokenError::InvalidSecret);
        let (last_error, pause) = if of_the_app && (self.is_refused() || self.is_refused_again(now)) {
            (error.into(), RECHECK_EVERY)
        } else {
            (AuthError::Doubted, CONFIRM_AFTER)
        };
        let failures = self.backoff.as_ref().map_or(0, |backoff| backoff.failures);
        self.backoff = Some(Backoff { failures, until: now.instant + pause });
        self.last_error = Some(last_error.clone());
        last_error
    }
}

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
        account.backoff = None;
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
        let failures = account.backoff.as_ref().map_or(0, |backoff| backoff.failures);
        let wait = backoff(failures, jitter).max(asked_for);
        tracing::info!(account = %id, %error, ?wait, "a token could not be renewed");
        account.backoff = Some(Backoff { failures: failures.saturating_add(1), until: now.instant + wait });
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

/// What [`Accounts::lend`] finds.
pub(in crate::auth) struct Lending {
    /// A token that may be used now.
    pub token: Option<AccessToken>,
    /// Whose token it is, or would be.
    pub of: Needs,
    /// Whether it expires soon.
    pub renew_ahead: bool,
}

/// The wait after so many failures in a row: between half and all of a doubling time, by a random byte.
pub(in crate::auth) fn backoff(failures: u32, jitter: u8) -> Duration {
    let full = FIRST_BACKOFF.saturating_mul(1 << failures.min(10)).min(LONGEST_BACKOFF);
    full / 2 + full / 2 * u32::from(jitter) / 255
}

/// Whether a moment is still to come.
pub(super) fn is_ahead(until: Instant, now: Now) -> bool {
    now.instant < until
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn backoff_grows_within_its_bounds() {
        assert_eq!(backoff(0, 255), FIRST_BACKOFF);
        assert_eq!(backoff(0, 0), FIRST_BACKOFF / 2);
        assert_eq!(backoff(3, 255), Duration::from_secs(8));
        assert_eq!(backoff(99, 255), LONGEST_BACKOFF);
    }
}
