//! Measures many presses of Volume Up and Down in a second: how many requests they cause, and whether every press counts.

use std::time::{Duration, Instant};

use acceptance::{Instance, Unpacked};
use serde_json::json;
use spotify_sim::{Change, Config};

use crate::LATENCY;
use crate::panel::{linked, receive_for};
use crate::table::{Row, Unit};

const UP: Instance = Instance { widget: "volume-up", context: "c-up" };
const DOWN: Instance = Instance { widget: "volume-down", context: "c-down" };
const ROUNDS: usize = 3;
/// Every fourth press is Volume Down.
const DOWN_EVERY: u32 = 4;
const FROM: u8 = 10;
/// The time for requests after the last press, and for the package to read what another app has set.
const REST: Duration = Duration::from_millis(1_500);

pub async fn measure(unpacked: &Unpacked) -> Vec<Row> {
    let mut stage = linked(unpacked, Config { latency: LATENCY, ..Config::default() }).await;
    for key in [UP, DOWN] {
        stage.host.place_with(key, json!({"state": 0, "settings": {"step": 1}})).await;
    }
    let mut rows = Vec::new();
    for presses in [20, 100] {
        let (mut requests, mut wrong) = (Vec::new(), Vec::new());
        for _ in 0..ROUNDS {
            let change = Change { volume_percent: Some(FROM), ..Change::default() };
            stage.spotify.change_playback(change).expect("the device has a volume");
            while !stage.host.description(UP).contains(&format!("{FROM} %")) {
                stage.host.receive().await;
            }
            receive_for(&mut stage.host, REST).await;
            stage.spotify.clear_requests();
            let started = Instant::now();
            for press in 1..=presses {
                stage.host.press(if press % DOWN_EVERY == 0 { DOWN } else { UP }).await;
                let next = Duration::from_secs(1).mul_f64(f64::from(press) / f64::from(presses));
                receive_for(&mut stage.host, next.saturating_sub(started.elapsed())).await;
            }
            receive_for(&mut stage.host, REST).await;
            let writes = stage.spotify.requests().iter().filter(|request| request.method == "PUT").count();
            requests.push(writes as f64);
            let down = presses / DOWN_EVERY;
            let expected = i64::from(FROM) + i64::from(presses) - 2 * i64::from(down);
            let playback = stage.spotify.playback();
            let volume =
                playback.devices.iter().find(|device| device.is_active).and_then(|device| device.volume_percent);
            wrong.push((i64::from(volume.unwrap_or_default()) - expected).abs() as f64);
        }
        let name = |what: &str| format!("{presses} volume presses in a second (Spotify at 60 ms): {what}");
        rows.push(Row::new(name("commands"), Unit::Count, requests).at_most(6.0));
        rows.push(Row::new(name("percent that the final volume is off"), Unit::Count, wrong).at_most(0.0));
    }
    rows
}
