//! The real host: the built `creator-deck` as a process with its own data folder, controlled through its documented API.

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
use crate::{TIMEOUT, built, http_client};

/// The interval of [`wait_until`]'s checks.
const CHECK_INTERVAL: Duration = Duration::from_millis(50);

type Socket = WebSocketStream<MaybeTlsStream<TcpStream>>;

/// The folders that outlive a host: its data folder, a home folder, and, outside of both, the private store of secrets.
pub struct DeckHome {
    folder: TempDir,
    #[cfg(target_os = "linux")]
    wine: Option<Wine>,
}

/// Options for starting a host.
#[derive(Clone, Copy, Debug)]
pub struct Launch<'a> {
    /// The bundles to install first.
    pub bundles: &'a [&'a Path],
    /// Whether packages run in the host's process.
    pub in_process: bool,
    /// `RUST_LOG` of the host and its packages.
    pub log: &'a str,
    /// The headless browser that runs web packages.
    pub browser: Option<&'a str>,
    /// Additional environment variables of the host and its packages.
    pub environment: &'a [(&'a str, &'a str)],
}

impl Default for Launch<'_> {
    /// Installs nothing and runs packages in their own processes.
    fn default() -> Self {
        Self { bundles: &[], in_process: false, log: "info", browser: None, environment: &[] }
    }
}

impl DeckHome {
    /// Creates empty folders.
    #[must_use]
    #[expect(clippy::new_without_default, reason = "it creates a folder")]
    pub fn new() -> Self {
        Self {
            folder: tempfile::tempdir().expect("a temporary folder"),
            #[cfg(target_os = "linux")]
            wine: None,
        }
    }

    /// Creates empty folders for the Windows build of the host, with its own Wine prefix.
    #[cfg(target_os = "linux")]
    #[must_use]
    pub fn on_windows() -> Self {
        Self { wine: Some(Wine::new()), ..Self::new() }
    }

    /// Returns the command of the host, and a function that converts paths for it.
    fn program(&self) -> (Command, fn(&Path) -> String) {
        #[cfg(target_os = "linux")]
        if let Some(wine) = &self.wine {
            return (wine.command(&built::windows_program("creator-deck")), Wine::path);
        }
        (Command::new(built::program("creator-deck")), |path| path.display().to_string())
    }

    /// Returns its Wine prefix.
    ///
    /// # Panics
    /// If it has none.
    #[cfg(target_os = "linux")]
    #[must_use]
    pub fn wine(&self) -> &Wine {
        self.wine.as_ref().expect("a host for Windows")
    }

    /// Ends everything that runs in its Wine prefix and returns the registry, which contains the credential store.
    ///
    /// # Panics
    /// If it has no Wine prefix.
    #[cfg(target_os = "linux")]
    #[must_use]
    pub fn into_registry(self) -> String {
        self.wine.expect("a host for Windows").into_registry()
    }

    /// Returns the folder that contains all others.
    #[must_use]
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Returns the host's data folder.
    #[must_use]
    pub fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    /// Returns the private file in which the Spotify package keeps its secrets.
    #[must_use]
    pub fn secrets(&self) -> PathBuf {
        self.folder.path().join("secrets.json")
    }

    /// Starts a host with the Spotify bundle, each package in its own process.
    pub async fn start(&self, spotify: &Sim) -> DeckProcess {
        self.launch(spotify, Launch { bundles: &[built::bundle()], ..Launch::default() }).await
    }

