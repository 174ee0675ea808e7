//! The player's task with real accounts and a simulated Spotify over HTTP.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use spotify_sim::{Action, BACKUP_CLIENT_ID, BACKUP_CLIENT_SECRET, DEMO_CLIENT_ID, Fault, Network};
use url::Url;

use super::*;
use crate::auth::testing::{World, demo, identify, until};
use crate::auth::{SaveAccount, Secret};
use crate::clock::{Clock, ManualClock};
use crate::player::testing::{key, pressed};
use crate::spotify::{Client, Uri};

/// Advances the wall clock and timers, second by second.
async fn pass(clock: &ManualClock, seconds: u64) {
    for _ in 0..seconds {
        clock.set(clock.unix_ms() + 1_000);
        tokio::time::advance(Duration::from_secs(1)).await;
    }
}

#[tokio::test]
async fn player_sends_nothing_until_a_total_limit_ends() {
    let world = World::new().await;
    let (auth, _) = world.linked().await;
    let client = Client::new(world.http.clone(), Url::parse(&world.sim.api_url()).unwrap(), auth.clone());
    let (player, _) = start(client, auth.watch(), world.clock.clone());
    world.sim.inject(Fault::quota(Some(3_600)).times(1));
    player.send(Input::Subscription(Subscription { instances: 10, ..Subscription::default() })).await.unwrap();
    until(&auth, |state| state.limit.is_some()).await;
    world.sim.clear_requests();

    tokio::time::pause();
    for _ in 0..359 {
        pass(&world.clock, 10).await;
        player.send(Input::Command(pressed(Verb::Next, None))).await.unwrap();
        player.send(Input::Refresh).await.unwrap();
        let snapshot = player.watch().borrow().at(world.clock.now());
        assert!(snapshot.wait.is_some(), "the keys show the remaining time");
    }
    let sent = world.sim.requests();
    assert!(sent.is_empty(), "nothing is sent while limited: {sent:?}");
    pass(&world.clock, 10).await;
    tokio::time::resume();
    world.sim.wait_for_request("GET", "/v1/me/player", Duration::from_secs(20)).await.unwrap();
    let mut watch = player.watch();
    let is_known = |state: &Arc<State>| state.at(world.clock.now()).known;
    watch.wait_for(is_known).await.unwrap();
    assert!(!world.sim.requests().iter().any(|request| request.method == "POST" && request.path.ends_with("next")));
}

#[tokio::test]
async fn backup_linked_during_a_limit_is_polled_at_once() {
    let world = World::new().await;
    let (auth, first) = world.linked().await;
    let client = Client::new(world.http.clone(), Url::parse(&world.sim.api_url()).unwrap(), auth.clone());
    identify(&auth, &first, client.me(&first).await.unwrap()).await;
    let (player, _) = start(client.clone(), auth.watch(), world.clock.clone());
    world.sim.inject(Fault::quota(Some(50_400)).of(DEMO_CLIENT_ID));
    player.send(Input::Subscription(Subscription { instances: 1, ..Subscription::default() })).await.unwrap();
    let mut watch = player.watch();
    watch.wait_for(|model| model.at(world.clock.now()).last_error.is_some()).await.unwrap();

    let backup = SaveAccount {
        client_id: BACKUP_CLIENT_ID.into(),
        client_secret: Some(Secret::new(BACKUP_CLIENT_SECRET)),
        ..demo()
    };
    let id = auth.save(backup).await.unwrap();
    world.sign_in(&auth, &id).await;
    identify(&auth, &id, client.me(&id).await.unwrap()).await;
    let snapshot = watch.wait_for(|model| model.at(world.clock.now()).known).await.unwrap().at(world.clock.now());
    assert_eq!((snapshot.last_error, snapshot.wait), (None, None));
    assert!(snapshot.first_back_in.is_some());
}

/// Returns a player that knows that playback is paused. The recorded requests are cleared.
async fn paused(world: &World) -> Handle {
    let (auth, _) = world.linked().await;
    let client = Client::new(world.http.clone(), Url::parse(&world.sim.api_url()).unwrap(), auth.clone());
    let (player, _) = start(client, auth.watch(), world.clock.clone());
    let pause = spotify_sim::Change { playing: Some(false), ..spotify_sim::Change::default() };
    world.sim.change_playback(pause).unwrap();
    player.send(Input::Subscription(Subscription { instances: 1, ..Subscription::default() })).await.unwrap();
    let mut watch = player.watch();
    watch.wait_for(|model| model.at(world.clock.now()).known).await.unwrap();
    world.sim.clear_requests();
    player
}

