//! The deck's page in a real browser: the description of a package before it is installed, web packages and what the
//! user can do to them, export and import of the Panel, the notice of a damaged state, and the log in a flood.
//! Screenshots are in `target/screenshots`.

#![cfg(target_os = "linux")]

#[path = "../../../tests/driver.rs"]
mod driver;
#[path = "support/page.rs"]
mod page;
mod support;

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use fantoccini::key::Key;
use fantoccini::{Client, Locator};
use page::{SOON, click, open, screenshot, switch_mode, wait_for, wait_until, wait_until_gone};
use serde_json::{Value, json};
use support::{
    PACKAGE, PATIENT, TOGGLE, World, files, install, install_files, pack_files, receive, send, start, web_package,
    world,
};

/// Packs the good package after a change of its package file.
fn pack_changed(folder: &Path, name: &str, change: impl FnOnce(&mut Value)) -> PathBuf {
    let mut files = files(PATIENT);
    let mut config: Value = serde_json::from_slice(&files[0].1).unwrap();
    change(&mut config);
    files[0].1 = config.to_string().into_bytes();
    let path = folder.join(format!("{name}.creatorCentral"));
    fs::write(&path, pack_files(files)).unwrap();
    path
}

#[tokio::test]
async fn import_dialog_describes_the_package() {
    let mut world = world(PATIENT).await;
    let folder = tempfile::tempdir().unwrap();
    let (_driver, browser) = open(&world).await;
    wait_for(&browser, "#package-status [data-package]").await;
    let choose = async |path: &Path| {
        let input = browser.find(Locator::Css("#import-file")).await.unwrap();
        input.send_keys(path.to_str().unwrap()).await.unwrap();
        wait_for(&browser, "#import-dialog[open]").await;
        browser.find(Locator::Css("#import-dialog")).await.unwrap().text().await.unwrap()
    };

    // With errors: they are listed, and Escape cancels.
    let faulty = pack_changed(folder.path(), "faulty", |config| {
        config["Version"] = json!("2.0.0");
        config["Widgets"][1]["Layouts"][0]["Width"] = json!(9);
        config["Description"] = json!("<img src=x onerror=alert(1)>");
    });
    let text = choose(&faulty).await;
    for words in [
        "Install Test?",
        "Version 2.0.0 by A",
        "Replaces version 1.0.0",
        "Errors (",
        "Widgets[1].Layouts[0]",
        "<img src=x",
    ] {
        assert!(text.contains(words), "{words}: {text}");
    }
    let focused = browser.active_element().await.unwrap();
    assert_eq!(focused.text().await.unwrap(), "Cancel", "the keyboard begins where nothing happens");
    screenshot(&browser, "faulty").await;
    focused.send_keys(&Key::Escape.to_string()).await.unwrap();
    wait_for(&browser, "#import-dialog:not([open])").await;

    // Refused: the only button is Close.
    let harmful = pack_changed(folder.path(), "harmful", |config| config["Icon"] = json!("../../icon.svg"));
    let text = choose(&harmful).await;
    assert!(text.contains("can not be installed") && text.contains("Refused (1)"), "{text}");
    screenshot(&browser, "refused").await;
    let buttons = browser.find_all(Locator::Css("#import-dialog button")).await.unwrap();
    assert_eq!((buttons.len(), buttons[0].text().await.unwrap().as_str()), (1, "Close"));
    buttons[0].click().await.unwrap();
    wait_for(&browser, "#import-dialog:not([open])").await;
    let (_, state) = world.call("GET", "/api/state", Value::Null).await;
    assert_eq!(state["packages"][0]["version"], "1.0.0", "nothing was installed so far");

    // An update, dropped on the page: confirmed and installed.
    let update = pack_changed(folder.path(), "update", |config| config["Version"] = json!("1.5.0"));
    let bytes = json!(fs::read(&update).unwrap());
    let drop = "const data = new DataTransfer(); \
        data.items.add(new File([new Uint8Array(arguments[0])], 'update.creatorCentral')); \
        window.dispatchEvent(new DragEvent('drop', {dataTransfer: data, cancelable: true}));";
    browser.execute(drop, vec![bytes]).await.unwrap();
    wait_for(&browser, "#import-dialog[open] .primary").await;
    screenshot(&browser, "update").await;
    browser.find(Locator::Css("#import-dialog .primary")).await.unwrap().click().await.unwrap();
    world.wait_for_log("Version 1.5.0 is installed").await;
    browser.close().await.unwrap();
}

