//! Devices as odd as users have them, over real HTTP.

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

/// A player that has seen what plays.
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
        stage.shows(|player| player.known).await;
        stage.world.sim.clear_requests();
        stage
    }

    /// Has it be known whose sign-in it is, as the package does.
    async fn identify(&self) {
        let sign_in = self.auth.watch().borrow().accounts[0].sign_in.unwrap();
        let user = self.client.me(&self.account).await.unwrap();
        self.auth.set_user(sign_in, user).await;
        self.shows(|player| player.liked_context().is_some()).await;
        self.world.sim.clear_requests();
    }

    async fn presses(&self, verb: Verb, device: Option<&ChosenDevice>) {
        let command = pressed(verb, device.cloned());
        self.player.send(Input::Command(command)).await.unwrap();
    }

    /// Waits until what widgets look at is like this.
    async fn shows(&self, like: impl Fn(&Player) -> bool) {
        let mut watch = self.player.watch();
        let now = self.world.clock.now();
        let shown = watch.wait_for(|state: &Arc<State>| like(&state.at(now)));
        tokio::time::timeout(SOON, shown).await.expect("it is shown").unwrap();
    }

    async fn refuses(&self, why: Restriction) {
        self.shows(|player| player.refusal(&key()) == Some(&Error::Restricted(why))).await;
    }

    async fn plays(&self, like: impl Fn(&Playback) -> bool + Send + 'static) {
        let played = self.world.sim.wait_for(SOON, move |_, playback| like(playback)).await;
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

/// The speaker as it was chosen.
fn speaker() -> ChosenDevice {
    ChosenDevice { id: SPEAKER_ID.into(), name: "Wohnzimmer".to_owned(), kind: "Speaker".to_owned() }
}

fn is_active(id: &'static str) -> impl Fn(&Playback) -> bool + Send {
    move |playback| playback.active().and_then(|device| device.id.as_deref()) == Some(id)
}

/// No device is active, and only the one with this id is there.
fn only(id: &str) -> Playback {
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
        stage.presses(verb.clone(), Some(&speaker())).await;
        stage.plays(is_active("renewed")).await;
        stage.shows(|player| player.devices.is_some()).await;
    }
}

#[tokio::test]
async fn sleeping_device_with_a_new_id_is_woken() {
    let stage = Stage::new(Playback::asleep()).await;
    stage.change(SPEAKER_ID, new_id("renewed"));
    stage.presses(Verb::TogglePlay, Some(&speaker())).await;
    stage.plays(|playback| is_active("renewed")(playback) && playback.is_playing).await;
}

#[tokio::test]
async fn pause_reaches_a_chosen_device_with_a_new_id() {
    let stage = Stage::new(Playback::default()).await;
    stage.world.sim.change_playback(Change::device(SPEAKER_ID)).unwrap();
    stage.change(SPEAKER_ID, new_id("renewed"));
    stage.presses(Verb::TogglePlay, Some(&speaker())).await;
    stage.plays(|playback| !playback.is_playing).await;
    assert_eq!(stage.commands(), ["player/pause", "player/pause"]);
}

#[tokio::test]
async fn one_of_several_devices_of_a_name_is_not_guessed() {
    for verb in [Verb::TogglePlay, Verb::MoveTo { device: speaker(), play: None }] {
        let mut playback = Playback::paused();
        let twin = spotify_sim::Device { id: Some("twin".to_owned()), ..playback.devices[1].clone() };
        playback.devices.push(twin);
        let stage = Stage::new(playback).await;
        stage.change(SPEAKER_ID, new_id("renewed"));
        stage.presses(verb, Some(&speaker())).await;
        stage.refuses(Restriction::SeveralDevices).await;
        assert!(is_active(COMPUTER_ID)(&stage.world.sim.playback()));
    }
}

#[tokio::test]
async fn chosen_device_that_takes_no_commands_says_so() {
    let stage = Stage::new(Playback::asleep()).await;
    stage.change(SPEAKER_ID, DeviceChange { restricted: Some(true), ..new_id("renewed") });
    stage.presses(Verb::TogglePlay, Some(&speaker())).await;
    stage.refuses(Restriction::Device).await;
}

