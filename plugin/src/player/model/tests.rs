use super::*;
use crate::auth::LimitKind;
use crate::auth::testing::accounts;
use crate::player::state::STALE_AFTER;
use crate::player::testing::{instant, key, ms, pressed, time};
use crate::spotify::{Device, Item, LinkedFrom};
use crate::unix_time::{UnixTime, millis};

const T: u64 = 1_000_000;
const TRUST_MS: u64 = TRUST.as_secs() * 1_000;
const REFUSAL_MS: u64 = REFUSAL_SHOWN.as_secs() * 1_000;
const DONE_MS: u64 = DONE_SHOWN.as_secs() * 1_000;
const STALE_MS: u64 = STALE_AFTER.as_secs() * 1_000;

fn uri(text: &str) -> Uri {
    Uri::from_spotify(text).unwrap()
}

fn playback(playing: bool, progress_ms: u64) -> Playback {
    Playback {
        is_playing: playing,
        progress_ms: Some(progress_ms),
        device: Some(Device { volume_percent: Some(40), ..Device::default() }),
        item: Some(Item { uri: Some(uri("spotify:track:1")), duration_ms: 60_000, ..Item::default() }),
        ..Playback::default()
    }
}

fn model(playing: bool) -> Model {
    let mut model = Model::new(Arc::new(accounts(Link::Linked, &["A"])));
    model.apply_playback(Some(playback(playing, 10_000)), instant(T), time(T));
    model
}

fn press(model: &mut Model, verb: Verb, at: u64) {
    assert!(model.command(pressed(verb, None), time(at)));
}

#[test]
fn clock_set_back_prolongs_nothing() {
    let mut model = model(true);
    press(&mut model, Verb::TogglePlay, T + 1_000);
    let call = model.next_call(time(T + 1_000)).unwrap();
    model.call_succeeded(&call, time(T + 1_000));
    press(&mut model, Verb::Next, T + 1_000);
    let call = model.next_call(time(T + 1_000)).unwrap();
    model.call_failed(&call, Error::Offline, time(T + 1_000));
    let later = |ms| Moment { date: UnixTime::from_millis(T - 500_000), ..time(T + 1_000 + ms) };
    model.on_wake(later(0).instant);
    assert!(model.at(later(REFUSAL_MS - 1)).refusal.is_some());
    assert_eq!(model.at(later(REFUSAL_MS)).refusal, None);
    assert!(!model.at(later(0)).now.unwrap().playing);
    model.apply_playback(Some(playback(true, 14_000)), later(TRUST_MS).instant, later(TRUST_MS));
    assert!(model.at(later(TRUST_MS)).now.unwrap().playing, "the pause is no longer trusted");
    assert_eq!(millis(model.at(later(TRUST_MS + 1_000)).now.unwrap().position), 15_000, "the position advances");
}

fn now(model: &Model, at: u64) -> Now {
    model.at(time(at)).now.unwrap()
}

#[test]
fn press_shows_at_once_and_paused_progress_stands_still() {
    let mut model = model(true);
    assert_eq!(millis(now(&model, T + 2_000).position), 12_000);
    press(&mut model, Verb::TogglePlay, T + 2_000);
    assert!(!now(&model, T + 2_000).playing);
    assert_eq!(millis(now(&model, T + 9_000).position), 12_000);
    assert_eq!(model.next_call(time(T + 60_000)).unwrap().call, Call::Pause);
    press(&mut model, Verb::TogglePlay, T + 9_000);
    assert_eq!(millis(now(&model, T + 10_000).position), 13_000);
    assert_eq!(model.next_call(time(T + 60_000)).unwrap().call, Call::Play);
}

#[test]
fn press_before_the_first_answer_waits_for_it() {
    let mut model = Model::new(Arc::new(accounts(Link::Linked, &["A"])));
    press(&mut model, Verb::VolumeBy(5), T);
    press(&mut model, Verb::ToggleSaved(None), T + 10);
    assert_eq!(model.next_call(time(T + 20)), None);
    let mut offline = model.clone();
    model.apply_playback(Some(playback(true, 10_000)), instant(T), time(T + 100));
    assert_eq!(model.next_call(time(T + 60_000)).unwrap().call, Call::Volume(45));
    assert!(matches!(model.next_call(time(T + 60_000)).unwrap().call, Call::Save { .. }));
    offline.poll_failed(Error::Offline, time(T + 100));
    assert!(offline.next_call(time(T + 60_000)).is_some(), "it is sent if the poll fails");
}

#[test]
fn refused_change_is_reverted_with_its_reason() {
    let mut model = model(true);
    press(&mut model, Verb::TogglePlay, T);
    let call = model.next_call(time(T + 60_000)).unwrap();
    model.call_failed(&call, Error::PremiumRequired, time(T + 50));
    let player = model.at(time(T + 60));
    assert!(player.now.as_ref().unwrap().playing);
    assert_eq!(player.refusal(&key()), Some(&Error::PremiumRequired));
    assert_eq!(player.refusal(&"another key".into()), None);
    assert_eq!(model.state.next_change_in(time(T + 60)), Some(ms(REFUSAL_MS - 10)));
    assert_eq!(model.at(time(T + 50 + REFUSAL_MS)).refusal(&key()), None);
}

#[test]
fn pausing_a_paused_item_succeeds() {
    let mut model = model(true);
    press(&mut model, Verb::TogglePlay, T);
    let call = model.next_call(time(T + 60_000)).unwrap();
    model.call_failed(&call, Error::Restricted(Restriction::AlreadyPaused), time(T + 50));
    assert!(!now(&model, T + 60).playing);
    assert_eq!(model.at(time(T + 60)).refusal(&key()), None);
}

