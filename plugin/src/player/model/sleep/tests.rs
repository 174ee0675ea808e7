use std::sync::Arc;

use super::*;
use crate::auth::Link;
use crate::auth::testing::accounts;
use crate::player::SleepTimer;
use crate::player::testing::{instant, key, ms, pressed, time};
use crate::spotify::{Item, Playback, Uri};
use crate::unix_time::millis;

const T: u64 = 1_000_000;
const MINUTE: u64 = 60_000;

/// A simplified Spotify, and the model that controls it.
struct Fixture {
    playback: Playback,
    model: Model,
    now_ms: u64,
    /// When the playback state was last polled.
    read_ms: u64,
    /// The calls that were made, and when.
    calls: Vec<(u64, Call)>,
}

fn item(uri: &str, duration_ms: u64) -> Item {
    Item { uri: Uri::parse(uri), duration_ms, name: "Title".into(), ..Item::default() }
}

impl Fixture {
    fn new() -> Self {
        let device = Device { id: Some("d".into()), volume_percent: Some(40), ..Device::default() };
        let playback = Playback {
            is_playing: true,
            progress_ms: Some(0),
            device: Some(device),
            item: Some(item("spotify:track:1", 24 * 60 * MINUTE)),
            ..Playback::default()
        };
        Self::with(playback)
    }

    fn with(playback: Playback) -> Self {
        let model = Model::new(Arc::new(accounts(Link::Linked, &["A"])));
        let mut fixture = Self { playback, model, now_ms: T, read_ms: T, calls: Vec::new() };
        fixture.read();
        fixture
    }

    /// A track of three minutes with 20 seconds left.
    fn near_the_end() -> Self {
        let item = Some(item("spotify:track:1", 180_000));
        Self::with(Playback { item, progress_ms: Some(160_000), ..Self::new().playback })
    }

    fn device(&mut self) -> &mut Device {
        self.playback.device.as_mut().unwrap()
    }

    fn read(&mut self) {
        self.read_ms = self.now_ms;
        self.model.apply_playback(Some(self.playback.clone()), instant(self.now_ms), time(self.now_ms));
        self.send();
    }

    fn press(&mut self, verb: Verb) -> bool {
        let took = self.model.command(pressed(verb, None), time(self.now_ms));
        self.send();
        took
    }

    fn start_timer(&mut self, minutes: u16) {
        assert!(self.press(Verb::Sleep(SleepUntil::Minutes(minutes))));
    }

    /// Makes the queued calls and carries them out.
    fn send(&mut self) {
        self.model.paced_at = None;
        while let Some(call) = self.model.next_call(time(self.now_ms)) {
            self.carry_out(&call.call);
            self.model.call_succeeded(&call, time(self.now_ms));
            self.calls.push((self.now_ms, call.call));
            self.model.paced_at = None;
        }
    }

    fn carry_out(&mut self, call: &Call) {
        match call {
            Call::Volume(percent) => self.device().volume_percent = Some(*percent),
            Call::Pause => self.playback.is_playing = false,
            Call::Play => self.playback.is_playing = true,
            _ => {}
        }
    }

    /// Advances the time; polls once a minute, the longest interval.
    fn advance_to(&mut self, end_ms: u64) {
        loop {
            let read_ms = self.read_ms + MINUTE;
            let next = self.model.next_step(time(self.now_ms));
            let next_ms = next.map_or(u64::MAX, |next| millis(next - instant(0))).min(read_ms);
            if next_ms > end_ms {
                break;
            }
            let passed_ms = next_ms - self.now_ms;
            self.now_ms = next_ms;
            if self.playback.is_playing {
                self.playback.progress_ms = self.playback.progress_ms.map(|progress| progress + passed_ms);
            }
            if next_ms == read_ms {
                self.read();
            }
            self.model.step(time(self.now_ms));
            self.send();
        }
        let passed_ms = end_ms - self.now_ms;
        if self.playback.is_playing {
            self.playback.progress_ms = self.playback.progress_ms.map(|progress| progress + passed_ms);
        }
        self.now_ms = end_ms;
    }

