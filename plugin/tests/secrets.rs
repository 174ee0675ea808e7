//! No secret appears in a log, a `Debug` form, an error or a message to the page.
//!
//! This is a separate process because it captures everything that is logged in the process, down to `trace`.

use std::fmt::{Debug, Write as _};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use std::{fs, io};

use base64::prelude::*;
use serde_json::json;
use spotify_plugin::auth::{Auth, AuthState, Config, Group, Link, Needs, StoreChoice, system_random};
use spotify_plugin::clock::{Clock, ManualClock};
use spotify_plugin::http::Http;
use spotify_plugin::pages::{PageCommand, PageEvent, Reply, handle};
use spotify_plugin::spotify::Client;
use spotify_plugin::supervisor::Supervisor;
use spotify_sim::{DEMO_CLIENT_ID, DEMO_CLIENT_SECRET, STOPPED_AT, Sim};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::layer::{Layer as _, SubscriberExt as _};
use url::Url;

/// Collects the log.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Handles a command, and records what a page sees of it and what logging it with `Debug` would show.
async fn command(auth: &Auth, spotify: &Client, seen: &mut String, payload: serde_json::Value) -> Option<Url> {
    let command = PageCommand::read(&payload).unwrap();
    record(seen, &command);
    let mut open = None;
    for reply in handle(auth, spotify, command).await {
        match reply {
            Reply::Event(event) => record(seen, &event.payload()),
            Reply::OpenUrl(url) => open = Some(url),
        }
    }
    open
}

fn record(seen: &mut String, value: &impl Debug) {
    writeln!(seen, "{value:?}").unwrap();
}

#[tokio::test]
async fn no_secret_is_logged_or_shown() {
    let log = Log::default();
    let writer = log.clone();
    let folder = tempfile::tempdir().unwrap();
    let logs = folder.path().join("logs");
    let everything = tracing_subscriber::fmt::layer()
        .with_ansi(false)
        .with_writer(move || writer.clone())
        .with_filter(EnvFilter::new("trace"));
    let files = spotify_plugin::log::file_layer(&logs, EnvFilter::new("trace"));
    tracing::subscriber::set_global_default(tracing_subscriber::registry().with(everything).with(files)).unwrap();
    spotify_plugin::log::log_panics();

    let clock = Arc::new(ManualClock::at(u64::try_from(STOPPED_AT.as_millis()).unwrap()));
    let shared = Arc::clone(&clock);
    let sim = Sim::start(spotify_sim::Config {
        clock: Arc::new(move || Duration::from_millis(shared.unix_ms())),
        rotate_refresh_tokens: true,
        ..spotify_sim::Config::default()
    })
    .await
    .unwrap();
    let http = Http::new();
    let auth = Auth::start(Config {
        accounts_url: Url::parse(&sim.accounts_url()).unwrap(),
        store: StoreChoice::File(folder.path().join("accounts.json")),
        private_file: None,
        lock_file: None,
        limits_file: Some(folder.path().join("limits.json")),
        language: "en".to_owned(),
        clock: Arc::clone(&clock) as Arc<dyn Clock>,
        http: http.clone(),
        random: system_random(),
        tasks: Supervisor::new().0,
    });
    let spotify = Client::new(http.clone(), Url::parse(&sim.api_url()).unwrap(), auth.clone());
    let mut watch = auth.watch();
    watch.wait_for(|state: &Arc<AuthState>| state.link == Link::NotLinked).await.unwrap();

    let mut seen = String::new();
    let save = |secret: &str| json!({"command": "saveAccount", "clientId": DEMO_CLIENT_ID, "clientSecret": secret});
    command(&auth, &spotify, &mut seen, save("wrong-secret")).await;
    command(&auth, &spotify, &mut seen, save(DEMO_CLIENT_SECRET)).await;
    let id = watch.borrow().accounts[0].id.clone();
    for pasted in [false, true] {
        let page = command(&auth, &spotify, &mut seen, json!({"command": "login", "id": id})).await.unwrap();
        let back = sim.consent(page.as_str(), true).unwrap();
        if pasted {
            command(&auth, &spotify, &mut seen, json!({"command": "finishLogin", "url": back.as_str()})).await;
        } else {
            record(&mut seen, &http.client().await.unwrap().get(back).send().await.unwrap().text().await.unwrap());
        }
        assert_eq!(watch.borrow().link, Link::Linked);
        record(&mut seen, &spotify.me(&id).await.unwrap());
        spotify.next(None).await.unwrap();
    }
    clock.advance(3_600_000);
    record(&mut seen, &auth.token(Group::Player, Needs::User).await.unwrap());
    sim.expire_access_tokens();
    record(&mut seen, &spotify.player().await.unwrap());
    sim.revoke_refresh_tokens();
    clock.advance(3_600_000);
    record(&mut seen, &spotify.pause(None).await.unwrap_err());
    let counts = auth.counts().await;
    record(&mut seen, &PageEvent::accounts(&watch.borrow(), counts).payload());
    record(&mut seen, &watch.borrow());

    let panicked = tokio::spawn(async { panic!("on purpose") }).await;
    assert!(panicked.is_err());
    let logged = String::from_utf8(log.0.lock().unwrap().clone()).unwrap();
    let files = fs::read_dir(&logs).unwrap().map(|file| file.unwrap().path());
    let in_files: String = files
        .filter(|file| file.extension().is_some_and(|ending| ending == "log"))
        .map(|file| fs::read_to_string(file).unwrap())
        .collect();
    // The files contain the newest lines, including the panic with its location.
    assert!(in_files.contains("the link to Spotify has changed before=Linked now=SignInAgain"), "{in_files}");
    let panic = in_files.lines().find(|line| line.contains("panicked: on purpose")).unwrap_or_default();
    assert!(panic.contains("secrets.rs:"), "{in_files}");
    assert!(logged.contains("Spotify is linked") && logged.contains("TRACE hyper"), "the log was not captured");
    let issued = sim.issued_tokens();
    assert!(!issued.codes.is_empty() && !issued.access.is_empty() && !issued.refresh.is_empty());
    let basic = BASE64_STANDARD.encode(format!("{DEMO_CLIENT_ID}:{DEMO_CLIENT_SECRET}"));
    let typed = vec![DEMO_CLIENT_SECRET.to_owned(), "wrong-secret".to_owned(), basic];
    for secret in [typed, issued.codes, issued.access, issued.refresh].concat() {
        assert!(!logged.contains(&secret), "a secret is in the log");
        assert!(!in_files.contains(&secret), "a secret is in the log's files");
        assert!(!seen.contains(&secret), "a secret is in what is shown");
    }
}
