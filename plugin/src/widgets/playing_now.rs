//! Playing Now: cover, title, artist and progress. A press plays or pauses.

use super::{Face, Widget, notice};
use crate::face::{Icon, NowPlaying, Picture, Progress, Scroll};
use crate::player::{Now, Player, Verb};
use crate::spotify::PlayingType;

pub(super) const WIDGET: Widget = Widget {
    uuid: "com.spotify-widgets.playing-now",
    press: |player, _| player.known.then_some(Verb::TogglePlay),
    // The keys beside it say why theirs had no effect; this one goes on showing what plays.
    owns: |_, _| false,
    face: |player, _, _| face(player),
    ..Widget::BLANK
};

fn face(player: &Player) -> Face {
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
            cover: now.track.as_ref().and_then(|track| track.cover().map(str::to_owned)),
            title,
            artist,
            playing: now.playing,
            progress,
            dimmed: player.stale,
            scroll: Scroll::Off,
        }),
        state: None,
        description: format!("{}: {description}", if now.playing { "Playing" } else { "Paused" }),
    }
}

fn words(now: &Now) -> (String, String) {
    match (&now.track, now.kind) {
        (Some(track), _) => (track.title.clone(), track.byline.clone()),
        (None, PlayingType::Ad) => ("Advertisement".to_owned(), now.device.name.clone()),
        (None, _) => ("Unknown title".to_owned(), now.device.name.clone()),
    }
}

fn seconds(milliseconds: u64) -> u32 {
    u32::try_from(milliseconds / 1000).unwrap_or(u32::MAX)
}
