//! Records every message between the deck and the packages for their authors: sender, time, instance, size and content.
//! Secrets are masked before a message is kept, and pictures are replaced by their size. It is independent of the hub:
//! sockets write here, pages and scripts read.

use std::cell::Cell;
use std::collections::VecDeque;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::SystemTime;

use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Number, Value};
use tokio::sync::watch;

use crate::log::unix_millis;
use crate::log_file::LogFile;
use crate::mask::{MASK, is_secret, masked};

/// Messages that are kept. With [`MAX_BODY_LEN`] bytes each they take 8 MB.
pub const MAX_KEPT: usize = 2000;
/// Bytes of a body that are kept.
const MAX_BODY_LEN: usize = 4096;
/// Bytes of one text within a body that are kept; for a data URI only its kind and size.
const MAX_TEXT_LEN: usize = 1024;
/// Bytes from which a data URI is shortened.
const MAX_DATA_LEN: usize = 128;
/// Bytes from which a body is only measured: parsing it a second time would cost too much.
const MAX_PARSED_LEN: usize = 1 << 20;

/// The direction of a message, as the package sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Direction {
    /// From the package or its page to the deck.
    In,
    /// From the deck to the package or its page.
    Out,
}

/// A recorded message.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Message {
    /// Its position among all messages, from 1.
    pub number: u64,
    /// Milliseconds since 1970.
    pub time: u64,
    /// The package that sent or received it.
    pub package: String,
    /// Whether one of the package's pages sent or received it, not the package itself.
    pub page: bool,
    /// Its direction.
    pub direction: Direction,
    /// Its event; empty if it couldn't be parsed.
    pub event: String,
    /// The context of the instance that it concerns, if any.
    pub context: Option<String>,
    /// Bytes on the wire.
    pub size: usize,
    /// As JSON, with secrets masked, and long texts and pictures shortened.
    pub body: String,
}

#[derive(Debug, Default)]
struct Kept {
    messages: VecDeque<Arc<Message>>,
    last: u64,
}

/// The recorded messages. Clones share them.
#[derive(Clone, Debug)]
pub struct Traffic {
    kept: Arc<Mutex<Kept>>,
    news: watch::Sender<u64>,
    file: LogFile,
    now: fn() -> SystemTime,
}

impl Traffic {
    /// Creates an empty record, which also writes to `file`.
    #[must_use]
    pub fn new(file: LogFile) -> Self {
        Self { kept: Arc::default(), news: watch::channel(0).0, file, now: SystemTime::now }
    }

    /// Records a message of a package or of one of its pages.
    pub fn record(&self, package: &str, page: bool, direction: Direction, text: &str) {
        let read = if text.len() <= MAX_PARSED_LEN { tidied(text) } else { None };
        let (event, context, body) = match read {
            Some(value) => {
                let word = |name: &str| value.get(name).and_then(Value::as_str).map(str::to_owned);
                (word("event").unwrap_or_default(), word("context"), value.to_string())
            }
            None if text.len() > MAX_PARSED_LEN => (String::new(), None, "(too large to be shown)".to_owned()),
            None => (String::new(), None, "(not readable as JSON)".to_owned()),
        };
        let time = unix_millis((self.now)());
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.last += 1;
        let number = kept.last;
        let message = Arc::new(Message {
            number,
            time,
            package: package.to_owned(),
            page,
            direction,
            event: truncated(event, MAX_DATA_LEN),
            context: context.map(|context| truncated(context, MAX_DATA_LEN)),
            size: text.len(),
            body: truncated(body, MAX_BODY_LEN),
        });
        if kept.messages.len() == MAX_KEPT {
            kept.messages.pop_front();
        }
        kept.messages.push_back(message.clone());
        // Within the lock, so that the file has the same order.
        self.file.write(&*message);
        self.news.send_replace(number);
    }

    /// Returns the number of the newest message; 0 if there is none.
    #[must_use]
    pub fn last(&self) -> u64 {
        *self.news.borrow()
    }

    /// Returns the kept messages with a higher number, oldest first.
    #[must_use]
    pub fn after(&self, number: u64) -> Vec<Arc<Message>> {
        let kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        let skipped = kept.messages.partition_point(|message| message.number <= number);
        kept.messages.range(skipped..).cloned().collect()
    }

