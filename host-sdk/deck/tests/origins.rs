//! The isolation of the deck's page and of packages' pages, tested in real browsers: from a page of another package,
//! and from a page of the web that the user has open.

#![cfg(target_os = "linux")]

#[path = "../../../tests/driver.rs"]
mod driver;
#[path = "../../../tests/firefox.rs"]
mod firefox;
#[path = "support/page.rs"]
mod page;
mod support;

use std::fs;
use std::path::Path;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::http::HeaderMap;
use axum::response::Html;
use axum::routing::get;
use driver::Driver;
use fantoccini::{Client, Locator};
use firefox::Firefox;
use page::{screenshot, wait_until};
use serde_json::{Value, json};
use support::{PACKAGE, PATIENT, World, http, install, port_of, start, world};

/// The package whose page attacks that of [`PACKAGE`].
const ATTACKER: &str = "com.example.attacker";

/// A browser with one page.
trait Browser {
    async fn goto(&mut self, url: &str);
    /// Loads the deck's page by an address with a key, and waits until the key is exchanged.
    async fn enter(&mut self, url: &str);
    /// Evaluates the body of an async function in the page, or in its frame whose address starts like this.
    async fn eval(&mut self, frame: Option<&str>, body: &str) -> Value;
}

impl Browser for Client {
    async fn goto(&mut self, url: &str) {
        Client::goto(self, url).await.unwrap();
    }

    async fn enter(&mut self, url: &str) {
        driver::enter(self, url).await;
    }

    async fn eval(&mut self, frame: Option<&str>, body: &str) -> Value {
        if let Some(origin) = frame {
            let frame = self.find(Locator::Css(&format!("iframe[src^='{origin}']"))).await.unwrap();
            frame.enter_frame().await.unwrap();
        }
        let script = format!(
            "const done = arguments[0]; (async () => {{ {body} }})().then((value) => done([value ?? null]), (error) => \
             done(String(error)))"
        );
        let answer = self.execute_async(&script, Vec::new()).await.unwrap();
        self.enter_parent_frame().await.unwrap();
        answer.get(0).unwrap_or_else(|| panic!("{body}: {answer}")).clone()
    }
}

impl Browser for Firefox {
    async fn goto(&mut self, url: &str) {
        Firefox::goto(self, url).await;
    }

    async fn enter(&mut self, url: &str) {
        Firefox::goto(self, url).await;
        wait_until("the key is exchanged", async || !self.address().await.contains('?')).await;
    }

    async fn eval(&mut self, frame: Option<&str>, body: &str) -> Value {
        Firefox::eval(self, frame, body).await
    }
}

/// Waits until a script returns true.
async fn wait_until_true(browser: &mut impl Browser, body: &str) {
    wait_until(body, async || browser.eval(None, body).await == true).await;
}

/// Opens the deck's page with a key.
async fn enter_deck(browser: &mut impl Browser, world: &World) {
    browser.enter(&world.deck.entry_url()).await;
    wait_until_true(browser, "return document.querySelector('#package-status [data-package]') !== null").await;
}

/// Stores and listens in every way that browsers offer.
const VICTIM: &str = r"
    document.cookie = 'victim=secret; path=/';
    document.cookie = 'victim-of-all=secret; path=/; domain=localhost';
    localStorage.setItem('victim', 'secret');
    sessionStorage.setItem('victim', 'secret');
    await new Promise((done) => { const request = indexedDB.open('victim'); request.onsuccess = request.onerror = done; });
    await caches.open('victim').catch(() => {});
    await navigator.serviceWorker?.register('worker.js').catch(() => {});
    window.channel = new BroadcastChannel('shared');
    window.received = [];
    channel.onmessage = ({ data }) => received.push(data);
    return [localStorage.getItem('victim'), location.pathname];
";

