//! The real host as a process: the built `creator-deck` with a data folder of its own, used through its documented API.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures_util::{SinkExt as _, StreamExt as _};
use serde_json::{Value, json};
use spotify_sim::{DEMO_CLIENT_ID, DEMO_CLIENT_SECRET, Sim};
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, BufReader};
use tokio::net::TcpStream;
use tokio::process::{Child, Command};
use tokio::task::JoinHandle;
use tokio::time::Instant;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;
use tokio_tungstenite::tungstenite::http::HeaderValue;
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream};

#[cfg(target_os = "linux")]
use crate::Wine;
use crate::host::PACKAGE;
use crate::{SOON, built, http_client};

/// How often something that can't tell by itself is looked at again.
const LOOK_EVERY: Duration = Duration::from_millis(50);

type Socket = WebSocketStream<MaybeTlsStream<TcpStream>>;

/// What outlives a host: its data folder, a home folder, and, outside of both, the private store of secrets.
pub struct DeckHome {
    folder: TempDir,
    #[cfg(target_os = "linux")]
    wine: Option<Wine>,
}

/// How a host is started.
#[derive(Clone, Copy, Debug)]
pub struct Launch<'a> {
    /// The bundles to install first.
    pub bundles: &'a [&'a Path],
    /// Whether packages run within the host's process.
    pub in_process: bool,
    /// `RUST_LOG` of the host and its packages.
    pub log: &'a str,
    /// The browser that runs web packages, which no one sees.
    pub browser: Option<&'a str>,
    /// More for the environment of the host and its packages.
    pub environment: &'a [(&'a str, &'a str)],
}

impl Default for Launch<'_> {
    /// Nothing to install, packages in processes of their own.
    fn default() -> Self {
        Self { bundles: &[], in_process: false, log: "info", browser: None, environment: &[] }
    }
}

impl DeckHome {
    /// An empty one.
    #[must_use]
    #[expect(clippy::new_without_default, reason = "it makes a folder")]
    pub fn new() -> Self {
        Self {
            folder: tempfile::tempdir().expect("a temporary folder"),
            #[cfg(target_os = "linux")]
            wine: None,
        }
    }

    /// An empty one for the Windows build of the host, in a Windows of its own.
    #[cfg(target_os = "linux")]
    #[must_use]
    pub fn on_windows() -> Self {
        Self { wine: Some(Wine::new()), ..Self::new() }
    }

    /// The command of the host, and how it calls a file of this system.
    fn program(&self) -> (Command, fn(&Path) -> String) {
        #[cfg(target_os = "linux")]
        if let Some(wine) = &self.wine {
            return (wine.command(&built::windows_program("creator-deck")), Wine::path);
        }
        (Command::new(built::program("creator-deck")), |path| path.display().to_string())
    }

    /// Its Windows.
    ///
    /// # Panics
    /// If it has none.
    #[cfg(target_os = "linux")]
    #[must_use]
    pub fn wine(&self) -> &Wine {
        self.wine.as_ref().expect("a host for Windows")
    }

    /// Ends everything that runs in its Windows, and answers the registry, where the credential store is.
    ///
    /// # Panics
    /// If it has no Windows.
    #[cfg(target_os = "linux")]
    #[must_use]
    pub fn into_registry(self) -> String {
        self.wine.expect("a host for Windows").into_registry()
    }

    /// The folder that all the others lie in.
    #[must_use]
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// The host's data folder.
    #[must_use]
    pub fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    /// The private file in which the Spotify package keeps its secrets.
    #[must_use]
    pub fn secrets(&self) -> PathBuf {
        self.folder.path().join("secrets.json")
    }

    /// Starts a host with the Spotify bundle, each package in a process of its own.
    pub async fn start(&self, spotify: &Sim) -> DeckProcess {
        self.launch(spotify, Launch { bundles: &[built::bundle()], ..Launch::default() }).await
    }

    /// The command of a host without a browser against a simulated Spotify, and how it calls a file of this system.
    fn command(&self, spotify: &Sim, log: &str) -> (Command, fn(&Path) -> String) {
        let home = self.folder.path().join("home");
        std::fs::create_dir_all(&home).expect("a home folder");
        let (mut command, path) = self.program();
        command
            .arg("--headless")
            // The simulated covers are on this computer.
            .args(["--allow", spotify.page_url().trim_end_matches('/')])
            .env("HOME", &home)
            .env("XDG_DATA_HOME", home.join("share"))
            .env("SPOTIFY_WIDGETS_LOG", path(&home.join("logs")))
            .env("SPOTIFY_API_URL", spotify.api_url())
            .env("SPOTIFY_ACCOUNTS_URL", spotify.accounts_url())
            .env("SPOTIFY_WIDGETS_STORE", format!("file:{}", path(&self.secrets())))
            .env("RUST_LOG", log);
        (command, path)
    }

