//! Samples of every face, for the snapshot tests and the contact sheet.
//!
//! [`all`] is the list. The tests compare the drawn faces with `snapshots.txt`, one line per face; `cargo xtask faces` draws
//! all of them on one sheet for inspection. After an intended change, check that sheet, then update the lines with
//! `UPDATE_FACES=1 cargo test -p spotify-plugin snapshots`.

use std::fmt::Write as _;
use std::io::Cursor;
use std::sync::Arc;
use std::time::Duration;

use image::codecs::png::{CompressionType, FilterType, PngEncoder};
use image::{ImageEncoder as _, RgbImage};
use sha2::{Digest as _, Sha256};
use tiny_skia::{Color, Pixmap, PixmapPaint, Transform};

use super::{
    Cover, CoverKey, Icon, Key, Line, List, Notice, NowPlaying, Picture, Progress, Renderer, Row, Scroll, Size,
    SystemFonts, Text, Tone,
};
use crate::hex;

/// Returns a drawn cover; each number is a different one.
pub(super) fn cover(number: u32) -> Arc<Cover> {
    rings(number, 360)
}

/// Returns a drawn cover that is cheap to draw and scale.
pub(super) fn small_cover(number: u32) -> Arc<Cover> {
    rings(number, 64)
}

fn rings(number: u32, side: u32) -> Arc<Cover> {
    let (from, to) = [
        ([236, 84, 52], [92, 20, 84]),
        ([40, 120, 210], [16, 190, 170]),
        ([245, 220, 120], [240, 150, 60]),
        ([230, 230, 230], [150, 150, 150]),
        ([20, 20, 24], [60, 60, 70]),
        ([180, 40, 110], [30, 20, 80]),
    ][number as usize % 6];
    let middle = side as f32 / 2.0;
    decoded(&RgbImage::from_fn(side, side, |x, y| {
        let (dx, dy) = (x as f32 - middle, y as f32 - middle);
        let share = (x + y) as f32 / (4.0 * middle);
        let ring = (((dx * dx + dy * dy).sqrt() / middle * 7.0) as u32 + number).is_multiple_of(3);
        image::Rgb(std::array::from_fn(|i| {
            let mixed = f32::from(from[i] as u8) * (1.0 - share) + f32::from(to[i] as u8) * share;
            (mixed * if ring { 0.8 } else { 1.0 }) as u8
        }))
    }))
}

/// Returns a cover of two colours, of which `other` fills `share` 64ths.
pub(super) fn two_colours(one: (u8, u8, u8), other: (u8, u8, u8), share: u32) -> Arc<Cover> {
    decoded(&RgbImage::from_fn(8, 8, |x, y| {
        let (r, g, b) = if y * 8 + x < share { other } else { one };
        image::Rgb([r, g, b])
    }))
}

fn decoded(picture: &RgbImage) -> Arc<Cover> {
    let mut file = Vec::new();
    picture.write_to(&mut Cursor::new(&mut file), image::ImageFormat::Png).expect("encoded");
    Arc::new(Cover::decode(&file, 4096).expect("decoded"))
}

pub(super) fn renderer() -> Renderer {
    Renderer::new("en", SystemFonts::Never)
}

/// Returns every size of the grid.
pub(super) fn sizes() -> impl Iterator<Item = Size> {
    (1..=5).flat_map(|columns| (1..=4).map(move |rows| Size { columns, rows }))
}

/// Draws a picture as it looks at first, without covers.
pub(super) fn draw(renderer: &mut Renderer, picture: &Picture, size: Size) -> Pixmap {
    renderer.draw(picture, size, &|_| None, Duration::ZERO).0
}

/// Draws a picture as it looks at first, with one cover for every URL.
pub(super) fn draw_with(renderer: &mut Renderer, picture: &Picture, size: Size, cover: &Arc<Cover>) -> Pixmap {
    renderer.draw(picture, size, &|_| Some(cover.clone()), Duration::ZERO).0
}

