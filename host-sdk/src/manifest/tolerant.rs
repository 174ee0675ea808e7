//! Deserializes members of another type than documented where the meaning is clear: a number instead of a string, a string
//! instead of a number, null instead of a missing member. [`check_text`](super::check_text) reports them nevertheless.

use serde::de::{Deserialize, Deserializer, Error, Unexpected};
use serde_json::Value;

/// Deserializes a string from a string, a number or null.
pub fn text<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    optional_text(deserializer).map(Option::unwrap_or_default)
}

/// Deserializes an optional string from a string, a number or null.
pub fn optional_text<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    match Value::deserialize(deserializer)? {
        Value::String(text) => Ok(Some(text)),
        Value::Number(number) => Ok(Some(number.to_string())),
        Value::Null => Ok(None),
        other => Err(wrong_type(&other, "a text")),
    }
}

/// Deserializes an optional flag from a boolean, a string, 0 or 1, or null.
pub fn flag<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<bool>, D::Error> {
    let value = Value::deserialize(deserializer)?;
    match &value {
        Value::Bool(flag) => Ok(Some(*flag)),
        Value::Null => Ok(None),
        Value::String(text) if text.eq_ignore_ascii_case("true") => Ok(Some(true)),
        Value::String(text) if text.eq_ignore_ascii_case("false") => Ok(Some(false)),
        Value::Number(number) if number.as_u64() == Some(0) => Ok(Some(false)),
        Value::Number(number) if number.as_u64() == Some(1) => Ok(Some(true)),
        other => Err(wrong_type(other, "true or false")),
    }
}

/// Deserializes a small number from a number or a string. Returns 0 if it isn't a number or is too large.
pub fn small_number<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u8, D::Error> {
    let number = match Value::deserialize(deserializer)? {
        Value::Number(number) => number.to_string(),
        Value::String(text) => text,
        Value::Null => String::new(),
        other => return Err(wrong_type(&other, "a number")),
    };
    Ok(number.trim().trim_end_matches(".0").parse().unwrap_or_default())
}

/// Like [`small_number`], but returns `None` for null, and if it isn't a number or is too large.
pub fn optional_small_number<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<u8>, D::Error> {
    let number = match Value::deserialize(deserializer)? {
        Value::Number(number) => number.to_string(),
        Value::String(text) => text,
        Value::Null => return Ok(None),
        other => return Err(wrong_type(&other, "a number")),
    };
    Ok(number.trim().trim_end_matches(".0").parse().ok())
}

/// Deserializes any value. Null gives the default.
pub fn or_default<'de, D: Deserializer<'de>, T: Default + Deserialize<'de>>(deserializer: D) -> Result<T, D::Error> {
    Option::deserialize(deserializer).map(Option::unwrap_or_default)
}

fn wrong_type<E: Error>(value: &Value, expected: &str) -> E {
    let found = match value {
        Value::Bool(flag) => Unexpected::Bool(*flag),
        Value::Array(_) => Unexpected::Seq,
        Value::Object(_) => Unexpected::Map,
        Value::String(text) => Unexpected::Str(text),
        Value::Number(_) => Unexpected::Other("a number"),
        Value::Null => Unexpected::Unit,
    };
    E::invalid_type(found, &expected)
}
