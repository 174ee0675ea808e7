//! A deck with one package in it, made of a small program (fixtures/program.rs) and of sockets that the tests hold in their own hands.
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

/// Says what it was started with, then waits to be ended.
pub const PATIENT: &str = "patient";
/// Dies at once.
pub const DYING: &str = "dying";
/// As [`PATIENT`], with another process that it has started.
pub const FAMILY: &str = "family";
/// As [`FAMILY`], and on Windows it doesn't listen.
pub const DEAF: &str = "deaf";

/// Ends a test that would hang; nothing waits for it in one that passes.
const SOON: Duration = Duration::from_secs(20);

pub type Socket = WebSocketStream<MaybeTlsStream<TcpStream>>;

/// A deck and its page's events.
pub struct World {
    pub deck: Deck,
    events: Socket,
    /// The first state, and what the log held when the page came; not looked at yet.
    earlier: VecDeque<Value>,
    /// Lines that the page hears although it has found them in the log.
    known: Vec<Value>,
    pub data: TempDir,
}

/// What the package was started with.
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

/// The name of the package's program.
pub fn target() -> String {
    format!("run{}", std::env::consts::EXE_SUFFIX)
}

/// The program as cargo has built it.
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

/// Puts the package where a deck looks for it.
pub fn install(data: &Path, mode: &str) {
    let folder = data.join("packages").join(PACKAGE);
    for (path, content) in files(mode) {
        let path = folder.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
    }
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        fs::set_permissions(folder.join(target()), fs::Permissions::from_mode(0o755)).unwrap();
    }
}

/// The package as a file, after a change of its package file.
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

/// Whether a process lives. One that has ended and that nobody has taken notice of doesn't.
pub fn is_alive(pid: u32) -> bool {
    waitpid_any::WaitHandle::open(pid.cast_signed())
        .is_ok_and(|mut process| matches!(process.wait_timeout(Duration::ZERO), Ok(None)))
}

/// Ends a process by force.
pub fn kill(pid: u32) {
    let pid = pid.to_string();
    let (program, args) = match cfg!(windows) {
        true => ("taskkill", vec!["/F", "/PID", &pid]),
        false => ("kill", vec!["-9", &pid]),
    };
    assert!(std::process::Command::new(program).args(args).output().unwrap().status.success());
}

/// The processes of a package in the mode [`FAMILY`] or [`DEAF`]: its own, and the one that it has started.
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

/// A deck with the package, and its page.
pub async fn world(mode: &str) -> World {
    let data = tempfile::tempdir().unwrap();
    install(data.path(), mode);
    start(data, |_| {}).await
}

