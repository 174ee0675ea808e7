//! From a description to pixels.
//!
//! A widget says *what* an instance shows as a [`Picture`], a small value that is compared and kept; the
//! [`Renderer`] turns one into a PNG of exactly the pixels that the host's grid has for the instance. The
//! two are apart so that widgets stay pure functions, and so that nothing is drawn while nothing has
//! changed: whoever holds the last `Picture` of an instance compares before it draws.
//!
//! Rooms: `colour` (contrast, the colour of a cover), `covers` (fetching, decoding, keeping) and `disk` (what is kept of
//! them over a restart), `fonts` (which font shows which character), `text` (shaping and glyphs), `icons`, `scroll` (where
//! a moving line is), `canvas` (what all faces are drawn with), `keys` and `playing` (the layouts), and `renderer`, which
//! keeps what stands still and draws what moves.

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

pub use covers::{Cover, CoverError, CoverLimits, CoverState, Covers, best, default_cover_folder};
pub use icons::Icon;
pub use renderer::{Frame, Renderer, SystemFonts};

/// The grid span of an instance on the Panel.
///
/// Spans beyond the 5 x 4 grid are brought into it, zero counts as one: the numbers come from outside (a
/// host's message, a stored setting), and a face at the nearest size is better than none.
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

    /// Width and height in pixels.
    ///
    /// Creator Central's cells are 150 x 108 pixels, 8 apart: 150, 308, 466, 624, 782 wide and 108, 224, 340,
    /// 456 high (the vendor's SDK documents list the same numbers).
    pub fn pixels(self) -> (u32, u32) {
        (width_px(self.columns), height_px(self.rows))
    }
}

/// What an instance shows: a description to compare and to draw, without pixels in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Picture {
    /// A button with an icon and a word.
    Key(Key),
    /// Words that say what to do.
    Notice(Notice),
    /// The playing track.
    NowPlaying(NowPlaying),
    /// A button with a cover and a word: a playlist, an album, an artist.
    Cover(CoverKey),
    /// Tracks one below the other.
    List(List),
    /// Words and nothing else.
    Text(Text),
}

impl Picture {
    /// The addresses of the covers that this picture wants, to ask [`Covers`] for.
    #[must_use]
    pub fn covers(&self) -> Vec<&str> {
        match self {
            Picture::NowPlaying(now) => now.cover.as_deref().into_iter().collect(),
            Picture::Cover(key) => key.cover.as_deref().into_iter().collect(),
            Picture::List(list) => list.rows.iter().filter_map(|row| row.cover.as_deref()).collect(),
            Picture::Key(_) | Picture::Notice(_) | Picture::Text(_) => Vec::new(),
        }
    }

    /// Whether a line that scrolls in `other` goes on from where it is when this picture takes its place, rather than
    /// from its beginning: the words are the same, digits aside, as a running time is no other text.
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
    /// The icon, big, in the upper part.
    pub icon: Icon,
    /// One or two words; shrunk, then cut with an ellipsis, when they are too long. May be empty.
    pub label: String,
    /// A second, smaller line.
    pub note: Option<String>,
    /// How the key stands out.
    pub tone: Tone,
    /// A thin meter at the lower edge, in percent (100 is full, more counts as 100).
    pub meter: Option<u8>,
    /// Shown dark because what it says may be out of date.
    pub dimmed: bool,
}

/// How a [`Key`] stands out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Tone {
    /// White on dark.
    #[default]
    Normal,
    /// Something is on (shuffle, repeat, playing): green accents.
    Active,
    /// Nothing would happen on a press: grey.
    Disabled,
}

/// A message in place of a face, such as "Link Spotify in Settings".
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Notice {
    /// What kind of trouble or invitation it is.
    pub icon: Icon,
    /// What to do, in words; wrapped, and shrunk until it fits.
    pub text: String,
}

/// What Playing Now shows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NowPlaying {
    /// The address of the cover picture. The picture itself goes to [`Renderer::frame`] beside this.
    pub cover: Option<String>,
    /// The title, in whatever script it is.
    pub title: String,
    /// The artist or artists, or the show of an episode. May be empty.
    pub artist: String,
    /// Whether it plays now; a paused one shows a pause sign beside its time.
    pub playing: bool,
    /// Where in the track it is; none for what has no known duration.
    pub progress: Option<Progress>,
    /// Text and progress shown dark because they may be out of date. The cover is never drawn over.
    pub dimmed: bool,
    /// What becomes of a title or an artist that is too long.
    pub scroll: Scroll,
}

