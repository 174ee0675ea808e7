//! Tests with several apps, developers and users over real HTTP: limits and faults of one must not affect the others.

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use super::*;

const DEMO: (&str, &str) = (DEMO_CLIENT_ID, DEMO_CLIENT_SECRET);
const SIBLING: (&str, &str) = (SIBLING_CLIENT_ID, SIBLING_CLIENT_SECRET);
const BACKUP: (&str, &str) = (BACKUP_CLIENT_ID, BACKUP_CLIENT_SECRET);
const USER: &str = "sim_user";
const GUEST: &str = "sim_guest";

/// A simulator and a client that can sign in to any app as any user.
struct World {
    sim: Sim,
    client: Client,
}

impl World {
    async fn start() -> Self {
        Self { sim: Sim::start(stopped()).await.expect("started"), client: client() }
    }

    async fn grant(&self, app: (&str, &str), form: &[(&str, &str)]) -> Response {
        let request = self.client.post(format!("{}/api/token", self.sim.accounts_url()));
        request.basic_auth(app.0, Some(app.1)).form(form).send().await.expect("an answer")
    }

    /// Signs a user in and returns the access token.
    async fn sign_in(&self, app: (&str, &str), user: &str) -> String {
        let url = authorize_url(&self.sim, ALL_SCOPES).as_str().replace(DEMO_CLIENT_ID, app.0);
        let callback = self.sim.consent_as(&url, user, true).expect("agreed");
        let code = parameter(&callback, "code").expect("a code");
        let form = [("grant_type", "authorization_code"), ("code", &code), ("redirect_uri", CALLBACK)];
        access_token(self.grant(app, &form).await).await
    }

    /// Returns an access token of an app without a user.
    async fn app_token(&self, app: (&str, &str)) -> String {
        access_token(self.grant(app, &[("grant_type", "client_credentials")]).await).await
    }

    async fn send(&self, token: &str, method: Method, path: &str) -> Response {
        self.try_send(token, method, path).await.expect("an answer")
    }

    async fn try_send(&self, token: &str, method: Method, path: &str) -> reqwest::Result<Response> {
        let request = self.client.request(method, format!("{}{path}", self.sim.api_url()));
        request.bearer_auth(token).header(CONTENT_LENGTH, 0).send().await
    }

    async fn get(&self, token: &str, path: &str) -> u16 {
        self.send(token, Method::GET, path).await.status().as_u16()
    }

    /// Posts to the control API and returns the status.
    async fn control(&self, path: &str, body: Value) -> u16 {
        let url = format!("{}sim/{path}", self.sim.page_url());
        self.client.post(url).json(&body).send().await.expect("an answer").status().as_u16()
    }

    async fn state(&self) -> Value {
        let url = format!("{}sim/state", self.sim.page_url());
        json_of(self.client.get(url).send().await.expect("an answer")).await
    }
}

async fn access_token(answer: Response) -> String {
    json_of(answer).await["access_token"].as_str().expect("a token").to_owned()
}

/// Returns the status, the `Retry-After` and the body's reason or message.
async fn refusal(answer: Response) -> (u16, Option<String>, String) {
    let status = answer.status().as_u16();
    let after = answer.headers().get("retry-after").map(|value| value.to_str().expect("text").to_owned());
    let error = json_of(answer).await["error"].clone();
    let text = error.get("reason").unwrap_or(&error["message"]).as_str().expect("text").to_owned();
    (status, after, text)
}

#[tokio::test]
async fn consent_page_offers_all_users() {
    let world = World::start().await;
    let url = authorize_url(&world.sim, ALL_SCOPES);
    let page = world.client.get(url).send().await.expect("a page").text().await.expect("text");
    for part in ["<select id=\"user\"", "<option value=\"sim_user\">Simone Löwe", "<option value=\"sim_guest\">"] {
        assert!(page.contains(part), "{part}");
    }
}

#[tokio::test]
async fn consent_as_an_unknown_user_is_an_error() {
    let world = World::start().await;
    let url = authorize_url(&world.sim, ALL_SCOPES);
    let error = world.sim.consent_as(url.as_str(), "unknown", true).expect_err("refused");
    assert_eq!(error, ConsentError::Page("There is no such user"));
}

