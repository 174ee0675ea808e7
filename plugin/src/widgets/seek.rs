//! Seek: forward or back by some seconds. Holding the key goes on.

use host_sdk::package::Settings;

use super::{Face, Widget, key, number, tone_while_playing, word};
use crate::face::Icon;
use crate::player::{Player, Verb};

pub(super) const WIDGET: Widget = Widget {
    uuid: "com.spotify-widgets.seek",
    press: |_, settings| Some(verb(settings)),
    repeats: true,
    owns: |asked, settings| *asked == verb(settings),
    face: |player, settings, _| face(player, settings),
    ..Widget::BLANK
};

/// How far, and in which direction, the user has chosen: 15 s forward by default.
fn by_seconds(settings: &Settings) -> i64 {
    let seconds = number(settings, "seconds", 1..=600, 15);
    if word(settings, "direction") == "back" { -seconds } else { seconds }
}

fn verb(settings: &Settings) -> Verb {
    Verb::SeekBy(by_seconds(settings) * 1_000)
}

fn face(player: &Player, settings: &Settings) -> Face {
    let by = by_seconds(settings);
    let icon = if by < 0 { Icon::SeekBack } else { Icon::SeekForward };
    let sign = if by < 0 { '−' } else { '+' };
    key(player, icon, &format!("{sign}{} s", by.abs()), tone_while_playing(player, &verb(settings), settings))
}
