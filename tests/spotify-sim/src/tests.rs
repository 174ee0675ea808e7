//! Tests of the simulator over real HTTP.

use std::sync::Once;
use std::sync::atomic::{AtomicU64, Ordering};

use reqwest::header::CONTENT_LENGTH;
use reqwest::redirect::Policy;
use reqwest::{Client, Method, Response, StatusCode};
use serde_json::{Value, json};

use super::*;
use crate::catalogue::{EPISODE_URI, LOCAL_URI, album_uri, track_uri};

mod connections;
mod devices;
mod library;
mod several;

const CALLBACK: &str = "http://127.0.0.1:40404/callback";
const ALL_SCOPES: &str = "user-read-private user-read-playback-state user-read-currently-playing user-modify-playback-state \
                   playlist-read-private playlist-read-collaborative playlist-modify-public playlist-modify-private user-library-read \
                   user-library-modify user-read-recently-played user-read-playback-position";
const TIMEOUT: Duration = Duration::from_secs(20);

fn client() -> Client {
    static PROVIDER: Once = Once::new();
    PROVIDER.call_once(|| {
        // An already installed provider is fine as well.
        let _ = rustls::crypto::ring::default_provider().install_default();
    });
    Client::builder().redirect(Policy::none()).no_proxy().build().expect("a client")
}

struct Session {
    sim: Sim,
    client: Client,
    token: String,
}

impl Session {
    async fn start(config: Config) -> Self {
        Self::with_scopes(config, ALL_SCOPES).await
    }

    async fn with_scopes(config: Config, scopes: &str) -> Self {
        let sim = Sim::start(config).await.expect("started");
        let client = client();
        let callback = sim.consent(authorize_url(&sim, scopes).as_str(), true).expect("agreed");
        let code = parameter(&callback, "code").expect("a code");
        let form = [("grant_type", "authorization_code"), ("code", &code), ("redirect_uri", CALLBACK)];
        let answer = token(&sim, &client, DEMO_CLIENT_SECRET, &form).await;
        let token = json_of(answer).await["access_token"].as_str().expect("a token").to_owned();
        Self { sim, client, token }
    }

    async fn send(&self, method: Method, path: &str, body: Option<Value>) -> Response {
        let url = format!("{}{path}", self.sim.api_url());
        let mut request = self.client.request(method, url).bearer_auth(&self.token);
        request = match body {
            Some(body) => request.json(&body),
            None => request.header(CONTENT_LENGTH, 0),
        };
        request.send().await.expect("an answer")
    }

    async fn get(&self, path: &str) -> Value {
        let answer = self.send(Method::GET, path, None).await;
        assert_eq!(answer.status(), StatusCode::OK, "{path}");
        json_of(answer).await
    }

    async fn put(&self, path: &str) -> StatusCode {
        self.send(Method::PUT, path, None).await.status()
    }
}

fn authorize_url(sim: &Sim, scopes: &str) -> Url {
    let parameters = [
        ("client_id", DEMO_CLIENT_ID),
        ("response_type", "code"),
        ("redirect_uri", CALLBACK),
        ("state", "xyz"),
        ("scope", scopes),
    ];
    Url::parse_with_params(&format!("{}/authorize", sim.accounts_url()), parameters).expect("an address")
}

fn parameter(url: &Url, name: &str) -> Option<String> {
    url.query_pairs().find(|(key, _)| key == name).map(|(_, value)| value.into_owned())
}

async fn token(sim: &Sim, client: &Client, secret: &str, form: &[(&str, &str)]) -> Response {
    let request = client.post(format!("{}/api/token", sim.accounts_url())).basic_auth(DEMO_CLIENT_ID, Some(secret));
    request.form(form).send().await.expect("an answer")
}

async fn json_of(answer: Response) -> Value {
    let text = answer.text().await.expect("a body");
    serde_json::from_str(&text).unwrap_or_else(|_| panic!("no JSON: {text}"))
}

fn stopped() -> Config {
    Config { clock: stopped_clock(), ..Config::default() }
}

