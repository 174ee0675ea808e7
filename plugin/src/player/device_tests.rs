//! Devices with the quirks of real ones, over HTTP.

use std::sync::Arc;
use std::time::Duration;

use spotify_sim::{COMPUTER_ID, Change, DeviceChange, PHONE_ID, Playback, Quirks, Request, SPEAKER_ID, Waking};
use url::Url;

use super::*;
use crate::auth::testing::World;
use crate::clock::Clock as _;
use crate::player::testing::{key, pressed};
use crate::spotify::{Client, Error, Repeat, Restriction};

const SOON: Duration = Duration::from_secs(20);

/// A player that knows the playback state.
struct Stage {
    world: World,
    player: Handle,
    client: Client,
    auth: crate::auth::Auth,
    account: crate::auth::AccountId,
}

impl Stage {
    async fn new(playback: Playback) -> Self {
        let world = World::new().await;
        let (auth, account) = world.linked().await;
        world.sim.set_playback(playback);
        let client = Client::new(world.http.clone(), Url::parse(&world.sim.api_url()).unwrap(), auth.clone());
        let (player, _) = start(client.clone(), auth.watch(), world.clock.clone());
        player.send(Input::Subscription(Subscription { instances: 1, ..Subscription::default() })).await.unwrap();
        let stage = Self { world, player, client, auth, account };
        stage.wait_for_player(|player| player.known).await;
        stage.world.sim.clear_requests();
        stage
    }

    /// Identifies the user of the account, as the package does.
    async fn identify(&self) {
        let sign_in = self.auth.watch().borrow().accounts[0].sign_in.unwrap();
        let user = self.client.me(&self.account).await.unwrap();
        self.auth.set_user(sign_in, user).await;
        self.wait_for_player(|player| player.liked_context().is_some()).await;
        self.world.sim.clear_requests();
    }

    async fn press(&self, verb: Verb, device: Option<&ChosenDevice>) {
        let command = pressed(verb, device.cloned());
        self.player.send(Input::Command(command)).await.unwrap();
    }

    /// Waits until the snapshot fulfils a condition.
    async fn wait_for_player(&self, condition: impl Fn(&Player) -> bool) {
        let mut watch = self.player.watch();
        let now = self.world.clock.now();
        let shown = watch.wait_for(|state: &Arc<State>| condition(&state.at(now)));
        tokio::time::timeout(SOON, shown).await.expect("the condition is never fulfilled").unwrap();
    }

    async fn wait_for_refusal(&self, why: Restriction) {
        self.wait_for_player(|player| player.refusal(&key()) == Some(&Error::Restricted(why))).await;
    }

    async fn wait_for_playback(&self, condition: impl Fn(&Playback) -> bool + Send + 'static) {
        let played = self.world.sim.wait_for(SOON, move |_, playback| condition(playback)).await;
        assert!(played.is_ok(), "{:?}", self.world.sim.playback());
    }

    fn change(&self, device: &str, change: DeviceChange) {
        self.world.sim.change_device(device, change).unwrap();
    }

    /// The commands that were sent, by their paths.
    fn commands(&self) -> Vec<String> {
        let commands = |request: &Request| request.method != "GET" && request.path.starts_with("/v1/");
        let requests = self.world.sim.requests().into_iter().filter(commands);
        requests.map(|request| request.path.trim_start_matches("/v1/me/").to_owned()).collect()
    }
}

fn new_id(id: &str) -> DeviceChange {
    DeviceChange { id: Some(Some(id.to_owned())), ..DeviceChange::default() }
}

fn wakes(waking: Waking) -> DeviceChange {
    DeviceChange { quirks: Some(Quirks { wakes: waking, ..Quirks::default() }), ..DeviceChange::default() }
}

/// The speaker, as chosen by the user.
fn speaker() -> ChosenDevice {
    ChosenDevice { id: SPEAKER_ID.into(), name: "Wohnzimmer".to_owned(), kind: "Speaker".to_owned() }
}

fn is_active(id: &'static str) -> impl Fn(&Playback) -> bool + Send {
    move |playback| playback.active().and_then(|device| device.id.as_deref()) == Some(id)
}

