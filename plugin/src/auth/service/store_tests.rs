//! Tests of several copies of the package with one store, and of stores that become available or unavailable.

use std::collections::VecDeque;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use spotify_sim::{Fault, STOPPED_AT, Sim};

use super::maintenance::ROUND;
use super::prelude::*;
use super::testing::{Scripted, World, demo, identify, start_with, until, user};
use crate::auth::accounts::{AccountState, ClientId, Needs, StoredAccount};
use crate::auth::store::{Backend, STORE_RETRY, StoreChoice, StoreError, StoreKind, StoreStatus, WRITE_PATIENCE};
use crate::clock::ManualClock;

/// The life of an access token.
const HOUR: Duration = Duration::from_secs(3_600);

/// A folder with a private file and its lock, and a Spotify that rotates refresh tokens.
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

    /// Starts a copy of the package with the file as its store.
    async fn copy(&self) -> Auth {
        self.world.started(self.world.config(StoreChoice::File(self.file()))).await
    }

    /// Returns the configuration of a copy of the package that prefers a keyring.
    fn config(&self) -> Config {
        Config {
            private_file: Some(self.file()),
            // One lock for every copy that uses the file.
            lock_file: Some(self.file().with_added_extension("lock")),
            ..self.world.config(StoreChoice::Keyring)
        }
    }

    /// Starts a copy of the package with this keyring.
    async fn copy_with(&self, keyring: &Scripted) -> Auth {
        let auth = start_with(self.config(), keyring.clone());
        until(&auth, |state| state.link != Link::Loading).await;
        auth
    }

    /// Stores a signed-in account in the private file, as at an earlier start. Returns its id.
    async fn chosen_earlier(&self) -> AccountId {
        let auth = self.copy().await;
        let id = auth.save(demo()).await.unwrap();
        self.world.sign_in(&auth, &id).await;
        id
    }
}

fn other() -> SaveAccount {
    SaveAccount { client_id: "other".into(), client_secret: None, ..demo() }
}

async fn request_tokens(one: &Auth, two: &Auth) {
    for copy in [one, two] {
        copy.token(Group::Player, Needs::User).await.unwrap();
    }
}

fn clients(auth: &Auth) -> Vec<ClientId> {
    auth.watch().borrow().accounts.iter().map(|account| account.client_id.clone()).collect()
}

fn store(auth: &Auth) -> StoreStatus {
    auth.watch().borrow().store
}

fn not_written() -> StoreStatus {
    StoreStatus::NotWritten { kind: StoreKind::Keyring, file_possible: true }
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

    fn clients(&self) -> Vec<ClientId> {
        self.accounts.lock().unwrap().iter().map(|account| account.client_id.clone()).collect()
    }
}

/// Lets time pass for maintenance and retries, until the state is as wanted.
async fn later(auth: &Auth, wanted: impl Fn(&AuthState) -> bool) -> Arc<AuthState> {
    tokio::time::pause();
    tokio::time::advance(STORE_RETRY + ROUND).await;
    let state = until(auth, wanted).await;
    tokio::time::resume();
    state
}

