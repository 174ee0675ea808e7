//! The Web API: the calls that are open to Development Mode apps and that the package uses. All others answer 404.
//!
//! Library and playlists are in [`library`], everything else is here.

use std::collections::HashMap;
use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::{Path, Query, State};
use axum::http::header::{AUTHORIZATION, CONTENT_TYPE};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post, put};
use axum::{Json, Router};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use crate::WriteAnswer;
use crate::accounts::{AccessError, User};
use crate::catalogue::Catalogue;
use crate::playback::{Offset, Playback, PlayedTrack, Player, PlayerError, Repeat, Start, millis};
use crate::playlists::time_json;
use crate::server::header;
use crate::shared::Shared;

mod library;

type AppState = State<Arc<Shared>>;
type Parameters = Query<HashMap<String, String>>;

const READ_STATE: &str = "user-read-playback-state";
const READ_CURRENT: &str = "user-read-currently-playing";
const MODIFY_STATE: &str = "user-modify-playback-state";
const READ_PRIVATE: &str = "user-read-private";
const READ_POSITION: &str = "user-read-playback-position";
const READ_RECENT: &str = "user-read-recently-played";

/// The maximum number of URIs for `PUT /me/player/play`. Spotify does not document it; 850 have been answered 413.
pub(crate) const MAX_URIS: usize = 800;

pub(crate) fn router() -> Router<Arc<Shared>> {
    Router::new()
        .route("/me", get(me))
        .route("/me/player", get(player).put(transfer))
        .route("/me/player/currently-playing", get(currently_playing))
        .route("/me/player/devices", get(devices))
        .route("/me/player/play", put(play))
        .route("/me/player/pause", put(pause))
        .route("/me/player/next", post(next))
        .route("/me/player/previous", post(previous))
        .route("/me/player/seek", put(seek))
        .route("/me/player/repeat", put(repeat))
        .route("/me/player/volume", put(volume))
        .route("/me/player/shuffle", put(shuffle))
        .route("/me/player/queue", get(queue).post(enqueue))
        .route("/me/player/recently-played", get(recently_played))
        .route("/tracks/{id}", get(track))
        .route("/albums/{id}", get(album))
        .route("/artists/{id}", get(artist))
        .route("/shows/{id}", get(show))
        .route("/episodes/{id}", get(episode))
        .route("/search", get(search))
        .merge(library::router())
        .fallback(|| async { error(404, "Service not found") })
        .method_not_allowed_fallback(|| async { error(405, "Method not allowed") })
}

/// An error of the Web API: `{"error": {"status", "message", "reason"?}}`.
#[derive(Debug)]
struct ApiError {
    status: u16,
    message: &'static str,
    reason: Option<&'static str>,
}

const NO_USER: ApiError = error(401, "Valid user authentication required");
const NOT_FOUND: ApiError = error(404, "Resource not found");
const MALFORMED: ApiError = error(400, "Malformed json");

const fn error(status: u16, message: &'static str) -> ApiError {
    ApiError { status, message, reason: None }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let mut error = json!({ "status": self.status, "message": self.message });
        if let Some(reason) = self.reason {
            error["reason"] = reason.into();
        }
        let status = StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        (status, Json(json!({ "error": error }))).into_response()
    }
}

/// Parses a JSON body.
fn parse<T: DeserializeOwned>(body: &Bytes) -> Result<T, ApiError> {
    // Like Spotify's, the answer doesn't contain the cause.
    serde_json::from_slice(body).or(Err(MALFORMED))
}

