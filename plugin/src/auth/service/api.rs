//! What callers ask for: changes of the accounts, of the store, and of what is known of calls.

use std::time::Duration;

use tokio::sync::oneshot;

use super::task::{Auth, Service};
use crate::auth::accounts::{
    AccessToken, AccountCounts, AuthError, Credentials, Group, Limit, Outcome, Route, SaveAccount, SignInId, User,
};

impl Auth {
    /// Adds or changes an account, and returns its id. ID and secret are tried out first: what Spotify refuses is not
    /// stored. If Spotify can't be asked now, it is stored with a note of that. May take as long as a request.
    ///
    /// # Errors
    /// With a [`AuthError::field`] where one is to blame.
    pub async fn save(&self, account: SaveAccount) -> Result<String, AuthError> {
        let account = account.checked()?;
        let new_id = if account.id.is_none() { self.shared.new_id()? } else { String::new() };
        let typed = account.clone();
        let credentials = self.call(move |service, _| service.accounts.to_try(&typed)).await??;
        let error = match self.try_out(credentials.clone()).await {
            Ok(()) => None,
            Err(refused @ (AuthError::ClientIdRefused | AuthError::ClientSecretRefused)) => return Err(refused),
            Err(_) => Some(AuthError::Unchecked),
        };
        self.change(move |service, now| {
            let saved = service.accounts.save(account, credentials, error, new_id, now)?;
            service.login.take_if(|login| saved.ends_login && login.account == saved.id);
            if saved.is_new {
                service.store.on_account_added();
            }
            Ok(saved.id)
        })
        .await
    }

    /// Tries an ID and a secret out. Without a secret there is nothing to try.
    async fn try_out(&self, credentials: Credentials) -> Result<(), AuthError> {
        if credentials.client_secret.is_none() {
            return Ok(());
        }
        self.shared.accounts_service(credentials).client_credentials().await.map(drop).map_err(AuthError::from)
    }

    /// Gives an account another place in the list, from 0; more than there are is the last one.
    ///
    /// # Errors
    /// If the account is unknown.
    pub async fn move_account(&self, id: &str, to: usize) -> Result<(), AuthError> {
        let id = id.to_owned();
        self.change(move |service, _| service.accounts.move_to(&id, to)).await
    }

    /// Ends an account's sign-in here; ID and secret stay.
    ///
    /// # Errors
    /// If the account is unknown.
    pub async fn logout(&self, id: &str) -> Result<(), AuthError> {
        let id = id.to_owned();
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
    pub async fn remove(&self, id: &str) -> Result<(), AuthError> {
        let id = id.to_owned();
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

    /// Records whose sign-in this is, as Spotify has answered. An answer about a sign-in that has been replaced or ended
    /// meanwhile changes nothing. If the other accounts are another user's, the sign-in is given up, and what was there
    /// before it returns: keys must not reach somebody else's music.
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
        // Again, for what changed while the file was being written.
        self.change(|_, _| Ok(())).await
    }

    /// Looks for the keyring again, and tries the last write again: for the user who knows that it is there now. It may ask
    /// the user to unlock it. Waits up to 10 s; the outcome, then or later, is in [`AuthState::store`](super::AuthState::store).
    pub async fn retry_store(&self) {
        if let Ok(retried) = self.call(|service, now| service.store.retry(now)).await {
            let _ = retried.await;
        }
    }

    /// Counts a request that goes out with this token now. Of an account that has been removed nothing is remembered.
    pub async fn record_sent(&self, token: &AccessToken, group: Group) {
        let token = token.clone();
        let _ = self.call(move |service, now| service.accounts.on_sent(&token, group, now)).await;
    }

    /// Records the outcome of a call, so that the next one goes to the right account, or nowhere. A limit is the app's,
    /// whichever user is signed in; everything else belongs to the sign-in with which the call was made.
    pub async fn record_outcome(&self, token: &AccessToken, route: impl Into<Route>, outcome: Outcome) {
        let (token, route) = (token.clone(), route.into());
        let record = move |service: &mut Service, now| {
            if service.accounts.on_outcome(&token, route, outcome, now) {
                service.save_limits(now);
            }
        };
        let _ = self.call(record).await;
    }

    /// Records that the computer has slept, or that its clock was set. Waits after failures are over: what failed then means
    /// nothing now, and some computers' timers stand still during a sleep. By `set_back_ms` milliseconds, 0 if it
    /// wasn't set back, the ends of limits and tokens come sooner.
    pub async fn on_wake(&self, set_back_ms: u64) {
        let _ = self.call(move |service, _| service.accounts.on_wake(set_back_ms)).await;
    }

    /// How many requests the accounts have sent, in their order.
    pub async fn counts(&self) -> Vec<AccountCounts> {
        self.call(|service, now| service.accounts.counts(now)).await.unwrap_or_default()
    }

    /// Switches to the next account by hand; a second time within 2 s takes it back.
    ///
    /// # Errors
    /// [`AuthError::NoOtherAccount`] if there is none that could serve.
    pub async fn switch_account(&self) -> Result<(), AuthError> {
        self.call(|service, now| service.accounts.switch(now)).await?
    }

    /// Lets an account serve first, by hand; None goes back to the list's order.
    ///
    /// # Errors
    /// If the account is unknown.
    pub async fn use_account(&self, id: Option<&str>) -> Result<(), AuthError> {
        let id = id.map(str::to_owned);
        self.call(move |service, _| service.accounts.put_first(id.as_deref())).await?
    }

    /// How long a limit lasts from now.
    #[must_use]
    pub fn remaining(&self, limit: &Limit) -> Duration {
        Duration::from_millis(limit.until_ms.saturating_sub(self.shared.clock.unix_ms()))
    }
}
