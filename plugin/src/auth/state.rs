//! The state behind the handle: plain data under one lock, and the questions about it that need nothing else.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::Instant;
use url::Url;

use super::care::Sought;
use super::error::AuthError;
use super::oauth;
use super::rotation::{Choice, Group, Limit, Member, Rotation, Route};
use super::secret::Secret;
use super::store::{MOST_ACCOUNTS, StoredAccount, Vault};
use super::view::{AccountState, AccountView, AuthState, Link, SignInId, StoreIssue, StoreView, User};
use super::{AccessToken, MARGIN_MS};

/// How long Spotify lets a sign-in live: six months, which are 181 days at the least.
const SIGN_IN_LIFE_MS: u64 = 181 * DAY_MS;
/// From when on its end is announced.
const ENDS_SOON_MS: u64 = 30 * DAY_MS;
const DAY_MS: u64 = 24 * 3_600_000;
/// A refusal of ID, secret or sign-in counts when it comes again after this time. Incidents at Spotify last minutes.
pub(super) const CONFIRM_AFTER: Duration = Duration::from_secs(120);
/// A refusal that comes again after a longer time than this is a first one.
const DOUBT_LIFE: Duration = Duration::from_secs(3_600);

pub(super) struct State {
    pub(super) vault: Vault,
    pub(super) store: StoreView,
    /// The keyring, where it should hold the secrets but doesn't.
    pub(super) sought: Option<Sought>,
    pub(super) loading: Loading,
    /// When the store was last found wanting, so that what is in memory has to be written again.
    pub(super) unsaved: Option<Instant>,
    pub(super) accounts: Vec<Account>,
    /// Client IDs of accounts that were removed while the store that should hold them could not be asked; at most
    /// [`MOST_ACCOUNTS`].
    pub(super) removed: Vec<String>,
    pub(super) login: Option<Login>,
    pub(super) rotation: Rotation,
    /// Whether `rotation` holds something that should outlive us and isn't written down.
    pub(super) rotation_unsaved: bool,
    /// Makes the numbers that tell tokens and sign-ins apart.
    pub(super) serials: u64,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Loading {
    Running,
    Late,
    Done,
}

pub(super) struct Account {
    pub(super) stored: StoredAccount,
    /// Tells the present sign-in from others of this account.
    pub(super) sign_in_id: SignInId,
    /// The sign-in that the present one has replaced, until it is known that it is the right user's.
    pub(super) replaced: Option<SignIn>,
    pub(super) access: Option<Access>,
    /// A token without a user, by the app's own ID and secret.
    pub(super) app_access: Option<Access>,
    pub(super) problem: Option<AuthError>,
    pub(super) backoff: Option<Backoff>,
    /// When Spotify has refused the ID, the secret or the sign-in for the first time, unless it has accepted them since:
    /// one refusal may be a fault of its own.
    pub(super) doubted_since: Option<Instant>,
    /// Held by the one task that refreshes.
    pub(super) refreshing: Arc<tokio::sync::Mutex<()>>,
}

/// What a sign-in leaves in the store.
pub(super) struct SignIn {
    pub(super) refresh_token: Secret,
    pub(super) user: Option<User>,
    pub(super) signed_in_at: Option<u64>,
}

/// What a call needs from its token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Needs {
    /// The user's sign-in.
    User,
    /// Nothing but a Client ID and Secret: search and public facts.
    App,
}

pub(super) struct Access {
    pub(super) bearer: Secret,
    pub(super) expires_ms: u64,
    pub(super) serial: u64,
}

pub(super) struct Backoff {
    pub(super) failures: u32,
    pub(super) until: Instant,
}

pub(super) struct Login {
    pub(super) serial: u64,
    pub(super) account: String,
    pub(super) part: Secret,
    pub(super) verifier: Secret,
    /// As it was sent, with the port.
    pub(super) redirect_uri: Url,
    /// Its answer has come and is being exchanged for tokens.
    pub(super) used: bool,
    /// The sign-in that it has become, while that is being stored.
    pub(super) became: Option<SignInId>,
    /// Dropped with the sign-in; the listener ends then.
    pub(super) _listener: watch::Sender<()>,
}

