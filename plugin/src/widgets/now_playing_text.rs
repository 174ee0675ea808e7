//! Now playing text: title, artist, album, playlist and times, in lines that the user writes. A press plays or pauses.

use std::time::Duration;

use serde::Deserialize;

use super::settings::{Common, lenient};
use super::{Face, View, Widget, notice};
use crate::face::{Icon, Line, Picture, Scroll, Size, Text};
use crate::player::{Now, Player, Subscription, Verb};

/// What is shown where the user has written nothing.
const USUAL: &str = "{title}\n{artist}";
/// More lines than anyone can read on a key.
const MOST_LINES: usize = 6;
/// More characters of a line than any face shows, however often a field is written in it.
const LONGEST_LINE: usize = 300;

/// See the module's documentation.
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
            .take(MOST_LINES)
            .enumerate()
            .map(|(index, line)| Line { text: filled(line, now, player), strong: index == 0 })
            .collect();
        let words: Vec<&str> = lines.iter().map(|line| line.text.as_str()).filter(|text| !text.is_empty()).collect();
        let description = words.join(", ");
        let picture = Picture::Text(Text { lines, dimmed: player.stale, scroll: view.settings.scroll });
        Face { picture, state: None, description }
    }

    fn subscribe(settings: &Settings, _: &Common, subscription: &mut Subscription) {
        subscription.playlist |= settings.template().contains("{playlist}");
    }
}

/// What the user can set.
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
        if self.template.trim().is_empty() { USUAL } else { &self.template }
    }
}

/// A line with its fields filled in. What is no field stays as the user has written it.
fn filled(line: &str, now: &Now, player: &Player) -> String {
    let mut text = Limited { text: String::new(), room: LONGEST_LINE };
    let mut rest = line;
    while let Some((before, after)) = rest.split_once('{').filter(|_| text.room > 0) {
        text.push(before);
        // A name has no brace in it, so that no part of the line is looked at twice.
        let name = after.find(['{', '}']).map(|end| after.split_at(end));
        let known = name.and_then(|(name, behind)| Some((behind.strip_prefix('}')?, field(name, now, player)?)));
        match known {
            Some((behind, value)) => {
                text.push(&value);
                rest = behind;
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

/// Text of so many characters at most.
struct Limited {
    text: String,
    room: usize,
}

impl Limited {
    fn push(&mut self, more: &str) {
        for c in more.chars().take(self.room) {
            self.text.push(c);
            self.room -= 1;
        }
    }
}

fn field(name: &str, now: &Now, player: &Player) -> Option<String> {
    let track = now.track.as_ref();
    let duration = now.duration();
    Some(match name {
        "title" => super::words(now).0,
        "artist" => super::words(now).1,
        "album" => track.map(|track| track.album.clone()).unwrap_or_default(),
        "playlist" => player.playlist_name().unwrap_or_default().to_owned(),
        "elapsed" => time(now.position.as_secs()),
        "total" => duration.map(|end| time(end.as_secs())).unwrap_or_default(),
        // In whole seconds, so that it goes on together with what has elapsed, and both add up.
        "remaining" => {
            let left = |end: Duration| end.as_secs().saturating_sub(now.position.as_secs());
            duration.map(|end| time(left(end))).unwrap_or_default()
        }
        "device" => now.device.name.clone(),
        _ => return None,
    })
}

/// A time as on a clock: `3:07`, `1:02:03`.
fn time(seconds: u64) -> String {
    let (hours, minutes, seconds) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    if hours > 0 { format!("{hours}:{minutes:02}:{seconds:02}") } else { format!("{minutes}:{seconds:02}") }
}
