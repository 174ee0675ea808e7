//! A [`Picture`] becomes a PNG.
//!
//! What stands still of a picture that moves, its ground, is drawn once and kept; a step of the progress or of a title
//! that scrolls draws only what moves over a copy of it.

use std::sync::{Arc, Weak};

use tiny_skia::Pixmap;

use super::canvas::{CoverOf, Face, Moving};
use super::covers::Cover;
use super::fonts::Fonts;
use super::icons::Icons;
use super::installed::Installed;
use super::scroll::Moment;
use super::text::Typesetter;
use super::{NowPlaying, Picture, Progress, Scroll, Size};

/// Whether characters that the embedded font lacks are looked for in the system's fonts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SystemFonts {
    /// From the first such character on, beside the drawing: see [`Renderer::fonts_found`].
    WhenNeeded,
    /// Never, so that a picture is the same on every machine; such characters show as squares.
    Never,
}

/// Draws pictures. Owns the fonts and what was drawn with them; one serves all instances.
///
/// The same picture, size, covers and time always give the same bytes (with [`SystemFonts::WhenNeeded`]: on the same
/// machine, once its fonts are found).
pub struct Renderer {
    text: Typesetter,
    icons: Icons,
    grounds: Grounds,
}

/// A picture as it is at one moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Frame {
    /// An opaque PNG of exactly [`Size::pixels`].
    pub png: Vec<u8>,
    /// In how many milliseconds the picture looks different by itself, because a line of it scrolls; none if none does.
    /// The progress of a track is not meant: its place comes in with the picture.
    pub next_ms: Option<u64>,
    /// A font of it is yet to be found; it looks different after [`Renderer::fonts_found`].
    pub lacks_fonts: bool,
}