impl Account {
    pub(super) fn new(stored: StoredAccount, sign_in_id: SignInId) -> Self {
        let mut account = Self {
            stored,
            sign_in_id,
            replaced: None,
            access: None,
            app_access: None,
            problem: None,
            backoff: None,
            doubted_since: None,
            refreshing: Arc::default(),
        };
        account.problem = account.standing_problem();
        account
    }

    /// True if Spotify has ended the sign-in: its date is there without its token, also after a restart.
    pub(super) fn ended(&self) -> bool {
        self.stored.signed_in_at.is_some() && !self.signed_in()
    }

    /// What is wrong until the user does something about it, as opposed to how the last try went.
    pub(super) fn standing_problem(&self) -> Option<AuthError> {
        if self.refused() {
            return self.problem.clone();
        }
        self.ended().then_some(AuthError::SignInAgain)
    }

    /// Takes in what the store holds now. An access token stays good when another copy has renewed the refresh token; it
    /// goes with the sign-in that it belongs to.
    pub(super) fn take_in(&mut self, stored: StoredAccount, next: SignInId) {
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
            // What was said about the old ones says nothing about these.
            self.problem = None;
            self.problem = self.standing_problem();
            self.backoff = None;
            self.doubted_since = None;
        }
    }

    /// Records that Spotify has refused the ID, the secret or the sign-in. Returns true if that is a second time, minutes
    /// after the first, so that the user has to do something.
    pub(super) fn is_refused_again(&mut self) -> bool {
        let since = *self.doubted_since.get_or_insert_with(Instant::now);
        if since.elapsed() > DOUBT_LIFE {
            self.doubted_since = Some(Instant::now());
            return false;
        }
        since.elapsed() >= CONFIRM_AFTER
    }

    /// Records that Spotify has accepted ID and secret.
    pub(super) fn on_accepted(&mut self) {
        let was_unchecked = self.problem == Some(AuthError::Unchecked);
        if self.doubted_since.take().is_none() && !self.refused() && !was_unchecked {
            return;
        }
        self.problem = None;
        self.problem = self.standing_problem();
        self.backoff = None;
    }

    /// What keeps it from being asked for tokens, if that is a refusal.
    pub(super) fn refusal(&self) -> Option<AuthError> {
        if self.refused() { self.problem.clone() } else { self.doubted_since.map(|_| AuthError::Doubted) }
    }

    pub(super) fn is_backed_off(&self) -> bool {
        self.backoff.as_ref().is_some_and(|backoff| Instant::now() < backoff.until)
    }

    /// Whether it is time to find out if a refusal was a fault of Spotify's.
    pub(super) fn is_to_recheck(&self) -> bool {
        self.doubted_since.is_some_and(|since| since.elapsed() >= CONFIRM_AFTER) && !self.is_backed_off()
    }

    pub(super) fn signed_in(&self) -> bool {
        self.stored.refresh_token.is_some() || self.access.is_some()
    }

    pub(super) fn refused(&self) -> bool {
        matches!(self.problem, Some(AuthError::ClientIdRefused | AuthError::ClientSecretRefused))
    }

    /// True if it can get tokens of its user.
    pub(super) fn works(&self) -> bool {
        self.signed_in() && !self.refused()
    }

    /// The user's own end of a sign-in: nothing of it stays. `next` is the id of what comes after it.
    pub(super) fn end_sign_in(&mut self, next: SignInId) {
        self.sign_in_id = next;
        self.drop_tokens();
        self.replaced = None;
        self.stored.user = None;
        self.stored.signed_in_at = None;
    }

    /// A sign-in that turned out to be somebody else's: the one that it has replaced comes back, if there was one.
    pub(super) fn sign_in_was_wrong(&mut self, next: SignInId) {
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

    /// The problem of an account that is known to be another user's, as when two copies of the package have added one each.
    fn other_user_than(&self, expected: &User) -> Option<AuthError> {
        let user = self.stored.user.as_ref().filter(|user| self.signed_in() && !user.is_same(expected))?;
        Some(AuthError::OtherUser { name: user.name.clone(), expected: expected.name.clone() })
    }

    /// The sign-in as it is stored, if there is one.
    pub(super) fn sign_in(&self) -> Option<SignIn> {
        let refresh_token = self.stored.refresh_token.clone()?;
        Some(SignIn { refresh_token, user: self.stored.user.clone(), signed_in_at: self.stored.signed_in_at })
    }

    /// Spotify's end of a sign-in: whose it was, and since when, is still known.
    pub(super) fn drop_tokens(&mut self) {
        self.stored.refresh_token = None;
        self.access = None;
        self.backoff = None;
        self.doubted_since = None;
    }

    /// The user's access token, if it is good for at least `margin_ms` more.
    pub(super) fn fresh(&self, now_ms: u64, margin_ms: u64) -> Option<AccessToken> {
        self.lend(self.access.as_ref(), Needs::User, now_ms, margin_ms)
    }

    /// The app's own token, as above.
    pub(super) fn fresh_app(&self, now_ms: u64, margin_ms: u64) -> Option<AccessToken> {
        self.lend(self.app_access.as_ref(), Needs::App, now_ms, margin_ms)
    }

    fn lend(&self, access: Option<&Access>, of: Needs, now_ms: u64, margin_ms: u64) -> Option<AccessToken> {
        let access = access.filter(|access| access.expires_ms > now_ms.saturating_add(margin_ms))?;
        Some(AccessToken {
            account: self.stored.id.clone(),
            app: self.stored.client_id.clone(),
            sign_in: self.sign_in_id,
            of,
            bearer: access.bearer.clone(),
            serial: access.serial,
        })
    }

    /// When Spotify will end the sign-in, in Unix milliseconds.
    fn ends_ms(&self) -> Option<u64> {
        let signed_in_at = self.stored.signed_in_at.filter(|_| self.signed_in())?;
        Some(signed_in_at.saturating_mul(1000).saturating_add(SIGN_IN_LIFE_MS))
    }

    fn view_state(&self, linking: Option<&str>) -> AccountState {
        if linking == Some(self.stored.id.as_str()) {
            AccountState::Linking
        } else if self.refused() {
            AccountState::InvalidCredentials
        } else if self.signed_in() {
            AccountState::Linked
        } else if self.ended() {
            AccountState::SignInAgain
        } else {
            AccountState::NeedsLogin
        }
    }
}

