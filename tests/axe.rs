//! Checks pages with axe-core for accessibility faults. It is fetched through npm into `target`, with the version and
//! checksum in `axe/package-lock.json`.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use acceptance::target;
use fantoccini::Client;
use serde_json::Value;

/// Returns axe-core's script. It is fetched only if the lock file has changed.
fn script() -> &'static str {
    static SCRIPT: OnceLock<String> = OnceLock::new();
    SCRIPT.get_or_init(|| {
        let folder = fetch();
        fs::read_to_string(folder.join("node_modules/axe-core/axe.min.js")).expect("axe-core has its script")
    })
}

fn fetch() -> PathBuf {
    let pinned = Path::new(env!("CARGO_MANIFEST_DIR")).join("axe");
    let folder = target().join("axe");
    let done = folder.join("done.json");
    let lock = fs::read(pinned.join("package-lock.json")).expect("the lock file");
    if fs::read(&done).is_ok_and(|done| done == lock) {
        return folder;
    }
    fs::create_dir_all(&folder).expect("a folder");
    for file in ["package.json", "package-lock.json"] {
        fs::copy(pinned.join(file), folder.join(file)).expect("it is copied");
    }
    let npm =
        Command::new("npm").args(["ci", "--ignore-scripts", "--no-audit", "--no-fund"]).current_dir(&folder).output();
    let output = npm.unwrap_or_else(|error| {
        panic!(
            "npm is needed to fetch axe-core ({error}). `cargo xtask test` installs it on Debian; else see nodejs.org"
        )
    });
    assert!(output.status.success(), "npm can't fetch axe-core:\n{}", String::from_utf8_lossy(&output.stderr));
    fs::write(done, lock).expect("written");
    folder
}

/// Returns the serious and critical faults of the browser's current document, one line each: rule, help and elements.
pub async fn faults(browser: &Client) -> Vec<String> {
    let run = r"
        const done = arguments[0];
        const serious = ({ impact }) => impact === 'serious' || impact === 'critical';
        const where = ({ target, failureSummary }) => `${target.join(' ')} (${failureSummary.split('\n').slice(1).join('; ').trim()})`;
        axe.run(document, { resultTypes: ['violations'], iframes: false, preload: false }).then(
          ({ violations }) => done(violations.filter(serious).map(({ id, help, nodes }) => `${id}: ${help}: ${nodes.map(where).join(', ')}`)),
          (error) => done([String(error)]),
        );
    ";
    if browser.execute("return typeof axe", vec![]).await.expect("a page") == "undefined" {
        // As a separate statement: axe's name is local to the script's function.
        browser.execute(&format!("{}; window.axe = axe;", script()), vec![]).await.expect("axe-core runs");
    }
    match browser.execute_async(run, vec![]).await.expect("axe-core answers") {
        Value::Array(faults) => faults.iter().map(|fault| fault.as_str().unwrap_or_default().to_owned()).collect(),
        other => panic!("{other}"),
    }
}