#[test]
fn lagging_answer_does_not_revert_a_change() {
    let mut model = model(true);
    press(&mut model, Verb::TogglePlay, T);
    let call = model.next_call(time(T + 60_000)).unwrap();
    model.apply_playback(Some(playback(true, 10_100)), instant(T + 10), time(T + 20));
    assert!(!now(&model, T + 30).playing, "the call isn't completed yet");
    model.call_succeeded(&call, time(T + 50));
    model.apply_playback(Some(playback(true, 10_200)), instant(T + 100), time(T + 110));
    assert!(!now(&model, T + 120).playing, "the answer lags behind the call");
    model.apply_playback(Some(playback(false, 10_000)), instant(T + 500), time(T + 510));
    assert!(!now(&model, T + 520).playing);
    assert!(model.unconfirmed_write().is_none(), "the answer confirmed the change");
    model.apply_playback(Some(playback(true, 10_000)), instant(T + 600), time(T + 610));
    assert!(now(&model, T + 620).playing, "a confirmed change overrules no answer");
}

#[test]
fn trust_ends_when_spotify_never_agrees() {
    let mut model = model(true);
    press(&mut model, Verb::TogglePlay, T);
    let call = model.next_call(time(T + 60_000)).unwrap();
    model.call_succeeded(&call, time(T));
    model.apply_playback(Some(playback(true, 15_000)), instant(T + TRUST_MS), time(T + TRUST_MS));
    assert!(now(&model, T + TRUST_MS).playing);
}

#[test]
fn answer_from_before_a_write_does_not_confirm_it() {
    let mut model = model(false);
    press(&mut model, Verb::TogglePlay, T);
    let play = model.next_call(time(T + 60_000)).unwrap();
    press(&mut model, Verb::TogglePlay, T + 5);
    let pause = model.next_call(time(T + 60_000)).unwrap();
    model.call_succeeded(&play, time(T + 50));
    model.call_succeeded(&pause, time(T + 90));
    // It matches the pause, but was polled before either call was completed.
    model.apply_playback(Some(playback(false, 10_000)), instant(T + 1), time(T + 95));
    assert!(model.unconfirmed_write().is_some());
    assert!(!now(&model, T + 96).playing);
}

#[test]
fn queued_volume_call_takes_the_latest_value() {
    let mut model = model(true);
    press(&mut model, Verb::VolumeBy(5), T);
    let first = model.next_call(time(T)).unwrap();
    assert_eq!(first.call, Call::Volume(45));
    for n in 0..20 {
        press(&mut model, Verb::VolumeBy(5), T + n);
    }
    assert_eq!(now(&model, T + 30).volume, Some(100));
    assert_eq!(
        (model.next_call(time(T + 199)), model.next_step(time(T + 199))),
        (None, Some(instant(T + 200))),
        "a later value may follow"
    );
    assert_eq!(model.next_call(time(T + 200)).unwrap().call, Call::Volume(100));
    press(&mut model, Verb::VolumeBy(-5), T + 210);
    press(&mut model, Verb::Next, T + 211);
    assert_eq!(
        model.next_call(time(T + 212)).unwrap().call,
        Call::Volume(95),
        "other calls don't wait behind a volume"
    );
    assert_eq!(model.next_call(time(T + 213)).unwrap().call, Call::Next);
    assert_eq!(model.next_call(time(T + 60_000)), None);
}

/// Makes every call due from one moment to another, and returns them with their times.
fn calls(model: &mut Model, from: u64, to: u64) -> Vec<(u64, Call)> {
    let mut calls = Vec::new();
    for at in (from..=to).step_by(50) {
        model.step_fade(time(at));
        while let Some(call) = model.next_call(time(at)) {
            model.call_succeeded(&call, time(at));
            calls.push((at - from, call.call));
        }
    }
    calls
}

#[test]
fn fade_ends_in_time_and_is_replaced_by_later_commands() {
    let mut model = model(true);
    press(&mut model, Verb::VolumeTo { percent: 0, over: std::time::Duration::from_secs(4) }, T);
    let made = calls(&mut model, T, T + 6_000);
    assert_eq!(made.last(), Some(&(4_000, Call::Volume(0))));
    assert_eq!(made.len(), 8, "{made:?}");
    press(&mut model, Verb::VolumeTo { percent: 100, over: std::time::Duration::from_secs(4) }, T + 7_000);
    calls(&mut model, T + 7_000, T + 8_000);
    press(&mut model, Verb::VolumeTo { percent: 30, over: std::time::Duration::ZERO }, T + 8_010);
    assert_eq!(calls(&mut model, T + 8_300, T + 20_000), [(0, Call::Volume(30))]);
}

#[test]
fn unmute_restores_the_volume() {
    let mut model = model(true);
    press(&mut model, Verb::ToggleMute, T);
    assert_eq!(now(&model, T).volume, Some(0));
    press(&mut model, Verb::ToggleMute, T + 1_000);
    assert_eq!(now(&model, T + 1_000).volume, Some(40));
}

#[test]
fn seeks_add_up_and_stay_within_the_item() {
    let mut model = model(true);
    press(&mut model, Verb::SeekBy(15_000), T);
    assert_eq!(millis(now(&model, T).position), 25_000);
    press(&mut model, Verb::SeekBy(15_000), T + 1_000);
    assert_eq!(millis(now(&model, T + 1_000).position), 41_000);
    assert_eq!(model.next_call(time(T + 1_000)).unwrap().call, Call::Seek(ms(41_000)));
    press(&mut model, Verb::SeekBy(90_000), T + 2_000);
    assert_eq!(millis(now(&model, T + 2_000).position), 60_000);
    press(&mut model, Verb::SeekBy(-90_000), T + 3_000);
    assert_eq!(millis(now(&model, T + 3_500).position), 500);
    press(&mut model, Verb::Restart, T + 4_000);
    assert_eq!(calls(&mut model, T + 4_000, T + 5_000), [(0, Call::Seek(Duration::ZERO))]);
}

