//! Playing Now: cover, title, artist and progress. A press plays or pauses.

use std::time::Duration;

use serde::Deserialize;

use super::settings::lenient;
use super::{Face, View, Widget, notice, title_and_byline};
use crate::face::{Icon, NowPlaying, Picture, Progress, Scroll, Size, best_cover};
use crate::player::Verb;

/// The widget; see the module documentation.
pub(super) struct PlayingNow;

impl Widget for PlayingNow {
    const UUID: &'static str = "com.spotify-widgets.playing-now";
    type Settings = Settings;

    fn press(view: &View<'_, Settings>) -> Option<Verb> {
        view.player.known.then_some(Verb::TogglePlay)
    }

    fn face(view: &View<'_, Settings>, size: Size) -> Face {
        let player = view.player;
        let Some(now) = &player.now else {
            return notice(Icon::Music, if player.known { "Nothing is playing" } else { "Asking Spotify…" });
        };
        let (title, artist) = title_and_byline(now);
        let progress = now
            .duration()
            .map(|duration| Progress { position_s: seconds(now.position), duration_s: seconds(duration) });
        let description = if artist.is_empty() { title.clone() } else { format!("{title} – {artist}") };
        Face {
            picture: Picture::NowPlaying(NowPlaying {
                cover: now
                    .track
                    .as_ref()
                    .and_then(|track| best_cover(&track.covers, NowPlaying::cover_pixels(size)))
                    .map(str::to_owned),
                title,
                artist,
                playing: now.playing,
                progress,
                dimmed: player.stale,
                scroll: view.settings.scroll,
            }),
            state: None,
            description: format!("{}: {description}", if now.playing { "Playing" } else { "Paused" }),
        }
    }
}

/// The settings of this widget.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub(super) struct Settings {
    /// How fast long lines scroll.
    #[serde(deserialize_with = "lenient")]
    scroll: Scroll,
}

fn seconds(duration: Duration) -> u32 {
    u32::try_from(duration.as_secs()).unwrap_or(u32::MAX)
}
