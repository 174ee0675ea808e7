//! Measures the time from the start of the process until it is registered, and until each of ten widgets has its first
//! picture. The package is signed in, and Spotify answers with its usual latency.

use std::collections::HashSet;
use std::time::Duration;

use acceptance::Unpacked;
use host_sdk::protocol::ToHost;
use spotify_sim::Config;

use crate::LATENCY;
use crate::panel::{TEN, linked, receive_for};
use crate::table::Row;

const STARTS: usize = 25;
/// The time between two starts.
const REST: Duration = Duration::from_millis(150);

pub async fn measure(unpacked: &Unpacked) -> Vec<Row> {
    let mut stage = linked(unpacked, Config { latency: LATENCY, ..Config::default() }).await;
    let (mut registered, mut pictures) = (Vec::new(), Vec::new());
    for _ in 0..STARTS {
        let started = stage.restart().await;
        registered.push(started.elapsed());
        for instance in TEN {
            stage.host.place(instance).await;
        }
        let mut missing: HashSet<&str> = TEN.iter().map(|instance| instance.context).collect();
        stage
            .host
            .wait_for_message("ten pictures", |message| {
                if let ToHost::ChangeImage { context, .. } = message {
                    missing.remove(context.as_str());
                }
                missing.is_empty().then_some(())
            })
            .await;
        pictures.push(started.elapsed());
        receive_for(&mut stage.host, REST).await;
    }
    vec![
        Row::milliseconds("Process start to registered", &registered).at_most(15.0),
        Row::milliseconds("Process start to the first pictures of ten widgets", &pictures).at_most(40.0),
    ]
}