#[test]
fn like_shows_at_once_and_is_queried_once_per_track() {
    let mut model = model(true);
    let subscription = Subscription { instances: 1, saved_now: true, ..Subscription::default() };
    model.set_subscription(subscription);
    let query = Query::Saved(vec![uri("spotify:track:1")]);
    assert_eq!(model.next_query(instant(T)), Some((query.clone(), instant(T))));
    model.on_query_sent(&query, instant(T));
    model.apply_query_result(QueryResult::Saved(vec![(uri("spotify:track:1"), true)]));
    assert_eq!(model.next_query(instant(T + 1)), Some((query.clone(), instant(T + 600_000))));
    assert_eq!(model.at(time(T)).saved(&uri("spotify:track:1")), Some(true));
    press(&mut model, Verb::ToggleSaved(None), T);
    assert_eq!(model.at(time(T)).saved(&uri("spotify:track:1")), Some(false));
    let call = model.next_call(time(T)).unwrap();
    model.call_failed(&call, Error::PremiumRequired, time(T));
    assert_eq!(model.at(time(T)).saved(&uri("spotify:track:1")), Some(true), "reverted");
    let mut other = playback(false, 12_000);
    other.shuffle_state = true;
    model.apply_playback(Some(other), instant(T + 2_000), time(T + 2_000));
    assert_eq!(
        model.next_query(instant(T + 2_000)),
        Some((query, instant(T + 1_000))),
        "something was changed elsewhere"
    );
}

#[test]
fn answer_from_before_a_like_does_not_revert_it() {
    let mut model = model(true);
    let uri = uri("spotify:track:1");
    let query = Query::Saved(vec![uri.clone()]);
    model.on_query_sent(&query, instant(T));
    press(&mut model, Verb::ToggleSaved(None), T + 10);
    let call = model.next_call(time(T + 10)).unwrap();
    model.call_succeeded(&call, time(T + 60));
    model.apply_query_result(QueryResult::Saved(vec![(uri.clone(), false)]));
    assert_eq!(model.at(time(T + 70)).saved(&uri), Some(true));
    model.on_query_sent(&query, instant(T + 60 + TRUST_MS));
    model.apply_query_result(QueryResult::Saved(vec![(uri.clone(), false)]));
    assert_eq!(model.at(time(T + 9_000)).saved(&uri), Some(false), "a later query overrules it");
}

#[test]
fn current_context_pauses_restarts_or_shuffles() {
    let start = |again| Verb::Start(crate::player::Start { uri: uri("spotify:album:a"), again, shuffle: None });
    let mut playing = playback(true, 10_000);
    playing.context =
        Some(crate::spotify::Context { uri: Some(uri("spotify:album:a")), kind: "album".into(), recommended: false });
    let uri = uri("spotify:album:a");
    for (again, expected) in [
        (crate::player::Again::Pause, vec![Call::Pause]),
        (crate::player::Again::Restart, vec![Call::PlayUri(uri.clone())]),
        (crate::player::Again::Shuffle, vec![Call::Shuffle(true), Call::PlayUri(uri.clone())]),
    ] {
        let mut model = model(true);
        press(&mut model, start(again), T);
        let first: Vec<_> = calls(&mut model, T, T).into_iter().map(|(_, call)| call).collect();
        assert_eq!(first, [Call::PlayUri(uri.clone())], "another context plays");
        model.apply_playback(Some(playing.clone()), instant(T + 5_000), time(T + 5_000));
        press(&mut model, start(again), T + 5_000);
        let again: Vec<_> = calls(&mut model, T + 5_000, T + 5_000).into_iter().map(|(_, call)| call).collect();
        assert_eq!(again, expected);
    }
}

#[test]
fn impossible_commands_are_refused_without_a_call() {
    let mut model = Model::new(Arc::new(accounts(Link::Linked, &["A"])));
    model.apply_playback(None, instant(T), time(T));
    for (verb, why) in [
        (Verb::SeekBy(1_000), Restriction::NothingPlaying),
        (Verb::ToggleSaved(None), Restriction::NothingPlaying),
        (Verb::RemoveFromPlaylist, Restriction::NothingPlaying),
        (Verb::AddToPlaylist(None), Restriction::NoPlaylistChosen),
    ] {
        assert!(!model.command(pressed(verb.clone(), None), time(T)));
        assert_eq!(model.at(time(T)).refusal(&key()), Some(&Error::Restricted(why)));
    }
    assert_eq!(model.next_call(time(T)), None);
}

#[test]
fn invisible_effect_is_confirmed_on_the_key() {
    let mut model = model(true);
    let playlist = Some(uri("spotify:playlist:p"));
    press(&mut model, Verb::AddToPlaylist(playlist.clone()), T);
    let call = model.next_call(time(T)).unwrap();
    model.call_succeeded(&call, time(T + 50));
    let done = |player: &Player| player.done(&key()).is_some();
    assert!(done(&model.at(time(T + 60))) && !done(&model.at(time(T + 50 + DONE_MS))));
    assert_eq!(model.at(time(T)).last_playlist, playlist, "it is the default of the next one");
}

