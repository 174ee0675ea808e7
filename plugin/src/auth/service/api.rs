//! Requests of callers: changes of the accounts and of the store, and outcomes of calls.

use std::time::Duration;

use tokio::sync::oneshot;

use super::task::{Auth, Service};
use crate::auth::accounts::{
    AccessToken, AccountCounts, AccountId, AuthError, Credentials, Group, Limit, Outcome, Route, SaveAccount, SignInId,
    User,
};
use crate::unix_time::UnixTime;

impl Auth {
    /// Adds or changes an account, and returns its id. ID and secret are checked with Spotify first: what it refuses is not
    /// stored. If Spotify can't be asked now, the account is stored as unchecked. May take as long as a request.
    ///
    /// # Errors
    /// With an [`AuthError::field`] where one is to blame.
    pub async fn save(&self, account: SaveAccount) -> Result<AccountId, AuthError> {
        let account = account.checked()?;
        let id = account.id.clone().map_or_else(|| self.shared.new_id(), Ok)?;
        let typed = account.clone();
        let credentials = self.call(move |service, _| service.accounts.credentials_to_check(&typed)).await??;
        let error = match self.check(credentials.clone()).await {
            Ok(()) => None,
            Err(refused @ (AuthError::ClientIdRefused | AuthError::ClientSecretRefused)) => return Err(refused),
            Err(_) => Some(AuthError::Unchecked),
        };
        self.change(move |service, now| {
            let ends_login = service.accounts.save(&account, &id, credentials, error, now)?;
            service.login.take_if(|login| ends_login && login.account == id);
            if account.id.is_none() {
                service.store.on_account_added();
            }
            Ok(id)
        })
        .await
    }

    /// Checks an ID and a secret with Spotify. Without a secret there is nothing to check.
    async fn check(&self, credentials: Credentials) -> Result<(), AuthError> {
        if credentials.client_secret.is_none() {
            return Ok(());
        }
        self.shared.accounts_service(credentials).client_credentials().await.map(drop).map_err(AuthError::from)
    }

    /// Moves an account to another place in the list, from 0; a place beyond the end is the last one.
    ///
    /// # Errors
    /// If the account is unknown.
    pub async fn move_account(&self, id: &AccountId, to: usize) -> Result<(), AuthError> {
        let id = id.clone();
        self.change(move |service, _| service.accounts.move_to(&id, to)).await
    }

    /// Ends an account's sign-in here; ID and secret stay.
    ///
    /// # Errors
    /// If the account is unknown.
    pub async fn logout(&self, id: &AccountId) -> Result<(), AuthError> {
        let id = id.clone();
        self.change(move |service, now| {
            service.accounts.log_out(&id, now)?;
            service.login.take_if(|login| login.account == id);
            Ok(())
        })
        .await?;
        self.discard_damaged().await;
        Ok(())
    }

    /// Removes an account with its secrets, its limits and its counts.
    ///
    /// # Errors
    /// If the account is unknown.
    pub async fn remove(&self, id: &AccountId) -> Result<(), AuthError> {
        let id = id.clone();
        self.change(move |service, now| {
            let client_id = service.accounts.remove(&id, now)?;
            service.store.on_account_removed(client_id);
            Ok(())
        })
        .await?;
        self.save_limits().await;
        self.discard_damaged().await;
        Ok(())
    }

    async fn discard_damaged(&self) {
        if let Ok(discarded) = self.call(|service, _| service.store.discard_damaged()).await {
            discarded.await;
        }
    }

    /// Records the user of a sign-in, as Spotify has answered. An answer about a sign-in that has been replaced or ended
    /// meanwhile changes nothing. If the other accounts are another user's, the sign-in is reverted to the one before it:
    /// keys must not reach somebody else's music.
    pub async fn set_user(&self, sign_in: SignInId, user: User) {
        let set =
            move |service: &mut Service, now| service.accounts.set_user(sign_in, user).then(|| service.store.save(now));
        if let Ok(Some(saved)) = self.call(set).await {
            let _ = saved.await;
        }
    }

    /// Moves the secrets into the private file: the user's explicit choice where no keyring answers.
    ///
    /// # Errors
    /// [`AuthError::FileNotNeeded`] where it isn't offered, [`AuthError::FileFailed`] if it can't be written.
    pub async fn use_private_file(&self) -> Result<(), AuthError> {
        let (reply, written) = oneshot::channel();
        self.call(move |service, now| {
            if let Some(job) = service.store.use_file(&mut service.accounts, reply, now) {
                service.run_job(job);
            }
        })
        .await?;
        written.await.unwrap_or(Err(AuthError::Restarting))?;
        // Again, for changes while the file was being written.
        self.change(|_, _| Ok(())).await
    }

    /// Looks for the keyring again, and tries a failed write again, as the user knows that it is available now. It may ask the
    /// user to unlock it. Waits up to 10 s; the outcome, then or later, is in [`AuthState::store`](super::AuthState::store).
    pub async fn retry_store(&self) {
        if let Ok(retried) = self.call(|service, now| service.store.retry(now)).await {
            let _ = retried.await;
        }
    }

    /// Counts a request that is sent with this token now, unless its account has been removed.
    pub async fn record_sent(&self, token: &AccessToken, group: Group) {
        let token = token.clone();
        let _ = self.call(move |service, now| service.accounts.on_sent(&token, group, now)).await;
    }

    /// Records the outcome of a call, so that the next one goes to the right account, or isn't sent. A limit is the app's, for
    /// every user; everything else belongs to the sign-in with which the call was made.
    pub async fn record_outcome(&self, token: &AccessToken, route: impl Into<Route>, outcome: Outcome) {
        let (token, route) = (token.clone(), route.into());
        let record = move |service: &mut Service, now| {
            if service.accounts.on_outcome(&token, route, outcome, now) {
                service.save_limits(now);
            }
        };
        let _ = self.call(record).await;
    }

    /// Records that the computer has slept, or that its clock was set: back by `set_back`, or zero. Waits after failures end,
    /// as what failed before says nothing about now, and the timers of some computers stand still during a sleep.
    pub async fn on_wake(&self, set_back: Duration) {
        let _ = self.call(move |service, _| service.accounts.on_wake(set_back)).await;
    }

    /// Returns how many requests the accounts have sent, in their order.
    pub async fn counts(&self) -> Vec<AccountCounts> {
        self.call(|service, now| service.accounts.counts(now)).await.unwrap_or_default()
    }

    /// Switches to the next account on the user's request; a second time within 2 s switches back.
    ///
    /// # Errors
    /// [`AuthError::NoOtherAccount`] if there is none that can serve.
    pub async fn switch_account(&self) -> Result<(), AuthError> {
        self.call(|service, now| service.accounts.switch(now)).await?
    }

    /// Lets an account serve first, as the user has chosen; None returns to the list's order.
    ///
    /// # Errors
    /// If the account is unknown.
    pub async fn prefer_account(&self, id: Option<&AccountId>) -> Result<(), AuthError> {
        let id = id.cloned();
        self.call(move |service, _| service.accounts.prefer(id.as_ref())).await?
    }

    /// Returns how long a limit lasts from now.
    #[must_use]
    pub fn remaining(&self, limit: &Limit) -> Duration {
        limit.until.saturating_duration_since(UnixTime::now(&*self.shared.clock))
    }
}
