//! What a user does, in a real browser: drags widgets onto the Panel, links Spotify in the settings, presses a key. Every
//! step leaves a picture in `target/screenshots`.

#![cfg(target_os = "linux")]

mod driver;

use std::path::PathBuf;
use std::time::Duration;

use acceptance::{DeckHome, Launch, SOON, http_client, screenshots, until};
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

/// How long the pointer takes on its way, so that it passes what lies between.
const MOVE: Duration = Duration::from_millis(100);

/// The user: looks, points, types, and keeps pictures.
struct User {
    browser: Client,
    folder: PathBuf,
    story: &'static str,
    pictures: u32,
}

impl User {
    async fn new(driver: &Driver, story: &'static str) -> Self {
        Self { browser: driver.browser().await, folder: screenshots(), story, pictures: 0 }
    }

    /// Agrees in the tab that has opened, reads how it went, and comes back to where it was.
    async fn agrees(&mut self) {
        let page = self.browser.window().await.unwrap();
        let consent = self.tabs(2).await;
        self.keeps("linking").await;
        self.browser.switch_to_window(consent).await.unwrap();
        let agree = self.sees("#agree").await;
        self.keeps("consent").await;
        agree.click().await.unwrap();
        self.reads("body", "Spotify is linked").await;
        self.keeps("linked-tab").await;
        self.browser.close_window().await.unwrap();
        self.browser.switch_to_window(page).await.unwrap();
        self.sees("#settings-frame").await.enter_frame().await.unwrap();
    }

    /// Waits for an element to be there.
    async fn sees(&self, css: &str) -> Element {
        let found =
            self.browser.wait().at_most(SOON).every(Duration::from_millis(50)).for_element(Locator::Css(css)).await;
        match found {
            Ok(element) => element,
            Err(error) => panic!("there is no {css} on the page: {error}"),
        }
    }

    /// Waits for an element to be there for the eye, too.
    async fn shows(&self, css: &str) -> Element {
        let element = self.sees(css).await;
        until(&format!("{css} is shown"), async || match element.is_displayed().await {
            Ok(true) => Ok(()),
            other => Err(format!("{other:?}")),
        })
        .await;
        element
    }

    /// Waits until an element's text contains some words. Looks for the element again each time: the page may go elsewhere.
    async fn reads(&self, css: &str, words: &str) {
        until(&format!("{css} says {words:?}"), async || {
            let element = self.browser.find(Locator::Css(css)).await.map_err(|error| error.to_string())?;
            let text = element.text().await.map_err(|error| error.to_string())?;
            if text.contains(words) { Ok(()) } else { Err(text) }
        })
        .await;
    }

    /// Waits until there is a number of tabs, and answers the newest.
    async fn tabs(&self, count: usize) -> fantoccini::wd::WindowHandle {
        until("a number of tabs", async || {
            let mut tabs = self.browser.windows().await.map_err(|error| error.to_string())?;
            if tabs.len() == count { tabs.pop().ok_or(String::new()) } else { Err(format!("{} tabs", tabs.len())) }
        })
        .await
    }

    /// Changes to one of the page's modes: `edit` or `use`.
    async fn changes_to(&self, mode: &str) {
        self.sees(&format!("#mode-{mode}")).await.click().await.unwrap();
        self.sees(&format!("body[data-mode='{mode}']")).await;
    }

    /// Presses a key, and goes on editing.
    async fn presses(&self, key: &str) {
        self.sees(key).await;
        self.changes_to("use").await;
        self.sees(key).await.click().await.unwrap();
        self.changes_to("edit").await;
    }

    /// Drags a widget from the list to a free place on the Panel, as a hand does.
    async fn drags(&self, widget: &str, column: u32, row: u32) {
        let from = self.sees(&format!(".widget[data-widget='com.spotify-widgets.{widget}']")).await;
        let to = self.sees(&format!(".cell[data-column='{column}'][data-row='{row}']")).await;
        let (left, button) = (Some(MOVE), MOUSE_BUTTON_LEFT);
        let hand = MouseActions::new("mouse".to_owned())
            .then(PointerAction::MoveToElement { element: from, duration: left, x: 0.0, y: 0.0 })
            .then(PointerAction::Down { button })
            .then(PointerAction::MoveToElement { element: to, duration: left, x: 0.0, y: 0.0 })
            .then(PointerAction::Up { button });
        self.browser.perform_actions(hand).await.expect("the drag is done");
    }

    /// Puts the pointer on something and the finger down, without lifting it.
    async fn holds(&self, what: Element) {
        let hand = MouseActions::new("mouse".to_owned())
            .then(PointerAction::MoveToElement { element: what, duration: Some(MOVE), x: 0.0, y: 0.0 })
            .then(PointerAction::Down { button: MOUSE_BUTTON_LEFT });
        self.browser.perform_actions(hand).await.expect("it is held");
    }

