//! Fault cases of several steps.

use acceptance::wait_until;
use spotify_sim::{COMPUTER_ID, DeviceChange, Playback, Quirks, SPEAKER_ID, VolumeQuirk, Waking};

use super::*;

async fn stage(unpacked: &Unpacked) -> Stage<'_> {
    Stage::start(unpacked, Sim::start(Config::default()).await.expect("a simulator")).await
}

/// Takes the recorded requests, each with its account and its answer.
fn take_requests(spotify: &Sim) -> Vec<String> {
    let requests = spotify.requests();
    spotify.clear_requests();
    requests.iter().map(describe_request).collect()
}

#[tokio::test]
async fn backup_of_another_user_is_refused_with_both_names() {
    let unpacked = Unpacked::spotify();
    let mut stage = stage(&unpacked).await;
    stage.add_account(DEMO, &Value::Null).await;
    // The guest is on the allow list, so that the user is the only mismatch.
    stage.spotify.set_allow_list(BACKUP.client_id, None).unwrap();
    stage.save_account(BACKUP).await;
    let added = |account: &Value| account["state"] == "needsLogin";
    let id = stage.host.wait_for_account(BACKUP.client_id, "it is added", added).await["id"].clone();
    let page = stage.host.start_login(&id).await;
    let back = stage.spotify.consent_as(&page, &User::guest().id, true).unwrap();
    stage.follow_redirect(back.as_str()).await;
    let refused = |account: &Value| account["trouble"] == "otherUser";
    let account = stage.host.wait_for_account(BACKUP.client_id, "it is refused", refused).await;
    let names = json!({"name": User::guest().display_name, "expected": User::default().display_name});
    assert_eq!((&account["otherUser"], &account["state"]), (&names, &json!("needsLogin")));
    for name in [User::guest().display_name, User::default().display_name] {
        assert!(account["message"].as_str().unwrap().contains(&name), "{account}");
    }
    wait_until("the wrong sign-in is removed from the file", async || {
        let stored = describe_stored(&stage.stored_accounts());
        if stored == "primary: ID, secret, sign-in; backup: ID, secret" { Ok(()) } else { Err(stored) }
    })
    .await;

    // It never serves: a refused call of the primary isn't repeated as another user.
    stage.host.place(PLAY).await;
    stage.host.wait_until_shows(PLAY, "Pause").await;
    stage.spotify.inject(Fault::throttle(Some(7)));
    stage.spotify.clear_requests();
    stage.host.press(PLAY).await;
    stage.host.wait_until_shows(PLAY, "Spotify asks to wait").await;
    assert_eq!(take_requests(&stage.spotify), ["primary pause 429"]);
}

#[tokio::test]
async fn new_log_in_reads_the_profile_at_once() {
    let unpacked = Unpacked::spotify();
    let mut stage = stage(&unpacked).await;
    stage.add_account(DEMO, &Value::Null).await;
    stage.spotify.set_allow_list(BACKUP.client_id, Some(Vec::new())).unwrap();
    stage.save_account(BACKUP).await;
    let added = |account: &Value| account["state"] == "needsLogin";
    let id = stage.host.wait_for_account(BACKUP.client_id, "it is added", added).await["id"].clone();
    stage.log_in(&id).await;
    let refused = |account: &Value| account["trouble"] == "notOnAllowList";
    let account = stage.host.wait_for_account(BACKUP.client_id, "it is refused", refused).await;
    assert_eq!((&account["state"], &account["identifying"]), (&json!("linked"), &json!(true)));

    // Without a new log-in, the refused read would be repeated only after minutes.
    stage.spotify.set_allow_list(BACKUP.client_id, None).unwrap();
    stage.log_in(&id).await;
    let known = |account: &Value| account["user"].is_string();
    let account = stage.host.wait_for_account(BACKUP.client_id, "its user is known", known).await;
    assert_eq!((&account["identifying"], &account["trouble"]), (&json!(false), &Value::Null));
}

#[tokio::test]
async fn presses_are_sent_while_one_call_is_throttled() {
    let unpacked = Unpacked::spotify();
    let mut stage = stage(&unpacked).await;
    stage.add_account(DEMO, &Value::Null).await;
    stage.spotify.inject(Fault::throttle(Some(1)).on("GET", "/v1/me/library/contains"));
    stage.host.place(PLAY).await;
    stage.host.place(NEXT).await;
    stage.host.place(LIKE).await;
    let limited =
        |account: &Value| account["limits"].as_array().is_some_and(|all| all.iter().any(|one| one["part"] == true));
    stage.host.wait_for_account(DEMO.client_id, "only this call is limited", limited).await;
    stage.spotify.clear_requests();
    for number in 1..=6 {
        stage.host.press(NEXT).await;
        let Stage { spotify, host, .. } = &mut stage;
        let arrives = spotify.wait_for_requests("POST", "/v1/me/player/next", number, TIMEOUT);
        host.receive_while(arrives).await.expect("the press arrives");
    }
    let accounts = stage.host.accounts().await;
    assert_eq!((&accounts["nobodyUntil"], &accounts["accounts"][0]["active"]), (&Value::Null, &json!(true)));
}

