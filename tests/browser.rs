//! Tests of a user's steps in a real browser: dragging widgets onto the Panel, linking Spotify in the settings, pressing
//! keys. Every step saves a screenshot in `target/screenshots`.

#![cfg(target_os = "linux")]

mod driver;

use std::path::PathBuf;
use std::time::Duration;

use acceptance::{DeckHome, Launch, TIMEOUT, http_client, screenshots, wait_until};
use driver::{Driver, enter};
use fantoccini::actions::{InputSource as _, MOUSE_BUTTON_LEFT, MouseActions, PointerAction};
use fantoccini::elements::Element;
use fantoccini::key::Key;
use fantoccini::{Client, Locator};
use serde_json::{Value, json};
use spotify_sim::catalogue::{album_uri, playlist_uri, track_uri};
use spotify_sim::{
    BACKUP_CLIENT_ID, BACKUP_CLIENT_SECRET, Config, DEMO_CLIENT_ID, DEMO_CLIENT_SECRET, Fault, Group, Sim,
};

/// The duration of a pointer's move, so that it passes the elements on its way.
const MOVE: Duration = Duration::from_millis(100);

/// A user who controls a browser and saves screenshots.
struct User {
    browser: Client,
    folder: PathBuf,
    /// The prefix of the screenshots' names.
    scenario: &'static str,
    screenshots: u32,
}

impl User {
    async fn new(driver: &Driver, scenario: &'static str) -> Self {
        Self { browser: driver.browser().await, folder: screenshots(), scenario, screenshots: 0 }
    }

    /// Agrees in the new tab, checks its result, and returns to the settings page.
    async fn agree(&mut self) {
        let page = self.browser.window().await.unwrap();
        let consent = self.wait_for_tabs(2).await;
        self.screenshot("linking").await;
        self.browser.switch_to_window(consent).await.unwrap();
        let agree = self.find("#agree").await;
        self.screenshot("consent").await;
        agree.click().await.unwrap();
        self.wait_for_text("body", "Spotify is linked").await;
        self.screenshot("linked-tab").await;
        self.browser.close_window().await.unwrap();
        self.browser.switch_to_window(page).await.unwrap();
        self.find("#settings-frame").await.enter_frame().await.unwrap();
    }

    /// Waits for an element to exist.
    async fn find(&self, css: &str) -> Element {
        let found =
            self.browser.wait().at_most(TIMEOUT).every(Duration::from_millis(50)).for_element(Locator::Css(css)).await;
        match found {
            Ok(element) => element,
            Err(error) => panic!("{css} is not on the page: {error}"),
        }
    }

    /// Waits for an element to be visible.
    async fn wait_until_displayed(&self, css: &str) -> Element {
        let element = self.find(css).await;
        wait_until(&format!("{css} is visible"), async || match element.is_displayed().await {
            Ok(true) => Ok(()),
            other => Err(format!("{other:?}")),
        })
        .await;
        element
    }

    /// Waits until an element's text contains some words. It searches the element each time, because the page can change.
    async fn wait_for_text(&self, css: &str, words: &str) {
        wait_until(&format!("{css} contains {words:?}"), async || {
            let element = self.browser.find(Locator::Css(css)).await.map_err(|error| error.to_string())?;
            let text = element.text().await.map_err(|error| error.to_string())?;
            if text.contains(words) { Ok(()) } else { Err(text) }
        })
        .await;
    }

    /// Waits until there is a number of tabs, and returns the newest.
    async fn wait_for_tabs(&self, count: usize) -> fantoccini::wd::WindowHandle {
        wait_until("a number of tabs", async || {
            let mut tabs = self.browser.windows().await.map_err(|error| error.to_string())?;
            if tabs.len() == count { tabs.pop().ok_or(String::new()) } else { Err(format!("{} tabs", tabs.len())) }
        })
        .await
    }

    /// Switches to one of the page's modes: `edit` or `use`.
    async fn switch_mode(&self, mode: &str) {
        self.find(&format!("#mode-{mode}")).await.click().await.unwrap();
        self.find(&format!("body[data-mode='{mode}']")).await;
    }

    /// Presses a key in the mode `use`, then switches back to `edit`.
    async fn press_key(&self, key: &str) {
        self.find(key).await;
        self.switch_mode("use").await;
        self.find(key).await.click().await.unwrap();
        self.switch_mode("edit").await;
    }

