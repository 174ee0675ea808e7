//! The search for characters in the system's fonts.
//!
//! Reading the list of fonts takes some 10 to 100 ms, and a search for a character that no font has opens all of them. Both
//! happen on a separate thread, which is started for the first character that the embedded font lacks; meanwhile faces are
//! drawn with the fonts at hand. Each font is opened once to read which characters it has.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::mpsc as blocking;

use cosmic_text::fontdb::{Database, FaceInfo, ID, Stretch, Style, Weight};
use cosmic_text::skrifa::{FontRef, charmap::Charmap};
use cosmic_text::{Fallback as _, PlatformFallback};
use tokio::sync::mpsc;
use unicode_script::{Script, UnicodeScript};

/// A grapheme whose font is searched for.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Wanted {
    pub(super) grapheme: Box<str>,
    pub(super) weight: Weight,
    /// The regional forms of Chinese characters to use.
    pub(super) han: &'static str,
}

/// The criteria of the choice. Graphemes of the same kind should be shown in the same font.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Kind {
    script: Option<Script>,
    emoji: bool,
    weight: Weight,
    han: &'static str,
}

impl Wanted {
    pub(super) fn kind(&self) -> Kind {
        let scripts = self.grapheme.chars().map(|c| c.script());
        let script = { scripts }.find(|script| !matches!(script, Script::Common | Script::Inherited));
        Kind { script, emoji: is_emoji(&self.grapheme), weight: self.weight, han: self.han }
    }
}

/// A font that has a grapheme.
#[derive(Clone)]
pub(super) struct Found {
    pub(super) face: FaceInfo,
    pub(super) coverage: Arc<Coverage>,
}

/// The result of a search: a font for each grapheme, or `None` if no font has it.
pub(super) type Answer = Vec<(Wanted, Option<Found>)>;

/// Reads the list of fonts.
pub(super) type List = fn() -> Database;

/// The handle of the search thread. Dropping it ends the thread.
pub(super) enum Installed {
    /// Searching is disabled, for pictures that are the same on every machine, or has failed.
    Never,
    /// No grapheme has been searched for yet.
    Unread(List),
    /// The thread is running.
    Thread { questions: blocking::SyncSender<Vec<Wanted>>, answers: mpsc::Receiver<Answer> },
}

impl Installed {
    /// Capacity of the channels. A search that doesn't fit is repeated with the next drawing.
    const CAPACITY: usize = 64;

    /// Searches the system's fonts.
    pub(super) fn system() -> Installed {
        Installed::Unread(|| {
            let mut database = Database::new();
            database.load_system_fonts();
            database
        })
    }

    /// Starts a search. Returns whether an answer will follow.
    pub(super) fn search(&mut self, wanted: Vec<Wanted>) -> bool {
        if let Installed::Unread(list) = self {
            *self = start(*list);
        }
        let Installed::Thread { questions, .. } = self else { return false };
        match questions.try_send(wanted) {
            Ok(()) => true,
            Err(blocking::TrySendError::Full(_)) => false,
            Err(blocking::TrySendError::Disconnected(_)) => {
                self.give_up();
                false
            }
        }
    }

    /// Waits for the next answer. Cancel-safe.
    pub(super) async fn answer(&mut self) -> Answer {
        let answer = match self {
            Installed::Thread { answers, .. } => answers.recv().await,
            Installed::Never | Installed::Unread(_) => std::future::pending().await,
        };
        answer.unwrap_or_else(|| self.give_up())
    }

    /// Blocks until the next answer.
    #[cfg(test)]
    pub(super) fn wait(&mut self) -> Answer {
        let Installed::Thread { answers, .. } = self else { return Answer::new() };
        answers.blocking_recv().unwrap_or_else(|| self.give_up())
    }

    /// Handles a panic of the thread, perhaps because of a damaged font. The embedded font remains usable.
    fn give_up(&mut self) -> Answer {
        tracing::warn!("the thread that searches the system's fonts has ended; only the embedded font is used");
        *self = Installed::Never;
        Answer::new()
    }
}

