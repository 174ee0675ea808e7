//! What JSON from elsewhere may be, how deep and how large, with every member once; and JSON that is kept and handed on
//! without being read.

use std::fmt;
use std::sync::Arc;

use serde::de::{Deserialize, DeserializeOwned, DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};
use serde::{Serialize, Serializer};
use serde_json::value::RawValue;
use serde_json::{Map, Value};

/// Levels of objects and lists within one another that settings may have, and what packages and pages send each other.
///
/// Readers such as serde_json give up at [`READABLE`]; what is put around a value on its way, in messages, files and answers,
/// are at most [`AROUND`].
pub const MOST_LEVELS: usize = 100;
/// Levels that anything puts around a value: a file, a list of keys, a key, and the like.
pub const AROUND: usize = 8;
/// Levels that a reader of JSON takes.
pub const READABLE: usize = 127;
const _: () = assert!(MOST_LEVELS + AROUND <= READABLE);
/// Bytes of JSON that the settings of one key, or of a package, may have.
pub const MOST_SETTINGS: usize = 1 << 20;

/// Values that a message may have whose content is for the host itself: such a message has about ten.
pub const MOST_VALUES: usize = 10_000;

/// The bytes of a text that is JSON which lie outside of its texts.
fn structure(text: &str) -> impl Iterator<Item = u8> {
    let (mut in_text, mut escaped) = (false, false);
    text.bytes().filter(move |byte| {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if in_text => escaped = true,
            b'"' => in_text = !in_text,
            _ => return !in_text,
        }
        false
    })
}

/// How many objects and lists lie within one another in a text that is JSON.
#[must_use]
pub fn levels(text: &str) -> usize {
    let (mut level, mut most) = (0_usize, 0);
    for byte in structure(text) {
        match byte {
            b'{' | b'[' => {
                level += 1;
                most = most.max(level);
            }
            b'}' | b']' => level = level.saturating_sub(1),
            _ => {}
        }
    }
    most
}

/// How many values a text that is JSON has at most: one, and one more for each object, list and comma.
#[must_use]
pub fn values(text: &str) -> usize {
    1 + structure(text).filter(|byte| matches!(byte, b'{' | b'[' | b',')).count()
}

/// Whether a value has more than [`MOST_LEVELS`].
#[must_use]
pub fn is_too_deep(value: &Value) -> bool {
    fn is_deeper(value: &Value, levels: usize) -> bool {
        match value {
            Value::Array(values) => levels == 0 || values.iter().any(|value| is_deeper(value, levels - 1)),
            Value::Object(members) => levels == 0 || members.values().any(|value| is_deeper(value, levels - 1)),
            _ => false,
        }
    }
    is_deeper(value, MOST_LEVELS)
}

/// JSON as the text that it came in: nothing of it is lost or changed, and a copy costs nothing.
#[derive(Clone)]
pub struct Raw(Arc<RawValue>);

impl Raw {
    /// The text.
    #[must_use]
    pub fn text(&self) -> &str {
        self.0.get()
    }

    pub(crate) fn raw(&self) -> &RawValue {
        &self.0
    }

    /// Whether it is an object.
    #[must_use]
    pub fn is_object(&self) -> bool {
        self.text().starts_with('{')
    }

    /// Whether a host can keep it as settings, and a package read it again.
    #[must_use]
    pub fn are_settings(&self) -> bool {
        self.is_object()
            && self.text().len() <= MOST_SETTINGS
            && levels(self.text()) <= MOST_LEVELS
            && self.read::<Value>().is_ok()
    }

    /// Reads it.
    ///
    /// # Errors
    /// If it is something else than wanted, or nested too deeply.
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
        serde_json::value::to_raw_value(object).expect("texts and JSON always serialize").into()
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

/// Without the content, which may hold secrets.
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

/// Members that are there twice of which it is told; more of them say nothing new.
const MOST_TOLD: usize = 20;

/// A member that an object has more than once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Twice {
    /// Where it is, such as `Widgets[2].Icon`.
    pub place: String,
    /// Whether all of its values are the same.
    pub alike: bool,
}

/// The members of a text that an object in it has more than once: readers take the first of them, the last, or refuse the
/// text. None if it isn't JSON.
#[must_use]
pub fn members_twice(text: &str) -> Vec<Twice> {
    let mut twice = Vec::new();
    let mut reader = serde_json::Deserializer::from_str(text.trim_start_matches('\u{feff}'));
    // What was found before the text breaks says nothing: it is no JSON.
    if (Members { place: &mut String::new(), twice: &mut twice }).deserialize(&mut reader).is_err() {
        return Vec::new();
    }
    twice
}