#[tokio::test]
async fn consent_page_shows_app_user_and_scopes() {
    let sim = Sim::start(Config::default()).await.expect("started");
    let url = authorize_url(&sim, "user-read-private user-modify-playback-state");
    let page = client().get(url).send().await.expect("a page").text().await.expect("text");
    for part in ["Simulated Spotify", "Demo Deck", "Simone Löwe", "user-modify-playback-state", "id=\"agree\""] {
        assert!(page.contains(part), "{part}");
    }
}

#[tokio::test]
async fn agreeing_redirects_with_code_and_state() {
    let sim = Sim::start(Config::default()).await.expect("started");
    let client = client();
    let url = authorize_url(&sim, "user-read-private user-modify-playback-state");
    let form = format!("{}&decision=agree", url.query().expect("a query"));
    let post = client.post(format!("{}/authorize", sim.accounts_url()));
    let answer =
        post.header("Content-Type", "application/x-www-form-urlencoded").body(form).send().await.expect("an answer");
    assert_eq!(answer.status(), StatusCode::SEE_OTHER);
    let location = Url::parse(answer.headers()["location"].to_str().expect("text")).expect("an address");
    assert!(location.as_str().starts_with(CALLBACK));
    assert_eq!(parameter(&location, "state").as_deref(), Some("xyz"));
    assert!(parameter(&location, "code").is_some());
}

#[tokio::test]
async fn markup_in_a_parameter_is_escaped() {
    let sim = Sim::start(Config::default()).await.expect("started");
    let mut url = authorize_url(&sim, "user-read-private");
    url.query_pairs_mut().append_pair("state", "\"><script>alert(1)</script>{{app}}");
    let page = client().get(url).send().await.expect("a page").text().await.expect("text");
    assert!(!page.contains("<script>"));
    assert!(page.contains("&lt;script&gt;"));
    assert!(page.contains("{{app}}"));
}

#[tokio::test]
async fn invalid_redirect_uri_shows_an_error_page() {
    let sim = Sim::start(Config::default()).await.expect("started");
    let url = authorize_url(&sim, ALL_SCOPES).as_str().replace("127.0.0.1%3A40404", "localhost%3A40404");
    let answer = client().get(&url).send().await.expect("a page");
    assert_eq!(answer.status(), StatusCode::BAD_REQUEST);
    assert!(answer.headers().get("location").is_none());
    assert!(answer.text().await.expect("text").contains("INVALID_CLIENT: Insecure redirect URI"));
}

#[tokio::test]
async fn unknown_client_id_is_a_consent_error() {
    let sim = Sim::start(Config::default()).await.expect("started");
    let url = authorize_url(&sim, ALL_SCOPES).as_str().replace(DEMO_CLIENT_ID, "ffff");
    let error = sim.consent(&url, true).expect_err("refused");
    assert_eq!(error, ConsentError::Page("INVALID_CLIENT: Invalid client"));
    assert_eq!(error.to_string(), "INVALID_CLIENT: Invalid client");
}

#[tokio::test]
async fn cancelling_redirects_with_an_error() {
    let sim = Sim::start(Config::default()).await.expect("started");
    let callback = sim.consent(authorize_url(&sim, ALL_SCOPES).as_str(), false).expect("redirected");
    assert_eq!(parameter(&callback, "error").as_deref(), Some("access_denied"));
    assert_eq!(parameter(&callback, "state").as_deref(), Some("xyz"));
    assert_eq!(parameter(&callback, "code"), None);
}

#[tokio::test]
async fn client_credentials_with_a_wrong_secret_are_refused() {
    let sim = Sim::start(Config::default()).await.expect("started");
    let wrong = token(&sim, &client(), "wrong", &[("grant_type", "client_credentials")]).await;
    assert_eq!(wrong.status(), StatusCode::BAD_REQUEST);
    let expected = json!({ "error": "invalid_client", "error_description": "Invalid client secret" });
    assert_eq!(json_of(wrong).await, expected);
}