#[test]
fn later_change_supersedes_an_unconfirmed_one() {
    let mut model = model(true);
    for (verb, at) in [(Verb::TogglePlay, T), (Verb::TogglePlay, T + 100)] {
        press(&mut model, verb, at);
        let call = model.next_call(time(at)).unwrap();
        model.call_succeeded(&call, time(at + 50));
    }
    model.apply_playback(Some(playback(true, 10_300)), instant(T + 300), time(T + 310));
    assert!(now(&model, T + 320).playing, "the pause is superseded");
    assert!(model.unconfirmed_write().is_none());
    for (at, percent) in [(1_000, 33), (1_300, 26), (1_600, 19)] {
        press(&mut model, Verb::VolumeBy(-7), T + at);
        let call = model.next_call(time(T + at)).unwrap();
        assert_eq!(call.call, Call::Volume(percent));
        model.call_succeeded(&call, time(T + at + 50));
    }
    let mut last = playback(true, 11_800);
    last.device.as_mut().unwrap().volume_percent = Some(19);
    model.apply_playback(Some(last), instant(T + 1_800), time(T + 1_810));
    assert_eq!(now(&model, T + 1_820).volume, Some(19));
}

#[test]
fn liked_songs_start_is_confirmed_without_a_context() {
    let mut model = model(true);
    let mut album = playback(true, 10_000);
    album.context =
        Some(crate::spotify::Context { uri: Some(uri("spotify:album:a")), kind: "album".into(), recommended: false });
    model.apply_playback(Some(album.clone()), instant(T), time(T));
    let liked = crate::player::Start { uri: Uri::liked_songs(), again: crate::player::Again::Pause, shuffle: None };
    press(&mut model, Verb::Start(liked), T);
    let call = model.next_call(time(T)).unwrap();
    model.call_succeeded(&call, time(T + 50));
    model.apply_playback(Some(album), instant(T + 100), time(T + 110));
    assert!(now(&model, T + 120).skipping, "the answer lags");
    model.apply_playback(Some(playback(true, 200)), instant(T + 300), time(T + 300));
    assert_eq!((millis(now(&model, T + 1_300).position), now(&model, T + 1_300).skipping), (1_200, false));
    assert!(model.at(time(T + 1_300)).plays(&Uri::liked_songs()));
}

#[test]
fn local_file_is_not_queried_saved_or_added() {
    let mut model = model(true);
    let mut file = playback(true, 10_000);
    file.item.as_mut().unwrap().is_local = true;
    model.apply_playback(Some(file), instant(T), time(T));
    let subscription = Subscription { instances: 1, saved_now: true, ..Subscription::default() };
    model.set_subscription(subscription);
    assert_eq!(model.next_query(instant(T)), None);
    for verb in [Verb::ToggleSaved(None), Verb::Enqueue(None), Verb::AddToPlaylist(Some(uri("spotify:playlist:p")))] {
        assert!(!model.command(pressed(verb.clone(), None), time(T)));
        let why = Error::Restricted(Restriction::LocalFile);
        assert_eq!(model.at(time(T)).refusal(&key()), Some(&why));
    }
}

#[test]
fn next_device_follows_the_active_one() {
    let mut model = model(true);
    let device = |id: &str, is_active| Device { id: Some(id.into()), is_active, ..Device::default() };
    // The list is from when A was active.
    model.apply_query_result(QueryResult::Devices(vec![device("A", true), device("B", false), device("C", false)]));
    let mut on_b = playback(true, 10_000);
    on_b.device = Some(device("B", true));
    model.apply_playback(Some(on_b), instant(T), time(T));
    for expected in ["C", "A", "B"] {
        press(&mut model, Verb::NextDevice, T);
        let Call::Transfer { device, play: None } = model.next_call(time(T)).unwrap().call else { panic!() };
        assert_eq!(device.id.as_str(), expected);
    }
}

#[test]
fn skips_are_queued_and_counted() {
    let mut model = model(true);
    for _ in 0..3 {
        press(&mut model, Verb::Next, T);
    }
    assert_eq!(millis(now(&model, T + 10).position), 0);
    assert!(now(&model, T + 10).skipping);
    let calls: Vec<_> = std::iter::from_fn(|| model.next_call(time(T + 60_000))).map(|call| call.call).collect();
    assert_eq!(calls, [Call::Next, Call::Next, Call::Next]);
}

#[test]
fn skip_is_confirmed_by_another_track() {
    let mut model = model(true);
    press(&mut model, Verb::Next, T);
    let call = model.next_call(time(T + 60_000)).unwrap();
    model.call_succeeded(&call, time(T + 50));
    model.apply_playback(Some(playback(true, 10_300)), instant(T + 100), time(T + 100));
    assert!(now(&model, T + 100).skipping);
    let mut next = playback(true, 20);
    next.item.as_mut().unwrap().uri = Some(uri("spotify:track:2"));
    model.apply_playback(Some(next), instant(T + 300), time(T + 300));
    assert!(!now(&model, T + 300).skipping);
    assert_eq!(millis(now(&model, T + 1_300).position), 1_020);
}

#[test]
fn temporary_failure_drops_queued_calls() {
    let mut model = model(true);
    press(&mut model, Verb::ToggleShuffle, T);
    press(&mut model, Verb::Next, T);
    let call = model.next_call(time(T + 60_000)).unwrap();
    model.call_failed(&call, Error::Offline, time(T + 10));
    assert_eq!(model.next_call(time(T + 60_000)), None);
    assert!(!now(&model, T + 20).shuffle && !now(&model, T + 20).skipping);
    assert_eq!(model.at(time(T + 20)).last_error, Some(Error::Offline));
}

#[test]
fn state_becomes_stale_and_recovers() {
    let mut model = model(true);
    model.poll_failed(Error::Offline, time(T));
    assert!(!model.at(time(T + STALE_MS - 1)).stale);
    assert!(model.at(time(T + STALE_MS)).stale);
    assert_eq!(model.state.next_change_in(time(T)), Some(STALE_AFTER));
    model.apply_playback(Some(playback(true, 0)), instant(T + STALE_MS), time(T + STALE_MS));
    assert!(!model.at(time(T + STALE_MS)).stale);
}