impl From<PlayerError> for ApiError {
    fn from(error: PlayerError) -> Self {
        let (status, message, reason) = match error {
            PlayerError::NoActiveDevice => {
                (404, "Player command failed: No active device found", Some("NO_ACTIVE_DEVICE"))
            }
            PlayerError::DeviceNotFound => (404, "Device not found", None),
            PlayerError::DeviceNotControllable => {
                (403, "Player command failed: Restricted device", Some("DEVICE_NOT_CONTROLLABLE"))
            }
            PlayerError::Restriction => (403, "Player command failed: Restriction violated", Some("UNKNOWN")),
            PlayerError::VolumeDisallowed => {
                (403, "Player command failed: Cannot control device volume", Some("VOLUME_CONTROL_DISALLOW"))
            }
            PlayerError::NoSuchContext => (404, "Non existing id", None),
            PlayerError::NoSuchItem => (400, "Invalid uri", None),
        };
        Self { status, message, reason }
    }
}

type Answer = Result<Response, ApiError>;

/// Checks the bearer token and returns its user; an app's own token has none. All of `scopes` are required, and only a user
/// can grant them; without scopes an app's own token suffices.
fn authorize(shared: &Shared, headers: &HeaderMap, scopes: &[&str]) -> Result<Option<User>, ApiError> {
    let value = header(headers, AUTHORIZATION).ok_or(error(401, "No token provided"))?;
    let Some(token) = value.strip_prefix("Bearer ") else {
        return Err(error(400, "Only valid bearer authentication supported"));
    };
    shared.read(|state, now| {
        let access = state.accounts.access(token, now).map_err(|cause| match cause {
            AccessError::Invalid => error(401, "Invalid access token"),
            AccessError::Expired => error(401, "The access token expired"),
        })?;
        let user = access.user.as_deref().and_then(|id| state.accounts.user(id));
        if !scopes.is_empty() && user.is_none() {
            return Err(NO_USER);
        }
        if scopes.iter().any(|scope| !access.has_scope(scope)) {
            return Err(error(403, "Insufficient client scope"));
        }
        Ok(user.cloned())
    })
}

/// Returns whether the caller's token has an optional scope, without which a call returns less.
fn has_scope(shared: &Shared, headers: &HeaderMap, scope: &str) -> bool {
    let token = headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok()?.strip_prefix("Bearer "));
    token.is_some_and(|token| {
        shared.read(|state, now| state.accounts.access(token, now).is_ok_and(|access| access.has_scope(scope)))
    })
}

async fn me(State(shared): AppState, headers: HeaderMap) -> Answer {
    let user = authorize(&shared, &headers, &[READ_PRIVATE])?;
    let user = user.ok_or(NO_USER)?;
    let mut profile = shared.catalogue.user_json(&user);
    if let Some(account_id) = user.account_id {
        profile["account_id"] = account_id.into();
    }
    profile["images"] = json!([]);
    Ok(Json(profile).into_response())
}

async fn player(State(shared): AppState, headers: HeaderMap, Query(query): Parameters) -> Answer {
    authorize(&shared, &headers, &[READ_STATE])?;
    Ok(read(&shared, |player| player_json(player.playback(), &shared.catalogue, includes_episodes(&query))))
}

async fn currently_playing(State(shared): AppState, headers: HeaderMap, Query(query): Parameters) -> Answer {
    authorize(&shared, &headers, &[READ_CURRENT])?;
    Ok(read(&shared, |player| {
        let mut json = player_json(player.playback(), &shared.catalogue, includes_episodes(&query))?;
        if let Some(members) = json.as_object_mut() {
            members.retain(|name, _| !["device", "shuffle_state", "smart_shuffle", "repeat_state"].contains(&&**name));
        }
        Some(json)
    }))
}

/// Returns whether the caller supports episodes: otherwise Spotify returns none, for compatibility with old clients.
fn includes_episodes(query: &HashMap<String, String>) -> bool {
    query.get("additional_types").is_some_and(|types| types.split(',').any(|kind| kind.trim() == "episode"))
}

/// Answers with a view of the lagging player, or 204.
fn read(shared: &Shared, view: impl FnOnce(&Player) -> Option<Value>) -> Response {
    let player = shared.read(|state, now| state.lagging_player(now, &shared.catalogue));
    view(&player).map_or_else(|| StatusCode::NO_CONTENT.into_response(), |json| Json(json).into_response())
}

