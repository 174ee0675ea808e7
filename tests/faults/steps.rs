//! Faults that take more than one step.

use acceptance::until;
use spotify_sim::{COMPUTER_ID, DeviceChange, Playback, Quirks, SPEAKER_ID, VolumeQuirk, Waking};

use super::*;

async fn stage(unpacked: &Unpacked) -> Stage<'_> {
    Stage::start(unpacked, Sim::start(Config::default()).await.expect("a simulator")).await
}

/// Who has sent what and what became of it, since the last look.
fn sent_since(spotify: &Sim) -> Vec<String> {
    let requests = spotify.requests();
    spotify.clear_requests();
    requests.iter().map(sent).collect()
}

#[tokio::test]
async fn a_backup_of_another_spotify_user_is_refused_with_both_names() {
    let unpacked = Unpacked::spotify();
    let mut stage = stage(&unpacked).await;
    stage.add(DEMO, &Value::Null).await;
    // On the allow list, so that only the user is wrong.
    stage.spotify.set_allow_list(BACKUP.client_id, None).unwrap();
    stage.save(BACKUP).await;
    let added = |account: &Value| account["state"] == "needsLogin";
    let id = stage.host.account_until(BACKUP.client_id, "it is added", added).await["id"].clone();
    let page = stage.host.starts_login(&id).await;
    let back = stage.spotify.consent_as(&page, &User::guest().id, true).unwrap();
    stage.comes_back(back.as_str()).await;
    let refused = |account: &Value| account["trouble"] == "otherUser";
    let account = stage.host.account_until(BACKUP.client_id, "it is refused", refused).await;
    let names = json!({"name": User::guest().display_name, "expected": User::default().display_name});
    assert_eq!((&account["otherUser"], &account["state"]), (&names, &json!("needsLogin")));
    for name in [User::guest().display_name, User::default().display_name] {
        assert!(account["message"].as_str().unwrap().contains(&name), "{account}");
    }
    until("the wrong sign-in is gone from the file", async || {
        let stored = stored(&stage.stored());
        if stored == "primary: ID, secret, sign-in; backup: ID, secret" { Ok(()) } else { Err(stored) }
    })
    .await;

    // It never serves: a refused call of the primary isn't replayed in somebody else's name.
    stage.host.appear(PLAY).await;
    stage.host.shows(PLAY, "Pause").await;
    stage.spotify.inject(Fault::throttle(Some(7)));
    stage.spotify.clear_requests();
    stage.host.press(PLAY).await;
    stage.host.shows(PLAY, "Spotify asks to wait").await;
    assert_eq!(sent_since(&stage.spotify), ["primary pause 429"]);
}

#[tokio::test]
async fn new_log_in_asks_at_once_who_signed_in() {
    let unpacked = Unpacked::spotify();
    let mut stage = stage(&unpacked).await;
    stage.add(DEMO, &Value::Null).await;
    stage.spotify.set_allow_list(BACKUP.client_id, Some(Vec::new())).unwrap();
    stage.save(BACKUP).await;
    let added = |account: &Value| account["state"] == "needsLogin";
    let id = stage.host.account_until(BACKUP.client_id, "it is added", added).await["id"].clone();
    stage.log_in(&id).await;
    let refused = |account: &Value| account["trouble"] == "notOnAllowList";
    let account = stage.host.account_until(BACKUP.client_id, "it is refused", refused).await;
    assert_eq!((&account["state"], &account["identifying"]), (&json!("linked"), &json!(true)));

    // The refusal alone would be tried again in minutes.
    stage.spotify.set_allow_list(BACKUP.client_id, None).unwrap();
    stage.log_in(&id).await;
    let known = |account: &Value| account["user"].is_string();
    let account = stage.host.account_until(BACKUP.client_id, "its user is known", known).await;
    assert_eq!((&account["identifying"], &account["trouble"]), (&json!(false), &Value::Null));
}

