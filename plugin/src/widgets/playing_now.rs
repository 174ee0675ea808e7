//! Playing Now: cover, title, artist and progress. A press plays or pauses.

use host_sdk::package::Settings;

use super::{Face, Widget, notice, scroll, words};
use crate::face::{Icon, NowPlaying, Picture, Progress, Size, best};
use crate::player::{Player, Verb};

pub(super) const WIDGET: Widget = Widget {
    uuid: "com.spotify-widgets.playing-now",
    press: |player, _| player.known.then_some(Verb::TogglePlay),
    // The keys beside it say why theirs had no effect; this one goes on showing what plays.
    owns: |_, _| false,
    face: |player, settings, size| face(player, settings, size),
    ..Widget::BLANK
};

fn face(player: &Player, settings: &Settings, size: Size) -> Face {
    let Some(now) = &player.now else {
        return notice(Icon::Music, if player.known { "Nothing is playing" } else { "Asking Spotify…" });
    };
    let (title, artist) = words(now);
    let progress = now
        .track
        .as_ref()
        .filter(|track| track.duration_ms > 0)
        .map(|track| Progress { position_s: seconds(now.position_ms), duration_s: seconds(track.duration_ms) });
    let description = if artist.is_empty() { title.clone() } else { format!("{title} – {artist}") };
    Face {
        picture: Picture::NowPlaying(NowPlaying {
            cover: now
                .track
                .as_ref()
                .and_then(|track| best(&track.covers, NowPlaying::cover_pixels(size)))
                .map(str::to_owned),
            title,
            artist,
            playing: now.playing,
            progress,
            dimmed: player.stale,
            scroll: scroll(settings),
        }),
        state: None,
        description: format!("{}: {description}", if now.playing { "Playing" } else { "Paused" }),
    }
}

fn seconds(milliseconds: u64) -> u32 {
    u32::try_from(milliseconds / 1000).unwrap_or(u32::MAX)
}
