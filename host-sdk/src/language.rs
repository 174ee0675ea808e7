//! Languages as hosts, browsers and language files name them, and which of those that there are fits best.

/// The languages that hosts report, as Creator Central's documents and samples write them.
pub const LANGUAGES: [&str; 6] = ["en", "de", "ja", "ko", "zh_CN", "zh_TW"];

/// A language as it is compared: hosts and packages write `zh_TW`, `zh-tw` and `zh_tw`.
pub(crate) fn plain(text: &str) -> String {
    text.trim().to_ascii_lowercase().replace('-', "_")
}

/// Returns the language of [`LANGUAGES`] that a text names, without regard to case, `-` or `_`.
#[must_use]
pub fn known(text: &str) -> Option<&'static str> {
    LANGUAGES.into_iter().find(|language| plain(language) == plain(text))
}

/// The parts of a name such as `zh-Hant-TW` ([RFC 5646](https://www.rfc-editor.org/rfc/rfc5646#section-2.1)) that decide
/// what a reader can read: language, script and region. Others are left out.
#[derive(PartialEq, Eq)]
struct Tag {
    language: String,
    script: Option<String>,
    region: Option<String>,
}

impl Tag {
    fn parse(text: &str) -> Self {
        let text = plain(text);
        let mut parts = text.split('_');
        let language = parts.next().unwrap_or_default().to_owned();
        let (mut script, mut region) = (None, None);
        for part in parts {
            let is_script = part.len() == 4 && part.bytes().all(|byte| byte.is_ascii_alphabetic());
            let is_region = part.len() == 2 || (part.len() == 3 && part.bytes().all(|byte| byte.is_ascii_digit()));
            if is_script && script.is_none() && region.is_none() {
                script = Some(part.to_owned());
            } else if is_region && region.is_none() {
                region = Some(part.to_owned());
            }
        }
        // The only language of hosts that is written in two scripts, mostly named by a region.
        if language == "zh" && script.is_none() {
            let is_traditional = matches!(region.as_deref(), Some("tw" | "hk" | "mo"));
            script = Some(if is_traditional { "hant" } else { "hans" }.to_owned());
        }
        Self { language, script, region }
    }
}

/// Returns the best of the available languages for a reader of `wanted`; `None` if none is in that language.
///
/// Case, `-` and `_` don't matter. The script counts before the region, so `zh-Hans-HK` is read by a reader of `zh_CN`; of
/// several that fit equally well it is one without a region, and then the first.
#[must_use]
pub fn find<'a>(wanted: &str, available: &[&'a str]) -> Option<&'a str> {
    let wanted = Tag::parse(wanted);
    let of_language =
        available.iter().map(|name| (*name, Tag::parse(name))).filter(|(_, tag)| tag.language == wanted.language);
    let best = of_language
        .min_by_key(|(_, tag)| (tag.script != wanted.script, tag.region != wanted.region, tag.region.is_some()));
    best.map(|(name, _)| name)
}

/// As [`find`], and English for a language that isn't there; `None` if that isn't there either.
#[must_use]
pub fn find_or_english<'a>(wanted: &str, available: &[&'a str]) -> Option<&'a str> {
    find(wanted, available).or_else(|| find("en", available))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn find_agrees_with_the_shared_table() {
        let cases: Vec<(String, String)> =
            serde_json::from_str(include_str!("../tests/fixtures/languages.json")).unwrap();
        for (wanted, expected) in cases {
            assert_eq!(find_or_english(&wanted, &LANGUAGES), Some(expected.as_str()), "{wanted}");
        }
    }

    #[test]
    fn find_prefers_script_then_region_then_none() {
        for (wanted, available, expected) in [
            ("pt-BR", &["pt_PT", "pt", "pt_BR"] as &[&str], Some("pt_BR")),
            ("pt-BR", &["pt_PT", "pt"], Some("pt")),
            ("pt-BR", &["pt_PT"], Some("pt_PT")),
            ("de-AT", &["de_CH", "de"], Some("de")),
            ("zh-Hant-HK", &["zh_CN", "zh_TW", "zh_HK"], Some("zh_HK")),
            ("zh-Hans-HK", &["zh_TW", "zh_HK", "zh_CN"], Some("zh_CN")),
            ("zh_TW", &["zh"], Some("zh")),
            ("sr-Latn", &["sr", "sr_Latn"], Some("sr_Latn")),
            ("es-419", &["es_ES", "es_419"], Some("es_419")),
            ("de-1996-AT", &["de", "de_AT"], Some("de_AT")),
            ("fr", &["en", "de"], None),
            ("eng", &["en"], None),
            ("*", &["en"], None),
            ("", &["en"], None),
        ] {
            assert_eq!(find(wanted, available), expected, "{wanted} of {available:?}");
        }
    }

    #[test]
    fn find_or_english_is_none_without_english() {
        assert_eq!(find_or_english("fr", &["de"]), None);
        assert_eq!(find_or_english("fr", &["de", "EN"]), Some("EN"));
    }

    #[test]
    fn known_ignores_spelling() {
        assert_eq!(known("ZH-tw"), Some("zh_TW"));
        assert_eq!(known("zh"), None);
    }
}