#[tokio::test]
async fn copies_lose_no_account_of_each_other() {
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
async fn account_typed_at_two_hosts_is_stored_once() {
    let shared = Shared::new().await;
    let (one, two) = (shared.copy().await, shared.copy().await);
    let id = one.save(demo()).await.unwrap();
    shared.world.sign_in(&one, &id).await;
    two.save(demo()).await.unwrap();
    assert_eq!(two.watch().borrow().link, Link::Linked, "the sign-in of the other host is used here, too");
    two.token(Group::Player, Needs::User).await.unwrap();
    shared.world.advance(HOUR);
    one.token(Group::Player, Needs::User).await.unwrap();
    assert_eq!((clients(&one).len(), clients(&two).len()), (1, 1));
}

#[tokio::test]
async fn token_rotated_by_one_copy_is_found_by_the_other() {
    let shared = Shared::new().await;
    shared.chosen_earlier().await;
    let (one, two) = (shared.copy().await, shared.copy().await);
    // A copy also renews its token just after the start.
    request_tokens(&one, &two).await;
    shared.world.sim.clear_requests();
    for round in 0..3 {
        shared.world.advance(HOUR);
        for copy in [&one, &two] {
            copy.token(Group::Player, Needs::User).await.unwrap();
        }
        assert_eq!(shared.world.grants("refresh_token"), 2 * (round + 1), "none was refused");
    }
}

#[tokio::test]
async fn copies_that_renew_at_the_same_time_take_turns() {
    let shared = Shared::new().await;
    shared.chosen_earlier().await;
    let (one, two) = (shared.copy().await, shared.copy().await);
    request_tokens(&one, &two).await;
    shared.world.sim.clear_requests();
    for round in 0..5 {
        shared.world.advance(HOUR);
        let (first, second) =
            tokio::join!(one.token(Group::Player, Needs::User), two.token(Group::Player, Needs::User));
        assert!(first.is_ok() && second.is_ok(), "{first:?} {second:?}");
        assert_eq!(shared.world.grants("refresh_token"), 2 * (round + 1), "none was refused");
    }
}

#[tokio::test]
async fn log_out_reaches_other_hosts_despite_a_wrong_clock() {
    let shared = Shared::new().await;
    let id = shared.chosen_earlier().await;
    let (one, two) = (shared.copy().await, shared.copy().await);
    request_tokens(&one, &two).await;
    shared.world.clock.set(1000);
    one.logout(&id).await.unwrap();
    shared.world.clock.set(u64::try_from((STOPPED_AT + HOUR).as_millis()).unwrap());
    assert_eq!(two.token(Group::Player, Needs::User).await.unwrap_err(), AuthError::NotLinked);
    let state = Arc::clone(&two.watch().borrow());
    assert_eq!((state.link, state.accounts[0].state), (Link::NotLinked, AccountState::NeedsLogin));
}

#[tokio::test]
async fn removal_reaches_other_hosts() {
    let shared = Shared::new().await;
    let id = shared.chosen_earlier().await;
    let (one, two) = (shared.copy().await, shared.copy().await);
    request_tokens(&one, &two).await;
    one.remove(&id).await.unwrap();
    shared.world.advance(HOUR);
    assert_eq!(two.token(Group::Player, Needs::User).await.unwrap_err(), AuthError::NotLinked);
    assert!(clients(&two).is_empty());
    assert_eq!(std::fs::read_to_string(shared.file()).unwrap(), "[]");
}

/// A store with other contents each time it is loaded.
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
async fn refused_token_is_dropped_only_without_a_newer_one() {
    for newer_is_good in [true, false] {
        let shared = Shared::new().await;
        shared.chosen_earlier().await;
        let read = |bytes: Vec<u8>| serde_json::from_slice::<Vec<StoredAccount>>(&bytes).unwrap();
        let before = read(std::fs::read(shared.file()).unwrap());
        shared.world.advance(HOUR);
        shared.copy().await.token(Group::Player, Needs::User).await.unwrap();
        let after = read(std::fs::read(shared.file()).unwrap());
        if !newer_is_good {
            shared.world.sim.revoke_refresh_tokens();
        }
        let requests_before = shared.world.grants("refresh_token");
        // The other copy has worked without the lock: what it has written shows only after our token is refused.
        let written = Arc::new(Mutex::new(Vec::new()));
        let reads = VecDeque::from([before.clone(), before, after]);
        let backend = Sequence(reads, Arc::clone(&written));
        let auth = start_with(shared.world.config(StoreChoice::Keyring), backend);
        until(&auth, |state| state.link == Link::Linked).await;
        let answer = auth.token(Group::Player, Needs::User).await;
        assert_eq!(shared.world.grants("refresh_token") - requests_before, 2, "the old one, then once the new one");
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
async fn hanging_keyring_does_not_block_a_renewal() {
    let shared = Shared::new().await;
    let keyring = Scripted::new();
    let auth = shared.copy_with(&keyring).await;
    let id = auth.save(demo()).await.unwrap();
    shared.world.sign_in(&auth, &id).await;
    shared.world.advance(HOUR);
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
    // First reading the store times out, then writing the rotated token.
    while !asking.is_finished() {
        tokio::time::pause();
        tokio::time::advance(WRITE_PATIENCE / 4).await;
        tokio::time::resume();
        for _ in 0..1000 {
            tokio::task::yield_now().await;
        }
    }
    asking.await.unwrap().unwrap();
    assert_eq!(store(&auth), not_written());
    drop(release);
    until(&auth, |state| state.store == StoreStatus::Ready(StoreKind::Keyring)).await;
    assert_ne!(stored(), before, "the rotated token was written");
    shared.copy_with(&keyring).await.token(Group::Player, Needs::User).await.unwrap();
}

#[tokio::test]
async fn late_keyring_replaces_memory() {
    let shared = Shared::new().await;
    let keyring = unavailable();
    let auth = shared.copy_with(&keyring).await;
    assert_eq!(store(&auth), StoreStatus::NoKeyring { file_possible: true });
    assert!(store(&auth).can_retry());
    let id = auth.save(demo()).await.unwrap();
    shared.world.sign_in(&auth, &id).await;
    // Its accounts from earlier are merged.
    let stored = Scripted::new();
    let earlier = shared.copy_with(&stored).await;
    earlier.save(other()).await.unwrap();
    *keyring.accounts.lock().unwrap() = stored.accounts.lock().unwrap().clone();

    keyring.fail(None);
    let state = later(&auth, |state| state.store.kind() == StoreKind::Keyring).await;
    assert_eq!(state.store, StoreStatus::Ready(StoreKind::Keyring));
    assert!(!state.store.can_use_file() && !state.store.can_retry());
    assert_eq!(clients(&auth), ["other".into(), demo().client_id]);
    assert_eq!(keyring.clients(), clients(&auth));
    auth.token(Group::Player, Needs::User).await.unwrap();
    assert!(!shared.file().exists());
}

#[tokio::test]
async fn locked_keyring_is_asked_again_only_by_the_user() {
    let shared = Shared::new().await;
    let keyring = Scripted::new();
    keyring.fail(Some(StoreError::Locked));
    let auth = shared.copy_with(&keyring).await;
    assert_eq!(store(&auth), StoreStatus::Locked(StoreKind::Memory));
    assert!(!store(&auth).can_use_file() && store(&auth).can_retry());
    auth.save(demo()).await.unwrap();
    keyring.fail(None);
    tokio::time::pause();
    tokio::time::advance(STORE_RETRY * 3).await;
    for _ in 0..1000 {
        tokio::task::yield_now().await;
    }
    tokio::time::resume();
    assert_eq!(store(&auth).kind(), StoreKind::Memory);
    auth.retry_store().await;
    assert_eq!(store(&auth), StoreStatus::Ready(StoreKind::Keyring));
    assert_eq!(keyring.clients(), [demo().client_id]);
}

#[tokio::test]
async fn private_file_moves_into_a_keyring_at_the_start() {
    let shared = Shared::new().await;
    let id = shared.chosen_earlier().await;
    let keyring = Scripted::new();
    let auth = shared.copy_with(&keyring).await;
    until(&auth, |state| state.store.kind() == StoreKind::Keyring).await;
    assert_eq!(keyring.clients(), [demo().client_id]);
    assert!(!shared.file().exists());
    assert_eq!(*auth.token(Group::Player, Needs::User).await.unwrap().account(), id);

    // The next start reads the keyring.
    drop(auth);
    let auth = shared.copy_with(&keyring).await;
    assert_eq!((store(&auth).kind(), auth.watch().borrow().link), (StoreKind::Keyring, Link::Linked));
}

#[tokio::test]
async fn private_file_moves_into_a_late_or_unlocked_keyring() {
    for (failure, can_retry) in [(StoreError::Unavailable("none".into()), false), (StoreError::Locked, true)] {
        let shared = Shared::new().await;
        shared.chosen_earlier().await;
        let keyring = Scripted::new();
        keyring.fail(Some(failure));
        let auth = shared.copy_with(&keyring).await;
        until(&auth, |state| state.store.can_retry() == can_retry).await;
        assert_eq!(store(&auth).kind(), StoreKind::File);
        auth.save(other()).await.unwrap();
        keyring.fail(None);
        if can_retry {
            auth.retry_store().await;
        } else {
            later(&auth, |state| state.store.kind() == StoreKind::Keyring).await;
        }
        assert_eq!(store(&auth), StoreStatus::Ready(StoreKind::Keyring));
        assert_eq!(keyring.clients(), [demo().client_id, "other".into()]);
        assert!(!shared.file().exists());
    }
}

#[tokio::test]
async fn file_chosen_by_the_environment_stays() {
    let shared = Shared::new().await;
    shared.chosen_earlier().await;
    let auth = shared.copy().await;
    auth.retry_store().await;
    assert_eq!(store(&auth), StoreStatus::Ready(StoreKind::File));
    // A file that somebody deletes is written again.
    std::fs::remove_file(shared.file()).unwrap();
    auth.save(other()).await.unwrap();
    assert_eq!(clients(&shared.copy().await), [demo().client_id, "other".into()]);
}

/// A keyring that accepts everything and stores nothing.
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
async fn private_file_stays_until_the_keyring_is_verified() {
    let shared = Shared::new().await;
    shared.chosen_earlier().await;
    let auth = start_with(shared.config(), Forgetful);
    until(&auth, |state| state.link == Link::Linked).await;
    auth.retry_store().await;
    assert_eq!(store(&auth).kind(), StoreKind::File);
    assert!(shared.file().exists());
    auth.save(other()).await.unwrap();
    assert_eq!(clients(&shared.copy().await), [demo().client_id, "other".into()]);
}

#[tokio::test]
async fn copy_follows_its_file_into_the_keyring() {
    let shared = Shared::new().await;
    let id = shared.chosen_earlier().await;
    let (one, two) = (unavailable(), unavailable());
    let two = Scripted { accounts: Arc::clone(&one.accounts), ..two };
    let (first, second) = (shared.copy_with(&one).await, shared.copy_with(&two).await);
    one.fail(None);
    two.fail(None);
    first.retry_store().await;
    assert_eq!(store(&first).kind(), StoreKind::Keyring);
    first.save(other()).await.unwrap();
    identify(&second, &id, user("u", "Name")).await;
    assert_eq!(store(&second), StoreStatus::Ready(StoreKind::Keyring));
    assert_eq!(clients(&second), [demo().client_id, "other".into()]);
    assert!(one.accounts.lock().unwrap()[0].user.is_some());
    assert!(!shared.file().exists());
}

#[tokio::test]
async fn missing_file_is_rewritten_without_a_keyring() {
    let shared = Shared::new().await;
    shared.chosen_earlier().await;
    let auth = shared.copy_with(&unavailable()).await;
    std::fs::remove_file(shared.file()).unwrap();
    auth.save(other()).await.unwrap();
    assert_eq!(store(&auth), StoreStatus::Ready(StoreKind::File));
    assert_eq!(clients(&shared.copy().await), [demo().client_id, "other".into()]);
}

#[tokio::test]
async fn file_can_replace_a_hanging_keyring() {
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
    let state = until(&auth, |state| state.store.can_use_file()).await;
    tokio::time::resume();
    assert_eq!(state.store, not_written());
    assert!(state.store.can_retry());
    saving.await.unwrap().unwrap();
    auth.use_private_file().await.unwrap();
    assert_eq!(store(&auth), StoreStatus::Ready(StoreKind::File));
    assert!(shared.file().exists());
    drop(release);
    later(&auth, |state| state.store.kind() == StoreKind::Keyring).await;
    assert_eq!(keyring.clients(), [demo().client_id]);
    assert!(!shared.file().exists());
}

#[tokio::test]
async fn account_too_large_for_the_keyring_goes_into_the_file() {
    let shared = Shared::new().await;
    let keyring = Scripted::new();
    let auth = shared.copy_with(&keyring).await;
    keyring.fail(Some(StoreError::TooLarge));
    let id = auth.save(demo()).await.unwrap();
    shared.world.sign_in(&auth, &id).await;
    assert_eq!(store(&auth), StoreStatus::TooLarge { kind: StoreKind::Keyring, file_possible: true });
    assert!(store(&auth).can_use_file());
    auth.token(Group::Player, Needs::User).await.unwrap();
    auth.use_private_file().await.unwrap();
    assert_eq!(store(&auth), StoreStatus::Ready(StoreKind::File));
    // The keyring is tried again, and refuses again.
    auth.retry_store().await;
    assert_eq!(store(&auth).kind(), StoreKind::File);
    drop(auth);
    let restarted = shared.copy_with(&keyring).await;
    assert_eq!(restarted.watch().borrow().accounts[0].client_id, demo().client_id);
    restarted.token(Group::Player, Needs::User).await.unwrap();
}

#[tokio::test]
async fn retry_repeats_a_failed_write() {
    let shared = Shared::new().await;
    let keyring = Scripted::new();
    let auth = shared.copy_with(&keyring).await;
    for (failure, status) in [
        (StoreError::Locked, StoreStatus::Locked(StoreKind::Keyring)),
        (StoreError::Unavailable("gone".into()), not_written()),
    ] {
        keyring.fail(Some(failure));
        let id = auth.save(demo()).await.unwrap();
        assert_eq!(store(&auth), status);
        // A locked one needs its password, not another place.
        assert_eq!((status.can_retry(), status.can_use_file()), (true, status == not_written()));
        keyring.fail(None);
        auth.retry_store().await;
        assert_eq!(store(&auth), StoreStatus::Ready(StoreKind::Keyring));
        auth.remove(&id).await.unwrap();
    }
    auth.save(demo()).await.unwrap();
    assert_eq!(keyring.clients(), [demo().client_id]);
}

#[tokio::test]
async fn sign_in_at_another_host_is_found_without_a_restart() {
    let shared = Shared::new().await;
    let waiting = shared.copy().await;
    assert_eq!(waiting.watch().borrow().link, Link::NotLinked);
    shared.chosen_earlier().await;
    later(&waiting, |state| state.link == Link::Linked).await;
    waiting.token(Group::Player, Needs::User).await.unwrap();
}

#[tokio::test]
async fn network_failure_under_the_renewal_lock_costs_nothing() {
    let shared = Shared::new().await;
    shared.chosen_earlier().await;
    let (one, two) = (shared.copy().await, shared.copy().await);
    request_tokens(&one, &two).await;
    shared.world.advance(HOUR);
    shared.world.sim.inject(Fault::drop_connection().on("", "/accounts").times(1));
    assert_eq!(one.token(Group::Player, Needs::User).await.unwrap_err(), AuthError::Offline);
    two.token(Group::Player, Needs::User).await.unwrap();
}
