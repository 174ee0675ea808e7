//! Set volume: sets the volume to a percentage, at once or gradually.

use std::time::Duration;

use serde::Deserialize;

use super::settings::{Common, Whole};
use super::{Face, KeyVolume, View, Widget, highlight};
use crate::face::{Icon, Size, Tone};
use crate::player::{Subscription, Verb};

/// The widget; see the module documentation.
pub(super) struct SetVolume;

impl Widget for SetVolume {
    const UUID: &'static str = "com.spotify-widgets.set-volume";
    type Settings = Settings;

    fn press(view: &View<'_, Settings>) -> Option<Verb> {
        Some(view.settings.verb())
    }

    fn face(view: &View<'_, Settings>, _: Size) -> Face {
        let (percent, over) = (view.settings.percent(), view.settings.over());
        let icon = if percent == 0 { Icon::Mute } else { Icon::Volume };
        let verb = view.settings.verb();
        let tone = view.tone(&verb);
        let (tone, volume) = match view.volume(&verb) {
            KeyVolume::Fixed => return view.key(icon, "Volume is fixed", Tone::Disabled),
            KeyVolume::NoDevice => (Tone::Disabled, None),
            KeyVolume::Unknown => (tone, None),
            KeyVolume::Percent(volume) => (highlight(tone, volume == percent), Some(volume)),
        };
        let face = view.key(icon, &format!("{percent} %"), tone).with_meter(volume);
        if over.is_zero() { face } else { face.with_note(&format!("over {} s", over.as_secs())) }
    }

    fn subscribe(_: &Settings, common: &Common, subscription: &mut Subscription) {
        common.subscribe_to_volume(subscription);
    }
}

/// The settings of this widget.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct Settings {
    /// The volume in percent.
    volume: Whole<0, 100, 50>,
    /// The duration of the fade; 0 sets the volume at once.
    fade_seconds: Whole<0, 60, 0>,
}

impl Settings {
    fn percent(self) -> u8 {
        u8::try_from(self.volume.0).unwrap_or(50)
    }

    fn over(self) -> Duration {
        Duration::from_secs(u64::try_from(self.fade_seconds.0).unwrap_or_default())
    }

    fn verb(self) -> Verb {
        Verb::VolumeTo { percent: self.percent(), over: self.over() }
    }
}
