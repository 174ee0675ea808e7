//! Transforms answers: patches their JSON, turns numbers into floats, compresses or truncates them.

use std::io::Write as _;

use axum::body::{Body, Bytes, to_bytes};
use axum::http::HeaderValue;
use axum::http::header::{CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE};
use axum::response::Response;
use flate2::Compression;
use flate2::write::GzEncoder;
use futures_util::stream;
use serde_json::Value;

use crate::server::Dropped;

/// A limit above the size of any answer, in bytes.
const BODY_LIMIT: usize = 16 << 20;

/// Applies a JSON merge patch ([RFC 7396](https://www.rfc-editor.org/rfc/rfc7396)) to a value: `null` removes a member.
pub(crate) fn merge_patch(value: &mut Value, patch: &Value) {
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
                merge_patch(members.entry(name.clone()).or_insert(Value::Null), patch);
            }
        }
    }
}

/// Turns every number into a float: 640 into `640.0`.
pub(crate) fn numbers_to_floats(value: &mut Value) {
    match value {
        Value::Number(number) => {
            if let Some(float) = number.as_f64() {
                *value = float.into();
            }
        }
        Value::Array(values) => values.iter_mut().for_each(numbers_to_floats),
        Value::Object(members) => members.values_mut().for_each(numbers_to_floats),
        _ => {}
    }
}

/// Changes the JSON of an answer. An answer without JSON is returned unchanged.
pub(crate) async fn map_json(response: Response, change: impl FnOnce(&mut Value)) -> Response {
    let (mut parts, body) = response.into_parts();
    // This can't fail: the bodies are our own and in memory.
    let body = to_bytes(body, BODY_LIMIT).await.unwrap_or_default();
    let Ok(mut value) = serde_json::from_slice(&body) else { return Response::from_parts(parts, Body::from(body)) };
    change(&mut value);
    parts.headers.remove(CONTENT_LENGTH);
    Response::from_parts(parts, Body::from(value.to_string()))
}

/// The minimum size of an answer that is compressed, in bytes.
const MIN_COMPRESSED: usize = 256;

/// Compresses an answer with gzip, if the client accepts that and the answer is worth it. Returns the answer, the length of
/// its body, and the number of bytes that are sent.
pub(crate) async fn compress(response: Response, accept_encoding: Option<&str>) -> (Response, usize, usize) {
    let (mut parts, body) = response.into_parts();
    let is_picture = {
        let kind = parts.headers.get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok());
        kind.is_some_and(|kind| kind.starts_with("image/"))
    };
    let accepts_gzip =
        accept_encoding.is_some_and(|names| names.split(',').any(|name| name.trim().starts_with("gzip")));
    // This can't fail: the bodies are our own and in memory.
    let plain = to_bytes(body, BODY_LIMIT).await.unwrap_or_default();
    let is_compressible = plain.len() >= MIN_COMPRESSED && !is_picture && !parts.headers.contains_key(CONTENT_ENCODING);
    let length = plain.len();
    let compressed = (accepts_gzip && is_compressible).then(|| {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
        encoder.write_all(&plain).and_then(|()| encoder.finish())
    });
    let body = match compressed {
        Some(Ok(compressed)) => {
            parts.headers.remove(CONTENT_LENGTH);
            parts.headers.insert(CONTENT_ENCODING, HeaderValue::from_static("gzip"));
            Bytes::from(compressed)
        }
        _ => plain,
    };
    let sent = body.len();
    (Response::from_parts(parts, Body::from(body)), length, sent)
}

/// Truncates an answer to the first half of its body, with the `Content-Length` of the whole, and closes the connection.
pub(crate) async fn truncate(response: Response) -> Response {
    let (mut parts, body) = response.into_parts();
    let body = to_bytes(body, BODY_LIMIT).await.unwrap_or_default();
    parts.headers.insert(CONTENT_LENGTH, HeaderValue::from(body.len().max(2)));
    let half: Result<Bytes, Dropped> = Ok(body.slice(..body.len() / 2));
    Response::from_parts(parts, Body::from_stream(stream::iter([half, Err(Dropped)])))
}
