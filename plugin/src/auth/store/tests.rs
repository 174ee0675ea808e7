//! Tests of each place for secrets, and of the operations on it.

use std::fs;

use secrecy::zeroize::Zeroizing;

use super::backend::{Unread, encode};
use super::keyring::{DAMAGED_ENTRY, INDEX_ENTRY, LARGEST_ENTRY, account_entry};
use super::worker::StoreWorker;
use super::*;
use crate::auth::accounts::{LONGEST_CREDENTIAL, Redirect, SignInDate, StoredAccount, User};
use crate::auth::secret::Secret;
use crate::unix_time::UnixTime;

fn account(id: &str) -> StoredAccount {
    StoredAccount {
        client_secret: Some(Secret::new("s".repeat(32))),
        redirect: Redirect::Avermedia,
        same_developer_as: Some("0123456789abcdef".into()),
        refresh_token: Some(Secret::new("r".repeat(1000))),
        user: Some(User { id: "user".into(), account_id: None, name: "名前 ".repeat(30) }),
        signed_in_at: Some(SignInDate::new(UnixTime::from_secs(1_800_000_000))),
        token_at: UnixTime::from_secs(1_800_000_000),
        ..StoredAccount::new(id.into(), format!("client-{id}").into())
    }
}

fn accounts(stored: Result<Stored, StoreError>) -> Result<Vec<StoredAccount>, StoreError> {
    stored.map(|stored| stored.accounts)
}

async fn load(store: &StoreHandle) -> Result<Vec<StoredAccount>, StoreError> {
    accounts(store.run(|worker| worker.load()).await)
}

/// The largest account that the settings page accepts, with a refresh token of so many bytes.
fn largest(token: usize) -> StoredAccount {
    StoredAccount {
        client_id: "c".repeat(LONGEST_CREDENTIAL).into(),
        client_secret: Some(Secret::new("s".repeat(LONGEST_CREDENTIAL))),
        refresh_token: Some(Secret::new("r".repeat(token))),
        user: Some(User { id: "u".repeat(64).into(), account_id: None, name: "名前 ".repeat(100) }),
        signed_in_at: Some(serde_json::from_str("18446744073709551615").unwrap()),
        token_at: UnixTime::from_millis(u64::MAX),
        ..account("0123456789abcdef")
    }
}

#[test]
fn account_fits_the_windows_credential_store() {
    // Spotify's refresh tokens have some 130 to 400 characters.
    for token in [131, 600] {
        let mut account = largest(token);
        assert!(Keyring::with_form(false).fit(&mut account));
        assert_eq!(account, largest(token), "nothing is dropped");
        assert!(encode(&account).unwrap().len() <= LARGEST_ENTRY);
    }
}

#[test]
fn account_drops_its_user_name_to_fit() {
    let fitted = |token| {
        let mut account = largest(token);
        assert!(Keyring::with_form(false).fit(&mut account));
        assert!(encode(&account).unwrap().len() <= LARGEST_ENTRY, "{token}");
        assert_eq!(StoredAccount { user: None, ..account.clone() }, StoredAccount { user: None, ..largest(token) });
        account.user
    };
    assert_eq!(fitted(1500), Some(User { id: "u".repeat(64).into(), account_id: None, name: "u".repeat(64) }));
    assert_eq!(fitted(1850), None);
}

#[test]
fn account_too_large_is_refused_before_it_is_written() {
    let mut keyring = Keyring::with_form(false);
    assert!(!keyring.fit(&mut largest(2500)));
    let refused = keyring.put("account-a", Zeroizing::new(vec![b'x'; LARGEST_ENTRY + 1]));
    assert_eq!(refused, Err(StoreError::TooLarge));
    assert!(Keyring::with_form(true).fit(&mut largest(2500)), "a single entry may be large");
}

