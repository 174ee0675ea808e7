//! Packages that misbehave (python/bad.py), together with one that doesn't: each is slowed down, disconnected or no longer
//! started, and its status contains the reason. No answer of the well-behaved package is lost or out of order.

use std::fs;

use acceptance::{DeckHome, is_alive, wait_until};
use serde_json::json;

use super::{Bench, install, install_sample, source, start, uuid_of, wait_for_package};

/// Each kind of misbehaviour, with the resulting status and words of its message.
const MODES: [(&str, &str, &str); 12] = [
    ("flood", "running", "It sends too much at once"),
    ("pings", "running", "It sends too much at once"),
    ("huge", "starting", "It sent a message of more than 16 MB"),
    ("deaf", "starting", "It doesn't take the messages that are sent to it"),
    ("die", "failed", "5 times in a row right after its start"),
    ("hang", "running", ""),
    ("family", "running", ""),
    ("babble", "running", ""),
    ("thief", "running", ""),
    ("twice", "running", ""),
    ("garbage", "running", ""),
    ("restless", "starting", "It dropped its connection"),
];
/// The number of messages that the well-behaved package has to answer.
const ORDERS: u32 = 200;

#[tokio::test]
async fn misbehaving_packages_are_stopped_without_side_effects() {
    let home = DeckHome::new();
    install_sample(&home, "javascript");
    for (mode, ..) in MODES {
        let files = [("run.py", source("python/bad.py")), ("wire.py", source("python/wire.py")), ("mode", mode.into())];
        install(&home, mode, "run.py", &files);
    }
    let (_spotify, mut deck) = start(&home, None).await;

    // The neighbour answers in order while the others misbehave.
    let mut neighbour = Bench::new(&deck, "javascript", 0).await;
    for n in 0..ORDERS {
        let answer = json!({"event": "sendToPropertyView", "context": "$c", "payload": {"n": n}});
        neighbour.order_frame('t', &answer.to_string()).await;
    }
    for n in 0..ORDERS {
        let answered = neighbour.view.wait_for_message("an answer", |answer| answer["n"].as_u64()).await;
        assert_eq!(answered, u64::from(n), "no answer is lost or out of order");
    }
    for state in [1, 0] {
        deck.press(&neighbour.key).await;
        deck.wait_for_instance(&neighbour.key, "a press arrives", |key| key["state"] == state).await;
    }

    for (mode, status, words) in MODES {
        wait_for_package(&deck, &uuid_of(mode), status, words).await;
    }
    let wait_for_log_of = async |mode: &str, words: &str| {
        wait_until(&format!("the log of {mode} contains {words:?}"), async || {
            let log = deck.get("log").await;
            let uuid = uuid_of(mode);
            let lines = log["entries"].as_array().unwrap().iter();
            let own: Vec<_> = lines.filter(|line| line["package"] == uuid.as_str()).collect();
            let found = own.iter().find_map(|line| line["message"].as_str().unwrap().split_once(words));
            found.map(|(_, rest)| rest.to_owned()).ok_or(format!("{own:?}"))
        })
        .await
    };
    wait_for_log_of("flood", "It sends too much").await;
    wait_for_log_of("twice", "It has registered again; its earlier socket is closed").await;
    wait_for_log_of("twice", "the first one is closed").await;
    wait_for_log_of("restless", "It registers again and again, and has to wait").await;
    wait_for_log_of("garbage", "all of it is said").await;
    wait_for_log_of("garbage", "Ignored: not a message").await;
    deck.wait_for_log("it registered with a name or event that wasn't given to it. com.example.javascript").await;

    // A repaired package starts again with one click.
    let parked = uuid_of("die");
    fs::write(home.data().join("packages").join(&parked).join("mode"), "garbage").unwrap();
    deck.post(&format!("packages/{parked}/load"), json!({})).await;
    wait_for_package(&deck, &parked, "running", "").await;

    // A removed package is killed with all processes that it has started.
    for mode in ["hang", "family"] {
        let process: u32 = wait_for_log_of(mode, "process ").await.trim().parse().unwrap();
        assert!(is_alive(process), "{mode}");
        deck.call("DELETE", &format!("packages/{}", uuid_of(mode)), "").await;
        assert!(!is_alive(process), "{mode}");
    }
    assert!(deck.is_running());
    let lines = deck.log().await;
    let garbage = lines.iter().filter(|line| line.starts_with("Ignored: ")).count();
    assert!(garbage <= 40, "{garbage} lines of garbage in the log");
    deck.terminate().await;
}