#[test]
fn unlinked_model_keeps_no_state_and_makes_no_calls() {
    let mut model = model(true);
    model.set_accounts(Arc::new(accounts(Link::SignInAgain, &["A"])));
    assert_eq!(model.at(time(T)).now, None);
    assert!(!model.command(pressed(Verb::Next, None), time(T)));
    assert_eq!(model.next_call(time(T + 60_000)), None);
}

#[test]
fn position_never_runs_past_the_end() {
    let model = model(true);
    assert_eq!(millis(now(&model, T + 500_000).position), 60_000);
    assert_eq!(model.ends_in(time(T)), Some(ms(50_000)));
}

#[test]
fn wait_counts_down_to_its_end() {
    let limit = |kind, until_ms| Some(Limit { until: UnixTime::from_millis(until_ms), kind });
    let mut state = accounts(Link::Linked, &["A"]);
    state.limit = limit(LimitKind::Throttle, T + 2_500);
    let mut model = Model::new(Arc::new(state.clone()));
    let seconds = |model: &Model, now_ms| model.at(time(now_ms)).wait.map(|wait| wait.seconds);
    assert_eq!((seconds(&model, T), model.state.next_change_in(time(T))), (Some(3), Some(ms(500))));
    assert_eq!((seconds(&model, T + 500), model.state.next_change_in(time(T + 500))), (Some(2), Some(ms(1_000))));
    assert_eq!((seconds(&model, T + 2_500), model.state.next_change_in(time(T + 2_500))), (None, None));
    state.limit = limit(LimitKind::Quota, T + 50_400_001);
    model.set_accounts(Arc::new(state));
    assert_eq!((seconds(&model, T), model.state.next_change_in(time(T))), (Some(50_460), Some(ms(1))));
    assert_eq!((seconds(&model, T + 1), model.state.next_change_in(time(T + 1))), (Some(50_400), Some(ms(60_000))));
}

#[test]
fn published_state_does_not_grow() {
    let mut model = model(true);
    let playlist = |number: u64| uri(&format!("spotify:playlist:{number}"));
    let chosen = uri("spotify:album:chosen");
    model.set_subscription(Subscription {
        instances: 3,
        saved_now: true,
        saved: [chosen].into(),
        playlist: true,
        ..Subscription::default()
    });
    for number in 0..3_000_u64 {
        let at = T + number * 200_000;
        let mut next = playback(true, 0);
        next.item.as_mut().unwrap().uri = Some(uri(&format!("spotify:track:n{number}")));
        next.context =
            Some(crate::spotify::Context { uri: Some(playlist(number)), kind: "playlist".into(), recommended: false });
        model.apply_playback(Some(next), instant(at), time(at));
        while let Some((query, due_at)) = model.next_query(instant(at))
            && due_at <= instant(at)
        {
            model.on_query_sent(&query, instant(at));
            model.apply_query_result(match query {
                Query::Saved(uris) => QueryResult::Saved(uris.into_iter().map(|uri| (uri, true)).collect()),
                Query::PlaylistName(uri) => QueryResult::PlaylistName(uri, "Name".to_owned()),
                other => panic!("{other:?}"),
            });
        }
        assert_eq!((model.state.saved.len(), model.state.playlists.len()), (2, 1));
    }
    assert_eq!(model.at(time(T + 600_000_000)).playlist_name(), Some("Name"));
}

/// Polls every 8.6 s, like the schedule, and sends the queries that are due. Returns the positions and the number of queries
/// of the queue.
fn polls(model: &mut Model, count: u64, answer: impl Fn(u64) -> Playback) -> (Vec<u64>, usize) {
    let (mut positions, mut queues) = (Vec::new(), 0);
    for number in 0..count {
        let at = T + number * 8_600;
        model.apply_playback(Some(answer(at - T)), instant(at), time(at));
        positions.push(millis(now(model, at).position));
        for at in [at, at + 4_000] {
            while let Some((query, due_at)) = model.next_query(instant(at))
                && due_at <= instant(at)
            {
                model.on_query_sent(&query, instant(at));
                model.apply_query_result(QueryResult::Queue(Vec::new()));
                queues += 1;
            }
        }
    }
    (positions, queues)
}

#[test]
fn unreported_position_advances_with_one_query_per_track() {
    for reported in [None, Some(0), Some(777)] {
        let mut model = Model::new(Arc::new(accounts(Link::Linked, &["A"])));
        model.set_subscription(Subscription { instances: 1, queue: true, ..Subscription::default() });
        let (positions, queues) = polls(&mut model, 6, |_| Playback { progress_ms: reported, ..playback(true, 0) });
        assert!(positions.is_sorted(), "{reported:?}: {positions:?}");
        assert_eq!(positions.last().unwrap() - positions[0], 5 * 8_600, "{reported:?}");
        assert_eq!(queues, 1, "{reported:?}");
        let end = ms(60_000 - positions[0] - 5 * 8_600);
        assert_eq!(model.ends_in(time(T + 5 * 8_600)), Some(end), "its end is known");
    }
}

