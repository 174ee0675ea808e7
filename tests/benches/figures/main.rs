//! The benchmarks of docs/BENCHMARKS.md, all in one run: `cargo xtask bench`.
//!
//! The built package runs with a fake host on a plain socket and a simulated Spotify, as in the acceptance tests, and the
//! messages on both sides are timed. Short measurements run first, one at a time. The long ones follow, in several packages
//! at once, because they mostly wait.
//!
//! Nothing passes or fails: a missed goal is marked in the table.
//!
//! Parts can be named: `cargo bench -p acceptance-tests --bench figures -- start press volume deck minute changes ends
//! idle`.
//!
//! It uses the package in the profile of the benchmark; `cargo xtask bench` builds both.

mod bare;
#[cfg(target_os = "linux")]
mod deck;
#[cfg(target_os = "linux")]
#[path = "../../driver.rs"]
mod driver;
mod idle;
mod minute;
mod panel;
mod press;
mod remote;
mod start;
mod table;
mod usage;
mod volume;

use acceptance::Unpacked;
use futures_util::future::{LocalBoxFuture, join_all};
use table::{Row, print};

/// Spotify's latency by default.
const LATENCY: std::time::Duration = std::time::Duration::from_millis(60);

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    match arguments.first().map(String::as_str) {
        Some(bare::FLAG) => runtime.block_on(bare::run(&arguments[1..])),
        #[cfg(target_os = "linux")]
        Some(deck::FLAG) => runtime.block_on(deck::run(&arguments)),
        // Cargo passes `--bench` for benchmarks; `cargo test` only has to build it.
        _ if arguments.iter().any(|argument| argument == "--bench") => {
            let only: Vec<&str> = arguments.iter().map(String::as_str).filter(|word| !word.starts_with('-')).collect();
            runtime.block_on(measure(&only));
        }
        _ => {}
    }
}

/// Measures everything, or only the parts that are named.
async fn measure(only: &[&str]) {
    let is_selected = |part: &str| only.is_empty() || only.contains(&part);
    let unpacked = Unpacked::spotify();
    let before = usage::machine();
    let mut rows = Vec::new();
    if is_selected("start") {
        progress("the start");
        rows.extend(start::measure(&unpacked).await);
    }
    if is_selected("press") {
        progress("presses");
        rows.extend(press::measure(&unpacked).await);
    }
    if is_selected("volume") {
        progress("volume");
        rows.extend(volume::measure(&unpacked).await);
    }
    #[cfg(target_os = "linux")]
    if is_selected("deck") {
        progress("the deck with 100 keys, and a browser");
        rows.extend(deck::measure().await);
    }
    progress("the long measurements, in several packages at once");
    let scenes: [(&str, LocalBoxFuture<'_, Vec<Row>>); 4] = [
        ("minute", Box::pin(minute::measure(&unpacked))),
        ("changes", Box::pin(remote::changes(&unpacked))),
        ("ends", Box::pin(remote::ends(&unpacked))),
        ("idle", Box::pin(idle::measure(&unpacked))),
    ];
    let scenes = scenes.into_iter().filter(|(part, _)| is_selected(part)).map(|(_, scene)| scene);
    rows.extend(join_all(scenes).await.into_iter().flatten());
    println!("{before}; at the end: {}", usage::load());
    println!();
    print(&rows);
}

/// Prints the current measurement to stderr; stdout is for the table.
fn progress(name: &str) {
    eprintln!("    {name}");
}
