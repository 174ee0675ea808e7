//! The types of payload members.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

/// The settings that a host stores for an instance or for the package: a JSON object.
pub type Settings = Map<String, Value>;

/// Returns the settings of a payload, which is either the settings themselves (samples), or an object with them under
/// `settings` (one page of the documents, and older hosts). `is_bare` excludes the second.
pub(crate) fn settings(payload: Value, is_bare: bool) -> Settings {
    match payload {
        Value::Object(mut object) if !is_bare && looks_wrapped(&object) => match object.remove("settings") {
            Some(Value::Object(inner)) => inner,
            _ => object,
        },
        Value::Object(object) => object,
        _ => Settings::new(),
    }
}

/// Returns whether an object wraps settings under `settings`. That has to be its only member, because the settings of a
/// package may have a member of this name.
pub(crate) fn looks_wrapped(object: &Settings) -> bool {
    object.len() == 1 && object.get("settings").is_some_and(Value::is_object)
}

/// Returns the zero-based `state`, which is missing where the widget has one state. Packages in languages with one numeric
/// type send `1.0`, and pages send the value of a form field, a string.
pub(crate) fn state(payload: &Value) -> Option<u32> {
    non_negative_integer(payload.get("state")?)
}

/// Returns a non-negative integer that is written as a number or as a string.
fn non_negative_integer(value: &Value) -> Option<u32> {
    let number = number(value)?;
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "checked")]
    (number.fract() == 0.0 && (0.0..=f64::from(u32::MAX)).contains(&number)).then_some(number as u32)
}

/// Returns a string member, empty if it is missing. JavaScript packages send a counter's title as a number.
pub(crate) fn text(payload: &Value, member: &str) -> String {
    match payload.get(member) {
        Some(Value::String(text)) => text.clone(),
        Some(plain @ (Value::Number(_) | Value::Bool(_))) => plain.to_string(),
        _ => String::new(),
    }
}

fn number(value: &Value) -> Option<f64> {
    value.as_f64().or_else(|| value.as_str()?.trim().parse().ok()).filter(|number| number.is_finite())
}

fn flag(value: &Value) -> Option<bool> {
    match value {
        Value::Bool(flag) => Some(*flag),
        Value::String(text) => text.to_ascii_lowercase().parse().ok(),
        other => other.as_u64().map(|number| number != 0),
    }
}

/// Returns one string for each state, from an array of strings or of objects that have it under `member`.
pub(crate) fn texts(payload: &Value, member: &str) -> Vec<String> {
    payload.as_array().map_or_else(Vec::new, |entries| {
        entries.iter().map(|entry| entry.as_str().map_or_else(|| text(entry, member), str::to_owned)).collect()
    })
}

/// The font in which the host draws an instance's title.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct FontAttribute {
    /// Family name as the system knows it.
    pub family: String,
    /// Points, 6 to 18 in Creator Central. An integral size is serialized as an integer, because packages parse one.
    #[serde(serialize_with = "serialize_size")]
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

fn serialize_size<S: serde::Serializer>(size: &f64, serializer: S) -> Result<S::Ok, S::Error> {
    #[expect(clippy::cast_possible_truncation, reason = "checked")]
    match size.fract() == 0.0 && size.abs() < 1e9 {
        true => serializer.serialize_i64(*size as i64),
        false => serializer.serialize_f64(*size),
    }
}

/// The change that `changeFontAttribute` makes to the font of an instance's title.
///
/// The documents call every member required. Packages leave some out, or send a number or a flag as a string: members that
/// can be parsed are changed, the others are left as they were.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct FontChange {
    /// Family name as the system knows it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub family: Option<String>,
    /// Points, as the package sent them: not clamped to 6 to 18.
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "serialize_optional_size")]
    pub size: Option<f64>,
    /// `#rrggbb`, as the package sent it: not validated.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub color: Option<String>,
    /// `left`, `center` or `right`, in lower case, not validated.
    #[serde(rename = "hAlignment", skip_serializing_if = "Option::is_none")]
    pub h_alignment: Option<String>,
    /// Bold style.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bold: Option<bool>,
    /// Italic style.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub italic: Option<bool>,
    /// Underlined.
    #[serde(rename = "underLine", skip_serializing_if = "Option::is_none")]
    pub under_line: Option<bool>,
}

#[expect(clippy::ref_option, reason = "the signature that serde calls")]
fn serialize_optional_size<S: serde::Serializer>(size: &Option<f64>, serializer: S) -> Result<S::Ok, S::Error> {
    serialize_size(&size.unwrap_or_default(), serializer)
}

impl FontChange {
    pub(crate) fn from_payload(payload: &Value) -> Self {
        let text = |member: &str| payload.get(member)?.as_str().map(str::to_owned);
        let flag = |member: &str| flag(payload.get(member)?);
        Self {
            family: text("family").filter(|family| !family.trim().is_empty()),
            size: payload.get("size").and_then(number),
            color: text("color"),
            h_alignment: text("hAlignment").map(|alignment| alignment.to_ascii_lowercase()),
            bold: flag("bold"),
            italic: flag("italic"),
            under_line: flag("underLine").or_else(|| flag("underline")),
        }
    }

