//! A new author's first ten minutes: a package is begun, built, packed, checked and run, with nothing edited.

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

/// The folder that cargo builds this in: what the new package needs has mostly been built there.
fn target_folder() -> PathBuf {
    let test = std::env::current_exe().unwrap();
    test.ancestors().nth(3).unwrap().to_owned()
}

fn run(args: &[&str], folder: &Path) -> String {
    let output = Command::new(env!("CARGO_BIN_EXE_creator-deck"))
        .args(args)
        .current_dir(folder)
        .env("CARGO_TARGET_DIR", target_folder())
        .output()
        .unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{args:?}: {errors}");
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn a_new_package_is_built_packed_and_passes_its_check() {
    let folder = tempfile::tempdir().unwrap();
    let sdk = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    run(&["new", "first-steps", "--sdk", sdk.to_str().unwrap()], folder.path());
    let package = folder.path().join("first-steps");
    run(&["pack", "--debug", "--offline"], &package);
    let report: Value =
        serde_json::from_str(&run(&["validate", "--json", "first-steps.creatorCentral"], &package)).unwrap();
    assert_eq!((&report["result"], &report["smokeRun"]["done"]), (&"pass".into(), &true.into()), "{report}");
    // Of a package that is built for one system only, this is all there is to say.
    let rules: Vec<_> = report["findings"].as_array().unwrap().iter().map(|finding| &finding["rule"]).collect();
    let expected: &[&str] = if cfg!(target_os = "linux") { &["runtime"] } else { &[] };
    assert_eq!(rules, expected);
}
