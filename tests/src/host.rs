//! A host made of a plain socket: it speaks the protocol of shared documents and knows nothing of our own host.

use std::collections::HashMap;
use std::time::Duration;

use futures_util::{SinkExt as _, StreamExt as _};
use host_sdk::protocol::{FromHost, ToHost};
use serde_json::{Value, json};
use spotify_sim::{DEMO_CLIENT_ID, DEMO_CLIENT_SECRET, Sim};
use tokio::net::{TcpListener, TcpStream};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;

use crate::{SOON, http_client};

/// The package's UUID.
pub const PACKAGE: &str = "com.spotify-widgets";
/// The event that the host asks to be registered with.
pub const REGISTER: &str = "registerPackage-8f2c";

/// An instance on the host's panel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Instance {
    /// The widget's name behind the package's UUID.
    pub widget: &'static str,
    /// Its context.
    pub context: &'static str,
}

impl Instance {
    fn uuid(self) -> String {
        format!("{PACKAGE}.{}", self.widget)
    }
}

/// What a key shows.
struct Shown {
    /// The picture in words.
    words: String,
    /// A data URI.
    image: String,
}

/// The host: one package at a time.
pub struct FakeHost {
    listener: TcpListener,
    socket: Option<WebSocketStream<TcpStream>>,
    /// What each context shows, as far as it was received.
    shown: HashMap<String, Shown>,
    /// The latest accounts event.
    accounts: Value,
    /// The errors that the settings page was told.
    errors: Vec<Value>,
}