/// Returns the answer to `GET /me/player`, or `None` (204) while no device is active.
pub(crate) fn player_json(playback: &Playback, catalogue: &Catalogue, episodes: bool) -> Option<Value> {
    let device = playback.active()?;
    let kind = catalogue.kind(playback.item.as_deref());
    let item = playback.item.as_deref().and_then(|uri| catalogue.item(uri));
    let item = item.filter(|_| episodes || kind != "episode").map(|item| catalogue.item_json(item));
    let mut disallows = json!({ if playback.is_playing { "resuming" } else { "pausing" }: true });
    if kind == "ad" {
        for action in ["pausing", "seeking", "skipping_next", "skipping_prev"] {
            disallows[action] = true.into();
        }
    }
    if playback.played.is_empty() && playback.repeat == Repeat::Off {
        disallows["skipping_prev"] = true.into();
    }
    for action in &device.quirks.disallows {
        disallows[action] = true.into();
    }
    Some(json!({
        "actions": { "disallows": disallows },
        "context": playback.context.as_deref().map(|uri| catalogue.context_json(uri)),
        "currently_playing_type": kind,
        "device": device,
        "is_playing": playback.is_playing,
        "item": item,
        "progress_ms": playback.item.as_ref().map(|_| playback.progress_ms),
        "repeat_state": playback.repeat,
        "shuffle_state": playback.shuffle,
        "smart_shuffle": playback.smart_shuffle,
        "timestamp": playback.changed_ms,
    }))
}

async fn devices(State(shared): AppState, headers: HeaderMap) -> Answer {
    authorize(&shared, &headers, &[READ_STATE])?;
    Ok(read(&shared, |player| Some(json!({ "devices": player.playback().devices }))))
}

async fn queue(State(shared): AppState, headers: HeaderMap) -> Answer {
    authorize(&shared, &headers, &[READ_CURRENT, READ_STATE])?;
    Ok(read(&shared, |player| {
        let (playback, catalogue) = (player.playback(), &shared.catalogue);
        let json = |uri: &String| catalogue.item(uri).map(|item| catalogue.item_json(item));
        // The live service returns at most twenty.
        let upcoming: Vec<Value> = playback.queue.iter().chain(&playback.upcoming).filter_map(json).take(20).collect();
        Some(json!({ "currently_playing": playback.item.as_ref().and_then(json), "queue": upcoming }))
    }))
}

/// Carries out a player command, if the user has Premium.
fn command(
    shared: &Shared,
    headers: &HeaderMap,
    command: impl FnOnce(&mut Player, &Catalogue) -> Result<(), PlayerError>,
) -> Answer {
    let user = authorize(shared, headers, &[MODIFY_STATE])?;
    if user.is_some_and(|user| !user.premium) {
        let message = "Player command failed: Premium required";
        return Err(ApiError { status: 403, message, reason: Some("PREMIUM_REQUIRED") });
    }
    shared.change(|state, now| {
        state.write(now, &shared.catalogue, |player| command(player, &shared.catalogue))?;
        Ok(match shared.write_answer {
            // The live service has answered with a text without documented meaning since 2024.
            WriteAnswer::Text => {
                let text = format!("AAAB{:016x}simulated", millis(now));
                (StatusCode::OK, [(CONTENT_TYPE, "text/plain; charset=utf-8")], text).into_response()
            }
            WriteAnswer::NoContent => StatusCode::NO_CONTENT.into_response(),
        })
    })
}

fn device_id(query: &HashMap<String, String>) -> Option<&str> {
    query.get("device_id").map(String::as_str)
}

