//! What a picture is, told by its bytes, and the form in which a browser draws one that a package sends.
//!
//! Packages send pictures as data URIs, but also as bare base64, under types that don't exist (`image/jpg`,
//! `image/svg`), and under types of other pictures: the vendor's own C++ sample sends nothing but base64. What a picture
//! is called therefore never decides.

use base64::Engine as _;
use base64::alphabet::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};

/// Base64 as browsers take it: with or without its padding.
const FORGIVING: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new()
        .with_decode_allow_trailing_bits(true)
        .with_decode_padding_mode(DecodePaddingMode::Indifferent),
);
/// Characters of base64 that tell what every picture but an SVG is. A multiple of four.
const HEAD: usize = 64;

/// A kind of picture that hosts show.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// PNG.
    Png,
    /// JPEG.
    Jpeg,
    /// GIF.
    Gif,
    /// A bitmap of Windows.
    Bmp,
    /// WebP.
    Webp,
    /// SVG.
    Svg,
}

impl Kind {
    /// Tells a picture by its bytes; of all but an SVG the first 32 are enough. Whether the rest decodes is another
    /// matter.
    #[must_use]
    pub fn of(bytes: &[u8]) -> Option<Self> {
        match bytes {
            [0x89, b'P', b'N', b'G', b'\r', b'\n', 0x1a, b'\n', ..] => Some(Self::Png),
            [0xff, 0xd8, 0xff, ..] => Some(Self::Jpeg),
            [b'G', b'I', b'F', b'8', b'7' | b'9', b'a', ..] => Some(Self::Gif),
            [b'R', b'I', b'F', b'F', _, _, _, _, b'W', b'E', b'B', b'P', ..] => Some(Self::Webp),
            // Two letters alone are no mark: the reserved bytes are zero, and the header has one of its known lengths.
            [b'B', b'M', _, _, _, _, 0, 0, 0, 0, _, _, _, _, 12 | 40 | 52 | 56 | 64 | 108 | 124, 0, 0, 0, ..] => {
                Some(Self::Bmp)
            }
            _ if is_svg(bytes) => Some(Self::Svg),
            _ => None,
        }
    }

    /// Its media type.
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

