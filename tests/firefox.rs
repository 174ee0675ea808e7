//! Firefox for tests, controlled over its built-in WebDriver BiDi (<https://w3c.github.io/webdriver-bidi/>), because Debian
//! has no geckodriver.

use std::process::Stdio;
use std::time::Duration;

use futures_util::{SinkExt as _, StreamExt as _};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::net::TcpStream;
use tokio::process::{Child, Command};
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async};

/// The timeout for its start and its answers.
const TIMEOUT: Duration = Duration::from_secs(60);

/// A running Firefox with one tab.
pub struct Firefox {
    child: Child,
    socket: WebSocketStream<MaybeTlsStream<TcpStream>>,
    number: u64,
    _profile: TempDir,
}

impl Firefox {
    /// Starts it with an empty profile.
    pub async fn start() -> Self {
        let profile = tempfile::tempdir().unwrap();
        // Its name on Debian, and elsewhere.
        let started = ["firefox-esr", "firefox"].into_iter().find_map(|program| Self::launch(program, &profile).ok());
        let mut child = started.expect("Firefox; `cargo xtask test` installs it");
        let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
        let address = async {
            while let Some(line) = lines.next_line().await.unwrap() {
                if let Some((_, address)) = line.split_once("WebDriver BiDi listening on ") {
                    return address.trim().to_owned();
                }
            }
            panic!("Firefox prints no address");
        };
        let address = tokio::time::timeout(TIMEOUT, address).await.expect("Firefox starts");
        // Keep reading, so that it never blocks on its pipe.
        tokio::spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });
        let (socket, _) = connect_async(format!("{address}/session")).await.unwrap();
        let mut firefox = Self { child, socket, number: 0, _profile: profile };
        firefox.call("session.new", json!({"capabilities": {}})).await;
        firefox
    }

    fn launch(program: &str, profile: &TempDir) -> std::io::Result<Child> {
        Command::new(program)
            .args(["--headless", "--no-remote", "--remote-debugging-port", "0", "--profile"])
            .arg(profile.path())
            .arg("about:blank")
            .env("HOME", profile.path())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .process_group(0)
            .kill_on_drop(true)
            .spawn()
    }

    async fn call(&mut self, method: &str, params: Value) -> Value {
        self.number += 1;
        let command = json!({"id": self.number, "method": method, "params": params});
        self.socket.send(Message::text(command.to_string())).await.unwrap();
        let answer = async {
            loop {
                let Message::Text(text) = self.socket.next().await.unwrap().unwrap() else { continue };
                let answer: Value = serde_json::from_str(&text).unwrap();
                if answer["id"] == self.number {
                    return answer;
                }
            }
        };
        let answer = tokio::time::timeout(TIMEOUT, answer).await.unwrap_or_else(|_| panic!("{method} is answered"));
        assert_eq!(answer["type"], "success", "{method}: {answer}");
        answer["result"].clone()
    }

    async fn tab(&mut self) -> Value {
        self.call("browsingContext.getTree", json!({})).await["contexts"][0].clone()
    }

    /// Returns the address of the page.
    pub async fn address(&mut self) -> String {
        self.tab().await["url"].as_str().unwrap_or_default().to_owned()
    }

    /// Loads a page.
    pub async fn goto(&mut self, url: &str) {
        let tab = self.tab().await["context"].clone();
        self.call("browsingContext.navigate", json!({"context": tab, "url": url, "wait": "complete"})).await;
    }

    /// Waits for a frame whose address starts with `origin`, and returns its context.
    async fn frame(&mut self, origin: &str) -> Value {
        let start = std::time::Instant::now();
        loop {
            let tab = self.tab().await;
            let mut frames = tab["children"].as_array().unwrap().iter();
            if let Some(frame) = frames.find(|frame| frame["url"].as_str().is_some_and(|url| url.starts_with(origin))) {
                return frame["context"].clone();
            }
            assert!(start.elapsed() < TIMEOUT, "there is a frame of {origin}: {tab}");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// Runs the body of an async function, in the page or in its frame whose address starts with `frame`, and returns its
    /// result.
    pub async fn eval(&mut self, frame: Option<&str>, body: &str) -> Value {
        let context = match frame {
            None => self.tab().await["context"].clone(),
            Some(origin) => self.frame(origin).await,
        };
        let function = format!("async () => JSON.stringify(await (async () => {{ {body} }})() ?? null)");
        let params = json!({"functionDeclaration": function, "awaitPromise": true, "target": {"context": context}});
        let answer = self.call("script.callFunction", params).await;
        let text = answer["result"]["value"].as_str().unwrap_or_else(|| panic!("{body}: {answer}"));
        serde_json::from_str(text).unwrap()
    }
}

impl Drop for Firefox {
    fn drop(&mut self) {
        if let Some(group) = self.child.id().and_then(|id| rustix::process::Pid::from_raw(id.cast_signed())) {
            let _ = rustix::process::kill_process_group(group, rustix::process::Signal::KILL);
        }
    }
}
