//! Tests of the accounts without a service, a store or a clock.

use std::time::Duration;

use tokio::time::Instant;

use super::account::CONFIRM_AFTER;
use super::*;
use crate::auth::secret::Secret;
use crate::unix_time::UnixTime;

/// Returns moments so many seconds after the first one.
fn clock() -> impl Fn(u64) -> Now {
    let start = Instant::now();
    move |seconds| Now {
        date: UnixTime::from_secs(1_800_000_000 + seconds),
        instant: start + Duration::from_secs(seconds),
    }
}

fn tokens(refresh: Option<&str>) -> Tokens {
    Tokens { access: Secret::new("access"), life: Duration::from_secs(3_600), refresh: refresh.map(Secret::new) }
}

/// Adds an account of an app, and signs it in as a user.
fn add_linked(accounts: &mut Accounts, app: &str, user: &str, now: Now) -> SignInId {
    let typed = SaveAccount {
        id: None,
        client_id: app.into(),
        client_secret: None,
        pkce_only: true,
        redirect: Redirect::Loopback,
        same_developer_as: None,
    };
    let id = AccountId::from(app);
    let credentials = accounts.credentials_to_check(&typed).unwrap();
    accounts.save(&typed, &id, credentials, None, now).unwrap();
    let sign_in = accounts.begin_sign_in(&id, Some(Secret::new(format!("refresh {app}"))), now).unwrap();
    assert!(accounts.complete_sign_in(sign_in, &tokens(None), now));
    accounts.set_user(sign_in, User { id: user.into(), account_id: None, name: user.to_owned() });
    sign_in
}

fn states(accounts: &Accounts, now: Now) -> Vec<(AccountState, Option<AuthError>)> {
    accounts.view(None, now).accounts.into_iter().map(|account| (account.state, account.last_error)).collect()
}

#[test]
fn refusal_counts_when_it_is_repeated_minutes_later() {
    let (mut accounts, at) = (Accounts::default(), clock());
    add_linked(&mut accounts, "a", "user", at(0));
    let used = Secret::new("refresh a");
    let mut refuse = |now| accounts.on_renewal_failed(&"a".into(), &used, TokenError::InvalidSecret, 0, now);
    assert_eq!(refuse(at(10)), AuthError::Doubted);
    assert_eq!(refuse(at(20)), AuthError::Doubted, "too soon to prove anything");
    assert_eq!(refuse(at(10 + CONFIRM_AFTER.as_secs())), AuthError::ClientSecretRefused);
    assert_eq!(states(&accounts, at(200))[0].0, AccountState::InvalidCredentials);
}

#[test]
fn answer_about_a_replaced_refresh_token_is_ignored() {
    let (mut accounts, at) = (Accounts::default(), clock());
    add_linked(&mut accounts, "a", "user", at(0));
    let (old, new) = (Secret::new("refresh a"), Secret::new("rotated"));
    accounts.on_rotated(&"a".into(), &old, new.clone(), at(1)).unwrap();
    assert_eq!(accounts.on_sign_in_ended(&"a".into(), &old), Err(AuthError::NotLinked));
    assert!(accounts.on_renewed(&"a".into(), &old, &tokens(None), at(2)).is_err());
    assert_eq!(states(&accounts, at(2)), [(AccountState::Linked, None)]);
    accounts.on_sign_in_ended(&"a".into(), &new).unwrap();
    assert_eq!(states(&accounts, at(3)), [(AccountState::SignInAgain, Some(AuthError::SignInAgain))]);
}

#[test]
fn sign_in_of_another_user_is_reverted() {
    let (mut accounts, at) = (Accounts::default(), clock());
    add_linked(&mut accounts, "a", "user", at(0));
    add_linked(&mut accounts, "b", "guest", at(1));
    let other = AuthError::OtherUser { name: "guest".into(), expected: "user".into() };
    assert_eq!(states(&accounts, at(2)), [(AccountState::Linked, None), (AccountState::NeedsLogin, Some(other))]);
    accounts.log_out(&"a".into(), at(3)).unwrap();
    assert_eq!(states(&accounts, at(3))[1], (AccountState::NeedsLogin, None));
}

#[test]
fn stored_change_of_the_user_replaces_the_access_token() {
    let (mut accounts, at) = (Accounts::default(), clock());
    let before = add_linked(&mut accounts, "a", "user", at(0));
    // Another copy has renewed the token: this one's access token stays valid.
    let mut stored = accounts.to_stored();
    stored[0].refresh_token = Some(Secret::new("theirs"));
    accounts.apply_stored(stored.clone(), at(1));
    assert!(accounts.lend(&"a".into(), Needs::User, at(1)).unwrap().token.is_some());
    assert_eq!(accounts.sign_in_id(&"a".into()), Some(before));
    // Its user has signed in again there.
    stored[0].signed_in_at = Some(SignInDate::new(UnixTime::from_secs(7)));
    accounts.apply_stored(stored, at(2));
    assert!(accounts.lend(&"a".into(), Needs::User, at(2)).unwrap().token.is_none());
    assert_ne!(accounts.sign_in_id(&"a".into()), Some(before));
}

#[test]
fn siblings_of_a_removed_account_stay_together() {
    let (mut accounts, at) = (Accounts::default(), clock());
    for app in ["a", "b", "c"] {
        add_linked(&mut accounts, app, "user", at(0));
    }
    let mut stored = accounts.to_stored();
    for other in &mut stored[1..] {
        other.same_developer_as = Some("a".into());
    }
    accounts.apply_stored(stored, at(1));
    assert_eq!(accounts.remove(&"a".into(), at(2)), Ok("a".into()));
    let related: Vec<_> = accounts.to_stored().into_iter().map(|account| account.same_developer_as).collect();
    assert_eq!(related, [None, Some("b".into())]);
}