/// A playback state with a single, inactive device.
fn only_device(id: &str) -> Playback {
    let mut playback = Playback::idle();
    playback.devices.retain(|device| device.id.as_deref() == Some(id));
    playback
}

#[tokio::test]
async fn chosen_device_with_a_new_id_takes_every_command() {
    for verb in [
        Verb::TogglePlay,
        Verb::Next,
        Verb::ToggleShuffle,
        Verb::CycleRepeat,
        Verb::Enqueue(crate::spotify::Uri::parse(&spotify_sim::catalogue::track_uri(3))),
        Verb::MoveTo { device: speaker(), play: None },
    ] {
        let stage = Stage::new(Playback::paused()).await;
        stage.change(SPEAKER_ID, new_id("renewed"));
        stage.press(verb.clone(), Some(&speaker())).await;
        stage.wait_for_playback(is_active("renewed")).await;
        stage.wait_for_player(|player| player.devices.is_some()).await;
    }
}

#[tokio::test]
async fn sleeping_device_with_a_new_id_is_woken() {
    let stage = Stage::new(Playback::asleep()).await;
    stage.change(SPEAKER_ID, new_id("renewed"));
    stage.press(Verb::TogglePlay, Some(&speaker())).await;
    stage.wait_for_playback(|playback| is_active("renewed")(playback) && playback.is_playing).await;
}

#[tokio::test]
async fn pause_reaches_a_chosen_device_with_a_new_id() {
    let stage = Stage::new(Playback::default()).await;
    stage.world.sim.change_playback(Change::device(SPEAKER_ID)).unwrap();
    stage.change(SPEAKER_ID, new_id("renewed"));
    stage.press(Verb::TogglePlay, Some(&speaker())).await;
    stage.wait_for_playback(|playback| !playback.is_playing).await;
    assert_eq!(stage.commands(), ["player/pause", "player/pause"]);
}

#[tokio::test]
async fn device_with_an_ambiguous_name_is_refused() {
    for verb in [Verb::TogglePlay, Verb::MoveTo { device: speaker(), play: None }] {
        let mut playback = Playback::paused();
        let twin = spotify_sim::Device { id: Some("twin".to_owned()), ..playback.devices[1].clone() };
        playback.devices.push(twin);
        let stage = Stage::new(playback).await;
        stage.change(SPEAKER_ID, new_id("renewed"));
        stage.press(verb, Some(&speaker())).await;
        stage.wait_for_refusal(Restriction::SeveralDevices).await;
        assert!(is_active(COMPUTER_ID)(&stage.world.sim.playback()));
    }
}

#[tokio::test]
async fn restricted_chosen_device_is_refused() {
    let stage = Stage::new(Playback::asleep()).await;
    stage.change(SPEAKER_ID, DeviceChange { restricted: Some(true), ..new_id("renewed") });
    stage.press(Verb::TogglePlay, Some(&speaker())).await;
    stage.wait_for_refusal(Restriction::Device).await;
}

#[tokio::test]
async fn speaker_that_wakes_up_empty_is_asked_once_more() {
    let stage = Stage::new(only_device(SPEAKER_ID)).await;
    stage.change(SPEAKER_ID, wakes(Waking::Empty));
    stage.press(Verb::TogglePlay, None).await;
    stage.wait_for_playback(|playback| playback.is_playing).await;
    stage.wait_for_player(|player| player.now.as_ref().is_some_and(|now| now.playing && now.track.is_some())).await;
    assert_eq!(stage.commands(), ["player/play", "player", "player/play"]);
}

#[tokio::test]
async fn silent_speaker_shows_a_remedy() {
    let stage = Stage::new(only_device(SPEAKER_ID)).await;
    stage.change(SPEAKER_ID, wakes(Waking::Forgetful));
    stage.press(Verb::TogglePlay, None).await;
    stage.wait_for_refusal(Restriction::StaysSilent).await;
    assert_eq!(stage.commands(), ["player/play", "player", "player/play"], "the call is repeated once");
    // It is awake now, but has nothing to play.
    stage.world.sim.clear_requests();
    stage.press(Verb::TogglePlay, None).await;
    stage.wait_for_player(|player| player.refusal(&key()).is_none()).await;
    stage.wait_for_refusal(Restriction::StaysSilent).await;
    assert_eq!(stage.commands(), ["player/play", "player/play"]);
}

