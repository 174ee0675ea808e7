//! Tests of sleeping, refusing and missing devices, and of the end of a track, over real HTTP.

use super::*;

impl Session {
    async fn transfer(&self, device: &str, play: bool) -> StatusCode {
        let body = json!({ "device_ids": [device], "play": play });
        self.send(Method::PUT, "/me/player", Some(body)).await.status()
    }

    /// Sends a PUT and returns the status and reason of its refusal.
    async fn put_refusal(&self, path: &str) -> (u16, Value) {
        let answer = self.send(Method::PUT, path, None).await;
        (answer.status().as_u16(), json_of(answer).await["error"]["reason"].clone())
    }
}

#[tokio::test]
async fn sleeping_device_plays_some_time_after_a_transfer() {
    let config = Config { wake_delay: Duration::from_millis(1_500), playback: Playback::asleep(), ..stopped() };
    let session = Session::start(config).await;
    let listed = session.get("/me/player/devices").await;
    assert_eq!((&listed["devices"][1]["id"], listed["devices"][1].get("sleeping")), (&json!(SPEAKER_ID), None));
    let named = format!("/me/player/play?device_id={SPEAKER_ID}");
    assert_eq!(session.put_refusal(&named).await, (404, Value::Null));
    assert_eq!(session.transfer(SPEAKER_ID, true).await, StatusCode::OK);
    session.sim.advance(Duration::from_millis(1_499));
    assert_eq!(session.put_refusal("/me/player/pause").await, (404, json!("NO_ACTIVE_DEVICE")));
    assert_eq!(session.send(Method::GET, "/me/player", None).await.status(), StatusCode::NO_CONTENT);
    session.sim.advance(Duration::from_millis(1));
    let player = session.get("/me/player").await;
    assert_eq!((&player["device"]["id"], &player["is_playing"]), (&json!(SPEAKER_ID), &json!(true)));
}

#[tokio::test]
async fn transfer_activates_a_device_if_none_is_active() {
    let session = Session::start(stopped()).await;
    session.sim.change_playback(Change::no_device()).expect("changed");
    assert_eq!(session.put_refusal("/me/player/pause").await, (404, json!("NO_ACTIVE_DEVICE")));
    assert_eq!(session.transfer(PHONE_ID, true).await, StatusCode::OK);
    assert_eq!(
        session.put_refusal("/me/player/volume?volume_percent=3").await,
        (403, json!("VOLUME_CONTROL_DISALLOW"))
    );
}

#[tokio::test]
async fn restricted_device_refuses_commands() {
    let session = Session::start(stopped()).await;
    session.sim.change_playback(Change { restricted: Some(true), ..Change::default() }).expect("changed");
    assert_eq!(session.put_refusal("/me/player/pause").await, (403, json!("DEVICE_NOT_CONTROLLABLE")));
}

#[tokio::test]
async fn private_session_accepts_commands() {
    let session = Session::start(stopped()).await;
    session.sim.change_playback(Change::private_session(true)).expect("changed");
    assert_eq!(session.get("/me/player").await["device"]["is_private_session"], true);
    assert_eq!(session.put("/me/player/pause").await, StatusCode::OK);
}

#[tokio::test]
async fn reads_see_the_end_of_a_track_late() {
    let session = Session::start(Config { read_lag: Duration::from_millis(200), ..stopped() }).await;
    let seen = async || {
        let player = session.get("/me/player").await;
        (player["item"]["uri"].clone(), player["progress_ms"].clone())
    };
    session.sim.advance(Duration::from_millis(201_199));
    assert_eq!(seen().await, (json!(track_uri(1)), json!(201_000)));
    assert_eq!(session.sim.playback().item, Some(track_uri(2)));
    session.sim.advance(Duration::from_millis(1));
    assert_eq!(seen().await, (json!(track_uri(2)), json!(200)));
}

#[tokio::test]
async fn list_continues_after_an_interposed_item() {
    let session = Session::start(Config { read_lag: Duration::from_millis(200), ..stopped() }).await;
    session.sim.change_playback(Change::item(EPISODE_URI)).expect("changed");
    session.sim.advance(Duration::from_millis(200 + 1_834_000));
    let player = session.get("/me/player?additional_types=episode").await;
    assert_eq!(player["item"]["uri"], track_uri(2));
}

fn quirks(quirks: Quirks) -> DeviceChange {
    DeviceChange { quirks: Some(quirks), ..DeviceChange::default() }
}