fn start(list: List) -> Installed {
    let (questions, inbox) = blocking::sync_channel::<Vec<Wanted>>(Installed::CAPACITY);
    let (outbox, answers) = mpsc::channel(Installed::CAPACITY);
    let work = move || {
        let mut fonts = Faces { database: list(), coverages: HashMap::new() };
        tracing::debug!(faces = fonts.database.len(), "the list of the system's fonts has been read");
        while let Ok(wanted) = inbox.recv() {
            let answer =
                wanted.into_iter().map(|wanted| (fonts.best(&wanted), wanted)).map(|(found, wanted)| (wanted, found));
            if outbox.blocking_send(answer.collect()).is_err() {
                return;
            }
        }
    };
    match std::thread::Builder::new().name("fonts".to_owned()).spawn(work) {
        Ok(_) => Installed::Thread { questions, answers },
        Err(error) => {
            tracing::warn!(%error, "the system's fonts can't be searched");
            Installed::Never
        }
    }
}

/// The list of fonts, owned by the thread.
struct Faces {
    database: Database,
    /// The coverage of the fonts that were opened.
    coverages: HashMap<ID, Arc<Coverage>>,
}

impl Faces {
    /// Returns the best face that has a grapheme, if any.
    fn best(&mut self, wanted: &Wanted) -> Option<Found> {
        let kind = wanted.kind();
        let platform = PlatformFallback;
        let preferred: Vec<&str> = kind
            .emoji
            .then_some(EMOJI)
            .into_iter()
            .flatten()
            .chain(kind.script.map_or(&[][..], |script| platform.script_fallback(script, kind.han)))
            .chain(platform.common_fallback())
            .copied()
            .collect();

        // Preferred families first, then regular sans-serif ones, then condensed, slanted and unusual ones.
        let mut faces: Vec<(_, &FaceInfo)> = self
            .database
            .faces()
            .map(|face| {
                let family = |name: &&str| face.families.iter().any(|(own, _)| own == name);
                let rank = preferred.iter().position(family).unwrap_or(usize::MAX);
                let name = &face.post_script_name;
                let unusual = face.style != Style::Normal
                    || face.stretch != Stretch::Normal
                    || face.monospaced
                    || name.contains("Serif")
                    || name.contains("Emoji") != kind.emoji;
                let lighter = face.weight.0 < kind.weight.0;
                let difference = face.weight.0.abs_diff(kind.weight.0);
                ((rank, unusual, difference, lighter, name, face.id), face)
            })
            .collect();
        faces.sort_unstable_by_key(|(key, _)| *key);
        faces.into_iter().find_map(|(_, face)| {
            let coverage = self.coverages.entry(face.id).or_insert_with(|| {
                let read = |data: &[u8], index| Coverage::from_file(data, index);
                Arc::new(self.database.with_face_data(face.id, read).unwrap_or_default())
            });
            coverage.has(&wanted.grapheme).then(|| Found { face: face.clone(), coverage: coverage.clone() })
        })
    }
}

/// The characters of a font: a bit set for each block of 256 characters that it has any of, in order.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Coverage(Vec<(u32, [u64; 4])>);

impl Coverage {
    /// Upper bound of the mappings that are read, the number of code points: a damaged font may claim any number.
    const MAX_MAPPINGS: usize = 0x11_0000;

    /// Reads the coverage of the font in a file; empty if the file can't be read.
    pub(super) fn from_file(file: &[u8], index: u32) -> Coverage {
        let Ok(font) = FontRef::from_index(file, index) else { return Coverage::default() };
        let mut blocks: Vec<(u32, [u64; 4])> = Vec::new();
        for (c, _) in Charmap::new(&font).mappings().take(Self::MAX_MAPPINGS).filter(|(c, _)| *c < 0x11_0000) {
            // They are in order, except in damaged fonts.
            let index = match blocks.last() {
                Some((last, _)) if *last == c >> 8 => blocks.len() - 1,
                _ => blocks.binary_search_by_key(&(c >> 8), |(block, _)| *block).unwrap_or_else(|index| {
                    blocks.insert(index, (c >> 8, [0; 4]));
                    index
                }),
            };
            blocks[index].1[(c >> 6 & 3) as usize] |= 1 << (c & 63);
        }
        Coverage(blocks)
    }