#[tokio::test]
async fn speaker_that_has_forgotten_plays_what_was_played_last() {
    let stage = Stage::new(Playback::default()).await;
    let last = stage.world.sim.playback();
    // A track counts as played once it has ended.
    stage.world.sim.advance(Duration::from_secs(250));
    stage.world.sim.set_playback(only_device(SPEAKER_ID));
    stage.player.send(Input::Refresh).await.unwrap();
    stage.wait_for_player(|player| player.now.is_none()).await;
    stage.change(SPEAKER_ID, wakes(Waking::Forgetful));
    stage.world.sim.clear_requests();
    stage.press(Verb::TogglePlay, None).await;
    stage
        .wait_for_playback(move |playback| {
            playback.is_playing && playback.item == last.item && playback.context == last.context
        })
        .await;
    assert_eq!(stage.commands(), ["player/play", "player", "player/play", "player/play"]);
}

#[tokio::test]
async fn chosen_uri_plays_on_a_speaker_that_wakes_up_empty() {
    let stage = Stage::new(only_device(SPEAKER_ID)).await;
    stage.change(SPEAKER_ID, wakes(Waking::Forgetful));
    let uri = crate::spotify::Uri::parse(&spotify_sim::catalogue::album_uri(2)).unwrap();
    stage.press(Verb::Start(Start { uri, again: Again::Pause, shuffle: None }), None).await;
    stage.wait_for_playback(|playback| playback.is_playing).await;
    stage.wait_for_player(|player| player.now.as_ref().is_some_and(|now| now.playing)).await;
    assert_eq!(stage.commands(), ["player/play", "player", "player/play"]);
}

#[tokio::test]
async fn next_device_is_taken_from_the_current_list() {
    let stage = Stage::new(Playback::paused()).await;
    // Nothing has shown the devices, so none are known.
    stage.press(Verb::NextDevice, None).await;
    stage.wait_for_playback(is_active(SPEAKER_ID)).await;
    stage.wait_for_player(|player| player.devices.is_some()).await;
    // The next one is gone since it was listed.
    stage
        .wait_for_player(|player| player.now.as_ref().is_some_and(|now| now.device.id == Some(SPEAKER_ID.into())))
        .await;
    let mut playback = stage.world.sim.playback();
    playback.devices.retain(|device| device.id.as_deref() != Some(PHONE_ID));
    stage.world.sim.set_playback(playback);
    stage.press(Verb::NextDevice, None).await;
    stage.wait_for_playback(is_active(COMPUTER_ID)).await;
}

#[tokio::test]
async fn next_device_is_refused_without_another_one() {
    let mut playback = Playback::paused();
    playback.devices.retain(|device| device.is_active);
    let stage = Stage::new(playback).await;
    stage.press(Verb::NextDevice, None).await;
    stage.wait_for_refusal(Restriction::NoOtherDevice).await;
    let stage = Stage::new(Playback { devices: Vec::new(), ..Playback::idle() }).await;
    stage.press(Verb::NextDevice, None).await;
    stage.wait_for_player(|player| player.refusal(&key()) == Some(&Error::NoActiveDevice)).await;
}

#[tokio::test]
async fn nothing_is_sent_during_an_ad_until_it_is_over() {
    let stage = Stage::new(Playback::advertisement()).await;
    for verb in [Verb::TogglePlay, Verb::Next, Verb::Previous, Verb::SeekBy(1_000)] {
        // The state is old enough to be polled again.
        stage.world.clock.advance(2_000);
        stage.press(verb, None).await;
        stage.wait_for_refusal(Restriction::Advertisement).await;
        stage.press(Verb::ToggleSaved(None), None).await;
        stage.wait_for_refusal(Restriction::NothingPlaying).await;
    }
    assert_eq!(stage.commands(), [""; 0]);
    // The end of the ad hasn't been polled, but the press is sent.
    stage.world.sim.change_playback(Change::item(&spotify_sim::catalogue::track_uri(2))).unwrap();
    stage.world.clock.advance(2_000);
    stage.press(Verb::TogglePlay, None).await;
    stage.wait_for_playback(|playback| !playback.is_playing).await;
    assert_eq!(stage.commands(), ["player/pause"]);
}

