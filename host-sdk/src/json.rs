//! What JSON from elsewhere may be: how deep, and every member once.

use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Value};

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