#[tokio::test]
async fn player_polls_after_the_computer_slept() {
    let world = World::new().await;
    let _player = paused(&world).await;

    // During sleep timers stand still, but the wall clock runs.
    tokio::time::pause();
    pass(&world.clock, 5).await;
    assert!(world.sim.requests().is_empty(), "nothing is due while it is paused");
    world.clock.set(world.clock.unix_ms() + 1_000_000);
    tokio::time::advance(Duration::from_secs(5)).await;
    tokio::time::resume();
    world.sim.wait_for_request("GET", "/v1/me/player", Duration::from_secs(20)).await.unwrap();
}

#[tokio::test]
async fn failed_poll_is_retried_on_a_new_connection_after_sleep() {
    let world = World::new().await;
    let (auth, _) = world.linked().await;
    let client = Client::new(world.http.clone(), Url::parse(&world.sim.api_url()).unwrap(), auth.clone());
    let (player, _) = start(client, auth.watch(), world.clock.clone());
    let mut watch = player.watch();
    // The computer has lost its network, its token has expired, and then it sleeps.
    world.sim.set_network(Network::Refusing);
    world.clock.advance(3_600_000);
    player.send(Input::Subscription(Subscription { instances: 1, ..Subscription::default() })).await.unwrap();
    watch.wait_for(|model| model.at(world.clock.now()).last_error.is_some()).await.unwrap();
    tokio::time::pause();
    for _ in 0..120 {
        pass(&world.clock, 1).await;
        tokio::task::yield_now().await;
    }
    world.sim.set_network(Network::Up);
    let before = world.sim.connections().accepted;
    world.clock.set(world.clock.unix_ms() + 8 * 3_600_000);
    tokio::time::advance(Duration::from_secs(1)).await;
    tokio::time::resume();
    let recovered = |state: &Arc<State>| state.at(world.clock.now()).last_error.is_none();
    tokio::time::timeout(Duration::from_secs(20), watch.wait_for(recovered)).await.unwrap().unwrap();
    assert!(world.sim.connections().accepted > before);
}

#[tokio::test]
async fn late_heartbeat_causes_one_poll() {
    let world = World::new().await;
    let player = paused(&world).await;

    // Timers that run during sleep are all due at once after it.
    tokio::time::pause();
    world.clock.set(world.clock.unix_ms() + 1_000_000);
    tokio::time::advance(Duration::from_secs(1_000)).await;
    tokio::time::resume();
    world.sim.wait_for_request("GET", "/v1/me/player", Duration::from_secs(20)).await.unwrap();
    let now = world.clock.now();
    player.watch().wait_for(|model| model.at(now).last_error.is_none()).await.unwrap();
    for _ in 0..50 {
        tokio::task::yield_now().await;
    }
    let asked = world.sim.requests().iter().filter(|request| request.path == "/v1/me/player").count();
    assert!(asked <= 2, "{asked}");
}

#[tokio::test]
async fn press_wakes_the_only_device_if_none_is_active() {
    let world = World::new().await;
    let (auth, _) = world.linked().await;
    let client = Client::new(world.http.clone(), Url::parse(&world.sim.api_url()).unwrap(), auth.clone());
    let mut playback = world.sim.playback();
    playback.devices.retain(|device| device.id.as_deref() == Some(spotify_sim::COMPUTER_ID));
    playback.devices[0].is_active = false;
    playback.is_playing = false;
    world.sim.set_playback(playback);
    let (player, _) = start(client, auth.watch(), world.clock.clone());
    player.send(Input::Subscription(Subscription { instances: 1, ..Subscription::default() })).await.unwrap();
    player.watch().wait_for(|model| model.at(world.clock.now()).known).await.unwrap();
    player.send(Input::Command(pressed(Verb::TogglePlay, None))).await.unwrap();
    world.sim.wait_for(Duration::from_secs(20), |_, playback| playback.is_playing).await.unwrap();
    assert_eq!(world.sim.playback().active().unwrap().id.as_deref(), Some(spotify_sim::COMPUTER_ID));
}