#[tokio::test]
async fn device_can_round_volumes() {
    let session = Session::start(stopped()).await;
    session
        .sim
        .change_device(COMPUTER_ID, quirks(Quirks { volume: VolumeQuirk::OneLess, ..Quirks::default() }))
        .unwrap();
    assert_eq!(session.put("/me/player/volume?volume_percent=31").await, StatusCode::OK);
    assert_eq!(session.get("/me/player").await["device"]["volume_percent"], 30);
}

#[tokio::test]
async fn device_can_report_no_volume() {
    let session = Session::start(stopped()).await;
    let without_volume = DeviceChange { volume_percent: Some(None), ..DeviceChange::default() };
    session.sim.change_device(COMPUTER_ID, without_volume).unwrap();
    assert_eq!(session.put("/me/player/volume?volume_percent=31").await, StatusCode::OK);
    assert_eq!(session.get("/me/player").await["device"]["volume_percent"], Value::Null);
}

#[tokio::test]
async fn device_can_lack_modes() {
    let session = Session::start(stopped()).await;
    let lacks = Quirks { repeat: vec![(Repeat::Track, Repeat::Context)], ignores_shuffle: true, ..Quirks::default() };
    session.sim.change_device("Office Computer", quirks(lacks)).unwrap();
    assert_eq!(session.put("/me/player/repeat?state=track").await, StatusCode::OK);
    assert_eq!(session.put("/me/player/shuffle?state=true").await, StatusCode::OK);
    let player = session.get("/me/player").await;
    assert_eq!((&player["repeat_state"], &player["shuffle_state"]), (&json!("context"), &json!(false)));
}

#[tokio::test]
async fn device_refuses_disallowed_actions() {
    let session = Session::start(stopped()).await;
    let disallows = vec!["seeking".to_owned(), "toggling_repeat_context".to_owned()];
    session.sim.change_device("Office Computer", quirks(Quirks { disallows, ..Quirks::default() })).unwrap();
    session.sim.change_playback(Change { repeat: Some(Repeat::Context), ..Change::default() }).expect("changed");
    assert_eq!(session.get("/me/player").await["actions"]["disallows"]["seeking"], true);
    assert_eq!(session.put_refusal("/me/player/seek?position_ms=1").await.0, 403);
    assert_eq!(session.put_refusal("/me/player/repeat?state=off").await.0, 403, "it would toggle repeat context");
}

/// Returns whether the player plays, and its item.
async fn playing_item(session: &Session) -> (Value, Value) {
    let player = session.get("/me/player").await;
    (player["is_playing"].clone(), player["item"]["uri"].clone())
}

#[tokio::test]
async fn device_that_wakes_up_empty_plays_when_resumed() {
    let session = Session::start(Config { playback: Playback::asleep(), ..stopped() }).await;
    session.sim.change_device(SPEAKER_ID, quirks(Quirks { wakes: Waking::Empty, ..Quirks::default() })).unwrap();
    assert_eq!(session.transfer(SPEAKER_ID, true).await, StatusCode::OK);
    assert_eq!(playing_item(&session).await, (json!(false), Value::Null));
    assert_eq!(session.put("/me/player/play").await, StatusCode::OK);
    assert_eq!(playing_item(&session).await, (json!(true), json!(track_uri(1))));
}

#[tokio::test]
async fn device_that_wakes_up_forgetful_ignores_resume() {
    let session = Session::start(Config { playback: Playback::asleep(), ..stopped() }).await;
    session.sim.change_device(PHONE_ID, quirks(Quirks { wakes: Waking::Forgetful, ..Quirks::default() })).unwrap();
    assert_eq!(session.transfer(PHONE_ID, true).await, StatusCode::OK);
    assert_eq!(session.put("/me/player/play").await, StatusCode::OK);
    assert_eq!(playing_item(&session).await, (json!(false), Value::Null));
}

#[tokio::test]
async fn device_can_change_its_id() {
    let session = Session::start(stopped()).await;
    let renewed = DeviceChange { id: Some(Some("new".to_owned())), ..DeviceChange::default() };
    session.sim.change_device(SPEAKER_ID, renewed.clone()).unwrap();
    assert_eq!(session.get("/me/player/devices").await["devices"][1]["id"], "new");
    assert_eq!(session.transfer(SPEAKER_ID, true).await, StatusCode::NOT_FOUND);
    assert_eq!(session.transfer("new", true).await, StatusCode::OK);
    assert!(session.sim.change_device(SPEAKER_ID, renewed).is_err());
}
