//! The volume: what a device makes of the one that it was asked for, and the way to another one.
//!
//! Many devices don't keep a volume as it was asked for: they store one percent less, or the nearest of their own steps, or none
//! above a limit, or they tell none at all. Steps that start from what such a device tells would ask for the same volume again and
//! again. So what was asked for is remembered beside what was told afterwards, and counts for as long as that is told.

use std::collections::VecDeque;
use std::time::Duration;

use tokio::time::Instant;

use super::command::Command;
use super::device::ChosenDevice;
use crate::spotify::DeviceId;

/// What a device tells is taken for what it was asked for within this: a device with ten steps may be so far off.
pub(super) const ROUNDING: u8 = 10;
/// So many devices are remembered.
const MOST_DEVICES: usize = 8;
/// Between two steps of a fade: slow enough for Spotify, quick enough for the ear.
const FADE_STEP: Duration = Duration::from_millis(500);

/// The volume of a device, as far as it is known.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Volume {
    /// The volume as it is shown, 0 to 100: what was asked for, where that is what the device has made of it.
    pub percent: Option<u8>,
    /// What a step up starts from.
    pub(super) up_from: Option<u8>,
    /// What a step down starts from.
    pub(super) down_from: Option<u8>,
}

impl Volume {
    /// A volume that is known exactly, or not at all.
    pub(super) fn exactly(percent: Option<u8>) -> Self {
        Self { percent, up_from: percent, down_from: percent }
    }

    /// What a step starts from.
    pub(super) fn from(self, step: i8) -> Option<u8> {
        if step < 0 { self.down_from } else { self.up_from }
    }
}

/// What a device has made of the last volume that it was asked for.
#[derive(Clone, Debug, PartialEq)]
struct Echo {
    device: Option<DeviceId>,
    wanted: u8,
    told: Option<u8>,
    /// Whether it tells another volume than before it was asked.
    moved: bool,
}

/// What is remembered of the volumes of some devices, the latest last.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Volumes {
    echoes: VecDeque<Echo>,
    /// How loud they were before they were muted.
    loud: VecDeque<(Option<DeviceId>, u8)>,
}

impl Volumes {
    /// Whether what a device tells after it was asked for `wanted` is its answer to that, and not yet the volume of `before`.
    pub(super) fn is_answer(wanted: u8, before: Option<u8>, told: Option<u8>) -> bool {
        told == Some(wanted) || (told != before && told.is_none_or(|told| told.abs_diff(wanted) <= ROUNDING))
    }

    /// Remembers what a device has made of a volume.
    pub(super) fn learn(&mut self, device: Option<&DeviceId>, wanted: u8, before: Option<u8>, told: Option<u8>) {
        self.echoes.retain(|echo| echo.device.as_ref() != device);
        if self.echoes.len() == MOST_DEVICES {
            self.echoes.pop_front();
        }
        self.echoes.push_back(Echo { device: device.cloned(), wanted, told, moved: told != before });
    }

    /// Remembers how loud a device is, unless it is silent.
    pub(super) fn note_loud(&mut self, device: Option<&DeviceId>, percent: Option<u8>) {
        let Some(percent) = percent.filter(|percent| *percent > 0) else { return };
        self.loud.retain(|(known, _)| known.as_ref() != device);
        if self.loud.len() == MOST_DEVICES {
            self.loud.pop_front();
        }
        self.loud.push_back((device.cloned(), percent));
    }

    /// How loud a device was before it was muted.
    pub(super) fn loud(&self, device: Option<&DeviceId>) -> Option<u8> {
        self.loud.iter().find(|(known, _)| known.as_ref() == device).map(|(_, percent)| *percent)
    }

    /// The volume of a device that tells this one.
    pub(super) fn volume(&self, device: Option<&DeviceId>, told: Option<u8>) -> Volume {
        let echo = self.echoes.iter().find(|echo| echo.device.as_ref() == device && echo.told == told);
        let Some(Echo { wanted, moved, .. }) = echo else { return Volume::exactly(told) };
        let Some(told) = told else { return Volume::exactly(Some(*wanted)) };
        let near = told.abs_diff(*wanted) <= ROUNDING;
        // Steps go on from what was asked for: what is between two of the device's own steps adds up. Where that has led nowhere, the
        // way back starts from what is true.
        let back = if near && *moved { *wanted } else { told };
        let (up_from, down_from) = if *wanted >= told { (*wanted, back) } else { (back, *wanted) };
        Volume { percent: Some(if near { *wanted } else { told }), up_from: Some(up_from), down_from: Some(down_from) }
    }
}

