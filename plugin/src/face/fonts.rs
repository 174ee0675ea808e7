//! The choice of a font for each character.
//!
//! Inter is embedded and preferred. Characters that it lacks come from the system's fonts, which are searched for in
//! `installed`. Until they are found, a text is laid out with the fonts at hand, and laid out again afterwards. Only faces
//! that are used are given to the layout, as mapped files: a system has hundreds, and cosmic-text's own fallback would open
//! every one of them for a character that none of them has.

use std::collections::HashMap;
use std::sync::{Arc, LazyLock};

use cosmic_text::fontdb::{Database, FaceInfo, Family, Source, Stretch, Style, Weight};
use cosmic_text::{Attrs, Fallback, FontSystem};
use host_sdk::language;
use unicode_script::{Script, UnicodeScript};
use unicode_segmentation::UnicodeSegmentation;

use super::installed::{Answer, Coverage, Installed, Kind, Wanted, is_emoji};

/// The embedded family.
const FAMILY: &str = "Inter";
pub(super) static REGULAR: &[u8] = include_bytes!("../../assets/fonts/Inter-Regular.otf");
static SEMI_BOLD: &[u8] = include_bytes!("../../assets/fonts/Inter-SemiBold.otf");

/// The coverage of the embedded fonts, which is the same for all weights, as a test ensures.
static EMBEDDED: LazyLock<Coverage> = LazyLock::new(|| Coverage::from_file(REGULAR, 0));

/// Replaces a character that no font has: a plain square from the embedded font.
const UNKNOWN: &str = "\u{25a1}";

/// The weights in use, both embedded.
pub(super) const NORMAL: Weight = Weight::NORMAL;
pub(super) const STRONG: Weight = Weight::SEMIBOLD;

/// The fonts that text is laid out with, and the choice among the system's.
pub(super) struct Fonts {
    /// The embedded fonts, and those of the system's fonts that are in use.
    pub(super) system: FontSystem,
    /// The search in the system's fonts.
    pub(super) installed: Installed,
    /// The language that decides between Chinese and Japanese forms if a text doesn't.
    language: &'static str,
    /// The font of each grapheme; `None` while it is searched for.
    chosen: HashMap<Wanted, Option<Choice>>,
    /// The installed face that was last found for each kind of text, and its coverage. It usually has the next grapheme of
    /// the kind, too, which then needs no search.
    found: HashMap<Kind, (Arc<Face>, Arc<Coverage>)>,
    /// Whether a text lacks a font that is still searched for.
    pub(super) lacking: bool,
}

/// The font of a grapheme.
#[derive(Debug, Clone, PartialEq)]
enum Choice {
    /// The embedded family in the requested weight.
    Embedded,
    /// An installed face.
    Face(Arc<Face>),
    /// No font has it.
    Missing,
}

/// The attributes by which cosmic-text finds a face.
#[derive(Debug, PartialEq)]
struct Face {
    family: String,
    weight: Weight,
    stretch: Stretch,
    style: Style,
}

/// A part of a text in one font.
pub(super) struct Span<'t> {
    pub(super) text: &'t str,
    choice: Choice,
}

impl Span<'_> {
    /// Returns the attributes to lay out this span with; `attrs` are those of the whole text.
    pub(super) fn attrs<'a>(&'a self, attrs: &Attrs<'a>) -> Attrs<'a> {
        let attrs = attrs.clone();
        match &self.choice {
            Choice::Embedded | Choice::Missing => attrs,
            Choice::Face(face) => {
                attrs.family(Family::Name(&face.family)).weight(face.weight).stretch(face.stretch).style(face.style)
            }
        }
    }
}

/// A fallback to the embedded font only. Fonts are chosen before cosmic-text gets the text, so only the punctuation in a
/// right-to-left word (see [`keep_together`]) needs a fallback.
struct OnlyEmbedded;

