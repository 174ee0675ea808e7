//! Tests of the bundle in the real host: installing, linking, presses, restarts, kills and invalid frames.

use acceptance::{DeckHome, DeckProcess, Launch, TIMEOUT, bundle, clock_bundle};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;
use spotify_sim::{Config, Sim};

const PLAY: &str = "com.spotify-widgets.play-pause";
const CLOCK: &str = "com.example.clock.time";
const UNLINKED: &str = "Link Spotify in Settings";

fn png(instance: &Value) -> Vec<u8> {
    let image = instance["image"].as_str().expect("an image");
    let data = image.strip_prefix("data:image/png;base64,").expect("a PNG");
    let png = STANDARD.decode(data).expect("base64");
    assert!(png.starts_with(b"\x89PNG\r\n\x1a\n"));
    png
}

/// Places a key, links Spotify, presses the key until Spotify receives it, and returns the key's context.
async fn place_link_and_press(deck: &DeckProcess, spotify: &Sim) -> String {
    let key = deck.place(PLAY, 0, 0).await;
    let unlinked = png(&deck.wait_until_shows(&key, UNLINKED).await);
    deck.link(spotify).await;
    let playing = png(&deck.wait_until_shows(&key, "Pause").await);
    assert_ne!(playing, unlinked);
    deck.press(&key).await;
    spotify.wait_for_request("PUT", "/v1/me/player/pause", TIMEOUT).await.expect("the press arrives");
    assert!(!spotify.playback().is_playing);
    let paused = png(&deck.wait_until_shows(&key, "Play").await);
    assert_ne!(paused, playing, "the key changes");
    key
}

#[tokio::test]
async fn bundle_runs_as_a_process_of_the_host() {
    let spotify = Sim::start(Config::default()).await.unwrap();
    let home = DeckHome::new();
    let deck = home.start(&spotify).await;
    place_link_and_press(&deck, &spotify).await;
    #[cfg(target_os = "linux")]
    deck.package().await;
}

#[tokio::test]
async fn bundle_runs_in_the_hosts_process() {
    let spotify = Sim::start(Config::default()).await.unwrap();
    let home = DeckHome::new();
    let launch = Launch { bundles: &[bundle()], in_process: true, ..Launch::default() };
    let mut deck = home.launch(&spotify, launch).await;
    place_link_and_press(&deck, &spotify).await;
    #[cfg(target_os = "linux")]
    assert!(deck.packages().is_empty(), "it has no process");
    assert!(deck.is_running());
}

/// Returns the name of a time zone in which it is about 18:30 now, so that the 24-hour and 12-hour formats differ.
fn evening_time_zone() -> String {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs();
    let hour = i32::try_from(now / 3600 % 24).unwrap();
    // The signs in these names are reversed: Etc/GMT-5 is five hours ahead of Greenwich.
    let ahead = 18 - hour;
    if ahead > 14 { format!("Etc/GMT+{}", 24 - ahead) } else { format!("Etc/GMT{:+}", -ahead) }
}

#[tokio::test]
async fn clock_shows_the_time_and_keeps_its_setting() {
    let spotify = Sim::start(Config::default()).await.unwrap();
    let home = DeckHome::new();
    let zone = evening_time_zone();
    let environment = [("TZ", zone.as_str())];
    let launch = Launch { environment: &environment, ..Launch::default() };
    let deck = home.launch(&spotify, Launch { bundles: &[clock_bundle()], ..launch }).await;
    let clock = deck.place(CLOCK, 4, 3).await;
    let is_clock = |twelve: bool| {
        move |instance: &Value| {
            let hour = instance["description"].as_str().and_then(|time| time.split(':').next()?.parse::<u32>().ok());
            hour.is_some_and(|hour| (hour < 13) == twelve)
        }
    };
    let shown = deck.wait_for_instance(&clock, "24 hours", is_clock(false)).await;
    assert!(shown["image"].as_str().unwrap().starts_with("data:image/svg+xml"), "{}", shown["image"]);
    let later = deck.wait_for_instance(&clock, "a second passes", |now| now["image"] != shown["image"]).await;
    assert!(is_clock(false)(&later));
    deck.press(&clock).await;
    deck.wait_for_instance(&clock, "12 hours", is_clock(true)).await;
    #[cfg(unix)]
    let deck = {
        deck.terminate().await;
        let deck = home.launch(&spotify, launch).await;
        deck.wait_for_instance(&clock, "still 12 hours", is_clock(true)).await;
        deck
    };
    deck.press(&clock).await;
    deck.wait_for_instance(&clock, "24 hours again", is_clock(false)).await;
}

