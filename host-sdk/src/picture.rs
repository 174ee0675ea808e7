//! Recognizes pictures by their bytes, and converts those that packages send to data URIs that browsers can draw.
//!
//! Packages send pictures as data URIs, but also as bare base64 (like the vendor's own C++ sample), with media types that don't
//! exist (`image/jpg`, `image/svg`), and with the media types of other formats. Therefore the declared type is never relied on.

use base64::Engine as _;
use base64::alphabet::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};

/// Base64 as browsers accept it: with or without padding.
const FORGIVING: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new()
        .with_decode_allow_trailing_bits(true)
        .with_decode_padding_mode(DecodePaddingMode::Indifferent),
);
/// Number of base64 characters that are enough to recognize every format but SVG. A multiple of four.
const HEADER_CHARS: usize = 64;

/// A format of pictures that hosts show.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// PNG.
    Png,
    /// JPEG.
    Jpeg,
    /// GIF.
    Gif,
    /// Windows bitmap.
    Bmp,
    /// WebP.
    Webp,
    /// SVG.
    Svg,
}

impl Kind {
    /// Recognizes a picture by its bytes. The first 32 are enough for every format but SVG. The rest isn't checked.
    #[must_use]
    pub fn of(bytes: &[u8]) -> Option<Self> {
        match bytes {
            [0x89, b'P', b'N', b'G', b'\r', b'\n', 0x1a, b'\n', ..] => Some(Self::Png),
            [0xff, 0xd8, 0xff, ..] => Some(Self::Jpeg),
            [b'G', b'I', b'F', b'8', b'7' | b'9', b'a', ..] => Some(Self::Gif),
            [b'R', b'I', b'F', b'F', _, _, _, _, b'W', b'E', b'B', b'P', ..] => Some(Self::Webp),
            // Two letters alone aren't enough: the reserved bytes have to be zero, and the header's length has to be known.
            [b'B', b'M', _, _, _, _, 0, 0, 0, 0, _, _, _, _, 12 | 40 | 52 | 56 | 64 | 108 | 124, 0, 0, 0, ..] => {
                Some(Self::Bmp)
            }
            _ if is_svg(bytes) => Some(Self::Svg),
            _ => None,
        }
    }

    /// Returns its media type.
    #[must_use]
    pub fn media_type(self) -> &'static str {
        match self {
            Self::Png => "image/png",
            Self::Jpeg => "image/jpeg",
            Self::Gif => "image/gif",
            Self::Bmp => "image/bmp",
            Self::Webp => "image/webp",
            Self::Svg => "image/svg+xml",
        }
    }

    /// Returns its file extensions, in lower case and without the dot.
    #[must_use]
    pub fn endings(self) -> &'static [&'static str] {
        match self {
            Self::Png => &["png"],
            Self::Jpeg => &["jpg", "jpeg"],
            Self::Gif => &["gif"],
            Self::Bmp => &["bmp"],
            Self::Webp => &["webp"],
            Self::Svg => &["svg"],
        }
    }
}

/// Returns whether a document's first element is `svg`, after an optional byte order mark, XML declaration, comments and
/// document type.
fn is_svg(bytes: &[u8]) -> bool {
    let mut rest = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    loop {
        rest = rest.trim_ascii_start();
        let (start, end): (&[u8], &[u8]) = match rest {
            [b'<', b'!', b'-', b'-', ..] => (b"<!--", b"-->"),
            [b'<', b'?', ..] => (b"<?", b"?>"),
            // The internal subset, in brackets, contains declarations in angle brackets.
            [b'<', b'!', ..] => match rest.iter().position(|byte| matches!(byte, b'[' | b'>')) {
                Some(at) if rest[at] == b'[' => (&rest[..=at], b"]"),
                Some(_) => (b"<!", b">"),
                None => return false,
            },
            // The end of a document type with an internal subset.
            [b'>', ..] => {
                rest = &rest[1..];
                continue;
            }
            [b'<', tag @ ..] => {
                let end = tag.iter().position(|byte| byte.is_ascii_whitespace() || matches!(byte, b'>' | b'/'));
                let name = &tag[..end.unwrap_or(tag.len())];
                return end.is_some() && name.rsplit(|byte| *byte == b':').next() == Some(b"svg");
            }
            _ => return false,
        };
        let Some(at) = rest[start.len()..].windows(end.len()).position(|part| part == end) else { return false };
        rest = &rest[start.len() + at + end.len()..];
    }
}

