//! Tests of the service through its handle, against the simulated accounts service over real HTTP.

use std::path::Path;
use std::sync::Arc;

use spotify_sim::{DEMO_CLIENT_SECRET, Fault};

use super::callback;
use super::login::LOGIN_PATIENCE;
use super::maintenance::ROUND;
use super::prelude::*;
use super::testing::{PATIENCE, Scripted, World, demo, identify, start_with, until, user};
use crate::auth::accounts::{
    AVERMEDIA_RELAY, AccountIssue, AccountState, AccountView, CONFIRM_AFTER, Field, LimitKind, MOST_ACCOUNTS, Needs,
    RENEW_AHEAD, RENEWAL_BACKOFF, Redirect, StoredAccount,
};
use crate::auth::store::{Backend, STORE_RETRY, StoreChoice, StoreError, StoreKind, StoreStatus};

fn only(state: &AuthState) -> &AccountView {
    assert_eq!(state.accounts.len(), 1);
    &state.accounts[0]
}

fn now(auth: &Auth) -> Arc<AuthState> {
    Arc::clone(&auth.watch().borrow())
}

/// The life of an access token.
const HOUR: Duration = Duration::from_secs(3_600);
const SECOND: Duration = Duration::from_secs(1);

/// Lets time pass for waits, without the service's maintenance.
async fn pass(time: Duration) {
    tokio::time::pause();
    tokio::time::advance(time).await;
    tokio::time::resume();
}

/// Lets time pass for waits, with the service's maintenance, until the state is as wanted.
async fn later(auth: &Auth, time: Duration, wanted: impl Fn(&AuthState) -> bool) -> Arc<AuthState> {
    tokio::time::pause();
    tokio::time::advance(time).await;
    // Maintenance needs running time, as Spotify's answers are real.
    tokio::time::resume();
    until(auth, wanted).await
}

