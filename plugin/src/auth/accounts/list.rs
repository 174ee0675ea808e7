//! The list of accounts, and what happens to it.

use super::account::Account;
use super::error::AuthError;
use super::form::SaveAccount;
use super::now::Now;
use super::rotation::{Choice, Group, Member, Outcome, Rotation, Route};
use super::stored::StoredAccount;
use super::token::{AHEAD_MS, AccessToken, Credentials, MARGIN_MS, Needs, TokenError};
use super::view::{AccountCounts, Redirect, SignInId, User};
use crate::auth::secret::Secret;

/// The most accounts there may be. A developer account may have 25 apps, and those share one quota, so a few are as good
/// as many. Those that are stored beyond it stay stored.
pub(in crate::auth) const MOST_ACCOUNTS: usize = 50;
/// All accounts: a state machine without I/O and without a clock.
#[derive(Default)]
pub(in crate::auth) struct Accounts {
    pub(super) list: Vec<Account>,
    pub(super) rotation: Rotation,
    /// Whether the rotation holds something that should outlive the process and isn't written down.
    rotation_unsaved: bool,
    /// Makes the numbers that tell tokens and sign-ins apart.
    serials: u64,
}

impl Accounts {
    /// No accounts yet, with the limits and counts of before the restart.
    pub fn new(rotation: Rotation) -> Self {
        Self { rotation, ..Self::default() }
    }

    pub(super) fn serial(&mut self) -> u64 {
        self.serials += 1;
        self.serials
    }

    pub(super) fn new_sign_in(&mut self) -> SignInId {
        SignInId(self.serial())
    }

    pub(super) fn get(&self, id: &str) -> Option<&Account> {
        self.list.iter().find(|account| account.stored.id == id)
    }

    pub(super) fn get_mut(&mut self, id: &str) -> Option<&mut Account> {
        self.list.iter_mut().find(|account| account.stored.id == id)
    }

    fn position(&self, id: &str) -> Option<usize> {
        self.list.iter().position(|account| account.stored.id == id)
    }

    fn has_app(&self, client_id: &str) -> bool {
        self.list.iter().any(|account| account.stored.client_id == client_id)
    }

    pub fn contains(&self, id: &str) -> bool {
        self.position(id).is_some()
    }

    /// The account with this id or, as another copy of the package may have added the same app under another id, of this app.
    pub fn id_of(&self, id: &str, client_id: &str) -> Option<String> {
        let same_app = || self.list.iter().find(|account| account.stored.client_id == client_id);
        self.get(id).or_else(same_app).map(|account| account.stored.id.clone())
    }

    pub fn sign_in_id(&self, id: &str) -> Option<SignInId> {
        Some(self.get(id)?.sign_in_id)
    }

    pub fn redirect(&self, id: &str) -> Option<Redirect> {
        Some(self.get(id)?.stored.redirect)
    }

    /// What the app of an account identifies itself with.
    pub fn credentials(&self, id: &str) -> Option<Credentials> {
        let StoredAccount { client_id, client_secret, .. } = self.get(id)?.stored.clone();
        Some(Credentials { client_id, client_secret })
    }

