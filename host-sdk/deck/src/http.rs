//! The deck's page and its API. Every call needs a session of the page (`sessions`) or the token that the user's
//! programs find in the data folder (`access`).

use std::io::ErrorKind;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Bytes;
use axum::extract::rejection::BytesRejection;
use axum::extract::ws::{Message, WebSocket, WebSocketUpgrade};
use axum::extract::{DefaultBodyLimit, Path, Query, Request, State};
use axum::http::{HeaderMap, HeaderName, StatusCode, header};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::{delete, get, patch, post, put};
use axum::{Extension, Json, Router};
use data_url::DataUrl;
use host_sdk::bundle::{self, Installed};
use host_sdk::json::Raw;
use host_sdk::protocol::FontAttribute;
use include_dir::{Dir, include_dir};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use subtle::ConstantTimeEq as _;
use tokio::sync::Mutex;
use tokio::sync::broadcast::error::RecvError;
use tokio::time::timeout;

use crate::desktop::{self, Desktop};
use crate::error::DeckError;
use crate::guard;
use crate::hub::{
    Adjustment, Cell, Destination, Direction, Export, Handle, Hub, ImportMode, ImportReport, NewProfile, Phase, Place,
    ProfileChange, Resize, Runs, Target, WantedStep,
};
use crate::icon::{self, IconError};
use crate::listener::Peer;
use crate::log::Log;
use crate::origins;
use crate::package::Package;
use crate::page::{self, Event};
use crate::picture_process::Decoder;
use crate::sessions::Sessions;
use crate::socket::SEND_TIMEOUT;
use crate::tasks::catch_panic;
use crate::traffic::Traffic;
use crate::validate::check_bundle;
use crate::views::{PICTURE_POLICY, media_type};

static PAGE: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/page");

/// The header that carries the token.
pub(crate) const TOKEN_HEADER: HeaderName = HeaderName::from_static("x-deck-token");
/// The header that carries the secret of the page's session.
const SESSION_HEADER: HeaderName = HeaderName::from_static("x-deck-session");
/// Bytes of a bundle to install.
const MAX_BUNDLE_BYTES: usize = 256 << 20;
/// Bytes of an exported Panel. Almost all of them are icons.
const MAX_PANEL_BYTES: usize = 64 << 20;
/// Bytes of any other request.
const MAX_BYTES: usize = 64 << 10;

/// How long a browser keeps its session.
const SESSION_SECONDS: u32 = 180 * 24 * 60 * 60;
/// How long a call may wait for a message.
const MAX_WAIT: Duration = Duration::from_secs(60);

/// State of the page and the API.
#[derive(Clone, Debug)]
pub struct Api {
    /// The hub.
    pub hub: Handle,
    /// The log.
    pub log: Log,
    /// The recorded messages.
    pub traffic: Traffic,
    /// The token that programs send.
    pub token: Arc<str>,
    /// The sessions of browsers.
    pub sessions: Sessions,
    /// Port of the page and the API.
    pub port: u16,
    /// Port of packages' pages.
    pub views_port: u16,
    /// The folder of installed packages. Locked while one is changed.
    pub packages: Arc<Mutex<PathBuf>>,
    /// The user's desktop.
    pub desktop: Arc<Desktop>,
}