#[tokio::test]
async fn client_credentials_allow_only_calls_without_a_user() {
    let sim = Sim::start(Config::default()).await.expect("started");
    let client = client();
    let form = [("grant_type", "client_credentials")];
    let right = json_of(token(&sim, &client, DEMO_CLIENT_SECRET, &form).await).await;
    assert_eq!(right["expires_in"], 3_600);
    assert_eq!(right.get("refresh_token"), None);
    let bearer = right["access_token"].as_str().expect("a token");
    let get = |path: &str| client.get(format!("{}{path}", sim.api_url())).bearer_auth(bearer).send();
    let found = json_of(get("/search?q=paper&type=track,artist").await.expect("an answer")).await;
    assert_eq!(found["tracks"]["items"][0]["name"], "Straßenbahn um Mitternacht");
    assert_eq!(found["artists"]["total"], 1);
    for path in ["/me", "/me/player", "/me/playlists"] {
        assert_eq!(get(path).await.expect("an answer").status(), StatusCode::UNAUTHORIZED, "{path}");
    }
}

#[tokio::test]
async fn calls_need_a_token() {
    let session = Session::start(stopped()).await;
    let url = format!("{}/me", session.sim.api_url());
    let answer = json_of(session.client.get(url).send().await.expect("an answer")).await;
    assert_eq!(answer, json!({ "error": { "status": 401, "message": "No token provided" } }));
}

#[tokio::test]
async fn access_token_expires() {
    let session = Session::start(stopped()).await;
    assert_eq!(session.get("/me").await["id"], "sim_user");
    session.sim.advance(ACCESS_TOKEN_LIFETIME);
    let answer = session.send(Method::GET, "/me", None).await;
    assert_eq!(answer.status(), StatusCode::UNAUTHORIZED);
    assert_eq!(json_of(answer).await["error"]["message"], "The access token expired");
}

/// Signs in and returns the code and the refresh token.
async fn signed_in(sim: &Sim, client: &Client) -> (String, String) {
    let callback = sim.consent(authorize_url(sim, ALL_SCOPES).as_str(), true).expect("agreed");
    let code = parameter(&callback, "code").expect("a code");
    let form = [("grant_type", "authorization_code"), ("code", &code), ("redirect_uri", CALLBACK)];
    let answer = json_of(token(sim, client, DEMO_CLIENT_SECRET, &form).await).await;
    let refresh = answer["refresh_token"].as_str().expect("a token").to_owned();
    (code, refresh)
}

#[tokio::test]
async fn revoked_refresh_token_is_an_invalid_grant() {
    let sim = Sim::start(Config::default()).await.expect("started");
    let client = client();
    let (_, refresh) = signed_in(&sim, &client).await;
    let form = [("grant_type", "refresh_token"), ("refresh_token", refresh.as_str())];
    assert_eq!(token(&sim, &client, DEMO_CLIENT_SECRET, &form).await.status(), StatusCode::OK);
    sim.revoke_refresh_tokens();
    let refused = json_of(token(&sim, &client, DEMO_CLIENT_SECRET, &form).await).await;
    assert_eq!(refused, json!({ "error": "invalid_grant", "error_description": "Refresh token revoked" }));
}

#[tokio::test]
async fn recorded_requests_contain_no_secrets() {
    let sim = Sim::start(Config::default()).await.expect("started");
    let client = client();
    let (code, refresh) = signed_in(&sim, &client).await;
    let form = [("grant_type", "refresh_token"), ("refresh_token", refresh.as_str())];
    assert_eq!(token(&sim, &client, DEMO_CLIENT_SECRET, &form).await.status(), StatusCode::OK);
    let issued = sim.issued_tokens();
    assert_eq!(issued.codes, std::slice::from_ref(&code));
    assert_eq!(issued.refresh, [refresh]);
    let recorded = format!("{:?}", sim.requests());
    for secret in issued.codes.iter().chain(&issued.access).chain(&issued.refresh) {
        assert!(!recorded.contains(secret.as_str()));
    }
    assert!(!recorded.contains(DEMO_CLIENT_SECRET));
}