#[tokio::test]
async fn token_belongs_to_the_user_who_was_chosen() {
    let world = World::start().await;
    let url = authorize_url(&world.sim, ALL_SCOPES);
    let form = format!("{}&user={GUEST}&decision=agree", url.query().expect("a query"));
    let post = world.client.post(format!("{}/authorize", world.sim.accounts_url()));
    let answer = post.header("Content-Type", "application/x-www-form-urlencoded").body(form).send().await;
    let answer = answer.expect("an answer");
    let location = Url::parse(answer.headers()["location"].to_str().expect("text")).expect("an address");
    let code = parameter(&location, "code").expect("a code");
    let form = [("grant_type", "authorization_code"), ("code", &code), ("redirect_uri", CALLBACK)];
    let guest = access_token(world.grant(DEMO, &form).await).await;
    let me = json_of(world.send(&guest, Method::GET, "/me").await).await;
    assert_eq!((&me["id"], &me["display_name"]), (&json!(GUEST), &json!("Gaël Nováček")));
    let user = world.sign_in(BACKUP, USER).await;
    assert_eq!(json_of(world.send(&user, Method::GET, "/me").await).await["id"], USER);
}

#[tokio::test]
async fn user_without_premium_can_read_but_not_control() {
    let world = World::start().await;
    let (user, guest) = (world.sign_in(DEMO, USER).await, world.sign_in(DEMO, GUEST).await);
    world.sim.set_user_premium(USER, false).expect("known");
    assert_eq!(world.get(&user, "/me/player").await, 200);
    for (method, path) in [(Method::PUT, "/me/player/pause"), (Method::POST, "/me/player/next")] {
        let answer = refusal(world.send(&user, method, path).await).await;
        assert_eq!(answer, (403, None, "PREMIUM_REQUIRED".to_owned()), "{path}");
    }
    assert!(world.sim.playback().is_playing);
    assert_eq!(world.send(&guest, Method::PUT, "/me/player/pause").await.status(), StatusCode::OK, "another user");
    world.sim.set_user_premium(USER, true).expect("known");
    assert_eq!(world.send(&user, Method::PUT, "/me/player/play").await.status(), StatusCode::OK);
}

#[tokio::test]
async fn owner_without_premium_is_refused_in_plain_text() {
    let world = World::start().await;
    let (demo, app) = (world.sign_in(DEMO, USER).await, world.app_token(SIBLING).await);
    world.sim.set_developer_premium(DEMO_CLIENT_ID, false).expect("known");
    for token in [&demo, &app] {
        let answer = world.send(token, Method::GET, "/search?q=a&type=track").await;
        assert_eq!(answer.status(), StatusCode::FORBIDDEN);
        assert!(answer.headers()["content-type"].to_str().expect("text").starts_with("text/plain"));
        assert!(answer.text().await.expect("text").contains("premium"));
    }
    let backup = world.sign_in(BACKUP, USER).await;
    assert_eq!(world.get(&backup, "/me").await, 200, "another developer's app");
}

#[tokio::test]
async fn user_off_the_allow_list_is_refused_in_plain_text() {
    let world = World::start().await;
    let (listed, unlisted) = (world.sign_in(BACKUP, USER).await, world.sign_in(BACKUP, GUEST).await);
    assert_eq!(world.get(&listed, "/me").await, 200);
    let answer = world.send(&unlisted, Method::GET, "/me").await;
    assert_eq!(answer.status(), StatusCode::FORBIDDEN);
    assert!(answer.text().await.expect("text").contains("may not be registered"));
    assert_eq!(world.send(&unlisted, Method::PUT, "/me/player/pause").await.status(), StatusCode::FORBIDDEN);
    assert!(world.sim.playback().is_playing);
    world.sim.set_allow_list(BACKUP_CLIENT_ID, Some(vec![GUEST.to_owned()])).expect("known");
    assert_eq!((world.get(&listed, "/me").await, world.get(&unlisted, "/me").await), (403, 200));
}

#[tokio::test]
async fn throttle_refuses_one_app_until_its_window_moves_on() {
    let world = World::start().await;
    let (demo, sibling) = (world.sign_in(DEMO, USER).await, world.sign_in(SIBLING, USER).await);
    world.sim.set_throttle(Some(Throttle::new(2)));
    assert_eq!(world.get(&demo, "/me/player").await, 200);
    world.sim.advance(Duration::from_secs(12));
    assert_eq!(world.get(&demo, "/me").await, 200);
    let refused = refusal(world.send(&demo, Method::PUT, "/me/player/pause").await).await;
    assert_eq!(refused, (429, Some("30".to_owned()), "API rate limit exceeded".to_owned()));
    assert!(world.sim.playback().is_playing, "a refused call is not carried out");
    assert_eq!(world.get(&sibling, "/me").await, 200, "another app");
    let state = world.state().await;
    let until = playback::millis(STOPPED_AT) + 42_000;
    assert_eq!(state["throttle"], json!({ "calls": 2, "window_ms": 30_000 }));
    assert_eq!(state["apps"][0]["throttled_until_ms"], until);
    assert_eq!(state["apps"][1]["throttled_until_ms"], Value::Null);
    world.sim.advance(Duration::from_secs(30));
    assert_eq!(world.send(&demo, Method::PUT, "/me/player/pause").await.status(), StatusCode::OK);
}

