//! Whether the pictures that a package names are what hosts can show: PNG, JPEG or SVG that decodes, in about the
//! recommended size.

use std::io::Cursor;

use host_sdk::bundle::check::{Checked, Picture};
use host_sdk::manifest::{Finding, Severity};
use image::{ImageFormat, ImageReader, Limits};
use resvg::usvg;

/// Pixels of a side that no picture of a key needs.
const MOST_PIXELS: u32 = 4096;
/// Bytes that decoding one may take.
const MOST_BYTES: u64 = 128 << 20;
/// How far the shape (width by height) may be off the recommended one before it is worth a word.
const SHAPE: f64 = 1.35;
/// How many times smaller or larger than recommended a side may be.
const SMALLER: f64 = 1.6;
const LARGER: f64 = 8.0;

/// Looks at each picture.
pub fn check(checked: &Checked) -> Vec<Finding> {
    checked.pictures().iter().filter_map(look_at).collect()
}

/// How large a picture is, and whether it is drawn anew in every size.
struct Size {
    width: f64,
    height: f64,
    scales: bool,
}

fn look_at(picture: &Picture<'_>) -> Option<Finding> {
    let finding = |severity, rule, message: String, remedy: String| {
        Some(Finding::of_file(severity, rule, picture.path, format!("({}) {message}", picture.member), remedy))
    };
    let Some(content) = picture.content else {
        let remedy = "save it in the size it is shown in".to_owned();
        return finding(Severity::Error, "picture", "is too large to be looked at".to_owned(), remedy);
    };
    let size = match size_of(content) {
        Ok(size) => size,
        Err((message, remedy)) => return finding(Severity::Error, "picture", message, remedy.to_owned()),
    };
    let extension = picture.path.rsplit_once('.').map(|(_, extension)| extension.to_lowercase()).unwrap_or_default();
    let is_named_right = match extension.as_str() {
        "svg" => size.scales,
        "png" => !size.scales && image::guess_format(content).is_ok_and(|format| format == ImageFormat::Png),
        "jpg" | "jpeg" => !size.scales && image::guess_format(content).is_ok_and(|format| format == ImageFormat::Jpeg),
        _ => false,
    };
    if !is_named_right {
        let message = "is named otherwise than what it is".to_owned();
        let remedy = "let its name end with .png, .svg or .jpg, as it is";
        return finding(Severity::Error, "picture-name", message, remedy.to_owned());
    }
    let (width, height) = picture.recommended.map(|(width, height)| (f64::from(width), f64::from(height)))?;
    let shape = (size.width / size.height) / (width / height);
    let scale = (size.width / width).max(size.height / height);
    let off = if !(1.0 / SHAPE..=SHAPE).contains(&shape) {
        "has another shape than"
    } else if !size.scales && scale < 1.0 / SMALLER {
        "is much smaller than"
    } else if !size.scales && scale > LARGER {
        "is much larger than"
    } else {
        return None;
    };
    let message = format!("has {} x {} pixels, and {off} the recommended {width} x {height}", size.width, size.height);
    let remedy = format!("draw it in {width} x {height} pixels, or a multiple of it");
    finding(Severity::Warning, "picture-size", message, remedy)
}

