//! Icons that a user chooses for a key: checked before they are kept and shown.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use host_sdk::picture::Kind;

use crate::picture_process::child::{Answer, MAX_PIXELS};
use crate::picture_process::{Decoder, Verdict};

/// Bytes of an icon's file.
pub const MAX_BYTES: usize = 1 << 20;

/// Why a file can't be an icon, in sentences for the user.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum IconError {
    /// Its file is too large.
    #[error("The icon is larger than {} MB. Choose a smaller one.", MAX_BYTES >> 20)]
    TooLarge,
    /// It isn't a picture, or is damaged.
    #[error("This is not a picture that can be shown. Choose a PNG, JPEG, GIF, BMP, WebP or SVG file.")]
    NotAPicture,
    /// It has too many pixels.
    #[error("The icon has more than {MAX_PIXELS} pixels on a side. Choose a smaller one; a key has 150 x 108.")]
    TooManyPixels,
    /// Decoding it takes too much memory or time.
    #[error("The icon takes too much memory or time to be drawn. Choose a simpler one.")]
    TooCostly,
}

/// Returns an icon's file as a data URI. Blocks while it is decoded.
///
/// # Errors
/// If it can't be an icon.
pub fn data_uri(file: &[u8], decoder: &Decoder) -> Result<String, IconError> {
    data_uris(&[file], decoder).pop().unwrap_or(Err(IconError::NotAPicture))
}

/// Like [`data_uri`] for several files, all of which are decoded by one process.
pub fn data_uris(files: &[&[u8]], decoder: &Decoder) -> Vec<Result<String, IconError>> {
    let kinds: Vec<_> = files.iter().map(|file| kind(file)).collect();
    // Browsers show whether the other formats decode.
    let is_decoded = |kind: &Result<Kind, IconError>| matches!(kind, Ok(Kind::Png | Kind::Jpeg | Kind::Svg));
    let decoded: Vec<&[u8]> =
        files.iter().zip(&kinds).filter(|(_, kind)| is_decoded(kind)).map(|(file, _)| *file).collect();
    let verdicts = decoder.decode_all(&decoded).unwrap_or_else(|error| {
        tracing::warn!("icons are accepted unchecked: {error}");
        Vec::new()
    });
    let mut verdicts = verdicts.into_iter();
    let each = files.iter().zip(kinds).map(|(file, kind)| {
        // None: no process could decode it. Browsers show a placeholder for broken pictures.
        let verdict = if is_decoded(&kind) { verdicts.next() } else { None };
        let kind = kind?;
        verdict.map_or(Ok(()), check_verdict)?;
        Ok(format!("data:{};base64,{}", kind.media_type(), STANDARD.encode(file)))
    });
    each.collect()
}

/// Returns the kind of a file by its first bytes.
fn kind(file: &[u8]) -> Result<Kind, IconError> {
    match file.len() > MAX_BYTES {
        true => Err(IconError::TooLarge),
        false => Kind::of(file).ok_or(IconError::NotAPicture),
    }
}

fn check_verdict(verdict: Verdict) -> Result<(), IconError> {
    match verdict {
        // Browsers draw more than our decoder does.
        Verdict::Answered(Answer::Decodes { .. } | Answer::Undrawable(_)) => Ok(()),
        Verdict::Answered(Answer::TooLarge) => Err(IconError::TooManyPixels),
        Verdict::Answered(Answer::Broken(_) | Answer::Other) => Err(IconError::NotAPicture),
        Verdict::TooCostly | Verdict::NotTried => Err(IconError::TooCostly),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn icons_have_the_media_type_of_their_content() {
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
    fn icons_that_are_not_pictures_are_refused() {
        for bad in [&b""[..], b"text", b"<html/>"] {
            assert_eq!(data_uri(bad, &Decoder::missing()), Err(IconError::NotAPicture), "{bad:?}");
        }
        assert_eq!(data_uri(&vec![0; MAX_BYTES + 1], &Decoder::missing()), Err(IconError::TooLarge));
    }

    #[test]
    fn verdicts_decide_about_what_decodes() {
        let why = String::new;
        for (verdict, checked) in [
            (Verdict::Answered(Answer::Decodes { width: 1.0, height: 1.0, decoded: 3 }), Ok(())),
            (Verdict::Answered(Answer::Undrawable(why())), Ok(())),
            (Verdict::Answered(Answer::Broken(why())), Err(IconError::NotAPicture)),
            (Verdict::Answered(Answer::TooLarge), Err(IconError::TooManyPixels)),
            (Verdict::TooCostly, Err(IconError::TooCostly)),
            (Verdict::NotTried, Err(IconError::TooCostly)),
        ] {
            assert_eq!(check_verdict(verdict), checked);
        }
    }
}