#[tokio::test]
async fn damaged_state_is_shown_until_the_notice_is_closed() {
    let data = tempfile::tempdir().unwrap();
    install(data.path(), PATIENT);
    fs::write(data.path().join("state.json"), r#"{"version": 2, "instances": [{"cont"#).unwrap();
    fs::write(data.path().join("state.json.last"), "").unwrap();
    let world = start(data, |_| {}).await;
    let (_driver, browser) = open(&world).await;
    wait_for(&browser, "#notice:not([hidden])").await;
    let notice = browser.find(Locator::Css("#notice")).await.unwrap();
    let text = notice.text().await.unwrap();
    for words in ["The saved Panel can't be read", "state.json.damaged.", "state.json.damaged-2", "The Panel is empty"]
    {
        assert!(text.contains(words), "{words}: {text}");
    }
    screenshot(&browser, "state-damaged").await;
    browser.find(Locator::Css("#notice button")).await.unwrap().click().await.unwrap();
    wait_for(&browser, "#notice[hidden]").await;
    browser.refresh().await.unwrap();
    wait_for(&browser, "#package-status [data-package]").await;
    wait_for(&browser, "#notice[hidden]").await;
    browser.close().await.unwrap();
}

#[tokio::test]
async fn log_stays_bounded_and_searchable_in_a_flood() {
    /// More than the server keeps, and more than a socket may send at once.
    const FLOOD: u32 = 5000;
    /// The largest number of lines in the page.
    const LINES: u64 = 400;
    let mut world = world(PATIENT).await;
    let mut package = world.connect_package().await;
    let (_driver, browser) = open(&world).await;
    wait_for(&browser, "#package-status [data-package]").await;
    browser.find(Locator::Css("#log-button")).await.unwrap().click().await.unwrap();
    wait_for(&browser, ".log-lines li").await;
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
        let mut received = 0;
        for n in numbers {
            send(&mut package, json!({"event": "setPackageSettings", "payload": {"n": n}})).await;
            // Reads the answers, as a package does.
            while n - received > 100 {
                received =
                    u32::try_from(receive(&mut package).await["payload"]["n"].as_u64().unwrap_or_default()).unwrap();
            }
        }
        while received < last {
            received = u32::try_from(receive(&mut package).await["payload"]["n"].as_u64().unwrap_or_default()).unwrap();
        }
    };
    flood(1..=FLOOD).await;
    waits_for(".log-lines li", &format!("{{\"n\":{FLOOD}}}")).await;
    screenshot(&browser, "log-flood").await;
    wait_until("it shows as many lines as it may", async || lines().await >= LINES).await;
    assert_eq!(number("return window.most").await, LINES);

    // While paused it doesn't change, and can be searched.
    browser.find(Locator::Css("#log-pause")).await.unwrap().click().await.unwrap();
    flood(FLOOD + 1..=FLOOD + 50).await;
    waits_for(".log-notes", "100").await;
    waits_for(".log-lines li", &format!("{{\"n\":{FLOOD}}}")).await;
    let event = browser.find(Locator::Css("#log-event")).await.unwrap();
    event.select_by_value("setPackageSettings").await.unwrap();
    let asked = "return [...document.querySelectorAll('.log-event')].filter((e) => e.textContent !== 'setPackageSettings').length";
    assert_eq!((lines().await, number(asked).await), (LINES, 0), "of older ones there are enough");
    let search = browser.find(Locator::Css("#log-search")).await.unwrap();
    search.send_keys(&format!("\"n\":{}}}", FLOOD - 700)).await.unwrap();
    wait_until("one has this number", async || lines().await == 1).await;
    screenshot(&browser, "log-searched").await;
    search.clear().await.unwrap();
    browser.find(Locator::Css("#log-pause")).await.unwrap().click().await.unwrap();
    waits_for(".log-lines li", &format!("{{\"n\":{}}}", FLOOD + 50)).await;
    browser.close().await.unwrap();
}