#[test]
fn seek_applies_to_an_unreported_position() {
    let mut model = model(true);
    for at in [T + 1_500, T + 3_000] {
        model.apply_playback(Some(playback(true, 10_000)), instant(at), time(at));
    }
    assert_eq!(millis(now(&model, T + 3_000).position), 13_000);
    press(&mut model, Verb::SeekBy(20_000), T + 3_000);
    let call = model.next_call(time(T + 3_000)).unwrap();
    model.call_succeeded(&call, time(T + 3_050));
    model.apply_playback(Some(playback(true, 10_000)), instant(T + 4_000), time(T + 4_000));
    assert_eq!(millis(now(&model, T + 4_000).position), 34_000);
    model.apply_playback(Some(playback(true, 10_000)), instant(T + 9_000), time(T + 9_000));
    assert_eq!(millis(now(&model, T + 9_000).position), 39_000, "the seek still counts later");
}

#[test]
fn skip_to_the_same_item_is_confirmed_by_its_restart() {
    for verb in [Verb::Next, Verb::Previous] {
        let mut model = model(true);
        press(&mut model, verb.clone(), T + 20_000);
        let call = model.next_call(time(T + 20_000)).unwrap();
        model.call_succeeded(&call, time(T + 20_050));
        model.apply_playback(Some(playback(true, 30_200)), instant(T + 20_100), time(T + 20_200));
        assert!(now(&model, T + 20_200).skipping, "{verb:?}: the answer lags");
        model.apply_playback(Some(playback(true, 300)), instant(T + 20_400), time(T + 20_400));
        assert_eq!((now(&model, T + 20_400).skipping, model.unconfirmed_write()), (false, None), "{verb:?}");
        assert_eq!(millis(now(&model, T + 21_400).position), 1_300);
    }
}

#[test]
fn skip_to_the_same_item_is_confirmed_without_position() {
    let mut model = Model::new(Arc::new(accounts(Link::Linked, &["A"])));
    let untold = || Some(Playback { progress_ms: None, ..playback(true, 0) });
    for at in [T, T + 8_000] {
        model.apply_playback(untold(), instant(at), time(at));
    }
    press(&mut model, Verb::Next, T + 8_000);
    let call = model.next_call(time(T + 8_000)).unwrap();
    model.call_succeeded(&call, time(T + 8_100));
    model.apply_playback(untold(), instant(T + 8_350), time(T + 8_400));
    assert!(now(&model, T + 8_400).skipping, "the answer may lag");
    model.apply_playback(untold(), instant(T + 9_200), time(T + 9_200));
    assert_eq!(model.unconfirmed_write(), None);
    assert_eq!(millis(now(&model, T + 9_200).position), 1_100, "counted from the skip");
}

#[test]
fn restart_of_the_current_item_waits_for_its_beginning() {
    let mut album = playback(true, 40_000);
    album.context =
        Some(crate::spotify::Context { uri: Some(uri("spotify:album:a")), kind: "album".into(), recommended: false });
    let again = |model: &mut Model, target: &str| {
        let start = crate::player::Start { uri: uri(target), again: crate::player::Again::Restart, shuffle: None };
        press(model, Verb::Start(start), T);
        let call = model.next_call(time(T)).unwrap();
        model.call_succeeded(&call, time(T + 50));
    };
    for target in ["spotify:album:a", "spotify:track:1"] {
        let mut model = model(true);
        model.apply_playback(Some(album.clone()), instant(T), time(T));
        again(&mut model, target);
        model.apply_playback(
            Some(Playback { progress_ms: Some(40_100), ..album.clone() }),
            instant(T + 100),
            time(T + 100),
        );
        assert!(now(&model, T + 100).skipping, "{target}: the answer lags");
        model.apply_playback(
            Some(Playback { progress_ms: Some(250), ..album.clone() }),
            instant(T + 300),
            time(T + 300),
        );
        assert_eq!((now(&model, T + 300).skipping, millis(now(&model, T + 300).position)), (false, 250), "{target}");
    }
}

#[test]
fn inactive_player_is_recognized_in_every_form() {
    let device = Device { id: Some("desk".into()), is_active: true, volume_percent: Some(40), ..Device::default() };
    for nothing in [
        None,
        Some(Playback::default()),
        Some(Playback { device: Some(device.clone()), ..Playback::default() }),
        Some(Playback { device: Some(device.clone()), progress_ms: Some(0), ..Playback::default() }),
        Some(Playback { currently_playing_type: PlayingType::Track, device: Some(device), ..Playback::default() }),
    ] {
        let mut fresh = Model::new(Arc::new(accounts(Link::Linked, &["A"])));
        fresh.apply_playback(nothing.clone(), instant(T), time(T));
        assert!(fresh.at(time(T)).known && fresh.at(time(T)).now.is_none(), "{nothing:?}");
        let mut model = model(true);
        model.apply_playback(nothing.clone(), instant(T + 1_000), time(T + 1_000));
        assert!(now(&model, T + 1_000).playing && model.needs_confirmation(), "single answer: {nothing:?}");
        model.apply_playback(nothing.clone(), instant(T + 2_000), time(T + 2_000));
        assert_eq!((model.at(time(T + 2_000)).now, model.needs_confirmation()), (None, false), "{nothing:?}");
        assert_eq!(model.idle_for(instant(T + 2_000)), Some(Duration::ZERO));
    }
}

#[test]
fn active_player_is_recognized_without_an_item() {
    for something in [
        Playback { is_playing: true, ..Playback::default() },
        Playback { currently_playing_type: PlayingType::Ad, ..Playback::default() },
    ] {
        let mut model = Model::new(Arc::new(accounts(Link::Linked, &["A"])));
        model.apply_playback(Some(something.clone()), instant(T), time(T));
        assert!(model.at(time(T)).now.is_some(), "{something:?}");
    }
}

