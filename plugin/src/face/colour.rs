//! Colours: contrast as WCAG defines it, and backgrounds derived from covers.

use image::RgbImage;

/// An opaque sRGB colour.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Rgb(pub u8, pub u8, pub u8);

/// Text and icons.
pub(super) const WHITE: Rgb = Rgb(255, 255, 255);
/// Spotify's green.
pub(super) const GREEN: Rgb = Rgb(0x1d, 0xb9, 0x54);
/// A key's background.
pub(super) const KEY: Rgb = Rgb(0x18, 0x18, 0x18);
/// Icon and label of a disabled key: as dark as text on a key may be.
pub(super) const GREY: Rgb = Rgb(0x8c, 0x8c, 0x8c);
/// Background of Playing Now without a cover.
pub(super) const NO_COVER: Rgb = Rgb(0x28, 0x2a, 0x2e);

/// Opacity of secondary text, such as the artist and the times, in white over the background.
pub(super) const SECONDARY: f32 = 0.78;

/// Minimum contrast of any text: that of body text in WCAG 2.2, success criterion 1.4.3.
pub(super) const CONTRAST: f32 = 4.5;

impl Rgb {
    /// Returns this colour with `over` painted on it at `opacity` (0 to 1).
    pub(super) fn blend(self, over: Rgb, opacity: f32) -> Rgb {
        let mix = |a: u8, b: u8| (f32::from(a) + (f32::from(b) - f32::from(a)) * opacity.clamp(0.0, 1.0)).round() as u8;
        Rgb(mix(self.0, over.0), mix(self.1, over.1), mix(self.2, over.2))
    }

    /// Returns the colour of text on this background: `colour` at `opacity` (0 to 1), or at the lowest opacity above that
    /// which reaches [`CONTRAST`].
    pub(super) fn text(self, colour: Rgb, opacity: f32) -> Rgb {
        let mut opacity = opacity;
        loop {
            let text = self.blend(colour, opacity);
            if opacity >= 1.0 || self.contrast(text) >= CONTRAST {
                return text;
            }
            opacity += 0.02;
        }
    }

    /// Returns this colour at the given share (0 to 1) of its brightness.
    pub(super) fn darken(self, share: f32) -> Rgb {
        Rgb(0, 0, 0).blend(self, share)
    }

    /// Returns the relative luminance, 0 to 1, as WCAG 2.2 defines it.
    pub(super) fn luminance(self) -> f32 {
        let linear = |channel: u8| {
            let c = f32::from(channel) / 255.0;
            if c <= 0.04045 { c / 12.92 } else { ((c + 0.055) / 1.055).powf(2.4) }
        };
        0.2126 * linear(self.0) + 0.7152 * linear(self.1) + 0.0722 * linear(self.2)
    }

    /// Returns the contrast ratio to another colour, 1 to 21, as WCAG 2.2 defines it.
    pub(super) fn contrast(self, other: Rgb) -> f32 {
        let (a, b) = (self.luminance(), other.luminance());
        (a.max(b) + 0.05) / (a.min(b) + 0.05)
    }

    /// Returns this colour, darkened until white text at [`SECONDARY`] opacity is readable on it.
    pub(super) fn behind_text(self) -> Rgb {
        // Start below full brightness: the brightest readable background would outshine the cover.
        let mut share = 0.72;
        loop {
            let colour = self.darken(share);
            if colour.contrast(colour.blend(WHITE, SECONDARY)) >= CONTRAST {
                return colour;
            }
            share -= 0.02;
        }
    }
}

/// Returns the dominant colour of a picture: the most frequent one, weighted so that saturated pixels count for more than grey
/// ones.
pub(super) fn dominant(picture: &RgbImage) -> Rgb {
    // 4 bits per channel put similar colours into one bin. The result is the mean of the heaviest bin.
    let mut bins = vec![[0f32; 4]; 4096];
    for pixel in picture.pixels() {
        let [r, g, b] = pixel.0;
        let index = usize::from(r >> 4) << 8 | usize::from(g >> 4) << 4 | usize::from(b >> 4);
        let highest = f32::from(r.max(g).max(b));
        let chroma = highest - f32::from(r.min(g).min(b));
        // Near-black colours look the same, so chroma counts absolutely, not relative to the brightness.
        let weight = 0.12 + (chroma / 255.0) * 1.6 + (highest / 255.0) * 0.08;
        let sums = &mut bins[index];
        sums[0] += f32::from(r) * weight;
        sums[1] += f32::from(g) * weight;
        sums[2] += f32::from(b) * weight;
        sums[3] += weight;
    }
    bins.iter().max_by(|a, b| a[3].total_cmp(&b[3])).filter(|sums| sums[3] > 0.0).map_or(NO_COVER, |sums| {
        let mean = |sum: f32| (sum / sums[3]).round() as u8;
        Rgb(mean(sums[0]), mean(sums[1]), mean(sums[2]))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn contrast_matches_wcag() {
        assert!((Rgb(0, 0, 0).contrast(WHITE) - 21.0).abs() < 0.01);
        assert!((WHITE.contrast(WHITE) - 1.0).abs() < 0.01);
        // The lightest grey that passes on white.
        assert!((Rgb(0x76, 0x76, 0x76).contrast(WHITE) - 4.54).abs() < 0.01);
    }

    #[test]
    fn text_is_readable_on_every_background() {
        for r in (0..=255).step_by(15) {
            for g in (0..=255).step_by(15) {
                for b in (0..=255).step_by(15) {
                    let behind = Rgb(r, g, b).behind_text();
                    let text = behind.blend(WHITE, SECONDARY);
                    assert!(behind.contrast(WHITE) >= CONTRAST, "white on {behind:?}");
                    assert!(behind.contrast(text) >= CONTRAST, "{text:?} on {behind:?}");
                }
            }
        }
    }

    #[test]
    fn darkened_colour_keeps_its_hue() {
        let Rgb(r, g, b) = Rgb(200, 30, 40).behind_text();
        assert!(r > 3 * g && r > 3 * b);
    }

    #[test]
    fn dominant_prefers_colour_to_more_grey() {
        let picture = RgbImage::from_fn(10, 10, |x, _| image::Rgb(if x < 6 { [120, 120, 120] } else { [20, 60, 220] }));
        let Rgb(r, g, b) = dominant(&picture);
        assert_eq!((r, g, b), (20, 60, 220));
    }
}