/// Builds the page and the API.
pub fn router(api: Api) -> Router {
    let port = api.port;
    let calls = Router::new()
        .route("/state", get(state))
        .route("/instances", post(place))
        .route("/starter", post(place_starter))
        .route("/instances/{context}", get(instance).delete(remove))
        .route("/instances/{context}/face", get(face))
        .route("/instances/{context}/move", post(move_to))
        .route("/instances/{context}/copy", post(copy_to))
        .route("/instances/{context}/steps", put(set_steps))
        .route("/clipboard", post(copy_to_clipboard).delete(clear_clipboard))
        .route("/clipboard/paste", post(paste))
        .route("/instances/{context}/press", post(press))
        .route("/instances/{context}/title", put(set_title))
        .route("/instances/{context}/layout", put(resize))
        .route("/instances/{context}/font", put(set_font).delete(remove_font))
        .route("/instances/{context}/state", put(set_state))
        .route(
            "/instances/{context}/icons/{state}",
            put(set_icon).layer(DefaultBodyLimit::max(icon::MAX_BYTES)).delete(remove_icon),
        )
        .route("/profiles", post(create_profile))
        .route("/profiles/{profile}", put(rename_profile).delete(delete_profile))
        .route("/profiles/{profile}/activate", post(activate_profile))
        .route("/page", put(show_page))
        .route("/preferences", patch(change_preferences))
        .route("/undo", post(undo))
        .route("/redo", post(redo))
        .route("/sleep", put(sleep))
        .route("/save", post(save))
        .route("/notice", delete(dismiss_notice))
        .route("/views", post(open_view))
        .route("/views/{view}", delete(close_view))
        .route("/packages", post(install).layer(DefaultBodyLimit::max(MAX_BUNDLE_BYTES)))
        .route("/packages/check", post(check).layer(DefaultBodyLimit::max(MAX_BUNDLE_BYTES)))
        .route("/packages/{package}", delete(uninstall))
        .route("/packages/{package}/load", post(load))
        .route("/packages/{package}/unload", post(unload))
        .route("/panel", get(export_panel).post(import_panel).layer(DefaultBodyLimit::max(MAX_PANEL_BYTES)))
        .route("/panel/check", post(check_panel).layer(DefaultBodyLimit::max(MAX_PANEL_BYTES)))
        .merge(desktop::calls())
        .route("/log", get(log))
        .route("/messages", get(messages))
        .route("/keys", post(new_key))
        .fallback(|| async { DeckError::NoSuch("call") })
        .method_not_allowed_fallback(|| async { DeckError::Method })
        .layer(DefaultBodyLimit::max(MAX_BYTES))
        .route_layer(middleware::from_fn_with_state(api.clone(), require_access));
    Router::new()
        .route("/", get(index))
        .route("/assets/{*path}", get(asset))
        .route("/api/events", get(events))
        .route("/api/session", post(begin_session).get(session))
        .nest("/api", calls)
        .with_state(api)
        .layer(middleware::from_fn_with_state(guard::Port(port), guard::page))
}

async fn require_access(State(api): State<Api>, headers: HeaderMap, request: Request, next: Next) -> Response {
    let given = headers.get(TOKEN_HEADER).map_or(&[][..], |token| token.as_bytes());
    if is_token(&api, given) || is_session(&api, &headers) {
        next.run(request).await
    } else {
        DeckError::NoAccess.into_response()
    }
}

fn is_token(api: &Api, given: &[u8]) -> bool {
    given.ct_eq(api.token.as_bytes()).into()
}

/// Whether a call carries both parts of a session.
fn is_session(api: &Api, headers: &HeaderMap) -> bool {
    let secret = headers.get(SESSION_HEADER).and_then(|secret| secret.to_str().ok());
    secret.is_some_and(|secret| is_session_with(api, headers, secret))
}

fn is_session_with(api: &Api, headers: &HeaderMap, secret: &str) -> bool {
    cookie(api, headers).is_some_and(|cookie| api.sessions.is_session(cookie, secret))
}

/// Returns the session's cookie. Its name contains the port, because browsers send cookies of a machine to all of its
/// ports.
fn cookie<'a>(api: &Api, headers: &'a HeaderMap) -> Option<&'a str> {
    let name = cookie_name(api);
    let cookies = headers.get_all(header::COOKIE).iter().filter_map(|header| header.to_str().ok());
    let mut pairs = cookies.flat_map(|header| header.split(';')).filter_map(|pair| pair.trim().split_once('='));
    pairs.find(|(named, _)| *named == name).map(|(_, value)| value)
}

fn cookie_name(api: &Api) -> String {
    format!("creator-deck-{}", api.port)
}