#[tokio::test]
async fn retry_after_can_be_omitted() {
    let world = World::start().await;
    let demo = world.sign_in(DEMO, USER).await;
    world.sim.omit_retry_after(true);
    world.sim.set_throttle(Some(Throttle::new(0)));
    assert_eq!(refusal(world.send(&demo, Method::GET, "/me").await).await.1, None);
}

#[tokio::test]
async fn used_up_quota_shuts_a_group_for_the_developers_apps() {
    let world = World::start().await;
    let (demo, sibling) = (world.sign_in(DEMO, USER).await, world.sign_in(SIBLING, USER).await);
    let backup = world.sign_in(BACKUP, USER).await;
    world.sim.exhaust_quota(SIBLING_CLIENT_ID, Group::Player, Duration::from_secs(46_649)).expect("known");
    world.sim.advance(Duration::from_millis(500));
    for token in [&demo, &sibling] {
        let refused = refusal(world.send(token, Method::PUT, "/me/player/pause").await).await;
        assert_eq!(refused, (429, Some("46649".to_owned()), "QUOTA_EXCEEDED".to_owned()));
        assert_eq!(world.get(token, "/me/playlists").await, 200, "another group");
    }
    assert!(world.sim.playback().is_playing);
    assert_eq!(world.send(&backup, Method::PUT, "/me/player/pause").await.status(), StatusCode::OK);
    let state = world.state().await;
    assert_eq!(state["apps"][0]["shut_until_ms"], json!({ "player": playback::millis(STOPPED_AT) + 46_649_000 }));
    assert_eq!(state["apps"][2]["shut_until_ms"], json!({}));
    world.sim.exhaust_quota("Demo Developer", Group::Player, Duration::ZERO).expect("known");
    assert_eq!(world.get(&demo, "/me/player").await, 200);
}

#[tokio::test]
async fn quota_of_an_unknown_developer_is_an_error() {
    let world = World::start().await;
    let error = world.sim.exhaust_quota("unknown", None, TIMEOUT).expect_err("refused");
    assert_eq!(error.to_string(), "there is no developer and no app \"unknown\"");
}

#[tokio::test]
async fn budget_is_shared_by_the_developers_apps() {
    let world = World::start().await;
    let (demo, sibling) = (world.sign_in(DEMO, USER).await, world.sign_in(SIBLING, USER).await);
    let budget = Budget { calls: 2, shut_for: Duration::from_secs(600) };
    world.sim.set_quota(DEMO_CLIENT_ID, None, Some(budget)).expect("known");
    assert_eq!((world.get(&demo, "/me").await, world.get(&sibling, "/me").await), (200, 200));
    assert_eq!(refusal(world.send(&demo, Method::GET, "/me").await).await.1.as_deref(), Some("600"));
    assert_eq!(world.get(&demo, "/me/player").await, 200, "each group has its own budget");
    world.sim.advance(Duration::from_secs(599));
    assert_eq!(refusal(world.send(&sibling, Method::GET, "/me").await).await.1.as_deref(), Some("1"));
    world.sim.advance(Duration::from_secs(1));
    assert_eq!(world.get(&demo, "/me").await, 200);
}

#[tokio::test]
async fn call_that_a_fault_answers_counts() {
    let world = World::start().await;
    let demo = world.sign_in(DEMO, USER).await;
    world.sim.set_throttle(Some(Throttle::new(1)));
    world.sim.inject(Fault::server_error(503).times(1));
    assert_eq!(world.get(&demo, "/me").await, 503);
    assert_eq!(world.get(&demo, "/me").await, 429);
}

#[tokio::test]
async fn call_with_an_unknown_token_does_not_count() {
    let world = World::start().await;
    let demo = world.sign_in(DEMO, USER).await;
    world.sim.set_throttle(Some(Throttle::new(1)));
    assert_eq!(world.get("unknown", "/me").await, 401);
    assert_eq!(world.get(&demo, "/me").await, 200);
}

