//! One account: what is stored of it, its tokens, and what is wrong with it.

use std::time::Duration;

use tokio::time::Instant;

use super::error::AuthError;
use super::now::Now;
use super::stored::StoredAccount;
use super::token::{Access, AccessToken, Credentials, Needs, TokenError};
use super::view::{AccountState, SignInId, User};
use crate::auth::secret::Secret;

/// How long Spotify lets a sign-in live: six months, which are 181 days at the least.
const SIGN_IN_LIFE_MS: u64 = 181 * 24 * 3_600_000;
/// A refusal of ID, secret or sign-in counts when it is repeated after this time. Incidents at Spotify last minutes.
pub(in crate::auth) const CONFIRM_AFTER: Duration = Duration::from_secs(120);
/// A refusal that is repeated after a longer time than this counts as a first one.
const DOUBT_LIFE: Duration = Duration::from_secs(3_600);

/// How often an ID or a secret is tried again that Spotify has refused more than once.
const RECHECK_EVERY: Duration = Duration::from_secs(1_800);

pub(super) struct Account {
    pub stored: StoredAccount,
    /// Tells the present sign-in from others of this account.
    pub sign_in_id: SignInId,
    /// The sign-in that the present one has replaced, until it is known that the present one is the right user's.
    pub replaced: Option<SignIn>,
    pub access: Option<Access>,
    /// A token without a user, by the app's own ID and secret.
    pub app_access: Option<Access>,
    pub last_error: Option<AuthError>,
    pub pause: Option<RenewalPause>,
    /// When Spotify refused the ID, the secret or the sign-in for the first time, unless it has accepted them since: one
    /// refusal may be a fault of its own.
    pub doubted_since: Option<Instant>,
}

/// What a sign-in leaves in the store.
pub(super) struct SignIn {
    refresh_token: Secret,
    user: Option<User>,
    signed_in_at: Option<u64>,
}

/// How long no token is renewed.
pub(super) struct RenewalPause {
    pub failures: u32,
    pub until: Instant,
}

impl Account {
    pub fn new(stored: StoredAccount, sign_in_id: SignInId) -> Self {
        let mut account = Self {
            stored,
            sign_in_id,
            replaced: None,
            access: None,
            app_access: None,
            last_error: None,
            pause: None,
            doubted_since: None,
        };
        account.reset_error();
        account
    }

    pub fn is_signed_in(&self) -> bool {
        self.stored.refresh_token.is_some() || self.access.is_some()
    }

    /// True if Spotify has ended the sign-in: its date is there without its token, also after a restart.
    pub fn is_ended(&self) -> bool {
        self.stored.signed_in_at.is_some() && !self.is_signed_in()
    }

    /// True if Spotify refuses the ID or the secret.
    pub fn is_refused(&self) -> bool {
        matches!(self.last_error, Some(AuthError::ClientIdRefused | AuthError::ClientSecretRefused))
    }

    /// True if it can get tokens of its user.
    pub fn works(&self) -> bool {
        self.is_signed_in() && !self.is_refused()
    }

    pub fn is_backed_off(&self, now: Now) -> bool {
        self.pause.as_ref().is_some_and(|pause| now.instant < pause.until)
    }

    /// Whether it is time to find out if a refusal was a fault of Spotify's.
    pub fn is_to_recheck(&self, now: Now) -> bool {
        let is_old = |since| now.instant.saturating_duration_since(since) >= CONFIRM_AFTER;
        self.doubted_since.is_some_and(is_old) && !self.is_backed_off(now)
    }

    /// What keeps it from being asked for tokens, if that is a refusal.
    pub fn refusal(&self) -> Option<AuthError> {
        if self.is_refused() { self.last_error.clone() } else { self.doubted_since.map(|_| AuthError::Doubted) }
    }

    /// Keeps of the last error only what lasts until the user does something about it.
    pub fn drop_passing_error(&mut self) {
        if !self.is_refused() {
            self.reset_error();
        }
    }

    /// Forgets the last error; that Spotify has ended the sign-in stays.
    pub fn reset_error(&mut self) {
        self.last_error = self.is_ended().then_some(AuthError::SignInAgain);
    }

    /// Forgets the last error and everything that follows from it.
    pub fn clear_failures(&mut self) {
        self.reset_error();
        self.pause = None;
        self.doubted_since = None;
    }

    /// Records that Spotify has refused the ID, the secret or the sign-in. Returns true if that is a second time, minutes
    /// after the first, so that the user has to do something.
    pub fn is_refused_again(&mut self, now: Now) -> bool {
        let since = *self.doubted_since.get_or_insert(now.instant);
        let age = now.instant.saturating_duration_since(since);
        if age > DOUBT_LIFE {
            self.doubted_since = Some(now.instant);
            return false;
        }
        age >= CONFIRM_AFTER
    }

    /// Records that Spotify has accepted ID and secret.
    pub fn on_accepted(&mut self) {
        let was_unchecked = self.last_error == Some(AuthError::Unchecked);
        if self.doubted_since.take().is_none() && !self.is_refused() && !was_unchecked {
            return;
        }
        self.reset_error();
        self.pause = None;
    }