#[tokio::test]
async fn limit_survives_a_restart_of_the_package() {
    let unpacked = Unpacked::spotify();
    let mut stage = stage(&unpacked).await;
    stage.add_account(DEMO, &Value::Null).await;
    stage.spotify.inject(Fault::quota(Some(QUOTA)).on("GET", "/v1/me/player"));
    stage.host.place(PLAY).await;
    stage.host.wait_until_shows(PLAY, "Quota used up, back in 13 h 5").await;
    let before = stage.host.accounts().await;
    // The limit is stored concurrently; the kill must not come first.
    wait_until_quiet(&mut stage).await;

    stage.spotify.clear_requests();
    stage.restart().await;
    stage.host.place(PLAY).await;
    stage.host.wait_until_shows(PLAY, "Quota used up, back in 13 h 5").await;
    stage.host.press(PLAY).await;
    wait_until_quiet(&mut stage).await;
    assert_eq!(take_requests(&stage.spotify), [""; 0], "nothing leaves the computer");
    let after = stage.host.accounts().await;
    assert!(before["nobodyUntil"].is_u64());
    assert_eq!(before["nobodyUntil"], after["nobodyUntil"], "to the millisecond");
}

#[tokio::test]
async fn primary_is_used_again_when_its_limit_is_over() {
    let unpacked = Unpacked::spotify();
    let mut stage = stage(&unpacked).await;
    stage.add_account(DEMO, &Value::Null).await;
    stage.add_account(BACKUP, &Value::Null).await;
    stage.host.place(PLAY).await;
    stage.host.wait_until_shows(PLAY, "Pause").await;
    // Both are limited: the key shows the wait, and the first account that is available is used without a press.
    for (app, seconds) in [(DEMO, 4), (BACKUP, 1)] {
        let throttle = Fault::throttle(Some(seconds)).on("PUT", "/v1/me/player").of(app.client_id);
        stage.spotify.inject(throttle.times(1));
    }
    stage.spotify.clear_requests();
    stage.host.press(PLAY).await;
    stage.host.wait_until_shows(PLAY, "Spotify asks to wait 0:01").await;
    // No request probes whether the primary is available again: the next press is sent with it.
    let active = |account: &Value| account["active"] == true;
    stage.host.wait_for_account(BACKUP.client_id, "the backup is active", active).await;
    stage.host.wait_for_account(DEMO.client_id, "the primary is active", active).await;
    stage.host.press(PLAY).await;
    let Stage { spotify, host, .. } = &mut stage;
    host.receive_while(spotify.wait_for_requests("PUT", "/v1/me/player/pause", 3, TIMEOUT))
        .await
        .expect("the press arrives");
    let all: Vec<_> = spotify.requests().iter().map(describe_request).take(4).collect();
    assert_eq!(all, ["primary pause 429", "backup pause 429", "backup read 200", "primary pause 200"]);
}

#[tokio::test]
async fn start_without_a_network_keeps_the_accounts() {
    let unpacked = Unpacked::spotify();
    let mut stage = stage(&unpacked).await;
    stage.add_account(DEMO, &Value::Null).await;
    let before = stage.stored_accounts();
    stage.spotify.set_network(Network::Refusing);
    stage.restart().await;
    stage.host.place(PLAY).await;
    stage.host.wait_until_shows(PLAY, "No network").await;
    assert_eq!(stage.stored_accounts(), before);
    stage.spotify.set_network(Network::Up);
    stage.host.wait_until_shows(PLAY, "Pause").await;
    let accounts = stage.host.accounts().await;
    assert_eq!(describe_page(&accounts, &[], &[]), "primary linked, in use");
    assert_eq!(stage.stored_accounts(), before);
}