    /// Goes into the property view of the key that is selected, as soon as it is there.
    async fn looks_into_properties(&self) {
        self.sees("#property-frame").await.enter_frame().await.unwrap();
        self.shows("#settings .label").await;
    }

    /// Goes down in a list by the keyboard until something of these words is marked, and takes it.
    async fn chooses(&self, field: &Element, words: &str) {
        for _ in 0..30 {
            field.send_keys(&Key::Down.to_string()).await.unwrap();
            if self.sees(".results .item.active").await.text().await.unwrap().contains(words) {
                field.send_keys(&Key::Enter.to_string()).await.unwrap();
                return;
            }
        }
        panic!("{words} is not in the list");
    }

    /// The picture on a key; none while it is being replaced.
    async fn picture(&self, key: &Element) -> Option<String> {
        key.find(Locator::Css("img.face-image")).await.ok()?.attr("src").await.ok()?
    }

    /// Keeps a picture of the page.
    async fn keeps(&mut self, name: &str) {
        self.pictures += 1;
        let picture = self.browser.screenshot().await.expect("a screenshot");
        std::fs::write(self.folder.join(format!("{}-{:02}-{name}.png", self.story, self.pictures)), picture)
            .expect("it is kept");
    }
}

fn key(widget: &str, label: &str) -> String {
    format!(".key[data-widget-uuid='com.spotify-widgets.{widget}'][aria-label*='{label}']")
}

/// The title of what the simulator plays.
async fn title(spotify: &Sim) -> String {
    let state = http_client().get(format!("{}sim/state", spotify.page_url())).send().await.unwrap();
    let state: Value = serde_json::from_str(&state.text().await.unwrap()).unwrap();
    state["item"]["title"].as_str().expect("something plays").to_owned()
}

#[tokio::test]
async fn from_the_widget_list_to_music_that_pauses() {
    let spotify = Sim::start(Config::default()).await.unwrap();
    let home = DeckHome::new();
    let deck = home.start(&spotify).await;
    let driver = Driver::start().await;
    let mut user = User::new(&driver, "first").await;

    enter(&user.browser, deck.page()).await;
    user.sees(".widget[data-widget='com.spotify-widgets.playing-now']").await;
    user.keeps("fresh").await;

    for (widget, column, row) in [("play-pause", 0, 0), ("next", 1, 0), ("playing-now", 0, 1)] {
        user.drags(widget, column, row).await;
        let there = format!("[data-column='{column}'][data-row='{row}']");
        user.sees(&(key(widget, "Link Spotify in Settings") + &there)).await;
    }
    user.keeps("unlinked-keys").await;

    // A press on a key that can't work yet leads to the settings; a click in Edit, where a new user starts, doesn't.
    user.sees(&key("play-pause", "Link Spotify")).await.click().await.unwrap();
    user.sees(&(key("play-pause", "Link Spotify") + "[aria-selected='true']")).await;
    user.sees("#settings-dialog:not([open])").await;
    user.changes_to("use").await;
    user.sees(&key("play-pause", "Link Spotify")).await.click().await.unwrap();
    user.sees("#settings-dialog[open]").await;
    user.sees("#settings-frame").await.enter_frame().await.unwrap();
    // The form stands hidden in the page until the package has said which accounts there are.
    user.shows("#login").await;
    let redirect = user.shows("#redirect-uri").await.prop("value").await.unwrap();
    assert_eq!(redirect.as_deref(), Some("http://127.0.0.1/callback"));
    user.shows("#copy-redirect").await;
    user.browser.execute("globalThis.sameDocument = true", vec![]).await.unwrap();
    user.keeps("settings").await;

    let (id, secret) = (user.sees("#client-id").await, user.sees("#client-secret").await);
    let login = user.sees("#login").await;
    assert!(!login.is_enabled().await.unwrap(), "nothing is filled in");
    id.send_keys(DEMO_CLIENT_ID).await.unwrap();
    assert!(!login.is_enabled().await.unwrap(), "the secret is missing");
    secret.send_keys("wrong").await.unwrap();
    assert!(login.is_enabled().await.unwrap());
    login.click().await.unwrap();
    user.reads("#client-secret-error", "Client Secret").await;
    user.keeps("wrong-secret").await;
    assert_eq!(user.browser.windows().await.unwrap().len(), 1, "no browser is opened for a wrong secret");

    user.sees("#client-secret:enabled").await;
    secret.clear().await.unwrap();
    secret.send_keys(DEMO_CLIENT_SECRET).await.unwrap();
    user.sees("#login:enabled").await.click().await.unwrap();
    user.agrees().await;
    user.reads("#account-state", "Linked as").await;
    let same = user.browser.execute("return globalThis.sameDocument === true", vec![]).await.unwrap();
    assert_eq!(same, Value::Bool(true), "the page is not loaded again");
    user.keeps("linked").await;

    user.browser.enter_parent_frame().await.unwrap();
    user.sees("#settings-close").await.click().await.unwrap();
    user.sees("#settings-dialog:not([open])").await;
    let play = user.sees(&key("play-pause", ", Pause")).await;
    let playing = user.picture(&play).await;
    let title = title(&spotify).await;
    user.sees(&key("playing-now", &format!("Playing: {title}"))).await;
    user.keeps("playing").await;

    play.click().await.unwrap();
    spotify.wait_for_request("PUT", "/v1/me/player/pause", SOON).await.expect("the press arrives");
    assert!(!spotify.playback().is_playing);
    user.sees(&key("play-pause", ", Play")).await;
    // The picture takes the old one's place when it is decoded.
    until("the key changes", async || {
        let now = user.picture(&play).await;
        if now.is_some() && now != playing { Ok(()) } else { Err("the same picture".to_owned()) }
    })
    .await;
    user.keeps("paused").await;
    user.browser.close().await.unwrap();
}

