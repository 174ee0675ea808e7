//! Packages as others have written them, in the deck's page in a real browser: property views that fill their fields late,
//! pages whose scripts fail, keys with every layer, names and pictures of any kind. What is looked at leaves a picture in
//! `target/screenshots`.

#![cfg(target_os = "linux")]

#[path = "../../../tests/driver.rs"]
mod driver;
#[path = "support/page.rs"]
mod page;
mod support;

use std::fs;
use std::io::Cursor;
use std::path::{Path, PathBuf};

use creator_deck::validate::{Patience, validate};
use fantoccini::Locator;
use fantoccini::key::Key;
use host_sdk::bundle::{Entry, pack};
use page::{clicks, keeps, open, reads, sees, until};
use serde_json::{Value, json};
use support::{PACKAGE, PATIENT, TOGGLE, World, files, install, say, start};

const ICON: &str = "<svg xmlns='http://www.w3.org/2000/svg' width='75' height='54'><rect width='75' height='54' fill='#1b5e4b'/></svg>";

/// The web package of the fixtures after a change of its script, declared for a platform that isn't this one.
fn web_package(change: impl FnOnce(&str) -> String) -> Vec<(String, Vec<u8>)> {
    let config = json!({
        "Author": "A", "Description": "Counts presses", "Name": "Web counter", "Version": "1.0.0", "UUID": PACKAGE,
        "Icon": "icon.svg", "Runtime": {"win": {"type": "web", "target": "index.html", "MinimumVersion": "10"}},
        "CreatorCentral": {"MinimumVersion": "1.1", "SDKVersion": 2},
        "Widgets": [{"Name": "Count", "Icon": "icon.svg", "UUID": TOGGLE, "States": [{"Image": "icon.svg"}]}]
    });
    let texts = [
        ("PackageConfig.json", config.to_string()),
        ("icon.svg", ICON.to_owned()),
        ("index.html", "<!doctype html><script src='main.js'></script>".to_owned()),
        ("main.js", change(include_str!("fixtures/web/main.js"))),
        ("lang/en.json", json!({"Name": "Web counter", TOGGLE: {"Name": "Count"}}).to_string()),
    ];
    texts.into_iter().map(|(path, text)| (path.to_owned(), text.into_bytes())).collect()
}

/// Puts a package where the deck looks for it.
fn install_files(data: &Path, files: &[(String, Vec<u8>)]) {
    let own = data.join("packages").join(PACKAGE);
    for (path, content) in files {
        let path = own.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
    }
}

fn bundle(files: Vec<(String, Vec<u8>)>) -> Vec<u8> {
    let entries = files.into_iter().map(|(path, content)| Entry { path, content, executable: false }).collect();
    let mut out = Cursor::new(Vec::new());
    pack(&mut out, PACKAGE, entries).unwrap();
    out.into_inner()
}

/// The package as the API has it now.
async fn package_now(world: &World) -> Value {
    world.call("GET", "/api/state", Value::Null).await.1["packages"][0].clone()
}

#[tokio::test]
async fn view_that_fills_its_fields_late_loses_no_setting() {
    let data = tempfile::tempdir().unwrap();
    install(data.path(), PATIENT);
    let view = data.path().join("packages").join(PACKAGE).join("pages/property.html");
    fs::write(view, include_str!("fixtures/view.html")).unwrap();
    let mut world = start(data, |_| {}).await;
    let mut package = world.package().await;
    let context = world.place(TOGGLE, 0, 0).await;
    let settings = json!({"makerKey": "k", "eventName": "first"});
    say(&mut package, json!({"event": "setWidgetSettings", "context": context, "payload": settings})).await;
    let path = format!("/api/instances/{context}");
    until("the settings are stored", async || world.call("GET", &path, Value::Null).await.1["settings"] == settings)
        .await;

    let (_driver, browser) = open(&world).await;
    clicks(&browser, ".key").await;
    sees(&browser, "#property-frame").await;
    browser.find(Locator::Css("#property-frame")).await.unwrap().enter_frame().await.unwrap();
    sees(&browser, "body[data-filled='1']").await;
    let event = browser.find(Locator::Css("#event-name")).await.unwrap();
    assert_eq!(event.prop("value").await.unwrap().as_deref(), Some("first"));
    event.send_keys(&format!(" second{}", Key::Enter)).await.unwrap();
    let stored = json!({"makerKey": "k", "eventName": "first second"});
    until("both are stored", async || world.call("GET", &path, Value::Null).await.1["settings"] == stored).await;

    // What has failed in it is the package's matter.
    let line = world.logged("A script failed: ").await;
    assert!(line.contains("null") && line.contains("(property.html, line "), "{line}");
    let message = package_now(&world).await["message"].clone();
    assert!(message.as_str().unwrap().contains("A script of one of its pages failed: "), "{message}");
    browser.close().await.unwrap();
}

#[tokio::test]
async fn web_package_that_is_ready_late_starts_and_its_errors_are_told() {
    let data = tempfile::tempdir().unwrap();
    let mut files = web_package(|script| {
        let script = script.replace("connectCreatorCentral(port", "late(port");
        let late = "setTimeout(() => { window.connectCreatorCentral = late; }, 300);";
        format!("{script}\n{late}\nPromise.reject(new TypeError('unheard of'));")
    });
    files[2].1 = b"<!doctype html><script src='gone.js'></script><script src='main.js'></script>".to_vec();
    install_files(data.path(), &files);
    let mut world = start(data, |_| {}).await;
    let (_driver, browser) = open(&world).await;
    sees(&browser, "#package-status [data-status='running']").await;
    world.place(TOGGLE, 1, 1).await;
    sees(&browser, ".key[aria-label*='en 0'] .face-image[src^='data:image/png']").await;
    world.logged("A script failed: It can't be loaded: gone.js").await;
    world.logged("A script failed: A promise was rejected: TypeError: unheard of").await;
    let message = package_now(&world).await["message"].as_str().unwrap_or_default().to_owned();
    assert!(message.contains("unheard of"), "{message}");
    browser.close().await.unwrap();
}