#[cfg(target_os = "linux")]
mod ends {
    //! Tests in which processes end or are killed.

    use std::time::{Duration, Instant};

    use acceptance::{is_alive, kill, wait_until};
    use serde_json::json;
    use spotify_sim::Change;

    use super::*;

    const VOLUME: &str = "com.spotify-widgets.volume-up";

    #[tokio::test]
    async fn restarted_host_keeps_panel_settings_and_sign_in() {
        let spotify = Sim::start(Config::default()).await.unwrap();
        let home = DeckHome::new();
        let mut deck = home.start(&spotify).await;
        let play = place_link_and_press(&deck, &spotify).await;
        let volume = deck.place(VOLUME, 2, 1).await;
        let settings = json!({"step": 3});
        deck.property_view(&volume).await.store_settings(settings.clone()).await;
        spotify.clear_requests();
        for killed in [false, true] {
            if killed {
                // A killed host doesn't save its state, so it has to be on disk before.
                let state = home.data().join("state.json");
                wait_until("the Panel is on disk", async || {
                    let text = std::fs::read_to_string(&state).unwrap_or_default();
                    if text.contains(&volume) && text.contains("step") { Ok(()) } else { Err(text) }
                })
                .await;
                deck.kill().await;
            } else {
                deck.terminate().await;
            }
            deck = home.launch(&spotify, Launch::default()).await;
            // Paused by the press before; the account is still linked.
            deck.wait_until_shows(&play, "Play").await;
            deck.wait_until_shows(&volume, "%").await;
            let instance = deck.instance(&volume).await;
            assert_eq!(
                (&instance["widget"], &instance["column"], &instance["row"]),
                (&json!(VOLUME), &json!(2), &json!(1))
            );
            assert_eq!(deck.property_view(&volume).await.settings(), &settings);
            let mut page = deck.settings_page("com.spotify-widgets").await;
            page.send(json!({"command": "getAccounts"})).await;
            page.wait_for_account_state("linked").await;
        }
        deck.press(&play).await;
        spotify.wait_for_request("PUT", "/v1/me/player/play", TIMEOUT).await.expect("the press arrives");
        let sign_ins: Vec<_> =
            spotify.requests().into_iter().filter(|request| request.path.contains("authorize")).collect();
        assert!(sign_ins.is_empty(), "no second sign-in: {sign_ins:?}");
    }

