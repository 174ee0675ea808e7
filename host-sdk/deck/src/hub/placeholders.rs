//! Placeholders for keys whose widget is missing: the package isn't installed, or its version doesn't have the widget.
//! A placeholder keeps the key's place, and becomes the key again once the widget is there.

use std::collections::{BTreeMap, BTreeSet};

use host_sdk::manifest::Widget;

use super::Hub;
use crate::error::DeckError;
use crate::page;
use crate::page::Event;
use crate::state::known::{self, Known, KnownPackage};
use crate::state::{Instance, Missing, Placed};

impl Hub {
    /// Returns the widget of an instance, if it is installed.
    pub(super) fn widget_of(&self, placed: &Placed) -> Option<&Widget> {
        self.package(&placed.package)?.config.widget(&placed.widget)
    }

    /// Creates an instance of a widget, or a placeholder of the size in `known`.
    pub(super) fn instance_with(&self, placed: Placed, known: &Known) -> Instance {
        if let Some(instance) = self.widget_of(&placed).and_then(|widget| Instance::new(placed.clone(), widget)) {
            return instance;
        }
        let missing = if self.package(&placed.package).is_some() { Missing::Widget } else { Missing::Package };
        let size = known::size(known, &placed);
        Instance::placeholder(placed, size, missing)
    }

    /// Like [`Hub::instance_with`], with the sizes that the hub remembers.
    pub(super) fn instance_of(&self, placed: Placed) -> Instance {
        self.instance_with(placed, &self.known)
    }

    /// Turns placeholders into keys whose widget is installed, and places instances that had no place so far. Returns
    /// the contexts of those that have changed.
    pub(super) fn resolve_placeholders(&mut self) -> Vec<String> {
        let mut revived = Vec::new();
        for context in self.panel.placeholders() {
            let Some(old) = self.panel.get(&context) else { continue };
            let mut new = self.instance_of(old.placed.clone());
            let fits = new.placed.parent.is_some()
                || self.panel.is_free(&new.placed.profile, new.span(), Some(context.as_str()));
            if !fits {
                let missing = new.missing.unwrap_or(Missing::Space);
                new = Instance::placeholder(old.placed.clone(), (old.width, old.height), missing);
            }
            if (new.missing, new.width, new.height) != (old.missing, old.width, old.height) {
                if let Some(instance) = self.panel.get_mut(&context) {
                    *instance = new;
                }
                revived.push(context);
            }
        }
        let absent: Vec<_> =
            std::mem::take(&mut self.absent).into_iter().map(|placed| self.instance_of(placed)).collect();
        if !absent.is_empty() {
            revived.extend(absent.iter().map(|instance| instance.placed.context.clone()));
            let left = self.panel.place_all(absent);
            self.absent = left.into_iter().map(|instance| instance.placed).collect();
        }
        revived
    }

    /// Turns the keys of a package into placeholders, because it was removed.
    pub(super) fn replace_with_placeholders(&mut self, uuid: &str) {
        for instance in self.panel.of_package_mut(uuid) {
            // A finger that is lifted later has no key to release.
            self.pressed.remove(&instance.placed.context);
            let size = (instance.width, instance.height);
            *instance = Instance::placeholder(std::mem::take(&mut instance.placed), size, Missing::Package);
        }
    }

    /// Sends the shown instances of a package to the pages.
    pub(super) fn send_instances_of_package(&mut self, uuid: &str) {
        let shown = self.panel.shown().filter(|instance| instance.placed.package == uuid);
        let views: Vec<_> = shown.map(|instance| Box::new(self.instance_view(instance))).collect();
        for instance in views {
            self.notify_pages(&Event::Instance { instance });
        }
    }

    /// Returns what is known of the packages of some keys, from the installed package where there is one.
    pub(super) fn known_of<'a>(&self, keys: impl Iterator<Item = &'a Placed>) -> Known {
        let mut used: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
        for placed in keys.filter(|placed| placed.package != super::multi::OWN) {
            used.entry(&placed.package).or_default().insert(&placed.widget);
        }
        let of_package = |(uuid, widgets): (&str, BTreeSet<&str>)| {
            let mut known = self.known.get(uuid).cloned().unwrap_or_default();
            if let Some(package) = self.package(uuid) {
                known.update(package.known(|widget| widgets.contains(widget)));
            }
            known.widgets.retain(|widget, _| widgets.contains(widget.as_str()));
            (uuid.to_owned(), known)
        };
        used.into_iter().map(of_package).filter(|(_, known)| *known != KnownPackage::default()).collect()
    }

    /// Fails with the reason if an instance is a placeholder.
    pub(super) fn check_usable(&self, instance: &Instance) -> Result<(), DeckError> {
        let Some(page::Missing { why, package, widget }) = self.missing_view(instance) else { return Ok(()) };
        Err(DeckError::conflict(match why {
            Missing::Package => format!("The package {package} isn't installed. Import it to use this key."),
            Missing::Widget => {
                format!(
                    "The installed version of {package} doesn't have {widget}. Import another version to use this key."
                )
            }
            Missing::Space => {
                format!("{widget} has another size by now, which doesn't fit here. Move the key to where it fits.")
            }
        }))
    }

    /// Returns what the page shows of a placeholder; none for other instances.
    pub(super) fn missing_view(&self, instance: &Instance) -> Option<page::Missing> {
        let why = instance.missing?;
        let (mut package, widget) = known::names(&self.known, &instance.placed);
        if let Some(installed) = self.package(&instance.placed.package) {
            installed.name().clone_into(&mut package);
        }
        Some(page::Missing { why, package, widget })
    }
}