/// What the validator says of a package after a run: severity, rule and place, and what is said about it.
async fn found_in_a_run(files: Vec<(String, Vec<u8>)>) -> Vec<(String, String)> {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("test.creatorCentral");
    fs::write(&file, bundle(files)).unwrap();
    let report = validate(&file, Some(Patience::default()), None).await.unwrap();
    let of_run = report.findings.iter().filter(|finding| finding.rule.starts_with("run-"));
    of_run.map(|f| (format!("{} {} {}", f.severity.name(), f.rule, f.place()), f.message.clone())).collect()
}

#[tokio::test]
async fn script_that_fails_fails_the_package_in_the_smoke_run() {
    let web = web_package(|script| format!("{script}\nsetTimeout(() => gone(), 50);"));
    let found = found_in_a_run(web).await;
    assert_eq!((found.len(), found[0].0.as_str()), (1, "error run-error the package"), "{found:?}");
    assert!(found[0].1.contains("gone is not defined"), "{found:?}");

    // A program's property view is loaded for that. Its settings page has nothing that registers.
    let mut views = files(PATIENT);
    for (path, content) in &mut views {
        match path.as_str() {
            "pages/property.html" => *content = include_bytes!("fixtures/view.html").to_vec(),
            "run" => *content = fs::read(behaving()).unwrap(),
            _ => {}
        }
    }
    views.push(("behaviour".to_owned(), b"good".to_vec()));
    let found = found_in_a_run(views).await;
    let rules: Vec<&str> = found.iter().map(|(place, _)| place.as_str()).collect();
    assert_eq!(rules, ["error run-error the package", "warning run-view SettingsPath"], "{found:?}");
}

/// The program of the fixtures that is a whole package.
fn behaving() -> PathBuf {
    let test = std::env::current_exe().unwrap();
    test.ancestors().nth(2).unwrap().join("examples/behaving")
}

#[tokio::test]
async fn names_and_pictures_of_any_kind_leave_the_page_whole() {
    let data = tempfile::tempdir().unwrap();
    install(data.path(), PATIENT);
    let own = data.path().join("packages").join(PACKAGE);
    let mut config = support::config();
    config["Name"] = json!(format!("Evil \u{202e}{}", "long name ".repeat(20)));
    config["Widgets"][0]["Name"] = json!("\u{5e2}\u{5d1}\u{5e8}\u{5d9}\u{5ea} \u{202e}abc\u{2028}def");
    config["Widgets"][0]["Icon"] = json!("broken.png");
    config["Widgets"][1]["States"][0]["Image"] = json!("broken.png");
    fs::write(own.join("PackageConfig.json"), config.to_string()).unwrap();
    fs::write(own.join("broken.png"), b"\x89PNG\r\n\x1a\nand no more").unwrap();
    fs::write(own.join("icon.svg"), ICON).unwrap();
    fs::remove_dir_all(own.join("lang")).unwrap();
    let mut world = start(data, |_| {}).await;
    let mut package = world.package().await;
    let key = world.place(TOGGLE, 0, 0).await;
    world.place(support::WIDE, 1, 0).await;
    let image = "<svg xmlns='http://www.w3.org/2000/svg' width='150' height='108'><circle cx='75' cy='54' r='40' fill='#c33'/></svg>";
    for (event, payload) in [("changeTitle", json!({"title": "two\nlines"})), ("changeImage", json!({"image": image}))]
    {
        say(&mut package, json!({"event": event, "context": key, "payload": payload})).await;
    }
    let (_driver, browser) = open(&world).await;
    sees(&browser, ".key .face-image[src^='data:image/svg+xml']").await;
    sees(&browser, ".widget-icon[src='/assets/no-picture.svg']").await;
    sees(&browser, ".key .face-icon[src='/assets/no-picture.svg']").await;
    // The image lies over the title, and the name leaves the bar one line high.
    let layers = "const face = document.querySelector('.key .face'); \
        return face.querySelector('.face-title').compareDocumentPosition(face.querySelector('.face-image')) === 4";
    assert_eq!(reads(&browser, layers).await, json!(true));
    let bar = "return [document.querySelector('.top-bar').offsetHeight < 60, document.body.scrollWidth <= innerWidth, \
        !document.querySelector('#package-status').textContent.includes('\\u202e')]";
    assert_eq!(reads(&browser, bar).await, json!([true, true, true]));
    clicks(&browser, &format!(".key[data-context='{key}']")).await;
    sees(&browser, "#title-field").await;
    assert_eq!(reads(&browser, "return document.querySelector('#title-field').value").await, json!("two\nlines"));
    keeps(&browser, "foreign-names").await;

    let act = format!("/api/packages/{PACKAGE}/unload");
    world.call("POST", &act, Value::Null).await;
    sees(&browser, ".key[aria-label*='its package is unloaded'] .face[data-inactive='stopped']").await;
    keeps(&browser, "foreign-unloaded").await;
    browser.close().await.unwrap();
}