    /// Returns the command of a host without a browser against a simulated Spotify, and a function that converts paths for it.
    fn command(&self, spotify: &Sim, log: &str) -> (Command, fn(&Path) -> String) {
        let home = self.folder.path().join("home");
        std::fs::create_dir_all(&home).expect("a home folder");
        let (mut command, path) = self.program();
        command
            .arg("--headless")
            // The simulated covers are served from this computer.
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

    /// Runs a script on an empty Panel, with the accounts that are linked in this home. Returns its exit code and output.
    pub async fn run_script(&self, spotify: &Sim, bundle: &Path, script: &Path) -> (Option<i32>, String) {
        let (mut command, path) = self.command(spotify, "off");
        command.args(["--install", &path(bundle), "--script", &path(script)]).stdin(Stdio::null()).kill_on_drop(true);
        let output = tokio::time::timeout(TIMEOUT, command.output()).await.expect("it ends").expect("it starts");
        (output.status.code(), String::from_utf8(output.stdout).expect("text"))
    }

    /// Starts a host against a simulated Spotify and waits until its page is available.
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
        // Created before the waits, so that a host that fails to start is killed and its output printed.
        let mut deck = DeckProcess {
            child,
            pid,
            page: String::new(),
            origin: String::new(),
            token: String::new(),
            http: http_client(),
            stderr: Arc::default(),
            reader: None,
        };
        let mut pipe = deck.child.stderr.take().expect("piped");
        let output = deck.stderr.clone();
        deck.reader = Some(tokio::spawn(async move {
            let mut part = vec![0; 64 << 10];
            while let Ok(length @ 1..) = pipe.read(&mut part).await {
                output.lock().unwrap_or_else(PoisonError::into_inner).extend_from_slice(&part[..length]);
            }
        }));
        let mut stdout = BufReader::new(deck.child.stdout.take().expect("piped"));
        let mut ready = String::new();
        tokio::time::timeout(TIMEOUT, stdout.read_line(&mut ready)).await.expect("the host is ready").expect("a line");
        deck.page = ready
            .trim()
            .strip_prefix("Creator Deck is ready: ")
            .unwrap_or_else(|| panic!("{ready:?} is no address"))
            .to_owned();
        let access = std::fs::read(self.data().join("api.json")).expect("the file with the API's address");
        let access: Value = serde_json::from_slice(&access).expect("JSON");
        deck.origin = access["url"].as_str().expect("an address").to_owned();
        deck.token = access["token"].as_str().expect("a token").to_owned();
        deck
    }
}

/// A running host with everything that it has started; dropping it kills them.
pub struct DeckProcess {
    child: Child,
    pid: u32,
    page: String,
    origin: String,
    token: String,
    http: reqwest::Client,
    stderr: Arc<Mutex<Vec<u8>>>,
    reader: Option<JoinHandle<()>>,
}

impl DeckProcess {
    /// Returns the address of its page, with the one-time key for a browser.
    #[must_use]
    pub fn page(&self) -> &str {
        &self.page
    }

    /// Returns the address of its page without the key, ending in a slash.
    #[must_use]
    pub fn origin(&self) -> &str {
        &self.origin
    }

    /// Returns the token for the API's header `X-Deck-Token`.
    #[must_use]
    pub fn token(&self) -> &str {
        &self.token
    }

