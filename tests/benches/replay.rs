//! How fast a refused call is made again with the next account: from the moment at which the simulated Spotify sends a 429
//! to the arrival of the same press with the backup's token. The simulator's latency is 0, so this is what the package
//! itself costs: reading the answer, choosing, and sending.
//!
//! It drives the package as it is built in the profile of the benchmark, so build that first:
//! ```text
//! cargo build --release -p package-runner -p spotify-plugin
//! cargo bench -p acceptance-tests --bench replay
//! ```
//! A limit lasts for a second at least, and so does each of the measurements: the whole takes about two minutes.

use std::time::Duration;

use acceptance::{BACKUP, DEMO, Instance, SOON, Stage, Unpacked};
use serde_json::Value;
use spotify_sim::{Config, Fault, Reply, Request, Sim};

const PLAY: Instance = Instance { widget: "play-pause", context: "c-play" };
const PRESSES: usize = 100;
/// The time in a `Retry-After`, and a little more.
const SHUT: Duration = Duration::from_millis(1_100);

fn main() {
    // Cargo says so when the figures are wanted; with tests it only has to build.
    if std::env::args().any(|argument| argument == "--bench") {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        runtime.block_on(measure());
    }
}

async fn measure() {
    let unpacked = Unpacked::spotify();
    let spotify = Sim::start(Config::default()).await.expect("a simulator");
    let mut stage = Stage::start(&unpacked, spotify).await;
    for member in [DEMO, BACKUP] {
        stage.add(member, &Value::Null).await;
    }
    stage.host.appear(PLAY).await;
    stage.host.shows(PLAY, "Pause").await;
    let mut times = Vec::with_capacity(PRESSES);
    while times.len() < PRESSES {
        times.push(press(&mut stage).await);
        stage.host.hear_while(tokio::time::sleep(SHUT)).await;
    }
    times.sort_unstable();
    let milliseconds = |time: Duration| format!("{:.2} ms", time.as_secs_f64() * 1_000.0);
    println!("| 429 to the replayed press's arrival | |\n|---|---|");
    println!("| presses | {} |", times.len());
    println!("| median | {} |", milliseconds(times[times.len() / 2]));
    println!("| 95th percentile | {} |", milliseconds(times[times.len() * 95 / 100]));
    println!("| longest | {} |", milliseconds(times[times.len() - 1]));
}

/// Presses the key while the primary is open and about to be throttled.
async fn press(stage: &mut Stage<'_>) -> Duration {
    stage.spotify.clear_requests();
    stage.spotify.inject(Fault::throttle(Some(1)).on("PUT", "/v1/me/player").of(DEMO.client_id).times(1));
    stage.host.press(PLAY).await;
    let commands = |requests: &[Request]| -> Vec<Request> {
        let commands = requests.iter().filter(|request| request.method == "PUT" && request.reply != Reply::Pending);
        commands.cloned().collect()
    };
    let both = stage.spotify.wait_for(SOON, move |requests, _| commands(requests).len() == 2);
    stage.host.hear_while(both).await.expect("the press is replayed");
    let [refused, replayed] = commands(&stage.spotify.requests()).try_into().expect("two commands");
    assert_eq!((refused.client_id.as_deref(), refused.status()), (Some(DEMO.client_id), Some(429)));
    assert_eq!((replayed.client_id.as_deref(), replayed.status()), (Some(BACKUP.client_id), Some(200)));
    replayed.instant.duration_since(refused.answered.expect("it was answered"))
}
