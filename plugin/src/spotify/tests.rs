//! The calls against the simulated Web API over real HTTP.

use std::time::Duration;

use spotify_sim::{COMPUTER_ID, Fault, Request, SPEAKER_ID};

use super::*;
use crate::auth::LimitKind;
use crate::auth::testing::World;

async fn client(world: &World) -> Client {
    client_and_account(world).await.0
}

async fn client_and_account(world: &World) -> (Client, String) {
    let (auth, account) = world.linked().await;
    world.sim.clear_requests();
    (Client::new(world.http.clone(), Url::parse(&world.sim.api_url()).unwrap(), auth), account)
}

fn last(world: &World) -> Request {
    world.sim.requests().pop().unwrap()
}

#[tokio::test]
async fn the_reads() {
    let world = World::new().await;
    let (client, account) = client_and_account(&world).await;
    let user = client.me(&account).await.unwrap();
    assert_eq!((user.id.as_str(), user.name.as_str()), ("sim_user", "Simone Löwe"));
    assert_eq!(user.account_id.as_deref(), Some("account-of-sim_user"));

    let playback = client.player().await.unwrap().unwrap();
    assert_eq!(last(&world).query("additional_types"), Some("track,episode"));
    assert!(playback.is_playing);
    let item = playback.item.unwrap();
    assert!(!item.name.is_empty() && item.duration_ms > 0 && !item.byline().is_empty() && !item.pictures().is_empty());
    assert_eq!(playback.device.unwrap().id.as_deref(), Some(COMPUTER_ID));

    let devices = client.devices().await.unwrap();
    assert!(devices.iter().any(|device| device.id.as_deref() == Some(SPEAKER_ID)));

    world.sim.set_playback(spotify_sim::Playback::idle());
    assert_eq!(client.player().await.unwrap(), None);
}

