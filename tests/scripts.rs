//! `creator-deck --headless --script`, as package authors run it: packed, installed, and told by its exit code. The clock
//! example with its own script, and the Spotify package with one that goes the way of a listener.

use std::fs;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use acceptance::{clock_bundle, program};

/// The clock's own script, which docs/automation.md shows.
const SCRIPT: &str = include_str!("../host-sdk/examples/clock/clock.jsonl");

fn run(folder: &Path, script: &str) -> Output {
    let file = folder.join("clock.jsonl");
    fs::write(&file, script).unwrap();
    Command::new(program("creator-deck"))
        .args(["--headless", "--install"])
        .arg(clock_bundle())
        .arg("--script")
        .arg(&file)
        .stdin(Stdio::null())
        .output()
        .unwrap()
}

#[test]
fn the_clock_passes_its_script_and_a_wrong_one_fails_with_the_difference() {
    let folder = tempfile::tempdir().unwrap();
    let passed = run(folder.path(), SCRIPT);
    assert_eq!(passed.status.code(), Some(0), "{passed:?}");

    let wrong = format!("{SCRIPT}\n{{\"settings\": {{\"key\": \"clock\", \"equal\": {{}}, \"within\": 0}}}}");
    let failed = run(folder.path(), &wrong);
    let said = String::from_utf8(failed.stdout).unwrap();
    assert_eq!(failed.status.code(), Some(1), "{said}");
    assert!(said.contains("expected: settings exactly {}"), "{said}");
    assert!(said.contains(r#"got: {"twelveHours":false}"#), "{said}");

    assert_eq!(run(folder.path(), "{\"fly\": 1}").status.code(), Some(2));
}

#[cfg(unix)]
mod listening {
    //! Needs a host that ends well when it is asked to, before the script has the account.

    use acceptance::{DeckHome, bundle};
    use spotify_sim::{Config, Sim};

    use super::Path;

    /// What somebody who listens does with the keys, once Spotify is linked.
    const LISTENING: &str = "scripts/listening.jsonl";

    #[tokio::test]
    async fn a_listener_presses_what_there_is_to_press() {
        let spotify = Sim::start(Config::default()).await.unwrap();
        let home = DeckHome::new();
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join(LISTENING);
        let deck = home.start(&spotify).await;
        deck.link(&spotify).await;
        deck.terminate().await;
        let (code, said) = home.run_script(&spotify, bundle(), &script).await;
        assert_eq!(code, Some(0), "{said}");
        // What the keys said is what Spotify has heard.
        let playback = spotify.playback();
        assert!(playback.is_playing && playback.shuffle);
        assert_eq!(playback.active().and_then(|device| device.volume_percent), Some(75));
    }
}
