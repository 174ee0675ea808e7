//! The parts of messages that have a form of their own.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// What a package stores with the host: for an instance, or for itself. Always a JSON object.
pub type Settings = Map<String, Value>;

/// Reads settings in both forms: the object itself (samples), or under `settings` (one document page; older hosts).
pub(crate) fn settings(payload: Value) -> Settings {
    match payload {
        Value::Object(mut object) => match object.get("settings") {
            // Only as the sole member: a package's own settings may hold a member of this name.
            Some(Value::Object(_)) if object.len() == 1 => match object.remove("settings") {
                Some(Value::Object(inner)) => inner,
                _ => object,
            },
            _ => object,
        },
        _ => Settings::new(),
    }
}

/// A `state` member: zero-based, absent where the widget has one state.
pub(crate) fn state(payload: &Value) -> Option<u32> {
    let state = payload.get("state")?;
    let number = state.as_u64().or_else(|| state.as_str()?.parse().ok())?;
    u32::try_from(number).ok()
}

/// A string member, empty when missing.
pub(crate) fn text(payload: &Value, member: &str) -> String {
    payload.get(member).and_then(Value::as_str).unwrap_or_default().to_owned()
}

/// One text a state: an array of strings, or of objects that hold it under `member`.
pub(crate) fn texts(payload: &Value, member: &str) -> Vec<String> {
    payload.as_array().map_or_else(Vec::new, |entries| {
        entries.iter().map(|entry| entry.as_str().map_or_else(|| text(entry, member), str::to_owned)).collect()
    })
}

/// How the host draws an instance's title.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct FontAttribute {
    /// Family name as the system knows it.
    pub family: String,
    /// Points, 6 to 18 in Creator Central.
    pub size: f64,
    /// `#rrggbb`.
    pub color: String,
    /// `left`, `center` or `right`.
    #[serde(rename = "hAlignment")]
    pub h_alignment: String,
    /// Bold style.
    pub bold: bool,
    /// Italic style.
    pub italic: bool,
    /// Underlined.
    #[serde(rename = "underLine")]
    pub under_line: bool,
}

impl Default for FontAttribute {
    fn default() -> Self {
        Self {
            family: "Arial".to_owned(),
            size: 12.0,
            color: "#ffffff".to_owned(),
            h_alignment: "center".to_owned(),
            bold: false,
            italic: false,
            under_line: false,
        }
    }
}

/// What `changeActionEffect` shows over an instance.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ActionEffect {
    /// Which effect.
    pub kind: EffectKind,
    /// A data URI to show in its place, if any.
    pub image: Option<String>,
}

/// The action effects of Creator Central.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum EffectKind {
    /// Shrunk, as a pressed key.
    Press,
    /// Dimmed, with a red mark.
    Invalid,
    /// As before.
    #[default]
    Clear,
}

impl EffectKind {
    pub(crate) fn from_name(name: &str) -> Self {
        match name {
            "press" => Self::Press,
            "invalid" => Self::Invalid,
            _ => Self::Clear,
        }
    }

    /// The name on the wire.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Press => "press",
            Self::Invalid => "invalid",
            Self::Clear => "clear",
        }
    }
}

/// Which layout an instance got. The vendor's documents never say how a package learns this; a host may send it as
/// `payload.layout`, an index into the widget's `Layouts` or an object with the grid span.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Layout {
    /// Index into `Layouts`, when the host says it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub index: Option<usize>,
    /// Columns, 1 to 5, when the host says it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub width: Option<u8>,
    /// Rows, 1 to 4, when the host says it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub height: Option<u8>,
}

impl Layout {
    pub(crate) fn read(payload: &Value) -> Option<Self> {
        let number = |value: &Value, low: &str, high: &str| value.get(low).or_else(|| value.get(high))?.as_u64();
        let within = |number: Option<u64>, most: u8| {
            number.and_then(|n| u8::try_from(n).ok()).filter(|n| (1..=most).contains(n))
        };
        let layout = match payload.get("layout")? {
            Value::Number(index) => {
                Self { index: index.as_u64().and_then(|n| usize::try_from(n).ok()), ..Self::default() }
            }
            object @ Value::Object(_) => Self {
                index: number(object, "index", "Index").and_then(|n| usize::try_from(n).ok()),
                width: within(number(object, "width", "Width"), 5),
                height: within(number(object, "height", "Height"), 4),
            },
            _ => return None,
        };
        (layout != Self::default()).then_some(layout)
    }
}
