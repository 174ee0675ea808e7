//! From a description to pixels.
//!
//! A widget says *what* an instance shows as a [`Picture`], a small value that is compared and kept; the
//! [`Renderer`] turns one into a PNG of exactly the pixels that the host's grid has for the instance. The
//! two are apart so that widgets stay pure functions, and so that nothing is drawn while nothing has
//! changed: whoever holds the last `Picture` of an instance compares before it draws.
//!
//! Rooms: `colour` (contrast, the colour of a cover), `covers` (fetching, decoding, keeping), `fonts` (which
//! font shows which character), `text` (shaping and glyphs), `icons`, and `renderer` (the layouts).

mod colour;
mod covers;
mod fonts;
mod icons;
mod renderer;
#[cfg(test)]
mod sheet;
mod text;

use host_sdk::manifest::{height_px, width_px};

pub use covers::{Cover, CoverError, CoverLimits, CoverState, Covers};
pub use icons::Icon;
pub use renderer::{Renderer, SystemFonts};

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
}

impl Picture {
    /// The address of the cover that this picture wants, to ask [`Covers`] for.
    pub fn cover(&self) -> Option<&str> {
        match self {
            Picture::NowPlaying(now) => now.cover.as_deref(),
            Picture::Key(_) | Picture::Notice(_) => None,
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
    /// The address of the cover picture. The picture itself goes to [`Renderer::png`] beside this.
    pub cover: Option<String>,
    /// The title. Whatever script it is in; cut with an ellipsis when too long.
    pub title: String,
    /// The artist or artists, or the show of an episode. May be empty.
    pub artist: String,
    /// Whether it plays now; a paused one shows a pause sign beside its time.
    pub playing: bool,
    /// Where in the track it is; none for what has no known duration.
    pub progress: Option<Progress>,
    /// Text and progress shown dark because they may be out of date. The cover is never drawn over.
    pub dimmed: bool,
}

/// A place in a track, in whole seconds: what the face shows, so that two moments that look alike are equal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Progress {
    /// Seconds since the beginning.
    pub position_s: u32,
    /// Seconds in all.
    pub duration_s: u32,
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
    fn spans_beyond_the_grid_are_brought_into_it() {
        let size = |columns, rows| Size { columns, rows }.pixels();
        assert_eq!(size(0, 0), (150, 108));
        assert_eq!(size(255, 255), (782, 456));
    }
}
