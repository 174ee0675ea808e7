//! The validator as authors and the page use it: the smoke run of packages that each misbehave in one way, the command
//! with its exit codes and JSON, and the page's call.

mod support;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use creator_deck::validate::{Report, SmokeRun, SmokeTimeouts, validate};
use serde_json::{Value, json};
use support::{PACKAGE, PATIENT, TOGGLE, WIDE, config, pack_files, port_of, target, world};

/// Short where the test always waits, long where a slow machine may need it.
const TIMEOUTS: SmokeTimeouts = SmokeTimeouts {
    register: Duration::from_secs(20),
    face: Duration::from_millis(800),
    aftermath: Duration::from_millis(200),
};

fn built(example: &str) -> PathBuf {
    let test = std::env::current_exe().unwrap();
    let examples = test.ancestors().nth(2).unwrap().join("examples");
    examples.join(format!("{example}{}", std::env::consts::EXE_SUFFIX))
}

/// The files of a package whose program behaves like this.
fn files(behaviour: &str) -> Vec<(String, Vec<u8>)> {
    let icon = "<svg xmlns='http://www.w3.org/2000/svg' width='75' height='54'/>";
    let page = include_str!("fixtures/registers.html");
    let texts = [
        ("PackageConfig.json", config().to_string()),
        ("behaviour", behaviour.to_owned()),
        ("icon.svg", icon.to_owned()),
        ("on.svg", icon.to_owned()),
        ("pages/property.html", page.to_owned()),
        ("pages/settings.html", page.to_owned()),
    ];
    let texts = texts.into_iter().map(|(path, text)| (path.to_owned(), text.into_bytes()));
    texts.chain([(target(), fs::read(built("behaving")).unwrap())]).collect()
}

async fn report(behaviour: &str, timeouts: SmokeTimeouts) -> Report {
    report_of(files(behaviour), timeouts).await
}

async fn report_of(files: Vec<(String, Vec<u8>)>, timeouts: SmokeTimeouts) -> Report {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("test.creatorCentral");
    fs::write(&file, pack_files(files)).unwrap();
    validate(&file, Some(timeouts), None).await.unwrap()
}

/// The package with this many widgets of one cell and without pages.
fn with_widgets(behaviour: &str, count: usize) -> Vec<(String, Vec<u8>)> {
    let mut files = files(behaviour);
    let mut config = config();
    let widget = |n| json!({"Name": format!("W{n}"), "Icon": "icon.svg", "UUID": format!("{PACKAGE}.w{n}"), "States": [{"Image": "icon.svg"}]});
    config["Widgets"] = (0..count).map(widget).collect();
    config.as_object_mut().unwrap().remove("SettingsPath");
    files[0].1 = config.to_string().into_bytes();
    files
}

/// Returns severity, rule and place of each finding of the smoke run.
fn run_findings(report: &Report) -> Vec<String> {
    let of_run = report.findings.iter().filter(|finding| finding.rule.starts_with("run-"));
    of_run.map(|f| format!("{} {} {}", f.severity.name(), f.rule, f.place())).collect()
}

#[tokio::test]
async fn well_behaved_package_passes() {
    let report = report("good", TIMEOUTS).await;
    assert_eq!(run_findings(&report), Vec::<String>::new());
    assert_eq!(report.smoke_run, SmokeRun::Done);
    assert!(report.passes(), "{}", report.to_text(false));
}

#[tokio::test]
async fn package_that_never_registers_fails() {
    let timeouts = SmokeTimeouts { register: Duration::from_millis(300), ..TIMEOUTS };
    assert_eq!(run_findings(&report("mute", timeouts).await), ["error run-register Runtime"]);
}

#[tokio::test]
async fn package_that_dies_fails_with_its_last_output() {
    let at_once = report("dying", TIMEOUTS).await;
    assert_eq!(run_findings(&at_once), ["error run-start Runtime"]);
    let text = at_once.to_text(false);
    assert!(text.contains("exit code 3") && text.contains("giving up"), "{text}");
    let of_a_press = report("dies-of-a-press", TIMEOUTS).await;
    assert_eq!(run_findings(&of_a_press), ["error run-died Widgets[0]"]);
    let text = of_a_press.to_text(false);
    assert!(text.contains("when it was pressed") && text.contains("exit code 7"), "{text}");
}

#[tokio::test]
async fn widgets_are_tried_in_batches_that_fit_the_panel() {
    let faceless = report_of(with_widgets("faceless", 45), TIMEOUTS).await;
    let notes = run_findings(&faceless);
    assert_eq!(notes.len(), 45, "each of them is tried: {notes:?}");
    assert!(notes.contains(&"note run-face Widgets[44]".to_owned()), "{notes:?}");
    // Dies of twenty instances, but not of any one alone.
    let crowded = report_of(with_widgets("dies-of-a-crowd", 21), TIMEOUTS).await;
    assert_eq!(run_findings(&crowded), ["error run-died Widgets[0]"]);
    assert!(crowded.to_text(false).contains("with 19 others at the same time"), "{}", crowded.to_text(false));
}

#[tokio::test]
async fn widget_that_ends_the_package_is_identified() {
    let report = report_of(with_widgets("dies-of-w2", 4), TIMEOUTS).await;
    assert_eq!(run_findings(&report), ["error run-died Widgets[2]"]);
    assert!(report.to_text(false).contains("when it was pressed"), "{}", report.to_text(false));
}