#[tokio::test]
async fn fault_can_affect_one_app_only() {
    let world = World::start().await;
    let (demo, backup) = (world.sign_in(DEMO, USER).await, world.sign_in(BACKUP, USER).await);
    world.sim.inject(Fault::quota(Some(60)).of(DEMO_CLIENT_ID));
    world.sim.inject(Fault::token_error("invalid_client", "Invalid client secret").of(BACKUP_CLIENT_ID));
    assert_eq!((world.get(&demo, "/me").await, world.get(&backup, "/me").await), (429, 200));
    let form = [("grant_type", "client_credentials")];
    assert_eq!(world.grant(BACKUP, &form).await.status(), StatusCode::BAD_REQUEST);
    assert_eq!(world.grant(DEMO, &form).await.status(), StatusCode::OK);
}

#[tokio::test]
async fn requests_record_their_app_and_group() {
    let world = World::start().await;
    let (demo, app) = (world.sign_in(DEMO, USER).await, world.app_token(SIBLING).await);
    world.client.get(authorize_url(&world.sim, ALL_SCOPES)).send().await.expect("a page");
    let form = [("grant_type", "refresh_token"), ("refresh_token", "AQx"), ("client_id", BACKUP_CLIENT_ID)];
    let post = world.client.post(format!("{}/api/token", world.sim.accounts_url()));
    post.form(&form).send().await.expect("an answer");
    world.get(&demo, "/me/player").await;
    world.get(&app, "/search?q=a&type=track").await;
    world.sim.advance(ACCESS_TOKEN_LIFETIME);
    world.get(&demo, "/me").await;
    let recorded: Vec<_> = world.sim.requests().into_iter().map(|request| (request.client_id, request.group)).collect();
    let expected = [
        (DEMO_CLIENT_ID, None),
        (SIBLING_CLIENT_ID, None),
        (DEMO_CLIENT_ID, None),
        (BACKUP_CLIENT_ID, None),
        (DEMO_CLIENT_ID, Some(Group::Player)),
        (SIBLING_CLIENT_ID, Some(Group::Catalog)),
        (DEMO_CLIENT_ID, Some(Group::Profile)),
    ];
    assert_eq!(recorded, expected.map(|(app, group)| (Some(app.to_owned()), group)));
}

#[tokio::test]
async fn app_can_search_without_a_user() {
    let world = World::start().await;
    let app = world.app_token(BACKUP).await;
    let found = json_of(world.send(&app, Method::GET, "/search?q=a&type=track").await).await;
    assert_eq!(found["tracks"]["limit"], 5);
    assert_eq!(world.get(&app, "/search?q=a&type=track&limit=10").await, 200);
    assert_eq!(world.get(&app, "/search?q=a&type=track&limit=11").await, 400);
}

/// Sends a request without a body over a new connection, and leaves it open.
async fn send_raw(sim: &Sim, method: &str, path: &str, token: &str) -> TcpStream {
    let mut stream = TcpStream::connect(sim.address()).await.expect("connected");
    let head =
        format!("{method} {path} HTTP/1.1\r\nHost: sim\r\nContent-Length: 0\r\nAuthorization: Bearer {token}\r\n\r\n");
    stream.write_all(head.as_bytes()).await.expect("sent");
    stream
}

/// Reads everything until the connection ends.
async fn read_rest(stream: &mut TcpStream) -> Vec<u8> {
    let mut bytes = Vec::new();
    // A reset ends it as well.
    let _ = tokio::time::timeout(TIMEOUT, stream.read_to_end(&mut bytes)).await.expect("the connection ends");
    bytes
}

