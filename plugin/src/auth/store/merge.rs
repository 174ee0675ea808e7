//! Merges two lists of accounts that were changed independently.
//!
//! Two hosts, or two copies of the package, share one store. A copy that writes has what was stored when it last read
//! (`base`), what it has now (`ours`) and what is stored now (`theirs`); the result keeps both sides' changes. Where
//! both changed the same account, the newer sign-in counts, and our version of the rest. It is a pure function, because it
//! decides about tokens that can't be obtained again.

use std::collections::hash_map::Entry;
use std::collections::{HashMap, HashSet};
use std::hash::Hash;

use crate::auth::accounts::{AccountId, ClientId, StoredAccount};

/// Merges our version of `base` with the others' version, in linear time.
///
/// - An account that one side left unchanged is the other side's.
/// - Where both changed it, the sign-in is one side's, as one unit except for a user that only the other has learned: a
///   log-in or log-out by the user rather than a token that was only renewed, otherwise the newer `token_at`. Everything else
///   is ours, as one unit. A sign-in never goes to another Client ID than the one that it was obtained with.
/// - Added accounts of both sides are kept. Accounts that one side removed are removed, unless the user has changed them on
///   the other side; a renewed token is not a user's change.
/// - Two accounts with one Client ID are one account.
/// - The order is theirs with our additions at the end; ours with their additions at the end if we reordered.
pub(super) fn merge(base: &[StoredAccount], ours: &[StoredAccount], theirs: &[StoredAccount]) -> Vec<StoredAccount> {
    let (base_ids, our_ids, their_ids) = (places(base, id), places(ours, id), places(theirs, id));
    let their_clients = places(theirs, |account| &account.client_id);
    let in_base = |id: &AccountId| base_ids.get(id).map(|place| &base[*place]);
    // Its place in our list, its place in theirs, and the merged account.
    let mut merged: Vec<(Option<usize>, Option<usize>, StoredAccount)> = Vec::new();
    let mut paired = vec![false; theirs.len()];
    for (place, our) in ours.iter().enumerate() {
        let same_app = || {
            let place = their_clients.get(&our.client_id).copied();
            place.filter(|place| !our_ids.contains_key(&theirs[*place].id))
        };
        let other = their_ids.get(&our.id).copied().or_else(same_app);
        match other {
            Some(other) => {
                let their = &theirs[other];
                paired[other] = true;
                let known = in_base(&our.id).or_else(|| in_base(&their.id));
                // One that we have removed and added again stays where we have added it.
                let other = (our.id == their.id || in_base(&their.id).is_none()).then_some(other);
                merged.push((Some(place), other, merge_one(known, our, their)));
            }
            None if in_base(&our.id).is_none_or(|known| changed_by_user(known, our)) => {
                merged.push((Some(place), None, our.clone()));
            }
            None => {}
        }
    }
    for (place, their) in theirs.iter().enumerate().filter(|(place, _)| !paired[*place]) {
        if in_base(&their.id).is_none_or(|known| changed_by_user(known, their)) {
            merged.push((None, Some(place), their.clone()));
        }
    }

    let end = usize::MAX;
    if reordered(base, ours) {
        merged.sort_by_key(|(our, their, _)| (our.unwrap_or(end), their.unwrap_or(end)));
    } else {
        merged.sort_by_key(|(our, their, _)| (their.unwrap_or(end), our.unwrap_or(end)));
    }
    let mut list: Vec<StoredAccount> = Vec::with_capacity(merged.len());
    let mut clients: HashMap<ClientId, usize> = HashMap::with_capacity(merged.len());
    for (_, _, account) in merged {
        match clients.entry(account.client_id.clone()) {
            Entry::Occupied(place) => {
                let known = &mut list[*place.get()];
                *known = with_sign_in(known, newer_sign_in(known, &account));
            }
            Entry::Vacant(place) => {
                place.insert(list.len());
                list.push(account);
            }
        }
    }
    list
}

fn id(account: &StoredAccount) -> &AccountId {
    &account.id
}

/// Returns the place of the first account in a list with each value.
fn places<'a, T: Eq + Hash>(
    list: &'a [StoredAccount],
    value: impl Fn(&'a StoredAccount) -> &'a T,
) -> HashMap<&'a T, usize> {
    let mut places = HashMap::with_capacity(list.len());
    for (place, account) in list.iter().enumerate() {
        places.entry(value(account)).or_insert(place);
    }
    places
}

