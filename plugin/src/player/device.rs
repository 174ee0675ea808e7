//! Devices: identifying a chosen one, finding the next one, and selecting the one to wake.
//!
//! Spotify's device ids aren't permanent: a reconnect, an update or a new browser session may change them. So a chosen device
//! is stored with its name and kind, and if its id is no longer listed, the only device with that name and kind is used; if
//! there are several, none is. Spotify's lists may contain devices without ids, duplicates, and devices that accept no
//! commands.

use crate::spotify::{Device, DeviceId};

/// A device that the user has chosen.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ChosenDevice {
    /// Its id when it was chosen, or when it was last found.
    pub id: DeviceId,
    /// Its name; empty if it isn't known.
    pub name: String,
    /// Its kind, such as Computer or Speaker; empty if it isn't known.
    pub kind: String,
}

/// The result of looking for a [`ChosenDevice`] in a list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Found<'a> {
    /// The device with the same id.
    ById(&'a Device),
    /// The only device with the same name and kind; it has another id, or none.
    ByName(&'a Device),
    /// Several devices have the same name and kind, none of them the same id.
    Several,
    /// It isn't listed: it is off, asleep or gone.
    Nowhere,
}

impl<'a> Found<'a> {
    /// Returns the device, if exactly one was found.
    #[must_use]
    pub fn device(self) -> Option<&'a Device> {
        match self {
            Self::ById(device) | Self::ByName(device) => Some(device),
            Self::Several | Self::Nowhere => None,
        }
    }
}

impl ChosenDevice {
    /// Finds this device in a list.
    #[must_use]
    pub fn find_in<'a>(&self, devices: &'a [Device]) -> Found<'a> {
        if let Some(device) = devices.iter().find(|device| device.id.as_ref() == Some(&self.id)) {
            return Found::ById(device);
        }
        if self.name.is_empty() {
            return Found::Nowhere;
        }
        let alike = |device: &&Device| {
            device.name == self.name && (self.kind.is_empty() || device.kind.eq_ignore_ascii_case(&self.kind))
        };
        let mut with_id = devices.iter().filter(alike).filter(|device| device.id.is_some());
        match (with_id.next(), devices.iter().find(alike)) {
            // A device may be listed twice.
            (Some(first), _) if with_id.all(|device| device.id == first.id) => Found::ByName(first),
            (Some(_), _) => Found::Several,
            (None, Some(first)) => Found::ByName(first),
            (None, None) => Found::Nowhere,
        }
    }

    /// Returns whether both are the same device, even if its id has changed.
    #[must_use]
    pub fn is_same(&self, other: &Self) -> bool {
        self.id == other.id || (!self.name.is_empty() && self.name == other.name && self.kind == other.kind)
    }

    /// Returns this device with its current id.
    pub(super) fn with_id(&self, id: &DeviceId) -> Self {
        Self { id: id.clone(), ..self.clone() }
    }
}

/// Returns the devices that accept commands, without duplicates.
fn usable(devices: &[Device]) -> Vec<(&DeviceId, &Device)> {
    let mut usable: Vec<(&DeviceId, &Device)> = Vec::new();
    for device in devices.iter().filter(|device| !device.is_restricted) {
        if let Some(id) = device.id.as_ref()
            && !usable.iter().any(|(known, _)| *known == id)
        {
            usable.push((id, device));
        }
    }
    usable
}

/// Returns the device after the active one, starting over at the end of the list; `None` if there is no other one. `active` is
/// the active device of the playback state, which is more recent than the list's.
pub(super) fn next<'a>(devices: &'a [Device], active: Option<&DeviceId>) -> Option<&'a Device> {
    let usable = usable(devices);
    let place = match active {
        Some(active) => usable.iter().position(|(id, _)| *id == active),
        None => usable.iter().position(|(_, device)| device.is_active),
    };
    let next = place.map_or(0, |place| (place + 1) % usable.len());
    usable.get(next).filter(|_| place != Some(next)).map(|(_, device)| *device)
}

