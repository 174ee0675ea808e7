//! A day of listening: 1,500 tracks, ten widgets, in a minute or two: `cargo bench -p spotify-plugin --bench day`.
//!
//! The whole package runs, with its real tasks, sockets and pictures, between a host and a Spotify that are little more
//! than sockets, on one thread. Time is tokio's paused one: when there is nothing to do it jumps to the next moment at
//! which there is. Every track is another, with another cover, album and place in one of 150 playlists, and every fifth is
//! liked by a press.
//!
//! Prints what a track costs and what memory the process has after each hundred; both should stay as they are. It is the
//! process that is measured, with host and Spotify in it; they remember nothing. Nothing here passes or fails.

use std::fs;
use std::io::Cursor;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use axum::Router;
use axum::extract::State;
use axum::http::{Method, StatusCode, Uri};
use axum::response::{IntoResponse as _, Json, Response};
use futures_util::{SinkExt as _, StreamExt as _};
use host_sdk::package::{Layout, connect};
use host_sdk::protocol::{FromHost, StartArgs, ToHost};
use serde_json::{Value, json};
use spotify_plugin::auth::StoreChoice;
use spotify_plugin::clock::Clock;
use spotify_plugin::config::Config;
use spotify_plugin::package;
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep_until};
use tokio_tungstenite::tungstenite::Message;
use url::Url;

const TRACKS: u64 = 1_500;
/// So that they fill a day.
const TRACK_MS: u64 = 24 * 3_600_000 / TRACKS;
/// What is measured together.
const BATCH: u64 = 100;
/// Tracks that are played from one playlist.
const A_PLAYLIST: u64 = 10;
const LIKED_EVERY: u64 = 5;

const PACKAGE: &str = "com.spotify-widgets";
/// The ten widgets, their layouts and settings.
const WIDGETS: [(&str, (u8, u8)); 10] = [
    ("playing-now", (3, 2)),
    ("now-playing-text", (2, 1)),
    ("up-next", (2, 2)),
    ("like", (1, 1)),
    ("play-pause", (1, 1)),
    ("previous", (1, 1)),
    ("next", (1, 1)),
    ("volume-up", (1, 1)),
    ("shuffle", (1, 1)),
    ("device", (1, 1)),
];

/// The time of day by tokio's clock, which is paused.
struct TokioClock(Instant);

impl Clock for TokioClock {
    fn unix_ms(&self) -> u64 {
        1_800_000_000_000 + u64::try_from(self.0.elapsed().as_millis()).expect("a day has few milliseconds")
    }
}

/// What host and Spotify have counted.
#[derive(Default)]
struct Counts {
    requests: AtomicU64,
    pictures: AtomicU64,
}

/// A Spotify that plays track after track.
struct Spotify {
    began: Instant,
    base: String,
    covers: Vec<Vec<u8>>,
    counts: Arc<Counts>,
}

impl Spotify {
    fn now_ms(&self) -> u64 {
        u64::try_from(self.began.elapsed().as_millis()).expect("a day has few milliseconds")
    }

    fn track(&self, number: u64) -> Value {
        let image =
            |side: u32| json!({"url": format!("{}/cover/{number}/{side}", self.base), "width": side, "height": side});
        json!({
            "type": "track", "id": format!("{number:022}"), "uri": format!("spotify:track:{number:022}"),
            "name": format!("Title {number}"), "duration_ms": TRACK_MS,
            "artists": [{"name": format!("Artist {number}"), "uri": format!("spotify:artist:{number:022}")}],
            "album": {"name": format!("Album {number}"), "uri": format!("spotify:album:{number:022}"),
                "images": [image(640), image(300), image(64)]},
        })
    }

    fn device() -> Value {
        json!({"id": "d", "name": "Desk", "type": "Computer", "is_active": true, "volume_percent": 50,
            "supports_volume": true})
    }

    fn answer(&self, path: &str, query: &str) -> Value {
        let (now, path) = (self.now_ms(), path.trim_start_matches("/v1/"));
        let number = now / TRACK_MS;
        match path {
            "me" => json!({"id": "user", "display_name": "User", "product": "premium"}),
            "me/player" => json!({
                "is_playing": true, "progress_ms": now % TRACK_MS, "item": self.track(number),
                "currently_playing_type": "track", "device": Self::device(), "shuffle_state": false,
                "repeat_state": "off", "timestamp": 0, "actions": {"disallows": {}},
                "context": {"type": "playlist", "uri": format!("spotify:playlist:{:022}", number / A_PLAYLIST)},
            }),
            "me/player/queue" => {
                let coming: Vec<Value> = (number + 1..number + 21).map(|number| self.track(number)).collect();
                json!({"currently_playing": self.track(number), "queue": coming})
            }
            "me/player/devices" => json!({"devices": [Self::device()]}),
            // Commas are escaped.
            "me/library/contains" => vec![false; query.matches("%2C").count() + 1].into(),
            // The playlist, by its id.
            path => json!({"type": "playlist", "name": path.trim_start_matches(|c: char| c != '/'), "images": []}),
        }
    }
}