#[tokio::test]
async fn a_backup_takes_over_and_when_all_are_limited_the_keys_count_down() {
    let spotify = Sim::start(Config::default()).await.unwrap();
    let home = DeckHome::new();
    let deck = home.start(&spotify).await;
    deck.place("com.spotify-widgets.play-pause", 0, 0).await;
    let account = deck.place("com.spotify-widgets.account", 1, 0).await;
    deck.shows(&account, "Link Spotify in Settings").await;
    deck.link(&spotify).await;
    let driver = Driver::start().await;
    let mut user = User::new(&driver, "backup").await;
    enter(&user.browser, deck.page()).await;
    user.sees(&key("account", "Simone Löwe")).await;
    user.changes_to("use").await;

    user.sees("#settings-button").await.click().await.unwrap();
    user.sees("#settings-frame").await.enter_frame().await.unwrap();
    user.reads("li.account:nth-child(1)", "Primary").await;
    user.reads("#add-account-hint", "another Premium developer account").await;
    user.shows("#add-account").await.click().await.unwrap();
    user.reads("li.account.new", "Backup 1").await;
    user.shows("#client-id").await.send_keys(BACKUP_CLIENT_ID).await.unwrap();
    user.sees("#client-secret").await.send_keys(BACKUP_CLIENT_SECRET).await.unwrap();
    user.keeps("new").await;
    user.sees("#login:enabled").await.click().await.unwrap();
    user.agrees().await;
    user.reads("#account-state", "Linked as").await;
    user.reads("li.account:nth-child(2)", "Backup 1\nSimone Löwe").await;
    user.keeps("both").await;

    // The second one first, and back again.
    user.shows("li.account:nth-child(2) .up").await.click().await.unwrap();
    user.reads("li.account:nth-child(1)", "bac0").await;
    user.shows("li.account:nth-child(1) .down:enabled").await.click().await.unwrap();
    user.reads("li.account:nth-child(1)", "5107").await;
    user.shows("li.account:nth-child(1) .badge").await;

    // Spotify's day is over for the primary's developer: the next press goes through all the same.
    let day = Duration::from_secs(50_000);
    spotify.exhaust_quota(DEMO_CLIENT_ID, Some(Group::Player), day).unwrap();
    user.browser.enter_parent_frame().await.unwrap();
    user.sees("#settings-close").await.click().await.unwrap();
    user.sees(&key("play-pause", ", Pause")).await.click().await.unwrap();
    spotify.wait_for(SOON, |_, playback| !playback.is_playing).await.expect("the press arrives");
    user.sees(&key("account", "Backup 1: Primary in 13 h")).await;
    user.sees(&key("play-pause", ", Play")).await;
    user.keeps("backup-serves").await;

    spotify.inject(Fault::throttle(Some(600)).of(BACKUP_CLIENT_ID).times(1));
    user.sees(&key("play-pause", ", Play")).await.click().await.unwrap();
    user.sees(&key("play-pause", "Spotify asks to wait 9:")).await;
    user.sees(&key("account", "All accounts wait: 9:")).await;
    user.keeps("all-wait").await;
    spotify.clear_requests();
    user.sees(&key("play-pause", "Spotify asks to wait")).await.click().await.unwrap();
    user.sees("#settings-button").await.click().await.unwrap();
    user.sees("#settings-frame").await.enter_frame().await.unwrap();
    user.reads("li.account:nth-child(1)", "Quota used up until").await;
    user.reads("li.account:nth-child(2)", "Throttled until").await;
    user.reads("#no-account", "nothing is sent").await;
    user.keeps("page-waits").await;
    assert!(spotify.requests().iter().all(|request| request.group.is_none()), "{:?}", spotify.requests());
    user.browser.close().await.unwrap();
}

