//! `creator-deck --headless --script` with the clock example, as its author would run it: packed, installed, and told by
//! its exit code.

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