/// Serves one of the deck's HTML files with a status and a content security policy.
fn own_page(name: &str, status: StatusCode, policy: &str) -> Response {
    let Some(page) = PAGE.get_file(name) else { return StatusCode::NOT_FOUND.into_response() };
    let headers = [(header::CONTENT_TYPE, media_type(name)), (header::CONTENT_SECURITY_POLICY, policy)];
    (status, headers, page.contents()).into_response()
}

#[derive(Deserialize)]
struct PageQuery {
    key: Option<String>,
}

/// Serves the page to a browser with a session; otherwise the page that exchanges a key, or the one that explains how
/// to get in.
async fn index(State(api): State<Api>, Query(query): Query<PageQuery>, headers: HeaderMap) -> Response {
    const PLAIN: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; \
                         base-uri 'none'; form-action 'none'; frame-ancestors 'none'";
    let is_in = cookie(&api, &headers).is_some_and(|cookie| api.sessions.is_cookie(cookie));
    match query.key {
        Some(key) if is_in || api.sessions.is_key(&key) => own_page("enter.html", StatusCode::OK, PLAIN),
        None if is_in => {
            let (port, views) = (api.port, origins::all(api.views_port));
            let policy = format!(
                "default-src 'none'; script-src 'self'; style-src 'self'; font-src 'self'; \
                 img-src 'self' data: http://127.0.0.1:{} {views}; frame-src {views}; \
                 connect-src 'self' ws://127.0.0.1:{port}; \
                 base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
                api.views_port
            );
            own_page("index.html", StatusCode::OK, &policy)
        }
        Some(_) | None => own_page("locked.html", StatusCode::UNAUTHORIZED, PLAIN),
    }
}

