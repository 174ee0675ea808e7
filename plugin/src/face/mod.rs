//! Rendering: from a description to pixels.
//!
//! A widget describes *what* an instance shows as a [`Picture`], a small value that can be stored and compared; the
//! [`Renderer`] draws it as a PNG of exactly the size that the host's grid has for the instance. They are separate so that
//! widgets stay pure functions, and so that nothing is drawn while nothing changes: the board compares an instance's last
//! `Picture` before it draws.
//!
//! Modules: `colour` (contrast, the colour of a cover), `covers` (fetching, decoding, caching) and `disk` (their cache over a
//! restart), `fonts` and `installed` (the font of each character), `text` (shaping and glyphs), `icons`, `scroll` (the
//! position of a moving line), `canvas` (drawing primitives), `keys` and `playing` (the layouts), and `renderer`, which caches
//! the static part of a picture and draws the rest.

mod canvas;
mod colour;
mod covers;
mod disk;
mod fonts;
mod icons;
mod installed;
mod keys;
mod playing;
mod renderer;
#[cfg(test)]
mod samples;
mod scroll;
mod text;

use host_sdk::manifest::{height_px, width_px};
use serde::Deserialize;

pub use covers::{Cover, CoverError, CoverLimits, CoverState, Covers, best_cover, default_cover_folder};
pub use icons::Icon;
pub use renderer::{Frame, Renderer, SystemFonts};

/// The grid span of an instance on the Panel.
///
/// Spans beyond the 5 x 4 grid are clamped to it, and zero counts as one: the numbers come from outside (a host's message, a
/// stored setting), and a face of the nearest size is better than none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Size {
    /// Columns, 1 to 5.
    pub columns: u8,
    /// Rows, 1 to 4.
    pub rows: u8,
}

impl Size {
    /// One key.
    pub const KEY: Size = Size { columns: 1, rows: 1 };

    /// Returns width and height in pixels.
    ///
    /// Creator Central's cells are 150 x 108 pixels, 8 apart: 150, 308, 466, 624, 782 wide and 108, 224, 340,
    /// 456 high (the vendor's SDK documentation lists the same numbers).
    pub fn pixels(self) -> (u32, u32) {
        (width_px(self.columns), height_px(self.rows))
    }
}

/// What an instance shows: a description without pixels, which can be compared and drawn.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Picture {
    /// A button with an icon and a label.
    Key(Key),
    /// A message, usually what the user has to do.
    Notice(Notice),
    /// The playing track.
    NowPlaying(NowPlaying),
    /// A button with a cover and a label: a playlist, an album, an artist.
    Cover(CoverKey),
    /// A list of tracks.
    List(List),
    /// Lines of text.
    Text(Text),
}

impl Picture {
    /// Returns the URLs of the covers in this picture, for [`Covers::get`].
    #[must_use]
    pub fn covers(&self) -> Vec<&str> {
        match self {
            Picture::NowPlaying(now) => now.cover.as_deref().into_iter().collect(),
            Picture::Cover(key) => key.cover.as_deref().into_iter().collect(),
            Picture::List(list) => list.rows.iter().filter_map(|row| row.cover.as_deref()).collect(),
            Picture::Key(_) | Picture::Notice(_) | Picture::Text(_) => Vec::new(),
        }
    }

    /// Returns whether a scrolling line of `other` keeps its position when this picture replaces it, instead of starting from
    /// the beginning: the words are the same, except for digits, because a running time is no new text.
    #[must_use]
    pub fn continues(&self, other: &Picture) -> bool {
        match (self, other) {
            (Picture::NowPlaying(now), Picture::NowPlaying(before)) => {
                now.title == before.title && now.artist == before.artist
            }
            (Picture::Text(now), Picture::Text(before)) => {
                let words = |text: &Text| -> Vec<String> {
                    text.lines.iter().map(|line| line.text.replace(|c: char| c.is_ascii_digit(), "")).collect()
                };
                words(now) == words(before)
            }
            _ => self == other,
        }
    }
}

/// A button: an icon above a short label.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Key {
    /// The large icon in the upper part.
    pub icon: Icon,
    /// One or two words, shrunk and then truncated with an ellipsis if they are too long. May be empty.
    pub label: String,
    /// A second, smaller line.
    pub note: Option<String>,
    /// The highlighting of the key.
    pub tone: Tone,
    /// A thin meter at the lower edge, in percent (100 is full, more counts as 100).
    pub meter: Option<u8>,
    /// Darkened because it may be out of date.
    pub dimmed: bool,
}

/// The highlighting of a [`Key`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Tone {
    /// White on dark.
    #[default]
    Normal,
    /// Green accents: something is on (shuffle, repeat, playing).
    Active,
    /// Grey: a press would have no effect.
    Disabled,
}

/// A message instead of the usual face, such as "Link Spotify in Settings".
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Notice {
    /// The kind of message. It also determines the colour.
    pub icon: Icon,
    /// The message, wrapped and shrunk until it fits.
    pub text: String,
}