async fn answer(State(spotify): State<Arc<Spotify>>, method: Method, uri: Uri) -> Response {
    if let Some(cover) = uri.path().strip_prefix("/cover/") {
        let number: usize = cover.split('/').next().and_then(|number| number.parse().ok()).expect("a number");
        return spotify.covers[number % spotify.covers.len()].clone().into_response();
    }
    if uri.path().ends_with("/api/token") {
        let token = json!({"access_token": "token", "token_type": "Bearer", "expires_in": 3_600, "scope": "",
            "refresh_token": "refresh"});
        return Json(token).into_response();
    }
    spotify.counts.requests.fetch_add(1, Ordering::Relaxed);
    if method == Method::GET {
        Json(spotify.answer(uri.path(), uri.query().unwrap_or_default())).into_response()
    } else {
        StatusCode::NO_CONTENT.into_response()
    }
}

/// Covers that pack like photographs, as JPEG files.
fn covers() -> Vec<Vec<u8>> {
    let cover = |number: u32| {
        let mut seed = number | 1;
        let picture = image::RgbImage::from_fn(300, 300, |x, y| {
            seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            let grain = (seed >> 27) as u8;
            image::Rgb([(x / 2) as u8, (y / 2) as u8, (number * 16) as u8].map(|channel| channel.saturating_add(grain)))
        });
        let mut file = Vec::new();
        picture.write_to(&mut Cursor::new(&mut file), image::ImageFormat::Jpeg).expect("encoded");
        file
    };
    (0..16).map(cover).collect()
}

/// A host that sends the frames of one channel to the package, and forwards the messages of the package to another.
async fn host(
    listener: TcpListener,
    mut out: mpsc::UnboundedReceiver<String>,
    messages: mpsc::UnboundedSender<ToHost>,
    counts: Arc<Counts>,
) {
    let (stream, _) = listener.accept().await.expect("the package connects");
    let (mut sink, mut stream) = tokio_tungstenite::accept_async(stream).await.expect("a WebSocket").split();
    loop {
        tokio::select! {
            text = out.recv() => match text {
                Some(text) => sink.send(Message::text(text)).await.expect("the package is there"),
                None => return,
            },
            message = stream.next() => {
                let Some(Ok(Message::Text(text))) = message else { return };
                match ToHost::parse(&text) {
                    Ok(ToHost::ChangeImage { .. }) => drop(counts.pictures.fetch_add(1, Ordering::Relaxed)),
                    Ok(other) => messages.send(other).expect("the day goes on"),
                    Err(_) => {}
                }
            }
        }
    }
}

/// Processor time of this process in milliseconds, and its memory in use in MB. Zeroes where there is no /proc.
fn usage() -> (f64, f64) {
    let stat = fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let fields: Vec<f64> = stat.rsplit_once(')').map_or(Vec::new(), |(_, rest)| {
        rest.split_whitespace().skip(11).take(2).filter_map(|field| field.parse().ok()).collect()
    });
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let resident = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kilobytes = resident.and_then(|line| line.split_whitespace().next()?.parse::<f64>().ok());
    (fields.iter().sum::<f64>() * 10.0, kilobytes.unwrap_or_default() * 1_024.0 / 1e6)
}

/// Signs in over the settings page's messages, with a browser that agrees at once.
async fn sign_in(say: &impl Fn(FromHost), messages: &mut mpsc::UnboundedReceiver<ToHost>) {
    let page = |payload: Value| FromHost::SendToPackage { widget: PACKAGE.into(), context: PACKAGE.into(), payload };
    say(page(json!({"command": "saveAccount", "clientId": "c".repeat(32), "clientSecret": "s".repeat(32)})));
    let id = loop {
        if let ToHost::SendToPropertyView { payload, .. } = messages.recv().await.expect("the package is there")
            && let Some(id) = payload["accounts"][0]["id"].as_str()
        {
            break id.to_owned();
        }
    };
    say(page(json!({"command": "login", "id": id})));
    let address = loop {
        if let ToHost::OpenUrl { url } = messages.recv().await.expect("the package is there") {
            break Url::parse(&url).expect("an address");
        }
    };
    let part = |name: &str| address.query_pairs().find(|(key, _)| key == name).expect("it is there").1.into_owned();
    let mut back = Url::parse(&part("redirect_uri")).expect("an address");
    back.query_pairs_mut().append_pair("code", "code").append_pair("state", &part("state"));
    let browser = reqwest::Client::builder().no_proxy().tls_backend_preconfigured(tls()).build().expect("a client");
    assert_eq!(browser.get(back).send().await.expect("answered").status(), 200);
}

