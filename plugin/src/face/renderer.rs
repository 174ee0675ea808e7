//! The layouts: a [`Picture`] becomes a PNG.
//!
//! Every layout is worked out from the pixels of its [`Size`], so that none looks broken at a size that the
//! manifest doesn't offer today.

use cosmic_text::Align;
use tiny_skia::{
    Color, FillRule, FilterQuality, Paint, Path, PathBuilder, Pattern, Pixmap, PixmapPaint, SpreadMode, Transform,
};

use super::colour::{GREEN, GREY, KEY, NO_COVER, Rgb, SECONDARY, WHITE};
use super::covers::Cover;
use super::fonts::{Fonts, NORMAL, STRONG, is_rtl};
use super::icons::{Icon, Icons};
use super::text::{Area, LINE, Style, Text};
use super::{Key, Notice, NowPlaying, Picture, Progress, Size, Tone};

/// Whether characters that the embedded font lacks are looked for in the system's fonts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SystemFonts {
    /// From the first such character on; that first time takes as long as reading the list of fonts does.
    WhenNeeded,
    /// Never, so that a picture is the same on every machine; such characters show as squares.
    Never,
}

/// Draws pictures. Owns the fonts and what was drawn with them; one serves all instances.
///
/// The same picture, size and cover always give the same bytes (with [`SystemFonts::WhenNeeded`]: on the
/// same machine).
pub struct Renderer {
    text: Text,
    icons: Icons,
}

/// Troubles: an amber that keeps its distance from green and red.
const AMBER: Rgb = Rgb(0xff, 0xb0, 0x2e);

/// Of a dimmed face, this much is left of whatever stands out from the background.
const DIMMED: f32 = 0.5;

impl Renderer {
    /// A renderer for a host's language ("en", "ja", "zh_TW", …), which decides between Chinese and Japanese
    /// forms of characters where a title leaves that open. Cheap: neither files nor fonts are read here.
    pub fn new(language: &str, system_fonts: SystemFonts) -> Self {
        let fonts = Fonts::new(language, system_fonts == SystemFonts::WhenNeeded);
        Renderer { text: Text::new(fonts), icons: Icons::default() }
    }

    /// Draws a picture as an opaque PNG of exactly [`Size::pixels`].
    ///
    /// `cover` is what [`Covers`](super::Covers) has for [`Picture::cover`]; without it a placeholder is
    /// drawn. It is ignored by pictures that show none.
    pub fn png(&mut self, picture: &Picture, size: Size, cover: Option<&Cover>) -> Vec<u8> {
        encode(&self.draw(picture, size, cover))
    }

    pub(super) fn draw(&mut self, picture: &Picture, size: Size, cover: Option<&Cover>) -> Pixmap {
        let mut face = Face::new(self, size);
        match picture {
            Picture::Key(key) => face.key(key),
            Picture::Notice(notice) => face.notice(notice),
            Picture::NowPlaying(now) => face.now_playing(now, size, cover),
        }
        face.canvas
    }
}

/// One face while it is drawn.
struct Face<'r> {
    canvas: Pixmap,
    width: f32,
    height: f32,
    /// How much larger than a key this is, within what looks right for icons and words.
    scale: f32,
    text: &'r mut Text,
    icons: &'r mut Icons,
}

impl<'r> Face<'r> {
    fn new(renderer: &'r mut Renderer, size: Size) -> Self {
        let (width, height) = size.pixels();
        let canvas = Pixmap::new(width, height).expect("no span is empty or huge");
        let (width, height) = (width as f32, height as f32);
        Face {
            canvas,
            width,
            height,
            scale: (width / 150.0).min(height / 108.0).min(1.8),
            text: &mut renderer.text,
            icons: &mut renderer.icons,
        }
    }

