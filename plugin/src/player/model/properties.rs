//! Property tests: with any events at any times the model never panics, and its values stay within their bounds.

use proptest::prelude::*;

use super::*;
use crate::auth::testing::accounts;
use crate::auth::{LimitKind, Link};
use crate::player::testing::{instant, pressed, time};
use crate::player::{Again, SleepUntil, Start};
use crate::spotify::{Context, Device, Item, Repeat};
use crate::unix_time::UnixTime;

/// An event of the model.
#[derive(Clone, Debug)]
enum Event {
    Answer(Option<Box<Playback>>, u64),
    Failure(Error),
    Press(Verb),
    /// The next call is made, and succeeds or fails.
    Call(Option<Error>),
    /// The next query is sent, and succeeds or fails.
    Query(Option<Error>),
    Accounts(Link, Option<Limit>),
    Subscription(Subscription),
    Wake,
    Refresh,
}

/// Returns times in milliseconds, with extremes more often than by chance.
fn moment() -> impl Strategy<Value = u64> {
    prop_oneof![
        4 => 1_000_000..1_100_000_u64,
        1 => any::<u64>(),
        1 => prop::sample::select(vec![0, 1, u64::MAX, u64::MAX - 1, u64::MAX / 2, i64::MAX as u64]),
    ]
}

fn uri() -> impl Strategy<Value = Uri> {
    let texts = [
        "spotify:track:1",
        "spotify:track:2",
        "spotify:episode:1",
        "spotify:album:1",
        "spotify:playlist:1",
        "spotify:playlist:1:recommended",
        "spotify:collection",
        "spotify:local:a:b:c:1",
        "spotify:ad:1",
    ];
    prop::sample::select(texts.map(|text| Uri::from_spotify(text).unwrap()).to_vec())
}

fn maybe<T: Clone + std::fmt::Debug + 'static>(
    some: impl Strategy<Value = T> + 'static,
) -> impl Strategy<Value = Option<T>> {
    prop_oneof![Just(None), some.prop_map(Some)]
}

fn repeat() -> impl Strategy<Value = Repeat> {
    prop::sample::select(vec![Repeat::Off, Repeat::Context, Repeat::Track])
}

prop_compose! {
    fn device()(id in maybe("[a-c]".prop_map(DeviceId::from)), volume_percent in any::<Option<u8>>(), supports_volume in any::<Option<bool>>(),
        is_active in any::<bool>(), is_restricted in any::<bool>()) -> Device {
        Device { id, volume_percent, supports_volume, is_active, is_restricted, ..Device::default() }
    }
}

prop_compose! {
    fn item()(uri in maybe(uri()), duration_ms in moment(), is_local in any::<bool>()) -> Item {
        Item { uri, duration_ms, is_local, name: "Title".into(), ..Item::default() }
    }
}

prop_compose! {
    fn playback()(item in maybe(item()), device in maybe(device()), progress_ms in maybe(moment()), timestamp in maybe(moment()),
        context in maybe(maybe(uri())), is_playing in any::<bool>(), shuffle_state in any::<bool>(), repeat_state in repeat())
        -> Playback {
        let context = context.map(|uri| Context { uri, ..Context::default() });
        Playback { item, device, progress_ms, timestamp, context, is_playing, shuffle_state, repeat_state, ..Playback::default() }
    }
}

fn error() -> impl Strategy<Value = Error> {
    let limited = |retry_after| Error::RateLimited { retry_after, kind: LimitKind::Throttle };
    prop::sample::select(vec![
        Error::Offline,
        Error::SpotifyDown(None),
        Error::Unexpected(200),
        Error::Unexpected(404),
        Error::MissingScope,
        Error::NoActiveDevice,
        Error::Restricted(Restriction::Other),
        limited(None),
        limited(Some(std::time::Duration::MAX)),
    ])
}

fn verb() -> impl Strategy<Value = Verb> {
    let over = prop_oneof![Just(0), moment()].prop_map(std::time::Duration::from_millis);
    let again = prop::sample::select(vec![Again::Pause, Again::Restart, Again::Shuffle]);
    prop_oneof![
        Just(Verb::TogglePlay),
        Just(Verb::Next),
        Just(Verb::Previous),
        any::<i8>().prop_map(Verb::VolumeBy),
        (any::<u8>(), over).prop_map(|(percent, over)| Verb::VolumeTo { percent, over }),
        Just(Verb::ToggleMute),
        prop_oneof![-20_000..20_000_i64, any::<i64>()].prop_map(Verb::SeekBy),
        Just(Verb::Restart),
        Just(Verb::ToggleShuffle),
        Just(Verb::CycleRepeat),
        maybe(uri()).prop_map(Verb::ToggleSaved),
        (uri(), again, any::<Option<bool>>()).prop_map(|(uri, again, shuffle)| Verb::Start(Start {
            uri,
            again,
            shuffle
        })),
        maybe(uri()).prop_map(Verb::AddToPlaylist),
        Just(Verb::RemoveFromPlaylist),
        maybe(uri()).prop_map(Verb::Enqueue),
        Just(Verb::NextDevice),
        any::<u16>().prop_map(|minutes| Verb::Sleep(SleepUntil::Minutes(minutes))),
        Just(Verb::Sleep(SleepUntil::EndOfItem)),
        Just(Verb::CancelSleep),
    ]
}

