//! The process that decodes pictures: its input, its answers, and the limits that it sets for itself before it reads
//! anything.
//!
//! Input: for each picture its length in bytes (32 bits, little endian) and its content. Output: the line [`READY`],
//! then for each picture a line of JSON, an [`Answer`].

use std::fmt::Display;
use std::io::{self, Cursor, Read, Write};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::ExitCode;
use std::thread;

use host_sdk::picture::Kind;
use image::{ImageDecoder as _, ImageError, ImageFormat, ImageReader};
use resvg::usvg;
use serde::{Deserialize, Serialize};

/// The command of `creator-deck` that runs as this process.
pub const COMMAND: &str = "decode-pictures";
/// Its first line, once it has limited itself. The number is the version of the format that follows.
pub const READY: &str = "creator-deck decode-pictures 1";
/// Bytes of memory that it may have in total. macOS has no such limit.
#[cfg(not(target_vendor = "apple"))]
pub const MAX_MEMORY: u64 = 512 << 20;
/// Pixels per side; no picture of a key needs more, the whole Panel has 782.
pub const MAX_PIXELS: u32 = 4096;

/// Seconds of processor time that it may use: as many as a batch may take by the clock.
#[cfg(unix)]
const MAX_SECONDS: u64 = 20;
/// Bytes that decoding one picture may take.
const MAX_DECODED: u64 = 128 << 20;
/// Bytes of one picture.
const MAX_BYTES: u32 = 64 << 20;
/// Elements and texts of one SVG.
const MAX_NODES: u32 = 100_000;
/// Bytes of its stack: elements of an SVG are parsed recursively.
const STACK: usize = 64 << 20;
/// Characters of a decoder's message that are passed on.
const MAX_REASON_LEN: usize = 200;

/// The answer for one picture.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Answer {
    /// It decodes.
    Decodes {
        /// Width in pixels.
        width: f64,
        /// Height in pixels.
        height: f64,
        /// Bytes of its pixels; none for an SVG, which is drawn in the size that it is shown in.
        decoded: u64,
    },
    /// It is a valid SVG document, but can't be drawn.
    Undrawable(String),
    /// It is a picture by its first bytes, but doesn't decode.
    Broken(String),
    /// A side has more than [`MAX_PIXELS`], or decoding it takes too much memory.
    TooLarge,
    /// It is neither PNG, JPEG nor SVG.
    Other,
}

impl Answer {
    /// Returns the bytes of its pixels.
    pub fn decoded(&self) -> u64 {
        match self {
            Self::Decodes { decoded, .. } => *decoded,
            Self::Undrawable(_) | Self::Broken(_) | Self::TooLarge | Self::Other => 0,
        }
    }
}

/// Runs this process to the end of its input.
#[must_use]
pub fn run() -> ExitCode {
    if limit().is_err() {
        return ExitCode::FAILURE;
    }
    let worker = thread::Builder::new().stack_size(STACK).spawn(|| answer_all(io::stdin().lock(), io::stdout().lock()));
    match worker.map(thread::JoinHandle::join) {
        Ok(Ok(Ok(()))) => ExitCode::SUCCESS,
        _ => ExitCode::FAILURE,
    }
}

/// Lowers the limits of this process, irreversibly.
#[cfg(unix)]
fn limit() -> io::Result<()> {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let lower = |resource, limit: u64| {
        let limit = getrlimit(resource).maximum.map_or(limit, |before| before.min(limit));
        setrlimit(resource, Rlimit { current: Some(limit), maximum: Some(limit) })
    };
    lower(Resource::Core, 0)?;
    lower(Resource::Cpu, MAX_SECONDS)?;
    // Apple's kernels don't enforce it, and newer ones refuse it.
    #[cfg(not(target_vendor = "apple"))]
    lower(Resource::As, MAX_MEMORY)?;
    // If a program handles core files, their limit isn't applied.
    #[cfg(target_os = "linux")]
    rustix::process::set_dumpable_behavior(rustix::process::DumpableBehavior::NotDumpable)?;
    Ok(())
}

/// The job object limits it.
#[cfg(windows)]
#[expect(clippy::unnecessary_wraps, reason = "as on other systems")]
fn limit() -> io::Result<()> {
    Ok(())
}

fn answer_all(mut input: impl Read, mut output: impl Write) -> io::Result<()> {
    writeln!(output, "{READY}")?;
    output.flush()?;
    let mut picture = Vec::new();
    loop {
        let mut length = [0; 4];
        match input.read_exact(&mut length) {
            Ok(()) => {}
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(()),
            Err(error) => return Err(error),
        }
        let length = u32::from_le_bytes(length);
        if length > MAX_BYTES {
            return Err(io::ErrorKind::InvalidData.into());
        }
        picture.clear();
        input.by_ref().take(length.into()).read_to_end(&mut picture)?;
        // The state that a panicking decoder leaves behind is dropped with it.
        let answer = catch_unwind(AssertUnwindSafe(|| decode(&picture)));
        let answer = answer.unwrap_or_else(|_| Answer::Broken("the decoder has failed".to_owned()));
        serde_json::to_writer(&mut output, &answer)?;
        writeln!(output)?;
        output.flush()?;
    }
}

fn decode(picture: &[u8]) -> Answer {
    match Kind::of(picture) {
        Some(Kind::Png) => decode_bitmap(picture, ImageFormat::Png),
        Some(Kind::Jpeg) => decode_bitmap(picture, ImageFormat::Jpeg),
        Some(Kind::Gif | Kind::Bmp | Kind::Webp) => Answer::Other,
        Some(Kind::Svg) => decode_svg(picture),
        // Why it isn't an SVG helps its author.
        None if picture.trim_ascii_start().starts_with(b"<") => decode_svg(picture),
        None => Answer::Other,
    }
}