#[tokio::test]
async fn scopes_are_enforced() {
    let session = Session::with_scopes(stopped(), "user-read-playback-state").await;
    session.get("/me/player/devices").await;
    for (method, path) in [
        (Method::GET, "/me"),
        (Method::GET, "/me/player/currently-playing"),
        (Method::GET, "/me/player/queue"),
        (Method::PUT, "/me/player/pause"),
        (Method::PUT, "/me/library?uris=spotify:track:x"),
    ] {
        let answer = session.send(method, path, None).await;
        assert_eq!(answer.status(), StatusCode::FORBIDDEN, "{path}");
        assert_eq!(json_of(answer).await["error"]["message"], "Insufficient client scope", "{path}");
    }
    assert!(session.sim.playback().is_playing);
}

#[tokio::test]
async fn player_answers_have_spotifys_shape() {
    let session = Session::start(stopped()).await;
    session.sim.advance(Duration::from_millis(61_500));
    let player = session.get("/me/player").await;
    assert_eq!(player["progress_ms"], 61_500);
    assert_eq!(player["is_playing"], true);
    assert_eq!(player["currently_playing_type"], "track");
    assert_eq!(player["actions"]["disallows"]["resuming"], true);
    assert_eq!(player["context"]["type"], "playlist");
    assert_eq!(player["device"]["volume_percent"], 65);
    assert_eq!(player["item"]["uri"], track_uri(1));
    let images = player["item"]["album"]["images"].as_array().expect("images");
    assert_eq!(
        images.iter().map(|image| image["width"].as_u64()).collect::<Vec<_>>(),
        [Some(640), Some(300), Some(64)]
    );
    let cover = images[1]["url"].as_str().expect("an address");
    let cover = session.client.get(cover).send().await.expect("a cover").bytes().await.expect("bytes");
    assert_eq!(image::load_from_memory(&cover).expect("a picture").width(), 300);
    let current = session.get("/me/player/currently-playing").await;
    assert_eq!(current.get("device"), None);
    assert_eq!(current["item"]["uri"], track_uri(1));
    let queue = session.get("/me/player/queue").await;
    assert_eq!(queue["queue"][0]["uri"], track_uri(2));
    let devices = session.get("/me/player/devices").await;
    assert_eq!(devices["devices"][2]["volume_percent"], Value::Null);
    assert_eq!(devices["devices"][3]["id"], Value::Null);
}

#[tokio::test]
async fn episodes_local_files_and_ads_have_spotifys_shape() {
    let session = Session::start(stopped()).await;
    let item = |uri: Option<&str>| Change { item: Some(uri.map(str::to_owned)), ..Change::default() };
    session.sim.change_playback(item(Some(EPISODE_URI))).expect("changed");
    let without = session.get("/me/player").await;
    assert_eq!((&without["currently_playing_type"], &without["item"]), (&json!("episode"), &Value::Null));
    let with = session.get("/me/player?additional_types=track,episode").await;
    assert_eq!(with["item"]["show"]["name"], "Key Matters");
    session.sim.change_playback(item(Some(LOCAL_URI))).expect("changed");
    assert_eq!(session.get("/me/player").await["item"]["id"], Value::Null);
    session.sim.change_playback(item(Some(catalogue::AD_URI))).expect("changed");
    let ad = session.get("/me/player").await;
    assert_eq!((&ad["currently_playing_type"], &ad["item"]), (&json!("ad"), &Value::Null));
    session.sim.change_playback(item(None)).expect("changed");
    assert_eq!(session.get("/me/player").await["currently_playing_type"], "unknown");
    session.sim.set_playback(Playback::idle());
    assert_eq!(session.send(Method::GET, "/me/player", None).await.status(), StatusCode::NO_CONTENT);
}

#[tokio::test]
async fn writes_answer_with_a_text() {
    let session = Session::start(stopped()).await;
    let answer = session.send(Method::PUT, "/me/player/pause", None).await;
    assert_eq!(answer.status(), StatusCode::OK);
    let text = answer.text().await.expect("text");
    assert!(!text.is_empty() && serde_json::from_str::<Value>(&text).is_err());
    assert!(!session.sim.playback().is_playing);
}