    /// Waits until there is a message with a higher number.
    pub async fn wait(&self, number: u64) {
        // An error would mean that the sender is gone, but `self` holds it.
        let _ = self.news.subscribe().wait_for(|last| *last > number).await;
    }
}

/// Parses a text as JSON, with secrets masked and long texts shortened at all levels. Returns none if it isn't JSON.
fn tidied(text: &str) -> Option<Value> {
    let mut reader = serde_json::Deserializer::from_str(text);
    let left = Cell::new(MAX_BODY_LEN);
    let value = Tidy { secret: false, outermost: true, left: &left }.deserialize(&mut reader).ok()?;
    reader.end().ok()?;
    Some(value)
}

/// Parses a value and shortens it on the way: of a picture of 100 KB only a size is kept, and of a million numbers only
/// as many as are shown.
#[derive(Clone, Copy, Debug)]
struct Tidy<'a> {
    /// Whether the value's name is that of a secret.
    secret: bool,
    /// Whether it is the message itself, whose members are always read.
    outermost: bool,
    /// Values that may still be kept.
    left: &'a Cell<usize>,
}

impl<'a> Tidy<'a> {
    fn unless_secret(self, value: impl Into<Value>) -> Value {
        if self.secret { MASK.into() } else { value.into() }
    }

    /// Whether to keep another value.
    fn takes_one(self) -> bool {
        let left = self.left.get();
        self.left.set(left.saturating_sub(1));
        self.outermost || left > 0 && !self.secret
    }

    fn within(self, secret: bool) -> Tidy<'a> {
        Tidy { secret, outermost: false, left: self.left }
    }
}

impl<'de> DeserializeSeed<'de> for Tidy<'_> {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Tidy<'_> {
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
        Ok(self.unless_secret(value))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(self.unless_secret(value))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Value, E> {
        Ok(self.unless_secret(Number::from_f64(value).map_or(Value::Null, Value::Number)))
    }

