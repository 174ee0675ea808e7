//! Packages that misbehave (python/bad.py), all at once, beside one that doesn't: each is slowed down, cut off or parked,
//! and its status says why; the neighbour's answers stay as they are, none lost and none out of order.

use std::fs;

use acceptance::{DeckHome, is_alive, until};
use serde_json::json;

use super::{Bench, install, install_sample, package_is, source, start, uuid_of};

/// Each way to misbehave, with the status that it ends in and words of its message.
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
/// Messages of the neighbour that have to come back.
const ASKED: u32 = 200;

#[tokio::test]
async fn who_misbehaves_is_stopped_with_a_word_and_the_neighbour_does_not_notice() {
    let home = DeckHome::new();
    install_sample(&home, "javascript");
    for (mode, ..) in MODES {
        let files = [("run.py", source("python/bad.py")), ("wire.py", source("python/wire.py")), ("mode", mode.into())];
        install(&home, mode, "run.py", &files);
    }
    let (_spotify, mut deck) = start(&home, None).await;

    // The neighbour is asked while the others are at it, and answers in order.
    let mut neighbour = Bench::new(&deck, "javascript", 0).await;
    for n in 0..ASKED {
        let answer = json!({"event": "sendToPropertyView", "context": "$c", "payload": {"n": n}});
        neighbour.orders('t', &answer.to_string()).await;
    }
    for n in 0..ASKED {
        let heard = neighbour.view.hears("an answer", |answer| answer["n"].as_u64()).await;
        assert_eq!(heard, u64::from(n), "none is lost, none is early");
    }
    for state in [1, 0] {
        deck.press(&neighbour.key).await;
        deck.instance_until(&neighbour.key, "a press arrives", |key| key["state"] == state).await;
    }

    for (mode, status, words) in MODES {
        package_is(&deck, &uuid_of(mode), status, words).await;
    }
    let logs = async |mode: &str, words: &str| {
        until(&format!("the log of {mode} says {words:?}"), async || {
            let log = deck.get("log").await;
            let uuid = uuid_of(mode);
            let lines = log["entries"].as_array().unwrap().iter();
            let own: Vec<_> = lines.filter(|line| line["package"] == uuid.as_str()).collect();
            let found = own.iter().find_map(|line| line["message"].as_str().unwrap().split_once(words));
            found.map(|(_, rest)| rest.to_owned()).ok_or(format!("{own:?}"))
        })
        .await
    };
    logs("flood", "It sends too much").await;
    logs("twice", "It has registered again; its earlier socket is closed").await;
    logs("twice", "the first one is closed").await;
    logs("restless", "It registers again and again, and has to wait").await;
    logs("garbage", "all of it is said").await;
    logs("garbage", "Ignored: not a message").await;
    deck.logs("it registered with a name or event that wasn't given to it. com.example.javascript").await;

    // Once its author has mended it, one click is enough.
    let parked = uuid_of("die");
    fs::write(home.data().join("packages").join(&parked).join("mode"), "garbage").unwrap();
    deck.post(&format!("packages/{parked}/load"), json!({})).await;
    package_is(&deck, &parked, "running", "").await;

    // A package goes with all that it has started, whether it wants to or not.
    for mode in ["hang", "family"] {
        let process: u32 = logs(mode, "process ").await.trim().parse().unwrap();
        assert!(is_alive(process), "{mode}");
        deck.call("DELETE", &format!("packages/{}", uuid_of(mode)), "").await;
        assert!(!is_alive(process), "{mode}");
    }
    assert!(deck.runs());
    let lines = deck.log().await;
    let garbage = lines.iter().filter(|line| line.starts_with("Ignored: ")).count();
    assert!(garbage <= 40, "{garbage} lines of garbage in the log");
    deck.terminate().await;
}
