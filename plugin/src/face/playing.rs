//! The layouts of Playing Now, each computed from the pixels of its size.
//!
//! The cover is always whole, with nothing drawn over it, as
//! [Spotify's design guidelines](https://developer.spotify.com/documentation/design) require. The background is the cover's
//! dominant colour, darkened until text on it is readable.

use cosmic_text::Align;

use super::canvas::{DIMMED, Face, Moving, clock, fill, rounded, style};
use super::colour::{NO_COVER, Rgb, SECONDARY, WHITE};
use super::covers::Cover;
use super::fonts::is_rtl;
use super::icons::Icon;
use super::text::{Area, LINE, Style};
use super::{NowPlaying, Scroll, Size};

/// The colours of Playing Now.
#[derive(Debug, Clone, Copy)]
struct Look {
    top: Rgb,
    bottom: Rgb,
    first: Rgb,
    second: Rgb,
    track: Rgb,
    fill: Rgb,
}

impl Look {
    /// Returns the colours on a background from [`Rgb::behind_text`].
    fn on(background: Rgb, now: &NowPlaying) -> Look {
        let opacity = if now.dimmed { DIMMED } else { 1.0 };
        // Text must stay readable, so a dimmed face is darkened as a whole.
        let top = if now.dimmed { background.darken(0.5) } else { background };
        Look {
            top,
            bottom: top.darken(0.62),
            first: top.text(WHITE, opacity),
            second: top.text(WHITE, SECONDARY * opacity),
            track: top.blend(WHITE, 0.24 * opacity),
            fill: top.blend(WHITE, if now.playing { opacity } else { 0.62 * opacity }),
        }
    }
}

/// The layout of a size.
enum Layout {
    /// The cover and the progress bar.
    Small,
    /// Text only.
    Line,
    /// The cover on the left, the text on the right.
    Wide,
    /// The cover above the text.
    Tall,
}

fn layout(size: Size) -> Layout {
    let (width, height) = size.pixels();
    match (size.columns, size.rows) {
        (0..=1, 0..=1) => Layout::Small,
        (_, 0..=1) => Layout::Line,
        _ if width as f32 > 1.6 * height as f32 => Layout::Wide,
        _ => Layout::Tall,
    }
}

/// The cover's side in [`Layout::Small`].
const SMALL_SIDE: f32 = 86.0;

/// Returns the margin and the cover's side in [`Layout::Wide`].
fn wide(width: f32, height: f32) -> (f32, f32) {
    let margin = (height * 0.08).round();
    (margin, (height - 2.0 * margin).min(width * 0.46).round())
}

/// Returns margin and unit of [`Layout::Tall`], and a function from the height of the text to the cover's side.
fn tall(width: f32, height: f32) -> (f32, f32, impl Fn(f32) -> f32) {
    let margin = (width.min(height) * 0.06).round().max(10.0);
    let unit = (width / 308.0).clamp(0.78, 1.5);
    (margin, unit, move |text: f32| (height - 2.0 * margin - text).min(width - 2.0 * margin).round())
}

/// Heights in [`Layout::Tall`], in units.
const TALL_TITLE: f32 = 26.0;
const TALL_ARTIST: f32 = 21.0;
const TALL_GAP: f32 = 8.0;

/// Returns the largest side of the cover at a size; 0 without a cover.
pub(super) fn cover_pixels(size: Size) -> u32 {
    let (width, height) = size.pixels();
    let (width, height) = (width as f32, height as f32);
    let side = match layout(size) {
        Layout::Small => SMALL_SIDE,
        Layout::Line => 0.0,
        Layout::Wide => wide(width, height).1,
        Layout::Tall => {
            let (_, unit, square) = tall(width, height);
            square((TALL_TITLE + TALL_ARTIST + TALL_GAP) * unit)
        }
    };
    side as u32
}

