//! The layouts of all pictures but Playing Now: keys with an icon or a cover, notices, lists, text.

use std::sync::Arc;

use cosmic_text::Align;

use super::canvas::{CoverOf, DIMMED, Face, Moving, fill, meter, rounded, style};
use super::colour::{GREEN, GREY, KEY, Rgb, SECONDARY, WHITE};
use super::covers::Cover;
use super::fonts::{STRONG, is_rtl};
use super::icons::Icon;
use super::text::{Area, LINE, Style};
use super::{CoverKey, Key, List, Notice, Row, Scroll, Size, Text, Tone};

/// The colour of warnings: an amber that is distinct from green and red.
const AMBER: Rgb = Rgb(0xff, 0xb0, 0x2e);

/// The colours of a key.
struct Look {
    base: Rgb,
    icon: Rgb,
    label: Rgb,
    /// Opacity of everything but the text.
    opacity: f32,
}

impl Look {
    fn of(tone: Tone, dimmed: bool) -> Look {
        let base = match tone {
            Tone::Active => KEY.blend(GREEN, 0.16),
            Tone::Normal | Tone::Disabled => KEY,
        };
        let (icon, label) = match tone {
            Tone::Normal => (WHITE, WHITE),
            Tone::Active => (GREEN, WHITE),
            Tone::Disabled => (GREY, GREY),
        };
        let opacity = if dimmed { DIMMED } else { 1.0 };
        Look { base, icon: base.blend(icon, opacity), label: lightest(base).text(label, opacity), opacity }
    }
}

/// Returns the lightest colour of a key's background: text that is readable on it is readable everywhere.
fn lightest(base: Rgb) -> Rgb {
    base.blend(WHITE, 0.04)
}

/// Returns the margin and the cover's side on a key, with or without a label.
fn cover_key(size: Size, labelled: bool) -> (f32, f32) {
    let (width, height) = size.pixels();
    let (width, height) = (width as f32, height as f32);
    let scale = (width / 150.0).min(height / 108.0).min(1.8);
    let margin = (7.0 * scale).round();
    let label = if labelled && !is_wide(size) { (LABEL + LABEL_GAP) * scale } else { 0.0 };
    (margin, (height - 2.0 * margin - label).min(width - 2.0 * margin).floor())
}

/// Heights on a key with a cover, in units of a key's scale.
const LABEL: f32 = 20.0;
const LABEL_GAP: f32 = 3.0;

/// Returns whether the label is beside the cover, rather than below it.
fn is_wide(size: Size) -> bool {
    let (width, height) = size.pixels();
    width as f32 > 1.6 * height as f32
}

/// Returns the largest side of a key's cover at a size.
pub(super) fn cover_pixels(size: Size) -> u32 {
    cover_key(size, false).1 as u32
}

/// Returns the layout of a list: margin, height of the heading, height of a row, number of rows.
fn list_layout(size: Size) -> (f32, f32, f32, usize) {
    /// Minimum height of a row: below it, title and byline would be too small to read.
    const MIN_ROW: f32 = 44.0;
    let height = size.pixels().1 as f32;
    let margin = 10.0;
    // A single row of the Panel has no space for a heading.
    let heading = if size.rows <= 1 { 0.0 } else { 28.0 };
    let available = height - 2.0 * margin - heading;
    // Narrow lists have higher rows, as their titles have less space beside the cover.
    let min_row = if size.columns <= 2 && size.rows <= 2 { 1.3 * MIN_ROW } else { MIN_ROW };
    let rows = (available / min_row).floor().max(1.0);
    (margin, heading, available / rows, rows as usize)
}

/// Returns how many rows fit into a size.
pub(super) fn list_capacity(size: Size) -> usize {
    if size.columns <= 1 && size.rows <= 1 { 1 } else { list_layout(size).3 }
}

/// Returns the largest side of a row's cover at a size.
pub(super) fn row_cover_pixels(size: Size) -> u32 {
    if size.columns <= 1 && size.rows <= 1 {
        cover_key(size, true).1 as u32
    } else {
        row_cover(list_layout(size).2) as u32
    }
}

fn row_cover(row: f32) -> f32 {
    (row - 6.0).min(72.0).floor()
}