    /// Drags a widget from the list to a free place on the Panel.
    async fn drag_widget(&self, widget: &str, column: u32, row: u32) {
        let from = self.find(&format!(".widget[data-widget='com.spotify-widgets.{widget}']")).await;
        let to = self.find(&format!(".cell[data-column='{column}'][data-row='{row}']")).await;
        let (duration, button) = (Some(MOVE), MOUSE_BUTTON_LEFT);
        let actions = MouseActions::new("mouse".to_owned())
            .then(PointerAction::MoveToElement { element: from, duration, x: 0.0, y: 0.0 })
            .then(PointerAction::Down { button })
            .then(PointerAction::MoveToElement { element: to, duration, x: 0.0, y: 0.0 })
            .then(PointerAction::Up { button });
        self.browser.perform_actions(actions).await.expect("the drag is done");
    }

    /// Presses the mouse button on an element without releasing it.
    async fn hold(&self, element: Element) {
        let actions = MouseActions::new("mouse".to_owned())
            .then(PointerAction::MoveToElement { element, duration: Some(MOVE), x: 0.0, y: 0.0 })
            .then(PointerAction::Down { button: MOUSE_BUTTON_LEFT });
        self.browser.perform_actions(actions).await.expect("it is held");
    }

    /// Waits for the property view of the selected key and enters its frame.
    async fn enter_property_view(&self) {
        self.find("#property-frame").await.enter_frame().await.unwrap();
        self.wait_until_displayed("#settings .label").await;
    }

    /// Moves down in a list by keyboard until an entry with these words is active, and chooses it.
    async fn choose(&self, field: &Element, words: &str) {
        for _ in 0..30 {
            field.send_keys(&Key::Down.to_string()).await.unwrap();
            if self.find(".results .item.active").await.text().await.unwrap().contains(words) {
                field.send_keys(&Key::Enter.to_string()).await.unwrap();
                return;
            }
        }
        panic!("{words} is not in the list");
    }

    /// Returns the picture on a key, or `None` while it is being replaced.
    async fn picture(&self, key: &Element) -> Option<String> {
        key.find(Locator::Css("img.face-image")).await.ok()?.attr("src").await.ok()?
    }

    /// Saves a screenshot of the page.
    async fn screenshot(&mut self, name: &str) {
        self.screenshots += 1;
        let picture = self.browser.screenshot().await.expect("a screenshot");
        std::fs::write(self.folder.join(format!("{}-{:02}-{name}.png", self.scenario, self.screenshots)), picture)
            .expect("it is saved");
    }
}

fn key(widget: &str, label: &str) -> String {
    format!(".key[data-widget-uuid='com.spotify-widgets.{widget}'][aria-label*='{label}']")
}

/// Returns the title of the simulator's current item.
async fn title(spotify: &Sim) -> String {
    let state = http_client().get(format!("{}sim/state", spotify.page_url())).send().await.unwrap();
    let state: Value = serde_json::from_str(&state.text().await.unwrap()).unwrap();
    state["item"]["title"].as_str().expect("something plays").to_owned()
}

