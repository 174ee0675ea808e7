//! The first ten minutes of a new author: a package is created, built, packed, validated and run, without an edit.
//!
//! Building it for real takes over a minute, because its dependencies have fewer features than those of this workspace:
//! that is the ignored test, `cargo test -p creator-deck --test author -- --ignored`. In the others cargo answers
//! everything but `build`, with an empty registry: the template's code comes from the example `template`, which is
//! built with this workspace. Its UUID is patched into the built library, hence a package's UUID that is as long as the
//! placeholder. Not on Windows, where tests run that were built on a machine with cargo, but have none.

#![cfg(unix)]

/// For the template's own tests.
#[path = "../template/src/lib.rs"]
mod template;

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::{Value, json};

const NAME: &str = "step";
const DOMAIN: &str = "a.b";

/// `target/debug`.
fn built() -> PathBuf {
    let test = std::env::current_exe().unwrap();
    test.ancestors().nth(2).unwrap().to_owned()
}

/// Creates a package and packs it. `environment` is for the packing. Returns its folder.
fn create_and_pack(folder: &Path, environment: &[(&str, &Path)]) -> PathBuf {
    let sdk = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    run(&["new", NAME, "--domain", DOMAIN, "--sdk", sdk.to_str().unwrap()], folder, &[]);
    let package = folder.join(NAME);
    run(&["pack", "--debug", "--offline"], &package, environment);
    package
}

fn run(args: &[&str], folder: &Path, environment: &[(&str, &Path)]) -> String {
    let mut command = Command::new(env!("CARGO_BIN_EXE_creator-deck"));
    let output = command.args(args).current_dir(folder).envs(environment.iter().copied()).output().unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{args:?}: {errors}");
    String::from_utf8(output.stdout).unwrap()
}

fn assert_passes_validation(package: &Path) {
    let report = run(&["validate", "--json", &format!("{NAME}.creatorCentral")], package, &[]);
    let report: Value = serde_json::from_str(&report).unwrap();
    assert_eq!((&report["result"], &report["smokeRun"]["done"]), (&"pass".into(), &true.into()), "{report}");
    // The only finding about a package that is built for one system.
    let rules: Vec<_> = report["findings"].as_array().unwrap().iter().map(|finding| &finding["rule"]).collect();
    let expected: &[&str] = if cfg!(target_os = "linux") { &["runtime"] } else { &[] };
    assert_eq!(rules, expected);
}

/// Returns what `build` and `install` would, and passes everything else on to cargo.
const CARGO: &str = r#"#!/bin/sh
case "$1" in
build) exec cat "$MESSAGES" ;;
install)
    echo "$@" > "$MESSAGES.install"
    while [ "$1" != --root ]; do shift; done
    mkdir -p "$2/bin" && exec cp "$RUNNER" "$2/bin/package-runner" ;;
esac
exec "$REAL_CARGO" "$@"
"#;

/// Creates a package and packs it with [`CARGO`], whose registry is empty: a call that needs more than the package's
/// own file fails, as it does on a computer that has built only this package. `sdk` is where cargo reports the SDK's
/// sources. Returns the arguments of `cargo install`, if it was called.
fn pack_with_sdk_in(sdk: &Path) -> Option<String> {
    let folder = tempfile::tempdir().unwrap();
    let (target, cargo) = (folder.path().join("target"), folder.path().join("cargo"));
    let library = |name: &str| format!("{}{name}{}", std::env::consts::DLL_PREFIX, std::env::consts::DLL_SUFFIX);
    let runner = built().join("package-runner");
    let mut messages = String::new();
    fs::create_dir_all(target.join("debug")).unwrap();
    for (name, sources, from, to) in [
        ("host_sdk", sdk.to_owned(), None, String::new()),
        (NAME, folder.path().join(NAME), Some(built().join("examples").join(library("template"))), library(NAME)),
        ("package-runner", sdk.join("runner"), Some(runner.clone()), "package-runner".to_owned()),
    ] {
        let mut files = Vec::new();
        if let Some(from) = from {
            files.push(target.join("debug").join(to));
            fs::copy(&from, &files[0])
                .unwrap_or_else(|error| panic!("{}: {error}; `cargo xtask test` builds it", from.display()));
        }
        let message = json!({
            "reason": "compiler-artifact",
            "package_id": "registry+https://github.com/rust-lang/crates.io-index#host-sdk@0.1.0",
            "manifest_path": sources.join("Cargo.toml"),
            "target": {"name": name},
            "filenames": files,
        });
        messages.push_str(&format!("{message}\n"));
    }
    put_uuid_into(&target.join("debug").join(library(NAME)));
    let messages_file = folder.path().join("messages");
    fs::write(&messages_file, messages).unwrap();
    fs::write(&cargo, CARGO).unwrap();
    fs::set_permissions(&cargo, fs::Permissions::from_mode(0o755)).unwrap();
    let real = std::env::var_os("CARGO").map_or_else(|| PathBuf::from("cargo"), PathBuf::from);
    let environment = [
        ("CARGO", cargo.as_path()),
        ("REAL_CARGO", &real),
        ("MESSAGES", &messages_file),
        ("RUNNER", &runner),
        ("CARGO_HOME", &folder.path().join("empty")),
        ("CARGO_TARGET_DIR", &target),
    ];
    assert_passes_validation(&create_and_pack(folder.path(), &environment));
    fs::read_to_string(folder.path().join("messages.install")).ok()
}

/// Fills in the UUID in a built library, as `new` does in the template's text.
fn put_uuid_into(library: &Path) {
    let (placeholder, uuid) = ("{{uuid}}", format!("{DOMAIN}.{NAME}"));
    assert_eq!(placeholder.len(), uuid.len(), "the library is as long as before");
    let mut content = fs::read(library).unwrap();
    let starts = 0..content.len() - placeholder.len();
    let holes: Vec<_> = starts.filter(|&start| content[start..].starts_with(placeholder.as_bytes())).collect();
    assert!(!holes.is_empty(), "the library has the widget's UUID");
    for start in holes {
        content[start..start + uuid.len()].copy_from_slice(uuid.as_bytes());
    }
    fs::write(library, content).unwrap();
}

#[test]
fn new_package_is_packed_and_passes_validation() {
    let sdk = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    assert_eq!(pack_with_sdk_in(sdk), None, "the runner lies beside the SDK");
}

#[test]
fn runner_of_the_published_sdk_is_installed() {
    let registry = tempfile::tempdir().unwrap();
    let arguments = pack_with_sdk_in(registry.path()).expect("the registry's SDK has no runner beside it");
    assert!(arguments.starts_with("install package-runner --locked --version =0.1.0 --root "), "{arguments}");
    assert!(arguments.ends_with("--debug --offline\n"), "{arguments}");
}

#[test]
#[ignore = "builds the package's dependencies, which takes over a minute"]
fn new_package_is_built_and_passes_validation() {
    let folder = tempfile::tempdir().unwrap();
    assert_passes_validation(&create_and_pack(folder.path(), &[("CARGO_TARGET_DIR", built().parent().unwrap())]));
}
