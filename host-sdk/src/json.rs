//! Limits on the depth and size of JSON from other programs, a check for duplicate members, and [`Raw`]: JSON that is stored
//! and forwarded without being parsed.

use std::fmt;
use std::sync::Arc;

use serde::de::{Deserialize, DeserializeOwned, DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};
use serde::{Serialize, Serializer};
use serde_json::value::RawValue;
use serde_json::{Map, Value};

/// Maximum nesting depth of settings, and of the messages that packages and pages send each other.
///
/// It leaves space for what is wrapped around a value in messages, files and responses ([`WRAPPER_DEPTH`]), so that the whole
/// stays within what parsers accept ([`PARSER_DEPTH`]).
pub const MAX_DEPTH: usize = 100;
/// Maximum number of levels that are wrapped around a value: a file, a list of keys, a key, and the like.
pub const WRAPPER_DEPTH: usize = 8;
/// Maximum depth that parsers such as serde_json accept
/// ([its limit](https://docs.rs/serde_json/latest/serde_json/struct.Deserializer.html#method.disable_recursion_limit) is 128).
pub const PARSER_DEPTH: usize = 127;
const _: () = assert!(MAX_DEPTH + WRAPPER_DEPTH <= PARSER_DEPTH);
/// Maximum size in bytes of the settings of one key, or of a package, as JSON.
pub const MAX_SETTINGS_BYTES: usize = 1 << 20;

/// Maximum number of values in a message that the host itself interprets. A usual one has about ten.
pub const MAX_VALUES: usize = 10_000;

/// Returns the bytes of a JSON text that lie outside of its strings.
fn outside_strings(text: &str) -> impl Iterator<Item = u8> {
    let (mut in_string, mut escaped) = (false, false);
    text.bytes().filter(move |byte| {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if in_string => escaped = true,
            b'"' => in_string = !in_string,
            _ => return !in_string,
        }
        false
    })
}

/// Returns the nesting depth of a JSON text: 0 for a number or string, 1 for a flat object or array.
#[must_use]
pub fn depth(text: &str) -> usize {
    let (mut depth, mut max) = (0_usize, 0);
    for byte in outside_strings(text) {
        match byte {
            b'{' | b'[' => {
                depth += 1;
                max = max.max(depth);
            }
            b'}' | b']' => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    max
}

/// Returns an upper bound of the number of values in a JSON text: one, plus one for each object, array and comma.
#[must_use]
pub fn value_count(text: &str) -> usize {
    1 + outside_strings(text).filter(|byte| matches!(byte, b'{' | b'[' | b',')).count()
}

/// Returns whether a value is nested more deeply than [`MAX_DEPTH`].
#[must_use]
pub fn is_too_deep(value: &Value) -> bool {
    fn is_deeper(value: &Value, depth: usize) -> bool {
        match value {
            Value::Array(values) => depth == 0 || values.iter().any(|value| is_deeper(value, depth - 1)),
            Value::Object(members) => depth == 0 || members.values().any(|value| is_deeper(value, depth - 1)),
            _ => false,
        }
    }
    is_deeper(value, MAX_DEPTH)
}

/// JSON as the text in which it was received. Nothing in it is lost or changed, and cloning is cheap.
#[derive(Clone)]
pub struct Raw(Arc<RawValue>);

impl Raw {
    /// Returns the text.
    #[must_use]
    pub fn text(&self) -> &str {
        self.0.get()
    }

    pub(crate) fn raw(&self) -> &RawValue {
        &self.0
    }

    /// Returns whether it is a JSON object.
    #[must_use]
    pub fn is_object(&self) -> bool {
        self.text().starts_with('{')
    }

    /// Returns whether a host can store it as settings and a package can parse it again: an object within
    /// [`MAX_SETTINGS_BYTES`] and [`MAX_DEPTH`].
    #[must_use]
    pub fn is_valid_settings(&self) -> bool {
        self.is_object()
            && self.text().len() <= MAX_SETTINGS_BYTES
            && depth(self.text()) <= MAX_DEPTH
            && self.read::<Value>().is_ok()
    }

    /// Parses it.
    ///
    /// # Errors
    /// If it doesn't match the type, or is nested too deeply.
    pub fn read<T: DeserializeOwned>(&self) -> Result<T, serde_json::Error> {
        serde_json::from_str(self.text())
    }
}

impl From<Box<RawValue>> for Raw {
    fn from(raw: Box<RawValue>) -> Self {
        Self(raw.into())
    }
}

impl From<&RawValue> for Raw {
    fn from(raw: &RawValue) -> Self {
        raw.to_owned().into()
    }
}

impl From<&Map<String, Value>> for Raw {
    fn from(object: &Map<String, Value>) -> Self {
        serde_json::value::to_raw_value(object).expect("strings and JSON values always serialize").into()
    }
}

/// An empty object.
impl Default for Raw {
    fn default() -> Self {
        (&Map::new()).into()
    }
}

impl PartialEq for Raw {
    fn eq(&self, other: &Self) -> bool {
        self.text() == other.text()
    }
}

/// Omits the content, which may contain secrets.
impl fmt::Debug for Raw {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Raw({} bytes)", self.text().len())
    }
}

impl Serialize for Raw {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Raw {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Box::<RawValue>::deserialize(deserializer).map(Self::from)
    }
}

/// Maximum number of duplicate members that are reported.
const MAX_DUPLICATES: usize = 20;

/// A member that occurs more than once in its object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DuplicateMember {
    /// Its path, such as `Widgets[2].Icon`.
    pub path: String,
    /// Whether all occurrences have the same value.
    pub same_value: bool,
}