/// The volume on its way to another one.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Fade {
    from: u8,
    to: u8,
    start: Instant,
    end: Instant,
    next: Instant,
    pub device: Option<ChosenDevice>,
    pub command: Command,
}

impl Fade {
    /// A fade that begins now. From an unknown volume it is there at once: any other beginning might be louder than what is heard.
    pub(super) fn new(
        from: Option<u8>,
        to: u8,
        length: Duration,
        now: Instant,
        device: Option<ChosenDevice>,
        command: Command,
    ) -> Self {
        let to = to.min(100);
        Self { from: from.unwrap_or(to), to, start: now, end: now + length, next: now, device, command }
    }

    /// When its next step is due.
    pub(super) fn next(&self) -> Instant {
        self.next
    }

    /// Where it is by now.
    pub(super) fn at(&self, now: Instant) -> u8 {
        let (done, all) = (now.saturating_duration_since(self.start), self.end.saturating_duration_since(self.start));
        if done >= all {
            return self.to;
        }
        let way = u128::from(self.to.abs_diff(self.from));
        let gone = way.saturating_mul(done.as_millis()).checked_div(all.as_millis()).unwrap_or(way);
        let gone = u8::try_from(gone).unwrap_or(u8::MAX);
        if self.to > self.from { self.from.saturating_add(gone) } else { self.from.saturating_sub(gone) }
    }

    /// What is left of it after a step; `None` when it is there.
    pub(super) fn after(self, now: Instant) -> Option<Self> {
        let next = (now + FADE_STEP).min(self.end);
        (now < self.end).then_some(Self { next, ..self })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn after(wanted: u8, before: Option<u8>, told: Option<u8>) -> Volume {
        let mut volumes = Volumes::default();
        volumes.learn(Some(&"d".into()), wanted, before, told);
        volumes.volume(Some(&"d".into()), told)
    }

    #[test]
    fn rounded_volume_counts_as_the_one_asked_for() {
        assert_eq!(after(31, Some(29), Some(30)), Volume::exactly(Some(31)));
        assert_eq!(after(31, None, None), Volume::exactly(Some(31)), "it tells none");
        let mut volumes = Volumes::default();
        volumes.learn(Some(&"d".into()), 31, Some(29), Some(30));
        assert_eq!(volumes.volume(Some(&"d".into()), Some(45)).percent, Some(45), "set elsewhere");
        assert_eq!(volumes.volume(Some(&"other".into()), Some(30)).percent, Some(30));
    }

    #[test]
    fn steps_add_up_where_none_is_taken_and_turn_at_once() {
        let stuck = after(34, Some(30), Some(30));
        assert_eq!((stuck.percent, stuck.from(1), stuck.from(-1)), (Some(34), Some(34), Some(30)));
        let limited = after(90, Some(50), Some(50));
        assert_eq!((limited.percent, limited.from(5), limited.from(-5)), (Some(50), Some(90), Some(50)));
        let stuck = after(26, Some(30), Some(30));
        assert_eq!((stuck.from(1), stuck.from(-1)), (Some(30), Some(26)));
    }

    #[test]
    fn old_volume_is_no_answer_yet() {
        assert!(Volumes::is_answer(30, Some(20), Some(29)));
        assert!(!Volumes::is_answer(30, Some(29), Some(29)), "a read may lag");
        assert!(!Volumes::is_answer(30, Some(20), Some(60)), "it may be on its way");
        assert!(Volumes::is_answer(30, Some(30), Some(30)));
    }

    #[test]
    fn few_devices_are_remembered() {
        let mut volumes = Volumes::default();
        for device in 0..100 {
            volumes.learn(Some(&device.to_string().into()), 31, Some(29), Some(30));
        }
        assert_eq!(volumes.echoes.len(), MOST_DEVICES);
        assert_eq!(volumes.volume(Some(&"99".into()), Some(30)).percent, Some(31));
    }
}