impl State {
    pub(super) fn serial(&mut self) -> u64 {
        self.serials += 1;
        self.serials
    }

    /// The id of a new sign-in.
    pub(super) fn new_sign_in(&mut self) -> SignInId {
        SignInId(self.serial())
    }

    /// All accounts as they are to be stored.
    pub(super) fn to_store(&self) -> Vec<StoredAccount> {
        self.accounts.iter().map(|account| account.stored.clone()).collect()
    }

    pub(super) fn account(&mut self, id: &str) -> Option<&mut Account> {
        self.accounts.iter_mut().find(|account| account.stored.id == id)
    }

    /// Drops what was said about other users' sign-ins where those have ended meanwhile.
    pub(super) fn forget_other_users(&mut self) {
        let signed_in = self.accounts.iter().filter(|account| account.signed_in());
        let names: Vec<String> = signed_in.filter_map(|account| Some(account.stored.user.clone()?.name)).collect();
        for account in &mut self.accounts {
            if matches!(&account.problem, Some(AuthError::OtherUser { expected, .. }) if !names.contains(expected)) {
                account.problem = None;
                account.problem = account.standing_problem();
            }
        }
    }

    /// Whether an account is of the app with this Client ID.
    pub(super) fn has_app(&self, client_id: &str) -> bool {
        self.accounts.iter().any(|account| account.stored.client_id == client_id)
    }

