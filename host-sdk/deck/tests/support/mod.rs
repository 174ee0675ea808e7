//! A deck with one package, which consists of a small program (fixtures/program.rs) and of sockets that the tests drive
//! themselves.
#![allow(dead_code, reason = "each test program uses a part of it")]

use std::collections::VecDeque;
use std::fs;
use std::io::Cursor;
use std::path::{Path, PathBuf};
use std::time::Duration;

use creator_deck::{Config, Deck};
use futures_util::{SinkExt as _, StreamExt as _};
use host_sdk::bundle::{Entry, pack};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;
use tokio_tungstenite::tungstenite::{Error, Message};
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream};

/// The package's UUID.
pub const PACKAGE: &str = "com.example.test";
/// Its widget with two states and a property view.
pub const TOGGLE: &str = "com.example.test.toggle";
/// Its widget with two layouts, 3 x 2 and 2 x 1, and no property view.
pub const WIDE: &str = "com.example.test.wide";

/// Prints its arguments, then waits to be ended.
pub const PATIENT: &str = "patient";
/// Exits immediately.
pub const DYING: &str = "dying";
/// Like [`PATIENT`], with a child process.
pub const FAMILY: &str = "family";
/// Like [`FAMILY`], but on Windows it ignores requests to end.
pub const DEAF: &str = "deaf";

/// Ends a test that would hang; passing tests don't wait for it.
const SOON: Duration = Duration::from_secs(20);

pub type Socket = WebSocketStream<MaybeTlsStream<TcpStream>>;

/// A deck and its page's events.
pub struct World {
    pub deck: Deck,
    events: Socket,
    /// The first state, and the log's entries when the page connected; not consumed yet.
    earlier: VecDeque<Value>,
    /// Entries of the log that the page also receives as events.
    known: Vec<Value>,
    pub data: TempDir,
}

/// The package's arguments and process.
#[derive(Clone, Debug)]
pub struct Started {
    pub pid: u32,
    pub register: Value,
    pub info: Value,
}

pub fn config() -> Value {
    let platform = host_sdk::manifest::PLATFORM;
    json!({
        "Author": "A", "Description": "D", "Name": "Test", "Version": "1.0.0", "UUID": PACKAGE, "Icon": "icon.svg",
        "SettingsPath": "pages/settings.html",
        "Runtime": {platform: {"type": "bin", "target": target(), "MinimumVersion": "1"}},
        "CreatorCentral": {"MinimumVersion": "1", "SDKVersion": 2},
        "Widgets": [
            {"Name": "Toggle", "Icon": "icon.svg", "UUID": TOGGLE, "PropertyViewPath": "pages/property.html",
             "States": [{"Title": "off", "Image": "icon.svg"}, {"Title": "on", "Image": "on.svg"}]},
            {"Name": "Wide", "Icon": "icon.svg", "UUID": WIDE, "States": [{"Image": "icon.svg"}],
             "Layouts": [{"Title": "A", "Width": 3, "Height": 2}, {"Title": "B", "Width": 2, "Height": 1}]}
        ]
    })
}

/// The file name of the package's program.
pub fn target() -> String {
    format!("run{}", std::env::consts::EXE_SUFFIX)
}

/// The program as built by cargo.
fn built_program() -> PathBuf {
    let test = std::env::current_exe().unwrap();
    let examples = test.ancestors().nth(2).unwrap().join("examples");
    examples.join(format!("program{}", std::env::consts::EXE_SUFFIX))
}

/// The package's files.
pub fn files(mode: &str) -> Vec<(String, Vec<u8>)> {
    let texts = [
        ("PackageConfig.json", config().to_string()),
        ("mode", mode.to_owned()),
        ("icon.svg", "<svg xmlns='http://www.w3.org/2000/svg'/>".to_owned()),
        ("on.svg", "<svg xmlns='http://www.w3.org/2000/svg'/>".to_owned()),
        ("pages/property.html", "<html><body>property</body></html>".to_owned()),
        ("pages/settings.html", "<html><body>settings</body></html>".to_owned()),
        ("pages/page.js", "export {};".to_owned()),
        ("lang/en.json", json!({"Name": "Test package", TOGGLE: {"Name": "Toggle it"}}).to_string()),
    ];
    let texts = texts.into_iter().map(|(path, text)| (path.to_owned(), text.into_bytes()));
    texts.chain([(target(), fs::read(built_program()).unwrap())]).collect()
}