impl Fallback for OnlyEmbedded {
    fn common_fallback(&self) -> &[&'static str] {
        &[FAMILY]
    }
    fn forbidden_fallback(&self) -> &[&'static str] {
        &[]
    }
    fn script_fallback(&self, _: Script, _: &str) -> &[&'static str] {
        &[]
    }
}

impl Fonts {
    /// Maximum number of cached choices; a title in Chinese has some ten new graphemes.
    const MAX_CHOSEN: usize = 2048;

    /// Creates the fonts for a language tag such as "ja" or "zh_TW".
    pub(super) fn new(language: &str, installed: Installed) -> Self {
        let mut embedded = Database::new();
        for font in [REGULAR, SEMI_BOLD] {
            embedded.load_font_source(Source::Binary(Arc::new(font)));
        }
        Fonts {
            system: FontSystem::new_with_locale_and_db_and_fallback("en".to_owned(), embedded, OnlyEmbedded),
            installed,
            language: han_locale(language),
            chosen: HashMap::new(),
            found: HashMap::new(),
            lacking: false,
        }
    }

    /// Returns the attributes of the embedded font.
    pub(super) fn attrs(weight: Weight) -> Attrs<'static> {
        Attrs::new().family(Family::Name(FAMILY)).weight(weight)
    }

    /// Splits a text into spans of one font each. Sets `lacking` if a font is yet to be found.
    pub(super) fn spans<'t>(&mut self, text: &'t str, weight: Weight) -> Vec<Span<'t>> {
        let han = han_of(text).unwrap_or(self.language);
        let mut new = Vec::new();
        let mut graphemes: Vec<(&str, Choice)> =
            text.graphemes(true).map(|grapheme| (grapheme, self.choose(grapheme, weight, han, &mut new))).collect();
        self.search(new);
        keep_together(&mut graphemes);

        let mut spans: Vec<Span<'t>> = Vec::new();
        let (mut begin, mut end) = (0, 0);
        for (grapheme, choice) in graphemes {
            let at = end;
            end += grapheme.len();
            match spans.last_mut() {
                Some(last) if last.choice == choice && choice != Choice::Missing => last.text = &text[begin..end],
                _ => {
                    begin = at;
                    let text = if choice == Choice::Missing { UNKNOWN } else { grapheme };
                    spans.push(Span { text, choice });
                }
            }
        }
        spans
    }

    /// Returns the font of a grapheme, as far as it is known. A grapheme that has to be searched for is added to `new`.
    fn choose(&mut self, grapheme: &str, weight: Weight, han: &'static str, new: &mut Vec<Wanted>) -> Choice {
        // The usual case, without a look-up.
        if grapheme.len() == 1 && grapheme.is_ascii() {
            return Choice::Embedded;
        }
        let wanted = Wanted { grapheme: grapheme.into(), weight, han };
        if let Some(choice) = self.chosen.get(&wanted) {
            self.lacking |= choice.is_none();
            return choice.clone().unwrap_or_else(|| without_installed(grapheme));
        }
        let choice = if !is_emoji(grapheme) && EMBEDDED.has(grapheme) {
            Some(Choice::Embedded)
        } else {
            self.found
                .get(&wanted.kind())
                .filter(|(_, coverage)| coverage.has(grapheme))
                .map(|(face, _)| Choice::Face(face.clone()))
        };
        if choice.is_none() {
            new.push(wanted.clone());
        }
        self.cache(wanted, choice.clone());
        choice.unwrap_or_else(|| without_installed(grapheme))
    }

    fn search(&mut self, new: Vec<Wanted>) {
        if new.is_empty() {
            return;
        }
        if self.installed.search(new.clone()) {
            self.lacking = true;
            return;
        }
        let never = matches!(self.installed, Installed::Never);
        for wanted in new {
            if never {
                let choice = without_installed(&wanted.grapheme);
                self.cache(wanted, Some(choice));
            } else {
                // The next text with this grapheme searches for it again.
                self.chosen.remove(&wanted);
                self.lacking = true;
            }
        }
    }

    /// Returns the sizes of the caches: choices, kinds of text with a font, fonts.
    #[cfg(test)]
    pub(super) fn cache_sizes(&self) -> [usize; 3] {
        [self.chosen.len(), self.found.len(), self.system.db().len()]
    }

    /// Applies the result of a search.
    pub(super) fn apply(&mut self, answer: Answer) {
        for (wanted, found) in answer {
            let choice = match found {
                Some(found) => {
                    let face = self.register(&found.face);
                    self.found.insert(wanted.kind(), (face.clone(), found.coverage));
                    Choice::Face(face)
                }
                None => without_installed(&wanted.grapheme),
            };
            self.cache(wanted, Some(choice));
        }
        if matches!(self.installed, Installed::Never) {
            // Pending searches will not be answered.
            self.chosen.retain(|_, choice| choice.is_some());
        }
    }

    fn cache(&mut self, wanted: Wanted, choice: Option<Choice>) {
        if self.chosen.len() >= Self::MAX_CHOSEN {
            self.chosen.clear();
        }
        self.chosen.insert(wanted, choice);
    }

    /// Registers the embedded font in another weight. cosmic-text falls back to fonts of the same weight only, so the embedded
    /// font must be available in the weights of all faces in use.
    fn embed_as(&mut self, weight: Weight) {
        let database = self.system.db_mut();
        let embedded = database.faces().filter(|face| face.families.iter().any(|(name, _)| name == FAMILY));
        let Some(nearest) = embedded.min_by_key(|face| face.weight.0.abs_diff(weight.0)).cloned() else {
            return;
        };
        if nearest.weight != weight {
            database.push_face_info(FaceInfo { weight, ..nearest });
        }
    }

    /// Makes a face available to the layout.
    fn register(&mut self, face: &FaceInfo) -> Arc<Face> {
        let family = face.families.first().map_or_else(String::new, |(name, _)| name.clone());
        let known = self
            .system
            .db()
            .faces()
            .any(|own| own.post_script_name == face.post_script_name && own.index == face.index);
        if !known {
            self.system.db_mut().push_face_info(face.clone());
            self.embed_as(face.weight);
        }
        Arc::new(Face { family, weight: face.weight, stretch: face.stretch, style: face.style })
    }
}

