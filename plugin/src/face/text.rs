//! Text on a face: shaping (including ligatures and right-to-left scripts), truncating or shrinking to an area, and drawing.

use std::collections::HashMap;

use cosmic_text::fontdb::Weight;
use cosmic_text::{Align, Attrs, Buffer, FeatureTag, FontFeatures, Metrics, Shaping, SwashCache, SwashContent, Wrap};
use tiny_skia::Pixmap;
use unicode_segmentation::UnicodeSegmentation;

use super::colour::Rgb;
use super::fonts::{Fonts, is_rtl};

/// A rectangle on a face, in pixels.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Area {
    pub(super) x: f32,
    pub(super) y: f32,
    pub(super) width: f32,
    pub(super) height: f32,
}

/// The appearance of a text.
#[derive(Debug, Clone, Copy)]
pub(super) struct Style {
    /// Size of the font, in pixels.
    pub(super) size: f32,
    pub(super) weight: Weight,
    pub(super) colour: Rgb,
    pub(super) align: Align,
    /// Whether all digits have the same width, so that a running time doesn't jitter.
    pub(super) tabular: bool,
}

/// The line height, as a multiple of the font size.
pub(super) const LINE: f32 = 1.25;

/// Characters of a text that are used: no face shows more, and a hostile title may have a million.
const MAX_CHARS: usize = 300;

/// Lays out and draws text, with caches of fonts, glyphs and truncated texts.
pub(super) struct Typesetter {
    pub(super) fonts: Fonts,
    glyphs: SwashCache,
    /// Truncated forms of texts that were too long. A title is drawn again every second.
    truncated: HashMap<TruncateKey, String>,
}

/// A line that is too long for its area: laid out once, and drawn again at every step of scrolling.
pub(super) struct LongLine {
    buffer: Buffer,
    area: Area,
    style: Style,
    /// How far it scrolls until its other end is visible, in pixels.
    pub(super) travel: u32,
    /// Whether it starts on the right.
    rtl: bool,
}

impl LongLine {
    /// Returns the part of the face that it is drawn in: its area, extended for marks above and below letters.
    pub(super) fn area(&self) -> Area {
        Area { y: self.area.y - 3.0, height: self.area.height + 6.0, ..self.area }
    }
}

/// A text and the space for it; sizes in 64ths of a pixel.
#[derive(PartialEq, Eq, Hash)]
struct TruncateKey {
    text: String,
    width: u32,
    size: u32,
    weight: Weight,
    tabular: bool,
    lines: usize,
}

impl Typesetter {
    /// Maximum number of cached glyphs: about 1 MB.
    const MAX_GLYPHS: usize = 2048;
    /// Maximum number of cached truncated texts; a Panel full of instances has fewer.
    const MAX_TRUNCATED: usize = 64;

    pub(super) fn new(fonts: Fonts) -> Self {
        Typesetter { fonts, glyphs: SwashCache::new(), truncated: HashMap::new() }
    }

    /// Returns the sizes of the caches: font choices, kinds of text with a font, fonts, glyphs, truncated texts.
    #[cfg(test)]
    pub(super) fn cache_sizes(&self) -> [usize; 5] {
        let [chosen, found, fonts] = self.fonts.cache_sizes();
        [chosen, found, fonts, self.glyphs.image_cache.len(), self.truncated.len()]
    }

    /// Draws one line, vertically centred in an area and truncated with an ellipsis if necessary.
    pub(super) fn draw_line(&mut self, canvas: &mut Pixmap, text: &str, area: Area, style: &Style) {
        self.draw_block(canvas, text, area, style, 1);
    }

    /// Draws wrapped text, vertically centred in an area and truncated with an ellipsis after `lines` lines.
    pub(super) fn draw_block(&mut self, canvas: &mut Pixmap, text: &str, area: Area, style: &Style, lines: usize) {
        if area.width < 1.0 {
            return;
        }
        let text = self.truncate(text, area.width, style, lines);
        let buffer = self.layout(&text, Some(area.width), style, wrap(lines));
        let count = buffer.layout_runs().count() as f32;
        let top = area.y + (area.height - count * style.size * LINE) / 2.0;
        self.draw(canvas, &buffer, (area.x, top.round()), &Clip::sides(area), style.colour);
    }