/// Installs the package in a data folder.
pub fn install(data: &Path, mode: &str) {
    let program = install_files(data, &files(mode)).join(target());
    make_executable(&program);
}

#[cfg(unix)]
fn make_executable(program: &Path) {
    use std::os::unix::fs::PermissionsExt as _;
    fs::set_permissions(program, fs::Permissions::from_mode(0o755)).unwrap();
}

/// Every file can be executed.
#[cfg(not(unix))]
fn make_executable(_program: &Path) {}

/// Installs files as the package in a data folder. Returns its folder.
pub fn install_files(data: &Path, files: &[(String, Vec<u8>)]) -> PathBuf {
    let folder = data.join("packages").join(PACKAGE);
    for (path, content) in files {
        let path = folder.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
    }
    folder
}

/// The web package of the fixtures after a change of its script, declared for another platform.
pub fn web_package(change: impl FnOnce(&str) -> String) -> Vec<(String, Vec<u8>)> {
    const ICON: &str = "<svg xmlns='http://www.w3.org/2000/svg' width='75' height='54'><rect width='75' height='54' fill='#1b5e4b'/></svg>";
    let config = json!({
        "Author": "A", "Description": "Counts presses", "Name": "Web counter", "Version": "1.0.0", "UUID": PACKAGE,
        "Icon": "icon.svg", "Runtime": {"win": {"type": "web", "target": "index.html", "MinimumVersion": "10"}},
        "CreatorCentral": {"MinimumVersion": "1.1", "SDKVersion": 2},
        "Widgets": [{"Name": "Count", "Icon": "icon.svg", "UUID": TOGGLE, "States": [{"Image": "icon.svg"}]}]
    });
    let texts = [
        ("PackageConfig.json", config.to_string()),
        ("icon.svg", ICON.to_owned()),
        ("index.html", "<!doctype html><script src='main.js'></script>".to_owned()),
        ("main.js", change(include_str!("../fixtures/web/main.js"))),
        ("lang/en.json", json!({"Name": "Web counter", TOGGLE: {"Name": "Count"}}).to_string()),
    ];
    texts.into_iter().map(|(path, text)| (path.to_owned(), text.into_bytes())).collect()
}

/// Packs files as the package, none of them executable.
pub fn pack_files(files: Vec<(String, Vec<u8>)>) -> Vec<u8> {
    let entries = files.into_iter().map(|(path, content)| Entry { path, content, executable: false }).collect();
    let mut bundle = Cursor::new(Vec::new());
    pack(&mut bundle, PACKAGE, entries).unwrap();
    bundle.into_inner()
}

/// Packs the package after a change of its package file.
pub fn bundle(mode: &str, change: impl FnOnce(&mut Value)) -> Vec<u8> {
    let mut config = config();
    change(&mut config);
    let program = target();
    let entries = files(mode).into_iter().map(|(path, content)| match path.as_str() {
        "PackageConfig.json" => Entry { path, content: config.to_string().into_bytes(), executable: false },
        _ => Entry { executable: path == program, path, content },
    });
    let mut bundle = Cursor::new(Vec::new());
    pack(&mut bundle, PACKAGE, entries.collect()).unwrap();
    bundle.into_inner()
}

/// Whether a process lives. A zombie doesn't.
pub fn is_alive(pid: u32) -> bool {
    waitpid_any::WaitHandle::open(pid.cast_signed())
        .is_ok_and(|mut process| matches!(process.wait_timeout(Duration::ZERO), Ok(None)))
}

/// Kills a process.
pub fn kill(pid: u32) {
    let pid = pid.to_string();
    let (program, args) = match cfg!(windows) {
        true => ("taskkill", vec!["/F", "/PID", &pid]),
        false => ("kill", vec!["-9", &pid]),
    };
    assert!(std::process::Command::new(program).args(args).output().unwrap().status.success());
}

