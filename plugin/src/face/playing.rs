//! The layouts of Playing Now, each worked out from the pixels of its size.
//!
//! The cover is always whole, with nothing drawn over it, as Spotify's design guidelines ask; the background is taken from
//! its colours, as dark as the words on it need.

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
    /// On a background that was made for words.
    fn on(behind: Rgb, now: &NowPlaying) -> Look {
        let left = if now.dimmed { DIMMED } else { 1.0 };
        // Words can't be fainter than is readable, so that a dimmed face is a darker one as a whole.
        let top = if now.dimmed { behind.darken(0.5) } else { behind };
        Look {
            top,
            bottom: top.darken(0.62),
            first: top.text(WHITE, left),
            second: top.text(WHITE, SECONDARY * left),
            track: top.blend(WHITE, 0.24 * left),
            fill: top.blend(WHITE, if now.playing { left } else { 0.62 * left }),
        }
    }
}

/// Which layout a size has.
enum Kind {
    /// The cover, and how far the track is.
    Small,
    /// Words only.
    Line,
    /// The cover on the left, the words on the right.
    Wide,
    /// The cover above the words.
    Tall,
}

fn kind(size: Size) -> Kind {
    let (width, height) = size.pixels();
    match (size.columns, size.rows) {
        (0..=1, 0..=1) => Kind::Small,
        (_, 0..=1) => Kind::Line,
        _ if width as f32 > 1.6 * height as f32 => Kind::Wide,
        _ => Kind::Tall,
    }
}

/// The cover's side in [`Kind::Small`].
const SMALL_SIDE: f32 = 86.0;

/// Margin and the cover's side in [`Kind::Wide`].
fn wide(width: f32, height: f32) -> (f32, f32) {
    let margin = (height * 0.08).round();
    (margin, (height - 2.0 * margin).min(width * 0.46).round())
}

/// Margin and unit of [`Kind::Tall`], and the cover's side above words of a height.
fn tall(width: f32, height: f32) -> (f32, f32, impl Fn(f32) -> f32) {
    let margin = (width.min(height) * 0.06).round().max(10.0);
    let unit = (width / 308.0).clamp(0.78, 1.5);
    (margin, unit, move |words: f32| (height - 2.0 * margin - words).min(width - 2.0 * margin).round())
}

/// Heights in [`Kind::Tall`], in units.
const TALL_TITLE: f32 = 26.0;
const TALL_ARTIST: f32 = 21.0;
const TALL_GAP: f32 = 8.0;

/// The cover's side at a size, at most.
pub(super) fn cover_pixels(size: Size) -> u32 {
    let (width, height) = size.pixels();
    let (width, height) = (width as f32, height as f32);
    let side = match kind(size) {
        Kind::Small => SMALL_SIDE,
        Kind::Line => 0.0,
        Kind::Wide => wide(width, height).1,
        Kind::Tall => {
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
        match kind(size) {
            Kind::Small => self.playing_small(now, cover, &look),
            Kind::Line => self.playing_line(now, &look),
            Kind::Wide => self.playing_wide(now, cover, &look),
            Kind::Tall => self.playing_tall(now, cover, &look),
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

        let words = match now.progress {
            Some(_) => bar.y - column.y - 6.0 * unit,
            None => column.height,
        };
        // On the largest faces the column is narrower than the cover, and the words follow the column.
        let unit = unit.min(column.width / 220.0);
        let title_size = 23.0 * unit;
        let style = style(title_size, true, align(&now.title), look.first);
        let artist_height = if now.artist.is_empty() { 0.0 } else { 26.0 * unit };
        // What can be read whole in a few lines stands still; what can't moves in one, or is cut after some more.
        let most = if now.scroll == Scroll::Off { 3.0 } else { 2.0 };
        let most = ((words - artist_height) / (title_size * LINE)).clamp(1.0, most) as usize;
        let wraps = now.scroll == Scroll::Off || self.text.holds(&now.title, column.width, &style, most);
        let lines = if wraps { self.text.lines(&now.title, column.width, &style, most) } else { 1 };
        let title_height = title_size * LINE * lines as f32;
        let title = Area {
            y: column.y + ((words - title_height - artist_height) / 2.0).max(0.0),
            height: title_height,
            ..column
        };
        if wraps {
            self.text.block(&mut self.canvas, &now.title, title, &style, lines);
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
        let mut words = title_height + artist_height + TALL_GAP * unit;
        if now.progress.is_some() {
            words += bar_height + 9.0 * unit;
        }
        // The times go beside the cover where there is room for them, else beneath the bar.
        let times_height = 18.0 * unit;
        let beside = strip.width - square(words) - margin >= 90.0 * unit;
        if now.progress.is_some() && !beside {
            words += times_height;
        }
        let side = square(words);
        let top = ((self.height - side - words) / 2.0).round();
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

    /// The progress bar; nothing where there is no progress.
    fn progress(&mut self, now: &NowPlaying, area: Area, look: &Look) {
        if now.progress.is_some() {
            fill(&mut self.canvas, rounded(area, area.height / 2.0), look.track);
            self.moving.push(Moving::Bar { area, colour: look.fill });
        }
    }

    /// Elapsed time on the left, total on the right; a pause sign between them while paused.
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

    /// Elapsed above total, at the right and lower edge of an area; a pause sign above them while paused.
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

    /// The total time, at the right edge of an area.
    fn time(&mut self, text: &str, area: Area, size: f32, colour: Rgb) {
        let style = digits(style(size, false, Align::Right, colour));
        self.text.strip(&mut self.canvas, text, area, &style);
    }
}

/// Digits keep their places while a time runs.
fn digits(style: Style) -> Style {
    Style { tabular: true, ..style }
}

/// Words begin where their reader begins.
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
        fn words_are_readable_whatever_the_cover(
            colour: (u8, u8, u8), other: (u8, u8, u8), share in 0u32..64, dimmed: bool, playing: bool,
        ) {
            let cover = samples::two_colours(colour, other, share);
            let now = NowPlaying { dimmed, playing, ..samples::now("Title") };
            let look = Look::on(cover.background(), &now);
            for step in 0..=20 {
                let behind = look.top.blend(look.bottom, step as f32 / 20.0);
                prop_assert!(behind.contrast(look.first) >= CONTRAST, "{look:?}");
                prop_assert!(behind.contrast(look.second) >= CONTRAST, "{look:?}");
            }
        }
    }

    #[test]
    fn a_dimmed_face_is_a_darker_one() {
        let [clear, dimmed] =
            [false, true].map(|dimmed| Look::on(NO_COVER, &NowPlaying { dimmed, ..samples::now("Title") }));
        assert!(dimmed.first.luminance() < 0.5 * clear.first.luminance());
        assert!(dimmed.top.luminance() < 0.7 * clear.top.luminance());
    }

    #[test]
    fn a_cover_is_never_drawn_larger_than_is_said() {
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
