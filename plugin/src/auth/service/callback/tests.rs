//! Tests of the page in its languages, and of the server against other senders than the browser.

use base64::prelude::*;
use sha2::{Digest, Sha256};
use spotify_sim::Fault;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::words::tests::errors;
use super::*;
use crate::auth::service::login::LAST_PAGE_PATIENCE;
use crate::auth::testing::{PATIENCE, Scripted, World, demo, start_with, until};
use crate::auth::{AccountId, AccountState, Auth, Config, Link, StoreChoice};
use crate::i18n::LANGUAGES;

#[test]
fn page_policy_allows_exactly_its_style() {
    let hash = BASE64_STANDARD.encode(Sha256::digest(STYLE));
    assert!(POLICY.contains(&format!("'sha256-{hash}'")), "the style's hash is {hash}");
}

#[test]
fn callback_finds_the_unguessable_part_in_several_places() {
    let part = Secret::new("0123abcd");
    let belongs = |path: &str, query: &str| Callback::read(path, query).belongs_to(&part);
    assert!(belongs("/callback", "code=c&state=0123abcd"));
    assert!(belongs("/callback/0123abcd", "code=c"));
    assert!(belongs("/callback/0123abcd", "code=c&state=other"));
    assert!(belongs("/callback", "code=c&state=http%3A%2F%2F127.0.0.1%3A4000%2Fcallback%2F0123abcd"));
    assert!(!belongs("/callback", "code=c&state=0123abce"));
    assert!(!belongs("/callback", "code=c&state="));
    assert!(!belongs("/callback", "code=0123abcd"));
    assert!(!belongs("/", ""));
}

#[test]
fn pasted_address_needs_an_outcome() {
    let outcome = |text: &str| Callback::from_pasted(text).and_then(|callback| callback.outcome);
    assert!(matches!(outcome("  http://127.0.0.1:1/callback?code=c&state=s\n"), Some(Outcome::Code(_))));
    assert!(
        matches!(outcome("https://relay.example/?error=access_denied&state=s"), Some(Outcome::Error(code)) if code == "access_denied")
    );
    assert!(outcome("http://127.0.0.1:1/callback?state=s").is_none());
    assert!(outcome("http://127.0.0.1:1/callback?code=&state=s").is_none());
    assert!(outcome("http://127.0.0.1:1/callback").is_none());
    assert!(outcome("hello").is_none());
    assert!(outcome(&format!("{}?code=c&state=s", " ".repeat(20_000))).is_none());
}

#[test]
fn pasted_address_may_be_surrounded_by_anything() {
    let part = Secret::new("Abc_-123");
    for text in [
        "http://127.0.0.1:4000/callback?code=AQ_x-9&state=Abc_-123",
        "HTTP://127.0.0.1:4000/callback?code=AQ_x-9&state=Abc_-123#_=_",
        "127.0.0.1:4000/callback?code=AQ_x-9&state=Abc_-123",
        "?code=AQ_x-9&state=Abc_-123",
        "code=AQ_x-9&state=Abc_-123",
        "http://127.0.0.1:4000/callback/Abc_-123?code=AQ_x-9&state=other",
        "\"http://127.0.0.1:4000/callback?code=AQ_x-9&state=Abc_-123\"",
        "<http://127.0.0.1:4000/callback?code=AQ_x-9&amp;state=Abc_-123>.",
        "It says: http://127.0.0.1:4000/callback?code=AQ_x-9&state=Abc_-123. What now?",
        "\u{feff}http://127.0.0.1:4000/callback?code=AQ_\u{200b}x-9&state=Abc_-123\u{a0}",
        "http://127.0.0.1:4000/callback?code=AQ_\nx-9&state=Abc_\r\n-123\n",
        "http%3A%2F%2F127.0.0.1%3A4000%2Fcallback%3Fcode%3DAQ_x-9%26state%3DAbc_-123",
        "https://relay.example/?code=AQ_x-9&state=http%3A%2F%2F127.0.0.1%3A4000%2Fcallback%2FAbc_-123",
    ] {
        let callback = Callback::from_pasted(text).unwrap_or_else(|| panic!("{text}"));
        assert!(callback.belongs_to(&part), "{text}");
        assert!(matches!(callback.outcome, Some(Outcome::Code(code)) if code.matches("AQ_x-9")), "{text}");
    }
}