prop_compose! {
    fn subscription()(saved_now in any::<bool>(), saved in prop::collection::btree_set(uri(), 0..4), devices in any::<bool>(),
        queue in any::<bool>(), playlist in any::<bool>()) -> Subscription {
        Subscription { instances: 1, saved_now, saved, devices, queue, playlist }
    }
}

fn event() -> impl Strategy<Value = Event> {
    let link = prop::sample::select(vec![Link::Linked, Link::Linked, Link::SignInAgain]);
    let limit =
        moment().prop_map(|until_ms| Limit { until: UnixTime::from_millis(until_ms), kind: LimitKind::Throttle });
    prop_oneof![
        6 => (maybe(playback()), moment()).prop_map(|(answer, asked_ms)| Event::Answer(answer.map(Box::new), asked_ms)),
        1 => error().prop_map(Event::Failure),
        6 => verb().prop_map(Event::Press),
        4 => maybe(error()).prop_map(Event::Call),
        2 => maybe(error()).prop_map(Event::Query),
        1 => (link, maybe(limit)).prop_map(|(link, limit)| Event::Accounts(link, limit)),
        1 => subscription().prop_map(Event::Subscription),
        1 => Just(Event::Wake),
        1 => Just(Event::Refresh),
    ]
}

fn on_event(model: &mut Model, event: Event, now_ms: u64) {
    match event {
        Event::Answer(answer, asked_ms) => {
            model.apply_playback(answer.map(|answer| *answer), instant(asked_ms), time(now_ms))
        }
        Event::Failure(error) => model.poll_failed(error, time(now_ms)),
        Event::Press(verb) => drop(model.command(pressed(verb, None), time(now_ms))),
        Event::Call(error) => {
            model.step(time(now_ms));
            if let Some(call) = model.next_call(time(now_ms)) {
                match error {
                    Some(error) => model.call_failed(&call, error, time(now_ms)),
                    None => model.call_succeeded(&call, time(now_ms)),
                }
            }
        }
        Event::Query(error) => {
            if let Some((query, _)) = model.next_query(instant(now_ms)) {
                model.on_query_sent(&query, instant(now_ms));
                match (error, &query) {
                    (Some(error), _) => model.query_failed(&query, &error, instant(now_ms)),
                    (None, Query::Saved(uris)) => {
                        model.apply_query_result(QueryResult::Saved(
                            uris.iter().cloned().map(|uri| (uri, true)).collect(),
                        ));
                    }
                    (None, Query::Devices) => model.apply_query_result(QueryResult::Devices(vec![Device::default()])),
                    (None, Query::Queue) => model.apply_query_result(QueryResult::Queue(vec![Item::default(); 20])),
                    (None, Query::PlaylistName(uri)) => {
                        model.apply_query_result(QueryResult::PlaylistName(uri.clone(), "Name".into()))
                    }
                }
            }
        }
        Event::Accounts(link, limit) => {
            model.set_accounts(Arc::new(AuthState { limit, ..accounts(link, &["A"]) }));
        }
        Event::Subscription(subscription) => model.set_subscription(subscription),
        Event::Wake => model.on_wake(instant(now_ms)),
        Event::Refresh => model.on_refresh(instant(now_ms)),
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 150, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn model_never_panics_and_keeps_its_bounds(events in prop::collection::vec((moment(), event(), moment()), 1..40)) {
        let mut model = Model::new(Arc::new(accounts(Link::Linked, &["A"])));
        for (now_ms, event, look_ms) in events {
            on_event(&mut model, event, now_ms);
            let player = model.at(time(look_ms));
            let _ = model.state().next_change_in(time(look_ms));
            let _ = (model.ends_in(time(look_ms)), model.next_step(time(look_ms)), model.idle_for(instant(look_ms)));
            let _ = (model.next_query(instant(look_ms)), model.unconfirmed_write(), model.is_strained(time(look_ms)));
            if let Some(now) = &player.now {
                prop_assert!(now.duration().is_none_or(|duration| now.position <= duration));
                let foreign = model.state.known.clone().flatten().and_then(|known| known.now.volume);
                prop_assert!(now.volume.is_none_or(|volume| volume <= 100 || Some(volume) == foreign));
            }
        }
    }
}
