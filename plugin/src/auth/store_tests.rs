//! Several copies of the package on one store, and stores that come and go.

use std::collections::VecDeque;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use spotify_sim::{Fault, STOPPED_AT, Sim};

use super::care::{ROUND, STORE_RETRY, WRITE_PATIENCE};
use super::store::StoreError;
use super::testing::{Scripted, World, demo, identify, until, user};
use super::*;
use crate::clock::ManualClock;

/// The life of an access token.
const HOUR_MS: u64 = 3_600_000;

/// A folder with a private file and a lock in it, and a Spotify that rotates refresh tokens.
struct Shared {
    world: World,
    folder: tempfile::TempDir,
}

impl Shared {
    async fn new() -> Self {
        let clock = Arc::new(ManualClock::at(u64::try_from(STOPPED_AT.as_millis()).unwrap()));
        let shared = Arc::clone(&clock);
        let config = spotify_sim::Config {
            clock: Arc::new(move || Duration::from_millis(shared.unix_ms())),
            rotate_refresh_tokens: true,
            ..spotify_sim::Config::default()
        };
        let world = World { sim: Sim::start(config).await.unwrap(), clock, http: Http::new() };
        Self { world, folder: tempfile::tempdir().unwrap() }
    }

    fn file(&self) -> PathBuf {
        self.folder.path().join("accounts.json")
    }

    /// A copy of the package with the file as its store.
    async fn copy(&self) -> Auth {
        self.world.started(self.world.config(StoreChoice::File(self.file()))).await
    }

    /// What a copy of the package needs that would like a keyring.
    fn config(&self) -> Config {
        Config {
            private_file: Some(self.file()),
            // One lock for whoever uses the file, however it came to it.
            lock_file: Some(self.file().with_added_extension("lock")),
            ..self.world.config(StoreChoice::Keyring)
        }
    }

    /// A copy of the package with this keyring.
    async fn copy_with(&self, keyring: &Scripted) -> Auth {
        let auth = Auth::start_with(self.config(), Box::new(keyring.clone()), StoreKind::Keyring);
        until(&auth, |state| state.link != Link::Loading).await;
        auth
    }

    /// A signed-in account in the private file, as an earlier start has left it; its id.
    async fn chosen_earlier(&self) -> String {
        let auth = self.copy().await;
        let id = auth.save(demo()).await.unwrap();
        self.world.sign_in(&auth, &id).await;
        id
    }
}

fn other() -> SaveAccount {
    SaveAccount { client_id: "other".into(), client_secret: None, ..demo() }
}

async fn both_have_tokens(one: &Auth, two: &Auth) {
    for copy in [one, two] {
        copy.token(Group::Player, Needs::User).await.unwrap();
    }
}

fn clients(auth: &Auth) -> Vec<String> {
    auth.watch().borrow().accounts.iter().map(|account| account.client_id.clone()).collect()
}

fn store(auth: &Auth) -> StoreView {
    auth.watch().borrow().store.clone()
}

fn unavailable() -> Scripted {
    let keyring = Scripted::new();
    keyring.fail(Some(StoreError::Unavailable("no D-Bus".into())));
    keyring
}

impl Scripted {
    fn fail(&self, error: Option<StoreError>) {
        *self.failure.lock().unwrap() = error;
    }

    fn clients(&self) -> Vec<String> {
        self.accounts.lock().unwrap().iter().map(|account| account.client_id.clone()).collect()
    }
}

/// Lets the time of rounds and retries pass.
async fn later(auth: &Auth, wanted: impl Fn(&AuthState) -> bool) -> Arc<AuthState> {
    tokio::time::pause();
    tokio::time::advance(STORE_RETRY + ROUND).await;
    let state = until(auth, wanted).await;
    tokio::time::resume();
    state
}

