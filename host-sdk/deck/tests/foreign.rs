//! Packages like those of other authors, in the deck's page in a real browser: property views that fill their fields
//! late, pages whose scripts fail, keys with every layer, odd names and pictures. Screenshots are in
//! `target/screenshots`.

#![cfg(target_os = "linux")]

#[path = "../../../tests/driver.rs"]
mod driver;
#[path = "support/page.rs"]
mod page;
mod support;

use std::fs;
use std::path::PathBuf;

use creator_deck::validate::{SmokeTimeouts, validate};
use fantoccini::Locator;
use fantoccini::key::Key;
use page::{click, eval, open, screenshot, wait_for, wait_until};
use serde_json::{Value, json};
use support::{PACKAGE, PATIENT, TOGGLE, World, files, install, install_files, pack_files, send, start, web_package};

const ICON: &str = "<svg xmlns='http://www.w3.org/2000/svg' width='75' height='54'><rect width='75' height='54' fill='#1b5e4b'/></svg>";

/// Returns the package as the API shows it.
async fn package_view(world: &World) -> Value {
    world.state().await["packages"][0].clone()
}

#[tokio::test]
async fn late_property_view_loses_no_setting() {
    let data = tempfile::tempdir().unwrap();
    install(data.path(), PATIENT);
    let view = data.path().join("packages").join(PACKAGE).join("pages/property.html");
    fs::write(view, include_str!("fixtures/view.html")).unwrap();
    let mut world = start(data, |_| {}).await;
    let mut package = world.connect_package().await;
    let context = world.place(TOGGLE, 0, 0).await;
    let settings = json!({"makerKey": "k", "eventName": "first"});
    send(&mut package, json!({"event": "setWidgetSettings", "context": context, "payload": settings})).await;
    let path = format!("/api/instances/{context}");
    wait_until("the settings are stored", async || {
        world.call("GET", &path, Value::Null).await.1["settings"] == settings
    })
    .await;

    let (_driver, browser) = open(&world).await;
    click(&browser, ".key").await;
    wait_for(&browser, "#property-frame").await;
    browser.find(Locator::Css("#property-frame")).await.unwrap().enter_frame().await.unwrap();
    wait_for(&browser, "body[data-filled='1']").await;
    let event = browser.find(Locator::Css("#event-name")).await.unwrap();
    assert_eq!(event.prop("value").await.unwrap().as_deref(), Some("first"));
    event.send_keys(&format!(" second{}", Key::Enter)).await.unwrap();
    let stored = json!({"makerKey": "k", "eventName": "first second"});
    wait_until("both are stored", async || world.call("GET", &path, Value::Null).await.1["settings"] == stored).await;

    // Errors in it are reported with the package.
    let line = world.wait_for_log("A script failed: ").await;
    assert!(line.contains("null") && line.contains("(property.html, line "), "{line}");
    let message = package_view(&world).await["message"].clone();
    assert!(message.as_str().unwrap().contains("A script of one of its pages failed: "), "{message}");
    browser.close().await.unwrap();
}

#[tokio::test]
async fn late_web_package_starts_and_its_errors_are_logged() {
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
    wait_for(&browser, "#package-status [data-status='running']").await;
    world.place(TOGGLE, 1, 1).await;
    wait_for(&browser, ".key[aria-label*='en 0'] .face-image[src^='data:image/png']").await;
    world.wait_for_log("A script failed: It can't be loaded: gone.js").await;
    world.wait_for_log("A script failed: A promise was rejected: TypeError: unheard of").await;
    let message = package_view(&world).await["message"].as_str().unwrap_or_default().to_owned();
    assert!(message.contains("unheard of"), "{message}");
    browser.close().await.unwrap();
}

/// Returns the validator's findings of a run: severity, rule and place, and the message.
async fn run_findings(files: Vec<(String, Vec<u8>)>) -> Vec<(String, String)> {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("test.creatorCentral");
    fs::write(&file, pack_files(files)).unwrap();
    let report = validate(&file, Some(SmokeTimeouts::default()), None).await.unwrap();
    let of_run = report.findings.iter().filter(|finding| finding.rule.starts_with("run-"));
    of_run.map(|f| (format!("{} {} {}", f.severity.name(), f.rule, f.place()), f.message.clone())).collect()
}

#[tokio::test]
async fn failing_script_fails_the_smoke_run() {
    let web = web_package(|script| format!("{script}\nsetTimeout(() => gone(), 50);"));
    let found = run_findings(web).await;
    assert_eq!((found.len(), found[0].0.as_str()), (1, "error run-error the package"), "{found:?}");
    assert!(found[0].1.contains("gone is not defined"), "{found:?}");

    // A program's property view is loaded for the run. Its settings page never registers.
    let mut views = files(PATIENT);
    for (path, content) in &mut views {
        match path.as_str() {
            "pages/property.html" => *content = include_bytes!("fixtures/view.html").to_vec(),
            "run" => *content = fs::read(behaving()).unwrap(),
            _ => {}
        }
    }
    views.push(("behaviour".to_owned(), b"good".to_vec()));
    let found = run_findings(views).await;
    let rules: Vec<&str> = found.iter().map(|(place, _)| place.as_str()).collect();
    assert_eq!(rules, ["error run-error the package", "warning run-view SettingsPath"], "{found:?}");
}

/// The program of the fixtures that is a whole package.
fn behaving() -> PathBuf {
    let test = std::env::current_exe().unwrap();
    test.ancestors().nth(2).unwrap().join("examples/behaving")
}

#[tokio::test]
async fn odd_names_and_pictures_do_not_break_the_page() {
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
    let mut package = world.connect_package().await;
    let key = world.place(TOGGLE, 0, 0).await;
    world.place(support::WIDE, 1, 0).await;
    let image = "<svg xmlns='http://www.w3.org/2000/svg' width='150' height='108'><circle cx='75' cy='54' r='40' fill='#c33'/></svg>";
    for (event, payload) in [("changeTitle", json!({"title": "two\nlines"})), ("changeImage", json!({"image": image}))]
    {
        send(&mut package, json!({"event": event, "context": key, "payload": payload})).await;
    }
    let (_driver, browser) = open(&world).await;
    wait_for(&browser, ".key .face-image[src^='data:image/svg+xml']").await;
    wait_for(&browser, ".widget-icon[src='/assets/no-picture.svg']").await;
    wait_for(&browser, ".key .face-icon[src='/assets/no-picture.svg']").await;
    // The image is drawn over the title, and the long name doesn't make the bar higher.
    let layers = "const face = document.querySelector('.key .face'); \
        return face.querySelector('.face-title').compareDocumentPosition(face.querySelector('.face-image')) === 4";
    assert_eq!(eval(&browser, layers).await, json!(true));
    let bar = "return [document.querySelector('.top-bar').offsetHeight < 60, document.body.scrollWidth <= innerWidth, \
        !document.querySelector('#package-status').textContent.includes('\\u202e')]";
    assert_eq!(eval(&browser, bar).await, json!([true, true, true]));
    click(&browser, &format!(".key[data-context='{key}']")).await;
    wait_for(&browser, "#title-field").await;
    assert_eq!(eval(&browser, "return document.querySelector('#title-field').value").await, json!("two\nlines"));
    screenshot(&browser, "foreign-names").await;

    let act = format!("/api/packages/{PACKAGE}/unload");
    world.call("POST", &act, Value::Null).await;
    wait_for(&browser, ".key[aria-label*='its package is unloaded'] .face[data-inactive='stopped']").await;
    screenshot(&browser, "foreign-unloaded").await;
    browser.close().await.unwrap();
}
