//! Volumes that devices report differently than requested, and fades.
//!
//! Many devices don't store the requested volume: they store one percent less, or the nearest of their own steps, or nothing
//! above a limit, or they report no volume at all. Steps from the reported volume might request the same volume again and again.
//! So the requested volume is remembered with the one reported afterwards, and counts as long as the device reports that.

use std::collections::VecDeque;
use std::time::Duration;

use tokio::time::Instant;

use super::command::Command;
use super::device::ChosenDevice;
use crate::spotify::DeviceId;

/// A reported volume this close to the requested one counts as rounded: devices may have as few as ten steps.
pub(super) const ROUNDING: u8 = 10;
/// How many devices are remembered.
const MOST_DEVICES: usize = 8;
/// The interval of a fade's steps: slow enough for Spotify, fast enough to sound smooth.
const FADE_STEP: Duration = Duration::from_millis(500);

/// The volume of a device.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Volume {
    /// The volume to show, 0 to 100: the requested one, if the device has only rounded it; `None` if unknown.
    pub percent: Option<u8>,
    /// The volume from which a step up starts.
    pub(super) up_from: Option<u8>,
    /// The volume from which a step down starts.
    pub(super) down_from: Option<u8>,
}

impl Volume {
    /// Returns a volume that is exactly as reported, or unknown.
    pub(super) fn exactly(percent: Option<u8>) -> Self {
        Self { percent, up_from: percent, down_from: percent }
    }

    /// Returns the volume from which a step starts.
    pub(super) fn from(self, step: i8) -> Option<u8> {
        if step < 0 { self.down_from } else { self.up_from }
    }
}

/// The last requested volume of a device, and the volume that it reported afterwards.
#[derive(Clone, Debug, PartialEq)]
struct Echo {
    device: Option<DeviceId>,
    requested: u8,
    reported: Option<u8>,
    /// Whether the reported volume has changed with the request.
    changed: bool,
}

/// A memory of the volumes of [`MOST_DEVICES`] devices, the latest last.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Volumes {
    echoes: VecDeque<Echo>,
    /// The last audible volume of each device, to unmute it.
    loud: VecDeque<(Option<DeviceId>, u8)>,
}

impl Volumes {
    /// Returns whether a reported volume reflects the request, and isn't still the volume from `before`.
    pub(super) fn is_answer(requested: u8, before: Option<u8>, reported: Option<u8>) -> bool {
        reported == Some(requested)
            || (reported != before && reported.is_none_or(|reported| reported.abs_diff(requested) <= ROUNDING))
    }

    /// Records the volume that a device reports after a request.
    pub(super) fn learn(&mut self, device: Option<&DeviceId>, requested: u8, before: Option<u8>, reported: Option<u8>) {
        self.echoes.retain(|echo| echo.device.as_ref() != device);
        if self.echoes.len() == MOST_DEVICES {
            self.echoes.pop_front();
        }
        self.echoes.push_back(Echo { device: device.cloned(), requested, reported, changed: reported != before });
    }

    /// Records the volume of a device, unless it is muted.
    pub(super) fn record_audible(&mut self, device: Option<&DeviceId>, percent: Option<u8>) {
        let Some(percent) = percent.filter(|percent| *percent > 0) else { return };
        self.loud.retain(|(known, _)| known.as_ref() != device);
        if self.loud.len() == MOST_DEVICES {
            self.loud.pop_front();
        }
        self.loud.push_back((device.cloned(), percent));
    }

    /// Returns the volume of a device before it was muted.
    pub(super) fn audible(&self, device: Option<&DeviceId>) -> Option<u8> {
        self.loud.iter().find(|(known, _)| known.as_ref() == device).map(|(_, percent)| *percent)
    }

    /// Returns the volume of a device that reports `reported`.
    pub(super) fn volume(&self, device: Option<&DeviceId>, reported: Option<u8>) -> Volume {
        let echo = self.echoes.iter().find(|echo| echo.device.as_ref() == device && echo.reported == reported);
        let Some(Echo { requested, changed, .. }) = echo else { return Volume::exactly(reported) };
        let Some(reported) = reported else { return Volume::exactly(Some(*requested)) };
        let near = reported.abs_diff(*requested) <= ROUNDING;
        // Steps continue from the requested volume, so that steps smaller than the device's own add up. If the request had no
        // effect, steps in the other direction start from the reported volume.
        let back = if near && *changed { *requested } else { reported };
        let (up_from, down_from) = if *requested >= reported { (*requested, back) } else { (back, *requested) };
        Volume {
            percent: Some(if near { *requested } else { reported }),
            up_from: Some(up_from),
            down_from: Some(down_from),
        }
    }
}

/// A gradual change of the volume.
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
    /// Creates a fade that begins now. If the current volume is unknown, it jumps to `to`: any other start might be louder than
    /// the current volume.
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

    /// Returns when its next step is due.
    pub(super) fn next(&self) -> Instant {
        self.next
    }

    /// Returns the volume at a moment.
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

    /// Returns the fade after a step; `None` if it is complete.
    pub(super) fn after(self, now: Instant) -> Option<Self> {
        let next = (now + FADE_STEP).min(self.end);
        (now < self.end).then_some(Self { next, ..self })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn after(requested: u8, before: Option<u8>, reported: Option<u8>) -> Volume {
        let mut volumes = Volumes::default();
        volumes.learn(Some(&"d".into()), requested, before, reported);
        volumes.volume(Some(&"d".into()), reported)
    }

    #[test]
    fn rounded_volume_counts_as_the_requested_one() {
        assert_eq!(after(31, Some(29), Some(30)), Volume::exactly(Some(31)));
        assert_eq!(after(31, None, None), Volume::exactly(Some(31)), "no volume is reported");
        let mut volumes = Volumes::default();
        volumes.learn(Some(&"d".into()), 31, Some(29), Some(30));
        assert_eq!(volumes.volume(Some(&"d".into()), Some(45)).percent, Some(45), "set elsewhere");
        assert_eq!(volumes.volume(Some(&"other".into()), Some(30)).percent, Some(30));
    }

    #[test]
    fn ignored_steps_add_up_and_reverse_at_once() {
        let stuck = after(34, Some(30), Some(30));
        assert_eq!((stuck.percent, stuck.from(1), stuck.from(-1)), (Some(34), Some(34), Some(30)));
        let limited = after(90, Some(50), Some(50));
        assert_eq!((limited.percent, limited.from(5), limited.from(-5)), (Some(50), Some(90), Some(50)));
        let stuck = after(26, Some(30), Some(30));
        assert_eq!((stuck.from(1), stuck.from(-1)), (Some(30), Some(26)));
    }

    #[test]
    fn unchanged_volume_is_not_an_answer() {
        assert!(Volumes::is_answer(30, Some(20), Some(29)));
        assert!(!Volumes::is_answer(30, Some(29), Some(29)), "the answer may lag");
        assert!(!Volumes::is_answer(30, Some(20), Some(60)), "it may be changing");
        assert!(Volumes::is_answer(30, Some(30), Some(30)));
    }

    #[test]
    fn remembered_devices_are_bounded() {
        let mut volumes = Volumes::default();
        for device in 0..100 {
            volumes.learn(Some(&device.to_string().into()), 31, Some(29), Some(30));
        }
        assert_eq!(volumes.echoes.len(), MOST_DEVICES);
        assert_eq!(volumes.volume(Some(&"99".into()), Some(30)).percent, Some(31));
    }
}