#[tokio::test]
async fn two_copies_lose_no_account_of_each_other() {
    let shared = Shared::new().await;
    let (one, two) = (shared.copy().await, shared.copy().await);
    one.save(demo()).await.unwrap();
    two.save(other()).await.unwrap();
    assert_eq!(clients(&two), [demo().client_id, "other".into()]);
    let third = SaveAccount { client_id: "third".into(), ..other() };
    let id = one.save(third).await.unwrap();
    assert_eq!(clients(&one), [demo().client_id, "other".into(), "third".into()]);
    one.remove(&id).await.unwrap();
    assert_eq!(clients(&shared.copy().await), [demo().client_id, "other".into()]);
}

#[tokio::test]
async fn the_same_account_typed_at_two_hosts_is_one() {
    let shared = Shared::new().await;
    let (one, two) = (shared.copy().await, shared.copy().await);
    let id = one.save(demo()).await.unwrap();
    shared.world.sign_in(&one, &id).await;
    two.save(demo()).await.unwrap();
    assert_eq!(two.watch().borrow().link, Link::Linked, "the sign-in of the other host serves here, too");
    two.token(Group::Player, Needs::User).await.unwrap();
    shared.world.clock.advance(HOUR_MS);
    one.token(Group::Player, Needs::User).await.unwrap();
    assert_eq!((clients(&one).len(), clients(&two).len()), (1, 1));
}

#[tokio::test]
async fn a_token_rotated_by_one_copy_is_found_by_the_other() {
    let shared = Shared::new().await;
    shared.chosen_earlier().await;
    let (one, two) = (shared.copy().await, shared.copy().await);
    // Just after its start a copy renews by itself, too.
    both_have_tokens(&one, &two).await;
    shared.world.sim.clear_requests();
    for round in 0..3 {
        shared.world.clock.advance(HOUR_MS);
        for copy in [&one, &two] {
            copy.token(Group::Player, Needs::User).await.unwrap();
        }
        assert_eq!(shared.world.grants("refresh_token"), 2 * (round + 1), "none was refused");
    }
}

#[tokio::test]
async fn two_copies_that_renew_at_the_same_moment_take_turns() {
    let shared = Shared::new().await;
    shared.chosen_earlier().await;
    let (one, two) = (shared.copy().await, shared.copy().await);
    both_have_tokens(&one, &two).await;
    shared.world.sim.clear_requests();
    for round in 0..5 {
        shared.world.clock.advance(HOUR_MS);
        let (first, second) =
            tokio::join!(one.token(Group::Player, Needs::User), two.token(Group::Player, Needs::User));
        assert!(first.is_ok() && second.is_ok(), "{first:?} {second:?}");
        assert_eq!(shared.world.grants("refresh_token"), 2 * (round + 1), "none was refused");
    }
}

#[tokio::test]
async fn a_log_out_at_one_host_is_one_at_the_other_whatever_the_clock_says() {
    let shared = Shared::new().await;
    let id = shared.chosen_earlier().await;
    let (one, two) = (shared.copy().await, shared.copy().await);
    both_have_tokens(&one, &two).await;
    shared.world.clock.set(1000);
    one.logout(&id).await.unwrap();
    shared.world.clock.set(u64::try_from(STOPPED_AT.as_millis()).unwrap() + HOUR_MS);
    assert_eq!(two.token(Group::Player, Needs::User).await.unwrap_err(), AuthError::NotLinked);
    let state = Arc::clone(&two.watch().borrow());
    assert_eq!((state.link, state.accounts[0].state), (Link::NotLinked, AccountState::NeedsLogin));
}

#[tokio::test]
async fn an_account_removed_at_one_host_is_gone_at_the_other() {
    let shared = Shared::new().await;
    let id = shared.chosen_earlier().await;
    let (one, two) = (shared.copy().await, shared.copy().await);
    both_have_tokens(&one, &two).await;
    one.remove(&id).await.unwrap();
    shared.world.clock.advance(HOUR_MS);
    assert_eq!(two.token(Group::Player, Needs::User).await.unwrap_err(), AuthError::NotLinked);
    assert!(clients(&two).is_empty());
    assert_eq!(std::fs::read_to_string(shared.file()).unwrap(), "[]");
}