    /// Runs a script as its author does, on an empty Panel, with the accounts that are linked in this home. Returns its
    /// exit code and what it has said.
    pub async fn run_script(&self, spotify: &Sim, bundle: &Path, script: &Path) -> (Option<i32>, String) {
        let (mut command, path) = self.command(spotify, "off");
        command.args(["--install", &path(bundle), "--script", &path(script)]).stdin(Stdio::null()).kill_on_drop(true);
        let output = tokio::time::timeout(SOON, command.output()).await.expect("it ends").expect("it starts");
        (output.status.code(), String::from_utf8(output.stdout).expect("text"))
    }

    /// Starts a host against a simulated Spotify and waits until its page is there.
    pub async fn launch(&self, spotify: &Sim, launch: Launch<'_>) -> DeckProcess {
        let Launch { bundles, in_process, log, browser, environment } = launch;
        let (mut command, path) = self.command(spotify, log);
        command
            .arg("--data")
            .arg(path(&self.data()))
            .args(in_process.then_some("--in-process"))
            .args(browser.into_iter().flat_map(|browser| ["--browser", browser]))
            .args(bundles.iter().flat_map(|bundle| ["--install".to_owned(), path(bundle)]))
            .envs(environment.iter().copied())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true);
        #[cfg(unix)]
        command.process_group(0);
        let child = command.spawn().expect("the host starts");
        let pid = child.id().expect("it runs");
        // Made first, so that a host that fails to start is cleared away and heard.
        let mut deck = DeckProcess {
            child,
            pid,
            page: String::new(),
            origin: String::new(),
            token: String::new(),
            http: http_client(),
            said: Arc::default(),
            reader: None,
        };
        let mut stderr = deck.child.stderr.take().expect("piped");
        let said = deck.said.clone();
        deck.reader = Some(tokio::spawn(async move {
            let mut part = vec![0; 64 << 10];
            while let Ok(length @ 1..) = stderr.read(&mut part).await {
                said.lock().unwrap_or_else(PoisonError::into_inner).extend_from_slice(&part[..length]);
            }
        }));
        let mut stdout = BufReader::new(deck.child.stdout.take().expect("piped"));
        let mut ready = String::new();
        tokio::time::timeout(SOON, stdout.read_line(&mut ready)).await.expect("the host is ready").expect("a line");
        deck.page = ready
            .trim()
            .strip_prefix("Creator Deck is ready: ")
            .unwrap_or_else(|| panic!("{ready:?} is no address"))
            .to_owned();
        let access = std::fs::read(self.data().join("api.json")).expect("the API is told to programs");
        let access: Value = serde_json::from_slice(&access).expect("JSON");
        deck.origin = access["url"].as_str().expect("an address").to_owned();
        deck.token = access["token"].as_str().expect("a token").to_owned();
        deck
    }
}

/// A running host, with everything that it has started: they go together.
pub struct DeckProcess {
    child: Child,
    pid: u32,
    page: String,
    origin: String,
    token: String,
    http: reqwest::Client,
    said: Arc<Mutex<Vec<u8>>>,
    reader: Option<JoinHandle<()>>,
}

impl DeckProcess {
    /// The address of its page, with the key that lets one browser in.
    #[must_use]
    pub fn page(&self) -> &str {
        &self.page
    }

    /// The address of its page without a key, ending in a slash.
    #[must_use]
    pub fn origin(&self) -> &str {
        &self.origin
    }

    /// What calls of its API carry in `X-Deck-Token`.
    #[must_use]
    pub fn token(&self) -> &str {
        &self.token
    }

