//! What lies on the panel in the scenes, and waiting at it.

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
/// The title and the time, in words that can be read off the wire: see [`appear_text`].
pub const TEXT: Instance = Instance { widget: "now-playing-text", context: "c-text" };

/// A listener waits at most so long for each message; while nothing plays there may be none for longer than that.
const LISTEN: Duration = Duration::from_secs(10);

/// A package that is signed in, with nothing on the panel yet.
pub async fn linked<'a>(unpacked: &'a Unpacked, config: Config) -> Stage<'a> {
    let spotify = Sim::start(config).await.expect("a simulator");
    let mut stage = Stage::start(unpacked, spotify).await;
    stage.add(DEMO, &Value::Null).await;
    stage
}

/// Puts the ten widgets on the panel and waits until one of them shows what plays.
pub async fn show_ten(host: &mut FakeHost) {
    for instance in TEN {
        host.appear(instance).await;
    }
    host.shows(PLAYING_NOW, "P").await;
    while !(host.shown(PLAYING_NOW).starts_with("Playing: ") || host.shown(PLAYING_NOW).starts_with("Paused: ")) {
        host.hear().await;
    }
}

/// Puts [`TEXT`] on the panel: its words are `TITLE, M:SS`.
pub async fn appear_text(host: &mut FakeHost) {
    host.appear_as(TEXT, json!({"state": 0, "settings": {"template": "{title}\n{elapsed}"}})).await;
}

/// Hears what the package says for a while.
pub async fn listen(host: &mut FakeHost, time: Duration) {
    let end = tokio::time::Instant::now() + time;
    while tokio::time::Instant::now() < end {
        let part = end.min(tokio::time::Instant::now() + LISTEN);
        host.hear_while(tokio::time::sleep_until(part)).await;
    }
}

/// Moments that are spread evenly over a span, in no order that a schedule could be in step with.
pub fn moment(number: u32, span: Duration) -> Duration {
    const GOLDEN: f64 = 0.618_033_988_749_895;
    span.mul_f64((f64::from(number) * GOLDEN).fract())
}