impl From<NowPlaying> for Picture {
    fn from(now: NowPlaying) -> Picture {
        Picture::NowPlaying(now)
    }
}

pub(super) fn now(title: &str) -> NowPlaying {
    NowPlaying {
        cover: Some("0".to_owned()),
        title: title.to_owned(),
        artist: "Artist".to_owned(),
        playing: true,
        progress: Some(Progress { position_s: 62, duration_s: 200 }),
        dimmed: false,
        scroll: Scroll::Normal,
    }
}

pub(super) fn cover_key(label: &str, tone: Tone) -> Picture {
    Picture::Cover(CoverKey {
        cover: Some("0".to_owned()),
        icon: Icon::Play,
        label: label.to_owned(),
        tone,
        dimmed: false,
    })
}

pub(super) fn list(rows: usize) -> Picture {
    let names = [
        ("Here Comes the Sun - Remastered 2009", "The Beatles"),
        ("Ashes", "Stellar"),
        ("A Very Long Title That Goes On and On - Live in Montréal", "An Artist, Another Artist, The Orchestra"),
        ("Episode 12", ""),
        ("Łódź", "Їжак"),
        ("Six", "Sextet"),
    ];
    let row = |number: usize| {
        let (title, byline) = names[number % names.len()];
        Row { title: title.to_owned(), byline: byline.to_owned(), cover: Some(number.to_string()) }
    };
    Picture::List(List {
        heading: "Up next".to_owned(),
        rows: (0..rows).map(row).collect(),
        empty: "Nothing is queued".to_owned(),
    })
}

fn text(lines: &[(&str, bool)], scroll: Scroll, dimmed: bool) -> Picture {
    let lines = lines.iter().map(|(text, strong)| Line { text: (*text).to_owned(), strong: *strong }).collect();
    Picture::Text(Text { lines, dimmed, scroll })
}

fn key(icon: Icon, label: &str, tone: Tone) -> Key {
    Key { icon, label: label.to_owned(), note: None, tone, meter: None, dimmed: false }
}

fn notice(icon: Icon, text: &str) -> Picture {
    Picture::Notice(Notice { icon, text: text.to_owned() })
}

/// Returns one picture of each kind.
pub(super) fn one_of_each() -> Vec<Picture> {
    vec![
        Picture::Key(Key { meter: Some(200), ..key(Icon::VolumeUp, "Volume up", Tone::Active) }),
        notice(Icon::Link, "Link Spotify in Settings"),
        now("A title that is too long for its place, whatever place it is given").into(),
        cover_key("Playlist", Tone::Active),
        list(9),
        text(&[("A title that is too long for its place", true), ("0:48", false)], Scroll::Fast, false),
    ]
}

/// A face in the list.
struct Sample {
    /// Its content in a word or two.
    name: String,
    picture: Picture,
    size: Size,
    /// Whether its covers are loaded; their URLs are the numbers of [`cover`].
    covered: bool,
    shown_for: Duration,
}

