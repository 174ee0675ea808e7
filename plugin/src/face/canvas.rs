//! The drawing primitives of all faces: backgrounds, bars, icons, covers, lines.
//!
//! A layout draws static parts immediately. Moving parts, a scrolling line or the position in a track, it only records as
//! [`Moving`], so that the renderer can redraw them over the same static layer.

use std::sync::Arc;

use cosmic_text::Align;
use tiny_skia::{
    Color, FillRule, FilterQuality, Paint, Path, PathBuilder, Pattern, Pixmap, PixmapPaint, SpreadMode, Transform,
};

use super::colour::{Rgb, WHITE};
use super::covers::Cover;
use super::fonts::{NORMAL, STRONG};
use super::icons::{Icon, Icons};
use super::scroll::ScrollPosition;
use super::text::{Area, LongLine, Style, Typesetter};
use super::{Progress, Scroll, Size};

/// Opacity of everything but the background on a dimmed face.
pub(super) const DIMMED: f32 = 0.5;

/// Returns the loaded cover of a URL.
pub(super) type CoverOf<'c> = dyn Fn(&str) -> Option<Arc<Cover>> + 'c;

/// A face that is being drawn.
pub(super) struct Face<'r> {
    pub(super) canvas: Pixmap,
    pub(super) width: f32,
    pub(super) height: f32,
    /// The size relative to a single key, within limits that look right for icons and text.
    pub(super) scale: f32,
    pub(super) text: &'r mut Typesetter,
    pub(super) icons: &'r mut Icons,
    pub(super) moving: Vec<Moving>,
}

/// A part that is drawn over the static layer each time.
pub(super) enum Moving {
    /// A line that scrolls.
    Line(LongLine),
    /// The position in the track, as a bar.
    Bar { area: Area, colour: Rgb },
    /// The position in the track, in digits.
    Elapsed { area: Area, style: Style },
}

impl Moving {
    /// Draws it as of a moment.
    pub(super) fn draw(
        &self,
        canvas: &mut Pixmap,
        text: &mut Typesetter,
        moment: Option<ScrollPosition>,
        progress: Option<Progress>,
    ) {
        match self {
            Moving::Line(line) => {
                text.draw_long_line(canvas, line, moment.map_or(0, |moment| moment.offset(line.travel)));
            }
            Moving::Bar { area, colour } => {
                let Some(progress) = progress else { return };
                let share = progress.position_s as f32 / progress.duration_s.max(1) as f32;
                meter(canvas, *area, share, *colour);
            }
            Moving::Elapsed { area, style } => {
                let Some(progress) = progress else { return };
                text.draw_line(canvas, &clock(progress).0, *area, style);
            }
        }
    }

    /// Returns how far it scrolls, in pixels.
    pub(super) fn travel(&self) -> u32 {
        match self {
            Moving::Line(line) => line.travel,
            Moving::Bar { .. } | Moving::Elapsed { .. } => 0,
        }
    }
}

impl<'r> Face<'r> {
    pub(super) fn new(size: Size, text: &'r mut Typesetter, icons: &'r mut Icons) -> Self {
        let (width, height) = size.pixels();
        let canvas = Pixmap::new(width, height).expect("no span is empty or huge");
        let (width, height) = (width as f32, height as f32);
        let scale = (width / 150.0).min(height / 108.0).min(1.8);
        Face { canvas, width, height, scale, text, icons, moving: Vec::new() }
    }

    /// Draws the whole cover with slightly rounded corners and nothing over it, as
    /// [Spotify's design guidelines](https://developer.spotify.com/documentation/design) require, centred in its square.
    /// Without a cover, draws an icon on a plain square.
    pub(super) fn cover(&mut self, cover: Option<&Cover>, square: (f32, f32, f32), stand_in: Icon, plain: (Rgb, Rgb)) {
        let (x, y, side) = (square.0.round(), square.1.round(), square.2);
        let radius = match side {
            160.0.. => 6.0,
            60.0.. => 4.0,
            _ => 2.0,
        };
        let Some(picture) = cover.and_then(|cover| cover.scaled(side as u32)) else {
            let (background, icon) = plain;
            fill(&mut self.canvas, rounded(Area { x, y, width: side, height: side }, radius), background);
            let centre = side / 2.0;
            self.icon(stand_in, icon, (side * 0.46).round(), x + centre, y + centre);
            return;
        };
        let (width, height) = (picture.width() as f32, picture.height() as f32);
        let area =
            Area { x: (x + (side - width) / 2.0).round(), y: (y + (side - height) / 2.0).round(), width, height };
        let Some(path) = rounded(area, radius) else {
            return;
        };
        let paint = Paint {
            shader: Pattern::new(
                picture.as_ref().as_ref(),
                SpreadMode::Pad,
                FilterQuality::Nearest,
                1.0,
                Transform::from_translate(area.x, area.y),
            ),
            anti_alias: true,
            ..Paint::default()
        };
        self.canvas.fill_path(&path, &paint, FillRule::Winding, Transform::identity(), None);
    }

    /// Draws one line of text. If it is too long, it scrolls, or is truncated with an ellipsis if scrolling is off.
    pub(super) fn line(&mut self, text: &str, area: Area, style: &Style, scroll: Scroll) {
        if scroll != Scroll::Off
            && let Some(line) = self.text.long_line(text, area, style)
        {
            self.moving.push(Moving::Line(line));
        } else {
            self.text.draw_line(&mut self.canvas, text, area, style);
        }
    }