#[tokio::test]
async fn writes_set_the_modes() {
    let session = Session::start(Config { playback: Playback::paused(), ..stopped() }).await;
    for path in [
        "/me/player/play",
        "/me/player/seek?position_ms=5000",
        "/me/player/repeat?state=context",
        "/me/player/volume?volume_percent=7",
        "/me/player/shuffle?state=true",
    ] {
        assert_eq!(session.put(path).await, StatusCode::OK, "{path}");
    }
    let playback = session.sim.playback();
    assert!(playback.is_playing && playback.shuffle);
    assert_eq!((playback.progress_ms, playback.repeat), (5_000, Repeat::Context));
    assert_eq!(playback.active().and_then(|device| device.volume_percent), Some(7));
}

#[tokio::test]
async fn writes_start_a_context_and_move_it_to_a_device() {
    let session = Session::start(stopped()).await;
    let start = json!({ "context_uri": album_uri(2), "offset": { "position": 1 }, "position_ms": 900 });
    session.send(Method::PUT, "/me/player/play", Some(start)).await;
    session.send(Method::PUT, "/me/player", Some(json!({ "device_ids": [SPEAKER_ID] }))).await;
    let playback = session.sim.playback();
    assert_eq!((playback.item, playback.progress_ms), (Some(track_uri(6)), 900));
    assert_eq!(playback.devices.iter().filter(|device| device.is_active).count(), 1);
    assert!(playback.devices[1].is_active);
}

#[tokio::test]
async fn writes_enqueue_and_skip() {
    let session = Session::start(stopped()).await;
    session.send(Method::POST, &format!("/me/player/queue?uri={}", track_uri(9)), None).await;
    session.send(Method::POST, "/me/player/next", None).await;
    assert_eq!(session.sim.playback().item, Some(track_uri(9)));
    session.send(Method::POST, "/me/player/previous", None).await;
    assert_eq!(session.sim.playback().item, Some(track_uri(1)));
}

#[tokio::test]
async fn writes_can_answer_no_content() {
    let session = Session::start(Config { write_answer: WriteAnswer::NoContent, ..stopped() }).await;
    assert_eq!(session.put("/me/player/pause").await, StatusCode::NO_CONTENT);
}

#[tokio::test]
async fn refused_commands_have_spotifys_status_and_reason() {
    let session = Session::start(Config { playback: Playback::paused(), ..stopped() }).await;
    let mut refusals = Vec::new();
    let idle = session.sim.playback();
    for (path, set_up) in [
        ("/me/player/pause", None),
        ("/me/player/volume?volume_percent=5&device_id=nope", None),
        (&*format!("/me/player/volume?volume_percent=5&device_id={PHONE_ID}"), None),
        ("/me/player/volume?volume_percent=101", None),
        ("/me/player/play", Some(Playback::idle())),
    ] {
        session.sim.set_playback(set_up.unwrap_or_else(|| idle.clone()));
        let error = json_of(session.send(Method::PUT, path, None).await).await["error"].clone();
        refusals.push((error["status"].as_u64().expect("a status"), error["reason"].as_str().map(str::to_owned)));
    }
    let expected = [
        (403, Some("UNKNOWN")),
        (404, None),
        (403, Some("VOLUME_CONTROL_DISALLOW")),
        (400, None),
        (404, Some("NO_ACTIVE_DEVICE")),
    ];
    assert_eq!(refusals, expected.map(|(status, reason)| (status, reason.map(str::to_owned))));
}

#[tokio::test]
async fn unsupported_call_is_not_found() {
    let session = Session::start(stopped()).await;
    let answer = session.send(Method::GET, "/me/top/tracks", None).await;
    assert_eq!(answer.status(), StatusCode::NOT_FOUND);
    assert_eq!(json_of(answer).await["error"]["message"], "Service not found");
}