    /// Lays out a line, and returns it if it is too long for its area.
    pub(super) fn long_line(&mut self, text: &str, area: Area, style: &Style) -> Option<LongLine> {
        let buffer = self.layout(text, None, style, Wrap::None);
        let run = buffer.layout_runs().next()?;
        let width = run.line_w;
        (width > area.width).then(|| LongLine {
            travel: (width - area.width).ceil() as u32,
            rtl: is_rtl(text),
            area,
            style: *style,
            buffer,
        })
    }

    /// Draws a long line that has scrolled by `offset` pixels. It fades out at the edges where it continues.
    pub(super) fn draw_long_line(&mut self, canvas: &mut Pixmap, line: &LongLine, offset: u32) {
        let area = line.area();
        let hidden = if line.rtl { line.travel.saturating_sub(offset) } else { offset };
        let top = line.area.y + (line.area.height - line.style.size * LINE) / 2.0;
        let clip = Clip {
            fade_left: hidden > 0,
            fade_right: hidden < line.travel,
            above: area.y.floor() as i32,
            below: (area.y + area.height).ceil() as i32,
            ..Clip::sides(area)
        };
        self.draw(canvas, &line.buffer, (area.x.round() - hidden as f32, top.round()), &clip, line.style.colour);
    }

    /// Empties the glyph cache if it has grown beyond its limit.
    fn evict_glyphs(&mut self) {
        if self.glyphs.image_cache.len() > Self::MAX_GLYPHS {
            self.glyphs.image_cache.clear();
        }
    }

    /// Returns the largest size from `largest` down to `smallest` at which the text, wrapped between words, fits an area, and
    /// its number of lines. If none fits, returns `smallest` and the number of lines that fit.
    pub(super) fn fit_size(
        &mut self,
        text: &str,
        area: Area,
        style: &Style,
        largest: f32,
        smallest: f32,
    ) -> (f32, usize) {
        let mut size = largest;
        while size >= smallest {
            let style = Style { size, ..*style };
            let buffer = self.layout(text, Some(area.width), &style, Wrap::Word);
            let (mut lines, mut width) = (0usize, 0f32);
            for run in buffer.layout_runs() {
                lines += 1;
                width = width.max(run.line_w);
            }
            if lines as f32 * size * LINE <= area.height && width <= area.width {
                return (size, lines.max(1));
            }
            size -= 1.0;
        }
        let lines = (area.height / (smallest * LINE)).floor().max(1.0);
        (smallest, lines as usize)
    }

    /// Returns how many lines a text needs when wrapped to a width, at most `max_lines`.
    pub(super) fn line_count(&mut self, text: &str, width: f32, style: &Style, max_lines: usize) -> usize {
        let text = self.truncate(text, width, style, max_lines);
        let buffer = self.layout(&text, Some(width), style, wrap(max_lines));
        buffer.layout_runs().count().max(1)
    }

    /// Returns the width of a line, in pixels.
    pub(super) fn width(&mut self, text: &str, style: &Style) -> f32 {
        let buffer = self.layout(text, None, style, Wrap::None);
        buffer.layout_runs().fold(0.0, |widest, run| run.line_w.max(widest))
    }

    /// Truncates a text with an ellipsis so that it fits into a number of lines of a width.
    fn truncate(&mut self, text: &str, width: f32, style: &Style, lines: usize) -> String {
        let key = TruncateKey {
            text: normalize(text),
            width: (width * 64.0) as u32,
            size: (style.size * 64.0) as u32,
            weight: style.weight,
            tabular: style.tabular,
            lines,
        };
        if let Some(truncated) = self.truncated.get(&key) {
            return truncated.clone();
        }
        if self.fits(&key.text, width, style, lines) {
            return key.text;
        }
        let ends: Vec<usize> = key.text.grapheme_indices(true).map(|(at, _)| at).collect();
        let shortened = |end: usize| format!("{}…", key.text[..end].trim_end());
        // A longer prefix never needs less space, so a binary search finds the longest that fits.
        let fitting = ends.partition_point(|&end| self.fits(&shortened(end), width, style, lines));
        let truncated = shortened(ends[..fitting].last().copied().unwrap_or(0));
        // If a font is still missing, the text is truncated again with that font.
        if !self.fonts.lacking {
            if self.truncated.len() >= Self::MAX_TRUNCATED {
                self.truncated.clear();
            }
            self.truncated.insert(key, truncated.clone());
        }
        truncated
    }

    /// Returns whether a text fits into a number of lines of a width.
    pub(super) fn fits(&mut self, text: &str, width: f32, style: &Style, lines: usize) -> bool {
        let buffer = self.layout(text, Some(width), style, wrap(lines));
        buffer.layout_runs().enumerate().all(|(line, run)| line < lines.max(1) && run.line_w <= width)
    }

