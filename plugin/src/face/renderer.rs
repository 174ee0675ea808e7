//! Draws a [`Picture`] as a PNG.
//!
//! The static layer of a moving picture is drawn once and cached. A step of the progress or of a scrolling title only draws the
//! moving parts over a copy of it.

use std::sync::{Arc, Weak};
use std::time::Duration;

use tiny_skia::Pixmap;

use super::canvas::{CoverOf, Face, Moving};
use super::covers::Cover;
use super::fonts::Fonts;
use super::icons::Icons;
use super::installed::Installed;
use super::scroll::ScrollPosition;
use super::text::Typesetter;
use super::{NowPlaying, Picture, Progress, Scroll, Size};

/// Whether characters that the embedded font lacks are searched for in the system's fonts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SystemFonts {
    /// From the first such character on, concurrently with drawing: see [`Renderer::fonts_found`].
    WhenNeeded,
    /// Never, so that a picture is the same on every machine. Such characters are shown as squares.
    Never,
}

/// Draws pictures. Owns the fonts and the caches of what was drawn; one renderer serves all instances.
///
/// The same picture, size, covers and time always result in the same bytes (with [`SystemFonts::WhenNeeded`]: on the same
/// machine, once its fonts are found).
pub struct Renderer {
    text: Typesetter,
    icons: Icons,
    layers: StaticLayers,
}

/// A picture at one moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Frame {
    /// An opaque PNG of exactly [`Size::pixels`].
    pub png: Vec<u8>,
    /// After what time the picture looks different by itself, because a line of it scrolls; none if none does.
    /// The progress of a track is not meant: its place comes in with the picture.
    pub next_in: Option<Duration>,
    /// A font of it is yet to be found; it looks different after [`Renderer::fonts_found`].
    pub lacks_fonts: bool,
}

impl Renderer {
    /// Creates a renderer for a host's language ("en", "ja", "zh_TW", …), which decides between Chinese and Japanese forms of
    /// characters if a title doesn't. Cheap: neither files nor fonts are read here.
    #[must_use]
    pub fn new(language: &str, system_fonts: SystemFonts) -> Self {
        Self::with_fonts(
            language,
            match system_fonts {
                SystemFonts::WhenNeeded => Installed::system(),
                SystemFonts::Never => Installed::Never,
            },
        )
    }

    pub(super) fn with_fonts(language: &str, installed: Installed) -> Self {
        let text = Typesetter::new(Fonts::new(language, installed));
        Renderer { text, icons: Icons::default(), layers: StaticLayers::default() }
    }

    /// Waits until fonts are found that a frame lacked. Such frames have to be drawn again then. Pending while no search is
    /// running; cancel-safe.
    pub async fn fonts_found(&mut self) {
        let answer = self.text.fonts.installed.answer().await;
        self.text.fonts.apply(answer);
    }

    /// Waits for one of the searches for fonts that the last picture lacked. Returns false if it lacked none.
    #[cfg(test)]
    pub(super) fn wait_for_fonts(&mut self) -> bool {
        if !self.text.fonts.lacking {
            return false;
        }
        let answer = self.text.fonts.installed.wait();
        self.text.fonts.apply(answer);
        true
    }

    /// Draws a picture.
    ///
    /// `covers` gives what [`Covers`](super::Covers) has for an address of [`Picture::covers`]; a placeholder is drawn for
    /// what it doesn't have. `shown_for` is how long the instance has shown these words (see [`Picture::continues`]): a line
    /// that scrolls is there where it is after that time.
    pub fn frame(&mut self, picture: &Picture, size: Size, covers: &CoverOf<'_>, shown_for: Duration) -> Frame {
        let (canvas, next_in) = self.draw(picture, size, covers, shown_for);
        Frame { png: encode(&canvas), next_in, lacks_fonts: self.text.fonts.lacking }
    }