async fn place_and_press(world: &World, browser: &Client) {
    world.place(TOGGLE, 1, 1).await;
    switch_mode(browser, "use").await;
    wait_for(browser, ".key img[src^='data:image/png']").await;
    click(browser, ".key").await;
    wait_for(browser, ".key[aria-label*='en 1']").await;
}

#[tokio::test]
async fn web_package_runs_is_unloaded_and_loaded_in_the_page() {
    let data = tempfile::tempdir().unwrap();
    let own = install_files(data.path(), &web_package(str::to_owned));
    let mut world = start(data, |_| {}).await;
    let folder = tempfile::tempdir().unwrap();
    let (_driver, browser) = open(&world).await;
    wait_for(&browser, "#package-status [data-status='running']").await;
    place_and_press(&world, &browser).await;
    screenshot(&browser, "web-runs").await;

    // A second page takes it over, and returns it when it is closed.
    let first = browser.window().await.unwrap();
    let second = browser.new_window(true).await.unwrap();
    browser.switch_to_window(second.handle).await.unwrap();
    browser.goto(&world.deck.page_url()).await.unwrap();
    wait_for(&browser, ".web-packages iframe").await;
    wait_for(&browser, ".key[aria-label*='en 1']").await;
    click(&browser, ".key").await;
    wait_for(&browser, ".key[aria-label*='en 2']").await;
    browser.close_window().await.unwrap();
    browser.switch_to_window(first).await.unwrap();
    wait_for(&browser, ".web-packages iframe").await;
    wait_for(&browser, "#package-status [data-status='running']").await;
    click(&browser, ".key").await;
    wait_for(&browser, ".key[aria-label*='en 3']").await;
    switch_mode(&browser, "edit").await;

    // By keyboard only: the menu, Unload, and Load in the note of the unloaded package.
    browser.execute("document.querySelector('[data-menu]').focus()", vec![]).await.unwrap();
    let type_keys = async |keys: &str| browser.active_element().await.unwrap().send_keys(keys).await.unwrap();
    type_keys(&Key::Enter.to_string()).await;
    wait_for(&browser, ".package-menu:popover-open button:focus").await;
    screenshot(&browser, "menu").await;
    type_keys(&Key::Down.to_string()).await;
    assert_eq!(browser.active_element().await.unwrap().text().await.unwrap(), "Unload");
    type_keys(&Key::Enter.to_string()).await;
    wait_for(&browser, ".group[data-status='stopped'] .package-note button").await;
    wait_until_gone(&browser, ".web-packages iframe").await;
    wait_for(&browser, "[data-menu]:focus").await;
    wait_for(&browser, ".key").await;
    screenshot(&browser, "unloaded").await;
    click(&browser, ".package-note button").await;
    wait_for(&browser, ".group[data-status='running']").await;
    wait_for(&browser, ".web-packages iframe").await;

    // Reloaded with another script; its stored settings are kept.
    let script = own.join("main.js");
    let text = fs::read_to_string(&script).unwrap();
    fs::write(&script, text.replace("`${language} ", "`new ")).unwrap();
    click(&browser, "[data-menu]").await;
    click(&browser, ".package-menu:popover-open button:nth-of-type(1)").await;
    wait_for(&browser, ".key[aria-label*='new 3']").await;
    wait_for(&browser, "[data-menu]:focus").await;

    // A package that hangs affects no other page. Its earlier output is in the log.
    fs::write(&script, "console.log('hung', {up: 1}); const connectCreatorCentral = () => setTimeout(() => { for (;;); }, 300); gone();")
        .unwrap();
    click(&browser, "[data-menu]").await;
    click(&browser, ".package-menu:popover-open button:nth-of-type(1)").await;
    wait_for(&browser, ".group[data-status='starting']").await;
    assert_eq!(world.wait_for_log("hung").await, "hung {\"up\":1}");
    world.wait_for_log("gone is not defined (main.js, line 1)").await;
    tokio::time::timeout(SOON, async {
        click(&browser, "#log-button").await;
        wait_for(&browser, "#log-drawer:not([hidden])").await;
        click(&browser, "#log-button").await;
        wait_for(&browser, "#log-drawer[hidden]").await;
    })
    .await
    .expect("the page still works");

    click(&browser, "[data-menu]").await;
    click(&browser, ".package-menu:popover-open button:nth-of-type(4)").await;
    wait_for(&browser, "#confirm-dialog[open] #keep-settings").await;
    screenshot(&browser, "remove").await;
    click(&browser, "#confirm-dialog .danger").await;
    wait_until_gone(&browser, ".web-packages iframe").await;
    wait_until_gone(&browser, &format!(".group[data-package='{PACKAGE}']")).await;

    // A package with nothing for this system reports that.
    let path = folder.path().join("far.creatorCentral");
    let mut files = web_package(str::to_owned);
    let config = String::from_utf8(files[0].1.clone()).unwrap();
    files[0].1 = config.replace(r#""type":"web""#, r#""type":"bin""#).replace("index.html", "far.exe").into_bytes();
    files.push(("far.exe".to_owned(), b"MZ".to_vec()));
    fs::write(&path, pack_files(files)).unwrap();
    browser.find(Locator::Css("#import-file")).await.unwrap().send_keys(path.to_str().unwrap()).await.unwrap();
    wait_for(&browser, "#import-dialog[open] [data-rule='here']").await;
    screenshot(&browser, "for-another-system").await;
    click(&browser, "#import-dialog .primary").await;
    wait_for(&browser, ".group[data-status='failed'] .package-note").await;
    screenshot(&browser, "does-not-run").await;
    browser.close().await.unwrap();
}

#[tokio::test]
async fn web_package_is_isolated_from_the_deck_and_can_draw() {
    let data = tempfile::tempdir().unwrap();
    let own = install_files(data.path(), &web_package(str::to_owned));
    fs::write(own.join("main.js"), include_str!("fixtures/web/attack.js")).unwrap();
    let mut world = start(data, |_| {}).await;
    let (_driver, browser) = open(&world).await;
    let line = world.wait_for_log("TRIED ").await;
    let tried: Vec<(String, String)> = serde_json::from_str(line.strip_prefix("TRIED ").unwrap()).unwrap();
    assert_eq!(tried.len(), 11, "{tried:?}");
    for (what, result) in &tried {
        let is_good = match what.as_str() {
            "deck" => format!("{result}/") == world.deck.page_url(),
            "storage" => result == "0",
            "frame" => result == "drawn",
            _ => result.starts_with("refused: "),
        };
        assert!(is_good, "{what}: {result}");
    }
    assert_eq!(browser.current_url().await.unwrap().as_str(), world.deck.page_url());
    wait_for(&browser, "#package-status [data-status='running']").await;
    browser.close().await.unwrap();
}

#[tokio::test]
async fn panel_is_exported_and_imported_in_the_page() {
    let world = world(PATIENT).await;
    world.place(TOGGLE, 0, 0).await;
    let (driver, browser) = open(&world).await;
    wait_for(&browser, ".key").await;
    click(&browser, "#panel-export").await;
    wait_for(&browser, "#confirm-dialog[open] #transfer-ok").await;
    screenshot(&browser, "export").await;
    click(&browser, "#transfer-ok").await;
    let downloads = driver.downloads();
    let begin = std::time::Instant::now();
    let exported = loop {
        let files = fs::read_dir(&downloads).into_iter().flatten().flatten().map(|entry| entry.path());
        if let Some(file) = files.into_iter().find(|path| path.extension().is_some_and(|extension| extension == "json"))
        {
            break file;
        }
        assert!(begin.elapsed() < SOON, "the file is there");
        tokio::time::sleep(Duration::from_millis(50)).await;
    };
    let mut file: Value = serde_json::from_slice(&fs::read(&exported).unwrap()).unwrap();
    let profile = file["profiles"][0]["id"].clone();
    file["instances"].as_array_mut().unwrap().extend([
        json!({"package": "com.example.lights", "widget": "com.example.lights.lamp", "profile": profile, "column": 3}),
        json!({"package": PACKAGE, "widget": TOGGLE, "profile": profile, "column": 9, "row": 0}),
    ]);
    let named = json!([{"uuid": "com.example.lights", "name": "Lights"}]);
    file["packages"].as_array_mut().unwrap().extend(named.as_array().unwrap().clone());
    fs::write(&exported, file.to_string()).unwrap();

    let input = browser.find(Locator::Css("#panel-file")).await.unwrap();
    input.send_keys(exported.to_str().unwrap()).await.unwrap();
    wait_for(&browser, "#confirm-dialog[open] .transfer-report").await;
    let text = browser.find(Locator::Css("#confirm-dialog")).await.unwrap().text().await.unwrap();
    for words in ["Profiles: 1.", "Lights, keys: 1", "Not taken (1)", "not on the Panel"] {
        assert!(text.contains(words), "{words}: {text}");
    }
    screenshot(&browser, "import-panel").await;
    click(&browser, "#transfer-ok").await;
    wait_for(&browser, "#profile-strip button:nth-child(2)[aria-current='true']").await;
    screenshot(&browser, "panel-imported").await;
    click(&browser, ".toast > button:not(.icon-button)").await;
    wait_until_gone(&browser, "#profile-strip button:nth-child(2)").await;
    browser.close().await.unwrap();
}

#[test]
fn web_package_runs_headless_in_script_and_validator() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("web.creatorCentral");
    fs::write(&file, pack_files(web_package(str::to_owned))).unwrap();
    let script = folder.path().join("web.jsonl");
    let steps = [
        json!({"running": {"package": PACKAGE, "within": 30000}}),
        json!({"place": {"widget": TOGGLE, "column": 0, "row": 0, "as": "key"}}),
        json!({"face": {"key": "key", "image": "data:image/png", "title": "en 0"}}),
        json!({"press": "key"}),
        json!({"settings": {"key": "key", "equal": {"count": 1}}}),
    ];
    fs::write(&script, steps.map(|step| step.to_string()).join("\n")).unwrap();
    let deck = || std::process::Command::new(env!("CARGO_BIN_EXE_creator-deck"));
    let ran = deck().arg("--headless").arg("--install").arg(&file).arg("--script").arg(&script).output().unwrap();
    let said = String::from_utf8_lossy(&ran.stdout);
    assert!(ran.status.success(), "{said}{}", String::from_utf8_lossy(&ran.stderr));

    let validated = deck().args(["validate", "--json"]).arg(&file).output().unwrap();
    let report: Value = serde_json::from_slice(&validated.stdout).unwrap();
    assert_eq!((&report["result"], &report["smokeRun"]["done"]), (&json!("pass"), &json!(true)), "{report}");
    // Without a browser it is skipped.
    let validated = deck().args(["validate", "--json"]).arg(&file).env("PATH", "").output().unwrap();
    let report: Value = serde_json::from_slice(&validated.stdout).unwrap();
    assert!(report["smokeRun"]["skipped"].as_str().unwrap().contains("--browser"), "{report}");
}
