//! What a user sees of a package in a real browser: what it is before it is installed, and what it says afterwards. Every
//! step leaves a picture in `target/screenshots`.

#![cfg(target_os = "linux")]

mod support;

use std::fs;
use std::io::Cursor;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use fantoccini::key::Key;
use fantoccini::wd::Capabilities;
use fantoccini::{Client, ClientBuilder, Locator};
use host_sdk::bundle::{Entry, pack};
use hyper_util::client::legacy::connect::HttpConnector;
use serde_json::{Value, json};
use support::{PACKAGE, PATIENT, files, hear, install, say, start, world};
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::{Child, Command};

const SOON: Duration = Duration::from_secs(30);

/// A ChromeDriver on a port of its own, and a browser of it.
async fn browser(profile: &Path) -> (Child, Client) {
    let mut driver = Command::new("chromedriver")
        .arg("--port=0")
        .env("HOME", profile)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .kill_on_drop(true)
        .spawn()
        .expect("chromedriver; `cargo xtask test` installs it");
    let mut lines = BufReader::new(driver.stdout.take().unwrap()).lines();
    let port: u16 = loop {
        let line = lines.next_line().await.unwrap().expect("chromedriver says its port");
        if let Some((_, port)) = line.split_once("started successfully on port ") {
            break port.trim_end_matches('.').parse().unwrap();
        }
    };
    tokio::spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });
    let data = format!("--user-data-dir={}", profile.join("profile").display());
    let args =
        ["--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--window-size=1280,900", &data];
    let capabilities = Capabilities::from_iter([("goog:chromeOptions".to_owned(), json!({"args": args}))]);
    let browser = ClientBuilder::new(HttpConnector::new())
        .capabilities(capabilities)
        .connect(&format!("http://127.0.0.1:{port}"))
        .await
        .expect("the browser starts");
    (driver, browser)
}

async fn sees(browser: &Client, css: &str) {
    let found = browser.wait().at_most(SOON).every(Duration::from_millis(50)).for_element(Locator::Css(css)).await;
    found.unwrap_or_else(|error| panic!("there is no {css} on the page: {error}"));
}

async fn keeps(browser: &Client, name: &str) {
    let test = std::env::current_exe().unwrap();
    let folder = test.ancestors().nth(3).unwrap().join("screenshots");
    fs::create_dir_all(&folder).unwrap();
    fs::write(folder.join(format!("{name}.png")), browser.screenshot().await.unwrap()).unwrap();
}

/// The good package after a change of its package file.
fn changed(folder: &Path, name: &str, change: impl FnOnce(&mut Value)) -> PathBuf {
    let mut files = files(PATIENT);
    let mut config: Value = serde_json::from_slice(&files[0].1).unwrap();
    change(&mut config);
    files[0].1 = config.to_string().into_bytes();
    let entries = files.into_iter().map(|(path, content)| Entry { path, content, executable: false }).collect();
    let mut out = Cursor::new(Vec::new());
    pack(&mut out, PACKAGE, entries).unwrap();
    let path = folder.join(format!("{name}.creatorCentral"));
    fs::write(&path, out.into_inner()).unwrap();
    path
}