/// Reads a value, and notes the members that come again.
struct Members<'a> {
    place: &'a mut String,
    twice: &'a mut Vec<Twice>,
}

impl Members<'_> {
    /// Reads what lies at a place within this one.
    fn within<T>(&mut self, place: impl fmt::Display, read: impl FnOnce(Members<'_>) -> T) -> T {
        let length = self.place.len();
        fmt::Write::write_fmt(self.place, format_args!("{place}")).expect("a text takes whatever is written to it");
        let value = read(Members { place: self.place, twice: self.twice });
        self.place.truncate(length);
        value
    }
}

impl<'de> DeserializeSeed<'de> for Members<'_> {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Members<'_> {
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
            self.within(format_args!("[{}]", list.len()), |members| values.next_element_seed(members))?
        {
            list.push(value);
        }
        Ok(list.into())
    }

    fn visit_map<A: MapAccess<'de>>(mut self, mut members: A) -> Result<Value, A::Error> {
        let mut read = Map::new();
        while let Some(name) = members.next_key::<String>()? {
            let dot = if self.place.is_empty() { "" } else { "." };
            let value = self.within(format_args!("{dot}{name}"), |inner| members.next_value_seed(inner))?;
            if let Some(before) = read.get(&name) {
                let (place, alike) = (format!("{}{dot}{name}", self.place), *before == value);
                let is_full = self.twice.len() == MOST_TOLD;
                match self.twice.iter_mut().find(|twice| twice.place == place) {
                    Some(twice) => twice.alike &= alike,
                    None if !is_full => self.twice.push(Twice { place, alike }),
                    None => {}
                }
            }
            // The last one, as everywhere.
            read.insert(name, value);
        }
        Ok(read.into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn levels_are_counted_outside_of_texts() {
        for (text, count) in
            [("1", 0), (r#""[[""#, 0), (r#""\"[""#, 0), (r#"["\\", {"{": "}"}]"#, 2), ("[[], {}, [{}]]", 3)]
        {
            assert_eq!(levels(text), count, "{text}");
        }
        let deep = |levels: usize| format!("{}{}", "[".repeat(levels), "]".repeat(levels));
        assert_eq!(levels(&deep(500)), 500);
        for levels in [1, MOST_LEVELS, MOST_LEVELS + 1] {
            let value: Value = serde_json::from_str(&deep(levels)).unwrap();
            assert_eq!(is_too_deep(&value), levels > MOST_LEVELS);
        }
        assert!(serde_json::from_str::<Value>(&deep(READABLE)).is_ok());
        assert!(serde_json::from_str::<Value>(&deep(READABLE + 1)).is_err());
    }

    #[test]
    fn values_are_counted_outside_of_texts() {
        for (text, count) in [("1", 1), (r#""a,[b""#, 1), ("[]", 2), ("[1,2,3]", 4), (r#"{"a,": [1, {}], "b": 2}"#, 6)]
        {
            assert_eq!(values(text), count, "{text}");
        }
    }

    #[test]
    fn raw_json_is_kept_to_the_letter_and_not_shown() {
        let text = r#"{"b": 0.1000000000000000055511151231257827, "a":  123456789012345678901234567890, "b": 1}"#;
        let raw: Raw = serde_json::from_str(text).unwrap();
        assert_eq!((raw.text(), serde_json::to_string(&raw).unwrap().as_str()), (text, text));
        assert_eq!(format!("{raw:?}"), format!("Raw({} bytes)", text.len()));
        assert_eq!((Raw::default().text(), Raw::default().is_object()), ("{}", true));
    }

    #[test]
    fn members_that_come_again_are_found_at_any_depth() {
        let twice = |text: &str| -> Vec<_> {
            members_twice(text).into_iter().map(|twice| (twice.place, twice.alike)).collect()
        };
        for (text, found) in [
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
            assert_eq!(twice(text), found, "{text}");
        }
        let many: Vec<_> = (0..1000).map(|n| format!("\"{n}\": 1, \"{n}\": 1")).collect();
        assert_eq!(members_twice(&format!("{{{}}}", many.join(","))).len(), MOST_TOLD);
    }
}