#[tokio::test]
async fn reads_lag_behind_writes_by_the_read_lag() {
    let session = Session::start(Config { read_lag: Duration::from_millis(300), ..stopped() }).await;
    session.put("/me/player/pause").await;
    session.sim.advance(Duration::from_millis(299));
    let early = session.get("/me/player").await;
    assert_eq!((&early["is_playing"], &early["progress_ms"]), (&json!(true), &json!(299)));
    session.sim.advance(Duration::from_millis(1));
    let late = session.get("/me/player").await;
    assert_eq!((&late["is_playing"], &late["progress_ms"]), (&json!(false), &json!(0)));
}

#[tokio::test]
async fn fault_answers_instead_of_carrying_out() {
    let session = Session::start(stopped()).await;
    session.sim.inject(Fault::throttle(Some(4)).on("PUT", "/v1/me/player/pause").times(1));
    let answer = session.send(Method::PUT, "/me/player/pause", None).await;
    assert_eq!((answer.status().as_u16(), &answer.headers()["retry-after"]), (429, &"4".parse().expect("a value")));
    assert!(session.sim.playback().is_playing, "a refused call is not carried out");
    assert!(session.sim.faults().is_empty());
    assert_eq!(replies(&session.sim), [Reply::Status(200), Reply::Status(429)]);
}

/// Returns the replies to all recorded requests.
fn replies(sim: &Sim) -> Vec<Reply> {
    sim.requests().iter().map(|request| request.reply).collect()
}

#[tokio::test]
async fn fault_can_answer_in_plain_text() {
    let session = Session::start(stopped()).await;
    session.sim.inject(Fault::owner_not_premium());
    let answer = session.send(Method::GET, "/me", None).await;
    assert_eq!(answer.status(), StatusCode::FORBIDDEN);
    assert!(serde_json::from_str::<Value>(&answer.text().await.expect("text")).is_err());
}

#[tokio::test]
async fn dropped_request_is_not_carried_out() {
    let session = Session::start(stopped()).await;
    session.sim.inject(Fault::drop_connection());
    let url = format!("{}/me/player/pause", session.sim.api_url());
    let lost = session.client.put(&url).bearer_auth(&session.token).header(CONTENT_LENGTH, 0).send().await;
    assert!(lost.is_err());
    assert!(session.sim.playback().is_playing);
    assert_eq!(replies(&session.sim), [Reply::Status(200), Reply::Dropped]);
}

#[tokio::test]
async fn request_with_lost_answer_is_carried_out() {
    let session = Session::start(stopped()).await;
    let url = format!("{}/me/player/pause", session.sim.api_url());
    session.sim.inject(Fault { outcome: Outcome::LoseAnswer, ..Fault::drop_connection() }.times(1));
    let lost = session.client.put(&url).bearer_auth(&session.token).header(CONTENT_LENGTH, 0).send().await;
    assert!(lost.is_err());
    assert!(!session.sim.playback().is_playing);
    assert_eq!(replies(&session.sim), [Reply::Status(200), Reply::Dropped]);
}

#[tokio::test]
async fn wait_for_request_returns_the_recorded_request() {
    let session = Session::start(stopped()).await;
    session.sim.clear_requests();
    let waiting = session.sim.wait_for_request("PUT", "/v1/me/player/volume", TIMEOUT);
    let sending = session.send(Method::PUT, "/me/player/volume?volume_percent=9", None);
    let (request, _) = tokio::join!(waiting, sending);
    let request = request.expect("arrived");
    assert_eq!(request.query("volume_percent"), Some("9"));
    assert_eq!(request.authorization, Authorization::Bearer);
    assert_eq!(request.client_id.as_deref(), Some(DEMO_CLIENT_ID));
    assert_eq!(request.status(), Some(200));
    assert_eq!(request.time_ms, playback::millis(STOPPED_AT));
    let volume = |playback: &Playback| playback.active().and_then(|device| device.volume_percent);
    session.sim.wait_for(TIMEOUT, move |_, playback| volume(playback) == Some(9)).await.expect("set");
}