#[tokio::test]
async fn a_user_sees_what_a_package_is_before_it_is_installed() {
    let mut world = world(PATIENT).await;
    let folder = tempfile::tempdir().unwrap();
    let (mut driver, browser) = browser(folder.path()).await;
    browser.goto(&world.deck.page_url()).await.unwrap();
    sees(&browser, "#package-status [data-package]").await;
    let choose = async |path: &Path| {
        let input = browser.find(Locator::Css("#import-file")).await.unwrap();
        input.send_keys(path.to_str().unwrap()).await.unwrap();
        sees(&browser, "#import-dialog[open]").await;
        browser.find(Locator::Css("#import-dialog")).await.unwrap().text().await.unwrap()
    };

    // With faults: told, and left alone by Escape.
    let faulty = changed(folder.path(), "faulty", |config| {
        config["Version"] = json!("2.0.0");
        config["Widgets"][1]["Layouts"][0]["Width"] = json!(9);
        config["Description"] = json!("<img src=x onerror=alert(1)>");
    });
    let told = choose(&faulty).await;
    for words in [
        "Install Test?",
        "Version 2.0.0 by A",
        "Replaces version 1.0.0",
        "Errors (",
        "Widgets[1].Layouts[0]",
        "<img src=x",
    ] {
        assert!(told.contains(words), "{words}: {told}");
    }
    let focused = browser.active_element().await.unwrap();
    assert_eq!(focused.text().await.unwrap(), "Cancel", "the keyboard begins where nothing happens");
    keeps(&browser, "import-faulty").await;
    focused.send_keys(&Key::Escape.to_string()).await.unwrap();
    sees(&browser, "#import-dialog:not([open])").await;

    // Refused: there is nothing to press but Close.
    let harmful = changed(folder.path(), "harmful", |config| config["Icon"] = json!("../../icon.svg"));
    let told = choose(&harmful).await;
    assert!(told.contains("can not be installed") && told.contains("Refused (1)"), "{told}");
    keeps(&browser, "import-refused").await;
    let buttons = browser.find_all(Locator::Css("#import-dialog button")).await.unwrap();
    assert_eq!((buttons.len(), buttons[0].text().await.unwrap().as_str()), (1, "Close"));
    buttons[0].click().await.unwrap();
    sees(&browser, "#import-dialog:not([open])").await;
    let (_, state) = world.call("GET", "/api/state", Value::Null).await;
    assert_eq!(state["packages"][0]["version"], "1.0.0", "nothing was installed so far");

    // An update, dropped on the page: asked for, and installed.
    let update = changed(folder.path(), "update", |config| config["Version"] = json!("1.5.0"));
    let bytes = json!(fs::read(&update).unwrap());
    let drop = "const data = new DataTransfer(); \
        data.items.add(new File([new Uint8Array(arguments[0])], 'update.creatorCentral')); \
        window.dispatchEvent(new DragEvent('drop', {dataTransfer: data, cancelable: true}));";
    browser.execute(drop, vec![bytes]).await.unwrap();
    sees(&browser, "#import-dialog[open] .primary").await;
    keeps(&browser, "import-update").await;
    browser.find(Locator::Css("#import-dialog .primary")).await.unwrap().click().await.unwrap();
    world.logged("Version 1.5.0 is installed").await;
    browser.close().await.unwrap();
    driver.kill().await.unwrap();
}