/// Returns a required query parameter.
fn required<T: std::str::FromStr>(
    query: &HashMap<String, String>,
    name: &str,
    message: &'static str,
) -> Result<T, ApiError> {
    query.get(name).and_then(|value| value.parse().ok()).ok_or(error(400, message))
}

#[derive(Deserialize)]
struct TransferBody {
    device_ids: Vec<String>,
    play: Option<bool>,
}

async fn transfer(State(shared): AppState, headers: HeaderMap, body: Bytes) -> Answer {
    authorize(&shared, &headers, &[MODIFY_STATE])?;
    let body: TransferBody = parse(&body)?;
    let [id] = body.device_ids.as_slice() else {
        return Err(error(400, "Only one device_id is currently supported"));
    };
    command(&shared, &headers, |player, _| player.transfer(id, body.play))
}

#[derive(Default, Deserialize)]
struct PlayBody {
    context_uri: Option<String>,
    uris: Option<Vec<String>>,
    offset: Option<PlayOffset>,
    position_ms: Option<u64>,
}

#[derive(Deserialize)]
struct PlayOffset {
    position: Option<usize>,
    uri: Option<String>,
}

async fn play(State(shared): AppState, headers: HeaderMap, Query(query): Parameters, body: Bytes) -> Answer {
    authorize(&shared, &headers, &[MODIFY_STATE])?;
    let body = if body.iter().all(u8::is_ascii_whitespace) { PlayBody::default() } else { parse(&body)? };
    if body.context_uri.is_some() && body.uris.is_some() {
        return Err(error(400, "Can not have both context_uri and uris"));
    }
    if body.uris.as_ref().is_some_and(|uris| uris.len() > MAX_URIS) {
        return Err(error(413, "Payload too large"));
    }
    let tracks = match &body.context_uri {
        Some(uri) => shared.read(|state, _| state.playable_context(uri, &shared.catalogue)),
        None => body.uris.clone(),
    };
    command(&shared, &headers, |player, catalogue| {
        if body.context_uri.is_none() && body.uris.is_none() {
            player.resume(device_id(&query))?;
            return body.position_ms.map_or(Ok(()), |ms| player.seek(ms, None, catalogue));
        }
        let offset = body.offset.and_then(|offset| match offset {
            PlayOffset { uri: Some(uri), .. } => Some(Offset::Uri(uri)),
            PlayOffset { position: Some(position), .. } => Some(Offset::Position(position)),
            PlayOffset { .. } => None,
        });
        let position_ms = body.position_ms.unwrap_or_default();
        let start = Start { context: body.context_uri, tracks, offset, position_ms };
        player.start(start, device_id(&query), catalogue)
    })
}

async fn pause(State(shared): AppState, headers: HeaderMap, Query(query): Parameters) -> Answer {
    command(&shared, &headers, |player, catalogue| player.pause(device_id(&query), catalogue))
}

async fn next(State(shared): AppState, headers: HeaderMap, Query(query): Parameters) -> Answer {
    command(&shared, &headers, |player, catalogue| player.next(device_id(&query), catalogue))
}

async fn previous(State(shared): AppState, headers: HeaderMap, Query(query): Parameters) -> Answer {
    command(&shared, &headers, |player, catalogue| player.previous(device_id(&query), catalogue))
}

async fn seek(State(shared): AppState, headers: HeaderMap, Query(query): Parameters) -> Answer {
    let ms = required(&query, "position_ms", "Invalid position_ms")?;
    command(&shared, &headers, |player, catalogue| player.seek(ms, device_id(&query), catalogue))
}

async fn repeat(State(shared): AppState, headers: HeaderMap, Query(query): Parameters) -> Answer {
    let repeat = match query.get("state").map(String::as_str) {
        Some("off") => Repeat::Off,
        Some("context") => Repeat::Context,
        Some("track") => Repeat::Track,
        _ => return Err(error(400, "Invalid state")),
    };
    command(&shared, &headers, |player, _| player.set_repeat(repeat, device_id(&query)))
}