    /// Returns the font with this change applied.
    #[must_use]
    pub fn apply_to(self, font: FontAttribute) -> FontAttribute {
        FontAttribute {
            family: self.family.unwrap_or(font.family),
            size: self.size.unwrap_or(font.size),
            color: self.color.unwrap_or(font.color),
            h_alignment: self.h_alignment.unwrap_or(font.h_alignment),
            bold: self.bold.unwrap_or(font.bold),
            italic: self.italic.unwrap_or(font.italic),
            under_line: self.under_line.unwrap_or(font.under_line),
        }
    }
}

impl From<FontAttribute> for FontChange {
    fn from(font: FontAttribute) -> Self {
        let FontAttribute { family, size, color, h_alignment, bold, italic, under_line } = font;
        Self {
            family: Some(family),
            size: Some(size),
            color: Some(color),
            h_alignment: Some(h_alignment),
            bold: Some(bold),
            italic: Some(italic),
            under_line: Some(under_line),
        }
    }
}

/// The effect that `changeActionEffect` shows over an instance.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ActionEffect {
    /// The kind of effect.
    pub kind: EffectKind,
    /// A data URI of an image that replaces the host's own.
    pub image: Option<String>,
}

/// The kinds of [`ActionEffect`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum EffectKind {
    /// The key is shrunk, like a pressed one.
    Press,
    /// The key is dimmed and has a red mark.
    Invalid,
    /// Removes the effect.
    #[default]
    Clear,
    /// Reserved by the vendor's documents, which don't say what it looks like. Hosts show nothing for it.
    Inactive,
}

impl EffectKind {
    /// Returns the kind with this name, ignoring case.
    pub(crate) fn from_name(name: &str) -> Option<Self> {
        let all = [Self::Press, Self::Invalid, Self::Clear, Self::Inactive];
        all.into_iter().find(|kind| name.eq_ignore_ascii_case(kind.name()))
    }

    /// Returns its name in messages.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Press => "press",
            Self::Invalid => "invalid",
            Self::Clear => "clear",
            Self::Inactive => "inactive",
        }
    }
}

/// The layout of an instance: the index is the number in `payload.layout`; the span on the grid is in `payload.layoutSize`,
/// our addition. Some hosts send an object with all of it as `payload.layout`. Both forms are accepted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Layout {
    /// Zero-based index into the widget's `Layouts`, if the host sends it.
    pub index: Option<usize>,
    /// Columns, 1 to 5, if the host sends them.
    pub width: Option<u8>,
    /// Rows, 1 to 4, if the host sends them.
    pub height: Option<u8>,
}

impl Layout {
    pub(crate) fn from_payload(payload: &Value) -> Option<Self> {
        let member = |value: &Value, lower: &str, upper: &str| {
            non_negative_integer(value.get(lower).or_else(|| value.get(upper))?)
        };
        let within =
            |number: Option<u32>, max: u8| number.and_then(|n| u8::try_from(n).ok()).filter(|n| (1..=max).contains(n));
        let (layout, size) = (payload.get("layout"), payload.get("layoutSize"));
        let index = layout.and_then(|layout| non_negative_integer(layout).or_else(|| member(layout, "index", "Index")));
        let span = |lower: &str, upper: &str| {
            [size, layout].into_iter().flatten().find_map(|value| member(value, lower, upper))
        };
        let layout = Self {
            index: index.and_then(|index| usize::try_from(index).ok()),
            width: within(span("width", "Width"), 5),
            height: within(span("height", "Height"), 4),
        };
        (layout != Self::default()).then_some(layout)
    }

    /// Adds it to a payload, which has to be an object.
    pub(crate) fn write_to(self, payload: &mut Value) {
        if let Some(index) = self.index {
            payload["layout"] = index.into();
        }
        if let (Some(width), Some(height)) = (self.width, self.height) {
            payload["layoutSize"] = json!({"width": width, "height": height});
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn state_is_parsed_from_numbers_and_strings() {
        for good in [json!(1), json!(1.0), json!("1"), json!("1.0"), json!(" 1")] {
            assert_eq!(state(&json!({"state": good})), Some(1), "{good}");
        }
        for bad in [json!(-1), json!(0.5), json!("x"), json!(null), json!([1]), json!(1e300), json!("NaN")] {
            assert_eq!(state(&json!({"state": bad})), None, "{bad}");
        }
        assert_eq!(state(&Value::Null), None);
    }

    #[test]
    fn font_change_applies_members_that_can_be_parsed() {
        let font = FontAttribute { size: 9.0, italic: true, ..FontAttribute::default() };
        let change =
            json!({"size": "18", "bold": "true", "underline": 1, "hAlignment": "Left", "color": 7, "italic": {}});
        let changed = FontChange::from_payload(&change).apply_to(font.clone());
        let expected =
            FontAttribute { size: 18.0, bold: true, under_line: true, h_alignment: "left".into(), ..font.clone() };
        assert_eq!(changed, expected);
        for nothing in [json!(null), json!({}), json!([]), json!("bold"), json!({"family": " "})] {
            assert_eq!(FontChange::from_payload(&nothing).apply_to(font.clone()), font, "{nothing}");
        }
        assert_eq!(FontChange::from(font.clone()).apply_to(FontAttribute::default()), font);
    }

    #[test]
    fn integral_font_size_is_serialized_as_integer() {
        let size = |size| json!(FontAttribute { size, ..FontAttribute::default() })["size"].to_string();
        assert_eq!([size(12.0), size(7.5)], ["12", "7.5"]);
        assert_eq!(json!(FontChange { size: Some(12.0), ..FontChange::default() }).to_string(), r#"{"size":12}"#);
    }
}