/// Returns the processes of a package in the mode [`FAMILY`] or [`DEAF`]: its own and its child.
pub async fn family(data: &Path) -> [u32; 2] {
    let path = data.join("packages").join(PACKAGE).join("processes");
    let start = std::time::Instant::now();
    loop {
        if let Ok(text) = fs::read_to_string(&path) {
            let (first, second) = text.split_once(' ').unwrap();
            return [first.parse().unwrap(), second.parse().unwrap()];
        }
        assert!(start.elapsed() < SOON, "the package starts");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

/// Starts a deck with the package, and connects a page.
pub async fn world(mode: &str) -> World {
    let data = tempfile::tempdir().unwrap();
    install(data.path(), mode);
    start(data, |_| {}).await
}

/// Starts a deck with a data folder, and connects a page.
pub async fn start(data: TempDir, change: impl FnOnce(&mut Config)) -> World {
    let mut config = Config::headless(data.path());
    config.timing.first_restart = Duration::from_millis(1);
    // These packages send nothing when they end.
    config.timing.end_notice = Duration::from_millis(1);
    change(&mut config);
    let deck = Deck::start(config).await.unwrap();
    let mut events = connect_events(&deck).await;
    let state = receive_page_event(&mut events, "state").await;
    let mut world = World { deck, events, earlier: VecDeque::new(), known: Vec::new(), data };
    // The package may be faster than the page.
    let (_, log) = world.call("GET", "/api/log", Value::Null).await;
    for mut entry in log["entries"].as_array().unwrap().clone() {
        entry["type"] = json!("log");
        world.known.push(entry);
    }
    world.earlier = [state].into_iter().chain(world.known.iter().cloned()).collect();
    world
}

pub async fn connect_events(deck: &Deck) -> Socket {
    connect_page(deck, "").await
}

/// Connects a page with more members in its query.
pub async fn connect_page(deck: &Deck, more: &str) -> Socket {
    let url = format!("{}api/events?token={}{more}", deck.page_url().replace("http", "ws"), deck.token());
    tokio_tungstenite::connect_async(url).await.unwrap().0
}

impl World {
    /// Returns the next event for which `wanted` returns something. Skips others.
    pub async fn wait_for_event<T>(&mut self, wanted: impl Fn(&Value) -> Option<T>) -> T {
        loop {
            let event = match self.earlier.pop_front() {
                Some(event) => event,
                None => {
                    let event = receive(&mut self.events).await;
                    if self.known.contains(&event) {
                        continue;
                    }
                    event
                }
            };
            if let Some(found) = wanted(&event) {
                return found;
            }
        }
    }

    /// Waits until an instance is as wanted.
    pub async fn wait_for_instance(&mut self, wanted: impl Fn(&Value) -> bool) -> Value {
        self.wait_for_event(|event| {
            Some(event["instance"].clone()).filter(|i| event["type"] == "instance" && wanted(i))
        })
        .await
    }

    /// Waits for an entry of the log.
    pub async fn wait_for_log(&mut self, part: &str) -> String {
        self.wait_for_event(|event| Some(event["message"].as_str()?.to_owned()).filter(|line| line.contains(part)))
            .await
    }

    /// Waits until the package's process has started.
    pub async fn wait_for_start(&mut self) -> Started {
        let line = self.wait_for_log("STARTED").await;
        let words: Vec<&str> = line.splitn(10, ' ').collect();
        assert_eq!([words[2], words[4], words[6], words[8]], ["-port", "-packageUUID", "-registerEvent", "-info"]);
        assert_eq!(words[3], self.deck.socket_port().to_string());
        Started {
            pid: words[1].parse().unwrap(),
            register: json!({"event": words[7], "uuid": words[5]}),
            info: serde_json::from_str(words[9]).unwrap(),
        }
    }

    /// Waits for the package's process and connects it.
    pub async fn connect_package(&mut self) -> Socket {
        let started = self.wait_for_start().await;
        let socket = self.register(&started.register).await;
        self.wait_for_log("The package is connected").await;
        socket
    }

    /// Opens a socket that has sent its registration.
    pub async fn register(&self, register: &Value) -> Socket {
        let mut socket = self.connect(None).await.unwrap();
        send(&mut socket, register.clone()).await;
        socket
    }

    /// Opens a socket that has sent nothing yet.
    pub async fn connect(&self, origin: Option<&str>) -> Result<Socket, Error> {
        let mut request = format!("ws://127.0.0.1:{}", self.deck.socket_port()).into_client_request().unwrap();
        if let Some(origin) = origin {
            request.headers_mut().insert("Origin", origin.parse().unwrap());
        }
        tokio_tungstenite::connect_async(request).await.map(|(socket, _)| socket)
    }

    /// Calls the API with its token.
    pub async fn call(&self, method: &str, path: &str, body: Value) -> (u16, Value) {
        let body = if body.is_null() { Vec::new() } else { body.to_string().into_bytes() };
        let answer = self.call_with_bytes(method, path, &body).await;
        (answer.status, serde_json::from_str(&answer.body).unwrap_or_default())
    }

    /// Calls the API with its token and any body.
    pub async fn call_with_bytes(&self, method: &str, path: &str, body: &[u8]) -> Answer {
        let port = port_of(&self.deck.page_url());
        let headers = [format!("Host: 127.0.0.1:{port}"), format!("X-Deck-Token: {}", self.deck.token())];
        http(port, method, path, &headers.each_ref().map(String::as_str), body).await
    }

    /// Calls the API, which has to carry the call out. Returns its answer.
    pub async fn call_ok(&self, method: &str, path: &str, body: Value) -> Value {
        let (status, answer) = self.call(method, path, body).await;
        assert!(matches!(status, 200..=204), "{method} {path}: {status} {answer}");
        answer
    }

    /// Returns everything that a page shows.
    pub async fn state(&self) -> Value {
        self.call_ok("GET", "/api/state", Value::Null).await
    }

    /// Installs the package over the current one, after a change of its package file.
    pub async fn install(&mut self, change: impl FnOnce(&mut Value)) {
        let answer = self.call_with_bytes("POST", "/api/packages", &bundle(PATIENT, change)).await;
        assert_eq!(answer.status, 201, "{}", answer.body);
    }

    /// Places a widget; returns its context.
    pub async fn place(&self, widget: &str, column: u8, row: u8) -> String {
        let (status, instance) = self
            .call("POST", "/api/instances", json!({"widget": widget, "layout": 0, "column": column, "row": row}))
            .await;
        assert_eq!(status, 201, "{instance}");
        instance["context"].as_str().unwrap().to_owned()
    }

    /// Opens a view, registers like its page, and receives its settings. Also returns the page's last argument.
    pub async fn view(&self, target: Value) -> (Socket, String, Value) {
        let (status, view) = self.call("POST", "/api/views", target).await;
        assert_eq!(status, 201, "{view}");
        let page = self.get_view(view["url"].as_str().unwrap()).await;
        assert_eq!(page.status, 200);
        let call = call_arguments(&page.body);
        assert_eq!(call[0], self.deck.socket_port());
        let mut socket = self.register(&json!({"event": call[2], "uuid": call[1]})).await;
        let received = receive_event(&mut socket, "didReceiveWidgetSettings").await;
        assert_eq!(
            (&received["widget"], &received["context"], &received["payload"]),
            (&call[4]["widget"], &call[4]["context"], &call[4]["payload"]["settings"])
        );
        (socket, view["view"].as_str().unwrap().to_owned(), call[4].clone())
    }

    pub async fn get_view(&self, url: &str) -> Answer {
        assert!(url.contains(&format!(".localhost:{}/", self.deck.socket_port())), "a name of its own: {url}");
        load(url).await
    }

    pub async fn get_file(&self, path: &str) -> Answer {
        let port = self.deck.socket_port();
        http(port, "GET", path, &[&format!("Host: 127.0.0.1:{port}")], b"").await
    }
}

/// Returns the arguments with which the deck has a page call its `connectCreatorCentral`.
pub fn call_arguments(page: &str) -> Value {
    let rest = page.split("connectCreatorCentral(...").nth(1).expect("the page has the call");
    serde_json::from_str(rest.split("));</script>").next().unwrap()).unwrap()
}

/// An answer over HTTP.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    /// In lower case.
    pub head: String,
    pub body: String,
}

/// Loads a page from any host name of this machine.
pub async fn load(url: &str) -> Answer {
    let (host, path) = url.strip_prefix("http://").and_then(|rest| rest.split_once('/')).unwrap();
    http(port_of(url), "GET", &format!("/{path}"), &[&format!("Host: {host}")], b"").await
}

/// Sends one request exactly as given: a client would correct it.
pub async fn http(port: u16, method: &str, path: &str, headers: &[&str], body: &[u8]) -> Answer {
    try_http(port, method, path, headers, body).await.expect("it is answered")
}

/// Like [`http`]. Returns none without an answer, or with an incomplete one.
pub async fn try_http(port: u16, method: &str, path: &str, headers: &[&str], body: &[u8]) -> Option<Answer> {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).await.ok()?;
    let head = format!(
        "{method} {path} HTTP/1.1\r\n{}\r\nConnection: close\r\nContent-Length: {}\r\n\r\n",
        headers.join("\r\n"),
        body.len()
    );
    stream.write_all(head.as_bytes()).await.ok()?;
    stream.write_all(body).await.ok()?;
    let mut answer = Vec::new();
    tokio::time::timeout(SOON, stream.read_to_end(&mut answer)).await.expect("it ends").ok()?;
    let answer = String::from_utf8(answer).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n")?;
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    Some(Answer { status, head: head.to_lowercase(), body: body.to_owned() })
}