#[tokio::test]
async fn presses_go_on_while_one_call_is_always_throttled() {
    let unpacked = Unpacked::spotify();
    let mut stage = stage(&unpacked).await;
    stage.add(DEMO, &Value::Null).await;
    stage.spotify.inject(Fault::throttle(Some(1)).on("GET", "/v1/me/library/contains"));
    stage.host.appear(PLAY).await;
    stage.host.appear(NEXT).await;
    stage.host.appear(LIKE).await;
    let limited =
        |account: &Value| account["limits"].as_array().is_some_and(|all| all.iter().any(|one| one["part"] == true));
    stage.host.account_until(DEMO.client_id, "the call is shut alone", limited).await;
    stage.spotify.clear_requests();
    for number in 1..=6 {
        stage.host.press(NEXT).await;
        let Stage { spotify, host, .. } = &mut stage;
        let arrives = spotify.wait_for_requests("POST", "/v1/me/player/next", number, SOON);
        host.hear_while(arrives).await.expect("the press arrives");
    }
    let accounts = stage.host.accounts().await;
    assert_eq!((&accounts["nobodyUntil"], &accounts["accounts"][0]["active"]), (&Value::Null, &json!(true)));
}

#[tokio::test]
async fn a_limit_survives_a_restart_of_the_package() {
    let unpacked = Unpacked::spotify();
    let mut stage = stage(&unpacked).await;
    stage.add(DEMO, &Value::Null).await;
    stage.spotify.inject(Fault::quota(Some(QUOTA)).on("GET", "/v1/me/player"));
    stage.host.appear(PLAY).await;
    stage.host.shows(PLAY, "Quota used up, back in 13 h 5").await;
    let before = stage.host.accounts().await;
    // Written beside the answer that brought it, which a kill must not overtake.
    settled(&mut stage).await;

    stage.spotify.clear_requests();
    stage.restart().await;
    stage.host.appear(PLAY).await;
    stage.host.shows(PLAY, "Quota used up, back in 13 h 5").await;
    stage.host.press(PLAY).await;
    settled(&mut stage).await;
    assert_eq!(sent_since(&stage.spotify), [""; 0], "nothing leaves the computer");
    let after = stage.host.accounts().await;
    assert!(before["nobodyUntil"].is_u64());
    assert_eq!(before["nobodyUntil"], after["nobodyUntil"], "to the millisecond");
}

#[tokio::test]
async fn what_is_over_is_over_and_the_primary_is_back_without_being_asked() {
    let unpacked = Unpacked::spotify();
    let mut stage = stage(&unpacked).await;
    stage.add(DEMO, &Value::Null).await;
    stage.add(BACKUP, &Value::Null).await;
    stage.host.appear(PLAY).await;
    stage.host.shows(PLAY, "Pause").await;
    // Both: the key waits, and it goes on by itself with the first that is open.
    for (member, seconds) in [(DEMO, 4), (BACKUP, 1)] {
        let throttle = Fault::throttle(Some(seconds)).on("PUT", "/v1/me/player").of(member.client_id);
        stage.spotify.inject(throttle.times(1));
    }
    stage.spotify.clear_requests();
    stage.host.press(PLAY).await;
    stage.host.shows(PLAY, "Spotify asks to wait 0:01").await;
    // Nothing is sent to find out whether the primary is open again: the next press itself goes there.
    let open = |account: &Value| account["active"] == true;
    stage.host.account_until(BACKUP.client_id, "the backup is open", open).await;
    stage.host.account_until(DEMO.client_id, "the primary is back", open).await;
    stage.host.press(PLAY).await;
    let Stage { spotify, host, .. } = &mut stage;
    host.hear_while(spotify.wait_for_requests("PUT", "/v1/me/player/pause", 3, SOON)).await.expect("the press arrives");
    let all: Vec<_> = spotify.requests().iter().map(sent).take(4).collect();
    assert_eq!(all, ["primary pause 429", "backup pause 429", "backup read 200", "primary pause 200"]);
}

#[tokio::test]
async fn a_start_without_a_network_loses_nothing_and_heals_by_itself() {
    let unpacked = Unpacked::spotify();
    let mut stage = stage(&unpacked).await;
    stage.add(DEMO, &Value::Null).await;
    let before = stage.stored();
    stage.spotify.set_network(Network::Refusing);
    stage.restart().await;
    stage.host.appear(PLAY).await;
    stage.host.shows(PLAY, "No network").await;
    assert_eq!(stage.stored(), before);
    stage.spotify.set_network(Network::Up);
    stage.host.shows(PLAY, "Pause").await;
    let accounts = stage.host.accounts().await;
    assert_eq!(page(&accounts, &[], &[]), "primary linked, in use");
    assert_eq!(stage.stored(), before);
}