    /// Draws one line of text that shrinks from `style.size` down to `smallest` before it is truncated.
    pub(super) fn shrinking_line(&mut self, text: &str, area: Area, style: &Style, smallest: f32) {
        let style = Style { size: self.shrunk(text, area.width, style, smallest), ..*style };
        self.text.draw_line(&mut self.canvas, text, area, &style);
    }

    /// Returns the size at which a line fits a width, between `smallest` and `style.size`.
    pub(super) fn shrunk(&mut self, text: &str, width: f32, style: &Style, smallest: f32) -> f32 {
        let natural = self.text.width(text, style);
        (style.size * width / natural.max(1.0)).clamp(smallest.min(style.size), style.size)
    }

    pub(super) fn icon(&mut self, icon: Icon, colour: Rgb, px: f32, x: f32, y: f32) {
        let px = px.round().max(1.0);
        if let Some(pixmap) = self.icons.get(icon, colour, px as u32) {
            let (x, y) = ((x - px / 2.0).round(), (y - px / 2.0).round());
            self.canvas.draw_pixmap(
                x as i32,
                y as i32,
                pixmap.as_ref(),
                &PixmapPaint::default(),
                Transform::identity(),
                None,
            );
        }
    }

    /// Fills the background of a key: `base`, slightly lighter at the top and darker at the bottom.
    pub(super) fn key_background(&mut self, base: Rgb) {
        self.background(base.blend(WHITE, 0.04), base.darken(0.82));
    }

    /// Fills the background with a vertical gradient. Each row has a single colour, which PNG compresses to almost nothing.
    pub(super) fn background(&mut self, top: Rgb, bottom: Rgb) {
        let width = self.canvas.width() as usize;
        let rows = self.canvas.data_mut().chunks_exact_mut(width * 4);
        for (row, line) in rows.enumerate() {
            let Rgb(r, g, b) = top.blend(bottom, row as f32 / self.height);
            for pixel in line.chunks_exact_mut(4) {
                pixel.copy_from_slice(&[r, g, b, 255]);
            }
        }
    }
}

/// Returns a text style; `size` is in pixels.
pub(super) fn style(size: f32, strong: bool, align: Align, colour: Rgb) -> Style {
    Style { size, weight: if strong { STRONG } else { NORMAL }, colour, align, tabular: false }
}

/// Formats elapsed and total time: m:ss, or h:mm:ss for both if the total has hours.
pub(super) fn clock(progress: Progress) -> (String, String) {
    let format = |seconds: u32| {
        let (hours, minutes, seconds) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
        if progress.duration_s >= 3600 {
            format!("{hours}:{minutes:02}:{seconds:02}")
        } else {
            format!("{minutes}:{seconds:02}")
        }
    };
    let position = progress.position_s.min(progress.duration_s);
    (format(position), format(progress.duration_s))
}

/// Draws a bar with round ends that fills a share (0 to 1, more counts as 1) of its area.
pub(super) fn meter(canvas: &mut Pixmap, area: Area, share: f32, colour: Rgb) {
    if share > 0.0 {
        let width = (area.width * share.min(1.0)).max(area.height);
        fill(canvas, rounded(Area { width, ..area }, area.height / 2.0), colour);
    }
}

/// Fills a path with one colour.
pub(super) fn fill(canvas: &mut Pixmap, path: Option<Path>, Rgb(r, g, b): Rgb) {
    let Some(path) = path else { return };
    let mut paint = Paint { anti_alias: true, ..Paint::default() };
    paint.set_color(Color::from_rgba8(r, g, b, 255));
    canvas.fill_path(&path, &paint, FillRule::Winding, Transform::identity(), None);
}

/// Returns a rectangle with rounded corners, or `None` if it is empty.
pub(super) fn rounded(area: Area, radius: f32) -> Option<Path> {
    // Length of a cubic Bézier's handles that approximates a quarter circle.
    const HANDLE: f32 = 0.552_285;
    let (left, top) = (area.x, area.y);
    let (right, bottom) = (area.x + area.width, area.y + area.height);
    let r = radius.min(area.width / 2.0).min(area.height / 2.0);
    let h = r * (1.0 - HANDLE);
    let mut path = PathBuilder::new();
    path.move_to(left + r, top);
    path.line_to(right - r, top);
    path.cubic_to(right - h, top, right, top + h, right, top + r);
    path.line_to(right, bottom - r);
    path.cubic_to(right, bottom - h, right - h, bottom, right - r, bottom);
    path.line_to(left + r, bottom);
    path.cubic_to(left + h, bottom, left, bottom - h, left, bottom - r);
    path.line_to(left, top + r);
    path.cubic_to(left, top + h, left + h, top, left + r, top);
    path.close();
    path.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clock_formats_elapsed_and_total_time() {
        let clock = |position_s, duration_s| {
            let (elapsed, total) = clock(Progress { position_s, duration_s });
            format!("{elapsed} {total}")
        };
        assert_eq!(clock(0, 0), "0:00 0:00");
        assert_eq!(clock(61, 599), "1:01 9:59");
        assert_eq!(clock(61, 3600), "0:01:01 1:00:00");
        assert_eq!(clock(9, 5), "0:05 0:05");
        assert_eq!(clock(u32::MAX, u32::MAX), "1193046:28:15 1193046:28:15");
    }
}
