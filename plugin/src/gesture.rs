//! What fingers mean: from a key that goes down and up to a press, a long press, a double press, or a press that repeats
//! while the key is held. One mechanism for all widgets; it knows no clock and no timer, but says when it wants to be
//! asked again.
//!
//! A key that has neither a long nor a double press acts when it goes down: nothing is quicker. With a long press it acts
//! when it comes up before its time, with a double press when no second one has come within its time.

/// A key is held from so long on.
const LONG_MS: u64 = 500;
/// The second press of two comes within this after the first was let go.
const DOUBLE_MS: u64 = 300;
/// A held key that repeats does so this often.
const REPEAT_MS: u64 = 250;
/// A key that never comes up has lost its message; it must not go on forever.
const LONGEST_HOLD_MS: u64 = 15_000;

/// What a key can mean beside a press.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct GestureConfig {
    /// A long press means something of its own.
    pub long: bool,
    /// A double press means something of its own.
    pub double: bool,
    /// A held key presses again and again. Outranks a long press.
    pub repeats: bool,
}

/// What was meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Gesture {
    /// A press, or one more of a held key.
    Press,
    /// A long press.
    Long,
    /// Two presses, one soon after the other.
    Double,
}

/// What a finger is doing on one key. Times are Unix milliseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Finger {
    state: State,
    /// The key went down since it was last triggered, so that the trigger is no news.
    went_down: bool,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum State {
    #[default]
    Off,
    /// It is down and nothing has come of it. `second`: it may be the second of two presses.
    Down { since_ms: u64, second: bool },
    /// It is down and what it means has been done.
    Done,
    /// It is down and repeats.
    Repeating { since_ms: u64, next_ms: u64 },
    /// It was let go; a second press may follow.
    Between { until_ms: u64 },
}

impl Finger {
    /// The key goes down.
    pub fn down(&mut self, config: GestureConfig, now_ms: u64) -> Option<Gesture> {
        self.went_down = true;
        let second = matches!(self.state, State::Between { until_ms } if now_ms < until_ms);
        if config.repeats {
            self.state = State::Repeating { since_ms: now_ms, next_ms: now_ms + LONG_MS };
            return Some(Gesture::Press);
        }
        if second && !config.long {
            self.state = State::Done;
            return Some(Gesture::Double);
        }
        if config.long || config.double {
            self.state = State::Down { since_ms: now_ms, second };
            return None;
        }
        self.state = State::Done;
        Some(Gesture::Press)
    }

    /// The key comes up.
    pub fn up(&mut self, config: GestureConfig, now_ms: u64) -> Option<Gesture> {
        match std::mem::take(&mut self.state) {
            State::Down { since_ms, .. } if config.long && now_ms.saturating_sub(since_ms) >= LONG_MS => {
                Some(Gesture::Long)
            }
            State::Down { second: true, .. } => Some(Gesture::Double),
            State::Down { .. } if config.double => {
                self.state = State::Between { until_ms: now_ms + DOUBLE_MS };
                None
            }
            State::Down { .. } => Some(Gesture::Press),
            State::Off | State::Done | State::Repeating { .. } | State::Between { .. } => None,
        }
    }

    /// The host says that the key was triggered: some keys of some hosts say nothing else, others say it after the key
    /// went down and up.
    pub fn triggered(&mut self) -> Option<Gesture> {
        let known = std::mem::take(&mut self.went_down);
        (!known).then_some(Gesture::Press)
    }

    /// Time has passed.
    pub fn later(&mut self, config: GestureConfig, now_ms: u64) -> Option<Gesture> {
        match self.state {
            State::Down { since_ms, .. } if config.long && now_ms >= since_ms + LONG_MS => {
                self.state = State::Done;
                Some(Gesture::Long)
            }
            State::Between { until_ms } if now_ms >= until_ms => {
                self.state = State::Off;
                Some(Gesture::Press)
            }
            State::Repeating { since_ms, next_ms } if now_ms >= next_ms => {
                if now_ms >= since_ms + LONGEST_HOLD_MS {
                    self.state = State::Done;
                    return None;
                }
                self.state = State::Repeating { since_ms, next_ms: now_ms + REPEAT_MS };
                Some(Gesture::Press)
            }
            _ => None,
        }
    }

    /// When time alone may mean something.
    #[must_use]
    pub fn next_ms(&self, config: GestureConfig) -> Option<u64> {
        match self.state {
            State::Down { since_ms, .. } => config.long.then_some(since_ms + LONG_MS),
            State::Between { until_ms } => Some(until_ms),
            State::Repeating { next_ms, .. } => Some(next_ms),
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

    /// Plays key movements (`d` or `u` with their times) and every moment between, and gives what was meant and when.
    fn play(config: GestureConfig, moves: &[(char, u64)]) -> Vec<(Gesture, u64)> {
        let mut finger = Finger::default();
        let mut meant = Vec::new();
        for now in 0..20_000 {
            for (what, _) in moves.iter().filter(|(_, at)| *at == now) {
                let gesture = if *what == 'd' { finger.down(config, now) } else { finger.up(config, now) };
                meant.extend(gesture.map(|gesture| (gesture, now)));
            }
            if finger.next_ms(config).is_some_and(|next| next <= now) {
                meant.extend(finger.later(config, now).map(|gesture| (gesture, now)));
            }
        }
        meant
    }

    #[test]
    fn a_plain_key_acts_when_it_goes_down() {
        assert_eq!(play(PLAIN, &[('d', 5), ('u', 900)]), [(Gesture::Press, 5)]);
        assert_eq!(
            play(PLAIN, &[('d', 5), ('u', 50), ('d', 100), ('u', 150)]),
            [(Gesture::Press, 5), (Gesture::Press, 100)]
        );
    }

    #[test]
    fn long_and_short_presses_are_told_apart() {
        assert_eq!(play(LONG, &[('d', 0), ('u', 200)]), [(Gesture::Press, 200)]);
        assert_eq!(play(LONG, &[('d', 0), ('u', 3_000)]), [(Gesture::Long, 500)]);
        assert_eq!(
            play(LONG, &[('d', 0), ('u', 100), ('d', 200), ('u', 300)]),
            [(Gesture::Press, 100), (Gesture::Press, 300)]
        );
    }

    #[test]
    fn two_presses_soon_after_each_other_are_a_double_one() {
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
    fn a_held_key_repeats_and_not_for_ever() {
        let meant = play(REPEATS, &[('d', 0), ('u', 1_100)]);
        assert_eq!(meant.iter().map(|(_, at)| *at).collect::<Vec<_>>(), [0, 500, 750, 1_000]);
        assert_eq!(play(REPEATS, &[('d', 0)]).last().map(|(_, at)| *at), Some(14_750));
    }

    #[test]
    fn a_lone_trigger_is_a_press() {
        let mut finger = Finger::default();
        assert_eq!(finger.triggered(), Some(Gesture::Press));
        finger.down(PLAIN, 0);
        finger.up(PLAIN, 10);
        assert_eq!(finger.triggered(), None, "it has been acted on");
        assert_eq!(finger.triggered(), Some(Gesture::Press));
    }
}