/// Returns the members that occur more than once in their object, at any depth and at most 20 of them. Parsers differ in what
/// they do with them: they keep the first value or the last, or reject the text. Returns nothing if the text isn't JSON.
#[must_use]
pub fn duplicate_members(text: &str) -> Vec<DuplicateMember> {
    let mut duplicates = Vec::new();
    let mut deserializer = serde_json::Deserializer::from_str(text.trim_start_matches('\u{feff}'));
    let finder = DuplicateFinder { path: &mut String::new(), duplicates: &mut duplicates };
    // Duplicates before a syntax error don't count: the text isn't JSON.
    if finder.deserialize(&mut deserializer).is_err() {
        return Vec::new();
    }
    duplicates
}

/// Deserializes a value and records the members that occur again.
struct DuplicateFinder<'a> {
    path: &'a mut String,
    duplicates: &'a mut Vec<DuplicateMember>,
}

impl DuplicateFinder<'_> {
    /// Calls `read` with a finder for the value at `segment` below the current path.
    fn descend<T>(&mut self, segment: impl fmt::Display, read: impl FnOnce(DuplicateFinder<'_>) -> T) -> T {
        let length = self.path.len();
        fmt::Write::write_fmt(self.path, format_args!("{segment}")).expect("writing to a String never fails");
        let value = read(DuplicateFinder { path: self.path, duplicates: self.duplicates });
        self.path.truncate(length);
        value
    }
}

impl<'de> DeserializeSeed<'de> for DuplicateFinder<'_> {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for DuplicateFinder<'_> {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_f64<E>(self, value: f64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_str<E>(self, text: &str) -> Result<Value, E> {
        Ok(text.into())
    }

    fn visit_seq<A: SeqAccess<'de>>(mut self, mut values: A) -> Result<Value, A::Error> {
        let mut list = Vec::new();
        while let Some(value) =
            self.descend(format_args!("[{}]", list.len()), |finder| values.next_element_seed(finder))?
        {
            list.push(value);
        }
        Ok(list.into())
    }