#[tokio::test]
async fn new_user_places_keys_links_spotify_and_pauses() {
    let spotify = Sim::start(Config::default()).await.unwrap();
    let home = DeckHome::new();
    let deck = home.start(&spotify).await;
    let driver = Driver::start().await;
    let mut user = User::new(&driver, "first").await;

    enter(&user.browser, deck.page()).await;
    user.find(".widget[data-widget='com.spotify-widgets.playing-now']").await;
    user.screenshot("fresh").await;

    for (widget, column, row) in [("play-pause", 0, 0), ("next", 1, 0), ("playing-now", 0, 1)] {
        user.drag_widget(widget, column, row).await;
        let place = format!("[data-column='{column}'][data-row='{row}']");
        user.find(&(key(widget, "Link Spotify in Settings") + &place)).await;
    }
    user.screenshot("unlinked-keys").await;

    // A press on an unlinked key opens the settings; a click in the mode `edit`, in which a new user starts, doesn't.
    user.find(&key("play-pause", "Link Spotify")).await.click().await.unwrap();
    user.find(&(key("play-pause", "Link Spotify") + "[aria-selected='true']")).await;
    user.find("#settings-dialog:not([open])").await;
    user.switch_mode("use").await;
    user.find(&key("play-pause", "Link Spotify")).await.click().await.unwrap();
    user.find("#settings-dialog[open]").await;
    user.find("#settings-frame").await.enter_frame().await.unwrap();
    // The form is hidden until the package has sent the accounts.
    user.wait_until_displayed("#login").await;
    let redirect = user.wait_until_displayed("#redirect-uri").await.prop("value").await.unwrap();
    assert_eq!(redirect.as_deref(), Some("http://127.0.0.1/callback"));
    user.wait_until_displayed("#copy-redirect").await;
    user.browser.execute("globalThis.sameDocument = true", vec![]).await.unwrap();
    user.screenshot("settings").await;

    let (id, secret) = (user.find("#client-id").await, user.find("#client-secret").await);
    let login = user.find("#login").await;
    assert!(!login.is_enabled().await.unwrap(), "nothing is filled in");
    id.send_keys(DEMO_CLIENT_ID).await.unwrap();
    assert!(!login.is_enabled().await.unwrap(), "the secret is missing");
    secret.send_keys("wrong").await.unwrap();
    assert!(login.is_enabled().await.unwrap());
    login.click().await.unwrap();
    user.wait_for_text("#client-secret-error", "Client Secret").await;
    user.screenshot("wrong-secret").await;
    assert_eq!(user.browser.windows().await.unwrap().len(), 1, "no browser is opened for a wrong secret");

    user.find("#client-secret:enabled").await;
    secret.clear().await.unwrap();
    secret.send_keys(DEMO_CLIENT_SECRET).await.unwrap();
    user.find("#login:enabled").await.click().await.unwrap();
    user.agree().await;
    user.wait_for_text("#account-state", "Linked as").await;
    let same = user.browser.execute("return globalThis.sameDocument === true", vec![]).await.unwrap();
    assert_eq!(same, Value::Bool(true), "the page is not loaded again");
    user.screenshot("linked").await;

    user.browser.enter_parent_frame().await.unwrap();
    user.find("#settings-close").await.click().await.unwrap();
    user.find("#settings-dialog:not([open])").await;
    let play = user.find(&key("play-pause", ", Pause")).await;
    let playing = user.picture(&play).await;
    let title = title(&spotify).await;
    user.find(&key("playing-now", &format!("Playing: {title}"))).await;
    user.screenshot("playing").await;

    play.click().await.unwrap();
    spotify.wait_for_request("PUT", "/v1/me/player/pause", TIMEOUT).await.expect("the press arrives");
    assert!(!spotify.playback().is_playing);
    user.find(&key("play-pause", ", Play")).await;
    // The new picture replaces the old one when it is decoded.
    wait_until("the key changes", async || {
        let now = user.picture(&play).await;
        if now.is_some() && now != playing { Ok(()) } else { Err("the same picture".to_owned()) }
    })
    .await;
    user.screenshot("paused").await;
    user.browser.close().await.unwrap();
}