async fn volume(State(shared): AppState, headers: HeaderMap, Query(query): Parameters) -> Answer {
    let percent: u8 = required(&query, "volume_percent", "Invalid volume_percent")?;
    if percent > 100 {
        return Err(error(400, "Invalid volume_percent"));
    }
    command(&shared, &headers, |player, _| player.set_volume(percent, device_id(&query)))
}

async fn shuffle(State(shared): AppState, headers: HeaderMap, Query(query): Parameters) -> Answer {
    let on = required(&query, "state", "Invalid state")?;
    command(&shared, &headers, |player, _| player.set_shuffle(on, device_id(&query)))
}

async fn enqueue(State(shared): AppState, headers: HeaderMap, Query(query): Parameters) -> Answer {
    let uri: String = required(&query, "uri", "Missing uri")?;
    command(&shared, &headers, |player, catalogue| player.enqueue(&uri, device_id(&query), catalogue))
}

/// Returns a page of a list as Spotify's paging object.
fn page(href: &str, all: Vec<Value>, limit: usize, offset: usize) -> Value {
    let total = all.len();
    let items: Vec<Value> = all.into_iter().skip(offset).take(limit).collect();
    let link =
        |offset: usize| format!("{href}{}limit={limit}&offset={offset}", if href.contains('?') { '&' } else { '?' });
    json!({
        "href": link(offset), "items": items, "limit": limit,
        "next": (offset + limit < total).then(|| link(offset + limit)), "offset": offset,
        "previous": (offset > 0).then(|| link(offset.saturating_sub(limit))), "total": total,
    })
}

/// Returns the query parameters `limit` (1 to `max`) and `offset`.
fn paging(query: &HashMap<String, String>, default: usize, max: usize) -> Result<(usize, usize), ApiError> {
    let number = |name: &str, default: usize| query.get(name).map_or(Some(default), |value| value.parse().ok());
    let limit = number("limit", default).filter(|limit| (1..=max).contains(limit));
    let offset = number("offset", 0).filter(|offset| *offset <= 100_000);
    Ok((limit.ok_or(error(400, "Invalid limit"))?, offset.ok_or(error(400, "Invalid offset"))?))
}

async fn recently_played(State(shared): AppState, headers: HeaderMap, Query(query): Parameters) -> Answer {
    authorize(&shared, &headers, &[READ_RECENT])?;
    let (limit, _) = paging(&query, 20, 50)?;
    let ms = |name: &str| query.get(name).map(|value| value.parse::<u64>()).transpose();
    let invalid = || error(400, "Invalid cursor");
    let (before, after) = (ms("before").or(Err(invalid()))?, ms("after").or(Err(invalid()))?);
    if before.is_some() && after.is_some() {
        return Err(error(400, "Can not have both before and after"));
    }
    let player = shared.read(|state, now| state.lagging_player(now, &shared.catalogue));
    let within = |at: u64| before.is_none_or(|before| at < before) && after.is_none_or(|after| at > after);
    let found: Vec<&PlayedTrack> = player.recent().filter(|played| within(millis(played.at))).collect();
    let shown = &found[..limit.min(found.len())];
    let items: Vec<Value> = shown
        .iter()
        .map(|played| {
            json!({
                "context": played.context.as_deref().map(|uri| shared.catalogue.context_json(uri)),
                "played_at": time_json(played.at),
                "track": shared.catalogue.item(&played.uri).map(|item| shared.catalogue.item_json(item)),
            })
        })
        .collect();
    let cursor = |played: &&PlayedTrack| millis(played.at).to_string();
    let cursors = shown.first().zip(shown.last());
    let href = format!("{}/v1/me/player/recently-played", shared.catalogue.base());
    let next = shown.last().filter(|_| found.len() > shown.len());
    Ok(Json(json!({
        "cursors": cursors.map(|(first, last)| json!({ "after": cursor(first), "before": cursor(last) })),
        "href": href, "items": items, "limit": limit,
        "next": next.map(|last| format!("{href}?before={}&limit={limit}", cursor(last))),
    }))
    .into_response())
}