#[test]
fn single_odd_answer_changes_nothing() {
    for status in [200, 202, 400, 404, 418] {
        let mut model = model(true);
        for at in [T + 8_000, T + 16_000] {
            model.poll_failed(Error::Unexpected(status), time(at));
            assert_eq!(model.at(time(at)).last_error, None, "{status}");
            model.apply_playback(Some(playback(true, 10_000 + at - T)), instant(at + 1_000), time(at + 1_000));
            assert!(now(&model, at + 1_000).playing && !model.needs_confirmation());
        }
        model.poll_failed(Error::Unexpected(status), time(T + 30_000));
        model.apply_playback(None, instant(T + 31_000), time(T + 31_000));
        assert_eq!(model.at(time(T + 31_000)).now, None, "a second one confirms it");
    }
    let mut model = model(true);
    model.poll_failed(Error::MissingScope, time(T + 8_000));
    assert_eq!(model.at(time(T + 8_000)).last_error, Some(Error::MissingScope), "an unambiguous error counts at once");
}

#[test]
fn first_answer_after_a_wake_up_counts() {
    let mut model = model(true);
    model.on_wake(instant(T + 5_000_000));
    model.apply_playback(None, instant(T + 5_000_000), time(T + 5_000_000));
    assert_eq!(model.at(time(T + 5_000_000)).now, None);
}

/// Returns a playback state with a track from a playlist.
fn from_playlist(track: &str, playlist: &str, progress_ms: u64) -> Playback {
    let mut playback = playback(true, progress_ms);
    let item = playback.item.as_mut().unwrap();
    (item.uri, item.name) = (Some(uri(&format!("spotify:track:{track}"))), format!("Title {track}"));
    let uri = Some(uri(&format!("spotify:playlist:{playlist}")));
    playback.context = Some(crate::spotify::Context { uri, kind: "playlist".into(), recommended: false });
    playback
}

/// Returns a model whose last answer, track A from playlist P, is 5 s old.
fn five_seconds_old() -> Model {
    let mut model = Model::new(Arc::new(accounts(Link::Linked, &["A"])));
    model.apply_playback(Some(from_playlist("A", "P", 20_000)), instant(T - 5_000), time(T - 5_000));
    model
}

fn about_what_plays() -> [Verb; 4] {
    let playlist = Some(uri("spotify:playlist:mine"));
    [Verb::RemoveFromPlaylist, Verb::AddToPlaylist(playlist), Verb::Enqueue(None), Verb::ToggleSaved(None)]
}

#[test]
fn command_about_the_current_item_polls_first() {
    for verb in about_what_plays() {
        let mut model = five_seconds_old();
        press(&mut model, verb.clone(), T);
        assert!(model.next_call(time(T)).is_none() && model.has_pending(), "{verb:?}");
        model.apply_playback(Some(from_playlist("A", "P", 25_100)), instant(T + 50), time(T + 150));
        let call = model.next_call(time(T + 150)).unwrap();
        assert_eq!((call.command.verb.clone(), call.title.as_deref()), (verb.clone(), Some("Title A")));
        assert!(!model.has_pending());
        // A state polled within the last second is certain.
        press(&mut model, verb.clone(), T + 1_000);
        assert_eq!(model.next_call(time(T + 1_000)).map(|call| call.command.verb), Some(verb));
    }
}

#[test]
fn command_applies_to_an_item_heard_for_a_second() {
    for verb in about_what_plays() {
        let mut model = five_seconds_old();
        press(&mut model, verb.clone(), T);
        model.apply_playback(Some(from_playlist("B", "Q", 1_250)), instant(T + 50), time(T + 150));
        let call = model.next_call(time(T + 150));
        match verb {
            Verb::ToggleSaved(_) => {
                assert_eq!(call, None, "the key showed another item's heart");
                assert!(model.at(time(T + 150)).refusal(&key()).is_some());
            }
            _ => assert_eq!(call.unwrap().title.as_deref(), Some("Title B"), "{verb:?}"),
        }
    }
}

#[test]
fn command_does_not_apply_to_an_item_just_begun() {
    for verb in about_what_plays() {
        for answer in [
            from_playlist("B", "P", 800),
            Playback { progress_ms: None, ..from_playlist("B", "P", 0) },
            Playback { is_playing: false, ..from_playlist("B", "P", 90_000) },
        ] {
            let mut model = five_seconds_old();
            press(&mut model, verb.clone(), T);
            model.apply_playback(Some(answer), instant(T + 50), time(T + 150));
            assert_eq!(model.next_call(time(T + 150)), None, "{verb:?}");
            let why = Error::Restricted(Restriction::JustChanged);
            assert_eq!(model.at(time(T + 150)).refusal(&key()), Some(&why));
        }
    }
}

#[test]
fn same_track_of_another_playlist_is_removed_only_if_heard() {
    for (progress_ms, removed) in [(300, false), (30_000, true)] {
        let mut model = five_seconds_old();
        press(&mut model, Verb::RemoveFromPlaylist, T);
        model.apply_playback(Some(from_playlist("A", "Q", progress_ms)), instant(T + 50), time(T + 150));
        let call = model.next_call(time(T + 150)).map(|call| call.call);
        let expected = Call::RemoveFromPlaylist { playlist: uri("spotify:playlist:Q"), uri: uri("spotify:track:A") };
        assert_eq!(call, removed.then_some(expected));
    }
}

#[test]
fn removal_after_a_skip_waits_for_the_other_track() {
    let mut model = five_seconds_old();
    press(&mut model, Verb::Next, T);
    press(&mut model, Verb::RemoveFromPlaylist, T + 1_500);
    press(&mut model, Verb::Next, T + 1_600);
    let next = model.next_call(time(T + 1_600)).unwrap();
    assert_eq!((next.call.clone(), model.next_call(time(T + 1_600))), (Call::Next, None), "commands keep their order");
    model.call_succeeded(&next, time(T + 1_700));
    model.apply_playback(Some(from_playlist("A", "P", 26_700)), instant(T + 1_750), time(T + 1_800));
    assert_eq!(model.next_call(time(T + 1_800)), None, "the answer lags behind the skip");
    model.apply_playback(Some(from_playlist("B", "P", 700)), instant(T + 2_100), time(T + 2_200));
    assert_eq!(model.next_call(time(T + 2_200)).unwrap().call, Call::Next, "an unheard track is not removed");
}

