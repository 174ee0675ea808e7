//! Checks whether the pictures that a package names are what hosts can show: PNG, JPEG or SVG that decodes, in about
//! the recommended size. A separate process decodes them.

use host_sdk::bundle::check::{Checked, Picture};
use host_sdk::manifest::{Finding, Severity};
use host_sdk::picture::Kind;

use crate::picture_process::child::{Answer, MAX_PIXELS};
use crate::picture_process::{Decoder, Unavailable, Verdict};

/// The factor by which the aspect ratio may differ from the recommended one.
const SHAPE: f64 = 1.35;
/// The factors by which a side may be smaller or larger than recommended.
const SMALLER: f64 = 1.6;
const LARGER: f64 = 8.0;

const SAVE_AGAIN: &str = "save it again with a drawing program";
const SAVE_AS: &str = "save it as PNG or SVG";
const SAVE_AS_SHOWN: &str = "save it in the size it is shown in";

/// Checks all pictures of a package.
pub fn check(checked: &Checked, decoder: &Decoder) -> Vec<Finding> {
    let pictures = checked.pictures();
    let (whole, too_large): (Vec<_>, Vec<_>) = pictures.iter().partition(|picture| picture.content.is_some());
    let contents: Vec<&[u8]> = whole.iter().filter_map(|picture| picture.content).collect();
    let mut findings: Vec<_> = too_large.into_iter().map(too_large_to_look_at).collect();
    match decoder.decode_all(&contents) {
        Ok(verdicts) => findings.extend(verdicts_findings(&whole, &verdicts)),
        Err(error) => findings.push(decoder_unavailable(&error)),
    }
    findings
}