    fn visit_str<E>(self, text: &str) -> Result<Value, E> {
        Ok(if self.secret { MASK.into() } else { tidy_text(text).into() })
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut values: A) -> Result<Value, A::Error> {
        let mut tidied = Vec::new();
        while self.takes_one() {
            match values.next_element_seed(self.within(false))? {
                Some(value) => tidied.push(value),
                None => return Ok(self.unless_secret(tidied)),
            }
        }
        while values.next_element::<IgnoredAny>()?.is_some() {}
        Ok(self.unless_secret(tidied))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Value, A::Error> {
        let mut tidied = Map::new();
        while self.takes_one() {
            let Some(name) = members.next_key::<String>()? else { return Ok(self.unless_secret(tidied)) };
            let value = members.next_value_seed(self.within(is_secret(&name)))?;
            tidied.insert(truncated(name, MAX_DATA_LEN), value);
        }
        while members.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(self.unless_secret(tidied))
    }
}

fn tidy_text(text: &str) -> String {
    if text.get(..5).is_some_and(|start| start.eq_ignore_ascii_case("data:")) && text.len() > MAX_DATA_LEN {
        let kind = text.split([',', ';']).next().unwrap_or_default();
        let is_kind = |byte: u8| byte.is_ascii_alphanumeric() || b":/+.-".contains(&byte);
        // Otherwise it isn't a data URI, in spite of its start.
        if kind.len() <= MAX_DATA_LEN && kind.bytes().all(is_kind) {
            return format!("{kind}… ({} bytes)", text.len());
        }
    }
    masked_start(text, MAX_TEXT_LEN)
}

/// Returns the start of a text with its secrets masked, without examining more of it than is shown.
pub fn masked_start(text: &str, longest: usize) -> String {
    let start = masked(&text[..text.floor_char_boundary(longest)]);
    let is_all = text.len() <= longest;
    let mut start = truncated(start, longest);
    if !is_all && !start.ends_with('…') {
        start.push('…');
    }
    start
}

fn truncated(mut text: String, longest: usize) -> String {
    if text.len() > longest {
        text.truncate(text.floor_char_boundary(longest));
        text.push('…');
    }
    text
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn traffic() -> Traffic {
        Traffic::new(LogFile::none())
    }

    fn recorded(value: &Value) -> Message {
        let traffic = traffic();
        traffic.record("com.x", true, Direction::In, &value.to_string());
        (*traffic.after(0)[0]).clone()
    }

    #[test]
    fn secrets_in_messages_are_masked() {
        let message = recorded(&json!({
            "event": "sendToPackage", "context": "c",
            "payload": {
                "clientSecret": "S1", "refresh_token": "S2", "Password": ["S3"], "code": "S4", "hasSecret": true,
                "tokens": 123_454_321, "noToken": null, "numbers": [1, -2, 2.5],
                "list": [{"accessToken": {"a": "S5"}}],
                "url": "http://127.0.0.1/callback?code=S6&state=ok#access_token=S7",
                "inner": "{\"token\":\"S8\",\"keep\":1}",
                "log": "Authorization: Bearer S9 was sent",
                "clientId": "kept",
            },
        }));
        assert!(
            !message.body.contains('S') || !(1..=9).any(|n| message.body.contains(&format!("S{n}"))),
            "{}",
            message.body
        );
        assert!(!message.body.contains("123454321"), "{}", message.body);
        for part in ["\"noToken\":null", "[1,-2,2.5]", "\"kept\"", "state=ok", "was sent", "\"hasSecret\":true", "keep"]
        {
            assert!(message.body.contains(part), "{part}: {}", message.body);
        }
        assert_eq!((message.event.as_str(), message.context.as_deref()), ("sendToPackage", Some("c")));
    }

    #[test]
    fn pictures_and_long_texts_are_shortened() {
        let image = format!("data:image/png;base64,{}", "A".repeat(50_000));
        let message = recorded(&json!({"event": "changeImage", "payload": {"image": image, "long": "é".repeat(9000)}}));
        assert!(message.body.contains("data:image/png… (50022 bytes)"), "{}", message.body);
        assert!(message.body.len() <= MAX_BODY_LEN + 4 && message.size > 60_000);
    }

    #[test]
    fn text_that_starts_like_a_data_uri_is_masked() {
        for text in [format!("data:{}?code=S6", "A".repeat(200)), format!("data:{}?code=S6", "A".repeat(100))] {
            let message = recorded(&json!({"event": "openUrl", "payload": {"url": text}}));
            assert!(!message.body.contains("S6"), "{}", message.body);
        }
    }

    #[test]
    fn first_values_of_a_large_message_are_kept() {
        let many =
            json!({"payload": vec![1; 100_000], "more": {"a": {"b": [1]}}, "event": "sendToPackage", "context": "c"});
        let message = recorded(&many);
        assert!(message.body.len() <= MAX_BODY_LEN + 4);
        assert_eq!((message.event.as_str(), message.context.as_deref()), ("sendToPackage", Some("c")));
        let deep = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
        let traffic = traffic();
        traffic.record("com.x", false, Direction::In, &deep);
        assert_eq!(traffic.after(0)[0].body, "(not readable as JSON)");
    }

    #[test]
    fn kept_messages_are_bounded_and_ordered() {
        let traffic = traffic();
        for _ in 0..MAX_KEPT + 5 {
            traffic.record("com.x", false, Direction::Out, "{}");
        }
        let all = traffic.after(0);
        assert_eq!((all.len(), all[0].number, traffic.last()), (MAX_KEPT, 6, MAX_KEPT as u64 + 5));
        assert_eq!(traffic.after(MAX_KEPT as u64 + 3).len(), 2);
        assert!(traffic.after(u64::MAX).is_empty());
    }

    #[test]
    fn unparsable_messages_are_kept_as_their_size() {
        let traffic = traffic();
        traffic.record("com.x", false, Direction::In, "token=abc");
        traffic.record("com.x", false, Direction::In, &"x".repeat(MAX_PARSED_LEN + 1));
        let all = traffic.after(0);
        assert!(!all[0].body.contains("abc"), "{}", all[0].body);
        assert_eq!(all[1].size, MAX_PARSED_LEN + 1);
    }
}