/// Returns every kind of picture in every state and every size that a widget offers. A new kind or state is a new line here.
fn all() -> Vec<(&'static str, Vec<Sample>)> {
    let sample = |name: &str, picture: Picture, (columns, rows): (u8, u8)| Sample {
        name: name.to_owned(),
        picture,
        size: Size { columns, rows },
        covered: true,
        shown_for: Duration::ZERO,
    };
    let mut icons = Vec::new();
    for icon in Icon::ALL {
        let name = words(icon);
        icons.push(sample(&name, Picture::Key(key(icon, &name, Tone::Normal)), (1, 1)));
    }

    let mut keys = Vec::new();
    for tone in [Tone::Normal, Tone::Active, Tone::Disabled] {
        for dimmed in [false, true] {
            for (icon, label) in [(Icon::Pause, "Pause"), (Icon::Shuffle, "Shuffle"), (Icon::HeartFilled, "Liked")] {
                let name = format!("{label} {tone:?}{}", if dimmed { " dimmed" } else { "" });
                let picture = Picture::Key(Key { dimmed, ..key(icon, label, tone) });
                keys.push(sample(&name, picture, (1, 1)));
            }
        }
    }
    for (label, percent) in [("Volume +", 0), ("Volume −", 35), ("64 %", 64), ("", 100)] {
        let picture = Picture::Key(Key { meter: Some(percent), ..key(Icon::VolumeUp, label, Tone::Normal) });
        keys.push(sample(&format!("Meter {percent}"), picture, (1, 1)));
    }
    for (label, tone, meter) in [
        ("30 min", Tone::Normal, None),
        ("14:59", Tone::Active, Some(49)),
        ("1 h 05 min", Tone::Active, Some(97)),
        ("End of episode", Tone::Disabled, None),
    ] {
        keys.push(sample(
            &format!("Sleep timer {label}"),
            Picture::Key(Key { meter, ..key(Icon::Moon, label, tone) }),
            (1, 1),
        ));
    }
    for label in ["", "Lautstärke erhöhen", "Wiedergabe pausieren bitte"] {
        keys.push(sample(&format!("Label {label}"), Picture::Key(key(Icon::Next, label, Tone::Normal)), (1, 1)));
    }
    for (label, note) in [("Simone Löwe", "Primary"), ("Backup 1", "Primary in 13 h 52 min")] {
        let picture = Picture::Key(Key { note: Some(note.to_owned()), ..key(Icon::Account, label, Tone::Active) });
        keys.push(sample(&format!("Note {note}"), picture, (1, 1)));
    }
    for size in [(2, 1), (2, 2)] {
        keys.push(sample(&format!("Large {size:?}"), Picture::Key(key(Icon::Next, "Next", Tone::Active)), size));
    }

    let mut notices = Vec::new();
    for (icon, text) in [
        (Icon::Link, "Link Spotify in Settings"),
        (Icon::Link, "Verknüpfe Spotify in den Einstellungen"),
        (Icon::Warning, "Sign in again"),
        (Icon::Offline, "No network"),
        (Icon::Clock, "Limited for 12 min"),
        (Icon::Speaker, "Open Spotify on a device"),
        (Icon::Warning, "The Client Secret was refused: open the settings and type it in again, then log in"),
    ] {
        notices.push(sample(text, notice(icon, text), (1, 1)));
    }
    for size in [(2, 2), (3, 1), (3, 2)] {
        notices.push(sample(&format!("Large {size:?}"), notice(Icon::Link, "Link Spotify in Settings"), size));
    }

    let mut playing = Vec::new();
    let long = "A Very Long Title That Goes On and On - Remastered 2011, Live in Montréal";
    let artists = "An Artist, Another Artist, and The Orchestra of Everything";
    let titled = |title: &str, artist: &str, number: u32| NowPlaying {
        cover: Some(number.to_string()),
        artist: artist.to_owned(),
        ..now(title)
    };
    for size in [(1, 1), (3, 1), (2, 2), (3, 2), (4, 3), (5, 4)] {
        let mut add = |name: &str, now: NowPlaying, covered, shown_s| {
            let name = format!("{name} {}x{}", size.0, size.1);
            playing.push(Sample {
                covered,
                shown_for: Duration::from_secs(shown_s),
                ..sample(&name, now.into(), size)
            });
        };
        let plain = titled("Bohemian Rhapsody", "Queen", 0);
        add("Playing", plain.clone(), true, 0);
        add("Paused", NowPlaying { playing: false, ..titled("Кино", "Їжак", 1) }, true, 0);
        if size.0 > 3 {
            add("Scrolling", titled(long, artists, 2), true, 6);
            continue;
        }
        add("Dimmed", NowPlaying { dimmed: true, ..titled("Ashes", "Stellar", 3) }, true, 0);
        add("No cover", titled("Ashes", "Stellar", 4), false, 0);
        add("No progress", NowPlaying { progress: None, ..titled("Ashes", "", 5) }, true, 0);
        let progress = Some(Progress { position_s: 4_000, duration_s: 36_000 });
        add("Hours", NowPlaying { progress, ..titled("A Chapter of a Book", "An Author", 4) }, true, 0);
        add("Cut", NowPlaying { scroll: Scroll::Off, ..titled(long, artists, 2) }, true, 6);
        add("Resting", titled(long, artists, 2), true, 0);
        add("Scrolling", titled(long, artists, 2), true, 6);
    }

    let mut covers = Vec::new();
    for tone in [Tone::Normal, Tone::Active, Tone::Disabled] {
        covers.push(sample(&format!("{tone:?}"), cover_key("Evening Walk", tone), (1, 1)));
    }
    let of = |number: u32, icon, label: &str, tone, dimmed| {
        Picture::Cover(CoverKey { cover: Some(number.to_string()), icon, label: label.to_owned(), tone, dimmed })
    };
    covers.push(sample("Dimmed", of(1, Icon::Pause, "Evening Walk", Tone::Active, true), (1, 1)));
    covers.push(sample("Long", of(2, Icon::Pause, "Songs to Sing in the Car", Tone::Active, false), (1, 1)));
    covers.push(sample("Unnamed", of(5, Icon::Play, "", Tone::Normal, false), (1, 1)));
    let missing = of(1, Icon::PlusList, "Add to Mix", Tone::Normal, false);
    covers.push(Sample { covered: false, ..sample("No cover", missing, (1, 1)) });
    for size in [(2, 1), (3, 1), (2, 2), (3, 2)] {
        let picture = of(3, Icon::Pause, "Songs to Sing in the Car", Tone::Active, false);
        covers.push(sample(&format!("Large {size:?}"), picture, size));
    }

    let mut lists = Vec::new();
    for size in [(1, 1), (2, 2), (3, 2)] {
        for rows in [0, 1, 9] {
            lists.push(sample(&format!("{rows} rows {size:?}"), list(rows), size));
        }
    }
    lists.push(Sample { covered: false, ..sample("No covers", list(9), (3, 2)) });

    let mut texts = Vec::new();
    for columns in 1..=5 {
        let lines = [("Bohemian Rhapsody", true), ("Queen", false), ("1:02 / 5:54", false)];
        texts.push(sample(&format!("Three lines {columns}"), text(&lines, Scroll::Normal, false), (columns, 1)));
        let lines = [(long, true), (artists, false)];
        let picture = text(&lines, Scroll::Normal, false);
        texts.push(Sample {
            shown_for: Duration::from_secs(5),
            ..sample(&format!("Scrolling {columns}"), picture, (columns, 1))
        });
    }
    texts.push(sample("One line", text(&[("5:54", true)], Scroll::Normal, false), (1, 1)));
    texts.push(sample("Dimmed", text(&[("Ashes", true), ("Stellar", false)], Scroll::Normal, true), (1, 1)));
    texts.push(sample("Cut", text(&[(long, true), (artists, false)], Scroll::Off, false), (2, 1)));
    texts.push(sample("Nothing", text(&[], Scroll::Normal, false), (1, 1)));

    vec![
        ("icon", icons),
        ("key", keys),
        ("notice", notices),
        ("playing", playing),
        ("cover", covers),
        ("list", lists),
        ("text", texts),
    ]
}

