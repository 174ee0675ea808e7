//! Pages of the web that packages ask to open: how often they may, so that none floods its user with them.

use std::collections::{HashMap, VecDeque};
use std::time::{Duration, Instant};

/// Pages that one package may ask for within [`WITHIN`].
const MOST: usize = 5;
/// See [`MOST`].
const WITHIN: Duration = Duration::from_secs(10);
/// Characters of an address. Browsers take more, but nobody reads them.
pub const LONGEST: usize = 8192;

/// What packages have asked for lately.
#[derive(Debug, Default)]
pub struct Links {
    packages: HashMap<String, Recent>,
}

#[derive(Debug, Default)]
struct Recent {
    opened: VecDeque<Instant>,
    refused: bool,
}

/// What is to be done with a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It may be opened.
    Open,
    /// Too many: the first that is refused since the last that was not.
    FirstRefused,
    /// Too many.
    Refused,
}

impl Links {
    /// Takes down that a package (its UUID) asks for a page.
    pub fn ask(&mut self, package: &str, now: Instant) -> Verdict {
        let recent = self.packages.entry(package.to_owned()).or_default();
        recent.opened.retain(|then| now.saturating_duration_since(*then) < WITHIN);
        if recent.opened.len() < MOST {
            recent.opened.push_back(now);
            recent.refused = false;
            return Verdict::Open;
        }
        match std::mem::replace(&mut recent.refused, true) {
            false => Verdict::FirstRefused,
            true => Verdict::Refused,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flood_is_refused_with_one_word_and_ends_with_it() {
        let (mut links, start) = (Links::default(), Instant::now());
        let mut ask = |package: &str, seconds: u64| links.ask(package, start + Duration::from_secs(seconds));
        assert!((0..MOST).all(|_| ask("a", 0) == Verdict::Open));
        assert_eq!((ask("a", 1), ask("a", 9)), (Verdict::FirstRefused, Verdict::Refused));
        assert_eq!(ask("b", 1), Verdict::Open, "the others don't notice");
        assert_eq!(ask("a", 10), Verdict::Open);
        assert!((1..MOST).all(|_| ask("a", 10) == Verdict::Open));
        assert_eq!(ask("a", 10), Verdict::FirstRefused);
    }
}
