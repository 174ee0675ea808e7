//! What the user has chosen about the deck itself: whether the page edits the Panel or uses it, how it looks, what packages are
//! told as the language. Kept as it was written, so that a choice of a newer version outlives this one.

use std::collections::BTreeSet;
use std::ops::RangeInclusive;

use host_sdk::language::LANGUAGES;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// Packages whose group in the Widget List is remembered as closed, and profiles without a starter Panel.
const MOST_IDS: usize = 256;
/// Bytes of a package's UUID, or of a profile's id, there.
const LONGEST_ID: usize = 256;
/// How much of the page's height the properties of a key can take, in percent.
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
    /// As the system has them.
    #[default]
    System,
    /// Dark.
    Dark,
    /// Light.
    Light,
}

/// What was chosen, by name. A choice that isn't there, or that this version can't read, is the default.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Preferences(Map<String, Value>);

/// The choices as the page sees them.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Choices {
    /// What clicks on the Panel do in a page that is opened.
    pub mode: Mode,
    /// The page's colours.
    pub appearance: Appearance,
    /// The user's language for packages; none if none is chosen.
    pub language: Option<String>,
    /// How much of the page's height the properties of a key take, in percent; none if the user hasn't said.
    pub properties: Option<u8>,
    /// Packages whose group in the Widget List is closed, by UUID.
    pub closed_groups: BTreeSet<String>,
    /// Profiles in which no starter Panel is offered, by id.
    pub without_starter: BTreeSet<String>,
}

/// Why a choice isn't taken.
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
    /// The choices as the page sees them.
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

    /// What packages are told as the user's language, if the user has said.
    #[must_use]
    pub fn language(&self) -> Option<String> {
        self.get("language").filter(|language: &String| LANGUAGES.contains(&language.as_str()))
    }

    fn get<T: DeserializeOwned>(&self, name: &str) -> Option<T> {
        T::deserialize(self.0.get(name)?).ok()
    }

    /// Takes over the choices in `change`; null takes one back. Nothing is changed if one of them isn't possible. Returns
    /// whether anything is new.
    ///
    /// # Errors
    /// The first choice that isn't possible.
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
                    .is_ok_and(|ids| ids.len() <= MOST_IDS && ids.iter().all(|id| id.len() <= LONGEST_ID)),
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
    fn choices_are_taken_and_taken_back() {
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
    fn impossible_choices_change_nothing() {
        let mut preferences = Preferences::default();
        for bad in [
            json!({"mode": "use", "appearance": "pink"}),
            json!({"properties": 99}),
            json!({"language": "tlh"}),
            json!({"closedGroups": vec!["x".repeat(LONGEST_ID + 1)]}),
            json!({"closedGroups": (0..=MOST_IDS).map(|n| n.to_string()).collect::<Vec<_>>()}),
            json!({"something": 1}),
        ] {
            assert!(change(&mut preferences, &bad).is_err(), "{bad}");
        }
        assert_eq!(preferences, Preferences::default());
    }

    #[test]
    fn choices_of_a_newer_version_are_kept() {
        let newer = json!({"mode": "watch", "sound": {"on": true}});
        let mut preferences: Preferences = serde_json::from_value(newer).unwrap();
        assert_eq!(preferences.choices(), Choices::default());
        change(&mut preferences, &json!({"appearance": "light"})).unwrap();
        let kept = json!({"mode": "watch", "sound": {"on": true}, "appearance": "light"});
        assert_eq!(serde_json::to_value(&preferences).unwrap(), kept);
    }
}
