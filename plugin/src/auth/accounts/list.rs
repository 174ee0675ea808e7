//! The list of accounts, and the events that change it.

use std::time::Duration;

use super::account::Account;
use super::dates::{Now, newer_than};
use super::error::AuthError;
use super::form::SaveAccount;
use super::ids::{AccountId, ClientId, SignInId};
use super::rotation::{Choice, Group, Member, Outcome, Rotation, Route};
use super::stored::StoredAccount;
use super::token::{AccessToken, Credentials, MARGIN, Needs, RENEW_AHEAD, TokenError};
use super::view::{AccountCounts, Redirect, User};
use crate::auth::secret::Secret;
use crate::unix_time::UnixTime;

/// The most accounts there may be. A developer account may have 25 apps, and those share one quota, so a few are as good
/// as many. Accounts that are stored beyond it stay stored.
pub(in crate::auth) const MOST_ACCOUNTS: usize = 50;

/// All accounts: a state machine without I/O and without a clock.
#[derive(Default)]
pub(in crate::auth) struct Accounts {
    pub(super) list: Vec<Account>,
    pub(super) rotation: Rotation,
    /// Whether the rotation has changes that should outlive the process and aren't saved yet.
    rotation_unsaved: bool,
    /// The last number that was given to a token or a sign-in.
    serials: u64,
}

impl Accounts {
    /// No accounts yet, with the limits and counts of before the restart.
    pub fn new(rotation: Rotation) -> Self {
        Self { rotation, ..Self::default() }
    }

    /// Records that the computer has slept, or that its clock was set back by `set_back`. Waits after failures end: what
    /// failed before says nothing about now, and the timers of some computers stand still during a sleep.
    pub fn on_wake(&mut self, set_back: Duration) {
        let mut dates: Vec<&mut UnixTime> = self.rotation.dates_mut().collect();
        for account in &mut self.list {
            account.pause = None;
            let tokens = account.access.iter_mut().chain(&mut account.app_access);
            dates.extend(tokens.map(|token| &mut token.expires));
        }
        for date in dates {
            *date = *date - set_back;
        }
    }

    pub(super) fn next_serial(&mut self) -> u64 {
        self.serials += 1;
        self.serials
    }

    fn next_sign_in(&mut self) -> SignInId {
        SignInId(self.next_serial())
    }

    pub(super) fn get(&self, id: &AccountId) -> Option<&Account> {
        self.list.iter().find(|account| account.stored.id == *id)
    }

    pub(super) fn get_mut(&mut self, id: &AccountId) -> Option<&mut Account> {
        self.list.iter_mut().find(|account| account.stored.id == *id)
    }

    fn position(&self, id: &AccountId) -> Result<usize, AuthError> {
        self.list.iter().position(|account| account.stored.id == *id).ok_or(AuthError::UnknownAccount)
    }

    fn has_app(&self, client_id: &ClientId) -> bool {
        self.list.iter().any(|account| account.stored.client_id == *client_id)
    }

    pub fn contains(&self, id: &AccountId) -> bool {
        self.get(id).is_some()
    }

    /// Returns the account with this id or, as another copy of the package may have added the same app under another id, of
    /// this app.
    pub fn id_of(&self, id: &AccountId, client_id: &ClientId) -> Option<AccountId> {
        let same_app = || self.list.iter().find(|account| account.stored.client_id == *client_id);
        self.get(id).or_else(same_app).map(|account| account.stored.id.clone())
    }

    pub fn sign_in_id(&self, id: &AccountId) -> Option<SignInId> {
        Some(self.get(id)?.sign_in_id)
    }

    pub fn redirect(&self, id: &AccountId) -> Option<Redirect> {
        Some(self.get(id)?.stored.redirect)
    }

    pub fn credentials(&self, id: &AccountId) -> Option<Credentials> {
        self.get(id).map(Account::credentials)
    }

    /// Returns the credentials to check before an account is saved.
    pub fn credentials_to_check(&self, account: &SaveAccount) -> Result<Credentials, AuthError> {
        self.check_client_id(&account.client_id, account.id.as_ref())?;
        let typed = account.client_secret.clone();
        let client_secret = match &account.id {
            Some(id) => {
                let stored = &self.get(id).ok_or(AuthError::UnknownAccount)?.stored;
                typed.or_else(|| stored.client_secret.clone().filter(|_| !account.pkce_only))
            }
            None if self.list.len() >= MOST_ACCOUNTS => return Err(AuthError::TooManyAccounts),
            None => typed,
        };
        Ok(Credentials { client_id: account.client_id.clone(), client_secret })
    }