/// Exchanges a key for a session. Its cookie is set, and its secret is in the answer.
async fn begin_session(
    State(api): State<Api>,
    Extension(peer): Extension<Peer>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Response, DeckError> {
    #[derive(Deserialize)]
    struct Begin {
        key: String,
    }
    // Browsers send an origin with every POST of a page; a caller without one isn't a page.
    if !headers.contains_key(header::ORIGIN) {
        return Err(DeckError::NotThePage);
    }
    let Begin { key } = read(&body)?;
    if is_session(&api, &headers) {
        api.sessions.discard(&key);
        return Ok(StatusCode::NO_CONTENT.into_response());
    }
    let sessions = api.sessions.clone();
    let new_session = run_blocking(move || if peer.is_another_user() { None } else { sessions.begin(&key) }).await?;
    let new_session = new_session.ok_or(DeckError::NoAccess)?;
    let cookie = format!(
        "{}={}; HttpOnly; SameSite=Strict; Path=/; Max-Age={SESSION_SECONDS}",
        cookie_name(&api),
        new_session.cookie
    );
    Ok(([(header::SET_COOKIE, cookie)], Json(json!({"secret": new_session.secret}))).into_response())
}

/// Whether the caller has a session.
async fn session(State(api): State<Api>, headers: HeaderMap) -> Result<StatusCode, DeckError> {
    if is_session(&api, &headers) { Ok(StatusCode::NO_CONTENT) } else { Err(DeckError::NoAccess) }
}

/// Returns a new address of the page, with a key in it.
async fn new_key(State(api): State<Api>) -> Json<Value> {
    Json(json!({"url": entry_url(api.port, &api.sessions)}))
}

/// Returns an address of the page that lets one browser in.
pub fn entry_url(port: u16, sessions: &Sessions) -> String {
    format!("http://127.0.0.1:{port}/?key={}", sessions.new_key())
}

pub(crate) fn read<T: DeserializeOwned>(body: &Bytes) -> Result<T, DeckError> {
    serde_json::from_slice(body).map_err(DeckError::Body)
}

async fn asset(Path(path): Path<String>) -> Response {
    match PAGE.get_file(format!("assets/{path}")) {
        Some(file) => ([(header::CONTENT_TYPE, media_type(&path))], file.contents()).into_response(),
        None => StatusCode::NOT_FOUND.into_response(),
    }
}

async fn state(State(api): State<Api>) -> Result<Json<page::State>, DeckError> {
    Ok(Json(api.hub.state().await?))
}

async fn place(State(api): State<Api>, body: Bytes) -> Result<Response, DeckError> {
    let place: Place = read(&body)?;
    let instance = api.hub.request(move |hub| hub.place(place)).await?;
    Ok((StatusCode::CREATED, Json(instance)).into_response())
}

async fn place_starter(State(api): State<Api>) -> Result<Response, DeckError> {
    let keys = api.hub.request(Hub::place_starter).await?;
    Ok((StatusCode::CREATED, Json(json!({"keys": keys}))).into_response())
}

/// An instance with its settings as its package has stored them.
#[derive(Serialize)]
struct WithSettings {
    instance: page::Instance,
    settings: Raw,
}

async fn instance(State(api): State<Api>, Path(context): Path<String>) -> Result<Json<WithSettings>, DeckError> {
    let instance = find(&api, &context).await?;
    let settings = api.hub.request(move |hub| hub.instance_settings(&context)).await?;
    Ok(Json(WithSettings { instance, settings }))
}

async fn find(api: &Api, context: &str) -> Result<page::Instance, DeckError> {
    let state = api.hub.state().await?;
    let found = state.instances.into_iter().find(|instance| instance.context == context);
    found.ok_or(DeckError::NoSuch("instance"))
}

/// Serves the picture of an instance as its package sent it.
async fn face(State(api): State<Api>, Path(context): Path<String>) -> Result<Response, DeckError> {
    let instance = find(&api, &context).await?;
    let image = instance.picture().filter(|image| image.starts_with("data:"));
    let none = || DeckError::not_found("The package has given this instance no picture yet.");
    let image = image.ok_or_else(none)?;
    let address = DataUrl::process(image).map_err(|error| DeckError::Picture(error.into()))?;
    let (content, _) = address.decode_to_vec().map_err(|error| DeckError::Picture(error.into()))?;
    let kind = address.mime_type().to_string();
    let headers = [(header::CONTENT_TYPE, kind.as_str()), (header::CONTENT_SECURITY_POLICY, PICTURE_POLICY)];
    Ok((headers, content).into_response())
}

async fn remove(State(api): State<Api>, Path(context): Path<String>) -> Result<StatusCode, DeckError> {
    api.hub.request(move |hub| hub.remove(&context)).await?;
    Ok(StatusCode::NO_CONTENT)
}

async fn move_to(
    State(api): State<Api>,
    Path(context): Path<String>,
    body: Bytes,
) -> Result<Json<page::Instance>, DeckError> {
    let to: Destination = read(&body)?;
    Ok(Json(api.hub.request(move |hub| hub.move_to(&context, &to)).await?))
}

async fn copy_to(State(api): State<Api>, Path(context): Path<String>, body: Bytes) -> Result<Response, DeckError> {
    let to: Destination = read(&body)?;
    let copy = api.hub.request(move |hub| hub.copy_to(&context, &to)).await?;
    Ok((StatusCode::CREATED, Json(copy)).into_response())
}

async fn set_steps(
    State(api): State<Api>,
    Path(context): Path<String>,
    body: Bytes,
) -> Result<Json<page::Instance>, DeckError> {
    #[derive(Deserialize)]
    struct List {
        steps: Vec<WantedStep>,
    }
    let List { steps } = read(&body)?;
    Ok(Json(api.hub.request(move |hub| hub.set_steps(&context, steps)).await?))
}

async fn copy_to_clipboard(State(api): State<Api>, body: Bytes) -> Result<StatusCode, DeckError> {
    #[derive(Deserialize)]
    struct Clip {
        context: String,
        #[serde(default)]
        cut: bool,
    }
    let Clip { context, cut } = read(&body)?;
    api.hub.request(move |hub| hub.copy_to_clipboard(&context, cut)).await?;
    Ok(StatusCode::NO_CONTENT)
}

async fn clear_clipboard(State(api): State<Api>) -> Result<StatusCode, DeckError> {
    api.hub.call(|hub| hub.clear_clipboard(None)).await?;
    Ok(StatusCode::NO_CONTENT)
}

async fn paste(State(api): State<Api>, body: Bytes) -> Result<Response, DeckError> {
    let cell: Cell = read(&body)?;
    let pasted = api.hub.request(move |hub| hub.paste(cell)).await?;
    Ok((StatusCode::CREATED, Json(pasted)).into_response())
}

async fn press(State(api): State<Api>, Path(context): Path<String>, body: Bytes) -> Result<StatusCode, DeckError> {
    #[derive(Deserialize)]
    struct Press {
        phase: Phase,
        /// The number of the page, from its first event; programs have none.
        page: Option<u64>,
    }
    let Press { phase, page } = read(&body)?;
    api.hub
        .request(move |hub| match page {
            Some(page) => hub.press_from(page, &context, phase),
            None => hub.press(&context, phase),
        })
        .await?;
    Ok(StatusCode::NO_CONTENT)
}

async fn set_title(State(api): State<Api>, Path(context): Path<String>, body: Bytes) -> Result<StatusCode, DeckError> {
    #[derive(Deserialize)]
    struct Title {
        title: String,
    }
    let Title { title } = read(&body)?;
    adjust(&api, context, Adjustment::Title(title)).await
}

async fn adjust(api: &Api, context: String, adjustment: Adjustment) -> Result<StatusCode, DeckError> {
    api.hub.request(move |hub| hub.adjust(&context, adjustment)).await?;
    Ok(StatusCode::NO_CONTENT)
}

async fn set_font(State(api): State<Api>, Path(context): Path<String>, body: Bytes) -> Result<StatusCode, DeckError> {
    let font: FontAttribute = read(&body)?;
    adjust(&api, context, Adjustment::Font(Some(font))).await
}

async fn remove_font(State(api): State<Api>, Path(context): Path<String>) -> Result<StatusCode, DeckError> {
    adjust(&api, context, Adjustment::Font(None)).await
}

async fn set_state(State(api): State<Api>, Path(context): Path<String>, body: Bytes) -> Result<StatusCode, DeckError> {
    #[derive(Deserialize)]
    struct Shown {
        state: u32,
    }
    let Shown { state } = read(&body)?;
    adjust(&api, context, Adjustment::State(state)).await
}

async fn set_icon(
    State(api): State<Api>,
    Path((context, state)): Path<(String, u32)>,
    body: Result<Bytes, BytesRejection>,
) -> Result<StatusCode, DeckError> {
    // The route's limit is the cause. The rejection adds nothing that helps the user.
    let file = body.map_err(|_| IconError::TooLarge)?;
    let icon = run_blocking(move || icon::data_uri(&file, &Decoder::default())).await??;
    adjust(&api, context, Adjustment::Icon(state, Some(icon.into()))).await
}

async fn remove_icon(
    State(api): State<Api>,
    Path((context, state)): Path<(String, u32)>,
) -> Result<StatusCode, DeckError> {
    adjust(&api, context, Adjustment::Icon(state, None)).await
}

async fn resize(
    State(api): State<Api>,
    Path(context): Path<String>,
    body: Bytes,
) -> Result<Json<page::Instance>, DeckError> {
    let resize: Resize = read(&body)?;
    Ok(Json(api.hub.request(move |hub| hub.resize(&context, resize)).await?))
}

async fn change_profile(api: &Api, change: ProfileChange) -> Result<Response, DeckError> {
    Ok(Json(api.hub.request(move |hub| hub.change_profile(change)).await?).into_response())
}

async fn create_profile(State(api): State<Api>, body: Bytes) -> Result<Response, DeckError> {
    let new: NewProfile = read(&body)?;
    Ok((StatusCode::CREATED, change_profile(&api, ProfileChange::Create(new)).await?).into_response())
}

async fn rename_profile(State(api): State<Api>, Path(id): Path<String>, body: Bytes) -> Result<Response, DeckError> {
    #[derive(Deserialize)]
    struct Name {
        name: String,
    }
    let Name { name } = read(&body)?;
    change_profile(&api, ProfileChange::Rename(id, name)).await
}

async fn delete_profile(State(api): State<Api>, Path(id): Path<String>) -> Result<Response, DeckError> {
    change_profile(&api, ProfileChange::Delete(id)).await
}

async fn activate_profile(State(api): State<Api>, Path(id): Path<String>) -> Result<Response, DeckError> {
    change_profile(&api, ProfileChange::Activate(id)).await
}

/// Shows a page of the grid.
async fn show_page(State(api): State<Api>, body: Bytes) -> Result<StatusCode, DeckError> {
    #[derive(Deserialize)]
    struct Shown {
        page: u8,
    }
    let Shown { page } = read(&body)?;
    api.hub.request(move |hub| hub.show_page(page)).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Changes preferences of the deck itself.
async fn change_preferences(State(api): State<Api>, body: Bytes) -> Result<StatusCode, DeckError> {
    let change: Map<String, Value> = read(&body)?;
    api.hub.call(move |hub| hub.change_preferences(change)).await??;
    Ok(StatusCode::NO_CONTENT)
}

async fn undo(State(api): State<Api>) -> Result<Json<Value>, DeckError> {
    Ok(Json(json!({"step": api.hub.request(move |hub| hub.undo_or_redo(Direction::Undo)).await?})))
}

async fn redo(State(api): State<Api>) -> Result<Json<Value>, DeckError> {
    Ok(Json(json!({"step": api.hub.request(move |hub| hub.undo_or_redo(Direction::Redo)).await?})))
}

async fn sleep(State(api): State<Api>, body: Bytes) -> Result<StatusCode, DeckError> {
    #[derive(Deserialize)]
    struct Sleep {
        asleep: bool,
    }
    let Sleep { asleep } = read(&body)?;
    api.hub.call(move |hub| hub.sleep(asleep)).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Returns once all earlier changes are on disk.
async fn save(State(api): State<Api>) -> Result<StatusCode, DeckError> {
    api.hub.save().await?;
    Ok(StatusCode::NO_CONTENT)
}

async fn dismiss_notice(State(api): State<Api>) -> Result<StatusCode, DeckError> {
    api.hub.call(Hub::dismiss_notice).await?;
    Ok(StatusCode::NO_CONTENT)
}

async fn open_view(State(api): State<Api>, body: Bytes) -> Result<Response, DeckError> {
    let target: Target = read(&body)?;
    let (view, url) = api.hub.request(move |hub| hub.open_view(target)).await?;
    Ok((StatusCode::CREATED, Json(json!({"view": view, "url": url}))).into_response())
}

async fn close_view(State(api): State<Api>, Path(view): Path<String>) -> Result<StatusCode, DeckError> {
    api.hub.request(move |hub| hub.close_view(&view)).await?;
    Ok(StatusCode::NO_CONTENT)
}

async fn install(State(api): State<Api>, body: Result<Bytes, BytesRejection>) -> Result<Response, DeckError> {
    let bundle = body.map_err(DeckError::PackageUpload)?;
    let package = run_to_completion(async move {
        let packages = api.packages.lock().await;
        let folder = packages.clone();
        // Nothing installed is touched before the bundle has passed.
        let staged = run_blocking(move || bundle::stage(&bundle, &folder)).await??;
        let uuid = staged.config().uuid.clone();
        api.hub.halt(&uuid).await?;
        match run_blocking(move || staged.replace()).await.and_then(|replaced| Ok(replaced?)) {
            Ok(installed) => api.hub.start_installed(installed).await,
            Err(error) => {
                resume(&api.hub, &uuid).await;
                Err(error)
            }
        }
    })
    .await?;
    Ok((StatusCode::CREATED, Json(package)).into_response())
}

/// Starts a halted package again after a failed change of its files.
async fn resume(hub: &Handle, uuid: &str) {
    // Only the error of that change is reported. This one means that the deck is stopping.
    let _ = hub.resume(uuid).await;
}

/// Returns the validator's report on a package that isn't run, and the version that it would replace.
async fn check(State(api): State<Api>, body: Result<Bytes, BytesRejection>) -> Result<Json<Value>, DeckError> {
    let bundle = body.map_err(DeckError::PackageUpload)?;
    let report = run_blocking(move || check_bundle(&bundle)).await?;
    let state = api.hub.state().await?;
    let installed =
        state.packages.iter().find(|package| report.about.as_ref().is_some_and(|about| about.uuid == package.uuid));
    let mut answer = report.to_json();
    answer["replaces"] = installed.map_or(Value::Null, |package| {
        let newer = report.about.as_ref().is_some_and(|about| is_newer(&package.version, &about.version));
        json!({"version": package.version, "newer": newer})
    });
    Ok(Json(answer))
}

/// Whether a version is newer than another. Parts that aren't numbers count as zero.
fn is_newer(version: &str, than: &str) -> bool {
    let numbers = |version: &str| -> Vec<u64> {
        let mut numbers: Vec<u64> =
            version.split('.').map(|number| number.trim().parse().unwrap_or_default()).collect();
        while numbers.last() == Some(&0) {
            numbers.pop();
        }
        numbers
    };
    numbers(version) > numbers(than)
}

async fn uninstall(
    State(api): State<Api>,
    Path(package): Path<String>,
    Query(query): Query<Value>,
) -> Result<StatusCode, DeckError> {
    let keep_settings = query.get("keepSettings").and_then(Value::as_str) == Some("true");
    run_to_completion(async move {
        let packages = api.packages.lock().await;
        let (folder, uuid) = (packages.clone(), package.clone());
        api.hub.halt(&package).await?;
        match run_blocking(move || bundle::uninstall(&folder, &uuid)).await? {
            Err(error) if error.kind() != ErrorKind::NotFound => {
                resume(&api.hub, &package).await;
                Err(DeckError::Uninstall(error))
            }
            // A package whose folder the user has deleted is forgotten as well.
            Ok(()) | Err(_) => api.hub.request(move |hub| hub.uninstall(&package, keep_settings)).await,
        }
    })
    .await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Ends a package if it runs, reads its package file again, and starts it.
async fn load(State(api): State<Api>, Path(package): Path<String>) -> Result<Json<page::Package>, DeckError> {
    let loaded = run_to_completion(async move {
        let packages = api.packages.lock().await;
        find_package(&api, &package).await?;
        api.hub.halt(&package).await?;
        let (folder, uuid) = (packages.join(&package), package.clone());
        match run_blocking(move || Package::read(&folder, &uuid).map(|config| Installed { folder, config })).await? {
            Ok(installed) => api.hub.start_reloaded(installed).await,
            Err(error) => {
                resume(&api.hub, &package).await;
                Err(error.into())
            }
        }
    });
    Ok(Json(loaded.await?))
}

/// Ends a package, and keeps it from running until it is loaded.
async fn unload(State(api): State<Api>, Path(package): Path<String>) -> Result<Json<page::Package>, DeckError> {
    let unloaded = run_to_completion(async move {
        let _packages = api.packages.lock().await;
        find_package(&api, &package).await?;
        api.hub.halt(&package).await?;
        api.hub.request(move |hub| hub.unload(&package)).await
    });
    Ok(Json(unloaded.await?))
}

async fn find_package(api: &Api, uuid: &str) -> Result<(), DeckError> {
    let state = api.hub.state().await?;
    match state.packages.iter().any(|package| package.uuid == uuid) {
        true => Ok(()),
        false => Err(DeckError::NoSuch("package")),
    }
}

async fn export_panel(State(api): State<Api>) -> Result<Json<Export>, DeckError> {
    Ok(Json(api.hub.call(|hub| hub.export()).await?))
}

async fn check_panel(
    State(api): State<Api>,
    body: Result<Bytes, BytesRejection>,
) -> Result<Json<ImportReport>, DeckError> {
    import_or_check(api, body, None).await
}

#[derive(Deserialize)]
struct ImportQuery {
    mode: ImportMode,
}

async fn import_panel(
    State(api): State<Api>,
    Query(query): Query<ImportQuery>,
    body: Result<Bytes, BytesRejection>,
) -> Result<Json<ImportReport>, DeckError> {
    import_or_check(api, body, Some(query.mode)).await
}

async fn import_or_check(
    api: Api,
    body: Result<Bytes, BytesRejection>,
    mode: Option<ImportMode>,
) -> Result<Json<ImportReport>, DeckError> {
    let file = body.map_err(DeckError::PanelUpload)?;
    let export = run_blocking(move || Export::read(&file, &Decoder::default())).await??;
    Ok(Json(api.hub.request(move |hub| hub.import(export, mode)).await?))
}

/// Runs work that must not stop halfway, even if the caller disconnects.
async fn run_to_completion<T: Send + 'static>(
    work: impl Future<Output = Result<T, DeckError>> + Send + 'static,
) -> Result<T, DeckError> {
    tokio::spawn(work).await?
}

/// Runs work that blocks.
pub(crate) async fn run_blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T, DeckError> {
    Ok(tokio::task::spawn_blocking(work).await?)
}

async fn log(State(api): State<Api>) -> Json<Value> {
    Json(json!({"entries": api.log.entries()}))
}

/// Which messages a caller wants.
#[derive(Deserialize)]
struct MessagesQuery {
    /// Those with a higher number.
    #[serde(default)]
    after: u64,
    /// How long to wait for one if there is none yet, in milliseconds.
    #[serde(default)]
    wait: u64,
}

async fn messages(State(api): State<Api>, Query(query): Query<MessagesQuery>) -> Json<Value> {
    // Whether one has come is in the answer.
    let _ = timeout(Duration::from_millis(query.wait).min(MAX_WAIT), api.traffic.wait(query.after)).await;
    let messages = api.traffic.after(query.after);
    let last = messages.last().map_or_else(|| api.traffic.last(), |message| message.number);
    Json(json!({"last": last, "messages": messages}))
}

#[derive(Deserialize)]
struct EventsQuery {
    #[serde(default)]
    token: String,
    /// The secret of the page's session: browsers don't let a page set a header here.
    #[serde(default)]
    session: String,
    #[serde(default)]
    runs: Runs,
}

async fn events(
    State(api): State<Api>,
    Query(query): Query<EventsQuery>,
    headers: HeaderMap,
    upgrade: WebSocketUpgrade,
) -> Response {
    if !is_token(&api, query.token.as_bytes()) && !is_session_with(&api, &headers, &query.session) {
        return DeckError::NoAccess.into_response();
    }
    upgrade.max_message_size(MAX_BYTES).on_upgrade(move |socket| send_events(socket, query.runs, api))
}

async fn send_events(mut socket: WebSocket, runs: Runs, api: Api) {
    let mut log = api.log.subscribe();
    let Ok((number, outbox)) = api.hub.call(move |hub| hub.subscribe(runs)).await else { return };
    let conversation = async {
        loop {
            let event = tokio::select! {
                event = outbox.next() => match event {
                    Some(event) => event,
                    None => break,
                },
                entry = log.recv() => match entry {
                    Ok(entry) => Event::Log(entry),
                    // The page misses some lines, and can request the last ones.
                    Err(RecvError::Lagged(_)) => continue,
                    Err(RecvError::Closed) => break,
                },
                // Pages send nothing here; read to notice that the page is gone.
                message = socket.recv() => match message {
                    Some(Ok(_)) => continue,
                    _ => break,
                },
            };
            let Ok(text) = serde_json::to_string(&event) else { continue };
            if !matches!(timeout(SEND_TIMEOUT, socket.send(Message::text(text))).await, Ok(Ok(()))) {
                break;
            }
        }
    };
    // Notify the hub in any case: the page may hold keys.
    let _ = catch_panic(conversation).await;
    api.hub.send(move |hub| hub.on_page_closed(number)).await;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_compared_by_their_numbers() {
        for (version, than) in [("1.10.0", "1.9.9"), ("2.0.0", "1.0.0.7"), ("1.0.0.1", "1.0.0")] {
            assert!(is_newer(version, than) && !is_newer(than, version), "{version} {than}");
        }
        assert!(!is_newer("1.0.0", "1.0.0.0") && !is_newer("x", "0.0.0"));
    }
}
