use super::*;
use crate::spotify::{Device, PlayingType, Repeat, Uri};

const T: u64 = 1_000_000;
const LENGTH_MS: u64 = 60_000;

/// What plays, without its position.
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
        position_ms: 0,
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

/// Reads at so many milliseconds from the beginning: the positions that come of them.
fn reads(answers: &[(u64, u32, bool, Option<u64>)]) -> Vec<u64> {
    let mut before: Option<(Now, Position, u64)> = None;
    let mut positions = Vec::new();
    for (at, number, playing, told_ms) in answers {
        let (now, at_ms) = (item(*number, *playing), T + at);
        let known = before.as_ref().map(|(now, position, at_ms)| Before {
            now,
            position: *position,
            at_ms: *at_ms,
            expected_ms: position.ms + if now.playing { T + at - at_ms } else { 0 },
            skipped_ms: None,
        });
        let position = Position::read(*told_ms, &now, known, at_ms);
        positions.push(position.ms);
        before = Some((now, position, at_ms));
    }
    positions
}

#[test]
fn told_position_is_taken() {
    assert_eq!(
        reads(&[(0, 1, true, Some(5_000)), (8_000, 1, true, Some(13_100)), (9_000, 1, true, Some(2_000))]),
        [5_000, 13_100, 2_000]
    );
    let paused = [(0, 1, false, Some(5_000)), (8_000, 1, false, Some(5_000)), (9_000, 1, true, Some(5_000))];
    assert_eq!(reads(&paused), [5_000, 5_000, 5_000], "what is paused stands still");
}

#[test]
fn position_that_is_never_told_is_reckoned() {
    for told_ms in [None, Some(0), Some(u64::MAX)] {
        let answers = [(0, 1, true, told_ms), (8_000, 1, true, told_ms), (16_000, 1, true, told_ms)];
        assert_eq!(reads(&answers), [0, 8_000, 16_000], "{told_ms:?}");
    }
    let constant = Some(1_234);
    assert_eq!(reads(&[(0, 1, true, constant), (8_000, 1, true, constant)]), [1_234, 9_234]);
}

#[test]
fn reckoned_position_stands_still_while_paused() {
    let never = Some(0);
    let answers = [(0, 1, true, never), (8_000, 1, true, never), (9_000, 1, false, never), (20_000, 1, false, never)];
    assert_eq!(reads(&answers), [0, 8_000, 9_000, 9_000]);
    let answers = [(0, 1, true, never), (8_000, 1, true, never), (9_000, 1, false, never), (20_000, 1, true, never)];
    assert_eq!(reads(&answers), [0, 8_000, 9_000, 9_000], "and goes on from there");
}

#[test]
fn item_that_follows_begins_where_the_one_before_ended() {
    for never in [None, Some(0)] {
        let answers =
            [(0, 1, true, never), (8_000, 1, true, never), (60_350, 2, true, never), (70_000, 2, true, never)];
        assert_eq!(reads(&answers), [0, 8_000, 350, 10_000], "{never:?}");
    }
}

#[test]
fn item_that_was_put_on_elsewhere_begins_when_it_is_seen() {
    let answers = [(0, 1, true, None), (8_000, 1, true, None), (16_000, 2, true, None), (20_000, 2, true, None)];
    assert_eq!(reads(&answers), [0, 8_000, 0, 4_000]);
}

#[test]
fn item_that_is_repeated_begins_again() {
    let never = None;
    let answers = [(0, 1, true, never), (8_000, 1, true, never), (60_500, 1, true, never), (68_000, 1, true, never)];
    assert_eq!(reads(&answers), [0, 8_000, 60_500, 8_000], "reads lag a little at the end");
}

#[test]
fn position_that_is_told_again_is_believed() {
    let answers = [(0, 1, true, Some(0)), (8_000, 1, true, Some(0)), (16_000, 1, true, Some(30_000))];
    assert_eq!(reads(&answers), [0, 8_000, 30_000]);
    let jumpy = [(0, 1, true, Some(30_000)), (8_000, 1, true, Some(30_000)), (16_000, 1, true, Some(46_000))];
    assert_eq!(reads(&jumpy), [30_000, 38_000, 46_000], "told from time to time");
}

#[test]
fn position_beyond_the_end_is_not_told() {
    assert_eq!(reads(&[(0, 1, true, Some(5_000)), (8_000, 1, true, Some(u64::MAX))]), [5_000, 13_000]);
    assert_eq!(reads(&[(0, 1, true, Some(LENGTH_MS + 900))]), [LENGTH_MS]);
}

#[test]
fn begins_again_only_when_the_position_shows_it() {
    assert!(has_begun_again(300, 97_000, 500));
    assert!(!has_begun_again(97_200, 97_300, 500), "it lags");
    assert!(!has_begun_again(90_000, 97_000, 500), "someone has gone back");
    assert!(!has_begun_again(300, 800, 500), "it was at its beginning already");
}