#[tokio::test]
async fn wait_for_request_times_out() {
    let sim = Sim::start(stopped()).await.expect("started");
    let result = sim.wait_for_request("PUT", "/v1/me/player/pause", Duration::from_millis(1)).await;
    assert_eq!(result.map(|_| ()), Err(TimedOut));
}

#[tokio::test]
async fn wait_for_requests_returns_as_many_as_requested() {
    let session = Session::start(stopped()).await;
    session.get("/me").await;
    session.get("/me").await;
    let both = session.sim.wait_for_requests("GET", "/v1/me", 2, TIMEOUT).await.expect("two");
    assert_eq!(both[0].peer_port, both[1].peer_port, "the connection is reused");
}

#[tokio::test]
async fn lists_are_paged() {
    let session = Session::start(stopped()).await;
    let first = session.get("/me/playlists?limit=1").await;
    assert_eq!((&first["total"], first["items"].as_array().map(Vec::len)), (&json!(4), Some(1)));
    assert!(first["next"].as_str().expect("more").ends_with("offset=1"));
    let id = first["items"][0]["id"].as_str().expect("an ID");
    let playlist = session.get(&format!("/playlists/{id}")).await;
    assert_eq!(playlist["items"]["items"][4]["item"]["name"], "夜明けの信号");
    let track = session.get(&format!("/tracks/{}", catalogue::id_of(&track_uri(9)))).await;
    assert_eq!(track["name"], "🌊 Tide & Tell 🌙");
}

