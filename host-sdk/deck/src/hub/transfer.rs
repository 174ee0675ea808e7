//! Exports the Panel to a file and imports it, as a backup or for another computer: profiles, the place of each key,
//! and its title, look and settings. Packages and their own settings, which may contain sign-ins, are left out.
//!
//! A file may come from anyone and be of any version. Whatever is usable is imported into new profiles; the rest is
//! listed with the reason.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use host_sdk::json::Raw;
use serde::de::IgnoredAny;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::Hub;
use super::clipboard::with_new_contexts;
use super::history::{Edit, ShownPage, Step};
use super::messages::tidy;
use super::profiles::{MAX_NAME_LEN, MAX_PROFILES, checked_name};
use crate::error::DeckError;
use crate::icon::{self, IconError};
use crate::picture_process::Decoder;
use crate::random_id;
use crate::state::known::{self, KnownPackage};
use crate::state::{self, Missing, PAGES, Panel, Placed, Profile};

/// Identifies an exported Panel.
const FORMAT: &str = "creator-deck-panel";
/// The version that this program writes, and the highest that it reads. Version 1 had no pages and no multi-action
/// keys.
const VERSION: u32 = 2;
/// Profiles in a file; those beyond [`MAX_PROFILES`] are listed as omitted.
const MAX_PROFILES_READ: usize = 1000;
/// Keys in a file: more than fit on a Panel of [`MAX_PROFILES`] profiles.
const MAX_KEYS: usize = 10_000;
/// The name of a profile whose own isn't valid.
const NO_NAME: &str = "Imported";

/// A Panel as it is in a file.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Export {
    format: String,
    version: u32,
    /// The packages of the keys, so that they can be found.
    #[serde(default)]
    packages: Vec<Origin>,
    #[serde(default)]
    profiles: Vec<Profile>,
    #[serde(default)]
    active: String,
    /// Without contexts: an import makes new ones.
    #[serde(default)]
    instances: Vec<Placed>,
    /// Parts that were unusable when it was read.
    #[serde(skip)]
    unusable: Vec<Omitted>,
}

/// The part of a file that is checked before the rest is read.
#[derive(Deserialize)]
struct Head<'a> {
    #[serde(borrow)]
    format: &'a RawValue,
    #[serde(borrow)]
    version: &'a RawValue,
    #[serde(default)]
    packages: Vec<IgnoredAny>,
    #[serde(default)]
    profiles: Vec<IgnoredAny>,
    #[serde(default)]
    instances: Vec<IgnoredAny>,
}

/// A package that keys of a file belong to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Origin {
    uuid: String,
    #[serde(flatten)]
    known: KnownPackage,
}

/// What happens to the current Panel.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ImportMode {
    /// It stays; the file's profiles are appended.
    Add,
    /// It is replaced.
    Replace,
}

/// What is imported from a file.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Report {
    /// Imported profiles.
    pub profiles: usize,
    /// Imported keys that can be used at once.
    pub keys: usize,
    /// Keys that wait for their package, or for a version of it with their widget.
    pub waiting: Vec<Waiting>,
    /// Parts that aren't imported.
    pub left: Vec<Omitted>,
}

/// Keys that wait for a package.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Waiting {
    /// Its UUID.
    pub package: String,
    /// Its name in the file, else its UUID.
    pub name: String,
    /// Whether the package is installed, in a version without their widgets.
    pub installed: bool,
    /// How many keys.
    pub keys: usize,
}

/// A part of a file that isn't imported.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Omitted {
    /// The profile's name in the file; empty where it has none.
    pub profile: String,
    /// The widget's UUID; empty for a whole profile.
    pub widget: String,
    /// Why, as a sentence.
    pub why: String,
}

impl Omitted {
    /// Creates the entry of a key, or of a part of it. `names` maps the file's profile ids to names.
    fn key(names: &HashMap<&str, &str>, profile: &str, widget: &str, why: &str) -> Self {
        let profile = names.get(profile).copied().unwrap_or_default().to_owned();
        Self { profile, widget: widget.to_owned(), why: why.to_owned() }
    }
}

fn profile_names(profiles: &[Profile]) -> HashMap<&str, &str> {
    profiles.iter().map(|profile| (profile.id.as_str(), profile.name.as_str())).collect()
}

