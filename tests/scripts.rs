//! Tests of `creator-deck --headless --script` with packed packages and its exit code: the clock example with its own
//! script, and the Spotify package with a script of typical use.

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
fn clock_passes_its_script() {
    let folder = tempfile::tempdir().unwrap();
    let passed = run(folder.path(), SCRIPT);
    assert_eq!(passed.status.code(), Some(0), "{passed:?}");
}

#[test]
fn unmet_expectation_fails_with_the_difference() {
    let folder = tempfile::tempdir().unwrap();
    let wrong = format!("{SCRIPT}\n{{\"settings\": {{\"key\": \"clock\", \"equal\": {{}}, \"within\": 0}}}}");
    let failed = run(folder.path(), &wrong);
    let output = String::from_utf8(failed.stdout).unwrap();
    assert_eq!(failed.status.code(), Some(1), "{output}");
    assert!(output.contains("expected: settings exactly {}"), "{output}");
    assert!(output.contains(r#"got: {"twelveHours":false}"#), "{output}");
}

#[test]
fn invalid_script_exits_with_2() {
    let folder = tempfile::tempdir().unwrap();
    assert_eq!(run(folder.path(), "{\"fly\": 1}").status.code(), Some(2));
}

#[cfg(unix)]
mod listening {
    //! Needs SIGTERM: the host has to store the account and exit before the script uses it.

    use acceptance::{DeckHome, bundle};
    use spotify_sim::{Config, Sim};

    use super::Path;

    /// A script of typical presses after Spotify is linked.
    const LISTENING: &str = "scripts/listening.jsonl";

    #[tokio::test]
    async fn spotify_package_passes_a_script_of_typical_use() {
        let spotify = Sim::start(Config::default()).await.unwrap();
        let home = DeckHome::new();
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join(LISTENING);
        let deck = home.start(&spotify).await;
        deck.link(&spotify).await;
        deck.terminate().await;
        let (code, output) = home.run_script(&spotify, bundle(), &script).await;
        assert_eq!(code, Some(0), "{output}");
        // Spotify has carried out what the keys show.
        let playback = spotify.playback();
        assert!(playback.is_playing && playback.shuffle);
        assert_eq!(playback.active().and_then(|device| device.volume_percent), Some(75));
    }
}