    fn key(&mut self, key: &Key) {
        let base = match key.tone {
            Tone::Active => KEY.blend(GREEN, 0.16),
            Tone::Normal | Tone::Disabled => KEY,
        };
        self.background(base.blend(WHITE, 0.04), base.darken(0.82));
        let (icon, label) = match key.tone {
            Tone::Normal => (WHITE, WHITE),
            Tone::Active => (GREEN, WHITE),
            Tone::Disabled => (GREY, GREY),
        };
        let left = if key.dimmed { DIMMED } else { 1.0 };
        let (icon, label) = (base.blend(icon, left), base.blend(label, left));

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
        self.icon(key.icon, icon, icon_px, self.width / 2.0, top + icon_px / 2.0);

        let strip = Area {
            x: 8.0 * scale,
            y: top + icon_px + 6.0 * scale,
            width: self.width - 16.0 * scale,
            height: 23.0 * scale,
        };
        self.shrinking_line(&key.label, strip, 17.0, true, label);
        if let Some(note) = &key.note {
            let strip = Area { y: strip.y + 22.0 * scale, height: 20.0 * scale, ..strip };
            self.shrinking_line(note, strip, 14.0, false, base.blend(label, 0.72));
        }

        if let Some(percent) = key.meter {
            let area = Area {
                x: 22.0 * scale,
                y: self.height - 13.0 * scale,
                width: self.width - 44.0 * scale,
                height: 4.0 * scale,
            };
            let full = if key.tone == Tone::Disabled { GREY } else { GREEN };
            let share = f32::from(percent.min(100)) / 100.0;
            self.bar(area, share, base.blend(WHITE, 0.18 * left), base.blend(full, left));
        }
    }

    /// A line in the middle of its area. A longer one gets smaller before it is cut.
    fn shrinking_line(&mut self, text: &str, area: Area, largest: f32, strong: bool, colour: Rgb) {
        let style = style(0.0, strong, Align::Center, colour);
        let largest = largest * self.scale;
        let natural = self.text.width(text, &Style { size: largest, ..style });
        let size = (largest * area.width / natural.max(1.0)).clamp(11.0 * self.scale, largest);
        self.text.strip(&mut self.canvas, text, area, &Style { size, ..style });
    }

    fn notice(&mut self, notice: &Notice) {
        self.background(KEY.blend(WHITE, 0.04), KEY.darken(0.82));
        let colour = match notice.icon {
            Icon::Link => GREEN,
            Icon::Warning | Icon::Offline => AMBER,
            _ => WHITE,
        };
        let scale = self.scale;
        let margin = 9.0 * scale;
        let icon_px = 28.0 * scale;
        let gap = 6.0 * scale;
        let room = Area {
            x: margin,
            y: margin + icon_px + gap,
            // Long lines are hard to read, however wide the face.
            width: (self.width - 2.0 * margin).min(260.0 * scale),
            height: self.height - 2.0 * margin - icon_px - gap,
        };
        let style = Style { size: 0.0, weight: STRONG, colour: WHITE, align: Align::Center, tabular: false };
        let (size, lines) = self.text.fit(&notice.text, room, &style, 16.0 * scale, 10.0);
        let text_height = size * LINE * lines as f32;
        let top = ((self.height - icon_px - gap - text_height) / 2.0).max(margin);
        self.icon(notice.icon, colour, icon_px, self.width / 2.0, top + icon_px / 2.0);
        let area = Area { x: (self.width - room.width) / 2.0, y: top + icon_px + gap, height: text_height, ..room };
        let style = Style { size, ..style };
        self.text.block(&mut self.canvas, &notice.text, area, &style, lines);
    }

    fn now_playing(&mut self, now: &NowPlaying, size: Size, cover: Option<&Cover>) {
        let cover = cover.filter(|_| now.cover.is_some());
        let behind = cover.map_or(NO_COVER, Cover::background);
        self.background(behind, behind.darken(0.62));
        let left = if now.dimmed { DIMMED } else { 1.0 };
        let look = Look {
            align: if is_rtl(&now.title) { Align::Right } else { Align::Left },
            first: behind.blend(WHITE, left),
            second: behind.blend(WHITE, SECONDARY * left),
            track: behind.blend(WHITE, 0.24 * left),
            fill: behind.blend(WHITE, if now.playing { left } else { 0.62 * left }),
        };
        match (size.columns, size.rows) {
            (0..=1, 0..=1) => self.playing_small(now, cover, &look),
            (_, 0..=1) => self.playing_line(now, &look),
            _ if self.width > 1.6 * self.height => self.playing_wide(now, cover, &look),
            _ => self.playing_tall(now, cover, &look),
        }
    }