/// Gives the punctuation in a right-to-left word the font of its letters, even if that font lacks it: cosmic-text 0.19
/// orders the parts of such a word wrongly if their attributes differ, but correctly if it falls back to another font itself.
fn keep_together(graphemes: &mut [(&str, Choice)]) {
    let is_space = |(text, _): &(&str, Choice)| text.chars().all(char::is_whitespace);
    for word in graphemes.split_mut(is_space) {
        let letters = word.iter().find(|(text, choice)| matches!(choice, Choice::Face(_)) && is_rtl(text));
        if let Some((_, letters)) = letters.cloned() {
            for (_, choice) in word.iter_mut().filter(|(_, choice)| *choice == Choice::Embedded) {
                *choice = letters.clone();
            }
        }
    }
}

/// Returns whether a text runs from right to left, according to its first letter.
pub(super) fn is_rtl(text: &str) -> bool {
    let script = text.chars().map(|c| c.script()).find(|script| !matches!(script, Script::Common | Script::Inherited));
    matches!(
        script,
        Some(Script::Arabic | Script::Hebrew | Script::Syriac | Script::Thaana | Script::Nko | Script::Adlam)
    )
}

/// Returns the font of a grapheme that no installed font has. An emoji may have a plain form in the embedded font.
fn without_installed(grapheme: &str) -> Choice {
    if EMBEDDED.has(grapheme) { Choice::Embedded } else { Choice::Missing }
}

/// Returns the regional forms of Chinese characters that a text itself implies: Japanese for kana, Korean for hangul,
/// Taiwanese for bopomofo.
fn han_of(text: &str) -> Option<&'static str> {
    text.chars().find_map(|c| match c.script() {
        Script::Hiragana | Script::Katakana => Some("ja"),
        Script::Hangul => Some("ko"),
        Script::Bopomofo => Some("zh-TW"),
        _ => None,
    })
}

