//! A contact sheet: every face on one picture, to be looked at.
//!
//! `FACES_OUT=faces.png cargo test -p spotify-plugin -- --ignored contact_sheet` writes it.

use std::io::Cursor;

use image::RgbImage;
use tiny_skia::{Color, Pixmap, PixmapPaint, Transform};

use super::renderer::{SystemFonts, encode};
use super::{Cover, Icon, Key, Notice, NowPlaying, Picture, Progress, Renderer, Size, Tone};

/// A drawn cover; each number another.
pub(super) fn cover(number: u32) -> Cover {
    let (from, to) = [
        ([236, 84, 52], [92, 20, 84]),
        ([40, 120, 210], [16, 190, 170]),
        ([245, 220, 120], [240, 150, 60]),
        ([230, 230, 230], [150, 150, 150]),
        ([20, 20, 24], [60, 60, 70]),
        ([180, 40, 110], [30, 20, 80]),
    ][number as usize % 6];
    let picture = RgbImage::from_fn(640, 640, |x, y| {
        let (dx, dy) = (x as f32 - 320.0, y as f32 - 320.0);
        let share = (x + y) as f32 / 1280.0;
        let ring = ((dx * dx + dy * dy).sqrt() as u32 / 46 + number).is_multiple_of(3);
        image::Rgb(std::array::from_fn(|i| {
            let mixed = f32::from(from[i] as u8) * (1.0 - share) + f32::from(to[i] as u8) * share;
            (mixed * if ring { 0.8 } else { 1.0 }) as u8
        }))
    });
    let mut file = Vec::new();
    picture.write_to(&mut Cursor::new(&mut file), image::ImageFormat::Png).expect("encoded");
    Cover::decode(&file, 4096).expect("decoded")
}

struct Sheet {
    canvas: Pixmap,
    x: u32,
    y: u32,
    row: u32,
}

impl Sheet {
    const GAP: u32 = 12;

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
        self.x = Self::GAP;
        self.y += self.row + Self::GAP;
        self.row = 0;
    }
}

fn key(icon: Icon, label: &str, tone: Tone, meter: Option<u8>, dimmed: bool) -> Picture {
    Picture::Key(Key { icon, label: label.to_owned(), note: None, tone, meter, dimmed })
}