/// Looks for all of it. `VICTIM` is the address of the victim's page.
const ATTACK: &str = r"
    const tried = async (what) => {
      try {
        return (await what()) ?? null;
      } catch (error) {
        return error.name;
      }
    };
    document.cookie = 'planted=1; path=/';
    document.cookie = 'planted-for-all=1; path=/; domain=localhost';
    new BroadcastChannel('shared').postMessage('from the attacker');
    const frames = parent.frames;
    return {
      cookies: document.cookie.includes('victim'),
      storage: localStorage.length,
      session: sessionStorage.length,
      databases: (await indexedDB.databases()).length,
      caches: await caches.keys().then((keys) => keys.length, () => 0),
      workers: await (navigator.serviceWorker?.getRegistrations().then((all) => all.length, () => 0) ?? 0),
      worker: await tried(() => navigator.serviceWorker.register(VICTIM.replace('settings.html', 'worker.js')).then(() => 'done')),
      deck: await tried(() => top.document.title),
      'deck storage': await tried(() => top.localStorage.length),
      window: await tried(() => frames[0].document.title),
      address: await tried(() => frames[0].location.href),
      files: await tried(() => fetch(VICTIM).then((answer) => answer.text())),
      'files by its path': await tried(() => fetch(new URL(VICTIM).pathname).then((answer) => answer.status)),
    };
";

fn install_attacker(data: &Path) {
    install(data, PATIENT);
    let (own, other) = (data.join("packages").join(PACKAGE), data.join("packages").join(ATTACKER));
    fs::write(own.join("pages/worker.js"), "").unwrap();
    fs::create_dir_all(other.join("pages")).unwrap();
    for file in ["PackageConfig.json", "icon.svg", "on.svg", "pages/property.html", "pages/settings.html"] {
        let text = fs::read_to_string(own.join(file)).unwrap();
        fs::write(other.join(file), text.replace(PACKAGE, ATTACKER)).unwrap();
    }
}

async fn assert_packages_are_isolated(mut browser: impl Browser) {
    let data = tempfile::tempdir().unwrap();
    install_attacker(data.path());
    let world = start(data, |_| {}).await;
    enter_deck(&mut browser, &world).await;
    assert_eq!(browser.eval(None, "return document.cookie").await, "", "scripts can't read the session's cookie");
    let open = format!(
        "const {{ ViewFrame }} = await import('/assets/view-frame.js');
         for (const of of ['{PACKAGE}', '{ATTACKER}']) await new ViewFrame(document.body, of).open({{ package: of }}, of);
         return ['{PACKAGE}', '{ATTACKER}'].map((id) => document.getElementById(id).src);"
    );
    let addresses = browser.eval(None, &open).await;
    let [victim, attacker] = [0, 1].map(|n| addresses[n].as_str().unwrap().to_owned());
    let origin = |url: &str| url.split("/view/").next().unwrap().to_owned();
    wait_until("both pages are there", async || {
        let is_there = "return document.readyState === 'complete' && location.protocol === 'http:'";
        browser.eval(Some(&origin(&victim)), is_there).await == true
            && browser.eval(Some(&origin(&attacker)), is_there).await == true
    })
    .await;

    let stored = browser.eval(Some(&origin(&victim)), VICTIM).await;
    assert_eq!(stored[0], "secret", "a page can store: {stored}");
    let attack = ATTACK.replace("VICTIM", &json!(victim).to_string());
    let found = browser.eval(Some(&origin(&attacker)), &attack).await;
    let refused = |member: &str, allowed: &[&str]| {
        let error = found[member].as_str().unwrap_or_else(|| panic!("{member}: {found}"));
        assert!(allowed.contains(&error), "{member}: {found}");
    };
    assert_eq!(found["cookies"], false, "{found}");
    for empty in ["storage", "session", "databases", "caches", "workers"] {
        assert_eq!(found[empty], 0, "{empty}: {found}");
    }
    refused("worker", &["SecurityError", "TypeError"]);
    for window in ["deck", "deck storage", "window", "address"] {
        refused(window, &["SecurityError"]);
    }
    refused("files", &["TypeError"]);
    assert_eq!(found["files by its path"], 404, "{found}");

    let after =
        "return [received, document.cookie.includes('planted'), localStorage.getItem('victim'), location.pathname]";
    let after = browser.eval(Some(&origin(&victim)), after).await;
    assert_eq!(after, json!([[], false, "secret", stored[1]]), "nothing has reached the victim");
    assert_eq!(browser.eval(None, "return document.cookie").await, "", "nor the deck's page");
}