    /// 1 x 1: the cover, and how far the track is.
    fn playing_small(&mut self, now: &NowPlaying, cover: Option<&Cover>, look: &Look) {
        let side = 84.0;
        self.cover(cover, (self.width - side) / 2.0, 8.0, side, look);
        let area = Area { x: (self.width - side) / 2.0, y: 97.0, width: side, height: 3.0 };
        self.progress(now.progress, area, look);
    }

    /// One row: words only.
    fn playing_line(&mut self, now: &NowPlaying, look: &Look) {
        let margin = 16.0;
        let strip = Area { x: margin, y: 10.0, width: self.width - 2.0 * margin, height: 30.0 };
        let y = if now.progress.is_some() { 9.0 } else { 26.0 };
        self.line(&now.title, Area { y, ..strip }, 22.0, true, look.align, look.first);
        let artist = Area { y: y + 30.0, height: 22.0, ..strip };
        self.line(&now.artist, artist, 16.0, false, look.align, look.second);
        let bar = Area { y: 70.0, height: 5.0, ..strip };
        self.progress(now.progress, bar, look);
        let times = Area { y: 80.0, height: 18.0, ..strip };
        self.times(now, times, 14.0, look);
    }

    /// Wider than high: the cover on the left, the words on the right.
    fn playing_wide(&mut self, now: &NowPlaying, cover: Option<&Cover>, look: &Look) {
        let margin = (self.height * 0.08).round();
        let side = (self.height - 2.0 * margin).min(self.width * 0.46).round();
        let unit = self.height / 224.0;
        let top = ((self.height - side) / 2.0).round();
        self.cover(cover, margin, top, side, look);

        let column = Area { x: side + 2.0 * margin, y: top, width: self.width - side - 3.0 * margin, height: side };
        let times_height = 17.0 * unit;
        let times = Area { y: column.y + column.height - times_height + 3.0 * unit, height: times_height, ..column };
        let bar = Area { y: times.y - 12.0 * unit, height: 5.0 * unit, ..column };
        self.times(now, times, 14.0 * unit, look);
        self.progress(now.progress, bar, look);

        let words = match now.progress {
            Some(_) => bar.y - column.y - 6.0 * unit,
            None => column.height,
        };
        // On the largest faces the column is narrower than the cover, and the words follow the column.
        let unit = unit.min(column.width / 220.0);
        let title_size = 23.0 * unit;
        let style = style(title_size, true, look.align, look.first);
        let artist_height = if now.artist.is_empty() { 0.0 } else { 26.0 * unit };
        let most = ((words - artist_height) / (title_size * LINE)).clamp(1.0, 3.0) as usize;
        let lines = self.text.lines(&now.title, column.width, &style, most);
        let title_height = title_size * LINE * lines as f32;
        let title = Area {
            y: column.y + ((words - title_height - artist_height) / 2.0).max(0.0),
            height: title_height,
            ..column
        };
        self.text.block(&mut self.canvas, &now.title, title, &style, lines);
        let artist = Area { y: title.y + title_height + 4.0 * unit, height: 22.0 * unit, ..column };
        self.line(&now.artist, artist, 17.0 * unit, false, look.align, look.second);
    }