/// A store that holds something else each time it is read.
struct Sequence(VecDeque<Vec<StoredAccount>>, Arc<Mutex<Vec<StoredAccount>>>);

impl Backend for Sequence {
    fn load(&mut self) -> Result<Vec<StoredAccount>, StoreError> {
        if self.0.len() > 1 { Ok(self.0.pop_front().unwrap()) } else { Ok(self.0[0].clone()) }
    }

    fn write(&mut self, accounts: &[StoredAccount]) -> Result<(), StoreError> {
        *self.1.lock().unwrap() = accounts.to_vec();
        self.0 = VecDeque::from([accounts.to_vec()]);
        Ok(())
    }
}

#[tokio::test]
async fn a_refused_token_is_given_up_only_if_no_newer_one_is_stored() {
    for newer_is_good in [true, false] {
        let shared = Shared::new().await;
        shared.chosen_earlier().await;
        let read = |bytes: Vec<u8>| serde_json::from_slice::<Vec<StoredAccount>>(&bytes).unwrap();
        let before = read(std::fs::read(shared.file()).unwrap());
        shared.world.clock.advance(HOUR_MS);
        shared.copy().await.token(Group::Player, Needs::User).await.unwrap();
        let after = read(std::fs::read(shared.file()).unwrap());
        if !newer_is_good {
            shared.world.sim.revoke_refresh_tokens();
        }
        let asked = shared.world.grants("refresh_token");
        // The other copy was at work without the lock: what it wrote shows only after our token was refused.
        let written = Arc::new(Mutex::new(Vec::new()));
        let reads = VecDeque::from([before.clone(), before, after]);
        let backend = Box::new(Sequence(reads, Arc::clone(&written)));
        let auth = Auth::start_with(shared.world.config(StoreChoice::Keyring), backend, StoreKind::Keyring);
        until(&auth, |state| state.link == Link::Linked).await;
        let answer = auth.token(Group::Player, Needs::User).await;
        assert_eq!(shared.world.grants("refresh_token") - asked, 2, "the old one and once the new one");
        match answer {
            Ok(_) => assert!(newer_is_good),
            Err(error) => assert!(!newer_is_good && error == AuthError::SignInAgain, "{error:?}"),
        }
        let written = written.lock().unwrap()[0].clone();
        assert_eq!(written.refresh_token.is_some(), newer_is_good);
        assert!(written.client_secret.is_some());
    }
}

#[tokio::test]
async fn a_keyring_that_hangs_does_not_keep_a_token_from_being_renewed() {
    let shared = Shared::new().await;
    let keyring = Scripted::new();
    let auth = shared.copy_with(&keyring).await;
    let id = auth.save(demo()).await.unwrap();
    shared.world.sign_in(&auth, &id).await;
    shared.world.clock.advance(HOUR_MS);
    let stored = || keyring.accounts.lock().unwrap()[0].refresh_token.clone().unwrap();
    let before = stored();
    let (release, hold) = std::sync::mpsc::channel();
    *keyring.hold.lock().unwrap() = Some(hold);
    let asking = tokio::spawn({
        let auth = auth.clone();
        async move { auth.token(Group::Player, Needs::User).await }
    });
    while keyring.hold.lock().unwrap().is_some() {
        tokio::task::yield_now().await;
    }
    // First the look at the store is given up, then the write of the rotated token.
    while !asking.is_finished() {
        tokio::time::pause();
        tokio::time::advance(WRITE_PATIENCE / 4).await;
        tokio::time::resume();
        for _ in 0..1000 {
            tokio::task::yield_now().await;
        }
    }
    asking.await.unwrap().unwrap();
    assert_eq!(store(&auth).issue, Some(StoreIssue::NotWritten));
    drop(release);
    until(&auth, |state| state.store.issue.is_none()).await;
    assert_ne!(stored(), before, "the rotated token was written in the end");
    shared.copy_with(&keyring).await.token(Group::Player, Needs::User).await.unwrap();
}