#[test]
fn file_returns_what_was_written() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("deep").join("accounts.json");
    let mut file = PrivateFile::new(&path);
    assert_eq!(file.load(), Ok(vec![]));
    file.write(&[account("a"), account("b")]).unwrap();
    assert_eq!(PrivateFile::new(&path).load(), Ok(vec![account("a"), account("b")]));
    file.write(&[account("b")]).unwrap();
    assert_eq!(PrivateFile::new(&path).load(), Ok(vec![account("b")]));
    let names: Vec<_> = fs::read_dir(path.parent().unwrap()).unwrap().collect();
    assert_eq!(names.len(), 1, "a temporary file was left");
}

#[test]
fn file_recovers_from_a_crash_during_a_write() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("accounts.json");
    let mut file = PrivateFile::new(&path);
    file.write(&[account("a")]).unwrap();
    let whole = encode(&[account("b")]).unwrap();
    for (beside, wanted) in [(&whole[..], "b"), (&whole[..whole.len() / 2], "b")] {
        fs::write(folder.path().join("accounts.json.new"), beside).unwrap();
        assert_eq!(PrivateFile::new(&path).load(), Ok(vec![account(wanted)]));
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }
}

#[test]
fn vanished_file_is_not_an_empty_list() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("accounts.json");
    let mut file = PrivateFile::new(&path);
    file.write(&[account("a")]).unwrap();
    fs::remove_file(&path).unwrap();
    assert_eq!(file.load(), Err(StoreError::Gone));
    file.write(&[account("a")]).unwrap();
    file.load().unwrap();
    PrivateFile::new(&path).remove().unwrap();
    assert!(!file.exists());
}

#[cfg(unix)]
#[test]
fn file_is_readable_by_its_owner_only() {
    use std::os::unix::fs::PermissionsExt;
    use std::path::Path;

    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("made").join("accounts.json");
    PrivateFile::new(&path).write(&[account("a")]).unwrap();
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&path), 0o600);
    assert_eq!(mode(path.parent().unwrap()), 0o700);
}

#[test]
fn damaged_file_is_kept_aside() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("accounts.json");
    fs::write(&path, "[{\"id\":").unwrap();
    let mut file = PrivateFile::new(&path);
    assert_eq!(file.load(), Err(StoreError::Damaged));
    assert_eq!(file.load(), Ok(vec![]));
    assert_eq!(fs::read_to_string(folder.path().join("accounts.json.damaged")).unwrap(), "[{\"id\":");
}

/// A keyring in memory.
fn in_memory(single_entry: bool) -> Keyring {
    let mut keyring = Keyring::with_form(single_entry);
    keyring.system = Some(keyring_core::mock::Store::new().unwrap());
    keyring.modifiers = &[];
    keyring
}

/// The same keyring in another copy of the package.
fn reopened(keyring: &Keyring) -> Keyring {
    let mut reopened = Keyring::with_form(keyring.single_entry);
    reopened.system.clone_from(&keyring.system);
    reopened.modifiers = keyring.modifiers;
    reopened
}

/// An account as a newer version may store it.
const NEWER: &str = r#"{"id":"n","client_id":{"of":"two","kinds":[]},"refresh_token":"newer"}"#;

