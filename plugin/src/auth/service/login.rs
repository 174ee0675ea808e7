//! A log-in: from the page to open, through the browser's callback, to the stored tokens or to its time-out.

use std::net::SocketAddr;
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::sync::{oneshot, watch};
use url::Url;

use super::callback::{self, Callback, ConnectionLimit, Outcome};
use super::pending::Login;
use super::task::{Auth, Service, WeakAuth};
use crate::auth::accounts::{
    AVERMEDIA_RELAY, AccountId, AuthError, Credentials, Now, Redirect, SignInId, TokenError, Tokens,
};
use crate::auth::secret::Secret;

/// How long a log-in may take in the browser.
pub(super) const LOGIN_PATIENCE: Duration = Duration::from_secs(300);
/// How long sending the result page to the browser may take before the listener is closed.
pub(super) const LAST_PAGE_PATIENCE: Duration = Duration::from_secs(2);

/// The parameters of the exchange of a code for tokens.
struct Exchange {
    serial: u64,
    account: AccountId,
    code: Secret,
    redirect_uri: Url,
    verifier: Secret,
    credentials: Credentials,
}

impl Auth {
    /// Starts a log-in and returns the page to open in the browser. One that is running is cancelled.
    ///
    /// # Errors
    /// If the account is unknown, or the computer provides no port or no random numbers.
    pub async fn login(&self, id: &AccountId) -> Result<Url, AuthError> {
        let (part, verifier) = (self.shared.unguessable()?, self.shared.unguessable()?);
        let id = id.clone();
        let account = id.clone();
        let prepare = move |service: &mut Service, _| {
            // The running one's listener may have the port that this one needs.
            service.login.take_if(|_| service.accounts.contains(&account));
            service.accounts.redirect(&account).ok_or(AuthError::UnknownAccount)
        };
        let redirect = self.call(prepare).await??;
        let port = match redirect {
            Redirect::Fixed(port) => Some(port),
            Redirect::Loopback | Redirect::Avermedia => None,
        };
        let (listener, address) = callback::listen(port).await.map_err(|error| {
            tracing::warn!(%error, "no port for the log-in");
            // Taken by another program, reserved by the system, or not allowed: another port helps in each case.
            port.map_or(AuthError::CannotListen, AuthError::PortTaken)
        })?;
        tracing::info!(account = %id, ?redirect, port = address.port(), "a log-in starts");
        let local = format!("http://{address}{}", callback::PATH);
        let (redirect_uri, sent_state) = match redirect {
            Redirect::Loopback | Redirect::Fixed(_) => (local, part.clone()),
            Redirect::Avermedia => (AVERMEDIA_RELAY.to_owned(), Secret::new(format!("{local}/{}", part.expose()))),
        };
        let redirect_uri = Url::parse(&redirect_uri).map_err(|_| AuthError::CannotListen)?;
        let (listener_end, listening) = watch::channel(());
        let start = move |service: &mut Service, _| {
            let credentials = service.accounts.credentials(&id).ok_or(AuthError::UnknownAccount)?;
            service.accounts.on_login_started(&id);
            let accounts_service = service.shared.accounts_service(credentials);
            let url = accounts_service.authorize_url(&redirect_uri, &sent_state, &verifier);
            service.logins += 1;
            let serial = service.logins;
            service.login = Some(Login {
                serial,
                account: id,
                part,
                verifier,
                redirect_uri,
                is_used: false,
                sign_in: None,
                _listener: listener_end,
            });
            let serving = serve(service.me.clone(), serial, listener, address, listening);
            service.shared.tasks.spawn_once("log-in", serving);
            Ok(url)
        };
        self.call(start).await?
    }

    /// Finishes the running log-in with a callback address that the user has copied from a browser.
    ///
    /// # Errors
    /// As on the browser's page; an address of another log-in doesn't end the running one.
    pub async fn finish_login(&self, url: &Secret) -> Result<(), AuthError> {
        let callback = Callback::from_pasted(url.expose()).ok_or(AuthError::NotACallback)?;
        self.on_callback(callback).await
    }

    /// Cancels the running log-in, if there is one. A sign-in that is being stored is reverted.
    pub async fn cancel_login(&self) {
        let cancel = |service: &mut Service, now| {
            let stored = service.login.take().and_then(|login| login.sign_in);
            if stored.is_some_and(|sign_in| service.accounts.revert_sign_in(sign_in)) {
                // The outcome is in the published state.
                drop(service.store.save(now));
            }
        };
        let _ = self.call(cancel).await;
    }

    /// Finishes the running log-in, if the callback belongs to it. It runs in a task of its own, which continues if the browser
    /// disconnects: the code must not be lost.
    async fn on_callback(&self, callback: Callback) -> Result<(), AuthError> {
        let auth = self.clone();
        let (reply, answer) = oneshot::channel();
        self.shared.tasks.spawn_once("log-in", async move { drop(reply.send(auth.exchange(callback).await)) });
        answer.await.unwrap_or(Err(AuthError::Restarting))
    }

    async fn exchange(&self, callback: Callback) -> Result<(), AuthError> {
        let exchange = self.call(move |service, _| service.take_code(callback)).await??;
        let Exchange { serial, account, code, redirect_uri, verifier, credentials } = exchange;
        let answer = self.shared.accounts_service(credentials).exchange_code(&redirect_uri, &code, &verifier).await;
        let tokens = match answer {
            Ok(tokens) => tokens,
            Err(error) => {
                let refuse = move |service: &mut Service, now| service.on_code_refused(serial, &account, error, now);
                return Err(self.call(refuse).await?);
            }
        };
        let refresh = tokens.refresh.clone();
        let begin = move |service: &mut Service, now| service.begin_sign_in(serial, refresh, now);
        let sign_in = self.change(begin).await?;
        self.call(move |service, now| service.complete_sign_in(serial, sign_in, &tokens, now)).await?
    }
}