/// Converts a picture from a package to a data URI with the correct media type, which browsers can draw. Returns `None` if the
/// format isn't one of [`Kind`].
///
/// Accepts data URIs with any declared type, in base64 or not; the same without `data:`; bare base64 in either alphabet, with
/// line breaks and with or without padding; and the text of an SVG.
#[must_use]
pub fn data_uri(text: &str) -> Option<String> {
    let text = text.trim();
    let is_uri = text.get(..5).is_some_and(|start| start.eq_ignore_ascii_case("data:"));
    if let Some((header, data)) = text.split_once(',').filter(|(header, _)| is_uri || declares_base64(header)) {
        return match declares_base64(header) {
            true => from_base64(data),
            // Some packages omit `;base64`.
            false => from_plain(header, data).or_else(|| from_base64(data)),
        };
    }
    match text.starts_with(['<', '\u{feff}']) {
        true => (Kind::of(text.as_bytes())? == Kind::Svg).then(|| to_data_uri(Kind::Svg, text.as_bytes())),
        false => from_base64(text),
    }
}

fn declares_base64(header: &str) -> bool {
    // Limited, because the longest media type is far shorter. Base64 itself contains no comma.
    header.len() <= 200 && header.rsplit(';').next().is_some_and(|last| last.trim().eq_ignore_ascii_case("base64"))
}

fn to_data_uri(kind: Kind, bytes: &[u8]) -> String {
    let mut uri = format!("data:{};base64,", kind.media_type());
    FORGIVING.encode_string(bytes, &mut uri);
    uri
}

fn from_base64(data: &str) -> Option<String> {
    let decoded;
    let data = match data.contains('%') {
        true => {
            decoded = String::from_utf8(percent_decode(data)).ok()?;
            &decoded
        }
        false => data,
    };
    let mut base64 = String::with_capacity(data.len());
    for c in data.chars() {
        match c {
            'A'..='Z' | 'a'..='z' | '0'..='9' | '+' | '/' | '=' => base64.push(c),
            '-' => base64.push('+'),
            '_' => base64.push('/'),
            _ if c.is_ascii_whitespace() => {}
            _ => return None,
        }
    }
    let header = FORGIVING.decode(&base64[..HEADER_CHARS.min(base64.len())]).ok()?;
    let kind = match Kind::of(&header) {
        Some(kind) => kind,
        // The first element of an SVG may come after long comments.
        None if header.trim_ascii_start().starts_with(b"<") || header.starts_with(b"\xef\xbb\xbf") => {
            Kind::of(&FORGIVING.decode(&base64).ok()?)?
        }
        None => return None,
    };
    Some(format!("data:{};base64,{base64}", kind.media_type()))
}

/// Converts a data URI without base64, usually an SVG as text. `header` is the part before the comma.
fn from_plain(header: &str, data: &str) -> Option<String> {
    let kind = Kind::of(&percent_decode(data))?;
    let declared = header.split(';').next().unwrap_or_default().trim_end();
    let is_correct = declared.get(5..).is_some_and(|declared| declared.eq_ignore_ascii_case(kind.media_type()));
    let header = if is_correct { header.to_owned() } else { format!("data:{}", kind.media_type()) };
    // Browsers treat a `#` as the end of the data, but SVGs contain colours, and older hosts accepted them unescaped.
    Some(format!("{header},{}", data.replace('#', "%23")))
}

fn percent_decode(text: &str) -> Vec<u8> {
    let bytes = text.as_bytes();
    let mut decoded = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while let Some(byte) = bytes.get(at) {
        let digits = bytes.get(at + 1..at + 3).and_then(|digits| std::str::from_utf8(digits).ok());
        let escaped = digits.filter(|_| *byte == b'%').and_then(|digits| u8::from_str_radix(digits, 16).ok());
        decoded.push(escaped.unwrap_or(*byte));
        at += if escaped.is_some() { 3 } else { 1 };
    }
    decoded
}

#[cfg(test)]
mod tests {
    use super::*;

    const PNG: &str = "iVBORw0KGgo=";

