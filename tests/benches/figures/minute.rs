//! A minute with nobody at the keys: what the package asks Spotify for, and what it uses, while music plays and while
//! nothing does, and how that grows with the panel.

use std::collections::BTreeMap;
use std::time::Duration;

use acceptance::{FakeHost, Instance, Stage, Unpacked};
use futures_util::future::join_all;
use serde_json::json;
use spotify_sim::catalogue::track_uri;
use spotify_sim::{Change, Config, Playback, Request};

use crate::LATENCY;
use crate::panel::{TEN, linked, show_ten};
use crate::table::{Row, Unit};
use crate::usage::Usage;

const MINUTE: Duration = Duration::from_secs(60);
/// Covers are fetched and fonts are read in this time, before the minute begins.
const SETTLE: Duration = Duration::from_secs(5);
/// A track of the catalogue whose title is longer than any widget.
const LONG_TITLE: usize = 4;

/// Every widget that was not there already, to make twenty with the ten. The first two ask Spotify something of their own.
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

/// What lies on the panel.
#[derive(Clone, Copy, Debug)]
enum Panel {
    /// Play/Pause alone.
    One,
    /// The ten.
    Ten,
    /// The ten, so many times.
    Tens(usize),
    /// The ten and ten other kinds.
    Twenty,
}

/// What is to be found out about a minute.
struct Scene {
    name: &'static str,
    panel: Panel,
    plays: bool,
    long_title: bool,
    /// The most requests, seconds of processor time, and MB.
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
        stage.host.ignore_for(SETTLE).await;
        stage.spotify.clear_requests();
        let (connections, usage) = (stage.spotify.connections().accepted, usage(&stage));
        stage.host.ignore_for(MINUTE).await;
        let requests = stage.spotify.requests();
        eprintln!("    {}: {}", self.name, summary(&requests));
        let new = stage.spotify.connections().accepted - connections;
        let [most_requests, most_cpu, most_memory] = self.goals;
        let one = |what: &str, unit: Unit, value: f64, goal: Option<f64>| {
            let row = Row::new(format!("A minute with {}: {what}", self.name), unit, vec![value]);
            match goal {
                Some(goal) => row.at_most(goal),
                None => row,
            }
        };
        let mut rows = vec![
            one("requests", Unit::Count, requests.len() as f64, most_requests),
            one("new connections", Unit::Count, new as f64, None),
        ];
        if let (Some(before), Some(after)) = (usage, self::usage(&stage)) {
            rows.push(one("processor time", Unit::Seconds, after.cpu_s - before.cpu_s, most_cpu));
            rows.push(one("resident", Unit::Megabytes, after.resident_mb, most_memory));
            rows.push(one("resident at most since the start", Unit::Megabytes, after.peak_mb, None));
        }
        rows
    }
}

impl Panel {
    async fn show(self, host: &mut FakeHost) {
        match self {
            Self::One => host.appear(crate::panel::PLAY).await,
            Self::Ten => show_ten(host).await,
            Self::Tens(tens) => {
                show_ten(host).await;
                for number in 1..tens {
                    for Instance { widget, context } in TEN {
                        // The benchmark ends soon, and what leaks here with it.
                        let context = format!("{context}-{number}").leak();
                        host.appear(Instance { widget, context }).await;
                    }
                }
            }
            Self::Twenty => {
                show_ten(host).await;
                for instance in TEN_MORE {
                    host.appear_as(instance, json!({"state": 0, "settings": {}})).await;
                }
            }
        }
    }
}

fn usage(stage: &Stage<'_>) -> Option<Usage> {
    stage.pid().and_then(Usage::of)
}

/// How often what was asked.
fn summary(requests: &[Request]) -> String {
    let mut counts: BTreeMap<String, usize> = BTreeMap::new();
    for request in requests {
        *counts.entry(format!("{} {}", request.method, request.path)).or_default() += 1;
    }
    counts.iter().map(|(what, count)| format!("{count} × {what}")).collect::<Vec<_>>().join(", ")
}