    /// Returns its process id.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.pid
    }

    /// Returns what it and its packages have written to stderr so far.
    #[must_use]
    pub fn stderr(&self) -> Vec<u8> {
        self.stderr.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Returns whether it is running.
    pub fn is_running(&mut self) -> bool {
        self.child.try_wait().expect("its state is known").is_none()
    }

    /// Sends SIGTERM and waits until it has exited successfully. Returns everything that it has written to stderr.
    #[cfg(unix)]
    pub async fn terminate(mut self) -> Vec<u8> {
        signal(self.pid, rustix::process::Signal::TERM);
        assert!(self.wait_for_exit().await.success(), "SIGTERM ends it successfully");
        if let Some(reader) = self.reader.take() {
            tokio::time::timeout(TIMEOUT, reader).await.expect("stderr is closed").expect("it is read");
        }
        self.stderr()
    }

    /// Kills the process with SIGKILL, but nothing that it has started.
    #[cfg(unix)]
    pub async fn kill(&mut self) -> std::process::ExitStatus {
        signal(self.pid, rustix::process::Signal::KILL);
        self.wait_for_exit().await
    }

    #[cfg(unix)]
    async fn wait_for_exit(&mut self) -> std::process::ExitStatus {
        tokio::time::timeout(TIMEOUT, self.child.wait()).await.expect("the host ends").expect("a status")
    }

    fn api(&self, method: reqwest::Method, path: &str) -> reqwest::RequestBuilder {
        self.http.request(method, format!("{}api/{path}", self.origin)).header("X-Deck-Token", &self.token)
    }

    /// Calls the API: `GET /api/{path}`.
    pub async fn get(&self, path: &str) -> Value {
        answer(self.api(reqwest::Method::GET, path)).await
    }

    /// Calls the API: `POST /api/{path}`. Returns null if the answer has no body.
    pub async fn post(&self, path: &str, body: Value) -> Value {
        answer(self.api(reqwest::Method::POST, path).json(&body)).await
    }

    /// Calls the API with another method.
    pub async fn call(&self, method: &str, path: &str, body: impl Into<reqwest::Body>) -> Value {
        let method = method.parse().expect("a method");
        answer(self.api(method, path).body(body)).await
    }

    /// Returns the messages between the host and a package whose numbers are above `after`.
    pub async fn messages(&self, package: &str, after: u64) -> Vec<Value> {
        let mut answer = self.get(&format!("messages?after={after}")).await;
        let messages = answer["messages"].as_array_mut().map(std::mem::take).unwrap_or_default();
        messages.into_iter().filter(|message| message["package"] == package).collect()
    }

    /// Returns the number of the newest message.
    pub async fn last_message(&self) -> u64 {
        self.get("messages?after=0").await["last"].as_u64().expect("a number")
    }

    /// Installs a bundle, as its page does.
    pub async fn install(&self, bundle: &Path) -> Value {
        let bytes = std::fs::read(bundle).expect("the bundle exists");
        answer(self.api(reqwest::Method::POST, "packages").body(bytes)).await
    }

    /// Places a widget (by its full UUID) on the Panel in its first layout and returns its context.
    pub async fn place(&self, widget: &str, column: u32, row: u32) -> String {
        let place = json!({"widget": widget, "layout": 0, "column": column, "row": row});
        let instance = self.post("instances", place).await;
        instance["context"].as_str().expect("a context").to_owned()
    }

    /// Presses and releases a key.
    pub async fn press(&self, context: &str) {
        self.post(&format!("instances/{context}/press"), json!({"phase": "tap"})).await;
    }

    /// Returns an instance's state, or null if there is none.
    pub async fn instance(&self, context: &str) -> Value {
        let mut state = self.get("state").await;
        let instances = state["instances"].as_array_mut().map(std::mem::take).unwrap_or_default();
        instances.into_iter().find(|instance| instance["context"] == context).unwrap_or_default()
    }

    /// Waits until an instance satisfies `fits` and returns it.
    pub async fn wait_for_instance(&self, context: &str, what: &str, fits: impl Fn(&Value) -> bool) -> Value {
        wait_until(what, async || {
            let instance = self.instance(context).await;
            let state = format!("description {}", instance["description"]);
            if fits(&instance) { Ok(instance) } else { Err(state) }
        })
        .await
    }

    /// Waits until the description of an instance's picture contains `words` and returns the instance.
    pub async fn wait_until_shows(&self, context: &str, words: &str) -> Value {
        self.wait_for_instance(context, &format!("{context} shows {words:?}"), |instance| {
            instance["description"].as_str().is_some_and(|description| description.contains(words))
        })
        .await
    }

    /// Returns the messages of its log.
    pub async fn log(&self) -> Vec<String> {
        let log = self.get("log").await;
        let entries = log["entries"].as_array().expect("entries");
        entries.iter().filter_map(|entry| entry["message"].as_str().map(str::to_owned)).collect()
    }

    /// Waits until a line of its log contains `words`.
    pub async fn wait_for_log(&self, words: &str) {
        wait_until(&format!("the log contains {words:?}"), async || {
            let log = self.log().await;
            if log.iter().any(|line| line.contains(words)) { Ok(()) } else { Err(log.join("\n")) }
        })
        .await;
    }

    /// Subscribes to the host's events for its page.
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

    /// Opens a view as a browser does: loads it and registers with the arguments that the host has written into it.
    async fn view(&self, of: Value) -> View {
        let opened = self.post("views", of).await;
        let url = opened["url"].as_str().expect("an address");
        // Browsers resolve names below localhost themselves, but few systems do.
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
        view.send_frame(Message::text(json!({"event": event, "uuid": view.name}).to_string())).await;
        view
    }

    /// Links Spotify as a user does with the settings page and a browser, and returns the account.
    pub async fn link(&self, spotify: &Sim) -> Value {
        let mut events = self.events().await;
        let mut page = self.settings_page(PACKAGE).await;
        page.send(json!({
            "command": "saveAccount", "clientId": DEMO_CLIENT_ID, "clientSecret": DEMO_CLIENT_SECRET, "redirect": "loopback",
        }))
        .await;
        let account = page.wait_for_account_state("needsLogin").await;
        page.send(json!({"command": "login", "id": account["id"]})).await;
        let open = events.wait_for("openUrl").await;
        assert_eq!(open["package"], PACKAGE);
        let back = spotify.consent(open["url"].as_str().expect("an address"), true).expect("the consent page takes it");
        let answer = self.http.get(back).send().await.expect("the listener answers");
        assert!(answer.status().is_success());
        assert!(answer.text().await.expect("a page").contains("linked"));
        page.wait_for_account_state("linked").await
    }

    /// Returns the process ids of its children, which are the packages.
    #[cfg(target_os = "linux")]
    #[must_use]
    pub fn packages(&self) -> Vec<u32> {
        let processes = std::fs::read_dir("/proc").expect("the processes").flatten();
        let numbers = processes.filter_map(|process| process.file_name().to_str()?.parse::<u32>().ok());
        numbers.filter(|pid| parent(*pid) == Some(self.pid)).collect()
    }

    /// Waits until there is exactly one package and returns its process id.
    #[cfg(target_os = "linux")]
    pub async fn package(&self) -> u32 {
        wait_until("one package process", async || {
            let packages = self.packages();
            if let [package] = packages[..] { Ok(package) } else { Err(format!("{packages:?}")) }
        })
        .await
    }
}