/// A clock that counts how often it is read.
struct CountingClock {
    clock: Arc<ManualClock>,
    reads: AtomicUsize,
}

impl Clock for CountingClock {
    fn unix_ms(&self) -> u64 {
        self.reads.fetch_add(1, Ordering::SeqCst);
        self.clock.unix_ms()
    }
}

/// Hides all keys, and waits until the task knows it.
async fn hide(player: &Handle) {
    player.send(Input::Subscription(Subscription::default())).await.unwrap();
    let playlist = Uri::parse("spotify:playlist:37i9dQZF1DXcBWIGoYBM5M").unwrap();
    player.send(Input::LastPlaylist(playlist)).await.unwrap();
    player.watch().wait_for(|state| state.last_playlist().is_some()).await.unwrap();
}

#[tokio::test]
async fn no_timer_runs_while_nothing_is_visible() {
    let world = World::new().await;
    let (auth, _) = world.linked().await;
    let client = Client::new(world.http.clone(), Url::parse(&world.sim.api_url()).unwrap(), auth.clone());
    let clock = Arc::new(CountingClock { clock: world.clock.clone(), reads: AtomicUsize::new(0) });
    let (_accounts, watch) = tokio::sync::watch::channel(auth.watch().borrow().clone());
    let (player, _) = start(client, watch, clock.clone());
    player.send(Input::Subscription(Subscription { instances: 1, ..Subscription::default() })).await.unwrap();
    player.watch().wait_for(|state| state.at(world.clock.now()).known).await.unwrap();
    hide(&player).await;

    let hour_later = async |clock: &CountingClock| {
        let before = clock.reads.load(Ordering::SeqCst);
        tokio::time::pause();
        for _ in 0..60 {
            pass(&world.clock, 60).await;
            tokio::task::yield_now().await;
        }
        tokio::time::resume();
        clock.reads.load(Ordering::SeqCst) - before
    };
    assert_eq!(hour_later(&clock).await, 0);
    player.send(Input::Subscription(Subscription { instances: 1, ..Subscription::default() })).await.unwrap();
    assert!(hour_later(&clock).await > 60, "and they run again");
}

#[tokio::test]
async fn page_activity_notices_sleep_while_nothing_is_visible() {
    let world = World::new().await;
    let (auth, _) = world.linked().await;
    let client = Client::new(world.http.clone(), Url::parse(&world.sim.api_url()).unwrap(), auth.clone());
    let (player, _) = start(client.clone(), auth.watch(), world.clock.clone());
    hide(&player).await;
    client.devices().await.unwrap();
    let connections = world.sim.connections().accepted;
    world.clock.set(world.clock.unix_ms() + 60_000);
    client.devices().await.unwrap();
    assert_eq!(world.sim.connections().accepted, connections, "nothing has noticed the sleep yet");

    player.send(Input::PageActivity).await.unwrap();
    let on_new_connection = async {
        while world.sim.connections().accepted == connections {
            client.devices().await.unwrap();
        }
    };
    tokio::time::timeout(Duration::from_secs(20), on_new_connection).await.expect("connections are renewed");
}

/// A clock that panics once it is broken, to simulate any panic of the task.
struct BrokenClock {
    clock: Arc<ManualClock>,
    broken: AtomicBool,
}

impl Clock for BrokenClock {
    fn unix_ms(&self) -> u64 {
        assert!(!self.broken.load(Ordering::SeqCst), "the clock is broken");
        self.clock.unix_ms()
    }
}

#[tokio::test]
async fn panic_of_the_task_reaches_its_owner() {
    let world = World::new().await;
    let (auth, _) = world.linked().await;
    let client = Client::new(world.http.clone(), Url::parse(&world.sim.api_url()).unwrap(), auth.clone());
    let clock = Arc::new(BrokenClock { clock: world.clock.clone(), broken: AtomicBool::new(false) });
    let (player, running) = start(client, auth.watch(), clock.clone());
    let mut watch = player.watch();
    player.send(Input::Refresh).await.unwrap();
    clock.broken.store(true, Ordering::SeqCst);
    player.send(Input::Refresh).await.unwrap();
    assert!(running.await.unwrap_err().is_panic());
    assert_eq!(player.send(Input::Refresh).await, Err(Ended));
    while watch.changed().await.is_ok() {}
}

