use super::*;
use crate::auth::LimitKind;
use crate::player::testing::instant;

const T: u64 = 1_000_000;
const MINUTE_MS: u64 = 60_000;
const DAY_MS: u64 = 24 * 60 * MINUTE_MS;

fn uri(text: &str) -> Uri {
    Uri::from_spotify(text).unwrap()
}

fn tracks(count: usize) -> Vec<Uri> {
    (1..=count).map(|number| uri(&format!("spotify:track:{number}"))).collect()
}

fn saved(uris: &[Uri]) -> Wanted<'_> {
    Wanted { saved: uris.iter().collect(), ..Wanted::default() }
}

fn answer(memory: &mut Memory, uris: &[Uri], at_ms: u64) {
    memory.on_asked(&Query::Saved(uris.to_vec()), Place::default(), instant(at_ms));
    memory.on_query_result(&QueryResult::Saved(uris.iter().map(|uri| (uri.clone(), true)).collect()));
}

/// Sends the queries due in a span of time and fails them. Returns the queries with their times.
fn failures(memory: &mut Memory, wanted: &Wanted<'_>, error: &Error, span_ms: u64) -> Vec<(u64, Query)> {
    let mut asked = Vec::new();
    for now_ms in (T..T + span_ms).step_by(10_000) {
        let due = memory.next_query(wanted, instant(now_ms)).filter(|(_, due_at)| *due_at <= instant(now_ms));
        if let Some((query, _)) = due {
            memory.on_asked(&query, wanted.place.clone(), instant(now_ms));
            memory.on_failure(&query, error, instant(now_ms));
            asked.push((now_ms - T, query));
        }
    }
    asked
}

#[test]
fn visible_uris_are_queried_together() {
    let mut memory = Memory::new();
    let uris = tracks(20);
    assert_eq!(memory.next_query(&saved(&uris), instant(T)), Some((Query::Saved(uris.clone()), instant(T))));
    answer(&mut memory, &uris, T);
    assert_eq!(memory.next_query(&saved(&uris), instant(T)).unwrap().1, instant(T + 600_000));
    // A query of a new track renews the others, too.
    let more = tracks(21);
    let (query, due_at) = memory.next_query(&saved(&more), instant(T + 1_000)).unwrap();
    let Query::Saved(mut asked) = query else { panic!("{query:?}") };
    assert_eq!((due_at, &asked[0], asked.len()), (instant(T + 1_000), &more[20], 21));
    asked.sort();
    assert_eq!(asked, {
        let mut sorted = more.clone();
        sorted.sort();
        sorted
    });
}

#[test]
fn many_uris_are_queried_in_several_calls() {
    let mut memory = Memory::new();
    let uris = tracks(90);
    let mut sizes = Vec::new();
    while let Some((Query::Saved(asked), due_at)) = memory.next_query(&saved(&uris), instant(T))
        && due_at <= instant(T)
    {
        answer(&mut memory, &asked, T);
        sizes.push(asked.len());
    }
    assert_eq!(sizes, [40, 40, 40], "the last call is filled with known ones");
    assert!(uris.iter().all(|uri| memory.is_saved(uri) == Some(true)));
}

#[test]
fn refused_name_is_queried_once() {
    for error in [Error::Unexpected(400), Error::Unexpected(403), Error::Unexpected(404)] {
        let mut memory = Memory::new();
        let playlist = uri("spotify:playlist:p");
        let wanted = Wanted { playlist: Some(&playlist), invalidated_at: Some(instant(T + 1)), ..Wanted::default() };
        let asked = failures(&mut memory, &wanted, &error, DAY_MS);
        assert_eq!(asked, [(0, Query::PlaylistName(playlist.clone()))], "{error:?}");
        let other = uri("spotify:playlist:q");
        let wanted = Wanted { playlist: Some(&other), ..Wanted::default() };
        assert_eq!(memory.next_query(&wanted, instant(T)).unwrap().1, instant(T), "another one may have a name");
        memory.forget_refusals();
        let wanted = Wanted { playlist: Some(&playlist), ..Wanted::default() };
        assert_eq!(
            memory.next_query(&wanted, instant(T + 1_000)).unwrap().1,
            instant(T + 1_000),
            "another account may have access"
        );
    }
}

#[test]
fn missing_permission_refuses_every_query_of_its_kind() {
    for error in [Error::MissingScope, Error::PremiumRequired, Error::NotOnAllowList, Error::AppOwnerNeedsPremium] {
        let mut memory = Memory::new();
        let uris = tracks(300);
        let mut asked = 0;
        // Each of many tracks would be queried.
        for (number, uri) in (0..).zip(&uris) {
            let now_ms = T + number * 200_000;
            let wanted = Wanted { saved: vec![uri], devices: true, ..Wanted::default() };
            while let Some((query, due_at)) = memory.next_query(&wanted, instant(now_ms))
                && due_at <= instant(now_ms)
            {
                memory.on_asked(&query, Place::default(), instant(now_ms));
                memory.on_failure(&query, &error, instant(now_ms));
                asked += 1;
            }
        }
        assert_eq!(asked, 2, "{error:?}: the library and the devices, once each");
        memory.forget_refusals();
        assert!(memory.next_query(&saved(&uris), instant(T + DAY_MS / 2)).unwrap().1 <= instant(T + DAY_MS / 2));
    }
}