impl Face<'_> {
    pub(super) fn key(&mut self, key: &Key) {
        let look = Look::of(key.tone, key.dimmed);
        self.key_background(look.base);
        let scale = self.scale;
        let icon_px = scale
            * match (key.label.is_empty(), &key.note) {
                (true, _) => 54.0,
                (false, None) => 46.0,
                (false, Some(_)) => 38.0,
            };
        let label_height = if key.label.is_empty() { 0.0 } else { 29.0 * scale };
        let note_height = if key.note.is_some() { 20.0 * scale } else { 0.0 };
        let meter_height = if key.meter.is_some() { 9.0 * scale } else { 0.0 };
        let top = (self.height - icon_px - label_height - note_height - meter_height) / 2.0;
        self.icon(key.icon, look.icon, icon_px, self.width / 2.0, top + icon_px / 2.0);

        let strip = Area {
            x: 8.0 * scale,
            y: top + icon_px + 6.0 * scale,
            width: self.width - 16.0 * scale,
            height: 23.0 * scale,
        };
        let centred = |size: f32, strong, colour| style(size * scale, strong, Align::Center, colour);
        self.shrinking_line(&key.label, strip, &centred(17.0, true, look.label), 11.0 * scale);
        if let Some(note) = &key.note {
            let strip = Area { y: strip.y + 22.0 * scale, height: 20.0 * scale, ..strip };
            let colour = lightest(look.base).text(look.label, 0.72);
            self.shrinking_line(note, strip, &centred(14.0, false, colour), 11.0 * scale);
        }

        if let Some(percent) = key.meter {
            let area = Area {
                x: 22.0 * scale,
                y: self.height - 13.0 * scale,
                width: self.width - 44.0 * scale,
                height: 4.0 * scale,
            };
            let full = if key.tone == Tone::Disabled { GREY } else { GREEN };
            fill(&mut self.canvas, rounded(area, area.height / 2.0), look.base.blend(WHITE, 0.18 * look.opacity));
            meter(&mut self.canvas, area, f32::from(percent) / 100.0, look.base.blend(full, look.opacity));
        }
    }

    pub(super) fn notice(&mut self, notice: &Notice) {
        self.key_background(KEY);
        let colour = match notice.icon {
            Icon::Link => GREEN,
            Icon::Warning | Icon::Offline => AMBER,
            _ => WHITE,
        };
        self.message(notice.icon, colour, &notice.text, 0.0);
    }

    /// Draws an icon above wrapped text, centred in the part of the face below `from`.
    fn message(&mut self, icon: Icon, colour: Rgb, text: &str, from: f32) {
        let scale = self.scale;
        let margin = 9.0 * scale;
        let icon_px = 28.0 * scale;
        let gap = 6.0 * scale;
        let height = self.height - from;
        let available = Area {
            x: margin,
            y: from + margin + icon_px + gap,
            // Long lines are hard to read, even on a wide face.
            width: (self.width - 2.0 * margin).min(260.0 * scale),
            height: height - 2.0 * margin - icon_px - gap,
        };
        let style = Style { size: 0.0, weight: STRONG, colour: WHITE, align: Align::Center, tabular: false };
        let (size, lines) = self.text.fit_size(text, available, &style, 16.0 * scale, 10.0);
        let text_height = size * LINE * lines as f32;
        let top = from + ((height - icon_px - gap - text_height) / 2.0).max(margin);
        self.icon(icon, colour, icon_px, self.width / 2.0, top + icon_px / 2.0);
        let x = (self.width - available.width) / 2.0;
        let area = Area { x, y: top + icon_px + gap, height: text_height, ..available };
        self.text.draw_block(&mut self.canvas, text, area, &Style { size, ..style }, lines);
    }

    pub(super) fn cover_key(&mut self, key: &CoverKey, size: Size, covers: &CoverOf<'_>) {
        let look = Look::of(key.tone, key.dimmed);
        self.key_background(look.base);
        let cover = key.cover.as_deref().and_then(covers);
        let labelled = !key.label.is_empty();
        let (margin, side) = cover_key(size, labelled);
        // Without a cover the icon is large and in its place.
        let badge = (key.tone == Tone::Active && cover.is_some()).then_some((key.icon, look.icon));
        if is_wide(size) && labelled {
            self.key_cover(cover, margin, (self.height - side) / 2.0, side, key.icon, &look);
            let x = margin + side + margin;
            let area = Area { x, y: margin, width: self.width - x - margin, height: self.height - 2.0 * margin };
            self.label_beside(&key.label, area, look.label, badge);
        } else {
            let label = if labelled { LABEL * self.scale } else { 0.0 };
            let used = if labelled { side + LABEL_GAP * self.scale + label } else { side };
            let top = ((self.height - used) / 2.0).round();
            self.key_cover(cover, (self.width - side) / 2.0, top, side, key.icon, &look);
            let area = Area { x: margin, y: top + used - label, width: self.width - 2.0 * margin, height: label };
            self.label_below(&key.label, area, look.label, badge);
        }
    }

    fn key_cover(&mut self, cover: Option<Arc<Cover>>, x: f32, y: f32, side: f32, stand_in: Icon, look: &Look) {
        let background = look.base.blend(WHITE, 0.10 * look.opacity);
        self.cover(cover.as_deref(), (x, y, side), stand_in, (background, look.icon));
    }

    /// Draws a centred line with an optional small icon in front of it.
    fn label_below(&mut self, label: &str, area: Area, colour: Rgb, badge: Option<(Icon, Rgb)>) {
        if label.is_empty() {
            return;
        }
        let scale = self.scale;
        let icon_px = if badge.is_some() { (15.0 * scale).round() } else { 0.0 };
        let taken = if badge.is_some() { icon_px + 4.0 * scale } else { 0.0 };
        let style = style(15.0 * scale, true, Align::Left, colour);
        let available = area.width - taken;
        let size = self.shrunk(label, available, &style, 11.0 * scale);
        let style = Style { size, ..style };
        // One pixel more, or rounding might truncate the text.
        let width = (self.text.width(label, &style).ceil() + 1.0).min(available);
        let x = (area.x + (area.width - taken - width) / 2.0).round();
        if let Some((icon, colour)) = badge {
            self.icon(icon, colour, icon_px, x + icon_px / 2.0, area.y + area.height / 2.0);
        }
        self.text.draw_line(&mut self.canvas, label, Area { x: x + taken, width, ..area }, &style);
    }

    /// Draws wrapped text, vertically centred in an area, with an optional small icon above it.
    fn label_beside(&mut self, label: &str, area: Area, colour: Rgb, badge: Option<(Icon, Rgb)>) {
        let scale = self.scale;
        let icon_px = (20.0 * scale).round();
        let taken = if badge.is_some() { icon_px + 4.0 * scale } else { 0.0 };
        let align = if is_rtl(label) { Align::Right } else { Align::Left };
        let style = style(0.0, true, align, colour);
        let available = Area { height: area.height - taken, ..area };
        let (size, lines) = self.text.fit_size(label, available, &style, 20.0 * scale, 12.0 * scale);
        let style = Style { size, ..style };
        let lines = self.text.line_count(label, available.width, &style, lines);
        let height = size * LINE * lines as f32;
        let top = area.y + (area.height - taken - height) / 2.0;
        if let Some((icon, colour)) = badge {
            let half = icon_px / 2.0;
            let x = if align == Align::Right { area.x + area.width - half } else { area.x + half };
            self.icon(icon, colour, icon_px, x, top + half);
        }
        self.text.draw_block(&mut self.canvas, label, Area { y: top + taken, height, ..area }, &style, lines);
    }

    pub(super) fn list(&mut self, list: &List, size: Size, covers: &CoverOf<'_>) {
        let is_single_key = size.columns <= 1 && size.rows <= 1;
        if let Some(first) = list.rows.first().filter(|_| is_single_key) {
            let key = CoverKey {
                cover: first.cover.clone(),
                icon: Icon::Music,
                label: first.title.clone(),
                tone: Tone::Normal,
                dimmed: false,
            };
            return self.cover_key(&key, size, covers);
        }
        self.key_background(KEY);
        let (margin, heading, row, capacity) = list_layout(size);
        if heading > 0.0 {
            let colour = lightest(KEY).text(WHITE, SECONDARY);
            let strip = Area { x: margin, y: margin - 2.0, width: self.width - 2.0 * margin, height: heading - 4.0 };
            let align = if is_rtl(&list.heading) { Align::Right } else { Align::Left };
            self.text.draw_line(&mut self.canvas, &list.heading, strip, &style(15.0, true, align, colour));
        }
        if list.rows.is_empty() {
            return self.message(Icon::List, WHITE, &list.empty, heading);
        }
        for (index, entry) in list.rows.iter().take(capacity).enumerate() {
            let y = margin + heading + row * index as f32;
            let area = Area { x: margin, y, width: self.width - 2.0 * margin, height: row };
            self.row(entry, area, covers);
        }
    }

    fn row(&mut self, row: &Row, area: Area, covers: &CoverOf<'_>) {
        let side = row_cover(area.height);
        let cover = row.cover.as_deref().and_then(covers);
        let background = lightest(KEY);
        let top = area.y + (area.height - side) / 2.0;
        self.cover(cover.as_deref(), (area.x, top, side), Icon::Music, (background.blend(WHITE, 0.08), GREY));
        let x = area.x + side + 10.0;
        let unit = (area.height / 44.0).min(1.4);
        let (title, byline) = (19.0 * unit, if row.byline.is_empty() { 0.0 } else { 16.0 * unit });
        let align = if is_rtl(&row.title) { Align::Right } else { Align::Left };
        let y = area.y + (area.height - title - byline) / 2.0;
        let strip = Area { x, y, width: area.x + area.width - x, height: title };
        self.text.draw_line(&mut self.canvas, &row.title, strip, &style(15.0 * unit, true, align, WHITE));
        let strip = Area { y: y + title, height: byline, ..strip };
        let colour = background.text(WHITE, SECONDARY);
        self.text.draw_line(&mut self.canvas, &row.byline, strip, &style(12.5 * unit, false, align, colour));
    }

    pub(super) fn text_lines(&mut self, text: &Text) {
        self.key_background(KEY);
        let opacity = if text.dimmed { DIMMED } else { 1.0 };
        let margin = 8.0 * self.scale;
        let available = Area { x: margin, y: 6.0, width: self.width - 2.0 * margin, height: self.height - 12.0 };
        // Lines that would be too small to read are left out.
        let max_lines = (available.height / (TEXT_MIN * LINE)) as usize;
        let lines = &text.lines[..text.lines.len().min(max_lines)];
        let largest = (available.height / (lines.len().max(1) as f32 * LINE)).min(TEXT_MAX * self.scale);
        let background = lightest(KEY);
        let sizes: Vec<(f32, bool)> = lines
            .iter()
            .map(|line| {
                let style = text_style(largest, line.strong, background.text(WHITE, opacity));
                // A line that would have to shrink a lot scrolls instead, at a size that shows several words.
                let smallest = (0.6 * largest).max(TEXT_MIN.min(largest));
                let natural = self.text.width(&line.text, &style);
                let fitting = largest * available.width / natural.max(1.0);
                match text.scroll {
                    _ if fitting >= smallest => (fitting.min(largest), true),
                    Scroll::Off => (smallest, false),
                    _ => (largest.min(TEXT_SCROLLING * self.scale), false),
                }
            })
            .collect();
        // Static lines are no larger than a scrolling one, which would look less important otherwise.
        let scrolls = sizes.iter().any(|(_, fits)| !fits) && text.scroll != Scroll::Off;
        let max_size = if scrolls { TEXT_SCROLLING * self.scale } else { largest };
        let sizes: Vec<(f32, bool)> = sizes.into_iter().map(|(size, fits)| (size.min(max_size), fits)).collect();
        let height: f32 = sizes.iter().map(|(size, _)| size * LINE).sum();
        let mut y = available.y + (available.height - height) / 2.0;
        for (line, (size, fits)) in lines.iter().zip(sizes) {
            let line_opacity = if line.strong { opacity } else { SECONDARY * opacity };
            let style = text_style(size, line.strong, background.text(WHITE, line_opacity));
            let area = Area { y, height: size * LINE, ..available };
            if fits {
                // Slightly wider, because the width was measured at another size.
                let area = Area { x: area.x - 2.0, width: area.width + 4.0, ..area };
                self.text.draw_line(&mut self.canvas, &line.text, area, &style);
            } else {
                self.line(&line.text, area, &style, text.scroll);
            }
            y += size * LINE;
        }
        debug_assert!(self.moving.iter().all(|moving| matches!(moving, Moving::Line(_))));
    }
}

