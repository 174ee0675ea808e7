//! One account: its stored part, its tokens and its last error.

use std::time::Duration;

use tokio::time::Instant;

use super::dates::Now;
use super::error::AuthError;
use super::ids::SignInId;
use super::stored::{SignInDate, StoredAccount};
use super::token::{Access, AccessToken, Credentials, Needs, TokenError};
use super::view::{AccountState, User};
use crate::auth::secret::Secret;
use crate::unix_time::UnixTime;

/// A refusal of ID, secret or sign-in counts when it is repeated after this time. Incidents at Spotify last minutes.
pub(in crate::auth) const CONFIRM_AFTER: Duration = Duration::from_secs(120);
/// A refusal that is repeated after a longer time than this counts as a first one.
const DOUBT_LIFE: Duration = Duration::from_secs(3_600);

/// How often an ID or a secret is tried again that Spotify has refused more than once.
const RECHECK_EVERY: Duration = Duration::from_secs(1_800);

pub(super) struct Account {
    pub stored: StoredAccount,
    /// Distinguishes the present sign-in from others of this account.
    pub sign_in_id: SignInId,
    /// The sign-in that the present one has replaced, until the present one is known to be the right user's.
    pub replaced: Option<SignIn>,
    pub access: Option<Access>,
    /// A token without a user, by the app's own ID and secret.
    pub app_access: Option<Access>,
    pub last_error: Option<AuthError>,
    pub pause: Option<RenewalPause>,
    /// When Spotify refused the ID, the secret or the sign-in for the first time, unless it has accepted them since: a
    /// single refusal may be a fault of Spotify's.
    pub doubted_since: Option<Instant>,
}

/// The stored part of a sign-in.
pub(super) struct SignIn {
    refresh_token: Secret,
    user: Option<User>,
    signed_in_at: Option<SignInDate>,
}