    fn check_client_id(&self, client_id: &ClientId, id: Option<&AccountId>) -> Result<(), AuthError> {
        let is_taken = |other: &Account| other.stored.client_id == *client_id && Some(&other.stored.id) != id;
        if self.list.iter().any(is_taken) { Err(AuthError::ClientIdTaken) } else { Ok(()) }
    }

    /// Adds or changes an account: `account` as typed, `credentials` as checked, `error` if they could not be checked. `id` is
    /// the account's, or that of a new one. Returns whether a running log-in of the account no longer fits it.
    pub fn save(
        &mut self,
        account: &SaveAccount,
        id: &AccountId,
        credentials: Credentials,
        error: Option<AuthError>,
        now: Now,
    ) -> Result<bool, AuthError> {
        // Again, as another one may have been added while Spotify was asked.
        self.check_client_id(&credentials.client_id, account.id.as_ref())?;
        if let Some(Some(other)) = &account.same_developer_as
            && (!self.contains(other) || other == id)
        {
            return Err(AuthError::UnknownAccount);
        }
        self.rotation.clear_issue(&credentials.client_id);
        let next = self.next_sign_in();
        if account.id.is_none() {
            self.on_app_added(&credentials.client_id, now);
            self.list.push(Account::new(StoredAccount::new(id.clone(), credentials.client_id.clone()), next));
        }
        let saved = self.get_mut(id).ok_or(AuthError::UnknownAccount)?;
        let was = saved.credentials();
        let other_app = was.client_id != credentials.client_id;
        let ends_login = was != credentials || saved.stored.redirect != account.redirect;
        if other_app {
            // Tokens belong to one Client ID.
            saved.end_sign_in(next);
            saved.app_access = None;
        }
        saved.stored.client_id = credentials.client_id.clone();
        saved.stored.client_secret = credentials.client_secret;
        saved.stored.redirect = account.redirect;
        if let Some(other) = &account.same_developer_as {
            saved.stored.same_developer_as.clone_from(other);
        }
        saved.clear_failures();
        saved.last_error = error.or(saved.last_error.take());
        if other_app {
            self.on_app_removed(&was.client_id, now);
            self.on_app_added(&credentials.client_id, now);
        }
        Ok(ends_login)
    }

    fn on_app_added(&mut self, client_id: &ClientId, now: Now) {
        self.rotation.on_added(now.date, client_id);
        self.rotation_unsaved = true;
    }

    fn on_app_removed(&mut self, client_id: &ClientId, now: Now) {
        self.rotation.on_removed(now.date, client_id);
        self.rotation_unsaved = true;
    }

    /// Moves an account to another place in the list, from 0; a place beyond the end is the last one.
    pub fn move_to(&mut self, id: &AccountId, to: usize) -> Result<(), AuthError> {
        let from = self.position(id)?;
        let account = self.list.remove(from);
        self.list.insert(to.min(self.list.len()), account);
        Ok(())
    }

    /// Removes an account, and returns its Client ID. The others of its developer account stay together.
    pub fn remove(&mut self, id: &AccountId, now: Now) -> Result<ClientId, AuthError> {
        let removed = self.list.remove(self.position(id)?).stored;
        self.on_app_removed(&removed.client_id, now);
        let mut heir = removed.same_developer_as;
        for other in self.list.iter_mut().map(|other| &mut other.stored) {
            if other.same_developer_as.as_ref() == Some(id) {
                other.same_developer_as = heir.clone().filter(|heir| *heir != other.id);
                heir.get_or_insert_with(|| other.id.clone());
            }
        }
        self.drop_resolved_user_errors();
        Ok(removed.client_id)
    }

    /// Ends an account's sign-in; ID and secret stay.
    pub fn log_out(&mut self, id: &AccountId, now: Now) -> Result<(), AuthError> {
        let next = self.next_sign_in();
        let account = self.get_mut(id).ok_or(AuthError::UnknownAccount)?;
        account.end_sign_in(next);
        // Newer than any sign-in in a store that could not be asked yet.
        account.stored.touch_sign_in(now);
        account.drop_passing_error();
        let app = account.stored.client_id.clone();
        self.rotation.on_logged_out(&app);
        self.drop_resolved_user_errors();
        Ok(())
    }

