//! The position of a scrolling line, which is too long for its area.
//!
//! There is no clock here: the caller passes how long the text has been shown. A line moves by whole pixels at even
//! intervals, which looks smoother than fractions of pixels at uneven ones, and allows reusing rendered glyphs.

use super::Scroll;

/// From one step to the next, in milliseconds: 20 steps a second.
pub(super) const STEP_MS: u64 = 50;
/// How long a line rests at either end, in milliseconds: time to read what is seen there.
pub(super) const REST_MS: u64 = 2_500;

impl Scroll {
    /// Returns how far a line moves with each step, in pixels. `None` if it doesn't move.
    fn pixels(self) -> Option<u64> {
        match self {
            Scroll::Off => None,
            Scroll::Slow => Some(1),
            Scroll::Normal => Some(2),
            Scroll::Fast => Some(4),
        }
    }
}

/// The scroll position of all lines of a face.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Moment {
    /// Whether the lines move away from their beginnings, rather than back.
    forward: bool,
    /// Pixels since they left the last end.
    moved: u64,
    /// Milliseconds until they are somewhere else.
    pub(super) next_ms: u64,
}

impl Moment {
    /// Where lines are that have been shown for `shown_ms`, the longest of which has `longest` pixels to go. The lines of
    /// one face move together and wait for each other at the ends. None where nothing moves.
    pub(super) fn of(scroll: Scroll, shown_ms: u64, longest: u32) -> Option<Moment> {
        let pixels = scroll.pixels().filter(|_| longest > 0)?;
        let moving_ms = u64::from(longest).div_ceil(pixels) * STEP_MS;
        let half_ms = REST_MS + moving_ms;
        let in_half_ms = shown_ms % half_ms;
        let moved_ms = in_half_ms.saturating_sub(REST_MS);
        Some(Moment {
            forward: (shown_ms / half_ms).is_multiple_of(2),
            moved: moved_ms / STEP_MS * pixels,
            // The step that ends a rest comes one interval after it.
            next_ms: if in_half_ms < REST_MS { REST_MS + STEP_MS - in_half_ms } else { STEP_MS - moved_ms % STEP_MS },
        })
    }

    /// Returns by how many pixels a line has scrolled, if it scrolls by `travel` pixels in total.
    pub(super) fn offset(self, travel: u32) -> u32 {
        let moved = u32::try_from(self.moved).unwrap_or(u32::MAX).min(travel);
        if self.forward { moved } else { travel - moved }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn offset(shown_ms: u64, travel: u32, longest: u32) -> u32 {
        Moment::of(Scroll::Normal, shown_ms, longest).expect("moves").offset(travel)
    }

    #[test]
    fn line_rests_at_both_ends() {
        // 100 pixels are 50 steps of 2: 2.5 s.
        assert_eq!(offset(0, 100, 100), 0);
        assert_eq!(offset(REST_MS, 100, 100), 0);
        assert_eq!(offset(REST_MS + 50, 100, 100), 2);
        assert_eq!(offset(REST_MS + 1_250, 100, 100), 50);
        assert_eq!(offset(REST_MS + 2_500, 100, 100), 100);
        assert_eq!(offset(2 * REST_MS + 2_500, 100, 100), 100);
        assert_eq!(offset(2 * REST_MS + 2_550, 100, 100), 98);
        assert_eq!(offset(2 * (REST_MS + 2_500), 100, 100), 0);
    }

    #[test]
    fn lines_of_one_face_scroll_together() {
        assert_eq!(offset(REST_MS + 1_000, 20, 100), 20);
        assert_eq!(offset(REST_MS + 2_500 + REST_MS, 20, 100), 20);
        assert_eq!(offset(REST_MS + 2_500 + REST_MS + 50, 20, 100), 18);
    }

    #[test]
    fn next_step_is_when_the_offset_changes() {
        for scroll in [Scroll::Slow, Scroll::Normal, Scroll::Fast] {
            let (mut at, mut steps) = (0, 0);
            while at < 30_000 {
                let moment = Moment::of(scroll, at, 77).expect("moves");
                for between in [at + 1, at + moment.next_ms / 2, at + moment.next_ms - 1] {
                    let then = Moment::of(scroll, between, 77).expect("moves");
                    assert_eq!(then.offset(77), moment.offset(77), "{scroll:?} {at} {between}");
                }
                at += moment.next_ms;
                let then = Moment::of(scroll, at, 77).expect("moves");
                // After the last step in a direction, the next moment only starts a rest.
                steps += u32::from(then.offset(77) != moment.offset(77));
            }
            assert!(steps > 70, "{scroll:?}: {steps}");
        }
    }

    #[test]
    fn short_lines_and_scroll_off_do_not_move() {
        assert_eq!(Moment::of(Scroll::Off, 9_000, 100), None);
        assert_eq!(Moment::of(Scroll::Fast, 9_000, 0), None);
    }

    #[test]
    fn moment_accepts_the_longest_time() {
        let moment = Moment::of(Scroll::Slow, u64::MAX, u32::MAX).expect("moves");
        assert!(moment.offset(u32::MAX) > 0 || moment.next_ms > 0);
    }
}
