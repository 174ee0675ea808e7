//! The deck as its page and its user see it: the API, package pages, what is kept, what is refused.

mod support;

use std::fs;
use std::io::Cursor;

use host_sdk::bundle::{Entry, pack};
use serde_json::{Value, json};
use support::{PACKAGE, PATIENT, TOGGLE, WIDE, files, hear_of, http, port_of, say, start, target, world};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

#[tokio::test]
async fn the_page_sees_packages_and_panel() {
    let world = world(PATIENT).await;
    let (status, state) = world.call("GET", "/api/state", Value::Null).await;
    assert_eq!(status, 200);
    assert_eq!(state["panel"], json!({"columns": 5, "rows": 4}));
    let package = &state["packages"][0];
    assert_eq!((&package["uuid"], &package["name"]), (&json!(PACKAGE), &json!("Test package")), "translated");
    assert_eq!((&package["settings"], &package["url"]), (&json!(true), &Value::Null));
    let [toggle, wide] = [&package["widgets"][0], &package["widgets"][1]];
    assert_eq!(
        (&toggle["name"], &toggle["propertyView"], &toggle["titleEditable"]),
        (&json!("Toggle it"), &json!(true), &json!(true))
    );
    assert_eq!(toggle["layouts"], json!([{"title": "", "icon": null, "width": 1, "height": 1}]));
    assert_eq!(wide["layouts"][1], json!({"title": "B", "icon": null, "width": 2, "height": 1}));
}

#[tokio::test]
async fn instances_are_placed_and_moved_where_they_fit() {
    let world = world(PATIENT).await;
    let wide = world.place(WIDE, 1, 1).await;
    let place = |widget: &'static str, layout: u8, column: u8, row: u8| json!({"widget": widget, "layout": layout, "column": column, "row": row});
    for (body, status) in [
        (place(TOGGLE, 0, 3, 2), 409),
        (place(TOGGLE, 0, 5, 0), 409),
        (place(WIDE, 1, 4, 0), 409),
        (place(WIDE, 2, 0, 0), 404),
        (place("com.example.none", 0, 0, 0), 404),
        (json!({"widget": WIDE, "column": -1, "row": 0}), 400),
        (json!({"widget": WIDE}), 400),
        (place(WIDE, 1, 3, 0), 201),
    ] {
        let (got, answer) = world.call("POST", "/api/instances", body.clone()).await;
        assert_eq!(got, status, "{body}: {answer}");
        assert_eq!(answer["error"].is_string(), status != 201);
    }
    let path = format!("/api/instances/{wide}/move");
    assert_eq!(world.call("POST", &path, json!({"column": 1, "row": 0})).await.0, 409);
    let (status, moved) = world.call("POST", &path, json!({"column": 0, "row": 2})).await;
    assert_eq!((status, &moved["column"], &moved["row"], &moved["width"]), (200, &json!(0), &json!(2), &json!(3)));
    assert_eq!(world.call("POST", "/api/instances/none/move", json!({"column": 0, "row": 0})).await.0, 404);
    assert_eq!(world.call("POST", "/api/views", json!({"context": wide})).await.0, 404, "it has no property view");
}

#[tokio::test]
async fn everything_is_there_after_a_restart() {
    let mut first = world(PATIENT).await;
    let context = first.place(TOGGLE, 4, 3).await;
    let mut package = first.package().await;
    say(&mut package, json!({"event": "setWidgetSettings", "context": context, "payload": {"a": 1}})).await;
    say(&mut package, json!({"event": "setPackageSettings", "context": PACKAGE, "payload": {"settings": {"b": 2}}}))
        .await;
    say(&mut package, json!({"event": "changeState", "context": context, "payload": {"state": 1}})).await;
    first.instance(|instance| instance["state"] == 1).await;
    first.call("PUT", &format!("/api/instances/{context}/title"), json!({"title": "mine"})).await;
    first.deck.stop().await;

    let mut second = start(first.data, |_| {}).await;
    let (_, state) = second.call("GET", "/api/state", Value::Null).await;
    let instance = &state["instances"][0];
    assert_eq!((&instance["context"], &instance["column"], &instance["row"]), (&json!(context), &json!(4), &json!(3)));
    assert_eq!((&instance["title"], &instance["state"]), (&json!("mine"), &json!(1)));
    let mut package = second.package().await;
    let appear = hear_of(&mut package, "widgetWillAppear").await;
    assert_eq!((&appear["payload"]["settings"], &appear["payload"]["state"]), (&json!({"a": 1}), &json!(1)));
    hear_of(&mut package, "didReceiveWidgetSettings").await;
    say(&mut package, json!({"event": "getPackageSettings", "context": PACKAGE})).await;
    assert_eq!(hear_of(&mut package, "didReceivePackageSettings").await["payload"], json!({"b": 2}));
}