impl Renderer {
    /// A renderer for a host's language ("en", "ja", "zh_TW", …), which decides between Chinese and Japanese
    /// forms of characters where a title leaves that open. Cheap: neither files nor fonts are read here.
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
        Renderer { text, icons: Icons::default(), grounds: Grounds::default() }
    }

    /// Waits until fonts are found that a frame has lacked. Whoever shows such a frame draws it again then. Pending while
    /// none are looked for; safe to cancel.
    pub async fn fonts_found(&mut self) {
        let answer = self.text.fonts.installed.answer().await;
        self.text.fonts.take_in(answer);
    }

    /// Waits for the fonts that the last picture has lacked, one part at a time. False if it lacked none.
    #[cfg(test)]
    pub(super) fn wait_for_fonts(&mut self) -> bool {
        if !self.text.fonts.lacking {
            return false;
        }
        let answer = self.text.fonts.installed.wait();
        self.text.fonts.take_in(answer);
        true
    }

    /// Draws a picture.
    ///
    /// `covers` gives what [`Covers`](super::Covers) has for an address of [`Picture::covers`]; a placeholder is drawn for
    /// what it doesn't have. `shown_ms` is how long the instance has shown these words (see [`Picture::continues`]): a line
    /// that scrolls is there where it is after that time.
    pub fn frame(&mut self, picture: &Picture, size: Size, covers: &CoverOf<'_>, shown_ms: u64) -> Frame {
        let (canvas, next_ms) = self.draw(picture, size, covers, shown_ms);
        Frame { png: encode(&canvas), next_ms, lacks_fonts: self.text.fonts.lacking }
    }

    pub(super) fn draw(
        &mut self,
        picture: &Picture,
        size: Size,
        covers: &CoverOf<'_>,
        shown_ms: u64,
    ) -> (Pixmap, Option<u64>) {
        let covered: Vec<Option<Weak<Cover>>> =
            picture.covers().into_iter().map(|url| covers(url).as_ref().map(Arc::downgrade)).collect();
        self.text.fonts.lacking = false;
        let ground = match self.grounds.take(picture, size, &covered) {
            Some(ground) => ground,
            None => {
                let mut face = Face::new(size, &mut self.text, &mut self.icons);
                match picture {
                    Picture::Key(key) => face.key(key),
                    Picture::Notice(notice) => face.notice(notice),
                    Picture::Cover(key) => face.cover_key(key, size, covers),
                    Picture::List(list) => face.list(list, size, covers),
                    Picture::Text(text) => face.text(text),
                    Picture::NowPlaying(now) => {
                        let cover = now.cover.as_deref().and_then(covers);
                        face.now_playing(now, size, cover.as_deref());
                    }
                }
                let Face { canvas, moving, .. } = face;
                if moving.is_empty() {
                    return (canvas, None);
                }
                Ground { picture: picture.clone(), size, covers: covered, canvas, moving }
            }
        };

        let longest = ground.moving.iter().map(Moving::travel).max().unwrap_or(0);
        let moment = Moment::of(scroll(picture), shown_ms, longest);
        let mut canvas = ground.canvas.clone();
        for moving in &ground.moving {
            moving.draw(&mut canvas, &mut self.text, moment, progress(picture));
        }
        if !self.text.fonts.lacking {
            self.grounds.keep(ground);
        }
        (canvas, moment.map(|moment| moment.next_ms))
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

/// What stands still of a picture, and what moves over it.
struct Ground {
    picture: Picture,
    size: Size,
    covers: Vec<Option<Weak<Cover>>>,
    canvas: Pixmap,
    moving: Vec<Moving>,
}

impl Ground {
    /// Whether this is the ground of a picture too: all is the same but the place in the track.
    fn is_of(&self, picture: &Picture, size: Size, covers: &[Option<Weak<Cover>>]) -> bool {
        let same_cover = |(a, b): (&Option<Weak<Cover>>, &Option<Weak<Cover>>)| match (a, b) {
            (Some(a), Some(b)) => a.ptr_eq(b),
            (None, None) => true,
            _ => false,
        };
        self.size == size
            && self.covers.len() == covers.len()
            && self.covers.iter().zip(covers).all(same_cover)
            && match (&self.picture, picture) {
                (Picture::NowPlaying(a), Picture::NowPlaying(b)) => same_ground(a, b),
                (a, b) => a == b,
            }
    }
}

fn same_ground(a: &NowPlaying, b: &NowPlaying) -> bool {
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

/// The grounds that were used last.
#[derive(Default)]
struct Grounds {
    /// Those used later are further behind.
    kept: Vec<Ground>,
}

impl Grounds {
    /// Memory of the canvases that are kept, in bytes: two faces of the whole Panel, or nine of 3 x 2.
    const BYTES: usize = 4 << 20;

    /// The ground of a picture, if it is kept. Whoever takes it gives it back.
    fn take(&mut self, picture: &Picture, size: Size, covers: &[Option<Weak<Cover>>]) -> Option<Ground> {
        let place = self.kept.iter().position(|ground| ground.is_of(picture, size, covers))?;
        Some(self.kept.remove(place))
    }

    fn keep(&mut self, ground: Ground) {
        self.kept.push(ground);
        let bytes = |kept: &[Ground]| kept.iter().map(|ground| ground.canvas.data().len()).sum::<usize>();
        while self.kept.len() > 1 && bytes(&self.kept) > Self::BYTES {
            self.kept.remove(0);
        }
    }
}

/// A canvas as an opaque PNG, packed fast rather than small. Of PNG's filters, the differences within a row are the
/// fastest here (0.36 ms for 3 x 2, where choosing again for each row takes 0.52 for 4 % less): backgrounds are of one
/// colour a row.
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
                let frame = renderer.frame(&picture, size, &covers, 4_000);
                let decoded = image::load_from_memory(&frame.png).expect("a PNG");
                assert_eq!((decoded.width(), decoded.height()), size.pixels());
                assert!(!decoded.color().has_alpha());
                // Twice the same, from filled caches too.
                assert_eq!(frame, renderer.frame(&picture, size, &covers, 4_000));
            }
        }
    }

    #[test]
    fn covers_are_whole_and_nothing_is_over_them() {
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
                    // Somewhere on the face every pixel of the scaled cover is as it was, corners aside.
                    let sizes = cover.scaled_sizes();
                    assert_eq!(sizes.len(), 1, "{size:?} {picture:?}");
                    let scaled = cover.scaled(sizes[0]).expect("kept");
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
    fn what_changes_is_seen() {
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
    fn a_cover_that_arrives_is_seen() {
        let mut renderer = renderer();
        let picture = now("Title").into();
        let without = draw(&mut renderer, &picture, WIDE);
        let with = draw_with(&mut renderer, &picture, WIDE, &samples::small_cover(0));
        let with_other = draw_with(&mut renderer, &picture, WIDE, &samples::small_cover(1));
        assert_ne!(without.data(), with.data());
        assert_ne!(with.data(), with_other.data());
    }

    #[test]
    fn a_step_over_the_kept_ground_is_as_drawn_anew() {
        let long = "A very long title that can't be shown in one line, nor in two of them";
        for size in [Size::KEY, Size { columns: 3, rows: 1 }, WIDE, Size { columns: 2, rows: 2 }] {
            let mut used = renderer();
            for (at, second) in [(0, 0), (3_000, 3), (3_050, 3), (9_000, 9), (20_000, 20)] {
                let progress = Some(Progress { position_s: second, duration_s: 200 });
                let picture = NowPlaying { progress, ..now(long) }.into();
                let none = |_: &str| None;
                let step = used.draw(&picture, size, &none, at);
                let anew = renderer().draw(&picture, size, &none, at);
                assert!(step.0.data() == anew.0.data() && step.1 == anew.1, "{size:?} {at}");
                assert_eq!(used.grounds.kept.len(), 1);
            }
        }
    }

    #[test]
    fn only_long_words_move_and_only_if_they_may() {
        let mut renderer = renderer();
        let long = "A very long title that can't be shown in one line, nor in two of them";
        let mut next = |title: &str, scroll, size| {
            let picture = NowPlaying { scroll, ..now(title) }.into();
            renderer.frame(&picture, size, &|_| None, 0).next_ms
        };
        for size in [WIDE, Size { columns: 2, rows: 2 }, Size { columns: 3, rows: 1 }, Size { columns: 5, rows: 4 }] {
            assert_eq!(next("Title", Scroll::Normal, size), None);
            assert_eq!(next(long, Scroll::Off, size), None);
            assert!(next(long, Scroll::Slow, size).is_some_and(|ms| ms >= 2_000), "{size:?}");
        }
        // There are no words on a single key.
        assert_eq!(next(long, Scroll::Normal, Size::KEY), None);
    }

    #[test]
    fn face_is_drawn_at_once_and_again_when_its_fonts_are_found() {
        let mut renderer = Renderer::with_fonts("en", Installed::Unread(testing::fonts));
        let frame = |renderer: &mut Renderer, title: &str| renderer.frame(&now(title).into(), WIDE, &|_| None, 0);
        let squares = self::renderer().frame(&now("漢字").into(), WIDE, &|_| None, 0);
        let first = frame(&mut renderer, "漢字");
        assert!(first.lacks_fonts && !squares.lacks_fonts);
        assert_eq!(first.png, squares.png, "with what is there");
        assert!(renderer.wait_for_fonts());
        let second = frame(&mut renderer, "漢字");
        assert!(!second.lacks_fonts);
        // The font of the test shows a square, too, but in a regular weight.
        assert_ne!(second.png, first.png);
        assert_eq!(frame(&mut renderer, "漢字"), second, "from the kept ground, too");
        // What is in a font that is in use needs no search.
        assert!(!frame(&mut renderer, "字").lacks_fonts);
    }

    #[test]
    fn what_no_font_has_is_looked_for_once() {
        let mut renderer = Renderer::with_fonts("en", Installed::Unread(testing::fonts));
        let frame = |renderer: &mut Renderer, title: &str| renderer.frame(&now(title).into(), WIDE, &|_| None, 0);
        assert!(frame(&mut renderer, "語").lacks_fonts);
        while renderer.wait_for_fonts() {
            frame(&mut renderer, "語");
        }
        assert!(!frame(&mut renderer, "語").lacks_fonts);
        assert!(!frame(&mut renderer, "語語 and more").lacks_fonts);
    }

    #[test]
    fn drawing_goes_on_without_the_fonts_thread() {
        fn broken() -> cosmic_text::fontdb::Database {
            panic!("as it should");
        }
        let mut renderer = Renderer::with_fonts("en", Installed::Unread(broken));
        let frame = |renderer: &mut Renderer| renderer.frame(&now("漢").into(), WIDE, &|_| None, 0);
        frame(&mut renderer);
        while renderer.wait_for_fonts() {
            frame(&mut renderer);
        }
        assert!(!frame(&mut renderer).lacks_fonts);
    }

    #[test]
    fn the_grounds_stay_within_their_bounds() {
        let mut renderer = renderer();
        for number in 0..30 {
            draw(&mut renderer, &now(&format!("Title {number}")).into(), Size { columns: 5, rows: 4 });
        }
        assert_eq!(renderer.grounds.kept.len(), 2);
        for number in 0..30 {
            draw(&mut renderer, &now(&format!("Title {number}")).into(), Size::KEY);
        }
        let bytes: usize = renderer.grounds.kept.iter().map(|ground| ground.canvas.data().len()).sum();
        assert!(bytes <= Grounds::BYTES);
        assert!(renderer.grounds.kept.len() >= 30);
    }

    /// What is remembered of drawing: choices and kinds of fonts, fonts, glyphs, cut texts, icons, bytes of grounds.
    fn remembered(renderer: &Renderer) -> [usize; 7] {
        let [chosen, found, fonts, glyphs, cuts] = renderer.text.remembered();
        let grounds = renderer.grounds.kept.iter().map(|ground| ground.canvas.data().len()).sum();
        [chosen, found, fonts, glyphs, cuts, renderer.icons.remembered(), grounds]
    }

    #[test]
    fn drawing_a_day_of_tracks_remembers_no_more_than_its_bounds() {
        let mut renderer = Renderer::with_fonts("en", Installed::Unread(testing::fonts));
        for number in 0..1_500_u32 {
            // Another title, with characters of its own that some font has, or none; another colour beside the cover.
            let odd = |offset| char::from_u32(0x4e00 + 4 * number + offset).expect("a character");
            let title = format!("Title {number} {}{}{} 漢 that is too long for its line", odd(0), odd(1), odd(2));
            let cover = samples::two_colours((number as u8, (number / 6) as u8, 90), (0, 0, 0), 0);
            let paused = NowPlaying { playing: false, scroll: Scroll::Off, ..now(&title) };
            let key = samples::cover_key(&title, crate::face::Tone::Active);
            for picture in [paused.into(), key] {
                renderer.draw(&picture, Size::KEY, &|_| Some(cover.clone()), 0);
            }
            if number % 100 == 0 {
                renderer.wait_for_fonts();
            }
        }
        let most = [2048, 16, 8, 2 * 2048, 64, 256, Grounds::BYTES];
        let remembered = remembered(&renderer);
        assert!(remembered.iter().zip(most).all(|(now, most)| *now <= most), "{remembered:?}, not {most:?}");
    }

    #[test]
    fn notices_stay_clear_of_the_edges() {
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