#[tokio::test]
async fn speaker_that_wakes_up_empty_is_asked_once_more() {
    let stage = Stage::new(only(SPEAKER_ID)).await;
    stage.change(SPEAKER_ID, wakes(Waking::Empty));
    stage.presses(Verb::TogglePlay, None).await;
    stage.plays(|playback| playback.is_playing).await;
    stage.shows(|player| player.now.as_ref().is_some_and(|now| now.playing && now.track.is_some())).await;
    assert_eq!(stage.commands(), ["player/play", "player", "player/play"]);
}

#[tokio::test]
async fn speaker_that_stays_silent_says_what_to_do() {
    let stage = Stage::new(only(SPEAKER_ID)).await;
    stage.change(SPEAKER_ID, wakes(Waking::Forgetful));
    stage.presses(Verb::TogglePlay, None).await;
    stage.refuses(Restriction::StaysSilent).await;
    assert_eq!(stage.commands(), ["player/play", "player", "player/play"], "one more, and no more");
    // It is awake now, and as empty as before.
    stage.world.sim.clear_requests();
    stage.presses(Verb::TogglePlay, None).await;
    stage.shows(|player| player.refusal(&key()).is_none()).await;
    stage.refuses(Restriction::StaysSilent).await;
    assert_eq!(stage.commands(), ["player/play", "player/play"]);
}

#[tokio::test]
async fn speaker_that_has_forgotten_plays_what_was_played_last() {
    let stage = Stage::new(Playback::default()).await;
    let last = stage.world.sim.playback();
    // A track counts as played once it has ended.
    stage.world.sim.advance(Duration::from_secs(250));
    stage.world.sim.set_playback(only(SPEAKER_ID));
    stage.player.send(Input::Refresh).await.unwrap();
    stage.shows(|player| player.now.is_none()).await;
    stage.change(SPEAKER_ID, wakes(Waking::Forgetful));
    stage.world.sim.clear_requests();
    stage.presses(Verb::TogglePlay, None).await;
    stage
        .plays(move |playback| playback.is_playing && playback.item == last.item && playback.context == last.context)
        .await;
    assert_eq!(stage.commands(), ["player/play", "player", "player/play", "player/play"]);
}

#[tokio::test]
async fn what_was_chosen_plays_on_a_speaker_that_wakes_up_empty() {
    let stage = Stage::new(only(SPEAKER_ID)).await;
    stage.change(SPEAKER_ID, wakes(Waking::Forgetful));
    let uri = crate::spotify::Uri::parse(&spotify_sim::catalogue::album_uri(2)).unwrap();
    stage.presses(Verb::Start(Start { uri, again: Again::Pause, shuffle: None }), None).await;
    stage.plays(|playback| playback.is_playing).await;
    stage.shows(|player| player.now.as_ref().is_some_and(|now| now.playing)).await;
    assert_eq!(stage.commands(), ["player/play", "player", "player/play"]);
}

#[tokio::test]
async fn next_device_is_chosen_from_the_list_as_it_is_now() {
    let stage = Stage::new(Playback::paused()).await;
    // Nothing has shown the devices, so none are known.
    stage.presses(Verb::NextDevice, None).await;
    stage.plays(is_active(SPEAKER_ID)).await;
    stage.shows(|player| player.devices.is_some()).await;
    // The next one is gone since it was listed.
    stage.shows(|player| player.now.as_ref().is_some_and(|now| now.device.id == Some(SPEAKER_ID.into()))).await;
    let mut playback = stage.world.sim.playback();
    playback.devices.retain(|device| device.id.as_deref() != Some(PHONE_ID));
    stage.world.sim.set_playback(playback);
    stage.presses(Verb::NextDevice, None).await;
    stage.plays(is_active(COMPUTER_ID)).await;
}

#[tokio::test]
async fn next_device_says_when_there_is_no_other_one() {
    let mut playback = Playback::paused();
    playback.devices.retain(|device| device.is_active);
    let stage = Stage::new(playback).await;
    stage.presses(Verb::NextDevice, None).await;
    stage.refuses(Restriction::NoOtherDevice).await;
    let stage = Stage::new(Playback { devices: Vec::new(), ..Playback::idle() }).await;
    stage.presses(Verb::NextDevice, None).await;
    stage.shows(|player| player.refusal(&key()) == Some(&Error::NoActiveDevice)).await;
}