    /// The place of an account in the list.
    pub(super) fn place(&self, id: &str) -> Option<usize> {
        self.accounts.iter().position(|account| account.stored.id == id)
    }

    /// Takes an account out of the list. Those that were of its developer account stay together.
    pub(super) fn remove(&mut self, id: &str, now_ms: u64) -> Option<Account> {
        let account = self.accounts.remove(self.place(id)?);
        self.rotation.on_removed(now_ms, &account.stored.client_id);
        self.rotation_unsaved = true;
        if (self.loading != Loading::Done || self.sought.is_some()) && self.removed.len() < MOST_ACCOUNTS {
            self.removed.push(account.stored.client_id.clone());
        }
        let mut heir = account.stored.same_developer_as.clone();
        for other in self.accounts.iter_mut().filter(|other| other.stored.same_developer_as.as_deref() == Some(id)) {
            other.stored.same_developer_as = heir.clone().filter(|heir| *heir != other.stored.id);
            heir.get_or_insert_with(|| other.stored.id.clone());
        }
        Some(account)
    }

    pub(super) fn choose(&self, now_ms: u64, route: impl Into<Route>, needs: Needs) -> Choice {
        self.rotation.choose(now_ms, route, &members(&self.accounts, needs))
    }

    /// A token that is there already, of the first account that may serve and has one.
    pub(super) fn any_fresh(&self, now_ms: u64, route: &Route, needs: Needs) -> Option<AccessToken> {
        let members = members(&self.accounts, needs);
        self.accounts.iter().enumerate().find_map(|(index, account)| {
            let shut = !members[index].usable || self.rotation.shut(now_ms, route.clone(), &members, index).is_some();
            account.fresh(now_ms, MARGIN_MS).filter(|_| !shut)
        })
    }

    pub(super) fn link(&self) -> Link {
        let any = |wanted: fn(&Account) -> bool| self.accounts.iter().any(wanted);
        if members(&self.accounts, Needs::User).iter().any(|member| member.usable) {
            Link::Linked
        } else if self.login.is_some() {
            Link::Linking
        } else if self.loading == Loading::Running {
            Link::Loading
        } else if self.loading == Loading::Late {
            Link::KeyringWaiting
        } else if any(Account::ended) {
            Link::SignInAgain
        } else if any(Account::refused) {
            Link::InvalidCredentials
        } else {
            Link::NotLinked
        }
    }

    /// Why there is no token, when no account is usable.
    pub(super) fn why_none(&self) -> AuthError {
        match self.link() {
            Link::Loading => AuthError::Loading,
            Link::KeyringWaiting => AuthError::KeyringWaiting,
            Link::SignInAgain => AuthError::SignInAgain,
            Link::InvalidCredentials => self
                .accounts
                .iter()
                .find(|account| account.refused())
                .and_then(|account| account.problem.clone())
                .unwrap_or(AuthError::ClientIdRefused),
            Link::NotLinked | Link::Linking | Link::Linked => AuthError::NotLinked,
        }
    }

