//! The deck's page in a real browser: what a user sees of a package before it is installed, how a web package runs, what
//! can be done to one that is there, how the Panel goes into a file and comes back, what is told of a damaged one, and the
//! log in a flood. Every step leaves a picture in `target/screenshots`.

#![cfg(target_os = "linux")]

#[path = "../../../tests/driver.rs"]
mod driver;
#[path = "support/page.rs"]
mod page;
mod support;

use std::fs;
use std::io::Cursor;
use std::path::{Path, PathBuf};
use std::time::Duration;

use fantoccini::key::Key;
use fantoccini::{Client, Locator};
use host_sdk::bundle::{Entry, pack};
use page::{SOON, changes_to, clicks, keeps, misses, open, sees, until};
use serde_json::{Value, json};
use support::{PACKAGE, PATIENT, TOGGLE, World, files, hear, install, say, start, world};

/// The good package after a change of its package file.
fn changed(folder: &Path, name: &str, change: impl FnOnce(&mut Value)) -> PathBuf {
    let mut files = files(PATIENT);
    let mut config: Value = serde_json::from_slice(&files[0].1).unwrap();
    change(&mut config);
    files[0].1 = config.to_string().into_bytes();
    let path = folder.join(format!("{name}.creatorCentral"));
    fs::write(&path, bundle(files)).unwrap();
    path
}

#[tokio::test]
async fn a_user_sees_what_a_package_is_before_it_is_installed() {
    let mut world = world(PATIENT).await;
    let folder = tempfile::tempdir().unwrap();
    let (_driver, browser) = open(&world).await;
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
}

