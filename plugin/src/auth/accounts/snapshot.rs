//! What is shown of the accounts at one moment.

use std::time::Duration;

use super::account::Account;
use super::dates::Now;
use super::error::AuthError;
use super::ids::AccountId;
use super::list::Accounts;
use super::rotation::{Choice, Group, Limit};
use super::token::Needs;
use super::view::{AccountState, AccountView, Link};
use crate::unix_time::UnixTime;

/// The end of a sign-in is announced this long before.
const ENDS_SOON: Duration = Duration::from_secs(30 * 24 * 3_600);

/// What is shown of all accounts at one moment.
pub(in crate::auth) struct AccountsView {
    pub accounts: Vec<AccountView>,
    /// The limit while no account may send anything to the player.
    pub limit: Option<Limit>,
    /// As [`AuthState::strained_until`](crate::auth::AuthState::strained_until).
    pub strained_until: Option<UnixTime>,
}

impl Accounts {
    /// Returns what is shown. `linking` is the account whose log-in is running.
    pub fn view(&self, linking: Option<&AccountId>, now: Now) -> AccountsView {
        let members = self.members(Needs::User);
        let (active, limit) = match self.rotation.choose(now.date, Group::Player, &members) {
            Choice::Serve { index, .. } => (Some(index), None),
            Choice::Wait(limit) => (None, Some(limit)),
            Choice::NoneUsable => (None, None),
        };
        let mut signed_in = self.list.iter().filter(|account| account.is_signed_in());
        let first_user = signed_in.find_map(|account| account.stored.user.as_ref());
        let views = self.list.iter().enumerate().map(|(index, account)| {
            let stored = &account.stored;
            let app = &stored.client_id;
            let sign_in_ends = account.sign_in_end();
            // A limit of an account that couldn't serve anyway isn't shown.
            let has_limits = account.is_signed_in();
            AccountView {
                id: stored.id.clone(),
                client_id: app.clone(),
                has_secret: stored.client_secret.is_some(),
                redirect: stored.redirect,
                state: if linking == Some(&stored.id) { AccountState::Linking } else { account.state() },
                sign_in: account.is_signed_in().then_some(account.sign_in_id),
                user: stored.user.clone(),
                last_error: account.last_error.clone().or_else(|| account.other_user_than(first_user?)),
                active: active == Some(index),
                is_preferred: self.rotation.preferred() == Some(app),
                same_developer_as: stored.same_developer_as.clone(),
                limits: if has_limits { self.rotation.limits(now.date, &members, index) } else { Vec::new() },
                call_limits: if has_limits { self.rotation.call_limits(now.date, app) } else { Vec::new() },
                issue: self.rotation.issue(app),
                sign_in_ends,
                sign_in_ends_soon: sign_in_ends.is_some_and(|end| end <= now.date + ENDS_SOON),
            }
        });
        let serving = active.map(|index| members[index].app);
        AccountsView {
            accounts: views.collect(),
            limit,
            strained_until: serving.and_then(|app| self.rotation.strained_until(now.date, app)),
        }
    }

    /// Returns the state of all accounts together. `other` counts where no account can serve: that a log-in is running, or
    /// that the store is still being read.
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

    /// Returns why there is no token, when no account is usable and the link is this.
    pub fn unavailable_error(&self, link: Link) -> AuthError {
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

    /// Returns when the view changes next although nothing is recorded.
    pub fn next_change(&self, now: Now) -> Option<UnixTime> {
        match self.choose(Group::Player, Needs::User, now) {
            Choice::Serve { until, .. } => until,
            Choice::Wait(Limit { until, .. }) => Some(until),
            Choice::NoneUsable => None,
        }
    }
}
