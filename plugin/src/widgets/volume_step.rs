//! The settings of Volume Up and Volume Down.

use serde::Deserialize;

use super::settings::Whole;

/// The step of a volume key.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct VolumeStep {
    /// Percentage points per press.
    step: Whole<1, 25, 5>,
}

impl VolumeStep {
    /// Returns the step in percentage points: 1 to 25.
    pub fn percent(self) -> i8 {
        i8::try_from(self.step.0).unwrap_or(5)
    }
}