/// The face of Playing Now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NowPlaying {
    /// The URL of the cover. The picture itself is passed to [`Renderer::frame`].
    pub cover: Option<String>,
    /// The title, in any script.
    pub title: String,
    /// The artist or artists, or the show of an episode. May be empty.
    pub artist: String,
    /// Whether it is playing. A paused one shows a pause sign beside its time.
    pub playing: bool,
    /// The position in the track; `None` if the duration is unknown.
    pub progress: Option<Progress>,
    /// Text and progress are darkened because they may be out of date. The cover is never drawn over.
    pub dimmed: bool,
    /// How a title or an artist that is too long scrolls.
    pub scroll: Scroll,
}

impl NowPlaying {
    /// Returns the largest width and height of the cover at a size, in pixels, to choose its file by (see [`best_cover`]).
    /// 0 if the layout has no cover.
    #[must_use]
    pub fn cover_pixels(size: Size) -> u32 {
        playing::cover_pixels(size)
    }
}

/// How fast a line scrolls that is too long for its area.
///
/// It rests at its beginning, moves until its end is visible, rests there, and moves back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Scroll {
    /// Not at all: the line is truncated with an ellipsis.
    Off,
    /// 20 pixels a second.
    Slow,
    /// 40 pixels a second.
    #[default]
    Normal,
    /// 80 pixels a second.
    Fast,
}

/// A position in a track. In whole seconds, as the face shows it, so that positions that look the same are equal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Progress {
    /// Seconds since the beginning.
    pub position_s: u32,
    /// Length in seconds.
    pub duration_s: u32,
}

/// A button with a cover: the whole cover above a label, or beside it on a wide face.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CoverKey {
    /// The URL of the cover. Without one, or until it is loaded, the icon is shown instead.
    pub cover: Option<String>,
    /// The kind of item, or what a press does. Small beside the label while the tone is [`Tone::Active`].
    pub icon: Icon,
    /// The name, shrunk and then truncated with an ellipsis if it is too long. May be empty.
    pub label: String,
    /// The highlighting of the key.
    pub tone: Tone,
    /// Label and icon are darkened because they may be out of date. The cover is never drawn over.
    pub dimmed: bool,
}

impl CoverKey {
    /// Returns the largest width and height of the cover at a size, in pixels, to choose its file by (see [`best_cover`]).
    #[must_use]
    pub fn cover_pixels(size: Size) -> u32 {
        keys::cover_pixels(size)
    }
}

/// A list of as many tracks as fit; only the first one on a single key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct List {
    /// The heading. Not shown on a single key.
    pub heading: String,
    /// The tracks; those that don't fit are left out.
    pub rows: Vec<Row>,
    /// The message if there are no rows.
    pub empty: String,
}

impl List {
    /// Returns how many rows fit into a size, at least 1. The picture needs no more.
    #[must_use]
    pub fn capacity(size: Size) -> usize {
        keys::list_capacity(size)
    }

    /// Returns the largest width and height of a row's cover at a size, in pixels, to choose its file by (see
    /// [`best_cover`]).
    #[must_use]
    pub fn cover_pixels(size: Size) -> u32 {
        keys::row_cover_pixels(size)
    }
}

/// A track in a [`List`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    /// The title.
    pub title: String,
    /// The artist or artists, or the show of an episode. May be empty.
    pub byline: String,
    /// The URL of the cover.
    pub cover: Option<String>,
}

/// Lines of text, each as large as fits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Text {
    /// The lines from top to bottom. An empty line leaves a gap.
    pub lines: Vec<Line>,
    /// Darkened because it may be out of date.
    pub dimmed: bool,
    /// How a line that is too long scrolls.
    pub scroll: Scroll,
}

/// A line of a [`Text`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// The text. All digits have the same width, so that a running time doesn't jitter.
    pub text: String,
    /// Bold and bright.
    pub strong: bool,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pixels_match_the_vendors_documentation() {
        let widths = [1, 2, 3, 4, 5].map(|columns| Size { columns, rows: 1 }.pixels().0);
        let heights = [1, 2, 3, 4].map(|rows| Size { columns: 1, rows }.pixels().1);
        assert_eq!(widths, [150, 308, 466, 624, 782]);
        assert_eq!(heights, [108, 224, 340, 456]);
    }

    #[test]
    fn picture_continues_if_only_digits_change() {
        let text = |words: &str| {
            let lines = vec![Line { text: words.to_owned(), strong: true }];
            Picture::Text(Text { lines, dimmed: false, scroll: Scroll::Normal })
        };
        assert!(text("Title 1:09").continues(&text("Title 1:10")));
        assert!(!text("Title 1:09").continues(&text("Other 0:00")));
    }

    #[test]
    fn spans_are_clamped_to_the_grid() {
        let size = |columns, rows| Size { columns, rows }.pixels();
        assert_eq!(size(0, 0), (150, 108));
        assert_eq!(size(255, 255), (782, 456));
    }
}