async fn track(State(shared): AppState, headers: HeaderMap, Path(id): Path<String>) -> Answer {
    authorize(&shared, &headers, &[])?;
    let item = shared.catalogue.item(&format!("spotify:track:{id}"));
    json_or_not_found(item.map(|item| shared.catalogue.item_json(item)))
}

async fn album(State(shared): AppState, headers: HeaderMap, Path(id): Path<String>) -> Answer {
    authorize(&shared, &headers, &[])?;
    json_or_not_found(shared.catalogue.full_album_json(&format!("spotify:album:{id}")))
}

async fn artist(State(shared): AppState, headers: HeaderMap, Path(id): Path<String>) -> Answer {
    authorize(&shared, &headers, &[])?;
    json_or_not_found(shared.catalogue.full_artist_json(&format!("spotify:artist:{id}")))
}

async fn show(State(shared): AppState, headers: HeaderMap, Path(id): Path<String>) -> Answer {
    authorize(&shared, &headers, &[READ_POSITION])?;
    json_or_not_found(shared.catalogue.full_show_json(&format!("spotify:show:{id}")))
}

async fn episode(State(shared): AppState, headers: HeaderMap, Path(id): Path<String>) -> Answer {
    authorize(&shared, &headers, &[READ_POSITION])?;
    let item = shared.catalogue.item(&format!("spotify:episode:{id}"));
    json_or_not_found(item.map(|item| shared.catalogue.item_json(item)))
}

fn json_or_not_found(json: Option<Value>) -> Answer {
    Ok(Json(json.ok_or(NOT_FOUND)?).into_response())
}

/// The countries in which the podcast can be played.
const PODCAST_MARKETS: [&str; 8] = ["CN", "DE", "FR", "GB", "JP", "KR", "TW", "US"];

/// Returns the country of a call: the user's own, or else the one in the query.
fn market<'a>(query: &'a HashMap<String, String>, user: Option<&User>) -> Result<Option<&'a str>, ApiError> {
    let named = query.get("market").map(String::as_str);
    if named.is_some_and(|market| market.len() != 2 || !market.bytes().all(|letter| letter.is_ascii_uppercase())) {
        return Err(error(400, "Invalid market code"));
    }
    // Users of the simulator live in Germany.
    Ok(if user.is_some() { Some("DE") } else { named })
}

async fn search(State(shared): AppState, headers: HeaderMap, Query(query): Parameters) -> Answer {
    let user = authorize(&shared, &headers, &[])?;
    let market = market(&query, user.as_ref())?;
    let text = query.get("q").filter(|text| !text.is_empty()).ok_or(error(400, "No search query"))?;
    let kinds = query.get("type").ok_or(error(400, "Missing parameter type"))?;
    let (limit, offset) = paging(&query, 5, 10)?;
    let mut answer = serde_json::Map::new();
    for kind in kinds.split(',') {
        let catalogue = &shared.catalogue;
        let found = match kind {
            "playlist" => {
                shared.read(|state, _| state.playlists.search(text).map(|playlist| playlist.json(catalogue)).collect())
            }
            // Without a country, podcasts are considered unavailable.
            "show" | "episode" if !market.is_some_and(|market| PODCAST_MARKETS.contains(&market)) => Vec::new(),
            _ => catalogue.search(text, kind).ok_or(error(400, "Bad search type field"))?,
        };
        let encoded: String = url::form_urlencoded::byte_serialize(text.as_bytes()).collect();
        let href = format!("{}/v1/search?q={encoded}&type={kind}", shared.catalogue.base());
        answer.insert(format!("{kind}s"), page(&href, found, limit, offset));
    }
    Ok(Json(Value::Object(answer)).into_response())
}