/// Minimum size of text lines, in pixels.
const TEXT_MIN: f32 = 11.0;
/// Maximum size of text lines, in pixels on a single key; it scales with the face.
const TEXT_MAX: f32 = 40.0;
/// Size of a scrolling line, in pixels on a single key: small enough to show several words at once.
const TEXT_SCROLLING: f32 = 22.0;

fn text_style(size: f32, strong: bool, colour: Rgb) -> Style {
    Style { tabular: true, ..style(size, strong, Align::Center, colour) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::face::colour::CONTRAST;
    use crate::face::{Line, Picture, samples};

    #[test]
    fn text_on_keys_is_readable() {
        for tone in [Tone::Normal, Tone::Active, Tone::Disabled] {
            for dimmed in [false, true] {
                let look = Look::of(tone, dimmed);
                for behind in [lightest(look.base), look.base, look.base.darken(0.82)] {
                    assert!(behind.contrast(look.label) >= CONTRAST, "{tone:?} {dimmed}");
                }
            }
        }
    }

    #[test]
    fn covers_are_never_larger_than_cover_pixels() {
        for size in samples::sizes() {
            for label in ["", "Label"] {
                let cover = samples::small_cover(1);
                samples::draw_with(&mut samples::renderer(), &samples::cover_key(label, Tone::Active), size, &cover);
                assert!(cover.scaled_sizes().into_iter().all(|px| px <= CoverKey::cover_pixels(size)), "{size:?}");
            }
            let cover = samples::small_cover(1);
            samples::draw_with(&mut samples::renderer(), &samples::list(9), size, &cover);
            assert!(cover.scaled_sizes().into_iter().all(|px| px <= List::cover_pixels(size)), "{size:?}");
        }
    }

    #[test]
    fn lists_have_the_designed_capacity() {
        let capacity = |columns, rows| List::capacity(Size { columns, rows });
        assert_eq!((capacity(1, 1), capacity(2, 2), capacity(3, 2)), (1, 3, 4));
        assert!(samples::sizes().all(|size| List::capacity(size) >= 1));
    }

    #[test]
    fn rows_beyond_the_capacity_are_left_out() {
        let size = Size { columns: 2, rows: 2 };
        let mut renderer = samples::renderer();
        let [many, enough, few] = [9, 3, 2].map(|rows| samples::draw(&mut renderer, &samples::list(rows), size));
        assert_eq!(many.data(), enough.data());
        assert_ne!(enough.data(), few.data());
    }

    #[test]
    fn text_lines_fill_the_face_and_stay_inside() {
        let mut renderer = samples::renderer();
        let lines = |texts: &[&str]| {
            let lines = texts.iter().map(|text| Line { text: (*text).to_owned(), strong: true }).collect();
            Picture::Text(Text { lines, dimmed: false, scroll: Scroll::Off })
        };
        for size in samples::sizes() {
            for texts in [&["A"][..], &["Title", "Artist"], &["W".repeat(80).as_str()], &["x"; 40], &[]] {
                let canvas = samples::draw(&mut renderer, &lines(texts), size);
                let (w, h) = (canvas.width(), canvas.height());
                let bright = |x, y| canvas.pixel(x, y).is_some_and(|p| p.green() > 90);
                assert!((0..w).all(|x| !bright(x, 0) && !bright(x, h - 1)), "{size:?} {texts:?}");
                assert!((0..h).all(|y| !bright(0, y) && !bright(w - 1, y)), "{size:?} {texts:?}");
            }
        }
        let ink = |canvas: &tiny_skia::Pixmap| canvas.pixels().iter().filter(|p| p.green() > 128).count();
        let one = ink(&samples::draw(&mut renderer, &lines(&["8:15"]), Size::KEY));
        let of_five = ink(&samples::draw(&mut renderer, &lines(&["8:15", "", "", "", ""]), Size::KEY));
        assert!(one > 4 * of_five, "{one} {of_five}");
    }
}