#[tokio::test]
async fn package_page_reaches_no_other_package_in_chromium() {
    let driver = Driver::start().await;
    assert_packages_are_isolated(driver.browser().await).await;
}

#[tokio::test]
async fn package_page_reaches_no_other_package_in_firefox() {
    assert_packages_are_isolated(Firefox::start().await).await;
}

/// What a page of the web tries against the deck that its user has open. `DECK` is the deck's address, `SOCKET` the
/// package socket's.
const FROM_THE_WEB: &str = r"
    const tried = (what) => what().then((answer) => answer?.type ?? String(answer), (error) => error?.name ?? 'refused');
    const loads = (tag, member, url) => new Promise((loaded, refused) => {
      const element = document.createElement(tag);
      element.onload = () => loaded('loaded');
      element.onerror = () => refused();
      element[member] = url;
      document.body.append(element);
    });
    const opens = (url) => new Promise((open, refused) => {
      const socket = new WebSocket(url);
      socket.onopen = () => open('open');
      socket.onerror = () => refused();
    });
    const posts = (path, text) => {
      const frame = document.createElement('iframe');
      frame.name = path;
      document.body.append(frame);
      const form = document.createElement('form');
      Object.assign(form, { method: 'post', action: DECK + path, target: path, enctype: 'text/plain' });
      const input = document.createElement('input');
      Object.assign(input, { name: text, value: '' });
      form.append(input);
      document.body.append(form);
      return new Promise((done) => { frame.onload = () => done('loaded'); form.submit(); });
    };
    const all = { credentials: 'include' };
    const body = JSON.stringify({ name: 'planted' });
    await posts('api/profiles', JSON.stringify({ name: 'planted' }));
    return {
      page: await tried(() => fetch(DECK, all)),
      api: await tried(() => fetch(`${DECK}api/state`, all)),
      header: await tried(() => fetch(`${DECK}api/state`, { ...all, headers: { 'X-Deck-Session': '0' } })),
      blind: await tried(() => fetch(`${DECK}api/profiles`, { ...all, method: 'POST', mode: 'no-cors', body })),
      picture: await tried(() => loads('img', 'src', `${DECK}assets/logo.svg`)),
      script: await tried(() => loads('script', 'src', `${DECK}assets/store.js`)),
      events: await tried(() => opens(`${DECK.replace('http', 'ws')}api/events`)),
      socket: await tried(() => opens(SOCKET)),
    };
";

/// Serves a page of the web on a port of its own. Returns the port and the cookies that it receives.
async fn web_page() -> (u16, Arc<Mutex<Vec<String>>>) {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let cookies = Arc::<Mutex<Vec<String>>>::default();
    let seen = cookies.clone();
    let page = async move |headers: HeaderMap| {
        let sent = headers.get_all("cookie").iter().filter_map(|cookie| cookie.to_str().ok().map(str::to_owned));
        seen.lock().unwrap().extend(sent);
        Html("<!doctype html><title>Web</title><body></body>")
    };
    let router = Router::new().route("/", get(page));
    tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
    (port, cookies)
}