#[tokio::test]
async fn a_user_is_told_of_a_damaged_state_until_the_notice_is_closed() {
    let data = tempfile::tempdir().unwrap();
    install(data.path(), PATIENT);
    fs::write(data.path().join("state.json"), r#"{"version": 2, "instances": [{"cont"#).unwrap();
    fs::write(data.path().join("state.json.last"), "").unwrap();
    let world = start(data, |_| {}).await;
    let folder = tempfile::tempdir().unwrap();
    let (mut driver, browser) = browser(folder.path()).await;
    browser.goto(&world.deck.page_url()).await.unwrap();
    sees(&browser, "#notice:not([hidden])").await;
    let notice = browser.find(Locator::Css("#notice")).await.unwrap();
    let told = notice.text().await.unwrap();
    for words in ["The saved Panel can't be read", "state.json.damaged.", "state.json.damaged-2", "The Panel is empty"]
    {
        assert!(told.contains(words), "{words}: {told}");
    }
    keeps(&browser, "state-damaged").await;
    browser.find(Locator::Css("#notice button")).await.unwrap().click().await.unwrap();
    sees(&browser, "#notice[hidden]").await;
    browser.refresh().await.unwrap();
    sees(&browser, "#package-status [data-package]").await;
    sees(&browser, "#notice[hidden]").await;
    browser.close().await.unwrap();
    driver.kill().await.unwrap();
}

#[tokio::test]
async fn the_log_stays_small_in_a_flood_and_can_be_read_afterwards() {
    /// More than the server keeps, and more than a socket may send at once.
    const FLOOD: u32 = 5000;
    /// Lines in the page at most.
    const LINES: u64 = 400;
    let mut world = world(PATIENT).await;
    let mut package = world.package().await;
    let folder = tempfile::tempdir().unwrap();
    let (mut driver, browser) = browser(folder.path()).await;
    browser.goto(&world.deck.page_url()).await.unwrap();
    sees(&browser, "#package-status [data-package]").await;
    browser.find(Locator::Css("#log-button")).await.unwrap().click().await.unwrap();
    sees(&browser, ".log-lines li").await;
    let watch = "window.most = 0; new MutationObserver(() => {
        window.most = Math.max(window.most, document.querySelectorAll('.log-lines li').length);
      }).observe(document.querySelector('.log-lines'), {childList: true});";
    browser.execute(watch, Vec::new()).await.unwrap();
    let number = async |script: &str| browser.execute(script, Vec::new()).await.unwrap().as_u64().unwrap_or_default();
    let lines = async || number("return document.querySelectorAll('.log-lines li').length").await;
    let waits_for = async |selector: &str, words: &str| {
        let read = "return [...document.querySelectorAll(arguments[0])].at(-1)?.textContent ?? ''";
        let start = std::time::Instant::now();
        loop {
            let text = browser.execute(read, vec![json!(selector)]).await.unwrap();
            if text.as_str().is_some_and(|text| text.contains(words)) {
                return;
            }
            assert!(start.elapsed() < SOON, "{selector} says {words:?}: {text}");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    let mut flood = async |numbers: std::ops::RangeInclusive<u32>| {
        let last = *numbers.end();
        let mut heard = 0;
        for n in numbers {
            say(&mut package, json!({"event": "setPackageSettings", "payload": {"n": n}})).await;
            // What is answered is taken, as a package does.
            while n - heard > 100 {
                heard = u32::try_from(hear(&mut package).await["payload"]["n"].as_u64().unwrap_or_default()).unwrap();
            }
        }
        while heard < last {
            heard = u32::try_from(hear(&mut package).await["payload"]["n"].as_u64().unwrap_or_default()).unwrap();
        }
    };
    flood(1..=FLOOD).await;
    waits_for(".log-lines li", &format!("{{\"n\":{FLOOD}}}")).await;
    keeps(&browser, "log-flood").await;
    let start = std::time::Instant::now();
    while lines().await < LINES {
        assert!(start.elapsed() < SOON, "in peace there are as many lines as may be");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert_eq!(number("return window.most").await, LINES);

    // Paused, it stands still, and can be searched.
    browser.find(Locator::Css("#log-pause")).await.unwrap().click().await.unwrap();
    flood(FLOOD + 1..=FLOOD + 50).await;
    waits_for(".log-missed", "100").await;
    waits_for(".log-lines li", &format!("{{\"n\":{FLOOD}}}")).await;
    let event = browser.find(Locator::Css("#log-event")).await.unwrap();
    event.select_by_value("setPackageSettings").await.unwrap();
    let asked = "return [...document.querySelectorAll('.log-event')].filter((e) => e.textContent !== 'setPackageSettings').length";
    assert_eq!((lines().await, number(asked).await), (LINES, 0), "of older ones there are enough");
    let search = browser.find(Locator::Css("#log-search")).await.unwrap();
    search.send_keys(&format!("\"n\":{}}}", FLOOD - 700)).await.unwrap();
    let start = std::time::Instant::now();
    while lines().await != 1 {
        assert!(start.elapsed() < SOON, "one has this number");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    keeps(&browser, "log-searched").await;
    search.clear().await.unwrap();
    browser.find(Locator::Css("#log-pause")).await.unwrap().click().await.unwrap();
    waits_for(".log-lines li", &format!("{{\"n\":{}}}", FLOOD + 50)).await;
    browser.close().await.unwrap();
    driver.kill().await.unwrap();
}
