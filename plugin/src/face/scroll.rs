//! The position of a scrolling line, which is too long for its area.
//!
//! There is no clock here: the caller passes how long the text has been shown. A line moves by whole pixels at even
//! intervals, which looks smoother than fractions of pixels at uneven ones, and allows reusing rendered glyphs.

use std::time::Duration;

use super::Scroll;

/// From one step to the next: 20 steps a second.
pub(super) const STEP: Duration = Duration::from_millis(50);
/// How long a line rests at either end: time to read what is seen there.
pub(super) const REST: Duration = Duration::from_millis(2_500);

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
pub(super) struct ScrollPosition {
    /// Whether the lines move away from their beginnings, rather than back.
    forward: bool,
    /// Pixels since they left the last end.
    moved: u64,
    /// After what time they are somewhere else.
    pub(super) next_in: Duration,
}

impl ScrollPosition {
    /// Where lines are that have been shown for so long, the longest of which has `longest` pixels to go. The lines of one face
    /// move together and wait for each other at the ends. None where nothing moves.
    pub(super) fn of(scroll: Scroll, shown_for: Duration, longest: u32) -> Option<ScrollPosition> {
        let pixels = scroll.pixels().filter(|_| longest > 0)?;
        let step = STEP.as_nanos();
        let half = REST.as_nanos() + u128::from(u64::from(longest).div_ceil(pixels)) * step;
        let in_half = shown_for.as_nanos() % half;
        let moving = in_half.saturating_sub(REST.as_nanos());
        // The step that ends a rest comes one interval after it.
        let next = if in_half < REST.as_nanos() { REST.as_nanos() + step - in_half } else { step - moving % step };
        Some(ScrollPosition {
            forward: (shown_for.as_nanos() / half).is_multiple_of(2),
            moved: u64::try_from(moving / step).unwrap_or(u64::MAX).saturating_mul(pixels),
            next_in: Duration::from_nanos(u64::try_from(next).unwrap_or(u64::MAX)),
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

    const MS: Duration = Duration::from_millis(1);

    fn offset(shown_for: Duration, travel: u32, longest: u32) -> u32 {
        ScrollPosition::of(Scroll::Normal, shown_for, longest).expect("moves").offset(travel)
    }

    #[test]
    fn line_rests_at_both_ends() {
        // 100 pixels are 50 steps of 2: 2.5 s.
        assert_eq!(offset(Duration::ZERO, 100, 100), 0);
        assert_eq!(offset(REST, 100, 100), 0);
        assert_eq!(offset(REST + MS * 50, 100, 100), 2);
        assert_eq!(offset(REST + MS * 1_250, 100, 100), 50);
        assert_eq!(offset(REST + MS * 2_500, 100, 100), 100);
        assert_eq!(offset(REST * 2 + MS * 2_500, 100, 100), 100);
        assert_eq!(offset(REST * 2 + MS * 2_550, 100, 100), 98);
        assert_eq!(offset((REST + MS * 2_500) * 2, 100, 100), 0);
    }

    #[test]
    fn lines_of_one_face_scroll_together() {
        assert_eq!(offset(REST + MS * 1_000, 20, 100), 20);
        assert_eq!(offset(REST + MS * 2_500 + REST, 20, 100), 20);
        assert_eq!(offset(REST + MS * 2_500 + REST + MS * 50, 20, 100), 18);
    }

    #[test]
    fn next_step_is_when_the_offset_changes() {
        for scroll in [Scroll::Slow, Scroll::Normal, Scroll::Fast] {
            let (mut at, mut steps) = (Duration::ZERO, 0);
            while at < MS * 30_000 {
                let moment = ScrollPosition::of(scroll, at, 77).expect("moves");
                for between in [at + MS, at + moment.next_in / 2, at + moment.next_in - MS] {
                    let then = ScrollPosition::of(scroll, between, 77).expect("moves");
                    assert_eq!(then.offset(77), moment.offset(77), "{scroll:?} {at:?} {between:?}");
                }
                at += moment.next_in;
                let then = ScrollPosition::of(scroll, at, 77).expect("moves");
                // After the last step in a direction, the next moment only starts a rest.
                steps += u32::from(then.offset(77) != moment.offset(77));
            }
            assert!(steps > 70, "{scroll:?}: {steps}");
        }
    }

    #[test]
    fn off_and_short_lines_stand_still() {
        assert_eq!(ScrollPosition::of(Scroll::Off, MS * 9_000, 100), None);
        assert_eq!(ScrollPosition::of(Scroll::Fast, MS * 9_000, 0), None);
    }

    #[test]
    fn no_time_is_too_long() {
        let moment = ScrollPosition::of(Scroll::Slow, Duration::MAX, u32::MAX).expect("moves");
        assert!(moment.offset(u32::MAX) > 0 || moment.next_in > Duration::ZERO);
    }
}