#[test]
fn one_malformed_uri_does_not_spoil_the_others() {
    let mut memory = Memory::new();
    let uris = tracks(5);
    let mut calls = Vec::new();
    while let Some((query, due_at)) = memory.next_query(&saved(&uris), instant(T))
        && due_at <= instant(T)
    {
        let Query::Saved(asked) = &query else { panic!("{query:?}") };
        calls.push(asked.len());
        if asked.contains(&uris[2]) {
            memory.on_asked(&query, Place::default(), instant(T));
            memory.on_failure(&query, &Error::Unexpected(400), instant(T));
        } else {
            answer(&mut memory, asked, T);
        }
    }
    assert_eq!(calls, [5, 1, 1, 1, 1, 1]);
    let known: Vec<_> = uris.iter().map(|uri| memory.is_saved(uri)).collect();
    assert_eq!(known, [Some(true), Some(true), None, Some(true), Some(true)]);
    // The others are then queried together.
    let (query, due_at) = memory.next_query(&saved(&uris), instant(T)).unwrap();
    assert_eq!(due_at, instant(T + 600_000));
    assert!(matches!(query, Query::Saved(asked) if asked.len() == 4));
}

#[test]
fn refused_queue_is_queried_again_elsewhere() {
    let mut memory = Memory::new();
    let place = |context: &str, device: &str| Place { context: Some(uri(context)), device: Some(device.into()) };
    let at = |place: Place| Wanted { queue: true, place, ..Wanted::default() };
    let here = at(place("spotify:album:a", "desk"));
    assert_eq!(failures(&mut memory, &here, &Error::Unexpected(403), 6 * 60 * MINUTE_MS).len(), 1);
    let now_ms = T + 6 * 60 * MINUTE_MS;
    for there in [place("spotify:album:b", "desk"), place("spotify:album:a", "phone")] {
        assert!(memory.next_query(&at(there), instant(now_ms)).unwrap().1 <= instant(now_ms));
    }
}

#[test]
fn passing_failures_back_off_and_end_with_an_answer() {
    let mut memory = Memory::new();
    let wanted = Wanted { devices: true, ..Wanted::default() };
    for error in [Error::Offline, Error::SpotifyDown(Some(502)), Error::Unexpected(200)] {
        memory = Memory::new();
        let asked = failures(&mut memory, &wanted, &error, 60 * MINUTE_MS);
        let times: Vec<u64> = asked.iter().map(|(at_ms, _)| at_ms / 1_000).collect();
        assert_eq!(times, [0, 30, 90, 210, 450, 930, 1_830, 2_730], "{error:?}");
    }
    let now_ms = T + 60 * MINUTE_MS;
    memory.on_asked(&Query::Devices, Place::default(), instant(now_ms));
    memory.on_query_result(&QueryResult::Devices(Vec::new()));
    memory.on_asked(&Query::Devices, Place::default(), instant(now_ms + 200_000));
    memory.on_failure(&Query::Devices, &Error::Offline, instant(now_ms + 200_000));
    assert_eq!(memory.next_query(&wanted, instant(now_ms + 200_000)).unwrap().1, instant(now_ms + 230_000));
}

#[test]
fn retry_waits_for_spotifys_limit() {
    let mut memory = Memory::new();
    let wanted = Wanted { devices: true, ..Wanted::default() };
    let wait = Error::RateLimited { retry_after: Some(Duration::from_secs(5_000)), kind: LimitKind::Quota };
    memory.on_asked(&Query::Devices, Place::default(), instant(T));
    memory.on_failure(&Query::Devices, &wait, instant(T));
    assert_eq!(memory.next_query(&wanted, instant(T)).unwrap().1, instant(T + 5_000_000));
}

#[test]
fn query_without_an_answer_is_repeated() {
    let mut memory = Memory::new();
    let wanted = Wanted { devices: true, ..Wanted::default() };
    memory.on_asked(&Query::Devices, Place::default(), instant(T));
    assert_eq!(memory.next_query(&wanted, instant(T + 1)).unwrap().1, instant(T) + RETRY.after(1));
}

#[test]
fn memory_keeps_its_bounds() {
    let mut memory = Memory::new();
    let chosen = tracks(20);
    for number in 0..3_000_u64 {
        let now_ms = T + number * 200_000;
        let track = uri(&format!("spotify:track:played{number}"));
        let list = uri(&format!("spotify:playlist:{number}"));
        let mut all = chosen.clone();
        all.push(track.clone());
        let wanted = Wanted { playlist: Some(&list), ..saved(&all) };
        while let Some((query, due_at)) = memory.next_query(&wanted, instant(now_ms))
            && due_at <= instant(now_ms)
        {
            memory.on_asked(&query, Place::default(), instant(now_ms));
            match query {
                Query::Saved(uris) => {
                    memory.on_query_result(&QueryResult::Saved(uris.into_iter().map(|uri| (uri, true)).collect()));
                }
                Query::PlaylistName(uri) => memory.on_query_result(&QueryResult::PlaylistName(uri, "Name".to_owned())),
                other => panic!("{other:?}"),
            }
        }
        assert_eq!(memory.is_saved(&track), Some(true));
    }
    assert!(memory.asked.len() <= MAX_ASKED.get());
    assert_eq!((memory.saved.len(), memory.names.len()), (MAX_SAVED.get(), MAX_NAMES.get()));
    assert!(chosen.iter().all(|uri| memory.is_saved(uri).is_some()), "visible URIs are kept");
}

#[test]
fn only_savable_uris_are_queried() {
    let texts = ["spotify:artist:a", "spotify:local:a:b:c:1", "spotify:collection", "spotify:episode:e"];
    let subscription = Subscription { saved: texts.map(uri).into(), ..Subscription::default() };
    assert_eq!(subscription.chosen().map(Uri::as_str).collect::<Vec<_>>(), ["spotify:episode:e"]);
    let many = Subscription { saved: tracks(1_000).into_iter().collect(), ..Subscription::default() };
    assert_eq!(many.chosen().count(), MAX_CHOSEN);
}
