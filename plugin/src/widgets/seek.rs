//! Seek: seeks forward or back by some seconds. Holding the key repeats it.

use serde::Deserialize;

use super::settings::{Whole, lenient};
use super::{Face, View, Widget};
use crate::face::{Icon, Size};
use crate::player::Verb;

/// The widget; see the module documentation.
pub(super) struct Seek;

impl Widget for Seek {
    const UUID: &'static str = "com.spotify-widgets.seek";
    const REPEATS: bool = true;
    type Settings = Settings;

    fn press(view: &View<'_, Settings>) -> Option<Verb> {
        Some(view.settings.verb())
    }

    fn face(view: &View<'_, Settings>, _: Size) -> Face {
        let (icon, sign) = match view.settings.direction {
            Direction::Forward => (Icon::SeekForward, '+'),
            Direction::Back => (Icon::SeekBack, '−'),
        };
        let label = format!("{sign}{} s", view.settings.seconds.0);
        view.key(icon, &label, view.tone_while_playing(&view.settings.verb()))
    }
}

/// The settings of this widget.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub(super) struct Settings {
    #[serde(deserialize_with = "lenient")]
    direction: Direction,
    /// The distance of one press.
    seconds: Whole<1, 600, 15>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Direction {
    #[default]
    Forward,
    Back,
}

impl Settings {
    fn verb(self) -> Verb {
        let milliseconds = self.seconds.0 * 1_000;
        Verb::SeekBy(match self.direction {
            Direction::Forward => milliseconds,
            Direction::Back => -milliseconds,
        })
    }
}