impl Drop for DeckProcess {
    fn drop(&mut self) {
        // A package outlives a killed host for a moment, so the whole process group is killed.
        #[cfg(unix)]
        if let Some(group) = rustix::process::Pid::from_raw(self.pid.cast_signed()) {
            let _ = rustix::process::kill_process_group(group, rustix::process::Signal::KILL);
        }
        if let Some(reader) = &self.reader {
            reader.abort();
        }
        if std::thread::panicking() {
            let stderr = String::from_utf8_lossy(&self.stderr()).into_owned();
            let lines: Vec<_> = stderr.lines().collect();
            eprintln!("the end of the host's stderr:\n{}", lines[lines.len().saturating_sub(40)..].join("\n"));
        }
    }
}

/// The host's events for its page.
pub struct PageEvents(Socket);

impl PageEvents {
    /// Waits for the next event of a type.
    pub async fn wait_for(&mut self, kind: &str) -> Value {
        loop {
            let event = receive(&mut self.0, kind).await;
            if event["type"] == kind {
                return event;
            }
        }
    }
}

/// The socket of a package's settings page or property view.
pub struct View {
    socket: Socket,
    info: Value,
    port: u16,
    name: String,
}

impl View {
    /// Returns the settings that the host has written into the page.
    #[must_use]
    pub fn settings(&self) -> &Value {
        &self.info["payload"]["settings"]
    }

