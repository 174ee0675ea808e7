//! Draws the covers: one abstract picture for each album, in Spotify's three sizes and format (JPEG).

use std::sync::OnceLock;

use image::ExtendedColorType;
use image::codecs::jpeg::JpegEncoder;
use tiny_skia::{
    Color, FillRule, GradientStop, LinearGradient, Paint, PathBuilder, Pixmap, Point, RadialGradient, Rect, Shader,
    SpreadMode, Stroke, Transform,
};

/// The edge lengths in pixels that Spotify offers for a cover, largest first.
pub const SIZES: [u32; 3] = [640, 300, 64];

/// The number of different pictures.
pub const MOTIFS: usize = 4;

/// Draws a picture like [`draw`], but only once per process. Returns `None` also for a size that isn't one of [`SIZES`].
pub fn cached(motif: usize, size: u32) -> Option<&'static [u8]> {
    static DRAWN: [[OnceLock<Option<Vec<u8>>>; SIZES.len()]; MOTIFS] =
        [const { [const { OnceLock::new() }; SIZES.len()] }; MOTIFS];
    let index = SIZES.iter().position(|known| *known == size)?;
    DRAWN[motif % MOTIFS][index].get_or_init(|| draw(motif, size)).as_deref()
}

/// Draws picture number `motif` (modulo [`MOTIFS`]) as a square JPEG with `size` pixels a side. Returns `None` only if
/// `size` is zero or the encoder fails.
pub fn draw(motif: usize, size: u32) -> Option<Vec<u8>> {
    let mut pixmap = Pixmap::new(size, size)?;
    // Coordinates are those of a 640 x 640 canvas.
    let mut canvas = Canvas { scale: size as f32 / 640.0, pixmap: &mut pixmap };
    match motif % MOTIFS {
        0 => rooftops(&mut canvas),
        1 => dawn(&mut canvas),
        2 => dunes(&mut canvas),
        _ => waves(&mut canvas),
    }
    let rgb: Vec<u8> = pixmap.pixels().iter().flat_map(|pixel| [pixel.red(), pixel.green(), pixel.blue()]).collect();
    let mut jpeg = Vec::new();
    JpegEncoder::new_with_quality(&mut jpeg, 88).encode(&rgb, size, size, ExtendedColorType::Rgb8).ok()?;
    Some(jpeg)
}

struct Canvas<'a> {
    scale: f32,
    pixmap: &'a mut Pixmap,
}

impl Canvas<'_> {
    fn transform(&self) -> Transform {
        Transform::from_scale(self.scale, self.scale)
    }

    fn paint<'s>(shader: Shader<'s>) -> Paint<'s> {
        Paint { shader, anti_alias: true, ..Paint::default() }
    }

    fn sky(&mut self, top: [u8; 3], bottom: [u8; 3]) {
        let stops = vec![GradientStop::new(0.0, rgb(top)), GradientStop::new(1.0, rgb(bottom))];
        let (from, to) = (Point::from_xy(120.0, 0.0), Point::from_xy(320.0, 640.0));
        let shader = LinearGradient::new(from, to, stops, SpreadMode::Pad, Transform::identity());
        self.rect(0.0, 0.0, 640.0, 640.0, shader.unwrap_or(Shader::SolidColor(rgb(top))));
    }

    fn rect(&mut self, x: f32, y: f32, width: f32, height: f32, shader: Shader<'_>) {
        if let Some(rect) = Rect::from_xywh(x, y, width, height) {
            let transform = self.transform();
            self.pixmap.fill_rect(rect, &Self::paint(shader), transform, None);
        }
    }

    fn disc(&mut self, x: f32, y: f32, radius: f32, inner: [u8; 3], outer: [u8; 3]) {
        let stops = vec![GradientStop::new(0.0, rgb(inner)), GradientStop::new(1.0, rgb(outer))];
        let centre = Point::from_xy(x, y);
        let shader = RadialGradient::new(centre, 0.0, centre, radius, stops, SpreadMode::Pad, Transform::identity());
        if let Some(path) = PathBuilder::from_circle(x, y, radius) {
            let paint = Self::paint(shader.unwrap_or(Shader::SolidColor(rgb(inner))));
            let transform = self.transform();
            self.pixmap.fill_path(&path, &paint, FillRule::Winding, transform, None);
        }
    }

    /// Draws a hill or wave: the area below a curve around `level`.
    fn swell(&mut self, level: f32, height: f32, shift: f32, colour: [u8; 3]) {
        let mut path = PathBuilder::new();
        path.move_to(0.0, level);
        path.cubic_to(160.0 + shift, level - height, 220.0 + shift, level + height, 340.0, level);
        path.cubic_to(440.0 + shift, level - height, 520.0, level + height * 0.6, 640.0, level - height * 0.3);
        path.line_to(640.0, 640.0);
        path.line_to(0.0, 640.0);
        path.close();
        if let Some(path) = path.finish() {
            let transform = self.transform();
            let paint = Self::paint(Shader::SolidColor(rgb(colour)));
            self.pixmap.fill_path(&path, &paint, FillRule::Winding, transform, None);
        }
    }

    fn ring(&mut self, x: f32, y: f32, radius: f32, width: f32, colour: [u8; 3]) {
        if let Some(path) = PathBuilder::from_circle(x, y, radius) {
            let stroke = Stroke { width, ..Stroke::default() };
            let transform = self.transform();
            let paint = Self::paint(Shader::SolidColor(rgb(colour)));
            self.pixmap.stroke_path(&path, &paint, &stroke, transform, None);
        }
    }
}