impl Face<'_> {
    pub(super) fn now_playing(&mut self, now: &NowPlaying, size: Size, cover: Option<&Cover>) {
        let look = Look::on(cover.map_or(NO_COVER, Cover::background), now);
        self.background(look.top, look.bottom);
        match layout(size) {
            Layout::Small => self.playing_small(now, cover, &look),
            Layout::Line => self.playing_line(now, &look),
            Layout::Wide => self.playing_wide(now, cover, &look),
            Layout::Tall => self.playing_tall(now, cover, &look),
        }
    }

    fn playing_small(&mut self, now: &NowPlaying, cover: Option<&Cover>, look: &Look) {
        let x = (self.width - SMALL_SIDE) / 2.0;
        self.playing_cover(cover, x, 7.0, SMALL_SIDE, look);
        self.progress(now, Area { x, y: 98.0, width: SMALL_SIDE, height: 3.0 }, look);
        if !now.playing {
            self.icon(Icon::Pause, look.second, 18.0, self.width - x / 2.0, 7.0 + SMALL_SIDE / 2.0);
        }
    }

    fn playing_line(&mut self, now: &NowPlaying, look: &Look) {
        let margin = 16.0;
        let strip = Area { x: margin, y: 10.0, width: self.width - 2.0 * margin, height: 30.0 };
        let y = if now.progress.is_some() { 9.0 } else { 26.0 };
        self.title(now, Area { y, ..strip }, 22.0, look);
        self.artist(now, Area { y: y + 30.0, height: 22.0, ..strip }, 16.0, look);
        self.progress(now, Area { y: 70.0, height: 5.0, ..strip }, look);
        self.times(now, Area { y: 80.0, height: 18.0, ..strip }, 14.0, look);
    }

    fn playing_wide(&mut self, now: &NowPlaying, cover: Option<&Cover>, look: &Look) {
        let (margin, side) = wide(self.width, self.height);
        let unit = self.height / 224.0;
        let top = ((self.height - side) / 2.0).round();
        self.playing_cover(cover, margin, top, side, look);

        let column = Area { x: side + 2.0 * margin, y: top, width: self.width - side - 3.0 * margin, height: side };
        let times_height = 17.0 * unit;
        let times = Area { y: column.y + column.height - times_height + 3.0 * unit, height: times_height, ..column };
        let bar = Area { y: times.y - 12.0 * unit, height: 5.0 * unit, ..column };
        self.times(now, times, 14.0 * unit, look);
        self.progress(now, bar, look);

        let text_height = match now.progress {
            Some(_) => bar.y - column.y - 6.0 * unit,
            None => column.height,
        };
        // On the largest faces the column is narrower than the cover, and limits the text.
        let unit = unit.min(column.width / 220.0);
        let title_size = 23.0 * unit;
        let style = style(title_size, true, align(&now.title), look.first);
        let artist_height = if now.artist.is_empty() { 0.0 } else { 26.0 * unit };
        // A title that fits into a few lines wraps. A longer one scrolls in a single line, or is truncated if scrolling is
        // off.
        let max_lines = if now.scroll == Scroll::Off { 3.0 } else { 2.0 };
        let max_lines = ((text_height - artist_height) / (title_size * LINE)).clamp(1.0, max_lines) as usize;
        let wraps = now.scroll == Scroll::Off || self.text.fits(&now.title, column.width, &style, max_lines);
        let lines = if wraps { self.text.line_count(&now.title, column.width, &style, max_lines) } else { 1 };
        let title_height = title_size * LINE * lines as f32;
        let title = Area {
            y: column.y + ((text_height - title_height - artist_height) / 2.0).max(0.0),
            height: title_height,
            ..column
        };
        if wraps {
            self.text.draw_block(&mut self.canvas, &now.title, title, &style, lines);
        } else {
            self.title(now, title, title_size, look);
        }
        let artist = Area { y: title.y + title_height + 4.0 * unit, height: 22.0 * unit, ..column };
        self.artist(now, artist, 17.0 * unit, look);
    }

    fn playing_tall(&mut self, now: &NowPlaying, cover: Option<&Cover>, look: &Look) {
        let (margin, unit, square) = tall(self.width, self.height);
        let strip = Area { x: margin, y: 0.0, width: self.width - 2.0 * margin, height: 0.0 };
        let bar_height = 5.0 * unit;
        let (title_height, artist_height) = (TALL_TITLE * unit, TALL_ARTIST * unit);
        let mut text_height = title_height + artist_height + TALL_GAP * unit;
        if now.progress.is_some() {
            text_height += bar_height + 9.0 * unit;
        }
        // The times are beside the cover if they fit there, else below the bar.
        let times_height = 18.0 * unit;
        let beside = strip.width - square(text_height) - margin >= 90.0 * unit;
        if now.progress.is_some() && !beside {
            text_height += times_height;
        }
        let side = square(text_height);
        let top = ((self.height - side - text_height) / 2.0).round();
        self.playing_cover(cover, margin, top, side, look);

        let title = Area { y: top + side + TALL_GAP * unit, height: title_height, ..strip };
        self.title(now, title, 20.0 * unit, look);
        let artist = Area { y: title.y + title_height, height: artist_height, ..strip };
        self.artist(now, artist, 15.5 * unit, look);
        let bar = Area { y: artist.y + artist_height + 9.0 * unit, height: bar_height, ..strip };
        self.progress(now, bar, look);
        if beside {
            let x = margin + side + margin;
            let times = Area { x, y: top + side - times_height, width: self.width - margin - x, height: times_height };
            self.times_beside(now, times, 15.0 * unit, look);
        } else {
            let times = Area { y: bar.y + bar_height + 2.0 * unit, height: times_height, ..strip };
            self.times(now, times, 14.0 * unit, look);
        }
    }

    fn playing_cover(&mut self, cover: Option<&Cover>, x: f32, y: f32, side: f32, look: &Look) {
        self.cover(cover, (x, y, side), Icon::Music, (look.track, look.second));
    }

    fn title(&mut self, now: &NowPlaying, area: Area, size: f32, look: &Look) {
        self.line(&now.title, area, &style(size, true, align(&now.title), look.first), now.scroll);
    }

    fn artist(&mut self, now: &NowPlaying, area: Area, size: f32, look: &Look) {
        self.line(&now.artist, area, &style(size, false, align(&now.title), look.second), now.scroll);
    }

    /// Draws the progress bar, if there is progress.
    fn progress(&mut self, now: &NowPlaying, area: Area, look: &Look) {
        if now.progress.is_some() {
            fill(&mut self.canvas, rounded(area, area.height / 2.0), look.track);
            self.moving.push(Moving::Bar { area, colour: look.fill });
        }
    }

    /// Draws the elapsed time on the left and the total on the right, with a pause sign between them while paused.
    fn times(&mut self, now: &NowPlaying, area: Area, size: f32, look: &Look) {
        let Some((_, total)) = now.progress.map(clock) else {
            return;
        };
        self.moving.push(Moving::Elapsed { area, style: digits(style(size, false, Align::Left, look.second)) });
        self.time(&total, area, size, look.second);
        if !now.playing {
            let middle = (area.x + area.width / 2.0, area.y + area.height / 2.0);
            self.icon(Icon::Pause, look.second, (size * 1.1).round(), middle.0, middle.1);
        }
    }

    /// Draws the elapsed above the total time, in the lower right corner of an area, with a pause sign above them while paused.
    fn times_beside(&mut self, now: &NowPlaying, area: Area, size: f32, look: &Look) {
        let Some((_, total)) = now.progress.map(clock) else {
            return;
        };
        self.time(&total, area, size, look.second);
        let above = Area { y: area.y - size * 1.7, height: size * 1.7, ..area };
        let style = digits(style(size * 1.35, true, Align::Right, look.first));
        self.moving.push(Moving::Elapsed { area: above, style });
        if !now.playing {
            let px = (size * 1.3).round();
            let x = area.x + area.width - px * 0.38;
            self.icon(Icon::Pause, look.second, px, x, above.y - px * 0.6);
        }
    }

    /// Draws the total time at the right edge of an area.
    fn time(&mut self, text: &str, area: Area, size: f32, colour: Rgb) {
        let style = digits(style(size, false, Align::Right, colour));
        self.text.draw_line(&mut self.canvas, text, area, &style);
    }
}