/// A deck over a data folder.
pub async fn start(data: TempDir, change: impl FnOnce(&mut Config)) -> World {
    let mut config = Config::headless(data.path());
    config.timing.first_restart = Duration::from_millis(1);
    // These packages have no last words.
    config.timing.end_notice = Duration::from_millis(1);
    change(&mut config);
    let deck = Deck::start(config).await.unwrap();
    let mut events = connect_events(&deck).await;
    let state = hear_of_type(&mut events, "state").await;
    let mut world = World { deck, events, earlier: VecDeque::new(), known: Vec::new(), data };
    // The package is faster than the page at times.
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

/// A page that says more of itself in the query.
pub async fn connect_page(deck: &Deck, more: &str) -> Socket {
    let url = format!("{}api/events?token={}{more}", deck.page_url().replace("http", "ws"), deck.token());
    tokio_tungstenite::connect_async(url).await.unwrap().0
}

impl World {
    /// The next event for which `wanted` answers something. Others are skipped.
    pub async fn event<T>(&mut self, wanted: impl Fn(&Value) -> Option<T>) -> T {
        loop {
            let event = match self.earlier.pop_front() {
                Some(event) => event,
                None => {
                    let event = hear(&mut self.events).await;
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

    /// Waits for an instance to be as wanted.
    pub async fn instance(&mut self, wanted: impl Fn(&Value) -> bool) -> Value {
        self.event(|event| Some(event["instance"].clone()).filter(|i| event["type"] == "instance" && wanted(i))).await
    }

    /// Waits for a line of the log.
    pub async fn logged(&mut self, part: &str) -> String {
        self.event(|event| Some(event["message"].as_str()?.to_owned()).filter(|line| line.contains(part))).await
    }

    /// Waits until the package's process has started.
    pub async fn started(&mut self) -> Started {
        let line = self.logged("STARTED").await;
        let words: Vec<&str> = line.splitn(10, ' ').collect();
        assert_eq!([words[2], words[4], words[6], words[8]], ["-port", "-packageUUID", "-registerEvent", "-info"]);
        assert_eq!(words[3], self.deck.socket_port().to_string());
        Started {
            pid: words[1].parse().unwrap(),
            register: json!({"event": words[7], "uuid": words[5]}),
            info: serde_json::from_str(words[9]).unwrap(),
        }
    }

    /// A package that has started and registered.
    pub async fn package(&mut self) -> Socket {
        let started = self.started().await;
        let socket = self.register(&started.register).await;
        self.logged("The package is connected").await;
        socket
    }

    /// A socket that has sent its registration.
    pub async fn register(&self, register: &Value) -> Socket {
        let mut socket = self.connect(None).await.unwrap();
        say(&mut socket, register.clone()).await;
        socket
    }

    /// A socket that has sent nothing yet.
    pub async fn connect(&self, origin: Option<&str>) -> Result<Socket, Error> {
        let mut request = format!("ws://127.0.0.1:{}", self.deck.socket_port()).into_client_request().unwrap();
        if let Some(origin) = origin {
            request.headers_mut().insert("Origin", origin.parse().unwrap());
        }
        tokio_tungstenite::connect_async(request).await.map(|(socket, _)| socket)
    }

    /// Calls the API with its token.
    pub async fn call(&self, method: &str, path: &str, body: Value) -> (u16, Value) {
        let token = format!("X-Deck-Token: {}", self.deck.token());
        let body = if body.is_null() { Vec::new() } else { body.to_string().into_bytes() };
        let port = port_of(&self.deck.page_url());
        let answer = http(port, method, path, &[&format!("Host: 127.0.0.1:{port}"), &token], &body).await;
        (answer.status, serde_json::from_str(&answer.body).unwrap_or_default())
    }

    /// Installs the package, in place of what is there, after a change of its package file.
    pub async fn install(&mut self, change: impl FnOnce(&mut Value)) {
        let token = format!("X-Deck-Token: {}", self.deck.token());
        let port = port_of(&self.deck.page_url());
        let host = format!("Host: 127.0.0.1:{port}");
        let answer = http(port, "POST", "/api/packages", &[&host, &token], &bundle(PATIENT, change)).await;
        assert_eq!(answer.status, 201, "{}", answer.body);
    }

    /// Puts a widget on the Panel; answers its context.
    pub async fn place(&self, widget: &str, column: u8, row: u8) -> String {
        let (status, instance) = self
            .call("POST", "/api/instances", json!({"widget": widget, "layout": 0, "column": column, "row": row}))
            .await;
        assert_eq!(status, 201, "{instance}");
        instance["context"].as_str().unwrap().to_owned()
    }

    /// Opens a view, registers as its page would, and hears its settings. Returns its last argument too.
    pub async fn view(&self, target: Value) -> (Socket, String, Value) {
        let (status, view) = self.call("POST", "/api/views", target).await;
        assert_eq!(status, 201, "{view}");
        let page = self.get_view(view["url"].as_str().unwrap()).await;
        assert_eq!(page.status, 200);
        let call = page
            .body
            .split("connectCreatorCentral(...")
            .nth(1)
            .and_then(|rest| rest.split("));</script>").next())
            .unwrap();
        let call: Value = serde_json::from_str(call).unwrap();
        assert_eq!(call[0], self.deck.socket_port());
        let mut socket = self.register(&json!({"event": call[2], "uuid": call[1]})).await;
        let told = hear_of(&mut socket, "didReceiveWidgetSettings").await;
        assert_eq!(
            (&told["widget"], &told["context"], &told["payload"]),
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

/// An answer over HTTP.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    /// In small letters.
    pub head: String,
    pub body: String,
}

/// A page, at whatever name of this machine it is.
pub async fn load(url: &str) -> Answer {
    let (host, path) = url.strip_prefix("http://").and_then(|rest| rest.split_once('/')).unwrap();
    http(port_of(url), "GET", &format!("/{path}"), &[&format!("Host: {host}")], b"").await
}

/// One request, with nothing in it but what is given: no client that would correct it.
pub async fn http(port: u16, method: &str, path: &str, headers: &[&str], body: &[u8]) -> Answer {
    try_http(port, method, path, headers, body).await.expect("it is answered")
}

/// As [`http`]. None if nobody answers, or not to the end.
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

/// What a browser has once it was let in, as headers of its calls.
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

pub async fn say(socket: &mut Socket, message: Value) {
    try_say(socket, message).await.expect("it is sent");
}

/// As [`say`], to the letter.
pub async fn say_text(socket: &mut Socket, message: &str) {
    socket.send(Message::text(message)).await.expect("it is sent");
}

/// As [`hear`], to the letter.
pub async fn hear_text(socket: &mut Socket) -> String {
    loop {
        let message = tokio::time::timeout(SOON, socket.next()).await.expect("a message comes").expect("it is open");
        if let Message::Text(text) = message.expect("it is open") {
            return text.to_string();
        }
    }
}

/// As [`say`]. None if the other side is gone.
pub async fn try_say(socket: &mut Socket, message: Value) -> Option<()> {
    socket.send(Message::text(message.to_string())).await.ok()
}

/// The next message, as JSON.
pub async fn hear(socket: &mut Socket) -> Value {
    try_hear(socket).await.expect("the socket is open")
}

/// As [`hear`]. None if the other side is gone.
pub async fn try_hear(socket: &mut Socket) -> Option<Value> {
    loop {
        let message = tokio::time::timeout(SOON, socket.next()).await.expect("a message comes")?.ok()?;
        if let Message::Text(text) = message {
            return Some(serde_json::from_str(&text).unwrap());
        }
    }
}

/// The next event of a page, which has to be of this type.
pub async fn hear_of_type(socket: &mut Socket, kind: &str) -> Value {
    let event = hear(socket).await;
    assert_eq!(event["type"], kind, "{event}");
    event
}

/// The next message, which has to be of this name.
pub async fn hear_of(socket: &mut Socket, event: &str) -> Value {
    let message = hear(socket).await;
    assert_eq!(message["event"], event, "{message}");
    message
}

/// Waits until the other side has closed.
pub async fn closed(socket: &mut Socket) {
    let ended = async {
        while let Some(Ok(message)) = socket.next().await {
            assert!(!matches!(message, Message::Text(_)), "closed without a word: {message}");
        }
    };
    tokio::time::timeout(SOON, ended).await.expect("the socket is closed");
}

/// Nothing was sent that hasn't been heard: an answer to a question comes next.
pub async fn nothing_more(socket: &mut Socket) {
    say(socket, json!({"event": "getPackageSettings"})).await;
    hear_of(socket, "didReceivePackageSettings").await;
}

/// Waits until the other side has closed, after messages that may still come.
pub async fn closed_after(socket: &mut Socket, events: &[&str]) {
    for event in events {
        hear_of(socket, event).await;
    }
    closed(socket).await;
}