#[tokio::test]
async fn a_damaged_state_is_set_aside_and_the_deck_starts() {
    let data = tempfile::tempdir().unwrap();
    fs::write(data.path().join("state.json"), "{\"version\":1,\"inst").unwrap();
    let mut world = start(data, |_| {}).await;
    world.logged("can't be read").await;
    assert_eq!(world.call("GET", "/api/state", Value::Null).await.1["instances"], json!([]));
    assert_eq!(fs::read_to_string(world.data.path().join("state.json.damaged")).unwrap(), "{\"version\":1,\"inst");
}

#[tokio::test]
async fn a_second_deck_keeps_off_the_data() {
    let world = world(PATIENT).await;
    let mut config = creator_deck::Config::headless(world.data.path());
    config.timing.lock_within = std::time::Duration::ZERO;
    let error = creator_deck::Deck::start(config).await.unwrap_err();
    assert!(error.to_string().contains("another Creator Deck"), "{error}");
}

#[tokio::test]
async fn only_the_page_with_its_token_is_served() {
    let world = world(PATIENT).await;
    let port = port_of(&world.deck.page_url());
    let host = format!("Host: 127.0.0.1:{port}");
    let token = format!("X-Deck-Token: {}", world.deck.token());
    let own = format!("Origin: http://127.0.0.1:{port}");
    let sockets_origin = format!("Origin: http://127.0.0.1:{}", world.deck.socket_port());
    let ask = async |path: &str, headers: &[&str]| http(port, "GET", path, headers, b"").await.status;

    assert_eq!(ask("/api/state", &[&host, &token, &own]).await, 200);
    assert_eq!(ask("/api/state", &[&host]).await, 401);
    assert_eq!(ask("/api/state", &[&host, "X-Deck-Token: 00"]).await, 401);
    for evil in ["Host: example.com", "Host: 127.0.0.1", "X: y"] {
        assert_ne!(ask("/api/state", &[evil, &token]).await, 200, "{evil}");
        assert_ne!(ask("/", &[evil]).await, 200, "{evil}");
    }
    for foreign in ["Origin: http://example.com", "Origin: null", &sockets_origin] {
        assert_eq!(ask("/api/state", &[&host, &token, foreign]).await, 403, "{foreign}");
    }
    let upgrade = [
        "Connection: Upgrade",
        "Upgrade: websocket",
        "Sec-WebSocket-Version: 13",
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
    ];
    let with = |extra: &'static str| [&[host.as_str()][..], &upgrade, &[extra]].concat();
    assert_eq!(ask("/api/events?token=wrong", &with("X: y")).await, 401);
    assert_eq!(ask("/api/events", &with("X: y")).await, 401);
    assert_eq!(ask("/api/none", &[&host, &token]).await, 404);

    let page = http(port, "GET", "/", &[&host], b"").await;
    assert!(page.body.contains(world.deck.token()) && !page.body.contains("{{token}}"));
    for header in
        ["cache-control: no-store", "x-content-type-options: nosniff", "script-src 'self';", "frame-ancestors 'none'"]
    {
        assert!(page.head.contains(header), "{header}: {}", page.head);
    }
}