/// Gives all digits the same width, so that a running time doesn't jitter.
fn digits(style: Style) -> Style {
    Style { tabular: true, ..style }
}

/// Aligns text to the side where its script begins.
fn align(title: &str) -> Align {
    if is_rtl(title) { Align::Right } else { Align::Left }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::face::colour::CONTRAST;
    use crate::face::samples;

    proptest! {
        #[test]
        fn text_is_readable_with_every_cover(
            colour: (u8, u8, u8), other: (u8, u8, u8), share in 0u32..64, dimmed: bool, playing: bool,
        ) {
            let cover = samples::two_colours(colour, other, share);
            let now = NowPlaying { dimmed, playing, ..samples::now("Title") };
            let look = Look::on(cover.background(), &now);
            for step in 0..=20 {
                let background = look.top.blend(look.bottom, step as f32 / 20.0);
                prop_assert!(background.contrast(look.first) >= CONTRAST, "{look:?}");
                prop_assert!(background.contrast(look.second) >= CONTRAST, "{look:?}");
            }
        }
    }

    #[test]
    fn dimmed_face_is_darker() {
        let [clear, dimmed] =
            [false, true].map(|dimmed| Look::on(NO_COVER, &NowPlaying { dimmed, ..samples::now("Title") }));
        assert!(dimmed.first.luminance() < 0.5 * clear.first.luminance());
        assert!(dimmed.top.luminance() < 0.7 * clear.top.luminance());
    }

    #[test]
    fn cover_is_never_larger_than_cover_pixels() {
        for size in samples::sizes() {
            for progress in [None, samples::now("").progress] {
                let cover = samples::small_cover(2);
                let picture = NowPlaying { progress, ..samples::now("Title") };
                let _ = samples::draw_with(&mut samples::renderer(), &picture.into(), size, &cover);
                let largest = cover.scaled_sizes().into_iter().max().unwrap_or(0);
                assert!(largest <= cover_pixels(size), "{size:?}: {largest}");
            }
        }
    }
}