    /// Its process id.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.pid
    }

    /// What it has written to stderr so far, and its packages through it.
    #[must_use]
    pub fn stderr(&self) -> Vec<u8> {
        self.said.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Whether it has not ended.
    pub fn runs(&mut self) -> bool {
        self.child.try_wait().expect("its state is known").is_none()
    }

    /// Asks it to end, as a system does, and waits until it has ended well. Returns all that it has written to stderr.
    #[cfg(unix)]
    pub async fn terminate(mut self) -> Vec<u8> {
        signal(self.pid, rustix::process::Signal::TERM);
        assert!(self.ended().await.success(), "it ends well when asked to");
        if let Some(reader) = self.reader.take() {
            tokio::time::timeout(SOON, reader).await.expect("stderr is closed").expect("it is read");
        }
        self.stderr()
    }

    /// Kills the process, and nothing that it has started, with no chance to clean up.
    #[cfg(unix)]
    pub async fn kill(&mut self) -> std::process::ExitStatus {
        signal(self.pid, rustix::process::Signal::KILL);
        self.ended().await
    }

    #[cfg(unix)]
    async fn ended(&mut self) -> std::process::ExitStatus {
        tokio::time::timeout(SOON, self.child.wait()).await.expect("the host ends").expect("a status")
    }

    fn api(&self, method: reqwest::Method, path: &str) -> reqwest::RequestBuilder {
        self.http.request(method, format!("{}api/{path}", self.origin)).header("X-Deck-Token", &self.token)
    }

    /// Calls the API: `GET /api/{path}`.
    pub async fn get(&self, path: &str) -> Value {
        answer(self.api(reqwest::Method::GET, path)).await
    }

    /// Calls the API: `POST /api/{path}`. Null where the answer has no body.
    pub async fn post(&self, path: &str, body: Value) -> Value {
        answer(self.api(reqwest::Method::POST, path).json(&body)).await
    }

    /// Calls the API with another method, as its page does.
    pub async fn call(&self, method: &str, path: &str, body: impl Into<reqwest::Body>) -> Value {
        let method = method.parse().expect("a method");
        answer(self.api(method, path).body(body)).await
    }

    /// The messages between host and packages with a number above this one, of this package.
    pub async fn messages(&self, package: &str, after: u64) -> Vec<Value> {
        let mut answer = self.get(&format!("messages?after={after}")).await;
        let messages = answer["messages"].as_array_mut().map(std::mem::take).unwrap_or_default();
        messages.into_iter().filter(|message| message["package"] == package).collect()
    }

    /// The number of the newest message.
    pub async fn last_message(&self) -> u64 {
        self.get("messages?after=0").await["last"].as_u64().expect("a number")
    }

    /// Installs a bundle, as its page does.
    pub async fn install(&self, bundle: &Path) -> Value {
        let bytes = std::fs::read(bundle).expect("the bundle is there");
        answer(self.api(reqwest::Method::POST, "packages").body(bytes)).await
    }

    /// Puts a widget (its whole UUID) on the Panel in its first layout. Returns its context.
    pub async fn place(&self, widget: &str, column: u32, row: u32) -> String {
        let place = json!({"widget": widget, "layout": 0, "column": column, "row": row});
        let instance = self.post("instances", place).await;
        instance["context"].as_str().expect("a context").to_owned()
    }

    /// Presses and releases a key.
    pub async fn press(&self, context: &str) {
        self.post(&format!("instances/{context}/press"), json!({"phase": "tap"})).await;
    }

    /// An instance as the page sees it; null if there is none.
    pub async fn instance(&self, context: &str) -> Value {
        let mut state = self.get("state").await;
        let instances = state["instances"].as_array_mut().map(std::mem::take).unwrap_or_default();
        instances.into_iter().find(|instance| instance["context"] == context).unwrap_or_default()
    }

    /// Waits until an instance is as wanted; answers it.
    pub async fn instance_until(&self, context: &str, what: &str, fits: impl Fn(&Value) -> bool) -> Value {
        until(what, async || {
            let instance = self.instance(context).await;
            let seen = format!("description {}, settings aside", instance["description"]);
            if fits(&instance) { Ok(instance) } else { Err(seen) }
        })
        .await
    }

    /// Waits until an instance's picture is described by words that contain `words`; answers the instance.
    pub async fn shows(&self, context: &str, words: &str) -> Value {
        self.instance_until(context, &format!("{context} shows {words:?}"), |instance| {
            instance["description"].as_str().is_some_and(|said| said.contains(words))
        })
        .await
    }

    /// The messages of its log.
    pub async fn log(&self) -> Vec<String> {
        let log = self.get("log").await;
        let entries = log["entries"].as_array().expect("entries");
        entries.iter().filter_map(|entry| entry["message"].as_str().map(str::to_owned)).collect()
    }

    /// Waits until a line of its log contains `words`.
    pub async fn logs(&self, words: &str) {
        until(&format!("the log says {words:?}"), async || {
            let log = self.log().await;
            if log.iter().any(|line| line.contains(words)) { Ok(()) } else { Err(log.join("\n")) }
        })
        .await;
    }

    /// Listens to what the host tells its page.
    pub async fn events(&self) -> PageEvents {
        let address = self.origin.replacen("http", "ws", 1);
        let url = format!("{address}api/events?token={}", self.token);
        let (socket, _) = tokio_tungstenite::connect_async(url).await.expect("the events");
        PageEvents(socket)
    }

    /// Opens a package's settings page.
    pub async fn settings_page(&self, package: &str) -> View {
        self.view(json!({"package": package})).await
    }

    /// Opens an instance's property view.
    pub async fn property_view(&self, context: &str) -> View {
        self.view(json!({"context": context})).await
    }

    /// Does what a browser does with a view: load it, and register with what the host has written into it.
    async fn view(&self, of: Value) -> View {
        let opened = self.post("views", of).await;
        let url = opened["url"].as_str().expect("an address");
        // Browsers resolve packages' names by themselves, and few systems do.
        let mut address = reqwest::Url::parse(url).expect("an address");
        let host = format!("{}:{}", address.host_str().expect("a name"), address.port().expect("a port"));
        let origin = format!("http://{host}");
        address.set_host(Some("127.0.0.1")).expect("a host");
        let page = self.http.get(address).header("Host", host).send().await.expect("a page");
        let page = page.text().await.expect("text");
        let (_, call) = page.split_once("connectCreatorCentral(...").expect("the page is called");
        let (arguments, _) = call.split_once("));</script>").expect("a whole call");
        let arguments: Value = serde_json::from_str(arguments).expect("arguments in JSON");
        let (port, name, event) = (&arguments[0], &arguments[1], &arguments[2]);
        assert_eq!(name, &opened["view"], "the page registers as itself");
        let mut request = format!("ws://127.0.0.1:{port}/").into_client_request().expect("an address");
        let origin = HeaderValue::from_str(&origin).expect("an origin");
        request.headers_mut().insert("Origin", origin);
        let (socket, _) = tokio_tungstenite::connect_async(request).await.expect("the socket lets the page in");
        let port = u16::try_from(port.as_u64().expect("a number")).expect("a port");
        let name = name.as_str().expect("a name").to_owned();
        let mut view = View { socket, info: arguments[4].clone(), port, name };
        view.say_frame(Message::text(json!({"event": event, "uuid": view.name}).to_string())).await;
        view
    }

    /// Links Spotify as a user does with the settings page and a browser. Returns the linked account.
    pub async fn link(&self, spotify: &Sim) -> Value {
        let mut events = self.events().await;
        let mut page = self.settings_page(PACKAGE).await;
        page.says(json!({
            "command": "saveAccount", "clientId": DEMO_CLIENT_ID, "clientSecret": DEMO_CLIENT_SECRET, "redirect": "loopback",
        }))
        .await;
        let account = page.account_is("needsLogin").await;
        page.says(json!({"command": "login", "id": account["id"]})).await;
        let open = events.hear("openUrl").await;
        assert_eq!(open["package"], PACKAGE);
        let back = spotify.consent(open["url"].as_str().expect("an address"), true).expect("the consent page takes it");
        let answer = self.http.get(back).send().await.expect("the listener answers");
        assert!(answer.status().is_success());
        assert!(answer.text().await.expect("a page").contains("linked"));
        page.account_is("linked").await
    }

    /// The process ids of the packages that it runs: its children.
    #[cfg(target_os = "linux")]
    #[must_use]
    pub fn packages(&self) -> Vec<u32> {
        let processes = std::fs::read_dir("/proc").expect("the processes").flatten();
        let numbers = processes.filter_map(|process| process.file_name().to_str()?.parse::<u32>().ok());
        numbers.filter(|pid| parent(*pid) == Some(self.pid)).collect()
    }

    /// The process id of the only package.
    #[cfg(target_os = "linux")]
    pub async fn package(&self) -> u32 {
        until("one package process", async || {
            let packages = self.packages();
            if let [package] = packages[..] { Ok(package) } else { Err(format!("{packages:?}")) }
        })
        .await
    }
}