    /// Not wider than high by much: the cover above the words.
    fn playing_tall(&mut self, now: &NowPlaying, cover: Option<&Cover>, look: &Look) {
        let margin = (self.width.min(self.height) * 0.06).round().max(10.0);
        let unit = (self.width / 308.0).clamp(0.78, 1.5);
        let strip = Area { x: margin, y: 0.0, width: self.width - 2.0 * margin, height: 0.0 };
        let bar_height = 5.0 * unit;
        let title_height = 26.0 * unit;
        let artist_height = 21.0 * unit;
        let mut words = title_height + artist_height + 8.0 * unit;
        if now.progress.is_some() {
            words += bar_height + 9.0 * unit;
        }
        // The times go beside the cover where there is room for them, else beneath the bar.
        let times_height = 18.0 * unit;
        let square = |words: f32| (self.height - 2.0 * margin - words).min(strip.width).round();
        let beside = strip.width - square(words) - margin >= 90.0 * unit;
        if now.progress.is_some() && !beside {
            words += times_height;
        }
        let side = square(words);
        let top = ((self.height - side - words) / 2.0).round();
        self.cover(cover, margin, top, side, look);

        let title = Area { y: top + side + 8.0 * unit, height: title_height, ..strip };
        self.line(&now.title, title, 20.0 * unit, true, look.align, look.first);
        let artist = Area { y: title.y + title_height, height: artist_height, ..strip };
        self.line(&now.artist, artist, 15.5 * unit, false, look.align, look.second);
        let bar = Area { y: artist.y + artist_height + 9.0 * unit, height: bar_height, ..strip };
        self.progress(now.progress, bar, look);
        if beside {
            let x = margin + side + margin;
            let times = Area { x, y: top + side - times_height, width: self.width - margin - x, height: times_height };
            self.time_beside(now, times, 15.0 * unit, look);
        } else {
            let times = Area { y: bar.y + bar_height + 2.0 * unit, height: times_height, ..strip };
            self.times(now, times, 14.0 * unit, look);
        }
    }

