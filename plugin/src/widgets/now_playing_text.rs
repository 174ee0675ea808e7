//! Now playing text: title, artist, album, playlist and times, in lines of a user's template. A press plays or pauses.

use std::time::Duration;

use serde::Deserialize;

use super::settings::{Common, lenient};
use super::{Face, View, Widget, notice, title_and_byline};
use crate::face::{Icon, Line, Picture, Scroll, Size, Text};
use crate::player::{Now, Player, Subscription, Verb};

/// The template if the user sets none.
const DEFAULT_TEMPLATE: &str = "{title}\n{artist}";
/// Lines that are used of a template: more than are readable on a key.
const MAX_LINES: usize = 6;
/// Longest line, in characters with all fields filled in: more than any face shows.
const MAX_LINE_CHARS: usize = 300;

/// The widget; see the module documentation.
pub(super) struct NowPlayingText;

impl Widget for NowPlayingText {
    const UUID: &'static str = "com.spotify-widgets.now-playing-text";
    type Settings = Settings;

    fn press(view: &View<'_, Settings>) -> Option<Verb> {
        view.player.known.then_some(Verb::TogglePlay)
    }

    fn face(view: &View<'_, Settings>, _: Size) -> Face {
        let player = view.player;
        let Some(now) = &player.now else {
            return notice(Icon::Music, if player.known { "Nothing is playing" } else { "Asking Spotify…" });
        };
        let lines: Vec<Line> = view
            .settings
            .template()
            .lines()
            .take(MAX_LINES)
            .enumerate()
            .map(|(index, line)| Line { text: fill_in(line, now, player), strong: index == 0 })
            .collect();
        let texts: Vec<&str> = lines.iter().map(|line| line.text.as_str()).filter(|text| !text.is_empty()).collect();
        let description = texts.join(", ");
        let picture = Picture::Text(Text { lines, dimmed: player.stale, scroll: view.settings.scroll });
        Face { picture, state: None, description }
    }

    fn subscribe(settings: &Settings, _: &Common, subscription: &mut Subscription) {
        subscription.playlist |= settings.template().contains("{playlist}");
    }
}

/// The settings of this widget.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub(super) struct Settings {
    /// Lines with fields in braces.
    #[serde(deserialize_with = "lenient")]
    template: String,
    /// How fast long lines scroll.
    #[serde(deserialize_with = "lenient")]
    scroll: Scroll,
}

impl Settings {
    fn template(&self) -> &str {
        if self.template.trim().is_empty() { DEFAULT_TEMPLATE } else { &self.template }
    }
}

/// Fills in the fields of a line. Braces without a known field stay unchanged.
fn fill_in(line: &str, now: &Now, player: &Player) -> String {
    let mut text = LimitedText { text: String::new(), remaining: MAX_LINE_CHARS };
    let mut rest = line;
    while let Some((before, after)) = rest.split_once('{').filter(|_| text.remaining > 0) {
        text.push(before);
        // A field's name contains no brace, so no part of the line is scanned twice.
        let name = after.find(['{', '}']).map(|end| after.split_at(end));
        let known = name.and_then(|(name, tail)| Some((tail.strip_prefix('}')?, field(name, now, player)?)));
        match known {
            Some((tail, value)) => {
                text.push(&value);
                rest = tail;
            }
            None => {
                text.push("{");
                rest = after;
            }
        }
    }
    text.push(rest);
    text.text
}

/// A text of limited length.
struct LimitedText {
    text: String,
    /// Characters that may still be added.
    remaining: usize,
}

impl LimitedText {
    fn push(&mut self, more: &str) {
        for c in more.chars().take(self.remaining) {
            self.text.push(c);
            self.remaining -= 1;
        }
    }
}

fn field(name: &str, now: &Now, player: &Player) -> Option<String> {
    let track = now.track.as_ref();
    let duration = now.duration();
    Some(match name {
        "title" => title_and_byline(now).0,
        "artist" => title_and_byline(now).1,
        "album" => track.map(|track| track.album.clone()).unwrap_or_default(),
        "playlist" => player.playlist_name().unwrap_or_default().to_owned(),
        "elapsed" => time(now.position.as_secs()),
        "total" => duration.map(|end| time(end.as_secs())).unwrap_or_default(),
        // In whole seconds, so that it changes together with the elapsed time, and both add up.
        "remaining" => {
            let left = |end: Duration| end.as_secs().saturating_sub(now.position.as_secs());
            duration.map(|end| time(left(end))).unwrap_or_default()
        }
        "device" => now.device.name.clone(),
        _ => return None,
    })
}

/// Formats a time: `3:07`, `1:02:03`.
fn time(seconds: u64) -> String {
    let (hours, minutes, seconds) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    if hours > 0 { format!("{hours}:{minutes:02}:{seconds:02}") } else { format!("{minutes}:{seconds:02}") }
}