    fn timer(&self) -> Option<SleepTimer> {
        self.model.at(time(self.now_ms)).sleep
    }

    fn seconds(&self) -> Option<u64> {
        self.timer()?.seconds
    }

    fn volumes(&self) -> Vec<u8> {
        let volumes = self.calls.iter().filter_map(|(_, call)| match call {
            Call::Volume(percent) => Some(*percent),
            _ => None,
        });
        volumes.collect()
    }

    fn pauses(&self) -> Vec<u64> {
        self.calls.iter().filter(|(_, call)| *call == Call::Pause).map(|(at_ms, _)| *at_ms).collect()
    }
}

#[test]
fn sleep_counts_down_without_a_call() {
    let mut fixture = Fixture::new();
    fixture.start_timer(30);
    assert_eq!(fixture.timer(), Some(SleepTimer { seconds: Some(1_800), percent: 100, at_item_end: false }));
    fixture.advance_to(T + 15 * MINUTE + 1);
    assert_eq!(fixture.timer(), Some(SleepTimer { seconds: Some(900), percent: 49, at_item_end: false }));
    fixture.advance_to(T + 29 * MINUTE);
    assert_eq!(fixture.calls, []);
}

#[test]
fn sleep_fades_out_then_pauses_then_restores_volume() {
    let mut fixture = Fixture::new();
    fixture.start_timer(30);
    let end_ms = T + 30 * MINUTE;
    fixture.advance_to(end_ms);
    let volumes = fixture.volumes();
    let (last, faded) = volumes.split_last().unwrap();
    assert!(faded.is_sorted_by(|one, next| one > next) && faded.len() > 15, "{faded:?}");
    assert!(*faded.last().unwrap() <= 2, "{faded:?}");
    let first_ms = fixture.calls[0].0;
    assert!((end_ms - 10_000..end_ms - 9_000).contains(&first_ms), "{first_ms}");
    assert_eq!((*last, fixture.pauses()), (40, vec![end_ms]));
    let order = fixture.calls.iter().rev().take(2).map(|(_, call)| call.clone()).collect::<Vec<_>>();
    assert_eq!(order, [Call::Volume(40), Call::Pause], "the volume is restored after the pause");
    assert_eq!(fixture.timer(), None);
}

#[test]
fn sleep_press_adds_15_minutes() {
    let mut fixture = Fixture::new();
    fixture.start_timer(30);
    fixture.advance_to(T + MINUTE);
    fixture.start_timer(30);
    assert_eq!(fixture.seconds(), Some(44 * 60));
    fixture.advance_to(T + 45 * MINUTE);
    assert_eq!(fixture.pauses(), [T + 45 * MINUTE]);
}

#[test]
fn sleep_presses_add_up_to_a_day() {
    let mut fixture = Fixture::new();
    for _ in 0..1_000 {
        fixture.start_timer(240);
    }
    assert_eq!(fixture.seconds(), Some(24 * 3_600));
}

#[test]
fn sleep_shows_minutes_above_an_hour() {
    let mut fixture = Fixture::new();
    fixture.start_timer(65);
    fixture.advance_to(T + 1);
    assert_eq!(fixture.seconds(), Some(65 * 60));
    assert_eq!(fixture.model.state.next_change_in(time(fixture.now_ms)), Some(ms(MINUTE - 1)));
    fixture.advance_to(T + 6 * MINUTE);
    assert_eq!(fixture.seconds(), Some(59 * 60));
    assert_eq!(fixture.model.state.next_change_in(time(fixture.now_ms)), Some(ms(1_000)));
}