    /// The whole cover, its corners hardly rounded and nothing drawn over it, as Spotify's design guidelines
    /// ask; centred in its square if it isn't one.
    fn cover(&mut self, cover: Option<&Cover>, x: f32, y: f32, side: f32, look: &Look) {
        let radius = if side > 160.0 { 6.0 } else { 4.0 };
        let (x, y) = (x.round(), y.round());
        let Some(picture) = cover.and_then(|cover| cover.scaled(side as u32)) else {
            let area = Area { x, y, width: side, height: side };
            self.fill(rounded(area, radius), look.track);
            let centre = side / 2.0;
            self.icon(Icon::Music, look.second, (side * 0.46).round(), x + centre, y + centre);
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

    /// The progress bar; nothing where there is no progress.
    fn progress(&mut self, progress: Option<Progress>, area: Area, look: &Look) {
        let Some(progress) = progress else { return };
        let duration = progress.duration_s.max(1) as f32;
        let share = (progress.position_s as f32 / duration).min(1.0);
        self.bar(area, share, look.track, look.fill);
    }

    /// One time: digits keep their places while it runs.
    fn time(&mut self, text: &str, area: Area, size: f32, strong: bool, align: Align, colour: Rgb) {
        let style = Style { tabular: true, ..style(size, strong, align, colour) };
        self.text.strip(&mut self.canvas, text, area, &style);
    }

    /// Elapsed time on the left, total on the right; a pause sign between them while paused.
    fn times(&mut self, now: &NowPlaying, area: Area, size: f32, look: &Look) {
        let Some((elapsed, total)) = now.progress.map(clock) else {
            return;
        };
        self.time(&elapsed, area, size, false, Align::Left, look.second);
        self.time(&total, area, size, false, Align::Right, look.second);
        if !now.playing {
            let middle = (area.x + area.width / 2.0, area.y + area.height / 2.0);
            self.icon(Icon::Pause, look.second, (size * 1.1).round(), middle.0, middle.1);
        }
    }

    /// Elapsed above total, at the right and lower edge of an area; a pause sign above them while paused.
    fn time_beside(&mut self, now: &NowPlaying, area: Area, size: f32, look: &Look) {
        let Some((elapsed, total)) = now.progress.map(clock) else {
            return;
        };
        self.time(&total, area, size, false, Align::Right, look.second);
        let above = Area { y: area.y - size * 1.7, height: size * 1.7, ..area };
        self.time(&elapsed, above, size * 1.35, true, Align::Right, look.first);
        if !now.playing {
            let px = (size * 1.3).round();
            let x = area.x + area.width - px * 0.38;
            self.icon(Icon::Pause, look.second, px, x, above.y - px * 0.6);
        }
    }

    /// One line of text: the strip that a title moves in.
    fn line(&mut self, text: &str, area: Area, size: f32, strong: bool, align: Align, colour: Rgb) {
        let style = style(size, strong, align, colour);
        self.text.strip(&mut self.canvas, text, area, &style);
    }

    fn bar(&mut self, area: Area, share: f32, track: Rgb, full: Rgb) {
        let radius = area.height / 2.0;
        self.fill(rounded(area, radius), track);
        if share > 0.0 {
            let width = (area.width * share).max(area.height);
            self.fill(rounded(Area { width, ..area }, radius), full);
        }
    }

    fn icon(&mut self, icon: Icon, colour: Rgb, px: f32, x: f32, y: f32) {
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

    fn fill(&mut self, path: Option<Path>, Rgb(r, g, b): Rgb) {
        let Some(path) = path else { return };
        let mut paint = Paint { anti_alias: true, ..Paint::default() };
        paint.set_color(Color::from_rgba8(r, g, b, 255));
        self.canvas.fill_path(&path, &paint, FillRule::Winding, Transform::identity(), None);
    }

    /// A gradient from top to bottom. Each row is of one colour, which PNG packs into almost nothing.
    fn background(&mut self, top: Rgb, bottom: Rgb) {
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

/// The colours of Playing Now.
struct Look {
    /// Words begin where their reader begins.
    align: Align,
    first: Rgb,
    second: Rgb,
    track: Rgb,
    fill: Rgb,
}

fn style(size: f32, strong: bool, align: Align, colour: Rgb) -> Style {
    Style { size, weight: if strong { STRONG } else { NORMAL }, colour, align, tabular: false }
}

/// Elapsed and total time: m:ss, or h:mm:ss for both where the total has hours.
fn clock(progress: Progress) -> (String, String) {
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

/// A rectangle with rounded corners; none if it is empty.
fn rounded(area: Area, radius: f32) -> Option<Path> {
    // How far a cubic's handles reach for a quarter of a circle.
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

/// A canvas as an opaque PNG, packed fast rather than small.
pub(super) fn encode(canvas: &Pixmap) -> Vec<u8> {
    let mut rgb = Vec::with_capacity(canvas.data().len() / 4 * 3);
    for pixel in canvas.data().chunks_exact(4) {
        rgb.extend_from_slice(&pixel[..3]);
    }
    let mut file = Vec::with_capacity(32 << 10);
    let mut encoder = png::Encoder::new(&mut file, canvas.width(), canvas.height());
    encoder.set_color(png::ColorType::Rgb);
    encoder.set_depth(png::BitDepth::Eight);
    encoder.set_compression(png::Compression::Fast);
    encoder
        .write_header()
        .and_then(|mut writer| writer.write_image_data(&rgb))
        .expect("a Vec takes every write, and the data is as long as the header says");
    file
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::face::sheet;

    fn renderer() -> Renderer {
        Renderer::new("en", SystemFonts::Never)
    }

    fn now(title: &str) -> NowPlaying {
        NowPlaying {
            cover: Some("cover".to_owned()),
            title: title.to_owned(),
            artist: "Artist".to_owned(),
            playing: true,
            progress: Some(Progress { position_s: 62, duration_s: 200 }),
            dimmed: false,
        }
    }

    fn sizes() -> impl Iterator<Item = Size> {
        (1..=5).flat_map(|columns| (1..=4).map(move |rows| Size { columns, rows }))
    }

    #[test]
    fn every_picture_is_a_png_of_its_size() {
        let mut renderer = renderer();
        let cover = sheet::cover(0);
        for size in sizes() {
            for picture in [
                Picture::Key(Key {
                    note: None,
                    icon: Icon::VolumeUp,
                    label: "Volume up".to_owned(),
                    tone: Tone::Active,
                    meter: Some(200),
                    dimmed: false,
                }),
                Picture::Notice(Notice { icon: Icon::Link, text: "Link Spotify in Settings".to_owned() }),
                Picture::NowPlaying(now("Title")),
            ] {
                let png = renderer.png(&picture, size, Some(&cover));
                let decoded = image::load_from_memory(&png).expect("a PNG");
                assert_eq!((decoded.width(), decoded.height()), size.pixels());
                assert!(!decoded.color().has_alpha());
                // Twice the same, from filled caches too.
                assert_eq!(png, renderer.png(&picture, size, Some(&cover)));
            }
        }
    }

    #[test]
    fn the_cover_is_whole_and_nothing_is_over_it() {
        let mut renderer = renderer();
        let cover = sheet::cover(1);
        for size in sizes().filter(|size| size.rows > 1 || size.columns == 1) {
            for dimmed in [false, true] {
                let picture = NowPlaying { dimmed, ..now(&"Long title ".repeat(20)) };
                let canvas = renderer.draw(&Picture::NowPlaying(picture), size, Some(&cover));
                // Somewhere on the face every pixel of the scaled cover is as it was, corners aside.
                let found = (40..430).any(|side| {
                    let mut scaled = cover.kept(side).into_iter();
                    scaled.next().is_some_and(|scaled| contains(&canvas, &scaled))
                });
                assert!(found, "{size:?}");
            }
        }
    }

    fn contains(canvas: &Pixmap, part: &Pixmap) -> bool {
        let (w, h) = (part.width(), part.height());
        let inner = |x: u32, y: u32| {
            let corner = 8;
            (x >= corner && x < w - corner) || (y >= corner && y < h - corner)
        };
        let middle = part.pixel(w / 2, h / 2);
        (0..=canvas.height() - h).any(|top| {
            (0..=canvas.width() - w).any(|left| {
                canvas.pixel(left + w / 2, top + h / 2) == middle
                    && (0..h)
                        .all(|y| (0..w).all(|x| !inner(x, y) || canvas.pixel(left + x, top + y) == part.pixel(x, y)))
            })
        })
    }

    #[test]
    fn what_changes_is_seen() {
        let mut renderer = renderer();
        let size = Size { columns: 3, rows: 2 };
        let mut png = |now: NowPlaying| renderer.png(&Picture::NowPlaying(now), size, None);
        let plain = png(now("Title"));
        let progress = Some(Progress { position_s: 63, duration_s: 200 });
        assert_ne!(plain, png(NowPlaying { progress, ..now("Title") }));
        assert_ne!(plain, png(NowPlaying { playing: false, ..now("Title") }));
        assert_ne!(plain, png(NowPlaying { dimmed: true, ..now("Title") }));
        assert_ne!(plain, png(NowPlaying { progress: None, ..now("Title") }));
        assert_ne!(plain, png(now("Other")));
    }

    #[test]
    fn times_read_as_on_a_clock() {
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

    #[test]
    fn notices_stay_clear_of_the_edges() {
        let mut renderer = renderer();
        for text in ["Link Spotify in Settings", "Verknüpfe Spotify in den Einstellungen", &"long ".repeat(60)] {
            for size in sizes() {
                let notice = Notice { icon: Icon::Link, text: text.to_owned() };
                let canvas = renderer.draw(&Picture::Notice(notice), size, None);
                let (w, h) = (canvas.width(), canvas.height());
                let bright = |x, y| canvas.pixel(x, y).is_some_and(|p| p.green() > 90);
                assert!((0..w).all(|x| !bright(x, 0) && !bright(x, h - 1)), "{size:?} {text}");
                assert!((0..h).all(|y| !bright(0, y) && !bright(w - 1, y)), "{size:?} {text}");
            }
        }
    }
}