    fn visit_map<A: MapAccess<'de>>(mut self, mut members: A) -> Result<Value, A::Error> {
        let mut object = Map::new();
        while let Some(name) = members.next_key::<String>()? {
            let dot = if self.path.is_empty() { "" } else { "." };
            let value = self.descend(format_args!("{dot}{name}"), |finder| members.next_value_seed(finder))?;
            if let Some(previous) = object.get(&name) {
                let (path, same_value) = (format!("{}{dot}{name}", self.path), *previous == value);
                let is_full = self.duplicates.len() == MAX_DUPLICATES;
                match self.duplicates.iter_mut().find(|duplicate| duplicate.path == path) {
                    Some(duplicate) => duplicate.same_value &= same_value,
                    None if !is_full => self.duplicates.push(DuplicateMember { path, same_value }),
                    None => {}
                }
            }
            // The last value counts, as in serde_json.
            object.insert(name, value);
        }
        Ok(object.into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn depth_ignores_brackets_in_strings() {
        for (text, expected) in
            [("1", 0), (r#""[[""#, 0), (r#""\"[""#, 0), (r#"["\\", {"{": "}"}]"#, 2), ("[[], {}, [{}]]", 3)]
        {
            assert_eq!(depth(text), expected, "{text}");
        }
        let nested = |depth: usize| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
        assert_eq!(depth(&nested(500)), 500);
        for depth in [1, MAX_DEPTH, MAX_DEPTH + 1] {
            let value: Value = serde_json::from_str(&nested(depth)).unwrap();
            assert_eq!(is_too_deep(&value), depth > MAX_DEPTH);
        }
        assert!(serde_json::from_str::<Value>(&nested(PARSER_DEPTH)).is_ok());
        assert!(serde_json::from_str::<Value>(&nested(PARSER_DEPTH + 1)).is_err());
    }

    #[test]
    fn value_count_ignores_commas_in_strings() {
        for (text, count) in [("1", 1), (r#""a,[b""#, 1), ("[]", 2), ("[1,2,3]", 4), (r#"{"a,": [1, {}], "b": 2}"#, 6)]
        {
            assert_eq!(value_count(text), count, "{text}");
        }
    }

    #[test]
    fn raw_keeps_its_text_and_hides_it_from_debug() {
        let text = r#"{"b": 0.1000000000000000055511151231257827, "a":  123456789012345678901234567890, "b": 1}"#;
        let raw: Raw = serde_json::from_str(text).unwrap();
        assert_eq!((raw.text(), serde_json::to_string(&raw).unwrap().as_str()), (text, text));
        assert_eq!(format!("{raw:?}"), format!("Raw({} bytes)", text.len()));
        assert_eq!((Raw::default().text(), Raw::default().is_object()), ("{}", true));
    }

    #[test]
    fn duplicate_members_are_found_at_any_depth() {
        let duplicates = |text: &str| -> Vec<_> {
            duplicate_members(text).into_iter().map(|duplicate| (duplicate.path, duplicate.same_value)).collect()
        };
        for (text, expected) in [
            (r#"{"a": 1, "b": {"a": 1}, "c": [{"a": 1}, {"a": 1}]}"#, vec![]),
            (r#"{"a": 1, "a": 1}"#, vec![("a".to_owned(), true)]),
            ("\u{feff}{\"a\": 1, \"a\": 1.5}", vec![("a".to_owned(), false)]),
            (r#"{"a": 1, "a": 1, "a": 2}"#, vec![("a".to_owned(), false)]),
            (r#"{"a": 1, "\u0061": 2}"#, vec![("a".to_owned(), false)]),
            (r#"{"W": [0, {"N": {"x": [], "y": 1, "x": []}}]}"#, vec![("W[1].N.x".to_owned(), true)]),
            (r#"{"a": {"b": 1}, "a": {"b": 1, "b": 2}}"#, vec![("a.b".to_owned(), false), ("a".to_owned(), false)]),
            (r#"{"a": 1, "a": 2"#, vec![]),
            ("[]", vec![]),
        ] {
            assert_eq!(duplicates(text), expected, "{text}");
        }
        let many: Vec<_> = (0..1000).map(|n| format!("\"{n}\": 1, \"{n}\": 1")).collect();
        assert_eq!(duplicate_members(&format!("{{{}}}", many.join(","))).len(), MAX_DUPLICATES);
    }
}
