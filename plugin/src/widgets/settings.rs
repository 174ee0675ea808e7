//! The settings of an instance as the property view stores them, read once when the host sends them.
//!
//! Settings may come from any version of the property view, from scripts or from manual edits. A malformed member counts as
//! not set; no settings make an instance fail.

use host_sdk::package::Settings;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer};
use serde_json::Value;

use crate::player::{ChosenDevice, Found, Subscription};
use crate::spotify::{Device, Uri, UriKind};

use super::shortcut::Shortcut;

/// Longest text, in bytes: more than a sensible template, name or URL has.
const MAX_TEXT_BYTES: usize = 4096;
/// Longest device id, in characters. Spotify's have 40.
const MAX_DEVICE_ID: usize = 256;
/// The member with the instance's device.
const DEVICE: &str = "device";

/// Truncates all texts in an instance's settings, so that reading them takes a bounded time.
#[must_use]
pub fn bounded(mut settings: Settings) -> Settings {
    settings.values_mut().for_each(truncate);
    settings
}

fn truncate(value: &mut Value) {
    match value {
        Value::String(text) => text.truncate(text.floor_char_boundary(MAX_TEXT_BYTES)),
        Value::Array(values) => values.iter_mut().for_each(truncate),
        Value::Object(members) => members.values_mut().for_each(truncate),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

/// Deserializes settings. Missing and malformed members have their defaults.
pub(super) fn read<T: DeserializeOwned + Default>(settings: &Settings) -> T {
    T::deserialize(settings).unwrap_or_default()
}

/// Deserializes a member, or returns its default if it is malformed.
pub(super) fn lenient<'de, T: DeserializeOwned + Default, D: Deserializer<'de>>(from: D) -> Result<T, D::Error> {
    Ok(T::deserialize(Value::deserialize(from)?).unwrap_or_default())
}

/// The settings common to all widgets that control playback.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Common {
    /// The device that presses control; `None` stands for the active device.
    #[serde(deserialize_with = "chosen_device")]
    pub device: Option<ChosenDevice>,
    /// What a long press does.
    #[serde(deserialize_with = "lenient")]
    pub long_press: Option<Shortcut>,
    /// What a double press does.
    #[serde(deserialize_with = "lenient")]
    pub double_press: Option<Shortcut>,
}

impl Common {
    /// Subscribes to the devices if one is chosen, because its volume comes with their list.
    pub fn subscribe_to_volume(&self, subscription: &mut Subscription) {
        subscription.devices |= self.device.is_some();
    }

    /// Returns the actions assigned to long and double presses.
    pub fn shortcuts(&self) -> impl Iterator<Item = Shortcut> {
        self.long_press.into_iter().chain(self.double_press)
    }
}

fn chosen_device<'de, D: Deserializer<'de>>(from: D) -> Result<Option<ChosenDevice>, D::Error> {
    let device = Value::deserialize(from)?;
    let member = |name: &str| device.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
    let chosen = ChosenDevice { id: member("id").into(), name: member("name"), kind: member("type") };
    // Spotify's ids consist of letters, digits and a few signs; anything else is not sent as a device id.
    let is_valid = |character: char| character.is_ascii_alphanumeric() || "-_.:".contains(character);
    let is_id = |id: &str| (1..=MAX_DEVICE_ID).contains(&id.len()) && id.chars().all(is_valid);
    Ok(Some(chosen).filter(|chosen| is_id(chosen.id.as_str())))
}

/// Returns an instance's settings with the current id of its device, if that has changed.
#[must_use]
pub fn with_renewed_device(settings: &Settings, devices: &[Device]) -> Option<Settings> {
    let chosen = read::<Common>(settings).device?;
    let Found::ByName(Device { id: Some(id), .. }) = chosen.find_in(devices) else { return None };
    let mut settings = settings.clone();
    settings.get_mut(DEVICE)?.as_object_mut()?.insert("id".to_owned(), Value::from(id.as_str()));
    Some(settings)
}

/// A Spotify item that the user has chosen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Chosen {
    /// Its URI.
    pub uri: Uri,
    /// Its name when it was chosen; empty if unknown.
    pub name: String,
    /// The address of its picture.
    pub image: Option<String>,
}

impl Chosen {
    /// Deserializes a chosen item of one of these kinds. `None` if it is missing, malformed or of another kind: the widget
    /// then behaves as if nothing were chosen.
    pub fn read<'de, D: Deserializer<'de>>(from: D, kinds: &[UriKind]) -> Result<Option<Self>, D::Error> {
        let chosen = Value::deserialize(from)?;
        let member = |name: &str| chosen.get(name).and_then(Value::as_str);
        let uri = member("uri").and_then(Uri::parse).filter(|uri| kinds.contains(&uri.kind()));
        let name = member("name").unwrap_or_default().to_owned();
        Ok(uri.map(|uri| Self { uri, name, image: member("image").map(str::to_owned) }))
    }

    /// Returns its name, if known.
    pub fn name(&self) -> Option<&str> {
        Some(self.name.as_str()).filter(|name| !name.is_empty())
    }
}

/// An integer from `MIN` to `MAX`, `DEFAULT` if it isn't set. Numbers out of range are clamped, and strings of digits count as
/// numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Whole<const MIN: i64, const MAX: i64, const DEFAULT: i64>(pub i64);

impl<const MIN: i64, const MAX: i64, const DEFAULT: i64> Default for Whole<MIN, MAX, DEFAULT> {
    fn default() -> Self {
        Self(DEFAULT)
    }
}

impl<'de, const MIN: i64, const MAX: i64, const DEFAULT: i64> Deserialize<'de> for Whole<MIN, MAX, DEFAULT> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let value = Value::deserialize(from)?;
        let number = value.as_i64().or_else(|| value.as_str()?.trim().parse().ok());
        Ok(number.map_or_else(Self::default, |number| Self(number.clamp(MIN, MAX))))
    }
}
