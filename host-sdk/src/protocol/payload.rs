//! The parts of messages that have a form of their own.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

/// What a package stores with the host: for an instance, or for itself. Always a JSON object.
pub type Settings = Map<String, Value>;

/// Reads settings in both forms: the object itself (samples), or under `settings` (one document page; older hosts). `bare`:
/// it is the object itself, however it looks.
pub(crate) fn settings(payload: Value, bare: bool) -> Settings {
    match payload {
        Value::Object(mut object) if !bare && seem_to_be_within(&object) => match object.remove("settings") {
            Some(Value::Object(inner)) => inner,
            _ => object,
        },
        Value::Object(object) => object,
        _ => Settings::new(),
    }
}

/// Whether settings lie under `settings` of an object: only as the sole member, for a package's own settings may hold a
/// member of this name.
pub(crate) fn seem_to_be_within(object: &Settings) -> bool {
    object.len() == 1 && object.get("settings").is_some_and(Value::is_object)
}

/// A `state` member: zero-based, absent where the widget has one state. Packages in languages with one kind of number
/// send `1.0`, and pages send what a form field holds, a text.
pub(crate) fn state(payload: &Value) -> Option<u32> {
    whole(payload.get("state")?)
}

/// A whole number from zero, whatever holds it.
fn whole(value: &Value) -> Option<u32> {
    let number = number(value)?;
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "checked")]
    (number.fract() == 0.0 && (0.0..=f64::from(u32::MAX)).contains(&number)).then_some(number as u32)
}

/// A text member, empty when missing. A counter's title is a number in JavaScript, and meant as a text.
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
    /// Points, 6 to 18 in Creator Central. Written without a fraction where it has none: packages read an integer.
    #[serde(serialize_with = "whole_if_it_is")]
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

fn whole_if_it_is<S: serde::Serializer>(size: &f64, serializer: S) -> Result<S::Ok, S::Error> {
    #[expect(clippy::cast_possible_truncation, reason = "checked")]
    match size.fract() == 0.0 && size.abs() < 1e9 {
        true => serializer.serialize_i64(*size as i64),
        false => serializer.serialize_f64(*size),
    }
}

/// What `changeFontAttribute` changes about how an instance's title is drawn. The documents call every member required;
/// packages that leave some out, or send a number or a flag as a text, change what can be read and nothing else.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct FontChange {
    /// Family name as the system knows it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub family: Option<String>,
    /// Points, as the package said: not yet made to fit 6 to 18.
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "whole_if_there")]
    pub size: Option<f64>,
    /// `#rrggbb`, as the package said: not yet checked.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub color: Option<String>,
    /// `left`, `center` or `right`, in small letters, not yet checked.
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

#[expect(clippy::ref_option, reason = "serde hands it over like that")]
fn whole_if_there<S: serde::Serializer>(size: &Option<f64>, serializer: S) -> Result<S::Ok, S::Error> {
    whole_if_it_is(&size.unwrap_or_default(), serializer)
}

impl FontChange {
    pub(crate) fn read(payload: &Value) -> Self {
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

    /// A font with the change in it.
    #[must_use]
    pub fn onto(self, font: FontAttribute) -> FontAttribute {
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
    /// Reserved by the vendor's documents, which don't say what it shows: hosts show nothing for it.
    Inactive,
}

impl EffectKind {
    /// None for what isn't an effect.
    pub(crate) fn from_name(name: &str) -> Option<Self> {
        let all = [Self::Press, Self::Invalid, Self::Clear, Self::Inactive];
        all.into_iter().find(|kind| name.eq_ignore_ascii_case(kind.name()))
    }

    /// The name on the wire.
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

/// Which layout an instance got: the index in `payload.layout`, a number, and, an addition of ours, the grid span in
/// `payload.layoutSize`. Some hosts put an object with all of it into `payload.layout`; both are read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Layout {
    /// Index into the widget's `Layouts`, zero-based, when the host sends it.
    pub index: Option<usize>,
    /// Columns, 1 to 5, when the host sends it.
    pub width: Option<u8>,
    /// Rows, 1 to 4, when the host sends it.
    pub height: Option<u8>,
}

impl Layout {
    pub(crate) fn read(payload: &Value) -> Option<Self> {
        let member = |value: &Value, low: &str, high: &str| whole(value.get(low).or_else(|| value.get(high))?);
        let within = |number: Option<u32>, most: u8| {
            number.and_then(|n| u8::try_from(n).ok()).filter(|n| (1..=most).contains(n))
        };
        let (named, size) = (payload.get("layout"), payload.get("layoutSize"));
        let index = named.and_then(|layout| whole(layout).or_else(|| member(layout, "index", "Index")));
        let side =
            |low: &str, high: &str| [size, named].into_iter().flatten().find_map(|value| member(value, low, high));
        let layout = Self {
            index: index.and_then(|index| usize::try_from(index).ok()),
            width: within(side("width", "Width"), 5),
            height: within(side("height", "Height"), 4),
        };
        (layout != Self::default()).then_some(layout)
    }

    /// Writes it into a payload, which has to be an object.
    pub(crate) fn write(self, payload: &mut Value) {
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
    fn states_are_read_from_whatever_holds_a_whole_number() {
        for good in [json!(1), json!(1.0), json!("1"), json!("1.0"), json!(" 1")] {
            assert_eq!(state(&json!({"state": good})), Some(1), "{good}");
        }
        for bad in [json!(-1), json!(0.5), json!("x"), json!(null), json!([1]), json!(1e300), json!("NaN")] {
            assert_eq!(state(&json!({"state": bad})), None, "{bad}");
        }
        assert_eq!(state(&Value::Null), None);
    }

    #[test]
    fn a_font_changes_in_what_can_be_read() {
        let font = FontAttribute { size: 9.0, italic: true, ..FontAttribute::default() };
        let change =
            json!({"size": "18", "bold": "true", "underline": 1, "hAlignment": "Left", "color": 7, "italic": {}});
        let changed = FontChange::read(&change).onto(font.clone());
        let expected =
            FontAttribute { size: 18.0, bold: true, under_line: true, h_alignment: "left".into(), ..font.clone() };
        assert_eq!(changed, expected);
        for nothing in [json!(null), json!({}), json!([]), json!("bold"), json!({"family": " "})] {
            assert_eq!(FontChange::read(&nothing).onto(font.clone()), font, "{nothing}");
        }
        assert_eq!(FontChange::from(font.clone()).onto(FontAttribute::default()), font);
    }

    #[test]
    fn sizes_are_written_as_packages_read_them() {
        let size = |size| json!(FontAttribute { size, ..FontAttribute::default() })["size"].to_string();
        assert_eq!([size(12.0), size(7.5)], ["12", "7.5"]);
        assert_eq!(json!(FontChange { size: Some(12.0), ..FontChange::default() }).to_string(), r#"{"size":12}"#);
    }
}