#[test]
fn sleep_press_while_fading_restores_and_adds() {
    let mut fixture = Fixture::new();
    fixture.start_timer(1);
    fixture.advance_to(T + 55_000);
    assert!(fixture.volumes().last().unwrap() < &25);
    fixture.start_timer(1);
    assert_eq!(fixture.volumes().last(), Some(&40));
    assert_eq!(fixture.seconds(), Some(15 * 60 + 5));
    fixture.advance_to(T + 2 * MINUTE);
    assert_eq!((fixture.volumes().last(), fixture.pauses()), (Some(&40), vec![]));
}

#[test]
fn sleep_cancel_while_fading_restores_and_stops() {
    let mut fixture = Fixture::new();
    fixture.start_timer(1);
    fixture.advance_to(T + 55_000);
    fixture.press(Verb::CancelSleep);
    assert_eq!((fixture.volumes().last(), fixture.timer()), (Some(&40), None));
    fixture.advance_to(T + 5 * MINUTE);
    assert_eq!(fixture.pauses(), [0; 0]);
}

#[test]
fn sleep_cancel_without_timer_does_nothing() {
    let mut fixture = Fixture::new();
    fixture.press(Verb::CancelSleep);
    assert_eq!((fixture.calls.len(), fixture.model.at(time(T)).refusal(&key())), (0, None));
}

#[test]
fn sleep_starts_only_while_something_plays() {
    for playback in [None, Some(Playback { is_playing: false, ..Fixture::new().playback })] {
        let mut model = Model::new(Arc::new(accounts(Link::Linked, &["A"])));
        model.apply_playback(playback, instant(T), time(T));
        let verb = Verb::Sleep(SleepUntil::Minutes(30));
        assert!(model.at(time(T)).obstacle(&verb, None).is_some());
        assert!(!model.command(pressed(verb, None), time(T)));
        assert_eq!(model.at(time(T)).sleep, None);
    }
}

#[test]
fn sleep_is_one_timer_for_all_keys() {
    let mut fixture = Fixture::new();
    fixture.start_timer(30);
    let other = Command { instance: "other".into(), ..pressed(Verb::Sleep(SleepUntil::Minutes(90)), None) };
    fixture.model.command(other, time(T));
    assert_eq!(fixture.seconds(), Some(45 * 60));
}

#[test]
fn sleep_survives_a_pause_by_hand() {
    let mut fixture = Fixture::new();
    fixture.start_timer(30);
    fixture.advance_to(T + MINUTE);
    fixture.press(Verb::TogglePlay);
    fixture.advance_to(T + 10 * MINUTE);
    assert_eq!(fixture.seconds(), Some(20 * 60));
    fixture.press(Verb::TogglePlay);
    fixture.advance_to(T + 30 * MINUTE);
    assert_eq!(fixture.pauses(), [T + MINUTE, T + 30 * MINUTE]);
}

#[test]
fn sleep_ends_without_a_call_while_paused() {
    let mut fixture = Fixture::new();
    fixture.start_timer(30);
    fixture.press(Verb::TogglePlay);
    fixture.advance_to(T + 40 * MINUTE);
    assert_eq!(fixture.calls, [(T, Call::Pause)]);
    assert_eq!(fixture.timer(), None);
}

#[test]
fn sleep_pause_by_hand_while_fading_restores_volume() {
    let mut fixture = Fixture::new();
    fixture.start_timer(1);
    fixture.advance_to(T + 55_000);
    fixture.calls.clear();
    fixture.press(Verb::TogglePlay);
    fixture.advance_to(T + 2 * MINUTE);
    assert_eq!(fixture.calls, [(T + 55_000, Call::Pause), (T + 55_000, Call::Volume(40))]);
}

#[test]
fn sleep_only_pauses_where_no_volume_can_be_set() {
    let fixed = |device: &mut Device| device.supports_volume = Some(false);
    let untold = |device: &mut Device| device.volume_percent = None;
    let silent = |device: &mut Device| device.volume_percent = Some(0);
    for change in [fixed as fn(&mut Device), untold, silent] {
        let mut fixture = Fixture::new();
        change(fixture.device());
        fixture.read();
        fixture.start_timer(1);
        fixture.advance_to(T + MINUTE);
        assert_eq!(fixture.calls, [(T + MINUTE, Call::Pause)]);
    }
}

