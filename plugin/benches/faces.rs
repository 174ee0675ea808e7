//! What a face costs, from its description to the data URI that a host gets: `cargo bench -p spotify-plugin --bench faces`.
//!
//! Medians of single-threaded runs, in microseconds, and the length of the PNG. Nothing here passes or fails.

use std::io::Cursor;
use std::sync::Arc;
use std::time::{Duration, Instant};

use host_sdk::package::Image;
use spotify_plugin::face::{
    Cover, CoverLimits, Icon, Key, NowPlaying, Picture, Progress, Renderer, Scroll, Size, SystemFonts, Tone,
};

const RUNS: usize = 101;

/// A cover's file that packs no better than a photograph: soft shapes under grain.
fn cover_file(number: u32, side: u32) -> Vec<u8> {
    let mut seed = number.wrapping_mul(2_654_435_761) | 1;
    let picture = image::RgbImage::from_fn(side, side, |x, y| {
        let at = |x: u32, factor: f32| x as f32 / side as f32 * factor;
        let wave = |factor: f32| (at(x, factor) + number as f32).sin() * (at(y, factor) - number as f32).cos();
        image::Rgb(std::array::from_fn(|channel| {
            seed ^= seed << 13;
            seed ^= seed >> 17;
            seed ^= seed << 5;
            let grain = f32::from((seed >> 24) as u8) / 255.0 - 0.5;
            (128.0 + 90.0 * wave(5.0 + 2.0 * channel as f32) + 16.0 * grain) as u8
        }))
    });
    let mut file = Vec::new();
    picture.write_to(&mut Cursor::new(&mut file), image::ImageFormat::Jpeg).expect("encoded");
    file
}

fn cover(number: u32, side: u32) -> Arc<Cover> {
    Arc::new(Cover::decode(&cover_file(number, side), 4096).expect("decoded"))
}

/// Runs a case and prints its line; `run` is given the number of the run.
fn case(name: &str, mut run: impl FnMut(u32) -> usize) {
    let mut bytes = 0;
    let mut times: Vec<f64> = (0..RUNS as u32)
        .map(|number| {
            let started = Instant::now();
            bytes = run(number);
            started.elapsed().as_secs_f64() * 1e6
        })
        .collect();
    times.sort_by(f64::total_cmp);
    println!("{name:44} {:8.0} µs {:8} bytes", times[RUNS / 2], bytes);
}

fn playing(title: String, position_s: u32) -> Picture {
    Picture::NowPlaying(NowPlaying {
        cover: Some("cover".to_owned()),
        title,
        artist: "An Artist, Another Artist, and The Orchestra of Everything".to_owned(),
        playing: true,
        progress: Some(Progress { position_s, duration_s: 254 }),
        dimmed: false,
        scroll: Scroll::Normal,
    })
}

/// Draws, and packs as a host gets it.
fn frame(renderer: &mut Renderer, picture: &Picture, size: Size, cover: &Arc<Cover>, shown_ms: u64) -> usize {
    let frame = renderer.frame(picture, size, &|_| Some(cover.clone()), Duration::from_millis(shown_ms));
    let length = frame.png.len();
    std::hint::black_box(Image::Png(frame.png).to_data_uri());
    length
}

fn main() {
    let long = "A Very Long Title That Goes On and On - Remastered 2011, Live in Montréal";
    for (columns, rows, side) in [(1, 1, 300), (2, 2, 300), (3, 1, 300), (3, 2, 300), (5, 4, 640)] {
        let size = Size { columns, rows };
        let mut renderer = Renderer::new("en", SystemFonts::Never);
        let covers: Vec<_> = (0..RUNS as u32 + 1).map(|number| cover(number, side)).collect();
        // Fonts and glyphs are there once something was drawn.
        frame(&mut renderer, &playing(long.to_owned(), 0), size, &covers[RUNS], 0);
        let name = |what: &str| format!("Playing Now {columns}x{rows}, {what}");
        case(&name("new cover and title"), |run| {
            frame(&mut renderer, &playing(format!("Title {run}"), 1), size, &covers[run as usize], 0)
        });
        case(&name("new title"), |run| frame(&mut renderer, &playing(format!("Name {run}"), 1), size, &covers[0], 0));
        case(&name("a second of progress"), |run| {
            frame(&mut renderer, &playing("Title".to_owned(), run), size, &covers[0], 0)
        });
        let picture = playing(long.to_owned(), 1);
        case(&name("a step of scrolling"), |run| {
            frame(&mut renderer, &picture, size, &covers[0], 4_000 + 50 * u64::from(run))
        });
    }
    let mut renderer = Renderer::new("en", SystemFonts::Never);
    let none = cover(0, 64);
    case("Volume 1x1", |run| {
        let picture = Picture::Key(Key {
            icon: Icon::VolumeUp,
            label: format!("{run} %"),
            note: None,
            tone: Tone::Normal,
            meter: Some(run.min(100) as u8),
            dimmed: false,
        });
        frame(&mut renderer, &picture, Size::KEY, &none, 0)
    });
    let most = CoverLimits::default().pixels;
    for side in [64, 300, 640, most] {
        decode(&format!("Decode a cover of {side} pixels"), &cover_file(1, side), most);
    }
    decode(&format!("Decode a PNG of {most} pixels, 16 bits"), &deep_file(most), most);
    // Spotify has no such pictures; their headers are enough to refuse them.
    decode("Refuse a cover of 4096 pixels", &cover_file(1, 4096), most);
    decode("Refuse a PNG of 4096 pixels, 16 bits", &deep_file(4096), most);
}

/// A PNG of 16 bits a channel, with transparency, that packs well.
fn deep_file(side: u32) -> Vec<u8> {
    let pixel = |x, y| image::Rgba([x as u16, y as u16, 0x1234, 0xfedc]);
    let picture = image::ImageBuffer::<image::Rgba<u16>, Vec<u16>>::from_fn(side, side, pixel);
    let mut file = Vec::new();
    picture.write_to(&mut Cursor::new(&mut file), image::ImageFormat::Png).expect("encoded");
    file
}

fn decode(name: &str, file: &[u8], pixels: u32) {
    case(name, |_| {
        let _ = std::hint::black_box(Cover::decode(file, pixels));
        file.len()
    });
}