#[test]
fn page_escapes_texts_from_outside() {
    assert_eq!(escape("<a href=\"x\">&"), "&lt;a href=&quot;x&quot;&gt;&amp;");
}

/// Returns a response's status and body.
async fn read(response: Response) -> (StatusCode, String) {
    let status = response.status();
    let body = axum::body::to_bytes(response.into_body(), usize::MAX).await.unwrap();
    (status, String::from_utf8(body.to_vec()).unwrap())
}

/// Sends bytes, and returns everything that is received until the connection ends.
async fn raw(address: SocketAddr, bytes: &[u8]) -> String {
    let mut stream = TcpStream::connect(address).await.unwrap();
    // The server may close the connection before it has read all.
    let _ = stream.write_all(bytes).await;
    let mut answer = Vec::new();
    let _ = tokio::time::timeout(PATIENCE, stream.read_to_end(&mut answer)).await.expect("the connection ends");
    String::from_utf8_lossy(&answer).into_owned()
}

fn address_of(back: &Url) -> SocketAddr {
    back.socket_addrs(|| None).unwrap()[0]
}

async fn world_in(language: &str) -> (World, Auth, AccountId) {
    let world = World::new().await;
    let auth = world.started(Config { language: language.to_owned(), ..world.config(StoreChoice::Memory) }).await;
    let id = auth.save(demo()).await.unwrap();
    (world, auth, id)
}

#[tokio::test]
async fn page_is_complete_in_every_language() {
    for language in LANGUAGES {
        let lang = format!("<html lang=\"{}\">", language.tag());
        let (status, text) = read(result_page(language, &Ok(()))).await;
        assert_eq!(status, StatusCode::OK);
        assert!(text.contains(&lang) && text.contains("class=\"good\""), "{text}");
        assert!(text.contains(LINKED.in_language(language)) && text.contains(CLOSE.in_language(language)), "{text}");

        for error in errors() {
            let expected = escape(&sentence(&error, language));
            let (_, text) = read(result_page(language, &Err(error))).await;
            assert!(text.contains(&lang) && text.contains("class=\"bad\""), "{text}");
            assert!(text.contains(FAILED.in_language(language)) && text.contains(&expected), "{text}");
            for resource in ["src=", "href=", "url(", "@import", "<script", "://"] {
                assert!(!text.contains(resource), "{text}");
            }
        }
    }
}

#[tokio::test]
async fn page_is_in_the_hosts_language() {
    for (name, language) in ["en", "de", "ja", "ko", "zh_TW", "zh_CN"].into_iter().zip(LANGUAGES) {
        let (world, auth, id) = world_in(name).await;
        let page = auth.login(&id).await.unwrap();
        let mut elsewhere = world.consent(&page, true);
        elsewhere.set_path("/");
        // The host's language takes precedence over the browser's.
        let answer = world
            .http
            .client()
            .await
            .unwrap()
            .get(elsewhere)
            .header("accept-language", "fr, en, de")
            .send()
            .await
            .unwrap();
        let text = answer.text().await.unwrap();
        assert!(text.contains(&format!("<html lang=\"{}\">", language.tag())), "{text}");
        assert!(text.contains(&escape(NOTHING_HERE_MORE.in_language(language))), "{text}");

        let (status, text) = world.visit(world.consent(&page, false)).await;
        assert_eq!(status, 200);
        assert!(text.contains(&escape(&sentence(&AuthError::Denied, language))), "{text}");

        let (_, text) = world.visit(world.consent(&auth.login(&id).await.unwrap(), true)).await;
        assert!(text.contains(LINKED.in_language(language)), "{text}");
    }
}