#[tokio::test]
async fn profile_without_any_id_is_refused() {
    let world = World::new().await;
    let (client, account) = client_and_account(&world).await;
    let answers = |body: &str| Fault {
        outcome: spotify_sim::Outcome::Answer { status: 200, headers: vec![], body: body.into() },
        ..Fault::drop_connection().on("GET", "/v1/me").times(1)
    };
    for (body, expected) in [
        ("{}", Err(Error::Unexpected(200))),
        (r#"{"id":"","account_id":""}"#, Err(Error::Unexpected(200))),
        (r#"{"account_id":"stable","display_name":" "}"#, Ok(("stable", Some("stable"), "stable"))),
        (r#"{"id":"old","display_name":"Name"}"#, Ok(("old", None, "Name"))),
    ] {
        world.sim.inject(answers(body));
        let user = client.me(&account).await;
        let read = user.as_ref().map(|user| (user.id.as_str(), user.account_id.as_deref(), user.name.as_str()));
        assert_eq!(read.map_err(Clone::clone), expected, "{body}");
    }
}

#[tokio::test]
async fn the_writes() {
    let world = World::new().await;
    let client = client(&world).await;
    let sent = |method: &str, path: &str, query: &[(&str, &str)]| {
        let request = last(&world);
        let wanted: Vec<_> = query.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        assert_eq!((request.method.as_str(), request.path.as_str(), request.status()), (method, path, Some(200)));
        assert_eq!(request.query, wanted);
    };
    client.pause(None).await.unwrap();
    sent("PUT", "/v1/me/player/pause", &[]);
    assert!(!world.sim.playback().is_playing);
    client.play(Some(COMPUTER_ID)).await.unwrap();
    sent("PUT", "/v1/me/player/play", &[("device_id", COMPUTER_ID)]);
    client.next(None).await.unwrap();
    sent("POST", "/v1/me/player/next", &[]);
    client.previous(None).await.unwrap();
    sent("POST", "/v1/me/player/previous", &[]);
    client.seek(61_000, None).await.unwrap();
    sent("PUT", "/v1/me/player/seek", &[("position_ms", "61000")]);
    client.repeat(Repeat::Track, None).await.unwrap();
    sent("PUT", "/v1/me/player/repeat", &[("state", "track")]);
    client.volume(200, Some(COMPUTER_ID)).await.unwrap();
    sent("PUT", "/v1/me/player/volume", &[("volume_percent", "100"), ("device_id", COMPUTER_ID)]);
    client.shuffle(true, None).await.unwrap();
    sent("PUT", "/v1/me/player/shuffle", &[("state", "true")]);
    client.transfer(SPEAKER_ID, Some(true)).await.unwrap();
    sent("PUT", "/v1/me/player", &[]);
    assert_eq!(
        serde_json::from_str::<Value>(&last(&world).body).unwrap(),
        json!({"device_ids": [SPEAKER_ID], "play": true})
    );
    assert_eq!(world.sim.playback().active().unwrap().id.as_deref(), Some(SPEAKER_ID));
}

#[tokio::test]
async fn refusals_become_what_the_user_can_do() {
    let world = World::new().await;
    let client = client(&world).await;
    for (fault, error) in [
        (Fault::premium_required(), Error::PremiumRequired),
        (Fault::owner_not_premium(), Error::AppOwnerNeedsPremium),
        (Fault::not_on_allow_list(), Error::NotOnAllowList),
        (Fault::no_active_device(), Error::NoActiveDevice),
        (Fault::server_error(502), Error::SpotifyDown(Some(502))),
        (Fault::drop_connection(), Error::Offline),
    ] {
        world.sim.inject(fault);
        assert_eq!(client.pause(None).await, Err(error));
        world.sim.clear_faults();
    }
    client.pause(None).await.unwrap();
    assert!(matches!(client.pause(None).await, Err(Error::Restricted(_))));
}

#[tokio::test]
async fn a_401_is_retried_once_with_a_new_token() {
    let world = World::new().await;
    let client = client(&world).await;
    world.sim.expire_access_tokens();
    client.next(None).await.unwrap();
    let paths: Vec<_> = world.sim.requests().into_iter().map(|request| request.path).collect();
    assert_eq!(paths, ["/v1/me/player/next", "/accounts/api/token", "/v1/me/player/next"]);

    world.sim.clear_requests();
    world.sim.inject(Fault::unauthorized());
    assert_eq!(client.next(None).await, Err(Error::Account(AuthError::SignInAgain)));
    assert_eq!(world.sim.requests().len(), 3);
}

#[tokio::test]
async fn after_a_429_nothing_is_sent_until_its_time_is_over() {
    let world = World::new().await;
    let client = client(&world).await;
    world.sim.inject(Fault::quota(Some(19_056)).times(1));
    let limited = |seconds, kind| Error::RateLimited { retry_after: Some(Duration::from_secs(seconds)), kind };
    assert_eq!(client.player().await, Err(limited(19_056, LimitKind::Quota)));
    world.clock.advance(19_000_000);
    assert_eq!(client.next(None).await, Err(limited(56, LimitKind::Quota)));
    assert_eq!(client.player().await, Err(limited(56, LimitKind::Quota)));
    assert_eq!(world.sim.requests().len(), 1, "polls and presses stay at home");
    world.clock.advance(56_000);
    client.next(None).await.unwrap();

    world.sim.inject(Fault::throttle(None).times(1));
    assert_eq!(client.player().await, Err(limited(5, LimitKind::Throttle)));
}

#[tokio::test]
async fn without_an_account_nothing_is_sent() {
    let world = World::new().await;
    let auth = world.auth().await;
    let client = Client::new(world.http.clone(), Url::parse(&world.sim.api_url()).unwrap(), auth);
    let error = client.play(None).await.unwrap_err();
    assert_eq!(error, Error::Account(AuthError::NotLinked));
    assert_eq!(error.remedy().key(), "Link Spotify in Settings");
    assert!(world.sim.requests().is_empty());
}

#[tokio::test]
async fn saved_is_asked_forty_at_a_time() {
    let world = World::new().await;
    let client = client(&world).await;
    let uris: Vec<Uri> = (1..=41).map(|n| Uri::from_spotify(&format!("spotify:track:{n}")).unwrap()).collect();
    client.save(&uris[40], true).await.unwrap();
    world.sim.clear_requests();
    let saved = client.are_saved(&uris).await.unwrap();
    assert_eq!((saved.len(), saved.iter().position(|saved| *saved)), (41, Some(40)));
    let sizes: Vec<_> =
        world.sim.requests().iter().map(|call| call.query("uris").unwrap().split(',').count()).collect();
    assert_eq!(sizes, [40, 1]);
    assert_eq!(client.are_saved(&[]).await, Ok(vec![]));
    assert_eq!(world.sim.requests().len(), 2, "nothing is asked about nothing");
}