#[tokio::test]
async fn package_pages_see_their_own_files_only() {
    let world = world(PATIENT).await;
    let context = world.place(TOGGLE, 0, 0).await;
    let (_, view) = world.call("POST", "/api/views", json!({"context": context})).await;
    let page = world.get_view(view["url"].as_str().unwrap()).await;
    assert!(page.body.contains("connectCreatorCentral"), "{}", page.body);
    assert!(
        page.head.contains(&format!("frame-ancestors {}", world.deck.page_url().trim_end_matches('/'))),
        "{}",
        page.head
    );
    let id = view["view"].as_str().unwrap();
    let origin = view["url"].as_str().unwrap().split("/view/").next().unwrap().to_owned();
    let script = world.get_view(&format!("{origin}/view/{id}/pages/page.js")).await;
    assert_eq!((script.status, script.body.as_str()), (200, "export {};"));
    assert!(script.head.contains("content-type: text/javascript"));
    for bad in [
        "../../../state.json",
        "..%2f..%2f..%2fdeck.lock",
        "%2fetc%2fpasswd",
        "pages/..%2f..%2f..%2f..%2fdeck.lock",
        "pages",
        "none.html",
    ] {
        assert_eq!(world.get_view(&format!("{origin}/view/{id}/{bad}")).await.status, 404, "{bad}");
    }
    for (path, status) in
        [("icon.svg", 200), ("pages/page.js", 404), ("PackageConfig.json", 404), ("..%2ficon.svg", 404)]
    {
        assert_eq!(world.get_file(&format!("/package/{PACKAGE}/{path}")).await.status, status, "{path}");
    }
    world.call("DELETE", &format!("/api/views/{id}"), Value::Null).await;
    assert_eq!(world.get_view(view["url"].as_str().unwrap()).await.status, 404, "closed");
}

fn bundle(version: &str) -> Vec<u8> {
    let entries = files(PATIENT).into_iter().map(|(path, mut content)| {
        if path == "PackageConfig.json" {
            content = String::from_utf8(content).unwrap().replace("1.0.0", version).into_bytes();
        }
        Entry { executable: path == target(), path, content }
    });
    let mut bundle = Cursor::new(Vec::new());
    pack(&mut bundle, "Test", entries.collect()).unwrap();
    bundle.into_inner()
}

#[tokio::test]
async fn packages_are_installed_updated_and_removed() {
    let mut world = start(tempfile::tempdir().unwrap(), |_| {}).await;
    let port = port_of(&world.deck.page_url());
    let headers = [format!("Host: 127.0.0.1:{port}"), format!("X-Deck-Token: {}", world.deck.token())];
    let headers: Vec<&str> = headers.iter().map(String::as_str).collect();
    let refused = http(port, "POST", "/api/packages", &headers, b"no zip").await;
    assert_eq!(refused.status, 400);
    assert!(refused.body.contains("not a package file"), "{}", refused.body);

    let installed = http(port, "POST", "/api/packages", &headers, &bundle("1.0.0")).await;
    assert_eq!(installed.status, 201, "{}", installed.body);
    let mut package = world.package().await;
    let context = world.place(TOGGLE, 2, 2).await;
    hear_of(&mut package, "widgetWillAppear").await;
    say(&mut package, json!({"event": "setPackageSettings", "payload": {"settings": {"keep": 1}}})).await;

    let updated = http(port, "POST", "/api/packages", &headers, &bundle("2.0.0")).await;
    assert_eq!(serde_json::from_str::<Value>(&updated.body).unwrap()["version"], "2.0.0");
    let told = ["didReceiveWidgetSettings", "didReceivePackageSettings", "applicationWillTerminate"];
    support::closed_after(&mut package, &told).await;
    let mut package = world.package().await;
    assert_eq!(hear_of(&mut package, "widgetWillAppear").await["context"], context.as_str(), "it is still there");

    assert_eq!(world.call("DELETE", &format!("/api/packages/{PACKAGE}?keepSettings=true"), Value::Null).await.0, 204);
    assert!(!world.data.path().join("packages").join(PACKAGE).exists());
    let (_, state) = world.call("GET", "/api/state", Value::Null).await;
    assert_eq!((&state["packages"], &state["instances"]), (&json!([]), &json!([])));
    assert_eq!(world.call("DELETE", &format!("/api/packages/{PACKAGE}"), Value::Null).await.0, 404);
    world.deck.stop().await;
    let saved: Value = serde_json::from_slice(&fs::read(world.data.path().join("state.json")).unwrap()).unwrap();
    assert_eq!(
        (&saved["instances"][0]["context"], &saved["packageSettings"][PACKAGE]),
        (&json!(context), &json!({"keep": 1}))
    );
}

#[tokio::test]
async fn a_refused_update_leaves_the_package_running() {
    let mut world = world(PATIENT).await;
    let mut package = world.package().await;
    let port = port_of(&world.deck.page_url());
    let headers = [format!("Host: 127.0.0.1:{port}"), format!("X-Deck-Token: {}", world.deck.token())];
    let headers: Vec<&str> = headers.iter().map(String::as_str).collect();
    let bad = bundle("not a version");
    let bad = http(port, "POST", "/api/packages", &headers, &bad[..bad.len() / 2]).await;
    assert_eq!(bad.status, 400);
    support::nothing_more(&mut package).await;
}