/// Returns an icon's name as words.
fn words(icon: Icon) -> String {
    let mut words = String::new();
    for letter in format!("{icon:?}").chars() {
        if letter.is_uppercase() && !words.is_empty() {
            words.push(' ');
        }
        words.push(if words.is_empty() { letter } else { letter.to_ascii_lowercase() });
    }
    words
}

/// Draws samples, each with its covers.
struct Drawer {
    renderer: Renderer,
    covers: Vec<Arc<Cover>>,
}

impl Drawer {
    fn new(fonts: SystemFonts) -> Drawer {
        Drawer { renderer: Renderer::new("en", fonts), covers: (0..6).map(cover).collect() }
    }

    fn draw(&mut self, sample: &Sample) -> Pixmap {
        let covers = |url: &str| {
            let number: usize = url.parse().expect("a number");
            sample.covered.then(|| self.covers[number % self.covers.len()].clone())
        };
        loop {
            let face = self.renderer.draw(&sample.picture, sample.size, &covers, sample.shown_for).0;
            if !self.renderer.wait_for_fonts() {
                return face;
            }
        }
    }
}

/// Returns one line per face: the hash of its pixels, its kind and its name.
fn snapshots() -> String {
    let mut drawer = Drawer::new(SystemFonts::Never);
    let mut lines = String::new();
    for (kind, samples) in all() {
        for sample in samples {
            let digest = Sha256::digest(drawer.draw(&sample).data());
            let short = hex::encode(&digest[..8]);
            writeln!(lines, "{short} {kind}: {}", sample.name).expect("a String takes every write");
        }
    }
    lines
}