#[tokio::test]
async fn a_keyring_that_comes_later_takes_over_by_itself() {
    let shared = Shared::new().await;
    let keyring = unavailable();
    let auth = shared.copy_with(&keyring).await;
    assert_eq!((store(&auth).kind, store(&auth).can_retry), (StoreKind::Memory, true));
    let id = auth.save(demo()).await.unwrap();
    shared.world.sign_in(&auth, &id).await;
    // What it holds from earlier comes along.
    let stored = Scripted::new();
    let earlier = shared.copy_with(&stored).await;
    earlier.save(other()).await.unwrap();
    *keyring.accounts.lock().unwrap() = stored.accounts.lock().unwrap().clone();

    keyring.fail(None);
    let state = later(&auth, |state| state.store.kind == StoreKind::Keyring).await;
    assert_eq!((&state.store.issue, state.store.can_use_file, state.store.can_retry), (&None, false, false));
    assert_eq!(clients(&auth), ["other".into(), demo().client_id]);
    assert_eq!(keyring.clients(), clients(&auth));
    auth.token(Group::Player, Needs::User).await.unwrap();
    assert!(!shared.file().exists());
}

#[tokio::test]
async fn a_locked_keyring_is_asked_again_only_when_the_user_says_so() {
    let shared = Shared::new().await;
    let keyring = Scripted::new();
    keyring.fail(Some(StoreError::Locked));
    let auth = shared.copy_with(&keyring).await;
    let view = store(&auth);
    assert_eq!((view.issue, view.can_use_file, view.can_retry), (Some(StoreIssue::Locked), false, true));
    auth.save(demo()).await.unwrap();
    keyring.fail(None);
    tokio::time::pause();
    tokio::time::advance(STORE_RETRY * 3).await;
    for _ in 0..1000 {
        tokio::task::yield_now().await;
    }
    tokio::time::resume();
    assert_eq!(store(&auth).kind, StoreKind::Memory);
    auth.retry_store().await;
    assert_eq!((store(&auth).kind, store(&auth).issue), (StoreKind::Keyring, None));
    assert_eq!(keyring.clients(), [demo().client_id]);
}

#[tokio::test]
async fn a_private_file_goes_into_the_keyring_when_one_answers_at_the_start() {
    let shared = Shared::new().await;
    let id = shared.chosen_earlier().await;
    let keyring = Scripted::new();
    let auth = shared.copy_with(&keyring).await;
    until(&auth, |state| state.store.kind == StoreKind::Keyring).await;
    assert_eq!(keyring.clients(), [demo().client_id]);
    assert!(!shared.file().exists());
    assert_eq!(auth.token(Group::Player, Needs::User).await.unwrap().account(), id);

    // The next start reads it from there.
    drop(auth);
    let auth = shared.copy_with(&keyring).await;
    assert_eq!((store(&auth).kind, auth.watch().borrow().link), (StoreKind::Keyring, Link::Linked));
}

#[tokio::test]
async fn a_private_file_goes_into_a_keyring_that_comes_later_or_is_unlocked() {
    for (failure, can_retry) in [(StoreError::Unavailable("none".into()), false), (StoreError::Locked, true)] {
        let shared = Shared::new().await;
        shared.chosen_earlier().await;
        let keyring = Scripted::new();
        keyring.fail(Some(failure));
        let auth = shared.copy_with(&keyring).await;
        until(&auth, |state| state.store.can_retry == can_retry).await;
        assert_eq!(store(&auth).kind, StoreKind::File);
        auth.save(other()).await.unwrap();
        keyring.fail(None);
        if can_retry {
            auth.retry_store().await;
        } else {
            later(&auth, |state| state.store.kind == StoreKind::Keyring).await;
        }
        assert_eq!((store(&auth).kind, store(&auth).issue), (StoreKind::Keyring, None));
        assert_eq!(keyring.clients(), [demo().client_id, "other".into()]);
        assert!(!shared.file().exists());
    }
}

