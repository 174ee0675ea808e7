//! The country that a search is for. Spotify uses that of the signed-in user; before a sign-in it has to be given, or podcasts
//! count as unavailable.

/// A country as two capital letters ([ISO 3166-1 alpha-2](https://www.iso.org/iso-3166-country-codes.html)).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Market(String);

/// Used if the computer's languages contain no country.
const FALLBACK: &str = "US";

impl Market {
    /// Parses two letters in any case. `None` for anything else.
    #[must_use]
    pub fn new(text: &str) -> Option<Self> {
        let text = text.trim();
        (text.len() == 2 && text.bytes().all(|letter| letter.is_ascii_alphabetic()))
            .then(|| Self(text.to_ascii_uppercase()))
    }

    /// Returns the country of this computer: that of the first of its languages with one.
    #[must_use]
    pub fn of_this_computer() -> Self {
        sys_locale::get_locales()
            .find_map(|locale| Self::from_locale(&locale))
            .unwrap_or_else(|| Self(FALLBACK.to_owned()))
    }

    /// Returns the country in a locale such as `de-AT`, `zh-Hant-TW` or `pt_BR.UTF-8`, or `None` if there is none, as in `C`,
    /// `en`, or `es-419` (Latin America).
    fn from_locale(locale: &str) -> Option<Self> {
        let name = locale.split(['.', '@']).next()?;
        // A single letter starts an extension, which is no region.
        let parts = name.split(['-', '_']).skip(1).take_while(|part| part.len() > 1);
        parts.filter(|part| part.len() == 2).find_map(Self::new)
    }

    /// Returns the two letters.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn country_is_read_from_a_locale() {
        for (locale, country) in [
            ("de-AT", Some("AT")),
            ("de_DE.UTF-8", Some("DE")),
            ("zh-Hant-TW", Some("TW")),
            ("sr_RS@latin", Some("RS")),
            ("en-us-u-ca-gregory", Some("US")),
            ("en-u-rg-gbzzzz", None),
            ("es-419", None),
            ("en", None),
            ("C.UTF-8", None),
            ("POSIX", None),
            ("", None),
        ] {
            assert_eq!(Market::from_locale(locale).as_ref().map(Market::as_str), country, "{locale}");
        }
        assert_eq!(Market::of_this_computer().as_str().len(), 2);
    }

    #[test]
    fn market_is_two_letters() {
        assert_eq!(Market::new(" de ").as_ref().map(Market::as_str), Some("DE"));
        for text in ["", "d", "deu", "d1", "ÄÖ", "Germany"] {
            assert_eq!(Market::new(text), None, "{text}");
        }
    }
}
