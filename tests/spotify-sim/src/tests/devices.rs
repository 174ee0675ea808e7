//! Devices that sleep, refuse or are not there, and the end of a track, over real HTTP.

use super::*;

impl Session {
    async fn transfer(&self, device: &str, play: bool) -> StatusCode {
        let body = json!({ "device_ids": [device], "play": play });
        self.send(Method::PUT, "/me/player", Some(body)).await.status()
    }

    /// Status and reason of a refused PUT.
    async fn reason(&self, path: &str) -> (u16, Value) {
        let answer = self.send(Method::PUT, path, None).await;
        (answer.status().as_u16(), json_of(answer).await["error"]["reason"].clone())
    }
}

#[tokio::test]
async fn a_sleeping_device_is_woken_by_a_transfer_and_plays_after_a_while() {
    let config = Config { wake_delay: Duration::from_millis(1_500), playback: Playback::asleep(), ..stopped() };
    let session = Session::start(config).await;
    let listed = session.get("/me/player/devices").await;
    assert_eq!((&listed["devices"][1]["id"], listed["devices"][1].get("sleeping")), (&json!(SPEAKER_ID), None));
    let named = format!("/me/player/play?device_id={SPEAKER_ID}");
    assert_eq!(session.reason(&named).await, (404, Value::Null));
    assert_eq!(session.transfer(SPEAKER_ID, true).await, StatusCode::OK);
    session.sim.advance(Duration::from_millis(1_499));
    assert_eq!(session.reason("/me/player/pause").await, (404, json!("NO_ACTIVE_DEVICE")));
    assert_eq!(session.send(Method::GET, "/me/player", None).await.status(), StatusCode::NO_CONTENT);
    session.sim.advance(Duration::from_millis(1));
    let player = session.get("/me/player").await;
    assert_eq!((&player["device"]["id"], &player["is_playing"]), (&json!(SPEAKER_ID), &json!(true)));
}

#[tokio::test]
async fn when_the_active_device_goes_away_a_transfer_brings_another() {
    let session = Session::start(stopped()).await;
    session.sim.change_playback(Change::no_device()).expect("changed");
    assert_eq!(session.reason("/me/player/pause").await, (404, json!("NO_ACTIVE_DEVICE")));
    assert_eq!(session.transfer(PHONE_ID, true).await, StatusCode::OK);
    assert_eq!(session.reason("/me/player/volume?volume_percent=3").await, (403, json!("VOLUME_CONTROL_DISALLOW")));
    session.sim.change_playback(Change { restricted: Some(true), ..Change::default() }).expect("changed");
    assert_eq!(session.reason("/me/player/pause").await, (403, json!("DEVICE_NOT_CONTROLLABLE")));
    session.sim.change_playback(Change::device(COMPUTER_ID)).expect("changed");
    session.sim.change_playback(Change::private_session(true)).expect("changed");
    assert_eq!(session.get("/me/player").await["device"]["is_private_session"], true);
    assert_eq!(session.put("/me/player/pause").await, StatusCode::OK);
}

#[tokio::test]
async fn a_track_ends_by_itself_and_reads_hear_of_it_late_when_asked() {
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
    session.sim.change_playback(Change::item(EPISODE_URI)).expect("changed");
    session.sim.advance(Duration::from_millis(200 + 1_834_000));
    let player = session.get("/me/player?additional_types=episode").await;
    assert_eq!(player["item"]["uri"], track_uri(3), "the list goes on after what came in between");
}