    pub(super) fn draw(
        &mut self,
        picture: &Picture,
        size: Size,
        covers: &CoverOf<'_>,
        shown_for: Duration,
    ) -> (Pixmap, Option<Duration>) {
        let covered: Vec<Option<Weak<Cover>>> =
            picture.covers().into_iter().map(|url| covers(url).as_ref().map(Arc::downgrade)).collect();
        self.text.fonts.lacking = false;
        let layer = match self.layers.take(picture, size, &covered) {
            Some(layer) => layer,
            None => {
                let mut face = Face::new(size, &mut self.text, &mut self.icons);
                match picture {
                    Picture::Key(key) => face.key(key),
                    Picture::Notice(notice) => face.notice(notice),
                    Picture::Cover(key) => face.cover_key(key, size, covers),
                    Picture::List(list) => face.list(list, size, covers),
                    Picture::Text(text) => face.text_lines(text),
                    Picture::NowPlaying(now) => {
                        let cover = now.cover.as_deref().and_then(covers);
                        face.now_playing(now, size, cover.as_deref());
                    }
                }
                let Face { canvas, moving, .. } = face;
                if moving.is_empty() {
                    return (canvas, None);
                }
                StaticLayer { picture: picture.clone(), size, covers: covered, canvas, moving }
            }
        };

        let longest = layer.moving.iter().map(Moving::travel).max().unwrap_or(0);
        let moment = ScrollPosition::of(scroll(picture), shown_for, longest);
        let mut canvas = layer.canvas.clone();
        for moving in &layer.moving {
            moving.draw(&mut canvas, &mut self.text, moment, progress(picture));
        }
        if !self.text.fonts.lacking {
            self.layers.put(layer);
        }
        (canvas, moment.map(|moment| moment.next_in))
    }
}

fn scroll(picture: &Picture) -> Scroll {
    match picture {
        Picture::NowPlaying(now) => now.scroll,
        Picture::Text(text) => text.scroll,
        Picture::Key(_) | Picture::Notice(_) | Picture::Cover(_) | Picture::List(_) => Scroll::Off,
    }
}

fn progress(picture: &Picture) -> Option<Progress> {
    match picture {
        Picture::NowPlaying(now) => now.progress,
        _ => None,
    }
}

/// The static part of a picture, and the moving parts that are drawn over it.
struct StaticLayer {
    picture: Picture,
    size: Size,
    covers: Vec<Option<Weak<Cover>>>,
    canvas: Pixmap,
    moving: Vec<Moving>,
}

impl StaticLayer {
    /// Returns whether this is also the static layer of another picture, which may differ in the position in the track only.
    fn matches(&self, picture: &Picture, size: Size, covers: &[Option<Weak<Cover>>]) -> bool {
        let same_cover = |(a, b): (&Option<Weak<Cover>>, &Option<Weak<Cover>>)| match (a, b) {
            (Some(a), Some(b)) => a.ptr_eq(b),
            (None, None) => true,
            _ => false,
        };
        self.size == size
            && self.covers.len() == covers.len()
            && self.covers.iter().zip(covers).all(same_cover)
            && match (&self.picture, picture) {
                (Picture::NowPlaying(a), Picture::NowPlaying(b)) => same_layer(a, b),
                (a, b) => a == b,
            }
    }
}

fn same_layer(a: &NowPlaying, b: &NowPlaying) -> bool {
    let NowPlaying { cover, title, artist, playing, progress, dimmed, scroll } = a;
    let duration = |progress: Option<Progress>| progress.map(|progress| progress.duration_s);
    *cover == b.cover
        && *title == b.title
        && *artist == b.artist
        && *playing == b.playing
        && duration(*progress) == duration(b.progress)
        && *dimmed == b.dimmed
        && *scroll == b.scroll
}

/// The most recently used static layers.
#[derive(Default)]
struct StaticLayers {
    /// The most recently used layer is the last one.
    cached: Vec<StaticLayer>,
}

impl StaticLayers {
    /// Maximum memory of the cached canvases, in bytes: two faces of the whole Panel, or nine of 3 x 2.
    const MAX_BYTES: usize = 4 << 20;

    /// Removes the layer of a picture from the cache, if it is there. The caller puts it back.
    fn take(&mut self, picture: &Picture, size: Size, covers: &[Option<Weak<Cover>>]) -> Option<StaticLayer> {
        let index = self.cached.iter().position(|layer| layer.matches(picture, size, covers))?;
        Some(self.cached.remove(index))
    }

