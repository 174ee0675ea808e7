//! Other forms in which an answer can arrive: with members changed, with numbers as floats, or cut off in the
//! middle.

use axum::body::{Body, Bytes, to_bytes};
use axum::http::HeaderValue;
use axum::http::header::CONTENT_LENGTH;
use axum::response::Response;
use futures_util::stream;
use serde_json::Value;

use crate::server::Dropped;

/// More than any answer is long, in bytes.
const BODY_LIMIT: usize = 16 << 20;

/// Lays a JSON merge patch ([RFC 7396](https://www.rfc-editor.org/rfc/rfc7396)) over a value: `null` removes a member.
pub(crate) fn merge(value: &mut Value, patch: &Value) {
    let Value::Object(patch) = patch else {
        *value = patch.clone();
        return;
    };
    if !value.is_object() {
        *value = Value::Object(serde_json::Map::new());
    }
    if let Value::Object(members) = value {
        for (name, patch) in patch {
            if patch.is_null() {
                members.remove(name);
            } else {
                merge(members.entry(name.clone()).or_insert(Value::Null), patch);
            }
        }
    }
}

/// The same value with every number as a float: 640 as `640.0`.
pub(crate) fn floats(value: &mut Value) {
    match value {
        Value::Number(number) => {
            if let Some(float) = number.as_f64() {
                *value = float.into();
            }
        }
        Value::Array(values) => values.iter_mut().for_each(floats),
        Value::Object(members) => members.values_mut().for_each(floats),
        _ => {}
    }
}

/// An answer whose JSON was changed; one without JSON stays as it is.
pub(crate) async fn changed(response: Response, change: impl FnOnce(&mut Value)) -> Response {
    let (mut parts, body) = response.into_parts();
    // The bodies are our own, and in memory.
    let body = to_bytes(body, BODY_LIMIT).await.unwrap_or_default();
    let Ok(mut value) = serde_json::from_slice(&body) else { return Response::from_parts(parts, Body::from(body)) };
    change(&mut value);
    parts.headers.remove(CONTENT_LENGTH);
    Response::from_parts(parts, Body::from(value.to_string()))
}

/// The first half of an answer that says how long the whole is; the connection is closed behind it.
pub(crate) async fn cut_off(response: Response) -> Response {
    let (mut parts, body) = response.into_parts();
    let body = to_bytes(body, BODY_LIMIT).await.unwrap_or_default();
    parts.headers.insert(CONTENT_LENGTH, HeaderValue::from(body.len().max(2)));
    let half: Result<Bytes, Dropped> = Ok(body.slice(..body.len() / 2));
    Response::from_parts(parts, Body::from_stream(stream::iter([half, Err(Dropped)])))
}
