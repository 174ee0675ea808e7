//! The control API under `/sim/`, for the simulator's page and for tests in other processes. The crate's documentation
//! lists its endpoints.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::Duration;

use axum::body::Bytes;
use axum::extract::{Query, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use crate::api::player_json;
use crate::fault::{Fault, Preset};
use crate::limits::{Budget, Group, Throttle};
use crate::network::{Network, Service};
use crate::playback::{Change, millis};
use crate::quirks::DeviceChange;
use crate::server;
use crate::shared::{self, Shared};

type AppState = State<Arc<Shared>>;

pub(crate) fn router() -> Router<Arc<Shared>> {
    Router::new()
        .route("/state", get(state))
        .route("/image/{name}", get(server::image))
        .route("/requests", get(requests).delete(clear_requests))
        .route("/faults", post(inject).delete(clear_faults))
        .route("/playback", post(playback))
        .route("/device", post(device))
        .route("/liked-context", post(liked_context))
        .route("/cut", post(cut))
        .route("/library", post(library))
        .route("/tokens/expire", post(expire))
        .route("/refresh-tokens/revoke", post(revoke))
        .route("/clock/advance", post(advance))
        .route("/throttle", post(throttle))
        .route("/quota", post(quota))
        .route("/quota/exhaust", post(exhaust_quota))
        .route("/retry-after", post(retry_after))
        .route("/premium", post(premium))
        .route("/allow-list", post(allow_list))
        .route("/network", post(network))
}

/// A response with status 400 and the reason.
struct BadRequest(String);

impl<E: std::error::Error> From<E> for BadRequest {
    fn from(error: E) -> Self {
        Self(error.to_string())
    }
}

impl IntoResponse for BadRequest {
    fn into_response(self) -> Response {
        (StatusCode::BAD_REQUEST, Json(json!({ "error": self.0 }))).into_response()
    }
}

fn parse<T: DeserializeOwned>(body: &Bytes) -> serde_json::Result<T> {
    serde_json::from_slice(body)
}

async fn state(State(shared): AppState) -> Json<Value> {
    let catalogue = &shared.catalogue;
    let networks = *shared.networks.borrow();
    shared.read(|state, now| {
        let playback = state.player(now, catalogue).playback().clone();
        let item = playback.item.as_deref().and_then(|uri| catalogue.item(uri));
        let shown = item.map(|item| {
            let (artist, album) = catalogue.credits(item);
            json!({
                "uri": item.uri, "title": item.name, "artist": artist, "album": album,
                "cover": catalogue.cover_url(item), "duration_ms": item.duration_ms,
            })
        });
        Json(json!({
            "now_ms": millis(now),
            "playback": playback,
            "item": shown,
            "player": player_json(&playback, catalogue, true),
            "liked": playback.item.as_deref().is_some_and(|uri| state.is_saved(uri)),
            "sleeping": playback.devices.iter().map(|device| device.sleeping).collect::<Vec<_>>(),
            "library": state.library().map(|(uri, _)| uri).collect::<Vec<_>>(),
            "connections": state.connections,
            "faults": state.faults.list(),
            "throttle": state.limits.throttle().map(|throttle| json!({
                "calls": throttle.calls, "window_ms": millis(throttle.window),
            })),
            "omit_retry_after": state.limits.omit_retry_after,
            "network": networks,
            "apps": apps_json(state, now),
            "users": state.accounts.users().iter().map(|user| json!({
                "id": user.id, "display_name": user.display_name, "premium": user.premium,
            })).collect::<Vec<_>>(),
            "requests": state.journal.all().len(),
        }))
    })
}

/// Returns the apps, each with its developer and its limits.
fn apps_json(state: &shared::State, now: Duration) -> Vec<Value> {
    let developers = state.accounts.developers().iter().enumerate();
    developers
        .flat_map(|(index, developer)| {
            let shut = state.limits.shut_groups(index, now);
            let shut: BTreeMap<Group, u64> = shut.into_iter().map(|(group, until)| (group, millis(until))).collect();
            developer.apps.iter().map(move |app| {
                json!({
                    "name": app.name, "client_id": app.client_id, "client_secret": app.client_secret,
                    "allow_list": app.allow_list, "developer": developer.name, "premium": developer.premium,
                    "throttled_until_ms": state.limits.throttled_until(&app.client_id, now).map(millis),
                    "shut_until_ms": shut,
                })
            })
        })
        .collect()
}

async fn requests(State(shared): AppState, Query(query): Query<HashMap<String, String>>) -> Json<Value> {
    let limit = query.get("limit").and_then(|limit| limit.parse().ok()).unwrap_or(usize::MAX);
    shared.read(|state, _| {
        let all = state.journal.all();
        Json(json!(all[all.len().saturating_sub(limit)..]))
    })
}

async fn clear_requests(State(shared): AppState) -> StatusCode {
    shared.change(|state, _| state.journal.clear());
    StatusCode::NO_CONTENT
}

async fn inject(State(shared): AppState, bytes: Bytes) -> Result<StatusCode, BadRequest> {
    let value: Value = parse(&bytes)?;
    let fault: Fault =
        if value.get("preset").is_some() { parse::<Preset>(&bytes)?.into() } else { parse::<Fault>(&bytes)? };
    shared.change(|state, _| state.faults.add(fault));
    Ok(StatusCode::NO_CONTENT)
}

async fn clear_faults(State(shared): AppState) -> StatusCode {
    shared.change(|state, _| state.faults.clear());
    StatusCode::NO_CONTENT
}

async fn playback(State(shared): AppState, bytes: Bytes) -> Result<StatusCode, BadRequest> {
    let change: Change = parse(&bytes)?;
    let catalogue = &shared.catalogue;
    shared.change(|state, now| state.change_playback(now, change, catalogue))?;
    Ok(StatusCode::NO_CONTENT)
}

/// The device and the members of a [`DeviceChange`].
#[derive(Deserialize)]
struct DeviceBody {
    device: String,
    #[serde(flatten)]
    change: serde_json::Map<String, Value>,
}

async fn device(State(shared): AppState, bytes: Bytes) -> Result<StatusCode, BadRequest> {
    let DeviceBody { device, change } = parse(&bytes)?;
    let change: DeviceChange = serde_json::from_value(Value::Object(change))?;
    let catalogue = &shared.catalogue;
    shared.change(|state, now| state.write(now, catalogue, |player| player.change_device(&device, change)))?;
    Ok(StatusCode::NO_CONTENT)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct CutBody {
    times: u32,
}

async fn cut(State(shared): AppState, bytes: Bytes) -> Result<StatusCode, BadRequest> {
    let CutBody { times } = parse(&bytes)?;
    shared.change(|state, _| state.pending_cuts = times);
    Ok(StatusCode::NO_CONTENT)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct LikedContextBody {
    taken: bool,
}

async fn liked_context(State(shared): AppState, bytes: Bytes) -> Result<StatusCode, BadRequest> {
    let LikedContextBody { taken } = parse(&bytes)?;
    shared.change(|state, _| state.liked_context = taken);
    Ok(StatusCode::NO_CONTENT)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct LibraryBody {
    uri: String,
    saved: bool,
}

async fn library(State(shared): AppState, bytes: Bytes) -> Result<StatusCode, BadRequest> {
    let LibraryBody { uri, saved } = parse(&bytes)?;
    shared.change(|state, now| state.set_saved(&uri, saved, now));
    Ok(StatusCode::NO_CONTENT)
}

async fn expire(State(shared): AppState) -> StatusCode {
    shared.change(|state, _| state.accounts.expire_access());
    StatusCode::NO_CONTENT
}

async fn revoke(State(shared): AppState) -> StatusCode {
    shared.change(|state, _| state.accounts.revoke_refresh());
    StatusCode::NO_CONTENT
}

#[derive(Deserialize)]
struct AdvanceBody {
    ms: u64,
}

async fn advance(State(shared): AppState, bytes: Bytes) -> Result<StatusCode, BadRequest> {
    let AdvanceBody { ms } = parse(&bytes)?;
    shared.change(|state, _| state.skew = state.skew.saturating_add(Duration::from_millis(ms)));
    Ok(StatusCode::NO_CONTENT)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ThrottleBody {
    calls: u32,
    window_ms: Option<u64>,
}

async fn throttle(State(shared): AppState, bytes: Bytes) -> Result<StatusCode, BadRequest> {
    let throttle = parse::<Option<ThrottleBody>>(&bytes)?.map(|body| Throttle {
        calls: body.calls,
        window: body.window_ms.map_or(Throttle::WINDOW, Duration::from_millis),
    });
    shared.change(|state, _| state.limits.set_throttle(throttle));
    Ok(StatusCode::NO_CONTENT)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct QuotaBody {
    developer: String,
    group: Option<Group>,
    budget: Option<BudgetBody>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct BudgetBody {
    calls: u32,
    /// Seconds.
    shut_for: u32,
}

async fn quota(State(shared): AppState, bytes: Bytes) -> Result<StatusCode, BadRequest> {
    let QuotaBody { developer, group, budget } = parse(&bytes)?;
    let budget =
        budget.map(|budget| Budget { calls: budget.calls, shut_for: Duration::from_secs(budget.shut_for.into()) });
    shared.change(|state, _| state.set_quota(&developer, group, budget))?;
    Ok(StatusCode::NO_CONTENT)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ExhaustBody {
    developer: String,
    group: Option<Group>,
    /// Seconds.
    retry_after: u32,
}

async fn exhaust_quota(State(shared): AppState, bytes: Bytes) -> Result<StatusCode, BadRequest> {
    let ExhaustBody { developer, group, retry_after } = parse(&bytes)?;
    let retry_after = Duration::from_secs(retry_after.into());
    shared.change(|state, now| state.exhaust_quota(&developer, group, now + retry_after))?;
    Ok(StatusCode::NO_CONTENT)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RetryAfterBody {
    omit: bool,
}

async fn retry_after(State(shared): AppState, bytes: Bytes) -> Result<StatusCode, BadRequest> {
    let RetryAfterBody { omit } = parse(&bytes)?;
    shared.change(|state, _| state.limits.omit_retry_after = omit);
    Ok(StatusCode::NO_CONTENT)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct PremiumBody {
    user: Option<String>,
    developer: Option<String>,
    premium: bool,
}

async fn premium(State(shared): AppState, bytes: Bytes) -> Result<StatusCode, BadRequest> {
    let PremiumBody { user, developer, premium } = parse(&bytes)?;
    match (user, developer) {
        (Some(id), None) => shared.change(|state, _| state.accounts.set_user_premium(&id, premium))?,
        (None, Some(name)) => shared.change(|state, _| state.accounts.set_developer_premium(&name, premium))?,
        _ => return Err(BadRequest("one of user and developer is needed".to_owned())),
    }
    Ok(StatusCode::NO_CONTENT)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct AllowListBody {
    client_id: String,
    users: Option<Vec<String>>,
}

async fn allow_list(State(shared): AppState, bytes: Bytes) -> Result<StatusCode, BadRequest> {
    let AllowListBody { client_id, users } = parse(&bytes)?;
    shared.change(|state, _| state.accounts.set_allow_list(&client_id, users))?;
    Ok(StatusCode::NO_CONTENT)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NetworkBody {
    network: Network,
    service: Option<Service>,
}

async fn network(State(shared): AppState, bytes: Bytes) -> Result<StatusCode, BadRequest> {
    let NetworkBody { network, service } = parse(&bytes)?;
    shared.networks.send_modify(|networks| networks.set(service, network));
    Ok(StatusCode::NO_CONTENT)
}