/// Drawing is rounded slightly differently on other processors, so this only runs on the kind that made the snapshots.
#[test]
#[cfg_attr(not(all(target_os = "linux", target_arch = "x86_64")), ignore = "the snapshots are of another machine")]
fn faces_match_their_snapshots() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/src/face/snapshots.txt");
    let drawn = snapshots();
    if std::env::var_os("UPDATE_FACES").is_some() {
        std::fs::write(path, &drawn).expect("written");
    }
    let kept = std::fs::read_to_string(path).expect("snapshots.txt");
    let differing: Vec<&str> = drawn.lines().filter(|line| !kept.lines().any(|kept| kept == *line)).collect();
    assert!(differing.is_empty(), "these look different: {differing:#?}");
    assert_eq!(drawn, kept, "faces were removed, or come in another order");
}

#[test]
fn sample_names_are_unique() {
    for (kind, samples) in all() {
        let mut names: Vec<&str> = samples.iter().map(|sample| sample.name.as_str()).collect();
        names.sort_unstable();
        let count = names.len();
        names.dedup();
        assert_eq!(names.len(), count, "{kind}");
    }
}

/// A picture on which faces are arranged in rows.
struct Sheet {
    canvas: Pixmap,
    x: u32,
    y: u32,
    row: u32,
}

impl Sheet {
    const GAP: u32 = 8;

    fn new(width: u32) -> Sheet {
        let mut canvas = Pixmap::new(width, 9_000).expect("size");
        canvas.fill(Color::from_rgba8(58, 58, 62, 255));
        Sheet { canvas, x: Self::GAP, y: Self::GAP, row: 0 }
    }

    fn put(&mut self, face: &Pixmap) {
        if self.x + face.width() + Self::GAP > self.canvas.width() {
            self.next_row();
        }
        let (x, y) = (self.x as i32, self.y as i32);
        let paint = PixmapPaint::default();
        self.canvas.draw_pixmap(x, y, face.as_ref(), &paint, Transform::identity(), None);
        self.x += face.width() + Self::GAP;
        self.row = self.row.max(face.height());
    }

    fn next_row(&mut self) {
        if self.row > 0 {
            self.x = Self::GAP;
            self.y += self.row + Self::GAP;
            self.row = 0;
        }
    }

    /// Returns the used part of the sheet.
    fn finish(mut self) -> Pixmap {
        self.next_row();
        let mut used = Pixmap::new(self.canvas.width(), self.y).expect("size");
        used.draw_pixmap(0, 0, self.canvas.as_ref(), &PixmapPaint::default(), Transform::identity(), None);
        used
    }
}