    /// Stores settings and waits until the host has confirmed them.
    pub async fn store_settings(&mut self, settings: Value) {
        self.send_event("setWidgetSettings", settings.clone()).await;
        loop {
            let message = receive(&mut self.socket, "the settings are confirmed").await;
            if message["event"] == "didReceiveWidgetSettings" && message["payload"] == settings {
                return;
            }
        }
    }

    async fn send_event(&mut self, event: &str, payload: Value) {
        let message = json!({
            "event": event, "widget": self.info["widget"], "context": self.info["context"], "payload": payload,
        });
        self.send_frame(Message::text(message.to_string())).await;
    }

    /// Returns its propertyViewUUID, which the host has assigned.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Returns the port of the package socket.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Sends a frame.
    pub async fn send_frame(&mut self, frame: Message) {
        self.socket.send(frame).await.expect("sent");
    }

    /// Sends a message to the package.
    pub async fn send(&mut self, payload: Value) {
        self.send_event("sendToPackage", payload).await;
    }

    /// Waits for a message of the package that `fits` accepts, and returns its result.
    pub async fn wait_for_message<T>(&mut self, what: &str, fits: impl Fn(&Value) -> Option<T>) -> T {
        loop {
            let message = receive(&mut self.socket, what).await;
            if message["event"] == "sendToPropertyView"
                && let Some(found) = fits(&message["payload"])
            {
                return found;
            }
        }
    }

    /// Waits until the only account is in a state, and returns the account.
    pub async fn wait_for_account_state(&mut self, state: &str) -> Value {
        self.wait_for_message(&format!("the account is {state}"), |event| {
            let account = event.get("accounts")?.get(0)?;
            (account["state"] == state).then(|| account.clone())
        })
        .await
    }

    /// Returns the connection below the WebSocket, for frames that no WebSocket library sends.
    #[must_use]
    pub fn into_stream(self) -> MaybeTlsStream<TcpStream> {
        self.socket.into_inner()
    }
}

async fn receive(socket: &mut Socket, what: &str) -> Value {
    loop {
        let message = tokio::time::timeout(TIMEOUT, socket.next()).await;
        let message = message.unwrap_or_else(|_| panic!("timed out: {what}"));
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

/// Repeats a check until it succeeds, and returns its result. The error of the last check describes the state and becomes
/// part of the panic message.
pub async fn wait_until<T>(what: &str, check: impl AsyncFn() -> Result<T, String>) -> T {
    let end = Instant::now() + TIMEOUT;
    loop {
        match check().await {
            Ok(result) => return result,
            Err(state) if Instant::now() > end => panic!("timed out: {what}; instead: {state}"),
            Err(_) => tokio::time::sleep(CHECK_INTERVAL).await,
        }
    }
}

#[cfg(unix)]
fn signal(pid: u32, signal: rustix::process::Signal) {
    let pid = rustix::process::Pid::from_raw(pid.cast_signed()).expect("a process id");
    rustix::process::kill_process(pid, signal).expect("the process exists");
}

/// Kills a process with SIGKILL.
#[cfg(unix)]
pub fn kill(pid: u32) {
    signal(pid, rustix::process::Signal::KILL);
}

/// Returns the parent of a running process, or `None` for one that has ended, zombies included.
#[cfg(target_os = "linux")]
fn parent(pid: u32) -> Option<u32> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let field = |name: &str| status.lines().find_map(|line| line.strip_prefix(name)).map(str::trim);
    if field("State:").is_some_and(|state| state.starts_with('Z')) {
        return None;
    }
    field("PPid:")?.parse().ok()
}

/// Returns whether a process runs.
#[cfg(target_os = "linux")]
#[must_use]
pub fn is_alive(pid: u32) -> bool {
    parent(pid).is_some()
}
