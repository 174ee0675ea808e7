//! Finds the language that suits a user best among those available, however hosts, browsers and files spell it.

/// The languages that hosts report, spelled as in Creator Central's documents and samples.
pub const LANGUAGES: [&str; 6] = ["en", "de", "ja", "ko", "zh_CN", "zh_TW"];

/// Returns the form of a language's name that is compared: hosts and packages write `zh_TW`, `zh-tw` and `zh_tw`.
pub(crate) fn normalize(name: &str) -> String {
    name.trim().to_ascii_lowercase().replace('-', "_")
}

/// Returns the entry of [`LANGUAGES`] with this name, ignoring case and the difference between `-` and `_`.
#[must_use]
pub fn known(name: &str) -> Option<&'static str> {
    LANGUAGES.into_iter().find(|language| normalize(language) == normalize(name))
}

/// The subtags of a name such as `zh-Hant-TW` ([RFC 5646](https://www.rfc-editor.org/rfc/rfc5646#section-2.1)) that determine
/// who can read it: language, script and region. Others are ignored.
#[derive(PartialEq, Eq)]
struct Tag {
    language: String,
    script: Option<String>,
    region: Option<String>,
}

impl Tag {
    fn parse(text: &str) -> Self {
        let text = normalize(text);
        let mut subtags = text.split('_');
        let language = subtags.next().unwrap_or_default().to_owned();
        let (mut script, mut region) = (None, None);
        for subtag in subtags {
            let is_script = subtag.len() == 4 && subtag.bytes().all(|byte| byte.is_ascii_alphabetic());
            let is_region =
                subtag.len() == 2 || (subtag.len() == 3 && subtag.bytes().all(|byte| byte.is_ascii_digit()));
            if is_script && script.is_none() && region.is_none() {
                script = Some(subtag.to_owned());
            } else if is_region && region.is_none() {
                region = Some(subtag.to_owned());
            }
        }
        // Chinese is the only language of hosts with two scripts. Its names usually have a region instead of the script.
        if language == "zh" && script.is_none() {
            let is_traditional = matches!(region.as_deref(), Some("tw" | "hk" | "mo"));
            script = Some(if is_traditional { "hant" } else { "hans" }.to_owned());
        }
        Self { language, script, region }
    }
}

/// Returns the available language that suits a reader of `wanted` best, or `None` if none of them is in that language.
///
/// Case and the difference between `-` and `_` are ignored. The script takes precedence over the region, so `zh-Hans-HK`
/// matches `zh_CN` before `zh_HK`. If several match equally well, one without a region is preferred, then the first.
#[must_use]
pub fn find<'a>(wanted: &str, available: &[&'a str]) -> Option<&'a str> {
    let wanted = Tag::parse(wanted);
    let of_language =
        available.iter().map(|name| (*name, Tag::parse(name))).filter(|(_, tag)| tag.language == wanted.language);
    let best = of_language
        .min_by_key(|(_, tag)| (tag.script != wanted.script, tag.region != wanted.region, tag.region.is_some()));
    best.map(|(name, _)| name)
}

/// Like [`find`], but falls back to English. Returns `None` if that isn't available either.
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
    fn find_prefers_script_then_region_then_no_region() {
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