/// For a client that speaks HTTP only.
fn tls() -> rustls::ClientConfig {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = rustls::ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
    builder.expect("versions").with_root_certificates(rustls::RootCertStore::empty()).with_no_client_auth()
}

async fn day() {
    let counts = Arc::<Counts>::default();
    let api = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let base = format!("http://{}", api.local_addr().expect("its address"));
    let began = Instant::now();
    let spotify = Arc::new(Spotify { began, base: base.clone(), covers: covers(), counts: counts.clone() });
    tokio::spawn(async move { axum::serve(api, Router::new().fallback(answer).with_state(spotify)).await });

    let (out, said) = mpsc::unbounded_channel();
    let (listening, mut messages) = mpsc::unbounded_channel();
    let panel = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let port = panel.local_addr().expect("its address").port();
    tokio::spawn(host(panel, said, listening, counts.clone()));
    let say = |message: FromHost| out.send(message.to_text()).expect("the host is there");

    let args = StartArgs { port, package_uuid: PACKAGE.into(), register_event: "register".into(), info: "{}".into() };
    let (to_host, events, _stop) = connect(&args);
    let config = Config {
        api_url: Url::parse(&format!("{base}/v1")).expect("an address"),
        accounts_url: Url::parse(&base).expect("an address"),
        store: StoreChoice::Memory,
        log: None,
    };
    let package = package::run(to_host, events, "en", config, Arc::new(TokioClock(began)));
    let mut package = tokio::spawn(package);

    sign_in(&say, &mut messages).await;
    for (name, (width, height)) in WIDGETS {
        let settings = match name {
            // Words that scroll are drawn twenty times a second: another benchmark's matter.
            "playing-now" => json!({"scroll": "off"}),
            "now-playing-text" => json!({"template": "{title}\n{playlist} {elapsed}", "scroll": "off"}),
            "device" => json!({"device": {"id": "d", "name": "Desk", "type": "Computer"}}),
            _ => json!({}),
        };
        say(FromHost::WidgetWillAppear {
            widget: format!("{PACKAGE}.{name}"),
            context: name.to_owned(),
            state: Some(0),
            settings: settings.as_object().cloned(),
            layout: Some(Layout { index: None, width: Some(width), height: Some(height) }),
        });
    }

    println!("| Tracks | Processor time a track | Resident | Requests a track | Pictures a track |");
    println!("|---|---|---|---|---|");
    let (mut cpu, _) = usage();
    let (mut requests, mut pictures) = (0, 0);
    for number in 1..=TRACKS {
        let (widget, context) = (format!("{PACKAGE}.like"), "like".to_owned());
        if number.is_multiple_of(LIKED_EVERY) {
            say(FromHost::ActionDown { widget: widget.clone(), context: context.clone(), state: None });
            say(FromHost::ActionUp { widget, context, state: None });
        }
        tokio::select! {
            () = sleep_until(began + Duration::from_millis(number * TRACK_MS)) => {}
            ended = &mut package => panic!("the package has ended: {ended:?}"),
        }
        while messages.try_recv().is_ok() {}
        if number.is_multiple_of(BATCH) {
            let (cpu_before, requests_before, pictures_before) = (cpu, requests, pictures);
            let resident;
            (cpu, resident) = usage();
            requests = counts.requests.load(Ordering::Relaxed);
            pictures = counts.pictures.load(Ordering::Relaxed);
            let each = |all: u64| all as f64 / BATCH as f64;
            println!(
                "| {} to {number} | {:.1} ms | {resident:.1} MB | {:.1} | {:.1} |",
                number + 1 - BATCH,
                (cpu - cpu_before) / BATCH as f64,
                each(requests - requests_before),
                each(pictures - pictures_before),
            );
        }
    }
}

fn main() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build();
    runtime.expect("a runtime").block_on(day());
}