#[tokio::test]
async fn backup_takes_over_until_all_accounts_are_limited() {
    let spotify = Sim::start(Config::default()).await.unwrap();
    let home = DeckHome::new();
    let deck = home.start(&spotify).await;
    deck.place("com.spotify-widgets.play-pause", 0, 0).await;
    let account = deck.place("com.spotify-widgets.account", 1, 0).await;
    deck.wait_until_shows(&account, "Link Spotify in Settings").await;
    deck.link(&spotify).await;
    let driver = Driver::start().await;
    let mut user = User::new(&driver, "backup").await;
    enter(&user.browser, deck.page()).await;
    user.find(&key("account", "Simone Löwe")).await;
    user.switch_mode("use").await;

    user.find("#settings-button").await.click().await.unwrap();
    user.find("#settings-frame").await.enter_frame().await.unwrap();
    user.wait_for_text("li.account:nth-child(1)", "Primary").await;
    user.wait_for_text("#add-account-hint", "another Premium developer account").await;
    user.wait_until_displayed("#add-account").await.click().await.unwrap();
    user.wait_for_text("li.account.new", "Backup 1").await;
    user.wait_until_displayed("#client-id").await.send_keys(BACKUP_CLIENT_ID).await.unwrap();
    user.find("#client-secret").await.send_keys(BACKUP_CLIENT_SECRET).await.unwrap();
    user.screenshot("new").await;
    user.find("#login:enabled").await.click().await.unwrap();
    user.agree().await;
    user.wait_for_text("#account-state", "Linked as").await;
    user.wait_for_text("li.account:nth-child(2)", "Backup 1\nSimone Löwe").await;
    user.screenshot("both").await;

    // Move the second account up, and down again.
    user.wait_until_displayed("li.account:nth-child(2) .up").await.click().await.unwrap();
    user.wait_for_text("li.account:nth-child(1)", "bac0").await;
    user.wait_until_displayed("li.account:nth-child(1) .down:enabled").await.click().await.unwrap();
    user.wait_for_text("li.account:nth-child(1)", "5107").await;
    user.wait_until_displayed("li.account:nth-child(1) .badge").await;

    // The quota of the primary's developer is used up: the backup sends the next press.
    let day = Duration::from_secs(50_000);
    spotify.exhaust_quota(DEMO_CLIENT_ID, Some(Group::Player), day).unwrap();
    user.browser.enter_parent_frame().await.unwrap();
    user.find("#settings-close").await.click().await.unwrap();
    user.find(&key("play-pause", ", Pause")).await.click().await.unwrap();
    spotify.wait_for(TIMEOUT, |_, playback| !playback.is_playing).await.expect("the press arrives");
    user.find(&key("account", "Backup 1: Primary in 13 h")).await;
    user.find(&key("play-pause", ", Play")).await;
    user.screenshot("backup-serves").await;

    spotify.inject(Fault::throttle(Some(600)).of(BACKUP_CLIENT_ID).times(1));
    user.find(&key("play-pause", ", Play")).await.click().await.unwrap();
    user.find(&key("play-pause", "Spotify asks to wait 9:")).await;
    user.find(&key("account", "All accounts wait: 9:")).await;
    user.screenshot("all-wait").await;
    spotify.clear_requests();
    user.find(&key("play-pause", "Spotify asks to wait")).await.click().await.unwrap();
    user.find("#settings-button").await.click().await.unwrap();
    user.find("#settings-frame").await.enter_frame().await.unwrap();
    user.wait_for_text("li.account:nth-child(1)", "Quota used up until").await;
    user.wait_for_text("li.account:nth-child(2)", "Throttled until").await;
    user.wait_for_text("#no-account", "nothing is sent").await;
    user.screenshot("page-waits").await;
    assert!(spotify.requests().iter().all(|request| request.group.is_none()), "{:?}", spotify.requests());
    user.browser.close().await.unwrap();
}

