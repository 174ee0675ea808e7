//! Gesture recognition: turns key-down and key-up events into a press, a long press, a double press, or a press that repeats
//! while the key is held. It has neither clock nor timer, but returns when [`Finger::on_tick`] is due.
//!
//! A key with neither a long nor a double press reacts as soon as it goes down. A key with a long press reacts when it comes up
//! early, and a key with a double press when no second press has followed in time.

use std::time::Duration;

use tokio::time::Instant;

/// A press of this length or more is a long press.
const LONG: Duration = Duration::from_millis(500);
/// The second press of a double press follows the release of the first within this.
const DOUBLE: Duration = Duration::from_millis(300);
/// The interval at which a held key repeats.
const REPEAT: Duration = Duration::from_millis(250);
/// A key stops repeating after this: its release message was probably lost.
const MAX_HOLD: Duration = Duration::from_secs(15);

/// Which gestures a key has in addition to a press.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct GestureConfig {
    /// It has a long press.
    pub long: bool,
    /// It has a double press.
    pub double: bool,
    /// A held key repeats its press. Takes precedence over a long press.
    pub repeats: bool,
}

/// A recognised gesture.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Gesture {
    /// A press, or a repetition of it by a held key.
    Press,
    /// A long press.
    Long,
    /// Two presses in quick succession.
    Double,
}

/// The state of a gesture on one key.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Finger {
    state: State,
    /// Whether the key went down since its last trigger, so that the next trigger belongs to a press already handled.
    went_down: bool,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum State {
    #[default]
    Off,
    /// It is down, and no gesture is complete. `second`: it may be the second of two presses.
    Down { since: Instant, second: bool },
    /// It is down, and its gesture is complete.
    Done,
    /// It is down and repeats.
    Repeating { since: Instant, next: Instant },
    /// It was released; a second press may follow.
    Between { until: Instant },
}

impl Finger {
    /// Handles a key that goes down.
    pub fn on_down(&mut self, config: GestureConfig, now: Instant) -> Option<Gesture> {
        self.went_down = true;
        let second = matches!(self.state, State::Between { until } if now < until);
        if config.repeats {
            self.state = State::Repeating { since: now, next: now + LONG };
            return Some(Gesture::Press);
        }
        if second && !config.long {
            self.state = State::Done;
            return Some(Gesture::Double);
        }
        if config.long || config.double {
            self.state = State::Down { since: now, second };
            return None;
        }
        self.state = State::Done;
        Some(Gesture::Press)
    }

    /// Handles a key that comes up.
    pub fn on_up(&mut self, config: GestureConfig, now: Instant) -> Option<Gesture> {
        match std::mem::take(&mut self.state) {
            State::Down { since, .. } if config.long && now >= since + LONG => Some(Gesture::Long),
            State::Down { second: true, .. } => Some(Gesture::Double),
            State::Down { .. } if config.double => {
                self.state = State::Between { until: now + DOUBLE };
                None
            }
            State::Down { .. } => Some(Gesture::Press),
            State::Off | State::Done | State::Repeating { .. } | State::Between { .. } => None,
        }
    }

    /// Handles a trigger, which is the only message of some keys of some hosts; others send it after the key went down and up.
    pub fn on_trigger(&mut self) -> Option<Gesture> {
        let known = std::mem::take(&mut self.went_down);
        (!known).then_some(Gesture::Press)
    }

    /// Handles the passing of time.
    pub fn on_tick(&mut self, config: GestureConfig, now: Instant) -> Option<Gesture> {
        match self.state {
            State::Down { since, .. } if config.long && now >= since + LONG => {
                self.state = State::Done;
                Some(Gesture::Long)
            }
            State::Between { until } if now >= until => {
                self.state = State::Off;
                Some(Gesture::Press)
            }
            State::Repeating { since, next } if now >= next => {
                if now >= since + MAX_HOLD {
                    self.state = State::Done;
                    return None;
                }
                self.state = State::Repeating { since, next: now + REPEAT };
                Some(Gesture::Press)
            }
            _ => None,
        }
    }