#[tokio::test]
async fn a_user_is_told_of_a_damaged_state_until_the_notice_is_closed() {
    let data = tempfile::tempdir().unwrap();
    install(data.path(), PATIENT);
    fs::write(data.path().join("state.json"), r#"{"version": 2, "instances": [{"cont"#).unwrap();
    fs::write(data.path().join("state.json.last"), "").unwrap();
    let world = start(data, |_| {}).await;
    let (_driver, browser) = open(&world).await;
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
}

#[tokio::test]
async fn the_log_stays_small_in_a_flood_and_can_be_read_afterwards() {
    /// More than the server keeps, and more than a socket may send at once.
    const FLOOD: u32 = 5000;
    /// Lines in the page at most.
    const LINES: u64 = 400;
    let mut world = world(PATIENT).await;
    let mut package = world.package().await;
    let (_driver, browser) = open(&world).await;
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
    until("in peace there are as many lines as may be", async || lines().await >= LINES).await;
    assert_eq!(number("return window.most").await, LINES);

    // Paused, it stands still, and can be searched.
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
    until("one has this number", async || lines().await == 1).await;
    keeps(&browser, "log-searched").await;
    search.clear().await.unwrap();
    browser.find(Locator::Css("#log-pause")).await.unwrap().click().await.unwrap();
    waits_for(".log-lines li", &format!("{{\"n\":{}}}", FLOOD + 50)).await;
    browser.close().await.unwrap();
}

/// The web package of the fixtures, declared for a platform that isn't this one.
fn web_package() -> Vec<(String, Vec<u8>)> {
    let icon = "<svg xmlns='http://www.w3.org/2000/svg' width='75' height='54'><rect width='75' height='54' fill='#1b5e4b'/></svg>";
    let config = json!({
        "Author": "A", "Description": "Counts presses", "Name": "Web counter", "Version": "1.0.0", "UUID": PACKAGE,
        "Icon": "icon.svg", "Runtime": {"win": {"type": "web", "target": "index.html", "MinimumVersion": "10"}},
        "CreatorCentral": {"MinimumVersion": "1.1", "SDKVersion": 2},
        "Widgets": [{"Name": "Count", "Icon": "icon.svg", "UUID": TOGGLE, "States": [{"Image": "icon.svg"}]}]
    });
    let texts = [
        ("PackageConfig.json", config.to_string()),
        ("icon.svg", icon.to_owned()),
        ("index.html", "<!doctype html><script src='main.js'></script>".to_owned()),
        ("main.js", include_str!("fixtures/web/main.js").to_owned()),
        ("lang/en.json", json!({"Name": "Web counter", TOGGLE: {"Name": "Count"}}).to_string()),
    ];
    texts.into_iter().map(|(path, text)| (path.to_owned(), text.into_bytes())).collect()
}

/// Puts it where the deck looks for it; answers its folder.
fn install_web(data: &Path) -> PathBuf {
    let own = data.join("packages").join(PACKAGE);
    for (path, content) in web_package() {
        let path = own.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
    }
    own
}

async fn place_and_press(world: &World, browser: &Client) {
    world.place(TOGGLE, 1, 1).await;
    changes_to(browser, "use").await;
    sees(browser, ".key img[src^='data:image/png']").await;
    clicks(browser, ".key").await;
    sees(browser, ".key[aria-label*='en 1']").await;
}

#[tokio::test]
async fn a_web_package_runs_in_the_page_and_is_loaded_and_unloaded_there() {
    let data = tempfile::tempdir().unwrap();
    let own = install_web(data.path());
    let mut world = start(data, |_| {}).await;
    let folder = tempfile::tempdir().unwrap();
    let (_driver, browser) = open(&world).await;
    sees(&browser, "#package-status [data-status='running']").await;
    place_and_press(&world, &browser).await;
    keeps(&browser, "web-runs").await;

    // A second page takes it over, and gives it back when it goes.
    let first = browser.window().await.unwrap();
    let second = browser.new_window(true).await.unwrap();
    browser.switch_to_window(second.handle).await.unwrap();
    browser.goto(&world.deck.page_url()).await.unwrap();
    sees(&browser, ".web-packages iframe").await;
    sees(&browser, ".key[aria-label*='en 1']").await;
    clicks(&browser, ".key").await;
    sees(&browser, ".key[aria-label*='en 2']").await;
    browser.close_window().await.unwrap();
    browser.switch_to_window(first).await.unwrap();
    sees(&browser, ".web-packages iframe").await;
    sees(&browser, "#package-status [data-status='running']").await;
    clicks(&browser, ".key").await;
    sees(&browser, ".key[aria-label*='en 3']").await;
    changes_to(&browser, "edit").await;

    // By the keyboard alone: the menu, Unload, and Load where it says that it is unloaded.
    browser.execute("document.querySelector('[data-menu]').focus()", vec![]).await.unwrap();
    let types = async |keys: &str| browser.active_element().await.unwrap().send_keys(keys).await.unwrap();
    types(&Key::Enter.to_string()).await;
    sees(&browser, ".package-menu:popover-open button:focus").await;
    keeps(&browser, "menu").await;
    types(&Key::Down.to_string()).await;
    assert_eq!(browser.active_element().await.unwrap().text().await.unwrap(), "Unload");
    types(&Key::Enter.to_string()).await;
    sees(&browser, ".group[data-status='stopped'] .package-note button").await;
    misses(&browser, ".web-packages iframe").await;
    sees(&browser, "[data-menu]:focus").await;
    sees(&browser, ".key").await;
    keeps(&browser, "unloaded").await;
    clicks(&browser, ".package-note button").await;
    sees(&browser, ".group[data-status='running']").await;
    sees(&browser, ".web-packages iframe").await;

    // Reloaded with another script; what it has stored is still there.
    let script = own.join("main.js");
    let text = fs::read_to_string(&script).unwrap();
    fs::write(&script, text.replace("`${language} ", "`new ")).unwrap();
    clicks(&browser, "[data-menu]").await;
    clicks(&browser, ".package-menu:popover-open button:nth-of-type(1)").await;
    sees(&browser, ".key[aria-label*='new 3']").await;
    sees(&browser, "[data-menu]:focus").await;

    // One that hangs is alone with that. What it wrote before is in the log.
    fs::write(&script, "console.log('hung', {up: 1}); const connectCreatorCentral = () => setTimeout(() => { for (;;); }, 300); gone();")
        .unwrap();
    clicks(&browser, "[data-menu]").await;
    clicks(&browser, ".package-menu:popover-open button:nth-of-type(1)").await;
    sees(&browser, ".group[data-status='starting']").await;
    assert_eq!(world.logged("hung").await, "hung {\"up\":1}");
    world.logged("gone is not defined (main.js, line 1)").await;
    tokio::time::timeout(SOON, async {
        clicks(&browser, "#log-button").await;
        sees(&browser, "#log-drawer:not([hidden])").await;
        clicks(&browser, "#log-button").await;
        sees(&browser, "#log-drawer[hidden]").await;
    })
    .await
    .expect("the page goes on");

    clicks(&browser, "[data-menu]").await;
    clicks(&browser, ".package-menu:popover-open button:nth-of-type(4)").await;
    sees(&browser, "#confirm-dialog[open] #keep-settings").await;
    keeps(&browser, "remove").await;
    clicks(&browser, "#confirm-dialog .danger").await;
    misses(&browser, ".web-packages iframe").await;
    misses(&browser, &format!(".group[data-package='{PACKAGE}']")).await;

    // One that has nothing for this system says so.
    let path = folder.path().join("far.creatorCentral");
    let mut files = web_package();
    let config = String::from_utf8(files[0].1.clone()).unwrap();
    files[0].1 = config.replace(r#""type":"web""#, r#""type":"bin""#).replace("index.html", "far.exe").into_bytes();
    files.push(("far.exe".to_owned(), b"MZ".to_vec()));
    fs::write(&path, bundle(files)).unwrap();
    browser.find(Locator::Css("#import-file")).await.unwrap().send_keys(path.to_str().unwrap()).await.unwrap();
    sees(&browser, "#import-dialog[open] [data-rule='here']").await;
    keeps(&browser, "for-another-system").await;
    clicks(&browser, "#import-dialog .primary").await;
    sees(&browser, ".group[data-status='failed'] .package-note").await;
    keeps(&browser, "does-not-run").await;
    browser.close().await.unwrap();
}

#[tokio::test]
async fn a_web_package_reaches_nothing_of_the_deck_and_can_draw() {
    let data = tempfile::tempdir().unwrap();
    let own = install_web(data.path());
    fs::write(own.join("main.js"), include_str!("fixtures/web/attack.js")).unwrap();
    let mut world = start(data, |_| {}).await;
    let (_driver, browser) = open(&world).await;
    let line = world.logged("TRIED ").await;
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
    sees(&browser, "#package-status [data-status='running']").await;
    browser.close().await.unwrap();
}

#[tokio::test]
async fn the_panel_goes_into_a_file_and_comes_back() {
    let world = world(PATIENT).await;
    world.place(TOGGLE, 0, 0).await;
    let (driver, browser) = open(&world).await;
    sees(&browser, ".key").await;
    clicks(&browser, "#panel-export").await;
    sees(&browser, "#confirm-dialog[open] #transfer-ok").await;
    keeps(&browser, "export").await;
    clicks(&browser, "#transfer-ok").await;
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
    sees(&browser, "#confirm-dialog[open] .transfer-report").await;
    let told = browser.find(Locator::Css("#confirm-dialog")).await.unwrap().text().await.unwrap();
    for words in ["Profiles: 1.", "Lights, keys: 1", "Not taken (1)", "not on the Panel"] {
        assert!(told.contains(words), "{words}: {told}");
    }
    keeps(&browser, "import-panel").await;
    clicks(&browser, "#transfer-ok").await;
    sees(&browser, "#profile-strip button:nth-child(2)[aria-current='true']").await;
    keeps(&browser, "panel-imported").await;
    clicks(&browser, ".toast > button:not(.icon-button)").await;
    misses(&browser, "#profile-strip button:nth-child(2)").await;
    browser.close().await.unwrap();
}

fn bundle(files: Vec<(String, Vec<u8>)>) -> Vec<u8> {
    let entries = files.into_iter().map(|(path, content)| Entry { path, content, executable: false }).collect();
    let mut out = Cursor::new(Vec::new());
    pack(&mut out, PACKAGE, entries).unwrap();
    out.into_inner()
}

#[test]
fn a_web_package_is_tried_without_a_page_that_somebody_sees() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("web.creatorCentral");
    fs::write(&file, bundle(web_package())).unwrap();
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
    // Where there is no browser, it says so.
    let validated = deck().args(["validate", "--json"]).arg(&file).env("PATH", "").output().unwrap();
    let report: Value = serde_json::from_slice(&validated.stdout).unwrap();
    assert!(report["smokeRun"]["skipped"].as_str().unwrap().contains("--browser"), "{report}");
}
