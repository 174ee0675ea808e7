//! The figures of docs/BENCHMARKS.md, all in one run: `cargo xtask bench`.
//!
//! The built package runs between a host that is nothing but a socket and a simulated Spotify, as in the acceptance tests,
//! and what arrives on both sides is timed. What is over in an instant is measured first, with nothing else going on. What
//! takes a minute follows, in several packages at once: mostly they wait.
//!
//! Here alone time is real, and nothing passes or fails: a goal that is missed is a line in the table.
//!
//! Parts can be named: `cargo bench -p acceptance-tests --bench figures -- start press volume deck minute changes ends
//! idle`.
//!
//! It drives the package as it is built in the profile of the benchmark; `cargo xtask bench` builds both.

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

/// Spotify's latency where it isn't said to be something else.
const LATENCY: std::time::Duration = std::time::Duration::from_millis(60);

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    match arguments.first().map(String::as_str) {
        Some(bare::FLAG) => runtime.block_on(bare::run(&arguments[1..])),
        #[cfg(target_os = "linux")]
        Some(deck::FLAG) => runtime.block_on(deck::run(&arguments)),
        // Cargo says `--bench` when the figures are wanted; with tests it only has to build.
        _ if arguments.iter().any(|argument| argument == "--bench") => {
            let only: Vec<&str> = arguments.iter().map(String::as_str).filter(|word| !word.starts_with('-')).collect();
            runtime.block_on(measure(&only));
        }
        _ => {}
    }
}

/// Measures everything, or only the parts that are named.
async fn measure(only: &[&str]) {
    let wanted = |part: &str| only.is_empty() || only.contains(&part);
    let unpacked = Unpacked::spotify();
    let before = usage::machine();
    let mut rows = Vec::new();
    if wanted("start") {
        say("the start");
        rows.extend(start::measure(&unpacked).await);
    }
    if wanted("press") {
        say("presses");
        rows.extend(press::measure(&unpacked).await);
    }
    if wanted("volume") {
        say("volume");
        rows.extend(volume::measure(&unpacked).await);
    }
    #[cfg(target_os = "linux")]
    if wanted("deck") {
        say("the deck with 100 keys, and a browser");
        rows.extend(deck::measure().await);
    }
    say("what takes a minute, in several packages at once");
    let scenes: [(&str, LocalBoxFuture<'_, Vec<Row>>); 4] = [
        ("minute", Box::pin(minute::measure(&unpacked))),
        ("changes", Box::pin(remote::changes(&unpacked))),
        ("ends", Box::pin(remote::ends(&unpacked))),
        ("idle", Box::pin(idle::measure(&unpacked))),
    ];
    let scenes = scenes.into_iter().filter(|(part, _)| wanted(part)).map(|(_, scene)| scene);
    rows.extend(join_all(scenes).await.into_iter().flatten());
    println!("{before}; at the end: {}", usage::load());
    println!();
    print(&rows);
}

/// Says what is being measured, on stderr: stdout is for the table.
fn say(what: &str) {
    eprintln!("    {what}");
}