#[tokio::test]
async fn nothing_is_sent_during_an_ad_until_it_is_over() {
    let stage = Stage::new(Playback::advertisement()).await;
    for verb in [Verb::TogglePlay, Verb::Next, Verb::Previous, Verb::SeekBy(1_000)] {
        // Old enough to be asked once more.
        stage.world.clock.advance(2_000);
        stage.presses(verb, None).await;
        stage.refuses(Restriction::Advertisement).await;
        stage.presses(Verb::ToggleSaved(None), None).await;
        stage.refuses(Restriction::NothingPlaying).await;
    }
    assert_eq!(stage.commands(), [""; 0]);
    // Nothing has been read since it ended, and the press arrives all the same.
    stage.world.sim.change_playback(Change::item(&spotify_sim::catalogue::track_uri(2))).unwrap();
    stage.world.clock.advance(2_000);
    stage.presses(Verb::TogglePlay, None).await;
    stage.plays(|playback| !playback.is_playing).await;
    assert_eq!(stage.commands(), ["player/pause"]);
}

/// Lets the time pass in which a write is trusted, again and again, and has what plays read, until this is shown.
async fn settles(stage: &Stage, like: impl Fn(&Player) -> bool) {
    let mut watch = stage.player.watch();
    for _ in 0..40 {
        stage.world.clock.advance(3_500);
        stage.player.send(Input::Refresh).await.unwrap();
        let now = stage.world.clock.now();
        let shown = watch.wait_for(|state: &Arc<State>| like(&state.at(now)));
        if tokio::time::timeout(Duration::from_millis(500), shown).await.is_ok() {
            return;
        }
    }
    panic!("it is never shown");
}

fn repeats(player: &Player, repeat: &str) -> bool {
    player.now.as_ref().is_some_and(|now| now.repeat.name() == repeat)
}

/// Presses Repeat, waits until it is answered, and gives the mode that was asked for.
async fn cycles(stage: &Stage) -> String {
    stage.world.sim.clear_requests();
    stage.presses(Verb::CycleRepeat, None).await;
    let asked = stage.world.sim.wait_for_request("PUT", "/v1/me/player/repeat", SOON).await.unwrap();
    asked.query("state").unwrap_or_default().to_owned()
}

#[tokio::test]
async fn repeat_goes_on_past_a_mode_that_is_not_taken() {
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
            assert_eq!(cycles(&stage).await, expected, "{lacking:?}");
            let (told, why) = if expected == lacking.0.name() {
                (lacking.1.name(), Some(Error::Restricted(Restriction::NotTaken)))
            } else {
                (expected, None)
            };
            settles(&stage, |player| repeats(player, told) && player.refusal(&key()) == why.as_ref()).await;
        }
    }
}

#[tokio::test]
async fn repeat_passes_over_what_is_disallowed() {
    let stage = Stage::new(Playback::default()).await;
    let quirks = Quirks { disallows: vec!["toggling_repeat_context".to_owned()], ..Quirks::default() };
    stage.change(COMPUTER_ID, DeviceChange { quirks: Some(quirks), ..DeviceChange::default() });
    settles(&stage, |player| player.now.as_ref().is_some_and(|now| now.disallows.toggling_repeat_context)).await;
    for expected in ["track", "off", "track"] {
        assert_eq!(cycles(&stage).await, expected);
        settles(&stage, |player| repeats(player, expected)).await;
    }
}

#[tokio::test]
async fn shuffle_that_is_not_taken_says_so() {
    let stage = Stage::new(Playback::default()).await;
    let quirks = Some(Quirks { ignores_shuffle: true, ..Quirks::default() });
    stage.change(COMPUTER_ID, DeviceChange { quirks, ..DeviceChange::default() });
    stage.presses(Verb::ToggleShuffle, None).await;
    stage.world.sim.wait_for_request("PUT", "/v1/me/player/shuffle", SOON).await.unwrap();
    stage.shows(|player| player.now.as_ref().is_some_and(|now| now.shuffle)).await;
    let why = Error::Restricted(Restriction::NotTaken);
    settles(&stage, |player| player.refusal(&key()) == Some(&why)).await;
    stage.shows(|player| player.now.as_ref().is_some_and(|now| !now.shuffle)).await;
}