pub fn port_of(url: &str) -> u16 {
    let after = url.split("/?").next().unwrap().rsplit(':').next().unwrap();
    after.split('/').next().unwrap().parse().unwrap()
}

/// A browser's session, as headers of its calls.
pub type Session = [String; 2];

/// Exchanges the key in an address that a deck has printed, as the page does.
pub async fn begin_session(url: &str) -> (Answer, Option<Session>) {
    let (origin, key) = url.split_once("/?key=").unwrap();
    let host = format!("Host: {}", origin.strip_prefix("http://").unwrap());
    let body = json!({"key": key}).to_string();
    let headers = [host.as_str(), &format!("Origin: {origin}")];
    let answer = http(port_of(origin), "POST", "/api/session", &headers, body.as_bytes()).await;
    let cookie = answer.head.lines().find_map(|line| line.strip_prefix("set-cookie: ")?.split(';').next());
    let secret = serde_json::from_str::<Value>(&answer.body).unwrap_or_default();
    let session = cookie.zip(secret["secret"].as_str());
    let session = session.map(|(cookie, secret)| [format!("Cookie: {cookie}"), format!("X-Deck-Session: {secret}")]);
    (answer, session)
}

pub async fn send(socket: &mut Socket, message: Value) {
    try_send(socket, message).await.expect("it is sent");
}

