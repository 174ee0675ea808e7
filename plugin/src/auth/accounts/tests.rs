//! The accounts without a service, a store or a clock.

use std::time::Duration;

use tokio::time::Instant;

use super::account::CONFIRM_AFTER;
use super::*;
use crate::auth::secret::Secret;

/// Moments so many seconds after the first one.
fn clock() -> impl Fn(u64) -> Now {
    let start = Instant::now();
    move |seconds| Now { unix_ms: 1_800_000_000_000 + seconds * 1_000, instant: start + Duration::from_secs(seconds) }
}

fn tokens(refresh: Option<&str>) -> Tokens {
    Tokens { access: Secret::new("access"), life: Duration::from_secs(3_600), refresh: refresh.map(Secret::new) }
}

/// Adds an account of an app, and signs it in as a user.
fn linked(accounts: &mut Accounts, app: &str, user: &str, now: Now) -> SignInId {
    let typed = SaveAccount {
        id: None,
        client_id: app.to_owned(),
        client_secret: None,
        pkce_only: true,
        redirect: Redirect::Loopback,
        same_developer_as: None,
    };
    let credentials = accounts.to_try(&typed).unwrap();
    accounts.save(typed, credentials, None, app.to_owned(), now).unwrap();
    let sign_in = accounts.begin_sign_in(app, Some(Secret::new(format!("refresh {app}"))), now).unwrap();
    assert!(accounts.complete_sign_in(sign_in, &tokens(None), now));
    accounts.set_user(sign_in, User { id: user.to_owned(), account_id: None, name: user.to_owned() });
    sign_in
}

fn states(accounts: &Accounts, now: Now) -> Vec<(AccountState, Option<AuthError>)> {
    accounts.view(None, now).accounts.into_iter().map(|account| (account.state, account.last_error)).collect()
}

#[test]
fn refusal_counts_when_it_is_repeated_minutes_later() {
    let (mut accounts, at) = (Accounts::default(), clock());
    linked(&mut accounts, "a", "user", at(0));
    let used = Secret::new("refresh a");
    let mut refuse = |now| accounts.on_renewal_failed("a", &used, TokenError::InvalidSecret, 0, now);
    assert_eq!(refuse(at(10)), AuthError::Doubted);
    assert_eq!(refuse(at(20)), AuthError::Doubted, "too soon to prove anything");
    assert_eq!(refuse(at(10 + CONFIRM_AFTER.as_secs())), AuthError::ClientSecretRefused);
    assert_eq!(states(&accounts, at(200))[0].0, AccountState::InvalidCredentials);
}

#[test]
fn answer_about_a_replaced_refresh_token_is_ignored() {
    let (mut accounts, at) = (Accounts::default(), clock());
    linked(&mut accounts, "a", "user", at(0));
    let (old, new) = (Secret::new("refresh a"), Secret::new("rotated"));
    accounts.on_rotated("a", &old, new.clone(), at(1)).unwrap();
    assert_eq!(accounts.on_sign_in_ended("a", &old), Err(AuthError::NotLinked));
    assert!(accounts.on_renewed("a", &old, &tokens(None), at(2)).is_err());
    assert_eq!(states(&accounts, at(2)), [(AccountState::Linked, None)]);
    accounts.on_sign_in_ended("a", &new).unwrap();
    assert_eq!(states(&accounts, at(3)), [(AccountState::SignInAgain, Some(AuthError::SignInAgain))]);
}

#[test]
fn sign_in_of_another_user_is_reverted() {
    let (mut accounts, at) = (Accounts::default(), clock());
    linked(&mut accounts, "a", "user", at(0));
    linked(&mut accounts, "b", "guest", at(1));
    let other = AuthError::OtherUser { name: "guest".into(), expected: "user".into() };
    assert_eq!(states(&accounts, at(2)), [(AccountState::Linked, None), (AccountState::NeedsLogin, Some(other))]);
    accounts.log_out("a", at(3)).unwrap();
    assert_eq!(states(&accounts, at(3))[1], (AccountState::NeedsLogin, None));
}

#[test]
fn stored_change_of_the_user_replaces_the_access_token() {
    let (mut accounts, at) = (Accounts::default(), clock());
    let before = linked(&mut accounts, "a", "user", at(0));
    // Another copy has renewed the token: this one's access token stays valid.
    let mut stored = accounts.to_store();
    stored[0].refresh_token = Some(Secret::new("theirs"));
    accounts.take_in(stored.clone(), at(1));
    assert!(accounts.lend("a", Needs::User, at(1)).unwrap().token.is_some());
    assert_eq!(accounts.sign_in_id("a"), Some(before));
    // Its user has signed in again there.
    stored[0].signed_in_at = Some(7);
    accounts.take_in(stored, at(2));
    assert!(accounts.lend("a", Needs::User, at(2)).unwrap().token.is_none());
    assert_ne!(accounts.sign_in_id("a"), Some(before));
}

#[test]
fn siblings_of_a_removed_account_stay_together() {
    let (mut accounts, at) = (Accounts::default(), clock());
    for app in ["a", "b", "c"] {
        linked(&mut accounts, app, "user", at(0));
    }
    let mut stored = accounts.to_store();
    for other in &mut stored[1..] {
        other.same_developer_as = Some("a".into());
    }
    accounts.take_in(stored, at(1));
    assert_eq!(accounts.remove("a", at(2)).as_deref(), Ok("a"));
    let related: Vec<_> = accounts.to_store().into_iter().map(|account| account.same_developer_as).collect();
    assert_eq!(related, [None, Some("b".to_owned())]);
}