/// Refreshes after writes are no longer trusted, repeatedly, until the snapshot fulfils a condition.
async fn wait_until_settled(stage: &Stage, condition: impl Fn(&Player) -> bool) {
    let mut watch = stage.player.watch();
    for _ in 0..40 {
        stage.world.clock.advance(3_500);
        stage.player.send(Input::Refresh).await.unwrap();
        let now = stage.world.clock.now();
        let shown = watch.wait_for(|state: &Arc<State>| condition(&state.at(now)));
        if tokio::time::timeout(Duration::from_millis(500), shown).await.is_ok() {
            return;
        }
    }
    panic!("the condition is never fulfilled");
}

fn has_repeat(player: &Player, repeat: &str) -> bool {
    player.now.as_ref().is_some_and(|now| now.repeat.name() == repeat)
}

/// Presses Repeat and returns the mode that was requested.
async fn cycle_repeat(stage: &Stage) -> String {
    stage.world.sim.clear_requests();
    stage.press(Verb::CycleRepeat, None).await;
    let asked = stage.world.sim.wait_for_request("PUT", "/v1/me/player/repeat", SOON).await.unwrap();
    asked.query("state").unwrap_or_default().to_owned()
}

#[tokio::test]
async fn repeat_skips_an_ignored_mode() {
    for (lacking, cycle) in [
        ((Repeat::Track, Repeat::Context), ["context", "track", "off", "context", "off", "context"]),
        ((Repeat::Context, Repeat::Off), ["context", "track", "off", "track", "off", "track"]),
    ] {
        let stage = Stage::new(Playback::default()).await;
        let mode = |mode| match mode {
            Repeat::Off => spotify_sim::Repeat::Off,
            Repeat::Context => spotify_sim::Repeat::Context,
            Repeat::Track => spotify_sim::Repeat::Track,
        };
        let repeat = vec![(mode(lacking.0), mode(lacking.1))];
        let quirks = Some(Quirks { repeat, ..Quirks::default() });
        stage.change(COMPUTER_ID, DeviceChange { quirks, ..DeviceChange::default() });
        for expected in cycle {
            assert_eq!(cycle_repeat(&stage).await, expected, "{lacking:?}");
            let (reported, why) = if expected == lacking.0.name() {
                (lacking.1.name(), Some(Error::Restricted(Restriction::NoEffect)))
            } else {
                (expected, None)
            };
            wait_until_settled(&stage, |player| has_repeat(player, reported) && player.refusal(&key()) == why.as_ref())
                .await;
        }
    }
}

#[tokio::test]
async fn repeat_skips_a_disallowed_mode() {
    let stage = Stage::new(Playback::default()).await;
    let quirks = Quirks { disallows: vec!["toggling_repeat_context".to_owned()], ..Quirks::default() };
    stage.change(COMPUTER_ID, DeviceChange { quirks: Some(quirks), ..DeviceChange::default() });
    wait_until_settled(&stage, |player| player.now.as_ref().is_some_and(|now| now.disallows.toggling_repeat_context))
        .await;
    for expected in ["track", "off", "track"] {
        assert_eq!(cycle_repeat(&stage).await, expected);
        wait_until_settled(&stage, |player| has_repeat(player, expected)).await;
    }
}

#[tokio::test]
async fn ignored_shuffle_is_reported() {
    let stage = Stage::new(Playback::default()).await;
    let quirks = Some(Quirks { ignores_shuffle: true, ..Quirks::default() });
    stage.change(COMPUTER_ID, DeviceChange { quirks, ..DeviceChange::default() });
    stage.press(Verb::ToggleShuffle, None).await;
    stage.world.sim.wait_for_request("PUT", "/v1/me/player/shuffle", SOON).await.unwrap();
    stage.wait_for_player(|player| player.now.as_ref().is_some_and(|now| now.shuffle)).await;
    let why = Error::Restricted(Restriction::NoEffect);
    wait_until_settled(&stage, |player| player.refusal(&key()) == Some(&why)).await;
    stage.wait_for_player(|player| player.now.as_ref().is_some_and(|now| !now.shuffle)).await;
}