/// Returns the findings about pictures, given their verdicts.
fn verdicts_findings(pictures: &[&Picture<'_>], verdicts: &[Verdict]) -> Vec<Finding> {
    let each = pictures.iter().zip(verdicts).filter_map(|(picture, verdict)| verdict_finding(picture, verdict));
    let mut findings: Vec<_> = each.collect();
    let not_tried = verdicts.iter().filter(|verdict| **verdict == Verdict::NotTried).count();
    if not_tried > 0 {
        let message = format!(
            "has pictures that take too much memory or time altogether; {not_tried} of them {} not looked at",
            if not_tried == 1 { "was" } else { "were" }
        );
        findings.push(Finding::of_file(
            Severity::Error,
            "pictures",
            "",
            message,
            "save them in the size they are shown in",
        ));
    }
    findings
}

fn decoder_unavailable(why: &Unavailable) -> Finding {
    let message = format!("has pictures that can't be checked here: {why}");
    Finding::of_file(Severity::Warning, "pictures", "", message, "install Creator Deck again, and check it again")
}

fn finding(picture: &Picture<'_>, severity: Severity, rule: &'static str, message: &str, remedy: &str) -> Finding {
    Finding::of_file(severity, rule, picture.path, format!("({}) {message}", picture.member), remedy)
}

fn too_large_to_look_at(picture: &Picture<'_>) -> Finding {
    finding(picture, Severity::Error, "picture", "is too large to be looked at", SAVE_AS_SHOWN)
}

fn verdict_finding(picture: &Picture<'_>, verdict: &Verdict) -> Option<Finding> {
    let wrong = |message: &str, remedy| Some(finding(picture, Severity::Error, "picture", message, remedy));
    let (width, height) = match verdict {
        Verdict::NotTried => return None,
        Verdict::TooCostly => return wrong("takes too much memory or time to be drawn", SAVE_AGAIN),
        Verdict::Answered(Answer::TooLarge) => {
            let message =
                format!("has more than {MAX_PIXELS} pixels on a side, or takes too much memory to be decoded");
            return wrong(&message, SAVE_AS_SHOWN);
        }
        Verdict::Answered(Answer::Other) => return wrong("is neither PNG, JPEG nor SVG", SAVE_AS),
        Verdict::Answered(Answer::Broken(why)) => return wrong(&format!("doesn't decode: {why}"), SAVE_AGAIN),
        Verdict::Answered(Answer::Undrawable(why)) => {
            return wrong(&format!("is no SVG that can be drawn: {why}"), SAVE_AGAIN);
        }
        Verdict::Answered(Answer::Decodes { width, height, .. }) => (*width, *height),
    };
    let kind = picture.content.and_then(Kind::of);
    let extension = picture.path.rsplit_once('.').map(|(_, extension)| extension.to_lowercase()).unwrap_or_default();
    if !kind.is_some_and(|kind| kind.endings().contains(&extension.as_str())) {
        let message = "is named otherwise than what it is";
        let remedy = "let its name end with .png, .svg or .jpg, as it is";
        return Some(finding(picture, Severity::Error, "picture-name", message, remedy));
    }
    let scales = kind == Some(Kind::Svg);
    let wanted = picture.recommended.map(|(width, height)| (f64::from(width), f64::from(height)))?;
    let shape = (width / height) / (wanted.0 / wanted.1);
    let scale = (width / wanted.0).max(height / wanted.1);
    let off = if !(1.0 / SHAPE..=SHAPE).contains(&shape) {
        "has another shape than"
    } else if !scales && scale < 1.0 / SMALLER {
        "is much smaller than"
    } else if !scales && scale > LARGER {
        "is much larger than"
    } else {
        return None;
    };
    let message = format!("has {width} x {height} pixels, and {off} the recommended {} x {}", wanted.0, wanted.1);
    let remedy = format!("draw it in {} x {} pixels, or a multiple of it", wanted.0, wanted.1);
    Some(finding(picture, Severity::Warning, "picture-size", &message, &remedy))
}

#[cfg(test)]
mod tests {
    use super::*;

    const PNG: &[u8] = b"\x89PNG\r\n\x1a\n";
    const SVG: &[u8] = b"<svg xmlns='http://www.w3.org/2000/svg'/>";

    fn picture<'a>(path: &'a str, content: &'a [u8]) -> Picture<'a> {
        Picture { path, content: Some(content), member: "Icon".to_owned(), recommended: Some((75, 54)) }
    }

    fn decodes(width: u32, height: u32) -> Verdict {
        Verdict::Answered(Answer::Decodes { width: width.into(), height: height.into(), decoded: 0 })
    }

    fn rule_of(path: &str, content: &[u8], verdict: &Verdict) -> Option<&'static str> {
        verdict_finding(&picture(path, content), verdict).map(|finding| finding.rule)
    }

    #[test]
    fn pictures_that_hosts_can_show_have_no_findings() {
        for (width, height) in [(75, 54), (150, 108), (72, 54), (60, 48)] {
            assert_eq!(rule_of("i.png", PNG, &decodes(width, height)), None, "{width} x {height}");
        }
        assert_eq!(rule_of("i.JPG", b"\xff\xd8\xff", &decodes(75, 54)), None);
        assert_eq!(rule_of("i.svg", SVG, &decodes(7500, 5400)), None);
    }

    #[test]
    fn misnamed_and_misshaped_pictures_have_findings() {
        for path in ["i.svg", "i.jpg", "i.gif", "i"] {
            assert_eq!(rule_of(path, PNG, &decodes(75, 54)), Some("picture-name"), "{path}");
        }
        for (width, height) in [(54, 75), (30, 22), (1500, 1080), (200, 54)] {
            assert_eq!(rule_of("i.png", PNG, &decodes(width, height)), Some("picture-size"), "{width} x {height}");
        }
        assert_eq!(rule_of("i.svg", SVG, &decodes(10, 100)), Some("picture-size"));
    }

    #[test]
    fn pictures_that_cannot_be_drawn_are_errors() {
        let why = || "why".to_owned();
        for verdict in [
            Verdict::TooCostly,
            Verdict::Answered(Answer::TooLarge),
            Verdict::Answered(Answer::Other),
            Verdict::Answered(Answer::Broken(why())),
            Verdict::Answered(Answer::Undrawable(why())),
        ] {
            let finding = verdict_finding(&picture("i.png", PNG), &verdict).unwrap();
            assert_eq!((finding.rule, finding.severity), ("picture", Severity::Error), "{verdict:?}");
        }
    }

    #[test]
    fn untried_pictures_are_one_finding() {
        let pictures = ["a.png", "b.png", "c.png"].map(|path| picture(path, PNG));
        let verdicts = [Verdict::TooCostly, Verdict::NotTried, Verdict::NotTried];
        let findings = verdicts_findings(&pictures.each_ref(), &verdicts);
        let of = |finding: &Finding| (finding.rule, finding.severity, finding.file.clone());
        let wanted = [("picture", Severity::Error, "a.png".into()), ("pictures", Severity::Error, String::new())];
        assert_eq!(findings.iter().map(of).collect::<Vec<_>>(), wanted);
        assert!(findings[1].message.contains("2 of them were not looked at"), "{}", findings[1].message);
    }

    #[test]
    fn missing_decoder_is_a_warning() {
        let finding = decoder_unavailable(&Unavailable::NoProgram);
        assert_eq!((finding.rule, finding.severity), ("pictures", Severity::Warning));
    }
}