#[tokio::test]
async fn login_leads_to_the_first_token() {
    let world = World::new().await;
    let auth = world.auth().await;
    assert_eq!(now(&auth).link, Link::NotLinked);
    assert_eq!(auth.token(Group::Player, Needs::User).await.unwrap_err(), AuthError::NotLinked);

    let id = auth.save(SaveAccount { client_id: format!(" {} \n", demo().client_id).into(), ..demo() }).await.unwrap();
    assert_eq!(only(&now(&auth)).state, AccountState::NeedsLogin);
    assert_eq!(only(&now(&auth)).last_error, None);
    assert_eq!(world.grants("client_credentials"), 1);

    let page = auth.login(&id).await.unwrap();
    assert_eq!((now(&auth).link, only(&now(&auth)).state), (Link::Linking, AccountState::Linking));
    let back = world.consent(&page, true);
    let local = back.socket_addrs(|| None).unwrap()[0];
    let answer = world.http.client().await.unwrap().get(back).send().await.unwrap();
    let headers = answer.headers().clone();
    assert!(headers["content-security-policy"].to_str().unwrap().starts_with("default-src 'none';"));
    assert_eq!(headers["referrer-policy"], "no-referrer");
    assert_eq!(headers["cache-control"], "no-store");
    let text = answer.text().await.unwrap();
    assert!(text.contains("Spotify is linked.") && text.contains("You can close this tab."), "{text}");

    let state = now(&auth);
    assert_eq!((state.link, only(&state).state, only(&state).active), (Link::Linked, AccountState::Linked, true));
    let token = auth.token(Group::Player, Needs::User).await.unwrap();
    assert_eq!(*token.account(), id);
    assert!(world.sim.issued_tokens().access.iter().any(|issued| token.bearer().matches(issued)));
    assert_eq!(world.grants("refresh_token"), 0);

    identify(&auth, &id, user("u", "Name")).await;
    assert_eq!(only(&now(&auth)).user.as_ref().unwrap().name, "Name");

    // The listener closes after one use.
    while tokio::net::TcpStream::connect(local).await.is_ok() {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn refused_credentials_name_their_field_and_are_not_stored() {
    let world = World::new().await;
    let auth = world.auth().await;
    let save = |client_id: &str, secret: &str| {
        auth.save(SaveAccount { client_id: client_id.into(), client_secret: Some(Secret::new(secret)), ..demo() })
    };
    let demo_id = demo().client_id;
    for (client_id, secret, error, field) in [
        (demo_id.as_str(), "wrong", AuthError::ClientSecretRefused, Field::ClientSecret),
        ("00000000000000000000000000000000", DEMO_CLIENT_SECRET, AuthError::ClientIdRefused, Field::ClientId),
        ("  ", DEMO_CLIENT_SECRET, AuthError::ClientIdMissing, Field::ClientId),
        ("two words", DEMO_CLIENT_SECRET, AuthError::ClientIdForm, Field::ClientId),
        (demo_id.as_str(), "two words", AuthError::ClientSecretForm, Field::ClientSecret),
    ] {
        let refused = save(client_id, secret).await.unwrap_err();
        assert_eq!((refused.field(), refused), (Some(field), error));
    }
    assert!(now(&auth).accounts.is_empty());
    assert_eq!(world.grants("client_credentials"), 2);

    let id = save(demo_id.as_str(), DEMO_CLIENT_SECRET).await.unwrap();
    assert_eq!(save(demo_id.as_str(), DEMO_CLIENT_SECRET).await.unwrap_err(), AuthError::ClientIdTaken);
    let unknown = SaveAccount { id: Some("unknown".into()), client_id: "other".into(), ..demo() };
    assert_eq!(auth.save(unknown).await.unwrap_err(), AuthError::UnknownAccount);
    // A wrong or an empty secret for a stored account keeps the stored one.
    let edited = |secret: Option<&str>| SaveAccount {
        id: Some(id.clone()),
        client_secret: secret.map(Secret::new),
        redirect: Redirect::Avermedia,
        ..demo()
    };
    assert_eq!(auth.save(edited(Some("wrong"))).await.unwrap_err(), AuthError::ClientSecretRefused);
    assert_eq!(auth.save(edited(Some(" "))).await.unwrap(), id);
    assert_eq!(only(&now(&auth)).redirect, Redirect::Avermedia);
    assert!(only(&now(&auth)).has_secret);
}

#[tokio::test]
async fn credentials_are_stored_unchecked_without_a_network() {
    let world = World::new().await;
    let mut config = world.config(StoreChoice::Memory);
    // A port without a listener.
    let (listener, address) = callback::listen(None).await.unwrap();
    drop(listener);
    config.accounts_url = Url::parse(&format!("http://{address}/accounts")).unwrap();
    let auth = world.started(config).await;
    auth.save(demo()).await.unwrap();
    let state = now(&auth);
    assert_eq!((only(&state).state, &only(&state).last_error), (AccountState::NeedsLogin, &Some(AuthError::Unchecked)));
}

#[tokio::test]
async fn denied_login_is_reported_on_both_pages() {
    let world = World::new().await;
    let auth = world.auth().await;
    let id = auth.save(demo()).await.unwrap();
    let page = auth.login(&id).await.unwrap();
    let (status, text) = world.visit(world.consent(&page, false)).await;
    assert_eq!(status, 200);
    assert!(text.contains("choose Agree"), "{text}");
    let state = now(&auth);
    assert_eq!((only(&state).state, &only(&state).last_error), (AccountState::NeedsLogin, &Some(AuthError::Denied)));
    world.sign_in(&auth, &id).await;
    assert_eq!(only(&now(&auth)).last_error, None);
}

#[tokio::test]
async fn forged_callbacks_change_nothing() {
    let world = World::new().await;
    let auth = world.auth().await;
    let id = auth.save(demo()).await.unwrap();
    let back = world.consent(&auth.login(&id).await.unwrap(), true);
    assert_eq!(back.host_str(), Some("127.0.0.1"));

    let with = |change: &dyn Fn(&mut Url)| {
        let mut url = back.clone();
        change(&mut url);
        url
    };
    let wrong_state = with(&|url| url.set_query(Some("code=stolen&state=guessed")));
    let (status, text) = world.visit(wrong_state).await;
    assert_eq!(status, 400);
    assert!(text.contains("belongs to another sign-in"), "{text}");
    assert_eq!(world.visit(with(&|url| url.set_query(Some("error=access_denied")))).await.0, 400);
    assert_eq!(world.visit(with(&|url| url.set_path("/favicon.ico"))).await.0, 404);
    assert_eq!(world.visit(with(&|url| url.set_path("/callbacks"))).await.0, 404);
    assert_eq!(world.http.client().await.unwrap().post(back.clone()).send().await.unwrap().status(), 405);
    for host in ["evil.example", "localhost", "127.0.0.1"] {
        let answer = world.http.client().await.unwrap().get(back.clone()).header("host", host).send().await.unwrap();
        assert_eq!(answer.status(), 421, "{host}");
    }
    let nothing = with(&|url| {
        let query = url.query().unwrap().split('&').find(|pair| pair.starts_with("state=")).unwrap().to_owned();
        url.set_query(Some(&query));
    });
    assert_eq!(world.visit(nothing).await.0, 400);
    assert_eq!(now(&auth).link, Link::Linking);
    assert_eq!(world.grants("authorization_code"), 0);

    let (status, text) = world.visit(back.clone()).await;
    assert_eq!(status, 200, "{text}");
    assert_eq!(now(&auth).link, Link::Linked);
}

#[tokio::test]
async fn second_login_replaces_the_first_and_cancel_ends_it() {
    let world = World::new().await;
    let auth = world.auth().await;
    let id = auth.save(demo()).await.unwrap();
    let first = world.consent(&auth.login(&id).await.unwrap(), true);
    let second = world.consent(&auth.login(&id).await.unwrap(), true);
    let pasted = auth.finish_login(&Secret::new(first.as_str())).await;
    assert_eq!(pasted, Err(AuthError::WrongState));
    assert_eq!(world.visit(second).await.0, 200);
    assert_eq!(now(&auth).link, Link::Linked);

    let third = world.consent(&auth.login(&id).await.unwrap(), true);
    assert_eq!(only(&now(&auth)).state, AccountState::Linking);
    auth.token(Group::Player, Needs::User).await.expect("the old sign-in serves until the new one replaces it");
    auth.cancel_login().await;
    assert_eq!(only(&now(&auth)).state, AccountState::Linked);
    assert_eq!(auth.finish_login(&Secret::new(third.as_str())).await, Err(AuthError::NoLogin));
}

#[tokio::test]
async fn pasted_address_finishes_a_login() {
    let world = World::new().await;
    let auth = world.auth().await;
    let id = auth.save(demo()).await.unwrap();
    assert_eq!(
        auth.finish_login(&Secret::new("http://127.0.0.1/callback?code=c&state=s")).await,
        Err(AuthError::NoLogin)
    );
    let back = world.consent(&auth.login(&id).await.unwrap(), true);
    assert_eq!(auth.finish_login(&Secret::new("hello")).await, Err(AuthError::NotACallback));
    auth.finish_login(&Secret::new(format!(" {back}\n"))).await.unwrap();
    assert_eq!(now(&auth).link, Link::Linked);
}

#[tokio::test]
async fn relay_leads_the_browser_to_the_listener() {
    let world = World::new().await;
    let auth = world.auth().await;
    let id = auth.save(SaveAccount { redirect: Redirect::Avermedia, ..demo() }).await.unwrap();
    // The ways in which the relay may use Spotify's answer.
    for keep_state in [false, true] {
        let relay = world.consent(&auth.login(&id).await.unwrap(), true);
        assert!(relay.as_str().starts_with(AVERMEDIA_RELAY));
        let value = |name: &str| relay.query_pairs().find(|(key, _)| key == name).unwrap().1.into_owned();
        let mut local = Url::parse(&value("state")).unwrap();
        assert_eq!(local.host_str(), Some("127.0.0.1"));
        local.query_pairs_mut().append_pair("code", &value("code"));
        if keep_state {
            let part = local.path().rsplit('/').next().unwrap().to_owned();
            local.set_path("/callback");
            local.query_pairs_mut().append_pair("state", &part);
        }
        let (status, text) = world.visit(local).await;
        assert_eq!(status, 200, "{text}");
        assert_eq!(now(&auth).link, Link::Linked);
        auth.logout(&id).await.unwrap();
    }
}

#[tokio::test]
async fn pkce_alone_signs_in_and_rotates() {
    let world = World::new().await;
    let store = Scripted::new();
    let auth = start_with(world.config(StoreChoice::Keyring), store.clone());
    until(&auth, |state| state.link == Link::NotLinked).await;
    let id = auth.save(SaveAccount { client_secret: None, ..demo() }).await.unwrap();
    assert_eq!(world.grants("client_credentials"), 0);
    world.sign_in(&auth, &id).await;
    let first = store.accounts.lock().unwrap()[0].refresh_token.clone().unwrap();

    for _ in 0..2 {
        world.advance(HOUR);
        auth.token(Group::Player, Needs::User).await.unwrap();
    }
    let last = store.accounts.lock().unwrap()[0].refresh_token.clone().unwrap();
    assert_ne!(first, last, "the rotated token was not stored");
    assert_eq!(world.grants("refresh_token"), 2);
}

#[tokio::test]
async fn rotated_token_is_stored_before_the_access_token_is_used() {
    let world = World::new().await;
    let store = Scripted::new();
    let auth = start_with(world.config(StoreChoice::Keyring), store.clone());
    until(&auth, |state| state.link == Link::NotLinked).await;
    let id = auth.save(SaveAccount { client_secret: None, ..demo() }).await.unwrap();
    world.sign_in(&auth, &id).await;
    let before = store.accounts.lock().unwrap()[0].refresh_token.clone();

    world.advance(HOUR);
    let (written, hold) = std::sync::mpsc::channel();
    *store.hold.lock().unwrap() = Some(hold);
    let first = tokio::spawn({
        let auth = auth.clone();
        async move { auth.token(Group::Player, Needs::User).await }
    });
    while store.hold.lock().unwrap().is_some() {
        tokio::task::yield_now().await;
    }
    let second = auth.token(Group::Player, Needs::User);
    tokio::pin!(second);
    assert!(poll_once(second.as_mut()).await.is_none() && !first.is_finished(), "a token was lent before the write");
    assert_eq!(store.accounts.lock().unwrap()[0].refresh_token, before);
    drop(written);
    assert_eq!(first.await.unwrap().unwrap().bearer(), second.await.unwrap().bearer());
    assert_ne!(store.accounts.lock().unwrap()[0].refresh_token, before);
    assert_eq!(world.grants("refresh_token"), 1);
}

#[tokio::test]
async fn secret_can_be_dropped_for_pkce() {
    let world = World::new().await;
    let auth = world.auth().await;
    let id = auth.save(demo()).await.unwrap();
    auth.save(SaveAccount { id: Some(id), pkce_only: true, ..demo() }).await.unwrap();
    assert!(!only(&now(&auth)).has_secret);
}

#[tokio::test]
async fn login_times_out() {
    let world = World::new().await;
    let auth = world.auth().await;
    let id = auth.save(demo()).await.unwrap();
    let page = auth.login(&id).await.unwrap();
    tokio::time::pause();
    // Lets the listener's task start its wait.
    tokio::task::yield_now().await;
    tokio::time::advance(LOGIN_PATIENCE - Duration::from_secs(1)).await;
    assert_eq!(now(&auth).link, Link::Linking);
    tokio::time::advance(Duration::from_secs(2)).await;
    let state = until(&auth, |state| state.link != Link::Linking).await;
    assert_eq!(only(&state).last_error, Some(AuthError::TimedOut(Redirect::Loopback.registered())));
    tokio::time::resume();
    let back = world.consent(&page, true);
    assert_eq!(auth.finish_login(&Secret::new(back.as_str())).await, Err(AuthError::NoLogin));
}

#[tokio::test]
async fn concurrent_callers_cause_one_renewal() {
    let world = World::new().await;
    let (auth, _) = world.linked().await;
    let old = auth.token(Group::Player, Needs::User).await.unwrap();
    world.advance(HOUR);
    let waiting: Vec<_> = (0..50)
        .map(|_| {
            let auth = auth.clone();
            tokio::spawn(async move { auth.token(Group::Player, Needs::User).await.unwrap() })
        })
        .collect();
    for task in waiting {
        assert_ne!(task.await.unwrap().bearer(), old.bearer());
    }
    assert_eq!(world.grants("refresh_token"), 1);

    // The same for a token that Spotify refuses before it expires.
    let token = auth.token(Group::Player, Needs::User).await.unwrap();
    let rejecting: Vec<_> = (0..20)
        .map(|_| {
            let (auth, token) = (auth.clone(), token.clone());
            tokio::spawn(async move { auth.renew_rejected(&token).await.unwrap() })
        })
        .collect();
    for task in rejecting {
        assert_ne!(task.await.unwrap().bearer(), token.bearer());
    }
    assert_eq!(world.grants("refresh_token"), 2);
}

#[tokio::test]
async fn cancelled_caller_loses_no_token() {
    let world = World::new().await;
    let (auth, _) = world.linked().await;
    world.advance(HOUR);
    {
        let token = auth.token(Group::Player, Needs::User);
        tokio::pin!(token);
        assert!(poll_once(token.as_mut()).await.is_none(), "it has to wait for the renewal");
    }
    world.sim.wait_for_requests("POST", "/accounts/api/token", 3, PATIENCE).await.unwrap();
    auth.token(Group::Player, Needs::User).await.unwrap();
    assert_eq!(world.grants("refresh_token"), 1);
}

/// Polls a future once.
async fn poll_once<F: Future>(mut future: std::pin::Pin<&mut F>) -> Option<F::Output> {
    std::future::poll_fn(|context| {
        std::task::Poll::Ready(match future.as_mut().poll(context) {
            std::task::Poll::Ready(output) => Some(output),
            std::task::Poll::Pending => None,
        })
    })
    .await
}

#[tokio::test]
async fn token_is_renewed_before_it_expires() {
    let world = World::new().await;
    let (auth, _) = world.linked().await;
    let old = auth.token(Group::Player, Needs::User).await.unwrap();
    world.advance(HOUR - RENEW_AHEAD - SECOND / 1000);
    assert_eq!(auth.token(Group::Player, Needs::User).await.unwrap().bearer(), old.bearer());
    assert_eq!(world.grants("refresh_token"), 0);
    world.advance(SECOND / 500);
    assert_eq!(
        auth.token(Group::Player, Needs::User).await.unwrap().bearer(),
        old.bearer(),
        "a caller must not wait for a valid token"
    );
    world.sim.wait_for_requests("POST", "/accounts/api/token", 3, PATIENCE).await.unwrap();
    world.advance(RENEW_AHEAD);
    assert_ne!(auth.token(Group::Player, Needs::User).await.unwrap().bearer(), old.bearer());
    assert_eq!(world.grants("refresh_token"), 1);
}

#[tokio::test]
async fn restart_needs_no_new_sign_in() {
    let world = World::new().await;
    let folder = tempfile::tempdir().unwrap();
    let config = world.config(StoreChoice::File(folder.path().join("accounts.json")));
    let auth = world.started(config.clone()).await;
    let id = auth.save(demo()).await.unwrap();
    world.sign_in(&auth, &id).await;
    identify(&auth, &id, user("u", "Name")).await;
    drop(auth);

    let auth = world.started(config.clone()).await;
    let state = now(&auth);
    assert_eq!((state.link, state.store.kind()), (Link::Linked, StoreKind::File));
    assert_eq!((&only(&state).id, only(&state).has_secret), (&id, true));
    assert_eq!(only(&state).user.as_ref().unwrap().name, "Name");
    assert_eq!(*auth.token(Group::Player, Needs::User).await.unwrap().account(), id);

    auth.logout(&id).await.unwrap();
    drop(auth);
    let auth = world.started(config.clone()).await;
    assert_eq!((now(&auth).link, only(&now(&auth)).has_secret), (Link::NotLinked, true));
    auth.remove(&id).await.unwrap();
    drop(auth);
    assert!(now(&world.started(config).await).accounts.is_empty());
    assert_eq!(std::fs::read_to_string(folder.path().join("accounts.json")).unwrap(), "[]");
}

/// Starts with an unreadable file, which is moved aside, and links an account. Limits are in the same folder.
async fn stored_in(world: &World, folder: &Path) -> (Auth, AccountId) {
    let file = folder.join("accounts.json");
    std::fs::write(&file, r#"[{"id":"a","refresh_token":"old token""#).unwrap();
    let config = Config { limits_file: Some(folder.join("limits.json")), ..world.config(StoreChoice::File(file)) };
    let auth = world.started(config).await;
    let id = auth.save(demo()).await.unwrap();
    world.sign_in(&auth, &id).await;
    (auth, id)
}

/// Returns the names of the files in a folder that contain a text.
fn files_with(folder: &Path, text: &str) -> Vec<String> {
    let files = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap());
    let matching = files.filter(|file| std::fs::read_to_string(file.path()).unwrap().contains(text));
    matching.map(|file| file.file_name().into_string().unwrap()).collect()
}

#[tokio::test]
async fn removed_account_leaves_nothing_in_any_file() {
    let world = World::new().await;
    let folder = tempfile::tempdir().unwrap();
    let (auth, id) = stored_in(&world, folder.path()).await;
    let token = auth.token(Group::Player, Needs::User).await.unwrap();
    auth.record_sent(&token, Group::Player).await;
    auth.prefer_account(Some(&id)).await.unwrap();
    auth.record_outcome(&token, Group::Player, Outcome::Limited(LimitKind::Quota, None)).await;
    auth.save_limits().await;
    assert_eq!(files_with(folder.path(), demo().client_id.as_str()).len(), 2);
    assert_eq!(files_with(folder.path(), "old token"), ["accounts.json.damaged"]);
    auth.remove(&id).await.unwrap();
    // The outcome of a call that was sent before.
    auth.record_sent(&token, Group::Player).await;
    auth.record_outcome(&token, Group::Player, Outcome::Limited(LimitKind::Quota, None)).await;
    auth.save_limits().await;
    drop(auth);
    for text in [demo().client_id.as_str(), "old token"] {
        assert_eq!(files_with(folder.path(), text), [""; 0], "{text}");
    }
}

#[tokio::test]
async fn replaced_client_id_leaves_no_counts() {
    let world = World::new().await;
    let folder = tempfile::tempdir().unwrap();
    let (auth, id) = stored_in(&world, folder.path()).await;
    let token = auth.token(Group::Player, Needs::User).await.unwrap();
    auth.record_sent(&token, Group::Player).await;
    auth.save_limits().await;
    let other = SaveAccount { id: Some(id), client_id: "other".into(), pkce_only: true, ..demo() };
    auth.save(other).await.unwrap();
    auth.save_limits().await;
    assert_eq!(files_with(folder.path(), demo().client_id.as_str()), [""; 0]);
}

#[tokio::test]
async fn log_out_deletes_the_copy_of_a_damaged_file() {
    let world = World::new().await;
    let folder = tempfile::tempdir().unwrap();
    let (auth, id) = stored_in(&world, folder.path()).await;
    auth.logout(&id).await.unwrap();
    assert_eq!(files_with(folder.path(), "old token"), [""; 0]);
    assert_eq!(files_with(folder.path(), demo().client_id.as_str()), ["accounts.json"]);
}

#[tokio::test]
async fn limits_of_a_logged_out_account_are_not_shown() {
    let world = World::new().await;
    let (auth, id) = world.linked().await;
    let token = auth.token(Group::Player, Needs::User).await.unwrap();
    auth.prefer_account(Some(&id)).await.unwrap();
    auth.record_outcome(&token, Group::Player, Outcome::Limited(LimitKind::Quota, None)).await;
    auth.record_outcome(&token, Group::Player, Outcome::Issue(AccountIssue::UserNeedsPremium)).await;
    assert_eq!((only(&now(&auth)).limits.len(), now(&auth).limit.is_some()), (1, true));
    auth.logout(&id).await.unwrap();
    let state = now(&auth);
    assert_eq!((only(&state).limits.len(), state.limit, only(&state).issue), (0, None, None));
    // The limit itself remains: a new log-in doesn't end it.
    world.sign_in(&auth, &id).await;
    assert_eq!(only(&now(&auth)).limits.len(), 1);
}

#[tokio::test]
async fn other_user_error_ends_with_the_other_sign_in() {
    for removed in [false, true] {
        let world = World::new().await;
        let (auth, first) = world.linked().await;
        identify(&auth, &first, user("u", "Name")).await;
        let second = SaveAccount { client_id: spotify_sim::SIBLING_CLIENT_ID.into(), pkce_only: true, ..demo() };
        let second = auth.save(second).await.unwrap();
        world.sign_in(&auth, &second).await;
        identify(&auth, &second, user("guest", "Guest")).await;
        let last_error = |state: &AuthState| state.accounts.last().unwrap().last_error.clone();
        assert!(matches!(last_error(&now(&auth)), Some(AuthError::OtherUser { .. })));
        if removed {
            auth.remove(&first).await.unwrap();
        } else {
            auth.logout(&first).await.unwrap();
        }
        assert_eq!(last_error(&now(&auth)), None);
    }
}

#[tokio::test]
async fn ended_sign_in_is_not_retried_and_keeps_credentials() {
    let world = World::new().await;
    let folder = tempfile::tempdir().unwrap();
    let config = world.config(StoreChoice::File(folder.path().join("accounts.json")));
    let auth = world.started(config.clone()).await;
    let id = auth.save(demo()).await.unwrap();
    world.sign_in(&auth, &id).await;
    world.sim.revoke_refresh_tokens();
    world.advance(HOUR);
    for _ in 0..3 {
        assert_eq!(auth.token(Group::Player, Needs::User).await.unwrap_err(), AuthError::SignInAgain);
    }
    let check = |state: &AuthState| {
        assert_eq!((state.link, only(state).state), (Link::SignInAgain, AccountState::SignInAgain));
        assert!(only(state).last_error.as_ref().unwrap().to_string().starts_with("Sign in again"));
        assert!(only(state).has_secret);
    };
    check(&now(&auth));

    drop(auth);
    let auth = world.started(config).await;
    check(&now(&auth));
    assert_eq!(auth.token(Group::Player, Needs::User).await.unwrap_err(), AuthError::SignInAgain);
    assert_eq!(world.grants("refresh_token"), 1);
    // Neither an edit nor a cancelled log-in makes it look like an account that was never linked.
    auth.save(SaveAccount { id: Some(id.clone()), ..demo() }).await.unwrap();
    check(&now(&auth));
    auth.login(&id).await.unwrap();
    auth.cancel_login().await;
    check(&now(&auth));
    world.sign_in(&auth, &id).await;
    auth.token(Group::Player, Needs::User).await.unwrap();
}

#[tokio::test]
async fn refused_secret_keeps_the_sign_in() {
    let world = World::new().await;
    let (auth, id) = world.linked().await;
    world.sim.inject(Fault::token_error("invalid_client", "Invalid client secret").times(2));
    world.advance(HOUR);
    for (error, asked) in [(AuthError::Doubted, 1), (AuthError::ClientSecretRefused, 2)] {
        for _ in 0..3 {
            assert_eq!(auth.token(Group::Player, Needs::User).await.unwrap_err(), error);
        }
        assert_eq!(world.grants("refresh_token"), asked, "nothing is sent in between");
        pass(CONFIRM_AFTER).await;
    }
    assert_eq!(only(&now(&auth)).state, AccountState::InvalidCredentials);
    assert_eq!(now(&auth).link, Link::InvalidCredentials);
    auth.save(SaveAccount { id: Some(id), ..demo() }).await.unwrap();
    assert_eq!(now(&auth).link, Link::Linked);
    auth.token(Group::Player, Needs::User).await.unwrap();
}

#[tokio::test]
async fn answer_about_a_replaced_sign_in_is_ignored() {
    let world = World::new().await;
    let (auth, id) = world.linked().await;
    let first = only(&now(&auth)).sign_in.unwrap();
    let token = auth.token(Group::Player, Needs::User).await.unwrap();
    world.sign_in(&auth, &id).await;
    auth.set_user(first, user("guest", "Guest")).await;
    auth.record_outcome(&token, Group::Profile, Outcome::Issue(AccountIssue::NotOnAllowList)).await;
    let state = now(&auth);
    assert_eq!((&only(&state).user, only(&state).issue), (&None, None));
    assert_eq!(only(&state).to_identify(), only(&state).sign_in);
    assert_ne!(only(&state).sign_in, Some(first));
}

#[tokio::test]
async fn limit_of_a_replaced_sign_in_counts() {
    let world = World::new().await;
    let (auth, id) = world.linked().await;
    let token = auth.token(Group::Player, Needs::User).await.unwrap();
    world.sign_in(&auth, &id).await;
    auth.record_outcome(&token, Group::Player, Outcome::Limited(LimitKind::Throttle, Some(Duration::from_secs(7))))
        .await;
    assert!(now(&auth).limit.is_some());
}

#[tokio::test]
async fn stored_users_learn_their_account_id_together() {
    let world = World::new().await;
    let (auth, id) = world.linked().await;
    let other = auth.save(SaveAccount { client_id: spotify_sim::SIBLING_CLIENT_ID.into(), pkce_only: true, ..demo() });
    let other = other.await.unwrap();
    world.sign_in(&auth, &other).await;
    for id in [&id, &other] {
        identify(&auth, id, user("before", "Name")).await;
    }
    assert!(now(&auth).accounts.iter().all(|account| account.to_identify().is_some()));
    // Spotify's id of the user has changed since, and one account learns it first.
    let renamed = User { id: "after".into(), account_id: Some("stable".into()), name: "Name".into() };
    identify(&auth, &other, renamed.clone()).await;
    let state = now(&auth);
    assert!(state.accounts.iter().all(|account| account.user == Some(renamed.clone()) && account.last_error.is_none()));
    assert!(state.accounts.iter().all(|account| account.to_identify().is_none()));
}

#[test]
fn users_are_told_apart_by_account_id() {
    let with = |id: &str, account_id: Option<&str>| User {
        id: id.into(),
        account_id: account_id.map(str::to_owned),
        name: "Name".into(),
    };
    assert!(with("a", Some("x")).is_same(&with("b", Some("x"))));
    assert!(!with("a", Some("x")).is_same(&with("a", Some("y"))));
    assert!(with("a", Some("x")).is_same(&with("a", None)));
    assert!(!with("a", None).is_same(&with("b", None)));
    assert_eq!(serde_json::from_str::<User>(r#"{"id":"a","name":"Name"}"#).unwrap(), with("a", None));
}

#[tokio::test]
async fn single_refusal_costs_nothing() {
    for error in ["invalid_client", "invalid_grant"] {
        let world = World::new().await;
        let (auth, _) = world.linked().await;
        world.sim.inject(Fault::token_error(error, "").times(1));
        world.advance(HOUR);
        assert_eq!(auth.token(Group::Player, Needs::User).await.unwrap_err(), AuthError::Doubted);
        let state = now(&auth);
        assert_eq!((state.link, only(&state).state), (Link::Linked, AccountState::Linked), "{error}");
        assert_eq!(only(&state).last_error, Some(AuthError::Doubted));
        // It is resolved without a call.
        let state = later(&auth, CONFIRM_AFTER + ROUND, |state| only(state).last_error.is_none()).await;
        assert_eq!(only(&state).state, AccountState::Linked);
        auth.token(Group::Player, Needs::User).await.unwrap();
        assert_eq!(world.grants("refresh_token"), 2);
    }
}

#[tokio::test]
async fn unexplained_end_of_a_sign_in_is_confirmed() {
    let world = World::new().await;
    let (auth, _) = world.linked().await;
    world.sim.inject(Fault::token_error("invalid_grant", "Something is wrong").times(2));
    world.advance(HOUR);
    assert_eq!(auth.token(Group::Player, Needs::User).await.unwrap_err(), AuthError::Doubted);
    pass(CONFIRM_AFTER).await;
    assert_eq!(auth.token(Group::Player, Needs::User).await.unwrap_err(), AuthError::SignInAgain);
    assert_eq!(now(&auth).link, Link::SignInAgain);
}

#[tokio::test]
async fn refusal_of_the_apps_own_token_is_confirmed() {
    let world = World::new().await;
    let auth = world.auth().await;
    auth.save(demo()).await.unwrap();
    let asked = world.grants("client_credentials");
    world.sim.inject(Fault::token_error("invalid_client", "Invalid client").times(2));
    for (error, more) in [(AuthError::Doubted, 1), (AuthError::ClientIdRefused, 2)] {
        for _ in 0..3 {
            assert_eq!(auth.token(Group::Catalog, Needs::App).await.unwrap_err(), error);
        }
        assert_eq!(world.grants("client_credentials"), asked + more, "{error:?}");
        pass(CONFIRM_AFTER).await;
    }
    // A long fault ends at some time: the user need not type anything.
    let healed = |state: &AuthState| only(state).state == AccountState::NeedsLogin && only(state).last_error.is_none();
    later(&auth, Duration::from_secs(1_800) + ROUND, healed).await;
}

#[tokio::test]
async fn refusal_at_the_end_of_a_sign_in_keeps_the_one_before() {
    let world = World::new().await;
    let (auth, id) = world.linked().await;
    world.sim.inject(Fault::token_error("invalid_client", "Invalid client secret").times(1));
    let page = auth.login(&id).await.unwrap();
    let (_, text) = world.visit(world.consent(&page, true)).await;
    assert!(text.contains("log in again in a few minutes"), "{text}");
    let state = now(&auth);
    assert_eq!((state.link, &only(&state).last_error), (Link::Linked, &Some(AuthError::LoginDoubted)));
    auth.token(Group::Player, Needs::User).await.unwrap();
}

#[tokio::test]
async fn token_life_is_read_in_every_form() {
    for life in ["3600", "3600.0", "\"3600\"", "3.6e3", "null", "-1", "\"soon\"", "[]"] {
        let world = World::new().await;
        let (auth, _) = world.linked().await;
        let body = format!(r#"{{"access_token":"BQ","expires_in":{life},"refresh_token":null,"scope":["a"]}}"#);
        let outcome = spotify_sim::Outcome::Answer { status: 200, headers: vec![], body };
        world.sim.inject(Fault { outcome, ..Fault::token_error("", "").times(1) });
        world.advance(HOUR);
        assert!(auth.token(Group::Player, Needs::User).await.unwrap().bearer().matches("BQ"), "{life}");
        world.advance(HOUR - RENEW_AHEAD - SECOND);
        assert!(auth.token(Group::Player, Needs::User).await.unwrap().bearer().matches("BQ"), "{life}");
        assert_eq!(world.grants("refresh_token"), 1, "{life}");
    }
}

/// Starts a log-in whose sign-in is being stored in a keyring that waits for its user, whose answer is the sender.
async fn login_being_stored(
    world: &World,
) -> (Auth, AccountId, Scripted, std::sync::mpsc::Sender<()>, tokio::task::JoinHandle<String>) {
    let keyring = Scripted::new();
    let auth = start_with(world.config(StoreChoice::Keyring), keyring.clone());
    until(&auth, |state| state.link == Link::NotLinked).await;
    let id = auth.save(demo()).await.unwrap();
    let (answer, hold) = std::sync::mpsc::channel();
    let back = world.consent(&auth.login(&id).await.unwrap(), true);
    *keyring.hold.lock().unwrap() = Some(hold);
    let http = world.http.client().await.unwrap();
    let visit = tokio::spawn(async move { http.get(back).send().await.unwrap().text().await.unwrap() });
    while keyring.hold.lock().unwrap().is_some() {
        tokio::task::yield_now().await;
    }
    (auth, id, keyring, answer, visit)
}

#[tokio::test]
async fn sign_in_ended_while_it_was_stored_stays_ended() {
    for change in ["log out", "remove", "another app", "cancel"] {
        let world = World::new().await;
        let (auth, id, keyring, answer, visit) = login_being_stored(&world).await;
        let other = SaveAccount { id: Some(id.clone()), client_id: "other".into(), pkce_only: true, ..demo() };
        let ending = tokio::spawn({
            let (auth, id) = (auth.clone(), id.clone());
            async move {
                match change {
                    "log out" => auth.logout(&id).await.unwrap(),
                    "remove" => auth.remove(&id).await.unwrap(),
                    "another app" => drop(auth.save(other).await.unwrap()),
                    _ => auth.cancel_login().await,
                }
            }
        });
        let is_ended = |state: &AuthState| state.accounts.iter().all(|account| account.sign_in.is_none());
        until(&auth, is_ended).await;
        drop(answer);
        ending.await.unwrap();
        let text = visit.await.unwrap();
        assert!(text.contains("No sign-in is waiting"), "{change}: {text}");
        auth.change(|_, _| Ok(())).await.unwrap();
        assert!(is_ended(&now(&auth)), "{change}");
        assert!(auth.token(Group::Player, Needs::User).await.is_err(), "{change}");
        assert!(keyring.accounts.lock().unwrap().iter().all(|account| account.refresh_token.is_none()), "{change}");
    }
}

#[tokio::test]
async fn no_more_accounts_are_added_than_are_loaded() {
    let world = World::new().await;
    let auth = world.auth().await;
    let add = |number: usize| SaveAccount { client_id: format!("app{number}").into(), pkce_only: true, ..demo() };
    for number in 0..MOST_ACCOUNTS {
        auth.save(add(number)).await.unwrap();
    }
    let error = auth.save(add(MOST_ACCOUNTS)).await.unwrap_err();
    assert_eq!(error, AuthError::TooManyAccounts);
    assert!(error.to_string().contains(&MOST_ACCOUNTS.to_string()));
    let first = now(&auth).accounts[0].id.clone();
    auth.save(SaveAccount { id: Some(first), ..add(0) }).await.unwrap();
}

#[tokio::test]
async fn panic_of_the_task_is_reported() {
    let world = World::new().await;
    let clock = Arc::new(PanickingClock::default());
    let (tasks, mut failures) = Supervisor::new();
    let config = Config { clock: Arc::clone(&clock) as Arc<dyn Clock>, tasks, ..world.config(StoreChoice::Memory) };
    let auth = world.started(config).await;
    auth.save(demo()).await.unwrap();
    clock.0.store(true, std::sync::atomic::Ordering::SeqCst);
    let other = SaveAccount { client_id: "other".into(), pkce_only: true, ..demo() };
    assert_eq!(auth.save(other).await, Err(AuthError::Restarting));
    assert!(matches!(failures.next().await, crate::supervisor::TaskFailure::Panicked(_)));
}

/// A clock that panics.
#[derive(Default)]
struct PanickingClock(std::sync::atomic::AtomicBool);

impl Clock for PanickingClock {
    fn unix_ms(&self) -> u64 {
        assert!(!self.0.load(std::sync::atomic::Ordering::SeqCst), "an intended panic");
        1_800_000_000_000
    }
}

/// A store whose library panics.
struct Panicking;

impl Backend for Panicking {
    fn load(&mut self) -> Result<Vec<StoredAccount>, StoreError> {
        panic!("an intended panic")
    }

    fn write(&mut self, _accounts: &[StoredAccount]) -> Result<(), StoreError> {
        Ok(())
    }
}

#[tokio::test]
async fn panic_of_the_stores_thread_is_reported() {
    let world = World::new().await;
    let (tasks, mut failures) = Supervisor::new();
    let config = Config { tasks, ..world.config(StoreChoice::Keyring) };
    let _auth = start_with(config, Panicking);
    assert_eq!(failures.next().await, crate::supervisor::TaskFailure::Panicked("secret-store"));
}

#[tokio::test]
async fn failing_service_or_network_drops_nothing() {
    let world = World::new().await;
    let (auth, _) = world.linked().await;
    let answer = |status, body: &str| Fault {
        methods: vec![],
        path: "/accounts/api/token".into(),
        client_id: None,
        times: None,
        delay_ms: 0,
        outcome: spotify_sim::Outcome::Answer { status, headers: vec![], body: body.into() },
    };
    let failures = [
        (answer(503, "<html>"), AuthError::AccountsDown(503)),
        (answer(500, r#"{"error":"invalid_grant"}"#), AuthError::AccountsDown(500)),
        (answer(429, ""), AuthError::AccountsDown(429)),
        (answer(200, "<html>log in to the hotel's network"), AuthError::Intercepted),
        (answer(302, ""), AuthError::AccountsDown(302)),
        (Fault::drop_connection().on("", "/accounts"), AuthError::Offline),
    ];
    world.advance(HOUR);
    for (number, (fault, error)) in failures.into_iter().enumerate() {
        world.sim.inject(fault);
        for _ in 0..3 {
            assert_eq!(auth.token(Group::Player, Needs::User).await.unwrap_err(), error);
        }
        assert_eq!(world.grants("refresh_token"), number + 1, "no request is sent during the back-off");
        let state = now(&auth);
        assert_eq!((state.link, only(&state).last_error.as_ref()), (Link::Linked, Some(&error)));
        assert!(error.is_transient());
        world.sim.clear_faults();
        tokio::time::pause();
        tokio::time::advance(RENEWAL_BACKOFF.longest()).await;
        tokio::time::resume();
    }
    auth.token(Group::Player, Needs::User).await.unwrap();
    assert_eq!(only(&now(&auth)).last_error, None);
}

#[tokio::test]
async fn tokens_belong_to_one_client_id() {
    let world = World::new().await;
    let (auth, id) = world.linked().await;
    let page = auth.login(&id).await.unwrap();
    let other = SaveAccount { id: Some(id.clone()), client_id: "other".into(), pkce_only: true, ..demo() };
    auth.save(other).await.unwrap();
    let state = now(&auth);
    assert_eq!((state.link, only(&state).state), (Link::NotLinked, AccountState::NeedsLogin));
    assert_eq!(auth.token(Group::Player, Needs::User).await.unwrap_err(), AuthError::NotLinked);
    let back = world.consent(&page, true);
    assert_eq!(auth.finish_login(&Secret::new(back.as_str())).await, Err(AuthError::NoLogin));
}

#[tokio::test]
async fn limit_blocks_the_account_until_it_ends() {
    let world = World::new().await;
    let (auth, _) = world.linked().await;
    let token = auth.token(Group::Player, Needs::User).await.unwrap();
    let seven = Outcome::Limited(LimitKind::Throttle, Some(Duration::from_secs(7)));
    auth.record_outcome(&token, Group::Player, seven).await;
    let limit = now(&auth).limit.unwrap();
    assert_eq!(auth.remaining(&limit), Duration::from_secs(7));
    assert_eq!(auth.token(Group::Library, Needs::User).await.unwrap_err(), AuthError::Limited(limit));
    world.advance(7 * SECOND);
    auth.token(Group::Player, Needs::User).await.unwrap();
    assert_eq!(now(&auth).limit, None);
}

#[tokio::test]
async fn memory_serves_without_a_keyring_until_the_file_is_chosen() {
    let world = World::new().await;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("deep").join("accounts.json");
    let mut config = world.config(StoreChoice::Keyring);
    config.private_file = Some(path.clone());
    let none = Scripted::new();
    *none.failure.lock().unwrap() = Some(StoreError::Unavailable("no D-Bus".into()));
    let auth = start_with(config.clone(), none);
    let state = until(&auth, |state| state.link != Link::Loading).await;
    assert_eq!(state.store, StoreStatus::NoKeyring { file_possible: true });
    let id = auth.save(demo()).await.unwrap();
    world.sign_in(&auth, &id).await;
    assert!(!path.exists(), "the file needs the user's choice");

    auth.use_private_file().await.unwrap();
    let state = now(&auth);
    assert_eq!(state.store, StoreStatus::Ready(StoreKind::File));
    assert_eq!(auth.use_private_file().await, Err(AuthError::FileNotNeeded));
    drop(auth);

    // The file's existence is the choice.
    let auth = world.started(config).await;
    assert_eq!((now(&auth).link, now(&auth).store.kind()), (Link::Linked, StoreKind::File));
    auth.token(Group::Player, Needs::User).await.unwrap();
}

#[tokio::test]
async fn waiting_keyring_blocks_nothing() {
    let world = World::new().await;
    let store = Scripted::new();
    {
        let auth = start_with(world.config(StoreChoice::Keyring), store.clone());
        until(&auth, |state| state.link == Link::NotLinked).await;
        let id = auth.save(demo()).await.unwrap();
        world.sign_in(&auth, &id).await;
    }
    let (unlock, hold) = std::sync::mpsc::channel();
    *store.hold.lock().unwrap() = Some(hold);
    let auth = start_with(world.config(StoreChoice::Keyring), store.clone());
    assert_eq!(auth.token(Group::Player, Needs::User).await.unwrap_err(), AuthError::Loading);
    tokio::time::pause();
    let state = until(&auth, |state| state.link == Link::KeyringWaiting).await;
    tokio::time::resume();
    assert_eq!(state.store, StoreStatus::Unanswered(StoreKind::Keyring));
    assert_eq!(auth.token(Group::Player, Needs::User).await.unwrap_err(), AuthError::KeyringWaiting);
    // Changes meanwhile must not overwrite what is still to be loaded.
    let other = SaveAccount { client_id: "other".into(), client_secret: None, ..demo() };
    auth.save(other).await.unwrap();
    let again = auth.save(demo()).await.unwrap();
    drop(unlock);
    let state = until(&auth, |state| state.link == Link::Linked).await;
    assert_eq!((state.accounts.len(), state.store), (2, StoreStatus::Ready(StoreKind::Keyring)));
    assert_eq!(state.accounts[1].client_id, "other".into());
    assert_eq!(state.accounts[0].id, again);
    auth.token(Group::Player, Needs::User).await.unwrap();
    auth.logout(&state.accounts[1].id).await.unwrap();
    assert_eq!(store.accounts.lock().unwrap().len(), 2);
}

#[tokio::test]
async fn failed_write_is_reported_and_repeated() {
    let world = World::new().await;
    let store = Scripted::new();
    let auth = start_with(world.config(StoreChoice::Keyring), store.clone());
    until(&auth, |state| state.link == Link::NotLinked).await;
    *store.failure.lock().unwrap() = Some(StoreError::Locked);
    let id = auth.save(demo()).await.unwrap();
    world.sign_in(&auth, &id).await;
    auth.token(Group::Player, Needs::User).await.expect("the sign-in works anyway");
    let status = now(&auth).store;
    assert_eq!(status, StoreStatus::Locked(StoreKind::Keyring));
    assert!(status.can_retry() && !status.can_use_file());
    assert!(store.accounts.lock().unwrap().is_empty());

    *store.failure.lock().unwrap() = None;
    tokio::time::pause();
    tokio::time::advance(STORE_RETRY + ROUND).await;
    let state = until(&auth, |state| state.store == StoreStatus::Ready(StoreKind::Keyring)).await;
    assert_eq!(state.store.kind(), StoreKind::Keyring);
    assert_eq!(store.accounts.lock().unwrap().len(), 1);
}

#[test]
fn store_choice_is_parsed() {
    assert_eq!(StoreChoice::parse("keyring"), Some(StoreChoice::Keyring));
    assert_eq!(StoreChoice::parse(" memory "), Some(StoreChoice::Memory));
    assert_eq!(StoreChoice::parse("file:a b.json"), Some(StoreChoice::File("a b.json".into())));
    assert_eq!(StoreChoice::parse("file:"), None);
    assert_eq!(StoreChoice::parse("cloud"), None);
}

#[tokio::test]
async fn fixed_port_that_cannot_be_opened_is_named() {
    let world = World::new().await;
    let auth = world.auth().await;
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port();
    let id = auth.save(SaveAccount { redirect: Redirect::Fixed(port), ..demo() }).await.unwrap();
    let error = auth.login(&id).await.unwrap_err();
    assert_eq!((&error, error.field()), (&AuthError::PortTaken(port), Some(Field::Port)));
    let sentence = error.to_string();
    assert!(sentence.contains(&port.to_string()) && sentence.contains("Choose another port"), "{sentence}");
}
