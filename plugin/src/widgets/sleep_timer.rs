//! Sleep timer: fades out and pauses after some minutes, or at the end of the current item. There is one timer for the whole
//! package, so every key of this widget shows the same.

use serde::Deserialize;

use super::settings::{Whole, lenient};
use super::{Face, View, Widget};
use crate::face::{Icon, Size, Tone};
use crate::player::{SleepTimer as Timer, SleepUntil, Verb};
use crate::spotify::PlayingType;

const NAME: &str = "Sleep timer";

/// The widget; see the module documentation.
pub(super) struct SleepTimer;

impl Widget for SleepTimer {
    const UUID: &'static str = "com.spotify-widgets.sleep-timer";
    const LONG_PRESS: Option<Verb> = Some(Verb::CancelSleep);
    type Settings = Settings;

    fn press(view: &View<'_, Settings>) -> Option<Verb> {
        Some(Verb::Sleep(view.settings.until()))
    }

    fn face(view: &View<'_, Settings>, _: Size) -> Face {
        let item = match view.player.now.as_ref().map(|now| now.kind) {
            Some(PlayingType::Episode) => "episode",
            _ => "track",
        };
        if let Some(timer) = view.player.sleep {
            return running_face(view, timer, item);
        }
        let until = view.settings.until();
        let (label, words) = match until {
            SleepUntil::Minutes(minutes) if minutes < 60 => (format!("{minutes} min"), in_words(minutes.into())),
            SleepUntil::Minutes(minutes) => (time_left(u64::from(minutes) * 60), in_words(minutes.into())),
            SleepUntil::EndOfItem => (format!("End of {item}"), format!("end of {item}")),
        };
        let face = view.key(Icon::Moon, &label, view.tone(&Verb::Sleep(until)));
        Face { description: format!("{NAME}: {words}"), ..face }
    }
}

/// Returns the face while the timer runs. Its description changes only once a minute, so that a screen reader isn't kept
/// talking.
fn running_face(view: &View<'_, Settings>, timer: Timer, item: &str) -> Face {
    let label = timer.seconds.map_or_else(|| format!("End of {item}"), time_left);
    let face = view.key(Icon::Moon, &label, Tone::Active).with_meter(Some(timer.percent));
    let left = timer.seconds.map(|seconds| match seconds {
        0..60 => "less than a minute".to_owned(),
        seconds => in_words(seconds.div_ceil(60)),
    });
    let description = match left {
        Some(left) if timer.at_item_end => format!("{NAME}: pauses at the end of the {item}, in {left}"),
        Some(left) => format!("{NAME}: pauses in {left}"),
        None => format!("{NAME}: pauses at the end of the {item}"),
    };
    Face { description, ..face }
}

/// Formats the remaining time for a key: `14:59`, `1 h 05 min`.
fn time_left(seconds: u64) -> String {
    let minutes = seconds / 60;
    if seconds >= 3_600 {
        format!("{} h {:02} min", minutes / 60, minutes % 60)
    } else {
        format!("{minutes}:{:02}", seconds % 60)
    }
}

/// Returns a time in words.
fn in_words(minutes: u64) -> String {
    let count = |number: u64, unit: &str| match number {
        0 => None,
        1 => Some(format!("1 {unit}")),
        number => Some(format!("{number} {unit}s")),
    };
    let parts = [count(minutes / 60, "hour"), count(minutes % 60, "minute")];
    parts.into_iter().flatten().collect::<Vec<_>>().join(" ")
}

/// The settings of this widget.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub(super) struct Settings {
    /// When it pauses.
    #[serde(deserialize_with = "lenient")]
    until: Until,
    /// The minutes until then.
    minutes: Whole<1, 240, 30>,
}

/// When it pauses.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Until {
    /// After some minutes.
    #[default]
    Time,
    /// At the end of the current item.
    Item,
}

impl Settings {
    fn until(self) -> SleepUntil {
        match self.until {
            Until::Time => SleepUntil::Minutes(u16::try_from(self.minutes.0).unwrap_or(30)),
            Until::Item => SleepUntil::EndOfItem,
        }
    }
}