impl Service {
    /// Takes the code from a callback for the running log-in.
    fn take_code(&mut self, callback: Callback) -> Result<Exchange, AuthError> {
        let login = self.login.as_mut().filter(|login| !login.is_used).ok_or(AuthError::NoLogin)?;
        if !callback.belongs_to(&login.part) {
            return Err(AuthError::WrongState);
        }
        let serial = login.serial;
        let code = match callback.outcome {
            Some(Outcome::Code(code)) => code,
            Some(Outcome::Error(code)) => {
                let error = if code == "access_denied" { AuthError::Denied } else { AuthError::Refused(code) };
                self.end_login(serial, Some(error.clone()));
                return Err(error);
            }
            None => return Err(AuthError::NotACallback),
        };
        login.is_used = true;
        let account = login.account.clone();
        let (redirect_uri, verifier) = (login.redirect_uri.clone(), login.verifier.clone());
        let credentials = self.accounts.credentials(&account).ok_or(AuthError::UnknownAccount)?;
        Ok(Exchange { serial, account, code, redirect_uri, verifier, credentials })
    }

    fn on_code_refused(&mut self, serial: u64, account: &AccountId, error: TokenError, now: Now) -> AuthError {
        let error = match error {
            TokenError::InvalidGrant { .. } => AuthError::CodeRefused,
            // The code may be used up, and is valid for minutes only: there is no retry.
            TokenError::Offline | TokenError::Down(..) | TokenError::Intercepted => AuthError::NotFinished,
            refusal @ (TokenError::InvalidClient | TokenError::InvalidSecret) => {
                self.accounts.on_login_refused(account, refusal, now)
            }
            other @ TokenError::Refused(_) => other.into(),
        };
        self.end_login(serial, Some(error.clone()));
        error
    }

    /// Puts the new sign-in in place, unless the log-in was cancelled while Spotify was answering.
    fn begin_sign_in(&mut self, serial: u64, refresh: Option<Secret>, now: Now) -> Result<SignInId, AuthError> {
        let login = self.login.as_mut().filter(|login| login.serial == serial).ok_or(AuthError::NoLogin)?;
        let sign_in = self.accounts.begin_sign_in(&login.account, refresh, now)?;
        login.sign_in = Some(sign_in);
        Ok(sign_in)
    }

    /// Completes the sign-in once it is stored. Storing it may have waited for the keyring's user, who may have logged the
    /// account out meanwhile, removed it, or given it another app.
    fn complete_sign_in(&mut self, serial: u64, sign_in: SignInId, tokens: &Tokens, now: Now) -> Result<(), AuthError> {
        if !self.accounts.complete_sign_in(sign_in, tokens, now) {
            return Err(AuthError::NoLogin);
        }
        tracing::info!(account = self.login.as_ref().map(|login| login.account.as_str()), "Spotify is linked");
        self.end_login(serial, None);
        Ok(())
    }

    /// Ends the log-in with this number, if it is still running, and records its outcome on the account.
    fn end_login(&mut self, serial: u64, error: Option<AuthError>) {
        if let Some(login) = self.login.take_if(|login| login.serial == serial) {
            if let Some(error) = &error {
                tracing::warn!(account = %login.account, %error, "the log-in failed");
            }
            self.accounts.on_login_ended(&login.account, error);
        }
    }

    fn on_login_timed_out(&mut self, serial: u64) {
        let running = self.login.as_ref().filter(|login| login.serial == serial && !login.is_used);
        let Some(account) = running.map(|login| &login.account) else { return };
        let redirect = self.accounts.redirect(account).unwrap_or_default();
        self.end_login(serial, Some(AuthError::TimedOut(redirect.registered())));
    }
}

impl callback::Finish for WeakAuth {
    async fn finish(&self, callback: Callback) -> Result<(), AuthError> {
        self.upgrade().ok_or(AuthError::NoLogin)?.on_callback(callback).await
    }
}

/// Waits until the log-in that holds the other end is over.
async fn log_in_ended(mut listening: watch::Receiver<()>) {
    while listening.changed().await.is_ok() {}
}

/// Serves the callback address as long as its log-in is running, and ends the log-in when it times out.
async fn serve(
    service: WeakAuth,
    serial: u64,
    listener: TcpListener,
    address: SocketAddr,
    listening: watch::Receiver<()>,
) {
    let router = callback::router(address, service.shared.language, service.clone());
    // Connections that are still open when this function returns are closed.
    let (listener, _connections) = ConnectionLimit::new(listener);
    let server = axum::serve(listener, router).with_graceful_shutdown(log_in_ended(listening.clone())).into_future();
    tokio::pin!(server);
    tokio::select! {
        _ = &mut server => return,
        () = log_in_ended(listening) => {}
        () = tokio::time::sleep(LOGIN_PATIENCE) => {
            if let Some(auth) = service.upgrade() {
                let _ = auth.call(move |service, _| service.on_login_timed_out(serial)).await;
            }
        }
    }
    // A connection that sends nothing must not keep the server running.
    let _ = tokio::time::timeout(LAST_PAGE_PATIENCE, server).await;
}