#[test]
fn keyring_entry_of_a_newer_version_is_kept() {
    let mut keyring = in_memory(false);
    keyring.write(&[account("a"), account("b")]).unwrap();
    keyring.put("account-n", Zeroizing::new(NEWER.into())).unwrap();
    keyring.put(INDEX_ENTRY, Zeroizing::new(br#"["a","n","b"]"#.to_vec())).unwrap();
    let mut keyring = reopened(&keyring);
    assert_eq!(keyring.load(), Ok(vec![account("a"), account("b")]));
    for accounts in [vec![account("b")], vec![account("b"), account("c")], vec![]] {
        keyring.write(&accounts).unwrap();
        assert_eq!(reopened(&keyring).load(), Ok(accounts));
        assert_eq!(keyring.get("account-n").unwrap().unwrap().as_slice(), NEWER.as_bytes());
        assert_eq!(keyring.load().map(|accounts| accounts.len()), reopened(&keyring).load().map(|all| all.len()));
    }
    assert_eq!(keyring.get(INDEX_ENTRY).unwrap().unwrap().as_slice(), br#"["n"]"#);
}

#[test]
fn keyring_of_one_entry_keeps_accounts_of_a_newer_version() {
    let mut keyring = in_memory(true);
    keyring.add_unread(vec![Unread { id: Some("n".into()), json: Zeroizing::new(NEWER.into()) }]);
    for accounts in [vec![account("a")], vec![], vec![account("b"), account("c")]] {
        keyring.write(&accounts).unwrap();
        keyring = reopened(&keyring);
        assert_eq!(keyring.load(), Ok(accounts));
        assert_eq!(keyring.unread().len(), 1);
    }
}

#[test]
fn unreadable_keyring_index_is_copied_until_a_removal() {
    let mut keyring = in_memory(false);
    keyring.put(INDEX_ENTRY, Zeroizing::new(br#"{"ids":["a"]}"#.to_vec())).unwrap();
    let mut keyring = reopened(&keyring);
    assert_eq!(keyring.load(), Err(StoreError::Damaged));
    keyring.write(&[account("b")]).unwrap();
    assert_eq!(reopened(&keyring).load(), Ok(vec![account("b")]));
    assert_eq!(keyring.get(DAMAGED_ENTRY).unwrap().unwrap().as_slice(), br#"{"ids":["a"]}"#);
    keyring.discard_damaged().unwrap();
    keyring.discard_damaged().unwrap();
    assert_eq!(keyring.get(DAMAGED_ENTRY), Ok(None));
}

#[test]
fn accounts_beyond_the_most_stay_stored() {
    let many: Vec<StoredAccount> = (0..4_000).map(|number| account(&number.to_string())).collect();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("accounts.json");
    fs::write(&path, encode(&many).unwrap()).unwrap();
    let mut keyring = in_memory(false);
    keyring.write(&many[..60]).unwrap();
    let backends: [(Box<dyn Backend>, usize); 2] =
        [(Box::new(PrivateFile::new(&path)), many.len()), (Box::new(reopened(&keyring)), 60)];
    for (mut backend, all) in backends {
        assert_eq!(backend.load().unwrap(), many[..MOST_ACCOUNTS]);
        assert_eq!(backend.unread().len(), all - MOST_ACCOUNTS);
        backend.write(&many[1..MOST_ACCOUNTS]).unwrap();
        // The next one is loaded now.
        assert_eq!(backend.load().unwrap(), many[1..=MOST_ACCOUNTS]);
        assert_eq!(backend.unread().len(), all - MOST_ACCOUNTS - 1);
    }
}

#[test]
fn account_of_a_newer_version_stays_and_moves() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("accounts.json");
    let old = String::from_utf8(encode(&account("a")).unwrap().to_vec()).unwrap();
    fs::write(&path, format!("[{old}, {NEWER}]")).unwrap();
    let mut file = PrivateFile::new(&path);
    assert_eq!(file.load(), Ok(vec![account("a")]));
    file.write(&[account("b")]).unwrap();
    assert!(fs::read_to_string(&path).unwrap().contains(NEWER));
    let keyring = in_memory(false);
    let mut worker = StoreWorker { backend: Box::new(reopened(&keyring)), lock_file: None };
    let moved = worker.move_in(Some(path.clone()), &vec![account("b")], &vec![account("b")], &[]);
    assert_eq!(moved, Ok(Stored { accounts: vec![account("b")], has_unread: true }));
    assert!(!path.exists());
    assert_eq!(reopened(&keyring).get("account-n").unwrap().unwrap().as_slice(), NEWER.as_bytes());
}

#[test]
fn account_taken_over_by_a_newer_version_is_not_written() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("accounts.json");
    fs::write(&path, format!("[{NEWER}]")).unwrap();
    let mut worker = StoreWorker { backend: Box::new(PrivateFile::new(&path)), lock_file: None };
    let edited = StoredAccount { redirect: Redirect::Loopback, ..account("n") };
    let stored = worker.sync(&vec![account("n")], vec![edited, account("b")], false);
    assert_eq!(accounts(stored), Ok(vec![account("b")]));
    assert!(fs::read_to_string(&path).unwrap().contains(NEWER));
}

#[test]
fn removed_accounts_do_not_return_with_the_keyring() {
    let mut keyring = in_memory(false);
    keyring.write(&[account("a"), account("b")]).unwrap();
    let mut worker = StoreWorker { backend: Box::new(reopened(&keyring)), lock_file: None };
    let moved = worker.move_in(None, &vec![], &vec![account("c")], &["client-a".into()]);
    assert_eq!(accounts(moved), Ok(vec![account("b"), account("c")]));
    assert_eq!(reopened(&keyring).get("account-a"), Ok(None));
}

#[cfg(all(unix, not(target_os = "macos")))]
#[test]
fn locked_keyring_differs_from_a_missing_one() {
    use keyring_core::Error::{NoStorageAccess, PlatformFailure};
    use secret_service::Error as Cause;
    for error in [
        NoStorageAccess(Box::new(Cause::Locked)),
        NoStorageAccess(Box::new(Cause::Prompt)),
        PlatformFailure(Box::new(Cause::PromptDisconnected)),
    ] {
        assert_eq!(StoreError::from(error), StoreError::Locked);
    }
    for error in [
        NoStorageAccess(Box::new(Cause::NoResult)),
        PlatformFailure(Box::new(Cause::Unavailable)),
        PlatformFailure(Box::new(Cause::Crypto("of another kind"))),
    ] {
        assert!(matches!(StoreError::from(error), StoreError::Unavailable(_)));
    }
}

/// Run it with `dbus-run-session -- sh -c 'echo | gnome-keyring-daemon --unlock && cargo test -p spotify-plugin -- --ignored
/// keyring'`, or on Windows as a user of its own (under Wine in a prefix of its own), never with the keyring of the
/// user who is logged in.
#[test]
#[ignore = "needs a keyring of its own"]
fn keyring_returns_what_was_written() {
    let mut keyring = Keyring::new();
    assert_eq!(keyring.load(), Ok(vec![]));
    keyring.write(&[account("a"), account("b")]).unwrap();
    assert_eq!(Keyring::new().load(), Ok(vec![account("a"), account("b")]));

    let changed = StoredAccount { refresh_token: None, ..account("b") };
    keyring.write(&[changed.clone(), account("c")]).unwrap();
    assert_eq!(Keyring::new().load(), Ok(vec![changed, account("c")]));
    assert_eq!(keyring.get(&account_entry(&"a".into())), Ok(None), "the secrets of a removed account remain");

    keyring.write(&[]).unwrap();
    assert_eq!(Keyring::new().load(), Ok(vec![]));
}

/// As above.
#[test]
#[ignore = "needs a keyring of its own"]
fn keyring_reads_both_forms_of_entries() {
    // Small ones, which fit into a single entry even on Windows.
    let small = |id| StoredAccount { refresh_token: Some(Secret::new("token")), user: None, ..account(id) };
    let both = ["x", "y"].map(small);
    for single_entry in [false, true, false] {
        let mut keyring = Keyring::with_form(single_entry);
        assert!(keyring.load().is_ok());
        keyring.write(&both).unwrap();
        assert_eq!(Keyring::new().load(), Ok(both.to_vec()));
        let alone = keyring.get(&account_entry(&"x".into())).unwrap();
        assert_eq!(alone.is_none(), single_entry, "no secret stays in an entry that the index lacks");
    }
    let mut keyring = Keyring::with_form(false);
    keyring.load().unwrap();
    keyring.write(&[]).unwrap();
}

/// As above.
#[test]
#[ignore = "needs a keyring of its own"]
fn keyring_stores_the_others_despite_a_large_account() {
    let mut keyring = Keyring::with_form(false);
    let all = [largest(2500), account("z")];
    assert_eq!(keyring.write(&all), Err(StoreError::TooLarge));
    assert_eq!(Keyring::new().load(), Ok(vec![account("z")]));
    // The largest account that fits, to the byte.
    let mut most = StoredAccount { user: None, ..account("0123456789abcdef") };
    let spare = LARGEST_ENTRY - encode(&most).unwrap().len();
    most.refresh_token = Some(Secret::new("r".repeat(1000 + spare)));
    keyring.write(std::slice::from_ref(&most)).unwrap();
    assert_eq!(Keyring::new().load(), Ok(vec![most]));
    keyring.write(&[]).unwrap();
}

/// As above.
#[cfg(windows)]
#[test]
#[ignore = "needs a keyring of its own"]
fn keyring_entry_stays_on_this_computer() {
    let mut keyring = Keyring::new();
    keyring.write(&[account("w")]).unwrap();
    for name in [INDEX_ENTRY, "account-w"] {
        let about = keyring.entry(name).unwrap().get_attributes().unwrap();
        assert_eq!(about["persistence"], "Local", "{name}");
        assert_eq!(about["target_name"], format!("{name}.spotify-widgets"), "as Credential Manager shows it");
    }
    keyring.write(&[]).unwrap();
}

/// As above, but through the thread and from within an async runtime.
#[tokio::test]
#[ignore = "needs a keyring of its own"]
async fn keyring_works_beside_an_async_runtime() {
    let store = StoreHandle::new(Box::new(Keyring::new()), None, &Supervisor::new().0);
    load(&store).await.unwrap();
    store.sync(vec![], vec![account("z")], false).await.unwrap();
    assert_eq!(load(&store).await, Ok(vec![account("z")]));
    store.sync(vec![account("z")], vec![], false).await.unwrap();
    assert_eq!(load(&store).await, Ok(vec![]));
}

/// As above.
#[tokio::test]
#[ignore = "needs a keyring of its own"]
async fn keyring_is_shared_by_two_copies() {
    let folder = tempfile::tempdir().unwrap();
    let store = || StoreHandle::new(Box::new(Keyring::new()), Some(folder.path().join("lock")), &Supervisor::new().0);
    let (one, two) = (store(), store());
    let add = |id: &str| vec![account(id)];
    let (first, second) = tokio::join!(one.sync(vec![], add("one"), false), two.sync(vec![], add("two"), false));
    let (first, second) = (first.unwrap(), second.unwrap());
    assert_eq!(first.accounts.len().max(second.accounts.len()), 2);
    let both = load(&store()).await.unwrap();
    assert_eq!(both.len(), 2);
    // An account that one has removed doesn't return from the other, which still has it.
    one.sync(both.clone(), vec![], false).await.unwrap();
    two.sync(both.clone(), [both, add("three")].concat(), false).await.unwrap();
    assert_eq!(load(&store()).await, Ok(add("three")));
    one.sync(add("three"), vec![], false).await.unwrap();
}

/// As above.
#[tokio::test]
#[ignore = "needs a keyring of its own"]
async fn private_file_moves_into_the_keyring() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("accounts.json");
    PrivateFile::new(&path).write(&[account("f")]).unwrap();
    let store = StoreHandle::new(Box::new(Keyring::new()), None, &Supervisor::new().0);
    store.sync(vec![], vec![account("k")], false).await.unwrap();
    let both = vec![account("k"), account("f")];
    let (file, ours) = (Some(path.clone()), vec![account("f")]);
    let moved = store.run(move |worker| worker.move_in(file, &ours, &ours, &[])).await;
    assert_eq!(accounts(moved), Ok(both.clone()));
    assert_eq!(Keyring::new().load(), Ok(both.clone()));
    assert!(!path.exists());
    store.sync(both, vec![], false).await.unwrap();
}