#[test]
fn sleep_fade_refused_by_device_is_left_out_silently() {
    let mut fixture = Fixture::new();
    fixture.start_timer(1);
    for now_ms in [T + 51_000, T + 52_000] {
        fixture.now_ms = now_ms;
        fixture.model.step(time(now_ms));
    }
    let call = fixture.model.next_call(time(fixture.now_ms)).unwrap();
    fixture.model.call_failed(&call, Error::VolumeNotAllowed, time(fixture.now_ms));
    assert_eq!(fixture.model.at(time(fixture.now_ms)).refusal(&key()), None);
    fixture.advance_to(T + MINUTE);
    assert_eq!(fixture.calls, [(T + MINUTE, Call::Pause)]);
}

#[test]
fn sleep_fade_ends_when_volume_is_set_by_hand() {
    let mut fixture = Fixture::new();
    fixture.start_timer(1);
    fixture.advance_to(T + 55_000);
    fixture.press(Verb::VolumeTo { percent: 70, over: std::time::Duration::ZERO });
    fixture.advance_to(T + MINUTE);
    assert_eq!((fixture.volumes().last(), fixture.pauses()), (Some(&70), vec![T + MINUTE]));
}

#[test]
fn sleep_fade_ends_when_volume_is_set_elsewhere() {
    let mut fixture = Fixture::new();
    fixture.start_timer(1);
    fixture.advance_to(T + 58_000);
    fixture.device().volume_percent = Some(35);
    fixture.calls.clear();
    fixture.read();
    fixture.advance_to(T + MINUTE);
    assert_eq!(fixture.calls, [(T + MINUTE, Call::Pause)]);
}

#[test]
fn sleep_volume_that_lags_behind_keeps_fading() {
    let mut fixture = Fixture::new();
    fixture.start_timer(1);
    fixture.advance_to(T + 55_000);
    // The volume of almost a second ago.
    fixture.device().volume_percent = Some(24);
    fixture.read();
    fixture.advance_to(T + MINUTE);
    assert_eq!(fixture.volumes().last(), Some(&40));
}

#[test]
fn sleep_leaves_the_volume_of_another_device() {
    let mut fixture = Fixture::new();
    fixture.start_timer(1);
    fixture.advance_to(T + 55_000);
    *fixture.device() = Device { id: Some("other".into()), volume_percent: Some(90), ..Device::default() };
    fixture.read();
    fixture.calls.clear();
    fixture.advance_to(T + MINUTE);
    assert_eq!(fixture.calls, [(T + MINUTE, Call::Pause)]);
}

#[test]
fn sleep_pauses_shortly_before_the_item_ends() {
    let mut fixture = Fixture::near_the_end();
    assert!(fixture.press(Verb::Sleep(SleepUntil::EndOfItem)));
    assert_eq!(fixture.timer(), Some(SleepTimer { seconds: Some(20), percent: 10, at_item_end: true }));
    fixture.advance_to(T + 20_000);
    assert_eq!(fixture.pauses(), [T + 19_500]);
    assert_eq!(fixture.volumes().last(), Some(&40));
}

#[test]
fn sleep_at_item_end_follows_a_seek() {
    let mut fixture = Fixture::near_the_end();
    fixture.press(Verb::Sleep(SleepUntil::EndOfItem));
    fixture.press(Verb::Restart);
    assert_eq!(fixture.seconds(), Some(180));
    fixture.playback.progress_ms = Some(0);
    fixture.advance_to(T + MINUTE);
    assert_eq!(fixture.pauses(), [0; 0]);
}