/// Returns a condition that holds while a request with this path has no reply.
fn is_pending(path: &'static str) -> impl FnMut(&[Request], &Playback) -> bool + Send + 'static {
    move |requests, _| requests.iter().any(|request| request.path == path && request.reply == Reply::Pending)
}

#[tokio::test]
async fn refusing_network_closes_connections() {
    let world = World::start().await;
    let demo = world.sign_in(DEMO, USER).await;
    let mut idle = send_raw(&world.sim, "GET", "/v1/me", &demo).await;
    assert!(idle.read(&mut [0; 1_024]).await.expect("an answer") > 0);
    world.sim.inject(Fault::delay(TIMEOUT * 10).on("PUT", ""));
    let mut busy = send_raw(&world.sim, "PUT", "/v1/me/player/pause", &demo).await;
    world.sim.wait_for(TIMEOUT, is_pending("/v1/me/player/pause")).await.expect("arrived");
    assert_eq!(world.control("network", json!({ "network": "refusing" })).await, 204);
    assert!(read_rest(&mut idle).await.is_empty());
    assert!(read_rest(&mut busy).await.is_empty(), "closed without an answer");
    assert!(world.try_send(&demo, Method::GET, "/me").await.is_err());
    let image = world.client.get(format!("{}image/1-64", world.sim.page_url())).send().await;
    assert!(image.is_err());
    assert_eq!(world.state().await["network"], json!({ "accounts": "refusing", "api": "refusing" }));
    world.sim.wait_for_requests("PUT", "/v1/me/player/pause", 1, TIMEOUT).await.expect("dropped");
    let replies: Vec<_> = world.sim.requests().iter().skip(2).map(|request| request.reply).collect();
    assert!(replies.iter().all(|reply| *reply == Reply::Dropped), "{replies:?}");
    assert!(world.sim.playback().is_playing);
}

#[tokio::test]
async fn lost_request_uses_up_no_fault() {
    let world = World::start().await;
    let demo = world.sign_in(DEMO, USER).await;
    world.sim.inject(Fault::server_error(500).times(1));
    world.sim.set_network(Network::Refusing);
    assert!(world.try_send(&demo, Method::GET, "/me").await.is_err());
    world.sim.set_network(Network::Up);
    assert_eq!(world.sim.faults().len(), 1);
    assert_eq!(world.get(&demo, "/me").await, 500);
    assert_eq!(world.sim.requests().last().and_then(Request::status), Some(500));
}

#[tokio::test]
async fn lost_request_uses_up_no_limit() {
    let world = World::start().await;
    let demo = world.sign_in(DEMO, USER).await;
    world.sim.set_throttle(Some(Throttle::new(1)));
    world.sim.set_network(Network::Refusing);
    assert!(world.try_send(&demo, Method::GET, "/me").await.is_err());
    world.sim.set_network(Network::Up);
    assert_eq!(world.get(&demo, "/me").await, 200);
}

#[tokio::test]
async fn silent_network_answers_waiting_clients_when_it_is_up() {
    let world = World::start().await;
    let demo = world.sign_in(DEMO, USER).await;
    world.sim.set_network(Network::Silent);
    let gone = send_raw(&world.sim, "PUT", "/v1/me/player/pause", &demo).await;
    world.sim.wait_for(TIMEOUT, is_pending("/v1/me/player/pause")).await.expect("arrived");
    drop(gone);
    let back = async {
        world.sim.wait_for(TIMEOUT, is_pending("/v1/me/player/volume")).await.expect("arrived");
        // After the second answer of its one thread, the simulator has noticed that the first client has disconnected.
        world.state().await;
        world.state().await;
        world.sim.set_network(Network::Up);
    };
    let waiting = world.send(&demo, Method::PUT, "/me/player/volume?volume_percent=7");
    let (answer, ()) = tokio::join!(waiting, back);
    assert_eq!(answer.status(), StatusCode::OK);
    let playback = world.sim.playback();
    assert_eq!(playback.active().and_then(|device| device.volume_percent), Some(7));
    assert!(playback.is_playing, "the client of the pause has disconnected");
}

#[tokio::test]
async fn network_can_fail_for_one_service_only() {
    let world = World::start().await;
    let demo = world.sign_in(DEMO, USER).await;
    let form = [("grant_type", "client_credentials")];
    world.sim.set_network_of(Service::Accounts, Network::Refusing);
    assert_eq!(world.get(&demo, "/me").await, 200);
    let post = world.client.post(format!("{}/api/token", world.sim.accounts_url()));
    assert!(post.form(&form).send().await.is_err());
    assert_eq!(world.control("network", json!({ "network": "refusing", "service": "api" })).await, 204);
    assert_eq!(world.control("network", json!({ "network": "up", "service": "accounts" })).await, 204);
    assert!(world.try_send(&demo, Method::GET, "/me").await.is_err());
    assert_eq!(world.grant(DEMO, &form).await.status(), StatusCode::OK);
}

#[tokio::test]
async fn sign_in_expires_after_six_months() {
    let world = World::start().await;
    let callback = world.sim.consent(authorize_url(&world.sim, ALL_SCOPES).as_str(), true).expect("agreed");
    let code = parameter(&callback, "code").expect("a code");
    let form = [("grant_type", "authorization_code"), ("code", &code), ("redirect_uri", CALLBACK)];
    let answer = json_of(world.grant(DEMO, &form).await).await;
    let refresh = answer["refresh_token"].as_str().expect("a token");
    let form = [("grant_type", "refresh_token"), ("refresh_token", refresh)];
    world.sim.advance(REFRESH_TOKEN_LIFETIME - Duration::from_secs(1));
    let last = access_token(world.grant(DEMO, &form).await).await;
    world.sim.advance(Duration::from_secs(1));
    let refused = json_of(world.grant(DEMO, &form).await).await;
    assert_eq!(refused, json!({ "error": "invalid_grant", "error_description": "Refresh token expired" }));
    assert_eq!(world.get(&last, "/me").await, 200, "the last access token stays valid for an hour");
}

#[tokio::test]
async fn control_api_sets_limits_and_permissions() {
    let world = World::start().await;
    let (user, guest) = (world.sign_in(DEMO, USER).await, world.sign_in(DEMO, GUEST).await);
    for (path, body, status, (of_user, of_guest)) in [
        ("throttle", json!({ "calls": 0, "window_ms": 5_000 }), 204, (429, 429)),
        ("throttle", Value::Null, 204, (200, 200)),
        ("throttle", json!({ "calls": -1 }), 400, (200, 200)),
        ("quota/exhaust", json!({ "developer": SIBLING_CLIENT_ID, "retry_after": 60 }), 204, (429, 429)),
        (
            "quota/exhaust",
            json!({ "developer": SIBLING_CLIENT_ID, "group": "profile", "retry_after": 0 }),
            204,
            (200, 200),
        ),
        ("quota/exhaust", json!({ "developer": "unknown", "retry_after": 60 }), 400, (200, 200)),
        ("quota/exhaust", json!({ "developer": DEMO_CLIENT_ID, "group": "pets", "retry_after": 60 }), 400, (200, 200)),
        (
            "quota",
            json!({ "developer": "Demo Developer", "group": "profile", "budget": { "calls": 1, "shut_for": 9 } }),
            204,
            (200, 429),
        ),
        ("clock/advance", json!({ "ms": 9_000 }), 204, (200, 429)),
        ("clock/advance", json!({ "ms": 9_000 }), 204, (200, 429)),
        ("quota", json!({ "developer": "Demo Developer" }), 204, (429, 429)),
        ("clock/advance", json!({ "ms": 9_000 }), 204, (200, 200)),
        ("premium", json!({ "developer": DEMO_CLIENT_ID, "premium": false }), 204, (403, 403)),
        ("premium", json!({ "developer": DEMO_CLIENT_ID, "premium": true }), 204, (200, 200)),
        ("premium", json!({ "premium": true }), 400, (200, 200)),
        ("allow-list", json!({ "client_id": DEMO_CLIENT_ID, "users": [USER] }), 204, (200, 403)),
        ("allow-list", json!({ "client_id": DEMO_CLIENT_ID }), 204, (200, 200)),
        ("allow-list", json!({ "client_id": "unknown" }), 400, (200, 200)),
        ("retry-after", json!({ "omit": true }), 204, (200, 200)),
        ("quota/exhaust", json!({ "developer": DEMO_CLIENT_ID, "retry_after": 0 }), 204, (200, 200)),
        ("network", json!({ "network": "down" }), 400, (200, 200)),
        ("faults", json!({ "preset": "quota", "client_id": BACKUP_CLIENT_ID }), 204, (200, 200)),
        ("faults", json!({ "preset": "quota", "client_id": DEMO_CLIENT_ID, "times": 1 }), 204, (429, 200)),
        ("premium", json!({ "user": GUEST, "premium": false }), 204, (200, 200)),
    ] {
        assert_eq!(world.control(path, body.clone()).await, status, "{path} {body}");
        let found = (world.get(&user, "/me").await, world.get(&guest, "/me").await);
        assert_eq!(found, (of_user, of_guest), "after {path} {body}");
    }
    let state = world.state().await;
    assert_eq!(state["omit_retry_after"], true);
    assert_eq!(state["users"][1]["premium"], false);
    assert_eq!(state["apps"][2]["allow_list"], json!([USER]));
    assert_eq!(state["apps"][1]["developer"], state["apps"][0]["developer"]);
    assert_eq!(world.send(&guest, Method::PUT, "/me/player/pause").await.status(), StatusCode::FORBIDDEN);
}