#[tokio::test]
async fn smart_shuffle_is_shuffle_and_is_switched_off() {
    let stage = Stage::new(Playback { smart_shuffle: true, ..Playback::default() }).await;
    stage.shows(|player| player.now.as_ref().is_some_and(|now| now.shuffle && now.smart_shuffle)).await;
    stage.presses(Verb::ToggleShuffle, None).await;
    let asked = stage.world.sim.wait_for_request("PUT", "/v1/me/player/shuffle", SOON).await.unwrap();
    assert_eq!(asked.query("state"), Some("false"));
    stage.plays(|playback| !playback.smart_shuffle).await;
}

fn liked() -> Verb {
    Verb::Start(Start { uri: crate::spotify::Uri::liked_songs(), again: Again::Restart, shuffle: None })
}

/// A stage with a user who has liked 70 songs.
async fn with_liked_songs() -> Stage {
    let stage = Stage::new(Playback::default()).await;
    for number in 11..=80 {
        stage.world.sim.set_saved(&spotify_sim::catalogue::track_uri(number), true);
    }
    stage
}

#[tokio::test]
async fn all_liked_songs_are_played_as_a_list_where_they_are_no_context() {
    let stage = with_liked_songs().await;
    stage.world.sim.set_liked_context(false);
    stage.presses(liked(), None).await;
    stage.plays(|playback| playback.tracks.len() == 70 && playback.is_playing).await;
    stage.shows(|player| player.plays(&crate::spotify::Uri::liked_songs())).await;
    let first = stage.commands().len();
    stage.presses(liked(), None).await;
    let all = move |requests: &[Request], _: &Playback| {
        requests.iter().filter(|one| one.path == "/v1/me/player/play" && one.status() == Some(200)).count() == 2
    };
    stage.world.sim.wait_for(SOON, all).await.unwrap();
    assert_eq!(stage.commands().len(), first + 1, "what was refused is not tried again");
}

#[tokio::test]
async fn all_liked_songs_are_played_as_a_context_where_that_is_taken() {
    let stage = with_liked_songs().await;
    stage.identify().await;
    stage.presses(liked(), None).await;
    let context = spotify_sim::catalogue::LIKED_URI;
    stage.plays(move |playback| playback.context.as_deref() == Some(context) && playback.tracks.len() == 70).await;
    stage.shows(|player| player.plays(&crate::spotify::Uri::liked_songs())).await;
    assert_eq!(stage.commands(), ["player/play"]);
}

#[tokio::test]
async fn liked_songs_that_are_refused_as_a_context_are_not_tried_as_one_again() {
    let stage = with_liked_songs().await;
    stage.identify().await;
    stage.world.sim.set_liked_context(false);
    for count in [2, 3] {
        stage.presses(liked(), None).await;
        let played = move |requests: &[Request], _: &Playback| {
            requests.iter().filter(|one| one.path == "/v1/me/player/play" && one.status().is_some()).count() == count
        };
        stage.world.sim.wait_for(SOON, played).await.unwrap();
        stage.plays(|playback| playback.tracks.len() == 70).await;
        stage.shows(|player| player.liked_as_list).await;
    }
}

#[tokio::test]
async fn premium_needed_goes_after_a_press_that_worked() {
    let stage = Stage::new(Playback::default()).await;
    stage.world.sim.inject(spotify_sim::Fault::premium_required().times(1));
    stage.presses(Verb::Next, None).await;
    stage.presses(Verb::ToggleShuffle, None).await;
    stage.plays(|playback| playback.shuffle).await;
    stage.shows(|player| player.refusal(&key()).is_none() && player.now.as_ref().is_some_and(|now| now.shuffle)).await;
}

#[tokio::test]
async fn refusal_goes_when_what_was_in_the_way_is_over() {
    let stage = Stage::new(Playback::advertisement()).await;
    stage.presses(Verb::Next, None).await;
    stage.refuses(Restriction::Advertisement).await;
    stage.world.sim.change_playback(Change::item(&spotify_sim::catalogue::track_uri(2))).unwrap();
    stage.player.send(Input::Refresh).await.unwrap();
    stage.shows(|player| player.refusal(&key()).is_none()).await;
}
