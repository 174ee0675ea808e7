//! A fake host on a plain socket. It implements the protocol from the vendor's documents, independently of our own host.

use std::collections::HashMap;
use std::time::Duration;

use futures_util::{SinkExt as _, StreamExt as _};
use host_sdk::protocol::{FromHost, ToHost};
use serde_json::{Value, json};
use spotify_sim::{DEMO_CLIENT_ID, DEMO_CLIENT_SECRET, Sim};
use tokio::net::{TcpListener, TcpStream};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;

use crate::{TIMEOUT, http_client};

/// The package's UUID.
pub const PACKAGE: &str = "com.spotify-widgets";
/// The event with which the package has to register.
pub const REGISTER: &str = "registerPackage-8f2c";

/// An instance on the host's panel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Instance {
    /// The last part of the widget's UUID, after the package's.
    pub widget: &'static str,
    /// Its context.
    pub context: &'static str,
}

impl Instance {
    fn uuid(self) -> String {
        format!("{PACKAGE}.{}", self.widget)
    }
}

/// The picture on a key.
struct Picture {
    description: String,
    /// A data URI.
    image: String,
}

/// A host for one package at a time.
pub struct FakeHost {
    listener: TcpListener,
    socket: Option<WebSocketStream<TcpStream>>,
    /// The latest received picture of each context.
    pictures: HashMap<String, Picture>,
    /// The latest accounts event.
    accounts: Value,
    /// The errors that the settings page has received.
    errors: Vec<Value>,
}

