//! A new author's first ten minutes: a package is begun, built, packed, checked and run, with nothing edited.
//!
//! Building it for real takes over a minute, because its dependencies have fewer features than those of this workspace: that
//! is the ignored test, `cargo test -p creator-deck --test author -- --ignored`. In the other one cargo answers everything but
//! `build`, with an empty registry: the template's code comes from the example `template`, which this workspace has built with
//! all the others.
//! Not on Windows: tests that are built elsewhere run where there is no cargo.

#![cfg(unix)]

/// For the template's own tests.
#[path = "../template/src/lib.rs"]
mod template;

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::{Value, json};

/// `target/debug`.
fn built() -> PathBuf {
    let test = std::env::current_exe().unwrap();
    test.ancestors().nth(2).unwrap().to_owned()
}

/// Begins a package and packs it. `environment` is for the packing. Answers its folder.
fn begin_and_pack(folder: &Path, environment: &[(&str, &Path)]) -> PathBuf {
    let sdk = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    run(&["new", "first-steps", "--sdk", sdk.to_str().unwrap()], folder, &[]);
    let package = folder.join("first-steps");
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

fn passes_its_check(package: &Path) {
    let report = run(&["validate", "--json", "first-steps.creatorCentral"], package, &[]);
    let report: Value = serde_json::from_str(&report).unwrap();
    assert_eq!((&report["result"], &report["smokeRun"]["done"]), (&"pass".into(), &true.into()), "{report}");
    // Of a package that is built for one system only, this is all there is to say.
    let rules: Vec<_> = report["findings"].as_array().unwrap().iter().map(|finding| &finding["rule"]).collect();
    let expected: &[&str] = if cfg!(target_os = "linux") { &["runtime"] } else { &[] };
    assert_eq!(rules, expected);
}

/// Cargo with a registry in which there is nothing: whatever asks it for more than the package's own file fails, as it does on
/// a computer that has built this package and nothing else.
#[test]
fn a_new_package_is_packed_and_passes_its_check() {
    let folder = tempfile::tempdir().unwrap();
    let (target, cargo) = (folder.path().join("target"), folder.path().join("cargo"));
    let library = |name: &str| format!("{}{name}{}", std::env::consts::DLL_PREFIX, std::env::consts::DLL_SUFFIX);
    let sdk = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let mut messages = String::new();
    fs::create_dir_all(&target).unwrap();
    for (name, sources, from, to) in [
        ("host_sdk", sdk.to_owned(), None, String::new()),
        (
            "first_steps",
            folder.path().join("first-steps"),
            Some(format!("examples/{}", library("template"))),
            library("first_steps"),
        ),
        ("package-runner", sdk.join("runner"), Some("package-runner".to_owned()), "package-runner".to_owned()),
    ] {
        let mut files = Vec::new();
        if let Some(from) = from.map(|from| built().join(from)) {
            files.push(target.join(to));
            fs::copy(&from, &files[0])
                .unwrap_or_else(|error| panic!("{}: {error}; `cargo xtask test` builds it", from.display()));
        }
        let message = json!({
            "reason": "compiler-artifact",
            "manifest_path": sources.join("Cargo.toml"),
            "target": {"name": name},
            "filenames": files,
        });
        messages.push_str(&format!("{message}\n"));
    }
    fs::write(folder.path().join("messages"), messages).unwrap();
    let script = "#!/bin/sh\nif [ \"$1\" = build ]; then exec cat \"$MESSAGES\"; fi\nexec \"$REAL_CARGO\" \"$@\"\n";
    fs::write(&cargo, script).unwrap();
    fs::set_permissions(&cargo, fs::Permissions::from_mode(0o755)).unwrap();
    let real = std::env::var_os("CARGO").map_or_else(|| PathBuf::from("cargo"), PathBuf::from);
    let environment = [
        ("CARGO", cargo.as_path()),
        ("REAL_CARGO", &real),
        ("MESSAGES", &folder.path().join("messages")),
        ("CARGO_HOME", &folder.path().join("empty")),
        ("CARGO_TARGET_DIR", &target),
    ];
    passes_its_check(&begin_and_pack(folder.path(), &environment));
}

#[test]
#[ignore = "builds the package's dependencies, which takes over a minute"]
fn a_new_package_is_built_and_passes_its_check() {
    let folder = tempfile::tempdir().unwrap();
    passes_its_check(&begin_and_pack(folder.path(), &[("CARGO_TARGET_DIR", built().parent().unwrap())]));
}
