//! Numbers from outside: read in any form that means a whole one, and bounded there, so that no arithmetic on them can
//! overflow later.

use serde_json::Value;

/// The largest number that is read, 2^53 - 1: the largest whole number that every JSON reader can hold. A `u64` of it can be
/// multiplied by a thousand without an overflow.
pub(crate) const MAX_WHOLE: u64 = (1 << 53) - 1;

/// The whole number that a value means: `640`, `640.0`, `6.4e2` and `"640"` are 640, and a fraction is cut off. `None` for what
/// is negative or no number. More than [`MAX_WHOLE`] is that.
#[allow(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "the cast saturates, and cuts off a fraction"
)]
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
    fn whole_numbers_come_in_several_forms() {
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