impl FakeHost {
    /// Listens on a free port.
    pub async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        Self { listener, socket: None, shown: HashMap::new(), accounts: Value::Null, errors: Vec::new() }
    }

    /// Where it listens.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.listener.local_addr().expect("it listens").port()
    }

    /// Waits for the package to connect and register.
    pub async fn registered(&mut self) {
        let (stream, _) = within("the package connects", self.listener.accept()).await.expect("accepted");
        self.shown.clear();
        self.socket = Some(within("a WebSocket", tokio_tungstenite::accept_async(stream)).await.expect("upgraded"));
        let first = self.hear_text().await;
        assert_eq!(first, json!({"event": REGISTER, "uuid": PACKAGE}).to_string(), "registration comes first");
    }

    /// Drops the socket without a word.
    pub fn drop_socket(&mut self) {
        self.socket = None;
    }

    fn socket(&mut self) -> &mut WebSocketStream<TcpStream> {
        self.socket.as_mut().expect("the package is connected")
    }

    /// Sends a frame as it is.
    pub async fn say_frame(&mut self, frame: Message) {
        self.socket().send(frame).await.expect("sent");
    }

    /// Sends a message.
    pub async fn say(&mut self, message: FromHost) {
        self.say_frame(Message::text(message.to_text())).await;
    }

    /// Puts an instance on the panel.
    pub async fn appear(&mut self, instance: Instance) {
        self.appear_as(instance, json!({"state": 0, "settings": {}})).await;
    }

    /// Puts an instance on the panel, with a payload of the test's own.
    pub async fn appear_as(&mut self, instance: Instance, payload: Value) {
        self.shown.remove(instance.context);
        let message = json!({
            "event": "widgetWillAppear", "widget": instance.uuid(), "context": instance.context, "payload": payload,
        });
        self.say_frame(Message::text(message.to_string())).await;
    }

    /// Presses and releases a key, as a user does.
    pub async fn press(&mut self, instance: Instance) {
        let (widget, context, state) = (instance.uuid(), instance.context.to_owned(), None);
        self.say(FromHost::ActionDown { widget: widget.clone(), context: context.clone(), state }).await;
        self.say(FromHost::ActionUp { widget: widget.clone(), context: context.clone(), state }).await;
        self.say(FromHost::ActionTriggered { widget, context, state }).await;
    }

    /// Sends what the settings page would send.
    pub async fn page_says(&mut self, command: Value) {
        let (widget, context) = (PACKAGE.to_owned(), PACKAGE.to_owned());
        self.say(FromHost::SendToPackage { widget, context, payload: command }).await;
    }

    async fn hear_text(&mut self) -> String {
        loop {
            let message = within("the package says something", self.socket().next()).await;
            match message.expect("the socket is open").expect("a whole frame") {
                Message::Text(text) => return text.to_string(),
                Message::Close(_) => panic!("the package closed the socket"),
                _ => {}
            }
        }
    }

    /// The next message. May be given up without losing one.
    pub async fn hear(&mut self) -> ToHost {
        let message = ToHost::parse(&self.hear_text().await).expect("a message of the protocol");
        match &message {
            ToHost::ChangeImage { context, image, description: Some(words), .. } => {
                self.shown.insert(context.clone(), Shown { words: words.clone(), image: image.clone() });
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

    /// Hears whatever the package says until something else is done.
    pub async fn hear_while<T>(&mut self, other: impl Future<Output = T>) -> T {
        let mut other = std::pin::pin!(other);
        loop {
            tokio::select! {
                done = &mut other => return done,
                _ = self.hear() => {}
            }
        }
    }

    /// Takes whatever the package says for a while, and reads none of it: for measurements, in which reading would cost
    /// more than what is measured.
    pub async fn ignore_for(&mut self, time: Duration) {
        let end = tokio::time::Instant::now() + time;
        while let Ok(message) = tokio::time::timeout_at(end, self.socket().next()).await {
            message.expect("the socket is open").expect("a whole frame");
        }
    }

    /// What an instance's picture says in words, as of the messages heard so far; empty before the first.
    #[must_use]
    pub fn shown(&self, instance: Instance) -> &str {
        self.shown.get(instance.context).map_or("", |shown| shown.words.as_str())
    }

    /// The errors that the settings page was told in the messages heard so far.
    #[must_use]
    pub fn errors(&self) -> &[Value] {
        &self.errors
    }

    /// Waits for a message that fits, past all others.
    pub async fn hear_until<T>(&mut self, what: &str, mut fits: impl FnMut(&ToHost) -> Option<T>) -> T {
        let mut others = Vec::new();
        let search = async {
            loop {
                let message = self.hear().await;
                if let Some(found) = fits(&message) {
                    return found;
                }
                others.push(message);
            }
        };
        match tokio::time::timeout(SOON, search).await {
            Ok(found) => found,
            Err(_) => panic!("waited in vain: {what}; heard instead: {}", summary(&others)),
        }
    }

    /// Waits until an instance shows a picture whose words contain `words`, if it doesn't already; returns the picture.
    pub async fn shows(&mut self, instance: Instance, words: &str) -> Vec<u8> {
        if let Some(shown) = self.shown.get(instance.context).filter(|shown| shown.words.contains(words)) {
            return png(&shown.image);
        }
        let what = format!("{} shows {words:?}", instance.widget);
        self.hear_until(&what, |message| match message {
            ToHost::ChangeImage { context, image, description, .. } if context == instance.context => {
                description.as_deref().is_some_and(|said| said.contains(words)).then(|| png(image))
            }
            _ => None,
        })
        .await
    }

    /// Waits for a message to the settings page that fits.
    pub async fn page_hears<T>(&mut self, what: &str, mut fits: impl FnMut(&Value) -> Option<T>) -> T {
        self.hear_until(what, |message| match message {
            ToHost::SendToPropertyView { widget, context, payload } => {
                assert_eq!((widget.as_str(), context.as_str()), (PACKAGE, PACKAGE));
                fits(payload)
            }
            _ => None,
        })
        .await
    }

    /// Waits for an accounts event in which the only account is in a state; answers the account.
    pub async fn account_is(&mut self, state: &str) -> Value {
        self.page_hears(&format!("the account is {state}"), |event| {
            let account = event.get("accounts")?.get(0)?;
            (account["state"] == state).then(|| account.clone())
        })
        .await
    }

    /// Asks for the accounts as a page does, and waits for the answer.
    pub async fn accounts(&mut self) -> Value {
        self.page_says(json!({"command": "getAccounts"})).await;
        self.page_hears("the accounts", |event| (event["event"] == "accounts").then(|| event.clone())).await
    }

    /// Waits until the account of an app fits, if it doesn't by the latest accounts event; answers the account.
    pub async fn account_until(&mut self, client_id: &str, what: &str, fits: impl Fn(&Value) -> bool) -> Value {
        let find = |event: &Value| {
            let mut accounts = event.get("accounts")?.as_array()?.iter();
            accounts.find(|account| account["clientId"] == client_id && fits(account)).cloned()
        };
        match find(&self.accounts) {
            Some(account) => account,
            None => self.page_hears(what, find).await,
        }
    }

    /// Chooses Log in for an account and waits until Spotify's page is opened; answers its address.
    pub async fn starts_login(&mut self, id: &Value) -> String {
        self.page_says(json!({"command": "login", "id": id})).await;
        self.hear_until("Spotify's page is opened", |message| match message {
            ToHost::OpenUrl { url } => Some(url.clone()),
            _ => None,
        })
        .await
    }

    /// Signs in to a simulated Spotify, as a user does with the settings page and a browser. Returns the linked account.
    pub async fn link(&mut self, spotify: &Sim) -> Value {
        self.page_says(json!({
            "command": "saveAccount", "clientId": DEMO_CLIENT_ID, "clientSecret": DEMO_CLIENT_SECRET, "redirect": "loopback",
        }))
        .await;
        let account = self.account_is("needsLogin").await;
        let url = self.starts_login(&account["id"]).await;
        let back = spotify.consent(&url, true).expect("the consent page accepts the address");
        let answer = http_client().get(back).send().await.expect("the listener answers");
        assert!(answer.status().is_success());
        assert!(answer.text().await.expect("a page").contains("linked"));
        self.account_is("linked").await
    }
}

/// What a failing test says of messages: without pictures, which are long.
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
    let patience: Duration = SOON;
    tokio::time::timeout(patience, future).await.unwrap_or_else(|_| panic!("waited in vain: {what}"))
}