/// Returns a host's language as the platforms' font lists spell those that differ in Chinese characters.
fn han_locale(wanted: &str) -> &'static str {
    language::find(wanted, &["zh-CN", "zh-TW", "zh-HK", "ja", "ko"]).unwrap_or("zh-CN")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn embedded(text: &str) -> bool {
        let mut fonts = Fonts::new("en", Installed::Never);
        fonts.spans(text, STRONG).iter().all(|span| span.choice == Choice::Embedded)
    }

    #[test]
    fn embedded_font_covers_european_scripts() {
        assert!(embedded("Sigur Rós – Hoppípolla (“live”) … ½ €5 ß ẞ Œuvre Ďáblice Łódź İstanbul"));
        assert!(embedded("Кино — Группа крови № 1 Їжак Ђорђе"));
        assert!(embedded("Μάνος Χατζιδάκις Ώ"));
        assert!(embedded("Tiếng Việt: Chạy Ngay Đi"));
    }

    #[test]
    fn embedded_weights_have_the_same_coverage() {
        assert!(EMBEDDED.has(UNKNOWN));
        assert!(Coverage::from_file(SEMI_BOLD, 0) == *EMBEDDED);
    }

    #[test]
    fn missing_characters_become_one_square_each() {
        let mut fonts = Fonts::new("en", Installed::Never);
        let texts: Vec<&str> = fonts.spans("a漢字b", NORMAL).iter().map(|span| span.text).collect();
        assert_eq!(texts, ["a", UNKNOWN, UNKNOWN, "b"]);
    }

    #[test]
    fn right_to_left_word_has_one_font() {
        let arabic = Choice::Face(Arc::new(Face {
            family: "Some Arabic".to_owned(),
            weight: Weight::BOLD,
            stretch: Stretch::Normal,
            style: Style::Normal,
        }));
        let choose = |grapheme| if is_rtl(grapheme) { arabic.clone() } else { Choice::Embedded };
        let mut graphemes: Vec<_> = "(أم كلثوم)… live!".graphemes(true).map(|g| (g, choose(g))).collect();
        keep_together(&mut graphemes);
        let in_arabic: String = graphemes.iter().filter(|(_, c)| *c == arabic).map(|(g, _)| *g).collect();
        assert_eq!(in_arabic, "(أمكلثوم)…");
    }

    #[test]
    fn embedded_font_is_registered_in_every_used_weight() {
        let mut fonts = Fonts::new("en", Installed::Never);
        fonts.embed_as(Weight::BOLD);
        fonts.embed_as(Weight::BOLD);
        fonts.embed_as(NORMAL);
        let mut weights: Vec<u16> = fonts.system.db().faces().map(|face| face.weight.0).collect();
        weights.sort_unstable();
        assert_eq!(weights, [400, 600, 700]);
    }

    #[test]
    fn direction_is_that_of_the_first_letter() {
        assert!(is_rtl("«أنت» Live") && is_rtl("1998 שלום"));
        assert!(!is_rtl("Live (أنت)") && !is_rtl("") && !is_rtl("123"));
    }

    #[test]
    fn chinese_forms_follow_text_and_language() {
        assert_eq!(han_of("夜に駆ける"), Some("ja"));
        assert_eq!(han_of("사랑 愛"), Some("ko"));
        assert_eq!(han_of("青花瓷"), None);
        assert_eq!(han_locale("zh_TW"), "zh-TW");
        assert_eq!(han_locale("zh_cn"), "zh-CN");
        assert_eq!(han_locale("zh-Hans-HK"), "zh-CN");
        assert_eq!(han_locale("zh-Hant-HK"), "zh-HK");
        assert_eq!(han_locale("en"), "zh-CN");
    }
}
