//! The widgets on the panel of the measurements, and functions to place them and to wait.

use std::time::Duration;

use acceptance::{DEMO, FakeHost, Instance, Stage, Unpacked};
use serde_json::{Value, json};
use spotify_sim::{Config, Sim};

/// Ten widgets: Playing Now 3 x 2, Like, the vendor's others, and Mute.
pub const TEN: [Instance; 10] = [
    PLAYING_NOW,
    Instance { widget: "like", context: "c-like" },
    PLAY,
    Instance { widget: "previous", context: "c-previous" },
    Instance { widget: "next", context: "c-next" },
    Instance { widget: "volume-up", context: "c-volume-up" },
    Instance { widget: "volume-down", context: "c-volume-down" },
    Instance { widget: "shuffle", context: "c-shuffle" },
    Instance { widget: "repeat", context: "c-repeat" },
    Instance { widget: "mute", context: "c-mute" },
];
/// Playing Now in its first layout, 3 x 2, moving every second.
pub const PLAYING_NOW: Instance = Instance { widget: "playing-now", context: "c-playing-now" };
/// Play/Pause.
pub const PLAY: Instance = Instance { widget: "play-pause", context: "c-play" };
/// The title and the time as text, which can be read from messages: see [`place_text`].
pub const TEXT: Instance = Instance { widget: "now-playing-text", context: "c-text" };

/// The longest single wait for messages. It is below the host's timeout, because paused packages may send none for longer.
const WAIT: Duration = Duration::from_secs(10);

/// Starts a package that is signed in, with an empty panel.
pub async fn linked<'a>(unpacked: &'a Unpacked, config: Config) -> Stage<'a> {
    let spotify = Sim::start(config).await.expect("a simulator");
    let mut stage = Stage::start(unpacked, spotify).await;
    stage.add_account(DEMO, &Value::Null).await;
    stage
}

/// Places [`TEN`] on the panel and waits until one of them shows the current track.
pub async fn place_ten(host: &mut FakeHost) {
    for instance in TEN {
        host.place(instance).await;
    }
    host.wait_until_shows(PLAYING_NOW, "P").await;
    while !(host.description(PLAYING_NOW).starts_with("Playing: ")
        || host.description(PLAYING_NOW).starts_with("Paused: "))
    {
        host.receive().await;
    }
}

/// Places [`TEXT`] on the panel, whose description is `TITLE, M:SS`.
pub async fn place_text(host: &mut FakeHost) {
    host.place_with(TEXT, json!({"state": 0, "settings": {"template": "{title}\n{elapsed}"}})).await;
}

/// Receives the package's messages for some time.
pub async fn receive_for(host: &mut FakeHost, time: Duration) {
    let end = tokio::time::Instant::now() + time;
    while tokio::time::Instant::now() < end {
        let part = end.min(tokio::time::Instant::now() + WAIT);
        host.receive_while(tokio::time::sleep_until(part)).await;
    }
}

/// Returns a moment within a span. The moments of successive numbers are spread evenly, but in an order that can't
/// coincide with a schedule.
pub fn moment(number: u32, span: Duration) -> Duration {
    const GOLDEN: f64 = 0.618_033_988_749_895;
    span.mul_f64((f64::from(number) * GOLDEN).fract())
}