fn merge_one(base: Option<&StoredAccount>, ours: &StoredAccount, theirs: &StoredAccount) -> StoredAccount {
    let mut rest = match base {
        Some(base) if same_rest(base, ours) => theirs.clone(),
        _ => ours.clone(),
    };
    if base.is_none() && rest.client_secret.is_none() {
        // Typed again without its secret, because the stored account wasn't shown yet.
        rest.client_secret.clone_from(&theirs.client_secret);
    }
    let sign_in = match (ours.client_id == rest.client_id, theirs.client_id == rest.client_id) {
        (true, false) => ours,
        (false, true) => theirs,
        _ => match base {
            Some(base) if same_sign_in(base, ours) => theirs,
            Some(base) if same_sign_in(base, theirs) => ours,
            Some(base) if base.signed_in_at == ours.signed_in_at && base.signed_in_at != theirs.signed_in_at => theirs,
            Some(base) if base.signed_in_at == theirs.signed_in_at && base.signed_in_at != ours.signed_in_at => ours,
            _ => {
                let newer = newer_sign_in(ours, theirs);
                let mut merged = with_sign_in(&rest, newer);
                if merged.user.is_none() && ours.signed_in_at == theirs.signed_in_at {
                    // One has renewed the token, the other has learned its user.
                    merged.user = ours.user.clone().or_else(|| theirs.user.clone());
                }
                return merged;
            }
        },
    };
    with_sign_in(&rest, sign_in)
}

/// Returns the account with the newer sign-in, or the first. Of the same sign-in, one with a token wins: the refusal of one
/// copy's token says nothing about the token by which another copy has replaced it.
fn newer_sign_in<'a>(first: &'a StoredAccount, second: &'a StoredAccount) -> &'a StoredAccount {
    let same = first.signed_in_at == second.signed_in_at;
    let rank = |account: &StoredAccount| {
        let has_token = account.refresh_token.is_some();
        (same && has_token, account.token_at, has_token)
    };
    if rank(second) > rank(first) { second } else { first }
}

/// Returns `rest` with the sign-in of `from`. Every field that isn't named here is the rest.
fn with_sign_in(rest: &StoredAccount, from: &StoredAccount) -> StoredAccount {
    StoredAccount {
        refresh_token: from.refresh_token.clone(),
        user: from.user.clone(),
        signed_in_at: from.signed_in_at,
        token_at: from.token_at,
        ..rest.clone()
    }
}

fn same_sign_in(one: &StoredAccount, other: &StoredAccount) -> bool {
    with_sign_in(one, other) == *one
}

fn same_rest(one: &StoredAccount, other: &StoredAccount) -> bool {
    with_sign_in(one, other) == *other
}

/// True if the user has edited the account, logged in or logged out; renewing a token and learning its user happen
/// automatically.
fn changed_by_user(before: &StoredAccount, after: &StoredAccount) -> bool {
    !same_rest(before, after) || before.signed_in_at != after.signed_in_at
}