    /// Drops the errors about other users' sign-ins where those have ended since.
    fn drop_resolved_user_errors(&mut self) {
        let signed_in = self.list.iter().filter(|account| account.is_signed_in());
        let names: Vec<String> = signed_in.filter_map(|account| Some(account.stored.user.clone()?.name)).collect();
        for account in &mut self.list {
            if matches!(&account.last_error, Some(AuthError::OtherUser { expected, .. }) if !names.contains(expected)) {
                account.reset_error();
            }
        }
    }

    /// Prepares an account for a log-in that starts.
    pub fn on_login_started(&mut self, id: &AccountId) {
        if let Some(account) = self.get_mut(id) {
            account.drop_passing_error();
        }
    }

    /// Records how a log-in of an account ended.
    pub fn on_login_ended(&mut self, id: &AccountId, error: Option<AuthError>) {
        if let Some(account) = self.get_mut(id) {
            account.last_error = error;
        }
    }

    /// Records that ID or secret were refused at the end of a log-in. Returns what to tell the user: a single refusal may be a
    /// fault of Spotify's.
    pub fn on_login_refused(&mut self, id: &AccountId, refusal: TokenError, now: Now) -> AuthError {
        let is_confirmed = self.get_mut(id).is_none_or(|account| account.confirm_refusal(now));
        if is_confirmed { refusal.into() } else { AuthError::LoginDoubted }
    }

    /// Puts a new sign-in in place, to be stored before its access token is used.
    pub fn begin_sign_in(&mut self, id: &AccountId, refresh: Option<Secret>, now: Now) -> Result<SignInId, AuthError> {
        let sign_in = self.next_sign_in();
        let account = self.get_mut(id).ok_or(AuthError::UnknownAccount)?;
        account.begin_sign_in(refresh, now, sign_in);
        let app = account.stored.client_id.clone();
        self.rotation.clear_issue(&app);
        Ok(sign_in)
    }

    /// Reverts a sign-in that has just been put in place. Returns true if it was there.
    pub fn revert_sign_in(&mut self, sign_in: SignInId) -> bool {
        let next = self.next_sign_in();
        let account = self.list.iter_mut().find(|account| account.sign_in_id == sign_in);
        account.map(|account| account.revert_sign_in(next)).is_some()
    }

    /// Records the user of a sign-in. Returns whether that changes anything. If the other accounts are another user's, the
    /// sign-in is reverted: keys must not reach somebody else's music.
    pub fn set_user(&mut self, sign_in: SignInId, user: User) -> bool {
        let next = self.next_sign_in();
        let is_it = |account: &Account| account.sign_in_id == sign_in && account.is_signed_in();
        let mut others = self.list.iter().filter(|other| !is_it(other) && other.is_signed_in());
        let expected = others.find_map(|other| other.stored.user.clone());
        let Some(account) = self.list.iter_mut().find(|account| is_it(account)) else { return false };
        match (account.stored.user.clone(), expected.filter(|expected| !expected.is_same(&user))) {
            (Some(known), _) if known == user => return false,
            // Under the same sign-in it is the same person, even with other ids: so are the others of that name.
            (Some(known), _) => {
                let same = self.list.iter_mut().filter_map(|account| account.stored.user.as_mut());
                same.filter(|other| other.is_same(&known)).for_each(|other| other.clone_from(&user));
            }
            (None, None) => {
                account.stored.user = Some(user);
                account.replaced = None;
            }
            (None, Some(expected)) => {
                tracing::warn!(account = %account.stored.id, "another Spotify user than the other accounts' has signed in");
                account.revert_sign_in(next);
                account.last_error = Some(AuthError::OtherUser { name: user.name, expected: expected.name });
            }
        }
        true
    }

    /// Chooses the account that serves a call.
    pub fn choose(&self, route: impl Into<Route>, needs: Needs, now: Now) -> Choice {
        self.rotation.choose(now.date, route, &self.members(needs))
    }

    /// Returns the account at this place of the list.
    pub fn id_at(&self, index: usize) -> AccountId {
        self.list[index].stored.id.clone()
    }

