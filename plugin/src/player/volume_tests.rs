//! Volumes on devices that store another volume than requested: the model and a simulated device, without HTTP.

use std::sync::Arc;
use std::time::Duration;

use spotify_sim::VolumeQuirk;

use super::command::Call;
use super::*;
use crate::auth::Link;
use crate::auth::testing::accounts;
use crate::player::testing::{instant, pressed, time};
use crate::spotify::{Device, Item, Playback, Uri};

const T: u64 = 1_000_000;

/// Quirks observed on real devices, and some more.
const QUIRKS: [VolumeQuirk; 11] = [
    VolumeQuirk::Exact,
    VolumeQuirk::OneLess,
    VolumeQuirk::Nearest(200),
    VolumeQuirk::Nearest(500),
    VolumeQuirk::Nearest(625),
    VolumeQuirk::Nearest(1_000),
    VolumeQuirk::Down(500),
    VolumeQuirk::Down(625),
    VolumeQuirk::Down(1_000),
    VolumeQuirk::Up(1_000),
    VolumeQuirk::AtMost(50),
];

/// A device, and the model that controls it.
struct Speaker {
    quirk: VolumeQuirk,
    stored: u8,
    reports_volume: bool,
    model: Model,
    now_ms: u64,
}

impl Speaker {
    fn new(quirk: VolumeQuirk, stored: u8) -> Self {
        let model = Model::new(Arc::new(accounts(Link::Linked, &["A"])));
        let mut speaker = Self { quirk, stored, reports_volume: true, model, now_ms: T };
        speaker.read();
        speaker
    }

    fn playback(&self) -> Playback {
        let volume_percent = Some(self.stored).filter(|_| self.reports_volume);
        Playback {
            is_playing: true,
            device: Some(Device { id: Some("d".into()), volume_percent, ..Device::default() }),
            item: Some(Item { uri: Uri::parse("spotify:track:1"), duration_ms: 60_000, ..Item::default() }),
            ..Playback::default()
        }
    }

    fn read(&mut self) {
        self.model.apply_playback(Some(self.playback()), instant(self.now_ms), time(self.now_ms));
    }

    /// Makes the calls that are due and returns their volumes.
    fn calls(&mut self) -> Vec<u8> {
        self.model.step_fade(time(self.now_ms));
        let calls = self.model.settled(time(self.now_ms)).into_iter().map(|call| match call {
            Call::Volume(percent) => percent,
            other => panic!("{other:?}"),
        });
        let calls: Vec<u8> = calls.collect();
        for wanted in &calls {
            self.stored = self.quirk.stored(*wanted, self.stored);
        }
        calls
    }

    /// Passes the polls after a press: one after 0.8 s, then two at intervals of 4.4 s.
    fn pass_polls(&mut self) {
        for ms in [800, 4_400, 4_400] {
            self.now_ms += ms;
            self.read();
            assert_eq!(self.model.next_call(time(self.now_ms)), None, "{:?}: no call is repeated", self.quirk);
        }
    }

    fn shown(&self) -> Option<u8> {
        self.model.at(time(self.now_ms)).volume(None).percent
    }

    /// Presses a key and returns the requested volume.
    fn press(&mut self, verb: Verb) -> u8 {
        assert!(self.model.command(pressed(verb, None), time(self.now_ms)));
        let calls = self.calls();
        assert_eq!(calls.len(), 1, "{:?}: {calls:?}", self.quirk);
        calls[0]
    }
}

#[test]
fn slow_steps_move_in_their_direction_and_reach_the_end() {
    for quirk in QUIRKS {
        for step in [1_i8, 3, 5, 10, -1, -3, -5, -10] {
            let mut speaker = Speaker::new(quirk, 30);
            let mut before = 30;
            for _ in 0..110 {
                let wanted = speaker.press(Verb::VolumeBy(step));
                let moved = if step > 0 { wanted > before || wanted == 100 } else { wanted < before || wanted == 0 };
                assert!(moved, "{quirk:?} {step}: {wanted} after {before}");
                before = wanted;
                speaker.pass_polls();
            }
            let end = if step > 0 { 100 } else { 0 };
            assert_eq!((before, speaker.stored), (end, quirk.stored(end, 0)), "{quirk:?} {step}");
        }
    }
}