/// True if the order of `list` differs from that of `base` with additions at the end.
fn reordered(base: &[StoredAccount], list: &[StoredAccount]) -> bool {
    let ids: HashSet<&AccountId> = list.iter().map(id).collect();
    let kept = base.iter().filter(|account| ids.contains(&account.id));
    !kept.zip(list).all(|(before, now)| before.id == now.id)
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::option;
    use proptest::prelude::*;

    use super::*;
    use crate::auth::accounts::SignInDate;
    use crate::auth::{Redirect, Secret, User};
    use crate::unix_time::UnixTime;

    fn find<'a>(list: &'a [StoredAccount], id: &AccountId) -> Option<&'a StoredAccount> {
        list.iter().find(|account| account.id == *id)
    }

    fn date(seconds: u64) -> SignInDate {
        SignInDate::new(UnixTime::from_secs(seconds))
    }

    fn account(id: &str) -> StoredAccount {
        StoredAccount {
            refresh_token: Some(Secret::new("t0")),
            signed_in_at: Some(date(1)),
            token_at: UnixTime::from_millis(1),
            ..StoredAccount::new(id.into(), format!("client-{id}").into())
        }
    }

    fn token(account: &StoredAccount, token: &str, at: u64) -> StoredAccount {
        StoredAccount {
            refresh_token: Some(Secret::new(token)),
            token_at: UnixTime::from_millis(at),
            ..account.clone()
        }
    }

    fn logged_out(account: &StoredAccount, at: u64) -> StoredAccount {
        StoredAccount {
            refresh_token: None,
            user: None,
            signed_in_at: None,
            token_at: UnixTime::from_millis(at),
            ..account.clone()
        }
    }

    fn edited(account: &StoredAccount) -> StoredAccount {
        StoredAccount { redirect: Redirect::Avermedia, ..account.clone() }
    }

    /// Merges lists of one account.
    fn merge_single(base: &StoredAccount, ours: &StoredAccount, theirs: &StoredAccount) -> StoredAccount {
        let merged = merge(std::slice::from_ref(base), std::slice::from_ref(ours), std::slice::from_ref(theirs));
        <[StoredAccount; 1]>::try_from(merged).unwrap()[0].clone()
    }

    fn ids(list: &[StoredAccount]) -> Vec<&str> {
        list.iter().map(|account| account.id.as_str()).collect()
    }

    #[test]
    fn merge_takes_the_newer_token_and_our_settings() {
        let base = account("a");
        for (our_time, their_time, wanted) in [(5, 9, "theirs"), (9, 5, "ours"), (5, 5, "ours")] {
            let ours = edited(&token(&base, "ours", our_time));
            let theirs = token(&base, "theirs", their_time);
            let merged = merge_single(&base, &ours, &theirs);
            assert!(merged.refresh_token.as_ref().unwrap().matches(wanted));
            assert_eq!(merged.redirect, Redirect::Avermedia);
        }
    }

    #[test]
    fn merge_keeps_a_log_out_unless_there_is_a_later_login() {
        let base = account("a");
        let out = logged_out(&base, 5);
        let again = |at| StoredAccount { signed_in_at: Some(date(at)), ..token(&base, "new", at) };
        for (other, wanted) in
            [(token(&base, "t1", 4), &out), (token(&base, "t1", 9), &out), (again(4), &out), (again(9), &again(9))]
        {
            assert_eq!(merge_single(&base, &out, &other), *wanted);
            assert_eq!(merge_single(&base, &other, &out), *wanted);
        }
    }

    #[test]
    fn merge_keeps_a_newer_token_over_a_refused_one() {
        let base = account("a");
        let refused = StoredAccount { refresh_token: None, token_at: UnixTime::from_millis(9), ..base.clone() };
        let renewed = token(&base, "t1", 5);
        assert_eq!(merge_single(&base, &refused, &renewed), renewed);
        assert_eq!(merge_single(&base, &renewed, &refused), renewed);
        assert_eq!(merge_single(&base, &base, &refused), refused);
    }

    #[test]
    fn merge_never_gives_a_token_to_another_client_id() {
        let base = account("a");
        let moved = StoredAccount { client_id: "other".into(), ..logged_out(&base, 5) };
        let rotated = token(&base, "t1", 9);
        assert_eq!(merge_single(&base, &moved, &rotated), moved);
        assert_eq!(merge_single(&base, &rotated, &moved), moved);
        // We have edited something else meanwhile: the account stays ours, with our token.
        assert_eq!(merge_single(&base, &edited(&rotated), &moved), edited(&rotated));
    }

    #[test]
    fn merge_keeps_a_learned_user_and_a_renewed_token() {
        let base = account("a");
        let learned =
            StoredAccount { user: Some(User { id: "u".into(), account_id: None, name: "U".into() }), ..base.clone() };
        let both = StoredAccount { user: learned.user.clone(), ..token(&base, "t1", 9) };
        for (ours, theirs) in [(learned.clone(), token(&base, "t1", 9)), (token(&base, "t1", 9), learned)] {
            assert_eq!(merge_single(&base, &ours, &theirs), both);
        }
    }

    #[test]
    fn merge_keeps_a_removal_unless_the_user_edited() {
        let base = [account("a"), account("b")];
        let renewed = [token(&base[0], "t1", 9), base[1].clone()];
        assert_eq!(ids(&merge(&base, &base[1..], &renewed)), ["b"]);
        assert_eq!(ids(&merge(&base, &renewed, &base[1..])), ["b"]);
        let edit = [edited(&base[0]), base[1].clone()];
        assert_eq!(merge(&base, &base[1..], &edit), edit);
        assert_eq!(ids(&merge(&base, &edit, &base[1..])), ["b", "a"]);
    }

    #[test]
    fn merge_keeps_an_account_added_twice_once() {
        let typed = StoredAccount { client_id: "same".into(), ..logged_out(&account("new"), 0) };
        let stored = StoredAccount {
            client_id: "same".into(),
            client_secret: Some(Secret::new("kept")),
            token_at: UnixTime::default(),
            ..account("old")
        };
        let merged = merge(&[], std::slice::from_ref(&typed), std::slice::from_ref(&stored));
        assert_eq!(merged, [StoredAccount { id: "new".into(), ..stored.clone() }]);
        // The other copy, which had stored it, takes over the new id.
        assert_eq!(merge(std::slice::from_ref(&stored), std::slice::from_ref(&stored), &merged), merged);
    }

    #[test]
    fn merge_keeps_a_changed_order() {
        let base = [account("a"), account("b"), account("c")];
        let turned = [base[1].clone(), base[2].clone(), base[0].clone()];
        let longer = [base.to_vec(), vec![account("d")]].concat();
        assert_eq!(ids(&merge(&base, &turned, &longer)), ["b", "c", "a", "d"]);
        assert_eq!(ids(&merge(&base, &longer, &turned)), ["b", "c", "a", "d"]);
        let first = [account("x"), base[0].clone(), base[1].clone(), base[2].clone()];
        assert_eq!(ids(&merge(&base, &first, &longer)), ["x", "a", "b", "c", "d"]);
    }

    prop_compose! {
        fn any_account()(
            id in 0..6u8,
            client in 0..8u8,
            secret in option::of(0..2u8),
            relay in any::<bool>(),
            token in option::of(0..4u8),
            user in option::of(0..2u8),
            signed_in_at in option::of(0..3u64),
            token_at in 0..6u64,
        ) -> StoredAccount {
            StoredAccount {
                id: id.to_string().into(),
                client_id: client.to_string().into(),
                client_secret: secret.map(|secret| Secret::new(secret.to_string())),
                redirect: if relay { Redirect::Avermedia } else { Redirect::Loopback },
                same_developer_as: None,
                refresh_token: token.map(|token| Secret::new(format!("{client} {token}"))),
                user: user.map(|user| User { id: user.to_string().into(), account_id: None, name: user.to_string() }),
                signed_in_at: signed_in_at.map(date),
                token_at: UnixTime::from_millis(token_at),
            }
        }
    }

    prop_compose! {
        fn any_list()(accounts in vec(any_account(), 0..6)) -> Vec<StoredAccount> {
            let (mut ids, mut clients) = (HashSet::new(), HashSet::new());
            accounts.into_iter().filter(|a| ids.insert(a.id.clone()) && clients.insert(a.client_id.clone())).collect()
        }
    }

    fn is_unique<'a>(list: &'a [StoredAccount], key: impl Fn(&'a StoredAccount) -> &'a str) -> bool {
        let mut seen = HashSet::new();
        list.iter().all(|account| seen.insert(key(account)))
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 2000, failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn merge_without_our_change_is_theirs(base in any_list(), theirs in any_list()) {
            prop_assert_eq!(merge(&base, &base, &theirs), theirs);
        }

        #[test]
        fn merge_without_their_change_is_ours(base in any_list(), ours in any_list()) {
            prop_assert_eq!(merge(&base, &ours, &base), ours);
        }

        #[test]
        fn merge_of_equal_changes_is_that_change(base in any_list(), both in any_list()) {
            prop_assert_eq!(merge(&base, &both, &both), both);
        }

        #[test]
        fn merge_is_idempotent(base in any_list(), ours in any_list(), theirs in any_list()) {
            let stored = merge(&base, &ours, &theirs);
            prop_assert_eq!(merge(&ours, &ours, &stored), stored.clone());
            prop_assert_eq!(merge(&stored, &stored, &stored), stored);
        }

        #[test]
        fn merge_keeps_ids_and_client_ids_unique(base in any_list(), ours in any_list(), theirs in any_list()) {
            let merged = merge(&base, &ours, &theirs);
            prop_assert!(is_unique(&merged, |account| account.id.as_str()));
            prop_assert!(is_unique(&merged, |account| account.client_id.as_str()));
        }

        #[test]
        fn merge_invents_nothing(base in any_list(), ours in any_list(), theirs in any_list()) {
            for account in merge(&base, &ours, &theirs) {
                let from = |side: &StoredAccount| {
                    (&side.refresh_token, side.signed_in_at, side.token_at)
                        == (&account.refresh_token, account.signed_in_at, account.token_at)
                };
                prop_assert!(ours.iter().chain(&theirs).any(from));
                if let Some(token) = &account.refresh_token {
                    prop_assert_eq!(token.expose().split(' ').next(), Some(account.client_id.as_str()));
                }
            }
        }

        #[test]
        fn merge_keeps_additions_of_both_sides(base in any_list(), ours in any_list(), theirs in any_list()) {
            let merged = merge(&base, &ours, &theirs);
            for (side, other) in [(&ours, &theirs), (&theirs, &ours)] {
                for added in side.iter().filter(|account| find(&base, &account.id).is_none()) {
                    // Unless the other side has changed the same account, which may have another app now.
                    if find(other, &added.id).is_none() {
                        let is = |account: &StoredAccount| account.client_id == added.client_id || account.id == added.id;
                        prop_assert!(merged.iter().any(is));
                    }
                }
            }
        }

        #[test]
        fn merge_drops_what_one_side_removed(base in any_list(), ours in any_list()) {
            // They have changed and added nothing.
            let merged = merge(&base, &ours, &base);
            for removed in base.iter().filter(|account| find(&ours, &account.id).is_none()) {
                prop_assert!(find(&merged, &removed.id).is_none());
            }
        }
    }
}