#[tokio::test]
async fn smart_shuffle_is_shuffle_and_is_switched_off() {
    let stage = Stage::new(Playback { smart_shuffle: true, ..Playback::default() }).await;
    stage.wait_for_player(|player| player.now.as_ref().is_some_and(|now| now.shuffle && now.smart_shuffle)).await;
    stage.press(Verb::ToggleShuffle, None).await;
    let asked = stage.world.sim.wait_for_request("PUT", "/v1/me/player/shuffle", SOON).await.unwrap();
    assert_eq!(asked.query("state"), Some("false"));
    stage.wait_for_playback(|playback| !playback.smart_shuffle).await;
}

fn liked() -> Verb {
    Verb::Start(Start { uri: crate::spotify::Uri::liked_songs(), again: Again::Restart, shuffle: None })
}

/// Returns a stage whose user has 70 Liked Songs.
async fn with_liked_songs() -> Stage {
    let stage = Stage::new(Playback::default()).await;
    for number in 11..=80 {
        stage.world.sim.set_saved(&spotify_sim::catalogue::track_uri(number), true);
    }
    stage
}

#[tokio::test]
async fn liked_songs_are_played_as_a_list_if_refused_as_context() {
    let stage = with_liked_songs().await;
    stage.world.sim.set_liked_context(false);
    stage.press(liked(), None).await;
    stage.wait_for_playback(|playback| playback.tracks.len() == 70 && playback.is_playing).await;
    stage.wait_for_player(|player| player.plays(&crate::spotify::Uri::liked_songs())).await;
    let first = stage.commands().len();
    stage.press(liked(), None).await;
    let all = move |requests: &[Request], _: &Playback| {
        requests.iter().filter(|one| one.path == "/v1/me/player/play" && one.status() == Some(200)).count() == 2
    };
    stage.world.sim.wait_for(SOON, all).await.unwrap();
    assert_eq!(stage.commands().len(), first + 1, "the refused form is not retried");
}

#[tokio::test]
async fn liked_songs_are_played_as_a_context_if_accepted() {
    let stage = with_liked_songs().await;
    stage.identify().await;
    stage.press(liked(), None).await;
    let context = spotify_sim::catalogue::LIKED_URI;
    stage
        .wait_for_playback(move |playback| playback.context.as_deref() == Some(context) && playback.tracks.len() == 70)
        .await;
    stage.wait_for_player(|player| player.plays(&crate::spotify::Uri::liked_songs())).await;
    assert_eq!(stage.commands(), ["player/play"]);
}

#[tokio::test]
async fn refused_liked_songs_context_is_not_retried() {
    let stage = with_liked_songs().await;
    stage.identify().await;
    stage.world.sim.set_liked_context(false);
    for count in [2, 3] {
        stage.press(liked(), None).await;
        let played = move |requests: &[Request], _: &Playback| {
            requests.iter().filter(|one| one.path == "/v1/me/player/play" && one.status().is_some()).count() == count
        };
        stage.world.sim.wait_for(SOON, played).await.unwrap();
        stage.wait_for_playback(|playback| playback.tracks.len() == 70).await;
        stage.wait_for_player(|player| player.liked_as_list).await;
    }
}

#[tokio::test]
async fn premium_refusal_is_cleared_by_a_successful_press() {
    let stage = Stage::new(Playback::default()).await;
    stage.world.sim.inject(spotify_sim::Fault::premium_required().times(1));
    stage.press(Verb::Next, None).await;
    stage.press(Verb::ToggleShuffle, None).await;
    stage.wait_for_playback(|playback| playback.shuffle).await;
    stage
        .wait_for_player(|player| {
            player.refusal(&key()).is_none() && player.now.as_ref().is_some_and(|now| now.shuffle)
        })
        .await;
}

#[tokio::test]
async fn refusal_is_cleared_when_its_reason_ends() {
    let stage = Stage::new(Playback::advertisement()).await;
    stage.press(Verb::Next, None).await;
    stage.wait_for_refusal(Restriction::Advertisement).await;
    stage.world.sim.change_playback(Change::item(&spotify_sim::catalogue::track_uri(2))).unwrap();
    stage.player.send(Input::Refresh).await.unwrap();
    stage.wait_for_player(|player| player.refusal(&key()).is_none()).await;
}
