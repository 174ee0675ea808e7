//! The queue, without repetitions.
//!
//! Spotify's queue is cyclic: after the last item of a context the first ones follow again, even if repeat is off, and a single
//! track is listed ten or twenty times. Only the first round is shown.

use super::snapshot::Track;

/// Truncates a queue after its first round. Items before the cycle, such as those that the user has queued, stay.
pub(super) fn first_round(mut queue: Vec<Track>) -> Vec<Track> {
    let rounds = (1..queue.len()).filter_map(|length| round_of(&queue, length));
    if let Some(end) = rounds.min() {
        queue.truncate(end);
    }
    queue
}

/// Returns where the first round of `length` items ends, if the queue ends with at least two such rounds. A single item has to
/// come three times, as a list may contain it twice in a row.
fn round_of(queue: &[Track], length: usize) -> Option<usize> {
    let repeats = |(item, later): &(&Track, &Track)| is_same(item, later);
    let repeated = queue.iter().rev().skip(length).zip(queue.iter().rev()).take_while(repeats).count();
    let least = if length == 1 { 2 } else { length };
    let begin = queue.len().checked_sub(length.checked_add(repeated)?)?;
    (repeated >= least).then(|| begin.saturating_add(length))
}

fn is_same(one: &Track, other: &Track) -> bool {
    one.uri == other.uri && (one.uri.is_some() || (one.title == other.title && one.byline == other.byline))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::spotify::{Item, Uri};

    /// A queue with an item for each letter, cut after its first round.
    fn shown(letters: &str) -> String {
        let track = |letter: char| {
            let uri = Uri::from_spotify(&format!("spotify:track:{letter}"));
            Track::of(&Item { uri, name: letter.to_string(), ..Item::default() })
        };
        first_round(letters.chars().map(track).collect()).into_iter().map(|track| track.title).collect()
    }

    #[test]
    fn queue_is_shown_to_its_first_round() {
        for (queue, round) in [
            ("ABCABC", "ABC"),
            ("ABCABCAB", "ABC"),
            ("AAAAAAAAAA", "A"),
            ("ABABABABAB", "AB"),
            ("ABCDEFGHIJABCDEFGHIJ", "ABCDEFGHIJ"),
        ] {
            assert_eq!(shown(queue), round, "{queue}");
        }
    }

    #[test]
    fn queued_items_precede_the_round() {
        for (queue, round) in [("XABCABC", "XABC"), ("XYAAAA", "XYA"), ("AXBCAXBCAXBC", "AXBC"), ("AABCABC", "AABC")] {
            assert_eq!(shown(queue), round, "{queue}");
        }
    }

    #[test]
    fn acyclic_queue_is_shown_unchanged() {
        for queue in ["", "A", "AA", "AB", "ABC", "AAB", "ABCA", "ABAC", "ABCDEFGHIJKLMNOPQRST", "ABBA", "XABCAB"] {
            assert_eq!(shown(queue), queue);
        }
    }

    #[test]
    fn items_without_a_uri_are_compared_by_their_titles() {
        let local = |title: &str| Track::of(&Item { name: title.to_owned(), is_local: true, ..Item::default() });
        let different = vec![local("A"), local("B"), local("C")];
        assert_eq!(first_round(different.clone()), different);
        assert_eq!(first_round(vec![local("A"), local("A"), local("A")]), [local("A")]);
    }
}