fn size_of(content: &[u8]) -> Result<Size, (String, &'static str)> {
    match image::guess_format(content) {
        Ok(ImageFormat::Png | ImageFormat::Jpeg) => {
            let wrong = |error: &dyn std::fmt::Display| {
                (format!("doesn't decode: {error}"), "save it again with a drawing program")
            };
            let mut reader =
                ImageReader::new(Cursor::new(content)).with_guessed_format().map_err(|error| wrong(&error))?;
            let mut limits = Limits::default();
            limits.max_image_width = Some(MOST_PIXELS);
            limits.max_image_height = Some(MOST_PIXELS);
            limits.max_alloc = Some(MOST_BYTES);
            reader.limits(limits);
            let picture = reader.decode().map_err(|error| wrong(&error))?;
            Ok(Size { width: picture.width().into(), height: picture.height().into(), scales: false })
        }
        Ok(_) => Err(("is neither PNG, JPEG nor SVG".to_owned(), "save it as PNG or SVG")),
        // SVG has no mark of its own. Nothing it names is loaded: neither files nor pages.
        Err(_) => {
            let mut options = usvg::Options::default();
            options.image_href_resolver.resolve_string = Box::new(|_, _| None);
            match usvg::Tree::from_data(content, &options) {
                Ok(tree) => {
                    let size = tree.size();
                    Ok(Size { width: size.width().into(), height: size.height().into(), scales: true })
                }
                Err(error) if content.iter().find(|byte| !byte.is_ascii_whitespace()) == Some(&b'<') => {
                    Err((format!("is no SVG that can be drawn: {error}"), "save it again with a drawing program"))
                }
                Err(_) => Err(("is neither PNG, JPEG nor SVG".to_owned(), "save it as PNG or SVG")),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use image::{DynamicImage, ImageFormat};

    use super::*;

    fn drawn(format: ImageFormat, width: u32, height: u32) -> Vec<u8> {
        let mut out = Cursor::new(Vec::new());
        DynamicImage::new_rgb8(width, height).write_to(&mut out, format).unwrap();
        out.into_inner()
    }

    fn said(path: &str, content: &[u8]) -> Option<&'static str> {
        let recommended = Some((75, 54));
        let picture = Picture { path, content: Some(content), member: "Icon".to_owned(), recommended };
        look_at(&picture).map(|finding| finding.rule)
    }

    #[test]
    fn pictures_that_hosts_can_show_have_no_findings() {
        for (width, height) in [(75, 54), (150, 108), (72, 54), (60, 48)] {
            assert_eq!(said("i.png", &drawn(ImageFormat::Png, width, height)), None, "{width} x {height}");
        }
        assert_eq!(said("i.JPG", &drawn(ImageFormat::Jpeg, 75, 54)), None);
        assert_eq!(said("i.svg", br#"<svg xmlns="http://www.w3.org/2000/svg" width="7500" height="5400"/>"#), None);
    }

    #[test]
    fn broken_misnamed_and_odd_ones_have() {
        let png = drawn(ImageFormat::Png, 75, 54);
        for broken in [&png[..png.len() / 2], b"", b"GIF89a and so on", b"<svg", b"<html></html>", b"text"] {
            assert_eq!(said("i.png", broken), Some("picture"), "{:?}", String::from_utf8_lossy(broken));
        }
        assert_eq!(said("i.png", &drawn(ImageFormat::Png, MOST_PIXELS + 1, 1)), Some("picture"));
        assert_eq!(said("i.svg", &png), Some("picture-name"));
        assert_eq!(said("i.jpg", &png), Some("picture-name"));
        assert_eq!(said("i.gif", &png), Some("picture-name"));
        for (width, height) in [(54, 75), (30, 22), (1500, 1080), (200, 54)] {
            assert_eq!(
                said("i.png", &drawn(ImageFormat::Png, width, height)),
                Some("picture-size"),
                "{width} x {height}"
            );
        }
        let tall = br#"<svg xmlns="http://www.w3.org/2000/svg" width="10" height="100"/>"#;
        assert_eq!(said("i.svg", tall), Some("picture-size"));
    }

    #[test]
    fn an_svg_reads_no_files() {
        let folder = tempfile::tempdir().unwrap();
        let secret = folder.path().join("secret.svg");
        std::fs::write(
            &secret,
            r#"<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"><rect width="9" height="9"/></svg>"#,
        )
        .unwrap();
        let text = format!(
            r#"<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" width="75" height="54">
            <image width="9" height="9" xlink:href="{}"/></svg>"#,
            secret.display()
        );
        assert_eq!(said("i.svg", text.as_bytes()), None);
    }
}