#[tokio::test]
async fn page_language_falls_back_to_the_browsers_then_english() {
    for (host, browser, tag) in [
        ("", Some("ja-JP,ja;q=0.9,en;q=0.8"), "ja"),
        ("fr", Some("fr-FR, zh-TW;q=0.8"), "zh-TW"),
        ("fr", Some("fr-FR"), "en"),
        ("fr", None, "en"),
    ] {
        let (world, auth, id) = world_in(host).await;
        let mut url = world.consent(&auth.login(&id).await.unwrap(), true);
        url.set_path("/");
        let mut request = world.http.client().await.unwrap().get(url);
        if let Some(browser) = browser {
            request = request.header("accept-language", browser);
        }
        let text = request.send().await.unwrap().text().await.unwrap();
        assert!(text.contains(&format!("<html lang=\"{tag}\">")), "{host} {browser:?}: {text}");
    }
}

#[tokio::test]
async fn refused_code_is_explained_and_the_next_login_works() {
    let (world, auth, id) = world_in("de").await;
    let token = "/accounts/api/token";
    for (fault, error) in [
        (Fault::token_error("invalid_grant", "Invalid authorization code"), AuthError::CodeRefused),
        (Fault::token_error("invalid_client", "Invalid client"), AuthError::LoginDoubted),
        (Fault::token_error("invalid_client", "Invalid client secret"), AuthError::LoginDoubted),
        (Fault::token_error("invalid_scope", "no"), AuthError::Refused("invalid_scope".into())),
        (Fault::drop_connection().on("", token), AuthError::NotFinished),
        (Fault::server_error(503).on("", token), AuthError::NotFinished),
    ] {
        let back = world.consent(&auth.login(&id).await.unwrap(), true);
        world.sim.inject(fault);
        let (status, text) = world.visit(back.clone()).await;
        world.sim.clear_faults();
        assert_eq!(status, 200);
        assert!(text.contains(&escape(&sentence(&error, Language::De))), "{error:?}: {text}");
        assert_eq!(until(&auth, |state| state.link != Link::Linking).await.accounts[0].last_error, Some(error));
    }
    let (_, text) = world.visit(world.consent(&auth.login(&id).await.unwrap(), true)).await;
    assert!(text.contains(LINKED.in_language(Language::De)), "{text}");
}

#[tokio::test]
async fn error_of_spotifys_page_is_shown_by_its_code_alone() {
    let (world, auth, id) = world_in("de").await;
    let mut back = world.consent(&auth.login(&id).await.unwrap(), false);
    let state = back.query_pairs().find(|(name, _)| name == "state").unwrap().1.into_owned();
    back.query_pairs_mut().clear().append_pair("state", &state).append_pair("error", "<script>alert(1)</script>");
    let (_, text) = world.visit(back).await;
    assert!(text.contains("„scriptalert1script“"), "{text}");
    assert!(!text.contains("<script") && !text.contains(&state), "{text}");
}

#[tokio::test]
async fn code_is_used_once() {
    let world = World::new().await;
    let store = Scripted::new();
    let auth = start_with(world.config(StoreChoice::Keyring), store.clone());
    until(&auth, |state| state.link == Link::NotLinked).await;
    let id = auth.save(demo()).await.unwrap();
    let back = world.consent(&auth.login(&id).await.unwrap(), true);

    let (written, hold) = std::sync::mpsc::channel();
    *store.hold.lock().unwrap() = Some(hold);
    let first = tokio::spawn(world.http.client().await.unwrap().get(back.clone()).send());
    while store.hold.lock().unwrap().is_some() {
        tokio::task::yield_now().await;
    }
    // A browser that loads the page twice, or a late thief.
    let (status, text) = world.visit(back.clone()).await;
    assert_eq!(status, 400);
    assert!(text.contains("No sign-in is waiting"), "{text}");
    drop(written);
    assert_eq!(first.await.unwrap().unwrap().status(), 200);

    let mut again = back;
    let next = world.consent(&auth.login(&id).await.unwrap(), true);
    again.set_port(next.port()).unwrap();
    let (status, text) = world.visit(again).await;
    assert_eq!(status, 400);
    assert!(text.contains("belongs to another sign-in"), "{text}");
    assert_eq!(world.grants("authorization_code"), 1);
    assert_eq!(world.visit(next).await.0, 200);
}