    /// Returns a token that is there already, of the first account that may serve and has one.
    pub fn any_valid_token(&self, route: &Route, needs: Needs, now: Now) -> Option<AccessToken> {
        let members = self.members(needs);
        self.list.iter().enumerate().find_map(|(index, account)| {
            let is_limited = self.rotation.limit_of(now.date, route, &members, index).is_some();
            let token = account.valid_token(Needs::User, now, MARGIN);
            token.filter(|_| members[index].usable && !is_limited)
        })
    }

    /// Fails if an account is unknown, or limited for a call.
    pub fn check_not_limited(&self, id: &AccountId, route: &Route, now: Now) -> Result<(), AuthError> {
        let index = self.position(id)?;
        let limit = self.rotation.limit_of(now.date, route, &self.members(Needs::User), index);
        limit.map_or(Ok(()), |limit| Err(AuthError::Limited(limit)))
    }

    /// Counts a request that is sent with this token now, unless its account has been removed.
    pub fn on_sent(&mut self, token: &AccessToken, group: Group, now: Now) {
        if self.has_app(&token.app) {
            self.rotation.on_sent(now.date, &token.app, group);
            self.rotation_unsaved = true;
        }
    }

    /// Records the outcome of a call. A limit is the app's, for every user; everything else belongs to the sign-in with
    /// which the call was made. Returns whether a limit is to be saved.
    pub fn on_outcome(&mut self, token: &AccessToken, route: Route, outcome: Outcome, now: Now) -> bool {
        let is_limit = matches!(outcome, Outcome::Limited(..));
        let is_current = |account: &Account| {
            account.stored.client_id == token.app
                && (is_limit || token.kind == Needs::App || account.sign_in_id == token.sign_in)
        };
        if !self.list.iter().any(is_current) {
            return false;
        }
        if let Outcome::Limited(kind, retry_after) = outcome {
            let Route { group, endpoint, .. } = &route;
            tracing::warn!(account = %token.account, ?group, %endpoint, ?kind, ?retry_after, "Spotify limits the calls");
            self.rotation_unsaved = true;
        }
        self.rotation.on_outcome(now.date, &token.app, route, outcome);
        is_limit
    }

    /// Returns how many requests the accounts have sent, in their order.
    pub fn counts(&self, now: Now) -> Vec<AccountCounts> {
        self.list.iter().map(|account| self.rotation.counts(now.date, &account.stored.client_id)).collect()
    }

    /// Switches to the next account on the user's request; a second time within 2 s switches back.
    pub fn switch(&mut self, now: Now) -> Result<(), AuthError> {
        let members = members(&self.list, Needs::User);
        self.rotation.switch(now, &members).ok_or(AuthError::NoOtherAccount)?;
        self.rotation_unsaved = true;
        Ok(())
    }

    /// Lets an account serve first, as the user has chosen; None returns to the list's order.
    pub fn prefer(&mut self, id: Option<&AccountId>) -> Result<(), AuthError> {
        let index = id.map(|id| self.position(id)).transpose()?;
        let members = members(&self.list, Needs::User);
        self.rotation.prefer(index.map(|index| members[index].app), &members);
        self.rotation_unsaved = true;
        Ok(())
    }

    /// Returns the accounts whose token is to be renewed although no call needs it now. While every account is limited it
    /// is none: the call that may be sent again brings its own.
    pub fn due_for_renewal(&self, now: Now) -> Vec<AccountId> {
        if matches!(self.choose(Group::Player, Needs::User, now), Choice::Wait(_)) {
            return Vec::new();
        }
        self.ids(|account| {
            let can = account.works() || (account.is_signed_in() && account.is_due_for_recheck(now));
            can && account.valid_token(Needs::User, now, RENEW_AHEAD).is_none()
        })
    }

    /// Returns the accounts without a sign-in of which only the app's own token shows whether ID and secret are accepted
    /// again.
    pub fn due_for_recheck(&self, now: Now) -> Vec<AccountId> {
        self.ids(|account| {
            !account.is_signed_in() && account.stored.client_secret.is_some() && account.is_due_for_recheck(now)
        })
    }

    fn ids(&self, wanted: impl Fn(&Account) -> bool) -> Vec<AccountId> {
        self.list.iter().filter(|account| wanted(account)).map(|account| account.stored.id.clone()).collect()
    }

    /// Returns the limits and counts, if they have changes to save, which then count as saved.
    pub fn take_unsaved_rotation(&mut self, now: Now) -> Option<Rotation> {
        std::mem::take(&mut self.rotation_unsaved).then(|| {
            self.rotation.tidy(now.date);
            self.rotation.clone()
        })
    }