    #[tokio::test]
    async fn package_ends_within_3_s_of_a_killed_host() {
        let spotify = Sim::start(Config::default()).await.unwrap();
        let home = DeckHome::new();
        let mut deck = home.start(&spotify).await;
        let key = deck.place(PLAY, 0, 0).await;
        deck.wait_until_shows(&key, UNLINKED).await;
        let package = deck.package().await;
        assert!(is_alive(package));
        deck.kill().await;
        let killed = Instant::now();
        while is_alive(package) {
            assert!(killed.elapsed() < Duration::from_secs(3), "it outlives its host");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    #[tokio::test]
    async fn killed_package_is_restarted_and_logged() {
        let spotify = Sim::start(Config::default()).await.unwrap();
        let home = DeckHome::new();
        let mut deck = home.start(&spotify).await;
        let key = place_link_and_press(&deck, &spotify).await;
        let first = deck.package().await;
        kill(first);
        deck.wait_for_log("SIGKILL").await;
        deck.wait_for_log("It starts again in").await;
        let second = wait_until("another process", async || {
            let packages = deck.packages();
            packages.iter().copied().find(|pid| *pid != first).ok_or(format!("{packages:?}"))
        })
        .await;
        assert!(is_alive(second) && !is_alive(first));
        // A change by another Spotify app: only a running package shows it, so the key's picture isn't an old one.
        spotify.change_playback(Change { playing: Some(true), ..Change::default() }).unwrap();
        deck.wait_until_shows(&key, "Pause").await;
        spotify.clear_requests();
        deck.press(&key).await;
        spotify.wait_for_request("PUT", "/v1/me/player/pause", TIMEOUT).await.expect("the press arrives");
        assert!(deck.is_running());
    }
}

#[cfg(target_os = "linux")]
mod invalid_frames {
    //! Tests with clients that send invalid frames or no registration.

    use futures_util::{SinkExt as _, StreamExt as _};
    use serde_json::json;
    use tokio::io::AsyncWriteExt as _;
    use tokio_tungstenite::connect_async;
    use tokio_tungstenite::tungstenite::Message;

    use super::*;

    /// The start of a text frame of 64 KiB that never continues.
    const TRUNCATED: [u8; 20] = [0x81, 0xff, 0, 0, 0, 0, 0, 1, 0, 0, 1, 2, 3, 4, b'{', b'"', b'e', b'v', b'e', b'n'];

    fn large() -> Message {
        Message::text(json!({"event": "fromTheFuture", "payload": "x".repeat(10 << 20)}).to_string())
    }

    #[tokio::test]
    async fn invalid_frames_leave_host_and_package_running() {
        let spotify = Sim::start(Config::default()).await.unwrap();
        let home = DeckHome::new();
        let mut deck = home.start(&spotify).await;
        let key = deck.place(PLAY, 0, 0).await;
        deck.wait_until_shows(&key, UNLINKED).await;
        let package = deck.package().await;
        let mut page = deck.settings_page("com.spotify-widgets").await;
        let address = format!("ws://127.0.0.1:{}/", page.port());

        // Unknown clients: their first frame is no valid registration, so the host closes their sockets.
        let wrong = json!({"event": "registerPackage", "uuid": "com.spotify-widgets"}).to_string();
        let unknown = json!({"event": "fromTheFuture", "uuid": 7}).to_string();
        let frames = [Message::text("garbage"), Message::binary(vec![0xff; 64]), wrong.into(), unknown.into(), large()];
        for frame in frames {
            let (mut client, _) = connect_async(&address).await.unwrap();
            // The host may close the socket before the frame is sent completely.
            let _ = client.send(frame).await;
            let closed = async { while !matches!(client.next().await, None | Some(Err(_) | Ok(Message::Close(_)))) {} };
            tokio::time::timeout(TIMEOUT, closed).await.expect("the host closes the socket");
        }
        let mut client = connect_async(&address).await.unwrap().0.into_inner();
        client.write_all(&TRUNCATED).await.unwrap();
        drop(client);
        let mut client = tokio::net::TcpStream::connect(("127.0.0.1", page.port())).await.unwrap();
        client.write_all(&[0; 4096]).await.unwrap();
        drop(client);

        // A registered page: the host forwards its messages to the package, whatever their content.
        page.send_frame(Message::text("garbage")).await;
        page.send_frame(Message::binary(vec![0xff; 64])).await;
        page.send_frame(large()).await;
        page.send(json!({"command": "x".repeat(10 << 20)})).await;
        page.send(json!({"command": "dance"})).await;
        let refused = async |page: &mut acceptance::View| {
            page.wait_for_message("an answer to an unknown command", |event| (event["event"] == "error").then_some(()))
                .await;
        };
        refused(&mut page).await;
        let mut cut = page.into_stream();
        cut.write_all(&TRUNCATED).await.unwrap();
        drop(cut);

        let mut page = deck.settings_page("com.spotify-widgets").await;
        page.send(json!({"command": "dance"})).await;
        refused(&mut page).await;
        deck.link(&spotify).await;
        deck.wait_until_shows(&key, "Pause").await;
        deck.press(&key).await;
        spotify.wait_for_request("PUT", "/v1/me/player/pause", TIMEOUT).await.expect("the press arrives");
        assert!(deck.is_running());
        assert_eq!(deck.package().await, package, "still the same process");
    }
}

#[cfg(target_os = "linux")]
mod secrets {
    //! Tests that secrets are only in the store.

    use std::path::{Path, PathBuf};

    use acceptance::wait_until;
    use spotify_sim::{DEMO_CLIENT_ID, DEMO_CLIENT_SECRET};

    use super::*;

    fn files(folder: &Path, all: &mut Vec<PathBuf>) {
        for entry in std::fs::read_dir(folder).unwrap().flatten() {
            let path = entry.path();
            if path.is_dir() { files(&path, all) } else { all.push(path) }
        }
    }

    fn contains(content: &[u8], text: &str) -> bool {
        content.windows(text.len()).any(|window| window == text.as_bytes())
    }

    fn command_line(pid: u32) -> Vec<u8> {
        let line = std::fs::read(format!("/proc/{pid}/cmdline")).unwrap();
        assert!(!line.is_empty());
        line
    }

    /// The name and content of a place where secrets might be.
    type Place = (String, Vec<u8>);

    async fn logs_and_arguments(run: &str, deck: &DeckProcess) -> Vec<Place> {
        let package = deck.package().await;
        vec![
            (format!("{run}: log of the API"), deck.get("log").await.to_string().into_bytes()),
            (format!("{run}: arguments of the host"), command_line(deck.pid())),
            (format!("{run}: arguments of the package"), command_line(package)),
        ]
    }

    #[tokio::test]
    async fn secrets_are_in_no_data_log_or_argument() {
        let spotify = Sim::start(Config::default()).await.unwrap();
        let home = DeckHome::new();
        let trace = Launch { log: "trace", ..Launch::default() };
        let deck = home.launch(&spotify, Launch { bundles: &[bundle()], ..trace }).await;
        let key = place_link_and_press(&deck, &spotify).await;
        let mut places = logs_and_arguments("first run", &deck).await;
        places.push(("first run: stderr".to_owned(), deck.terminate().await));

        let deck = home.launch(&spotify, trace).await;
        deck.wait_until_shows(&key, "Play").await;
        // An expired token is refreshed, which transmits secrets once more.
        spotify.expire_access_tokens();
        spotify.clear_requests();
        deck.press(&key).await;
        spotify.wait_for_request("POST", "/accounts/api/token", TIMEOUT).await.expect("a refresh");
        wait_until("it plays", async || spotify.playback().is_playing.then_some(()).ok_or(String::new())).await;
        places.extend(logs_and_arguments("second run", &deck).await);
        places.push(("second run: stderr".to_owned(), deck.terminate().await));

        let mut all = Vec::new();
        files(home.folder(), &mut all);
        assert!(all.iter().any(|path| path.starts_with(home.data()) && path.ends_with("state.json")), "{all:?}");
        assert!(all.iter().any(|path| path.ends_with("logs/spotify-widgets.log")), "{all:?}");
        let store = home.secrets();
        places.extend(all.into_iter().filter(|path| *path != store).map(|path| {
            let content = std::fs::read(&path).unwrap();
            (path.display().to_string(), content)
        }));

        let issued = spotify.issued_tokens();
        assert!(!issued.refresh.is_empty() && issued.access.len() > 1 && !issued.codes.is_empty());
        // The search would find secrets: the store contains them, and the logs have the level trace.
        let stored = std::fs::read(&store).unwrap();
        assert!(contains(&stored, DEMO_CLIENT_SECRET) && issued.refresh.iter().any(|token| contains(&stored, token)));
        for (place, content) in places.iter().filter(|(place, _)| place.ends_with("stderr")) {
            // Only the package is an HTTP client, so this is the package's trace, which the host has forwarded.
            assert!(contains(content, "TRACE hyper_util::client"), "{place} is no trace");
        }
        let basic = STANDARD.encode(format!("{DEMO_CLIENT_ID}:{DEMO_CLIENT_SECRET}"));
        let secrets = [
            ("refresh token", issued.refresh),
            ("access token", issued.access),
            ("code", issued.codes),
            ("Client Secret", vec![DEMO_CLIENT_SECRET.to_owned(), basic]),
        ];
        for (kind, secrets) in &secrets {
            for secret in secrets {
                let found: Vec<_> =
                    places.iter().filter(|(_, content)| contains(content, secret)).map(|(place, _)| place).collect();
                assert!(found.is_empty(), "a {kind} is in {found:?}");
            }
        }
    }
}