    fn put(&mut self, layer: StaticLayer) {
        self.cached.push(layer);
        while self.cached.len() > 1 && self.bytes() > Self::MAX_BYTES {
            self.cached.remove(0);
        }
    }

    fn bytes(&self) -> usize {
        self.cached.iter().map(|layer| layer.canvas.data().len()).sum()
    }
}

/// Encodes a canvas as an opaque PNG, fast rather than small. Of PNG's filters, `Sub` is the fastest here, because each row of
/// the background has a single colour: 0.36 ms for 3 x 2, where an adaptive filter takes 0.52 ms for 4 % less.
fn encode(canvas: &Pixmap) -> Vec<u8> {
    let mut rgb = Vec::with_capacity(canvas.data().len() / 4 * 3);
    for pixel in canvas.data().chunks_exact(4) {
        rgb.extend_from_slice(&pixel[..3]);
    }
    let mut file = Vec::with_capacity(32 << 10);
    let mut encoder = png::Encoder::new(&mut file, canvas.width(), canvas.height());
    encoder.set_color(png::ColorType::Rgb);
    encoder.set_depth(png::BitDepth::Eight);
    encoder.set_compression(png::Compression::Fast);
    encoder.set_filter(png::Filter::Sub);
    encoder
        .write_header()
        .and_then(|mut writer| writer.write_image_data(&rgb))
        .expect("a Vec takes every write, and the data is as long as the header says");
    file
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::face::installed::testing;
    use crate::face::samples::{self, draw, draw_with, now, renderer, sizes};
    use crate::face::{Icon, Notice};

    const WIDE: Size = Size { columns: 3, rows: 2 };

    #[test]
    fn every_picture_is_a_png_of_its_size() {
        let mut renderer = renderer();
        let cover = samples::small_cover(0);
        let covers = |_: &str| Some(cover.clone());
        for size in sizes().step_by(3) {
            for picture in samples::one_of_each() {
                let frame = renderer.frame(&picture, size, &covers, Duration::from_secs(4));
                let decoded = image::load_from_memory(&frame.png).expect("a PNG");
                assert_eq!((decoded.width(), decoded.height()), size.pixels());
                assert!(!decoded.color().has_alpha());
                // Twice the same, from filled caches too.
                assert_eq!(frame, renderer.frame(&picture, size, &covers, Duration::from_secs(4)));
            }
        }
    }

    #[test]
    fn covers_are_whole_and_never_drawn_over() {
        let mut renderer = renderer();
        for size in sizes() {
            for dimmed in [false, true] {
                let long = "Long title ".repeat(20);
                let playing = NowPlaying { dimmed, ..now(&long) };
                let mut pictures = vec![samples::cover_key(&long, crate::face::Tone::Active), samples::list(1)];
                if size.rows > 1 || size.columns == 1 {
                    pictures.push(playing.into());
                }
                for picture in pictures {
                    let cover = samples::small_cover(1);
                    let canvas = draw_with(&mut renderer, &picture, size, &cover);
                    // Somewhere on the face every pixel of the scaled cover is unchanged, except for the corners.
                    let sizes = cover.scaled_sizes();
                    assert_eq!(sizes.len(), 1, "{size:?} {picture:?}");
                    let scaled = cover.scaled(sizes[0]).expect("cached");
                    assert!(contains(&canvas, &scaled), "{size:?} {picture:?}");
                }
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
    fn every_change_is_visible() {
        let mut renderer = renderer();
        let mut canvas = |now: NowPlaying| draw(&mut renderer, &now.into(), WIDE).take();
        let plain = canvas(now("Title"));
        let progress = Some(Progress { position_s: 63, duration_s: 200 });
        assert_ne!(plain, canvas(NowPlaying { progress, ..now("Title") }));
        let progress = Some(Progress { position_s: 62, duration_s: 201 });
        assert_ne!(plain, canvas(NowPlaying { progress, ..now("Title") }));
        assert_ne!(plain, canvas(NowPlaying { playing: false, ..now("Title") }));
        assert_ne!(plain, canvas(NowPlaying { dimmed: true, ..now("Title") }));
        assert_ne!(plain, canvas(NowPlaying { progress: None, ..now("Title") }));
        assert_ne!(plain, canvas(now("Other")));
        assert_eq!(plain, canvas(now("Title")));
    }

    #[test]
    fn loaded_cover_is_visible() {
        let mut renderer = renderer();
        let picture = now("Title").into();
        let without = draw(&mut renderer, &picture, WIDE);
        let with = draw_with(&mut renderer, &picture, WIDE, &samples::small_cover(0));
        let with_other = draw_with(&mut renderer, &picture, WIDE, &samples::small_cover(1));
        assert_ne!(without.data(), with.data());
        assert_ne!(with.data(), with_other.data());
    }

    #[test]
    fn step_over_a_cached_layer_equals_a_new_drawing() {
        let long = "A very long title that can't be shown in one line, nor in two of them";
        for size in [Size::KEY, Size { columns: 3, rows: 1 }, WIDE, Size { columns: 2, rows: 2 }] {
            let mut used = renderer();
            for (at_ms, second) in [(0, 0), (3_000, 3), (3_050, 3), (9_000, 9), (20_000, 20)] {
                let progress = Some(Progress { position_s: second, duration_s: 200 });
                let picture = NowPlaying { progress, ..now(long) }.into();
                let none = |_: &str| None;
                let at = Duration::from_millis(at_ms);
                let step = used.draw(&picture, size, &none, at);
                let new = renderer().draw(&picture, size, &none, at);
                assert!(step.0.data() == new.0.data() && step.1 == new.1, "{size:?} {at:?}");
                assert_eq!(used.layers.cached.len(), 1);
            }
        }
    }

    #[test]
    fn only_long_lines_scroll_unless_it_is_off() {
        let mut renderer = renderer();
        let long = "A very long title that can't be shown in one line, nor in two of them";
        let mut next = |title: &str, scroll, size| {
            let picture = NowPlaying { scroll, ..now(title) }.into();
            renderer.frame(&picture, size, &|_| None, Duration::ZERO).next_in
        };
        for size in [WIDE, Size { columns: 2, rows: 2 }, Size { columns: 3, rows: 1 }, Size { columns: 5, rows: 4 }] {
            assert_eq!(next("Title", Scroll::Normal, size), None);
            assert_eq!(next(long, Scroll::Off, size), None);
            assert!(next(long, Scroll::Slow, size).is_some_and(|next| next >= Duration::from_secs(2)), "{size:?}");
        }
        // A single key shows no text.
        assert_eq!(next(long, Scroll::Normal, Size::KEY), None);
    }

    #[test]
    fn face_is_drawn_again_when_its_fonts_are_found() {
        let mut renderer = Renderer::with_fonts("en", Installed::Unread(testing::fonts));
        let frame =
            |renderer: &mut Renderer, title: &str| renderer.frame(&now(title).into(), WIDE, &|_| None, Duration::ZERO);
        let squares = self::renderer().frame(&now("漢字").into(), WIDE, &|_| None, Duration::ZERO);
        let first = frame(&mut renderer, "漢字");
        assert!(first.lacks_fonts && !squares.lacks_fonts);
        assert_eq!(first.png, squares.png, "with the embedded font");
        assert!(renderer.wait_for_fonts());
        let second = frame(&mut renderer, "漢字");
        assert!(!second.lacks_fonts);
        // The test's font also has squares, but in the regular weight.
        assert_ne!(second.png, first.png);
        assert_eq!(frame(&mut renderer, "漢字"), second, "from the cached layer");
        // A character of a font in use needs no search.
        assert!(!frame(&mut renderer, "字").lacks_fonts);
    }

    #[test]
    fn missing_character_is_searched_for_once() {
        let mut renderer = Renderer::with_fonts("en", Installed::Unread(testing::fonts));
        let frame =
            |renderer: &mut Renderer, title: &str| renderer.frame(&now(title).into(), WIDE, &|_| None, Duration::ZERO);
        assert!(frame(&mut renderer, "語").lacks_fonts);
        while renderer.wait_for_fonts() {
            frame(&mut renderer, "語");
        }
        assert!(!frame(&mut renderer, "語").lacks_fonts);
        assert!(!frame(&mut renderer, "語語 and more").lacks_fonts);
    }

    #[test]
    fn drawing_continues_without_the_font_thread() {
        fn broken() -> cosmic_text::fontdb::Database {
            panic!("on purpose");
        }
        let mut renderer = Renderer::with_fonts("en", Installed::Unread(broken));
        let frame = |renderer: &mut Renderer| renderer.frame(&now("漢").into(), WIDE, &|_| None, Duration::ZERO);
        frame(&mut renderer);
        while renderer.wait_for_fonts() {
            frame(&mut renderer);
        }
        assert!(!frame(&mut renderer).lacks_fonts);
    }

    #[test]
    fn static_layers_stay_within_their_bound() {
        let mut renderer = renderer();
        for number in 0..30 {
            draw(&mut renderer, &now(&format!("Title {number}")).into(), Size { columns: 5, rows: 4 });
        }
        assert_eq!(renderer.layers.cached.len(), 2);
        for number in 0..30 {
            draw(&mut renderer, &now(&format!("Title {number}")).into(), Size::KEY);
        }
        assert!(renderer.layers.bytes() <= StaticLayers::MAX_BYTES);
        assert!(renderer.layers.cached.len() >= 30);
    }

    /// Returns the sizes of all caches: choices and kinds of fonts, fonts, glyphs, truncated texts, icons, bytes of layers.
    fn cache_sizes(renderer: &Renderer) -> [usize; 7] {
        let [chosen, found, fonts, glyphs, truncated] = renderer.text.cache_sizes();
        [chosen, found, fonts, glyphs, truncated, renderer.icons.cache_size(), renderer.layers.bytes()]
    }

    #[test]
    fn caches_are_bounded_after_a_day_of_tracks() {
        let mut renderer = Renderer::with_fonts("en", Installed::Unread(testing::fonts));
        for number in 0..1_500_u32 {
            // A new title, with characters that occur in no other; a new colour beside the cover.
            let unique = |offset| char::from_u32(0x4e00 + 4 * number + offset).expect("a character");
            let title =
                format!("Title {number} {}{}{} 漢 that is too long for its line", unique(0), unique(1), unique(2));
            let cover = samples::two_colours((number as u8, (number / 6) as u8, 90), (0, 0, 0), 0);
            let paused = NowPlaying { playing: false, scroll: Scroll::Off, ..now(&title) };
            let key = samples::cover_key(&title, crate::face::Tone::Active);
            for picture in [paused.into(), key] {
                renderer.draw(&picture, Size::KEY, &|_| Some(cover.clone()), Duration::ZERO);
            }
            if number % 100 == 0 {
                renderer.wait_for_fonts();
            }
        }
        let bounds = [2048, 16, 8, 2 * 2048, 64, 256, StaticLayers::MAX_BYTES];
        let sizes = cache_sizes(&renderer);
        assert!(sizes.iter().zip(bounds).all(|(size, bound)| *size <= bound), "{sizes:?}, not {bounds:?}");
    }

    #[test]
    fn notices_do_not_touch_the_edges() {
        let mut renderer = renderer();
        for text in ["Link Spotify in Settings", "Verknüpfe Spotify in den Einstellungen", &"long ".repeat(60)] {
            for size in sizes() {
                let notice = Notice { icon: Icon::Link, text: text.to_owned() };
                let canvas = draw(&mut renderer, &Picture::Notice(notice), size);
                let (w, h) = (canvas.width(), canvas.height());
                let bright = |x, y| canvas.pixel(x, y).is_some_and(|p| p.green() > 90);
                assert!((0..w).all(|x| !bright(x, 0) && !bright(x, h - 1)), "{size:?} {text}");
                assert!((0..h).all(|y| !bright(0, y) && !bright(w - 1, y)), "{size:?} {text}");
            }
        }
    }
}
