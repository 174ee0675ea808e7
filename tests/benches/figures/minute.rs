//! Measures a minute without presses: the package's requests to Spotify and its resource use, while music plays and while it
//! is paused, and with different numbers of keys.

use std::collections::BTreeMap;
use std::time::Duration;

use acceptance::{FakeHost, Instance, Stage, Unpacked};
use futures_util::future::join_all;
use serde_json::json;
use spotify_sim::catalogue::track_uri;
use spotify_sim::{Change, Config, Playback, Request};

use crate::LATENCY;
use crate::panel::{TEN, linked, place_ten};
use crate::table::{Row, Unit};
use crate::usage::Usage;

const MINUTE: Duration = Duration::from_secs(60);
/// The time before the minute, in which covers and fonts are loaded.
const SETTLE: Duration = Duration::from_secs(5);
/// A track of the catalogue whose title is longer than any widget.
const LONG_TITLE: usize = 4;

/// Ten other widgets, which make twenty kinds with the first ten. The first two cause requests of their own.
const TEN_MORE: [Instance; 10] = [
    Instance { widget: "up-next", context: "c-up-next" },
    Instance { widget: "device", context: "c-device" },
    Instance { widget: "now-playing-text", context: "c-now-playing-text" },
    Instance { widget: "account", context: "c-account" },
    Instance { widget: "set-volume", context: "c-set-volume" },
    Instance { widget: "seek", context: "c-seek" },
    Instance { widget: "restart", context: "c-restart" },
    Instance { widget: "play", context: "c-play-chosen" },
    Instance { widget: "add-to-playlist", context: "c-add-to-playlist" },
    Instance { widget: "add-to-queue", context: "c-add-to-queue" },
];

/// The widgets on the panel.
#[derive(Clone, Copy, Debug)]
enum Panel {
    /// Play/Pause alone.
    One,
    /// [`TEN`].
    Ten,
    /// [`TEN`], this many times.
    Tens(usize),
    /// [`TEN`] and [`TEN_MORE`].
    Twenty,
}

/// The conditions of one minute.
struct Scene {
    name: &'static str,
    panel: Panel,
    plays: bool,
    long_title: bool,
    /// The maximum number of requests, seconds of processor time, and MB.
    goals: [Option<f64>; 3],
}

const SCENES: [Scene; 6] = [
    Scene {
        name: "10 widgets, a track plays",
        panel: Panel::Ten,
        plays: true,
        long_title: false,
        goals: [Some(7.0), Some(0.23), Some(20.0)],
    },
    Scene {
        name: "10 widgets, paused",
        panel: Panel::Ten,
        plays: false,
        long_title: false,
        goals: [Some(4.0), None, None],
    },
    Scene {
        name: "20 widgets of 20 kinds, a long title scrolls",
        panel: Panel::Twenty,
        plays: true,
        long_title: true,
        goals: [None; 3],
    },
    Scene { name: "1 widget, a track plays", panel: Panel::One, plays: true, long_title: false, goals: [None; 3] },
    Scene { name: "20 widgets, 2 × the 10", panel: Panel::Tens(2), plays: true, long_title: false, goals: [None; 3] },
    Scene {
        name: "200 widgets, 20 × the 10",
        panel: Panel::Tens(20),
        plays: true,
        long_title: false,
        goals: [None; 3],
    },
];

pub async fn measure(unpacked: &Unpacked) -> Vec<Row> {
    let rows = join_all(SCENES.iter().map(|scene| scene.measure(unpacked))).await;
    rows.into_iter().flatten().collect()
}

impl Scene {
    async fn measure(&self, unpacked: &Unpacked) -> Vec<Row> {
        let playback = if self.plays { Playback::default() } else { Playback::paused() };
        let mut stage = linked(unpacked, Config { latency: LATENCY, playback, ..Config::default() }).await;
        if self.long_title {
            stage.spotify.change_playback(Change::item(&track_uri(LONG_TITLE))).expect("it is in the catalogue");
        }
        self.panel.show(&mut stage.host).await;
        stage.host.discard_for(SETTLE).await;
        stage.spotify.clear_requests();
        let (connections, usage) = (stage.spotify.connections().accepted, usage(&stage));
        stage.host.discard_for(MINUTE).await;
        let requests = stage.spotify.requests();
        eprintln!("    {}: {}", self.name, summary(&requests));
        let new = stage.spotify.connections().accepted - connections;
        let [max_requests, max_cpu, max_memory] = self.goals;
        let one = |what: &str, unit: Unit, value: f64, goal: Option<f64>| {
            let row = Row::new(format!("A minute with {}: {what}", self.name), unit, vec![value]);
            match goal {
                Some(goal) => row.at_most(goal),
                None => row,
            }
        };
        let mut rows = vec![
            one("requests", Unit::Count, requests.len() as f64, max_requests),
            one("new connections", Unit::Count, new as f64, None),
        ];
        if let (Some(before), Some(after)) = (usage, self::usage(&stage)) {
            rows.push(one("processor time", Unit::Seconds, after.cpu_s - before.cpu_s, max_cpu));
            rows.push(one("resident", Unit::Megabytes, after.resident_mb, max_memory));
            rows.push(one("resident at most since the start", Unit::Megabytes, after.peak_mb, None));
        }
        rows
    }
}

impl Panel {
    async fn show(self, host: &mut FakeHost) {
        match self {
            Self::One => host.place(crate::panel::PLAY).await,
            Self::Ten => place_ten(host).await,
            Self::Tens(tens) => {
                place_ten(host).await;
                for number in 1..tens {
                    for Instance { widget, context } in TEN {
                        // The leak doesn't matter: the process ends with the benchmark.
                        let context = format!("{context}-{number}").leak();
                        host.place(Instance { widget, context }).await;
                    }
                }
            }
            Self::Twenty => {
                place_ten(host).await;
                for instance in TEN_MORE {
                    host.place_with(instance, json!({"state": 0, "settings": {}})).await;
                }
            }
        }
    }
}

fn usage(stage: &Stage<'_>) -> Option<Usage> {
    stage.pid().and_then(Usage::of_process)
}

/// Returns the counts of each kind of request.
fn summary(requests: &[Request]) -> String {
    let mut counts: BTreeMap<String, usize> = BTreeMap::new();
    for request in requests {
        *counts.entry(format!("{} {}", request.method, request.path)).or_default() += 1;
    }
    counts.iter().map(|(what, count)| format!("{count} × {what}")).collect::<Vec<_>>().join(", ")
}
