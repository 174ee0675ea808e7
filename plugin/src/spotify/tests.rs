//! Calls of the simulated Web API over real HTTP.

use std::time::Duration;

use spotify_sim::{COMPUTER_ID, Fault, Request, SPEAKER_ID};

use super::*;
use crate::auth::testing::World;
use crate::auth::{AccountId, LimitKind};

async fn client(world: &World) -> Client {
    client_and_account(world).await.0
}

async fn client_and_account(world: &World) -> (Client, AccountId) {
    let (auth, account) = world.linked().await;
    world.sim.clear_requests();
    (Client::new(world.http.clone(), Url::parse(&world.sim.api_url()).unwrap(), auth), account)
}

fn last(world: &World) -> Request {
    world.sim.requests().pop().unwrap()
}

#[tokio::test]
async fn reads_return_typed_answers() {
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
    assert_eq!(playback.device.unwrap().id, Some(COMPUTER_ID.into()));

    let devices = client.devices().await.unwrap();
    assert!(devices.iter().any(|device| device.id == Some(SPEAKER_ID.into())));

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
async fn writes_are_sent_as_documented() {
    let world = World::new().await;
    let client = client(&world).await;
    let sent = |method: &str, path: &str, query: &[(&str, &str)]| {
        let request = last(&world);
        let expected: Vec<_> = query.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        assert_eq!((request.method.as_str(), request.path.as_str(), request.status()), (method, path, Some(200)));
        assert_eq!(request.query, expected);
    };
    client.pause(None).await.unwrap();
    sent("PUT", "/v1/me/player/pause", &[]);
    assert!(!world.sim.playback().is_playing);
    client.play(Some(&COMPUTER_ID.into())).await.unwrap();
    sent("PUT", "/v1/me/player/play", &[("device_id", COMPUTER_ID)]);
    client.next(None).await.unwrap();
    sent("POST", "/v1/me/player/next", &[]);
    client.previous(None).await.unwrap();
    sent("POST", "/v1/me/player/previous", &[]);
    client.seek(61_000, None).await.unwrap();
    sent("PUT", "/v1/me/player/seek", &[("position_ms", "61000")]);
    client.repeat(Repeat::Track, None).await.unwrap();
    sent("PUT", "/v1/me/player/repeat", &[("state", "track")]);
    client.volume(200, Some(&COMPUTER_ID.into())).await.unwrap();
    sent("PUT", "/v1/me/player/volume", &[("volume_percent", "100"), ("device_id", COMPUTER_ID)]);
    client.shuffle(true, None).await.unwrap();
    sent("PUT", "/v1/me/player/shuffle", &[("state", "true")]);
    client.transfer(&SPEAKER_ID.into(), Some(true)).await.unwrap();
    sent("PUT", "/v1/me/player", &[]);
    assert_eq!(
        serde_json::from_str::<Value>(&last(&world).body).unwrap(),
        json!({"device_ids": [SPEAKER_ID], "play": true})
    );
    assert_eq!(world.sim.playback().active().unwrap().id.as_deref(), Some(SPEAKER_ID));
}

#[tokio::test]
async fn refusals_are_classified() {
    let world = World::new().await;
    let client = client(&world).await;
    for (fault, error) in [
        (Fault::premium_required(), Error::PremiumRequired),
        (Fault::owner_not_premium(), Error::AppOwnerNeedsPremium),
        (Fault::not_on_allow_list(), Error::NotOnAllowList),
        (Fault::no_active_device(), Error::NoActiveDevice),
        (Fault::server_error(502), Error::SpotifyDown(Some(502))),
        (Fault::drop_connection(), Error::ConnectionLost),
        (Fault::forbidden_page(), Error::Intercepted(403)),
        (Fault::restricted_device(), Error::Restricted(Restriction::Device)),
    ] {
        world.sim.inject(fault);
        assert_eq!(client.pause(None).await, Err(error));
        world.sim.clear_faults();
    }
    client.pause(None).await.unwrap();
    assert!(matches!(client.pause(None).await, Err(Error::Restricted(_))));
}

#[tokio::test]
async fn call_with_401_is_retried_once_with_a_new_token() {
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
async fn nothing_is_sent_until_a_429_expires() {
    let world = World::new().await;
    let client = client(&world).await;
    world.sim.inject(Fault::quota(Some(19_056)).times(1));
    let limited = |seconds, kind| Error::RateLimited { retry_after: Some(Duration::from_secs(seconds)), kind };
    assert_eq!(client.player().await, Err(limited(19_056, LimitKind::Quota)));
    world.clock.advance(19_000_000);
    assert_eq!(client.next(None).await, Err(limited(56, LimitKind::Quota)));
    assert_eq!(client.player().await, Err(limited(56, LimitKind::Quota)));
    assert_eq!(world.sim.requests().len(), 1, "neither polls nor presses are sent");
    world.clock.advance(56_000);
    client.next(None).await.unwrap();

    world.sim.inject(Fault::throttle(None).times(1));
    assert_eq!(client.player().await, Err(limited(5, LimitKind::Throttle)));
}

#[tokio::test]
async fn nothing_is_sent_without_an_account() {
    let world = World::new().await;
    let auth = world.auth().await;
    let client = Client::new(world.http.clone(), Url::parse(&world.sim.api_url()).unwrap(), auth);
    let error = client.play(None).await.unwrap_err();
    assert_eq!(error, Error::Account(AuthError::NotLinked));
    assert_eq!(error.user_message().key(), "Link Spotify in Settings");
    assert!(world.sim.requests().is_empty());
}

#[tokio::test]
async fn are_saved_sends_forty_uris_per_call() {
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
    assert_eq!(world.sim.requests().len(), 2, "no call for an empty list");
}

#[tokio::test]
async fn numbers_as_floats_are_read() {
    let world = World::new().await;
    let client = client(&world).await;
    let whole = client.player().await.unwrap().unwrap();
    world.sim.inject(Fault::floats());
    assert_eq!(client.player().await.unwrap().unwrap(), whole);
    assert!(whole.item.unwrap().pictures().iter().all(|picture| picture.width.is_some()));
}

#[tokio::test]
async fn lost_connection_retries_idempotent_calls() {
    let world = World::new().await;
    let client = client(&world).await;
    client.player().await.unwrap();
    let before = world.sim.connections().accepted;
    world.sim.cut_kept_connections(1);
    client.pause(None).await.unwrap();
    assert!(!world.sim.playback().is_playing);
    assert_eq!(world.sim.connections().accepted, before + 1, "on a new connection");
    let uri = Uri::from_spotify(&spotify_sim::catalogue::track_uri(1)).unwrap();
    let playlist = Uri::from_spotify(&spotify_sim::catalogue::playlist_uri(1)).unwrap();
    for fault in [Fault::drop_connection(), Fault::lose_answer(), Fault::cut_answer()] {
        let once = |fault: &Fault| world.sim.inject(fault.clone().times(1));
        once(&fault);
        client.play(None).await.unwrap();
        once(&fault);
        client.pause(None).await.unwrap();
        once(&fault);
        client.seek(1_000, None).await.unwrap();
        once(&fault);
        client.volume(30, None).await.unwrap();
        once(&fault);
        client.shuffle(true, None).await.unwrap();
        once(&fault);
        client.repeat(Repeat::Context, None).await.unwrap();
        once(&fault);
        client.transfer(&SPEAKER_ID.into(), Some(false)).await.unwrap();
        once(&fault);
        client.save(&uri, true).await.unwrap();
        once(&fault);
        client.save(&uri, false).await.unwrap();
        once(&fault);
        client.remove_from_playlist(&playlist, &uri).await.unwrap();
        once(&fault);
        client.play_uri(&playlist, None).await.unwrap();
        once(&fault);
        client.devices().await.unwrap();
        world.sim.clear_faults();
    }
}

#[tokio::test]
async fn lost_connection_never_retries_a_post() {
    let world = World::new().await;
    let client = client(&world).await;
    let uri = Uri::from_spotify(&spotify_sim::catalogue::track_uri(1)).unwrap();
    let playlist = Uri::from_spotify(&spotify_sim::catalogue::playlist_uri(1)).unwrap();
    world.sim.inject(Fault::lose_answer());
    assert_eq!(client.next(None).await, Err(Error::ConnectionLost));
    assert_eq!(client.previous(None).await, Err(Error::ConnectionLost));
    assert_eq!(client.enqueue(&uri, None).await, Err(Error::ConnectionLost));
    assert_eq!(client.add_to_playlist(&playlist, &uri).await, Err(Error::ConnectionLost));
    assert_eq!(world.sim.requests().len(), 4);
}

#[tokio::test]
async fn refused_connection_is_offline() {
    let world = World::new().await;
    let (auth, _) = world.linked().await;
    let nowhere = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let client = Client::new(world.http.clone(), Url::parse(&format!("http://{nowhere}/v1")).unwrap(), auth);
    assert_eq!(client.player().await, Err(Error::Offline));
    assert_eq!(client.next(None).await, Err(Error::Offline));
}

#[tokio::test]
async fn captive_portal_page_is_intercepted() {
    let world = World::new().await;
    let client = client(&world).await;
    let portal = |status, location: &str| Fault {
        outcome: spotify_sim::Outcome::Answer {
            status,
            headers: vec![("Content-Type".into(), "text/html".into()), ("Location".into(), location.into())],
            body: "<html>Welcome to our hotel".into(),
        },
        ..Fault::drop_connection()
    };
    let elsewhere = format!("{}/me/player/pause", world.sim.api_url());
    for status in [200, 302, 303, 307, 308, 401, 404, 407, 451, 511] {
        world.sim.inject(portal(status, &elsewhere));
        world.sim.clear_requests();
        assert_eq!(client.next(None).await, Err(Error::Intercepted(status)));
        assert_eq!(client.player().await, Err(Error::Intercepted(status)));
        assert_eq!(world.sim.requests().len(), 2, "neither the redirect nor the foreign 401 is followed");
        world.sim.clear_faults();
    }
    assert_eq!(world.grants("refresh_token"), 0);
    client.pause(None).await.unwrap();
}

#[tokio::test]
async fn oversized_answer_is_rejected() {
    let world = World::new().await;
    let client = client(&world).await;
    let endless = format!("{{\"a\":\"{}\"}}", "x".repeat(MAX_ANSWER_BYTES));
    world.sim.inject(Fault {
        outcome: spotify_sim::Outcome::Answer { status: 200, headers: vec![], body: endless },
        ..Fault::drop_connection()
    });
    assert_eq!(client.player().await, Err(Error::Intercepted(200)));
}

#[tokio::test]
async fn look_up_reports_what_is_not_shared() {
    let world = World::new().await;
    let client = client(&world).await;
    let mix = Uri::parse("spotify:playlist:37i9dQZF1E3").unwrap();
    assert_eq!(client.look_up(&mix).await, Err(Error::NotShared));
    world.sim.inject(Fault::restricted_device().on("GET", "/v1/playlists"));
    assert_eq!(client.look_up(&mix).await, Err(Error::NotShared));
}

#[tokio::test]
async fn answers_are_compressed() {
    let world = World::new().await;
    let client = client(&world).await;
    let call = async || {
        client.player().await.unwrap();
        client.queue().await.unwrap();
        client.search("a", &UriKind::CATALOGUE, &Market::of_this_computer()).await.unwrap();
        client.playlists(0).await.unwrap();
    };
    call().await;
    for request in world.sim.requests() {
        println!("{} {} B, {} B sent", request.path, request.plain_bytes, request.sent_bytes);
        assert!(request.sent_bytes * 2 < request.plain_bytes, "{request:?}");
    }
    // The limit applies after decompression.
    let bomb = format!("{{\"a\":\"{}\"}}", "x".repeat(MAX_ANSWER_BYTES));
    world.sim.inject(Fault {
        outcome: spotify_sim::Outcome::Answer { status: 200, headers: vec![], body: bomb },
        ..Fault::drop_connection()
    });
    assert_eq!(client.player().await, Err(Error::Intercepted(200)));
    assert!(last(&world).sent_bytes < 100_000);
}

#[tokio::test]
async fn lost_http2_connection_retries_idempotent_calls() {
    let world = World::new().await;
    let (auth, _) = world.linked().await;
    let http = Http::with(reqwest::ClientBuilder::http2_prior_knowledge);
    let client = Client::new(http, Url::parse(&world.sim.api_url()).unwrap(), auth);
    client.player().await.unwrap();
    let before = world.sim.connections().http2.accepted;
    for fault in [Fault::drop_connection(), Fault::lose_answer()] {
        world.sim.inject(fault.times(1));
        client.volume(30, None).await.unwrap();
    }
    world.sim.inject(Fault::cut_answer().times(1));
    client.player().await.unwrap();
    assert!(world.sim.connections().http2.accepted >= before + 3, "a new connection each time");
    world.sim.inject(Fault::lose_answer().times(1));
    assert_eq!(client.next(None).await, Err(Error::ConnectionLost));
}