#[tokio::test]
async fn task_ends_when_the_accounts_channel_closes() {
    let world = World::new().await;
    let (auth, _) = world.linked().await;
    let client = Client::new(world.http.clone(), Url::parse(&world.sim.api_url()).unwrap(), auth.clone());
    let (accounts, watch) = tokio::sync::watch::channel(auth.watch().borrow().clone());
    let (player, running) = start(client, watch, world.clock.clone());
    player.send(Input::Refresh).await.unwrap();
    drop(accounts);
    running.await.unwrap();
    assert_eq!(player.send(Input::Refresh).await, Err(Ended));
}

/// Returns a player that knows the playback state. The recorded requests are cleared.
async fn playing(world: &World) -> Handle {
    let (auth, _) = world.linked().await;
    let client = Client::new(world.http.clone(), Url::parse(&world.sim.api_url()).unwrap(), auth.clone());
    let (player, _) = start(client, auth.watch(), world.clock.clone());
    player.send(Input::Subscription(Subscription { instances: 1, ..Subscription::default() })).await.unwrap();
    player.watch().wait_for(|state| state.at(world.clock.now()).known).await.unwrap();
    world.sim.clear_requests();
    player
}

/// Sends a command whose first call is lost by `fault`, waits until `requests` requests are answered, and returns how many of
/// them were POST requests.
async fn lost(world: &World, player: &Handle, verb: Verb, fault: &Fault, requests: usize) -> usize {
    world.sim.clear_requests();
    world.sim.inject(fault.clone().on("POST", "/v1/").times(1));
    player.send(Input::Command(pressed(verb.clone(), None))).await.unwrap();
    let all = move |sent: &[spotify_sim::Request], _: &spotify_sim::Playback| {
        sent.iter().filter(|request| request.reply != spotify_sim::Reply::Pending).count() >= requests
    };
    world.sim.wait_for(crate::auth::testing::PATIENCE, all).await.unwrap();
    let state = player.watch().borrow().at(world.clock.now());
    assert_eq!(state.refusal(&key()), None);
    world.sim.requests().iter().filter(|request| request.method == "POST").count()
}

#[tokio::test]
async fn lost_skip_is_resolved_by_the_playback_state() {
    for (fault, sent) in [(Fault::drop_connection(), 2), (Fault::lose_answer(), 1)] {
        for verb in [Verb::Next, Verb::Previous] {
            let world = World::new().await;
            let skip = |action| {
                let change = spotify_sim::Change { action: Some(action), ..spotify_sim::Change::default() };
                world.sim.change_playback(change).unwrap();
                world.sim.playback().item
            };
            let expected = match verb {
                Verb::Next => [Action::Next, Action::Next, Action::Previous].map(skip)[1].clone(),
                _ => [Action::Next, Action::Next].map(skip)[0].clone(),
            };
            let player = playing(&world).await;
            // The calls, the poll that resolves the loss, and the poll after a press.
            assert_eq!(lost(&world, &player, verb.clone(), &fault, sent + 2).await, sent, "{verb:?}");
            assert_eq!(world.sim.playback().item, expected, "{verb:?}, exactly once");
        }
    }
}

#[tokio::test]
async fn lost_addition_is_resolved_by_the_lists() {
    for (fault, sent) in [(Fault::drop_connection(), 2), (Fault::lose_answer(), 1)] {
        let world = World::new().await;
        let player = playing(&world).await;
        let playlist = spotify_sim::catalogue::playlist_uri(2);
        let before = world.sim.playlist(&playlist).unwrap().len();
        let verb = Verb::AddToPlaylist(crate::spotify::Uri::parse(&playlist));
        assert_eq!(lost(&world, &player, verb, &fault, sent + 2).await, sent);
        let entries = world.sim.playlist(&playlist).unwrap();
        assert_eq!((entries.len(), entries.last()), (before + 1, world.sim.playback().item.as_ref()));

        assert_eq!(lost(&world, &player, Verb::Enqueue(None), &fault, sent + 1).await, sent);
        assert_eq!(world.sim.playback().queue.len(), 1);
    }
}