/// Sends a message verbatim.
pub async fn send_text(socket: &mut Socket, message: &str) {
    socket.send(Message::text(message)).await.expect("it is sent");
}

/// Receives a message verbatim.
pub async fn receive_text(socket: &mut Socket) -> String {
    loop {
        let message = tokio::time::timeout(SOON, socket.next()).await.expect("a message comes").expect("it is open");
        if let Message::Text(text) = message.expect("it is open") {
            return text.to_string();
        }
    }
}

/// Like [`send`]. Returns none if the other side is gone.
pub async fn try_send(socket: &mut Socket, message: Value) -> Option<()> {
    socket.send(Message::text(message.to_string())).await.ok()
}

/// Receives the next message, as JSON.
pub async fn receive(socket: &mut Socket) -> Value {
    try_receive(socket).await.expect("the socket is open")
}

/// Like [`receive`]. Returns none if the other side is gone.
pub async fn try_receive(socket: &mut Socket) -> Option<Value> {
    loop {
        let message = tokio::time::timeout(SOON, socket.next()).await.expect("a message comes")?.ok()?;
        if let Message::Text(text) = message {
            return Some(serde_json::from_str(&text).unwrap());
        }
    }
}

/// Receives the next event of a page, which has to be of this type.
pub async fn receive_page_event(socket: &mut Socket, kind: &str) -> Value {
    let event = receive(socket).await;
    assert_eq!(event["type"], kind, "{event}");
    event
}

/// Receives the next message, which has to be this event.
pub async fn receive_event(socket: &mut Socket, event: &str) -> Value {
    let message = receive(socket).await;
    assert_eq!(message["event"], event, "{message}");
    message
}

/// Waits until the other side closes, and asserts that it sends nothing before.
pub async fn expect_close(socket: &mut Socket) {
    let ended = async {
        while let Some(Ok(message)) = socket.next().await {
            assert!(!matches!(message, Message::Text(_)), "closed without a word: {message}");
        }
    };
    tokio::time::timeout(SOON, ended).await.expect("the socket is closed");
}

/// Asserts that nothing else was sent: the answer to a request comes next.
pub async fn assert_nothing_more(socket: &mut Socket) {
    send(socket, json!({"event": "getPackageSettings"})).await;
    receive_event(socket, "didReceivePackageSettings").await;
}

/// Waits until the other side closes, after these messages.
pub async fn expect_close_after(socket: &mut Socket, events: &[&str]) {
    for event in events {
        receive_event(socket, event).await;
    }
    expect_close(socket).await;
}