    #[test]
    fn kind_is_recognized_by_the_bytes() {
        for (bytes, kind) in [
            (&b"\x89PNG\r\n\x1a\n..."[..], Kind::Png),
            (b"\xff\xd8\xff\xe0..JFIF", Kind::Jpeg),
            (b"GIF87a", Kind::Gif),
            (b"GIF89a", Kind::Gif),
            (b"RIFF\x10\0\0\0WEBPVP8 ", Kind::Webp),
            (b"BM\x46\0\0\0\0\0\0\0\x36\0\0\0\x28\0\0\0", Kind::Bmp),
            (b"<svg xmlns='http://www.w3.org/2000/svg'/>", Kind::Svg),
            (b"\xef\xbb\xbf <?xml version='1.0'?>\n<!-- <html> --><!DOCTYPE svg PUBLIC '-//W3C//DTD SVG 1.1//EN' 'x'><svg\n>", Kind::Svg),
            (b"<!DOCTYPE svg [<!ENTITY a 'b'>]><svg:svg xmlns:svg='x'>", Kind::Svg),
            (b"<svg/>", Kind::Svg),
        ] {
            assert_eq!(Kind::of(bytes), Some(kind), "{}", String::from_utf8_lossy(bytes));
        }
        for bytes in [
            &b""[..],
            b"\x89PNG",
            b"GIF88a",
            b"BM of a text that is no bitmap",
            b"RIFF\0\0\0\0WAVE",
            b"<html><svg/>",
            b"<svgx>",
            b"<svg",
            b"<!--",
            b"<!DOCTYPE svg",
            b"MZ",
        ] {
            assert_eq!(Kind::of(bytes), None, "{}", String::from_utf8_lossy(bytes));
        }
    }

    #[test]
    fn data_uri_accepts_every_form_that_packages_send() {
        let png = format!("data:image/png;base64,{PNG}");
        for text in [
            PNG.to_owned(),
            "iVBORw0KGgo".to_owned(),
            "iVBOR\r\nw0KG\ngo=\n".to_owned(),
            png.clone(),
            format!("DATA:IMAGE/PNG;BASE64,{PNG}"),
            format!("data:image/jpg;base64,{PNG}"),
            format!("data:application/octet-stream;base64,{PNG}"),
            format!("data:;base64,{PNG}"),
            format!("image/png;base64,{PNG}"),
            format!("data:image/png,{PNG}"),
            "data:image/png;base64,iVBORw0KGgo%3D".to_owned(),
        ] {
            let uri = data_uri(&text).unwrap_or_default();
            assert_eq!(uri.trim_end_matches('='), png.trim_end_matches('='), "{text}");
        }
        // The URL-safe alphabet has `-` and `_` instead of `+` and `/`.
        assert_eq!(data_uri("_9j_2Q"), Some("data:image/jpeg;base64,/9j/2Q".to_owned()));
        let svg = "data:image/svg+xml;base64,PHN2Zy8+";
        assert_eq!(data_uri("PHN2Zy8+").as_deref(), Some(svg));
        assert_eq!(data_uri("<svg/>").as_deref(), Some(svg));
        assert_eq!(data_uri("data:image/svg;base64,PHN2Zy8+").as_deref(), Some(svg));
        let late = format!("<?xml version='1.0'?><!-- {} --><svg/>", "x".repeat(500));
        assert!(data_uri(&FORGIVING.encode(late)).is_some_and(|uri| uri.starts_with("data:image/svg+xml;base64,")));
    }

    #[test]
    fn data_uri_of_svg_text_escapes_its_colours() {
        for (text, expected) in [
            ("data:image/svg+xml;utf8,<svg fill='#fff'/>", "data:image/svg+xml;utf8,<svg fill='%23fff'/>"),
            ("data:image/svg+xml,%3Csvg fill='%23fff'/%3E", "data:image/svg+xml,%3Csvg fill='%23fff'/%3E"),
            ("data:image/svg,<svg a='1,2'/>", "data:image/svg+xml,<svg a='1,2'/>"),
            ("data:,<svg/>", "data:image/svg+xml,<svg/>"),
        ] {
            assert_eq!(data_uri(text).as_deref(), Some(expected));
        }
    }

    #[test]
    fn data_uri_is_none_without_a_picture() {
        for text in [
            "",
            "https://example.com/a.png",
            "images/a.svg#b",
            "data:text/html,<script>",
            "data:image/png;base64,AA==",
            "data:image/png;base64,iVBORw0KGgo\u{e9}",
            "data:image/png",
            "data:,",
            "<html/>",
            "iVBOR w0KGgo!",
            "\u{e9}",
            "data",
        ] {
            assert_eq!(data_uri(text), None, "{text}");
        }
    }
}