#[tokio::test]
async fn a_key_that_plays_what_was_searched_for_and_one_that_likes_it() {
    let spotify = Sim::start(Config::default()).await.unwrap();
    let home = DeckHome::new();
    let deck = home.start(&spotify).await;
    let now = deck.place("com.spotify-widgets.playing-now", 0, 1).await;
    deck.shows(&now, "Link Spotify in Settings").await;
    deck.link(&spotify).await;
    let driver = Driver::start().await;
    let mut user = User::new(&driver, "play").await;
    enter(&user.browser, deck.page()).await;

    // By search and keyboard.
    user.drags("play", 0, 0).await;
    user.sees(&key("play", "Choose what to play")).await;
    user.looks_into_properties().await;
    user.reads(".results", "Feierabend").await;
    user.keeps("my-playlists").await;
    user.sees("input[value='search']").await.click().await.unwrap();
    let field = user.shows("#setting-item:enabled").await;
    field.send_keys("Postcards").await.unwrap();
    user.reads(".results", "Postcards").await;
    // Typed into a page that is low: what was found is to be seen all the same.
    let visible = "return document.querySelector('.results .item').getBoundingClientRect().bottom <= innerHeight";
    until("a result is on the screen", async || match user.browser.execute(visible, vec![]).await {
        Ok(Value::Bool(true)) => Ok(()),
        other => Err(format!("{other:?}")),
    })
    .await;
    user.keeps("found").await;
    user.chooses(&field, "Album").await;
    user.reads(".chosen", "Postcards").await;
    user.keeps("chosen").await;
    user.browser.enter_parent_frame().await.unwrap();
    user.presses(&key("play", "Play: Postcards")).await;
    let album = Some(album_uri(3));
    let plays = spotify.wait_for(SOON, move |_, playback| playback.is_playing && playback.context == album).await;
    plays.expect("the album plays");
    user.sees(&key("play", "Playing: Postcards")).await;
    user.sees(&key("playing-now", &title(&spotify).await)).await;
    user.keeps("album-plays").await;

    // By a link.
    user.looks_into_properties().await;
    user.shows("#setting-item-change").await.click().await.unwrap();
    let field = user.shows("#setting-item:enabled").await;
    let link = playlist_uri(5).replace("spotify:playlist:", "https://open.spotify.com/playlist/");
    field.send_keys(&format!("{link}?si=0123456789abcdef")).await.unwrap();
    user.reads(".chosen", "Keys & Coffee").await;

    // And what a long press does.
    user.shows(".presses summary").await.click().await.unwrap();
    user.shows("#setting-longPress").await.select_by_value("next").await.unwrap();
    user.reads(".presses summary", "Next").await;
    user.keeps("long-press").await;
    user.browser.enter_parent_frame().await.unwrap();
    user.presses(&key("play", "Play: Keys & Coffee")).await;
    user.sees(&key("playing-now", "Grüße aus Köln-Süd")).await;
    spotify.clear_requests();
    user.changes_to("use").await;
    user.holds(user.sees(&key("play", "Playing: Keys & Coffee")).await).await;
    spotify.wait_for_request("POST", "/v1/me/player/next", SOON).await.expect("the long press arrives");
    user.browser.release_actions().await.unwrap();
    user.changes_to("edit").await;
    assert_eq!(spotify.playback().item, Some(track_uri(4)));

    user.drags("like", 1, 0).await;
    user.sees(".key[aria-selected='true'][data-widget-uuid='com.spotify-widgets.like']").await;
    user.looks_into_properties().await;
    user.browser.enter_parent_frame().await.unwrap();
    user.presses(&key("like", "Like")).await;
    user.sees(&key("like", "Liked")).await;
    user.keeps("liked").await;
    assert_eq!(spotify.library(), [track_uri(4)]);

    // The other kinds of settings, for the eye.
    for (widget, column) in [("set-volume", 2), ("device", 3), ("now-playing-text", 4)] {
        user.drags(widget, column, 0).await;
        user.sees(&format!(".key[aria-selected='true'][data-widget-uuid='com.spotify-widgets.{widget}']")).await;
        user.looks_into_properties().await;
        user.reads("#account-name", "Linked as").await;
        user.keeps(widget).await;
        user.browser.enter_parent_frame().await.unwrap();
    }
    user.browser.close().await.unwrap();
}

/// What a package's page tries, with everything that it could ever learn: the secrets of the deck's session and of its API, and
/// the address of another package's page.
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
async fn a_package_page_reaches_neither_the_deck_nor_another_package() {
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
    user.sees("#log-button").await;
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
    user.sees("#first-frame").await.enter_frame().await.unwrap();
    user.sees("#page").await;
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

/// The pages of the package choose their language by themselves: `host_sdk` has the same table.
#[tokio::test]
async fn page_strings_choose_languages_as_the_sdk_does() {
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