#[tokio::test]
async fn a_package_starts_where_names_are_odd_and_paths_long() {
    let odd = "J\u{f6}rg & M\u{fc}ller 100%/\u{6771}\u{4eac} \u{1f3a7} a b";
    // Wine can't start a program that far down, so this isn't known to work on Windows.
    let long = "long \u{97f3}\u{697d} name/".repeat(if cfg!(unix) { 20 } else { 0 });
    for below in [odd, long.as_str()] {
        let folder = tempfile::tempdir().unwrap();
        let data = folder.path().join(below);
        support::install(&data, PATIENT);
        let mut world = start(folder, |config| config.data = data).await;
        support::nothing_more(&mut world.package().await).await;
        world.deck.stop().await;
    }
}

#[tokio::test]
async fn a_bundle_that_is_refused_at_the_start_is_an_error() {
    let data = tempfile::tempdir().unwrap();
    let file = data.path().join("bad.creatorCentral");
    fs::write(&file, "no zip").unwrap();
    let mut config = creator_deck::Config::headless(data.path());
    config.install = vec![file];
    let error = creator_deck::Deck::start(config).await.unwrap_err();
    assert!(format!("{error:#}").contains("not a package file"), "{error:#}");
}

#[tokio::test]
async fn a_view_is_on_its_packages_origin_alone() {
    let world = world(PATIENT).await;
    let (_, view) = world.call("POST", "/api/views", json!({"package": PACKAGE})).await;
    let id = view["view"].as_str().unwrap();
    assert_eq!(world.get_view(view["url"].as_str().unwrap()).await.status, 200);
    let path = format!("/view/{id}/pages/settings.html");
    assert_eq!(world.get_file(&path).await.status, 404, "not on the package socket's");

    let port = port_of(view["url"].as_str().unwrap().split("/view/").next().unwrap());
    for (host, origin, status) in [
        (format!("127.0.0.1:{port}"), None, 200),
        (format!("localhost:{port}"), None, 200),
        ("example.com".to_owned(), None, 403),
        (format!("example.com:{port}"), None, 403),
        (format!("127.0.0.1:{port}"), Some("http://example.com".to_owned()), 403),
        (format!("127.0.0.1:{port}"), Some(format!("http://127.0.0.1:{}", world.deck.socket_port())), 403),
    ] {
        let mut headers = vec![format!("Host: {host}")];
        headers.extend(origin.map(|origin| format!("Origin: {origin}")));
        let headers: Vec<&str> = headers.iter().map(String::as_str).collect();
        assert_eq!(http(port, "GET", &path, &headers, b"").await.status, status, "{headers:?}");
    }

    // The socket lets the package's pages in, and the API doesn't, whatever they know.
    let origin = format!("http://127.0.0.1:{port}");
    assert!(world.connect(Some(&origin)).await.is_ok());
    let page = port_of(&world.deck.page_url());
    let headers = [
        format!("Host: 127.0.0.1:{page}"),
        format!("Origin: {origin}"),
        format!("X-Deck-Token: {}", world.deck.token()),
    ];
    let headers: Vec<&str> = headers.iter().map(String::as_str).collect();
    let answer = http(page, "GET", "/api/state", &headers, b"").await;
    assert_eq!(answer.status, 403);
    assert!(!answer.head.contains("access-control-allow"), "{}", answer.head);
}

#[tokio::test]
async fn localhost_is_answered_on_both_of_its_addresses() {
    let world = world(PATIENT).await;
    if std::net::TcpListener::bind("[::1]:0").is_err() {
        // A system without IPv6.
        return;
    }
    for port in [port_of(&world.deck.page_url()), world.deck.socket_port()] {
        let request =
            |host: String| format!("GET /assets/logo.svg HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n");
        for (host, refused) in
            [(format!("[::1]:{port}"), false), (format!("localhost:{port}"), false), (format!("[::2]:{port}"), true)]
        {
            let mut stream = tokio::net::TcpStream::connect(("::1", port)).await.unwrap();
            stream.write_all(request(host.clone()).as_bytes()).await.unwrap();
            let mut answer = String::new();
            stream.read_to_string(&mut answer).await.unwrap();
            assert_eq!(answer.starts_with("HTTP/1.1 403"), refused, "{host}: {answer}");
        }
    }
}