impl FakeHost {
    /// Listens on a free port.
    pub async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        Self { listener, socket: None, pictures: HashMap::new(), accounts: Value::Null, errors: Vec::new() }
    }

    /// Returns the port on which it listens.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.listener.local_addr().expect("it listens").port()
    }

    /// Waits for the package to connect and register.
    pub async fn wait_for_registration(&mut self) {
        let (stream, _) = within("the package connects", self.listener.accept()).await.expect("accepted");
        self.pictures.clear();
        self.socket = Some(within("a WebSocket", tokio_tungstenite::accept_async(stream)).await.expect("upgraded"));
        let first = self.receive_text().await;
        assert_eq!(first, json!({"event": REGISTER, "uuid": PACKAGE}).to_string(), "registration comes first");
    }

    /// Drops the socket without a close frame.
    pub fn drop_socket(&mut self) {
        self.socket = None;
    }

    fn socket(&mut self) -> &mut WebSocketStream<TcpStream> {
        self.socket.as_mut().expect("the package is connected")
    }

    /// Sends a frame.
    pub async fn send_frame(&mut self, frame: Message) {
        self.socket().send(frame).await.expect("sent");
    }

    /// Sends a message.
    pub async fn send(&mut self, message: FromHost) {
        self.send_frame(Message::text(message.to_text())).await;
    }

    /// Places an instance on the panel.
    pub async fn place(&mut self, instance: Instance) {
        self.place_with(instance, json!({"state": 0, "settings": {}})).await;
    }

    /// Places an instance on the panel with this payload.
    pub async fn place_with(&mut self, instance: Instance, payload: Value) {
        self.pictures.remove(instance.context);
        let message = json!({
            "event": "widgetWillAppear", "widget": instance.uuid(), "context": instance.context, "payload": payload,
        });
        self.send_frame(Message::text(message.to_string())).await;
    }

    /// Presses and releases a key.
    pub async fn press(&mut self, instance: Instance) {
        let (widget, context, state) = (instance.uuid(), instance.context.to_owned(), None);
        self.send(FromHost::ActionDown { widget: widget.clone(), context: context.clone(), state }).await;
        self.send(FromHost::ActionUp { widget: widget.clone(), context: context.clone(), state }).await;
        self.send(FromHost::ActionTriggered { widget, context, state }).await;
    }

    /// Sends a command as the settings page.
    pub async fn send_from_page(&mut self, command: Value) {
        let (widget, context) = (PACKAGE.to_owned(), PACKAGE.to_owned());
        self.send(FromHost::SendToPackage { widget, context, payload: command }).await;
    }

    async fn receive_text(&mut self) -> String {
        loop {
            let message = within("a message of the package", self.socket().next()).await;
            match message.expect("the socket is open").expect("a whole frame") {
                Message::Text(text) => return text.to_string(),
                Message::Close(_) => panic!("the package closed the socket"),
                _ => {}
            }
        }
    }

    /// Receives the next message. It is cancel safe.
    pub async fn receive(&mut self) -> ToHost {
        let message = ToHost::parse(&self.receive_text().await).expect("a message of the protocol");
        match &message {
            ToHost::ChangeImage { context, image, description: Some(description), .. } => {
                let picture = Picture { description: description.clone(), image: image.clone() };
                self.pictures.insert(context.clone(), picture);
            }
            ToHost::SendToPropertyView { payload, .. } => match payload["event"].as_str() {
                Some("accounts") => self.accounts = payload.clone(),
                Some("error") => self.errors.push(payload.clone()),
                _ => {}
            },
            _ => {}
        }
        message
    }

    /// Receives messages until another future is done, and returns its result.
    pub async fn receive_while<T>(&mut self, other: impl Future<Output = T>) -> T {
        let mut other = std::pin::pin!(other);
        loop {
            tokio::select! {
                done = &mut other => return done,
                _ = self.receive() => {}
            }
        }
    }

    /// Receives messages for some time without parsing them: in measurements that would cost more than what is measured.
    pub async fn discard_for(&mut self, time: Duration) {
        let end = tokio::time::Instant::now() + time;
        while let Ok(message) = tokio::time::timeout_at(end, self.socket().next()).await {
            message.expect("the socket is open").expect("a whole frame");
        }
    }

    /// Returns the description of an instance's latest received picture, or an empty text before the first.
    #[must_use]
    pub fn description(&self, instance: Instance) -> &str {
        self.pictures.get(instance.context).map_or("", |picture| picture.description.as_str())
    }

    /// Returns the received errors for the settings page.
    #[must_use]
    pub fn errors(&self) -> &[Value] {
        &self.errors
    }

    /// Waits for a message that `fits` accepts, skipping all others, and returns its result.
    pub async fn wait_for_message<T>(&mut self, what: &str, mut fits: impl FnMut(&ToHost) -> Option<T>) -> T {
        let mut others = Vec::new();
        let search = async {
            loop {
                let message = self.receive().await;
                if let Some(found) = fits(&message) {
                    return found;
                }
                others.push(message);
            }
        };
        match tokio::time::timeout(TIMEOUT, search).await {
            Ok(found) => found,
            Err(_) => panic!("timed out: {what}; received instead: {}", summary(&others)),
        }
    }

    /// Waits until the description of an instance's picture contains `words`, and returns the picture as PNG.
    pub async fn wait_until_shows(&mut self, instance: Instance, words: &str) -> Vec<u8> {
        let known = self.pictures.get(instance.context);
        if let Some(picture) = known.filter(|picture| picture.description.contains(words)) {
            return png(&picture.image);
        }
        let what = format!("{} shows {words:?}", instance.widget);
        self.wait_for_message(&what, |message| match message {
            ToHost::ChangeImage { context, image, description, .. } if context == instance.context => {
                description.as_deref().is_some_and(|description| description.contains(words)).then(|| png(image))
            }
            _ => None,
        })
        .await
    }

    /// Waits for a message to the settings page that `fits` accepts, and returns its result.
    pub async fn wait_for_page_message<T>(&mut self, what: &str, mut fits: impl FnMut(&Value) -> Option<T>) -> T {
        self.wait_for_message(what, |message| match message {
            ToHost::SendToPropertyView { widget, context, payload } => {
                assert_eq!((widget.as_str(), context.as_str()), (PACKAGE, PACKAGE));
                fits(payload)
            }
            _ => None,
        })
        .await
    }

    /// Waits for an accounts event in which the only account is in a state, and returns the account.
    pub async fn wait_for_account_state(&mut self, state: &str) -> Value {
        self.wait_for_page_message(&format!("the account is {state}"), |event| {
            let account = event.get("accounts")?.get(0)?;
            (account["state"] == state).then(|| account.clone())
        })
        .await
    }

    /// Requests the accounts as the settings page, and returns the answer.
    pub async fn accounts(&mut self) -> Value {
        self.send_from_page(json!({"command": "getAccounts"})).await;
        self.wait_for_page_message("the accounts", |event| (event["event"] == "accounts").then(|| event.clone())).await
    }

    /// Waits until an app's account in the latest accounts event satisfies `fits`, and returns the account.
    pub async fn wait_for_account(&mut self, client_id: &str, what: &str, fits: impl Fn(&Value) -> bool) -> Value {
        let find = |event: &Value| {
            let mut accounts = event.get("accounts")?.as_array()?.iter();
            accounts.find(|account| account["clientId"] == client_id && fits(account)).cloned()
        };
        match find(&self.accounts) {
            Some(account) => account,
            None => self.wait_for_page_message(what, find).await,
        }
    }

    /// Starts the log-in of an account, waits until Spotify's page is opened, and returns its address.
    pub async fn start_login(&mut self, id: &Value) -> String {
        self.send_from_page(json!({"command": "login", "id": id})).await;
        self.wait_for_message("Spotify's page is opened", |message| match message {
            ToHost::OpenUrl { url } => Some(url.clone()),
            _ => None,
        })
        .await
    }

    /// Signs in to a simulated Spotify as a user does with the settings page and a browser, and returns the account.
    pub async fn link(&mut self, spotify: &Sim) -> Value {
        self.send_from_page(json!({
            "command": "saveAccount", "clientId": DEMO_CLIENT_ID, "clientSecret": DEMO_CLIENT_SECRET, "redirect": "loopback",
        }))
        .await;
        let account = self.wait_for_account_state("needsLogin").await;
        let url = self.start_login(&account["id"]).await;
        let back = spotify.consent(&url, true).expect("the consent page accepts the address");
        let answer = http_client().get(back).send().await.expect("the listener answers");
        assert!(answer.status().is_success());
        assert!(answer.text().await.expect("a page").contains("linked"));
        self.wait_for_account_state("linked").await
    }
}

/// Returns messages for the output of a failing test, truncated because pictures are long.
fn summary(messages: &[ToHost]) -> String {
    let short = |message: &ToHost| message.to_text().chars().take(300).collect::<String>();
    messages.iter().map(short).collect::<Vec<_>>().join("\n")
}

fn png(data_uri: &str) -> Vec<u8> {
    use base64::Engine as _;
    let data = data_uri.strip_prefix("data:image/png;base64,").expect("a PNG");
    base64::engine::general_purpose::STANDARD.decode(data).expect("base64")
}

async fn within<T>(what: &str, future: impl Future<Output = T>) -> T {
    tokio::time::timeout(TIMEOUT, future).await.unwrap_or_else(|_| panic!("timed out: {what}"))
}
