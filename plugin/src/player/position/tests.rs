use super::*;
use crate::player::testing::{instant, ms};
use crate::spotify::{Device, PlayingType, Repeat, Uri};
use crate::unix_time::millis;

const LENGTH_MS: u64 = 60_000;

/// Returns a playback state without a position.
fn item(number: u32, playing: bool) -> Now {
    let track = crate::player::Track::of(&crate::spotify::Item {
        uri: Uri::from_spotify(&format!("spotify:track:{number}")),
        duration_ms: LENGTH_MS,
        ..Default::default()
    });
    Now {
        playing,
        track: Some(track),
        kind: PlayingType::Track,
        context: None,
        recommended: false,
        position: Duration::ZERO,
        volume: None,
        steps_from: None,
        smart_shuffle: false,
        shuffle: false,
        repeat: Repeat::Off,
        disallows: crate::spotify::Disallows::default(),
        device: Device::default(),
        skipping: false,
    }
}

/// Derives positions from answers at times in milliseconds.
fn reads(answers: &[(u64, u32, bool, Option<u64>)]) -> Vec<u64> {
    let mut before: Option<(Now, Position, Instant)> = None;
    let mut positions = Vec::new();
    for (at_ms, number, playing, reported_ms) in answers {
        let (now, at) = (item(*number, *playing), instant(*at_ms));
        let known = before.as_ref().map(|(now, position, before_at)| Before {
            now,
            position: *position,
            at: *before_at,
            expected: position.offset + if now.playing { at - *before_at } else { Duration::ZERO },
            skipped_at: None,
        });
        let position = Position::read(reported_ms.map(ms), &now, known, at);
        positions.push(millis(position.offset));
        before = Some((now, position, at));
    }
    positions
}

#[test]
fn reported_position_is_taken() {
    assert_eq!(
        reads(&[(0, 1, true, Some(5_000)), (8_000, 1, true, Some(13_100)), (9_000, 1, true, Some(2_000))]),
        [5_000, 13_100, 2_000]
    );
    let paused = [(0, 1, false, Some(5_000)), (8_000, 1, false, Some(5_000)), (9_000, 1, true, Some(5_000))];
    assert_eq!(reads(&paused), [5_000, 5_000, 5_000], "a paused position stands still");
}

#[test]
fn position_that_is_never_reported_is_estimated() {
    for reported_ms in [None, Some(0), Some(u64::MAX)] {
        let answers = [(0, 1, true, reported_ms), (8_000, 1, true, reported_ms), (16_000, 1, true, reported_ms)];
        assert_eq!(reads(&answers), [0, 8_000, 16_000], "{reported_ms:?}");
    }
    let constant = Some(1_234);
    assert_eq!(reads(&[(0, 1, true, constant), (8_000, 1, true, constant)]), [1_234, 9_234]);
}

#[test]
fn estimated_position_stands_still_while_paused() {
    let never = Some(0);
    let answers = [(0, 1, true, never), (8_000, 1, true, never), (9_000, 1, false, never), (20_000, 1, false, never)];
    assert_eq!(reads(&answers), [0, 8_000, 9_000, 9_000]);
    let answers = [(0, 1, true, never), (8_000, 1, true, never), (9_000, 1, false, never), (20_000, 1, true, never)];
    assert_eq!(reads(&answers), [0, 8_000, 9_000, 9_000], "it resumes from there");
}

#[test]
fn next_item_begins_where_the_one_before_ended() {
    for never in [None, Some(0)] {
        let answers =
            [(0, 1, true, never), (8_000, 1, true, never), (60_350, 2, true, never), (70_000, 2, true, never)];
        assert_eq!(reads(&answers), [0, 8_000, 350, 10_000], "{never:?}");
    }
}

#[test]
fn item_started_elsewhere_begins_when_it_is_seen() {
    let answers = [(0, 1, true, None), (8_000, 1, true, None), (16_000, 2, true, None), (20_000, 2, true, None)];
    assert_eq!(reads(&answers), [0, 8_000, 0, 4_000]);
}

#[test]
fn repeated_item_begins_again() {
    let never = None;
    let answers = [(0, 1, true, never), (8_000, 1, true, never), (60_500, 1, true, never), (68_000, 1, true, never)];
    assert_eq!(reads(&answers), [0, 8_000, 60_500, 8_000], "answers lag a little at the end");
}

#[test]
fn position_that_is_reported_again_is_taken() {
    let answers = [(0, 1, true, Some(0)), (8_000, 1, true, Some(0)), (16_000, 1, true, Some(30_000))];
    assert_eq!(reads(&answers), [0, 8_000, 30_000]);
    let jumpy = [(0, 1, true, Some(30_000)), (8_000, 1, true, Some(30_000)), (16_000, 1, true, Some(46_000))];
    assert_eq!(reads(&jumpy), [30_000, 38_000, 46_000], "reported from time to time");
}

#[test]
fn position_beyond_the_end_is_ignored() {
    assert_eq!(reads(&[(0, 1, true, Some(5_000)), (8_000, 1, true, Some(u64::MAX))]), [5_000, 13_000]);
    assert_eq!(reads(&[(0, 1, true, Some(LENGTH_MS + 900))]), [LENGTH_MS]);
}

#[test]
fn item_begins_again_only_if_the_position_shows_it() {
    assert!(has_restarted(ms(300), ms(97_000), ms(500)));
    assert!(!has_restarted(ms(97_200), ms(97_300), ms(500)), "the answer lags");
    assert!(!has_restarted(ms(90_000), ms(97_000), ms(500)), "the user has sought backward");
    assert!(!has_restarted(ms(300), ms(800), ms(500)), "it was at its beginning already");
}
