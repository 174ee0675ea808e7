//! Languages, and texts for the user.

pub(crate) mod sign_in;

use host_sdk::language;

/// A message to the user, in two lengths.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UserMessage {
    key: &'static str,
    sentence: String,
}

impl UserMessage {
    /// Creates a message from its two forms.
    pub fn new(key: &'static str, sentence: impl Into<String>) -> Self {
        Self { key, sentence: sentence.into() }
    }

    /// Returns a few short words, for a key of 150 x 108 pixels.
    #[must_use]
    pub fn key(&self) -> &'static str {
        self.key
    }

    /// Returns one or two complete sentences, for a page and the log.
    #[must_use]
    pub fn sentence(&self) -> &str {
        &self.sentence
    }
}

/// A supported language.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Language {
    /// English, and the fallback for other languages.
    En,
    /// German.
    De,
    /// Japanese.
    Ja,
    /// Korean.
    Ko,
    /// Chinese in traditional characters.
    ZhTw,
    /// Chinese in simplified characters.
    ZhCn,
}

impl Language {
    /// Returns the language of a tag as a host (`zh_TW`) or a browser (`de-AT`) writes it; `None` if it isn't supported.
    pub fn from_tag(tag: &str) -> Option<Self> {
        let found = language::find(tag, &LANGUAGES.map(Self::tag))?;
        LANGUAGES.into_iter().find(|language| language.tag() == found)
    }

    /// Returns the best supported language of an `Accept-Language` header
    /// ([RFC 9110, section 12.5.4](https://www.rfc-editor.org/rfc/rfc9110#section-12.5.4)).
    pub fn from_accept_language(header: &str) -> Option<Self> {
        let mut best: Option<(Self, f32)> = None;
        for item in header.split(',') {
            let (tag, weight) = item.split_once(';').unwrap_or((item, "q=1"));
            let weight = weight.trim().strip_prefix("q=").and_then(|text| text.parse().ok()).unwrap_or(0.0);
            if let Some(language) = Self::from_tag(tag)
                && weight > best.map_or(0.0, |(_, weight)| weight)
            {
                best = Some((language, weight));
            }
        }
        best.map(|(language, _)| language)
    }

    /// Returns the tag for a page's `lang` attribute, by which browsers also choose the regional forms of Chinese characters.
    pub fn tag(self) -> &'static str {
        match self {
            Self::En => "en",
            Self::De => "de",
            Self::Ja => "ja",
            Self::Ko => "ko",
            Self::ZhTw => "zh-TW",
            Self::ZhCn => "zh-CN",
        }
    }
}

/// A text in all languages.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Text {
    pub en: &'static str,
    pub de: &'static str,
    pub ja: &'static str,
    pub ko: &'static str,
    pub zh_tw: &'static str,
    pub zh_cn: &'static str,
}

impl Text {
    /// Returns the text in a language.
    pub fn in_language(&self, language: Language) -> &'static str {
        match language {
            Language::En => self.en,
            Language::De => self.de,
            Language::Ja => self.ja,
            Language::Ko => self.ko,
            Language::ZhTw => self.zh_tw,
            Language::ZhCn => self.zh_cn,
        }
    }
}

/// Every language.
pub(crate) const LANGUAGES: [Language; 6] =
    [Language::En, Language::De, Language::Ja, Language::Ko, Language::ZhTw, Language::ZhCn];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn language_reads_tags_of_hosts_and_browsers() {
        for (tag, language) in [
            ("en", Some(Language::En)),
            ("EN-us", Some(Language::En)),
            ("de_AT", Some(Language::De)),
            ("ja", Some(Language::Ja)),
            (" ko-KR ", Some(Language::Ko)),
            ("zh_TW", Some(Language::ZhTw)),
            ("zh-Hant", Some(Language::ZhTw)),
            ("zh_hk", Some(Language::ZhTw)),
            ("zh_CN", Some(Language::ZhCn)),
            ("zh", Some(Language::ZhCn)),
            ("zh-Hans-HK", Some(Language::ZhCn)),
            ("fr", None),
            ("eng", None),
            ("*", None),
            ("", None),
        ] {
            assert_eq!(Language::from_tag(tag), language, "{tag}");
        }
    }

    #[test]
    fn accept_language_is_read_by_weight() {
        for (header, language) in [
            ("de-AT,de;q=0.9,en;q=0.8", Some(Language::De)),
            ("fr, en;q=0.3, ja;q=0.7", Some(Language::Ja)),
            ("en;q=0.5, ko;q=0.5", Some(Language::En)),
            ("de;q=0, *;q=0.1", None),
            ("de;q=much, zh-TW ; q=0.1", Some(Language::ZhTw)),
            ("", None),
            (";;,,;q=", None),
        ] {
            assert_eq!(Language::from_accept_language(header), language, "{header}");
        }
    }
}