/// Returns the id of the device to wake if none is active and none was chosen: the last active one, otherwise the only one.
pub(super) fn to_wake<'a>(devices: &'a [Device], last: Option<&DeviceId>) -> Option<&'a DeviceId> {
    let usable = usable(devices);
    let last = last.and_then(|last| usable.iter().find(|(id, _)| *id == last));
    last.or(if usable.len() == 1 { usable.first() } else { None }).map(|(id, _)| *id)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn device(id: Option<&str>, name: &str) -> Device {
        Device { id: id.map(DeviceId::from), name: name.to_owned(), kind: "Speaker".to_owned(), ..Device::default() }
    }

    fn chosen(id: &str, name: &str) -> ChosenDevice {
        ChosenDevice { id: id.into(), name: name.to_owned(), kind: "speaker".to_owned() }
    }

    #[test]
    fn chosen_device_is_found_by_id_then_by_name_and_kind() {
        let desk = device(Some("new"), "Desk");
        let phone = Device { kind: "Smartphone".to_owned(), ..device(Some("phone"), "Desk") };
        let unnamed = device(Some("x"), "");
        let list = [desk.clone(), phone, unnamed, device(None, "Attic")];
        assert_eq!(chosen("new", "Renamed").find_in(&list), Found::ById(&desk));
        assert_eq!(chosen("old", "Desk").find_in(&list), Found::ByName(&desk));
        assert_eq!(chosen("old", "Attic").find_in(&list).device().and_then(|device| device.id.clone()), None);
        assert_eq!(chosen("old", "Cellar").find_in(&list), Found::Nowhere);
        assert_eq!(chosen("old", "").find_in(&list), Found::Nowhere);
    }

    #[test]
    fn chosen_device_is_not_guessed_among_several() {
        let (one, other) = (device(Some("1"), "Desk"), device(Some("2"), "Desk"));
        assert_eq!(chosen("old", "Desk").find_in(&[one.clone(), other.clone()]), Found::Several);
        assert_eq!(chosen("2", "Desk").find_in(&[one.clone(), other.clone()]), Found::ById(&other));
        assert_eq!(chosen("old", "Desk").find_in(&[one.clone(), one.clone()]), Found::ByName(&one), "listed twice");
        assert_eq!(chosen("old", "Desk").find_in(&[device(None, "Desk"), one.clone()]), Found::ByName(&one));
    }

    #[test]
    fn next_device_cycles_through_odd_lists() {
        let next = |devices: &[Device], active: Option<&str>| {
            let next = next(devices, active.map(DeviceId::from).as_ref());
            next.and_then(|device| device.id.as_ref()).map(|id| id.as_str().to_owned())
        };
        let restricted = Device { is_restricted: true, ..device(Some("R"), "R") };
        let list =
            [device(Some("A"), "A"), device(Some("A"), "A"), device(None, "N"), restricted, device(Some("B"), "B")];
        assert_eq!(next(&list, Some("A")).as_deref(), Some("B"), "a device that is listed twice is passed once");
        assert_eq!(next(&list, Some("B")).as_deref(), Some("A"));
        assert_eq!(next(&list, Some("gone")).as_deref(), Some("A"));
        assert_eq!(next(&list, None).as_deref(), Some("A"));
        assert_eq!(next(&list[..2], Some("A")), None, "there is no other one");
        assert_eq!(next(&list[2..4], None), None);
        assert_eq!(next(&[], Some("A")), None);
        let many: Vec<Device> = (0..50).map(|number| device(Some(&number.to_string()), "Alike")).collect();
        assert_eq!(next(&many, Some("48")).as_deref(), Some("49"));
        assert_eq!(next(&many, Some("49")).as_deref(), Some("0"));
    }

    #[test]
    fn last_or_only_device_is_woken() {
        let list = [device(Some("A"), "A"), device(Some("B"), "B")];
        let to_wake = |devices: &[Device], last: Option<&str>| {
            let last = last.map(DeviceId::from);
            to_wake(devices, last.as_ref()).map(|id| id.as_str().to_owned())
        };
        assert_eq!(to_wake(&list, Some("B")).as_deref(), Some("B"));
        assert_eq!(to_wake(&list, None), None);
        assert_eq!(to_wake(&list[..1], Some("gone")).as_deref(), Some("A"));
        assert_eq!(to_wake(&[list[0].clone(), list[0].clone()], None).as_deref(), Some("A"));
    }
}