/// Returns titles in scripts that need the system's fonts: not in the snapshots, but for inspection.
fn scripts() -> Vec<Sample> {
    let titles = [
        ("夜に駆ける", "YOASOBI"),
        ("사랑을 했다 (LOVE SCENARIO)", "아이콘"),
        ("أنت عمري", "أم كلثوم"),
        ("青花瓷 ❤️ 🎸", "周杰倫 👩‍🎤"),
        ("أغنية طويلة جدا لا تتسع لها هذه المساحة الصغيرة أبدا ولا حتى في سطرين", "فيروز (live 1998)"),
        ("とても長い曲名はこの小さな画面には収まりきらないので動かして表示されます", "東京事変"),
        ("ไม่เคย", "25hours"),
        ("שיר לשלום", "Друга Ріка"),
    ];
    let sample = |(number, (title, artist)): (usize, &(&str, &str))| Sample {
        name: (*title).to_owned(),
        picture: NowPlaying { cover: Some(number.to_string()), artist: (*artist).to_owned(), ..now(title) }.into(),
        size: Size { columns: 2, rows: 2 },
        covered: true,
        shown_for: Duration::from_secs(4),
    };
    titles.iter().enumerate().map(sample).collect()
}

/// The faces in the README's picture, in rows of five columns, as on the Panel.
const SHOWN: [(&str, &str); 25] = [
    ("playing", "Playing 3x2"),
    ("playing", "Paused 2x2"),
    ("playing", "Scrolling 3x1"),
    ("key", "Pause Active"),
    ("icon", "Next"),
    ("playing", "Playing 1x1"),
    ("cover", "Active"),
    ("key", "Liked Active"),
    ("key", "Meter 64"),
    ("key", "Shuffle Active"),
    ("list", "9 rows (2, 2)"),
    ("list", "9 rows (3, 2)"),
    ("cover", "Long"),
    ("list", "9 rows (1, 1)"),
    ("text", "Three lines 3"),
    ("icon", "Seek back"),
    ("icon", "Seek forward"),
    ("icon", "Queue add"),
    ("icon", "Computer"),
    ("key", "Note Primary in 13 h 52 min"),
    ("notice", "Link Spotify in Settings"),
    ("notice", "Sign in again"),
    ("notice", "No network"),
    ("notice", "Open Spotify on a device"),
    ("notice", "Limited for 12 min"),
];

/// Writes a picture as a small file.
fn write(path: &std::ffi::OsStr, canvas: &Pixmap) {
    let file = std::fs::File::create(path).expect("made");
    let encoder = PngEncoder::new_with_quality(file, CompressionType::Best, FilterType::Adaptive);
    // All pixels are opaque.
    let written = encoder.write_image(canvas.data(), canvas.width(), canvas.height(), image::ExtendedColorType::Rgba8);
    written.expect("written");
}

/// Writes the contact sheets: `FACES` is the file for all faces, `FACES_README` the one for the README's choice.
#[test]
#[ignore = "writes pictures to look at: cargo xtask faces"]
fn contact_sheet() {
    let path = std::env::var_os("FACES").expect("FACES names the file to write");
    let mut drawer = Drawer::new(SystemFonts::WhenNeeded);
    let mut sheet = Sheet::new(1588);
    let mut shown = Sheet::new(798);
    let mut selected: Vec<(usize, Pixmap)> = Vec::new();
    for (kind, samples) in all() {
        for sample in samples {
            let face = drawer.draw(&sample);
            sheet.put(&face);
            if let Some(index) = SHOWN.iter().position(|shown| *shown == (kind, sample.name.as_str())) {
                selected.push((index, face));
            }
        }
        sheet.next_row();
    }
    for sample in scripts() {
        sheet.put(&drawer.draw(&sample));
    }
    assert_eq!(selected.len(), SHOWN.len(), "a face that the README shows was renamed");
    selected.sort_by_key(|(index, _)| *index);
    selected.iter().for_each(|(_, face)| shown.put(face));
    write(&path, &sheet.finish());
    if let Some(path) = std::env::var_os("FACES_README") {
        write(&path, &shown.finish());
    }
}
