//! Modes that a device or what it plays doesn't have, though Spotify accepts them: learnt from what is told afterwards.

use super::snapshot::Now;
use crate::spotify::{DeviceId, Repeat, Uri};

/// The repeat modes that were asked for and not taken, on one device and in one context: elsewhere they are tried again.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Lacking {
    device: Option<DeviceId>,
    context: Option<Uri>,
    /// At most all there are.
    modes: Vec<Repeat>,
}

impl Lacking {
    /// A mode was asked for and not taken.
    pub(super) fn learn(&mut self, mode: Repeat, now: &Now) {
        if !self.is_of(now) {
            *self = Self { device: now.device.id.clone(), context: now.context.clone(), modes: Vec::new() };
        }
        if !self.modes.contains(&mode) {
            self.modes.push(mode);
        }
    }

    /// The mode that is on is there.
    pub(super) fn see(&mut self, now: &Now) {
        self.modes.retain(|mode| *mode != now.repeat);
    }

    pub(super) fn has(&self, mode: Repeat, now: &Now) -> bool {
        self.is_of(now) && self.modes.contains(&mode)
    }

    fn is_of(&self, now: &Now) -> bool {
        self.device == now.device.id && self.context == now.context
    }
}
