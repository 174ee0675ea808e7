//! Limits how many pages of the web packages may open, so that none floods its user with them.

use std::collections::{HashMap, VecDeque};
use std::time::{Duration, Instant};

/// Pages that one package may open within [`WINDOW`].
const MAX_PAGES: usize = 5;
/// See [`MAX_PAGES`].
const WINDOW: Duration = Duration::from_secs(10);
/// Characters of an address. Browsers accept longer ones, but no user can check them.
pub const MAX_LEN: usize = 8192;

/// Recent requests of packages.
#[derive(Debug, Default)]
pub struct Links {
    packages: HashMap<String, Recent>,
}

#[derive(Debug, Default)]
struct Recent {
    opened: VecDeque<Instant>,
    refused: bool,
}

/// The answer to a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It may be opened.
    Open,
    /// Too many: the first one that is refused in a row.
    FirstRefused,
    /// Too many.
    Refused,
}

impl Links {
    /// Records the request of a package, by its UUID.
    pub fn request(&mut self, package: &str, now: Instant) -> Verdict {
        let recent = self.packages.entry(package.to_owned()).or_default();
        recent.opened.retain(|then| now.saturating_duration_since(*then) < WINDOW);
        if recent.opened.len() < MAX_PAGES {
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
    fn flood_of_links_is_refused_until_it_ends() {
        let (mut links, start) = (Links::default(), Instant::now());
        let mut ask = |package: &str, seconds: u64| links.request(package, start + Duration::from_secs(seconds));
        assert!((0..MAX_PAGES).all(|_| ask("a", 0) == Verdict::Open));
        assert_eq!((ask("a", 1), ask("a", 9)), (Verdict::FirstRefused, Verdict::Refused));
        assert_eq!(ask("b", 1), Verdict::Open, "the others don't notice");
        assert_eq!(ask("a", 10), Verdict::Open);
        assert!((1..MAX_PAGES).all(|_| ask("a", 10) == Verdict::Open));
        assert_eq!(ask("a", 10), Verdict::FirstRefused);
    }
}