#[tokio::test]
async fn only_the_last_of_several_log_ins_is_accepted() {
    let unpacked = Unpacked::spotify();
    let mut stage = stage(&unpacked).await;
    stage.save_account(DEMO).await;
    let added = |account: &Value| account["state"] == "needsLogin";
    let id = stage.host.wait_for_account(DEMO.client_id, "it is added", added).await["id"].clone();
    let first = stage.host.start_login(&id).await;
    let second = stage.host.start_login(&id).await;
    let third = stage.host.start_login(&id).await;
    stage.spotify.clear_requests();
    for superseded in [first, second] {
        let back = stage.spotify.consent(&superseded, true).unwrap();
        // Their listeners are closed, so the address is pasted, as from a browser on another machine.
        stage.host.send_from_page(json!({"command": "finishLogin", "url": back.as_str()})).await;
        let message = stage.host.wait_for_page_message("it is refused", |event| {
            (event["event"] == "error").then(|| event["message"].as_str().unwrap_or_default().to_owned())
        });
        assert!(message.await.contains("another sign-in"));
    }
    assert!(take_requests(&stage.spotify).is_empty(), "no code of a superseded sign-in is exchanged");
    let back = stage.spotify.consent(&third, true).unwrap();
    assert!(stage.follow_redirect(back.as_str()).await.contains("linked"));
    stage.host.wait_for_account(DEMO.client_id, "it is linked", |account| account["state"] == "linked").await;
}

#[tokio::test]
async fn denied_log_in_keeps_the_earlier_sign_in() {
    let unpacked = Unpacked::spotify();
    let mut stage = stage(&unpacked).await;
    let id = stage.add_account(DEMO, &Value::Null).await;
    let before = stage.stored_accounts();
    let page_address = stage.host.start_login(&id).await;
    let back = stage.spotify.consent(&page_address, false).unwrap();
    stage.follow_redirect(back.as_str()).await;
    let denied = |account: &Value| account["message"].as_str().is_some_and(|message| message.contains("not granted"));
    let account = stage.host.wait_for_account(DEMO.client_id, "it was denied", denied).await;
    assert_eq!((&account["state"], &account["active"]), (&json!("linked"), &json!(true)));
    assert_eq!(stage.stored_accounts(), before);
    stage.host.place(PLAY).await;
    stage.host.wait_until_shows(PLAY, "Pause").await;
}

#[tokio::test]
async fn wrong_secret_keeps_the_earlier_credentials() {
    let unpacked = Unpacked::spotify();
    let mut stage = stage(&unpacked).await;
    let id = stage.add_account(DEMO, &Value::Null).await;
    let before = stage.stored_accounts();
    stage.save_account_with(DEMO, json!({"id": id, "clientSecret": "wrong"})).await;
    let refused = |event: &Value| (event["event"] == "error").then(|| event["field"].clone());
    assert_eq!(stage.host.wait_for_page_message("the secret is refused", refused).await, "clientSecret");
    assert_eq!(stage.stored_accounts(), before);
}

#[tokio::test]
async fn volume_changes_with_each_press_on_a_rounding_device() {
    let unpacked = Unpacked::spotify();
    let mut stage = stage(&unpacked).await;
    let quirks = Some(Quirks { volume: VolumeQuirk::OneLess, ..Quirks::default() });
    stage.spotify.change_device(COMPUTER_ID, DeviceChange { quirks, ..DeviceChange::default() }).unwrap();
    stage.add_account(DEMO, &Value::Null).await;
    let louder = Instance { widget: "volume-up", context: "c-louder" };
    stage.host.place_with(louder, json!({"state": 0, "settings": {"step": 1}})).await;
    stage.host.wait_until_shows(louder, "65 %").await;
    for percent in 66..=69_u8 {
        stage.host.press(louder).await;
        stage.host.wait_until_shows(louder, &format!("{percent} %")).await;
        wait_until_quiet(&mut stage).await;
        let stored = stage.spotify.playback().active().and_then(|device| device.volume_percent);
        assert_eq!(stored, Some(percent - 1));
        assert_eq!(
            stage.host.description(louder),
            format!("Volume Up: {percent} %"),
            "it doesn't return to the rounded value"
        );
    }
}

#[tokio::test]
async fn speaker_that_wakes_up_empty_plays_or_shows_what_to_do() {
    let unpacked = Unpacked::spotify();
    for (wakes, words) in [(Waking::Empty, "Pause"), (Waking::Forgetful, "Choose something to play")] {
        let mut stage = stage(&unpacked).await;
        let mut playback = Playback::idle();
        playback.devices.retain(|device| device.id.as_deref() == Some(SPEAKER_ID));
        playback.devices[0].quirks.wakes = wakes;
        stage.spotify.set_playback(playback);
        stage.add_account(DEMO, &Value::Null).await;
        stage.host.place(PLAY).await;
        stage.host.wait_until_shows(PLAY, "Play").await;
        stage.host.press(PLAY).await;
        stage.host.wait_until_shows(PLAY, words).await;
        assert_eq!(stage.spotify.playback().is_playing, wakes == Waking::Empty);
    }
}