#[test]
fn sleep_at_item_end_follows_a_skip() {
    let mut fixture = Fixture::near_the_end();
    fixture.press(Verb::Sleep(SleepUntil::EndOfItem));
    fixture.advance_to(T + 15_000);
    fixture.press(Verb::Next);
    fixture.playback.item = Some(item("spotify:track:2", 200_000));
    fixture.playback.progress_ms = Some(0);
    fixture.model.step(time(fixture.now_ms));
    fixture.send();
    assert_eq!(fixture.volumes().last(), Some(&40), "the fade ends with a skip");
    fixture.now_ms += 300;
    fixture.read();
    fixture.advance_to(T + 100_000);
    assert_eq!(fixture.pauses(), [0; 0]);
    fixture.advance_to(T + 15_300 + 200_000);
    assert_eq!(fixture.pauses().len(), 1);
}

#[test]
fn sleep_pauses_at_once_when_the_item_ended_early() {
    let mut fixture = Fixture::near_the_end();
    fixture.press(Verb::Sleep(SleepUntil::EndOfItem));
    fixture.advance_to(T + 9_000);
    // Spotify crossfades.
    fixture.playback.item = Some(item("spotify:track:2", 200_000));
    fixture.playback.progress_ms = Some(500);
    fixture.read();
    assert_eq!(fixture.pauses(), [T + 9_000]);
}

#[test]
fn sleep_at_item_end_needs_a_length() {
    let mut fixture = Fixture::new();
    fixture.playback.item = None;
    fixture.read();
    assert!(!fixture.press(Verb::Sleep(SleepUntil::EndOfItem)));
    assert!(fixture.press(Verb::Sleep(SleepUntil::Minutes(1))), "a time needs no length");
}

#[test]
fn sleep_press_turns_item_end_into_a_time() {
    let mut fixture = Fixture::near_the_end();
    fixture.press(Verb::Sleep(SleepUntil::EndOfItem));
    fixture.press(Verb::Sleep(SleepUntil::EndOfItem));
    let timer = fixture.timer().unwrap();
    assert_eq!((timer.seconds, timer.at_item_end), (Some(15 * 60 + 20), false));
}

#[test]
fn sleep_tries_a_failed_pause_again() {
    let mut fixture = Fixture::new();
    fixture.start_timer(1);
    fixture.advance_to(T + 59_000);
    fixture.now_ms = T + MINUTE;
    fixture.model.step(time(fixture.now_ms));
    fixture.model.paced_at = None;
    let mut call = fixture.model.next_call(time(fixture.now_ms)).unwrap();
    while call.call != Call::Pause {
        call = fixture.model.next_call(time(fixture.now_ms)).unwrap();
    }
    fixture.model.call_failed(&call, Error::Offline, time(fixture.now_ms));
    fixture.advance_to(T + 2 * MINUTE);
    assert_eq!(fixture.pauses(), [T + 70_000]);
    assert_eq!(fixture.volumes().last(), Some(&40));
}

#[test]
fn sleep_missed_by_a_sleeping_computer_is_forgotten() {
    let mut fixture = Fixture::new();
    fixture.start_timer(30);
    fixture.now_ms = T + 10 * 60 * MINUTE;
    fixture.model.on_wake(instant(fixture.now_ms));
    fixture.read();
    fixture.advance_to(T + 11 * 60 * MINUTE);
    assert_eq!((fixture.calls.len(), fixture.timer()), (0, None));
}

#[test]
fn sleep_asks_spotify_nothing_while_it_counts() {
    let mut fixture = Fixture::new();
    let before =
        (fixture.model.next_query(instant(T)), fixture.model.unconfirmed_write(), fixture.model.ends_in(time(T)));
    fixture.start_timer(30);
    assert_eq!(
        (fixture.model.next_query(instant(T)), fixture.model.unconfirmed_write(), fixture.model.ends_in(time(T))),
        before
    );
    assert!(!fixture.model.has_pending());
}
