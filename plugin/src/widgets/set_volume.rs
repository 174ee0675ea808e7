//! Set volume: to a percentage, at once or little by little.

use std::time::Duration;

use host_sdk::package::Settings;

use super::{Face, Loudness, Widget, key, lit, looks_at_volume, loudness, number, tone};
use crate::face::{Icon, Tone};
use crate::player::{Player, Verb};

pub(super) const WIDGET: Widget = Widget {
    uuid: "com.spotify-widgets.set-volume",
    press: |_, settings| Some(verb(settings)),
    looks_at: looks_at_volume,
    owns: |asked, settings| *asked == verb(settings),
    face: |player, settings, _| face(player, settings),
    ..Widget::BLANK
};

/// The volume that the user has chosen: 50 % by default.
fn percent(settings: &Settings) -> u8 {
    u8::try_from(number(settings, "volume", 0..=100, 50)).unwrap_or(50)
}

/// How long it takes: 0 to 60 s, at once by default.
fn over(settings: &Settings) -> Duration {
    Duration::from_secs(u64::try_from(number(settings, "fadeSeconds", 0..=60, 0)).unwrap_or_default())
}

fn verb(settings: &Settings) -> Verb {
    Verb::VolumeTo { percent: percent(settings), over: over(settings) }
}

fn face(player: &Player, settings: &Settings) -> Face {
    let (percent, over) = (percent(settings), over(settings));
    let icon = if percent == 0 { Icon::Mute } else { Icon::Volume };
    let tone = tone(player, &verb(settings), settings);
    let (tone, volume) = match loudness(player, &verb(settings), settings) {
        Loudness::Fixed => return key(player, icon, "Volume is fixed", Tone::Disabled),
        Loudness::Nowhere => (Tone::Disabled, None),
        Loudness::Unknown => (tone, None),
        Loudness::Percent(volume) => (lit(tone, volume == percent), Some(volume)),
    };
    let face = key(player, icon, &format!("{percent} %"), tone).with_meter(volume);
    if over.is_zero() { face } else { face.with_note(&format!("over {} s", over.as_secs())) }
}