#[tokio::test]
async fn a_file_that_the_environment_asks_for_stays_where_it_is() {
    let shared = Shared::new().await;
    shared.chosen_earlier().await;
    let auth = shared.copy().await;
    auth.retry_store().await;
    assert_eq!((store(&auth).kind, store(&auth).can_retry), (StoreKind::File, false));
    // Deleted under our hands it is written again.
    std::fs::remove_file(shared.file()).unwrap();
    auth.save(other()).await.unwrap();
    assert_eq!(clients(&shared.copy().await), [demo().client_id, "other".into()]);
}

/// A keyring that takes everything and keeps nothing.
struct Forgetful;

impl Backend for Forgetful {
    fn load(&mut self) -> Result<Vec<StoredAccount>, StoreError> {
        Ok(Vec::new())
    }

    fn write(&mut self, _accounts: &[StoredAccount]) -> Result<(), StoreError> {
        Ok(())
    }
}

#[tokio::test]
async fn a_private_file_stays_until_the_keyring_gives_back_what_it_was_given() {
    let shared = Shared::new().await;
    shared.chosen_earlier().await;
    let auth = Auth::start_with(shared.config(), Box::new(Forgetful), StoreKind::Keyring);
    until(&auth, |state| state.link == Link::Linked).await;
    auth.retry_store().await;
    assert_eq!(store(&auth).kind, StoreKind::File);
    assert!(shared.file().exists());
    auth.save(other()).await.unwrap();
    assert_eq!(clients(&shared.copy().await), [demo().client_id, "other".into()]);
}

#[tokio::test]
async fn a_copy_whose_file_was_moved_away_follows_it_into_the_keyring() {
    let shared = Shared::new().await;
    let id = shared.chosen_earlier().await;
    let (one, two) = (unavailable(), unavailable());
    let two = Scripted { accounts: Arc::clone(&one.accounts), ..two };
    let (first, second) = (shared.copy_with(&one).await, shared.copy_with(&two).await);
    one.fail(None);
    two.fail(None);
    first.retry_store().await;
    assert_eq!(store(&first).kind, StoreKind::Keyring);
    first.save(other()).await.unwrap();
    identify(&second, &id, user("u", "Name")).await;
    assert_eq!((store(&second).kind, store(&second).issue), (StoreKind::Keyring, None));
    assert_eq!(clients(&second), [demo().client_id, "other".into()]);
    assert!(one.accounts.lock().unwrap()[0].user.is_some());
    assert!(!shared.file().exists());
}

#[tokio::test]
async fn a_copy_whose_file_is_gone_and_that_finds_no_keyring_writes_it_again() {
    let shared = Shared::new().await;
    shared.chosen_earlier().await;
    let auth = shared.copy_with(&unavailable()).await;
    std::fs::remove_file(shared.file()).unwrap();
    auth.save(other()).await.unwrap();
    assert_eq!((store(&auth).kind, store(&auth).issue), (StoreKind::File, None));
    assert_eq!(clients(&shared.copy().await), [demo().client_id, "other".into()]);
}