    /// Takes in what the store holds now. An access token stays valid when another copy has renewed the refresh token; it
    /// goes with the sign-in that it belongs to.
    pub fn take_in(&mut self, stored: StoredAccount, next: SignInId) {
        let was = std::mem::replace(&mut self.stored, stored);
        let is = &mut self.stored;
        let other_app = was.client_id != is.client_id;
        let other_secret = was.client_secret != is.client_secret;
        let other_sign_in = other_app || was.signed_in_at != is.signed_in_at;
        let other_token = was.refresh_token != is.refresh_token;
        if other_sign_in || (other_token && is.refresh_token.is_none()) {
            self.access = None;
            self.replaced = None;
            self.sign_in_id = next;
        } else if is.user.is_none() {
            // The store had no room for it.
            is.user = was.user;
        }
        if other_app || other_secret {
            self.app_access = None;
        }
        if other_sign_in || other_token || other_secret {
            // An error of the old ones means nothing for these.
            self.clear_failures();
        }
    }

    /// Puts a new sign-in in the place of the present one, which is kept until it is known whose the new one is.
    pub fn begin_sign_in(&mut self, refresh_token: Option<Secret>, signed_in_at: u64, id: SignInId) {
        let before = self.sign_in().or(self.replaced.take());
        self.end_sign_in(id);
        self.replaced = before;
        self.stored.refresh_token = refresh_token;
        self.stored.signed_in_at = Some(signed_in_at);
        self.pause = None;
        self.on_accepted();
    }

    /// The user's own end of a sign-in: nothing of it stays. `next` is the id of what comes after it.
    pub fn end_sign_in(&mut self, next: SignInId) {
        self.sign_in_id = next;
        self.drop_tokens();
        self.replaced = None;
        self.stored.user = None;
        self.stored.signed_in_at = None;
    }

    /// Takes a sign-in back: the one that it has replaced returns, if there was one.
    pub fn revert_sign_in(&mut self, next: SignInId) {
        match self.replaced.take() {
            Some(before) => {
                self.sign_in_id = next;
                self.drop_tokens();
                self.stored.refresh_token = Some(before.refresh_token);
                self.stored.user = before.user;
                self.stored.signed_in_at = before.signed_in_at;
            }
            None => self.end_sign_in(next),
        }
    }

    /// Spotify's end of a sign-in: whose it was, and since when, is still known.
    pub fn drop_tokens(&mut self) {
        self.stored.refresh_token = None;
        self.access = None;
        self.pause = None;
        self.doubted_since = None;
    }

    /// The sign-in as it is stored, if there is one.
    fn sign_in(&self) -> Option<SignIn> {
        let refresh_token = self.stored.refresh_token.clone()?;
        Some(SignIn { refresh_token, user: self.stored.user.clone(), signed_in_at: self.stored.signed_in_at })
    }

    /// The error of an account that is known to be another user's, as when two copies of the package have added one each.
    pub fn other_user_than(&self, expected: &User) -> Option<AuthError> {
        let user = self.stored.user.as_ref().filter(|user| self.is_signed_in() && !user.is_same(expected))?;
        Some(AuthError::OtherUser { name: user.name.clone(), expected: expected.name.clone() })
    }

    /// When Spotify will end the sign-in, in Unix milliseconds.
    pub fn ends_ms(&self) -> Option<u64> {
        let signed_in_at = self.stored.signed_in_at.filter(|_| self.is_signed_in())?;
        Some(signed_in_at.saturating_mul(1000).saturating_add(SIGN_IN_LIFE_MS))
    }

    /// What the account is now, unless a sign-in is running.
    pub fn state(&self) -> AccountState {
        if self.is_refused() {
            AccountState::InvalidCredentials
        } else if self.is_signed_in() {
            AccountState::Linked
        } else if self.is_ended() {
            AccountState::SignInAgain
        } else {
            AccountState::NeedsLogin
        }
    }

    /// The token of this kind, if it is valid for at least `margin_ms` more.
    pub fn valid(&self, of: Needs, now_ms: u64, margin_ms: u64) -> Option<AccessToken> {
        let access = match of {
            Needs::User => self.access.as_ref(),
            Needs::App => self.app_access.as_ref(),
        };
        access
            .filter(|access| access.expires_ms > now_ms.saturating_add(margin_ms))
            .map(|access| self.token(access, of))
    }

    pub fn token(&self, access: &Access, of: Needs) -> AccessToken {
        AccessToken {
            account: self.stored.id.clone(),
            app: self.stored.client_id.clone(),
            sign_in: self.sign_in_id,
            of,
            bearer: access.bearer.clone(),
            serial: access.serial,
        }
    }

    pub fn credentials(&self) -> Credentials {
        Credentials { client_id: self.stored.client_id.clone(), client_secret: self.stored.client_secret.clone() }
    }

    /// Records that Spotify has refused the ID, the secret or the sign-in. The first refusal is only doubted, and nothing
    /// is sent for some minutes. After the second one the user has to correct it, but it is still tried now and then, as a
    /// fault of Spotify's may last.
    pub fn on_refused(&mut self, error: TokenError, now: Now) -> AuthError {
        let of_the_app = matches!(error, TokenError::InvalidClient | TokenError::InvalidSecret);
        let (last_error, pause) = if of_the_app && (self.is_refused() || self.is_refused_again(now)) {
            (error.into(), RECHECK_EVERY)
        } else {
            (AuthError::Doubted, CONFIRM_AFTER)
        };
        let failures = self.pause.as_ref().map_or(0, |pause| pause.failures);
        self.pause = Some(RenewalPause { failures, until: now.instant + pause });
        self.last_error = Some(last_error.clone());
        last_error
    }
}
