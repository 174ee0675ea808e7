//! Measures the time from the host's `actionDown` to the request at Spotify's socket, and to the changed face at the host's.
//! The package and the bare program are pressed in turn, so that both run under the same conditions.

use std::time::{Duration, Instant};

use acceptance::{FakeHost, Instance, Stage, TIMEOUT, Unpacked};
use host_sdk::protocol::ToHost;
use spotify_sim::{Authorization, Config, Request, Sim};

use crate::LATENCY;
use crate::bare;
use crate::panel::{PLAY, linked, place_ten, receive_for};
use crate::table::Row;

const PRESSES: usize = 31;
/// The time between two presses: longer than Spotify's latency, and unrelated to any schedule.
const REST: Duration = Duration::from_millis(173);

pub async fn measure(unpacked: &Unpacked) -> Vec<Row> {
    let mut rows = Vec::new();
    for (latency, ten) in [(Duration::ZERO, false), (LATENCY, false), (LATENCY, true)] {
        rows.extend(scene(unpacked, latency, ten).await);
    }
    rows
}

async fn scene(unpacked: &Unpacked, latency: Duration, ten: bool) -> Vec<Row> {
    let mut stage = linked(unpacked, Config { latency, ..Config::default() }).await;
    let (mut bare_host, mut bare) = bare::start(&stage.spotify).await;
    if ten {
        place_ten(&mut stage.host).await;
    } else {
        stage.host.place(PLAY).await;
        stage.host.wait_until_shows(PLAY, "Pause").await;
    }
    let (mut bare_requests, mut requests, mut faces) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..PRESSES {
        receive_for(&mut stage.host, REST).await;
        let pressed = Instant::now();
        bare_host.press(PLAY).await;
        let arrived = arrival(&stage.spotify, Authorization::None);
        bare_requests.push(stage.host.receive_while(arrived).await.duration_since(pressed));
        receive_for(&mut stage.host, REST).await;
        let pressed = Instant::now();
        stage.host.press(PLAY).await;
        faces.push(face(&mut stage.host, PLAY).await.duration_since(pressed));
        requests.push(answered(&mut stage).await.duration_since(pressed));
    }
    // Kill it before its host ends, so that it reports no error.
    bare.kill().await.expect("it ends");
    let scene = format!("Spotify at {} ms{}", latency.as_millis(), if ten { ", ten widgets" } else { "" });
    let bare = Row::milliseconds(format!("Press to request, bare program ({scene})"), &bare_requests);
    let ours = Row::milliseconds(format!("Press to request ({scene})"), &requests);
    let above = bare.median().unwrap_or_default() + 0.3;
    let ours = ours.at_most(above);
    let face = Row::milliseconds(format!("Press to changed face ({scene})"), &faces).at_most(2.0);
    vec![bare, ours, face]
}

/// Waits for the next picture of a key and returns the time of its arrival.
async fn face(host: &mut FakeHost, key: Instance) -> Instant {
    host.wait_for_message("a picture", |message| match message {
        ToHost::ChangeImage { context, .. } if context == key.context => Some(Instant::now()),
        _ => None,
    })
    .await
}

async fn answered(stage: &mut Stage<'_>) -> Instant {
    let arrived = arrival(&stage.spotify, Authorization::Bearer);
    stage.host.receive_while(arrived).await
}

/// Waits until the only command with this authorization is answered, clears the requests, and returns the time of its
/// arrival.
async fn arrival(spotify: &Sim, authorization: Authorization) -> Instant {
    let command = move |request: &&Request| request.method == "PUT" && request.authorization == authorization;
    let done = spotify.wait_for(TIMEOUT, move |requests, _| {
        requests.iter().find(command).is_some_and(|request| request.answered.is_some())
    });
    done.await.expect("the press arrives");
    let arrived = spotify.requests().iter().find(command).expect("it was there").instant;
    spotify.clear_requests();
    arrived
}
