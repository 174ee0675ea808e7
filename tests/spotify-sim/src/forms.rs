//! Other forms in which an answer can arrive: with members changed, with numbers as floats, compressed, or cut off in the
//! middle.

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

/// Below this an answer is not worth compressing, in bytes.
const LEAST_COMPRESSED: usize = 256;

/// The answer with gzip, if the client takes that and the answer gains by it; with how long its body is, and how many bytes of
/// it are sent.
pub(crate) async fn compressed(response: Response, accepts: Option<&str>) -> (Response, usize, usize) {
    let (mut parts, body) = response.into_parts();
    let is_picture = {
        let kind = parts.headers.get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok());
        kind.is_some_and(|kind| kind.starts_with("image/"))
    };
    let takes = accepts.is_some_and(|names| names.split(',').any(|name| name.trim().starts_with("gzip")));
    // The bodies are our own, and in memory.
    let plain = to_bytes(body, BODY_LIMIT).await.unwrap_or_default();
    let gains = plain.len() >= LEAST_COMPRESSED && !is_picture && !parts.headers.contains_key(CONTENT_ENCODING);
    let length = plain.len();
    let small = (takes && gains).then(|| {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
        encoder.write_all(&plain).and_then(|()| encoder.finish())
    });
    let body = match small {
        Some(Ok(small)) => {
            parts.headers.remove(CONTENT_LENGTH);
            parts.headers.insert(CONTENT_ENCODING, HeaderValue::from_static("gzip"));
            Bytes::from(small)
        }
        _ => plain,
    };
    let sent = body.len();
    (Response::from_parts(parts, Body::from(body)), length, sent)
}

/// The first half of an answer that says how long the whole is; the connection is closed behind it.
pub(crate) async fn cut_off(response: Response) -> Response {
    let (mut parts, body) = response.into_parts();
    let body = to_bytes(body, BODY_LIMIT).await.unwrap_or_default();
    parts.headers.insert(CONTENT_LENGTH, HeaderValue::from(body.len().max(2)));
    let half: Result<Bytes, Dropped> = Ok(body.slice(..body.len() / 2));
    Response::from_parts(parts, Body::from_stream(stream::iter([half, Err(Dropped)])))
}