fn rgb([red, green, blue]: [u8; 3]) -> Color {
    Color::from_rgba8(red, green, blue, 255)
}

fn solid(colour: [u8; 3]) -> Shader<'static> {
    Shader::SolidColor(rgb(colour))
}

fn rooftops(canvas: &mut Canvas<'_>) {
    canvas.sky([24, 20, 58], [236, 112, 99]);
    canvas.disc(470.0, 180.0, 84.0, [255, 240, 205], [255, 205, 150]);
    let houses = [(0.0, 330.0), (110.0, 400.0), (205.0, 290.0), (320.0, 380.0), (410.0, 330.0), (530.0, 420.0)];
    for (index, (x, top)) in houses.into_iter().enumerate() {
        let shade = 26 + 7 * (index as u8 % 3);
        canvas.rect(x, top, 118.0, 640.0 - top, solid([shade, shade, shade + 22]));
        for row in 0..4u8 {
            for column in 0..2u8 {
                if !(index as u8 + row * 3 + column).is_multiple_of(3) {
                    let (left, upper) = (x + 22.0 + 44.0 * f32::from(column), top + 28.0 + 52.0 * f32::from(row));
                    canvas.rect(left, upper, 24.0, 30.0, solid([252, 205, 120]));
                }
            }
        }
    }
}

fn dawn(canvas: &mut Canvas<'_>) {
    canvas.sky([6, 44, 92], [120, 214, 212]);
    for step in 0..6u8 {
        canvas.ring(320.0, 372.0, 120.0 + 48.0 * f32::from(step), 5.0, [70 + 24 * step, 190, 214]);
    }
    canvas.disc(320.0, 372.0, 110.0, [255, 246, 214], [250, 128, 96]);
    canvas.rect(0.0, 372.0, 640.0, 268.0, solid([8, 58, 84]));
    for step in 0..6u8 {
        let inset = 220.0 - 30.0 * f32::from(step);
        canvas.rect(inset, 396.0 + 40.0 * f32::from(step), 640.0 - 2.0 * inset, 9.0, solid([238, 150, 110]));
    }
}

fn dunes(canvas: &mut Canvas<'_>) {
    canvas.sky([58, 20, 74], [246, 170, 82]);
    canvas.disc(180.0, 210.0, 62.0, [255, 250, 230], [255, 220, 160]);
    canvas.swell(360.0, 90.0, 30.0, [206, 100, 62]);
    canvas.swell(440.0, 80.0, -40.0, [164, 66, 58]);
    canvas.swell(530.0, 60.0, 20.0, [98, 34, 54]);
}

fn waves(canvas: &mut Canvas<'_>) {
    canvas.sky([236, 252, 246], [150, 226, 196]);
    canvas.swell(280.0, 70.0, 10.0, [62, 190, 150]);
    canvas.swell(370.0, 80.0, -30.0, [24, 140, 122]);
    canvas.swell(460.0, 70.0, 40.0, [12, 96, 96]);
    canvas.swell(550.0, 50.0, -10.0, [8, 58, 70]);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_motif_is_a_picture_in_every_size() {
        for motif in 0..MOTIFS {
            for size in SIZES {
                let jpeg = draw(motif, size).expect("drawn");
                let picture = image::load_from_memory(&jpeg).expect("a JPEG").to_rgb8();
                assert_eq!(picture.dimensions(), (size, size));
                assert_ne!(picture.get_pixel(size / 2, 1), picture.get_pixel(size / 2, size - 2));
            }
        }
    }

    #[test]
    fn motifs_differ() {
        assert_ne!(draw(0, 64), draw(1, 64));
        assert_eq!(draw(0, 64), draw(MOTIFS, 64));
    }
}