    pub(super) fn view(&self, now_ms: u64) -> AuthState {
        let members = members(&self.accounts, Needs::User);
        let (active, limit) = match self.rotation.choose(now_ms, Group::Player, &members) {
            Choice::Serve { index, .. } => (Some(index), None),
            Choice::Wait(limit) => (None, Some(limit)),
            Choice::Nobody => (None, None),
        };
        let linking = self.login.as_ref().map(|login| login.account.as_str());
        let first_user =
            self.accounts.iter().filter(|account| account.signed_in()).find_map(|one| one.stored.user.as_ref());
        let accounts = self.accounts.iter().enumerate().map(|(index, account)| {
            let app = account.stored.client_id.as_str();
            let ends_ms = account.ends_ms();
            // A limit of one that couldn't serve anyway is nothing to wait for.
            let usable = account.signed_in();
            AccountView {
                id: account.stored.id.clone(),
                client_id: app.to_owned(),
                has_secret: account.stored.client_secret.is_some(),
                redirect: account.stored.redirect,
                state: account.view_state(linking),
                sign_in: account.signed_in().then_some(account.sign_in_id),
                user: account.stored.user.clone(),
                problem: account.problem.clone().or_else(|| account.other_user_than(first_user?)),
                active: active == Some(index),
                by_hand: self.rotation.by_hand() == Some(app),
                same_developer_as: account.stored.same_developer_as.clone(),
                limits: if usable { self.rotation.limits(now_ms, &members, index) } else { Vec::new() },
                call_limits: if usable { self.rotation.call_limits(now_ms, app) } else { Vec::new() },
                trouble: self.rotation.trouble(app),
                sign_in_ends_ms: ends_ms,
                sign_in_ends_soon: ends_ms.is_some_and(|ends| ends <= now_ms.saturating_add(ENDS_SOON_MS)),
            }
        });
        let serving = active.map(|index| members[index].app);
        AuthState {
            link: self.link(),
            accounts: accounts.collect(),
            store: StoreView {
                issue: self.store.issue.or(self.vault.has_unread().then_some(StoreIssue::Unread)),
                ..self.store.clone()
            },
            limit,
            strained_until_ms: serving.and_then(|app| self.rotation.strained_until(now_ms, app)),
        }
    }

    /// When the view changes by itself next, by the passing of time.
    pub(super) fn next_change_ms(&self, now_ms: u64) -> Option<u64> {
        match self.choose(now_ms, Group::Player, Needs::User) {
            Choice::Serve { until_ms, .. } => until_ms,
            Choice::Wait(Limit { until_ms, .. }) => Some(until_ms),
            Choice::Nobody => None,
        }
    }
}

/// The accounts as the rotation sees them, in their order.
pub(super) fn members(accounts: &[Account], needs: Needs) -> Vec<Member<'_>> {
    let developers = developers(accounts);
    let members = accounts.iter().enumerate().map(|(index, account)| {
        let with_user = account.works() && same_user(accounts, index);
        let usable = match needs {
            Needs::User => with_user,
            Needs::App => with_user || (account.stored.client_secret.is_some() && !account.refused()),
        };
        let developer = &accounts[developers[index]].stored.id;
        Member { app: &account.stored.client_id, developer, usable }
    });
    members.collect()
}

/// Whether an account may act for the user: a backup has to be known to be of the same one as those before it, or a press
/// might reach somebody else's music.
fn same_user(accounts: &[Account], index: usize) -> bool {
    let mut signed_in = accounts.iter().enumerate().filter(|(_, account)| account.signed_in());
    match &accounts[index].stored.user {
        Some(user) => {
            signed_in.find_map(|(_, account)| account.stored.user.as_ref()).is_none_or(|first| first.is_same(user))
        }
        None => signed_in.next().is_none_or(|(first, _)| first == index),
    }
}

/// For each account the first one that, by the user's word, is of the same developer account.
fn developers(accounts: &[Account]) -> Vec<usize> {
    let place = |id: &String| accounts.iter().position(|account| account.stored.id == *id);
    let said: Vec<Option<usize>> =
        accounts.iter().map(|account| account.stored.same_developer_as.as_ref().and_then(place)).collect();
    let mut first: Vec<usize> = (0..accounts.len()).collect();
    // A round takes the news one step further, and there are fewer steps than accounts.
    for _ in 0..accounts.len() {
        for (one, other) in said.iter().enumerate().filter_map(|(one, other)| Some((one, (*other)?))) {
            let both = first[one].min(first[other]);
            (first[one], first[other]) = (both, both);
        }
    }
    first
}

impl Access {
    pub(super) fn new(tokens: &oauth::Tokens, now_ms: u64, serial: u64) -> Self {
        let life_ms = u64::try_from(tokens.life.as_millis()).unwrap_or(u64::MAX);
        Self { bearer: tokens.access.clone(), expires_ms: now_ms.saturating_add(life_ms), serial }
    }
}
