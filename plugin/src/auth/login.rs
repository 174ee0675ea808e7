//! The second half of a sign-in: from the browser's return to the stored tokens, or to the end of its time.

use std::net::SocketAddr;
use std::sync::{Arc, Weak};
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::sync::watch;

use super::callback::{self, Callback, Door, Outcome};
use super::error::AuthError;
use super::oauth::TokenError;
use super::state::{Access, Account, State};
use super::tokens::trouble;
use super::view::Redirect;
use super::{Inner, LOGIN_PATIENCE};

/// How long the answer's page may take on its way to the browser before the listener is gone for good.
pub(super) const LAST_PAGE_PATIENCE: Duration = Duration::from_secs(2);

impl Inner {
    /// Finishes the running sign-in, if the callback belongs to it.
    pub(super) async fn finish_login(&self, callback: Callback) -> Result<(), AuthError> {
        let (serial, id, code, redirect_uri, verifier, client_id, client_secret) = {
            let mut state = self.lock();
            let login = state.login.as_mut().filter(|login| !login.used).ok_or(AuthError::NoLogin)?;
            if !callback.belongs_to(&login.part) {
                return Err(AuthError::WrongState);
            }
            let code = match callback.outcome {
                Some(Outcome::Code(code)) => code,
                Some(Outcome::Error(code)) => {
                    let problem = match code.as_str() {
                        "access_denied" => AuthError::Denied,
                        _ => AuthError::Refused(code),
                    };
                    let serial = login.serial;
                    self.end_login(&mut state, serial, Some(problem.clone()));
                    return Err(problem);
                }
                None => return Err(AuthError::NotACallback),
            };
            login.used = true;
            let (serial, id) = (login.serial, login.account.clone());
            let (redirect_uri, verifier) = (login.redirect_uri.clone(), login.verifier.clone());
            let stored = &state.account(&id).ok_or(AuthError::UnknownAccount)?.stored;
            let (client_id, client_secret) = (stored.client_id.clone(), stored.client_secret.clone());
            (serial, id, code, redirect_uri, verifier, client_id, client_secret)
        };
        let answer =
            self.service(&client_id, client_secret.as_ref()).exchange_code(&redirect_uri, &code, &verifier).await;
        let tokens = match answer {
            Ok(tokens) => tokens,
            Err(error) => {
                let mut state = self.lock();
                let problem = match error {
                    TokenError::InvalidGrant { .. } => AuthError::CodeRefused,
                    // The code may have been used up, and it is good for minutes only: nothing goes on by itself here.
                    TokenError::Offline | TokenError::Down(..) => AuthError::NotFinished,
                    refused @ (TokenError::InvalidClient | TokenError::InvalidSecret) => {
                        let again = state.account(&id).is_none_or(Account::is_refused_again);
                        if again { trouble(refused) } else { AuthError::LoginDoubted }
                    }
                    other => trouble(other),
                };
                self.end_login(&mut state, serial, Some(problem.clone()));
                return Err(problem);
            }
        };
        let sign_in_id = {
            let mut state = self.lock();
            let sign_in_id = state.new_sign_in();
            let Some(login) = state.login.as_mut().filter(|login| login.serial == serial) else {
                // Given up while Spotify was answering.
                return Err(AuthError::NoLogin);
            };
            login.became = Some(sign_in_id);
            let now = self.clock.unix_s();
            let account = state.account(&id).ok_or(AuthError::UnknownAccount)?;
            let before = account.sign_in().or(account.replaced.take());
            account.end_sign_in(sign_in_id);
            account.replaced = before;
            account.stored.refresh_token = tokens.refresh.clone();
            account.stored.signed_in_at = Some(now);
            account.backoff = None;
            account.on_accepted();
            let app = account.stored.client_id.clone();
            state.rotation.settle(&app);
            sign_in_id
        };
        self.persist().await;
        let mut state = self.lock();
        let serial_of_access = state.serial();
        let now = self.clock.unix_ms();
        // Storing it may have waited for the keyring's user, who may have logged the account out meanwhile, removed it, or
        // given it another app.
        let account = state.accounts.iter_mut().find(|account| account.sign_in_id == sign_in_id);
        let account = account.ok_or(AuthError::NoLogin)?;
        account.access = Some(Access::new(&tokens, now, serial_of_access));
        self.end_login(&mut state, serial, None);
        tracing::info!(account = %id, "Spotify is linked");
        Ok(())
    }

    /// Ends the sign-in of this number, if it is still the running one, and notes on the account how it went.
    pub(super) fn end_login(&self, state: &mut State, serial: u64, problem: Option<AuthError>) {
        if let Some(login) = state.login.take_if(|login| login.serial == serial) {
            if let Some(problem) = &problem {
                tracing::warn!(account = %login.account, %problem, "the sign-in failed");
            }
            if let Some(account) = state.account(&login.account) {
                account.problem = problem;
            }
            self.publish(state);
        }
    }

    pub(super) fn login_timed_out(&self, serial: u64) {
        let mut state = self.lock();
        let Some(login) = state.login.as_ref().filter(|login| login.serial == serial && !login.used) else {
            return;
        };
        let id = login.account.clone();
        let redirect = state.account(&id).map_or(Redirect::Loopback, |account| account.stored.redirect);
        self.end_login(&mut state, serial, Some(AuthError::TimedOut(redirect.registered())));
    }
}

struct Finisher(Weak<Inner>);

impl callback::Finish for Finisher {
    async fn finish(&self, callback: Callback) -> Result<(), AuthError> {
        let inner = self.0.upgrade().ok_or(AuthError::NoLogin)?;
        // The browser may hang up; the code must not be lost with it.
        let finishing = Arc::clone(&inner);
        inner.run("log-in", async move { finishing.finish_login(callback).await }).await
    }
}

/// Waits until the sign-in that holds the other end is over.
async fn over(mut listening: watch::Receiver<()>) {
    while listening.changed().await.is_ok() {}
}

/// Serves the callback address as long as its sign-in runs, and ends the sign-in when its time is over.
pub(super) async fn serve_login(
    inner: Weak<Inner>,
    serial: u64,
    listener: TcpListener,
    address: SocketAddr,
    listening: watch::Receiver<()>,
) {
    let language = inner.upgrade().and_then(|inner| inner.language);
    let router = callback::router(address, language, Finisher(Weak::clone(&inner)));
    // Whoever is still connected when this function ends is cut off with it.
    let (door, _guests) = Door::new(listener);
    let server = axum::serve(door, router).with_graceful_shutdown(over(listening.clone())).into_future();
    tokio::pin!(server);
    tokio::select! {
        _ = &mut server => return,
        () = over(listening) => {}
        () = tokio::time::sleep(LOGIN_PATIENCE) => {
            if let Some(inner) = inner.upgrade() {
                inner.login_timed_out(serial);
            }
        }
    }
    // A connection that says nothing doesn't keep the rest alive.
    let _ = tokio::time::timeout(LAST_PAGE_PATIENCE, server).await;
}