    /// Records that limits and counts could not be saved.
    pub fn on_rotation_not_saved(&mut self) {
        self.rotation_unsaved = true;
    }

    /// Returns all accounts as they are to be stored.
    pub fn to_stored(&self) -> Vec<StoredAccount> {
        self.list.iter().map(|account| account.stored.clone()).collect()
    }

    /// Dates each sign-in that differs from the stored one: newer than what it replaces.
    pub fn stamp(&mut self, base: &[StoredAccount], now: Now) {
        for ours in self.list.iter_mut().map(|account| &mut account.stored) {
            let (has_changed, before) = match base.iter().find(|known| known.id == ours.id) {
                Some(known) => (
                    (&known.refresh_token, &known.signed_in_at) != (&ours.refresh_token, &ours.signed_in_at),
                    known.token_at,
                ),
                None => (ours.refresh_token.is_some() || ours.signed_in_at.is_some(), UnixTime::default()),
            };
            if has_changed && ours.token_at <= before {
                ours.token_at = newer_than(before, now);
            }
        }
    }

    /// Replaces the list by what is stored now.
    pub fn apply_stored(&mut self, stored: Vec<StoredAccount>, now: Now) {
        if stored == self.to_stored() {
            return;
        }
        let mut before = std::mem::take(&mut self.list);
        let apps: Vec<ClientId> = before.iter().map(|account| account.stored.client_id.clone()).collect();
        for one in stored.iter().cloned() {
            let sign_in_id = self.next_sign_in();
            let known = before.iter().position(|account| account.stored.id == one.id).or_else(|| {
                // Another copy has added the same app at the same time, under another id.
                before.iter().position(|account| {
                    account.stored.client_id == one.client_id
                        && stored.iter().all(|other| other.id != account.stored.id)
                })
            });
            self.list.push(match known {
                Some(index) => {
                    let mut account = before.swap_remove(index);
                    account.apply_stored(one, sign_in_id);
                    account
                }
                None => Account::new(one, sign_in_id),
            });
        }
        for gone in apps {
            if !self.has_app(&gone) {
                self.on_app_removed(&gone, now);
            }
        }
    }

    pub(super) fn members(&self, needs: Needs) -> Vec<Member<'_>> {
        members(&self.list, needs)
    }
}

/// Returns the accounts as the rotation sees them, in their order.
fn members(accounts: &[Account], needs: Needs) -> Vec<Member<'_>> {
    let developers = developers(accounts);
    let members = accounts.iter().enumerate().map(|(index, account)| {
        let with_user = account.works() && is_same_user(accounts, index);
        let usable = match needs {
            Needs::User => with_user,
            Needs::App => with_user || (account.stored.client_secret.is_some() && !account.is_refused()),
        };
        let developer = &accounts[developers[index]].stored.id;
        Member { app: &account.stored.client_id, developer, usable }
    });
    members.collect()
}

/// True if an account may act for the user: a backup has to be known to be of the same one as those before it, or a press
/// might reach somebody else's music.
fn is_same_user(accounts: &[Account], index: usize) -> bool {
    let mut signed_in = accounts.iter().enumerate().filter(|(_, account)| account.is_signed_in());
    match &accounts[index].stored.user {
        Some(user) => {
            signed_in.find_map(|(_, account)| account.stored.user.as_ref()).is_none_or(|first| first.is_same(user))
        }
        None => signed_in.next().is_none_or(|(first, _)| first == index),
    }
}

/// Returns for each account the first one that belongs to the same developer account according to the user.
fn developers(accounts: &[Account]) -> Vec<usize> {
    let position = |id: &AccountId| accounts.iter().position(|account| account.stored.id == *id);
    let linked: Vec<Option<usize>> =
        accounts.iter().map(|account| account.stored.same_developer_as.as_ref().and_then(position)).collect();
    let mut first: Vec<usize> = (0..accounts.len()).collect();
    // Each pass takes a link one step further, and there are fewer steps than accounts.
    for _ in 0..accounts.len() {
        for (one, other) in linked.iter().enumerate().filter_map(|(one, other)| Some((one, (*other)?))) {
            let both = first[one].min(first[other]);
            (first[one], first[other]) = (both, both);
        }
    }
    first
}