async fn assert_deck_is_isolated_from_the_web(mut browser: impl Browser) {
    let world = world(PATIENT).await;
    enter_deck(&mut browser, &world).await;
    let before = world.call("GET", "/api/state", Value::Null).await.1;
    let (port, cookies) = web_page().await;
    let attack = FROM_THE_WEB
        .replace("DECK", &json!(world.deck.page_url()).to_string())
        .replace("SOCKET", &json!(format!("ws://127.0.0.1:{}", world.deck.socket_port())).to_string());
    // For a browser the first is the same site as the deck: sites ignore ports.
    for host in ["127.0.0.1", "localhost", "elsewhere.localhost"] {
        browser.goto(&format!("http://{host}:{port}/")).await;
        let found = browser.eval(None, &attack).await;
        for (what, result) in found.as_object().unwrap() {
            assert!(["TypeError", "refused"].contains(&result.as_str().unwrap()), "{host}: {what}: {found}");
        }
    }
    let after = world.call("GET", "/api/state", Value::Null).await.1;
    assert_eq!((&after["deck"], &after["instances"]), (&before["deck"], &before["instances"]), "nothing has changed");

    // The cookies that a program on another port receives aren't enough.
    let deck = port_of(&world.deck.page_url());
    let stolen: Vec<String> = cookies.lock().unwrap().clone();
    for cookie in &stolen {
        let headers = [format!("Host: 127.0.0.1:{deck}"), format!("Cookie: {cookie}")];
        let answer = http(deck, "GET", "/api/state", &headers.each_ref().map(String::as_str), b"").await;
        assert_eq!(answer.status, 401, "{cookie}");
    }
}

#[tokio::test]
async fn web_page_reaches_nothing_in_chromium() {
    let driver = Driver::start().await;
    assert_deck_is_isolated_from_the_web(driver.browser().await).await;
}

#[tokio::test]
async fn web_page_reaches_nothing_in_firefox() {
    assert_deck_is_isolated_from_the_web(Firefox::start().await).await;
}

#[tokio::test]
async fn browser_without_a_session_sees_instructions() {
    let world = world(PATIENT).await;
    let driver = Driver::start().await;
    let mut browser = driver.browser().await;
    Browser::goto(&mut browser, &world.deck.page_url()).await;
    let shown = browser.eval(None, "return document.body.innerText").await;
    assert!(shown.as_str().unwrap().contains("creator-deck open"), "{shown}");
    screenshot(&browser, "locked").await;
    enter_deck(&mut browser, &world).await;
    assert_eq!(
        browser.current_url().await.unwrap().as_str(),
        world.deck.page_url(),
        "the key is gone from the address"
    );
    // A second key in a browser with a session keeps its other pages' session.
    let secret = "return localStorage.getItem('creator-deck-session')";
    let before = browser.eval(None, secret).await;
    enter_deck(&mut browser, &world).await;
    assert_eq!(browser.eval(None, secret).await, before);
    let cookies = browser.get_all_cookies().await.unwrap();
    assert_eq!(cookies.len(), 1);
    assert_eq!((cookies[0].http_only(), cookies[0].same_site().map(|site| site.is_strict())), (Some(true), Some(true)));

    browser.delete_all_cookies().await.unwrap();
    browser.refresh().await.unwrap();
    let shown = browser.eval(None, "return document.body.innerText").await;
    assert!(shown.as_str().unwrap().contains("creator-deck open"), "{shown}");
    browser.close().await.unwrap();
}

#[tokio::test]
async fn browser_that_cannot_resolve_packages_sees_a_hint() {
    let world = world(PATIENT).await;
    let driver = Driver::start().await;
    let mut browser = driver.browser_with(&["--host-resolver-rules=MAP *.localhost ^NOTFOUND"]).await;
    enter_deck(&mut browser, &world).await;
    let open = format!(
        "const {{ ViewFrame }} = await import('/assets/view-frame.js');
         const holder = document.createElement('div');
         await new ViewFrame(holder, 'view').open({{ package: '{PACKAGE}' }}, 'view');
         return holder.textContent;"
    );
    let shown = browser.eval(None, &open).await;
    assert!(shown.as_str().unwrap().contains("Chrome, Edge or Firefox"), "{shown}");
    browser.close().await.unwrap();
}