/// Checks that the log-in is still running, and that the browser finishes it.
async fn assert_login_works(world: &World, auth: &Auth, back: Url) {
    assert_eq!(auth.watch().borrow().accounts[0].state, AccountState::Linking);
    assert_eq!(world.grants("authorization_code"), 0);

    // A browser names Spotify's site as the origin. One that names none is served as well, as the other tests show.
    let real = world
        .http
        .client()
        .await
        .unwrap()
        .get(back)
        .header("sec-fetch-site", "cross-site")
        .header("sec-fetch-mode", "navigate");
    assert_eq!(real.send().await.unwrap().status(), 200);
    assert_eq!(auth.watch().borrow().link, Link::Linked);
}

#[tokio::test]
async fn login_survives_requests_of_other_sites() {
    let (world, auth, id) = world_in("en").await;
    let back = world.consent(&auth.login(&id).await.unwrap(), true);

    // A page of another site: its form, its preflight request, and its script.
    let http = world.http.client().await.unwrap();
    let form = http.post(back.clone()).header("origin", "https://evil.example");
    let form = form.header("sec-fetch-site", "cross-site").form(&[("code", "c"), ("state", "s")]);
    let preflight = http.request(Method::OPTIONS, back.clone()).header("origin", "https://evil.example");
    let preflight = preflight
        .header("access-control-request-method", "GET")
        .header("access-control-request-private-network", "true");
    let methods = [Method::PUT, Method::DELETE, Method::PATCH].map(|method| http.request(method, back.clone()));
    for request in [form, preflight].into_iter().chain(methods) {
        let answer = request.send().await.unwrap();
        assert_eq!(answer.status(), 405);
        assert_eq!(answer.headers()["allow"], "GET");
        assert!(!answer.headers().keys().any(|name| name.as_str().starts_with("access-control-")));
        let text = answer.text().await.unwrap();
        assert!(text.contains("There is nothing here"), "{text}");
    }
    // A prefetch must not use the code up.
    let answer = world.http.client().await.unwrap().head(back.clone()).send().await.unwrap();
    assert_eq!((answer.status(), answer.text().await.unwrap().as_str()), (StatusCode::METHOD_NOT_ALLOWED, ""));
    assert_login_works(&world, &auth, back).await;
}

#[tokio::test]
async fn login_survives_malformed_requests() {
    let (world, auth, id) = world_in("en").await;
    let back = world.consent(&auth.login(&id).await.unwrap(), true);
    let address = address_of(&back);
    let path = &back[url::Position::BeforePath..];
    for (request, status) in [
        (format!("GET {path} HTTP/1.1\r\nHost: evil.example:{}\r\n\r\n", address.port()), "421"),
        (format!("GET {path} HTTP/1.1\r\nHost: 127.0.0.1.evil.example\r\n\r\n"), "421"),
        (format!("GET {path} HTTP/1.1\r\nHost: {address}.\r\n\r\n"), "421"),
        (format!("GET {path} HTTP/1.1\r\nHost: \r\n\r\n"), "421"),
        (format!("GET {path} HTTP/1.1\r\n\r\n"), "421"),
        (format!("GET {path} HTTP/1.0\r\n\r\n"), "421"),
        (format!("GET //callback HTTP/1.1\r\nHost: {address}\r\n\r\n"), "404"),
        (format!("GET /callback/../x HTTP/1.1\r\nHost: {address}\r\n\r\n"), "400"),
        (format!("GET /CALLBACK HTTP/1.1\r\nHost: {address}\r\n\r\n"), "404"),
        (format!("GET * HTTP/1.1\r\nHost: {address}\r\n\r\n"), "4"),
        ("\u{16}\u{3}\u{1}\r\n\r\n".to_owned(), "400"),
    ] {
        let answer = raw(address, request.as_bytes()).await;
        let code = answer.split(' ').nth(1).unwrap_or_default();
        assert!(code.starts_with(status), "{request:?}: {answer}");
    }
    assert_login_works(&world, &auth, back).await;
}