#[test]
fn like_shows_its_effect_before_the_answer() {
    let saved = |model: &Model| model.at(time(T + 100)).saved(&uri("spotify:track:A"));
    let mut model = five_seconds_old();
    press(&mut model, Verb::ToggleSaved(None), T);
    assert_eq!(saved(&model), Some(true));
    press(&mut model, Verb::ToggleSaved(None), T + 50);
    assert_eq!(saved(&model), Some(false));
    model.apply_playback(Some(from_playlist("A", "P", 25_100)), instant(T + 60), time(T + 100));
    assert_eq!(saved(&model), Some(false));
    let calls: Vec<_> = std::iter::from_fn(|| model.next_call(time(T + 100))).map(|call| call.call).collect();
    let save = |saved| Call::Save { uri: uri("spotify:track:A"), saved };
    assert_eq!(calls, [save(true), save(false)]);
    let mut model = five_seconds_old();
    press(&mut model, Verb::ToggleSaved(None), T);
    model.apply_playback(Some(from_playlist("B", "P", 300)), instant(T + 60), time(T + 100));
    assert_eq!(saved(&model), None, "the change is reverted");
}

#[test]
fn command_is_refused_if_the_poll_fails() {
    for verb in about_what_plays() {
        let mut model = five_seconds_old();
        press(&mut model, verb.clone(), T);
        model.poll_failed(Error::Offline, time(T + 100));
        assert_eq!(model.next_call(time(T + 100)), None);
        assert_eq!(model.at(time(T + 100)).refusal(&key()), Some(&Error::Offline));
        let mut model = five_seconds_old();
        press(&mut model, verb.clone(), T);
        model.apply_playback(Some(from_playlist("A", "P", 40_000)), instant(T + 15_000), time(T + 15_000));
        assert_eq!(model.next_call(time(T + 15_000)), None, "{verb:?}: the command is too old");
    }
}

#[test]
fn waiting_commands_are_bounded() {
    let mut model = five_seconds_old();
    for _ in 0..1_000 {
        model.command(pressed(Verb::RemoveFromPlaylist, None), time(T));
    }
    assert_eq!(model.pending.len(), MAX_PENDING);
}

#[test]
fn key_names_what_was_removed() {
    let mut model = five_seconds_old();
    press(&mut model, Verb::RemoveFromPlaylist, T);
    model.apply_playback(Some(from_playlist("A", "P", 25_000)), instant(T), time(T));
    let call = model.next_call(time(T)).unwrap();
    model.call_succeeded(&call, time(T + 100));
    let player = model.at(time(T + 200));
    assert_eq!(player.done(&key()).unwrap().title.as_deref(), Some("Title A"));
}

#[test]
fn recommendation_is_not_removed_from_the_playlist() {
    let mut model = Model::new(Arc::new(accounts(Link::Linked, &["A"])));
    let mut recommended = from_playlist("R", "P", 20_000);
    recommended.context.as_mut().unwrap().recommended = true;
    model.apply_playback(Some(recommended), instant(T), time(T));
    assert!(!model.command(pressed(Verb::RemoveFromPlaylist, None), time(T)));
    let why = Error::Restricted(Restriction::NoPlaylist);
    assert_eq!(model.at(time(T)).refusal(&key()), Some(&why));
    assert!(model.at(time(T)).plays(&uri("spotify:playlist:P")), "the playlist is still current");
    press(&mut model, Verb::ToggleSaved(None), T);
    assert!(model.next_call(time(T)).is_some());
}

#[test]
fn relinked_track_is_treated_as_the_original() {
    let mut model = Model::new(Arc::new(accounts(Link::Linked, &["A"])));
    model.set_subscription(Subscription { instances: 1, saved_now: true, ..Subscription::default() });
    let mut relinked = from_playlist("B", "P", 20_000);
    relinked.item.as_mut().unwrap().linked_from = Some(LinkedFrom { uri: Some(uri("spotify:track:A")) });
    model.apply_playback(Some(relinked), instant(T), time(T));
    for plays in ["spotify:track:A", "spotify:track:B", "spotify:playlist:P"] {
        assert!(model.at(time(T)).plays(&uri(plays)), "{plays}");
    }
    assert_eq!(model.next_query(instant(T)), Some((Query::Saved(vec![uri("spotify:track:A")]), instant(T))));
    press(&mut model, Verb::RemoveFromPlaylist, T);
    let expected = Call::RemoveFromPlaylist { playlist: uri("spotify:playlist:P"), uri: uri("spotify:track:A") };
    assert_eq!(model.next_call(time(T)).unwrap().call, expected);
}

#[test]
fn chapter_is_not_saved_or_added() {
    let mut model = Model::new(Arc::new(accounts(Link::Linked, &["A"])));
    let mut chapter = from_playlist("C", "P", 20_000);
    chapter.item.as_mut().unwrap().uri = Some(uri("spotify:chapter:c"));
    model.apply_playback(Some(chapter), instant(T), time(T));
    for verb in [Verb::ToggleSaved(None), Verb::Enqueue(None), Verb::AddToPlaylist(Some(uri("spotify:playlist:p")))] {
        assert!(!model.command(pressed(verb, None), time(T)));
    }
    assert_eq!(model.next_call(time(T)), None);
}
