//! The control API under `/sim/`, for the simulator's page and for tests in other processes. The crate documentation
//! lists its calls.

use std::collections::HashMap;
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
use crate::playback::{Change, millis};
use crate::server;
use crate::shared::Shared;

type AppState = State<Arc<Shared>>;

pub(crate) fn router() -> Router<Arc<Shared>> {
    Router::new()
        .route("/state", get(state))
        .route("/image/{name}", get(server::image))
        .route("/requests", get(requests).delete(clear_requests))
        .route("/faults", post(inject).delete(clear_faults))
        .route("/playback", post(playback))
        .route("/tokens/expire", post(expire))
        .route("/refresh-tokens/revoke", post(revoke))
        .route("/clock/advance", post(advance))
}

/// A body that can't be used, and why.
struct BadRequest(String);

impl IntoResponse for BadRequest {
    fn into_response(self) -> Response {
        (StatusCode::BAD_REQUEST, Json(json!({ "error": self.0 }))).into_response()
    }
}

fn body<T: DeserializeOwned>(body: &Bytes) -> Result<T, BadRequest> {
    serde_json::from_slice(body).map_err(|error| BadRequest(error.to_string()))
}

async fn state(State(shared): AppState) -> Json<Value> {
    let catalogue = &shared.catalogue;
    shared.look(|state, now| {
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
            "library": state.library,
            "faults": state.faults.list(),
            "requests": state.journal.all().len(),
        }))
    })
}

async fn requests(State(shared): AppState, Query(query): Query<HashMap<String, String>>) -> Json<Value> {
    let limit = query.get("limit").and_then(|limit| limit.parse().ok()).unwrap_or(usize::MAX);
    shared.look(|state, _| {
        let all = state.journal.all();
        Json(json!(all[all.len().saturating_sub(limit)..]))
    })
}

async fn clear_requests(State(shared): AppState) -> StatusCode {
    shared.change(|state, _| state.journal.clear());
    StatusCode::NO_CONTENT
}

async fn inject(State(shared): AppState, bytes: Bytes) -> Result<StatusCode, BadRequest> {
    let value: Value = body(&bytes)?;
    let fault: Fault =
        if value.get("preset").is_some() { body::<Preset>(&bytes)?.into() } else { body::<Fault>(&bytes)? };
    shared.change(|state, _| state.faults.add(fault));
    Ok(StatusCode::NO_CONTENT)
}

async fn clear_faults(State(shared): AppState) -> StatusCode {
    shared.change(|state, _| state.faults.clear());
    StatusCode::NO_CONTENT
}

async fn playback(State(shared): AppState, bytes: Bytes) -> Result<StatusCode, BadRequest> {
    let change: Change = body(&bytes)?;
    let catalogue = &shared.catalogue;
    shared
        .change(|state, now| state.write(now, catalogue, |player| player.change(change, catalogue)))
        .map_err(|refusal| BadRequest(format!("{refusal:?}")))?;
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
struct Advance {
    ms: u64,
}

async fn advance(State(shared): AppState, bytes: Bytes) -> Result<StatusCode, BadRequest> {
    let Advance { ms } = body(&bytes)?;
    shared.change(|state, _| state.skew = state.skew.saturating_add(Duration::from_millis(ms)));
    Ok(StatusCode::NO_CONTENT)
}