#[tokio::test]
async fn login_survives_oversized_requests() {
    let (world, auth, id) = world_in("en").await;
    let back = world.consent(&auth.login(&id).await.unwrap(), true);
    let address = address_of(&back);

    // Long, and longer than the server reads.
    let get = |query: &str| format!("GET /callback?{query} HTTP/1.1\r\nHost: {address}\r\n\r\n");
    let long = raw(address, get(&format!("code={}&state=guessed", "x".repeat(60_000))).as_bytes()).await;
    assert!(long.contains("belongs to another sign-in") && long.len() < 4_000, "{long}");
    let many = raw(address, get(&"state=http://a/b&".repeat(3_000)).as_bytes()).await;
    assert!(many.contains("belongs to another sign-in"), "{many}");
    let broken = raw(address, get("state=%ff%zz&code=%00&error=%").as_bytes()).await;
    assert!(broken.contains("belongs to another sign-in"), "{broken}");
    let endless = raw(address, get(&"x".repeat(2_000_000)).as_bytes()).await;
    assert!(endless.is_empty() || endless.starts_with("HTTP/1.1 4"), "{endless}");
    assert_login_works(&world, &auth, back).await;
}

#[tokio::test]
async fn connection_flood_does_not_block_the_browser() {
    let (world, auth, id) = world_in("en").await;
    let back = world.consent(&auth.login(&id).await.unwrap(), true);
    let address = address_of(&back);

    let mut flood = Vec::new();
    for number in 0..3 * connections::MOST_CONNECTIONS {
        let mut stream = TcpStream::connect(address).await.unwrap();
        if number % 2 == 0 {
            stream.write_all(b"GET /callback?").await.unwrap();
        }
        flood.push(stream);
    }
    // The oldest connections are closed for the newest.
    for stream in flood.drain(..connections::MOST_CONNECTIONS) {
        assert_closed(stream).await;
    }

    let (status, text) = world.visit(back).await;
    assert_eq!(status, 200, "{text}");
    assert_eq!(auth.watch().borrow().link, Link::Linked);

    // No connection stays open when the log-in is over.
    tokio::time::pause();
    for _ in 0..40 {
        tokio::time::advance(LAST_PAGE_PATIENCE / 20).await;
    }
    // Some systems report it only after a moment of real time.
    tokio::time::resume();
    for stream in flood {
        assert_closed(stream).await;
    }
    assert!(TcpStream::connect(address).await.is_err());
}

/// Waits until the server has closed this connection without sending anything.
async fn assert_closed(mut stream: TcpStream) {
    let mut byte = [0];
    match tokio::time::timeout(PATIENCE, stream.read(&mut byte)).await.expect("the connection is closed") {
        Ok(read) => assert_eq!(read, 0),
        Err(error) => {
            assert!(
                matches!(error.kind(), io::ErrorKind::ConnectionReset | io::ErrorKind::ConnectionAborted),
                "{error}"
            );
        }
    }
}

#[tokio::test]
async fn cancelled_login_closes_its_listener() {
    let (world, auth, id) = world_in("en").await;
    for agree in [None, Some(false)] {
        let back = world.consent(&auth.login(&id).await.unwrap(), agree.is_some_and(|agree| agree));
        let address = address_of(&back);
        match agree {
            None => auth.cancel_login().await,
            Some(_) => drop(world.visit(back).await),
        }
        while TcpStream::connect(address).await.is_ok() {
            tokio::task::yield_now().await;
        }
    }
    assert_eq!(world.grants("authorization_code"), 0);
}
