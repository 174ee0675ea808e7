//! Seek: forward or back by some seconds. Holding the key goes on.

use host_sdk::package::Settings;

use super::{Face, Widget, key, nothing_playing, number, word};
use crate::face::{Icon, Tone};
use crate::player::{Player, Verb};

pub(super) const WIDGET: Widget = Widget {
    uuid: "com.spotify-widgets.seek",
    press: |_, settings| Some(Verb::SeekBy(by_seconds(settings) * 1_000)),
    repeats: true,
    owns: |verb, settings| *verb == Verb::SeekBy(by_seconds(settings) * 1_000),
    face: |player, settings, _| face(player, settings),
    ..Widget::BLANK
};

/// How far, and in which direction, the user has chosen: 15 s forward by default.
fn by_seconds(settings: &Settings) -> i64 {
    let seconds = number(settings, "seconds", 1..=600, 15);
    if word(settings, "direction") == "back" { -seconds } else { seconds }
}

fn face(player: &Player, settings: &Settings) -> Face {
    let by = by_seconds(settings);
    let now = player.now.as_ref();
    let off = nothing_playing(now) || now.is_some_and(|now| now.no_seek);
    let icon = if by < 0 { Icon::SeekBack } else { Icon::SeekForward };
    let sign = if by < 0 { '−' } else { '+' };
    key(player, icon, &format!("{sign}{} s", by.abs()), if off { Tone::Disabled } else { Tone::Normal })
}
