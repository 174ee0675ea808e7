//! The step of the two volume widgets.

use serde::Deserialize;

use super::settings::Whole;

/// The settings of Volume Up and Volume Down.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct VolumeStep {
    /// Percent points a press.
    step: Whole<1, 25, 5>,
}

impl VolumeStep {
    /// The step in percent points: 1 to 25.
    pub fn percent(self) -> i8 {
        i8::try_from(self.step.0).unwrap_or(5)
    }
}