#[tokio::test]
async fn the_last_of_three_log_ins_is_the_one_that_counts() {
    let unpacked = Unpacked::spotify();
    let mut stage = stage(&unpacked).await;
    stage.save(DEMO).await;
    let added = |account: &Value| account["state"] == "needsLogin";
    let id = stage.host.account_until(DEMO.client_id, "it is added", added).await["id"].clone();
    let first = stage.host.starts_login(&id).await;
    let second = stage.host.starts_login(&id).await;
    let third = stage.host.starts_login(&id).await;
    stage.spotify.clear_requests();
    for given_up in [first, second] {
        let back = stage.spotify.consent(&given_up, true).unwrap();
        // Nobody listens there any more, so the address is pasted, as from a browser on another machine.
        stage.host.page_says(json!({"command": "finishLogin", "url": back.as_str()})).await;
        let said = stage.host.page_hears("it is refused", |event| {
            (event["event"] == "error").then(|| event["message"].as_str().unwrap_or_default().to_owned())
        });
        assert!(said.await.contains("another sign-in"));
    }
    assert!(sent_since(&stage.spotify).is_empty(), "no code of a given-up sign-in is exchanged");
    let back = stage.spotify.consent(&third, true).unwrap();
    assert!(stage.comes_back(back.as_str()).await.contains("linked"));
    stage.host.account_until(DEMO.client_id, "it is linked", |account| account["state"] == "linked").await;
}

#[tokio::test]
async fn a_sign_in_that_is_denied_or_of_nobody_leaves_the_one_before_alone() {
    let unpacked = Unpacked::spotify();
    let mut stage = stage(&unpacked).await;
    let id = stage.add(DEMO, &Value::Null).await;
    let before = stage.stored();
    let page_address = stage.host.starts_login(&id).await;
    let back = stage.spotify.consent(&page_address, false).unwrap();
    stage.comes_back(back.as_str()).await;
    let denied = |account: &Value| account["message"].as_str().is_some_and(|said| said.contains("not granted"));
    let account = stage.host.account_until(DEMO.client_id, "it was denied", denied).await;
    assert_eq!((&account["state"], &account["active"]), (&json!("linked"), &json!(true)));
    assert_eq!(stage.stored(), before);
    stage.host.appear(PLAY).await;
    stage.host.shows(PLAY, "Pause").await;

    // A wrong secret that is typed for the account changes nothing either.
    stage.save_with(DEMO, json!({"id": id, "clientSecret": "wrong"})).await;
    let refused = |event: &Value| (event["event"] == "error").then(|| event["field"].clone());
    assert_eq!(stage.host.page_hears("the secret is refused", refused).await, "clientSecret");
    assert_eq!(stage.stored(), before);
}

#[tokio::test]
async fn volume_moves_at_each_press_on_a_device_that_rounds() {
    let unpacked = Unpacked::spotify();
    let mut stage = stage(&unpacked).await;
    let quirks = Some(Quirks { volume: VolumeQuirk::OneLess, ..Quirks::default() });
    stage.spotify.change_device(COMPUTER_ID, DeviceChange { quirks, ..DeviceChange::default() }).unwrap();
    stage.add(DEMO, &Value::Null).await;
    let louder = Instance { widget: "volume-up", context: "c-louder" };
    stage.host.appear_as(louder, json!({"state": 0, "settings": {"step": 1}})).await;
    stage.host.shows(louder, "65 %").await;
    for percent in 66..=69_u8 {
        stage.host.press(louder).await;
        stage.host.shows(louder, &format!("{percent} %")).await;
        settled(&mut stage).await;
        let stored = stage.spotify.playback().active().and_then(|device| device.volume_percent);
        assert_eq!(stored, Some(percent - 1));
        assert_eq!(stage.host.shown(louder), format!("Volume Up: {percent} %"), "it doesn't go back to what is told");
    }
}

#[tokio::test]
async fn speaker_that_wakes_up_empty_plays_or_says_what_to_do() {
    let unpacked = Unpacked::spotify();
    for (wakes, words) in [(Waking::Empty, "Pause"), (Waking::Forgetful, "Choose something to play")] {
        let mut stage = stage(&unpacked).await;
        let mut playback = Playback::idle();
        playback.devices.retain(|device| device.id.as_deref() == Some(SPEAKER_ID));
        playback.devices[0].quirks.wakes = wakes;
        stage.spotify.set_playback(playback);
        stage.add(DEMO, &Value::Null).await;
        stage.host.appear(PLAY).await;
        stage.host.shows(PLAY, "Play").await;
        stage.host.press(PLAY).await;
        stage.host.shows(PLAY, words).await;
        assert_eq!(stage.spotify.playback().is_playing, wakes == Waking::Empty);
    }
}