impl NowPlaying {
    /// How many pixels wide and high the cover is drawn at a size, at most: what to choose a cover's file by (see [`best`]).
    /// 0 where the layout has no cover.
    #[must_use]
    pub fn cover_pixels(size: Size) -> u32 {
        playing::cover_pixels(size)
    }
}

/// How fast a line moves that is too long for its place.
///
/// It rests at its beginning, moves until its end is seen, rests there, and moves back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Scroll {
    /// It doesn't: an ellipsis stands for what doesn't fit.
    Off,
    /// 20 pixels a second.
    Slow,
    /// 40 pixels a second.
    #[default]
    Normal,
    /// 80 pixels a second.
    Fast,
}

/// A place in a track, in whole seconds: what the face shows, so that two moments that look alike are equal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Progress {
    /// Seconds since the beginning.
    pub position_s: u32,
    /// Seconds in all.
    pub duration_s: u32,
}

/// A button with a cover: the whole cover above a label, or beside it where the face is wide.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CoverKey {
    /// The address of the cover picture; without one, or until it is here, the icon stands in its place.
    pub cover: Option<String>,
    /// What kind of thing it is, or what a press does. Small beside the label while the tone is [`Tone::Active`].
    pub icon: Icon,
    /// Its name; shrunk, then cut with an ellipsis, when it is too long. May be empty.
    pub label: String,
    /// How the key stands out.
    pub tone: Tone,
    /// Label and icon shown dark because what they say may be out of date. The cover is never drawn over.
    pub dimmed: bool,
}

impl CoverKey {
    /// How many pixels wide and high the cover is drawn at a size, at most: what to choose a cover's file by (see [`best`]).
    #[must_use]
    pub fn cover_pixels(size: Size) -> u32 {
        keys::cover_pixels(size)
    }
}

/// Tracks one below the other, as many as there is room for; on a single key the first one alone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct List {
    /// What the list is, above it. Not shown on a single key.
    pub heading: String,
    /// The tracks; more than fit are left out.
    pub rows: Vec<Row>,
    /// What to say while there are no rows.
    pub empty: String,
}

impl List {
    /// How many rows a size has room for, 1 or more: no more need be put into the picture.
    #[must_use]
    pub fn room(size: Size) -> usize {
        keys::list_room(size)
    }

    /// How many pixels wide and high a row's cover is drawn at a size, at most: what to choose a cover's file by (see
    /// [`best`]).
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
    /// The address of the cover picture.
    pub cover: Option<String>,
}

/// Words and nothing else, each line as large as there is room for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Text {
    /// From top to bottom. An empty one keeps its place.
    pub lines: Vec<Line>,
    /// Shown dark because what it says may be out of date.
    pub dimmed: bool,
    /// What becomes of a line that is too long.
    pub scroll: Scroll,
}

/// A line of a [`Text`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// What it says. Digits are all of one width, so that a running time doesn't tremble.
    pub text: String,
    /// Bold and bright.
    pub strong: bool,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pixels_are_the_vendors() {
        let widths = [1, 2, 3, 4, 5].map(|columns| Size { columns, rows: 1 }.pixels().0);
        let heights = [1, 2, 3, 4].map(|rows| Size { columns: 1, rows }.pixels().1);
        assert_eq!(widths, [150, 308, 466, 624, 782]);
        assert_eq!(heights, [108, 224, 340, 456]);
    }

    #[test]
    fn a_running_time_is_no_other_text() {
        let text = |words: &str| {
            let lines = vec![Line { text: words.to_owned(), strong: true }];
            Picture::Text(Text { lines, dimmed: false, scroll: Scroll::Normal })
        };
        assert!(text("Title 1:09").continues(&text("Title 1:10")));
        assert!(!text("Title 1:09").continues(&text("Other 0:00")));
    }

    #[test]
    fn spans_beyond_the_grid_are_brought_into_it() {
        let size = |columns, rows| Size { columns, rows }.pixels();
        assert_eq!(size(0, 0), (150, 108));
        assert_eq!(size(255, 255), (782, 456));
    }
}