#[tokio::test]
async fn searched_items_can_be_played_and_liked() {
    let spotify = Sim::start(Config::default()).await.unwrap();
    let home = DeckHome::new();
    let deck = home.start(&spotify).await;
    let now = deck.place("com.spotify-widgets.playing-now", 0, 1).await;
    deck.wait_until_shows(&now, "Link Spotify in Settings").await;
    deck.link(&spotify).await;
    let driver = Driver::start().await;
    let mut user = User::new(&driver, "play").await;
    enter(&user.browser, deck.page()).await;

    // Choose an album by search and keyboard.
    user.drag_widget("play", 0, 0).await;
    user.find(&key("play", "Choose what to play")).await;
    user.enter_property_view().await;
    user.wait_for_text(".results", "Feierabend").await;
    user.screenshot("my-playlists").await;
    user.find("input[value='search']").await.click().await.unwrap();
    let field = user.wait_until_displayed("#setting-item:enabled").await;
    field.send_keys("Postcards").await.unwrap();
    user.wait_for_text(".results", "Postcards").await;
    // The results have to be visible even in a low frame.
    let visible = "return document.querySelector('.results .item').getBoundingClientRect().bottom <= innerHeight";
    wait_until("a result is visible", async || match user.browser.execute(visible, vec![]).await {
        Ok(Value::Bool(true)) => Ok(()),
        other => Err(format!("{other:?}")),
    })
    .await;
    user.screenshot("found").await;
    user.choose(&field, "Album").await;
    user.wait_for_text(".chosen", "Postcards").await;
    user.screenshot("chosen").await;
    user.browser.enter_parent_frame().await.unwrap();
    user.press_key(&key("play", "Play: Postcards")).await;
    let album = Some(album_uri(3));
    let plays = spotify.wait_for(TIMEOUT, move |_, playback| playback.is_playing && playback.context == album).await;
    plays.expect("the album plays");
    user.find(&key("play", "Playing: Postcards")).await;
    user.find(&key("playing-now", &title(&spotify).await)).await;
    user.screenshot("album-plays").await;

    // Choose a playlist by its link.
    user.enter_property_view().await;
    user.wait_until_displayed("#setting-item-change").await.click().await.unwrap();
    let field = user.wait_until_displayed("#setting-item:enabled").await;
    let link = playlist_uri(5).replace("spotify:playlist:", "https://open.spotify.com/playlist/");
    field.send_keys(&format!("{link}?si=0123456789abcdef")).await.unwrap();
    user.wait_for_text(".chosen", "Keys & Coffee").await;

    // Choose what a long press does.
    user.wait_until_displayed(".presses summary").await.click().await.unwrap();
    user.wait_until_displayed("#setting-longPress").await.select_by_value("next").await.unwrap();
    user.wait_for_text(".presses summary", "Next").await;
    user.screenshot("long-press").await;
    user.browser.enter_parent_frame().await.unwrap();
    user.press_key(&key("play", "Play: Keys & Coffee")).await;
    user.find(&key("playing-now", "Grüße aus Köln-Süd")).await;
    spotify.clear_requests();
    user.switch_mode("use").await;
    user.hold(user.find(&key("play", "Playing: Keys & Coffee")).await).await;
    spotify.wait_for_request("POST", "/v1/me/player/next", TIMEOUT).await.expect("the long press arrives");
    user.browser.release_actions().await.unwrap();
    user.switch_mode("edit").await;
    assert_eq!(spotify.playback().item, Some(track_uri(4)));

    user.drag_widget("like", 1, 0).await;
    user.find(".key[aria-selected='true'][data-widget-uuid='com.spotify-widgets.like']").await;
    user.enter_property_view().await;
    user.browser.enter_parent_frame().await.unwrap();
    user.press_key(&key("like", "Like")).await;
    user.find(&key("like", "Liked")).await;
    user.screenshot("liked").await;
    assert_eq!(spotify.library(), [track_uri(4)]);

    // Screenshots of the other kinds of settings.
    for (widget, column) in [("set-volume", 2), ("device", 3), ("now-playing-text", 4)] {
        user.drag_widget(widget, column, 0).await;
        user.find(&format!(".key[aria-selected='true'][data-widget-uuid='com.spotify-widgets.{widget}']")).await;
        user.enter_property_view().await;
        user.wait_for_text("#account-name", "Linked as").await;
        user.screenshot(widget).await;
        user.browser.enter_parent_frame().await.unwrap();
    }
    user.browser.close().await.unwrap();
}

