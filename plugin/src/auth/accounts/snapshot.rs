//! What is shown of the accounts at one moment.

use super::account::Account;
use super::error::AuthError;
use super::list::Accounts;
use super::now::Now;
use super::rotation::{Choice, Group, Limit, Member};
use super::token::Needs;
use super::view::{AccountState, AccountView, Link};

/// From when on the end of a sign-in is announced.
const ENDS_SOON_MS: u64 = 30 * 24 * 3_600_000;

/// What is shown of all accounts at one moment.
pub(in crate::auth) struct AccountsView {
    pub accounts: Vec<AccountView>,
    /// Until when no account may send anything to the player.
    pub limit: Option<Limit>,
    /// As [`AuthState::strained_until_ms`](crate::auth::AuthState::strained_until_ms).
    pub strained_until_ms: Option<u64>,
}

impl Accounts {
    /// What is shown. `linking` is the id of the account whose sign-in is running.
    pub fn view(&self, linking: Option<&str>, now: Now) -> AccountsView {
        let members = self.members(Needs::User);
        let (active, limit) = match self.rotation.choose(now.unix_ms, Group::Player, &members) {
            Choice::Serve { index, .. } => (Some(index), None),
            Choice::Wait(limit) => (None, Some(limit)),
            Choice::NoneUsable => (None, None),
        };
        let first_user =
            self.list.iter().filter(|account| account.is_signed_in()).find_map(|one| one.stored.user.as_ref());
        let views = self.list.iter().enumerate().map(|(index, account)| AccountView {
            active: active == Some(index),
            last_error: account.last_error.clone().or_else(|| account.other_user_than(first_user?)),
            ..self.view_of(account, &members, index, linking, now)
        });
        let serving = active.map(|index| members[index].app);
        AccountsView {
            accounts: views.collect(),
            limit,
            strained_until_ms: serving.and_then(|app| self.rotation.strained_until(now.unix_ms, app)),
        }
    }

    fn view_of(
        &self,
        account: &Account,
        members: &[Member<'_>],
        index: usize,
        linking: Option<&str>,
        now: Now,
    ) -> AccountView {
        let app = account.stored.client_id.as_str();
        let ends_ms = account.ends_ms();
        // A limit of one that couldn't serve anyway is nothing to wait for.
        let usable = account.is_signed_in();
        AccountView {
            id: account.stored.id.clone(),
            client_id: app.to_owned(),
            has_secret: account.stored.client_secret.is_some(),
            redirect: account.stored.redirect,
            state: if linking == Some(account.stored.id.as_str()) { AccountState::Linking } else { account.state() },
            sign_in: account.is_signed_in().then_some(account.sign_in_id),
            user: account.stored.user.clone(),
            last_error: None,
            active: false,
            by_hand: self.rotation.by_hand() == Some(app),
            same_developer_as: account.stored.same_developer_as.clone(),
            limits: if usable { self.rotation.limits(now.unix_ms, members, index) } else { Vec::new() },
            call_limits: if usable { self.rotation.call_limits(now.unix_ms, app) } else { Vec::new() },
            issue: self.rotation.issue(app),
            sign_in_ends_ms: ends_ms,
            sign_in_ends_soon: ends_ms.is_some_and(|ends| ends <= now.unix_ms.saturating_add(ENDS_SOON_MS)),
        }
    }

    /// All accounts in one word. `other` counts where no account can serve: that a sign-in is running, or that the store is
    /// still being read.
    pub fn link(&self, other: Option<Link>) -> Link {
        if self.members(Needs::User).iter().any(|member| member.usable) {
            Link::Linked
        } else if let Some(other) = other {
            other
        } else if self.list.iter().any(Account::is_ended) {
            Link::SignInAgain
        } else if self.list.iter().any(Account::is_refused) {
            Link::InvalidCredentials
        } else {
            Link::NotLinked
        }
    }

    /// Why there is no token, when no account is usable and the link is this.
    pub fn why_none(&self, link: Link) -> AuthError {
        match link {
            Link::Loading => AuthError::Loading,
            Link::KeyringWaiting => AuthError::KeyringWaiting,
            Link::SignInAgain => AuthError::SignInAgain,
            Link::InvalidCredentials => {
                let refused = self.list.iter().find(|account| account.is_refused());
                refused.and_then(|account| account.last_error.clone()).unwrap_or(AuthError::ClientIdRefused)
            }
            Link::NotLinked | Link::Linking | Link::Linked => AuthError::NotLinked,
        }
    }

    /// When the view changes next by the passing of time, in Unix milliseconds.
    pub fn next_change_ms(&self, now: Now) -> Option<u64> {
        match self.choose(Group::Player, Needs::User, now) {
            Choice::Serve { until_ms, .. } => until_ms,
            Choice::Wait(Limit { until_ms, .. }) => Some(until_ms),
            Choice::NoneUsable => None,
        }
    }
}
