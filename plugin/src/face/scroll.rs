//! Where a line is that is too long for its place and therefore moves.
//!
//! No clock here: how long the words have been shown comes in from outside. A line moves by whole pixels at even
//! intervals, which looks smoother than fractions of pixels at uneven ones and lets every drawn glyph be used again.

use super::Scroll;

/// From one step to the next, in milliseconds: 20 steps a second.
pub(super) const STEP_MS: u64 = 50;
/// How long a line rests at either end, in milliseconds: time to read what is seen there.
pub(super) const REST_MS: u64 = 2_500;

impl Scroll {
    /// How far a line moves with each step, in pixels; none if it doesn't.
    fn pixels(self) -> Option<u64> {
        match self {
            Scroll::Off => None,
            Scroll::Slow => Some(1),
            Scroll::Normal => Some(2),
            Scroll::Fast => Some(4),
        }
    }
}

/// How far the lines of a face have come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Moment {
    /// Away from the ends where the lines begin, or back to them.
    forth: bool,
    /// Pixels since they left the last end.
    gone: u64,
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
            forth: (shown_ms / half_ms).is_multiple_of(2),
            gone: moved_ms / STEP_MS * pixels,
            // The step that ends a rest comes one interval after it.
            next_ms: if in_half_ms < REST_MS { REST_MS + STEP_MS - in_half_ms } else { STEP_MS - moved_ms % STEP_MS },
        })
    }

    /// How many pixels of its beginning a line has moved out of sight that has `travel` pixels to go in all.
    pub(super) fn offset(self, travel: u32) -> u32 {
        let gone = u32::try_from(self.gone).unwrap_or(u32::MAX).min(travel);
        if self.forth { gone } else { travel - gone }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn offset(shown_ms: u64, travel: u32, longest: u32) -> u32 {
        Moment::of(Scroll::Normal, shown_ms, longest).expect("moves").offset(travel)
    }

    #[test]
    fn a_line_rests_at_both_ends() {
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
    fn lines_of_one_face_leave_together_and_wait_for_each_other() {
        assert_eq!(offset(REST_MS + 1_000, 20, 100), 20);
        assert_eq!(offset(REST_MS + 2_500 + REST_MS, 20, 100), 20);
        assert_eq!(offset(REST_MS + 2_500 + REST_MS + 50, 20, 100), 18);
    }

    #[test]
    fn nothing_is_due_before_it_changes_and_everything_when_it_does() {
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
                // The last step of a way is followed by a rest, which nothing announces but the rest itself.
                steps += u32::from(then.offset(77) != moment.offset(77));
            }
            assert!(steps > 70, "{scroll:?}: {steps}");
        }
    }

    #[test]
    fn off_and_short_lines_stand_still() {
        assert_eq!(Moment::of(Scroll::Off, 9_000, 100), None);
        assert_eq!(Moment::of(Scroll::Fast, 9_000, 0), None);
    }

    #[test]
    fn no_time_is_too_long() {
        let moment = Moment::of(Scroll::Slow, u64::MAX, u32::MAX).expect("moves");
        assert!(moment.offset(u32::MAX) > 0 || moment.next_ms > 0);
    }
}
