//! Text that users paste: a link that may be quoted, part of a sentence, or contain invisible characters.

use std::ops::RangeInclusive;

/// Longest text that is searched, in bytes.
pub(crate) const MAX_LENGTH: usize = 16_384;

/// The characters that enclose or separate links, in addition to white space.
const DELIMITERS: &str = "\"'`<>()[]{}|,;«»‹›„“”‚‘’「」『』【】《》〈〉";

/// Normalizes a text: replaces fullwidth characters, and removes backslashes (as in JSON's `\/`) and invisible characters.
/// White space stays.
pub(crate) fn plain(text: &str) -> String {
    text.chars().filter(|character| !is_invisible(*character)).map(narrow).collect()
}

/// Returns the parts of a text that may be a link, from left to right.
pub(crate) fn parts(text: &str) -> impl Iterator<Item = &str> {
    let parts = text.split(|character: char| character.is_whitespace() || DELIMITERS.contains(character));
    parts.filter(|part| !part.is_empty())
}

/// Characters without a glyph: soft hyphens and zero-width ones, direction marks, joiners, variation selectors.
const INVISIBLE: [RangeInclusive<char>; 9] = [
    '\u{ad}'..='\u{ad}',
    '\u{34f}'..='\u{34f}',
    '\u{61c}'..='\u{61c}',
    '\u{180e}'..='\u{180e}',
    '\u{200b}'..='\u{200f}',
    '\u{202a}'..='\u{202e}',
    '\u{2060}'..='\u{206f}',
    '\u{fe00}'..='\u{fe0f}',
    '\u{feff}'..='\u{feff}',
];

fn is_invisible(character: char) -> bool {
    let is_control = character.is_control() && !character.is_whitespace();
    is_control || character == '\\' || INVISIBLE.iter().any(|range| range.contains(&character))
}

fn narrow(character: char) -> char {
    match character {
        '\u{ff01}'..='\u{ff5e}' => char::from_u32(u32::from(character) - 0xfee0).unwrap_or(character),
        other => other,
    }
}