    /// Returns when the passing of time may complete a gesture.
    #[must_use]
    pub fn next_tick(&self, config: GestureConfig) -> Option<Instant> {
        match self.state {
            State::Down { since, .. } => config.long.then_some(since + LONG),
            State::Between { until } => Some(until),
            State::Repeating { next, .. } => Some(next),
            State::Off | State::Done => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PLAIN: GestureConfig = GestureConfig { long: false, double: false, repeats: false };
    const LONG: GestureConfig = GestureConfig { long: true, ..PLAIN };
    const DOUBLE: GestureConfig = GestureConfig { double: true, ..PLAIN };
    const BOTH: GestureConfig = GestureConfig { long: true, double: true, repeats: false };
    const REPEATS: GestureConfig = GestureConfig { repeats: true, ..PLAIN };

    /// Plays key movements (`d` or `u` with their times in milliseconds) and every moment between, and returns the gestures
    /// with their times.
    fn play(config: GestureConfig, moves: &[(char, u64)]) -> Vec<(Gesture, u64)> {
        let start = Instant::now();
        let mut finger = Finger::default();
        let mut gestures = Vec::new();
        for ms in 0..20_000 {
            let now = start + Duration::from_millis(ms);
            for (movement, _) in moves.iter().filter(|(_, at)| *at == ms) {
                let gesture = if *movement == 'd' { finger.on_down(config, now) } else { finger.on_up(config, now) };
                gestures.extend(gesture.map(|gesture| (gesture, ms)));
            }
            if finger.next_tick(config).is_some_and(|next| next <= now) {
                gestures.extend(finger.on_tick(config, now).map(|gesture| (gesture, ms)));
            }
        }
        gestures
    }

    #[test]
    fn plain_key_reacts_when_it_goes_down() {
        assert_eq!(play(PLAIN, &[('d', 5), ('u', 900)]), [(Gesture::Press, 5)]);
        assert_eq!(
            play(PLAIN, &[('d', 5), ('u', 50), ('d', 100), ('u', 150)]),
            [(Gesture::Press, 5), (Gesture::Press, 100)]
        );
    }

    #[test]
    fn long_press_differs_from_short_one() {
        assert_eq!(play(LONG, &[('d', 0), ('u', 200)]), [(Gesture::Press, 200)]);
        assert_eq!(play(LONG, &[('d', 0), ('u', 3_000)]), [(Gesture::Long, 500)]);
        assert_eq!(
            play(LONG, &[('d', 0), ('u', 100), ('d', 200), ('u', 300)]),
            [(Gesture::Press, 100), (Gesture::Press, 300)]
        );
    }

    #[test]
    fn two_quick_presses_are_a_double_press() {
        assert_eq!(play(DOUBLE, &[('d', 0), ('u', 100)]), [(Gesture::Press, 400)]);
        assert_eq!(play(DOUBLE, &[('d', 0), ('u', 100), ('d', 350), ('u', 400)]), [(Gesture::Double, 350)]);
        assert_eq!(
            play(DOUBLE, &[('d', 0), ('u', 100), ('d', 500), ('u', 550)]),
            [(Gesture::Press, 400), (Gesture::Press, 850)]
        );
        assert_eq!(play(BOTH, &[('d', 0), ('u', 100), ('d', 350), ('u', 400)]), [(Gesture::Double, 400)]);
        assert_eq!(play(BOTH, &[('d', 0), ('u', 100), ('d', 350), ('u', 1_400)]), [(Gesture::Long, 850)]);
        assert_eq!(play(BOTH, &[('d', 0), ('u', 100)]), [(Gesture::Press, 400)]);
    }

    #[test]
    fn held_key_repeats_for_a_limited_time() {
        let gestures = play(REPEATS, &[('d', 0), ('u', 1_100)]);
        assert_eq!(gestures.iter().map(|(_, at)| *at).collect::<Vec<_>>(), [0, 500, 750, 1_000]);
        assert_eq!(play(REPEATS, &[('d', 0)]).last().map(|(_, at)| *at), Some(14_750));
    }

    #[test]
    fn trigger_without_key_down_is_a_press() {
        let mut finger = Finger::default();
        assert_eq!(finger.on_trigger(), Some(Gesture::Press));
        let now = Instant::now();
        finger.on_down(PLAIN, now);
        finger.on_up(PLAIN, now + Duration::from_millis(10));
        assert_eq!(finger.on_trigger(), None, "its press was handled");
        assert_eq!(finger.on_trigger(), Some(Gesture::Press));
    }
}