#[tokio::test]
async fn while_the_keyring_hangs_the_file_can_be_chosen_and_the_keyring_takes_it_back() {
    let shared = Shared::new().await;
    let keyring = Scripted::new();
    let auth = shared.copy_with(&keyring).await;
    let (release, hold) = std::sync::mpsc::channel();
    *keyring.hold.lock().unwrap() = Some(hold);
    let saving = tokio::spawn({
        let auth = auth.clone();
        async move { auth.save(demo()).await }
    });
    while keyring.hold.lock().unwrap().is_some() {
        tokio::task::yield_now().await;
    }
    tokio::time::pause();
    tokio::time::advance(WRITE_PATIENCE).await;
    let state = until(&auth, |state| state.store.can_use_file).await;
    tokio::time::resume();
    assert_eq!((state.store.issue, state.store.can_retry), (Some(StoreIssue::NotWritten), true));
    saving.await.unwrap().unwrap();
    auth.use_private_file().await.unwrap();
    assert_eq!((store(&auth).kind, store(&auth).issue), (StoreKind::File, None));
    assert!(shared.file().exists());
    drop(release);
    later(&auth, |state| state.store.kind == StoreKind::Keyring).await;
    assert_eq!(keyring.clients(), [demo().client_id]);
    assert!(!shared.file().exists());
}

#[tokio::test]
async fn an_account_that_no_entry_holds_is_said_and_goes_into_the_private_file() {
    let shared = Shared::new().await;
    let keyring = Scripted::new();
    let auth = shared.copy_with(&keyring).await;
    keyring.fail(Some(StoreError::TooLarge));
    let id = auth.save(demo()).await.unwrap();
    shared.world.sign_in(&auth, &id).await;
    assert_eq!((store(&auth).issue, store(&auth).can_use_file), (Some(StoreIssue::TooLarge), true));
    auth.token(Group::Player, Needs::User).await.unwrap();
    auth.use_private_file().await.unwrap();
    assert_eq!((store(&auth).kind, store(&auth).issue), (StoreKind::File, None));
    // The keyring is asked again, and refuses again.
    auth.retry_store().await;
    assert_eq!(store(&auth).kind, StoreKind::File);
    drop(auth);
    let restarted = shared.copy_with(&keyring).await;
    assert_eq!(restarted.watch().borrow().accounts[0].client_id, demo().client_id);
    restarted.token(Group::Player, Needs::User).await.unwrap();
}

#[tokio::test]
async fn a_retry_is_a_second_chance_for_a_failed_write() {
    let shared = Shared::new().await;
    let keyring = Scripted::new();
    let auth = shared.copy_with(&keyring).await;
    for (failure, issue) in
        [(StoreError::Locked, StoreIssue::Locked), (StoreError::Unavailable("gone".into()), StoreIssue::NotWritten)]
    {
        keyring.fail(Some(failure));
        let id = auth.save(demo()).await.unwrap();
        let view = store(&auth);
        // One that is locked needs its password and not another place.
        let file_helps = issue == StoreIssue::NotWritten;
        assert_eq!((view.issue, view.can_retry, view.can_use_file), (Some(issue), true, file_helps));
        keyring.fail(None);
        auth.retry_store().await;
        assert_eq!((store(&auth).issue, store(&auth).can_retry), (None, false));
        auth.remove(&id).await.unwrap();
    }
    auth.save(demo()).await.unwrap();
    assert_eq!(keyring.clients(), [demo().client_id]);
}

#[tokio::test]
async fn a_sign_in_at_another_host_is_found_without_a_restart() {
    let shared = Shared::new().await;
    let waiting = shared.copy().await;
    assert_eq!(waiting.watch().borrow().link, Link::NotLinked);
    shared.chosen_earlier().await;
    later(&waiting, |state| state.link == Link::Linked).await;
    waiting.token(Group::Player, Needs::User).await.unwrap();
}

#[tokio::test]
async fn a_dead_network_under_the_lock_of_renewals_costs_nothing() {
    let shared = Shared::new().await;
    shared.chosen_earlier().await;
    let (one, two) = (shared.copy().await, shared.copy().await);
    both_have_tokens(&one, &two).await;
    shared.world.clock.advance(HOUR_MS);
    shared.world.sim.inject(Fault::drop_connection().on("", "/accounts").times(1));
    assert_eq!(one.token(Group::Player, Needs::User).await.unwrap_err(), AuthError::Offline);
    two.token(Group::Player, Needs::User).await.unwrap();
}
