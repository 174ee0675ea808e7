//! Repeat modes that a device or context doesn't support although Spotify accepts the call: learned from later answers.

use super::snapshot::Now;
use crate::spotify::{DeviceId, Repeat, Uri};

/// The repeat modes that one device ignores in one context. Elsewhere they are tried again.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct UnsupportedModes {
    device: Option<DeviceId>,
    context: Option<Uri>,
    /// At most one of each.
    modes: Vec<Repeat>,
}

impl UnsupportedModes {
    /// Records that a mode was requested and ignored.
    pub(super) fn insert(&mut self, mode: Repeat, now: &Now) {
        if !self.is_of(now) {
            *self = Self { device: now.device.id.clone(), context: now.context.clone(), modes: Vec::new() };
        }
        if !self.modes.contains(&mode) {
            self.modes.push(mode);
        }
    }

    /// Records that the current mode is supported.
    pub(super) fn remove_current(&mut self, now: &Now) {
        self.modes.retain(|mode| *mode != now.repeat);
    }

    /// Returns whether a mode was ignored on the current device and in the current context.
    pub(super) fn contains(&self, mode: Repeat, now: &Now) -> bool {
        self.is_of(now) && self.modes.contains(&mode)
    }

    fn is_of(&self, now: &Now) -> bool {
        self.device == now.device.id && self.context == now.context
    }
}