    /// How the names of its files end, in small letters, without the dot.
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

/// Whether a document's first element is `svg`, behind a byte order mark, an XML declaration, comments and a document type.
fn is_svg(bytes: &[u8]) -> bool {
    let mut rest = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    loop {
        rest = rest.trim_ascii_start();
        let (start, end): (&[u8], &[u8]) = match rest {
            [b'<', b'!', b'-', b'-', ..] => (b"<!--", b"-->"),
            [b'<', b'?', ..] => (b"<?", b"?>"),
            // Entities stand in brackets, with tags of their own kind in them.
            [b'<', b'!', ..] => match rest.iter().position(|byte| matches!(byte, b'[' | b'>')) {
                Some(at) if rest[at] == b'[' => (&rest[..=at], b"]"),
                Some(_) => (b"<!", b">"),
                None => return false,
            },
            // What is left of a document type with brackets.
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

/// A picture as a package sends it, as a data URI of its true type that browsers draw. None if it is no picture that hosts
/// show.
///
/// Taken are data URIs of any claimed type, in base64 or not; the same without `data:`; bare base64 in either alphabet,
/// with line breaks and with or without padding; and the text of an SVG.
#[must_use]
pub fn data_uri(text: &str) -> Option<String> {
    let text = text.trim();
    let is_uri = text.get(..5).is_some_and(|start| start.eq_ignore_ascii_case("data:"));
    if let Some((head, data)) = text.split_once(',').filter(|(head, _)| is_uri || claims_base64(head)) {
        return match claims_base64(head) {
            true => of_base64(data),
            // Some leave out that it is base64.
            false => of_plain(head, data).or_else(|| of_base64(data)),
        };
    }
    match text.starts_with(['<', '\u{feff}']) {
        true => (Kind::of(text.as_bytes())? == Kind::Svg).then(|| encoded(Kind::Svg, text.as_bytes())),
        false => of_base64(text),
    }
}

fn claims_base64(head: &str) -> bool {
    // The longest media type is far shorter; base64 itself has no comma.
    head.len() <= 200 && head.rsplit(';').next().is_some_and(|last| last.trim().eq_ignore_ascii_case("base64"))
}

fn encoded(kind: Kind, bytes: &[u8]) -> String {
    let mut uri = format!("data:{};base64,", kind.media_type());
    FORGIVING.encode_string(bytes, &mut uri);
    uri
}

fn of_base64(data: &str) -> Option<String> {
    let decoded;
    let data = match data.contains('%') {
        true => {
            decoded = String::from_utf8(percent_decoded(data)).ok()?;
            &decoded
        }
        false => data,
    };
    let mut plain = String::with_capacity(data.len());
    for letter in data.chars() {
        match letter {
            'A'..='Z' | 'a'..='z' | '0'..='9' | '+' | '/' | '=' => plain.push(letter),
            '-' => plain.push('+'),
            '_' => plain.push('/'),
            _ if letter.is_ascii_whitespace() => {}
            _ => return None,
        }
    }
    let start = FORGIVING.decode(&plain[..HEAD.min(plain.len())]).ok()?;
    let kind = match Kind::of(&start) {
        Some(kind) => kind,
        // The first element of an SVG may stand behind much else.
        None if start.trim_ascii_start().starts_with(b"<") || start.starts_with(b"\xef\xbb\xbf") => {
            Kind::of(&FORGIVING.decode(&plain).ok()?)?
        }
        None => return None,
    };
    Some(format!("data:{};base64,{plain}", kind.media_type()))
}

/// A data URI whose data isn't base64: an SVG as text, as a rule.
fn of_plain(head: &str, data: &str) -> Option<String> {
    let kind = Kind::of(&percent_decoded(data))?;
    let claimed = head.split(';').next().unwrap_or_default().trim_end();
    let is_true = claimed.get(5..).is_some_and(|claimed| claimed.eq_ignore_ascii_case(kind.media_type()));
    let head = if is_true { head.to_owned() } else { format!("data:{}", kind.media_type()) };
    // Browsers end the data at a `#`, and SVG is full of colours. Hosts of the time took it as it was.
    Some(format!("{head},{}", data.replace('#', "%23")))
}

fn percent_decoded(text: &str) -> Vec<u8> {
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
    fn picture_is_known_by_its_bytes() {
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
    fn data_uri_is_made_of_every_form_that_packages_send() {
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
            let made = data_uri(&text).unwrap_or_default();
            assert_eq!(made.trim_end_matches('='), png.trim_end_matches('='), "{text}");
        }
        // `/-_` and `+` are one letter in two alphabets.
        assert_eq!(data_uri("_9j_2Q"), Some("data:image/jpeg;base64,/9j/2Q".to_owned()));
        let svg = "data:image/svg+xml;base64,PHN2Zy8+";
        assert_eq!(data_uri("PHN2Zy8+").as_deref(), Some(svg));
        assert_eq!(data_uri("<svg/>").as_deref(), Some(svg));
        assert_eq!(data_uri("data:image/svg;base64,PHN2Zy8+").as_deref(), Some(svg));
        let late = format!("<?xml version='1.0'?><!-- {} --><svg/>", "x".repeat(500));
        assert!(data_uri(&FORGIVING.encode(late)).is_some_and(|uri| uri.starts_with("data:image/svg+xml;base64,")));
    }

    #[test]
    fn data_uri_of_svg_text_keeps_its_colours() {
        for (text, made) in [
            ("data:image/svg+xml;utf8,<svg fill='#fff'/>", "data:image/svg+xml;utf8,<svg fill='%23fff'/>"),
            ("data:image/svg+xml,%3Csvg fill='%23fff'/%3E", "data:image/svg+xml,%3Csvg fill='%23fff'/%3E"),
            ("data:image/svg,<svg a='1,2'/>", "data:image/svg+xml,<svg a='1,2'/>"),
            ("data:,<svg/>", "data:image/svg+xml,<svg/>"),
        ] {
            assert_eq!(data_uri(text).as_deref(), Some(made));
        }
    }

    #[test]
    fn text_that_holds_no_picture_is_none() {
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
