//! Measures how fast a refused call is repeated with the next account: from the time at which the simulated Spotify sends a
//! 429 to the arrival of the same press with the backup's token. The simulator's latency is 0, so this is the package's own
//! time: reading the answer, choosing the account, and sending.
//!
//! It uses the package in the profile of the benchmark, so build that first:
//! ```text
//! cargo build --release -p package-runner -p spotify-plugin
//! cargo bench -p acceptance-tests --bench replay
//! ```
//! A limit lasts at least a second, and so does each measurement: the whole takes about two minutes.

use std::time::Duration;

use acceptance::{BACKUP, DEMO, Instance, Stage, TIMEOUT, Unpacked};
use serde_json::Value;
use spotify_sim::{Config, Fault, Reply, Request, Sim};

const PLAY: Instance = Instance { widget: "play-pause", context: "c-play" };
const PRESSES: usize = 100;
/// The duration of a limit: the time in `Retry-After` and a margin.
const LIMIT: Duration = Duration::from_millis(1_100);

fn main() {
    // Cargo passes `--bench` for benchmarks; `cargo test` only has to build it.
    if std::env::args().any(|argument| argument == "--bench") {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        runtime.block_on(measure());
    }
}

async fn measure() {
    let unpacked = Unpacked::spotify();
    let spotify = Sim::start(Config::default()).await.expect("a simulator");
    let mut stage = Stage::start(&unpacked, spotify).await;
    for app in [DEMO, BACKUP] {
        stage.add_account(app, &Value::Null).await;
    }
    stage.host.place(PLAY).await;
    stage.host.wait_until_shows(PLAY, "Pause").await;
    let mut times = Vec::with_capacity(PRESSES);
    while times.len() < PRESSES {
        times.push(press(&mut stage).await);
        stage.host.receive_while(tokio::time::sleep(LIMIT)).await;
    }
    times.sort_unstable();
    let milliseconds = |time: Duration| format!("{:.2} ms", time.as_secs_f64() * 1_000.0);
    println!("| 429 to the replayed press's arrival | |\n|---|---|");
    println!("| presses | {} |", times.len());
    println!("| median | {} |", milliseconds(times[times.len() / 2]));
    println!("| 95th percentile | {} |", milliseconds(times[times.len() * 95 / 100]));
    println!("| longest | {} |", milliseconds(times[times.len() - 1]));
}

/// Presses the key while the primary is available but its call will be throttled.
async fn press(stage: &mut Stage<'_>) -> Duration {
    stage.spotify.clear_requests();
    stage.spotify.inject(Fault::throttle(Some(1)).on("PUT", "/v1/me/player").of(DEMO.client_id).times(1));
    stage.host.press(PLAY).await;
    let commands = |requests: &[Request]| -> Vec<Request> {
        let commands = requests.iter().filter(|request| request.method == "PUT" && request.reply != Reply::Pending);
        commands.cloned().collect()
    };
    let both = stage.spotify.wait_for(TIMEOUT, move |requests, _| commands(requests).len() == 2);
    stage.host.receive_while(both).await.expect("the press is replayed");
    let [refused, replayed] = commands(&stage.spotify.requests()).try_into().expect("two commands");
    assert_eq!((refused.client_id.as_deref(), refused.status()), (Some(DEMO.client_id), Some(429)));
    assert_eq!((replayed.client_id.as_deref(), replayed.status()), (Some(BACKUP.client_id), Some(200)));
    replayed.instant.duration_since(refused.answered.expect("it was answered"))
}
