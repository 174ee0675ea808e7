//! Icons that a user chooses for a key: checked to be what they say before they are kept and shown.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use host_sdk::picture::Kind;

use crate::picture_process::child::{Answer, MOST_PIXELS};
use crate::picture_process::{Decoder, Verdict};

/// Bytes of an icon's file.
pub const MOST_BYTES: usize = 1 << 20;

/// Why a file can't be an icon, in sentences for the user.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NoIcon {
    /// Its file is too large.
    #[error("The icon is larger than {} MB. Choose a smaller one.", MOST_BYTES >> 20)]
    TooLarge,
    /// It is no picture, or a damaged one.
    #[error("This is not a picture that can be shown. Choose a PNG, JPEG, GIF, BMP, WebP or SVG file.")]
    NoPicture,
    /// It has too many pixels.
    #[error("The icon has more than {MOST_PIXELS} pixels on a side. Choose a smaller one; a key has 150 x 108.")]
    TooManyPixels,
    /// Decoding it takes too much of this computer.
    #[error("The icon takes too much memory or time to be drawn. Choose a simpler one.")]
    TooCostly,
}

/// An icon's file as a data URI. Blocks while it is decoded.
///
/// # Errors
/// Why it can't be an icon.
pub fn data_uri(file: &[u8], decoder: &Decoder) -> Result<String, NoIcon> {
    data_uris(&[file], decoder).pop().unwrap_or(Err(NoIcon::NoPicture))
}

/// As [`data_uri`] for each of some files, all of which are decoded by one process.
pub fn data_uris(files: &[&[u8]], decoder: &Decoder) -> Vec<Result<String, NoIcon>> {
    let kinds: Vec<_> = files.iter().map(|file| kind(file)).collect();
    // Whether the others decode is seen where they are drawn.
    let is_decoded = |kind: &Result<Kind, NoIcon>| matches!(kind, Ok(Kind::Png | Kind::Jpeg | Kind::Svg));
    let decoded: Vec<&[u8]> =
        files.iter().zip(&kinds).filter(|(_, kind)| is_decoded(kind)).map(|(file, _)| *file).collect();
    let verdicts = decoder.look_at(&decoded).unwrap_or_else(|error| {
        tracing::warn!("icons are taken without a look at them: {error}");
        Vec::new()
    });
    let mut verdicts = verdicts.into_iter();
    let each = files.iter().zip(kinds).map(|(file, kind)| {
        // None: there is no process that decodes them. Browsers show a placeholder for what doesn't.
        let verdict = if is_decoded(&kind) { verdicts.next() } else { None };
        let kind = kind?;
        verdict.map_or(Ok(()), judge)?;
        Ok(format!("data:{};base64,{}", kind.media_type(), STANDARD.encode(file)))
    });
    each.collect()
}

/// What a file is by its beginning.
fn kind(file: &[u8]) -> Result<Kind, NoIcon> {
    match file.len() > MOST_BYTES {
        true => Err(NoIcon::TooLarge),
        false => Kind::of(file).ok_or(NoIcon::NoPicture),
    }
}

fn judge(verdict: Verdict) -> Result<(), NoIcon> {
    match verdict {
        // Browsers draw more than is drawn here.
        Verdict::Seen(Answer::Decodes { .. } | Answer::Undrawable(_)) => Ok(()),
        Verdict::Seen(Answer::TooLarge) => Err(NoIcon::TooManyPixels),
        Verdict::Seen(Answer::Broken(_) | Answer::Other) => Err(NoIcon::NoPicture),
        Verdict::TooCostly | Verdict::NotReached => Err(NoIcon::TooCostly),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pictures_are_taken_as_what_they_are() {
        for (file, start) in [
            (&b"\x89PNG\r\n\x1a\n"[..], "data:image/png;base64,iVBOR"),
            (b"\xff\xd8\xff\xe0", "data:image/jpeg;base64,"),
            (b"<?xml version='1.0'?><svg xmlns='http://www.w3.org/2000/svg'/>", "data:image/svg+xml;base64,"),
            (b"GIF89a", "data:image/gif;base64,"),
        ] {
            let uri = data_uri(file, &Decoder::missing()).unwrap();
            assert!(uri.starts_with(start), "{uri}");
        }
    }

    #[test]
    fn files_that_are_no_pictures_are_refused() {
        for bad in [&b""[..], b"text", b"<html/>"] {
            assert_eq!(data_uri(bad, &Decoder::missing()), Err(NoIcon::NoPicture), "{bad:?}");
        }
        assert_eq!(data_uri(&vec![0; MOST_BYTES + 1], &Decoder::missing()), Err(NoIcon::TooLarge));
    }

    #[test]
    fn verdicts_decide_about_what_decodes() {
        let why = String::new;
        for (verdict, judged) in [
            (Verdict::Seen(Answer::Decodes { width: 1.0, height: 1.0, decoded: 3 }), Ok(())),
            (Verdict::Seen(Answer::Undrawable(why())), Ok(())),
            (Verdict::Seen(Answer::Broken(why())), Err(NoIcon::NoPicture)),
            (Verdict::Seen(Answer::TooLarge), Err(NoIcon::TooManyPixels)),
            (Verdict::TooCostly, Err(NoIcon::TooCostly)),
            (Verdict::NotReached, Err(NoIcon::TooCostly)),
        ] {
            assert_eq!(judge(verdict), judged);
        }
    }
}
