//! The user's preferences of the deck itself: whether the page edits or uses the Panel, its appearance, the language of
//! packages. Kept as written, so that those of a newer version survive.

use std::collections::BTreeSet;
use std::ops::RangeInclusive;

use host_sdk::language::LANGUAGES;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// Packages whose group in the Widget List is remembered as closed, and profiles without a starter Panel.
const MAX_IDS: usize = 256;
/// Bytes of a package's UUID, or of a profile's id, in these lists.
const MAX_ID_LEN: usize = 256;
/// The share of the page's height that a key's properties may take, in percent.
const PROPERTIES: RangeInclusive<u8> = 15..=80;

/// What clicks on the Panel do.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Mode {
    /// Select keys, to place, move and set them.
    #[default]
    Edit,
    /// Press them.
    Use,
}

/// The page's colours.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Appearance {
    /// The system's.
    #[default]
    System,
    /// Dark.
    Dark,
    /// Light.
    Light,
}

/// Preferences by name. A missing or unreadable one has its default.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Preferences(Map<String, Value>);

/// The choices as the page sees them.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Choices {
    /// What clicks on the Panel do in a newly opened page.
    pub mode: Mode,
    /// The page's colours.
    pub appearance: Appearance,
    /// The language of packages; none if not chosen.
    pub language: Option<String>,
    /// The share of the page's height that a key's properties take, in percent; none if not chosen.
    pub properties: Option<u8>,
    /// Packages whose group in the Widget List is closed, by UUID.
    pub closed_groups: BTreeSet<String>,
    /// Profiles in which no starter Panel is offered, by id.
    pub without_starter: BTreeSet<String>,
}

/// Why a preference isn't accepted.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PreferenceError {
    /// There is none of this name.
    #[error("There is no preference {0:?}.")]
    Unknown(String),
    /// It can't have this value.
    #[error("The preference {0:?} can't have this value.")]
    Value(String),
}

impl Preferences {
    /// Returns the preferences as the page sees them.
    #[must_use]
    pub fn choices(&self) -> Choices {
        Choices {
            mode: self.get("mode").unwrap_or_default(),
            appearance: self.get("appearance").unwrap_or_default(),
            language: self.language(),
            properties: self.get("properties").filter(|percent| PROPERTIES.contains(percent)),
            closed_groups: self.get("closedGroups").unwrap_or_default(),
            without_starter: self.get("withoutStarter").unwrap_or_default(),
        }
    }

    /// Returns the language of packages, if chosen.
    #[must_use]
    pub fn language(&self) -> Option<String> {
        self.get("language").filter(|language: &String| LANGUAGES.contains(&language.as_str()))
    }

    fn get<T: DeserializeOwned>(&self, name: &str) -> Option<T> {
        T::deserialize(self.0.get(name)?).ok()
    }

    /// Applies changes; null resets a preference. Changes nothing if one of them is invalid. Returns whether anything
    /// changed.
    ///
    /// # Errors
    /// The first invalid one.
    pub fn change(&mut self, change: Map<String, Value>) -> Result<bool, PreferenceError> {
        let mut after = self.clone();
        for (name, value) in change {
            if value.is_null() {
                after.0.remove(&name);
                continue;
            }
            let is_possible = match name.as_str() {
                "mode" => Mode::deserialize(&value).is_ok(),
                "appearance" => Appearance::deserialize(&value).is_ok(),
                "language" => value.as_str().is_some_and(|language| LANGUAGES.contains(&language)),
                "properties" => u8::deserialize(&value).is_ok_and(|percent| PROPERTIES.contains(&percent)),
                "closedGroups" | "withoutStarter" => BTreeSet::<String>::deserialize(&value)
                    .is_ok_and(|ids| ids.len() <= MAX_IDS && ids.iter().all(|id| id.len() <= MAX_ID_LEN)),
                _ => return Err(PreferenceError::Unknown(name)),
            };
            if !is_possible {
                return Err(PreferenceError::Value(name));
            }
            after.0.insert(name, value);
        }
        let is_new = after != *self;
        *self = after;
        Ok(is_new)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn change(preferences: &mut Preferences, change: &Value) -> Result<bool, PreferenceError> {
        preferences.change(change.as_object().unwrap().clone())
    }

    #[test]
    fn preferences_are_set_and_reset() {
        let mut preferences = Preferences::default();
        assert_eq!(change(&mut preferences, &json!({"mode": "use", "properties": 40, "language": "de"})), Ok(true));
        assert_eq!(change(&mut preferences, &json!({"mode": "use"})), Ok(false));
        let choices = preferences.choices();
        assert_eq!((choices.mode, choices.properties, choices.appearance), (Mode::Use, Some(40), Appearance::System));
        assert_eq!(preferences.language().as_deref(), Some("de"));
        assert_eq!(change(&mut preferences, &json!({"mode": null, "language": null})), Ok(true));
        assert_eq!((preferences.choices().mode, preferences.language()), (Mode::Edit, None));
    }

    #[test]
    fn invalid_preferences_change_nothing() {
        let mut preferences = Preferences::default();
        for bad in [
            json!({"mode": "use", "appearance": "pink"}),
            json!({"properties": 99}),
            json!({"language": "tlh"}),
            json!({"closedGroups": vec!["x".repeat(MAX_ID_LEN + 1)]}),
            json!({"closedGroups": (0..=MAX_IDS).map(|n| n.to_string()).collect::<Vec<_>>()}),
            json!({"something": 1}),
        ] {
            assert!(change(&mut preferences, &bad).is_err(), "{bad}");
        }
        assert_eq!(preferences, Preferences::default());
    }

    #[test]
    fn preferences_of_a_newer_version_are_kept() {
        let newer = json!({"mode": "watch", "sound": {"on": true}});
        let mut preferences: Preferences = serde_json::from_value(newer).unwrap();
        assert_eq!(preferences.choices(), Choices::default());
        change(&mut preferences, &json!({"appearance": "light"})).unwrap();
        let kept = json!({"mode": "watch", "sound": {"on": true}, "appearance": "light"});
        assert_eq!(serde_json::to_value(&preferences).unwrap(), kept);
    }
}