#[test]
fn steps_back_move_at_once() {
    for quirk in QUIRKS {
        for (there, back) in [(5_i8, -5_i8), (-5, 5), (1, -1)] {
            let mut speaker = Speaker::new(quirk, quirk.stored(50, 50));
            for _ in 0..3 {
                speaker.press(Verb::VolumeBy(there));
                speaker.pass_polls();
            }
            let before = speaker.stored;
            // At most the distance of two of the device's own steps.
            for _ in 0..10 {
                speaker.press(Verb::VolumeBy(back));
                speaker.pass_polls();
            }
            let moved = if back > 0 { speaker.stored > before } else { speaker.stored < before };
            assert!(moved || (quirk == VolumeQuirk::AtMost(50) && back > 0), "{quirk:?} {back}");
        }
        let mut limited = Speaker::new(VolumeQuirk::AtMost(50), 50);
        for _ in 0..6 {
            limited.press(Verb::VolumeBy(5));
            limited.pass_polls();
        }
        limited.press(Verb::VolumeBy(-5));
        assert_eq!(limited.stored, 45, "the first press down has an effect");
    }
}

#[test]
fn shown_volume_does_not_flicker() {
    for quirk in QUIRKS {
        let mut speaker = Speaker::new(quirk, quirk.stored(40, 40));
        for wanted in [31, 32, 47, 33] {
            speaker.press(Verb::VolumeTo { percent: wanted, over: Duration::ZERO });
            assert_eq!(speaker.shown(), Some(wanted), "{quirk:?}");
            for ms in [400, 400, 4_400, 8_600, 8_600, 60_000] {
                speaker.now_ms += ms;
                speaker.read();
                assert_eq!(speaker.shown(), Some(wanted), "{quirk:?}");
            }
        }
        // Set on the device itself.
        speaker.stored = 77;
        speaker.read();
        assert_eq!(speaker.shown(), Some(77), "{quirk:?}");
    }
}

#[test]
fn unmute_restores_the_requested_volume() {
    for quirk in QUIRKS {
        let mut speaker = Speaker::new(quirk, 20);
        speaker.press(Verb::VolumeTo { percent: 40, over: Duration::ZERO });
        speaker.pass_polls();
        for _ in 0..5 {
            assert_eq!(speaker.press(Verb::ToggleMute), 0, "{quirk:?}");
            speaker.pass_polls();
            assert_eq!(speaker.shown(), Some(0), "{quirk:?}");
            assert_eq!(speaker.press(Verb::ToggleMute), 40, "{quirk:?}");
            speaker.pass_polls();
        }
    }
}

#[test]
fn fade_ends_at_its_target_without_further_calls() {
    for quirk in QUIRKS {
        let mut speaker = Speaker::new(quirk, quirk.stored(80, 80));
        let fade = Verb::VolumeTo { percent: 30, over: Duration::from_secs(4) };
        assert!(speaker.model.command(pressed(fade, None), time(speaker.now_ms)));
        let mut asked = Vec::new();
        for tick in 0..400 {
            asked.extend(speaker.calls());
            speaker.now_ms += 50;
            if tick % 16 == 15 {
                speaker.read();
            }
        }
        assert_eq!(asked.last(), Some(&30), "{quirk:?}");
        assert!(asked.len() <= 10 && asked.is_sorted_by(|a, b| a > b), "{quirk:?}: {asked:?}");
        assert_eq!(speaker.shown(), Some(30), "{quirk:?}");
    }
}

#[test]
fn unreported_volume_follows_the_requests() {
    let mut speaker = Speaker { reports_volume: false, ..Speaker::new(VolumeQuirk::Exact, 70) };
    speaker.read();
    assert_eq!(speaker.shown(), None);
    let mut asked = Vec::new();
    for verb in [Verb::VolumeBy(5), Verb::VolumeBy(5), Verb::ToggleMute, Verb::ToggleMute, Verb::VolumeBy(-10)] {
        asked.push(speaker.press(verb));
        speaker.pass_polls();
    }
    assert_eq!(asked, [55, 60, 0, 60, 50]);
    let half = Verb::VolumeTo { percent: 20, over: Duration::from_secs(4) };
    let mut untold = Speaker { reports_volume: false, ..Speaker::new(VolumeQuirk::Exact, 70) };
    untold.read();
    assert_eq!(untold.press(half), 20, "no fade starts from an unknown volume");
    untold.pass_polls();
}

#[test]
fn ignored_volume_shows_the_reported_one() {
    let mut speaker = Speaker::new(VolumeQuirk::Ignored, 40);
    assert_eq!(speaker.press(Verb::VolumeTo { percent: 90, over: Duration::ZERO }), 90);
    speaker.pass_polls();
    assert_eq!(speaker.shown(), Some(40));
    assert_eq!(speaker.press(Verb::VolumeBy(-5)), 35, "the step starts from the reported volume");
}