fn decode_bitmap(picture: &[u8], format: ImageFormat) -> Answer {
    let decode = || {
        let mut reader = ImageReader::with_format(Cursor::new(picture), format);
        let mut limits = image::Limits::default();
        (limits.max_image_width, limits.max_image_height) = (Some(MAX_PIXELS), Some(MAX_PIXELS));
        limits.max_alloc = Some(MAX_DECODED);
        reader.limits(limits);
        let decoder = reader.into_decoder()?;
        let ((width, height), decoded) = (decoder.dimensions(), decoder.total_bytes());
        if decoded > MAX_DECODED {
            return Ok(Answer::TooLarge);
        }
        image::DynamicImage::from_decoder(decoder)?;
        Ok(Answer::Decodes { width: width.into(), height: height.into(), decoded })
    };
    decode().unwrap_or_else(|error| match error {
        ImageError::Limits(_) => Answer::TooLarge,
        error => Answer::Broken(reason(&error)),
    })
}

fn decode_svg(picture: &[u8]) -> Answer {
    let Ok(text) = std::str::from_utf8(picture) else { return Answer::Broken("it isn't UTF-8".to_owned()) };
    let xml = roxmltree::ParsingOptions { allow_dtd: true, nodes_limit: MAX_NODES, ..Default::default() };
    let document = match roxmltree::Document::parse_with_options(text, xml) {
        Ok(document) => document,
        Err(error) => return Answer::Broken(reason(&error)),
    };
    if !document.root_element().has_tag_name(("http://www.w3.org/2000/svg", "svg")) {
        return Answer::Broken("its first element isn't svg in the namespace of SVG".to_owned());
    }
    let mut options = usvg::Options::default();
    // Nothing that it references is loaded, neither files nor pages.
    options.image_href_resolver.resolve_string = Box::new(|_, _| None);
    match usvg::Tree::from_xmltree(&document, &options) {
        Ok(tree) => {
            let size = tree.size();
            Answer::Decodes { width: size.width().into(), height: size.height().into(), decoded: 0 }
        }
        Err(error) => Answer::Undrawable(reason(&error)),
    }
}

/// Returns a decoder's message, bounded: it may quote the picture.
fn reason(error: &dyn Display) -> String {
    error.to_string().chars().take(MAX_REASON_LEN).collect()
}

#[cfg(test)]
mod tests {
    use image::DynamicImage;

    use super::*;

    fn drawn(format: ImageFormat, width: u32, height: u32) -> Vec<u8> {
        let mut out = Cursor::new(Vec::new());
        DynamicImage::new_rgb8(width, height).write_to(&mut out, format).unwrap();
        out.into_inner()
    }

    fn decodes(width: u32, height: u32, decoded: u64) -> Answer {
        Answer::Decodes { width: width.into(), height: height.into(), decoded }
    }

    #[test]
    fn pictures_are_answered_with_their_size() {
        let svg = br#"<svg xmlns="http://www.w3.org/2000/svg" width="75" height="54"/>"#;
        assert_eq!(decode(&drawn(ImageFormat::Png, 8, 5)), decodes(8, 5, 120));
        assert_eq!(decode(&drawn(ImageFormat::Jpeg, 8, 5)), decodes(8, 5, 120));
        assert_eq!(decode(svg), decodes(75, 54, 0));
        assert_eq!(decode(br#"<svg xmlns="http://www.w3.org/2000/svg" width="0" height="54"/>"#), {
            Answer::Undrawable(usvg::Error::InvalidSize.to_string())
        });
    }

    #[test]
    fn other_files_are_distinguished_from_broken_pictures() {
        let png = drawn(ImageFormat::Png, 8, 8);
        for broken in [&png[..png.len() / 2], b"<svg", b"<svg/>", b"<html></html>", b"\xff\xd8\xff"] {
            assert!(matches!(decode(broken), Answer::Broken(_)), "{:?}", String::from_utf8_lossy(broken));
        }
        for other in [&b""[..], b"text", b"GIF89a and so on", b"\x1f\x8b\x08\0"] {
            assert_eq!(decode(other), Answer::Other);
        }
        assert_eq!(decode(&drawn(ImageFormat::Png, MAX_PIXELS + 1, 1)), Answer::TooLarge);
    }

    #[test]
    fn svg_reads_no_files() {
        let folder = tempfile::tempdir().unwrap();
        let other = folder.path().join("other.svg");
        std::fs::write(&other, r#"<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"/>"#).unwrap();
        let text = format!(
            r#"<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" width="75" height="54">
            <image width="9" height="9" xlink:href="{}"/></svg>"#,
            other.display()
        );
        assert_eq!(decode(text.as_bytes()), decodes(75, 54, 0));
    }

    #[test]
    fn pictures_are_answered_in_order() {
        let mut input = Vec::new();
        for picture in [&drawn(ImageFormat::Png, 8, 5)[..], b"text"] {
            input.extend(u32::try_from(picture.len()).unwrap().to_le_bytes());
            input.extend(picture);
        }
        let mut output = Vec::new();
        answer_all(&input[..], &mut output).unwrap();
        let lines: Vec<_> = std::str::from_utf8(&output).unwrap().lines().collect();
        assert_eq!(lines[0], READY);
        let answers: Vec<Answer> = lines[1..].iter().map(|line| serde_json::from_str(line).unwrap()).collect();
        assert_eq!(answers, [decodes(8, 5, 120), Answer::Other]);
        let mut too_long = &u32::MAX.to_le_bytes()[..];
        assert!(answer_all(&mut too_long, &mut Vec::new()).is_err());
    }

    #[test]
    fn decoder_messages_are_bounded() {
        assert_eq!(reason(&"é".repeat(5000)).chars().count(), MAX_REASON_LEN);
    }
}
