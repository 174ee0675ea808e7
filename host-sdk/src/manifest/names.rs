//! Makes names of packages and widgets safe to show within other text: they come from untrusted packages.

/// Maximum length of a name in characters. Far more than fits anywhere.
const MAX_LENGTH: usize = 200;

/// Returns whether a character is invisible and changes the text around it: control characters, line and paragraph
/// separators, the characters that embed, override or isolate a text direction, and those without width.
///
/// The joiners of emoji and of some scripts are not disruptive, nor are the direction marks that such scripts need.
#[must_use]
pub fn is_disruptive(c: char) -> bool {
    c.is_control()
        || matches!(
            c,
            '\u{2028}' | '\u{2029}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{200b}' | '\u{feff}'
        )
}

/// Returns the text without [disruptive](is_disruptive) characters, as one line of at most 200 characters.
#[must_use]
pub fn single_line(text: &str) -> String {
    let is_space = |c: char| c.is_whitespace() || matches!(c, '\u{2028}' | '\u{2029}');
    let words = text.split(is_space).map(without_disruptive).filter(|word| !word.is_empty());
    let mut line = words.collect::<Vec<_>>().join(" ");
    if let Some((end, _)) = line.char_indices().nth(MAX_LENGTH) {
        line.truncate(end);
        line.push('…');
    }
    line
}

/// Returns the text without [disruptive](is_disruptive) characters, except line breaks and tabs.
#[must_use]
pub fn without_disruptive(text: &str) -> String {
    text.chars().filter(|c| matches!(c, '\n' | '\t') || !is_disruptive(*c)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn single_line_has_only_visible_characters() {
        for (name, expected) in [
            ("Play \u{202e}esuaP", "Play esuaP"),
            ("  two\r\nlines\u{2028}and\ttabs ", "two lines and tabs"),
            ("\u{2066}\u{2069}\u{7}\u{9b}31m", "31m"),
            ("\u{5e2}\u{5d1}\u{5e8}\u{5d9}\u{5ea}\u{200f}!", "\u{5e2}\u{5d1}\u{5e8}\u{5d9}\u{5ea}\u{200f}!"),
            ("\u{1f469}\u{200d}\u{1f3a4}", "\u{1f469}\u{200d}\u{1f3a4}"),
            ("a b", "a b"),
            ("", ""),
        ] {
            assert_eq!(single_line(name), expected);
        }
        assert_eq!(single_line(&"é".repeat(201)), format!("{}…", "é".repeat(200)));
        assert_eq!(without_disruptive("a\n\u{202e}b"), "a\nb");
    }
}
