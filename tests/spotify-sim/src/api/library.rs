//! The user's library and playlists in the Web API.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Bytes;
use axum::extract::{Path, Query, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::IntoResponse;
use axum::routing::{get, put};
use axum::{Json, Router};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::{
    Answer, ApiError, AppState, NO_USER, NOT_FOUND, Parameters, authorize, error, has_scope, page, paging, parse,
    required,
};
use crate::catalogue::id_of;
use crate::playlists::{Playlist, time_json};
use crate::shared::{self, Shared};

const READ_PLAYLISTS: &str = "playlist-read-private";
const READ_COLLABORATIVE: &str = "playlist-read-collaborative";
const MODIFY_PUBLIC: &str = "playlist-modify-public";
const MODIFY_PRIVATE: &str = "playlist-modify-private";
const READ_LIBRARY: &str = "user-library-read";
const MODIFY_LIBRARY: &str = "user-library-modify";

/// The maximum number of URIs in one change of a playlist.
const MAX_ENTRIES: usize = 100;

const FORBIDDEN: ApiError = error(403, "Forbidden");

pub(super) fn router() -> Router<Arc<Shared>> {
    Router::new()
        .route("/me/library", put(save).delete(unsave))
        .route("/me/library/contains", get(saved))
        .route("/me/tracks", get(liked))
        .route("/me/playlists", get(playlists))
        .route("/playlists/{id}", get(playlist))
        .route("/playlists/{id}/items", get(entries).post(add).delete(remove))
}

/// Returns the `uris` of a library call: 1 to 40 URIs of kinds that can be saved.
fn uris(query: &HashMap<String, String>) -> Result<Vec<String>, ApiError> {
    let uris: Vec<String> = required::<String>(query, "uris", "Missing uris")?.split(',').map(str::to_owned).collect();
    let valid = |uri: &String| {
        let parts: Vec<&str> = uri.split(':').collect();
        matches!(*parts, ["spotify", "track" | "episode" | "album" | "show" | "playlist", id] if !id.is_empty())
    };
    if uris.len() > 40 || !uris.iter().all(valid) {
        return Err(error(400, "Invalid uris"));
    }
    Ok(uris)
}

async fn saved(State(shared): AppState, headers: HeaderMap, Query(query): Parameters) -> Answer {
    authorize(&shared, &headers, &[READ_LIBRARY])?;
    let uris = uris(&query)?;
    let saved: Vec<bool> = shared.read(|state, _| uris.iter().map(|uri| state.is_saved(uri)).collect());
    Ok(Json(saved).into_response())
}

async fn save(State(shared): AppState, headers: HeaderMap, Query(query): Parameters) -> Answer {
    set_saved(&shared, &headers, &query, true)
}

async fn unsave(State(shared): AppState, headers: HeaderMap, Query(query): Parameters) -> Answer {
    set_saved(&shared, &headers, &query, false)
}

fn set_saved(shared: &Shared, headers: &HeaderMap, query: &HashMap<String, String>, saved: bool) -> Answer {
    authorize(shared, headers, &[MODIFY_LIBRARY])?;
    let uris = uris(query)?;
    shared.change(|state, now| uris.iter().for_each(|uri| state.set_saved(uri, saved, now)));
    Ok(StatusCode::OK.into_response())
}

async fn liked(State(shared): AppState, headers: HeaderMap, Query(query): Parameters) -> Answer {
    authorize(&shared, &headers, &[READ_LIBRARY])?;
    let (limit, offset) = paging(&query, 20, 50)?;
    let catalogue = &shared.catalogue;
    let all = shared.read(|state, _| {
        let known = state.liked().filter_map(|(uri, at)| Some((catalogue.item(uri)?, at)));
        known.map(|(item, at)| json!({ "added_at": time_json(at), "track": catalogue.item_json(item) })).collect()
    });
    Ok(Json(page(&format!("{}/v1/me/tracks", catalogue.base()), all, limit, offset)).into_response())
}

async fn playlists(State(shared): AppState, headers: HeaderMap, Query(query): Parameters) -> Answer {
    let user = authorize(&shared, &headers, &[READ_PLAYLISTS])?.ok_or(NO_USER)?;
    let (limit, offset) = paging(&query, 20, 50)?;
    let catalogue = &shared.catalogue;
    // Without the scope, collaborative playlists of other users are left out.
    let collaborative = has_scope(&shared, &headers, READ_COLLABORATIVE);
    let all = shared.read(|state, _| {
        let shown = |playlist: &&Playlist| {
            playlist.followed && (collaborative || !playlist.collaborative || playlist.is_owned_by(&user.id))
        };
        let followed = state.playlists.all().iter().filter(shown);
        followed.map(|playlist| playlist.json(catalogue)).collect()
    });
    Ok(Json(page(&format!("{}/v1/me/playlists", catalogue.base()), all, limit, offset)).into_response())
}

async fn playlist(
    State(shared): AppState,
    headers: HeaderMap,
    Path(id): Path<String>,
    Query(query): Parameters,
) -> Answer {
    let user = authorize(&shared, &headers, &[])?;
    let catalogue = &shared.catalogue;
    let json = shared.read(|state, _| {
        let playlist = state.playlists.get(&uri(&id)).ok_or(NOT_FOUND)?;
        let mut json = playlist.json(catalogue);
        if user.is_some_and(|user| playlist.is_editable_by(&user.id)) {
            json["items"] = page(&playlist.items_href(catalogue), playlist.entries_json(catalogue), 100, 0);
        } else if let Some(members) = json.as_object_mut() {
            members.remove("items");
        }
        Ok::<_, ApiError>(json)
    })?;
    Ok(Json(select_fields(json, &query)).into_response())
}

fn uri(playlist_id: &str) -> String {
    format!("spotify:playlist:{playlist_id}")
}

async fn entries(
    State(shared): AppState,
    headers: HeaderMap,
    Path(id): Path<String>,
    Query(query): Parameters,
) -> Answer {
    let user = authorize(&shared, &headers, &[READ_PLAYLISTS])?.ok_or(NO_USER)?;
    let (limit, offset) = paging(&query, 20, 50)?;
    let catalogue = &shared.catalogue;
    let page = shared.read(|state, _| {
        let playlist = state.playlists.get(&uri(&id)).ok_or(NOT_FOUND)?;
        if !playlist.is_editable_by(&user.id) {
            return Err(FORBIDDEN);
        }
        Ok(page(&playlist.items_href(catalogue), playlist.entries_json(catalogue), limit, offset))
    })?;
    Ok(Json(select_fields(page, &query)).into_response())
}

#[derive(Deserialize)]
struct AddBody {
    uris: Vec<String>,
    position: Option<usize>,
}

async fn add(State(shared): AppState, headers: HeaderMap, Path(id): Path<String>, body: Bytes) -> Answer {
    change(&shared, &headers, &id, StatusCode::CREATED, |playlist, user_id, now| {
        let AddBody { uris, position } = parse(&body)?;
        // Local files can't be added.
        let can_be_added = |uri: &String| {
            (uri.starts_with("spotify:track:") || uri.starts_with("spotify:episode:"))
                && shared.catalogue.item(uri).is_some()
        };
        if uris.is_empty() || uris.len() > MAX_ENTRIES || !uris.iter().all(can_be_added) {
            return Err(error(400, "Invalid uris"));
        }
        if playlist.add(uris, position, user_id, now) { Ok(()) } else { Err(error(400, "Index out of bounds")) }
    })
}

#[derive(Deserialize)]
struct RemoveBody {
    items: Vec<RemovedItem>,
    snapshot_id: Option<String>,
}

#[derive(Deserialize)]
struct RemovedItem {
    uri: String,
}

async fn remove(State(shared): AppState, headers: HeaderMap, Path(id): Path<String>, body: Bytes) -> Answer {
    change(&shared, &headers, &id, StatusCode::OK, |playlist, _, _| {
        let RemoveBody { items, snapshot_id } = parse(&body)?;
        let uris: Vec<String> = items.into_iter().map(|item| item.uri).collect();
        let valid = |uri: &String| uri.starts_with("spotify:") && !id_of(uri).is_empty();
        if uris.is_empty() || uris.len() > MAX_ENTRIES || !uris.iter().all(valid) {
            return Err(error(400, "Invalid items"));
        }
        if snapshot_id.is_some_and(|snapshot_id| !playlist.knows_snapshot(&snapshot_id)) {
            return Err(error(400, "Invalid snapshot_id"));
        }
        playlist.remove(&uris);
        Ok(())
    })
}

/// Changes a playlist if the user may, and answers with its new snapshot ID.
fn change(
    shared: &Shared,
    headers: &HeaderMap,
    id: &str,
    status: StatusCode,
    change: impl FnOnce(&mut Playlist, &str, Duration) -> Result<(), ApiError>,
) -> Answer {
    let public = shared.read(|state, _| state.playlists.get(&uri(id)).is_some_and(|playlist| playlist.public));
    let scope = if public { MODIFY_PUBLIC } else { MODIFY_PRIVATE };
    let user = authorize(shared, headers, &[scope])?.ok_or(NO_USER)?;
    shared.change(|state: &mut shared::State, now| {
        let playlist = state.playlists.get_mut(&uri(id)).ok_or(NOT_FOUND)?;
        if !playlist.is_editable_by(&user.id) {
            return Err(FORBIDDEN);
        }
        change(playlist, &user.id, now)?;
        Ok((status, Json(json!({ "snapshot_id": playlist.snapshot_id() }))).into_response())
    })
}

/// Applies the query parameter `fields`, if there is one, to an answer.
fn select_fields(json: Value, query: &HashMap<String, String>) -> Value {
    query.get("fields").map(|fields| select(&json, fields)).unwrap_or(json)
}

/// Returns only the named members, as in `name,owner(display_name),items.total`. Lists are filtered by element.
fn select(json: &Value, fields: &str) -> Value {
    match json {
        Value::Array(list) => list.iter().map(|element| select(element, fields)).collect(),
        Value::Object(members) => {
            let mut kept = Map::new();
            for field in split(fields) {
                let (name, rest) = match field.find(['(', '.']) {
                    None => (field, None),
                    Some(at) => (&field[..at], Some(field[at + 1..].trim_end_matches(')'))),
                };
                if let Some(value) = members.get(name) {
                    kept.insert(name.to_owned(), rest.map_or_else(|| value.clone(), |rest| select(value, rest)));
                }
            }
            kept.into()
        }
        other => other.clone(),
    }
}

/// Splits at commas outside of parentheses.
fn split(fields: &str) -> Vec<&str> {
    let mut depth = 0_usize;
    let separates = |character| {
        match character {
            '(' => depth += 1,
            ')' => depth = depth.saturating_sub(1),
            _ => {}
        }
        character == ',' && depth == 0
    };
    fields.split(separates).map(str::trim).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_select_nested_members() {
        let json = json!({
            "name": "x", "owner": { "id": 1, "name": 2 },
            "items": { "total": 3, "items": [{ "at": 4, "item": { "uri": 5, "artists": [{ "name": 6, "id": 7 }] } }] },
        });
        let all = "name,owner(name),items(total,items(item(uri,artists(name))))";
        assert_eq!(
            select(&json, all),
            json!({
                "name": "x", "owner": { "name": 2 },
                "items": { "total": 3, "items": [{ "item": { "uri": 5, "artists": [{ "name": 6 }] } }] },
            })
        );
        assert_eq!(select(&json, "items.total, nothing"), json!({ "items": { "total": 3 } }));
    }
}