impl Drop for DeckProcess {
    fn drop(&mut self) {
        // A package outlives a killed host by a moment; the group is what both are in.
        #[cfg(unix)]
        if let Some(group) = rustix::process::Pid::from_raw(self.pid.cast_signed()) {
            let _ = rustix::process::kill_process_group(group, rustix::process::Signal::KILL);
        }
        if let Some(reader) = &self.reader {
            reader.abort();
        }
        if std::thread::panicking() {
            let said = String::from_utf8_lossy(&self.stderr()).into_owned();
            let lines: Vec<_> = said.lines().collect();
            eprintln!("the host's last words:\n{}", lines[lines.len().saturating_sub(40)..].join("\n"));
        }
    }
}

/// What the host tells its page.
pub struct PageEvents(Socket);

impl PageEvents {
    /// The next event of a type.
    pub async fn hear(&mut self, kind: &str) -> Value {
        loop {
            let event = hear(&mut self.0, kind).await;
            if event["type"] == kind {
                return event;
            }
        }
    }
}

/// A package's settings page or property view without its looks.
pub struct View {
    socket: Socket,
    info: Value,
    port: u16,
    name: String,
}

impl View {
    /// The settings that the host wrote into the page.
    #[must_use]
    pub fn settings(&self) -> &Value {
        &self.info["payload"]["settings"]
    }

