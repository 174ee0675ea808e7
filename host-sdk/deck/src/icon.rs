//! Icons that a user chooses for a key: checked to be what they say before they are kept and shown.

use std::io::Cursor;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use host_sdk::picture::Kind;
use image::{ImageFormat, ImageReader};

/// Bytes of an icon's file.
pub const MOST_BYTES: usize = 1 << 20;
/// What is said of a larger one.
pub const TOO_LARGE: &str = "The icon is larger than 1 MB. Choose a smaller one.";
/// Pixels of its longer side. The whole Panel has 782.
const LONGEST_SIDE: u32 = 4096;
const NO_ICON: &str = "This is not a picture that can be shown. Choose a PNG, JPEG, GIF, BMP, WebP or SVG file.";

/// An icon's file as a data URI.
///
/// # Errors
/// Why it can't be an icon, in sentences for the user.
pub fn data_uri(file: &[u8]) -> Result<String, String> {
    if file.len() > MOST_BYTES {
        return Err(TOO_LARGE.to_owned());
    }
    let kind = Kind::of(file).ok_or(NO_ICON)?;
    match kind {
        Kind::Png => bitmap(file, ImageFormat::Png)?,
        Kind::Jpeg => bitmap(file, ImageFormat::Jpeg)?,
        Kind::Svg if !is_svg(file) => return Err(NO_ICON.to_owned()),
        // Whether these decode is seen where they are drawn.
        Kind::Svg | Kind::Gif | Kind::Bmp | Kind::Webp => {}
    }
    Ok(format!("data:{};base64,{}", kind.media_type(), STANDARD.encode(file)))
}

fn bitmap(file: &[u8], format: ImageFormat) -> Result<(), String> {
    let mut reader = ImageReader::with_format(Cursor::new(file), format);
    let mut limits = image::Limits::default();
    (limits.max_image_width, limits.max_image_height) = (Some(LONGEST_SIDE), Some(LONGEST_SIDE));
    reader.limits(limits);
    match reader.decode() {
        Ok(_) => Ok(()),
        Err(image::ImageError::Limits(_)) => Err(format!(
            "The icon has more than {LONGEST_SIDE} pixels on a side. Choose a smaller one; a key has 150 x 108."
        )),
        Err(_) => Err(NO_ICON.to_owned()),
    }
}

fn is_svg(file: &[u8]) -> bool {
    let text = std::str::from_utf8(file).ok();
    let options = roxmltree::ParsingOptions { allow_dtd: true, nodes_limit: 100_000, ..Default::default() };
    text.and_then(|text| roxmltree::Document::parse_with_options(text, options).ok())
        .is_some_and(|document| document.root_element().has_tag_name(("http://www.w3.org/2000/svg", "svg")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn png(width: u32) -> Vec<u8> {
        let mut file = Cursor::new(Vec::new());
        image::DynamicImage::new_luma8(width, 1).write_to(&mut file, ImageFormat::Png).unwrap();
        file.into_inner()
    }

    #[test]
    fn pictures_are_taken_as_what_they_are() {
        assert!(data_uri(&png(8)).unwrap().starts_with("data:image/png;base64,iVBOR"));
        let mut jpeg = Cursor::new(Vec::new());
        image::DynamicImage::new_luma8(8, 8).write_to(&mut jpeg, ImageFormat::Jpeg).unwrap();
        assert!(data_uri(jpeg.get_ref()).unwrap().starts_with("data:image/jpeg;base64,"));
        let svg = "<?xml version='1.0'?><svg xmlns='http://www.w3.org/2000/svg'/>";
        assert!(data_uri(svg.as_bytes()).unwrap().starts_with("data:image/svg+xml;base64,"));
        assert!(data_uri(b"GIF89a").unwrap().starts_with("data:image/gif;base64,"));
    }

    #[test]
    fn what_is_no_picture_is_refused_with_a_reason() {
        let whole = png(8);
        for bad in [&whole[..whole.len() / 2], b"", b"<svg/>", b"<html/>", &[0xff, 0xd8, 0xff]] {
            assert_eq!(data_uri(bad), Err(NO_ICON.to_owned()), "{bad:?}");
        }
        assert!(data_uri(&png(LONGEST_SIDE + 1)).unwrap_err().contains("4096 pixels"));
        assert_eq!(data_uri(&vec![0; MOST_BYTES + 1]), Err(TOO_LARGE.to_owned()));
    }
}
