//! Measures a press after some idle time. Spotify closes idle connections, and a new one takes time (DNS, TCP and TLS): this
//! shows how often a press has to wait for it.
//!
//! It measures HTTP/1.1 only. The package uses HTTP/2 if the server offers it in TLS, but the simulator has no TLS.

use std::time::{Duration, Instant};

use acceptance::{TIMEOUT, Unpacked};
use futures_util::future::join_all;
use spotify_sim::{Config, Request};

use crate::panel::{PLAY, linked, moment, receive_for};
use crate::table::{Row, Unit};

const PACKAGES: u32 = 3;
const PRESSES: u32 = 6;
/// The duration of a new connection.
const CONNECT: Duration = Duration::from_millis(120);
/// The idle time after which Spotify closes a connection.
const IDLE_CLOSE: Duration = Duration::from_secs(3);
/// The minimum time between two presses; at most as much is added to it.
const SILENCE: Duration = Duration::from_secs(6);

pub async fn measure(unpacked: &Unpacked) -> Vec<Row> {
    let closed = scene(unpacked, Some(IDLE_CLOSE), "closed after 3 s of silence");
    let (mut closed, kept) = futures_util::future::join(closed, scene(unpacked, None, "left open")).await;
    closed.extend(kept);
    closed
}

async fn scene(unpacked: &Unpacked, idle_close: Option<Duration>, name: &str) -> Vec<Row> {
    let all = join_all((0..PACKAGES).map(|package| presses(unpacked, idle_close, package))).await;
    let (times, new): (Vec<Duration>, Vec<f64>) = all.into_iter().flatten().unzip();
    let share = new.iter().sum::<f64>() / new.len() as f64 * 100.0;
    vec![
        Row::milliseconds(format!("Idle press to request (connections {name}, a new one takes 120 ms)"), &times)
            .at_most(2.0),
        Row::new(
            format!("The same: percent of presses that wait for a new connection ({name})"),
            Unit::Count,
            vec![share],
        ),
    ]
}

/// Returns the times from press to request, each with 1 if the request used a new connection, else 0.
async fn presses(unpacked: &Unpacked, idle_close: Option<Duration>, package: u32) -> Vec<(Duration, f64)> {
    let config = Config { accept_delay: CONNECT, idle_close, ..Config::default() };
    let mut stage = linked(unpacked, config).await;
    stage.host.place(PLAY).await;
    stage.host.wait_until_shows(PLAY, "Pause").await;
    let mut presses = Vec::new();
    for press in 0..PRESSES {
        receive_for(&mut stage.host, SILENCE + moment(package * PRESSES + press, SILENCE)).await;
        let connections = stage.spotify.connections().accepted;
        stage.spotify.clear_requests();
        let pressed = Instant::now();
        stage.host.press(PLAY).await;
        let command = |request: &&Request| request.method == "PUT" && request.answered.is_some();
        let arrives =
            stage.spotify.wait_for(TIMEOUT, move |requests, _| requests.iter().any(|request| command(&request)));
        stage.host.receive_while(arrives).await.expect("the press arrives");
        let requests = stage.spotify.requests();
        let request = requests.iter().find(command).expect("it was there");
        let new = if request.connection > connections { 1.0 } else { 0.0 };
        presses.push((request.instant.duration_since(pressed), new));
    }
    presses
}
