//! What an instance can be set to, as the property view stores it: read once, when the host sends it.
//!
//! Settings come from any version of the property view, from scripts, and by hand. A member that isn't what it should be
//! counts as not set; nothing in them makes an instance fail.

use host_sdk::package::Settings;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer};
use serde_json::Value;

use crate::player::{ChosenDevice, Found, Subscription};
use crate::spotify::{Device, Uri, UriKind};

use super::shortcut::Shortcut;

/// Bytes of a text that count: more than a sensible template, name or address has.
const LONGEST_TEXT: usize = 4096;
/// The longest id of a device, in characters. Spotify's have 40.
const MAX_DEVICE_ID: usize = 256;
/// The member that holds an instance's device.
const DEVICE: &str = "device";

/// An instance's settings with their texts truncated to a length that is read quickly.
#[must_use]
pub fn bounded(mut settings: Settings) -> Settings {
    settings.values_mut().for_each(truncate);
    settings
}

fn truncate(value: &mut Value) {
    match value {
        Value::String(text) => text.truncate(text.floor_char_boundary(LONGEST_TEXT)),
        Value::Array(values) => values.iter_mut().for_each(truncate),
        Value::Object(members) => members.values_mut().for_each(truncate),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

/// Reads settings. What isn't set, or can't be read, has its default.
pub(super) fn read<T: DeserializeOwned + Default>(settings: &Settings) -> T {
    T::deserialize(settings).unwrap_or_default()
}

/// For a member: its default where it can't be read.
pub(super) fn lenient<'de, T: DeserializeOwned + Default, D: Deserializer<'de>>(from: D) -> Result<T, D::Error> {
    Ok(T::deserialize(Value::deserialize(from)?).unwrap_or_default())
}

/// What every widget about playback can be set to.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Common {
    /// The device that presses are for; without one the active device is meant.
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
    /// Adds the devices to what is asked for, as a chosen device's volume comes with their list.
    pub fn subscribe_to_volume(&self, subscription: &mut Subscription) {
        subscription.devices |= self.device.is_some();
    }
}

fn chosen_device<'de, D: Deserializer<'de>>(from: D) -> Result<Option<ChosenDevice>, D::Error> {
    let device = Value::deserialize(from)?;
    let member = |name: &str| device.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
    let chosen = ChosenDevice { id: member("id").into(), name: member("name"), kind: member("type") };
    // Spotify's have letters, digits and a few signs; nothing else is sent there as the name of a device.
    let is_valid = |character: char| character.is_ascii_alphanumeric() || "-_.:".contains(character);
    let is_id = |id: &str| (1..=MAX_DEVICE_ID).contains(&id.len()) && id.chars().all(is_valid);
    Ok(Some(chosen).filter(|chosen| is_id(chosen.id.as_str())))
}

/// The settings of an instance with the id that its device has now, if that is another one.
#[must_use]
pub fn with_renewed_device(settings: &Settings, devices: &[Device]) -> Option<Settings> {
    let chosen = read::<Common>(settings).device?;
    let Found::ByName(Device { id: Some(id), .. }) = chosen.find_in(devices) else { return None };
    let mut settings = settings.clone();
    settings.get_mut(DEVICE)?.as_object_mut()?.insert("id".to_owned(), Value::from(id.as_str()));
    Some(settings)
}

/// Something of Spotify's that the user has chosen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Chosen {
    /// What it is.
    pub uri: Uri,
    /// Its name when it was chosen; empty if that is unknown.
    pub name: String,
    /// The address of its picture.
    pub image: Option<String>,
}

impl Chosen {
    /// Reads what was chosen, if it is of one of these kinds. None for nothing, or for what can't be understood: the widget
    /// then does what it does by default.
    pub fn read<'de, D: Deserializer<'de>>(from: D, kinds: &[UriKind]) -> Result<Option<Self>, D::Error> {
        let chosen = Value::deserialize(from)?;
        let member = |name: &str| chosen.get(name).and_then(Value::as_str);
        let uri = member("uri").and_then(Uri::parse).filter(|uri| kinds.contains(&uri.kind()));
        let name = member("name").unwrap_or_default().to_owned();
        Ok(uri.map(|uri| Self { uri, name, image: member("image").map(str::to_owned) }))
    }

    /// Its name, if it has one.
    pub fn name(&self) -> Option<&str> {
        Some(self.name.as_str()).filter(|name| !name.is_empty())
    }
}

/// A whole number from `MIN` to `MAX`, `USUAL` if it isn't set. Numbers beyond count as the nearest, and texts of digits as
/// their number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Whole<const MIN: i64, const MAX: i64, const USUAL: i64>(pub i64);

impl<const MIN: i64, const MAX: i64, const USUAL: i64> Default for Whole<MIN, MAX, USUAL> {
    fn default() -> Self {
        Self(USUAL)
    }
}

impl<'de, const MIN: i64, const MAX: i64, const USUAL: i64> Deserialize<'de> for Whole<MIN, MAX, USUAL> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let value = Value::deserialize(from)?;
        let number = value.as_i64().or_else(|| value.as_str()?.trim().parse().ok());
        Ok(number.map_or_else(Self::default, |number| Self(number.clamp(MIN, MAX))))
    }
}