/// A time during which no token is renewed.
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

    /// True when it is time to find out if a refusal was a fault of Spotify's.
    pub fn is_due_for_recheck(&self, now: Now) -> bool {
        let is_old = |since| now.instant.saturating_duration_since(since) >= CONFIRM_AFTER;
        self.doubted_since.is_some_and(is_old) && !self.is_backed_off(now)
    }

    /// Returns the refusal because of which no tokens are requested, if there is one.
    pub fn refusal(&self) -> Option<AuthError> {
        if self.is_refused() { self.last_error.clone() } else { self.doubted_since.map(|_| AuthError::Doubted) }
    }

    /// Drops the last error unless it lasts until the user does something about it.
    pub fn drop_passing_error(&mut self) {
        if !self.is_refused() {
            self.reset_error();
        }
    }

    /// Drops the last error; that Spotify has ended the sign-in stays.
    pub fn reset_error(&mut self) {
        self.last_error = self.is_ended().then_some(AuthError::SignInAgain);
    }

    /// Drops the last error and everything that follows from it.
    pub fn clear_failures(&mut self) {
        self.reset_error();
        self.pause = None;
        self.doubted_since = None;
    }

    /// Records that Spotify has refused the ID, the secret or the sign-in. Returns true if that confirms a refusal of some
    /// minutes ago, so that the user has to do something.
    pub fn confirm_refusal(&mut self, now: Now) -> bool {
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
        if self.doubted_since.take().is_some() || self.is_refused() || was_unchecked {
            self.reset_error();
            self.pause = None;
        }
    }

    /// Takes over what is stored now. An access token stays valid when another copy has renewed the refresh token; it
    /// goes with the sign-in that it belongs to. `next` is the id of a sign-in that differs.
    pub fn apply_stored(&mut self, stored: StoredAccount, next: SignInId) {
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
            // It may not have fitted into the store.
            is.user = was.user;
        }
        if other_app || other_secret {
            self.app_access = None;
        }
        if other_sign_in || other_token || other_secret {
            // An error of the old ones says nothing about these.
            self.clear_failures();
        }
    }

    /// Replaces the present sign-in by a new one. The present one is kept until the new one's user is known.
    pub fn begin_sign_in(&mut self, refresh_token: Option<Secret>, now: Now, id: SignInId) {
        let stored = &self.stored;
        let present = stored.refresh_token.clone().map(|refresh_token| SignIn {
            refresh_token,
            user: stored.user.clone(),
            signed_in_at: stored.signed_in_at,
        });
        let replaced = present.or(self.replaced.take());
        self.end_sign_in(id);
        self.replaced = replaced;
        self.stored.refresh_token = refresh_token;
        self.stored.signed_in_at = Some(SignInDate::new(now.date));
        self.on_accepted();
    }

    /// Ends the sign-in on the user's request: nothing of it stays. `next` is the id of what comes after it.
    pub fn end_sign_in(&mut self, next: SignInId) {
        self.sign_in_id = next;
        self.drop_tokens();
        self.replaced = None;
        self.stored.user = None;
        self.stored.signed_in_at = None;
    }

    /// Reverts a sign-in: the one that it has replaced returns, if there was one.
    pub fn revert_sign_in(&mut self, next: SignInId) {
        let replaced = self.replaced.take();
        self.end_sign_in(next);
        if let Some(SignIn { refresh_token, user, signed_in_at }) = replaced {
            self.stored.refresh_token = Some(refresh_token);
            self.stored.user = user;
            self.stored.signed_in_at = signed_in_at;
        }
    }

    /// Drops the tokens of a sign-in that Spotify has ended: its user and its date are still known.
    pub fn drop_tokens(&mut self) {
        self.stored.refresh_token = None;
        self.access = None;
        self.pause = None;
        self.doubted_since = None;
    }

    /// Returns the error of an account that is another user's than `expected`, as when two copies of the package have added
    /// one each.
    pub fn other_user_than(&self, expected: &User) -> Option<AuthError> {
        let user = self.stored.user.as_ref().filter(|user| self.is_signed_in() && !user.is_same(expected))?;
        Some(AuthError::OtherUser { name: user.name.clone(), expected: expected.name.clone() })
    }

    /// Returns when Spotify will end the sign-in.
    pub fn sign_in_end(&self) -> Option<UnixTime> {
        self.stored.signed_in_at.filter(|_| self.is_signed_in()).map(SignInDate::end)
    }

    /// Returns the state of the account, unless a log-in is running.
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

    /// Returns the token of this kind, if it is valid for longer than `margin`.
    pub fn valid_token(&self, kind: Needs, now: Now, margin: Duration) -> Option<AccessToken> {
        let access = match kind {
            Needs::User => self.access.as_ref(),
            Needs::App => self.app_access.as_ref(),
        };
        access.filter(|access| access.expires > now.date + margin).map(|access| self.token(access, kind))
    }

    pub fn token(&self, access: &Access, kind: Needs) -> AccessToken {
        AccessToken {
            account: self.stored.id.clone(),
            app: self.stored.client_id.clone(),
            sign_in: self.sign_in_id,
            kind,
            bearer: access.bearer.clone(),
            serial: access.serial,
        }
    }

    pub fn credentials(&self) -> Credentials {
        Credentials { client_id: self.stored.client_id.clone(), client_secret: self.stored.client_secret.clone() }
    }

    /// Records that Spotify has refused the ID, the secret or the sign-in. After the first refusal, which is only doubted,
    /// nothing is sent for some minutes. After a second one the user has to correct it, but it is still tried now and then,
    /// as a fault of Spotify's may last.
    pub fn on_refused(&mut self, error: TokenError, now: Now) -> AuthError {
        let is_about_app = matches!(error, TokenError::InvalidClient | TokenError::InvalidSecret);
        let (last_error, pause) = if is_about_app && (self.is_refused() || self.confirm_refusal(now)) {
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