/// Why a file can't be imported, in sentences for the user.
#[derive(Debug, thiserror::Error)]
pub enum ImportError {
    /// It isn't JSON, or has another format.
    #[error("This is not the export of a Panel. Choose a file that Creator Deck has exported.")]
    NotAPanel(#[source] Option<serde_json::Error>),
    /// Its version is newer than this program.
    #[error("A newer Creator Deck has exported this Panel. Update Creator Deck to import it.")]
    Newer,
    /// It has too many of something.
    #[error("The exported Panel is too large: it has {count} {what}, and at most {most} are read.")]
    TooLarge {
        /// What there is too much of, in the plural.
        what: &'static str,
        /// The number in the file.
        count: usize,
        /// The highest number.
        most: usize,
    },
    /// A member can't be read.
    #[error("The exported Panel is damaged: {0}.")]
    Damaged(#[source] serde_json::Error),
    /// It has no profile.
    #[error("The exported Panel is damaged: it has no profile.")]
    NoProfile,
}

impl Export {
    /// Reads a file and leaves out pictures that can't be shown. Blocks while they are decoded.
    ///
    /// # Errors
    /// If nothing of it can be used.
    pub fn read(text: &[u8], decoder: &Decoder) -> Result<Self, ImportError> {
        let text = text.strip_prefix(b"\xef\xbb\xbf").unwrap_or(text);
        let head: Head = serde_json::from_slice(text).map_err(|error| ImportError::NotAPanel(Some(error)))?;
        if head.format.get() != format!("{FORMAT:?}") {
            return Err(ImportError::NotAPanel(None));
        }
        let version: Option<u32> = serde_json::from_str(head.version.get()).ok();
        if version.is_none_or(|version| !(1..=VERSION).contains(&version)) {
            return Err(ImportError::Newer);
        }
        for (what, count, most) in [
            ("profiles", head.profiles.len(), MAX_PROFILES_READ),
            ("keys", head.instances.len(), MAX_KEYS),
            ("packages", head.packages.len(), MAX_KEYS),
        ] {
            if count > most {
                return Err(ImportError::TooLarge { what, count, most });
            }
        }
        let mut export: Self = serde_json::from_slice(text).map_err(ImportError::Damaged)?;
        if export.profiles.is_empty() {
            return Err(ImportError::NoProfile);
        }
        let names = profile_names(&export.profiles);
        let checked_icons = check_icons(&export.instances, decoder);
        let mut unusable = Vec::new();
        for placed in &mut export.instances {
            let (profile, widget) = (placed.profile.clone(), placed.widget.clone());
            let left = |why: &str| Omitted::key(&names, &profile, &widget, why);
            let icons = std::mem::take(&mut placed.icons);
            for (state, picture) in icons {
                match checked_icons.get(&picture) {
                    Some(Ok(picture)) => drop(placed.icons.insert(state, picture.clone())),
                    Some(Err(IconError::TooCostly)) => unusable
                        .push(left("Its icon takes too much memory or time to be drawn. The key gets its package's.")),
                    Some(Err(_)) | None => {
                        unusable.push(left("Its icon is no picture that can be shown. The key gets its package's."));
                    }
                }
            }
            if !placed.settings.are_settings() {
                unusable.push(left("Its settings can't be read. The key has none."));
                placed.settings = Raw::default();
            }
        }
        export.unusable = unusable;
        Ok(export)
    }
}

/// Checks the icons of a file's keys like those that the user chooses: each once, all in one process.
fn check_icons(instances: &[Placed], decoder: &Decoder) -> HashMap<Arc<str>, Result<Arc<str>, IconError>> {
    let icons: BTreeSet<&Arc<str>> = instances.iter().flat_map(|placed| placed.icons.values()).collect();
    let contents: Vec<_> = icons.iter().map(|icon| content_of(icon).unwrap_or_default()).collect();
    let contents: Vec<_> = contents.iter().map(Vec::as_slice).collect();
    let uris = icon::data_uris(&contents, decoder).into_iter().map(|uri| uri.map(Arc::from));
    icons.into_iter().cloned().zip(uris).collect()
}

/// Returns the content of a data URI.
fn content_of(icon: &str) -> Option<Vec<u8>> {
    Some(data_url::DataUrl::process(icon).ok()?.decode_to_vec().ok()?.0)
}

/// Returns a step that refers to the imported profile.
fn with_profiles(step: &state::Step, profiles: &HashMap<String, Profile>) -> state::Step {
    match step {
        state::Step::Profile(id) => {
            state::Step::Profile(profiles.get(id).map_or_else(|| id.clone(), |profile| profile.id.clone()))
        }
        step => step.clone(),
    }
}

/// Returns the name of an imported profile whose own is taken.
fn imported_name(name: &str) -> String {
    const ADDED: &str = " (imported)";
    let longest = MAX_NAME_LEN - ADDED.len();
    format!("{}{ADDED}", name.chars().take(longest).collect::<String>())
}

/// Numbers the multi-action keys of a file and the keys in their lists, which refer to each other. The other keys need
/// no context.
fn number_lists(instances: &mut [Placed]) {
    let parents: BTreeSet<String> = instances.iter().filter_map(|placed| placed.parent.clone()).collect();
    let named = instances.iter().filter(|placed| placed.parent.is_some() || parents.contains(&placed.context));
    let names: HashMap<String, String> =
        named.enumerate().map(|(n, placed)| (placed.context.clone(), (n + 1).to_string())).collect();
    let name = |context: &str| names.get(context).cloned().unwrap_or_default();
    for placed in instances {
        placed.context = name(&placed.context);
        placed.parent = placed.parent.as_deref().map(name);
        for step in &mut placed.steps {
            if let state::Step::Press(context) = step {
                *context = name(context);
            }
        }
    }
}

impl Hub {
    /// Exports the Panel.
    pub(crate) fn export(&self) -> Export {
        let mut instances: Vec<Placed> = self.all_placed().cloned().collect();
        // The same Panel gives the same file, regardless of its history.
        let at = |id: &str| self.panel.profiles.iter().position(|profile| profile.id == id);
        let order = |placed: &Placed| (at(&placed.profile), placed.page, placed.area.size(), placed.row, placed.column);
        instances.sort_by_key(|placed| (order(placed), placed.parent.is_some()));
        number_lists(&mut instances);
        let uuids: BTreeSet<&str> = instances.iter().map(|placed| placed.package.as_str()).collect();
        let known = self.known_of(instances.iter());
        let origin = |uuid: &&str| {
            let known = known.get(*uuid).cloned().unwrap_or_default();
            Origin { uuid: (*uuid).to_owned(), known }
        };
        Export {
            format: FORMAT.to_owned(),
            version: VERSION,
            packages: uuids.iter().map(origin).collect(),
            profiles: self.panel.profiles.clone(),
            active: self.panel.active.clone(),
            instances,
            unusable: Vec::new(),
        }
    }

    /// Imports a Panel as one step that can be undone. Without a mode it only returns what would be imported.
    pub(crate) fn import(&mut self, export: Export, mode: Option<ImportMode>) -> Result<Report, DeckError> {
        let Export { packages, profiles: theirs, active, instances, unusable, .. } = export;
        let kept = if mode == Some(ImportMode::Replace) { 0 } else { self.panel.profiles.len() };
        let mut report = Report { left: unusable, ..Report::default() };
        // Ids in the file to imported profiles.
        let mut profiles: HashMap<String, Profile> = HashMap::new();
        let mut edits = Vec::new();
        for Profile { id, name, page, .. } in &theirs {
            let left = |why: &str| Omitted { profile: name.clone(), widget: String::new(), why: why.to_owned() };
            if kept + report.profiles >= MAX_PROFILES {
                let why = format!("There are at most {MAX_PROFILES} profiles. Its keys are left out, too.");
                report.left.push(left(&why));
                continue;
            }
            if profiles.contains_key(id) {
                report.left.push(left("The file has another profile in its place."));
                continue;
            }
            let name = checked_name(name).unwrap_or_else(|_| NO_NAME.to_owned());
            let is_taken = kept > 0 && self.panel.profiles.iter().any(|own| own.name == name);
            let name = if is_taken { imported_name(&name) } else { name };
            let profile = Profile { id: random_id(), name, page: (*page).min(PAGES - 1), ..Profile::default() };
            edits.push(Edit::Profile(None, Some((kept + report.profiles, profile.clone()))));
            profiles.insert(id.clone(), profile);
            report.profiles += 1;
        }
        let mut known = self.known.clone();
        for Origin { uuid, known: theirs } in packages {
            known.entry(uuid).or_insert_with(|| theirs.tidied());
        }
        let mut imported = Panel::new(Vec::new(), String::new());
        let names = profile_names(&theirs);
        let mut waiting: BTreeMap<String, Waiting> = BTreeMap::new();
        for placed in with_new_contexts(instances) {
            let left = |why: &str| Omitted::key(&names, &placed.profile, &placed.widget, why);
            let Some(profile) = profiles.get(&placed.profile) else {
                if !names.contains_key(placed.profile.as_str()) {
                    report.left.push(left("It is in a profile that the file doesn't have."));
                }
                continue;
            };
            let ours = Placed {
                profile: profile.id.clone(),
                page: placed.area.page(placed.page),
                font: placed.font.clone().map(tidy),
                steps: placed.steps.iter().map(|step| with_profiles(step, &profiles)).collect(),
                ..placed.clone()
            };
            let has_layout = self.widget_of(&ours).is_none_or(|widget| widget.layouts().len() > ours.layout);
            let instance = self.instance_with(ours.clone(), &known);
            let missing = instance.missing;
            let taken = match (has_layout, imported.place(instance), missing) {
                (false, ..) => Err("The widget has no such layout in the version that is installed."),
                (true, true, None) => {
                    report.keys += 1;
                    Ok(())
                }
                (true, true, Some(missing)) => {
                    let waiting = waiting.entry(placed.package.clone()).or_insert_with(|| Waiting {
                        package: placed.package.clone(),
                        name: known::names(&known, &placed).0,
                        installed: missing != Missing::Package,
                        keys: 0,
                    });
                    waiting.keys += 1;
                    Ok(())
                }
                (true, false, None) => Err("Its place isn't free, or not on the Panel."),
                (true, false, Some(_)) => {
                    Err("Its package isn't installed, and its place isn't free, or not on the Panel.")
                }
            };
            match taken {
                Ok(()) => edits.push(Edit::add(ours)),
                Err(why) => report.left.push(left(why)),
            }
        }
        report.waiting = waiting.into_values().collect();
        let Some(mode) = mode else { return Ok(report) };

        self.known = known;
        let mut before = Vec::new();
        if mode == ImportMode::Replace {
            for (position, profile) in self.panel.profiles.clone().into_iter().enumerate() {
                let removed = self.placed_in_profile(&profile.id).into_iter();
                before.extend(removed.map(Edit::remove));
                before.push(Edit::Profile(Some((position, profile)), None));
            }
        }
        let first = theirs.iter().find_map(|profile| profiles.get(&profile.id));
        let Some(shown) = profiles.get(&active).or(first) else {
            let why = format!("There are {MAX_PROFILES} profiles already. Delete one first.");
            return Err(DeckError::conflict(why));
        };
        let after = ShownPage { profile: shown.id.clone(), page: shown.page };
        before.extend(edits);
        self.commit(Step { name: "importPanel", edits: before, before: self.shown_page(), after });
        Ok(report)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn read(change: impl FnOnce(&mut serde_json::Value)) -> Result<Export, ImportError> {
        let picture = "data:image/svg+xml,<svg xmlns='http://www.w3.org/2000/svg'/>";
        let mut file = json!({
            "format": "creator-deck-panel", "version": 1, "profiles": [{"id": "a", "name": "A"}], "later": true,
            "instances": [{"widget": "w", "profile": "a", "icons": {"0": picture, "1": "data:text/html,<script>"}}]
        });
        change(&mut file);
        Export::read(file.to_string().as_bytes(), &Decoder::missing())
    }

    #[test]
    fn invalid_icons_are_omitted_and_listed() {
        let export = read(|_| {}).unwrap();
        assert_eq!(export.instances[0].icons.keys().collect::<Vec<_>>(), [&0]);
        assert_eq!((export.unusable[0].profile.as_str(), export.unusable[0].widget.as_str()), ("A", "w"));
    }

    #[test]
    fn unreadable_settings_are_omitted_and_listed() {
        let deep = |levels| (0..levels).fold(json!(1), |inner, _| json!({"a": inner}));
        for (settings, is_read) in [(deep(100), true), (deep(101), false), (json!([]), false)] {
            let export = read(|file| file["instances"][0]["settings"] = settings.clone()).unwrap();
            let kept: serde_json::Value = export.instances[0].settings.read().unwrap();
            assert_eq!(kept, if is_read { settings } else { json!({}) });
            assert_eq!(export.unusable.iter().any(|left| left.why.contains("settings")), !is_read);
        }
    }

    #[test]
    fn invalid_import_is_refused() {
        for (change, part) in [
            (json!({"format": "x"}), "not the export of a Panel"),
            (json!({"version": VERSION + 1}), "newer"),
            (json!({"version": "1"}), "newer"),
            (json!({"profiles": []}), "no profile"),
            (json!({"instances": [{"column": -1}]}), "damaged"),
            (json!({"instances": vec![json!({}); MAX_KEYS + 1]}), "10001 keys"),
            (json!({"profiles": vec![json!({"id": "a", "name": "A"}); MAX_PROFILES_READ + 1]}), "1001 profiles"),
        ] {
            let error = read(|file| {
                file.as_object_mut().unwrap().extend(change.as_object().unwrap().clone());
            })
            .unwrap_err();
            assert!(error.to_string().contains(part), "{error}");
        }
        assert!(Export::read(b"PK\x03\x04", &Decoder::missing()).is_err());
    }
}