#[tokio::test]
async fn search_limit_is_5_by_default_and_at_most_10() {
    let session = Session::start(stopped()).await;
    assert_eq!(session.get("/search?q=a&type=track").await["tracks"]["limit"], 5);
    let answer = session.send(Method::GET, "/search?q=a&type=track&limit=11", None).await;
    assert_eq!(answer.status(), StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn library_saves_and_removes() {
    let session = Session::start(stopped()).await;
    let uris = format!("{},{}", track_uri(1), track_uri(2));
    assert_eq!(session.put(&format!("/me/library?uris={}", track_uri(2))).await, StatusCode::OK);
    assert_eq!(session.get(&format!("/me/library/contains?uris={uris}")).await, json!([false, true]));
    session.sim.set_saved(&track_uri(1), true);
    session.send(Method::DELETE, &format!("/me/library?uris={}", track_uri(2)), None).await;
    assert_eq!(session.get(&format!("/me/library/contains?uris={uris}")).await, json!([true, false]));
}

#[tokio::test]
async fn library_call_takes_at_most_40_uris() {
    let session = Session::start(stopped()).await;
    let many = vec!["spotify:track:x"; 41].join(",");
    assert_eq!(session.put(&format!("/me/library?uris={many}")).await, StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn control_api_controls_playback_faults_and_time() {
    let session = Session::start(stopped()).await;
    let sim = format!("{}sim", session.sim.page_url());
    let post = async |path: &str, body: Value| {
        let answer = session.client.post(format!("{sim}/{path}")).json(&body).send().await.expect("an answer");
        answer.status().as_u16()
    };
    assert_eq!(post("playback", json!({ "action": "next", "volume_percent": 3, "playing": false })).await, 204);
    assert_eq!(session.sim.playback().item, Some(track_uri(2)));
    assert_eq!(post("playback", json!({ "item": "spotify:track:x" })).await, 400);
    assert_eq!(post("playback", json!({ "itme": null })).await, 400);
    assert_eq!(post("faults", json!({ "preset": "quota", "retry_after": 19_056, "path": "/v1/me/player" })).await, 204);
    assert_eq!(session.sim.faults(), [Fault::quota(Some(19_056)).on("", "/v1/me/player")]);
    assert_eq!(session.put("/me/player/play").await.as_u16(), 429);
    let state = session.client.get(format!("{sim}/state")).send().await.expect("an answer");
    let state = json_of(state).await;
    assert_eq!(state["item"]["title"], "Grüße aus Köln-Süd");
    assert_eq!(state["player"]["device"]["volume_percent"], 3);
    assert_eq!(state["faults"].as_array().map(Vec::len), Some(1));
    let requests = session.client.get(format!("{sim}/requests?limit=1")).send().await.expect("an answer");
    assert_eq!(json_of(requests).await[0]["reply"], json!({ "status": 429 }));
    let cleared = session.client.delete(format!("{sim}/faults")).send().await.expect("an answer");
    assert_eq!(cleared.status(), StatusCode::NO_CONTENT);
    assert!(session.sim.faults().is_empty());
    assert_eq!(post("clock/advance", json!({ "ms": 1_234 })).await, 204);
    assert_eq!(session.sim.now(), STOPPED_AT + Duration::from_millis(1_234));
    assert_eq!(post("tokens/expire", Value::Null).await, 204);
    assert_eq!(session.put("/me/player/play").await, StatusCode::UNAUTHORIZED);
    assert_eq!(post("refresh-tokens/revoke", Value::Null).await, 204);
    let requests = session.sim.requests();
    assert!(requests.iter().all(|request| !request.path.starts_with("/sim")), "control calls are not recorded");
}

#[tokio::test]
async fn dropped_simulator_frees_its_port() {
    let sim = Sim::start(Config::default()).await.expect("started");
    let port = sim.address().port();
    assert!(Sim::start(Config { port, ..Config::default() }).await.is_err());
    let client = client();
    client.get(sim.page_url()).send().await.expect("a page");
    drop(sim);
    let sim = Sim::start(Config { port, ..Config::default() }).await.expect("started again");
    assert_eq!(client.get(sim.page_url()).send().await.expect("a page").status(), StatusCode::OK);
}

#[tokio::test]
async fn clock_can_be_shared_with_the_test() {
    let time = Arc::new(AtomicU64::new(5_000));
    let clock = time.clone();
    let clock: Clock = Arc::new(move || Duration::from_millis(clock.load(Ordering::Relaxed)));
    let sim = Sim::start(Config { clock, ..Config::default() }).await.expect("started");
    assert_eq!(sim.playback().progress_ms, 0);
    time.store(7_500, Ordering::Relaxed);
    assert_eq!(sim.playback().progress_ms, 2_500);
}

#[tokio::test]
async fn body_of_unknown_length_is_refused() {
    let session = Session::start(stopped()).await;
    let pause = session.client.put(format!("{}/me/player/pause", session.sim.api_url())).bearer_auth(&session.token);
    let answer = pause.try_clone().expect("no stream").send().await.expect("an answer");
    assert_eq!(answer.status(), StatusCode::LENGTH_REQUIRED);
    assert!(session.sim.playback().is_playing);
    assert_eq!(session.sim.violations(), ["PUT /v1/me/player/pause: a body of unknown length"]);
    assert_eq!(pause.header(CONTENT_LENGTH, 0).send().await.expect("an answer").status(), StatusCode::OK);
    session.sim.clear_requests();
    assert_eq!(session.sim.violations().len(), 1, "violations are not cleared");
}

#[tokio::test]
async fn podcast_search_without_a_user_needs_a_market() {
    let sim = Sim::start(stopped()).await.expect("started");
    let client = client();
    let form = [("grant_type", "client_credentials")];
    let app = json_of(token(&sim, &client, DEMO_CLIENT_SECRET, &form).await).await["access_token"].clone();
    let search = async |market: &str| {
        let url = format!("{}/search?q=key&type=show,episode{market}", sim.api_url());
        client.get(url).bearer_auth(app.as_str().expect("a token")).send().await.expect("an answer")
    };
    let shows = async |market: &str| json_of(search(market).await).await["shows"]["total"].clone();
    assert_eq!(shows("").await, 0);
    assert_eq!(shows("&market=AQ").await, 0);
    assert_eq!(shows("&market=DE").await, 1);
    assert_eq!(search("&market=Germany").await.status(), StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn podcast_search_uses_the_users_market() {
    let session = Session::start(stopped()).await;
    assert_eq!(session.get("/search?q=key&type=show").await["shows"]["total"], 1);
}