#[tokio::test]
async fn odd_behaviour_is_reported_and_passes() {
    let faceless = report("faceless", TIMEOUTS).await;
    assert_eq!(run_findings(&faceless), ["note run-face Widgets[0]", "note run-face Widgets[1]"]);
    let odd = run_findings(&report("odd", TIMEOUTS).await);
    assert!(odd.contains(&"warning run-message the package".to_owned()), "{odd:?}");
    let flooding = report("flooding", TIMEOUTS).await;
    assert_eq!(run_findings(&flooding), ["warning run-flood Widgets[0]"]);
    assert!(faceless.passes() && flooding.passes());
}

#[tokio::test]
async fn package_for_other_systems_is_not_run() {
    let folder = tempfile::tempdir().unwrap();
    let other = if cfg!(windows) { "linux" } else { "win" };
    let mut files = files("good");
    let mut config = config();
    config["Runtime"] = json!({other: {"type": "bin", "target": "gone", "MinimumVersion": "1"}});
    files[0].1 = config.to_string().into_bytes();
    for (path, content) in files {
        let path = folder.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
    }
    let report = validate(folder.path(), Some(TIMEOUTS), None).await.unwrap();
    assert!(
        matches!(&report.smoke_run, SmokeRun::Skipped(why) if why.contains("gone is missing")),
        "{:?}",
        report.smoke_run
    );
    assert!(!report.passes(), "a missing program is an error all the same");
}

fn config_text() -> String {
    config().to_string()
}

fn run(args: &[&str], path: &Path) -> (Option<i32>, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_creator-deck")).args(args).arg(path).output().unwrap();
    (output.status.code(), String::from_utf8(output.stdout).unwrap())
}

#[test]
fn validate_command_reports_as_json_and_text() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("test.creatorCentral");
    fs::write(&file, pack_files(files("good"))).unwrap();
    let (code, text) = run(&["validate", "--json"], &file);
    let good: Value = serde_json::from_str(&text).unwrap();
    assert_eq!((code, &good["result"], &good["format"]), (Some(0), &json!("pass"), &json!(1)), "{good}");
    assert_eq!(good["smokeRun"], json!({"done": true, "skipped": null}));
    assert_eq!(good["package"]["uuid"], PACKAGE);
    assert_eq!(good["counts"]["error"], 0);

    let mut broken = files("good");
    broken.retain(|(path, _)| path != "on.svg");
    broken[0].1 = String::from_utf8(broken[0].1.clone()).unwrap().replace("1.0.0", "one\\u001b[2J").into_bytes();
    fs::write(&file, pack_files(broken)).unwrap();
    let (code, text) = run(&["validate", "--no-run"], &file);
    assert_eq!(code, Some(1), "{text}");
    assert!(text.contains("Widgets[0].States[1].Image names a file that the package doesn't have"), "{text}");
    assert!(text.contains("Result: fail") && !text.contains('\u{1b}'), "{text:?}");
    let (_, text) = run(&["validate", "--no-run", "--json"], &file);
    let findings: Value = serde_json::from_str::<Value>(&text).unwrap()["findings"].take();
    let found = findings.as_array().unwrap().iter().find(|finding| finding["rule"] == "missing-file").unwrap();
    let members = ["severity", "rule", "file", "member", "message", "remedy"];
    assert_eq!(found.as_object().unwrap().keys().len(), members.len());
    assert!(members.iter().all(|member| found[member].is_string()), "{found}");

    fs::write(&file, "no zip").unwrap();
    assert_eq!(run(&["validate"], &file).0, Some(1));
    assert_eq!(run(&["validate"], &folder.path().join("gone")).0, Some(2));
}

#[tokio::test]
async fn check_call_reports_without_installing() {
    let world = world(PATIENT).await;
    let check = async |content: &[u8], token: &str| {
        let port = port_of(&world.deck.page_url());
        let headers = [format!("Host: 127.0.0.1:{port}"), format!("X-Deck-Token: {token}")];
        let headers = headers.each_ref().map(String::as_str);
        let answer = support::http(port, "POST", "/api/packages/check", &headers, content).await;
        (answer.status, serde_json::from_str::<Value>(&answer.body).unwrap())
    };
    let token = world.deck.token().to_owned();
    let (status, answer) = check(&pack_files(files("good")), &token).await;
    assert_eq!(
        (status, &answer["result"], &answer["replaces"]),
        (200, &json!("pass"), &json!({"version": "1.0.0", "newer": false}))
    );
    assert_eq!(answer["package"]["widgets"], json!(["Toggle", "Wide"]));
    let mut other = files("good");
    let config = config().to_string().replace(PACKAGE, "com.example.other").replace(TOGGLE, "x").replace(WIDE, "y");
    other[0].1 = config.into_bytes();
    let (_, answer) = check(&pack_files(other), &token).await;
    assert_eq!(answer["replaces"], Value::Null);
    let mut older = files("good");
    older[0].1 = config_text().replace("1.0.0", "0.10.0").into_bytes();
    let (_, answer) = check(&pack_files(older), &token).await;
    assert_eq!(answer["replaces"]["newer"], true);
    let (status, answer) = check(b"no zip", &token).await;
    assert_eq!((status, &answer["package"], &answer["counts"]["refused"]), (200, &Value::Null, &json!(1)));
    assert_eq!(check(b"no zip", "guessed").await.0, 401);
    let installed = fs::read_dir(world.data.path().join("packages")).unwrap().count();
    assert_eq!(installed, 1, "nothing was installed");
}