#[test]
#[ignore = "writes a picture to look at; needs FACES_OUT"]
fn contact_sheet() {
    let path = std::env::var_os("FACES_OUT").expect("FACES_OUT names the file to write");
    let mut renderer = Renderer::new("en", SystemFonts::WhenNeeded);
    let mut canvas = Pixmap::new(1640, 4200).expect("size");
    canvas.fill(Color::from_rgba8(70, 70, 74, 255));
    let mut sheet = Sheet { canvas, x: Sheet::GAP, y: Sheet::GAP, row: 0 };

    for icon in Icon::ALL {
        let label = format!("{icon:?}");
        sheet.put(&renderer.draw(&key(icon, &label, Tone::Normal, None, false), Size::KEY, None));
    }
    sheet.next_row();
    for (tone, dimmed) in [(Tone::Active, false), (Tone::Disabled, false), (Tone::Normal, true), (Tone::Active, true)] {
        for icon in [Icon::Pause, Icon::Shuffle, Icon::RepeatOne, Icon::Previous, Icon::Speaker] {
            let picture = key(icon, &format!("{icon:?}"), tone, None, dimmed);
            sheet.put(&renderer.draw(&picture, Size::KEY, None));
        }
    }
    for (label, percent) in [("Volume +", 0), ("Volume −", 35), ("64 %", 64), ("", 100)] {
        let picture = key(Icon::VolumeUp, label, Tone::Normal, Some(percent), false);
        sheet.put(&renderer.draw(&picture, Size::KEY, None));
    }
    for label in ["", "Lautstärke erhöhen", "Wiedergabe pausieren bitte", "シャッフル", "다음 곡", "上一首"]
    {
        let picture = key(Icon::Next, label, Tone::Normal, None, false);
        sheet.put(&renderer.draw(&picture, Size::KEY, None));
    }
    for (label, note) in
        [("Simone Löwe", "Primary"), ("Backup 1", "Primary in 13 h 52 min"), ("シャッフル", "残り 0:42")]
    {
        let picture = Picture::Key(Key {
            icon: Icon::Account,
            label: label.to_owned(),
            note: Some(note.to_owned()),
            tone: Tone::Active,
            meter: None,
            dimmed: false,
        });
        sheet.put(&renderer.draw(&picture, Size::KEY, None));
    }
    sheet.next_row();
    for (icon, text) in [
        (Icon::Link, "Link Spotify in Settings"),
        (Icon::Link, "Verknüpfe Spotify in den Einstellungen"),
        (Icon::Link, "設定でSpotifyをリンクしてください"),
        (Icon::Link, "설정에서 Spotify를 연결하세요"),
        (Icon::Link, "请在设置中关联 Spotify"),
        (Icon::Warning, "Sign in again"),
        (Icon::Offline, "No network"),
        (Icon::Clock, "Limited for 12 min"),
        (Icon::Speaker, "Open Spotify on a device"),
        (Icon::Warning, "The Client Secret was refused: open the settings and type it in again, then log in"),
    ] {
        let notice = Picture::Notice(Notice { icon, text: text.to_owned() });
        sheet.put(&renderer.draw(&notice, Size::KEY, None));
    }
    let link = Picture::Notice(Notice { icon: Icon::Link, text: "Link Spotify in Settings".to_owned() });
    for (columns, rows) in [(2, 2), (3, 1), (3, 2)] {
        sheet.put(&renderer.draw(&link, Size { columns, rows }, None));
    }
    sheet.next_row();

    let long = "A Very Long Title That Goes On and On - Remastered 2011, Live in Montréal";
    let titles = [
        ("Bohemian Rhapsody", "Queen"),
        (long, "An Artist, Another Artist, and The Orchestra of Everything"),
        ("夜に駆ける", "YOASOBI"),
        ("사랑을 했다 (LOVE SCENARIO)", "아이콘"),
        ("أنت عمري", "أم كلثوم"),
        ("青花瓷 ❤️ 🎸", "周杰倫 👩‍🎤"),
        ("أغنية طويلة جدا لا تتسع لها هذه المساحة الصغيرة أبدا ولا حتى في سطرين", "فيروز (live 1998)"),
        ("とても長い曲名はこの小さな画面には収まりきらないので省略されます", "東京事変"),
        ("ไม่เคย", "25hours"),
        ("שיר לשלום", "Друга Ріка"),
    ];
    for size in [(3, 2), (2, 2), (3, 1)] {
        for (number, (title, artist)) in titles.iter().enumerate() {
            let number = number as u32;
            let now = NowPlaying {
                cover: Some(String::new()),
                title: (*title).to_owned(),
                artist: (*artist).to_owned(),
                playing: number % 3 != 1,
                progress: (number != 8)
                    .then_some(Progress { position_s: 35 * number, duration_s: if number == 3 { 4000 } else { 354 } }),
                dimmed: number == 5,
            };
            let cover = (number != 7).then(|| cover(number));
            let (columns, rows) = size;
            let picture = Picture::NowPlaying(now);
            sheet.put(&renderer.draw(&picture, Size { columns, rows }, cover.as_ref()));
        }
        sheet.next_row();
    }
    let now = Picture::NowPlaying(NowPlaying {
        cover: Some(String::new()),
        title: "Bohemian Rhapsody - Remastered 2011".to_owned(),
        artist: "Queen".to_owned(),
        playing: true,
        progress: Some(Progress { position_s: 84, duration_s: 354 }),
        dimmed: false,
    });
    for (columns, rows) in [(1, 1), (2, 1), (5, 1), (1, 2), (1, 3), (2, 3), (3, 3), (4, 2), (5, 2), (4, 3), (5, 4)] {
        sheet.put(&renderer.draw(&now, Size { columns, rows }, Some(&cover(0))));
    }
    std::fs::write(path, encode(&sheet.canvas)).expect("written");
}