    fn has_char(&self, c: char) -> bool {
        let c = u32::from(c);
        let block = self.0.binary_search_by_key(&(c >> 8), |(block, _)| *block);
        block.is_ok_and(|index| self.0[index].1[(c >> 6 & 3) as usize] >> (c & 63) & 1 == 1)
    }

    /// Returns whether there is a glyph for every visible character of a grapheme.
    pub(super) fn has(&self, grapheme: &str) -> bool {
        grapheme.chars().filter(|&c| !is_ignorable(c)).all(|c| self.has_char(c))
    }
}

/// The colour fonts of the three systems.
const EMOJI: &[&str] = &["Noto Color Emoji", "Segoe UI Emoji", "Apple Color Emoji"];

/// Returns whether a character only controls shaping and has no glyph.
pub(super) fn is_ignorable(c: char) -> bool {
    matches!(c,
        '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}'
        | '\u{2060}'..='\u{206f}' | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{e0000}'..='\u{e0fff}')
}

/// Returns whether a grapheme is shown in colour: it has a variation selector or keycap, or is a pictograph.
pub(super) fn is_emoji(grapheme: &str) -> bool {
    let pictograph = |c: char| {
        matches!(c, '\u{1f000}'..='\u{1faff}' | '\u{2614}' | '\u{2615}' | '\u{2648}'..='\u{2653}'
            | '\u{26a1}' | '\u{26bd}' | '\u{26be}' | '\u{2728}' | '\u{274c}' | '\u{2753}'..='\u{2755}'
            | '\u{2b50}')
    };
    !grapheme.contains('\u{fe0e}') && (grapheme.contains(['\u{fe0f}', '\u{20e3}']) || grapheme.chars().any(pictograph))
}

/// Fonts for tests.
#[cfg(test)]
pub(super) mod testing {
    use cosmic_text::fontdb::Source;

    use super::*;
    use crate::face::fonts::REGULAR;

    /// Returns the embedded font under another name of five letters, with a square for each of these characters and nothing
    /// else.
    pub(in super::super) fn font(family: &str, characters: &[char]) -> Vec<u8> {
        let number = |at: usize| u16::from_be_bytes([REGULAR[at], REGULAR[at + 1]]);
        let long = |at: usize| u32::from_be_bytes(REGULAR[at..at + 4].try_into().expect("four")) as usize;
        let square = FontRef::new(REGULAR).map(|font| Charmap::new(&font).map('\u{25a1}')).expect("a font");
        let glyph = square.expect("a square").to_u32();
        // Format 12: groups of a first character, a last one, and the first one's glyph.
        let mut characters = characters.to_vec();
        characters.sort_unstable();
        let groups = characters.iter().flat_map(|c| [u32::from(*c), u32::from(*c), glyph]);
        let groups: Vec<u8> = groups.flat_map(u32::to_be_bytes).collect();
        let length = 16 + groups.len() as u32;
        let mut cmap = vec![0, 0, 0, 1, 0, 3, 0, 10, 0, 0, 0, 12, 0, 12, 0, 0];
        cmap.extend([length, 0, characters.len() as u32].into_iter().flat_map(u32::to_be_bytes));
        cmap.extend(groups);

        let tables = usize::from(number(4));
        let (mut directory, mut content) = (REGULAR[..12].to_vec(), Vec::new());
        for record in (0..tables).map(|table| 12 + 16 * table) {
            let (tag, begin) = (&REGULAR[record..record + 4], long(record + 8));
            let mut table = REGULAR[begin..begin + long(record + 12)].to_vec();
            match tag {
                b"cmap" => table.clone_from(&cmap),
                // In ASCII and in UTF-16.
                b"name" => {
                    let wide = |text: &str| text.encode_utf16().flat_map(u16::to_be_bytes).collect::<Vec<u8>>();
                    replace(&mut table, b"Inter", family.as_bytes());
                    replace(&mut table, &wide("Inter"), &wide(family));
                }
                _ => {}
            }
            directory.extend(tag);
            directory.extend([0; 4]);
            directory.extend((12 + 16 * tables + content.len()).to_be_bytes()[4..].iter());
            directory.extend((table.len() as u32).to_be_bytes());
            content.extend(table);
            content.resize(content.len().next_multiple_of(4), 0);
        }
        [directory, content].concat()
    }

    fn replace(text: &mut [u8], one: &[u8], other: &[u8]) {
        assert_eq!(one.len(), other.len());
        for at in 0..text.len().saturating_sub(one.len()) {
            if text[at..].starts_with(one) {
                text[at..at + one.len()].copy_from_slice(other);
            }
        }
    }

    /// Returns two fonts, one with Chinese and one with Georgian characters.
    pub(in super::super) fn fonts() -> Database {
        let mut database = Database::new();
        for (family, characters) in [("Hanzi", &['漢', '字'][..]), ("Mkhed", &['ა', 'ბ'])] {
            database.load_font_source(Source::Binary(Arc::new(font(family, characters))));
        }
        assert_eq!(database.len(), 2);
        database
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wanted(grapheme: &str) -> Wanted {
        Wanted { grapheme: grapheme.into(), weight: Weight::NORMAL, han: "zh-CN" }
    }

    #[test]
    fn fonts_are_found_by_their_coverage() {
        let mut faces = Faces { database: testing::fonts(), coverages: HashMap::new() };
        let mut family = |grapheme| faces.best(&wanted(grapheme)).map(|found| found.face.families[0].0.clone());
        assert_eq!(family("漢").as_deref(), Some("Hanzi"));
        assert_eq!(family("ბ").as_deref(), Some("Mkhed"));
        assert_eq!(family("漢\u{fe0e}").as_deref(), Some("Hanzi"), "a selector needs no glyph");
        assert_eq!(family("漢ბ"), None);
        assert_eq!(family("語"), None);
    }

    #[test]
    fn font_is_opened_once() {
        let folder = tempfile::tempdir().expect("folder");
        let file = folder.path().join("font.otf");
        std::fs::write(&file, testing::font("Hanzi", &['漢'])).expect("written");
        let mut database = Database::new();
        database.load_font_file(&file).expect("a font");
        let mut faces = Faces { database, coverages: HashMap::new() };
        assert!(faces.best(&wanted("字")).is_none());
        std::fs::remove_file(&file).expect("removed");
        assert!(faces.best(&wanted("漢")).is_some(), "the coverage is cached");
        assert!(faces.best(&wanted("語")).is_none());
    }

    #[test]
    fn damaged_font_covers_nothing() {
        let font = testing::font("Hanzi", &['漢']);
        for length in (0..font.len()).step_by(997) {
            let _ = Coverage::from_file(&font[..length], 0);
        }
        assert_eq!(Coverage::from_file(b"no font", 0), Coverage::default());
        assert_eq!(Coverage::from_file(&font, 7), Coverage::default());
    }

    #[test]
    fn coverage_matches_the_fonts_mappings() {
        let font = testing::font("Hanzi", &['\u{e000}', 'a', '\u{10fffd}', '漢']);
        let coverage = Coverage::from_file(&font, 0);
        for c in ['a', '漢', '\u{e000}', '\u{10fffd}'] {
            assert!(coverage.has_char(c), "{c:?}");
        }
        assert!(['b', '\0', '字', '\u{10fffc}'].into_iter().all(|c| !coverage.has_char(c)));
    }

    #[test]
    fn emoji_are_distinguished_from_symbols() {
        for emoji in ["😀", "❤\u{fe0f}", "1\u{fe0f}\u{20e3}", "🇯🇵", "👩‍🎤"] {
            assert!(is_emoji(emoji), "{emoji}");
        }
        for other in ["❤\u{fe0e}", "a", "漢", "♪", "★"] {
            assert!(!is_emoji(other), "{other}");
        }
    }
}
