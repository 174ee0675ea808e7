//! The deck as its page and its user see it: the API, packages' pages, what is saved, what is refused.

mod support;

use std::fs;
use std::io::Cursor;

use host_sdk::bundle::{Entry, pack};
use serde_json::{Value, json};
use support::{PACKAGE, PATIENT, TOGGLE, WIDE, files, http, port_of, receive_event, send, start, target, world};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

#[tokio::test]
async fn state_has_packages_and_panel() {
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
async fn panel_and_settings_survive_a_restart() {
    let mut first = world(PATIENT).await;
    let context = first.place(TOGGLE, 4, 3).await;
    let mut package = first.connect_package().await;
    send(&mut package, json!({"event": "setWidgetSettings", "context": context, "payload": {"a": 1}})).await;
    send(&mut package, json!({"event": "setPackageSettings", "context": PACKAGE, "payload": {"settings": {"b": 2}}}))
        .await;
    send(&mut package, json!({"event": "changeState", "context": context, "payload": {"state": 1}})).await;
    first.wait_for_instance(|instance| instance["state"] == 1).await;
    first.call("PUT", &format!("/api/instances/{context}/title"), json!({"title": "mine"})).await;
    first.deck.stop().await;

    let mut second = start(first.data, |_| {}).await;
    let (_, state) = second.call("GET", "/api/state", Value::Null).await;
    let instance = &state["instances"][0];
    assert_eq!((&instance["context"], &instance["column"], &instance["row"]), (&json!(context), &json!(4), &json!(3)));
    assert_eq!((&instance["title"], &instance["state"]), (&json!("mine"), &json!(1)));
    let mut package = second.connect_package().await;
    let appear = receive_event(&mut package, "widgetWillAppear").await;
    assert_eq!((&appear["payload"]["settings"], &appear["payload"]["state"]), (&json!({"a": 1}), &json!(1)));
    receive_event(&mut package, "didReceiveWidgetSettings").await;
    send(&mut package, json!({"event": "getPackageSettings", "context": PACKAGE})).await;
    assert_eq!(receive_event(&mut package, "didReceivePackageSettings").await["payload"], json!({"b": 2}));
}

#[tokio::test]
async fn deck_starts_with_a_damaged_state() {
    let data = tempfile::tempdir().unwrap();
    fs::write(data.path().join("state.json"), "{\"version\":1,\"inst").unwrap();
    let mut world = start(data, |_| {}).await;
    world.wait_for_log("can't be read").await;
    assert_eq!(world.call("GET", "/api/state", Value::Null).await.1["instances"], json!([]));
    assert_eq!(fs::read_to_string(world.data.path().join("state.json.damaged")).unwrap(), "{\"version\":1,\"inst");
}

#[tokio::test]
async fn second_deck_on_the_same_data_is_refused() {
    let world = world(PATIENT).await;
    let mut config = creator_deck::Config::headless(world.data.path());
    config.timing.lock_timeout = std::time::Duration::ZERO;
    let error = creator_deck::Deck::start(config).await.unwrap_err();
    assert!(error.to_string().contains("another Creator Deck"), "{error}");
}

#[tokio::test]
async fn only_callers_with_token_and_own_origin_are_served() {
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
    assert_eq!(page.status, 401);
    assert!(page.body.contains("creator-deck open") && !page.body.contains(world.deck.token()), "{}", page.body);
    for header in [
        "cache-control: no-store",
        "x-content-type-options: nosniff",
        "script-src 'self';",
        "frame-ancestors 'none'",
        "cross-origin-opener-policy: same-origin",
        "cross-origin-resource-policy: same-origin",
    ] {
        assert!(page.head.contains(header), "{header}: {}", page.head);
    }
}

#[tokio::test]
async fn one_time_key_lets_one_browser_in() {
    let world = world(PATIENT).await;
    let url = world.deck.entry_url();
    let (port, host) = (port_of(&url), format!("Host: 127.0.0.1:{}", port_of(&url)));
    // Loading the page doesn't use the key.
    for _ in 0..2 {
        let entry =
            http(port, "GET", url.rsplit('/').next().map(|query| format!("/{query}")).unwrap().as_str(), &[&host], b"")
                .await;
        assert!(
            entry.status == 200 && entry.body.contains("enter.js") && !entry.head.contains("set-cookie"),
            "{entry:?}"
        );
    }
    let (answer, session) = support::begin_session(&url).await;
    let [cookie, secret] = session.expect("it is let in");
    for attribute in ["; httponly", "; samesite=strict", "; path=/"] {
        assert!(answer.head.contains(attribute), "{}", answer.head);
    }
    assert!(support::begin_session(&url).await.1.is_none(), "it is used up");
    assert_eq!(http(port, "GET", "/", &[&host, &cookie], b"").await.status, 200);

    let state = async |headers: &[&str]| http(port, "GET", "/api/state", headers, b"").await.status;
    let (name, value) = cookie.split_once('=').unwrap();
    let other_port = format!("{name}0={value}");
    assert_eq!(state(&[&host, &cookie, &secret]).await, 200);
    assert_eq!(state(&[&host, &cookie, &secret, &format!("Origin: http://127.0.0.1:{port}")]).await, 200);
    for stolen in [&[cookie.as_str()][..], &[&secret], &[&cookie, "X-Deck-Session: "], &[&other_port, &secret]] {
        assert_eq!(state(&[&[host.as_str()], stolen].concat()).await, 401, "{stolen:?}");
    }
    assert_eq!(state(&[&host, &cookie, &secret, "Origin: http://example.com"]).await, 403);
}

#[tokio::test]
async fn wrong_key_or_missing_origin_gets_no_session() {
    let world = world(PATIENT).await;
    let url = world.deck.entry_url();
    let (port, host) = (port_of(&url), format!("Host: 127.0.0.1:{}", port_of(&url)));
    for wrong in ["", "0", &"0".repeat(32)] {
        let (answer, session) = support::begin_session(&format!("http://127.0.0.1:{port}/?key={wrong}")).await;
        assert!(answer.status == 401 && session.is_none(), "{answer:?}");
        assert_eq!(http(port, "GET", &format!("/?key={wrong}"), &[&host], b"").await.status, 401);
    }
    let body = json!({"key": url.split('=').next_back()}).to_string();
    assert_eq!(http(port, "POST", "/api/session", &[&host], body.as_bytes()).await.status, 403, "no page");
    assert!(support::begin_session(&url).await.1.is_some(), "the key is still good");
}

/// Another user's program that has seen the key among a browser's arguments.
#[cfg(target_os = "linux")]
#[tokio::test]
async fn other_user_of_this_computer_gets_no_session() {
    use std::os::unix::process::CommandExt as _;
    const NOBODY: u32 = 65_534;
    let world = world(PATIENT).await;
    let url = world.deck.entry_url();
    let port = port_of(&url);
    let body = json!({"key": url.split('=').next_back()}).to_string();
    let script = format!(
        "exec 3<>/dev/tcp/127.0.0.1/{port}; printf 'POST /api/session HTTP/1.1\\r\\nHost: 127.0.0.1:{port}\\r\\n\
         Origin: http://127.0.0.1:{port}\\r\\nConnection: close\\r\\nContent-Length: {}\\r\\n\\r\\n%s' '{body}' >&3; cat <&3",
        body.len()
    );
    let program = move || {
        let mut bash = std::process::Command::new("bash");
        bash.args(["-c", &script]).uid(NOBODY).current_dir("/").output()
    };
    // Only root can run as another user.
    let Ok(output) = tokio::task::spawn_blocking(program).await.unwrap() else { return };
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(said.starts_with("HTTP/1.1 401"), "{said}{}", String::from_utf8_lossy(&output.stderr));
    assert!(support::begin_session(&url).await.1.is_some(), "the key is still its user's");
}

#[tokio::test]
async fn session_outlives_a_restart_on_the_same_port() {
    let first = world(PATIENT).await;
    let port = port_of(&first.deck.page_url());
    let session = support::begin_session(&first.deck.entry_url()).await.1.unwrap();
    let views = first.deck.socket_port();
    first.deck.stop().await;
    let second = start(first.data, |config| config.port = port).await;
    let [cookie, secret] = &session;
    let host = format!("Host: 127.0.0.1:{port}");
    assert_eq!(http(port, "GET", "/api/session", &[&host, cookie, secret], b"").await.status, 204);
    assert_eq!(second.deck.socket_port(), views, "what packages' pages have stored is found again");
}

#[tokio::test]
async fn programs_can_request_an_entry_url() {
    let world = world(PATIENT).await;
    let url = creator_deck::running_entry_url(world.data.path()).await.unwrap();
    assert!(support::begin_session(&url).await.1.is_some(), "{url}");
    let none = tempfile::tempdir().unwrap();
    let error = creator_deck::running_entry_url(none.path()).await.unwrap_err();
    assert!(error.to_string().contains("no Creator Deck runs"), "{error}");
    fs::write(none.path().join("api.json"), r#"{"url": "http://127.0.0.1:1/", "token": "t"}"#).unwrap();
    let error = creator_deck::running_entry_url(none.path()).await.unwrap_err();
    assert!(error.to_string().contains("doesn't answer"), "{error}");
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
    let refused = world.call_with_bytes("POST", "/api/packages", b"no zip").await;
    assert_eq!(refused.status, 400);
    assert!(refused.body.contains("not a package file"), "{}", refused.body);

    let installed = world.call_with_bytes("POST", "/api/packages", &bundle("1.0.0")).await;
    assert_eq!(installed.status, 201, "{}", installed.body);
    let mut package = world.connect_package().await;
    let context = world.place(TOGGLE, 2, 2).await;
    receive_event(&mut package, "widgetWillAppear").await;
    send(&mut package, json!({"event": "setPackageSettings", "payload": {"settings": {"keep": 1}}})).await;

    let updated = world.call_with_bytes("POST", "/api/packages", &bundle("2.0.0")).await;
    assert_eq!(serde_json::from_str::<Value>(&updated.body).unwrap()["version"], "2.0.0");
    let recorded = ["didReceiveWidgetSettings", "didReceivePackageSettings", "applicationWillTerminate"];
    support::expect_close_after(&mut package, &recorded).await;
    let mut package = world.connect_package().await;
    assert_eq!(receive_event(&mut package, "widgetWillAppear").await["context"], context.as_str(), "it is still there");

    assert_eq!(world.call("DELETE", &format!("/api/packages/{PACKAGE}?keepSettings=true"), Value::Null).await.0, 204);
    assert!(!world.data.path().join("packages").join(PACKAGE).exists());
    let (_, state) = world.call("GET", "/api/state", Value::Null).await;
    assert_eq!(state["packages"], json!([]));
    let left = state["instances"].as_array().unwrap();
    assert_eq!((left.len(), &left[0]["missing"]["why"]), (1, &json!("package")), "a placeholder");
    assert_eq!(world.call("DELETE", &format!("/api/packages/{PACKAGE}"), Value::Null).await.0, 404);
    world.deck.stop().await;
    let saved: Value = serde_json::from_slice(&fs::read(world.data.path().join("state.json")).unwrap()).unwrap();
    assert_eq!(
        (&saved["instances"][0]["context"], &saved["packageSettings"][PACKAGE]),
        (&json!(context), &json!({"keep": 1}))
    );
}

#[tokio::test]
async fn refused_update_leaves_the_package_running() {
    let mut world = world(PATIENT).await;
    let mut package = world.connect_package().await;
    let bad = bundle("not a version");
    let bad = world.call_with_bytes("POST", "/api/packages", &bad[..bad.len() / 2]).await;
    assert_eq!(bad.status, 400);
    support::assert_nothing_more(&mut package).await;
}

#[tokio::test]
async fn package_starts_in_odd_and_long_paths() {
    let odd = "J\u{f6}rg & M\u{fc}ller 100%/\u{6771}\u{4eac} \u{1f3a7} a b";
    // Wine can't start a program in such a deep folder, so this isn't known to work on Windows.
    let long = "long \u{97f3}\u{697d} name/".repeat(if cfg!(unix) { 20 } else { 0 });
    for below in [odd, long.as_str()] {
        let folder = tempfile::tempdir().unwrap();
        let data = folder.path().join(below);
        support::install(&data, PATIENT);
        let mut world = start(folder, |config| config.data = data).await;
        support::assert_nothing_more(&mut world.connect_package().await).await;
        world.deck.stop().await;
    }
}

#[tokio::test]
async fn refused_bundle_at_start_is_an_error() {
    let data = tempfile::tempdir().unwrap();
    let file = data.path().join("bad.creatorCentral");
    fs::write(&file, "no zip").unwrap();
    let mut config = creator_deck::Config::headless(data.path());
    config.install = vec![file];
    let error = creator_deck::Deck::start(config).await.unwrap_err();
    assert!(format!("{error:#}").contains("not a package file"), "{error:#}");
}

#[tokio::test]
async fn view_is_served_on_its_packages_origin_only() {
    let world = world(PATIENT).await;
    let (_, view) = world.call("POST", "/api/views", json!({"package": PACKAGE})).await;
    let url = view["url"].as_str().unwrap();
    let (origin, path) = url.split_once("/view/").map(|(origin, path)| (origin, format!("/view/{path}"))).unwrap();
    let (port, own) = (world.deck.socket_port(), origin.strip_prefix("http://").unwrap());
    let others = format!("com-other-0123456789abcdef0123.localhost:{port}");
    for (host, from, status) in [
        (own, None, 200),
        (own, Some(origin.to_owned()), 200),
        (own, Some("http://example.com".to_owned()), 403),
        (own, Some(format!("http://{others}")), 403),
        (&others, None, 404),
        (&format!("127.0.0.1:{port}"), None, 404),
        (&format!("localhost:{port}"), None, 404),
        (&own.replace(&format!(":{port}"), ""), None, 403),
        (&format!("a.{own}"), None, 403),
        ("example.com", None, 403),
        (&format!("example.com:{port}"), None, 403),
    ] {
        let mut headers = vec![format!("Host: {host}")];
        headers.extend(from.map(|from| format!("Origin: {from}")));
        let headers: Vec<&str> = headers.iter().map(String::as_str).collect();
        assert_eq!(http(port, "GET", &path, &headers, b"").await.status, status, "{headers:?}");
    }
    // Only the deck's page can load pictures.
    let picture = format!("/package/{PACKAGE}/icon.svg");
    assert_eq!(http(port, "GET", &picture, &[&format!("Host: {own}")], b"").await.status, 404);

    // The socket accepts the package's pages; the API refuses them, even with the token.
    assert!(world.connect(Some(origin)).await.is_ok());
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

/// Sends a request to [::1]; none on a system without IPv6.
async fn ask_at_version_six(port: u16, host: &str) -> Option<String> {
    let mut stream = tokio::net::TcpStream::connect(("::1", port)).await.ok()?;
    let request = format!("GET /assets/logo.svg HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    Some(answer)
}

#[tokio::test]
async fn other_names_of_this_machine_redirect_to_the_page() {
    let world = world(PATIENT).await;
    let port = port_of(&world.deck.page_url());
    let location = format!("location: http://127.0.0.1:{port}/assets/logo.svg");
    for host in [format!("[::1]:{port}"), format!("localhost:{port}")] {
        let answer = http(port, "GET", "/assets/logo.svg", &[&format!("Host: {host}")], b"").await;
        assert!(answer.status == 307 && answer.head.contains(&location), "{answer:?}");
        let posted = http(port, "POST", "/api/undo", &[&format!("Host: {host}")], b"").await;
        assert_eq!(posted.status, 403, "{posted:?}");
        if let Some(answer) = ask_at_version_six(port, &host).await {
            assert!(answer.starts_with("HTTP/1.1 307"), "{answer}");
        }
    }
    if let Some(answer) = ask_at_version_six(port, &format!("[::2]:{port}")).await {
        assert!(answer.starts_with("HTTP/1.1 403"), "{answer}");
    }
}

/// Packages' programs connect to `localhost`, which may be either address.
#[tokio::test]
async fn package_socket_listens_on_both_localhost_addresses() {
    let world = world(PATIENT).await;
    let port = world.deck.socket_port();
    for host in [format!("[::1]:{port}"), format!("localhost:{port}")] {
        let Some(answer) = ask_at_version_six(port, &host).await else { return };
        assert!(answer.starts_with("HTTP/1.1 404"), "{answer}");
    }
    let (socket, _) = tokio_tungstenite::connect_async(format!("ws://[::1]:{port}/")).await.unwrap();
    drop(socket);
}

/// Connects from the network's side: to this computer's own address there.
#[tokio::test]
async fn deck_does_not_listen_on_the_network() {
    let world = world(PATIENT).await;
    let socket = std::net::UdpSocket::bind("0.0.0.0:0").unwrap();
    // Nothing is sent: the system only returns the address that it would use.
    if socket.connect("192.0.2.1:9").is_err() {
        return;
    }
    let address = socket.local_addr().unwrap().ip();
    assert!(!address.is_loopback());
    for port in [port_of(&world.deck.page_url()), world.deck.socket_port()] {
        let error = tokio::net::TcpStream::connect((address, port)).await.unwrap_err();
        assert_eq!(error.kind(), std::io::ErrorKind::ConnectionRefused);
    }
}