    /// Stores settings and waits until the host has taken them.
    pub async fn stores(&mut self, settings: Value) {
        self.tells("setWidgetSettings", settings.clone()).await;
        loop {
            let message = hear(&mut self.socket, "the settings are taken").await;
            if message["event"] == "didReceiveWidgetSettings" && message["payload"] == settings {
                return;
            }
        }
    }

    async fn tells(&mut self, event: &str, payload: Value) {
        let message = json!({
            "event": event, "widget": self.info["widget"], "context": self.info["context"], "payload": payload,
        });
        self.say_frame(Message::text(message.to_string())).await;
    }

    /// The name that the host gave it, its propertyViewUUID.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Port of the package socket.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Sends a frame as it is.
    pub async fn say_frame(&mut self, frame: Message) {
        self.socket.send(frame).await.expect("sent");
    }

    /// Sends to the package.
    pub async fn says(&mut self, payload: Value) {
        self.tells("sendToPackage", payload).await;
    }

    /// Waits for a message of the package that fits.
    pub async fn hears<T>(&mut self, what: &str, fits: impl Fn(&Value) -> Option<T>) -> T {
        loop {
            let message = hear(&mut self.socket, what).await;
            if message["event"] == "sendToPropertyView"
                && let Some(found) = fits(&message["payload"])
            {
                return found;
            }
        }
    }

    /// Waits until the only account is in a state; answers it.
    pub async fn account_is(&mut self, state: &str) -> Value {
        self.hears(&format!("the account is {state}"), |event| {
            let account = event.get("accounts")?.get(0)?;
            (account["state"] == state).then(|| account.clone())
        })
        .await
    }

    /// The connection beneath the WebSocket, for frames that no WebSocket library sends.
    #[must_use]
    pub fn into_stream(self) -> MaybeTlsStream<TcpStream> {
        self.socket.into_inner()
    }
}

async fn hear(socket: &mut Socket, what: &str) -> Value {
    loop {
        let message = tokio::time::timeout(SOON, socket.next()).await;
        let message = message.unwrap_or_else(|_| panic!("waited in vain: {what}"));
        match message.unwrap_or_else(|| panic!("closed before: {what}")).expect("a whole frame") {
            Message::Text(text) => return serde_json::from_str(&text).expect("JSON"),
            Message::Close(_) => panic!("closed before: {what}"),
            _ => {}
        }
    }
}

async fn answer(request: reqwest::RequestBuilder) -> Value {
    let answer = request.send().await.expect("the API answers");
    let (address, status) = (answer.url().to_string(), answer.status());
    let text = answer.text().await.expect("text");
    assert!(status.is_success(), "{address}: {status} {text}");
    if text.is_empty() { Value::Null } else { serde_json::from_str(&text).expect("JSON") }
}

/// Looks again and again until `look` finds something; its errors say what is there instead.
pub async fn until<T>(what: &str, look: impl AsyncFn() -> Result<T, String>) -> T {
    let end = Instant::now() + SOON;
    loop {
        match look().await {
            Ok(found) => return found,
            Err(seen) if Instant::now() > end => panic!("waited in vain: {what}; there is instead: {seen}"),
            Err(_) => tokio::time::sleep(LOOK_EVERY).await,
        }
    }
}

#[cfg(unix)]
fn signal(pid: u32, signal: rustix::process::Signal) {
    let pid = rustix::process::Pid::from_raw(pid.cast_signed()).expect("a process id");
    rustix::process::kill_process(pid, signal).expect("the process is there");
}

/// Kills a process with no chance to clean up.
#[cfg(unix)]
pub fn kill(pid: u32) {
    signal(pid, rustix::process::Signal::KILL);
}

/// A process's parent, while it runs. A dead process that nobody has asked about yet does not count.
#[cfg(target_os = "linux")]
fn parent(pid: u32) -> Option<u32> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let field = |name: &str| status.lines().find_map(|line| line.strip_prefix(name)).map(str::trim);
    if field("State:").is_some_and(|state| state.starts_with('Z')) {
        return None;
    }
    field("PPid:")?.parse().ok()
}

/// Whether a process runs.
#[cfg(target_os = "linux")]
#[must_use]
pub fn is_alive(pid: u32) -> bool {
    parent(pid).is_some()
}