    /// Lays out a text without truncating it.
    fn layout(&mut self, text: &str, width: Option<f32>, style: &Style, wrap: Wrap) -> Buffer {
        let text = normalize(text);
        let mut attrs: Attrs<'_> = Fonts::attrs(style.weight);
        if style.tabular {
            let mut features = FontFeatures::new();
            features.enable(FeatureTag::new(b"tnum"));
            attrs = attrs.font_features(features);
        }
        let spans = self.fonts.spans(&text, style.weight);
        let mut buffer = Buffer::new_empty(Metrics::relative(style.size, LINE));
        buffer.set_wrap(wrap);
        buffer.set_size(width, None);
        buffer.set_rich_text(
            spans.iter().map(|span| (span.text, span.attrs(&attrs))),
            &attrs,
            Shaping::Advanced,
            Some(style.align),
        );
        buffer.shape_until_scroll(&mut self.fonts.system, false);
        buffer
    }

    fn draw(&mut self, canvas: &mut Pixmap, buffer: &Buffer, (x, top): (f32, f32), clip: &Clip, colour: Rgb) {
        self.evict_glyphs();
        // Emoji have their own colours, and fade with the surrounding text.
        let strength = u16::from(colour.0.max(colour.1).max(colour.2));
        for run in buffer.layout_runs() {
            for glyph in run.glyphs {
                let at = glyph.physical((x, top + run.line_y.round()), 1.0);
                // No glyph is wider than a few font sizes, so one that is far outside is skipped.
                let reach = (4.0 * glyph.font_size) as i32;
                if at.x > clip.right + reach || at.x + glyph.w as i32 + reach < clip.left {
                    continue;
                }
                let image = self.glyphs.get_image(&mut self.fonts.system, at.cache_key);
                let Some(image) = image else { continue };
                let x = at.x + image.placement.left;
                let y = at.y - image.placement.top;
                let width = image.placement.width as usize;
                let (pixel_size, coloured) = match image.content {
                    SwashContent::Color => (4, true),
                    SwashContent::Mask => (1, false),
                    // Only rendered on request, which is never made.
                    SwashContent::SubpixelMask => continue,
                };
                if width == 0 {
                    continue;
                }
                for (row, line) in image.data.chunks_exact(width * pixel_size).enumerate() {
                    for (column, pixel) in line.chunks_exact(pixel_size).enumerate() {
                        let (x, y) = (x + column as i32, y + row as i32);
                        let shown = clip.shown(x, y);
                        if shown == 0 {
                            continue;
                        }
                        match *pixel {
                            [coverage] => paint(canvas, x, y, colour, (u16::from(coverage) * shown / 255) as u8),
                            [r, g, b, coverage] if coloured => {
                                let coverage = u16::from(coverage) * strength / 255 * shown / 255;
                                paint(canvas, x, y, Rgb(r, g, b), coverage as u8);
                            }
                            _ => {}
                        }
                    }
                }
            }
        }
    }
}

/// The visible part of a text.
struct Clip {
    left: i32,
    right: i32,
    above: i32,
    below: i32,
    /// Whether it fades out at the left edge.
    fade_left: bool,
    fade_right: bool,
}

impl Clip {
    /// Width of a fading edge, in pixels.
    const FADE: i32 = 12;

    /// Clips at the sides of an area. Marks on letters may extend above and below it.
    fn sides(area: Area) -> Clip {
        let (left, right) = (area.x.floor() as i32, (area.x + area.width).ceil() as i32);
        Clip { left, right, above: i32::MIN, below: i32::MAX, fade_left: false, fade_right: false }
    }

    /// Returns the visibility of a pixel, 0 to 255.
    fn shown(&self, x: i32, y: i32) -> u16 {
        if x < self.left || x >= self.right || y < self.above || y >= self.below {
            return 0;
        }
        let from_left = if self.fade_left { x - self.left + 1 } else { Self::FADE };
        let from_right = if self.fade_right { self.right - x } else { Self::FADE };
        let inside = from_left.min(from_right).min(Self::FADE);
        (255 * inside / Self::FADE) as u16
    }
}

/// Returns the wrapping of a text with at most `lines` lines.
fn wrap(lines: usize) -> Wrap {
    if lines > 1 { Wrap::WordOrGlyph } else { Wrap::None }
}