    /// The credentials to try out before an account is saved.
    pub fn to_try(&self, account: &SaveAccount) -> Result<Credentials, AuthError> {
        self.check_client_id(&account.client_id, account.id.as_deref())?;
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

    fn check_client_id(&self, client_id: &str, id: Option<&str>) -> Result<(), AuthError> {
        let is_taken = |other: &Account| other.stored.client_id == client_id && Some(other.stored.id.as_str()) != id;
        if self.list.iter().any(is_taken) { Err(AuthError::ClientIdTaken) } else { Ok(()) }
    }

    /// Adds or changes an account: `account` as typed, `credentials` as tried out, `error` if that was not possible.
    /// `new_id` is the id of one that is added.
    pub fn save(
        &mut self,
        account: SaveAccount,
        credentials: Credentials,
        error: Option<AuthError>,
        new_id: String,
        now: Now,
    ) -> Result<Saved, AuthError> {
        // Again, as another one may have been added while Spotify was asked.
        self.check_client_id(&credentials.client_id, account.id.as_deref())?;
        let same_developer_as = account.same_developer_as.map(|other| Some(other).filter(|other| !other.is_empty()));
        if let Some(Some(other)) = &same_developer_as
            && (!self.contains(other) || Some(other) == account.id.as_ref())
        {
            return Err(AuthError::UnknownAccount);
        }
        self.rotation.clear_issue(&credentials.client_id);
        match account.id {
            Some(id) => {
                let ends_login = self.edit(&id, credentials, account.redirect, same_developer_as, error, now)?;
                Ok(Saved { id, ends_login, is_new: false })
            }
            None => {
                let Credentials { client_id, client_secret } = credentials;
                self.on_app_added(&client_id, now);
                let stored = StoredAccount {
                    id: new_id.clone(),
                    client_id,
                    client_secret,
                    redirect: account.redirect,
                    same_developer_as: same_developer_as.flatten(),
                    refresh_token: None,
                    user: None,
                    signed_in_at: None,
                    token_at: 0,
                };
                let sign_in_id = self.new_sign_in();
                self.list.push(Account { last_error: error, ..Account::new(stored, sign_in_id) });
                Ok(Saved { id: new_id, ends_login: false, is_new: true })
            }
        }
    }

    /// Changes an account. Returns whether a sign-in that is running doesn't fit it any more.
    fn edit(
        &mut self,
        id: &str,
        credentials: Credentials,
        redirect: Redirect,
        same_developer_as: Option<Option<String>>,
        error: Option<AuthError>,
        now: Now,
    ) -> Result<bool, AuthError> {
        let next = self.new_sign_in();
        let account = self.get_mut(id).ok_or(AuthError::UnknownAccount)?;
        let Credentials { client_id, client_secret } = credentials;
        let before = std::mem::replace(&mut account.stored.client_id, client_id.clone());
        let other_app = before != client_id;
        let ends_login =
            other_app || account.stored.client_secret != client_secret || account.stored.redirect != redirect;
        if other_app {
            // Tokens belong to one Client ID.
            account.end_sign_in(next);
            account.app_access = None;
        }
        account.stored.client_secret = client_secret;
        account.stored.redirect = redirect;
        if let Some(other) = same_developer_as {
            account.stored.same_developer_as = other;
        }
        account.clear_failures();
        account.last_error = error.or(account.last_error.take());
        if other_app {
            self.on_app_removed(&before, now);
            self.on_app_added(&client_id, now);
        }
        Ok(ends_login)
    }

    fn on_app_added(&mut self, client_id: &str, now: Now) {
        self.rotation.on_added(now.unix_ms, client_id);
        self.rotation_unsaved = true;
    }

    fn on_app_removed(&mut self, client_id: &str, now: Now) {
        self.rotation.on_removed(now.unix_ms, client_id);
        self.rotation_unsaved = true;
    }

    /// Gives an account another place in the list, from 0; more than there are is the last one.
    pub fn move_to(&mut self, id: &str, to: usize) -> Result<(), AuthError> {
        let from = self.position(id).ok_or(AuthError::UnknownAccount)?;
        let account = self.list.remove(from);
        self.list.insert(to.min(self.list.len()), account);
        Ok(())
    }

    /// Takes an account out of the list, and returns its Client ID. Those that were of its developer account stay together.
    pub fn remove(&mut self, id: &str, now: Now) -> Result<String, AuthError> {
        let removed = self.list.remove(self.position(id).ok_or(AuthError::UnknownAccount)?).stored;
        self.on_app_removed(&removed.client_id, now);
        let mut heir = removed.same_developer_as;
        for other in self.list.iter_mut().map(|other| &mut other.stored) {
            if other.same_developer_as.as_deref() == Some(id) {
                other.same_developer_as = heir.clone().filter(|heir| *heir != other.id);
                heir.get_or_insert_with(|| other.id.clone());
            }
        }
        self.forget_other_users();
        Ok(removed.client_id)
    }

    /// Ends an account's sign-in; ID and secret stay.
    pub fn log_out(&mut self, id: &str, now: Now) -> Result<(), AuthError> {
        let next = self.new_sign_in();
        let account = self.get_mut(id).ok_or(AuthError::UnknownAccount)?;
        account.end_sign_in(next);
        // Newer than any sign-in in a store that could not be asked yet.
        account.stored.touch_sign_in(now.unix_ms);
        account.drop_passing_error();
        let app = account.stored.client_id.clone();
        self.rotation.on_logged_out(&app);
        self.forget_other_users();
        Ok(())
    }

    /// Drops the errors about other users' sign-ins where those have ended meanwhile.
    fn forget_other_users(&mut self) {
        let signed_in = self.list.iter().filter(|account| account.is_signed_in());
        let names: Vec<String> = signed_in.filter_map(|account| Some(account.stored.user.clone()?.name)).collect();
        for account in &mut self.list {
            if matches!(&account.last_error, Some(AuthError::OtherUser { expected, .. }) if !names.contains(expected)) {
                account.reset_error();
            }
        }
    }

    /// Prepares an account for a sign-in that starts. False if it is unknown.
    pub fn on_login_started(&mut self, id: &str) -> bool {
        self.get_mut(id).map(Account::drop_passing_error).is_some()
    }

    /// Records how a sign-in of an account ended.
    pub fn on_login_ended(&mut self, id: &str, error: Option<AuthError>) {
        if let Some(account) = self.get_mut(id) {
            account.last_error = error;
        }
    }

    /// What to say when ID or secret were refused at the end of a sign-in: one refusal may be a fault of Spotify's.
    pub fn on_login_refused(&mut self, id: &str, refusal: TokenError, now: Now) -> AuthError {
        let again = self.get_mut(id).is_none_or(|account| account.is_refused_again(now));
        if again { refusal.into() } else { AuthError::LoginDoubted }
    }

    /// Puts a new sign-in in place, to be stored before its access token is used.
    pub fn begin_sign_in(&mut self, id: &str, refresh: Option<Secret>, now: Now) -> Result<SignInId, AuthError> {
        let sign_in = self.new_sign_in();
        let account = self.get_mut(id).ok_or(AuthError::UnknownAccount)?;
        account.begin_sign_in(refresh, now.unix_ms / 1000, sign_in);
        let app = account.stored.client_id.clone();
        self.rotation.clear_issue(&app);
        Ok(sign_in)
    }

    /// Takes a sign-in back that has just been put in place. True if it was there.
    pub fn revert_sign_in(&mut self, sign_in: SignInId) -> bool {
        let next = self.new_sign_in();
        let account = self.list.iter_mut().find(|account| account.sign_in_id == sign_in);
        account.map(|account| account.revert_sign_in(next)).is_some()
    }

    /// Records whose sign-in this is. Returns whether that changes anything. If the other accounts are another user's, the
    /// sign-in is given up, and what was there before it returns: keys must not reach somebody else's music.
    pub fn set_user(&mut self, sign_in: SignInId, user: User) -> bool {
        let next = self.new_sign_in();
        let is_it = |account: &Account| account.sign_in_id == sign_in && account.is_signed_in();
        let mut others = self.list.iter().filter(|other| !is_it(other) && other.is_signed_in());
        let expected = others.find_map(|other| other.stored.user.clone());
        let Some(account) = self.list.iter_mut().find(|account| is_it(account)) else { return false };
        match (account.stored.user.clone(), expected.filter(|expected| !expected.is_same(&user))) {
            (Some(known), _) if known == user => return false,
            // Under the same sign-in it is the same person, whatever the ids are now: so are the others of that name.
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
        self.rotation.choose(now.unix_ms, route, &self.members(needs))
    }

    /// The id of the account at this place of the list.
    pub fn id_at(&self, index: usize) -> String {
        self.list[index].stored.id.clone()
    }

    /// A token that is there already, of the first account that may serve and has one.
    pub fn any_valid(&self, route: &Route, needs: Needs, now: Now) -> Option<AccessToken> {
        let members = self.members(needs);
        self.list.iter().enumerate().find_map(|(index, account)| {
            let is_shut = self.rotation.shut(now.unix_ms, route.clone(), &members, index).is_some();
            let token = account.valid(Needs::User, now.unix_ms, MARGIN_MS);
            token.filter(|_| members[index].usable && !is_shut)
        })
    }

    /// Fails if an account is unknown, or shut for a call.
    pub fn check_open(&self, id: &str, route: Route, now: Now) -> Result<(), AuthError> {
        let index = self.position(id).ok_or(AuthError::UnknownAccount)?;
        let shut = self.rotation.shut(now.unix_ms, route, &self.members(Needs::User), index);
        shut.map_or(Ok(()), |limit| Err(AuthError::Limited(limit)))
    }

    /// Counts a request that goes out with this token now. Of an account that has been removed nothing is remembered.
    pub fn on_sent(&mut self, token: &AccessToken, group: Group, now: Now) {
        if self.has_app(&token.app) {
            self.rotation.on_sent(now.unix_ms, &token.app, group);
            self.rotation_unsaved = true;
        }
    }

    /// Records the outcome of a call. A limit is the app's, whichever user is signed in; everything else belongs to the sign-in
    /// with which the call was made. Returns whether a limit is to be written down.
    pub fn on_outcome(&mut self, token: &AccessToken, route: Route, outcome: Outcome, now: Now) -> bool {
        let of_the_app = matches!(outcome, Outcome::Limited(..));
        let is_current = |account: &Account| {
            account.stored.client_id == token.app
                && (of_the_app || token.of == Needs::App || account.sign_in_id == token.sign_in)
        };
        if !self.list.iter().any(is_current) {
            return false;
        }
        if let Outcome::Limited(kind, retry_after) = outcome {
            let Route { group, endpoint, .. } = &route;
            tracing::warn!(account = %token.account, ?group, %endpoint, ?kind, ?retry_after, "Spotify limits the calls");
            self.rotation_unsaved = true;
        }
        self.rotation.on_outcome(now.unix_ms, &token.app, route, outcome);
        of_the_app
    }

    /// Records that the computer has slept, or that its clock was set back by `set_back_ms`. Waits after failures are over:
    /// what failed before means nothing now, and some computers' timers stand still during a sleep.
    pub fn on_wake(&mut self, set_back_ms: u64) {
        for account in &mut self.list {
            account.pause = None;
            for access in [&mut account.access, &mut account.app_access].into_iter().flatten() {
                access.expires_ms = access.expires_ms.saturating_sub(set_back_ms);
            }
        }
        self.rotation.set_back(set_back_ms);
    }

    /// How many requests the accounts have sent, in their order.
    pub fn counts(&self, now: Now) -> Vec<AccountCounts> {
        self.list.iter().map(|account| self.rotation.counts(now.unix_ms, &account.stored.client_id)).collect()
    }

    /// Switches to the next account by hand; a second time within 2 s takes it back.
    pub fn switch(&mut self, now: Now) -> Result<(), AuthError> {
        let members = members(&self.list, Needs::User);
        self.rotation.switch(now.unix_ms, &members).ok_or(AuthError::NoOtherAccount)?;
        self.rotation_unsaved = true;
        Ok(())
    }

    /// Lets an account serve first, by hand; None goes back to the list's order.
    pub fn put_first(&mut self, id: Option<&str>) -> Result<(), AuthError> {
        let index = id.map(|id| self.position(id).ok_or(AuthError::UnknownAccount)).transpose()?;
        let members = members(&self.list, Needs::User);
        self.rotation.put_first(index.map(|index| members[index].app), &members);
        self.rotation_unsaved = true;
        Ok(())
    }

    /// The accounts whose token is to be renewed although no call needs it now. While nothing may be sent none is: the call
    /// that may be sent again brings its own.
    pub fn due_for_renewal(&self, now: Now) -> Vec<String> {
        if matches!(self.choose(Group::Player, Needs::User, now), Choice::Wait(_)) {
            return Vec::new();
        }
        self.ids(|account| {
            let can = account.works() || (account.is_signed_in() && account.is_to_recheck(now));
            can && account.valid(Needs::User, now.unix_ms, AHEAD_MS).is_none()
        })
    }

    /// The accounts without a sign-in of which only the app's own token shows whether ID and secret are accepted again.
    pub fn due_for_recheck(&self, now: Now) -> Vec<String> {
        self.ids(|account| {
            !account.is_signed_in() && account.stored.client_secret.is_some() && account.is_to_recheck(now)
        })
    }

    fn ids(&self, wanted: impl Fn(&Account) -> bool) -> Vec<String> {
        self.list.iter().filter(|account| wanted(account)).map(|account| account.stored.id.clone()).collect()
    }

    /// The limits and counts, if there is something in them to write down. They count as written then.
    pub fn take_unsaved_rotation(&mut self, now: Now) -> Option<Rotation> {
        std::mem::take(&mut self.rotation_unsaved).then(|| {
            self.rotation.tidy(now.unix_ms);
            self.rotation.clone()
        })
    }

    /// Records that limits and counts could not be written down.
    pub fn on_rotation_not_saved(&mut self) {
        self.rotation_unsaved = true;
    }

    /// All accounts as they are to be stored.
    pub fn to_store(&self) -> Vec<StoredAccount> {
        self.list.iter().map(|account| account.stored.clone()).collect()
    }

    /// Gives each sign-in that differs from the stored one its time: newer than what it replaces, whatever is done to the
    /// computer's clock.
    pub fn stamp(&mut self, base: &[StoredAccount], now: Now) {
        for ours in self.list.iter_mut().map(|account| &mut account.stored) {
            let (changed, at_least) = match base.iter().find(|known| known.id == ours.id) {
                Some(known) => (
                    (&known.refresh_token, &known.signed_in_at) != (&ours.refresh_token, &ours.signed_in_at),
                    known.token_at.saturating_add(1),
                ),
                None => (ours.refresh_token.is_some() || ours.signed_in_at.is_some(), 1),
            };
            if changed && ours.token_at < at_least {
                ours.token_at = now.unix_ms.max(at_least);
            }
        }
    }

    /// Makes the list what the store has made of it.
    pub fn take_in(&mut self, stored: Vec<StoredAccount>, now: Now) {
        if stored == self.to_store() {
            return;
        }
        let mut before = std::mem::take(&mut self.list);
        let apps: Vec<String> = before.iter().map(|account| account.stored.client_id.clone()).collect();
        for one in stored.iter().cloned() {
            let sign_in_id = self.new_sign_in();
            let known = before.iter().position(|account| account.stored.id == one.id).or_else(|| {
                // Another copy has added the same app at the same time, and so has given it another id.
                before.iter().position(|account| {
                    account.stored.client_id == one.client_id
                        && stored.iter().all(|other| other.id != account.stored.id)
                })
            });
            self.list.push(match known {
                Some(index) => {
                    let mut account = before.swap_remove(index);
                    account.take_in(one, sign_in_id);
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

/// What came of [`Accounts::save`].
pub(in crate::auth) struct Saved {
    pub id: String,
    /// Whether a running sign-in of the account doesn't fit it any more.
    pub ends_login: bool,
    pub is_new: bool,
}

/// The accounts as the rotation sees them, in their order.
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

/// Whether an account may act for the user: a backup has to be known to be of the same one as those before it, or a press
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

/// For each account the first one that belongs to the same developer account according to the user.
fn developers(accounts: &[Account]) -> Vec<usize> {
    let position = |id: &String| accounts.iter().position(|account| account.stored.id == *id);
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
