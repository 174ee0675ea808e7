//! Integers from outside, in any JSON form, and bounded so that later arithmetic on them can't overflow.

use serde_json::Value;

/// Upper bound of all numbers, 2^53 - 1: the largest integer that every JSON implementation can represent. Multiplied by a
/// thousand it still fits in a `u64`.
pub(crate) const MAX_WHOLE: u64 = (1 << 53) - 1;

/// Reads an integer: `640`, `640.0`, `6.4e2` and `"640"` are 640, and fractions are truncated. Returns `None` if the value is
/// negative or no number, and at most [`MAX_WHOLE`].
#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "the cast saturates and truncates")]
pub(crate) fn whole(value: &Value) -> Option<u64> {
    let number = match value {
        Value::Number(number) => number.clone(),
        Value::String(text) => text.trim().parse().ok()?,
        _ => return None,
    };
    let whole = number.as_u64().or_else(|| number.as_f64().filter(|float| *float >= 0.0).map(|float| float as u64));
    whole.map(|whole| whole.min(MAX_WHOLE))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn integers_are_read_in_any_form() {
        for value in [json!(640), json!(640.0), json!(640.9), json!("640"), json!(" 6.4e2 ")] {
            assert_eq!(whole(&value), Some(640), "{value}");
        }
        assert_eq!(whole(&serde_json::from_str("6.4e2").unwrap()), Some(640));
        for value in [json!(u64::MAX), json!(1e300), json!("18446744073709551615")] {
            assert_eq!(whole(&value), Some(MAX_WHOLE), "{value}");
        }
        for value in
            [json!(-1), json!(-0.5), json!("NaN"), json!("1,5"), json!(""), json!(null), json!(true), json!([7])]
        {
            assert_eq!(whole(&value), None, "{value}");
        }
    }
}