/// Paints one pixel of an opaque canvas.
fn paint(canvas: &mut Pixmap, x: i32, y: i32, Rgb(r, g, b): Rgb, coverage: u8) {
    let (Ok(column), Ok(row)) = (usize::try_from(x), usize::try_from(y)) else {
        return;
    };
    let (width, height) = (canvas.width() as usize, canvas.height() as usize);
    if coverage == 0 || column >= width || row >= height {
        return;
    }
    let at = (row * width + column) * 4;
    let coverage = u16::from(coverage);
    if let Some(pixel) = canvas.data_mut().get_mut(at..at + 3) {
        for (channel, over) in pixel.iter_mut().zip([r, g, b]) {
            let mixed = u16::from(over) * coverage + u16::from(*channel) * (255 - coverage);
            *channel = ((mixed + 127) / 255) as u8;
        }
    }
}

/// Returns the text as one paragraph of bounded length: control characters and line ends become spaces.
fn normalize(text: &str) -> String {
    text.trim()
        .chars()
        .take(MAX_CHARS)
        .map(|c| match c {
            '\u{2028}' | '\u{2029}' => ' ',
            c if c.is_control() => ' ',
            c => c,
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::face::colour::WHITE;
    use crate::face::fonts::{NORMAL, STRONG};
    use crate::face::installed::Installed;

    const STYLE: Style = Style { size: 16.0, weight: STRONG, colour: WHITE, align: Align::Left, tabular: false };

    fn text() -> Typesetter {
        Typesetter::new(Fonts::new("en", Installed::Never))
    }

    fn canvas(width: u32, height: u32) -> Pixmap {
        let mut pixmap = Pixmap::new(width, height).expect("size");
        pixmap.fill(tiny_skia::Color::BLACK);
        pixmap
    }

    /// Columns of the canvas that have ink.
    fn ink(canvas: &Pixmap) -> Vec<u32> {
        (0..canvas.width())
            .filter(|&x| (0..canvas.height()).any(|y| canvas.pixel(x, y).is_some_and(|p| p.green() > 40)))
            .collect()
    }

    #[test]
    fn long_line_is_truncated_inside_its_area() {
        let area = Area { x: 20.0, y: 0.0, width: 100.0, height: 30.0 };
        let mut long = canvas(200, 30);
        text().draw_line(&mut long, &"Wandering ".repeat(50), area, &STYLE);
        let columns = ink(&long);
        assert!(columns.first().is_some_and(|&x| x >= 20));
        let last = columns.last().copied().expect("ink");
        assert!((100..120).contains(&last), "ends at {last}");
        // It ends with an ellipsis, not in the middle of a letter: three dots near the baseline.
        let mut dots = canvas(200, 30);
        text().draw_line(&mut dots, "…", Area { x: 0.0, ..area }, &STYLE);
        let (low, high) = (16..20, 0..14);
        let tail = last - 8..=last;
        let has = |rows: std::ops::Range<u32>| {
            tail.clone().any(|x| rows.clone().any(|y| long.pixel(x, y).is_some_and(|p| p.green() > 100)))
        };
        assert!(has(low) && !has(high));
    }

    #[test]
    fn long_line_scrolls_until_its_end_is_visible() {
        let mut text = text();
        let area = Area { x: 20.0, y: 4.0, width: 100.0, height: 24.0 };
        assert!(text.long_line("Short", area, &STYLE).is_none());
        let line = text.long_line("Wandering all over the world", area, &STYLE).expect("long");
        let mut seen = Vec::new();
        for offset in [0, 1, line.travel / 2, line.travel] {
            let mut drawn = canvas(200, 34);
            text.draw_long_line(&mut drawn, &line, offset);
            let columns = ink(&drawn);
            assert!(columns.iter().all(|x| (20..120).contains(x)));
            seen.push(drawn);
        }
        // At either end the line is as sharp as a static one.
        let mut begin = canvas(200, 34);
        let wide = Area { width: 400.0, ..area };
        text.draw_line(&mut begin, "Wandering all over the world", wide, &STYLE);
        let column = |canvas: &Pixmap, x: u32| (0..34).map(|y| canvas.pixel(x, y)).collect::<Vec<_>>();
        assert!((20..100).all(|x| column(&begin, x) == column(&seen[0], x)));
        assert!((21..100).all(|x| column(&seen[0], x + 1) == column(&seen[1], x) || x < 34));
        assert!(ink(&seen[3]).last().is_some_and(|&x| (116..120).contains(&x)), "the end is visible");
    }

    #[test]
    fn right_to_left_line_starts_on_the_right() {
        let mut text = text();
        let area = Area { x: 0.0, y: 0.0, width: 60.0, height: 30.0 };
        let style = Style { align: Align::Right, ..STYLE };
        let line = text.long_line("שלום לכולם וגם לך ולו", area, &style).expect("long");
        assert!(line.rtl);
        // Letters that the embedded font lacks are squares. Only the fading edges are tested.
        let mut begin = canvas(60, 30);
        text.draw_long_line(&mut begin, &line, 0);
        let mut end = canvas(60, 30);
        text.draw_long_line(&mut end, &line, line.travel);
        let light = |canvas: &Pixmap, columns: std::ops::Range<u32>| {
            columns
                .flat_map(|x| (0..30).map(move |y| (x, y)))
                .filter_map(|(x, y)| canvas.pixel(x, y))
                .map(|p| u32::from(p.green()))
                .max()
        };
        assert!(light(&begin, 56..60) > light(&begin, 0..2));
        assert!(light(&end, 0..4) > light(&end, 58..60));
    }

    #[test]
    fn short_line_is_not_truncated() {
        let mut text = text();
        let style = Style { align: Align::Left, ..STYLE };
        let width = text.width("Blue", &style);
        let mut whole = canvas(200, 30);
        let area = Area { x: 0.0, y: 0.0, width: width.ceil() + 1.0, height: 30.0 };
        text.draw_line(&mut whole, "Blue", area, &style);
        let mut free = canvas(200, 30);
        text.draw_line(&mut free, "Blue", Area { width: 200.0, ..area }, &style);
        assert_eq!(whole.data(), free.data());
    }

    #[test]
    fn fitted_text_stays_in_its_area() {
        let mut text = text();
        let area = Area { x: 0.0, y: 0.0, width: 130.0, height: 52.0 };
        for words in
            ["OK", "Link Spotify in Settings", "Verknüpfe Spotify in den Einstellungen", "Donaudampfschifffahrt"]
        {
            let (size, lines) = text.fit_size(words, area, &STYLE, 16.0, 9.0);
            let style = Style { size, ..STYLE };
            let buffer = text.layout(words, Some(area.width), &style, Wrap::Word);
            assert_eq!(buffer.layout_runs().count(), lines, "{words}");
            assert!(buffer.layout_runs().all(|run| run.line_w <= area.width), "{words}");
            assert!(lines as f32 * size * LINE <= area.height, "{words}");
        }
        let (size, lines) = text.fit_size(&"much too long ".repeat(40), area, &STYLE, 16.0, 9.0);
        assert_eq!((size, lines), (9.0, 4));
    }

    #[test]
    fn tabular_digits_have_the_same_width() {
        let mut text = text();
        let style = Style { weight: NORMAL, tabular: true, ..STYLE };
        assert_eq!(text.width("1:11", &style), text.width("0:48", &style));
    }

    #[test]
    fn embedded_font_has_glyphs_for_european_scripts() {
        let mut text = text();
        let words = "Sigur Rós Łódź ČŽ ş ğ İ ẞ Œ æ ø Кино Їжак Χατζιδάκις Đi Chạy – — “” … € № ½";
        let buffer = text.layout(words, None, &STYLE, Wrap::None);
        for run in buffer.layout_runs() {
            for glyph in run.glyphs {
                assert_ne!(glyph.glyph_id, 0, "{:?}", words.get(glyph.start..glyph.end));
            }
        }
    }

    #[test]
    fn hostile_texts_are_harmless() {
        let mut text = text();
        let area = Area { x: 0.0, y: 0.0, width: 90.0, height: 30.0 };
        for hostile in [
            "",
            " ",
            "\n\n\r\u{2029}\0",
            "\u{202e}\u{202e}\u{2066}abc",
            &"a\u{301}".repeat(5000),
            &"\u{301}".repeat(400),
            &"\u{200d}".repeat(400),
        ] {
            let mut canvas = canvas(100, 30);
            text.draw_line(&mut canvas, hostile, area, &STYLE);
            text.fit_size(hostile, area, &STYLE, 16.0, 9.0);
        }
    }

    #[test]
    fn nothing_is_drawn_outside_the_canvas() {
        let mut canvas = canvas(20, 10);
        let area = Area { x: -40.0, y: -9.0, width: 200.0, height: 30.0 };
        text().draw_line(&mut canvas, "Edges of the world", area, &STYLE);
        let below = Area { y: 9.0, ..area };
        text().draw_line(&mut canvas, "Edges of the world", below, &STYLE);
    }
}