/// The attempts of a package's page to reach the deck and another package. It knows the secrets of the deck's session and of
/// its API, and the address of the other package's page.
const ATTACK: &str = r"
    const [api, token, secret, other, done] = arguments;
    const answers = {};
    const attempt = async (name, what) => {
      try {
        answers[name] = `done: ${await what()}`;
      } catch (error) {
        answers[name] = error.name ?? error.type;
      }
    };
    const opens = (url) => new Promise((open, refused) => {
      const socket = new WebSocket(url);
      socket.onopen = () => open('open');
      socket.onerror = refused;
    });
    const port = /\.\.\.\[(\d+)/.exec(document.documentElement.innerHTML)[1];
    (async () => {
      await attempt('deck page', () => parent.document.title);
      await attempt('other package', () => parent.frames[1].document.body.innerHTML);
      await attempt('other files', () => fetch(other).then((answer) => answer.text()));
      await attempt('api', () => fetch(`${api}api/state`, { headers: { 'X-Deck-Token': token } }));
      await attempt('session', () => fetch(`${api}api/state`, { headers: { 'X-Deck-Session': secret }, credentials: 'include' }));
      await attempt('api unread', () => fetch(`${api}api/packages`, { method: 'POST', mode: 'no-cors', body: 'x' }));
      await attempt('events', () => opens(`${api.replace('http', 'ws')}api/events?token=${token}`));
      await attempt('this machine', () => fetch(`http://127.0.0.1:${port}/probe`, { mode: 'no-cors' }));
      await attempt('picture of this machine', () => new Promise((loaded, failed) => {
        const image = new Image();
        image.onload = loaded;
        image.onerror = () => failed(new TypeError());
        image.src = `http://127.0.0.1:${port}/package/com.example.second/icon.svg`;
      }));
      await attempt('leave', () => { top.location = 'about:blank'; return 'gone'; });
      await attempt('own socket', () => opens(`ws://127.0.0.1:${port}`));
      await attempt('own socket by name', () => opens(`ws://localhost:${port}`));
      await attempt('own files', () => fetch(location.href).then((answer) => answer.status));
      const elsewhere = other.replace(/com-[^.]*/, location.hostname.split('.')[0]);
      await attempt('other files here', () => fetch(elsewhere).then((answer) => answer.status));
      done(answers);
    })();
";

#[tokio::test]
async fn package_page_can_not_reach_deck_or_other_packages() {
    let spotify = Sim::start(Config::default()).await.unwrap();
    let home = DeckHome::new();
    for name in ["first", "second"] {
        let uuid = format!("com.example.{name}");
        let folder = home.data().join("packages").join(&uuid);
        std::fs::create_dir_all(&folder).unwrap();
        let config = json!({
            "Author": "A", "Description": "D", "Name": name, "Version": "1.0.0", "UUID": uuid, "Icon": "icon.svg",
            "SettingsPath": "settings.html",
            "Runtime": {"linux": {"type": "bin", "target": "run.sh", "MinimumVersion": "1"}},
            "CreatorCentral": {"MinimumVersion": "1", "SDKVersion": 2},
            "Widgets": [{"Name": "W", "Icon": "icon.svg", "UUID": format!("{uuid}.w"), "States": [{"Image": "icon.svg"}]}],
        });
        for (file, content) in [
            ("PackageConfig.json", config.to_string()),
            ("icon.svg", "<svg xmlns='http://www.w3.org/2000/svg'/>".to_owned()),
            ("settings.html", "<html><body><p id='page'>settings</p></body></html>".to_owned()),
            ("run.sh", "#!/bin/sh\nread -r end\n".to_owned()),
        ] {
            std::fs::write(folder.join(file), content).unwrap();
        }
    }
    let deck = home.launch(&spotify, Launch { bundles: &[], ..Launch::default() }).await;
    let driver = Driver::start().await;
    let user = User::new(&driver, "attack").await;
    enter(&user.browser, deck.page()).await;
    user.find("#log-button").await;
    let open = r"
        const done = arguments[0];
        import('/assets/view-frame.js').then(async ({ ViewFrame }) => {
          for (const name of ['first', 'second']) {
            await new ViewFrame(document.body, `${name}-frame`).open({ package: `com.example.${name}` }, name);
          }
          done([localStorage.getItem('creator-deck-session'), document.getElementById('second-frame').src]);
        });
    ";
    let known = user.browser.execute_async(open, Vec::new()).await.unwrap();
    user.find("#first-frame").await.enter_frame().await.unwrap();
    user.find("#page").await;
    let arguments = vec![json!(deck.origin()), json!(deck.token()), known[0].clone(), known[1].clone()];
    let answers = user.browser.execute_async(ATTACK, arguments).await.unwrap();
    let expected = json!({
        "deck page": "SecurityError", "other package": "SecurityError", "leave": "SecurityError",
        "other files": "TypeError", "api": "TypeError", "session": "TypeError", "api unread": "TypeError", "events": "error",
        "this machine": "TypeError", "picture of this machine": "TypeError",
        "own socket": "done: open", "own socket by name": "done: open", "own files": "done: 200", "other files here": "done: 404",
    });
    assert_eq!(answers, expected);
    user.browser.close().await.unwrap();
}

/// The package's pages match languages in JavaScript, with the same test cases as `host_sdk`.
#[tokio::test]
async fn page_strings_match_languages_like_the_sdk() {
    const STRINGS: &str = include_str!("../plugin/assets/common/strings.js");
    let cases: Vec<(String, String)> =
        serde_json::from_str(include_str!("../host-sdk/tests/fixtures/languages.json")).unwrap();
    let driver = Driver::start().await;
    let browser = driver.browser().await;
    let script = format!("{STRINGS}\nreturn arguments[0].map((tag) => SpotifyPages.strings.match(tag));");
    let tags: Vec<&str> = cases.iter().map(|(tag, _)| tag.as_str()).collect();
    let chosen = browser.execute(&script, vec![json!(tags)]).await.unwrap();
    let expected: Vec<&str> = cases.iter().map(|(_, language)| language.as_str()).collect();
    assert_eq!(chosen, json!(expected), "for {tags:?}");
    browser.close().await.unwrap();
}
