//! What a user sees of a package before it is installed, in a real browser. Every step leaves a picture in
//! `target/screenshots`.

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
use support::{PACKAGE, PATIENT, files, world};
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
    fs::write(folder.join(format!("import-{name}.png")), browser.screenshot().await.unwrap()).unwrap();
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
    keeps(&browser, "faulty").await;
    focused.send_keys(&Key::Escape.to_string()).await.unwrap();
    sees(&browser, "#import-dialog:not([open])").await;

    // Refused: there is nothing to press but Close.
    let harmful = changed(folder.path(), "harmful", |config| config["Icon"] = json!("../../icon.svg"));
    let told = choose(&harmful).await;
    assert!(told.contains("can not be installed") && told.contains("Refused (1)"), "{told}");
    keeps(&browser, "refused").await;
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
    keeps(&browser, "update").await;
    browser.find(Locator::Css("#import-dialog .primary")).await.unwrap().click().await.unwrap();
    world.logged("Version 1.5.0 is installed").await;
    browser.close().await.unwrap();
    driver.kill().await.unwrap();
}
